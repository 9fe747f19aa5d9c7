# SPDX-License-Identifier: Apache-2.0
"""accesslog.py: what a server's access log says that a browser asked for.

httpd writes a line when a request is over, which is a moment after the client has the last byte; so what shall be there
is waited for. That nothing else comes is seen after a request of our own, which is written behind what came before it."""
import itertools

from browsers import wait_for

CONFIG = 'CustomLog "logs/access_log" "%U%q %>s %B %{Content-Encoding}o"\n'
FENCES = itertools.count()


class AccessLog:
    """The log of a server that has CONFIG (and mod_log_config), from now on."""

    def __init__(self, httpd):
        self.httpd = httpd
        self.start = len(self.lines())

    def lines(self):
        try:
            with open(self.httpd.path("logs/access_log"), encoding="ascii") as log:
                return log.read().splitlines()
        except FileNotFoundError:
            return []

    def rows(self, wanted, count):
        """[path, status, bytes, coding] of each request whose path is wanted (a function); there are to be at least
        `count` of them."""
        def found():
            rows = [line.split() for line in self.lines()[self.start:]]
            return [[row[0], int(row[1]), int(row[2]), row[3]] for row in rows if wanted(row[0])]

        wait_for(lambda: len(found()) >= count, "%d requests in the access log; there are %r" % (count, found()))
        fence = "/fence-%d" % next(FENCES)
        self.httpd.get(fence)
        wait_for(lambda: any(line.startswith(fence + " ") for line in self.lines()), "our own request in the access log")
        return found()
