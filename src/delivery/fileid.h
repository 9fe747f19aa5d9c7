/* SPDX-License-Identifier: Apache-2.0
 * fileid.h — which file, and in which state of its content.
 *
 * Why:     What is known of a file's content (its digest, its variants) holds until the content
 *          changes. Nobody can look at the content with every request; the kernel's own record of
 *          it is as good: another file has another device or inode, and writing changes the times.
 *          ctime is there because mtime can be set back by anybody who may write the file, and
 *          rsync and tar do it.
 * Limits:  Times are in microseconds, as APR has them; the kernel's clock for files ticks in
 *          milliseconds. A file that is younger than FILEID_SETTLED may be written again within the
 *          same tick, so nothing is to be remembered of it yet.
 * Memory:  A value.
 * Threads: Any.
 */
#ifndef FILEID_H
#define FILEID_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#define FILEID_BYTES 40

/* Microseconds: one whose file system keeps seconds only has had two of them. Uploads that pause
 * for longer are told from complete ones by nothing; what is made of their first part is as right
 * for it as any, and the rest is another state. */
#define FILEID_SETTLED ((int64_t)3000000)

struct fileid {
    uint64_t device, inode;
    uint64_t size;        /* bytes */
    int64_t mtime, ctime; /* microseconds since the epoch */
};

struct fileid fileid_of_stat(const struct stat *st);

bool fileid_equal(const struct fileid *a, const struct fileid *b);

/* Whether the file has been left alone for long enough at the time now (microseconds since the
 * epoch). An mtime from the future says nothing: an upload from a machine whose clock or time zone
 * is wrong has one. With a ctime from the future, the clock of the file system is not ours, and the
 * file has not been left alone until that has come. */
bool fileid_settled(const struct fileid *id, int64_t now);

/* The same bytes on every machine, for a hash or a record. */
void fileid_write(uint8_t out[FILEID_BYTES], const struct fileid *id);
void fileid_read(struct fileid *id, const uint8_t bytes[FILEID_BYTES]);

/* Well mixed, over all fields. */
uint64_t fileid_hash(const struct fileid *id);

#endif
