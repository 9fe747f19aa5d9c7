/* SPDX-License-Identifier: Apache-2.0
 * wasi_tree.h — a directory tree for tests of WASI's files: what a guest is granted, and what lies
 * beside it.
 *
 *   outside/secret            what no guest may reach
 *   outside/dir/
 *   in/                       granted as /w (writable), and as /r (read only)
 *   in/file "hello"  in/sub/deep/leaf "leaf"  in/fifo
 *   in/link-file -> file  in/link-sub -> sub  in/sub/up -> ../file  in/loop -> loop
 *   in/escape-abs -> (outside)  in/escape-rel -> ../outside  in/escape-file -> ../outside/secret
 *   in/escape-root -> /  in/dangling -> nowhere
 *
 * Memory:  tree_open() to tree_close(), which removes the tree.
 * Threads: one.
 */
#ifndef WASI_TREE_H
#define WASI_TREE_H

#include "unit.h"
#include "fake_guest.h"
#include "wasi_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

enum { W = 3, R = 4 }; /* descriptors of the two granted directories */

typedef struct tree {
    fake_guest g;
    grant_dir dirs[2];
    char root[64];
    char in[80];
    int fd; /* root */
} tree;

__attribute__((unused)) static void put_file(int dir, const char *name, const char *text)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        FAIL("%s: %s", name, strerror(errno));
    close(fd);
}

/* What a file outside of the sandbox's reach says now. */
__attribute__((unused)) static void get_file(int dir, const char *name, char text[64])
{
    int fd = openat(dir, name, O_RDONLY);
    ssize_t got = fd < 0 ? -1 : read(fd, text, 63);

    text[got < 0 ? 0 : got] = '\0';
    if (fd >= 0)
        close(fd);
}

__attribute__((unused)) static bool tree_open(tree *t)
{
    static const wasi_options options = {.max_open = 8};
    const char *base = getenv("TMPDIR");
    char target[80];
    wasm_report report;
    int in;

    snprintf(t->root, sizeof t->root, "%.40s/wasi-XXXXXX", base != NULL ? base : "/tmp");
    if (mkdtemp(t->root) == NULL)
        return false;
    snprintf(t->in, sizeof t->in, "%s/in", t->root);
    t->fd = open(t->root, O_RDONLY | O_DIRECTORY);
    mkdirat(t->fd, "outside", 0755);
    mkdirat(t->fd, "outside/dir", 0755);
    put_file(t->fd, "outside/secret", "secret");
    mkdirat(t->fd, "in", 0755);
    in = openat(t->fd, "in", O_RDONLY | O_DIRECTORY);
    put_file(in, "file", "hello");
    mkdirat(in, "sub", 0755);
    mkdirat(in, "sub/deep", 0755);
    put_file(in, "sub/deep/leaf", "leaf");
    mkfifoat(in, "fifo", 0644);
    symlinkat("file", in, "link-file");
    symlinkat("sub", in, "link-sub");
    symlinkat("../file", in, "sub/up");
    symlinkat("loop", in, "loop");
    snprintf(target, sizeof target, "%s/outside", t->root);
    symlinkat(target, in, "escape-abs");
    symlinkat("../outside", in, "escape-rel");
    symlinkat("../outside/secret", in, "escape-file");
    symlinkat("/", in, "escape-root");
    symlinkat("nowhere", in, "dangling");
    close(in);
    if (!guest_open(&t->g))
        return false;
    t->dirs[0] = (grant_dir){.host = t->in, .guest = "/w", .writable = true};
    t->dirs[1] = (grant_dir){.host = t->in, .guest = "/read-only", .writable = false};
    t->g.grants.dirs = t->dirs;
    t->g.grants.dir_count = 2;
    return guest_begin(&t->g, &options, &report);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st;
    (void)type;
    (void)walk;
    return remove(path);
}

__attribute__((unused)) static void tree_close(tree *t)
{
    char text[64];

    CASE("afterwards");
    get_file(t->fd, "outside/secret", text);
    CHECK_EQ_STR(text, "secret");
    guest_close(&t->g);
    close(t->fd);
    CHECK_EQ_INT(nftw(t->root, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* ---- calls with a path -------------------------------------------------------------------- */

__attribute__((unused)) static uint32_t put_path(tree *t, uint32_t at, const char *path)
{
    guest_put(&t->g, at, path, strlen(path));
    return (uint32_t)strlen(path);
}

__attribute__((unused)) static uint32_t open_with(tree *t, uint32_t dir, const char *path,
                                                  uint32_t lookup, uint32_t oflags, uint64_t rights,
                                                  uint32_t fdflags, uint32_t *fd)
{
    uint32_t length = put_path(t, GUEST_PATH, path);
    uint32_t error = guest_call(&t->g, "path_open", dir, lookup, GUEST_PATH, length, oflags, rights,
                                UINT64_MAX, fdflags, GUEST_RESULT);

    *fd = guest_u32(&t->g, GUEST_RESULT);
    return error;
}

#define READ_RIGHTS  (WASI_RIGHT_FD_READ | WASI_RIGHT_FD_SEEK | WASI_RIGHT_FD_FILESTAT_GET)
#define WRITE_RIGHTS (READ_RIGHTS | WASI_RIGHT_FD_WRITE)

__attribute__((unused)) static uint32_t open_read(tree *t, uint32_t dir, const char *path,
                                                  uint32_t *fd)
{
    return open_with(t, dir, path, 1, 0, READ_RIGHTS, 0, fd);
}

/* A function that takes (fd, path, length). */
__attribute__((unused)) static uint32_t simple(tree *t, const char *name, uint32_t dir,
                                               const char *path)
{
    return guest_call(&t->g, name, dir, GUEST_PATH, put_path(t, GUEST_PATH, path));
}

__attribute__((unused)) static uint32_t get_stat(tree *t, uint32_t dir, const char *path,
                                                 uint32_t lookup)
{
    return guest_call(&t->g, "path_filestat_get", dir, lookup, GUEST_PATH,
                      put_path(t, GUEST_PATH, path), GUEST_RESULT);
}

__attribute__((unused)) static uint32_t two(tree *t, const char *name, uint32_t from_dir,
                                            const char *from, uint32_t to_dir, const char *to)
{
    uint32_t first = put_path(t, GUEST_PATH, from), second = put_path(t, 5 * 1024, to);

    if (strcmp(name, "path_symlink") == 0)
        return guest_call(&t->g, name, GUEST_PATH, first, to_dir, 5 * 1024, second);
    if (strcmp(name, "path_link") == 0)
        return guest_call(&t->g, name, from_dir, 0, GUEST_PATH, first, to_dir, 5 * 1024, second);
    return guest_call(&t->g, name, from_dir, GUEST_PATH, first, to_dir, 5 * 1024, second);
}

__attribute__((unused)) static void close_fd(tree *t, uint32_t fd)
{
    CHECK_EQ_UINT(guest_call(&t->g, "fd_close", fd), WASI_SUCCESS);
}

#endif
