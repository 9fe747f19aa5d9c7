# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the server tests; env.py explains them."""
import os

import pytest

import env
from echo_backend import EchoBackend


def pytest_report_header():
    return "MPM %s, module %s%s" % (os.environ.get("MPM", "event"), env.MODULE,
                                    " (%s)" % env.sanitizer() if env.sanitizer() else "")


make_httpd = pytest.fixture(scope="module", name="make_httpd")(env.maker)


@pytest.fixture(scope="module")
def backend():
    """A server to stand behind this one (echo_backend.py); a module that wants another defines its own."""
    with EchoBackend() as server:
        yield server
