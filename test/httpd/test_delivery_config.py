# SPDX-License-Identifier: Apache-2.0
"""Delivery's directives: what configtest says of mistakes, where each is allowed, and how scopes meet."""
import os
import re
import subprocess

import pytest

import env

WHEN = 1700000000
RAW = b"\0asm\1\0\0\0" + bytes(2000)
BR = b"\x1b\x07" + b"brotli" * 70
ZSTD = b"\x28\xb5\x2f\xfd\x04\x68" + b"zstandard" * 60
ONLY_BR = [("Accept-Encoding", "br")]
BOTH = [("Accept-Encoding", "br, zstd")]

# A line, and what the complaint must name besides the directive: the word at fault, and what would have been right.
MISTAKES = [
    ("WasmServe maybe", ['"maybe"', "On", "Off"]),
    ("WasmServe", ["On|Off"]),
    ("WasmServe On Off", ["one word", "On or Off"]),
    ("WasmServeTypes", [".SUFFIX"]),
    ("WasmServeTypes .wasm a/b", ['"a/b"', "ending"]),
    ("WasmServeTypes .", ['"."', "ending"]),
    ('WasmServeTypes ""', [".SUFFIX"]),
    ("WasmServeTypes .wasm .wasm.br", ['".wasm.br"', "variant", "raw"]),
    ("WasmServeTypes gz", ['"gz"', "variant"]),
    ("WasmServeEncodings", ["CODING"]),
    ("WasmServeEncodings br deflate", ['"deflate"', "br zstd gzip"]),
    ("WasmServeEncodings identity", ['"identity"', "br zstd gzip"]),
    ("WasmServeEncodings br dcz", ['"dcz"', "WasmServeDictionary"]),
    ("WasmServeEncodings br none", ['"none"', "alone"]),
    ("WasmServeEncodings br,gzip", ['"br,gzip"']),
    ("WasmServeImmutable", ["REGEX|Auto|Off"]),
    ("WasmServeImmutable (", ['"("', "regular expression"]),
    ("WasmServeImmutable a b", ["one regular expression", "quotes"]),
    ("WasmServeCompress br", ['"br"', "On", "Off"]),
    ("WasmServeCompress", ["On|Off"]),
    ("WasmServeIsolation 1", ['"1"', "On", "Off"]),
]

FINE = [
    "WasmServe On", "WasmServe oFF", "WasmServeTypes wasm js", "WasmServeTypes .wasm .framework.js .data",
    "WasmServeEncodings gzip", "WasmServeEncodings BR x-gzip zstd", "WasmServeEncodings none",
    "WasmServeImmutable Off", "WasmServeImmutable auto", 'WasmServeImmutable "^app\\\\.[a-z0-9]{8}\\\\."',
    "WasmServeCompress On", "WasmServeDictionary On", "WasmServeIsolation On",
]

DIRECTIVES = ["WasmServe", "WasmServeTypes", "WasmServeEncodings", "WasmServeImmutable", "WasmServeCompress",
              "WasmServeDictionary", "WasmServeIsolation"]


@pytest.fixture(scope="module")
def stopped(make_httpd):
    """A server that is configured and never started."""
    return make_httpd(start=False)


@pytest.fixture(scope="module")
def httpd(make_httpd):
    config = """
        WasmServe On
        WasmServeEncodings zstd
        <Directory "${docroot}/off">
            WasmServe Off
        </Directory>
        <Directory "${docroot}/both">
            WasmServeEncodings br zstd
        </Directory>
        <Location "/both/located">
            WasmServeEncodings br
        </Location>
        <Directory "${docroot}/both/files">
            <Files "b*.wasm">
                WasmServeEncodings br
            </Files>
        </Directory>
        <Directory "${docroot}/locked">
            AllowOverride None
        </Directory>
        <Directory "${docroot}/indexes">
            AllowOverride Indexes
        </Directory>
        <VirtualHost *:${port}>
            ServerName localhost
        </VirtualHost>
        <VirtualHost *:${port}>
            ServerName other
            WasmServeEncodings br
        </VirtualHost>
        """

    def setup(server):
        for folder in ("top", "off", "off/on", "both", "both/located", "both/files", "both/none", "locked", "indexes",
                       "user", "user/deeper", "user/broken", "guarded"):
            for name in ("app.wasm", "baa.wasm"):
                server.write("docroot/%s/%s" % (folder, name), RAW, mtime=WHEN)
                server.write("docroot/%s/%s.br" % (folder, name), BR, mtime=WHEN)
                server.write("docroot/%s/%s.zst" % (folder, name), ZSTD, mtime=WHEN)
        server.write("docroot/off/on/.htaccess", "WasmServe On\n")
        server.write("docroot/both/none/.htaccess", "WasmServeEncodings none\n")
        server.write("docroot/locked/.htaccess", "WasmServe Off\n")
        server.write("docroot/indexes/.htaccess", "WasmServe Off\n")
        server.write("docroot/user/.htaccess", "WasmServeEncodings br\n<Files \"b*\">\nWasmServe Off\n</Files>\n")
        server.write("docroot/user/deeper/.htaccess", "WasmServeEncodings zstd br\nWasmServeTypes .data\n")
        server.write("docroot/user/broken/.htaccess", "WasmServeEncodings deflate\n")
        server.write("docroot/guarded/.htaccess", "<IfModule mod_wasmserve.c>\nWasmServeEncodings br\n</IfModule>\n"
                                                  "<IfModule wasmserve_module>\nWasmServeTypes .wasm\n</IfModule>\n")

    server = make_httpd(config=config, setup=setup)
    return server


@pytest.mark.parametrize("line,words", MISTAKES, ids=[line for line, _ in MISTAKES])
def test_configtest_names_directive_value_and_remedy(stopped, line, words):
    code, output = stopped.configtest(line)
    assert code != 0
    complaint = output[output.index("Syntax error on line"):]
    assert "conf/test.conf" in complaint
    assert line.split()[0] + ": " in complaint
    for word in words:
        assert word in complaint, complaint


@pytest.mark.parametrize("line", FINE)
def test_configtest_accepts(stopped, line):
    code, output = stopped.configtest(line)
    assert code == 0 and "Syntax OK" in output, output


@pytest.mark.parametrize("directive", DIRECTIVES)
@pytest.mark.parametrize("section", ["%s", "<VirtualHost *:1>\n%s\n</VirtualHost>", "<Directory /tmp>\n%s\n</Directory>",
                                     "<Location />\n%s\n</Location>", "<Files x>\n%s\n</Files>", "<If true>\n%s\n</If>"],
                         ids=["server", "vhost", "directory", "location", "files", "if"])
def test_allowed_everywhere(stopped, directive, section):
    value = {"WasmServeTypes": ".wasm", "WasmServeEncodings": "br"}.get(directive, "Off")
    code, output = stopped.configtest(section % (directive + " " + value))
    assert code == 0, output


def coding(answer):
    assert answer.status == 200, answer
    return answer.get("Content-Encoding")


@pytest.mark.parametrize("path,expected", [
    ("/top/app.wasm", "zstd"),
    ("/off/app.wasm", None), ("/off/on/app.wasm", "zstd"),
    ("/both/app.wasm", "br"), ("/both/located/app.wasm", "br"),
    ("/both/files/baa.wasm", "br"), ("/both/files/app.wasm", "br"),
    ("/both/none/app.wasm", None),
    ("/locked/app.wasm", "zstd"),
    ("/user/app.wasm", "br"), ("/user/baa.wasm", None),
    ("/user/deeper/app.wasm", None),
    ("/guarded/app.wasm", "br"),
])
def test_scopes(httpd, path, expected):
    assert coding(httpd.get(path, BOTH)) == expected


def test_a_section_overrides_one_setting_only(httpd):
    """What an inner scope does not mention stays: only zstd is left out here, and only for these files."""
    only_zstd = [("Accept-Encoding", "zstd")]
    assert coding(httpd.get("/both/files/app.wasm", only_zstd)) == "zstd"
    assert coding(httpd.get("/both/files/baa.wasm", only_zstd)) is None


def test_virtual_hosts_have_their_own(httpd):
    assert coding(httpd.get("/top/app.wasm", BOTH)) == "zstd"
    assert coding(httpd.get("/top/app.wasm", BOTH + [("Host", "other")])) == "br"


def test_htaccess_needs_allowoverride_fileinfo(httpd):
    assert httpd.get("/indexes/app.wasm").status == 500
    httpd.wait_log(r"WasmServe not allowed here")


def test_a_mistake_in_htaccess_is_a_500_that_the_log_explains(httpd):
    assert httpd.get("/user/broken/app.wasm").status == 500
    httpd.wait_log(r'/user/broken/\.htaccess: WasmServeEncodings: "deflate" is not one of br zstd gzip')


def test_without_the_module_nothing_breaks_under_ifmodule(make_httpd):
    def setup(server):
        server.write("docroot/app.wasm", RAW, mtime=WHEN)
        server.write("docroot/app.wasm.br", BR, mtime=WHEN)
        server.write("docroot/.htaccess", "<IfModule mod_wasmserve.c>\nWasmServe On\n</IfModule>\n")

    server = make_httpd(load_module=False, setup=setup)
    assert coding(server.get("/app.wasm", ONLY_BR)) is None


def test_off_is_the_default(make_httpd):
    def setup(server):
        server.write("docroot/app.wasm", RAW, mtime=WHEN)
        server.write("docroot/app.wasm.br", BR, mtime=WHEN)

    server = make_httpd(setup=setup)
    answer = server.get("/app.wasm", ONLY_BR)
    assert answer.body == RAW and "Cache-Control" not in answer and "Vary" not in answer


@pytest.mark.parametrize("of_server, of_directory, followed", [
    ("None", "FollowSymLinks", True),
    ("None", "SymLinksIfOwnerMatch", True),
    ("SymLinksIfOwnerMatch", "FollowSymLinks", True),
    ("None", "None", False),
    ("FollowSymLinks", "None", False),
])
def test_links_are_followed_where_the_directory_says_so(make_httpd, of_server, of_directory, followed):
    """A variant that is a link, whatever the options outside of all sections are."""
    def setup(server):
        server.write("docroot/app.wasm", RAW, mtime=WHEN)
        os.symlink(server.write("docroot/aside", BR, mtime=WHEN), os.path.join(server.docroot, "app.wasm.br"))

    server = make_httpd(config="Options %s\n<Directory ${docroot}>\nWasmServe On\nOptions %s\n</Directory>"
                        % (of_server, of_directory), setup=setup)
    if not followed:
        server.expect_log("AH0003[27]: Symbolic link not allowed")
    assert coding(server.get("/app.wasm", ONLY_BR)) == ("br" if followed else None)


def test_a_restart_reads_the_settings_anew(make_httpd):
    def setup(server):
        server.write("docroot/app.wasm", RAW, mtime=WHEN)
        server.write("docroot/app.wasm.br", BR, mtime=WHEN)

    server = make_httpd(config="WasmServe On", setup=setup)
    assert coding(server.get("/app.wasm", ONLY_BR)) == "br"
    server.graceful("WasmServe On\nWasmServeEncodings gzip")
    server._wait(lambda: coding(server.get("/app.wasm", ONLY_BR)) is None, "the children of the old configuration to go")
    server.graceful("WasmServe On")
    server._wait(lambda: coding(server.get("/app.wasm", ONLY_BR)) == "br", "the children of the old configuration to go")


def listed(stopped):
    """Directive → (help, where), from `httpd -L`, which is made from the rows of settings.def."""
    stopped._write_config("conf/test.conf", "", stopped.port)
    said = subprocess.run(stopped._command(stopped.path("conf/test.conf")) + ["-L"], capture_output=True, text=True,
                          env=stopped._environment(), timeout=60, check=True).stdout
    rows = re.findall(r"^(\S+) \(mod_wasmserve\.c\)\n\t(.*)\n\t(.*)\n(?:\t(.*)\n)?", said, re.M)
    return {name: (text, (where + " " + more).strip()) for name, text, where, more in rows}


def test_the_reference_of_httpd_lists_every_directive(stopped):
    known = listed(stopped)
    for name in DIRECTIVES:
        text, where = known[name]
        assert re.search(r"\(default: .+\)$", text), text
        assert where == "Allowed in *.conf anywhere and in .htaccess when AllowOverride includes FileInfo"


def readme_rows():
    """Directive → the cell of its default, or None in a table without that column, from the tables of the README."""
    with open(os.path.join(env.TOP, "README.md"), encoding="utf-8") as readme:
        lines = readme.read().splitlines()
    rows, has_default = {}, False
    for before, line in zip([""] + lines, lines):
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]
        if cells and not before.startswith("|"):
            has_default = cells[-1].lower() == "default"
        for name in re.findall(r"`<?(WasmServe\w*)", cells[0]) if cells else []:
            rows[name] = cells[-1] if has_default else None
    return rows


def test_the_readme_and_the_settings_agree(stopped):
    """Every directive has a row in a table of the README, no row is about a directive that is not there, and where the
    table has a column for the default, it names the default of the row in settings.def."""
    if not os.path.exists(os.path.join(env.TOP, "README.md")):
        pytest.skip("there is no README.md")
    known = {name.strip("<"): text for name, (text, _) in listed(stopped).items()}
    rows = readme_rows()
    assert sorted(rows) == sorted(known)
    for name, cell in rows.items():
        default = re.search(r"\(default: (.*)\)$", known[name])
        if cell is not None and default and default.group(1):
            assert default.group(1).lower() in cell.lower().replace("`", ""), "%s: %s" % (name, cell)
