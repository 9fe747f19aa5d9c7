/* SPDX-License-Identifier: Apache-2.0
 * cache_keep.c — cache.h: a directory that several processes fill at once, and for years.
 *
 * How:     Who compiles a module holds a byte of the file `.lock`, whose place is the module's key:
 *          a lock of an open file description, so that it holds between threads too, and goes with
 *          whoever held it. Others wait for it, and then find the file of code. That they cannot
 *          lock (a directory that is not theirs), or that somebody holds it for longer than
 *          compiling could take, or than they have patience for, keeps nobody from compiling for
 *          himself.
 *
 *          Names begin with the engine's build. After a file was written, those of other builds
 *          that nobody has used for a day are removed, and if there is more than CACHE_BYTES_MAX,
 *          those that were used the longest ago. What was used is said by the time of access, which
 *          cache_load() sets itself: many file systems do not. Code that is mapped stays when its
 *          name goes.
 * Memory:  a list of the directory's files while it is looked through.
 * Threads: any.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cache.h"

#define CACHE_BYTES_MAX ((uint64_t)1 << 30)

enum {
    TRY_EVERY = 20,           /* milliseconds */
    WAIT_MAX = 120 * 1000,    /* milliseconds; 20 MB of a module take a tenth of it */
    UNUSED_FOR = 24 * 3600,   /* seconds that a file of another build is kept for */
    HEX = 2 * sizeof(digest), /* of a key in a name */
};

/* ---- who compiles ---------------------------------------------------------------------------- */

/* Root's tool makes it for those whose directory it is. What is there by that name already may be
 * a link that they have made to anything, and keeps its owner. */
static int open_lock(const wasm_compile_options *options)
{
    const int flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    wasm_compile_options quiet = *options;
    struct stat info;
    int directory, fd;

    quiet.note = NULL; /* who looked for the file has heard it */
    directory = cache_open(&quiet);
    if (directory < 0)
        return -1;
    fd = openat(directory, ".lock", flags);
    if (fd < 0 && errno == ENOENT) {
        fd = openat(directory, ".lock", flags | O_CREAT | O_EXCL, 0600);
        if (fd < 0 && errno == EEXIST) {
            fd = openat(directory, ".lock", flags); /* somebody was quicker */
        } else if (fd >= 0 && geteuid() == 0 && fstat(directory, &info) == 0 &&
                   fchown(fd, info.st_uid, info.st_gid) != 0) {
            close(fd);
            fd = -1;
        }
    }
    close(directory);
    return fd;
}

int cache_lock(const wasm_compile_options *options, const digest *key, bool (*stop)(void *baton),
               void *stop_baton)
{
    const struct timespec pause = {.tv_nsec = TRY_EVERY * 1000000L};
    struct flock lock = {.l_type = F_WRLCK,
                         .l_whence = SEEK_SET,
                         .l_start = (off_t)(key->words[0] >> 2),
                         .l_len = 1};
    const uint32_t patience = options->patience ? options->patience : WAIT_MAX;
    int fd = open_lock(options);

    for (uint32_t left = patience / TRY_EVERY; fd >= 0; left--) {
        if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
            return fd;
        if ((errno != EAGAIN && errno != EACCES) || left == 0 || (stop && stop(stop_baton))) {
            close(fd);
            fd = -1;
        } else {
            nanosleep(&pause, NULL);
        }
    }
    return fd;
}

void cache_unlock(int lock)
{
    if (lock >= 0)
        close(lock);
}

/* ---- what is kept ---------------------------------------------------------------------------- */

typedef struct kept {
    char name[CACHE_NAME_BYTES];
    uint64_t bytes;
    int64_t used; /* seconds */
    bool ours;    /* of this engine */
} kept;

static bool is_hex(const char *text, size_t length)
{
    return strspn(text, "0123456789abcdef") >= length;
}

/* A file of code, of whichever engine: [BUILD-]KEY.code. */
static bool is_code(const char *name)
{
    const char *dash = strchr(name, '-');

    if (dash && (dash - name != CACHE_BUILD || !is_hex(name, CACHE_BUILD)))
        return false;
    name = dash ? dash + 1 : name;
    return is_hex(name, HEX) && strcmp(name + HEX, ".code") == 0;
}

/* What a writer has left that was killed: NAME.PROCESS.ADDRESS.new */
static bool is_left(const char *name)
{
    const char *code = strstr(name, ".code.");
    const size_t length = strlen(name);

    return code && length > 4 && is_hex(name, 1) && strcmp(name + length - 4, ".new") == 0;
}

static int by_use(const void *a, const void *b)
{
    const kept *x = a, *y = b;

    return x->used < y->used ? -1 : x->used > y->used;
}

static void look_at(int directory, const char *name, kept **list, size_t *count, int64_t now)
{
    struct stat info;
    kept *longer;

    if ((!is_code(name) && !is_left(name)) ||
        fstatat(directory, name, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return;
    if (is_left(name)) {
        if (now - info.st_mtime > UNUSED_FOR)
            unlinkat(directory, name, 0);
        return;
    }
    longer = realloc(*list, (*count + 1) * sizeof **list);
    if (!longer)
        return;
    *list = longer;
    longer += (*count)++;
    memcpy(longer->name, name, strlen(name) + 1);
    longer->bytes = S_ISREG(info.st_mode) ? (uint64_t)info.st_size : 0;
    longer->used = info.st_atime > info.st_mtime ? info.st_atime : info.st_mtime;
    longer->ours = cache_name_is_ours(name);
}

void cache_prune(int directory, const char *newest, const wasm_compile_options *options)
{
    int again = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = again >= 0 ? fdopendir(again) : NULL;
    const int64_t now = time(NULL);
    const struct dirent *entry;
    uint64_t bytes = 0;
    kept *list = NULL;
    size_t count = 0;

    if (!entries) {
        if (again >= 0)
            close(again);
        return;
    }
    while ((entry = readdir(entries)))
        look_at(directory, entry->d_name, &list, &count, now);
    closedir(entries);
    for (size_t i = 0; i < count; i++)
        bytes += list[i].bytes;
    if (count > 1)
        qsort(list, count, sizeof *list, by_use);
    for (size_t i = 0; i < count; i++) {
        const bool foreign = !list[i].ours && now - list[i].used > UNUSED_FOR;

        if ((!foreign && bytes <= CACHE_BYTES_MAX) || strcmp(list[i].name, newest) == 0 ||
            unlinkat(directory, list[i].name, 0) != 0)
            continue;
        bytes -= list[i].bytes;
        cache_note(options, false, "%s/%s is removed: %s", options->cache, list[i].name,
                   foreign ? "it is of another engine, and nobody uses it"
                           : "there is no room for all");
    }
    free(list);
}
