# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the server tests; env.py explains them."""
import os

import pytest

import env


def pytest_report_header():
    return "MPM %s, module %s%s" % (os.environ.get("MPM", "event"), env.MODULE,
                                    " (%s)" % env.sanitizer() if env.sanitizer() else "")


make_httpd = pytest.fixture(scope="module", name="make_httpd")(env.maker)
