/* SPDX-License-Identifier: Apache-2.0
 * execute_words.inc.h — what handlers are written in: the fields of an instruction, the operands of
 * each class, and the guards of icode.def.
 *
 * Included by execute.c before all handlers. There is nothing here but macros, which nobody undoes.
 */

/* ---- fields and classes ---------------------------------------------------------------------- */

#define F0 (pc[1].u16[0])
#define F1 (pc[1].u16[1])
#define F2 (pc[1].u16[2])
#define F3 (pc[1].u16[3])
#define FI (pc[1].u32[1])

#define TYPE_I32     uint32_t
#define TYPE_I64     uint64_t
#define TYPE_F32     float
#define TYPE_F64     double
#define TYPE_V128    v128
#define SLOT_I32(i)  ((uint32_t)fp[i])
#define SLOT_I64(i)  (fp[i])
#define SLOT_F32(i)  bits_f32((uint32_t)fp[i])
#define SLOT_F64(i)  bits_f64(fp[i])
#define SLOT_V128(i) vector_read(fp + (i))
#define ACC_I32      ((uint32_t)acc)
#define ACC_I64      acc
#define ACC_F32      acc_f32
#define ACC_F64      acc_f64
#define ACC_V128     acc_v128
/* Immediates beside the slots of word 1 … */
#define IMM_I32       FI
#define IMM_I64       ((uint64_t)(int64_t)pc[1].i32[1])
#define IMM_F32       bits_f32(FI)
#define IMM_F64       bits_f64(pc[2].u64)
#define IMM_WORDS_I32 2
#define IMM_WORDS_I64 2
#define IMM_WORDS_F32 2
#define IMM_WORDS_F64 3
/* … and those from word 2 on. */
#define WIDE_I32        ((uint32_t)pc[2].u64)
#define WIDE_I64        (pc[2].u64)
#define WIDE_F32        bits_f32((uint32_t)pc[2].u64)
#define WIDE_F64        bits_f64(pc[2].u64)
#define WIDE_V128       vector_read(&pc[2].u64)
#define WIDE_WORDS_I32  3
#define WIDE_WORDS_I64  3
#define WIDE_WORDS_F32  3
#define WIDE_WORDS_F64  3
#define WIDE_WORDS_V128 4

#define LEAVE_I32(value) acc = (uint32_t)(value)
#define LEAVE_I64(value) acc = (uint64_t)(value)
#define LEAVE_F32(value) acc_f32 = (value)
#define LEAVE_F64(value) acc_f64 = (value)
#define PUT_I32(i)       fp[i] = acc
#define PUT_I64(i)       fp[i] = acc
#define PUT_F32(i)       fp[i] = f32_bits(acc_f32)
#define PUT_F64(i)       fp[i] = f64_bits(acc_f64)
/* What a handler whose destination is the accumulator alone does instead of PUT. */
#define KEEP_I32(i) ((void)0)
#define KEEP_I64(i) ((void)0)
#define KEEP_F32(i) ((void)0)
#define KEEP_F64(i) ((void)0)

/* ---- guards of icode.def --------------------------------------------------------------------- */

#define NO_GUARD
#define GUARD_ZERO                                                                                 \
    if (UNLIKELY(y == 0))                                                                          \
        TRAP(DIVIDE_BY_ZERO);
#define GUARD_DIV_S(minimum, type)                                                                 \
    GUARD_ZERO                                                                                     \
    if (UNLIKELY((type)y == -1 && (type)x == (minimum)))                                           \
        TRAP(INTEGER_OVERFLOW);
#define GUARD_NULL                                                                                 \
    if (UNLIKELY(x == 0))                                                                          \
        TRAP(NULL_REFERENCE);
#define GUARD_STRUCT                                                                               \
    if (UNLIKELY(x == 0))                                                                          \
        TRAP(NULL_STRUCT);
#define GUARD_ARRAY                                                                                \
    if (UNLIKELY(x == 0))                                                                          \
        TRAP(NULL_ARRAY);
#define GUARD_I31                                                                                  \
    if (UNLIKELY(x == 0))                                                                          \
        TRAP(NULL_I31);
#define GUARD_CAST                                                                                 \
    if (UNLIKELY(!ref_is(m->instance->module->types, x, FI)))                                      \
        TRAP(CAST);
#define GUARD_RANGE(inside)                                                                        \
    if (UNLIKELY(!(inside))) {                                                                     \
        if (x != x)                                                                                \
            TRAP(INVALID_CONVERSION);                                                              \
        TRAP(INTEGER_OVERFLOW);                                                                    \
    }
#define SATURATE(above, below, minimum, maximum, inside)                                           \
    (x != x ? 0 : !(above) ? (minimum) : !(below) ? (maximum) : (inside))
