/* SPDX-License-Identifier: Apache-2.0
 * wasi_types.h — the numbers of WASI preview 1 as they stand on the wire between guest and host.
 *
 * Names and values are the interface's own (WebAssembly/WASI, legacy/preview1/docs.md). Structures
 * have no C type here: they are put together byte by byte at the offsets that the functions which
 * write them say, so that neither alignment nor byte order of this machine matters.
 */
#ifndef WASMSERVE_WASI_TYPES_H
#define WASMSERVE_WASI_TYPES_H

#include <stdint.h>

/* §errno, in the order of the interface: the value is the position. */
typedef enum wasi_errno {
    WASI_SUCCESS,
    WASI_2BIG,
    WASI_ACCES,
    WASI_ADDRINUSE,
    WASI_ADDRNOTAVAIL,
    WASI_AFNOSUPPORT,
    WASI_AGAIN,
    WASI_ALREADY,
    WASI_BADF,
    WASI_BADMSG,
    WASI_BUSY,
    WASI_CANCELED,
    WASI_CHILD,
    WASI_CONNABORTED,
    WASI_CONNREFUSED,
    WASI_CONNRESET,
    WASI_DEADLK,
    WASI_DESTADDRREQ,
    WASI_DOM,
    WASI_DQUOT,
    WASI_EXIST,
    WASI_FAULT,
    WASI_FBIG,
    WASI_HOSTUNREACH,
    WASI_IDRM,
    WASI_ILSEQ,
    WASI_INPROGRESS,
    WASI_INTR,
    WASI_INVAL,
    WASI_IO,
    WASI_ISCONN,
    WASI_ISDIR,
    WASI_LOOP,
    WASI_MFILE,
    WASI_MLINK,
    WASI_MSGSIZE,
    WASI_MULTIHOP,
    WASI_NAMETOOLONG,
    WASI_NETDOWN,
    WASI_NETRESET,
    WASI_NETUNREACH,
    WASI_NFILE,
    WASI_NOBUFS,
    WASI_NODEV,
    WASI_NOENT,
    WASI_NOEXEC,
    WASI_NOLCK,
    WASI_NOLINK,
    WASI_NOMEM,
    WASI_NOMSG,
    WASI_NOPROTOOPT,
    WASI_NOSPC,
    WASI_NOSYS,
    WASI_NOTCONN,
    WASI_NOTDIR,
    WASI_NOTEMPTY,
    WASI_NOTRECOVERABLE,
    WASI_NOTSOCK,
    WASI_NOTSUP,
    WASI_NOTTY,
    WASI_NXIO,
    WASI_OVERFLOW,
    WASI_OWNERDEAD,
    WASI_PERM,
    WASI_PIPE,
    WASI_PROTO,
    WASI_PROTONOSUPPORT,
    WASI_PROTOTYPE,
    WASI_RANGE,
    WASI_ROFS,
    WASI_SPIPE,
    WASI_SRCH,
    WASI_STALE,
    WASI_TIMEDOUT,
    WASI_TXTBSY,
    WASI_XDEV,
    WASI_NOTCAPABLE
} wasi_errno;
_Static_assert(WASI_NOTCAPABLE == 76, "the list of errno values is the interface's");

/* §rights: the bit is the position. */
#define WASI_RIGHT_FD_DATASYNC             (UINT64_C(1) << 0)
#define WASI_RIGHT_FD_READ                 (UINT64_C(1) << 1)
#define WASI_RIGHT_FD_SEEK                 (UINT64_C(1) << 2)
#define WASI_RIGHT_FD_FDSTAT_SET_FLAGS     (UINT64_C(1) << 3)
#define WASI_RIGHT_FD_SYNC                 (UINT64_C(1) << 4)
#define WASI_RIGHT_FD_TELL                 (UINT64_C(1) << 5)
#define WASI_RIGHT_FD_WRITE                (UINT64_C(1) << 6)
#define WASI_RIGHT_FD_ADVISE               (UINT64_C(1) << 7)
#define WASI_RIGHT_FD_ALLOCATE             (UINT64_C(1) << 8)
#define WASI_RIGHT_PATH_CREATE_DIRECTORY   (UINT64_C(1) << 9)
#define WASI_RIGHT_PATH_CREATE_FILE        (UINT64_C(1) << 10)
#define WASI_RIGHT_PATH_LINK_SOURCE        (UINT64_C(1) << 11)
#define WASI_RIGHT_PATH_LINK_TARGET        (UINT64_C(1) << 12)
#define WASI_RIGHT_PATH_OPEN               (UINT64_C(1) << 13)
#define WASI_RIGHT_FD_READDIR              (UINT64_C(1) << 14)
#define WASI_RIGHT_PATH_READLINK           (UINT64_C(1) << 15)
#define WASI_RIGHT_PATH_RENAME_SOURCE      (UINT64_C(1) << 16)
#define WASI_RIGHT_PATH_RENAME_TARGET      (UINT64_C(1) << 17)
#define WASI_RIGHT_PATH_FILESTAT_GET       (UINT64_C(1) << 18)
#define WASI_RIGHT_PATH_FILESTAT_SET_SIZE  (UINT64_C(1) << 19)
#define WASI_RIGHT_PATH_FILESTAT_SET_TIMES (UINT64_C(1) << 20)
#define WASI_RIGHT_FD_FILESTAT_GET         (UINT64_C(1) << 21)
#define WASI_RIGHT_FD_FILESTAT_SET_SIZE    (UINT64_C(1) << 22)
#define WASI_RIGHT_FD_FILESTAT_SET_TIMES   (UINT64_C(1) << 23)
#define WASI_RIGHT_PATH_SYMLINK            (UINT64_C(1) << 24)
#define WASI_RIGHT_PATH_REMOVE_DIRECTORY   (UINT64_C(1) << 25)
#define WASI_RIGHT_PATH_UNLINK_FILE        (UINT64_C(1) << 26)
#define WASI_RIGHT_POLL_FD_READWRITE       (UINT64_C(1) << 27)

#define WASI_RIGHTS_ALL ((UINT64_C(1) << 28) - 1)

/* What changes a file system; none of it is had by way of a read-only grant. */
#define WASI_RIGHTS_MUTATING                                                                       \
    (WASI_RIGHT_FD_WRITE | WASI_RIGHT_FD_ALLOCATE | WASI_RIGHT_PATH_CREATE_DIRECTORY |             \
     WASI_RIGHT_PATH_CREATE_FILE | WASI_RIGHT_PATH_LINK_SOURCE | WASI_RIGHT_PATH_LINK_TARGET |     \
     WASI_RIGHT_PATH_RENAME_SOURCE | WASI_RIGHT_PATH_RENAME_TARGET |                               \
     WASI_RIGHT_PATH_FILESTAT_SET_SIZE | WASI_RIGHT_PATH_FILESTAT_SET_TIMES |                      \
     WASI_RIGHT_FD_FILESTAT_SET_SIZE | WASI_RIGHT_FD_FILESTAT_SET_TIMES |                          \
     WASI_RIGHT_PATH_SYMLINK | WASI_RIGHT_PATH_REMOVE_DIRECTORY | WASI_RIGHT_PATH_UNLINK_FILE)

/* What has a meaning for a regular file, for a directory, and for stdio. */
#define WASI_RIGHTS_FILE                                                                           \
    (WASI_RIGHT_FD_DATASYNC | WASI_RIGHT_FD_READ | WASI_RIGHT_FD_SEEK |                            \
     WASI_RIGHT_FD_FDSTAT_SET_FLAGS | WASI_RIGHT_FD_SYNC | WASI_RIGHT_FD_TELL |                    \
     WASI_RIGHT_FD_WRITE | WASI_RIGHT_FD_ADVISE | WASI_RIGHT_FD_ALLOCATE |                         \
     WASI_RIGHT_FD_FILESTAT_GET | WASI_RIGHT_FD_FILESTAT_SET_SIZE |                                \
     WASI_RIGHT_FD_FILESTAT_SET_TIMES | WASI_RIGHT_POLL_FD_READWRITE)
#define WASI_RIGHTS_DIRECTORY                                                                      \
    (WASI_RIGHT_FD_DATASYNC | WASI_RIGHT_FD_FDSTAT_SET_FLAGS | WASI_RIGHT_FD_SYNC |                \
     WASI_RIGHT_FD_ADVISE | WASI_RIGHT_PATH_CREATE_DIRECTORY | WASI_RIGHT_PATH_CREATE_FILE |       \
     WASI_RIGHT_PATH_LINK_SOURCE | WASI_RIGHT_PATH_LINK_TARGET | WASI_RIGHT_PATH_OPEN |            \
     WASI_RIGHT_FD_READDIR | WASI_RIGHT_PATH_READLINK | WASI_RIGHT_PATH_RENAME_SOURCE |            \
     WASI_RIGHT_PATH_RENAME_TARGET | WASI_RIGHT_PATH_FILESTAT_GET |                                \
     WASI_RIGHT_PATH_FILESTAT_SET_SIZE | WASI_RIGHT_PATH_FILESTAT_SET_TIMES |                      \
     WASI_RIGHT_FD_FILESTAT_GET | WASI_RIGHT_FD_FILESTAT_SET_TIMES | WASI_RIGHT_PATH_SYMLINK |     \
     WASI_RIGHT_PATH_REMOVE_DIRECTORY | WASI_RIGHT_PATH_UNLINK_FILE |                              \
     WASI_RIGHT_POLL_FD_READWRITE)
#define WASI_RIGHTS_STDIO                                                                          \
    (WASI_RIGHT_FD_FDSTAT_SET_FLAGS | WASI_RIGHT_FD_FILESTAT_GET | WASI_RIGHT_POLL_FD_READWRITE)

/* §filetype */
enum {
    WASI_FILETYPE_UNKNOWN,
    WASI_FILETYPE_BLOCK_DEVICE,
    WASI_FILETYPE_CHARACTER_DEVICE,
    WASI_FILETYPE_DIRECTORY,
    WASI_FILETYPE_REGULAR_FILE,
    WASI_FILETYPE_SOCKET_DGRAM,
    WASI_FILETYPE_SOCKET_STREAM,
    WASI_FILETYPE_SYMBOLIC_LINK
};

/* §fdflags, §lookupflags, §oflags, §fstflags, §subclockflags */
enum {
    WASI_FDFLAG_APPEND = 1,
    WASI_FDFLAG_DSYNC = 2,
    WASI_FDFLAG_NONBLOCK = 4,
    WASI_FDFLAG_RSYNC = 8,
    WASI_FDFLAG_SYNC = 16,
    WASI_FDFLAGS = 31
};
enum { WASI_LOOKUP_SYMLINK_FOLLOW = 1 };
enum { WASI_OFLAG_CREAT = 1, WASI_OFLAG_DIRECTORY = 2, WASI_OFLAG_EXCL = 4, WASI_OFLAG_TRUNC = 8 };
enum {
    WASI_FSTFLAG_ATIM = 1,
    WASI_FSTFLAG_ATIM_NOW = 2,
    WASI_FSTFLAG_MTIM = 4,
    WASI_FSTFLAG_MTIM_NOW = 8
};
enum { WASI_SUBCLOCK_ABSTIME = 1 };

/* §clockid, §eventtype */
enum { WASI_CLOCK_REALTIME, WASI_CLOCK_MONOTONIC, WASI_CLOCK_PROCESS, WASI_CLOCK_THREAD };
enum { WASI_EVENT_CLOCK, WASI_EVENT_FD_READ, WASI_EVENT_FD_WRITE };

#endif
