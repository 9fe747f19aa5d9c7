# SPDX-License-Identifier: Apache-2.0
"""Beside nginx: the same files and the same requests, where nginx keeps to the standard, must be answered alike.

nginx serves variants (brotli_static, gzip_static) and compresses with gzip as it sends. What it does not do is left
out: it takes no notice of the order of weights, of `*`, of a refused identity and of `x-gzip`, knows no zstd, and the
304 for what it compresses has the tag of the raw file. What is compared is what a client and a cache go by: the status,
the coding, the bytes that come out, `Vary` where there is something to vary, whether tags are strong or weak, whether
they differ, and whether they give 304.
"""
import os
import subprocess
import time

import pytest

import decoders
from nginx_server import Missing, Nginx
from test_delivery_matrix import RAW
from test_store import settle, wait_for

WHEN = int(time.time()) - 3600
BIG = os.urandom(3000) + RAW * 40

STATES = ["all", "only_gzip", "none", "small"]

# No header, and what nginx reads as the standard has it.
ACCEPTS = [None, "", "identity", "gzip", "br", "gzip, br", "br, gzip", "gzip, deflate, br", "gzip,deflate,br", "deflate",
           "gzip;q=0", "gzip;q=0, br", "br;q=0, gzip", "br;q=0", "gzip;q=0.5", "gzip;q=1.0", "gzip;q=0.001",
           "gzip; q=0.5", "GZIP", "deflate, gzip;q=0.8, identity;q=0.5", "compress", "zstd", "gzipped", "xbr"]

REQUESTS = [("GET", []), ("HEAD", []), ("GET", [("If-None-Match", "own")]), ("HEAD", [("If-None-Match", "own")]),
            ("GET", [("If-None-Match", '"other"')]), ("GET", [("If-None-Match", '"x", own')]),
            ("GET", [("If-None-Match", "*")]), ("GET", [("If-Modified-Since", "own")]),
            ("GET", [("If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT")]), ("GET", [("If-Match", '"other"')]),
            ("GET", [("If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:37 GMT")])]

NGINX = """
    brotli_static on; gzip_static on; gzip_vary on;
    gzip on; gzip_types application/wasm; gzip_min_length 256; gzip_comp_level 6;
"""


def variants(tmp_path_factory):
    """By the programs that sites use; br must be the smallest, as nginx takes it first."""
    folder = tmp_path_factory.mktemp("variants")
    path = folder / "app.wasm"
    path.write_bytes(BIG)
    made = {"": BIG}
    for suffix, command in ((".br", ["brotli", "-q", "9", "-c"]), (".gz", ["gzip", "-1", "-n", "-c"])):
        try:
            made[suffix] = subprocess.run(command + [str(path)], check=True, capture_output=True).stdout
        except FileNotFoundError:
            pytest.skip("no %s (Debian: %s)" % (command[0], command[0]))
    assert len(made[".br"]) < len(made[".gz"]) < len(BIG)
    return made


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    made = variants(tmp_path_factory)
    found = {"all/app.wasm" + suffix: data for suffix, data in made.items()}
    found.update({"only_gzip/app.wasm": BIG, "only_gzip/app.wasm.gz": made[".gz"], "none/app.wasm": BIG,
                  "small/app.wasm": RAW[:200]})
    return found


@pytest.fixture(scope="module")
def nginx(files):
    try:
        server = Nginx(NGINX, files, ["ngx_http_brotli_static_module"], mtime=WHEN)
    except Missing as why:
        pytest.skip(str(why))
    yield server
    server.stop()
    server.remove()


@pytest.fixture(scope="module")
def httpd(make_httpd, files):
    def setup(server):
        for name, data in files.items():
            server.write("docroot/" + name, data, mtime=WHEN)

    # nginx makes gzip alone as it sends; where there is a variant in br for all who take it, nothing else is made.
    config = ('<Directory "${docroot}">\nWasmServe On\nWasmServeCompress On\nWasmServeEncodings br gzip\n</Directory>\n'
              '<DirectoryMatch "/docroot/(none|small|only_gzip)">\nWasmServeEncodings gzip\n</DirectoryMatch>')
    return make_httpd(config=config, setup=setup)


@pytest.fixture(scope="module")
def stored(make_httpd, files):
    """The server that has the raw file alone, and has made the same variants by itself."""
    def setup(server):
        server.make_private("store")
        settle(server.write("docroot/all/app.wasm", files["all/app.wasm"], mtime=WHEN))

    server = make_httpd(config="WasmServe On\nWasmServeStore store\nWasmServeEncodings br gzip", setup=setup)
    wait_for(server, "/all/app.wasm", BIG, ["br", "gzip"])
    return server


def ask(server, state, accept, method, headers):
    path = "/%s/app.wasm" % state
    own = [("Accept-Encoding", accept)] if accept is not None else []
    if any("own" in value for _, value in headers):
        first = server.request("GET", path, own)
        known = {"If-None-Match": first.get("ETag"), "If-Modified-Since": first.get("Last-Modified")}
        headers = [(name, value.replace("own", known[name])) for name, value in headers]
    return server.request(method, path, own + headers)


def seen(response, method):
    """What a client goes by."""
    coding = response.get("Content-Encoding")
    body = response.body
    if response.status == 200 and method == "GET":
        body = decoders.decode(coding, body) if coding else body
    elif response.status >= 400:
        body = b"an error page"
    tag = response.get("ETag") if response.status == 200 else None
    return {"status": response.status, "coding": coding, "body": body, "weak": tag.startswith("W/") if tag else None,
            "type": response.get("Content-Type") if response.status == 200 else None,
            "length": "Content-Length" in response if response.status == 200 and not (tag or "").startswith("W/") else None}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("accept", ACCEPTS)
def test_the_same_answer(httpd, nginx, state, accept):
    for method, headers in REQUESTS:
        ours, theirs = (ask(server, state, accept, method, headers) for server in (httpd, nginx))
        assert seen(ours, method) == seen(theirs, method), (method, headers, ours, theirs)
        if ours.status == 304:
            assert ours.get("ETag") == ask(httpd, state, accept, "GET", []).get("ETag")
        if "Vary" in theirs:
            assert "accept-encoding" in ours.tokens("Vary")


@pytest.mark.parametrize("accept", ACCEPTS)
def test_the_same_answer_from_the_store(stored, nginx, accept):
    """Where nginx has the files beside the raw one: a client sees no difference. Nothing there is to be made as it is sent."""
    for method, headers in REQUESTS:
        ours, theirs = (ask(server, "all", accept, method, headers) for server in (stored, nginx))
        assert seen(ours, method) == seen(theirs, method), (method, headers, ours, theirs)
        if "Vary" in theirs:
            assert "accept-encoding" in ours.tokens("Vary")


@pytest.mark.parametrize("accept", [None, "gzip", "br", "gzip, br"])
def test_other_methods(httpd, nginx, accept):
    for method in ("POST", "PUT", "DELETE"):
        ours, theirs = (ask(server, "all", accept, method, []) for server in (httpd, nginx))
        assert ours.status == theirs.status == 405, method


@pytest.mark.parametrize("range_", ["bytes=0-9", "bytes=5-", "bytes=-7", "bytes=9999999-", "bytes=5-4", "lines=1-2"])
def test_ranges_of_the_raw_file(httpd, nginx, range_):
    """Of a variant nginx 1.22 sends no parts, which is allowed."""
    for state in ("all", "none"):
        ours, theirs = (ask(server, state, None, "GET", [("Range", range_)]) for server in (httpd, nginx))
        # A range that ends before it begins makes the header invalid (RFC 9110 section 14.1.1), and an invalid one is
        # ignored (14.2); nginx says 416.
        if range_ != "bytes=5-4":
            assert ours.status == theirs.status, range_
            assert ours.get("Content-Range") == theirs.get("Content-Range")
            if ours.get("Content-Type") == "application/wasm":
                assert ours.body == theirs.body
        else:
            assert ours.status == 200 and ours.body == BIG


def test_tags_differ_by_representation(httpd, nginx):
    for server in (httpd, nginx):
        tags = [ask(server, "all", accept, "GET", []).get("ETag") for accept in (None, "gzip", "br")]
        assert len(set(tags)) == 3
