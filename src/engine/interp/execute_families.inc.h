/* SPDX-License-Identifier: Apache-2.0
 * execute_families.inc.h — the handlers that are expansions of icode.def: one shape for each kind of
 * row, and what a row makes of it. Included by execute.c, whose head says what a handler may do.
 */

/* ---- handlers that are expansions ------------------------------------------------------------ */

#define ALU_ONE(name, in, out, guard, expr, first, second, put, words)                             \
    HANDLER(name)                                                                                  \
    {                                                                                              \
        const TYPE_##in x = (first), y = (second);                                                 \
        guard LEAVE_##out(expr);                                                                   \
        put##_##out(F0);                                                                           \
        NEXT(words);                                                                               \
    }
#define ALU_COMMON(id, in, out, guard, expr, to, put)                                              \
    ALU_ONE(id##_SS_##to, in, out, guard, expr, SLOT_##in(F1), SLOT_##in(F2), put, 2)              \
    ALU_ONE(id##_SI_##to, in, out, guard, expr, SLOT_##in(F1), IMM_##in, put, IMM_WORDS_##in)      \
    ALU_ONE(id##_AS_##to, in, out, guard, expr, ACC_##in, SLOT_##in(F2), put, 2)                   \
    ALU_ONE(id##_AI_##to, in, out, guard, expr, ACC_##in, IMM_##in, put, IMM_WORDS_##in)
#define ALU_ORDERED(id, in, out, guard, expr, to, put)                                             \
    ALU_COMMON(id, in, out, guard, expr, to, put)                                                  \
    ALU_ONE(id##_SA_##to, in, out, guard, expr, SLOT_##in(F1), ACC_##in, put, 2)                   \
    ALU_ONE(id##_IS_##to, in, out, guard, expr, IMM_##in, SLOT_##in(F1), put, IMM_WORDS_##in)      \
    ALU_ONE(id##_IA_##to, in, out, guard, expr, IMM_##in, ACC_##in, put, IMM_WORDS_##in)

/* Whether a branch is rather taken: back to a loop it mostly is, and gcc places code by it. */
#define EXPECT_BR(condition)   (condition)
#define EXPECT_LOOP(condition) LIKELY(condition)
#define TAKE_BR()              DISPATCH()
#define TAKE_LOOP()                                                                                \
    do {                                                                                           \
        if (POLLED())                                                                              \
            GO(POLLED);                                                                            \
        DISPATCH();                                                                                \
    } while (0)
#define BRANCH_ONE(name, in, expr, first, second, how, words)                                      \
    HANDLER(name)                                                                                  \
    {                                                                                              \
        const TYPE_##in x = (first), y = (second);                                                 \
        if (EXPECT_##how(expr)) {                                                                  \
            pc += pc[1].i32[1];                                                                    \
            TAKE_##how();                                                                          \
        }                                                                                          \
        NEXT(words);                                                                               \
    }
#define BRANCHES(id, in, expr, how)                                                                \
    BRANCH_ONE(id##_SS_##how, in, expr, SLOT_##in(F0), SLOT_##in(F1), how, 2)                      \
    BRANCH_ONE(id##_SI_##how, in, expr, SLOT_##in(F0), WIDE_##in, how, 3)                          \
    BRANCH_ONE(id##_AS_##how, in, expr, ACC_##in, SLOT_##in(F1), how, 2)                           \
    BRANCH_ONE(id##_AI_##how, in, expr, ACC_##in, WIDE_##in, how, 3)
#define TEST_ONE(name, in, expr, first, how)                                                       \
    HANDLER(name)                                                                                  \
    {                                                                                              \
        const TYPE_##in x = (first);                                                               \
        if (EXPECT_##how(expr)) {                                                                  \
            pc += pc[1].i32[1];                                                                    \
            TAKE_##how();                                                                          \
        }                                                                                          \
        NEXT(2);                                                                                   \
    }

#define UNARY_ONE(name, in, out, guard, expr, first, put)                                          \
    HANDLER(name)                                                                                  \
    {                                                                                              \
        const TYPE_##in x = (first);                                                               \
        guard LEAVE_##out(expr);                                                                   \
        put##_##out(F0);                                                                           \
        NEXT(2);                                                                                   \
    }

/* What is read of an object: a field of x at FI, an element. Objects are the engine's own; offsets
 * are those of the type that the validator has proved. */
#define FIELD(type) (*(const type *)OBJECT_BYTES(x, FI))
#define OBJECT_BYTES(ref, offset)                                                                  \
    ((void *)__builtin_assume_aligned((uint8_t *)(uintptr_t)(ref) + (offset), 1))
#define ELEMENT_ONE(name, out, type, expr, first, second, put)                                     \
    HANDLER(name)                                                                                  \
    {                                                                                              \
        const uint64_t array = (first);                                                            \
        const uint32_t index = (second);                                                           \
        type x;                                                                                    \
        if (UNLIKELY(array == 0))                                                                  \
            TRAP(NULL_ARRAY);                                                                      \
        if (UNLIKELY(index >= array_length(ref_object(array))))                                    \
            TRAP(OOB_ARRAY);                                                                       \
        x = ((const type *)OBJECT_BYTES(array, MODULE_ARRAY_HEAD))[index];                         \
        LEAVE_##out(expr);                                                                         \
        put##_##out(F0);                                                                           \
        NEXT(2);                                                                                   \
    }
#define ELEMENTS(id, out, type, expr, to, put)                                                     \
    ELEMENT_ONE(id##_SS_##to, out, type, expr, fp[F1], SLOT_I32(F2), put)                          \
    ELEMENT_ONE(id##_SI_##to, out, type, expr, fp[F1], FI, put)                                    \
    ELEMENT_ONE(id##_AS_##to, out, type, expr, acc, SLOT_I32(F2), put)                             \
    ELEMENT_ONE(id##_AI_##to, out, type, expr, acc, FI, put)                                       \
    ELEMENT_ONE(id##_SA_##to, out, type, expr, fp[F1], ACC_I32, put)
#define WRITE_ONE(name, type, object, value)                                                       \
    HANDLER(name)                                                                                  \
    {                                                                                              \
        const uint64_t to = (object);                                                              \
        if (UNLIKELY(to == 0))                                                                     \
            TRAP(NULL_STRUCT);                                                                     \
        *(type *)OBJECT_BYTES(to, FI) = (type)(value);                                             \
        NEXT(2);                                                                                   \
    }
#define ELEMENT_SET(name, type)                                                                    \
    HANDLER(name)                                                                                  \
    {                                                                                              \
        const uint64_t array = fp[F0];                                                             \
        const uint32_t index = SLOT_I32(F1);                                                       \
        if (UNLIKELY(array == 0))                                                                  \
            TRAP(NULL_ARRAY);                                                                      \
        if (UNLIKELY(index >= array_length(ref_object(array))))                                    \
            TRAP(OOB_ARRAY);                                                                       \
        ((type *)OBJECT_BYTES(array, MODULE_ARRAY_HEAD))[index] = (type)fp[F2];                    \
        NEXT(2);                                                                                   \
    }

/* Loads and stores with a 64-bit address, and those of any memory but the first, whose index is FI:
 * the offset is in word 2, and every sum may wrap. */
#define LOAD_WIDE(name, out, type, expr, address, bytes, size, put)                                \
    HANDLER(name)                                                                                  \
    {                                                                                              \
        uint64_t at;                                                                               \
        type x;                                                                                    \
        if (UNLIKELY(is_outside((address), pc[2].u64, sizeof x, (size), &at)))                     \
            TRAP(OOB_MEMORY);                                                                      \
        memcpy(&x, (bytes) + at, sizeof x);                                                        \
        LEAVE_##out(expr);                                                                         \
        put##_##out(F0);                                                                           \
        NEXT(3);                                                                                   \
    }
#define STORE_WIDE(name, in, type, expr, address, value, bytes, size)                              \
    HANDLER(name)                                                                                  \
    {                                                                                              \
        const TYPE_##in x = (value);                                                               \
        const type written = (type)(expr);                                                         \
        uint64_t at;                                                                               \
        if (UNLIKELY(is_outside((address), pc[2].u64, sizeof written, (size), &at)))               \
            TRAP(OOB_MEMORY);                                                                      \
        memcpy((bytes) + at, &written, sizeof written);                                            \
        NEXT(3);                                                                                   \
    }
#define OTHER_MEMORY (m->instance->memories[FI])

/* Addresses are i32, offsets at most 32 bits: their sum cannot wrap in 64. */
#define LOAD_ONE(name, out, type, expr, address, put, words)                                       \
    HANDLER(name)                                                                                  \
    {                                                                                              \
        const uint64_t at = (address);                                                             \
        type x;                                                                                    \
        if (UNLIKELY(at + sizeof x > length))                                                      \
            TRAP(OOB_MEMORY);                                                                      \
        memcpy(&x, base + at, sizeof x);                                                           \
        LEAVE_##out(expr);                                                                         \
        put##_##out(F0);                                                                           \
        NEXT(words);                                                                               \
    }
#define LOADS(id, out, type, expr, to, put)                                                        \
    LOAD_ONE(id##_S_##to, out, type, expr, (uint64_t)SLOT_I32(F1) + FI, put, 2)                    \
    LOAD_ONE(id##_A_##to, out, type, expr, (uint64_t)ACC_I32 + FI, put, 2)                         \
    LOAD_ONE(id##_I_##to, out, type, expr, FI, put, 2)                                             \
    LOAD_ONE(id##_SS_##to, out, type, expr, (uint64_t)(SLOT_I32(F1) + SLOT_I32(F2)) + F3, put, 2)  \
    LOAD_ONE(id##_AS_##to, out, type, expr, (uint64_t)(ACC_I32 + SLOT_I32(F2)) + F3, put, 2)       \
    LOAD_ONE(id##_SI_##to, out, type, expr, (uint64_t)(SLOT_I32(F1) + FI) + WIDE_I32, put, 3)      \
    LOAD_ONE(id##_AI_##to, out, type, expr, (uint64_t)(ACC_I32 + FI) + WIDE_I32, put, 3)
#define STORE_ONE(name, in, type, expr, address, value, words)                                     \
    HANDLER(name)                                                                                  \
    {                                                                                              \
        const uint64_t at = (address);                                                             \
        const TYPE_##in x = (value);                                                               \
        const type bytes = (type)(expr);                                                           \
        if (UNLIKELY(at + sizeof bytes > length))                                                  \
            TRAP(OOB_MEMORY);                                                                      \
        memcpy(base + at, &bytes, sizeof bytes);                                                   \
        NEXT(words);                                                                               \
    }
#define STORES(id, in, type, expr, from, address)                                                  \
    STORE_ONE(id##_##from##_S, in, type, expr, address, SLOT_##in(F1), 2)                          \
    STORE_ONE(id##_##from##_A, in, type, expr, address, ACC_##in, 2)                               \
    STORE_ONE(id##_##from##_I, in, type, expr, address, WIDE_##in, WIDE_WORDS_##in)

/* Families. */
#define ALU_C(id, text, in, out, expr)                                                             \
    ALU_COMMON(id, in, out, NO_GUARD, expr, S, PUT) ALU_COMMON(id, in, out, NO_GUARD, expr, A, KEEP)
#define ALU_N(id, text, in, out, guard, expr)                                                      \
    ALU_ORDERED(id, in, out, guard, expr, S, PUT) ALU_ORDERED(id, in, out, guard, expr, A, KEEP)
#define CMP_I(id, text, in, swapped, inverse, expr)                                                \
    ALU_COMMON(id, in, I32, NO_GUARD, expr, S, PUT)                                                \
    ALU_COMMON(id, in, I32, NO_GUARD, expr, A, KEEP)                                               \
    BRANCHES(id, in, expr, BR)                                                                     \
    BRANCHES(id, in, expr, LOOP)
#define CMP_F(id, text, in, swapped, expr)                                                         \
    ALU_COMMON(id, in, I32, NO_GUARD, expr, S, PUT) ALU_COMMON(id, in, I32, NO_GUARD, expr, A, KEEP)
#define TEST(id, text, in, inverse, expr)                                                          \
    TEST_ONE(id##_S_BR, in, expr, SLOT_##in(F0), BR)                                               \
    TEST_ONE(id##_A_BR, in, expr, ACC_##in, BR)                                                    \
    TEST_ONE(id##_S_LOOP, in, expr, SLOT_##in(F0), LOOP)                                           \
    TEST_ONE(id##_A_LOOP, in, expr, ACC_##in, LOOP)
#define UNARY(id, text, in, out, guard, expr)                                                      \
    UNARY_ONE(id##_S_S, in, out, guard, expr, SLOT_##in(F1), PUT)                                  \
    UNARY_ONE(id##_A_S, in, out, guard, expr, ACC_##in, PUT)                                       \
    UNARY_ONE(id##_S_A, in, out, guard, expr, SLOT_##in(F1), KEEP)                                 \
    UNARY_ONE(id##_A_A, in, out, guard, expr, ACC_##in, KEEP)
#define LOAD(id, text, out, type, expr)                                                            \
    LOADS(id, out, type, expr, S, PUT)                                                             \
    LOADS(id, out, type, expr, A, KEEP)                                                            \
    LOAD_WIDE(id##_WS_S, out, type, expr, SLOT_I64(F1), base, length, PUT)                         \
    LOAD_WIDE(id##_WA_S, out, type, expr, acc, base, length, PUT)                                  \
    LOAD_WIDE(id##_WS_A, out, type, expr, SLOT_I64(F1), base, length, KEEP)                        \
    LOAD_WIDE(id##_WA_A, out, type, expr, acc, base, length, KEEP)                                 \
    LOAD_WIDE(id##_M_S, out, type, expr, SLOT_I64(F1), OTHER_MEMORY->base, OTHER_MEMORY->length,   \
              PUT)
#define STORE(id, text, in, type, expr)                                                            \
    STORES(id, in, type, expr, S, (uint64_t)SLOT_I32(F0) + FI)                                     \
    STORES(id, in, type, expr, A, (uint64_t)ACC_I32 + FI)                                          \
    STORES(id, in, type, expr, I, FI)                                                              \
    STORE_ONE(id##_SSS, in, type, expr, (uint64_t)(SLOT_I32(F0) + SLOT_I32(F1)) + F3,              \
              SLOT_##in(F2), 2)                                                                    \
    STORE_ONE(id##_SIS, in, type, expr, (uint64_t)(SLOT_I32(F0) + FI) + WIDE_I32, SLOT_##in(F1),   \
              3)                                                                                   \
    STORE_WIDE(id##_WS_S, in, type, expr, SLOT_I64(F0), SLOT_##in(F1), base, length)               \
    STORE_WIDE(id##_WS_A, in, type, expr, SLOT_I64(F0), ACC_##in, base, length)                    \
    STORE_WIDE(id##_WA_S, in, type, expr, acc, SLOT_##in(F1), base, length)                        \
    STORE_WIDE(id##_M_S, in, type, expr, SLOT_I64(F0), SLOT_##in(F1), OTHER_MEMORY->base,          \
               OTHER_MEMORY->length)
#define OBJECT_READ(id, text, in, out, guard, expr) UNARY(id, text, in, out, guard, expr)
#define OBJECT_ELEMENT(id, text, out, type, expr)                                                  \
    ELEMENTS(id, out, type, expr, S, PUT)                                                          \
    ELEMENTS(id, out, type, expr, A, KEEP)
#define OBJECT_WRITE(id, text, type)                                                               \
    WRITE_ONE(id##_SS, type, fp[F0], fp[F1])                                                       \
    WRITE_ONE(id##_AS, type, acc, fp[F1])                                                          \
    WRITE_ONE(id##_SA, type, fp[F0], acc)
#include "icode.def"
