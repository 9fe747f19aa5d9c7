# SPDX-License-Identifier: Apache-2.0
"""WasmServeReuse: a fresh instance for every request, or one that serves several, one after the other."""
import os
import threading

import pytest

import env
import plugin_wat
from filter_script import Scripts, directory, location

# One child, so that who served before can serve again.
TUNING = {"prefork": "StartServers 1\nMinSpareServers 1\nMaxSpareServers 1\nMaxRequestWorkers 1"}.get(
    os.environ.get("MPM", "event"),
    "StartServers 1\nServerLimit 1\nThreadsPerChild 16\nMaxRequestWorkers 16\nMinSpareThreads 1\nMaxSpareThreads 16")
threaded = pytest.mark.skipif(os.environ.get("MPM") == "prefork", reason="one child of prefork serves one request")

# 64 MiB from the beginning, and a count of its requests in a header.
LARGE = """(module
    (import "http_handler" "set_header_value" (func $set (param i32 i32 i32 i32 i32)))
    (memory (export "memory") 1024) (data (i32.const 16) "x-count") (data (i32.const 32) "0")
    (func (export "handle_request") (result i64)
        (i32.store8 (i32.const 32) (i32.add (i32.load8_u (i32.const 32)) (i32.const 1)))
        (call $set (i32.const 1) (i32.const 16) (i32.const 7) (i32.const 32) (i32.const 1)) (i64.const 1))
    (func (export "handle_response") (param i32 i32)))"""
# About 30,000 instructions in a request.
WORKS = """(module (memory (export "memory") 1)
    (func (export "handle_request") (result i64) (local $i i32)
        (loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 5000))))
        (i64.const 1))
    (func (export "handle_response") (param i32 i32)))"""


@pytest.fixture(scope="module")
def httpd(make_httpd, guest, backend):
    scripts = Scripts(guest("script"))
    counts = ["> show x-count count", "> if x-do trap", "> trap"]
    config = ["WasmServeTimeout 60s", "WasmServeMemory 64M"]
    for name, lines, directives in [
        ("fresh", counts, []),
        ("said", counts, ["WasmServeReuse request"]),
        ("three", counts, ["WasmServeReuse 3"]),
        ("many", counts, ["WasmServeReuse 1000"]),
        ("traps_late", ["> show x-count count", "< if x-do trap", "< trap"], ["WasmServeReuse 1000"]),
        ("slow", ["> show x-count count", "> if x-do loop", "> loop"], ["WasmServeReuse 1000", "WasmServeTimeout %d" % env.deadline(300)]),
        ("answers", ["> show x-count count", "> answer"], ["WasmServeReuse 1000"]),
        ("features", ["> show x-features features", "> if x-do hold", "> features 2"], ["WasmServeReuse 1000"]),
        ("lowered", counts, ["WasmServeReuse 1000"]),
        ("both", counts, ["WasmServeReuse 1000"]),
        ("stdout", ["> stdout said", "> show x-count count"], ["WasmServeReuse 1000"]),
    ]:
        config.append(scripts.plugin(name, *lines, directives=directives + ["WasmServeGrant log"]))
        config.append(location("/" + name, "WasmServeFilter " + name))
    for name, directives in (("large", ["WasmServeReuse 1000"]), ("works", ["WasmServeReuse 1000", "WasmServeFuel 60000"])):
        config.append("<WasmServePlugin %s>\nWasmServeModule said/%s.wasm\n%s\n</WasmServePlugin>" % (
            name, name, "\n".join(directives)))
        config.append(location("/" + name, "WasmServeFilter " + name))
    config += ['ProxyPass "/both/wait" "http://127.0.0.1:%d/wait"' % backend.port,
               'ProxyPass "/large/wait" "http://127.0.0.1:%d/wait"' % backend.port,
               directory("/lower", "WasmServeFilter lowered")]

    def setup(h):
        scripts.write(h)
        h.write("said/large.wasm", plugin_wat.assemble(LARGE))
        h.write("said/works.wasm", plugin_wat.assemble(WORKS))
        h.write("docroot/lower/file", "a file\n")
        h.write("docroot/lower/less/file", "a file\n")
        h.write("docroot/lower/less/.htaccess", "WasmServeMemory 32M\n")
        for name in list(scripts.texts) + ["large", "works"]:
            h.write("docroot/" + name, "a file\n")

    return make_httpd(config="\n".join(config), modules=["proxy_http"], setup=setup, mpm_config=TUNING)


def count(httpd, path, do=None):
    response = httpd.get(path, [("X-Do", do)] if do else [])
    return int(response.get("x-count")) if response.status == 200 else response.status


@pytest.mark.parametrize("name", ["fresh", "said"])
def test_fresh_for_every_request(httpd, name):
    assert [count(httpd, "/" + name) for _ in range(3)] == [1, 1, 1]


def test_three_requests(httpd):
    assert [count(httpd, "/three") for _ in range(7)] == [1, 2, 3, 1, 2, 3, 1]


def test_many_requests(httpd):
    assert [count(httpd, "/many") for _ in range(20)] == list(range(1, 21))
    assert [count(httpd, "/answers") for _ in range(20)] == list(range(1, 21))


@pytest.mark.parametrize("name, do, status", [("many", "trap", 500), ("traps_late", "trap", 500), ("slow", "loop", 504)])
def test_what_has_failed_does_not_serve_again(httpd, name, do, status):
    httpd.expect_log(r"plugin %s \(sha256:\w{12}\): (unreachable|deadline exceeded)" % name)
    before = count(httpd, "/" + name)
    assert count(httpd, "/" + name) == before + 1
    assert count(httpd, "/" + name, do) == status
    assert [count(httpd, "/" + name) for _ in range(2)] == [1, 2]


def test_features_of_a_request_are_its_own(httpd):
    assert httpd.get("/features").get("x-features") == "0"
    assert httpd.get("/features", [("X-Do", "hold")]).get("x-features") == "0"
    assert httpd.get("/features").get("x-features") == "0"


def test_every_request_has_the_whole_fuel(httpd):
    for _ in range(10):
        assert httpd.get("/works").status == 200


def test_other_limits_are_another_instance(httpd):
    assert [count(httpd, "/lower/file") for _ in range(2)] == [1, 2]
    assert [count(httpd, "/lower/less/file") for _ in range(2)] == [1, 2]
    assert count(httpd, "/lower/file") == 3


def test_lines_belong_to_the_request_that_wrote_them(httpd):
    httpd.expect_log(r"plugin stdout@\w+: said")
    mark = httpd.log_mark()
    for _ in range(3):
        httpd.get("/stdout")
    assert httpd.log_since(mark).count(": said") == 3


def at_once(httpd, backend, path, number):
    """The counts of so many requests that are all with the backend at the same time."""
    everybody, counts = threading.Barrier(number), []

    def wait(handler):
        everybody.wait(60)
        handler.reply(200)

    backend.answers["/wait"] = wait
    threads = [threading.Thread(target=lambda: counts.append(count(httpd, path))) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(counts)


@threaded
def test_an_instance_serves_one_request_at_a_time(httpd, backend):
    assert at_once(httpd, backend, "/both/wait", 5) == [1] * 5
    assert at_once(httpd, backend, "/both/wait", 5) == [2] * 5


@threaded
def test_what_waits_has_a_bound(httpd, backend):
    """Of five instances with 64 MiB each, four may wait, together with the small ones of the tests before: three."""
    assert at_once(httpd, backend, "/large/wait", 5) == [1] * 5
    second = at_once(httpd, backend, "/large/wait", 5)
    assert second in ([1, 1, 2, 2, 2], [1, 2, 2, 2, 2])


def test_a_graceful_restart(httpd):
    assert count(httpd, "/many") >= 1
    httpd.graceful()
    assert [count(httpd, "/many") for _ in range(3)] == [1, 2, 3]
