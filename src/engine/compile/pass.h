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

#endif
