/* SPDX-License-Identifier: Apache-2.0
 * unwind.c — walking frames: to tell where a trap was, to find who catches an exception, and to
 * find the references that the collector needs.
 *
 * How:     Frames do not say which function they belong to. The place where one stands, the
 *          failing instruction or a call that has not returned, is an address in the code of a
 *          function, which is found by bisection over the addresses of all functions; calls need
 *          not keep anything for it. What is known of places in a function is in its tables, made
 *          when it was translated: byte offsets (place_map.h), try regions, and the slots that hold
 *          references.
 *
 *          Regions are the bodies of try_table in the order in which they begin; each knows the one
 *          around it. The innermost region of a place is the last that begins at or before it, or
 *          one around that. A clause that matches says where its code begins and from which slot on
 *          it wants what the exception carries.
 *
 *          References: the locals that may hold one are a list for the function, good at every
 *          place, since they are null before they are set. Operands are a list for each place that
 *          has some; the lists of a function share their ends, as the operand stack does, so that
 *          they take room in proportion to the code.
 * Memory:  Nothing is allocated.
 * Threads: the store's.
 */
#include <string.h>

#include "interp_impl.h"
#include "report.h"

#define FRAMES_MAX (sizeof((wasm_store *)0)->frames / sizeof((wasm_store *)0)->frames[0])
/* Clauses, or slots, between two looks at the interrupt word. */
#define A_POLL 4096
/* Regions and clauses that are looked at for a unit of fuel. */
#define LOOKS_PER_FUEL 8

/* ---- functions and frames -------------------------------------------------------------------- */

/* The function that `pc` is in, as an index in prepared->funcs; NO_FUNCTION if it is in none. */
#define NO_FUNCTION UINT32_MAX
static uint32_t find_function(const interp_module *prepared, const icode *pc)
{
    uint32_t low = 0, high = prepared->count;
    uintptr_t at = (uintptr_t)pc;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2, i = prepared->by_address[middle];
        uintptr_t start = (uintptr_t)prepared->funcs[i].code;

        if (at < start)
            high = middle;
        else if (at - start >= prepared->funcs[i].words * sizeof(icode))
            low = middle + 1;
        else
            return i;
    }
    return NO_FUNCTION;
}

static const interp_func *function_of(const interp_place *at)
{
    const interp_module *prepared = at->instance->module->prepared;
    uint32_t i = find_function(prepared, at->pc);

    return i == NO_FUNCTION ? NULL : &prepared->funcs[i];
}

/* Goes on to the frame of the caller, which stands on its call instruction; false if that is the
 * host. `body` is the function of the frame. */
static bool to_caller(interp_place *at, const interp_func *body)
{
    const void *const *handlers = interp_handlers();
    const icode *back = (const icode *)(uintptr_t)at->fp[body->param_slots];
    const void *next = back[ICODE_CALL_WORDS].handler;

    if (next == handlers[IC_FAR_RETURN]) {
        at->fp -= FAR_SLOTS;
        at->instance = (wasm_instance *)(uintptr_t)at->fp[0];
        back = (const icode *)(uintptr_t)at->fp[1];
        next = back[ICODE_CALL_WORDS].handler;
    }
    if (next == handlers[IC_EXIT])
        return false;
    at->pc = back;
    at->fp -= back[1].u16[0];
    return true;
}

/* ---- traps ----------------------------------------------------------------------------------- */

wasm_status interp_unwind(wasm_store *store, wasm_instance *instance, uint64_t *fp, const icode *pc,
                          wasm_status status)
{
    interp_place at = {.instance = instance, .fp = fp, .pc = pc};
    bool innermost = true;

    while (store->frame_count < FRAMES_MAX) {
        const wasm_module *module = at.instance->module;
        const interp_func *body = function_of(&at);
        uint32_t func;
        uint64_t offset;

        if (!body)
            break;
        func = (uint32_t)(body - ((const interp_module *)module->prepared)->funcs) +
               module->func_import_count;
        offset = place_map_find(body->map, body->map_bytes, (uint32_t)(at.pc - body->code), 0, 0);
        if (innermost)
            store_trap(store, status, module, func, offset);
        innermost = false;
        store_frame(store, module, func, offset);
        if (!to_caller(&at, body))
            break;
    }
    return status;
}

/* ---- exceptions ------------------------------------------------------------------------------ */

/* The last of `count` sorted places, `step` words apart, that is not behind `position`; `count` if
 * all are. */
static uint32_t last_at(const uint32_t *places, uint32_t step, uint32_t count, uint32_t position)
{
    uint32_t low = 0, high = count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (places[(size_t)middle * step] <= position)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? low - 1 : count;
}

/* The clause of the function that catches an exception of `tag` thrown at `position`; *out is NULL
 * if there is none. */
static wasm_status find_clause(wasm_store *store, const interp_func *body, uint32_t position,
                               wasm_tag *const *tags, const wasm_tag *tag,
                               const interp_clause **out)
{
    const interp_tries *tries = body->tries;
    uint64_t looked = 0;
    uint32_t i;

    *out = NULL;
    if (!tries)
        return WASM_OK;
    i = last_at(&tries->regions[0].begin, sizeof tries->regions[0] / sizeof(uint32_t),
                tries->region_count, position);
    for (; i < tries->region_count; i = tries->regions[i].outer) {
        const interp_region *region = &tries->regions[i];
        const interp_clause *clause = &tries->clauses[region->first_clause];

        if (++looked % A_POLL == 0)
            TRY(store_poll(store, A_POLL / LOOKS_PER_FUEL));
        if (position >= region->end)
            continue;
        for (uint32_t k = 0; k < region->clause_count; k++, clause++) {
            if (++looked % A_POLL == 0)
                TRY(store_poll(store, A_POLL / LOOKS_PER_FUEL));
            if (clause->all || tags[clause->tag] == tag) {
                *out = clause;
                return store_poll(store, looked % A_POLL / LOOKS_PER_FUEL);
            }
        }
    }
    return store_poll(store, looked % A_POLL / LOOKS_PER_FUEL);
}

/* The exception is caught: what it carries goes to the clause's slots. */
static void land(wasm_store *store, interp_place *at, const interp_func *body,
                 const interp_clause *clause)
{
    const heap_object *exception = ref_object(store->exception);
    uint64_t *to = at->fp + clause->slot;

    if (!clause->all) {
        uint32_t slots = exception_tag(exception)->type->param_slots;
        memcpy(to, exception_slots(exception), slots * sizeof *to);
        to += slots;
    }
    if (clause->ref)
        *to = store->exception;
    at->pc = body->code + clause->target;
    /* One that came from an invocation within was reported there as not caught. */
    if (store->report.status != WASM_OK)
        store_forget_failure(store);
    store->exception = 0;
}

wasm_status interp_catch(wasm_store *store, interp_place *at, bool own)
{
    const wasm_tag *tag = exception_tag(ref_object(store->exception));
    uint32_t frames = 0;

    for (;; frames++) {
        const interp_func *body = function_of(at);
        const interp_clause *clause = NULL;

        if (!body)
            return WASM_E_EXCEPTION;
        if (own)
            TRY(find_clause(store, body, (uint32_t)(at->pc - body->code), at->instance->tags, tag,
                            &clause));
        own = true;
        if (clause) {
            land(store, at, body, clause);
            store->depth -= frames;
            return WASM_OK;
        }
        if (!to_caller(at, body))
            return WASM_E_EXCEPTION;
        TRY(store_poll(store, 0)); /* to enter the frame was paid for, and it is left once */
    }
}

/* ---- references ------------------------------------------------------------------------------ */

static void mark_frame(wasm_store *store, const interp_func *body, const interp_place *at)
{
    const interp_roots *roots = body->roots;
    uint32_t position = (uint32_t)(at->pc - body->code), i;

    if (!roots)
        return;
    for (i = 0; i < roots->local_count; i++)
        collect_mark(store, at->fp[roots->locals[i]]);
    i = last_at(&roots->places[0].position, sizeof roots->places[0] / sizeof(uint32_t),
                roots->place_count, position);
    if (i == roots->place_count || roots->places[i].position != position)
        return;
    for (uint32_t n = roots->places[i].node; n != INTERP_NO_NODE; n = roots->nodes[n].below)
        collect_mark(store, at->fp[roots->nodes[n].slot]);
}

wasm_status interp_roots_of(wasm_store *store, const store_activation *activation)
{
    interp_place at = {.instance = activation->instance,
                       .fp = (uint64_t *)(uintptr_t)activation->fp,
                       .pc = activation->pc};
    const interp_func *body;

    if (!activation->fp)
        return WASM_OK;
    while ((body = function_of(&at)) != NULL) {
        mark_frame(store, body, &at);
        TRY(store_poll(store, 0));
        if (!to_caller(&at, body))
            break;
    }
    return WASM_OK;
}
