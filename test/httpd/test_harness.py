# SPDX-License-Identifier: Apache-2.0
"""The harness itself, on a server without the module: a test that relies on it must be able to fail."""
import os
import re

import pytest

import env

BODY = bytes(range(256)) * 300


def fill(server):
    server.write("docroot/a.txt", BODY, mtime=1700000000)
    server.write("docroot/deep/er/b.txt", b"below\n")
    server.write("docroot/deep/.htaccess", 'Header set X-Deep "yes"\n')


@pytest.fixture(scope="module")
def httpd(make_httpd):
    return make_httpd(config='Header always append X-Twice "one"\nHeader always add X-Twice "two"\n'
                             'Header set X-Accept "expr=%{HTTP:Accept-Encoding}"',
                      modules=["headers"], h2=True, load_module=False, setup=fill)


def test_http1_gives_exact_bytes_and_lines(httpd):
    response = httpd.get("/a.txt")
    assert (response.version, response.status, response.body) == ("1.1", 200, BODY)
    assert response.get("Content-Length") == str(len(BODY))
    assert response.get_all("x-twice") == ["one", "two"]
    assert response.get("Last-Modified") == "Tue, 14 Nov 2023 22:13:20 GMT"


def test_one_header_that_stands_twice_is_noticed(httpd):
    with pytest.raises(AssertionError, match="stands 2 times"):
        httpd.get("/a.txt").get("X-Twice")


def test_request_headers_of_one_name_stay_apart(httpd):
    response = httpd.get("/a.txt", [("Accept-Encoding", "br"), ("Accept-Encoding", "gzip;q=0.5")])
    assert response.get("X-Accept") == "br, gzip;q=0.5"


def test_head_range_and_conditions(httpd):
    head = httpd.head("/a.txt")
    assert (head.status, head.body, head.get("Content-Length")) == (200, b"", str(len(BODY)))
    part = httpd.get("/a.txt", [("Range", "bytes=5-9")])
    assert (part.status, part.body) == (206, BODY[5:10])
    assert httpd.get("/a.txt", [("If-None-Match", head.get("ETag"))]).status == 304


def test_one_connection_many_requests(httpd):
    with httpd.connection() as connection:
        for _ in range(3):
            assert connection.request("GET", "/a.txt").body == BODY
        assert connection.request("HEAD", "/a.txt").status == 200
        assert connection.request("GET", "/deep/er/b.txt", [("Connection", "close")]).body == b"below\n"
        assert connection.at_end()


def test_htaccess_is_read(httpd):
    assert httpd.get("/deep/er/b.txt").get("X-Deep") == "yes"


def test_raw_bytes(httpd):
    assert httpd.raw(b"GET / HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_http2(httpd):
    whole = httpd.h2_request("GET", "/a.txt", [("Accept-Encoding", "br"), ("X-Empty", "")])
    assert (whole.version, whole.status, whole.body) == ("2", 200, BODY)
    assert whole.get("x-accept") == "br" and whole.get_all("x-twice") == ["one", "two"]
    head = httpd.h2_request("HEAD", "/a.txt")
    assert (head.status, head.body, head.get("content-length")) == (200, b"", str(len(BODY)))
    part = httpd.h2_request("GET", "/a.txt", [("Range", "bytes=0-0")])
    assert (part.status, part.body) == (206, BODY[:1])
    assert httpd.h2_request("PUT", "/a.txt", [], b"data").status == 405
    assert httpd.h2_request("GET", "/none?a=[b]\"c\\").status == 404
    assert httpd.h2_request("GET", "/a.txt", [("X-Long", "x" * 4000), ("Accept-Encoding", "")]).body == BODY


def test_http2_answer_before_the_body_was_read(httpd):
    refused = httpd.h2_request("PUT", "/a.txt", [], bytes(300000))
    assert refused.status == 405 and refused.get("content-length") == str(len(refused.body))


def test_http2_one_connection_many_requests(httpd):
    with httpd.h2_connection() as connection:
        for _ in range(5):
            heads, body = connection.request("GET", "/a.txt")
            assert heads[0][0] == (":status", "200") and body == BODY


def test_children_run_without_root(httpd):
    httpd.write("docroot/secret.txt", b"x", mode=0o600)
    httpd.expect_log("AH00132: file permissions deny server access", optional=os.getuid() != 0)
    if os.getuid() == 0:
        assert httpd.get("/secret.txt").status == 403


def test_graceful_restart_takes_the_new_configuration(make_httpd):
    server = make_httpd(config='Header set X-Now "old"', modules=["headers"], load_module=False, setup=fill)
    assert server.get("/a.txt").get("X-Now") == "old"
    server.graceful('Header set X-Now "new"')
    assert server.get("/a.txt").get("X-Now") == "new"


def test_configtest_tells_right_from_wrong(make_httpd):
    server = make_httpd(load_module=False, start=False)
    code, output = server.configtest()
    assert code == 0 and "Syntax OK" in output
    code, output = server.configtest("WasmNoSuchDirective On")
    assert code != 0 and "Invalid command 'WasmNoSuchDirective'" in output


def test_server_that_cannot_start_says_why(make_httpd):
    server = make_httpd(config="WasmNoSuchDirective On", load_module=False, start=False)
    with pytest.raises(AssertionError, match="Invalid command 'WasmNoSuchDirective'"):
        server.start()


@pytest.mark.parametrize("line, bad", [
    ("[t] [core:error] [pid 1] AH00126: Invalid URI", True),
    ("[t] [wasmserve:warn] [pid 1] plugin x", True),
    ("[t] [http2:warn] [pid 1] slow", False),
    ("[t] [core:notice] [pid 1] AH00052: child pid 5 exit signal Segmentation fault (11)", True),
    ("src/engine/base/leb.c:3:4: runtime error: shift exponent 64", True),
    ("==1==ERROR: AddressSanitizer: heap-use-after-free", True),
    ("[t] [mpm_event:notice] [pid 1] AH00489: resuming normal operations", False),
])
def test_audit_finds_what_was_not_declared(line, bad):
    server = env.Httpd(load_module=False)
    try:
        server.write("logs/error_log", line + "\n")
        assert server.audit() == ([line] if bad else [])
        server.write("logs/error_log", "x" * len(line) + "\n" + line + "\n")
        server.expect_log(re.escape(line[-12:]))
        assert server.audit() == []
    finally:
        server.remove()


def test_audit_misses_what_was_declared_and_never_came():
    server = env.Httpd(load_module=False)
    try:
        server.expect_log("never said")
        assert server.audit() == ["expected in the error log, but never came: never said"]
        server.expect_log("never said", optional=True)
        assert server.audit() == []
    finally:
        server.remove()


def test_audit_reads_the_reports_of_sanitizers():
    server = env.Httpd(load_module=False)
    try:
        server.write("logs/sanitizer.123", "==1==ERROR: AddressSanitizer: SEGV\n")
        assert len(server.audit()) == 1
    finally:
        server.remove()
