/* SPDX-License-Identifier: Apache-2.0
 * pass.h — the passes that have files of their own. f is analysed; what they fail of is f->status.
 */
#ifndef WASMSERVE_PASS_H
#define WASMSERVE_PASS_H

#include "build.h"

/* Constants, algebra, conditions. Takes edges away, so that f wants analysing. */
void pass_fold(ir_func *f);
/* What tells whether a branch is taken as `condition` does, or, if *swaps, whether it is not. */
ir_ref fold_condition(const ir_func *f, ir_ref condition, bool *swaps);
/* Of pass_fold: a quotient or remainder with a known divisor (of 32 bits: zero-extended) becomes
 * another way to say the same, unless it may trap or is a matter of one shift. */
void pass_divide(ir_func *f, ir_ref r, uint64_t divisor);
/* Of pass_values, of what it comes to in the code's order: invariants out of loops. What loops do,
 * by header; NULL: f->status. */
typedef struct loop loop;
loop *loops_of(ir_func *f);
/* Moves the instruction in front of as many loops as it does not depend on. Its operands, and
 * theirs, are resolved. */
void leave_loops(ir_func *f, const loop *loops, ir_ref r);
/* Nothing is computed twice. f stays analysed. */
void pass_values(ir_func *f);
/* PEEKs that are known. Values were shared before, so that the same place has the same name. */
void pass_memory(ir_func *f);
/* Only what lives remains, numbered in the code's order, its uses counted. */
void pass_dead(ir_func *f);

#endif
