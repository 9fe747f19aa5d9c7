# SPDX-License-Identifier: Apache-2.0
"""The guests of conf/guest, in each language: built as its README says, and used."""
import base64
import hashlib
import hmac
import html
import json
import os
import re
import subprocess
import time
import urllib.parse

import pytest

import env
from echo_backend import EchoBackend
from filter_script import location

FOLDER = os.path.join(env.TOP, "conf/guest")
GUESTS = ["rewrite_headers", "ab_redirect", "access_token", "html_notice", "rate_limit", "form"]
KEY = "a key of some length, so that it is longer than one block of the hash: 0123456789"
RULES = "> X-Set: one\n> -X-Gone\n< X-Frame-Options: DENY\n< -X-Backend"


@pytest.fixture(scope="module")
def built():
    """Where they are, and what was said: a language without a toolchain is skipped."""
    out = os.path.join(env.BUILD_DIR, "example-guests")
    sources = [os.path.join(folder, name) for folder, _, names in os.walk(FOLDER) for name in names]
    newest = max(os.path.getmtime(source) for source in sources)
    said = os.path.join(out, "said")
    if not os.path.exists(said) or os.path.getmtime(said) < newest:
        done = subprocess.run([os.path.join(FOLDER, "build"), out], capture_output=True, text=True,
                              env=dict(os.environ, GOCACHE=os.path.join(env.BUILD_DIR, "guests/go-cache")))
        assert done.returncode == 0, done.stdout + done.stderr
        with open(said, "w", encoding="utf-8") as record:
            record.write(done.stdout)
    with open(said, encoding="utf-8") as record:
        return out, record.read()


@pytest.fixture(scope="module")
def backend():
    with EchoBackend() as server:
        page = [("Content-Type", "text/html; charset=utf-8"), ("ETag", '"page"'), ("X-Backend", "yes")]
        server.answers["/page"] = lambda h: h.reply(200, page, b"<html><body>Page</BODY></html>\n")
        server.answers["/part"] = lambda h: h.reply(200, page, b"<p>no end\n")
        server.answers["/text"] = lambda h: h.reply(200, [("Content-Type", "text/plain")], b"</body>\n")
        yield server


@pytest.fixture(scope="module", params=["c", "go", "rust"])
def httpd(request, make_httpd, built, backend):
    out, said = built
    missing = re.search(r"^skip %s: (.*)$" % request.param, said, re.M)
    if missing:
        pytest.skip(missing.group(1))
    config = ["WasmServeTimeout 60s"]
    for name, words in (("rewrite_headers", "@rules"), ("ab_redirect", '"/shop /a /b 100"'), ("access_token", "@key"),
                        ("html_notice", '"<p>notice</p>"')):
        config.append('<WasmServePlugin %s>\nWasmServeModule "%s/%s_%s.wasm"\nWasmServeConfig %s\n'
                      "WasmServeGrant clock log\nWasmServeReuse 100\n</WasmServePlugin>" % (
                          name, out, request.param, name, words))
    for name, directives in (
            ("rate_limit", ["WasmServeConfig '3 600'", "WasmServeGrant kv"]),
            ("poor", ["WasmServeConfig '3 600'", "WasmServeGrant log"]),
            ("form", ["WasmServeGrant log random dir:messages:/messages:rw"]),
            ("lost", ["WasmServeGrant log random"])):
        file = {"poor": "rate_limit", "lost": "form"}.get(name, name)
        config.append('<WasmServePlugin %s>\nWasmServeModule "%s/%s_%s.wasm"\n%s\n</WasmServePlugin>' % (
            name, out, request.param, file, "\n".join(directives)))
    config += [location("/limited", "WasmServeFilter rate_limit"),
               location("/closed", "WasmServeFilter poor"),
               location("/opened", "WasmServeFilter poor", "WasmServeOnError open"),
               location("/form", "WasmServeHandler form"),
               location("/lost", "WasmServeHandler lost")]
    config += [location("/rewrite_headers", "WasmServeFilter rewrite_headers"),
               "WasmServeFilter ab_redirect",
               location("/token", "WasmServeFilter access_token"),
               location("/required", "Require wasmserve access_token"),
               location("/notice", "WasmServeFilter html_notice")]
    for place in ("rewrite_headers", "token", "required", "notice", "a", "b"):
        config.append('ProxyPass "/%s/" "http://127.0.0.1:%d/"' % (place, backend.port))

    def setup(h):
        h.write("rules", RULES)
        h.write("key", KEY)
        h.make_private("messages")
        for name in ("limited", "closed", "opened"):
            h.write("docroot/" + name, "a file\n")

    server = make_httpd(config="\n".join(config), modules=["proxy_http"], setup=setup)
    server.expect_log("AH01630: client denied", optional=True)
    return server


def received(backend):
    return {name.lower(): value for name, value in backend.requests[-1][2]}


def test_headers_are_rewritten(httpd, backend):
    response = httpd.get("/rewrite_headers/page", [("X-Gone", "1"), ("X-Kept", "2")])
    assert response.status == 200
    assert response.get("X-Frame-Options") == "DENY" and "X-Backend" not in response
    headers = received(backend)
    assert headers["x-set"] == "one" and headers["x-kept"] == "2" and "x-gone" not in headers


def test_visitors_stay_where_they_are_sent(httpd):
    response = httpd.get("/shop/cart?x=%20y")
    assert (response.status, response.get("Location")) == (302, "/b/cart?x=%20y")
    assert response.get("Set-Cookie").startswith("variant=b;")
    response = httpd.get("/shop", [("Cookie", "other=1; variant=a; more=2")])
    assert (response.status, response.get("Location")) == (302, "/a")
    assert httpd.get("/shopping").status == 404
    assert httpd.get("/b/cart").get("x-httpwasm-next-uri") == "/cart"


def token(claims, key=KEY, header=None):
    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    signed = part(json.dumps(header or {"alg": "HS256", "typ": "JWT"}).encode()) + "." + part(json.dumps(claims).encode())
    return signed + "." + part(hmac.new(key.encode(), signed.encode(), hashlib.sha256).digest())


def bearer(text):
    return [("Authorization", "Bearer " + text), ("X-User", "root")]


def test_tokens(httpd, backend):
    response = httpd.get("/token/x", bearer(token({"sub": "anna", "exp": int(time.time()) + 3600})))
    assert response.status == 200 and received(backend)["x-user"] == "anna"
    assert httpd.get("/token/x", bearer(token({"name": "nobody"}))).status == 200
    assert "x-user" not in received(backend)
    before = len(backend.requests)
    good = token({"sub": "anna"})
    head, claims, signature = good.split(".")
    other = token({"sub": "root"}).split(".")
    for text, why in [
        (token({"sub": "anna"}, key="another key"), "wrong signature"),
        (token({"sub": "anna", "exp": int(time.time()) - 1}), "expired"),
        (token({"sub": "anna"}, header={"alg": "none"}), "another algorithm"),
        (head + "." + other[1] + "." + signature, "wrong signature"),
        (head + "." + claims + ".", None), (head + "." + claims, "malformed token"),
        (good + ".x", None), (good.replace(".", "!"), "malformed token"), ("a.b.c", None),
    ]:
        response = httpd.get("/token/x", bearer(text))
        assert response.status == 401 and (why or "") in response.get("WWW-Authenticate"), text
    assert httpd.get("/token/x").get("WWW-Authenticate") == "Bearer"
    assert len(backend.requests) == before


def test_a_token_is_required(httpd, backend):
    assert httpd.get("/required/x", bearer(token({"sub": "anna"}))).status == 200
    assert received(backend)["x-user"] == "anna"
    response = httpd.get("/required/x", bearer(token({"sub": "anna"}, key="another key")))
    assert response.status == 403 and "wrong signature" in response.get("WWW-Authenticate")


def test_a_notice_on_every_page(httpd):
    response = httpd.get("/notice/page", [("Accept-Encoding", "gzip")])
    assert response.body == b"<html><body>Page<p>notice</p></BODY></html>\n" and "ETag" not in response
    assert response.get("Content-Length") == str(len(response.body))
    response = httpd.get("/notice/part")
    assert response.body == b"<p>no end\n" and response.get("ETag") == '"page"'
    assert httpd.get("/notice/text").body == b"</body>\n"


def test_a_rate_limit(httpd):
    answers = [httpd.get("/limited") for _ in range(5)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429, 429]
    assert [answer.get("X-RateLimit-Remaining") for answer in answers] == ["2", "1", "0", None, None]
    assert answers[3].get("Retry-After") == "601" and answers[3].body == b"too many requests\n"


def test_a_rate_limit_without_its_store(httpd):
    """What it means is WasmServeOnError's to say."""
    httpd.expect_log(r"plugin poor@\w{12}: the store answered 8")
    httpd.expect_log(r"plugin poor@\w{12}: ", optional=True)  # and what a panic says, in Go and Rust
    httpd.expect_log(r"plugin poor \(sha256:\w{12}\): .*; (answered 500|going on without it)")
    assert httpd.get("/closed").status == 500
    assert httpd.get("/opened").body == b"a file\n"


def send_form(httpd, path, body, kind="application/x-www-form-urlencoded"):
    return httpd.request("POST", path, [("Content-Type", kind)], body)


def test_a_form(httpd):
    page = httpd.get("/form")
    assert page.status == 200 and b'<textarea name="message"></textarea>' in page.body
    sent = [("Anna & <b>Bo</b>", 'She said "no\\yes"\r\nand left'), ("M\u00fcller", "100% +1")]
    for name, message in sent:
        answer = send_form(httpd, "/form", urllib.parse.urlencode({"message": message, "name": name}).encode())
        assert answer.status == 200
        assert html.unescape(re.search(r"Thank you, (.*)!", answer.body.decode()).group(1)).endswith(name)
        assert b"<b>" not in answer.body
    with open(httpd.path("messages/messages.jsonl"), encoding="utf-8") as file:
        assert [json.loads(line) for line in file] == [{"name": name, "message": message} for name, message in sent]


def test_a_form_that_is_none(httpd):
    answer = send_form(httpd, "/form", b"name=%22%3E%3Cscript%3E&message=")
    assert answer.status == 422 and b'value="&' in answer.body and b"<script>" not in answer.body
    assert send_form(httpd, "/form", b"name=a&message=" + b"x" * 17000).status == 413
    assert send_form(httpd, "/form", b"{}", "application/json").status == 415
    answer = httpd.request("PUT", "/form", body=b"")
    assert (answer.status, answer.get("Allow")) == (405, "GET, HEAD, POST")
    # Cut off, and what is no hex digit: neither may read beyond, or be lost without a word.
    assert send_form(httpd, "/form", b"name=%&message=%4").status in (200, 422)


def test_a_form_that_cannot_be_kept(httpd):
    httpd.expect_log(r"plugin lost@\w{12}: .*messages.jsonl")
    answer = send_form(httpd, "/lost", b"name=a&message=b")
    assert answer.status == 500 and b"could not be kept" in answer.body and b">b</textarea>" in answer.body


def test_the_readme_names_what_is_there():
    with open(os.path.join(FOLDER, "README.md"), encoding="utf-8") as text:
        readme = text.read()
    assert re.findall(r"^\| `(\w+)` \|", readme, re.M) == GUESTS
    for path in re.findall(r"conf/guest/([\w/.]+)", readme):
        assert os.path.exists(os.path.join(FOLDER, path)), path


def test_the_readmes_configuration_loads(make_httpd, built):
    out, said = built
    if "skip c:" in said:
        pytest.skip(re.search(r"^skip c: (.*)$", said, re.M).group(1))
    with open(os.path.join(FOLDER, "README.md"), encoding="utf-8") as text:
        example = re.search(r"(?ms)^```apache\n(.*?)^```$", text.read()).group(1)

    def setup(h):
        h.write("conf/token.key", KEY)
        h.make_private("messages")
        for name in re.findall(r"WasmServeModule plugins/(\S+)", example):
            with open(os.path.join(out, name), "rb") as module:
                h.write("plugins/" + name, module.read())
    code, output = make_httpd(config=example, setup=setup, start=False).configtest()
    assert code == 0, output
