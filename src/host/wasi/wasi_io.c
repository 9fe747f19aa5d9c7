/* SPDX-License-Identifier: Apache-2.0
 * wasi_io.c — reading, writing and seeking, on files and on the exchange behind stdio.
 *
 * Bytes go directly between the kernel (or the exchange) and guest memory. Nothing here can grow
 * that memory while it is viewed. Work is done in pieces of WASI_TRANSFER bytes, between which the
 * interruption is looked at; a call that was cut short by one, or by an error after some bytes,
 * reports the bytes.
 *
 * stdin   blocks in the exchange and returns what there is; at its end where that has no body
 * stdout  all of it, or the end of the guest's call (the client is gone); as stderr where the
 *         exchange takes no output
 * stderr  to the exchange's write_error if it has one; else, with the grant `log`, line by line to
 *         the log; else nowhere, successfully, as into /dev/null
 *
 * Memory:  the state's one line buffer.
 * Threads: as the store.
 */
#include "wasi_impl.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* ---- stderr ------------------------------------------------------------------------------- */

static void log_line(wasi *state, const char *text, size_t length)
{
    if (wasi_granted(state, GRANT_LOG)) {
        state->exchange->log(state->exchange->baton, EXCHANGE_LOG_ERROR, text, length);
    } else if ((state->hinted & GRANT_LOG) == 0) {
        state->hinted |= GRANT_LOG;
        wasi_say(state, EXCHANGE_LOG_INFO,
                 "the guest wrote to stderr without the grant \"log\": it was discarded");
    }
}

void wasi_error_flush(wasi *state)
{
    size_t length = state->line_length;

    state->line_length = 0;
    if (length > 0)
        log_line(state, state->line, length);
}

static wasm_status error_text(wasi *state, const uint8_t *bytes, size_t length)
{
    if (state->exchange->write_error != NULL)
        return state->exchange->write_error(state->exchange->baton, bytes, length);
    while (length > 0) {
        /* Looked for no further than the line can reach: or the work would be quadratic. */
        size_t room = sizeof state->line - state->line_length;
        const uint8_t *newline = memchr(bytes, '\n', length <= room ? length : room + 1);
        bool whole = newline != NULL;
        size_t part = whole ? (size_t)(newline - bytes) : length <= room ? length : room;

        memcpy(state->line + state->line_length, bytes, part);
        state->line_length += part;
        if (whole && state->line_length == 0)
            log_line(state, "", 0); /* an empty line is one, too */
        else if (whole || state->line_length == sizeof state->line)
            wasi_error_flush(state);
        if (whole)
            part++; /* the newline */
        bytes += part;
        length -= part;
    }
    return WASM_OK;
}

/* ---- one buffer --------------------------------------------------------------------------- */

/* Where a transfer on a file happens: at the descriptor's own position, or at a given one. */
typedef struct position {
    bool given;
    uint64_t offset;
} position;

static ssize_t transfer_once(const wasi_fd *fd, uint8_t *bytes, size_t length, bool writing,
                             const position *at)
{
    off_t offset = (off_t)at->offset;

    if (writing)
        return at->given ? pwrite(fd->host, bytes, length, offset) : write(fd->host, bytes, length);
    return at->given ? pread(fd->host, bytes, length, offset) : read(fd->host, bytes, length);
}

/* Moves up to `length` bytes from or to a file; *moved says how many it was. */
static wasi_errno transfer_file(const wasi_call *call, const wasi_fd *fd, uint8_t *bytes,
                                size_t length, bool writing, position *at, size_t *moved)
{
    *moved = 0;
    while (*moved < length) {
        size_t part = length - *moved < WASI_TRANSFER ? length - *moved : WASI_TRANSFER;
        ssize_t now;

        if (wasm_store_interrupted(call->caller->store))
            return WASI_INTR;
        now = transfer_once(fd, bytes + *moved, part, writing, at);
        if (now < 0) {
            if (errno == EINTR)
                continue;
            return wasi_errno_from(errno);
        }
        *moved += (size_t)now;
        at->offset += (uint64_t)now;
        if ((size_t)now < part)
            break;
    }
    return WASI_SUCCESS;
}

/* Moves up to `length` bytes to stderr, which costs the server work for each line: also in pieces.
 */
static wasi_errno transfer_error(wasi_call *call, const uint8_t *bytes, size_t length,
                                 size_t *moved)
{
    for (*moved = 0; *moved < length && call->status == WASM_OK;) {
        size_t part = length - *moved < WASI_TRANSFER ? length - *moved : WASI_TRANSFER;

        if (wasm_store_interrupted(call->caller->store))
            return WASI_INTR;
        call->status = error_text(call->state, bytes + *moved, part);
        *moved += part;
    }
    return WASI_SUCCESS;
}

/* One buffer of a read or write on any descriptor. Ends of the guest's call go to call->status. */
static wasi_errno transfer(wasi_call *call, wasi_fd *fd, uint8_t *bytes, size_t length,
                           bool writing, position *at, size_t *moved)
{
    const exchange *x = call->state->exchange;

    *moved = length;
    switch (fd->kind) {
    case WASI_STDIN:
        *moved = 0;
        if (x->read_body != NULL)
            call->status = x->read_body(x->baton, bytes, length, moved);
        break;
    case WASI_STDOUT:
        if (x->write_output == NULL)
            return transfer_error(call, bytes, length, moved);
        call->status = x->write_output(x->baton, bytes, length);
        break;
    case WASI_STDERR: return transfer_error(call, bytes, length, moved);
    default: return transfer_file(call, fd, bytes, length, writing, at, moved);
    }
    return WASI_SUCCESS;
}

/* ---- vectors ------------------------------------------------------------------------------ */

/* (fd, iovs, iovs_len, …): every buffer in turn, until one was not filled; stores the sum. */
static wasi_errno transfer_all(wasi_call *call, wasi_fd *fd, bool writing, position at,
                               uint32_t result)
{
    uint32_t array = (uint32_t)call->args[1], count = (uint32_t)call->args[2];
    uint64_t total = 0;
    uint8_t *bytes;

    if (count > WASI_VECTORS)
        return WASI_INVAL;
    if (!guestmem_view(call->caller, result, 4, &bytes))
        return WASI_FAULT;
    for (uint32_t i = 0; i < count; i++) {
        wasi_errno error;
        uint32_t length;
        size_t moved;

        if (!guestmem_vector(call->caller, array, i, &bytes, &length))
            return WASI_FAULT;
        if (length == 0)
            continue;
        if (total + length > INT32_MAX) /* as ssize_t of a 32-bit guest can tell */
            length = (uint32_t)(INT32_MAX - total);
        error = transfer(call, fd, bytes, length, writing, &at, &moved);
        if (call->status != WASM_OK)
            return WASI_IO;
        total += moved;
        if (error != WASI_SUCCESS && total == 0)
            return error;
        if (error != WASI_SUCCESS || moved < length || total >= INT32_MAX)
            break;
        if (fd->kind == WASI_STDIN) /* there may be no more yet: what there is goes to the guest */
            break;
    }
    return guestmem_store_u32(call->caller, result, (uint32_t)total) ? WASI_SUCCESS : WASI_FAULT;
}

wasi_errno wasi_fd_read(wasi_call *call)
{
    wasi_fd *fd;
    wasi_errno error = wasi_fd_find(call->state, (uint32_t)call->args[0], WASI_RIGHT_FD_READ, &fd);

    if (error != WASI_SUCCESS)
        return error;
    return transfer_all(call, fd, false, (position){0}, (uint32_t)call->args[3]);
}

wasi_errno wasi_fd_write(wasi_call *call)
{
    wasi_fd *fd;
    wasi_errno error = wasi_fd_find(call->state, (uint32_t)call->args[0], WASI_RIGHT_FD_WRITE, &fd);

    if (error != WASI_SUCCESS)
        return error;
    return transfer_all(call, fd, true, (position){0}, (uint32_t)call->args[3]);
}

/* (fd, iovs, iovs_len, offset, result) */
static wasi_errno transfer_at(wasi_call *call, bool writing)
{
    position at = {.given = true, .offset = call->args[3]};
    uint64_t right = writing ? WASI_RIGHT_FD_WRITE : WASI_RIGHT_FD_READ;
    wasi_fd *fd;
    wasi_errno error = wasi_fd_find(call->state, (uint32_t)call->args[0], right, &fd);

    if (error != WASI_SUCCESS)
        return error;
    if (fd->kind != WASI_FILE)
        return WASI_SPIPE;
    if ((fd->base & WASI_RIGHT_FD_SEEK) == 0)
        return WASI_NOTCAPABLE;
    if (at.offset > INT64_MAX - (uint64_t)INT32_MAX)
        return WASI_INVAL;
    return transfer_all(call, fd, writing, at, (uint32_t)call->args[4]);
}

wasi_errno wasi_fd_pread(wasi_call *call)
{
    return transfer_at(call, false);
}

wasi_errno wasi_fd_pwrite(wasi_call *call)
{
    return transfer_at(call, true);
}

/* ---- position ----------------------------------------------------------------------------- */

static wasi_errno seek(const wasi_call *call, uint64_t right, int64_t offset, int whence,
                       uint32_t result)
{
    wasi_fd *fd;
    wasi_errno error = wasi_fd_find(call->state, (uint32_t)call->args[0], 0, &fd);
    uint8_t *bytes;
    off_t now;

    if (error != WASI_SUCCESS)
        return error;
    if (fd->kind == WASI_STDIN || fd->kind == WASI_STDOUT || fd->kind == WASI_STDERR)
        return WASI_SPIPE;
    if (fd->kind == WASI_DIR)
        return WASI_ISDIR;
    if ((fd->base & right) == 0)
        return WASI_NOTCAPABLE;
    if (!guestmem_view(call->caller, result, 8, &bytes))
        return WASI_FAULT;
    now = lseek(fd->host, (off_t)offset, whence);
    if (now < 0)
        return wasi_errno_from(errno);
    guestmem_put_u64(bytes, (uint64_t)now);
    return WASI_SUCCESS;
}

/* (fd, offset, whence, result). Asking where one is takes no more than the right to tell. */
static wasi_errno seek_by(const wasi_call *call, const int whences[3])
{
    uint32_t whence = (uint32_t)call->args[2];
    int64_t offset = (int64_t)call->args[1];
    uint64_t right = WASI_RIGHT_FD_SEEK;

    if (whence > 2)
        return WASI_INVAL;
    if (offset == 0 && whences[whence] == SEEK_CUR)
        right |= WASI_RIGHT_FD_TELL;
    return seek(call, right, offset, whences[whence], (uint32_t)call->args[3]);
}

wasi_errno wasi_fd_seek(wasi_call *call)
{
    static const int whences[3] = {SEEK_SET, SEEK_CUR, SEEK_END};

    return seek_by(call, whences);
}

wasi_errno wasi_fd_seek_unstable(wasi_call *call)
{
    static const int whences[3] = {SEEK_CUR, SEEK_END, SEEK_SET};

    return seek_by(call, whences);
}

wasi_errno wasi_fd_tell(wasi_call *call)
{
    return seek(call, WASI_RIGHT_FD_TELL | WASI_RIGHT_FD_SEEK, 0, SEEK_CUR,
                (uint32_t)call->args[1]);
}
