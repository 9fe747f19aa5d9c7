# SPDX-License-Identifier: Apache-2.0
"""The demo in a real browser: the app really runs, the progress bar really moves, the figures are true, a repeat visit
costs nothing, guests answer, and the neighbour of those that misbehave is not disturbed."""
import json
import os
import re
import signal
import subprocess
import urllib.request

import pytest

from browsers import BUILD_DIR, PATIENCE, TOP, wait_for


def _interruptible():
    """What runs in the background may have been told to ignore SIGINT, which a shell cannot take back."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture(scope="module")
def demo():
    """The demo's address, while it runs. It is stopped as a user stops it."""
    process = subprocess.Popen([os.path.join(TOP, "conf", "demo", "run"), "0"], stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, start_new_session=True,
                               preexec_fn=_interruptible, env=dict(os.environ, BUILD_DIR=BUILD_DIR))
    said = []
    for line in process.stdout:
        said.append(line)
        if "Ctrl-C" in line:
            break
    found = re.search(r"http://127\.0\.0\.1:\d+", "".join(said))
    assert found and process.poll() is None, "the demo did not start:\n" + "".join(said)
    yield found.group(0)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(PATIENCE) == 130
    process.stdout.close()


@pytest.fixture(scope="module")
def manifest(demo):
    """What `wasmserve pack` says of the app, as the page's own packed.js reads it, and the list of guests."""
    read = {}
    for path in ("/app/manifest.json", "/demo.json"):
        with urllib.request.urlopen(demo + path, timeout=PATIENCE) as answer:
            read.update(json.load(answer))
    (unit,) = read["units"]
    now, before = [version["files"]["explorer.wasm"] for version in unit["versions"]]
    assert unit["versions"][0]["hash"] == unit["current"]
    sizes = {variant["coding"]: variant["size"] for variant in now["variants"]}
    deltas = {delta["coding"]: delta["size"] for delta in now["deltas"] if delta["dictionary"] == before["sha256"]}
    return {"app": {"url": "/app/" + now["name"], "sizes": dict(sizes, none=now["size"]), "deltas": deltas},
            "earlier": before, "guests": read["guests"]}


def text(browser, identity):
    return browser.text("#" + identity)


def drawn(browser):
    return int(browser.run("return document.getElementById('app-canvas').dataset.drawn || 0"))


def colours(browser):
    """How many different colours the picture has, and the share of the pixels that are black."""
    return browser.run("""
        const canvas = document.getElementById("app-canvas");
        const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        const seen = new Set();
        let black = 0;
        for (let i = 0; i < data.length; i += 4) {
          const colour = data[i] << 16 | data[i + 1] << 8 | data[i + 2];
          seen.add(colour);
          black += colour === 0;
        }
        return [seen.size, black / (data.length / 4)];""")


def complaints(browser):
    """The errors on the console, but not that a guest was answered with one, which is on purpose."""
    return [said for said in browser.complaints() if not re.search(r"/(spin|hungry) ", said)]


def open_page(browser, demo):
    browser.open(demo + "/")
    wait_for(lambda: drawn(browser) > 0, "the app's first picture; the page says: " + text(browser, "load-line"))


# An ear on the progress bar from its first moment on.
LISTEN = """
window.seenProgress = [];
document.addEventListener("DOMContentLoaded", () => {
  const place = document.getElementById("loading");
  if (place) {
    new MutationObserver((records) => {
      // One call may tell of several changes; each record has the value before it.
      for (const { oldValue } of records) if (oldValue !== null) window.seenProgress.push(Number(oldValue));
      const now = place.querySelector("[aria-valuenow]");
      if (now) window.seenProgress.push(Number(now.getAttribute("aria-valuenow")));
    }).observe(place, { subtree: true, attributeFilter: ["aria-valuenow"], attributeOldValue: true });
  }
});
"""


@pytest.fixture(scope="module")
def page(started, demo):
    browser = started("chromium")
    browser.complaints()  # of other pages
    stop = browser.before_every_page(LISTEN)
    open_page(browser, demo)
    yield browser
    stop()


def test_the_app_runs(page):
    number, black = colours(page)
    assert number > 200 and 0.05 < black < 0.6
    assert complaints(page) == []


def test_it_answers_the_visitor(page):
    before, picture = drawn(page), colours(page)
    page.keys("#app-canvas", "+")
    wait_for(lambda: drawn(page) > before, "a picture after a key")
    assert colours(page) != picture
    before = drawn(page)
    page.click("[data-command=home]")
    wait_for(lambda: drawn(page) > before, "a picture after a button")
    assert colours(page) == picture


def test_progress_went_up_in_steps_to_the_end(page):
    seen = page.run("return window.seenProgress")
    assert seen == sorted(seen) and (seen[0], seen[-1]) == (0, 100)
    assert len(set(seen)) >= 4, "0, 100 and nothing much between them: %r" % seen


def test_the_figures_are_true(page, manifest):
    sizes = manifest["app"]["sizes"]
    assert text(page, "fact-variant") == "br"
    assert "immutable" in text(page, "fact-cache")
    entry = page.run(
        "return performance.getEntriesByName(new URL(arguments[0], location.href).href)[0].toJSON()",
        manifest["app"]["url"])
    assert entry["encodedBodySize"] == sizes["br"] and entry["decodedBodySize"] == sizes["none"]
    assert float(text(page, "fact-saved").split()[0]) == pytest.approx(100 * (1 - sizes["br"] / sizes["none"]), abs=0.06)


def test_a_repeat_visit_transfers_nothing(page, demo):
    open_page(page, demo)
    wait_for(lambda: text(page, "fact-transfer") != "–", "the figures")
    assert text(page, "fact-transfer") == "nothing: from the cache"
    page.run("window.before = true; location.reload()")
    page.wait("return document.readyState === 'complete' && !window.before", "the reload")
    wait_for(lambda: drawn(page) > 0, "the app after a reload")
    wait_for(lambda: text(page, "fact-transfer") != "–", "the figures")
    assert text(page, "fact-transfer") == "nothing: from the cache"


def test_the_comparison(page, manifest):
    page.click("#compare-run")
    wait_for(lambda: "times as fast" in text(page, "compare-line"), "the comparison")
    for coding in ("br", "zstd", "gzip", "none"):
        size = manifest["app"]["sizes"][coding]
        shown = "%.2f MB" % (size / 1e6) if size >= 1e6 else "%d kB" % int(size / 1e3 + 0.5)
        assert page.text("tr[data-coding=%s] td:nth-of-type(2)" % coding) == shown


def come_back(browser):
    """Presses the button until the section says what came; returns the coding and the whole sentence."""
    browser.click("#deploy-run")
    wait_for(lambda: text(browser, "deploy-line").endswith("."), "the releases")
    return text(browser, "deploy-after").rpartition(" as ")


def test_after_a_deploy_only_what_changed(page, manifest):
    # Not at once, perhaps: the server knows no digest of files that are younger than three seconds, as they may be here,
    # and the browser has no dictionary before it is on the disk.
    wait_for(lambda: come_back(page)[2] in manifest["app"]["deltas"], "a delta")
    size, _, coding = text(page, "deploy-after").rpartition(" as ")
    delta = manifest["app"]["deltas"][coding]
    assert size == "%d kB" % int(delta / 1e3 + 0.5) and delta < manifest["app"]["sizes"]["br"] / 4
    said = float(re.match(r"([0-9.]+) times less", text(page, "deploy-line")).group(1))
    assert said == pytest.approx(manifest["app"]["sizes"]["br"] / delta, abs=0.06)


def ask(page, guest, **fields):
    form = "form[data-guest=%s]" % guest
    for name, value in fields.items():
        page.run("document.querySelector(arguments[0]).value = arguments[1]", "%s [name=%s]" % (form, name), value)
    page.run("delete document.getElementById('answer').dataset.state")
    page.click(form + " button")
    page.wait("return document.getElementById('answer').dataset.state === arguments[0]", "the answer of " + guest, guest)
    return text(page, "answer-status"), text(page, "answer-text")


def test_a_guest_in_c_answers_from_a_fresh_instance(page):
    for number in (1, 2):
        status, said = ask(page, "hello", query="n=%d" % number)
        assert status == "200 OK" and "n=%d" % number in said and "1 in this instance" in said


def test_a_guest_in_go_answers(page, manifest):
    if "words" not in manifest["guests"]:
        assert page.run("return document.getElementById('guest-words').hidden")
        pytest.skip("no Go 1.21 or newer, so the demo has no guest in Go")
    status, said = ask(page, "words", text="ein Huhn und kein Ei")
    assert status == "200 OK" and json.loads(said)["words"] == 5


def test_misbehaving_guests_are_stopped_beside_an_undisturbed_page(page):
    answered = int(text(page, "beat-answered"))
    status, _ = ask(page, "spin", times="4")
    assert status.startswith("504")
    assert "spin" in text(page, "answer-log")
    status, _ = ask(page, "hungry")
    assert status.startswith("500")
    assert re.search(r"no more memory after 1\d MiB", text(page, "answer-log"))
    wait_for(lambda: int(text(page, "beat-answered")) > answered, "the heartbeat to go on")
    assert text(page, "beat-lost") == "0"
    assert complaints(page) == []
    page.shot("demo")


def test_a_narrow_screen_needs_no_sideways_scrolling(page):
    page.narrow(360)
    try:
        assert page.run("return document.documentElement.scrollWidth") <= 360
        page.shot("demo-narrow")
    finally:
        page.narrow(None)


def test_it_runs_in_firefox_too(started, demo):
    browser = started("firefox")
    for _ in range(2):
        open_page(browser, demo)
        wait_for(lambda: text(browser, "fact-transfer") != "–", "the figures")
    assert text(browser, "fact-transfer") == "nothing: from the cache" and text(browser, "fact-variant") == "br"
    assert colours(browser)[0] > 200
    assert come_back(browser)[2] == "br" and "no dictionaries" in text(browser, "deploy-line")
    browser.shot("demo-firefox")
