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

/* The request of one instruction, behind those of the ones before it. */
static void collect_request(alloc_state *s, far_uses *in, ir_ref ref, uint32_t block)
{
    enum { USUAL = 32 }; /* operands there is room for before the target has to ask for more */
    ir_func *f = s->f;
    uint32_t first = s->operand_count;
    uint32_t capacity = s->operand_capacity, capacity_next = capacity, capacity_places = capacity;
    if (!alloc_room(f, &s->requests, &s->request_capacity, s->request_count + 1,
                    sizeof *s->requests) ||
        !alloc_room(f, &s->operands, &capacity, first + USUAL, sizeof *s->operands))
        return;
    alloc_request *r = &s->requests[s->request_count++];
    *r = (alloc_request){.in = s->operands + first, .in_capacity = capacity - first, .same = -1};
    s->target->request(s->target->baton, f, ref, r);
    uint32_t places =
        r->in_count + r->temps + r->vector_temps + (uint32_t)__builtin_popcountll(r->temp_fixed);
    const alloc_operand *made = r->in;
    if (!alloc_room(f, &s->operands, &capacity, first + places, sizeof *s->operands) ||
        !alloc_room(f, &s->next_use, &capacity_next, capacity, sizeof *s->next_use) ||
        !alloc_room(f, &s->out->places, &capacity_places, capacity, sizeof *s->out->places))
        return;
    s->operand_capacity = capacity;
    if (made != s->operands + first && r->in_count)
        memcpy(s->operands + first, made, r->in_count * sizeof *made);
    s->operand_count += places;
    for (uint32_t k = first; k < first + r->in_count; k++)
        if (f->instrs[s->operands[k].value].block != block)
            add_far_use(f, in, s->operands[k].value, block);
}

/* Asks for every instruction's operands; numbers positions. */
static void collect(alloc_state *s, far_uses *in, far_uses *out)
{
    ir_func *f = s->f;
    uint32_t position = 1;
    s->values[0] =
        (alloc_value){.where = ALLOC_NOWHERE, .hint = ALLOC_NOWHERE, .next = ALLOC_NEVER};
    for (uint32_t i = 0; i < s->sequence_count && !f->status; i++) {
        uint32_t block = s->sequence[i];
        s->blocks[block].first_position = position;
        s->blocks[block].first_request = s->request_count;
        ir_instr *last = &f->instrs[f->blocks[block].last];
        if (last->op == IR_BR_TABLE && ir_list_count(f, last->extra) == 1) {
            /* A table of one: a jump, in front of which moves may stand. */
            f->blocks[block].succ[0] = ir_list_items(f, last->extra)[0];
            f->blocks[block].succ_count = 1;
            last->op = IR_BR;
            last->arg[0] = 0;
        }
        for (ir_ref ref = f->blocks[block].first; ref && !f->status; ref = f->instrs[ref].next) {
            const ir_instr *instr = &f->instrs[ref];
            bool folded = instr->flags & IR_FOLDED;
            position++;
            s->out->operands[ref] = s->operand_count;
            s->values[ref] = (alloc_value){
                .next = ALLOC_NEVER,
                .type = instr->type,
                .remade = instr->type != IR_VOID && !folded && instr->op != IR_PHI &&
                          s->target->remakes(s->target->baton, f, ref),
                .where = ALLOC_NOWHERE,
                .hint = ALLOC_NOWHERE,
            };
            if (instr->op == IR_PHI) {
                const ir_ref *item = ir_list_items(f, instr->extra);
                for (uint32_t p = 0; p < f->blocks[block].pred_count; p++) {
                    uint32_t pred = f->blocks[block].preds[p];
                    if (f->instrs[item[p]].block != pred || f->instrs[item[p]].op == IR_PHI)
                        add_far_use(f, out, item[p], pred);
                }
            }
            if (alloc_has_request(instr))
                collect_request(s, in, ref, block);
        }
        s->blocks[block].last_position = position - 1;
        s->blocks[block].request_count = s->request_count - s->blocks[block].first_request;
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

/* What lives at the same time, of each class. */
typedef struct pressure {
    uint32_t now[2], most[2];
} pressure;

static void born(pressure *p, const alloc_value *v)
{
    unsigned kind = alloc_is_vector((ir_type)v->type);
    if (v->remade)
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
            alloc_value *v = &s->values[ir_list_items(f, f->instrs[ref].extra)[p]];
            if (v->next == ALLOC_NEVER)
                born(pressed, v);
            if (v->next > end)
                v->next = end;
        }
    }
}

/* What lives at the end of the block: into alloc_value.next, as a position. */
static void enter_from_below(alloc_state *s, uint32_t block, uint32_t end, pressure *pressed)
{
    const ir_func *f = s->f;
    uint32_t count;
    const uint32_t *succ = alloc_successors(f, block, &count);
    for (uint32_t k = 0; k < count; k++) {
        const alloc_block *below = &s->blocks[succ[k]];
        const ir_block *b = &f->blocks[succ[k]];
        uint32_t from = end;
        if (b->loop_depth < f->blocks[block].loop_depth)
            from += ALLOC_FAR_EXIT;
        if (b->is_cold && !f->blocks[block].is_cold)
            from += ALLOC_FAR_COLD;
        for (const alloc_live *l = below->live; l < below->live + below->live_count; l++) {
            alloc_value *v = &s->values[l->value];
            uint32_t at = sum(from, l->distance);
            if (v->next > at) {
                if (v->next == ALLOC_NEVER)
                    born(pressed, v);
                v->next = at;
            }
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
    uint32_t position = a->last_position, call = ALLOC_NEVER;
    const alloc_request *r = s->requests + a->first_request + a->request_count;
    pressure pressed = {{0, 0}, {0, 0}};
    enter_from_below(s, block, position + 1, &pressed);
    for (ir_ref ref = f->blocks[block].last; ref; ref = f->instrs[ref].previous, position--) {
        const ir_instr *instr = &f->instrs[ref];
        if (instr->type != IR_VOID) {
            alloc_value *v = &s->values[ref];
            v->first_use = v->next;
            if (v->next != ALLOC_NEVER && !v->remade)
                pressed.now[alloc_is_vector((ir_type)v->type)]--;
            v->next = ALLOC_NEVER;
        }
        if (!alloc_has_request(instr))
            continue;
        uint32_t first = s->out->operands[ref], last = first + (--r)->in_count;
        for (uint32_t k = first; k < last; k++) {
            uint32_t next = s->values[s->operands[k].value].next;
            if (call != ALLOC_NEVER && next > call && next != ALLOC_NEVER && next != position)
                next = sum(next, ALLOC_FAR_CALL);
            s->next_use[k] = next;
        }
        if (alloc_is_call(instr->op))
            call = position;
        for (uint32_t k = first; k < last; k++) {
            alloc_value *v = &s->values[s->operands[k].value];
            if (v->next == ALLOC_NEVER)
                born(&pressed, v);
            v->next = position;
        }
    }
    a->pressure[0] = pressed.most[0];
    a->pressure[1] = pressed.most[1];
    for (alloc_live *l = a->live; l < a->live + a->live_count; l++) {
        uint32_t at = s->values[l->value].next;
        uint32_t distance = at == ALLOC_NEVER ? ALLOC_FAREST : at - a->first_position;
        if (call != ALLOC_NEVER && at > call)
            distance = sum(distance, ALLOC_FAR_CALL);
        if (distance > ALLOC_FAREST)
            distance = ALLOC_FAREST;
        changed |= l->distance != distance;
        l->distance = distance;
        s->values[l->value].next = ALLOC_NEVER;
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

static void rank(alloc_state *s, uint8_t reg)
{
    unsigned kind = reg >= ALLOC_VECTOR;
    s->ranked[kind][s->ranked_count[kind]++] = reg;
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
            rank(s, *reg);
        }
    for (unsigned reg = 0; reg < ALLOC_REGS; reg++)
        if (left & alloc_bit(reg))
            rank(s, (uint8_t)reg);
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
    s->values = take(f, n, sizeof *s->values);
    in.head = take(f, n, sizeof *in.head);
    in.last_block = take(f, n, sizeof *in.last_block);
    below.head = take(f, n, sizeof *below.head);
    below.last_block = take(f, n, sizeof *below.last_block);
    if (f->status)
        return f->status;
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
