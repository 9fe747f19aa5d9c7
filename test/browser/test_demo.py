# SPDX-License-Identifier: Apache-2.0
"""The demo in a real browser: the app really runs, the progress bar really moves, the figures are true, a repeat visit
costs nothing, guests answer, and the neighbour of those that misbehave is not disturbed."""
import base64
import json
import os
import re
import shutil
import signal
import subprocess
import urllib.request

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD_DIR = os.path.join(TOP, os.environ.get("BUILD_DIR", "build"))
SHOTS = os.path.join(BUILD_DIR, "test", "browser")
PATIENCE = 60

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait
except ImportError:
    webdriver = None

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")

pytestmark = [
    pytest.mark.skipif(webdriver is None, reason="no Selenium (Debian: python3-selenium)"),
    pytest.mark.skipif(not BROWSER or not DRIVER, reason="no Chromium with its driver (Debian: chromium chromium-driver)"),
]


@pytest.fixture(scope="module")
def demo():
    """The demo's address, while it runs. It is stopped as a user stops it."""
    process = subprocess.Popen([os.path.join(TOP, "conf", "demo", "run"), "0"], stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, start_new_session=True,
                               env=dict(os.environ, BUILD_DIR=BUILD_DIR))
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
    with urllib.request.urlopen(demo + "/manifest.json", timeout=PATIENCE) as answer:
        return json.load(answer)


@pytest.fixture(scope="module")
def browser(demo, tmp_path_factory):
    options = Options()
    options.binary_location = BROWSER
    for word in ("--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                 "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--window-size=1200,1600",
                 "--user-data-dir=%s" % tmp_path_factory.mktemp("profile")):
        options.add_argument(word)
    if os.getuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium's own does not work for root
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.set_page_load_timeout(PATIENCE)
    driver.set_script_timeout(PATIENCE)
    yield driver
    driver.quit()


def text(browser, identity):
    return browser.find_element(By.ID, identity).text


def wait(browser, condition, what):
    return WebDriverWait(browser, PATIENCE).until(lambda driver: condition(), what)


def canvas(browser):
    return browser.find_element(By.ID, "app-canvas")


def drawn(browser):
    return int(canvas(browser).get_attribute("data-drawn") or 0)


def colours(browser):
    """How many different colours the picture has, and the share of the pixels that are black."""
    return browser.execute_script("""
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


def keep_shot(browser, name):
    """The whole page as a picture, for whoever looks after the test."""
    os.makedirs(SHOTS, exist_ok=True)
    height = browser.execute_script("return document.documentElement.scrollHeight")
    width = browser.execute_script("return document.documentElement.clientWidth")
    shot = browser.execute_cdp_cmd("Page.captureScreenshot", {
        "captureBeyondViewport": True, "clip": {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}})
    with open(os.path.join(SHOTS, name + ".png"), "wb") as out:
        out.write(base64.b64decode(shot["data"]))


def complaints(browser):
    """The errors on the console, but not that a guest was answered with one, which is on purpose."""
    return [entry["message"] for entry in browser.get_log("browser")
            if entry["level"] == "SEVERE" and not re.search(r"/(spin|hungry) ", entry["message"])]


def open_page(browser, demo):
    """The page, with an ear on the progress bar from its first moment on."""
    browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": """
        window.seenProgress = [];
        document.addEventListener("DOMContentLoaded", () => {
          const bar = document.getElementById("load-bar");
          // One call may tell of several changes; each record has the value before it.
          new MutationObserver((records) => {
            window.seenProgress.push(...records.map((record) => Number(record.oldValue)), bar.value);
          }).observe(bar, { attributeFilter: ["value"], attributeOldValue: true });
        });"""})
    browser.get(demo + "/")
    wait(browser, lambda: drawn(browser) > 0, "the app's first picture; the page says: " + text(browser, "load-line"))


@pytest.fixture(scope="module")
def page(browser, demo):
    open_page(browser, demo)
    return browser


def test_the_app_runs(page):
    number, black = colours(page)
    assert number > 200 and 0.05 < black < 0.6
    assert complaints(page) == []


def test_it_answers_the_visitor(page):
    before, picture = drawn(page), colours(page)
    canvas(page).send_keys("+")
    wait(page, lambda: drawn(page) > before, "a picture after a key")
    assert colours(page) != picture
    before = drawn(page)
    page.find_element(By.CSS_SELECTOR, "[data-command=home]").click()
    wait(page, lambda: drawn(page) > before, "a picture after a button")
    assert colours(page) == picture


def test_progress_went_up_in_steps_to_the_end(page):
    seen = page.execute_script("return window.seenProgress")
    assert seen == sorted(seen) and (seen[0], seen[-1]) == (0, 100)
    assert len(set(seen)) >= 4, "0, 100 and nothing much between them: %r" % seen


def test_the_figures_are_true(page, manifest):
    sizes = manifest["app"]["sizes"]
    assert text(page, "fact-variant") == "br"
    assert "immutable" in text(page, "fact-cache")
    entry = page.execute_script(
        "return performance.getEntriesByName(new URL(arguments[0], location.href).href)[0].toJSON()",
        manifest["app"]["url"])
    assert entry["encodedBodySize"] == sizes["br"] and entry["decodedBodySize"] == sizes["none"]
    assert float(text(page, "fact-saved").split()[0]) == pytest.approx(100 * (1 - sizes["br"] / sizes["none"]), abs=0.06)


def test_a_repeat_visit_transfers_nothing(page, demo):
    open_page(page, demo)
    wait(page, lambda: text(page, "fact-transfer") != "–", "the figures")
    assert text(page, "fact-transfer") == "nothing: from the cache"
    page.refresh()
    wait(page, lambda: drawn(page) > 0, "the app after a reload")
    wait(page, lambda: text(page, "fact-transfer") != "–", "the figures")
    assert text(page, "fact-transfer") == "nothing: from the cache"


def test_the_comparison(page, manifest):
    page.find_element(By.ID, "compare-run").click()
    wait(page, lambda: "times as fast" in text(page, "compare-line"), "the comparison")
    for coding in ("br", "zstd", "gzip", "none"):
        row = page.find_element(By.CSS_SELECTOR, "tr[data-coding=%s]" % coding)
        size = manifest["app"]["sizes"][coding]
        shown = "%.2f MB" % (size / 1e6) if size >= 1e6 else "%d kB" % int(size / 1e3 + 0.5)
        assert row.find_elements(By.TAG_NAME, "td")[1].text == shown


def ask(page, guest, **fields):
    form = page.find_element(By.CSS_SELECTOR, "form[data-guest=%s]" % guest)
    for name, value in fields.items():
        field = form.find_element(By.NAME, name)
        page.execute_script("arguments[0].value = arguments[1]", field, value)
    page.execute_script("delete document.getElementById('answer').dataset.state")
    form.find_element(By.TAG_NAME, "button").click()
    wait(page, lambda: page.find_element(By.ID, "answer").get_attribute("data-state") == guest, "the answer of " + guest)
    return text(page, "answer-status"), text(page, "answer-text")


def test_a_guest_in_c_answers_from_a_fresh_instance(page):
    for number in (1, 2):
        status, said = ask(page, "hello", query="n=%d" % number)
        assert status == "200 OK" and "n=%d" % number in said and "1 in this instance" in said


def test_a_guest_in_go_answers(page, manifest):
    if "words" not in manifest["guests"]:
        assert not page.find_element(By.ID, "guest-words").is_displayed()
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
    wait(page, lambda: int(text(page, "beat-answered")) > answered, "the heartbeat to go on")
    assert text(page, "beat-lost") == "0"
    assert complaints(page) == []
    keep_shot(page, "demo")


def test_a_narrow_screen_needs_no_sideways_scrolling(page):
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                         {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True})
    try:
        assert page.execute_script("return document.documentElement.scrollWidth") <= 360
        keep_shot(page, "demo-narrow")
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
