/* SPDX-License-Identifier: Apache-2.0
 * validate_control.c — blocks, branches and calls (specification §3.4.11 and appendix).
 *
 * How: a label's types are what a branch to it carries: the parameters of a loop, the results of
 * any other block. `br_if` pops and pushes them, so that below it they are known even in
 * unreachable code.
 *
 * Memory: see validate_impl.h. Threads: one for each scratch.
 */
#include "validate_impl.h"

/* The type of a block that is written as a value type, or as empty (result 0); NULL for a type that
 * has no entry here. */
static const wasm_functype *short_type(wasm_valtype result)
{
    static const wasm_valtype types[] = {WASM_I32,  WASM_I64,     WASM_F32,      WASM_F64,
                                         WASM_V128, WASM_FUNCREF, WASM_EXTERNREF};
    static const wasm_functype shorts[] = {
        {types, types + 0, 0, 1}, {types, types + 1, 0, 1}, {types, types + 2, 0, 1},
        {types, types + 3, 0, 1}, {types, types + 4, 0, 1}, {types, types + 5, 0, 1},
        {types, types + 6, 0, 1},
    };
    static const wasm_functype empty = {types, types, 0, 0};
    if (result == 0)
        return &empty;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (types[i] == result)
            return &shorts[i];
    }
    return NULL;
}

static void label_types(const control *label, const wasm_valtype **types, uint32_t *count)
{
    bool loop = label->op == OP_LOOP;
    *types = loop ? label->type->params : label->type->results;
    *count = loop ? label->type->param_count : label->type->result_count;
}

static wasm_status check_block(validate_scratch *s, const instr *in, validate_op *out)
{
    const wasm_functype *type;
    if (in->index == INSTR_NO_TYPE) {
        type = short_type(in->type);
        if (type == NULL)
            return scratch_fail(s, WASM_E_USAGE, "%s has no entry among the short block types",
                                wasm_valtype_name(in->type));
    } else {
        if (in->index >= s->module->type_count)
            return scratch_fail(s, WASM_E_UNKNOWN_TYPE, "type %u; the module has %u",
                                (unsigned)in->index, (unsigned)s->module->type_count);
        type = &s->module->types[in->index].func;
    }
    out->block = type;
    if (in->op == OP_IF)
        TRY(stack_pop(s, WASM_I32));
    TRY(stack_pop_list(s, type->params, type->param_count));
    TRY(control_push(s, in->op, type));
    return stack_push_list(s, type->params, type->param_count);
}

/* The results of the innermost block are on the stack, and nothing else of it. */
static wasm_status check_results(validate_scratch *s)
{
    const wasm_functype *type = s->top->type;
    TRY(stack_pop_list(s, type->results, type->result_count));
    if (s->operand_count != s->top->base)
        return scratch_fail(s, WASM_E_TYPE_MISMATCH,
                            "operands left over at the end of the block: %u",
                            (unsigned)(s->operand_count - s->top->base));
    return WASM_OK;
}

/* The height that an else or end has above its block's base. */
static uint32_t result_height(const control *frame)
{
    uint32_t height = frame->base_slots;
    for (uint32_t i = 0; i < frame->type->result_count; i++)
        height += type_slots(frame->type->results[i]);
    return height;
}

static wasm_status check_else(validate_scratch *s, validate_op *out)
{
    control *frame = s->top;
    if (frame->op != OP_IF)
        return scratch_fail(s, WASM_E_END_EXPECTED, "an else without an if");
    out->reachable = !frame->unreachable;
    out->height = result_height(frame);
    out->block = frame->type;
    TRY(check_results(s));
    frame->op = OP_ELSE;
    frame->unreachable = false;
    return stack_push_list(s, frame->type->params, frame->type->param_count);
}

static wasm_status check_end(validate_scratch *s, validate_op *out)
{
    control frame = *s->top;
    const wasm_functype *type = frame.type;
    out->reachable = !frame.unreachable;
    out->height = result_height(&frame);
    out->block = type;
    TRY(check_results(s));
    if (frame.op == OP_IF) { /* the missing else passes its parameters on */
        bool same = type->param_count == type->result_count;
        for (uint32_t i = 0; same && i < type->param_count; i++)
            same = type->params[i] == type->results[i];
        if (!same)
            return scratch_fail(s, WASM_E_TYPE_MISMATCH,
                                "an if without else has to give what it takes");
    }
    s->control_count--;
    if (s->control_count == 0)
        return WASM_OK;
    s->top--;
    return stack_push_list(s, type->results, type->result_count);
}

static wasm_status find_label(validate_scratch *s, uint32_t depth, control **out)
{
    *out = control_at(s, depth);
    if (*out == NULL)
        return scratch_fail(s, WASM_E_UNKNOWN_LABEL, "label %u; there are %u", (unsigned)depth,
                            (unsigned)s->control_count);
    return WASM_OK;
}

static wasm_status check_branch(validate_scratch *s, const instr *in, validate_op *out)
{
    control *label;
    const wasm_valtype *types;
    uint32_t count;
    TRY(find_label(s, in->index, &label));
    label_types(label, &types, &count);
    out->index = in->index;
    if (in->op == OP_BR_IF)
        TRY(stack_pop(s, WASM_I32));
    TRY(stack_pop_list(s, types, count));
    if (in->op == OP_BR_IF)
        return stack_push_list(s, types, count);
    stack_unreachable(s);
    return WASM_OK;
}

/* Whether the operands fit the label. They stay: the next label wants them too, and what
 * unreachable code makes up may be of one type for one label and of another for the next. */
static wasm_status match_label(validate_scratch *s, const control *label, uint32_t arity)
{
    const wasm_valtype *types;
    uint32_t count;
    label_types(label, &types, &count);
    if (count != arity)
        return scratch_fail(s, WASM_E_TYPE_MISMATCH, "br_table has labels with %u and %u values",
                            (unsigned)count, (unsigned)arity);
    uint32_t have = s->operand_count - s->top->base;
    for (uint32_t i = 0; i < count; i++) { /* from the top */
        wasm_valtype expect = types[count - 1 - i];
        if (i >= have) {
            if (s->top->unreachable)
                break;
            return scratch_fail(s, WASM_E_TYPE_MISMATCH, "br_table expects %s, the stack is empty",
                                wasm_valtype_name(expect));
        }
        wasm_valtype found = s->operands[s->operand_count - 1 - i];
        if (found != expect && found != TYPE_UNKNOWN)
            return scratch_fail(s, WASM_E_TYPE_MISMATCH, "br_table expects %s, found %s",
                                wasm_valtype_name(expect), wasm_valtype_name(found));
    }
    return WASM_OK;
}

static wasm_status check_br_table(validate_scratch *s, instr *in, validate_op *out)
{
    TRY(stack_pop(s, WASM_I32));
    uint32_t count = in->count + 1; /* cannot wrap: the labels stand in the body */
    while (s->label_room < count) {
        void *array = s->labels;
        TRY(scratch_grow(s, &array, &s->label_room, UINT32_MAX / 2, sizeof *s->labels, "labels"));
        s->labels = array;
    }
    control *label = s->top;
    for (uint32_t i = 0; i < count; i++) {
        s->labels[i] = instr_label(in);
        TRY(find_label(s, s->labels[i], &label));
    }
    /* The default is the last; its arity is that of all. */
    const wasm_valtype *types;
    uint32_t arity;
    label_types(label, &types, &arity);
    for (uint32_t i = 0; i < count; i++) {
        if (i == 0 || s->labels[i] != s->labels[i - 1]) /* tables repeat labels in runs */
            TRY(match_label(s, control_at(s, s->labels[i]), arity));
    }
    out->labels = s->labels;
    out->label_count = count;
    stack_unreachable(s);
    return WASM_OK;
}

static wasm_status check_return(validate_scratch *s)
{
    const wasm_functype *type = s->controls[0].type;
    TRY(stack_pop_list(s, type->results, type->result_count));
    stack_unreachable(s);
    return WASM_OK;
}

/* What is called instead of returning gives what the function gives (§3.4.11). */
static wasm_status check_tail(validate_scratch *s, const wasm_functype *callee)
{
    const wasm_functype *own = s->controls[0].type;
    bool same = callee->result_count == own->result_count;
    for (uint32_t i = 0; same && i < own->result_count; i++)
        same = callee->results[i] == own->results[i];
    if (!same)
        return scratch_fail(s, WASM_E_TYPE_MISMATCH,
                            "%s of a function with other results than this one's", isa_text(s->op));
    stack_unreachable(s);
    return WASM_OK;
}

static wasm_status check_call(validate_scratch *s, const instr *in, validate_op *out)
{
    const wasm_module *m = s->module;
    const wasm_functype *type;
    bool tail = in->op == OP_RETURN_CALL || in->op == OP_RETURN_CALL_INDIRECT;
    if (in->op == OP_CALL || in->op == OP_RETURN_CALL) {
        if (in->index >= m->func_count)
            return scratch_fail(s, WASM_E_UNKNOWN_FUNCTION, "function %u; the module has %u",
                                (unsigned)in->index, (unsigned)m->func_count);
        type = module_func_type(m, in->index);
    } else {
        if (in->index2 >= m->table_count)
            return scratch_fail(s, WASM_E_UNKNOWN_TABLE, "table %u; the module has %u",
                                (unsigned)in->index2, (unsigned)m->table_count);
        if (m->tables[in->index2].elem != WASM_FUNCREF)
            return scratch_fail(s, WASM_E_TYPE_MISMATCH, "table %u holds %s, not functions",
                                (unsigned)in->index2,
                                wasm_valtype_name(m->tables[in->index2].elem));
        if (in->index >= m->type_count)
            return scratch_fail(s, WASM_E_UNKNOWN_TYPE, "type %u; the module has %u",
                                (unsigned)in->index, (unsigned)m->type_count);
        type = &m->types[in->index].func;
        TRY(stack_pop(s, m->tables[in->index2].bounds.is_64 ? WASM_I64 : WASM_I32));
    }
    out->index = in->index;
    out->index2 = in->index2;
    out->block = type;
    TRY(stack_pop_list(s, type->params, type->param_count));
    return tail ? check_tail(s, type) : stack_push_list(s, type->results, type->result_count);
}

wasm_status check_control(validate_scratch *s, instr *in, validate_op *out)
{
    switch (in->op) {
    case OP_UNREACHABLE: stack_unreachable(s); return WASM_OK;
    case OP_BLOCK:
    case OP_LOOP:
    case OP_IF: return check_block(s, in, out);
    case OP_ELSE: return check_else(s, out);
    case OP_END: return check_end(s, out);
    case OP_BR:
    case OP_BR_IF: return check_branch(s, in, out);
    case OP_BR_TABLE: return check_br_table(s, in, out);
    case OP_RETURN: return check_return(s);
    case OP_CALL:
    case OP_CALL_INDIRECT:
    case OP_RETURN_CALL:
    case OP_RETURN_CALL_INDIRECT: return check_call(s, in, out);
    default: return WASM_E_USAGE;
    }
}
