# SPDX-License-Identifier: Apache-2.0
"""WasmServeFilter: what a guest does to requests and responses, in front of files, programs and backends."""
import threading
import zlib

import pytest

import env
from echo_backend import EchoBackend
from filter_script import Scripts, directory, location

BOTH = ["1.1", "2"]


def send(httpd, protocol, *args, **keywords):
    return (httpd.h2_request if protocol == "2" else httpd.request)(*args, **keywords)


@pytest.fixture(scope="module")
def backend():
    with EchoBackend() as server:
        server.answers["/page"] = lambda h: h.reply(
            200, [("Content-Type", "text/html"), ("ETag", '"b"'), ("Set-Cookie", "b=1"), ("X-Backend", "yes"),
                  ("X-Seed", "backend")], b"<p>page</p>\n")
        server.answers["/text"] = lambda h: h.reply(200, [("Content-Type", "text/plain")], b"some text\n" * 100)
        server.answers["/script"] = lambda h: h.reply(200, [("Content-Type", "text/javascript")], b"some text\n" * 1000)
        server.answers["/error"] = lambda h: h.reply(500, [("X-Backend", "yes")], b"broken\n")
        server.answers["/empty"] = lambda h: h.reply(204, [("X-Backend", "yes")])
        server.answers["/large"] = lambda h: h.reply(200, [("Content-Type", "text/plain")], b"x" * 300000)
        yield server


@pytest.fixture(scope="module")
def socket_backend():
    with EchoBackend() as server:
        yield server


@pytest.fixture(scope="module")
def httpd(make_httpd, guest, backend, socket_backend):
    scripts = Scripts(guest("script"))
    plugins = {
        "headers": ["> set 0 x-set one", "> set 0 X-Replaced new", "> add 0 x-added two", "> add 0 x-added three",
                    "> del 0 x-gone", "> set 1 x-from-request 1", "> add 1 set-cookie a=1", "> add 1 set-cookie b=2",
                    "> set 1 x-seed guest"],
        "framing": ["> set 0 content-length 3", "> set 0 transfer-encoding chunked", "> set 0 connection x-gone",
                    "> del 0 content-length"],
        "uri": ["> uri /files/other.txt?a=%20b"],
        "uri_same": ["> uri /redirected/file.txt", "> log 0 turn"],
        "method": ["> method PUT"],
        "to_head": ["> method HEAD"],
        "to_get": ["> method GET"],
        "answer": ["> status 403", "> set 1 content-type text/plain", "> set 1 x-mine 1", "> add 1 set-cookie a=1",
                   "> add 1 set-cookie b=2", "> set 1 content-length 99", "> set 1 transfer-encoding chunked",
                   "> write 1 denied\\n", "> answer"],
        "answer_default": ["> answer"],
        "answer_204": ["> status 204", "> write 1 nothing", "> answer"],
        "upper": ["! features 2", "< upper 1"],
        "look": ["! features 2", "< show x-status status", "< show x-error error", "< show x-body body 1",
                 "< show x-names names 1", "< show x-type values 1 content-type"],
        "status": ["! features 2", "< status 418", "< del 1 x-backend", "< set 1 x-new 1", "< add 1 x-new 2",
                   "< set 1 content-type text/plain;\x20charset=utf-8"],
        "empty": ["! features 2", "< write 1 "],
        "no_content": ["! features 2", "< status 204"],
        "stream": ["> set 1 x-stream 1", "> context 77", "< log 0 response"],
        "context": ["! features 2", "> context 4000000000", "< show x-context context"],
        "prefix": ["> write 1 before\\n"],
        "a": ["! features 2", "> add 0 x-order a", "> set 1 x-a 1", "< add 1 x-order a", "< log 0 a"],
        "b": ["! features 2", "> add 0 x-order b", "< add 1 x-order b", "< log 0 b"],
        "b_answers": ["> write 1 from b", "> answer"],
        "keep": ["! features 1", "> show x-body body 0"],
        "keep_part": ["! features 1", "> peek 0 3", "< log 0 response"],
        "use": ["> show x-body body 0"],
        "replace": ["> upper 0"],
        "body_from_nothing": ["> method POST", "> write 0 made up"],
        "late_read": ["! features 3", "> discard 0", "< show x-again body 0"],
        "late_keep": ["! features 3", "> discard 0", "< discard 0"],
        "shows": ["> show x-uri uri", "> show x-names names 0", "> show x-values values 0 x-list",
                  "> show x-accept values 0 accept", "> show x-source source", "> show x-user var REMOTE_USER",
                  "> show x-path var PATH", "> show x-region env REGION", "> show x-region-var var REGION",
                  "> show x-scheme var REQUEST_SCHEME"],
        "sets_variable": ["> var TENANT acme", "> show x-tenant var WASM_TENANT"],
        "stdout": ["> stdout said to stdout"],
        "trailers": ["! features 6", "> show x-features features", "> show x-trailer values 2 x-sent",
                     "< set 3 x-trailer last"],
        "trailers_all": ["! features 7", "> show x-features features", "> discard 0",
                         "> show x-trailer values 2 x-sent", "< set 3 x-trailer last"],
        "logs": ["> log -1 debug line", "> log 0 info line", "> log 1 warn line", "> log 2 error line",
                 "> log 3 no line", "> log 0 two\\nlines"],
    }
    for name, lines in plugins.items():
        scripts.plugin(name, *lines)
    config = ["WasmServeTimeout 60s", "Listen 127.0.0.1:%d" % env.free_port()]
    for name, lines in plugins.items():
        grants = ["WasmServeGrant log env:REGION=eu-1"] if name == "shows" else []
        config.append(scripts.plugin(name, *lines, directives=grants))
        # In front of the backend, of files, and in a directory.
        config.append(location("/%s/" % name, "WasmServeFilter " + name))
        config.append('ProxyPass "/%s/backend/" "http://127.0.0.1:%d/"' % (name, backend.port))
        config.append(location("/%s/program" % name, "WasmServeHandler echo"))
        config.append(directory("/in/" + name, "WasmServeFilter " + name))
    config += [
        '<WasmServePlugin echo>\nWasmServeModule "%s"\n</WasmServePlugin>' % guest("echo"),
        location("/chain/", "WasmServeFilter a b"),
        'ProxyPass "/chain/backend/" "http://127.0.0.1:%d/"' % backend.port,
        location("/socket/", "WasmServeFilter upper stream"),
        # Of another host, or it would be the other lines' worker, without its parameter.
        'ProxyPass "/socket/" "http://127.0.0.1:%d/" upgrade=websocket' % socket_backend.port,
        location("/chain_answers/", "WasmServeFilter a b_answers"),
        location("/deflate/", "WasmServeFilter upper", "SetOutputFilter DEFLATE"),
        'ProxyPass "/deflate/backend/" "http://127.0.0.1:%d/"' % backend.port,
        location("/compress/", "WasmServeFilter upper", "WasmServe On\nWasmServeTypes .wasm .js\nWasmServeCompress On"),
        'ProxyPass "/compress/backend/" "http://127.0.0.1:%d/"' % backend.port,
        location("/words/", "WasmServeFilter stream", 'Header set X-Stream administrator'),
        location("/dead/", "WasmServeFilter look"),
        'ProxyPass "/dead/" "http://127.0.0.1:1/"',
        location("/missing/", "WasmServeFilter look"),
        location("/errordocument/", "WasmServeFilter look stream", "ErrorDocument 404 /files/404.txt"),
        location("/ssi/", "WasmServeFilter upper stream"),
        directory("/ssi", "Options +Includes", "AddOutputFilter INCLUDES html", "AddType text/html html"),
        directory("/index", "DirectoryIndex index.txt", '<Files "index.txt">\nWasmServeFilter upper\n</Files>'),
        location("/rewritten/", "WasmServeFilter upper"),
        location("/small/", "WasmServeFilter upper", "WasmServeBody 1000"),
        location("/small_keep/", "WasmServeFilter keep", "WasmServeBody 1000"),
        'ProxyPass "/small/backend/" "http://127.0.0.1:%d/"' % backend.port,
        'ProxyPass "/small_keep/backend/" "http://127.0.0.1:%d/"' % backend.port,
        "RewriteEngine On\nRewriteRule ^/old/(.*) /rewritten/$1 [PT]",
        directory("/redirected", "WasmServeFilter uri_same"),
        directory("/perdir", "WasmServeFilter stream", "RewriteEngine On", "RewriteRule ^a.txt$ b.txt"),
        directory("/auth", "WasmServeFilter shows", "AuthType Basic", "AuthName x", "AuthUserFile ${root}/users",
                  "Require valid-user"),
        'LogFormat "%U %{WASM_TENANT}n %{WASM_TENANT}e %{wasmserve-filters}n %{wasmserve-outcome}n" told',
        'CustomLog "${root}/logs/told" told',
        "<IfModule mod_headers.c>\n</IfModule>",
    ]

    def setup(h):
        scripts.write(h)
        h.write("users", "user:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n")
        for folder in list(plugins) + ["chain", "deflate", "words", "small", "small_keep", "ssi", "rewritten"]:
            h.write("docroot/%s/file.txt" % folder, "a file\n")
            h.write("docroot/in/%s/file.txt" % folder, "a file\n")
            h.write("docroot/%s/large.txt" % folder, "a file\n" * 200)
        h.write("docroot/files/other.txt", "another file\n")
        h.write("docroot/files/404.txt", "nothing here\n")
        h.write("docroot/redirected/file.txt", "the target\n")
        h.write("docroot/redirected/first.txt", "not the target\n")
        h.write("docroot/ssi/page.html", 'one <!--#include virtual="part.html" --> three\n')
        h.write("docroot/ssi/part.html", "two")
        h.write("docroot/index/index.txt", "index\n")
        h.write("docroot/perdir/b.txt", "file b\n")
        h.write("docroot/auth/file.txt", "secret\n")

    return make_httpd(config="\n".join(config), h2=True, setup=setup, environment={"PATH": "/usr/bin:/bin"},
                      modules=["proxy_http", "rewrite", "headers", "deflate", "include", "auth_basic", "authn_file",
                               "log_config"])


def last(backend):
    """The last request of the backend's: (method, uri, {lower name: [values]}, body)."""
    method, uri, pairs, body = backend.requests[-1]
    headers = {}
    for name, value in pairs:
        headers.setdefault(name.lower(), []).append(value)
    return method, uri, headers, body


# ---- requests

@pytest.mark.parametrize("protocol", BOTH)
def test_request_headers(httpd, backend, protocol):
    send(httpd, protocol, "GET", "/headers/backend/x", [("X-Replaced", "old"), ("X-Gone", "1"), ("x-added", "one")])
    headers = last(backend)[2]
    assert headers["x-set"] == ["one"] and headers["x-replaced"] == ["new"] and "x-gone" not in headers
    assert headers["x-added"] == ["one", "two", "three"]


def test_where_a_message_ends_is_not_the_guests(httpd, backend):
    httpd.request("POST", "/framing/backend/x", [("X-Gone", "1")], b"0123456789")
    _, _, headers, body = last(backend)
    assert body == b"0123456789" and headers["content-length"] == ["10"] and "transfer-encoding" not in headers
    assert headers["x-gone"] == ["1"]


@pytest.mark.parametrize("path", ["/uri/file.txt", "/in/uri/file.txt"])
@pytest.mark.parametrize("protocol", BOTH)
def test_another_uri(httpd, path, protocol):
    assert send(httpd, protocol, "GET", path).body == b"another file\n"


def test_a_redirection_is_no_loop(httpd):
    """In a directory, where a changed URI is a redirection, to the same directory."""
    mark = httpd.log_mark()
    assert httpd.get("/redirected/first.txt").body == b"the target\n"
    assert httpd.log_since(mark).count("plugin uri_same@") == 1


def test_another_method(httpd, backend):
    httpd.get("/method/backend/x")
    assert last(backend)[0] == "PUT"


@pytest.mark.parametrize("protocol", BOTH)
def test_the_client_gets_what_its_method_asks_for(httpd, backend, protocol):
    response = send(httpd, protocol, "GET", "/to_head/backend/page")
    assert last(backend)[0] == "HEAD" and (response.status, response.body) == (200, b"")
    response = send(httpd, protocol, "GET", "/to_head/file.txt")
    assert (response.status, response.body) == (200, b"")
    response = send(httpd, protocol, "HEAD", "/to_get/backend/page")
    assert last(backend)[0] == "GET" and (response.status, response.body) == (200, b"")
    assert response.get("X-Backend") == "yes"


def test_variables_and_what_the_guest_sees(httpd):
    response = httpd.get("/shows/file.txt?q=%20", [("X-List", "a, b"), ("X-List", "c"), ("Accept", "a/b, c/d")])
    assert response.get("x-uri") == "/shows/file.txt?q=%20"
    names = response.get("x-names").split("|")
    assert names == sorted(set(names)) and {"host", "x-list", "accept"} <= set(names)
    assert response.get("x-values") == "a, b|c" and response.get("x-accept") == "a/b, c/d"
    assert response.get("x-source").startswith("127.0.0.1:")
    assert response.get("x-user") == "(none)" and response.get("x-path") == "(none)"
    assert response.get("x-region") == "eu-1" and response.get("x-region-var") == "eu-1"
    assert response.get("x-scheme") == "http"


def test_values_over_h2(httpd):
    response = httpd.h2_request("GET", "/shows/file.txt", [("x-list", "a"), ("x-list", "b"), ("accept", "a/b, c/d")])
    assert response.get("x-values") == "a|b" and response.get("x-accept") == "a/b, c/d"


def test_the_absolute_form(httpd):
    answer = httpd.raw(b"GET http://localhost/shows/file.txt?a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert b"x-uri: /shows/file.txt?a\r\n" in answer
    answer = httpd.raw(b"GET /shows/x/../file.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert b"x-uri: /shows/x/../file.txt\r\n" in answer


def test_a_user_where_there_is_one(httpd):
    response = httpd.get("/auth/file.txt", [("Authorization", "Basic dXNlcjpwYXNzd29yZA==")])
    assert (response.status, response.get("x-user")) == (200, "user")
    assert httpd.get("/auth/file.txt").status == 401


def test_variables_reach_the_log(httpd):
    assert httpd.get("/sets_variable/file.txt").get("x-tenant") == "acme"

    def told():
        with open(httpd.path("logs/told"), encoding="utf-8") as log:
            return [line.split() for line in log if line.startswith("/sets_variable/")]
    httpd._wait(lambda: told(), "the access log")
    uri, note, variable, filters, outcome = told()[-1]
    assert (note, variable, outcome) == ("acme", "acme", "-") and filters.startswith("sets_variable@")


# ---- request bodies

BODY = b"some body, " * 1000


def chunked(httpd, path, body):
    """The same as a client that does not know the length beforehand."""
    with httpd.connection() as connection:
        connection.send(b"POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                        % path.encode())
        for i in range(0, len(body), 4000):
            connection.send(b"%x\r\n%s\r\n" % (len(body[i:i + 4000]), body[i:i + 4000]))
        connection.send(b"0\r\n\r\n")
        return connection.read_response()


def post(httpd, how, path, body):
    return chunked(httpd, path, body) if how == "chunked" else send(httpd, how, "POST", path, [], body)


@pytest.mark.parametrize("how", BOTH + ["chunked"])
@pytest.mark.parametrize("name", ["keep_part", "late_keep"])
def test_a_body_that_was_read_is_there_for_who_is_next(httpd, backend, name, how):
    assert post(httpd, how, "/%s/backend/x" % name, BODY).status == 200
    assert last(backend)[3] == BODY
    assert post(httpd, how, "/%s/program" % name, BODY).body.endswith(BODY)


@pytest.mark.parametrize("how", BOTH + ["chunked"])
def test_the_guest_sees_the_body(httpd, backend, how):
    response = post(httpd, how, "/keep/backend/x", b"a short one")
    assert response.get("x-body") == "a short one" and last(backend)[3] == b"a short one"
    response = post(httpd, how, "/late_read/backend/x", b"a short one")
    assert response.get("x-again") == "a short one"


@pytest.mark.parametrize("how", BOTH + ["chunked"])
def test_a_body_that_is_not_kept_is_gone(httpd, backend, how):
    assert post(httpd, how, "/use/backend/x", b"a short one").get("x-body") == "a short one"
    _, _, headers, body = last(backend)
    assert body == b"" and headers["content-length"] == ["0"]


@pytest.mark.parametrize("how", BOTH + ["chunked"])
def test_another_body(httpd, backend, how):
    post(httpd, how, "/replace/backend/x", BODY)
    _, _, headers, body = last(backend)
    assert body == BODY.upper() and headers["content-length"] == [str(len(BODY))]
    assert post(httpd, how, "/replace/program", BODY).body.endswith(BODY.upper())


@pytest.mark.parametrize("protocol", BOTH)
def test_a_body_where_there_was_none(httpd, backend, protocol):
    send(httpd, protocol, "GET", "/body_from_nothing/backend/x")
    assert last(backend)[0] == "POST" and last(backend)[3] == b"made up"


def test_the_next_request_of_the_connection_is_read_right(httpd, backend):
    with httpd.connection() as connection:
        for name in ("use", "replace", "keep", "keep_part", "framing", "body_from_nothing", "answer"):
            assert connection.request("POST", "/%s/backend/x" % name, [], b"GET /evil HTTP/1.1\r\n\r\n").status in (200, 403)
            assert connection.request("GET", "/files/other.txt").body == b"another file\n"
    assert not any(uri == "/evil" for _, uri, _, _ in backend.requests)


@pytest.mark.parametrize("how", BOTH + ["chunked"])
def test_a_body_that_is_too_large(httpd, backend, how):
    before = len(backend.requests)
    assert post(httpd, how, "/small_keep/backend/x", b"x" * 5000).status == 413
    assert len(backend.requests) == before
    assert post(httpd, how, "/small_keep/backend/x", b"x" * 1000).status == 200


def test_a_body_that_nobody_reads_has_no_limit(httpd, backend):
    httpd.request("POST", "/small/backend/x", [], b"x" * 500000)
    assert last(backend)[3] == b"x" * 500000


def test_a_client_that_waits_to_be_asked(httpd, backend):
    with httpd.connection() as connection:
        connection.send(b"POST /keep/backend/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n"
                        b"Expect: 100-continue\r\nConnection: close\r\n\r\n")
        assert connection._line() == b"HTTP/1.1 100 Continue" and connection._line() == b""
        connection.send(b"body")
        assert connection.read_response().get("x-body") == "body"
    assert last(backend)[3] == b"body"


# ---- answers of guests

@pytest.mark.parametrize("protocol", BOTH)
@pytest.mark.parametrize("path", ["/answer/file.txt", "/answer/backend/x", "/answer/missing", "/in/answer/file.txt",
                                  "/answer/program", "/answer/%2f"])
def test_an_answer(httpd, path, protocol):
    response = send(httpd, protocol, "GET", path)
    assert (response.status, response.body) == (403, b"denied\n")
    assert response.get("content-type") == "text/plain" and response.get("x-mine") == "1"
    assert response.get_all("set-cookie") == ["a=1", "b=2"]
    assert response.get("content-length") == "7" and "transfer-encoding" not in response
    response = send(httpd, protocol, "HEAD", path)
    assert (response.status, response.body, response.get("content-length")) == (403, b"", "7")


@pytest.mark.parametrize("path", ["/%s/file.txt", "/in/%s/file.txt"])
def test_answers_of_little(httpd, path):
    response = httpd.get(path % "answer_default")
    assert (response.status, response.body, response.get("Content-Length")) == (200, b"", "0")
    assert "Content-Type" not in response
    response = httpd.get(path % "answer_204")
    assert (response.status, response.body) == (204, b"") and "Content-Length" not in response


# ---- responses

@pytest.mark.parametrize("protocol", BOTH)
@pytest.mark.parametrize("path, body", [("/upper/file.txt", b"A FILE\n"), ("/in/upper/file.txt", b"A FILE\n"),
                                        ("/upper/backend/page", b"<P>PAGE</P>\n")])
def test_a_body_is_changed(httpd, path, body, protocol):
    response = send(httpd, protocol, "GET", path)
    assert (response.status, response.body) == (200, body)
    assert response.get("content-length") == str(len(body))
    for gone in ("etag", "last-modified", "accept-ranges"):
        assert gone not in response
    assert send(httpd, protocol, "HEAD", path).body == b""


def test_a_program_is_filtered(httpd):
    assert httpd.request("POST", "/upper/program", [], b"abc").body.endswith(b"ABC")


def test_what_a_guest_sees_of_a_response(httpd):
    response = httpd.get("/look/backend/page")
    assert response.get("x-status") == "200" and response.get("x-error") == "0"
    assert response.get("x-body") == "<p>page</p>~" and response.get("x-type") == "text/html"
    assert {"x-backend", "set-cookie", "etag", "content-type"} <= set(response.get("x-names").split("|"))


@pytest.mark.parametrize("protocol", BOTH)
def test_status_and_headers_are_changed(httpd, protocol):
    response = send(httpd, protocol, "GET", "/status/backend/page")
    assert (response.status, response.body) == (418, b"<p>page</p>\n")
    assert "x-backend" not in response and response.get_all("x-new") == ["1", "2"]
    assert response.get("content-type") == "text/plain; charset=utf-8"
    assert response.get("etag") == '"b"'  # the body is as it was


@pytest.mark.parametrize("protocol", BOTH)
def test_bodies_of_nothing(httpd, protocol):
    response = send(httpd, protocol, "GET", "/empty/backend/page")
    assert (response.status, response.body, response.get("content-length")) == (200, b"", "0")
    response = send(httpd, protocol, "GET", "/no_content/backend/page")
    assert (response.status, response.body) == (204, b"") and "content-length" not in response


@pytest.mark.parametrize("protocol", BOTH)
def test_what_was_set_before_survives(httpd, protocol):
    """mod_proxy replaces all headers by the backend's; what both say is the backend's, cookies add up."""
    response = send(httpd, protocol, "GET", "/headers/backend/page")
    assert response.get("x-from-request") == "1" and response.get("x-seed") == "backend"
    assert sorted(response.get_all("set-cookie")) == ["a=1", "b=1", "b=2"]
    assert send(httpd, protocol, "GET", "/headers/file.txt").get("x-seed") == "guest"
    assert send(httpd, protocol, "GET", "/headers/missing").get("x-seed") == "guest"
    assert send(httpd, protocol, "GET", "/in/headers/file.txt").get("x-from-request") == "1"


def test_the_administrators_header_wins(httpd):
    assert httpd.get("/words/file.txt").get_all("X-Stream") == ["administrator"]


@pytest.mark.parametrize("protocol", BOTH)
def test_a_body_in_front(httpd, protocol):
    for path, rest in (("/prefix/file.txt", b"a file\n"), ("/prefix/backend/page", b"<p>page</p>\n")):
        response = send(httpd, protocol, "GET", path)
        assert response.body == b"before\n" + rest and "etag" not in response
    assert send(httpd, protocol, "GET", "/prefix/backend/empty").body == b""
    assert send(httpd, protocol, "HEAD", "/prefix/file.txt").body == b""
    # A part of the file would not be that part of what was promised.
    response = send(httpd, protocol, "GET", "/prefix/file.txt", [("Range", "bytes=0-1")])
    assert (response.status, response.body) in ((200, b"before\na file\n"), (206, b"be"))


def test_the_context_comes_back(httpd):
    assert httpd.get("/context/file.txt").get("x-context") == "4000000000"


@pytest.mark.parametrize("protocol", BOTH)
def test_a_stream_is_not_held_back(httpd, backend, protocol):
    """The backend goes on only when the client has what came before."""
    got_first = threading.Event()

    def slowly(handler):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"5\r\nfirst\r\n")
        handler.wfile.flush()
        handler.wfile.write(b"6\r\nsecond\r\n0\r\n\r\n" if got_first.wait(60) else b"0\r\n\r\n")

    backend.answers["/slowly"] = slowly
    mark = httpd.log_mark()
    if protocol == "2":
        got_first.set()  # the client reads responses whole
        response = httpd.h2_request("GET", "/stream/backend/slowly")
    else:
        with httpd.connection() as connection:
            connection.send(b"GET /stream/backend/slowly HTTP/1.1\r\nHost: localhost\r\n\r\n")
            while b"first" not in connection.buffer:
                assert connection._more()
            got_first.set()
            response = connection.read_response()
    assert response.body == b"firstsecond" and response.get("x-stream") == "1"
    httpd.wait_log(r"plugin stream@\w+: response$", mark)


def test_another_protocol_passes_by(httpd, socket_backend):
    """After 101 the connection is none of HTTP's: nothing is held, whatever the guest has enabled."""
    def echo(handler):
        handler.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        handler.close_connection = True
        while True:
            data = handler.connection.recv(1000)
            if not data:
                break
            handler.connection.sendall(data.swapcase())

    socket_backend.answers["/"] = echo
    with httpd.connection() as connection:
        connection.send(b"GET /socket/ HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        assert connection.read_response().status == 101
        for word in (b"Hello", b"Again"):
            connection.send(word)
            assert connection._exactly(5) == word.swapcase()


def test_ranges_and_conditions_of_what_is_not_changed(httpd):
    response = httpd.get("/stream/file.txt", [("Range", "bytes=2-5")])
    assert (response.status, response.body) == (206, b"file")
    etag = httpd.get("/stream/file.txt").get("ETag")
    mark = httpd.log_mark()
    response = httpd.get("/stream/file.txt", [("If-None-Match", etag)])
    assert (response.status, response.body) == (304, b"")
    httpd.wait_log(r"plugin stream@\w+: response$", mark)


@pytest.mark.parametrize("protocol", BOTH)
def test_no_part_of_what_is_changed(httpd, protocol):
    response = send(httpd, protocol, "GET", "/upper/file.txt", [("Range", "bytes=2-5")])
    assert (response.status, response.body) == (200, b"A FILE\n")
    etag = send(httpd, protocol, "GET", "/stream/file.txt").get("etag")
    assert send(httpd, protocol, "GET", "/upper/file.txt", [("If-Range", etag), ("Range", "bytes=2-5")]).status == 200


@pytest.mark.parametrize("protocol", BOTH)
def test_guests_see_text_and_clients_get_it_compressed(httpd, backend, protocol):
    for path, body in (("/deflate/large.txt", b"A FILE\n" * 200), ("/deflate/backend/text", b"SOME TEXT\n" * 100)):
        response = send(httpd, protocol, "GET", path, [("Accept-Encoding", "gzip")])
        assert response.get("content-encoding") == "gzip"
        assert zlib.decompress(response.body, 31) == body
    assert "accept-encoding" not in last(backend)[2]
    # As well where the module itself compresses.
    response = send(httpd, protocol, "GET", "/compress/backend/script", [("Accept-Encoding", "gzip")])
    assert response.get("content-encoding") == "gzip"
    assert zlib.decompress(response.body, 31) == b"SOME TEXT\n" * 1000
    assert "accept-encoding" not in last(backend)[2]


@pytest.mark.parametrize("protocol", BOTH)
def test_no_content(httpd, protocol):
    for name in ("upper", "look", "stream", "status"):
        response = send(httpd, protocol, "GET", "/%s/backend/empty" % name)
        assert (response.status, response.body) == (418 if name == "status" else 204, b"")


# ---- errors of the server

@pytest.mark.parametrize("protocol", BOTH)
def test_error_pages_are_responses(httpd, protocol):
    response = send(httpd, protocol, "GET", "/missing/x")
    assert (response.status, response.get("x-status"), response.get("x-error")) == (404, "404", "0")
    httpd.expect_log("proxy.*(AH00957|AH01114)", optional=True)
    response = send(httpd, protocol, "GET", "/dead/x")
    assert (response.status, response.get("x-status"), response.get("x-error")) == (503, "503", "1")
    # What a backend says is no error of the server's.
    response = send(httpd, protocol, "GET", "/look/backend/error")
    assert (response.status, response.get("x-status"), response.get("x-error")) == (500, "500", "0")


@pytest.mark.parametrize("protocol", BOTH)
def test_a_page_of_errordocument_is_filtered_once(httpd, protocol):
    mark = httpd.log_mark()
    response = send(httpd, protocol, "GET", "/errordocument/x")
    assert (response.status, response.body, response.get("x-status")) == (404, b"nothing here\n", "404")
    httpd.wait_log(r"plugin stream@\w+: response$", mark)
    assert httpd.log_since(mark).count("plugin stream@") == 1


# ---- chains

@pytest.mark.parametrize("protocol", BOTH)
def test_a_chain(httpd, backend, protocol):
    mark = httpd.log_mark()
    response = send(httpd, protocol, "GET", "/chain/backend/page")
    assert last(backend)[2]["x-order"] == ["a", "b"]
    assert response.get_all("x-order") == ["b", "a"] and response.get("x-a") == "1"
    httpd.wait_log(r"plugin b@\w+: b$(?s:.)*plugin a@\w+: a$", mark)


@pytest.mark.parametrize("protocol", BOTH)
def test_the_answer_of_the_second_goes_through_the_first(httpd, protocol):
    response = send(httpd, protocol, "GET", "/chain_answers/file.txt")
    assert response.body == b"from b" and response.get("x-order") == "a" and response.get("x-a") == "1"


# ---- no way around a filter, and none twice

@pytest.mark.parametrize("protocol", BOTH)
def test_places_that_show_late(httpd, protocol):
    assert send(httpd, protocol, "GET", "/old/file.txt").body == b"A FILE\n"      # mod_rewrite
    assert send(httpd, protocol, "GET", "/index/").body == b"INDEX\n"             # mod_dir
    assert send(httpd, protocol, "GET", "/index/index.txt").body == b"INDEX\n"


def test_parts_of_a_page_are_no_requests(httpd):
    mark = httpd.log_mark()
    assert httpd.get("/ssi/page.html").body == b"ONE TWO THREE\n"
    httpd.wait_log(r"plugin stream@\w+: response$", mark)
    assert httpd.log_since(mark).count("plugin stream@") == 1


def test_a_rewriting_in_a_directory_is_filtered_once(httpd):
    mark = httpd.log_mark()
    response = httpd.get("/perdir/a.txt")
    assert response.body == b"file b\n" and response.get("x-stream") == "1"
    httpd.wait_log(r"plugin stream@\w+: response$", mark)
    assert httpd.log_since(mark).count("plugin stream@") == 1


# ---- bounds of what is held

def test_a_response_that_is_too_large_to_hold(httpd):
    httpd.expect_log(r"plugin upper \(sha256:\w{12}\): the response is larger than the 1000 bytes of WasmServeBody.*"
                     r"answered 500")
    assert httpd.get("/small/large.txt").status == 500
    assert httpd.get("/small/backend/large").status == 500
    assert httpd.get("/small/file.txt").body == b"A FILE\n"


# ---- the rest

def test_logs(httpd):
    httpd.expect_log(r"plugin logs@\w+: (warn|error) line")
    mark = httpd.log_mark()
    assert httpd.get("/logs/file.txt").status == 200
    httpd.wait_log(r"plugin logs@\w+: two\\nlines$", mark)
    said = httpd.log_since(mark)
    assert "info line" in said and "warn line" in said and "error line" in said
    assert "debug line" not in said and "no line" not in said


def test_stdout_is_no_answer(httpd):
    httpd.expect_log(r"plugin stdout@\w+: said to stdout")
    assert httpd.get("/stdout/file.txt").body == b"a file\n"


def test_trailers_are_http2s(httpd):
    httpd.expect_log(r"plugin trailers \(sha256:\w{12}\): a host function was called against its rules.*"
                     r"set_header_value: there are no trailers here, or they are not enabled.*answered 500")
    assert httpd.get("/trailers/file.txt").status == 500
    with httpd.h2_connection() as connection:
        heads, body = connection.request("GET", "/trailers/backend/page")
    assert dict(heads[0])[":status"] == "200" and dict(heads[0])["x-features"] == "6" and body == b"<p>page</p>\n"
    assert heads[1] == [("x-trailer", "last")]
