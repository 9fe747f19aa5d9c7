#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""junit.py LABEL FILE: pytest's report as the lines that test/run counts, one for each test.

A test may have several findings (its own failure and one of its teardown, say), which pytest reports as several
<testcase> of the same name or several children of one: it is one line, failed if any of them is.
"""
import sys
import xml.etree.ElementTree as ElementTree


def first_line(text):
    lines = [line for line in (text or "").strip().splitlines() if line.strip()]
    return lines[0][:300] if lines else "no reason given"


def main():
    label, path = sys.argv[1:]
    results = {}
    for case in ElementTree.parse(path).iter("testcase"):
        name = "%s:%s::%s" % (label, case.get("classname", ""), case.get("name", ""))
        state, why = "ok", ""
        for child in case:
            if child.tag in ("failure", "error"):
                state, why = "not ok", first_line(child.get("message") or child.text)
                break
            if child.tag == "skipped":
                state, why = "skip", first_line(child.get("message"))
        order = ["ok", "skip", "not ok"]
        if name not in results or order.index(state) > order.index(results[name][0]):
            results[name] = (state, why)
    for name, (state, why) in results.items():
        # A colon ends the name for whoever reads the line, so a name must not have one followed by a blank.
        name = name.replace(": ", ":")
        print("%s %s%s" % (state, name, ": " + why if why else ""))


main()
