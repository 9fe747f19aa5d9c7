# SPDX-License-Identifier: Apache-2.0
"""SIGSEGV is the process's, not ours: another module that recovers from faults of its own goes on doing so while guests
trap by guard pages, whoever of us installed a handler first; and a crash that is nobody's ends as it does without us."""
import os
import platform
import signal
import threading

import pytest

import env
import plugin_wat
from test_plugin_native import OUT_OF_BOUNDS

pytestmark = [
    pytest.mark.skipif(platform.machine() != "x86_64", reason="there is a compiler for x86-64 only"),
    pytest.mark.skipif(bool(env.sanitizer()), reason="the sanitizer has a handler of SIGSEGV of its own")]

PREFORK = os.environ.get("MPM", "event") == "prefork"
# One child has all requests, so that faults of both kinds meet in it.
ONE_CHILD = ("StartServers 1\nMinSpareServers 1\nMaxSpareServers 1\nServerLimit 1\nMaxRequestWorkers 1" if PREFORK else
             "StartServers 1\nServerLimit 1\nThreadsPerChild 8\nMinSpareThreads 1\nMaxSpareThreads 8\nMaxRequestWorkers 8")
ROUNDS = 40
BUSY = 20  # ticks: a child takes some of its own before it answers


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    """The line that loads the other module."""
    return env.build_module("faulty", tmp_path_factory.mktemp("faulty"))


PATHS = "\n".join("<Location /%s>\nSetHandler faulty-%s\n</Location>" % (word, word)
                  for word in ("recover", "crash", "here", "before"))
PLUGINS = """
WasmServeEngine compiler
<WasmServePlugin hello>
    WasmServeModule hello.wasm
</WasmServePlugin>
<WasmServePlugin wild>
    WasmServeModule wild.wasm
</WasmServePlugin>
<WasmServePlugin loop>
    WasmServeModule loop.wasm
    WasmServeTimeout 60s
</WasmServePlugin>
<Location /hello>
    WasmServeHandler hello
</Location>
<Location /loop>
    WasmServeHandler loop
</Location>
<Location /wild>
    WasmServeHandler wild
</Location>
"""
LOOP = OUT_OF_BOUNDS.replace("(drop (i64.load (i32.const 0x7ffffff0)))", "(loop (br 0))")


def start(make_httpd, faulty, place=None, with_plugins=True, plugins=PLUGINS):
    def setup(h):
        h.write("hello.wasm", plugin_wat.says(b"Content-Type: text/plain\n\nhello\n"))
        h.write("wild.wasm", plugin_wat.assemble(OUT_OF_BOUNDS))
        h.write("loop.wasm", plugin_wat.assemble(LOOP))
    lines = [faulty, PATHS]
    if place:
        lines.append("FaultyHandler %s" % place)
    if with_plugins:
        lines.append(plugins)
    server = make_httpd(config="\n".join(lines), setup=setup, load_module=with_plugins, mpm_config=ONE_CHILD)
    server.expect_log("AH00161: server reached MaxRequestWorkers", optional=True)
    if with_plugins:
        server.expect_log(r"plugin wild .*out of bounds", optional=True)
    return server


def guests_run_and_trap(server, wrong, rounds=ROUNDS):
    for _ in range(rounds):
        for path, expected in (("/hello", (200, b"hello\n")), ("/wild", (500, None))):
            got = server.get(path)
            if got.status != expected[0] or expected[1] not in (None, got.body):
                wrong.append((path, got, got.body))


@pytest.mark.parametrize("place", ["first", "last", "alternate"])
def test_a_module_recovers_from_its_faults_while_guests_trap(make_httpd, faulty, place):
    server = start(make_httpd, faulty, place)
    child = server.get("/here").body.replace(b"here", b"recovered")
    wrong = []

    def others(_):
        for _ in range(ROUNDS):
            got = server.get("/recover")
            if got.body != child:
                wrong.append(("/recover", got, got.body))

    threads = [threading.Thread(target=guests_run_and_trap, args=(server, wrong)) for _ in range(2)]
    threads += [threading.Thread(target=others, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(env.PATIENCE)
    assert not wrong
    # The same process still, whose guests really trapped.
    assert server.get("/here").body.replace(b"here", b"recovered") == child
    assert server.log_text().count("plugin wild") >= 2 * ROUNDS


@pytest.mark.parametrize("place, engine, found", [
    ("last", "compiler", "mod_wasmserve"), ("first", "compiler", "httpd"), ("last", "auto", "mod_wasmserve"),
    ("last", "compiler explicit", "httpd"), ("last", "auto explicit", "httpd"), ("last", "interpreter", "httpd")])
def test_there_is_a_handler_where_it_is_needed_and_none_where_it_is_not_wanted(make_httpd, faulty, place, engine, found):
    """When a child begins, after what was there before; not at all with `explicit`."""
    plugins = PLUGINS.replace("WasmServeEngine compiler", "WasmServeEngine " + engine)
    server = start(make_httpd, faulty, place, plugins=plugins)
    wrong = []
    guests_run_and_trap(server, wrong, rounds=2)
    assert not wrong
    assert server.get("/before").body.decode() == found + "\n"


def crashes(server, path, wrong):
    """Asks for what ends the child instead of answering."""
    try:
        wrong.append(server.get(path))
    except (env.ProtocolError, ConnectionError):
        pass


def processor_time(pid):
    """A process's own, in ticks (proc(5))."""
    with open("/proc/%d/stat" % pid, encoding="ascii") as stat:
        return sum(map(int, stat.read().rpartition(")")[2].split()[11:13]))


def crash(server):
    """What the parent says of its child after a request that is nobody's business."""
    mark, wrong = server.log_mark(), []
    crashes(server, "/crash", wrong)
    assert not wrong
    return server.wait_log(r"AH0005[12]: child pid \d+ (exit signal Segmentation fault.*)", mark).group(1)


@pytest.mark.parametrize("place", [None, "first", "last"])
def test_a_crash_of_nobodys_ends_as_it_does_without_us(make_httpd, faulty, place):
    ends = []
    for with_plugins in (False, True):
        server = start(make_httpd, faulty, place, with_plugins)
        if with_plugins:
            wrong = []
            guests_run_and_trap(server, wrong, rounds=2)
            assert not wrong
        ends.append(crash(server).replace(server.root, "ROOT"))
        # The next child is as good.
        assert server.get("/here").status == 200
        if with_plugins:
            guests_run_and_trap(server, wrong, rounds=2)
            assert not wrong
        server.stop()
    assert ends[0] == ends[1] and "Segmentation fault" in ends[0]


@pytest.mark.parametrize("place", [None, "first", "last"])
def test_a_signal_that_is_sent_ends_a_child_that_runs_a_guest(make_httpd, faulty, place):
    """As without us, for there is no instruction that would fault again."""
    server = start(make_httpd, faulty, place)
    for number in (signal.SIGSEGV, signal.SIGBUS):
        child, mark, wrong = int(server.get("/here").body.split()[-1]), server.log_mark(), []
        running = threading.Thread(target=crashes, args=(server, "/loop", wrong))
        running.start()
        server._wait(lambda: processor_time(child) > BUSY, "the guest to run")
        os.kill(child, number)
        running.join(env.PATIENCE)
        assert not running.is_alive() and not wrong
        server.wait_log(r"AH0005[12]: child pid %d exit signal (Segmentation fault|Bus error)" % child, mark)
        # The next child is as good.
        guests_run_and_trap(server, wrong, rounds=2)
        assert not wrong
