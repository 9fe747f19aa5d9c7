/* SPDX-License-Identifier: Apache-2.0
 * kv_impl.h — the layout of the shared store, and what its files use of each other.
 *
 *   kv_store | shard | shard | …      each shard: lock, buckets[], marks[], blocks[]
 *
 *   bucket ─▶ entry ─chain─▶ entry ─chain─▶ 0
 *              │next                              an entry is a chain of blocks of 128 bytes; the
 *              ▼                                  first has its head, then the value, then the key,
 *            block ─▶ block ─▶ 0                  which run on into the others
 *
 * Numbers of blocks stand in place of pointers, so that the memory may lie anywhere in a process; 0
 * is none. Entries also stand in a list by use, the latest first; what is not in an entry is in the
 * free list.
 *
 * Memory and threads: as kv.h. Who calls what takes a shard has its lock.
 * Editing: a change of the layout must change KV_LAYOUT: a server that is upgraded and restarted
 * has the old one in its hands.
 */
#ifndef WASMSERVE_KV_IMPL_H
#define WASMSERVE_KV_IMPL_H

#include "kv.h"

#include <pthread.h>
#include <stdatomic.h>

#define KV_LAYOUT UINT64_C(0x77736B760002)

enum {
    BLOCK_BYTES = 128,
    SHARD_BYTES =
        64 << 10 /* at least so many for each shard, while there are fewer than the most */
};

typedef struct entry_head {
    uint32_t next;          /* block */
    _Atomic uint32_t chain; /* the next entry of the bucket */
    uint32_t newer, older;  /* by use */
    uint64_t hash;
    _Atomic uint64_t revision;
    uint64_t expires; /* ns; UINT64_MAX: never */
    uint32_t value_length;
    uint32_t key_length;
} entry_head;

typedef union block {
    struct {
        entry_head head;
        uint8_t bytes[BLOCK_BYTES - sizeof(entry_head)];
    } first;
    struct {
        uint32_t next;
        uint8_t bytes[BLOCK_BYTES - sizeof(uint32_t)];
    } rest;
    _Alignas(64) uint8_t all[BLOCK_BYTES];
} block;
_Static_assert(sizeof(block) == BLOCK_BYTES, "blocks lie side by side");
_Static_assert(sizeof(entry_head) % sizeof(uint64_t) == 0, "a number behind the head is aligned");

typedef struct shard {
    _Alignas(64) pthread_mutex_t lock;
    uint32_t first_free, free_count;
    uint32_t newest, oldest;
    uint64_t revision; /* the last one given out */
    _Atomic uint64_t entries, used_blocks, evicted, expired, recovered;
    _Atomic uint64_t turns; /* times that the lock was taken */
} shard;

struct kv_store {
    _Alignas(64) uint64_t layout;
    uint64_t bytes;
    uint64_t seed[2];
    uint32_t shard_count;  /* a power of two */
    uint32_t bucket_count; /* in each shard; a power of two */
    uint32_t block_count;  /* in each shard, block 0 included, which is not there */
    uint32_t shard_bytes;
};

/* ---- places --------------------------------------------------------------------------------- */

static inline size_t round_to_64(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

static inline shard *shard_at(const kv_store *store, uint32_t i)
{
    return (shard *)((char *)(store + 1) + (size_t)i * store->shard_bytes);
}

static inline _Atomic uint32_t *buckets_of(const shard *s)
{
    return (_Atomic uint32_t *)((char *)s + sizeof *s);
}

/* One byte for each block, for kv_mend.c. */
static inline uint8_t *marks_of(const kv_store *store, const shard *s)
{
    return (uint8_t *)(buckets_of(s) + store->bucket_count);
}

static inline block *blocks_of(const kv_store *store, const shard *s)
{
    size_t before = sizeof *s + store->bucket_count * sizeof(uint32_t) + store->block_count;

    return (block *)((char *)s + round_to_64(before)) - 1; /* numbers begin with 1 */
}

/* ---- links and counts ----------------------------------------------------------------------- */

/* What others may see from now on. The compiler must not move what was written before behind this;
 * the processor cannot, as far as a process is concerned that comes after this one's death. */
static inline void publish(_Atomic uint32_t *link, uint32_t entry)
{
    atomic_store_explicit(link, entry, memory_order_release);
}

static inline uint32_t follow(const _Atomic uint32_t *link)
{
    return atomic_load_explicit((_Atomic uint32_t *)link, memory_order_relaxed);
}

static inline void count(_Atomic uint64_t *counter, int64_t by)
{
    atomic_fetch_add_explicit(counter, (uint64_t)by, memory_order_relaxed);
}

/* Puts an entry first in the list by use. */
static inline void use_begin(shard *s, block *blocks, uint32_t entry)
{
    entry_head *head = &blocks[entry].first.head;

    head->newer = 0;
    head->older = s->newest;
    if (s->newest != 0)
        blocks[s->newest].first.head.newer = entry;
    else
        s->oldest = entry;
    s->newest = entry;
}

/* ---- kv_entry.c ----------------------------------------------------------------------------- */

/* SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF"). */
uint64_t kv_hash(const uint64_t seed[2], const uint8_t *bytes, size_t length);

/* Blocks that an entry with so many bytes of value and key takes. */
uint32_t kv_blocks_for(size_t bytes);

/* Walks through the bytes of an entry, value and then key, piece by piece. */
typedef struct kv_cursor {
    block *blocks;
    uint8_t *bytes;
    size_t left;
    uint32_t next;
} kv_cursor;

kv_cursor kv_cursor_at(block *blocks, uint32_t entry);
void kv_put_bytes(kv_cursor *c, const uint8_t *from, size_t length);
void kv_get_bytes(kv_cursor *c, uint8_t *to, size_t length); /* to NULL: passes over them */
bool kv_has_key(block *blocks, uint32_t entry, const uint8_t *key, uint32_t length);

/* ---- kv_mend.c ------------------------------------------------------------------------------ */

bool kv_make_lock(pthread_mutex_t *lock);
/* Takes a shard's lock, and mends the shard if its last holder has died. False if one holder has
 * had it for 100 ms (stopped, or swapped out), or others have been quicker for a second. */
bool kv_take_lock(const kv_store *store, shard *s);

#endif
