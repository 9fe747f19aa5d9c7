/* SPDX-License-Identifier: Apache-2.0
 * execute_vector.inc.h — the handlers of icode_vector.def, included by execute.c behind those of
 * execute_families.inc.h, whose shapes they use beside execute_words.inc.h.
 *
 * A vector goes to its slot and to its accumulator. Accesses to memory are those of scalars.
 */

#define LEAVE_V128(value)                                                                          \
    do {                                                                                           \
        acc_v128 = (value);                                                                        \
        vector_write(fp + F0, acc_v128);                                                           \
    } while (0)

#define VECTOR_ONE(name, type, first, expr)                                                        \
    HANDLER(name)                                                                                  \
    {                                                                                              \
        const type x = (first);                                                                    \
        LEAVE_V128(expr);                                                                          \
        NEXT(2);                                                                                   \
    }
#define VECTOR_TWO(name, type, first, second, expr)                                                \
    HANDLER(name)                                                                                  \
    {                                                                                              \
        const v128 x = (first);                                                                    \
        const type y = (second);                                                                   \
        LEAVE_V128(expr);                                                                          \
        NEXT(2);                                                                                   \
    }
#define VECTOR_THREE(name, first, second, third, expr)                                             \
    HANDLER(name)                                                                                  \
    {                                                                                              \
        const v128 x = (first), y = (second), z = (third);                                         \
        LEAVE_V128(expr);                                                                          \
        NEXT(2);                                                                                   \
    }

#define VECTOR_1(id, text, expr)                                                                   \
    VECTOR_ONE(id##_S, v128, SLOT_V128(F1), expr)                                                  \
    VECTOR_ONE(id##_A, v128, acc_v128, expr)
#define VECTOR_SPLAT(id, text, in, expr)                                                           \
    VECTOR_ONE(id##_S, TYPE_##in, SLOT_##in(F1), expr)                                             \
    VECTOR_ONE(id##_A, TYPE_##in, ACC_##in, expr)
#define VECTOR_C(id, text, expr)                                                                   \
    VECTOR_TWO(id##_SS, v128, SLOT_V128(F1), SLOT_V128(F2), expr)                                  \
    VECTOR_TWO(id##_AS, v128, acc_v128, SLOT_V128(F2), expr)
#define VECTOR_N(id, text, expr)                                                                   \
    VECTOR_TWO(id##_SS, v128, SLOT_V128(F1), SLOT_V128(F2), expr)                                  \
    VECTOR_TWO(id##_AS, v128, acc_v128, SLOT_V128(F2), expr)                                       \
    VECTOR_TWO(id##_SA, v128, SLOT_V128(F1), acc_v128, expr)
#define VECTOR_3(id, text, expr)                                                                   \
    VECTOR_THREE(id##_SSS, SLOT_V128(F1), SLOT_V128(F2), SLOT_V128(F3), expr)                      \
    VECTOR_THREE(id##_ASS, acc_v128, SLOT_V128(F2), SLOT_V128(F3), expr)                           \
    VECTOR_THREE(id##_SSA, SLOT_V128(F1), SLOT_V128(F2), acc_v128, expr)
#define VECTOR_SHIFT(id, text, expr)                                                               \
    VECTOR_TWO(id##_SS, uint32_t, SLOT_V128(F1), SLOT_I32(F2), expr)                               \
    VECTOR_TWO(id##_SI, uint32_t, SLOT_V128(F1), FI, expr)                                         \
    VECTOR_TWO(id##_AS, uint32_t, acc_v128, SLOT_I32(F2), expr)                                    \
    VECTOR_TWO(id##_AI, uint32_t, acc_v128, FI, expr)

/* A lane is read from the slot as from memory. */
#define EXTRACT_ONE(name, out, type, expr, put)                                                    \
    HANDLER(name)                                                                                  \
    {                                                                                              \
        type x;                                                                                    \
        memcpy(&x, (const char *)(fp + F1) + F2 * sizeof x, sizeof x);                             \
        LEAVE_##out(expr);                                                                         \
        put##_##out(F0);                                                                           \
        NEXT(2);                                                                                   \
    }
#define VECTOR_EXTRACT(id, text, out, type, expr)                                                  \
    EXTRACT_ONE(id##_S_S, out, type, expr, PUT)                                                    \
    EXTRACT_ONE(id##_S_A, out, type, expr, KEEP)
#define REPLACE_ONE(name, in, first, second, expr)                                                 \
    HANDLER(name)                                                                                  \
    {                                                                                              \
        const v128 x = (first);                                                                    \
        const TYPE_##in y = (second);                                                              \
        const unsigned lane = F3;                                                                  \
        LEAVE_V128(expr);                                                                          \
        NEXT(2);                                                                                   \
    }
#define VECTOR_REPLACE(id, text, in, expr)                                                         \
    REPLACE_ONE(id##_SS, in, SLOT_V128(F1), SLOT_##in(F2), expr)                                   \
    REPLACE_ONE(id##_AS, in, acc_v128, SLOT_##in(F2), expr)                                        \
    REPLACE_ONE(id##_SA, in, SLOT_V128(F1), ACC_##in, expr)                                        \
    REPLACE_ONE(id##_AA, in, acc_v128, ACC_##in, expr)

#define VECTOR_LOAD_ONE(name, type, expr, address, words)                                          \
    HANDLER(name)                                                                                  \
    {                                                                                              \
        const uint64_t at = (address);                                                             \
        type x;                                                                                    \
        if (UNLIKELY(at + sizeof x > length))                                                      \
            TRAP(OOB_MEMORY);                                                                      \
        memcpy(&x, base + at, sizeof x);                                                           \
        LEAVE_V128(expr);                                                                          \
        NEXT(words);                                                                               \
    }
#define VECTOR_LOAD(id, text, type, expr)                                                          \
    VECTOR_LOAD_ONE(id##_S, type, expr, (uint64_t)SLOT_I32(F1) + FI, 2)                            \
    VECTOR_LOAD_ONE(id##_A, type, expr, (uint64_t)ACC_I32 + FI, 2)                                 \
    VECTOR_LOAD_ONE(id##_I, type, expr, FI, 2)                                                     \
    VECTOR_LOAD_ONE(id##_SS, type, expr, (uint64_t)(SLOT_I32(F1) + SLOT_I32(F2)) + F3, 2)          \
    VECTOR_LOAD_ONE(id##_AS, type, expr, (uint64_t)(ACC_I32 + SLOT_I32(F2)) + F3, 2)               \
    VECTOR_LOAD_ONE(id##_SI, type, expr, (uint64_t)(SLOT_I32(F1) + FI) + WIDE_I32, 3)              \
    VECTOR_LOAD_ONE(id##_AI, type, expr, (uint64_t)(ACC_I32 + FI) + WIDE_I32, 3)
#define VECTOR_LOAD_LANE(id, text, type, expr)                                                     \
    HANDLER(id)                                                                                    \
    {                                                                                              \
        const uint64_t at = (uint64_t)SLOT_I32(F1) + FI;                                           \
        const v128 y = SLOT_V128(pc[2].u16[0]);                                                    \
        const unsigned lane = pc[2].u16[1];                                                        \
        type x;                                                                                    \
        if (UNLIKELY(at + sizeof x > length))                                                      \
            TRAP(OOB_MEMORY);                                                                      \
        memcpy(&x, base + at, sizeof x);                                                           \
        LEAVE_V128(expr);                                                                          \
        NEXT(3);                                                                                   \
    }
#define VECTOR_STORE_LANE(id, text, type)                                                          \
    HANDLER(id)                                                                                    \
    {                                                                                              \
        const uint64_t at = (uint64_t)SLOT_I32(F0) + FI;                                           \
        if (UNLIKELY(at + sizeof(type) > length))                                                  \
            TRAP(OOB_MEMORY);                                                                      \
        memcpy(base + at, (const char *)(fp + F1) + pc[2].u16[0] * sizeof(type), sizeof(type));    \
        NEXT(3);                                                                                   \
    }
#include "icode.def"

/* Shuffles. */
VECTOR_TWO(I8X16_SWIZZLE_FAST_SS, v128, SLOT_V128(F1), SLOT_V128(F2), i8x16_swizzle_fast(x, y))
VECTOR_TWO(I8X16_SWIZZLE_FAST_AS, v128, acc_v128, SLOT_V128(F2), i8x16_swizzle_fast(x, y))
VECTOR_TWO(I8X16_SWIZZLE_FAST_SA, v128, SLOT_V128(F1), acc_v128, i8x16_swizzle_fast(x, y))
#define SHUFFLE_ONE(name, result)                                                                  \
    HANDLER(name)                                                                                  \
    {                                                                                              \
        const v128 lanes = WIDE_V128;                                                              \
        LEAVE_V128(result);                                                                        \
        NEXT(4);                                                                                   \
    }
SHUFFLE_ONE(I8X16_SHUFFLE_SS, i8x16_shuffle(SLOT_V128(F1), SLOT_V128(F2), lanes))
SHUFFLE_ONE(I8X16_SHUFFLE_FAST_SS, i8x16_shuffle_fast(SLOT_V128(F1), SLOT_V128(F2), lanes))
SHUFFLE_ONE(I8X16_SHUFFLE_FAST_AS, i8x16_shuffle_fast(acc_v128, SLOT_V128(F2), lanes))
SHUFFLE_ONE(I8X16_SHUFFLE_FAST_SA, i8x16_shuffle_fast(SLOT_V128(F1), acc_v128, lanes))
SHUFFLE_ONE(I8X16_SHUFFLE_ONE_S, i8x16_shuffle_one(SLOT_V128(F1), lanes))
SHUFFLE_ONE(I8X16_SHUFFLE_ONE_A, i8x16_shuffle_one(acc_v128, lanes))

/* Moves: no accumulator is touched. */
HANDLER(COPY128)
{
    vector_write(fp + F0, SLOT_V128(F1));
    NEXT(2);
}
HANDLER(CONST128)
{
    vector_write(fp + F0, WIDE_V128);
    NEXT(4);
}

#define SELECT128_ONE(name, condition)                                                             \
    HANDLER(name)                                                                                  \
    {                                                                                              \
        LEAVE_V128(SLOT_V128((condition) != 0 ? F1 : F2));                                         \
        NEXT(2);                                                                                   \
    }
SELECT128_ONE(SELECT128_S, SLOT_I32(F3))
SELECT128_ONE(SELECT128_A, ACC_I32)
HANDLER(GLOBAL_GET128)
{
    LEAVE_V128(vector_read(m->instance->globals[FI]->cell));
    NEXT(2);
}
HANDLER(GLOBAL_SET128)
{
    vector_write(m->instance->globals[FI]->cell, SLOT_V128(F0));
    NEXT(2);
}
HANDLER(RET_S_V128)
{
    const icode *back = code_in(fp[F0]);

    vector_write(fp, SLOT_V128(F1));
    RETURN_TO(back);
}
HANDLER(RET_A_V128)
{
    const icode *back = code_in(fp[F0]);

    vector_write(fp, acc_v128);
    RETURN_TO(back);
}

/* Wide arithmetic: operands are read before either result is written. */
#define SUM128(name, sign, carry)                                                                  \
    HANDLER(name)                                                                                  \
    {                                                                                              \
        const uint64_t low = fp[F1], high = fp[F2], low2 = fp[F3], high2 = fp[pc[2].u16[0]];       \
        const uint64_t sum = low sign low2;                                                        \
        fp[F0] = sum;                                                                              \
        fp[F0 + 1] = high sign high2 sign(carry);                                                  \
        NEXT(3);                                                                                   \
    }
SUM128(I64_ADD128, +, sum < low)
SUM128(I64_SUB128, -, low < low2)
HANDLER(I64_MUL_WIDE_S)
{
    wide_product(fp + F0, fp[F1], fp[F2], true);
    NEXT(2);
}
HANDLER(I64_MUL_WIDE_U)
{
    wide_product(fp + F0, fp[F1], fp[F2], false);
    NEXT(2);
}

HANDLER(ACCESS)
{
    ATTEMPT(interp_access(m->instance, pc, fp + F0));
    NEXT(3);
}
