# SPDX-License-Identifier: Apache-2.0
"""The negotiation table of what the server makes itself: variants and deltas out of the store.

As test_delivery_matrix.py for files that lie there and test_delivery_dictionary.py for deltas that do: each row of ROWS is
asked with the directives in the server configuration and in .htaccess, over HTTP/1.1 and over HTTP/2, and of every answer
status, headers and bytes are compared. What a representation consists of is learned once and undone by a decoder that
knows nothing of the module: the same bytes, or those of a part, must come in every row.

A row: (name, method, headers, status, what). `name` is a file of NAMES. In header values %(br)s stands for the entity tag
of the br variant of that file, %(dcz)s for the delta's. `what` is the representation, for 206 with first and last byte.
"""
import re
import time

import pytest

import decoders
import env
from delta import READ, available, codings_of
from test_store import program, settle

OLD, NEW = program(50000, 1), program(50000, 2)
NAMES = {"old": ("app.11111111.wasm", OLD), "new": ("app.22222222.wasm", NEW), "plain": ("plain.wasm", NEW)}
CODINGS = ["br", "zstd", "gzip"]
DELTAS = codings_of(env.MODULE)
IMMUTABLE = "public, max-age=31536000, immutable"


def having(accept, dictionary=OLD, name=NAMES["old"][0]):
    return [("Accept-Encoding", accept), ("Available-Dictionary", available(dictionary)),
            ("Dictionary-ID", '"%s"' % name)]


def ae(value, *more):
    return [("Accept-Encoding", value), *more]


BROWSER = "gzip, deflate, br, zstd"
ROWS = [
    # which one
    ("plain", "GET", [], 200, "raw"),
    ("plain", "GET", ae(""), 200, "raw"),
    ("plain", "GET", ae(BROWSER), 200, "smallest"),
    ("plain", "GET", ae("br"), 200, "br"),
    ("plain", "GET", ae("zstd"), 200, "zstd"),
    ("plain", "GET", ae("gzip"), 200, "gzip"),
    ("plain", "GET", ae("x-gzip"), 200, "gzip"),
    ("plain", "GET", ae("zstd, br;q=0.9"), 200, "zstd"),
    ("plain", "GET", ae("br;q=0.5, identity;q=0.9"), 200, "raw"),
    ("plain", "GET", ae("br;q=0"), 200, "raw"),
    ("plain", "GET", ae("*"), 200, "smallest"),
    ("plain", "GET", ae("identity;q=0, gzip"), 200, "gzip"),
    ("plain", "GET", ae("deflate, *;q=0"), 406, None),
    ("new", "GET", ae(BROWSER), 200, "smallest"),
    ("new", "GET", [], 200, "raw"),
    # deltas
    ("new", "GET", having(BROWSER + ", dcz"), 200, "dcz"),
    ("new", "GET", having("dcz"), 200, "dcz"),
    ("new", "GET", having("dcz, identity;q=0"), 200, "dcz"),
    ("new", "GET", having("DCZ;q=0.5, zstd;q=0.4"), 200, "dcz"),
    ("new", "GET", having("dcz;q=0.5, zstd"), 200, "zstd"),
    ("new", "GET", having("dcz;q=0, br"), 200, "br"),
    ("new", "GET", having("br, *;q=0.1"), 200, "br"),
    ("new", "GET", having("dcz", OLD + b"\0"), 200, "raw"),
    ("new", "GET", having("dcz, identity;q=0", OLD + b"\0"), 406, None),
    ("new", "GET", having("dcz, gzip", NEW), 200, "gzip"),
    ("new", "GET", having("dcz, gzip", OLD, "app.33333333.wasm"), 200, "gzip"),
    ("new", "GET", having("dcz, gzip") + [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors")], 200,
     "gzip, not offered"),
    ("new", "GET", ae("dcz, gzip"), 200, "gzip"),
    ("plain", "GET", having("dcz, gzip"), 200, "gzip"),
    # methods
    ("plain", "HEAD", ae("br"), 200, "br"),
    ("new", "HEAD", having("dcz"), 200, "dcz"),
    ("new", "HEAD", having("dcz", OLD[:-1]), 200, "raw"),
    ("plain", "POST", ae("br"), 405, None),
    # conditions
    ("plain", "GET", ae("br", ("If-None-Match", "%(br)s")), 304, "br"),
    ("plain", "HEAD", ae("br", ("If-None-Match", "W/%(br)s")), 304, "br"),
    ("plain", "GET", ae("br", ("If-None-Match", "%(gzip)s")), 200, "br"),
    ("plain", "GET", ae("br", ("If-None-Match", "%(raw)s")), 200, "br"),
    ("plain", "GET", [("If-None-Match", "%(br)s")], 200, "raw"),
    ("plain", "GET", ae("br", ("If-Match", "%(br)s")), 200, "br"),
    ("plain", "GET", ae("br", ("If-Match", "%(raw)s")), 412, "br"),
    ("new", "GET", ae("zstd", ("If-None-Match", '"x", %(zstd)s')), 304, "zstd"),
    ("new", "GET", having("dcz, br") + [("If-None-Match", "%(dcz)s")], 304, "dcz"),
    ("new", "GET", having("dcz, br") + [("If-None-Match", "%(br)s")], 200, "dcz"),
    ("new", "GET", ae("br", ("If-None-Match", "%(dcz)s")), 200, "br"),
    ("new", "GET", having("dcz, br") + [("If-Match", "%(br)s")], 412, "dcz"),
    # parts
    ("plain", "GET", ae("br", ("Range", "bytes=0-99")), 206, ("br", 0, 99)),
    ("plain", "GET", ae("br", ("Range", "bytes=5-5"), ("If-Range", "%(br)s")), 206, ("br", 5, 5)),
    ("plain", "GET", ae("br", ("Range", "bytes=5-5"), ("If-Range", "%(raw)s")), 200, "br"),
    ("plain", "GET", ae("gzip", ("Range", "bytes=99999999-")), 416, "gzip"),
    ("new", "GET", having("dcz, br") + [("Range", "bytes=8-39")], 206, ("dcz", 8, 39)),
    ("new", "GET", having("dcz, br") + [("Range", "bytes=8-39"), ("If-Range", "%(dcz)s")], 206, ("dcz", 8, 39)),
    ("new", "GET", having("dcz, br") + [("Range", "bytes=8-39"), ("If-Range", "%(br)s")], 200, "dcz"),
    ("new", "GET", having("dcz, br") + [("Range", "bytes=99999999-")], 416, "dcz"),
]
# Of a module that makes dcb as well, and of one that cannot.
ROWS_DCB = [
    ("new", "GET", having("dcb"), 200, "dcb"),
    ("new", "GET", having("dcb, identity;q=0"), 200, "dcb"),
    ("new", "GET", having("dcb, dcz;q=0.9"), 200, "dcb"),
    ("new", "GET", having("dcb;q=0.9, dcz"), 200, "dcz"),
    ("new", "GET", having(BROWSER + ", dcb, dcz"), 200, "smallest delta"),
    ("new", "GET", having("dcb;q=0, br"), 200, "br"),
    ("new", "GET", having("dcb, gzip", OLD + b"\0"), 200, "gzip"),
    ("new", "HEAD", having("dcb"), 200, "dcb"),
    ("new", "GET", having("dcb") + [("If-None-Match", "%(dcb)s")], 304, "dcb"),
    ("new", "GET", having("dcb") + [("If-None-Match", "%(dcz)s, %(br)s")], 200, "dcb"),
    ("new", "GET", having("dcb, br") + [("Range", "bytes=4-35"), ("If-Range", "%(dcb)s")], 206, ("dcb", 4, 35)),
]
ROWS_NO_DCB = [
    ("new", "GET", having("dcb, gzip"), 200, "gzip"),
    ("new", "GET", having("dcb, dcz;q=0.1"), 200, "dcz"),
    ("new", "GET", having("dcb, identity;q=0"), 406, None),
]
if "dcb" in DELTAS:
    ROWS += ROWS_DCB
else:
    ROWS += ROWS_NO_DCB + [pytest.param(row, marks=pytest.mark.skip("libbrotlienc is older than 1.1")) for row in ROWS_DCB]
LINES = "WasmServe On\nWasmServeDictionary On\n"


@pytest.fixture(scope="module")
def httpd(make_httpd):
    def setup(server):
        server.make_private("store")
        paths = []
        for scope in ("server", "htaccess"):
            paths += [server.write("docroot/%s/%s" % (scope, name), data) for name, data in NAMES.values()]
        server.write("docroot/htaccess/.htaccess", LINES)
        server.config = 'WasmServeStore store\n<Directory "%s">\n%s</Directory>\n' % (server.path("docroot/server"), LINES)
        settle(*paths)

    return make_httpd(modules=["deflate"], h2=True, setup=setup)


@pytest.fixture(scope="module")
def made(httpd):
    """{scope: {name: {representation: (tag, bytes)}}}, once the store has all of it."""
    asked = {"raw": [], **{coding: ae(coding) for coding in CODINGS}, **{coding: having(coding) for coding in DELTAS}}
    found = {}
    for scope in ("server", "htaccess"):
        found[scope] = {}
        for key, (name, data) in NAMES.items():
            known = found[scope][key] = {}
            for what in asked if key == "new" else ["raw", *CODINGS]:
                deadline = time.monotonic() + env.PATIENCE
                while True:
                    answer = httpd.get("/%s/%s" % (scope, name), asked[what])
                    if answer.get("Content-Encoding") == (what if what != "raw" else None):
                        break
                    assert time.monotonic() < deadline, "no %s of %s" % (what, name)
                    time.sleep(0.05)
                body = answer.body
                decoded = body if what == "raw" else READ[what](body, OLD) if what in DELTAS else decoders.decode(what, body)
                assert decoded == data, (key, what)
                known[what] = (answer.get("ETag"), body)
    return found


def smallest(known):
    return min(CODINGS, key=lambda coding: len(known[coding][1]))


def smallest_delta(known):
    return min(DELTAS, key=lambda coding: len(known[coding][1]))


def check_common(answer, name, what, known):
    """What all answers with a representation, and 304 and 412 for one, have."""
    coding = what.partition(",")[0]
    tag = known[coding][0]
    assert answer.get("ETag") == tag
    assert re.fullmatch(r'"[0-9a-f-]+"' if coding == "raw" else '"[0-9a-f]{16}-%s"' % coding, tag), tag
    check_vary(answer, name)


def check_vary(answer, name):
    assert answer.tokens("Vary") == ["accept-encoding"] + (["available-dictionary"] if name != "plain" else [])


def check_fields(answer, name, what, known, scope):
    check_common(answer, name, what, known)
    assert answer.get_all("Cache-Control") == ["no-cache" if name == "plain" else IMMUTABLE]
    offered = name != "plain" and "not offered" not in what and answer.status != 206
    assert answer.get_all("Use-As-Dictionary") == (
        ['match="/%s/app.*.wasm", id="%s"' % (scope, NAMES[name][0])] if offered else [])


def check(answer, scope, name, method, status, what, known):
    assert answer.status == status, answer
    part = what if isinstance(what, tuple) else (what, 0, None)
    what, first, last = part
    what = {"smallest": smallest, "smallest delta": smallest_delta}.get(what, lambda _: what)(known)
    if status in (405, 406):
        check_vary(answer, name)
        assert "ETag" not in answer and "Content-Encoding" not in answer and "Use-As-Dictionary" not in answer
        return
    whole = known[what.partition(",")[0]][1]
    if status in (412, 416):
        check_common(answer, name, what, known)
        assert "Content-Encoding" not in answer and "Use-As-Dictionary" not in answer and "Cache-Control" not in answer
        assert status == 412 or answer.get("Content-Range") == "bytes */%d" % len(whole)
        return
    check_fields(answer, name, what, known, scope)
    if status == 304:
        assert answer.body == b"" and "Content-Encoding" not in answer and "Content-Type" not in answer
        return
    coding = what.partition(",")[0]
    assert answer.get_all("Content-Encoding") == ([] if coding == "raw" else [coding])
    assert answer.get_all("Content-Type") == ["application/wasm"] and answer.get("Accept-Ranges") == "bytes"
    assert answer.get("X-Uncompressed-Content-Length") == str(len(NAMES[name][1]))
    body = whole[first:len(whole) if last is None else last + 1]
    assert answer.get("Content-Length") == str(len(body)) and "Transfer-Encoding" not in answer
    assert answer.body == (b"" if method == "HEAD" else body)
    assert answer.get("Content-Range") == (
        "bytes %d-%d/%d" % (first, last, len(whole)) if status == 206 else None)


def row_name(row):
    name, method, headers, status, _ = row
    said = " ".join("%s=%s" % (field.replace("Accept-Encoding", "AE"), value) for field, value in headers
                    if field not in ("Available-Dictionary", "Dictionary-ID"))
    return ("%s %s %s %s" % (name, method, said, status)).replace("/", "|")


@pytest.mark.parametrize("protocol", ["h1", "h2"])
@pytest.mark.parametrize("scope", ["server", "htaccess"])
@pytest.mark.parametrize("row", ROWS, ids=row_name)
def test_row(httpd, made, row, scope, protocol):
    name, method, headers, status, what = row
    known = made[scope][name]
    tags = {key: tag for key, (tag, _) in known.items()}
    headers = [(field, value % tags if "%(" in value else value) for field, value in headers]
    send = httpd.h2_request if protocol == "h2" else httpd.request
    answer = send(method, "/%s/%s" % (scope, NAMES[name][0]), headers)
    check(answer, scope, name, method, status, what, known)


def test_a_delta_is_small_and_all_tags_differ(made):
    for known in (made[scope]["new"] for scope in made):
        assert len({tag for tag, _ in known.values()}) == len(known) == 1 + len(CODINGS) + len(DELTAS)
        for coding in DELTAS:
            assert 36 < len(known[coding][1]) < len(known[smallest(known)][1]) / 4


def test_equal_content_has_equal_tags_wherever_it_is(made):
    """A made variant is named by what it was made from; the raw file by its own place and time."""
    for coding in CODINGS:
        assert len({made[scope][name][coding] for scope in made for name in ("new", "plain")}) == 1
