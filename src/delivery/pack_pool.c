/* SPDX-License-Identifier: Apache-2.0
 * pack_pool.c — pieces are cut off the newest of a list of chunks; see pack_pool.h.
 */
#include "pack_pool.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_SIZE = 16 * 1024, ALIGNMENT = 16 };

struct pack_chunk {
    _Alignas(ALIGNMENT) struct pack_chunk *older;
};

void *pack_pool_get(struct pack_pool *pool, size_t size)
{
    size_t rounded = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    char *piece;

    if (rounded < size) {
        pool->exhausted();
    }
    if (pool->next == NULL || rounded > (size_t)(pool->end - pool->next)) {
        size_t room = rounded > CHUNK_SIZE ? rounded : CHUNK_SIZE;
        struct pack_chunk *chunk =
            room > SIZE_MAX - sizeof(*chunk) ? NULL : malloc(sizeof(*chunk) + room);
        if (chunk == NULL) {
            pool->exhausted();
            abort(); /* it must not return */
        }
        chunk->older = pool->chunks;
        pool->chunks = chunk;
        pool->next = (char *)(chunk + 1);
        pool->end = pool->next + room;
    }
    piece = pool->next;
    pool->next += rounded;
    memset(piece, 0, size);
    return piece;
}

char *pack_pool_string(struct pack_pool *pool, const char *text, size_t len)
{
    char *copy = pack_pool_get(pool, len + 1);

    memcpy(copy, text, len);
    return copy;
}

char *pack_pool_format(struct pack_pool *pool, const char *format, ...)
{
    char brief[256], *text;
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(brief, sizeof(brief), format, args);
    va_end(args);
    if (len < 0) { /* only a faulty format gives that */
        return pack_pool_get(pool, 1);
    }
    if ((size_t)len < sizeof(brief)) {
        return pack_pool_string(pool, brief, (size_t)len);
    }
    text = pack_pool_get(pool, (size_t)len + 1);
    va_start(args, format);
    vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    return text;
}

void pack_pool_free(struct pack_pool *pool)
{
    while (pool->chunks != NULL) {
        struct pack_chunk *older = pool->chunks->older;
        free(pool->chunks);
        pool->chunks = older;
    }
    pool->next = pool->end = NULL;
}
