/* SPDX-License-Identifier: Apache-2.0
 * validate_body.c — one function body: its locals, then instruction after instruction, each
 * checked and, where it can be reached, handed to the sink (specification §3.4 and §5.5.13).
 *
 * How:     instr_next() decodes; check_instruction() applies the row's signature or, for rows whose
 *          signature is "*", the case written here or in validate_control.c; emit() tells the sink.
 *          What the sink gets of an instruction is taken down before its operands are popped:
 *          height is that of the stack as the instruction finds it.
 *
 * Inputs: a module that validate_module() accepted; the bytes of the body are unchecked.
 *
 * Editing: an opcode whose row has a plain signature needs nothing here. One with "*" needs a case
 * in check_instruction(); without it, it is refused as WASM_E_USAGE by the first test that uses it.
 *
 * Memory:  see validate_impl.h.
 * Threads: one for each scratch.
 */
#include "validate_impl.h"

#include <string.h>

static wasm_status find_memory(validate_scratch *s, uint32_t index, const module_memory **out)
{
    const wasm_module *m = s->module;
    if (index >= m->memory_count)
        return scratch_fail(s, WASM_E_UNKNOWN_MEMORY, "memory %u; the module has %u",
                            (unsigned)index, (unsigned)m->memory_count);
    *out = &m->memories[index];
    return WASM_OK;
}

static wasm_status find_table(validate_scratch *s, uint32_t index, const module_table **out)
{
    const wasm_module *m = s->module;
    if (index >= m->table_count)
        return scratch_fail(s, WASM_E_UNKNOWN_TABLE, "table %u; the module has %u", (unsigned)index,
                            (unsigned)m->table_count);
    *out = &m->tables[index];
    return WASM_OK;
}

wasm_status find_elem(validate_scratch *s, uint32_t index, const module_elem **out)
{
    const wasm_module *m = s->module;
    if (index >= m->elem_count)
        return scratch_fail(s, WASM_E_UNKNOWN_ELEM, "segment %u; the module has %u",
                            (unsigned)index, (unsigned)m->elem_count);
    *out = &m->elems[index];
    return WASM_OK;
}

/* memory.init and data.drop stand before the data section, so the data count section has to say
 * how many there are (§5.5.16). */
wasm_status find_data(validate_scratch *s, uint32_t index)
{
    const wasm_module *m = s->module;
    if (!m->has_data_count)
        return scratch_fail(s, WASM_E_DATA_COUNT_REQUIRED, "%s is used", isa_text(s->op));
    if (index >= m->data_count)
        return scratch_fail(s, WASM_E_UNKNOWN_DATA, "segment %u; the module has %u",
                            (unsigned)index, (unsigned)m->data_count);
    return WASM_OK;
}

static wasm_status check_lane(validate_scratch *s, uint64_t lane, unsigned lanes)
{
    if (lane >= lanes)
        return scratch_fail(s, WASM_E_LANE, "lane %u for %s, where there are %u", (unsigned)lane,
                            isa_text(s->op), lanes);
    return WASM_OK;
}

/* i8x16.shuffle counts the lanes of both its operands. */
static wasm_status check_shuffle(validate_scratch *s, const instr *in)
{
    for (unsigned i = 0; i < 16; i++)
        TRY(check_lane(s, in->bytes[i], 32));
    return stack_signature(s, in->op, WASM_I32);
}

static wasm_valtype address_of(const wasm_bounds *bounds)
{
    return bounds->is_64 ? WASM_I64 : WASM_I32;
}

/* Of two address types, the one that a length in both must have. */
static wasm_valtype shorter(wasm_valtype a, wasm_valtype b)
{
    return a == WASM_I32 ? a : b;
}

/* Loads and stores (§3.4.6): the alignment is a promise of at most the access's own width; that of
 * atomic ones is the width. A lane exists if the vector has as many of this width. */
static wasm_status check_memarg(validate_scratch *s, const instr *in, const isa_row *row)
{
    const module_memory *memory;
    TRY(find_memory(s, in->index, &memory));
    if (in->align > 4 || 1U << in->align > row->width)
        return scratch_fail(s, WASM_E_ALIGNMENT, "2^%u bytes for %s", (unsigned)in->align,
                            row->text);
    if ((row->flags & ISA_ATOMIC) != 0 && 1U << in->align != row->width)
        return scratch_fail(s, WASM_E_ATOMIC_ALIGNMENT, "2^%u bytes for %s", (unsigned)in->align,
                            row->text);
    if (row->imm == ISA_IMM_MEMARG_LANE)
        TRY(check_lane(s, in->value, 16 / row->width));
    if (in->mem_offset > UINT32_MAX && !memory->bounds.is_64)
        return scratch_fail(s, WASM_E_OFFSET_RANGE, "offset %llu in a 32-bit memory",
                            (unsigned long long)in->mem_offset);
    return stack_signature(s, in->op, address_of(&memory->bounds));
}

/* The other instructions on memories and data segments. */
static wasm_status check_memory(validate_scratch *s, const instr *in)
{
    const module_memory *memory, *source;
    switch (in->op) {
    case OP_DATA_DROP: return find_data(s, in->index);
    case OP_MEMORY_INIT:
        TRY(find_memory(s, in->index2, &memory));
        TRY(find_data(s, in->index));
        break;
    case OP_MEMORY_COPY: {
        TRY(find_memory(s, in->index, &memory));
        TRY(find_memory(s, in->index2, &source));
        wasm_valtype to = address_of(&memory->bounds), from = address_of(&source->bounds);
        TRY(stack_pop(s, shorter(to, from)));
        TRY(stack_pop(s, from));
        return stack_pop(s, to);
    }
    default: TRY(find_memory(s, in->index, &memory)); break;
    }
    return stack_signature(s, in->op, address_of(&memory->bounds));
}

static wasm_status check_table_copy(validate_scratch *s, const instr *in, validate_op *out)
{
    const module_table *table, *source;
    TRY(find_table(s, in->index, &table));
    TRY(find_table(s, in->index2, &source));
    if (!type_fits(s, source->elem, table->elem))
        return scratch_fail(s, WASM_E_TYPE_MISMATCH, "table %u holds %s, table %u %s",
                            (unsigned)in->index, wasm_valtype_text(table->elem).text,
                            (unsigned)in->index2, wasm_valtype_text(source->elem).text);
    out->type = table->elem;
    wasm_valtype to = address_of(&table->bounds), from = address_of(&source->bounds);
    TRY(stack_pop(s, shorter(to, from)));
    TRY(stack_pop(s, from));
    return stack_pop(s, to);
}

static wasm_status check_table_init(validate_scratch *s, const instr *in, validate_op *out)
{
    const module_table *table;
    const module_elem *elem;
    TRY(find_table(s, in->index2, &table));
    TRY(find_elem(s, in->index, &elem));
    if (!type_fits(s, elem->type, table->elem))
        return scratch_fail(s, WASM_E_TYPE_MISMATCH, "table %u holds %s, segment %u %s",
                            (unsigned)in->index2, wasm_valtype_text(table->elem).text,
                            (unsigned)in->index, wasm_valtype_text(elem->type).text);
    out->type = table->elem;
    return stack_signature(s, in->op, address_of(&table->bounds));
}

static wasm_status check_table(validate_scratch *s, const instr *in, validate_op *out)
{
    const module_table *table;
    const module_elem *elem;
    if (in->op == OP_ELEM_DROP)
        return find_elem(s, in->index, &elem);
    if (in->op == OP_TABLE_COPY)
        return check_table_copy(s, in, out);
    if (in->op == OP_TABLE_INIT)
        return check_table_init(s, in, out);
    TRY(find_table(s, in->index, &table));
    wasm_valtype address = address_of(&table->bounds);
    out->type = table->elem;
    switch (in->op) {
    case OP_TABLE_GET: TRY(stack_pop(s, address)); return stack_push(s, table->elem);
    case OP_TABLE_SET: TRY(stack_pop(s, table->elem)); return stack_pop(s, address);
    case OP_TABLE_GROW:
        TRY(stack_pop(s, address));
        TRY(stack_pop(s, table->elem));
        return stack_push(s, address);
    case OP_TABLE_FILL:
        TRY(stack_pop(s, address));
        TRY(stack_pop(s, table->elem));
        return stack_pop(s, address);
    default: return stack_signature(s, in->op, address); /* table.size */
    }
}

/* A local whose type has no default is read or set (§3.4.4). */
static wasm_status check_known(validate_scratch *s, isa_op op, uint32_t local)
{
    uint64_t bit = (uint64_t)1 << local % 64;
    if (local < s->param_count || (s->known[local / 64] & bit) != 0)
        return WASM_OK;
    if (op == OP_LOCAL_GET)
        return scratch_fail(s, WASM_E_UNSET_LOCAL, "local %u is read before it is set",
                            (unsigned)local);
    if (s->setting_count == s->setting_room) {
        void *array = s->settings;
        TRY(scratch_grow(s, &array, &s->setting_room, UINT32_MAX / 2, sizeof *s->settings,
                         "locals set"));
        s->settings = array;
    }
    s->settings[s->setting_count++] = local;
    s->known[local / 64] |= bit;
    return WASM_OK;
}

static wasm_status check_local(validate_scratch *s, const instr *in, validate_op *out)
{
    if (in->index >= s->local_count)
        return scratch_fail(s, WASM_E_UNKNOWN_LOCAL, "local %u; the function has %u",
                            (unsigned)in->index, (unsigned)s->local_count);
    wasm_valtype type = s->locals[in->index];
    out->type = type;
    if (!valtype_has_default(type))
        TRY(check_known(s, in->op, in->index));
    if (in->op != OP_LOCAL_GET)
        TRY(stack_pop(s, type));
    return in->op == OP_LOCAL_SET ? WASM_OK : stack_push(s, type);
}

static wasm_status check_global(validate_scratch *s, const instr *in, validate_op *out)
{
    const wasm_module *m = s->module;
    if (in->index >= m->global_count)
        return scratch_fail(s, WASM_E_UNKNOWN_GLOBAL, "global %u; the module has %u",
                            (unsigned)in->index, (unsigned)m->global_count);
    const module_global *global = &m->globals[in->index];
    out->type = global->type;
    if (in->op == OP_GLOBAL_GET)
        return stack_push(s, global->type);
    if (!global->mutable_)
        return scratch_fail(s, WASM_E_IMMUTABLE_GLOBAL, "global %u", (unsigned)in->index);
    return stack_pop(s, global->type);
}

/* §3.4.3: without a type, select is for numbers and vectors; with one, there is exactly one. */
static wasm_status check_select(validate_scratch *s, const instr *in, validate_op *out)
{
    TRY(stack_pop(s, WASM_I32));
    if (in->op == OP_SELECT_T) {
        if (in->count != 1)
            return scratch_fail(s, WASM_E_SELECT_ARITY, "%u types", (unsigned)in->count);
        out->type = in->type;
        TRY(stack_pop(s, in->type));
        TRY(stack_pop(s, in->type));
        return stack_push(s, in->type);
    }
    wasm_valtype a, b;
    TRY(stack_pop_any(s, &a));
    TRY(stack_pop_any(s, &b));
    if (WASM_IS_REF(a) || WASM_IS_REF(b))
        return scratch_fail(s, WASM_E_TYPE_MISMATCH, "a select of references names its type");
    if (a != b && a != TYPE_UNKNOWN && b != TYPE_UNKNOWN)
        return scratch_fail(s, WASM_E_TYPE_MISMATCH, "select of %s and %s",
                            wasm_valtype_text(b).text, wasm_valtype_text(a).text);
    out->type = a == TYPE_UNKNOWN ? b : a;
    return stack_push(s, out->type);
}

static wasm_status check_reference(validate_scratch *s, const instr *in, validate_op *out)
{
    const wasm_module *m = s->module;
    switch (in->op) {
    case OP_REF_NULL: out->type = in->type; return stack_push(s, in->type);
    case OP_REF_IS_NULL: TRY(stack_pop_ref(s, &out->type)); return stack_push(s, WASM_I32);
    case OP_REF_AS_NON_NULL:
        TRY(stack_pop_ref(s, &out->type));
        return stack_push(s, out->type & ~(wasm_valtype)WASM_NULLABLE);
    default: /* ref.func */
        if (in->index >= m->func_count)
            return scratch_fail(s, WASM_E_UNKNOWN_FUNCTION, "function %u; the module has %u",
                                (unsigned)in->index, (unsigned)m->func_count);
        if (!m->funcs[in->index].declared)
            return scratch_fail(s, WASM_E_UNDECLARED_REF,
                                "function %u is in no export, segment or global",
                                (unsigned)in->index);
        out->type = cursor_reference_to(&s->c, m->funcs[in->index].type, false);
        return stack_push(s, out->type);
    }
}

static wasm_status check_instruction(validate_scratch *s, instr *in, const isa_row *row,
                                     validate_op *out)
{
    switch (in->op) {
    case OP_UNREACHABLE:
    case OP_THROW:
    case OP_THROW_REF:
    case OP_TRY_TABLE:
    case OP_BLOCK:
    case OP_LOOP:
    case OP_IF:
    case OP_ELSE:
    case OP_END:
    case OP_BR:
    case OP_BR_IF:
    case OP_BR_TABLE:
    case OP_RETURN:
    case OP_CALL:
    case OP_CALL_INDIRECT:
    case OP_RETURN_CALL:
    case OP_RETURN_CALL_INDIRECT:
    case OP_CALL_REF:
    case OP_RETURN_CALL_REF:
    case OP_BR_ON_NULL:
    case OP_BR_ON_NON_NULL: return check_control(s, in, out);
    case OP_DROP: return stack_pop_any(s, &out->type);
    case OP_SELECT:
    case OP_SELECT_T: return check_select(s, in, out);
    case OP_LOCAL_GET:
    case OP_LOCAL_SET:
    case OP_LOCAL_TEE: return check_local(s, in, out);
    case OP_GLOBAL_GET:
    case OP_GLOBAL_SET: return check_global(s, in, out);
    case OP_REF_NULL:
    case OP_REF_IS_NULL:
    case OP_REF_AS_NON_NULL:
    case OP_REF_FUNC: return check_reference(s, in, out);
    case OP_TABLE_GET:
    case OP_TABLE_SET:
    case OP_TABLE_INIT:
    case OP_ELEM_DROP:
    case OP_TABLE_COPY:
    case OP_TABLE_GROW:
    case OP_TABLE_SIZE:
    case OP_TABLE_FILL: return check_table(s, in, out);
    case OP_MEMORY_SIZE:
    case OP_MEMORY_GROW:
    case OP_MEMORY_INIT:
    case OP_DATA_DROP:
    case OP_MEMORY_COPY:
    case OP_MEMORY_FILL: return check_memory(s, in);
    default: break;
    }
    if (row->feature == WASM_FEATURE_GC)
        return check_object(s, in, out);
    if (row->imm == ISA_IMM_MEMARG || row->imm == ISA_IMM_MEMARG_LANE)
        return check_memarg(s, in, row);
    if (row->imm == ISA_IMM_LANE)
        TRY(check_lane(s, in->value, 16 / row->width));
    if (row->imm == ISA_IMM_LANES)
        return check_shuffle(s, in);
    if (row->sig[0] == '*')
        return scratch_fail(s, WASM_E_USAGE, "%s has no case in the validator", row->text);
    return stack_signature(s, in->op, WASM_I32);
}

static wasm_status add_locals(validate_scratch *s, wasm_valtype type, uint32_t count)
{
    while (s->local_room - s->local_count < count) {
        void *array = s->locals;
        TRY(scratch_grow(s, &array, &s->local_room, LIMIT_PARAMS + LIMIT_LOCALS, sizeof *s->locals,
                         "locals"));
        s->locals = array;
    }
    for (; count > 0; count--)
        s->locals[s->local_count++] = type;
    return WASM_OK;
}

static wasm_status clear_known(validate_scratch *s)
{
    uint32_t words = s->local_count / 64 + 1;
    while (s->known_room < words) {
        void *array = s->known;
        TRY(scratch_grow(s, &array, &s->known_room, UINT32_MAX / 2, sizeof *s->known, "locals"));
        s->known = array;
    }
    memset(s->known, 0, words * sizeof *s->known);
    return WASM_OK;
}

/* Parameters, then the declared locals, which stand in runs of one type. */
static wasm_status read_locals(validate_scratch *s, const wasm_functype *type)
{
    cursor *c = &s->c;
    uint32_t runs;
    uint64_t total = 0;
    bool unset = false; /* there are locals without a default */
    s->local_count = s->setting_count = 0;
    s->param_count = type->param_count;
    for (uint32_t i = 0; i < type->param_count; i++)
        TRY(add_locals(s, type->params[i], 1));
    TRY(cursor_count(c, &runs, 2, 0, UINT32_MAX, "runs of locals"));
    for (uint32_t i = 0; i < runs; i++) {
        uint32_t count;
        wasm_valtype local;
        s->at = reader_offset(&c->r);
        TRY(cursor_u32(c, &count, "a number of locals"));
        TRY(cursor_valtype(c, &local));
        total += count;
        if (total > UINT32_MAX) /* §5.5.13 */
            return scratch_fail(s, WASM_E_TOO_MANY_LOCALS, "%llu", (unsigned long long)total);
        if (total <= LIMIT_LOCALS) /* else the sum of all runs tells which error it is */
            TRY(add_locals(s, local, count));
        unset |= !valtype_has_default(local);
    }
    if (total > LIMIT_LOCALS)
        return scratch_fail(s, WASM_E_IMPL_LIMIT, "%llu locals; the limit is %u",
                            (unsigned long long)total, (unsigned)LIMIT_LOCALS);
    return unset ? clear_known(s) : WASM_OK;
}

static wasm_status begin_body(validate_scratch *s, uint32_t func, const validate_sink *sink)
{
    const wasm_functype *type = module_func_type(s->module, func);
    s->operand_count = s->control_count = 0;
    s->slots = s->highest = 0;
    s->op = OP_END;
    TRY(read_locals(s, type));
    TRY(control_push(s, OP_BLOCK, type));
    if (sink == NULL)
        return WASM_OK;
    const validate_locals locals = {
        .func = func, .type = type, .locals = s->locals, .local_count = s->local_count};
    return sink->begin(sink->baton, &locals, s->c.report);
}

/* What checks add to; emit() writes the rest. Field by field, since a string instruction, which it
 * would be as a whole, takes longer than most checks. */
static void blank(validate_op *out, uint32_t height)
{
    out->height = height;
    out->reachable = true;
    out->type = out->type2 = 0;
    out->block = NULL;
    out->index = out->index2 = 0;
    out->labels = NULL;
    out->label_count = out->clause_count = 0;
    out->clauses = NULL;
}

/* Hands an instruction over; `out` holds what the checks found out about it. */
static wasm_status emit(const validate_sink *sink, const instr *in, validate_op *out,
                        wasm_report *report)
{
    out->op = in->op;
    out->offset = in->offset;
    out->value = in->value;
    out->mem_offset = in->mem_offset;
    out->align = in->align;
    out->bytes = in->bytes;
    uint8_t imm = isa_describe(in->op)->imm;
    if (imm != ISA_IMM_BLOCK && imm != ISA_IMM_TRY_TABLE) {
        out->index = in->index;
        out->index2 = in->index2;
    }
    return sink->op(sink->baton, out, report);
}

static wasm_status walk_body(validate_scratch *s, const validate_sink *sink, uint64_t *instructions)
{
    cursor *c = &s->c;
    instr in;
    uint64_t count = 0;
    while (s->control_count != 0) {
        TRY(instr_next(c, &in));
        s->at = in.offset;
        s->op = in.op;
        count++;
        /* An else or end belongs to its block: it is seen if the block's opening was. */
        bool closes = in.op == OP_ELSE || in.op == OP_END;
        bool seen = s->top->visible && (closes || !s->top->unreachable);
        validate_op out;
        blank(&out, s->slots);
        TRY(check_instruction(s, &in, isa_describe(in.op), &out));
        if (sink != NULL && seen)
            TRY(emit(sink, &in, &out, c->report));
    }
    *instructions = count;
    if (reader_left(&c->r) != 0)
        return cursor_fail(c, WASM_E_END_EXPECTED, reader_offset(&c->r),
                           "%zu bytes follow the body's end", reader_left(&c->r));
    return WASM_OK;
}

wasm_status validate_body(wasm_module *module, uint32_t func, validate_scratch *scratch,
                          const validate_sink *sink, wasm_report *report)
{
    validate_scratch *s = scratch;
    uint64_t instructions = 0;
    s->c = cursor_over(module, module->funcs[func].code, func, report);
    s->at = module->funcs[func].code.offset;
    const bool beside = sink != NULL && sink->beside;
    if (!beside && module->stop && module->stop(module->stop_baton))
        return scratch_fail(s, WASM_E_INTERRUPTED, "preparing the module takes too long");
    TRY(begin_body(s, func, sink));
    TRY(walk_body(s, sink, &instructions));
    if (beside)
        return WASM_OK;
    if ((s->c.used & ~module->used) != 0) /* nothing is written when a body is walked again */
        module->used |= s->c.used;
    module_trace(module, WASM_TRACE_VALIDATE,
                 "function %u: %llu bytes, %llu instructions, %u locals, %u operand slots",
                 (unsigned)func, (unsigned long long)module->funcs[func].code.length,
                 (unsigned long long)instructions, (unsigned)s->local_count, (unsigned)s->highest);
    return WASM_OK;
}
