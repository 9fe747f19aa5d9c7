# SPDX-License-Identifier: Apache-2.0
"""Engine: how long the same computations take in this engine and in others.

Kernels of kernels.c, compiled once for all; a run's time is the process's less that of the same module with nothing
to do, so that loading and compiling do not count. Contenders: `wasmserve run` (in each tier that the build has),
wasm-interp of wabt, V8 in node, wazero's interpreter and compiler where `wazero` is installed, and the same source
compiled for this machine, which is the measure of all: 1.0.
"""
import json
import os
import re
import shutil
import statistics
import sys
import time

import measure
from measure import Missing, env

SIZES = {"calls": 30, "sieve": 100, "matrix": 24, "bodies": 300, "digest": 30, "sort": 100}
ROUNDS = 3

# V8's compilation is on other threads, beside the run; what is timed here is the call, as the others' is.
NODE = """
const fs = require("fs");
const module = new WebAssembly.Module(fs.readFileSync(process.argv[1]));
const { measured } = new WebAssembly.Instance(module, {}).exports;
const began = process.hrtime.bigint();
const result = measured();
console.log(JSON.stringify({ result: result >>> 0, seconds: Number(process.hrtime.bigint() - began) / 1e9 }));
"""


class Files:
    """The compiled forms of one kernel with one size."""

    def __init__(self, name, size):
        folder = os.path.join(measure.OUT, "engine")
        os.makedirs(folder, exist_ok=True)
        stem = os.path.join(folder, "%s_%d" % (name, size))
        source = os.path.join(measure.HERE, "kernels.c")
        defines = ["-DRUN=" + name, "-DSIZE=%d" % size]
        self.module, self.command, self.native = stem + ".wasm", stem + "_command.wasm", stem
        measure.compile_wasm(source, self.module, defines,
                             ["-mexec-model=reactor", "-nostartfiles", "-Wl,--no-entry", "-lm"])
        measure.compile_wasm(source, self.command, defines + ["-DWITH_MAIN"], ["-lm"])
        measure.run(["cc", "-O2", "-ffp-contract=off", "-DWITH_MAIN", *defines, source, "-lm", "-o", self.native])


def timed(command, pattern):
    """Seconds that a command took, and the checksum that it printed."""
    began = time.perf_counter()
    said = measure.run(command)
    took = time.perf_counter() - began
    found = re.search(pattern, said, re.M)
    if not found:
        raise RuntimeError("%s printed no result: %r" % (command[0], said[:200]))
    return took, int(found.group(1)) & 0xFFFFFFFF


class Contender:
    """command: a function of Files. idle: whether a run with nothing to do has to be taken off."""

    def __init__(self, name, command, pattern=r"(-?\d+)\s*$"):
        self.name = name
        self.command = command
        self.pattern = pattern

    def seconds(self, full, idle):
        took, result = timed(self.command(full), self.pattern)
        return max(took - timed(self.command(idle), self.pattern)[0], 1e-4), result


class Node(Contender):
    def __init__(self, program):
        super().__init__("node (V8)", lambda files: [program, "-e", NODE, files.module])

    def seconds(self, full, idle):
        said = json.loads(measure.run(self.command(full)))
        return said["seconds"], said["result"]


def contenders():
    found, missing = [], []

    def add(name, make):
        try:
            found.append(make())
        except Missing as why:
            missing.append((name, why))

    def wazero(name, options):
        program = measure.need("wazero", "none; a release of the wazero project")
        return Contender(name, lambda files: [program, "run", *options, files.command])

    found.append(Contender("native (cc -O2)", lambda files: [files.native]))
    for engine in ("interpreter", "compiler"):
        name = "wasmserve, " + engine
        command = [env.TOOL, "run", "--engine", engine, "--invoke", "measured"]
        probe = Files("calls", 1)
        if shutil.which(env.TOOL) is None:
            missing.append((name, "%s is not built" % env.TOOL))
            continue
        try:
            measure.run(command + [probe.module])
        except RuntimeError as why:
            missing.append((name, str(why).strip().splitlines()[-1]))
            continue
        found.append(Contender(name, lambda files, command=tuple(command): [*command, files.module]))
    add("wasm-interp", lambda: Contender("wasm-interp (wabt)", lambda files, program=measure.need("wasm-interp", "wabt"):
                                         [program, "--run-all-exports", files.module], r"measured\(\) => i32:(\d+)"))
    add("node", lambda: Node(measure.need("node", "nodejs")))
    add("wazero", lambda: wazero("wazero, interpreter", ["-interpreter"]))
    add("wazero", lambda: wazero("wazero, compiler", []))
    return found, missing


def main():
    measure.prepare()
    found, missing = contenders()
    files = {name: (Files(name, size), Files(name, 0)) for name, size in SIZES.items()}
    seconds = {contender.name: {name: [] for name in SIZES} for contender in found}
    for number in range(ROUNDS):
        for name, (full, idle) in files.items():
            results = {}
            for contender in found:
                took, results[contender.name] = contender.seconds(full, idle)
                seconds[contender.name][name].append(took)
            if len(set(results.values())) != 1:
                raise RuntimeError("the engines do not agree on %s: %r" % (name, results))
        print("round %d of %d" % (number + 1, ROUNDS), file=sys.stderr)

    native = seconds[found[0].name]

    def ratio(contender, name):
        pairs = zip(seconds[contender.name][name], native[name])
        return statistics.median(theirs / best for theirs, best in pairs)

    rows = []
    for contender in found:
        ratios = [ratio(contender, name) for name in SIZES]
        rows.append([contender.name] + ["%.1f" % r for r in ratios] + ["%.1f" % statistics.geometric_mean(ratios)])
    measure.table("Time as a multiple of native code, median of %d rounds" % ROUNDS,
                  [""] + list(SIZES) + ["geo. mean"], rows)
    rows = [["native, ms"] + ["%.1f" % (1000 * statistics.median(native[name])) for name in SIZES]]
    measure.table("For orientation", [""] + list(SIZES), rows)
    measure.note_missing(missing)
