# SPDX-License-Identifier: Apache-2.0
"""Small guests written as text, for tests that need a module no compiler would make."""
import shutil
import subprocess
import tempfile

import pytest


def assemble(text, *options):
    """The bytes of a module in the text format."""
    if not shutil.which("wat2wasm"):
        pytest.skip("no wat2wasm (package: wabt)")
    with tempfile.TemporaryDirectory(prefix="wasmserve-wat-") as work:
        with open(work + "/guest.wat", "w", encoding="utf-8") as out:
            out.write(text)
        done = subprocess.run(["wat2wasm", "--debug-names", *options, work + "/guest.wat", "-o", work + "/guest.wasm"],
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        with open(work + "/guest.wasm", "rb") as made:
            return made.read()


def quoted(data):
    return '"%s"' % "".join("\\%02x" % byte for byte in data)


def says(*pieces, end=""):
    """A guest that writes each piece of bytes to stdout with a call of its own, then does `end` (instructions)."""
    at, data, calls = 64, [], []
    for piece in pieces:
        data.append('(data (i32.const %d) %s)' % (at, quoted(piece)))
        calls.append("(call $say (i32.const %d) (i32.const %d))" % (at, len(piece)))
        at += len(piece)
    return assemble("""
        (module
          (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
          (memory (export "memory") %d)
          %s
          (func $say (param $at i32) (param $length i32)
            (i32.store (i32.const 0) (local.get $at))
            (i32.store (i32.const 4) (local.get $length))
            (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
          (func (export "_start") %s %s))""" % (at // 65536 + 1, "\n".join(data), "\n".join(calls), end))
