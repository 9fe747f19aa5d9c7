# SPDX-License-Identifier: Apache-2.0
"""`WasmServeCompress On` for what others answer: a proxied server, a plugin, files that are sent as they are.

The proxied server is a thread of this test (backend.py), which says exactly what a case needs. Every body is decoded and
compared.
"""
import gzip
import random
import re
import threading
import time

import pytest

import decoders
import plugin_wat
from backend import Backend, answer, chunk
from env import ProtocolError

RAW = b"\0asm\1\0\0\0" + bytes(range(256)) * 16
BIG = random.Random(7).randbytes(1500000) + RAW * 1000
ALL = ("Accept-Encoding", "gzip, deflate, br, zstd")
WASM = ("Content-Type", "application/wasm")
TAG = ("ETag", '"v1"')
IMMUTABLE = "public, max-age=31536000, immutable"
PROTOCOLS = ["h1", "h2"]

# path: (status, headers, body, chunk size or None)
PLAIN = {
    "/plain.wasm": ("200 OK", [WASM, TAG, ("Last-Modified", "Tue, 14 Nov 2023 22:13:20 GMT")], RAW, None),
    "/untagged": ("200 OK", [WASM], RAW, None),
    "/chunked.wasm": ("200 OK", [WASM, TAG], RAW, 100),
    "/charset.wasm": ("200 OK", [("Content-Type", "Application/WASM; charset=utf-8"), TAG], RAW, None),
    "/octets.wasm": ("200 OK", [("Content-Type", "application/octet-stream")], RAW, None),
    "/s3.wasm": ("200 OK", [("Content-Type", "binary/octet-stream")], RAW, None),
    "/typeless.wasm": ("200 OK", [], RAW, None),
    "/script.js": ("200 OK", [("Content-Type", "application/javascript; charset=utf-8")], RAW, None),
    "/script": ("200 OK", [("Content-Type", "text/javascript")], RAW, None),
    "/game.data": ("200 OK", [("Content-Type", "application/octet-stream")], RAW, None),
    "/game.zip": ("200 OK", [("Content-Type", "application/octet-stream")], RAW, None),
    "/page.wasm": ("200 OK", [("Content-Type", "text/html")], RAW, None),
    "/text": ("200 OK", [("Content-Type", "text/plain")], RAW, None),
    "/created.wasm": ("201 Created", [WASM], RAW, None),
    "/missing.wasm": ("404 Not Found", [("Content-Type", "application/octet-stream")], RAW, None),
    "/failed.wasm": ("500 Internal Server Error", [WASM], RAW, 1000),
    "/nothing.wasm": ("204 No Content", [WASM], b"", None),
    "/empty.wasm": ("200 OK", [WASM], b"", None),
    "/small.wasm": ("200 OK", [WASM, TAG], RAW[:255], None),
    "/empty-chunked.wasm": ("200 OK", [WASM], b"", 10),
    "/coded.wasm": ("200 OK", [WASM, TAG, ("Content-Encoding", "gzip")], gzip.compress(RAW, mtime=0), None),
    "/no-transform.wasm": ("200 OK", [WASM, TAG, ("Cache-Control", 'private="a, b", No-Transform')], RAW, None),
    "/part.wasm": ("206 Partial Content", [WASM, TAG, ("Content-Range", "bytes 0-4103/9999")], RAW, None),
    "/fresh.wasm": ("200 OK", [WASM, ("Cache-Control", "max-age=5")], RAW, None),
    "/expires.wasm": ("200 OK", [WASM, ("Expires", "Thu, 01 Jan 2037 00:00:00 GMT")], RAW, None),
    "/app.9f2c3a1b.wasm": ("200 OK", [WASM], RAW, None),
    "/cookie.9f2c3a1b.wasm": ("200 OK", [WASM, ("Set-Cookie", "a=b")], RAW, None),
    "/vary.wasm": ("200 OK", [WASM, ("Vary", "Origin, accept-encoding")], RAW, None),
    "/vary-star.wasm": ("200 OK", [WASM, ("Vary", "*")], RAW, None),
    "/weak.wasm": ("200 OK", [WASM, ("ETag", 'W/"v1"')], RAW, None),
    "/bad-tag.wasm": ("200 OK", [WASM, ("ETag", "v1")], RAW, None),
    "/digests.wasm": ("200 OK", [WASM, ("Content-MD5", "x"), ("Digest", "sha-256=x"), ("Repr-Digest", "sha-256=:x:"),
                                 ("Content-Digest", "sha-256=:x:"), ("Unencoded-Digest", "sha-256=:x:")], RAW, None),
    "/ranges.wasm": ("200 OK", [WASM, TAG, ("Accept-Ranges", "bytes")], RAW, None),
    "/unchanged.wasm": ("304 Not Modified", [TAG], b"", None),
    "/unchanged": ("304 Not Modified", [TAG], b"", None),
    "/big.wasm": ("200 OK", [WASM, TAG], BIG, None),
    "/big-chunked.wasm": ("200 OK", [WASM, TAG], BIG, 7777),
}

HEAD = b"Content-Type: application/wasm; charset=utf-8\r\n"
PLUGINS = {
    "whole": [HEAD + b'ETag: "p1"\r\n\r\n', RAW],
    "pieces": [HEAD + b"\r\n"] + [RAW[i:i + 500] for i in range(0, len(RAW), 500)],
    "sized": [HEAD + b"Content-Length: %d\r\n\r\n" % len(RAW), RAW],
    "tiny": [HEAD + b"\r\n", RAW[:50]],
    "text": [b"Content-Type: text/plain\r\n\r\n", RAW],
}


@pytest.fixture(scope="module")
def backend():
    made = Backend()
    for path, (status, headers, body, size) in PLAIN.items():
        made.answers[path] = answer(status, headers, body, size)
    yield made
    made.close()


@pytest.fixture(scope="module")
def httpd(make_httpd, backend):
    lines = [
        "AddOutputFilterByType DEFLATE application/wasm text/plain text/html",
        "<Location />\nWasmServe On\nWasmServeTypes .wasm .js .data\nWasmServeCompress On\n</Location>",
        "<Location /off>\nWasmServeCompress Off\n</Location>",
        "<Location /unlisted>\nWasmServeTypes .js\n</Location>",
        "<Location /asis>\nSetHandler send-as-is\n</Location>",
        "ProxyRequests Off\nProxyTimeout 60",
        "<Location />\nOptions +Includes\n</Location>\nAddOutputFilter INCLUDES .shtml",
        "LimitRequestFieldSize 8190",
    ]
    for prefix in ("p", "off", "unlisted"):
        lines.append('ProxyPass "/%s/" "http://127.0.0.1:%d/" flushpackets=on connectiontimeout=60'
                     % (prefix, backend.port))
    for name in PLUGINS:
        lines.append("<WasmServePlugin %s>\nWasmServeModule said/%s.wasm\n</WasmServePlugin>\n"
                     "<Location /plugin/%s>\nWasmServeHandler %s\n</Location>" % (name, name, name, name))

    def setup(server):
        for name, pieces in PLUGINS.items():
            server.write("said/%s.wasm" % name, plugin_wat.says(*pieces))
        server.write("docroot/asis/app", b"Content-Type: application/wasm; a=b\n\n" + RAW)
        server.write("docroot/big.wasm", BIG)
        server.write("docroot/page.shtml", b'[<!--#include virtual="/big.wasm" -->]')

    return make_httpd(config="\n".join(lines), modules=["deflate", "proxy_http", "asis", "include"], h2=True,
                      setup=setup)


def ask(httpd, protocol, method, path, headers=(ALL,), body=None):
    send = httpd.h2_request if protocol == "h2" else httpd.request
    return send(method, path, list(headers), body)


def check_made(response, coding="br", data=RAW, tag='W/"v1-%s"', cache_control="no-cache"):
    assert response.get_all("Content-Encoding") == [coding], response
    assert decoders.decode(coding, response.body) == data
    assert "accept-encoding" in response.tokens("Vary")
    assert len(response.tokens("Vary")) == len(set(response.tokens("Vary")))
    assert response.get("ETag") == (tag % coding if tag else None)
    assert response.get("Cache-Control") == cache_control
    assert "Accept-Ranges" not in response


def check_left(response, data=RAW, coding=None):
    assert response.body == data
    assert response.get("Content-Encoding") == coding
    assert response.get("Content-Length") == str(len(data))


# ---- a proxied server

@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("path", ["/plain.wasm", "/chunked.wasm", "/charset.wasm"])
@pytest.mark.parametrize("accept,coding", [("br", "br"), ("gzip, zstd;q=0.9", "gzip"), ("zstd", "zstd"), ("*", "br")])
def test_a_module_is_compressed_and_typed(httpd, path, accept, coding, protocol):
    response = ask(httpd, protocol, "GET", "/p" + path, [("Accept-Encoding", accept)])
    assert response.status == 200
    check_made(response, coding)
    assert response.get("Content-Type") == "application/wasm"


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("accept", [None, "", "br;q=0", "identity, br;q=0.5", "identity;q=0"])
def test_who_does_not_want_it_gets_it_as_it_is(httpd, accept, protocol):
    """Also who refuses everything: the work is done, and an answer is better than none."""
    response = ask(httpd, protocol, "GET", "/p/charset.wasm", [("Accept-Encoding", accept)] if accept is not None else [])
    assert response.status == 200
    check_left(response)
    assert response.get("ETag") == '"v1"' and response.get("Content-Type") == "application/wasm"
    assert response.get_all("Vary") == ["Accept-Encoding"] and response.get("Cache-Control") == "no-cache"


@pytest.mark.parametrize("path", ["/octets.wasm", "/s3.wasm", "/typeless.wasm"])
def test_a_server_that_does_not_know_the_type_is_helped(httpd, path):
    for headers, check in (([ALL], lambda it: check_made(it, tag=None)), ([], check_left)):
        response = httpd.get("/p" + path, headers)
        check(response)
        assert response.get("Content-Type") == "application/wasm"


@pytest.mark.parametrize("path,content_type", [
    ("/script.js", "application/javascript; charset=utf-8"), ("/script", "text/javascript"),
    ("/game.data", "application/octet-stream"), ("/untagged", "application/wasm")])
def test_other_types_of_delivery(httpd, path, content_type):
    response = httpd.get("/p" + path, [ALL])
    check_made(response, tag=None)
    assert response.get("Content-Type") == content_type


@pytest.mark.parametrize("path", ["/game.zip", "/page.wasm", "/text"])
def test_other_types_are_not_touched(httpd, path):
    """An error page is not a module because somebody asked for one. What mod_deflate did of these, it does."""
    response = httpd.get("/p" + path, [ALL])
    if path == "/game.zip":
        check_left(response)
    else:
        assert decoders.decode("gzip", response.body) == RAW
    assert "Cache-Control" not in response


def test_out_of_scope(httpd):
    assert decoders.decode("gzip", httpd.get("/off/plain.wasm", [ALL]).body) == RAW  # mod_deflate's
    assert "charset" in httpd.get("/off/charset.wasm").get("Content-Type")
    # Wasm that is no type of this scope is not negotiated, but its type is ours all the same.
    response = httpd.get("/unlisted/charset.wasm", [("Accept-Encoding", "br")])
    check_left(response)
    assert response.get("Content-Type") == "application/wasm"


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("path,status,data", [
    ("/created.wasm", 201, RAW), ("/failed.wasm", 500, RAW)])
def test_other_statuses_with_a_body(httpd, path, status, data, protocol):
    response = ask(httpd, protocol, "GET", "/p" + path)
    assert response.status == status
    check_made(response, tag=None, data=data, cache_control=None)


def test_an_error_for_a_module_is_no_module(httpd):
    response = httpd.get("/p/missing.wasm", [ALL])
    assert response.status == 404 and response.get("Content-Type") == "application/octet-stream"
    assert "Cache-Control" not in response


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("path,status,data,coding", [
    ("/nothing.wasm", 204, b"", None), ("/empty.wasm", 200, b"", None), ("/small.wasm", 200, RAW[:255], None),
    ("/coded.wasm", 200, gzip.compress(RAW, mtime=0), "gzip"), ("/no-transform.wasm", 200, RAW, None),
    ("/part.wasm", 206, RAW, None)])
def test_what_is_left_as_it_is(httpd, path, status, data, coding, protocol):
    response = ask(httpd, protocol, "GET", "/p" + path)
    assert (response.status, response.body) == (status, data)
    assert response.get("Content-Encoding") == coding
    assert response.get("ETag") == (None if path in ("/nothing.wasm", "/empty.wasm") else '"v1"')


def test_an_empty_body_that_nobody_knew_to_be_empty(httpd):
    """Whether it is coded or not: nothing comes out, and it says so itself."""
    response = httpd.get("/p/empty-chunked.wasm", [ALL])
    coding = response.get("Content-Encoding")
    assert (decoders.decode(coding, response.body) if coding else response.body) == b""


@pytest.mark.parametrize("path,expected", [
    ("/plain.wasm", "no-cache"), ("/fresh.wasm", "max-age=5"), ("/expires.wasm", None),
    ("/app.9f2c3a1b.wasm", IMMUTABLE), ("/cookie.9f2c3a1b.wasm", "no-cache")])
def test_cache_control_where_nobody_has_set_it(httpd, path, expected):
    for headers in ([ALL], []):
        assert httpd.get("/p" + path, headers).get("Cache-Control") == expected


def test_what_is_for_one_user_is_not_public(httpd):
    response = httpd.get("/p/app.9f2c3a1b.wasm", [ALL, ("Authorization", "Basic eDp5")])
    assert response.get("Cache-Control") == "no-cache"


def test_vary_of_others(httpd):
    assert sorted(httpd.get("/p/vary.wasm", [ALL]).tokens("Vary")) == ["accept-encoding", "origin"]
    response = httpd.get("/p/vary-star.wasm", [ALL])
    assert decoders.decode("br", response.body) == RAW and "*" in response.tokens("Vary")


def test_digests_of_the_bytes_before(httpd):
    response = httpd.get("/p/digests.wasm", [ALL])
    for name in ("Content-MD5", "Digest", "Repr-Digest", "Content-Digest"):
        assert name not in response
    assert "Unencoded-Digest" in response
    assert "Repr-Digest" in httpd.get("/p/digests.wasm")


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("path", ["/plain.wasm", "/chunked.wasm", "/small.wasm", "/coded.wasm"])
def test_head_has_the_fields_of_get(httpd, path, protocol):
    get, head = (ask(httpd, protocol, method, "/p" + path) for method in ("GET", "HEAD"))
    assert head.body == b"" and head.status == get.status
    for name in ("Content-Encoding", "Content-Type", "ETag", "Vary", "Cache-Control", "Accept-Ranges"):
        assert head.get_all(name) == get.get_all(name), name
    if head.get("Content-Encoding") == "br":
        assert "Content-Length" not in head


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_answer_to_post(httpd, protocol):
    response = ask(httpd, protocol, "POST", "/p/plain.wasm", [ALL], b"question")
    check_made(response, cache_control=None)


# ---- conditions and ranges

@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/plain.wasm", "/chunked.wasm", "/weak.wasm"])
def test_the_tag_that_was_given_gives_304(httpd, backend, path, method, protocol):
    first = ask(httpd, protocol, "GET", "/p" + path)
    response = ask(httpd, protocol, method, "/p" + path, [ALL, ("If-None-Match", first.get("ETag"))])
    assert (response.status, response.body) == (304, b"")
    for name in ("ETag", "Vary", "Cache-Control"):
        assert response.get_all(name) == first.get_all(name) != [], name
    for name in ("Content-Encoding", "Content-Length", "Content-Type"):
        assert name not in response, name
    assert backend.seen[path][-1].headers["if-none-match"] == first.get("ETag")


@pytest.mark.parametrize("headers", [
    [("Accept-Encoding", "zstd"), ("If-None-Match", 'W/"v1-br"')],
    [("Accept-Encoding", "br"), ("If-None-Match", '"v2-br"')],
    [("If-None-Match", 'W/"v1-br"')]])
def test_another_representation_is_not_confirmed(httpd, headers):
    assert httpd.get("/p/plain.wasm", headers).status == 200


def test_a_304_of_the_other_side_passes(httpd):
    """It has no type, so whether it is ours is told by the ending alone."""
    response = httpd.get("/p/unchanged.wasm", [ALL, ("If-None-Match", '"v1"')])
    assert (response.status, response.get("ETag"), response.get_all("Vary")) == (304, '"v1"', ["Accept-Encoding"])
    response = httpd.get("/p/unchanged", [ALL, ("If-None-Match", '"v1"')])
    assert response.status == 304 and "Vary" not in response


def test_a_malformed_tag_is_not_kept(httpd):
    check_made(httpd.get("/p/bad-tag.wasm", [ALL]), tag=None)


def test_ranges_are_not_promised(httpd):
    check_made(httpd.get("/p/ranges.wasm", [ALL]))
    assert httpd.get("/p/ranges.wasm").get("Accept-Ranges") == "bytes"


@pytest.mark.parametrize("headers,asked", [
    ([ALL, ("If-Range", "Tue, 14 Nov 2023 22:13:20 GMT")], None),  # what a compressed answer has as well
    ([("If-Range", "Tue, 14 Nov 2023 22:13:20 GMT")], "bytes=4-"),
    ([ALL, ("If-Range", '"v1"')], "bytes=4-"), ([ALL], "bytes=4-")])
def test_a_range_that_would_mix_two_representations_is_not_asked_for(httpd, backend, headers, asked):
    httpd.get("/p/plain.wasm", headers + [("Range", "bytes=4-")])
    assert backend.seen["/plain.wasm"][-1].headers.get("range") == asked


def test_a_whole_answer_to_a_range_is_compressed_whole(httpd):
    """The other side knows no ranges: httpd must not cut the compressed bytes in its place."""
    check_made(httpd.get("/p/plain.wasm", [ALL, ("Range", "bytes=0-3")]))


# ---- streams

@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("coding", ["br", "zstd", "gzip"])
@pytest.mark.parametrize("path", ["/p/big.wasm", "/p/big-chunked.wasm", "/big.wasm"])
def test_large_bodies(httpd, path, coding, protocol):
    response = ask(httpd, protocol, "GET", path, [("Accept-Encoding", coding)])
    assert response.get("Content-Encoding") == coding
    assert decoders.decode(coding, response.body) == BIG


def read_some(connection):
    """Decoded bytes of a chunked body, as they come: a generator over its chunks."""
    while True:
        size = int(connection._line(), 16)
        data = connection._exactly(size)
        connection._exactly(2)
        if size == 0:
            return
        yield data


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip"])
def test_what_the_other_side_has_sent_arrives(httpd, backend, coding):
    """The backend goes on only when the client has decoded what came before; a flush that is lost hangs the test."""
    pieces = [b"first %d " % i * 50 for i in range(5)]
    arrived = [threading.Event() for _ in pieces]

    def slowly(exchange):
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/wasm\r\nTransfer-Encoding: chunked\r\n"
                      b"Connection: close\r\n\r\n")
        for piece, event in zip(pieces, arrived):
            exchange.send(chunk(piece))
            assert event.wait(60)
        exchange.send(chunk(b""))

    backend.answers["/slow.wasm"] = slowly
    decoder, decoded = decoders.new(coding), b""
    with httpd.connection() as connection:
        connection.send(b"GET /p/slow.wasm HTTP/1.1\r\nHost: x\r\nAccept-Encoding: %s\r\n\r\n" % coding.encode())
        head = connection._head()
        assert head.get("Content-Encoding") == coding and "chunked" in head.tokens("Transfer-Encoding")
        for data in read_some(connection):
            decoded += decoder.feed(data)
            for i, event in enumerate(arrived):
                if len(decoded) >= len(b"".join(pieces[:i + 1])):
                    event.set()
    assert decoded == b"".join(pieces) and decoder.complete


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("coding", ["br", "gzip"])
def test_an_answer_that_is_cut_off_is_seen_to_be(httpd, backend, coding, protocol):
    """No end of the coding, no last chunk: nobody can take it for the whole."""
    # So much that its beginning has left before the end is missed: else httpd has still the choice of a 502.
    data = BIG[:600000]
    backend.answers["/cut.wasm"] = answer("200 OK", [WASM], data, 50000).removesuffix(chunk(b"")) + b"1000\r\nhalf"
    with pytest.raises(ProtocolError):
        ask(httpd, protocol, "GET", "/p/cut.wasm", [("Accept-Encoding", coding)])
    httpd.expect_log(r"AH01110|AH10508|AH02609|AH01086", optional=True)  # mod_proxy_http, about the backend
    # What came is not lost on the way.
    with httpd.connection() as connection:
        connection.send(b"GET /p/cut.wasm HTTP/1.1\r\nHost: x\r\nAccept-Encoding: %s\r\n\r\n" % coding.encode())
        connection._head()
        decoder, decoded = decoders.new(coding), b""
        with pytest.raises(ProtocolError):
            for piece in read_some(connection):
                decoded += decoder.feed(piece)
        assert decoded == (data + b"half")[:len(decoded)] and not decoder.complete
        assert len(decoded) > 100000


def test_a_client_that_goes_away(httpd, backend):
    """The other side is told, and nothing is left: the next requests are answered."""
    gone = threading.Event()

    def endless(exchange):
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/wasm\r\nTransfer-Encoding: chunked\r\n\r\n")
        noise = random.Random(3).randbytes(60000)
        try:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                exchange.send(chunk(noise))
        except OSError:
            gone.set()

    backend.answers["/endless.wasm"] = endless
    for coding in (b"br", b"zstd", b"gzip"):
        gone.clear()
        with httpd.connection() as connection:
            connection.send(b"GET /p/endless.wasm HTTP/1.1\r\nHost: x\r\nAccept-Encoding: %s\r\n\r\n" % coding)
            assert connection._head().get("Content-Encoding") == coding.decode()
            next(read_some(connection))
        assert gone.wait(60)
    check_made(httpd.get("/p/plain.wasm", [ALL]))


def test_a_client_that_leaves_a_file(httpd):
    for coding in (b"br", b"zstd", b"gzip"):
        with httpd.connection() as connection:
            connection.send(b"GET /big.wasm HTTP/1.1\r\nHost: x\r\nAccept-Encoding: %s\r\n\r\n" % coding)
            connection._head()
    response = httpd.get("/big.wasm", [ALL])
    assert decoders.decode("br", response.body) == BIG


def test_http_1_0(httpd):
    said = httpd.raw(b"GET /p/chunked.wasm HTTP/1.0\r\nHost: x\r\nAccept-Encoding: br\r\n\r\n")
    head, body = said.split(b"\r\n\r\n", 1)
    assert b"Content-Encoding: br" in head and b"chunked" not in head
    assert decoders.decode("br", body) == RAW


# ---- plugins, other handlers, what is not an answer of its own

@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name,tag", [("whole", 'W/"p1-%s"'), ("pieces", None), ("sized", None)])
def test_a_plugin(httpd, name, tag, protocol):
    response = ask(httpd, protocol, "GET", "/plugin/" + name)
    check_made(response, tag=tag)
    assert response.get("Content-Type") == "application/wasm"
    raw = ask(httpd, protocol, "GET", "/plugin/" + name, [])
    assert raw.body == RAW and "Content-Encoding" not in raw
    assert raw.get_all("Vary") == ["Accept-Encoding"] and raw.get("Content-Type") == "application/wasm"


def test_a_plugin_that_says_little(httpd):
    response = httpd.get("/plugin/tiny", [ALL])
    assert response.body == RAW[:50] and "Content-Encoding" not in response


def test_a_plugin_that_says_something_else(httpd):
    response = httpd.get("/plugin/text", [("Accept-Encoding", "br")])
    assert response.body == RAW and response.get("Content-Type") == "text/plain" and "Cache-Control" not in response


def test_a_plugins_tag_gives_304(httpd):
    first = httpd.get("/plugin/whole", [ALL])
    response = httpd.get("/plugin/whole", [ALL, ("If-None-Match", first.get("ETag"))])
    assert response.status == 304 and response.get("ETag") == first.get("ETag")
    assert response.get_all("Vary") == ["Accept-Encoding"] and response.body == b""


def test_a_file_with_fields_of_its_own(httpd):
    response = httpd.get("/asis/app", [ALL])
    check_made(response, tag=response.get("ETag"))
    assert response.get("Content-Type") == "application/wasm"


def test_an_include_is_a_part_of_something_else(httpd):
    response = httpd.get("/page.shtml", [("Accept-Encoding", "br")])
    assert response.body == b"[" + BIG + b"]" and "Content-Encoding" not in response


def test_a_forward_proxy_changes_nothing(make_httpd, backend):
    server = make_httpd(config="ProxyRequests On\nWasmServe On\nWasmServeCompress On\n"
                               "<Proxy *>\nRequire all granted\n</Proxy>", modules=["proxy_http"])
    with server.connection() as connection:
        connection.send(b"GET http://127.0.0.1:%d/charset.wasm HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept-Encoding: br\r\n\r\n"
                        % (backend.port, backend.port))
        response = connection.read_response()
    check_left(response)
    assert re.search("charset", response.get("Content-Type")) and "Vary" not in response
