/* SPDX-License-Identifier: Apache-2.0
 * arena.c — the quota that counts and the arena that hands out.
 *
 * How:     an arena bumps a pointer through zeroed chunks. Chunks double from FIRST_CHUNK to
 *          LAST_CHUNK bytes, so that a small module costs little and a large one few system calls;
 *          what is larger than a quarter of a chunk gets one of its own, behind the current one,
 *          which stays open. Blocks of calloc() come from fresh pages where they are large, so that
 *          zeroing costs nothing; a chunk that has been cleared is zeroed as it is handed out
 *          again.
 *
 *   chunks ─▶ [head│used…│next     end] ─▶ [head│one large block] ─▶ [head│full] ─▶ NULL
 *
 * Memory: chunks belong to the arena and are counted in its quota with their heads.
 * Threads: one at a time for each quota with its arenas.
 */
#include "arena.h"

#include "report.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 16, FIRST_CHUNK = 4096, LAST_CHUNK = 256 * 1024, KEPT_CHUNK = 4 << 20 };
enum { FIRST_ITEMS = 16 }; /* of an array that grows */

struct arena_chunk {
    _Alignas(ALIGNMENT) arena_chunk *after;
    size_t size; /* with this head */
};
_Static_assert(sizeof(arena_chunk) % ALIGNMENT == 0, "what follows a chunk's head is aligned");

void quota_init(quota *q, size_t limit)
{
    *q = (quota){.limit = limit == 0 ? SIZE_MAX : limit};
}

static bool quota_take(quota *q, size_t bytes)
{
    if (bytes > q->limit - q->used) {
        q->refused = true;
        return false;
    }
    q->used += bytes;
    if (q->used > q->peak)
        q->peak = q->used;
    return true;
}

void *quota_realloc(quota *q, void *block, size_t old_size, size_t new_size)
{
    if (new_size == 0) {
        quota_free(q, block, old_size);
        return NULL;
    }
    if (new_size > old_size && !quota_take(q, new_size - old_size))
        return NULL;
    void *moved = realloc(block, new_size);
    if (moved == NULL) {
        if (new_size > old_size)
            q->used -= new_size - old_size;
        return NULL;
    }
    if (new_size < old_size)
        q->used -= old_size - new_size;
    return moved;
}

void quota_free(quota *q, void *block, size_t size)
{
    if (block == NULL)
        return;
    q->used -= size;
    free(block);
}

wasm_status quota_fail(const quota *q, wasm_report *report)
{
    if (q->refused)
        return report_fail(report, WASM_E_QUOTA, WASM_NO_OFFSET, WASM_NO_FUNC,
                           "more than the %zu bytes allowed are needed; %zu are in use", q->limit,
                           q->used);
    return report_fail(report, WASM_E_NO_MEMORY, WASM_NO_OFFSET, WASM_NO_FUNC, NULL);
}

void arena_init(arena *a, quota *q)
{
    *a = (arena){.quota = q};
}

void arena_release(arena *a)
{
    for (arena_chunk *chunk = a->chunks; chunk != NULL;) {
        arena_chunk *after = chunk->after;
        quota_free(a->quota, chunk, chunk->size);
        chunk = after;
    }
    arena_init(a, a->quota);
}

void arena_clear(arena *a)
{
    size_t size = a->allocated < KEPT_CHUNK ? a->allocated : KEPT_CHUNK;
    arena_chunk *kept = NULL;

    /* One chunk that would have done for all of it, or the one that was kept before. */
    if (a->used_before && a->chunks != NULL && a->chunks->after == NULL) {
        kept = a->chunks;
        size = kept->size;
    } else {
        arena_release(a);
        if (size == 0 || !quota_take(a->quota, size))
            return;
        kept = malloc(size);
        if (kept == NULL) {
            a->quota->used -= size;
            return;
        }
    }
    *kept = (arena_chunk){.size = size};
    *a = (arena){.quota = a->quota,
                 .chunks = kept,
                 .next = (uint8_t *)(kept + 1),
                 .end = (uint8_t *)kept + size,
                 .allocated = size,
                 .used_before = true};
}

static arena_chunk *arena_chunk_new(arena *a, size_t size)
{
    if (!quota_take(a->quota, size))
        return NULL;
    arena_chunk *chunk = calloc(1, size);
    if (chunk == NULL) {
        a->quota->used -= size;
        return NULL;
    }
    chunk->size = size;
    a->allocated += size;
    return chunk;
}

/* A block of its own for what is too large to share a chunk. */
static void *arena_alloc_large(arena *a, size_t bytes)
{
    if (bytes > SIZE_MAX - sizeof(arena_chunk))
        return NULL;
    arena_chunk *chunk = arena_chunk_new(a, bytes + sizeof(arena_chunk));
    if (chunk == NULL)
        return NULL;
    if (a->chunks != NULL) {
        chunk->after = a->chunks->after;
        a->chunks->after = chunk;
    } else {
        a->chunks = chunk; /* next == end: the next small block opens a chunk before it */
    }
    return chunk + 1;
}

/* *dirty: what is in the block has to be zeroed by whoever wants zeros. */
static void *arena_block(arena *a, size_t count, size_t size, size_t *dirty)
{
    *dirty = 0;
    if (size != 0 && count > (SIZE_MAX - ALIGNMENT) / size)
        return NULL;
    size_t bytes = count * size;
    bytes = bytes == 0 ? ALIGNMENT : (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (bytes > (size_t)(a->end - a->next)) {
        size_t chunk_size = FIRST_CHUNK;
        while (chunk_size < LAST_CHUNK && chunk_size < a->allocated)
            chunk_size *= 2;
        if (bytes > chunk_size / 4)
            return arena_alloc_large(a, bytes);
        arena_chunk *chunk = arena_chunk_new(a, chunk_size);
        if (chunk == NULL)
            return NULL;
        chunk->after = a->chunks;
        a->chunks = chunk;
        a->next = (uint8_t *)(chunk + 1);
        a->end = (uint8_t *)chunk + chunk_size;
        a->used_before = false;
    }
    void *block = a->next;
    a->next += bytes;
    if (a->used_before)
        *dirty = bytes;
    return block;
}

void *arena_alloc(arena *a, size_t count, size_t size)
{
    size_t dirty;
    void *block = arena_block(a, count, size, &dirty);

    return dirty ? memset(block, 0, dirty) : block;
}

void *arena_alloc_unset(arena *a, size_t count, size_t size)
{
    size_t dirty;

    return arena_block(a, count, size, &dirty);
}

bool arena_grow(arena *a, void *array, uint32_t *capacity, uint64_t wanted, size_t size)
{
    const uint64_t twice = *capacity < FIRST_ITEMS / 2 ? FIRST_ITEMS : (uint64_t)*capacity * 2;
    const uint64_t count = twice < wanted ? wanted : twice;
    void *old, *fresh;

    if (wanted <= *capacity)
        return true;
    fresh = count <= UINT32_MAX / 2 ? arena_alloc_unset(a, (size_t)count, size) : NULL;
    if (!fresh)
        return false;
    memcpy(&old, array, sizeof old);
    if (*capacity)
        memcpy(fresh, old, *capacity * size);
    memcpy(array, &fresh, sizeof fresh);
    *capacity = (uint32_t)count;
    return true;
}

char *arena_copy(arena *a, const void *bytes, size_t length)
{
    if (length == SIZE_MAX)
        return NULL;
    char *copy = arena_alloc(a, length + 1, 1);
    if (copy != NULL && length != 0)
        memcpy(copy, bytes, length);
    return copy;
}
