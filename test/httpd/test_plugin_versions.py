# SPDX-License-Identifier: Apache-2.0
"""WasmServePluginDir: a switch reaches every child without a restart, and no request is lost or mixed; what cannot be
used never gets in; what somebody else could have written is not believed."""
import hashlib
import json
import os
import re
import signal
import subprocess
import threading
import time

import pytest

import env
import plugin_wat

# Under a sanitizer everything takes several times as long, and is said once as well as ten times.
SWITCHES = 1000 if env.sanitizer() == "" and os.environ.get("MPM", "event") == "event" else 150
CLIENTS = 4


def with_section(module, version):
    """The module with a custom section "version"; without one, for None."""
    if version is None:
        return module
    section = bytes([7]) + b"version" + version.encode()
    return module + bytes([0, len(section)]) + section


def module_of(version, extra=b""):
    """A guest that says which version it is, in a header and in its body."""
    text = b"Content-Type: text/plain\nX-Version: %s\n\n%s" % (version.encode(), version.encode())
    return with_section(plugin_wat.says(text), version) + extra


def digest(module):
    return hashlib.sha256(module).hexdigest()


class Versions:
    """The tool on one server's directory."""

    def __init__(self, server):
        self.server = server
        self.folder = server.path("kept")
        self.modules = {}

    def tool(self, *args):
        return subprocess.run([env.TOOL, "plugin", "-d", self.folder, *args], capture_output=True, text=True)

    def add(self, version, module=None, name="hello"):
        self.modules[version] = module or module_of(version)
        path = self.server.write("candidates/%s.wasm" % version, self.modules[version])
        done = self.tool("add", name, path)
        assert done.returncode == 0, done.stderr

    def activate(self, version, name="hello"):
        done = self.tool("activate", name, version)
        assert done.returncode == 0, done.stderr

    def rollback(self, name="hello"):
        done = self.tool("rollback", name)
        assert done.returncode == 0, done.stderr

    def write_active(self, module, name="hello"):
        """What the tool would never do: makes this module the active version as it is."""
        path = os.path.join(self.folder, "modules", digest(module) + ".wasm")
        if not os.path.exists(path):
            with open(path, "wb") as out:
                out.write(module)
        text = ("wasmserve-versions 1\nplugin %s\nactive %s\nversion %s - cgi 1 2026-01-01T00:00:00Z called\nend\n"
                % (name, digest(module), digest(module)))
        record = os.path.join(self.folder, "plugins", name)
        with open(record + ".x", "w", encoding="ascii") as out:
            out.write(text)
        os.rename(record + ".x", record)


CONFIG = """
WasmServePluginDir kept
WasmServeTimeout 30s
<WasmServePlugin hello>
    WasmServeMemory 4M
    WasmServeGrant log
</WasmServePlugin>
<Location "/hello">
    WasmServeHandler hello
</Location>
<Location "/status">
    SetHandler wasmserve-status
</Location>
LogFormat "%{X-Id}i %{wasmserve-plugin}n %{wasmserve-version}n %{wasmserve-outcome}n %>s" versions
CustomLog logs/access_log versions
"""

TUNING = {"prefork": "StartServers 4\nMinSpareServers 4\nMaxSpareServers 8\nServerLimit 32\nMaxRequestWorkers 32"}


def make(make_httpd, config=CONFIG, first="1.0", **keywords):
    def setup(server):
        server.versions = Versions(server)
        if first is not None:
            server.versions.add(first)
            server.versions.activate(first)

    return make_httpd(config=config, setup=setup, mpm_config=TUNING.get(
        os.environ.get("MPM", "event"),
        "StartServers 2\nServerLimit 16\nThreadsPerChild 8\nThreadLimit 8\nMinSpareThreads 8\nMaxSpareThreads 32\n"
        "MaxRequestWorkers 128"), **keywords)


@pytest.fixture
def server(make_httpd):
    made = make(make_httpd)
    yield made
    made.stop()


def figures(server, name="hello"):
    state = json.loads(server.get("/status?json").body)
    return next(plugin for plugin in state["plugins"] if plugin["name"] == name)


def answers(server, version, patience=env.PATIENCE, times=30):
    """Waits until so many answers in a row, each from a connection of its own, are this version's."""
    row = 0
    until = time.monotonic() + patience
    while row < times:
        assert time.monotonic() < until, "version %s does not answer" % version
        answer = server.get("/hello")
        assert answer.status == 200
        assert answer.body.decode() == answer.get("X-Version") or "X-Version" not in answer
        row = row + 1 if answer.body.decode() == version else 0


# ---- switching ---------------------------------------------------------------------------------------------


def test_a_switch_and_the_way_back(server):
    answers(server, "1.0")
    server.versions.add("1.1")
    server.versions.activate("1.1")
    answers(server, "1.1")
    server.versions.rollback()
    answers(server, "1.0")
    figure = figures(server)
    assert (figure["version"], figure["sha256"]) == ("1.0", digest(server.versions.modules["1.0"]))
    # Each child that answered took both.
    assert figure["switches"] >= 2 and figure["switches_failed"] == 0
    assert figure["requests"] >= 90, "all versions are one plugin's"


def test_who_answered_is_said_everywhere(server):
    shown = digest(server.versions.modules["1.0"])
    server.request("GET", "/hello", [("X-Id", "one")])
    server._wait(lambda: "one " in server_log(server), "the access log")
    assert "one hello@%s 1.0 ok 200\n" % shown[:12] in server_log(server)
    page = server.get("/status").body.decode()
    assert '<th scope="row">Version</th><td>1.0</td>' in page and shown in page
    auto = server.get("/status?auto").body.decode()
    assert "WasmServePlugin hello version: 1.0\n" in auto and "WasmServePlugin hello digest: %s\n" % shown in auto
    metrics = server.get("/status?prometheus").body.decode()
    assert 'wasmserve_plugin_info{plugin="hello",server="",version="1.0",digest="%s"} 1\n' % shown in metrics
    # And in the log of what goes wrong. (A guest that fails is not what the tool would take.)
    broken = with_section(plugin_wat.assemble('(module (memory 1) (func (export "_start") unreachable))'), "bad")
    mark = server.log_mark()
    server.versions.write_active(broken)
    server._wait(lambda: server.get("/hello").status == 500, "the broken version")
    server.wait_log(r"plugin hello \(sha256:%s\): unreachable" % digest(broken)[:12], mark)


def server_log(server):
    with open(server.path("logs/access_log"), encoding="utf-8") as log:
        return log.read()


def test_a_request_ends_on_the_version_that_it_began_with(server, guest):
    with open(guest("slow_writer"), "rb") as module:
        slow = with_section(module.read(), "slow")
    server.versions.add("slow", slow)
    server.versions.activate("slow")
    server._wait(lambda: figures(server)["version"] == "slow", "the slow version")
    server._wait(lambda: server.get("/hello?1").get("X-Version") is None, "the slow version")
    got = []
    caller = threading.Thread(target=lambda: got.append(server.request("GET", "/hello?50", [("X-Id", "slow")])))
    caller.start()
    server._wait(lambda: figures(server)["in_flight"] >= 1, "the slow request to be begun")
    server.versions.activate("1.0")
    answers(server, "1.0")
    assert figures(server)["in_flight"] >= 1, "the slow request is still there"
    caller.join()
    assert got[0].status == 200 and got[0].body
    server._wait(lambda: "\nslow " in server_log(server), "the access log")
    assert re.search(r"^slow hello@%s slow ok 200$" % digest(slow)[:12], server_log(server), re.M)


def children(server):
    with open("/proc/%d/task/%d/children" % (server.process.pid, server.process.pid), encoding="ascii") as listed:
        return [int(pid) for pid in listed.read().split()]


def test_a_child_that_comes_later_begins_with_what_is_active(server):
    server.versions.add("1.1")
    server.versions.activate("1.1")
    answers(server, "1.1")
    old = children(server)
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    server.expect_log(r"exit signal Killed", optional=True)
    server._wait(lambda: not set(old) & set(children(server)), "the old children to be gone")
    # From the first answer on: 1.0 is what the new ones were forked with.
    for _ in range(60):
        try:
            answer = server.get("/hello")
        except (OSError, env.ProtocolError, AssertionError):
            continue  # a connection that died with its child
        assert answer.body == b"1.1"


def test_a_restart_begins_with_what_is_active(server):
    server.versions.add("1.1")
    server.versions.activate("1.1")
    answers(server, "1.1")
    server.graceful()
    for _ in range(30):
        assert server.get("/hello").body == b"1.1"
    server.versions.rollback()
    answers(server, "1.0")


def filter_of(version):
    """An http-wasm guest that puts its version into the response, and counts what one instance has served."""
    text = version.encode()
    return with_section(plugin_wat.assemble("""(module
        (import "http_handler" "set_header_value" (func $set (param i32 i32 i32 i32 i32)))
        (memory (export "memory") 1)
        (global $served (mut i32) (i32.const 0))
        (data (i32.const 0) "X-Filter") (data (i32.const 16) %s) (data (i32.const 32) "X-Served")
        (func (export "handle_request") (result i64)
          (global.set $served (i32.add (global.get $served) (i32.const 1)))
          (i32.store8 (i32.const 48) (i32.add (i32.const 48) (i32.rem_u (global.get $served) (i32.const 10))))
          (call $set (i32.const 1) (i32.const 0) (i32.const 8) (i32.const 16) (i32.const %d))
          (call $set (i32.const 1) (i32.const 32) (i32.const 8) (i32.const 48) (i32.const 1))
          (i64.const 1))
        (func (export "handle_response") (param i32 i32)))""" % (plugin_wat.quoted(text), len(text))), version)


def test_filters_and_the_instances_that_they_keep(make_httpd):
    """With WasmServeReuse an instance waits for its next request: not beyond the version that it is of."""
    def setup(server):
        server.versions = Versions(server)
        for version in ("1.0", "1.1"):
            server.versions.add(version, filter_of(version), "tag")
        server.versions.activate("1.0", "tag")
        server.write("docroot/file.txt", b"a file")

    server = make_httpd(config="WasmServePluginDir kept\n<WasmServePlugin tag>\nWasmServeReuse 1000\n</WasmServePlugin>\n"
                        "WasmServeFilter tag\n", setup=setup)

    def tags(version):
        """Sixty answers, of which the last thirty are this version's."""
        seen = [server.get("/file.txt") for _ in range(60)]
        assert all(answer.status == 200 and answer.body == b"a file" for answer in seen)
        return {answer.get("X-Filter") for answer in seen[30:]} == {version}, {a.get("X-Served") for a in seen}

    assert tags("1.0")[0] and len(tags("1.0")[1]) > 1, "instances are used again"
    for version in ("1.1", "1.0", "1.1"):
        server.versions.activate(version, "tag")
        server._wait(lambda: tags(version)[0], "version %s everywhere" % version)


# ---- under load --------------------------------------------------------------------------------------------


class Client(threading.Thread):
    """Asks without end; every answer must be whole and from one version."""

    def __init__(self, server, number):
        super().__init__(daemon=True)
        self.server, self.number = server, number
        self.done = threading.Event()
        self.seen, self.failed = {}, []

    def ask(self, turn):
        name = "%d-%d" % (self.number, turn)
        answer = self.server.request("GET", "/hello", [("X-Id", name)])
        assert answer.status == 200, answer
        assert answer.body.decode() == answer.get("X-Version"), answer
        self.seen[name] = answer.body.decode()

    def run(self):
        turn = 0
        while not self.done.is_set() and len(self.failed) < 20:
            turn += 1
            try:
                self.ask(turn)
            except Exception as error:  # whatever it is, it is a lost request
                self.failed.append(repr(error))


def resident(pid):
    with open("/proc/%d/status" % pid, encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+) kB", status.read()).group(1))


def test_activations_and_rollbacks_lose_and_mix_no_request(server):
    server.versions.add("1.1")
    clients = [Client(server, number) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        for turn in range(SWITCHES):
            if turn % 2 == 0:
                server.versions.activate("1.1")
            else:
                server.versions.rollback()
            if turn in (SWITCHES // 3, SWITCHES // 2):
                server.graceful()
            assert not any(client.failed for client in clients), [client.failed for client in clients]
    finally:
        for client in clients:
            client.done.set()
        for client in clients:
            client.join(env.PATIENCE)
    seen = {}
    for client in clients:
        assert not client.failed
        seen.update(client.seen)
    assert set(seen.values()) == {"1.0", "1.1"}
    assert figures(server)["switches"] > SWITCHES // 50 and figures(server)["switches_failed"] == 0
    answers(server, "1.0")

    # The log says of every request which version answered, and is right.
    named = {}
    server._wait(lambda: server_log(server).count("\n") >= len(seen), "the access log")
    for line in server_log(server).splitlines():
        name, plugin, version, outcome, status = line.split()
        if name != "-":
            assert name not in named
            named[name] = version
            assert (plugin, outcome, status) == ("hello@" + digest(server.versions.modules[version])[:12], "ok", "200")
    assert named == seen


def test_memory_does_not_grow_with_switches(make_httpd, guest):
    """Each version here takes more than 100 KiB when it is prepared: 150 of them that stay would be seen."""
    server = make(make_httpd, config=CONFIG.replace("WasmServePluginDir",
                                                    "MaxConnectionsPerChild 0\nWasmServePluginDir"))
    with open(guest("hello"), "rb") as module:
        hello = module.read()
    for number in range(2):
        server.versions.add("big%d" % number, with_section(hello, "big%d" % number))
    caller = threading.Event()

    def call():  # under prefork it is requests that notice
        while not caller.is_set():
            server.get("/hello")
            time.sleep(0.002)

    threads = [threading.Thread(target=call, daemon=True) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()

    def switch(times):
        """Each time, until some child has taken it."""
        for turn in range(times):
            version = "big%d" % (turn % 2)
            server.versions.activate(version)
            server._wait(lambda: figures(server)["version"] == version, "a child to take it")

    switch(20)
    begun = figures(server)["switches"]
    sizes = {pid: resident(pid) for pid in children(server)}
    switch(150)
    after = {pid: resident(pid) for pid in children(server)}
    assert figures(server)["switches"] >= begun + 150
    caller.set()
    for thread in threads:
        thread.join()
    same = set(sizes) & set(after)
    assert same
    if env.sanitizer() != "":
        return  # its quarantine keeps what is freed
    for pid in same:
        assert after[pid] - sizes[pid] < 8 << 10, "child %d grew from %d to %d KiB" % (pid, sizes[pid], after[pid])


# ---- what must not get in ----------------------------------------------------------------------------------

BROKEN = {
    "no module": (b"#!/bin/sh\n", r"magic header not detected"),
    "cut short": (b"\0asm\1\0\0\0\1", r"cannot be used: "),
    "no abi": (lambda: plugin_wat.assemble("(module)"), r"cannot be a plugin"),
    "unknown import": (lambda: plugin_wat.assemble('(module (import "env" "f" (func)) (func (export "_start")))'),
                       r'imports "env" "f"'),
    "too much memory": (lambda: plugin_wat.assemble('(module (memory 65) (func (export "_start")))'),
                        r"begins with 4259840 bytes of memory, and WasmServeMemory allows 4194304"),
}


@pytest.fixture(scope="module")
def steady(make_httpd):
    return make(make_httpd)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_version_does_not_replace_a_good_one(steady, name):
    module, why = BROKEN[name]
    module = module if isinstance(module, bytes) else module()
    mark = steady.log_mark()
    record = os.path.join(steady.versions.folder, "plugins", "hello")
    with open(record, "rb") as good:
        before = good.read()
    steady.versions.write_active(module)

    def said():
        assert steady.get("/hello").body == b"1.0"
        return re.search(r"wasmserve:error.*plugin hello: its active version cannot be used: .*%s.*; going on with "
                         r"hello 1\.0 \(sha256:\w{12}\)" % why, steady.log_since(mark))

    steady._wait(said, "the complaint")
    steady.expect_log("plugin hello: its active version cannot be used: ", optional=True)
    assert figures(steady)["switches_failed"] >= 1
    with open(record + ".x", "wb") as out:
        out.write(before)
    os.rename(record + ".x", record)
    answers(steady, "1.0")


def spoil(path, how):
    if how == "group":
        os.chmod(path, os.stat(path).st_mode | 0o020)
    elif how == "others":
        os.chmod(path, os.stat(path).st_mode | 0o002)
    elif how == "owner":
        os.chown(path, 65534, -1)
    elif how == "link":
        os.rename(path, path + "-aside")
        os.symlink(path + "-aside", path)


# The directory itself may be a link, and whose it is is the administrator's word.
@pytest.mark.parametrize("part,how", [(part, how) for part in ("record", "module", "plugins", "modules")
                                      for how in ("group", "others", "owner", "link")] + [("", "group"), ("", "others")])
def test_what_somebody_else_could_have_written_is_not_taken(make_httpd, tmp_path, part, how):
    """At configtest; a running child asks the same functions."""
    if how == "owner" and os.getuid() != 0:
        pytest.skip("only root can give files away")
    server = make(make_httpd, start=False)
    folder = server.versions.folder
    spoil({"record": folder + "/plugins/hello", "": folder,
           "module": "%s/modules/%s.wasm" % (folder, digest(server.versions.modules["1.0"]))}
          .get(part, "%s/%s" % (folder, part)), how)
    code, said = server.configtest()
    assert code != 0 and re.search(r"test\.conf:\d+: plugin hello: .*kept", said), said
    assert re.search("symbolic link" if how == "link" else "could have been written by somebody else.*chown and chmod",
                     said), said


def test_a_directory_of_the_servers_own_user_is_refused(make_httpd):
    if os.getuid() != 0:
        pytest.skip("then the server's user is this one, and there is no other")
    server = make(make_httpd, start=False)
    user = env._server_user()
    for folder, folders, files in os.walk(server.versions.folder):
        for name in [folder] + [os.path.join(folder, file) for file in files]:
            os.chown(name, user.pw_uid, user.pw_gid)
    code, said = server.configtest()
    assert code != 0 and "belongs to the user that the server runs as" in said, said


def test_a_running_child_does_not_take_it_either(steady):
    server = steady
    server.versions.add("1.2")
    record = os.path.join(server.versions.folder, "plugins", "hello")
    os.chmod(os.path.join(server.versions.folder, "plugins"), 0o777)
    mark = server.log_mark()
    with open(record, encoding="ascii") as old:
        text = old.read()
    with open(record, "w", encoding="ascii") as new:
        new.write(text.replace("active " + digest(server.versions.modules["1.0"]),
                               "active " + digest(module_of("1.2"))))

    def said():
        assert server.get("/hello").body == b"1.0"
        return re.search("cannot be used: .*could have been written by somebody else", server.log_since(mark))

    server._wait(said, "the complaint")
    os.chmod(os.path.join(server.versions.folder, "plugins"), 0o755)
    with open(record, "w", encoding="ascii") as new:
        new.write(text)
    answers(server, "1.0")


def test_a_damaged_record_and_a_lost_module(steady):
    record = os.path.join(steady.versions.folder, "plugins", "hello")
    with open(record, encoding="ascii") as old:
        text = old.read()
    for wrong, why in ((text[:len(text) // 2], "the record of the plugin hello, line"), ("", "line 1"),
                       (text.replace(digest(steady.versions.modules["1.0"]), "0" * 64), "No such file")):
        mark = steady.log_mark()
        with open(record + ".x", "w", encoding="ascii") as new:
            new.write(wrong)
        os.rename(record + ".x", record)

        def said():
            assert steady.get("/hello").body == b"1.0"
            return re.search("going on with hello 1.0", steady.log_since(mark)) and why in steady.log_since(mark)

        steady._wait(said, "the complaint about " + why)
    with open(record, "w", encoding="ascii") as new:
        new.write(text)
    answers(steady, "1.0")


# ---- where a plugin's module is from -----------------------------------------------------------------------

HERE = "<WasmServePlugin hello>\nWasmServeModule first.wasm%s\n</WasmServePlugin>\n"


def test_a_module_of_the_configuration_is_the_first_version(make_httpd):
    def setup(server):
        server.versions = Versions(server)
        server.write("first.wasm", module_of("0.9"))
        os.mkdir(server.path("kept"), 0o755)

    config = ("WasmServePluginDir kept\n" + HERE % "" +
              '<Location "/hello">\nWasmServeHandler hello\n</Location>\n'
              '<Location "/status">\nSetHandler wasmserve-status\n</Location>\n')
    server = make_httpd(config=config, setup=setup)
    answers(server, "0.9")
    server.versions.add("1.0")
    answers(server, "0.9")
    server.versions.activate("1.0")
    answers(server, "1.0")
    mark = server.log_mark()
    server.graceful()
    assert server.get("/hello").body == b"1.0"
    assert "WasmServeModule is not used" in server.log_since(mark)
    # A pin is a promise that no other tool overrules.
    server.graceful(config.replace("first.wasm", "first.wasm sha256:" + digest(module_of("0.9"))))
    answers(server, "0.9")
    server.versions.add("1.1")
    server.versions.activate("1.1")
    time.sleep(1)
    answers(server, "0.9")


WRONG = {
    "no such directory": ("WasmServePluginDir none/here\n", ["WasmServePluginDir", "not accessible", "create it"]),
    "a file": ("WasmServePluginDir first.wasm\n", ["not a directory"]),
    "two words": ("WasmServePluginDir a b\n", ["takes one directory"]),
    "in a directory": ('<Directory "/x">\nWasmServePluginDir kept\n</Directory>\n', ["not allowed"]),
    "nothing added": ("WasmServePluginDir kept\n<WasmServePlugin other>\n</WasmServePlugin>\n",
                      ["plugin other: there is no WasmServeModule", "no version of the plugin other",
                       "wasmserve plugin -d .*kept add other"]),
    "nothing active": ("WasmServePluginDir kept\n<WasmServePlugin added>\n</WasmServePlugin>\n",
                       ["plugin added: there is no WasmServeModule", "no version of the plugin added is active",
                        "activate added VERSION"]),
    "a name that cannot be": ("WasmServePluginDir kept\n<WasmServePlugin .x>\n</WasmServePlugin>\n",
                              ["begins with '.'"]),
    "none": ("WasmServePluginDir none\n<WasmServePlugin hello>\n</WasmServePlugin>\n", ["no WasmServeModule"]),
}


@pytest.fixture(scope="module")
def tested(make_httpd):
    server = make(make_httpd, config="", start=False)
    server.write("first.wasm", module_of("0.9"))
    server.versions.add("1.0", name="added")
    return server


@pytest.mark.parametrize("name", WRONG)
def test_configtest(tested, name):
    config, wanted = WRONG[name]
    code, said = tested.configtest(config)
    assert code != 0, said
    for text in wanted:
        assert re.search(text, said), "no %r in:\n%s" % (text, said)


def test_a_virtual_host_can_have_its_own(tested):
    config = ('WasmServePluginDir kept\n<VirtualHost *:1>\nWasmServePluginDir none\n%s</VirtualHost>\n'
              '<VirtualHost *:2>\n<WasmServePlugin hello>\n</WasmServePlugin>\n</VirtualHost>\n' % (HERE % ""))
    code, said = tested.configtest(config)
    assert code == 0, said
