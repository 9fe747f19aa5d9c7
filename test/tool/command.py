# SPDX-License-Identifier: Apache-2.0
"""Runs the tool `wasmserve` for the tests of this folder, and makes modules from text.

The tool is the one in $BUILD_DIR (default: build beside the checkout's top).
"""

import os
import pathlib
import subprocess

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD_DIR = pathlib.Path(os.environ.get("BUILD_DIR", TOP / "build"))
TOOL = BUILD_DIR / "wasmserve"


def run(*args, timeout=60, **options):
    """The finished process of `wasmserve ARGS`, with its output as text."""
    return subprocess.run([str(TOOL), *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=timeout, universal_newlines=True, **options)


def assemble(folder, text, name="module.wasm", *options):
    """Compiles WebAssembly text with wabt into folder/name; returns the path."""
    source = folder / (name + ".wat")
    source.write_text(text)
    target = folder / name
    subprocess.run(["wat2wasm", *options, str(source), "-o", str(target)], check=True)
    return target
