# SPDX-License-Identifier: Apache-2.0
"""The time that a filter has: one for all it does in a request, and only what it does counts."""
import os
import threading

import pytest

from filter_script import Scripts, location

OVER = r"plugin %s \(sha256:\w{12}\): deadline exceeded.*; answered 504$"
# Of a limit of 600 ms two thirds in one function, and two thirds in the other.
BOTH = ["! features 2", "> burn 400", "< burn 400"]
PREFORK = os.environ.get("MPM") == "prefork"
CLOCK = "WasmServeGrant log clock"


@pytest.fixture(scope="module")
def httpd(make_httpd, guest, backend):
    scripts = Scripts(guest("script"))
    config = []
    for name, lines, directives in [
        ("both", BOTH, ["WasmServeTimeout 600ms"]),
        ("both_reused", BOTH, ["WasmServeTimeout 600ms", "WasmServeReuse 100"]),
        ("one", ["! features 2", "> burn 400"], ["WasmServeTimeout 60s"]),
        ("long", BOTH, ["WasmServeTimeout 60s"]),
        ("lowered", BOTH, ["WasmServeTimeout 60s"]),
        ("start", ["! burn 60000"], ["WasmServeTimeout 300ms"]),
        # Its own work is a moment; what it waits for is longer than its time.
        ("reads", ["! features 1", "> show x-body body 0"], ["WasmServeTimeout 1s"]),
        ("holds", ["! features 2", "< upper 1"], ["WasmServeTimeout 1s"]),
        ("streams", ["> set 1 x-seen yes"], ["WasmServeTimeout 1s"]),
    ]:
        config.append(scripts.plugin(name, *lines, directives=[CLOCK] + directives))
        config.append(location("/" + name, "WasmServeFilter " + name))
        config.append('ProxyPass "/%s/backend" "http://127.0.0.1:%d/slowly"' % (name, backend.port))

    def setup(h):
        scripts.write(h)
        for name in scripts.texts:
            h.write("docroot/%s/file" % name, "a file\n")
        for place, text in (("lower", "WasmServeFilter lowered\nWasmServeTimeout 600ms"),
                            ("raise", "WasmServeFilter both\nWasmServeTimeout 60s"),
                            ("as_it_is", "WasmServeFilter long")):
            h.write("docroot/%s/file" % place, "a file\n")
            h.write("docroot/%s/.htaccess" % place, text + "\n")

    return make_httpd(config="\n".join(config), modules=["proxy_http"], setup=setup)


@pytest.mark.parametrize("path, plugin", [("/both/file", "both"), ("/both_reused/file", "both_reused"),
                                          ("/lower/file", "lowered"), ("/raise/file", "both"), ("/start/file", "start")])
def test_both_functions_have_one_deadline(httpd, path, plugin):
    """Lowered by an .htaccess as well; raised by none."""
    mark = httpd.log_mark()
    assert httpd.get(path).status == 504
    httpd.wait_log(OVER % plugin, mark)


@pytest.mark.parametrize("path", ["/long/file", "/as_it_is/file", "/one/file", "/one/file"])
def test_what_is_within_it_goes_through(httpd, path):
    assert httpd.get(path).body == b"a file\n"


def test_a_reused_instance_has_it_anew_for_each_request(make_httpd, guest):
    """Three requests of half a second on one instance, which has less than three halves."""
    scripts = Scripts(guest("script"))
    one = "StartServers 1\nMinSpareServers 1\nMaxSpareServers 1\nMaxRequestWorkers 1"
    many = "StartServers 1\nServerLimit 1\nThreadsPerChild 4\nMaxRequestWorkers 4\nMinSpareThreads 1\nMaxSpareThreads 4"
    server = make_httpd(config=scripts.plugin("again", "> burn 500", "> show x-count count", directives=[
        CLOCK, "WasmServeTimeout 1400ms", "WasmServeReuse 100"]) + location("/", "WasmServeFilter again"),
        setup=lambda h: (scripts.write(h), h.write("docroot/file", "a file\n")),
        mpm_config=one if PREFORK else many)
    server.expect_log("AH00161", optional=True)
    assert [server.get("/file").get("x-count") for _ in range(3)] == ["1", "2", "3"]


def test_waiting_for_the_clients_body_does_not_count(httpd):
    """The client sends half of it, and the rest when the guest's time would long be over."""
    with httpd.connection() as connection:
        connection.send(b"POST /reads/file HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n\r\nhalf")
        threading.Event().wait(1.5)
        connection.send(b"rest")
        response = connection.read_response()
    assert (response.status, response.get("x-body")) == (200, "halfrest")


@pytest.mark.parametrize("name, body", [("holds", b"FIRST\nSECOND\n"), ("streams", b"first\nsecond\n")])
def test_waiting_for_the_backend_does_not_count(httpd, backend, name, body):
    """Neither before its first byte nor between two of them."""
    def slowly(handler):
        threading.Event().wait(1.2)
        handler.send_response(200)
        handler.send_header("Content-Length", "13")
        handler.end_headers()
        handler.wfile.write(b"first\n")
        handler.wfile.flush()
        threading.Event().wait(1.2)
        handler.wfile.write(b"second\n")

    backend.answers["/slowly"] = slowly
    assert httpd.get("/%s/backend" % name).body == body


def test_a_client_that_reads_late_does_not_count(httpd, backend):
    """More than the buffers between take, which nobody empties until the guest's time is over."""
    size = 16 << 20
    backend.answers["/slowly"] = lambda handler: handler.reply(200, [], b"x" * size)
    with httpd.connection() as connection:
        connection.send(b"GET /streams/backend HTTP/1.1\r\nHost: localhost\r\n\r\n")
        threading.Event().wait(1.5)
        response = connection.read_response()
    assert (response.status, len(response.body), response.get("x-seen")) == (200, size, "yes")
