# SPDX-License-Identifier: Apache-2.0
"""Filters beside modules that have ways of their own (mod_cache, mod_negotiation, mod_cgi, mod_rewrite to a backend), and
connections that go on after a guest has answered or has taken a body in hand."""
import os

import pytest

from filter_script import Scripts, directory, location

PLUGINS = {
    "answer": ["> status 403", "> write 1 denied\\n", "> answer"],
    "reads_part": ["> peek 0 3", "> status 403", "> write 1 denied\\n", "> answer"],
    "seen": ["> set 1 x-seen yes"],
    "hold": ["! features 2", "< upper 1", "< set 1 x-held yes"],
    "keep": ["! features 1", "> peek 0 3"],
    "capitals": ["! features 1", "> upper 0"],
    "uri": ["> uri /moved/b?c=%20d"],
    "look": ["! features 2", "< show x-status status"],
}
PREFORK = os.environ.get("MPM") == "prefork"


def send(httpd, protocol, *args):
    return (httpd.h2_request if protocol == "2" else httpd.request)(*args)


@pytest.fixture(scope="module")
def httpd(make_httpd, guest, backend):
    scripts = Scripts(guest("script"))
    config = ["WasmServeTimeout 60s"]
    for name, lines in PLUGINS.items():
        config.append(scripts.plugin(name, *lines))
        config.append(location("/%s/" % name, "WasmServeFilter " + name))
        config.append('ProxyPass "/%s/backend/" "http://127.0.0.1:%d/"' % (name, backend.port))
        config.append(directory("/in/" + name, "WasmServeFilter " + name))
    config += [
        "RewriteEngine On", "RewriteRule ^/moved/(.*) http://127.0.0.1:%d/rewritten/$1 [P]" % backend.port,
        "RewriteRule ^/(seen|look)/gone - [G]", "RewriteRule ^/seen/away /elsewhere [R=302]",
        location("/cached/", "WasmServeFilter hold"),
        "CacheQuickHandler Off", "CacheEnable disk /cached/", "CacheRoot ${root}/cache",
        'ProxyPass "/cached/" "http://127.0.0.1:%d/cached/"' % backend.port,
        location("/views/", "WasmServeFilter hold"), directory("/views", "Options +MultiViews +Indexes"),
        location("/cgi/", "WasmServeFilter hold keep"), 'ScriptAlias /cgi/ "${root}/cgi/"',
        '<Directory "${root}/cgi">\nRequire all granted\n</Directory>',
    ]

    def setup(h):
        scripts.write(h)
        for name, said in (("body", "Content-Type: text/plain\n\n"), ("away", "Location: /in/hold/file\n\n"),
                           ("status", "Status: 404\nContent-Type: text/plain\n\nits own page\n")):
            h.write("cgi/" + name, "#!/bin/sh\ncat <<'END'\n%sEND\ncat\n" % said, 0o755)
        for name in PLUGINS:
            h.write("docroot/%s/file" % name, "a file\n")
            h.write("docroot/in/%s/file" % name, "a file\n")
        h.write("docroot/views/page.html", "a page\n")
        os.makedirs(h.path("cache"))
        os.chmod(h.path("cache"), 0o777)

    return make_httpd(config="\n".join(config), h2=True, setup=setup, modules=[
        "proxy_http", "rewrite", "cache", "cache_disk", "alias", "negotiation", "autoindex", "cgi" if PREFORK else "cgid"])


@pytest.mark.parametrize("path", ["/answer/file", "/in/answer/file", "/answer/backend/x", "/reads_part/file", "/in/reads_part/file"])
def test_a_body_that_nobody_wanted_is_no_request(httpd, path):
    """It is longer than what a guest may have read of it, and the connection goes on behind it."""
    with httpd.connection() as connection:
        for _ in range(3):
            assert connection.request("POST", path, body=b"GET /seen/file HTTP/1.1\r\n\r\n" * 500).status == 403
        response = connection.request("GET", "/seen/file")
    assert (response.body, response.get("x-seen")) == (b"a file\n", "yes")


def test_requests_that_come_together(httpd, backend):
    post = b"POST /capitals/backend/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc"
    chunks = (b"POST /capitals/backend/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
              b"3\r\nxyz\r\n0\r\nX-Trailer: 1\r\n\r\n")
    before = len(backend.requests)
    with httpd.connection() as connection:
        connection.send((post + b"GET /hold/file HTTP/1.1\r\nHost: localhost\r\n\r\n" + chunks) * 2)
        for _ in range(2):
            assert connection.read_response("POST").status == 200
            assert connection.read_response("GET").body == b"A FILE\n"
            assert connection.read_response("POST").status == 200
    assert [body for *_, body in backend.requests[before:]] == [b"ABC", b"XYZ"] * 2


def test_a_client_that_asks_before_it_sends(httpd, backend):
    """A guest that wants none of the body spares it; one that reads has it sent."""
    head = b"POST %s HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    with httpd.connection() as connection:
        connection.send(head % b"/answer/file")
        response = connection.read_response("POST")
        assert response.status == 403 and not response.interim
    with httpd.connection() as connection:
        connection.send(head % b"/keep/backend/x")
        while b"\r\n\r\n" not in connection.buffer:
            assert connection._more()
        connection.send(b"hello")
        response = connection.read_response("POST")
    assert response.status == 200 and [interim.status for interim in response.interim] == [100]
    assert backend.requests[-1][3] == b"hello"


@pytest.mark.parametrize("protocol", ["1.1", "2"])
@pytest.mark.parametrize("size", [0, 1, 3, 8192, 200000])
def test_bodies_of_many_sizes(httpd, backend, size, protocol):
    body = bytes(i * 7 % 251 for i in range(size))
    assert send(httpd, protocol, "POST", "/keep/backend/x", [], body).status == 200
    assert backend.requests[-1][3] == body
    assert send(httpd, protocol, "POST", "/capitals/backend/x", [], b"abc" * size).status == 200
    assert backend.requests[-1][3] == b"ABC" * size


@pytest.mark.parametrize("protocol", ["1.1", "2"])
@pytest.mark.parametrize("path", ["/uri/x", "/in/uri/file"])
def test_a_uri_is_rewritten_to_a_backend(httpd, backend, path, protocol):
    assert send(httpd, protocol, "GET", path).status == 200
    assert backend.requests[-1][1] == "/rewritten/b?c=%20d"


def test_what_mod_rewrite_answers_is_a_response(httpd):
    for path, status in (("/seen/gone", 410), ("/seen/away", 302)):
        response = httpd.get(path)
        assert (response.status, response.get("x-seen")) == (status, "yes")
    response = httpd.get("/look/gone")
    assert (response.status, response.get("x-status")) == (410, "410")


def test_a_cache_behind_a_filter(httpd, backend):
    """It keeps the backend's answer, and the guest sees each response."""
    backend.answers["/cached/a"] = lambda handler: handler.reply(
        200, [("Content-Type", "text/plain"), ("Cache-Control", "max-age=1000"), ("ETag", '"a"')], b"kept\n")
    before = len(backend.requests)
    for _ in range(3):
        response = httpd.get("/cached/a")
        assert (response.body, response.get("x-held")) == (b"KEPT\n", "yes")
    assert len(backend.requests) == before + 1


def test_a_name_that_is_negotiated_and_an_index(httpd):
    assert httpd.get("/views/page").body == b"A PAGE\n"
    assert b"PAGE.HTML" in httpd.get("/views/").body


@pytest.mark.parametrize("protocol", ["1.1", "2"])
def test_programs(httpd, protocol):
    assert send(httpd, protocol, "POST", "/cgi/body", [], b"hello " * 3000).body == b"HELLO " * 3000
    response = send(httpd, protocol, "GET", "/cgi/away")
    assert (response.body, response.get("x-held")) == (b"A FILE\n", "yes")
    response = send(httpd, protocol, "GET", "/cgi/status")
    assert (response.status, response.body) == (404, b"ITS OWN PAGE\n")
