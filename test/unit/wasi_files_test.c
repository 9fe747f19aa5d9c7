/* SPDX-License-Identifier: Apache-2.0
 * wasi_files_test.c — WASI preview 1 on files: that a guest works on what it was granted, and that
 * no path, link, race or right leads it anywhere else. layers: wasi
 *
 * Every test makes a tree of its own (wasi_tree.h), and what concerns paths runs twice: with the
 * kernel's openat2() and with the walk that stands in for it on kernels without. wasi_escape_test.c
 * has the attempts to get out.
 */
#include "wasi_tree.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>

/* ---- reach -------------------------------------------------------------------------------- */

static const struct {
    const char *path;
    uint32_t error;   /* of opening it, links followed */
    const char *text; /* what is in the file; NULL for a directory */
} reach[] = {
    {"file", 0, "hello"},
    {"./file", 0, "hello"},
    {"sub/../file", 0, "hello"},
    {"sub//deep/.././deep/leaf", 0, "leaf"},
    {"link-file", 0, "hello"},
    {"link-sub/deep/leaf", 0, "leaf"},
    {"sub/up", 0, "hello"},
    {"link-sub/up", 0, "hello"},
    {"link-sub/../file", 0, "hello"},
    {".", 0, NULL},
    {"sub/..", 0, NULL},
    {"sub/", 0, NULL},
    {"link-sub/", 0, NULL},
    {"link-sub///", 0, NULL},
    {"", WASI_NOENT, NULL},
    {"nothing", WASI_NOENT, NULL},
    {"nothing/x", WASI_NOENT, NULL},
    {"dangling", WASI_NOENT, NULL},
    {"file/", WASI_NOTDIR, NULL},
    {"file/x", WASI_NOTDIR, NULL},
    {"file/..", WASI_NOTDIR, NULL},
    {"link-file/", WASI_NOTDIR, NULL},
    {"loop", WASI_LOOP, NULL},
    {"loop/x", WASI_LOOP, NULL},
    {"fifo", WASI_ACCES, NULL},
    {"socket", WASI_ACCES, NULL},
    {"..", WASI_NOTCAPABLE, NULL},
    {"../", WASI_NOTCAPABLE, NULL},
    {"../in/file", WASI_NOTCAPABLE, NULL},
    {"../outside/secret", WASI_NOTCAPABLE, NULL},
    {"sub/../../outside/secret", WASI_NOTCAPABLE, NULL},
    {"sub/deep/../../../outside/secret", WASI_NOTCAPABLE, NULL},
    {"./../outside", WASI_NOTCAPABLE, NULL},
    {"/", WASI_NOTCAPABLE, NULL},
    {"//", WASI_NOTCAPABLE, NULL},
    {"/etc/passwd", WASI_NOTCAPABLE, NULL},
    {"/proc/self/root/etc/passwd", WASI_NOTCAPABLE, NULL},
    {"escape-abs", WASI_NOTCAPABLE, NULL},
    {"escape-abs/", WASI_NOTCAPABLE, NULL},
    {"escape-abs/secret", WASI_NOTCAPABLE, NULL},
    {"escape-rel", WASI_NOTCAPABLE, NULL},
    {"escape-rel/", WASI_NOTCAPABLE, NULL},
    {"escape-rel/secret", WASI_NOTCAPABLE, NULL},
    {"escape-rel/../in/file", WASI_NOTCAPABLE, NULL},
    {"escape-file", WASI_NOTCAPABLE, NULL},
    {"escape-root", WASI_NOTCAPABLE, NULL},
    {"escape-root/etc/passwd", WASI_NOTCAPABLE, NULL},
    {"link-sub/../escape-rel/secret", WASI_NOTCAPABLE, NULL},
    {"sub/../escape-root/proc/self/root", WASI_NOTCAPABLE, NULL},
};

static void put_socket(tree *t)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%.90s/socket", t->in);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0)
        FAIL("socket: %s", strerror(errno));
    close(fd);
}

static void check_reach(tree *t, uint32_t dir)
{
    for (size_t i = 0; i < sizeof reach / sizeof reach[0]; i++) {
        char text[64];
        uint32_t fd, got, error;

        CASE("%s, directory %u, \"%s\"", t->g.wasi->has_openat2 ? "kernel" : "walk", dir,
             reach[i].path);
        error = open_read(t, dir, reach[i].path, &fd);
        CHECK_EQ_UINT(error, reach[i].error);
        if (error == WASI_SUCCESS && reach[i].text != NULL) {
            CHECK_EQ_UINT(guest_read(&t->g, fd, text, sizeof text, &got), WASI_SUCCESS);
            CHECK_EQ_MEM(text, got, reach[i].text, strlen(reach[i].text));
        }
        if (error == WASI_SUCCESS)
            close_fd(t, fd);
        /* what cannot be opened for the reason of where it is cannot be looked at either */
        error = get_stat(t, dir, reach[i].path, 1);
        CHECK_EQ_UINT(error, reach[i].error == WASI_ACCES ? WASI_SUCCESS : reach[i].error);
    }
}

TEST(reach_by_kernel_and_by_walk)
{
    tree t;

    REQUIRE(tree_open(&t));
    put_socket(&t);
    check_reach(&t, W);
    check_reach(&t, R);
    t.g.wasi->has_openat2 = false;
    check_reach(&t, W);
    check_reach(&t, R);
    tree_close(&t);
}

/* The functions that change something go through the same gate: with every path that leads outside,
 * nothing outside changes. tree_close() looks at the secret; here, that nothing appeared. */
TEST(no_change_outside)
{
    static const char *const paths[] = {"../outside/new",    "escape-rel/new",    "escape-abs/new",
                                        "sub/../../new",     "/tmp/new-by-guest", "escape-root/new",
                                        "link-sub/../../new"};
    uint32_t fd;
    tree t;

    REQUIRE(tree_open(&t));
    for (int walk = 0; walk < 2; walk++) {
        t.g.wasi->has_openat2 = t.g.wasi->has_openat2 && walk == 0;
        for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
            CASE("walk %d \"%s\"", walk, paths[i]);
            CHECK_EQ_UINT(open_with(&t, W, paths[i], 1, WASI_OFLAG_CREAT, WRITE_RIGHTS, 0, &fd),
                          WASI_NOTCAPABLE);
            CHECK_EQ_UINT(simple(&t, "path_create_directory", W, paths[i]), WASI_NOTCAPABLE);
            CHECK_EQ_UINT(simple(&t, "path_unlink_file", W, paths[i]), WASI_NOTCAPABLE);
            CHECK_EQ_UINT(simple(&t, "path_remove_directory", W, paths[i]), WASI_NOTCAPABLE);
            CHECK_EQ_UINT(two(&t, "path_rename", W, "file", W, paths[i]), WASI_NOTCAPABLE);
            CHECK_EQ_UINT(two(&t, "path_rename", W, paths[i], W, "x"), WASI_NOTCAPABLE);
            CHECK_EQ_UINT(two(&t, "path_link", W, "file", W, paths[i]), WASI_NOTCAPABLE);
            CHECK_EQ_UINT(two(&t, "path_symlink", W, "file", W, paths[i]), WASI_NOTCAPABLE);
        }
        CASE("walk %d", walk);
        /* links as last components: removed and renamed themselves, not what they point to */
        CHECK_EQ_UINT(simple(&t, "path_remove_directory", W, "escape-rel"), WASI_NOTDIR);
        CHECK_EQ_UINT(simple(&t, "path_remove_directory", W, "escape-rel/"), WASI_NOTDIR);
        CHECK_EQ_UINT(simple(&t, "path_remove_directory", W, "escape-rel/dir"), WASI_NOTCAPABLE);
        CHECK_EQ_UINT(simple(&t, "path_unlink_file", W, "escape-file/"), WASI_NOTDIR);
        CHECK_EQ_UINT(two(&t, "path_rename", W, "escape-rel", W, "moved"), WASI_SUCCESS);
        CHECK_EQ_UINT(two(&t, "path_rename", W, "moved", W, "escape-rel"), WASI_SUCCESS);
        /* a dangling link is created through only where its target is allowed */
        unlinkat(t.fd, "in/far", 0);
        symlinkat("../outside/new", t.fd, "in/far");
        CHECK_EQ_UINT(open_with(&t, W, "far", 1, WASI_OFLAG_CREAT, WRITE_RIGHTS, 0, &fd),
                      WASI_NOTCAPABLE);
        CHECK_EQ_UINT(open_with(&t, W, "far", 0, WASI_OFLAG_CREAT, WRITE_RIGHTS, 0, &fd),
                      WASI_LOOP);
        CHECK_EQ_UINT(open_with(&t, W, "escape-file", 1, WASI_OFLAG_TRUNC, WRITE_RIGHTS, 0, &fd),
                      WASI_NOTCAPABLE);
    }
    CHECK(faccessat(t.fd, "outside/new", F_OK, 0) != 0);
    CHECK(faccessat(t.fd, "new", F_OK, 0) != 0);
    CHECK(faccessat(t.fd, "outside/dir", F_OK, 0) == 0);
    tree_close(&t);
}

TEST(creation_through_a_link_inside)
{
    char text[64];
    uint32_t fd;
    tree t;

    REQUIRE(tree_open(&t));
    CHECK_EQ_UINT(open_with(&t, W, "dangling", 1, WASI_OFLAG_CREAT, WRITE_RIGHTS, 0, &fd),
                  WASI_SUCCESS);
    CHECK_EQ_UINT(guest_write(&t.g, fd, "made", 4, NULL), WASI_SUCCESS);
    get_file(t.fd, "in/nowhere", text);
    CHECK_EQ_STR(text, "made");
    CHECK_EQ_UINT(
        open_with(&t, W, "dangling", 1, WASI_OFLAG_CREAT | WASI_OFLAG_EXCL, WRITE_RIGHTS, 0, &fd),
        WASI_EXIST);
    tree_close(&t);
}

TEST(names_that_are_no_names)
{
    static char path[6000];
    uint32_t fd;
    tree t;

    REQUIRE(tree_open(&t));
    for (int walk = 0; walk < 2; walk++) {
        t.g.wasi->has_openat2 = t.g.wasi->has_openat2 && walk == 0;
        CASE("walk %d", walk);
        guest_put(&t.g, GUEST_PATH, "file\0x", 6);
        CHECK_EQ_UINT(
            guest_call(&t.g, "path_open", W, 1, GUEST_PATH, 6, 0, READ_RIGHTS, 0, 0, GUEST_RESULT),
            WASI_INVAL);
        CHECK_EQ_UINT(
            guest_call(&t.g, "path_open", W, 1, GUEST_PATH, 5, 0, READ_RIGHTS, 0, 0, GUEST_RESULT),
            WASI_INVAL);
        CHECK_EQ_UINT(guest_call(&t.g, "path_open", W, 1, GUEST_MEMORY - 2, 4, 0, READ_RIGHTS, 0, 0,
                                 GUEST_RESULT),
                      WASI_FAULT);
        CHECK_EQ_UINT(guest_call(&t.g, "path_open", W, 1, GUEST_PATH, 4, 0, READ_RIGHTS, 0, 0,
                                 GUEST_MEMORY - 3),
                      WASI_FAULT);
        memset(path, 'a', sizeof path);
        path[256] = '\0';
        CHECK_EQ_UINT(open_read(&t, W, path, &fd), WASI_NAMETOOLONG);
        path[255] = '\0';
        CHECK_EQ_UINT(open_read(&t, W, path, &fd), WASI_NOENT);
        memset(path, 'a', sizeof path);
        strcpy(path + 256, "/x");
        CHECK_EQ_UINT(open_read(&t, W, path, &fd), WASI_NAMETOOLONG);
        for (size_t i = 0; i < 4090; i += 2)
            memcpy(path + i, "./", 2);
        strcpy(path + 4090, "file"); /* 4094 bytes and the terminator */
        CHECK_EQ_UINT(open_read(&t, W, path, &fd), WASI_SUCCESS);
        close_fd(&t, fd);
        strcpy(path + 4090, "././file");
        CHECK_EQ_UINT(open_read(&t, W, path, &fd), WASI_NAMETOOLONG);
    }
    tree_close(&t);
}

/* ---- races -------------------------------------------------------------------------------- */

typedef struct swapper {
    int dir;
    atomic_bool stop;
} swapper;

/* "race" is by turns a directory with a file of the same name as the secret, and a link outside. */
static void *swap(void *argument)
{
    swapper *s = argument;

    while (!atomic_load(&s->stop)) {
        renameat(s->dir, "race", s->dir, "race-dir");
        symlinkat("../outside", s->dir, "race");
        unlinkat(s->dir, "race", 0);
        renameat(s->dir, "race-dir", s->dir, "race");
    }
    return NULL;
}

TEST(a_directory_that_turns_into_a_link)
{
    enum { ROUNDS = 4000 };
    int opened = 0, refused = 0;
    pthread_t thread;
    swapper s;
    tree t;

    REQUIRE(tree_open(&t));
    mkdirat(t.fd, "in/race", 0755);
    put_file(t.fd, "in/race/secret", "public");
    s.dir = openat(t.fd, "in", O_RDONLY | O_DIRECTORY);
    atomic_init(&s.stop, false);
    REQUIRE(pthread_create(&thread, NULL, swap, &s) == 0);
    for (int walk = 0; walk < 2; walk++) {
        t.g.wasi->has_openat2 = t.g.wasi->has_openat2 && walk == 0;
        for (int i = 0; i < ROUNDS; i++) {
            char text[16];
            uint32_t fd, got, error = open_read(&t, W, "race/secret", &fd);

            if (error == WASI_SUCCESS) {
                opened++;
                CHECK_EQ_UINT(guest_read(&t.g, fd, text, sizeof text, &got), WASI_SUCCESS);
                CHECK_EQ_MEM(text, got, "public", 6);
                close_fd(&t, fd);
            } else {
                refused++;
                /* NOTDIR: it was a link when it was opened and no more when it was read */
                CHECK(error == WASI_NOTCAPABLE || error == WASI_NOENT || error == WASI_NOTDIR ||
                      error == WASI_AGAIN);
            }
            simple(&t, "path_create_directory", W, "race/by-guest");
            simple(&t, "path_remove_directory", W, "race/by-guest");
        }
    }
    atomic_store(&s.stop, true);
    pthread_join(thread, NULL);
    close(s.dir);
    CHECK_EQ_INT(opened + refused, 2 * ROUNDS);
    CHECK(faccessat(t.fd, "outside/by-guest", F_OK, 0) != 0);
    tree_close(&t);
}

/* "last" is by turns a file and a link to the secret; each takes the other's place at once. */
static void *swap_last(void *argument)
{
    swapper *s = argument;

    while (!atomic_load(&s->stop)) {
        symlinkat("../outside/secret", s->dir, "next");
        renameat(s->dir, "next", s->dir, "last");
        linkat(s->dir, "public", s->dir, "next", 0);
        renameat(s->dir, "next", s->dir, "last");
    }
    return NULL;
}

/* What was a file when it was looked at is a link when it is opened: the open must not follow it.
 * Rounds go on until both kinds were met often, so that the test cannot pass by luck of timing. */
TEST(a_file_that_turns_into_a_link)
{
    enum { OFTEN = 2000, MOST = 400000 };
    int opened = 0, refused = 0;
    pthread_t thread;
    swapper s;
    tree t;

    REQUIRE(tree_open(&t));
    put_file(t.fd, "in/public", "public");
    s.dir = openat(t.fd, "in", O_RDONLY | O_DIRECTORY);
    atomic_init(&s.stop, false);
    REQUIRE(pthread_create(&thread, NULL, swap_last, &s) == 0);
    for (int i = 0; i < MOST && (opened < OFTEN || refused < OFTEN); i++) {
        char text[16];
        uint32_t fd, got, error = open_with(&t, R, "last", (uint32_t)i % 2, 0, READ_RIGHTS, 0, &fd);

        if (error == WASI_SUCCESS) {
            opened++;
            CHECK_EQ_UINT(guest_read(&t.g, fd, text, sizeof text, &got), WASI_SUCCESS);
            CHECK_EQ_MEM(text, got, "public", 6);
            close_fd(&t, fd);
        } else {
            refused++;
            CHECK(error == WASI_NOTCAPABLE || error == WASI_LOOP || error == WASI_NOENT);
        }
    }
    atomic_store(&s.stop, true);
    pthread_join(thread, NULL);
    close(s.dir);
    CHECK(opened >= OFTEN);
    CHECK(refused >= OFTEN);
    tree_close(&t);
}

/* ---- read only ---------------------------------------------------------------------------- */

TEST(a_read_only_grant_refuses_every_change)
{
    struct stat before, after;
    uint32_t fd, file;
    tree t;

    REQUIRE(tree_open(&t));
    fstatat(t.fd, "in/file", &before, 0);
    CHECK_EQ_UINT(open_with(&t, R, "file", 1, 0, WRITE_RIGHTS, 0, &fd), WASI_ROFS);
    CHECK_EQ_UINT(open_with(&t, R, "new", 1, WASI_OFLAG_CREAT, READ_RIGHTS, 0, &fd), WASI_ROFS);
    CHECK_EQ_UINT(open_with(&t, R, "file", 1, WASI_OFLAG_TRUNC, READ_RIGHTS, 0, &fd), WASI_ROFS);
    CHECK_EQ_UINT(simple(&t, "path_create_directory", R, "new"), WASI_ROFS);
    CHECK_EQ_UINT(simple(&t, "path_remove_directory", R, "sub"), WASI_ROFS);
    CHECK_EQ_UINT(simple(&t, "path_unlink_file", R, "file"), WASI_ROFS);
    CHECK_EQ_UINT(two(&t, "path_rename", R, "file", R, "new"), WASI_ROFS);
    CHECK_EQ_UINT(two(&t, "path_rename", R, "file", W, "new"), WASI_ROFS);
    CHECK_EQ_UINT(two(&t, "path_rename", W, "file", R, "new"), WASI_ROFS);
    /* a hard link into a writable directory would make the file writable */
    CHECK_EQ_UINT(two(&t, "path_link", R, "file", W, "new"), WASI_ROFS);
    CHECK_EQ_UINT(two(&t, "path_link", W, "file", R, "new"), WASI_ROFS);
    CHECK_EQ_UINT(two(&t, "path_symlink", R, "file", R, "new"), WASI_ROFS);
    CHECK_EQ_UINT(guest_call(&t.g, "path_filestat_set_times", R, 1, GUEST_PATH,
                             put_path(&t, GUEST_PATH, "file"), 1, 1, 5),
                  WASI_ROFS);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_filestat_set_times", R, 1, 1, 5), WASI_ROFS);
    CHECK_EQ_UINT(open_with(&t, R, "file", 1, 0, UINT64_MAX & ~WASI_RIGHT_FD_WRITE, 0, &file),
                  WASI_SUCCESS);
    CHECK_EQ_UINT(guest_write(&t.g, file, "x", 1, NULL), WASI_ROFS);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_pwrite", file, GUEST_VECTOR, 1, 0, GUEST_RESULT), WASI_ROFS);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_filestat_set_size", file, 0), WASI_ROFS);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_filestat_set_times", file, 1, 1, 5), WASI_ROFS);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_allocate", file, 0, 100), WASI_ROFS);
    /* a directory opened through it is no way around */
    CHECK_EQ_UINT(
        open_with(&t, R, "sub", 1, WASI_OFLAG_DIRECTORY, UINT64_MAX & ~WRITE_RIGHTS, 0, &fd),
        WASI_SUCCESS);
    CHECK_EQ_UINT(simple(&t, "path_create_directory", fd, "new"), WASI_ROFS);
    CHECK_EQ_UINT(open_with(&t, fd, "up", 1, 0, WRITE_RIGHTS, 0, &file), WASI_NOTCAPABLE);
    CHECK_EQ_UINT(open_with(&t, fd, "deep/leaf", 1, 0, WRITE_RIGHTS, 0, &file), WASI_ROFS);
    fstatat(t.fd, "in/file", &after, 0);
    CHECK_EQ_INT(after.st_size, 5);
    CHECK_EQ_INT(after.st_mtim.tv_sec, before.st_mtim.tv_sec);
    CHECK_EQ_INT(after.st_nlink, 1);
    CHECK(faccessat(t.fd, "in/new", F_OK, 0) != 0);
    tree_close(&t);
}

/* ---- files -------------------------------------------------------------------------------- */

TEST(reading_writing_seeking)
{
    char text[64];
    uint32_t fd, got;
    tree t;

    REQUIRE(tree_open(&t));
    CHECK_EQ_UINT(
        open_with(&t, W, "new", 1, WASI_OFLAG_CREAT | WASI_OFLAG_EXCL, UINT64_MAX, 0, &fd),
        WASI_SUCCESS);
    CHECK_EQ_UINT(fd, 5);
    CHECK_EQ_UINT(guest_write(&t.g, fd, "0123456789", 10, &got), WASI_SUCCESS);
    CHECK_EQ_UINT(got, 10);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_tell", fd, 64), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_u64(&t.g, 64), 10);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_seek", fd, (uint64_t)-3, 2, 64), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_u64(&t.g, 64), 7);
    CHECK_EQ_UINT(guest_read(&t.g, fd, text, 64, &got), WASI_SUCCESS);
    CHECK_EQ_MEM(text, got, "789", 3);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_seek", fd, (uint64_t)-1, 0, 64), WASI_INVAL);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_seek", fd, 0, 3, 64), WASI_INVAL);
    /* the older order: current, end, set */
    CHECK_EQ_UINT(guest_call_unstable(&t.g, "fd_seek", fd, 2, 2, 64), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_u64(&t.g, 64), 2);
    CHECK_EQ_UINT(guest_call_unstable(&t.g, "fd_seek", fd, 2, 0, 64), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_u64(&t.g, 64), 4);
    CHECK_EQ_UINT(guest_call_unstable(&t.g, "fd_seek", fd, 0, 1, 64), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_u64(&t.g, 64), 10);
    /* at a position, which stays where it is */
    guest_put(&t.g, 65536, "XY", 2);
    guest_put_u32(&t.g, GUEST_VECTOR, 65536);
    guest_put_u32(&t.g, GUEST_VECTOR + 4, 2);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_pwrite", fd, GUEST_VECTOR, 1, 3, 64), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_pread", fd, GUEST_VECTOR, 1, 2, 64), WASI_SUCCESS);
    CHECK_EQ_MEM(guest_bytes(&t.g, 65536, 2), 2, "2X", 2);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_pread", fd, GUEST_VECTOR, 1, UINT64_MAX, 64), WASI_INVAL);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_tell", fd, 64), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_u64(&t.g, 64), 10);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_filestat_set_size", fd, 4), WASI_SUCCESS);
    get_file(t.fd, "in/new", text);
    CHECK_EQ_STR(text, "012X");
    CHECK_EQ_UINT(guest_call(&t.g, "fd_sync", fd), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_datasync", fd), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_advise", fd, 0, 100, 4), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_advise", fd, 0, 100, 6), WASI_INVAL);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_filestat_set_size", fd, UINT64_MAX), WASI_INVAL);
    tree_close(&t);
}

TEST(appending)
{
    char text[64];
    uint32_t fd;
    tree t;

    REQUIRE(tree_open(&t));
    CHECK_EQ_UINT(open_with(&t, W, "file", 1, 0, UINT64_MAX, WASI_FDFLAG_APPEND, &fd),
                  WASI_SUCCESS);
    CHECK_EQ_UINT(guest_write(&t.g, fd, "+1", 2, NULL), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_fdstat_get", fd, 64), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_u16(&t.g, 66), WASI_FDFLAG_APPEND);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_fdstat_set_flags", fd, 0), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_seek", fd, 0, 0, 64), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_write(&t.g, fd, "J", 1, NULL), WASI_SUCCESS);
    get_file(t.fd, "in/file", text);
    CHECK_EQ_STR(text, "Jello+1");
    CHECK_EQ_UINT(guest_call(&t.g, "fd_fdstat_set_flags", fd, WASI_FDFLAG_SYNC), WASI_NOTSUP);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_fdstat_set_flags", fd, 32), WASI_INVAL);
    tree_close(&t);
}

TEST(what_a_stat_says)
{
    static const uint32_t older[] = {16, 20, 24, 40}, newer[] = {16, 24, 32, 48};
    struct stat st;
    uint32_t fd;
    tree t;

    REQUIRE(tree_open(&t));
    linkat(t.fd, "in/file", t.fd, "in/second", 0);
    fstatat(t.fd, "in/file", &st, 0);
    CHECK_EQ_UINT(open_read(&t, W, "file", &fd), WASI_SUCCESS);
    for (int form = 0; form < 4; form++) {
        const uint32_t *at = form % 2 == 0 ? newer : older;
        const char *module = form % 2 == 0 ? "wasi_snapshot_preview1" : "wasi_unstable";
        uint32_t length = put_path(&t, GUEST_PATH, "link-file");

        CASE("form %d", form);
        memset(guest_bytes(&t.g, GUEST_RESULT, 72), 0xEE, 72);
        if (form < 2)
            CHECK_EQ_UINT(guest_call_in(&t.g, module, "path_filestat_get",
                                        GUEST_ARGUMENTS(W, 1, GUEST_PATH, length, GUEST_RESULT)),
                          WASI_SUCCESS);
        else
            CHECK_EQ_UINT(
                guest_call_in(&t.g, module, "fd_filestat_get", GUEST_ARGUMENTS(fd, GUEST_RESULT)),
                WASI_SUCCESS);
        CHECK_EQ_UINT(guest_u64(&t.g, GUEST_RESULT + 8), st.st_ino);
        CHECK_EQ_UINT(*guest_bytes(&t.g, GUEST_RESULT + at[0], 1), WASI_FILETYPE_REGULAR_FILE);
        CHECK_EQ_UINT(guest_u32(&t.g, GUEST_RESULT + at[1]), 2);
        CHECK_EQ_UINT(guest_u64(&t.g, GUEST_RESULT + at[2]), 5);
        CHECK_EQ_UINT(guest_u64(&t.g, GUEST_RESULT + at[3]) / 1000000000, st.st_mtim.tv_sec);
        CHECK_EQ_UINT(*guest_bytes(&t.g, GUEST_RESULT + (form % 2 == 0 ? 64 : 56), 1), 0xEE);
    }
    CASE("links");
    CHECK_EQ_UINT(get_stat(&t, W, "escape-rel", 0), WASI_SUCCESS);
    CHECK_EQ_UINT(*guest_bytes(&t.g, GUEST_RESULT + 16, 1), WASI_FILETYPE_SYMBOLIC_LINK);
    CHECK_EQ_UINT(get_stat(&t, W, "escape-rel/", 0), WASI_NOTCAPABLE);
    CHECK_EQ_UINT(get_stat(&t, W, "file/", 0), WASI_NOTDIR);
    tree_close(&t);
}

TEST(setting_times)
{
    struct stat st;
    uint32_t fd, length;
    tree t;

    REQUIRE(tree_open(&t));
    length = put_path(&t, GUEST_PATH, "link-file");
    CHECK_EQ_UINT(guest_call(&t.g, "path_filestat_set_times", W, 1, GUEST_PATH, length,
                             UINT64_C(1000000000000000001), UINT64_C(2000000000), 5),
                  WASI_SUCCESS);
    fstatat(t.fd, "in/file", &st, 0);
    CHECK_EQ_INT(st.st_atim.tv_sec, 1000000000);
    CHECK_EQ_INT(st.st_atim.tv_nsec, 1);
    CHECK_EQ_INT(st.st_mtim.tv_sec, 2);
    /* the link itself */
    CHECK_EQ_UINT(guest_call(&t.g, "path_filestat_set_times", W, 0, GUEST_PATH, length, 0,
                             UINT64_C(7000000000), 4),
                  WASI_SUCCESS);
    fstatat(t.fd, "in/link-file", &st, AT_SYMLINK_NOFOLLOW);
    CHECK_EQ_INT(st.st_mtim.tv_sec, 7);
    fstatat(t.fd, "in/file", &st, 0);
    CHECK_EQ_INT(st.st_mtim.tv_sec, 2);
    CHECK_EQ_UINT(open_with(&t, W, "file", 1, 0, UINT64_MAX, 0, &fd), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_filestat_set_times", fd, 0, 0, 8), WASI_SUCCESS);
    fstatat(t.fd, "in/file", &st, 0);
    CHECK(st.st_mtim.tv_sec > 1000000);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_filestat_set_times", fd, 0, 0, 12), WASI_INVAL);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_filestat_set_times", fd, 0, 0, 3), WASI_INVAL);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_filestat_set_times", fd, 0, 0, 16), WASI_INVAL);
    tree_close(&t);
}

/* ---- names -------------------------------------------------------------------------------- */

TEST(making_renaming_removing)
{
    uint32_t got;
    char text[64];
    tree t;

    REQUIRE(tree_open(&t));
    CHECK_EQ_UINT(simple(&t, "path_create_directory", W, "made"), WASI_SUCCESS);
    CHECK_EQ_UINT(simple(&t, "path_create_directory", W, "made/"), WASI_EXIST);
    CHECK_EQ_UINT(simple(&t, "path_create_directory", W, "made/more/"), WASI_SUCCESS);
    CHECK_EQ_UINT(simple(&t, "path_remove_directory", W, "made"), WASI_NOTEMPTY);
    CHECK_EQ_UINT(simple(&t, "path_remove_directory", W, "made/more"), WASI_SUCCESS);
    CHECK_EQ_UINT(simple(&t, "path_remove_directory", W, "."), WASI_INVAL);
    CHECK_EQ_UINT(simple(&t, "path_unlink_file", W, "made"), WASI_ISDIR);
    CHECK_EQ_UINT(simple(&t, "path_unlink_file", W, "made/"), WASI_ISDIR);
    CHECK_EQ_UINT(simple(&t, "path_remove_directory", W, "file"), WASI_NOTDIR);
    CHECK_EQ_UINT(two(&t, "path_rename", W, "file", W, "made"), WASI_ISDIR);
    CHECK_EQ_UINT(two(&t, "path_rename", W, "file/", W, "x"), WASI_NOTDIR);
    CHECK_EQ_UINT(two(&t, "path_rename", W, "file", W, "x/"), WASI_NOTDIR);
    CHECK_EQ_UINT(two(&t, "path_rename", W, "nothing", W, "x"), WASI_NOENT);
    CHECK_EQ_UINT(two(&t, "path_rename", W, "file", W, "made/file"), WASI_SUCCESS);
    get_file(t.fd, "in/made/file", text);
    CHECK_EQ_STR(text, "hello");
    CHECK_EQ_UINT(two(&t, "path_rename", W, "made/", W, "renamed/"), WASI_SUCCESS);
    CHECK_EQ_UINT(simple(&t, "path_unlink_file", W, "renamed/file"), WASI_SUCCESS);
    CHECK_EQ_UINT(simple(&t, "path_unlink_file", W, "renamed/file"), WASI_NOENT);
    CHECK_EQ_UINT(two(&t, "path_link", W, "sub/deep/leaf", W, "leaf2"), WASI_SUCCESS);
    CHECK_EQ_UINT(two(&t, "path_link", W, "leaf2", W, "sub/deep/leaf"), WASI_EXIST);
    CHECK_EQ_UINT(two(&t, "path_link", W, "leaf2", W, "x/"), WASI_NOENT);
    CHECK_EQ_UINT(two(&t, "path_link", W, "sub", W, "sub2"), WASI_PERM);
    /* links: only such as cannot lead out of the directory that they are in, wherever that goes */
    CHECK_EQ_UINT(two(&t, "path_symlink", W, "deep/leaf", W, "sub/new"), WASI_SUCCESS);
    CHECK_EQ_UINT(two(&t, "path_symlink", W, "/etc", W, "sub/a"), WASI_NOTCAPABLE);
    CHECK_EQ_UINT(two(&t, "path_symlink", W, "../file", W, "sub/b"), WASI_NOTCAPABLE);
    CHECK_EQ_UINT(two(&t, "path_symlink", W, "deep/..", W, "sub/c"), WASI_NOTCAPABLE);
    CHECK_EQ_UINT(two(&t, "path_symlink", W, "..deep", W, "sub/d"), WASI_SUCCESS);
    CHECK_EQ_UINT(two(&t, "path_symlink", W, "", W, "sub/e"), WASI_NOENT);
    CHECK_EQ_UINT(two(&t, "path_symlink", W, "x", W, "sub/f/"), WASI_NOENT);
    CHECK_EQ_UINT(two(&t, "path_symlink", W, "x", W, "sub/deep/"), WASI_EXIST);
    put_path(&t, GUEST_PATH, "sub/new");
    CHECK_EQ_UINT(guest_call(&t.g, "path_readlink", W, GUEST_PATH, 7, 4096, 100, 64), WASI_SUCCESS);
    got = guest_u32(&t.g, 64);
    CHECK_EQ_MEM(guest_bytes(&t.g, 4096, got), got, "deep/leaf", 9);
    CHECK_EQ_UINT(guest_call(&t.g, "path_readlink", W, GUEST_PATH, 7, 4096, 4, 64), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_u32(&t.g, 64), 4);
    CHECK_EQ_UINT(guest_call(&t.g, "path_readlink", W, GUEST_PATH, 7, 4096, 0, 64), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_u32(&t.g, 64), 0);
    put_path(&t, GUEST_PATH, "sub/deep");
    CHECK_EQ_UINT(guest_call(&t.g, "path_readlink", W, GUEST_PATH, 8, 4096, 100, 64), WASI_INVAL);
    tree_close(&t);
}

/* ---- directories -------------------------------------------------------------------------- */

enum { ENTRIES = 300, BUFFER = 16384 };

static void put_many(tree *t)
{
    mkdirat(t->fd, "in/many", 0755);
    for (int i = 0; i < ENTRIES; i++) {
        char name[32];

        snprintf(name, sizeof name, "in/many/%0*d", i % 20 + 4, i);
        put_file(t->fd, name, "");
    }
}

/* Counts the entries from `cookie` on with buffers of `size`; a cut entry at the end is read again.
 */
static int count_entries(tree *t, uint32_t fd, uint32_t size, uint64_t cookie)
{
    int count = 0;

    for (int rounds = 0; rounds < 100 * ENTRIES; rounds++) {
        uint32_t used, at = 0;

        CHECK_EQ_UINT(guest_call(&t->g, "fd_readdir", fd, BUFFER, size, cookie, 64), WASI_SUCCESS);
        used = guest_u32(&t->g, 64);
        while (at + 24 <= used && at + 24 + guest_u32(&t->g, BUFFER + at + 16) <= used) {
            cookie = guest_u64(&t->g, BUFFER + at);
            at += 24 + guest_u32(&t->g, BUFFER + at + 16);
            count++;
        }
        if (used < size)
            return count;
    }
    return -1;
}

TEST(reading_directories)
{
    uint64_t third = 0, ino_dot = 0, ino_up = 1;
    uint32_t fd, at, used;
    tree t;

    REQUIRE(tree_open(&t));
    put_many(&t);
    CHECK_EQ_UINT(open_with(&t, R, "many", 1, WASI_OFLAG_DIRECTORY, WASI_RIGHT_FD_READDIR, 0, &fd),
                  WASI_SUCCESS);
    for (uint32_t size = 60; size < 40000; size = size * 3 / 2) {
        CASE("buffer of %u", size);
        CHECK_EQ_INT(count_entries(&t, fd, size, 0), ENTRIES + 2);
    }
    CASE("from the third entry on");
    CHECK_EQ_UINT(guest_call(&t.g, "fd_readdir", fd, BUFFER, 1000, 0, 64), WASI_SUCCESS);
    at = 0;
    for (int i = 0; i < 3; i++) {
        third = guest_u64(&t.g, BUFFER + at);
        at += 24 + guest_u32(&t.g, BUFFER + at + 16);
    }
    CHECK_EQ_INT(count_entries(&t, fd, 1000, third), ENTRIES - 1);
    CHECK_EQ_INT(count_entries(&t, fd, 1000, third), ENTRIES - 1);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_readdir", fd, BUFFER, 0, 0, 64), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_u32(&t.g, 64), 0);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_readdir", fd, BUFFER, 100, UINT64_MAX, 64), WASI_INVAL);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_readdir", fd, GUEST_MEMORY - 5, 100, 0, 64), WASI_FAULT);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_readdir", 1, BUFFER, 100, 0, 64), WASI_NOTCAPABLE);
    /* the granted directory is the root of what the guest sees: its parent is itself */
    CASE("root");
    CHECK_EQ_UINT(guest_call(&t.g, "fd_readdir", W, BUFFER, 4096, 0, 64), WASI_SUCCESS);
    used = guest_u32(&t.g, 64);
    for (at = 0; at + 24 < used; at += 24 + guest_u32(&t.g, BUFFER + at + 16)) {
        uint32_t length = guest_u32(&t.g, BUFFER + at + 16);
        const uint8_t *name = guest_bytes(&t.g, BUFFER + at + 24, length);
        uint8_t type = *guest_bytes(&t.g, BUFFER + at + 20, 1);

        if (length == 1 && name[0] == '.')
            ino_dot = guest_u64(&t.g, BUFFER + at + 8);
        else if (length == 2 && memcmp(name, "..", 2) == 0)
            ino_up = guest_u64(&t.g, BUFFER + at + 8);
        else if (length == 4 && memcmp(name, "file", 4) == 0)
            CHECK_EQ_UINT(type, WASI_FILETYPE_REGULAR_FILE);
        else if (length == 4 && memcmp(name, "loop", 4) == 0)
            CHECK_EQ_UINT(type, WASI_FILETYPE_SYMBOLIC_LINK);
        else if (length == 3 && memcmp(name, "sub", 3) == 0)
            CHECK_EQ_UINT(type, WASI_FILETYPE_DIRECTORY);
    }
    CHECK_EQ_UINT(ino_dot, ino_up);
    tree_close(&t);
}

/* ---- descriptors -------------------------------------------------------------------------- */

TEST(granted_directories)
{
    tree t;

    REQUIRE(tree_open(&t));
    CHECK_EQ_UINT(guest_call(&t.g, "fd_prestat_get", W, 64), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_u32(&t.g, 64), 0);
    CHECK_EQ_UINT(guest_u32(&t.g, 68), 2);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_prestat_dir_name", R, 100, 10), WASI_SUCCESS);
    CHECK_EQ_MEM(guest_bytes(&t.g, 100, 10), 10, "/read-only", 10);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_prestat_dir_name", R, 100, 9), WASI_NAMETOOLONG);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_prestat_dir_name", R, GUEST_MEMORY - 9, 10), WASI_FAULT);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_prestat_get", 2, 64), WASI_BADF);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_prestat_get", 5, 64), WASI_BADF);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_close", W), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_prestat_get", W, 64), WASI_BADF);
    CHECK_EQ_UINT(simple(&t, "path_create_directory", W, "x"), WASI_BADF);
    CHECK_EQ_UINT(simple(&t, "path_create_directory", 1, "x"), WASI_NOTDIR);
    tree_close(&t);
}

TEST(a_directory_that_is_not_there)
{
    static const wasi_options options = {0};
    static const grant_dir dir = {.host = "/nonexistent/granted", .guest = "/g"};
    wasm_report report;
    fake_guest g;

    REQUIRE(guest_open(&g));
    g.grants.dirs = &dir;
    g.grants.dir_count = 1;
    CHECK(!guest_begin(&g, &options, &report));
    CHECK_EQ_INT(report.status, WASM_E_SYSTEM);
    CHECK(strstr(report.detail, "/nonexistent/granted") != NULL);
    guest_close(&g);
}

TEST(rights_only_shrink)
{
    uint32_t fd, got;
    char text[8];
    tree t;

    REQUIRE(tree_open(&t));
    CHECK_EQ_UINT(open_with(&t, W, "file", 1, 0, WRITE_RIGHTS, 0, &fd), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_fdstat_get", fd, 64), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_u64(&t.g, 72), WRITE_RIGHTS);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_filestat_set_size", fd, 1), WASI_NOTCAPABLE);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_fdstat_set_rights", fd, WASI_RIGHT_FD_READ, 0),
                  WASI_SUCCESS);
    CHECK_EQ_UINT(guest_write(&t.g, fd, "x", 1, NULL), WASI_NOTCAPABLE);
    CHECK_EQ_UINT(guest_read(&t.g, fd, text, 8, &got), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_fdstat_set_rights", fd, WRITE_RIGHTS, 0), WASI_NOTCAPABLE);
    /* what a directory no longer passes on cannot be had through it */
    CHECK_EQ_UINT(guest_call(&t.g, "fd_fdstat_set_rights", W,
                             WASI_RIGHT_PATH_OPEN | WASI_RIGHT_PATH_CREATE_FILE,
                             WASI_RIGHT_FD_READ | WASI_RIGHT_PATH_OPEN),
                  WASI_SUCCESS);
    CHECK_EQ_UINT(open_with(&t, W, "file", 1, 0, WRITE_RIGHTS, 0, &fd), WASI_NOTCAPABLE);
    CHECK_EQ_UINT(open_with(&t, W, "file", 1, WASI_OFLAG_TRUNC, 0, 0, &fd), WASI_NOTCAPABLE);
    CHECK_EQ_UINT(simple(&t, "path_create_directory", W, "x"), WASI_NOTCAPABLE);
    CHECK_EQ_UINT(
        open_with(&t, W, "sub", 1, WASI_OFLAG_DIRECTORY, UINT64_MAX & ~WRITE_RIGHTS, 0, &fd),
        WASI_SUCCESS);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_fdstat_get", fd, 64), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_u64(&t.g, 72), WASI_RIGHT_PATH_OPEN);
    /* a file opened for nothing can be neither read nor written */
    CHECK_EQ_UINT(open_with(&t, R, "file", 1, 0, 0, 0, &fd), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_read(&t.g, fd, text, 8, &got), WASI_NOTCAPABLE);
    tree_close(&t);
}

TEST(flags_that_make_no_sense)
{
    uint32_t fd;
    tree t;

    REQUIRE(tree_open(&t));
    CHECK_EQ_UINT(
        open_with(&t, W, "x", 1, WASI_OFLAG_CREAT | WASI_OFLAG_DIRECTORY, READ_RIGHTS, 0, &fd),
        WASI_INVAL);
    CHECK_EQ_UINT(open_with(&t, W, "file", 1, 16, READ_RIGHTS, 0, &fd), WASI_INVAL);
    CHECK_EQ_UINT(open_with(&t, W, "file", 1, 0, READ_RIGHTS, 32, &fd), WASI_INVAL);
    CHECK_EQ_UINT(open_with(&t, W, "file", 1, WASI_OFLAG_DIRECTORY, READ_RIGHTS, 0, &fd),
                  WASI_NOTDIR);
    CHECK_EQ_UINT(open_with(&t, W, "sub", 1, 0, WRITE_RIGHTS, 0, &fd), WASI_ISDIR);
    CHECK_EQ_UINT(open_with(&t, W, "sub/", 1, WASI_OFLAG_CREAT, READ_RIGHTS, 0, &fd), WASI_ISDIR);
    CHECK_EQ_UINT(open_with(&t, W, "x/", 1, WASI_OFLAG_CREAT, READ_RIGHTS, 0, &fd), WASI_ISDIR);
    CHECK_EQ_UINT(open_with(&t, W, "link-file", 0, 0, READ_RIGHTS, 0, &fd), WASI_LOOP);
    CHECK_EQ_UINT(open_with(&t, W, "link-sub", 0, WASI_OFLAG_DIRECTORY, 0, 0, &fd), WASI_LOOP);
    tree_close(&t);
}

TEST(the_quota_on_descriptors)
{
    char text[8];
    uint32_t fd, got;
    tree t;

    REQUIRE(tree_open(&t));
    for (uint32_t i = 0; i < 8; i++) {
        CHECK_EQ_UINT(open_read(&t, W, "file", &fd), WASI_SUCCESS);
        CHECK_EQ_UINT(fd, 5 + i);
    }
    CHECK_EQ_UINT(open_read(&t, W, "file", &fd), WASI_MFILE);
    /* what is refused by the quota has had no effect */
    CHECK_EQ_UINT(open_with(&t, W, "new", 1, WASI_OFLAG_CREAT, READ_RIGHTS, 0, &fd), WASI_MFILE);
    CHECK(faccessat(t.fd, "in/new", F_OK, 0) != 0);
    close_fd(&t, 7);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_close", 7), WASI_BADF);
    CHECK_EQ_UINT(open_read(&t, W, "sub/deep/leaf", &fd), WASI_SUCCESS);
    CHECK_EQ_UINT(fd, 7);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_renumber", 7, 8), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_read(&t.g, 8, text, 8, &got), WASI_SUCCESS);
    CHECK_EQ_MEM(text, got, "leaf", 4);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_renumber", 8, 7), WASI_BADF);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_renumber", 8, 8), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_renumber", 8, 1000000), WASI_BADF);
    /* over a granted directory, which then is none any more */
    CHECK_EQ_UINT(guest_call(&t.g, "fd_renumber", 8, W), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_prestat_get", W, 64), WASI_BADF);
    CHECK_EQ_UINT(simple(&t, "path_create_directory", W, "x"), WASI_NOTDIR);
    /* stdout to a file, as a shell would */
    CHECK_EQ_UINT(open_with(&t, R, "file", 1, 0, READ_RIGHTS, 0, &fd), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_call(&t.g, "fd_renumber", fd, 0), WASI_SUCCESS);
    CHECK_EQ_UINT(guest_read(&t.g, 0, text, 8, &got), WASI_SUCCESS);
    CHECK_EQ_MEM(text, got, "hello", 5);
    tree_close(&t);
}
