# SPDX-License-Identifier: Apache-2.0
"""The loader (conf/loader/wasmserve-loader.js) as the module serves it, in real browsers: what arrives, in which form and
how often, what is shown meanwhile, and what happens when it does not arrive."""
import gzip
import json
import re
import subprocess

import pytest

import accesslog
import browsers
import slow_backend as backends
from browsers import wait_for
from modules import hot_module, module

CONFIG = """
DirectoryIndex index.html
# Longer than the tests: a connection that the server has closed and the browser has not delays the stop.
KeepAliveTimeout 300
<Location "/wasmserve-loader.js">
    SetHandler wasmserve-loader
</Location>
<Directory "${docroot}">
    WasmServe On
    Header set Content-Security-Policy "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self' http://127.0.0.1:%(backend)d"
    <Files "strict.html">
        Header set Content-Security-Policy "default-src 'self'"
    </Files>
</Directory>
<LocationMatch "/slow[^/]*\\.wasm$">
    SetOutputFilter RATE_LIMIT
    SetEnv rate-limit 256
</LocationMatch>
ProxyPass "/backend/" "http://127.0.0.1:%(backend)d/" disablereuse=on
"""
PAGE = """<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>%s</title>
<link rel="icon" href="data:,">
<script type="module" src="/page.js"></script>
<h1>An app</h1>
<div id="loading"></div>
<p id="out"></p>
</html>
"""
SCRIPT = """
import * as loader from "/wasmserve-loader.js";
window.loader = loader;
window.go = (url, options = {}, imports = {}) => {
  window.errors = [];
  window.seen = [];
  window.outcome = null;
  loader.instantiate(url, imports, {
    show: "#loading",
    onProgress: (progress) => window.seen.push(progress),
    onError: (error) => window.errors.push({ kind: error.kind, message: error.message, advice: error.advice }),
    ...options,
  }).then(
    ({ instance }) => { window.outcome = document.getElementById("out").textContent = instance.exports.answer(); },
    (error) => { window.outcome = error.kind ?? error.name; });
};
// A page with this policy evaluates no text, but it imports files; and what runs in one is the page's own.
window.callFile = async (url, text) => {
  try {
    const { default: body } = await import(url);
    return JSON.stringify({ value: (await body(...JSON.parse(text))) ?? null });
  } catch (error) {
    return JSON.stringify({ error: `${error.stack ?? error} ${error.advice ?? ""}` });
  }
};
window.ready = true;
"""
WHEN = 1700000000
WASM = ("Content-Type", "application/wasm")


@pytest.fixture(scope="module")
def backend():
    server = backends.Backend()
    yield server
    server.close()


@pytest.fixture(scope="module")
def httpd(make_httpd, backend):
    def setup(server):
        server.write("docroot/page.js", SCRIPT)

    server = make_httpd(config=accesslog.CONFIG + CONFIG % {"backend": backend.port}, setup=setup,
                        modules=["log_config", "headers", "alias", "ratelimit", "proxy_http", "rewrite"])
    # httpd about the answers that the backend cuts, and about what is denied
    server.expect_log(r"AH01110|AH00898|AH01102|AH01630|AH10264|AH01839", optional=True)
    return server


class Site:
    """A folder of the server, with a page, that belongs to one test."""

    def __init__(self, httpd, folder):
        self.httpd = httpd
        self.path = "/" + folder + "/"
        self.calls = 0
        self.log = accesslog.AccessLog(httpd)
        self.write("index.html", PAGE % folder)

    def write(self, name, data, mtime=None):
        self.httpd.write("docroot" + self.path + name, data, mtime=mtime)

    def publish(self, name, data):
        """A file and its Brotli variant."""
        self.write(name, data, WHEN)
        self.write(name + ".br", subprocess.run(["brotli", "-q", "5", "-c"], input=data, check=True,
                                                capture_output=True).stdout, WHEN)

    def url(self, name=""):
        return "http://127.0.0.1:%d%s%s" % (self.httpd.port, self.path, name)

    def open(self, browser, name=""):
        browser.open(self.url(name))
        browser.wait("return window.ready", "the page's script")

    def call(self, browser, body, *arguments):
        """Runs the body of an async function in the page: what it returns. What it throws fails the test."""
        self.calls += 1
        name = "call-%d.js" % self.calls
        self.write(name, "export default async function () {\n%s\n}\n" % body)
        text = browser.run_async("""
            const done = arguments[arguments.length - 1];
            window.callFile(arguments[0], arguments[1]).then(done, (error) => done(JSON.stringify({ error: String(error) })));
            """, self.path + name, json.dumps(arguments))
        said = json.loads(text)
        assert "error" not in said, "%s: %s" % (browser.name, said["error"])
        return said["value"]

    def requests(self, name, count):
        """(status, bytes, coding) of each request for a file so far, of which there are to be at least `count`."""
        return [tuple(row[1:]) for row in self.log.rows(lambda path: path == self.path + name, count)]


@pytest.fixture
def site(httpd, folder):
    return Site(httpd, folder)


def outcome(browser):
    return browser.wait("return window.outcome", "the app")


# ---- what arrives ------------------------------------------------------------------------------------------

def test_first_load_then_none_for_a_hashed_name(browser, site):
    data = module(pad=300000)
    site.publish("app.0123456789abcdef.wasm", data)
    site.open(browser)
    browser.run("go('app.0123456789abcdef.wasm')")
    assert outcome(browser) == 42
    assert [(status, coding) for status, _, coding in site.requests("app.0123456789abcdef.wasm", 1)] == [(200, "br")]
    last = browser.run("return seen[seen.length - 1]")
    assert (last["loaded"], last["total"], last["percent"], last["done"]) == (len(data), len(data), 100, True)
    site.open(browser)
    browser.run("go('app.0123456789abcdef.wasm')")
    assert outcome(browser) == 42
    assert len(site.requests("app.0123456789abcdef.wasm", 1)) == 1, "asked again for what never changes"


def test_a_repeat_load_of_any_other_name_is_a_304(browser, site):
    site.publish("app.wasm", module(pad=300000))
    for _ in range(2):
        site.open(browser)
        browser.run("go('app.wasm')")
        assert outcome(browser) == 42
    (first, size, coding), (again, nothing, _) = site.requests("app.wasm", 2)
    assert (first, coding, again, nothing) == (200, "br", 304, 0) and 100000 < size < 200000


def test_after_a_deployment_only_the_new_file_is_fetched(browser, site):
    names = ["app.%016x.wasm" % number for number in (0x1111111111111111, 0x2222222222222222)]
    for name, answer in zip(names, (1, 2)):
        site.publish(name, module(answer, pad=100000))
        site.write("app.json", json.dumps({"url": name}))
        site.open(browser)
        browser.run("""fetch('app.json', { cache: 'no-cache' }).then((answer) => answer.json())
                         .then(({ url }) => go(url))""")
        assert outcome(browser) == answer
    assert [[status for status, _, _ in site.requests(name, 1)] for name in names] == [[200], [200]]


def test_progress_goes_from_0_to_100_in_steps_and_is_shown(browser, site):
    data = module(pad=800000)
    site.publish("slow.wasm", data)
    site.open(browser)
    browser.run("""
        window.shown = [];
        const place = document.getElementById("loading");
        new MutationObserver(() => {
          const bar = place.querySelector("[role=progressbar]");
          if (bar) window.shown.push([bar.getAttribute("aria-valuenow"), bar.getAttribute("aria-valuetext")]);
        }).observe(place, { subtree: true, childList: true, attributes: true });
        go("slow.wasm");""")
    browser.wait("return seen.some((progress) => progress.percent >= 25)", "a quarter of it")
    browser.shot("loader-progress-" + browser.name)
    bar = browser.run("""
        const bar = document.querySelector("#loading [role=progressbar]");
        return [bar.getAttribute("aria-label"), bar.getAttribute("aria-valuemin"), bar.getAttribute("aria-valuemax")]""")
    assert bar == ["Loading the app", "0", "100"]
    assert outcome(browser) == 42
    seen = browser.run("return seen.filter((progress) => progress.headers)")
    loaded = [progress["loaded"] for progress in seen]
    percents = [progress["percent"] for progress in seen]
    assert loaded == sorted(loaded) and percents == sorted(percents)
    assert (percents[0], percents[-1]) == (0, 100) and {progress["total"] for progress in seen} == {len(data)}
    assert len(set(percents)) >= 5, "0, 100 and nothing much between them: %r" % percents
    shown = [int(now) for now, _ in browser.run("return shown") if now]
    assert shown == sorted(shown) and shown[0] == 0 and shown[-1] == 100 and len(set(shown)) >= 5
    assert any(re.search(r"\d+ % of 0\.8 MB", said or "") for _, said in browser.run("return shown"))
    assert browser.count(".wasmserve") == 0, "the box stays"
    assert [coding for _, _, coding in site.requests("slow.wasm", 1)] == ["br"]


def test_many_callers_share_one_load(browser, site):
    site.publish("slow.wasm", module(pad=400000))
    site.open(browser)
    got = site.call(browser, """
        const controller = new AbortController();
        const early = [1, 2].map(() => loader.load("slow.wasm"));
        const quitter = loader.load("slow.wasm", { signal: controller.signal }).catch((error) => error.name);
        const reached = new Promise((resolve) => {
          loader.load("slow.wasm", { onProgress: ({ percent }) => { if (percent > 20) resolve(); } });
        });
        await reached;
        controller.abort();
        let first = null;
        const late = loader.instantiate("slow.wasm", {}, { onProgress: (progress) => { first ??= progress; } });
        const modules = await Promise.all(early);
        const { module, instance } = await late;
        const later = await loader.load("slow.wasm");
        return [await quitter, new Set([...modules, module, later]).size, instance.exports.answer(), first.percent > 20];
        """)
    assert got == ["AbortError", 1, 42, True]
    assert [status for status, _, _ in site.requests("slow.wasm", 1)] == [200]


def test_the_last_one_to_abort_ends_the_download(browser, site, backend):
    path = site.path + "app.wasm"
    backend.say_slowly(path, backends.answer(module(pad=20000000), [WASM, ("Access-Control-Allow-Origin", "*")]))
    site.open(browser)
    got = site.call(browser, """
        const [url] = arguments;
        const controllers = [new AbortController(), new AbortController()];
        let loads;
        await new Promise((resolve) => {
          loads = controllers.map(({ signal }) => loader.load(url, { signal, show: "#loading",
            onProgress: ({ loaded }) => { if (loaded > 0) resolve(); } }).catch((error) => error));
        });
        controllers[0].abort();
        controllers[1].abort(new Error("enough"));
        const errors = await Promise.all(loads);
        const refused = await loader.load(url, { signal: controllers[0].signal }).catch((error) => error.name);
        return [errors[0].name, errors[1].message, refused, document.querySelectorAll(".wasmserve").length];""",
        "http://127.0.0.1:%d%s" % (backend.port, path))
    assert got == ["AbortError", "enough", "AbortError", 0]
    wait_for(lambda: path in backend.given_up, "the browser to hang up")


def test_prefetch_has_it_there_before_it_is_wanted(browser, site):
    site.publish("app.wasm", module(pad=100000))
    site.open(browser)
    assert site.call(browser, "return [await loader.prefetch('missing.wasm'), await loader.prefetch('app.wasm')]") == [False, True]
    assert len(site.requests("app.wasm", 1)) == 1
    browser.run("go('app.wasm')")
    assert outcome(browser) == 42
    assert len(site.requests("app.wasm", 1)) == 1
    assert site.call(browser, """
        Object.defineProperty(navigator, "connection", { value: { saveData: true }, configurable: true });
        return loader.prefetch("another.wasm")""") is False
    assert site.requests("another.wasm", 0) == []


def test_chromium_keeps_the_compiled_code(site):
    """Only the original response lets Chromium find the code of an earlier visit; that is why the loader counts on a
    clone. The code is on disk, in the profile. With its thresholds lowered, a second of computing is enough for some."""
    reason = browsers.missing("chromium")
    if reason:
        pytest.skip(reason)
    for number in (1, 2, 3):
        site.write("hot%d.0123456789abcdef.wasm" % number, hot_module(number), WHEN)
    browser = browsers.Chromium("--js-flags=--wasm-caching-threshold=1 --wasm-caching-hard-threshold=1 "
                                "--wasm-caching-timeout-ms=1")
    compute = """
        const { exports } = await WebAssembly.instantiate(module);
        for (let round = 0; round < 20; round++) {
          exports.spin(1000000);
          await new Promise((resolve) => setTimeout(resolve, 10));
        }"""
    try:
        site.open(browser)
        site.call(browser, """
            const answer = await fetch("hot1.0123456789abcdef.wasm");
            const copy = new Response(answer.body, { headers: { "Content-Type": "application/wasm" } });
            const module = await WebAssembly.compileStreaming(copy);""" + compute)
        site.call(browser, "const module = await loader.load('hot2.0123456789abcdef.wasm');" + compute)
        site.call(browser, "const module = await loader.load('hot3.0123456789abcdef.wasm', { onProgress() {} });" + compute)
        wait_for(lambda: len(browser.kept_code()) >= 2, "the code of two modules on disk")
        names = sorted(address.rsplit("/", 1)[1].split(".")[0] for address in browser.kept_code())
        assert names == ["hot2", "hot3"], "hot1 came from a response that a script had made"
    finally:
        browser.close()


# ---- how large it is ---------------------------------------------------------------------------------------

def test_what_counts_as_the_raw_size(browser, site):
    site.write("a.json", b"[1]")
    site.open(browser)
    got = site.call(browser, """
        const made = (headers) => loader.rawSize(new Response("", { headers }));
        const own = await fetch("a.json");
        return [made({ "X-Uncompressed-Content-Length": "123" }), made({ "Content-Length": "123" }),
                made({ "X-Uncompressed-Content-Length": "-1" }), made({ "X-Uncompressed-Content-Length": "1e3" }),
                made({}), loader.rawSize(own)];""")
    assert got == [123, None, None, None, None, 3]


def test_progress_without_a_known_size_shows_no_figure(browser, site, backend):
    data = module(pad=100000)
    backend.say(site.path + "app.wasm", backends.answer(gzip.compress(data), [WASM, ("Content-Encoding", "gzip")]))
    site.open(browser)
    browser.run("""
        window.shown = [];
        const place = document.getElementById("loading");
        new MutationObserver(() => {
          const box = place.querySelector(".wasmserve");
          if (box) window.shown.push([box.dataset.state, box.firstChild.getAttribute("aria-valuenow")]);
        }).observe(place, { subtree: true, childList: true, attributes: true });
        go(arguments[0]);""", "/backend" + site.path + "app.wasm")
    assert outcome(browser) == 42
    seen = browser.run("return seen.filter((progress) => progress.headers && !progress.done)")
    assert seen and {(progress["total"], progress["percent"]) for progress in seen} == {(None, None)}
    shown = browser.run("return shown")
    assert ["unknown", None] in shown and {now for state, now in shown if state == "unknown"} == {None}


def test_an_announcement_that_is_wrong_is_dropped(browser, site, backend):
    data = module(pad=2000000)
    backend.say(site.path + "app.wasm", backends.answer(data, [WASM, ("X-Uncompressed-Content-Length", "100000")]))
    site.open(browser)
    browser.run("go(arguments[0])", "/backend" + site.path + "app.wasm")
    assert outcome(browser) == 42
    seen = browser.run("return seen")
    assert all(progress["percent"] is None or progress["percent"] <= 100 for progress in seen)
    assert all(progress["total"] is None for progress in seen if progress["loaded"] > 100000 and not progress["done"])


def test_from_another_site(browser, site, backend):
    """The size is known where that site exposes the header, and not guessed where it does not; without CORS there is an
    error that says so, and trying again works when it is there."""
    data = module(pad=100000)
    allow = ("Access-Control-Allow-Origin", "*")
    size = ("X-Uncompressed-Content-Length", str(len(data)))
    path = site.path + "app.wasm"
    coded = gzip.compress(data)
    backend.say(path, backends.answer(coded, [WASM, ("Content-Encoding", "gzip"), size]),
                backends.answer(coded, [WASM, ("Content-Encoding", "gzip"), size, allow]))
    site.open(browser)
    url = "http://127.0.0.1:%d%s" % (backend.port, path)
    browser.run("go(arguments[0])", url)
    browser.wait("return errors.length", "the error")
    assert browser.run("return errors[0].kind") == "offline" and "Access-Control" in browser.text(".wasmserve-error")
    browser.click(".wasmserve-retry")
    assert outcome(browser) == 42
    seen = browser.run("return seen.filter((progress) => progress.headers && !progress.done)")
    assert seen and {progress["total"] for progress in seen} == {None}
    backend.say(path + "?2", backends.answer(coded, [WASM, ("Content-Encoding", "gzip"), size, allow,
                                                     ("Access-Control-Expose-Headers", size[0])]))
    browser.run("go(arguments[0])", url + "?2")
    assert outcome(browser) == 42
    assert {progress["total"] for progress in browser.run("return seen.filter((p) => p.headers)")} == {len(data)}


# ---- what goes wrong ---------------------------------------------------------------------------------------

GOOD = module(pad=100000)
CUT = module(pad=400000)


def broken_missing(site):
    return site.path + "app.wasm"


def broken_page(site):
    site.write(".htaccess", "FallbackResource %sindex.html\n" % site.path)
    return site.path + "app.wasm"


def broken_type(site):
    site.write("app.wasm", GOOD)
    site.write(".htaccess", "WasmServe Off\n<Files app.wasm>\nForceType application/octet-stream\n</Files>\n")
    return site.path + "app.wasm"


def broken_parameter(site):
    site.write("app.wasm", GOOD)
    site.write(".htaccess", 'WasmServe Off\n<Files app.wasm>\nForceType "application/wasm; charset=utf-8"\n</Files>\n')
    return site.path + "app.wasm"


def broken_refused(site):
    site.write("app.wasm", GOOD)
    site.write(".htaccess", '<Files "app.wasm">\nRequire all denied\n</Files>\n')
    return site.path + "app.wasm"


def broken_server(site):
    site.write(".htaccess", "Redirect 503 %sapp.wasm\n" % site.path)
    return site.path + "app.wasm"


def broken_coded(site):
    site.write("app.wasm", gzip.compress(GOOD))
    return site.path + "app.wasm"


def broken_whole(site):
    site.write("app.wasm", GOOD[:30])
    return site.path + "app.wasm"


def broken_empty(site):
    site.write("app.wasm", b"")
    return site.path + "app.wasm"


def broken_html(site):
    site.write("app.wasm", "\n<!DOCTYPE html><title>Not found</title>")
    return site.path + "app.wasm"


def broken_import(site):
    site.write("app.wasm", module(imports=[("env", "tell"), ("env", "ask")]))
    return site.path + "app.wasm"


def broken_start(site):
    site.write("app.wasm", module(traps=True))
    return site.path + "app.wasm"


FAILURES = [
    # how it is broken, the kind, what must be read of what happened, and of what to do
    (broken_missing, "missing", r"/app\.wasm is not on the server \(404\)", "not uploaded"),
    (broken_page, "page", r"A web page came in place of \S+/app\.wasm", "FallbackResource"),
    (broken_type, "type", r'came as "application/octet-stream"', "AddType application/wasm .wasm"),
    (broken_parameter, "type", r'came as "application/wasm; ?charset=utf-8"', "no AddCharset"),
    (broken_refused, "refused", r"does not give out \S+ \(403\)", "Require"),
    (broken_server, "server", r"answered 503 for", "error log"),
    (broken_coded, "coded", r"arrived compressed", "Content-Encoding"),
    (broken_whole, "bad", r"is no WebAssembly module that this browser can run: \S", "upload it in binary mode"),
    (broken_empty, "bad", r"is no WebAssembly module", "damaged"),
    (broken_html, "page", r"A web page came in place", "except .wasm from the rule"),
    (broken_import, "import", r"missing: env\.tell, env\.ask", "from the same build"),
]


def fail_and_retry(browser, site, url, kind, what, advice, repair, shot):
    site.open(browser)
    browser.run("go(arguments[0])", url)
    browser.wait("return document.querySelector('.wasmserve[data-state=failed]')", "the error")
    error, = browser.run("return errors")
    assert error["kind"] == kind, error
    assert browser.run("return document.querySelector('.wasmserve').dataset.kind") == kind
    shown = browser.text("#loading [role=alert]")
    assert error["message"] in shown and error["advice"] in shown
    assert re.search(what, error["message"]) and advice in error["advice"], error
    assert browser.text(".wasmserve-retry") == "Try again" and not browser.text(".wasmserve-bar")
    assert browser.run("return window.outcome") is None, "it does not wait for the visitor"
    browser.shot("loader-%s-%s" % (shot, browser.name))
    repair()
    browser.click(".wasmserve-retry")
    assert outcome(browser) == 42
    assert browser.count(".wasmserve") == 0


@pytest.mark.parametrize("broken, kind, what, advice", FAILURES, ids=[row[0].__name__[7:] for row in FAILURES])
def test_a_failure_says_what_to_do_and_can_be_retried(browser, site, broken, kind, what, advice):
    def repair():
        site.write(".htaccess", "# nothing any more\n")
        site.write("app.wasm", GOOD)

    url = broken(site)
    fail_and_retry(browser, site, url, kind, what, advice, repair, broken.__name__[7:])


@pytest.mark.parametrize("how", ["length", "chunked", "coded"])
def test_a_download_that_is_cut(browser, site, backend, how):
    whole = backends.answer(CUT, [WASM])
    coded = gzip.compress(CUT)
    cut = {
        "length": backends.answer(CUT[:150000], [WASM], length=len(CUT)),
        "chunked": b"HTTP/1.1 200 OK\r\nContent-Type: application/wasm\r\nTransfer-Encoding: chunked\r\n\r\n"
                   b"%x\r\n%s" % (len(CUT), CUT[:150000]),
        "coded": backends.answer(coded[:150000], [WASM, ("Content-Encoding", "gzip"),
                                                  ("X-Uncompressed-Content-Length", str(len(CUT)))], length=len(coded)),
    }[how]
    backend.say(site.path + "app.wasm", cut, whole)
    url = "/backend" + site.path + "app.wasm"
    fail_and_retry(browser, site, url, "cut", r"broke off after", "Try again", lambda: None, "cut-" + how)


def test_no_answer(browser, site, backend):
    def repair():
        backend.say(site.path + "app.wasm", backends.answer(GOOD, [WASM, ("Access-Control-Allow-Origin", "*")]))

    backend.say(site.path + "app.wasm", b"")
    url = "http://127.0.0.1:%d%sapp.wasm" % (backend.port, site.path)
    fail_and_retry(browser, site, url, "offline", r"No answer for http://127", "Check the connection", repair, "offline")


def test_a_page_that_forbids_webassembly_offers_no_retry(browser, site):
    site.write("app.wasm", GOOD)
    site.write("strict.html", PAGE % "strict")
    site.open(browser, "strict.html")
    browser.run("go('app.wasm')")
    assert outcome(browser) == "policy"
    assert "wasm-unsafe-eval" in browser.text(".wasmserve-error") and browser.count(".wasmserve-retry") == 0
    browser.shot("loader-policy-" + browser.name)


def test_without_a_place_to_show_it_a_failure_rejects_and_asking_again_tries_again(browser, site):
    site.write("app.wasm", module(traps=True))
    site.open(browser)
    script = """
        const fails = async (url, options = {}) => {
          try { await loader.instantiate(url, {}, options); } catch (error) {
            return [error instanceof loader.WasmLoadError, error.kind, error.status ?? null, error.url.endsWith(url)];
          }
        };"""
    assert site.call(browser, script + "return fails('missing.wasm')") == [True, "missing", 404, True]
    site.write("missing.wasm", GOOD)
    assert site.call(browser, "return (await loader.instantiate('missing.wasm')).instance.exports.answer()") == 42
    assert site.call(browser, script + "return fails('app.wasm')") == [True, "start", None, True]
    assert site.call(browser, script + """
        return fails("missing.wasm", { request: { integrity: "sha256-AAAA" } })""") is None, "it was there already"
    site.write("other.wasm", GOOD)
    assert site.call(browser, script + """
        return fails("other.wasm", { request: { integrity: "sha256-%s" } })""" % ("A" * 43 + "=")) == [
            True, "integrity", None, True]
    assert site.call(browser, """
        return loader.load("other.wasm", { start() { throw new RangeError("could not allocate memory"); } })
          .catch((error) => [error.kind, error.cause.message])""") == ["memory", "could not allocate memory"]
    assert site.call(browser, """
        const { compileStreaming } = WebAssembly;
        delete WebAssembly.compileStreaming;
        try { return await loader.load("third.wasm").catch((error) => [error.kind, error.retryable]); }
        finally { WebAssembly.compileStreaming = compileStreaming; }""") == ["unsupported", False]


def test_an_error_of_the_pages_own_keeps_nobody_from_the_app(browser, site):
    site.write("app.wasm", GOOD)
    site.open(browser)
    assert site.call(browser, """
        const told = [];
        addEventListener("error", (event) => { told.push(event.message); event.preventDefault(); });
        const faulty = loader.load("app.wasm", { onProgress() { throw new Error("mine"); } });
        const seen = [];
        const sound = loader.load("app.wasm", { onProgress: (progress) => seen.push(progress) });
        const lost = await loader.load("app.wasm", { show: "#nowhere" }).catch((error) => error.message);
        return [await faulty === await sound, seen[seen.length - 1].percent, told.length > 0 && told.every((said) =>
          said.includes("mine")), lost.includes("#nowhere")];""") == [True, 100, True, True]


def test_waiting_for_a_retry_ends_with_an_abort(browser, site):
    site.open(browser)
    assert site.call(browser, """
        const controller = new AbortController();
        const load = loader.load("missing.wasm", { show: "#loading", signal: controller.signal, onError() {
          setTimeout(() => controller.abort(), 0);
        } });
        return [await load.catch((error) => error.name), document.querySelectorAll(".wasmserve").length];
        """) == ["AbortError", 0]


def test_the_texts_can_be_those_of_another_language(browser, site):
    site.open(browser)
    assert site.call(browser, """
        loader.texts.retry = "Nochmal";
        loader.texts.errors.missing = ({ name }) => [`${name} fehlt.`, "Bitte neu laden."];
        loader.load("missing.wasm", { show: document.getElementById("loading") });
        while (!document.querySelector(".wasmserve-retry")) await new Promise((resolve) => setTimeout(resolve, 10));
        return document.querySelector("[role=alert]").innerText.split("\\n").filter((line) => line);
        """) == [site.path + "missing.wasm fehlt.", "Bitte neu laden.", "Nochmal"]


# ---- the glue of toolchains --------------------------------------------------------------------------------

GLUE = """
globalThis.Go = class {
  constructor() { this.argv = ["js"]; this.env = {}; this.importObject = { gojs: { "runtime.wasmExit": () => {} } }; }
  exit(code) { console.warn(code); }
  async run(instance) {
    globalThis.ran = { argv: this.argv, env: this.env, answer: instance.exports.answer() };
    if (this.env.CODE) this.exit(Number(this.env.CODE));
    return this.env.TINY ? Number(this.env.TINY) : undefined;
  }
};
"""


def test_go_gets_arguments_and_environment_and_gives_its_exit_code(browser, site):
    site.write("app.wasm", module(imports=[("gojs", "runtime.wasmExit")]))
    site.write("wasm_exec.js", GLUE)
    site.open(browser)
    run = "const { exited } = await loader.runGo('app.wasm', arguments[0] ?? {}); return [await exited, globalThis.ran]"
    assert site.call(browser, run) == [0, {"argv": ["app.wasm"], "env": {}, "answer": 42}]
    assert site.call(browser, run, {"argv": ["a", "b"], "env": {"CODE": "3"}}) == [
        3, {"argv": ["a", "b"], "env": {"CODE": "3"}, "answer": 42}]
    assert site.call(browser, run, {"env": {"TINY": "4"}})[0] == 4
    assert [len(site.requests(name, 1)) for name in ("app.wasm", "wasm_exec.js")] == [1, 1]


def test_go_with_glue_that_is_missing_or_of_another_version(browser, site):
    site.write("app.wasm", module(imports=[("gojs", "runtime.wasmExit"), ("gojs", "runtime.new")]))
    site.open(browser)
    browser.run("""
        window.outcome = null;
        loader.runGo("app.wasm", { show: "#loading" })
          .then(({ exited }) => exited).then((code) => { window.outcome = "exit " + code; });""")
    browser.wait("return document.querySelector('.wasmserve[data-kind=glue]')", "the error")
    assert site.path + "wasm_exec.js did not load" in browser.text(".wasmserve-error")
    browser.shot("loader-glue-" + browser.name)
    site.write("wasm_exec.js", GLUE)
    browser.click(".wasmserve-retry")
    browser.wait("return document.querySelector('.wasmserve[data-kind=import]')", "the next error")
    said = browser.text(".wasmserve-error")
    assert "missing: gojs.runtime.new" in said and "of the very version that built the app" in said
    site.write("app.wasm", module(imports=[("gojs", "runtime.wasmExit")]))
    browser.click(".wasmserve-retry")
    assert outcome(browser) == "exit 0"


def test_emscripten_gets_instance_and_module(browser, site):
    site.write("app.wasm", module(imports=[("env", "tell")]))
    site.open(browser)
    assert site.call(browser, """
        const hook = loader.emscripten("app.wasm", { show: "#loading" });
        const [instance, module] = await new Promise((resolve) => {
          const exports = hook({ env: { tell() {} } }, (...received) => resolve(received));
          if (JSON.stringify(exports) !== "{}") throw new Error("not {}");
        });
        return [instance.exports.answer(), module instanceof WebAssembly.Module];""") == [42, True]
    assert site.call(browser, """
        return new Promise((resolve) => {
          loader.emscripten("missing.wasm", { onError: (error) => resolve(error.kind) })({}, () => resolve("received"));
        });""") == "missing"


def test_a_module_can_be_given_to_what_takes_one(browser, site):
    """As wasm-bindgen's init({ module_or_path }) does: it awaits the module and instantiates it with its own imports."""
    site.write("app.wasm", module())
    site.open(browser)
    assert site.call(browser, """
        const init = async ({ module_or_path }) => {
          const { exports } = await WebAssembly.instantiate(await module_or_path, {});
          return exports;
        };
        const exports = await loader.load("app.wasm", { start: (module) => init({ module_or_path: module }) });
        return [exports.answer(), (await init({ module_or_path: loader.load("app.wasm") })).answer()];""") == [42, 42]


def test_in_a_worker(browser, site):
    site.publish("app.wasm", module(pad=100000))
    site.write("worker.js", """
        import { instantiate } from "/wasmserve-loader.js";
        const seen = [];
        const { instance } = await instantiate("app.wasm", {}, { onProgress: ({ percent }) => seen.push(percent) });
        postMessage([instance.exports.answer(), seen[seen.length - 1]]);""")
    site.open(browser)
    assert site.call(browser, """
        const worker = new Worker("worker.js", { type: "module" });
        return new Promise((resolve, reject) => {
          worker.onmessage = ({ data }) => resolve(data);
          worker.onerror = (event) => reject(new Error(event.message));
        });""") == [42, 100]


# ---- how it looks ------------------------------------------------------------------------------------------

def test_the_page_can_style_it(browser, site):
    site.write("page.css", ".wasmserve-bar { height: 40px; } .wasmserve { --wasmserve-color: rgb(1, 2, 3); }")
    site.publish("slow.wasm", module(pad=1000000))
    site.open(browser)
    site.call(browser, """
        const sheet = Object.assign(document.createElement("link"), { rel: "stylesheet", href: "page.css" });
        await new Promise((resolve) => { sheet.onload = resolve; document.head.append(sheet); });
        go("slow.wasm");""")
    browser.wait("return seen.some((progress) => progress.percent >= 25)", "a quarter of it")
    assert browser.run("""
        return [getComputedStyle(document.querySelector(".wasmserve-bar")).height,
                getComputedStyle(document.querySelector(".wasmserve-fill")).backgroundColor]""") == ["40px", "rgb(1, 2, 3)"]
    assert outcome(browser) == 42


def test_an_error_fits_a_narrow_screen(browser, site):
    browser.narrow(360)
    try:
        site.open(browser)
        browser.run("go('app-with-a-long-name-that-goes-on-and-on-and-on-and-on-and-on-and-on-and-on.wasm')")
        browser.wait("return document.querySelector('.wasmserve[data-state=failed]')", "the error")
        width, room = browser.run("""
            const box = document.querySelector(".wasmserve");
            return [box.scrollWidth, box.clientWidth]""")
        browser.shot("loader-narrow-" + browser.name)
        assert width <= room
    finally:
        browser.narrow(None)
