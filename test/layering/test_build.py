# SPDX-License-Identifier: Apache-2.0
"""build.sh: that it refuses what the layers forbid, builds no more than it must, and installs where apxs says.

Most tests run the real build.sh on a small tree of their own, one file for each layer, which compiles in no time.
"""
import os
import re
import shutil
import subprocess

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD_DIR = os.path.join(TOP, os.environ.get("BUILD_DIR", "build"))

SMALL_TREE = {
    "src/engine/engine.h": '#include "errors.def"\nint engine_run(void);\n',
    "src/engine/engine.c": '#include "engine.h"\n#include "tier.h"\n#include "interp.h"\n#include "base.h"\n'
                           "int engine_run(void) { return base_one() + interp_one(); }\n",
    "src/engine/isa/errors.def": "",
    "src/engine/base/base.h": "int base_one(void);\n",
    "src/engine/base/base.c": '#include "base.h"\nint base_one(void) { return 1; }\n',
    "src/engine/isa/isa.h": '#include "base.h"\n',
    "src/engine/decode/decode.h": '#include "isa.h"\n',
    "src/engine/validate/validate.h": '#include "decode.h"\n',
    "src/engine/runtime/tier.h": '#include "validate.h"\n',
    "src/engine/interp/interp.h": '#include "tier.h"\nint interp_one(void);\n',
    "src/engine/interp/interp.c": '#include "interp.h"\nint interp_one(void) { return base_one() - 1; }\n',
    "src/engine/compile/compile.h": '#include "tier.h"\n',
    "src/host/exchange.h": "int exchange(void);\n",
    "src/host/guestmem.h": '#include "engine.h"\n',
    "src/host/wasi/wasi.h": "int wasi(void);\n",
    "src/host/wasi/wasi_impl.h": "",
    "src/host/wasi/wasi.c": '#include "wasi.h"\n#include "guestmem.h"\nint wasi(void) { return engine_run(); }\n',
    "src/host/httpwasm/httpwasm.h": "int httpwasm(void);\n",
    "src/delivery/rule.h": "#include <apr.h>\nint rule(void);\n",
    "src/delivery/rule.c": '#include "rule.h"\nint rule(void) { return 3; }\n',
    "src/tool/main.c": '#include "rule.h"\n#include "wasi.h"\nint main(void) { return rule() + wasi() - 4; }\n',
    "src/httpd/settings.h": "#include <httpd.h>\n",
    "mod_wasmserve.c": '#include <httpd.h>\n#include <http_config.h>\n#include "wasi.h"\n#include "rule.h"\n'
                       'extern module wasmserve_module __attribute__((visibility("default")));\n'
                       "module wasmserve_module = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, NULL, 0};\n"
                       'int not_exported(void);\n__attribute__((visibility("default"))) int not_exported(void)\n'
                       "{ return wasi() + rule(); }\n",
    "test/unit/base_test.c": '/* layers: base */\n#include "unit.h"\n#include "base.h"\n'
                             "TEST(one) { CHECK_EQ_INT(base_one(), 1); }\n",
}


class Tree:
    def __init__(self, root):
        self.root = str(root)
        shutil.copy(os.path.join(TOP, "build.sh"), self.root)
        os.makedirs(os.path.join(self.root, "test/unit"))
        shutil.copy(os.path.join(TOP, "test/unit/unit.h"), os.path.join(self.root, "test/unit"))
        for name, text in SMALL_TREE.items():
            self.write(name, text)

    def write(self, name, text):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)

    def build(self, *arguments, **variables):
        environment = {name: value for name, value in os.environ.items()
                       if name not in ("BUILD_DIR", "SANITIZE", "CC", "CFLAGS", "V", "MAKEFLAGS")}
        environment.update({"NO_DEPS": "1"}, **variables)
        done = subprocess.run(["./build.sh"] + list(arguments), cwd=self.root, env=environment,
                              capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    made = Tree(tmp_path_factory.mktemp("tree"))
    code, output = made.build()
    assert code == 0, output
    return made


FORBIDDEN = [
    ("src/engine/base", "isa.h"),
    ("src/engine/isa", "decode.h"),
    ("src/engine/decode", "validate.h"),
    ("src/engine/validate", "tier.h"),
    ("src/engine/runtime", "interp.h"),
    ("src/engine/runtime", "compile.h"),
    ("src/engine/interp", "compile.h"),
    ("src/engine/compile", "interp.h"),
    ("src/engine/runtime", "exchange.h"),
    ("src/engine/base", "apr.h"),
    ("src/engine/interp", "httpd.h"),
    ("src/host", "base.h"),
    ("src/host", "rule.h"),
    ("src/host", "apr.h"),
    ("src/host/wasi", "httpwasm.h"),
    ("src/host/wasi", "tier.h"),
    ("src/delivery", "engine.h"),
    ("src/delivery", "exchange.h"),
    ("src/delivery", "httpd.h"),
    ("src/tool", "httpd.h"),
    ("src/tool", "settings.h"),
    ("src/tool", "guestmem.h"),
    ("src/httpd", "guestmem.h"),
    ("src/httpd", "wasi_impl.h"),
    ("src/httpd", "base.h"),
]
ALLOWED = [
    ("src/engine/base", "engine.h"),
    ("src/engine/compile", "tier.h"),
    ("src/engine/runtime", "base.h"),
    ("src/host", "wasi.h"),
    ("src/host/wasi", "guestmem.h"),
    ("src/delivery", "apr.h"),
    ("src/tool", "engine.h"),
    ("src/httpd", "httpd.h"),
    ("src/httpd", "exchange.h"),
]


@pytest.fixture(scope="module")
def one_line_sources(tree):
    """Every include of the two lists in a file of its own, compiled by one run of the build: what that said, and a
    function that tells whether there is an object of the file."""
    lines = [(folder, '#include "%s"' % header) for folder, header in ALLOWED]
    lines += [(folder, "#include " + quotes % header) for quotes in ('"%s"', "<%s>") for folder, header in FORBIDDEN]
    sources = {(folder, line): "%s/one_line_%d.c" % (folder, i) for i, (folder, line) in enumerate(lines)}
    for (folder, line), name in sources.items():
        tree.write(name, "%s\nint one_line;\n" % line)
    objects = {name: "build/obj/%s.o" % name[:-len(".c")] for name in sources.values()}
    try:
        code, output = tree.build("make", *objects.values())
    finally:
        for name in sources.values():
            os.remove(os.path.join(tree.root, name))
    assert code != 0, output
    return sources, output, lambda name: os.path.exists(os.path.join(tree.root, objects[name]))


@pytest.mark.parametrize("folder, header", FORBIDDEN)
@pytest.mark.parametrize("quotes", ['"%s"', "<%s>"])
def test_an_include_that_the_layers_forbid_does_not_compile(one_line_sources, folder, header, quotes):
    sources, output, compiled = one_line_sources
    name = sources[folder, "#include " + quotes % header]
    assert not compiled(name)
    assert re.search(r"(?m)^%s:1:\d+: fatal error: .*%s" % (re.escape(name), re.escape(header)), output), output


@pytest.mark.parametrize("folder, header", ALLOWED)
def test_an_include_that_they_allow_does(one_line_sources, folder, header):
    sources, output, compiled = one_line_sources
    name = sources[folder, '#include "%s"' % header]
    assert compiled(name), output


@pytest.mark.parametrize("line", ['#include "../decode/decode.h"', ' #  include "wasi/wasi.h"'])
def test_an_include_with_a_path_is_refused_with_its_place(tree, line):
    tree.write("src/engine/base/around.c", "int a;\n%s\n" % line)
    try:
        code, output = tree.build()
    finally:
        os.remove(os.path.join(tree.root, "src/engine/base/around.c"))
    assert code != 0
    assert "src/engine/base/around.c:2:" in output and "goes around the layers" in output


def test_a_second_build_compiles_what_changed_and_nothing_else(tree):
    code, output = tree.build()
    assert code == 0 and "CC" not in output
    tree.write("src/delivery/rule.h", SMALL_TREE["src/delivery/rule.h"] + "/* changed */\n")
    code, output = tree.build()
    assert code == 0
    # In any order: two are compiled at a time.
    assert sorted(re.findall(r"CC +(\S+)", output)) == ["mod_wasmserve.c", "src/delivery/rule.c", "src/tool/main.c"]
    code, output = tree.build(CFLAGS="-DOTHER_FLAGS")
    assert code == 0 and "src/engine/base/base.c" in output
    assert tree.build()[0] == 0


def test_a_file_that_leaves_the_tree_leaves_the_products(tree):
    tree.write("src/engine/base/extra.c", "int base_extra;\n")
    assert tree.build()[0] == 0
    library = os.path.join(tree.root, "build/lib/libengine.a")
    assert "extra.o" in subprocess.run(["ar", "t", library], capture_output=True, text=True).stdout
    os.remove(os.path.join(tree.root, "src/engine/base/extra.c"))
    assert tree.build()[0] == 0
    assert "extra.o" not in subprocess.run(["ar", "t", library], capture_output=True, text=True).stdout


def test_what_does_not_compile_fails_the_build(tree):
    tree.write("src/engine/base/broken.c", "int broken(int unused) { return 0; }\n")
    try:
        code, output = tree.build()
    finally:
        os.remove(os.path.join(tree.root, "src/engine/base/broken.c"))
    assert code != 0 and "unused" in output


def test_unit_programs_are_built_with_their_layer(tree):
    code, output = tree.build("make", "unit")
    assert code == 0, output
    done = subprocess.run([tree.root + "/build/unit/base_test"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "ok base_test/one\n")
    tree.write("test/unit/lost_test.c", '#include "unit.h"\nTEST(one) { CHECK(true); }\n')
    try:
        code, output = tree.build("make", "unit")
    finally:
        os.remove(tree.root + "/test/unit/lost_test.c")
    assert code != 0 and "no tag" in output


def exports(library):
    listed = subprocess.run(["nm", "-D", "--defined-only", library], check=True, capture_output=True, text=True)
    return [line.split()[-1] for line in listed.stdout.splitlines()]


def test_a_symbol_that_somebody_makes_visible_is_not_exported(tree):
    assert exports(tree.root + "/build/mod_wasmserve.so") == ["wasmserve_module"]


def test_the_module_exports_its_record_and_nothing_else():
    assert exports(os.path.join(BUILD_DIR, "mod_wasmserve.so")) == ["wasmserve_module"]


def test_the_module_asks_httpd_for_nothing_of_our_own():
    ours = subprocess.run(["nm", "--defined-only"] + [os.path.join(BUILD_DIR, "lib", name)
                          for name in sorted(os.listdir(os.path.join(BUILD_DIR, "lib")))],
                          check=True, capture_output=True, text=True)
    headers = set()
    for folder, _, names in os.walk(os.path.join(TOP, "src")):
        for name in names:
            if name.endswith(".h"):
                with open(os.path.join(folder, name), encoding="utf-8") as text:
                    headers |= set(re.findall(r"\b((?:wasm|wasi|host|guestmem|delivery|settings)_\w+)\(", text.read()))
    listed = subprocess.run(["nm", "-D", "--undefined-only", os.path.join(BUILD_DIR, "mod_wasmserve.so")],
                            check=True, capture_output=True, text=True)
    undefined = {line.split()[-1].split("@")[0] for line in listed.stdout.splitlines()}
    assert ours.stdout and undefined & headers == set()


# ---- install ---------------------------------------------------------------------------------------------

def install(destination, **variables):
    environment = dict(os.environ, NO_DEPS="1", BUILD_DIR=BUILD_DIR, DESTDIR=str(destination), **variables)
    return subprocess.run(["./build.sh", "install"], cwd=TOP, env=environment, capture_output=True, text=True)


def installed(destination):
    return {os.path.relpath(os.path.join(folder, name), destination)
            for folder, _, names in os.walk(destination) for name in names}


def apxs(name):
    return subprocess.run(["apxs", "-q", name], check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.skipif(not os.path.exists("/etc/debian_version"), reason="a2enmod is Debian's")
def test_install_puts_everything_where_a2enmod_looks(tmp_path):
    done = install(tmp_path, PREFIX="/opt/tools")
    assert done.returncode == 0, done.stderr
    module = apxs("LIBEXECDIR") + "/mod_wasmserve.so"
    available = "etc/apache2/mods-available/wasmserve"
    assert installed(tmp_path) == {module.lstrip("/"), "opt/tools/bin/wasmserve", available + ".load",
                                   available + ".conf"}
    assert "\nLoadModule wasmserve_module %s\n" % module in "\n" + (tmp_path / (available + ".load")).read_text()
    assert os.access(tmp_path / "opt/tools/bin/wasmserve", os.X_OK)

    # A second time over an administrator's changes: his stay, ours lie beside them.
    (tmp_path / (available + ".conf")).write_text("WasmServe On\n")
    assert install(tmp_path, PREFIX="/opt/tools").returncode == 0
    assert (tmp_path / (available + ".conf")).read_text() == "WasmServe On\n"
    assert (tmp_path / (available + ".conf.new")).exists()
    assert not (tmp_path / (available + ".load.new")).exists()


# ---- packages --------------------------------------------------------------------------------------------

class Packages:
    """Stand-ins for dpkg and apt that know which packages exist and note what is asked of them."""

    def __init__(self, root, installed_now, known):
        self.folder = root / "bin"
        self.folder.mkdir()
        self.asked = root / "asked"
        self.asked.write_text("")
        (root / "installed").write_text("".join(name + "\n" for name in installed_now))
        (root / "known").write_text("".join(name + "\n" for name in known))
        self.stub("dpkg-query", 'for name; do grep -qxF -- "$name" %s/installed && echo "installed $name"; done; '
                                "exit 0" % root)
        self.stub("apt-cache", '[ "$1" = policy ] || exit 1; grep -qxF -- "$2" %s/known && '
                               'printf "%%s:\\n  Installed: (none)\\n  Candidate: 1.0\\n" "$2"; seq 20000; exit 0' % root)
        self.stub("apt-get", 'echo "$*" >>%s' % self.asked)
        self.stub("sudo", '"$@"')

    def stub(self, name, text):
        (self.folder / name).write_text("#!/bin/bash\n%s\n" % text)
        (self.folder / name).chmod(0o755)

    def deps(self, *groups):
        environment = dict(os.environ, PATH="%s:%s" % (self.folder, os.environ["PATH"]))
        environment.pop("NO_DEPS", None)
        done = subprocess.run(["./build.sh", "deps"] + list(groups), cwd=TOP, env=environment, capture_output=True,
                              text=True)
        return done.returncode, done.stderr, self.asked.read_text().splitlines()


BUILD_PACKAGES = ["gcc", "libc6-dev", "make", "apache2-dev", "zlib1g-dev", "libbrotli-dev", "libzstd-dev"]


def test_deps_prints_the_groups_and_knows_their_names():
    done = subprocess.run(["./build.sh", "deps", "--print", "build"], cwd=TOP, capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()) == (0, BUILD_PACKAGES)
    everything = subprocess.run(["./build.sh", "deps", "--print"], cwd=TOP, capture_output=True, text=True)
    words = everything.stdout.split()
    assert set(BUILD_PACKAGES) < set(words) and "chromium" in words and len(words) == len(set(words))
    assert subprocess.run(["./build.sh", "deps", "nonsense"], cwd=TOP, capture_output=True).returncode != 0


def test_deps_with_everything_there_asks_apt_for_nothing(tmp_path):
    assert Packages(tmp_path, BUILD_PACKAGES, BUILD_PACKAGES).deps("build")[::2] == (0, [])


def test_deps_installs_what_is_missing_and_no_more(tmp_path):
    code, said, asked = Packages(tmp_path, ["gcc", "make"], BUILD_PACKAGES).deps("build")
    missing = " ".join(name for name in BUILD_PACKAGES if name not in ("gcc", "make"))
    assert code == 0 and missing in said
    assert asked == ["install -q -y --no-install-recommends " + missing]


def test_deps_passes_over_what_a_release_lacks_unless_building_needs_it(tmp_path):
    known = BUILD_PACKAGES + ["chromium"]
    code, said, asked = Packages(tmp_path, BUILD_PACKAGES, known).deps("browser")
    assert code == 0 and "no package chromium-driver" in said
    assert asked[-1] == "install -q -y --no-install-recommends chromium"


def test_deps_fails_where_building_is_impossible(tmp_path):
    code, said, asked = Packages(tmp_path, ["gcc"], ["gcc", "make"]).deps("build")
    assert code != 0 and "libc6-dev" in said
    assert not [line for line in asked if line.startswith("install")]
