# SPDX-License-Identifier: Apache-2.0
"""The store (WasmServeStore): what the server makes itself, and that nothing else ever leaves it.

Every answer that the tests of this file get goes through `fetch`, which undoes the content coding and compares the bytes
with what the file holds, or has held. Files have to be left alone for three seconds before the store looks at them, so
those of all servers are written before the first one starts, each server's in a folder that becomes its document root.
"""
import ctypes
import glob
import hashlib
import os
import random
import resource
import shutil
import signal
import tempfile
import threading
import time

import pytest

import decoders
import env
from delta import READ, available, codings_of, read_dcz
from test_delivery_matrix import BODIES

# What the worker does alone, once it runs, is the same under every MPM. How it starts, stops, dies and is followed by
# another, and what each process remembers of what it has seen, is not, and is tested under each.
once = pytest.mark.skipif(os.environ.get("MPM", "event") != "event", reason="the same under every MPM: run under event")

ALL = [("Accept-Encoding", "gzip, deflate, br, zstd")]
CODINGS = ["br", "zstd", "gzip"]
WORDS = [random.Random(7).randbytes(1 + n % 7) for n in range(64)]


def program(size, seed):
    """Compresses about as code does; two seeds have most of it in common."""
    words = random.Random(1)
    data = bytearray(b"\0asm\1\0\0\0" + b"".join(words.choices(WORDS, k=size // 4))[:size])
    for at in range(size // 3, len(data), size // 3):
        data[at:at + 4] = seed.to_bytes(4, "big")
    return bytes(data)


def variants(server, store="store"):
    return sorted(os.path.basename(path) for path in glob.glob(server.path(store + "/v/*")))


def leftovers(server, store="store"):
    return glob.glob(server.path(store + "/t/*"))


def wait(condition, what="", patience=env.PATIENCE, pause=0.05):
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "waited in vain: %s" % what
        time.sleep(pause)


def settle(*paths):
    """Until none of the files is too young for the store."""
    last = max(os.stat(path).st_ctime for path in paths)
    time.sleep(max(0, last + 3.1 - time.time()))


class Folders:
    """Document roots in waiting: written all at once, and given to the servers one by one. A folder that is moved takes
    its files along as they are, with their times and inodes."""

    def __init__(self, folders):
        self.root = tempfile.mkdtemp(prefix="wasmserve-folders-")
        self.paths = []
        for folder, files in folders.items():
            os.mkdir(os.path.join(self.root, folder))
            for name, content in files.items():
                self.paths.append(os.path.join(self.root, folder, name))
                with open(self.paths[-1], "wb") as out:
                    out.write(content)
        self.settled = False

    def give(self, server, folder):
        if not self.settled:
            settle(*self.paths)
            self.settled = True
        os.rmdir(server.docroot)
        os.rename(os.path.join(self.root, folder), server.docroot)

    def remove(self):
        shutil.rmtree(self.root)


def fetch(server, path, contents, headers=ALL, send=None):
    """A whole answer, which decodes to one of `contents`; the answer."""
    answer = (send or server.request)("GET", path, headers)
    assert answer.status == 200, answer
    coding = answer.get("Content-Encoding")
    body = decoders.decode(coding, answer.body) if coding in CODINGS else answer.body
    if coding is None or coding in CODINGS:
        assert body in contents, "%s in %s is none of what the file has held" % (path, coding)
    if coding is not None:
        assert len(answer.body) < len(body)
        assert "accept-encoding" in answer.tokens("Vary")
    return answer


def wait_for(server, path, content, codings=CODINGS, headers=()):
    """Asks until the store has a variant in each of the codings."""
    for coding in codings:
        asked = [("Accept-Encoding", coding), *headers]
        wait(lambda: fetch(server, path, [content], asked).get("Content-Encoding") == coding, path + " " + coding)


APP = program(60000, 1)
OTHER = program(60000, 2)
NOISE = random.Random(3).randbytes(30000)
STALE_BR = b"\x1b" + b"b" * 100
OWN_BR = b"\x1b" + b"b" * 90


def directory(server, name, lines):
    return '<Directory "%s">\n%s\n</Directory>\n' % (server.path("docroot/" + name), lines)


NAMES = ["app.%s.wasm" % (str(n) * 8) for n in range(1, 8)]
# Work of about a second of processor time in zstd: time enough to be caught at it by who looks every few milliseconds,
# and no more, for the worker has the lowest priority and on a busy machine takes ten times as long. (gzip takes longest.)
BIG = program(1_000_000, 5)
DAMAGED = {kind: program(20000, 50 + number)
           for number, kind in enumerate(["overwritten", "emptied", "cut", "link", "anothers", "gone"])}
DEPLOYED = [program(50000, 20 + n) for n in range(6)]
KNOWN = [program(50000, 30 + n) for n in range(2)]
SIZED = [program(100_000, 200 + n) for n in range(6)]
TOO_LARGE = program(140_000, 300)
REPLACED = [program(40000 + 1000 * n, 10 + n) for n in range(4)]
FULL = program(400_000, 9)


def of_server(number):
    """The files of one of two servers, but for what both have."""
    return {"%d.wasm" % name: program(30000, 100 * number + name) for name in range(4)}


@pytest.fixture(scope="module")
def folders():
    found = Folders({
        "damaged": {"app.wasm": APP, **{kind + ".wasm": content for kind, content in DAMAGED.items()}},
        "restarted": {"app.wasm": APP}, "killed": {"app.wasm": BIG}, "stopped": {"app.wasm": BIG},
        "full": {"app.wasm": FULL}, "replaced": {"app.wasm": REPLACED[0]},
        "deployed": dict(zip(NAMES, DEPLOYED[:3])), "known": dict(zip(NAMES, KNOWN)),
        "first": {"same.wasm": APP, **of_server(0)}, "second": {"same.wasm": APP, **of_server(1)},
        "sized": {"large.wasm": TOO_LARGE, **{"%d.wasm" % n: content for n, content in enumerate(SIZED)}}})
    yield found
    found.remove()


@pytest.fixture(scope="module")
def httpd(make_httpd, folders):
    def setup(server):
        server.make_private("store")
        past = time.time() - 1000
        for name in ("app", "another", "ranges", "h2", "head", "tag", "damaged", "emptied", "linked", "renamed", "wiped"):
            server.write("docroot/%s.wasm" % name, APP if name != "another" else OTHER, mtime=past)
        for name in ("beside", "stale", "closed", "noise", "secret", "none", "small", "off", "page"):
            server.write("docroot/%s/app.wasm" % name, NOISE if name == "noise" else APP, mtime=past)
        for name, content in zip(NAMES, KNOWN):
            server.write("docroot/sent/" + name, content, mtime=past)
        for name, content in zip(NAMES, KNOWN):
            server.write("docroot/complete/" + name, content, mtime=past)
            for coding, suffix in (("br", ".br"), ("zstd", ".zst"), ("gzip", ".gz")):
                server.write("docroot/complete/" + name + suffix, BODIES[coding], mtime=past)
        server.write("docroot/ahead.wasm", APP, mtime=time.time() + 86400)
        server.write("docroot/small/app.wasm", APP[:200], mtime=past)
        server.write("docroot/page/app.html", APP, mtime=past)
        server.write("docroot/beside/app.wasm.br", OWN_BR, mtime=past)
        server.write("docroot/stale/app.wasm.br", STALE_BR, mtime=past - 10)
        server.config = ("WasmServe On\nWasmServeStore store 64M\n"
                         + directory(server, "closed", '<Files "*.br">\nRequire all denied\n</Files>')
                         + directory(server, "secret", 'SetEnvIf X-Key "^open$" open\nRequire env open')
                         + directory(server, "none", "WasmServeEncodings none")
                         + directory(server, "complete", "WasmServeDictionary On")
                         + directory(server, "sent", "WasmServeCompress On\nWasmServeDictionary On")
                         + directory(server, "off", "WasmServe Off"))
        settle(*glob.glob(server.path("docroot/**/*.*"), recursive=True))

    server = make_httpd(h2=True, setup=setup)
    server.expect_log(r"wasmserve:warn.* is older than the raw file", optional=True)
    server.expect_log("AH01630", optional=True)
    return server


@pytest.fixture(scope="module")
def made(httpd):
    """The server, once app.wasm has all its variants."""
    wait_for(httpd, "/app.wasm", APP)
    return httpd


# ---- what it is for

def test_the_first_answer_is_not_delayed_and_the_later_ones_are_small(made):
    """Nothing but a request was needed."""
    smallest = min(len(fetch(made, "/app.wasm", [APP], [("Accept-Encoding", coding)]).body) for coding in CODINGS)
    assert len(fetch(made, "/app.wasm", [APP]).body) == smallest < len(APP) // 2
    made.wait_log(r"\[wasmserve:info\].*/app\.wasm: \d+ bytes of %d in br, in " % len(APP))


@pytest.mark.parametrize("protocol", ["h1", "h2"])
@pytest.mark.parametrize("coding", CODINGS)
def test_a_made_variant_is_a_representation_like_any(made, coding, protocol):
    send = made.h2_request if protocol == "h2" else made.request
    asked = [("Accept-Encoding", coding)]
    answer = fetch(made, "/app.wasm", [APP], asked, send)
    tag = answer.get("ETag")
    assert tag.startswith('"') and tag.endswith('-%s"' % coding)
    assert answer.get("Content-Type") == "application/wasm" and answer.get("Cache-Control") == "no-cache"
    assert answer.get("Content-Length") == str(len(answer.body)) and answer.get("Accept-Ranges") == "bytes"
    assert answer.get_all("Vary") == ["Accept-Encoding"] and "Last-Modified" in answer

    again = send("GET", "/app.wasm", asked + [("If-None-Match", tag)])
    assert again.status == 304 and again.get("ETag") == tag and again.get_all("Vary") == ["Accept-Encoding"]
    assert "Content-Encoding" not in again and again.body == b""
    assert send("GET", "/app.wasm", [("If-None-Match", tag)]).body == APP
    assert send("GET", "/app.wasm", asked + [("If-Match", '"x"')]).status == 412

    part = send("GET", "/app.wasm", asked + [("Range", "bytes=100-199"), ("If-Range", tag)])
    assert part.status == 206 and part.body == answer.body[100:200]
    assert part.get("Content-Range") == "bytes 100-199/%d" % len(answer.body) and part.get("Content-Encoding") == coding
    last = send("GET", "/app.wasm", asked + [("Range", "bytes=-20")])
    assert last.body == answer.body[-20:], "the seal behind the body is no part of it"
    beyond = send("GET", "/app.wasm", asked + [("Range", "bytes=%d-" % len(answer.body))])
    assert beyond.status == 416 and beyond.get("Content-Range") == "bytes */%d" % len(answer.body)

    head = send("HEAD", "/app.wasm", asked)
    assert head.body == b"" and head.get("Content-Length") == str(len(answer.body)) and head.get("ETag") == tag
    assert send("GET", "/app.wasm", asked + [("Accept-Encoding", "%s;q=0" % coding)]).body == APP


def test_weights_decide_among_what_was_made(made):
    for accept, coding in [("br;q=0.1, gzip", "gzip"), ("zstd, br;q=0", "zstd"), ("identity, br;q=0.5", None),
                           ("", None), ("*;q=0, gzip", "gzip")]:
        answer = fetch(made, "/app.wasm", [APP], [("Accept-Encoding", accept)])
        assert answer.get("Content-Encoding") == coding, accept
    assert made.get("/app.wasm", [("Accept-Encoding", "*;q=0")]).status == 406


def test_equal_content_is_made_once(made):
    before = variants(made)
    wait_for(made, "/h2.wasm", APP)
    assert variants(made) == before
    assert made.get("/h2.wasm", ALL).get("ETag") == made.get("/app.wasm", ALL).get("ETag")


def test_a_file_from_tomorrow(made):
    """Uploaded with its time by a program that is wrong about the time zone: since then nobody has touched it."""
    wait_for(made, "/ahead.wasm", APP)


def test_the_tag_is_that_of_the_content(made):
    """A variant that had to go and was made again is the same to caches: its tag is made of its bytes."""
    tag = made.get("/app.wasm", [("Accept-Encoding", "gzip")]).get("ETag")
    for path in glob.glob(made.path("store/v/*.gz")):
        os.unlink(path)
    assert fetch(made, "/app.wasm", [APP], [("Accept-Encoding", "gzip")]).body == APP
    wait_for(made, "/app.wasm", APP, ["gzip"])
    assert made.get("/app.wasm", [("Accept-Encoding", "gzip")]).get("ETag") == tag


# ---- beside other sources

def test_what_lies_beside_the_file_wins(made):
    wait_for(made, "/beside/app.wasm", APP, ["gzip"])
    answer = made.get("/beside/app.wasm", [("Accept-Encoding", "br")])
    assert answer.body == OWN_BR
    assert fetch(made, "/beside/app.wasm", [APP], [("Accept-Encoding", "gzip")]).get("Content-Encoding") == "gzip"


def test_what_is_stale_is_made_anew(made):
    wait_for(made, "/stale/app.wasm", APP)
    assert fetch(made, "/stale/app.wasm", [APP], [("Accept-Encoding", "br")]).body != STALE_BR


def test_denying_sidecars_does_not_deny_the_content(made):
    """"*.br" is a name in that directory; the store's variant has none there, and is what the raw file is."""
    wait_for(made, "/closed/app.wasm", APP)


def test_until_it_is_made_it_is_compressed_as_it_is_sent(made):
    """The filter answers first, by a weak tag; then the store, by its own; then, to who has the old version, a delta. To
    caches these are three representations, and each is confirmed as long as it is the one that would be sent."""
    (old, old_content), (new, new_content) = [("/sent/" + name, content) for name, content in zip(NAMES, KNOWN)]
    first = fetch(made, new, [new_content])
    tag = first.get("ETag")
    assert first.get("Content-Encoding") == "br" and tag.startswith('W/"') and tag.endswith('-br"')
    assert first.tokens("Vary") == ["accept-encoding", "available-dictionary"] and "Use-As-Dictionary" in first
    assert made.get(new, ALL + [("If-None-Match", tag)]).status == 304 or made.get(new, ALL).get("ETag") != tag
    for path, content in ((old, old_content), (new, new_content)):
        wait(lambda: fetch(made, path, [content]).get("ETag").startswith('"'), "the store")
    smallest = fetch(made, new, [new_content])
    assert len(smallest.body) < len(first.body)
    assert made.get(new, ALL + [("If-None-Match", tag)]).status == 200
    assert made.get(new, ALL + [("If-None-Match", smallest.get("ETag"))]).status == 304
    wait(lambda: made.get(new, has(0, old_content)).get("Content-Encoding") == "dcz", "a delta")
    delta = made.get(new, has(0, old_content))
    assert read_dcz(delta.body, old_content) == new_content and delta.tokens("Vary") == first.tokens("Vary")
    assert len({tag, smallest.get("ETag"), delta.get("ETag")}) == 3


def test_deltas_are_made_for_files_that_have_all_variants_beside_them(made):
    """Of those the store has nothing to make; for a client that has another version it has to know them all the same."""
    asked = has(0, KNOWN[0])
    assert made.get("/complete/" + NAMES[1], asked).get("Content-Encoding") in CODINGS
    wait(lambda: made.get("/complete/" + NAMES[1], asked).get("Content-Encoding") == "dcz", "a delta")
    assert read_dcz(made.get("/complete/" + NAMES[1], asked).body, KNOWN[0]) == KNOWN[1]


# ---- who does the work

def threads_of(server):
    """(process, thread) of all of a server's children."""
    return [(pid, int(tid)) for pid in children(server) for tid in os.listdir("/proc/%d/task" % pid)]


def nice_of(pid, tid):
    with open("/proc/%d/task/%d/stat" % (pid, tid), encoding="ascii", errors="replace") as stat:
        return int(stat.read().rpartition(")")[2].split()[16])


def test_the_work_is_done_at_the_lowest_priority_by_threads_of_its_own(made):
    """For processor and disk; nobody else is slowed down."""
    syscall, number = ctypes.CDLL(None).syscall, {"x86_64": 252, "aarch64": 31}.get(os.uname().machine)
    if number is None:
        pytest.skip("the number of ioprio_get is not known for this machine")
    if os.getpriority(os.PRIO_PROCESS, 0) == 19:
        pytest.skip("the tests themselves have the lowest priority")
    who_process, class_idle, class_shift = 1, 3, 13
    kind = [(pid, nice_of(pid, tid) == 19, syscall(number, who_process, tid) >> class_shift == class_idle)
            for pid, tid in threads_of(made)]
    assert all(nice == idle for _, nice, idle in kind), kind
    for pid in {pid for pid, _, _ in kind}:
        assert sum(nice for process, nice, _ in kind if process == pid) <= 1, "one thread of a child at most"
    assert any(nice for _, nice, _ in kind)


# ---- who gets what

def test_nothing_without_access_to_the_raw_file(made):
    key = [("X-Key", "open")]
    wait_for(made, "/secret/app.wasm", APP, headers=key)
    for headers in (ALL, [], ALL + [("X-Key", "no")]):
        answer = made.get("/secret/app.wasm", headers)
        assert answer.status == 403 and "Content-Encoding" not in answer
    made.expect_log("AH01630", optional=True)


def test_nobody_reads_the_store_by_name(made):
    """It is no part of any site unless somebody puts it into one; not even then is a variant labelled."""
    assert made.get("/store/v/" + variants(made)[0]).status == 404


def test_what_stays_as_it_is(made):
    """What cannot be made smaller is tried once; what is not delivery's, or too small to gain anything, is never asked
    about. Nobody asks again, not even a process that cannot know that it was asked before."""
    paths = {"/noise/app.wasm": NOISE, "/none/app.wasm": APP, "/small/app.wasm": APP[:200], "/off/app.wasm": APP,
             "/page/app.html": APP}
    before = variants(made)
    for path, content in paths.items():
        assert fetch(made, path, [content]).body == content
    wait(lambda: not glob.glob(made.path("store/q/*")))
    made.graceful()
    for path, content in paths.items():
        assert fetch(made, path, [content]).body == content
    assert not glob.glob(made.path("store/q/*")) and variants(made) == before


# ---- what may lie in the directory

def overwrite(path):
    with open(path, "r+b") as out:
        out.seek(1000)
        out.write(b"garbage")


def become_link(path):
    os.rename(path, path + ".x")
    os.symlink(path + ".x", path)


def take_anothers(path):
    """The variant of another file, whole and sealed, under this name."""
    shutil.copyfile(os.path.dirname(path) + "/" + hashlib.sha256(APP).hexdigest() + os.path.splitext(path)[1], path)


DAMAGES = {"overwritten": overwrite, "emptied": lambda path: os.truncate(path, 0),
           "cut": lambda path: os.truncate(path, os.path.getsize(path) // 2), "link": become_link,
           "anothers": take_anothers, "gone": os.unlink}
assert set(DAMAGES) == set(DAMAGED)


def test_damage_is_never_served(make_httpd, folders):
    """Also by a process that has not seen the variant whole before. What is damaged is made again."""
    contents = DAMAGED
    server = make_httpd(config="WasmServe On\nWasmServeStore store", start=False)
    server.make_private("store")
    folders.give(server, "damaged")
    server.start()
    wait_for(server, "/app.wasm", APP)
    for kind, content in contents.items():
        wait_for(server, "/%s.wasm" % kind, content)
    server.stop()
    for kind, content in contents.items():
        for path in glob.glob(server.path("store/v/%s*" % hashlib.sha256(content).hexdigest())):
            DAMAGES[kind](path)
    server.start()
    for kind, content in contents.items():
        for coding in CODINGS:
            fetch(server, "/%s.wasm" % kind, [content], [("Accept-Encoding", coding)])
    for kind, content in contents.items():
        wait_for(server, "/%s.wasm" % kind, content)
    wait(lambda: not glob.glob(server.path("store/q/*")) and not leftovers(server))


def test_the_directory_can_be_emptied_while_it_is_used(made):
    """By an administrator who wants to be rid of it all: served raw, and made again."""
    wait_for(made, "/wiped.wasm", APP)
    for name in os.listdir(made.path("store")):
        path = made.path("store/" + name)
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
    assert fetch(made, "/wiped.wasm", [APP]).body == APP
    wait_for(made, "/wiped.wasm", APP)
    wait_for(made, "/app.wasm", APP)


# ---- restarts and crashes

def test_it_outlives_a_restart(make_httpd, folders):
    server = make_httpd(config="WasmServe On\nWasmServeStore store", start=False)
    server.make_private("store")
    folders.give(server, "restarted")
    server.start()
    wait_for(server, "/app.wasm", APP)
    tag = server.get("/app.wasm", ALL).get("ETag")
    server.graceful()
    assert fetch(server, "/app.wasm", [APP]).get("ETag") == tag
    server.stop()
    server.start()
    mark = server.log_mark()
    assert fetch(server, "/app.wasm", [APP]).get("ETag") == tag
    time.sleep(1.5)
    assert "bytes of" not in server.log_since(mark) and not leftovers(server)


def children(server):
    return [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and parent_of(pid) == server.process.pid]


def parent_of(pid):
    try:
        with open("/proc/%s/stat" % pid, encoding="ascii", errors="replace") as stat:
            return int(stat.read().rpartition(")")[2].split()[1])
    except OSError:
        return None


def test_a_killed_worker_leaves_nothing_wrong(make_httpd, folders):
    """The process of the worker dies by kill -9 in the middle of a large file. (Dying at every single step is
    test/unit/store_worker_test.c's.) Another child takes over, by what the MPM and mod_watchdog make of that."""
    server = make_httpd(config="WasmServe On\nWasmServeStore store\nWasmServeEncodings zstd",
                        mpm_config=ONE_CHILD.get(env.os.environ.get("MPM", "event")), start=False)
    server.make_private("store")
    folders.give(server, "killed")
    server.start()
    server.expect_log(r"exit signal Killed|AH00052", optional=True)
    caught_at_work(server, BIG)
    for pid in children(server):
        os.kill(pid, signal.SIGKILL)
    assert glob.glob(server.path("store/q/*")) and not variants(server), "it was in the middle of it"
    wait(lambda: server_answers(server), "another child")
    fetch(server, "/app.wasm", [BIG])
    wait(lambda: variants(server), "the work")
    wait_for(server, "/app.wasm", BIG, ["zstd"])
    wait(lambda: not leftovers(server) and not glob.glob(server.path("store/q/*")), "order")


def caught_at_work(server, content):
    """Orders the variant, and returns as soon as the worker writes it."""
    assert fetch(server, "/app.wasm", [content]).body == content
    wait(lambda: leftovers(server), "the work", pause=0.003)


ONE_CHILD = {"event": "StartServers 1\nServerLimit 1\nThreadsPerChild 8\nMaxRequestWorkers 8\nMinSpareThreads 1\n"
                      "MaxSpareThreads 8",
             "worker": "StartServers 1\nServerLimit 1\nThreadsPerChild 8\nMaxRequestWorkers 8\nMinSpareThreads 1\n"
                       "MaxSpareThreads 8",
             "prefork": "StartServers 1\nMinSpareServers 1\nMaxSpareServers 1\nMaxRequestWorkers 4"}


def server_answers(server):
    try:
        return server.get("/app.wasm", [("Range", "bytes=0-0")]).status == 206
    except (OSError, env.ProtocolError):
        return False


def test_a_stop_in_the_middle_is_quick_and_clean(make_httpd, folders):
    server = make_httpd(config="WasmServe On\nWasmServeStore store\nWasmServeEncodings zstd", start=False)
    server.make_private("store")
    folders.give(server, "stopped")
    server.start()
    caught_at_work(server, BIG)
    server.stop()
    assert not leftovers(server) and glob.glob(server.path("store/q/*")), "the job is still to be done"
    server.start()
    wait_for(server, "/app.wasm", BIG, ["zstd"])


@once
def test_a_disk_that_is_full(make_httpd, folders):
    """No process of the server may write a file of more than 30,000 bytes, which the error log does not reach: served
    raw, said once a minute, and made when there is room."""
    content = FULL
    server = make_httpd(config="WasmServe On\nWasmServeStore store", start=False)
    server.make_private("store")
    folders.give(server, "full")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30000, limits[1]))
    try:
        server.start()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    fetch(server, "/app.wasm", [content])
    server.wait_log(r"wasmserve:warn.*store: cannot write( the index)?: .*; trying again later")
    for _ in range(20):
        assert fetch(server, "/app.wasm", [content]).body == content
    assert not leftovers(server)
    server.stop()
    server.start()
    wait_for(server, "/app.wasm", content)


# ---- deployments

def test_replaced_while_it_is_asked_for(make_httpd, folders):
    """Four clients ask all the time, while the file is replaced, cut off and written over; whatever they get is one of
    the versions, and in the end the last one. While a file is written in place, what is sent as it is may be half of one
    and half of another, or end early, as from any server, and is not judged; what is coded always is."""
    versions = REPLACED
    server = make_httpd(config="WasmServe On\nWasmServeStore store\nEnableMMAP Off", start=False)
    server.make_private("store")
    server.expect_log(r"core:error.*(End of file found|bucket)", optional=True)
    folders.give(server, "replaced")
    path = server.path("docroot/app.wasm")
    server.start()
    over, writing, wrong, seen = threading.Event(), threading.Event(), [], set()
    rounds = [0]  # of writing in place, begun or ended

    def ask(headers):
        at = rounds[0]
        try:
            answer = server.request("GET", "/app.wasm", headers)
        except (OSError, env.ProtocolError):
            assert rounds[0] != at or writing.is_set(), "an answer was broken off"
            return
        coding = answer.get("Content-Encoding")
        seen.add(coding)
        if coding is not None or (rounds[0] == at and not writing.is_set()):
            assert answer.status == 200 and (decoders.decode(coding, answer.body) if coding else answer.body) in versions

    def client(number):
        while not over.is_set():
            try:
                ask(ALL if number % 2 else [("Accept-Encoding", "gzip")])
            except Exception as error:  # noqa: to be shown by the test
                wrong.append(error)
                return

    def replace(content):
        server.write("docroot/.new", content)
        os.rename(server.path("docroot/.new"), path)

    def write_in_place(content):
        writing.set()
        rounds[0] += 1
        os.truncate(path, len(content) // 3)
        with open(path, "r+b", buffering=0) as out:
            for at in range(0, len(content), 4096):
                out.write(content[at:at + 4096])
                time.sleep(0.05)
            out.truncate()
        rounds[0] += 1
        writing.clear()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        for number, version in enumerate(versions):
            (write_in_place if number == 2 else replace)(version)
            if number % 2 == 0:  # long enough that the store has it, or is about to
                settle(path)
                time.sleep(1.0 + random.Random(number).random())
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert not wrong, wrong[0]
    settle(path)
    wait_for(server, "/app.wasm", versions[-1])
    assert None in seen and len(seen) > 1


def has(version, content, delta="dcz"):
    return [("Accept-Encoding", "gzip, deflate, br, zstd, " + delta), ("Available-Dictionary", available(content)),
            ("Dictionary-ID", '"%s"' % NAMES[version])]


def test_after_a_deployment_only_what_changed(make_httpd, folders):
    """Versions come and their predecessors go; nobody has made a delta, and nobody kept the old files."""
    server = make_httpd(config='WasmServe On\nWasmServeDictionary On\nWasmServeStore store\n'
                               'SetEnvIf X-Key "^open$" open\n'
                               '<Files "app.22222222.wasm">\nRequire env open\n</Files>',
                        start=False)
    server.expect_log("AH01630", optional=True)
    server.make_private("store")
    contents = DEPLOYED
    key = [("X-Key", "open")]
    folders.give(server, "deployed")
    server.start()
    for number in range(3):
        wait_for(server, "/" + NAMES[number], contents[number], ["br"], key)
        assert "Use-As-Dictionary" in server.get("/" + NAMES[number], ALL + key)
    os.unlink(server.path("docroot/" + NAMES[0]))

    path = "/" + NAMES[2]
    wait(lambda: server.get(path, has(0, contents[0])).get("Content-Encoding") == "dcz", "a delta")
    answer = server.get(path, has(0, contents[0]))
    assert read_dcz(answer.body, contents[0]) == contents[2] and len(answer.body) < 1000
    assert answer.tokens("Vary") == ["accept-encoding", "available-dictionary"]
    assert answer.get("ETag").endswith('-dcz"')
    again = server.get(path, has(0, contents[0]) + [("If-None-Match", answer.get("ETag"))])
    assert again.status == 304
    part = server.get(path, has(0, contents[0]) + [("Range", "bytes=8-39")])
    assert part.status == 206 and part.body == answer.body[8:40]

    # The old version is not for everybody, whether the file is still there or not; nor is what differs from it.
    wait(lambda: server.get(path, has(1, contents[1]) + key).get("Content-Encoding") == "dcz", "another delta")
    other = server.get(path, has(1, contents[1]) + key)
    assert read_dcz(other.body, contents[1]) == contents[2] and other.get("ETag") != answer.get("ETag")
    assert server.get(path, has(1, contents[1])).get("Content-Encoding") in CODINGS
    os.unlink(server.path("docroot/" + NAMES[1]))
    assert server.get(path, has(1, contents[1]) + key).get("Content-Encoding") == "dcz"
    assert server.get(path, has(1, contents[1])).get("Content-Encoding") in CODINGS

    # What is announced has to fit together.
    for headers in (has(0, contents[1]), has(1, contents[0]) + key, has(0, b"another"), has(5, contents[0]),
                    has(0, contents[0])[:2]):
        assert server.get(path, headers).get("Content-Encoding") in CODINGS

    # The fourth and fifth: the first one falls out of the versions that are kept.
    for number in (3, 4):
        server.write("docroot/" + NAMES[number], contents[number])
    settle(*glob.glob(server.path("docroot/*")))
    for number in (3, 4):
        wait_for(server, "/" + NAMES[number], contents[number], ["br"])
    wait(lambda: server.get("/" + NAMES[4], has(3, contents[3])).get("Content-Encoding") == "dcz", "a delta")
    wait(lambda: server.get("/" + NAMES[4], has(1, contents[1]) + key).get("Content-Encoding") == "dcz", "a delta")
    assert read_dcz(server.get("/" + NAMES[4], has(1, contents[1]) + key).body, contents[1]) == contents[4]
    for _ in range(3):
        assert server.get("/" + NAMES[4], has(0, contents[0])).get("Content-Encoding") in CODINGS
        time.sleep(0.5)
    assert len([name for name in variants(server) if name.endswith(".raw")]) == 4


def test_dictionaries_are_found_again_when_the_store_is_new(make_httpd, folders):
    """The files were there before the store: the first client that announces one has both looked at."""
    server = make_httpd(config="WasmServe On\nWasmServeDictionary On\nWasmServeStore store", start=False)
    server.make_private("store")
    contents = KNOWN
    folders.give(server, "known")
    server.start()
    path = "/" + NAMES[1]
    for coding in codings_of(env.MODULE):
        asked = has(0, contents[0], coding)
        wait(lambda: server.get(path, asked).get("Content-Encoding") == coding, "a delta in " + coding)
        assert READ[coding](server.get(path, asked).body, contents[0]) == contents[1]


# ---- two servers

def test_two_servers_on_one_store(make_httpd, folders):
    servers = []
    for number in range(2):
        store = servers[0].path("store") if servers else "store"
        server = make_httpd(config='WasmServe On\nWasmServeStore "%s"' % store, start=False)
        if not servers:
            server.make_private("store")
        folders.give(server, ["first", "second"][number])
        servers.append(server)
    for server in servers:
        server.start()
    for name in range(4):
        for number, server in enumerate(servers):
            fetch(server, "/%d.wasm" % name, [program(30000, 100 * number + name)])
    for name in range(4):
        for number, server in enumerate(servers):
            wait_for(server, "/%d.wasm" % name, program(30000, 100 * number + name))
    for server in servers:
        wait_for(server, "/same.wasm", APP)
    tags = {server.get("/same.wasm", ALL).get("ETag") for server in servers}
    assert len(tags) == 1, "one variant for both"
    wait(lambda: not leftovers(servers[0]) and not glob.glob(servers[0].path("store/q/*")))


# ---- size

@once
def test_the_size_is_kept_to(make_httpd, folders):
    server = make_httpd(config="WasmServe On\nWasmServeStore store 1M", start=False)
    server.expect_log(r"wasmserve:warn.*store: full of variants that are in use", optional=True)
    server.make_private("store")
    contents = SIZED
    folders.give(server, "sized")
    server.start()
    for number, content in enumerate(contents):
        wait_for(server, "/%d.wasm" % number, content)
        wait(lambda: sum(os.path.getsize(path) for path in glob.glob(server.path("store/v/*"))) <= 1 << 20)
    # More than an eighth of the store: it would drive out too much.
    assert fetch(server, "/large.wasm", [TOO_LARGE]).get("Content-Encoding") is None
    for number, content in enumerate(contents):
        fetch(server, "/%d.wasm" % number, [content])


# ---- configuration

BAD = [
    ("WasmServeStore", ["DIR [SIZE]"]),
    ("WasmServeStore store 1M 2M", ["takes a directory and, optionally, a size"]),
    ("WasmServeStore store large", ['"large" is not a size']),
    ("WasmServeStore store 1K", ['"1K" is out of range; allowed is 1M to']),
    ("WasmServeStore missing", ["missing cannot be opened as a directory", "No such file", "install -d -m 700 -o"]),
    ("WasmServeStore conf/mime.types", ["mime.types cannot be opened as a directory", "Not a directory"]),
    ("WasmServeStore open", ["open is open to other users", "chmod 700"]),
    ("WasmServeStore link", ["link cannot be opened as a directory"]),
    ("<VirtualHost *>\nWasmServeStore store\n</VirtualHost>", ["one store for the whole server"]),
    ('<Directory "/srv">\nWasmServeStore store\n</Directory>', ["not allowed"]),
]


@pytest.fixture(scope="module")
def stopped(make_httpd):
    server = make_httpd(start=False)
    server.make_private("store")
    server.make_private("open", 0o750)
    os.symlink(server.path("store"), server.path("link"))
    os.mkdir(server.path("foreign"), 0o700)
    return server


@pytest.mark.parametrize("line,said", BAD, ids=[line.replace("\n", " ") for line, _ in BAD])
def test_configtest_finds(stopped, line, said):
    code, output = stopped.configtest(line)
    assert code != 0
    for words in said:
        assert words in output, output
    assert "WasmServeStore" in output


def test_configtest_is_content(stopped):
    for line in ("WasmServeStore store", "WasmServeStore store 1G", 'WasmServeStore "%s" 1M' % stopped.path("store")):
        code, output = stopped.configtest(line)
        assert code == 0, output


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make a directory that is somebody else's")
def test_a_directory_of_somebody_else(stopped):
    code, output = stopped.configtest("WasmServeStore foreign")
    assert code != 0 and "does not belong to the user that the server runs as" in output and "chown" in output


def test_without_mod_watchdog(stopped):
    if "watchdog" in stopped.installation.static:
        pytest.skip("mod_watchdog is built into this httpd")
    code, output = stopped.configtest("WasmServeStore store")
    assert code != 0 and "needs mod_watchdog" in output


def test_htaccess_may_not(make_httpd):
    server = make_httpd(config="WasmServe On",
                        setup=lambda h: (h.write("docroot/app.wasm", APP),
                                         h.write("docroot/.htaccess", "WasmServeStore /tmp\n")))
    assert server.get("/app.wasm").status == 500
    server.wait_log("WasmServeStore not allowed here")


def descriptors_below(folder):
    """How many descriptors of all processes lead there."""
    count = 0
    for entry in glob.glob("/proc/[0-9]*/fd/*"):
        try:
            count += os.readlink(entry).startswith(folder)
        except OSError:
            continue  # closed, or the process has ended
    return count


def test_no_descriptor_is_lost(make_httpd):
    """Where the kernel is to send the variant, it leaves as a file, which goes from pool to pool under HTTP/2."""
    data = program(50000, 7)

    def setup(server):
        server.make_private("store")
        settle(server.write("docroot/app.wasm", data))

    httpd = make_httpd(config='EnableSendfile On\nWasmServeStore store\n<Directory "${docroot}">\nWasmServe On\n</Directory>',
                       h2=True, setup=setup)
    deadline = time.time() + env.PATIENCE
    while httpd.get("/app.wasm", [("Accept-Encoding", "br")]).get("Content-Encoding") != "br":
        assert time.time() < deadline
        time.sleep(0.2)
    for number in range(40):
        ask = httpd.h2_request if number % 2 else httpd.request
        answer = ask("GET", "/app.wasm", [("Accept-Encoding", "br")])
        assert answer.get("Content-Encoding") == "br"
    while descriptors_below(httpd.path("store/v/")) > 0:
        assert time.time() < deadline, "%d descriptors are open" % descriptors_below(httpd.path("store/v/"))
        time.sleep(0.2)
