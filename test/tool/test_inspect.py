# SPDX-License-Identifier: Apache-2.0
"""`wasmserve inspect` against modules whose contents are known."""

import hashlib
import json
import platform

import pytest
from command import assemble, run

FULL = """
(module
  (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
  (import "env" "base" (global i64))
  (memory (export "memory") 2 17)
  (table (export "t") 3 funcref)
  (global (export "g") (mut f64) (f64.const 1))
  (func (export "_start"))
  (func (export "add") (param i32 i64) (result i32 f32)
    (memory.fill (i32.const 0) (i32.const 0) (i32.const 1))
    (i32.extend8_s (local.get 0)) (f32.const 0))
  (data (i32.const 0) "x"))
"""


def inspect(path):
    result = run("inspect", "--json", path)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return json.loads(result.stdout)


def test_json_says_all_of_it(tmp_path):
    path = assemble(tmp_path, FULL)
    said = inspect(path)
    assert said["file"] == str(path)
    assert said["bytes"] == path.stat().st_size
    assert said["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert said["abi"] == "cgi"
    assert said["version"] is None
    assert set(said["features"]) == {"bulk-memory", "sign-ext", "multivalue", "mutable-globals"}
    assert said["memories"] == [{"min": 2, "max": 17, "page": 65536}]
    assert said["imports"] == [
        {"kind": "func", "module": "wasi_snapshot_preview1", "name": "fd_write",
         "params": ["i32", "i32", "i32", "i32"], "results": ["i32"]},
        {"kind": "global", "module": "env", "name": "base", "type": "i64", "mutable": False}]
    assert said["exports"] == [
        {"kind": "memory", "name": "memory", "min": 2, "max": 17, "page": 65536},
        {"kind": "table", "name": "t", "type": "funcref", "min": 3, "max": None},
        {"kind": "global", "name": "g", "type": "f64", "mutable": True},
        {"kind": "func", "name": "_start", "params": [], "results": []},
        {"kind": "func", "name": "add", "params": ["i32", "i64"], "results": ["i32", "f32"]}]
    assert said["counts"] == {"types": 3, "functions": 3, "tables": 1, "globals": 2, "elements": 0, "data": 1}
    assert said["start"] is False
    assert said["prepared"]["tier"] in ("interpreter", "compiler")
    assert 0 < said["prepared"]["code"] < said["prepared"]["bytes"]


def test_text_says_the_same(tmp_path):
    path = assemble(tmp_path, FULL)
    said = run("inspect", path).stdout
    for line in [f"sha256    {hashlib.sha256(path.read_bytes()).hexdigest()}", "abi       cgi",
                 "memory    2 to 17 pages",
                 '  func   "wasi_snapshot_preview1" "fd_write" [i32 i32 i32 i32] -> [i32]',
                 '  func   "add" [i32 i64] -> [i32 f32]', '  global "g" mutable f64',
                 '  table  "t" 3 or more elements of funcref']:
        assert line in said.splitlines()


@pytest.mark.parametrize("abi, text", [
    ("cgi", '(module (func (export "_start")) (memory (export "memory") 1))'),
    ("http-wasm", '(module (func (export "handle_request") (result i64) i64.const 0) (memory (export "memory") 1))'),
    ("http-wasm", '(module (import "http_handler" "get_config" (func (param i32 i32) (result i32)))'
                  ' (func (export "handle_request") (result i64) i64.const 0) (memory (export "memory") 1))'),
    ("proxy-wasm", '(module (func (export "proxy_abi_version_0_2_1")) (memory (export "memory") 1))'),
])
def test_the_abi_is_read_off_the_module(tmp_path, abi, text):
    assert inspect(assemble(tmp_path, text))["abi"] == abi


def test_a_module_of_no_abi_says_why(tmp_path):
    path = assemble(tmp_path, "(module)")
    assert inspect(path)["abi"] not in ("cgi", "http-wasm", "proxy-wasm")
    abi_line = [line for line in run("inspect", path).stdout.splitlines() if line.startswith("abi ")][0]
    assert "(" in abi_line


@pytest.mark.parametrize("version, text", [
    ("305419896", '(module (func (export "version") (result i32) i32.const 305419896))'),
    ("18446744073709551615", '(module (func (export "version") (result i64) i64.const -1))'),
    ("7", '(module (import "a" "b" (func (param f64 i32) (result i64)))'
          ' (func (export "version") (result i32) i32.const 7))'),
    (None, '(module (func (export "version") (param i32) (result i32) i32.const 7))'),
    (None, '(module (memory (export "version") 1))'),
])
def test_version(tmp_path, version, text):
    assert inspect(assemble(tmp_path, text))["version"] == version


def test_a_custom_section_names_the_version(tmp_path):
    path = assemble(tmp_path, '(module (func (export "version") (result i32) i32.const 7))')
    path.write_bytes(path.read_bytes() + b"\0\x12\x07version1.2.3\n\x1bbet")
    said = inspect(path)
    assert said["version"] == "1.2.3??bet"
    assert said["custom"] == [{"name": "version", "bytes": 10}]


@pytest.mark.parametrize("reason, body", [
    ("unreachable", "unreachable"),
    ("fuel exhausted", "(loop (br 0)) i32.const 1"),
    ("call stack exhausted", "call $version"),
    ("capability not granted", "call $host i32.const 1"),
])
def test_a_version_that_cannot_be_had_says_why(tmp_path, reason, body):
    text = f'(module (import "a" "b" (func $host)) (func $version (export "version") (result i32) {body}))'
    said = inspect(assemble(tmp_path, text))["version"]
    assert said.startswith("version() failed: ") and reason in said


def test_names_cannot_reach_the_terminal(tmp_path):
    path = assemble(tmp_path, '(module (func (export "\\1b[31m\\"\\\\\\7f\\00é")))')
    assert inspect(path)["exports"][0]["name"] == '\x1b[31m"\\\x7f\0é'
    for args in ([], ["--json"]):
        said = run("inspect", *args, path).stdout
        assert "\x1b" not in said and "\x7f" not in said and "\0" not in said


@pytest.mark.parametrize("content, reason", [
    (b"", "unexpected end"),
    (b"<html>", "magic header not detected"),
    (b"\0asm\x02\0\0\0", "unknown binary version"),
    (b"\0asm\x0d\0\x01\0", "component"),
    (b"\0asm\x01\0\0\0\x0a\x05", "length out of bounds"),
])
def test_what_is_no_module_is_refused(tmp_path, content, reason):
    path = tmp_path / "bad.wasm"
    path.write_bytes(content)
    result = run("inspect", path)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith(f"wasmserve inspect: {path}: malformed: ")
    assert reason in result.stderr


def test_a_file_that_is_not_there(tmp_path):
    result = run("inspect", tmp_path / "none.wasm")
    assert result.returncode == 2
    assert "No such file" in result.stderr


def test_standard_input(tmp_path):
    path = assemble(tmp_path, "(module)")
    with path.open("rb") as stream:
        assert json.loads(run("inspect", "--json", "-", stdin=stream).stdout)["bytes"] == 8


DECLINED = """(module (memory 1 1 shared)
  (func (export "plain") (result i32) (i32.const 1))
  (func $waits (result i32) (i32.atomic.load (i32.const 0)))
  (func (export "loads") (result i32) (i32.atomic.load (i32.const 0))))"""


def test_functions_without_machine_code_are_named_with_the_reason(tmp_path):
    path = assemble(tmp_path, DECLINED, "module.wasm", "--enable-threads", "--debug-names")
    native, text = inspect(path)["native"], run("inspect", path).stdout
    if platform.machine() != "x86_64":
        assert native["available"] is False and "compiler" in native["why"]
        assert "native    none: " + native["why"] in text.splitlines()
        return
    assert native == {"available": True, "compiled": 1, "declined": [
        {"function": 1, "name": "waits", "why": "i32.atomic.load"},
        {"function": 2, "name": "loads", "why": "i32.atomic.load"}]}
    for line in ["native    1 of 3 functions; these are interpreted:", '  func    1 "waits" because of i32.atomic.load',
                 '  func    2 "loads" because of i32.atomic.load']:
        assert line in text.splitlines()
    text = run("inspect", assemble(tmp_path, FULL)).stdout
    assert "native    2 of 2 functions" in text.splitlines()


def test_the_text_lists_so_many_of_them_and_counts_the_rest(tmp_path):
    if platform.machine() != "x86_64":
        pytest.skip("there is a compiler for x86-64 only")
    path = assemble(tmp_path, "(module (memory 1 1 shared) %s)" % (
        "(func (result i32) (i32.atomic.load (i32.const 0)))" * 30), "module.wasm", "--enable-threads")
    text = run("inspect", path).stdout
    assert text.count(' "" because of i32.atomic.load') == 20 and "  and 10 more, which --json lists" in text
    assert len(inspect(path)["native"]["declined"]) == 30
