# SPDX-License-Identifier: Apache-2.0
"""Packing: sizes and time of `wasmserve pack`, beside the compressors by hand.

The subject is a real application in two versions, esbuild-wasm 0.28.1 and 0.28.2 from npm, where npm reaches it: the
whole of what a site would deploy, and a step between versions as they happen. Elsewhere it is made here: the demo's
app, built by Go, and the same with a feature more.

By hand means one program after the other, as a deploy script does it: brotli -q 11 with its largest window, zstd -19,
zstd --ultra -22 within the window that browsers take (8 MiB, RFC 9659), gzip -9; and for the delta zstd's own
--patch-from at its highest level. Every result of pack is decoded and compared first.
"""
import json
import os
import re
import resource
import shutil
import subprocess
import tempfile
import time

import measure
from measure import Missing, env, need

PACKAGE, VERSIONS = "esbuild-wasm", ("0.28.1", "0.28.2")
# Below this is the delta of that step, as README.md has it.
DELTA_GOAL = 700000


def from_npm(folder):
    """The module of both versions, or why there is none."""
    npm = need("npm", "npm")
    files = []
    for version in VERSIONS:
        target = os.path.join(folder, version)
        os.mkdir(target)
        done = subprocess.run([npm, "pack", "--silent", "%s@%s" % (PACKAGE, version)], cwd=target, capture_output=True,
                              text=True, timeout=120, check=False)
        archive = [name for name in os.listdir(target) if name.endswith(".tgz")]
        if done.returncode != 0 or not archive:
            raise Missing("npm does not reach %s@%s" % (PACKAGE, version))
        subprocess.run(["tar", "-xzf", archive[0]], cwd=target, check=True)
        files.append(os.path.join(target, "package", "esbuild.wasm"))
    return files


# What the second version has more than the first: a package, and a function that uses it.
CHANGE = """//go:build js && wasm

package main

import (
	"net/url"
	"os"
)

func init() {
	if len(os.Args) > 2 {
		if at, err := url.Parse(os.Args[2]); err == nil {
			os.Args[1] = at.Fragment
		}
	}
}
"""


def made_here(folder):
    """The demo's app, built by Go, and the same with a feature more."""
    go = need("go", "golang-go")
    app = os.path.join(measure.TOP, "conf", "demo", "app")
    files = []
    for version in ("1", "2"):
        source = os.path.join(folder, "app" + version)
        shutil.copytree(app, source)
        if version == "2":
            with open(os.path.join(source, "change.go"), "w", encoding="utf-8") as file:
                file.write(CHANGE)
        files.append(os.path.join(folder, version + ".wasm"))
        measure.run([go, "build", "-trimpath", "-o", files[-1], "."], cwd=source, env=dict(
            os.environ, GOOS="js", GOARCH="wasm", GOFLAGS="-mod=mod", GOTOOLCHAIN="local", GOPROXY="off",
            GOCACHE=os.path.join(measure.OUT, "go-cache")))
    for number, path in enumerate(files):
        os.mkdir(os.path.join(folder, "v%d" % number))
        files[number] = shutil.move(path, os.path.join(folder, "v%d" % number, "app.wasm"))
    return files


class Took:
    """Seconds by the clock and of processor time; the second says the same on a machine that has other work."""

    def __init__(self, clock=0.0, cpu=0.0):
        self.clock = clock
        self.cpu = cpu

    def __add__(self, other):
        return Took(self.clock + other.clock, self.cpu + other.cpu)

    def cells(self):
        return ["%.1f" % self.clock, "%.1f" % self.cpu]


def processor_time():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def timed(command, **keywords):
    begun, used = time.monotonic(), processor_time()
    done = subprocess.run(command, check=True, capture_output=True, **keywords)
    return Took(time.monotonic() - begun, processor_time() - used), done


def by_hand(old, new, folder):
    """Rows of (what, coding it competes with, bytes, Took)."""
    out = os.path.join(folder, "by-hand")
    commands = [
        ("brotli -q 11 --lgwin=24", "br", ["brotli", "-f", "-q", "11", "--lgwin=24", new, "-o", out]),
        ("zstd -19", "zstd", ["zstd", "-qf", "-19", new, "-o", out]),
        # Level 22 alone takes a window of 128 MiB, which no browser has.
        ("zstd --ultra -22, 8 MiB", "zstd", ["zstd", "-qf", "--ultra", "-22", "--zstd=wlog=23", new, "-o", out]),
        ("gzip -9", "gzip", ["sh", "-c", 'gzip -9 -n -c "$1" >"$2"', "sh", new, out]),
        ("zstd -19 -D", "dcz", ["zstd", "-qf", "-19", "-D", old, new, "-o", out]),
        ("zstd --ultra -22 --patch-from", "dcz", ["zstd", "-qf", "--ultra", "-22", "--long=27", "--patch-from=" + old,
                                                  new, "-o", out]),
    ]
    rows = []
    for what, coding, command in commands:
        took, _ = timed(command)
        # dcz: with the header of RFC 9842.
        rows.append((what, coding, os.path.getsize(out) + (40 if coding == "dcz" else 0), took))
    os.unlink(out)
    return rows


def check(out, old, new):
    """Everything that was made for the new version gives it back. Returns the sizes by coding."""
    with open(os.path.join(out, "manifest.json"), encoding="utf-8") as file:
        unit = json.load(file)["units"][0]
    file, = unit["versions"][0]["files"].values()
    with open(new, "rb") as source:
        wanted = source.read()
    sizes = {}
    for form in file["variants"] + file["deltas"]:
        path = os.path.join(out, form["name"])
        command = {"br": ["brotli", "-dc", path], "zstd": ["zstd", "-dcq", path], "gzip": ["gzip", "-dc", path],
                   "dcz": ["zstd", "-dcq", "--memory=128MB", "-D", old, path]}[form["coding"]]
        measure.verify(form["name"], subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout, wanted)
        sizes[form["coding"]] = form["size"]
    return sizes


def main():
    measure.prepare()
    for program in ("brotli", "zstd", "gzip"):
        need(program, program)
    with tempfile.TemporaryDirectory(prefix="wasmserve-pack-") as folder:
        try:
            old, new = from_npm(folder)
            subject = "%s %s to %s" % (PACKAGE, *VERSIONS)
        except (Missing, subprocess.TimeoutExpired) as why:
            print("%s; a module is made instead" % why)
            old, new = made_here(folder)
            subject = "the demo's app, and the same with a feature more"
        out = os.path.join(folder, "out")
        first, _ = timed([env.TOOL, "pack", "-q", "-o", out, old])
        second, done = timed([env.TOOL, "pack", "-o", out, new])
        again, said = timed([env.TOOL, "pack", "-o", out, new])
        assert said.stdout.startswith(b"unchanged ") and said.stderr == b""
        sizes = check(out, old, new)
        # "made NAME: N bytes, P %, in S s"
        seconds = {}
        for name, value in re.findall(r"^made (\S+): .* in ([\d.]+) s$", done.stderr.decode(), re.M):
            coding = {"br": "br", "zst": "zstd", "gz": "gzip", "dcz": "dcz"}[name.rsplit(".", 1)[1]]
            seconds[coding] = float(value)
        hand = by_hand(old, new, folder)
        raw = os.path.getsize(new)
        smallest = sizes["br"]

        rows = []
        for coding in ("br", "zstd", "gzip", "dcz"):
            rows.append(["wasmserve pack: " + coding, sizes[coding], "%.1f %%" % (100 * sizes[coding] / raw),
                         "%.1f" % seconds[coding], "", ""])
            for what, competes, size, took in hand:
                if competes == coding:
                    rows.append(["  by hand: " + what, size, "%.1f %%" % (100 * size / raw), *took.cells(),
                                 "%.3f" % (sizes[coding] / size)])
        measure.table("%s: %d bytes, %d processors (pack's jobs run side by side)" % (subject, raw, os.cpu_count()),
                      ["", "bytes", "of raw", "seconds", "CPU s", "ours is × this"], rows)
        best = [min((row for row in hand if row[1] == coding), key=lambda row: row[2])[3]
                for coding in ("br", "zstd", "gzip", "dcz")]
        measure.table("All of it", ["", "seconds", "CPU s"], [
            ["wasmserve pack, first version (no delta)", *first.cells()],
            ["wasmserve pack, second version", *second.cells()],
            ["wasmserve pack, nothing to do", *again.cells()],
            ["by hand, the smallest of each coding one after the other", *sum(best, Took()).cells()]])
        ratio = sizes["dcz"] / smallest
        print("\n  the delta is %.1f %% of the smallest variant%s" % (
            100 * ratio, "" if PACKAGE not in subject else
            "; goal %d bytes: %s" % (DELTA_GOAL, "met" if sizes["dcz"] <= DELTA_GOAL else "MISSED")))
        shutil.rmtree(out)
