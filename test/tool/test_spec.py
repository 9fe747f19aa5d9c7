# SPDX-License-Identifier: Apache-2.0
"""`wasmserve spec` judges: scripts that are right pass, and each way of being wrong is noticed.

The suite itself runs in the ring `spec`; here the runner is what is tested.
"""

import base64
import json
import sys

import pytest
from command import assemble, run

CALC = """
(module
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "div") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func (export "nan") (result f32) (f32.div (f32.const 0) (f32.const 0)))
  (func (export "half") (result f64) (f64.const 0.5))
  (func (export "same") (param externref) (result externref) (local.get 0))
  (func (export "two") (result i32 i64) (i32.const 1) (i64.const -1))
  (func $f (export "deep") (call $f))
  (func (export "ref") (result funcref) (ref.func $f))
  (global (export "g") i32 (i32.const 42)))
"""
INVALID = "AGFzbQEAAAABBQFgAAF/AwIBAAoEAQIACw=="  # (module (func (result i32)))
MALFORMED = base64.b64encode(b"\0asm\1\0\0\0\x7f\0").decode()
# The one feature that a machine may lack: vectors are kept as in memory, so it has to be little-endian.
ABSENT = ("simd128", base64.b64encode(b"\0asm\1\0\0\0\1\5\1\x60\0\1\x7b").decode())


@pytest.fixture(scope="module")
def calc(tmp_path_factory):
    path = assemble(tmp_path_factory.mktemp("spec"), CALC)
    return base64.b64encode(path.read_bytes()).decode()


def judge(tmp_path, *commands, args=()):
    """Runs a script; returns (exit code, passed, failed, skipped, output)."""
    path = tmp_path / "script.json"
    rows = [dict({"line": number + 1}, **command) for number, command in enumerate(commands)]
    path.write_text(json.dumps({"source_filename": "script.wast", "commands": rows}))
    result = run("spec", *args, path)
    last = result.stdout.splitlines()[-1].replace(",", "").split()
    assert last[1::2] == ["passed", "failed", "skipped"]
    return (result.returncode, *map(int, last[::2]), result.stdout)


def module(wasm, **more):
    return dict({"type": "module", "module_type": "binary", "wasm": wasm}, **more)


def value(kind, bits):
    return {"type": kind, "value": str(bits)}


def invoke(field, *args, **more):
    return dict({"type": "invoke", "field": field, "args": list(args)}, **more)


def returns(action, *expected):
    return {"type": "assert_return", "action": action, "expected": list(expected)}


def traps(action, text, kind="assert_trap"):
    return {"type": kind, "action": action, "text": text}


I32 = [value("i32", n) for n in range(8)]

GOOD = {
    "return": returns(invoke("add", I32[2], I32[3]), I32[5]),
    "wrapping": returns(invoke("add", value("i32", 4294967295), I32[3]), I32[2]),
    "several": returns(invoke("two"), I32[1], value("i64", 18446744073709551615)),
    "canonical": returns(invoke("nan"), value("f32", "nan:canonical")),
    "arithmetic": returns(invoke("nan"), value("f32", "nan:arithmetic")),
    "f64": returns(invoke("half"), value("f64", 0x3FE0000000000000)),
    "externref": returns(invoke("same", value("externref", 0)), value("externref", 0)),
    "any externref": returns(invoke("same", value("externref", 3)), {"type": "externref"}),
    "null": returns(invoke("same", value("refnull", "null")), value("refnull", "null")),
    "funcref": returns(invoke("ref"), {"type": "funcref"}),
    "either": returns(invoke("add", I32[1], I32[1]), {"type": "either", "values": [I32[1], I32[2]]}),
    "get": returns({"type": "get", "field": "g"}, value("i32", 42)),
    "trap": traps(invoke("div", I32[1], I32[0]), "integer divide by zero"),
    "trap with particulars": traps(invoke("div", I32[1], I32[0]), "integer divide by zero (at 3)"),
    "exhaustion": traps(invoke("deep"), "call stack exhausted", "assert_exhaustion"),
    "invalid": {"type": "assert_invalid", "wasm": INVALID, "text": "type mismatch"},
    "malformed": {"type": "assert_malformed", "wasm": MALFORMED, "text": "malformed section id"},
}

BAD = {
    "value": returns(invoke("add", I32[2], I32[3]), I32[6]),
    "type": returns(invoke("add", I32[2], I32[3]), value("i64", 5)),
    "too few results": returns(invoke("add", I32[2], I32[3]), I32[5], I32[5]),
    "too many results": returns(invoke("two"), I32[1]),
    "not a nan": returns(invoke("half"), value("f64", "nan:canonical")),
    "nan's bits": returns(invoke("nan"), value("f32", 0x7F800001)),
    "another externref": returns(invoke("same", value("externref", 1)), value("externref", 2)),
    "null for a reference": returns(invoke("same", value("refnull", "null")), {"type": "externref"}),
    "a reference for null": returns(invoke("same", value("externref", 1)), value("refnull", "null")),
    "neither": returns(invoke("add", I32[1], I32[2]), {"type": "either", "values": [I32[1], I32[2]]}),
    "trap for return": returns(invoke("div", I32[1], I32[0]), I32[0]),
    "return for trap": traps(invoke("div", I32[4], I32[2]), "integer divide by zero"),
    "another trap": traps(invoke("div", value("i32", 2147483648), value("i32", 4294967295)), "integer divide by zero"),
    "trap for exhaustion": traps(invoke("div", I32[1], I32[0]), "integer divide by zero", "assert_exhaustion"),
    "exhaustion for trap": traps(invoke("deep"), "call stack exhausted"),
    "no such export": returns(invoke("nothing")),
    "no such module": returns(invoke("add", I32[1], I32[1], module="$none"), I32[2]),
    "a missing argument": returns(invoke("add", I32[1]), I32[1]),
    "an argument too many": returns(invoke("half", I32[1]), value("f64", 0x3FE0000000000000)),
    "malformed for invalid": {"type": "assert_invalid", "wasm": MALFORMED, "text": "malformed section id"},
    "invalid for malformed": {"type": "assert_malformed", "wasm": INVALID, "text": "type mismatch"},
    "a failing action": {"type": "action", "action": invoke("div", I32[1], I32[0])},
    "an unknown command": {"type": "assert_wonder"},
    "an invalid module": module(INVALID),
    "bytes that are not base64": module("%%%%"),
    "registering nothing": {"type": "register", "as": "x", "name": "$none"},
}


@pytest.mark.parametrize("name", GOOD)
def test_what_is_right_passes(tmp_path, calc, name):
    assert judge(tmp_path, module(calc), GOOD[name])[:4] == (0, 1, 0, 0)


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_fails(tmp_path, calc, name):
    code, passed, failed, skipped, said = judge(tmp_path, module(calc), BAD[name])
    assert (code, passed, failed, skipped) == (1, 0, 1, 0)
    assert "  script.wast:2: " in said


def test_accepting_what_must_be_refused_fails(tmp_path, calc):
    for kind in ("assert_invalid", "assert_malformed", "assert_unlinkable", "assert_uninstantiable"):
        assert judge(tmp_path, {"type": kind, "module_type": "binary", "wasm": calc, "text": "x"})[:4] == (1, 0, 1, 0)


def wasm_of(tmp_path, text):
    return base64.b64encode(assemble(tmp_path, text).read_bytes()).decode()


def test_linking(tmp_path, calc):
    user = wasm_of(tmp_path, '(module (import "calc" "add" (func $a (param i32 i32) (result i32)))'
                             ' (func (export "f") (result i32) (call $a (i32.const 20) (i32.const 22))))')
    wrong = wasm_of(tmp_path, '(module (import "calc" "add" (func)))')
    missing = wasm_of(tmp_path, '(module (import "calc" "sub" (func)))')
    trapping = wasm_of(tmp_path, "(module (func unreachable) (start 0))")
    assert judge(
        tmp_path, module(calc, name="$c"), {"type": "register", "as": "calc", "name": "$c"}, module(user),
        returns(invoke("f"), value("i32", 42)),
        {"type": "assert_unlinkable", "wasm": wrong, "text": "incompatible import type"},
        {"type": "assert_unlinkable", "wasm": missing, "text": "unknown import"},
        {"type": "assert_uninstantiable", "wasm": trapping, "text": "unreachable"},
        returns(invoke("add", I32[1], I32[1], module="$c"), I32[2]))[:4] == (0, 5, 0, 0)
    assert judge(
        tmp_path, module(calc), {"type": "register", "as": "calc"},
        {"type": "assert_unlinkable", "wasm": wrong, "text": "unknown import"},
        {"type": "assert_unlinkable", "wasm": trapping, "text": "unreachable"},
        {"type": "assert_uninstantiable", "wasm": missing, "text": "unknown import"})[:4] == (1, 0, 3, 0)


def test_spectest(tmp_path):
    user = wasm_of(tmp_path, """
        (module
          (import "spectest" "print_i32_f32" (func $p (param i32 f32)))
          (import "spectest" "global_i64" (global i64))
          (import "spectest" "table" (table 10 20 funcref))
          (import "spectest" "memory" (memory 1 2))
          (func (export "f") (result i64) (call $p (i32.const 7) (f32.const 1.5)) (global.get 0)))""")
    commands = [module(user), returns(invoke("f"), value("i64", 666))]
    assert judge(tmp_path, *commands)[:4] == (0, 1, 0, 0)
    assert "  print: 7 1.5\n" in judge(tmp_path, *commands, args=["--verbose"])[4]


def test_definitions_and_instances(tmp_path):
    counter = wasm_of(tmp_path, """
        (module (global $n (mut i32) (i32.const 0))
          (func (export "next") (result i32)
            (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))""")
    assert judge(
        tmp_path, module(counter, type="module_definition", name="$D"),
        {"type": "module_instance", "instance": "$a", "module": "$D"},
        {"type": "module_instance", "instance": "$b", "module": "$D"},
        returns(invoke("next", module="$a"), I32[1]), returns(invoke("next", module="$a"), I32[2]),
        returns(invoke("next", module="$b"), I32[1]))[:4] == (0, 3, 0, 0)


def test_skips_are_counted_by_reason(tmp_path, calc):
    text = {"type": "assert_malformed", "module_type": "text", "text": "unexpected token"}
    code, passed, failed, skipped, said = judge(tmp_path, text, module(calc), GOOD["return"], text,
                                                dict(text, type="assert_invalid"))
    assert (code, passed, failed, skipped) == (0, 1, 0, 3)
    assert "skipped, by reason:\n       3  text-format module\n" in said


def test_what_needs_an_absent_feature_is_skipped(tmp_path):
    feature, refused = ABSENT
    if sys.byteorder == "little":
        pytest.skip("this machine has all features")
    importer = wasm_of(tmp_path, '(module (import "odd" "f" (func)) (func (export "f") (result i32) i32.const 1))')
    code, passed, failed, skipped, said = judge(
        tmp_path, {"type": "assert_malformed", "module_type": "text", "text": "unexpected token"},
        module(refused, name="$s"), {"type": "register", "as": "odd", "name": "$s"},
        returns(invoke("f", module="$s")), returns(invoke("f", module="$s")),
        module(importer), returns(invoke("f"), I32[1]),
        {"type": "assert_invalid", "wasm": refused, "text": "whatever"})
    assert (code, passed, failed, skipped) == (0, 0, 0, 5)
    assert "       4  needs %s\n       1  text-format module\n" % feature in said


def test_a_bad_file_does_not_hide_the_others(tmp_path, calc):
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps({"source_filename": "good.wast",
                                "commands": [dict(module(calc), line=1), dict(GOOD["return"], line=2)]}))
    bad.write_text('{"commands": [')
    result = run("spec", bad, good, tmp_path / "none.json")
    lines = result.stdout.splitlines()
    assert result.returncode == 1
    assert "good.json: 1 passed, 0 failed, 0 skipped" in lines
    assert "bad.json: 0 passed, 1 failed, 0 skipped" in lines
    assert "none.json: 0 passed, 1 failed, 0 skipped" in lines
    assert lines[-1] == "1 passed, 2 failed, 0 skipped"


@pytest.mark.parametrize("text", ["", "{", "[1,]", '{"a" 1}', '{"a": 01}', '"\\x"', '"\\ud800"', '"a', "{} {}",
                                  "nul", '"\t"', "[" * 100, "1.", "-", '{"commands": 3}', "[]"])
def test_what_is_not_a_script_fails(tmp_path, text):
    path = tmp_path / "bad.json"
    path.write_text(text)
    result = run("spec", path)
    assert result.returncode == 1
    assert result.stdout.splitlines()[-1] == "0 passed, 1 failed, 0 skipped"


def test_failures_are_cut_after_ten_unless_asked(tmp_path, calc):
    commands = [module(calc)] + [BAD["value"]] * 25
    assert judge(tmp_path, *commands)[4].count("assert_return") == 10
    code, passed, failed, skipped, said = judge(tmp_path, *commands, args=["--verbose"])
    assert (code, failed) == (1, 25)
    assert said.count("assert_return") == 25


def test_a_compiler_that_is_not_there_is_said(tmp_path, calc):
    code, passed, failed, skipped, said = judge(tmp_path, module(calc), GOOD["return"], args=["--engine", "compiler"])
    if code == 0:
        assert passed == 1  # this build has one
    else:
        assert "no compiler" in said
    assert judge(tmp_path, module(calc), GOOD["return"], args=["--engine", "interpreter"])[:4] == (0, 1, 0, 0)
