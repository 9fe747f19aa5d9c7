# SPDX-License-Identifier: Apache-2.0
"""`wasmserve pack`: what is in the folder afterwards, what a second run changes, and what is refused.

Every compressed file is decoded by the program of its coding and compared. "Nothing changed" means that no file of the
folder has another inode, time or content than before.
"""
import base64
import fcntl
import gzip
import hashlib
import json
import os
import pty
import random
import resource
import shutil
import signal
import subprocess
import sys
import time

import pytest
from command import TOOL, run

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "httpd"))

import delta as rfc9842  # noqa: found by the line above

MODULE = b"\0asm\1\0\0\0"


def module(seed=1, size=60000):
    """Bytes that begin as a module does and compress to about a third."""
    source = random.Random(seed)
    words = [bytes(source.randrange(256) for _ in range(source.randrange(3, 12))) for _ in range(400)]
    body = b"".join(source.choice(words) for _ in range(size // 7))
    return MODULE + body[:size]


V1 = module()
V2 = V1[:20000] + b"something else" + V1[20000:]
V3 = V2[:40000] + b"and more" + V2[40000:]
GLUE = b"// made by a compiler\nmodule_or_path = new URL('x_bg.wasm', import.meta.url);\n" * 3


@pytest.fixture
def site(tmp_path):
    """A folder to work in: files are written by name, `pack` runs there with DIR "out"."""
    return Site(tmp_path)


class Site:
    def __init__(self, path):
        self.path = path
        self.out = path / "out"

    def write(self, name, data):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)

    def run(self, *args, **options):
        return run("pack", "-o", "out", *args, cwd=self.path, **options)

    def pack(self, *args, **options):
        done = self.run(*args, **options)
        assert done.returncode == 0, done.stderr
        return done

    def names(self, folder=None):
        folder = folder or self.out
        return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir())

    def manifest(self):
        return json.loads((self.out / "manifest.json").read_text())

    def current(self, name):
        return self.manifest()["files"][name]["name"]

    def read(self, name):
        return (self.out / name).read_bytes()

    def state(self):
        """All that must stay the same when nothing is done."""
        found = {}
        for name in self.names():
            status = (self.out / name).stat()
            found[name] = (status.st_ino, status.st_mtime_ns, status.st_mode, self.read(name))
        return found


def hexes(data):
    return hashlib.sha256(data).hexdigest()


def decode(path):
    """The content of a variant, by the program for its coding."""
    if path.name.endswith(".gz"):
        return gzip.decompress(path.read_bytes())
    command = ["brotli", "-dc", path] if path.name.endswith(".br") else ["zstd", "-dcq", path]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def decode_delta(path, old):
    return rfc9842.READ[path.suffix[1:]](path.read_bytes(), old)


def check_folder(site):
    """What holds after every run: the manifest names exactly what is there, all of it is what it says, also decoded,
    nothing is older than its raw file, and pack's own folder is gone."""
    named = set()
    units = site.manifest()["units"]
    raws = {file["sha256"]: site.out / file["name"]
            for unit in units for version in unit["versions"] for file in version["files"].values()}
    for unit in units:
        assert unit["current"] in [version["hash"] for version in unit["versions"]]
        for version in unit["versions"]:
            for file in version["files"].values():
                raw = site.out / file["name"]
                for form in [file] + file["variants"] + file["deltas"]:
                    if form.get("larger"):
                        continue
                    path = site.out / form["name"]
                    named.add(form["name"])
                    assert path.stat().st_size == form["size"]
                    assert hexes(path.read_bytes()) == form["sha256"], form["name"]
                    assert int(path.stat().st_mtime) >= int(raw.stat().st_mtime), form["name"]
                for form in file["variants"]:
                    if not form.get("larger"):
                        assert form["size"] < file["size"]
                        assert decode(site.out / form["name"]) == raw.read_bytes(), form["name"]
                for form in file["deltas"]:
                    if not form.get("larger") and form["dictionary"] in raws:
                        old = raws[form["dictionary"]].read_bytes()
                        assert decode_delta(site.out / form["name"], old) == raw.read_bytes(), form["name"]
    for page in site.manifest()["pages"]:
        named.add(page["name"])
    assert not (site.out / ".wasmserve-pack").exists()
    return named | {"manifest.json"}


# ---- what is made --------------------------------------------------------------------------------------------


def test_one_file(site):
    site.write("app.wasm", V1)
    done = site.pack("app.wasm")
    name = "app.%s.wasm" % hexes(V1)[:16]
    assert done.stdout == "new %s\n" % name
    assert check_folder(site) == set(site.names()) == {
        name, name + ".br", name + ".zst", name + ".gz", "manifest.json"}
    assert site.read(name) == V1
    assert site.manifest()["files"] == {"app.wasm": {
        "name": name, "size": len(V1), "sha256": hexes(V1),
        "integrity": "sha256-" + base64.b64encode(hashlib.sha256(V1).digest()).decode()}}
    for line in ("made %s.br: " % name, "made %s.zst: " % name, "made %s.gz: " % name):
        assert line in done.stderr
    assert "\r" not in done.stderr


def test_twice_changes_nothing(site):
    site.write("app.wasm", V1)
    site.write("wasm_exec.js", GLUE)
    site.write("index.html", "<script src=wasm_exec.js></script>")
    args = ["app.wasm", "wasm_exec.js", "--rewrite", "index.html"]
    site.pack(*args)
    before = site.state()
    os.utime(site.path / "app.wasm")
    done = site.pack(*args)
    assert site.state() == before
    assert done.stderr == ""
    assert all(line.startswith("unchanged ") for line in done.stdout.splitlines())
    assert len(done.stdout.splitlines()) == 3


def test_rights_follow_the_umask(site):
    site.write("app.wasm", V1)
    (site.path / "app.wasm").chmod(0o600)
    site.pack("app.wasm", preexec_fn=lambda: os.umask(0o027))
    assert {(site.out / name).stat().st_mode & 0o777 for name in site.names()} == {0o640}


def test_the_next_version_is_a_delta_as_well(site):
    site.write("app.wasm", V1)
    site.pack("app.wasm")
    site.write("app.wasm", V2)
    site.pack("app.wasm")
    assert check_folder(site) == set(site.names())
    delta = site.out / ("%s.%s.dcz" % (site.current("app.wasm"), hexes(V1)[:16]))
    assert delta.stat().st_size < 1000
    assert decode_delta(delta, V1) == V2
    # Against the two newest.
    site.write("app.wasm", V3)
    site.pack("app.wasm")
    assert check_folder(site) == set(site.names())
    for old in (V1, V2):
        delta = site.out / ("%s.%s.dcz" % (site.current("app.wasm"), hexes(old)[:16]))
        assert decode_delta(delta, old) == V3
    site.write("app.wasm", V3 + b"4")
    site.pack("app.wasm", "--deltas", 1)
    assert len([n for n in site.names() if n.startswith(site.current("app.wasm")) and n.endswith(".dcz")]) == 1
    site.write("app.wasm", V3 + b"45")
    site.pack("app.wasm", "--deltas=0")
    assert not [n for n in site.names() if n.startswith(site.current("app.wasm")) and n.endswith(".dcz")]


def test_what_would_not_be_smaller_is_left_out_and_not_tried_again(site):
    noise = MODULE + random.Random(5).randbytes(3000)
    site.write("app.wasm", noise)
    site.write("tiny.wasm", MODULE)
    site.write("empty.data", b"")
    done = site.pack("app.wasm", "tiny.wasm", "empty.data")
    assert "left out app.%s.wasm.br: it would not be smaller" % hexes(noise)[:16] in done.stderr
    assert check_folder(site) == set(site.names())
    assert len(site.names()) == 4
    again = site.pack("app.wasm", "tiny.wasm", "empty.data")
    assert again.stderr == ""
    # A delta has to be smaller than the smallest variant, not only than the file.
    site.write("app.wasm", V1)
    site.pack("app.wasm")
    deltas = site.manifest()["units"][0]["versions"][0]["files"]["app.wasm"]["deltas"]
    assert {delta["coding"] for delta in deltas} == set(rfc9842.codings_of(TOOL))
    assert all(delta == {"coding": delta["coding"], "dictionary": hexes(noise), "larger": True} for delta in deltas)


def test_threads_and_memory_make_no_difference(site):
    for name in ("a", "b", "c"):
        site.write(name + ".wasm", module(seed=ord(name)))
    files = ["a.wasm", "b.wasm", "c.wasm"]
    site.pack(*files, "-j1")
    alone = {name: site.read(name) for name in site.names()}
    for args in (["-j", 7], ["-j3", "--memory", "64M"]):
        shutil.rmtree(site.out)
        site.pack(*files, *args)
        assert {name: site.read(name) for name in site.names()} == alone


def test_the_choice_of_codings(site):
    site.write("app.wasm", V1)
    site.pack("app.wasm", "--encodings", "gzip")
    name = site.current("app.wasm")
    assert set(site.names()) == {name, name + ".gz", "manifest.json"}
    done = site.pack("app.wasm")
    assert done.stdout == "completed %s\n" % name
    assert set(site.names()) == {name, name + ".gz", name + ".br", name + ".zst", "manifest.json"}
    # What is there stays, whatever is asked for.
    before = site.state()
    site.pack("app.wasm", "--encodings", "none")
    assert site.state() == before


def test_quiet(site):
    site.write("app.wasm", V1)
    done = site.pack("app.wasm", "-q")
    assert done.stdout == done.stderr == ""


def test_progress_on_a_terminal(site):
    site.write("app.wasm", module(size=400000))
    master, slave = pty.openpty()
    process = subprocess.Popen([str(TOOL), "pack", "-o", "out", "app.wasm", "-j2"], cwd=site.path, stderr=slave,
                               stdout=subprocess.DEVNULL)
    os.close(slave)
    said = b""
    while True:
        try:
            data = os.read(master, 65536)
        except OSError:  # the other side has closed
            break
        if not data:
            break
        said += data
    os.close(master)
    assert process.wait() == 0
    assert b"\r\x1b[K" in said and b" %" in said
    drawn = [line for line in said.decode().split("\r\x1b[K") if " %  " in line]
    assert drawn and all(len(line.rstrip("\r\n")) < 80 for line in drawn if "made" not in line)
    assert b"made app." in said


# ---- versions ------------------------------------------------------------------------------------------------


def versions(site, unit=0):
    found = site.manifest()["units"][unit]
    return [("*" if v["hash"] == found["current"] else "") + v["hash"][:4] for v in found["versions"]]


def test_old_versions_go_and_nothing_else_does(site):
    foreign = {"readme.txt": b"mine", "app.0123456789abcdef.wasm": V1, "app.0123456789abcdef.wasm.br": b"x"}
    for name, data in foreign.items():
        site.write("out/" + name, data)
    contents = [V1 + b"%d" % i for i in range(6)]
    for content in contents:
        site.write("app.wasm", content)
        done = site.pack("app.wasm", "--keep", 2, "--deltas", 1)
    assert versions(site) == ["*" + hexes(contents[5])[:4], hexes(contents[4])[:4], hexes(contents[3])[:4]]
    assert set(site.names()) - check_folder(site) == set(foreign)
    for name, data in foreign.items():
        assert site.read(name) == data
    gone = "app.%s.wasm" % hexes(contents[2])[:16]
    for ending in ("", ".br", ".zst", ".gz"):
        assert "removed %s%s\n" % (gone, ending) in done.stdout


def test_a_file_that_was_replaced_is_not_removed(site):
    for i, content in enumerate((V1, V2)):
        site.write("app.wasm", content)
        if i == 1:
            old = site.current("app.wasm")
            (site.out / (old + ".gz")).write_bytes(b"somebody else's")
        done = site.pack("app.wasm", "--keep", 0)
    assert "%s.gz belongs to no version any more, but is not what pack made" % old in done.stderr
    assert site.read(old + ".gz") == b"somebody else's"
    assert not (site.out / old).exists()


def test_going_back(site):
    site.write("page.html", "<a href='app.wasm'>")
    for content in (V1, V2, V3):
        site.write("app.wasm", content)
        site.pack("app.wasm", "--rewrite", "page.html")
    contents = [hexes(content)[:4] for content in (V3, V2, V1)]
    before = site.names()
    done = site.pack("--rollback", "app.wasm")
    assert done.stdout.startswith("back to app.%s.wasm\n" % hexes(V2)[:16])
    assert versions(site) == [contents[0], "*" + contents[1], contents[2]]
    assert site.read("page.html").decode() == "<a href='app.%s.wasm'>" % hexes(V2)[:16]
    assert site.current("app.wasm") == "app.%s.wasm" % hexes(V2)[:16]
    assert site.names() == before and check_folder(site) == set(before)
    site.pack("--rollback", "app.wasm")
    assert versions(site) == [contents[0], contents[1], "*" + contents[2]]
    state = site.state()
    last = site.run("--rollback", "app.wasm")
    assert last.returncode == 2 and "has no older version here" in last.stderr
    assert site.state() == state
    # Forward again, by packing what is there.
    done = site.pack("app.wasm")
    assert done.stdout.startswith("current again app.%s.wasm\n" % hexes(V3)[:16])
    assert versions(site) == ["*" + contents[0], contents[1], contents[2]]
    assert site.read("page.html").decode() == "<a href='app.%s.wasm'>" % hexes(V3)[:16]


def test_an_older_version_can_be_packed_again(site):
    for content in (V1, V2, V1):
        site.write("app.wasm", content)
        done = site.pack("app.wasm")
    assert done.stdout == "current again app.%s.wasm\n" % hexes(V1)[:16]
    assert versions(site) == ["*" + hexes(V1)[:4], hexes(V2)[:4]]
    # And gets what it had not: a delta against what was current meanwhile.
    assert decode_delta(site.out / ("%s.%s.dcz" % (site.current("app.wasm"), hexes(V2)[:16])), V2) == V1


def test_going_back_to_what_is_damaged_is_refused(site):
    for content in (V1, V2):
        site.write("app.wasm", content)
        site.pack("app.wasm")
    (site.out / ("app.%s.wasm.br" % hexes(V1)[:16])).write_bytes(b"damaged")
    before = site.state()
    done = site.run("--rollback", "app.wasm")
    assert done.returncode == 2
    assert "app.%s.wasm.br is not there, or not as it was packed" % hexes(V1)[:16] in done.stderr
    assert site.state() == before


@pytest.mark.parametrize("names, reason", [(["other.wasm"], "was not packed into out"),
                                           (["app.%s.wasm" % hexes(V1)[:16]], "without a hash")])
def test_going_back_with_wrong_names(site, names, reason):
    site.write("app.wasm", V1)
    site.pack("app.wasm")
    done = site.run("--rollback", *names)
    assert done.returncode == 2 and reason in done.stderr


def test_damage_is_repaired(site):
    site.write("app.wasm", V1)
    site.pack("app.wasm")
    good = {name: site.read(name) for name in site.names()}
    name = site.current("app.wasm")
    (site.out / name).write_bytes(V2)
    (site.out / (name + ".br")).unlink()
    (site.out / (name + ".gz")).write_bytes(b"")
    done = site.pack("app.wasm")
    # A variant that was good may have become older than the raw file that was put back.
    assert [line for line in done.stdout.splitlines() if "renewed the time" not in line] == ["completed " + name]
    assert {name: site.read(name) for name in site.names()} == good
    check_folder(site)


def test_times_are_put_right(site):
    site.write("app.wasm", V1)
    site.pack("app.wasm")
    name = site.current("app.wasm")
    os.utime(site.out / (name + ".br"), (1000000000, 1000000000))
    done = site.pack("app.wasm")
    assert "renewed the time of %s.br" % name in done.stdout
    check_folder(site)
    # Also where the raw file comes from the future.
    later = time.time() + 10000
    os.utime(site.out / name, (later, later))
    site.pack("app.wasm")
    check_folder(site)


# ---- pairs ---------------------------------------------------------------------------------------------------


def hash_of(site, name):
    return site.current(name).split(".")[-2]


def test_go_and_its_glue_have_one_hash(site):
    site.write("main.wasm", V1)
    site.write("wasm_exec.js", "globalThis.Go = class {};\n" * 20)
    site.pack("main.wasm", "wasm_exec.js")
    first = hash_of(site, "main.wasm")
    assert hash_of(site, "wasm_exec.js") == first
    # Whichever of them changes, both have a new name.
    site.write("wasm_exec.js", "globalThis.Go = class { };\n" * 20)
    site.pack("wasm_exec.js", "main.wasm")
    second = hash_of(site, "main.wasm")
    assert hash_of(site, "wasm_exec.js") == second != first
    # The module that has not changed is next to nothing as a delta.
    delta = site.out / ("main.%s.wasm.%s.dcz" % (second, hexes(V1)[:16]))
    assert delta.stat().st_size < 100
    assert decode_delta(delta, V1) == V1
    site.pack("--rollback", "wasm_exec.js")
    assert hash_of(site, "main.wasm") == hash_of(site, "wasm_exec.js") == first
    assert check_folder(site) == set(site.names())


def test_wasm_bindgen_glue_is_pointed_to_its_module(site):
    site.write("pkg/x.js", GLUE)
    site.write("pkg/x_bg.wasm", V1)
    site.write("main.js", "import init from './pkg/x.js';\n")
    site.pack("--root", ".", "pkg/x.js", "pkg/x_bg.wasm", "--rewrite", "main.js")
    glue, wasm = site.current("pkg/x.js"), site.current("pkg/x_bg.wasm")
    assert hash_of(site, "pkg/x.js") == hash_of(site, "pkg/x_bg.wasm")
    assert site.read(glue) == GLUE.replace(b"x_bg.wasm", os.path.basename(wasm).encode())
    assert site.read("main.js").decode() == "import init from './%s';\n" % glue
    assert check_folder(site) == set(site.names())
    before = site.state()
    site.pack("--root", ".", "pkg/x.js", "pkg/x_bg.wasm", "--rewrite", "main.js")
    assert site.state() == before


def test_emscripten_glue_refers_to_itself_and_its_data(site):
    site.write("x.js", "f('x.wasm', 'x.data', \"x.worker.js\"); new Worker(new URL('x.js', import.meta.url))\n")
    site.write("x.wasm", V1)
    site.write("x.data", b"data" * 1000)
    site.write("x.worker.js", "importScripts('x.js')\n")
    site.pack("x.js", "x.wasm", "x.data", "x.worker.js")
    at = hash_of(site, "x.js")
    assert site.read("x.%s.js" % at).decode() == (
        "f('x.%s.wasm', 'x.%s.data', \"x.worker.%s.js\"); new Worker(new URL('x.%s.js', import.meta.url))\n"
        % (at, at, at, at))
    assert site.read("x.worker.%s.js" % at).decode() == "importScripts('x.%s.js')\n" % at


def test_pairs_by_hand(site):
    site.write("a.wasm", V1)
    site.write("b.wasm", V2)
    site.write("lib/glue.js", "load('a.wasm')\n")
    done = site.pack("a.wasm", "b.wasm", "lib/glue.js")
    assert "glue.js refers to a.wasm, which is no pair with it: left as it is; --pair glue.js,a.wasm" in done.stderr
    assert site.read(site.current("glue.js")) == b"load('a.wasm')\n"
    # By the path, or by the name.
    for number, pair in enumerate(("a.wasm,lib/glue.js", "glue.js,a.wasm")):
        site.write("lib/glue.js", "load('a.wasm') // %d\n" % number)
        done = site.pack("a.wasm", "b.wasm", "lib/glue.js", "--pair", pair)
        assert done.stderr.count("wasmserve pack:") == 0
        assert hash_of(site, "a.wasm") == hash_of(site, "glue.js") != hash_of(site, "b.wasm")
        assert site.read(site.current("glue.js")).decode() == "load('%s') // %d\n" % (site.current("a.wasm"), number)


def test_glue_for_one_of_several_modules(site):
    site.write("a.wasm", V1)
    site.write("b.wasm", V2)
    site.write("wasm_exec.js", GLUE)
    done = site.pack("a.wasm", "b.wasm", "wasm_exec.js")
    assert "there are several modules that wasm_exec.js may be for" in done.stderr
    assert len({hash_of(site, name) for name in ("a.wasm", "b.wasm", "wasm_exec.js")}) == 3


def test_a_pair_is_parted_only_knowingly(site):
    site.write("main.wasm", V1)
    site.write("wasm_exec.js", GLUE)
    site.pack("main.wasm", "wasm_exec.js")
    site.write("main.wasm", V2)
    before = site.state()
    done = site.run("main.wasm")
    assert done.returncode == 2
    assert "main.wasm is a pair with wasm_exec.js: give both, or part them with --force" in done.stderr
    assert site.state() == before
    site.pack("main.wasm", "--force")
    assert check_folder(site) == set(site.names())
    assert hash_of(site, "main.wasm") != hash_of(site, "wasm_exec.js")


def test_single_files_become_a_pair(site):
    site.write("main.wasm", V1)
    site.write("wasm_exec.js", GLUE)
    site.pack("main.wasm")
    site.pack("wasm_exec.js")
    site.pack("main.wasm", "wasm_exec.js")
    assert len(site.manifest()["units"]) == 1
    assert check_folder(site) == set(site.names())
    done = site.run("--rollback", "main.wasm")
    assert done.returncode == 2 and "is in a pair that the version before was not" in done.stderr


# ---- pages ---------------------------------------------------------------------------------------------------


def test_pages_follow_the_versions(site):
    site.write("app.wasm", V1)
    site.write("web/index.html", "<link rel=preload href=app.wasm> it's <a href=\"/app.wasm?x\"> app.wasm")
    site.write("web/app.js", "fetch('./app.wasm')")
    site.pack("app.wasm", "--rewrite", "web/index.html", "web/app.js")
    name = site.current("app.wasm")
    assert site.read("index.html").decode() == (
        "<link rel=preload href=%s> it's <a href=\"/%s?x\"> app.wasm" % (name, name))
    assert site.read("app.js").decode() == "fetch('./%s')" % name
    # The next time without naming them.
    site.write("app.wasm", V2)
    done = site.pack("app.wasm")
    assert "rewrote app.js: 1 reference\n" in done.stdout and "rewrote index.html: 2 references\n" in done.stdout
    assert site.read("app.js").decode() == "fetch('./%s')" % site.current("app.wasm")


def test_a_page_in_its_own_place(site):
    site.write("out/app.wasm", V1)
    site.write("out/index.html", "<a href='app.wasm'>")
    for content in (V1, V2):
        site.write("out/app.wasm", content)
        site.pack("out/app.wasm", "--rewrite", "out/index.html")
        assert site.read("index.html").decode() == "<a href='%s'>" % site.current("app.wasm")
    assert site.read("app.wasm") == V2


def test_a_page_in_which_nothing_matches_is_named(site):
    site.write("app.wasm", V1)
    site.write("other.html", "<a href='sub/app.wasm'>")
    done = site.pack("app.wasm", "--rewrite", "other.html")
    assert "other.html: nothing in it refers to a packed file" in done.stderr
    assert site.read("other.html") == b"<a href='sub/app.wasm'>"


def test_the_url_of_the_folder(site):
    site.write("app.wasm", V1)
    site.write("index.html", "<a href='/assets/app.wasm'><a href='/app.wasm'>")
    site.pack("app.wasm", "--base", "/assets", "--rewrite", "index.html")
    assert site.read("index.html").decode() == (
        "<a href='/assets/%s'><a href='/app.wasm'>" % site.current("app.wasm"))
    # It is remembered for the next version and for going back.
    site.write("app.wasm", V2)
    site.pack("app.wasm")
    assert site.current("app.wasm") in site.read("index.html").decode()
    site.pack("--rollback", "app.wasm")
    assert site.current("app.wasm") in site.read("index.html").decode()


def test_another_name_for_the_manifest(site):
    """A web app manifest has the name that ours has."""
    site.write("app.wasm", V1)
    site.write("manifest.json", '{"icons": [], "start_url": "app.wasm"}')
    site.write("out/manifest.json", "{}")
    done = site.run("app.wasm")
    assert done.returncode == 2 and "choose another name for pack's by --manifest" in done.stderr
    for content in (V1, V2):
        site.write("app.wasm", content)
        site.pack("app.wasm", "--manifest", "packed.json", "--force", "--rewrite", "manifest.json")
        name = json.loads((site.out / "packed.json").read_text())["files"]["app.wasm"]["name"]
        assert json.loads((site.out / "manifest.json").read_text())["start_url"] == name
    done = site.run("--manifest", "packed.json", "--rollback", "app.wasm")
    assert done.returncode == 0
    assert site.read("manifest.json").decode() == '{"icons": [], "start_url": "app.%s.wasm"}' % hexes(V1)[:16]


def test_what_is_in_the_way_of_a_page(site):
    site.write("app.wasm", V1)
    site.write("index.html", "<a href='app.wasm'>")
    site.write("out/index.html", "somebody's")
    done = site.run("app.wasm", "--rewrite", "index.html")
    assert done.returncode == 2
    assert "out/index.html is in the way: pack has not written it; remove it, or use --force" in done.stderr
    assert site.names() == ["index.html"] and site.read("index.html") == b"somebody's"
    site.pack("app.wasm", "--force", "--rewrite", "index.html")
    assert site.current("app.wasm") in site.read("index.html").decode()


def test_a_page_that_was_removed(site):
    site.write("app.wasm", V1)
    site.write("index.html", "<a href='app.wasm'>")
    site.pack("app.wasm", "--rewrite", "index.html")
    (site.out / "index.html").unlink()
    site.write("app.wasm", V2)
    done = site.pack("app.wasm")
    assert "index.html was rewritten by an earlier run and is not there any more" in done.stderr


def test_folders_below_the_root(site):
    site.write("web/a/app.wasm", V1)
    site.write("web/b/app.wasm", V2)
    site.write("web/a/index.html", "<a href='app.wasm'><a href='../b/app.wasm'><a href='/b/app.wasm'>")
    same = site.run("web/a/app.wasm", "web/b/app.wasm")
    assert same.returncode == 64
    assert "web/a/app.wasm and web/b/app.wasm would both be app.wasm in out" in same.stderr
    site.pack("--root", "web", "web/a/app.wasm", "web/b/app.wasm", "--rewrite", "web/a/index.html")
    a, b = site.current("a/app.wasm"), site.current("b/app.wasm")
    assert os.path.dirname(a) == "a" and os.path.dirname(b) == "b"
    assert site.read("a/index.html").decode() == "<a href='%s'><a href='../%s'><a href='/%s'>" % (
        os.path.basename(a), b, b)
    assert check_folder(site) == set(site.names())
    outside = site.run("--root", "web/a", "web/b/app.wasm")
    assert outside.returncode == 2 and "it is not below the folder that --root says" in outside.stderr


# ---- what is refused -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("args, reason", [
    ([], "no FILE"), (["--nonsense", "app.wasm"], 'no option "--nonsense"'), (["-x", "app.wasm"], 'no option "-x"'),
    (["app.wasm", "--keep"], "--keep wants a number"), (["app.wasm", "--keep", "-1"], "--keep wants a number"),
    (["app.wasm", "--keep", "1001"], "--keep wants a number"), (["app.wasm", "-j0"], "--jobs wants a number"),
    (["app.wasm", "-j", "257"], "--jobs wants"), (["app.wasm", "--memory", "1M"], "--memory wants a size"),
    (["app.wasm", "--encodings", "br,lzma"], "--encodings wants"), (["app.wasm", "--encodings", "dcz"], "--encodings"),
    (["app.wasm", "--encodings", ""], "--encodings wants"), (["app.wasm", "--pair", "app.wasm"], "--pair wants"),
    (["app.wasm", "--pair", "app.wasm,b.js"], '"b.js" is none of the FILEs'), (["app.wasm", "--base", ""], "--base"),
    (["app.wasm", "--base", "/\n/"], "--base wants"), (["app.wasm", "--manifest", "a/m.json"], "--manifest wants"),
    (["app.wasm", "--manifest", "app.wasm"], "--manifest wants a file name that ends with .json"), (["app.wasm", "--quiet=1"], "--quiet takes no value"),
    (["--rollback"], "--rollback wants the names"), (["--rollback", "a", "--rewrite", "b"], "--rollback goes with"),
    (["app.wasm", "./app.wasm"], "would both be app.wasm"),
    (["app.wasm", "--rewrite", "app.wasm"], "packed under a name with a hash"),
])
def test_bad_usage(site, args, reason):
    site.write("app.wasm", V1)
    done = site.run(*args)
    assert done.returncode == 64
    assert reason in done.stderr
    assert done.stdout == ""
    assert not site.out.exists() or site.names() == []


def test_no_folder(site):
    done = run("pack", "app.wasm")
    assert done.returncode == 64 and "-o DIR" in done.stderr


@pytest.mark.parametrize("name, data, reason", [
    ("none.wasm", None, "none.wasm: No such file or directory"),
    ("page.wasm", b"<!DOCTYPE html>", "page.wasm is not a WebAssembly module"),
    ("empty.wasm", b"", "empty.wasm is not a WebAssembly module"),
    ("app.wasm.br", b"x", "its name is that of a compressed form"),
    ("manifest.json", b"{}", "its name is that of the manifest; --manifest gives that one another"),
    ("a\nb.wasm", "module", "its name contains a control character"),
    ("folder.wasm", "folder", "folder.wasm is not a regular file"),
    ("pipe.wasm", "pipe", "pipe.wasm is not a regular file"),
])
def test_inputs_that_cannot_be_packed(site, name, data, reason):
    if data == "folder":
        (site.path / name).mkdir()
    elif data == "pipe":
        os.mkfifo(site.path / name)
    elif data is not None:
        site.write(name, V1 if data == "module" else data)
    site.write("good.wasm", V1)
    done = site.run("good.wasm", name)
    assert done.returncode == 2
    assert reason in done.stderr
    assert site.names() == [] and list(site.out.iterdir()) == []


def test_a_result_is_no_input(site):
    site.write("out/app.wasm", V1)
    site.pack("out/app.wasm")
    before = site.state()
    done = site.run("out/app.wasm", "out/" + site.current("app.wasm"))
    assert done.returncode == 2
    assert "out/%s is what an earlier run has made; give the file" % site.current("app.wasm") in done.stderr
    assert site.state() == before


@pytest.mark.parametrize("text, reason", [
    ("", "it is not JSON"), ("{}", "it is not a manifest of wasmserve pack"),
    ('{"wasmserve-pack": 2}', "it is of another version"),
    ('{"wasmserve-pack": 1, "units": [{"current": "%s", "versions": [{"hash": "%s", "files": {"x": {"name": "../x",'
     ' "size": 1, "sha256": "%s"}}}]}]}' % ("a" * 16, "a" * 16, "b" * 64), 'a "name" is not "x.aaaaaaaaaaaaaaaa"'),
])
def test_a_manifest_that_is_none(site, text, reason):
    site.write("app.wasm", V1)
    site.write("out/manifest.json", text)
    done = site.run("app.wasm")
    assert done.returncode == 2
    assert "out/manifest.json cannot be used: " in done.stderr and reason in done.stderr
    assert site.names() == ["manifest.json"] and site.read("manifest.json").decode() == text


NAME = "app.%s.wasm" % hexes(V1)[:16]


@pytest.mark.parametrize("name, kind", [
    (name, kind) for name in ("manifest.json", NAME, NAME + ".br", "index.html", ".wasmserve-pack")
    for kind in ("link", "dangling", "folder") if (name, kind) != (".wasmserve-pack", "folder")])
def test_obstacles(site, name, kind):
    site.write("app.wasm", V1)
    site.write("index.html", "<a href='app.wasm'>")
    site.write("elsewhere/file", b"not to be touched")
    site.out.mkdir()
    if kind == "folder":
        (site.out / name).mkdir()
    else:
        (site.out / name).symlink_to("../elsewhere" + ("/file" if kind == "link" else "/none"))
    done = site.run("app.wasm", "--force", "--rewrite", "index.html")
    assert done.returncode == 2, done.stderr
    assert "out/" + name in done.stderr
    assert [str(p.relative_to(site.out)) for p in site.out.iterdir()] == [name]
    assert site.names(site.path / "elsewhere") == ["file"]
    assert (site.path / "elsewhere/file").read_bytes() == b"not to be touched"


def test_a_linked_folder_on_the_way(site):
    site.write("web/sub/app.wasm", V1)
    site.write("elsewhere/file", b"")
    site.out.mkdir()
    (site.out / "sub").symlink_to("../elsewhere")
    done = site.run("--root", "web", "web/sub/app.wasm")
    assert done.returncode == 2
    assert "a symbolic link, which pack does not follow" in done.stderr
    assert site.names(site.path / "elsewhere") == ["file"]


def test_the_folder_itself_may_be_a_link(site):
    site.write("app.wasm", V1)
    (site.path / "real").mkdir()
    site.out.symlink_to("real")
    site.pack("app.wasm")
    assert check_folder(site) == set(site.names())


@pytest.mark.parametrize("name", [NAME, NAME + ".br"])
def test_another_file_under_the_name(site, name):
    site.write("app.wasm", V1)
    site.write("out/" + name, b"somebody else's")
    done = site.run("app.wasm")
    assert done.returncode == 2
    assert "out/%s is in the way" % name in done.stderr and "--force" in done.stderr
    assert site.read(name) == b"somebody else's" and site.names() == [name]
    site.pack("app.wasm", "--force")
    assert check_folder(site) == set(site.names())


def test_a_folder_that_cannot_be(site):
    site.write("app.wasm", V1)
    site.write("file", b"")
    for folder, code in (("none/out", 1), ("file", 2), ("/proc/out", 1)):
        done = run("pack", "-o", folder, "app.wasm", cwd=site.path)
        assert done.returncode == code
        assert done.stderr.startswith("wasmserve pack: %s: " % folder)


def test_a_folder_without_rights(site):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    site.write("app.wasm", V1)
    site.out.mkdir(mode=0o555)
    done = site.run("app.wasm")
    assert done.returncode == 1 and "Permission denied" in done.stderr


def test_two_at_once(site):
    site.write("app.wasm", V1)
    (site.out / ".wasmserve-pack").mkdir(parents=True)
    with open(site.out / ".wasmserve-pack/lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = site.run("app.wasm")
        assert done.returncode == 1
        assert "out: another `wasmserve pack` is at work there" in done.stderr
    site.pack("app.wasm")
    assert check_folder(site) == set(site.names())


def test_many_at_once_leave_one_result(site):
    site.write("app.wasm", V1)
    runs = [subprocess.Popen([str(TOOL), "pack", "-o", "out", "app.wasm"], cwd=site.path, stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE) for _ in range(8)]
    for process in runs:
        said = process.communicate()[1]
        assert process.returncode in (0, 1), said
        assert process.returncode == 0 or b"try again" in said
    site.pack("app.wasm")
    assert check_folder(site) == set(site.names())


# ---- interruptions -------------------------------------------------------------------------------------------


def limit_file_size():
    """Writing more than this fails, as it does on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (70000, 70000))


def test_a_disk_that_is_full(site):
    site.write("app.wasm", V1)
    site.pack("app.wasm")
    before = site.state()
    site.write("app.wasm", module(seed=9, size=600000))
    done = site.run("app.wasm", preexec_fn=limit_file_size)
    assert done.returncode == 1
    assert "File too large" in done.stderr
    assert site.state() == before and not (site.out / ".wasmserve-pack").exists()


def test_an_old_version_that_was_tampered_with_is_no_dictionary(site):
    site.write("app.wasm", V1)
    site.pack("app.wasm")
    old = site.current("app.wasm")
    (site.out / old).write_bytes(V1[:-1] + b"!")
    site.write("app.wasm", V2)
    done = site.pack("app.wasm")
    assert "out/%s is not what was packed under this name: no delta against it" % old in done.stderr
    assert not [name for name in site.names() if name.endswith(".dcz")]


def interrupted(site, published):
    """The folder as a run leaves it that was killed after so many renames: V1 was packed, V2 was to come."""
    site.write("app.wasm", V1)
    site.pack("app.wasm")
    first = site.read("manifest.json")
    other = Site(site.path / "other")
    shutil.copytree(site.out, other.out)
    other.write("app.wasm", V2)
    other.pack("app.wasm")
    new = sorted(set(other.names()) - set(site.names()), key=lambda name: (len(name), name))
    for name in new[:published]:
        shutil.copy2(other.out / name, site.out / name)
    site.write("out/.wasmserve-pack/lock", b"")
    site.write("out/.wasmserve-pack/journal-4", first)
    site.write("out/.wasmserve-pack/journal-5", other.read("manifest.json"))
    site.write("out/.wasmserve-pack/new-3", b"half a file")
    return other, new


@pytest.mark.parametrize("published", range(6))
def test_after_an_interruption_the_same_run_completes_it(site, published):
    other, new = interrupted(site, published)
    site.write("app.wasm", V2)
    done = site.pack("app.wasm")
    assert {name: site.read(name) for name in site.names()} == {name: other.read(name) for name in other.names()}
    check_folder(site)
    # What was there already was not made again.
    for name in new[:published]:
        assert "made %s:" % name not in done.stderr
    for name in new[max(published, 1):]:
        assert "made %s:" % name in done.stderr


@pytest.mark.parametrize("published", range(6))
def test_after_an_interruption_another_run_cleans_up(site, published):
    interrupted(site, published)
    site.write("app.wasm", V1)
    site.pack("app.wasm")
    assert check_folder(site) == set(site.names())
    assert versions(site) == ["*" + hexes(V1)[:4]]


def test_a_failed_run_keeps_what_an_interrupted_one_noted(site):
    interrupted(site, 3)
    done = site.run("none.wasm")
    assert done.returncode == 2
    assert sorted(p.name for p in (site.out / ".wasmserve-pack").iterdir()) == ["journal-4", "journal-5"]
    site.pack("app.wasm")
    assert check_folder(site) == set(site.names())


def test_a_page_that_an_interrupted_run_has_written_is_not_in_the_way(site):
    """It was the first run, so no manifest lists the page."""
    site.write("app.wasm", V1)
    site.write("index.html", "<a href='app.wasm'>")
    site.pack("app.wasm", "--rewrite", "index.html")
    site.write("out/.wasmserve-pack/journal-0", site.read("manifest.json"))
    (site.out / "manifest.json").unlink()
    site.write("app.wasm", V2)
    site.pack("app.wasm", "--rewrite", "index.html")
    assert site.read("index.html").decode() == "<a href='%s'>" % site.current("app.wasm")
    assert check_folder(site) == set(site.names())


def test_a_torn_journal_is_nothing(site):
    site.write("app.wasm", V1)
    site.write("out/.wasmserve-pack/journal-0", b'{"wasmserve-pack": 1, "units": [')
    site.pack("app.wasm")
    assert check_folder(site) == set(site.names())


def test_killed_at_any_moment(site):
    """What the folder has after each kill is good for browsers: the manifest names files that are there and whole."""
    site.write("index.html", "<a href='app.wasm'>")
    for number in range(12):
        site.write("app.wasm", V1 + b"%d" % number)
        process = subprocess.Popen([str(TOOL), "pack", "-o", "out", "app.wasm", "--rewrite", "index.html", "--keep", "1"],
                                   cwd=site.path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(timeout=0.02 * number)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if (site.out / "manifest.json").exists():
            for file in site.manifest()["files"].values():
                assert hexes(site.read(file["name"])) == file["sha256"]
    site.pack("app.wasm", "--rewrite", "index.html", "--keep", "1")
    assert check_folder(site) == set(site.names())
    assert site.current("app.wasm") in site.read("index.html").decode()
