/* SPDX-License-Identifier: Apache-2.0
 * pass_loop.c — what is the same in each round of a loop is done once, before it.
 *
 * How:     A loop that the builder wrote is entered by one edge, from a block that goes nowhere
 *          else: what moves out of the loop goes to the end of that block. First each loop's
 *          effects are summed up, inner loops into those around them. Then the walk of pass_values(),
 *          in which operands come before their users, moves each candidate outwards for as long as
 *          its operands come from farther out and the loop does not write what it reads.
 *
 *          Candidates are what costs more than the register it takes from then on: PEEKs,
 *          constants that are no immediates, and arithmetic that takes several cycles. Additions,
 *          shifts and comparisons stay: compilers to WebAssembly have moved them already, and they
 *          are as cheap as the move that a full register file would ask for. A loop whose usual way
 *          contains a call keeps all it has, for what is moved out would be read from the frame
 *          after each call, which is no cheaper.
 *
 *          What moves runs even where the loop would not have come to it, so nothing that may trap
 *          does, and a PEEK only if what it looks at exists as long as the instance does.
 * Cost:    linear: of many nested loops an instruction leaves at most CLIMB.
 * Memory:  the function's arena.
 * Threads: those of the function.
 */
#include "pass.h"

enum { CLIMB = 8, PLACES = 4 /* from the instance to the farthest of its records */ };

struct loop {
    uint32_t parent;  /* header; 0: none */
    uint32_t landing; /* the block before it */
    bool has_landing; /* it has the usual form */
    bool is_busy;     /* the usual way calls */
    uint32_t writes;  /* bits of ir_alias */
};

static const uint32_t EVERYTHING = UINT32_MAX;

/* The header's one predecessor outside of the loop. */
static void landing_of(const ir_func *f, uint32_t header, loop *l)
{
    const ir_block *h = &f->blocks[header];

    for (uint32_t p = 0; p < h->pred_count; p++) {
        uint32_t pred = h->preds[p];

        if (f->blocks[pred].order >= h->order)
            continue;
        if (l->has_landing || f->instrs[f->blocks[pred].last].op != IR_BR) {
            l->has_landing = false;
            return;
        }
        l->landing = pred;
        l->has_landing = true;
    }
}

static uint32_t writes_of(const ir_instr *i)
{
    unsigned alias;

    if (ir_effects(i->op) & IR_CALLS)
        return EVERYTHING;
    if (i->op != IR_POKE)
        return 0; /* linear memory is of no class */
    alias = i->extra >> 8;
    return alias == IR_ALIAS_ANY ? EVERYTHING : 1u << alias;
}

static void sum_up(const ir_func *f, loop *loops)
{
    for (uint32_t k = 0; k < f->order_count; k++) {
        uint32_t b = f->order[k], own = f->blocks[b].loop;

        if (f->blocks[b].is_loop_header) {
            uint32_t outer = f->blocks[f->blocks[b].dominator].loop;

            /* The dominator may be in another loop, which ends before this one begins. */
            while (outer && f->blocks[outer].loop_depth >= f->blocks[b].loop_depth)
                outer = loops[outer].parent;
            loops[b].parent = outer;
            landing_of(f, b, &loops[b]);
        }
        for (ir_ref r = f->blocks[b].first; own && r; r = f->instrs[r].next) {
            loops[own].writes |= writes_of(&f->instrs[r]);
            if ((ir_effects(f->instrs[r].op) & IR_CALLS) && !f->blocks[b].is_cold)
                loops[own].is_busy = true;
        }
    }
    for (uint32_t k = f->order_count; k > 0; k--) {
        uint32_t b = f->order[k - 1];

        if (f->blocks[b].is_loop_header && loops[b].parent) {
            loops[loops[b].parent].writes |= loops[b].writes;
            loops[loops[b].parent].is_busy |= loops[b].is_busy;
        }
    }
}

/* Whether there is something at the address whatever the guest has done: the instance, and what its
 * own records lead to. */
static bool always_there(const ir_func *f, ir_ref base)
{
    for (unsigned k = 0; k < PLACES; k++) {
        const ir_instr *i = &f->instrs[base];

        if (i->op == IR_INSTANCE)
            return true;
        if (i->op != IR_PEEK || !(i->flags & IR_CONSTANT) || i->extra >> 8 != IR_ALIAS_INSTANCE)
            return false;
        base = i->arg[0];
    }
    return false;
}

static bool is_slow(const ir_instr *i)
{
    switch (i->op) {
    /* Through a general register, on x86-64; 0 is one instruction that waits for nothing. */
    case OP_F32_CONST:
    case OP_F64_CONST: return i->imm != 0;
    case OP_V128_CONST:
    case OP_I32_MUL:
    case OP_I64_MUL:
    case OP_F32_ADD:
    case OP_F32_SUB:
    case OP_F32_MUL:
    case OP_F32_DIV:
    case OP_F32_SQRT:
    case OP_F64_ADD:
    case OP_F64_SUB:
    case OP_F64_MUL:
    case OP_F64_DIV:
    case OP_F64_SQRT:
    case OP_F64_CONVERT_I32_S:
    case OP_F64_CONVERT_I32_U:
    case OP_F64_CONVERT_I64_S:
    case OP_F64_CONVERT_I64_U:
    case OP_F32_DEMOTE_F64:
    case OP_F64_PROMOTE_F32: return true;
    default: return false;
    }
}

static bool may_leave(const ir_func *f, const ir_instr *i, uint32_t header, const loop *l)
{
    if (!l->has_landing || l->is_busy)
        return false;
    for (unsigned k = 0; k < 3; k++) {
        /* Operands dominate: those in the loop are its header, or behind it in the order. */
        if (i->arg[k] && f->blocks[f->instrs[i->arg[k]].block].order >= f->blocks[header].order)
            return false;
    }
    if (i->op != IR_PEEK)
        return is_slow(i);
    if (!(i->flags & IR_CONSTANT) &&
        ((l->writes >> (i->extra >> 8) & 1) || i->extra >> 8 == IR_ALIAS_ANY))
        return false;
    return always_there(f, i->arg[0]);
}

loop *loops_of(ir_func *f)
{
    loop *loops = ARENA_ARRAY(f->arena, loop, f->block_count);

    if (loops)
        sum_up(f, loops);
    else
        f->status = WASM_E_QUOTA;
    return loops;
}

void leave_loops(ir_func *f, const loop *loops, ir_ref r)
{
    uint32_t header = f->blocks[f->instrs[r].block].loop, to = 0;
    bool moves = false;

    for (unsigned climbed = 0;
         header && climbed < CLIMB && may_leave(f, &f->instrs[r], header, &loops[header]);
         climbed++) {
        to = loops[header].landing;
        moves = true;
        header = loops[header].parent;
    }
    if (moves)
        ir_move(f, r, f->blocks[to].last);
}
