# SPDX-License-Identifier: Apache-2.0
"""Instance: what it costs to make an instance of a guest, call it and drop it, in processor time.

Each guest as its own process (instances.c over the engine alone): every batch once with address space from the system
and once from slots, in turns, and the fastest batch of each. A Go guest's own start-up is not part of it: nothing is
called there. The last guests initialize themselves in the one column and begin with a snapshot in the other; of Go, a
reactor (//go:wasmexport), whose exported function is called in both. Then many instances at a time, and what each of
them takes of resident memory.

The second table is of a server: 100 plugins (10 of Go, which are twenty times as large), each of a module of its own,
over 8 children that have all called each of them. A page that several processes map counts for each of them in part (PSS), so what is shared counts once.
"""
import json
import os
import re

import measure
from measure import Missing, env

GOAL_SMALL = 5.0  # microseconds at most
GOAL_GO = 50.0
LIVE = 1000
PLUGINS = 100
GO_PLUGINS = 10
CHILDREN = 8


def go_reactor():
    target = os.path.join(measure.OUT, "reactor.wasm")
    measure.compile_go(os.path.join(measure.HERE, "reactor.go"), target, reactor=True)
    return target


def instances():
    program = os.path.join(measure.OUT, "instance")
    engine = os.path.join(measure.BUILD_DIR, "lib", "libengine.a")
    measure.run(["cc", "-std=gnu11", "-O2", "-I" + os.path.join(measure.BUILD_DIR, "include", "engine"),
                 os.path.join(measure.HERE, "instances.c"), engine, "-lm", "-lpthread", "-o", program])
    small = os.path.join(measure.OUT, "small.wasm")
    measure.compile_wasm(os.path.join(measure.HERE, "small.c"), small, link=["-nostartfiles", "-Wl,--no-entry"])
    guests = os.path.join(measure.BUILD_DIR, "guests")
    rows = [("small C, call", small, 1000, LIVE, ["touch"], GOAL_SMALL),
            ("C command", os.path.join(guests, "hello.wasm"), 300, LIVE, ["-"], None),
            ("Go", os.path.join(guests, "go_hello.wasm"), 100, LIVE, ["-"], GOAL_GO),
            ("C, initialized", os.path.join(guests, "reactor.wasm"), 5, LIVE, ["_initialize", "snapshot"], None),
            ("Go reactor", go_reactor, 5, LIVE // 10, ["_initialize", "compiled", "snapshot"], GOAL_GO),
            ("Go reactor, call", go_reactor, 5, LIVE // 10, ["_initialize", "compiled", "snapshot", "call=answer"], None)]
    print("%-16s %12s %12s %8s %8s %22s" % ("guest", "fresh, µs", "slots, µs", "ratio", "goal", "KiB each of many live"))
    for name, path, rounds, live, call, goal in rows:
        try:
            path = path() if callable(path) else path
            if not os.path.exists(path):
                raise Missing("no " + path)
            got = json.loads(measure.run([program, path, str(rounds), str(live), *call]))
        except Missing as missing:
            print("%-16s left out: %s" % (name, missing))
            continue
        print("%-16s %12.1f %12.1f %8.2f %8s %22.1f" % (name, got["fresh"], got["slots"], got["fresh"] / got["slots"],
                                                        "%.0f" % goal if goal else "", got["live_kib"]))


# ---- a server


def with_mark(module, number):
    """The same module with a custom section of its own, and so another digest: nobody shares it by accident."""
    text = b"number %d" % number
    return module + bytes([0, len(text) + 5, 4]) + b"mark" + text


def children_of(server):
    with open("/proc/%d/task/%d/children" % (server.process.pid, server.process.pid), encoding="ascii") as listed:
        return [int(pid) for pid in listed.read().split()]


def proportional_kib(pids):
    total = 0
    for pid in pids:
        with open("/proc/%d/smaps_rollup" % pid, encoding="ascii") as rollup:
            total += int(re.search(r"(?m)^Pss:\s+(\d+) kB$", rollup.read()).group(1))
    return total


def call_all(server, count):
    """Each plugin by each child, of which each has one of the connections."""
    connections = [server.connection() for _ in range(CHILDREN)]
    for number in range(count):
        for connection in connections:
            status = connection.request("GET", "/p%d" % number).status
            if status != 200:
                raise RuntimeError("a plugin answers %d" % status)
    for connection in connections:
        connection.close()


def serve(module, count):
    """KiB of all processes of a server with `count` plugins: as it has started, and when all have been called."""
    config = ["KeepAliveTimeout 60", "MaxKeepAliveRequests 0"]
    config += ["WasmServeEngine compiler", "WasmServeCodeCache cache"] if count else []
    for number in range(count):
        config += ["<WasmServePlugin p%d>" % number, "WasmServeModule plugins/%d.wasm" % number, "</WasmServePlugin>",
                   "<Location /p%d>" % number, "WasmServeHandler p%d" % number, "</Location>"]

    def setup(h):
        h.make_private("cache")
        for number in range(count):
            h.write("plugins/%d.wasm" % number, with_mark(module, number))
    tuning = "StartServers {0}\nMinSpareServers {0}\nMaxSpareServers {0}\nServerLimit {0}\nMaxRequestWorkers {0}".format(CHILDREN)
    server = env.Httpd(config="\n".join(config), setup=setup, mpm_config=tuning, log_level="warn")
    server.mpm = "prefork"  # in which a connection is a child
    try:
        server.start()
        server._wait(lambda: len(children_of(server)) >= CHILDREN, "the children")
        loaded = proportional_kib([server.process.pid, *children_of(server)])
        call_all(server, count)
        return loaded, proportional_kib([server.process.pid, *children_of(server)])
    finally:
        server.stop()
        server.remove()


def resident():
    guests = os.path.join(measure.BUILD_DIR, "guests")
    rows = []
    bare = serve(b"", 0)[0]
    for name, file, count in (("C command", "hello.wasm", PLUGINS), ("Go command", "go_hello.wasm", GO_PLUGINS)):
        path = os.path.join(guests, file)
        if not os.path.exists(path):
            rows.append([name, "left out: no " + path, "", "", "", ""])
            continue
        with open(path, "rb") as opened:
            module = opened.read()
        loaded, called = serve(module, count)
        rows.append([name, count, len(module) // 1024, loaded - bare, called - bare, "%.0f" % ((called - bare) / count)])
    measure.table("Resident memory (PSS) of plugins over %d children, KiB beyond the %d of a server without" % (CHILDREN, bare),
                  ["", "plugins", "module", "loaded", "called in all", "of each"], rows)


def main():
    measure.prepare()
    instances()
    resident()
