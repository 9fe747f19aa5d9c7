/* SPDX-License-Identifier: Apache-2.0
 * digest_memo.h — the digests of files, each computed once by a process.
 *
 * Why:     Some decisions of a request depend on the content of a file of which only the name is
 *          known. Reading 14 MB takes tens of milliseconds; doing it for every request would be a
 *          gift to whoever wants the server busy.
 * How:     Remembered by identity (fileid.h), so that a file that changes is another one. Only a
 *          file that has been left alone for a while is looked at.
 * Memory:  A fixed table for each process, 20 KiB.
 * Threads: Any; a lock is held for the copying of an entry.
 */
#ifndef DIGEST_MEMO_H
#define DIGEST_MEMO_H

#include <stdbool.h>
#include <stdint.h>

#include "fileid.h"
#include "sha256.h"

/* Whether the digest is remembered. */
bool digest_memo_get(const struct fileid *id, uint8_t digest[SHA256_SIZE]);

void digest_memo_put(const struct fileid *id, const uint8_t digest[SHA256_SIZE]);

/* The digest of the file at path, if that is the file that id names, at the time now (microseconds
 * since the epoch): remembered, or read. False if it is another one by now, has changed while it
 * was read, may still be changing, or cannot be read; or somebody else is reading one just now. */
bool digest_memo_of_file(const char *path, const struct fileid *id, int64_t now,
                         uint8_t digest[SHA256_SIZE]);

#endif
