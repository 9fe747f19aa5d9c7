# SPDX-License-Identifier: Apache-2.0
"""Filters that crash, loop, recurse, grow and lie, in every phase: the right status, the reason in the log, and
nothing for the neighbours."""
import json
import os
import re
import threading

import pytest

import env
import plugin_wat
from filter_script import location

# name → parameters, result; as src/host/httpwasm/httpwasm_functions.def has them.
FUNCTIONS = {
    "enable_features": ("i32", "i32"), "get_config": ("i32 i32", "i32"), "log_enabled": ("i32", "i32"),
    "log": ("i32 i32 i32", ""), "get_method": ("i32 i32", "i32"), "set_method": ("i32 i32", ""),
    "get_uri": ("i32 i32", "i32"), "set_uri": ("i32 i32", ""), "get_protocol_version": ("i32 i32", "i32"),
    "get_header_names": ("i32 i32 i32", "i64"), "get_header_values": ("i32 i32 i32 i32 i32", "i64"),
    "set_header_value": ("i32 i32 i32 i32 i32", ""), "add_header_value": ("i32 i32 i32 i32 i32", ""),
    "remove_header": ("i32 i32 i32", ""), "read_body": ("i32 i32 i32", "i64"), "write_body": ("i32 i32 i32", ""),
    "get_status_code": ("", "i32"), "set_status_code": ("i32", ""), "get_source_addr": ("i32 i32", "i32"),
}
EXTRA = {"get_variable": ("i32 i32 i32 i32", "i64"), "set_variable": ("i32 i32 i32 i32", "")}


def imports():
    lines = []
    for module, functions in (("http_handler", FUNCTIONS), ("wasmserve", EXTRA)):
        for name, (parameters, result) in functions.items():
            lines.append('(import "%s" "%s" (func $%s (param %s)%s))' % (
                module, name, name, parameters, " (result %s)" % result if result else ""))
    lines.append('(import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))')
    return "\n".join(lines)


class Texts:
    """Strings in the guest's memory: `texts("x")` is "(i32.const address) (i32.const length)"."""

    def __init__(self):
        self.at, self.data = 1024, []

    def __call__(self, text):
        data = text if isinstance(text, bytes) else text.encode("latin-1")
        place = "(i32.const %d) (i32.const %d)" % (self.at, len(data))
        self.data.append("(data (i32.const %d) %s)" % (self.at, plugin_wat.quoted(data)))
        self.at += len(data) + 1
        return place


def guest(request="", response="", features=0, start="", initialize="", core="", next_=1):
    """A module; each part is a function of the texts, or instructions."""
    texts = Texts()
    parts = [part(texts) if callable(part) else part for part in (request, response, start, initialize, core)]
    request, response, start, initialize, core = parts
    enable = "(drop (call $enable_features (i32.const %d)))" % features if features else ""
    return """(module %s
        (memory (export "memory") 1) (table 1 funcref) (type $void (func)) %s
        (func $deep (param i32) (result i32) (i32.add (i32.const 1) (call $deep (local.get 0))))
        (func $tree (param i32) (if (local.get 0) (then (call $tree (i32.sub (local.get 0) (i32.const 1)))
                                                        (call $tree (i32.sub (local.get 0) (i32.const 1))))))
        (func $core %s) %s
        %s %s
        (func (export "handle_request") (result i64) (local $i i32) %s %s (i64.const %d))
        (func (export "handle_response") (param i32 i32) (local $i i32) %s))""" % (
        imports(), "\n".join(texts.data), core, "(start $core)" if core else "",
        '(func (export "_start") %s)' % start if start else "",
        '(func (export "_initialize") %s)' % initialize if initialize else "", enable, request, next_, response)


TRAPS = {
    "unreachable": ("unreachable", "unreachable"),
    "divide": ("(drop (i32.div_s (i32.const 1) (i32.const 0)))", "integer divide by zero"),
    "load": ("(drop (i32.load (i32.const 65536)))", "out of bounds memory access"),
    "store": ("(i32.store (i32.const -4) (i32.const 1))", "out of bounds memory access"),
    "call": ("(call_indirect (type $void) (i32.const 0))", "uninitialized element"),
    "convert": ("(drop (i32.trunc_f32_s (f32.const nan)))", "invalid conversion to integer"),
}
LIMITS = {
    "loop": ("(loop $l (br $l))", 504, "deadline exceeded"),
    "tree": ("(call $tree (i32.const 60))", 504, "deadline exceeded"),
    "fill": ("(loop $l (memory.fill (i32.const 0) (i32.const 1) (i32.const 65536)) (br $l))", 504, "deadline exceeded"),
    "deep": ("(drop (call $deep (i32.const 0)))", 503, "call stack exhausted"),
    # As much as there is, then more: growing fails without a trap, using what is not there does not.
    "grow": ("(loop $l (br_if $l (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))"
             "(drop (i32.load (i32.mul (memory.size) (i32.const 65536))))", 500, "out of bounds memory access"),
    "exit": ("(call $proc_exit (i32.const 3))", 500, "exit: .*the guest ended itself with code 3"),
    "exit_well": ("(call $proc_exit (i32.const 0))", 500, "exit: .*the guest ended itself with code 0"),
}
PHASES = ["core", "start", "initialize", "request", "response", "held"]


def in_phase(phase, code):
    if phase == "held":
        return guest(response=code, features=2)
    return guest(**{phase: code})


class Hostile:
    def __init__(self, text, status, reason, method="GET", body=None):
        self.text, self.status, self.reason, self.method, self.body = text, status, reason, method, body


CASES = {}
for phase in PHASES:
    for name, (code, reason) in TRAPS.items():
        CASES["%s_%s" % (phase, name)] = Hostile(in_phase(phase, code), 500, reason)
    for name, (code, status, reason) in LIMITS.items():
        CASES["%s_%s" % (phase, name)] = Hostile(in_phase(phase, code), status, reason)

# Every function with pointers that lead nowhere: those that give a text have room for it, so that they would write.
WILD = {
    "get_config": "(i32.const -1) (i32.const 100)", "get_method": "(i32.const 65535) (i32.const 100)",
    "get_uri": "(i32.const 65536) (i32.const 1000)", "get_protocol_version": "(i32.const -8) (i32.const 8)",
    "get_source_addr": "(i32.const 65530) (i32.const -1)", "set_method": "(i32.const -1) (i32.const 3)",
    "set_uri": "(i32.const 65000) (i32.const 1000)", "log": "(i32.const 2) (i32.const 65536) (i32.const 1)",
    "get_header_names": "(i32.const 0) (i32.const 65534) (i32.const 10000)",
    "get_header_values": "(i32.const 0) (i32.const -1) (i32.const 10) (i32.const 0) (i32.const 10)",
    "set_header_value": "(i32.const 1) (i32.const 0) (i32.const -1) (i32.const 0) (i32.const 1)",
    "add_header_value": "(i32.const 1) (i32.const 1024) (i32.const 1) (i32.const 65536) (i32.const 1)",
    "remove_header": "(i32.const 0) (i32.const 65535) (i32.const 2)",
    "read_body": "(i32.const 0) (i32.const 65535) (i32.const 2)",
    "write_body": "(i32.const 1) (i32.const 1) (i32.const -1)",
    "get_variable": "(i32.const -1) (i32.const -1) (i32.const 0) (i32.const 0)",
    "set_variable": "(i32.const 65530) (i32.const 7) (i32.const 0) (i32.const 0)",
}
POINTER = "a host function was given a pointer outside the guest's memory.*%s"


def call(name, arguments):
    result = dict(FUNCTIONS, **EXTRA)[name][1]
    code = "(call $%s %s)" % (name, arguments)
    return "(drop %s)" % code if result else code


for name, arguments in WILD.items():
    CASES["wild_" + name] = Hostile(guest(request=call(name, arguments)), 500, POINTER % name)
CASES["wild_values"] = Hostile(guest(request=lambda t: call("get_header_values", "(i32.const 0) %s (i32.const 65534) "
                                                            "(i32.const 1000)" % t("host"))), 500,
                               POINTER % "get_header_values")

RULES = "a host function was called against its rules.*%s: .*%s"
for name, request, response, reason in [
    ("method_empty", call("set_method", "(i32.const 0) (i32.const 0)"), "", ("set_method", "the method is empty")),
    ("name_empty", call("set_header_value", "(i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)"), "",
     ("set_header_value", "the name of the header is empty")),
    ("kind", call("get_header_names", "(i32.const 4) (i32.const 0) (i32.const 0)"), "",
     ("get_header_names", "no such kind of header")),
    ("kind_of_body", call("read_body", "(i32.const 2) (i32.const 0) (i32.const 1)"), "",
     ("read_body", "no such kind of body")),
    ("no_room", call("read_body", "(i32.const 0) (i32.const 0) (i32.const 0)"), "", ("read_body", "no room")),
    ("trailer", call("set_header_value", "(i32.const 3) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1)"), "",
     ("set_header_value", "there are no trailers here")),
    ("late_method", "", lambda t: call("set_method", t("PUT")), ("set_method", "the request has gone on already")),
    ("late_uri", "", lambda t: call("set_uri", t("/x")), ("set_uri", "the request has gone on already")),
    ("late_header", "", lambda t: call("set_header_value", "(i32.const 0) %s %s" % (t("a"), t("b"))),
     ("set_header_value", "the request has gone on already")),
    ("late_body", "", lambda t: call("write_body", "(i32.const 0) %s" % t("a")),
     ("write_body", "the request has gone on already")),
    ("unheld_header", "", lambda t: call("add_header_value", "(i32.const 1) %s %s" % (t("a"), t("b"))),
     ("add_header_value", "with buffer_response only")),
    ("unheld_removal", "", lambda t: call("remove_header", "(i32.const 1) %s" % t("a")),
     ("remove_header", "with buffer_response only")),
    ("unheld_status", "", call("set_status_code", "(i32.const 404)"), ("set_status_code", "with buffer_response only")),
    ("unheld_write", "", lambda t: call("write_body", "(i32.const 1) %s" % t("a")),
     ("write_body", "with buffer_response only")),
    ("unheld_read", "", call("read_body", "(i32.const 1) (i32.const 0) (i32.const 9)"),
     ("read_body", "with buffer_response only")),
    ("unkept_read", "", call("read_body", "(i32.const 0) (i32.const 0) (i32.const 9)"),
     ("read_body", "with buffer_request only")),
]:
    CASES["rule_" + name] = Hostile(guest(request=request, response=response), 500, RULES % reason)
CASES["rule_outside"] = Hostile(guest(start=call("get_method", "(i32.const 0) (i32.const 9)")), 500,
                                RULES % ("get_method", "there is no request"))
CASES["rule_outside_core"] = Hostile(guest(core=call("set_status_code", "(i32.const 404)")), 500, RULES % ("set_status_code", "there is no request"))

SENT = "the guest's answer cannot be sent: %s"
CONTROL, TOKEN = "a control character in the header", "a header line whose name is not a token"


def sets(kind, name, value, function="set_header_value"):
    return lambda t: call(function, "(i32.const %d) %s %s" % (kind, t(name), t(value)))


for name, code, reason in [
    ("crlf", sets(1, "x", "a\r\nSet-Cookie: evil=1"), CONTROL),
    ("lf", sets(1, "x", "a\nSet-Cookie: evil=1"), CONTROL),
    ("cr", sets(1, "x", "a\rSet-Cookie: evil=1"), CONTROL),
    ("split", sets(1, "x", "a\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "add_header_value"), CONTROL),
    ("nul", sets(1, "x", "a\0b"), CONTROL),
    ("escape", sets(1, "x", "\x1b[2J"), CONTROL),
    ("request_crlf", sets(0, "x", "a\r\nX-Evil: 1"), CONTROL),
    ("request_line", sets(0, "host", "a\r\n\r\nGET /evil HTTP/1.1"), CONTROL),
    ("name_crlf", sets(1, "x\r\nset-cookie", "evil=1"), TOKEN),
    ("name_colon", sets(1, "set-cookie: evil=1\nx", "a"), TOKEN),
    ("name_blank", sets(1, "x y", "a"), TOKEN),
    ("name_nul", sets(1, "x\0y", "a"), TOKEN),
    ("name_bytes", sets(0, b"x\xff", "a"), TOKEN),
    ("name_removed", lambda t: call("remove_header", "(i32.const 1) %s" % t("x y")), TOKEN),
    ("long", sets(1, "x", "a" * 9000), "a header line that is too long"),
    ("type", sets(1, "content-type", "text/html\r\nSet-Cookie: evil=1"), CONTROL),
    ("status_100", call("set_status_code", "(i32.const 100)"), "a status that is not from 200 to 599"),
    ("status_101", call("set_status_code", "(i32.const 101)"), "a status that is not from 200 to 599"),
    ("status_0", call("set_status_code", "(i32.const 0)"), "a status that is not from 200 to 599"),
    ("status_huge", call("set_status_code", "(i32.const -1)"), "a status that is not from 200 to 599"),
    ("method_blank", lambda t: call("set_method", t("GET /evil HTTP/1.1\r\n")), "a method that is not a token"),
    ("method_long", lambda t: call("set_method", t("A" * 100)), "a method that is not a token"),
    ("method_connect", lambda t: call("set_method", t("CONNECT")), "the method CONNECT"),
    ("uri_crlf", lambda t: call("set_uri", t("/x HTTP/1.1\r\nX-Evil: 1\r\n\r\n")), "a URI that is not encoded"),
    ("uri_nul", lambda t: call("set_uri", t("/x\0")), "a URI that is not encoded"),
    ("uri_fragment", lambda t: call("set_uri", t("/x#y")), "a URI that is not encoded"),
    ("uri_bytes", lambda t: call("set_uri", t(b"/\xc3\xa9")), "a URI that is not encoded"),
    ("uri_foreign", lambda t: call("set_uri", t("http://evil.test/")), "a URI that is not a path"),
    ("uri_long", lambda t: call("set_uri", t("/" + "x" * 8190)), "a URI that is not a path"),
    ("uri_above", lambda t: call("set_uri", t("/a/../../etc/passwd")), "a URI whose path httpd refuses"),
    ("variable_name", lambda t: call("set_variable", t("LD_PRELOAD=") + t("x")), "a variable whose name"),
    ("variable_small", lambda t: call("set_variable", t("path") + t("x")), "a variable whose name"),
    ("variable_value", lambda t: call("set_variable", t("A") + t("x\ny")), "a variable with control characters"),
    ("variable_long", lambda t: call("set_variable", t("A") + t("x" * 1025)), "a variable with control characters"),
    ("headers", lambda t: "(loop $l %s (br $l))" % sets(1, "x", "y", "add_header_value")(t),
     "more than 64 KiB of header fields"),
    ("headers_set", lambda t: "(loop $l %s (br $l))" % sets(0, "x", "y" * 1000)(t), "more than 64 KiB of header fields"),
    ("headers_removed", lambda t: "(loop $l %s (br $l))" % call("remove_header", "(i32.const 1) %s" % t("x")),
     "more than 64 KiB of header fields"),
    ("variables", lambda t: "(loop $l %s (br $l))" % call("set_variable", t("A") + t("x")), "more than 32 variables"),
    ("body", "(loop $l (call $write_body (i32.const 1) (i32.const 0) (i32.const 65536)) (br $l))",
     "a body of more bytes than WasmServeBody"),
    ("body_of_request", "(loop $l (call $write_body (i32.const 0) (i32.const 0) (i32.const 65536)) (br $l))",
     "a body of more bytes than WasmServeBody"),
]:
    CASES["sent_" + name] = Hostile(guest(request=code), 500, SENT % re.escape(reason))
    if not re.match("request|method|uri|body_of|headers_set|name_bytes", name):
        CASES["held_" + name] = Hostile(guest(response=code, features=2), 500, SENT % re.escape(reason))
CASES["fuel_request"] = Hostile(guest(request="(loop $l (br $l))"), 503, "fuel exhausted")
CASES["fuel_response"] = Hostile(guest(response="(loop $l (br $l))"), 503, "fuel exhausted")
# What is left of the time after many rounds in the first function is what the second one has.
CASES["both_loops"] = Hostile(guest(request="(loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) "
                                            "(i32.const 1))) (i32.const 1000000))))",
                                    response="(loop $l (br $l))", features=2), 504, "deadline exceeded")


def section(name, *lines):
    return "<WasmServePlugin %s>\nWasmServeModule said/%s.wasm\nWasmServeGrant log\nWasmServeConfig 0123456789\n%s\n" \
           "</WasmServePlugin>\n" % (name, name, "\n".join(lines))


@pytest.fixture(scope="module")
def httpd(make_httpd, backend):
    config = ["WasmServeTimeout 300ms", "WasmServeBody 256K", "WasmServeMemory 4M"]
    for name in CASES:
        # Who is to end by what it does and not by the clock may take its time, on a slow machine too.
        limits = [] if CASES[name].status == 504 else ["WasmServeTimeout 60s"]
        if name.startswith("fuel"):
            limits.append("WasmServeFuel 100000")
        config.append(section(name, *limits) + location("/" + name, "WasmServeFilter " + name))
        config.append(location("/open/" + name, "WasmServeFilter " + name, "WasmServeOnError open"))
        config.append('ProxyPass "/%s/backend" "http://127.0.0.1:%d/backend"' % (name, backend.port))
    config += [
        section("good", "WasmServeTimeout 60s") + location("/good", "WasmServeFilter good"),
        section("shouts", "WasmServeTimeout 60s") + location("/shouts", "WasmServeFilter shouts"),
        section("whispers", "WasmServeTimeout 60s") + location("/whispers", "WasmServeFilter whispers"),
        section("one", "WasmServeConcurrency 1", "WasmServeTimeout 60s") + location("/one", "WasmServeFilter one"),
        location("/one_open", "WasmServeFilter one", "WasmServeOnError open"),
        'ProxyPass "/one/backend" "http://127.0.0.1:%d/wait"' % backend.port,
        location("/410", "WasmServeFilter request_unreachable", "WasmServeOnError 410"),
        location("/410_response", "WasmServeFilter held_unreachable", "WasmServeOnError 410"),
        location("/second", "WasmServeFilter good held_unreachable"),
        location("/first", "WasmServeFilter held_unreachable good"),
        location("/status", "SetHandler wasmserve-status"),
        "ErrorDocument 500 /500.txt\nErrorDocument 504 /504.txt\nErrorDocument 503 /503.txt",
    ]

    def setup(h):
        for name, case in CASES.items():
            h.write("said/%s.wasm" % name, plugin_wat.assemble(case.text))
            h.write("docroot/%s" % name, "a file\n")
            h.write("docroot/open/%s" % name, "a file\n")
            h.write("docroot/ht/%s/file" % name, "a file\n")
            h.write("docroot/ht/%s/.htaccess" % name, "WasmServeFilter %s\n" % name)
        h.write("said/good.wasm", plugin_wat.assemble(guest()))
        h.write("said/one.wasm", plugin_wat.assemble(guest()))
        h.write("said/shouts.wasm", plugin_wat.assemble(guest(
            request=lambda t: "(local.set $i (i32.const 3000)) (loop $l (call $log (i32.const 0) %s) (br_if $l "
                              "(local.tee $i (i32.sub (local.get $i) (i32.const 1)))))" % t("\n" * 100))))
        h.write("said/whispers.wasm", plugin_wat.assemble(guest(
            request="(local.set $i (i32.const 5000)) (loop $l (call $log (i32.const 0) (i32.const 0) (i32.const 0)) (br_if $l "
                    "(local.tee $i (i32.sub (local.get $i) (i32.const 1)))))")))
        for status in (500, 503, 504):
            h.write("docroot/%d.txt" % status, "page for %d\n" % status)
        for name in ("good", "static", "410", "410_response", "second", "first", "one", "one_open", "shouts", "whispers"):
            h.write("docroot/" + name, "a file\n")

    return make_httpd(config="\n".join(config), modules=["proxy_http"], h2=True, setup=setup)


def test_there_are_many():
    assert len(CASES) >= 150


@pytest.mark.parametrize("name", CASES)
def test_hostile(httpd, name):
    case, mark = CASES[name], httpd.log_mark()
    response = httpd.get("/" + name)
    assert (response.status, response.body) == (case.status, b"page for %d\n" % case.status)
    httpd.wait_log(r"plugin %s \(sha256:\w{12}\): %s.*; answered %d$" % (name, case.reason, case.status), mark, 20)
    assert "Set-Cookie" not in response and "X-Evil" not in response
    assert httpd.get("/good").body == b"a file\n"


@pytest.mark.parametrize("name", [name for name in CASES if re.search(
    "unreachable|_deep|sent_crlf|held_crlf|wild_set_method|rule_late|sent_body$|held_body$|exit_well", name)])
def test_hostile_over_h2_and_in_front_of_a_backend(httpd, name):
    case, mark = CASES[name], httpd.log_mark()
    for path in ("/" + name, "/%s/backend" % name):
        response = httpd.h2_request("GET", path)
        assert (response.status, response.body) == (case.status, b"page for %d\n" % case.status)
        assert "set-cookie" not in response
    httpd.wait_log(r"plugin %s " % name, mark)


@pytest.mark.parametrize("name", CASES)
def test_hostile_in_htaccess(httpd, name):
    """When the URL has led to a file: the same statuses and reasons."""
    case, mark = CASES[name], httpd.log_mark()
    response = httpd.get("/ht/%s/file" % name)
    assert (response.status, response.body) == (case.status, b"page for %d\n" % case.status)
    assert "Set-Cookie" not in response and "X-Evil" not in response
    httpd.wait_log(r"plugin %s \(sha256:\w{12}\): %s.*; answered %d$" % (name, case.reason, case.status), mark, 20)


@pytest.mark.parametrize("name", CASES)
def test_hostile_and_open(httpd, name):
    """As if it were not there, in every phase; nothing of what it did before it failed is left."""
    mark = httpd.log_mark()
    response = httpd.get("/open/" + name)
    assert (response.status, response.body) == (200, b"a file\n")
    assert "X" not in response and "ETag" in response
    httpd.wait_log(r"plugin %s \(sha256:\w{12}\): .*; going on without it$" % name, mark)


def test_a_status_of_the_administrators(httpd):
    mark = httpd.log_mark()
    assert httpd.get("/410").status == 410
    assert httpd.get("/410_response").status == 410
    httpd.wait_log(r"plugin held_unreachable .*; answered 410$", mark)
    httpd.wait_log(r"plugin request_unreachable .*; answered 410$", mark)


@pytest.mark.parametrize("path", ["/first", "/second"])
def test_others_of_the_chain_are_not_affected(httpd, path):
    before = figures(httpd)["good"]["passed"]
    httpd.expect_log(r"plugin held_unreachable ", optional=True)
    assert httpd.get(path).body == b"page for 500\n"
    assert figures(httpd)["good"]["passed"] == before + 1


def figures(httpd):
    return {plugin["name"]: plugin for plugin in json.loads(httpd.get("/status?json").body)["plugins"]}


def test_503_says_when_to_come_again(httpd):
    httpd.expect_log(r"plugin request_deep ", optional=True)
    assert httpd.get("/request_deep").get("Retry-After") == "1"


def test_concurrency(httpd, backend):
    """The first holds the place until its backend has answered; meanwhile the next one is refused, or goes without."""
    arrived, go_on = threading.Event(), threading.Event()

    def wait(handler):
        arrived.set()
        go_on.wait(60)
        handler.reply(200, [], b"done")

    backend.answers["/wait"] = wait
    answers = []
    thread = threading.Thread(target=lambda: answers.append(httpd.get("/one/backend").body))
    thread.start()
    assert arrived.wait(60)
    assert figures(httpd)["one"]["in_flight"] == 1
    httpd.expect_log(r"plugin one \(sha256:\w{12}\): WasmServeConcurrency is reached")
    response = httpd.get("/one")
    assert (response.status, response.get("Retry-After")) == (503, "1")
    assert httpd.get("/one_open").body == b"a file\n"
    go_on.set()
    thread.join()
    assert answers == [b"done"] and httpd.get("/one").body == b"a file\n"
    assert figures(httpd)["one"]["in_flight"] == 0 and figures(httpd)["one"]["busy"] == 2


def test_the_log_of_a_request_has_an_end(httpd):
    httpd.expect_log(r"plugin shouts@\w+: more than 65536 bytes of log in one request; the rest is dropped")
    mark = httpd.log_mark()
    assert httpd.get("/shouts").body == b"a file\n"
    assert len(httpd.log_since(mark)) < 400000


def test_lines_with_nothing_in_them_have_an_end_too(httpd):
    httpd.expect_log(r"plugin whispers@\w+: more than 65536 bytes of log in one request; the rest is dropped")
    mark = httpd.log_mark()
    assert httpd.get("/whispers").body == b"a file\n"
    assert httpd.log_since(mark).count("plugin whispers@") == 65536 // 32 + 1


def test_neighbours_are_served_while_guests_are_being_stopped(httpd):
    answers = []
    httpd.expect_log(r"plugin (request|held)_loop ", optional=True)

    def loop(path):
        answers.append(httpd.get(path).status)

    threads = [threading.Thread(target=loop, args=("/%s_loop" % phase,)) for phase in ("request", "held") * 4]
    for thread in threads:
        thread.start()
    served = 0
    while any(thread.is_alive() for thread in threads):
        assert httpd.get("/good").body == b"a file\n" and httpd.get("/static").status == 200
        served += 1
    for thread in threads:
        thread.join()
    assert answers == [504] * 8 and served > 0


def test_a_client_that_goes_away_while_a_guest_reads(httpd):
    mark = httpd.log_mark()
    with httpd.connection() as connection:
        connection.send(b"POST /good HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nhalf")
    assert httpd.get("/good").status == 200
    assert not re.search(r"wasmserve:error", httpd.log_since(mark))


ONE_CHILD = {"prefork": "StartServers 1\nMinSpareServers 1\nMaxSpareServers 1\nMaxRequestWorkers 1"}.get(
    os.environ.get("MPM", "event"),
    "StartServers 1\nServerLimit 1\nThreadsPerChild 4\nMaxRequestWorkers 4\nMinSpareThreads 1\nMaxSpareThreads 4")


def in_child(httpd, field):
    """A figure of /proc/PID/status, in KiB, of the child that has most."""
    found = []
    # On a busy machine the child may still be on its way when the server is known to be up.
    httpd._wait(httpd._listening_children, "a child")
    for pid in httpd._listening_children():
        with open("/proc/%d/status" % pid, encoding="ascii") as status:
            found.append(int(re.search(r"^%s:\s+(\d+) kB" % field, status.read(), re.M).group(1)))
    return max(found)


# How often, and what; so often that a few bytes for each call are more than ROOM.
CALLS = {
    "set_uri": (5000, lambda t: call("set_uri", t("/" + "x" * 8000))),
    "set_method": (1000000, lambda t: call("set_method", t("A" * 32))),
    "get_uri": (1000000, lambda t: call("get_uri", "(i32.const 16384) (i32.const 4096)")),
    # Of another kind with each call, and taken apart.
    "names": (100000, lambda t: "".join(call("get_header_names", "(i32.const %d) (i32.const 16384) (i32.const 8192)" % kind)
                                        for kind in (0, 1))),
    "values": (100000, lambda t: "".join(call("get_header_values", "(i32.const %d) %s (i32.const 16384) (i32.const 8192)" % (
        kind, t("x-list"))) for kind in (0, 1))),
    "variables": (1500000, lambda t: "".join(call("get_variable", t(name) + "(i32.const 16384) (i32.const 4096)")
                                             for name in ("SERVER_NAME", "SERVER_PORT"))),
    "log": (100000, lambda t: call("log", "(i32.const 0) " + t("a line"))),
}
ROOM = 8 * 1024


@pytest.mark.skipif(env.sanitizer() != "", reason="sanitizers keep what is freed, which is not what is looked at here")
@pytest.mark.parametrize("name", CALLS)
def test_calls_without_end_take_no_memory(make_httpd, name):
    """Many calls in one request; what the server took for each of them would be its child's to keep until the end."""
    count, calls = CALLS[name]
    text = guest(request=lambda t: "(local.set $i (i32.const %d)) (loop $l %s (br_if $l (local.tee $i (i32.sub "
                                   "(local.get $i) (i32.const 1)))))" % (count, calls(t)), next_=0)

    httpd = make_httpd(config=section("calls", "WasmServeTimeout 60s") + location("/", "WasmServeFilter calls"),
                       setup=lambda h: h.write("said/calls.wasm", plugin_wat.assemble(text)), mpm_config=ONE_CHILD)
    httpd.expect_log("AH00161|more than 65536 bytes of log", optional=True)
    fields = b"X-List: a\r\nX-List: b\r\nX-List: c\r\nX-Other: a, b\r\nX-Other: c\r\n" * 5
    before = in_child(httpd, "VmHWM")
    # The second one is of a form for which a slash has to be put in front.
    for target in (b"/file", b"http://localhost?a"):
        answer = httpd.raw(b"GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n" % (target, fields))
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert in_child(httpd, "VmHWM") < before + ROOM


@pytest.mark.skipif(env.sanitizer() != "", reason="what sanitizers keep is not what is looked at here")
def test_nothing_is_left_behind(make_httpd):
    """A child that has served many failing requests has not grown: the instances are gone."""
    names = ["request_unreachable", "held_unreachable", "sent_crlf", "wild_read_body", "request_deep", "held_body"]
    config = "WasmServeBody 256K\nWasmServeMemory 4M\n" + "".join(
        section(name) + location("/" + name, "WasmServeFilter " + name) for name in names)

    def setup(h):
        for name in names:
            h.write("said/%s.wasm" % name, plugin_wat.assemble(CASES[name].text))
            h.write("docroot/" + name, "a file\n")

    # The one child is what MaxRequestWorkers allows, which prefork has to remark upon.
    httpd = make_httpd(config=config, setup=setup, log_level="crit", mpm_config=ONE_CHILD)

    httpd.expect_log("AH00161", optional=True)

    def many(times):
        for _ in range(times):
            for name in names:
                httpd.get("/" + name)

    many(40)
    before = in_child(httpd, "VmRSS")
    many(250)
    assert in_child(httpd, "VmRSS") < before + 4096  # 1,500 requests; 4 MiB would be less than 3 KiB each
