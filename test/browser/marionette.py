# SPDX-License-Identifier: Apache-2.0
"""marionette.py: as much of Firefox's own remote protocol as the browser tests need.

Debian has no geckodriver. Firefox brings what it would talk to: `firefox --marionette` listens on a port of 127.0.0.1
and takes WebDriver's commands as JSON, each with its length before it:

    → 49:[0,1,"WebDriver:Navigate",{"url":"http://…"}]        type 0: a command, with its number
    ← 16:[1,1,null,{…}]                                       type 1: its answer: error or null, result

The port is one that is free: the profile asks for port 0, and Firefox writes the one it took to a file there.
"""
import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

# What would otherwise talk to the network or put a page in front of ours. Marionette sets many more by itself.
PREFERENCES = {
    "marionette.port": 0,
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "browser.aboutwelcome.enabled": False,
    "browser.newtabpage.enabled": False,
    "browser.safebrowsing.downloads.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage_override.mstone": "ignore",
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "dom.push.connection.enabled": False,
    "extensions.getAddons.cache.enabled": False,
    "extensions.systemAddon.update.enabled": False,
    "media.gmp-manager.updateEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.dns.disablePrefetch": True,
    "services.settings.server": "data:,",
    "toolkit.telemetry.enabled": False,
    "toolkit.telemetry.server": "",
    "toolkit.telemetry.unified": False,
}
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # WebDriver §11: the key of an element reference


class MarionetteError(Exception):
    """What Firefox says of a command that failed: "no such element: …"."""


class Marionette:
    """A Firefox without a window, with a new profile, from the constructor to close()."""

    def __init__(self, program, patience):
        self.patience = patience
        self.number = 0
        self.buffer = b""
        self.socket = None
        self.home = tempfile.mkdtemp(prefix="wasmserve-firefox-")
        with open(os.path.join(self.home, "user.js"), "w", encoding="utf-8") as out:
            for name, value in PREFERENCES.items():
                out.write("user_pref(%s, %s);\n" % (json.dumps(name), json.dumps(value)))
        environment = dict(os.environ, HOME=self.home, MOZ_CRASHREPORTER_DISABLE="1")
        for name in ("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY"):
            environment.pop(name, None)
        self.log = open(os.path.join(self.home, "log"), "wb")
        self.process = subprocess.Popen([program, "--headless", "--no-remote", "--profile", self.home, "--marionette"],
                                        stdout=self.log, stderr=self.log, env=environment, start_new_session=True)
        try:
            self.connect()
            self.command("WebDriver:NewSession", {"capabilities": {"alwaysMatch": {"acceptInsecureCerts": False}}})
            self.command("WebDriver:SetTimeouts", {"script": patience * 1000, "pageLoad": patience * 1000})
        except BaseException:
            self.close()
            raise

    def connect(self):
        port_file = os.path.join(self.home, "MarionetteActivePort")
        deadline = time.monotonic() + self.patience
        while True:
            assert self.process.poll() is None, "Firefox has ended:\n" + self.said()
            assert time.monotonic() < deadline, "Firefox does not listen:\n" + self.said()
            try:
                with open(port_file, encoding="ascii") as file:
                    port = int(file.read())
                self.socket = socket.create_connection(("127.0.0.1", port), timeout=self.patience + 10)
                break
            except (OSError, ValueError):
                time.sleep(0.05)
        hello = self.receive()
        assert hello.get("marionetteProtocol") == 3, hello

    def said(self):
        with open(os.path.join(self.home, "log"), encoding="utf-8", errors="replace") as log:
            return log.read()[-2000:]

    def receive(self):
        while b":" not in self.buffer:
            self.more()
        length, self.buffer = self.buffer.split(b":", 1)
        while len(self.buffer) < int(length):
            self.more()
        text, self.buffer = self.buffer[:int(length)], self.buffer[int(length):]
        return json.loads(text)

    def more(self):
        data = self.socket.recv(1 << 20)
        if not data:
            raise MarionetteError("Firefox has closed the connection:\n" + self.said())
        self.buffer += data

    def command(self, name, parameters=None):
        """Sends one command and returns its result."""
        self.number += 1
        text = json.dumps([0, self.number, name, parameters or {}]).encode()
        self.socket.sendall(b"%d:%s" % (len(text), text))
        kind, number, error, result = self.receive()
        assert (kind, number) == (1, self.number), "an answer to another command"
        if error:
            raise MarionetteError("%s: %s" % (error.get("error"), error.get("message")))
        return result

    def script(self, text, arguments, how="WebDriver:ExecuteScript"):
        return self.command(how, {"script": text, "args": arguments})["value"]

    def find(self, selector):
        found = self.command("WebDriver:FindElement", {"using": "css selector", "value": selector})
        return found["value"][ELEMENT]

    def screenshot(self):
        return base64.b64decode(self.command("WebDriver:TakeScreenshot", {"full": True, "hash": False})["value"])

    def close(self):
        try:
            if self.socket:
                self.command("Marionette:Quit", {"flags": ["eForceQuit"]})
            self.process.wait(15 if self.socket else 0)
        except (MarionetteError, OSError, subprocess.TimeoutExpired):
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        if self.socket:
            self.socket.close()
        self.log.close()
        shutil.rmtree(self.home, ignore_errors=True)
