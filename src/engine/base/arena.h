/* SPDX-License-Identifier: Apache-2.0
 * arena.h — memory with a budget: a quota counts, an arena hands out.
 *
 * Every allocation that a module or a guest can cause goes through a quota, so that hostile input
 * meets WASM_E_QUOTA and not the machine's limits. An arena is a list of chunks that are freed
 * together; what a module owns lives in its arena and dies with it. quota_realloc is for the few
 * things that grow and shrink by themselves (a table, a translator's stacks).
 *
 * Threads: a quota and its arenas belong to one thread at a time.
 */
#ifndef WASMSERVE_ARENA_H
#define WASMSERVE_ARENA_H

#include "engine.h"

typedef struct quota {
    size_t limit; /* bytes; SIZE_MAX: none */
    size_t used;
    size_t peak;
    bool refused; /* it was this limit that said no, not the system */
} quota;

void quota_init(quota *q, size_t limit); /* limit 0: none */
/* Resizes a block of old_size bytes (NULL, 0 for a new one) to new_size, contents kept, new bytes
 * not zeroed. NULL if the quota or the system refuses; the old block stays valid then.
 * new_size 0 frees and returns NULL. */
void *quota_realloc(quota *q, void *block, size_t old_size, size_t new_size);
void quota_free(quota *q, void *block, size_t size); /* NULL is allowed */
/* After an allocation failed: WASM_E_QUOTA or WASM_E_NO_MEMORY, put into the report (NULL allowed)
 * with the number that was met. */
wasm_status quota_fail(const quota *q, wasm_report *report);

typedef struct arena_chunk arena_chunk;
typedef struct arena {
    quota *quota;
    arena_chunk *chunks;
    uint8_t *next, *end;
    size_t allocated; /* bytes taken from the quota */
    bool used_before; /* the open chunk: blocks are zeroed when they are handed out */
} arena;

void arena_init(arena *a, quota *q);
void arena_release(arena *a); /* frees all; the arena may be used again */
/* The same, but what the next user is likely to need is kept: for work that comes in pieces. */
void arena_clear(arena *a);
/* Zeroed, aligned to 16. NULL when the quota or the system refuses, or when the product overflows.
 * count*size of 0 gives a unique non-NULL pointer. */
void *arena_alloc(arena *a, size_t count, size_t size);
/* The same for who writes all of it before it is read: not zeroed. */
void *arena_alloc_unset(arena *a, size_t count, size_t size);
#define ARENA_NEW(a, type)          ((type *)arena_alloc((a), 1, sizeof(type)))
#define ARENA_ARRAY(a, type, count) ((type *)arena_alloc((a), (count), sizeof(type)))
#define ARENA_ROOM(a, type, count)  ((type *)arena_alloc_unset((a), (count), sizeof(type)))
/* Room for `wanted` items in an array of the arena: `array` is the address of a pointer to its
 * *capacity items, of which there may be none. If they are too few there are twice as many then, or
 * as many as are wanted; those behind the old ones are not zeroed, and the old copy stays until the
 * arena is emptied. False: there is no room, and nothing has changed. */
bool arena_grow(arena *a, void *array, uint32_t *capacity, uint64_t wanted, size_t size);
/* A copy of length bytes plus a terminating 0. */
char *arena_copy(arena *a, const void *bytes, size_t length);

#endif
