/* SPDX-License-Identifier: Apache-2.0
 * interp_impl.h — what the files of the interpreter share: prepared functions and frames.
 *
 * A frame lies on the store's guest stack, in 64-bit slots:
 *
 *     fp ─▶ parameters │ return address │ other locals │ operand homes …
 *
 * Every operand of the specification's stack has its home slot behind the locals. The arguments of
 * a call are put into their homes, and the first of them is where the callee's frame begins: calls
 * copy nothing. Results are left at the callee's fp, which is again where the caller expects them.
 * A v128 takes two slots.
 *
 * The return address is the caller's call instruction. Its first field is the distance between both
 * frames, so nothing else has to be saved; execution goes on ICODE_CALL_WORDS behind it. A call
 * from the host returns to a stub whose next instruction is EXIT. A call into another instance (a
 * far call) keeps FAR_SLOTS slots more, before the callee's frame: the calling instance, the call
 * instruction and the number of result slots; it returns to a stub with FAR_RETURN.
 *
 * Slots hold i32 zero-extended, f32 in the low half with zeroes above, references as they are.
 */
#ifndef WASMSERVE_INTERP_IMPL_H
#define WASMSERVE_INTERP_IMPL_H

#include "icode.h"
#include "interp.h"
#include "place_map.h"
#include "runtime.h"

#define FAR_SLOTS 3

/* Frames are addressed with 16 bits. 50,000 locals, the most that decode lets pass, fit with more
 * than 15,000 operands above them. */
#define FRAME_SLOTS_MAX 65535u

/* What a function catches, see unwind.c. Positions are in words. */
typedef struct interp_clause {
    uint32_t tag;
    uint32_t target; /* position of its code */
    uint16_t slot;   /* where what it catches goes */
    uint8_t all, ref;
} interp_clause;

typedef struct interp_region {
    uint32_t begin, end;
    uint32_t outer; /* index of the region around it; region_count or more: none */
    uint32_t first_clause, clause_count;
} interp_region;

typedef struct interp_tries {
    const interp_region *regions;
    const interp_clause *clauses;
    uint32_t region_count;
} interp_tries;

/* Where a function's frame holds references to objects, see unwind.c. */
#define INTERP_NO_NODE UINT32_MAX
typedef struct interp_root_node { /* an operand, and those below it */
    uint32_t below;
    uint16_t slot;
} interp_root_node;

typedef struct interp_root_place {
    uint32_t position;
    uint32_t node;
} interp_root_place;

typedef struct interp_roots {
    const uint16_t *locals; /* slots */
    const interp_root_place *places;
    const interp_root_node *nodes;
    uint32_t local_count, place_count;
} interp_roots;

/* A translated body; wasm_func.code points to it. Lives in the module's arena. */
typedef struct interp_func {
    const icode *code;
    uint32_t words;
    uint32_t param_slots;
    uint32_t result_slots;
    uint32_t map_bytes;
    const uint8_t *map;        /* instruction → file offset, place_map.h, from 0 and 0 */
    const interp_tries *tries; /* NULL: it catches nothing */
    const interp_roots *roots; /* NULL: it never holds a reference to an object */
} interp_func;

typedef struct interp_later interp_later;

/* module->prepared. What is in it may be read once it is ready. */
typedef struct interp_module {
    interp_func *funcs; /* of the module's own functions: index minus func_import_count */
    uint32_t count;
    const uint32_t *by_address; /* indices of funcs, in the order of their code in memory */
    size_t code_bytes;          /* code, maps and tables */
    _Atomic bool ready;         /* the bodies are translated */
    interp_later *later;        /* NULL: that was done while loading */
} interp_module;

/* Translates the bodies of a module whose tier has been told to postpone it. Fails with what the
 * validator or the quota says, or with what stops the store's guest meanwhile; later calls try
 * again. Threads: any; others wait for the one that is at it. */
wasm_status interp_catch_up(wasm_store *store, const wasm_module *module);

/* For all modules of the store, whose functions the loop may come to from any other. */
static inline wasm_status interp_make_ready(wasm_store *store)
{
    wasm_status status = WASM_OK;

    for (const wasm_instance *i = store->instances; i && status == WASM_OK; i = i->next) {
        const interp_module *prepared = i->module->prepared;

        if (!atomic_load_explicit(&prepared->ready, memory_order_acquire))
            status = interp_catch_up(store, i->module);
    }
    return status;
}

/* The address of each instruction's handler, IC_COUNT of them. */
const void *const *interp_handlers(void);

/* Runs func with its arguments in slots[], as tier.invoke says. */
wasm_status interp_execute(wasm_store *store, wasm_func *func, uint64_t *slots);

/* Where a frame stands. */
typedef struct interp_place {
    wasm_instance *instance;
    uint64_t *fp;
    const icode *pc; /* the instruction that fails, or the call that has not returned */
} interp_place;

/* ACCESS: executes the instruction at `pc` with its operands, whose result goes over the first. */
wasm_status interp_access(const wasm_instance *instance, const icode *pc, uint64_t *operands);

/* Records what stopped the guest at `pc` of the frame `fp` and who called it. Returns status. */
wasm_status interp_unwind(wasm_store *store, wasm_instance *instance, uint64_t *fp, const icode *pc,
                          wasm_status status);
/* Finds who catches the exception on its way, from *at outwards; without `own` not in the innermost
 * frame. OK: *at is where to go on, and the exception is no longer on its way. EXCEPTION: nobody in
 * this invocation; or what ends a guest: then nothing has changed but *at. */
wasm_status interp_catch(wasm_store *store, interp_place *at, bool own);
/* tier.roots */
wasm_status interp_roots_of(wasm_store *store, const store_activation *activation);

/* Translates a body; used by tier.prepare. */
typedef struct lower lower;
wasm_status lower_new(wasm_module *module, interp_module *prepared, lower **out,
                      wasm_report *report);
void lower_free(lower *l); /* NULL is allowed */
/* Fills prepared->funcs[func - func_import_count]. */
wasm_status lower_function(lower *l, uint32_t func, wasm_report *report);

/* The first instruction of a sequence that has a handler of its own; others are what they are. */
unsigned interp_fused_first(unsigned op);

/* Writes a function's code to the module's log, a line each. */
void interp_dump(const wasm_module *module, uint32_t func);

/* What a TRACE says: word 1 the instruction that is reached (its isa_op, or OP_COUNT for the entry
 * of the function) and the function, word 2 the instruction's offset. Calls the module's log. */
enum { TRACE_WORDS = 3 };
void interp_trace(const wasm_module *module, const icode *pc);

#endif
