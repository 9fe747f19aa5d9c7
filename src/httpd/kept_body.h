/* SPDX-License-Identifier: Apache-2.0
 * kept_body.h — the content of small files, kept in memory and shared by the requests that send it.
 *
 * Why:     To open, read and close a small file costs more than to send it. Its content is in the
 *          kernel's memory as well; what is saved are the ways there and the copy.
 * How:     Kept by identity (fileid.h), which the caller has from a stat of this very request. So a
 *          file that was changed, replaced, or made unreadable (chmod sets ctime) is not found, and
 *          what is found is what opening and reading it would give. What can be read is kept only
 *          if its identity can be relied on: it has been left alone for a while, was the same
 *          before and after it was read, and lies in a file system of this machine that it can be
 *          written in; what others write into a network's shows late in a stat, and an image has
 *          the times that its maker gave it.
 * Memory:  At most KEPT_BODIES times KEPT_BODY_MAX in each process, the least recently used go. A
 *          body lives for as long as anybody has a reference.
 * Threads: Any; a lock is held for looking through the table.
 */
#ifndef KEPT_BODY_H
#define KEPT_BODY_H

#include <stdint.h>

#include "apr_buckets.h"
#include "apr_pools.h"

#include "fileid.h"

enum { KEPT_BODIES = 16, KEPT_BODY_MAX = 64 * 1024 };

struct kept_body;

/* The content of the file that id names; NULL if it is not here. The reference ends with pool. */
const struct kept_body *kept_body_find(const struct fileid *id, apr_pool_t *pool);

/* Reads the open file fd, which id names (fstat), whole: 1 to KEPT_BODY_MAX bytes. Keeps it if it
 * may at the time now, microseconds since the epoch. NULL if it could not be read to its end or
 * there is no memory. Does not move fd's offset. The reference ends with pool. */
const struct kept_body *kept_body_read(int fd, const struct fileid *id, int64_t now,
                                       apr_pool_t *pool);

const uint8_t *kept_body_bytes(const struct kept_body *body);
size_t kept_body_size(const struct kept_body *body);

/* A bucket over the first size bytes of the content, with a reference of its own. Nobody can write
 * into it. */
apr_bucket *kept_body_bucket(const struct kept_body *body, size_t size, apr_bucket_alloc_t *list);

#endif
