# SPDX-License-Identifier: Apache-2.0
"""differential_engines.py — the engines that are compared, each a process that lives as long as the campaign.

How:     engines() starts differential_run (once for each tier that this build has) and differential_run.js. They are
         sent a module with the same numbers, all before the first is listened to, and answer in a line; only where
         the lines differ are transcripts asked for and compared.
         An engine that dies or is silent for too long is started again, and its answer says what happened.
"""
import os
import select
import shlex
import shutil
import subprocess
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, os.environ.get("BUILD_DIR", "build"))
FUZZ = os.path.join(TOP, "test", "fuzz")
TIERS = ("interpreter", "compiler", "compiler,explicit")
SECONDS = 30 # for a request, which takes milliseconds: the machine may be busy
# Features that are not the same thing, or nothing, in the engines of node's versions, and a module that needs each.
HEAD = b"\0asm\1\0\0\0"
PROBES = {
    "extended-const": HEAD + b"\6\x09\1\x7f\0\x41\1\x41\1\x6a\x0b",
    "relaxed-simd": HEAD + b"\1\5\1\x60\0\1\x7b\3\2\1\0\x0a\x29\1\x27\0\xfd\x0c" + bytes(16) + b"\xfd\x0c" + bytes(16) +
                    b"\xfd\x80\2\x0b",
    "tail-call": HEAD + b"\1\4\1\x60\0\0\3\2\1\0\x0a\6\1\4\0\x12\0\x0b",
    "exception-handling": HEAD + b"\1\5\1\x60\0\1\x69\3\2\1\0\x0a\6\1\4\0\xd0\x69\x0b",
    "multimemory": HEAD + b"\5\5\2\0\1\0\1",
    "memory64": HEAD + b"\5\3\1\4\1",
    "function-references": HEAD + b"\1\7\2\x60\0\0\x60\1\x64\0\0",
    "gc": HEAD + b"\1\3\1\x5f\0",
    "atomics": HEAD + b"\5\4\1\3\1\1",
    "custom-page-sizes": HEAD + b"\5\4\1\x08\1\0",
    "wide-arithmetic": HEAD + b"\1\x0a\1\x60\4\x7e\x7e\x7e\x7e\2\x7e\x7e\3\2\1\0\x0a\x0e\1\x0c\0\x20\0\x20\1\x20\2"
                       b"\x20\3\xfc\x13\x0b",
}


def run(command, seconds, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds, **options)


def compile_runner(work):
    """The runner, with the compiler and the flags of this build."""
    with open(os.path.join(BUILD, "config.env"), encoding="utf-8") as file:
        settings = dict(word.split("=", 1) for word in shlex.split(file.read()))
    program = os.path.join(work, "differential_run")
    sanitize = settings.get("SANITIZE")
    command = [settings.get("CC") or "gcc", "-std=c11", "-D_GNU_SOURCE", "-O1", "-g", "-Wall", "-Wextra", "-Werror",
               "-I", os.path.join(BUILD, "include", "engine"), "-o", program,
               os.path.join(FUZZ, "differential_run.c"), os.path.join(BUILD, "lib", "libengine.a"),
               "-lm", "-lpthread"]
    if sanitize:
        command[1:1] = ["-fsanitize=" + sanitize]
    made = run(command, 300)
    if made.returncode != 0:
        raise SystemExit("not ok differential: its runner does not build: " +
                         made.stdout.decode(errors="replace")[-600:])
    return program


class Engine:
    def __init__(self, name, command):
        self.name, self.command, self.process, self.seconds = name, command, None, SECONDS
        self.start()

    def start(self):
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.errors, env=dict(os.environ, WITH_PLACES="1"))
        self.pending = b""
        self.ready = self.line()

    def stop(self):
        self.process.kill()
        self.process.wait()

    def line(self):
        """The next line, or what became of the process."""
        while b"\n" not in self.pending:
            if not select.select([self.process.stdout], [], [], self.seconds)[0]:
                return self.ended("silent for %d s" % self.seconds)
            got = os.read(self.process.stdout.fileno(), 1 << 16)
            if not got:
                return self.ended("ended")
            self.pending += got
        line, self.pending = self.pending.split(b"\n", 1)
        return line.decode(errors="replace")

    def ended(self, how):
        if how == "ended":
            how += " with status %d" % self.process.wait()
        self.stop()
        self.errors.seek(0)
        said = self.errors.read().decode(errors="replace").splitlines()
        said = [line for line in said if "rror" in line][:2] or said[:2]
        self.pending = b""
        self.process = None
        return "died: %s: %s" % (how, " ".join(said)[:300])

    def send(self, command, module, numbers=(0, 0, 0, 0)):
        if not self.process:
            self.start()
        try:
            self.process.stdin.write(("%s %d %d %d %d %d\n" % (command, *numbers, len(module))).encode() + module)
            self.process.stdin.flush()
        except BrokenPipeError:
            pass # line() says so

    def ask(self, command, module, numbers=(0, 0, 0, 0)):
        self.send(command, module, numbers)
        return self.line()

    def show(self, module, numbers):
        """The transcript."""
        self.send("show", module, numbers)
        lines = []
        while not lines or lines[-1] != "." and not lines[-1].startswith("died"):
            lines.append(self.line())
        return lines


def common_features(node):
    """(features that ours is not to use, because the other has not the like, those that both have)."""
    absent = [name for name, module in PROBES.items() if node.ask("valid", module) != "valid"]
    return absent, [name for name in PROBES if name not in absent]


def engines(work, wanted=TIERS, flags=()):
    """{name: Engine}, node's first, if there is a node. Tiers that this build or machine has not are left out."""
    program = compile_runner(work)
    found, absent = {}, []
    if shutil.which("node"):
        node = Engine("node", ["node", "--experimental-wasm-type-reflection", *flags,
                               os.path.join(FUZZ, "differential_run.js")])
        if node.ready != "ready":
            raise SystemExit("not ok differential: node: " + node.ready)
        found["node"] = node
        absent, _ = common_features(node)
    for name in wanted:
        engine = Engine(name, [program, name, *absent])
        if engine.ready == "ready":
            found[name] = engine
        elif not engine.ready.startswith("unavailable"):
            raise SystemExit("not ok differential: %s: %s" % (name, engine.ready))
    return found


# ---- comparing

def digests(line):
    """What a `ran` line has to have in common with that of the other engine, and with those of the other tiers."""
    words = line.split(" ")
    return (words[1], words[3], words[4]), tuple(words[1:6])


def differ(answers):
    """Which engine, if any, is to be asked for its transcript beside that of the first: (first, other) or None.
    `answers`: {name: line}."""
    names = list(answers)
    first = names[0]
    if all(line.startswith("refused") for line in answers.values()):
        return None # what wasm-opt makes is not always valid
    for name in names[1:]:
        ours, theirs = answers[name].split(" "), answers[first].split(" ")
        if ours[0] != "ran" or theirs[0] != "ran":
            return first, name
        if ours[5] == "-" and theirs[5] == "-" and digests(answers[name])[0] != digests(answers[first])[0]:
            return first, name
        if (ours[5] == "-") != (theirs[5] == "-") or ours[5] != "-":
            return first, name
    return differ_in_tiers(answers, names[1:])


def differ_in_tiers(answers, tiers):
    """The same for our tiers alone, which are to stop at the same instruction when fuel ends. Of other limits each has
    its own."""
    words = {name: answers[name].split(" ") for name in tiers}
    for name in tiers[1:]:
        one, other = words[tiers[0]], words[name]
        if one[0] == other[0] == "ran" and not {one[5], other[5]} <= {"-", "FUEL"}:
            continue
        if one[0] != other[0] or one[0] == "died:" or one[0] == "ran" and digests(answers[name])[1] != \
                digests(answers[tiers[0]])[1]:
            return tiers[0], name
    return None


def compare(first, other):
    """What differs between two transcripts, as (index of the call, text); None if nothing does up to a limit that one
    of them met. Lines with places count between tiers alone."""
    call, calls = "instantiation", -1
    if first[-1].startswith("died") or other[-1].startswith("died"):
        return 0, "%s; %s" % (first[-1], other[-1])
    for mine, yours in zip(first, other):
        if mine.startswith("call "):
            call, calls = mine, calls + 1
        if mine.startswith("= limit") or yours.startswith("= limit"):
            return None
        if mine != yours:
            return calls, "%s and %s of %s" % (mine[:200], yours[:200], call[:200])
    return None if len(first) == len(other) else (calls, "one goes on")


def without_places(lines):
    return [line for line in lines if not line.startswith("# ")]


def disagreement(found, module, numbers, pair):
    """The verdict over two engines' transcripts: (calls before, text) or None."""
    first, other = (found[name].show(module, numbers) for name in pair)
    if "node" in pair:
        first, other = without_places(first), without_places(other)
    verdict = compare(first, other)
    return verdict and (verdict[0], "%s and %s: %s" % (*pair, verdict[1]))
