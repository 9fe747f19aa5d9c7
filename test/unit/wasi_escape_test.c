/* SPDX-License-Identifier: Apache-2.0
 * wasi_escape_test.c — attempts to get out of a granted directory, all refused: at rest, and while
 * another process renames and re-links what the paths go through. layers: wasi
 *
 * How:     The table has a row for each attempt: a function and the path or paths it is given. At
 *          rest each must end in an error. Then a process of its own plays with the tree:
 *
 *            in/hop        by turns a directory and a link to ../outside
 *            in/leaf       by turns a file and a link to ../outside/secret
 *            in/sub/deep   by turns there, at the top of in, and outside of it
 *
 *          and each attempt is repeated a few hundred times under it. Now some may succeed, because
 *          their path leads to something inside at that moment: what they see must then be what is
 *          inside, and in the end nothing outside has changed: not its names, contents, links,
 *          modes or times. Everything happens twice, with openat2() and with the walk.
 */
#include "wasi_tree.h"
#include "unit_fork.h"

#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>

enum { TEXT_AT = 8 * 1024, ROUNDS = 150 };

enum act {
    READ,          /* open and read */
    READ_NOFOLLOW, /* without following a link at the end */
    WRITE,         /* open for writing, and write */
    CREATE,
    TRUNCATE,
    OPEN_DIRECTORY, /* open, and then its ".." and "../outside/secret" */
    STAT,
    TIMES,
    READLINK,
    MAKE_DIRECTORY,
    REMOVE_DIRECTORY,
    UNLINK,
    RENAME, /* the two paths */
    LINK,
    LINK_FOLLOW,
    SYMLINK, /* the first is the target */
};

static const struct attempt {
    enum act act;
    const char *path, *other;
} attempts[] = {
    {READ, "../outside/secret", NULL},
    {READ, "sub/../../outside/secret", NULL},
    {READ, "./sub/.././../outside/secret", NULL},
    {READ, "sub/deep/../../../outside/secret", NULL},
    {READ, "/etc/passwd", NULL},
    {READ, "//etc/passwd", NULL},
    {READ, "escape-abs/secret", NULL},
    {READ, "escape-rel/secret", NULL},
    {READ, "escape-rel/dir/../secret", NULL},
    {READ, "escape-file", NULL},
    {READ, "escape-root/etc/passwd", NULL},
    {READ, "escape-root/proc/self/root/etc/passwd", NULL},
    {READ, "/proc/self/cwd", NULL},
    {READ, "link-sub/../escape-rel/secret", NULL},
    {READ, "magic/../../outside/secret", NULL},
    {READ, "magic-fd", NULL},
    {READ, "hop/secret", NULL},
    {READ, "hop/../outside/secret", NULL},
    {READ, "hop/dir/../secret", NULL},
    {READ, "sub/deep/../../outside/secret", NULL},
    {READ, "leaf", NULL},
    {READ, "chain", NULL},
    {READ_NOFOLLOW, "escape-file", NULL},
    {READ_NOFOLLOW, "hop/secret", NULL},
    {WRITE, "hop/secret", NULL},
    {WRITE, "leaf", NULL},
    {WRITE, "escape-file", NULL},
    {CREATE, "../outside/made", NULL},
    {CREATE, "hop/made", NULL},
    {CREATE, "escape-rel/made", NULL},
    {CREATE, "far", NULL},
    {TRUNCATE, "leaf", NULL},
    {TRUNCATE, "hop/secret", NULL},
    {TRUNCATE, "escape-abs/secret", NULL},
    {OPEN_DIRECTORY, "..", NULL},
    {OPEN_DIRECTORY, "hop", NULL},
    {OPEN_DIRECTORY, "sub/deep/../../..", NULL},
    {OPEN_DIRECTORY, "escape-root", NULL},
    {STAT, "hop/secret", NULL},
    {STAT, "../outside/secret", NULL},
    {STAT, "escape-abs/", NULL},
    {TIMES, "hop/secret", NULL},
    {TIMES, "leaf", NULL},
    {TIMES, "escape-file", NULL},
    {READLINK, "../in/leaf", NULL},
    {READLINK, "escape-root/proc/self/exe", NULL},
    {MAKE_DIRECTORY, "hop/made", NULL},
    {MAKE_DIRECTORY, "../outside/made", NULL},
    {REMOVE_DIRECTORY, "hop/dir", NULL},
    {REMOVE_DIRECTORY, "escape-rel/dir", NULL},
    {UNLINK, "hop/secret", NULL},
    {UNLINK, "sub/deep/../../../outside/secret", NULL},
    {RENAME, "hop/secret", "stolen"},
    {RENAME, "file", "hop/made"},
    {RENAME, "file", "../outside/made"},
    {RENAME, "escape-rel/secret", "stolen"},
    {LINK, "hop/secret", "stolen"},
    {LINK, "file", "hop/made"},
    {LINK, "file", "escape-rel/made"},
    {LINK_FOLLOW, "leaf", "stolen"},
    {LINK_FOLLOW, "escape-file", "stolen"},
    {SYMLINK, "file", "hop/made"},
    {SYMLINK, "file", "../outside/made"},
    {SYMLINK, "/etc/passwd", "made-link"},
    {SYMLINK, "../outside/secret", "made-link"},
};

/* ---- one attempt ----------------------------------------------------------------------------- */

/* Reads the descriptor; the secret must not be what is there. */
static void see(tree *t, uint32_t fd)
{
    char text[64] = "";
    uint32_t got;

    if (guest_read(&t->g, fd, text, sizeof text - 1, &got) == WASI_SUCCESS) {
        text[got] = '\0';
        CHECK(strstr(text, "secret") == NULL);
        CHECK(strstr(text, "root:") == NULL);
    }
}

static uint32_t attempt_open(tree *t, const char *path, uint32_t lookup, uint32_t oflags,
                             uint64_t rights)
{
    uint32_t fd, error = open_with(t, W, path, lookup, oflags, rights, 0, &fd);

    if (error == WASI_SUCCESS) {
        see(t, fd);
        if (rights & WASI_RIGHT_FD_WRITE)
            guest_write(&t->g, fd, "guest", 5, NULL);
        close_fd(t, fd);
    }
    return error;
}

/* From a directory that could be opened, wherever it is by now, there is no way up. */
static uint32_t attempt_directory(tree *t, const char *path)
{
    static const char *const ups[] = {"..", "../secret", "../outside/secret",
                                      "../../outside/secret"};
    uint32_t dir, fd, error;

    error = open_with(t, W, path, 1, WASI_OFLAG_DIRECTORY, UINT64_MAX, 0, &dir);
    if (error != WASI_SUCCESS)
        return error;
    for (size_t i = 0; i < sizeof ups / sizeof ups[0]; i++) {
        uint32_t up = open_read(t, dir, ups[i], &fd);

        CHECK(up != WASI_SUCCESS);
        if (up == WASI_SUCCESS)
            close_fd(t, fd);
    }
    if (open_read(t, dir, "secret", &fd) == WASI_SUCCESS) {
        see(t, fd);
        close_fd(t, fd);
    }
    close_fd(t, dir);
    return WASI_SUCCESS;
}

static uint32_t attempt_link(tree *t, const struct attempt *a, uint32_t lookup)
{
    uint32_t from = put_path(t, GUEST_PATH, a->path), to = put_path(t, 5 * 1024, a->other);

    return guest_call(&t->g, "path_link", W, lookup, GUEST_PATH, from, W, 5 * 1024, to);
}

static uint32_t attempt_now(tree *t, const struct attempt *a)
{
    uint32_t length;

    switch (a->act) {
    case READ: return attempt_open(t, a->path, 1, 0, READ_RIGHTS);
    case READ_NOFOLLOW: return attempt_open(t, a->path, 0, 0, READ_RIGHTS);
    case WRITE: return attempt_open(t, a->path, 1, 0, WRITE_RIGHTS);
    case CREATE: return attempt_open(t, a->path, 1, WASI_OFLAG_CREAT, WRITE_RIGHTS);
    case TRUNCATE: return attempt_open(t, a->path, 1, WASI_OFLAG_TRUNC, WRITE_RIGHTS);
    case OPEN_DIRECTORY: return attempt_directory(t, a->path);
    case STAT: return get_stat(t, W, a->path, 1);
    case TIMES:
        length = put_path(t, GUEST_PATH, a->path);
        return guest_call(&t->g, "path_filestat_set_times", W, 1, GUEST_PATH, length, 0,
                          UINT64_C(1000000000), WASI_FSTFLAG_MTIM);
    case READLINK:
        length = put_path(t, GUEST_PATH, a->path);
        return guest_call(&t->g, "path_readlink", W, GUEST_PATH, length, TEXT_AT, 100, 64);
    case MAKE_DIRECTORY: return simple(t, "path_create_directory", W, a->path);
    case REMOVE_DIRECTORY: return simple(t, "path_remove_directory", W, a->path);
    case UNLINK: return simple(t, "path_unlink_file", W, a->path);
    case RENAME: return two(t, "path_rename", W, a->path, W, a->other);
    case LINK: return attempt_link(t, a, 0);
    case LINK_FOLLOW: return attempt_link(t, a, 1);
    case SYMLINK: return two(t, "path_symlink", W, a->path, W, a->other);
    }
    return WASI_SUCCESS;
}

/* ---- what is outside ------------------------------------------------------------------------- */

/* Names, modes, links, sizes, times and the secret of what lies outside, as a text. */
static void fingerprint(tree *t, char *out, size_t size)
{
    static const char *const names[] = {"outside", "outside/secret", "outside/dir"};
    int dir = openat(t->fd, "outside", O_RDONLY | O_DIRECTORY);
    DIR *listing = fdopendir(dir);
    size_t at = 0, count = 0;

    while (readdir(listing) != NULL)
        count++;
    closedir(listing);
    at += (size_t)snprintf(out, size, "%zu names", count);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct stat st = {0};

        fstatat(t->fd, names[i], &st, AT_SYMLINK_NOFOLLOW);
        at += (size_t)snprintf(out + at, size - at, ", %s %o %ju links %jd bytes", names[i],
                               st.st_mode, (uintmax_t)st.st_nlink, (intmax_t)st.st_size);
        /* The directory's own times change when the other process moves "deep" into it. */
        if (i > 0)
            at += (size_t)snprintf(out + at, size - at, " at %jd.%09ld",
                                   (intmax_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    }
    get_file(t->fd, "outside/secret", out + at);
}

/* Puts the tree as it was: what an attempt may have done inside is undone. */
static void tidy(int in)
{
    static const char *const gone[] = {"stolen", "made-link", "hop/made", "hop/dir/made"};

    for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++) {
        if (unlinkat(in, gone[i], 0) != 0)
            unlinkat(in, gone[i], AT_REMOVEDIR);
    }
    if (faccessat(in, "file", F_OK, AT_SYMLINK_NOFOLLOW) != 0)
        put_file(in, "file", "hello");
}

/* ---- the other process ----------------------------------------------------------------------- */

static void play(tree *t, int in)
{
    for (;;) {
        renameat(in, "hop", in, "hop-kept");
        symlinkat("../outside", in, "hop");
        renameat(in, "sub/deep", in, "deep-up");
        symlinkat("../outside/secret", in, "next");
        renameat(in, "next", in, "leaf");
        renameat(in, "deep-up", t->fd, "outside/deep-out");
        unlinkat(in, "hop", 0);
        renameat(in, "hop-kept", in, "hop");
        linkat(in, "public", in, "next", 0);
        renameat(in, "next", in, "leaf");
        renameat(t->fd, "outside/deep-out", in, "sub/deep");
        /* What the guest took away inside is put back, so that there is always something to race
         * for. */
        mkdirat(in, "hop/dir", 0755);
        if (faccessat(in, "hop/secret", F_OK, AT_SYMLINK_NOFOLLOW) != 0 &&
            linkat(in, "public", in, "back", 0) == 0 && renameat(in, "back", in, "hop/secret") != 0)
            unlinkat(in, "back", 0);
    }
}

static pid_t start_playing(tree *t, int in)
{
    pid_t pid = unit_fork();

    if (pid == 0) {
        play(t, in);
        _exit(0);
    }
    return pid;
}

/* ---- the tests ------------------------------------------------------------------------------- */

static int escape_tree(tree *t)
{
    int in;

    if (!tree_open(t))
        return -1;
    in = openat(t->fd, "in", O_RDONLY | O_DIRECTORY);
    put_file(in, "public", "public");
    symlinkat("../outside", in, "hop");
    symlinkat("../outside/secret", in, "leaf");
    symlinkat("link-sub/../leaf", in, "chain");
    symlinkat("../outside/made", in, "far");
    symlinkat("/proc/self/cwd", in, "magic");
    symlinkat("/proc/self/fd/0", in, "magic-fd");
    return in;
}

TEST(every_attempt_is_refused)
{
    char before[600], after[600];
    tree t;
    int in = escape_tree(&t);

    REQUIRE(in >= 0);
    REQUIRE(sizeof attempts / sizeof attempts[0] >= 40);
    fingerprint(&t, before, sizeof before);
    for (int walk = 0; walk < 2; walk++) {
        t.g.wasi->has_openat2 = t.g.wasi->has_openat2 && walk == 0;
        for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
            const struct attempt *a = &attempts[i];

            CASE("walk %d, act %d, \"%s\"", walk, a->act, a->path);
            CHECK(attempt_now(&t, a) != WASI_SUCCESS);
        }
    }
    fingerprint(&t, after, sizeof after);
    CHECK_EQ_STR(after, before);
    close(in);
    tree_close(&t);
}

TEST(none_gets_out_while_the_tree_moves)
{
    char before[600], after[600];
    int inside = 0, refused = 0;
    tree t;
    int in = escape_tree(&t);
    pid_t other;

    REQUIRE(in >= 0);
    /* The game begins with a directory, a file of the secret's name in it, and a file. */
    unlinkat(in, "hop", 0);
    mkdirat(in, "hop", 0755);
    linkat(in, "public", in, "hop/secret", 0);
    mkdirat(in, "hop/dir", 0755);
    fingerprint(&t, before, sizeof before);
    other = start_playing(&t, in);
    REQUIRE(other > 0);
    for (int walk = 0; walk < 2; walk++) {
        t.g.wasi->has_openat2 = t.g.wasi->has_openat2 && walk == 0;
        for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
            CASE("walk %d, act %d, \"%s\"", walk, attempts[i].act, attempts[i].path);
            for (int round = 0; round < ROUNDS; round++) {
                if (attempt_now(&t, &attempts[i]) == WASI_SUCCESS)
                    inside++;
                else
                    refused++;
                tidy(in);
            }
        }
    }
    kill(other, SIGKILL);
    waitpid(other, NULL, 0);
    /* Where the game was interrupted, things may lie elsewhere; none of them may be new. */
    renameat(t.fd, "outside/deep-out", in, "deep-up");
    fingerprint(&t, after, sizeof after);
    CASE("afterwards");
    CHECK_EQ_STR(after, before);
    /* Neither side of the race was the only one to be met. */
    CHECK(inside > 0);
    CHECK(refused > ROUNDS * 40);
    close(in);
    tree_close(&t);
}
