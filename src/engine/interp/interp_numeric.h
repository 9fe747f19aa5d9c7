/* SPDX-License-Identifier: Apache-2.0
 * interp_numeric.h — numbers where C and WebAssembly differ (§4.3.3 of the specification).
 *
 * Floats are moved as bits, so that signalling NaNs survive wherever the specification says that a
 * value is not computed with: loads, stores, moves, reinterpretation, abs, neg, copysign. Results
 * of arithmetic come from the machine's own, in the format of their type: this needs a compiler
 * that computes float in float (FLT_EVAL_METHOD 0), which the assertion below demands; and the
 * default rounding mode, which nobody in a server changes.
 *
 * Threads: pure functions.
 */
#ifndef WASMSERVE_INTERP_NUMERIC_H
#define WASMSERVE_INTERP_NUMERIC_H

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

_Static_assert(FLT_EVAL_METHOD == 0, "float arithmetic must not be done in a wider format");

#define F64_SIGN ((uint64_t)1 << 63)

static inline float bits_f32(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline double bits_f64(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t f32_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline uint64_t f64_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* The library's rounding functions may hand a signalling NaN through; the addition makes it quiet.
 */
static inline float float_quiet32(float x)
{
    return x != x ? x + x : x;
}

static inline double float_quiet64(double x)
{
    return x != x ? x + x : x;
}

/* C's fmin prefers numbers over NaN and may ignore the sign of zero; here NaN wins and -0 < +0.
 * Equal operands differ at most in that sign, so their bits decide. */
static inline float float_min32(float x, float y)
{
    if (x != x || y != y)
        return x + y;
    if (x == y)
        return bits_f32(f32_bits(x) | f32_bits(y));
    return x < y ? x : y;
}

static inline float float_max32(float x, float y)
{
    if (x != x || y != y)
        return x + y;
    if (x == y)
        return bits_f32(f32_bits(x) & f32_bits(y));
    return x > y ? x : y;
}

static inline double float_min64(double x, double y)
{
    if (x != x || y != y)
        return x + y;
    if (x == y)
        return bits_f64(f64_bits(x) | f64_bits(y));
    return x < y ? x : y;
}

static inline double float_max64(double x, double y)
{
    if (x != x || y != y)
        return x + y;
    if (x == y)
        return bits_f64(f64_bits(x) & f64_bits(y));
    return x > y ? x : y;
}

static inline float float_copysign32(float x, float y)
{
    return bits_f32((f32_bits(x) & 0x7FFFFFFFu) | (f32_bits(y) & 0x80000000u));
}

static inline double float_copysign64(double x, double y)
{
    return bits_f64((f64_bits(x) & ~F64_SIGN) | (f64_bits(y) & F64_SIGN));
}

/* The 128 bits of a product, the lower half first. */
static inline void wide_product(uint64_t out[2], uint64_t x, uint64_t y, bool is_signed)
{
    const unsigned __int128 product = (unsigned __int128)x * y;
    uint64_t high = (uint64_t)(product >> 64);

    /* A negative factor was taken for 2^64 more. */
    if (is_signed)
        high -= ((int64_t)x < 0 ? y : 0) + ((int64_t)y < 0 ? x : 0);
    out[0] = (uint64_t)product;
    out[1] = high;
}

/* Bytes of linear memory are little-endian. The same exchange serves both directions. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define FROM_LE16(x) (x)
#define FROM_LE32(x) (x)
#define FROM_LE64(x) (x)
#else
#define FROM_LE16(x) __builtin_bswap16(x)
#define FROM_LE32(x) __builtin_bswap32(x)
#define FROM_LE64(x) __builtin_bswap64(x)
#endif

#endif
