/* SPDX-License-Identifier: Apache-2.0
 * lower_ops.c — everything but control: one function for each shape of instruction.
 *
 * How:     Rows of icode.def that are instructions of WebAssembly become rules, and rules are
 *          translated by kind; what is left has a case of its own in lower_other(). The assertions
 *          below demand that each row of isa/opcodes.def is in one of the two.
 * Inputs:  validated instructions; types are not checked.
 * Memory:  the translator's scratch.
 * Threads: one for each translator.
 */
#include <string.h>

#include "lower_impl.h"

const lower_rule lower_rules[OP_COUNT] = {
#define ALU_C(id, text, in, out, expr)                                                             \
    [OP_##id] = {RULE_ALU_C, CLASS_##in, CLASS_##out, IC_##id##_SS_S, 0, 0},
#define ALU_N(id, text, in, out, guard, expr)                                                      \
    [OP_##id] = {RULE_ALU_N, CLASS_##in, CLASS_##out, IC_##id##_SS_S, 0, 0},
#define CMP_I(id, text, in, swapped, inverse, expr)                                                \
    [OP_##id] = {RULE_CMP_I, CLASS_##in, CLASS_I32, IC_##id##_SS_S, OP_##swapped, OP_##inverse},
#define CMP_F(id, text, in, swapped, expr)                                                         \
    [OP_##id] = {RULE_CMP_F, CLASS_##in, CLASS_I32, IC_##id##_SS_S, OP_##swapped, 0},
#define UNARY(id, text, in, out, guard, expr)                                                      \
    [OP_##id] = {RULE_UNARY, CLASS_##in, CLASS_##out, IC_##id##_S_S, 0, 0},
#define LOAD(id, text, out, type, expr)                                                            \
    [OP_##id] = {RULE_LOAD, CLASS_I32, CLASS_##out, IC_##id##_S_S, 0, 0},
#define STORE(id, text, in, type, expr)                                                            \
    [OP_##id] = {RULE_STORE, CLASS_##in, CLASS_##in, IC_##id##_S_S, 0, 0},
#define VECTOR_RULE(id, kind, in, out, family, swap)                                               \
    [OP_##id] = {RULE_##kind, CLASS_##in, CLASS_##out, IC_##family, swap, 0},
#define VECTOR_LOAD(id, text, type, expr) VECTOR_RULE(id, LOAD, I32, V128, id##_S, false)
#define VECTOR_1(id, text, expr)          VECTOR_RULE(id, VECTOR_1, V128, V128, id##_S, false)
#define VECTOR_C(id, text, expr)          VECTOR_RULE(id, VECTOR_C, V128, V128, id##_SS, false)
#define VECTOR_N(id, text, expr)          VECTOR_RULE(id, VECTOR_N, V128, V128, id##_SS, false)
#define VECTOR_SWAPPED(id, text, as)      VECTOR_RULE(id, VECTOR_N, V128, V128, as##_SS, true)
#define VECTOR_3(id, text, expr)          VECTOR_RULE(id, VECTOR_3, V128, V128, id##_SSS, false)
#define VECTOR_SHIFT(id, text, expr)      VECTOR_RULE(id, VECTOR_SHIFT, V128, V128, id##_SS, false)
#define VECTOR_SPLAT(id, text, in, expr)  VECTOR_RULE(id, VECTOR_SPLAT, in, V128, id##_S, false)
#define VECTOR_EXTRACT(id, text, out, type, expr)                                                  \
    VECTOR_RULE(id, VECTOR_EXTRACT, V128, out, id##_S_S, false)
#define VECTOR_REPLACE(id, text, in, expr) VECTOR_RULE(id, VECTOR_REPLACE, in, V128, id##_SS, false)
#define VECTOR_LOAD_LANE(id, text, type, expr)                                                     \
    VECTOR_RULE(id, VECTOR_LOAD_LANE, I32, V128, id, false)
#define VECTOR_STORE_LANE(id, text, type) VECTOR_RULE(id, VECTOR_STORE_LANE, I32, V128, id, false)
#define VECTOR_SAME(id, text, as, kind, first)                                                     \
    VECTOR_RULE(id, kind, V128, V128, as##_##first, false)
#define ATOMIC(id) VECTOR_RULE(id, ACCESS, I32, I64, ACCESS, false)
#include "icode.def"
    [OP_STRUCT_GET] = {.kind = RULE_READ},     [OP_STRUCT_GET_S] = {.kind = RULE_READ},
    [OP_STRUCT_GET_U] = {.kind = RULE_READ},   [OP_ARRAY_GET] = {.kind = RULE_ELEMENT},
    [OP_ARRAY_GET_S] = {.kind = RULE_ELEMENT}, [OP_ARRAY_GET_U] = {.kind = RULE_ELEMENT},
    [OP_ARRAY_LEN] = {.kind = RULE_READ},      [OP_REF_TEST] = {.kind = RULE_READ},
    [OP_REF_TEST_NULL] = {.kind = RULE_READ},  [OP_REF_CAST] = {.kind = RULE_READ},
    [OP_REF_CAST_NULL] = {.kind = RULE_READ},  [OP_REF_I31] = {.kind = RULE_READ},
    [OP_I31_GET_S] = {.kind = RULE_READ},      [OP_I31_GET_U] = {.kind = RULE_READ},
};

/* Instructions with a case of their own, here, in lower_control.c or in lower_objects.c. */
/* clang-format off */
#define OTHERS(_)                                                                                  \
    _(UNREACHABLE) _(THROW) _(THROW_REF) _(TRY_TABLE) _(NOP) _(BLOCK) _(LOOP) _(IF) _(ELSE) _(END) _(BR) _(BR_IF) _(BR_TABLE)         \
    _(RETURN) _(CALL) _(CALL_INDIRECT) _(CALL_REF) _(RETURN_CALL) _(RETURN_CALL_INDIRECT)          \
    _(RETURN_CALL_REF) _(BR_ON_NULL) _(BR_ON_NON_NULL) _(DROP) _(SELECT) _(SELECT_T) _(LOCAL_GET) _(LOCAL_SET)     \
    _(LOCAL_TEE) _(GLOBAL_GET) _(GLOBAL_SET) _(TABLE_GET) _(TABLE_SET) _(MEMORY_SIZE)              \
    _(MEMORY_GROW) _(I32_EQZ) _(I64_EQZ) _(REF_IS_NULL) _(I32_CONST) _(I64_CONST) _(F32_CONST)     \
    _(F64_CONST) _(I64_EXTEND_I32_U) _(REF_NULL) _(REF_FUNC) _(MEMORY_INIT) _(DATA_DROP)           \
    _(MEMORY_COPY) _(MEMORY_FILL) _(TABLE_INIT) _(ELEM_DROP) _(TABLE_COPY) _(TABLE_GROW)           \
    _(TABLE_SIZE) _(TABLE_FILL) _(V128_CONST) _(I8X16_SHUFFLE) _(I64_ADD128) _(I64_SUB128)         \
    _(I64_MUL_WIDE_S) _(I64_MUL_WIDE_U) _(MEMORY_ATOMIC_NOTIFY) _(MEMORY_ATOMIC_WAIT32)            \
    _(MEMORY_ATOMIC_WAIT64) _(ATOMIC_FENCE)\
    _(REF_EQ) _(STRUCT_NEW) _(STRUCT_NEW_DEFAULT) _(STRUCT_GET)        \
    _(STRUCT_GET_S) _(STRUCT_GET_U) _(STRUCT_SET) _(ARRAY_NEW) _(ARRAY_NEW_DEFAULT)                \
    _(ARRAY_NEW_FIXED) _(ARRAY_NEW_DATA) _(ARRAY_NEW_ELEM) _(ARRAY_GET) _(ARRAY_GET_S)             \
    _(ARRAY_GET_U) _(ARRAY_SET) _(ARRAY_LEN) _(ARRAY_FILL) _(ARRAY_COPY) _(ARRAY_INIT_DATA)        \
    _(ARRAY_INIT_ELEM) _(REF_TEST) _(REF_TEST_NULL) _(REF_CAST) _(REF_CAST_NULL) _(BR_ON_CAST)     \
    _(BR_ON_CAST_FAIL) _(ANY_CONVERT_EXTERN) _(EXTERN_CONVERT_ANY) _(REF_I31) _(I31_GET_S)         \
    _(I31_GET_U)
/* clang-format on */

enum lower_knows {
#define ALU_C(id, text, in, out, expr)              KNOWS_##id,
#define ALU_N(id, text, in, out, guard, expr)       KNOWS_##id,
#define CMP_I(id, text, in, swapped, inverse, expr) KNOWS_##id,
#define CMP_F(id, text, in, swapped, expr)          KNOWS_##id,
#define UNARY(id, text, in, out, guard, expr)       KNOWS_##id,
#define LOAD(id, text, out, type, expr)             KNOWS_##id,
#define STORE(id, text, in, type, expr)             KNOWS_##id,
#define VECTOR(id)                                  KNOWS_##id,
#define ATOMIC(id)                                  KNOWS_##id,
#include "icode.def"
#define KNOWS(id) KNOWS_##id,
    OTHERS(KNOWS)
};
/* Does not compile while a row of the instruction table has no translation. */
#define OP(prefix, code, id, text, imm, sig, feature, flags)                                       \
    _Static_assert(KNOWS_##id >= 0, "no translation of " text);
#include "opcodes.def"
#undef OP

/* ---- arithmetic ------------------------------------------------------------------------------ */

void lower_alu(lower *l, const validate_op *op, const lower_rule *rule)
{
    const entry second = pop(l), first = pop(l);
    bool ordered = rule->kind == RULE_ALU_N;
    operand x, y;
    pending *p;

    if (first.kind != ENTRY_PENDING && second.kind != ENTRY_PENDING)
        flush_home(l);
    take_pair(l, &first, &second, ALLOW_A | ALLOW_I, ALLOW_A | ALLOW_I, &x, &y);
    p = begin_pending(l, op, (value_class)rule->out);
    p->a = x;
    p->b = y;
    /* Forms without order: the immediate is second, the accumulator first. */
    if (!ordered && (x.mode == MODE_I || (y.mode == MODE_A && x.mode == MODE_S))) {
        p->a = y;
        p->b = x;
        if (rule->kind != RULE_ALU_C)
            p->op = rule->swapped;
    }
}

static void lower_unary(lower *l, const validate_op *op, const lower_rule *rule)
{
    const entry e = pop(l);
    operand x;

    flush_unless(l, &e);
    x = take(l, &e, ALLOW_A);
    /* ref.as_non_null leaves what it takes, which has a class of its own. */
    begin_pending(l, op, WASM_IS_REF(op->type) ? class_of(op->type) : (value_class)rule->out)->a =
        x;
}

/* eqz and ref.is_null: a comparison with zero, or the opposite of the comparison that is pending.
 */
static void lower_eqz(lower *l, const validate_op *op)
{
    const entry e = pop(l);
    pending *p = &l->pending;
    operand x;

    if (e.kind == ENTRY_PENDING && op->op == OP_I32_EQZ && lower_rules[p->op].kind == RULE_CMP_I) {
        p->op = lower_rules[p->op].inverse;
        push(l, ENTRY_PENDING, CLASS_I32);
        return;
    }
    flush_unless(l, &e);
    x = take(l, &e, ALLOW_A);
    p = begin_pending(l, op, CLASS_I32);
    p->op = op->op == OP_I32_EQZ ? OP_I32_EQ : OP_I64_EQ;
    p->a = x;
    p->b = (operand){.mode = MODE_I, .value = 0};
}

/* i32.wrap_i64: rule 6. */
static void lower_wrap(lower *l)
{
    entry *top = &l->stack[l->height - 1];

    top->cls = CLASS_I32;
    if (top->kind == ENTRY_CONST)
        top->value = (uint32_t)top->value;
    else
        top->wide = true;
    if (l->settled == l->height)
        l->settled--;
}

/* i64.extend_i32_u: slots and accumulators hold i32 zero-extended, unless they are wide. */
static void lower_extend_u(lower *l, const validate_op *op)
{
    entry *top = &l->stack[l->height - 1];

    if (top->wide) {
        validate_op wrap = {.op = OP_I32_WRAP_I64, .offset = op->offset};

        lower_unary(l, &wrap, &lower_rules[OP_I32_WRAP_I64]);
        top = &l->stack[l->height - 1];
    }
    top->cls = CLASS_I64;
    if (top->kind == ENTRY_PENDING)
        l->pending.cls = CLASS_I64;
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* Whether an address entry and an offset make an address that is known now and fits its field. */
static bool constant_address(const entry *e, uint64_t offset)
{
    return e->kind == ENTRY_CONST && e->value + offset <= UINT32_MAX;
}

/* Whether the address is a pending sum that the instruction can compute itself. An i64 sum that was
 * wrapped is the same as the sum of the lower halves. */
static bool pending_sum(const lower *l, const entry *address, uint64_t offset)
{
    const pending *p = &l->pending;

    if (address->kind != ENTRY_PENDING ||
        (p->op != OP_I32_ADD && !(p->op == OP_I64_ADD && address->wide)))
        return false;
    return p->b.mode == MODE_I || offset <= UINT16_MAX;
}

/* Whether addresses of memory `index` have 64 bits, or are not of the memory that the plain forms
 * of loads and stores are for. */
bool is_wide(const lower *l, uint32_t index)
{
    return index != 0 || l->module->memories[index].bounds.is_64;
}

/* The address of a wide load or store, zero-extended if it is an i32. */
static operand take_address(lower *l, const entry *e, uint32_t memory)
{
    return take_whole(l, e, memory == 0 ? ALLOW_A : 0);
}

static void lower_load_wide(lower *l, const validate_op *op, const lower_rule *rule)
{
    const entry address = pop(l);
    operand x;
    pending *p;

    flush_unless(l, &address);
    x = take_address(l, &address, op->index);
    p = begin_pending(l, op, (value_class)rule->out);
    p->wide = true;
    p->a = x;
    p->index = op->index;
    p->place = op->mem_offset;
}

static void lower_store_wide(lower *l, const validate_op *op, const lower_rule *rule)
{
    const entry value = pop(l), address = pop(l);
    bool first = op->index == 0;
    unsigned form = FORM_STORE_M;
    operand x, y;
    icode *at;

    if (value.kind == ENTRY_PENDING) {
        y = take(l, &value, first ? ALLOW_A : 0);
        x = take_whole(l, &address, 0);
    } else {
        flush_unless(l, &address);
        x = take_address(l, &address, op->index);
        y = take(l, &value, 0);
    }
    if (first)
        form = x.mode == MODE_A   ? FORM_STORE_WAS
               : y.mode == MODE_A ? FORM_STORE_WSA
                                  : FORM_STORE_WSS;
    at = emit_mapped(l, rule->family + form, 3, op->offset);
    at[1].u16[0] = x.slot;
    at[1].u16[1] = y.slot;
    at[1].u32[1] = op->index;
    at[2].u64 = op->mem_offset;
}

static void lower_load(lower *l, const validate_op *op, const lower_rule *rule)
{
    const entry address = pop(l);
    pending *p = &l->pending;
    operand x, y = {.mode = MODE_S};
    uint32_t index = (uint32_t)op->mem_offset;
    bool sum = false;

    if (pending_sum(l, &address, op->mem_offset)) {
        sum = true;
        x = p->a;
        y = p->b;
        p->active = false;
    } else if (constant_address(&address, op->mem_offset)) {
        flush_home(l);
        x = (operand){.mode = MODE_I};
        index += (uint32_t)address.value;
    } else {
        flush_unless(l, &address);
        x = take(l, &address, ALLOW_A);
    }
    p = begin_pending(l, op, (value_class)rule->out);
    p->a = x;
    p->b = y;
    p->sum = sum;
    p->index = index;
}

static void lower_store(lower *l, const validate_op *op, const lower_rule *rule)
{
    const entry value = pop(l), address = pop(l);
    bool known = constant_address(&address, op->mem_offset);
    const pending *p = &l->pending;
    uint32_t index = (uint32_t)op->mem_offset, words;
    operand x = {.mode = MODE_I}, y;
    icode *at;

    if (value.kind != ENTRY_CONST && pending_sum(l, &address, op->mem_offset) &&
        p->a.mode == MODE_S) {
        bool plus = p->b.mode == MODE_I;

        x = p->a;
        at = emit_mapped(l, rule->family + (plus ? FORM_STORE_SIS : FORM_STORE_SSS), plus ? 3 : 2,
                         op->offset);
        l->pending.active = false;
        at[1].u16[0] = x.slot;
        y = take(l, &value, 0); /* not pending nor constant: a slot */
        if (plus) {
            at[1].u16[1] = y.slot;
            at[1].u32[1] = (uint32_t)p->b.value;
            at[2].u64 = index;
        } else {
            at[1].u16[1] = p->b.slot;
            at[1].u16[2] = y.slot;
            at[1].u16[3] = (uint16_t)index;
        }
        return;
    }
    if (value.kind != ENTRY_PENDING)
        flush_unless(l, &address);
    if (known && value.kind == ENTRY_CONST)
        y = (operand){.mode = MODE_I, .value = value.value};
    else if (value.kind == ENTRY_CONST && (rule->in == CLASS_I64 || rule->in == CLASS_V128)) {
        x = take(l, &address, ALLOW_A); /* word 2, and 3 of a vector, hold any constant */
        y = (operand){.mode = MODE_I, .value = value.value};
    } else {
        take_pair(l, &address, &value, known ? ALLOW_A | ALLOW_I : ALLOW_A, ALLOW_A | ALLOW_I, &x,
                  &y);
    }
    if (x.mode == MODE_I)
        index += (uint32_t)address.value;
    words = y.mode != MODE_I ? 2 : rule->in == CLASS_V128 ? 4 : 3;
    at = emit_mapped(l, rule->family + 3u * x.mode + y.mode, words, op->offset);
    at[1].u16[0] = x.slot;
    at[1].u16[1] = y.slot;
    at[1].u32[1] = index;
    if (words == 4)
        memcpy(at + 2, (const void *)(uintptr_t)y.value, 16);
    else if (y.mode == MODE_I)
        at[2].u64 = y.value;
}
_Static_assert(MODE_S == 0 && MODE_A == 1 && MODE_I == 2, "STORE's forms count by these");

/* Instructions whose operands are contiguous, and whose result, if any, replaces the first. */
static void lower_bulk(lower *l, const validate_op *op, unsigned ic, uint32_t operands, bool result,
                       value_class cls)
{
    icode *at;

    take_contiguous(l, operands, ic == IC_MEMORY_GROW);
    need_slots(l, next_home(l) + 1u);
    at = emit_mapped(l, ic, 3, op->offset);
    at[1].u16[0] = (uint16_t)next_home(l);
    at[2].u32[0] = op->index;
    at[2].u32[1] = op->index2;
    if (result) {
        entry *e = push(l, ENTRY_HOME, cls);

        forget_accumulators(l);
        if (acc_of(cls) == ACC_INT)
            l->acc_slot[ACC_INT] = e->home;
    }
}

/* ---- variables ------------------------------------------------------------------------------- */

static void lower_local_get(lower *l, const validate_op *op)
{
    entry *e = push(l, ENTRY_LOCAL, class_of(op->type));

    e->local = op->index;
    e->next_alias = l->slots[op->index].alias;
    l->slots[op->index].alias = l->height - 1;
}

static void lower_local_set(lower *l, const validate_op *op, bool tee)
{
    const entry e = pop(l);
    uint16_t slot = l->slots[op->index].slot;

    flush_unless(l, &e);
    if (e.kind != ENTRY_LOCAL || e.local != op->index || e.wide) {
        preserve_local(l, op->index);
        if (e.kind == ENTRY_PENDING)
            flush_value(l, &e, slot);
        else if (e.kind == ENTRY_CONST)
            emit_const(l, slot, &e);
        else
            emit_move(l, slot, &e);
    }
    if (!tee)
        return;
    if (e.kind == ENTRY_CONST)
        push(l, ENTRY_CONST, (value_class)e.cls)->value = e.value;
    else
        lower_local_get(l, op);
}

static void lower_global_set(lower *l, const validate_op *op)
{
    const entry e = pop(l);
    operand x;
    icode *at;

    flush_unless(l, &e);
    x = take_whole(l, &e, acc_of((value_class)e.cls) == ACC_INT ? ALLOW_A : 0);
    at = emit(l,
              e.cls == CLASS_V128 ? IC_GLOBAL_SET128
              : x.mode == MODE_A  ? IC_GLOBAL_SET_A
                                  : IC_GLOBAL_SET_S,
              2);
    at[1].u16[0] = x.slot;
    at[1].u32[1] = op->index;
}

static void lower_drop(lower *l)
{
    const entry e = pop(l);

    if (e.kind != ENTRY_PENDING)
        return;
    if (isa_describe((isa_op)l->pending.op)->flags & ISA_TRAPS)
        flush_to(l, e.home);
    l->pending.active = false;
}

static void lower_select(lower *l, const validate_op *op)
{
    const entry condition = pop(l), second = pop(l), first = pop(l);
    operand a, b, c;
    pending *p;

    if (first.kind != ENTRY_PENDING && second.kind != ENTRY_PENDING)
        flush_unless(l, &condition);
    /* The pending one goes first; the values must be in slots. */
    if (second.kind == ENTRY_PENDING) {
        b = take(l, &second, 0);
        a = take(l, &first, 0);
        c = take(l, &condition, ALLOW_A);
    } else if (first.kind == ENTRY_PENDING) {
        a = take(l, &first, 0);
        b = take(l, &second, 0);
        c = take(l, &condition, ALLOW_A);
    } else {
        c = take(l, &condition, ALLOW_A);
        a = take(l, &first, 0);
        b = take(l, &second, 0);
    }
    p = begin_pending(l, op, op->op == OP_SELECT_T ? class_of(op->type) : (value_class)first.cls);
    l->stack[l->height - 1].wide = first.wide || second.wide;
    p->a = a;
    p->b = b;
    p->c = c;
}

static void lower_ref_func(lower *l, const validate_op *op)
{
    uint16_t home;
    icode *at;

    flush_home(l);
    home = push(l, ENTRY_HOME, CLASS_I64)->home;
    at = emit(l, IC_REF_FUNC, 2);
    at[1].u16[0] = home;
    at[1].u32[1] = op->index;
    forget_accumulators(l);
    l->acc_slot[ACC_INT] = home;
}

/* ---- calls ----------------------------------------------------------------------------------- */

static uint32_t slots_of(const wasm_valtype *types, uint32_t count)
{
    uint32_t slots = 0;

    for (uint32_t i = 0; i < count; i++)
        slots += type_slots_of(types[i]);
    return slots;
}

/* Puts the arguments of a call into their homes, which the callee's frame begins with, and takes
 * them and the index of an indirect call off the stack. */
typedef struct call_site {
    uint32_t params, results, width; /* slots; width: of whichever are more */
    uint32_t first;                  /* the first argument's */
    operand index;                   /* in the table, or the reference … */
    unsigned form;                   /* … and of which form that makes the call */
} call_site;

/* Whether the callee is known, found in a table, or a reference on the stack. */
typedef enum callee_kind { CALLEE_KNOWN, CALLEE_IN_TABLE, CALLEE_ON_STACK } callee_kind;

static call_site prepare_call(lower *l, const validate_op *op, callee_kind callee)
{
    const wasm_functype *type = op->block;
    call_site c = {.params = slots_of(type->params, type->param_count),
                   .results = slots_of(type->results, type->result_count)};

    c.width = c.params > c.results ? c.params : c.results;
    if (callee != CALLEE_KNOWN) {
        const entry e = pop(l);
        bool is_64 = callee == CALLEE_IN_TABLE && l->module->tables[op->index2].bounds.is_64;

        /* Arguments are below the index; they may go home before it is computed (rule 1). */
        flush_unless(l, &e);
        materialize(l, l->height - type->param_count);
        c.index = take(l, &e, is_64 ? 0 : ALLOW_A);
        c.form = is_64 ? FORM_INDIRECT_W : c.index.mode == MODE_A ? FORM_A : FORM_S;
    } else {
        flush_home(l);
        materialize(l, l->height - type->param_count);
    }
    truncate_stack(l, l->height - type->param_count);
    c.first = next_home(l);
    need_slots(l, (uint64_t)c.first + c.width + 1); /* the callee's return address, too */
    return c;
}

void lower_call(lower *l, const validate_op *op)
{
    const wasm_functype *type = op->block;
    callee_kind callee = op->op == OP_CALL       ? CALLEE_KNOWN
                         : op->op == OP_CALL_REF ? CALLEE_ON_STACK
                                                 : CALLEE_IN_TABLE;
    const call_site c = prepare_call(l, op, callee);
    icode *at;

    record_roots(l);
    if (callee == CALLEE_ON_STACK) {
        at = emit_mapped(l, IC_CALL_REF_S + c.form, ICODE_CALL_WORDS, op->offset);
        at[1].u16[1] = c.index.slot;
        at[1].u32[1] = c.width;
    } else if (callee == CALLEE_IN_TABLE) {
        at = emit_mapped(l, IC_CALL_INDIRECT_S + c.form, ICODE_CALL_WORDS, op->offset);
        at[1].u16[1] = c.index.slot;
        at[1].u32[1] = c.width;
        at[2].u32[0] = op->index2;
        at[2].u32[1] = l->module->types[op->index].canonical;
    } else if (op->index < l->module->func_import_count) {
        at = emit_mapped(l, IC_CALL_IMPORT, ICODE_CALL_WORDS, op->offset);
        at[1].u32[1] = op->index;
        at[2].u32[0] = c.width;
    } else {
        at = emit_mapped(l, IC_CALL, ICODE_CALL_WORDS, op->offset);
        at[1].u16[1] = (uint16_t)(c.first + c.params);
        at[2].pointer = &l->prepared->funcs[op->index - l->module->func_import_count];
    }
    at[1].u16[0] = (uint16_t)c.first;
    forget_accumulators(l);
    for (uint32_t i = 0; i < type->result_count; i++)
        push(l, ENTRY_HOME, class_of(type->results[i]));
    /* The one result of class int is left in the accumulator by RET_* and all that stand for it. */
    if (type->result_count == 1 && acc_of(class_of(type->results[0])) == ACC_INT)
        l->acc_slot[ACC_INT] = c.first;
}

/* A call in place of a return. The callee takes over this frame: its arguments are moved to the
 * bottom, and it returns to whom this function would have returned to. */
void lower_tail_call(lower *l, const validate_op *op)
{
    callee_kind callee = op->op == OP_RETURN_CALL       ? CALLEE_KNOWN
                         : op->op == OP_RETURN_CALL_REF ? CALLEE_ON_STACK
                                                        : CALLEE_IN_TABLE;
    const call_site c = prepare_call(l, op, callee);
    icode *at;

    need_slots(l, (uint64_t)c.params + 1);
    if (callee == CALLEE_ON_STACK) {
        at = emit_mapped(l, IC_TAIL_CALL_REF_S + c.form, 3, op->offset);
        at[1].u16[1] = c.index.slot;
    } else if (callee == CALLEE_IN_TABLE) {
        at = emit_mapped(l, IC_TAIL_CALL_INDIRECT_S + c.form, 3, op->offset);
        at[1].u16[1] = c.index.slot;
        at[2].u32[0] = op->index2;
        at[2].u32[1] = l->module->types[op->index].canonical;
    } else if (op->index < l->module->func_import_count) {
        at = emit_mapped(l, IC_TAIL_CALL_IMPORT, 3, op->offset);
        at[2].u32[0] = op->index;
    } else {
        at = emit_mapped(l, IC_TAIL_CALL, 3, op->offset);
        at[2].pointer = &l->prepared->funcs[op->index - l->module->func_import_count];
    }
    at[1].u16[0] = (uint16_t)c.first;
    at[1].u16[2] = (uint16_t)l->param_slots;
    at[1].u16[3] = (uint16_t)c.width; /* 2,000 at most: a thousand of two slots */
}

/* An exception is made of operands in their homes, or is one already. */
void lower_throw(lower *l, const validate_op *op)
{
    uint32_t params = op->op == OP_THROW ? op->block->param_count : 1;
    icode *at;

    flush_home(l);
    materialize(l, l->height - params);
    record_roots(l);
    truncate_stack(l, l->height - params);
    at = emit_mapped(l, op->op == OP_THROW ? IC_THROW : IC_THROW_REF, 2, op->offset);
    at[1].u16[0] = (uint16_t)next_home(l);
    at[1].u32[1] = op->index;
}

/* ---- one instruction ------------------------------------------------------------------------- */

static void lower_other(lower *l, const validate_op *op)
{
    switch (op->op) {
    case OP_NOP: break;
    case OP_DROP: lower_drop(l); break;
    case OP_SELECT:
    case OP_SELECT_T: lower_select(l, op); break;
    case OP_LOCAL_GET: lower_local_get(l, op); break;
    case OP_LOCAL_SET: lower_local_set(l, op, false); break;
    case OP_LOCAL_TEE: lower_local_set(l, op, true); break;
    case OP_GLOBAL_GET: {
        flush_home(l);
        begin_pending(l, op, class_of(op->type))->index = op->index;
        break;
    }
    case OP_GLOBAL_SET: lower_global_set(l, op); break;
    case OP_I32_CONST: push(l, ENTRY_CONST, CLASS_I32)->value = op->value; break;
    case OP_I64_CONST: push(l, ENTRY_CONST, CLASS_I64)->value = op->value; break;
    case OP_F32_CONST: push(l, ENTRY_CONST, CLASS_F32)->value = op->value; break;
    case OP_F64_CONST: push(l, ENTRY_CONST, CLASS_F64)->value = op->value; break;
    case OP_V128_CONST:
        push(l, ENTRY_CONST, CLASS_V128)->value = (uint64_t)(uintptr_t)op->bytes;
        break;
    case OP_I8X16_SHUFFLE: lower_vector(l, op, &lower_rules[OP_I8X16_SHUFFLE]); break;
    case OP_I64_ADD128:
    case OP_I64_SUB128:
    case OP_I64_MUL_WIDE_S:
    case OP_I64_MUL_WIDE_U: lower_wide(l, op); break;
    case OP_MEMORY_ATOMIC_NOTIFY:
    case OP_MEMORY_ATOMIC_WAIT32:
    case OP_MEMORY_ATOMIC_WAIT64: lower_access(l, op); break;
    case OP_ATOMIC_FENCE: break; /* one thread sees its own memory in order */
    case OP_REF_NULL: push(l, ENTRY_CONST, class_of(op->type))->value = 0; break;
    case OP_REF_FUNC: lower_ref_func(l, op); break;
    case OP_I32_EQZ:
    case OP_I64_EQZ:
    case OP_REF_IS_NULL: lower_eqz(l, op); break;
    case OP_I64_EXTEND_I32_U: lower_extend_u(l, op); break;
    case OP_MEMORY_SIZE: lower_bulk(l, op, IC_MEMORY_SIZE, 0, true, CLASS_I64); break;
    case OP_MEMORY_GROW: lower_bulk(l, op, IC_MEMORY_GROW, 1, true, CLASS_I64); break;
    case OP_MEMORY_FILL: lower_bulk(l, op, IC_MEMORY_FILL, 3, false, 0); break;
    case OP_MEMORY_COPY: lower_bulk(l, op, IC_MEMORY_COPY, 3, false, 0); break;
    case OP_MEMORY_INIT: lower_bulk(l, op, IC_MEMORY_INIT, 3, false, 0); break;
    case OP_DATA_DROP: lower_bulk(l, op, IC_DATA_DROP, 0, false, 0); break;
    case OP_TABLE_GET: lower_bulk(l, op, IC_TABLE_GET, 1, true, class_of(op->type)); break;
    case OP_TABLE_SET: lower_bulk(l, op, IC_TABLE_SET, 2, false, 0); break;
    case OP_TABLE_SIZE: lower_bulk(l, op, IC_TABLE_SIZE, 0, true, CLASS_I64); break;
    case OP_TABLE_GROW: lower_bulk(l, op, IC_TABLE_GROW, 2, true, CLASS_I64); break;
    case OP_TABLE_FILL: lower_bulk(l, op, IC_TABLE_FILL, 3, false, 0); break;
    case OP_TABLE_COPY: lower_bulk(l, op, IC_TABLE_COPY, 3, false, 0); break;
    case OP_TABLE_INIT: lower_bulk(l, op, IC_TABLE_INIT, 3, false, 0); break;
    case OP_ELEM_DROP: lower_bulk(l, op, IC_ELEM_DROP, 0, false, 0); break;
    default:
        if (isa_describe(op->op)->feature == WASM_FEATURE_GC &&
            !(isa_describe(op->op)->flags & ISA_CONTROL))
            lower_object(l, op);
        else
            lower_control(l, op);
        break;
    }
}

void lower_plain(lower *l, const validate_op *op)
{
    const lower_rule *rule = &lower_rules[op->op];

    switch ((rule_kind)rule->kind) {
    case RULE_ALU_C:
    case RULE_ALU_N:
    case RULE_CMP_I:
    case RULE_CMP_F: lower_alu(l, op, rule); break;
    case RULE_UNARY:
        if (op->op == OP_I32_WRAP_I64)
            lower_wrap(l);
        else
            lower_unary(l, op, rule);
        break;
    case RULE_LOAD:
        if (!is_wide(l, op->index))
            lower_load(l, op, rule);
        else if (rule->out == CLASS_V128)
            lower_access(l, op);
        else
            lower_load_wide(l, op, rule);
        break;
    case RULE_STORE:
        if (is_wide(l, op->index))
            lower_store_wide(l, op, rule);
        else
            lower_store(l, op, rule);
        break;
    case RULE_READ:
    case RULE_ELEMENT:
    case RULE_OTHER: lower_other(l, op); break;
    default: lower_vector(l, op, rule); break;
    }
}
