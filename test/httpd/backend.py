# SPDX-License-Identifier: Apache-2.0
"""backend.py: an origin server behind mod_proxy that says exactly what it is told, byte for byte and piece by piece.

    backend = Backend()
    backend.answers["/a"] = b"HTTP/1.1 200 OK\\r\\nContent-Length: 1\\r\\n\\r\\nx"
    backend.answers["/b"] = function       # called with an Exchange, in a thread of its own
    backend.seen["/a"]                     # the requests that came for it, as Exchange objects
    backend.close()

Every answer is the last of its connection.
"""
import collections
import select
import socket
import threading


def answer(status, headers, body=b"", chunked=None):
    """The bytes of an answer: `headers` as pairs; `chunked`: the body in pieces of that many bytes."""
    lines = ["HTTP/1.1 %s" % status] + ["%s: %s" % pair for pair in headers]
    if chunked:
        lines.append("Transfer-Encoding: chunked")
        body = b"".join(chunk(body[i:i + chunked]) for i in range(0, len(body), chunked)) + chunk(b"")
    elif not any(name.lower() == "content-length" for name, _ in headers) and not status.startswith(("204", "304")):
        lines.append("Content-Length: %d" % len(body))
    return "\r\n".join(lines + ["Connection: close", "", ""]).encode("latin-1") + body


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


class Exchange:
    """One request and the way to answer it. Header names are in lower case."""

    def __init__(self, connection):
        self._connection = connection
        head = b""
        while b"\r\n\r\n" not in head:
            more = connection.recv(65536)
            if not more:
                raise ConnectionError
            head += more
        head, self._rest = head.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin-1").split("\r\n")
        self.method, self.path, _ = first.split(" ")
        self.headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
        left = int(self.headers.get("content-length", "0")) - len(self._rest)
        while left > 0:
            left -= len(connection.recv(left))

    def send(self, data):
        self._connection.sendall(data)

    def gone(self, patience):
        """Whether the other side closes the connection within so many seconds."""
        readable, _, _ = select.select([self._connection], [], [], patience)
        return bool(readable) and not self._connection.recv(1)


class Backend:
    def __init__(self):
        self.answers = {}
        self.seen = collections.defaultdict(list)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection:
            try:
                exchange = Exchange(connection)
                path = exchange.path.split("?")[0]
                self.seen[path].append(exchange)
                said = self.answers.get(path, answer("404 Not Found", [("Content-Type", "text/html")], b"<p>no</p>" * 99))
                if callable(said):
                    said(exchange)
                else:
                    exchange.send(said if exchange.method != "HEAD" else said.split(b"\r\n\r\n")[0] + b"\r\n\r\n")
            except OSError:
                pass  # the other side has gone, which the tests see
