# SPDX-License-Identifier: Apache-2.0
"""test/run: that it counts what rings say, and cannot be green by accident."""
import os
import shutil
import subprocess

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@pytest.fixture
def run(tmp_path):
    """A function: runs test/run over rings made of the shell texts given, in order; (exit code, lines)."""
    shutil.copytree(os.path.join(TOP, "test/rings"), tmp_path / "test/rings")
    shutil.copy(os.path.join(TOP, "test/run"), tmp_path / "test/run")

    def script(path, text):
        path.write_text("#!/bin/bash\n. \"$(dirname \"$0\")/lib.sh\"\n%s\n" % text)
        path.chmod(0o755)

    def runner(*rings, build="exit 0"):
        (tmp_path / "build.sh").write_text("#!/bin/bash\n%s\n" % build)
        (tmp_path / "build.sh").chmod(0o755)
        names = []
        for i, text in enumerate(rings):
            names.append("ring%d" % i)
            script(tmp_path / "test/rings" / names[-1], text)
        environment = dict(os.environ, BUILD_DIR=str(tmp_path / "build"))
        done = subprocess.run(["test/run"] + names, cwd=tmp_path, env=environment, capture_output=True, text=True)
        return done.returncode, done.stdout.splitlines()

    runner.script = script
    runner.folder = tmp_path
    return runner


def test_sums_of_several_rings(run):
    code, lines = run("ok a; ok b; skip c: no such thing", "echo 'tally 40 0 2 many: too new'; ok z")
    assert (code, lines[-1]) == (0, "43 passed, 0 failed, 3 skipped")
    assert "      1 ring0: no such thing" in lines
    assert "      2 ring1: many: too new" in lines


@pytest.mark.parametrize("ring, last", [
    ("ok a; not_ok b: wrong", "1 passed, 1 failed, 0 skipped"),
    ("echo 'tally 5 2 0 spec'", "5 passed, 2 failed, 0 skipped"),
    ("ok a; exit 3", "1 passed, 1 failed, 0 skipped"),
    ("echo hello", "0 passed, 1 failed, 0 skipped"),
    ("skip a: nothing to do", "0 passed, 0 failed, 1 skipped"),
    ("run_program p 5 bash -c 'echo ok p/1; kill -SEGV $$'", "1 passed, 1 failed, 0 skipped"),
    ("run_program p 1 bash -c 'echo ok p/1; exec sleep 100'", "1 passed, 1 failed, 0 skipped"),
    ("run_program p 5 true", "0 passed, 1 failed, 0 skipped"),
    ("run_program p 5 bash -c 'echo not ok p/1: no; exit 1'", "0 passed, 1 failed, 0 skipped"),
])
def test_what_is_not_a_success(run, ring, last):
    code, lines = run(ring)
    assert code == 1 and lines[-1] == last


def test_a_failed_build_is_a_failure(run):
    code, lines = run("ok a", build="echo error: wrong; exit 1")
    assert code == 1 and "error: wrong" in lines and lines[-1] == "1 passed, 1 failed, 0 skipped"


def test_unknown_ring():
    done = subprocess.run([os.path.join(TOP, "test/run"), "nonsense"], capture_output=True, text=True)
    assert done.returncode == 64 and "no such ring" in done.stderr


def test_pytest_becomes_lines(run):
    folder = run.folder / "test/sample"
    folder.mkdir()
    (folder / "test_sample.py").write_text("""
import pytest
@pytest.fixture
def bad():
    yield 1
    raise RuntimeError("in the teardown")
@pytest.mark.parametrize("a", ["x: y", "z"])
def test_good(a): pass
def test_wrong(): assert 1 == 2
def test_twice(bad): assert 1 == 3
def test_late(bad): pass
@pytest.mark.skip(reason="no machine")
def test_skipped(): pass
""")
    code, lines = run("run_pytest sample test/sample")
    assert code == 1 and lines[-1] == "2 passed, 3 failed, 1 skipped"
    assert "      1 ring0: no machine" in lines


def test_a_pytest_that_cannot_even_load_is_a_failure(run):
    folder = run.folder / "test/sample"
    folder.mkdir()
    (folder / "test_sample.py").write_text("import nothing_of_that_name\n")
    code, lines = run("run_pytest sample test/sample")
    assert code == 1 and lines[-1].startswith("0 passed, ") and not lines[-1].startswith("0 passed, 0 failed")


@pytest.mark.parametrize("files, why", [
    ({}, None),
    ({"exit": "3"}, "exit code 0, not 3"),
    ({"out": "hello\n"}, None),
    ({"out": "hell\n"}, "output differs"),
    ({"err": "a warning"}, None),
    ({"err": "a warning\nanother"}, 'standard error lacks "another"'),
    ({"args": "--invoke\nmain\n@\n1 2"}, None),
    ({"args": "--invoke\nother\n@"}, "exit code 7, not 0"),
    ({"args": "--invoke\nother\n@", "exit": "7\n"}, None),
])
def test_regress_compares_every_sidecar(run, files, why):
    """The ring, with stand-ins for wat2wasm and the tool."""
    (run.folder / "bin").mkdir()
    run.script(run.folder / "bin/wat2wasm", ": >\"${@: -1}\"")
    (run.folder / "bin/wat2wasm").write_text("#!/bin/bash\n: >\"${@: -1}\"\n")
    (run.folder / "build").mkdir()
    tool = run.folder / "build/wasmserve"
    tool.write_text("#!/bin/bash\n[ \"$1\" = run ] || exit 99\nif [ \"$2\" = --invoke ]; then\n"
                    "  [ \"$3\" = main ] || exit 7\n  [ \"${4##*/}\" = x.wasm ] && [ \"$5\" = '1 2' ] || exit 8\nfi\n"
                    "echo hello; echo a warning >&2\n")
    tool.chmod(0o755)
    (run.folder / "test/regress").mkdir()
    (run.folder / "test/regress/x.wat").write_text("(module)")
    for name, text in files.items():
        (run.folder / "test/regress" / ("x." + name)).write_text(text)
    environment = dict(os.environ, BUILD_DIR=str(run.folder / "build"),
                       PATH="%s/bin:%s" % (run.folder, os.environ["PATH"]))
    done = subprocess.run(["test/rings/regress"], cwd=run.folder, env=environment, capture_output=True, text=True)
    assert done.stdout.startswith("not ok regress/x: " + why if why else "ok regress/x\n"), done.stdout
