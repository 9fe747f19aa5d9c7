# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the browser tests: the browsers, started once for all of them, and servers as the httpd tests have them.

A test that asks for `browser` runs in each browser there is; one that asks for `chromium` in that alone. Since a browser
keeps its cache from test to test, a test uses addresses of its own: `folder` is a name that nobody else has."""
import os
import re
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "httpd"))

import browsers
import env


@pytest.fixture(scope="session")
def started():
    """A function: the browser of that name, started at its first use. Skips where it is not installed."""
    running = {}

    def start(name):
        reason = browsers.missing(name)
        if reason:
            pytest.skip(reason)
        if name not in running:
            running[name] = browsers.start(name)
        return running[name]

    yield start
    for browser in running.values():
        browser.close()


@pytest.fixture
def chromium(started):
    return started("chromium")


@pytest.fixture(params=["chromium", "firefox"])
def browser(request, started):
    return started(request.param)


make_httpd = pytest.fixture(scope="module", name="make_httpd")(env.maker)


@pytest.fixture
def folder(request):
    """A name that no other test has, to be used in addresses."""
    return re.sub(r"[^\w-]+", "-", request.node.name).strip("-")
