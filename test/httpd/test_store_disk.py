# SPDX-License-Identifier: Apache-2.0
"""The store on a disk of its own that is really full: a file system of a few hundred KiB with something else on it.

Limits of a process stand in for that in test_store.py and test/unit/store_worker_test.c, where nothing can be mounted; here
it is the kernel that says ENOSPC, in the middle of a write, a creation or a rename, and statfs that shows the room.
"""
import errno
import os
import subprocess

import pytest

import env
from test_store import NAMES, Folders, fetch, has, leftovers, program, variants, wait, wait_for

CONTENT = program(150_000, 71)
SIZE = 512 * 1024


def mount(path):
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%d,mode=700,uid=%d" % (SIZE, env._server_user().pw_uid), "tmpfs", path],
                          capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip("a file system cannot be mounted here: " + done.stderr.strip())


def fill(path, room):
    """Something else takes what there is, but for about so many bytes."""
    with open(path, "wb", buffering=0) as out:
        try:
            while True:
                out.write(bytes(4096))
        except OSError as error:
            assert error.errno == errno.ENOSPC
        out.truncate(max(0, os.fstat(out.fileno()).st_size - room) // 4096 * 4096)


# Pages that are left: none, not even for an order; for the order but not the index; for a part of a variant; for one of
# them or two and not the next.
PAGES = [0, 1, 2, 5, 14]
VERSIONS = [program(150_000, 80 + n) for n in range(2)]


@pytest.fixture(scope="module")
def folders():
    found = Folders({"versions": dict(zip(NAMES, VERSIONS)), **{str(pages): {"app.wasm": CONTENT} for pages in PAGES}})
    yield found
    found.remove()


@pytest.fixture
def server(make_httpd):
    if os.getuid() != 0:
        pytest.skip("only root can mount a file system")
    server = make_httpd(config="WasmServe On\nWasmServeDictionary On\nWasmServeStore store", start=False)
    mount(server.make_private("store"))
    yield server
    server.stop()
    subprocess.run(["umount", "-l", server.path("store")], check=True)


@pytest.mark.parametrize("pages", PAGES)
def test_served_as_it_is_and_made_when_there_is_room(server, folders, pages):
    folders.give(server, str(pages))
    server.start()
    wait(lambda: os.path.exists(server.path("store/index")), "the store")
    fill(server.path("store/other"), 4096 * pages)
    assert fetch(server, "/app.wasm", [CONTENT]).body == CONTENT
    server.wait_log(r"wasmserve:warn.*%s(: cannot write|.* takes no orders).*" % server.path("store"))
    server.expect_log("No space left on device")
    for _ in range(5):
        for coding in ("br", "zstd", "gzip", ""):
            fetch(server, "/app.wasm", [CONTENT], [("Accept-Encoding", coding)])
    wait(lambda: not leftovers(server), "order")
    assert len(variants(server)) < 3, "there was no room for all"

    os.unlink(server.path("store/other"))
    server.graceful()  # forgets that it is not yet time to try again
    wait_for(server, "/app.wasm", CONTENT)
    assert not leftovers(server) and len(variants(server)) == 3


def test_a_version_that_does_not_fit_is_no_dictionary(server, folders):
    """There is room for the variants, not for the copy of the raw file that would be one."""
    contents = VERSIONS
    folders.give(server, "versions")
    server.start()
    wait(lambda: os.path.exists(server.path("store/index")), "the store")
    fill(server.path("store/other"), 120 * 1024)
    for _ in range(5):
        fetch(server, "/" + NAMES[0], [contents[0]])
    server.wait_log(r"wasmserve:warn.*%s: cannot write.*" % server.path("store"))
    answer = server.get("/" + NAMES[1], has(0, contents[0]))
    assert answer.get("Content-Encoding") in (None, "br", "zstd", "gzip")
    wait(lambda: not leftovers(server), "order")
    os.unlink(server.path("store/other"))
    server.graceful()
    wait(lambda: server.get("/" + NAMES[1], has(0, contents[0])).get("Content-Encoding") == "dcz", "a delta")
