/* SPDX-License-Identifier: Apache-2.0
 * heap.h — objects that the guest makes and the collector takes back: structs, arrays, exceptions.
 *
 * A reference to one is its address, which never changes. An object begins with a word that holds
 * the address of its type and, in the low bits, what the collector thinks of it; an array has its
 * length in the next word, an exception its tag.
 *
 *     struct     [type] fields, each at its offset …
 *     array      [type] [length] elements …
 *     exception  [type] [tag] the tag's parameters as slots …
 *
 * A type is part of its module, which outlives the store.
 *
 * Memory:  the store's; it counts against its limit memory_bytes, like linear memories do. Whoever
 *          allocates must have all references that are still needed where collect() finds them: in
 *          frames at a place that their tier knows, globals, tables, roots of the host.
 * Threads: the store's.
 */
#ifndef WASMSERVE_HEAP_H
#define WASMSERVE_HEAP_H

#include "module.h"

typedef struct heap_object {
    uint64_t head;
} heap_object;

enum heap_bits { HEAP_MARKED = 1, HEAP_GRAY = 2, HEAP_BITS = 7 };

/* module_type.form of what is no type of a module. */
enum { OBJECT_EXCEPTION = MODULE_ARRAY + 1 };
extern const module_type exception_type;

static inline const module_type *object_type(const heap_object *o)
{
    return (const module_type *)(uintptr_t)(o->head & ~(uint64_t)HEAP_BITS);
}
/* Whether a reference, not to a function, is to an object: not null, no i31, not the host's. */
static inline bool ref_is_object(wasm_ref ref)
{
    return ref != 0 && (ref & 3) == 0;
}
static inline heap_object *ref_object(wasm_ref ref)
{
    return (heap_object *)(uintptr_t)ref;
}
static inline wasm_ref object_ref(const heap_object *o)
{
    return (wasm_ref)(uintptr_t)o;
}

/* Small objects are cells of blocks, a block for each size; large ones stand by themselves. */
enum {
    HEAP_BLOCK_BYTES = 32 << 10,
    HEAP_SMALL_MAX = 2048,
    HEAP_CLASSES = 28,
    HEAP_STACK_ENTRIES = 4096
};

typedef struct heap_block {
    struct heap_block *next;
    uint32_t cell_bytes;
    uint32_t cells;
    uint32_t used; /* cells that were ever handed out, from the first on */
    uint8_t cls;
} heap_block;

typedef struct heap_large {
    struct heap_large *next;
    uint64_t bytes; /* with this head */
} heap_large;

typedef struct heap_chunk {
    struct heap_chunk *next;
    uint8_t *base;
    uint32_t blocks, cut; /* of them, that were ever used */
} heap_chunk;

typedef struct heap_visit { /* an object whose references from `next` on are to be followed */
    heap_object *object;
    uint64_t next;
} heap_visit;

typedef struct heap {
    heap_object *free[HEAP_CLASSES];   /* cells; the second word of each is the next one */
    heap_block *current[HEAP_CLASSES]; /* with cells never used */
    heap_block *blocks;                /* those with objects */
    heap_block *empty;                 /* those without; not counted */
    uint32_t empty_count;
    heap_chunk *chunks;
    heap_large *large;
    uint64_t bytes;     /* counted in the store's memory_used: blocks and large objects */
    uint64_t allocated; /* since the last collection */
    uint64_t trigger;   /* collect when `allocated` reaches it */
    uint64_t objects;   /* made since the store began */
    uint64_t collected; /* collections since the store began */
    heap_visit *stack;  /* HEAP_STACK_ENTRIES of them; made by the first collection */
    uint32_t stack_fill;
    bool overflowed; /* there are gray objects that are not on the stack */
    bool dirty;      /* a collection was broken off: bits of objects mean nothing */
    bool held;       /* no collection now: references are where it would not look */
} heap;

/* An object of `bytes`, its head set and all else undefined: the caller fills it before anything
 * can look. It may collect. Errors: MEMORY_LIMIT, NO_MEMORY, QUOTA; FUEL, DEADLINE and the like. */
wasm_status heap_allocate(wasm_store *store, const module_type *type, uint64_t bytes,
                          heap_object **out);
/* Takes back what nobody can reach. Errors: those that end a guest; then the heap is as it was. */
wasm_status heap_collect(wasm_store *store);
void heap_release(wasm_store *store);

/* ---- between heap.c and collect.c -------------------------------------------------------------
 */

/* Frees what is not marked, and takes the marks off the rest; sets the next trigger. */
wasm_status heap_sweep(wasm_store *store);
/* Takes the bits off all objects. */
void heap_forget_marks(heap *h);
/* Calls `visit` for each object that has the bit GRAY until it fails. */
wasm_status heap_each_gray(heap *h, wasm_status (*visit)(wasm_store *store, heap_object *o),
                           wasm_store *store);

#endif
