# SPDX-License-Identifier: Apache-2.0
"""The guides of conf/guides, each followed to its end: built by the steps of its README, uploaded to a host that allows
no more than AllowOverride FileInfo, and run in the browsers. Where a toolchain is not Debian's (wasm-bindgen, emscripten) or
not free (Unity) or a download of its own (Blazor), files stand in for its output that have its names and ask for what it
asks for (standins/); with wasm-bindgen or emcc in the PATH, the real ones are built as well."""
import base64
import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess

import pytest

import accesslog
import browsers
from modules import module

GUIDES = os.path.join(browsers.TOP, "conf", "guides")
STANDINS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "standins")
BUILT = os.path.join(browsers.BUILD_DIR, "test", "guides")
OFFERED = [("Accept-Encoding", "gzip, deflate, br, zstd")]
SUFFIX = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}


@pytest.fixture(scope="module")
def httpd(make_httpd):
    return make_httpd(override="FileInfo", modules=["log_config", "rewrite"], config=accesslog.CONFIG + """
        DirectoryIndex index.html
        KeepAliveTimeout 300""")


def steps(guide, which=0):
    """The commands that a guide's README tells the reader to type: 0, to build it; 1, to pack it."""
    with open(os.path.join(GUIDES, guide, "README.md"), encoding="utf-8") as text:
        return re.findall(r"(?ms)^```sh\n(.*?)^```$", text.read())[which]


def copy_of(guide, name):
    """A fresh copy of a guide's folder to work in."""
    folder = os.path.join(BUILT, name)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(os.path.join(GUIDES, guide), folder)
    return folder


def follow(guide, name=None, commands=None):
    """Builds a guide's app by its own commands, or by others; returns the folder."""
    folder = copy_of(guide, name or guide)
    # Nothing of the caller's settings, and nothing from the network.
    environment = dict(os.environ, CGO_ENABLED="0", GOTOOLCHAIN="local", GOFLAGS="-mod=mod", GOPROXY="off", GOWORK="off")
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", commands or steps(guide)], cwd=folder, env=environment,
                          capture_output=True, text=True)
    assert done.returncode == 0, "%s\n%s" % (done.stdout, done.stderr)
    return folder


def compress(*names):
    """The last steps of a README, for these files."""
    return "for file in %s; do brotli -q 11 -f $file; zstd -q -19 -f $file; gzip -9 -k -f $file; done\n" % " ".join(names)


def upload(httpd, folder, name, only=None):
    """The files of a folder to the server, with their times."""
    for at, _, files in os.walk(folder):
        for file in sorted(files):
            path = os.path.join(at, file)
            place = os.path.relpath(path, folder)
            if only is None or re.search(only, place):
                with open(path, "rb") as data:
                    httpd.write("docroot/%s/%s" % (name, place), data.read(), mtime=os.path.getmtime(path))


def pack(httpd, guide, name, tool):
    """What a README says of the tool, done in the built folder; the outcome to the server."""
    done = subprocess.run(["bash", "-euc", steps(guide, 1)], cwd=os.path.join(BUILT, guide), capture_output=True, text=True,
                          env=dict(os.environ, PATH=os.path.dirname(tool) + ":" + os.environ["PATH"]))
    assert done.returncode == 0, done.stdout + done.stderr
    upload(httpd, os.path.join(BUILT, guide, "site"), name)


def check_packed(browser, httpd, guide, said):
    """The page as packed runs, and on the next visit nothing of the app is asked for again."""
    asked = []
    for _ in range(2):
        log = accesslog.AccessLog(httpd)
        check_page(browser, httpd, "/packed-%s/" % guide, said, "packed-" + guide)
        rows = log.rows(lambda path: re.search(r"\.(wasm|js)$", path) and "loader" not in path, 0 if asked else 1)
        asked.append([row[:2] for row in rows])
    fetched, again = asked
    assert {status for _, status in fetched} == {200} and again == []
    assert all(re.search(r"[.-][0-9a-f]{8,}", path) for path, _ in fetched), fetched


def decoded(answer):
    coding = answer.get("Content-Encoding")
    if coding == "gzip":
        return gzip.decompress(answer.body)
    program = {"br": "brotli", "zstd": "zstd"}[coding]
    return subprocess.run([program, "-dc"], input=answer.body, check=True, capture_output=True).stdout


def check_delivery(httpd, path, types):
    """What every guide promises of a file: type, smallest variant, own validator, 304, raw for who accepts nothing."""
    with open(httpd.path("docroot" + path), "rb") as file:
        raw = file.read()
    sizes = {"": len(raw)}
    for coding, suffix in SUFFIX.items():
        if os.path.exists(httpd.path("docroot" + path + suffix)):
            sizes[coding] = os.path.getsize(httpd.path("docroot" + path + suffix))
    assert len(sizes) > 1, "no variants of " + path
    answer = httpd.get(path, OFFERED)
    assert answer.status == 200 and answer.get("Content-Type") in types
    assert answer.get("Content-Encoding", "") == min(sizes, key=sizes.get)
    assert (decoded(answer) if "Content-Encoding" in answer else answer.body) == raw
    assert answer.tokens("Vary") == ["accept-encoding"]
    assert answer.get("X-Uncompressed-Content-Length") == str(len(raw))
    same = httpd.get(path, OFFERED + [("If-None-Match", answer.get("ETag"))])
    assert same.status == 304 and same.get("Cache-Control") == answer.get("Cache-Control")
    plain = httpd.get(path)
    assert (plain.status, plain.get("Content-Encoding"), plain.body) == (200, None, raw)
    return answer


WASM = ["application/wasm"]
SCRIPT = ["text/javascript"]


def check_page(browser, httpd, path, said, name):
    browser.open("http://127.0.0.1:%d%s" % (httpd.port, path))
    browser.wait("const app = document.getElementById('app'); return app && app.innerText.includes(arguments[0])",
                 "the app to say " + said, said)
    assert browser.count(".wasmserve") == 0
    browser.shot("guide-%s-%s" % (name, browser.name))


# ---- Go ----------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def go(httpd):
    if not shutil.which("go"):
        pytest.skip("no Go (Debian: golang-go)")
    upload(httpd, follow("go"), "go", r"^(\.htaccess|index\.html|app\.wasm.*|wasm_exec\.js.*)$")


def test_go_is_delivered(httpd, go):
    for name, types in (("app.wasm", WASM), ("wasm_exec.js", SCRIPT)):
        answer = check_delivery(httpd, "/go/" + name, types)
        assert answer.get("Cache-Control") == "no-cache" and answer.get("Content-Encoding") == "br"


@pytest.fixture(scope="module")
def packed_go(httpd, go, tool):
    pack(httpd, "go", "packed-go", tool)


def test_go_packed_runs(browser, httpd, packed_go):
    check_packed(browser, httpd, "go", "Hello, visitor, from Go.")


def test_go_runs(browser, httpd, go):
    check_page(browser, httpd, "/go/", "Hello, visitor, from Go.", "go")
    assert browser.wait("return document.getElementById('app').dataset.ended", "its end") == "0"


def test_go_that_ends_badly_tells_its_exit_code(browser, httpd, go):
    browser.open("http://127.0.0.1:%d/go/" % httpd.port)
    browser.wait("return document.getElementById('app').dataset.ended", "the page")
    # Without the argument that it expects the program panics, which Go ends with 2.
    httpd.write("docroot/go/panic.html", """<!DOCTYPE html><p id="app">?</p><script type="module">
        import { runGo } from "./wasmserve-loader.js";
        const { exited } = await runGo("app.wasm", { argv: ["app"] });
        document.getElementById("app").dataset.ended = await exited;
        </script>""")
    browser.open("http://127.0.0.1:%d/go/panic.html" % httpd.port)
    assert browser.wait("return document.getElementById('app').dataset.ended", "the end of the program") == "2"


def test_the_page_of_the_readme_runs(browser, httpd, go):
    with open(os.path.join(browsers.TOP, "README.md"), encoding="utf-8") as text:
        page, = re.findall(r"(?ms)^```html\n(.*?)^```$", text.read())
    httpd.write("docroot/go/readme.html", page)
    check_page(browser, httpd, "/go/readme.html", ", visitor, from Go.", "readme")


# ---- C -----------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def c(httpd):
    for tool in ("clang", "wasm-ld"):
        if not shutil.which(tool) and not shutil.which(tool + "-14"):
            pytest.skip("no %s (Debian: clang lld)" % tool)
    upload(httpd, follow("c"), "c", r"^(\.htaccess|index\.html|app\.wasm.*)$")
    # For so small an app zstd and gzip may be larger than the file.
    httpd.expect_log("is larger than the raw file", optional=True)


def test_c_is_delivered(httpd, c):
    assert check_delivery(httpd, "/c/app.wasm", WASM).get("Cache-Control") == "no-cache"


@pytest.fixture(scope="module")
def packed_c(httpd, c, tool):
    pack(httpd, "c", "packed-c", tool)


def test_c_packed_runs(browser, httpd, packed_c):
    check_packed(browser, httpd, "c", "The primes: 8")


def test_c_runs(browser, httpd, c):
    check_page(browser, httpd, "/c/", "The primes: 8", "c")


# ---- Rust --------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def rust(httpd):
    # Debian's, in whose sysroot its package of the target puts it; not what a toolchain manager puts first.
    rustc = next((path for path in ("/usr/bin/rustc", shutil.which("rustc")) if path and os.path.exists(path)), None)
    target = rustc and subprocess.run([rustc, "--print", "target-libdir", "--target", "wasm32-unknown-unknown"],
                                      capture_output=True, text=True).stdout.strip()
    if not target or not os.path.isdir(target):
        pytest.skip("no Rust for wasm32-unknown-unknown (Debian: rustc libstd-rust-dev-wasm32)")
    folder = follow("rust", commands="""
        mkdir pkg
        %s --edition 2021 --crate-type cdylib --target wasm32-unknown-unknown -C opt-level=s -C panic=abort -C strip=symbols \\
            -o pkg/app_bg.wasm %s/rust_lib.rs
        cp %s/rust_app.js pkg/app.js
        """ % (rustc, STANDINS, STANDINS) + compress("pkg/app_bg.wasm", "pkg/app.js"))
    upload(httpd, folder, "rust", r"^(\.htaccess|index\.html|pkg/.*)$")


def test_rust_is_delivered(httpd, rust):
    for name, types in (("app_bg.wasm", WASM), ("app.js", SCRIPT)):
        assert check_delivery(httpd, "/rust/pkg/" + name, types).get("Cache-Control") == "no-cache"


@pytest.fixture(scope="module")
def packed_rust(httpd, rust, tool):
    pack(httpd, "rust", "packed-rust", tool)


def test_rust_packed_runs(browser, httpd, packed_rust):
    check_packed(browser, httpd, "rust", "Hello, visitor, from Rust.")


def test_rust_runs(browser, httpd, rust):
    check_page(browser, httpd, "/rust/", "Hello, visitor, from Rust.", "rust")


def test_rust_by_wasm_bindgen_itself(browser, httpd):
    if not shutil.which("cargo") or not shutil.which("wasm-bindgen"):
        pytest.skip("no wasm-bindgen, which is not Debian's")
    version = subprocess.run(["wasm-bindgen", "--version"], check=True, capture_output=True, text=True).stdout.split()[1]
    name = "rust-real-" + browser.name
    pin = "sed -i 's/^wasm-bindgen = .*/wasm-bindgen = \"=%s\"/' Cargo.toml\n" % version
    upload(httpd, follow("rust", name, pin + steps("rust")), name, r"^(\.htaccess|index\.html|pkg/.*)$")
    check_page(browser, httpd, "/%s/" % name, "Hello, visitor, from Rust.", "rust-real")


# ---- emscripten --------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def emscripten(httpd):
    if not shutil.which("clang"):
        pytest.skip("no clang (Debian: clang lld)")
    folder = follow("emscripten", commands="""
        clang --target=wasm32 -O2 -nostdlib -Wl,--no-entry,--export=__wasm_call_ctors -o app.wasm \\
            %s/emscripten_app.c
        cp %s/emscripten_app.js app.js
        """ % (STANDINS, STANDINS) + compress("app.wasm", "app.js"))
    upload(httpd, folder, "emscripten", r"^(\.htaccess|index\.html|app\.wasm.*|app\.js.*)$")
    httpd.expect_log("is larger than the raw file", optional=True)


def test_emscripten_is_delivered(httpd, emscripten):
    for name, types in (("app.wasm", WASM), ("app.js", SCRIPT)):
        assert check_delivery(httpd, "/emscripten/" + name, types).get("Cache-Control") == "no-cache"


@pytest.fixture(scope="module")
def packed_emscripten(httpd, emscripten, tool):
    pack(httpd, "emscripten", "packed-emscripten", tool)


def test_emscripten_packed_runs(browser, httpd, packed_emscripten):
    check_packed(browser, httpd, "emscripten", "Hello from C, by emscripten.")


def test_emscripten_runs(browser, httpd, emscripten):
    check_page(browser, httpd, "/emscripten/", "Hello from C, by emscripten.", "emscripten")


def test_emscripten_itself(browser, httpd):
    if not shutil.which("emcc"):
        pytest.skip("no emcc (Debian: emscripten, which is 0.8 GB)")
    name = "emscripten-real-" + browser.name
    upload(httpd, follow("emscripten", name), name, r"^(\.htaccess|index\.html|app\.wasm.*|app\.js.*)$")
    check_page(browser, httpd, "/%s/" % name, "Hello from C, by emscripten.", "emscripten-real")


# ---- Unity -------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def unity(httpd):
    folder = copy_of("unity", "unity")
    os.mkdir(os.path.join(folder, "Build"))
    shutil.copy(os.path.join(STANDINS, "unity_loader.js"), os.path.join(folder, "Build", "game.loader.js"))
    with open(os.path.join(STANDINS, "unity_framework.js"), "rb") as framework:
        files = {"framework.js": framework.read(), "data": b"The answer is", "wasm": module(pad=10000)}
    for name, data in files.items():
        path = os.path.join(folder, "Build", "game." + name)
        with open(path, "wb") as out:
            out.write(data)
        subprocess.run(["brotli", "-q", "11", "--rm", path], check=True)
    for name in ("unity", "vendor-unity"):
        upload(httpd, folder, name, r"^(\.htaccess|index\.html|Build/.*)$")
    shutil.copy(os.path.join(folder, "vendor.htaccess"), httpd.path("docroot/vendor-unity/Build/.htaccess"))
    os.chmod(httpd.path("docroot/vendor-unity/Build/.htaccess"), 0o644)
    return files


def test_unity_is_delivered(httpd, unity):
    for place in ("unity", "vendor-unity"):
        for name, types in (("wasm", WASM), ("framework.js", SCRIPT + ["application/javascript"]),
                            ("data", ["application/octet-stream"])):
            answer = httpd.get("/%s/Build/game.%s.br" % (place, name), OFFERED)
            assert answer.status == 200 and answer.get("Content-Type") in types
            assert answer.get("Content-Encoding") == "br" and decoded(answer) == unity[name]
            assert answer.get("Cache-Control") == "no-cache"
            assert httpd.get("/%s/Build/game.%s.br" % (place, name),
                             OFFERED + [("If-None-Match", answer.get("ETag"))]).status == 304


@pytest.mark.parametrize("place", ["unity", "vendor-unity"])
def test_unity_runs(browser, httpd, unity, place):
    browser.open("http://127.0.0.1:%d/%s/" % (httpd.port, place))
    said = browser.wait("return document.getElementById('unity-canvas').dataset.said || "
                        "document.getElementById('problem').textContent", "the game")
    assert said == "The answer is 42"
    assert browser.count("#loading") == 0
    browser.shot("guide-%s-%s" % (place, browser.name))


# ---- Blazor ------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def blazor(httpd):
    folder = copy_of("blazor", "blazor")
    # "If the app does not lie at the root of its host", says the README.
    for name, old, new in (("index.html", '<base href="/">', '<base href="/blazor/">'),
                           (".htaccess", " index.html [L]", " /blazor/index.html [L]")):
        path = os.path.join(folder, name)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        assert text.count(old) == 1
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace(old, new))
    framework = os.path.join(folder, "_framework")
    os.mkdir(framework)
    files = {"dotnet.native.y6qj3zvvho.wasm": module(pad=20000), "App.wasm": module(7, pad=5000), "icudt.dat": b"data " * 1000}
    digest = {name: "sha256-" + base64.b64encode(hashlib.sha256(data).digest()).decode() for name, data in files.items()}
    with open(os.path.join(STANDINS, "blazor_start.js"), "rb") as start:
        files["blazor.webassembly.js"] = start.read()
    native = "dotnet.native.y6qj3zvvho.wasm"
    files["blazor.boot.json"] = json.dumps({
        "fingerprinted": [native], "resources": {"wasmNative": {native: digest[native]},
                                                 "assembly": {name: digest[name] for name in ("App.wasm", "icudt.dat")}},
    }).encode()
    for name, data in files.items():
        path = os.path.join(framework, name)
        with open(path, "wb") as out:
            out.write(data)
        # As `dotnet publish` does it: both forms beside each file.
        subprocess.run(["brotli", "-q", "11", path], check=True)
        subprocess.run(["gzip", "-9", "-k", "-n", path], check=True)
    upload(httpd, folder, "blazor", r"^(\.htaccess|index\.html|_framework/.*)$")
    return files


def test_blazor_is_delivered(httpd, blazor):
    for name in blazor:
        types = WASM if name.endswith(".wasm") else SCRIPT if name.endswith(".js") else [
            "application/json" if name.endswith(".json") else "application/octet-stream"]
        answer = check_delivery(httpd, "/blazor/_framework/" + name, types)
        immutable = "public, max-age=31536000, immutable"
        assert answer.get("Cache-Control") == (immutable if "y6qj3zvvho" in name else "no-cache")


def test_blazor_runs_at_every_address_of_its_own(browser, httpd, blazor):
    log = accesslog.AccessLog(httpd)
    for address in ("", "counter", "a/b"):
        check_page(browser, httpd, "/blazor/" + address, "42 at /%s with " % address, "blazor")
    for name, statuses in (("App.wasm", [200, 304, 304]), ("dotnet.native.y6qj3zvvho.wasm", [200])):
        asked = log.rows(lambda path, name=name: path == "/blazor/_framework/" + name, len(statuses))
        assert [row[1] for row in asked] == statuses
    assert httpd.get("/blazor/_framework/missing.wasm").status == 404
