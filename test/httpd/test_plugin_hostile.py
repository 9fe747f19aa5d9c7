# SPDX-License-Identifier: Apache-2.0
"""A guest can crash, loop, recurse, grow and lie: the client gets a plain error, the log the reason, others nothing."""
import json
import os
import re
import threading

import pytest

import env
import plugin_wat

HEAD = b"Content-Type: text/plain\r\n\r\n"

# What a guest writes that must never become a response: the reason that the log gives.
NONSENSE = {
    "no_colon": ([b"Content-Type: text/plain\r\nno colon\r\n\r\n"], "a header line without a colon"),
    "nul": ([b"Content-Type: text/plain\r\nX: a\0b\r\n\r\n"], "a control character in the header"),
    "bare_cr": ([b"Content-Type: text/plain\r\nX: a\rSet-Cookie: b\r\n\r\n"], "a control character in the header"),
    "escape": ([b"Content-Type: text/plain\r\nX: \x1b[2J\r\n\r\n"], "a control character in the header"),
    "space_name": ([b"Content-Type: text/plain\r\nX Y: a\r\n\r\n"], "a header line whose name is not a token"),
    "folded": ([b"Content-Type: text/plain\r\n folded: x\r\n\r\n"], "a header line whose name is not a token"),
    "no_name": ([b"Content-Type: text/plain\r\n: x\r\n\r\n"], "a header line whose name is not a token"),
    "utf8_name": ([b"Content-Type: text/plain\r\n\xc3\xa9: x\r\n\r\n"], "a header line whose name is not a token"),
    "no_field": ([b"Hello: world\r\n\r\nbody"], "a header without Content-Type, Location or Status"),
    "only_end": ([b"\r\nbody"], "a header without Content-Type, Location or Status"),
    "only_end_lf": ([b"\nbody"], "a header without Content-Type, Location or Status"),
    "status_100": ([b"Status: 100\r\n\r\n"], "a Status that is not from 200 to 599"),
    "status_101": ([b"Status: 101 Switching\r\n\r\n"], "a Status that is not from 200 to 599"),
    "status_1000": ([b"Status: 1000\r\n\r\n"], "a Status that is not from 200 to 599"),
    "status_word": ([b"Status: fine\r\n\r\n"], "a Status that is not from 200 to 599"),
    "status_sign": ([b"Status: +200\r\n\r\n"], "a Status that is not from 200 to 599"),
    "status_glued": ([b"Status: 200OK\r\n\r\n"], "a Status that is not from 200 to 599"),
    "status_empty": ([b"Status:\r\n\r\n"], "a Status that is not from 200 to 599"),
    "two_statuses": ([b"Status: 200\r\nStatus: 404\r\n\r\n"], "two Status lines"),
    "length_word": ([b"Content-Type: a/b\r\nContent-Length: ten\r\n\r\n"], "a Content-Length that is not one number"),
    "length_minus": ([b"Content-Type: a/b\r\nContent-Length: -1\r\n\r\n"], "a Content-Length that is not one number"),
    "length_list": ([b"Content-Type: a/b\r\nContent-Length: 1, 1\r\n\r\n"], "a Content-Length that is not one number"),
    "length_huge": ([b"Content-Type: a/b\r\nContent-Length: 99999999999999999999\r\n\r\n"],
                    "a Content-Length that is not one number"),
    "two_lengths": ([b"Content-Type: a/b\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"],
                    "a Content-Length that is not one number"),
    "empty_type": ([b"Content-Type:\r\n\r\n"], "an empty Location or Content-Type"),
    "long_line": ([b"Content-Type: text/plain\r\nX: " + b"x" * 9000 + b"\r\n\r\n"], "a header line that is too long"),
    "bomb": ([b"X: y\r\n" * 12000], "64 KiB without the end of a header"),
    "unfinished": ([b"Content-Type: text/plain\r\n"], "it ended inside the header"),
    "unfinished2": ([b"Content-Type: text/plain\r\n\r"], "it ended inside the header"),
    "text": ([b"Hello, world!\n"], "it ended inside the header"),
    "mute": ([], "it wrote no answer"),
    "short_body": ([b"Content-Type: text/plain\r\nContent-Length: 10\r\n\r\nfive"],
                   "its body is shorter than its Content-Length"),
}

# Loop-free, and yet without end: 2^60 calls.
TREE = "(module %s (func (export \"_start\") (call $f60)) (func $f0) (memory 1))" % " ".join(
    "(func $f%d (call $f%d) (call $f%d))" % (i, i - 1, i - 1) for i in range(1, 61))


# Of those that their deadline ends, or is to leave alone; all others may take their time.
SHORT = env.deadline(300)


def short(name):
    timed = name in ("loop", "tree", "fill", "start_loop", "sleep", "recurse", "flood")
    return ["WasmServeTimeout %d" % SHORT] if timed else []


def section(name, module, *lines):
    return "<WasmServePlugin %s>\nWasmServeModule %s\n%s\n</WasmServePlugin>\n" % (name, module, "\n".join(lines))


def use(name):
    return "<Location /%s>\nWasmServeHandler %s\n</Location>\n" % (name, name)


WAT = {
    "tree": TREE,
    "fill": '(module (memory 100) (func (export "_start") (loop $l (memory.fill (i32.const 0) (i32.const 1) '
            '(i32.const 6553600)) (br $l))))',
    "start_loop": '(module (func $s (loop $l (br $l))) (start $s) (func (export "_start")))',
    "start_trap": '(module (func $boom unreachable) (start $boom) (func (export "_start")))',
    "bad_segment": '(module (memory 1) (data (i32.const 65530) "0123456789") (func (export "_start")))',
    "bad_pointer": '(module (import "wasi_snapshot_preview1" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))'
                   '(memory (export "memory") 1) (func (export "_start") (drop (call $w (i32.const 1) (i32.const -8)'
                   ' (i32.const 1) (i32.const -4)))))',
    # 32 MiB in writes of 64 KiB.
    "flood": '(module (import "wasi_snapshot_preview1" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))'
             '(memory (export "memory") 2) (data (i32.const 64) "Content-Type: text/plain\\0a\\0a")'
             '(func $say (param i32 i32) (i32.store (i32.const 0) (local.get 0)) (i32.store (i32.const 4) (local.get 1))'
             ' (drop (call $w (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))'
             '(func (export "_start") (local $i i32) (call $say (i32.const 64) (i32.const 26))'
             ' (loop $l (call $say (i32.const 256) (i32.const 65536)) '
             '(br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 512))))))',
    "asks_in_vain": '(module (import "wasi_snapshot_preview1" "random_get" (func $r (param i32 i32) (result i32)))'
                    '(import "wasi_snapshot_preview1" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))'
                    '(memory (export "memory") 1) (data (i32.const 64) "no seed\\0a")'
                    '(func (export "_start") (drop (call $r (i32.const 0) (i32.const 8)))'
                    ' (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 8))'
                    ' (drop (call $w (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8))) unreachable))',
    "nasty_name": '(module (func $evil (export "ev\\0ail\\0d\\1b[2J%s%n") unreachable) (func (export "_start") '
                  '(call $evil)))',
}


@pytest.fixture(scope="module")
def httpd(make_httpd, guest):
    config = ["WasmServeTimeout 60s"]
    for name in NONSENSE:
        config.append(section(name, "said/%s.wasm" % name) + use(name))
    for name in WAT:
        config.append(section(name, "said/%s.wasm" % name, *short(name)) + use(name))
    for name in ("loop", "recurse", "trap", "nonsense", "sleep", "bigbody", "eat_memory", "stderr"):
        config.append(section(name, guest(name), *short(name)) + use(name))
    config += [
        section("hello", guest("hello")) + use("hello"),
        section("echo", guest("echo"), "WasmServeBody 64M") + use("echo"),
        section("fuel", guest("loop"), "WasmServeFuel 100000") + use("fuel"),
        section("small", guest("eat_memory"), "WasmServeMemory 8M") + use("small"),
        section("deep", guest("recurse"), "WasmServeStack 16K") + use("deep"),
        section("cut", "said/cut.wasm") + use("cut"),
        section("cut_declared", "said/cut_declared.wasm") + use("cut_declared"),
        section("long", "said/long.wasm") + use("long"),
        "<Location /status>\nSetHandler wasmserve-status\n</Location>",
        "ErrorDocument 500 /500.txt\nErrorDocument 504 /504.txt\nErrorDocument 503 /503.txt",
    ]

    def setup(h):
        for name, (pieces, _) in NONSENSE.items():
            h.write("said/%s.wasm" % name, plugin_wat.says(*pieces))
        for name, text in WAT.items():
            h.write("said/%s.wasm" % name, plugin_wat.assemble(text))
        # 20,000 bytes are more than is held back, so that a part of the answer is out when it traps.
        h.write("said/cut.wasm", plugin_wat.says(HEAD + b"x" * 20000, end="unreachable"))
        h.write("said/cut_declared.wasm", plugin_wat.says(
            b"Content-Type: text/plain\r\nContent-Length: 30000\r\n\r\n" + b"x" * 20000, end="unreachable"))
        h.write("said/long.wasm", plugin_wat.says(b"Content-Type: text/plain\r\nContent-Length: 3\r\n\r\n" + b"HTTP/1.1 "))
        for status in (500, 503, 504):
            h.write("docroot/%d.txt" % status, "page for %d\n" % status)
        h.write("docroot/static.txt", "static\n")

    return make_httpd(config="\n".join(config), h2=True, setup=setup)


def refused(httpd, path, status, log, method="GET"):
    """The client gets the page of ErrorDocument and not a word of the engine's; the log gets the reason."""
    mark = httpd.log_mark()
    response = httpd.request(method, path)
    assert (response.status, response.body) == (status, b"page for %d\n" % status)
    httpd.wait_log(log, mark)
    return httpd.log_since(mark)


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_is_not_sent(httpd, name):
    reason = NONSENSE[name][1]
    refused(httpd, "/" + name, 500, r"plugin %s \(sha256:\w{12}\): .*%s" % (name, re.escape(reason)))
    response = httpd.h2_request("GET", "/" + name)
    assert (response.status, response.body) == (500, b"page for 500\n")
    assert "set-cookie" not in response and "X" not in response


def test_more_than_content_length_says_is_not_sent(httpd):
    """The surplus would be read as the response to the next request."""
    with httpd.connection() as connection:
        assert connection.request("GET", "/long").body == b"HTT"
        assert connection.request("GET", "/static.txt").body == b"static\n"
    httpd.expect_log(r"plugin long@\w{12}: its body is longer than its Content-Length")


@pytest.mark.parametrize("how, reason", [
    ("unreachable", "unreachable"), ("divide", "integer divide by zero"), ("overflow", "integer overflow"),
    ("load", "out of bounds memory access"), ("store", "out of bounds memory access"), ("call", "undefined element"),
    ("abort", "unreachable"),
])
def test_traps(httpd, how, reason):
    line = refused(httpd, "/trap?" + how, 500, r"plugin trap \(sha256:\w{12}\): %s.*answered 500" % reason)
    # The functions, innermost first: trap.c keeps them from being inlined.
    assert re.search(r"in (\S+ < )*inner < middle < outer < ", line), line


@pytest.mark.parametrize("path, reason", [
    ("/start_trap", "unreachable"), ("/bad_segment", "out of bounds memory access"),
])
def test_traps_before_start(httpd, path, reason):
    refused(httpd, path, 500, r"plugin %s \(sha256:\w{12}\): %s" % (path[1:], reason))


def test_a_bad_pointer_is_the_guests_error(httpd):
    refused(httpd, "/bad_pointer", 500, r"plugin bad_pointer \(sha256:\w{12}\): ")


def test_the_log_names_the_grants_that_a_failed_guest_missed(httpd):
    refused(httpd, "/asks_in_vain", 500, r"unreachable .*; it had asked in vain for: log, random; answered 500")


def test_names_of_functions_cannot_forge_log_lines(httpd):
    line = refused(httpd, "/nasty_name", 500, r"plugin nasty_name \(sha256:\w{12}\): unreachable")
    assert "\x1b" not in line and "\0" not in line and len(line.splitlines()) == 1


@pytest.mark.parametrize("path, status, reason", [
    ("/loop", 504, "deadline exceeded"),
    ("/recurse?tree", 504, "deadline exceeded"),
    ("/tree", 504, "deadline exceeded"),
    ("/fill", 504, "deadline exceeded"),
    ("/start_loop", 504, "deadline exceeded"),
    ("/sleep?forever", 504, "deadline exceeded"),
    ("/fuel", 503, "fuel exhausted"),
    ("/recurse", 503, "call stack exhausted"),
    ("/deep?deep", 503, "call stack exhausted"),
])
def test_limits(httpd, path, status, reason):
    refused(httpd, path, status, r"plugin \w+ \(sha256:\w{12}\): %s.*answered %d" % (reason, status))


def test_a_deep_recursion_within_the_stack_is_fine(httpd):
    assert httpd.get("/recurse?deep").body == b"sum 20000\n"


def test_memory_ends_at_the_cap(httpd):
    response = httpd.get("/small")
    assert response.status == 200
    assert 1 <= int(re.fullmatch(rb"got (\d+) MiB\n", response.body).group(1)) < 8
    refused(httpd, "/small?abort", 500, r"plugin small \(sha256:\w{12}\): unreachable")


def test_nonsense_of_a_c_program(httpd):
    for query in ("text", "binary", "page", "flood"):
        refused(httpd, "/nonsense?" + query, 500, r"plugin nonsense \(sha256:\w{12}\): ")


def test_a_broken_answer_looks_broken(httpd):
    httpd.expect_log(r"plugin cut \(sha256:\w{12}\): unreachable.*the response was cut short")
    with httpd.connection() as connection, pytest.raises(env.ProtocolError, match="closed|ended after"):
        connection.request("GET", "/cut")
    with pytest.raises(env.ProtocolError, match="stream reset"):
        httpd.h2_request("GET", "/cut")


def test_a_broken_answer_of_declared_length_looks_broken(httpd):
    httpd.expect_log(r"plugin cut_declared \(sha256:\w{12}\): unreachable.*the response was cut short")
    with httpd.connection() as connection, pytest.raises(env.ProtocolError, match="ended after"):
        connection.request("GET", "/cut_declared")


def test_a_part_that_was_held_back_costs_an_error_page_only(httpd):
    refused(httpd, "/trap?late-divide", 500, r"plugin trap \(sha256:\w{12}\): integer divide by zero")


def test_the_connection_lives_on_after_a_failure(httpd):
    """As far as httpd lets it: it closes after 500 and 503 by itself."""
    with httpd.connection() as connection:
        assert connection.request("GET", "/loop").status == 504
        assert connection.request("POST", "/loop", body=b"x" * 100000).status == 504
        assert connection.request("GET", "/static.txt").body == b"static\n"


def test_neighbours_are_served_while_guests_are_being_stopped(httpd):
    """Eight guests loop until they are stopped; meanwhile other requests are answered."""
    answers = []

    def loop():
        answers.append(httpd.get("/loop").status)

    threads = [threading.Thread(target=loop) for _ in range(8)]
    for thread in threads:
        thread.start()
    served = 0
    while any(thread.is_alive() for thread in threads):
        assert httpd.get("/hello").status == 200
        assert httpd.get("/static.txt").status == 200
        served += 1
    for thread in threads:
        thread.join()
    assert answers == [504] * 8 and served > 0


def test_a_client_that_goes_away(httpd):
    """The guest is stopped at its next write, and nobody is told of an error."""
    def flood():
        return next(p for p in json.loads(httpd.get("/status?json").body)["plugins"] if p["name"] == "flood")

    mark, gone = httpd.log_mark(), flood()["stopped"].get("CLIENT_GONE", 0)
    for _ in range(3):
        with httpd.connection() as connection:
            connection.send(b"GET /flood HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert connection.socket.recv(1000)
            # Closing with bytes unread resets the connection.
    assert httpd.get("/hello").status == 200
    httpd._wait(lambda: flood()["in_flight"] == 0, "the guests to be stopped")
    assert flood()["stopped"].get("CLIENT_GONE", 0) == gone + 3
    assert not re.search(r"plugin flood", httpd.log_since(mark))


def test_a_client_that_goes_away_while_it_sends(httpd):
    mark = httpd.log_mark()
    with httpd.connection() as connection:
        connection.send(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nhalf")
    assert httpd.get("/hello").status == 200
    assert not re.search(r"wasmserve:error", httpd.log_since(mark))


def test_a_slow_client_does_not_cost_the_guest_its_deadline(httpd):
    """The guest has SHORT ms for 32 MiB, far more than any buffer between it and the client, who begins to read only
    when that time is long over, and still gets all of it."""
    with httpd.connection() as connection:
        connection.send(b"GET /flood HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        threading.Event().wait(SHORT * 4 / 1000)
        size, last = 0, b""
        while True:
            data = connection.socket.recv(1 << 20)
            if not data:
                break
            size, last = size + len(data), (last + data)[-5:]
    assert size > 32 << 20 and last == b"0\r\n\r\n"


def test_malformed_chunks_are_the_clients_fault(httpd):
    answer = httpd.raw(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 413 "))
    assert httpd.get("/hello").status == 200


@pytest.mark.skipif(os.environ.get("MPM") == "prefork", reason="prefork ends its children by a signal, guest or not")
def test_a_server_that_is_stopped_does_not_wait_for_its_guests(make_httpd, guest):
    """Its workers are joined before the child ends; what httpd had to kill would not have written a line."""
    config = section("loop", guest("loop"), "WasmServeTimeout 300s") + use("loop")
    server = make_httpd(config=config + "<Location /status>\nSetHandler wasmserve-status\n</Location>")
    server.expect_log(r"plugin loop .*\[INTERRUPTED\]")
    with server.connection() as connection:
        connection.send(b"GET /loop HTTP/1.1\r\nHost: localhost\r\n\r\n")
        server._wait(lambda: json.loads(server.get("/status?json").body)["plugins"][0]["in_flight"] == 1,
                     "the guest to run")
        server.stop()
    assert re.search(r"plugin loop .*\[INTERRUPTED\]", server.log_since(0))
