# SPDX-License-Identifier: Apache-2.0
"""Delivery among the other modules and the .htaccess files that people already have: whose word counts, and that
nothing is compressed, typed or protected twice or not at all."""
import gzip
import os
import re
import time

import pytest

import env

WHEN = 1700000000
RAW = b"\0asm\1\0\0\0" + bytes(range(256)) * 16
BR = b"\x1b\x07" + b"brotli" * 70
GZIP = gzip.compress(RAW, mtime=0)
ZSTD = b"\x28\xb5\x2f\xfd\x04\x68" + b"zstandard" * 60
SCRIPT = b"export const answer = 42;\n" * 100
PAGE = b"<p>page</p>" * 50
ALL = [("Accept-Encoding", "gzip, deflate, br, zstd")]
ONLY_BR = [("Accept-Encoding", "br")]
IMMUTABLE = "public, max-age=31536000, immutable"
ISOLATION = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp",
             "Cross-Origin-Resource-Policy": "same-origin"}


def has(module):
    return env.Installation.get().has(module)


def put(server, folder, name="app.wasm", raw=RAW, htaccess=None, codings=("br", "gz", "zst")):
    """A file with its variants in a directory of its own."""
    bodies = {"br": BR, "gz": GZIP, "zst": ZSTD}
    if raw is not None:
        server.write("docroot/%s/%s" % (folder, name), raw, mtime=WHEN)
    for coding in codings:
        server.write("docroot/%s/%s.%s" % (folder, name, coding), bodies[coding], mtime=WHEN)
    if htaccess is not None:
        server.write("docroot/%s/.htaccess" % folder, htaccess)


# The files that Unity's manual, Blazor's and emscripten's users put beside their applications.
UNITY = """
<IfModule mod_mime.c>
  RemoveType .gz
  AddEncoding gzip .gz
  AddType application/gzip .data.gz
  AddType application/wasm .wasm.gz
  AddType application/javascript .js.gz
  RemoveType .br
  RemoveLanguage .br
  AddEncoding br .br
  AddType application/octet-stream .data.br
  AddType application/wasm .wasm.br
  AddType application/javascript .js.br
  AddType application/wasm .wasm
</IfModule>
"""
BLAZOR = """
AddType application/wasm .wasm
AddType application/octet-stream .dll .dat
<IfModule mod_deflate.c>
  AddOutputFilterByType DEFLATE text/css
  AddOutputFilterByType DEFLATE application/javascript
  AddOutputFilterByType DEFLATE application/wasm
</IfModule>
"""
EMSCRIPTEN = """
AddType application/wasm .wasm
AddOutputFilterByType DEFLATE application/wasm
Options +Multiviews
RemoveType .gz
AddEncoding x-gzip .gz
"""


@pytest.fixture(scope="module")
def httpd(make_httpd):
    config = [
        # Debian's deflate.conf, and the same for brotli.
        "AddOutputFilterByType DEFLATE application/wasm application/javascript text/javascript text/html",
        "AddOutputFilterByType BROTLI_COMPRESS application/wasm" if has("brotli") else "",
        "<Directory ${docroot}>\nOptions +FollowSymLinks +Includes\nWasmServe On\n"
        "WasmServeTypes .wasm .js .data\n</Directory>",
        "AddLanguage br .br",
        "AddLanguage fr .fr",
    ]

    def setup(server):
        put(server, "plain")
        put(server, "raw", codings=())
        put(server, "charset", htaccess="AddCharset utf-8 .wasm\nAddDefaultCharset utf-8\n")
        put(server, "force", htaccess="ForceType text/plain\n")
        put(server, "unity", htaccess=UNITY)
        for name in ("Build.wasm", "Build.framework.js", "Build.data"):
            put(server, "unity", name=name, raw=None, codings=("br", "gz"))
            put(server, "bare", name=name, raw=None)
        put(server, "blazor", htaccess=BLAZOR)
        put(server, "emscripten", htaccess=EMSCRIPTEN, codings=("gz",))
        put(server, "twice", raw=BR, htaccess="AddEncoding br .wasm\n", codings=("gz",))
        put(server, "headers", htaccess="""
            <Files "set.wasm">\nHeader set Cache-Control "max-age=5"\n</Files>
            <Files "always.wasm">\nHeader always set Cache-Control "max-age=6"\n</Files>
            <Files "merge.wasm">\nHeader merge Cache-Control "private"\n</Files>
            <Files "unset.wasm">\nHeader unset Cache-Control\n</Files>
            <Files "expires.wasm">\nExpiresActive On\nExpiresDefault "access plus 1 hour"\n</Files>
            <Files "vary.wasm">\nHeader append Vary Origin\n</Files>
            """)
        for name in ("set", "always", "merge", "unset", "expires", "vary"):
            put(server, "headers", name=name + ".wasm")
        put(server, "hashed", name="app.9f2c3a1b.wasm")
        put(server, "hashed", name="facade.wasm")
        put(server, "regex", name="app.9f2c3a1b.wasm", htaccess='WasmServeImmutable "\\.v[0-9]+\\.wasm"\n')
        put(server, "regex", name="app.v7.wasm")
        put(server, "never", name="app.9f2c3a1b.wasm", htaccess="WasmServeImmutable Off\n")
        put(server, "never/again", name="app.9f2c3a1b.wasm", htaccess="WasmServeImmutable Auto\n")
        put(server, "broken", name="app.9f2c3a1b.wasm", htaccess='WasmServeImmutable "("\n')
        put(server, "script", name="app.js", raw=SCRIPT)
        put(server, "script", name="app.txt", raw=SCRIPT)
        put(server, "unlisted", name="app.wasm", htaccess="WasmServeTypes .data\n")
        put(server, "nocodings", htaccess="WasmServeEncodings none\n")
        put(server, "handler", htaccess="SetHandler server-status\n")
        put(server, "default", htaccess="SetHandler default-handler\n")
        put(server, "variant_handler", htaccess='<Files "*.br">\nSetHandler server-status\n</Files>\n')
        put(server, "rewritten", htaccess='RewriteEngine On\nRewriteRule "\\.br$" - [F]\n')
        put(server, "redirected", htaccess='RedirectMatch 404 "\\.(br|zst)$"\n')
        put(server, "guarded", htaccess="Require expr \"%{REQUEST_URI} !~ m#\\.br$#\"\n")
        put(server, "guarded_files", htaccess="<Files \"app.*\">\nRequire expr \"%{REQUEST_FILENAME} !~ "
                                              "m#\\.br$#\"\n</Files>\n")
        put(server, "unrestricted", htaccess="AuthMerging Off\n")
        password = "someone:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n"  # "password"
        basic = "AuthType Basic\nAuthName x\nAuthUserFile %s\n" % server.write("users", password)
        put(server, "users", htaccess=basic + "Require valid-user\n")
        put(server, "user_or_raw", htaccess=basic + "<RequireAny>\nRequire valid-user\n"
                                                    "Require expr \"%{REQUEST_URI} =~ m#\\.wasm$#\"\n</RequireAny>\n")
        put(server, "conditional", htaccess='<If "%{REQUEST_URI} =~ /\\.br$/">\nRequire all denied\n</If>\n')
        put(server, "etag", htaccess="FileETag None\n")
        put(server, "digest", htaccess="FileETag Digest\n")
        put(server, "mmap", htaccess="")
        put(server, "located")
        put(server, "errors", htaccess="ErrorDocument 404 /plain/app.wasm\nErrorDocument 406 /errors/sorry.html\n"
                                       "ErrorDocument 416 /errors/sorry.html\n")
        server.write("docroot/errors/sorry.html", "sorry")
        put(server, "index", name="index.wasm", htaccess="DirectoryIndex index.wasm\n")
        server.write("docroot/ssi/page.shtml", '[<!--#include virtual="/ssi/part.wasm" -->]')
        put(server, "ssi", name="part.wasm", raw=b"raw bytes of the part, longer than the variant" * 20,
            htaccess="AddOutputFilter INCLUDES .shtml\n")
        os.mkdir(server.path("docroot/directory.wasm"), 0o755)
        server.write("docroot/isolated/.htaccess", """
            WasmServe Off\nWasmServeIsolation On
            <Files "set.html">\nHeader set Cross-Origin-Embedder-Policy credentialless\n</Files>
            <Files "always.html">\nHeader always set Cross-Origin-Embedder-Policy credentialless\n</Files>
            <Files "unset.html">\nHeader unset Cross-Origin-Resource-Policy\n</Files>
            """)
        for name in ("page", "set", "always", "unset"):
            server.write("docroot/isolated/%s.html" % name, PAGE)
        put(server, "isolated/app", htaccess="WasmServe On\n")
        config.append('<Location "/located/app.wasm.br">\nRequire all denied\n</Location>')
        server.config = "\n".join(config)

    modules = ["deflate", "headers", "expires", "rewrite", "alias", "include", "negotiation", "status", "auth_basic",
               "authn_file"]
    server = make_httpd(modules=modules + (["brotli"] if has("brotli") else []), h2=True, setup=setup)
    server.expect_log(r"AH01630|AH00035|AH01797", optional=True)  # httpd, denying variants
    return server


def check_bytes(answer, coding, data, type_="application/wasm"):
    assert answer.status == 200, answer
    assert answer.get_all("Content-Encoding") == ([coding] if coding else [])
    assert answer.body == data
    assert answer.get("Content-Length") == str(len(data))
    assert answer.get_all("Content-Type") == [type_]
    assert "Transfer-Encoding" not in answer


# ---- mod_deflate and mod_brotli

@pytest.mark.parametrize("headers,coding,data", [(ALL, "gzip", GZIP), (ONLY_BR, "br", BR), ([], None, RAW)])
def test_nothing_is_compressed_again(httpd, headers, coding, data):
    answer = httpd.get("/plain/app.wasm", headers)
    check_bytes(answer, coding, data)
    assert answer.get_all("Vary") == ["Accept-Encoding"]


def test_identity_is_not_compressed_for_want_of_a_variant(httpd):
    """The exact bytes with a length and a tag that later requests can name; compression on the way is another setting."""
    answer = httpd.get("/raw/app.wasm", ALL)
    check_bytes(answer, None, RAW)
    assert re.fullmatch(r'"[0-9a-f-]+"', answer.get("ETag"))
    again = httpd.get("/raw/app.wasm", ALL + [("If-None-Match", answer.get("ETag"))])
    assert again.status == 304 and again.get("ETag") == answer.get("ETag")
    assert again.get_all("Vary") == ["Accept-Encoding"]


def test_other_files_are_compressed_as_configured(httpd):
    answer = httpd.get("/isolated/page.html", [("Accept-Encoding", "gzip")])
    assert answer.get("Content-Encoding") == "gzip" and gzip.decompress(answer.body) == PAGE


# ---- types

@pytest.mark.parametrize("folder", ["charset", "force"])
def test_the_type_is_bare(httpd, folder):
    check_bytes(httpd.get("/%s/app.wasm" % folder, ONLY_BR), "br", BR)
    check_bytes(httpd.get("/%s/app.wasm" % folder), None, RAW)


def test_siblings_keep_their_type(httpd):
    check_bytes(httpd.get("/script/app.js", ONLY_BR), "br", BR, "text/javascript")
    check_bytes(httpd.get("/script/app.js"), None, SCRIPT, "text/javascript")


def test_other_endings_are_not_ours(httpd):
    answer = httpd.get("/script/app.txt", ONLY_BR)
    assert answer.body == SCRIPT and "Cache-Control" not in answer and "Content-Encoding" not in answer


def test_wasm_that_is_not_listed_has_its_type_and_no_variants(httpd):
    answer = httpd.get("/unlisted/app.wasm", ONLY_BR)
    check_bytes(answer, None, RAW)
    assert "Vary" not in answer


def test_no_codings_no_variants(httpd):
    answer = httpd.get("/nocodings/app.wasm", ONLY_BR + [("Accept-Encoding", "identity;q=0")])
    assert answer.status == 406
    answer = httpd.get("/nocodings/app.wasm", ONLY_BR)
    check_bytes(answer, None, RAW)
    assert "Vary" not in answer


# ---- other people's .htaccess

TYPES = {"Build.wasm": {"application/wasm"}, "Build.framework.js": {"text/javascript", "application/javascript"},
         "Build.data": {"application/octet-stream"}}


@pytest.mark.parametrize("coding,suffix,data", [("br", ".br", BR), ("gzip", ".gz", GZIP)])
@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("folder", ["unity", "bare"])
@pytest.mark.parametrize("headers", [ALL, [], [("Accept-Encoding", "identity")]], ids=["all", "none", "identity"])
def test_unity_asks_for_variants_by_name(httpd, folder, name, coding, suffix, data, headers):
    """With Unity's .htaccess or without one: the coding, the inner type, no language. Whoever names the file gets it."""
    answer = httpd.get("/%s/%s%s" % (folder, name, suffix), headers)
    assert answer.status == 200 and answer.body == data
    assert answer.get_all("Content-Encoding") == [coding]
    assert answer.get("Content-Type") in TYPES[name]
    assert "Content-Language" not in answer
    assert answer.get_all("Vary") == ["Accept-Encoding"]
    assert answer.get("Content-Length") == str(len(data))


def test_a_variant_by_name_has_validators_and_ranges(httpd):
    first = httpd.get("/bare/Build.wasm.br", ONLY_BR)
    assert first.get("ETag").endswith('-br"')
    same = ("If-None-Match", first.get("ETag"))
    assert httpd.get("/bare/Build.wasm.br", ONLY_BR + [same]).status == 304
    part = httpd.get("/bare/Build.wasm.br", ONLY_BR + [("Range", "bytes=2-7")])
    assert part.status == 206 and part.body == BR[2:8]


@pytest.mark.parametrize("accept", ["br;q=0", "gzip, *;q=0"])
def test_a_variant_by_name_is_not_sent_to_who_refuses_it(httpd, accept):
    answer = httpd.get("/bare/Build.wasm.br", [("Accept-Encoding", accept)])
    assert answer.status == 406 and answer.get_all("Vary") == ["Accept-Encoding"]


def test_a_variant_by_name_that_is_none_is_only_a_file(httpd):
    httpd.write("docroot/bare/fake.wasm.gz", b"not gzip at all")
    answer = httpd.get("/bare/fake.wasm.gz")
    assert answer.status == 200 and answer.body == b"not gzip at all" and "Content-Encoding" not in answer
    httpd.wait_log(r"fake\.wasm\.gz does not begin as its coding does: passed over")


def test_unity_directory_negotiates_too(httpd):
    check_bytes(httpd.get("/unity/app.wasm", ONLY_BR), "br", BR)


def test_blazor(httpd):
    check_bytes(httpd.get("/blazor/app.wasm", ONLY_BR), "br", BR)
    check_bytes(httpd.get("/blazor/app.wasm"), None, RAW)


def test_emscripten_multiviews(httpd):
    check_bytes(httpd.get("/emscripten/app.wasm", ALL), "gzip", GZIP)
    # "app" without an ending is mod_negotiation's, which chooses by itself.
    answer = httpd.get("/emscripten/app", ALL)
    assert answer.status == 200 and "TCN" in answer


def test_bytes_that_are_declared_to_be_coded_are_left_alone(httpd):
    """`AddEncoding br .wasm`: the raw name, brotli inside. A second coding would be one too many."""
    answer = httpd.get("/twice/app.wasm", ALL)
    assert answer.get_all("Content-Encoding") == ["br"] and answer.body == BR


# ---- whose Cache-Control

@pytest.mark.parametrize("name,expected", [
    ("app", {"no-cache"}), ("set", {"max-age=5"}), ("always", {"max-age=6"}), ("merge", {"no-cache, private"}),
    ("unset", None), ("expires", {"max-age=3600"})])
def test_cache_control_of_others_wins(httpd, name, expected):
    answer = httpd.get("/headers/%s.wasm" % name, ONLY_BR)
    assert answer.body == BR
    if expected is None:
        assert "Cache-Control" not in answer
    else:
        assert set(answer.get_all("Cache-Control")) == expected and len(answer.get_all("Cache-Control")) == 1
    again = httpd.get("/headers/%s.wasm" % name, ONLY_BR + [("If-None-Match", answer.get("ETag"))])
    assert again.status == 304
    assert again.get_all("Cache-Control") == answer.get_all("Cache-Control")


def test_vary_of_others_stays(httpd):
    assert httpd.get("/headers/vary.wasm", ONLY_BR).tokens("Vary") == ["accept-encoding", "origin"]


@pytest.mark.parametrize("path,expected", [
    ("/hashed/app.9f2c3a1b.wasm", IMMUTABLE), ("/hashed/facade.wasm", "no-cache"),
    ("/hashed/app.9f2c3a1b.wasm.br", IMMUTABLE),
    ("/regex/app.9f2c3a1b.wasm", "no-cache"), ("/regex/app.v7.wasm", IMMUTABLE),
    ("/never/app.9f2c3a1b.wasm", "no-cache"), ("/never/again/app.9f2c3a1b.wasm", IMMUTABLE)])
def test_immutable_names(httpd, path, expected):
    assert httpd.get(path, ONLY_BR).get("Cache-Control") == expected


def test_an_expression_that_is_none_is_reported_and_harmless(httpd):
    answer = httpd.get("/broken/app.9f2c3a1b.wasm", ONLY_BR)
    check_bytes(answer, "br", BR)
    assert answer.get("Cache-Control") == "no-cache"
    httpd.wait_log(r'wasmserve:error.*WasmServeImmutable: "\(" is not a regular expression')


# ---- isolation

def test_isolation_is_for_documents_and_assets(httpd):
    for path in ("/isolated/page.html", "/isolated/app/app.wasm"):
        for answer in (httpd.get(path, ONLY_BR), httpd.h2_request("GET", path, ONLY_BR)):
            assert answer.status == 200
            assert {name: answer.get(name) for name in ISOLATION} == ISOLATION
    answer = httpd.get("/plain/app.wasm")
    assert not any(name in answer for name in ISOLATION)


@pytest.mark.parametrize("name,header,values", [
    ("set", "Cross-Origin-Embedder-Policy", ["credentialless"]),
    ("always", "Cross-Origin-Embedder-Policy", ["credentialless"]),
    ("unset", "Cross-Origin-Resource-Policy", [])])
def test_isolation_of_others_wins(httpd, name, header, values):
    answer = httpd.get("/isolated/%s.html" % name)
    expected = {key: [value] for key, value in ISOLATION.items()}
    expected[header] = values
    assert {key: answer.get_all(key) for key in ISOLATION} == expected


# ---- authorization of variants

@pytest.mark.parametrize("folder", ["variant_handler", "rewritten", "redirected", "guarded",
                                    "guarded_files", "conditional", "located"])
def test_a_variant_that_nobody_could_get_is_not_sent(httpd, folder):
    """Whatever keeps app.wasm.br from a client that asks for it keeps it from one that asks for app.wasm."""
    direct = httpd.get("/%s/app.wasm.br" % folder, ONLY_BR)
    assert direct.body != BR
    check_bytes(httpd.get("/%s/app.wasm" % folder, ONLY_BR), None, RAW)


def test_access_without_any_rule(httpd):
    check_bytes(httpd.get("/unrestricted/app.wasm", ONLY_BR), "br", BR)


def test_users(httpd):
    """A variant is for the user who may have the raw file, and for nobody who would be asked for a password."""
    someone = [("Authorization", "Basic c29tZW9uZTpwYXNzd29yZA==")]
    assert httpd.get("/users/app.wasm", ONLY_BR).status == 401
    check_bytes(httpd.get("/users/app.wasm", ONLY_BR + someone), "br", BR)
    assert httpd.get("/user_or_raw/app.wasm.br", ONLY_BR).status == 401
    check_bytes(httpd.get("/user_or_raw/app.wasm", ONLY_BR), None, RAW)


def test_an_unreadable_variant_is_passed_over(httpd):
    if os.getuid() != 0:
        pytest.skip("only root can make a file that the server's user cannot read")
    put(httpd, "unreadable", codings=("gz",))
    path = httpd.write("docroot/unreadable/app.wasm.br", BR, mode=0o600, mtime=WHEN)
    check_bytes(httpd.get("/unreadable/app.wasm", [("Accept-Encoding", "br, gzip;q=0.5")]), "gzip", GZIP)
    httpd.wait_log(re.escape(path) + " cannot be opened: passed over")


def test_an_unreadable_raw_file_is_forbidden(httpd):
    if os.getuid() != 0:
        pytest.skip("only root can make a file that the server's user cannot read")
    httpd.write("docroot/unreadable_raw/app.wasm", RAW, mode=0o600)
    assert httpd.get("/unreadable_raw/app.wasm").status == 403
    httpd.wait_log(r"unreadable_raw/app\.wasm cannot be opened")


# ---- handlers, requests that are not ours

def test_another_handler_is_not_disturbed(httpd):
    assert b"Apache Server Status" in httpd.get("/handler/app.wasm").body


def test_the_default_handler_by_name_is_no_other(httpd):
    check_bytes(httpd.get("/default/app.wasm", ONLY_BR), "br", BR)


def test_path_info_is_not_a_file(httpd):
    assert httpd.get("/plain/app.wasm/more").status == 404


def test_a_query_changes_nothing(httpd):
    check_bytes(httpd.get("/plain/app.wasm?v=9f2c3a1b", ONLY_BR), "br", BR)


def test_missing_and_directories(httpd):
    assert httpd.get("/plain/nothing.wasm", ONLY_BR).status == 404
    answer = httpd.get("/directory.wasm", ONLY_BR)
    assert answer.status == 301 and answer.get("Location").endswith("/directory.wasm/")


def test_the_raw_file_must_be_there(httpd):
    """Variants of nothing are answered by their own names only: nothing says what they are variants of."""
    assert httpd.get("/bare/Build.wasm", ONLY_BR).status in (404, 406)


def test_directory_index(httpd):
    check_bytes(httpd.get("/index/", ONLY_BR), "br", BR)


def test_an_include_is_not_coded(httpd):
    answer = httpd.get("/ssi/page.shtml", ONLY_BR)
    assert answer.status == 200 and "Content-Encoding" not in answer
    assert answer.body == b"[" + b"raw bytes of the part, longer than the variant" * 20 + b"]"


def test_an_error_document_is_not_negotiated(httpd):
    answer = httpd.get("/errors/nothing.wasm", ONLY_BR + [("If-None-Match", "*"), ("Range", "bytes=0-1")])
    assert answer.status == 404 and answer.body == RAW


def test_errors_use_error_documents(httpd):
    put(httpd, "errors")
    answer = httpd.get("/errors/app.wasm", [("Accept-Encoding", "*;q=0")])
    assert (answer.status, answer.body) == (406, b"sorry")
    assert "accept-encoding" in answer.tokens("Vary")
    answer = httpd.get("/errors/app.wasm", [("Range", "bytes=99999-")])
    assert (answer.status, answer.body) == (416, b"sorry")
    assert answer.get("Content-Range") == "bytes */%d" % len(RAW)


def test_unknown_methods(httpd):
    assert httpd.request("BREW", "/plain/app.wasm").status == 501


def test_http_1_0(httpd):
    said = httpd.raw(b"GET /plain/app.wasm HTTP/1.0\r\nHost: x\r\nAccept-Encoding: br\r\n\r\n")
    head, body = said.split(b"\r\n\r\n", 1)
    assert body == BR and b"Content-Encoding: br" in head


# ---- tags

def test_file_etag_none(httpd):
    answer = httpd.get("/etag/app.wasm", ONLY_BR)
    check_bytes(answer, "br", BR)
    assert "ETag" not in answer
    assert httpd.get("/etag/app.wasm", ONLY_BR + [("If-None-Match", '"x"')]).status == 200
    assert httpd.get("/etag/app.wasm", ONLY_BR + [("If-Modified-Since", answer.get("Last-Modified"))]).status == 304


def test_file_etag_digest(httpd):
    """The digest reads the file through the descriptor that is then sent."""
    answer = httpd.get("/digest/app.wasm", ONLY_BR)
    check_bytes(answer, "br", BR)
    assert answer.get("ETag").endswith('-br"')
    assert httpd.get("/digest/app.wasm", ONLY_BR + [("If-None-Match", answer.get("ETag"))]).status == 304


def test_a_file_of_this_second_has_a_strong_tag(httpd):
    """Its time has a fraction, so that a change would be seen: the tag need not change later."""
    httpd.write("docroot/plain/fresh.wasm", RAW, mtime=int(time.time() * 10) / 10 - 0.15)
    young = httpd.get("/plain/fresh.wasm").get("ETag")
    assert young.startswith('"')
    time.sleep(1.2)
    assert httpd.get("/plain/fresh.wasm").get("ETag") == young


def test_a_file_that_may_still_change_unseen_has_a_weak_tag(httpd):
    """It could still change without a change of its time; a 304 is fine, a part of it is not."""
    httpd.write("docroot/plain/young.wasm", RAW, mtime=4000000000)  # in the future counts as now
    answer = httpd.get("/plain/young.wasm")
    tag = answer.get("ETag")
    assert tag.startswith('W/"')
    assert httpd.get("/plain/young.wasm", [("If-None-Match", tag)]).status == 304
    assert httpd.get("/plain/young.wasm", [("Range", "bytes=0-1"), ("If-Range", tag)]).status == 200


# ---- how bodies leave

@pytest.mark.parametrize("lines", ["EnableMMAP Off", "EnableMMAP On", "EnableSendfile On",
                                   "EnableMMAP Off\nReadBufferSize 65536"])
def test_ways_to_send(httpd, lines):
    data = b"\x1b" + os.urandom(300000)
    httpd.write("docroot/mmap/big.wasm", bytes(1 << 20), mtime=WHEN)
    httpd.write("docroot/mmap/big.wasm.br", data, mtime=WHEN)
    httpd.write("docroot/mmap/.htaccess", "" if "ReadBufferSize" in lines else lines)
    for answer in (httpd.get("/mmap/big.wasm", ONLY_BR), httpd.h2_request("GET", "/mmap/big.wasm", ONLY_BR)):
        assert answer.status == 200 and answer.body == data


def test_an_empty_file(httpd):
    httpd.write("docroot/plain/empty.wasm", b"", mtime=WHEN)
    answer = httpd.get("/plain/empty.wasm", ALL + [("Range", "bytes=0-1")])
    assert answer.status == 200 and answer.body == b"" and answer.get("Content-Length") == "0"
