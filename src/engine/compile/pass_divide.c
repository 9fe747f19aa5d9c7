/* SPDX-License-Identifier: Apache-2.0
 * pass_divide.c — a division by a constant is a multiplication.
 *
 * How:     Granlund and Montgomery, "Division by Invariant Integers using Multiplication" (1994):
 *          with N bits, n / d is n times a little more than 2^(N+s) / d, shifted down by N+s, if "a
 *          little more" cannot add up to 1/d. Of 32 bits the product fits into 64; of 64 its upper
 *          half is an instruction of the form. Where the multiplier needs N+1 bits, its highest one
 *          is an addition: of 32 bits it cannot overflow in 64, of 64 it is made so that it does
 *          not. Powers of two are shifts.
 * Memory:  none of its own.
 * Threads: those of the function.
 */
#include "pass.h"

typedef struct writer {
    ir_func *f;
    ir_ref where; /* code goes before it */
} writer;

static ir_ref put(const writer *w, unsigned op, ir_type type, ir_ref x, ir_ref y, uint64_t imm)
{
    return ir_insert(w->f, w->where, op, type, x, y, 0, imm, w->f->instrs[w->where].at);
}

static ir_ref wide_by(const writer *w, unsigned op, ir_ref x, uint64_t constant)
{
    return put(w, op, IR_I64, x, put(w, OP_I64_CONST, IR_I64, 0, 0, constant), 0);
}

static ir_ref narrow_by(const writer *w, unsigned op, ir_ref x, uint32_t constant)
{
    return put(w, op, IR_I32, x, put(w, OP_I32_CONST, IR_I32, 0, 0, constant), 0);
}

/* The least s with 2^s >= d. */
static unsigned log2_up(uint64_t d)
{
    return d <= 1 ? 0 : 64 - (unsigned)__builtin_clzll(d - 1);
}

/* ---- 32 bits --------------------------------------------------------------------------------- */

static ir_ref unsigned_quotient(const writer *w, ir_ref x, uint32_t d)
{
    ir_ref n = put(w, OP_I64_EXTEND_I32_U, IR_I64, x, 0, 0), high;
    unsigned s = log2_up(d);
    uint64_t multiplier;

    /* Of the shifts whose multiplier has 32 bits the first that is exact enough: the product of
     * multiplier and d is at most 2^s too large. */
    for (unsigned k = 0; k < s; k++) {
        uint64_t power = (uint64_t)1 << (32 + k);

        multiplier = power / d + 1;
        if (multiplier >> 32 == 0 && multiplier * d - power <= (uint64_t)1 << k) {
            n = wide_by(w, OP_I64_MUL, n, multiplier);
            n = wide_by(w, OP_I64_SHR_U, n, 32 + k);
            return put(w, OP_I32_WRAP_I64, IR_I32, n, 0, 0);
        }
    }
    /* 2^32 + multiplier: (2^(32+s) - 2^32 * d) / d + 1, which never overflows as 2^s < 2 * d. */
    multiplier = ((((uint64_t)1 << s) - d) << 32) / d + 1;
    high = wide_by(w, OP_I64_MUL, n, multiplier);
    high = wide_by(w, OP_I64_SHR_U, high, 32);
    n = put(w, OP_I64_ADD, IR_I64, n, high, 0);
    n = wide_by(w, OP_I64_SHR_U, n, s);
    return put(w, OP_I32_WRAP_I64, IR_I32, n, 0, 0);
}

/* d >= 2 in absolute value, and no power of two. */
static ir_ref signed_quotient(const writer *w, ir_ref x, uint32_t d)
{
    unsigned s = log2_up(d) - 1;
    ir_ref n = put(w, OP_I64_EXTEND_I32_S, IR_I64, x, 0, 0), product;

    product = wide_by(w, OP_I64_MUL, n, ((uint64_t)1 << (32 + s)) / d + 1);
    product = wide_by(w, OP_I64_SHR_S, product, 32 + s);
    /* The shift rounds down; division goes towards 0. */
    n = wide_by(w, OP_I64_SHR_S, n, 63);
    return put(w, OP_I32_WRAP_I64, IR_I32, put(w, OP_I64_SUB, IR_I64, product, n, 0), 0, 0);
}

/* By 2^shift: what is negative is one less than a multiple short of being rounded up. */
static ir_ref signed_shift(const writer *w, ir_ref x, unsigned shift)
{
    ir_ref bias = narrow_by(w, OP_I32_SHR_S, x, 31);

    bias = narrow_by(w, OP_I32_SHR_U, bias, 32 - shift);
    return narrow_by(w, OP_I32_SHR_S, put(w, OP_I32_ADD, IR_I32, x, bias, 0), shift);
}

/* ---- 64 bits --------------------------------------------------------------------------------- */

typedef unsigned __int128 wide;

/* 2^(64+k) by d. The multiplier is one more than the quotient, and its product with d by d - rest
 * larger than the power. */
typedef struct ratio {
    wide quotient, rest;
} ratio;

static ratio ratio_of(uint64_t d)
{
    const wide power = (wide)1 << 64;

    return (ratio){power / d, power % d};
}

/* For the next k. */
static void ratio_twice(ratio *r, uint64_t d)
{
    const bool more = r->rest * 2 >= d;

    r->quotient = r->quotient * 2 + more;
    r->rest = r->rest * 2 - (more ? d : 0);
}

static ir_ref high_by(const writer *w, unsigned op, ir_ref x, uint64_t multiplier)
{
    return put(w, op, IR_I64, x, put(w, OP_I64_CONST, IR_I64, 0, 0, multiplier), 0);
}

static ir_ref shifted(const writer *w, unsigned op, ir_ref x, unsigned by)
{
    return by ? wide_by(w, op, x, by) : x;
}

static ir_ref unsigned_quotient_64(const writer *w, ir_ref n, uint64_t d)
{
    unsigned s = log2_up(d);
    ratio r = ratio_of(d);
    ir_ref product, rest;

    for (unsigned k = 0; k < s; k++, ratio_twice(&r, d)) {
        if ((r.quotient + 1) >> 64 == 0 && d - r.rest <= (wide)1 << k) {
            product = high_by(w, IR_MUL_HIGH_U, n, (uint64_t)(r.quotient + 1));
            return shifted(w, OP_I64_SHR_U, product, k);
        }
    }
    /* 2^64 + multiplier, as above: (n + product) / 2^s, where the sum may have 65 bits. It is half
     * of it that is made, product + (n - product) / 2. */
    product = high_by(w, IR_MUL_HIGH_U, n, (uint64_t)(r.quotient + 1));
    rest = wide_by(w, OP_I64_SHR_U, put(w, OP_I64_SUB, IR_I64, n, product, 0), 1);
    rest = put(w, OP_I64_ADD, IR_I64, rest, product, 0);
    return shifted(w, OP_I64_SHR_U, rest, s - 1);
}

/* d >= 2 in absolute value, and no power of two. n has 63 bits beside its sign: the product of
 * multiplier and d may be 2^(k+1) too large. Where only a multiplier of 64 bits is exact enough, it
 * is 2^64 more than what it is as a signed number. */
static ir_ref signed_quotient_64(const writer *w, ir_ref n, uint64_t d)
{
    unsigned s = log2_up(d) - 1, k = 0;
    ratio r = ratio_of(d);
    ir_ref product;

    for (; k < s && ((r.quotient + 1) >> 63 != 0 || d - r.rest > (wide)2 << k); k++)
        ratio_twice(&r, d);
    product = high_by(w, IR_MUL_HIGH_S, n, (uint64_t)(r.quotient + 1));
    if ((r.quotient + 1) >> 63 != 0)
        product = put(w, OP_I64_ADD, IR_I64, product, n, 0);
    product = shifted(w, OP_I64_SHR_S, product, k);
    return put(w, OP_I64_SUB, IR_I64, product, wide_by(w, OP_I64_SHR_S, n, 63), 0);
}

static ir_ref signed_shift_64(const writer *w, ir_ref x, unsigned shift)
{
    ir_ref bias = wide_by(w, OP_I64_SHR_S, x, 63);

    bias = wide_by(w, OP_I64_SHR_U, bias, 64 - shift);
    return wide_by(w, OP_I64_SHR_S, put(w, OP_I64_ADD, IR_I64, x, bias, 0), shift);
}

/* ---- either ---------------------------------------------------------------------------------- */

/* d is the divisor without its sign. */
static ir_ref quotient(const writer *w, ir_ref x, uint64_t d, bool is_signed, bool is_64)
{
    const bool power = (d & (d - 1)) == 0;

    if (!is_signed)
        return is_64 ? unsigned_quotient_64(w, x, d) : unsigned_quotient(w, x, (uint32_t)d);
    if (power)
        return is_64 ? signed_shift_64(w, x, (unsigned)__builtin_ctzll(d))
                     : signed_shift(w, x, (unsigned)__builtin_ctzll(d));
    return is_64 ? signed_quotient_64(w, x, d) : signed_quotient(w, x, (uint32_t)d);
}

void pass_divide(ir_func *f, ir_ref r, uint64_t known)
{
    const writer w = {f, r};
    const unsigned op = f->instrs[r].op;
    const ir_type type = (ir_type)f->instrs[r].type;
    const bool is_64 = type == IR_I64;
    const bool is_rest =
        op == OP_I32_REM_S || op == OP_I32_REM_U || op == OP_I64_REM_S || op == OP_I64_REM_U;
    const bool is_signed =
        op == OP_I32_DIV_S || op == OP_I32_REM_S || op == OP_I64_DIV_S || op == OP_I64_REM_S;
    const unsigned top = is_64 ? 63 : 31;
    const uint64_t divisor = is_64 ? known : (uint32_t)known;
    const bool negative = is_signed && divisor >> top & 1;
    const uint64_t d = !negative ? divisor : is_64 ? 0 - divisor : (uint32_t)(0 - divisor);
    const ir_ref x = f->instrs[r].arg[0];
    ir_ref q;

    /* -1 may overflow, which traps; 1 and 0 are somebody else's. */
    if (d < 2 || (is_signed && d >> top))
        return;
    if ((d & (d - 1)) == 0 && !is_signed)
        return;
    q = quotient(&w, x, d, is_signed, is_64);
    if (is_rest) {
        /* The remainder has the sign of x, whatever that of the divisor. */
        q = is_64 ? wide_by(&w, OP_I64_MUL, q, d) : narrow_by(&w, OP_I32_MUL, q, (uint32_t)d);
        q = put(&w, is_64 ? OP_I64_SUB : OP_I32_SUB, type, x, q, 0);
    } else if (negative) {
        const ir_ref zero = put(&w, is_64 ? OP_I64_CONST : OP_I32_CONST, type, 0, 0, 0);

        q = put(&w, is_64 ? OP_I64_SUB : OP_I32_SUB, type, zero, q, 0);
    }
    ir_replace(f, r, q);
}
