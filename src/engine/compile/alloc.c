/* SPDX-License-Identifier: Apache-2.0
 * alloc.c — the allocator's first half: what each instruction asks for, where values live, how far
 * away their next uses are.
 *
 * How:     collect() numbers the instructions in the order of assignment and asks the target once
 *          for what each of them wants. measure() walks over the blocks backwards: what is used, or
 *          lives at the beginning of a block below, and is not made in the block, lives at its
 *          beginning. That list is kept for each block, with the distance of the next use, where
 *          calls, exits of loops and cold blocks count as very far: that is what keeps registers
 *          for loops. Blocks with an edge back to one that had not been measured yet are walked
 *          through again, and those above them as far as something changes there. The lists'
 *          length is the cost; no bit set over all values is kept. alloc_assign.c does the rest.
 *
 *          What is asked for each instruction or operand is in arrays by position, which all walks
 *          go through from one end to the other; of a value there is one record (alloc_value).
 *
 * Memory:  the function's arena.
 * Threads: those of the function.
 */
#include "alloc_internal.h"

#include <string.h>

bool alloc_room(ir_func *f, void *array, uint32_t *capacity, uint32_t wanted, size_t size)
{
    if (arena_grow(f->arena, array, capacity, wanted, size))
        return true;
    f->status = WASM_E_QUOTA;
    return false;
}

static void *take(ir_func *f, size_t count, size_t size)
{
    void *block = arena_alloc(f->arena, count, size);
    if (!block)
        f->status = WASM_E_QUOTA;
    return block;
}

/* For what is written before it is read. */
static void *take_unset(ir_func *f, size_t count, size_t size)
{
    void *block = arena_alloc_unset(f->arena, count, size);
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

enum { USUAL = 32 }; /* operands there is room for before the target has to ask for more */

/* Room for operands, in all arrays by operand. */
static bool room_for_operands(alloc_state *s, uint32_t wanted)
{
    uint32_t a = s->operand_capacity, b = a, c = a;
    if (wanted <= a)
        return true;
    if (!alloc_room(s->f, &s->operands, &a, wanted, sizeof *s->operands) ||
        !alloc_room(s->f, &s->next_use, &b, wanted, sizeof *s->next_use) ||
        !alloc_room(s->f, &s->out->places, &c, wanted, sizeof *s->out->places))
        return false;
    s->operand_capacity = a;
    return true;
}

/* The request of one instruction, behind those of the ones before it. */
static void collect_request(alloc_state *s, ir_ref ref)
{
    uint32_t first = s->operand_count;
    if (!room_for_operands(s, first + USUAL))
        return;
    alloc_request *r = &s->requests[s->request_count++];
    *r = (alloc_request){
        .in = s->operands + first, .in_capacity = s->operand_capacity - first, .same = -1};
    s->target->request(s->target->baton, s->f, ref, r);
    uint32_t places = r->in_count + r->temps + r->vector_temps;
    if (r->temp_fixed)
        places += (uint32_t)__builtin_popcountll(r->temp_fixed);
    const alloc_operand *made = r->in;
    if (!room_for_operands(s, first + places))
        return;
    if (r->in_count > USUAL && made != s->operands + first)
        memcpy(s->operands + first, made, r->in_count * sizeof *made);
    s->operand_count += places;
}

static bool has_request(const ir_instr *in)
{
    return !(in->flags & IR_FOLDED) && in->op != IR_PHI && in->op != IR_PARAM &&
           in->op != IR_CALLEE && in->op != IR_RESULT;
}

/* For as many as there may be, and an operand for each: most have one or none. */
static bool room_for_requests(alloc_state *s)
{
    uint32_t count = 0;
    for (ir_ref ref = 1; ref < s->f->instr_count; ref++)
        count += has_request(&s->f->instrs[ref]);
    s->requests = take_unset(s->f, count, sizeof *s->requests);
    return s->requests && room_for_operands(s, count + USUAL);
}

/* Asks for every instruction's operands; numbers positions. */
static void collect(alloc_state *s)
{
    ir_func *f = s->f;
    uint32_t position = 1;
    s->values[0] =
        (alloc_value){.where = ALLOC_NOWHERE, .hint = ALLOC_NOWHERE, .next = ALLOC_NEVER};
    for (uint32_t i = 0; i < s->sequence_count && !f->status; i++) {
        uint32_t block = s->sequence[i];
        s->blocks[block].first_position = position;
        s->blocks[block].first_request = s->request_count;
        s->blocks[block].has_phis = f->instrs[f->blocks[block].first].op == IR_PHI;
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
            bool asks = has_request(instr);
            s->at_position[position++] = ref;
            s->out->operands[ref] = s->operand_count;
            s->out->result[ref] = (alloc_place){ALLOC_NONE, 0};
            bool remade =
                asks && instr->type != IR_VOID && s->target->remakes(s->target->baton, f, ref);
            s->values[ref] = (alloc_value){
                .next = ALLOC_NEVER,
                .type = instr->type,
                .counts = remade ? ALLOC_UNCOUNTED : alloc_is_vector((ir_type)instr->type),
                .remade = remade,
                .asks = asks,
                .calls = alloc_is_call(instr->op),
                .where = ALLOC_NOWHERE,
                .hint = ALLOC_NOWHERE,
            };
            if (asks)
                collect_request(s, ref);
        }
        s->last_position = s->blocks[block].last_position = position - 1;
        s->blocks[block].request_count = s->request_count - s->blocks[block].first_request;
    }
}

/* A block that is being walked through, backwards. */
typedef struct measuring {
    alloc_value *values;
    ir_ref *living, *living_end; /* what has been seen so far */
    uint32_t now[3], most[2];    /* what lives at the same time, by alloc_value.counts */
} measuring;

/* A use is seen, from below: the value lives from here upwards. */
static inline void seen(measuring *m, ir_ref value, uint32_t at)
{
    alloc_value *v = &m->values[value];
    if (v->next <= at)
        return;
    if (v->next == ALLOC_NEVER) {
        *m->living_end++ = value;
        m->now[v->counts]++;
    }
    v->next = at;
}

static inline void note_pressure(measuring *m)
{
    for (unsigned kind = 0; kind < 2; kind++)
        if (m->most[kind] < m->now[kind])
            m->most[kind] = m->now[kind];
}

/* What the phis of `below` take from the block. Edges are looked for before phis: a dispatch loop
 * has hundreds of both. */
static inline void enter_phis(measuring *m, const ir_func *f, uint32_t block, const ir_block *below,
                              uint32_t end)
{
    for (uint32_t p = 0; p < below->pred_count; p++) {
        if (below->preds[p] != block)
            continue;
        for (ir_ref ref = below->first; ref && f->instrs[ref].op == IR_PHI;
             ref = f->instrs[ref].next)
            seen(m, ir_list_items(f, f->instrs[ref].extra)[p], end);
    }
}

/* What lives at the end of the block: into alloc_value.next, as a position. */
static inline void enter_from_below(const alloc_state *s, measuring *m, uint32_t block,
                                    uint32_t end)
{
    const ir_func *f = s->f;
    uint32_t count;
    const uint32_t *succ = ir_successors(f, block, &count);
    for (uint32_t k = 0; k < count; k++) {
        const alloc_block *below = &s->blocks[succ[k]];
        const ir_block *b = &f->blocks[succ[k]];
        uint32_t from = end;
        if (b->loop_depth < f->blocks[block].loop_depth)
            from += ALLOC_FAR_EXIT;
        if (b->is_cold && !f->blocks[block].is_cold)
            from += ALLOC_FAR_COLD;
        for (const alloc_live *l = below->live, *last = l + below->live_count; l < last; l++)
            seen(m, l->value, from + l->distance);
        if (below->has_phis)
            enter_phis(m, f, block, b, end);
    }
    note_pressure(m);
}

/* What lives at the beginning of the block, and how far away its next use is: what has been seen
 * and not been met where it is made. `call`: position of the first call, or ALLOC_NEVER. */
static void note_living(alloc_state *s, const measuring *m, alloc_block *a, uint32_t call)
{
    enum { SLAB = 2048 };
    ir_ref *end = m->living;
    for (const ir_ref *one = m->living; one < m->living_end; one++)
        if (m->values[*one].next != ALLOC_NEVER)
            *end++ = *one;
    uint32_t count = (uint32_t)(end - m->living);
    a->changed = a->grown = count > a->live_count;
    if (a->grown) {
        if (s->live_left < count) {
            s->live_left = count > SLAB ? count : SLAB;
            s->live_room = arena_alloc_unset(s->f->arena, s->live_left, sizeof *s->live_room);
            if (!s->live_room) {
                s->f->status = WASM_E_QUOTA;
                return;
            }
        }
        a->live = s->live_room;
        a->live_count = count;
        s->live_room += count;
        s->live_left -= count;
    }
    alloc_live *l = a->live;
    for (const ir_ref *one = m->living; one < end; one++, l++) {
        alloc_value *v = &m->values[*one];
        uint32_t distance = v->next - a->first_position;
        if (v->next > call)
            distance += ALLOC_FAR_CALL;
        if (distance > ALLOC_FAREST)
            distance = ALLOC_FAREST;
        if (!a->grown)
            a->changed |= l->value != *one || l->distance != distance;
        *l = (alloc_live){*one, distance};
        v->next = ALLOC_NEVER;
    }
}

/* One block backwards: distances of all uses in it, and what lives at its beginning. */
static void measure_block(alloc_state *s, uint32_t block)
{
    alloc_block *a = &s->blocks[block];
    uint32_t position = a->last_position, call = ALLOC_NEVER;
    const alloc_request *r = s->requests + a->first_request + a->request_count;
    measuring m = {s->values, s->living, s->living, {0}, {0}};
    enter_from_below(s, &m, block, position + 1);
    for (; position >= a->first_position; position--) {
        ir_ref ref = s->at_position[position];
        alloc_value *v = &m.values[ref];
        if (v->type != IR_VOID) {
            v->first_use = v->next;
            if (v->next != ALLOC_NEVER)
                m.now[v->counts]--;
            v->next = ALLOC_NEVER;
        }
        if (!v->asks)
            continue;
        uint32_t first = s->out->operands[ref], last = first + (--r)->in_count;
        for (uint32_t k = first; k < last; k++) {
            uint32_t next = m.values[s->operands[k].value].next;
            if (next > call && next != ALLOC_NEVER)
                next += ALLOC_FAR_CALL;
            s->next_use[k] = next;
        }
        if (v->calls)
            call = position;
        for (uint32_t k = first; k < last; k++)
            seen(&m, s->operands[k].value, position);
        note_pressure(&m);
    }
    a->pressure[0] = m.most[0];
    a->pressure[1] = m.most[1];
    note_living(s, &m, a, call);
}

/* Whether an edge goes back to what was not measured when the block was: around a loop, or out of
 * a cold block, which stands behind all others. */
static bool goes_back(const alloc_state *s, uint32_t block)
{
    uint32_t count;
    const uint32_t *succ = ir_successors(s->f, block, &count);
    for (uint32_t k = 0; k < count; k++)
        if (s->blocks[succ[k]].first_position <= s->blocks[block].first_position)
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

/* Measures a block, and notes which that look at it have to be measured anew: those that are still
 * to come in this pass if a distance has become another, all if something lives that did not. */
static void measure_again(alloc_state *s, uint32_t block, bool *more)
{
    const ir_block *b = &s->f->blocks[block];
    alloc_block *a = &s->blocks[block];
    a->due = false;
    measure_block(s, block);
    for (uint32_t p = 0; p < b->pred_count && a->changed; p++) {
        alloc_block *above = &s->blocks[b->preds[p]];
        bool behind = above->first_position >= a->first_position;
        if (!behind || a->grown)
            above->due = true;
        *more |= behind && a->grown;
    }
}

static void measure(alloc_state *s)
{
    ir_func *f = s->f;
    bool more = false;
    for (uint32_t i = s->sequence_count; i-- > 0 && !f->status;) {
        uint32_t block = s->sequence[i];
        measure_block(s, block);
        s->blocks[block].due = goes_back(s, block);
        more |= s->blocks[block].due;
    }
    while (more && !f->status) {
        more = false;
        for (uint32_t i = s->sequence_count; i-- > 0 && !f->status;)
            if (s->blocks[s->sequence[i]].due)
                measure_again(s, s->sequence[i], &more);
    }
}

/* Loops want what the most demanding of their blocks does. */
static void measure_loops(alloc_state *s)
{
    const ir_func *f = s->f;
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
    alloc_state *s = take(f, 1, sizeof *s);
    if (!s)
        return f->status;
    s->f = f;
    s->target = target;
    s->out = out;
    out->result = take_unset(f, n, sizeof *out->result);
    out->operands = take_unset(f, n, sizeof *out->operands);
    s->blocks = take(f, f->block_count, sizeof *s->blocks);
    s->values = take_unset(f, n, sizeof *s->values);
    s->living = take_unset(f, n, sizeof *s->living);
    s->at_position = take_unset(f, n + 1, sizeof *s->at_position);
    if (f->status || !room_for_requests(s))
        return f->status;
    rank_registers(s);
    put_in_sequence(s);
    if (!f->status)
        collect(s);
    if (!f->status)
        measure(s);
    if (!f->status)
        measure_loops(s);
    if (!f->status)
        alloc_assign(s);
    if (!f->status)
        alloc_finish(s);
    return f->status;
}
