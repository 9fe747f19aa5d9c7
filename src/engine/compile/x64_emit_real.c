/* SPDX-License-Identifier: Apache-2.0
 * x64_emit_real.c — floats and conversions (specification, §4.3.3 and §4.3.4).
 * Threads: those of the function.
 *
 * NaNs are what the hardware makes of them, which the specification allows: operations quiet them
 * and hand on a payload, abs, neg and copysign touch the sign alone.
 */
#include "x64_impl.h"

static uint64_t sign_of(bool wide)
{
    return wide ? 1ull << 63 : 1ull << 31;
}

/* out = a op b; without AVX out is a. */
static void two(x64_emitter *e, x64_code code, unsigned out, unsigned a, x64_operand b)
{
    if (!(e->features & X64_AVX))
        x64_op(e, code, out, b);
    else if (b.kind == X64_MEM)
        x64_vrm(&e->a, code, out, a, x64_memory(e));
    else if (x64_in_slot(e, b))
        x64_vrm(&e->a, code, out, a, x64_slot(e, e->in[b.in].index));
    else
        x64_vrr(&e->a, code, out, a, x64_reg(e, b));
}

static x64_code compare_code(bool wide)
{
    return wide ? X64(66, 0F, 2E) : X64(00, 0F, 2E);
}

/* minss takes its second operand for zeros of both signs and for NaNs. */
static void emit_min_max(x64_emitter *e, const x64_row *row)
{
    x64_asm *a = &e->a;
    bool wide = row->flags & WIDE;
    unsigned out = x64_out(e), b = x64_reg(e, e->s.b);
    uint32_t differ = x64_label(a), nan = x64_label(a), done = x64_label(a);

    x64_rr(a, compare_code(wide), out, b);
    x64_jcc(a, CC_NE, differ);
    x64_jcc(a, CC_P, nan);
    x64_rr(a, X64(00, 0F, 00) | row->extra, out, b);
    x64_jump(a, done);
    x64_bind(a, nan);
    x64_rr(a, wide ? X64(F2, 0F, 58) : X64(F3, 0F, 58), out, b);
    x64_jump(a, done);
    x64_bind(a, differ);
    x64_rr(a, row->code, out, b);
    x64_bind(a, done);
}

static void emit_sign(x64_emitter *e, const x64_row *row)
{
    bool wide = row->flags & WIDE;
    unsigned out = x64_out(e), a = x64_reg(e, e->s.a);
    uint64_t sign = sign_of(wide);
    x64_real_const(e, X64_XSCRATCH, row->extra ? sign : sign - 1, wide);
    if (out != a)
        x64_rr(&e->a, X64(00, 0F, 28), out, a);
    x64_rr(&e->a, X64(00, 0F, 00) | (row->code & 0xFF), out, X64_XSCRATCH);
}

static void emit_copysign(x64_emitter *e, const x64_row *row)
{
    bool wide = row->flags & WIDE;
    unsigned a = x64_reg(e, e->s.a), b = x64_reg(e, e->s.b);
    unsigned temp = e->in[e->s.in_count].index & 31;
    x64_real_const(e, X64_XSCRATCH, sign_of(wide), wide);
    if (temp != b)
        x64_rr(&e->a, X64(00, 0F, 28), temp, b);
    x64_rr(&e->a, X64(00, 0F, 54), temp, X64_XSCRATCH);
    x64_rr(&e->a, X64(00, 0F, 55), X64_XSCRATCH, a); /* andn */
    x64_rr(&e->a, X64(00, 0F, 56), X64_XSCRATCH, temp);
    x64_rr(&e->a, X64(00, 0F, 28), x64_out(e), X64_XSCRATCH);
}

/* The other half of an instruction that leaves the rest of its register as it was: what makes the
 * result depend on what was there before. */
static void emit_unary(x64_emitter *e, const x64_row *row, bool rounds)
{
    unsigned out = x64_out(e), a = x64_reg(e, e->s.a);
    if (e->features & X64_AVX) {
        x64_vrr(&e->a, row->code, out, a, a);
    } else {
        if (out != a)
            x64_rr(&e->a, X64(00, 0F, 57), out, out);
        x64_rr(&e->a, row->code, out, a);
    }
    if (rounds)
        x64_imm8(&e->a, row->extra);
}

static void emit_compare(x64_emitter *e)
{
    const x64_cond *c = &e->s.cond;
    unsigned out = x64_out(e);
    x64_code set = X64(00, 0F, 90) | X64_BYTE_RM;
    x64_flags(e);
    x64_rr(&e->a, set + c->cc, 0, out);
    if (c->parity) {
        x64_rr(&e->a, set + (c->parity == 1 ? CC_NP : CC_P), 0, X64_SCRATCH);
        x64_rr(&e->a, (c->parity == 1 ? X64(00, 0, 22) : X64(00, 0, 0A)) | X64_BYTE, out,
               X64_SCRATCH);
    }
    x64_rr(&e->a, X64(00, 0F, B6) | X64_BYTE_RM, out, out);
}

static void emit_cross(x64_emitter *e, const x64_row *row)
{
    unsigned out = x64_out(e), a = x64_reg(e, e->s.a);
    if (row->extra == 2)
        x64_rr(&e->a, X64(00, 0F, 57), out, out);
    if (row->extra == 1)
        x64_rr(&e->a, row->code, a, out);
    else
        x64_rr(&e->a, row->code, out, a);
}

/* Above 2^63 - 1: half of it, with what is lost kept in the last bit for rounding, and doubled. */
static void emit_convert_large(x64_emitter *e, const x64_cold *c)
{
    x64_asm *a = &e->a;
    uint32_t even = x64_label(a);
    x64_rr(a, X64(00, 0, 8B) | X64_W, X64_SCRATCH, c->reg2);
    x64_rr(a, X64(00, 0, D1) | X64_W, 5, X64_SCRATCH); /* shr 1: the bit is in CF */
    x64_jcc(a, CC_AE, even);
    x64_rr(a, X64(00, 0, 83) | X64_W, 1, X64_SCRATCH);
    x64_imm8(a, 1);
    x64_bind(a, even);
    x64_rr(a, (c->wide ? X64(F2, 0F, 2A) : X64(F3, 0F, 2A)) | X64_W, c->reg, X64_SCRATCH);
    x64_rr(a, c->wide ? X64(F2, 0F, 58) : X64(F3, 0F, 58), c->reg, c->reg);
    x64_jump(a, c->back);
}

static void emit_convert_u64(x64_emitter *e, const x64_row *row)
{
    unsigned out = x64_out(e), from = x64_reg(e, e->s.a);
    x64_cold *c = x64_cold_new(e, emit_convert_large);
    c->reg = (uint8_t)out;
    c->reg2 = (uint8_t)from;
    c->wide = row->flags & WIDE;
    c->back = x64_label(&e->a);
    x64_rr(&e->a, X64(00, 0F, 57), out, out);
    x64_rr(&e->a, X64(00, 0, 85) | X64_W, from, from);
    x64_jcc(&e->a, CC_S, c->label);
    x64_rr(&e->a, row->code, out, from);
    x64_bind(&e->a, c->back);
}

/* ---- truncation -------------------------------------------------------------------------------
 */

static uint64_t two_to_63(bool wide, bool negative)
{
    uint64_t bits = wide ? 0x43E0000000000000 : 0x5F000000;
    return negative ? bits | sign_of(wide) : bits;
}

/* What a value that does not fit becomes: a trap, or the bound on its side. Flags: from comparing
 * it with 0. */
static void emit_saturated(x64_emitter *e, const x64_cold *c)
{
    bool is_unsigned = c->op_extra & TRUNC_UNSIGNED, wide = c->op_extra & TRUNC_64;
    uint64_t least = is_unsigned ? 0 : wide ? (uint64_t)INT64_MIN : (uint32_t)INT32_MIN;
    uint64_t most = is_unsigned ? (wide ? UINT64_MAX : UINT32_MAX)
                    : wide      ? (uint64_t)INT64_MAX
                                : (uint64_t)INT32_MAX;
    uint32_t above = x64_label(&e->a);
    x64_jcc(&e->a, CC_A, above);
    x64_load_imm(&e->a, c->reg, least);
    x64_jump(&e->a, c->back);
    x64_bind(&e->a, above);
    x64_load_imm(&e->a, c->reg, most);
    x64_jump(&e->a, c->back);
}

/* reg: the result; reg2: what was to be truncated to a signed number of 64 bits, and gave something
 * that cannot stand as it is. */
static void emit_trunc_rare(x64_emitter *e, const x64_cold *c)
{
    x64_asm *a = &e->a;
    x64_code compare = compare_code(c->wide);
    x64_code trunc = (c->wide ? X64(F2, 0F, 2C) : X64(F3, 0F, 2C)) | X64_W;
    bool saturates = c->op_extra & TRUNC_SATURATES;
    uint32_t overflow = x64_label(a), nan = x64_label(a);

    x64_rr(a, compare, c->reg2, c->reg2);
    x64_jcc(a, CC_P, saturates ? nan : x64_trap_label(e, WASM_E_INVALID_CONVERSION, c->at));
    if (c->op_extra & TRUNC_64 && c->op_extra & TRUNC_UNSIGNED) {
        x64_real_const(e, X64_XSCRATCH, two_to_63(c->wide, false), c->wide);
        x64_rr(a, compare, c->reg2, X64_XSCRATCH);
        x64_jcc(a, CC_B, overflow);
        x64_real_const(e, X64_XSCRATCH, two_to_63(c->wide, true), c->wide);
        x64_rr(a, c->wide ? X64(F2, 0F, 58) : X64(F3, 0F, 58), X64_XSCRATCH, c->reg2);
        x64_rr(a, trunc, c->reg, X64_XSCRATCH);
        x64_rr(a, X64(00, 0, 85) | X64_W, c->reg, c->reg);
        x64_jcc(a, CC_S, overflow);
        x64_rr(a, X64(00, 0F, BA) | X64_W, 7, c->reg); /* btc: + 2^63 */
        x64_imm8(a, 63);
        x64_jump(a, c->back);
    } else if (c->op_extra & TRUNC_64) { /* -2^63 itself fits */
        x64_real_const(e, X64_XSCRATCH, two_to_63(c->wide, true), c->wide);
        x64_rr(a, compare, c->reg2, X64_XSCRATCH);
        x64_jcc(a, CC_E, c->back);
    }
    x64_bind(a, overflow);
    if (!saturates) {
        x64_jump(a, x64_trap_label(e, WASM_E_INTEGER_OVERFLOW, c->at));
        return;
    }
    x64_rr(a, X64(00, 0F, 57), X64_XSCRATCH, X64_XSCRATCH);
    x64_rr(a, compare, c->reg2, X64_XSCRATCH);
    emit_saturated(e, c);
    x64_bind(a, nan);
    x64_load_imm(a, c->reg, 0);
    x64_jump(a, c->back);
}

static void emit_trunc(x64_emitter *e, const x64_row *row)
{
    x64_asm *a = &e->a;
    unsigned out = x64_out(e), from = x64_reg(e, e->s.a);
    x64_cold *c = x64_cold_new(e, emit_trunc_rare);
    c->reg = (uint8_t)out;
    c->reg2 = (uint8_t)from;
    c->wide = row->flags & WIDE;
    c->op_extra = row->extra;
    c->back = x64_label(a);
    x64_rr(a, row->code, out, from); /* to 64 bits in any case; INT64_MIN if that is too few */
    switch (row->extra & (TRUNC_64 | TRUNC_UNSIGNED)) {
    case TRUNC_64:
        x64_rr(a, X64(00, 0, 83) | X64_W, 7, out); /* cmp out, 1 overflows for INT64_MIN alone */
        x64_imm8(a, 1);
        x64_jcc(a, CC_O, c->label);
        break;
    case TRUNC_64 | TRUNC_UNSIGNED:
        x64_rr(a, X64(00, 0, 85) | X64_W, out, out);
        x64_jcc(a, CC_S, c->label);
        break;
    default: /* the lower half, extended again, is it all? */
        x64_rr(a, row->extra & TRUNC_UNSIGNED ? X64(00, 0, 8B) : X64(00, 0, 63) | X64_W,
               X64_SCRATCH, out);
        x64_rr(a, X64(00, 0, 3B) | X64_W, X64_SCRATCH, out);
        x64_jcc(a, CC_NE, c->label);
        if (!(row->extra & TRUNC_UNSIGNED))
            x64_rr(a, X64(00, 0, 8B), out, out);
        break;
    }
    x64_bind(a, c->back);
}

void x64_emit_real(x64_emitter *e, const x64_row *row)
{
    switch (row->cls) {
    case CLASS_FBINARY: two(e, row->code, x64_out(e), x64_reg(e, e->s.a), e->s.b); break;
    case CLASS_FMINMAX: emit_min_max(e, row); break;
    case CLASS_FUNARY: emit_unary(e, row, false); break;
    case CLASS_FROUND: emit_unary(e, row, true); break;
    case CLASS_FCOMPARE: emit_compare(e); break;
    case CLASS_FSIGN: emit_sign(e, row); break;
    case CLASS_COPYSIGN: emit_copysign(e, row); break;
    case CLASS_CROSS: emit_cross(e, row); break;
    case CLASS_CONVERT_U64: emit_convert_u64(e, row); break;
    case CLASS_TRUNC: emit_trunc(e, row); break;
    default: break;
    }
}
