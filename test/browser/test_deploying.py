# SPDX-License-Identifier: Apache-2.0
"""From `wasmserve pack` to the browser: a page whose app has a hash in its name, deployed, visited again, deployed anew
(of which Chromium gets the difference alone) and rolled back. What travels is read off the server's log."""
import glob
import os
import subprocess
import time

import pytest

import accesslog
from browsers import wait_for
from modules import module

CONFIG = accesslog.CONFIG + """
DirectoryIndex index.html
KeepAliveTimeout 300
<Directory "${docroot}">
    WasmServe On
    WasmServeTypes .wasm .html
    WasmServeDictionary On
    <Files "wasmserve-loader.js">
        SetHandler wasmserve-loader
    </Files>
</Directory>
"""
PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>An app</title>
<link rel="icon" href="data:,">
<div id="loading"></div>
<p id="app"></p>
<script type="module">
  import { instantiate } from "./wasmserve-loader.js";
  let total = null;
  const options = { show: "#loading", onProgress: (progress) => { total = progress.total; } };
  const { instance } = await instantiate("app.wasm", {}, options);
  document.getElementById("app").textContent = `${instance.exports.answer()} of ${total}`;
</script>
</html>
"""


@pytest.fixture(scope="module")
def httpd(make_httpd):
    return make_httpd(config=CONFIG, modules=["log_config"])


class Deployment:
    """A folder of the server that `wasmserve pack` fills."""

    def __init__(self, httpd, folder, tmp_path, tool):
        self.httpd, self.folder, self.tool = httpd, folder, tool
        self.sources = tmp_path
        self.target = httpd.path("docroot/" + folder)
        (tmp_path / "index.html").write_text(PAGE)

    def run(self, *words):
        done = subprocess.run([self.tool, "pack", "--quiet", "-o", self.target, *words], cwd=self.sources,
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    def deploy(self, data):
        (self.sources / "app.wasm").write_bytes(data)
        self.run("app.wasm", "--rewrite", "index.html")

    def settle(self):
        """Waits until the server believes its eyes: of a file that has changed within three seconds it knows no digest."""
        newest = max(os.stat(path).st_ctime for path in glob.glob(self.target + "/app.*.wasm"))
        wait_for(lambda: time.time() > newest + 3.1, "the clock")

    def visit(self, browser, requests):
        """What the app says, and (status, bytes, coding) of each request for a module meanwhile, of which there are to be
        at least so many."""
        log = accesslog.AccessLog(self.httpd)
        browser.open("http://127.0.0.1:%d/%s/" % (self.httpd.port, self.folder))
        said = browser.wait("return document.getElementById('app').textContent", "the app")
        rows = log.rows(lambda path: path.startswith("/%s/" % self.folder) and path.endswith(".wasm"), requests)
        return said, [tuple(row[1:]) for row in rows]


@pytest.fixture
def deployment(httpd, folder, tmp_path, tool):
    return Deployment(httpd, folder, tmp_path, tool)


# Versions of an app: most of it is the same.
VERSIONS = [module(number, pad=200000) + b"\0\x08\7changed" * number for number in (1, 2, 3)]


def test_deployed_visited_again_deployed_anew_and_rolled_back(browser, deployment):
    """Each new version costs Chromium a delta, made against the one that it has and decoded by itself while the module is
    compiled; Firefox, which has no dictionaries yet, the variant."""
    deployment.deploy(VERSIONS[0])
    said, (first,) = deployment.visit(browser, 1)
    assert said == "1 of %d" % len(VERSIONS[0]) and (first[0], first[2]) == (200, "br")
    assert deployment.visit(browser, 0) == (said, []), "asked again for what never changes"
    for number, version in enumerate(VERSIONS[1:], 2):
        if browser.name == "chromium":
            deployment.settle()
        deployment.deploy(version)
        said, (request,) = deployment.visit(browser, 1)
        assert said == "%d of %d" % (number, len(version))
        if browser.name == "chromium":
            # The smaller one; dcb is made where libbrotli is 1.1 or newer.
            assert request[0] == 200 and request[2] in ("dcz", "dcb") and request[1] < first[1] / 100, request
        else:
            assert (request[0], request[2]) == (200, "br")
        assert deployment.visit(browser, 0) == (said, [])
    deployment.run("--rollback", "app.wasm")
    assert deployment.visit(browser, 0) == ("2 of %d" % len(VERSIONS[1]), [])
    browser.shot("deploying-" + browser.name)


def test_a_version_that_is_gone_is_no_dictionary(chromium, deployment):
    """The old file was deleted: nothing says any more what the delta is against, so the whole variant comes."""
    deployment.deploy(VERSIONS[0])
    deployment.visit(chromium, 1)
    old = glob.glob(deployment.target + "/app.*.wasm")
    deployment.settle()
    deployment.deploy(VERSIONS[1])
    for path in old:
        os.remove(path)
    said, (request,) = deployment.visit(chromium, 1)
    assert said.startswith("2 of") and (request[0], request[2]) == (200, "br")
