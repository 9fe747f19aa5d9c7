# SPDX-License-Identifier: Apache-2.0
"""Compression as it is sent: the output filter beside mod_brotli and mod_deflate, with equal levels and windows.

A part of `./build.sh bench delivery`. Each contender serves the same two files of code, a small one and a large one,
from its own httpd, and every answer is decoded first. The machine is busy with compressing alone, so the ratio of the
rates is that of the throughputs; the ratio of the processor times says the same where the machine has other work, and is
what the goal is about: at least equal. Nobody beside this module has zstd in httpd, so it stands for itself.
"""
import os
import sys
import time

import measure
from measure import Contender, Missing, env

sys.path.insert(0, os.path.join(measure.TOP, "test", "httpd"))
import decoders  # noqa: E402  (found through the line above)

ROUNDS = 4
GOAL = 1.0
LARGE = 640 * 1024  # bytes: large against all buffers, small enough for many requests in two seconds
OURS = "WasmServe On\nWasmServeCompress On\nWasmServeEncodings %s"

# name, coding, module, lines. The levels and windows of theirs are their defaults, written out; ours has no others.
CONTENDERS = [
    ("ours, br", "br", None, OURS % "br"),
    ("mod_brotli", "br", "brotli", "SetOutputFilter BROTLI_COMPRESS\nBrotliCompressionQuality 5\nBrotliCompressionWindow 18"),
    ("ours, gzip", "gzip", None, OURS % "gzip"),
    ("mod_deflate", "gzip", "deflate", "SetOutputFilter DEFLATE\nDeflateCompressionLevel 6\nDeflateMemLevel 9\n"
                                       "DeflateWindowSize 15"),
    ("ours, zstd", "zstd", None, OURS % "zstd"),
]
AGAINST = {"mod_brotli": "ours, br", "mod_deflate": "ours, gzip"}


def files():
    """A module of this benchmark and, as something larger that is there in any case, a part of the program that was
    built."""
    large = os.path.join(measure.BUILD_DIR, "wasmserve")
    small = os.path.join(measure.OUT, "delivery", "app.wasm")
    for name, path in (("small", small), ("large", large)):
        with open(path, "rb") as file:
            yield name, file.read(LARGE)


def serve(modules, lines, content):
    def setup(server):
        for name, data in content.items():
            server.write("docroot/%s.wasm" % name, data, mtime=time.time() - 3600)

    # Levels are directives of the server.
    return env.Httpd(config=lines, modules=modules, override="None", setup=setup, log_level="warn",
                     load_module=not modules, mpm_config=measure.HTTPD_TUNING).start()


def measure_file(name, data, servers):
    contenders, sizes = [], {}
    for who, coding, server in servers:
        headers = [("Accept-Encoding", coding)]
        with env.Connection(server.port) as connection:
            answer = connection.request("GET", "/%s.wasm" % name, headers + [("Connection", "close")])
        measure.verify(who, decoders.decode(answer.get("Content-Encoding", "identity"), answer.body), data)
        sizes[who] = len(answer.body)
        contenders.append(Contender(who, server.process.pid, lambda port=server.port, path="/%s.wasm" % name, asked=headers:
                                    measure.wrk(port, path, asked, connections=4)))
    measure.interleave(contenders, ROUNDS)
    by_name = {contender.name: contender for contender in contenders}
    rows = []
    for contender in contenders:
        row = [contender.name, sizes[contender.name], "%.1f" % (contender.median("rate") * len(data) / 1e6),
               "%.0f" % contender.median("cpu")]
        if contender.name in AGAINST:
            ours = by_name[AGAINST[contender.name]]
            ratio, cpu = ours.ratio_to(contender), contender.ratio_to(ours, "cpu")
            row += ["%.2f" % ratio, "%.2f" % cpu, "goal %.1f: %s" % (GOAL, "met" if cpu >= GOAL else "MISSED")]
        rows.append(row + [""] * (7 - len(row)))
    measure.table("compressed as it is sent: %d bytes, median of %d rounds" % (len(data), ROUNDS),
                  ["", "bytes", "MB/s in", "CPU µs/request", "ours is × this", "this is × ours in CPU", ""], rows)


def main():
    content, servers, missing = dict(files()), [], []
    try:
        for name, coding, module, lines in CONTENDERS:
            try:
                if module and not env.Installation.get().has(module):
                    raise Missing("this httpd has no mod_%s" % module)
                servers.append((name, coding, serve([module] if module else [], lines, content)))
            except Missing as why:
                missing.append((name, why))
        for name, data in content.items():
            measure_file(name, data, servers)
        measure.note_missing(missing)
    finally:
        for _, _, server in servers:
            server.stop()
            server.remove()
