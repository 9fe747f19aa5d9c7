/* SPDX-License-Identifier: Apache-2.0
 * execute_fused.inc.h — the handlers of icode_fused.def: the steps of its instructions, one after
 * the other. Included by execute.c behind all others, whose steps they use.
 */

#define TO_SLOT_S PUT
#define TO_SLOT_A KEEP

#define DO_ALU(in, op, form, to)          DO_ALU_TO(in, in, in##_##op, form, TO_SLOT_##to)
#define DO_CMP(in, op, form, to)          DO_ALU_TO(in, I32, in##_##op, form, TO_SLOT_##to)
#define DO_ALU_TO(in, out, id, form, put) DO_ALU_PUT(in, out, id, form, put)
#define DO_ALU_PUT(in, out, id, form, put)                                                         \
    ALU_STEP(in, out, NO_GUARD, compute_##id(x, y), form, put)
#define DO_LOAD(out, op, form, to)      DO_LOAD_TO(out, out##_##op, form, TO_SLOT_##to)
#define DO_LOAD_TO(out, id, form, put)  DO_LOAD_PUT(out, id, form, put)
#define DO_LOAD_PUT(out, id, form, put) LOAD_STEP(out, memory_##id, loaded_##id(x), form, put)
#define DO_STORE(in, op, form)          DO_STORE_##form(in, in##_##op)
#define DO_STORE_S_S(in, id)            DO_STORE_AT(in, id, TO_S, SLOT_##in(F1), 2)
#define DO_STORE_S_A(in, id)            DO_STORE_AT(in, id, TO_S, ACC_##in, 2)
#define DO_STORE_A_S(in, id)            DO_STORE_AT(in, id, TO_A, SLOT_##in(F1), 2)
#define DO_STORE_SSS(in, id)            DO_STORE_AT(in, id, TO_SS, SLOT_##in(F2), 2)
#define DO_STORE_SIS(in, id)            DO_STORE_AT(in, id, TO_SI, SLOT_##in(F1), 3)
#define DO_STORE_AT(in, id, to, value, words)                                                      \
    STORE_STEP(in, memory_##id, stored_##id(x), to, value, words)
#define DO_BRANCH(in, op, form, how) BRANCH_STEP(in, compute_##in##_##op(x, y), form, how)
#define DO_TEST(in, op, form, how)   TEST_STEP(in, compute_##in##_##op(x), form, how)
#define DO_PLAIN(id)                 id##_STEP

#define FUSED2(id, first, second)                                                                  \
    HANDLER(id)                                                                                    \
    {                                                                                              \
        first second DISPATCH();                                                                   \
    }
#define FUSED3(id, two, first, second, third)                                                      \
    HANDLER(id)                                                                                    \
    {                                                                                              \
        first second third DISPATCH();                                                             \
    }
#include "icode_fused.def"

#undef DO_ALU
#undef DO_CMP
#undef DO_LOAD
#undef DO_STORE
#undef DO_BRANCH
#undef DO_TEST
#undef DO_PLAIN
