# SPDX-License-Identifier: Apache-2.0
"""browsers.py: Chromium and Firefox behind one small face, so that a test says what it looks at and not how.

    browser.open(url)                 and waits for the load event
    browser.run("return 1 + arguments[0]", 2)
    browser.run_async("const done = arguments[arguments.length - 1]; …")
    browser.wait("return window.ready", "the app")                 until it is true
    browser.text(css), browser.click(css), browser.count(css)
    browser.shot(name)                a PNG of the page, kept in $BUILD_DIR/test/screenshots
    browser.narrow(pixels)            a screen of that width, None: as it was
    browser.complaints()              what it wrote to its console as errors (Chromium only)

Both run without a window and with an empty profile. Nothing here knows what a test is about.
"""
import base64
import os
import re
import shutil
import tempfile
import time

import marionette

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD_DIR = os.path.join(TOP, os.environ.get("BUILD_DIR", "build"))
SHOTS = os.path.join(BUILD_DIR, "test", "screenshots")
PATIENCE = 60

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
except ImportError:
    webdriver = None

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")


def missing(name):
    """Why a browser cannot be driven here, or None."""
    if name == "chromium":
        if webdriver is None:
            return "no Selenium (Debian: python3-selenium)"
        if not CHROMIUM or not DRIVER:
            return "no Chromium with its driver (Debian: chromium chromium-driver)"
    elif not FIREFOX:
        return "no Firefox (Debian: firefox-esr)"
    return None


def start(name):
    return Chromium() if name == "chromium" else Firefox()


def wait_for(condition, what):
    """Until the condition, a function, holds; for what a server, a file or a page shows in the end."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited %d s for %s" % (PATIENCE, what)
        time.sleep(0.02)


class Browser:
    """What both have in common, over run, click, png and close."""

    name = ""

    def wait(self, script, what, *arguments):
        """Runs the script until what it returns is true, and returns that."""
        deadline = time.monotonic() + PATIENCE
        while True:
            value = self.run(script, *arguments)
            if value:
                return value
            assert time.monotonic() < deadline, "%s: waited %d s for %s; the page says: %s" % (
                self.name, PATIENCE, what, self.run("return document.body.innerText")[:500])
            time.sleep(0.02)

    def text(self, css):
        return self.run("const e = document.querySelector(arguments[0]); return e && e.innerText", css)

    def count(self, css):
        return self.run("return document.querySelectorAll(arguments[0]).length", css)

    def shot(self, name):
        os.makedirs(SHOTS, exist_ok=True)
        with open(os.path.join(SHOTS, re.sub(r"[^\w.-]+", "-", name) + ".png"), "wb") as out:
            out.write(self.png())

    def narrow(self, pixels):
        raise NotImplementedError

    def complaints(self):
        return []


class Chromium(Browser):
    """Through Selenium and Debian's chromedriver."""

    name = "chromium"

    def __init__(self, *words):
        """words: further arguments of the command line."""
        self.profile = tempfile.mkdtemp(prefix="wasmserve-chromium-")
        options = Options()
        options.binary_location = CHROMIUM
        for word in ("--headless=new", "--disable-gpu", "--no-first-run", "--disable-background-networking",
                     "--disable-component-update", "--disable-sync", "--disable-quic", "--disable-dev-shm-usage",
                     "--window-size=1200,1000", "--user-data-dir=" + self.profile, *words):
            options.add_argument(word)
        if os.getuid() == 0:
            options.add_argument("--no-sandbox")  # Chromium's own does not work for root
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(DRIVER))
        self.driver.set_page_load_timeout(PATIENCE)
        self.driver.set_script_timeout(PATIENCE)

    def open(self, url):
        self.driver.get(url)

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def run_async(self, script, *arguments):
        return self.driver.execute_async_script(script, *arguments)

    def click(self, css):
        self.driver.find_element(By.CSS_SELECTOR, css).click()

    def keys(self, css, text):
        self.driver.find_element(By.CSS_SELECTOR, css).send_keys(text)

    def png(self):
        """The whole page, beyond the window as well."""
        height = self.run("return Math.max(document.documentElement.scrollHeight, 200)")
        width = self.run("return document.documentElement.clientWidth")
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {
            "captureBeyondViewport": True, "clip": {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}})
        return base64.b64decode(shot["data"])

    def narrow(self, pixels):
        if pixels is None:
            self.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        else:
            self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
                "width": pixels, "height": 740, "deviceScaleFactor": 1, "mobile": True})

    def before_every_page(self, script):
        """Runs a script in every page from now on, before its own; returns a function that ends that."""
        added = self.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
        return lambda: self.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)

    def kept_code(self):
        """{address: bytes} of the compiled WebAssembly that this profile keeps on disk. What belongs together is told
        by no name, so the bytes of an address are those of the file that names it and say only that there are some."""
        folder = os.path.join(self.profile, "Default", "Code Cache", "wasm")
        kept = {}
        for entry in os.scandir(folder) if os.path.isdir(folder) else []:
            if entry.name.endswith("_0"):
                with open(entry.path, "rb") as file:
                    for address in re.findall(rb"_key(http[!-~]+)", file.read()):
                        kept[address.decode()] = entry.stat().st_size
        return kept

    def complaints(self):
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]

    def close(self):
        self.driver.quit()
        shutil.rmtree(self.profile, ignore_errors=True)


class Firefox(Browser):
    """Through its own protocol; marionette.py says why."""

    name = "firefox"

    def __init__(self):
        self.driver = marionette.Marionette(FIREFOX, PATIENCE)

    def open(self, url):
        self.driver.command("WebDriver:Navigate", {"url": url})

    def run(self, script, *arguments):
        return self.driver.script(script, list(arguments))

    def run_async(self, script, *arguments):
        return self.driver.script(script, list(arguments), "WebDriver:ExecuteAsyncScript")

    def click(self, css):
        self.driver.command("WebDriver:ElementClick", {"id": self.driver.find(css)})

    def keys(self, css, text):
        self.driver.command("WebDriver:ElementSendKeys", {"id": self.driver.find(css), "text": text})

    def png(self):
        return self.driver.screenshot()

    def narrow(self, pixels):
        width = 1200 if pixels is None else pixels
        self.driver.command("WebDriver:SetWindowRect", {"width": width, "height": 1000})

    def close(self):
        self.driver.close()
