# SPDX-License-Identifier: Apache-2.0
"""Soak: a hundred thousand requests that are all meant badly, and what the server has lost by them: nothing.

The guests are those of the hostile tests (test_filter_hostile.py, test_plugin_hostile.py), in a random mix: as filters in
<Location> and in .htaccess, on fresh instances and on reused ones, and as handlers. So are the clients: those that wait for
their answer, over HTTP/1.1 and HTTP/2, those that leave without it, those that send half a body, those that send a byte at
a time, and those that read a little of a flood and reset the connection. Between them well-behaved requests are asked for.

Every answer is held against the status that the README documents, and every line of the error log against the reason that
belongs to that guest. At the end the children must be the same processes, with nothing in flight, no memory of guests, and
hardly more resident memory, file descriptors and mappings than after the first tenth (of a short run: after as many as it
takes until each guest has been met by each child, WARM); both are printed.

SOAK_REQUESTS (100000) and SOAK_SEED (printed) in the environment; MPM as for the tests. A build with sanitizers can be
soaked as well.
"""
import asyncio
import collections
import json
import os
import random
import re
import sys
import time

import measure
from measure import env

import plugin_wat
import test_filter_hostile as filters
import test_plugin_hostile as handlers

AT_ONCE = 24
WARM = 5000
# How much more a child may have at the end, as figures() has it: a thread's heap and what the allocator has fetched for a
# peak stay, but every instance has mappings of its own (memory, stack). Sanitizers keep what is freed.
ALLOWED = (None, None, 4, 4) if env.sanitizer() else (8192, 40, 4, 4)
# Of those with a deadline to wait for. All others have all the time they need: on a busy machine, too, they must end by
# what they do and not by the clock.
SHORT, LONG = "20ms", "60s"

MPM_TUNING = {
    "prefork": "StartServers 8\nServerLimit 8\nMinSpareServers 8\nMaxSpareServers 8\nMaxRequestWorkers 8",
}
THREADS = ("StartServers 2\nServerLimit 2\nThreadsPerChild 16\nThreadLimit 16\nMinSpareThreads 16\nMaxSpareThreads 32\n"
           "MaxRequestWorkers 32")

# Programs that answer requests: the status, what the log says. As plugins their names begin with "at_".
ANSWERING = {name: (500, filters.SENT % re.escape(reason)) for name, (_, reason) in handlers.NONSENSE.items()}
ANSWERING.update({name: (504, "deadline exceeded") for name in ("tree", "fill", "start_loop")})
ANSWERING.update({name: (500, reason) for name, reason in (
    ("start_trap", "unreachable"), ("bad_segment", "out of bounds memory access"), ("bad_pointer", ""),
    ("asks_in_vain", "unreachable"), ("nasty_name", "unreachable"))})


class Guest:
    """paths: where it can be asked for. status: of every answer. reason: what the log says behind its name."""

    def __init__(self, name, paths, status, reason):
        self.name, self.paths, self.status = name, paths, status
        self.reason = re.compile(reason)


def module_of(name):
    if not name.startswith("at_"):
        return plugin_wat.assemble(filters.CASES[name].text)
    name = name[3:]
    if name in handlers.NONSENSE:
        return plugin_wat.says(*handlers.NONSENSE[name][0])
    return plugin_wat.assemble(handlers.WAT[name])


def guests():
    """All of them, and the configuration."""
    config, found = ["WasmServeBody 256K", "WasmServeMemory 4M", "WasmServeTimeout " + LONG], []

    def section(name, *lines):
        config.append("<WasmServePlugin %s>\nWasmServeModule said/%s.wasm\nWasmServeGrant log\n%s\n</WasmServePlugin>" % (
            name, name, "\n".join(lines)))

    for number, (name, case) in enumerate(sorted(filters.CASES.items())):
        lines = ["WasmServeConfig 0123456789", "WasmServeTimeout " + (SHORT if case.status == 504 else LONG)]
        lines += ["WasmServeFuel 100000"] if name.startswith("fuel") else []
        lines += ["WasmServeReuse 50"] if number % 2 else []
        section(name, *lines)
        config.append(filters.location("/in/" + name, "WasmServeFilter " + name))
        found.append(Guest(name, ["/in/" + name, "/ht/%s/file" % name], case.status, case.reason))
    for name, (status, reason) in sorted(ANSWERING.items()):
        name = "at_" + name
        section(name, "WasmServeMemory 16M", "WasmServeTimeout " + (SHORT if status == 504 else LONG))
        config.append(filters.location("/at/" + name, "WasmServeHandler " + name))
        found.append(Guest(name, ["/at/" + name], status, reason))
    section("good")
    section("flood", "WasmServeTimeout " + LONG)
    config += [filters.location("/good", "WasmServeFilter good"), filters.location("/flood", "WasmServeHandler flood"),
               filters.location("/status", "SetHandler wasmserve-status"),
               "KeepAlive Off\n" + "\n".join("ErrorDocument %d /%d.txt" % (n, n) for n in (500, 503, 504))]
    return found, "\n".join(config)


def lay_out(server, found):
    for guest in found:
        server.write("said/%s.wasm" % guest.name, module_of(guest.name))
        for path in guest.paths:
            server.write("docroot" + path, "a file\n")
            if path.startswith("/ht/"):
                server.write("docroot/ht/%s/.htaccess" % guest.name, "WasmServeFilter %s\n" % guest.name)
    server.write("said/good.wasm", plugin_wat.assemble(filters.guest()))
    server.write("said/flood.wasm", plugin_wat.assemble(handlers.WAT["flood"]))
    server.write("docroot/good", "a file\n")
    server.write("docroot/static", "a file\n")
    for status in (500, 503, 504):
        server.write("docroot/%d.txt" % status, "page for %d\n" % status)


# ---- clients -------------------------------------------------------------------------------------------------------

class Soak:
    def __init__(self, server, found, seed):
        self.server, self.found = server, found
        self.random = random.Random(seed)
        self.asked = collections.Counter()  # by kind of client
        self.statuses = collections.Counter()
        self.wrong = []

    def complain(self, what):
        if len(self.wrong) < 20:
            self.wrong.append(what)

    async def exchange(self, data, pause=0, answer=True):
        """Sends (a byte at a time, with a pause) and reads all that comes; None if it is not waited for."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        try:
            for piece in [data[i:i + 1] for i in range(len(data))] if pause else [data]:
                writer.write(piece)
                if pause:
                    await asyncio.sleep(pause)
            await writer.drain()
            return await asyncio.wait_for(reader.read(), env.PATIENCE) if answer else None
        finally:
            writer.close()

    def judge(self, guest, path, said):
        head, _, body = said.partition(b"\r\n\r\n")
        status = int(head[9:12]) if re.match(rb"HTTP/1\.1 \d{3} ", head) else 0
        self.statuses[status] += 1
        if status != guest.status or body != b"page for %d\n" % guest.status or b"evil" in head.lower():
            self.complain("%s: %d instead of %d: %r" % (path, status, guest.status, said[:300]))

    async def waits(self, guest, path):
        self.judge(guest, path, await self.exchange(request(path)))

    async def posts(self, guest, path):
        self.judge(guest, path, await self.exchange(request(path, "Content-Length: 3000", method="POST") + b"x" * 3000))

    async def is_slow(self, guest, path):
        self.judge(guest, path, await self.exchange(request(path), pause=0.003))

    async def speaks_h2(self, guest, path):
        answer = await asyncio.to_thread(self.server.h2_request, "GET", path)
        self.statuses[answer.status] += 1
        if (answer.status, answer.body) != (guest.status, b"page for %d\n" % guest.status):
            self.complain("%s over HTTP/2: %d instead of %d" % (path, answer.status, guest.status))

    async def leaves(self, guest, path):
        del guest
        await self.exchange(request(path), answer=False)

    async def sends_half(self, guest, path):
        del guest
        await self.exchange(request(path, "Content-Length: 1000", method="POST") + b"half", answer=False)

    async def reads_a_little(self, guest, path):
        """32 MiB are on their way; the kernel answers what it did not want with a reset."""
        del guest, path
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        writer.write(request("/flood"))
        await reader.read(1000)
        await asyncio.sleep(0.02)
        writer.transport.abort()

    async def means_well(self, guest, path):
        del guest
        path = self.random.choice(["/good", "/static"])
        said = await self.exchange(request(path))
        if not said.startswith(b"HTTP/1.1 200 ") or not said.endswith(b"\r\n\r\na file\n"):
            self.complain("a neighbour's %s: %r" % (path, said[:300]))

    async def one(self):
        # In a hundred.
        kinds = [(self.waits, 65), (self.posts, 6), (self.leaves, 8), (self.sends_half, 5), (self.is_slow, 3),
                 (self.speaks_h2, 4), (self.reads_a_little, 1), (self.means_well, 8)]
        kind, = self.random.choices([k for k, _ in kinds], [n for _, n in kinds])
        guest = self.random.choice(self.found)
        path = self.random.choice(guest.paths)
        self.asked[kind.__name__] += 1
        try:
            await kind(guest, path)
        except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError, env.ProtocolError) as error:
            self.complain("%s (%s): %r" % (path, kind.__name__, error))

    async def run(self, count):
        left = [count]

        async def client():
            while left[0] > 0:
                left[0] -= 1
                await self.one()

        await asyncio.gather(*(client() for _ in range(AT_ONCE)))


def request(path, *lines, method="GET"):
    return "\r\n".join(["%s %s HTTP/1.1" % (method, path), "Host: localhost", "Connection: close", *lines, "", ""]).encode()


# ---- what is left --------------------------------------------------------------------------------------------------

def figures(pid):
    """Resident KiB, mappings, file descriptors and threads of a child."""
    with open("/proc/%d/status" % pid, encoding="ascii") as status:
        fields = dict(line.split(":\t", 1) for line in status.read().splitlines() if ":\t" in line)
    with open("/proc/%d/maps" % pid, encoding="utf-8") as maps:
        return (int(fields["VmRSS"].split()[0]), len(maps.readlines()), len(os.listdir("/proc/%d/fd" % pid)),
                int(fields["Threads"]))


def state(server):
    return json.loads(server.get("/status?json").body)


def settled(server):
    """The figures of each child when no request is under way any more."""
    def quiet():
        now = state(server)
        return now["memory"]["used"] == 0 and not any(plugin["in_flight"] for plugin in now["plugins"])
    server._wait(quiet, "all guests to be gone")
    server._let_connections_close()
    return {pid: figures(pid) for pid in server._listening_children()}


def unexplained(server, found):
    """The lines of the log that no guest accounts for, how many there were of each status, and of crashes."""
    by_name = {guest.name: guest for guest in found}
    rest, ended, crashes = [], collections.Counter(), 0
    for line in server.log_text().splitlines():
        crashes += bool(re.search(r"exit signal|AH0005[12]", line))
        match = re.search(r"plugin (\w+)(?: \(sha256:\w{12}\)|@\w{12}): (.*)", line)
        guest = match and by_name.get(match.group(1))
        answered = match and re.search(r"; answered (\d{3})$", match.group(2))
        if guest and match.group(1) + "@" in line:
            continue  # it speaks itself
        if re.search("AH00161|AH00484|AH10159|AH0028[67]", line):
            continue  # there are as many clients as the server takes at once, which is meant so
        if guest and answered and guest.reason.match(match.group(2)) and int(answered.group(1)) == guest.status:
            ended[guest.status] += 1
        elif env.LOG_BAD.search(line):
            rest.append(line)
    for name in sorted(os.listdir(server.logs)):
        if name.startswith("sanitizer"):
            with open(os.path.join(server.logs, name), encoding="utf-8", errors="replace") as report:
                rest.append("%s: %s" % (name, report.read(2000)))
    return rest, ended, crashes


def report(before, after, soak, rest, ended, crashes, seconds):
    asked = sum(soak.asked.values())
    measure.table("%d requests in %.0f s (seed %d)" % (asked, seconds, soak.seed), ["clients that", "requests"],
                  [[kind.replace("_", " "), count] for kind, count in soak.asked.most_common()])
    measure.table("ends", ["status", "answers", "lines of the log"],
                  [[status, soak.statuses[status], ended[status]] for status in sorted(soak.statuses | ended)])
    rows = []
    for pid in sorted(before):
        if pid in after:
            rows.append([pid] + ["%d → %d" % pair for pair in zip(before[pid], after[pid])])
    measure.table("each child, warm → at the end", ["child", "resident KiB", "mappings", "fds", "threads"],
                  rows)
    print("\n  children that ended %d, crashes %d, wrong answers %d, unexplained lines of the log %d" % (
        len(set(before) - set(after)), crashes, len(soak.wrong), len(rest)))
    for line in soak.wrong[:10] + rest[:10]:
        print("  " + line[:600])


def main():
    count = int(os.environ.get("SOAK_REQUESTS", "100000"))
    if count < 2 * WARM:
        raise SystemExit("soak: SOAK_REQUESTS=%d is too few to see growth; at least %d" % (count, 2 * WARM))
    seed = int(os.environ.get("SOAK_SEED", str(random.randrange(1 << 32))))
    mpm = os.environ.get("MPM", "event")
    found, config = guests()
    server = env.Httpd(config=config, h2=True, log_level="error", mpm_config=MPM_TUNING.get(mpm, THREADS),
                       setup=lambda h: lay_out(h, found))
    try:
        server.start()
        soak = Soak(server, found, seed)
        soak.seed = seed
        begun = time.monotonic()
        warm = max(count // 10, WARM)
        asyncio.run(soak.run(warm))
        before = settled(server)
        for part in range(9):
            asyncio.run(soak.run((count - warm) // 9))
            print("%d of %d" % (warm + (part + 1) * ((count - warm) // 9), count), file=sys.stderr, flush=True)
        after = settled(server)
        seconds = time.monotonic() - begun
        server.stop()
        rest, ended, crashes = unexplained(server, found)
    finally:
        server.stop()
        server.remove()
    report(before, after, soak, rest, ended, crashes, seconds)
    leaked = [pid for pid in before if pid in after and any(
        now > was + allowed for now, was, allowed in zip(after[pid], before[pid], ALLOWED) if allowed is not None)]
    if set(before) - set(after) or crashes or soak.wrong or rest or leaked:
        raise SystemExit("soak: the server did not come through it well")
