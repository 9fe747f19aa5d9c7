/* SPDX-License-Identifier: Apache-2.0
 * digest.h — BLAKE2s-256 (RFC 7693): what makes equal things equal across modules.
 *
 * The identity of a type is the digest of its recursive group, so that two modules which know
 * nothing of each other can compare their types in constant time. Whoever could make two different
 * groups with one digest could take one type for another; therefore a hash for which nobody knows
 * how, and not one that is merely quick.
 *
 * Memory:  states and digests are values.
 * Threads: nothing is shared.
 */
#ifndef WASMSERVE_DIGEST_H
#define WASMSERVE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct digest {
    uint64_t words[4];
} digest;

typedef struct digest_state {
    uint32_t chain[8];
    uint64_t count; /* bytes taken in, but for those in the block */
    uint8_t block[64];
    size_t filled;
    uint32_t last_node; /* all ones: the last of its level in a tree, which the end says (§2.8) */
} digest_state;

void digest_begin(digest_state *s);
void digest_add(digest_state *s, const void *bytes, size_t length);
void digest_add_u32(digest_state *s, uint32_t number); /* as four bytes, the lowest first */
void digest_end(digest_state *s, digest *out);

/* BLAKE2sp-256, the form with eight leaves: another value than the above, several times as fast,
 * for whole files. */
void digest_of_bytes(const void *bytes, size_t length, digest *out);

static inline bool digest_equal(const digest *a, const digest *b)
{
    return a == b || memcmp(a->words, b->words, sizeof a->words) == 0;
}

#endif
