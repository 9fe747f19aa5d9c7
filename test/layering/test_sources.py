# SPDX-License-Identifier: Apache-2.0
"""The rules that every file of the tree keeps, checked by reading it."""
import collections
import os
import re
import shutil
import subprocess

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Names that stand in several folders because a tool looks for exactly them.
SHARED_NAMES = {"conftest.py", "README.md", "RATIONALE.md", "run", "build", "httpd.conf", "index.html", ".htaccess",
                "go.mod", "go.sum"}

# Where a linear memory's base pointer may be touched: the runtime that owns it and the tiers that run guest code.
# wasm_memory_view is the way out of the engine, and guestmem the only one that takes it.
GUEST_BASE = re.compile(r"\b\w*mem(?:ory)?\w*(?:\[[^]]*\])?(?:->|\.)base\b")
GUEST_BASE_ROOMS = ("src/engine/runtime/", "src/engine/interp/", "src/engine/compile/")
GUEST_VIEW = re.compile(r"\bwasm_memory_view\b")
GUEST_VIEW_ROOMS = ("src/engine/runtime/", "src/engine/engine.", "src/host/guestmem.")


def tree():
    """Every file of the project that git would keep, as paths from the top, but not what git ignores."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=TOP, capture_output=True,
                            text=True)
    if listed.returncode == 0:
        names = [name for name in listed.stdout.split("\0") if name]
    else:  # an unpacked archive
        names = [os.path.relpath(os.path.join(folder, name), TOP)
                 for folder, folders, found in os.walk(TOP) for name in found
                 if not re.search(r"(^|/)(\.git|build[^/]*|__pycache__)(/|$)", os.path.relpath(folder, TOP))]
    return sorted(name for name in names if os.path.isfile(os.path.join(TOP, name)))


def read(name):
    with open(os.path.join(TOP, name), encoding="utf-8", errors="replace") as text:
        return text.read()


def is_script(name):
    with open(os.path.join(TOP, name), "rb") as file:
        return file.read(2) == b"#!"


def code(name):
    return name.endswith((".c", ".h", ".def"))


def strip_comments(text):
    """C text with comments and strings blanked, line for line."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.S)


def lines_matching(pattern, names):
    return ["%s:%d: %s" % (name, number, line.strip())
            for name in names
            for number, line in enumerate(strip_comments(read(name)).splitlines(), 1) if pattern.search(line)]


def test_every_source_names_its_licence_first():
    wrong = []
    for name in tree():
        if not (code(name) or name.endswith((".py", ".go", ".sh")) or is_script(name)):
            continue
        head = read(name).splitlines()[:3]
        if head and head[0].startswith("#!"):
            head = head[1:]
        # //go:build must stand in front of everything else in a Go file.
        if head and head[0].startswith("//go:build"):
            head = [line for line in head[1:] if line]
        if not head or "SPDX-License-Identifier: Apache-2.0" not in head[0]:
            wrong.append(name)
    assert not wrong


def test_a_file_name_stands_once():
    places = collections.defaultdict(list)
    for name in tree():
        if name.startswith(("src/", "test/")) and not name.startswith("test/fuzz/corpus/"):
            if os.path.basename(name) not in SHARED_NAMES:
                places[os.path.basename(name)].append(name)
    assert [found for found in places.values() if len(found) > 1] == []


def test_top_level_holds_the_contract_and_nothing_else():
    allowed = {"mod_wasmserve.c", "src", "conf", "test", "build.sh", "README.md", "LICENSE"}
    found = {name.split("/")[0] for name in tree()}
    assert {name for name in found if not name.startswith(".")} - allowed == set()


def test_no_include_with_a_path():
    pattern = re.compile(r'^\s*#\s*include\s*"[^"]*/')
    assert [name for name in tree() if code(name) and name.startswith(("src/", "mod_"))
            for line in read(name).splitlines() if pattern.search(line)] == []


@pytest.mark.parametrize("pattern, rooms", [(GUEST_BASE, GUEST_BASE_ROOMS), (GUEST_VIEW, GUEST_VIEW_ROOMS)])
def test_guest_memory_is_reached_through_one_gate(pattern, rooms):
    names = [name for name in tree() if code(name) and name.startswith("src/") and not name.startswith(rooms)]
    assert lines_matching(pattern, names) == []


def test_the_gate_check_sees_what_it_looks_for():
    for text in ("memory->base + at", "store->mem.base", "instance->memories[0]->base", "mem0->base"):
        assert GUEST_BASE.search(text), text
    for text in ("order->base", "report.base", "memory->bases", "memory_base"):
        assert not GUEST_BASE.search(text), text
    assert lines_matching(GUEST_BASE, ["src/engine/runtime/memory.c"]) != []


def test_nothing_is_left_for_later():
    marker = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    found = ["%s:%d" % (name, number) for name in tree()
             if name.startswith(("src/", "mod_wasmserve.c", "conf/", "build.sh"))
             for number, line in enumerate(read(name).splitlines(), 1) if marker.search(line)]
    assert found == []


def test_c_is_formatted():
    assert shutil.which("clang-format"), "clang-format is missing: ./build.sh deps lint"
    names = [name for name in tree() if name.endswith((".c", ".h")) and name.startswith(("src/", "test/", "mod_"))]
    done = subprocess.run(["clang-format", "--dry-run", "-Werror"] + names, cwd=TOP, capture_output=True, text=True)
    assert sorted({line.split(":")[0] for line in done.stderr.splitlines() if ": error:" in line}) == []
    assert done.returncode == 0, done.stderr[:2000]


def test_shell_scripts_parse():
    wrong = []
    for name in tree():
        if is_script(name) and "bash" in read(name).splitlines()[0]:
            done = subprocess.run(["bash", "-n", name], cwd=TOP, capture_output=True, text=True)
            wrong += [done.stderr] if done.returncode else []
    assert wrong == []


def test_every_fuzz_target_has_a_corpus():
    for name in tree():
        target = re.fullmatch(r"test/fuzz/(\w+)_fuzz\.c", name)
        if target:
            corpus = os.path.join(TOP, "test/fuzz/corpus", target.group(1))
            assert os.path.isdir(corpus) and os.listdir(corpus), "no seeds in %s" % corpus


def test_the_header_for_guests_declares_what_the_host_has():
    """conf/guest/wasmserve_kv.h and src/host/kv/kv_functions.def: names and types; and the numbers of results."""
    rows = dict(re.findall(r'(?m)^K\((\w+), "(\w*):i"\)$', read("src/host/kv/kv_functions.def")))
    header = read("conf/guest/wasmserve_kv.h")
    declared = {name: "".join("I" if "64_t" in word and "*" not in word else "i" for word in parameters.split(","))
                for name, parameters in re.findall(r"WASMSERVE_KV_IMPORT\((\w+)\)\s*\(([^)]*)\);", header)}
    assert len(rows) == 5 and declared == rows
    numbers = re.findall(r"WASMSERVE_KV_(\w+) = (\d)", header)
    assert numbers == [(name.replace("DENIED", "NOT_GRANTED"), number)
                       for name, number in re.findall(r"EXCHANGE_KV_(\w+) = (\d)", read("src/host/exchange.h"))]


# ---- what the documents say ------------------------------------------------------------------------------

def unfolded(name):
    """A source's text with the line breaks taken out of its comments and of its string literals."""
    text = re.sub(r'"\s*(?:[A-Z_0-9]+\s*)?"', "", read(name))
    return re.sub(r"\s*\n\s*(?:\*|//|#)?\s*", " ", text)


def test_references_to_the_rationale_lead_somewhere():
    headings = set(re.findall(r"(?m)^#+ (.+)$", read("src/RATIONALE.md")))
    found = [(name, title) for name in tree() if code(name) and name.startswith(("src/", "mod_"))
             for title in re.findall(r'RATIONALE "([^"]+)"', re.sub(r"\s*\n\s*\*?\s*", " ", read(name)))]
    assert found, "no reference at all: does this test still see them?"
    assert [where for where in found if where[1] not in headings] == []


def test_messages_that_the_readme_explains_are_messages_of_ours():
    rows = re.findall(r"(?m)^\| (.*?) \|", read("README.md").split("## When something is not as expected")[1]
                      .split("\n## ")[0])
    said = " ".join(unfolded(name) for name in tree() if name.endswith(".c") and name.startswith("src/"))
    parts = [part for row in rows if "in the browser" not in row
             for message in re.findall(r"`([^`]{20,})`", row) if not message.startswith("LogLevel")
             # What stands for something else, and where one text is put into another.
             for part in re.split(r'…|\b[NM]\b|^\S+\.wasm\.br |"\w+"|:', message) if part.strip()]
    assert len(parts) > 8
    assert [part for part in parts if part.strip() not in said] == []


def test_commands_that_the_readme_names_are_there():
    readme = read("README.md")
    usage = read("build.sh").split("usage() {")[1].split("\n}")[0]
    named = set(re.findall(r"(?<![\w/])\./build\.sh ([a-z]+)", readme))
    assert {"demo", "test", "install"} <= named
    assert [word for word in named if not re.search(r"(?m)^  %s\b" % word, usage)] == []
    tool = "".join(read("src/tool/" + name) for name in ("tool.c", "tool_run.c", "run_options.c", "tool_inspect.c",
                                                         "tool_compile.c", "tool_plugin.c"))
    named = set(re.findall(r"`wasmserve ([a-z]+)", readme))
    assert {"run", "inspect", "spec"} <= named
    assert [word for word in named if '"%s"' % word not in tool] == []
    options = set(re.findall(r"`(--[a-z]+)", readme.split("## The tool")[1].split("\n## ")[0]))
    assert {"--invoke", "--dir"} <= options
    assert [option for option in options if option + " " not in tool and option + "\\n" not in tool] == []
