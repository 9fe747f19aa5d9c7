/* SPDX-License-Identifier: Apache-2.0
 * x64_vector.c — vectors. Threads: those of the function.
 *
 * What is here is what a test compares with C; target.has() declines the rest, and functions with
 * it stay with the interpreter. Legacy SSE wants aligned memory operands, so none is folded.
 */
#include "x64_impl.h"

/* code out, a, b: with AVX three operands, else out is a already. */
static void binary(x64_emitter *e, x64_code code, unsigned out, unsigned a, unsigned b)
{
    if (e->features & X64_AVX)
        x64_vrr(&e->a, code, out, a, b);
    else
        x64_rr(&e->a, code, out, b);
}

static void copy(x64_emitter *e, unsigned out, unsigned a)
{
    if (out != a)
        x64_rr(&e->a, X64(00, 0F, 28), out, a);
}

static void emit_splat(x64_emitter *e, const x64_row *row)
{
    unsigned out = x64_out(e), a = x64_reg(e, e->s.a);
    if (row->code) { /* from a general register */
        x64_rr(&e->a, row->code, out, a);
        a = out;
    }
    x64_rr(&e->a, X64(66, 0F, 70), out, a); /* pshufd */
    x64_imm8(&e->a, row->extra);
}

static void emit_extract(x64_emitter *e, const x64_row *row)
{
    unsigned out = x64_out(e), a = x64_reg(e, e->s.a), lane = e->i->extra;
    if (x64_is_vector(e->i->type)) { /* pshufd: the lane, or its halves, to the bottom */
        x64_rr(&e->a, X64(66, 0F, 70), out, a);
        x64_imm8(&e->a, e->i->type == IR_F32 ? lane : lane ? 0xEE : 0x44);
        return;
    }
    x64_rr(&e->a, row->code, a, out);
    x64_imm8(&e->a, lane);
}

static void emit_vector_shift(x64_emitter *e, const x64_row *row)
{
    /* extra: the lane's bits less one */
    x64_rr(&e->a, X64(00, 0, 8B), X64_SCRATCH, x64_reg(e, e->s.b));
    x64_rr(&e->a, X64(00, 0, 83), 4, X64_SCRATCH);
    x64_imm8(&e->a, row->extra);
    x64_rr(&e->a, X64(66, 0F, 6E), X64_XSCRATCH, X64_SCRATCH);
    binary(e, row->code, x64_out(e), x64_reg(e, e->s.a), X64_XSCRATCH);
}

void x64_emit_vector(x64_emitter *e, const x64_row *row)
{
    x64_asm *a = &e->a;
    switch (row->cls) {
    case CLASS_VBINARY:
        binary(e, row->code, x64_out(e), x64_reg(e, e->s.a), x64_reg(e, e->s.b));
        if (row->flags & TAIL)
            x64_imm8(a, row->extra);
        break;
    case CLASS_VUNARY: x64_rr(a, row->code, x64_out(e), x64_reg(e, e->s.a)); break;
    case CLASS_VNOT: {
        unsigned ones = X64_XSCRATCH;
        x64_rr(a, X64(66, 0F, 76), ones, ones);
        x64_rr(a, X64(66, 0F, EF), ones, x64_reg(e, e->s.a));
        copy(e, x64_out(e), ones);
        break;
    }
    case CLASS_VSELECT: /* a & c | b & ~c, as b ^ (a ^ b) & c; out is a */
        x64_rr(a, X64(66, 0F, EF), x64_out(e), x64_reg(e, e->s.b));
        x64_rr(a, X64(66, 0F, DB), x64_out(e), x64_reg(e, e->s.c));
        x64_rr(a, X64(66, 0F, EF), x64_out(e), x64_reg(e, e->s.b));
        break;
    case CLASS_VSPLAT: emit_splat(e, row); break;
    case CLASS_VEXTRACT: emit_extract(e, row); break;
    case CLASS_VSHIFT: emit_vector_shift(e, row); break;
    case CLASS_VANY: /* ptest; setne */
        x64_rr(a, X64(66, 0F38, 17), x64_reg(e, e->s.a), x64_reg(e, e->s.a));
        x64_rr(a, X64(00, 0F, 95) | X64_BYTE_RM, 0, x64_out(e));
        x64_rr(a, X64(00, 0F, B6) | X64_BYTE_RM, x64_out(e), x64_out(e));
        break;
    default: break;
    }
}

void x64_vector_const(x64_emitter *e, unsigned xmm, uint64_t low, uint64_t high)
{
    x64_real_const(e, xmm, low, true);
    if (low == 0 && high == 0)
        return;
    x64_load_imm(&e->a, X64_SCRATCH, high);
    x64_rr(&e->a, X64(66, 0F3A, 22) | X64_W, xmm, X64_SCRATCH); /* pinsrq */
    x64_imm8(&e->a, 1);
}
