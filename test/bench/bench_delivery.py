# SPDX-License-Identifier: Apache-2.0
"""Delivery: requests per second for the same compressed bytes, by this module and by its peers.

A .wasm file with its three variants lies beside each other; a browser's Accept-Encoding asks. The body that all must
send is the .br. Goals: at least as fast as httpd's own handler that is asked for the .br file by name, which is the
least that any httpd can do, and at least 1.4 times as fast as the rewrite rules of httpd's documentation.

Then what the server has made itself, out of the store and as deltas: bench_made.py; and the same file without variants,
compressed as it is sent: bench_as_sent.py.
"""
import os
import shutil
import time

import bench_as_sent
import bench_made
import measure
from measure import Contender, Missing, env
from nginx_server import Nginx

BROWSER = [("Accept-Encoding", "gzip, deflate, br, zstd")]
ROUNDS = 5
GOALS = {"httpd, .br by name": 1.0, "httpd, rewrite rules": 1.4}

# The idea of the rules in the manual of mod_brotli ("serving pre-compressed content"), for .wasm: if the client's
# header has the word and the file is there, go to the other name, and dress the answer.
REWRITE = """
<Directory "${docroot}">
    RewriteEngine On
    RewriteCond %{HTTP:Accept-Encoding} br
    RewriteCond %{REQUEST_FILENAME}.br -s
    RewriteRule ^(.*)\\.wasm$ $1.wasm.br [QSA]
    RewriteCond %{HTTP:Accept-Encoding} gzip
    RewriteCond %{REQUEST_FILENAME}.gz -s
    RewriteRule ^(.*)\\.wasm$ $1.wasm.gz [QSA]
    RewriteRule \\.wasm\\.(br|gz)$ - [T=application/wasm,E=no-gzip:1,E=no-brotli:1]
    <FilesMatch "\\.wasm\\.br$">
        Header append Content-Encoding br
        Header append Vary Accept-Encoding
    </FilesMatch>
    <FilesMatch "\\.wasm\\.gz$">
        Header append Content-Encoding gzip
        Header append Vary Accept-Encoding
    </FilesMatch>
</Directory>
"""

# MultiViews only looks for variants of a name that does not exist, so the raw file has another one there.
MULTIVIEWS = """
<Directory "${docroot}">
    Options +MultiViews
    AddEncoding br .br
    AddEncoding zstd .zst
    AddEncoding gzip .gz
    RemoveType .gz
</Directory>
"""

# Its sendfile waits 40 ms for an acknowledgement in each response over cleartext HTTP/2, which would be no contest.
NGINX = "brotli_static on; gzip_static on; gzip_vary on; sendfile %s;"


def make_files():
    """app.wasm, compiled from app.c, and its variants by the tools that sites use: a .br of about 32 KB."""
    folder = os.path.join(measure.OUT, "delivery")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    path = os.path.join(folder, "app.wasm")
    measure.compile_wasm(os.path.join(measure.HERE, "app.c"), path, link=["-Wl,-s"])
    measure.run(["brotli", "-q", "11", "-k", path])
    measure.run(["zstd", "-q", "-19", "-k", path, "-o", path + ".zst"])
    measure.run(["gzip", "-9", "-n", "-k", path])
    files = {}
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as file:
            files[name] = file.read()
    return files


def httpd_server(files, config="", modules=(), load_module=False, renamed=False):
    """A running httpd with the files. renamed: the raw file as app.wasm.wasm, for MultiViews."""
    def setup(server):
        old = time.time() - 3600  # a validator is weak in the first second of a file's life
        for name, data in files.items():
            target = "app.wasm.wasm" if renamed and name == "app.wasm" else name
            server.write("docroot/" + target, data, mtime=old)

    return env.Httpd(config=config, modules=modules, h2=True, override="None", setup=setup, log_level="warn",
                     load_module=load_module, mpm_config=measure.HTTPD_TUNING).start()


def nginx(files, h2):
    """nginx with brotli_static. The release of Debian 12 has a port for each protocol, so there are two of these."""
    return Nginx(NGINX % ("off" if h2 else "on"), files, ["ngx_http_brotli_static_module"], h2)


def fetch(port, path, headers):
    with env.Connection(port) as connection:
        return connection.request("GET", path, list(headers) + [("Connection", "close")])


def main():
    measure.prepare()
    files = make_files()
    body = files["app.wasm.br"]
    assert len(body) < min(len(files[name]) for name in files if name != "app.wasm.br")
    print("app.wasm: %d bytes; br %d, zstd %d, gzip %d" % tuple(
        len(files["app.wasm" + ending]) for ending in ("", ".br", ".zst", ".gz")))
    servers, missing = [], []
    over_1, over_2 = [], []
    try:
        def add(name, server, path="/app.wasm", h2_server=None):
            answer = fetch(server.port, path, BROWSER)
            measure.verify(name, answer.body, body)
            over_1.append(Contender(name, server.process.pid, lambda: measure.wrk(server.port, path, BROWSER)))
            other = h2_server or server
            over_2.append(Contender(name, other.process.pid, lambda: measure.h2load(other.port, path, BROWSER)))

        def serve(*args, **keywords):
            servers.append(httpd_server(files, *args, **keywords))
            return servers[-1]

        add("mod_wasmserve", serve('<Directory "${docroot}">\n    WasmServe On\n</Directory>', load_module=True))
        add("httpd, .br by name", serve(), "/app.wasm.br")
        add("httpd, rewrite rules", serve(REWRITE, modules=["rewrite", "headers"]))
        add("httpd, MultiViews", serve(MULTIVIEWS, modules=["negotiation"], renamed=True))
        try:
            for h2 in (False, True):
                servers.append(nginx(files, h2))
            add("nginx, brotli_static", servers[-2], h2_server=servers[-1])
        except Missing as why:
            missing.append(("nginx, brotli_static", why))
        measure.interleave(over_1, ROUNDS)
        measure.interleave(over_2, ROUNDS)
    finally:
        for server in servers:
            server.stop()
            server.remove()
    for title, contenders in (("HTTP/1.1, 16 connections (wrk)", over_1), ("HTTP/2, 16 connections (h2load)", over_2)):
        ours = contenders[0]
        rows = []
        for contender in contenders:
            ratio = ours.ratio_to(contender)
            goal = GOALS.get(contender.name)
            verdict = "" if goal is None else "goal %.1f: %s" % (goal, "met" if ratio >= goal else "MISSED")
            rows.append([contender.name, "%.0f" % contender.median("rate"), "" if contender is ours else "%.2f" % ratio,
                         verdict, "%.1f" % contender.median("cpu"),
                         "" if contender is ours else "%.2f" % contender.ratio_to(ours, "cpu")])
        measure.table("%s: %d bytes, median of %d rounds" % (title, len(body), ROUNDS),
                      ["", "requests/s", "ours is × this", "", "CPU µs/request", "this is × ours"], rows)
        measure.note_missing(missing)
    bench_made.main()
    bench_as_sent.main()
