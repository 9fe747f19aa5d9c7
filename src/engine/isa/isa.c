/* SPDX-License-Identifier: Apache-2.0
 * isa.c — the rows of opcodes.def as tables: op → row, prefix and code → op.
 *
 * How:     both tables are constant data, expanded from the rows. The second is a flat array of
 *          PREFIXES pages of 512 codes each (page 0: one-byte opcodes; then 0xFB to 0xFE), wide
 *          enough for the largest code assigned by any proposal (0x113, relaxed SIMD). Two rows
 *          with one code would initialize the same element twice, which -Wextra -Werror refuses.
 *
 * Threads: constant data only; any thread may call anything.
 */
#include "isa.h"

enum { PAGE = 512, PREFIXES = 5 };

#define SLOT(prefix, code) (((prefix) == 0 ? 0 : ((prefix)-0xFA)) * PAGE + (code))

static const isa_row rows[] = {
#define OP(prefix, code, id, text, imm, sig, feature, flags)                                       \
    [OP_##id] = {prefix,                                                                           \
                 ISA_IMM_##imm,                                                                    \
                 WASM_FEATURE_##feature,                                                           \
                 ((flags) & (ISA_LOAD | ISA_STORE)) != 0 || ISA_IMM_##imm == ISA_IMM_LANE          \
                     ? 1 << ((flags) >> 6 & 7)                                                     \
                     : 0,                                                                          \
                 flags,                                                                            \
                 code,                                                                             \
                 text,                                                                             \
                 sig},
#include "opcodes.def"
#undef OP
};

/* Op + 1, so that the elements without a row are 0. */
static const uint16_t ops_by_code[PREFIXES * PAGE] = {
#define OP(prefix, code, id, text, imm, sig, feature, flags) [SLOT(prefix, code)] = OP_##id + 1,
#include "opcodes.def"
#undef OP
};

#define OP(prefix, code, id, text, imm, sig, feature, flags)                                       \
    _Static_assert((code) < ((prefix) == 0 ? 256 : PAGE), text " has a code beyond its page");     \
    _Static_assert((prefix) == 0 || ((prefix) >= 0xFB && (prefix) <= 0xFE), text ": prefix");      \
    _Static_assert((((flags) & (ISA_LOAD | ISA_STORE)) != 0) ==                                    \
                       (ISA_IMM_##imm == ISA_IMM_MEMARG || ISA_IMM_##imm == ISA_IMM_MEMARG_LANE),  \
                   text ": memarg and LOAD or STORE go together");
#include "opcodes.def"
#undef OP
_Static_assert(OP_COUNT < UINT16_MAX, "ops_by_code holds 16-bit ops");

/* ORDER: readers may compute with these distances. Comparisons stand in the same order for all
 * integer types, and loads and stores by type, so that tables of operations can be indexed. */
#define SAME_ORDER(a, b, c, d) _Static_assert(OP_##a - OP_##b == OP_##c - OP_##d, #a " order")
SAME_ORDER(I32_GE_U, I32_EQZ, I64_GE_U, I64_EQZ);
SAME_ORDER(F32_GE, F32_EQ, F64_GE, F64_EQ);
SAME_ORDER(I32_ROTR, I32_CLZ, I64_ROTR, I64_CLZ);
SAME_ORDER(F32_COPYSIGN, F32_ABS, F64_COPYSIGN, F64_ABS);
SAME_ORDER(F64_LOAD, I32_LOAD, F64_STORE, I32_STORE);
SAME_ORDER(I32_TRUNC_SAT_F64_U, I32_TRUNC_SAT_F32_S, I64_TRUNC_SAT_F64_U, I64_TRUNC_SAT_F32_S);
#undef SAME_ORDER

const isa_row *isa_describe(isa_op op)
{
    return &rows[op];
}

const char *isa_text(isa_op op)
{
    return (unsigned)op < OP_COUNT ? rows[op].text : "?";
}

isa_op isa_lookup(uint8_t prefix, uint32_t code)
{
    if (code >= PAGE || (prefix != 0 && !isa_is_prefix(prefix)))
        return OP_COUNT;
    unsigned found = ops_by_code[SLOT(prefix, code)];
    return found == 0 ? OP_COUNT : (isa_op)(found - 1);
}

/* Codes that other features define: ranges, in the order of their codes. */
static const struct {
    uint8_t prefix;
    uint16_t first, last;
    uint8_t feature;
} later[] = {
    {0x00, 0x06, 0x07, WASM_FEATURE_EXCEPTIONS}, /* try, catch: superseded by 3.0's */
    {0x00, 0x09, 0x09, WASM_FEATURE_EXCEPTIONS}, /* rethrow: likewise */
    {0x00, 0x18, 0x19, WASM_FEATURE_EXCEPTIONS}, /* delegate, catch_all: likewise */
    {0xFC, 0x13, 0x16, WASM_FEATURE_WIDE_ARITHMETIC}, {0xFD, 0x00, 0xFF, WASM_FEATURE_SIMD},
    {0xFD, 0x100, 0x113, WASM_FEATURE_RELAXED_SIMD},  {0xFE, 0x00, 0x4E, WASM_FEATURE_THREADS},
};

unsigned isa_later(uint8_t prefix, uint32_t code)
{
    if (isa_lookup(prefix, code) != OP_COUNT)
        return WASM_FEATURE_COUNT;
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++) {
        if (prefix == later[i].prefix && code >= later[i].first && code <= later[i].last)
            return later[i].feature;
    }
    return WASM_FEATURE_COUNT;
}
