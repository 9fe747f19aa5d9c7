# SPDX-License-Identifier: Apache-2.0
"""A guest answers: the CGI environment, both bodies streamed, RFC 3875's responses, over HTTP/1.1 and HTTP/2."""
import hashlib
import json
import os
import shutil
import subprocess
import threading
import time

import pytest

import env
import plugin_wat

GUESTS = ["hello", "echo", "env", "exit", "status", "bigbody", "slow_writer", "stderr", "files", "sleep"]

# Guests that a compiler would not make: what they write, piece by piece.
SAID = {
    "two_pieces": [b"Content-Type: text/pl", b"ain\r", b"\n\r\nbody"],
    "bytewise": [bytes([byte]) for byte in b"Content-Type: text/plain\n\nb"],
    "with_body": [b"Content-Type: text/plain\r\nContent-Length: 4\r\n\r\nbody"],
    "empty": [b"Content-Type: text/plain\r\nContent-Length: 0\r\n\r\n"],
    "nothing204": [b"Status: 204\r\nContent-Length: 4\r\n\r\nbody"],
    "nothing304": [b"Status: 304\r\nETag: \"x\"\r\nContent-Length: 4\r\n\r\nbody"],
    "tagged": [b'Content-Type: text/plain\r\nETag: "v1"\r\n\r\ntagged'],
    "error404": [b"Status: 404 Not Here\r\nContent-Type: text/plain\r\n\r\nthe guest's own page"],
}


def section(name, module, *lines):
    return "<WasmServePlugin %s>\nWasmServeModule %s\n%s\n</WasmServePlugin>\n" % (name, module, "\n".join(lines))


def use(name, path=None):
    return "<Location %s>\nWasmServeHandler %s\n</Location>\n" % (path or "/" + name, name)


@pytest.fixture(scope="module")
def httpd(make_httpd, guest):
    config = []
    for name in GUESTS:
        config.append(section(name, guest(name), "WasmServeTimeout 60s", "WasmServeBody 64M", "WasmServeGrant log clock"))
        config.append(use(name))
    for name in SAID:
        config.append(section(name, "said/%s.wasm" % name) + use(name))
    config += [
        section("granted", guest("env"), "WasmServeGrant env:REGION=eu-1 env:FROM_SERVER env:FROM_SETENV env:NOWHERE",
                "WasmServeGrant clock"),
        use("granted"),
        section("reader", guest("files"), "WasmServeGrant dir:data:/data dir:drop:/drop:rw"), use("reader"),
        "SetEnv FROM_SETENV by-setenv\nSetEnv SECRET hidden\nSetEnvIf User-Agent odd FROM_SETENV=odd",
        "<Location /auth>\nCGIPassAuth On\nWasmServeHandler env\n</Location>",
        '<LocationMatch "^/match/">\nWasmServeHandler env\n</LocationMatch>',
        '<Directory "${docroot}/dir">\nWasmServeHandler env\n</Directory>',
        '<Directory "${docroot}/some">\n<Files "*.guest">\nWasmServeHandler env\n</Files>\n</Directory>',
        '<Location /dir/off>\nWasmServeHandler none\n</Location>',
        'ErrorDocument 404 /error.txt',
        'CustomLog logs/access_log "%U %>s %{wasmserve-plugin}n %{wasmserve-outcome}n %{WASMSERVE_PLUGIN}e"',
        "AddOutputFilter INCLUDES .shtml",
        "<Location /plugins>\nSetHandler wasmserve-status\n</Location>",
        '<Directory "${docroot}">\nOptions +Includes\n</Directory>',
        "Alias /proxied ${docroot}",
        "RewriteEngine On\nRewriteRule ^/pretty/(.*)$ /hello/$1 [PT]",
    ]

    def setup(h):
        for name, pieces in SAID.items():
            h.write("said/%s.wasm" % name, plugin_wat.says(*pieces))
        h.write("docroot/local.txt", "a local file\n")
        h.write("docroot/error.txt", "the server's page\n")
        h.write("docroot/dir/index.html", "index")
        h.write("docroot/dir/off/index.html", "an index")
        h.write("docroot/dir/file.txt", "file")
        h.write("docroot/hello/index.html", "never seen")
        h.write("docroot/some/a.guest", "")
        h.write("docroot/some/a.txt", "plain")
        h.write("docroot/page.shtml", '[<!--#include virtual="/hello/ssi?q=1" -->]')
        h.write("docroot/ht/.htaccess", "WasmServeHandler env\n")
        h.write("docroot/ht/there.txt", "")
        h.write("docroot/ht/deep/er.txt", "")
        h.write("data/file.txt", "granted data\n")
        h.write("drop/x", "")
        os.chmod(h.path("drop"), 0o777)

    return make_httpd(config="\n".join(config), modules=["include", "alias", "rewrite", "log_config"], h2=True, setup=setup,
                      environment={"FROM_SERVER": "by-server", "SECRET_OF_SERVER": "x"})


def variables(response):
    assert response.status == 200, response
    pairs = [line.split("=", 1) for line in response.body.decode().splitlines()]
    assert len({name for name, _ in pairs}) == len(pairs), "a name stands twice"
    return dict(pairs)


def test_hello(httpd):
    response = httpd.get("/hello/some/path?a=b&c")
    assert response.status == 200 and response.get("Content-Type") == "text/plain"
    assert response.body == (b"hello from wasm\nREQUEST_METHOD=GET\nSCRIPT_NAME=/hello\nPATH_INFO=/some/path\n"
                             b"QUERY_STRING=a=b&c\n")
    assert response.get("Content-Length") == str(len(response.body))


def test_hello_over_http2(httpd):
    response = httpd.h2_request("GET", "/hello")
    assert response.status == 200 and response.body.startswith(b"hello from wasm\n")


def test_the_environment_is_that_of_the_request(httpd):
    seen = variables(httpd.request("POST", "/env/a%20b/c?x=%41", [
        ("Content-Type", "text/x-test"), ("X-Custom", "one"), ("X-Custom", "two"), ("Cookie", "a=b"),
        ("User-Agent", "tester"), ("Accept", "*/*")], b"12345"))
    remote = seen.pop("REMOTE_PORT")
    assert remote.isdigit()
    assert seen.pop("SERVER_SOFTWARE").startswith("Apache")
    assert seen.pop("SERVER_PORT") == "80"  # as the Host header has it: UseCanonicalName is Off
    expected = {
        "GATEWAY_INTERFACE": "CGI/1.1", "SERVER_PROTOCOL": "HTTP/1.1", "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "/env", "PATH_INFO": "/a b/c", "QUERY_STRING": "x=%41", "REQUEST_URI": "/env/a%20b/c?x=%41",
        "CONTENT_TYPE": "text/x-test", "CONTENT_LENGTH": "5", "REMOTE_ADDR": "127.0.0.1", "SERVER_ADDR": "127.0.0.1",
        "SERVER_NAME": "localhost", "REQUEST_SCHEME": "http", "HTTP_HOST": "localhost", "HTTP_X_CUSTOM": "one, two",
        "HTTP_COOKIE": "a=b", "HTTP_USER_AGENT": "tester", "HTTP_ACCEPT": "*/*", "HTTP_CONNECTION": "close",
        "argv[0]": "env",
    }
    assert seen == expected


def test_nothing_of_the_server_process_is_seen(httpd):
    seen = variables(httpd.get("/env"))
    for name in ("PATH", "LD_LIBRARY_PATH", "DOCUMENT_ROOT", "SCRIPT_FILENAME", "CONTEXT_DOCUMENT_ROOT",
                 "PATH_TRANSLATED", "SERVER_ADMIN", "SECRET", "SECRET_OF_SERVER", "FROM_SETENV", "FROM_SERVER",
                 "WASMSERVE_PLUGIN", "PATH_INFO", "CONTENT_LENGTH"):
        assert name not in seen
    assert httpd.root not in str(seen)


def test_granted_variables(httpd):
    seen = variables(httpd.get("/granted"))
    assert seen["REGION"] == "eu-1" and seen["FROM_SERVER"] == "by-server" and seen["FROM_SETENV"] == "by-setenv"
    assert "NOWHERE" not in seen and "SECRET" not in seen
    assert variables(httpd.get("/granted", [("User-Agent", "odd")]))["FROM_SETENV"] == "odd"


def test_credentials_only_with_cgipassauth(httpd):
    secret = [("Authorization", "Basic dTpw"), ("Proxy-Authorization", "Basic dTpw")]
    seen = variables(httpd.get("/env", secret))
    assert "HTTP_AUTHORIZATION" not in seen and "HTTP_PROXY_AUTHORIZATION" not in seen
    assert variables(httpd.get("/auth", secret))["HTTP_AUTHORIZATION"] == "Basic dTpw"


def test_httpoxy(httpd):
    assert "HTTP_PROXY" not in variables(httpd.get("/env", [("Proxy", "http://evil.test/")]))


@pytest.mark.parametrize("path, script, info", [
    ("/env", "/env", None),
    ("/env/", "/env", "/"),
    ("/env/x/y", "/env", "/x/y"),
    ("/env/x%2fy", None, None),
    ("/match/a/b", "", "/match/a/b"),
    ("/dir", "/dir", None),
    ("/dir/", "/dir", "/"),
    ("/dir/file.txt", "/dir/file.txt", None),
    ("/dir/file.txt/more", "/dir/file.txt", "/more"),
    ("/dir/users/7", "/dir", "/users/7"),
    ("/dir/users", "/dir", "/users"),
    ("/some/a.guest", "/some/a.guest", None),
    ("/some/a.guest/x", "/some/a.guest", "/x"),
    ("/ht/there.txt", "/ht/there.txt", None),
    ("/ht/deep/er.txt/x", "/ht/deep/er.txt", "/x"),
    ("/ht/deep/none", "/ht/deep", "/none"),
    ("/ht/", "/ht", "/"),
])
def test_script_name_and_path_info(httpd, path, script, info):
    if script is None:
        assert httpd.get(path).status == 404  # AllowEncodedSlashes is Off
        return
    seen = variables(httpd.get(path))
    assert (seen["SCRIPT_NAME"], seen.get("PATH_INFO")) == (script, info)


def test_scopes_without_a_plugin_are_untouched(httpd):
    assert httpd.get("/dir/off/").body == b"an index"
    assert httpd.get("/dir/off").status == 301
    assert httpd.get("/some/a.txt").body == b"plain"
    assert httpd.get("/local.txt").body == b"a local file\n"


def test_a_directory_is_neither_redirected_nor_indexed(httpd):
    assert httpd.get("/hello").body.startswith(b"hello from wasm")
    assert httpd.get("/hello/").body.startswith(b"hello from wasm")


def test_rewritten_and_included(httpd):
    assert b"SCRIPT_NAME=/hello\nPATH_INFO=/x\n" in httpd.get("/pretty/x").body
    page = httpd.get("/page.shtml").body
    assert page.startswith(b"[hello from wasm\n") and b"QUERY_STRING=q=1\n" in page and page.endswith(b"]")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "BREW"])
def test_any_method_goes_to_the_guest(httpd, method):
    assert b"REQUEST_METHOD=%s\n" % method.encode() in httpd.request(method, "/hello").body


def test_trace_stays_with_httpd(httpd):
    assert b"hello from wasm" not in httpd.request("TRACE", "/hello").body


@pytest.mark.parametrize("path", ["/with_body", "/bigbody?100000", "/empty", "/two_pieces"])
def test_head_is_get_without_the_body(httpd, path):
    def fields(response):
        # What is chunked in an answer to GET need not be so for HEAD.
        return {k: v for k, v in response.headers if k not in ("Date", "Connection", "Transfer-Encoding", "Content-Length")}

    get, head = httpd.get(path), httpd.head(path)
    assert (head.status, head.body) == (200, b"")
    assert fields(get) == fields(head)
    assert head.get("Content-Length") in (None, str(len(get.body)))
    h2 = httpd.h2_request("HEAD", path)
    assert (h2.status, h2.body, h2.get("content-length")) == (200, b"", head.get("Content-Length"))


def test_pieces_make_one_answer(httpd):
    assert httpd.get("/two_pieces").body == b"body"
    assert httpd.get("/bytewise").body == b"b"
    empty = httpd.get("/empty")
    assert (empty.status, empty.body, empty.get("Content-Length")) == (200, b"", "0")


def test_statuses(httpd):
    for status in (200, 201, 299, 400, 403, 418, 500, 503, 599):
        response = httpd.get("/status?%d" % status)
        assert response.status == status, response
    assert httpd.get("/status?reason").reason == "Odd But Fine"
    assert httpd.get("/status?case").status == 202
    assert httpd.get("/status?notype").body == b"no type\n"
    assert httpd.get("/status?newlines").get("X-Bare") == "lf"
    assert httpd.get("/status?onlyheader").body == b""


def test_an_error_page_of_the_guest_stands(httpd):
    response = httpd.get("/error404")
    assert (response.status, response.body) == (404, b"the guest's own page")


def test_headers(httpd):
    response = httpd.get("/status?headers")
    assert response.get("X-Guest") == "yes" and response.get("Cache-Control") == "no-store"
    assert httpd.get("/status?cookies").get_all("Set-Cookie") == ["a=1", "b=2"]
    assert httpd.h2_request("GET", "/status?cookies").get_all("set-cookie") == ["a=1", "b=2"]
    assert httpd.get("/status?length").get("Content-Length") == "7"


def test_hop_by_hop_fields_are_not_the_guests(httpd):
    with httpd.connection() as connection:
        response = connection.request("GET", "/status?hop")
        assert response.body == b"5\r\nguess\r\n0\r\n\r\n" and "Connection" not in response
        assert connection.request("GET", "/hello").status == 200


@pytest.mark.parametrize("framing", ["length", "chunks"])
@pytest.mark.parametrize("path", ["/away", "/reads_a_little"])
def test_a_body_is_no_request_after_a_redirection_inside(make_httpd, path, framing):
    """The guest reads nothing of it, or its beginning; what is left must not be answered."""
    reads = """(module
        (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1) (data (i32.const 16) "Location: /static.txt\\0a\\0a")
        (func (export "_start")
          (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 4))
          (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
          (i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const 23))
          (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"""

    def setup(h):
        h.write("said/away.wasm", plugin_wat.says(b"Location: /static.txt\r\n\r\n"))
        h.write("said/reads_a_little.wasm", plugin_wat.assemble(reads))
        for name in ("static", "evil"):
            h.write("docroot/%s.txt" % name, name)

    server = make_httpd(config="".join(section(name, "said/%s.wasm" % name) + use(name)
                                       for name in ("away", "reads_a_little")), setup=setup)
    evil = b"GET /evil.txt HTTP/1.1\r\nHost: localhost\r\n\r\n" * 300
    head = b"POST %s HTTP/1.1\r\nHost: localhost\r\n" % path.encode()
    with server.connection() as connection:
        if framing == "length":
            connection.send(head + b"Content-Length: %d\r\n\r\n" % len(evil) + evil)
        else:
            connection.send(head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(evil) + evil + b"\r\n0\r\n\r\n")
        assert connection.read_response("POST").body == b"static"
        assert connection.request("GET", "/static.txt").body == b"static"


def test_redirections(httpd):
    away = httpd.get("/status?redirect")
    assert (away.status, away.get("Location")) == (302, "https://example.test/elsewhere")
    assert httpd.get("/status?redirect301").status == 301
    for method in ("GET", "POST"):
        local = httpd.request(method, "/status?local", body=b"x" if method == "POST" else None)
        assert (local.status, local.body) == (200, b"a local file\n")
    assert httpd.head("/status?local").body == b""


def test_responses_without_a_body(httpd):
    with httpd.connection() as connection:
        none = connection.request("GET", "/nothing204")
        assert none.status == 204 and none.body == b"" and "Content-Length" not in none
        same = connection.request("GET", "/nothing304")
        assert same.status == 304 and same.get("ETag") == '"x"'
        assert connection.request("GET", "/hello").status == 200


def test_preconditions_are_evaluated_for_the_guest(httpd):
    assert httpd.get("/tagged").get("ETag") == '"v1"'
    same = httpd.get("/tagged", [("If-None-Match", '"v1"')])
    assert (same.status, same.body, same.get("ETag")) == (304, b"", '"v1"')
    assert httpd.get("/tagged", [("If-Match", '"v2"')]).status == 412


BODY = bytes(range(256)) * 4096 + b"end"


def chunked(data, size):
    out = b""
    for at in range(0, len(data), size):
        piece = data[at:at + size]
        out += b"%x\r\n" % len(piece) + piece + b"\r\n"
    return out + b"0\r\n\r\n"


def test_bodies_stream_both_ways(httpd):
    response = httpd.request("POST", "/echo", [("Content-Type", "x/y")], BODY)
    assert response.status == 200 and response.body == BODY and response.get("Content-Type") == "x/y"
    response = httpd.request("POST", "/echo", [("Transfer-Encoding", "chunked")], chunked(BODY, 7001))
    assert response.body == BODY
    assert httpd.h2_request("POST", "/echo", body=BODY).body == BODY
    assert httpd.request("POST", "/echo", body=b"").body == b""


def exchange(httpd, request):
    """Sends while it receives, until the server closes; the header and the body as they came."""
    with httpd.connection() as connection:
        sender = threading.Thread(target=connection.send, args=(request,))
        sender.start()
        received = []
        while True:
            received.append(connection.socket.recv(1 << 20))
            if not received[-1]:
                break
        sender.join()
    head, _, body = b"".join(received).partition(b"\r\n\r\n")
    return head, body


def test_fifty_megabytes(httpd):
    """Neither the guest, whose memory is 64 MiB at most, nor the server keeps what it passes on."""
    body = hashlib.sha512(b"seed").digest() * (50 * 1024 * 1024 // 64)
    head, back = exchange(httpd, env.format_request("POST", "/echo", [("Connection", "close")], body))
    assert b"Content-Length: 52428800" in head and back == body
    head, back = exchange(httpd, env.format_request(
        "POST", "/echo", [("Connection", "close"), ("Transfer-Encoding", "chunked")], chunked(body, 1 << 20)))
    assert b"Transfer-Encoding: chunked" in head
    assert hashlib.sha256(dechunk(back)).digest() == hashlib.sha256(body).digest()
    assert figures(httpd, "echo")["memory_peak"] < 1 << 20


def dechunk(data):
    pieces, at = [], 0
    while True:
        end = data.index(b"\r\n", at)
        size = int(data[at:end], 16)
        if size == 0:
            return b"".join(pieces)
        pieces.append(data[end + 2:end + 2 + size])
        at = end + 4 + size


def figures(httpd, name):
    state = json.loads(httpd.get("/plugins?json").body)
    return next(plugin for plugin in state["plugins"] if plugin["name"] == name)


def test_the_first_bytes_of_a_body_are_answered_before_the_last_is_sent(httpd):
    """echo sends back what it has read when it waits for more: nothing is held back for the whole."""
    with httpd.connection() as connection:
        connection.send(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n\r\n0123456789")
        while b"0123456789" not in connection.buffer:
            assert connection._more(), "closed before the first half came back: %r" % connection.buffer
        connection.send(b"abcdefghij")
        assert connection.read_response().body == b"0123456789abcdefghij"


def test_what_was_written_leaves_before_a_sleep(httpd):
    with httpd.connection() as connection:
        connection.send(b"GET /slow_writer?5 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        while b"line 0" not in connection.buffer:
            assert connection._more()
        assert b"line 4" not in connection.buffer
        assert connection.read_response().body == b"".join(b"line %d\n" % i for i in range(5))


def test_expect_continue(httpd):
    with httpd.connection() as connection:
        connection.send(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        while not connection.buffer.endswith(b"\r\n\r\n"):
            assert connection._more()
        connection.send(b"data")
        response = connection.read_response("POST")
        assert response.body == b"data" and [i.status for i in response.interim] == [100]


def test_a_body_that_nobody_reads_does_not_disturb_the_connection(httpd):
    with httpd.connection() as connection:
        for _ in range(3):
            assert connection.request("POST", "/hello", body=BODY).status == 200
            assert connection.request("POST", "/hello", [("Transfer-Encoding", "chunked")],
                                      chunked(BODY, 5000)).status == 200
        assert connection.request("GET", "/hello").status == 200


def test_keep_alive_over_many_guests(httpd):
    with httpd.connection() as connection:
        for path in ("/hello", "/bigbody?100000", "/status?404", "/status?redirect", "/env", "/echo", "/nothing204"):
            connection.request("GET", path)
        assert connection.request("GET", "/local.txt").body == b"a local file\n"


def test_many_at_once_over_http2(httpd):
    """Streams of one connection run guests at the same time, in threads of their own."""
    if not shutil.which("h2load"):
        pytest.skip("no h2load (package: nghttp2-client)")
    done = subprocess.run(["h2load", "-n", "400", "-c", "2", "-m", "8", "http://127.0.0.1:%d/hello" % httpd.port],
                          capture_output=True, text=True, timeout=120)
    assert "400 succeeded, 0 failed, 0 errored" in done.stdout, done.stdout + done.stderr
    assert "status codes: 400 2xx" in done.stdout


def test_every_call_is_a_fresh_instance(httpd):
    assert len({httpd.get("/status?headers").body for _ in range(5)}) == 1


def test_exit_codes(httpd):
    fine = httpd.get("/exit?0")
    assert (fine.status, fine.body) == (200, b"leaving with 0\n")
    odd = httpd.get("/exit?7")
    assert (odd.status, odd.body) == (200, b"leaving with 7\n")
    httpd.wait_log(r"wasmserve:info.*plugin exit \(sha256:\w{12}\): exit code 7 after its answer")
    mute = httpd.get("/exit?7-mute")
    assert mute.status == 500
    httpd.expect_log(r"plugin exit \(sha256:\w{12}\): the guest's answer cannot be sent: it wrote no answer "
                     r"\(exit code 7\)")
    assert httpd.get("/exit?0-mute").status == 500
    httpd.expect_log(r"cannot be sent: it wrote no answer; answered 500")


def test_files_of_a_granted_directory(httpd):
    assert httpd.get("/reader?read=/data/file.txt").body == b"granted data\n"
    assert httpd.get("/reader?list=/data").body == b"./\n../\nfile.txt\n"
    assert httpd.request("POST", "/reader?write=/data/new", body=b"x").status == 403
    assert httpd.request("POST", "/reader?write=/drop/new", body=b"kept").status == 200
    assert httpd.get("/reader?read=/drop/new").body == b"kept"
    for path in ("/etc/passwd", "/data/../../etc/passwd", "/data/../said/empty.wasm"):
        assert httpd.get("/reader?read=" + path).status in (403, 404, 500)
        assert b"root:" not in httpd.get("/reader?read=" + path).body
    assert httpd.get("/files?read=/data/file.txt").status != 200


def test_stderr_goes_to_the_log(httpd):
    assert httpd.get("/stderr").body == b"answered\n"
    httpd.expect_log(r"wasmserve:error.*plugin stderr@\w{12}: first line")
    httpd.expect_log(r"plugin stderr@\w{12}: second line")
    assert httpd.get("/stderr?partial").body == b"answered\n"
    httpd.expect_log(r"plugin stderr@\w{12}: no newline at the end")


def test_nothing_in_stderr_forges_a_log_line(httpd):
    assert httpd.get("/stderr?control").status == 200
    httpd.wait_log(r"plugin stderr@\w{12}: red \\x1b\[31mtext\\(a|x07)\\r\[core:error\] forged\\x1aafter\\x7f")
    assert not any(line.startswith("[core:error] forged") for line in httpd.log_text().splitlines())


def test_a_flood_of_stderr_is_cut(httpd):
    mark = httpd.log_mark()
    assert httpd.get("/stderr?many").body == b"answered\n"
    httpd.wait_log(r"plugin stderr@\w{12}: more than 65536 bytes of log in one request", mark)
    assert len(httpd.log_since(mark)) < 1000000
    httpd.expect_log(r"plugin stderr@\w{12}: line \d+")
    assert httpd.get("/stderr?long").body == b"answered\n"
    httpd.expect_log(r"plugin stderr@\w{12}: [a-z]{100}")


def test_log_formats_name_the_plugin(httpd):
    httpd.get("/hello/logged")
    deadline = time.monotonic() + 30
    while True:
        with open(httpd.path("logs/access_log"), encoding="utf-8") as log:
            lines = [line.split() for line in log if line.startswith("/hello/logged ")]
        if lines or time.monotonic() > deadline:
            break
        time.sleep(0.02)
    status, note, outcome, variable = lines[0][1:]
    assert status == "200" and note.startswith("hello@") and len(note) == len("hello@") + 12
    assert outcome == "ok" and variable == note


def test_standard_go(make_httpd, guest):
    """A Go program with net/http/cgi, as one would have it behind mod_cgi."""
    server = make_httpd(config=section("go", guest("go_cgi"), "WasmServeTimeout 60s", "WasmServeBody 8M",
                                       "WasmServeGrant clock random log", "WasmServeMemory 256M") + use("go", "/app"))
    answer = server.get("/app/any?x=1", [("User-Agent", "tester"), ("Host", "go.test")])
    assert answer.status == 200 and answer.get("X-Guest") == "go" and answer.get("Content-Type") == "application/json"
    assert json.loads(answer.body) == {"method": "GET", "path": "/app/any", "query": "x=1", "host": "go.test",
                                       "agent": "tester"}
    digest = server.request("POST", "/app/digest", body=BODY)
    assert digest.body.decode() == "%d %s\n" % (len(BODY), hashlib.sha256(BODY).hexdigest())
    form = server.request("POST", "/app/form", [("Content-Type", "application/x-www-form-urlencoded")], b"name=Ada")
    assert form.body == b"hello, Ada\n"
    refused = server.get("/app/form")
    assert (refused.status, refused.get("Allow"), refused.body) == (405, "POST", b"only POST here\n")
    server.get("/app/panic")
    server.expect_log(r"plugin go@\w{12}: .*")
    server.expect_log(r"plugin go \(sha256", optional=True)
