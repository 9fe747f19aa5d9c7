/* SPDX-License-Identifier: Apache-2.0
 * wasi_path.c — the path functions: open, stat, make, remove, rename, link.
 *
 * Each takes a directory descriptor and a path, asks wasi_fd_find() for the right, wasi_resolve()
 * for the place, and makes one *at() call there that follows nothing. Only regular files and
 * directories are opened: a FIFO would block, a device is none of a guest's business. A read-only
 * grant lacks every right that changes something, so that it needs no check of its own; except that
 * a path_open says by the rights it asks for whether it wants to write.
 *
 * Memory:  a path on the stack.
 * Threads: as the store.
 */
#include "wasi_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static wasi_errno load_path(const wasi_call *call, uint32_t at, uint32_t length,
                            char path[WASI_PATH_SIZE])
{
    switch (guestmem_string(call->caller, at, length, path, WASI_PATH_SIZE)) {
    case GUESTMEM_OK: return WASI_SUCCESS;
    case GUESTMEM_FAULT: return WASI_FAULT;
    case GUESTMEM_TOO_LONG: return WASI_NAMETOOLONG;
    case GUESTMEM_NUL: break;
    }
    return WASI_INVAL;
}

/* The directory behind args[fd], with the right, and the path at args[path], args[path + 1]
 * resolved from there. */
static wasi_errno find_place(const wasi_call *call, unsigned fd, unsigned path, uint64_t right,
                             wasi_lookup lookup, wasi_place *place)
{
    char text[WASI_PATH_SIZE];
    wasi_fd *dir;
    wasi_errno error = wasi_fd_find(call->state, (uint32_t)call->args[fd], 0, &dir);

    if (error == WASI_SUCCESS && dir->kind != WASI_DIR)
        error = WASI_NOTDIR;
    if (error == WASI_SUCCESS)
        error = wasi_fd_find(call->state, (uint32_t)call->args[fd], right, &dir);
    if (error == WASI_SUCCESS)
        error = load_path(call, (uint32_t)call->args[path], (uint32_t)call->args[path + 1], text);
    if (error != WASI_SUCCESS)
        return error;
    return wasi_resolve(call->state, dir->host, text, lookup, place);
}

static wasi_lookup lookup_of(uint64_t flags)
{
    return (flags & WASI_LOOKUP_SYMLINK_FOLLOW) != 0 ? WASI_LOOKUP_TARGET : WASI_LOOKUP_LINK;
}

/* The errno of a system call's result, after the place is given back. */
static wasi_errno finish(wasi_place *place, int result)
{
    wasi_errno error = result < 0 ? wasi_errno_from(errno) : WASI_SUCCESS;

    wasi_place_release(place);
    return error;
}

/* ---- path_open ---------------------------------------------------------------------------- */

typedef struct open_request {
    uint32_t oflags;
    uint32_t fdflags;
    uint64_t base;       /* rights asked for, as far as the directory passes them on */
    uint64_t inheriting; /* likewise */
} open_request;

static int host_flags(const open_request *request)
{
    bool reads = (request->base & (WASI_RIGHT_FD_READ | WASI_RIGHT_FD_READDIR)) != 0;
    bool writes = (request->base & WASI_RIGHT_FD_WRITE) != 0;
    /* O_NONBLOCK: should the file turn into a FIFO after it was looked at, the open returns. */
    int flags = O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK;

    if ((request->oflags & WASI_OFLAG_TRUNC) != 0) {
        flags |= O_TRUNC;
        writes = true; /* Linux leaves O_RDONLY | O_TRUNC undefined */
    }
    flags |= reads && writes ? O_RDWR : writes ? O_WRONLY : O_RDONLY;
    if ((request->oflags & WASI_OFLAG_CREAT) != 0)
        flags |= O_CREAT;
    if ((request->oflags & WASI_OFLAG_EXCL) != 0)
        flags |= O_EXCL;
    if ((request->fdflags & WASI_FDFLAG_APPEND) != 0)
        flags |= O_APPEND;
    if ((request->fdflags & WASI_FDFLAG_DSYNC) != 0)
        flags |= O_DSYNC;
    if ((request->fdflags & (WASI_FDFLAG_SYNC | WASI_FDFLAG_RSYNC)) != 0)
        flags |= O_SYNC;
    return flags;
}

/* Looks at what is there before it is opened, since the open itself can have effects: on a FIFO it
 * wakes who waits at the other end. */
static wasi_errno look(const wasi_place *place, const open_request *request, bool *directory)
{
    bool creates = (request->oflags & WASI_OFLAG_CREAT) != 0;
    bool wants_directory = place->directory || (request->oflags & WASI_OFLAG_DIRECTORY) != 0;
    struct stat st;

    *directory = wants_directory;
    if (fstatat(place->parent, place->name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno != ENOENT || !creates)
            return wasi_errno_from(errno);
        return place->directory ? WASI_ISDIR : WASI_SUCCESS;
    }
    if (creates && (request->oflags & WASI_OFLAG_EXCL) != 0)
        return WASI_EXIST;
    if (S_ISLNK(st.st_mode))
        return WASI_LOOP;
    if (S_ISDIR(st.st_mode)) {
        *directory = true;
        return creates || (request->base & WASI_RIGHT_FD_WRITE) != 0 ? WASI_ISDIR : WASI_SUCCESS;
    }
    if (wants_directory)
        return WASI_NOTDIR;
    return S_ISREG(st.st_mode) ? WASI_SUCCESS : WASI_ACCES;
}

/* Opens the place and makes `fd` of it. */
static wasi_errno open_place(const wasi_place *place, const open_request *request, bool writable,
                             wasi_fd *fd)
{
    bool directory;
    wasi_errno error = look(place, request, &directory);
    struct stat st;
    int host;

    if (error != WASI_SUCCESS)
        return error;
    if (directory)
        host = openat(place->parent, place->name,
                      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    else
        host = openat(place->parent, place->name, host_flags(request), 0666);
    if (host < 0)
        return wasi_errno_from(errno);
    if (fstat(host, &st) != 0 || (directory ? !S_ISDIR(st.st_mode) : !S_ISREG(st.st_mode))) {
        close(host); /* it was exchanged since it was looked at */
        return WASI_ACCES;
    }
    fd->kind = directory ? WASI_DIR : WASI_FILE;
    fd->host = host;
    fd->filetype = wasi_filetype(st.st_mode);
    fd->flags = (uint16_t)request->fdflags;
    fd->writable = writable;
    fd->preopen = NULL;
    fd->base = request->base & (directory ? WASI_RIGHTS_DIRECTORY : WASI_RIGHTS_FILE);
    fd->inheriting = request->inheriting;
    if (!directory && (fd->base & WASI_RIGHT_FD_WRITE) == 0)
        fd->base &= ~(WASI_RIGHT_FD_ALLOCATE | WASI_RIGHT_FD_FILESTAT_SET_SIZE);
    return WASI_SUCCESS;
}

/* (dirfd, dirflags, path, path_len, oflags, base, inheriting, fdflags, result). Rights beyond those
 * that the directory passes on are left out without complaint, since toolchains ask for everything
 * that might be of use; but who asks to write where that is not possible is told so. */
wasi_errno wasi_path_open(wasi_call *call)
{
    open_request request = {.oflags = (uint32_t)call->args[4], .fdflags = (uint32_t)call->args[7]};
    wasi_lookup lookup = lookup_of(call->args[1]);
    uint64_t needed = WASI_RIGHT_PATH_OPEN;
    uint32_t number;
    uint8_t *result;
    wasi_place place;
    wasi_fd *dir, *fd;
    wasi_errno error;

    if ((request.oflags & WASI_OFLAG_CREAT) != 0)
        needed |= WASI_RIGHT_PATH_CREATE_FILE;
    if ((request.oflags & WASI_OFLAG_TRUNC) != 0)
        needed |= WASI_RIGHT_PATH_FILESTAT_SET_SIZE;
    if (request.oflags > 15 || (request.fdflags & ~(uint32_t)WASI_FDFLAGS) != 0 ||
        ((request.oflags & WASI_OFLAG_DIRECTORY) != 0 &&
         (request.oflags & (WASI_OFLAG_CREAT | WASI_OFLAG_TRUNC)) != 0))
        return WASI_INVAL;
    if (!guestmem_view(call->caller, (uint32_t)call->args[8], 4, &result))
        return WASI_FAULT;
    if ((request.oflags & WASI_OFLAG_CREAT) != 0 && (request.oflags & WASI_OFLAG_EXCL) != 0)
        lookup = WASI_LOOKUP_NAME; /* a link in this place is something that exists */
    error = find_place(call, 0, 2, needed, lookup, &place);
    if (error != WASI_SUCCESS)
        return error;
    dir = &call->state->fds[(uint32_t)call->args[0]];
    request.base = call->args[5] & dir->inheriting;
    request.inheriting = call->args[6] & dir->inheriting;
    fd = wasi_fd_slot(call->state, &number);
    if ((call->args[5] & ~dir->inheriting & WASI_RIGHT_FD_WRITE) != 0)
        error = dir->writable ? WASI_NOTCAPABLE : WASI_ROFS;
    else if (fd == NULL)
        error = WASI_MFILE;
    else
        error = open_place(&place, &request, dir->writable, fd);
    wasi_place_release(&place);
    if (error == WASI_SUCCESS)
        guestmem_put_u32(result, number);
    return error;
}

/* ---- filestat ----------------------------------------------------------------------------- */

/* What is at the place; NOTDIR where the path demands a directory and there is none. */
static wasi_errno stat_place(const wasi_place *place, struct stat *st)
{
    if (fstatat(place->parent, place->name, st, AT_SYMLINK_NOFOLLOW) != 0)
        return wasi_errno_from(errno);
    return place->directory && !S_ISDIR(st->st_mode) ? WASI_NOTDIR : WASI_SUCCESS;
}

/* (fd, flags, path, path_len, result) */
static wasi_errno filestat_get(const wasi_call *call, bool unstable)
{
    struct stat st;
    wasi_place place;
    wasi_errno error =
        find_place(call, 0, 2, WASI_RIGHT_PATH_FILESTAT_GET, lookup_of(call->args[1]), &place);

    if (error != WASI_SUCCESS)
        return error;
    error = stat_place(&place, &st);
    wasi_place_release(&place);
    if (error != WASI_SUCCESS)
        return error;
    return wasi_store_filestat(call, (uint32_t)call->args[4], &st, unstable);
}

wasi_errno wasi_path_filestat_get(wasi_call *call)
{
    return filestat_get(call, false);
}

wasi_errno wasi_path_filestat_get_unstable(wasi_call *call)
{
    return filestat_get(call, true);
}

/* (fd, flags, path, path_len, atim, mtim, fst_flags) */
wasi_errno wasi_path_filestat_set_times(wasi_call *call)
{
    struct timespec times[2];
    struct stat st;
    wasi_place place;
    wasi_errno error = find_place(call, 0, 2, WASI_RIGHT_PATH_FILESTAT_SET_TIMES,
                                  lookup_of(call->args[1]), &place);

    if (error != WASI_SUCCESS)
        return error;
    error = wasi_times(call->args[4], call->args[5], (uint32_t)call->args[6], times);
    if (error == WASI_SUCCESS)
        error = stat_place(&place, &st);
    if (error != WASI_SUCCESS) {
        wasi_place_release(&place);
        return error;
    }
    return finish(&place, utimensat(place.parent, place.name, times, AT_SYMLINK_NOFOLLOW));
}

/* ---- names -------------------------------------------------------------------------------- */

/* (fd, path, path_len) */
wasi_errno wasi_path_create_directory(wasi_call *call)
{
    wasi_place place;
    wasi_errno error =
        find_place(call, 0, 1, WASI_RIGHT_PATH_CREATE_DIRECTORY, WASI_LOOKUP_NAME, &place);

    return error != WASI_SUCCESS ? error : finish(&place, mkdirat(place.parent, place.name, 0777));
}

/* (fd, path, path_len) */
wasi_errno wasi_path_remove_directory(wasi_call *call)
{
    wasi_place place;
    wasi_errno error =
        find_place(call, 0, 1, WASI_RIGHT_PATH_REMOVE_DIRECTORY, WASI_LOOKUP_NAME, &place);

    return error != WASI_SUCCESS ? error
                                 : finish(&place, unlinkat(place.parent, place.name, AT_REMOVEDIR));
}

/* (fd, path, path_len) */
wasi_errno wasi_path_unlink_file(wasi_call *call)
{
    struct stat st;
    wasi_place place;
    wasi_errno error =
        find_place(call, 0, 1, WASI_RIGHT_PATH_UNLINK_FILE, WASI_LOOKUP_NAME, &place);

    if (error != WASI_SUCCESS)
        return error;
    if (place.directory) { /* "name/": nothing that could be unlinked */
        error = stat_place(&place, &st);
        wasi_place_release(&place);
        return error == WASI_SUCCESS ? WASI_ISDIR : error;
    }
    return finish(&place, unlinkat(place.parent, place.name, 0));
}

/* (fd, old_path, old_len, new_fd, new_path, new_len) */
wasi_errno wasi_path_rename(wasi_call *call)
{
    struct stat st;
    wasi_place from, to;
    wasi_errno error =
        find_place(call, 0, 1, WASI_RIGHT_PATH_RENAME_SOURCE, WASI_LOOKUP_NAME, &from);

    if (error != WASI_SUCCESS)
        return error;
    error = find_place(call, 3, 4, WASI_RIGHT_PATH_RENAME_TARGET, WASI_LOOKUP_NAME, &to);
    if (error != WASI_SUCCESS) {
        wasi_place_release(&from);
        return error;
    }
    from.directory = from.directory || to.directory;
    error = stat_place(&from, &st);
    if (error == WASI_SUCCESS && renameat(from.parent, from.name, to.parent, to.name) != 0)
        error = wasi_errno_from(errno);
    wasi_place_release(&from);
    wasi_place_release(&to);
    return error;
}

/* (old_fd, old_flags, old_path, old_len, new_fd, new_path, new_len). Both sides must allow changes:
 * a link into a writable directory would let the guest write to the file itself. */
wasi_errno wasi_path_link(wasi_call *call)
{
    struct stat st;
    wasi_place from, to;
    wasi_errno error =
        find_place(call, 0, 2, WASI_RIGHT_PATH_LINK_SOURCE, lookup_of(call->args[1]), &from);

    if (error != WASI_SUCCESS)
        return error;
    error = find_place(call, 4, 5, WASI_RIGHT_PATH_LINK_TARGET, WASI_LOOKUP_NAME, &to);
    if (error != WASI_SUCCESS) {
        wasi_place_release(&from);
        return error;
    }
    error = stat_place(&from, &st);
    if (error == WASI_SUCCESS && to.directory) {
        error = stat_place(&to, &st);
        if (error == WASI_SUCCESS)
            error = WASI_EXIST;
    } else if (error == WASI_SUCCESS &&
               linkat(from.parent, from.name, to.parent, to.name, 0) != 0) {
        error = wasi_errno_from(errno);
    }
    wasi_place_release(&from);
    wasi_place_release(&to);
    return error;
}

/* Whether a link's target could lead out of the directory that holds the link. Depth is no help
 * against "..": a directory with the link in it can be moved up later. */
static bool may_leave(const char *target)
{
    if (target[0] == '/')
        return true;
    while (*target != '\0') {
        size_t length = strcspn(target, "/");

        if (length == 2 && target[0] == '.' && target[1] == '.')
            return true;
        target += length + strspn(target + length, "/");
    }
    return false;
}

/* (old_path, old_len, fd, new_path, new_len). A link that leads out would not be followed here, but
 * by other programs, the web server itself among them. */
wasi_errno wasi_path_symlink(wasi_call *call)
{
    char target[WASI_PATH_SIZE];
    struct stat st;
    wasi_place place;
    wasi_errno error = find_place(call, 2, 3, WASI_RIGHT_PATH_SYMLINK, WASI_LOOKUP_NAME, &place);

    if (error != WASI_SUCCESS)
        return error;
    error = load_path(call, (uint32_t)call->args[0], (uint32_t)call->args[1], target);
    if (error == WASI_SUCCESS && target[0] == '\0')
        error = WASI_NOENT;
    else if (error == WASI_SUCCESS && may_leave(target))
        error = WASI_NOTCAPABLE;
    if (error == WASI_SUCCESS && place.directory) {
        error = stat_place(&place, &st);
        if (error == WASI_SUCCESS)
            error = WASI_EXIST;
    }
    if (error != WASI_SUCCESS) {
        wasi_place_release(&place);
        return error;
    }
    return finish(&place, symlinkat(target, place.parent, place.name));
}

/* (fd, path, path_len, buf, buf_len, result): as much of the target as fits. */
wasi_errno wasi_path_readlink(wasi_call *call)
{
    uint32_t size = (uint32_t)call->args[4];
    uint8_t *buffer, *result;
    wasi_place place;
    wasi_errno error;
    ssize_t length;

    if (!guestmem_view(call->caller, (uint32_t)call->args[3], size, &buffer) ||
        !guestmem_view(call->caller, (uint32_t)call->args[5], 4, &result))
        return WASI_FAULT;
    error = find_place(call, 0, 1, WASI_RIGHT_PATH_READLINK, WASI_LOOKUP_LINK, &place);
    if (error != WASI_SUCCESS)
        return error;
    if (size == 0) { /* readlinkat() refuses that; the question is whether it is a link at all */
        char nothing[1];

        length = readlinkat(place.parent, place.name, nothing, sizeof nothing);
        length = length > 0 ? 0 : length;
    } else {
        length = readlinkat(place.parent, place.name, (char *)buffer, size);
    }
    if (length >= 0)
        guestmem_put_u32(result, (uint32_t)length);
    return finish(&place, length < 0 ? -1 : 0);
}
