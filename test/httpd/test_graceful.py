# SPDX-License-Identifier: Apache-2.0
"""A hundred graceful restarts under load lose no request: not of a file, not of a plugin."""
import os
import threading

import pytest

import env

RESTARTS = 100
CLIENTS = 4
WHEN = 1700000000
RAW = b"\0asm\1\0\0\0" + bytes(range(256)) * 64
BR = b"\x1b\x07" + b"brotli" * 900

CONFIG = """
<Directory "${docroot}">
    WasmServe On
</Directory>
<WasmServePlugin hello>
    WasmServeModule plugins/hello.wasm
    WasmServeTimeout 30s
</WasmServePlugin>
<Location "/hello">
    WasmServeHandler hello
</Location>
"""


class Client(threading.Thread):
    """Asks for a file and for a plugin's answer in turn, each time on a new connection, until it is told to stop. (A
    connection that is kept open may be closed by any server between two requests; clients repeat those.)"""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server = server
        self.done = threading.Event()
        self.answered = 0
        self.failed = []

    def ask(self):
        answer = self.server.get("/app.wasm", [("Accept-Encoding", "br")])
        assert (answer.status, answer.get("Content-Encoding"), answer.body) == (200, "br", BR), answer
        answer = self.server.get("/hello?name=restart")
        assert answer.status == 200 and answer.body == self.server.expected_greeting, answer

    def run(self):
        while not self.done.is_set():
            try:
                self.ask()
                self.answered += 1
            except Exception as error:  # whatever it is, it is a lost request
                self.failed.append(repr(error))
                if len(self.failed) > 20:
                    return


@pytest.fixture(scope="module")
def server(make_httpd, guest):
    def setup(httpd):
        with open(guest("hello"), "rb") as module:
            httpd.write("plugins/hello.wasm", module.read())
        httpd.write("docroot/app.wasm", RAW, mtime=WHEN)
        httpd.write("docroot/app.wasm.br", BR, mtime=WHEN)

    # Old children finish their requests while new ones serve, so there must be room for several generations: a server
    # that is full lets connections wait, which is not what is to be seen here.
    tuning = {"prefork": "StartServers 4\nMinSpareServers 4\nMaxSpareServers 8\nServerLimit 64\nMaxRequestWorkers 64"}
    httpd = make_httpd(config=CONFIG, setup=setup, mpm_config=tuning.get(
        os.environ.get("MPM", "event"),
        "StartServers 2\nServerLimit 16\nThreadsPerChild 8\nThreadLimit 8\nMinSpareThreads 8\nMaxSpareThreads 16\n"
        "MaxRequestWorkers 128"))
    first = httpd.get("/hello?name=restart")
    assert first.status == 200 and first.body
    httpd.expected_greeting = first.body
    return httpd


def test_graceful_restarts_lose_no_request(server):
    clients = [Client(server) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        for _ in range(RESTARTS):
            before = sum(client.answered for client in clients)
            server.graceful()
            # At least one round by the new generation before it is replaced: a restart that nobody notices shows nothing.
            server._wait(lambda: sum(client.answered for client in clients) > before
                         or any(client.failed for client in clients), "a request between two restarts")
    finally:
        for client in clients:
            client.done.set()
        for client in clients:
            client.join(env.PATIENCE)
    failed = [failure for client in clients for failure in client.failed]
    assert not failed, "%d requests were lost, the first: %s" % (len(failed), failed[0])
    assert not any(client.is_alive() for client in clients)
    assert sum(client.answered for client in clients) >= RESTARTS


def test_a_restart_brings_the_new_configuration(server):
    """What a graceful restart is for; and the old plugin must not answer any more."""
    server.graceful(CONFIG.replace('"/hello"', '"/greeting"'))
    server._wait(lambda: server.get("/greeting?name=restart").status == 200, "the new configuration")
    server._wait(lambda: server.get("/hello").status == 404, "the old one to be gone")
