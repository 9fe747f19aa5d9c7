/* SPDX-License-Identifier: Apache-2.0
 * execute_families.inc.h — the handlers that are expansions of icode.def: one shape for each kind
 * of row, and what a row makes of it. Included by execute.c, whose head says what a handler may do.
 *
 * What one instruction does, but for going on to the next, is a STEP: a handler is a step and a
 * DISPATCH, one of execute_fused.inc.h several. A step leaves pc behind its instruction.
 */

/* ---- handlers that are expansions ------------------------------------------------------------ */

/* The operands of each form, and how many words it has. */
#define FIRST_SS(in)  SLOT_##in(F1)
#define FIRST_SI(in)  SLOT_##in(F1)
#define FIRST_AS(in)  ACC_##in
#define FIRST_AI(in)  ACC_##in
#define FIRST_SA(in)  SLOT_##in(F1)
#define FIRST_IS(in)  IMM_##in
#define FIRST_IA(in)  IMM_##in
#define SECOND_SS(in) SLOT_##in(F2)
#define SECOND_SI(in) IMM_##in
#define SECOND_AS(in) SLOT_##in(F2)
#define SECOND_AI(in) IMM_##in
#define SECOND_SA(in) ACC_##in
#define SECOND_IS(in) SLOT_##in(F1)
#define SECOND_IA(in) ACC_##in
#define WORDS_SS(in)  2
#define WORDS_SI(in)  IMM_WORDS_##in
#define WORDS_AS(in)  2
#define WORDS_AI(in)  IMM_WORDS_##in
#define WORDS_SA(in)  2
#define WORDS_IS(in)  IMM_WORDS_##in
#define WORDS_IA(in)  IMM_WORDS_##in

#define ALU_STEP(in, out, guard, expr, form, put)                                                  \
    {                                                                                              \
        const TYPE_##in x = FIRST_##form(in), y = SECOND_##form(in);                               \
        guard LEAVE_##out(expr);                                                                   \
        put##_##out(F0);                                                                           \
        pc += WORDS_##form(in);                                                                    \
    }
#define ALU_ONE(name, in, out, guard, expr, form, put)                                             \
    HANDLER(name)                                                                                  \
    {                                                                                              \
        ALU_STEP(in, out, guard, expr, form, put)                                                  \
        DISPATCH();                                                                                \
    }
#define ALU_COMMON(id, in, out, guard, expr, to, put)                                              \
    ALU_ONE(id##_SS_##to, in, out, guard, expr, SS, put)                                           \
    ALU_ONE(id##_SI_##to, in, out, guard, expr, SI, put)                                           \
    ALU_ONE(id##_AS_##to, in, out, guard, expr, AS, put)                                           \
    ALU_ONE(id##_AI_##to, in, out, guard, expr, AI, put)
#define ALU_ORDERED(id, in, out, guard, expr, to, put)                                             \
    ALU_COMMON(id, in, out, guard, expr, to, put)                                                  \
    ALU_ONE(id##_SA_##to, in, out, guard, expr, SA, put)                                           \
    ALU_ONE(id##_IS_##to, in, out, guard, expr, IS, put)                                           \
    ALU_ONE(id##_IA_##to, in, out, guard, expr, IA, put)

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
/* Conditions; fields and words as BRANCH_SS and so on name them. */
#define LEFT_SS(in)     SLOT_##in(F0)
#define LEFT_SI(in)     SLOT_##in(F0)
#define LEFT_AS(in)     ACC_##in
#define LEFT_AI(in)     ACC_##in
#define RIGHT_SS(in)    SLOT_##in(F1)
#define RIGHT_SI(in)    WIDE_##in
#define RIGHT_AS(in)    SLOT_##in(F1)
#define RIGHT_AI(in)    WIDE_##in
#define BRANCH_WORDS_SS 2
#define BRANCH_WORDS_SI 3
#define BRANCH_WORDS_AS 2
#define BRANCH_WORDS_AI 3
#define TESTED_S(in)    SLOT_##in(F0)
#define TESTED_A(in)    ACC_##in
#define BRANCH_STEP(in, expr, form, how)                                                           \
    {                                                                                              \
        const TYPE_##in x = LEFT_##form(in), y = RIGHT_##form(in);                                 \
        if (EXPECT_##how(expr)) {                                                                  \
            pc += pc[1].i32[1];                                                                    \
            TAKE_##how();                                                                          \
        }                                                                                          \
        pc += BRANCH_WORDS_##form;                                                                 \
    }
#define TEST_STEP(in, expr, form, how)                                                             \
    {                                                                                              \
        const TYPE_##in x = TESTED_##form(in);                                                     \
        if (EXPECT_##how(expr)) {                                                                  \
            pc += pc[1].i32[1];                                                                    \
            TAKE_##how();                                                                          \
        }                                                                                          \
        pc += 2;                                                                                   \
    }
#define BRANCH_ONE(name, in, expr, form, how)                                                      \
    HANDLER(name)                                                                                  \
    {                                                                                              \
        BRANCH_STEP(in, expr, form, how)                                                           \
        DISPATCH();                                                                                \
    }
#define BRANCHES(id, in, expr, how)                                                                \
    BRANCH_ONE(id##_SS_##how, in, expr, SS, how)                                                   \
    BRANCH_ONE(id##_SI_##how, in, expr, SI, how)                                                   \
    BRANCH_ONE(id##_AS_##how, in, expr, AS, how)                                                   \
    BRANCH_ONE(id##_AI_##how, in, expr, AI, how)
#define TEST_ONE(name, in, expr, form, how)                                                        \
    HANDLER(name)                                                                                  \
    {                                                                                              \
        TEST_STEP(in, expr, form, how)                                                             \
        DISPATCH();                                                                                \
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
#define AT_S          ((uint64_t)SLOT_I32(F1) + FI)
#define AT_A          ((uint64_t)ACC_I32 + FI)
#define AT_I          FI
#define AT_SS         ((uint64_t)(SLOT_I32(F1) + SLOT_I32(F2)) + F3)
#define AT_AS         ((uint64_t)(ACC_I32 + SLOT_I32(F2)) + F3)
#define AT_SI         ((uint64_t)(SLOT_I32(F1) + FI) + WIDE_I32)
#define AT_AI         ((uint64_t)(ACC_I32 + FI) + WIDE_I32)
#define LOAD_WORDS_S  2
#define LOAD_WORDS_A  2
#define LOAD_WORDS_I  2
#define LOAD_WORDS_SS 2
#define LOAD_WORDS_AS 2
#define LOAD_WORDS_SI 3
#define LOAD_WORDS_AI 3
#define LOAD_STEP(out, type, expr, form, put)                                                      \
    {                                                                                              \
        const uint64_t at = AT_##form;                                                             \
        type x;                                                                                    \
        if (UNLIKELY(at + sizeof x > length))                                                      \
            TRAP(OOB_MEMORY);                                                                      \
        memcpy(&x, base + at, sizeof x);                                                           \
        LEAVE_##out(expr);                                                                         \
        put##_##out(F0);                                                                           \
        pc += LOAD_WORDS_##form;                                                                   \
    }
#define LOAD_ONE(name, out, type, expr, form, put)                                                 \
    HANDLER(name)                                                                                  \
    {                                                                                              \
        LOAD_STEP(out, type, expr, form, put)                                                      \
        DISPATCH();                                                                                \
    }
#define LOADS(id, out, type, expr, to, put)                                                        \
    LOAD_ONE(id##_S_##to, out, type, expr, S, put)                                                 \
    LOAD_ONE(id##_A_##to, out, type, expr, A, put)                                                 \
    LOAD_ONE(id##_I_##to, out, type, expr, I, put)                                                 \
    LOAD_ONE(id##_SS_##to, out, type, expr, SS, put)                                               \
    LOAD_ONE(id##_AS_##to, out, type, expr, AS, put)                                               \
    LOAD_ONE(id##_SI_##to, out, type, expr, SI, put)                                               \
    LOAD_ONE(id##_AI_##to, out, type, expr, AI, put)
#define STORE_STEP(in, type, expr, address, value, words)                                          \
    {                                                                                              \
        const uint64_t at = (address);                                                             \
        const TYPE_##in x = (value);                                                               \
        const type bytes = (type)(expr);                                                           \
        if (UNLIKELY(at + sizeof bytes > length))                                                  \
            TRAP(OOB_MEMORY);                                                                      \
        memcpy(base + at, &bytes, sizeof bytes);                                                   \
        pc += (words);                                                                             \
    }
#define STORE_ONE(name, in, type, expr, address, value, words)                                     \
    HANDLER(name)                                                                                  \
    {                                                                                              \
        STORE_STEP(in, type, expr, address, value, words)                                          \
        DISPATCH();                                                                                \
    }
#define TO_S  ((uint64_t)SLOT_I32(F0) + FI)
#define TO_A  ((uint64_t)ACC_I32 + FI)
#define TO_I  FI
#define TO_SS ((uint64_t)(SLOT_I32(F0) + SLOT_I32(F1)) + F3)
#define TO_SI ((uint64_t)(SLOT_I32(F0) + FI) + WIDE_I32)
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
    TEST_ONE(id##_S_BR, in, expr, S, BR)                                                           \
    TEST_ONE(id##_A_BR, in, expr, A, BR)                                                           \
    TEST_ONE(id##_S_LOOP, in, expr, S, LOOP)                                                       \
    TEST_ONE(id##_A_LOOP, in, expr, A, LOOP)
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
    STORES(id, in, type, expr, S, TO_S)                                                            \
    STORES(id, in, type, expr, A, TO_A)                                                            \
    STORES(id, in, type, expr, I, TO_I)                                                            \
    STORE_ONE(id##_SSS, in, type, expr, TO_SS, SLOT_##in(F2), 2)                                   \
    STORE_ONE(id##_SIS, in, type, expr, TO_SI, SLOT_##in(F1), 3)                                   \
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
