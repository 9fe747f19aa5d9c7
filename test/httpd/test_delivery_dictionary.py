# SPDX-License-Identifier: Apache-2.0
"""Delta delivery (WasmServeDictionary, RFC 9842): what is announced, what is sent for it, and what is not.

A row of ROWS is asked over HTTP/1.1 and HTTP/2; for every answer status, headers and bytes are compared, and a delta is
decoded. `state` is a directory of STATES, all of which have three versions of an application; the newest is asked for.
"""
import hashlib
import random
import time
from email.utils import formatdate

import pytest

from delta import DCB_MAGIC, available, digest, make_dcz, read_dcz, sidecar

WHEN = 1700000000
random.seed(9842)


def program(seed):
    """Something that does not compress much by itself; versions differ in a few places."""
    data = bytearray(random.Random(1).randbytes(20000))
    for at in range(100, 20000, 4000):
        data[at:at + 4] = seed.to_bytes(4, "big")
    return b"\0asm\1\0\0\0" + bytes(data)


OLDEST, OLD, NEW = program(1), program(2), program(3)
NAMES = {"oldest": "app.11111111.wasm", "old": "app.22222222.wasm", "new": "app.33333333.wasm"}
BR = b"\x1b" + b"b" * 5000
DELTA = make_dcz(OLD, NEW)
DELTA_OLDEST = make_dcz(OLDEST, NEW)
DCB = DCB_MAGIC + digest(OLD) + b"\x1b" + b"d" * 20
assert len(DCB) < len(DELTA) < 900, (len(DCB), len(DELTA))


def side(old=OLD, suffix=".dcz"):
    return sidecar(NAMES["new"], old, suffix)


USUAL = {NAMES["oldest"]: OLDEST, NAMES["old"]: OLD, NAMES["new"]: NEW, NAMES["new"] + ".br": BR, side(): DELTA}


def but(**changes):
    """USUAL with some files replaced, or left out for None; a name is `old`, `new`, `delta` or `br`."""
    names = {"delta": side(), "br": NAMES["new"] + ".br", **NAMES}
    files = dict(USUAL)
    for key, data in changes.items():
        files[names[key]] = data
    return {name: data for name, data in files.items() if data is not None}


# name: (files, age of the delta in seconds after the new version's, lines for the directory)
STATES = {
    "usual": ({**USUAL, side(OLDEST): DELTA_OLDEST}, 0, ""),
    "off": (USUAL, 0, "WasmServeDictionary Off"),
    "dcb": ({**USUAL, side(OLD, ".dcb"): DCB}, 0, ""),
    "no_delta": (but(delta=None), 0, ""),
    "old_is_gone": (but(old=None), 0, ""),
    "old_is_another": (but(old=OLD + b"\0"), 0, ""),
    "old_is_denied": (USUAL, 0, '<Files "app.22222222.wasm">\nRequire all denied\n</Files>'),
    "delta_is_denied": (USUAL, 0, '<Files "*.dcz">\nRequire all denied\n</Files>'),
    "delta_is_stale": (USUAL, -1, ""),
    "delta_is_larger": (but(delta=DELTA + b"x" * 6000), 0, ""),
    "delta_is_larger_than_raw": (but(delta=DELTA + b"x" * 30000), 0, ""),
    "delta_of_another": (but(delta=DELTA_OLDEST), 0, ""),
    "delta_is_zstd": (but(delta=DELTA[40:]), 0, ""),
    "delta_is_empty": (but(delta=b""), 0, ""),
    "delta_is_wide": (but(delta=DELTA[:40] + b"\x28\xb5\x2f\xfd\x04\x69" + b"a window of 9 MiB" * 3), 0, ""),
    "no_encodings": (USUAL, 0, "WasmServeEncodings none"),
    "not_immutable": (USUAL, 0, "WasmServeImmutable Off"),
    "not_kept": (USUAL, 0, 'Header set Cache-Control "no-store"'),
    "not_kept_always": (USUAL, 0, 'Header always set Cache-Control "private, max-age=0"'),
    "kept_otherwise": (USUAL, 0, 'Header set Cache-Control "max-age=600"'),
    "expires": (USUAL, 0, 'ExpiresActive On\nExpiresDefault "access plus 1 day"'),
    "own_word": (USUAL, 0, 'Header set Use-As-Dictionary "match=\\"/own/*\\""'),
    "unset": (USUAL, 0, "Header unset Use-As-Dictionary"),
    "origin_is_known": (USUAL, 0, 'SetEnvIf Origin "(.+)" origin=$1\nHeader set Access-Control-Allow-Origin "*"'),
}

REASONS = {
    "delta_is_stale": "is older than the raw file",
    "delta_is_larger_than_raw": "is larger than the raw file",
    "delta_of_another": "is a delta against another version than its name says",
    "delta_is_zstd": "does not begin as its coding does",
    "delta_is_empty": "is empty",
    "delta_is_wide": "needs a larger zstd window than 8 MiB and than 1.25 times its dictionary",
}

BROWSER = ("Accept-Encoding", "gzip, deflate, br, zstd, dcb, dcz")
HAS_OLD = [BROWSER, ("Available-Dictionary", available(OLD)), ("Dictionary-ID", '"app.22222222.wasm"')]
HAS_OLDEST = [BROWSER, ("Available-Dictionary", available(OLDEST)), ("Dictionary-ID", '"app.11111111.wasm"')]
SAME = [("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Mode", "cors"), ("Sec-Fetch-Dest", "empty")]


def having(data, name, accept=BROWSER[1]):
    return [("Accept-Encoding", accept), ("Available-Dictionary", available(data)), ("Dictionary-ID", '"%s"' % name)]


ROWS = [
    # whose dictionary
    ("usual", [BROWSER], "br"),
    ("usual", HAS_OLD, "dcz"),
    ("usual", HAS_OLD + SAME, "dcz"),
    ("usual", HAS_OLDEST, "dcz of the oldest"),
    ("usual", having(OLD, "app.11111111.wasm"), "br"),
    ("usual", having(OLDEST, "app.22222222.wasm"), "br"),
    ("usual", having(NEW, "app.33333333.wasm"), "br"),
    ("usual", having(b"something else", "app.22222222.wasm"), "br"),
    ("usual", having(OLD, "app.44444444.wasm"), "br"),
    ("usual", having(OLD, "../usual/app.22222222.wasm"), "br"),
    ("usual", having(OLD, "..%2fusual%2fapp.22222222.wasm"), "br"),
    ("usual", having(OLD, "app.2222222%32.wasm"), "dcz"),
    ("usual", having(OLD, "bpp.22222222.wasm"), "br"),
    ("usual", having(OLD, ""), "br"),
    ("usual", HAS_OLD[:2], "br"),
    ("usual", [HAS_OLD[0], HAS_OLD[2]], "br"),
    ("usual", [HAS_OLD[0], ("Available-Dictionary", available(OLD)[:-2]), HAS_OLD[2]], "br"),
    ("usual", [HAS_OLD[0], ("Available-Dictionary", "x"), HAS_OLD[2]], "br"),
    ("usual", HAS_OLD + [("Available-Dictionary", available(OLDEST))], "br"),
    ("usual", HAS_OLD + [("Dictionary-ID", '"app.11111111.wasm"')], "br"),
    # what is accepted
    ("usual", having(OLD, "app.22222222.wasm", "br"), "br"),
    ("usual", having(OLD, "app.22222222.wasm", "*"), "br"),
    ("usual", having(OLD, "app.22222222.wasm", "dcb"), "raw"),
    ("usual", having(OLD, "app.22222222.wasm", "dcz"), "dcz"),
    ("usual", having(OLD, "app.22222222.wasm", "dcz;q=0.5, br"), "br"),
    ("usual", having(OLD, "app.22222222.wasm", "dcz;q=0, br"), "br"),
    ("usual", having(OLD, "app.22222222.wasm", "dcz, identity;q=0"), "dcz"),
    ("usual", HAS_OLD[1:], "raw"),
    ("dcb", HAS_OLD, "dcb"),
    ("dcb", having(OLD, "app.22222222.wasm", "br, dcz"), "dcz"),
    # who may read it
    ("usual", HAS_OLD + [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors")], "br, no offer"),
    ("usual", HAS_OLD + [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "cors"), ("Origin", "http://a")],
     "br, no offer"),
    ("usual", HAS_OLD + [("Sec-Fetch-Site", "none"), ("Sec-Fetch-Mode", "navigate")], "dcz"),
    # only mod_headers knows, and that comes later
    ("origin_is_known", HAS_OLD + [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "cors"),
                                   ("Origin", "http://a")], "br, no offer"),
    ("origin_is_known", HAS_OLD + SAME, "dcz"),
    # what lies there
    ("off", HAS_OLD, "br, nothing of it"),
    ("no_delta", HAS_OLD, "br"),
    ("old_is_gone", HAS_OLD, "br"),
    ("old_is_another", HAS_OLD, "br"),
    ("old_is_denied", HAS_OLD, "br"),
    ("delta_is_denied", HAS_OLD, "br"),
    ("delta_is_stale", HAS_OLD, "br"),
    ("delta_is_larger", HAS_OLD, "br"),
    ("delta_is_larger_than_raw", HAS_OLD, "br"),
    ("delta_of_another", HAS_OLD, "br"),
    ("delta_is_zstd", HAS_OLD, "br"),
    ("delta_is_empty", HAS_OLD, "br"),
    ("delta_is_wide", HAS_OLD, "br"),
    ("no_encodings", HAS_OLD, "dcz"),
    ("no_encodings", [BROWSER], "raw"),
    ("not_immutable", HAS_OLD, "br, nothing of it"),
    # whether it may be kept
    ("not_kept", HAS_OLD, "dcz, no offer"),
    ("not_kept_always", HAS_OLD, "dcz, no offer"),
    ("kept_otherwise", HAS_OLD, "dcz"),
    ("expires", HAS_OLD, "dcz"),
    ("own_word", HAS_OLD, "dcz, another offer"),
    ("unset", HAS_OLD, "dcz, no offer"),
]

CONTENT = {"raw": NEW, "br": BR, "dcz": DELTA, "dcz of the oldest": DELTA_OLDEST, "dcb": DCB}


@pytest.fixture(scope="module")
def httpd(make_httpd):
    config = ["WasmServe On", "WasmServeDictionary On"]

    def setup(server):
        for state, (files, age, lines) in STATES.items():
            for name, data in files.items():
                delta = name.endswith((".dcz", ".dcb"))
                server.write("docroot/%s/%s" % (state, name), data, mtime=WHEN + (age if delta else 0))
            config.append('<Directory "%s">\n%s\n</Directory>' % (server.path("docroot/" + state), lines))
        server.config = "\n".join(config)

    server = make_httpd(modules=["headers", "expires", "deflate"], h2=True, setup=setup)
    for reason in REASONS.values():
        server.expect_log(r"wasmserve:warn.* %s" % reason, optional=True)
    server.expect_log(r"AH01630", optional=True)
    settle(server)
    return server


def settle(server, path="/usual/" + NAMES["new"], headers=None, content=None):
    """A dictionary is looked at once nobody has written to it for a few seconds; all files of a test are as old."""
    deadline = time.time() + 60
    while server.get(path, headers or HAS_OLD).body != (content or DELTA):
        assert time.time() < deadline
        time.sleep(0.1)


def send(httpd, protocol, method, path, headers):
    return (httpd.h2_request if protocol == "h2" else httpd.request)(method, path, headers)


def offer(state, name=NAMES["new"]):
    return 'match="/%s/app.*.wasm", id="%s"' % (state, name)


def check_headers(answer, state, what):
    what, _, note = what.partition(", ")
    coding = what.split()[0]
    assert answer.get_all("Content-Encoding") == ([] if coding == "raw" else [coding])
    vary = ["accept-encoding"] + ([] if note == "nothing of it" else ["available-dictionary"])
    assert answer.tokens("Vary") == vary
    assert answer.get("Content-Type") == "application/wasm"
    expected = {"no offer": [], "nothing of it": [], "another offer": ['match="/own/*"']}
    assert answer.get_all("Use-As-Dictionary") == expected.get(note, [offer(state)])


@pytest.mark.parametrize("protocol", ["h1", "h2"])
@pytest.mark.parametrize("number", range(len(ROWS)))
def test_row(httpd, number, protocol):
    state, headers, what = ROWS[number]
    answer = send(httpd, protocol, "GET", "/%s/%s" % (state, NAMES["new"]), headers)
    assert answer.status == 200
    check_headers(answer, state, what)
    data = CONTENT[what.partition(",")[0]]
    assert answer.body == data and answer.get("Content-Length") == str(len(data))
    if what.startswith("dcz"):
        old = OLDEST if "oldest" in what else OLD
        assert read_dcz(answer.body, old) == NEW
        assert answer.get("ETag").endswith('-%s.dcz"' % digest(old).hex()[:16])


@pytest.mark.parametrize("protocol", ["h1", "h2"])
def test_conditions_and_ranges_of_a_delta(httpd, protocol):
    path = "/usual/" + NAMES["new"]

    def ask(*more, method="GET", headers=HAS_OLD):
        return send(httpd, protocol, method, path, headers + list(more))

    whole = ask()
    tag = whole.get("ETag")
    assert tag.startswith('"')

    answer = ask(("If-None-Match", tag))
    assert answer.status == 304 and answer.body == b"" and answer.get("ETag") == tag
    assert answer.tokens("Vary") == ["accept-encoding", "available-dictionary"]
    assert "Content-Encoding" not in answer and answer.get("Use-As-Dictionary") == offer("usual")

    # A delta against another version, and the br variant, are other representations.
    others = [ask(headers=HAS_OLDEST).get("ETag"), ask(headers=[BROWSER]).get("ETag"), ask(headers=[]).get("ETag")]
    assert len({tag, *others}) == 4
    for other in others:
        assert ask(("If-None-Match", other)).body == DELTA
    assert ask(("If-Match", others[0])).status == 412
    assert ask(("If-Match", tag)).status == 200

    answer = ask(("Range", "bytes=8-39"))
    assert answer.status == 206 and answer.body == digest(OLD)
    assert answer.get("Content-Encoding") == "dcz" and answer.get("ETag") == tag
    assert answer.tokens("Vary") == ["accept-encoding", "available-dictionary"]
    assert "Use-As-Dictionary" not in answer
    assert ask(("Range", "bytes=0-7"), ("If-Range", tag)).body == DELTA[:8]
    answer = ask(("Range", "bytes=0-7"), ("If-Range", others[0]))
    assert answer.body == DELTA and answer.get("Use-As-Dictionary") == offer("usual")

    answer = ask(("Range", "bytes=99999-"))
    assert answer.status == 416 and answer.get("Content-Range") == "bytes */%d" % len(DELTA)
    assert answer.tokens("Vary") == ["accept-encoding", "available-dictionary"]
    assert "Use-As-Dictionary" not in answer

    answer = ask(method="HEAD")
    assert answer.body == b"" and answer.get("Content-Length") == str(len(DELTA))
    assert answer.get("Content-Encoding") == "dcz" and answer.get("ETag") == tag

    answer = ask(headers=[("Accept-Encoding", "*;q=0"), *HAS_OLD[1:]])
    assert answer.status == 406 and answer.tokens("Vary") == ["accept-encoding", "available-dictionary"]


def test_two_deltas_of_equal_size_and_time_have_two_tags(httpd):
    """FileETag knows time and size; both can be the same for deltas against two versions."""
    name = "app.99999999.wasm"
    httpd.write("docroot/usual/" + name, NEW + b"9", mtime=WHEN)
    tags = set()
    for old, asked in ((OLD, HAS_OLD), (OLDEST, HAS_OLDEST)):
        httpd.write("docroot/usual/" + sidecar(name, old), make_dcz(old, NEW + b"9").ljust(900, b"\0"), mtime=WHEN)
        answer = httpd.get("/usual/" + name, asked)
        assert answer.get("Content-Length") == "900"
        tags.add(answer.get("ETag"))
    assert len(tags) == 2


PATTERNS = [
    # path, name, pattern
    ("/other/a%20b.11111111.wasm", "a b.11111111.wasm", "/other/a%20b.*.wasm"),
    ("/other/a+b.11111111.wasm", "a+b.11111111.wasm", "/other/a\\\\+b.*.wasm"),
    ("/other/(a):b.11111111.wasm?q=1/2.22222222.wasm", "(a):b.11111111.wasm", "/other/\\\\(a\\\\)\\\\:b.*.wasm"),
    ("/%6fther/x-11111111-99999999.wasm", "x-11111111-99999999.wasm", "/%6fther/x-*-*.wasm"),
    ("/other/./y.11111111.wasm", "y.11111111.wasm", "/other/./y.*.wasm"),
]


def later(text):
    return text.replace("11111111", "77777777")


@pytest.fixture(scope="module")
def patterns(httpd):
    for path, name, _ in PATTERNS:
        httpd.write("docroot/other/" + name, NEW, mtime=WHEN)
        httpd.write("docroot/other/" + later(name), OLD, mtime=WHEN)
        httpd.write("docroot/other/" + sidecar(later(name), NEW), make_dcz(NEW, OLD), mtime=WHEN)
    settle(httpd, later(PATTERNS[-1][0]), having(NEW, PATTERNS[-1][1]), make_dcz(NEW, OLD))
    return httpd


@pytest.mark.parametrize("path,name,match", PATTERNS)
def test_the_pattern_of_the_family(patterns, path, name, match):
    last = path.partition("?")[0].rpartition("/")[2]
    answer = patterns.get(path)
    assert answer.body == NEW
    assert answer.get("Use-As-Dictionary") == 'match="%s", id="%s"' % (match, last)
    # The client sends the id back as it came.
    answer = patterns.get(later(path), having(NEW, last))
    assert answer.get("Content-Encoding") == "dcz" and read_dcz(answer.body, NEW) == OLD


@pytest.mark.parametrize("path", ["/plain/app.wasm", "/plain/app-20240101.wasm", "/plain/facade.wasm",
                                  "/plain/app.11111111.txt"])
def test_no_offer_without_a_hash_or_a_type(httpd, path):
    httpd.write("docroot" + path, NEW, mtime=WHEN)
    answer = httpd.get(path, HAS_OLD)
    assert answer.status == 200 and "Use-As-Dictionary" not in answer
    assert "available-dictionary" not in answer.tokens("Vary")


def test_a_rewritten_name_has_no_family(make_httpd):
    """The URL that the browser knows is the same for every version; a pattern of it would match itself."""
    server = make_httpd(config='WasmServe On\nWasmServeDictionary On\nRewriteEngine On\n'
                               'RewriteRule "^/latest.wasm$" "/app.11111111.wasm" [PT]',
                        modules=["rewrite"], setup=lambda h: h.write("docroot/app.11111111.wasm", NEW))
    answer = server.get("/latest.wasm")
    assert answer.body == NEW and "Use-As-Dictionary" not in answer
    assert "Use-As-Dictionary" in server.get("/app.11111111.wasm")


def test_a_young_dictionary_is_not_looked_at(httpd):
    """It may still be changing; a few seconds later it is as good as any."""
    for name in ("old", "new"):
        httpd.write("docroot/young/" + NAMES[name], USUAL[NAMES[name]])
    httpd.write("docroot/young/" + side(), DELTA)
    path = "/young/" + NAMES["new"]
    assert httpd.get(path, HAS_OLD).body in (NEW, DELTA)
    settle(httpd, path)


def test_a_dictionary_that_changes_is_another(httpd):
    """The digest is remembered for a file in one state of it."""
    for name in ("old", "new"):
        httpd.write("docroot/changes/" + NAMES[name], USUAL[NAMES[name]], mtime=WHEN)
    httpd.write("docroot/changes/" + side(), DELTA, mtime=WHEN)
    path = "/changes/" + NAMES["new"]
    settle(httpd, path)
    httpd.write("docroot/changes/" + NAMES["old"], bytes(len(OLD)), mtime=WHEN)
    assert httpd.get(path, HAS_OLD).body == NEW


@pytest.mark.parametrize("state", REASONS)
def test_the_log_says_why(httpd, state):
    assert httpd.get("/%s/%s" % (state, NAMES["new"]), HAS_OLD).body == BR
    httpd.wait_log(r"\[wasmserve:warn\].*/%s/app\.33333333\.wasm\.%s\.dcz %s"
                   % (state, digest(OLD).hex()[:16], REASONS[state]))


def test_a_delta_by_its_own_name_is_a_file(httpd):
    """Nothing is negotiated or labelled: without its dictionary it is bytes."""
    answer = httpd.get("/usual/" + side(), HAS_OLD)
    assert answer.body == DELTA and "Content-Encoding" not in answer and "Use-As-Dictionary" not in answer


def test_last_modified_is_the_deltas(httpd):
    httpd.write("docroot/usual/" + side(), DELTA, mtime=WHEN + 60)
    assert httpd.get("/usual/" + NAMES["new"], HAS_OLD).get("Last-Modified") == formatdate(WHEN + 60, usegmt=True)
    assert hashlib.sha256(OLD).digest() == digest(OLD)
