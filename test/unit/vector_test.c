/* SPDX-License-Identifier: Apache-2.0
 * vector_test.c — the architecture's vector functions give what the plain ones give.
 * layers: interp
 *
 * How:     each function of interp_vector.h that an architecture may have of its own is compared
 *          with its plain_ twin over random vectors whose lanes are mostly special: extremes, their
 *          neighbours, zeroes of both signs, infinities, NaNs. The plain ones, where they are not
 *          what runs here, are compared with lanes computed one by one; what runs is held to the
 *          specification by its own suite. A NaN may differ from another in its bits where the
 *          specification says so: it must be quiet.
 */
#include "unit.h"

#include "interp_vector.h"
#include "unit_random.h"

enum { ROUNDS = 4000 };

/* Half of the lanes, of some width, are one of these, its neighbour or its negative. */
static v128 next_vector(void)
{
    static const uint64_t special[] = {0,
                                       1,
                                       0x7F,
                                       0x80,
                                       0xFF,
                                       0x7FFF,
                                       0x8000,
                                       0xFFFF,
                                       0x7FFFFFFF,
                                       0x80000000,
                                       0xFFFFFFFF,
                                       0x3F800000,
                                       0x4B000000,
                                       0x4B7FFFFF,
                                       0x4F000000,
                                       0x4EFFFFFF,
                                       0x4F800000,
                                       0x4F7FFFFF,
                                       0x3F000000,
                                       0x3EFFFFFF,
                                       0x3FC00000,
                                       0x40200000,
                                       0x7F800000,
                                       0x7F800001,
                                       0x7FC00000,
                                       0x7FC12345,
                                       0x00800000,
                                       0x007FFFFF,
                                       0x3FF0000000000000,
                                       0x4330000000000000,
                                       0x432FFFFFFFFFFFFF,
                                       0x41E0000000000000,
                                       0x41DFFFFFFFC00000,
                                       0x41EFFFFFFFE00000,
                                       0x41F0000000000000,
                                       0x3FE0000000000000,
                                       0x3FDFFFFFFFFFFFFF,
                                       0x3FF8000000000000,
                                       0x4004000000000000,
                                       0x7FF0000000000000,
                                       0x7FF0000000000001,
                                       0x7FF8000000000000,
                                       0x7FF8000012345678,
                                       0x47EFFFFFE0000000,
                                       0x47EFFFFFEFFFFFFF,
                                       0x36A0000000000000,
                                       0x7FFFFFFFFFFFFFFF,
                                       0x8000000000000000};
    unsigned bytes = 1u << next_random() % 4;
    uint8_t out[16];
    v128 vector;

    for (unsigned at = 0; at < 16; at += bytes) {
        uint64_t lane = next_random();
        if (next_random() % 2) {
            lane = special[next_random() % (sizeof special / sizeof special[0])];
            lane += next_random() % 3 - 1;
            if (next_random() % 4 == 0)
                lane ^= (uint64_t)1 << (8 * bytes - 1);
        }
        memcpy(out + at, &lane, bytes);
    }
    memcpy(&vector, out, sizeof vector);
    return vector;
}

/* Whether the lanes are the same; `bits` 32 or 64: floats, 0: not. */
static bool same(v128 a, v128 b, unsigned bits)
{
    if (bits == 0)
        return a[0] == b[0] && a[1] == b[1];
    for (unsigned at = 0; at < 16; at += bits / 8) {
        uint64_t x = 0, y = 0, quiet = bits == 32 ? 0x7FC00000 : 0x7FF8000000000000;
        memcpy(&x, (const char *)&a + at, bits / 8);
        memcpy(&y, (const char *)&b + at, bits / 8);
        if (x != y && ((x & quiet) != quiet || (y & quiet) != quiet))
            return false;
    }
    return true;
}

#define SHOW(v) (unsigned long long)(v)[1], (unsigned long long)(v)[0]
#define COMPARE(name, bits, one, other)                                                            \
    do {                                                                                           \
        const v128 got = (one), want = (other);                                                    \
        if (!same(got, want, bits)) {                                                              \
            CASE("%s of %016llx%016llx and %016llx%016llx: %016llx%016llx, plain %016llx%016llx",  \
                 #name, SHOW(a), SHOW(b), SHOW(got), SHOW(want));                                  \
            CHECK(false);                                                                          \
            return;                                                                                \
        }                                                                                          \
    } while (0)
#define UNARY(name, bits)  COMPARE(name, bits, name(a), plain_##name(a));
#define BINARY(name, bits) COMPARE(name, bits, name(a, b), plain_##name(a, b));
#define REDUCE(name)       COMPARE(name, 0, vector_low(name(a)), vector_low(plain_##name(a)));

TEST(of_one_vector)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        const v128 a = next_vector(), b = {0};
        REDUCE(i8x16_bitmask)
        REDUCE(i16x8_bitmask)
        REDUCE(i32x4_bitmask)
        REDUCE(i64x2_bitmask)
        UNARY(i8x16_popcnt, 0)
        UNARY(i16x8_extend_low_i8x16_s, 0)
        UNARY(i16x8_extend_high_i8x16_s, 0)
        UNARY(i16x8_extend_low_i8x16_u, 0)
        UNARY(i16x8_extend_high_i8x16_u, 0)
        UNARY(i32x4_extend_low_i16x8_s, 0)
        UNARY(i32x4_extend_high_i16x8_s, 0)
        UNARY(i32x4_extend_low_i16x8_u, 0)
        UNARY(i32x4_extend_high_i16x8_u, 0)
        UNARY(i64x2_extend_low_i32x4_s, 0)
        UNARY(i64x2_extend_high_i32x4_s, 0)
        UNARY(i64x2_extend_low_i32x4_u, 0)
        UNARY(i64x2_extend_high_i32x4_u, 0)
        UNARY(f32x4_ceil, 32)
        UNARY(f32x4_floor, 32)
        UNARY(f32x4_trunc, 32)
        UNARY(f32x4_nearest, 32)
        UNARY(f64x2_ceil, 64)
        UNARY(f64x2_floor, 64)
        UNARY(f64x2_trunc, 64)
        UNARY(f64x2_nearest, 64)
        UNARY(f32x4_sqrt, 32)
        UNARY(f64x2_sqrt, 64)
        UNARY(f64x2_promote_low_f32x4, 64)
        UNARY(f32x4_demote_f64x2_zero, 32)
        UNARY(i32x4_trunc_sat_f32x4_s, 0)
        UNARY(i32x4_trunc_sat_f32x4_u, 0)
        UNARY(i32x4_trunc_sat_f64x2_s_zero, 0)
        UNARY(i32x4_trunc_sat_f64x2_u_zero, 0)
    }
}

TEST(of_two_vectors)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        const v128 a = next_vector(), b = next_random() % 8 ? next_vector() : a;
        BINARY(i8x16_swizzle, 0)
        BINARY(i8x16_min_s, 0)
        BINARY(i8x16_min_u, 0)
        BINARY(i8x16_max_s, 0)
        BINARY(i8x16_max_u, 0)
        BINARY(i16x8_min_s, 0)
        BINARY(i16x8_min_u, 0)
        BINARY(i16x8_max_s, 0)
        BINARY(i16x8_max_u, 0)
        BINARY(i32x4_min_s, 0)
        BINARY(i32x4_min_u, 0)
        BINARY(i32x4_max_s, 0)
        BINARY(i32x4_max_u, 0)
        BINARY(i8x16_add_sat_s, 0)
        BINARY(i8x16_add_sat_u, 0)
        BINARY(i8x16_sub_sat_s, 0)
        BINARY(i8x16_sub_sat_u, 0)
        BINARY(i16x8_add_sat_s, 0)
        BINARY(i16x8_add_sat_u, 0)
        BINARY(i16x8_sub_sat_s, 0)
        BINARY(i16x8_sub_sat_u, 0)
        BINARY(i8x16_avgr_u, 0)
        BINARY(i16x8_avgr_u, 0)
        BINARY(i16x8_q15mulr_sat_s, 0)
        BINARY(i32x4_dot_i16x8_s, 0)
        BINARY(i16x8_extmul_low_i8x16_s, 0)
        BINARY(i16x8_extmul_high_i8x16_s, 0)
        BINARY(i16x8_extmul_low_i8x16_u, 0)
        BINARY(i16x8_extmul_high_i8x16_u, 0)
        BINARY(i32x4_extmul_low_i16x8_s, 0)
        BINARY(i32x4_extmul_high_i16x8_s, 0)
        BINARY(i32x4_extmul_low_i16x8_u, 0)
        BINARY(i32x4_extmul_high_i16x8_u, 0)
        BINARY(i64x2_extmul_low_i32x4_s, 0)
        BINARY(i64x2_extmul_high_i32x4_s, 0)
        BINARY(i64x2_extmul_low_i32x4_u, 0)
        BINARY(i64x2_extmul_high_i32x4_u, 0)
        BINARY(i8x16_narrow_i16x8_s, 0)
        BINARY(i8x16_narrow_i16x8_u, 0)
        BINARY(i16x8_narrow_i32x4_s, 0)
        BINARY(i16x8_narrow_i32x4_u, 0)
        BINARY(f32x4_min, 32)
        BINARY(f32x4_max, 32)
        BINARY(f32x4_pmin, 32)
        BINARY(f32x4_pmax, 32)
        BINARY(f64x2_min, 64)
        BINARY(f64x2_max, 64)
        BINARY(f64x2_pmin, 64)
        BINARY(f64x2_pmax, 64)
    }
}

TEST(shuffles)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        const v128 a = next_vector(), b = next_vector();
        const v128 lanes = next_vector() & i8x16_splat(31), few = lanes & i8x16_splat(15);
        COMPARE(i8x16_shuffle, 0, i8x16_shuffle(a, b, lanes), plain_i8x16_shuffle(a, b, lanes));
        if (!vector_has_fast_shuffle())
            continue;
        COMPARE(i8x16_shuffle_fast, 0, i8x16_shuffle_fast(a, b, lanes),
                plain_i8x16_shuffle(a, b, lanes));
        COMPARE(i8x16_shuffle_one, 0, i8x16_shuffle_one(a, few), plain_i8x16_shuffle(a, b, few));
        COMPARE(i8x16_swizzle_fast, 0, i8x16_swizzle_fast(a, b), plain_i8x16_swizzle(a, b));
    }
}

/* The plain ones that need more than a loop over lanes, which no suite reaches where they do not
 * run. */
#define LANES(vector, type, lanes)                                                                 \
    type lanes[16 / sizeof(type)];                                                                 \
    memcpy(lanes, &(vector), sizeof lanes)
#define ROUNDED(name, type, function)                                                              \
    do {                                                                                           \
        const v128 out = plain_##name(a);                                                          \
        LANES(a, type, x);                                                                         \
        for (unsigned i = 0; i < 16 / sizeof(type); i++)                                           \
            x[i] = function(x[i]);                                                                 \
        v128 want_;                                                                                \
        memcpy(&want_, x, sizeof want_);                                                           \
        COMPARE(name, 8 * sizeof(type), out, want_);                                               \
    } while (0)

static float quiet_ceil32(float x)
{
    return float_quiet32(ceilf(x));
}
static float quiet_floor32(float x)
{
    return float_quiet32(floorf(x));
}
static float quiet_trunc32(float x)
{
    return float_quiet32(truncf(x));
}
static float quiet_nearest32(float x)
{
    return float_quiet32(rintf(x));
}
static double quiet_ceil64(double x)
{
    return float_quiet64(ceil(x));
}
static double quiet_floor64(double x)
{
    return float_quiet64(floor(x));
}
static double quiet_trunc64(double x)
{
    return float_quiet64(trunc(x));
}
static double quiet_nearest64(double x)
{
    return float_quiet64(rint(x));
}

TEST(plain_rounding)
{
    const v128 b = {0};
    for (unsigned round = 0; round < ROUNDS; round++) {
        const v128 a = next_vector();
        ROUNDED(f32x4_ceil, float, quiet_ceil32);
        ROUNDED(f32x4_floor, float, quiet_floor32);
        ROUNDED(f32x4_trunc, float, quiet_trunc32);
        ROUNDED(f32x4_nearest, float, quiet_nearest32);
        ROUNDED(f64x2_ceil, double, quiet_ceil64);
        ROUNDED(f64x2_floor, double, quiet_floor64);
        ROUNDED(f64x2_trunc, double, quiet_trunc64);
        ROUNDED(f64x2_nearest, double, quiet_nearest64);
    }
}

#define EXTREME(name, type, function)                                                              \
    do {                                                                                           \
        const v128 out = plain_##name(a, b);                                                       \
        v128 want_;                                                                                \
        LANES(a, type, x);                                                                         \
        LANES(b, type, y);                                                                         \
        for (unsigned i = 0; i < 16 / sizeof(type); i++)                                           \
            x[i] = function(x[i], y[i]);                                                           \
        memcpy(&want_, x, sizeof want_);                                                           \
        COMPARE(name, 8 * sizeof(type), out, want_);                                               \
    } while (0)
static float pseudo_min32(float x, float y)
{
    return y < x ? y : x;
}
static float pseudo_max32(float x, float y)
{
    return x < y ? y : x;
}
static int8_t sum_s8(int8_t x, int8_t y)
{
    return (int8_t)(x + y > INT8_MAX ? INT8_MAX : x + y < INT8_MIN ? INT8_MIN : x + y);
}
static int16_t difference_s16(int16_t x, int16_t y)
{
    return (int16_t)(x - y > INT16_MAX ? INT16_MAX : x - y < INT16_MIN ? INT16_MIN : x - y);
}
static uint8_t sum_u8(uint8_t x, uint8_t y)
{
    return (uint8_t)(x + y > 255 ? 255 : x + y);
}
static uint16_t difference_u16(uint16_t x, uint16_t y)
{
    return (uint16_t)(x < y ? 0 : x - y);
}
static uint8_t average_u8(uint8_t x, uint8_t y)
{
    return (uint8_t)((x + y + 1) / 2);
}
static int16_t product_q15(int16_t x, int16_t y)
{
    const int32_t product = (x * y + 0x4000) >> 15;
    return (int16_t)(product > INT16_MAX ? INT16_MAX : product);
}
static int32_t least_s32(int32_t x, int32_t y)
{
    return x < y ? x : y;
}
static uint16_t most_u16(uint16_t x, uint16_t y)
{
    return x > y ? x : y;
}

TEST(plain_lanes_of_two)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        const v128 a = next_vector(), b = next_random() % 8 ? next_vector() : a;
        EXTREME(f32x4_min, float, float_min32);
        EXTREME(f32x4_max, float, float_max32);
        EXTREME(f64x2_min, double, float_min64);
        EXTREME(f64x2_max, double, float_max64);
        EXTREME(f32x4_pmin, float, pseudo_min32);
        EXTREME(f32x4_pmax, float, pseudo_max32);
        EXTREME(i8x16_add_sat_s, int8_t, sum_s8);
        EXTREME(i16x8_sub_sat_s, int16_t, difference_s16);
        EXTREME(i8x16_add_sat_u, uint8_t, sum_u8);
        EXTREME(i16x8_sub_sat_u, uint16_t, difference_u16);
        EXTREME(i8x16_avgr_u, uint8_t, average_u8);
        EXTREME(i16x8_q15mulr_sat_s, int16_t, product_q15);
        EXTREME(i32x4_min_s, int32_t, least_s32);
        EXTREME(i16x8_max_u, uint16_t, most_u16);
    }
}

TEST(wide_products)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        const v128 a = next_vector();
        uint64_t out[2];
        const __int128 is = (__int128)(int64_t)a[0] * (int64_t)a[1];
        const unsigned __int128 us = (unsigned __int128)a[0] * a[1];
        wide_product(out, a[0], a[1], true);
        CHECK(out[0] == (uint64_t)is && out[1] == (uint64_t)((unsigned __int128)is >> 64));
        wide_product(out, a[0], a[1], false);
        CHECK(out[0] == (uint64_t)us && out[1] == (uint64_t)(us >> 64));
    }
}
