/* SPDX-License-Identifier: Apache-2.0
 * wasi_errno.c — this system's errno values as those of WASI preview 1.
 *
 * The names are the same; the numbers are not. A value that the interface does not know becomes IO.
 * Pure, any thread.
 */
#include "wasi_impl.h"

#include <errno.h>

wasi_errno wasi_errno_from(int system_errno)
{
    switch (system_errno) {
    case 0: return WASI_SUCCESS;
    case E2BIG: return WASI_2BIG;
    case EACCES: return WASI_ACCES;
    case EAGAIN: return WASI_AGAIN;
    case EBADF: return WASI_BADF;
    case EBUSY: return WASI_BUSY;
    case EDEADLK: return WASI_DEADLK;
    case EDQUOT: return WASI_DQUOT;
    case EEXIST: return WASI_EXIST;
    case EFAULT: return WASI_FAULT;
    case EFBIG: return WASI_FBIG;
    case EILSEQ: return WASI_ILSEQ;
    case EINTR: return WASI_INTR;
    case EINVAL: return WASI_INVAL;
    case EIO: return WASI_IO;
    case EISDIR: return WASI_ISDIR;
    case ELOOP: return WASI_LOOP;
    case EMFILE: return WASI_MFILE;
    case EMLINK: return WASI_MLINK;
    case ENAMETOOLONG: return WASI_NAMETOOLONG;
    case ENFILE: return WASI_NFILE;
    case ENODEV: return WASI_NODEV;
    case ENOENT: return WASI_NOENT;
    case ENOLCK: return WASI_NOLCK;
    case ENOMEM: return WASI_NOMEM;
    case ENOSPC: return WASI_NOSPC;
    case ENOSYS: return WASI_NOSYS;
    case ENOTDIR: return WASI_NOTDIR;
    case ENOTEMPTY: return WASI_NOTEMPTY;
    case ENOTSUP: return WASI_NOTSUP;
    case ENOTTY: return WASI_NOTTY;
    case ENXIO: return WASI_NXIO;
    case EOVERFLOW: return WASI_OVERFLOW;
    case EPERM: return WASI_PERM;
    case EPIPE: return WASI_PIPE;
    case EROFS: return WASI_ROFS;
    case ESPIPE: return WASI_SPIPE;
    case ESTALE: return WASI_STALE;
    case ETIMEDOUT: return WASI_TIMEDOUT;
    case ETXTBSY: return WASI_TXTBSY;
    case EXDEV: return WASI_XDEV;
    default: return WASI_IO;
    }
}
