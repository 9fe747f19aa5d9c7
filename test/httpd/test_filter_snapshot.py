# SPDX-License-Identifier: Apache-2.0
"""WasmServeSnapshot: a filter initializes itself once in a child, and every instance begins with what came of it, if it
is told to or if nobody can tell."""
import os
import threading

import pytest

import plugin_wat
from filter_script import location

# One child, so that "once in a child" can be counted.
TUNING = {"prefork": "StartServers 1\nMinSpareServers 1\nMaxSpareServers 1\nMaxRequestWorkers 1"}.get(
    os.environ.get("MPM", "event"),
    "StartServers 1\nServerLimit 1\nThreadsPerChild 16\nMaxRequestWorkers 16\nMinSpareThreads 1\nMaxSpareThreads 16")
TABLES = str(sum(range(100000)) % (1 << 32))

# Opens the granted directory's file while it initializes itself, and leaves it open.
OPENS = """(module
    (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (memory (export "memory") 1) (data (i32.const 16) "file")
    (func (export "_initialize")
        (if (call $open (i32.const 3) (i32.const 0) (i32.const 16) (i32.const 4) (i32.const 0) (i64.const 2) (i64.const 0)
                        (i32.const 0) (i32.const 64)) (then unreachable)))
    (func (export "handle_request") (result i64) (i64.const 1))
    (func (export "handle_response") (param i32 i32)))"""

# Looks at the clock while it initializes itself, and in a request; traps if time has not gone on.
LOOKS = """(module
    (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "_initialize") (local $i i32)
        (loop $again
            (drop (call $time (i32.const 1) (i64.const 0) (i32.const 0)))
            (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 50)))))
    (func (export "handle_request") (result i64)
        (drop (call $time (i32.const 1) (i64.const 0) (i32.const 8)))
        (if (i64.le_u (i64.load (i32.const 8)) (i64.load (i32.const 0))) (then unreachable))
        (i64.const 1))
    (func (export "handle_response") (param i32 i32)))"""

# Asks for random numbers while it initializes itself, and cannot do without them in a request.
LACKS = """(module
    (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "_initialize") (drop (call $random (i32.const 0) (i32.const 4))))
    (func (export "handle_request") (result i64) (unreachable))
    (func (export "handle_response") (param i32 i32)))"""
# Wants 3 MiB while it initializes itself, and answers by whether it got them.
GROWS = """(module
    (import "http_handler" "set_status_code" (func $status (param i32)))
    (memory (export "memory") 1)
    (global $pages (mut i32) (i32.const 0))
    (func (export "_initialize") (global.set $pages (memory.grow (i32.const 48))))
    (func (export "handle_request") (result i64)
        (call $status (select (i32.const 203) (i32.const 200) (i32.eq (global.get $pages) (i32.const -1))))
        (i64.const 0))
    (func (export "handle_response") (param i32 i32)))"""
HOLDS = """(module
    (memory (export "memory") 32)
    (func (export "handle_request") (result i64) (i64.const 1))
    (func (export "handle_response") (param i32 i32)))"""


def plugin(name, module, *directives):
    return "<WasmServePlugin %s>\nWasmServeModule \"%s\"\n%s\n</WasmServePlugin>\n%s" % (
        name, module, "\n".join(directives), location("/" + name, "WasmServeFilter " + name))


@pytest.fixture(scope="module")
def httpd(make_httpd, guest):
    reactor = guest("reactor")
    names = ["kept", "crowd", "fresh", "opens", "usual", "timed", "chancy", "stored", "filed", "asked"]
    config = ["WasmServeTimeout 60s",
              plugin("kept", reactor, "WasmServeSnapshot On", "WasmServeGrant log"),
              plugin("crowd", reactor, "WasmServeSnapshot On", "WasmServeGrant log"),
              plugin("fresh", reactor, "WasmServeSnapshot Off", "WasmServeGrant log"),
              # Nothing said: kept, unless a grant lets it come out differently.
              plugin("usual", reactor, "WasmServeGrant log env:A=b"),
              plugin("timed", reactor, "WasmServeGrant log clock"),
              plugin("chancy", reactor, "WasmServeGrant log random"),
              plugin("stored", reactor, "WasmServeSnapshot Auto", "WasmServeGrant log kv"),
              plugin("filed", reactor, 'WasmServeGrant log "dir:${docroot}:/files"'),
              # The administrator's word, also for time and random numbers.
              plugin("asked", reactor, "WasmServeSnapshot On", "WasmServeGrant log clock random"),
              plugin("looks", "said/looks.wasm"), plugin("lacks", "said/lacks.wasm"),
              plugin("opens", "said/opens.wasm", "WasmServeSnapshot On", 'WasmServeGrant "dir:${docroot}:/open"')]

    def setup(h):
        h.write("said/opens.wasm", plugin_wat.assemble(OPENS))
        h.write("said/looks.wasm", plugin_wat.assemble(LOOKS))
        h.write("said/lacks.wasm", plugin_wat.assemble(LACKS))
        for name in names + ["looks", "file"]:
            h.write("docroot/" + name, "a file\n")

    return make_httpd(config="\n".join(config), setup=setup, mpm_config=TUNING)


def seen(httpd, path):
    response = httpd.get(path)
    assert response.status == 200
    return [response.get(name) for name in ("x-tables", "x-stale", "x-features")]


def initialized(httpd, name, mark):
    return httpd.log_since(mark).count("plugin %s@" % name)


def test_initializes_once_and_shows_nothing_of_other_requests(httpd):
    httpd.expect_log(r"plugin kept@\w+.*initialized")
    mark = httpd.log_mark()
    assert [seen(httpd, "/kept") for _ in range(10)] == [[TABLES, "0", "1"]] * 10
    assert initialized(httpd, "kept", mark) == 1


def test_without_it_each_instance_initializes_itself(httpd):
    httpd.expect_log(r"plugin fresh@\w+.*initialized")
    mark = httpd.log_mark()
    assert [seen(httpd, "/fresh") for _ in range(3)] == [[TABLES, "0", "1"]] * 3
    assert initialized(httpd, "fresh", mark) == 3


@pytest.mark.parametrize("name, times", [("usual", 1), ("timed", 3), ("chancy", 3), ("stored", 3), ("filed", 3), ("asked", 1)])
def test_by_itself_where_it_makes_no_difference(httpd, name, times):
    httpd.expect_log(r"plugin %s@\w+.*initialized" % name)
    mark = httpd.log_mark()
    assert [seen(httpd, "/" + name) for _ in range(3)] == [[TABLES, "0", "1"]] * 3
    assert initialized(httpd, name, mark) == times


def test_requests_at_the_same_time(httpd):
    httpd.expect_log(r"plugin crowd@\w+.*initialized")
    got = []
    threads = [threading.Thread(target=lambda: got.extend(seen(httpd, "/crowd") for _ in range(5))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [[TABLES, "0", "1"]] * 40


def test_a_state_that_cannot_be_kept_is_said_once(httpd):
    httpd.expect_log(r"plugin opens .*WasmServeSnapshot: its state cannot be kept.*opened or closed files")
    mark = httpd.log_mark()
    assert [httpd.get("/opens").status for _ in range(3)] == [200] * 3
    assert httpd.log_since(mark).count("cannot be kept") == 1


def test_time_does_not_go_back_behind_initializing(httpd):
    """Time is pretended without the grant clock, and what initializing has seen of it is over for all instances."""
    assert [httpd.get("/looks").status for _ in range(3)] == [200] * 3


def test_what_initializing_lacked_is_said_with_every_failure(httpd):
    httpd.expect_log(r"plugin lacks .*unreachable.*it had asked in vain for: random")
    mark = httpd.log_mark()
    assert [httpd.get("/lacks").status for _ in range(3)] == [500] * 3
    assert httpd.log_since(mark).count("asked in vain for: random") == 3


def test_memory_that_was_refused_is_not_refused_for_good(make_httpd):
    """By a place with a smaller WasmServeMemory, or by a WasmServeMemoryTotal that was used up at that moment."""
    config = ["WasmServeMemoryTotal 4M", "<Location /narrow>\nWasmServeMemory 1M\n</Location>",
              plugin("first", "said/grows.wasm"), location("/narrow/first", "WasmServeFilter first"),
              plugin("second", "said/grows.wasm"), location("/narrow/second", "WasmServeFilter second"),
              plugin("third", "said/grows.wasm"), plugin("holds", "said/holds.wasm", "WasmServeReuse 2")]

    def setup(h):
        h.write("said/grows.wasm", plugin_wat.assemble(GROWS))
        h.write("said/holds.wasm", plugin_wat.assemble(HOLDS))
        h.write("docroot/holds", "a file\n")

    server = make_httpd(config="\n".join(config), setup=setup, mpm_config=TUNING)

    def statuses(*paths):
        return [server.get(path).status for path in paths]

    assert statuses("/first", "/narrow/first", "/first") == [200, 203, 200]
    assert statuses("/narrow/second", "/second", "/narrow/second") == [203, 200, 203]
    # The instance of /holds waits for its second request, and keeps 2 MiB until then.
    assert statuses("/holds", "/third", "/holds", "/third") == [200, 203, 200, 200]
