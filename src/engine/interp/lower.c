/* SPDX-License-Identifier: Apache-2.0
 * lower.c — translates a body from the validator's typed stream to internal code.
 *
 * How:     The translator is the sink of validate_body(): one pass over the body does both. What
 *          the stream says is done in lower_ops.c and lower_control.c, upon the state that
 *          lower_impl.h describes. Code grows in one buffer that is reused from function to
 *          function; when the end has come it is copied to where it stays. Every instruction but
 *          `else` and `end` costs one unit of fuel, and so do eight locals at the entry.
 * Inputs:  Modules whose everything but bodies is validated.
 * Memory:  Scratch is counted in the module's quota and freed by lower_free(); code and maps go to
 *          the module's arena.
 * Threads: one for each translator.
 */
#include <string.h>

#include "lower_impl.h"

#define ENTER_WORDS 3
/* Locals that are set to zero at a function's entry for a unit of fuel; as in bulk operations. */
#define ZEROED_PER_FUEL 8

/* ---- making and freeing ---------------------------------------------------------------------- */

bool lower_reserve(lower *l, void **array, uint32_t *capacity, uint64_t need, size_t size)
{
    uint64_t count = *capacity ? *capacity : 64;
    void *block;

    if (need <= *capacity)
        return true;
    while (count < need)
        count *= 2;
    block = count <= UINT32_MAX && count <= SIZE_MAX / size
                ? quota_realloc(l->quota, *array, *capacity * size, (size_t)count * size)
                : NULL;
    if (!block) {
        lower_fail(l, WASM_E_QUOTA);
        return false;
    }
    *array = block;
    *capacity = (uint32_t)count;
    return true;
}

wasm_status lower_new(wasm_module *module, interp_module *prepared, lower **out,
                      wasm_report *report)
{
    lower *l = quota_realloc(&module->quota, NULL, 0, sizeof *l);
    void *stack = NULL, *controls = NULL;
    wasm_status status;

    if (!l)
        return report_fail(report, WASM_E_QUOTA, WASM_NO_OFFSET, WASM_NO_FUNC, NULL);
    memset(l, 0, sizeof *l);
    *out = l;
    l->module = module;
    l->prepared = prepared;
    l->quota = l->map.quota = &module->quota;
    l->handlers = interp_handlers();
    fuse_new(l);
    /* Both are never without an item to point to, even when translation fails. */
    lower_reserve(l, &stack, &l->stack_capacity, 1, sizeof *l->stack);
    lower_reserve(l, &controls, &l->control_capacity, 1, sizeof *l->controls);
    l->stack = stack;
    l->controls = controls;
    status = l->status;
    if (status == WASM_OK)
        status = validate_scratch_new(module, &l->scratch);
    if (status != WASM_OK)
        return report_fail(report, status, WASM_NO_OFFSET, WASM_NO_FUNC, NULL);
    return WASM_OK;
}

void lower_free(lower *l)
{
    if (!l)
        return;
    validate_scratch_free(l->scratch);
    quota_free(l->quota, l->code, l->capacity * sizeof *l->code);
    quota_free(l->quota, l->stack, l->stack_capacity * sizeof *l->stack);
    quota_free(l->quota, l->slots, l->slots_capacity * sizeof *l->slots);
    quota_free(l->quota, l->controls, l->control_capacity * sizeof *l->controls);
    quota_free(l->quota, l->patches, l->patch_capacity * sizeof *l->patches);
    quota_free(l->quota, l->regions, l->region_capacity * sizeof *l->regions);
    quota_free(l->quota, l->clauses, l->clause_capacity * sizeof *l->clauses);
    quota_free(l->quota, l->root_locals, l->root_local_capacity * sizeof *l->root_locals);
    quota_free(l->quota, l->nodes, l->node_capacity * sizeof *l->nodes);
    quota_free(l->quota, l->places, l->place_capacity * sizeof *l->places);
    place_map_release(&l->map);
    quota_free(l->quota, l, sizeof *l);
}

/* ---- a function ------------------------------------------------------------------------------ */

static uint32_t slots_of(const wasm_valtype *types, uint32_t count)
{
    uint32_t slots = 0;

    for (uint32_t i = 0; i < count; i++)
        slots += type_slots_of(types[i]);
    return slots;
}

/* The collector looks into the local in `slot`. */
static void add_root_local(lower *l, uint16_t slot)
{
    void *slots = l->root_locals;
    bool room = lower_reserve(l, &slots, &l->root_local_capacity, (uint64_t)l->root_local_count + 1,
                              sizeof *l->root_locals);

    l->root_locals = slots;
    if (room)
        l->root_locals[l->root_local_count++] = slot;
}

/* Gives every local its slot; the return address is between parameters and other locals. */
static void place_locals(lower *l)
{
    const validate_locals *locals = l->locals;
    uint32_t params = locals->type->param_count;
    uint64_t next = 0;
    void *slots = l->slots;
    bool room = lower_reserve(l, &slots, &l->slots_capacity, (uint64_t)locals->local_count + 1,
                              sizeof *l->slots);

    l->slots = slots;
    if (!room)
        return;
    for (uint32_t i = 0; i < locals->local_count; i++) {
        if (i == params)
            next++;
        l->slots[i] = (slot_info){.alias = NO_LINK, .slot = (uint16_t)next};
        if (module_is_object(locals->locals[i]))
            add_root_local(l, (uint16_t)next);
        next += type_slots_of(locals->locals[i]);
    }
    if (locals->local_count == params)
        next++;
    need_slots(l, next);
    l->home_base = (uint32_t)next;
}

/* Where the module is traced, code says by itself what it comes by. What is fused with a later
 * instruction is done together with that one, so its line may come a little before it. */
static void emit_trace(lower *l, unsigned trace_bit, unsigned op, uint64_t offset)
{
    icode *at;

    if (!l->module->log || (l->module->trace & trace_bit) == 0)
        return;
    at = emit(l, IC_TRACE, TRACE_WORDS);
    at[1].u32[0] = op;
    at[1].u32[1] = l->func;
    at[2].u64 = offset;
    l->tail = NO_CODE; /* it is nobody's result, and not to be taken back */
}

static wasm_status sink_begin(void *baton, const validate_locals *locals, wasm_report *report)
{
    lower *l = baton;
    icode *enter;

    l->func = locals->func;
    l->locals = locals;
    l->param_slots = slots_of(locals->type->params, locals->type->param_count);
    l->result_slots = slots_of(locals->type->results, locals->type->result_count);
    l->max_slots = l->cost = l->length = l->height = l->settled = l->rooted = l->depth = 0;
    l->region_count = l->clause_count = 0;
    l->root_local_count = l->node_count = l->place_count = 0;
    l->tail = NO_CODE;
    fuse_restart(l);
    l->patch_count = 0;
    l->patch_free = NO_LINK;
    l->pending.active = false;
    l->map.length = 0;
    place_map_begin(&l->map, 0, 0);
    forget_accumulators(l);
    place_locals(l);
    need_slots(l, l->result_slots);
    l->cost = (l->home_base - l->param_slots - 1) / ZEROED_PER_FUEL;
    enter = emit_mapped(l, IC_ENTER, ENTER_WORDS, l->module->funcs[locals->func].code.offset);
    enter[2].u16[0] = (uint16_t)(l->param_slots + 1);
    enter[2].u16[1] = (uint16_t)(l->home_base - l->param_slots - 1);
    emit_trace(l, WASM_TRACE_CALLS, OP_COUNT, l->module->funcs[locals->func].code.offset);
    control_begin(l, locals->type);
    if (l->status != WASM_OK)
        return report_fail(report, l->status, l->module->funcs[locals->func].code.offset,
                           locals->func, "preparing its locals");
    return WASM_OK;
}

static wasm_status sink_op(void *baton, const validate_op *op, wasm_report *report)
{
    lower *l = baton;

    if (op->op != OP_END && op->op != OP_ELSE)
        l->cost++;
    emit_trace(l, WASM_TRACE_INSTRUCTIONS, op->op, op->offset);
    lower_plain(l, op);
    if (l->status == WASM_E_IMPL_LIMIT)
        return report_fail(report, l->status, op->offset, l->func,
                           "a frame of more than %u slots, or more than %u words of code",
                           FRAME_SLOTS_MAX, CODE_WORDS_MAX);
    if (l->status != WASM_OK)
        return report_fail(report, l->status, op->offset, l->func, "preparing code");
    return WASM_OK;
}

/* A copy of `count` items in the module's arena, which counts as code. */
static void *keep_array(lower *l, const void *items, uint32_t count, size_t size)
{
    void *copy = arena_alloc(&l->module->arena, count, size);

    if (copy && count > 0)
        memcpy(copy, items, count * size);
    l->prepared->code_bytes += count * size;
    return copy;
}

/* The tables of unwind.c that the function needs, if any. */
static bool keep_tries(lower *l, interp_func *body)
{
    interp_tries *tries;

    if (l->region_count == 0)
        return true;
    tries = ARENA_NEW(&l->module->arena, interp_tries);
    if (!tries)
        return false;
    tries->region_count = l->region_count;
    tries->regions = keep_array(l, l->regions, l->region_count, sizeof *l->regions);
    tries->clauses = keep_array(l, l->clauses, l->clause_count, sizeof *l->clauses);
    body->tries = tries;
    return tries->regions && tries->clauses;
}

static bool keep_roots(lower *l, interp_func *body)
{
    interp_roots *roots;

    if (l->root_local_count == 0 && l->place_count == 0)
        return true;
    roots = ARENA_NEW(&l->module->arena, interp_roots);
    if (!roots)
        return false;
    roots->local_count = l->root_local_count;
    roots->place_count = l->place_count;
    roots->locals = keep_array(l, l->root_locals, l->root_local_count, sizeof *l->root_locals);
    roots->places = keep_array(l, l->places, l->place_count, sizeof *l->places);
    roots->nodes = keep_array(l, l->nodes, l->node_count, sizeof *l->nodes);
    l->prepared->code_bytes += sizeof *roots;
    body->roots = roots;
    return roots->locals && roots->places && roots->nodes;
}

/* Copies code, map and tables to the module's arena. */
static wasm_status keep(lower *l, interp_func *body, wasm_report *report)
{
    icode *code = keep_array(l, l->code, l->length, sizeof *code);
    char *map = arena_copy(&l->module->arena, l->map.bytes, l->map.length);

    *body = (interp_func){.code = code,
                          .words = l->length,
                          .param_slots = l->param_slots,
                          .result_slots = l->result_slots,
                          .map = (const uint8_t *)map,
                          .map_bytes = (uint32_t)l->map.length};
    if (!code || !map || !keep_tries(l, body) || !keep_roots(l, body))
        return report_fail(report, WASM_E_QUOTA, WASM_NO_OFFSET, l->func, "preparing code");
    l->prepared->code_bytes += l->map.length + sizeof *body;
    return WASM_OK;
}

wasm_status lower_function(lower *l, uint32_t func, wasm_report *report)
{
    wasm_module *module = l->module;
    validate_sink sink = {.begin = sink_begin, .op = sink_op, .baton = l};

    TRY(validate_body(module, func, l->scratch, &sink, report));
    l->code[1].u32[0] = l->max_slots;
    l->code[1].u32[1] = l->cost;
    TRY(keep(l, &l->prepared->funcs[func - module->func_import_count], report));
    if (module->log && (module->trace & WASM_TRACE_PREPARE))
        interp_dump(module, func);
    return WASM_OK;
}
