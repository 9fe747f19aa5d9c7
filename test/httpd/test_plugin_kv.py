# SPDX-License-Identifier: Apache-2.0
"""The shared store (WasmServeGrant kv): one for all processes, for each plugin its own, over restarts and crashes."""
import concurrent.futures
import json
import os
import re
import signal
import time

import pytest

import env
import plugin_wat

LIMIT = 20


def section(name, module, *lines):
    return "<WasmServePlugin %s>\nWasmServeModule %s\n%s\n</WasmServePlugin>\n" % (name, module, "\n".join(lines))


def location(path, *lines):
    return "<Location %s>\n%s\n</Location>\n" % (path, "\n".join(lines))


@pytest.fixture(scope="module")
def config(guest):
    return "\n".join([
        "WasmServeTimeout 20s",
        section("limited", guest("rate_limit"), "WasmServeGrant kv:64K", "WasmServeConfig '%d 600'" % LIMIT),
        section("short", guest("rate_limit"), "WasmServeGrant kv:64K", "WasmServeConfig '1 0.7'"),
        section("store", guest("kvcalls"), "WasmServeGrant kv clock"),
        section("other", guest("kvcalls"), "WasmServeGrant kv:1M clock"),
        section("small", guest("kvcalls"), "WasmServeGrant kv:64K"),
        section("poor", guest("kvcalls"), "WasmServeGrant log"),
        *[location("/" + name, "WasmServeHandler " + name)
          for name in ("store", "other", "small", "poor")],
        *[location("/" + name, "WasmServeFilter " + name) for name in ("limited", "short")],
        location("/status", "SetHandler wasmserve-status"),
        "<VirtualHost *:${port}>\nServerName localhost\n</VirtualHost>",
        "<VirtualHost *:${port}>\nServerName vhost.test\n%s</VirtualHost>"
        % section("store", guest("kvcalls"), "WasmServeGrant kv"),
        '<Directory "${docroot}">\nWasmServeUserPlugins On\n</Directory>',
    ])


# Several children, so that it is seen that they share.
TUNING = {"prefork": "StartServers 6\nMinSpareServers 6\nMaxSpareServers 12\nServerLimit 32\nMaxRequestWorkers 32"}


@pytest.fixture
def server(make_httpd, config):
    def setup(h):
        for name in ("limited", "short"):
            h.write("docroot/" + name, "a file\n")

    made = make_httpd(config=config, setup=setup, mpm_config=TUNING.get(
        os.environ.get("MPM", "event"),
        "StartServers 3\nServerLimit 16\nThreadsPerChild 4\nThreadLimit 4\nMinSpareThreads 12\nMaxSpareThreads 24\n"
        "MaxRequestWorkers 64"))
    yield made
    made.stop()


def ask(server, query, path="/store", headers=()):
    """What the guest said before its last line, and the result that this names."""
    answer = server.get("%s?%s" % (path, query), headers)
    assert answer.status == 200, answer
    said = answer.body.decode().splitlines()
    assert said[-1].startswith("result ")
    return said[:-1], int(said[-1][7:])


def kv_figures(server, name="store"):
    state = json.loads(server.get("/status?json").body)
    return next(plugin for plugin in state["plugins"] if plugin["name"] == name and plugin["server"] == "")["kv"]


def test_a_rate_limit_over_all_children(server):
    """The example of conf/guest. Exactly so many are let through, however many children answer."""
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda _: server.get("/limited").status, range(4 * LIMIT)))
    assert sorted(statuses) == [200] * LIMIT + [429] * (3 * LIMIT)
    refused = server.get("/limited")
    assert refused.status == 429 and int(refused.get("Retry-After")) > 0


def test_a_window_ends(server):
    assert server.get("/short").status == 200
    assert server.get("/short").status == 429
    server._wait(lambda: server.get("/short").status == 200, "the next window")


def test_what_can_be_done(server):
    assert ask(server, "get-a") == ([], 1)
    assert ask(server, "set-a-one-0") == ([], 0)
    for _ in range(20):  # whichever child
        assert ask(server, "get-a") == (["one"], 0)
    assert ask(server, "cas-a-two") == ([], 0)
    assert ask(server, "get-a") == (["two"], 0)
    assert ask(server, "cas-new-three") == ([], 0)
    assert ask(server, "get-new") == (["three"], 0)
    assert ask(server, "delete-a") == ([], 0)
    assert ask(server, "delete-a") == ([], 1)
    assert ask(server, "add-n-5-3") == (["15"], 0)
    assert ask(server, "add-new-1-1") == ([], 5)
    assert ask(server, "set-t-short-300") == ([], 0)
    server._wait(lambda: ask(server, "get-t") == ([], 1), "the value to expire")


def test_additions_of_all_children_are_counted(server):
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        results = [result for _, result in pool.map(lambda _: ask(server, "add-sum-1-200"), range(60))]
    assert results == [0] * 60
    assert ask(server, "add-sum-0-1") == (["12000"], 0)


def test_each_plugin_has_its_own(server):
    assert ask(server, "set-a-store-0") == ([], 0)
    assert ask(server, "get-a", "/other") == ([], 1)
    assert ask(server, "set-a-other-0", "/other") == ([], 0)
    assert ask(server, "get-a") == (["store"], 0)
    # The same name in another virtual host is another plugin.
    there = [("Host", "vhost.test")]
    assert ask(server, "get-a", headers=there)[1] == 1
    assert ask(server, "set-a-vhost-0", headers=there)[1] == 0
    assert ask(server, "get-a") == (["store"], 0)


def test_without_the_grant(server):
    mark = server.log_mark()
    assert ask(server, "get-a", "/poor") == ([], 8)
    server.wait_log(r'plugin poor@\w{12}: it uses the shared store without the grant "kv"', mark)


def test_modules_of_htaccess_files_have_none(server, guest):
    with open(guest("kvcalls"), "rb") as module:
        server.write("docroot/alice/store.wasm", module.read())
    server.write("docroot/alice/.htaccess", "WasmServeHandler ./store.wasm\n")
    assert ask(server, "get-a", "/alice/") == ([], 8)


def test_a_store_that_is_full_forgets(server):
    assert ask(server, "fill-500-1000", "/small") == ([], 0)
    figures = kv_figures(server, "small")
    assert figures["evicted"] > 400 and 20 < figures["entries"] < 80 and figures["bytes"] == 65536
    assert figures["used"] <= figures["bytes"]


def test_a_bad_pointer_ends_the_guest_and_no_more(make_httpd):
    wild = plugin_wat.assemble("""(module
        (import "wasmserve_kv" "get" (func $get (param i32 i32 i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "_start")
          (drop (call $get (i32.const 0) (i32.const 3) (i32.const 65530) (i32.const 100) (i32.const 8) (i32.const 16)))))""")
    server = make_httpd(config=section("wild", "wild.wasm", "WasmServeGrant kv") + location("/wild", "WasmServeHandler wild"),
                        setup=lambda h: h.write("wild.wasm", wild))
    mark = server.log_mark()
    assert server.get("/wild").status == 500
    server.wait_log(r"plugin wild \(sha256:\w{12}\): a host function was given a pointer outside", mark)


def test_filters_have_it_too(make_httpd):
    counter = plugin_wat.assemble("""(module
        (import "http_handler" "set_header_value" (func $set (param i32 i32 i32 i32 i32)))
        (import "wasmserve_kv" "increment" (func $add (param i32 i32 i64 i64 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "X-Count")
        (func (export "handle_request") (result i64)
          (if (call $add (i32.const 0) (i32.const 7) (i64.const 1) (i64.const 0) (i32.const 32)) (then unreachable))
          (i32.store8 (i32.const 48) (i32.add (i32.const 48) (i32.load (i32.const 32))))
          (call $set (i32.const 1) (i32.const 0) (i32.const 7) (i32.const 48) (i32.const 1))
          (i64.const 1))
        (func (export "handle_response") (param i32 i32)))""")

    def setup(h):
        h.write("counter.wasm", counter)
        h.write("docroot/file.txt", b"a file")
    server = make_httpd(config=section("counter", "counter.wasm", "WasmServeGrant kv", "WasmServeReuse 3") +
                        section("poor", "counter.wasm") + location("/file.txt", "WasmServeFilter counter") +
                        location("/poor", "WasmServeFilter poor"), setup=setup)
    assert [server.get("/file.txt").get("X-Count") for _ in range(9)] == list("123456789")
    mark = server.log_mark()
    assert server.get("/poor").status == 500
    server.wait_log(r"plugin poor \(sha256:\w+\): unreachable.*it had asked in vain for: kv", mark)


# ---- restarts ----------------------------------------------------------------------------------------------


def test_restarts_keep_it(server, config):
    ask(server, "set-a-kept-0")
    ask(server, "add-n-7-1")
    for _ in range(3):
        server.graceful()
        assert ask(server, "get-a") == (["kept"], 0)
    # Of another size it begins with a copy, and back again.
    bigger = config.replace("WasmServeGrant kv clock", "WasmServeGrant kv:4M clock")
    server.graceful(bigger)
    assert kv_figures(server)["bytes"] == 4 << 20
    assert ask(server, "get-a") == (["kept"], 0)
    assert ask(server, "add-n-1-1") == (["8"], 0)
    for _ in range(3):
        server.graceful()
    server.graceful(config)
    assert kv_figures(server)["bytes"] == 1 << 20
    assert ask(server, "get-a") == (["kept"], 0)
    assert ask(server, "add-n-1-1") == (["9"], 0)


def test_a_plugin_that_is_taken_away_loses_it(server, config):
    """Not at once: children of the generation before may still be at work with it."""
    ask(server, "set-a-here-0", "/other")
    without = config.replace("WasmServeGrant kv:1M clock", "WasmServeGrant clock")
    server.graceful(without)
    assert ask(server, "get-a", "/other") == ([], 8)
    server.graceful(config)
    assert ask(server, "get-a", "/other") == (["here"], 0)
    for _ in range(3):
        server.graceful(without)
    server.graceful(config)
    assert ask(server, "get-a", "/other") == ([], 1)


def test_an_old_generation_and_a_new_one_share_it(server):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        old = pool.submit(ask, server, "churn-3000")
        server._wait(lambda: ask(server, "add-churned-0-1")[0] != ["0"], "the old child to be at work")
        server.graceful()
        assert not old.done()
        seen = int(ask(server, "add-churned-0-1")[0][0])
        server._wait(lambda: int(ask(server, "add-churned-0-1")[0][0]) > seen, "the old child to be seen at work")
        assert old.result() == ([], 0)


# ---- crashes -----------------------------------------------------------------------------------------------


def children(server):
    with open("/proc/%d/task/%d/children" % (server.process.pid, server.process.pid), encoding="ascii") as listed:
        return [int(pid) for pid in listed.read().split()]


def test_children_that_are_killed_do_no_harm(server):
    """While all of them are in the middle of it. No entry is torn, no lock is left, no addition is lost that was answered
    for."""
    server.expect_log(r"exit signal Killed", optional=True)
    answered, killed = [], set()

    def churn(_):
        try:
            server.get("/store?churn-5000")
        except (OSError, env.ProtocolError, AssertionError):
            pass

    def count(_):
        for _ in range(50):
            try:
                answer = server.get("/store?add-counted-1-1")
            except (OSError, env.ProtocolError, AssertionError):
                continue
            if answer.status == 200 and b"result 0" in answer.body:
                answered.append(1)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        work = [pool.submit(churn, i) for i in range(4)] + [pool.submit(count, i) for i in range(4)]
        for _ in range(6):
            time.sleep(0.4)
            for pid in children(server):
                try:
                    os.kill(pid, signal.SIGKILL)
                    killed.add(pid)
                except ProcessLookupError:
                    pass
        for job in work:
            job.result()
    server._wait(lambda: children(server) and not killed & set(children(server)), "new children")
    (total,), result = ask(server, "add-counted-0-1")
    # An addition whose answer died with its child was made all the same.
    assert result == 0 and len(answered) <= int(total) <= 200 and len(answered) > 20
    for key in range(50):
        assert ask(server, "get-churn_%d" % key)[1] in (0, 1)
    assert ask(server, "set-after-all-0") == ([], 0) and ask(server, "get-after") == (["all"], 0)
    assert ask(server, "add-churned-0-1")[1] == 0


# ---- figures and configuration -----------------------------------------------------------------------------


def test_figures(server):
    ask(server, "set-a-one-0")
    figures = kv_figures(server)
    assert (figures["entries"], figures["bytes"], figures["evicted"], figures["recovered"]) == (1, 1 << 20, 0, 0)
    assert kv_figures(server, "poor") is None
    auto = server.get("/status?auto").body.decode()
    assert "WasmServePlugin store kv entries: 1\n" in auto
    metrics = server.get("/status?prometheus").body.decode()
    assert 'wasmserve_plugin_kv_entries{plugin="store",server=""} 1\n' in metrics
    assert metrics.count("# TYPE wasmserve_plugin_kv_entries gauge\n") == 1
    assert "Shared store" in server.get("/status").body.decode()


@pytest.mark.parametrize("word", ["kv:1K", "kv:63K", "kv:2G", "kv:x", "kv:", "kvx", "kv=1M"])
def test_configtest(make_httpd, guest, word):
    code, said = make_httpd(config=section("p", guest("kvcalls"), "WasmServeGrant " + word), start=False).configtest()
    assert code != 0 and re.search(r"WasmServeGrant: .*(kv:SIZE, where SIZE|is not one of .* kv\[:SIZE\])", said), said
