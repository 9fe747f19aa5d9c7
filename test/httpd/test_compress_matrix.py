# SPDX-License-Identifier: Apache-2.0
"""The negotiation table again, with `WasmServeCompress On`: files that have all, some or no variants.

As in test_delivery_matrix.py, whose states and checks are used, each row is asked four times: with the directives in
the server configuration and in .htaccess, over HTTP/1.1 and over HTTP/2; and for every answer status, all headers and
the bytes are compared. A representation that is compressed as it is sent is called "br*", "zstd*" or "gzip*": its body
is decoded and must be the raw file.
"""
import re

import pytest

import decoders
import test_delivery_matrix as table
from test_delivery_matrix import ALL, BODIES, RAW, STATES as FILES, WHEN, date

SMALL = RAW[:255]
EDGE = RAW[:256]

# name: (the raw file, files of the variants, their age, lines for the directory)
STATES = {
    "all": (RAW,) + FILES["all"],
    "none": (RAW,) + FILES["none"],
    "only_br": (RAW,) + FILES["only_br"],
    "only_gzip": (RAW, {"gzip": BODIES["gzip"]}, 60, ""),
    "stale": (RAW,) + FILES["stale"],
    "larger": (RAW,) + FILES["larger"],
    "equal": (RAW,) + FILES["equal"],
    "wrong_magic": (RAW,) + FILES["wrong_magic"],
    "forbidden": (RAW,) + FILES["forbidden"],
    "all_forbidden": (RAW,) + FILES["all_forbidden"],
    "no_gzip": (RAW, {}, 60, "WasmServeEncodings br zstd"),
    "no_codings": (RAW, {}, 60, "WasmServeEncodings none"),
    "hashed": (RAW, {}, 60, 'WasmServeImmutable "^app"'),
    "small": (SMALL, {}, 60, ""),
    "edge": (EDGE, {}, 60, ""),
    "empty": (b"", {}, 60, ""),
    "no_transform": (RAW, {}, 60, 'Header set Cache-Control "public, no-transform"'),
    "no_transform_always": (RAW, {}, 60, 'Header always set Cache-Control "no-transform"'),
    "untagged": (RAW, {}, 60, "FileETag None"),
    "tag_by_header": (RAW, {}, 60, 'Header set ETag "\\"own\\""'),
    "tag_that_is_none": (RAW, {}, 60, 'Header set ETag "own"'),
    "digests": (RAW, {}, 60, 'Header set Content-MD5 "x"\nHeader set Digest "sha-256=x"\n'
                             'Header set Repr-Digest "sha-256=:x:"\nHeader set Content-Digest "sha-256=:x:"\n'
                             'Header set Unencoded-Digest "sha-256=:x:"'),
    "vary": (RAW, {}, 60, "Header append Vary Origin"),
    "vary_lost": (RAW, {}, 60, "Header unset Vary"),
    "coded": (RAW, {}, 60, "Header set Content-Encoding identity"),
    "switched_off": (RAW, {}, 60, "WasmServeCompress Off"),
    "delivery_off": (RAW, {}, 60, "WasmServe Off"),
}

OLD = "Sun, 06 Nov 1994 08:49:37 GMT"
BR = ("Accept-Encoding", "br")
ROWS = [
    # no variant at hand
    ("none", "GET", [], 200, "raw"),
    ("none", "GET", [("Accept-Encoding", "")], 200, "raw"),
    ("none", "GET", [("Accept-Encoding", ALL)], 200, "br*"),
    ("none", "GET", [("Accept-Encoding", "br")], 200, "br*"),
    ("none", "GET", [("Accept-Encoding", "zstd")], 200, "zstd*"),
    ("none", "GET", [("Accept-Encoding", "gzip")], 200, "gzip*"),
    ("none", "GET", [("Accept-Encoding", "x-gzip")], 200, "gzip*"),
    ("none", "GET", [("Accept-Encoding", "gzip, zstd")], 200, "zstd*"),
    ("none", "GET", [("Accept-Encoding", "gzip"), ("Accept-Encoding", "zstd")], 200, "zstd*"),
    ("none", "GET", [("Accept-Encoding", "br;q=0.1, gzip;q=0.2")], 200, "gzip*"),
    ("none", "GET", [("Accept-Encoding", "br;q=0, gzip")], 200, "gzip*"),
    ("none", "GET", [("Accept-Encoding", "br;q=0")], 200, "raw"),
    ("none", "GET", [("Accept-Encoding", "br;q=2, gzip;q=0.1")], 200, "gzip*"),
    ("none", "GET", [("Accept-Encoding", "deflate")], 200, "raw"),
    ("none", "GET", [("Accept-Encoding", "*")], 200, "br*"),
    ("none", "GET", [("Accept-Encoding", "*, br;q=0")], 200, "zstd*"),
    ("none", "GET", [("Accept-Encoding", "br;q=0.5, identity;q=0.9")], 200, "raw"),
    ("none", "GET", [("Accept-Encoding", "br, identity")], 200, "br*"),
    ("none", "GET", [("Accept-Encoding", "br, identity;q=0")], 200, "br*"),
    ("none", "GET", [("Accept-Encoding", "gzip, *;q=0")], 200, "gzip*"),
    ("none", "GET", [("Accept-Encoding", "identity;q=0")], 406, None),
    ("none", "GET", [("Accept-Encoding", "*;q=0")], 406, None),
    ("none", "GET", [("Accept-Encoding", "deflate, identity;q=0")], 406, None),
    ("none", "HEAD", [("Accept-Encoding", "*;q=0")], 406, None),
    # variants first; what is made here counts by weight
    ("all", "GET", [("Accept-Encoding", ALL)], 200, "gzip"),
    ("all", "GET", [("Accept-Encoding", "br")], 200, "br"),
    ("all", "HEAD", [("Accept-Encoding", "br")], 200, "br"),
    ("all", "GET", [("Accept-Encoding", "br"), ("Range", "bytes=0-3")], 206, ("br", 0, 3)),
    ("all", "GET", [("Accept-Encoding", "*;q=0")], 406, None),
    ("only_br", "GET", [("Accept-Encoding", ALL)], 200, "br"),
    ("only_br", "GET", [("Accept-Encoding", "gzip")], 200, "gzip*"),
    ("only_br", "GET", [("Accept-Encoding", "zstd, br;q=0.9")], 200, "zstd*"),
    ("only_br", "GET", [("Accept-Encoding", "zstd;q=0.9, br")], 200, "br"),
    ("only_gzip", "GET", [("Accept-Encoding", ALL)], 200, "gzip"),
    ("only_gzip", "GET", [("Accept-Encoding", "br")], 200, "br*"),
    ("equal", "GET", [("Accept-Encoding", "br")], 200, "br"),
    # variants that cannot be used: the same as none
    ("stale", "GET", [("Accept-Encoding", ALL)], 200, "br*"),
    ("larger", "GET", [("Accept-Encoding", "zstd")], 200, "zstd*"),
    ("wrong_magic", "GET", [("Accept-Encoding", "zstd")], 200, "zstd*"),
    ("forbidden", "GET", [("Accept-Encoding", "gzip")], 200, "gzip*"),
    ("forbidden", "GET", [("Accept-Encoding", ALL)], 200, "br"),
    ("all_forbidden", "GET", [("Accept-Encoding", ALL)], 200, "br*"),
    # the configuration
    ("no_gzip", "GET", [("Accept-Encoding", "gzip")], 200, "raw"),
    ("no_gzip", "GET", [("Accept-Encoding", "gzip, identity;q=0")], 406, None),
    ("no_gzip", "GET", [("Accept-Encoding", ALL)], 200, "br*"),
    ("no_codings", "GET", [("Accept-Encoding", ALL)], 200, "raw"),
    ("switched_off", "GET", [("Accept-Encoding", ALL)], 200, "raw"),
    ("switched_off", "GET", [("Accept-Encoding", "br, identity;q=0")], 406, None),
    ("delivery_off", "GET", [("Accept-Encoding", ALL)], "gzip by mod_deflate", None),
    ("hashed", "GET", [("Accept-Encoding", "br")], 200, "br*"),
    ("hashed", "GET", [("Accept-Encoding", "br"), ("If-None-Match", "%(br*)s")], 304, "br*"),
    # the size
    ("small", "GET", [("Accept-Encoding", ALL)], 200, "raw"),
    ("small", "HEAD", [("Accept-Encoding", ALL)], 200, "raw"),
    ("small", "GET", [("Accept-Encoding", "br, identity;q=0")], 200, "br*"),
    ("small", "GET", [("Accept-Encoding", "br"), ("Range", "bytes=0-3")], 206, ("raw", 0, 3)),
    ("edge", "GET", [("Accept-Encoding", ALL)], 200, "br*"),
    ("empty", "GET", [("Accept-Encoding", ALL)], 200, "raw"),
    ("empty", "GET", [("Accept-Encoding", "gzip, identity;q=0")], 200, "gzip*"),
    # methods
    ("none", "HEAD", [("Accept-Encoding", "br")], 200, "br*"),
    ("none", "HEAD", [("Accept-Encoding", "gzip"), ("Range", "bytes=0-9")], 200, "gzip*"),
    ("none", "POST", [("Accept-Encoding", "br")], 405, None),
    ("none", "OPTIONS", [("Accept-Encoding", "br")], "options", None),
    # conditions
    ("none", "GET", [BR, ("If-None-Match", "%(br*)s")], 304, "br*"),
    ("none", "HEAD", [BR, ("If-None-Match", "%(br*)s")], 304, "br*"),
    ("none", "GET", [BR, ("If-None-Match", '"x", %(br*)s')], 304, "br*"),
    ("none", "GET", [BR, ("If-None-Match", '"x"'), ("If-None-Match", "%(br*)s")], 304, "br*"),
    ("none", "GET", [BR, ("If-None-Match", "*")], 304, "br*"),
    ("none", "GET", [BR, ("If-None-Match", "%(raw)s")], 200, "br*"),
    ("none", "GET", [BR, ("If-None-Match", "%(zstd*)s")], 200, "br*"),
    ("none", "GET", [("If-None-Match", "%(br*)s")], 200, "raw"),
    ("none", "GET", [("If-None-Match", "%(raw)s")], 304, "raw"),
    ("none", "GET", [("Accept-Encoding", "gzip"), ("If-None-Match", "%(gzip*)s")], 304, "gzip*"),
    ("none", "GET", [BR, ("If-None-Match", "%(br*)s"), ("If-Modified-Since", OLD)], 304, "br*"),
    ("none", "GET", [BR, ("If-None-Match", '"x"'), ("If-Modified-Since", "%(when)s")], 200, "br*"),
    ("none", "GET", [BR, ("If-Modified-Since", "%(when)s")], 304, "br*"),
    ("none", "GET", [BR, ("If-Modified-Since", OLD)], 200, "br*"),
    ("none", "GET", [BR, ("If-Match", "*")], 200, "br*"),
    ("none", "GET", [BR, ("If-Match", "%(br*)s")], 412, "br*"),
    ("none", "GET", [BR, ("If-Match", "%(raw)s")], 412, "br*"),
    ("none", "GET", [BR, ("If-Unmodified-Since", OLD)], 412, "br*"),
    ("none", "GET", [BR, ("If-Unmodified-Since", "%(when)s")], 200, "br*"),
    ("only_br", "GET", [BR, ("If-None-Match", "%(br*)s")], 200, "br"),
    # ranges: of the raw bytes and of variants as ever, of what is made here none
    ("none", "GET", [("Range", "bytes=0-3")], 206, ("raw", 0, 3)),
    ("none", "GET", [BR, ("Range", "bytes=0-3")], 200, "br*"),
    ("none", "GET", [BR, ("Range", "bytes=-1")], 200, "br*"),
    ("none", "GET", [BR, ("Range", "bytes=99999-")], 200, "br*"),
    ("none", "GET", [BR, ("Range", "bytes=0-3"), ("If-Range", "%(br*)s")], 200, "br*"),
    ("none", "GET", [BR, ("Range", "bytes=0-3"), ("If-Range", "%(raw)s")], 200, "br*"),
    ("none", "GET", [BR, ("Range", "bytes=0-3"), ("If-Range", "%(when)s")], 200, "br*"),
    ("none", "GET", [("Range", "bytes=0-3"), ("If-Range", "%(br*)s")], 200, "raw"),
    ("none", "GET", [("Range", "bytes=0-3"), ("If-Range", "%(raw)s")], 206, ("raw", 0, 3)),
    ("none", "GET", [BR, ("Range", "bytes=0-3"), ("If-None-Match", "%(br*)s")], 304, "br*"),
    # what others have said
    ("no_transform", "GET", [BR], 200, "raw"),
    ("no_transform", "HEAD", [BR], 200, "raw"),
    ("no_transform", "GET", [BR, ("If-None-Match", "%(raw)s")], 304, "raw"),
    ("no_transform_always", "GET", [BR], 200, "raw"),
    ("untagged", "GET", [BR], 200, "br*"),
    ("untagged", "GET", [BR, ("If-None-Match", '"x"')], 200, "br*"),
    ("tag_by_header", "GET", [BR], 200, "br*"),
    ("tag_by_header", "GET", [BR, ("If-None-Match", 'W/"own-br"')], 304, "br*"),
    ("tag_that_is_none", "GET", [BR], 200, "br*"),
    ("digests", "GET", [BR], 200, "br*"),
    ("digests", "GET", [], 200, "raw"),
    ("vary", "GET", [BR], 200, "br*"),
    ("vary_lost", "GET", [BR], 200, "br*"),
    ("coded", "GET", [BR], 200, "raw"),
]
assert len(ROWS) * 4 >= 400

IMMUTABLE = "public, max-age=31536000, immutable"
CACHE_CONTROL = {"hashed": IMMUTABLE, "no_transform": "public, no-transform", "no_transform_always": "no-transform"}
DIGESTS = ["Content-MD5", "Digest", "Repr-Digest", "Content-Digest"]


@pytest.fixture(scope="module")
def httpd(make_httpd):
    config = []

    def setup(server):
        for scope in ("server", "htaccess"):
            for state, (raw, files, age, lines) in STATES.items():
                folder = "docroot/%s/%s/" % (scope, state)
                server.write(folder + "app.wasm", raw, mtime=WHEN)
                for name in [name for name in files if name != "raw"]:
                    data = files[name]
                    server.write(folder + "app.wasm" + table.SUFFIX[name], data, mtime=WHEN + age)
                lines = "WasmServe On\nWasmServeCompress On\n" + lines + "\n"
                if scope == "htaccess":
                    server.write(folder + ".htaccess", lines)
                else:
                    config.append('<Directory "%s">\n%s</Directory>' % (server.path(folder.rstrip("/")), lines))
        # As Debian's deflate.conf has it; it must have no part in what is ours.
        server.config = "AddOutputFilterByType DEFLATE application/wasm\n" + "\n".join(config)

    server = make_httpd(modules=["deflate", "headers"], h2=True, setup=setup)
    for reason in table.REASONS.values():
        server.expect_log(r"wasmserve:warn.* %s" % reason, optional=True)
    server.expect_log(r"AH01630", optional=True)  # httpd, about what it was told to deny
    return server


@pytest.fixture(scope="module")
def tags(httpd):
    """The entity tags of each representation in each state, asked for once."""
    known = {}

    def of(scope, state):
        if (scope, state) not in known:
            path = "/%s/%s/app.wasm" % (scope, state)
            found = {"when": date(WHEN), "raw": httpd.get(path).get("ETag")}
            for coding in table.CODINGS:
                tag = httpd.get(path, [("Accept-Encoding", coding)]).get("ETag")
                found[coding + "*" if tag and tag.startswith("W/") else coding] = tag
            for coding in table.CODINGS:  # what there is a variant of is never made: its tag would be
                found.setdefault(coding + "*", 'W/"%s-%s"' % (found["raw"].strip('"'), coding) if found["raw"] else None)
            known[scope, state] = found
        return known[scope, state]

    return of


def check_made(answer, state, method, coding):
    """A whole answer that was compressed as it was sent, or the 304 for one."""
    assert answer.get_all("Cache-Control") == [CACHE_CONTROL.get(state, "no-cache")]
    assert answer.tokens("Vary") == (["origin"] if state == "vary" else []) + ["accept-encoding"] or \
        answer.tokens("Vary") == ["accept-encoding", "origin"]
    tag = {"untagged": None, "tag_that_is_none": None, "tag_by_header": 'W/"own-%s"' % coding}.get(state, "")
    if tag == "":
        assert re.fullmatch(r'W/"[0-9a-f]+-[0-9a-f]+-%s"' % coding, answer.get("ETag")), answer
    else:
        assert answer.get("ETag") == tag
    for name in ["Accept-Ranges", "Content-Range"] + DIGESTS:
        assert name not in answer, name
    if answer.status == 304:
        assert answer.body == b""
        for name in ("Content-Encoding", "Content-Type", "Content-Length"):
            assert name not in answer, name
        return
    assert answer.get_all("Content-Type") == ["application/wasm"]
    assert answer.get_all("Content-Encoding") == [coding]
    assert answer.get("Last-Modified") == date(WHEN)
    if method == "HEAD":
        # Its length is known only once it is made (RFC 9110 section 9.3.2 lets it out).
        assert answer.body == b"" and "Content-Length" not in answer
    else:
        assert decoders.decode(coding, answer.body) == STATES[state][0]
        assert state in ("small", "empty") or len(answer.body) < len(STATES[state][0]) + 30
    assert ("Unencoded-Digest" in answer) == (state == "digests")


def check_left(answer, state, method, what):
    """The raw bytes or a variant: as test_delivery_matrix.py has it, with the fields that a state changes."""
    name = what if isinstance(what, str) else what[0]
    data = STATES[state][0] if name == "raw" else STATES[state][1][name]
    assert answer.get_all("Cache-Control") == [CACHE_CONTROL.get(state, "no-cache")]
    assert answer.get_all("Vary") == ([] if state == "no_codings" else ["Accept-Encoding"])
    suffix = "" if name == "raw" else "-" + name
    assert re.fullmatch(r'"[0-9a-f]+-[0-9a-f]+%s"' % suffix, answer.get("ETag")), answer
    if answer.status == 304:
        assert answer.body == b"" and "Content-Encoding" not in answer
        return
    assert answer.get_all("Content-Type") == ["application/wasm"]
    assert answer.get_all("Content-Encoding") == {"coded": ["identity"]}.get(state, [] if name == "raw" else [name])
    assert answer.get("Last-Modified") == date(WHEN + (0 if name == "raw" else STATES[state][2]))
    assert answer.get("Accept-Ranges") == "bytes"
    if answer.status == 206:
        _, first, last = what
        assert answer.get("Content-Range") == "bytes %d-%d/%d" % (first, last, len(data))
        data = data[first:last + 1]
    if method != "HEAD" or data:  # httpd takes a length of 0 off the answer to HEAD
        assert answer.get("Content-Length") == str(len(data))
    assert answer.body == (b"" if method == "HEAD" else data)
    for name in DIGESTS:
        assert (name in answer) == (state == "digests"), name


def check_412(answer, state, method, what):
    """The error page still tells the tag that the answer would have had."""
    table.check_error(answer)
    assert re.fullmatch(r'W/"[0-9a-f]+-[0-9a-f]+-%s"' % what[:-1], answer.get("ETag")), answer


def check_deflated(answer, state, method, what):
    assert answer.status == 200 and decoders.decode("gzip", answer.body) == RAW
    assert answer.get_all("Content-Encoding") == ["gzip"] and "Cache-Control" not in answer


@pytest.mark.parametrize("protocol", ["h1", "h2"])
@pytest.mark.parametrize("scope", ["server", "htaccess"])
@pytest.mark.parametrize("row", ROWS, ids=table.row_name)
def test_row(httpd, tags, row, scope, protocol):
    state, method, headers, status, what = row
    if any("%(" in value for _, value in headers):
        headers = [(name, value % tags(scope, state)) for name, value in headers]
    answer = table.ask(httpd, protocol, method, "/%s/%s/app.wasm" % (scope, state), headers)
    if isinstance(status, int):
        assert answer.status == status, answer
    if status in (200, 206, 304):
        if isinstance(what, str) and what.endswith("*"):
            check_made(answer, state, method, what[:-1])
        else:
            check_left(answer, state, method, what)
    else:
        {405: table.check_405, 406: table.check_406, 412: check_412, "options": table.check_options,
         "gzip by mod_deflate": check_deflated}[status](answer, state, method, what)


def test_no_two_representations_share_a_tag(tags):
    for scope in ("server", "htaccess"):
        seen = [tag for state in ("all", "none") for name, tag in tags(scope, state).items()
                if name != "when" and not (state == "all" and name.endswith("*"))]
        # The raw file is the same in both.
        assert len(set(tag.replace("W/", "") for tag in seen)) == len(seen) - 1
