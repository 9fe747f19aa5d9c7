/* SPDX-License-Identifier: Apache-2.0
 * lower_vector.c — translation of vector instructions, atomic accesses and wide arithmetic.
 *
 * How:     As lower_ops.c, by the kind of an instruction's rule. Vectors become pending like all
 *          else; what is different is that their result is always in its slot, so that a pending
 *          vector that is taken from the accumulator was written home as well.
 *          Which operand may be in the accumulator is a question of the order in which operands
 *          are taken: the pending one first, for emitting it may put another value there.
 * Inputs:  validated instructions; types are not checked.
 * Memory:  the translator's scratch.
 * Threads: one for each translator.
 */
#include <string.h>

#include "interp_vector.h"
#include "lower_impl.h"

/* ---- vector operands ------------------------------------------------------------------------- */

static void lower_one(lower *l, const validate_op *op, const lower_rule *rule)
{
    const entry e = pop(l);
    operand x;

    flush_unless(l, &e);
    x = take(l, &e, rule->kind == RULE_VECTOR_EXTRACT ? 0 : ALLOW_A);
    begin_pending(l, op, (value_class)rule->out)->a = x;
    l->pending.lane = (uint16_t)op->value;
}

static void lower_two(lower *l, const validate_op *op, const lower_rule *rule)
{
    const entry second = pop(l), first = pop(l);
    bool swap = rule->kind == RULE_VECTOR_N && rule->swapped;
    operand x, y;
    pending *p;

    if (first.kind != ENTRY_PENDING && second.kind != ENTRY_PENDING)
        flush_home(l);
    take_pair(l, &first, &second, ALLOW_A, ALLOW_A, &x, &y);
    if (rule->kind == RULE_VECTOR_C && y.mode == MODE_A)
        swap = true;
    p = begin_pending(l, op, CLASS_V128);
    p->a = swap ? y : x;
    p->b = swap ? x : y;
    p->lane = (uint16_t)op->value;
}

/* The first or the last of three may be in the accumulator. */
static void lower_three(lower *l, const validate_op *op)
{
    const entry third = pop(l), second = pop(l), first = pop(l);
    operand x, y, z;
    pending *p;

    if (second.kind == ENTRY_PENDING) {
        y = take(l, &second, 0);
        z = take(l, &third, ALLOW_A);
        x = take(l, &first, z.mode == MODE_A ? 0 : ALLOW_A);
    } else if (first.kind == ENTRY_PENDING) {
        x = take(l, &first, ALLOW_A);
        y = take(l, &second, 0);
        z = take(l, &third, 0);
    } else {
        flush_unless(l, &third);
        z = take(l, &third, ALLOW_A);
        x = take(l, &first, z.mode == MODE_A ? 0 : ALLOW_A);
        y = take(l, &second, 0);
    }
    p = begin_pending(l, op, CLASS_V128);
    p->a = x;
    p->b = y;
    p->c = z;
}

static void lower_shift(lower *l, const validate_op *op)
{
    const entry count = pop(l), vector = pop(l);
    operand x, y;
    pending *p;

    if (vector.kind == ENTRY_PENDING) {
        x = take(l, &vector, ALLOW_A);
        y = take(l, &count, ALLOW_I);
    } else {
        flush_unless(l, &count);
        y = take(l, &count, ALLOW_I);
        x = take(l, &vector, ALLOW_A);
    }
    p = begin_pending(l, op, CLASS_V128);
    p->a = x;
    p->b = y;
}

/* ---- shuffles -------------------------------------------------------------------------------- */

/* Lanes that are all of one operand become a shuffle of it alone. A machine that has no shuffle of
 * bytes has one family for all. */
static void lower_shuffle(lower *l, const validate_op *op)
{
    const entry second = pop(l), first = pop(l);
    bool fast = vector_has_fast_shuffle(), of_first = true, of_second = true;
    operand x, y;
    pending *p;

    for (unsigned i = 0; i < 16; i++) {
        of_first = of_first && op->bytes[i] < 16;
        of_second = of_second && op->bytes[i] >= 16;
    }
    if (first.kind != ENTRY_PENDING && second.kind != ENTRY_PENDING)
        flush_home(l);
    if (fast && (of_first || of_second)) {
        const entry *one = of_first ? &first : &second;

        /* The other one may be what is pending, and trap. */
        flush_unless(l, one);
        x = take(l, one, ALLOW_A);
        y = x;
    } else {
        take_pair(l, &first, &second, fast ? ALLOW_A : 0, fast ? ALLOW_A : 0, &x, &y);
    }
    p = begin_pending(l, op, CLASS_V128);
    p->a = x;
    p->b = y;
    p->lanes = op->bytes;
    p->lane = fast && (of_first || of_second);
}

static void emit_shuffle(lower *l, const pending *p, uint32_t slot)
{
    unsigned op = IC_I8X16_SHUFFLE_SS;
    icode *at;

    if (p->lane)
        op = p->a.mode == MODE_A ? IC_I8X16_SHUFFLE_ONE_A : IC_I8X16_SHUFFLE_ONE_S;
    else if (vector_has_fast_shuffle())
        op = IC_I8X16_SHUFFLE_FAST_SS + (p->a.mode == MODE_A   ? FORM_VECTOR_AS
                                         : p->b.mode == MODE_A ? FORM_VECTOR_SA
                                                               : FORM_VECTOR_SS);
    at = emit(l, op, 4);
    at[1].u16[0] = (uint16_t)slot;
    at[1].u16[1] = p->a.mode == MODE_A && !p->lane ? p->b.slot : p->a.slot;
    at[1].u16[2] = p->b.slot;
    memcpy(at + 2, p->lanes, 16);
    if (p->lane) { /* count from the operand that is there */
        uint8_t lanes[16];

        for (unsigned i = 0; i < 16; i++)
            lanes[i] = p->lanes[i] & 15;
        memcpy(at + 2, lanes, 16);
    }
}

/* ---- lanes in memory ------------------------------------------------------------------------- */

static void lower_load_lane(lower *l, const validate_op *op)
{
    const entry vector = pop(l), address = pop(l);
    operand x, y;
    pending *p;

    flush_unless(l, vector.kind == ENTRY_PENDING ? &vector : &address);
    take_pair(l, &address, &vector, 0, 0, &x, &y);
    p = begin_pending(l, op, CLASS_V128);
    p->a = x;
    p->b = y;
    p->index = (uint32_t)op->mem_offset;
    p->lane = (uint16_t)op->value;
}

static void lower_store_lane(lower *l, const validate_op *op, const lower_rule *rule)
{
    const entry vector = pop(l), address = pop(l);
    operand x, y;
    icode *at;

    flush_unless(l, vector.kind == ENTRY_PENDING ? &vector : &address);
    take_pair(l, &address, &vector, 0, 0, &x, &y);
    at = emit_mapped(l, rule->family, 3, op->offset);
    at[1].u16[0] = x.slot;
    at[1].u16[1] = y.slot;
    at[1].u32[1] = (uint32_t)op->mem_offset;
    at[2].u16[0] = (uint16_t)op->value;
}

/* ---- emitting what was pending --------------------------------------------------------------- */

static unsigned vector_form(const pending *p, const lower_rule *rule)
{
    bool a = p->a.mode == MODE_A, b = p->b.mode == MODE_A, c = p->c.mode == MODE_A;

    switch ((rule_kind)rule->kind) {
    case RULE_VECTOR_1:
    case RULE_VECTOR_SPLAT: return a ? FORM_A : FORM_S;
    case RULE_VECTOR_3: return a ? FORM_VECTOR_ASS : c ? FORM_VECTOR_SSA : FORM_VECTOR_SSS;
    case RULE_VECTOR_SHIFT:
        return p->b.mode == MODE_I ? (a ? FORM_AI : FORM_SI) : (a ? FORM_AS : FORM_SS);
    default:
        return a && b ? FORM_VECTOR_AA : a ? FORM_VECTOR_AS : b ? FORM_VECTOR_SA : FORM_VECTOR_SS;
    }
}

void emit_vector(lower *l, const pending *p, const lower_rule *rule, uint32_t slot)
{
    unsigned op = rule->family;
    icode *at;

    if (rule->kind == RULE_VECTOR_LOAD_LANE) {
        at = emit_mapped(l, op, 3, p->offset);
        at[1].u16[0] = (uint16_t)slot;
        at[1].u16[1] = p->a.slot;
        at[1].u32[1] = p->index;
        at[2].u16[0] = p->b.slot;
        at[2].u16[1] = p->lane;
        return;
    }
    if (rule->kind == RULE_VECTOR_EXTRACT) {
        at = emit(l, op + (slot == NO_SLOT ? FORM_EXTRACT_DEST_A : 0), 2);
        at[1].u16[0] = slot == NO_SLOT ? 0 : (uint16_t)slot;
        at[1].u16[1] = p->a.slot;
        at[1].u16[2] = p->lane;
        return;
    }
    if (op == IC_I8X16_SWIZZLE_SS && vector_has_fast_shuffle())
        op = IC_I8X16_SWIZZLE_FAST_SS;
    at = emit(l, op + vector_form(p, rule), 2);
    at[1].u16[0] = (uint16_t)slot;
    at[1].u16[1] = p->a.slot;
    at[1].u16[2] = p->b.slot;
    at[1].u16[3] = p->c.slot;
    if (rule->kind == RULE_VECTOR_REPLACE)
        at[1].u16[3] = p->lane;
    else if (rule->kind == RULE_VECTOR_SHIFT && p->b.mode == MODE_I)
        at[1].u32[1] = (uint32_t)p->b.value;
}

void emit_vector_other(lower *l, const pending *p, uint32_t slot)
{
    icode *at;

    if (p->op == OP_I8X16_SHUFFLE) {
        emit_shuffle(l, p, slot);
        return;
    }
    if (p->op == OP_GLOBAL_GET) {
        at = emit(l, IC_GLOBAL_GET128, 2);
        at[1].u32[1] = p->index;
    } else { /* select */
        at = emit(l, p->c.mode == MODE_A ? IC_SELECT128_A : IC_SELECT128_S, 2);
        at[1].u16[1] = p->a.slot;
        at[1].u16[2] = p->b.slot;
        at[1].u16[3] = p->c.slot;
    }
    at[1].u16[0] = (uint16_t)slot;
}

/* ---- other accesses, wide arithmetic --------------------------------------------------------- */

void lower_access(lower *l, const validate_op *op)
{
    const isa_row *row = isa_describe(op->op);
    uint32_t operands = (uint32_t)strcspn(row->sig, ":"), home;
    wasm_valtype result = isa_letter_type(row->sig[operands + 1]);
    icode *at;

    flush_home(l);
    materialize(l, l->height - operands);
    truncate_stack(l, l->height - operands);
    home = next_home(l);
    at = emit_mapped(l, IC_ACCESS, 3, op->offset);
    at[1].u16[0] = (uint16_t)home;
    at[1].u16[1] = (uint16_t)op->op;
    at[1].u16[2] = (uint16_t)op->index;
    at[1].u16[3] = (uint16_t)op->value;
    at[2].u64 = op->mem_offset;
    if (result != 0) {
        push(l, ENTRY_HOME, class_of(result));
        forget_accumulators(l);
    }
}

/* Operands in slots; of two results the lower half comes first, in two homes. */
void lower_wide(lower *l, const validate_op *op)
{
    bool sum = op->op == OP_I64_ADD128 || op->op == OP_I64_SUB128;
    unsigned count = sum ? 4 : 2, ic;
    entry entries[4];
    uint16_t slots[4] = {0}, home;
    icode *at;

    for (unsigned i = count; i > 0; i--)
        entries[i - 1] = pop(l);
    for (unsigned i = 0; i < count; i++) { /* the pending one first */
        if (entries[i].kind == ENTRY_PENDING)
            slots[i] = take(l, &entries[i], 0).slot;
    }
    flush_home(l);
    for (unsigned i = 0; i < count; i++) {
        if (entries[i].kind != ENTRY_PENDING)
            slots[i] = take(l, &entries[i], 0).slot;
    }
    ic = op->op == OP_I64_ADD128       ? IC_I64_ADD128
         : op->op == OP_I64_SUB128     ? IC_I64_SUB128
         : op->op == OP_I64_MUL_WIDE_S ? IC_I64_MUL_WIDE_S
                                       : IC_I64_MUL_WIDE_U;
    home = push(l, ENTRY_HOME, CLASS_I64)->home;
    push(l, ENTRY_HOME, CLASS_I64);
    at = emit(l, ic, sum ? 3 : 2);
    at[1].u16[0] = home;
    at[1].u16[1] = slots[0];
    at[1].u16[2] = slots[1];
    at[1].u16[3] = slots[2];
    if (sum)
        at[2].u16[0] = slots[3];
    forget_accumulators(l);
}

/* ---- one instruction ------------------------------------------------------------------------- */

void lower_vector(lower *l, const validate_op *op, const lower_rule *rule)
{
    switch ((rule_kind)rule->kind) {
    case RULE_OTHER: lower_shuffle(l, op); break;
    case RULE_VECTOR_1:
    case RULE_VECTOR_SPLAT:
    case RULE_VECTOR_EXTRACT: lower_one(l, op, rule); break;
    case RULE_VECTOR_C:
    case RULE_VECTOR_N:
    case RULE_VECTOR_REPLACE: lower_two(l, op, rule); break;
    case RULE_VECTOR_3: lower_three(l, op); break;
    case RULE_VECTOR_SHIFT: lower_shift(l, op); break;
    case RULE_VECTOR_LOAD_LANE:
    case RULE_VECTOR_STORE_LANE:
        if (is_wide(l, op->index))
            lower_access(l, op);
        else if (rule->kind == RULE_VECTOR_LOAD_LANE)
            lower_load_lane(l, op);
        else
            lower_store_lane(l, op, rule);
        break;
    default: lower_access(l, op); break;
    }
}
