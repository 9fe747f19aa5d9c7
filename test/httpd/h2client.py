# SPDX-License-Identifier: Apache-2.0
"""h2client.py: an HTTP/2 client in cleartext that sends exactly what it is told and keeps exactly what came back.

Frames are ours (RFC 9113); header blocks are sent as plain literals and decoded by libnghttp2, which is there wherever
mod_http2 is. A response that the server completes before it has read the request's body counts as complete, also when
a reset follows it (section 8.1), which clients in wide use take for an error.
"""
import ctypes
import socket
import struct

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20
LARGEST_WINDOW = 2**31 - 1

# Header fields that HTTP/2 does not have (section 8.2.2); callers may name them for both protocols.
CONNECTION_FIELDS = {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "host"}


class ProtocolError(AssertionError):
    """The server broke the protocol, or the stream or connection ended before the response did."""


class _Field(ctypes.Structure):  # nghttp2_nv
    _fields_ = [("name", ctypes.c_void_p), ("value", ctypes.c_void_p), ("name_size", ctypes.c_size_t),
                ("value_size", ctypes.c_size_t), ("flags", ctypes.c_uint8)]


class _Inflater:
    """The decoder of one connection's header blocks (RFC 7541)."""

    def __init__(self):
        self.library = ctypes.CDLL("libnghttp2.so.14")
        self.library.nghttp2_hd_inflate_hd2.restype = ctypes.c_ssize_t
        self.library.nghttp2_hd_inflate_hd2.argtypes = [
            ctypes.c_void_p, ctypes.POINTER(_Field), ctypes.POINTER(ctypes.c_int), ctypes.c_char_p, ctypes.c_size_t,
            ctypes.c_int]
        self.library.nghttp2_hd_inflate_end_headers.argtypes = [ctypes.c_void_p]
        self.library.nghttp2_hd_inflate_del.argtypes = [ctypes.c_void_p]
        self.handle = ctypes.c_void_p()
        if self.library.nghttp2_hd_inflate_new(ctypes.byref(self.handle)) != 0:
            raise MemoryError

    def close(self):
        self.library.nghttp2_hd_inflate_del(self.handle)

    def decode(self, block):
        fields = []
        while True:
            field, flags = _Field(), ctypes.c_int()
            used = self.library.nghttp2_hd_inflate_hd2(self.handle, ctypes.byref(field), ctypes.byref(flags), block,
                                                       len(block), 1)
            if used < 0:
                raise ProtocolError("header block cannot be decoded: %d" % used)
            block = block[used:]
            if flags.value & 0x02:  # a field
                fields.append((ctypes.string_at(field.name, field.name_size).decode("latin-1"),
                               ctypes.string_at(field.value, field.value_size).decode("latin-1")))
            if flags.value & 0x01:  # the end of the block
                self.library.nghttp2_hd_inflate_end_headers(self.handle)
                return fields


def _integer(value, prefix):
    """An integer with a prefix of so many bits, all bits before it zero (RFC 7541 section 5.1)."""
    most = (1 << prefix) - 1
    if value < most:
        return bytes([value])
    out, value = bytearray([most]), value - most
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _literal(name, value):
    """A field as a literal without indexing and without Huffman coding (section 6.2.2)."""
    name, value = name.encode("latin-1"), value.encode("latin-1")
    return b"\0" + _integer(len(name), 7) + name + _integer(len(value), 7) + value


class H2Connection:
    """One connection, one stream at a time."""

    def __init__(self, port, timeout):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.inflater = _Inflater()
        self.next_stream = 1
        self.windows = {0: 65535}      # what may still be sent: on the connection (0) and on the stream
        self.initial_window = 65535
        self.frame_size = 16384
        # Pushes off; windows so large that a response never waits for us.
        settings = struct.pack(">HIHI", 0x2, 0, 0x4, LARGEST_WINDOW)
        self.socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + self._frame(SETTINGS, 0, 0, settings)
                            + self._frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", LARGEST_WINDOW - 65535)))

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        self.socket.close()
        self.inflater.close()

    @staticmethod
    def _frame(kind, flags, stream, payload=b""):
        return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload

    def _exactly(self, size):
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise ProtocolError("connection closed before the response was complete")
            data += more
        return data

    def _read_frame(self):
        head = self._exactly(9)
        size = int.from_bytes(head[:3], "big")
        stream = int.from_bytes(head[5:], "big") & LARGEST_WINDOW
        return head[3], head[4], stream, self._exactly(size)

    @staticmethod
    def _unpad(kind, flags, payload):
        padding = 0
        if flags & PADDED:
            padding, payload = payload[0], payload[1:]
        if kind == HEADERS and flags & PRIORITY:
            payload = payload[5:]
        return payload[:len(payload) - padding]

    def _settings(self, payload):
        for i in range(0, len(payload), 6):
            name, value = struct.unpack(">HI", payload[i:i + 6])
            if name == 0x4:
                for stream in self.windows:
                    if stream:
                        self.windows[stream] += value - self.initial_window
                self.initial_window = value
            elif name == 0x5:
                self.frame_size = value
        self.socket.sendall(self._frame(SETTINGS, ACK, 0))

    def request(self, method, path, headers=(), body=None, authority="localhost"):
        """Sends one request and reads its response: ([field lists, interim ones first], body)."""
        stream, self.next_stream = self.next_stream, self.next_stream + 2
        self.windows = {0: self.windows[0], stream: self.initial_window}
        authority = dict((name.lower(), value) for name, value in headers).get("host", authority)
        names = {name.lower() for name, _ in headers}
        block = b"".join(_literal(name, value) for name, value in
                         [(":method", method), (":scheme", "http"), (":authority", authority), (":path", path)])
        if body is not None and "content-length" not in names:
            block += _literal("content-length", str(len(body)))
        block += b"".join(_literal(name.lower(), value) for name, value in headers
                          if name.lower() not in CONNECTION_FIELDS)
        # In frames of the size that every server takes; the first is HEADERS, the others CONTINUATION.
        parts = [block[i:i + 16384] for i in range(0, len(block), 16384)]
        for i, part in enumerate(parts):
            flags = (END_HEADERS if i == len(parts) - 1 else 0) | (END_STREAM if i == 0 and body is None else 0)
            self.socket.sendall(self._frame(CONTINUATION if i else HEADERS, flags, stream, part))

        heads, received, pending, ended = [], b"", b"", False
        unsent = body
        while not ended:
            unsent = self._send_body(stream, unsent)
            kind, flags, of, payload = self._read_frame()
            if kind == SETTINGS and not flags & ACK:
                self._settings(payload)
            elif kind == PING and not flags & ACK:
                self.socket.sendall(self._frame(PING, ACK, 0, payload))
            elif kind == WINDOW_UPDATE and of in self.windows:
                self.windows[of] += struct.unpack(">I", payload)[0]
            elif kind == GOAWAY and struct.unpack(">I", payload[:4])[0] < stream:
                raise ProtocolError("connection refused the request: %r" % payload[4:])
            elif of != stream:
                continue
            elif kind in (HEADERS, CONTINUATION):
                pending += self._unpad(kind, flags, payload) if kind == HEADERS else payload
                if kind == HEADERS:
                    ended_by_head = bool(flags & END_STREAM)
                if flags & END_HEADERS:
                    heads.append(self.inflater.decode(pending))
                    pending, ended = b"", ended_by_head
            elif kind == DATA:
                received += self._unpad(kind, flags, payload)
                ended = bool(flags & END_STREAM)
                if payload and not ended:
                    self.socket.sendall(self._frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", len(payload))))
            elif kind == RST_STREAM:
                raise ProtocolError("stream reset with error %d" % struct.unpack(">I", payload)[0])
        return heads, received

    def _send_body(self, stream, unsent):
        """As much of the body as the windows let through; what is left, None when all of it is gone."""
        while unsent is not None:
            size = min(len(unsent), self.frame_size, self.windows[0], self.windows[stream])
            if size <= 0 and unsent:
                break
            last = size == len(unsent)
            self.socket.sendall(self._frame(DATA, END_STREAM if last else 0, stream, unsent[:size]))
            self.windows[0] -= size
            self.windows[stream] -= size
            unsent = None if last else unsent[size:]
        return unsent
