/* SPDX-License-Identifier: Apache-2.0
 * ir_uses.h — counts uses in a form that is written by hand, where pass_dead() has not.
 *
 * Memory:  none.
 * Threads: one.
 */
#ifndef IR_USES_H
#define IR_USES_H

#include "ir.h"

static inline void count_uses(ir_func *f)
{
    for (uint32_t r = 0; r < f->instr_count; r++)
        f->instrs[r].uses = 0;
    for (uint32_t b = 0; b < f->block_count; b++) {
        for (ir_ref r = f->blocks[b].first; r; r = f->instrs[r].next) {
            ir_ref *operand;

            IR_EACH_OPERAND (f, &f->instrs[r], operand)
                f->instrs[*operand].uses++;
        }
    }
}

#endif
