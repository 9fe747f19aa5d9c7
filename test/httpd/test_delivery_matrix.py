# SPDX-License-Identifier: Apache-2.0
"""The negotiation table: what is asked, in which state of the files, and exactly what must come back.

Each row of ROWS is asked four times: with the directives in the server configuration and in .htaccess, over HTTP/1.1
and over HTTP/2. For every answer status, headers and bytes are compared, not only those that the row is about: a
response function for each status says what such an answer looks like, whole.

A row: (state, method, headers, status, what). `state` is a directory of STATES. In header values %(br)s stands for the
entity tag of the br variant in that state, %(when)s for its Last-Modified, and so on. `what` is the representation in
the answer ("raw", "br", "zstd", "gzip"), for 206 with the first and last byte.
"""
import gzip
import os
import re
import time
from email.utils import formatdate

import pytest

WHEN = 1700000000  # Tue, 14 Nov 2023 22:13:20 GMT: the raw file; variants are a minute younger
RAW = b"\0asm\1\0\0\0" + bytes(range(256)) * 16

# Bytes that begin as their codings do and are told apart by size and content; nothing here decodes them.
BODIES = {
    "raw": RAW,
    "br": b"\x1b\x07" + b"brotli" * 70,
    "zstd": b"\x28\xb5\x2f\xfd\x04\x68" + b"zstandard" * 60,
    "gzip": gzip.compress(RAW, mtime=0),
}
SUFFIX = {"raw": "", "br": ".br", "zstd": ".zst", "gzip": ".gz"}
CODINGS = ["br", "zstd", "gzip"]
ORDER = sorted(CODINGS, key=lambda name: len(BODIES[name]))
assert ORDER == ["gzip", "br", "zstd"], "rows rely on gzip < br < zstd in size: %r" % ORDER

LARGER = {"br": b"\x1b" + b"x" * len(RAW), "zstd": BODIES["zstd"] + b"x" * len(RAW),
          "gzip": BODIES["gzip"] + b"x" * len(RAW)}
EQUAL = {"br": b"\x1b" + b"x" * (len(RAW) - 1)}
HTML = b"<!DOCTYPE html><title>404</title>"
WIDE = b"\x28\xb5\x2f\xfd\x04\x69" + b"a window of 9 MiB" * 10

# name: (files of the variants, their age in seconds after the raw file's, lines for the directory)
STATES = {
    "all": (BODIES, 60, ""),
    "none": ({}, 60, ""),
    "only_br": ({"br": BODIES["br"]}, 60, ""),
    "same_second": (BODIES, 0, ""),
    "stale": (BODIES, -1, ""),
    "larger": (LARGER, 60, ""),
    "equal": (EQUAL, 60, ""),
    "empty": ({name: b"" for name in CODINGS}, 60, ""),
    "wrong_magic": ({"zstd": HTML, "gzip": HTML}, 60, ""),
    "wide_window": ({"zstd": WIDE}, 60, ""),
    "forbidden": (BODIES, 60, '<Files "*.gz">\nRequire all denied\n</Files>'),
    "all_forbidden": (BODIES, 60, '<FilesMatch "\\.(br|zst|gz)$">\nRequire all denied\n</FilesMatch>'),
    "directory": ({}, 60, ""),
    "link": ({}, 60, ""),
    "link_not_followed": ({}, 60, "Options -FollowSymLinks"),
    "link_to_nowhere": ({}, 60, ""),
    "no_gzip": (BODIES, 60, "WasmServeEncodings br zstd"),
    "hashed": (BODIES, 60, 'WasmServeImmutable "^app"'),
    "off": (BODIES, 60, "WasmServe Off"),
}

# What the log says of the variants of a state.
REASONS = {
    "stale": "is older than the raw file", "larger": "is larger than the raw file", "empty": "is empty",
    "wrong_magic": "does not begin as its coding does", "wide_window": "needs a zstd window of more than 8 MiB",
    "directory": "is not a regular file",
}

ALL = "gzip, deflate, br, zstd"
ROWS = [
    # Accept-Encoding
    ("all", "GET", [], 200, "raw"),
    ("all", "GET", [("Accept-Encoding", "")], 200, "raw"),
    ("all", "GET", [("Accept-Encoding", ALL)], 200, "gzip"),
    ("all", "GET", [("Accept-Encoding", "br")], 200, "br"),
    ("all", "GET", [("Accept-Encoding", "zstd")], 200, "zstd"),
    ("all", "GET", [("Accept-Encoding", "gzip")], 200, "gzip"),
    ("all", "GET", [("Accept-Encoding", "x-gzip")], 200, "gzip"),
    ("all", "GET", [("Accept-Encoding", "BR")], 200, "br"),
    ("all", "GET", [("Accept-Encoding", "br, zstd")], 200, "br"),
    ("all", "GET", [("Accept-Encoding", "zstd, br;q=0.9")], 200, "zstd"),
    ("all", "GET", [("Accept-Encoding", "gzip;q=0.1, br;q=0.2, zstd;q=0.3")], 200, "zstd"),
    ("all", "GET", [("Accept-Encoding", "br;q=0.5, identity;q=0.9")], 200, "raw"),
    ("all", "GET", [("Accept-Encoding", "br;q=0")], 200, "raw"),
    ("all", "GET", [("Accept-Encoding", "br;q=0, gzip;q=0, zstd")], 200, "zstd"),
    ("all", "GET", [("Accept-Encoding", "*")], 200, "gzip"),
    ("all", "GET", [("Accept-Encoding", "*, gzip;q=0")], 200, "br"),
    ("all", "GET", [("Accept-Encoding", "*;q=0.5, zstd")], 200, "zstd"),
    ("all", "GET", [("Accept-Encoding", "deflate")], 200, "raw"),
    ("all", "GET", [("Accept-Encoding", "br;q=2")], 200, "raw"),
    ("all", "GET", [("Accept-Encoding", "br;q=1.5, gzip")], 200, "gzip"),
    ("all", "GET", [("Accept-Encoding", "zstd"), ("Accept-Encoding", "br")], 200, "br"),
    ("all", "GET", [("Accept-Encoding", "br;q=0.5"), ("Accept-Encoding", "zstd")], 200, "zstd"),
    ("all", "GET", [("Accept-Encoding", "br"), ("Accept-Encoding", "br;q=0")], 200, "raw"),
    ("all", "GET", [("Accept-Encoding", "identity;q=0, br")], 200, "br"),
    ("all", "GET", [("Accept-Encoding", "identity;q=0")], 406, None),
    ("all", "GET", [("Accept-Encoding", "*;q=0")], 406, None),
    ("all", "GET", [("Accept-Encoding", "deflate, *;q=0")], 406, None),
    ("all", "HEAD", [("Accept-Encoding", "*;q=0")], 406, None),
    ("all", "GET", [("Accept-Encoding", "*;q=0, identity")], 200, "raw"),
    ("none", "GET", [("Accept-Encoding", ALL)], 200, "raw"),
    ("none", "GET", [("Accept-Encoding", "br, identity;q=0")], 406, None),
    ("only_br", "GET", [("Accept-Encoding", ALL)], 200, "br"),
    ("only_br", "GET", [("Accept-Encoding", "gzip")], 200, "raw"),
    ("only_br", "GET", [("Accept-Encoding", "gzip, identity;q=0")], 406, None),
    ("no_gzip", "GET", [("Accept-Encoding", ALL)], 200, "br"),
    ("no_gzip", "GET", [("Accept-Encoding", "gzip")], 200, "raw"),
    ("no_gzip", "GET", [("Accept-Encoding", "gzip, identity;q=0")], 406, None),
    # variants that must be passed over
    ("same_second", "GET", [("Accept-Encoding", "br")], 200, "br"),
    ("stale", "GET", [("Accept-Encoding", ALL)], 200, "raw"),
    ("stale", "GET", [("Accept-Encoding", "br, identity;q=0")], 406, None),
    ("larger", "GET", [("Accept-Encoding", ALL)], 200, "raw"),
    ("larger", "HEAD", [("Accept-Encoding", ALL)], 200, "raw"),
    ("equal", "GET", [("Accept-Encoding", "br, identity;q=0.5")], 200, "br"),
    ("equal", "GET", [("Accept-Encoding", "br, identity")], 200, "raw"),
    ("empty", "GET", [("Accept-Encoding", ALL)], 200, "raw"),
    ("wrong_magic", "GET", [("Accept-Encoding", ALL)], 200, "raw"),
    ("wrong_magic", "GET", [("Accept-Encoding", "zstd, identity;q=0")], 406, None),
    ("wide_window", "GET", [("Accept-Encoding", "zstd")], 200, "raw"),
    ("forbidden", "GET", [("Accept-Encoding", ALL)], 200, "br"),
    ("forbidden", "GET", [("Accept-Encoding", "gzip")], 200, "raw"),
    ("forbidden", "GET", [("Accept-Encoding", "gzip, identity;q=0")], 406, None),
    ("all_forbidden", "GET", [("Accept-Encoding", ALL)], 200, "raw"),
    ("directory", "GET", [("Accept-Encoding", ALL)], 200, "raw"),
    ("link", "GET", [("Accept-Encoding", "br")], 200, "br"),
    ("link_not_followed", "GET", [("Accept-Encoding", "br")], 200, "raw"),
    ("link_to_nowhere", "GET", [("Accept-Encoding", "br")], 200, "raw"),
    # methods
    ("all", "HEAD", [], 200, "raw"),
    ("all", "HEAD", [("Accept-Encoding", "br")], 200, "br"),
    ("all", "HEAD", [("Accept-Encoding", "br"), ("Range", "bytes=0-9")], 200, "br"),
    ("all", "POST", [("Accept-Encoding", "br")], 405, None),
    ("all", "PUT", [], 405, None),
    ("all", "DELETE", [("If-None-Match", "*")], 405, None),
    ("all", "OPTIONS", [("Accept-Encoding", "br")], "options", None),
    # conditions
    ("all", "GET", [("Accept-Encoding", "br"), ("If-None-Match", "%(br)s")], 304, "br"),
    ("all", "HEAD", [("Accept-Encoding", "br"), ("If-None-Match", "%(br)s")], 304, "br"),
    ("all", "GET", [("Accept-Encoding", "br"), ("If-None-Match", "W/%(br)s")], 304, "br"),
    ("all", "GET", [("Accept-Encoding", "br"), ("If-None-Match", '"x", %(br)s')], 304, "br"),
    ("all", "GET", [("Accept-Encoding", "br"), ("If-None-Match", '"x"'), ("If-None-Match", "%(br)s")], 304, "br"),
    ("all", "GET", [("Accept-Encoding", "br"), ("If-None-Match", "*")], 304, "br"),
    ("all", "GET", [("Accept-Encoding", "br"), ("If-None-Match", "%(zstd)s")], 200, "br"),
    ("all", "GET", [("Accept-Encoding", "br"), ("If-None-Match", "%(raw)s")], 200, "br"),
    ("all", "GET", [("If-None-Match", "%(raw)s")], 304, "raw"),
    ("all", "GET", [("If-None-Match", "%(br)s")], 200, "raw"),
    ("all", "GET", [("Accept-Encoding", "zstd"), ("If-None-Match", "%(zstd)s")], 304, "zstd"),
    ("all", "GET", [("Accept-Encoding", "br"), ("If-None-Match", "%(br)s"),
                    ("If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT")], 304, "br"),
    ("all", "GET", [("Accept-Encoding", "br"), ("If-None-Match", '"x"'), ("If-Modified-Since", "%(when)s")], 200, "br"),
    ("all", "GET", [("Accept-Encoding", "br"), ("If-Modified-Since", "%(when)s")], 304, "br"),
    ("all", "GET", [("Accept-Encoding", "br"), ("If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT")], 200, "br"),
    ("all", "GET", [("Accept-Encoding", "br"), ("If-Modified-Since", "soon")], 200, "br"),
    ("all", "GET", [("Accept-Encoding", "br"), ("If-Match", "%(br)s")], 200, "br"),
    ("all", "GET", [("Accept-Encoding", "br"), ("If-Match", "*")], 200, "br"),
    ("all", "GET", [("Accept-Encoding", "br"), ("If-Match", "%(raw)s")], 412, "br"),
    ("all", "GET", [("Accept-Encoding", "br"), ("If-Match", "W/%(br)s")], 412, "br"),
    ("all", "HEAD", [("Accept-Encoding", "br"), ("If-Match", '"x"')], 412, "br"),
    ("all", "GET", [("Accept-Encoding", "br"), ("If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:37 GMT")], 412, "br"),
    ("all", "GET", [("Accept-Encoding", "br"), ("If-Unmodified-Since", "%(when)s")], 200, "br"),
    ("all", "GET", [("Accept-Encoding", "br"), ("If-Match", "%(br)s"),
                    ("If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:37 GMT")], 200, "br"),
    ("all", "GET", [("Accept-Encoding", "br"), ("If-Match", "%(br)s"), ("If-None-Match", "%(br)s")], 304, "br"),
    ("stale", "GET", [("Accept-Encoding", "br"), ("If-None-Match", "%(raw)s")], 304, "raw"),
    # ranges, of the coded bytes
    ("all", "GET", [("Range", "bytes=0-3")], 206, ("raw", 0, 3)),
    ("all", "GET", [("Accept-Encoding", "br"), ("Range", "bytes=0-0")], 206, ("br", 0, 0)),
    ("all", "GET", [("Accept-Encoding", "br"), ("Range", "bytes=10-")], 206, ("br", 10, len(BODIES["br"]) - 1)),
    ("all", "GET", [("Accept-Encoding", "br"), ("Range", "bytes=-5")], 206,
     ("br", len(BODIES["br"]) - 5, len(BODIES["br"]) - 1)),
    ("all", "GET", [("Accept-Encoding", "br"), ("Range", "bytes=10-99999")], 206, ("br", 10, len(BODIES["br"]) - 1)),
    ("all", "GET", [("Accept-Encoding", "br"), ("Range", "bytes=-99999")], "whole", "br"),
    ("all", "GET", [("Accept-Encoding", "zstd"), ("Range", "bytes=1-2")], 206, ("zstd", 1, 2)),
    ("all", "GET", [("Accept-Encoding", "br"), ("Range", "bytes=5-4")], 200, "br"),
    ("all", "GET", [("Accept-Encoding", "br"), ("Range", "lines=0-3")], 200, "br"),
    ("all", "GET", [("Accept-Encoding", "br"), ("Range", "bytes=99999-")], 416, "br"),
    ("all", "GET", [("Accept-Encoding", "br"), ("Range", "bytes=-0")], 416, "br"),
    ("all", "GET", [("Range", "bytes=99999-")], 416, "raw"),
    # between the sizes of br and raw: what is satisfiable depends on the variant
    ("all", "GET", [("Accept-Encoding", "br"), ("Range", "bytes=1000-1001")], 416, "br"),
    ("all", "GET", [("Range", "bytes=1000-1001")], 206, ("raw", 1000, 1001)),
    ("all", "GET", [("Accept-Encoding", "br"), ("Range", "bytes=0-3"), ("If-Range", "%(br)s")], 206, ("br", 0, 3)),
    ("all", "GET", [("Accept-Encoding", "br"), ("Range", "bytes=0-3"), ("If-Range", "%(raw)s")], 200, "br"),
    ("all", "GET", [("Accept-Encoding", "br"), ("Range", "bytes=0-3"), ("If-Range", "W/%(br)s")], 200, "br"),
    ("all", "GET", [("Accept-Encoding", "br"), ("Range", "bytes=0-3"), ("If-Range", "%(when)s")], 206, ("br", 0, 3)),
    ("all", "GET", [("Accept-Encoding", "br"), ("Range", "bytes=0-3"),
                    ("If-Range", "Sun, 06 Nov 1994 08:49:37 GMT")], 200, "br"),
    ("all", "GET", [("Accept-Encoding", "br"), ("Range", "bytes=99999-"), ("If-Range", '"x"')], 200, "br"),
    ("all", "GET", [("Accept-Encoding", "br"), ("Range", "bytes=0-3"), ("If-None-Match", "%(br)s")], 304, "br"),
    ("all", "GET", [("Accept-Encoding", "br"), ("Range", "bytes=99999-"), ("If-None-Match", "%(br)s")], 304, "br"),
    ("all", "GET", [("Accept-Encoding", "br"), ("Range", "bytes=0-3"), ("If-Match", '"x"')], 412, "br"),
    # names that are not asked again
    ("hashed", "GET", [("Accept-Encoding", "br")], 200, "br"),
    ("hashed", "GET", [], 200, "raw"),
    ("hashed", "GET", [("Accept-Encoding", "br"), ("If-None-Match", "%(br)s")], 304, "br"),
    # out of scope: httpd's own answer
    ("off", "GET", [("Accept-Encoding", "br")], "untouched", None),
]
assert len(ROWS) * 4 >= 150


def date(seconds):
    return formatdate(seconds, usegmt=True)


def build_site(httpd, scope, config):
    """The directory of every state, below a directory for the scope, and the lines that configure it."""
    for state, (files, age, lines) in STATES.items():
        folder = "docroot/%s/%s/" % (scope, state)
        httpd.write(folder + "app.wasm", RAW, mtime=WHEN)
        for name, data in files.items():
            if name != "raw":
                httpd.write(folder + "app.wasm" + SUFFIX[name], data, mtime=WHEN + age)
        lines = "WasmServe On\n" + lines + "\n"
        if scope == "htaccess":
            httpd.write(folder + ".htaccess", lines)
        else:
            config.append('<Directory "%s">\n%s</Directory>' % (httpd.path(folder.rstrip("/")), lines))
    os.mkdir(httpd.path("docroot/%s/directory/app.wasm.br" % scope), 0o755)
    target = httpd.write("docroot/%s/elsewhere.bin" % scope, BODIES["br"], mtime=WHEN + 60)
    for state in ("link", "link_not_followed"):
        os.symlink(target, httpd.path("docroot/%s/%s/app.wasm.br" % (scope, state)))
    os.symlink("/nonexistent", httpd.path("docroot/%s/link_to_nowhere/app.wasm.br" % scope))


@pytest.fixture(scope="module")
def httpd(make_httpd):
    config = []

    def setup(server):
        for scope in ("server", "htaccess"):
            build_site(server, scope, config)
        # As an unconfigured Debian would compress, to prove that nothing is compressed again.
        server.config = "AddOutputFilterByType DEFLATE application/wasm\n" + "\n".join(config)

    server = make_httpd(modules=["deflate"], h2=True, setup=setup)
    for reason in REASONS.values():
        server.expect_log(r"wasmserve:warn.* %s" % reason, optional=True)
    # httpd itself, about the symbolic link that it does not follow and what it was told to deny
    server.expect_log(r"AH00032|AH00037|AH01630", optional=True)
    return server


def ask(httpd, protocol, method, path, headers=()):
    # Over HTTP/2 without a body: when httpd answers a request with an error before it has read the whole body, which
    # any handler may make it do, mod_http2 resets the stream, and curl then takes the answer for broken.
    body = b"ignored" if method in ("POST", "PUT") and protocol == "h1" else None
    send = httpd.h2_request if protocol == "h2" else httpd.request
    return send(method, path, headers, body)


@pytest.fixture(scope="module")
def tags(httpd):
    """The entity tags of each variant in each state, asked for once."""
    known = {}

    def of(scope, state):
        if (scope, state) not in known:
            path = "/%s/%s/app.wasm" % (scope, state)
            answers = {name: httpd.get(path, [("Accept-Encoding", name)] if name != "raw" else [])
                       for name in BODIES}
            known[scope, state] = {name: answer.get("ETag") for name, answer in answers.items()}
            known[scope, state]["when"] = date(WHEN + STATES[state][1])
        return known[scope, state]

    return of


def check_validators(answer, state, what):
    suffix = "" if what == "raw" else "-" + what
    assert re.fullmatch(r'"[0-9a-f-]+%s"' % suffix, answer.get("ETag")), answer
    if what == "raw":
        assert not re.search("br|gzip|zstd", answer.get("ETag"))
    assert answer.get_all("Vary") == ["Accept-Encoding"]


def check_selected(answer, state, what):
    """What 200, 206 and the 304 for them have in common."""
    check_validators(answer, state, what)
    # A symbolic link is as old as what it points to.
    age = 0 if what == "raw" else STATES[state][1]
    immutable = "public, max-age=31536000, immutable"
    assert answer.get_all("Cache-Control") == [immutable if state == "hashed" else "no-cache"]
    if answer.status != 304 or "Last-Modified" in answer:
        assert answer.get("Last-Modified") == date(WHEN + age)


def check_whole_or_part(answer, state, what):
    check_selected(answer, state, what)
    assert answer.get_all("Content-Type") == ["application/wasm"]
    assert answer.get_all("Content-Encoding") == ([] if what == "raw" else [what])
    assert answer.get("Accept-Ranges") == "bytes"
    assert answer.get("X-Uncompressed-Content-Length") == str(len(RAW))
    assert "Content-Language" not in answer and "Transfer-Encoding" not in answer


def content(state, what):
    if state == "link" and what == "br":
        return BODIES["br"]
    return RAW if what == "raw" else STATES[state][0][what]


def check_200(answer, state, method, what):
    check_whole_or_part(answer, state, what)
    data = content(state, what)
    assert answer.get("Content-Length") == str(len(data))
    assert answer.body == (b"" if method == "HEAD" else data)
    assert "Content-Range" not in answer


def check_206(answer, state, method, what):
    name, first, last = what
    check_whole_or_part(answer, state, name)
    data = content(state, name)
    assert answer.get("Content-Range") == "bytes %d-%d/%d" % (first, last, len(data))
    assert answer.get("Content-Length") == str(last - first + 1)
    assert answer.body == data[first:last + 1]


def check_whole(answer, state, method, what):
    """A suffix longer than the file is all of it; httpd may call that a part or not."""
    if answer.status == 206:
        check_206(answer, state, method, (what, 0, len(content(state, what)) - 1))
    else:
        assert answer.status == 200
        check_200(answer, state, method, what)


def check_304(answer, state, method, what):
    check_selected(answer, state, what)
    assert answer.body == b""
    for name in ("Content-Encoding", "Content-Type", "Content-Range"):
        assert name not in answer, name


def check_405(answer, state, method, what):
    assert sorted(set(answer.tokens("Allow")) - {"trace"}) == ["get", "head", "options"]
    assert answer.get_all("Vary") == ["Accept-Encoding"]
    assert RAW not in answer.body


def check_options(answer, state, method, what):
    assert answer.status == 200 and answer.body == b""
    assert sorted(set(answer.tokens("Allow")) - {"trace"}) == ["get", "head", "options"]


def check_error(answer):
    for name in ("Content-Encoding", "Cache-Control", "Last-Modified"):
        assert name not in answer, name
    assert answer.get("Content-Type").startswith("text/html")
    assert answer.get_all("Vary") == ["Accept-Encoding"]


def check_406(answer, state, method, what):
    check_error(answer)
    assert "ETag" not in answer


def check_412(answer, state, method, what):
    check_error(answer)
    check_validators(answer, state, what)


def check_416(answer, state, method, what):
    check_error(answer)
    check_validators(answer, state, what)
    assert answer.get("Content-Range") == "bytes */%d" % len(content(state, what))


def check_untouched(answer, state, method, what):
    """What httpd does by itself here: mod_deflate's work."""
    assert answer.status == 200
    assert answer.body == RAW and "Cache-Control" not in answer and "Content-Encoding" not in answer


CHECKS = {200: check_200, 206: check_206, 304: check_304, 405: check_405, 406: check_406, 412: check_412,
          416: check_416, "whole": check_whole, "options": check_options, "untouched": check_untouched}


def row_name(row):
    state, method, headers, status, _ = row
    said = " ".join("%s=%s" % (name.replace("Accept-Encoding", "AE"), value) for name, value in headers)
    return ("%s %s %s %s" % (state, method, said, status)).replace("/", "|")


@pytest.mark.parametrize("protocol", ["h1", "h2"])
@pytest.mark.parametrize("scope", ["server", "htaccess"])
@pytest.mark.parametrize("row", ROWS, ids=row_name)
def test_row(httpd, tags, row, scope, protocol):
    state, method, headers, status, what = row
    # Only where the row needs them: "off" has no tags of ours.
    if any("%(" in value for _, value in headers):
        headers = [(name, value % tags(scope, state)) for name, value in headers]
    answer = ask(httpd, protocol, method, "/%s/%s/app.wasm" % (scope, state), headers)
    if isinstance(status, int):
        assert answer.status == status, answer
    CHECKS[status](answer, state, method, what)


def test_tags_of_variants_differ(tags):
    for scope in ("server", "htaccess"):
        known = [tags(scope, "all")[name] for name in BODIES]
        assert len(set(known)) == len(known)


@pytest.mark.parametrize("state", REASONS)
def test_the_log_says_why(httpd, state):
    path = "/server/%s/app.wasm" % state
    assert httpd.get(path, [("Accept-Encoding", ALL)]).body == RAW
    httpd.wait_log(r"\[wasmserve:warn\].*%s\.\w+ %s" % (re.escape(path), REASONS[state]))


def test_the_log_names_what_was_refused(httpd):
    """Not a warning: somebody has configured it so."""
    httpd.get("/server/forbidden/app.wasm", [("Accept-Encoding", "gzip")])
    httpd.wait_log(r"\[wasmserve:info\].*/server/forbidden/app\.wasm\.gz is not for this client: passed over")


def test_passed_over_is_said_once(httpd):
    """One line for each child process and file, however many requests find it."""
    mark = httpd.log_mark()
    path = httpd.write("docroot/server/all/once.wasm", RAW, mtime=WHEN)
    httpd.write("docroot/server/all/once.wasm.br", BODIES["br"], mtime=WHEN - 100)
    children = set()
    for _ in range(12):
        assert httpd.get("/server/all/once.wasm", [("Accept-Encoding", "br")]).body == RAW
    for line in httpd.log_since(mark).splitlines():
        if path + ".br is older than the raw file: passed over" in line:
            child = re.search(r"\[pid (\d+)", line).group(1)
            assert child not in children, "child %s said it twice" % child
            children.add(child)
    assert children


def test_a_new_variant_is_found_at_once(httpd):
    """Nothing about files is remembered: a deployment counts from the next request on."""
    httpd.write("docroot/server/all/new.wasm", RAW, mtime=WHEN)
    assert httpd.get("/server/all/new.wasm", [("Accept-Encoding", "br")]).body == RAW
    httpd.write("docroot/server/all/new.wasm.br", BODIES["br"], mtime=WHEN + 1)
    assert httpd.get("/server/all/new.wasm", [("Accept-Encoding", "br")]).body == BODIES["br"]
    httpd.write("docroot/server/all/new.wasm", RAW + b"\0", mtime=WHEN + 2)
    answer = httpd.get("/server/all/new.wasm", [("Accept-Encoding", "br")])
    assert answer.body == RAW + b"\0" and "Content-Encoding" not in answer
    httpd.expect_log(r"new\.wasm\.br is older")


def test_a_large_body_arrives_whole(httpd):
    """Larger than any buffer on the way, over both protocols and in parts."""
    data = b"\x1b" + os.urandom(3 << 20)
    httpd.write("docroot/server/all/large.wasm", b"\0asm\1\0\0\0" + bytes(8 << 20), mtime=WHEN)
    httpd.write("docroot/server/all/large.wasm.br", data, mtime=WHEN)
    for protocol in ("h1", "h2"):
        answer = ask(httpd, protocol, "GET", "/server/all/large.wasm", [("Accept-Encoding", "br")])
        assert answer.body == data and answer.get("Content-Encoding") == "br"
        part = ask(httpd, protocol, "GET", "/server/all/large.wasm",
                   [("Accept-Encoding", "br"), ("Range", "bytes=1000000-2999999")])
        assert part.status == 206 and part.body == data[1000000:3000000]


def test_if_range_with_the_date_of_a_young_file(httpd):
    """A second before the answer is enough for a date to be a strong validator (RFC 9110, 8.8.2.2); httpd itself asks
    for a minute."""
    modified = int(time.time()) - 10
    httpd.write("docroot/server/all/young.wasm", RAW, mtime=modified)
    answer = httpd.get("/server/all/young.wasm", [("Range", "bytes=0-3"), ("If-Range", date(modified))])
    assert answer.status == 206 and answer.body == RAW[:4]


def test_several_ranges(httpd):
    answer = httpd.get("/server/all/app.wasm", [("Accept-Encoding", "br"), ("Range", "bytes=0-1,5-6")])
    assert answer.status == 206
    assert answer.get("Content-Type").startswith("multipart/byteranges")
    assert answer.get("Content-Encoding") == "br" and answer.get_all("Vary") == ["Accept-Encoding"]
    assert answer.body.count(b"Content-range: bytes ") + answer.body.count(b"Content-Range: bytes ") == 2
    assert b"Content-type: application/wasm" in answer.body or b"Content-Type: application/wasm" in answer.body


def test_keep_alive_after_each_kind_of_answer(httpd):
    """No answer leaves bytes behind that the next request on the connection would read."""
    path = "/server/all/app.wasm"
    with httpd.connection() as connection:
        for method, headers, status in [("GET", [("Accept-Encoding", "br")], 200), ("HEAD", [], 200),
                                        ("GET", [("If-None-Match", "*")], 304), ("GET", [("If-Match", '"x"')], 412),
                                        ("GET", [("Range", "bytes=0-1")], 206), ("GET", [("Range", "bytes=99999-")], 416),
                                        ("GET", [("Accept-Encoding", "*;q=0")], 406),
                                        ("GET", [("Accept-Encoding", "gzip")], 200)]:
            assert connection.request(method, path, headers).status == status
        answer = connection.request("POST", path, [], b"x" * 10000)
        assert answer.status == 405
        assert connection.request("GET", path, [("Accept-Encoding", "br")]).body == BODIES["br"]
