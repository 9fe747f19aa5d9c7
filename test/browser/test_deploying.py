# SPDX-License-Identifier: Apache-2.0
"""From `wasmserve pack` to the browser: a page whose app has a hash in its name, deployed, visited again, deployed anew
and rolled back. What travels is read off the server's log."""
import subprocess

import pytest

import accesslog
from modules import module

CONFIG = accesslog.CONFIG + """
DirectoryIndex index.html
KeepAliveTimeout 300
<Directory "${docroot}">
    WasmServe On
    WasmServeTypes .wasm .html
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


# Two versions of an app: most of it is the same.
OLD, NEW = module(1, pad=200000), module(2, pad=200000) + b"\0\x08\7changed"


def test_deployed_visited_again_deployed_anew_and_rolled_back(browser, deployment):
    deployment.deploy(OLD)
    said, (request,) = deployment.visit(browser, 1)
    assert said == "1 of %d" % len(OLD) and (request[0], request[2]) == (200, "br")
    assert deployment.visit(browser, 0) == (said, []), "asked again for what never changes"
    deployment.deploy(NEW)
    said, (request,) = deployment.visit(browser, 1)
    assert said == "2 of %d" % len(NEW) and (request[0], request[2]) == (200, "br")
    deployment.run("--rollback", "app.wasm")
    assert deployment.visit(browser, 0) == ("1 of %d" % len(OLD), [])
    browser.shot("deploying-" + browser.name)
