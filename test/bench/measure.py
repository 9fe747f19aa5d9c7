# SPDX-License-Identifier: Apache-2.0
"""measure.py: what the benchmarks share: load, rounds, ratios, tables.

The machines that these run on are never quiet, and two figures taken a minute apart say little about each other.
Contenders are therefore measured in turns, round after round, within one run; a ratio is taken within its round, and
what is reported is the median of the rounds' ratios. Absolute figures stand beside it for orientation only.

Beside the rate stands what a request cost the server in processor time. It says the same thing where the machine has
nothing else to do, and is the one to look at where it has.

A contender must first show that it answers what the others answer, byte for byte: a fast error page wins nothing.
"""
import os
import re
import shutil
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, "test", "httpd"))

import env  # noqa: E402  (the test harness; found through the line above)
from nginx_server import Missing  # noqa: E402,F401  (what a contender that cannot take part here says)

BUILD_DIR = env.BUILD_DIR
OUT = os.path.join(BUILD_DIR, "bench")

# The same for every httpd here: enough threads for the connections, and nobody is sent away.
HTTPD_TUNING = ("StartServers 2\nServerLimit 2\nThreadsPerChild 25\nThreadLimit 25\nMinSpareThreads 25\n"
                "MaxSpareThreads 50\nMaxRequestWorkers 50\nMaxKeepAliveRequests 0\nKeepAlive On")


def need(program, package):
    path = shutil.which(program)
    if not path:
        raise Missing("no %s (Debian: %s)" % (program, package))
    return path


def need_go(minor=21):
    """A Go that compiles for WASI: 1.21 or newer. Reactors (//go:wasmexport) take 1.24."""
    for go in (shutil.which("go"), "/usr/local/go/bin/go"):
        if go and os.access(go, os.X_OK):
            version = re.match(r"go1\.(\d+)", run([go, "env", "GOVERSION"]))
            if version and int(version.group(1)) >= minor:
                return go
    raise Missing("no Go 1.%d or newer" % minor)


def compile_go(source, target, wasm=True, reactor=False):
    """One file of Go: a program or a reactor for WASI, or a program for this machine. It may import the package that
    filters use (conf/guest/go), which needs modules, as nothing else here does."""
    go = need_go(24 if reactor else 21)
    folder = os.path.join(OUT, "go")
    shutil.copytree(os.path.join(TOP, "conf", "guest", "go"), folder, dirs_exist_ok=True)
    os.makedirs(os.path.join(folder, "bench"), exist_ok=True)
    shutil.copy(source, os.path.join(folder, "bench", "main.go"))
    with open(source, encoding="utf-8") as file:
        modules = "on" if '"guests/' in file.read() else "off"
    run([go, "build", "-buildmode=" + ("c-shared" if reactor else "exe"), "-o", os.path.abspath(target), "./bench"],
        cwd=folder, env=dict(os.environ, GO111MODULE=modules, GOTOOLCHAIN="local", GOFLAGS="", CGO_ENABLED="0",
                             **(dict(GOOS="wasip1", GOARCH="wasm") if wasm else {})))


def run(command, **keywords):
    """A command that must succeed; its standard output."""
    done = subprocess.run(command, capture_output=True, text=True, **keywords)
    if done.returncode != 0:
        raise RuntimeError("%s ended with %d:\n%s%s" % (command[0], done.returncode, done.stdout, done.stderr))
    return done.stdout


def compile_wasm(source, target, flags=(), link=()):
    """C to WebAssembly. In two steps: clang that compiles and links at once calls wasm-opt where there is one, and
    then the same source would be another module on another machine."""
    need("clang", "clang lld wasi-libc libclang-rt-14-dev-wasm32")
    run(["clang", "--target=wasm32-wasi", "-O2", "-Wall", "-Wextra", *flags, "-c", source, "-o", target + ".o"])
    run(["clang", "--target=wasm32-wasi", target + ".o", *link, "-o", target])
    os.unlink(target + ".o")


class Result:
    """One measurement: requests per second, latencies in milliseconds where the tool tells them, and the server's
    microseconds of processor time for each request."""

    def __init__(self, rate, requests, p50=None, p99=None):
        self.rate = rate
        self.requests = requests
        self.p50 = p50
        self.p99 = p99
        self.cpu = None


def processor_seconds(session):
    """User and system time of all processes of a session, which every server here has for itself."""
    ticks = 0
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open("/proc/%s/stat" % entry, encoding="latin-1") as stat:
                # What follows the command's name, which may hold anything: state, parent, group, session, …
                fields = stat.read().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        if int(fields[3]) == session:
            # Those of its own and those of children that have ended, such as CGI programs.
            ticks += sum(int(field) for field in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def _milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60000}[unit]


def wrk(port, path, headers=(), connections=16, seconds=2):
    """HTTP/1.1 with keep-alive."""
    command = [need("wrk", "wrk"), "-t1", "-c%d" % connections, "-d%ds" % seconds, "--latency", "--timeout", "10s"]
    for name, value in headers:
        command += ["-H", "%s: %s" % (name, value)]
    said = run(command + ["http://127.0.0.1:%d%s" % (port, path)])
    if "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError("not every request was answered:\n" + said)
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", said).group(1))
    requests = int(re.search(r"(\d+) requests in", said).group(1))
    latency = {point: _milliseconds(value) for point, value in re.findall(r"^\s+(50|99)%\s+(\S+)$", said, re.M)}
    return Result(rate, requests, latency.get("50"), latency.get("99"))


def h2load(port, path, headers=(), connections=16, seconds=2):
    """HTTP/2 in cleartext, one stream at a time on each connection."""
    command = [need("h2load", "nghttp2-client"), "-t1", "-c%d" % connections, "-m1", "-D%d" % seconds,
               "--warm-up-time=0"]
    for name, value in headers:
        command += ["-H", "%s: %s" % (name, value)]
    said = run(command + ["http://127.0.0.1:%d%s" % (port, path)])
    codes = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", said)
    if not codes or any(int(n) for n in codes.groups()[1:]):
        raise RuntimeError("not every request was answered:\n" + said)
    return Result(float(re.search(r"finished in .*?, ([\d.]+) req/s", said).group(1)), int(codes.group(1)))


class Contender:
    """name: as the table says it. load: a function that puts load on it and returns a Result. session: the session
    of its server's processes."""

    def __init__(self, name, session, load):
        self.name = name
        self.session = session
        self.load = load
        self.results = []

    def measure(self):
        before = processor_seconds(self.session)
        result = self.load()
        result.cpu = 1e6 * (processor_seconds(self.session) - before) / result.requests
        return result

    def median(self, field):
        return statistics.median(getattr(result, field) for result in self.results)

    def ratio_to(self, other, field="rate"):
        """How often this one's figure holds the other's."""
        return statistics.median(getattr(mine, field) / getattr(theirs, field)
                                 for mine, theirs in zip(self.results, other.results))


def interleave(contenders, rounds):
    """Measures all of them in turns. A turn before the first round is not counted: caches fill, threads start."""
    for number in range(rounds + 1):
        for contender in contenders:
            result = contender.measure()
            if number > 0:
                contender.results.append(result)
        if number > 0:
            print("round %d of %d" % (number, rounds), file=sys.stderr)


def table(title, head, rows):
    """Prints columns; the first is left aligned, the others right."""
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in [head] + rows) for column in range(len(head))]
    print("\n" + title)
    for row in [head, ["-" * width for width in widths]] + rows:
        cells = [row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        print("  " + "  ".join(cells).rstrip())


def note_missing(missing):
    for name, why in missing:
        print("  not measured: %s: %s" % (name, why))


def verify(name, body, expected):
    if body != expected:
        raise RuntimeError("%s answers other bytes than expected: %r" % (name, body[:120]))


def prepare():
    os.makedirs(OUT, exist_ok=True)
    if not os.path.exists(env.MODULE):
        raise SystemExit("%s is not built: run ./build.sh" % env.MODULE)
    if env.sanitizer():
        raise SystemExit("this build has sanitizers (%s): its speed says nothing" % env.sanitizer())
