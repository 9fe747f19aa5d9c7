/* SPDX-License-Identifier: Apache-2.0
 * validate_control.c — blocks, branches and calls (specification §3.4.11 and appendix).
 *
 * How:     a label's types are what a branch to it carries: the parameters of a loop, the results
 *          of any other block. `br_if` pops and pushes them, so that below it they are known even
 *          in unreachable code.
 *
 * Memory:  see validate_impl.h.
 * Threads: one for each scratch.
 */
#include "validate_impl.h"

#define SHORT(result)                                                                              \
    {                                                                                              \
        (const wasm_valtype[]){0}, (const wasm_valtype[]){result}, 0, 1                            \
    }
#define SHORT_KIND(kind)                                                                           \
    [0][(kind)-WASM_KIND_EXN] = SHORT(kind), [1][(kind)-WASM_KIND_EXN] =                           \
                                                 SHORT((kind) | WASM_NULLABLE)

/* The types of blocks that are written as one value type, by kind and whether it may be null. */
/* clang-format off */
static const wasm_functype shorts[2][WASM_I32 - WASM_KIND_EXN + 1] = {
    [0][WASM_I32 - WASM_KIND_EXN] = SHORT(WASM_I32),
    [0][WASM_I64 - WASM_KIND_EXN] = SHORT(WASM_I64),
    [0][WASM_F32 - WASM_KIND_EXN] = SHORT(WASM_F32),
    [0][WASM_F64 - WASM_KIND_EXN] = SHORT(WASM_F64),
    [0][WASM_V128 - WASM_KIND_EXN] = SHORT(WASM_V128),
    SHORT_KIND(WASM_KIND_NOEXN), SHORT_KIND(WASM_KIND_NOFUNC), SHORT_KIND(WASM_KIND_NOEXTERN),
    SHORT_KIND(WASM_KIND_NONE), SHORT_KIND(WASM_KIND_FUNC), SHORT_KIND(WASM_KIND_EXTERN),
    SHORT_KIND(WASM_KIND_ANY), SHORT_KIND(WASM_KIND_EQ), SHORT_KIND(WASM_KIND_I31),
    SHORT_KIND(WASM_KIND_STRUCT), SHORT_KIND(WASM_KIND_ARRAY), SHORT_KIND(WASM_KIND_EXN),
};
/* clang-format on */

/* The same for a reference to one of the module's types. */
static wasm_status short_reference(validate_scratch *s, wasm_valtype result,
                                   const wasm_functype **out)
{
    arena *a = &s->short_arena;
    if (s->short_types == NULL)
        s->short_types = ARENA_ARRAY(a, wasm_functype *, 2 * (size_t)s->module->type_count);
    if (s->short_types == NULL)
        return quota_fail(&s->module->quota, s->c.report);
    wasm_functype **entry =
        &s->short_types[2 * (size_t)WASM_TYPE_INDEX(result) + ((result & WASM_NULLABLE) == 0)];
    if (*entry == NULL) {
        wasm_functype *type = ARENA_NEW(a, wasm_functype);
        wasm_valtype *results = ARENA_NEW(a, wasm_valtype);
        if (type == NULL || results == NULL)
            return quota_fail(&s->module->quota, s->c.report);
        *results = result;
        *type = (wasm_functype){results, results, 0, 1};
        *entry = type;
    }
    *out = *entry;
    return WASM_OK;
}

/* The type of a block that is written as a value type, or as empty (result 0). */
static wasm_status short_type(validate_scratch *s, wasm_valtype result, const wasm_functype **out)
{
    static const wasm_valtype none[1] = {0};
    static const wasm_functype empty = {none, none, 0, 0};
    *out = &empty;
    if (result == 0)
        return WASM_OK;
    if (WASM_KIND(result) < WASM_KIND_EXN)
        return short_reference(s, result, out);
    *out = &shorts[(result & WASM_NULLABLE) != 0][WASM_KIND(result) - WASM_KIND_EXN];
    return WASM_OK;
}

wasm_status find_func_type(validate_scratch *s, uint32_t index, const module_type **out)
{
    const wasm_module *m = s->module;
    if (index >= m->type_count)
        return scratch_fail(s, WASM_E_UNKNOWN_TYPE, "type %u; the module has %u", (unsigned)index,
                            (unsigned)m->type_count);
    if (m->types[index].form != MODULE_FUNC)
        return scratch_fail(s, WASM_E_UNKNOWN_TYPE, "type %u is not a function's", (unsigned)index);
    *out = &m->types[index];
    return WASM_OK;
}

static void label_types(const control *label, const wasm_valtype **types, uint32_t *count)
{
    bool loop = label->op == OP_LOOP;
    *types = loop ? label->type->params : label->type->results;
    *count = loop ? label->type->param_count : label->type->result_count;
}

static wasm_status check_block(validate_scratch *s, const instr *in, validate_op *out)
{
    const wasm_functype *type = NULL;
    if (in->index == INSTR_NO_TYPE) {
        TRY(short_type(s, in->type, &type));
    } else {
        const module_type *found;
        TRY(find_func_type(s, in->index, &found));
        type = &found->func;
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
    locals_forget(s, frame->settings);
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
            same = type_fits(s, type->params[i], type->results[i]);
        if (!same)
            return scratch_fail(s, WASM_E_TYPE_MISMATCH,
                                "an if without else has to give what it takes");
    }
    locals_forget(s, frame.settings);
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

wasm_status find_label_types(validate_scratch *s, uint32_t depth, const wasm_valtype **types,
                             uint32_t *count)
{
    control *label;
    TRY(find_label(s, depth, &label));
    label_types(label, types, count);
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

/* A type without null. */
static wasm_valtype not_null(wasm_valtype type)
{
    return type & ~(wasm_valtype)WASM_NULLABLE;
}

/* br_on_null leaves the reference where it does not branch, br_on_non_null takes it along as the
 * last of the label's values (§3.4.11). */
static wasm_status check_branch_on_null(validate_scratch *s, const instr *in, validate_op *out)
{
    control *label;
    const wasm_valtype *types;
    uint32_t count;
    TRY(find_label(s, in->index, &label));
    label_types(label, &types, &count);
    TRY(stack_pop_ref(s, &out->type));
    if (in->op == OP_BR_ON_NULL) {
        TRY(stack_pop_list(s, types, count));
        TRY(stack_push_list(s, types, count));
        return stack_push(s, not_null(out->type));
    }
    if (count == 0)
        return scratch_fail(s, WASM_E_TYPE_MISMATCH, "label %u takes no reference",
                            (unsigned)in->index);
    TRY(stack_push(s, not_null(out->type)));
    TRY(stack_pop_list(s, types, count));
    return stack_push_list(s, types, count - 1);
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
                                wasm_valtype_text(expect).text);
        }
        wasm_valtype found = s->operands[s->operand_count - 1 - i];
        if (!type_fits(s, found, expect))
            return scratch_fail(s, WASM_E_TYPE_MISMATCH, "br_table expects %s, found %s",
                                wasm_valtype_text(expect).text, wasm_valtype_text(found).text);
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

static wasm_status find_tag(validate_scratch *s, uint32_t index, const wasm_functype **out)
{
    const wasm_module *m = s->module;
    if (index >= m->tag_count)
        return scratch_fail(s, WASM_E_UNKNOWN_TAG, "tag %u; the module has %u", (unsigned)index,
                            (unsigned)m->tag_count);
    *out = &m->types[m->tags[index].type].func;
    return WASM_OK;
}

/* The label of a clause takes what the tag carries, and the reference behind it. */
static wasm_status check_clause(validate_scratch *s, const instr_clause *clause)
{
    static const wasm_functype nothing = {NULL, NULL, 0, 0};
    const wasm_functype *tag = &nothing;
    control *label;
    const wasm_valtype *types;
    uint32_t count;
    if (!clause->all)
        TRY(find_tag(s, clause->tag, &tag));
    TRY(find_label(s, clause->label, &label));
    label_types(label, &types, &count);
    bool fits = count == tag->param_count + clause->ref;
    for (uint32_t i = 0; fits && i < count; i++)
        fits = type_fits(s, i < tag->param_count ? tag->params[i] : WASM_KIND_EXN, types[i]);
    if (!fits)
        return scratch_fail(s, WASM_E_TYPE_MISMATCH,
                            "label %u does not take what is caught%s: %u values",
                            (unsigned)clause->label, clause->ref ? " with its reference" : "",
                            (unsigned)(tag->param_count + clause->ref));
    return WASM_OK;
}

static wasm_status check_try_table(validate_scratch *s, instr *in, validate_op *out)
{
    while (s->clause_room < in->count) {
        void *array = s->clauses;
        TRY(scratch_grow(s, &array, &s->clause_room, UINT32_MAX / 2, sizeof *s->clauses,
                         "clauses"));
        s->clauses = array;
    }
    for (uint32_t i = 0; i < in->count; i++) {
        const instr_clause clause = instr_next_clause(in);
        TRY(check_clause(s, &clause));
        s->clauses[i] = (validate_clause){
            .tag = clause.tag, .label = clause.label, .all = clause.all, .ref = clause.ref};
    }
    out->clauses = s->clauses;
    out->clause_count = in->count;
    return check_block(s, in, out);
}

static wasm_status check_throw(validate_scratch *s, const instr *in, validate_op *out)
{
    if (in->op == OP_THROW) {
        TRY(find_tag(s, in->index, &out->block));
        TRY(stack_pop_list(s, out->block->params, out->block->param_count));
    } else {
        TRY(stack_pop(s, WASM_EXNREF));
    }
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
        same = type_fits(s, callee->results[i], own->results[i]);
    if (!same)
        return scratch_fail(s, WASM_E_TYPE_MISMATCH,
                            "%s of a function with other results than this one's", isa_text(s->op));
    stack_unreachable(s);
    return WASM_OK;
}

/* Who is called, and what tells so popped off the stack. */
static wasm_status check_callee(validate_scratch *s, const instr *in, const wasm_functype **out)
{
    const wasm_module *m = s->module;
    const module_type *type;
    switch (in->op) {
    case OP_CALL:
    case OP_RETURN_CALL:
        if (in->index >= m->func_count)
            return scratch_fail(s, WASM_E_UNKNOWN_FUNCTION, "function %u; the module has %u",
                                (unsigned)in->index, (unsigned)m->func_count);
        *out = module_func_type(m, in->index);
        return WASM_OK;
    case OP_CALL_REF:
    case OP_RETURN_CALL_REF:
        TRY(find_func_type(s, in->index, &type));
        *out = &type->func;
        return stack_pop(s, cursor_reference_to(&s->c, in->index, true));
    default: break;
    }
    if (in->index2 >= m->table_count)
        return scratch_fail(s, WASM_E_UNKNOWN_TABLE, "table %u; the module has %u",
                            (unsigned)in->index2, (unsigned)m->table_count);
    const module_table *table = &m->tables[in->index2];
    if (!type_fits(s, table->elem, WASM_FUNCREF))
        return scratch_fail(s, WASM_E_TYPE_MISMATCH, "table %u holds %s, not functions",
                            (unsigned)in->index2, wasm_valtype_text(table->elem).text);
    TRY(find_func_type(s, in->index, &type));
    *out = &type->func;
    return stack_pop(s, table->bounds.is_64 ? WASM_I64 : WASM_I32);
}

static wasm_status check_call(validate_scratch *s, const instr *in, validate_op *out)
{
    const wasm_functype *type;
    TRY(check_callee(s, in, &type));
    out->index = in->index;
    out->index2 = in->index2;
    out->block = type;
    TRY(stack_pop_list(s, type->params, type->param_count));
    if ((isa_describe(in->op)->flags & ISA_ENDS) != 0)
        return check_tail(s, type);
    return stack_push_list(s, type->results, type->result_count);
}

wasm_status check_control(validate_scratch *s, instr *in, validate_op *out)
{
    switch (in->op) {
    case OP_UNREACHABLE: stack_unreachable(s); return WASM_OK;
    case OP_BLOCK:
    case OP_LOOP:
    case OP_IF: return check_block(s, in, out);
    case OP_TRY_TABLE: return check_try_table(s, in, out);
    case OP_THROW:
    case OP_THROW_REF: return check_throw(s, in, out);
    case OP_ELSE: return check_else(s, out);
    case OP_END: return check_end(s, out);
    case OP_BR:
    case OP_BR_IF: return check_branch(s, in, out);
    case OP_BR_TABLE: return check_br_table(s, in, out);
    case OP_RETURN: return check_return(s);
    case OP_CALL:
    case OP_CALL_INDIRECT:
    case OP_CALL_REF:
    case OP_RETURN_CALL:
    case OP_RETURN_CALL_INDIRECT:
    case OP_RETURN_CALL_REF: return check_call(s, in, out);
    case OP_BR_ON_NULL:
    case OP_BR_ON_NON_NULL: return check_branch_on_null(s, in, out);
    default: return WASM_E_USAGE;
    }
}
