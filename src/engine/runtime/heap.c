/* SPDX-License-Identifier: Apache-2.0
 * heap.c — where objects are, and how those that nobody reaches are taken back.
 *
 * How:     Blocks of 32 KiB are cut into cells of one size each; sizes go up in steps of 16 bytes
 *          to 256, then in four steps for each doubling. A cell is taken from the list of free
 *          ones of its size, else from a block that has cells that were never used. What is larger
 *          than 2 KiB is a block of the system's allocator.
 *          Blocks come from mappings of 1 MiB (the first is smaller) that the store keeps; a block
 *          in which nothing is left can be cut for another size. Beyond 1 MiB of such blocks their
 *          pages are given back to the system, so that what the limit does not count is not there.
 *          The collector (collect.c) marks what can be reached; sweeping then walks all cells,
 *          links those that are free and takes the marks off the others. It is done at once, in
 *          address order, so that the same guest finds the same heap on every machine.
 *          A collection is due when as much was allocated since the last as was left by it, and
 *          1 MiB at least: so the work of collecting is in proportion to that of allocating. And
 *          when the limit refuses a block.
 * Memory:  Blocks and large objects count in the store's memory_used; the records of mappings are
 *          in its arena.
 * Threads: the store's.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime_impl.h"

#define BLOCK_HEAD    32 /* a heap_block, and cells are aligned to 16 */
#define TRIGGER_LEAST ((uint64_t)1 << 20)
#define EMPTY_KEPT    (TRIGGER_LEAST / HEAP_BLOCK_BYTES)
#define FIRST_BLOCKS  4
#define CHUNK_BLOCKS  32
#define BLOCKS_A_POLL 64
#define FINE_MAX      256 /* sizes up to here in steps of FINE_STEP */
#define FINE_STEP     16
#define FINE_CLASSES  (FINE_MAX / FINE_STEP)
_Static_assert(sizeof(heap_block) <= BLOCK_HEAD, "a block's head fits before its cells");
_Static_assert(sizeof(heap_large) % 16 == 0, "what follows the head is aligned");

/* The second word of a free cell. */
static heap_object **link_of(heap_object *cell)
{
    return (heap_object **)(void *)(cell + 1);
}

static heap_object *cell_at(const heap_block *block, uint32_t i)
{
    return (heap_object *)(void *)((uint8_t *)block + BLOCK_HEAD + (size_t)i * block->cell_bytes);
}

/* ---- sizes ----------------------------------------------------------------------------------- */

/* The class of a size, and its cells' size: 16, 32, … 256, 320, 384, 448, 512, 640, … 2048. */
static unsigned class_of_bytes(uint32_t bytes, uint32_t *cell_bytes)
{
    if (bytes <= FINE_MAX) {
        unsigned cls = bytes <= FINE_STEP ? 0 : (bytes - 1) / FINE_STEP;
        *cell_bytes = (cls + 1) * FINE_STEP;
        return cls;
    }
    unsigned log = 31 - (unsigned)__builtin_clz(bytes - 1); /* 8 … 10 */
    uint32_t step = 1U << (log - 2), steps = (bytes - 1 - (1U << log)) / step;
    *cell_bytes = (1U << log) + (steps + 1) * step;
    return FINE_CLASSES + (log - 8) * 4 + steps;
}
_Static_assert(FINE_CLASSES + (10 - 8) * 4 + 3 == HEAP_CLASSES - 1,
               "the class of the largest size");

/* ---- blocks ---------------------------------------------------------------------------------- */

static bool count_bytes(wasm_store *store, uint64_t bytes)
{
    if (bytes > store->limits.memory_bytes - store->memory_used || !store_take(store, bytes))
        return false;
    store->memory_used += bytes;
    if (store->memory_used > store->memory_peak)
        store->memory_peak = store->memory_used;
    store->heap.bytes += bytes;
    return true;
}

static void uncount_bytes(wasm_store *store, uint64_t bytes)
{
    store_return(store, bytes);
    store->memory_used -= bytes;
    store->heap.bytes -= bytes;
}

static wasm_status map_chunk(wasm_store *store)
{
    heap *h = &store->heap;
    heap_chunk *chunk = ARENA_NEW(&store->arena, heap_chunk);

    if (!chunk)
        return WASM_E_QUOTA;
    chunk->blocks = h->chunks ? CHUNK_BLOCKS : FIRST_BLOCKS;
    chunk->base = mmap(NULL, (size_t)chunk->blocks * HEAP_BLOCK_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (chunk->base == MAP_FAILED)
        return WASM_E_NO_MEMORY;
    chunk->next = h->chunks;
    h->chunks = chunk;
    return WASM_OK;
}

/* A block for cells of a class. MEMORY_LIMIT: it may be there after a collection. */
static wasm_status take_block(wasm_store *store, unsigned cls, uint32_t cell_bytes,
                              heap_block **out)
{
    heap *h = &store->heap;
    heap_block *block = h->empty;

    if (!count_bytes(store, HEAP_BLOCK_BYTES))
        return WASM_E_MEMORY_LIMIT;
    if (block) {
        h->empty = block->next;
        h->empty_count--;
    } else {
        if (!h->chunks || h->chunks->cut == h->chunks->blocks) {
            wasm_status status = map_chunk(store);
            if (status != WASM_OK) {
                uncount_bytes(store, HEAP_BLOCK_BYTES);
                return status;
            }
        }
        block =
            (heap_block *)(void *)(h->chunks->base + (size_t)h->chunks->cut++ * HEAP_BLOCK_BYTES);
    }
    *block = (heap_block){.next = h->blocks,
                          .cell_bytes = cell_bytes,
                          .cells = (HEAP_BLOCK_BYTES - BLOCK_HEAD) / cell_bytes,
                          .cls = (uint8_t)cls};
    h->blocks = block;
    *out = block;
    return WASM_OK;
}

/* A block in which nothing is left. */
static void give_block(wasm_store *store, heap_block *block)
{
    heap *h = &store->heap;

    if (h->current[block->cls] == block)
        h->current[block->cls] = NULL;
    if (h->empty_count >= EMPTY_KEPT)
        madvise(block, HEAP_BLOCK_BYTES, MADV_DONTNEED);
    block->next = h->empty;
    h->empty = block;
    h->empty_count++;
    uncount_bytes(store, HEAP_BLOCK_BYTES);
}

/* ---- allocating ------------------------------------------------------------------------------ */

static wasm_status take_cell(wasm_store *store, uint32_t bytes, heap_object **out)
{
    heap *h = &store->heap;
    uint32_t cell_bytes;
    unsigned cls = class_of_bytes(bytes, &cell_bytes);
    heap_block *block;

    h->allocated += cell_bytes;
    *out = h->free[cls];
    if (*out) {
        h->free[cls] = *link_of(*out);
        return WASM_OK;
    }
    block = h->current[cls];
    if (!block || block->used == block->cells) {
        TRY(take_block(store, cls, cell_bytes, &block));
        h->current[cls] = block;
    }
    *out = cell_at(block, block->used++);
    return WASM_OK;
}

static wasm_status take_large(wasm_store *store, uint64_t bytes, heap_object **out)
{
    heap *h = &store->heap;
    uint64_t whole = bytes + sizeof(heap_large);
    heap_large *large;

    if (whole < bytes || !count_bytes(store, whole))
        return WASM_E_MEMORY_LIMIT;
    large = malloc(whole);
    if (!large) {
        uncount_bytes(store, whole);
        return WASM_E_NO_MEMORY;
    }
    *large = (heap_large){.next = h->large, .bytes = whole};
    h->large = large;
    h->allocated += whole;
    *out = (heap_object *)(void *)(large + 1);
    return WASM_OK;
}

static wasm_status take(wasm_store *store, uint64_t bytes, heap_object **out)
{
    return bytes <= HEAP_SMALL_MAX ? take_cell(store, (uint32_t)bytes, out)
                                   : take_large(store, bytes, out);
}

/* Whether to collect before the next object is made. */
static bool is_due(const wasm_store *store)
{
    const heap *h = &store->heap;
    uint32_t every = store->limits.collect_every;

    return h->allocated >= (h->trigger ? h->trigger : TRIGGER_LEAST) ||
           (every && h->objects % every == 0);
}

wasm_status heap_allocate(wasm_store *store, const module_type *type, uint64_t bytes,
                          heap_object **out)
{
    heap *h = &store->heap;
    bool collected = false;
    wasm_status status;

    TRY(bulk_poll(store, bytes / BULK_BYTES_PER_FUEL));
    if (is_due(store) && !h->held) {
        collected = true;
        TRY(heap_collect(store));
    }
    status = take(store, bytes, out);
    if (status == WASM_E_MEMORY_LIMIT && !collected && !h->held) {
        TRY(heap_collect(store));
        status = take(store, bytes, out);
    }
    TRY(status);
    h->objects++;
    (*out)->head = (uint64_t)(uintptr_t)type;
    return WASM_OK;
}

/* ---- sweeping -------------------------------------------------------------------------------- */

/* Links the free cells of a block in front of those of its class; returns how many are in use. With
 * `spoil` nothing is left in them that somebody who should not look could take for an object. */
static uint32_t sweep_block(heap *h, heap_block *block, bool spoil)
{
    heap_object *first = h->free[block->cls];
    uint32_t live = 0;

    for (uint32_t i = block->used; i > 0; i--) {
        heap_object *cell = cell_at(block, i - 1);
        if (cell->head & HEAP_MARKED) {
            cell->head &= ~(uint64_t)HEAP_BITS;
            live++;
            continue;
        }
        if (spoil)
            memset(cell, 0xA5, block->cell_bytes);
        cell->head = 0;
        *link_of(cell) = first;
        first = cell;
    }
    if (live > 0)
        h->free[block->cls] = first;
    return live;
}

static wasm_status sweep_blocks(wasm_store *store, uint64_t *live)
{
    heap *h = &store->heap;
    heap_block **at = &h->blocks;

    for (unsigned i = 0; i < HEAP_CLASSES; i++)
        h->free[i] = NULL;
    for (uint32_t count = 0; *at; count++) {
        heap_block *block = *at;
        if (count % BLOCKS_A_POLL == 0)
            TRY(bulk_poll(store, 0));
        uint64_t cells = sweep_block(h, block, store->limits.collect_every != 0);
        *live += cells * block->cell_bytes;
        if (cells > 0) {
            at = &block->next;
            continue;
        }
        *at = block->next;
        give_block(store, block);
    }
    return WASM_OK;
}

static void sweep_large(wasm_store *store, uint64_t *live)
{
    heap_large **at = &store->heap.large;

    while (*at) {
        heap_large *large = *at;
        heap_object *o = (heap_object *)(void *)(large + 1);
        if (o->head & HEAP_MARKED) {
            o->head &= ~(uint64_t)HEAP_BITS;
            *live += large->bytes;
            at = &large->next;
            continue;
        }
        *at = large->next;
        uncount_bytes(store, large->bytes);
        free(large);
    }
}

wasm_status heap_sweep(wasm_store *store)
{
    heap *h = &store->heap;
    uint64_t live = 0;

    TRY(sweep_blocks(store, &live));
    sweep_large(store, &live);
    store_charge(store, live / BULK_BYTES_PER_FUEL);
    h->allocated = 0;
    h->trigger = live > TRIGGER_LEAST ? live : TRIGGER_LEAST;
    return WASM_OK;
}

/* ---- all objects ----------------------------------------------------------------------------- */

void heap_forget_marks(heap *h)
{
    for (heap_block *block = h->blocks; block; block = block->next)
        for (uint32_t i = 0; i < block->used; i++)
            cell_at(block, i)->head &= ~(uint64_t)HEAP_BITS;
    for (heap_large *large = h->large; large; large = large->next)
        ((heap_object *)(void *)(large + 1))->head &= ~(uint64_t)HEAP_BITS;
}

wasm_status heap_each_gray(heap *h, wasm_status (*visit)(wasm_store *store, heap_object *o),
                           wasm_store *store)
{
    for (heap_block *block = h->blocks; block; block = block->next) {
        TRY(bulk_poll(store, 0));
        for (uint32_t i = 0; i < block->used; i++)
            if (cell_at(block, i)->head & HEAP_GRAY)
                TRY(visit(store, cell_at(block, i)));
    }
    for (heap_large *large = h->large; large; large = large->next) {
        heap_object *o = (heap_object *)(void *)(large + 1);
        if (o->head & HEAP_GRAY)
            TRY(visit(store, o));
    }
    return WASM_OK;
}

void heap_release(wasm_store *store)
{
    heap *h = &store->heap;

    while (h->large) {
        heap_large *next = h->large->next;
        free(h->large);
        h->large = next;
    }
    for (heap_chunk *chunk = h->chunks; chunk; chunk = chunk->next)
        munmap(chunk->base, (size_t)chunk->blocks * HEAP_BLOCK_BYTES);
    quota_free(&store->quota, h->stack, h->stack ? HEAP_STACK_ENTRIES * sizeof *h->stack : 0);
}
