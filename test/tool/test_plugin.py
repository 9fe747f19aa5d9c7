# SPDX-License-Identifier: Apache-2.0
"""`wasmserve plugin`: what is taken and what is refused, what becomes active, and what is kept of it."""
import hashlib
import json
import os
import re
import signal
import stat
import subprocess
import time

import pytest

from command import TOOL, assemble, run

SAYS = """
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  %s
  (memory (export "memory") 1)
  (data (i32.const 64) "%s")
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 64))
    (i32.store (i32.const 4) (i32.const %d))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    %s))
"""


def says(folder, text, name="says.wasm", extra="", end="", version=None):
    """A guest that writes this text. `version`: what its custom section says."""
    body = "".join("\\%02x" % byte for byte in text.encode())
    path = assemble(folder, SAYS % (extra, body, len(text), end), name)
    if version is not None:
        section = bytes([7]) + b"version" + version.encode()
        path.write_bytes(path.read_bytes() + bytes([0, len(section)]) + section)
    return path


def good(folder, version=None, name="good.wasm"):
    return says(folder, "Content-Type: text/plain\n\n%s" % version, name, version=version)


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def plugins(tmp_path):
    """Runs the command on a directory of its own."""
    folder = tmp_path / "plugins"
    folder.mkdir(mode=0o755)

    def command(*args, **options):
        return run("plugin", "-d", folder, *args, **options)

    command.folder = folder
    return command


def active(plugins, name="hello"):
    return json.loads(plugins("list", "--json", name).stdout)["plugins"][0]["active"]


def test_add_activate_rollback_list(plugins, tmp_path):
    one, two = good(tmp_path, "1.0", "one.wasm"), good(tmp_path, "1.1", "two.wasm")
    added = plugins("add", "hello", one)
    assert (added.returncode, added.stdout, added.stderr) == (0, "hello 1.0 sha256:%s\n" % digest(one), "")
    assert active(plugins) is None, "adding is not activating"
    assert plugins("rollback", "hello").returncode == 1
    assert plugins("activate", "hello", "1.0").stdout == "hello 1.0 sha256:%s is active\n" % digest(one)
    assert plugins("add", "hello", two).returncode == 0
    assert active(plugins) == digest(one)
    assert plugins("activate", "hello", digest(two)[:12]).returncode == 0
    assert active(plugins) == digest(two)
    back = plugins("rollback", "hello")
    assert (back.returncode, back.stdout) == (0, "hello 1.0 sha256:%s is active\n" % digest(one))
    nothing = plugins("rollback", "hello")
    assert nothing.returncode == 1 and "no other version active before" in nothing.stderr
    assert active(plugins) == digest(one)

    state = json.loads(plugins("list", "--json").stdout)["plugins"]
    assert len(state) == 1 and state[0]["before"] == []
    assert [(v["version"], v["abi"], v["called"], v["stored"]) for v in state[0]["versions"]] == [
        ("1.0", "cgi", True, True), ("1.1", "cgi", True, True)]
    assert [event["action"] for event in state[0]["history"]] == ["add", "activate", "add", "activate", "rollback"]
    text = plugins("list", "hello").stdout
    assert re.search(r"^  \* 1\.0 +sha256:%s  cgi  \d+ bytes" % digest(one), text, re.M)
    assert re.search(r"rollback +1\.0 sha256:%s" % digest(one)[:12], text)
    assert "history" not in plugins("list").stdout


def test_what_is_stored(plugins, tmp_path):
    module = good(tmp_path, "1.0")
    assert plugins("add", "hello", module, umask=0o077).returncode == 0
    stored = plugins.folder / "modules" / (digest(module) + ".wasm")
    assert stored.read_bytes() == module.read_bytes()
    # The server's children run as another user and must get through, whatever the umask was.
    assert stat.S_IMODE(stored.stat().st_mode) == 0o444
    assert stat.S_IMODE((plugins.folder / "plugins" / "hello").stat().st_mode) == 0o644
    assert stat.S_IMODE((plugins.folder / "plugins").stat().st_mode) == 0o755
    assert sorted(os.listdir(plugins.folder)) == ["lock", "modules", "plugins"]
    record = (plugins.folder / "plugins" / "hello").read_text().splitlines()
    assert record[:3] == ["wasmserve-versions 1", "plugin hello", "active -"] and record[-1] == "end"


def test_the_same_again_is_no_mistake(plugins, tmp_path):
    module = good(tmp_path, "1.0")
    plugins("add", "hello", module)
    again = plugins("add", "hello", module)
    assert again.returncode == 0 and "already has" in again.stderr
    assert plugins("activate", "hello", "1.0").returncode == 0
    before = (plugins.folder / "plugins/hello").read_bytes()
    assert plugins("activate", "hello", "1.0").returncode == 0
    assert (plugins.folder / "plugins/hello").read_bytes() == before


def test_two_plugins_may_have_the_same_module(plugins, tmp_path):
    module = good(tmp_path, "1.0")
    for name in ("a", "b"):
        assert plugins("add", name, module).returncode == 0
    assert len(os.listdir(plugins.folder / "modules")) == 1
    assert [p["name"] for p in json.loads(plugins("list", "--json").stdout)["plugins"]] == ["a", "b"]


def test_versions(plugins, tmp_path):
    """A custom section, or what version() answers; what cannot be a word becomes one."""
    for number, (version, extra, label) in enumerate([
            ("2026 (final)", "", "2026__final_"), (None, '(func (export "version") (result i32) (i32.const 42))', "42"),
            (None, "", "-"), ("", "", "-"),
            (None, '(func (export "version") (result i32) unreachable)', "-"),
            (None, '(func (export "version") (result f32) (f32.const 1))', "-")]):
        module = says(tmp_path, "Status: 200\n\n%d" % number, extra=extra, version=version)
        added = plugins("add", "p%d" % number, module)
        assert added.stdout.split()[:2] == ["p%d" % number, label], added.stderr


HEADERS = {
    "plain": ("Content-Type: text/plain\n\nhello", True),
    "crlf": ("Content-Type: text/plain\r\nX-A: b\r\n\r\nhello", True),
    "an error is an answer": ("Status: 503 Later\n\n", True),
    "a redirection": ("Location: /elsewhere\n\n", True),
    "nothing": ("", False),
    "no end": ("Content-Type: text/plain\n", False),
    "no header": ("hello\n\n", False),
    "none of the three": ("X-A: b\n\nhello", False),
    "a name that is none": ("Content Type: text/plain\n\n", False),
    "a control character": ("Content-Type: text\x01/plain\n\n", False),
}


@pytest.mark.parametrize("name", HEADERS)
def test_the_trial_call(plugins, tmp_path, name):
    text, fine = HEADERS[name]
    result = plugins("add", "hello", says(tmp_path, text))
    assert result.returncode == (0 if fine else 2), result.stderr
    if not fine:
        assert "is refused" in result.stderr and "GET /" in result.stderr
        assert not os.path.exists(plugins.folder / "plugins" / "hello")


REFUSED = {
    "no module": (b"#!/bin/sh\n", "magic header not detected"),
    "cut short": (b"\0asm\1\0\0\0\1", "malformed"),
    "a component": (b"\0asm\x0d\0\1\0", "component"),
    "invalid": ('(module (func (export "_start") (drop (i32.add (i64.const 1) (i32.const 2)))))', "type mismatch"),
    "unknown import": ('(module (import "env" "system" (func)) (func (export "_start")))', '"env" "system"'),
    "import of another type": ('(module (import "wasi_snapshot_preview1" "fd_close" (func (param i64)))'
                               '(func (export "_start")))', "in a form that it does not have"),
    "no abi": ("(module)", "no guest that a server could speak to"),
    "traps": ('(module (func (export "_start") unreachable))', "unreachable"),
    "loops": ('(module (func (export "_start") (loop (br 0))))', "deadline exceeded"),
    "too much memory": ('(module (memory 1025) (func (export "_start")))', "memory limit exceeded"),
    "start function traps": ('(module (func $f unreachable) (start $f) (func (export "_start")))', "unreachable"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_broken_candidate_is_refused_and_nothing_is_stored(plugins, tmp_path, name):
    text, why = REFUSED[name]
    if isinstance(text, bytes):
        module = tmp_path / "module.wasm"
        module.write_bytes(text)
    else:
        module = assemble(tmp_path, text, "module.wasm", "--no-check")
    result = plugins("add", "--timeout", "300", "hello", module)
    assert (result.returncode, result.stdout) == (2, "")
    assert why in result.stderr and "is refused" in result.stderr
    assert os.listdir(plugins.folder) == []


def test_a_guest_that_needs_something_can_be_given_it(plugins, tmp_path, guest):
    """files opens what is in its granted directory, and fails where there is none."""
    needs = says(tmp_path, "Content-Type: text/plain\n\n", extra="""
        (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "environ_sizes_get" (func $sizes (param i32 i32) (result i32)))""",
                 end="(if (call $prestat (i32.const 3) (i32.const 0)) (then unreachable))")
    assert plugins("add", "hello", needs).returncode == 2
    given = plugins("add", "--dir", "%s::/data" % tmp_path, "hello", needs)
    assert given.returncode == 0, given.stderr
    assert plugins("add", "env", guest("env"), "--env", "REGION=eu", "--memory", "16M").returncode == 0


FILTER = """
(module
  (import "http_handler" "get_config" (func $config (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "handle_request") (result i64)
    (if (i32.ne (call $config (i32.const 0) (i32.const 10)) (i32.const %d)) (then unreachable))
    (i64.const %d))
  (func (export "handle_response") (param i32 i32) %s))
"""


@pytest.mark.parametrize("length, answer, end, options, fine", [
    (0, 1, "", [], True), (0, 0, "unreachable", [], True), (0, 1, "unreachable", [], False), (5, 1, "", [], False),
    (5, 1, "", ["--config", "hello"], True)])
def test_filters_are_tried_in_both_phases(plugins, tmp_path, length, answer, end, options, fine):
    """An http-wasm guest: handle_request, and handle_response if it lets the request pass."""
    module = assemble(tmp_path, FILTER % (length, answer, end))
    result = plugins("add", *options, "filter", module)
    assert result.returncode == (0 if fine else 2), result.stderr
    if fine:
        assert json.loads(plugins("list", "--json").stdout)["plugins"][0]["versions"][0]["abi"] == "http-wasm"
        assert plugins("activate", "filter", digest(module)[:8]).returncode == 0
        # Where it is used, the server speaks http-wasm; a program cannot take its place.
        plugins("add", "filter", good(tmp_path, "2.0"))
        odd = plugins("activate", "filter", "2.0")
        assert odd.returncode == 2 and "define another plugin" in odd.stderr


def test_the_configuration_of_the_trial_may_be_a_file(plugins, tmp_path):
    (tmp_path / "config").write_bytes(b"12345")
    assert plugins("add", "--config", "@%s/config" % tmp_path, "filter",
                   assemble(tmp_path, FILTER % (5, 1, ""))).returncode == 0
    assert plugins("add", "--config", "@/none/such", "filter", "x").returncode == 64


def test_without_a_call_it_is_marked(plugins, tmp_path):
    module = assemble(tmp_path, '(module (func (export "_start") unreachable))')
    assert plugins("add", "--no-call", "hello", module).returncode == 0
    assert json.loads(plugins("list", "--json").stdout)["plugins"][0]["versions"][0]["called"] is False
    assert "not called" in plugins("list", "hello").stdout


def test_a_version_that_is_damaged_later_never_becomes_active(plugins, tmp_path):
    one, two = good(tmp_path, "1.0", "one.wasm"), good(tmp_path, "1.1", "two.wasm")
    for module in (one, two):
        plugins("add", "hello", module)
    assert plugins("activate", "hello", "1.0").returncode == 0
    stored = plugins.folder / "modules" / (digest(two) + ".wasm")
    stored.chmod(0o644)
    stored.write_bytes(b"\0asm\1\0\0\0")
    refused = plugins("activate", "hello", "1.1")
    assert refused.returncode == 1 and "not the module that it is named by" in refused.stderr
    stored.unlink()
    refused = plugins("activate", "hello", "1.1")
    assert refused.returncode == 1 and "No such file" in refused.stderr
    assert "its file is missing" in plugins("list").stdout
    assert active(plugins) == digest(one)
    assert plugins("add", "hello", two).returncode == 0  # which mends it
    assert plugins("activate", "hello", "1.1").returncode == 0
    (plugins.folder / "modules" / (digest(one) + ".wasm")).unlink()
    assert plugins("rollback", "hello").returncode == 1
    assert active(plugins) == digest(two), "what was before cannot be loaded, so all stays as it is"


def test_what_cannot_be_meant(plugins, tmp_path):
    one, two = good(tmp_path, "1.0", "one.wasm"), says(tmp_path, "Status: 200\n\n2", "two.wasm", version="1.0")
    for module in (one, two):
        plugins("add", "hello", module)
    ambiguous = plugins("activate", "hello", "1.0")
    assert ambiguous.returncode == 1 and "means 2 versions" in ambiguous.stderr
    unknown = plugins("activate", "hello", "2.0")
    assert unknown.returncode == 1 and 'no version "2.0"' in unknown.stderr
    nobody = plugins("activate", "nobody", "2.0")
    assert nobody.returncode == 1 and "no version of the plugin nobody" in nobody.stderr
    assert plugins("list", "nobody").returncode == 1
    assert plugins("list", "../hello").returncode == 1


@pytest.mark.parametrize("args", [[], ["nonsense"], ["add"], ["add", "a"], ["add", "a", "b", "c"], ["activate", "a"],
                                  ["rollback"], ["list", "a", "b"], ["list", "--no-call"], ["rollback", "--json", "a"],
                                  ["add", "--memory", "x", "a", "b"], ["add", "--dir", "a", "b", "c"],
                                  ["add", "--env", "A", "b", "c"], ["add", "--timeout", "0", "b", "c"],
                                  ["add", "a/b", "c"], ["add", ".a", "c"], ["--nonsense"]])
def test_command_lines_that_make_no_sense(plugins, args):
    result = plugins(*args)
    assert (result.returncode, result.stdout) == (64, "") and result.stderr


def test_the_directory(tmp_path):
    module = good(tmp_path, "1.0")
    nowhere = run("plugin", "list", env={})
    assert nowhere.returncode == 64 and "WASMSERVE_PLUGIN_DIR" in nowhere.stderr
    missing = tmp_path / "missing"
    for args in (["list"], ["activate", "a", "1"], ["rollback", "a"]):
        result = run("plugin", "-d", missing, *args)
        assert result.returncode == 1 and "missing" in result.stderr and not missing.exists()
    assert run("plugin", "-d", missing / "deeper", "add", "a", module).returncode == 1
    assert run("plugin", "add", "a", module, env={"WASMSERVE_PLUGIN_DIR": str(missing)}).returncode == 0
    assert run("plugin", "list", env={"WASMSERVE_PLUGIN_DIR": str(missing)}).returncode == 0
    for mode in (0o775, 0o757):
        missing.chmod(mode)
        for args in (["list"], ["add", "b", module], ["activate", "a", "1.0"]):
            result = run("plugin", "-d", missing, *args)
            assert result.returncode == 1 and "somebody else" in result.stderr and "chmod" in result.stderr
    missing.chmod(0o755)
    (missing / "plugins" / "a").write_text("active x\n")
    broken = run("plugin", "-d", missing, "activate", "a", "1.0")
    assert broken.returncode == 1 and "line 1" in broken.stderr


def test_another_user_can_look_and_not_touch(tmp_path):
    if os.getuid() != 0:
        pytest.skip("only root can become somebody else")
    for folder in [tmp_path, *tmp_path.parents][:3]:
        folder.chmod(0o755)
    folder = tmp_path / "kept"
    module = good(tmp_path, "1.0")
    assert run("plugin", "-d", folder, "add", "hello", module).returncode == 0
    assert run("plugin", "-d", folder, "activate", "hello", "1.0").returncode == 0
    before = (folder / "plugins" / "hello").read_bytes()

    def nobody(*args):
        # The tool is opened before the change of user: the build directory may be root's alone.
        with open(TOOL, "rb") as tool:
            return subprocess.run(["/proc/self/fd/%d" % tool.fileno(), "plugin", "-d", str(folder), *args],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, user=65534,
                                  group=65534, extra_groups=[], pass_fds=[tool.fileno()])

    assert "1.0" in nobody("list", "hello").stdout
    for args in (["add", "hello", str(module)], ["activate", "hello", "1.0"], ["rollback", "hello"]):
        result = nobody(*args)
        assert result.returncode == 1 and "Permission denied" in result.stderr
    assert (folder / "plugins" / "hello").read_bytes() == before


def test_tools_take_turns(plugins, tmp_path):
    """Many at once: every one of them has its line in the history, and none is lost."""
    modules = [good(tmp_path, "1.%d" % i, "m%d.wasm" % i) for i in range(12)]
    running = [subprocess.Popen([str(TOOL), "plugin", "-d", str(plugins.folder), "add", "hello", str(module)],
                                stdout=subprocess.DEVNULL) for module in modules]
    assert [process.wait(60) for process in running] == [0] * len(modules)
    running = [subprocess.Popen([str(TOOL), "plugin", "-d", str(plugins.folder), "activate", "hello", "1.%d" % i],
                                stdout=subprocess.DEVNULL) for i in range(12)]
    assert [process.wait(60) for process in running] == [0] * 12
    state = json.loads(plugins("list", "--json", "hello").stdout)["plugins"][0]
    assert sorted(v["version"] for v in state["versions"]) == sorted("1.%d" % i for i in range(12))
    assert sorted([state["active"]] + state["before"]) == sorted(digest(module) for module in modules)
    assert [event["action"] for event in state["history"]].count("activate") == 12


def test_a_tool_that_is_killed_leaves_a_valid_state(plugins, tmp_path):
    modules = [good(tmp_path, "1.%d" % i, "m%d.wasm" % i) for i in range(2)]
    for module in modules:
        plugins("add", "hello", module)
    plugins("activate", "hello", "1.0")
    for turn in range(40):
        process = subprocess.Popen([str(TOOL), "plugin", "-d", str(plugins.folder), "activate", "hello",
                                    "1.%d" % (turn % 2)], stdout=subprocess.DEVNULL)
        time.sleep(0.0005 * (turn % 20))
        process.send_signal(signal.SIGKILL)
        process.wait(60)
        assert active(plugins) in [digest(module) for module in modules]
    # And the lock of the dead is nobody's.
    assert plugins("activate", "hello", "1.1").returncode == 0
