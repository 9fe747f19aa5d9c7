/* SPDX-License-Identifier: Apache-2.0
 * alloc.c — the allocator's first half: what each instruction asks for, where values live, how far
 * away their next uses are.
 *
 * How:     Uses are collected once. A value that is used outside of its block is followed from each
 *          such block upwards to its definition (its path), which leaves lists of what lives at the
 *          beginning of blocks: their length is the cost, no bit set over all values is kept. Two
 *          passes backwards (one without loops) then put the distance of the next use to each of
 *          them, where calls, exits of loops and cold blocks count as very far: that is what keeps
 *          registers for loops. alloc_assign.c does the rest.
 *
 * Memory:  the function's arena.
 * Threads: those of the function.
 */
#include "alloc_internal.h"

#include <string.h>

bool alloc_room(ir_func *f, void *items, uint32_t *capacity, uint32_t wanted, size_t size)
{
    void **array = items;
    if (wanted <= *capacity)
        return true;
    uint32_t more = *capacity < 16 ? 16 : *capacity;
    while (more < wanted) {
        if (more > UINT32_MAX / 2) {
            f->status = WASM_E_QUOTA;
            return false;
        }
        more *= 2;
    }
    void *fresh = arena_alloc(f->arena, more, size);
    if (!fresh) {
        f->status = WASM_E_QUOTA;
        return false;
    }
    if (*capacity)
        memcpy(fresh, *array, *capacity * size);
    *array = fresh;
    *capacity = more;
    return true;
}

static void *take(ir_func *f, size_t count, size_t size)
{
    void *block = arena_alloc(f->arena, count, size);
    if (!block)
        f->status = WASM_E_QUOTA;
    return block;
}

bool alloc_more(const ir_func *f, alloc_request *r, uint32_t count)
{
    if (count <= r->in_capacity)
        return true;
    alloc_operand *fresh = ARENA_ARRAY(f->arena, alloc_operand, (size_t)count * 2);
    if (!fresh)
        return false;
    if (r->in_count)
        memcpy(fresh, r->in, r->in_count * sizeof *fresh);
    r->in = fresh;
    r->in_capacity = count * 2;
    return true;
}

const uint32_t *alloc_successors(const ir_func *f, uint32_t block, uint32_t *count)
{
    const ir_block *b = &f->blocks[block];
    const ir_instr *last = &f->instrs[b->last];
    if (last->op == IR_BR_TABLE) {
        *count = ir_list_count(f, last->extra);
        return ir_list_items(f, last->extra);
    }
    *count = b->succ_count;
    return b->succ;
}

/* f->order, with blocks that come before all their predecessors there put behind one. */
static void put_in_sequence(alloc_state *s)
{
    ir_func *f = s->f;
    uint32_t left = f->order_count, *waiting = take(f, f->order_count, sizeof *waiting);
    s->sequence = take(f, f->order_count, sizeof *s->sequence);
    if (!waiting || !s->sequence)
        return;
    memcpy(waiting, f->order, left * sizeof *waiting);
    while (left) {
        uint32_t kept = 0;
        for (uint32_t i = 0; i < left; i++) {
            const ir_block *b = &f->blocks[waiting[i]];
            bool ready = waiting[i] == f->order[0];
            for (uint32_t p = 0; p < b->pred_count && !ready; p++)
                ready = s->blocks[b->preds[p]].assigned;
            if (ready) {
                s->blocks[waiting[i]].assigned = true;
                s->sequence[s->sequence_count++] = waiting[i];
            } else {
                waiting[kept++] = waiting[i];
            }
        }
        if (kept == left)
            break; /* cannot be reached: not in f->order by the rules */
        left = kept;
    }
    for (uint32_t i = 0; i < s->sequence_count; i++)
        s->blocks[s->sequence[i]].assigned = false;
}

static bool has_request(const ir_instr *in)
{
    return !(in->flags & IR_FOLDED) && in->op != IR_PHI && in->op != IR_PARAM &&
           in->op != IR_CALLEE && in->op != IR_RESULT;
}

/* A use outside of the value's block. */
typedef struct far_use {
    uint32_t block, next; /* next: 1 + index */
} far_use;

typedef struct far_uses {
    far_use *items;
    uint32_t count, capacity;
    uint32_t *head;       /* by value: 1 + index */
    uint32_t *last_block; /* by value: 1 + the block of the last one, to leave out doubles */
} far_uses;

static void add_far_use(ir_func *f, far_uses *u, ir_ref value, uint32_t block)
{
    if (u->last_block[value] == block + 1)
        return;
    if (!alloc_room(f, &u->items, &u->capacity, u->count + 1, sizeof *u->items))
        return;
    u->last_block[value] = block + 1;
    u->items[u->count] = (far_use){block, u->head[value]};
    u->head[value] = ++u->count;
}

/* Asks for every instruction's operands; numbers positions. */
static void collect(alloc_state *s, far_uses *in, far_uses *out)
{
    ir_func *f = s->f;
    uint32_t position = 1;
    for (uint32_t i = 0; i < s->sequence_count && !f->status; i++) {
        uint32_t block = s->sequence[i];
        s->blocks[block].first_position = position;
        ir_instr *last = &f->instrs[f->blocks[block].last];
        if (last->op == IR_BR_TABLE && ir_list_count(f, last->extra) == 1) {
            /* A table of one: a jump, in front of which moves may stand. */
            f->blocks[block].succ[0] = ir_list_items(f, last->extra)[0];
            f->blocks[block].succ_count = 1;
            last->op = IR_BR;
            last->arg[0] = 0;
        }
        for (ir_ref ref = f->blocks[block].first; ref; ref = f->instrs[ref].next) {
            const ir_instr *instr = &f->instrs[ref];
            s->position[ref] = position++;
            s->out->operands[ref] = s->operand_count;
            s->operand_end[ref] = s->operand_count;
            if (instr->type != IR_VOID && !(instr->flags & IR_FOLDED) && instr->op != IR_PHI)
                s->remade[ref] = s->target->remakes(s->target->baton, f, ref);
            if (instr->op == IR_PHI) {
                const ir_ref *item = ir_list_items(f, instr->extra);
                for (uint32_t p = 0; p < f->blocks[block].pred_count; p++) {
                    uint32_t pred = f->blocks[block].preds[p];
                    if (f->instrs[item[p]].block != pred || f->instrs[item[p]].op == IR_PHI)
                        add_far_use(f, out, item[p], pred);
                }
            }
            if (!has_request(instr))
                continue;
            alloc_request *r = &s->request;
            alloc_operand *room = r->in;
            uint32_t capacity = r->in_capacity;
            *r = (alloc_request){.in = room, .in_capacity = capacity, .same = -1};
            s->target->request(s->target->baton, f, ref, r);
            uint32_t places = r->in_count + r->temps + r->vector_temps +
                              (uint32_t)__builtin_popcountll(r->temp_fixed);
            uint32_t capacity_before = s->operand_capacity, capacity_places = capacity_before;
            uint32_t capacity_next = capacity_before;
            if (!alloc_room(f, &s->operand, &s->operand_capacity, s->operand_count + places,
                            sizeof *s->operand) ||
                !alloc_room(f, &s->next_use, &capacity_next, s->operand_count + places,
                            sizeof *s->next_use) ||
                !alloc_room(f, &s->out->places, &capacity_places, s->operand_count + places,
                            sizeof *s->out->places))
                return;
            for (uint32_t k = 0; k < r->in_count; k++) {
                ir_ref value = r->in[k].value;
                s->operand[s->operand_count + k] = value;
                if (f->instrs[value].block != block)
                    add_far_use(f, in, value, block);
            }
            s->operand_end[ref] = s->operand_count + r->in_count;
            s->operand_count += places;
        }
    }
}

typedef struct live_chain {
    ir_ref value;
    uint32_t next;
} live_chain;

/* Follows each value from its far uses up to its definition. */
static void find_live(alloc_state *s, const far_uses *in, const far_uses *out)
{
    ir_func *f = s->f;
    uint32_t *seen = take(f, f->block_count, sizeof *seen);
    uint32_t *stack = take(f, f->block_count, sizeof *stack);
    uint32_t *head = take(f, f->block_count, sizeof *head);
    live_chain *chain = NULL;
    uint32_t count = 0, capacity = 0;
    if (!seen || !stack || !head)
        return;
    for (ir_ref value = f->instr_count - 1; value && !f->status; value--) {
        uint32_t depth = 0, home = f->instrs[value].block;
        if (!in->head[value] && !out->head[value])
            continue;
        /* The analyzer takes a list for one without items. NOLINTBEGIN(clang-analyzer-core.*) */
        for (uint32_t u = in->head[value]; u; u = in->items[u - 1].next)
            if (in->items[u - 1].block != home && seen[in->items[u - 1].block] != value) {
                seen[in->items[u - 1].block] = value;
                stack[depth++] = in->items[u - 1].block;
            }
        for (uint32_t u = out->head[value]; u; u = out->items[u - 1].next)
            if (out->items[u - 1].block != home && seen[out->items[u - 1].block] != value) {
                seen[out->items[u - 1].block] = value;
                stack[depth++] = out->items[u - 1].block;
            }
        /* NOLINTEND(clang-analyzer-core.*) */
        while (depth) {
            uint32_t block = stack[--depth];
            if (!alloc_room(f, &chain, &capacity, count + 1, sizeof *chain))
                return;
            chain[count] = (live_chain){value, head[block]};
            head[block] = ++count;
            s->blocks[block].live_count++;
            for (uint32_t p = 0; p < f->blocks[block].pred_count; p++) {
                uint32_t pred = f->blocks[block].preds[p];
                if (pred != home && seen[pred] != value) {
                    seen[pred] = value;
                    stack[depth++] = pred;
                }
            }
        }
    }
    for (uint32_t i = 0; i < s->sequence_count; i++) {
        alloc_block *b = &s->blocks[s->sequence[i]];
        b->live = take(f, b->live_count, sizeof *b->live);
        if (!b->live)
            return;
        uint32_t k = 0;
        for (uint32_t c = head[s->sequence[i]]; c; c = chain[c - 1].next)
            /* NOLINTNEXTLINE(clang-analyzer-core.*): a chain that has a head has items */
            b->live[k++] = (alloc_live){chain[c - 1].value, ALLOC_FAREST};
    }
}

static uint32_t sum(uint32_t a, uint32_t b)
{
    return a + b > ALLOC_FAREST ? ALLOC_FAREST : a + b;
}

typedef struct pressure {
    uint32_t now[2], most[2];
} pressure;

static void born(const alloc_state *s, pressure *p, ir_ref value)
{
    unsigned kind = alloc_is_vector(alloc_type(s, value));
    if (s->remade[value])
        return;
    if (++p->now[kind] > p->most[kind])
        p->most[kind] = p->now[kind];
}

/* What the phis of `below` take from the block. Edges are looked for before phis: a dispatch loop
 * has hundreds of both. */
static void enter_phis(alloc_state *s, uint32_t block, const ir_block *below, uint32_t end,
                       pressure *pressed)
{
    const ir_func *f = s->f;
    if (!below->first || f->instrs[below->first].op != IR_PHI)
        return;
    for (uint32_t p = 0; p < below->pred_count; p++) {
        if (below->preds[p] != block)
            continue;
        for (ir_ref ref = below->first; ref && f->instrs[ref].op == IR_PHI;
             ref = f->instrs[ref].next) {
            ir_ref value = ir_list_items(f, f->instrs[ref].extra)[p];
            if (s->next[value] == ALLOC_NEVER)
                born(s, pressed, value);
            if (s->next[value] > end)
                s->next[value] = end;
        }
    }
}

/* What lives at the end of the block: into s->next, as a distance. */
static void enter_from_below(alloc_state *s, uint32_t block, uint32_t end, pressure *pressed)
{
    const ir_func *f = s->f;
    uint32_t count;
    const uint32_t *succ = alloc_successors(f, block, &count);
    for (uint32_t k = 0; k < count; k++) {
        const alloc_block *below = &s->blocks[succ[k]];
        const ir_block *b = &f->blocks[succ[k]];
        uint32_t more = 0;
        if (b->loop_depth < f->blocks[block].loop_depth)
            more += ALLOC_FAR_EXIT;
        if (b->is_cold && !f->blocks[block].is_cold)
            more += ALLOC_FAR_COLD;
        for (uint32_t i = 0; i < below->live_count; i++) {
            ir_ref value = below->live[i].value;
            uint32_t at = sum(end, sum(below->live[i].distance, more));
            if (s->next[value] == ALLOC_NEVER)
                born(s, pressed, value);
            if (s->next[value] > at)
                s->next[value] = at;
        }
        enter_phis(s, block, b, end, pressed);
    }
}

/* One block backwards: distances of all uses in it and of what lives at its beginning. True: the
 * latter are others than before. */
static bool measure_block(alloc_state *s, uint32_t block)
{
    ir_func *f = s->f;
    bool changed = false;
    alloc_block *a = &s->blocks[block];
    uint32_t end = s->position[f->blocks[block].last] + 1, call = ALLOC_NEVER;
    pressure pressed = {{0, 0}, {0, 0}};
    enter_from_below(s, block, end, &pressed);
    for (ir_ref ref = f->blocks[block].last; ref; ref = f->instrs[ref].previous) {
        const ir_instr *instr = &f->instrs[ref];
        uint32_t position = s->position[ref];
        if (instr->type != IR_VOID) {
            s->first_use[ref] = s->next[ref];
            if (s->next[ref] != ALLOC_NEVER && !s->remade[ref])
                pressed.now[alloc_is_vector((ir_type)instr->type)]--;
            s->next[ref] = ALLOC_NEVER;
        }
        uint32_t first = s->out->operands[ref], last = s->operand_end[ref];
        for (uint32_t k = first; k < last; k++) {
            uint32_t next = s->next[s->operand[k]];
            if (next != ALLOC_NEVER && call != ALLOC_NEVER && next > call && next != position)
                next = sum(next, ALLOC_FAR_CALL);
            s->next_use[k] = next;
        }
        if (alloc_is_call(instr->op))
            call = position;
        for (uint32_t k = first; k < last; k++) {
            if (s->next[s->operand[k]] == ALLOC_NEVER)
                born(s, &pressed, s->operand[k]);
            s->next[s->operand[k]] = position;
        }
    }
    a->pressure[0] = pressed.most[0];
    a->pressure[1] = pressed.most[1];
    for (uint32_t i = 0; i < a->live_count; i++) {
        ir_ref value = a->live[i].value;
        uint32_t at = s->next[value];
        uint32_t distance = at == ALLOC_NEVER ? ALLOC_FAREST : at - a->first_position;
        if (call != ALLOC_NEVER && at > call)
            distance = sum(distance, ALLOC_FAR_CALL);
        if (distance > ALLOC_FAREST)
            distance = ALLOC_FAREST;
        changed |= a->live[i].distance != distance;
        a->live[i].distance = distance;
        s->next[value] = ALLOC_NEVER;
    }
    return changed;
}

/* Whether the block looks at distances that have become others since it was measured: of a loop
 * whose header had not been measured then, or of a block that was measured anew. */
static bool is_stale(const alloc_state *s, uint32_t block)
{
    uint32_t count;
    const uint32_t *succ = alloc_successors(s->f, block, &count);
    for (uint32_t k = 0; k < count; k++)
        if (s->blocks[succ[k]].moved ||
            s->blocks[succ[k]].first_position <= s->blocks[block].first_position)
            return true;
    return false;
}

/* The header of the loop around a header's, or 0. */
static uint32_t loop_around(const ir_func *f, uint32_t header)
{
    uint32_t depth = f->blocks[header].loop_depth, at = f->blocks[header].dominator;
    while (at != f->order[0] && f->blocks[at].loop_depth >= depth && f->blocks[at].loop)
        at = f->blocks[f->blocks[at].loop].dominator;
    return f->blocks[at].loop_depth < depth ? f->blocks[at].loop : 0;
}

static void measure(alloc_state *s)
{
    ir_func *f = s->f;
    for (ir_ref ref = 0; ref < f->instr_count; ref++)
        s->next[ref] = ALLOC_NEVER;
    bool loops = false;
    for (uint32_t i = s->sequence_count; i-- > 0;) {
        (void)measure_block(s, s->sequence[i]);
        loops |= f->blocks[s->sequence[i]].is_loop_header;
    }
    if (!loops)
        return;
    for (uint32_t i = s->sequence_count; i-- > 0;)
        if (is_stale(s, s->sequence[i]))
            s->blocks[s->sequence[i]].moved = measure_block(s, s->sequence[i]);
    for (uint32_t i = s->sequence_count; i-- > 0;) {
        uint32_t block = s->sequence[i];
        if (f->blocks[block].is_cold)
            continue;
        uint32_t header = f->blocks[block].loop;
        if (header == block)
            header = loop_around(f, block);
        if (!header)
            continue;
        for (unsigned kind = 0; kind < 2; kind++)
            if (s->blocks[header].pressure[kind] < s->blocks[block].pressure[kind])
                s->blocks[header].pressure[kind] = s->blocks[block].pressure[kind];
    }
}

static void rank_registers(alloc_state *s)
{
    const alloc_target *t = s->target;
    s->allowed[0] = t->integers;
    s->allowed[1] = t->vectors;
    alloc_set left = t->integers | t->vectors;
    for (const uint8_t *reg = t->order; reg && *reg != 255; reg++)
        if (left & alloc_bit(*reg)) {
            left &= ~alloc_bit(*reg);
            s->ranked[s->ranked_count++] = *reg;
        }
    for (unsigned reg = 0; reg < ALLOC_REGS; reg++)
        if (left & alloc_bit(reg))
            s->ranked[s->ranked_count++] = (uint8_t)reg;
}

wasm_status allocate(ir_func *f, const alloc_target *target, alloc_outcome *out)
{
    *out = (alloc_outcome){0};
    if (f->status)
        return f->status;
    size_t n = f->instr_count;
    far_uses in = {0}, below = {0};
    alloc_state *s = take(f, 1, sizeof *s);
    if (!s)
        return f->status;
    s->f = f;
    s->target = target;
    s->out = out;
    out->result = take(f, n, sizeof *out->result);
    out->operands = take(f, n, sizeof *out->operands);
    s->blocks = take(f, f->block_count, sizeof *s->blocks);
    s->position = take(f, n, sizeof *s->position);
    s->operand_end = take(f, n, sizeof *s->operand_end);
    s->first_use = take(f, n, sizeof *s->first_use);
    s->remade = take(f, n, 1);
    s->where = take(f, n, 1);
    s->where_from = take(f, n, 1);
    s->hint = take(f, n, 1);
    s->moved_at = take(f, n, sizeof *s->moved_at);
    s->next = take(f, n, sizeof *s->next);
    s->alive_in = take(f, n, sizeof *s->alive_in);
    s->home = take(f, n, sizeof *s->home);
    s->readers = take(f, n + ALLOC_REGS, sizeof *s->readers);
    s->writer = take(f, n + ALLOC_REGS, sizeof *s->writer);
    in.head = take(f, n, sizeof *in.head);
    in.last_block = take(f, n, sizeof *in.last_block);
    below.head = take(f, n, sizeof *below.head);
    below.last_block = take(f, n, sizeof *below.last_block);
    if (f->status)
        return f->status;
    memset(s->where, ALLOC_NOWHERE, n);
    memset(s->hint, ALLOC_NOWHERE, n);
    rank_registers(s);
    put_in_sequence(s);
    if (!f->status)
        collect(s, &in, &below);
    if (!f->status)
        find_live(s, &in, &below);
    if (!f->status)
        measure(s);
    if (!f->status)
        alloc_assign(s);
    if (!f->status)
        alloc_finish(s);
    return f->status;
}
