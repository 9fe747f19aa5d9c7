/* SPDX-License-Identifier: Apache-2.0
 * icode.h — the internal code of the interpreter: instructions and their layout in memory.
 *
 * Code is an array of 64-bit words. The first word of an instruction is the address of its handler
 * (direct threading), the fields follow in the next:
 *
 *   word 1:  u16[0] destination slot   u16[1] first slot   u16[2] second slot   u16[3]
 *            … or u32[1] instead of the last two: 32-bit immediate, memory offset, index,
 *            distance of a branch in words from the instruction's own first word
 *   word 2:  what does not fit: 64-bit immediates, the function to be called, two indices, the
 *            offset of a load or store whose address is a slot plus an immediate, has 64 bits, or
 *            is in another memory than the first
 *   word 3:  the second half of a vector or of the lanes of a shuffle, which begin in word 2
 *
 * Which fields an instruction has is its layout, named in icode.def and icode_each.def. i64
 * immediates in u32[1] are sign-extended; f64 immediates, and those of fused compare-and-branch and
 * of stores, are in word 2.
 *
 * Threads: code is written while a module is loaded and read-only afterwards.
 */
#ifndef WASMSERVE_ICODE_H
#define WASMSERVE_ICODE_H

#include <stdint.h>

typedef union icode {
    const void *handler;
    const void *pointer;
    uint64_t u64;
    uint32_t u32[2];
    int32_t i32[2];
    uint16_t u16[4];
} icode;
_Static_assert(sizeof(icode) == 8, "a word of internal code is 64 bits");

typedef enum icode_op {
#define EACH(id, form, text, layout, class) IC_##id##_##form,
#define EACH_PLAIN(id, text, layout)        IC_##id,
#include "icode_each.def"
    IC_COUNT
} icode_op;

/* The last ones are sequences of others. */
enum {
#define FUSED2(id, first, second)             +1
#define FUSED3(id, two, first, second, third) +1
    IC_FUSED_COUNT = 0
#include "icode_fused.def"
    ,
    IC_FUSED = IC_COUNT - IC_FUSED_COUNT /* the first of them */
};

/* Forms are counted from a family's first instruction in the order of icode_each.def. */
enum icode_form {
    /* ALU_C, ALU_N, CMP_*: the operands' form, plus _DEST_A for a result in the accumulator alone;
     * CMP_I: plus _BR or _LOOP for the fused branch. */
    FORM_SS = 0,
    FORM_SI = 1,
    FORM_AS = 2,
    FORM_AI = 3,
    FORM_SA = 4,
    FORM_IS = 5,
    FORM_IA = 6,
    FORM_C_DEST_A = 4,
    FORM_N_DEST_A = 7,
    FORM_CMP_BR = 8,
    FORM_CMP_LOOP = 12,
    /* UNARY, TEST, LOAD */
    FORM_S = 0,
    FORM_A = 1,
    FORM_I = 2,
    FORM_SUM_SS = 3,
    FORM_SUM_AS = 4,
    FORM_SUM_SI = 5,
    FORM_SUM_AI = 6,
    FORM_UNARY_DEST_A = 2,
    FORM_LOAD_DEST_A = 7,
    FORM_LOAD_WS = 14, /* WA is the next, and two behind them those with DEST_A */
    FORM_WIDE_DEST_A = 2,
    FORM_LOAD_M = 18,
    FORM_TEST_LOOP = 2,
    FORM_ELEMENT_DEST_A = 5, /* behind the operands' forms, of which there are five */
    FORM_WRITE_SS = 0,
    FORM_WRITE_AS = 1,
    FORM_WRITE_SA = 2,
    FORM_INDIRECT_W = 2, /* CALL_INDIRECT, TAIL_CALL_INDIRECT: S, A, or an index of 64 bits */
    /* STORE: three times the address's form plus the value's, with S A I as 0 1 2; or */
    FORM_STORE_SSS = 9,
    FORM_STORE_SIS = 10,
    FORM_STORE_WSS = 11,
    FORM_STORE_WSA = 12,
    FORM_STORE_WAS = 13,
    FORM_STORE_M = 14,
    /* VECTOR_C, VECTOR_N, VECTOR_REPLACE; VECTOR_3; shifts have FORM_SS to FORM_AI. */
    FORM_VECTOR_SS = 0,
    FORM_VECTOR_AS = 1,
    FORM_VECTOR_SA = 2,
    FORM_VECTOR_AA = 3,
    FORM_VECTOR_SSS = 0,
    FORM_VECTOR_ASS = 1,
    FORM_VECTOR_SSA = 2,
    FORM_EXTRACT_DEST_A = 1
};
_Static_assert(IC_I32_ADD_AI_A - IC_I32_ADD_SS_S == FORM_AI + FORM_C_DEST_A, "order of ALU_C");
_Static_assert(IC_I32_SUB_IA_A - IC_I32_SUB_SS_S == FORM_IA + FORM_N_DEST_A, "order of ALU_N");
_Static_assert(IC_I32_EQ_AI_BR - IC_I32_EQ_SS_S == FORM_AI + FORM_CMP_BR, "order of CMP_I");
_Static_assert(IC_I32_EQ_AI_LOOP - IC_I32_EQ_SS_S == FORM_AI + FORM_CMP_LOOP, "order of CMP_I");
_Static_assert(IC_I32_CLZ_A_A - IC_I32_CLZ_S_S == FORM_A + FORM_UNARY_DEST_A, "order of UNARY");
_Static_assert(IC_I32_ZERO_A_LOOP - IC_I32_ZERO_S_BR == FORM_A + FORM_TEST_LOOP, "order of TEST");
_Static_assert(IC_I32_LOAD_AI_A - IC_I32_LOAD_S_S == FORM_SUM_AI + FORM_LOAD_DEST_A, "of LOAD");
_Static_assert(IC_I32_STORE_I_A - IC_I32_STORE_S_S == 3 * FORM_I + FORM_A, "order of STORE");
_Static_assert(IC_FIELD_I32_A_A - IC_FIELD_I32_S_S == FORM_A + FORM_UNARY_DEST_A, "of OBJECT_READ");
_Static_assert(IC_ELEMENT_I32_SA_A - IC_ELEMENT_I32_SS_S == FORM_SA + FORM_ELEMENT_DEST_A,
               "of OBJECT_ELEMENT");
_Static_assert(IC_FIELD_SET_8_SA - IC_FIELD_SET_8_SS == FORM_WRITE_SA, "of OBJECT_WRITE");
_Static_assert(IC_CALL_INDIRECT_W - IC_CALL_INDIRECT_S == FORM_INDIRECT_W &&
                   IC_TAIL_CALL_INDIRECT_W - IC_TAIL_CALL_INDIRECT_S == FORM_INDIRECT_W,
               "order of CALL_INDIRECT");
_Static_assert(IC_I32_LOAD_WA_A - IC_I32_LOAD_S_S == FORM_LOAD_WS + FORM_A + FORM_WIDE_DEST_A,
               "order of LOAD");
_Static_assert(IC_I32_LOAD_M_S - IC_I32_LOAD_S_S == FORM_LOAD_M, "order of LOAD");
_Static_assert(IC_I32_STORE_SIS - IC_I32_STORE_S_S == FORM_STORE_SIS, "order of STORE");
_Static_assert(IC_I32_STORE_WA_S - IC_I32_STORE_S_S == FORM_STORE_WAS, "order of STORE");
_Static_assert(IC_I32_STORE_M_S - IC_I32_STORE_S_S == FORM_STORE_M, "order of STORE");
_Static_assert(IC_I8X16_SUB_SA - IC_I8X16_SUB_SS == FORM_VECTOR_SA, "order of VECTOR_N");
_Static_assert(IC_V128_BITSELECT_SSA - IC_V128_BITSELECT_SSS == FORM_VECTOR_SSA, "of VECTOR_3");
_Static_assert(IC_I32X4_SHL_AI - IC_I32X4_SHL_SS == FORM_AI, "order of VECTOR_SHIFT");
_Static_assert(IC_I32X4_REPLACE_LANE_AA - IC_I32X4_REPLACE_LANE_SS == FORM_VECTOR_AA, "of REPLACE");
_Static_assert(IC_V128_LOAD_AI - IC_V128_LOAD_S == FORM_SUM_AI, "order of VECTOR_LOAD");
_Static_assert(IC_I8X16_SWIZZLE_FAST_SA - IC_I8X16_SWIZZLE_FAST_SS == FORM_VECTOR_SA &&
                   IC_I8X16_SHUFFLE_FAST_SA - IC_I8X16_SHUFFLE_FAST_SS == FORM_VECTOR_SA &&
                   IC_I8X16_SHUFFLE_ONE_A - IC_I8X16_SHUFFLE_ONE_S == FORM_A,
               "order of the shuffles");

#define ICODE_CALL_WORDS 3 /* of every call: where a return goes on */

#endif
