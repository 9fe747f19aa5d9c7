# SPDX-License-Identifier: Apache-2.0
"""Engine: how long the same computations take in this engine and in others.

The kernels of kernels.c and a Go program, each compiled once for all as a WASI command. A run's time is the process's
less that of the same module with nothing to do, so that loading does not count; in node it is the call's. Compilers keep
their code in a cache that is filled before the first round: of the Go program, what has nothing to do is much smaller.
Contenders: `wasmserve run` with a deadline, in each tier that the build has; V8 in node, its optimizing and its baseline
compiler, each alone; wazero's interpreter and its compiler, without a deadline and with one, where `wazero` is
installed; wasmtime, where a Python has the package of that name; and, for C, the same source compiled for this machine.
What the deadline costs is seen beside code that does not look for it.

The last table is of compiling: bytes of modules for each second of processor time, of a whole process.
"""
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time

import measure
from measure import Missing, env

# Sizes with which native code runs for some 20 to 40 ms: enough to be told from noise in the fastest contender, and
# bearable in the slowest.
SIZES = {"calls": 33, "sieve": 100, "matrix": 60, "bodies": 800, "digest": 40, "sort": 250, "dispatch": 60, "threaded": 60,
         "permute": 150, "divide": 60, "tree": 6, "blocks": 40, "words": 120, "fractal": 150, "vectors": 800, "mixture": 200, "go": 12}
ROUNDS = 3
MIXTURE = "mixture"
CACHED = ["wasmserve, compiler", "wazero, compiler", "wazero, compiler, deadline"]
DEADLINE = 600000  # ms: never reached, always watched

# What the interpreter is to reach.
GOAL_V8 = 7.0  # times V8's time at most, as geometric mean
GOAL_V8_MIXTURE = 0.15  # of V8's speed at least
GOAL_WAZERO = 15.0  # times the speed of wazero's interpreter at least
# What the compiler, whose deadline is always watched, is to reach: times the speed of whom at least.
COMPILER_GOALS = [("V8 (optimizing)", "V8, optimizing", 0.65), ("wazero's compiler, without deadline", "wazero, compiler", 1.5),
                  ("wazero's compiler, with deadline", "wazero, compiler, deadline", 5.0), ("wasmtime", "wasmtime", 0.6)]
GOAL_SLOWEST = 0.3
GOAL_DEADLINE = 1.05  # times the time of code that does not look for one, at most
# Of compiling: megabytes in a second of one core, and times wazero's speed, at least.
GOAL_COMPILING = 5.0
GOAL_COMPILING_WAZERO = 4.0
UNWATCHED = "wasmserve, compiler, unwatched"

NODE = """
const fs = require("fs");
const { WASI } = require("node:wasi");
const out = process.argv[2];
const wasi = new WASI({ version: "preview1", args: ["guest"], env: {}, returnOnExit: true, stdout: fs.openSync(out, "w") });
const module = new WebAssembly.Module(fs.readFileSync(process.argv[1]));
const instance = new WebAssembly.Instance(module, wasi.getImportObject());
const began = process.hrtime.bigint();
wasi.start(instance);
const seconds = Number(process.hrtime.bigint() - began) / 1e9;
console.log(JSON.stringify({ result: fs.readFileSync(out, "utf8"), seconds }));
"""

WASMTIME = """
import json, sys, time, wasmtime
engine = wasmtime.Engine()
module = wasmtime.Module.from_file(engine, sys.argv[1])
linker, store, wasi = wasmtime.Linker(engine), wasmtime.Store(engine), wasmtime.WasiConfig()
linker.define_wasi()
wasi.argv, wasi.stdout_file = ["guest"], sys.argv[2]
store.set_wasi(wasi)
start = linker.instantiate(store, module).exports(store)["_start"]
began = time.perf_counter()
try:
    start(store)
except wasmtime.ExitTrap as end:
    if end.code != 0:
        raise
seconds = time.perf_counter() - began
store.close()
print(json.dumps({"result": open(sys.argv[2]).read(), "seconds": seconds}))
"""


class Files:
    """The compiled forms of one kernel with one size: .module, and .native, which is None for Go."""

    def __init__(self, name, size):
        folder = os.path.join(measure.OUT, "engine")
        os.makedirs(folder, exist_ok=True)
        stem = os.path.join(folder, "%s_%d" % (name, size))
        self.module, self.native = stem + ".wasm", None
        if name == "go":
            self._compile_go(stem, size)
            return
        source = os.path.join(measure.HERE, "kernels.c")
        defines = ["-DRUN=" + name, "-DSIZE=%d" % size]
        wasm = {"vectors": ["-msimd128"], "threaded": ["-mtail-call"]}.get(name, [])
        if name == "vectors":
            defines.append("-DVECTORS")
        measure.compile_wasm(source, self.module, defines + wasm, ["-lm"])
        self.native = stem
        measure.run(["cc", "-O2", "-ffp-contract=off", *defines, source, "-lm", "-o", self.native])

    def _compile_go(self, stem, size):
        with open(os.path.join(measure.HERE, "program.go"), encoding="utf-8") as source:
            text = source.read()
        with open(stem + ".go", "w", encoding="utf-8") as out:
            out.write(text.replace("const size = 1", "const size = %d" % size))
        measure.compile_go(stem + ".go", self.module)


class Contender:
    """command: a function of Files, or None where they do not have what it runs."""

    def __init__(self, name, command):
        self.name = name
        self.command = command
        self.idle = {}  # by module: the shortest run with nothing to do; what disturbs one only makes it longer

    @staticmethod
    def timed(command):
        began = time.perf_counter()
        said = measure.run(command)
        return time.perf_counter() - began, said.strip()

    def seconds(self, full, idle):
        """(seconds, what it printed), or None if it cannot run this one."""
        if self.command(full) is None:
            return None
        try:
            took, result = self.timed(self.command(full))
            best = min(self.timed(self.command(idle))[0], self.idle.get(idle.module, took))
        except RuntimeError:
            return None
        self.idle[idle.module] = best
        return max(took - best, 1e-4), result


class Script(Contender):
    """One that tells the time of the call itself: a script, run by `command`, with the module and a file for what
    the guest says."""

    def __init__(self, name, command):
        out = os.path.join(measure.OUT, "engine", "said")
        super().__init__(name, lambda files: [*command, files.module, out])

    def seconds(self, full, idle):
        said = json.loads(measure.run(self.command(full)))
        return said["seconds"], said["result"].strip()


def node(name, flags):
    return Script(name, [measure.need("node", "nodejs"), "--no-warnings", *flags, "-e", NODE])


def wasmtime():
    for python in (os.environ.get("WASMTIME_PYTHON"), sys.executable, shutil.which("python3")):
        if python and subprocess.run([python, "-c", "import wasmtime"], capture_output=True).returncode == 0:
            return Script("wasmtime", [python, "-c", WASMTIME])
    raise Missing("no Python that has wasmtime (PyPI: wasmtime; WASMTIME_PYTHON names one)")


def contenders():
    found, missing = [], []

    def add(name, make):
        try:
            found.append(make())
        except Missing as why:
            missing.append((name, why))

    def wazero(name, options):
        program = measure.need("wazero", "none; a release of the wazero project")
        return Contender(name, lambda files: [program, "run", *options, files.module])

    def cache(name):
        folder = os.path.join(measure.OUT, "engine", name)
        os.makedirs(folder, mode=0o700, exist_ok=True)
        return folder

    found.append(Contender("native (cc -O2)", lambda files: files.native and [files.native]))
    for engine in ("interpreter", "compiler"):
        name = "wasmserve, " + engine
        command = [env.TOOL, "run", "--engine", engine, "--timeout", str(DEADLINE)]
        if engine == "compiler":
            command += ["--cache", cache("code")]
        if shutil.which(env.TOOL) is None:
            missing.append((name, "%s is not built" % env.TOOL))
            continue
        try:
            measure.run(command + [Files("calls", 0).module])
        except RuntimeError as why:
            missing.append((name, str(why).strip().splitlines()[-1].rpartition(": ")[2]))
            continue
        found.append(Contender(name, lambda files, command=tuple(command): [*command, files.module]))
    add("V8", lambda: node("V8, optimizing", ["--no-liftoff", "--no-wasm-lazy-compilation"]))
    add("V8", lambda: node("V8, baseline", ["--liftoff-only"]))
    if any(contender.name == "wasmserve, compiler" for contender in found):
        # Never kept in a cache: of Go, compiling would be most of it.
        found.append(Contender(UNWATCHED, lambda files: files.native and [
            env.TOOL, "run", "--engine", "compiler,unwatched", files.module]))
    add("wasmtime", wasmtime)
    add("wazero", lambda: wazero("wazero, compiler", ["-cachedir", cache("wazero")]))
    add("wazero", lambda: wazero("wazero, compiler, deadline", ["-timeout", "%dms" % DEADLINE, "-cachedir", cache("wazero")]))
    add("wazero", lambda: wazero("wazero, interpreter", ["-interpreter"]))
    return found, missing


def programs():
    """The kernels that can be compiled here, with a size and with nothing to do; and what is missing."""
    files, missing = {}, []
    for name, size in SIZES.items():
        try:
            files[name] = Files(name, size), Files(name, 0)
        except Missing as why:
            missing.append((name, why))
    return files, missing


def run_round(found, files, seconds):
    for name, (full, idle) in files.items():
        results = {}
        for contender in found:
            outcome = contender.seconds(full, idle)
            if outcome is not None:
                seconds[contender.name].setdefault(name, []).append(outcome[0])
                results[contender.name] = outcome[1]
        if len(set(results.values())) != 1:
            raise RuntimeError("the engines do not agree on %s: %r" % (name, results))


# ---- compiling


def times(command):
    """(seconds of processors, seconds that passed)"""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    measure.run(command)
    after, ended = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, ended - began


def compiling():
    guests = os.path.join(measure.BUILD_DIR, "guests")
    modules = [path for path in (os.path.join(guests, name) for name in ("hello.wasm", "files.wasm", "go_hello.wasm", "go_cgi.wasm"))
               if os.path.exists(path)]
    peers = {"wasmserve": [env.TOOL, "compile"]}
    if shutil.which("wazero"):
        peers["wazero"] = ["wazero", "compile"]
    rows, speeds, ratios, waits = [], [], [], []
    for path in modules:
        size = os.path.getsize(path) / 1e6
        best = {}
        for name, command in peers.items():
            all_rounds = [times([*command, path]) for _ in range(ROUNDS)]
            best[name] = [min(one) for one in zip(*all_rounds)]
        ours, others = best["wasmserve"], best.get("wazero")
        speeds.append(size / ours[0])
        if others:
            ratios.append(others[0] / ours[0])
            waits.append(others[1] / ours[1])
        rows.append([os.path.basename(path), "%.2f" % size, "%.1f" % speeds[-1],
                     *(["%.1f" % (size / others[0]), "%.2f" % ratios[-1], "%.2f" % waits[-1]] if others else ["-"] * 3)])
    measure.table("Compiling: MB of modules in a second of one core; as started, with the threads that each takes",
                  ["", "MB", "wasmserve", "wazero", "ratio", "as started"], rows)
    seen = [("compiling, MB/s and core", speeds, GOAL_COMPILING),
            ("compiling's speed, × wazero, as started", waits, GOAL_COMPILING_WAZERO),
            ("compiling's speed, × wazero, for each core", ratios, GOAL_COMPILING_WAZERO)]
    return [[text, statistics.geometric_mean(figures), wanted] for text, figures, wanted in seen if figures]


def main():
    measure.prepare()
    found, missing = contenders()
    files, lacking = programs()
    seconds = {contender.name: {} for contender in found}
    run_round([contender for contender in found if contender.name in CACHED], files, {name: {} for name in CACHED})
    for number in range(ROUNDS):
        run_round(found, files, seconds)
        print("round %d of %d" % (number + 1, ROUNDS), file=sys.stderr)

    def ratio(one, other, name):
        """One's time as a multiple of the other's, in the same round; None where either has none."""
        if name not in seconds.get(one, {}) or name not in seconds.get(other, {}):
            return None
        return statistics.median(a / b for a, b in zip(seconds[one][name], seconds[other][name]))

    def mean(one, other):
        ratios = [r for r in (ratio(one, other, name) for name in files) if r is not None]
        return statistics.geometric_mean(ratios) if ratios else None

    def shown(number, form="%.2f"):
        return "-" if number is None else form % number

    base = "V8, optimizing" if "V8, optimizing" in seconds else found[0].name
    rows = [[name] + [shown(ratio(contender.name, base, name)) for contender in found] for name in files]
    rows.append(["geometric mean"] + [shown(mean(contender.name, base)) for contender in found])
    measure.table("Time as a multiple of that of %s, median of %d rounds" % (base, ROUNDS),
                  [""] + [contender.name for contender in found], rows)

    ours = "wasmserve, interpreter"
    goals = []

    def goal(text, figure, reached, wanted):
        if figure is not None:
            goals.append([text, "%.2f" % figure, wanted, "met" if reached(figure) else "MISSED"])

    goal("interpreter's time, × V8 (optimizing)", mean(ours, "V8, optimizing"), lambda n: n <= GOAL_V8, "<= %g" % GOAL_V8)
    goal("interpreter's speed on %s, × V8" % MIXTURE, ratio("V8, optimizing", ours, MIXTURE),
         lambda n: n >= GOAL_V8_MIXTURE, ">= %g" % GOAL_V8_MIXTURE)
    goal("interpreter's speed, × wazero's interpreter", mean("wazero, interpreter", ours), lambda n: n >= GOAL_WAZERO,
         ">= %g" % GOAL_WAZERO)
    compiled = "wasmserve, compiler"
    for text, peer, wanted in COMPILER_GOALS:
        goal("compiler's speed, × " + text, mean(peer, compiled), lambda n, wanted=wanted: n >= wanted, ">= %g" % wanted)
    slowest = [r for r in (ratio(base, compiled, name) for name in files) if r is not None]
    if slowest and base != compiled:
        goal("compiler's speed on its slowest, × V8", min(slowest), lambda n: n >= GOAL_SLOWEST, ">= %g" % GOAL_SLOWEST)
    if compiled in seconds:
        goal("what the deadline costs, × its time without", mean(compiled, UNWATCHED), lambda n: n <= GOAL_DEADLINE,
             "<= %g" % GOAL_DEADLINE)
        for text, figure, wanted in compiling():
            goal(text, figure, lambda n, wanted=wanted: n >= wanted, ">= %g" % wanted)
    measure.table("Goals", ["", "seen", "wanted", ""], goals)
    measure.note_missing(missing + lacking)
