# SPDX-License-Identifier: Apache-2.0
"""Where directives count: server, virtual host, plugin, section, .htaccess; ceilings; what follows a failure."""
import json
import threading

import pytest

import env
import plugin_wat


def section(name, module, *lines):
    return "<WasmServePlugin %s>\nWasmServeModule %s\n%s\n</WasmServePlugin>\n" % (name, module, "\n".join(lines))


def location(path, *lines):
    return "<Location %s>\n%s\n</Location>\n" % (path, "\n".join(lines))


@pytest.fixture(scope="module")
def httpd(make_httpd, guest):
    config = [
        "WasmServeTimeout 5s",
        section("sleep", guest("sleep")),
        section("patient", guest("sleep"), "WasmServeTimeout 60s"),
        section("hasty", guest("sleep"), "WasmServeTimeout %d" % env.deadline(200)),
        section("hello", guest("hello")),
        section("echo", guest("echo"), "WasmServeBody 1000"),
        section("eat", guest("eat_memory"), "WasmServeMemory 16M", "WasmServeTimeout 60s"),
        section("one", guest("sleep"), "WasmServeConcurrency 1", "WasmServeTimeout 60s"),
        section("trap", guest("trap")),
        section("trap_open", guest("trap"), "WasmServeOnError open"),
        section("trap_404", guest("trap"), "WasmServeOnError 404"),
        section("reads", "said/reads.wasm", "WasmServeOnError open"),
        section("which", "said/main.wasm"),
        location("/server", "WasmServeHandler sleep"),
        location("/patient", "WasmServeHandler patient"),
        location("/hasty", "WasmServeHandler hasty"),
        location("/lowered", "WasmServeTimeout 200ms", "WasmServeHandler patient"),
        location("/raised", "WasmServeTimeout 60s", "WasmServeHandler hasty"),
        location("/echo", "WasmServeHandler echo"),
        location("/limited", "LimitRequestBody 10", "WasmServeHandler echo"),
        location("/one", "WasmServeHandler one"),
        location("/closed", "WasmServeHandler trap"),
        location("/open", "WasmServeHandler trap_open"),
        location("/reads", "WasmServeHandler reads"),
        location("/404", "WasmServeHandler trap_404"),
        location("/section_open", "WasmServeHandler trap", "WasmServeOnError open"),
        location("/section_closed", "WasmServeHandler trap_open", "WasmServeOnError closed"),
        location("/section_410", "WasmServeHandler trap_404", "WasmServeOnError 410"),
        location("/which", "WasmServeHandler which"),
        location("/everything", "WasmServeHandler trap"),
        location("/deny", "Require all denied", "WasmServeHandler hello"),
        location("/sethandler", "SetHandler wasmserve-plugin"),
        location("/status", "SetHandler wasmserve-status"),
        '<Directory "${docroot}/nofileinfo">\nAllowOverride AuthConfig\n</Directory>',
        "ErrorDocument 500 /everything/page",
        "<VirtualHost *:${port}>\nServerName localhost\n</VirtualHost>",
        "<VirtualHost *:${port}>\nServerName other.test\n%s\n%s</VirtualHost>"
        % (section("which", "said/vhost.wasm"), section("only", "said/vhost.wasm")),
    ]

    def setup(h):
        h.write("said/main.wasm", plugin_wat.says(b"Content-Type: text/plain\n\nmain"))
        h.write("said/vhost.wasm", plugin_wat.says(b"Content-Type: text/plain\n\nvhost"))
        h.write("said/reads.wasm", plugin_wat.assemble("""(module
            (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (func (export "_start") (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 4))
              (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8))) unreachable))"""))
        for folder in ("open", "section_open", "section_closed", "closed", "reads"):
            h.write("docroot/%s/index.html" % folder, "index of %s" % folder)
            h.write("docroot/%s/file.txt" % folder, "file of %s" % folder)
        for name, text in {
            "lower": "WasmServeHandler patient\nWasmServeTimeout 100ms",
            "raise": "WasmServeHandler hasty\nWasmServeTimeout 60m",
            "memory": "WasmServeHandler eat\nWasmServeMemory 4M",
            "greedy": "WasmServeHandler eat\nWasmServeMemory 1G",
            "unknown": "WasmServeHandler ghost",
            "off": "WasmServeHandler none",
            "define": "<WasmServePlugin x>\n</WasmServePlugin>",
            "grant": "WasmServeGrant dir:/:/",
            "module": "WasmServeModule x.wasm",
            "onerror": "WasmServeOnError open",
            "engine": "WasmServeEngine auto",
            "fuel": "WasmServeHandler patient\nWasmServeFuel 10",
            "nofileinfo": "WasmServeHandler hello",
            "lower/deeper": "WasmServeTimeout 59s",
            "small": "WasmServeHandler echo\nWasmServeBody 10",
        }.items():
            h.write("docroot/%s/.htaccess" % name, text + "\n")
            h.write("docroot/%s/index.html" % name, "index of %s" % name)

    return make_httpd(config="\n".join(config), setup=setup, h2=True)


DEADLINE = r"deadline exceeded.*answered 504"


@pytest.mark.parametrize("path, status", [
    ("/server?10", 200), ("/server?1200", 200), ("/patient?1200", 200), ("/hasty?1500", 504), ("/lowered?1500", 504),
    ("/raised?1200", 200), ("/lower/?1500", 504), ("/lower/deeper/?1500", 200), ("/raise/?1500", 504),
    ("/raise/?1", 200),
])
def test_which_timeout_counts(httpd, path, status):
    mark = httpd.log_mark()
    assert httpd.get(path).status == status
    if status == 504:
        httpd.wait_log(DEADLINE, mark)


def test_raising_in_htaccess_is_told(httpd):
    mark = httpd.log_mark()
    httpd.get("/raise/?1")
    httpd.wait_log(r"wasmserve:info.*WasmServeTimeout of \.htaccess is above the server's", mark)


def test_memory_can_be_lowered_only(httpd):
    def mebibytes(path):
        return int(httpd.get(path).body.split()[1])

    assert mebibytes("/memory/") < 4
    assert 8 <= mebibytes("/greedy/") < 16


def test_fuel_in_htaccess(httpd):
    mark = httpd.log_mark()
    assert httpd.get("/fuel/?1").status == 503
    httpd.wait_log(r"plugin patient .*fuel exhausted", mark)


def test_htaccess_names_plugins_but_defines_none(httpd):
    mark = httpd.log_mark()
    assert httpd.get("/unknown/").status == 500
    httpd.wait_log(r"wasmserve:error.*WasmServeHandler ghost: there is no such plugin", mark)
    assert httpd.get("/off/").body == b"index of off"
    for name in ("define", "grant", "module", "onerror", "engine"):
        mark = httpd.log_mark()
        assert httpd.get("/%s/" % name).status == 500
        httpd.wait_log(r"core:alert.*not allowed here", mark)
    assert httpd.get("/nofileinfo/").status == 500
    httpd.wait_log(r"core:alert.*WasmServeHandler not allowed here", mark)


def test_bodies_beyond_the_limit(httpd):
    assert httpd.request("POST", "/echo", body=b"x" * 1000).status == 200
    assert httpd.request("POST", "/echo", body=b"x" * 1001).status == 413
    chunks = b"3e8\r\n" + b"x" * 1000 + b"\r\n1\r\ny\r\n0\r\n\r\n"
    late = httpd.raw(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
    assert late.startswith(b"HTTP/1.1 413 ")
    assert httpd.h2_request("POST", "/echo", body=b"x" * 1001).status == 413
    assert httpd.request("POST", "/small/", body=b"x" * 11).status == 413
    assert httpd.request("POST", "/small/", body=b"x" * 10).body == b"x" * 10
    assert httpd.request("POST", "/limited", body=b"x" * 11).status == 413
    # Refused before it is sent.
    with httpd.connection() as connection:
        connection.send(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n"
                        b"Expect: 100-continue\r\n\r\n")
        response = connection.read_response()
        assert response.status == 413 and not response.interim


def test_concurrency(httpd):
    def in_flight():
        plugins = json.loads(httpd.get("/status?json").body)["plugins"]
        return next(p for p in plugins if p["name"] == "one")["in_flight"]

    done = []
    first = threading.Thread(target=lambda: done.append(httpd.get("/one?3000").status))
    httpd.expect_log(r"wasmserve:warn.*plugin one \(sha256:\w{12}\): WasmServeConcurrency is reached")
    first.start()
    httpd._wait(lambda: in_flight() == 1, "the only place to be taken")
    refused = httpd.get("/one?0")
    assert (refused.status, refused.get("Retry-After")) == (503, "1")
    first.join()
    assert done == [200]
    assert httpd.get("/one?0").status == 200


def test_closed_open_and_statuses(httpd):
    httpd.expect_log(r"plugin trap\w* \(sha256:\w{12}\): unreachable")
    assert httpd.get("/closed/file.txt").status == 500
    assert httpd.get("/open/file.txt").body == b"file of open"
    assert httpd.get("/open/").body == b"index of open"
    assert httpd.get("/open/none").status == 404
    assert httpd.get("/section_open/file.txt").body == b"file of section_open"
    assert httpd.get("/section_closed/file.txt").status == 500
    assert httpd.get("/404").status == 404
    assert httpd.get("/section_410").status == 410
    httpd.wait_log(r"plugin trap_open .*going on without it")
    httpd.wait_log(r"plugin trap_404 .*answered 410")


def test_open_needs_the_whole_request(httpd):
    """The body was read in part; whoever answers now would not see it."""
    mark = httpd.log_mark()
    httpd.expect_log(r"plugin reads \(sha256:\w{12}\): unreachable.*going on without it")
    assert httpd.get("/reads/file.txt").body == b"file of reads"
    assert httpd.request("POST", "/reads/file.txt", body=b"12345678").status == 500
    httpd.wait_log(r"although WasmServeOnError is open: it had begun to read the request body", mark)


def test_a_failing_plugin_does_not_answer_its_own_error_page(httpd):
    response = httpd.get("/everything")
    assert response.status == 500 and b"Internal Server Error" in response.body


def test_virtual_hosts(httpd):
    assert httpd.get("/which").body == b"main"
    assert httpd.get("/which", [("Host", "other.test")]).body == b"vhost"
    assert httpd.get("/closed", [("Host", "other.test")]).status == 500
    assert b"hello" not in httpd.get("/deny").body


def test_authorization_comes_first(httpd):
    assert httpd.get("/deny").status == 403
    httpd.expect_log(r"AH01630: client denied by server configuration", optional=True)


def test_sethandler_names_no_plugin(httpd):
    mark = httpd.log_mark()
    assert httpd.get("/sethandler").status == 500
    httpd.wait_log(r"is set by WasmServeHandler NAME", mark)
