/* SPDX-License-Identifier: Apache-2.0
 * versions_dir.c — reading the directory that keeps versions, and who may have written it.
 *
 * How:     DIR is opened as the administrator named it; everything beneath is opened from there,
 *          one name at a time and never through a symbolic link, and judged by its descriptor:
 *          right kind, owned by root or by DIR's owner, writable by nobody else. Then its content
 *          is what the administrator put there, whatever happens to names meanwhile. (An access
 *          control list that lets others write shows in the group's bits of the mode, so it is seen
 *          too.) versions_changed() is for whoever looks four times a second: it compares what one
 *          stat() says. The clock of a file system ticks every few milliseconds, so a file that
 *          changed only just now is looked into once more, as git does with its index.
 * Memory:  descriptors in versions_dir; blocks for the caller. Threads: none of its own.
 */
#include "versions.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A file that was changed less than this ago may change again without looking different. */
#define SETTLED_NANOSECONDS 200000000

static bool is_ours(const versions_dir *dir, const struct stat *st)
{
    return (st->st_uid == 0 || st->st_uid == dir->owner) &&
           (st->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* Judges what is open as `fd`; name is its path beneath DIR, "" for DIR itself. */
static versions_status judge(const versions_dir *dir, int fd, const char *name, bool directory,
                             struct stat *st, versions_fault *fault)
{
    const char *slash = name[0] != '\0' ? "/" : "";

    if (fstat(fd, st) != 0)
        return versions_fail(fault, VERSIONS_SYSTEM, errno, "%s%s%s", dir->path, slash, name);
    if (directory ? !S_ISDIR(st->st_mode) : !S_ISREG(st->st_mode))
        return versions_fail(fault, VERSIONS_DAMAGED, 0, "%s%s%s is not a %s", dir->path, slash,
                             name, directory ? "directory" : "regular file");
    if (!is_ours(dir, st))
        return versions_fail(fault, VERSIONS_UNSAFE, 0,
                             "%s%s%s (owner %u, mode %o) could have been written by somebody else; "
                             "it must belong to root or to the owner of %s (%u), and no group or "
                             "others may write to it: chown and chmod go-w",
                             dir->path, slash, name, (unsigned)st->st_uid,
                             (unsigned)(st->st_mode & 07777), dir->path, (unsigned)dir->owner);
    return VERSIONS_OK;
}

static versions_status cannot_open(const versions_dir *dir, const char *folder, const char *name,
                                   int error, versions_fault *fault)
{
    if (error == ELOOP || error == EMLINK)
        return versions_fail(fault, VERSIONS_UNSAFE, 0,
                             "%s/%s%s is a symbolic link; put the file itself there", dir->path,
                             folder, name);
    return versions_fail(fault, VERSIONS_SYSTEM, error, "%s/%s%s", dir->path, folder, name);
}

static versions_status open_part(versions_dir *dir, const char *name, int *fd,
                                 versions_fault *fault)
{
    struct stat st;

    *fd = openat(dir->root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*fd < 0 && errno == ENOENT)
        return versions_fail(fault, VERSIONS_NONE, 0,
                             "there is no directory %s/%s; `wasmserve plugin -d %s add` makes it",
                             dir->path, name, dir->path);
    if (*fd < 0 && errno == ENOTDIR)
        return versions_fail(fault, VERSIONS_UNSAFE, 0,
                             "%s/%s is not a directory, or a symbolic link to one; put the "
                             "directory itself there",
                             dir->path, name);
    if (*fd < 0)
        return cannot_open(dir, "", name, errno, fault);
    return judge(dir, *fd, name, true, &st, fault);
}

versions_status versions_open(const char *path, versions_digest_fn digest, versions_dir *dir,
                              versions_fault *fault)
{
    versions_status status;
    struct stat st;

    *dir = (versions_dir){
        .path = path, .digest = digest, .root = -1, .modules = -1, .plugins = -1, .lock = -1};
    dir->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir->root < 0 || fstat(dir->root, &st) != 0)
        return versions_fail(fault, errno == ENOENT ? VERSIONS_NONE : VERSIONS_SYSTEM, errno,
                             "the directory of versions %s", path);
    dir->owner = st.st_uid;
    status = judge(dir, dir->root, "", true, &st, fault);
    if (status == VERSIONS_OK)
        status = open_part(dir, "modules", &dir->modules, fault);
    if (status == VERSIONS_OK)
        status = open_part(dir, "plugins", &dir->plugins, fault);
    if (status != VERSIONS_OK)
        versions_close(dir);
    return status;
}

void versions_close(versions_dir *dir)
{
    int *const fds[] = {&dir->root, &dir->modules, &dir->plugins, &dir->lock};

    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
        *fds[i] = -1;
    }
}

/* ---- files ----------------------------------------------------------------------------------- */

/* Reads what is open as `fd` to its end, or fails if that has more than `size` bytes. */
static bool read_whole(int fd, char *buffer, size_t size, size_t *length)
{
    *length = 0;
    for (;;) {
        ssize_t got = read(fd, buffer + *length, size - *length);

        if (got == 0)
            return true;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return false;
        *length += (size_t)got;
        if (*length == size) {
            errno = EFBIG;
            return false;
        }
    }
}

/* The content of folder/name, which is open in `at`, up to `most` bytes. */
static versions_status read_file(const versions_dir *dir, int at, const char *folder,
                                 const char *name, size_t most, char **bytes, size_t *length,
                                 versions_fault *fault)
{
    char path[160];
    versions_status status;
    struct stat st;
    /* Not to wait for the writer of a pipe that somebody put there; it is refused next. */
    int fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    snprintf(path, sizeof path, "%s%s", folder, name);
    if (fd < 0)
        return cannot_open(dir, folder, name, errno, fault);
    status = judge(dir, fd, path, false, &st, fault);
    if (status == VERSIONS_OK && st.st_size > (off_t)most)
        status = versions_fail(fault, VERSIONS_DAMAGED, 0,
                               "%s/%s has %lld bytes; more than %zu are not read", dir->path, path,
                               (long long)st.st_size, most);
    if (status == VERSIONS_OK) {
        /* One byte of room more than there should be shows that there is not more. */
        size_t room = (size_t)st.st_size + 1;

        *bytes = malloc(room);
        if (*bytes == NULL || !read_whole(fd, *bytes, room, length)) {
            status = versions_fail(fault, VERSIONS_SYSTEM, errno, "%s/%s", dir->path, path);
            free(*bytes);
            *bytes = NULL;
        }
    }
    close(fd);
    return status;
}

versions_status versions_read(const versions_dir *dir, const char *name, versions_record *record,
                              versions_fault *fault)
{
    versions_status status;
    char *text = NULL;
    size_t length = 0;

    versions_record_init(record, name);
    if (!versions_is_name(name))
        return versions_fail(fault, VERSIONS_REFUSED, 0,
                             "\"%.100s\" cannot have versions: its name must be 1 to 64 letters, "
                             "digits, '-', '_' and '.', and not begin with '.'",
                             name);
    if (faccessat(dir->plugins, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
        return versions_fail(fault, VERSIONS_NONE, 0,
                             "the directory %s has no version of the plugin %s; add one: "
                             "`wasmserve plugin -d %s add %s FILE.wasm`",
                             dir->path, name, dir->path, name);
    status = read_file(dir, dir->plugins, "plugins/", name, VERSIONS_RECORD_BYTES, &text, &length,
                       fault);
    if (status != VERSIONS_OK)
        return status;
    status = versions_record_parse(record, name, text, length, fault);
    free(text);
    return status;
}

versions_status versions_read_module(const versions_dir *dir, const char *hex, uint8_t **bytes,
                                     size_t *length, versions_fault *fault)
{
    char name[VERSIONS_HEX_SIZE + 8], found[VERSIONS_HEX_SIZE], *text = NULL;
    versions_status status;

    snprintf(name, sizeof name, "%s.wasm", hex);
    status =
        read_file(dir, dir->modules, "modules/", name, VERSIONS_MODULE_BYTES, &text, length, fault);
    if (status != VERSIONS_OK)
        return status;
    dir->digest(text, *length, found);
    if (strcmp(found, hex) != 0) {
        free(text);
        return versions_fail(fault, VERSIONS_DAMAGED, 0,
                             "%s/modules/%s is not the module that it is named by: it has "
                             "sha256:%s; remove it and add the version again",
                             dir->path, name, found);
    }
    *bytes = (uint8_t *)text;
    return VERSIONS_OK;
}

bool versions_has_module(const versions_dir *dir, const char *hex)
{
    char name[VERSIONS_HEX_SIZE + 8];

    snprintf(name, sizeof name, "%s.wasm", hex);
    return faccessat(dir->modules, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void versions_names_free(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

versions_status versions_names(const versions_dir *dir, char ***names, size_t *count,
                               versions_fault *fault)
{
    int copy = openat(dir->plugins, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = copy >= 0 ? fdopendir(copy) : NULL;
    size_t room = 0;
    struct dirent *entry;

    *names = NULL;
    *count = 0;
    if (list == NULL) {
        int error = errno;

        if (copy >= 0)
            close(copy);
        return versions_fail(fault, VERSIONS_SYSTEM, error, "%s/plugins", dir->path);
    }
    errno = 0;
    while ((entry = readdir(list)) != NULL) {
        if (!versions_is_name(entry->d_name))
            continue;
        if (*count == room) {
            char **bigger;

            room = room > 0 ? 2 * room : 16;
            bigger = realloc(*names, room * sizeof *bigger);
            if (bigger == NULL)
                break;
            *names = bigger;
        }
        (*names)[*count] = strdup(entry->d_name);
        if ((*names)[*count] == NULL)
            break;
        (*count)++;
        errno = 0;
    }
    if (errno != 0) {
        versions_fail(fault, VERSIONS_SYSTEM, errno, "%s/plugins", dir->path);
        versions_names_free(*names, *count);
        closedir(list);
        return VERSIONS_SYSTEM;
    }
    closedir(list);
    if (*count > 0)
        qsort(*names, *count, sizeof **names, compare_names);
    return VERSIONS_OK;
}

/* ---- looking often --------------------------------------------------------------------------- */

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* Whether the file has been as it is for so long that a change would show. */
static bool is_settled(const struct timespec *changed)
{
    struct timespec now;
    int64_t age;

    clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec - changed->tv_sec > 1)
        return true;
    age = (int64_t)(now.tv_sec - changed->tv_sec) * 1000000000 + now.tv_nsec - changed->tv_nsec;
    return age > SETTLED_NANOSECONDS;
}

bool versions_changed(const char *path, const char *name, versions_mark *mark)
{
    char file[4096];
    struct stat st;
    versions_mark now = {.settled = true};
    bool same;

    if ((size_t)snprintf(file, sizeof file, "%s/plugins/%s", path, name) >= sizeof file)
        return true; /* whoever reads it will say why that does not work */
    if (lstat(file, &st) == 0) {
        now = (versions_mark){.settled = is_settled(&st.st_ctim),
                              .device = st.st_dev,
                              .inode = st.st_ino,
                              .size = st.st_size,
                              .modified = st.st_mtim,
                              .changed = st.st_ctim};
    }
    same = mark->settled && mark->device == now.device && mark->inode == now.inode &&
           mark->size == now.size && same_time(&mark->modified, &now.modified) &&
           same_time(&mark->changed, &now.changed);
    *mark = now;
    return !same;
}
