# SPDX-License-Identifier: Apache-2.0
"""Programs that others wrote, or that others' compilers made, under `wasmserve run`: SQLite, the standard library of C++,
AssemblyScript, MoonBit, esbuild. Each says what a native build, or another engine, says.

The sources of our own part are in programs/; what is not Debian's comes from npm, once for a build directory, and a test is
skipped where npm does not reach its registry.
"""
import json
import os
import pathlib
import platform
import shutil
import subprocess

import pytest
from command import BUILD_DIR, run

PROGRAMS = pathlib.Path(__file__).resolve().parent / "programs"
FOLDER = pathlib.Path(BUILD_DIR) / "npm"


def npm(*words):
    """npm in the folder for packages; the test is skipped where it is missing or reaches nothing."""
    if shutil.which("npm") is None:
        pytest.skip("no npm to fetch a package with")
    FOLDER.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(["npm", "--silent", *words], cwd=FOLDER, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=180)
    except subprocess.TimeoutExpired:
        pytest.skip("npm does not reach its registry")
    if done.returncode != 0:
        pytest.skip("npm does not reach its registry: %s" % done.stderr.strip().splitlines()[-1:])
    return done.stdout


def unpacked(package, member):
    """The path of a file of an npm package, fetched if it is not there."""
    folder = FOLDER / package.replace("/", "-")
    if not (folder / member).exists():
        archive = FOLDER / npm("pack", package).split()[-1]
        folder.mkdir(exist_ok=True)
        subprocess.run(["tar", "xzf", str(archive), "-C", str(folder)], check=True)
    return folder / member


def compiled(target, *command):
    """target, made by command (in which @ stands for it) if it is not there."""
    if not target.exists():
        scratch = target.with_suffix(".new")
        done = subprocess.run([str(scratch) if word == "@" else str(word) for word in command], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0, done.stdout
        os.rename(scratch, target)
    return target


def probe(compiler, *flags):
    """Skips the test where the compiler cannot make a WASI program."""
    if shutil.which(compiler) is None:
        pytest.skip("no %s" % compiler)
    done = subprocess.run([compiler, "--target=wasm32-wasi", *flags, "-o", "/dev/null", "-"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, input="int main(){}")
    if done.returncode != 0:
        pytest.skip("%s does not link for wasm32-wasi: %s" % (compiler, done.stdout.strip().splitlines()[:1]))


# ---- SQLite ----

SQLITE = ["-DSQLITE_OS_OTHER=1", "-DSQLITE_THREADSAFE=0", "-DSQLITE_OMIT_LOAD_EXTENSION", "-DSQLITE_OMIT_WAL",
          "-DSQLITE_ENABLE_FTS5", "-DSQLITE_TEMP_STORE=2", "-w"]


def test_sqlite_answers_as_its_native_build(tmp_path):
    """And leaves the same database file, byte for byte."""
    probe("clang", "-xc")
    source = unpacked("better-sqlite3@12.11.1", "package/deps/sqlite3/sqlite3.c")
    flags = [*SQLITE, "-I", source.parent, source, PROGRAMS / "sqlite.c"]
    # Without much of an optimizer: it takes a minute over this file, and what is tested is the engine.
    module = compiled(FOLDER / "sqlite.wasm", "clang", "--target=wasm32-wasi", "-O1", *flags, "-o", "@")
    native = compiled(FOLDER / "sqlite.native", "cc", "-O0", "-ffp-contract=off", *flags, "-lm", "-o", "@")
    queries = (PROGRAMS / "queries.sql").read_text()
    for name in ["ours", "theirs"]:
        (tmp_path / name).mkdir()
    ours = run("run", "--dir", "%s::." % (tmp_path / "ours"), module, "x.db", input=queries)
    theirs = subprocess.run([str(native), "x.db"], cwd=tmp_path / "theirs", input=queries, stdout=subprocess.PIPE, text=True)
    assert ours.stdout.splitlines() == theirs.stdout.splitlines()
    assert "\nok\n" in ours.stdout and "no such table: nowhere" in ours.stdout
    assert ours.returncode == theirs.returncode == 1
    assert (tmp_path / "ours/x.db").read_bytes() == (tmp_path / "theirs/x.db").read_bytes()
    assert [path.name for path in (tmp_path / "ours").iterdir()] == ["x.db"]


# ---- C++ ----

def test_containers_of_cpp_as_natively():
    """Without exceptions: the libc++ that Debian has for WebAssembly is built without them."""
    probe("clang++", "-xc++", "-fno-exceptions")
    FOLDER.mkdir(parents=True, exist_ok=True)
    source = PROGRAMS / "containers.cc"
    module = compiled(FOLDER / "containers.wasm", "clang++", "--target=wasm32-wasi", "-std=c++17", "-O2",
                      "-fno-exceptions", source, "-o", "@")
    native = compiled(FOLDER / "containers.native", "c++", "-std=c++17", "-O1", source, "-o", "@")
    ours = run("run", module)
    assert ours.stdout == subprocess.run([str(native)], stdout=subprocess.PIPE, text=True).stdout != ""
    assert ours.returncode == 0


# ---- AssemblyScript ----

BY_NODE = r"""
WebAssembly.instantiate(require('fs').readFileSync(process.argv[1])).then(({ instance }) =>
  console.log([instance.exports.life(40, 30), instance.exports.digits(1.7)].join('\n')));
"""


def test_assemblyscript_as_node_runs_it():
    compiler = FOLDER / "node_modules/assemblyscript/bin/asc.js"
    if not compiler.exists():
        npm("install", "--no-audit", "--no-fund", "--prefix", ".", "assemblyscript@0.28.20")
    module = compiled(FOLDER / "life.wasm", "node", compiler, PROGRAMS / "life.ts", "--outFile", "@", "-O2", "--use",
                      "abort=")
    theirs = subprocess.run(["node", "-e", BY_NODE, str(module)], stdout=subprocess.PIPE, text=True)
    assert theirs.returncode == 0
    ours = [run("run", "--invoke", "life", module, "40", "30"), run("run", "--invoke", "digits", module, "1.7")]
    assert "".join(done.stdout for done in ours) == theirs.stdout
    assert theirs.stdout.count("\n") == 2


# ---- MoonBit, whose objects are the engine's to collect ----

BY_JAVASCRIPT = "import(process.argv[1]).then((program) => console.log(program.run(Number(process.argv[2]))));"


@pytest.mark.parametrize("engine", ["interpreter", pytest.param("compiler", marks=pytest.mark.skipif(
    platform.machine() != "x86_64", reason="there is a compiler for x86-64 only"))])
def test_moonbit_as_its_javascript_says(engine):
    """The same program by the same compiler, once for WebAssembly's collector and once for node's. Some 30 MB of
    objects are made in 3 MB: they do not fit unless they are collected, again and again."""
    worker = unpacked("@moonbit/moonc-worker@0.1.202605123", "package/moonc-worker.js")
    driver, program = PROGRAMS / "moonbit.js", PROGRAMS / "collect.mbt"
    module = compiled(FOLDER / "collect.wasm", "node", driver, worker, program, "wasm-gc", "@", "run")
    script = compiled(FOLDER / "collect.mjs", "node", driver, worker, program, "js", "@", "run")
    theirs = subprocess.run(["node", "-e", BY_JAVASCRIPT, str(script), "100000"], stdout=subprocess.PIPE, text=True)
    assert theirs.returncode == 0 and theirs.stdout.strip().isdigit()
    ours = run("run", "--engine", engine, "--memory", "3M", "--invoke", "run", module, "100000")
    assert (ours.returncode, ours.stdout) == (0, theirs.stdout), ours.stderr


# ---- esbuild ----

@pytest.fixture(scope="session")
def esbuild():
    return unpacked("@esbuild/wasi-preview1@0.27.2", "package/esbuild.wasm")


def test_esbuild_says_its_version(esbuild):
    done = run("run", esbuild, "--version", timeout=300)
    assert (done.returncode, done.stdout) == (0, "0.27.2\n")


def test_esbuild_bundles(esbuild, tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/math.ts").write_text("export const twice = (n: number): number => n * 2;\nexport const unused = 1;\n")
    (tmp_path / "data.json").write_text('{"answer": 21}')
    (tmp_path / "main.ts").write_text("import { twice } from './lib/math';\nimport data from './data.json';\n"
                                      "console.log(twice(data.answer));\n")
    done = run("run", "--dir", "%s::/" % tmp_path, esbuild, "main.ts", "--bundle", "--minify", "--outfile=out/all.js",
               "--metafile=meta.json", timeout=300)
    assert done.returncode == 0, done.stderr
    assert "out/all.js" in done.stderr
    inputs = json.loads((tmp_path / "meta.json").read_text())["inputs"]
    assert sorted(inputs) == ["data.json", "lib/math.ts", "main.ts"]
    script = (tmp_path / "out/all.js").read_text()
    assert "unused" not in script
    if shutil.which("node") is not None:
        assert subprocess.run(["node", "out/all.js"], cwd=tmp_path, stdout=subprocess.PIPE).stdout == b"42\n"
    (tmp_path / "broken.ts").write_text("let = = 3\n")
    done = run("run", "--dir", "%s::/:ro" % tmp_path, esbuild, "broken.ts", timeout=300)
    assert done.returncode == 1
    assert "broken.ts:1:" in done.stderr
