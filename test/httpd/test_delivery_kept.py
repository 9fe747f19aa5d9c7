# SPDX-License-Identifier: Apache-2.0
"""Small files leave from memory: never in another state than the file has, never past what httpd allows.

Each file is asked for until its bytes are kept (the log says when a file is read), then something is done to it, and the
next answer must be that of a server without a memory. One process, so that there is one memory.
"""
import os
import random
import time

import pytest

import env
from test_store import settle

WHEN = int(time.time()) - 3600
RAW = b"\0asm\1\0\0\0" + random.Random(5).randbytes(30000)
BR = b"\x1b" + b"b" * 20000
OTHER = b"\x1b" + b"c" * 20000
ONLY_BR = [("Accept-Encoding", "br")]
PLACES = 16  # KEPT_BODIES of kept_body.h
LARGE = 64 * 1024  # KEPT_BODY_MAX

FOLDERS = ["changed", "touched", "replaced", "gone", "unreadable", "denied", "linked", "raw", "digest", "sendfile", "ranges", "rewritten"]


@pytest.fixture(scope="module")
def tail(tmp_path_factory):
    """The line that loads another module with a filter."""
    return env.build_module("tail", tmp_path_factory.mktemp("tail"))


@pytest.fixture(scope="module")
def httpd(make_httpd, tail):
    def setup(server):
        paths = []
        for folder in FOLDERS:
            paths.append(server.write("docroot/%s/app.wasm" % folder, RAW, mtime=WHEN))
            paths.append(server.write("docroot/%s/app.wasm.br" % folder, BR, mtime=WHEN))
        for number in range(2 * PLACES):
            paths.append(server.write("docroot/many/%d.wasm" % number, RAW + b"%d" % number, mtime=WHEN))
        for size in (LARGE - 1, LARGE, LARGE + 1):
            paths.append(server.write("docroot/sizes/%d.wasm" % size, RAW[:8] + b"s" * (size - 8), mtime=WHEN))
        server.write("docroot/digest/.htaccess", "FileETag Digest")
        server.write("docroot/sendfile/.htaccess", "EnableSendfile On")
        server.write("docroot/rewritten/.htaccess", "SetOutputFilter TAIL")
        settle(*paths)

    tuning = {"prefork": "StartServers 1\nMinSpareServers 1\nMaxSpareServers 1\nMaxRequestWorkers 1"}.get(
        os.environ.get("MPM", "event"), "StartServers 1\nServerLimit 1\nThreadsPerChild 8\nMinSpareThreads 1\n"
                                        "MaxSpareThreads 8\nMaxRequestWorkers 8")
    return make_httpd(config=tail + '<Directory "${docroot}">\nWasmServe On\n</Directory>', setup=setup, h2=True,
                      log_level="trace1", mpm_config=tuning)


def reads(httpd):
    return httpd.log_text().count("has been read into memory")


def reads_for(httpd, path, headers=ONLY_BR):
    """How many files are read for one request."""
    before = reads(httpd)
    httpd.get(path, headers)
    return reads(httpd) - before


def is_kept(httpd, path, headers=ONLY_BR):
    """Whether the file is answered without being read; it has been asked for before."""
    return reads_for(httpd, path, headers) == 0


def in_memory(httpd, folder):
    """The variant of a folder, once it is kept: its path on disk."""
    path = "/%s/app.wasm" % folder
    assert httpd.get(path, ONLY_BR).body == BR and is_kept(httpd, path), folder
    return os.path.join(httpd.docroot, folder, "app.wasm.br")


def again(httpd, folder):
    return httpd.get("/%s/app.wasm" % folder, ONLY_BR)


def test_it_is_read_once(httpd):
    before = reads(httpd)
    for ask in (httpd.request, httpd.h2_request) * 2:
        answer = ask("GET", "/ranges/app.wasm", ONLY_BR)
        assert answer.status == 200 and answer.body == BR and answer.get("Content-Encoding") == "br"
    assert reads(httpd) <= before + 1


def test_written_over_with_the_same_size_and_time(httpd):
    path = in_memory(httpd, "changed")
    with open(path, "r+b") as file:
        file.write(OTHER)
    os.utime(path, (WHEN, WHEN))
    answer = again(httpd, "changed")
    assert answer.body == OTHER and answer.get("Content-Encoding") == "br"


def test_what_was_just_written_is_not_kept(httpd):
    path = in_memory(httpd, "touched")
    for word in (b"d", b"e"):
        with open(path, "r+b") as file:
            file.write(b"\x1b" + word * 20000)
        assert again(httpd, "touched").body == b"\x1b" + word * 20000
    assert not is_kept(httpd, "/touched/app.wasm")


def test_replaced_by_renaming(httpd):
    path = in_memory(httpd, "replaced")
    httpd.write("docroot/replaced/next", OTHER, mtime=WHEN)
    os.rename(os.path.join(os.path.dirname(path), "next"), path)
    assert again(httpd, "replaced").body == OTHER


def test_deleted(httpd):
    os.unlink(in_memory(httpd, "gone"))
    answer = again(httpd, "gone")
    assert answer.body == RAW and "Content-Encoding" not in answer


def test_made_unreadable(httpd):
    path = in_memory(httpd, "unreadable")
    os.chmod(path, 0)
    httpd.expect_log("app.wasm.br cannot be opened: passed over")
    assert again(httpd, "unreadable").body == RAW


def test_denied_by_its_name(httpd):
    in_memory(httpd, "denied")
    httpd.write("docroot/denied/.htaccess", '<Files "*.br">\nRequire all denied\n</Files>')
    httpd.expect_log("AH01630: client denied by server configuration: .*/denied/app.wasm.br")
    answer = again(httpd, "denied")
    assert answer.body == RAW and "Content-Encoding" not in answer


def test_behind_a_link_that_is_not_followed(httpd):
    """The same file under two names: what is kept for one does not open the other."""
    path = in_memory(httpd, "linked")
    httpd.write("docroot/links/app.wasm", RAW, mtime=WHEN)
    os.symlink(path, os.path.join(httpd.docroot, "links", "app.wasm.br"))
    assert again(httpd, "links").body == BR
    httpd.write("docroot/links/.htaccess", "Options -FollowSymLinks -SymLinksIfOwnerMatch")
    httpd.expect_log("AH00032: Symbolic link not allowed or link target not accessible")
    answer = again(httpd, "links")
    assert answer.body == RAW and "Content-Encoding" not in answer


def test_the_raw_file(httpd):
    assert httpd.get("/raw/app.wasm").body == RAW and is_kept(httpd, "/raw/app.wasm", [])
    os.chmod(os.path.join(httpd.docroot, "raw", "app.wasm"), 0)
    httpd.expect_log("app.wasm cannot be opened")
    assert httpd.get("/raw/app.wasm").status == 403


def test_parts_and_conditions(httpd):
    in_memory(httpd, "ranges")
    whole = again(httpd, "ranges")
    part = httpd.get("/ranges/app.wasm", ONLY_BR + [("Range", "bytes=5-104"), ("If-Range", whole.get("ETag"))])
    assert part.status == 206 and part.body == BR[5:105]
    several = httpd.get("/ranges/app.wasm", ONLY_BR + [("Range", "bytes=0-0,-1")])
    assert several.status == 206 and several.get("Content-Type").startswith("multipart/byteranges")
    same = httpd.get("/ranges/app.wasm", ONLY_BR + [("If-None-Match", whole.get("ETag"))])
    assert same.status == 304 and same.body == b""
    head = httpd.head("/ranges/app.wasm", ONLY_BR)
    assert head.get("Content-Length") == str(len(BR)) and head.body == b""


def test_another_filter_writes_into_its_own_answer_only(httpd):
    """It keeps the beginning of the body, and has APR append something to what it kept."""
    in_memory(httpd, "rewritten")
    for ask in (httpd.request, httpd.h2_request):
        answer = ask("GET", "/rewritten/app.wasm", ONLY_BR + [("X-Tail", "of this client")])
        assert answer.status == 200 and answer.body == BR[:100] + b"of this client"
        assert again(httpd, "rewritten").body == BR and is_kept(httpd, "/rewritten/app.wasm")


@pytest.mark.parametrize("folder", ["digest", "sendfile"])
def test_left_to_the_descriptor(httpd, folder):
    """Where httpd reads the file for its tag, or the kernel is to send it."""
    before = reads(httpd)
    first, second = again(httpd, folder), again(httpd, folder)
    assert first.body == second.body == BR and first.get("ETag") == second.get("ETag")
    assert reads(httpd) == before


def test_only_small_ones(httpd):
    for size in (LARGE - 1, LARGE, LARGE + 1):
        before = reads(httpd)
        path = "/sizes/%d.wasm" % size
        for ask in (httpd.request, httpd.h2_request):
            answer = ask("GET", path)
            assert answer.status == 200 and len(answer.body) == size
        assert (reads(httpd) > before) == (size <= LARGE)


def test_more_files_than_places(httpd):
    for _ in range(3):
        for number in range(2 * PLACES):
            assert httpd.get("/many/%d.wasm" % number).body == RAW + b"%d" % number
    last = "/many/%d.wasm" % (2 * PLACES - 1)
    assert is_kept(httpd, last, []) and reads_for(httpd, "/many/0.wasm", []) == 1
