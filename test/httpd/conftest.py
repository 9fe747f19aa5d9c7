# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the server tests; env.py explains them."""
import os

import pytest

import env


def pytest_report_header():
    return "MPM %s, module %s%s" % (os.environ.get("MPM", "event"), env.MODULE,
                                    " (%s)" % env.sanitizer() if env.sanitizer() else "")


@pytest.fixture(scope="module")
def make_httpd():
    """A function that starts servers for one test module (arguments: env.Httpd). After the module's last test they
    are stopped and their error logs audited. start=False returns one that is not started (for `configtest`)."""
    servers = []

    def make(*args, start=True, **keywords):
        server = env.Httpd(*args, **keywords)
        servers.append(server)
        return server.start() if start else server

    yield make
    wrong = []
    for server in servers:
        try:
            server.stop()
        except AssertionError as error:
            wrong.append(str(error))
        wrong += server.audit()
        server.remove()
    assert not wrong, "the servers of this module:\n" + "\n".join(wrong)
