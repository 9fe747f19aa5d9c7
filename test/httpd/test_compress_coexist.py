# SPDX-License-Identifier: Apache-2.0
"""`WasmServeCompress On` beside the other modules that change what is sent: nothing is compressed twice, in whatever
way they are configured, and each of them keeps what it had to do."""
import gzip
import os
import threading

import pytest

import decoders
import env
import plugin_wat
from backend import Backend, answer

WHEN = 1700000000
RAW = b"\0asm\1\0\0\0" + bytes(range(256)) * 16
GZIP = gzip.compress(RAW, mtime=0)
PAGE = b"<p>page</p>" * 100
ALL = ("Accept-Encoding", "gzip, deflate, br, zstd")
HAS_BROTLI = env.Installation.get().has("brotli")

# Ways to have another module compress; each stands in an .htaccess of its own.
OTHERS = {
    "by_type": "AddOutputFilterByType DEFLATE application/wasm text/html",
    "set": "SetOutputFilter DEFLATE",
    "by_ending": "AddOutputFilter DEFLATE wasm html",
    "smart": "FilterDeclare squeeze CONTENT_SET\n"
             "FilterProvider squeeze DEFLATE \"%{CONTENT_TYPE} =~ m#wasm|html#\"\nFilterChain squeeze",
    "smart_early": "FilterDeclare squeeze RESOURCE\nFilterProvider squeeze DEFLATE \"true\"\nFilterChain squeeze",
    "forced": "SetOutputFilter DEFLATE\nSetEnv force-gzip 1",
    "inflated_first": "SetOutputFilter INFLATE;DEFLATE",
    "twice": "SetOutputFilter DEFLATE;DEFLATE",
}
if HAS_BROTLI:
    OTHERS.update({
        "brotli_by_type": "AddOutputFilterByType BROTLI_COMPRESS application/wasm text/html",
        "brotli_set": "SetOutputFilter BROTLI_COMPRESS",
        "both": "SetOutputFilter BROTLI_COMPRESS;DEFLATE",
        "both_by_type": "AddOutputFilterByType BROTLI_COMPRESS;DEFLATE application/wasm text/html",
        "both_other_way": "SetOutputFilter DEFLATE;BROTLI_COMPRESS",
    })
# Ours by its name, which nobody needs to do.
OURS = {
    "ours_by_name": "SetOutputFilter WASMSERVE_COMPRESS",
    "ours_by_type": "AddOutputFilterByType WASMSERVE_COMPRESS application/wasm",
    "ours_twice": "SetOutputFilter WASMSERVE_COMPRESS;WASMSERVE_ADOPT;WASMSERVE_COMPRESS",
}


@pytest.fixture(scope="module")
def backend():
    made = Backend()
    head = [("Content-Type", "application/wasm"), ("ETag", '"v1"')]
    made.answers["/app.wasm"] = answer("200 OK", head, RAW)
    made.answers["/chunked.wasm"] = answer("200 OK", head, RAW, 500)
    made.answers["/coded.wasm"] = answer("200 OK", head + [("Content-Encoding", "gzip")], GZIP)
    made.answers["/page.html"] = answer("200 OK", [("Content-Type", "text/html")], PAGE)
    made.answers["/kept.wasm"] = answer("200 OK", head + [("Cache-Control", "max-age=100")], RAW, 500)
    yield made
    made.close()


@pytest.fixture(scope="module")
def httpd(make_httpd, backend):
    config = [
        '<Directory "${docroot}">\nWasmServe On\nWasmServeCompress On\nOptions +Includes\n</Directory>',
        "<WasmServePlugin wasm>\nWasmServeModule said.wasm\n</WasmServePlugin>",
    ]

    def setup(server):
        server.write("said.wasm", plugin_wat.says(b'Content-Type: application/wasm\r\nETag: "v1"\r\n\r\n', RAW))
        for name, lines in {**OTHERS, **OURS}.items():
            folder = "docroot/%s/" % name
            server.write(folder + ".htaccess", lines + "\n")
            server.write(folder + "app.wasm", RAW, mtime=WHEN)
            server.write(folder + "page.html", PAGE, mtime=WHEN)
            for what, line in (("p", 'ProxyPass "http://127.0.0.1:%d"' % backend.port),
                               ("plugin", "WasmServeHandler wasm")):
                config.append("<Location /%s/%s>\n%s\n%s\nWasmServe On\nWasmServeCompress On\n</Location>"
                              % (what, name, line, lines if "FilterDeclare" not in lines else
                                 lines.split("\n", 1)[1].replace("squeeze", "squeeze_" + name)))
            if "FilterDeclare" in lines:
                config.insert(0, lines.split("\n")[0].replace("squeeze", "squeeze_" + name))
        server.write("docroot/substituted/.htaccess", 'AddOutputFilterByType SUBSTITUTE text/javascript\n'
                                                      'Substitute "s/answer/question/"\nWasmServeTypes .js\n')
        server.write("docroot/substituted/app.js", b"export const answer = 42;\n" * 100, mtime=WHEN)
        server.write("docroot/limited/.htaccess", "SetOutputFilter RATE_LIMIT\nSetEnv rate-limit 4000\n")
        server.write("docroot/limited/app.wasm", RAW * 10, mtime=WHEN)
        server.write("docroot/expires/.htaccess", 'ExpiresActive On\nExpiresDefault "access plus 1 hour"\n')
        server.write("docroot/expires/app.wasm", RAW, mtime=WHEN)
        server.write("docroot/error/.htaccess", "WasmServeTypes .wasm .html\nErrorDocument 404 /error/sorry.html\n")
        server.write("docroot/error/sorry.html", PAGE, mtime=WHEN)
        server.write("docroot/index/.htaccess", "DirectoryIndex index.wasm\n")
        server.write("docroot/index/index.wasm", RAW, mtime=WHEN)
        server.write("docroot/twins/.htaccess", "WasmServeTypes .wasm\nAddType application/wasm .bin\n")
        server.write("docroot/twins/app.bin", RAW, mtime=WHEN)
        server.write("docroot/rename/.htaccess", "RewriteEngine On\nRewriteRule ^old\\.wasm$ new.wasm\n")
        server.write("docroot/rename/new.wasm", RAW, mtime=WHEN)
        server.config = "\n".join(config)

    modules = ["deflate", "filter", "headers", "expires", "proxy_http", "substitute", "ratelimit", "include", "rewrite"]
    return make_httpd(config="", modules=modules + (["brotli"] if HAS_BROTLI else []), h2=True, setup=setup)


def check_once(response, coding="br", data=RAW):
    assert response.status == 200, response
    assert response.get_all("Content-Encoding") == [coding], response
    assert decoders.decode(coding, response.body) == data
    assert response.tokens("Vary") == ["accept-encoding"]
    assert response.get("ETag") is None or response.get("ETag").endswith('-%s"' % coding)


@pytest.mark.parametrize("where", ["", "/p", "/plugin"])
@pytest.mark.parametrize("name", list(OTHERS) + list(OURS))
def test_nothing_is_compressed_twice(httpd, name, where):
    for path in ["/app.wasm"] + (["/chunked.wasm"] if where == "/p" else []):
        for accept, coding in ((ALL[1], "br"), ("gzip", "gzip"), ("zstd, gzip;q=0.5", "zstd")):
            response = httpd.get("%s/%s%s" % (where, name, path), [("Accept-Encoding", accept)])
            check_once(response, coding)
            again = httpd.get("%s/%s%s" % (where, name, path),
                              [("Accept-Encoding", accept), ("If-None-Match", response.get("ETag"))])
            assert again.status == 304 and again.get("ETag") == response.get("ETag")
            assert again.get_all("Vary") == ["Accept-Encoding"]


@pytest.mark.parametrize("where", ["", "/p", "/plugin"])
@pytest.mark.parametrize("name", list(OTHERS))
def test_nor_once_for_who_does_not_want_it(httpd, name, where):
    """mod_deflate reads no weights; of our types it has no say."""
    for accept in ("gzip;q=0", "identity, gzip;q=0.5"):
        response = httpd.get("%s/%s/app.wasm" % (where, name), [("Accept-Encoding", accept)])
        assert response.body == RAW and "Content-Encoding" not in response


@pytest.mark.parametrize("name", [name for name in OTHERS if name != "inflated_first"])
def test_what_is_coded_already(httpd, name):
    response = httpd.get("/p/%s/coded.wasm" % name, [ALL])
    assert response.get_all("Content-Encoding") == ["gzip"] and response.body == GZIP


def test_what_is_decoded_on_the_way_is_coded_anew(httpd):
    check_once(httpd.get("/p/inflated_first/coded.wasm", [ALL]))


@pytest.mark.parametrize("where", ["", "/p"])
@pytest.mark.parametrize("name", [name for name in OTHERS if name != "twice"])
def test_pages_are_theirs(httpd, name, where):
    response = httpd.get("%s/%s/page.html" % (where, name), [ALL])
    assert decoders.decode(response.get("Content-Encoding"), response.body) == PAGE and "Cache-Control" not in response


def test_what_others_change_in_the_body_comes_first(httpd):
    response = httpd.get("/substituted/app.js", [ALL])
    assert decoders.decode("br", response.body) == b"export const question = 42;\n" * 100


def test_a_limited_rate(httpd):
    """mod_ratelimit sends a piece at a time, with a flush behind each; it stands behind us."""
    response = httpd.get("/limited/app.wasm", [("Accept-Encoding", "gzip")])
    check_once(response, "gzip", RAW * 10)


def test_expires(httpd):
    response = httpd.get("/expires/app.wasm", [ALL])
    check_once(response)
    assert response.get_all("Cache-Control") == ["max-age=3600"]


def test_an_error_document(httpd):
    response = httpd.get("/error/missing", [ALL])
    assert response.status == 404 and decoders.decode("br", response.body) == PAGE


def test_an_index(httpd):
    check_once(httpd.get("/index/", [ALL]))


def test_an_internal_redirection(httpd):
    check_once(httpd.get("/rename/old.wasm", [ALL]))


def test_a_file_of_the_type_with_another_ending(httpd):
    """httpd's own handler answers; ranges and conditions are its own, and yet nothing is mixed."""
    response = httpd.get("/twins/app.bin", [ALL])
    check_once(response)
    tag = response.get("ETag")
    assert httpd.get("/twins/app.bin", [ALL, ("If-None-Match", tag)]).status == 304
    part = [ALL, ("Range", "bytes=0-9")]
    for extra in ([], [("If-Range", tag)], [("If-Range", "Tue, 14 Nov 2023 22:13:20 GMT")]):
        check_once(httpd.get("/twins/app.bin", part + extra))
    plain = httpd.get("/twins/app.bin", [("Range", "bytes=0-9")])
    assert plain.status == 206 and plain.body == RAW[:10]


# ---- mod_cache

@pytest.fixture(scope="module")
def caching(make_httpd, backend):
    config = """
        CacheRoot "${root}/cache"
        CacheEnable disk "/p/"
        CacheHeader On
        ProxyPass "/p/" "http://127.0.0.1:%d/"
        <Location /p>
            WasmServe On
            WasmServeCompress On
        </Location>
        """ % backend.port

    def setup(server):
        os.mkdir(server.path("cache"))
        os.chmod(server.path("cache"), 0o777)

    if not env.Installation.get().has("cache_disk"):
        pytest.skip("this httpd has no mod_cache_disk")
    return make_httpd(config=config, modules=["cache_disk", "proxy_http"], setup=setup)


def test_a_cache_keeps_what_was_compressed(caching, backend):
    """It stands behind us: each coding is made once, and kept by Vary."""
    for _ in range(2):
        for accept, coding in (("br", "br"), ("gzip", "gzip"), ("br;q=0", None)):
            response = caching.get("/p/kept.wasm", [("Accept-Encoding", accept)])
            assert response.get("Content-Encoding") == coding
            assert (decoders.decode(coding, response.body) if coding else response.body) == RAW
    assert len(backend.seen["/kept.wasm"]) == 3
    response = caching.get("/p/kept.wasm", [("Accept-Encoding", "br"), ("If-None-Match", 'W/"v1-br"')])
    assert response.status == 304 and len(backend.seen["/kept.wasm"]) == 3


# ---- as many at once as there are threads

def test_many_at_once(httpd):
    wrong = []

    def load(coding):
        for _ in range(5):
            response = httpd.get("/by_type/app.wasm", [("Accept-Encoding", coding)])
            if response.get("Content-Encoding") != coding or decoders.decode(coding, response.body) != RAW:
                wrong.append(response)

    threads = [threading.Thread(target=load, args=(coding,)) for coding in ("br", "zstd", "gzip") * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
