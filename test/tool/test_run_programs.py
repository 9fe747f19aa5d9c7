# SPDX-License-Identifier: Apache-2.0
"""Real programs under `wasmserve run`: their output against native builds of the same source, or against the WASI of
node, where there is one."""
import pathlib
import shutil
import subprocess

import pytest
from command import BUILD_DIR, TOOL, run

NODE = r"""
const { WASI } = require('node:wasi');
const [file, directory, ...words] = process.argv.slice(1);
const wasi = new WASI({ version: 'preview1', args: [file, ...words], env: {}, returnOnExit: true,
                        preopens: directory ? { '/': directory } : {} });
WebAssembly.instantiate(require('fs').readFileSync(file), wasi.getImportObject())
  .then(({ instance }) => { process.exitCode = wasi.start(instance); });
"""


def native(name, *words):
    """What the machine itself makes of a guest's source."""
    program = pathlib.Path(BUILD_DIR) / "guests/native" / name
    if not program.exists():
        pytest.skip("no C compiler for this machine made %s" % program)
    return subprocess.run([str(program), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)


def by_node(path, directory="", words=(), text=""):
    if shutil.which("node") is None:
        pytest.skip("no node to compare with")
    done = subprocess.run(["node", "--no-warnings", "-e", NODE, path, str(directory), *words], input=text,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
    if "node:wasi" in done.stderr:
        pytest.skip("this node has no WASI")
    return done


def test_computing_as_the_machine_does(guest):
    ours, theirs = run("run", guest("compute")), native("compute")
    assert ours.stdout == theirs.stdout != ""
    assert ours.returncode == theirs.returncode == 42


def test_vectors_as_the_machine_has_them(guest):
    ours, theirs = run("run", guest("vectors")), native("vectors")
    assert ours.stdout == theirs.stdout != ""
    assert ours.returncode == theirs.returncode == 0
    assert "simd128" in run("inspect", guest("vectors")).stdout


def test_files_as_the_machine_has_them(guest, tmp_path):
    """Errno by errno, and the order of what is listed."""
    for name in ["ours", "theirs"]:
        (tmp_path / name).mkdir()
    ours = run("run", "--dir", "%s::/data" % (tmp_path / "ours"), guest("walk"), "/data")
    theirs = native("walk", str(tmp_path / "theirs"))
    assert ours.stdout.splitlines() == theirs.stdout.splitlines() != []
    assert ours.returncode == theirs.returncode == 0
    assert list((tmp_path / "ours").iterdir()) == []


@pytest.mark.parametrize("name", ["hello", "compute", "vectors", "status", "go_hello", "go_collect"])
def test_as_node_runs_them(guest, name):
    ours, theirs = run("run", guest(name)), by_node(guest(name))
    assert (ours.stdout, ours.returncode) == (theirs.stdout, theirs.returncode)
    assert ours.stdout != ""


def test_go_collects_its_garbage(guest):
    done = run("run", guest("go_collect"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("collected true\n")


def test_go_answers_through_its_own_cgi(guest):
    environment = {"REQUEST_METHOD": "POST", "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "example.test",
                   "SCRIPT_NAME": "/app", "PATH_INFO": "/form", "REQUEST_URI": "/app/form?x=1", "QUERY_STRING": "x=1",
                   "CONTENT_TYPE": "application/x-www-form-urlencoded", "CONTENT_LENGTH": "9"}
    words = [word for item in environment.items() for word in ("--env", "%s=%s" % item)]
    done = run("run", *words, guest("go_cgi"), input="name=Gopher"[:9])
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Status: 200 OK\n")
    assert done.stdout.endswith("\n\nhello, Goph\n")


def test_go_panics_with_its_own_words(guest):
    done = run("run", "--env", "REQUEST_METHOD=GET", "--env", "SERVER_PROTOCOL=HTTP/1.1", "--env", "PATH_INFO=/panic",
               guest("go_cgi"))
    assert done.returncode == 2
    assert "panic: asked to" in done.stderr and "goroutine 1" in done.stderr


def test_rust_counts_words(guest, tmp_path):
    module = guest("rust_words")
    assert run("run", module, input="b a b").stdout == "Content-Type: text/plain\n\n2 b\n1 a\n"
    (tmp_path / "text").write_text("from a file")
    done = run("run", "--dir", "%s::/d:ro" % tmp_path, module, "/d/text")
    assert done.stdout.endswith("1 a\n1 file\n1 from\n")
    done = run("run", module, "/d/text")
    assert "cannot read the file" in done.stderr
    assert done.returncode != 0
    done = run("run", module, "panic")
    assert "asked to" in done.stderr
    assert done.returncode != 0
