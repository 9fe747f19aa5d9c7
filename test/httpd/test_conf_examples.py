# SPDX-License-Identifier: Apache-2.0
"""Every configuration that this project ships or shows does what it says: conf/wasmserve.conf with all of its examples
switched on, each .htaccess of conf/htaccess and conf/guides at work (the latter with the lines that their vendors give as
well; test/browser runs the apps), the demo's server, and the examples of the README."""
import glob
import gzip
import os
import re
import subprocess

import pytest

import env

CONF = os.path.join(env.TOP, "conf")
# By name: conf/htaccess/NAME.htaccess and conf/guides/NAME/.htaccess.
HTACCESS = {os.path.basename(path)[:-len(".htaccess")]: path for path in glob.glob(CONF + "/htaccess/*.htaccess")}
HTACCESS.update({os.path.basename(os.path.dirname(path)): path for path in glob.glob(CONF + "/guides/*/.htaccess")})
VENDORS = {os.path.basename(os.path.dirname(path)): path for path in glob.glob(CONF + "/guides/*/vendor.htaccess")}
LOADER_USERS = {"wasm-app", "go", "c", "rust", "emscripten"}
WHEN = 1700000000
RAW = b"\0asm\1\0\0\0" + bytes(range(256)) * 16
BR = b"\x1b\x07" + b"brotli" * 70
GZIP = gzip.compress(RAW, mtime=0)
ONLY_BR = [("Accept-Encoding", "br")]

PLUGIN = """
<WasmServePlugin hello>
    WasmServeModule plugins/hello.wasm
</WasmServePlugin>
"""


def read(path, mode="r"):
    with open(path, mode, **({} if "b" in mode else {"encoding": "utf-8"})) as file:
        return file.read()


def with_hello(guest):
    """What the examples name: plugins, and a directory for the store."""
    def setup(server):
        for name in ("hello", "rate_limit"):
            server.write("plugins/%s.wasm" % name, read(guest(name), "rb"))
        server.write("plugins/policy.wasm", read(guest("tck"), "rb"))
        server.make_private("store")
    return setup


def in_place(text):
    """The same with our own store in place of the one that the examples have."""
    return text.replace("/var/cache/wasmserve", "${root}/store")


def switched_on(text):
    """The text with its examples: in conf/wasmserve.conf prose follows "# " and an example follows "#" or "#    "."""
    return re.subn(r"(?m)^#(?=[<A-Z]|    )", "", text)


def test_every_example_of_the_shipped_configuration(make_httpd, guest):
    text, count = switched_on(read(os.path.join(CONF, "wasmserve.conf")))
    assert count > 20
    server = make_httpd(config=in_place(text), setup=with_hello(guest), modules=["alias"])
    server.write("docroot/app.wasm", RAW, mtime=WHEN)
    server.write("docroot/app.wasm.br", BR, mtime=WHEN)
    answer = server.get("/app.wasm", ONLY_BR)
    assert (answer.status, answer.get("Content-Encoding"), answer.body) == (200, "br", BR)
    assert answer.get("Cross-Origin-Embedder-Policy") == "require-corp"
    assert server.get("/hello").status == 200
    assert b"hello" in server.get("/wasmserve-status").body


@pytest.fixture(scope="module")
def examples(make_httpd, guest):
    """A server with a directory for each .htaccess, named like it, and "vendor-NAME" with the vendor's lines above ours."""
    def fill(server, folder, text):
        server.write(folder + "/.htaccess", text)
        server.write(folder + "/index.html", b"<p>the page</p>", mtime=WHEN)
        for name in ("app.wasm", "app.js", "_framework/dotnet.wasm", "_framework/dotnet.native.y6qj3zvvho.wasm",
                     "_framework/app.extensions.wasm"):
            server.write("%s/%s" % (folder, name), RAW, mtime=WHEN)
            server.write("%s/%s.br" % (folder, name), BR, mtime=WHEN)
            server.write("%s/%s.gz" % (folder, name), GZIP, mtime=WHEN)
        # As Unity leaves them: without the raw file.
        for name, data in (("wasm.br", BR), ("framework.js.br", BR), ("data.br", BR), ("data.gz", GZIP)):
            server.write("%s/Build/game.%s" % (folder, name), data, mtime=WHEN)

    def setup(server):
        with_hello(guest)(server)
        for name, path in HTACCESS.items():
            fill(server, "docroot/" + name, read(path))
        for name, path in VENDORS.items():
            fill(server, "docroot/vendor-" + name, read(path) + read(HTACCESS[name]))

    return make_httpd(config=PLUGIN, modules=["rewrite", "deflate", "negotiation"], setup=setup)


def test_there_are_examples():
    assert {"wasm-app", "threads", "plugin", "go", "c", "rust", "emscripten", "unity", "blazor"} == set(HTACCESS)
    assert {"emscripten", "unity", "blazor"} == set(VENDORS)


@pytest.mark.parametrize("name", sorted(set(HTACCESS) - {"plugin"}) + ["vendor-" + name for name in sorted(VENDORS)])
def test_htaccess_delivers(examples, name):
    answer = examples.get("/%s/app.wasm" % name, ONLY_BR)
    assert (answer.status, answer.get("Content-Encoding"), answer.body) == (200, "br", BR)
    assert answer.get("Content-Type") == "application/wasm"
    assert "accept-encoding" in answer.tokens("Vary")
    assert answer.get("Cache-Control") == "no-cache" and answer.get("ETag").endswith('-br"')
    script = examples.get("/%s/app.js" % name, ONLY_BR)
    assert (script.get("Content-Encoding"), script.body) == ("br", BR)
    raw = examples.get("/%s/app.wasm" % name)
    assert (raw.get("Content-Encoding"), raw.body) == (None, RAW)


@pytest.mark.parametrize("name", sorted(set(HTACCESS)))
def test_htaccess_switches_the_loader_on_where_its_page_uses_it(examples, name):
    answer = examples.get("/%s/wasmserve-loader.js" % name)
    if name in LOADER_USERS:
        assert answer.status == 200 and answer.get("Content-Type") == "text/javascript" and b"runGo" in answer.body
    else:
        assert answer.get("Content-Type") != "text/javascript"


def test_threads_htaccess_isolates_the_page(examples):
    page = examples.get("/threads/index.html")
    assert page.get("Cross-Origin-Opener-Policy") == "same-origin"
    assert page.get("Cross-Origin-Embedder-Policy") == "require-corp"
    assert "Cross-Origin-Opener-Policy" not in examples.get("/wasm-app/index.html")


@pytest.mark.parametrize("name", ["unity", "vendor-unity"])
def test_unity_htaccess_serves_what_unity_asks_for(examples, name):
    for file, types, coding, body in (("wasm.br", ["application/wasm"], "br", BR),
                                      ("framework.js.br", ["text/javascript", "application/javascript"], "br", BR),
                                      ("data.br", ["application/octet-stream"], "br", BR),
                                      ("data.gz", ["application/octet-stream", "application/gzip"], "gzip", GZIP)):
        answer = examples.get("/%s/Build/game.%s" % (name, file), [("Accept-Encoding", coding)])
        assert (answer.status, answer.get("Content-Encoding"), answer.body) == (200, coding, body)
        assert answer.get("Content-Type") in types and "Content-Language" not in answer


def test_blazor_htaccess_has_pages_but_no_page_in_place_of_a_missing_file(examples):
    assert examples.get("/blazor/counter").body == b"<p>the page</p>"
    assert examples.get("/blazor/_framework/dotnet.wasm", ONLY_BR).body == BR
    assert examples.get("/blazor/_framework/missing.wasm").status == 404


@pytest.mark.parametrize("name", ["blazor", "vendor-blazor"])
def test_blazor_htaccess_knows_fingerprints_and_no_word_for_one(examples, name):
    fingerprint = examples.get("/%s/_framework/dotnet.native.y6qj3zvvho.wasm" % name, ONLY_BR)
    assert "immutable" in fingerprint.get("Cache-Control")
    assert examples.get("/%s/_framework/app.extensions.wasm" % name, ONLY_BR).get("Cache-Control") == "no-cache"


def test_plugin_htaccess_hands_the_directory_to_the_guest(examples):
    answer = examples.get("/plugin/")
    assert answer.status == 200 and answer.body != b"<p>the page</p>"
    assert examples.get("/wasm-app/index.html").body == b"<p>the page</p>"


def test_the_demos_server_accepts_its_configuration(tmp_path, guest):
    (tmp_path / "logs").mkdir()
    (tmp_path / "htdocs").mkdir()
    (tmp_path / "plugins").mkdir()
    for name in ("greet", "spin", "hungry", "words"):
        (tmp_path / "plugins" / (name + ".wasm")).write_bytes(read(guest("hello"), "rb"))
    installation = env.Installation.get()
    run = tmp_path / "run.conf"
    run.write_text('Define DEMO_PORT %d\nDefine DEMO_ROOT "%s"\nDefine MODULES "%s"\nDefine WASMSERVE "%s"\n'
                   'Define DEMO_GO\nInclude "%s/demo/httpd.conf"\n'
                   % (env.free_port(), tmp_path, installation.libexec, env.MODULE, CONF))
    done = subprocess.run([installation.program, "-t", "-f", str(run)], capture_output=True, text=True,
                          env=dict(os.environ, **env.sanitizer_environment(str(tmp_path / "logs"))))
    assert done.returncode == 0 and "Syntax OK" in done.stderr, done.stdout + done.stderr


def readme_examples():
    """The configuration blocks of the README, with the line where each begins."""
    text = read(os.path.join(env.TOP, "README.md"))
    return [(text[:found.start()].count("\n") + 1, found.group(1))
            for found in re.finditer(r"(?ms)^```apache\n(.*?)^```$", text)]


@pytest.mark.parametrize("line,example", readme_examples() or [(0, None)])
def test_readme_example_loads(make_httpd, guest, tmp_path, line, example):
    assert example is not None, "the README shows no configuration"
    # The README speaks of places of its own; here they are this server's. A digest is the reader's, not ours.
    for place in ("/srv/www", "/srv/data", "/srv/plugins", "/var/cache/wasmserve-code"):
        example = example.replace(place, str(tmp_path))
    example = re.sub(r"sha256:\S+", "", example)
    code, said = make_httpd(config=in_place(example), setup=with_hello(guest), start=False,
                            modules=["alias", "headers", "proxy_http"]).configtest()
    assert code == 0 and "Syntax OK" in said, "README.md, line %d: %s" % (line, said)
