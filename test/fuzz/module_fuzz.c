/* SPDX-License-Identifier: Apache-2.0
 * module_fuzz.c — any bytes through the decoder and the validator.
 * layers: validate
 *
 * How:     the bytes are loaded; whatever the verdict, these must hold:
 *          - the same bytes give the same status at the same byte again, with a sink as without;
 *          - a refusal is of class malformed, invalid or exhausted, and names a byte of the file,
 *            if any;
 *          - memory stays within the quota and in proportion to the file;
 *          - an accepted module's events make sense by themselves: the sink below keeps a control
 *            stack and a height of its own, computed from the events alone, and every event must
 *            agree with it. That is what tiers rely on without checking.
 *
 * Memory:  all freed for each input; the quota tells whether the scratch was.
 * Threads: one.
 */
#include "decode.h"
#include "isa.h"
#include "limits.h"
#include "validate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUOTA ((size_t)64 << 20)

#define MUST(cond)                                                                                 \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "module_fuzz.c:%d: %s does not hold\n", __LINE__, #cond);              \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* ---- the model of the event stream -------------------------------------------------------- */

typedef struct frame {
    uint32_t base, params, results; /* slots */
    bool is_if, is_loop;
} frame;

typedef struct model {
    const wasm_module *module;
    frame *frames;
    size_t depth, room;
    uint32_t height;
    uint32_t local_count;
    bool dead; /* the last event ended the code */
    uint64_t last_offset;
    uint64_t hash; /* of all events */
} model;

static void mix(model *m, uint64_t value)
{
    m->hash = (m->hash ^ value) * UINT64_C(0x100000001b3);
    m->hash ^= m->hash >> 29;
}

static uint32_t width(wasm_valtype type)
{
    return type == WASM_V128 ? 2 : 1;
}

static uint32_t width_of(const wasm_valtype *types, uint32_t count)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += width(types[i]);
    return sum;
}

static void take(model *m, uint32_t slots)
{
    MUST(m->height >= m->frames[m->depth - 1].base + slots);
    m->height -= slots;
}

static void open_frame(model *m, const wasm_functype *type, isa_op op)
{
    uint32_t params = width_of(type->params, type->param_count);
    if (m->depth != 0)
        take(m, params);
    if (m->depth == m->room) {
        m->room = m->room * 2 + 16;
        m->frames = realloc(m->frames, m->room * sizeof *m->frames);
        MUST(m->frames != NULL);
    }
    m->frames[m->depth++] = (frame){
        .base = m->height,
        .params = params,
        .results = width_of(type->results, type->result_count),
        .is_if = op == OP_IF,
        .is_loop = op == OP_LOOP,
    };
    m->height += params;
}

static void close_frame(model *m, const validate_op *op)
{
    MUST(m->depth != 0);
    frame *top = &m->frames[m->depth - 1];
    MUST(op->height == top->base + top->results);
    if (op->reachable)
        MUST(!m->dead && m->height == op->height);
    else
        MUST(m->dead);
    m->dead = false;
    if (op->op == OP_ELSE) {
        MUST(top->is_if);
        top->is_if = false;
        m->height = top->base + top->params;
        return;
    }
    MUST(!top->is_if || top->params == top->results);
    m->height = top->base + top->results;
    m->depth--;
}

/* A branch finds what its label carries on the stack. */
static void check_label(const model *m, uint32_t depth)
{
    MUST(depth < m->depth);
    const frame *label = &m->frames[m->depth - 1 - depth];
    uint32_t carried = label->is_loop ? label->params : label->results;
    MUST(m->height >= m->frames[m->depth - 1].base + carried);
}

/* What a field or element takes on the stack. */
static uint32_t field_width(const module_type *type, uint32_t i)
{
    return width(type->fields[i].type); /* a packed one is an i32 */
}

static void apply_object(model *m, const validate_op *op)
{
    bool typed = isa_describe(op->op)->imm != ISA_IMM_NONE && op->index < m->module->type_count;
    const module_type *type = typed ? &m->module->types[op->index] : NULL;
    switch (op->op) {
    case OP_STRUCT_NEW:
        for (uint32_t i = 0; i < type->field_count; i++)
            take(m, field_width(type, i));
        m->height++;
        return;
    case OP_STRUCT_NEW_DEFAULT: m->height++; return;
    case OP_STRUCT_GET:
    case OP_STRUCT_GET_S:
    case OP_STRUCT_GET_U:
        MUST(op->index2 < type->field_count);
        take(m, 1);
        m->height += field_width(type, op->index2);
        return;
    case OP_STRUCT_SET:
        MUST(op->index2 < type->field_count && type->fields[op->index2].mutable_);
        take(m, 1 + field_width(type, op->index2));
        return;
    case OP_ARRAY_NEW:
        take(m, field_width(type, 0) + 1);
        m->height++;
        return;
    case OP_ARRAY_NEW_FIXED:
        take(m, field_width(type, 0) * op->index2);
        m->height++;
        return;
    case OP_ARRAY_NEW_DATA:
    case OP_ARRAY_NEW_ELEM:
        take(m, 2);
        m->height++;
        return;
    case OP_ARRAY_GET:
    case OP_ARRAY_GET_S:
    case OP_ARRAY_GET_U:
        take(m, 2);
        m->height += field_width(type, 0);
        return;
    case OP_ARRAY_SET: take(m, 2 + field_width(type, 0)); return;
    case OP_ARRAY_FILL: take(m, 3 + field_width(type, 0)); return;
    case OP_ARRAY_COPY: take(m, 5); return;
    case OP_ARRAY_INIT_DATA:
    case OP_ARRAY_INIT_ELEM: take(m, 4); return;
    case OP_REF_EQ:
        take(m, 2);
        m->height++;
        return;
    case OP_BR_ON_CAST:
    case OP_BR_ON_CAST_FAIL: check_label(m, op->index); return;
    case OP_ARRAY_NEW_DEFAULT:
    case OP_ARRAY_LEN:
    case OP_REF_TEST:
    case OP_REF_TEST_NULL:
    case OP_REF_CAST:
    case OP_REF_CAST_NULL:
    case OP_ANY_CONVERT_EXTERN:
    case OP_EXTERN_CONVERT_ANY:
    case OP_REF_I31:
    case OP_I31_GET_S:
    case OP_I31_GET_U:
        take(m, 1);
        m->height++;
        return;
    default: MUST(!"an op with its own case in the validator is unknown to the model");
    }
}

/* Slots taken and given by ops whose row has no plain signature. */
static void apply_special(model *m, const validate_op *op)
{
    switch (op->op) {
    case OP_BLOCK:
    case OP_LOOP: open_frame(m, op->block, op->op); return;
    case OP_IF:
        take(m, 1);
        open_frame(m, op->block, op->op);
        return;
    case OP_BR:
    case OP_BR_IF:
        if (op->op == OP_BR_IF)
            take(m, 1);
        check_label(m, op->index);
        return;
    case OP_BR_ON_NULL:
        take(m, 1);
        check_label(m, op->index);
        m->height++;
        return;
    case OP_BR_ON_NON_NULL:
        check_label(m, op->index);
        take(m, 1);
        return;
    case OP_BR_TABLE:
        MUST(op->label_count >= 1);
        take(m, 1);
        for (uint32_t i = 0; i < op->label_count; i++)
            check_label(m, op->labels[i]);
        return;
    case OP_RETURN_CALL_REF:
    case OP_RETURN_CALL_INDIRECT: take(m, 1); /* fall through */
    case OP_RETURN_CALL: take(m, width_of(op->block->params, op->block->param_count)); return;
    case OP_CALL_REF:
    case OP_CALL_INDIRECT: take(m, 1); /* fall through */
    case OP_CALL:
        take(m, width_of(op->block->params, op->block->param_count));
        m->height += width_of(op->block->results, op->block->result_count);
        return;
    case OP_UNREACHABLE: return;
    case OP_THROW: take(m, width_of(op->block->params, op->block->param_count)); return;
    case OP_THROW_REF: take(m, 1); return;
    case OP_TRY_TABLE:
        for (uint32_t i = 0; i < op->clause_count; i++) {
            const wasm_module *of = m->module;
            const validate_clause *clause = &op->clauses[i];
            uint32_t carried = clause->ref;
            MUST(clause->label < m->depth);
            const frame *label = &m->frames[m->depth - 1 - clause->label];
            if (!clause->all) {
                MUST(clause->tag < of->tag_count);
                carried += of->types[of->tags[clause->tag].type].param_slots;
            }
            MUST(carried == (label->is_loop ? label->params : label->results));
        }
        open_frame(m, op->block, op->op);
        return;
    case OP_RETURN: check_label(m, (uint32_t)(m->depth - 1)); return;
    case OP_DROP: take(m, width(op->type)); return;
    case OP_SELECT:
    case OP_SELECT_T: take(m, 1 + width(op->type)); return;
    case OP_LOCAL_GET:
        MUST(op->index < m->local_count);
        m->height += width(op->type);
        return;
    case OP_LOCAL_SET: take(m, width(op->type)); return;
    case OP_LOCAL_TEE:
        take(m, width(op->type));
        m->height += width(op->type);
        return;
    case OP_GLOBAL_GET: m->height += width(op->type); return;
    case OP_GLOBAL_SET: take(m, width(op->type)); return;
    case OP_REF_NULL:
    case OP_REF_FUNC: m->height++; return;
    case OP_REF_IS_NULL:
    case OP_REF_AS_NON_NULL:
    case OP_TABLE_GET:
        take(m, 1);
        m->height++;
        return;
    case OP_TABLE_SET: take(m, 2); return;
    case OP_TABLE_GROW:
        take(m, 2);
        m->height++;
        return;
    case OP_TABLE_COPY:
    case OP_TABLE_FILL:
    case OP_MEMORY_COPY: take(m, 3); return;
    default: apply_object(m, op);
    }
}

static void apply_signature(model *m, const char *sig)
{
    const char *middle = strchr(sig, ':');
    for (const char *c = sig; c < middle; c++)
        take(m, *c == 'V' ? 2 : 1);
    for (const char *c = middle + 1; *c != '\0'; c++)
        m->height += *c == 'V' ? 2 : 1;
}

static wasm_status on_begin(void *baton, const validate_locals *locals, wasm_report *report)
{
    model *m = baton;
    (void)report;
    m->depth = 0;
    m->height = 0;
    m->dead = false;
    m->last_offset = 0;
    m->local_count = locals->local_count;
    MUST(locals->local_count >= locals->type->param_count);
    mix(m, locals->func);
    mix(m, locals->local_count);
    /* The body is a block that takes nothing: its parameters are locals. */
    const wasm_functype body = {locals->type->params, locals->type->results, 0,
                                locals->type->result_count};
    open_frame(m, &body, OP_BLOCK);
    return WASM_OK;
}

static wasm_status on_op(void *baton, const validate_op *op, wasm_report *report)
{
    model *m = baton;
    const isa_row *row = isa_describe(op->op);
    (void)report;
    MUST(op->offset > m->last_offset && op->offset < m->module->length);
    m->last_offset = op->offset;
    MUST((m->module->enabled & WASM_FEATURE(row->feature)) != 0);
    mix(m, op->op);
    mix(m, op->offset);
    mix(m, op->height);
    mix(m, op->index);
    mix(m, op->index2);
    mix(m, op->value);
    mix(m, op->mem_offset);
    if (op->op == OP_ELSE || op->op == OP_END) {
        close_frame(m, op);
        return WASM_OK;
    }
    MUST(!m->dead && op->reachable && m->depth != 0);
    MUST(op->height == m->height);
    if (row->imm == ISA_IMM_MEMARG || row->imm == ISA_IMM_MEMARG_LANE)
        MUST(op->index < m->module->memory_count && 1U << op->align <= row->width);
    if (row->imm == ISA_IMM_LANE || row->imm == ISA_IMM_MEMARG_LANE)
        MUST(op->value < 16U / row->width);
    if (row->imm == ISA_IMM_LANES || row->imm == ISA_IMM_V128)
        MUST(op->bytes >= m->module->bytes &&
             op->bytes + 16 <= m->module->bytes + m->module->length);
    if (row->sig[0] == '*')
        apply_special(m, op);
    else
        apply_signature(m, row->sig);
    m->dead = (row->flags & ISA_ENDS) != 0;
    return WASM_OK;
}

static wasm_status on_constant(void *baton, const validate_op *op, wasm_report *report)
{
    uint32_t *ops = baton;
    (void)report;
    MUST((isa_describe(op->op)->flags & (ISA_CONST | ISA_CONST_EXTENDED)) != 0);
    MUST(op->op != OP_END);
    ++*ops;
    return WASM_OK;
}

/* ---- one input ---------------------------------------------------------------------------- */

static void check_report(const wasm_report *report, wasm_status status, size_t size)
{
    wasm_class cls = wasm_status_class(status);
    MUST(report->status == status);
    if (status == WASM_OK)
        return;
    MUST(cls == WASM_CLASS_MALFORMED || cls == WASM_CLASS_INVALID || cls == WASM_CLASS_EXHAUSTED);
    MUST(report->offset == WASM_NO_OFFSET || report->offset <= size);
    for (const char *c = report->detail; *c != '\0'; c++)
        MUST(*c >= ' ' && *c <= '~');
}

/* Validates every body; with a model, its sink looks on. */
static wasm_status bodies(wasm_module *m, model *seen, wasm_report *report)
{
    const validate_sink sink = {.begin = on_begin, .op = on_op, .baton = seen};
    validate_scratch *scratch;
    size_t before = m->quota.used;
    if (validate_scratch_new(m, &scratch) != WASM_OK)
        return quota_fail(&m->quota, report);
    wasm_status status = WASM_OK;
    for (uint32_t i = m->func_import_count; i < m->func_count && status == WASM_OK; i++) {
        status = validate_body(m, i, scratch, seen == NULL ? NULL : &sink, report);
        if (seen != NULL && status == WASM_OK)
            MUST(seen->depth == 0 && !seen->dead);
    }
    validate_scratch_free(scratch);
    MUST(m->quota.used == before);
    return status;
}

static void walk_constants(const wasm_module *m)
{
    uint32_t ops = 0;
    const validate_sink sink = {.op = on_constant, .baton = &ops};
    for (uint32_t i = m->global_import_count; i < m->global_count; i++)
        MUST(validate_constant_walk(m, m->globals[i].init, &sink) == WASM_OK);
    for (uint32_t i = 0; i < m->data_count; i++) {
        if (m->datas[i].mode == MODULE_SEGMENT_ACTIVE)
            MUST(validate_constant_walk(m, m->datas[i].offset, &sink) == WASM_OK);
    }
    for (uint32_t i = 0; i < m->elem_count; i++) {
        if (m->elems[i].mode == MODULE_SEGMENT_ACTIVE)
            MUST(validate_constant_walk(m, m->elems[i].offset, &sink) == WASM_OK);
        for (uint32_t k = 0; m->elems[i].exprs != NULL && k < m->elems[i].count; k++)
            MUST(validate_constant_walk(m, m->elems[i].exprs[k], &sink) == WASM_OK);
    }
}

static wasm_status load(const uint8_t *data, size_t size, model *seen, wasm_report *report)
{
    const wasm_load_options options = {.quota = QUOTA};
    wasm_module *m = NULL;
    wasm_status status = decode_module(data, size, &options, &m, report);
    MUST((m != NULL) == (status == WASM_OK));
    if (m == NULL)
        return status;
    /* The hungriest are empty element segments: two bytes in the file, 80 in memory. */
    MUST(m->quota.peak <= 128 * size + 65536);
    status = validate_module(m, report);
    if (status == WASM_OK && seen != NULL)
        seen->module = m;
    if (status == WASM_OK)
        status = bodies(m, seen, report);
    if (status == WASM_OK) {
        walk_constants(m);
        MUST((m->used & ~m->enabled) == 0);
    }
    if (status == WASM_OK && seen != NULL) { /* a valid module walked again tells the same */
        uint64_t hash = seen->hash;
        wasm_features used = m->used;
        seen->hash = 0;
        MUST(bodies(m, seen, report) == WASM_OK);
        MUST(seen->hash == hash && m->used == used);
    }
    MUST(m->quota.peak <= QUOTA);
    module_destroy(m);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wasm_report plain, watched;
    model seen = {0};
    wasm_status status = load(data, size, NULL, &plain);
    check_report(&plain, status, size);
    MUST(load(data, size, &seen, &watched) == status);
    check_report(&watched, status, size);
    MUST(plain.offset == watched.offset && plain.func == watched.func);
    MUST(strcmp(plain.detail, watched.detail) == 0);
    free(seen.frames);
    return 0;
}
