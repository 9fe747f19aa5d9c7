# SPDX-License-Identifier: Apache-2.0
"""The configuration that ./build.sh install puts in place: httpd takes it as it is. What its examples
do is test_conf_examples.py's matter."""
import os
import re

import pytest

import env


def shipped(name):
    with open(os.path.join(env.TOP, "conf", name), encoding="utf-8") as text:
        return text.read()


@pytest.fixture(scope="module")
def load_line():
    """conf/wasmserve.load, for the module that was built here."""
    text, changed = re.subn(r"(?m)^(LoadModule wasmserve_module) \S+$", r'\1 "%s"' % env.MODULE,
                            shipped("wasmserve.load"))
    assert changed == 1
    return text


def test_as_it_is_shipped(make_httpd, load_line):
    server = make_httpd(config=load_line + shipped("wasmserve.conf"), load_module=False)
    server.write("docroot/a.wasm", b"\0asm\1\0\0\0")
    assert server.get("/a.wasm").body == b"\0asm\1\0\0\0"
