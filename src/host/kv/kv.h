/* SPDX-License-Identifier: Apache-2.0
 * kv.h — a small shared store for guests (grant `kv`): the functions that they import, and the
 * store.
 *
 * The store is a hash table in one flat piece of memory without pointers, so that processes can
 * share it at different addresses and it can be tested without any of them (kv_table.c). Each
 * plugin has a store of its own, whose size is its quota. The guest's functions (kv.c,
 * kv_functions.def) see no store but an exchange: whoever runs guests says where their values go
 * (exchange.h).
 *
 * Keys have 1 to 256 bytes, values up to 16 KiB. A store that is full forgets: first what has
 * expired, then what was not used for longest. So it is for what can be made again or can be lost:
 * counters of a rate limit, sessions, cached answers.
 *
 * Threads: a store, any of any process. A kv_guest: as the guest's store.
 * Memory: the caller's, for both; nothing is allocated.
 */
#ifndef WASMSERVE_KV_H
#define WASMSERVE_KV_H

#include "engine.h"
#include "exchange.h"

enum {
    KV_KEY_MAX = 256,
    KV_VALUE_MAX = 16384,
    KV_SHARDS_MAX = 64 /* locks; a store has one for each 64 KiB, up to this */
};

/* Sizes that a store can have. */
#define KV_BYTES_MIN     ((size_t)64 << 10)
#define KV_BYTES_MAX     ((size_t)1 << 30)
#define KV_BYTES_DEFAULT ((size_t)1 << 20)

/* ---- for guests (kv.c) ---------------------------------------------------------------------- */

/* What a guest's functions work on; reached as the store's data (struct host_context). */
typedef struct kv_guest {
    const exchange *exchange;
    uint32_t grants; /* enum grant_bit */
    bool missed;     /* it asked for the store without its grant */
} kv_guest;

/* The functions, sorted by (module, name), for wasm_resolve(). */
const wasm_host_function *kv_functions(size_t *count);

/* ---- the store (kv_table.c) ----------------------------------------------------------------- */

typedef struct kv_store kv_store;

/* Makes an empty store of `bytes` of memory, aligned to 64 and zeroed, that may be shared by
 * processes (MAP_SHARED). NULL if there are too few bytes, or no locks. */
kv_store *kv_store_format(void *memory, size_t bytes);

/* A store that was made in this memory, by this version of the program. NULL if it is none. */
kv_store *kv_store_attach(void *memory, size_t bytes);

/* Matches any revision: the change is made whatever is there. */
#define KV_ANY UINT64_MAX

/* Reads. *length is that of the value, also where it does not fit into size: SHORT; then nothing is
 * written to `value`. *revision changes with every change of the value and is never 0. `now` is the
 * monotonic clock in ns, the same for all processes. */
exchange_kv_status kv_store_get(kv_store *store, const void *key, size_t key_length, void *value,
                                size_t size, size_t *length, uint64_t *revision, uint64_t now);

/* Writes, if the key's revision is `expected` (0: if it is not there; KV_ANY: in any case). ttl in
 * ns from now; 0: for ever. */
exchange_kv_status kv_store_set(kv_store *store, const void *key, size_t key_length,
                                const void *value, size_t length, uint64_t ttl, uint64_t expected,
                                uint64_t now);

/* Removes, if it is there and the revision is `expected` or that is KV_ANY. */
exchange_kv_status kv_store_delete(kv_store *store, const void *key, size_t key_length,
                                   uint64_t expected, uint64_t now);

/* Adds to a number (a value of 8 bytes, little-endian). One that is not there begins at 0 and gets
 * the ttl; one that is there keeps its time. NUMBER if the value is none, or would overflow. */
exchange_kv_status kv_store_add(kv_store *store, const void *key, size_t key_length, int64_t delta,
                                uint64_t ttl, int64_t *sum, uint64_t now);

/* Puts everything that has not expired into another store, as far as there is room. */
void kv_store_copy(kv_store *to, kv_store *from, uint64_t now);

typedef struct kv_stats {
    uint64_t bytes;     /* of the store */
    uint64_t used;      /* of them, blocks that hold entries */
    uint64_t entries;   /* expired ones that nobody has met yet included */
    uint64_t evicted;   /* live entries that were forgotten because there was no room */
    uint64_t expired;   /* entries that were removed after their time */
    uint64_t recovered; /* times that a lock was left by a process that died */
} kv_stats;
/* Read without locks: right, but not of one moment. */
void kv_store_stats(const kv_store *store, kv_stats *stats);

/* For tests: takes every lock and looks whether all is as it must be; NULL, or what is not. */
const char *kv_store_check(kv_store *store);

/* An exchange's kv over a store as its kv_baton, with the real clock. */
extern const exchange_kv kv_store_exchange;

#endif
