/* SPDX-License-Identifier: Apache-2.0
 * versions_change.c — writing the directory that keeps versions, so that no reader ever sees half
 * of a change, whenever the writer dies.
 *
 * How:     Every file is written under a name that nobody reads (".new-…"), brought to the disk,
 *          and then renamed; then the directory is brought to the disk. A module is in place before
 *          a record mentions it. So after a crash between any two steps there is the old state or
 *          the new one, and perhaps a file that nobody reads, which the next writer removes.
 *          Writers take turns by a lock on DIR/lock; the kernel lifts it when its holder dies.
 *          Modes are set in so many words: a umask must not lock the server out, nor let others in.
 * Memory:  descriptors in versions_dir.
 * Threads: none of its own.
 */
#include "versions.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define UNFINISHED ".new-"

/* ---- beginning ------------------------------------------------------------------------------- */

/* Makes a directory with the mode that it shall have, if there is nothing of that name. */
static versions_status make_directory(const char *path, const char *part, versions_fault *fault)
{
    char name[4096];

    if ((size_t)snprintf(name, sizeof name, "%s%s", path, part) >= sizeof name)
        return versions_fail(fault, VERSIONS_SYSTEM, ENAMETOOLONG, "%.1000s", path);
    if (mkdir(name, 0755) == 0) {
        if (chmod(name, 0755) != 0)
            return versions_fail(fault, VERSIONS_SYSTEM, errno, "%.1000s", name);
    } else if (errno != EEXIST) {
        return versions_fail(fault, VERSIONS_SYSTEM, errno, "cannot make the directory %.1000s",
                             name);
    }
    return VERSIONS_OK;
}

static versions_status take_lock(versions_dir *dir, versions_fault *fault)
{
    dir->lock = openat(dir->root, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (dir->lock < 0)
        return versions_fail(fault, VERSIONS_SYSTEM, errno, "cannot open the lock %s/lock",
                             dir->path);
    while (flock(dir->lock, LOCK_EX) != 0)
        if (errno != EINTR)
            return versions_fail(fault, VERSIONS_SYSTEM, errno, "cannot lock %s/lock", dir->path);
    return VERSIONS_OK;
}

/* Removes what a writer left that died. The lock is held, so nobody is writing. */
static void sweep(int at)
{
    int copy = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = copy >= 0 ? fdopendir(copy) : NULL;
    struct dirent *entry;

    if (list == NULL) {
        if (copy >= 0)
            close(copy);
        return;
    }
    while ((entry = readdir(list)) != NULL)
        if (strncmp(entry->d_name, UNFINISHED, sizeof UNFINISHED - 1) == 0)
            unlinkat(at, entry->d_name, 0);
    closedir(list);
}

versions_status versions_begin(const char *path, versions_digest_fn digest, versions_dir *dir,
                               versions_fault *fault)
{
    static const char *const parts[] = {"", "/modules", "/plugins"};
    versions_status status = VERSIONS_OK;

    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && status == VERSIONS_OK; i++)
        status = make_directory(path, parts[i], fault);
    if (status == VERSIONS_OK)
        status = versions_open(path, digest, dir, fault);
    if (status != VERSIONS_OK)
        return status;
    status = take_lock(dir, fault);
    if (status != VERSIONS_OK) {
        versions_close(dir);
        return status;
    }
    sweep(dir->modules);
    sweep(dir->plugins);
    return VERSIONS_OK;
}

/* ---- one file -------------------------------------------------------------------------------- */

static bool write_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t put = write(fd, bytes, length);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        bytes += put;
        length -= (size_t)put;
    }
    return true;
}

/* Puts bytes into folder/name, in one step for whoever looks. */
static versions_status put_file(const versions_dir *dir, int at, const char *folder,
                                const char *name, mode_t mode, const void *bytes, size_t length,
                                versions_fault *fault)
{
    char unfinished[160];
    int fd, error;
    bool done;

    snprintf(unfinished, sizeof unfinished, UNFINISHED "%ld", (long)getpid());
    fd = openat(at, unfinished, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return versions_fail(fault, VERSIONS_SYSTEM, errno, "cannot write to %s/%s", dir->path,
                             folder);
    done = write_all(fd, bytes, length) && fchmod(fd, mode) == 0 && fsync(fd) == 0;
    error = errno;
    if (close(fd) != 0 && done) {
        done = false;
        error = errno;
    }
    if (done && renameat(at, unfinished, at, name) != 0) {
        done = false;
        error = errno;
    }
    if (!done) {
        unlinkat(at, unfinished, 0);
        return versions_fail(fault, VERSIONS_SYSTEM, error, "cannot write %s/%s/%s", dir->path,
                             folder, name);
    }
    /* The name itself. Some file systems cannot do that for a directory, and need not. */
    if (fsync(at) != 0 && errno != EINVAL && errno != ENOTSUP)
        return versions_fail(fault, VERSIONS_SYSTEM, errno, "cannot bring %s/%s/%s to the disk",
                             dir->path, folder, name);
    return VERSIONS_OK;
}

versions_status versions_store_module(const versions_dir *dir, const uint8_t *bytes, size_t length,
                                      char hex[VERSIONS_HEX_SIZE], versions_fault *fault)
{
    char name[VERSIONS_HEX_SIZE + 8];
    uint8_t *there = NULL;
    size_t there_length;

    dir->digest(bytes, length, hex);
    if (length > VERSIONS_MODULE_BYTES)
        return versions_fail(fault, VERSIONS_REFUSED, 0,
                             "the module has %zu bytes; more than %zu are not loaded", length,
                             VERSIONS_MODULE_BYTES);
    /* What is damaged or not ours is replaced: the bytes are at hand. */
    if (versions_has_module(dir, hex) &&
        versions_read_module(dir, hex, &there, &there_length, NULL) == VERSIONS_OK) {
        free(there);
        return VERSIONS_OK;
    }
    snprintf(name, sizeof name, "%s.wasm", hex);
    return put_file(dir, dir->modules, "modules", name, 0444, bytes, length, fault);
}

versions_status versions_store(const versions_dir *dir, const versions_record *record,
                               versions_fault *fault)
{
    versions_status status;
    size_t length;
    char *text = versions_record_format(record, &length);

    if (text == NULL)
        return versions_fail(fault, VERSIONS_SYSTEM, ENOMEM, "the record of the plugin %s",
                             record->name);
    status = put_file(dir, dir->plugins, "plugins", record->name, 0644, text, length, fault);
    free(text);
    return status;
}
