# SPDX-License-Identifier: Apache-2.0
"""Instance: what it costs to make an instance of a guest, call it and drop it, in processor time.

Each guest as its own process (instances.c over the engine alone): every batch once with address space from the system
and once from slots, in turns, and the fastest batch of each. A Go guest's own start-up is not part of it: nothing is
called there. The last guest initializes itself in the one column and begins with a snapshot in the other. Then a thousand instances at a time, and what each of them takes of resident memory.
"""
import json
import os

import measure
from measure import Missing

GOAL_SMALL = 5.0  # microseconds at most
GOAL_GO = 50.0
LIVE = 1000


def main():
    program = os.path.join(measure.OUT, "instance")
    os.makedirs(measure.OUT, exist_ok=True)
    engine = os.path.join(measure.BUILD_DIR, "lib", "libengine.a")
    measure.run(["cc", "-std=gnu11", "-O2", "-I" + os.path.join(measure.BUILD_DIR, "include", "engine"),
                 os.path.join(measure.HERE, "instances.c"), engine, "-lm", "-lpthread", "-o", program])
    small = os.path.join(measure.OUT, "small.wasm")
    measure.compile_wasm(os.path.join(measure.HERE, "small.c"), small, link=["-nostartfiles", "-Wl,--no-entry"])
    guests = os.path.join(measure.BUILD_DIR, "guests")
    rows = [("small C, call", small, 1000, ["touch"], GOAL_SMALL),
            ("C command", os.path.join(guests, "hello.wasm"), 300, ["-"], None),
            ("Go", os.path.join(guests, "go_hello.wasm"), 100, ["-"], GOAL_GO),
            ("C, initialized", os.path.join(guests, "reactor.wasm"), 5, ["_initialize", "snapshot"], None)]
    print("%-16s %12s %12s %8s %8s %22s" % ("guest", "fresh, µs", "slots, µs", "ratio", "goal", "KiB each of %d live" % LIVE))
    for name, path, rounds, call, goal in rows:
        try:
            if not os.path.exists(path):
                raise Missing("no " + path)
            got = json.loads(measure.run([program, path, str(rounds), str(LIVE), *call]))
        except Missing as missing:
            print("%-16s left out: %s" % (name, missing))
            continue
        print("%-16s %12.1f %12.1f %8.2f %8s %22.1f" % (name, got["fresh"], got["slots"], got["fresh"] / got["slots"],
                                                        "%.0f" % goal if goal else "", got["live_kib"]))
