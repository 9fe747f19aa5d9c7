/* SPDX-License-Identifier: Apache-2.0
 * passed_over.c — a bounded memory of what has been said; the header says why.
 *
 * How:     A hash of path, time and reason is looked for in a set of WAYS neighbouring slots of
 *          a fixed table, and put into one of them if it is not there: an empty one, else the
 *          one that the hash points at. So nothing grows, and a server with more broken variants
 *          than the table has slots repeats some lines. Two hashes that are equal silence one
 *          line in 2^64. Slots are atomic words without any order among them: two threads that
 *          find the same thing at the same moment may both say it, which is harmless, and
 *          cheaper than a lock in every request.
 * Memory:  8 KiB, static, for each process; a new child begins with an empty table.
 * Threads: Any.
 */
#include "passed_over.h"

#include <stdatomic.h>
#include <stddef.h>

enum { SLOTS = 1024, WAYS = 4 };

static _Atomic uint64_t slots[SLOTS];

/* FNV-1a, 64 bits. */
static uint64_t hash_bytes(uint64_t hash, const void *data, size_t len)
{
    const unsigned char *p = data;
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ p[i]) * 0x100000001b3u;
    }
    return hash;
}

bool passed_over_first(const char *path, int64_t mtime, unsigned reason)
{
    uint64_t hash = 0xcbf29ce484222325u;
    size_t set, victim;

    while (*path != '\0') {
        hash = hash_bytes(hash, path++, 1);
    }
    hash = hash_bytes(hash, &mtime, sizeof(mtime));
    hash = hash_bytes(hash, &reason, sizeof(reason));
    hash += hash == 0; /* 0 is an empty slot */

    set = (size_t)(hash % SLOTS) & ~(size_t)(WAYS - 1);
    victim = set + (size_t)(hash >> 32) % WAYS;
    for (size_t i = set; i < set + WAYS; i++) {
        uint64_t seen = atomic_load_explicit(&slots[i], memory_order_relaxed);
        if (seen == hash) {
            return false;
        }
        if (seen == 0) {
            victim = i;
            break;
        }
    }
    atomic_store_explicit(&slots[victim], hash, memory_order_relaxed);
    return true;
}
