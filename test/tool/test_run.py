# SPDX-License-Identifier: Apache-2.0
"""`wasmserve run`: the command line, exit codes, results, limits, and what a failure says."""
import subprocess

import pytest
from command import TOOL, assemble, run

ARITHMETIC = """(module
  (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add)
  (func (export "mul") (param i64 i64) (result i64) local.get 0 local.get 1 i64.mul)
  (func (export "div") (param f32 f32) (result f32) local.get 0 local.get 1 f32.div)
  (func (export "sub") (param f64 f64) (result f64) local.get 0 local.get 1 f64.sub)
  (func (export "swap") (param i32 i64) (result i64 i32) local.get 1 local.get 0)
  (func (export "isnull") (param externref) (result i32) local.get 0 ref.is_null)
  (func (export "self") (result funcref) ref.func 0)
  (func (export "lanes") (param v128 v128) (result v128) local.get 0 local.get 1 i8x16.add)
  (func (export "nothing"))
  (memory (export "memory") 1))"""


@pytest.fixture(scope="module")
def arithmetic(tmp_path_factory):
    return assemble(tmp_path_factory.mktemp("run"), ARITHMETIC)


@pytest.mark.parametrize("words, out", [
    (["add", "2", "40"], "42\n"),
    (["add", "-1", "0"], "-1\n"),
    (["add", "4294967295", "1"], "0\n"),
    (["add", "0x7fffffff", "1"], "-2147483648\n"),
    (["mul", "-3", "5000000000"], "-15000000000\n"),
    (["mul", "18446744073709551615", "-1"], "1\n"),
    (["mul", "-9223372036854775808", "1"], "-9223372036854775808\n"),
    (["div", "1", "3"], "0.33333334\n"),
    (["div", "1", "0"], "inf\n"),
    (["div", "0", "0"], "nan\n"),
    (["sub", "0.3", "0.1"], "0.19999999999999998\n"),
    (["sub", "1e300", "-1e300"], "2e+300\n"),
    (["swap", "1", "2"], "2\n1\n"),
    (["isnull", "null"], "1\n"),
    (["self"], "reference\n"),
    (["lanes", "0x0f0e0d0c0b0a09080706050403020100", "0x1"], "0x0f0e0d0c0b0a09080706050403020101\n"),
    (["lanes", "0xFFffffffffffffffffffffffffffffff", "0X202"], "0xffffffffffffffffffffffffffff0101\n"),
    (["nothing"], ""),
])
def test_results_are_printed_a_line_each(arithmetic, words, out):
    done = run("run", "--invoke", words[0], arithmetic, *words[1:])
    assert (done.returncode, done.stdout, done.stderr) == (0, out, "")


@pytest.mark.parametrize("words, complaint", [
    (["add", "1"], "takes 2 arguments, not 1"),
    (["add", "1", "2", "3"], "takes 2 arguments, not 3"),
    (["add", "1", "4294967296"], "is no i32"),
    (["add", "1", "-2147483649"], "is no i32"),
    (["add", "1", "two"], "is no i32"),
    (["add", "1", ""], "is no i32"),
    (["mul", "1", "18446744073709551616"], "is no i64"),
    (["div", "1", "1x"], "is no f32"),
    (["isnull", "0"], "is no externref"),
    (["lanes", "1", "0x1"], "is no v128"),
    (["lanes", "0x1", "0x"], "is no v128"),
    (["lanes", "0x1", "0x1g"], "is no v128"),
    (["lanes", "0x1", "0x100000000000000000000000000000000"], "is no v128"),
    (["memory"], "exports no function memory"),
    (["nobody"], "exports no function nobody"),
])
def test_arguments_that_do_not_fit_are_bad_usage(arithmetic, words, complaint):
    done = run("run", "--invoke", words[0], arithmetic, *words[1:])
    assert (done.returncode, done.stdout) == (64, "")
    assert complaint in done.stderr


@pytest.mark.parametrize("words", [
    [], ["--nonsense", "x"], ["--engine", "fast", "x"], ["--engine"], ["--memory", "", "x"], ["--memory", "12Q", "x"],
    ["--memory", "-1", "x"], ["--memory", "99999999999999999999", "x"], ["--timeout", "0", "x"],
    ["--timeout", "5h", "x"], ["--timeout", "s", "x"], ["--fuel", "lots", "x"], ["--stack", "1K", "x"], ["--dir", "/tmp", "x"],
    ["--dir", "::/x", "x"], ["--dir", "/tmp::", "x"], ["--dir", "/tmp:::ro", "x"], ["--env", "=x", "x"],
    ["--env", "", "x"], ["--memory=1M", "--"],
])
def test_options_that_make_no_sense(words):
    done = run("run", *words)
    assert (done.returncode, done.stdout) == (64, "")
    assert "wasmserve run: " in done.stderr and "usage: " in done.stderr


def test_help():
    done = run("run", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    for option in ["--invoke", "--engine", "--dir", "--env", "--memory", "--timeout", "--fuel", "--stack"]:
        assert option in done.stdout


@pytest.mark.parametrize("text, complaint", [
    ("(module)", "no _start"),
    ('(module (func (export "_start") (param i32)))', "no _start"),
    ('(module (import "env" "f" (func)) (func (export "_start")))', '"f" from "env"'),
    ('(module (import "wasi_snapshot_preview1" "fd_close" (func (param i64) (result i32))))',
     "incompatible import type"),
    ('(module (import "wasi_snapshot_preview1" "memory" (memory 1)))', '"memory"'),
])
def test_modules_that_are_refused(tmp_path, text, complaint):
    done = run("run", assemble(tmp_path, text))
    assert done.returncode == 2
    assert complaint in done.stderr


@pytest.mark.parametrize("content, complaint", [
    (b"", "unexpected end"), (b"\0asm", "unexpected end"), (b"<html>..", "magic header"),
    (b"\0asm\x0d\0\x01\0", "component"), (b"\0asm\x01\0\0\0\x0a\x06\x01\x04\0\x41\0\x0b", ""),
])
def test_files_that_are_no_modules(tmp_path, content, complaint):
    (tmp_path / "x.wasm").write_bytes(content)
    done = run("run", tmp_path / "x.wasm")
    assert done.returncode == 2
    assert complaint in done.stderr and "x.wasm" in done.stderr


def test_a_file_that_is_not_there(tmp_path):
    done = run("run", tmp_path / "none.wasm")
    assert done.returncode == 2
    assert "none.wasm: No such file or directory" in done.stderr


def test_no_compiler_is_said_plainly(arithmetic):
    done = run("run", "--engine", "compiler", "--invoke", "nothing", arithmetic)
    assert done.returncode in (0, 2)
    assert done.returncode == 0 or "no compiler" in done.stderr
    assert run("run", "--engine", "interpreter", "--invoke", "nothing", arithmetic).returncode == 0


def test_a_reactor_is_initialized_first(tmp_path):
    module = assemble(tmp_path, """(module
      (global $ready (mut i32) (i32.const 0))
      (func (export "_initialize") (global.set $ready (i32.const 7)))
      (func (export "ready") (result i32) (global.get $ready)))""")
    assert run("run", "--invoke", "ready", module).stdout == "7\n"


# ---- a guest's own end ----

@pytest.mark.parametrize("code, status", [("0", 0), ("7", 7), ("255", 255), ("256", 255), ("65535", 255)])
def test_the_exit_code_is_the_guests(guest, code, status):
    done = run("run", guest("exit"), code)
    assert done.returncode == status
    assert "leaving with %s" % code in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("how, reason", [
    ("unreachable", "unreachable"), ("divide", "integer divide by zero"), ("overflow", "integer overflow"),
    ("load", "out of bounds memory access"), ("store", "out of bounds memory access"), ("call", "undefined element"),
])
def test_a_trap_says_why_and_where(guest, how, reason):
    done = run("run", guest("trap"), how)
    assert (done.returncode, done.stdout) == (1, "")
    lines = done.stderr.splitlines()
    assert reason in lines[0] and "trap.wasm" in lines[0]
    names = [line.split()[1] for line in lines[1:]]
    assert names[:3] == ["inner", "middle", "outer"]
    assert names[-1].startswith("_start")


def test_what_was_written_before_a_trap_is_there(guest):
    done = run("run", guest("trap"), "late-divide")
    assert (done.returncode, done.stdout) == (1, "Content-Type: text/plain\n\nbefore the trap\n")


# ---- limits ----

def test_a_loop_ends_with_its_time(guest):
    done = run("run", "--timeout", "100", guest("loop"), "after")
    assert done.returncode == 1
    assert "before the loop" in done.stdout and "deadline" in done.stderr and "in main" in done.stderr


def test_a_sleep_ends_with_its_time(guest):
    done = run("run", "--timeout", "0100ms", guest("sleep"), "forever")
    assert (done.returncode, done.stdout) == (1, "")
    assert "deadline" in done.stderr


@pytest.mark.parametrize("words", [["loop"], ["recurse", "tree"]])
def test_fuel_ends_it_at_the_same_place_every_time(guest, words):
    first, second = (run("run", "--fuel", "3000000", guest(words[0]), *words[1:]) for _ in range(2))
    assert first.returncode == 1
    assert "fuel" in first.stderr
    assert first.stderr == second.stderr


def test_enough_fuel_is_no_limit(guest):
    assert run("run", "--fuel", "100000000", guest("hello")).returncode == 0


def test_recursion_without_end_meets_the_stack(guest):
    done = run("run", guest("recurse"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "call stack exhausted" in done.stderr and "and more" in done.stderr
    assert done.stderr.count("in descend") == 24


def test_deep_recursion_fits_the_default_and_not_a_small_stack(guest):
    assert "sum 20000" in run("run", guest("recurse"), "deep").stdout
    done = run("run", "--stack", "64K", guest("recurse"), "deep")
    assert done.returncode == 1
    assert "call stack exhausted" in done.stderr


def test_memory_is_given_up_to_the_cap(guest):
    done = run("run", "--memory", "8M", guest("eat_memory"))
    assert done.returncode == 0
    assert 5 <= int(done.stdout.split()[-2]) <= 8
    assert "got 40 MiB" in run("run", "--memory", "64M", guest("eat_memory"), "40").stdout
    done = run("run", "--memory=8M", guest("eat_memory"), "abort")
    assert done.returncode == 1
    assert "nothing left after" in done.stderr


def test_a_module_that_begins_above_the_cap(tmp_path):
    done = run("run", "--memory", "64K", assemble(tmp_path, '(module (memory 2) (func (export "_start")))'))
    assert done.returncode == 1
    assert "memory limit exceeded" in done.stderr


# ---- the world outside ----

def test_arguments_and_environment(guest, monkeypatch):
    monkeypatch.setenv("FROM_HERE", "taken along")
    monkeypatch.setenv("NOT_ASKED_FOR", "secret")
    done = run("run", "--env", "A=1", "--env=B=x=y", "--env", "FROM_HERE", "--env", "UNSET_HERE", guest("env"),
               "--env", "two words", "")
    assert done.stdout.splitlines()[2:] == [
        "A=1", "B=x=y", "FROM_HERE=taken along", "argv[0]=" + guest("env"), "argv[1]=--env", "argv[2]=two words",
        "argv[3]="]


def test_stdin_and_stdout_are_passed_through(guest):
    body = bytes(range(256)) * 4096
    done = subprocess.run([str(TOOL), "run", guest("echo")], input=body, stdout=subprocess.PIPE, timeout=60)
    assert done.returncode == 0
    header, rest = done.stdout.split(b"\r\n\r\n", 1)
    assert header == b"Content-Type: application/octet-stream"
    assert rest == body


def test_stdout_is_not_held_back(guest):
    """The first line is there while the guest still runs."""
    with subprocess.Popen([str(TOOL), "run", guest("slow_writer"), "20"], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"Content-Type: text/plain\r\n"
        assert process.poll() is None
        process.kill()


def test_stderr_is_raw(guest):
    done = subprocess.run([str(TOOL), "run", guest("stderr"), "control"], stderr=subprocess.PIPE,
                          stdout=subprocess.DEVNULL, timeout=60)
    assert done.stderr == b"red \033[31mtext\a\r[core:error] forged\0after\x7f\xff\n"
    assert run("run", guest("stderr"), "partial").stderr == "no newline at the end"


def test_a_reader_that_is_gone_ends_it(guest):
    process = subprocess.Popen([str(TOOL), "run", guest("bigbody"), "100000000"], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL)
    process.stdout.read(10)
    process.stdout.close()
    assert process.wait(timeout=60) != 0


def test_directories(guest, tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner/file.txt").write_text("inside")
    (tmp_path / "secret.txt").write_text("outside")
    (tmp_path / "inner/out").symlink_to("../secret.txt")
    grant = "%s::/data" % (tmp_path / "inner")

    def files(query, mode=""):
        return run("run", "--dir", grant + mode, guest("files"), query)

    assert files("read=/data/file.txt").stdout.endswith("\n\ninside")
    (tmp_path / "inner/new").mkdir()
    assert files("read=/data/new/../file.txt").stdout.endswith("\n\ninside")
    for path in ["/data/out", "/data/../secret.txt", "/secret.txt", str(tmp_path / "secret.txt")]:
        said = files("read=" + path).stdout
        assert said.startswith("Status: ") and "outside" not in said
    assert "file.txt\nnew/\nout\n" in files("list=/data").stdout
    assert files("rmdir=/data/new", ":ro").stdout.startswith("Status: 403")
    assert (tmp_path / "inner/new").is_dir()
    assert "removed" in files("rmdir=/data/new", ":rw").stdout
    assert not (tmp_path / "inner/new").exists()
    done = run("run", "--dir", "%s::/x" % (tmp_path / "nothing"), guest("files"))
    assert done.returncode == 64
    assert "nothing" in done.stderr


def test_tracing_needs_no_other_build(guest, monkeypatch):
    monkeypatch.setenv("WASMSERVE_TRACE", "host")
    assert "fd_write" in run("run", guest("hello")).stderr
    monkeypatch.setenv("WASMSERVE_TRACE", "host,noise")
    done = run("run", guest("hello"))
    assert done.returncode == 64
    assert "noise is nothing that can be traced" in done.stderr


@pytest.mark.parametrize("what, said", [
    ("decode", "type section at byte"), ("validate", "operand slots"), ("prepare", "bytes of map"),
    ("calls", "enter function"), ("memory", "memory of "), ("host", "-> wasi_snapshot_preview1.fd_write"),
    ("instructions", "local.get")])
def test_each_switch_of_tracing_tells_its_own(guest, monkeypatch, what, said):
    """And changes nothing of what the guest does."""
    plain = run("run", guest("hello"))
    monkeypatch.setenv("WASMSERVE_TRACE", what)
    done = run("run", guest("hello"))
    assert (done.returncode, done.stdout) == (plain.returncode, plain.stdout)
    assert said in done.stderr
    assert plain.stderr == ""


def test_instructions_can_be_traced(guest, tmp_path, monkeypatch):
    """As WebAssembly has them, however they are fused; and the program does what it does without."""
    module = assemble(tmp_path, """(module
        (func $next (param i32) (result i32) local.get 0 i32.const 1 i32.add)
        (func (export "count") (param i32) (result i32) (local i32)
          (loop $l (local.set 1 (call $next (local.get 1))) (br_if $l (i32.lt_u (local.get 1) (local.get 0))))
          local.get 1))""")
    plain = run("run", guest("hello"))
    monkeypatch.setenv("WASMSERVE_TRACE", "instructions,calls")
    done = run("run", "--invoke", "count", module, "2")
    assert done.stdout == "2\n"
    lines = [line.split(": ")[-1] for line in done.stderr.splitlines()]
    turn = ["local.get", "call", "enter function 0", "local.get", "i32.const", "i32.add", "end", "local.set", "local.get",
            "local.get", "i32.lt_u", "br_if"]
    assert lines == ["call function 1", "enter function 1", "loop"] + turn + turn + ["end", "local.get", "end"]
    traced = run("run", guest("hello"))
    assert traced.stdout == plain.stdout and traced.stderr.count("\n") > 100
