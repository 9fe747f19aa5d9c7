# SPDX-License-Identifier: Apache-2.0
"""`wasmserve compile`, and `wasmserve run --cache`: code that is kept is used, and what somebody else could have written,
or what is damaged anywhere, is not."""
import fcntl
import os
import platform
import re
import stat
import struct
import subprocess
import time

import pytest
from command import TOOL, assemble

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="there is a compiler for x86-64 only")

SUM = """(module (memory 1)
  (func $f (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "sum") (param i32 i32) (result i32)
    (i32.store (i32.const 8) (local.get 0))
    (i32.add (call $f (i32.const 8)) (local.get 1))))"""


def tool(*args):
    return subprocess.run([TOOL, *args], capture_output=True, text=True, timeout=60)


@pytest.fixture()
def cache(tmp_path):
    path = tmp_path / "cache"
    path.mkdir(mode=0o755)
    return path


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    return assemble(tmp_path_factory.mktemp("compile"), SUM)


def files(cache):
    return sorted(path for path in cache.iterdir() if path.name != ".lock")


def run_sum(cache, module, *more):
    done = tool("run", "--cache", str(cache), *more, "--invoke", "sum", str(module), "40", "2")
    assert (done.returncode, done.stdout) == (0, "42\n"), done.stderr
    return done.stderr


def test_it_fills_the_cache_and_run_uses_it(cache, module):
    done = tool("compile", "--cache", str(cache), str(module))
    assert done.returncode == 0 and done.stdout.endswith(", kept\n"), done.stderr
    [file] = files(cache)
    assert file.suffix == ".code" and file.stat().st_mode & 0o777 == 0o644
    before = file.stat()
    assert run_sum(cache, module) == ""
    assert tool("compile", "--cache", str(cache), str(module)).stdout.endswith(", already there\n")
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    # Other options make other code.
    done = tool("compile", "--cache", str(cache), "--explicit", str(module))
    assert done.returncode == 0, done.stderr
    assert len(files(cache)) in (1, 2)  # 1: no address space for guard pages here


def test_the_same_module_gives_the_same_file(tmp_path, module):
    made = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir(mode=0o755)
        assert tool("compile", "--cache", str(tmp_path / name), str(module)).returncode == 0
        made.append([(path.name, path.read_bytes()) for path in files(tmp_path / name)])
    assert made[0] == made[1]


def changed(data, at, bits):
    return data[:at] + bytes([data[at] ^ bits]) + data[at + 1:]


def replace(file, data):
    other = file.with_suffix(".other")
    other.write_bytes(data)
    other.chmod(0o644)
    other.rename(file)


def test_every_damage_is_found_and_mended(cache, module):
    run_sum(cache, module)
    [file] = files(cache)
    good = file.read_bytes()
    places = sorted({*range(0, 160, 7), *range(160, len(good), len(good) // 40), len(good) - 1})
    bad = [changed(good, at, 1 << at % 8) for at in places]
    bad += [good[:length] for length in (1, 7, 8, 47, 48, 100, 200, 4096, len(good) - 1) if length < len(good)]
    bad += [good + b"\0", b"\0" * len(good), good[:4096] + b"\xcc" * (len(good) - 4096)]
    for data in bad:
        replace(file, data)
        assert "is not used: it " in run_sum(cache, module)
        assert file.read_bytes() == good


def test_a_file_of_another_module_is_not_used(cache, module, tmp_path):
    run_sum(cache, module)
    [file] = files(cache)
    other = assemble(tmp_path, SUM.replace("i32.add", "i32.sub"))
    (tmp_path / "elsewhere").mkdir(mode=0o755)
    assert tool("compile", "--cache", str(tmp_path / "elsewhere"), str(other)).returncode == 0
    replace(file, files(tmp_path / "elsewhere")[0].read_bytes())
    assert "is for another module" in run_sum(cache, module)


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
def test_a_file_that_others_can_write_is_not_used(cache, module, mode):
    run_sum(cache, module)
    [file] = files(cache)
    file.chmod(mode)
    assert "others may write it" in run_sum(cache, module)
    assert file.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o1777])
def test_a_directory_that_others_can_write_is_not_used(cache, module, mode):
    cache.chmod(mode)
    assert "others may write it" in run_sum(cache, module)
    assert files(cache) == []
    done = tool("compile", "--cache", str(cache), str(module))
    assert done.returncode == 2 and "others may write it" in done.stderr


def test_what_belongs_to_somebody_else_is_not_used(cache, module):
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    run_sum(cache, module)
    [file] = files(cache)
    os.chown(file, 12345, 12345)
    assert "belongs to somebody else" in run_sum(cache, module)
    os.chown(cache, 12345, 12345)
    assert "belongs to somebody else" in run_sum(cache, module)


def test_a_link_or_a_device_is_no_file(cache, module, tmp_path):
    run_sum(cache, module)
    [file] = files(cache)
    file.rename(tmp_path / "away")
    elsewhere = tmp_path / "elsewhere"
    makes = [lambda: file.symlink_to(tmp_path / "away"), lambda: file.symlink_to(tmp_path / "none"),
             lambda: os.mkfifo(file, 0o644), lambda: os.mknod(file, 0o644 | stat.S_IFSOCK)]
    if os.geteuid() == 0:
        elsewhere.write_bytes((tmp_path / "away").read_bytes())
        os.chown(elsewhere, 12345, 12345)  # who has it open for writing may go on doing so
        makes += [lambda: os.mknod(file, 0o644 | stat.S_IFCHR, os.makedev(1, 5)), lambda: file.hardlink_to(elsewhere)]
    for make in makes:
        file.unlink(missing_ok=True)
        make()
        assert "is not used" in run_sum(cache, module)
        assert file.is_file() and not file.is_symlink() and file.stat().st_nlink == 1
    # What cannot be replaced is left, and everything works without.
    file.unlink()
    file.mkdir()
    said = run_sum(cache, module)
    assert "is not a file with code" in said and "is not kept" in said and file.is_dir()


def test_a_directory_that_nothing_is_executed_from_is_a_cache_all_the_same(cache, module):
    """A file system that is mounted noexec: the code is read and judged there, and mapped from a copy."""
    command = ["unshare", "-m", "sh", "-ec", """mount -t tmpfs -o noexec,mode=755 tmpfs "$1"; shift
        "$0" compile --cache "$1" "$2"; "$0" compile --cache "$1" "$2"
        "$0" run --cache "$1" --invoke sum "$2" 40 2""", TOOL, str(cache), str(cache), str(module)]
    mounts = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "-o", "noexec", "tmpfs", str(cache)],
                            capture_output=True, check=False)
    if mounts.returncode != 0:
        pytest.skip("nothing can be mounted here")
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    first, second, result = done.stdout.splitlines()
    assert first.endswith(", kept") and second.endswith(", already there") and result == "42"


def test_no_directory_no_cache(module, tmp_path):
    assert "No such file" in run_sum(tmp_path / "none", module)
    done = tool("compile", "--cache", str(tmp_path / "none"), str(module))
    assert done.returncode == 2 and "No such file" in done.stderr


def test_what_is_no_module_is_refused(tmp_path, cache):
    path = tmp_path / "not.wasm"
    path.write_bytes(b"\0asm\1\0\0\0\1")
    done = tool("compile", "--cache", str(cache), str(path))
    assert done.returncode == 2 and "not.wasm" in done.stderr
    assert tool("compile").returncode == 64


def test_dump_shows_forms_and_code_and_who_stays_behind(module, tmp_path):
    done = tool("compile", "--dump", str(module))
    assert done.returncode == 0 and "compiled 2 of 2 functions" in done.stderr
    for words in ["function 0:\nblock 0\n", "i32.load", "i32.store",
                  "code of function 0 (function-0) at 0x", "code of function 1 (sum) at 0x"]:
        assert words in done.stdout
    atomic = assemble(tmp_path, """(module (memory 1 1 shared) (func (export "f") (result i32)
        (i32.atomic.load (i32.const 0))))""", "atomic.wasm", "--enable-threads")
    done = tool("compile", "--dump", str(atomic))
    assert "function 0 is not compiled (i32.atomic.load)" in done.stderr and "compiled 0 of 1" in done.stderr


@pytest.mark.parametrize("rounds", [8000, 30000, 50000])
def test_what_is_compiled_does_not_depend_on_the_number_of_threads(tmp_path, rounds):
    """A share of the memory is too small for the large one of these functions, all of it is not."""
    body = "(local.set 0 (i32.mul (i32.add (local.get 0) (i32.const 12345)) (i32.const 77)))" * rounds
    large = assemble(tmp_path, "(module (func (param i32) %s) %s)" % (body, "(func nop)" * 200))
    together, alone = tool("compile", str(large)), tool("compile", "--dump", str(large))  # --dump: one after the other
    assert together.stdout == alone.stdout.splitlines(True)[-1]
    assert "compiled 201 of 201 functions" in alone.stderr


def test_dump_takes_nothing_from_the_cache_and_fills_it(cache, module):
    for _ in range(2):
        done = tool("compile", "--dump", "--cache", str(cache), str(module))
        assert done.returncode == 0 and "code of function 1" in done.stdout
    assert len(files(cache)) == 1


@pytest.mark.parametrize("kept", [False, True], ids=["compiled", "from the cache"])
def test_perf_gets_a_map_if_it_is_asked_for(cache, module, kept):
    words = [TOOL, "run", "--cache", str(cache), "--invoke", "sum", str(module), "40", "2"]
    if kept:
        run_sum(cache, module)
    for wanted in (False, True):
        process = subprocess.Popen(words, stdout=subprocess.PIPE, env={
            **os.environ, **({"WASMSERVE_PERF_MAP": "1"} if wanted else {})})
        path = "/tmp/perf-%d.map" % process.pid
        assert process.communicate(timeout=60)[0] == b"42\n"
        assert os.path.exists(path) == wanted
    with open(path, encoding="ascii") as lines:
        rows = [line.split() for line in lines]
    os.unlink(path)
    assert [row[2] for row in rows] == ["wasm:stubs-and-thunks", "wasm:function-0", "wasm:sum"]
    begins = [int(row[0], 16) for row in rows]
    assert all(a + int(row[1], 16) <= b for a, b, row in zip(begins, begins[1:], rows))


def test_the_compiled_file_can_be_written_elsewhere_and_carried_to_a_cache(cache, module, tmp_path):
    file = tmp_path / "sum.code"
    file.write_text("what was there before")
    done = tool("compile", "-o", str(file), str(module))
    assert done.returncode == 0, done.stderr
    name = done.stdout.split()[-1]
    assert done.stdout.splitlines()[-1] == "%s: in a code cache its name is %s" % (file, name)
    assert file.stat().st_mode & 0o777 == 0o644 and [path.name for path in tmp_path.iterdir()
                                                     if path.name.endswith(".new")] == []
    (cache / name).write_bytes(file.read_bytes())
    (cache / name).chmod(0o644)
    assert tool("compile", "--cache", str(cache), str(module)).stdout.endswith(", already there\n")
    assert run_sum(cache, module) == "" and [path.name for path in files(cache)] == [name]


def test_the_compiled_file_needs_one_module_and_a_place(module, tmp_path):
    assert tool("compile", "-o", str(tmp_path / "x"), str(module), str(module)).returncode == 64
    done = tool("compile", "-o", str(tmp_path / "none" / "x"), str(module))
    assert done.returncode == 1 and "No such file" in done.stderr
    (tmp_path / "folder").mkdir()
    assert tool("compile", "-o", str(tmp_path / "folder"), str(module)).returncode == 1
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]


def test_what_is_no_file_is_written_to_and_not_replaced(module, tmp_path):
    """A device such as /dev/null, a pipe, a link."""
    pipe, link, target = tmp_path / "pipe", tmp_path / "link", tmp_path / "target"
    os.mkfifo(pipe)
    target.write_bytes(b"longer than what will be there" * 1000)
    link.symlink_to(target)
    assert tool("compile", "-o", str(tmp_path / "file"), str(module)).returncode == 0
    with subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE) as reads:
        done = tool("compile", "-o", str(pipe), str(module))
        if not stat.S_ISFIFO(os.lstat(pipe).st_mode):
            reads.kill()
        assert reads.communicate(timeout=60)[0] == (tmp_path / "file").read_bytes()
    assert done.returncode == 0 and stat.S_ISFIFO(os.lstat(pipe).st_mode)
    assert tool("compile", "-o", str(link), str(module)).returncode == 0
    assert link.is_symlink() and target.read_bytes() == (tmp_path / "file").read_bytes()


COUNTS = """(module (func (export "count") (param i32) (result i32)
  (local i32)
  (loop $on
    (local.set 1 (i32.add (local.get 1) (local.get 0)))
    (br_if $on (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
  (local.get 1)))"""


def test_unwatched_code_is_shorter_and_never_kept(cache, tmp_path):
    counts, sizes = assemble(tmp_path, COUNTS, "counts.wasm"), []
    for engine in ("compiler,unwatched", "compiler"):
        done = subprocess.run([TOOL, "run", "--cache", str(cache), "--engine", engine, "--invoke", "count", str(counts), "100"],
                              capture_output=True, text=True, timeout=60, env={**os.environ, "WASMSERVE_TRACE": "prepare"})
        assert (done.returncode, done.stdout) == (0, "5050\n"), done.stderr
        assert len(files(cache)) == len(sizes)
        sizes.append(int(re.search(r"function 0: (\d+) bytes of code", done.stderr).group(1)))
    assert sizes[0] < sizes[1]
    for limit in (["--timeout", "1s"], ["--fuel", "1000"]):
        done = tool("run", "--engine", "compiler,unwatched", *limit, "--invoke", "count", str(counts), "100")
        assert done.returncode == 64 and "neither --timeout nor --fuel" in done.stderr


# ---- several at once, and for years


def lock_all(cache):
    """Every module's place in the file `.lock`, as somebody has it who compiles."""
    fd = os.open(cache / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.fcntl(fd, fcntl.F_OFD_SETLK, struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
    return fd


def test_who_finds_another_compiling_waits_and_takes_what_he_made(cache, module, tmp_path):
    lock = lock_all(cache)
    waits = subprocess.Popen([TOOL, "compile", "--cache", str(cache), str(module)], stdout=subprocess.PIPE, text=True)
    time.sleep(0.3)
    assert waits.poll() is None and files(cache) == []
    done = tool("compile", "-o", str(tmp_path / "made"), str(module))
    (cache / done.stdout.split()[-1]).write_bytes((tmp_path / "made").read_bytes())
    os.close(lock)
    assert waits.communicate(timeout=60)[0].endswith(", already there\n") and waits.returncode == 0


def test_who_waits_for_one_that_was_killed_compiles_himself(cache, module):
    lock = lock_all(cache)
    waits = subprocess.Popen([TOOL, "compile", "--cache", str(cache), str(module)], stdout=subprocess.PIPE, text=True)
    time.sleep(0.1)
    os.close(lock)
    assert waits.communicate(timeout=60)[0].endswith(", kept\n") and len(files(cache)) == 1


def test_of_many_that_begin_at_once_one_compiles(cache, tmp_path):
    body = "(local.set 0 (i32.mul (i32.add (local.get 0) (i32.const 12345)) (i32.const 77)))" * 40
    large = assemble(tmp_path, "(module %s)" % "".join("(func (param i32) %s)" % body for _ in range(400)))
    many = [subprocess.Popen([TOOL, "compile", "--cache", str(cache), str(large)], stdout=subprocess.PIPE, text=True)
            for _ in range(5)]
    said = [process.communicate(timeout=120)[0].rsplit(", ", 1)[1] for process in many]
    assert sorted(said) == ["already there\n"] * 4 + ["kept\n"]


def sparse(cache, name, megabytes, used):
    path = cache / name
    with open(path, "wb") as file:
        file.truncate(megabytes << 20)
    path.chmod(0o644)
    os.utime(path, (used, used))
    return path


def test_there_is_an_end_to_what_the_cache_holds(cache, module):
    run_sum(cache, module)
    [own] = files(cache)
    build, now = own.name.split("-")[0], time.time()
    old, older, young = (sparse(cache, "%s-%s.code" % (build, digit * 64), 450, now - age)
                         for digit, age in (("a", 3000), ("b", 4000), ("c", 1000)))
    other = cache / "notes.txt"
    other.write_text("not ours")
    # Used a moment ago, whatever its times were.
    os.utime(own, (now - 9999, now - 9999))
    run_sum(cache, module)
    assert tool("compile", "--cache", str(cache), "--explicit", str(assembled_other(cache))).returncode == 0
    left = set(files(cache))
    assert older not in left and {own, old, young, other} <= left


def assembled_other(cache):
    folder = cache.parent / "other"
    folder.mkdir()
    return assemble(folder, SUM.replace("i32.add", "i32.sub"))


def test_files_of_other_engines_go_when_nobody_uses_them(cache, module):
    now, day = time.time(), 24 * 3600
    gone = [sparse(cache, "0123456789ab-%s.code" % ("1" * 64), 1, now - 2 * day),
            sparse(cache, "2" * 64 + ".code", 1, now - 2 * day),
            sparse(cache, "0123456789ab-%s.code.77.0x1.new" % ("3" * 64), 1, now - 2 * day)]
    stay = [sparse(cache, "0123456789ab-%s.code" % ("4" * 64), 1, now - day / 2),
            sparse(cache, "0123456789ab-%s.code.77.0x1.new" % ("5" * 64), 1, now - day / 2),
            sparse(cache, "0123456789ab-%s.codes" % ("6" * 64), 1, now - 2 * day),
            sparse(cache, "not-%s.code" % ("7" * 64), 1, now - 2 * day),
            sparse(cache, "code", 1, now - 2 * day)]
    assert tool("compile", "--cache", str(cache), str(module)).returncode == 0
    left = files(cache)
    assert not set(gone) & set(left) and set(stay) <= set(left) and len(left) == len(stay) + 1

