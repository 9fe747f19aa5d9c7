/* SPDX-License-Identifier: Apache-2.0
 * wasi_fd.c — the table of descriptors: finding, closing, renumbering, rights, flags, preopens.
 *
 * Rights:  A descriptor has base rights (what it may do) and inheriting ones (what may be opened
 *          through it). They only ever shrink: a granted directory begins with all that its grant
 *          allows, what is opened through it gets no more than it passes on, and the guest may give
 *          up more. Every function says which rights it needs; wasi_fd_find() is the one check.
 * Memory:  the table has a fixed size, which is the quota on open descriptors.
 * Threads: as the store.
 */
#include "wasi_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

wasi_errno wasi_fd_find(const wasi *state, uint32_t number, uint64_t rights, wasi_fd **out)
{
    wasi_fd *fd;
    uint64_t missing;

    if (number >= state->fd_count || state->fds[number].kind == WASI_FREE)
        return WASI_BADF;
    fd = &state->fds[number];
    missing = rights & ~fd->base;
    if (missing != 0) {
        bool read_only = (fd->kind == WASI_DIR || fd->kind == WASI_FILE) && !fd->writable;

        return read_only && (missing & WASI_RIGHTS_MUTATING) != 0 ? WASI_ROFS : WASI_NOTCAPABLE;
    }
    *out = fd;
    return WASI_SUCCESS;
}

wasi_fd *wasi_fd_slot(wasi *state, uint32_t *number)
{
    for (uint32_t i = 0; i < state->fd_count; i++) {
        if (state->fds[i].kind == WASI_FREE) {
            *number = i;
            return &state->fds[i];
        }
    }
    return NULL;
}

void wasi_fd_release(wasi_fd *fd)
{
    if (fd->kind == WASI_FILE || fd->kind == WASI_DIR)
        close(fd->host);
    memset(fd, 0, sizeof *fd);
    fd->kind = WASI_FREE;
    fd->host = -1;
}

uint8_t wasi_filetype(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG: return WASI_FILETYPE_REGULAR_FILE;
    case S_IFDIR: return WASI_FILETYPE_DIRECTORY;
    case S_IFLNK: return WASI_FILETYPE_SYMBOLIC_LINK;
    case S_IFCHR: return WASI_FILETYPE_CHARACTER_DEVICE;
    case S_IFBLK: return WASI_FILETYPE_BLOCK_DEVICE;
    case S_IFSOCK: return WASI_FILETYPE_SOCKET_STREAM;
    default: return WASI_FILETYPE_UNKNOWN;
    }
}

wasi_errno wasi_fd_close(wasi_call *call)
{
    wasi_fd *fd;
    wasi_errno error = wasi_fd_find(call->state, (uint32_t)call->args[0], 0, &fd);

    if (error != WASI_SUCCESS)
        return error;
    if (fd->kind == WASI_STDERR)
        wasi_error_flush(call->state);
    wasi_fd_release(fd);
    return WASI_SUCCESS;
}

/* (from, to): `to` must be open, so that a guest cannot choose numbers beyond its quota. */
wasi_errno wasi_fd_renumber(wasi_call *call)
{
    wasi_fd *from = NULL, *to = NULL;
    wasi_errno error = wasi_fd_find(call->state, (uint32_t)call->args[0], 0, &from);

    if (error == WASI_SUCCESS)
        error = wasi_fd_find(call->state, (uint32_t)call->args[1], 0, &to);
    if (error != WASI_SUCCESS || from == to)
        return error;
    wasi_fd_release(to);
    *to = *from;
    from->kind = WASI_FREE;
    from->host = -1;
    return WASI_SUCCESS;
}

/* §fdstat: filetype u8 at 0, flags u16 at 2, rights_base u64 at 8, rights_inheriting u64 at 16. */
wasi_errno wasi_fd_fdstat_get(wasi_call *call)
{
    uint8_t fdstat[24] = {0};
    wasi_fd *fd;
    wasi_errno error = wasi_fd_find(call->state, (uint32_t)call->args[0], 0, &fd);

    if (error != WASI_SUCCESS)
        return error;
    fdstat[0] = fd->filetype;
    guestmem_put_u16(fdstat + 2, fd->flags);
    guestmem_put_u64(fdstat + 8, fd->base);
    guestmem_put_u64(fdstat + 16, fd->inheriting);
    return guestmem_write(call->caller, (uint32_t)call->args[1], fdstat, sizeof fdstat)
               ? WASI_SUCCESS
               : WASI_FAULT;
}

/* (fd, flags): APPEND and NONBLOCK can change; how writes are synchronised is settled at the open,
 * as on Linux. */
wasi_errno wasi_fd_fdstat_set_flags(wasi_call *call)
{
    uint32_t flags = (uint32_t)call->args[1];
    const uint32_t settled = WASI_FDFLAG_DSYNC | WASI_FDFLAG_RSYNC | WASI_FDFLAG_SYNC;
    wasi_fd *fd;
    wasi_errno error =
        wasi_fd_find(call->state, (uint32_t)call->args[0], WASI_RIGHT_FD_FDSTAT_SET_FLAGS, &fd);

    if (error != WASI_SUCCESS)
        return error;
    if ((flags & ~(uint32_t)WASI_FDFLAGS) != 0)
        return WASI_INVAL;
    if (fd->kind == WASI_FILE) {
        int host = fcntl(fd->host, F_GETFL);

        if (((flags ^ fd->flags) & settled & flags) != 0)
            return WASI_NOTSUP;
        if (host < 0)
            return wasi_errno_from(errno);
        host = (flags & WASI_FDFLAG_APPEND) != 0 ? host | O_APPEND : host & ~O_APPEND;
        if (fcntl(fd->host, F_SETFL, host) != 0)
            return wasi_errno_from(errno);
        flags = (flags & ~settled) | (fd->flags & settled);
    }
    fd->flags = (uint16_t)flags;
    return WASI_SUCCESS;
}

/* (fd, base, inheriting): rights can be given up, never gained. */
wasi_errno wasi_fd_fdstat_set_rights(wasi_call *call)
{
    uint64_t base = call->args[1], inheriting = call->args[2];
    wasi_fd *fd;
    wasi_errno error = wasi_fd_find(call->state, (uint32_t)call->args[0], 0, &fd);

    if (error != WASI_SUCCESS)
        return error;
    if ((base & ~fd->base) != 0 || (inheriting & ~fd->inheriting) != 0)
        return WASI_NOTCAPABLE;
    fd->base = base;
    fd->inheriting = inheriting;
    return WASI_SUCCESS;
}

static wasi_errno find_preopen(const wasi_call *call, wasi_fd **fd)
{
    wasi_errno error = wasi_fd_find(call->state, (uint32_t)call->args[0], 0, fd);

    if (error == WASI_SUCCESS && (*fd)->preopen == NULL)
        error = WASI_BADF;
    return error;
}

/* §prestat: tag u8 at 0 (0: a directory), the length of its name u32 at 4. Guests ask for 3, 4, …
 * until the answer is BADF. */
wasi_errno wasi_fd_prestat_get(wasi_call *call)
{
    uint8_t prestat[8] = {0};
    wasi_fd *fd;
    wasi_errno error = find_preopen(call, &fd);

    if (error != WASI_SUCCESS)
        return error;
    guestmem_put_u32(prestat + 4, (uint32_t)strlen(fd->preopen));
    return guestmem_write(call->caller, (uint32_t)call->args[1], prestat, sizeof prestat)
               ? WASI_SUCCESS
               : WASI_FAULT;
}

/* (fd, path, path_len): the name, without a terminator. */
wasi_errno wasi_fd_prestat_dir_name(wasi_call *call)
{
    uint32_t room = (uint32_t)call->args[2];
    wasi_fd *fd;
    wasi_errno error = find_preopen(call, &fd);
    size_t length;

    if (error != WASI_SUCCESS)
        return error;
    length = strlen(fd->preopen);
    if (length > room)
        return WASI_NAMETOOLONG;
    return guestmem_write(call->caller, (uint32_t)call->args[1], fd->preopen, (uint32_t)length)
               ? WASI_SUCCESS
               : WASI_FAULT;
}
