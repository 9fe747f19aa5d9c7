/* SPDX-License-Identifier: Apache-2.0
 * pass_divide.c — a division of 32 bits by a constant is a multiplication of 64.
 *
 * How:     Granlund and Montgomery, "Division by Invariant Integers using Multiplication" (1994):
 *          n / d is n times a little more than 2^(32+s) / d, shifted down by 32+s, if "a little
 *          more" cannot add up to 1/d. With 64 bits to compute in, the product needs no upper half,
 *          and where the unsigned multiplier needs 33 bits, its highest one is an addition that
 *          cannot overflow. Powers of two are shifts. 64 bits keep the machine's division: the
 *          product would need 128.
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
static unsigned log2_up(uint32_t d)
{
    return d <= 1 ? 0 : 32 - (unsigned)__builtin_clz(d - 1);
}

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

void pass_divide(ir_func *f, ir_ref r, uint32_t divisor)
{
    const writer w = {f, r};
    unsigned op = f->instrs[r].op;
    ir_ref x = f->instrs[r].arg[0], q;
    bool is_signed = op == OP_I32_DIV_S || op == OP_I32_REM_S;
    bool negative = is_signed && divisor >> 31;
    uint32_t d = negative ? 0 - divisor : divisor;

    /* -1 may overflow, which traps; 1 and 0 are somebody else's. */
    if (d < 2 || (is_signed && d >> 31))
        return;
    if ((d & (d - 1)) == 0 && !is_signed)
        return;
    q = !is_signed           ? unsigned_quotient(&w, x, d)
        : (d & (d - 1)) == 0 ? signed_shift(&w, x, (unsigned)__builtin_ctz(d))
                             : signed_quotient(&w, x, d);
    if (op == OP_I32_REM_U || op == OP_I32_REM_S) {
        /* The remainder has the sign of x, whatever that of the divisor. */
        q = put(&w, OP_I32_SUB, IR_I32, x, narrow_by(&w, OP_I32_MUL, q, d), 0);
    } else if (negative) {
        q = put(&w, OP_I32_SUB, IR_I32, put(&w, OP_I32_CONST, IR_I32, 0, 0, 0), q, 0);
    }
    ir_replace(f, r, q);
}
