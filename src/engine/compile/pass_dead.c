/* SPDX-License-Identifier: Apache-2.0
 * pass_dead.c — what nobody uses goes, and what stays moves together.
 *
 * How:     An instruction lives if it must stay for what it does, or if one that lives uses it.
 *          These uses are counted in one walk against the code's order, in which users come before
 *          what they use; only phis use values that the walk has passed, so they wait until its
 *          end. Operands are resolved on the way, which makes this the last who meets what passes
 *          have replaced.
 *
 *          Then what lives is written into a new array, in the code's order: about a third of the
 *          records that builder and passes have made is dead by then, and whoever has something for
 *          each instruction, as the allocator has, goes through all of it from one end to the other.
 * Memory:  the function's arena.
 * Threads: those of the function.
 */
#include "pass.h"

static bool must_stay(const ir_instr *i)
{
    unsigned effects = ir_effects(i->op);

    if (i->op == IR_PARAM || i->op == IR_CALLEE || i->op == IR_RESULT)
        return true;
    if (i->op == IR_PHI)
        return false;
    /* A load that was checked before cannot trap. */
    if (i->op < IR_FIRST && (effects & IR_READS) && !(effects & IR_WRITES))
        return (i->flags & IR_GUARDED) != 0;
    return (effects & (IR_WRITES | IR_TRAPS | IR_ENDS | IR_CALLS | IR_PINNED)) != 0;
}

static bool lives(const ir_instr *i)
{
    return i->uses > 0 || must_stay(i);
}

typedef struct waiting {
    ir_ref *items;
    uint32_t count;
} waiting;

/* Counts what the instruction uses. Who begins to live by that waits, if the walk does not come to
 * it: phis, and anything once the walk is over. */
static void use_operands(ir_func *f, ir_ref user, waiting *w, bool is_over)
{
    ir_ref *operand;

    IR_EACH_OPERAND (f, &f->instrs[user], operand) {
        ir_instr *used = &f->instrs[*operand];

        if (used->op == OP_NOP) { /* few are */
            *operand = ir_resolve(f, *operand);
            used = &f->instrs[*operand];
        }
        if (used->uses++ == 0 && (used->op == IR_PHI || (is_over && !must_stay(used))))
            w->items[w->count++] = *operand;
    }
}

/* How many live; nobody has counted uses before. */
static uint32_t count_uses(ir_func *f, ir_ref *room)
{
    waiting w = {.items = room};
    uint32_t living = 0;

    for (uint32_t k = f->order_count; k > 0; k--) {
        for (ir_ref r = f->blocks[f->order[k - 1]].last; r; r = f->instrs[r].previous) {
            if (f->instrs[r].op != IR_PHI && lives(&f->instrs[r])) {
                use_operands(f, r, &w, false);
                living++;
            }
        }
    }
    for (; w.count > 0; living++)
        use_operands(f, w.items[--w.count], &w, true);
    return living;
}

/* The phis' operands may come after them: they still have the old names, and get the new ones. */
static void rename_phis(ir_func *f, const ir_ref *names)
{
    for (uint32_t k = 0; k < f->order_count; k++) {
        for (ir_ref r = f->blocks[f->order[k]].first; f->instrs[r].op == IR_PHI; r++) {
            uint32_t *items = ir_list_items(f, f->instrs[r].extra);

            for (uint32_t i = 0; i < ir_list_count(f, f->instrs[r].extra); i++)
                items[i] = names[items[i]];
        }
    }
}

static void pack(ir_func *f, ir_instr *packed, ir_ref *names)
{
    ir_ref count = 1;

    packed[0] = (ir_instr){0};
    for (uint32_t k = 0; k < f->order_count; k++) {
        ir_block *b = &f->blocks[f->order[k]];
        ir_ref first = count;

        for (ir_ref r = b->first; r; r = f->instrs[r].next) {
            ir_instr *i = &packed[count];
            ir_ref *operand;

            if (!lives(&f->instrs[r]))
                continue;
            *i = f->instrs[r];
            i->previous = count - 1;
            i->next = count + 1;
            names[r] = count++;
            if (i->op != IR_PHI)
                IR_EACH_OPERAND (f, i, operand)
                    *operand = names[*operand];
        }
        b->first = first;
        b->last = count - 1;
        packed[b->first].previous = 0;
        packed[b->last].next = 0;
    }
    f->instrs = packed;
    f->instr_count = f->instr_capacity = count;
    rename_phis(f, names);
}

void pass_dead(ir_func *f)
{
    /* By turns who waits and the new names. */
    ir_ref *room = ARENA_ROOM(f->arena, ir_ref, f->instr_count);
    ir_instr *packed = NULL;

    if (room)
        packed = ARENA_ROOM(f->arena, ir_instr, (size_t)count_uses(f, room) + 1);
    if (packed)
        pack(f, packed, room);
    else
        f->status = WASM_E_QUOTA;
}
