# SPDX-License-Identifier: Apache-2.0
"""The engine beside V8, for as long as one likes: random modules, thousands of calls of each, and mutants of them.

test/fuzz/differential tells how. Here it begins with a seed that no run before had, which is printed, and with many
calls for each module; the ring `fuzz` has the same with fixed seeds and few. What makes a difference stays in the build
directory, reduced.
"""
import os
import subprocess
import sys
import time

from measure import Missing, need

FUZZ = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "fuzz")
CALLS, MUTANTS = 4000, 60


def main(seconds=60):
    try:
        need("node", "nodejs")
    except Missing as why:
        print("left out: %s" % why)
        return
    command = [sys.executable, os.path.join(FUZZ, "differential"), "--seconds", str(seconds), "--first",
               str(int(time.time())), "--calls", str(CALLS), "--mutants", str(MUTANTS)]
    status = subprocess.run(command, check=False).returncode
    if status != 0:
        sys.exit(status)
