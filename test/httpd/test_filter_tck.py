# SPDX-License-Identifier: Apache-2.0
"""The conformance run for http-wasm: every test of the public kit, over HTTP/1.1 and HTTP/2.

The kit's topology is a client, the server with the guest (test/guests/tck.c) as a filter, and an echoing backend. Here
the same guest also stands in front of a file and of a CGI program's handler, in the server configuration and in
.htaccess, as far as a test asks nothing of the backend.
"""
import re

import pytest

from echo_backend import EchoBackend

METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"]
URIS = {"simple": "/simple", "simple/escaping": "/simple%26clean", "query": "/animal?name=panda",
        "query/escaping": "/disney?name=chip%26dale"}
SIZES = {"empty": 0, "small": 5, "medium": 2048, "large": 4096, "xlarge": 5000}


class Case:
    """One test: its name, the request, and what the response must show."""

    def __init__(self, name, method="GET", uri="/", headers=(), body=None, shows=(), body_is_protocol=False):
        self.name, self.method, self.uri, self.headers, self.body = name, method, uri, list(headers), body
        self.shows = dict(shows)  # a response header of the backend → its value, None: absent
        self.body_is_protocol = body_is_protocol

    def __repr__(self):
        return self.name


EXISTING = [("existing-header", "bear")]
NEXT = "x-httpwasm-next-header-%s-%d"
CASES = [
    Case("get_protocol_version", uri="/get_protocol_version", body_is_protocol=True),
    *[Case("get_method/" + method, method) for method in METHODS],
    Case("set_method", shows={"x-httpwasm-next-method": "POST"}),
    *[Case("get_uri/" + name, uri=uri) for name, uri in URIS.items()],
    *[Case("set_uri/" + name, shows={"x-httpwasm-next-uri": uri}) for name, uri in URIS.items()],
    Case("get_header_values/request/lowercase-key", headers=[("single-header", "value")]),
    Case("get_header_values/request/mixedcase-key", headers=[("Single-Header", "value")]),
    Case("get_header_values/request/not-exists"),
    Case("get_header_values/request/multiple-values", headers=[("multi-header", "value1"), ("multi-header", "value2")]),
    Case("get_header_names/request", headers=[("a-header", "value1"), ("b-header", "2")]),
    Case("set_header_value/request/new", headers=EXISTING, shows={NEXT % ("new-header", 0): "value"}),
    Case("set_header_value/request/existing", headers=EXISTING,
         shows={NEXT % ("existing-header", 0): "value", NEXT % ("existing-header", 1): None}),
    Case("add_header_value/request/new", headers=EXISTING, shows={NEXT % ("new-header", 0): "value"}),
    Case("add_header_value/request/existing", headers=EXISTING,
         shows={NEXT % ("existing-header", 0): "bear", NEXT % ("existing-header", 1): "value"}),
    Case("remove_header/request/new", headers=EXISTING, shows={NEXT % ("existing-header", 0): "bear"}),
    Case("remove_header/request/existing", headers=EXISTING, shows={NEXT % ("existing-header", 0): None}),
    *[Case("read_body/request/" + name, "POST", body=b"a" * size) for name, size in SIZES.items()],
    Case("get_source_addr"),
]
PROTOCOLS = {"1.1": b"HTTP/1.1", "2": b"HTTP/2.0"}


def test_the_kit_is_complete():
    assert len(CASES) == 35


def run(httpd, case, protocol, prefix=""):
    headers = case.headers + [("x-httpwasm-tck-testid", case.name)]
    send = httpd.h2_request if protocol == "2" else httpd.request
    response = send(case.method, prefix + case.uri, headers, case.body)
    assert response.get("x-httpwasm-tck-failed") is None
    assert response.get("x-httpwasm-tck-handled") == "1"
    return response


SECTION = """
<WasmServePlugin %s>
    WasmServeModule "%s"
    WasmServeConfig "%s"
</WasmServePlugin>
"""


@pytest.fixture(scope="module")
def proxied(make_httpd, guest):
    """The kit's own topology: in the whole server, and one in which every request goes on to the backend."""
    with EchoBackend() as backend:
        config = SECTION % ("tck", guest("tck"), "answers") + SECTION % ("all", guest("tck"), "next") + """
            TraceEnable On
            WasmServeFilter tck
            ProxyPass / http://127.0.0.1:%d/ nocanon
            <VirtualHost *:${port}>
                ServerName localhost
            </VirtualHost>
            <VirtualHost *:${port}>
                ServerName next.test
                WasmServeFilter all
                ProxyPass / http://127.0.0.1:%d/ nocanon
            </VirtualHost>
            """ % (backend.port, backend.port)
        yield make_httpd(config=config, modules=["proxy_http"], h2=True)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("case", CASES, ids=repr)
def test_in_front_of_a_backend(proxied, case, protocol):
    response = run(proxied, case, protocol)
    assert response.status == 200
    for name, value in case.shows.items():
        assert response.get(name) == value, name
    if case.body_is_protocol:
        assert response.body == PROTOCOLS[protocol]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("case", CASES, ids=repr)
def test_what_is_set_survives_the_backends_answer(proxied, case, protocol):
    """As the kit had it before: the guest sets its response header and always lets the request go on."""
    send = proxied.h2_request if protocol == "2" else proxied.request
    headers = case.headers + [("x-httpwasm-tck-testid", case.name), ("Host", "next.test")]
    response = send(case.method, case.uri, headers, case.body)
    assert response.status == 200 and response.get("x-httpwasm-tck-handled") == "1"
    assert response.get("x-httpwasm-tck-failed") is None
    assert response.get("x-httpwasm-next-method") == ("POST" if case.name == "set_method" else case.method)
    for name, value in case.shows.items():
        assert response.get(name) == value, name
    if case.body_is_protocol:
        assert response.body == PROTOCOLS[protocol]


@pytest.fixture(scope="module")
def local(make_httpd, guest):
    """In front of files and of a plugin's handler; in <Location>, <Directory> and .htaccess."""
    config = SECTION % ("tck", guest("tck"), "answers") + """
        TraceEnable On
        AllowEncodedSlashes On
        <WasmServePlugin hello>
            WasmServeModule "%s"
        </WasmServePlugin>
        <Location "/file">
            WasmServeFilter tck
        </Location>
        <Location "/handler">
            WasmServeFilter tck
            WasmServeHandler hello
        </Location>
        <Directory "${docroot}/directory">
            WasmServeFilter tck
        </Directory>
        """ % guest("hello")

    def setup(h):
        for place in ("file", "directory", "htaccess"):
            for name in ("index.html", "simple", "simple&clean", "animal", "disney", "get_protocol_version"):
                h.write("docroot/%s/%s" % (place, name), b"a file\n")
        h.write("docroot/htaccess/.htaccess", "WasmServeFilter tck\n")

    return make_httpd(config=config, h2=True, setup=setup)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("place", ["file", "handler", "directory", "htaccess"])
@pytest.mark.parametrize("case", [case for case in CASES if not case.shows and not case.name.startswith("set_uri")],
                         ids=repr)
def test_in_front_of_others(local, case, place, protocol):
    if case.method == "TRACE" and place in ("directory", "htaccess"):
        pytest.skip("httpd answers TRACE before it looks at directories")
    if case.name.startswith("get_uri"):
        # The guest expects the URI without the place; here it is the whole one that counts.
        response = (local.h2_request if protocol == "2" else local.request)(
            "GET", "/" + place + case.uri, [("x-httpwasm-tck-testid", case.name)])
        assert re.fullmatch("get_uri: expected %s, found /%s%s" % (re.escape(case.uri), place, re.escape(case.uri)),
                            response.get("x-httpwasm-tck-failed"))
        return
    response = run(local, case, protocol, "/" + place)
    assert response.status == 200
    if case.body_is_protocol:
        assert response.body == PROTOCOLS[protocol]
