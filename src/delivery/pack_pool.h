/* SPDX-License-Identifier: Apache-2.0
 * pack_pool.h — memory for what a run of `wasmserve pack` knows: names, versions, texts.
 *
 * Why:     All of it lives until the run ends, is small, and is made of many small pieces that
 *          point at each other. A pool frees them together; and since nothing that pack does can go
 *          on without memory, a request never fails: the pool's owner says what happens then.
 * Memory:  Chunks by malloc, until pack_pool_free().
 * Threads: A pool belongs to one thread.
 */
#ifndef PACK_POOL_H
#define PACK_POOL_H

#include <stddef.h>

struct pack_pool {
    struct pack_chunk *chunks;
    char *next, *end;        /* in the newest chunk */
    void (*exhausted)(void); /* called when there is no memory; must not return */
};

/* A pool begins as {.exhausted = …}. */

/* size zeroed bytes, aligned for anything. */
void *pack_pool_get(struct pack_pool *pool, size_t size);

/* The first len bytes of text as a string. */
char *pack_pool_string(struct pack_pool *pool, const char *text, size_t len);

/* printf into a string. */
__attribute__((format(printf, 2, 3))) char *pack_pool_format(struct pack_pool *pool,
                                                             const char *format, ...);

void pack_pool_free(struct pack_pool *pool);

#endif
