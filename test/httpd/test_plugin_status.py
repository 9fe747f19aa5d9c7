# SPDX-License-Identifier: Apache-2.0
"""The status page in its four forms, the figures of all children, and restarts while guests run."""
import hashlib
import html.parser
import json
import os
import re
import signal
import threading
import time

import pytest


def section(name, module, *lines):
    return "<WasmServePlugin %s>\nWasmServeModule %s\n%s\n</WasmServePlugin>\n" % (name, module, "\n".join(lines))


STATUS = ("<Location /status>\nSetHandler wasmserve-status\n</Location>\n"
          "<Location />\nWasmServeHandler hello\n</Location>\n")


@pytest.fixture(scope="module")
def config(guest):
    lines = ["WasmServeTimeout 60s\n" + STATUS]
    for name in ("hello", "trap", "sleep", "status", "echo", "exit"):
        lines.append(section(name, guest(name), "WasmServeBody 100"))
        lines.append("<Location /%s>\nWasmServeHandler %s\n</Location>" % (name if name != "status" else "answers", name))
    lines.append(section("again", guest("hello"), "WasmServeMemory 8M", "WasmServeConcurrency 3"))
    lines.append(section("loop", guest("loop"), "WasmServeTimeout 100ms"))
    lines.append("<Location /loop>\nWasmServeHandler loop\n</Location>")
    lines.append("<VirtualHost *:${port}>\nServerName localhost\n</VirtualHost>")
    lines.append('<VirtualHost *:${port}>\nServerName "vhost.test"\n%s</VirtualHost>' % section("inner", guest("hello")))
    return "\n".join(lines)


@pytest.fixture
def httpd(make_httpd, config):
    server = make_httpd(config=config)
    yield server
    server.stop()


def figures(httpd, name):
    state = json.loads(httpd.get("/status?json").body)
    return next(plugin for plugin in state["plugins"] if plugin["name"] == name)


def test_figures(httpd, guest):
    for _ in range(5):
        httpd.get("/hello")
    httpd.get("/trap?divide")
    httpd.get("/trap?unreachable")
    httpd.get("/loop")
    httpd.get("/answers?nocolon")
    httpd.get("/exit?3")
    httpd.get("/exit?3-mute")
    assert httpd.request("POST", "/echo", body=b"x" * 101).status == 413
    httpd.request("POST", "/echo", body=b"x" * 100)
    for line in (r"plugin trap ", r"plugin loop ", r"plugin status ", r"plugin exit "):
        httpd.expect_log(r"wasmserve:error.*" + line)
    hello = figures(httpd, "hello")
    with open(guest("hello"), "rb") as module:
        assert hello["sha256"] == hashlib.sha256(module.read()).hexdigest()
    assert (hello["requests"], hello["answered"], hello["in_flight"], hello["stopped"]) == (5, 5, 0, {})
    assert hello["bytes"] == os.path.getsize(guest("hello")) and hello["prepared_bytes"] > 0
    assert hello["memory_peak"] >= 65536 and hello["guest_seconds"] > 0 and hello["bytes_out"] > 5 * 16
    assert (hello["abi"], hello["memory_limit"], hello["timeout_ms"], hello["concurrency"]) == (
        "cgi", 64 << 20, 60000, None)
    assert figures(httpd, "trap")["stopped"] == {"DIVIDE_BY_ZERO": 1, "UNREACHABLE": 1}
    assert figures(httpd, "loop")["stopped"] == {"DEADLINE": 1}
    assert figures(httpd, "status")["nonsense"] == 1
    assert (figures(httpd, "exit")["exits"], figures(httpd, "exit")["mute"]) == (1, 1)
    echo = figures(httpd, "echo")
    assert (echo["requests"], echo["refused"], echo["bytes_in"]) == (2, 1, 100)
    again = figures(httpd, "again")
    assert (again["requests"], again["memory_limit"], again["concurrency"]) == (0, 8 << 20, 3)
    assert figures(httpd, "inner")["server"].startswith("vhost.test:")


def test_forms(httpd):
    httpd.get("/hello")
    auto = httpd.get("/status?auto")
    assert auto.get("Content-Type").startswith("text/plain") and auto.get("Cache-Control") == "no-store"
    assert "WasmServePlugins: 9\n" in auto.body.decode()
    assert "WasmServePlugin hello requests: 1\n" in auto.body.decode()
    assert all(re.fullmatch(r"[^:]+(@[^ ]+)?.*: .+", line) for line in auto.body.decode().splitlines())

    metrics = httpd.get("/status?prometheus").body.decode()
    seen = {}
    for line in metrics.splitlines():
        if line.startswith("#"):
            assert re.fullmatch(r"# (HELP|TYPE) wasmserve_\w+ .+", line)
            continue
        match = re.fullmatch(r'(wasmserve_\w+)(?:\{(\w+="[^"\\]*"(?:,\w+="[^"\\]*")*)\})? (\d+(?:\.\d+)?)', line)
        assert match, line
        assert (match.group(1), match.group(2)) not in seen, "twice: " + line
        seen[match.group(1), match.group(2)] = match.group(3)
    assert [value for (name, labels), value in seen.items()
            if name == "wasmserve_plugin_requests_total" and labels and 'plugin="hello"' in labels] == ["1"]
    for name in {name for name, _ in seen}:
        assert "# TYPE %s " % name in metrics

    page = httpd.get("/status")
    assert page.get("Content-Type") == "text/html; charset=utf-8" and page.get("Cache-Control") == "no-store"

    class Balance(html.parser.HTMLParser):
        depth, tags = [], []

        def handle_starttag(self, tag, attrs):
            self.tags.append(tag)
            if tag not in ("meta",):
                self.depth.append(tag)

        def handle_endtag(self, tag):
            assert self.depth.pop() == tag

    parser = Balance()
    parser.feed(page.body.decode())
    assert not parser.depth and parser.tags.count("section") == 9


def test_methods(httpd):
    assert httpd.head("/status").status == 200
    assert httpd.request("POST", "/status", body=b"x").status == 405
    assert httpd.get("/status?anything-else").get("Content-Type").startswith("text/html")


def test_a_plugin_for_the_whole_server_leaves_the_status_page(httpd):
    assert httpd.get("/somewhere/else").body.startswith(b"hello from wasm")
    assert httpd.get("/status").get("Content-Type").startswith("text/html")


def children(httpd):
    with open("/proc/%d/task/%d/children" % (httpd.process.pid, httpd.process.pid), encoding="ascii") as listed:
        return [int(pid) for pid in listed.read().split()]


def test_figures_are_those_of_all_children_and_outlive_restarts(httpd, config):
    for _ in range(20):
        httpd.get("/hello")
    assert figures(httpd, "hello")["requests"] == 20
    httpd.graceful()
    httpd.get("/hello")
    assert figures(httpd, "hello")["requests"] == 21
    # Another limit is still the same plugin; other bytes would be another.
    httpd.graceful(config.replace("WasmServeBody 100", "WasmServeBody 200"))
    assert figures(httpd, "hello")["requests"] == 21 and figures(httpd, "hello")["body_limit"] == 200


def test_in_flight_and_a_graceful_restart_during_a_call(httpd):
    answers = []
    caller = threading.Thread(target=lambda: answers.append(httpd.get("/sleep?4000")))
    caller.start()
    httpd._wait(lambda: figures(httpd, "sleep")["in_flight"] == 1, "the call to be counted")
    httpd.graceful()
    assert figures(httpd, "sleep")["in_flight"] == 1, "the call goes on in a child of the old generation"
    caller.join()
    assert (answers[0].status, answers[0].body) == (200, b"slept\n")
    httpd._wait(lambda: figures(httpd, "sleep")["in_flight"] == 0, "the call to be over")


def test_a_killed_child_takes_its_calls_with_it(httpd):
    """in_flight is what WasmServeConcurrency looks at: a crash must not use up places for ever."""
    failed = threading.Event()

    def call():
        try:
            httpd.get("/sleep?50000")
        except (AssertionError, OSError):
            failed.set()

    caller = threading.Thread(target=call)
    caller.start()
    httpd._wait(lambda: figures(httpd, "sleep")["in_flight"] == 1, "the call to be counted")
    # Which child has the call cannot be seen from outside; so all of them go.
    for pid in children(httpd):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    caller.join()
    assert failed.is_set()

    def settled():
        try:
            return figures(httpd, "sleep")["in_flight"] == 0
        except (AssertionError, OSError):
            time.sleep(0.1)  # the new children are not there yet
            return False

    httpd._wait(settled, "the dead child's call to be taken off")
