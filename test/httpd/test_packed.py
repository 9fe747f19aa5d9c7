# SPDX-License-Identifier: Apache-2.0
"""A folder that `wasmserve pack` has filled, served as it is: no line of configuration knows of it but WasmServe On."""
import base64
import gzip
import hashlib
import json
import os
import random
import subprocess
import time
from urllib.parse import quote

import pytest

import env

IMMUTABLE = "public, max-age=31536000, immutable"
CONFIG = """
<Directory "${docroot}">
    WasmServe On
    WasmServeTypes .wasm .js
</Directory>
"""
ENDINGS = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}


def module(change=b""):
    source = random.Random(7)
    words = [bytes(source.randrange(256) for _ in range(source.randrange(3, 12))) for _ in range(300)]
    return b"\0asm\1\0\0\0" + b"".join(source.choice(words) for _ in range(6000)) + change


def pack(folder, *args):
    """Runs pack in a folder beside the document root, into it."""
    done = subprocess.run([env.TOOL, "pack", "-o", "../docroot", *args], cwd=folder, capture_output=True, text=True,
                          umask=0o022)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def httpd(make_httpd):
    def setup(h):
        h.write("source/app.wasm", module())
        h.write("source/wasm_exec.js", "globalThis.Go = class { run() {} };\n" * 40)
        h.write("source/größe x.wasm", module(b"another"))
        h.write("source/index.html", "<script src=wasm_exec.js></script><script>go('app.wasm')</script>")
        pack(h.path("source"), "app.wasm", "wasm_exec.js", "größe x.wasm", "--pair", "app.wasm,wasm_exec.js",
             "--rewrite", "index.html")

    return make_httpd(config=CONFIG, modules=["deflate"], setup=setup)


def manifest(httpd):
    with open(os.path.join(httpd.docroot, "manifest.json"), encoding="utf-8") as file:
        return json.load(file)


def content(httpd, name):
    with open(os.path.join(httpd.docroot, name), "rb") as file:
        return file.read()


def decode(coding, body):
    if coding == "gzip":
        return gzip.decompress(body)
    command = {"br": ["brotli", "-dc"], "zstd": ["zstd", "-dcq"]}[coding]
    return subprocess.run(command, input=body, check=True, stdout=subprocess.PIPE).stdout


@pytest.mark.parametrize("name", ["app.wasm", "wasm_exec.js", "größe x.wasm"])
@pytest.mark.parametrize("coding", ["br", "zstd", "gzip"])
def test_every_variant_is_used(httpd, name, coding):
    hashed = manifest(httpd)["files"][name]["name"]
    answer = httpd.get("/" + quote(hashed), [("Accept-Encoding", coding)])
    assert answer.status == 200
    assert answer.get("Content-Encoding") == coding
    assert answer.get("Content-Type") == ("application/wasm" if name.endswith(".wasm") else "text/javascript")
    assert answer.get("Cache-Control") == IMMUTABLE
    assert "accept-encoding" in answer.tokens("Vary")
    assert answer.body == content(httpd, hashed + ENDINGS[coding])
    assert decode(coding, answer.body) == content(httpd, hashed)
    again = httpd.get("/" + quote(hashed), [("Accept-Encoding", coding), ("If-None-Match", answer.get("ETag"))])
    assert again.status == 304 and again.get("Cache-Control") == IMMUTABLE


def test_the_smallest_variant_is_what_a_browser_gets(httpd):
    hashed = manifest(httpd)["files"]["app.wasm"]["name"]
    sizes = {coding: len(content(httpd, hashed + ending)) for coding, ending in ENDINGS.items()}
    answer = httpd.get("/" + hashed, [("Accept-Encoding", "gzip, deflate, br, zstd")])
    assert answer.get("Content-Encoding") == min(sizes, key=sizes.get)
    assert int(answer.get("Content-Length")) == min(sizes.values())


def test_without_a_coding_the_raw_file(httpd):
    hashed = manifest(httpd)["files"]["app.wasm"]["name"]
    answer = httpd.get("/" + hashed)
    assert "Content-Encoding" not in answer and answer.get("Cache-Control") == IMMUTABLE
    assert answer.body == content(httpd, hashed)


def test_what_the_page_refers_to_is_there(httpd):
    files = manifest(httpd)["files"]
    page = httpd.get("/index.html").body.decode()
    assert page == "<script src=%s></script><script>go('%s')</script>" % (
        files["wasm_exec.js"]["name"], files["app.wasm"]["name"])
    for name in ("wasm_exec.js", "app.wasm"):
        assert httpd.get("/" + files[name]["name"]).status == 200


def test_a_new_version_and_back(httpd):
    """Both versions are there at any moment; the page follows, and no restart is needed."""
    first = manifest(httpd)["files"]["app.wasm"]["name"]
    httpd.write("source/app.wasm", module(b"changed"))
    source = httpd.path("source")
    pack(source, "app.wasm", "wasm_exec.js")
    second = manifest(httpd)["files"]["app.wasm"]["name"]
    assert second != first
    for name in (first, second):
        answer = httpd.get("/" + name, [("Accept-Encoding", "br")])
        assert answer.status == 200 and answer.get("Content-Encoding") == "br"
        assert decode("br", answer.body) == content(httpd, name)
    assert second in httpd.get("/index.html").body.decode()
    pack(source, "--rollback", "app.wasm")
    page = httpd.get("/index.html").body.decode()
    assert first in page and second not in page


# ---- deltas --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_versions(make_httpd):
    def setup(h):
        for change in (b"", b"changed"):
            h.write("source/app.wasm", module(change))
            pack(h.path("source"), "app.wasm")

    return make_httpd(config=CONFIG.replace("WasmServe On", "WasmServe On\n    WasmServeDictionary On"), setup=setup)


def available(data):
    return "Available-Dictionary", ":%s:" % base64.b64encode(hashlib.sha256(data).digest()).decode()


def test_a_browser_with_the_old_version_gets_what_has_changed(two_versions):
    """As Chromium asks: with the digest and the id of what it has, and dcz among the codings."""
    unit, = manifest(two_versions)["units"]
    new, old = [version["files"]["app.wasm"]["name"] for version in unit["versions"]]
    first = two_versions.get("/" + old, [("Accept-Encoding", "gzip, deflate, br, zstd")])
    assert 'match="/app.*.wasm"' in first.get("Use-As-Dictionary")
    dictionary = decode(first.get("Content-Encoding"), first.body)
    assert dictionary == content(two_versions, old)

    # A file that was written a moment ago may still be changing, and is no dictionary until it has settled.
    deadline = time.monotonic() + env.PATIENCE
    while True:
        answer = two_versions.get("/" + new, [("Accept-Encoding", "gzip, deflate, br, zstd, dcz"),
                                              available(dictionary), ("Dictionary-ID", '"%s"' % old)])
        if answer.get("Content-Encoding") == "dcz" or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    assert answer.status == 200 and answer.get("Content-Encoding") == "dcz"
    assert answer.get("Content-Type") == "application/wasm" and answer.get("Cache-Control") == IMMUTABLE
    assert {"accept-encoding", "available-dictionary"} <= set(answer.tokens("Vary"))
    delta, = [delta["name"] for delta in unit["versions"][0]["files"]["app.wasm"]["deltas"] if delta["coding"] == "dcz"]
    assert answer.body == content(two_versions, delta) and len(answer.body) < 500
    done = subprocess.run(["zstd", "-dcq", "-D", os.path.join(two_versions.docroot, old)], input=answer.body, check=True,
                          stdout=subprocess.PIPE)
    assert done.stdout == content(two_versions, new)


def test_a_browser_with_something_else_gets_the_whole(two_versions):
    unit, = manifest(two_versions)["units"]
    new, old = [version["files"]["app.wasm"]["name"] for version in unit["versions"]]
    answer = two_versions.get("/" + new, [("Accept-Encoding", "gzip, deflate, br, zstd, dcb, dcz"),
                                          available(b"another"), ("Dictionary-ID", '"%s"' % old)])
    assert answer.get("Content-Encoding") in ENDINGS
    assert decode(answer.get("Content-Encoding"), answer.body) == content(two_versions, new)
