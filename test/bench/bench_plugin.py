# SPDX-License-Identifier: Apache-2.0
"""Plugin: what a request costs that a program answers or looks at, in the sandbox and beside it.

Answered: the same fourteen bytes by a guest of this module (a fresh instance for every request), mod_lua, mod_cgid (the
same C source, compiled for this machine), and a file. Answered in front: by a filter, and by mod_lua's quick handler.
Looked at: the file, through a filter that does nothing, and through a hook of mod_lua's that does nothing. Answered by Go:
a program, whose runtime starts anew for each request, and a filter that begins initialized; what the program costs beyond
the same one in C is Go's own. Throughput is measured with 16 connections, latency with one, which shows what a single
request costs when nobody waits in line.
"""
import os
import sys

import measure
from measure import Contender, Missing, env

BODY = b"Hello, world!\n"
ROUNDS = 5

SANDBOX = """
<WasmServePlugin answer>
    WasmServeModule plugins/answer.wasm
</WasmServePlugin>
<Location "/answer">
    WasmServeHandler answer
</Location>
"""

LUA = """
<Files "answer.lua">
    SetHandler lua-script
</Files>
"""

LUA_SCRIPT = """
function handle(r)
    r.content_type = "text/plain"
    r:puts("Hello, world!\\n")
    return apache2.OK
end
"""

CGID = """
ScriptSock "${root}/run/cgisock"
ScriptAlias "/cgi-bin/" "${root}/cgi-bin/"
<Directory "${root}/cgi-bin">
    Require all granted
</Directory>
"""


FILTER = """
<WasmServePlugin filter>
    WasmServeModule plugins/filter.wasm
    WasmServeReuse %s
</WasmServePlugin>
WasmServeFilter filter
"""

# In the phases in which filters have their turn, before and behind.
LUA_HOOKS = """
LuaHookTranslateName "${root}/hooks.lua" look
LuaHookLog "${root}/hooks.lua" look
"""

LUA_LOOK = """
require "apache2"
function look(r)
    return apache2.DECLINED
end
"""

LUA_QUICK = """
LuaQuickHandler "${root}/hooks.lua" answer
"""

LUA_ANSWER = """
require "apache2"
function answer(r)
    r.content_type = "text/plain"
    r:puts("Hello, world!\\n")
    return apache2.OK
end
"""


def read(path):
    with open(path, "rb") as file:
        return file.read()


def sandbox():
    path = os.path.join(measure.OUT, "answer.wasm")
    measure.compile_wasm(os.path.join(measure.HERE, "answer.c"), path)
    return "/answer", dict(config=SANDBOX, load_module=True,
                           setup=lambda server: server.write("plugins/answer.wasm", read(path)))


def go_sandbox():
    path = os.path.join(measure.OUT, "go_answer.wasm")
    measure.compile_go(os.path.join(measure.HERE, "answer.go"), path)
    return "/answer", dict(config=SANDBOX, load_module=True,
                           setup=lambda server: server.write("plugins/answer.wasm", read(path)))


def go_filter():
    path = os.path.join(measure.OUT, "go_filter.wasm")
    measure.compile_go(os.path.join(measure.HERE, "filter_answer.go"), path, reactor=True)

    def setup(server):
        server.write("plugins/filter.wasm", read(path))
        server.write("docroot/answer.txt", BODY)
    return "/answer.txt", dict(config=FILTER % "request", load_module=True, setup=setup)


def go_cgid():
    if not env.Installation.get().has("cgid"):
        raise Missing("this httpd has no mod_cgid")
    path = os.path.join(measure.OUT, "go_answer")
    measure.compile_go(os.path.join(measure.HERE, "answer.go"), path, wasm=False)
    return "/cgi-bin/answer", dict(config=CGID, modules=["cgid", "alias"],
                                   setup=lambda server: server.write("cgi-bin/answer", read(path), 0o755))


def static_file():
    return "/answer.txt", dict(setup=lambda server: server.write("docroot/answer.txt", BODY))


def lua():
    if not env.Installation.get().has("lua"):
        raise Missing("this httpd has no mod_lua")
    return "/answer.lua", dict(config=LUA, modules=["lua"],
                               setup=lambda server: server.write("docroot/answer.lua", LUA_SCRIPT))


def cgid():
    if not env.Installation.get().has("cgid"):
        raise Missing("this httpd has no mod_cgid")
    path = os.path.join(measure.OUT, "answer")
    measure.run(["cc", "-O2", "-o", path, os.path.join(measure.HERE, "answer.c")])
    return "/cgi-bin/answer", dict(config=CGID, modules=["cgid", "alias"],
                                   setup=lambda server: server.write("cgi-bin/answer", read(path), 0o755))


def filtered(guest, reuse="request"):
    """The file, behind a filter (which may not let anybody get so far)."""
    def make():
        path = os.path.join(measure.OUT, guest + ".wasm")
        measure.compile_wasm(os.path.join(measure.HERE, guest + ".c"), path,
                             flags=["-I" + os.path.join(measure.TOP, "conf/guest")], link=["-mexec-model=reactor"])

        def setup(server):
            server.write("plugins/filter.wasm", read(path))
            server.write("docroot/answer.txt", BODY)
        return "/answer.txt", dict(config=FILTER % reuse, load_module=True, setup=setup)
    return make


def lua_hook(config, script):
    def make():
        if not env.Installation.get().has("lua"):
            raise Missing("this httpd has no mod_lua")

        def setup(server):
            server.write("hooks.lua", script)
            server.write("docroot/answer.txt", BODY)
        return "/answer.txt", dict(config=config, modules=["lua"], setup=setup)
    return make


# Title, and who takes part; ours first.
GROUPS = [
    ("answered", [("guest, fresh instance", sandbox), ("mod_lua", lua), ("mod_cgid, C program", cgid),
                  ("static file", static_file)]),
    ("answered in front", [("filter, fresh instance", filtered("filter_answer")),
                           ("filter, instance for 1000", filtered("filter_answer", "1000")),
                           ("mod_lua, quick handler", lua_hook(LUA_QUICK, LUA_ANSWER))]),
    ("looked at on its way", [("filter that does nothing, fresh", filtered("filter_nothing")),
                              ("filter that does nothing, for 1000", filtered("filter_nothing", "1000")),
                              ("mod_lua, two hooks that do nothing", lua_hook(LUA_HOOKS, LUA_LOOK)),
                              ("no filter", static_file)]),
    ("answered by Go", [("Go guest, fresh instance", go_sandbox), ("Go filter, begins initialized", go_filter),
                        ("C guest, fresh instance", sandbox), ("mod_cgid, Go program", go_cgid)]),
]


def run_group(title, contestants, missing):
    servers, busy, alone = [], [], []
    try:
        for name, make in contestants:
            try:
                path, keywords = make()
            except Missing as why:
                missing.append((name, why))
                continue
            keywords.setdefault("load_module", False)
            server = env.Httpd(override="None", log_level="warn", mpm_config=measure.HTTPD_TUNING, **keywords)
            servers.append(server)
            server.start()
            with env.Connection(server.port) as connection:
                answer = connection.request("GET", path, [("Connection", "close")])
            measure.verify(name, answer.body, BODY)
            session, port = server.process.pid, server.port
            busy.append(Contender(name, session, lambda port=port, path=path: measure.wrk(port, path)))
            alone.append(Contender(name, session,
                                   lambda port=port, path=path: measure.wrk(port, path, connections=1)))
        measure.interleave(busy, ROUNDS)
        measure.interleave(alone, ROUNDS)
    finally:
        for server in servers:
            server.stop()
            server.remove()
    for connections, contenders in (("16 connections", busy), ("1 connection", alone)):
        ours = contenders[0]
        measure.table("%s, %s: %d bytes, median of %d rounds (wrk)" % (title, connections, len(BODY), ROUNDS),
                      ["", "requests/s", "p50 ms", "p99 ms", "ours is × this", "CPU µs/request"],
                      [[c.name, "%.0f" % c.median("rate"), "%.2f" % c.median("p50"), "%.2f" % c.median("p99"),
                        "" if c is ours else "%.3f" % ours.ratio_to(c), "%.0f" % c.median("cpu")] for c in contenders])
    sys.stdout.flush()


def main():
    missing = []
    measure.prepare()
    for title, contestants in GROUPS:
        run_group(title, contestants, missing)
    measure.note_missing(missing)
    sys.stdout.flush()
