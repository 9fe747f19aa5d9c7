/* SPDX-License-Identifier: Apache-2.0
 * pass.c — what improves a function between builder and emitter, in its order.
 *
 * How:     Each pass is linear in the function's size but for phis, which are looked at until none
 *          of them is redundant (two or three rounds). Edges are split first, so that order and
 *          dominators are found once; only where a branch turned out to go one way they are found
 *          again. Phis; constants and algebra (pass_fold.c); values that were computed, and bounds
 *          that were checked, before in a block that dominates (pass_values.c), where what does not
 *          change in a loop leaves it first (pass_loop.c); places of the engine whose contents are
 *          known (pass_memory.c); what nobody uses (pass_dead.c), which also leaves the
 *          instructions where the allocator finds them one after the other.
 * Memory:  the function's arena.
 * Threads: those of the function.
 */
#include "pass.h"

/* The phis of a function, as far as they are left. */
typedef struct phis {
    ir_ref *items;
    uint32_t count;
} phis;

static phis collect_phis(ir_func *f)
{
    phis all = {.items = ARENA_ROOM(f->arena, ir_ref, f->instr_count)};

    if (!all.items) {
        f->status = WASM_E_QUOTA;
        return all;
    }
    for (uint32_t k = 0; k < f->order_count; k++)
        for (ir_ref r = f->blocks[f->order[k]].first; f->instrs[r].op == IR_PHI;
             r = f->instrs[r].next)
            all.items[all.count++] = r;
    return all;
}

/* The one value that the phi's operands are, which it itself may be as well; 0: there are several.
 */
static ir_ref only_value(ir_func *f, ir_ref phi)
{
    uint32_t count = ir_list_count(f, f->instrs[phi].extra);
    uint32_t *items = ir_list_items(f, f->instrs[phi].extra);
    ir_ref only = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (f->instrs[items[i]].op == OP_NOP)
            items[i] = ir_resolve(f, items[i]);
        if (items[i] == phi || items[i] == only)
            continue;
        if (only)
            return 0;
        only = items[i];
    }
    return only;
}

/* A phi whose operands are one value, or itself, is that value. */
static void pass_phis(ir_func *f, phis *left)
{
    bool changed = true;

    while (changed) {
        uint32_t kept = 0;

        changed = false;
        for (uint32_t i = 0; i < left->count; i++) {
            ir_ref phi = left->items[i], only;

            if (f->blocks[f->instrs[phi].block].order == UINT32_MAX)
                continue; /* fold has seen that nobody comes here */
            only = only_value(f, phi);
            if (only) {
                ir_replace(f, phi, only);
                changed = true;
            } else {
                left->items[kept++] = phi;
            }
        }
        left->count = kept;
    }
}

wasm_status improve(ir_func *f, const build_options *options)
{
    phis left = {0};

    (void)options;
    ir_drop_unreachable(f);
    ir_split_edges(f);
    ir_analyse(f);
    if (f->status == WASM_OK)
        left = collect_phis(f);
    pass_phis(f, &left);
    if (f->status == WASM_OK)
        pass_fold(f);
    if (!f->is_analysed)
        ir_analyse(f);
    if (f->status == WASM_OK)
        pass_phis(f, &left);
    if (f->status == WASM_OK)
        pass_values(f);
    if (f->status == WASM_OK)
        pass_memory(f);
    if (f->status == WASM_OK)
        pass_dead(f);
    return f->status;
}
