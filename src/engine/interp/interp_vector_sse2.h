/* SPDX-License-Identifier: Apache-2.0
 * interp_vector_sse2.h — x86: the functions of interp_vector.h for which SSE2, which every x86-64
 * has, knows instructions that compilers do not find by themselves.
 *
 * What newer processors have beyond that and pays (a shuffle of bytes) is chosen when code is
 * translated, see interp_vector.h.
 */
#include <emmintrin.h>

#define NATIVE_1(name, expr)                                                                       \
    static inline v128 name(v128 a)                                                                \
    {                                                                                              \
        const __m128i x = (__m128i)a;                                                              \
        return (v128)(expr);                                                                       \
    }
#define NATIVE_2(name, expr)                                                                       \
    static inline v128 name(v128 a, v128 b)                                                        \
    {                                                                                              \
        const __m128i x = (__m128i)a, y = (__m128i)b;                                              \
        return (v128)(expr);                                                                       \
    }
#define NATIVE_PS(name, expr)                                                                      \
    static inline v128 name(v128 a, v128 b)                                                        \
    {                                                                                              \
        const __m128 x = (__m128)a, y = (__m128)b;                                                 \
        return (v128)(expr);                                                                       \
    }
#define NATIVE_PD(name, expr)                                                                      \
    static inline v128 name(v128 a, v128 b)                                                        \
    {                                                                                              \
        const __m128d x = (__m128d)a, y = (__m128d)b;                                              \
        return (v128)(expr);                                                                       \
    }

/* ---- lanes ----------------------------------------------------------------------------------- */

#define i8x16_swizzle plain_i8x16_swizzle
#define i8x16_shuffle plain_i8x16_shuffle

/* Bytes of `a` by the lower four bits of `lanes`, 0 where their topmost is set. This file is
 * compiled for processors without it, so that the compiler cannot be asked for it. */
static inline v128 shuffle_bytes(v128 a, v128 lanes)
{
    __asm__("pshufb %1, %0" : "+x"(a) : "x"(lanes));
    return a;
}

static inline bool vector_has_fast_shuffle(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("ssse3");
}

/* Adding 0x70 sets the topmost bit of what is 16 and more. */
static inline v128 i8x16_swizzle_fast(v128 a, v128 b)
{
    return shuffle_bytes(a, (v128)_mm_adds_epu8((__m128i)b, _mm_set1_epi8(0x70)));
}

/* Taking 16 off sets it of what is less. */
static inline v128 i8x16_shuffle_fast(v128 a, v128 b, v128 lanes)
{
    return i8x16_swizzle_fast(a, lanes) | shuffle_bytes(b, i8x16_sub(lanes, i8x16_splat(16)));
}

/* Of lanes that are all below 16. */
static inline v128 i8x16_shuffle_one(v128 a, v128 lanes)
{
    return shuffle_bytes(a, lanes);
}

static inline uint32_t i8x16_bitmask(v128 a)
{
    return (uint32_t)_mm_movemask_epi8((__m128i)a);
}

static inline uint32_t i16x8_bitmask(v128 a)
{
    return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16((__m128i)a, _mm_setzero_si128()));
}

static inline uint32_t i32x4_bitmask(v128 a)
{
    return (uint32_t)_mm_movemask_ps((__m128)a);
}

static inline uint32_t i64x2_bitmask(v128 a)
{
    return (uint32_t)_mm_movemask_pd((__m128d)a);
}

/* ---- integer arithmetic ---------------------------------------------------------------------- */

#define i8x16_min_s  plain_i8x16_min_s
#define i8x16_max_s  plain_i8x16_max_s
#define i32x4_min_s  plain_i32x4_min_s
#define i32x4_max_s  plain_i32x4_max_s
#define i32x4_min_u  plain_i32x4_min_u
#define i32x4_max_u  plain_i32x4_max_u
#define i8x16_popcnt plain_i8x16_popcnt
NATIVE_2(i8x16_min_u, _mm_min_epu8(x, y))
NATIVE_2(i8x16_max_u, _mm_max_epu8(x, y))
NATIVE_2(i16x8_min_s, _mm_min_epi16(x, y))
NATIVE_2(i16x8_max_s, _mm_max_epi16(x, y))
/* What the second is short of the first by, or of 0. */
NATIVE_2(i16x8_min_u, _mm_sub_epi16(x, _mm_subs_epu16(x, y)))
NATIVE_2(i16x8_max_u, _mm_add_epi16(y, _mm_subs_epu16(x, y)))
NATIVE_2(i8x16_add_sat_s, _mm_adds_epi8(x, y))
NATIVE_2(i8x16_add_sat_u, _mm_adds_epu8(x, y))
NATIVE_2(i8x16_sub_sat_s, _mm_subs_epi8(x, y))
NATIVE_2(i8x16_sub_sat_u, _mm_subs_epu8(x, y))
NATIVE_2(i16x8_add_sat_s, _mm_adds_epi16(x, y))
NATIVE_2(i16x8_add_sat_u, _mm_adds_epu16(x, y))
NATIVE_2(i16x8_sub_sat_s, _mm_subs_epi16(x, y))
NATIVE_2(i16x8_sub_sat_u, _mm_subs_epu16(x, y))
NATIVE_2(i8x16_avgr_u, _mm_avg_epu8(x, y))
NATIVE_2(i16x8_avgr_u, _mm_avg_epu16(x, y))
NATIVE_2(i32x4_dot_i16x8_s, _mm_madd_epi16(x, y))

/* The product has 32 bits, of which 15 go and the topmost of them rounds. 0x8000 comes of -1 times
 * -1 alone. */
static inline v128 i16x8_q15mulr_sat_s(v128 a, v128 b)
{
    const __m128i low = _mm_mullo_epi16((__m128i)a, (__m128i)b);
    const __m128i high = _mm_mulhi_epi16((__m128i)a, (__m128i)b);
    const __m128i cut = _mm_or_si128(_mm_slli_epi16(high, 1), _mm_srli_epi16(low, 15));
    const __m128i half = _mm_and_si128(_mm_srli_epi16(low, 14), _mm_set1_epi16(1));
    const __m128i rounded = _mm_add_epi16(cut, half);

    return (v128)_mm_xor_si128(rounded, _mm_cmpeq_epi16(rounded, _mm_set1_epi16(INT16_MIN)));
}

/* ---- lanes that change their width ----------------------------------------------------------- */

/* A lane beside its own sign, or beside 0; or in the upper half of a wide one, and shifted down. */
NATIVE_1(i16x8_extend_low_i8x16_s, _mm_srai_epi16(_mm_unpacklo_epi8(x, x), 8))
NATIVE_1(i16x8_extend_high_i8x16_s, _mm_srai_epi16(_mm_unpackhi_epi8(x, x), 8))
NATIVE_1(i16x8_extend_low_i8x16_u, _mm_unpacklo_epi8(x, _mm_setzero_si128()))
NATIVE_1(i16x8_extend_high_i8x16_u, _mm_unpackhi_epi8(x, _mm_setzero_si128()))
NATIVE_1(i32x4_extend_low_i16x8_s, _mm_srai_epi32(_mm_unpacklo_epi16(x, x), 16))
NATIVE_1(i32x4_extend_high_i16x8_s, _mm_srai_epi32(_mm_unpackhi_epi16(x, x), 16))
NATIVE_1(i32x4_extend_low_i16x8_u, _mm_unpacklo_epi16(x, _mm_setzero_si128()))
NATIVE_1(i32x4_extend_high_i16x8_u, _mm_unpackhi_epi16(x, _mm_setzero_si128()))
NATIVE_1(i64x2_extend_low_i32x4_s, _mm_unpacklo_epi32(x, _mm_srai_epi32(x, 31)))
NATIVE_1(i64x2_extend_high_i32x4_s, _mm_unpackhi_epi32(x, _mm_srai_epi32(x, 31)))
NATIVE_1(i64x2_extend_low_i32x4_u, _mm_unpacklo_epi32(x, _mm_setzero_si128()))
NATIVE_1(i64x2_extend_high_i32x4_u, _mm_unpackhi_epi32(x, _mm_setzero_si128()))

#define NATIVE_EXTMUL(half, sign)                                                                  \
    static inline v128 i16x8_extmul_##half##_i8x16_##sign(v128 a, v128 b)                          \
    {                                                                                              \
        return i16x8_mul(i16x8_extend_##half##_i8x16_##sign(a),                                    \
                         i16x8_extend_##half##_i8x16_##sign(b));                                   \
    }
NATIVE_EXTMUL(low, s)
NATIVE_EXTMUL(high, s)
NATIVE_EXTMUL(low, u)
NATIVE_EXTMUL(high, u)
#undef NATIVE_EXTMUL
NATIVE_2(i32x4_extmul_low_i16x8_s, _mm_unpacklo_epi16(_mm_mullo_epi16(x, y), _mm_mulhi_epi16(x, y)))
NATIVE_2(i32x4_extmul_high_i16x8_s,
         _mm_unpackhi_epi16(_mm_mullo_epi16(x, y), _mm_mulhi_epi16(x, y)))
NATIVE_2(i32x4_extmul_low_i16x8_u, _mm_unpacklo_epi16(_mm_mullo_epi16(x, y), _mm_mulhi_epu16(x, y)))
NATIVE_2(i32x4_extmul_high_i16x8_u,
         _mm_unpackhi_epi16(_mm_mullo_epi16(x, y), _mm_mulhi_epu16(x, y)))
NATIVE_2(i64x2_extmul_low_i32x4_u,
         _mm_mul_epu32(_mm_unpacklo_epi32(x, x), _mm_unpacklo_epi32(y, y)))
NATIVE_2(i64x2_extmul_high_i32x4_u,
         _mm_mul_epu32(_mm_unpackhi_epi32(x, x), _mm_unpackhi_epi32(y, y)))

/* A negative factor was taken for 2^32 more: the other one, 2^32 times, comes off again. */
static inline __m128i signed_product(__m128i x, __m128i y)
{
    const __m128i more = _mm_add_epi64(_mm_and_si128(_mm_srai_epi32(x, 31), y),
                                       _mm_and_si128(_mm_srai_epi32(y, 31), x));

    return _mm_sub_epi64(_mm_mul_epu32(x, y), _mm_slli_epi64(more, 32));
}
NATIVE_2(i64x2_extmul_low_i32x4_s,
         signed_product(_mm_unpacklo_epi32(x, x), _mm_unpacklo_epi32(y, y)))
NATIVE_2(i64x2_extmul_high_i32x4_s,
         signed_product(_mm_unpackhi_epi32(x, x), _mm_unpackhi_epi32(y, y)))

NATIVE_2(i8x16_narrow_i16x8_s, _mm_packs_epi16(x, y))
NATIVE_2(i8x16_narrow_i16x8_u, _mm_packus_epi16(x, y))
NATIVE_2(i16x8_narrow_i32x4_s, _mm_packs_epi32(x, y))

/* There is only the signed one: lanes are cut to their range and moved into the middle. */
static inline v128 i16x8_narrow_i32x4_u(v128 a, v128 b)
{
    const v128 zero = {0}, most = i32x4_splat(0xFFFF), middle = i32x4_splat(0x8000);
    const v128 x = i32x4_sub(i32x4_min_s(i32x4_max_s(a, zero), most), middle);
    const v128 y = i32x4_sub(i32x4_min_s(i32x4_max_s(b, zero), most), middle);

    return (v128)_mm_packs_epi32((__m128i)x, (__m128i)y) ^ i16x8_splat(0x8000);
}

/* ---- floats ---------------------------------------------------------------------------------- */

#define f32x4_ceil    plain_f32x4_ceil
#define f32x4_floor   plain_f32x4_floor
#define f32x4_trunc   plain_f32x4_trunc
#define f32x4_nearest plain_f32x4_nearest
#define f64x2_ceil    plain_f64x2_ceil
#define f64x2_floor   plain_f64x2_floor
#define f64x2_trunc   plain_f64x2_trunc
#define f64x2_nearest plain_f64x2_nearest

/* The machine's give the second operand if one is NaN or both are zero. So both orders are asked;
 * together they have the bits of either NaN or zero. A NaN's lower bits are cleared, which makes
 * it quiet. */
static inline v128 canonical_ps(__m128 either)
{
    const __m128i nan = (__m128i)_mm_cmpunord_ps(either, either);

    return (v128)_mm_andnot_si128(_mm_srli_epi32(nan, 10), _mm_or_si128((__m128i)either, nan));
}

static inline v128 canonical_pd(__m128d either)
{
    const __m128i nan = (__m128i)_mm_cmpunord_pd(either, either);

    return (v128)_mm_andnot_si128(_mm_srli_epi64(nan, 13), _mm_or_si128((__m128i)either, nan));
}

NATIVE_PS(f32x4_min, canonical_ps(_mm_or_ps(_mm_min_ps(x, y), _mm_min_ps(y, x))))
NATIVE_PD(f64x2_min, canonical_pd(_mm_or_pd(_mm_min_pd(x, y), _mm_min_pd(y, x))))

/* Zeroes of different signs differ in the sign; NaNs anyhow: what differs is taken off again. */
static inline v128 f32x4_max(v128 a, v128 b)
{
    const __m128 x = _mm_max_ps((__m128)a, (__m128)b), y = _mm_max_ps((__m128)b, (__m128)a);
    const __m128 different = _mm_xor_ps(x, y);

    return canonical_ps(_mm_sub_ps(_mm_or_ps(x, different), different));
}

static inline v128 f64x2_max(v128 a, v128 b)
{
    const __m128d x = _mm_max_pd((__m128d)a, (__m128d)b), y = _mm_max_pd((__m128d)b, (__m128d)a);
    const __m128d different = _mm_xor_pd(x, y);

    return canonical_pd(_mm_sub_pd(_mm_or_pd(x, different), different));
}

NATIVE_PS(f32x4_pmin, _mm_min_ps(y, x))
NATIVE_PS(f32x4_pmax, _mm_max_ps(y, x))
NATIVE_PD(f64x2_pmin, _mm_min_pd(y, x))
NATIVE_PD(f64x2_pmax, _mm_max_pd(y, x))
NATIVE_1(f32x4_sqrt, _mm_sqrt_ps((__m128)x))
NATIVE_1(f64x2_sqrt, _mm_sqrt_pd((__m128d)x))
NATIVE_1(f64x2_promote_low_f32x4, _mm_cvtps_pd((__m128)x))
NATIVE_1(f32x4_demote_f64x2_zero, _mm_cvtpd_ps((__m128d)x))

/* The machine's answer to what does not fit is 0x80000000: right for what is too small, one too
 * many for what is too large. */
static inline v128 i32x4_trunc_sat_f32x4_s(v128 a)
{
    const __m128 x = _mm_and_ps((__m128)a, _mm_cmpord_ps((__m128)a, (__m128)a));
    const __m128i large = (__m128i)_mm_cmpge_ps(x, _mm_set1_ps(0x1p31f));

    return (v128)_mm_xor_si128(_mm_cvttps_epi32(x), large);
}

/* Beside what the machine makes of the number, the same of what it has above 2^31. */
static inline v128 i32x4_trunc_sat_f32x4_u(v128 a)
{
    const __m128 half = _mm_set1_ps(0x1p31f), x = _mm_max_ps((__m128)a, _mm_setzero_ps());
    const __m128 rest = _mm_sub_ps(x, half);
    const __m128i large = (__m128i)_mm_cmpge_ps(rest, half);
    const v128 more = (v128)_mm_xor_si128(_mm_cvttps_epi32(rest), large);

    return i32x4_add((v128)_mm_cvttps_epi32(x), more & ~i32x4_shr_s(more, 31));
}

#define i32x4_trunc_sat_f64x2_u_zero plain_i32x4_trunc_sat_f64x2_u_zero
static inline v128 i32x4_trunc_sat_f64x2_s_zero(v128 a)
{
    const __m128d x = _mm_and_pd((__m128d)a, _mm_cmpord_pd((__m128d)a, (__m128d)a));

    return (v128)_mm_cvttpd_epi32(_mm_min_pd(x, _mm_set1_pd(INT32_MAX)));
}

#undef NATIVE_1
#undef NATIVE_2
#undef NATIVE_PS
#undef NATIVE_PD
