/* SPDX-License-Identifier: Apache-2.0
 * execute_handlers.inc.h — the handlers of all internal instructions, in words of execute.c's
 * dispatch layer, which includes this file once: inside of a function if handlers are labels,
 * outside of any if they are functions. There is nothing here but macros that are undone by nobody
 * else, and HANDLER() blocks. execute.c's head says what a handler may do.
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

/* ---- calls ----------------------------------------------------------------------------------- */

/* Leaves the frame; `back` was read before results could overwrite it. */
#define RETURN_TO(back)                                                                            \
    do {                                                                                           \
        m->store->depth--;                                                                         \
        pc = (back);                                                                               \
        fp -= F0;                                                                                  \
        NEXT(ICODE_CALL_WORDS);                                                                    \
    } while (0)

/* m->callee = the function in the table of word 2 at `at`, of the type that stands there. */
#define FIND_CALLEE(at)                                                                            \
    do {                                                                                           \
        const wasm_table *from = m->instance->tables[pc[2].u32[0]];                                \
        wasm_func *target;                                                                         \
                                                                                                   \
        if (UNLIKELY((at) >= from->length))                                                        \
            TRAP(UNDEFINED_ELEMENT);                                                               \
        target = (wasm_func *)(uintptr_t)from->elems[at];                                          \
        if (UNLIKELY(target == NULL))                                                              \
            TRAP(UNINITIALIZED_ELEMENT);                                                           \
        if (UNLIKELY(target->canonical != pc[2].u32[1] || target->module != m->instance->module))  \
            ATTEMPT(func_check_type(target, m->instance->module, pc[2].u32[1]));                   \
        m->callee = target;                                                                        \
    } while (0)

/* m->callee, which is not run in this loop. */
#define CALL_OUTSIDE(at)                                                                           \
    (m->callee->host ? store_call_host(m->instance, m->callee, (at))                               \
                     : store_invoke(m->store, m->callee, (at)))
/* Whether a function of another instance, not the host's, has compiled code to be run by. Not so
 * where that would go deeper into the thread's stack than it may: calls in this loop take nothing
 * of it. */
#define RUNS_ELSEWHERE(target)                                                                     \
    ((target)->instance->native && m->store->native.nesting < NATIVE_NESTING_MAX)
/* Goes on where the exception is caught, by this frame too if it is the function's own. */
#define CATCH_FROM(own)                                                                            \
    do {                                                                                           \
        interp_place place = {.instance = m->instance, .fp = fp, .pc = pc};                        \
                                                                                                   \
        ATTEMPT(interp_catch(m->store, &place, (own)));                                            \
        m->instance = place.instance;                                                              \
        fp = place.fp;                                                                             \
        pc = place.pc;                                                                             \
        RELOAD();                                                                                  \
        DISPATCH();                                                                                \
    } while (0)

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

/* Control. */
HANDLER(ENTER)
{
    uint64_t *zero = fp + pc[2].u16[0];

    if (UNLIKELY((size_t)(m->store->stack_end - fp) < pc[1].u32[0] ||
                 m->store->depth >= m->store->limits.call_depth))
        TRAP(STACK_EXHAUSTED);
    if (POLLED())
        ATTEMPT(store_poll(m->store, pc[1].u32[1]));
    m->store->depth++;
    for (uint64_t *end = zero + pc[2].u16[1]; zero < end; zero++)
        *zero = 0;
    NEXT(3);
}
HANDLER(POLL)
{
    if (POLLED())
        ATTEMPT(store_poll(m->store, pc[1].u32[0]));
    NEXT(2);
}
HANDLER(TRACE)
{
    interp_trace(m->instance->module, pc);
    NEXT(TRACE_WORDS);
}
HANDLER(BR)
{
    pc += pc[1].i32[1];
    DISPATCH();
}
HANDLER(LOOP)
{
    pc += pc[1].i32[1];
    TAKE_LOOP();
}
HANDLER(LOOP_TABLE)
{
    const uint32_t value = WIDE_I32;
    uint32_t index;

    fp[F0] = value;
    pc += pc[1].i32[1];
    if (POLLED())
        GO(POLLED);
    index = value < FI ? value : FI;
    pc += pc[2 + index / 2].i32[index % 2];
    DISPATCH();
}
HANDLER(BR_TABLE_A)
{
    const uint32_t index = ACC_I32 < FI ? ACC_I32 : FI;

    pc += pc[2 + index / 2].i32[index % 2];
    DISPATCH();
}
HANDLER(BR_TABLE_S)
{
    const uint32_t index = SLOT_I32(F0) < FI ? SLOT_I32(F0) : FI;

    pc += pc[2 + index / 2].i32[index % 2];
    DISPATCH();
}
HANDLER(UNREACHABLE)
{
    TRAP(UNREACHABLE);
}
HANDLER(THROW)
{
    wasm_status answer;

    PUBLISH();
    answer = exception_throw(m->store, m->instance->tags[FI], fp + F0);
    if (UNLIKELY(answer != WASM_E_EXCEPTION))
        STOP(answer);
    GO(CATCH);
}
HANDLER(THROW_REF)
{
    if (UNLIKELY(fp[F0] == 0))
        TRAP(NULL_EXCEPTION);
    m->store->exception = fp[F0];
    GO(CATCH);
}
/* An exception is on its way, thrown here or by what was called here. */
HANDLER(CATCH)
{
    CATCH_FROM(true);
}

/* Calls. */
HANDLER(CALL)
{
    const interp_func *target = pc[2].pointer;

    fp[F1] = slot_of(pc);
    fp += F0;
    pc = target->code;
    DISPATCH();
}
HANDLER(CALL_IMPORT)
{
    m->callee = m->instance->funcs[FI];
    m->width = pc[2].u32[0];
    GO(CALL_ANY);
}
HANDLER(CALL_INDIRECT_S)
{
    acc = SLOT_I32(F1);
    GO(CALL_INDIRECT_A);
}
HANDLER(CALL_INDIRECT_A)
{
    FIND_CALLEE(ACC_I32);
    m->width = FI;
    GO(CALL_ANY);
}
HANDLER(CALL_INDIRECT_W)
{
    FIND_CALLEE(SLOT_I64(F1));
    m->width = FI;
    GO(CALL_ANY);
}
HANDLER(CALL_REF_S)
{
    acc = fp[F1];
    GO(CALL_REF_A);
}
HANDLER(CALL_REF_A)
{
    m->callee = (wasm_func *)(uintptr_t)acc;
    if (UNLIKELY(m->callee == NULL))
        TRAP(NULL_FUNCTION);
    m->width = FI;
    GO(CALL_ANY);
}
/* m->callee is to be called, whoever it is; pc stands on the call instruction. */
HANDLER(CALL_ANY)
{
    const wasm_func *target = m->callee;

    if (LIKELY(target->instance == m->instance && target->code)) {
        const interp_func *body = target->code;

        fp += F0;
        fp[body->param_slots] = slot_of(pc);
        pc = body->code;
        DISPATCH();
    }
    if (target->host || RUNS_ELSEWHERE(target))
        GO(CALL_OUT);
    GO(CALL_FAR);
}
/* To a host function, or to a function with compiled code: by way of the C stack. */
HANDLER(CALL_OUT)
{
    uint64_t *at = fp + F0;

    wasm_status answer;

    m->store->stack_top = at + m->width;
    PUBLISH();
    answer = CALL_OUTSIDE(at);
    if (UNLIKELY(answer != WASM_OK)) {
        if (answer == WASM_E_EXCEPTION)
            GO(CATCH);
        STOP(answer);
    }
    RELOAD();
    acc = at[0];
    NEXT(ICODE_CALL_WORDS);
}
/* To a function of another instance, in this loop. */
HANDLER(CALL_FAR)
{
    const interp_func *body = m->callee->code;
    uint64_t *at = fp + F0;

    ATTEMPT(interp_make_ready(m->store, m->callee));
    if (UNLIKELY((size_t)(m->store->stack_end - at) <= FAR_SLOTS + (size_t)body->param_slots))
        TRAP(STACK_EXHAUSTED);
    memmove(at + FAR_SLOTS, at, body->param_slots * sizeof *at);
    at[0] = slot_of(m->instance);
    at[1] = slot_of(pc);
    at[2] = body->result_slots;
    fp = at + FAR_SLOTS;
    fp[body->param_slots] = slot_of(far_stub);
    m->instance = m->callee->instance;
    RELOAD();
    pc = body->code;
    DISPATCH();
}
HANDLER(FAR_RETURN)
{
    uint64_t *at = fp - FAR_SLOTS;
    const size_t results = at[2];

    m->instance = (wasm_instance *)(uintptr_t)at[0];
    pc = code_in(at[1]);
    memmove(at, fp, results * sizeof *at);
    fp = at - F0;
    acc = at[0];
    RELOAD();
    NEXT(ICODE_CALL_WORDS);
}
/* Calls in place of a return: F2 is where this function's own return address is. */
HANDLER(TAIL_CALL)
{
    const interp_func *target = pc[2].pointer;
    const uint64_t back = fp[F2];

    memmove(fp, fp + F0, target->param_slots * sizeof *fp);
    fp[target->param_slots] = back;
    m->store->depth--;
    pc = target->code;
    DISPATCH();
}
HANDLER(TAIL_CALL_IMPORT)
{
    m->callee = m->instance->funcs[pc[2].u32[0]];
    GO(TAIL_CALL_ANY);
}
HANDLER(TAIL_CALL_INDIRECT_S)
{
    acc = SLOT_I32(F1);
    GO(TAIL_CALL_INDIRECT_A);
}
HANDLER(TAIL_CALL_INDIRECT_A)
{
    FIND_CALLEE(ACC_I32);
    GO(TAIL_CALL_ANY);
}
HANDLER(TAIL_CALL_INDIRECT_W)
{
    FIND_CALLEE(SLOT_I64(F1));
    GO(TAIL_CALL_ANY);
}
HANDLER(TAIL_CALL_REF_S)
{
    acc = fp[F1];
    GO(TAIL_CALL_REF_A);
}
HANDLER(TAIL_CALL_REF_A)
{
    m->callee = (wasm_func *)(uintptr_t)acc;
    if (UNLIKELY(m->callee == NULL))
        TRAP(NULL_FUNCTION);
    GO(TAIL_CALL_ANY);
}
/* m->callee is to be called in place of a return, whoever it is. */
HANDLER(TAIL_CALL_ANY)
{
    const wasm_func *target = m->callee;
    const interp_func *body = target->code;
    uint64_t back = fp[F2];

    if (UNLIKELY(target->host))
        GO(TAIL_CALL_OUT);
    if (LIKELY(target->instance == m->instance)) {
        memmove(fp, fp + F0, body->param_slots * sizeof *fp);
    } else {
        ATTEMPT(interp_make_ready(m->store, target));
        /* Whoever called this function has to be found again in his own instance: as CALL_FAR, but
         * once for a chain of such calls, so that it takes no stack however long it is. */
        if (code_in(back) == far_stub) {
            memmove(fp, fp + F0, body->param_slots * sizeof *fp);
        } else {
            if (UNLIKELY((size_t)(m->store->stack_end - fp) <=
                         FAR_SLOTS + (size_t)body->param_slots))
                TRAP(STACK_EXHAUSTED);
            memmove(fp + FAR_SLOTS, fp + F0, body->param_slots * sizeof *fp);
            fp[0] = slot_of(m->instance);
            fp[1] = back;
            fp[2] = body->result_slots;
            fp += FAR_SLOTS;
            back = slot_of(far_stub);
        }
        m->instance = target->instance;
        RELOAD();
    }
    fp[body->param_slots] = back;
    m->store->depth--;
    pc = body->code;
    DISPATCH();
}
/* As CALL_OUT, and then the return. */
HANDLER(TAIL_CALL_OUT)
{
    const icode *back = code_in(fp[F2]);
    uint64_t *at = fp + F0;

    wasm_status answer;

    m->store->stack_top = at + F3;
    PUBLISH();
    answer = CALL_OUTSIDE(at);
    if (UNLIKELY(answer != WASM_OK)) {
        if (answer == WASM_E_EXCEPTION)
            CATCH_FROM(false); /* this function has been left */
        STOP(answer);
    }
    RELOAD();
    acc = at[0];
    memmove(fp, at, m->callee->type->result_slots * sizeof *fp);
    RETURN_TO(back);
}
HANDLER(RET)
{
    RETURN_TO(code_in(fp[F0]));
}
HANDLER(RET_S)
{
    const icode *back = code_in(fp[F0]);

    acc = fp[F1];
    fp[0] = acc;
    RETURN_TO(back);
}
HANDLER(RET_A_INT)
{
    const icode *back = code_in(fp[F0]);

    fp[0] = acc;
    RETURN_TO(back);
}
HANDLER(RET_A_F32)
{
    const icode *back = code_in(fp[F0]);

    PUT_F32(0);
    RETURN_TO(back);
}
HANDLER(RET_A_F64)
{
    const icode *back = code_in(fp[F0]);

    PUT_F64(0);
    RETURN_TO(back);
}
HANDLER(RET_I)
{
    const icode *back = code_in(fp[F0]);

    acc = pc[2].u64;
    fp[0] = acc;
    RETURN_TO(back);
}
HANDLER(RET_N)
{
    const icode *back = code_in(fp[F0]);

    memmove(fp, fp + F1, FI * sizeof *fp);
    RETURN_TO(back);
}
HANDLER(EXIT)
{
    LEAVE();
}

/* Moves: no accumulator is touched. */
HANDLER(COPY)
{
    fp[F0] = fp[F1];
    NEXT(2);
}
HANDLER(COPY2)
{
    const uint64_t first = fp[F1], second = fp[F3];

    fp[F0] = first;
    fp[F2] = second;
    NEXT(2);
}
HANDLER(COPY_LOW)
{
    fp[F0] = SLOT_I32(F1);
    NEXT(2);
}
HANDLER(COPY_N)
{
    memmove(fp + F0, fp + F1, FI * sizeof *fp);
    NEXT(2);
}
HANDLER(CONST32)
{
    fp[F0] = FI;
    NEXT(2);
}
HANDLER(CONST64)
{
    fp[F0] = pc[2].u64;
    NEXT(3);
}

/* Any class. */
#define SELECT_ONE(name, condition, put)                                                           \
    HANDLER(name)                                                                                  \
    {                                                                                              \
        const uint64_t first = fp[F1], second = fp[F2];                                            \
        acc = (condition) != 0 ? first : second;                                                   \
        put##_I64(F0);                                                                             \
        NEXT(2);                                                                                   \
    }
SELECT_ONE(SELECT_S_S, SLOT_I32(F3), PUT)
SELECT_ONE(SELECT_A_S, ACC_I32, PUT)
SELECT_ONE(SELECT_S_A, SLOT_I32(F3), KEEP)
SELECT_ONE(SELECT_A_A, ACC_I32, KEEP)
HANDLER(GLOBAL_GET_S)
{
    acc = m->instance->globals[FI]->cell[0];
    fp[F0] = acc;
    NEXT(2);
}
HANDLER(GLOBAL_GET_A)
{
    acc = m->instance->globals[FI]->cell[0];
    NEXT(2);
}
HANDLER(GLOBAL_SET_S)
{
    m->instance->globals[FI]->cell[0] = fp[F0];
    NEXT(2);
}
HANDLER(GLOBAL_SET_A)
{
    m->instance->globals[FI]->cell[0] = acc;
    NEXT(2);
}
HANDLER(REF_FUNC)
{
    acc = slot_of(m->instance->funcs[FI]);
    fp[F0] = acc;
    NEXT(2);
}

/* Objects. */
ELEMENT_SET(ELEMENT_SET_8, uint8_t)
ELEMENT_SET(ELEMENT_SET_16, uint16_t)
ELEMENT_SET(ELEMENT_SET_32, uint32_t)
ELEMENT_SET(ELEMENT_SET_64, uint64_t)
#define VECTOR_BYTES 16
#define VECTOR_AT(array, index)                                                                    \
    ((uint8_t *)(uintptr_t)(array) + MODULE_ARRAY_HEAD + (size_t)(index)*VECTOR_BYTES)
HANDLER(ELEMENT_SET_128)
{
    if (UNLIKELY(fp[F0] == 0))
        TRAP(NULL_ARRAY);
    if (UNLIKELY(SLOT_I32(F1) >= array_length(ref_object(fp[F0]))))
        TRAP(OOB_ARRAY);
    memcpy(VECTOR_AT(fp[F0], SLOT_I32(F1)), fp + F2, VECTOR_BYTES);
    NEXT(2);
}
HANDLER(ELEMENT_128)
{
    if (UNLIKELY(fp[F1] == 0))
        TRAP(NULL_ARRAY);
    if (UNLIKELY(SLOT_I32(F2) >= array_length(ref_object(fp[F1]))))
        TRAP(OOB_ARRAY);
    memcpy(fp + F0, VECTOR_AT(fp[F1], SLOT_I32(F2)), VECTOR_BYTES);
    NEXT(2);
}
HANDLER(FIELD_SET_128)
{
    if (UNLIKELY(fp[F0] == 0))
        TRAP(NULL_STRUCT);
    memcpy(OBJECT_BYTES(fp[F0], FI), fp + F1, VECTOR_BYTES);
    NEXT(2);
}
HANDLER(FIELD_128)
{
    if (UNLIKELY(fp[F1] == 0))
        TRAP(NULL_STRUCT);
    memcpy(fp + F0, OBJECT_BYTES(fp[F1], FI), VECTOR_BYTES);
    NEXT(2);
}
/* What makes an object has its operands from fp[F0] on, and leaves it there. */
#define MAKE(call)                                                                                 \
    do {                                                                                           \
        const module_type *type = pc[2].pointer;                                                   \
        wasm_ref made;                                                                             \
                                                                                                   \
        PUBLISH();                                                                                 \
        ATTEMPT(call);                                                                             \
        acc = made;                                                                                \
        fp[F0] = acc;                                                                              \
        NEXT(3);                                                                                   \
    } while (0)
HANDLER(STRUCT_NEW)
{
    MAKE(struct_new(m->store, type, fp + F0, &made));
}
HANDLER(STRUCT_NEW_DEFAULT)
{
    MAKE(struct_new(m->store, type, NULL, &made));
}
HANDLER(ARRAY_NEW)
{
    MAKE(array_new(m->store, type, (uint32_t)fp[F0 + FI], fp + F0, &made));
}
HANDLER(ARRAY_NEW_DEFAULT)
{
    MAKE(array_new(m->store, type, SLOT_I32(F0), NULL, &made));
}
HANDLER(ARRAY_NEW_FIXED)
{
    MAKE(array_new_fixed(m->store, type, FI, fp + F0, &made));
}
HANDLER(ARRAY_NEW_DATA)
{
    MAKE(array_new_data(m->instance, type, FI, SLOT_I32(F0), SLOT_I32(F0 + 1), &made));
}
HANDLER(ARRAY_NEW_ELEM)
{
    MAKE(array_new_elem(m->instance, type, FI, SLOT_I32(F0), SLOT_I32(F0 + 1), &made));
}

/* Memories and tables: operands from fp[F0] on, indices in word 2. */
#define INDEX1 (pc[2].u32[0])
#define INDEX2 (pc[2].u32[1])
HANDLER(MEMORY_SIZE)
{
    const wasm_memory *memory = m->instance->memories[INDEX1];

    acc = memory->length >> memory->page_shift;
    fp[F0] = acc;
    NEXT(3);
}
HANDLER(MEMORY_GROW)
{
    wasm_memory *memory = m->instance->memories[INDEX1];
    uint64_t old;

    PUBLISH();
    old = memory_grow(memory, fp[F0]);

    acc = memory->bounds.is_64 ? old : (uint32_t)old;
    fp[F0] = acc;
    RELOAD();
    NEXT(3);
}
HANDLER(MEMORY_FILL)
{
    const uint64_t *o = fp + F0;

    ATTEMPT(memory_fill(m->instance->memories[INDEX1], o[0], (uint8_t)o[1], o[2]));
    NEXT(3);
}
HANDLER(MEMORY_COPY)
{
    const uint64_t *o = fp + F0;

    ATTEMPT(memory_copy(m->instance->memories[INDEX1], o[0], m->instance->memories[INDEX2], o[1],
                        o[2]));
    NEXT(3);
}
HANDLER(MEMORY_INIT)
{
    const uint64_t *o = fp + F0;

    ATTEMPT(memory_init(m->instance, INDEX2, INDEX1, o[0], o[1], o[2]));
    NEXT(3);
}
HANDLER(DATA_DROP)
{
    data_drop(m->instance, INDEX1);
    NEXT(3);
}
HANDLER(TABLE_GET)
{
    const wasm_table *from = m->instance->tables[INDEX1];
    uint64_t *o = fp + F0;

    if (UNLIKELY(o[0] >= from->length))
        TRAP(OOB_TABLE);
    acc = from->elems[o[0]];
    o[0] = acc;
    NEXT(3);
}
HANDLER(TABLE_SET)
{
    const wasm_table *to = m->instance->tables[INDEX1];
    const uint64_t *o = fp + F0;

    if (UNLIKELY(o[0] >= to->length))
        TRAP(OOB_TABLE);
    to->elems[o[0]] = o[1];
    NEXT(3);
}
HANDLER(TABLE_SIZE)
{
    acc = m->instance->tables[INDEX1]->length;
    fp[F0] = acc;
    NEXT(3);
}
HANDLER(TABLE_GROW)
{
    wasm_table *what = m->instance->tables[INDEX1];
    uint64_t *o = fp + F0;
    const uint64_t old = table_grow(what, o[1], o[0]);

    acc = what->bounds.is_64 ? old : (uint32_t)old;
    o[0] = acc;
    NEXT(3);
}
HANDLER(TABLE_FILL)
{
    const uint64_t *o = fp + F0;

    ATTEMPT(table_fill(m->instance->tables[INDEX1], o[0], o[1], o[2]));
    NEXT(3);
}
HANDLER(TABLE_COPY)
{
    const uint64_t *o = fp + F0;

    ATTEMPT(table_copy(m->instance->tables[INDEX1], o[0], m->instance->tables[INDEX2], o[1], o[2]));
    NEXT(3);
}
HANDLER(TABLE_INIT)
{
    const uint64_t *o = fp + F0;

    ATTEMPT(table_init(m->instance, INDEX2, INDEX1, o[0], o[1], o[2]));
    NEXT(3);
}
HANDLER(ELEM_DROP)
{
    elem_drop(m->instance, INDEX1);
    NEXT(3);
}

HANDLER(ARRAY_FILL)
{
    const uint64_t *o = fp + F0;

    ATTEMPT(array_fill(m->store, o[0], (uint32_t)o[1], o + 2, (uint32_t)o[2 + INDEX1]));
    NEXT(3);
}
HANDLER(ARRAY_COPY)
{
    const uint64_t *o = fp + F0;

    ATTEMPT(array_copy(m->store, o[0], (uint32_t)o[1], o[2], (uint32_t)o[3], (uint32_t)o[4]));
    NEXT(3);
}
HANDLER(ARRAY_INIT_DATA)
{
    const uint64_t *o = fp + F0;

    ATTEMPT(
        array_init_data(m->instance, o[0], INDEX1, (uint32_t)o[1], (uint32_t)o[2], (uint32_t)o[3]));
    NEXT(3);
}
HANDLER(ARRAY_INIT_ELEM)
{
    const uint64_t *o = fp + F0;

    ATTEMPT(
        array_init_elem(m->instance, o[0], INDEX1, (uint32_t)o[1], (uint32_t)o[2], (uint32_t)o[3]));
    NEXT(3);
}

/* pc is a loop header, and the POLL before it knows what an iteration costs. */
HANDLER(POLLED)
{
    const wasm_status answer = store_poll(m->store, pc[-1].u32[0]);

    if (UNLIKELY(answer != WASM_OK)) {
        pc -= 2;
        STOP(answer);
    }
    DISPATCH();
}
