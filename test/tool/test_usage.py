# SPDX-License-Identifier: Apache-2.0
"""How the tool answers command lines that make sense and those that do not."""

import pytest
from command import run


@pytest.mark.parametrize("args", [[], ["nonsense"], ["spec"], ["inspect"], ["inspect", "a", "b"], ["pack"],
                                  ["inspect", "--nonsense", "a"], ["spec", "--nonsense", "a"],
                                  ["spec", "--engine", "fast", "a"], ["spec", "--engine"], ["compile"], ["compile", "--nonsense", "a"]])
def test_bad_usage_is_64_with_help_on_stderr(args):
    result = run(*args)
    assert result.returncode == 64
    assert result.stdout == ""
    assert result.stderr != ""


@pytest.mark.parametrize("args", [["help"], ["--help"], ["-h"], ["inspect", "--help"], ["pack", "--help"], ["compile", "--help"],
                                  ["spec", "--help"]])
def test_asked_for_help_is_on_stdout(args):
    result = run(*args)
    assert result.returncode == 0
    assert result.stdout.startswith("usage: wasmserve")
    assert result.stderr == ""


def test_the_list_of_commands_is_complete():
    said = run("help").stdout
    for name in ["run", "inspect", "compile", "pack", "spec"]:
        assert f"\n  {name} " in said
