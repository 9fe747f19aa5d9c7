# SPDX-License-Identifier: Apache-2.0
"""What the server makes itself: requests per second for variants out of the store and for deltas, beside httpd's own
handler asked for the same bytes by name.

A part of `./build.sh bench delivery`. No variant lies beside the files; the store's worker makes them first, and what it has
made is what the other httpd is given as a file. Two versions of an application, of which the client has the older: the delta
comes out of the store once, and once lies beside the newer file as `wasmserve pack` leaves it. Goal: at least as fast as
the handler, by the processor time of a request, which says it where the machine has other work.
"""
import os
import random
import sys
import time

import measure
from measure import Contender, env

sys.path.insert(0, os.path.join(measure.TOP, "test", "httpd"))
import delta  # noqa: E402  (found through the line above)

ROUNDS = 5
GOAL = 1.0
OLD, NEW = "app.11111111.wasm", "app.22222222.wasm"
LINES = "WasmServeDictionary On\n<Directory \"${docroot}\">\nWasmServe On\n</Directory>"
BROWSER = [("Accept-Encoding", "gzip, deflate, br, zstd")]
STRETCH = 64  # bytes
PATIENCE = 120  # seconds for the worker, which has the lowest priority


def versions():
    """The application of this benchmark, and what it was before: one stretch of ten was another, so that the delta is about
    as large in proportion as those between releases of a real one."""
    with open(os.path.join(measure.OUT, "delivery", "app.wasm"), "rb") as file:
        new = file.read()
    old, chance = bytearray(new), random.Random(9842)
    for at in range(STRETCH, len(old) - STRETCH, 10 * STRETCH):
        old[at:at + STRETCH] = chance.randbytes(STRETCH)
    return bytes(old), new


def serve(files, config="", load_module=True, store=False):
    old = time.time() - 3600

    def setup(server):
        for name, data in files.items():
            server.write("docroot/" + name, data, mtime=old)
        if store:
            server.make_private("store")

    lines = ("WasmServeStore store\n" if store else "") + config
    return env.Httpd(config=lines, modules=["watchdog"] if store else [], h2=True, override="None", setup=setup,
                     log_level="warn", load_module=load_module, mpm_config=measure.HTTPD_TUNING).start()


def fetch(server, name, headers):
    with env.Connection(server.port) as connection:
        return connection.request("GET", "/" + name, list(headers) + [("Connection", "close")])


def wait_for(server, name, headers, coding):
    """The answer in this coding, once the store has it."""
    deadline = time.time() + PATIENCE
    while time.time() < deadline:
        answer = fetch(server, name, headers)
        if answer.get("Content-Encoding") == coding:
            return answer.body
        time.sleep(0.25)
    raise RuntimeError("the store has made no %s of %s in %d seconds" % (coding, name, PATIENCE))


def settled(server, name, headers):
    """Answers come out of the store only for the state of the file that they were made for; all that is to be made is, when
    the best answer stays the same."""
    before = None
    while True:
        body = fetch(server, name, headers).body
        if body == before:
            return body
        before = body
        time.sleep(1)


def main():
    old, new = versions()
    has_old = [("Accept-Encoding", BROWSER[0][1] + ", dcz"), ("Available-Dictionary", delta.available(old)),
               ("Dictionary-ID", '"%s"' % OLD)]
    servers = []
    try:
        store = serve({OLD: old, NEW: new}, LINES, store=True)
        servers.append(store)
        wait_for(store, NEW, [("Accept-Encoding", "br")], "br")
        patch = wait_for(store, NEW, has_old, "dcz")
        body = settled(store, NEW, BROWSER)
        beside = serve({OLD: old, NEW: new, delta.sidecar(NEW, old): patch}, LINES)
        servers.append(beside)
        plain = serve({"variant": body, "delta": patch}, load_module=False)
        servers.append(plain)
        for title, rows in (("a variant, %d bytes" % len(body),
                             [("out of the store", store, NEW, BROWSER, body),
                              ("httpd, by name", plain, "variant", BROWSER, body)]),
                            ("a delta, %d bytes" % len(patch),
                             [("out of the store", store, NEW, has_old, patch),
                              ("beside the file", beside, NEW, has_old, patch),
                              ("httpd, by name", plain, "delta", has_old, patch)])):
            compare(title, rows)
    finally:
        for server in servers:
            server.stop()
            server.remove()


def compare(title, rows):
    for name, server, path, headers, body in rows:
        measure.verify(name, fetch(server, path, headers).body, body)
    for protocol, load in (("HTTP/1.1", measure.wrk), ("HTTP/2", measure.h2load)):
        contenders = [Contender(name, server.process.pid,
                                lambda port=server.port, path="/" + path, asked=headers, load=load: load(port, path, asked))
                      for name, server, path, headers, _ in rows]
        measure.interleave(contenders, ROUNDS)
        theirs, lines = contenders[-1], []
        for contender in contenders:
            line = [contender.name, "%.0f" % contender.median("rate"), "%.1f" % contender.median("cpu")]
            if contender is not theirs:
                cpu = theirs.ratio_to(contender, "cpu")
                line += ["%.2f" % contender.ratio_to(theirs), "%.2f" % cpu,
                         "goal %.1f: %s" % (GOAL, "met" if cpu >= GOAL else "MISSED")]
            lines.append(line + [""] * (6 - len(line)))
        measure.table("%s: %s, median of %d rounds" % (protocol, title, ROUNDS),
                      ["", "requests/s", "CPU µs/request", "is × httpd", "httpd is × this in CPU", ""], lines)
