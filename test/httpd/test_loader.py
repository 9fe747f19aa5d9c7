# SPDX-License-Identifier: Apache-2.0
"""SetHandler wasmserve-loader: the script comes out of the module, whole, in every coding, without a file on the host;
and the header with which delivery tells it how large a raw file is."""
import gzip
import os
import re
import subprocess

import pytest

import env

RAW = b"\0asm\1\0\0\0" + bytes(range(256)) * 16
BR = b"\x1b\x07" + b"brotli" * 70
WHEN = 1700000000
SIZE = "X-Uncompressed-Content-Length"

CONFIG = """
AddOutputFilterByType DEFLATE text/javascript application/wasm
<Location "/loader.js">
    SetHandler wasmserve-loader
</Location>
<Location "/deep/down/there.js">
    SetHandler wasmserve-loader
</Location>
<Location "/plain.js">
    SetHandler wasmserve-loader
    WasmServeEncodings none
</Location>
<Location "/own-words.js">
    SetHandler wasmserve-loader
    Header set Cache-Control "max-age=60"
</Location>
<Location "/expires.js">
    SetHandler wasmserve-loader
    ExpiresActive On
    ExpiresDefault "access plus 1 hour"
</Location>
<Directory "${docroot}/app">
    WasmServe On
    WasmServeTypes .wasm .js
</Directory>
<Directory "${docroot}/sent">
    WasmServe On
    WasmServeCompress On
    WasmServeTypes .wasm .js
</Directory>
<Location "/sent/loader.js">
    SetHandler wasmserve-loader
    WasmServeEncodings zstd
</Location>
"""


def source():
    """The script as it is served: without the lines that are comments or empty, but for the first."""
    with open(os.path.join(env.TOP, "conf/loader/wasmserve-loader.js"), encoding="utf-8") as file:
        first, *rest = file.read().splitlines(keepends=True)
    return (first + "".join(line for line in rest if not re.match(r" *//|$", line))).encode()


@pytest.fixture(scope="module")
def httpd(make_httpd):
    def setup(server):
        server.write("docroot/page/.htaccess", '<Files "wasmserve-loader.js">\n  SetHandler wasmserve-loader\n</Files>\n')
        server.write("docroot/page/index.html", "<p>page</p>")
        for name in ("app.wasm", "app.js"):
            server.write("docroot/app/" + name, RAW, mtime=WHEN)
            server.write("docroot/app/%s.br" % name, BR, mtime=WHEN)
        server.write("docroot/app/only.wasm.br", BR, mtime=WHEN)
        server.write("docroot/sent/app.wasm", RAW, mtime=WHEN)

    return make_httpd(config=CONFIG, modules=["deflate", "headers", "expires"], h2=True, setup=setup)


def decode(coding, data):
    if coding == "gzip":
        return gzip.decompress(data)
    program = {"br": "brotli", "zstd": "zstd"}[coding]
    return subprocess.run([program, "-d", "-c"], input=data, check=True, capture_output=True).stdout


def built_in():
    """The codings that this build has the script in."""
    with open(os.path.join(env.BUILD_DIR, "gen/loader_bytes.h"), encoding="ascii") as header:
        names = re.findall(r"loader_(\w+)\[\]", header.read())
    assert names[0] == "IDENTITY"
    return [name.lower() for name in names[1:]]


def check(answer, coding, method="GET"):
    assert answer.status == 200
    assert answer.get("Content-Type") == "text/javascript"
    assert answer.get("Content-Encoding") == (None if coding == "identity" else coding)
    suffix = "" if coding == "identity" else "-" + coding
    assert re.fullmatch(r'"[0-9a-f]{16}%s"' % suffix, answer.get("ETag"))
    assert answer.get_all("Vary") == ["Accept-Encoding"]
    assert "Last-Modified" not in answer and "Transfer-Encoding" not in answer and "Content-Range" not in answer
    if method == "HEAD":
        assert answer.body == b""
    else:
        assert answer.get("Content-Length") == str(len(answer.body))
        assert (answer.body if coding == "identity" else decode(coding, answer.body)) == source()


def test_this_build_has_every_coding_whose_program_is_here():
    assert "gzip" in built_in()


@pytest.mark.parametrize("coding", ["identity", "br", "zstd", "gzip"])
def test_each_coding(httpd, coding):
    if coding not in ["identity"] + built_in():
        pytest.skip("built without %s" % coding)
    asked = [] if coding == "identity" else [("Accept-Encoding", coding)]
    answer = httpd.get("/loader.js", asked)
    check(answer, coding)
    assert answer.get("Cache-Control") == "no-cache"
    head = httpd.request("HEAD", "/loader.js", asked)
    check(head, coding, "HEAD")
    assert head.get("Content-Length") == answer.get("Content-Length") and head.get("ETag") == answer.get("ETag")
    for method in ("GET", "HEAD"):
        for tag in (answer.get("ETag"), "W/" + answer.get("ETag"), '"x", %s' % answer.get("ETag"), "*"):
            same = httpd.request(method, "/loader.js", asked + [("If-None-Match", tag)])
            assert (same.status, same.body, same.get("ETag")) == (304, b"", answer.get("ETag"))
            assert same.get_all("Vary") == ["Accept-Encoding"] and same.get("Cache-Control") == "no-cache"
            assert "Content-Encoding" not in same and "Content-Length" not in same
    assert httpd.get("/loader.js", asked + [("If-None-Match", '"x"')]).status == 200
    assert httpd.get("/loader.js", asked + [("If-Modified-Since", "Wed, 25 Nov 2099 00:00:00 GMT")]).status == 200
    assert httpd.get("/loader.js", asked + [("If-Match", '"x"')]).status == 412


def test_a_client_of_today_gets_the_smallest(httpd):
    answer = httpd.get("/loader.js", [("Accept-Encoding", "gzip, deflate, br, zstd")])
    sizes = {c: len(httpd.get("/loader.js", [("Accept-Encoding", c)]).body) for c in built_in()}
    check(answer, min(sizes, key=sizes.get))
    assert len(answer.body) < 8192


def test_what_a_client_refuses_it_does_not_get(httpd):
    check(httpd.get("/loader.js", [("Accept-Encoding", "br;q=0, zstd;q=0, gzip;q=0.5, identity")]), "identity")
    refused = httpd.get("/loader.js", [("Accept-Encoding", "*;q=0")])
    assert refused.status == 406 and refused.get_all("Vary") == ["Accept-Encoding"]
    check(httpd.get("/plain.js", [("Accept-Encoding", "br, gzip")]), "identity")
    assert httpd.get("/plain.js", [("Accept-Encoding", "gzip, identity;q=0")]).status == 406


def test_over_http2(httpd):
    check(httpd.h2_request("GET", "/loader.js", [("accept-encoding", "gzip")]), "gzip")


def test_in_an_htaccess_without_a_file(httpd):
    check(httpd.get("/page/wasmserve-loader.js", [("Accept-Encoding", "gzip")]), "gzip")
    assert httpd.get("/page/another.js").status == 404
    assert httpd.get("/page/index.html").body == b"<p>page</p>"


def test_at_a_place_that_is_no_directory(httpd):
    check(httpd.get("/deep/down/there.js"), "identity")


def test_methods(httpd):
    for method in ("POST", "PUT", "DELETE"):
        answer = httpd.request(method, "/loader.js", [], b"body")
        # TRACE is httpd's own affair (TraceEnable).
        assert answer.status == 405 and set(answer.tokens("Allow")) - {"trace"} == {"get", "head", "options"}
    allowed = httpd.request("OPTIONS", "/loader.js").tokens("Allow")
    assert set(allowed) - {"trace"} == {"get", "head", "options"}


def test_a_range_is_not_served(httpd):
    check(httpd.get("/loader.js", [("Range", "bytes=0-9")]), "identity")


def test_the_administrators_cache_headers_win(httpd):
    assert httpd.get("/own-words.js").get_all("Cache-Control") == ["max-age=60"]
    assert httpd.get("/expires.js").get_all("Cache-Control") == ["max-age=3600"]


@pytest.mark.parametrize("name", ["app.wasm", "app.js"])
def test_delivery_announces_the_raw_size(httpd, name):
    for asked in ([], [("Accept-Encoding", "br")], [("Accept-Encoding", "br"), ("Range", "bytes=0-9")]):
        for method in ("GET", "HEAD"):
            answer = httpd.request(method, "/app/" + name, asked)
            assert answer.status in (200, 206) and answer.get(SIZE) == str(len(RAW))
    tag = httpd.get("/app/" + name, [("Accept-Encoding", "br")]).get("ETag")
    same = httpd.get("/app/" + name, [("Accept-Encoding", "br"), ("If-None-Match", tag)])
    assert same.status == 304 and SIZE not in same  # RFC 9110 §15.4.5
    assert SIZE not in httpd.get("/app/" + name, [("Accept-Encoding", "*;q=0")])
    assert SIZE not in httpd.get("/app/" + name, [("Range", "bytes=99999-")])


def test_what_is_compressed_as_it_is_sent_has_its_raw_size(httpd):
    answer = httpd.get("/sent/app.wasm", [("Accept-Encoding", "gzip")])
    assert (answer.status, answer.get("Content-Encoding"), answer.get(SIZE)) == (200, "gzip", str(len(RAW)))
    assert gzip.decompress(answer.body) == RAW


def test_the_loader_is_not_compressed_a_second_time(httpd):
    answer = httpd.get("/sent/loader.js", [("Accept-Encoding", "br, gzip")])
    check(answer, "identity")
    if "zstd" in built_in():
        check(httpd.get("/sent/loader.js", [("Accept-Encoding", "br, gzip, zstd")]), "zstd")


def test_a_variant_by_its_own_name_has_no_raw_size_to_announce(httpd):
    answer = httpd.get("/app/only.wasm.br", [("Accept-Encoding", "br")])
    assert answer.status == 200 and SIZE not in answer
