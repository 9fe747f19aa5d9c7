# SPDX-License-Identifier: Apache-2.0
"""configtest finds every mistake about plugins, and says where it is, what is wrong and what to do."""
import hashlib
import os
import re

import pytest

import plugin_wat


FILTER = """(module %s (memory (export "memory") 1) (func (export "handle_request") (result i64) (i64.const 1))
  (func (export "handle_response") (param i32 i32)))"""
ODD_FILTERS = {
    "filter_memory": FILTER.replace('(memory (export "memory") 1)', "(memory 1)") % "",
    "filter_request": FILTER.replace("(result i64) (i64.const 1)", "(result i32) (i32.const 1)") % "",
    "filter_response": FILTER.replace("(param i32 i32)", "(param i32)") % "",
    "filter_half": FILTER.replace("handle_response", "other") % "",
    "filter_start": FILTER % '(func (export "_start") (param i32))',
    "filter_import": FILTER % '(import "http_handler" "get_path" (func (param i32 i32) (result i32)))',
    "filter_type": FILTER % '(import "http_handler" "get_uri" (func (param i32 i32)))',
    "filter_both": FILTER % '(func (export "_start"))',
}


@pytest.fixture(scope="module")
def server(make_httpd, guest):
    def setup(h):
        with open(guest("hello"), "rb") as module:
            good = module.read()
        h.digest = hashlib.sha256(good).hexdigest()
        h.write("good.wasm", good)
        h.write("empty.wasm", b"")
        h.write("text.wasm", b"#!/bin/sh\necho hello\n")
        h.write("version.wasm", b"\0asm\x02\0\0\0")
        h.write("component.wasm", b"\0asm\x0d\0\x01\0")
        h.write("cut.wasm", good[:len(good) // 2])
        h.write("invalid.wasm", plugin_wat.assemble(
            '(module (func (export "_start") (drop (i32.add (i64.const 1) (i32.const 2)))))', "--no-check"))
        h.write("import.wasm", plugin_wat.assemble(
            '(module (import "env" "system" (func)) (func (export "_start")))'))
        h.write("signature.wasm", plugin_wat.assemble(
            '(module (import "wasi_snapshot_preview1" "fd_close" (func (param i64))) (func (export "_start")))'))
        h.write("nostart.wasm", plugin_wat.assemble('(module (func (export "main")))'))
        h.write("oddstart.wasm", plugin_wat.assemble('(module (func (export "_start") (param i32)))'))
        h.write("reactor.wasm", plugin_wat.assemble('(module (func (export "_initialize")))'))
        h.write("httpwasm.wasm", plugin_wat.assemble('(module (func (export "handle_request")))'))
        h.write("filter.wasm", plugin_wat.assemble(FILTER % ""))
        for name, text in ODD_FILTERS.items():
            h.write(name + ".wasm", plugin_wat.assemble(text))
        h.write("big.conf", b"x" * (16 << 20 | 1))
        h.write("small.conf", b"a=b")
        h.write("proxywasm.wasm", plugin_wat.assemble('(module (func (export "proxy_abi_version_0_2_1")))'))
        h.write("large.wasm", plugin_wat.assemble('(module (memory 2048) (func (export "_start")))'))
        h.write("data/file.txt", "data")
        # A type section that says that it has 4 billion types: what it would take must not be taken.
        h.write("greedy.wasm", b"\0asm\1\0\0\0\1\6\xff\xff\xff\xff\x0f\x60")
        return h
    return make_httpd(start=False, setup=setup)


def section(*lines, name="p"):
    return "<WasmServePlugin %s>\n%s\n</WasmServePlugin>\n" % (name, "\n".join(lines))


GOOD = "WasmServeModule good.wasm"

# What is written, and what the complaint must say besides the file and the line: who, what, and the remedy.
WRONG = {
    "no module": (section("WasmServeGrant log"), ["plugin p", "no WasmServeModule", "name the module's file"]),
    "missing": (section("WasmServeModule none.wasm"), ["none.wasm", "No such file", "check the path"]),
    "directory": (section("WasmServeModule data"), ["data", "not a regular file"]),
    "empty": (section("WasmServeModule empty.wasm"), ["empty.wasm", "cannot be used", "damaged|cut short|\\.wasm file"]),
    "text": (section("WasmServeModule text.wasm"), ["magic header not detected", "byte 0", "is this a .wasm file"]),
    "version": (section("WasmServeModule version.wasm"), ["unknown binary version"]),
    "component": (section("WasmServeModule component.wasm"), ["component", "wasm32-wasip1"]),
    "cut short": (section("WasmServeModule cut.wasm"), ["cut.wasm", "at byte \\d+", "build or copy it again"]),
    "invalid": (section("WasmServeModule invalid.wasm"), ["type mismatch", "at byte \\d+"]),
    "greedy": (section("WasmServeModule greedy.wasm"), ["greedy.wasm", "cannot be used"]),
    "import": (section("WasmServeModule import.wasm"), ['"env" "system"', "wasi_snapshot_preview1 and wasmserve_kv"]),
    "signature": (section("WasmServeModule signature.wasm"), ["incompatible import type", "WASI preview 1"]),
    "no _start": (section("WasmServeModule nostart.wasm"), ["cannot be a plugin", "neither _start"]),
    "odd _start": (section("WasmServeModule oddstart.wasm"), ["takes parameters"]),
    "reactor": (section("WasmServeModule reactor.wasm"), ["reactor", "with _start"]),
    "http-wasm guest": (section("WasmServeModule httpwasm.wasm"),
                        ["handle_request is not of type", "exports memory, handle_request and handle_response"]),
    "filter without memory": (section("WasmServeModule filter_memory.wasm"), ['under the name "memory"']),
    "filter of another type": (section("WasmServeModule filter_request.wasm"),
                               [r"handle_request is not of type \(\) -> i64"]),
    "filter's response": (section("WasmServeModule filter_response.wasm"),
                          [r"handle_response is not of type \(i32, i32\) -> \(\)"]),
    "filter in part": (section("WasmServeModule filter_half.wasm"), ["no function handle_response"]),
    "filter's _start": (section("WasmServeModule filter_start.wasm"), ["_start takes parameters"]),
    "filter's import": (section("WasmServeModule filter_import.wasm"), ['"http_handler" "get_path"', "http_handler, wasmserve"]),
    "filter's import's type": (section("WasmServeModule filter_type.wasm"), ["incompatible import type"]),
    "proxy-wasm guest": (section("WasmServeModule proxywasm.wasm"), ["guest for proxy-wasm", "cannot run"]),
    "too much memory": (section("WasmServeModule large.wasm"),
                        ["begins with 134217728 bytes", "allows 67108864", "at least 131072K"]),
    "pinned wrongly": (section("WasmServeModule good.wasm sha256:" + "0" * 64),
                       ["not the one that WasmServeModule pins", "sha256:{digest}", "pin the new digest"]),
    "bad digest": (section("WasmServeModule good.wasm sha256:abc"), ["not a digest", "sha256sum good.wasm"]),
    "md5": (section("WasmServeModule good.wasm md5:" + "0" * 32), ["not a digest"]),
    "three words": (section("WasmServeModule a b c"), ["WasmServeModule", "quote a path"]),
    "abi unknown": (section(GOOD, "WasmServeABI fastcgi"), ["WasmServeABI", "neither auto nor cgi"]),
    "abi http-wasm": (section(GOOD, "WasmServeABI http-wasm"),
                      ["WasmServeABI says http-wasm", "no function handle_request"]),
    "abi cgi": (section("WasmServeModule filter.wasm", "WasmServeABI cgi"), ["WasmServeABI says cgi", "no _start"]),
    "abi proxy-wasm": (section(GOOD, "WasmServeABI proxy-wasm"), ["cannot speak proxy-wasm"]),
    "grant unknown": (section(GOOD, "WasmServeGrant network"), ["WasmServeGrant", '"network" is not one of']),
    "grant of later": (section(GOOD, "WasmServeGrant http:a.test"), ["this version cannot grant that"]),
    "grant env": (section(GOOD, "WasmServeGrant env:"), ["env:NAME or env:NAME=VALUE"]),
    "grant env name": (section(GOOD, "WasmServeGrant env:A-B=1"), ["env:NAME=VALUE"]),
    "grant env of request": (section(GOOD, "WasmServeGrant env:REMOTE_USER=root"), ["the request's own"]),
    "grant env header": (section(GOOD, "WasmServeGrant env:HTTP_HOST=x"), ["the request's own"]),
    "grant env twice": (section(GOOD, "WasmServeGrant env:A=1 env:A=2"), ["granted twice"]),
    "grant dir": (section(GOOD, "WasmServeGrant dir:data"), ["dir:HOST:GUEST"]),
    "grant dir guest": (section(GOOD, "WasmServeGrant dir:data:/a/../b"), ["dir:HOST:GUEST"]),
    "grant dir mode": (section(GOOD, "WasmServeGrant dir:data:/d:rx"), ["rx is neither ro nor rw"]),
    "grant dir twice": (section(GOOD, "WasmServeGrant dir:data:/d dir:/tmp:/d"), ["already has a /d"]),
    "grant dir missing": (section(GOOD, "WasmServeGrant dir:none:/d"), ["none is not accessible", "create it"]),
    "grant dir file": (section(GOOD, "WasmServeGrant dir:data/file.txt:/d"), ["not a directory"]),
    "memory small": (section(GOOD, "WasmServeMemory 1"), ["WasmServeMemory", "out of range", "64K to 4G"]),
    "memory word": (section(GOOD, "WasmServeMemory much"), ["WasmServeMemory", "is not a size"]),
    "timeout zero": (section(GOOD, "WasmServeTimeout 0"), ["WasmServeTimeout", "out of range"]),
    "timeout word": (section(GOOD, "WasmServeTimeout Off"), ["WasmServeTimeout", "is not a duration"]),
    "stack small": (section(GOOD, "WasmServeStack 100"), ["WasmServeStack", "16K"]),
    "fuel": (section(GOOD, "WasmServeFuel -1"), ["WasmServeFuel", "a number or Off"]),
    "body": (section(GOOD, "WasmServeBody 1x"), ["WasmServeBody", "is not a size"]),
    "concurrency": (section(GOOD, "WasmServeConcurrency 0"), ["WasmServeConcurrency", "out of range"]),
    "on error word": (section(GOOD, "WasmServeOnError maybe"), ["WasmServeOnError", "closed nor open nor a status"]),
    "on error status": (section(GOOD, "WasmServeOnError 200"), ["from 400 to 599"]),
    "engine": ("WasmServeEngine jit", ["WasmServeEngine", "auto, interpreter, compiler"]),
    "engine words": ("WasmServeEngine interpreter explicit", ["WasmServeEngine", '"explicit"', "auto or compiler"]),
    "engine unknown word": ("WasmServeEngine auto fast", ["WasmServeEngine", '"fast"', "explicit"]),
    "code cache missing": ("WasmServeCodeCache none-there", ["WasmServeCodeCache", "not accessible", "create it"]),
    "code cache file": ("WasmServeCodeCache data/file.txt", ["WasmServeCodeCache", "not a directory"]),
    "code cache words": ("WasmServeCodeCache a b", ["WasmServeCodeCache", "takes one"]),
    "code cache in a virtual host": ("<VirtualHost *>\nWasmServeCodeCache data\n</VirtualHost>",
                                     ["WasmServeCodeCache", "outside of <VirtualHost>"]),
    "twice": (section(GOOD) + section(GOOD), ["already has a plugin of that name", "test.conf:\\d+"]),
    "no name": (section(GOOD, name=""), ["is not a name"]),
    "bad name": (section(GOOD, name="a/b"), ['"a/b" is not a name']),
    "two names": (section(GOOD, name="a b"), ["takes one name"]),
    "name none": (section(GOOD, name="none"), ["cannot be a name"]),
    "foreign directive": (section(GOOD, "WasmServe On"), ["WasmServe ", "has no meaning inside", "move it"]),
    "other module's directive": (section(GOOD, "ServerAdmin a@b"), ["ServerAdmin", "has no meaning inside"]),
    "handler inside": (section(GOOD, "WasmServeHandler p"), ["WasmServeHandler", "has no meaning inside"]),
    "unknown handler": ("<Location /x>\nWasmServeHandler ghost\n</Location>",
                        ["WasmServeHandler ghost", "no such plugin", "<WasmServePlugin ghost>"]),
    "two handlers": ("WasmServeHandler a b", ["takes one name"]),
    "module outside": ("WasmServeModule good.wasm", ["WasmServeModule", "inside a <WasmServePlugin NAME>"]),
    "grant outside": ("WasmServeGrant log", ["WasmServeGrant", "inside a <WasmServePlugin NAME>"]),
    "section in a directory": ("<Directory /x>\n" + section(GOOD) + "</Directory>", ["not allowed"]),
    "vhost's plugin in the main server": (
        "<VirtualHost *:1>\n" + section(GOOD, name="inner") + "</VirtualHost>\nWasmServeHandler inner",
        ["WasmServeHandler inner", "no such plugin in this server"]),
    "unknown filter": ("<Location /x>\nWasmServeFilter ghost\n</Location>",
                       ["WasmServeFilter ghost", "no such plugin", "<WasmServePlugin ghost>"]),
    "filter by a program": (section(GOOD) + "WasmServeFilter p", ["WasmServeFilter p", "cgi program", "WasmServeHandler"]),
    "handler by a filter": (section("WasmServeModule filter.wasm") + "WasmServeHandler p",
                            ["WasmServeHandler p", "guest of http-wasm", "WasmServeFilter"]),
    "filter twice": (section("WasmServeModule filter.wasm") + "WasmServeFilter p p", ["named twice"]),
    "filter and none": (section("WasmServeModule filter.wasm") + "WasmServeFilter p none", ["none stands alone"]),
    "many filters": ("WasmServeFilter " + " ".join("p%d" % i for i in range(17)), ["at most 16"]),
    "filter inside": (section("WasmServeModule filter.wasm", "WasmServeFilter p"), ["has no meaning inside"]),
    "config of a program": (section(GOOD, "WasmServeConfig x"), ["WasmServeConfig", "env:NAME=VALUE"]),
    "config missing": (section("WasmServeModule filter.wasm", "WasmServeConfig @none.conf"),
                       ["none.conf", "cannot be read", "check the path"]),
    "config of a directory": (section("WasmServeModule filter.wasm", "WasmServeConfig @data"), ["regular file"]),
    "config too large": (section("WasmServeModule filter.wasm", "WasmServeConfig @big.conf"), ["at most 16777216 bytes"]),
    "config in two words": (section("WasmServeModule filter.wasm", "WasmServeConfig a b"), ["in quotes"]),
    "config of no file": (section("WasmServeModule filter.wasm", "WasmServeConfig @"), ["path of a file"]),
    "reuse of a program": (section(GOOD, "WasmServeReuse 10"), ["WasmServeReuse", "ends with its request"]),
    "snapshot of a program": (section(GOOD, "WasmServeSnapshot On"), ["WasmServeSnapshot", "over when it has started"]),
    "snapshot word": (section("WasmServeModule filter.wasm", "WasmServeSnapshot warm"), ["WasmServeSnapshot"]),
    "reuse zero": (section("WasmServeModule filter.wasm", "WasmServeReuse 0"), ["neither request nor a number"]),
    "reuse word": (section("WasmServeModule filter.wasm", "WasmServeReuse ever"), ["neither request nor a number"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_mistakes(server, name):
    config, wanted = WRONG[name]
    code, output = server.configtest(config)
    assert code != 0, output
    assert re.search(r"test\.conf:\d+|on line \d+", output), "no place in:\n" + output
    for text in wanted:
        assert re.search(text.replace("{digest}", server.digest), output), "no %r in:\n%s" % (text, output)


@pytest.mark.parametrize("config", [
    section("WasmServeModule filter.wasm", "WasmServeConfig @small.conf", "WasmServeReuse 100") + "WasmServeFilter p",
    section("WasmServeModule filter.wasm", "WasmServeABI http-wasm", "WasmServeReuse request") + "WasmServeFilter p",
    section("WasmServeModule filter.wasm", "WasmServeSnapshot On", "WasmServeReuse 10") + "WasmServeFilter p",
    section(GOOD, "WasmServeSnapshot Off") + "WasmServeHandler p",
    section("WasmServeModule filter_both.wasm", "WasmServeABI cgi") + "WasmServeHandler p",
    section("WasmServeModule filter_both.wasm") + section("WasmServeModule filter_both.wasm", "WasmServeABI cgi", name="q")
    + "WasmServeFilter p\nWasmServeHandler q",
    section("WasmServeModule filter.wasm") + "WasmServeFilter none\n<Directory /x>\nWasmServeFilter p\n</Directory>",
])
def test_what_is_right(server, config):
    assert server.configtest(config)[0] == 0


def test_all_mistakes_are_told_at_once(server):
    code, output = server.configtest(section("WasmServeModule none.wasm") +
                                     section("WasmServeModule text.wasm", name="q") + "WasmServeHandler ghost")
    assert code != 0
    for text in ("plugin p", "plugin q", "ghost"):
        assert text in output


def test_module_of_another_user(server):
    if os.getuid() == 0:
        pytest.skip("root reads everything")
    server.write("secret.wasm", b"\0asm", mode=0)
    code, output = server.configtest(section("WasmServeModule secret.wasm"))
    assert code != 0 and "Permission denied" in output


RIGHT = {
    "all": section(GOOD + " sha256:{digest}", "WasmServeABI auto", "WasmServeGrant log clock random",
                   "WasmServeGrant kv:2M env:REGION=eu env:HOME dir:data:/data dir:/tmp:/tmp:rw", "WasmServeMemory 16M",
                   "WasmServeTimeout 50ms", "WasmServeStack 256K", "WasmServeFuel 1000000", "WasmServeBody 0",
                   "WasmServeConcurrency 4", "WasmServeOnError 502"),
    "digest in capitals": section(GOOD + " SHA256:{DIGEST}"),
    "quoted path": section('WasmServeModule "good.wasm"'),
    "absolute path": section("WasmServeModule ${root}/good.wasm"),
    "explicit abi": section(GOOD, "WasmServeABI cgi"),
    "memory raised": section("WasmServeModule large.wasm", "WasmServeMemory 128M"),
    "memory raised in the server": "WasmServeMemory 128M\n" + section("WasmServeModule large.wasm"),
    "limits anywhere": "WasmServeMemory 32M\n<Location /a>\nWasmServeTimeout 2s\nWasmServeFuel Off\n</Location>\n",
    "engine": "WasmServeEngine auto",
    "used before it is defined": "WasmServeHandler p\n" + section(GOOD),
    "used in a vhost": section(GOOD) + "<VirtualHost *:1>\nWasmServeHandler p\n</VirtualHost>",
    "same name in a vhost": section(GOOD) + "<VirtualHost *:1>\n" + section(GOOD) + "</VirtualHost>",
    "inside IfModule": section("<IfModule mod_wasmserve.c>", GOOD, "</IfModule>"),
    "none": "WasmServeHandler none",
}


@pytest.mark.parametrize("name", RIGHT)
def test_valid(server, name):
    config = RIGHT[name].replace("{digest}", server.digest).replace("{DIGEST}", server.digest.upper())
    code, output = server.configtest(config)
    assert code == 0 and "Syntax OK" in output, output
