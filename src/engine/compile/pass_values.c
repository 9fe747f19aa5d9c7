/* SPDX-License-Identifier: Apache-2.0
 * pass_values.c — nothing is computed twice, no address is checked twice, where the first time
 * dominates.
 *
 * How:     One walk in the code's order, in which operands come before their users. What may leave
 *          its loop does so first (pass_loop.c). Then a table by op and operands has what was
 *          computed before; of those with the same hash CHAIN are looked at. Whether a block
 *          dominates another is told by two numbers of a walk over the tree of dominators.
 * Memory:  the function's arena.
 * Threads: those of the function.
 */
#include "pass.h"

#include <string.h>

enum { CHAIN = 12 }; /* candidates looked at: more would cost more than they bring */

typedef struct values {
    ir_func *f;
    uint32_t *heads, *next; /* by hash; by ref */
    uint32_t mask;
    uint32_t *enter, *leave; /* by block: numbers of a walk over the tree of dominators */
} values;

static bool may_share(const ir_instr *i)
{
    unsigned effects = ir_effects(i->op);

    if (i->type == IR_VOID || i->op == IR_PHI)
        return false;
    if (i->op == IR_PEEK)
        return (i->flags & IR_CONSTANT) != 0;
    return (effects & ~(unsigned)IR_TRAPS) == 0;
}

static bool has_bytes(unsigned op)
{
    return op == OP_V128_CONST || op == OP_I8X16_SHUFFLE;
}

static uint32_t hash_of(const ir_instr *i)
{
    uint64_t h = i->op * 0x9E3779B97F4A7C15u;

    h = (h ^ i->arg[0]) * 0xFF51AFD7ED558CCDu;
    h = (h ^ (h >> 29) ^ i->arg[1]) * 0xC4CEB9FE1A85EC53u;
    h = (h ^ (h >> 31) ^ i->arg[2] ^ i->imm) * 0x9E3779B97F4A7C15u;
    return (uint32_t)(h >> 32);
}

static bool same_value(const ir_func *f, const ir_instr *x, const ir_instr *y)
{
    if (x->op != y->op || x->type != y->type || x->imm != y->imm ||
        memcmp(x->arg, y->arg, sizeof x->arg) != 0)
        return false;
    if (has_bytes(x->op))
        return memcmp(ir_list_items(f, x->extra), ir_list_items(f, y->extra), 16) == 0;
    return x->extra == y->extra;
}

/* Children are numbered within their parents; a block's children are a list. */
static bool number_tree(values *v)
{
    ir_func *f = v->f;
    uint32_t n = f->block_count, clock = 0, b = 0;
    uint32_t *child = ARENA_ARRAY(f->arena, uint32_t, n), *sibling;

    sibling = ARENA_ROOM(f->arena, uint32_t, n);
    v->enter = ARENA_ROOM(f->arena, uint32_t, n);
    v->leave = ARENA_ROOM(f->arena, uint32_t, n);
    if (!child || !sibling || !v->enter || !v->leave)
        return false;
    for (uint32_t k = f->order_count; k > 1; k--) {
        uint32_t one = f->order[k - 1], over = f->blocks[one].dominator;

        sibling[one] = child[over];
        child[over] = one;
    }
    v->enter[0] = clock++;
    for (;;) {
        uint32_t down = child[b];

        if (down) {
            child[b] = sibling[down];
            b = down;
            v->enter[b] = clock++;
            continue;
        }
        v->leave[b] = clock++;
        if (b == 0)
            return true;
        b = f->blocks[b].dominator;
    }
}

static bool over(const values *v, uint32_t x, uint32_t y)
{
    return v->enter[x] <= v->enter[y] && v->leave[y] <= v->leave[x];
}

/* What a length is the length of: memories never shrink, so what was within one is within any that
 * is read later. */
static ir_ref memory_of(const ir_func *f, ir_ref length)
{
    const ir_instr *i = &f->instrs[length];

    return i->op == IR_PEEK && i->extra >> 8 == IR_ALIAS_MEMORY ? i->arg[0] : length;
}

/* BOUNDS: not again what was checked in a block that dominates, at the same or a larger offset. */
static void check_once(values *v, ir_ref r)
{
    ir_func *f = v->f;
    ir_instr *i = &f->instrs[r];
    ir_ref memory = memory_of(f, i->arg[1]);
    ir_instr key = {.op = IR_BOUNDS, .arg = {i->arg[0], memory}};
    uint32_t place = hash_of(&key) & v->mask, tries = CHAIN;

    for (ir_ref c = v->heads[place]; c && tries > 0; c = v->next[c], tries--) {
        const ir_instr *earlier = &f->instrs[c];

        if (earlier->op == IR_BOUNDS && earlier->arg[0] == i->arg[0] &&
            memory_of(f, earlier->arg[1]) == memory && earlier->imm >= i->imm &&
            over(v, earlier->block, i->block)) {
            ir_remove(f, r);
            return;
        }
    }
    v->next[r] = v->heads[place];
    v->heads[place] = r;
}

static void share(values *v, ir_ref r)
{
    ir_func *f = v->f;
    ir_instr *i = &f->instrs[r];
    uint32_t place = hash_of(i) & v->mask, tries = CHAIN;

    for (ir_ref c = v->heads[place]; c && tries > 0; c = v->next[c], tries--) {
        if (same_value(f, &f->instrs[c], i) && over(v, f->instrs[c].block, i->block)) {
            ir_replace(f, r, c);
            return;
        }
    }
    v->next[r] = v->heads[place];
    v->heads[place] = r;
}

void pass_values(ir_func *f)
{
    values v = {.f = f, .mask = 255};
    const loop *loops = loops_of(f);

    while (v.mask < f->instr_count)
        v.mask = v.mask * 2 + 1;
    v.heads = ARENA_ARRAY(f->arena, uint32_t, (size_t)v.mask + 1);
    v.next = ARENA_ROOM(f->arena, uint32_t, f->instr_count);
    if (!loops || !v.heads || !v.next || !number_tree(&v)) {
        f->status = WASM_E_QUOTA;
        return;
    }
    for (uint32_t k = 0; k < f->order_count; k++) {
        uint32_t b = f->order[k];
        ir_ref next;

        for (ir_ref r = f->blocks[b].first; r; r = next) {
            next = f->instrs[r].next;
            ir_resolve_operands(f, r);
            if (f->blocks[b].loop)
                leave_loops(f, loops, r);
            if (may_share(&f->instrs[r]))
                share(&v, r);
            else if (f->instrs[r].op == IR_BOUNDS)
                check_once(&v, r);
        }
    }
}
