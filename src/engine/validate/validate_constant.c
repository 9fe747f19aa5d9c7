/* SPDX-License-Identifier: Apache-2.0
 * validate_constant.c — constant expressions: initial values, offsets, elements (§3.4.12).
 *
 * How:     the same stacks as for bodies, with one frame whose result is the wanted type. Which
 *          instructions may stand here is a flag of their row: ISA_CONST always, ISA_CONST_EXTENDED
 *          with extended constant expressions. global.get reads an immutable global that stands
 *          earlier; one of the module's own was opened by the same text of 3.0 that took up
 *          extended constants, so the same bit stands for it.
 *
 * Memory:  see validate_impl.h.
 * Threads: check_constant() one for each scratch; the walk any.
 */
#include "validate_impl.h"

static wasm_status check_constant_global(validate_scratch *s, const instr *in, uint32_t globals)
{
    const wasm_module *m = s->module;
    if (in->index >= globals)
        return scratch_fail(s, WASM_E_UNKNOWN_GLOBAL, "global %u; %u are known here",
                            (unsigned)in->index, (unsigned)globals);
    const module_global *global = &m->globals[in->index];
    if (global->mutable_)
        return scratch_fail(s, WASM_E_CONST_EXPR, "global %u is mutable", (unsigned)in->index);
    if (!global->imported)
        TRY(cursor_need(&s->c, WASM_FEATURE_EXTENDED_CONST, in->offset,
                        "a constant from the module's own global"));
    return stack_push(s, global->type);
}

static wasm_status check_constant_op(validate_scratch *s, const instr *in, uint32_t globals)
{
    const isa_row *row = isa_describe(in->op);
    if ((row->flags & ISA_CONST_EXTENDED) != 0)
        TRY(cursor_need(&s->c, WASM_FEATURE_EXTENDED_CONST, in->offset,
                        "arithmetic in a constant expression"));
    else if ((row->flags & ISA_CONST) == 0)
        return scratch_fail(s, WASM_E_CONST_EXPR, "%s is not allowed", row->text);
    switch (in->op) {
    case OP_GLOBAL_GET: return check_constant_global(s, in, globals);
    case OP_REF_NULL: return stack_push(s, in->type);
    case OP_REF_FUNC:
        if (in->index >= s->module->func_count)
            return scratch_fail(s, WASM_E_UNKNOWN_FUNCTION, "function %u; the module has %u",
                                (unsigned)in->index, (unsigned)s->module->func_count);
        s->module->funcs[in->index].declared = true;
        return stack_push(s, cursor_reference_to(&s->c, s->module->funcs[in->index].type, false));
    default: break;
    }
    validate_op unused = {0};
    return row->feature == WASM_FEATURE_GC ? check_object(s, in, &unused)
                                           : stack_signature(s, in->op, WASM_I32);
}

wasm_status check_constant(validate_scratch *s, module_span expression, wasm_valtype type,
                           uint32_t globals, wasm_report *report)
{
    const wasm_functype value = {&type, &type, 0, 1};
    wasm_module *m = s->module;
    instr in;
    s->c = cursor_over(m, expression, WASM_NO_FUNC, report);
    s->operand_count = s->control_count = s->setting_count = 0;
    s->slots = 0;
    TRY(control_push(s, OP_BLOCK, &value));
    do {
        TRY(instr_next(&s->c, &in));
        s->at = in.offset;
        s->op = in.op;
        if (in.op != OP_END)
            TRY(check_constant_op(s, &in, globals));
    } while (in.op != OP_END);
    TRY(stack_pop(s, type));
    if (s->operand_count != 0)
        return scratch_fail(s, WASM_E_TYPE_MISMATCH, "%u values more than the one needed",
                            (unsigned)s->operand_count);
    m->used |= s->c.used;
    return WASM_OK;
}

static uint32_t field_slots(const module_type *type)
{
    uint32_t slots = 0;
    for (uint32_t i = 0; i < type->field_count; i++)
        slots += type_slots(unpacked(type->fields[i].type));
    return slots;
}

/* What an instruction that may stand in a constant expression takes off the stack. */
static uint32_t operand_slots(const wasm_module *m, const instr *in)
{
    switch (in->op) {
    case OP_STRUCT_NEW: return field_slots(&m->types[in->index]);
    case OP_ARRAY_NEW: return field_slots(&m->types[in->index]) + 1;
    case OP_ARRAY_NEW_FIXED: return field_slots(&m->types[in->index]) * in->index2;
    case OP_ARRAY_NEW_DEFAULT:
    case OP_ANY_CONVERT_EXTERN:
    case OP_EXTERN_CONVERT_ANY:
    case OP_REF_I31: return 1;
    default: return (isa_describe(in->op)->flags & ISA_CONST_EXTENDED) != 0 ? 2 : 0;
    }
}

wasm_status validate_constant_walk(const wasm_module *module, module_span expression,
                                   const validate_sink *sink)
{
    cursor c = cursor_over(module, expression, WASM_NO_FUNC, NULL);
    uint32_t height = 0;
    instr in;
    for (;;) {
        TRY(instr_next(&c, &in));
        if (in.op == OP_END)
            return WASM_OK;
        validate_op out = {
            .op = in.op,
            .offset = in.offset,
            .height = height,
            .reachable = true,
            .type = in.type,
            .index = in.index,
            .index2 = in.index2,
            .value = in.value,
            .bytes = in.bytes,
        };
        if (in.op == OP_GLOBAL_GET)
            out.type = module->globals[in.index].type;
        else if (in.op == OP_REF_FUNC)
            out.type = cursor_reference_to(&c, module->funcs[in.index].type, false);
        else if (in.op == OP_V128_CONST)
            out.type = WASM_V128;
        TRY(sink->op(sink->baton, &out, NULL));
        height = height - operand_slots(module, &in) + (out.type == WASM_V128 ? 2 : 1);
    }
}
