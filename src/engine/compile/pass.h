/* SPDX-License-Identifier: Apache-2.0
 * pass.h — the passes that have files of their own. f is analysed; what they fail of is f->status.
 */
#ifndef WASMSERVE_PASS_H
#define WASMSERVE_PASS_H

#include "build.h"

/* Constants, algebra, conditions. Takes edges away, so that f wants analysing. */
void pass_fold(ir_func *f);
/* Of pass_fold: a quotient or remainder of 32 bits with a known divisor becomes another way to say
 * the same, unless it may trap or is a matter of one shift. */
void pass_divide(ir_func *f, ir_ref r, uint32_t divisor);
/* Invariants out of loops. f is analysed, and stays so. */
void pass_loop(ir_func *f);
/* PEEKs that are known. Values were shared before, so that the same place has the same name. */
void pass_memory(ir_func *f);
/* Counts the uses by what lives, and resolves its operands. How many records are dead. */
uint32_t pass_dead(ir_func *f);
/* Only what lives remains, numbered in the code's order. f is analysed, and has as many dead as
 * pass_dead() said. */
void pass_pack(ir_func *f, uint32_t dead);

#endif
