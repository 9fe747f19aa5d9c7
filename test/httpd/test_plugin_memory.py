# SPDX-License-Identifier: Apache-2.0
"""WasmServeMemoryTotal: what all guests of a process have together has a bound, is counted to the byte, and is shown."""
import json
import os
import threading

import pytest

import plugin_wat


def section(name, module, *lines):
    return "<WasmServePlugin %s>\nWasmServeModule %s\n%s\n</WasmServePlugin>\n" % (name, module, "\n".join(lines))


def location(path, *lines):
    return "<Location %s>\n%s\n</Location>\n" % (path, "\n".join(lines))


# One process, where the MPM has threads.
TUNING = {"prefork": "StartServers 1\nMinSpareServers 1\nMaxSpareServers 1\nServerLimit 4\nMaxRequestWorkers 4"}


@pytest.fixture(scope="module")
def server(make_httpd, guest):
    holder = plugin_wat.assemble("""(module
        (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 160)
        (data (i32.const 64) "Content-Type: text/plain\\n\\nheld\\n")
        (func (export "_start")
          ;; a clock subscription of 2 s
          (i32.store8 (i32.const 8208) (i32.const 0))
          (i32.store (i32.const 8208) (i32.const 1))
          (i64.store (i32.const 8216) (i64.const 2000000000))
          (drop (call $poll (i32.const 8192) (i32.const 8400) (i32.const 1) (i32.const 8500)))
          (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 31))
          (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))""")

    def setup(h):
        h.write("hold.wasm", holder)
    return make_httpd(config="\n".join([
        "WasmServeMemoryTotal 25M", "WasmServeTimeout 30s",
        section("eat", guest("eat_memory")), section("hello", guest("hello")), section("hold", "hold.wasm"),
        section("large", guest("eat_memory"), "WasmServeMemory 8M"),
        location("/eat", "WasmServeHandler eat"), location("/hello", "WasmServeHandler hello"),
        location("/hold", "WasmServeHandler hold"), location("/large", "WasmServeHandler large"),
        location("/status", "SetHandler wasmserve-status")]), setup=setup, mpm_config=TUNING.get(
            os.environ.get("MPM", "event"), "StartServers 1\nServerLimit 1\nThreadsPerChild 16\nThreadLimit 16\n"
            "MinSpareThreads 1\nMaxSpareThreads 16\nMaxRequestWorkers 16"))


def memory(server):
    return json.loads(server.get("/status?json").body)["memory"]


def test_growing_ends_at_the_total_or_at_the_plugins_own(server):
    def mebibytes(path):
        return int(server.get(path).body.split()[1])

    assert 23 <= mebibytes("/eat") <= 25
    assert mebibytes("/large") <= 8
    state = memory(server)
    assert (state["limit"], state["used"]) == (25 << 20, 0)
    assert state["peak"] <= 25 << 20 and state["peak"] > 23 << 20 and state["refused"] >= 1


def test_instances_beyond_it_are_refused_and_neighbours_are_not(server):
    if os.environ.get("MPM") == "prefork":
        pytest.skip("a process of prefork has one request at a time")
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(server.get("/hold").status)) for _ in range(2)]
    for thread in threads:
        thread.start()
    server._wait(lambda: memory(server)["used"] == 2 * 160 * 65536, "two of 10 MiB")
    mark = server.log_mark()
    refused = server.get("/hold")
    assert (refused.status, refused.get("Retry-After")) == (503, "1")
    server.wait_log(r"plugin hold \(sha256:\w+\): the memory that all guests may have together is used up: a memory of 10485760 "
                    r"bytes.*\[MEMORY_TOTAL\].*answered 503", mark)
    assert server.get("/hello").status == 200, "there is room for a small one"
    for thread in threads:
        thread.join()
    assert answers == [200, 200]
    server._wait(lambda: memory(server)["used"] == 0, "all of it to be given back")
    assert server.get("/hold").status == 200


def test_what_is_shown(server):
    server.get("/hello")
    state = memory(server)
    assert state["processes"] >= 1 and state["largest"] == 0
    auto = server.get("/status?auto").body.decode()
    assert "WasmServeMemoryTotal: 26214400\n" in auto and "WasmServeMemoryUsed: 0\n" in auto
    metrics = server.get("/status?prometheus").body.decode()
    assert "wasmserve_memory_limit_bytes 26214400\n" in metrics and "\nwasmserve_memory_used_bytes 0\n" in metrics
    assert "limit: 26214400" in server.get("/status").body.decode()


def test_refusals_are_counted_over_restarts(server):
    before = memory(server)["refused"]
    server.get("/eat")
    after = memory(server)["refused"]
    assert after > before
    server.graceful()
    server._wait(lambda: memory(server)["refused"] >= after, "the figures of the children before")


@pytest.mark.parametrize("config, wanted", [
    ("WasmServeMemoryTotal much", "neither a size such as 512M or 2G nor Off"),
    ("WasmServeMemoryTotal 1K", "allowed is 1M to 1024G"),
    ("WasmServeMemoryTotal 1G 2G", "takes one word"),
    ("<VirtualHost *:1>\nWasmServeMemoryTotal 1G\n</VirtualHost>", "write it outside of <VirtualHost>"),
    ('<Directory "/x">\nWasmServeMemoryTotal 1G\n</Directory>', "not allowed"),
])
def test_configtest(make_httpd, config, wanted):
    code, said = make_httpd(config=config, start=False).configtest()
    assert code != 0 and wanted in said, said


def test_off(make_httpd, guest):
    server = make_httpd(config="WasmServeMemoryTotal Off\n" + section("eat", guest("eat_memory"), "WasmServeTimeout 30s") +
                        location("/eat", "WasmServeHandler eat") + location("/status", "SetHandler wasmserve-status"))
    assert int(server.get("/eat").body.split()[1]) > 60
    assert memory(server)["limit"] is None
    assert "WasmServeMemoryTotal: Off\n" in server.get("/status?auto").body.decode()
