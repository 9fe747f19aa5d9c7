/* SPDX-License-Identifier: Apache-2.0
 * ir_verify.c — whether a function keeps the rules of ir.h.
 *
 * How:     f is analysed. One walk over the blocks in their order gives every instruction its
 *          number, so that "before" in a block is a comparison; between blocks it is dominance.
 * Memory:  the function's arena, for the numbers.
 * Threads: those of the function.
 */
#include "ir.h"

#include <stdarg.h>
#include <stdio.h>

typedef struct verifier {
    const ir_func *f;
    uint32_t *place;
    char *why;
    size_t size;
} verifier;

static bool wrong(verifier *v, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool wrong(verifier *v, const char *format, ...)
{
    va_list values;

    va_start(values, format);
    vsnprintf(v->why, v->size, format, values);
    va_end(values);
    return false;
}

static bool dominates(const ir_func *f, uint32_t over, uint32_t under)
{
    while (under != over && f->blocks[under].dominator != under)
        under = f->blocks[under].dominator;
    return under == over;
}

static bool check_operand(verifier *v, ir_ref user, ir_ref operand, uint32_t pred, bool phi)
{
    const ir_func *f = v->f;
    const ir_instr *i;
    uint32_t block = f->instrs[user].block;

    if (operand == 0 || operand >= f->instr_count || v->place[operand] == 0)
        return wrong(v, "v%u (%s) uses v%u, which is in no block", user,
                     ir_text(f->instrs[user].op), operand);
    i = &f->instrs[operand];
    if (i->type == IR_VOID)
        return wrong(v, "v%u uses v%u, which has no value", user, operand);
    if (phi) {
        if (i->type != f->instrs[user].type)
            return wrong(v, "phi v%u and its operand v%u differ in type", user, operand);
        return dominates(f, i->block, pred) ||
               wrong(v, "phi v%u: v%u is not known at the end of block %u", user, operand, pred);
    }
    if (i->block == block ? v->place[operand] >= v->place[user] : !dominates(f, i->block, block))
        return wrong(v, "v%u uses v%u, which is not before it", user, operand);
    return true;
}

static bool check_instr(verifier *v, ir_ref r)
{
    const ir_func *f = v->f;
    ir_instr *i = &f->instrs[r];
    const ir_block *b = &f->blocks[i->block];
    bool phi = i->op == IR_PHI;
    uint32_t index = 0, fixed = 0;
    ir_ref *operand;

    if (phi && i->previous && f->instrs[i->previous].op != IR_PHI)
        return wrong(v, "phi v%u is not at the beginning of its block", r);
    if (phi && (!i->extra || ir_list_count(f, i->extra) != b->pred_count))
        return wrong(v, "phi v%u has not one operand for each predecessor", r);
    if (((ir_effects(i->op) & IR_ENDS) != 0) != (r == b->last))
        return wrong(v, "block %u: %s in the wrong place", i->block, ir_text(i->op));
    for (unsigned k = 0; k < 3; k++)
        fixed += i->arg[k] != 0;
    if (fixed != ir_arguments(i->op))
        return wrong(v, "v%u (%s) has %u operands, not %u", r, ir_text(i->op), fixed,
                     ir_arguments(i->op));
    IR_EACH_OPERAND (f, i, operand) {
        if (!check_operand(v, r, *operand, phi ? b->preds[index] : 0, phi))
            return false;
        index++;
    }
    return true;
}

static bool check_edges(verifier *v, uint32_t from)
{
    const ir_func *f = v->f;
    uint32_t count;
    const uint32_t *to = ir_successors(f, from, &count);

    for (uint32_t i = 0; i < count; i++) {
        const ir_block *b;
        bool known = false;

        if (to[i] >= f->block_count || to[i] == 0)
            return wrong(v, "block %u leads to %u", from, to[i]);
        b = &f->blocks[to[i]];
        for (uint32_t p = 0; p < b->pred_count && !known; p++)
            known = b->preds[p] == from;
        if (!known)
            return wrong(v, "block %u does not know its predecessor %u", to[i], from);
        if (count > 1 && b->pred_count > 1)
            return wrong(v, "the edge from block %u to %u is not split", from, to[i]);
    }
    return true;
}

bool ir_verify(const ir_func *f, char *why, size_t size)
{
    verifier v = {.f = f, .why = why, .size = size};
    uint32_t place = 0;

    if (f->status != WASM_OK)
        return wrong(&v, "out of memory");
    v.place = ARENA_ARRAY(f->arena, uint32_t, f->instr_count);
    if (!v.place)
        return wrong(&v, "out of memory");
    for (uint32_t k = 0; k < f->order_count; k++) {
        for (ir_ref r = f->blocks[f->order[k]].first; r; r = f->instrs[r].next) {
            if (f->instrs[r].block != f->order[k])
                return wrong(&v, "v%u is in block %u and says %u", r, f->order[k],
                             f->instrs[r].block);
            v.place[r] = ++place;
        }
    }
    for (uint32_t k = 0; k < f->order_count; k++) {
        uint32_t b = f->order[k];

        if (!f->blocks[b].last)
            return wrong(&v, "block %u is empty", b);
        for (ir_ref r = f->blocks[b].first; r; r = f->instrs[r].next) {
            if (!check_instr(&v, r))
                return false;
        }
        if (!check_edges(&v, b))
            return false;
    }
    return true;
}
