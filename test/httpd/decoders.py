# SPDX-License-Identifier: Apache-2.0
"""decoders.py: content codings undone, a piece at a time, by the libraries that browsers are built with.

    decoder = decoders.new("br")
    data = decoder.feed(piece)      # what can be decoded so far; ValueError if it is damaged
    decoder.complete                # whether the end of the coding has come, and nothing behind it
    data = decoders.decode("br", body)

zlib is Python's own; libbrotlidec and libzstd are reached through ctypes, and are there wherever the module could be
built. zstd is given no more than the window of 8 MiB that RFC 9659 asks of a decoder.
"""
import ctypes
import zlib

PIECE = 65536


# What they are called by now, for years; by this name the loader looks where it looks for the server's.
FILES = {"brotlidec": "libbrotlidec.so.1", "zstd": "libzstd.so.1"}


def _library(name):
    return ctypes.CDLL(FILES[name])


class _Gzip:
    def __init__(self):
        self._inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)

    def feed(self, data):
        try:
            return self._inflater.decompress(data)
        except zlib.error as error:
            raise ValueError(str(error)) from error

    @property
    def complete(self):
        return self._inflater.eof and not self._inflater.unused_data


class _Brotli:
    ERROR, SUCCESS, MORE_INPUT, MORE_OUTPUT = range(4)

    RAW = 0  # BROTLI_SHARED_DICTIONARY_RAW

    def __init__(self, dictionary=None):
        self._library = _library("brotlidec")
        self._library.BrotliDecoderCreateInstance.restype = ctypes.c_void_p
        self._state = ctypes.c_void_p(self._library.BrotliDecoderCreateInstance(None, None, None))
        if dictionary is not None:  # which the library borrows
            self._dictionary = ctypes.create_string_buffer(dictionary, len(dictionary))
            assert self._library.BrotliDecoderAttachDictionary(
                self._state, self.RAW, ctypes.c_size_t(len(dictionary)), self._dictionary)
        self._said = self.MORE_INPUT
        self._left = 0

    def __del__(self):
        self._library.BrotliDecoderDestroyInstance(self._state)

    def feed(self, data):
        if self._said == self.SUCCESS:
            self._left += len(data)
            return b""
        out, piece = b"", ctypes.create_string_buffer(PIECE)
        source = ctypes.create_string_buffer(data, len(data))
        next_in, left = ctypes.c_void_p(ctypes.addressof(source)), ctypes.c_size_t(len(data))
        while True:
            next_out, room = ctypes.c_void_p(ctypes.addressof(piece)), ctypes.c_size_t(PIECE)
            self._said = self._library.BrotliDecoderDecompressStream(
                self._state, ctypes.byref(left), ctypes.byref(next_in), ctypes.byref(room), ctypes.byref(next_out), None)
            out += piece.raw[:PIECE - room.value]
            if self._said == self.ERROR:
                raise ValueError("brotli: error %d" % self._library.BrotliDecoderGetErrorCode(self._state))
            if self._said != self.MORE_OUTPUT and not self._library.BrotliDecoderHasMoreOutput(self._state):
                break
        self._left = left.value
        return out

    @property
    def complete(self):
        return self._said == self.SUCCESS and self._left == 0


class _Buffer(ctypes.Structure):
    _fields_ = [("at", ctypes.c_void_p), ("size", ctypes.c_size_t), ("pos", ctypes.c_size_t)]


class _Zstd:
    WINDOW_LOG_MAX = 100  # ZSTD_d_windowLogMax

    def __init__(self):
        self._library = _library("zstd")
        self._library.ZSTD_createDCtx.restype = ctypes.c_void_p
        self._library.ZSTD_decompressStream.restype = ctypes.c_size_t
        self._library.ZSTD_isError.argtypes = [ctypes.c_size_t]
        self._library.ZSTD_getErrorName.argtypes = [ctypes.c_size_t]
        self._library.ZSTD_getErrorName.restype = ctypes.c_char_p
        self._context = ctypes.c_void_p(self._library.ZSTD_createDCtx())
        self._library.ZSTD_DCtx_setParameter(self._context, self.WINDOW_LOG_MAX, 23)
        self.complete = False

    def __del__(self):
        self._library.ZSTD_freeDCtx(self._context)

    def feed(self, data):
        source = ctypes.create_string_buffer(data, len(data))
        piece, out = ctypes.create_string_buffer(PIECE), b""
        given = _Buffer(ctypes.addressof(source), len(data), 0)
        while True:
            taken = _Buffer(ctypes.addressof(piece), PIECE, 0)
            said = self._library.ZSTD_decompressStream(self._context, ctypes.byref(taken), ctypes.byref(given))
            if self._library.ZSTD_isError(said):
                raise ValueError("zstd: " + self._library.ZSTD_getErrorName(said).decode())
            out += piece.raw[:taken.pos]
            self.complete = said == 0 and given.pos == given.size
            if said == 0 or (given.pos == given.size and taken.pos < PIECE):
                return out


def new(coding):
    return {"gzip": _Gzip, "br": _Brotli, "zstd": _Zstd}[coding]()


def decode(coding, data, decoder=None):
    """All of it; ValueError unless it is exactly one complete stream."""
    decoder = decoder or new(coding)
    out = decoder.feed(data)
    if not decoder.complete:
        raise ValueError("%s: not one complete stream of %d bytes" % (coding, len(data)))
    return out


def decode_br_with(dictionary, data):
    """The same for brotli against a raw dictionary, which takes libbrotlidec 1.1."""
    return decode("br", data, _Brotli(dictionary))
