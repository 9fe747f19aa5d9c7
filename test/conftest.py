# SPDX-License-Identifier: Apache-2.0
"""Fixtures for every ring of pytest tests: the tool, and guests compiled from test/guests."""
import os
import subprocess

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD_DIR = os.path.join(TOP, os.environ.get("BUILD_DIR", "build"))


@pytest.fixture(scope="session")
def tool():
    """The path of the command `wasmserve`."""
    path = os.path.join(BUILD_DIR, "wasmserve")
    assert os.access(path, os.X_OK), "%s is not built" % path
    return path


@pytest.fixture(scope="session")
def guest():
    """A function: the path of a guest of test/guests by name ("hello", "go_cgi"), compiled if it has to be. A guest
    whose toolchain is not on this machine skips the test; one that does not compile fails it."""
    made = {}

    def make(name):
        if name not in made:
            done = subprocess.run([os.path.join(TOP, "test/guests/build"), name], capture_output=True, text=True,
                                  env=dict(os.environ, BUILD_DIR=BUILD_DIR))
            made[name] = done.returncode, done.stdout + done.stderr
        code, said = made[name]
        assert code == 0, said
        for line in said.splitlines():
            if line.startswith("skip %s: " % name):
                pytest.skip(line[len("skip "):])
        path = os.path.join(BUILD_DIR, "guests", name + ".wasm")
        assert os.path.exists(path), "there is no guest %s: %s" % (name, said)
        return path

    return make
