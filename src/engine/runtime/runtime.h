/* SPDX-License-Identifier: Apache-2.0
 * runtime.h — what runs: store, instances and their parts, as the tiers see them.
 *
 * Ownership: a store owns everything that is reachable from it and frees it together; nothing in a
 * store is freed earlier, so references between instances never dangle.
 * Threads: one at a time, but for store->poll, which the watchdog sets.
 *
 * Editing: a native tier will address these fields from compiled code. Keep hot fields first and
 * the structs free of pointers that differ between identical children.
 */
#ifndef WASMSERVE_RUNTIME_H
#define WASMSERVE_RUNTIME_H

#include <stdatomic.h>

#include "heap.h"
#include "module.h"
#include "tier.h"
#include "watchdog.h"

/* memarg offsets below this need no check where the memory is guarded: its reservation is what 32
 * bits can address, this, and a page of 64 KiB, since the widest access reaches further than its
 * first byte. */
enum { NATIVE_GUARD_BYTES = 32 << 20 };

/* wasm_memory.image: mapped in part, which no other instance can use. */
#define MEMORY_IMAGE_PARTLY UINT64_MAX

struct wasm_memory {
    uint8_t *base;      /* never moves while a store lives unless `moves` is set */
    uint64_t length;    /* bytes accessible now; a multiple of the page size */
    uint64_t max_pages; /* that it may grow to: the declared maximum or what can be addressed */
    uint64_t reserved;  /* bytes of address space held at base */
    uint8_t page_shift;
    bool moves;         /* growing may move base: the reservation was refused */
    bool guarded;       /* base never moves, and every 32-bit address plus an offset below
                           NATIVE_GUARD_BYTES lies in the reservation, accessible or not */
    uint64_t image;     /* the number of the image that is mapped over it; 0: none */
    wasm_bounds bounds; /* as declared, for import matching */
    wasm_store *store;
    const wasm_module *module; /* that declared it, for traces; NULL: made by the host */
    struct wasm_memory *next;  /* in the store */
};

struct wasm_table {
    wasm_ref *elems; /* moves when the table grows */
    uint64_t length;
    uint64_t max;
    uint64_t capacity;
    bool mapped; /* elems is a mapping of its own, not a block of the quota */
    wasm_valtype elem;
    const module_type *types; /* that elem may name one of; NULL: made by the host */
    wasm_bounds bounds;       /* as declared, for import matching */
    wasm_store *store;
    struct wasm_table *next;
};

struct wasm_global {
    uint64_t cell[2]; /* a v128 needs both */
    wasm_valtype type;
    bool mutable_;
    const module_type *types; /* that its type may name one of; NULL: made by the host */
    struct wasm_global *next;
};

struct wasm_tag {
    const module_type *type; /* its parameters are what an exception carries */
    wasm_store *store;
};

/* A funcref is the address of one of these. */
struct wasm_func {
    const void *code;          /* the tier's entry for this function; NULL for host functions */
    const void *native;        /* compiled code, or the thunk that calls this function from such;
                                  NULL: its instance has no compiled code, or it is a host function
                                  by itself */
    wasm_instance *instance;   /* whose function this is; NULL for a host function by itself */
    const module_type *type;   /* of its module, or made for a host function by itself */
    const wasm_module *module; /* that of the type; NULL: a host function by itself */
    uint32_t canonical;        /* index of the type in that module */
    uint32_t index;            /* in the module's function index space */
    const wasm_host_function *host; /* or NULL */
    struct wasm_func *next;         /* in the store, host functions only */
};

struct wasm_instance {
    wasm_memory *memory0; /* memories[0], or NULL */
    wasm_func **funcs;    /* the function index space */
    wasm_global **globals;
    wasm_table **tables;
    wasm_memory **memories;
    wasm_tag **tags;
    wasm_store *store;
    const wasm_module *module;
    const void *const *helpers; /* that compiled code calls */
    const native_code *native;  /* compiled code that it uses; NULL: none */
    wasm_func *own_funcs;       /* func_count - func_import_count of them */
    wasm_global *own_globals;
    uint8_t *data_dropped; /* one byte a segment; NULL: the module has no passive segment. Active
                              segments count as dropped from the moment that code can run */
    wasm_ref **elem_refs;  /* evaluated passive segments, for table.init; NULL: active or dropped;
                              the array is NULL if the module has no passive one */
    wasm_instance *next;   /* in the store */
};

/* A tier that runs guest code: how the collector finds its frames. What the tier says of itself
 * holds whenever something else runs that may collect: it sets that before it calls the host, and
 * before it allocates. */
typedef struct store_activation {
    struct store_activation *outer; /* that called the host, which called this one */
    const tier *tier;
    wasm_instance *instance;
    const uint64_t *fp; /* NULL: nothing yet */
    const void *pc;     /* the tier's own */
} store_activation;

/* References that a host function was given, for as long as it runs. */
typedef struct store_arguments {
    struct store_arguments *outer;
    const wasm_ref *refs; /* on the guest stack */
    uint64_t count;
} store_arguments;

struct wasm_root {
    wasm_ref ref;
    wasm_store *store;
    wasm_root *previous, *next;
};

/* Where compiled code and C meet (compile/native.h). */
typedef struct store_native {
    void *host_sp;    /* the thread's stack where the innermost compiled code was entered */
    void *sp, *fp;    /* of compiled code that called out last */
    uintptr_t limit;  /* no frame of compiled code may reach below it */
    void *floor;      /* from where on downwards the next compiled code that is entered may go */
    uint32_t nesting; /* entered and not returned */
} store_native;

/* Bytes that compiled code leaves free between its frames and what grows towards them: for signal
 * handlers, the slots of calls, and functions that need less than NATIVE_SMALL_FRAME, which do not
 * ask for more than this. A store has them beyond its stack_bytes. */
enum { NATIVE_MARGIN = 64 << 10, NATIVE_SMALL_FRAME = 512 };
/* Entries of compiled code on the thread's stack at a time. Beyond that the interpreter runs what
 * is called from there, in which calls between guests take nothing of that stack. */
enum { NATIVE_NESTING_MAX = 48 };

/* store->poll: zero in the common case, so that a tier's check at function entries and loop headers
 * is one load and one branch for deadline, interruption and fuel together. With INTERRUPT, the
 * reason (a wasm_status) stands in the bits from STORE_POLL_REASON on: one word, so that flag and
 * reason can never be seen apart. */
enum { STORE_POLL_INTERRUPT = 1, STORE_POLL_METERED = 2, STORE_POLL_REASON = 8 };

struct wasm_store {
    _Atomic uint32_t poll;
    uint32_t depth;        /* nested guest calls now */
    uint64_t fuel;         /* left, when METERED */
    uint64_t *stack;       /* guest stack, slots */
    uint64_t *stack_end;   /* one past the last usable slot; lower while compiled code waits for
                              what it called, whose frames are behind it */
    uint64_t *stack_top;   /* first free slot for a call that enters from the host: a tier sets it
                              behind its frame before it calls a host function */
    uint32_t host_nesting; /* wasm_call active now */
    store_native native;
    wasm_limits limits;
    quota quota;
    arena arena;                       /* instances and what belongs to them */
    uint64_t memory_used, memory_peak; /* bytes of all linear memories and of the heap */
    uint64_t table_used;               /* elements of all tables */
    uint64_t budget_used;              /* bytes taken from limits.budget */
    uint32_t guarded_count;            /* memories that are guarded */
    void *data;
    wasm_instance *instances;
    wasm_memory *memories;
    wasm_table *tables;
    wasm_global *globals;
    wasm_func *host_funcs;
    heap heap;
    wasm_ref exception;           /* on its way out of a call, or 0 */
    store_activation *activation; /* innermost */
    store_arguments *arguments;   /* innermost */
    wasm_root *roots;
    wasm_report report;
    wasm_frame frames[32];
    uint32_t frame_count;    /* filled of frames[] */
    watchdog_entry deadline; /* guarded by its watchdog's lock while armed */
};

/* Records a trap once (the innermost wins) and returns `status`. offset in the file or
 * WASM_NO_OFFSET. Tiers then add frames from the innermost outwards with store_frame(). */
wasm_status store_trap(wasm_store *store, wasm_status status, const wasm_module *module,
                       uint32_t func, uint64_t offset);
void store_frame(wasm_store *store, const wasm_module *module, uint32_t func, uint64_t offset);

/* The cold side of the poll: charges `cost` units of fuel if metered, and answers WASM_OK or the
 * reason to stop. */
wasm_status store_poll(wasm_store *store, uint64_t cost);

/* Runs a function that is not the host's, by compiled code where its instance has that. As
 * tier.invoke. */
static inline wasm_status store_invoke(wasm_store *store, wasm_func *func, uint64_t *slots)
{
    /* A function that is not the host's has both an instance and a module. */
    const native_code *native = func->instance->native; /* NOLINT(clang-analyzer-core.*) */

    return native
               ? native->tier->invoke(store, func, slots)
               : func->module->tier->invoke(store, func, slots); /* NOLINT(clang-analyzer-core.*) */
}

/* Calls a host function for `caller` with its slots; traces it. A failure is recorded in the report
 * like a trap; store_trap() of the calling tier then adds function and offset. EXCEPTION: one is on
 * its way, which the caller may catch. */
wasm_status store_call_host(wasm_instance *caller, const wasm_func *func, uint64_t *slots);

/* An exception is on its way: stands in store->exception, and the status is EXCEPTION; or one of
 * heap_allocate(). The slots are the tag's parameters. */
wasm_status exception_throw(wasm_store *store, wasm_tag *tag, const uint64_t *slots);
/* Forgets the report and the frames of what failed before, and the exception. */
void store_forget_failure(wasm_store *store);

enum { EXCEPTION_HEAD = 16 };
static inline wasm_tag **exception_tag_place(heap_object *o)
{
    return (wasm_tag **)(void *)(o + 1);
}
static inline wasm_tag *exception_tag(const heap_object *o)
{
    return *(wasm_tag *const *)(const void *)(o + 1);
}
static inline uint64_t *exception_slots(const heap_object *o)
{
    return (uint64_t *)(uintptr_t)(o + 2);
}

/* The collector has found a reference: tiers call it for each that their frames hold. */
void collect_mark(wasm_store *store, wasm_ref ref);
static inline uint32_t array_length(const heap_object *o)
{
    return (uint32_t)o[1].head; /* a word of its own, of which the length is the lower half */
}
/* 64-bit slots that a value of this type takes. */
static inline uint32_t type_slots(wasm_valtype type)
{
    return type == WASM_V128 ? 2 : 1;
}

/* Memory instructions with more than a load in them. All check bounds first (§4.4.7), work in
 * chunks of at most 1 MiB between polls, and return WASM_OK or the trap. */
uint64_t memory_grow(wasm_memory *memory, uint64_t delta_pages); /* old pages, or UINT64_MAX; it
                                                                    may collect */
wasm_status memory_fill(wasm_memory *memory, uint64_t at, uint8_t value, uint64_t count);
wasm_status memory_copy(wasm_memory *to, uint64_t at, wasm_memory *from, uint64_t source,
                        uint64_t count);
wasm_status memory_init(wasm_instance *instance, uint32_t memory, uint32_t data, uint64_t at,
                        uint64_t source, uint64_t count);
void data_drop(wasm_instance *instance, uint32_t data);

/* memory.atomic.wait on a value that is as expected: lets `nanoseconds` of the guest's time pass;
 * ENDLESS_WAIT if they are negative, which means for ever. */
wasm_status store_wait(wasm_store *store, int64_t nanoseconds);

uint64_t table_grow(wasm_table *table, uint64_t delta, wasm_ref value); /* old size or UINT64_MAX */
wasm_status table_fill(wasm_table *table, uint64_t at, wasm_ref value, uint64_t count);
wasm_status table_copy(wasm_table *to, uint64_t at, wasm_table *from, uint64_t source,
                       uint64_t count);
wasm_status table_init(wasm_instance *instance, uint32_t table, uint32_t elem, uint64_t at,
                       uint64_t source, uint64_t count);
void elem_drop(wasm_instance *instance, uint32_t elem);

/* call_indirect's check: WASM_OK if `func` (from a table) has the type `index` of `module` or one
 * below it. Tiers test the common case (same module, same canonical index) inline. */
wasm_status func_check_type(const wasm_func *func, const wasm_module *module, uint32_t index);

#endif
