# SPDX-License-Identifier: Apache-2.0
"""WasmServeEngine: the first request does not wait for the compiler, a fault of a guest stays the guest's, and where no
code can be executed everything works all the same."""
import fcntl
import json
import os
import platform
import re
import struct
import subprocess
import sys

import pytest

import env
import plugin_wat

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="there is a compiler for x86-64 only")

OUT_OF_BOUNDS = """(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "_start") (drop (i64.load (i32.const 0x7ffffff0)))))"""


def config(engine, *more):
    return "\n".join([
        *more, "WasmServeEngine %s" % engine,
        "<WasmServePlugin hello>\nWasmServeModule hello.wasm\n</WasmServePlugin>",
        "<WasmServePlugin wild>\nWasmServeModule wild.wasm\n</WasmServePlugin>",
        # Of the same bytes: one module, and compiled once.
        "<WasmServePlugin twin>\nWasmServeModule hello.wasm\n</WasmServePlugin>",
        "<WasmServePlugin third>\nWasmServeModule hello.wasm\n</WasmServePlugin>",
        "<Location /hello>\nWasmServeHandler hello\n</Location>",
        "<Location /wild>\nWasmServeHandler wild\n</Location>",
        "<Location /status>\nSetHandler wasmserve-status\n</Location>"])


def files(h):
    h.write("hello.wasm", plugin_wat.says(b"Content-Type: text/plain\n\nhello\n"))
    h.write("wild.wasm", plugin_wat.assemble(OUT_OF_BOUNDS))


def tiers(server):
    return {plugin["name"]: plugin["tier"] for plugin in json.loads(server.get("/status?json").body)["plugins"]}


def check_calls(server):
    for _ in range(20):
        assert server.get("/hello").body == b"hello\n"
        mark = server.log_mark()
        assert server.get("/wild").status == 500
        server.wait_log(r"plugin wild .*out of bounds", mark)
    server.expect_log(r"plugin wild .*out of bounds")


@pytest.mark.parametrize("engine", ["auto", "auto explicit", "compiler", "compiler explicit"])
def test_plugins_become_compiled_and_faults_stay_theirs(make_httpd, engine):
    server = make_httpd(config=config(engine), setup=files, log_level="debug")
    assert server.get("/hello").body == b"hello\n"
    server._wait(lambda: set(tiers(server).values()) == {"compiler"}, "compiled code")
    check_calls(server)
    assert re.search("plugins are compiled: x86-64, code in .*%s"
                     % ("checks" if "explicit" in engine else "guard pages|checks"), server.log_text())


def test_the_interpreter_can_be_forced(make_httpd):
    server = make_httpd(config=config("interpreter"), setup=files, log_level="debug")
    check_calls(server)
    assert set(tiers(server).values()) == {"interpreter"}
    assert "plugins are compiled" not in server.log_text()


def test_auto_is_the_default(make_httpd):
    server = make_httpd(config=config("auto").replace("WasmServeEngine auto", ""), setup=files)
    server._wait(lambda: set(tiers(server).values()) == {"compiler"}, "compiled code")
    check_calls(server)


def test_the_interpreter_where_it_is_wanted(make_httpd):
    server = make_httpd(config=config("interpreter"), setup=files)
    check_calls(server)
    assert set(tiers(server).values()) == {"interpreter"}


CACHE = "WasmServeCodeCache cache"


def test_the_cache_is_filled_once_and_used_by_the_next_start(make_httpd):
    def setup(h):
        files(h)
        h.make_private("cache")
    server = make_httpd(config=config("auto", CACHE), setup=setup, log_level="debug")
    server._wait(lambda: set(tiers(server).values()) == {"compiler"}, "compiled code")
    server._wait(lambda: len([name for name in os.listdir(server.path("cache")) if name.endswith(".code")]) == 2,
                 "two files in the cache")
    check_calls(server)
    mark = server.log_mark()
    server.graceful()
    server.wait_log(r"code cache: .*\.code is used", mark)
    check_calls(server)
    # A file that somebody has changed is seen, said and replaced.
    for name in sorted(set(os.listdir(server.path("cache"))) - {".lock"}):
        path = os.path.join(server.path("cache"), name)
        with open(path, "rb") as file:
            data = bytearray(file.read())
        data[len(data) // 2] ^= 1
        with open(path + ".new", "wb") as file:
            file.write(data)
        os.chmod(path + ".new", 0o644)
        stat = os.stat(path)
        if os.geteuid() == 0:
            os.chown(path + ".new", stat.st_uid, stat.st_gid)
        os.rename(path + ".new", path)
    mark = server.log_mark()
    server.graceful()
    server.wait_log(r"code cache: .*is not used: .*damaged", mark)
    server._wait(lambda: set(tiers(server).values()) == {"compiler"}, "compiled code")
    check_calls(server)
    server.expect_log(r"code cache: .*is not used: .*damaged")


def test_a_small_module_of_one_large_function_is_compiled(make_httpd):
    """Its size gives it little memory for being loaded; 150 KB of a body need more to be compiled."""
    body = "(global.set $g (i32.mul (i32.add (global.get $g) (i32.const 57)) (global.get $g)))" * 14000

    def setup(h):
        files(h)
        h.write("wild.wasm", plugin_wat.assemble(OUT_OF_BOUNDS.replace(
            "(memory", "(global $g (mut i32) (i32.const 1)) (func %s) (memory" % body)))
    server = make_httpd(config=config("auto"), setup=setup, log_level="debug")
    found = server.wait_log(r"wild\.wasm \(sha256:\w+\) runs compiled from now on: (\d+) bytes of code")
    assert int(found.group(1)) > os.path.getsize(server.path("wild.wasm")) // 4
    check_calls(server)


@pytest.mark.skipif(os.environ.get("MPM", "event") == "prefork", reason="under prefork the parent compiles")
def test_of_many_children_one_compiles_for_the_cache(make_httpd):
    children = 4
    functions = "(func (param i32) %s)" % (
        "(local.set 0 (i32.mul (i32.add (local.get 0) (i32.const 12345)) (i32.const 77)))" * 60)

    def setup(h):
        text = OUT_OF_BOUNDS.replace("(memory", functions * 600 + "(memory")
        h.write("hello.wasm", plugin_wat.says(b"Content-Type: text/plain\n\nhello\n"))
        h.write("wild.wasm", plugin_wat.assemble(text))
        h.make_private("cache")
    server = make_httpd(config=config("auto", CACHE), setup=setup, log_level="debug",
                        mpm_config="StartServers %d\nServerLimit %d\nThreadsPerChild 4\nMinSpareThreads 4\n"
                        "MaxSpareThreads %d\nMaxRequestWorkers %d" % (children, children, 4 * children, 4 * children))

    def lines(word):
        return re.findall(r"\[pid (\d+):.*code cache: (\S+\.code) %s" % word, server.log_text())
    server._wait(lambda: len(lines("is used")) == 2 * children, "all children to have the code")
    # Each file was made once, by whichever child, and is mapped by all of them.
    assert len(lines("is kept")) == len({name for _, name in lines("is kept")}) == 2
    assert len({child for child, _ in lines("is used")}) == children
    check_calls(server)


LOW = (10, 3)  # nice, and SCHED_BATCH


def tasks(pid):
    """Of each thread of a process, its nice value and policy (proc(5))."""
    found = []
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/stat" % (pid, task), encoding="ascii") as text:
            fields = text.read().rpartition(")")[2].split()
        found.append((int(fields[16]), int(fields[38])))
    return found


@pytest.mark.skipif(os.environ.get("MPM", "event") == "prefork", reason="under prefork the parent compiles")
def test_nobody_waits_for_the_compiler(make_httpd):
    """It cannot go on here, for somebody else has the lock of the code cache: guests run interpreted, children come and
    go, and what is made after that is compiled."""
    def setup(h):
        files(h)
        h.make_private("cache")
        path = h.write("cache/.lock", b"", mode=0o600)
        owner = os.stat(h.path("cache"))
        os.chown(path, owner.st_uid, owner.st_gid)
    server = make_httpd(config=config("auto", CACHE), setup=setup, log_level="debug", start=False)
    fd = os.open(server.path("cache/.lock"), os.O_RDWR)
    try:
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        server.start()
        for _ in range(2):
            check_calls(server)
            assert set(tiers(server).values()) == {"interpreter"}
            assert any(LOW in task for pid in server._listening_children() for task in [tasks(pid)])
            server.graceful()
        server.stop()
        assert [name for name in os.listdir(server.path("cache")) if name != ".lock"] == []
        server.start()
        check_calls(server)
    finally:
        os.close(fd)
    server._wait(lambda: set(tiers(server).values()) == {"compiler"}, "compiled code")
    check_calls(server)


def test_perf_is_told_the_names_of_functions_where_it_is_asked_for(make_httpd):
    """In the process that has the code, in a file of its own."""
    maps = []
    for environment in ({}, {"WASMSERVE_PERF_MAP": "1"}):
        server = make_httpd(config=config("auto"), setup=files, environment=environment)
        server._wait(lambda: set(tiers(server).values()) == {"compiler"}, "compiled code")
        check_calls(server)
        pids = server._listening_children() | {server.process.pid}
        maps.append([path for path in map("/tmp/perf-%d.map".__mod__, pids) if os.path.exists(path)])
        server.stop()
    try:
        assert maps[0] == [] and maps[1] != []
        for path in maps[1]:
            with open(path, encoding="ascii") as lines:
                assert re.search(r"^[0-9a-f]+ [0-9a-f]+ wasm:_start$", lines.read(), re.M)
    finally:
        for path in maps[0] + maps[1]:
            os.unlink(path)


# prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN), which goes on to the program and all its children.
WITHOUT_WRITE_EXECUTE = """
import ctypes, os, sys
sys.exit(77) if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) != 0 else os.execv(sys.argv[1], sys.argv[1:])"""


@pytest.mark.skipif(bool(env.sanitizer()), reason="a sanitizer's memory is not what the module has")
@pytest.mark.parametrize("cache, way", [("", "memfd:wasmserve-code"), (CACHE, "/cache/")], ids=["memfd", "a file"])
def test_compiled_code_runs_under_memory_deny_write_execute(make_httpd, cache, way):
    if subprocess.run([sys.executable, "-c", WITHOUT_WRITE_EXECUTE, "/bin/true"], check=False).returncode == 77:
        pytest.skip("this kernel has no PR_SET_MDWE")

    def setup(h):
        files(h)
        h.make_private("cache")
    server = make_httpd(config=config("auto", cache), setup=setup, log_level="debug", start=False)
    command = server._command
    server._command = lambda path: [sys.executable, "-c", WITHOUT_WRITE_EXECUTE] + command(path)
    server.start()
    server._wait(lambda: set(tiers(server).values()) == {"compiler"}, "compiled code")
    check_calls(server)
    assert re.search(r"plugins are compiled: x86-64, code in a (memfd|file), ", server.log_text())
    maps = []
    for pid in server._listening_children():
        with open("/proc/%d/maps" % pid, encoding="ascii") as lines:
            maps += [line for line in lines if line.split()[1].startswith("rwx") or way in line]
    # The code of both modules in each child that has it, readable and executable, and nothing that is writable as well.
    assert len(maps) >= 2 and {line.split()[1] for line in maps} == {"r-xp"}, maps


# As before, and memfd_create() fails (seccomp(2)): a system that lets nothing become executable.
NOTHING_EXECUTABLE = WITHOUT_WRITE_EXECUTE.replace("import ctypes, os, sys", """import ctypes, os, struct, sys
code = b"".join(struct.pack("HBBI", *row) for row in [
    (0x20, 0, 0, 0), (0x15, 0, 1, 319), (0x06, 0, 0, 0x50000 + 13), (0x06, 0, 0, 0x7fff0000)])
filter = ctypes.create_string_buffer(code)
program = struct.pack("HxxxxxxP", 4, ctypes.addressof(filter))
if ctypes.CDLL(None).prctl(38, 1, 0, 0, 0) != 0 or ctypes.CDLL(None).prctl(22, 2, program, 0, 0) != 0:
    sys.exit(77)""")


@pytest.mark.skipif(bool(env.sanitizer()), reason="a sanitizer's memory is not what the module has")
def test_where_nothing_is_executable_the_interpreter_answers_and_the_log_says_why(make_httpd):
    def under(server):
        command = server._command
        server._command = lambda path: [sys.executable, "-c", NOTHING_EXECUTABLE] + command(path)
        return server
    if subprocess.run([sys.executable, "-c", NOTHING_EXECUTABLE, "/bin/true"], check=False).returncode == 77:
        pytest.skip("this kernel has no PR_SET_MDWE, or no seccomp")
    server = under(make_httpd(config=config("auto"), setup=files, log_level="debug", start=False)).start()
    check_calls(server)
    assert set(tiers(server).values()) == {"interpreter"}
    said = re.search(r"plugins are interpreted, and slower than they could be: (.*)", server.log_text()).group(1)
    assert "a memfd: Permission denied; anonymous memory: Permission denied" in said
    code, output = server.configtest(config("compiler"))
    assert code != 0
    for words in ("hello.wasm", "memfd: Permission denied", "write WasmServeEngine auto, or allow executable memory"):
        assert words in output


@pytest.mark.parametrize("mode, words", [
    (None, ["not accessible", "create it"]), (0o777, ["writable", "chmod go-w"])], ids=["missing", "writable by all"])
def test_configtest_names_a_directory_that_is_not_the_servers_own(make_httpd, mode, words):
    server = make_httpd(config="", setup=files)
    if mode is not None:
        os.mkdir(server.path("cache"))
        os.chmod(server.path("cache"), mode)
    code, output = server.configtest(config("auto", CACHE))
    assert code != 0
    for word in ["WasmServeCodeCache", server.path("cache")] + words:
        assert word in output
