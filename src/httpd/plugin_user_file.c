/* SPDX-License-Identifier: Apache-2.0
 * plugin_user_file.c — a module's file that an .htaccess names: found, judged and opened.
 *
 * How:     the word is looked at first, then each name of it is opened from the directory before it
 *          (O_PATH, which touches nothing but the name, and never follows a link) and judged by
 *          what is open: whoever exchanges names meanwhile exchanges them for something that is
 *          judged as well. The last one is opened for reading only when it is known to be a regular
 *          file, and must still be the same. There is no check for other names of a file (hard
 *          links): a link to a file of somebody else has that owner, and one to a file of one's own
 *          is harmless.
 *
 * Without anything of httpd's at run time, so that a unit test can link it.
 *
 * Memory and threads: see the header.
 */
#include "plugin_user_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORD_BYTES 1024

/* A change within this time of another might leave the times as they were. */
#define SETTLED_NANOSECONDS 200000000

/* ---- words ----------------------------------------------------------------------------------- */

static void plain(const char *text, char *to, size_t size)
{
    size_t i = 0;

    for (; i < size - 1 && text[i] != '\0'; i++) {
        to[i] = text[i] >= 0x20 && text[i] <= 0x7e ? text[i] : '?';
    }
    to[i] = '\0';
}

static bool refuse(char *why, const char *directory, const char *word, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static bool refuse(char *why, const char *directory, const char *word, const char *format, ...)
{
    char where[300], shown[300];
    size_t length;
    va_list args;

    plain(directory, where, sizeof(where));
    plain(word, shown, sizeof(shown));
    snprintf(why, USER_FILE_WHY, "the module %s of %s ", shown, where);
    length = strlen(why);
    va_start(args, format);
    vsnprintf(why + length, USER_FILE_WHY - length, format, args);
    va_end(args);
    return false;
}

/* Whether one of the names between the slashes is this. */
static bool has_part(const char *word, const char *name)
{
    for (const char *part = word;; part++) {
        size_t length = strcspn(part, "/");

        if (length == strlen(name) && strncmp(part, name, length) == 0) {
            return true;
        }
        part += length;
        if (*part == '\0') {
            return false;
        }
    }
}

/* What is wrong with the word by itself, or NULL. */
static const char *word_complaint(const char *word)
{
    if (word[0] == '/') {
        return "has an absolute path; a module must lie in the directory of its .htaccess or below "
               "it: write ./NAME.wasm";
    }
    if (strlen(word) >= WORD_BYTES) {
        return "has a path that is too long";
    }
    for (const char *c = word; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            return "has a control character in its name; rename the file";
        }
    }
    if (has_part(word, "..")) {
        return "has a path with \"..\"; a module must lie in the directory of its .htaccess or "
               "below "
               "it";
    }
    if (strncmp(word, "./", 2) != 0) {
        return "has a path that does not begin with \"./\"; write ./ in front of it";
    }
    if (has_part(word + 2, "") || has_part(word + 2, ".")) {
        return "has a path that names no file; write ./NAME.wasm";
    }
    return NULL;
}

/* ---- judging --------------------------------------------------------------------------------- */

static const char *kind_complaint(mode_t mode, bool directory)
{
    if (S_ISLNK(mode)) {
        return "a symbolic link; put the file itself there";
    }
    if (directory) {
        return S_ISDIR(mode) ? NULL : "not a directory";
    }
    if (S_ISREG(mode)) {
        return NULL;
    }
    return S_ISDIR(mode)    ? "a directory; name the .wasm file in it"
           : S_ISFIFO(mode) ? "a pipe; put a file there"
           : S_ISSOCK(mode) ? "a socket; put a file there"
                            : "a device; put a file there";
}

struct walk {
    const char *directory, *word;
    uid_t owner; /* of the directory */
    char *why;
};

/* Judges one name on the way; part is what the log calls it. */
static bool judge(const struct walk *walk, const struct stat *st, const char *part, bool directory)
{
    const char *complaint = kind_complaint(st->st_mode, directory);
    char shown[300];

    plain(part, shown, sizeof(shown));
    if (complaint != NULL) {
        return refuse(walk->why, walk->directory, walk->word, "cannot be used: %s is %s", shown,
                      complaint);
    }
    if (st->st_uid != walk->owner) {
        return refuse(walk->why, walk->directory, walk->word,
                      "cannot be used: %s belongs to another user (%u) than the directory of the "
                      ".htaccess (%u); chown it, or copy it as its owner",
                      shown, (unsigned)st->st_uid, (unsigned)walk->owner);
    }
    if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return refuse(walk->why, walk->directory, walk->word,
                      "cannot be used: %s can be written to by %s (mode %o); chmod go-w it", shown,
                      (st->st_mode & S_IWOTH) != 0 ? "everybody" : "its group",
                      (unsigned)(st->st_mode & 07777));
    }
    if (directory) {
        return true;
    }
    if ((st->st_mode & (S_ISUID | S_ISGID)) != 0) {
        return refuse(walk->why, walk->directory, walk->word,
                      "cannot be used: %s is set%s; chmod a-s it, a module needs no such right",
                      shown, (st->st_mode & S_ISUID) != 0 ? "uid" : "gid");
    }
    if (st->st_size == 0) {
        return refuse(walk->why, walk->directory, walk->word,
                      "cannot be used: it is empty; copy the file again");
    }
    if (st->st_size > USER_FILE_BYTES) {
        return refuse(walk->why, walk->directory, walk->word,
                      "cannot be used: it has %lld bytes, and more than %lld are not taken from "
                      ".htaccess; make it smaller (wasm-opt -Os, wasm-strip), or have the "
                      "administrator define a plugin",
                      (long long)st->st_size, (long long)USER_FILE_BYTES);
    }
    return true;
}

static bool cannot(const struct walk *walk, const char *part, int error)
{
    char shown[300];

    plain(part, shown, sizeof(shown));
    return refuse(walk->why, walk->directory, walk->word, "cannot be opened: %s: %s%s", shown,
                  strerror(error),
                  error == ENOENT   ? "; names are taken as they are written, without %-escapes"
                  : error == EACCES ? "; the server's user must be able to read it"
                                    : "");
}

/* Goes down to the directory that holds the last name; *name is that name. Returns a descriptor or
 * -1 with walk->why. */
static int go_down(struct walk *walk, const char **name)
{
    char part[WORD_BYTES];
    struct stat st;
    int at = open(walk->directory, O_PATH | O_DIRECTORY | O_CLOEXEC), next;

    if (at < 0 || fstat(at, &st) != 0) {
        int error = errno;

        if (at >= 0) {
            close(at);
        }
        cannot(walk, "the directory", error);
        return -1;
    }
    walk->owner = st.st_uid;
    if (!judge(walk, &st, "the directory of the .htaccess", true)) {
        close(at);
        return -1;
    }
    *name = walk->word + 2;
    for (const char *slash; (slash = strchr(*name, '/')) != NULL; *name = slash + 1) {
        size_t length = (size_t)(slash - *name);
        bool good;

        memcpy(part, *name, length);
        part[length] = '\0';
        next = openat(at, part, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0 || fstat(next, &st) != 0) {
            good = cannot(walk, part, errno);
        } else {
            good = judge(walk, &st, part, true);
        }
        close(at);
        if (!good) {
            if (next >= 0) {
                close(next);
            }
            return -1;
        }
        at = next;
    }
    return at;
}

static void remember(struct user_file *file, const struct stat *st)
{
    file->device = st->st_dev;
    file->inode = st->st_ino;
    file->size = st->st_size;
    file->modified = st->st_mtim;
    file->changed = st->st_ctim;
    file->owner = st->st_uid;
}

/* Opens for reading what was judged as `before`; it must still be that. */
static bool open_judged(const struct walk *walk, int at, const char *name,
                        const struct stat *before, struct user_file *file)
{
    int fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat now = {.st_size = 0};
    bool good;

    if (fd < 0 || fstat(fd, &now) != 0) {
        good = cannot(walk, name, errno);
    } else if (now.st_dev != before->st_dev || now.st_ino != before->st_ino) {
        good = refuse(walk->why, walk->directory, walk->word,
                      "was exchanged while it was being looked at; ask again");
    } else {
        good = judge(walk, &now, name, false);
    }
    if (good) {
        remember(file, &now);
        file->fd = fd;
    } else if (fd >= 0) {
        close(fd);
    }
    return good;
}

/* Opens the last name, which lies in `at`. */
static bool open_last(const struct walk *walk, int at, const char *name, struct user_file *file)
{
    int seen = openat(at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    bool good;

    if (seen < 0 || fstat(seen, &st) != 0) {
        good = cannot(walk, name, errno);
    } else {
        /* `seen` stays open until the other is: the number of its inode cannot be given to another
         * file meanwhile. */
        good = judge(walk, &st, name, false) && open_judged(walk, at, name, &st, file);
    }
    if (seen >= 0) {
        close(seen);
    }
    return good;
}

bool user_file_open(const char *directory, const char *word, struct user_file *file, char *why)
{
    struct walk walk = {.directory = directory, .word = word, .why = why};
    const char *complaint = word_complaint(word), *name;
    bool opened;
    int at;

    if (complaint != NULL) {
        return refuse(why, directory, word, "%s", complaint);
    }
    at = go_down(&walk, &name);
    if (at < 0) {
        return false;
    }
    opened = open_last(&walk, at, name, file);
    close(at);
    return opened;
}

/* ---- afterwards ------------------------------------------------------------------------------ */

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool user_file_same(const struct user_file *a, const struct user_file *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->owner == b->owner && same_time(&a->modified, &b->modified) &&
           same_time(&a->changed, &b->changed);
}

bool user_file_settled(const struct user_file *file)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec - file->changed.tv_sec > 1) {
        return true;
    }
    return (int64_t)(now.tv_sec - file->changed.tv_sec) * 1000000000 + now.tv_nsec -
               file->changed.tv_nsec >
           SETTLED_NANOSECONDS;
}

unsigned char *user_file_read(const struct user_file *file, size_t *length)
{
    size_t room = (size_t)file->size, used = 0;
    unsigned char *bytes = malloc(room > 0 ? room : 1);
    struct user_file now = {.fd = file->fd};
    struct stat st = {.st_size = 0};
    int error = 0;

    if (bytes == NULL) {
        return NULL;
    }
    while (used < room) {
        ssize_t got = pread(file->fd, bytes + used, room - used, (off_t)used);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            error = got < 0 ? errno : EAGAIN; /* it has become shorter */
            break;
        }
        used += (size_t)got;
    }
    if (error == 0) {
        error = fstat(file->fd, &st) != 0 ? errno : 0;
    }
    if (error == 0) {
        remember(&now, &st);
        error = user_file_same(file, &now) ? 0 : EAGAIN;
    }
    if (error != 0) {
        free(bytes);
        errno = error;
        return NULL;
    }
    *length = used;
    return bytes;
}
