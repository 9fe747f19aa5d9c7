/* SPDX-License-Identifier: Apache-2.0
 * x64_vector_number.c — arithmetic of vectors that takes several steps: signs, extremes, products,
 * conversions (specification, §4.3.3 to §4.3.5).
 * Threads: those of the function.
 *
 * XS is the scratch register, which is no operand. `out` may be an operand that is not late.
 */
#include "x64_impl.h"

enum { XS = X64_XSCRATCH };

#define PAND    X64(66, 0F, DB)
#define PXOR    X64(66, 0F, EF)
#define PCMPEQD X64(66, 0F, 76) /* of a register and itself: all ones */
#define PSLLW   X64(66, 0F, F1)
#define PSRLW   X64(66, 0F, D1)
#define PSRAW   X64(66, 0F, E1)
#define PSLLD   X64(66, 0F, F2)
#define PSRLD   X64(66, 0F, D2)
#define PSLLQ   X64(66, 0F, F3)
#define PSRLQ   X64(66, 0F, D3)

static void constant(x64_emitter *e, unsigned xmm, uint64_t both)
{
    x64_vector_const(e, xmm, both, both);
}

/* ---- signs and extremes -----------------------------------------------------------------------
 */

static void emit_neg(x64_emitter *e, const x64_row *row)
{
    unsigned a = x64_reg(e, e->s.a);
    x64_rr(&e->a, PXOR, XS, XS);
    if (e->features & X64_AVX) {
        x64_vrr(&e->a, row->code, x64_out(e), XS, a);
    } else {
        x64_rr(&e->a, row->code, XS, a);
        x64_vcopy(e, x64_out(e), XS);
    }
}

/* (x ^ m) - m, where m is all ones of what is negative */
static void emit_abs_64(x64_emitter *e)
{
    unsigned out = x64_out(e), a = x64_reg(e, e->s.a);
    x64_rr(&e->a, PXOR, XS, XS);
    x64_rr(&e->a, X64(66, 0F38, 37), XS, a); /* pcmpgtq */
    x64_v3_commutes(e, PXOR, out, a, XS);
    x64_rr(&e->a, X64(66, 0F, FB), out, XS);
}

static void sign_mask(x64_emitter *e, bool wide, bool of_the_rest)
{
    x64_rr(&e->a, PCMPEQD, XS, XS);
    if (of_the_rest)
        x64_vshift(e, wide ? PSRLQ : PSRLD, XS, 1);
    else
        x64_vshift(e, wide ? PSLLQ : PSLLD, XS, wide ? 63 : 31);
}

static void emit_sign(x64_emitter *e, const x64_row *row)
{
    sign_mask(e, row->flags & WIDE, !row->extra);
    x64_v3_commutes(e, row->code, x64_out(e), x64_reg(e, e->s.a), XS);
}

/* minps gives its second operand if both are zeros, or one is no number. So it is done both ways.
 * Smallest: the bits of both together are -0 if one is, and a NaN if one is. Largest: what differs
 * is taken away again, which leaves +0 of zeros and a quiet NaN. Then NaNs become canonical but
 * for the sign. */
static void emit_min_max(x64_emitter *e, const x64_row *row)
{
    x64_asm *x = &e->a;
    bool wide = row->flags & WIDE;
    x64_code prefix = row->code & 0xFF000000;
    unsigned out = x64_out(e), a = x64_reg(e, e->s.a), b = x64_reg(e, e->s.b);

    x64_v3(e, row->code, XS, a, b);
    x64_v3(e, row->code, out, b, a);
    if (row->extra) {
        x64_rr(x, X64(00, 0F, 57), out, XS);          /* xorps */
        x64_rr(x, X64(00, 0F, 56), XS, out);          /* orps */
        x64_rr(x, X64(00, 0F, 5C) | prefix, XS, out); /* subps */
        x64_rr(x, X64(00, 0F, C2) | prefix, out, XS); /* cmpunordps */
        x64_imm8(x, 3);
    } else {
        x64_rr(x, X64(00, 0F, 56), XS, out);
        x64_rr(x, X64(00, 0F, C2) | prefix, out, XS);
        x64_imm8(x, 3);
        x64_rr(x, X64(00, 0F, 56), XS, out);
    }
    x64_vshift(e, wide ? PSRLQ : PSRLD, out, wide ? 13 : 10);
    x64_rr(x, X64(00, 0F, 55), out, XS); /* andnps */
}

/* ---- products ---------------------------------------------------------------------------------
 */

static void extend(x64_emitter *e, x64_code code, unsigned out, unsigned a, bool high)
{
    if (high) {
        x64_pshufd(e, out, a, 0xEE);
        a = out;
    }
    x64_rr(&e->a, code, out, a);
}

static void emit_product(x64_emitter *e, const x64_row *row)
{
    unsigned out = x64_out(e), a = x64_reg(e, e->s.a), b = x64_reg(e, e->s.b);
    bool high = row->extra & VWIDEN_HIGH, is_unsigned = row->extra & VWIDEN_UNSIGNED;

    switch (row->extra & VWIDEN_BYTES) {
    case 1:
        extend(e, row->code, XS, a, high);
        extend(e, row->code, out, b, high);
        x64_rr(&e->a, X64(66, 0F, D5), out, XS); /* pmullw */
        break;
    case 2: /* pmulhw or pmulhuw, pmullw; both halves woven */
        x64_v3(e, is_unsigned ? X64(66, 0F, E4) : X64(66, 0F, E5), XS, a, b);
        x64_v3_commutes(e, X64(66, 0F, D5), out, a, b);
        x64_rr(&e->a, high ? X64(66, 0F, 69) : X64(66, 0F, 61), out, XS);
        break;
    default: /* pmuludq or pmuldq, of every other lane */
        x64_pshufd(e, XS, a, high ? 0xFA : 0x50);
        x64_pshufd(e, out, b, high ? 0xFA : 0x50);
        x64_rr(&e->a, is_unsigned ? X64(66, 0F, F4) : X64(66, 0F38, 28), out, XS);
        break;
    }
}

static void emit_pairwise(x64_emitter *e, const x64_row *row)
{
    x64_asm *x = &e->a;
    unsigned out = x64_out(e), a = x64_reg(e, e->s.a);
    bool is_unsigned = row->extra & VWIDEN_UNSIGNED;

    if ((row->extra & VWIDEN_BYTES) == 1) { /* pmaddubsw: bytes without sign by bytes with one */
        constant(e, XS, 0x0101010101010101);
        if (is_unsigned) {
            x64_v3(e, X64(66, 0F38, 04), out, a, XS);
        } else {
            x64_rr(x, X64(66, 0F38, 04), XS, a);
            x64_vcopy(e, out, XS);
        }
        return;
    }
    if (is_unsigned) { /* pmaddwd knows signs alone: 2^15 less each, and 2^16 more at the end */
        constant(e, XS, 0x8000800080008000);
        x64_v3_commutes(e, PXOR, out, a, XS);
        a = out;
    }
    constant(e, XS, 0x0001000100010001);
    x64_v3_commutes(e, X64(66, 0F, F5), out, a, XS);
    if (is_unsigned) {
        constant(e, XS, 0x0001000000010000);
        x64_rr(x, X64(66, 0F, FE), out, XS);
    }
}

/* pmulhrsw, but -1 by -1 is not -1. */
static void emit_q15(x64_emitter *e, const x64_row *row)
{
    unsigned out = x64_out(e);
    x64_v3_commutes(e, row->code, out, x64_reg(e, e->s.a), x64_reg(e, e->s.b));
    constant(e, XS, 0x8000800080008000);
    x64_rr(&e->a, X64(66, 0F, 75), XS, out); /* pcmpeqw */
    x64_rr(&e->a, PXOR, out, XS);
}

/* Both products across, shifted up, and that of the lower halves. */
static void emit_mul_64(x64_emitter *e)
{
    x64_asm *x = &e->a;
    unsigned out = x64_out(e), a = x64_reg(e, e->s.a), b = x64_reg(e, e->s.b), temp = x64_temp(e);
    const x64_code pmuludq = X64(66, 0F, F4), paddq = X64(66, 0F, D4);

    x64_vcopy(e, XS, a);
    x64_vshift(e, PSRLQ, XS, 32);
    x64_rr(x, pmuludq, XS, b);
    x64_vcopy(e, temp, b);
    x64_vshift(e, PSRLQ, temp, 32);
    x64_rr(x, pmuludq, temp, a);
    x64_rr(x, paddq, XS, temp);
    x64_vshift(e, PSLLQ, XS, 32);
    x64_v3(e, pmuludq, out, a, b);
    x64_rr(x, paddq, out, XS);
}

/* Half a byte at a time, by a table. */
static void emit_popcnt(x64_emitter *e)
{
    x64_asm *x = &e->a;
    unsigned out = x64_out(e), a = x64_reg(e, e->s.a), temp = x64_temp(e);
    const x64_code pshufb = X64(66, 0F38, 00);
    const uint64_t low = 0x0302020102010100, high = 0x0403030203020201;

    constant(e, XS, 0x0F0F0F0F0F0F0F0F);
    x64_v3(e, PAND, temp, a, XS);
    x64_vcopy(e, out, a);
    x64_vshift(e, PSRLW, out, 4);
    x64_rr(x, PAND, out, XS);
    x64_vector_const(e, XS, low, high);
    x64_rr(x, pshufb, XS, temp);
    x64_vector_const(e, temp, low, high);
    x64_rr(x, pshufb, temp, out);
    x64_v3(e, X64(66, 0F, FC), out, XS, temp); /* paddb */
}

/* Two roundings, as the interpreter does it. */
static void emit_madd(x64_emitter *e, const x64_row *row)
{
    x64_code prefix = row->code & 0xFF000000;
    unsigned a = x64_reg(e, e->s.a), b = x64_reg(e, e->s.b), c = x64_reg(e, e->s.c);
    if (row->extra) {
        sign_mask(e, row->flags & WIDE, false);
        x64_rr(&e->a, PXOR, XS, a);
        x64_rr(&e->a, row->code, XS, b);
    } else {
        x64_v3(e, row->code, XS, a, b);
    }
    x64_rr(&e->a, X64(00, 0F, 58) | prefix, XS, c);
    x64_vcopy(e, x64_out(e), XS);
}

/* Even bytes of `from` in words, or odd ones. */
static void bytes_of(x64_emitter *e, unsigned out, unsigned from, bool odd)
{
    x64_vcopy(e, out, from);
    if (!odd)
        x64_vshift(e, PSLLW, out, 8);
    x64_vshift(e, PSRAW, out, 8);
}

static void emit_dot(x64_emitter *e)
{
    x64_asm *x = &e->a;
    unsigned out = x64_out(e), a = x64_reg(e, e->s.a), b = x64_reg(e, e->s.b), temp = x64_temp(e);
    const x64_code pmullw = X64(66, 0F, D5);

    bytes_of(e, XS, a, false);
    bytes_of(e, temp, b, false);
    x64_rr(x, pmullw, XS, temp);
    bytes_of(e, out, a, true);
    bytes_of(e, temp, b, true);
    x64_rr(x, pmullw, out, temp);
    x64_rr(x, X64(66, 0F, ED), out, XS); /* paddsw */
    if (e->s.c.kind == X64_NO)
        return;
    constant(e, XS, 0x0001000100010001);
    x64_rr(x, X64(66, 0F, F5), out, XS);                 /* pmaddwd */
    x64_rr(x, X64(66, 0F, FE), out, x64_reg(e, e->s.c)); /* paddd */
}

/* ---- conversions ------------------------------------------------------------------------------
 */

/* The lower 16 bits, and the rest by halves, are exact; their sum is rounded once. */
static void emit_convert_u32(x64_emitter *e)
{
    x64_asm *x = &e->a;
    unsigned out = x64_out(e), a = x64_reg(e, e->s.a);
    const x64_code cvtdq2ps = X64(00, 0F, 5B);

    x64_rr(x, PXOR, XS, XS);
    x64_rr(x, X64(66, 0F3A, 0E), XS, a); /* pblendw */
    x64_imm8(x, 0x55);
    x64_v3(e, X64(66, 0F, FA), out, a, XS); /* psubd */
    x64_rr(x, cvtdq2ps, XS, XS);
    x64_vshift(e, PSRLD, out, 1);
    x64_rr(x, cvtdq2ps, out, out);
    x64_rr(x, X64(00, 0F, 58), out, out);
    x64_rr(x, X64(00, 0F, 58), out, XS);
}

/* As the lower half of 2^52 + x, less 2^52. */
static void emit_convert_low_u32(x64_emitter *e)
{
    unsigned out = x64_out(e);
    constant(e, XS, 0x4330000043300000);
    x64_v3(e, X64(66, 0F, 62), out, x64_reg(e, e->s.a), XS); /* punpckldq */
    constant(e, XS, 0x4330000000000000);
    x64_rr(&e->a, X64(66, 0F, 5C), out, XS);
}

/* What is too large comes out as the smallest, and is turned over; NaN becomes 0 before. */
static void emit_trunc(x64_emitter *e)
{
    x64_asm *x = &e->a;
    unsigned out = x64_out(e), a = x64_reg(e, e->s.a);
    x64_v3(e, X64(00, 0F, C2), XS, a, a); /* cmpeqps */
    x64_imm8(x, 0);
    x64_v3_commutes(e, X64(00, 0F, 54), out, a, XS);
    constant(e, XS, 0x4F0000004F000000); /* 2^31 */
    x64_rr(x, X64(00, 0F, C2), XS, out); /* cmpleps */
    x64_imm8(x, 2);
    x64_rr(x, X64(F3, 0F, 5B), out, out); /* cvttps2dq */
    x64_rr(x, PXOR, out, XS);
}

/* In two parts: x as far as 2^31, and what x is more than that, which saturates by itself. */
static void emit_trunc_u(x64_emitter *e)
{
    x64_asm *x = &e->a;
    unsigned out = x64_out(e), a = x64_reg(e, e->s.a), temp = x64_temp(e);
    const x64_code cvttps2dq = X64(F3, 0F, 5B);

    x64_rr(x, PXOR, XS, XS);
    x64_v3(e, X64(00, 0F, 5F), out, a, XS); /* maxps: NaN and what is negative become 0 */
    constant(e, XS, 0x4F0000004F000000);
    x64_v3(e, X64(00, 0F, 5C), temp, out, XS);
    x64_rr(x, X64(00, 0F, C2), XS, temp); /* cmpleps */
    x64_imm8(x, 2);
    x64_rr(x, cvttps2dq, temp, temp);
    x64_rr(x, PXOR, temp, XS);
    x64_rr(x, PXOR, XS, XS);
    x64_rr(x, X64(66, 0F38, 3D), temp, XS); /* pmaxsd */
    x64_rr(x, cvttps2dq, out, out);
    x64_rr(x, X64(66, 0F, FE), out, temp); /* paddd */
}

/* No more than the largest: what is too small comes out as the smallest. */
static void emit_trunc_zero(x64_emitter *e)
{
    x64_asm *x = &e->a;
    unsigned out = x64_out(e), a = x64_reg(e, e->s.a);
    constant(e, XS, 0x41DFFFFFFFC00000); /* 2^31 - 1 */
    x64_rr(x, X64(66, 0F, 5D), XS, a);   /* a stays as it is if it is NaN … */
    x64_v3(e, X64(66, 0F, C2), out, a, a);
    x64_imm8(x, 0);
    x64_rr(x, X64(66, 0F, 54), out, XS);  /* … which becomes 0 */
    x64_rr(x, X64(66, 0F, E6), out, out); /* cvttpd2dq */
}

/* In the lower half of 2^52 + x. */
static void emit_trunc_zero_u(x64_emitter *e)
{
    x64_asm *x = &e->a;
    unsigned out = x64_out(e);
    x64_rr(x, PXOR, XS, XS);
    x64_v3(e, X64(66, 0F, 5F), out, x64_reg(e, e->s.a), XS); /* maxpd: NaN becomes 0 */
    constant(e, XS, 0x41EFFFFFFFE00000);                     /* 2^32 - 1 */
    x64_rr(x, X64(66, 0F, 5D), out, XS);
    x64_rr(x, X64(66, 0F3A, 09), out, out); /* roundpd, towards 0 */
    x64_imm8(x, 11);
    constant(e, XS, 0x4330000000000000);
    x64_rr(x, X64(66, 0F, 58), out, XS);
    x64_rr(x, PXOR, XS, XS);
    x64_rr(x, X64(00, 0F, C6), out, XS); /* shufps */
    x64_imm8(x, 0x88);
}

void x64_emit_vector_number(x64_emitter *e, const x64_row *row)
{
    switch (row->cls) {
    case CLASS_VNEG: emit_neg(e, row); break;
    case CLASS_VABS_64: emit_abs_64(e); break;
    case CLASS_VSIGN: emit_sign(e, row); break;
    case CLASS_VMINMAX: emit_min_max(e, row); break;
    case CLASS_VEXTEND_HIGH: extend(e, row->code, x64_out(e), x64_reg(e, e->s.a), true); break;
    case CLASS_VPRODUCT: emit_product(e, row); break;
    case CLASS_VPAIRWISE: emit_pairwise(e, row); break;
    case CLASS_VQ15: emit_q15(e, row); break;
    case CLASS_VMUL_64: emit_mul_64(e); break;
    case CLASS_VPOPCNT: emit_popcnt(e); break;
    case CLASS_VMADD: emit_madd(e, row); break;
    case CLASS_VDOT: emit_dot(e); break;
    case CLASS_VCONVERT_U32: emit_convert_u32(e); break;
    case CLASS_VCONVERT_LOW_U32: emit_convert_low_u32(e); break;
    case CLASS_VTRUNC: emit_trunc(e); break;
    case CLASS_VTRUNC_U: emit_trunc_u(e); break;
    case CLASS_VTRUNC_ZERO: emit_trunc_zero(e); break;
    case CLASS_VTRUNC_ZERO_U: emit_trunc_zero_u(e); break;
    default: break;
    }
}
