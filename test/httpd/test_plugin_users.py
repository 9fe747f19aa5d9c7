# SPDX-License-Identifier: Apache-2.0
"""WasmServeUserPlugins: customers bring modules of their own in .htaccess, and what a hostile one tries."""
import fcntl
import hashlib
import json
import os
import platform
import re
import socket
import struct
import threading
import time

import pytest

import env
import plugin_wat

ALICE, BOB = 54321, 54322  # owners of directories, where this runs as root

CONFIG = """
ErrorDocument 500 "an error page"
WasmServeTimeout 5s
<WasmServePlugin named>
    WasmServeModule named.wasm
    WasmServeGrant log clock
</WasmServePlugin>
<Directory "${docroot}">
    WasmServeUserPlugins On
</Directory>
<Directory "${docroot}/off">
    WasmServeUserPlugins Off
</Directory>
<Directory "${docroot}/native">
    WasmServeUserPlugins On native
</Directory>
<Directory "${docroot}/one">
    WasmServeConcurrency 1
</Directory>
<Directory "${docroot}/nofileinfo">
    AllowOverride AuthConfig
</Directory>
<Directory "${docroot}/errors">
    ErrorDocument 500 /errors/page.html
</Directory>
<Location "/status">
    SetHandler wasmserve-status
</Location>
LogFormat "%U %{wasmserve-plugin}n %{wasmserve-version}n %{wasmserve-outcome}n %>s" users
CustomLog logs/access_log users
"""


def with_section(module, version):
    section = bytes([7]) + b"version" + version.encode()
    return module + bytes([0, len(section)]) + section


def module_of(text):
    return plugin_wat.says(b"Content-Type: text/plain\n\n" + text.encode())


class Site:
    """A customer's directory below the document root: files belong to the customer, where we are root."""

    def __init__(self, server, name, owner=ALICE):
        self.server, self.name, self.owner = server, name, owner
        self.path = os.path.join(server.docroot, name)

    def write(self, name, data, mode=0o644):
        path = self.server.write("docroot/%s/%s" % (self.name, name), data, mode)
        folder = path
        while folder != self.server.docroot:
            self.give(folder)
            folder = os.path.dirname(folder)
        os.chmod(path, mode)  # changing the owner takes setuid away
        return path

    def give(self, path, owner=None):
        if os.getuid() == 0:
            os.chown(path, self.owner if owner is None else owner, -1, follow_symlinks=False)

    def htaccess(self, text, folder=""):
        self.write(folder + ".htaccess", text + "\n")

    def get(self, path=""):
        return self.server.get("/%s/%s" % (self.name, path))


@pytest.fixture(scope="module")
def server(make_httpd):
    def setup(h):
        h.write("named.wasm", module_of("the administrator's"))
        for name in ("off", "native", "one", "nofileinfo", "errors"):
            h.write("docroot/%s/empty" % name, b"")

    made = make_httpd(config=CONFIG, setup=setup, modules=["include", "alias"], log_level="debug")
    # What is provoked here; each test looks for its own line.
    made.expect_log(r"WasmServeHandler in \.htaccess: ", optional=True)
    made.expect_log(r"WasmServeHandler good\.wasm: there is no such plugin", optional=True)
    made.expect_log(r"core:alert.*\.htaccess: ", optional=True)
    return made


def refused(server, site, why, status=500, path=""):
    """The request is answered by a plain error, the log says why, and the neighbours are as they were."""
    mark = server.log_mark()
    answer = site.get(path)
    assert answer.status == status
    assert b"wasm" not in answer.body.lower() and site.path.encode() not in answer.body
    lines = [line for line in server.log_since(mark).splitlines() if re.search(why, line)]
    assert lines, "no %r in:\n%s" % (why, server.log_since(mark))
    return lines[0]


# ---- what works --------------------------------------------------------------------------------------------


def test_a_customers_module_answers(server):
    site = Site(server, "alice")
    site.write("hello.wasm", with_section(module_of("alice's"), "2.1"))
    site.write("sub/page.html", b"a page")
    site.htaccess("WasmServeHandler ./hello.wasm")
    for path in ("", "anything", "sub/", "sub/page.html", "hello.wasm"):
        answer = site.get(path)
        assert (answer.status, answer.body) == (200, b"alice's"), path
    with open(os.path.join(site.path, "hello.wasm"), "rb") as module:
        digest = hashlib.sha256(module.read()).hexdigest()
    server._wait(lambda: "/alice/anything ./hello.wasm@%s 2.1 ok 200" % digest[:12] in access_log(server), "the log")


def access_log(server):
    with open(server.path("logs/access_log"), encoding="utf-8") as log:
        return log.read()


def test_below_and_nearer(server):
    site = Site(server, "nearer")
    site.write("bin/one.wasm", module_of("one"))
    site.write("deep/two.wasm", module_of("two"))
    site.htaccess("WasmServeHandler ./bin/one.wasm")
    site.htaccess("WasmServeHandler ./two.wasm", "deep/")
    site.htaccess("WasmServeHandler none", "plain/")
    site.htaccess("WasmServeHandler named", "named/")
    site.write("plain/page.html", b"a page")
    assert site.get().body == b"one" and site.get("x/y").body == b"one"
    assert site.get("deep/x").body == b"two"
    assert site.get("plain/page.html").body == b"a page"
    assert site.get("named/").body == b"the administrator's"


def test_the_guest_is_a_program_of_this_directory(server, guest):
    site = Site(server, "program")
    with open(guest("hello"), "rb") as module:
        site.write("hello.wasm", module.read())
    site.htaccess("WasmServeHandler ./hello.wasm")
    body = site.get("some/path?query").body.decode()
    assert "SCRIPT_NAME=/program\n" in body and "PATH_INFO=/some/path\n" in body and "QUERY_STRING=query\n" in body


def test_its_own_log_and_nothing_else(server, guest):
    """The log is granted, with the file's path; the clock, randomness and files are not."""
    site = Site(server, "grants")
    with open(guest("stderr"), "rb") as module:
        site.write("stderr.wasm", module.read())
    site.write("clock.wasm", plugin_wat.assemble("""(module
        (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
        (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "_start")
          (drop (call $clock (i32.const 0) (i64.const 0) (i32.const 0)))
          (if (i32.eqz (call $random (i32.const 8) (i32.const 8))) (then unreachable))
          (if (i32.eqz (call $prestat (i32.const 3) (i32.const 8))) (then unreachable))
          ;; 2000-01-01, not today
          (if (i64.ne (i64.div_u (i64.load (i32.const 0)) (i64.const 86400000000000)) (i64.const 10957))
            (then (loop (br 0))))
          (memory.grow (i32.const 0)) drop
          (i32.store (i32.const 0) (i32.const 100)) unreachable))"""))
    site.htaccess("WasmServeHandler ./stderr.wasm", "log/")
    site.write("log/stderr.wasm", open(guest("stderr"), "rb").read())
    site.htaccess("WasmServeHandler ./clock.wasm")
    mark = server.log_mark()
    assert site.get("log/?two-lines").status == 200
    server.wait_log(r"wasmserve:error.*plugin \S+/grants/log/stderr\.wasm@\w{12}: ", mark)
    # It ended at its last instruction, not before: that is what all the answers were no for.
    refused(server, site, r"plugin \S+/grants/clock\.wasm \(sha256:\w{12}\): unreachable")
    server.expect_log(r"grants/clock\.wasm")


def test_interpreted_unless_native_is_allowed(server):
    """A compiler, where there is one, may be refused to customers; here both run."""
    for name in ("native", "interpreted"):
        site = Site(server, name)
        site.write("m.wasm", module_of(name))
        site.htaccess("WasmServeHandler ./m.wasm")
        assert site.get().body == name.encode()


def threads(server):
    """How many each child has."""
    with open("/proc/%d/task/%d/children" % (server.process.pid, server.process.pid), encoding="ascii") as listed:
        return {pid: len(os.listdir("/proc/%s/task" % pid)) for pid in listed.read().split()}


@pytest.mark.skipif(platform.machine() != "x86_64", reason="there is a compiler for x86-64 only")
@pytest.mark.parametrize("engine", ["compiler", pytest.param("auto", marks=pytest.mark.skipif(
    os.environ.get("MPM") == "prefork", reason="there is no thread that compiles"))])
def test_a_customers_module_is_compiled_by_one_thread(make_httpd, engine):
    """How long it may take is the time of that thread: helpers would not count. With `compiler` its request waits."""
    body = "(local.set 0 (i32.add (i32.mul (local.get 0) (local.get 0)) (i32.rotl (local.get 0) (i32.const 7))))" * 40
    functions = "".join("(func (param i32) (result i32) %s (local.get 0))" % body for _ in range(500))
    text = """(module (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1) (data (i32.const 16) "Content-Type: text/plain\\0a\\0alarge")
        (func (export "_start") (i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const 31))
            (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))) %s)"""
    large = plugin_wat.assemble(text % functions)
    server = make_httpd(config=CONFIG + "WasmServeEngine %s\nWasmServeTimeout 60s" % engine, log_level="debug",
                        setup=lambda h: h.write("named.wasm", module_of("the administrator's")))
    site = Site(server, "native")
    site.write("m.wasm", large)
    site.htaccess("WasmServeHandler ./m.wasm")
    most, answers = {}, []
    asking = threading.Thread(target=lambda: answers.append(site.get().body))
    if engine == "auto":
        server.wait_log(r"named\.wasm \(sha256:\w+\) runs compiled")
    asking.start()
    while asking.is_alive() or (engine == "auto" and "m.wasm (sha" not in server.log_text()):
        for pid, count in threads(server).items():
            most[pid] = max(count, most.get(pid, 0))
        time.sleep(0.002)
    assert answers == [b"large"]
    # Those that httpd starts stay.
    assert {pid: count for pid, count in threads(server).items() if most.get(pid, 0) > count} == {}


@pytest.mark.skipif(platform.machine() != "x86_64", reason="there is a compiler for x86-64 only")
def test_a_customers_request_does_not_wait_for_who_compiles_the_same(make_httpd):
    """Another process has the lock of the code cache, for as long as the test runs."""
    server = make_httpd(config=CONFIG + "WasmServeEngine compiler\nWasmServeCodeCache cache",
                        setup=lambda h: (h.write("named.wasm", module_of("the administrator's")),
                                         h.make_private("cache")))
    site = Site(server, "native")
    site.write("m.wasm", module_of("at once"))
    site.htaccess("WasmServeHandler ./m.wasm")
    path, cache = server.path("cache/.lock"), os.stat(server.path("cache"))
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if os.getuid() == 0:
            os.chown(path, cache.st_uid, cache.st_gid)
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        kept = set(os.listdir(server.path("cache")))
        assert site.get().body == b"at once"
        # Compiled for itself, and kept: nobody was in the way but the lock.
        assert len(set(os.listdir(server.path("cache"))) - kept) == 1
    finally:
        os.close(fd)


def test_limits_are_lowered_by_their_owner_and_never_raised(server, guest):
    site = Site(server, "limits")
    with open(guest("sleep"), "rb") as module:
        sleep = module.read()
    for folder in ("lower", "raise"):
        site.write(folder + "/sleep.wasm", sleep)
    site.htaccess("WasmServeHandler ./sleep.wasm\nWasmServeTimeout 100ms", "lower/")
    site.htaccess("WasmServeHandler ./sleep.wasm\nWasmServeTimeout 60m", "raise/")
    server.expect_log(r"limits/\w+/sleep\.wasm \(sha256:\w+\): deadline exceeded")
    assert site.get("lower/?1500").status == 504
    assert site.get("raise/?6000").status == 504
    assert site.get("raise/?100").status == 200


def test_a_new_file_is_noticed(server):
    site = Site(server, "changing")
    site.htaccess("WasmServeHandler ./m.wasm")
    for turn in range(20):
        text = "number %d" % turn
        site.write("next", module_of(text))
        if turn % 2:
            os.rename(os.path.join(site.path, "next"), os.path.join(site.path, "m.wasm"))
        else:  # overwritten in place, the rude way
            site.write("m.wasm", module_of(text))
        for _ in range(4):
            assert site.get().body == text.encode()


def test_prepared_once(server, guest):
    """Many at once for a module that nobody has asked for yet: none is refused because another one is at it."""
    site = Site(server, "once")
    with open(guest("hello"), "rb") as module:
        site.write("m.wasm", module.read())
    site.htaccess("WasmServeHandler ./m.wasm")
    time.sleep(0.3)  # for the file to count as settled
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(site.get().status)) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 24
    made = re.findall(r"\[pid (\d+):.*prepared \S+/once/m\.wasm", server.log_text())
    assert made and len(made) == len(set(made)), "a child prepared it twice"


def test_figures_are_counted_for_the_owner(server):
    if os.getuid() != 0:
        pytest.skip("only root has files of several users")

    def figure(uid):
        users = json.loads(server.get("/status?json").body)["users"]
        return next((user["requests"] for user in users if user["uid"] == uid), 0)

    before = figure(BOB)
    alice = figure(ALICE)
    site = Site(server, "bob", BOB)
    site.write("m.wasm", module_of("bob's"))
    site.htaccess("WasmServeHandler ./m.wasm")
    for _ in range(3):
        assert site.get().body == b"bob's"
    assert (figure(BOB), figure(ALICE)) == (before + 3, alice)
    assert "WasmServeUser %d requests: %d\n" % (BOB, before + 3) in server.get("/status?auto").body.decode()
    assert 'wasmserve_user_requests_total{uid="%d"} %d\n' % (BOB, before + 3) in server.get(
        "/status?prometheus").body.decode()
    assert "by user %d" % BOB in server.get("/status").body.decode()


def test_concurrency_is_the_owners(server, guest):
    site = Site(server, "one", BOB)
    with open(guest("sleep"), "rb") as module:
        site.write("sleep.wasm", module.read())
    site.htaccess("WasmServeHandler ./sleep.wasm")
    got = []
    caller = threading.Thread(target=lambda: got.append(site.get("?3000").status))
    caller.start()
    server._wait(lambda: any(user["in_flight"] for user in json.loads(server.get("/status?json").body)["users"]),
                 "the call to be counted")
    answer = site.get("?1")
    assert (answer.status, answer.get("Retry-After")) == (503, "1")
    server.expect_log(r"one/sleep\.wasm \(sha256:\w+\): WasmServeConcurrency is reached")
    caller.join()
    assert got == [200]


def test_an_error_document_in_the_same_directory_is_served(server):
    """Its page is not answered by the module that failed, nor refused once more."""
    site = Site(server, "errors")
    site.write("page.html", b"the site's own page")
    site.htaccess("WasmServeHandler ./missing.wasm")
    mark = server.log_mark()
    answer = site.get("x")
    assert (answer.status, answer.body) == (500, b"the site's own page")
    assert server.log_since(mark).count("answered 500") == 1


def test_subrequests_have_it_too(server):
    site = Site(server, "include")
    site.write("part/m.wasm", module_of("included"))
    site.htaccess("WasmServeHandler ./m.wasm", "part/")
    site.htaccess("Options +Includes\nAddOutputFilter INCLUDES .shtml\nWasmServeHandler none")
    site.write("page.shtml", b'<!--#include virtual="part/x"-->, <!--#include virtual="part/y"-->')
    assert site.get("page.shtml").body == b"included, included"


# ---- the hostile customer ----------------------------------------------------------------------------------

def plain(site):
    site.write("good.wasm", module_of("good"))


def link_out(site):
    os.symlink("/etc/passwd", os.path.join(site.path, "m.wasm"))


def link_in(site):
    plain(site)
    os.symlink("good.wasm", os.path.join(site.path, "m.wasm"))
    site.give(os.path.join(site.path, "m.wasm"))


def link_to_a_neighbour(site):
    other = Site(site.server, "neighbour", BOB)
    other.write("theirs.wasm", module_of("theirs"))
    os.symlink(other.path, os.path.join(site.path, "dir"))
    site.give(os.path.join(site.path, "dir"))


def hard_link(site):
    other = Site(site.server, "neighbour", BOB)
    path = other.write("theirs.wasm", module_of("theirs"))
    os.link(path, os.path.join(site.path, "m.wasm"))


def another_users_file(site):
    site.give(site.write("m.wasm", module_of("theirs")), BOB)


def roots_file(site):
    site.give(site.write("m.wasm", module_of("root's")), 0)


def mode(bits):
    def make(site):
        site.write("m.wasm", module_of("x"), bits)
    return make


def a_pipe(site):
    os.mkfifo(os.path.join(site.path, "m.wasm"), 0o644)
    site.give(os.path.join(site.path, "m.wasm"))


def a_socket(site):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.join(site.path, "m.wasm"))
    site.give(os.path.join(site.path, "m.wasm"))


def a_device(site):
    try:
        os.mknod(os.path.join(site.path, "m.wasm"), 0o020644, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("this root may not make devices")
    site.give(os.path.join(site.path, "m.wasm"))


def a_directory(site):
    site.write("m.wasm/x", b"x")


def open_directory(site):
    site.write("m.wasm", module_of("x"))
    os.chmod(site.path, 0o777)


def open_directory_on_the_way(site):
    site.write("sub/m.wasm", module_of("x"))
    os.chmod(os.path.join(site.path, "sub"), 0o777)


def foreign_directory_on_the_way(site):
    site.write("sub/m.wasm", module_of("x"))
    site.give(os.path.join(site.path, "sub"), BOB)


def huge(site):
    path = site.write("m.wasm", b"\0asm\1\0\0\0")
    os.truncate(path, (16 << 20) + 1)


def content(data):
    def make(site):
        site.write("m.wasm", data() if callable(data) else data)
    return make


def greedy(site):
    """Small, and asks for far more memory than its size: types that refer to nothing but cost much."""
    site.write("m.wasm", b"\0asm\1\0\0\0\1\6\xff\xff\xff\xff\x0f\x60")


ROOT_ONLY = {"hard link to another's file", "another user's file", "root's file", "a device",
             "another's directory on the way"}

# What stands in the .htaccess, what is there, and what the log must say besides the file.
HOSTILE = {
    "absolute path": ("WasmServeHandler /etc/passwd", plain, "has an absolute path.*write ./NAME.wasm"),
    "the way up": ("WasmServeHandler ../neighbour/theirs.wasm", plain, r'has a path with \\?"\.\.\\?"'),
    "down and up": ("WasmServeHandler ./sub/../../neighbour/theirs.wasm", plain, r'has a path with \\?"\.\.\\?"'),
    "escaped": ("WasmServeHandler ./%2e%2e/neighbour/theirs.wasm", plain, "taken as they are written, without %-escapes"),
    "escaped slash": ("WasmServeHandler ./..%2fneighbour%2ftheirs.wasm", plain, "No such file"),
    "no ./": ("WasmServeHandler sub/m.wasm", plain, r"write \./ in front"),
    "no path at all": ("WasmServeHandler good.wasm", plain, r"no such plugin.*a file is named as \./good\.wasm"),
    "home of another": ("WasmServeHandler ~root/m.wasm", plain, r"write \./ in front"),
    "a zero byte": ("WasmServeHandler ./../neighbour/x\0/good.wasm", plain, r'has a path with \\?"\.\.\\?"|Invalid|NUL'),
    "a control character": ("WasmServeHandler ./a\x01b/m.wasm", plain, "control character"),
    "the directory itself": ("WasmServeHandler ./", plain, "names no file"),
    "a variable": ("WasmServeHandler ./%{REQUEST_URI}", plain, "No such file"),
    "very long": ("WasmServeHandler ./" + "a/" * 600 + "m.wasm", plain, "too long"),
    "missing": ("WasmServeHandler ./m.wasm", plain, "m.wasm: No such file"),
    "two words": ("WasmServeHandler ./good.wasm sha256:0", plain, "takes one name"),
    "a link out": ("WasmServeHandler ./m.wasm", link_out, "a symbolic link; put the file itself there"),
    "a link to one's own": ("WasmServeHandler ./m.wasm", link_in, "a symbolic link"),
    "a link on the way": ("WasmServeHandler ./dir/theirs.wasm", link_to_a_neighbour, "dir is a symbolic link"),
    "hard link to another's file": ("WasmServeHandler ./m.wasm", hard_link, "belongs to another user"),
    "another user's file": ("WasmServeHandler ./m.wasm", another_users_file, "belongs to another user.*chown it"),
    "root's file": ("WasmServeHandler ./m.wasm", roots_file, r"belongs to another user \(0\)"),
    "another's directory on the way": ("WasmServeHandler ./sub/m.wasm", foreign_directory_on_the_way,
                                       "sub belongs to another user"),
    "group may write": ("WasmServeHandler ./m.wasm", mode(0o664), "written to by its group.*chmod go-w"),
    "all may write": ("WasmServeHandler ./m.wasm", mode(0o666), "written to by everybody.*chmod go-w"),
    "setuid": ("WasmServeHandler ./m.wasm", mode(0o4755), "is setuid; chmod a-s"),
    "setgid": ("WasmServeHandler ./m.wasm", mode(0o2755), "is setgid; chmod a-s"),
    "a pipe": ("WasmServeHandler ./m.wasm", a_pipe, "m.wasm is a pipe"),
    "a socket": ("WasmServeHandler ./m.wasm", a_socket, "m.wasm is a socket"),
    "a device": ("WasmServeHandler ./m.wasm", a_device, "m.wasm is a device"),
    "a directory": ("WasmServeHandler ./m.wasm", a_directory, "m.wasm is a directory"),
    "an open directory": ("WasmServeHandler ./m.wasm", open_directory,
                          r"the directory of the \.htaccess can be written to by everybody"),
    "an open directory on the way": ("WasmServeHandler ./sub/m.wasm", open_directory_on_the_way,
                                     "sub can be written to by everybody"),
    "too large": ("WasmServeHandler ./m.wasm", huge, "more than 16777216 are not taken"),
    "empty": ("WasmServeHandler ./m.wasm", content(b""), "it is empty"),
    "no module": ("WasmServeHandler ./m.wasm", content(b"#!/bin/sh\n"), "magic header not detected.*a .wasm file"),
    "cut short": ("WasmServeHandler ./m.wasm", content(b"\0asm\1\0\0\0\1"), "damaged or cut short"),
    "invalid": ("WasmServeHandler ./m.wasm", content(lambda: plugin_wat.assemble(
        '(module (func (export "_start") (drop (i32.add (i64.const 1) (i32.const 2)))))', "--no-check")), "type mismatch"),
    "greedy": ("WasmServeHandler ./m.wasm", greedy, "cannot be used"),
    "unknown import": ("WasmServeHandler ./m.wasm", content(lambda: plugin_wat.assemble(
        '(module (import "env" "system" (func)) (func (export "_start")))')), 'imports .?"env'),
    "a library": ("WasmServeHandler ./m.wasm", content(lambda: plugin_wat.assemble("(module)")), "cannot be a plugin"),
    "memory beyond the limit": ("WasmServeHandler ./m.wasm", content(lambda: plugin_wat.assemble(
        '(module (memory 65536) (func (export "_start")))')), "memory limit exceeded"),
    "defines a plugin": ("<WasmServePlugin x>\nWasmServeModule good.wasm\n</WasmServePlugin>", plain, "not allowed here"),
    "a module without a plugin": ("WasmServeModule good.wasm", plain, "WasmServeModule.*(not allowed here|belongs inside)"),
    "grants": ("WasmServeHandler ./good.wasm\nWasmServeGrant dir:/:/:rw", plain, "WasmServeGrant.*(not allowed here|belongs inside)"),
    "config of others": ("WasmServeConfig @/etc/passwd", plain, "WasmServeConfig"),
    "allows itself": ("WasmServeUserPlugins On native", plain, "WasmServeUserPlugins not allowed here"),
    "fails open": ("WasmServeHandler ./good.wasm\nWasmServeOnError open", plain, "WasmServeOnError not allowed here"),
    "another engine": ("WasmServeEngine compiler", plain, "WasmServeEngine not allowed here"),
    "versions": ("WasmServePluginDir .", plain, "WasmServePluginDir not allowed here"),
    "memory of the child": ("WasmServeMemoryTotal Off", plain, "WasmServeMemoryTotal"),
    "raises memory beyond all": ("WasmServeHandler ./good.wasm\nWasmServeMemory 8G", plain, "out of range"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(server, name):
    text, make, why = HOSTILE[name]
    if name in ROOT_ONLY and os.getuid() != 0:
        pytest.skip("only root has files of several users")
    folder = "hostile-" + re.sub(r"\W", "-", name)
    site = Site(server, folder)
    site.htaccess(text)
    make(site)
    status = 503 if name == "memory beyond the limit" else 500
    if status == 503:
        server.expect_log(re.escape(folder) + r"/m\.wasm \(sha256:\w+\): memory limit exceeded")
    line = refused(server, site, why, status)
    if not text.startswith("WasmServeHandler good"):
        assert folder in line or "not allowed here" in line or "Invalid command" in line, line
    # Again, from what is remembered of it: the same.
    refused(server, site, why, status)
    neighbour = Site(server, "quiet", BOB)
    neighbour.write("m.wasm", module_of("quiet"))
    neighbour.htaccess("WasmServeHandler ./m.wasm")
    assert neighbour.get().body == b"quiet"


def leb(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def section(number, content):
    return bytes([number]) + leb(len(content)) + content


def test_a_module_that_is_slow_to_prepare_does_not_keep_a_thread(server):
    """2 MB that declare 3,000,000,000 local variables: valid, and more than ten seconds of work. It is given up, and
    remembered; other customers have their answers meanwhile, and so has this one for what is prepared."""
    count = 60000
    body = b"\1" + leb(50000) + b"\x7f" + b"\x20\0\x1a" * 5 + b"\x0b"
    module = (b"\0asm\1\0\0\0" + section(1, b"\1\x60\0\0") + section(3, leb(count) + b"\0" * count) +
              section(7, b"\1\6_start\0\0") + section(10, leb(count) + (leb(len(body)) + body) * count))
    site = Site(server, "slow")
    site.write("m.wasm", module_of("quick"))
    site.write("slow/m.wasm", module)
    site.write("next/m.wasm", module_of("next"))
    site.htaccess("WasmServeHandler ./m.wasm")
    for folder in ("slow/", "next/"):
        site.htaccess("WasmServeHandler ./m.wasm", folder)
    assert site.get().body == b"quick"
    time.sleep(0.3)  # for the file to count as settled
    got = []
    caller = threading.Thread(target=lambda: got.append(site.get("slow/").status))
    caller.start()
    time.sleep(0.5)
    if os.environ.get("MPM") != "prefork" and not got:  # it is at work, in the only child that there is
        assert site.get().body == b"quick"
        busy = site.get("next/")
        assert busy.status == 503 and busy.get("Retry-After") == "1"
    caller.join()
    assert got == [500]
    assert site.get("next/").body == b"next"
    line = refused(server, site, "slow/m.wasm cannot be used: interrupted: preparing the module takes too long", 500, "slow/")
    assert "have the administrator define a plugin" in line


def test_there_are_enough_of_them():
    assert len(HOSTILE) >= 25


def test_where_it_is_off(server):
    site = Site(server, "off")
    site.write("m.wasm", module_of("x"))
    site.htaccess("WasmServeHandler ./m.wasm")
    refused(server, site, "WasmServeUserPlugins is Off here; the administrator can switch it on")


def test_without_fileinfo_nothing_can_be_named(server):
    site = Site(server, "nofileinfo")
    site.write("m.wasm", module_of("x"))
    site.htaccess("WasmServeHandler ./m.wasm")
    refused(server, site, "WasmServeHandler not allowed here")


def test_replaced_while_requests_run(server, guest):
    """Renamed over, overwritten, removed and made a link, all the time: an answer is of a whole module or refused."""
    site = Site(server, "replaced")
    site.htaccess("WasmServeHandler ./m.wasm")
    good = [module_of("first"), module_of("second")]
    site.write("m.wasm", good[0])
    done = threading.Event()
    seen, wrong = set(), []

    def ask():
        while not done.is_set():
            answer = site.get()
            seen.add((answer.status, answer.body if answer.status == 200 else b""))
            if answer.status == 200 and answer.body not in (b"first", b"second"):
                wrong.append(answer)

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    path = os.path.join(site.path, "m.wasm")
    for turn in range(150):
        site.write("next", good[turn % 2])
        os.rename(os.path.join(site.path, "next"), path)
        if turn % 5 == 0:
            with open(path, "r+b") as out:  # half of one over the other
                out.write(good[(turn + 1) % 2][:60])
        if turn % 7 == 0:
            os.unlink(path)
            os.symlink("/etc/passwd", path)
        time.sleep(0.005)
    site.write("next", good[0])
    os.rename(os.path.join(site.path, "next"), path)
    done.set()
    for thread in threads:
        thread.join()
    server.expect_log(r"replaced/m\.wasm", optional=True)
    assert not wrong and {(200, b"first"), (200, b"second")} <= seen
    assert {status for status, _ in seen} <= {200, 500, 503}
    assert site.get().body == b"first"


def test_many_modules_of_one_owner_do_not_push_others_out(server):
    """Two hundred modules of one customer; the child stays small, and both customers have their answers."""
    site, other = Site(server, "many"), Site(server, "other", BOB)
    other.write("m.wasm", module_of("other"))
    other.htaccess("WasmServeHandler ./m.wasm")
    for number in range(200):
        site.write("d%d/m.wasm" % number, module_of("number %d" % number))
        site.htaccess("WasmServeHandler ./m.wasm", "d%d/" % number)
    for turn in range(2):
        for number in range(200):
            assert site.get("d%d/" % number).body == b"number %d" % number
            if number % 20 == 0:
                assert other.get().body == b"other"


WRONG = {
    "a path in the server's configuration": ('<Directory "/x">\nWasmServeHandler ./hello.wasm\n</Directory>',
                                             ["is a path, which only an .htaccess may name", "<WasmServePlugin NAME>"]),
    "one word too many": ("WasmServeUserPlugins On nativ", ["takes Off, On, or On native"]),
    "off with a word": ("WasmServeUserPlugins Off native", ["takes Off, On, or On native"]),
    "another word": ("WasmServeUserPlugins Yes", ["takes Off, On, or On native"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_configtest(make_httpd, name):
    config, wanted = WRONG[name]
    code, said = make_httpd(config=config, start=False).configtest()
    assert code != 0
    for text in wanted:
        assert text in said, said


def test_a_server_without_plugins_of_its_own(make_httpd):
    """The watchdog and the figures are there as well."""
    server = make_httpd(config='<Directory "${docroot}">\nWasmServeUserPlugins On\n</Directory>\n')
    site = Site(server, "alice")
    site.write("loop.wasm", plugin_wat.assemble('(module (func (export "_start") (loop (br 0))))'))
    site.htaccess("WasmServeHandler ./loop.wasm\nWasmServeTimeout 100ms")
    server.expect_log("loop.wasm .*deadline exceeded")
    assert site.get().status == 504
    server.graceful()
    assert site.get().status == 504
