/* SPDX-License-Identifier: Apache-2.0
 * ir_analyse.c — order, dominators and loops of a function.
 *
 * How:     Reverse postorder by a walk with a stack of its own; dominators by Cooper, Harvey and
 *          Kennedy's iteration over it, of which one round is enough where loops have one entry, as
 *          WebAssembly's do. Ways up are as long as a function, so in that round they are gone in
 *          leaps (Myers, "An applicative random-access stack", 1983). Loops inside out, from the edges that lead back. The code's order is
 *          the reverse postorder with each loop contracted to its header, so that its blocks stand
 *          together, and what is cold behind all.
 * Memory:  the function's arena.
 * Threads: those of the function.
 */
#include "ir.h"

#include <string.h>

typedef struct walk_frame {
    uint32_t block, next;
} walk_frame;

typedef struct analysis {
    ir_func *f;
    uint32_t *rpo; /* blocks */
    uint32_t count;
    uint32_t *depth;  /* by block: of dominators above it */
    uint32_t *jump;   /* by block: one of them, so far up that any is log(depth) steps away */
    uint32_t *parent; /* of a header: the header around it */
    uint32_t *work;
} analysis;

/* Numbers what can be reached: ir_block.order is the place in rpo. */
static void number(analysis *a, walk_frame *stack)
{
    ir_func *f = a->f;
    uint32_t depth = 1, place = f->block_count;

    for (uint32_t b = 0; b < f->block_count; b++)
        f->blocks[b].order = UINT32_MAX;
    f->blocks[0].order = 0;
    stack[0] = (walk_frame){0, 0};
    while (depth > 0) {
        walk_frame *top = &stack[depth - 1];
        uint32_t count;
        const uint32_t *to = ir_successors(f, top->block, &count);

        if (top->next < count) {
            /* Last first: what a branch goes on with stands behind it. */
            uint32_t next = to[top->next++];

            if (f->blocks[next].order == UINT32_MAX) {
                f->blocks[next].order = 0;
                stack[depth++] = (walk_frame){next, 0};
            }
            continue;
        }
        a->rpo[--place] = top->block;
        depth--;
    }
    a->count = f->block_count - place;
    memmove(a->rpo, a->rpo + place, a->count * sizeof *a->rpo);
    for (uint32_t i = 0; i < a->count; i++)
        f->blocks[a->rpo[i]].order = i;
}

/* What number() has not come to. */
static void drop_unnumbered(ir_func *f)
{
    for (uint32_t b = 0; b < f->block_count; b++) {
        ir_block *block = &f->blocks[b];
        uint32_t kept = 0;

        if (block->order == UINT32_MAX) {
            block->first = block->last = 0;
            block->pred_count = 0;
            block->succ_count = 0;
            continue;
        }
        for (uint32_t i = 0; i < block->pred_count; i++) {
            if (f->blocks[block->preds[i]].order == UINT32_MAX)
                continue;
            if (kept != i) {
                block->preds[kept] = block->preds[i];
                for (ir_ref r = block->first; r && f->instrs[r].op == IR_PHI;
                     r = f->instrs[r].next) {
                    uint32_t *items = ir_list_items(f, f->instrs[r].extra);

                    items[kept] = items[i];
                }
            }
            kept++;
        }
        if (kept == block->pred_count)
            continue;
        block->pred_count = kept;
        for (ir_ref r = block->first; r && f->instrs[r].op == IR_PHI; r = f->instrs[r].next)
            f->extra[f->instrs[r].extra] = kept;
    }
}

/* The block's dominator has been found: so are the ways up from it. */
static void set_way_up(analysis *a, uint32_t block)
{
    const uint32_t over = a->f->blocks[block].dominator, far = a->jump[over];
    const bool leaps = a->depth[over] - a->depth[far] == a->depth[far] - a->depth[a->jump[far]];

    a->depth[block] = a->depth[over] + 1;
    a->jump[block] = leaps ? a->jump[far] : over;
}

/* The block of that depth among those that dominate it. */
static uint32_t raise_to(const analysis *a, uint32_t block, uint32_t depth)
{
    while (a->depth[block] > depth)
        block = a->depth[a->jump[block]] >= depth ? a->jump[block] : a->f->blocks[block].dominator;
    return block;
}

static bool dominates(const analysis *a, uint32_t over, uint32_t under)
{
    return raise_to(a, under, a->depth[over]) == over;
}

/* The nearest that dominates both. Where depths are the same, those of leaps are. */
static uint32_t meet(const analysis *a, uint32_t x, uint32_t y)
{
    x = raise_to(a, x, a->depth[y]);
    y = raise_to(a, y, a->depth[x]);
    while (x != y) {
        const bool leaps = a->jump[x] != a->jump[y];

        x = leaps ? a->jump[x] : a->f->blocks[x].dominator;
        y = leaps ? a->jump[y] : a->f->blocks[y].dominator;
    }
    return x;
}

/* The same where dominators are not final, and nothing but the order of blocks tells what is up. */
static uint32_t meet_by_order(const analysis *a, uint32_t x, uint32_t y)
{
    const ir_block *blocks = a->f->blocks;

    while (x != y) {
        while (blocks[x].order > blocks[y].order)
            x = blocks[x].dominator;
        while (blocks[y].order > blocks[x].order)
            y = blocks[y].dominator;
    }
    return x;
}

/* Whether all edges that lead back go to a block that dominates where they come from: then a second
 * round would find nothing else than the first has. */
static bool has_one_entry_each(const analysis *a)
{
    const ir_func *f = a->f;

    for (uint32_t i = 1; i < a->count; i++) {
        const ir_block *b = &f->blocks[a->rpo[i]];

        for (uint32_t p = 0; p < b->pred_count; p++) {
            if (f->blocks[b->preds[p]].order >= i && !dominates(a, a->rpo[i], b->preds[p]))
                return false;
        }
    }
    return true;
}

static bool dominator_round(analysis *a, uint32_t (*both)(const analysis *, uint32_t, uint32_t))
{
    ir_func *f = a->f;
    bool changed = false;

    for (uint32_t i = 1; i < a->count; i++) {
        ir_block *b = &f->blocks[a->rpo[i]];
        uint32_t found = UINT32_MAX;

        for (uint32_t p = 0; p < b->pred_count; p++) {
            uint32_t pred = b->preds[p];

            if (f->blocks[pred].dominator != UINT32_MAX)
                found = found == UINT32_MAX ? pred : both(a, found, pred);
        }
        if (b->dominator != found) {
            b->dominator = found;
            changed = true;
        }
        set_way_up(a, a->rpo[i]);
    }
    return changed;
}

static void dominators(analysis *a)
{
    ir_func *f = a->f;

    for (uint32_t i = 0; i < a->count; i++)
        f->blocks[a->rpo[i]].dominator = UINT32_MAX;
    f->blocks[0].dominator = a->depth[0] = a->jump[0] = 0;
    dominator_round(a, meet);
    if (!has_one_entry_each(a)) {
        while (dominator_round(a, meet_by_order))
            ;
    }
}

/* The blocks of the loop of `header`, from behind; inner loops are known already. */
static void collect_loop(analysis *a, uint32_t header)
{
    ir_func *f = a->f;
    uint32_t pending = 0;

    f->blocks[header].is_loop_header = false;
    for (uint32_t p = 0; p < f->blocks[header].pred_count; p++) {
        uint32_t latch = f->blocks[header].preds[p];

        if (f->blocks[latch].order < f->blocks[header].order || !dominates(a, header, latch))
            continue;
        f->blocks[header].is_loop_header = true;
        f->blocks[header].loop = header;
        a->work[pending++] = latch;
        while (pending > 0) {
            uint32_t b = a->work[--pending];

            if (f->blocks[b].loop == 0) {
                f->blocks[b].loop = header;
            } else {
                b = f->blocks[b].loop;
                while (a->parent[b] && b != header)
                    b = a->parent[b];
                if (b == header)
                    continue;
                a->parent[b] = header;
            }
            for (uint32_t i = 0; i < f->blocks[b].pred_count; i++) {
                uint32_t pred = f->blocks[b].preds[i];

                if (f->blocks[pred].loop != header && f->blocks[pred].order > 0 &&
                    !(f->blocks[b].is_loop_header && f->blocks[pred].loop == b))
                    a->work[pending++] = pred;
            }
        }
    }
}

static void loops(analysis *a)
{
    ir_func *f = a->f;

    for (uint32_t i = 0; i < a->count; i++)
        f->blocks[a->rpo[i]].loop = 0;
    for (uint32_t i = a->count; i > 1; i--)
        collect_loop(a, a->rpo[i - 1]);
    for (uint32_t i = 0; i < a->count; i++) {
        ir_block *b = &f->blocks[a->rpo[i]];

        if (b->is_loop_header)
            b->loop_depth =
                a->parent[a->rpo[i]] ? f->blocks[a->parent[a->rpo[i]]].loop_depth + 1 : 1;
        else
            b->loop_depth = b->loop ? f->blocks[b->loop].loop_depth : 0;
    }
}

/* Each loop has a list of its blocks and the headers directly in it; lists of `next` by block. A
 * header is in two: its own, of which it is the beginning, and its parent's. */
static void place(analysis *a, uint32_t *head, uint32_t *tail, uint32_t *next, uint32_t *own)
{
    ir_func *f = a->f;
    uint32_t depth = 0, hot = 0, at, *stack = a->work;

    for (uint32_t i = 0; i < f->block_count; i++)
        head[i] = tail[i] = next[i] = own[i] = UINT32_MAX;
    for (uint32_t i = 0; i < a->count; i++) {
        uint32_t b = a->rpo[i],
                 list = f->blocks[b].is_loop_header ? a->parent[b] : f->blocks[b].loop;

        if (i > 0 && f->blocks[f->blocks[b].dominator].is_cold)
            f->blocks[b].is_cold = true;
        if (head[list] == UINT32_MAX)
            head[list] = b;
        else
            next[tail[list]] = b;
        tail[list] = b;
    }
    at = head[0];
    while (at != UINT32_MAX || depth > 0) {
        uint32_t b = at;

        if (at == UINT32_MAX) {
            at = next[stack[--depth]];
            continue;
        }
        own[hot++] = b;
        if (f->blocks[b].is_loop_header && head[b] != UINT32_MAX) {
            stack[depth++] = b;
            at = head[b];
        } else {
            at = next[b];
        }
    }
    f->order_count = 0;
    for (unsigned cold = 0; cold < 2; cold++) {
        for (uint32_t i = 0; i < hot; i++) {
            if (f->blocks[own[i]].is_cold == (cold == 1)) {
                f->blocks[own[i]].order = f->order_count;
                f->order[f->order_count++] = own[i];
            }
        }
    }
}

void ir_drop_unreachable(ir_func *f)
{
    analysis a = {.f = f};
    walk_frame *stack;

    if (f->status != WASM_OK)
        return;
    a.rpo = ARENA_ROOM(f->arena, uint32_t, f->block_count);
    stack = ARENA_ROOM(f->arena, walk_frame, f->block_count);
    if (!a.rpo || !stack) {
        f->status = WASM_E_QUOTA;
        return;
    }
    number(&a, stack);
    drop_unnumbered(f);
}

void ir_analyse(ir_func *f)
{
    uint32_t n = f->block_count;
    uint64_t edges = n + 1;
    uint32_t *scratch;
    walk_frame *stack;
    analysis a = {.f = f};

    if (f->status != WASM_OK)
        return;
    for (uint32_t b = 0; b < n; b++)
        edges += f->blocks[b].pred_count;
    /* The walk of loops may hold each edge once. */
    a.work = ARENA_ROOM(f->arena, uint32_t, (size_t)edges * 2);
    a.rpo = ARENA_ROOM(f->arena, uint32_t, n);
    a.parent = ARENA_ARRAY(f->arena, uint32_t, n);
    a.depth = ARENA_ROOM(f->arena, uint32_t, n);
    a.jump = ARENA_ROOM(f->arena, uint32_t, n);
    scratch = ARENA_ROOM(f->arena, uint32_t, (size_t)n * 4);
    stack = ARENA_ROOM(f->arena, walk_frame, n);
    f->order = ARENA_ROOM(f->arena, uint32_t, n);
    if (!a.work || !a.rpo || !a.parent || !a.depth || !a.jump || !scratch || !stack || !f->order) {
        f->status = WASM_E_QUOTA;
        return;
    }
    number(&a, stack);
    drop_unnumbered(f);
    dominators(&a);
    loops(&a);
    place(&a, scratch, scratch + n, scratch + 2 * (size_t)n, scratch + 3 * (size_t)n);
    f->is_analysed = true;
}
