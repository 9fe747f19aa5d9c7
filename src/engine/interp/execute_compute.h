/* SPDX-License-Identifier: Apache-2.0
 * execute_compute.h — what the rows of icode.def compute, as functions that always become part of
 * the handler they are used in: for handlers of several instructions, whose rows (icode_fused.def)
 * name them. For execute.c alone, behind execute_words.inc.h.
 *
 * A function of an ALU row does not have the row's guard: only those without one are fused. Of a
 * memory access there are the type in memory, and what becomes of a value on its way.
 */
#ifndef WASMSERVE_EXECUTE_COMPUTE_H
#define WASMSERVE_EXECUTE_COMPUTE_H

#define COMPUTE static inline __attribute__((always_inline, unused))

/* clang-format off */
#define ALU_C(id, text, in, out, expr)                                                             \
    COMPUTE TYPE_##out compute_##id(TYPE_##in x, TYPE_##in y) { return expr; }
#define ALU_N(id, text, in, out, guard, expr)                                                      \
    COMPUTE TYPE_##out compute_##id(TYPE_##in x, TYPE_##in y) { return expr; }
#define CMP_I(id, text, in, swapped, inverse, expr)                                                \
    COMPUTE bool compute_##id(TYPE_##in x, TYPE_##in y) { return expr; }
#define CMP_F(id, text, in, swapped, expr)                                                         \
    COMPUTE bool compute_##id(TYPE_##in x, TYPE_##in y) { return expr; }
#define TEST(id, text, in, inverse, expr)                                                          \
    COMPUTE bool compute_##id(TYPE_##in x) { return expr; }
#define LOAD(id, text, out, type, expr)                                                            \
    typedef type memory_##id;                                                                      \
    COMPUTE TYPE_##out loaded_##id(memory_##id x) { return expr; }
#define STORE(id, text, in, type, expr)                                                            \
    typedef type memory_##id;                                                                      \
    COMPUTE memory_##id stored_##id(TYPE_##in x) { return (memory_##id)(expr); }
#include "icode.def"
/* clang-format on */

#endif
