# SPDX-License-Identifier: Apache-2.0
"""Require wasmserve NAME: among other Require lines, with and without a user, and when the plugin fails."""
import base64
import hashlib
import re

import pytest

from filter_script import Scripts, directory, location

BOTH = ["1.1", "2"]
KEY = [("X-Key", "secret")]
BASIC = ['AuthType Basic', 'AuthName x', 'AuthUserFile ${root}/users']


def user(name, password="password"):
    return [("Authorization", "Basic " + base64.b64encode(("%s:%s" % (name, password)).encode()).decode())]


def send(httpd, protocol, *args, **keywords):
    return (httpd.h2_request if protocol == "2" else httpd.request)(*args, **keywords)


@pytest.fixture(scope="module")
def httpd(make_httpd, guest, backend):
    scripts = Scripts(guest("script"))
    denies = ["> set 1 x-reason no key", "> status 429", "> write 1 go away", "> answer"]
    plugins = {
        "key": (["> log 0 asked", "> var SAID yes", "> set 0 x-checked 1", "> unless x-key secret", "> var SAID no"]
                + denies, []),
        "user": (["> log 0 asked", "> unlessvar REMOTE_USER anna", "> set 1 x-reason not anna", "> answer"], []),
        "key_or_user": (["> log 0 asked", "> unless x-key secret", "> unlessvar REMOTE_USER anna", "> answer"], []),
        "trap": (["> trap"], []),
        "trap_open": (["> trap"], ["WasmServeOnError open"]),
        "trap_410": (["> trap"], ["WasmServeOnError 410"]),
        "slow": (["> loop"], ["WasmServeTimeout 200ms"]),
        "uri": (["> uri /other"], []),
        "method": (["> method PUT"], []),
        "body": (["> discard 0"], []),
        "writes": (["> write 0 mine"], []),
        "lines": (["> unless x-two first", "> answer"], []),
        "shows": (["> log 0 uri asked", "> unless x-key secret", "> unlessvar REQUEST_SCHEME http", "> answer"], []),
    }
    require = "Require wasmserve %s"
    config = ["WasmServeTimeout 60s"]
    for name, (lines, directives) in plugins.items():
        config.append(scripts.plugin(name, *lines, directives=directives + ["WasmServeGrant log"]))
        config.append(location("/" + name, require % name))
        config.append(location("/not/" + name, "<RequireAll>\nRequire all granted\nRequire not wasmserve %s\n</RequireAll>" % name))
        config.append(location("/any/" + name, "<RequireAny>\nRequire wasmserve %s\nRequire expr %%{HTTP:X-Other} == 'yes'\n"
                                               "</RequireAny>" % name))
        config.append(location("/all/" + name, "<RequireAll>\nRequire wasmserve %s\nRequire expr %%{HTTP:X-Other} == 'yes'\n"
                                               "</RequireAll>" % name))
        config.append(location("/auth/" + name, *BASIC, require % name))
        config.append(location("/auth_any/" + name, *BASIC, "<RequireAny>\nRequire wasmserve %s\nRequire user bert\n"
                                                            "</RequireAny>" % name))
        config.append(location("/auth_all/" + name, *BASIC, "<RequireAll>\nRequire wasmserve %s\nRequire valid-user\n"
                                                            "</RequireAll>" % name))
    config += [
        location("/page", require % "key", "ErrorDocument 403 /403.txt"),
        location("/proxied", require % "key"), 'ProxyPass "/proxied" "http://127.0.0.1:%d/"' % backend.port,
        location("/body_proxied", require % "body"), 'ProxyPass "/body_proxied" "http://127.0.0.1:%d/"' % backend.port,
        location("/filtered", require % "key", "WasmServeFilter key"),
        directory("/parts", "Options +Includes", "AddOutputFilter INCLUDES html", "AddType text/html html"),
        location("/parts/part.html", require % "key"), location("/parts/lines.txt", require % "lines"),
        '<WasmServePlugin echo>\nWasmServeModule "%s"\n</WasmServePlugin>' % guest("echo"),
        location("/program", require % "body", "WasmServeHandler echo"),
        '<Directory "${docroot}/nobody">\nAllowOverride FileInfo\n</Directory>',
        'LogFormat "%U %>s %{WASM_SAID}n" told\nCustomLog "${root}/logs/told" told',
    ]

    def setup(h):
        scripts.write(h)
        password = "{SHA}" + base64.b64encode(hashlib.sha1(b"password").digest()).decode()
        h.write("users", "anna:%s\nbert:%s\n" % (password, password))
        for name in plugins:
            for place in ("", "not/", "any/", "all/", "auth/", "auth_any/", "auth_all/"):
                h.write("docroot/" + place + name, "secret\n")
        for name in ("page", "filtered", "403.txt", "parts/part.html"):
            h.write("docroot/" + name, "%s\n" % name)
        h.write("docroot/parts/page.html", 'one <!--#include virtual="part.html" -->two\n')
        h.write("docroot/parts/lines.txt", "part")
        h.write("docroot/parts/lines.html", '<!--#fsize virtual="lines.txt" --><!--#include virtual="lines.txt" --> ' * 8)
        h.write("docroot/htaccess/file", "secret\n")
        h.write("docroot/htaccess/.htaccess", "Require wasmserve key\n")
        h.write("docroot/ghost/.htaccess", "Require wasmserve ghost\n")
        h.write("docroot/ghost/file", "secret\n")
        h.write("docroot/nobody/.htaccess", "Require wasmserve key\n")
        h.write("docroot/nobody/file", "secret\n")

    return make_httpd(config="\n".join(config), h2=True, setup=setup,
                      modules=["proxy_http", "auth_basic", "authn_file", "authz_user", "include", "log_config"])


@pytest.fixture(autouse=True)
def denials_are_expected(httpd):
    httpd.expect_log("AH01630: client denied|AH01631: user .*authorization failure|AH0161[78]: user|AH01797", optional=True)


def asked(httpd, mark):
    return len(re.findall(r": asked$", httpd.log_since(mark), re.M))


@pytest.mark.parametrize("protocol", BOTH)
def test_yes_and_no(httpd, protocol):
    response = send(httpd, protocol, "GET", "/key", KEY)
    assert (response.status, response.body) == (200, b"secret\n") and "x-reason" not in response
    response = send(httpd, protocol, "GET", "/key")
    assert response.status == 403 and b"go away" not in response.body
    assert response.get("x-reason") == "no key"


def test_a_page_of_the_administrators_has_the_guests_headers(httpd):
    response = httpd.get("/page")
    assert (response.status, response.body, response.get_all("x-reason")) == (403, b"403.txt\n", ["no key"])


@pytest.mark.parametrize("protocol", BOTH)
def test_among_others(httpd, protocol):
    other = [("X-Other", "yes")]
    response = send(httpd, protocol, "GET", "/any/key", other)
    assert response.status == 200 and "x-reason" not in response
    assert send(httpd, protocol, "GET", "/any/key", KEY).status == 200
    response = send(httpd, protocol, "GET", "/any/key")
    assert response.status == 403 and response.get("x-reason") == "no key"
    assert send(httpd, protocol, "GET", "/all/key", KEY + other).status == 200
    assert send(httpd, protocol, "GET", "/all/key", KEY).status == 403
    assert send(httpd, protocol, "GET", "/all/key", other).status == 403
    assert send(httpd, protocol, "GET", "/not/key", KEY).status == 403
    assert send(httpd, protocol, "GET", "/not/key").status == 200


@pytest.mark.parametrize("headers, status, runs", [
    ([], 401, 1), (user("anna"), 200, 2), (user("bert"), 401, 2), (user("anna", "wrong"), 401, 1),
])
def test_a_guest_that_wants_to_know_the_user(httpd, headers, status, runs):
    """It is asked without one, and again when there is one; a wrong password ends the request in between."""
    mark = httpd.log_mark()
    response = httpd.get("/auth/user", headers)
    assert response.status == status and ("WWW-Authenticate" in response) == (status == 401)
    assert asked(httpd, mark) == runs


@pytest.mark.parametrize("headers, status", [(KEY, 200), ([], 403), (KEY + user("bert"), 200), (user("anna"), 403)])
def test_a_guest_that_does_not_is_asked_once(httpd, headers, status):
    mark = httpd.log_mark()
    assert httpd.get("/auth/key", headers).status == status
    assert asked(httpd, mark) == 1


def test_a_key_does_for_a_user(httpd):
    mark = httpd.log_mark()
    assert httpd.get("/auth/key_or_user", KEY).status == 200
    assert asked(httpd, mark) == 1
    assert httpd.get("/auth/key_or_user").status == 401
    assert httpd.get("/auth/key_or_user", user("anna")).status == 200
    assert httpd.get("/auth/key_or_user", user("bert")).status == 401


@pytest.mark.parametrize("place, headers, status", [
    ("auth_any", user("bert"), 200), ("auth_any", user("anna"), 200), ("auth_any", [], 401),
    ("auth_all", user("anna"), 200), ("auth_all", user("bert"), 401), ("auth_all", [], 401),
])
def test_users_among_others(httpd, place, headers, status):
    assert httpd.get("/%s/user" % place, headers).status == status


def test_no_user_where_nobody_can_be_one(httpd):
    """Without AuthType a no for the want of a user is a no."""
    assert httpd.get("/user").status == 403


@pytest.mark.parametrize("name, reason", [("trap", "unreachable"), ("trap_410", "unreachable"), ("slow", "deadline exceeded")])
@pytest.mark.parametrize("place", ["", "any/", "all/", "not/", "auth/"])
def test_failure_is_neither_yes_nor_no(httpd, name, reason, place):
    mark = httpd.log_mark()
    response = httpd.get("/%s%s" % (place, name), [("X-Other", "yes")])
    assert response.status == 500
    httpd.wait_log(r"plugin %s \(sha256:\w{12}\): %s.*; answered 500$" % (name, reason), mark)


def test_failure_that_is_open(httpd):
    other = [("X-Other", "yes")]
    mark = httpd.log_mark()
    assert httpd.get("/any/trap_open", other).status == 200
    httpd.wait_log(r"plugin trap_open \(sha256:\w{12}\): unreachable.*; the other Require lines decide$", mark)
    assert httpd.get("/any/trap_open").status == 403
    assert httpd.get("/all/trap_open", other).status == 200
    assert httpd.get("/all/trap_open").status == 403
    assert httpd.get("/not/trap_open").status == 200
    assert httpd.get("/trap_open").status == 403


@pytest.mark.parametrize("name, reason", [("uri", "another URI"), ("method", "another method"),
                                          ("writes", "another request body")])
def test_what_an_authorization_is_not_for(httpd, name, reason):
    mark = httpd.log_mark()
    assert httpd.get("/" + name).status == 500
    httpd.wait_log(r"plugin %s \(sha256:\w{12}\): the guest's answer cannot be sent: %s, in an authorization" % (name, reason),
                   mark)


def test_what_it_does_to_the_request(httpd, backend):
    assert httpd.get("/proxied/x", KEY).status == 200
    assert ("x-checked", "1") in [(name.lower(), value) for name, value in backend.requests[-1][2]]
    before = len(backend.requests)
    assert httpd.get("/proxied/x").status == 403 and len(backend.requests) == before


@pytest.mark.parametrize("protocol", BOTH)
def test_a_body_that_it_reads_is_there_for_who_is_next(httpd, backend, protocol):
    assert send(httpd, protocol, "POST", "/body_proxied/x", [], b"a body").status == 200
    assert backend.requests[-1][3] == b"a body"
    assert send(httpd, protocol, "POST", "/program", [], b"a body").body.endswith(b"a body")


def test_a_filter_as_well(httpd):
    mark = httpd.log_mark()
    assert httpd.get("/filtered", KEY).body == b"filtered\n"
    assert asked(httpd, mark) == 2


def test_parts_of_a_page(httpd):
    assert httpd.get("/parts/page.html", KEY).body == b"one parts/part.html\ntwo\n"
    httpd.expect_log("unable to include|AH01374", optional=True)
    assert b"parts/part.html" not in httpd.get("/parts/page.html").body


def test_htaccess(httpd):
    assert httpd.get("/htaccess/file", KEY).status == 200
    assert httpd.get("/htaccess/file").status == 403
    mark = httpd.log_mark()
    assert httpd.get("/ghost/file").status == 500
    httpd.wait_log(r"Require wasmserve ghost: there is no such plugin in this server", mark)
    assert httpd.get("/nobody/file", KEY).status == 500
    httpd.wait_log(r"Require not allowed here", mark)


def test_variables_of_either_answer_reach_the_log(httpd):
    httpd.get("/key", KEY)
    httpd.get("/key")

    def told():
        with open(httpd.path("logs/told"), encoding="utf-8") as log:
            return {line.strip() for line in log}
    httpd._wait(lambda: {"/key 200 yes", "/key 403 no"} <= told(), "the access log")


@pytest.mark.parametrize("line, complaint", [
    ("Require wasmserve", "takes one name"), ("Require wasmserve a b", "takes one name"),
    ("Require wasmserve ghost", "Require wasmserve ghost: there is no such plugin"),
    ("Require wasmserve echo", "Require wasmserve echo: the plugin is a cgi program"),
])
def test_configtest(httpd, line, complaint):
    code, output = httpd.configtest(httpd.config + "\n" + location("/x", line))
    assert code != 0 and complaint in output


def test_the_lines_of_a_field_are_the_same_for_each_sub_request(httpd):
    """What is found out about the client's request in one of them must outlive it: the next has them, too."""
    two = [("X-Two", "first"), ("X-Two", "second")]
    assert httpd.get("/parts/lines.html", two).body == b"  4 part " * 8
