/* SPDX-License-Identifier: Apache-2.0
 * constant.c — constant expressions: initial values of globals and tables, places of segments.
 *
 * How:     The validator has proved the expression well typed and hands its instructions over one
 *          by one with the operand height before each; so the operands stand in an array indexed
 *          by height, of which the first few live on the C stack and a deep expression (extended
 *          constants nest at will) gets a block of the store's or the module's quota.
 * Memory:  That block, freed before return.
 * Threads: the store's; at load the loading thread.
 */
#include <string.h>

#include "objects.h"
#include "runtime_impl.h"
#include "validate.h"

#define SMALL_HEIGHT 16

typedef struct evaluation {
    const wasm_module *module;
    wasm_instance *instance; /* NULL: at load */
    quota *quota;
    uint64_t *operands;
    uint32_t room; /* slots in operands */
    bool known;
    uint64_t small[SMALL_HEIGHT];
} evaluation;

static wasm_status make_room(evaluation *e, uint32_t slots)
{
    uint32_t room = e->room;
    uint64_t *bigger;

    if (slots <= room)
        return WASM_OK;
    while (room < slots)
        room *= 2;
    bigger = quota_realloc(e->quota, e->operands == e->small ? NULL : e->operands,
                           e->operands == e->small ? 0 : e->room * sizeof *bigger,
                           room * sizeof *bigger);
    if (!bigger)
        return e->quota->refused ? WASM_E_QUOTA : WASM_E_NO_MEMORY;
    if (e->operands == e->small)
        memcpy(bigger, e->small, sizeof e->small);
    e->operands = bigger;
    e->room = room;
    return WASM_OK;
}

static uint64_t funcref(const evaluation *e, uint32_t func)
{
    return (uint64_t)(uintptr_t)e->instance->funcs[func];
}

/* The operands end at `top`; the object replaces them. */
static wasm_status make_object(const evaluation *e, const validate_op *op, uint64_t *top)
{
    const module_type *type = &e->module->types[op->index];
    wasm_store *store = e->instance->store;
    uint32_t length, slots = 0;
    uint64_t *first;
    wasm_ref ref;

    for (uint32_t i = 0; i < type->field_count; i++)
        slots += type_slots(type->fields[i].type);
    switch (op->op) {
    case OP_STRUCT_NEW:
        first = top - slots;
        TRY(struct_new(store, type, first, &ref));
        break;
    case OP_STRUCT_NEW_DEFAULT:
        first = top;
        TRY(struct_new(store, type, NULL, &ref));
        break;
    case OP_ARRAY_NEW_FIXED:
        length = op->index2;
        first = top - (size_t)slots * length;
        TRY(array_new_fixed(store, type, length, first, &ref));
        break;
    default: /* array.new, array.new_default */
        length = (uint32_t)top[-1];
        first = op->op == OP_ARRAY_NEW ? top - 1 - slots : top - 1;
        TRY(array_new(store, type, length, op->op == OP_ARRAY_NEW ? first : NULL, &ref));
        break;
    }
    *first = ref;
    return WASM_OK;
}

static wasm_status step(void *baton, const validate_op *op, wasm_report *report)
{
    evaluation *e = baton;
    uint64_t *top;

    (void)report;
    TRY(make_room(e, op->height + 2)); /* what one instruction pushes is a v128 at most */
    top = e->operands + op->height;
    switch (op->op) {
    case OP_I32_CONST:
    case OP_I64_CONST:
    case OP_F32_CONST:
    case OP_F64_CONST: top[0] = op->value; break;
    case OP_V128_CONST: memcpy(top, op->bytes, 16); break;
    case OP_REF_NULL: top[0] = 0; break;
    case OP_REF_FUNC:
        if (e->instance)
            top[0] = funcref(e, op->index);
        else
            e->known = false;
        break;
    case OP_GLOBAL_GET:
        if (e->instance)
            memcpy(top, e->instance->globals[op->index]->cell, type_slots(op->type) * sizeof *top);
        else
            e->known = false;
        break;
    case OP_STRUCT_NEW:
    case OP_STRUCT_NEW_DEFAULT:
    case OP_ARRAY_NEW:
    case OP_ARRAY_NEW_DEFAULT:
    case OP_ARRAY_NEW_FIXED:
        if (e->instance)
            return make_object(e, op, top);
        e->known = false;
        break;
    case OP_REF_I31: top[-1] = ref_of_i31((uint32_t)top[-1]); break;
    case OP_ANY_CONVERT_EXTERN:
    case OP_EXTERN_CONVERT_ANY: break; /* one and the same */
    case OP_I32_ADD: top[-2] = (uint32_t)(top[-2] + top[-1]); break;
    case OP_I32_SUB: top[-2] = (uint32_t)(top[-2] - top[-1]); break;
    case OP_I32_MUL: top[-2] = (uint32_t)(top[-2] * top[-1]); break;
    case OP_I64_ADD: top[-2] += top[-1]; break;
    case OP_I64_SUB: top[-2] -= top[-1]; break;
    case OP_I64_MUL: top[-2] *= top[-1]; break;
    default: return WASM_E_USAGE; /* a row with ISA_CONST that has no case here */
    }
    return WASM_OK;
}

wasm_status constant_evaluate(const wasm_module *module, wasm_instance *instance,
                              module_span expression, uint64_t slots[2], bool *known)
{
    quota at_load;
    evaluation e = {.module = module,
                    .instance = instance,
                    .quota = instance ? &instance->store->quota : &at_load,
                    .room = SMALL_HEIGHT,
                    .known = true};
    validate_sink sink = {.op = step, .baton = &e};
    wasm_status status;
    bool held;

    /* At load the expression's own length bounds the operands, and the module's quota counted that
     * when it was decoded. */
    quota_init(&at_load, 0);
    e.operands = e.small;
    /* The collector does not look at operands: nothing is collected while there are any. */
    held = instance ? instance->store->heap.held : false;
    if (instance)
        instance->store->heap.held = true;
    status = validate_constant_walk(module, expression, &sink);
    if (instance)
        instance->store->heap.held = held;
    memcpy(slots, e.operands, 2 * sizeof *slots);
    if (e.operands != e.small)
        quota_free(e.quota, e.operands, e.room * sizeof *e.operands);
    if (known)
        *known = e.known;
    return status;
}
