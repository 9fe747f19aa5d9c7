/* SPDX-License-Identifier: Apache-2.0
 * interp_vector.h — vectors: what each vector instruction computes (§4.3, §4.6.9 of the
 * specification), a function for each.
 *
 * How:     v128 is a vector of gcc's and clang's vector extensions; lanes are seen by casting it to
 *          a type with lanes, which keeps the bits. The functions here are the plain ones: they are
 *          right on every machine, and the compiler makes vector instructions of most of them.
 *          Where it does not, the file of the architecture has one of its own, `native_x`, and says
 *          so by defining x; what nobody has defined at the end of this file is `plain_x`. The unit
 *          test `vector` compares the two over all of them.
 *          Arithmetic is done in unsigned lanes, where it wraps. What is done in floats follows
 *          interp_numeric.h: quiet NaNs come from the machine's own arithmetic, moves keep bits.
 *          A product that is added to is rounded first, on each machine: nothing is fused.
 * Inputs:  Shift counts are of any size. Lanes of a shuffle are below 32.
 * Editing: a function that a second architecture does better moves into the list at the end.
 * Threads: pure functions.
 */
#ifndef WASMSERVE_INTERP_VECTOR_H
#define WASMSERVE_INTERP_VECTOR_H

#include <stdbool.h>

#include "interp_numeric.h"

/* Products and sums stay apart; gcc does not join them where -std=c11 is asked for. */
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

typedef uint64_t v128 __attribute__((vector_size(16)));

typedef int8_t i8x16 __attribute__((vector_size(16)));
typedef uint8_t u8x16 __attribute__((vector_size(16)));
typedef int16_t i16x8 __attribute__((vector_size(16)));
typedef uint16_t u16x8 __attribute__((vector_size(16)));
typedef int32_t i32x4 __attribute__((vector_size(16)));
typedef uint32_t u32x4 __attribute__((vector_size(16)));
typedef int64_t i64x2 __attribute__((vector_size(16)));
typedef uint64_t u64x2 __attribute__((vector_size(16)));
typedef float f32x4 __attribute__((vector_size(16)));
typedef double f64x2 __attribute__((vector_size(16)));
/* Halves, for what changes the width of lanes. */
typedef int8_t i8x8 __attribute__((vector_size(8)));
typedef uint8_t u8x8 __attribute__((vector_size(8)));
typedef int16_t i16x4 __attribute__((vector_size(8)));
typedef uint16_t u16x4 __attribute__((vector_size(8)));
typedef int32_t i32x2 __attribute__((vector_size(8)));
typedef uint32_t u32x2 __attribute__((vector_size(8)));
typedef float f32x2 __attribute__((vector_size(8)));

/* A vector in a frame: two slots, so that it is aligned as they are. */
typedef uint64_t v128_slot __attribute__((vector_size(16), aligned(8), may_alias));

static inline v128 vector_read(const uint64_t *slot)
{
    return *(const v128_slot *)slot;
}

static inline void vector_write(uint64_t *slot, v128 value)
{
    *(v128_slot *)slot = value;
}

/* Bits of `a` where the mask has ones, of `b` elsewhere. */
static inline v128 v128_bitselect(v128 a, v128 b, v128 mask)
{
    return (a & mask) | (b & ~mask);
}

/* Functions of lanes: x and y are the operands in lanes of `type`. */
#define LANES_1(name, type, expr)                                                                  \
    static inline v128 name(v128 a)                                                                \
    {                                                                                              \
        const type x = (type)a;                                                                    \
        return (v128)(expr);                                                                       \
    }
#define LANES_2(name, type, expr)                                                                  \
    static inline v128 name(v128 a, v128 b)                                                        \
    {                                                                                              \
        const type x = (type)a, y = (type)b;                                                       \
        return (v128)(expr);                                                                       \
    }

/* ---- bits, comparisons ----------------------------------------------------------------------- */

LANES_1(v128_not, v128, ~x)
LANES_2(v128_and, v128, x &y)
LANES_2(v128_andnot, v128, x & ~y)
LANES_2(v128_or, v128, x | y)
LANES_2(v128_xor, v128, x ^ y)

static inline uint32_t v128_any_true(v128 a)
{
    return (a[0] | a[1]) != 0;
}

#define COMPARE_INTEGERS(shape, signed_lanes, unsigned_lanes)                                      \
    LANES_2(shape##_eq, signed_lanes, x == y)                                                      \
    LANES_2(shape##_ne, signed_lanes, x != y)                                                      \
    LANES_2(shape##_lt_s, signed_lanes, x < y)                                                     \
    LANES_2(shape##_le_s, signed_lanes, x <= y)                                                    \
    LANES_2(shape##_lt_u, unsigned_lanes, x < y)                                                   \
    LANES_2(shape##_le_u, unsigned_lanes, x <= y)
COMPARE_INTEGERS(i8x16, i8x16, u8x16)
COMPARE_INTEGERS(i16x8, i16x8, u16x8)
COMPARE_INTEGERS(i32x4, i32x4, u32x4)
LANES_2(i64x2_eq, i64x2, x == y)
LANES_2(i64x2_ne, i64x2, x != y)
LANES_2(i64x2_lt_s, i64x2, x < y)
LANES_2(i64x2_le_s, i64x2, x <= y)
#undef COMPARE_INTEGERS

#define COMPARE_FLOATS(shape)                                                                      \
    LANES_2(shape##_eq, shape, x == y)                                                             \
    LANES_2(shape##_ne, shape, x != y)                                                             \
    LANES_2(shape##_lt, shape, x < y)                                                              \
    LANES_2(shape##_le, shape, x <= y)
COMPARE_FLOATS(f32x4)
COMPARE_FLOATS(f64x2)
#undef COMPARE_FLOATS

/* all_true and bitmask: what there is of zero lanes, the lanes' topmost bits. */
#define REDUCE(shape, lane, count)                                                                 \
    static inline uint32_t shape##_all_true(v128 a)                                                \
    {                                                                                              \
        return !v128_any_true((v128)((shape)a == 0));                                              \
    }                                                                                              \
    static inline uint32_t plain_##shape##_bitmask(v128 a)                                         \
    {                                                                                              \
        lane lanes[count];                                                                         \
        uint32_t mask = 0;                                                                         \
        memcpy(lanes, &a, sizeof lanes);                                                           \
        for (unsigned i = 0; i < (count); i++)                                                     \
            mask |= (uint32_t)(lanes[i] < 0) << i;                                                 \
        return mask;                                                                               \
    }
REDUCE(i8x16, int8_t, 16)
REDUCE(i16x8, int16_t, 8)
REDUCE(i32x4, int32_t, 4)
REDUCE(i64x2, int64_t, 2)
#undef REDUCE

/* ---- lanes ----------------------------------------------------------------------------------- */

#define SPLAT(shape, lane, lanes)                                                                  \
    static inline v128 shape##_splat(lane value)                                                   \
    {                                                                                              \
        return (v128)((lanes){0} + value);                                                         \
    }
SPLAT(i8x16, uint8_t, u8x16)
SPLAT(i16x8, uint16_t, u16x8)
SPLAT(i32x4, uint32_t, u32x4)
SPLAT(i64x2, uint64_t, u64x2)
#undef SPLAT

/* 0 + value would lose the sign of a zero and the signal of a NaN. */
static inline v128 f32x4_splat(float value)
{
    return i32x4_splat(f32_bits(value));
}

static inline v128 f64x2_splat(double value)
{
    return i64x2_splat(f64_bits(value));
}

/* `a` with one lane from `value`, which has it in all lanes. In registers: to write the lane into a
 * slot and then read the whole slot would wait for the writing to be done. */
#define REPLACE(shape, bytes, ...)                                                                 \
    static inline v128 shape##_replace(v128 a, v128 value, unsigned lane)                          \
    {                                                                                              \
        static const uint8_t ones[32 + (bytes)] = {[16] = __VA_ARGS__};                            \
        v128 there;                                                                                \
        memcpy(&there, ones + 16 - (bytes)*lane, sizeof there);                                    \
        return v128_bitselect(value, a, there);                                                    \
    }
REPLACE(i8x16, 1, 255)
REPLACE(i16x8, 2, 255, 255)
REPLACE(i32x4, 4, 255, 255, 255, 255)
REPLACE(i64x2, 8, 255, 255, 255, 255, 255, 255, 255, 255)
#undef REPLACE

static inline v128 plain_i8x16_swizzle(v128 a, v128 b)
{
    uint8_t from[16], at[16], out[16];

    memcpy(from, &a, sizeof from);
    memcpy(at, &b, sizeof at);
    for (unsigned i = 0; i < 16; i++)
        out[i] = at[i] < 16 ? from[at[i]] : 0;
    memcpy(&a, out, sizeof out);
    return a;
}

static inline v128 plain_i8x16_shuffle(v128 a, v128 b, v128 lanes)
{
    uint8_t from[32], at[16], out[16];

    memcpy(from, &a, sizeof a);
    memcpy(from + 16, &b, sizeof b);
    memcpy(at, &lanes, sizeof at);
    for (unsigned i = 0; i < 16; i++)
        out[i] = from[at[i] & 31];
    memcpy(&a, out, sizeof out);
    return a;
}

/* ---- integer arithmetic ---------------------------------------------------------------------- */

#define INTEGERS(shape, lanes)                                                                     \
    LANES_1(shape##_neg, lanes, -x)                                                                \
    LANES_2(shape##_add, lanes, x + y)                                                             \
    LANES_2(shape##_sub, lanes, x - y)
INTEGERS(i8x16, u8x16)
INTEGERS(i16x8, u16x8)
INTEGERS(i32x4, u32x4)
INTEGERS(i64x2, u64x2)
#undef INTEGERS
LANES_2(i16x8_mul, u16x8, x *y)
LANES_2(i32x4_mul, u32x4, x *y)
LANES_2(i64x2_mul, u64x2, x *y)

/* Where x is negative, all its bits are turned and 1 is added. */
#define ABSOLUTE(shape, unsigned_lanes)                                                            \
    static inline v128 shape##_abs(v128 a)                                                         \
    {                                                                                              \
        const unsigned_lanes negative = (unsigned_lanes)((shape)a < 0);                            \
        return (v128)(((unsigned_lanes)a ^ negative) - negative);                                  \
    }
ABSOLUTE(i8x16, u8x16)
ABSOLUTE(i16x8, u16x8)
ABSOLUTE(i32x4, u32x4)
ABSOLUTE(i64x2, u64x2)
#undef ABSOLUTE

#define EXTREMES(shape, signed_lanes, unsigned_lanes)                                              \
    LANES_2(plain_##shape##_min_s, signed_lanes, v128_bitselect(a, b, (v128)(x < y)))              \
    LANES_2(plain_##shape##_min_u, unsigned_lanes, v128_bitselect(a, b, (v128)(x < y)))            \
    LANES_2(plain_##shape##_max_s, signed_lanes, v128_bitselect(a, b, (v128)(x > y)))              \
    LANES_2(plain_##shape##_max_u, unsigned_lanes, v128_bitselect(a, b, (v128)(x > y)))
EXTREMES(i8x16, i8x16, u8x16)
EXTREMES(i16x8, i16x8, u16x8)
EXTREMES(i32x4, i32x4, u32x4)
#undef EXTREMES

/* Counts are modulo the width. The machine's instructions want the same count for all lanes, which
 * the compiler sees of a scalar. */
#define SHIFTS(shape, signed_lanes, unsigned_lanes, type)                                          \
    static inline v128 shape##_shl(v128 a, uint32_t count)                                         \
    {                                                                                              \
        return (v128)((unsigned_lanes)a << (type)(count % (8 * sizeof(type))));                    \
    }                                                                                              \
    static inline v128 shape##_shr_u(v128 a, uint32_t count)                                       \
    {                                                                                              \
        return (v128)((unsigned_lanes)a >> (type)(count % (8 * sizeof(type))));                    \
    }
SHIFTS(i16x8, i16x8, u16x8, uint16_t)
SHIFTS(i32x4, i32x4, u32x4, uint32_t)
SHIFTS(i64x2, i64x2, u64x2, uint64_t)
#undef SHIFTS

static inline v128 i16x8_shr_s(v128 a, uint32_t count)
{
    return (v128)((i16x8)a >> (int16_t)(count % 16));
}

static inline v128 i32x4_shr_s(v128 a, uint32_t count)
{
    return (v128)((i32x4)a >> (int32_t)(count % 32));
}

/* Without an arithmetic shift of its lanes: the sign, where it is after the shift, is extended by
 * turning it and taking it off. */
static inline v128 i64x2_shr_s(v128 a, uint32_t count)
{
    const v128 sign = i64x2_splat(F64_SIGN >> count % 64);

    return ((a >> (uint64_t)(count % 64)) ^ sign) - sign;
}

/* Bytes are shifted in pairs; what came from the neighbour is cut off. */
static inline v128 i8x16_shl(v128 a, uint32_t count)
{
    return i16x8_shl(a, count % 8) & i8x16_splat((uint8_t)(0xFFu << count % 8));
}

static inline v128 i8x16_shr_u(v128 a, uint32_t count)
{
    return i16x8_shr_u(a, count % 8) & i8x16_splat((uint8_t)(0xFFu >> count % 8));
}

static inline v128 i8x16_shr_s(v128 a, uint32_t count)
{
    const u8x16 sign = (u8x16)i8x16_splat((uint8_t)(0x80u >> count % 8));

    return (v128)(((u8x16)i8x16_shr_u(a, count) ^ sign) - sign);
}

/* A sum of operands with the same sign overflowed if it has another; a difference of operands with
 * different signs if its sign is not the first's. Then comes the extreme on the first one's side.
 */
#define SATURATING(shape, signed_lanes, unsigned_lanes, top)                                       \
    static inline v128 plain_##shape##_add_sat_s(v128 a, v128 b)                                   \
    {                                                                                              \
        const unsigned_lanes x = (unsigned_lanes)a, y = (unsigned_lanes)b, sum = x + y;            \
        const signed_lanes other = (signed_lanes)((x ^ sum) & (y ^ sum));                          \
        const unsigned_lanes most =                                                                \
            (x >> (top)) + (unsigned_lanes)shape##_splat((1u << (top)) - 1);                       \
        return v128_bitselect((v128)most, (v128)sum, (v128)(other < 0));                           \
    }                                                                                              \
    static inline v128 plain_##shape##_sub_sat_s(v128 a, v128 b)                                   \
    {                                                                                              \
        const unsigned_lanes x = (unsigned_lanes)a, y = (unsigned_lanes)b, difference = x - y;     \
        const signed_lanes other = (signed_lanes)((x ^ y) & (x ^ difference));                     \
        const unsigned_lanes most =                                                                \
            (x >> (top)) + (unsigned_lanes)shape##_splat((1u << (top)) - 1);                       \
        return v128_bitselect((v128)most, (v128)difference, (v128)(other < 0));                    \
    }                                                                                              \
    LANES_2(plain_##shape##_add_sat_u, unsigned_lanes, (v128)(x + y) | (v128)((x + y) < x))        \
    LANES_2(plain_##shape##_sub_sat_u, unsigned_lanes, (v128)(x - y) & (v128)(x >= y))             \
    LANES_2(plain_##shape##_avgr_u, unsigned_lanes, (x | y) - ((x ^ y) >> 1))
SATURATING(i8x16, i8x16, u8x16, 7)
SATURATING(i16x8, i16x8, u16x8, 15)
#undef SATURATING

/* Bits are summed in pairs, fours, bytes; no sum leaves its byte. */
static inline v128 plain_i8x16_popcnt(v128 a)
{
    const v128 ones = i8x16_splat(0x55), twos = i8x16_splat(0x33);

    a -= a >> 1 & ones;
    a = (a & twos) + (a >> 2 & twos);
    return (a + (a >> 4)) & i8x16_splat(0x0F);
}

/* Rounded product of fractions of 15 bits. Even lanes are in the lower half of 32 bits, odd ones in
 * the upper. -1 times -1 is the one that does not fit. */
static inline i32x4 q15_product(i32x4 x, i32x4 y)
{
    const i32x4 product = (x * y + 0x4000) >> 15;

    return product + (product > 0x7FFF);
}

static inline v128 plain_i16x8_q15mulr_sat_s(v128 a, v128 b)
{
    const u32x4 x = (u32x4)a, y = (u32x4)b;
    const i32x4 even = q15_product((i32x4)(x << 16) >> 16, (i32x4)(y << 16) >> 16);
    const i32x4 odd = q15_product((i32x4)x >> 16, (i32x4)y >> 16);

    return (v128)(((u32x4)even & 0xFFFF) | (u32x4)odd << 16);
}

static inline v128 plain_i32x4_dot_i16x8_s(v128 a, v128 b)
{
    const u32x4 x = (u32x4)a, y = (u32x4)b;
    const i32x4 even = ((i32x4)(x << 16) >> 16) * ((i32x4)(y << 16) >> 16);
    const i32x4 odd = ((i32x4)x >> 16) * ((i32x4)y >> 16);

    return (v128)((u32x4)even + (u32x4)odd);
}

/* ---- lanes that change their width ----------------------------------------------------------- */

#define EXTEND(name, half, wide, at)                                                               \
    static inline v128 name(v128 a)                                                                \
    {                                                                                              \
        half x;                                                                                    \
        memcpy(&x, (const char *)&a + (at), sizeof x);                                             \
        return (v128) __builtin_convertvector(x, wide);                                            \
    }
#define EXTEND_BOTH(to, from, low_s, low_u, wide_s, wide_u)                                        \
    EXTEND(plain_##to##_extend_low_##from##_s, low_s, wide_s, 0)                                   \
    EXTEND(plain_##to##_extend_high_##from##_s, low_s, wide_s, 8)                                  \
    EXTEND(plain_##to##_extend_low_##from##_u, low_u, wide_u, 0)                                   \
    EXTEND(plain_##to##_extend_high_##from##_u, low_u, wide_u, 8)
EXTEND_BOTH(i16x8, i8x16, i8x8, u8x8, i16x8, u16x8)
EXTEND_BOTH(i32x4, i16x8, i16x4, u16x4, i32x4, u32x4)
EXTEND_BOTH(i64x2, i32x4, i32x2, u32x2, i64x2, u64x2)
#undef EXTEND_BOTH

/* Products of lanes that were extended. */
#define EXTMUL(to, from, unsigned_lanes, half, sign)                                               \
    static inline v128 plain_##to##_extmul_##half##_##from##_##sign(v128 a, v128 b)                \
    {                                                                                              \
        return (v128)((unsigned_lanes)plain_##to##_extend_##half##_##from##_##sign(a) *            \
                      (unsigned_lanes)plain_##to##_extend_##half##_##from##_##sign(b));            \
    }
#define EXTMULS(to, from, unsigned_lanes)                                                          \
    EXTMUL(to, from, unsigned_lanes, low, s)                                                       \
    EXTMUL(to, from, unsigned_lanes, high, s)                                                      \
    EXTMUL(to, from, unsigned_lanes, low, u)                                                       \
    EXTMUL(to, from, unsigned_lanes, high, u)
EXTMULS(i16x8, i8x16, u16x8)
EXTMULS(i32x4, i16x8, u32x4)
EXTMULS(i64x2, i32x4, u64x2)
#undef EXTMULS
#undef EXTMUL

/* Of a pair of lanes the lower one is shifted up and down again. */
#define EXTADD(to, from, signed_lanes, unsigned_lanes, bits)                                       \
    LANES_1(to##_extadd_pairwise_##from##_s, unsigned_lanes,                                       \
            (unsigned_lanes)((signed_lanes)(x << (bits)) >> (bits)) +                              \
                (unsigned_lanes)((signed_lanes)a >> (bits)))                                       \
    LANES_1(to##_extadd_pairwise_##from##_u, unsigned_lanes,                                       \
            (x << (bits) >> (bits)) + (x >> (bits)))
EXTADD(i16x8, i8x16, i16x8, u16x8, 8)
EXTADD(i32x4, i16x8, i32x4, u32x4, 16)
#undef EXTADD

#define NARROW(name, from, to, count, low, high)                                                   \
    static inline v128 name(v128 a, v128 b)                                                        \
    {                                                                                              \
        from x[2 * (count)];                                                                       \
        to out[2 * (count)];                                                                       \
        memcpy(x, &a, sizeof a);                                                                   \
        memcpy(x + (count), &b, sizeof b);                                                         \
        for (unsigned i = 0; i < 2 * (count); i++)                                                 \
            out[i] = (to)(x[i] < (low) ? (low) : x[i] > (high) ? (high) : x[i]);                   \
        memcpy(&a, out, sizeof a);                                                                 \
        return a;                                                                                  \
    }
NARROW(plain_i8x16_narrow_i16x8_s, int16_t, int8_t, 8, INT8_MIN, INT8_MAX)
NARROW(plain_i8x16_narrow_i16x8_u, int16_t, uint8_t, 8, 0, UINT8_MAX)
NARROW(plain_i16x8_narrow_i32x4_s, int32_t, int16_t, 4, INT16_MIN, INT16_MAX)
NARROW(plain_i16x8_narrow_i32x4_u, int32_t, uint16_t, 4, 0, UINT16_MAX)
#undef NARROW

/* ---- float arithmetic ------------------------------------------------------------------------ */

/* min and max: equal operands differ at most in the sign of zero; where neither is less nor equal,
 * one is NaN, and the sum is a quiet one. `both` joins the bits of equal operands. */
#define EXTREME(name, lanes, better, both)                                                         \
    static inline v128 name(v128 a, v128 b)                                                        \
    {                                                                                              \
        const lanes x = (lanes)a, y = (lanes)b;                                                    \
        const v128 first = (v128)(x better y), second = (v128)(y better x);                        \
        const v128 equal = (v128)(x == y), sum = (v128)(x + y);                                    \
        return (first & a) | (second & b) | (equal & (a both b)) |                                 \
               (sum & ~(first | second | equal));                                                  \
    }
/* Rounding to integers: adding 2^(bits of the mantissa) of the same sign leaves no room for a
 * fraction; what is as large has none, and a NaN became quiet. The sign of zero is the operand's.
 */
#define ROUNDING(shape, splat, mantissa, sign)                                                     \
    static inline v128 shape##_small(v128 a)                                                       \
    {                                                                                              \
        return (v128)((shape)(a & ~(sign)) < (shape)splat(mantissa));                              \
    }                                                                                              \
    static inline v128 shape##_signed(v128 rounded, v128 a)                                        \
    {                                                                                              \
        return v128_bitselect(a, rounded, (sign));                                                 \
    }                                                                                              \
    static inline v128 shape##_integer(v128 a)                                                     \
    {                                                                                              \
        const shape much = (shape)shape##_signed(splat(mantissa), a), sum = (shape)a + much;       \
        const v128 near = (v128)(sum - much), large = (v128)((shape)a + (shape)splat(0));          \
        return v128_bitselect(near, large, shape##_small(a));                                      \
    }                                                                                              \
    static inline v128 plain_##shape##_nearest(v128 a)                                             \
    {                                                                                              \
        return shape##_signed(shape##_integer(a), a);                                              \
    }                                                                                              \
    static inline v128 plain_##shape##_ceil(v128 a)                                                \
    {                                                                                              \
        const v128 near = shape##_integer(a), below = (v128)((shape)near < (shape)a);              \
        return shape##_signed((v128)((shape)near + (shape)(below & splat(1))), a);                 \
    }                                                                                              \
    static inline v128 plain_##shape##_floor(v128 a)                                               \
    {                                                                                              \
        const v128 near = shape##_integer(a), above = (v128)((shape)near > (shape)a);              \
        return shape##_signed((v128)((shape)near - (shape)(above & splat(1))), a);                 \
    }                                                                                              \
    static inline v128 plain_##shape##_trunc(v128 a)                                               \
    {                                                                                              \
        const v128 size = a & ~(sign), near = shape##_integer(size);                               \
        const v128 above = (v128)((shape)near > (shape)size);                                      \
        return shape##_signed((v128)((shape)near - (shape)(above & splat(1))), a);                 \
    }
#define FLOATS(shape, splat, mantissa, sign)                                                       \
    LANES_1(shape##_abs, v128, x & ~(sign))                                                        \
    LANES_1(shape##_neg, v128, x ^ (sign))                                                         \
    LANES_2(shape##_add, shape, x + y)                                                             \
    LANES_2(shape##_sub, shape, x - y)                                                             \
    LANES_2(shape##_mul, shape, x *y)                                                              \
    LANES_2(shape##_div, shape, x / y)                                                             \
    EXTREME(plain_##shape##_min, shape, <, |)                                                      \
    EXTREME(plain_##shape##_max, shape, >, &)                                                      \
    LANES_2(plain_##shape##_pmin, shape, v128_bitselect(b, a, (v128)(y < x)))                      \
    LANES_2(plain_##shape##_pmax, shape, v128_bitselect(b, a, (v128)(x < y)))                      \
    ROUNDING(shape, splat, mantissa, sign)                                                         \
    static inline v128 shape##_relaxed_madd(v128 a, v128 b, v128 c)                                \
    {                                                                                              \
        const shape product = (shape)a * (shape)b;                                                 \
        return (v128)(product + (shape)c);                                                         \
    }                                                                                              \
    static inline v128 shape##_relaxed_nmadd(v128 a, v128 b, v128 c)                               \
    {                                                                                              \
        const shape product = (shape)(a ^ (sign)) * (shape)b;                                      \
        return (v128)(product + (shape)c);                                                         \
    }
FLOATS(f32x4, f32x4_splat, 0x1p23f, i32x4_splat(0x80000000u))
FLOATS(f64x2, f64x2_splat, 0x1p52, i64x2_splat(F64_SIGN))
#undef FLOATS
#undef ROUNDING
#undef EXTREME

static inline v128 plain_f32x4_sqrt(v128 a)
{
    f32x4 x = (f32x4)a;

    for (unsigned i = 0; i < 4; i++)
        x[i] = sqrtf(x[i]);
    return (v128)x;
}

static inline v128 plain_f64x2_sqrt(v128 a)
{
    f64x2 x = (f64x2)a;

    for (unsigned i = 0; i < 2; i++)
        x[i] = sqrt(x[i]);
    return (v128)x;
}

/* ---- conversions ----------------------------------------------------------------------------- */

LANES_1(f32x4_convert_i32x4_s, i32x4, __builtin_convertvector(x, f32x4))
LANES_1(f32x4_convert_i32x4_u, u32x4, __builtin_convertvector(x, f32x4))
EXTEND(f64x2_convert_low_i32x4_s, i32x2, f64x2, 0)
EXTEND(f64x2_convert_low_i32x4_u, u32x2, f64x2, 0)
EXTEND(plain_f64x2_promote_low_f32x4, f32x2, f64x2, 0)
#undef EXTEND

static inline v128 plain_f32x4_demote_f64x2_zero(v128 a)
{
    const f64x2 x = (f64x2)a;

    return (v128)(f32x4){(float)x[0], (float)x[1], 0, 0};
}

/* NaN is 0; what is beyond the range, bounds included, the nearest end of it. */
#define TRUNCATE(name, lanes, count, type, above, below, least, most)                              \
    static inline v128 name(v128 a)                                                                \
    {                                                                                              \
        const lanes x = (lanes)a;                                                                  \
        u32x4 out = {0};                                                                           \
        for (unsigned i = 0; i < (count); i++)                                                     \
            out[i] = x[i] != x[i]    ? 0                                                           \
                     : !(x[i] above) ? (uint32_t)(least)                                           \
                     : !(x[i] below) ? (uint32_t)(most)                                            \
                                     : (uint32_t)(type)x[i];                                       \
        return (v128)out;                                                                          \
    }
TRUNCATE(plain_i32x4_trunc_sat_f32x4_s, f32x4, 4, int32_t, >= -0x1p31f, < 0x1p31f, INT32_MIN,
         INT32_MAX)
TRUNCATE(plain_i32x4_trunc_sat_f32x4_u, f32x4, 4, uint32_t, > -1.0f, < 0x1p32f, 0, UINT32_MAX)
TRUNCATE(plain_i32x4_trunc_sat_f64x2_s_zero, f64x2, 2, int32_t, > -2147483649.0, < 2147483648.0,
         INT32_MIN, INT32_MAX)
TRUNCATE(plain_i32x4_trunc_sat_f64x2_u_zero, f64x2, 2, uint32_t, > -1.0, < 4294967296.0, 0,
         UINT32_MAX)
#undef TRUNCATE

/* The lower half is `bits`, the other one 0. */
static inline v128 vector_low(uint64_t bits)
{
    return (v128){bits, 0};
}

/* ---- what the architecture does better ------------------------------------------------------- */

/* Each of these files has all functions of which there is a plain_ one here, under their own names:
 * its own, or the plain one. And it has shuffles that are one or two instructions of the machine
 * where vector_has_fast_shuffle() says at run time that this one has them; else nobody calls them:
 * i8x16_swizzle_fast(), i8x16_shuffle_fast(), and i8x16_shuffle_one() with lanes below 16. */
#if defined(__SSE2__)
#include "interp_vector_sse2.h"
#elif defined(__aarch64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#include "interp_vector_neon.h"
#else
#include "interp_vector_plain.h"
#endif

/* Sums of products of signed bytes. Only twice the square of -128 does not fit. */
static inline v128 i16x8_relaxed_dot_i8x16_i7x16_s(v128 a, v128 b)
{
    const u16x8 x = (u16x8)a, y = (u16x8)b;
    const i16x8 even = ((i16x8)(x << 8) >> 8) * ((i16x8)(y << 8) >> 8);
    const i16x8 odd = ((i16x8)x >> 8) * ((i16x8)y >> 8);

    return i16x8_add_sat_s((v128)even, (v128)odd);
}

static inline v128 i32x4_relaxed_dot_i8x16_i7x16_add_s(v128 a, v128 b, v128 c)
{
    return i32x4_add(i32x4_extadd_pairwise_i16x8_s(i16x8_relaxed_dot_i8x16_i7x16_s(a, b)), c);
}

#undef LANES_1
#undef LANES_2

#endif
