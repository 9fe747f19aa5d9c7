# SPDX-License-Identifier: Apache-2.0
"""Under prefork a child that is told to stop ends in a signal handler, which stands above whatever was running: above
compiled code it is on the guest's own stack, and frees the store that this stack belongs to. Nothing may come of it."""
import json
import os
import platform
import re

import pytest

import env
import plugin_wat
from test_plugin_native import tiers

pytestmark = pytest.mark.skipif(os.environ.get("MPM", "event") != "prefork",
                                reason="only prefork ends a child in a signal handler")

# Where the signal finds a guest. Each has written to its memory, has a table, and has called out before.
GUESTS = {
    "spins": "(loop $on (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (i32.const 1))) (br $on))",
    "deep": "(call $deep (i32.const 2000))",
    "fills": "(loop $on (memory.fill (i32.const 0) (i32.const 1) (i32.const 0x400000)) (br $on))",
    "grows": "(loop $on (drop (memory.grow (i32.const 0))) (br $on))",
    "writes": "(loop $on (drop (call $write (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 0))) (br $on))",
}
TEXT = """(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 64) (table 100 funcref) (elem (i32.const 0) $deep)
    (data (i32.const 1024) "%s")
    (func $deep (param i32)
        (local i32)
        (if (local.get 0)
            (then (call $deep (i32.sub (local.get 0) (i32.const 1))) (local.set 1 (i32.load (i32.const 8))))
            (else (loop $on (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (i32.const 1))) (br $on))))
        (i32.store (i32.const 8) (local.get 1)))
    (func (export "_start") (i32.store (i32.const 0x200000) (i32.const 1)) %s))"""


def config(engine):
    lines = ["WasmServeEngine %s" % engine, "<Location /status>\nSetHandler wasmserve-status\n</Location>"]
    for name in GUESTS:
        lines += ["<WasmServePlugin %s>\nWasmServeModule %s.wasm\nWasmServeTimeout 300s\n</WasmServePlugin>" % (name, name),
                  "<Location /%s>\nWasmServeHandler %s\n</Location>" % (name, name)]
    return "\n".join(lines)


def files(h):
    for name, code in GUESTS.items():
        # As large an image that memory is mapped from it.
        h.write(name + ".wasm", plugin_wat.assemble(TEXT % ("x" * 70000, code)))


def running(server):
    return sum(plugin["in_flight"] for plugin in json.loads(server.get("/status?json").body)["plugins"])


@pytest.mark.parametrize("engine", [
    "interpreter",
    *(pytest.param(name, marks=pytest.mark.skipif(platform.machine() != "x86_64",
                                                  reason="there is a compiler for x86-64 only"))
      for name in ("compiler", "compiler explicit"))])
def test_a_child_that_is_told_to_stop_goes_at_once(make_httpd, engine):
    many = len(GUESTS) + 2
    server = make_httpd(config=config(engine), setup=files, mpm_config="StartServers %d\nMinSpareServers 1\n"
                        "MaxSpareServers %d\nServerLimit %d\nMaxRequestWorkers %d" % (many, many, 2 * many, 2 * many))
    assert set(tiers(server).values()) == {engine.split()[0]}
    connections = [server.connection() for _ in GUESTS]
    try:
        for name, connection in zip(GUESTS, connections):
            connection.send(env.format_request("GET", "/" + name))
        server._wait(lambda: running(server) == len(GUESTS), "the guests to run")
        server.stop()
        # One that crashed, or that its parent had to kill, would have a line of its own.
        assert "caught SIGTERM, shutting down" in server.log_text()
        assert not re.search(r"exit signal|AH00046|AH00047", server.log_text())
        # None is left either: the connections that they held are closed, without an answer.
        for connection in connections:
            assert connection.at_end()
    finally:
        for connection in connections:
            connection.close()
