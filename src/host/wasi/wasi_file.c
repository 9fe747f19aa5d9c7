/* SPDX-License-Identifier: Apache-2.0
 * wasi_file.c — what an open descriptor says about its file, and changes of it; reading
 * directories.
 *
 * Directories are read with getdents64() itself: the cookies that a guest gets are the kernel's own
 * positions, so that it may go back to any of them, in any order, and nothing is kept here between
 * two calls.
 *
 * Memory:  one buffer on the stack.
 * Threads: as the store.
 */
#include "wasi_impl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* ---- filestat ----------------------------------------------------------------------------- */

static uint64_t nanoseconds(const struct timespec *time)
{
    return time->tv_sec < 0 ? 0 : (uint64_t)time->tv_sec * 1000000000 + (uint64_t)time->tv_nsec;
}

/* §filestat: dev u64, ino u64, filetype u8 at 16, nlink u64 at 24, size, atim, mtim, ctim u64.
 * wasi_unstable: nlink u32 at 20, and what follows 8 bytes earlier. */
wasi_errno wasi_store_filestat(const wasi_call *call, uint32_t at, const struct stat *st,
                               bool unstable)
{
    uint8_t filestat[64] = {0};
    uint8_t *rest = filestat + (unstable ? 24 : 32);

    guestmem_put_u64(filestat, (uint64_t)st->st_dev);
    guestmem_put_u64(filestat + 8, (uint64_t)st->st_ino);
    filestat[16] = wasi_filetype(st->st_mode);
    if (unstable)
        guestmem_put_u32(filestat + 20, (uint32_t)st->st_nlink);
    else
        guestmem_put_u64(filestat + 24, (uint64_t)st->st_nlink);
    guestmem_put_u64(rest, (uint64_t)st->st_size);
    guestmem_put_u64(rest + 8, nanoseconds(&st->st_atim));
    guestmem_put_u64(rest + 16, nanoseconds(&st->st_mtim));
    guestmem_put_u64(rest + 24, nanoseconds(&st->st_ctim));
    return guestmem_write(call->caller, at, filestat, unstable ? 56 : 64) ? WASI_SUCCESS
                                                                          : WASI_FAULT;
}

static wasi_errno filestat_get(const wasi_call *call, bool unstable)
{
    struct stat st = {0};
    wasi_fd *fd;
    wasi_errno error =
        wasi_fd_find(call->state, (uint32_t)call->args[0], WASI_RIGHT_FD_FILESTAT_GET, &fd);

    if (error != WASI_SUCCESS)
        return error;
    if (fd->kind == WASI_FILE || fd->kind == WASI_DIR) {
        if (fstat(fd->host, &st) != 0)
            return wasi_errno_from(errno);
    } else if (fd->filetype == WASI_FILETYPE_CHARACTER_DEVICE) {
        st.st_mode = S_IFCHR;
    }
    return wasi_store_filestat(call, (uint32_t)call->args[1], &st, unstable);
}

wasi_errno wasi_fd_filestat_get(wasi_call *call)
{
    return filestat_get(call, false);
}

wasi_errno wasi_fd_filestat_get_unstable(wasi_call *call)
{
    return filestat_get(call, true);
}

/* ---- changes ------------------------------------------------------------------------------ */

/* The file behind a descriptor that has the right; stdio is none. */
static wasi_errno find_file(const wasi_call *call, uint64_t right, wasi_fd **fd)
{
    wasi_errno error = wasi_fd_find(call->state, (uint32_t)call->args[0], right, fd);

    if (error == WASI_SUCCESS && (*fd)->host < 0)
        error = WASI_INVAL;
    return error;
}

wasi_errno wasi_fd_filestat_set_size(wasi_call *call)
{
    wasi_fd *fd;
    wasi_errno error = find_file(call, WASI_RIGHT_FD_FILESTAT_SET_SIZE, &fd);

    if (error != WASI_SUCCESS)
        return error;
    if (call->args[1] > INT64_MAX)
        return WASI_INVAL;
    return ftruncate(fd->host, (off_t)call->args[1]) == 0 ? WASI_SUCCESS : wasi_errno_from(errno);
}

wasi_errno wasi_times(uint64_t atim, uint64_t mtim, uint32_t flags, struct timespec times[2])
{
    const uint64_t given[2] = {atim, mtim};

    if (flags >
        (WASI_FSTFLAG_ATIM | WASI_FSTFLAG_ATIM_NOW | WASI_FSTFLAG_MTIM | WASI_FSTFLAG_MTIM_NOW))
        return WASI_INVAL;
    for (unsigned i = 0; i < 2; i++) {
        uint32_t set = flags >> (2 * i) & WASI_FSTFLAG_ATIM;
        uint32_t now = flags >> (2 * i) & WASI_FSTFLAG_ATIM_NOW;

        if (set != 0 && now != 0)
            return WASI_INVAL;
        times[i].tv_sec = set != 0 ? (time_t)(given[i] / 1000000000) : 0;
        times[i].tv_nsec =
            set != 0 ? (long)(given[i] % 1000000000) : (now != 0 ? UTIME_NOW : UTIME_OMIT);
    }
    return WASI_SUCCESS;
}

/* (fd, atim, mtim, flags) */
wasi_errno wasi_fd_filestat_set_times(wasi_call *call)
{
    struct timespec times[2];
    wasi_fd *fd;
    wasi_errno error = find_file(call, WASI_RIGHT_FD_FILESTAT_SET_TIMES, &fd);

    if (error == WASI_SUCCESS)
        error = wasi_times(call->args[1], call->args[2], (uint32_t)call->args[3], times);
    if (error != WASI_SUCCESS)
        return error;
    return futimens(fd->host, times) == 0 ? WASI_SUCCESS : wasi_errno_from(errno);
}

/* (fd, offset, len) */
wasi_errno wasi_fd_allocate(wasi_call *call)
{
    wasi_fd *fd;
    wasi_errno error = find_file(call, WASI_RIGHT_FD_ALLOCATE, &fd);

    if (error != WASI_SUCCESS)
        return error;
    if (call->args[1] > INT64_MAX || call->args[2] > INT64_MAX || call->args[2] == 0)
        return WASI_INVAL;
    /* Not posix_fallocate(): where the file system cannot, that would write the zeroes. */
    return fallocate(fd->host, 0, (off_t)call->args[1], (off_t)call->args[2]) == 0
               ? WASI_SUCCESS
               : wasi_errno_from(errno);
}

/* (fd, offset, len, advice) */
wasi_errno wasi_fd_advise(wasi_call *call)
{
    static const int advices[] = {POSIX_FADV_NORMAL,   POSIX_FADV_SEQUENTIAL, POSIX_FADV_RANDOM,
                                  POSIX_FADV_WILLNEED, POSIX_FADV_DONTNEED,   POSIX_FADV_NOREUSE};
    uint32_t advice = (uint32_t)call->args[3];
    wasi_fd *fd;
    wasi_errno error = find_file(call, WASI_RIGHT_FD_ADVISE, &fd);

    if (error != WASI_SUCCESS)
        return error;
    if (advice >= sizeof advices / sizeof advices[0] || call->args[1] > INT64_MAX ||
        call->args[2] > INT64_MAX)
        return WASI_INVAL;
    if (fd->kind == WASI_DIR)
        return WASI_BADF; /* as the interface's own tests have it */
    return wasi_errno_from(
        posix_fadvise(fd->host, (off_t)call->args[1], (off_t)call->args[2], advices[advice]));
}

wasi_errno wasi_fd_datasync(wasi_call *call)
{
    wasi_fd *fd;
    wasi_errno error = find_file(call, WASI_RIGHT_FD_DATASYNC, &fd);

    if (error != WASI_SUCCESS)
        return error;
    return fdatasync(fd->host) == 0 ? WASI_SUCCESS : wasi_errno_from(errno);
}

wasi_errno wasi_fd_sync(wasi_call *call)
{
    wasi_fd *fd;
    wasi_errno error = find_file(call, WASI_RIGHT_FD_SYNC, &fd);

    if (error != WASI_SUCCESS)
        return error;
    return fsync(fd->host) == 0 ? WASI_SUCCESS : wasi_errno_from(errno);
}

/* ---- directories -------------------------------------------------------------------------- */

/* struct linux_dirent64 of getdents64(2): ino u64, off i64, reclen u16, type u8, name. */
enum { RECORD_OFF = 8, RECORD_LENGTH = 16, RECORD_TYPE = 18, RECORD_NAME = 19 };
enum { DIRENT_SIZE = 24 };

static uint8_t entry_type(const wasi_fd *dir, uint8_t type, const char *name)
{
    struct stat st;

    if (type != DT_UNKNOWN)
        return wasi_filetype(DTTOIF(type));
    if (fstatat(dir->host, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return WASI_FILETYPE_UNKNOWN;
    return wasi_filetype(st.st_mode);
}

/* Appends one record of the kernel's to the guest's buffer, cut off where that ends.
 * §dirent: next u64 at 0, ino u64 at 8, namlen u32 at 16, type u8 at 20; the name follows. */
static void put_entry(const wasi_fd *dir, const uint8_t *record, uint8_t *buffer, uint32_t size,
                      uint32_t *used)
{
    const char *name = (const char *)record + RECORD_NAME;
    size_t length = strnlen(name, WASI_NAME_SIZE - 1), part;
    uint8_t dirent[DIRENT_SIZE + WASI_NAME_SIZE] = {0};
    uint64_t ino, next;
    struct stat st;

    memcpy(&ino, record, sizeof ino);
    memcpy(&next, record + RECORD_OFF, sizeof next);
    /* The granted directory is the guest's root, whose parent is itself. */
    if (dir->preopen != NULL && strcmp(name, "..") == 0 && fstat(dir->host, &st) == 0)
        ino = st.st_ino;
    guestmem_put_u64(dirent, next);
    guestmem_put_u64(dirent + 8, ino);
    guestmem_put_u32(dirent + 16, (uint32_t)length);
    dirent[20] = entry_type(dir, record[RECORD_TYPE], name);
    memcpy(dirent + DIRENT_SIZE, name, length);
    part = DIRENT_SIZE + length;
    if (part > size - *used)
        part = size - *used;
    memcpy(buffer + *used, dirent, part);
    *used += (uint32_t)part;
}

/* (fd, buf, buf_len, cookie, result): fills the buffer from the cookie on; less than full says that
 * the directory is at its end. */
wasi_errno wasi_fd_readdir(wasi_call *call)
{
    uint32_t size = (uint32_t)call->args[2], used = 0;
    uint64_t cookie = call->args[3];
    uint8_t records[8192], *buffer, *result;
    wasi_fd *fd;
    wasi_errno error =
        wasi_fd_find(call->state, (uint32_t)call->args[0], WASI_RIGHT_FD_READDIR, &fd);

    if (error != WASI_SUCCESS)
        return error;
    if (fd->kind != WASI_DIR)
        return WASI_NOTDIR;
    if (!guestmem_view(call->caller, (uint32_t)call->args[1], size, &buffer) ||
        !guestmem_view(call->caller, (uint32_t)call->args[4], 4, &result))
        return WASI_FAULT;
    if (cookie > INT64_MAX || lseek(fd->host, (off_t)cookie, SEEK_SET) < 0)
        return WASI_INVAL;
    while (used < size) {
        long got = syscall(SYS_getdents64, fd->host, records, sizeof records);
        uint16_t length;

        if (got < 0)
            return wasi_errno_from(errno);
        if (got == 0)
            break;
        for (long at = 0; at < got && used < size; at += length) {
            memcpy(&length, records + at + RECORD_LENGTH, sizeof length);
            put_entry(fd, records + at, buffer, size, &used);
        }
        if (wasm_store_interrupted(call->caller->store))
            return WASI_INTR;
    }
    guestmem_put_u32(result, used);
    return WASI_SUCCESS;
}
