/* SPDX-License-Identifier: Apache-2.0
 * pack_folder.c — see pack_folder.h.
 *
 * Memory: see pack_folder.h; what is read is freed before a function returns, unless it says so.
 * Threads: see pack_folder.h.
 */
#include "pack_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "pack_report.h"
#include "tool_file.h"

enum { LOCK_ATTEMPTS = 16 };

static const char own[] = ".wasmserve-pack", lock_name[] = "lock", journal_prefix[] = "journal-";

#define JOURNAL_MAX ((size_t)256 << 20)

static enum tool_exit failed(const pack_folder *folder, const char *name)
{
    pack_complain("%s/%s: %s", folder->path, name, strerror(errno));
    return TOOL_FAILED;
}

/* ---- opening and closing --------------------------------------------------------------------- */

/* Opens pack's own folder and the lock file in it. False, and errno. */
static bool open_own(pack_folder *folder)
{
    if (mkdirat(folder->fd, own, 0700) != 0 && errno != EEXIST)
        return false;
    folder->staging = openat(folder->fd, own, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder->staging < 0)
        return false;
    folder->lock =
        openat(folder->staging, lock_name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    return folder->lock >= 0;
}

static void close_own(pack_folder *folder)
{
    if (folder->lock >= 0)
        close(folder->lock);
    if (folder->staging >= 0)
        close(folder->staging);
    folder->lock = folder->staging = -1;
}

static bool same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Whether what is locked is still what stands there: the run before removes it when it ends. */
static bool still_there(const pack_folder *folder)
{
    struct stat opened, named;

    return fstat(folder->staging, &opened) == 0 &&
           fstatat(folder->fd, own, &named, AT_SYMLINK_NOFOLLOW) == 0 && same(&opened, &named) &&
           fstat(folder->lock, &opened) == 0 &&
           fstatat(folder->staging, lock_name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           same(&opened, &named);
}

enum tool_exit pack_folder_open(pack_folder *folder, const char *path)
{
    *folder = (pack_folder){.path = path, .fd = -1, .staging = -1, .lock = -1};
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        pack_complain("%s: %s", path, strerror(errno));
        return TOOL_FAILED;
    }
    folder->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->fd < 0) {
        pack_complain("%s: %s", path, strerror(errno));
        return errno == ENOTDIR ? TOOL_REFUSED : TOOL_FAILED;
    }
    for (int attempt = 0; attempt < LOCK_ATTEMPTS; attempt++) {
        if (!open_own(folder)) {
            int why = errno;
            close_own(folder);
            /* Between mkdirat() and openat() another run may have removed it. */
            if (why == ENOENT)
                continue;
            errno = why;
            failed(folder, own);
            return why == ENOTDIR || why == ELOOP ? TOOL_REFUSED : TOOL_FAILED;
        }
        if (flock(folder->lock, LOCK_EX | LOCK_NB) != 0) {
            int why = errno;
            close_own(folder); /* it is somebody else's: closing must leave it alone */
            errno = why;
            if (why != EWOULDBLOCK)
                return failed(folder, own);
            pack_complain("%s: another `wasmserve pack` is at work there; try again when it is "
                          "done",
                          path);
            return TOOL_FAILED;
        }
        if (still_there(folder))
            return TOOL_OK;
        close_own(folder);
    }
    pack_complain("%s: other runs of `wasmserve pack` come and go there; try again", path);
    return TOOL_FAILED;
}

/* Calls visit with the name of each file in pack's own folder but the lock. False, and errno. */
static bool each_own(const pack_folder *folder, void (*visit)(void *context, const char *name),
                     void *context)
{
    int fd = openat(folder->fd, own, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *listing = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    if (listing == NULL) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    while ((entry = readdir(listing)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            strcmp(entry->d_name, lock_name) != 0)
            visit(context, entry->d_name);
    closedir(listing);
    return true;
}

static bool is_journal(const char *name)
{
    return strncmp(name, journal_prefix, sizeof journal_prefix - 1) == 0;
}

static void remove_own(void *context, const char *name)
{
    const pack_folder *folder = context;

    unlinkat(folder->staging, name, 0);
}

static void remove_own_but_journals(void *context, const char *name)
{
    if (!is_journal(name))
        remove_own(context, name);
}

void pack_folder_close(pack_folder *folder, bool done)
{
    if (folder->lock >= 0) {
        each_own(folder, done ? remove_own : remove_own_but_journals, folder);
        /* With the lock held: who opened it before looks whether it is still there. A folder with
         * journals in it stays, and the next run makes a new lock. */
        unlinkat(folder->staging, lock_name, 0);
        unlinkat(folder->fd, own, AT_REMOVEDIR);
    }
    close_own(folder);
    if (folder->fd >= 0)
        close(folder->fd);
    folder->fd = -1;
}

/* ---- recovery -------------------------------------------------------------------------------- */

struct recovery {
    pack_folder *folder;
    pack_journal_fn visit;
    void *context;
};

static void recover_one(void *context, const char *name)
{
    const struct recovery *recovery = context;
    pack_folder *folder = recovery->folder;
    char *text = NULL;
    size_t length;
    int fd;

    if (!is_journal(name)) {
        unlinkat(folder->staging, name, 0);
        return;
    }
    /* The names that this run gives must be others. */
    unsigned number = (unsigned)strtoul(name + sizeof journal_prefix - 1, NULL, 10);
    folder->staged = number >= folder->staged ? number + 1 : folder->staged;
    fd = openat(folder->staging, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0) {
        text = pack_read_all(fd, JOURNAL_MAX, &length);
        close(fd);
    }
    if (text != NULL)
        recovery->visit(recovery->context, text, length);
    free(text);
}

enum tool_exit pack_folder_recover(pack_folder *folder, pack_journal_fn visit, void *context)
{
    struct recovery recovery = {folder, visit, context};

    return each_own(folder, recover_one, &recovery) ? TOOL_OK : failed(folder, own);
}

/* ---- files of DIR ---------------------------------------------------------------------------- */

/* The folder that a name is in, opened anew; *base is what is left of the name. With `create` the
 * folders on the way are made. -1, and errno: ENOENT, or ENOTDIR or ELOOP for what is in the way.
 */
static int open_parent(const pack_folder *folder, const char *name, bool create, const char **base)
{
    int fd = fcntl(folder->fd, F_DUPFD_CLOEXEC, 0);

    for (const char *slash; fd >= 0 && (slash = strchr(name, '/')) != NULL; name = slash + 1) {
        char component[NAME_MAX + 1];
        size_t length = (size_t)(slash - name);
        int next = -1;
        if (length < sizeof component) {
            memcpy(component, name, length);
            component[length] = '\0';
            if (!create || mkdirat(fd, component, 0777) == 0 || errno == EEXIST)
                next = openat(fd, component, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        } else {
            errno = ENAMETOOLONG;
        }
        int why = errno;
        close(fd);
        errno = why;
        fd = next;
    }
    *base = name;
    return fd;
}

enum pack_there pack_folder_look(pack_folder *folder, const char *name, struct stat *status)
{
    const char *base;
    int parent = open_parent(folder, name, false, &base), why;

    if (parent < 0 && errno == ENOENT)
        return PACK_ABSENT;
    if (parent < 0) {
        pack_complain("%s/%s: a folder on the way is none, or a symbolic link, which pack does not "
                      "follow",
                      folder->path, name);
        return PACK_OBSTACLE;
    }
    why = fstatat(parent, base, status, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : errno;
    close(parent);
    if (why == ENOENT)
        return PACK_ABSENT;
    if (why == 0 && S_ISREG(status->st_mode))
        return PACK_FILE;
    pack_complain("%s/%s is in the way: %s", folder->path, name,
                  why                        ? strerror(why)
                  : S_ISLNK(status->st_mode) ? "it is a symbolic link"
                  : S_ISDIR(status->st_mode) ? "it is a folder"
                                             : "it is not a regular file");
    return PACK_OBSTACLE;
}

int pack_folder_open_file(const pack_folder *folder, const char *name)
{
    struct stat status;
    const char *base;
    int parent = open_parent(folder, name, false, &base), fd, why;

    if (parent < 0)
        return -1;
    /* Not blocking: a pipe of that name has no writer. */
    fd = openat(parent, base, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    why = errno;
    close(parent);
    if (fd >= 0 && (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))) {
        close(fd);
        fd = -1;
        why = EINVAL;
    }
    errno = why;
    return fd;
}

bool pack_folder_has(const pack_folder *folder, const char *name, uint64_t size,
                     const char digest[SHA256_HEX_SIZE])
{
    char found[SHA256_HEX_SIZE];
    struct stat status;
    uint64_t length;
    int fd = pack_folder_open_file(folder, name);

    if (fd < 0)
        return false;
    bool has = fstat(fd, &status) == 0 && (uint64_t)status.st_size == size &&
               pack_copy(fd, -1, &length, found) && length == size && strcmp(found, digest) == 0;
    close(fd);
    return has;
}

enum tool_exit pack_folder_remove(pack_folder *folder, const char *name)
{
    const char *base;
    int parent = open_parent(folder, name, false, &base);

    if (parent < 0)
        return errno == ENOENT ? TOOL_OK : failed(folder, name);
    int status = unlinkat(parent, base, 0), why = errno;
    close(parent);
    errno = why;
    return status == 0 || errno == ENOENT ? TOOL_OK : failed(folder, name);
}

enum tool_exit pack_folder_touch(pack_folder *folder, const char *name, struct timespec mtime)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, mtime};
    const char *base;
    int parent = open_parent(folder, name, false, &base);

    if (parent < 0)
        return failed(folder, name);
    int status = utimensat(parent, base, times, AT_SYMLINK_NOFOLLOW), why = errno;
    close(parent);
    errno = why;
    return status == 0 ? TOOL_OK : failed(folder, name);
}

/* ---- new files ------------------------------------------------------------------------------- */

char *pack_folder_stage(pack_folder *folder, struct pack_pool *pool)
{
    return pack_pool_format(pool, "new-%u", folder->staged++);
}

int pack_folder_open_staged(const pack_folder *folder, const char *staged, bool create)
{
    return create ? openat(folder->staging, staged,
                           O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666)
                  : openat(folder->staging, staged, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
}

enum tool_exit pack_folder_write(pack_folder *folder, const char *staged, const void *bytes,
                                 size_t length)
{
    int fd = pack_folder_open_staged(folder, staged, true);

    if (fd < 0)
        return failed(folder, own);
    bool good = tool_file_write_all(fd, bytes, length) && fsync(fd) == 0;
    int why = errno;
    close(fd);
    errno = why;
    return good ? TOOL_OK : failed(folder, own);
}

enum tool_exit pack_folder_journal(pack_folder *folder, const char *text, size_t length)
{
    char name[sizeof journal_prefix + 12];

    snprintf(name, sizeof name, "%s%u", journal_prefix, folder->staged++);
    enum tool_exit status = pack_folder_write(folder, name, text, length);
    if (status == TOOL_OK)
        fsync(folder->staging);
    return status;
}

enum tool_exit pack_folder_publish(pack_folder *folder, const char *staged, const char *name,
                                   struct timespec mtime)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, mtime};
    const char *base;
    int parent;

    if (utimensat(folder->staging, staged, times, AT_SYMLINK_NOFOLLOW) != 0)
        return failed(folder, own);
    parent = open_parent(folder, name, true, &base);
    if (parent < 0)
        return failed(folder, name);
    int status = renameat(folder->staging, staged, parent, base), why = errno;
    if (status == 0 && base != name)
        fsync(parent);
    close(parent);
    errno = why;
    return status == 0 ? TOOL_OK : failed(folder, name);
}

void pack_folder_sync(const pack_folder *folder)
{
    fsync(folder->fd);
}

/* ---- content --------------------------------------------------------------------------------- */

bool pack_copy(int from, int to, uint64_t *size, char digest[SHA256_HEX_SIZE])
{
    static const size_t room = 256 << 10;
    uint8_t result[SHA256_SIZE];
    char *buffer = malloc(room);
    sha256 hash;
    ssize_t n = -1;

    *size = 0;
    if (buffer == NULL)
        return false;
    sha256_init(&hash);
    while ((n = read(from, buffer, room)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || (to >= 0 && !tool_file_write_all(to, buffer, (size_t)n))) {
            n = -1;
            break;
        }
        sha256_add(&hash, buffer, (size_t)n);
        *size += (uint64_t)n;
    }
    int why = errno;
    free(buffer);
    errno = why;
    if (n < 0)
        return false;
    sha256_finish(&hash, result);
    sha256_write_hex(result, digest);
    return true;
}

char *pack_read_all(int fd, size_t most, size_t *length)
{
    struct stat status;
    size_t room, used = 0;
    char *text;

    if (fstat(fd, &status) != 0)
        return NULL;
    if (status.st_size < 0 || (uint64_t)status.st_size > most) {
        errno = EFBIG;
        return NULL;
    }
    room = (size_t)status.st_size + 1;
    text = malloc(room);
    while (text != NULL) {
        ssize_t n = read(fd, text + used, room - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || used + (size_t)n == room) { /* it has grown meanwhile */
            int why = n < 0 ? errno : EBUSY;
            free(text);
            errno = why;
            return NULL;
        }
        used += (size_t)n;
        if (n == 0)
            break;
    }
    if (text != NULL) {
        text[used] = '\0';
        *length = used;
    }
    return text;
}
