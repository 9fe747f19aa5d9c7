/* SPDX-License-Identifier: Apache-2.0
 * interp_vector_neon.h — AArch64: the functions of interp_vector.h for which its vector unit, which
 * every one has, knows instructions that compilers do not find by themselves.
 */
#include <arm_neon.h>

#define NATIVE_1(name, type, expr)                                                                 \
    static inline v128 name(v128 a)                                                                \
    {                                                                                              \
        const type x = (type)a;                                                                    \
        return (v128)(expr);                                                                       \
    }
#define NATIVE_2(name, type, expr)                                                                 \
    static inline v128 name(v128 a, v128 b)                                                        \
    {                                                                                              \
        const type x = (type)a, y = (type)b;                                                       \
        return (v128)(expr);                                                                       \
    }

/* ---- lanes ----------------------------------------------------------------------------------- */

/* Lanes beyond the table's are 0. */
NATIVE_2(i8x16_swizzle, uint8x16_t, vqtbl1q_u8(x, y))

static inline v128 i8x16_shuffle(v128 a, v128 b, v128 lanes)
{
    const uint8x16x2_t both = {{(uint8x16_t)a, (uint8x16_t)b}};

    return (v128)vqtbl2q_u8(both, (uint8x16_t)lanes);
}

static inline bool vector_has_fast_shuffle(void)
{
    return true;
}

#define i8x16_swizzle_fast i8x16_swizzle
#define i8x16_shuffle_fast i8x16_shuffle
#define i8x16_shuffle_one  i8x16_swizzle

/* Each lane's sign at its lane's place, and the places summed up. */
static inline uint32_t i8x16_bitmask(v128 a)
{
    static const int8_t places[16] = {0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7};
    const uint8x16_t signs = vshlq_u8(vshrq_n_u8((uint8x16_t)a, 7), vld1q_s8(places));

    return vaddv_u8(vget_low_u8(signs)) | (uint32_t)vaddv_u8(vget_high_u8(signs)) << 8;
}

static inline uint32_t i16x8_bitmask(v128 a)
{
    static const int16_t places[8] = {0, 1, 2, 3, 4, 5, 6, 7};

    return vaddvq_u16(vshlq_u16(vshrq_n_u16((uint16x8_t)a, 15), vld1q_s16(places)));
}

static inline uint32_t i32x4_bitmask(v128 a)
{
    static const int32_t places[4] = {0, 1, 2, 3};

    return vaddvq_u32(vshlq_u32(vshrq_n_u32((uint32x4_t)a, 31), vld1q_s32(places)));
}

static inline uint32_t i64x2_bitmask(v128 a)
{
    return (uint32_t)(a[0] >> 63 | a[1] >> 63 << 1);
}

/* ---- integer arithmetic ---------------------------------------------------------------------- */

NATIVE_2(i8x16_min_s, int8x16_t, vminq_s8(x, y))
NATIVE_2(i8x16_min_u, uint8x16_t, vminq_u8(x, y))
NATIVE_2(i8x16_max_s, int8x16_t, vmaxq_s8(x, y))
NATIVE_2(i8x16_max_u, uint8x16_t, vmaxq_u8(x, y))
NATIVE_2(i16x8_min_s, int16x8_t, vminq_s16(x, y))
NATIVE_2(i16x8_min_u, uint16x8_t, vminq_u16(x, y))
NATIVE_2(i16x8_max_s, int16x8_t, vmaxq_s16(x, y))
NATIVE_2(i16x8_max_u, uint16x8_t, vmaxq_u16(x, y))
NATIVE_2(i32x4_min_s, int32x4_t, vminq_s32(x, y))
NATIVE_2(i32x4_min_u, uint32x4_t, vminq_u32(x, y))
NATIVE_2(i32x4_max_s, int32x4_t, vmaxq_s32(x, y))
NATIVE_2(i32x4_max_u, uint32x4_t, vmaxq_u32(x, y))
NATIVE_2(i8x16_add_sat_s, int8x16_t, vqaddq_s8(x, y))
NATIVE_2(i8x16_add_sat_u, uint8x16_t, vqaddq_u8(x, y))
NATIVE_2(i8x16_sub_sat_s, int8x16_t, vqsubq_s8(x, y))
NATIVE_2(i8x16_sub_sat_u, uint8x16_t, vqsubq_u8(x, y))
NATIVE_2(i8x16_avgr_u, uint8x16_t, vrhaddq_u8(x, y))
NATIVE_2(i16x8_add_sat_s, int16x8_t, vqaddq_s16(x, y))
NATIVE_2(i16x8_add_sat_u, uint16x8_t, vqaddq_u16(x, y))
NATIVE_2(i16x8_sub_sat_s, int16x8_t, vqsubq_s16(x, y))
NATIVE_2(i16x8_sub_sat_u, uint16x8_t, vqsubq_u16(x, y))
NATIVE_2(i16x8_avgr_u, uint16x8_t, vrhaddq_u16(x, y))
NATIVE_1(i8x16_popcnt, uint8x16_t, vcntq_u8(x))
NATIVE_2(i16x8_q15mulr_sat_s, int16x8_t, vqrdmulhq_s16(x, y))

static inline v128 i32x4_dot_i16x8_s(v128 a, v128 b)
{
    const int16x8_t x = (int16x8_t)a, y = (int16x8_t)b;

    return (v128)vpaddq_s32(vmull_s16(vget_low_s16(x), vget_low_s16(y)), vmull_high_s16(x, y));
}

/* ---- lanes that change their width ----------------------------------------------------------- */

NATIVE_1(i16x8_extend_low_i8x16_s, int8x16_t, vmovl_s8(vget_low_s8(x)))
NATIVE_1(i16x8_extend_high_i8x16_s, int8x16_t, vmovl_high_s8(x))
NATIVE_1(i16x8_extend_low_i8x16_u, uint8x16_t, vmovl_u8(vget_low_u8(x)))
NATIVE_1(i16x8_extend_high_i8x16_u, uint8x16_t, vmovl_high_u8(x))
NATIVE_2(i16x8_extmul_low_i8x16_s, int8x16_t, vmull_s8(vget_low_s8(x), vget_low_s8(y)))
NATIVE_2(i16x8_extmul_high_i8x16_s, int8x16_t, vmull_high_s8(x, y))
NATIVE_2(i16x8_extmul_low_i8x16_u, uint8x16_t, vmull_u8(vget_low_u8(x), vget_low_u8(y)))
NATIVE_2(i16x8_extmul_high_i8x16_u, uint8x16_t, vmull_high_u8(x, y))
NATIVE_1(i32x4_extend_low_i16x8_s, int16x8_t, vmovl_s16(vget_low_s16(x)))
NATIVE_1(i32x4_extend_high_i16x8_s, int16x8_t, vmovl_high_s16(x))
NATIVE_1(i32x4_extend_low_i16x8_u, uint16x8_t, vmovl_u16(vget_low_u16(x)))
NATIVE_1(i32x4_extend_high_i16x8_u, uint16x8_t, vmovl_high_u16(x))
NATIVE_2(i32x4_extmul_low_i16x8_s, int16x8_t, vmull_s16(vget_low_s16(x), vget_low_s16(y)))
NATIVE_2(i32x4_extmul_high_i16x8_s, int16x8_t, vmull_high_s16(x, y))
NATIVE_2(i32x4_extmul_low_i16x8_u, uint16x8_t, vmull_u16(vget_low_u16(x), vget_low_u16(y)))
NATIVE_2(i32x4_extmul_high_i16x8_u, uint16x8_t, vmull_high_u16(x, y))
NATIVE_1(i64x2_extend_low_i32x4_s, int32x4_t, vmovl_s32(vget_low_s32(x)))
NATIVE_1(i64x2_extend_high_i32x4_s, int32x4_t, vmovl_high_s32(x))
NATIVE_1(i64x2_extend_low_i32x4_u, uint32x4_t, vmovl_u32(vget_low_u32(x)))
NATIVE_1(i64x2_extend_high_i32x4_u, uint32x4_t, vmovl_high_u32(x))
NATIVE_2(i64x2_extmul_low_i32x4_s, int32x4_t, vmull_s32(vget_low_s32(x), vget_low_s32(y)))
NATIVE_2(i64x2_extmul_high_i32x4_s, int32x4_t, vmull_high_s32(x, y))
NATIVE_2(i64x2_extmul_low_i32x4_u, uint32x4_t, vmull_u32(vget_low_u32(x), vget_low_u32(y)))
NATIVE_2(i64x2_extmul_high_i32x4_u, uint32x4_t, vmull_high_u32(x, y))
NATIVE_2(i8x16_narrow_i16x8_s, int16x8_t, vqmovn_high_s16(vqmovn_s16(x), y))
NATIVE_2(i8x16_narrow_i16x8_u, int16x8_t, vqmovun_high_s16(vqmovun_s16(x), y))
NATIVE_2(i16x8_narrow_i32x4_s, int32x4_t, vqmovn_high_s32(vqmovn_s32(x), y))
NATIVE_2(i16x8_narrow_i32x4_u, int32x4_t, vqmovun_high_s32(vqmovun_s32(x), y))

/* ---- floats ---------------------------------------------------------------------------------- */

NATIVE_2(f32x4_min, float32x4_t, vminq_f32(x, y))
NATIVE_2(f32x4_max, float32x4_t, vmaxq_f32(x, y))
NATIVE_1(f32x4_ceil, float32x4_t, vrndpq_f32(x))
NATIVE_1(f32x4_floor, float32x4_t, vrndmq_f32(x))
NATIVE_1(f32x4_trunc, float32x4_t, vrndq_f32(x))
NATIVE_1(f32x4_nearest, float32x4_t, vrndnq_f32(x))
NATIVE_1(f32x4_sqrt, float32x4_t, vsqrtq_f32(x))
NATIVE_2(f64x2_min, float64x2_t, vminq_f64(x, y))
NATIVE_2(f64x2_max, float64x2_t, vmaxq_f64(x, y))
NATIVE_1(f64x2_ceil, float64x2_t, vrndpq_f64(x))
NATIVE_1(f64x2_floor, float64x2_t, vrndmq_f64(x))
NATIVE_1(f64x2_trunc, float64x2_t, vrndq_f64(x))
NATIVE_1(f64x2_nearest, float64x2_t, vrndnq_f64(x))
NATIVE_1(f64x2_sqrt, float64x2_t, vsqrtq_f64(x))
NATIVE_1(f64x2_promote_low_f32x4, float32x4_t, vcvt_f64_f32(vget_low_f32(x)))
NATIVE_1(f32x4_demote_f64x2_zero, float64x2_t, vcombine_f32(vcvt_f32_f64(x), vdup_n_f32(0)))
NATIVE_1(i32x4_trunc_sat_f32x4_s, float32x4_t, vcvtq_s32_f32(x))
NATIVE_1(i32x4_trunc_sat_f32x4_u, float32x4_t, vcvtq_u32_f32(x))
NATIVE_1(i32x4_trunc_sat_f64x2_s_zero, float64x2_t,
         vcombine_s32(vqmovn_s64(vcvtq_s64_f64(x)), vdup_n_s32(0)))
NATIVE_1(i32x4_trunc_sat_f64x2_u_zero, float64x2_t,
         vcombine_u32(vqmovn_u64(vcvtq_u64_f64(x)), vdup_n_u32(0)))
#define f32x4_pmin plain_f32x4_pmin
#define f32x4_pmax plain_f32x4_pmax
#define f64x2_pmin plain_f64x2_pmin
#define f64x2_pmax plain_f64x2_pmax

#undef NATIVE_1
#undef NATIVE_2
