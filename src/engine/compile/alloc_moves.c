/* SPDX-License-Identifier: Apache-2.0
 * alloc_moves.c — the allocator's moves: homes of values, moves that happen at once put in an
 * order, edges, and stores of spilled values where they are defined.
 *
 * How:     A move from slot to slot goes through the scratch register of its class. A cycle of
 *          registers is opened by the scratch register, one with slots in it by a slot of its own,
 *          since its moves need the scratch themselves.
 *
 * Memory:  the function's arena.
 * Threads: those of the function.
 */
#include "alloc_internal.h"

#include <string.h>

static alloc_place slot_new(alloc_state *s, uint32_t bytes)
{
    uint32_t at = (s->out->spill_bytes + bytes - 1) & ~(bytes - 1);
    s->out->spill_bytes = at + bytes;
    return (alloc_place){ALLOC_SLOT, at};
}

alloc_place alloc_home(alloc_state *s, ir_ref value)
{
    alloc_value *v = &s->values[value];
    if (v->remade)
        return (alloc_place){ALLOC_REMAKE, value};
    if (!v->home)
        v->home = 1 + slot_new(s, v->type == IR_V128 ? 16 : 8).index;
    return (alloc_place){ALLOC_SLOT, v->home - 1};
}

void alloc_pend(alloc_state *s, uint32_t to, ir_ref value, uint8_t from)
{
    if (s->pending_count == s->pending_capacity &&
        !alloc_room(s->f, &s->pending, &s->pending_capacity, s->pending_count + 1,
                    sizeof *s->pending))
        return;
    s->pending[s->pending_count++] =
        (alloc_pending){to, value, from, (uint8_t)alloc_type(s, value)};
}

static void put(alloc_state *s, unsigned phase, ir_ref before, uint8_t type, alloc_place from,
                alloc_place to)
{
    alloc_move_list *list = &s->moves[phase];
    if (from.kind != ALLOC_REG && to.kind != ALLOC_REG) {
        alloc_place scratch = {ALLOC_REG, alloc_is_vector((ir_type)type) ? s->target->vector_scratch
                                                                         : s->target->scratch};
        put(s, phase, before, type, from, scratch);
        put(s, phase, before, type, scratch, to);
        return;
    }
    if (list->count == list->capacity &&
        !alloc_room(s->f, &list->items, &list->capacity, list->count + 1, sizeof *list->items))
        return;
    list->items[list->count++] = (alloc_move){before, type, from, to};
}

static alloc_place place_of(alloc_state *s, uint32_t location)
{
    if (location < ALLOC_REGS)
        return (alloc_place){ALLOC_REG, location};
    return alloc_home(s, location - ALLOC_REGS);
}

static uint32_t source_of(const alloc_pending *m)
{
    return m->from != ALLOC_NOWHERE ? m->from : ALLOC_REGS + m->value;
}

/* 1 + the pending move into the location, and how many read it. */
static uint32_t *writer(alloc_state *s, uint32_t location)
{
    return location < ALLOC_REGS ? &s->writer[location]
                                 : &s->values[location - ALLOC_REGS].home_writer;
}
static uint32_t *readers(alloc_state *s, uint32_t location)
{
    return location < ALLOC_REGS ? &s->readers[location]
                                 : &s->values[location - ALLOC_REGS].home_readers;
}

/* Opens the cycle that pending move `first` is part of, and writes it. */
static void put_cycle(alloc_state *s, uint32_t first, ir_ref before, unsigned phase)
{
    uint32_t opened = s->pending[first].to, at = first;
    bool slots = false;
    for (;;) {
        slots |= s->pending[at].to >= ALLOC_REGS;
        if (source_of(&s->pending[at]) == opened)
            break;
        at = *writer(s, source_of(&s->pending[at])) - 1;
    }
    uint8_t type = s->pending[at].type;
    alloc_place keep = {ALLOC_REG, alloc_is_vector((ir_type)type) ? s->target->vector_scratch
                                                                  : s->target->scratch};
    if (slots) {
        if (!s->cycle_slot)
            s->cycle_slot = 1 + slot_new(s, 16).index;
        keep = (alloc_place){ALLOC_SLOT, s->cycle_slot - 1};
    }
    put(s, phase, before, type, place_of(s, opened), keep);
    for (at = first;;) {
        const alloc_pending *m = &s->pending[at];
        uint32_t source = source_of(m);
        *writer(s, m->to) = 0;
        put(s, phase, before, m->type, source == opened ? keep : place_of(s, source),
            place_of(s, m->to));
        if (source == opened)
            return;
        at = *writer(s, source) - 1;
    }
}

void alloc_flush(alloc_state *s, ir_ref before, unsigned phase)
{
    uint32_t count = 0;
    if (s->pending_count <= 1) { /* nothing to put in order */
        const alloc_pending *m = s->pending;
        if (s->pending_count && source_of(m) != m->to)
            put(s, phase, before, m->type, place_of(s, source_of(m)), place_of(s, m->to));
        s->pending_count = 0;
        return;
    }
    for (uint32_t i = 0; i < s->pending_count; i++) {
        alloc_pending m = s->pending[i];
        if (source_of(&m) == m.to || *writer(s, m.to))
            continue; /* twice the same */
        s->pending[count++] = m;
        *writer(s, m.to) = count;
        if (m.from != ALLOC_NOWHERE || !s->values[m.value].remade)
            ++*readers(s, source_of(&m));
    }
    s->pending_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        /* Whatever nobody reads any more can be written, and what it read as well then. */
        uint32_t at = i;
        while (*writer(s, s->pending[at].to) == at + 1 && !*readers(s, s->pending[at].to)) {
            const alloc_pending *m = &s->pending[at];
            uint32_t source = source_of(m);
            put(s, phase, before, m->type, place_of(s, source), place_of(s, m->to));
            *writer(s, m->to) = 0;
            if (m->from == ALLOC_NOWHERE && s->values[m->value].remade)
                break;
            if (--*readers(s, source) || !*writer(s, source))
                break;
            at = *writer(s, source) - 1;
        }
    }
    for (uint32_t i = 0; i < count; i++)
        if (*writer(s, s->pending[i].to) == i + 1)
            put_cycle(s, i, before, phase);
    for (uint32_t i = 0; i < count; i++)
        *readers(s, source_of(&s->pending[i])) = 0;
}

static uint8_t held_at_end(const alloc_block *b, ir_ref value)
{
    for (unsigned i = 0; i < b->end_count; i++)
        if (b->end[i].value == value)
            return b->end[i].reg;
    return ALLOC_NOWHERE;
}

void alloc_edge(alloc_state *s, uint32_t block, uint32_t successor)
{
    const ir_func *f = s->f;
    const ir_block *b = &f->blocks[successor];
    const alloc_block *from = &s->blocks[block], *to = &s->blocks[successor];
    uint32_t pred = 0;
    while (b->preds[pred] != block)
        pred++;
    const alloc_held *there = from->end, *end = from->end + from->end_count;
    for (unsigned i = 0; i < to->begin_count; i++) {
        ir_ref value = to->begin[i].value;
        if (to->begin_phis & alloc_bit(to->begin[i].reg))
            value = ir_list_items(f, f->instrs[value].extra)[pred];
        while (there < end && there->reg < to->begin[i].reg)
            there++;
        if (there < end && there->reg == to->begin[i].reg && there->value == value)
            continue; /* it is where it is wanted */
        alloc_pend(s, to->begin[i].reg, value, held_at_end(from, value));
    }
    for (ir_ref phi = b->first; phi && f->instrs[phi].op == IR_PHI; phi = f->instrs[phi].next)
        if (s->out->result[phi].kind == ALLOC_SLOT) {
            ir_ref value = ir_list_items(f, f->instrs[phi].extra)[pred];
            alloc_pend(s, ALLOC_REGS + phi, value, held_at_end(from, value));
        }
    if (s->pending_count)
        alloc_flush(s, f->blocks[block].last, ALLOC_EDGES);
}

static bool same_place(alloc_place a, alloc_place b)
{
    return a.kind == b.kind && a.index == b.index;
}

void alloc_finish(alloc_state *s)
{
    ir_func *f = s->f;
    uint32_t *count = s->living, total = 0; /* by ir_ref; nothing is measured any more */
    memset(count, 0, f->instr_count * sizeof *count);
    for (uint32_t position = 1; position <= s->last_position; position++) {
        ir_ref ref = s->at_position[position];
        if (!s->values[ref].home)
            continue;
        alloc_place at = s->out->result[ref], home = {ALLOC_SLOT, s->values[ref].home - 1};
        if (at.kind == ALLOC_NONE || same_place(at, home))
            continue;
        ir_ref before = alloc_real(f, f->instrs[ref].next);
        put(s, ALLOC_SAVES, before, s->values[ref].type, at, home);
    }
    for (unsigned phase = 0; phase < ALLOC_PHASES; phase++) {
        total += s->moves[phase].count;
        for (uint32_t i = 0; i < s->moves[phase].count; i++)
            count[s->moves[phase].items[i].before]++;
    }
    s->out->moves = arena_alloc(f->arena, total, sizeof *s->out->moves);
    if (!s->out->moves) {
        f->status = WASM_E_QUOTA;
        return;
    }
    uint32_t at = 0;
    for (uint32_t i = 0; i < f->order_count; i++) {
        const alloc_block *b = &s->blocks[f->order[i]];
        for (uint32_t position = b->first_position; position <= b->last_position; position++) {
            uint32_t *here = &count[s->at_position[position]], moves = *here;
            *here = at;
            at += moves;
        }
    }
    for (unsigned phase = 0; phase < ALLOC_PHASES; phase++)
        for (uint32_t i = 0; i < s->moves[phase].count; i++) {
            const alloc_move *m = &s->moves[phase].items[i];
            s->out->moves[count[m->before]++] = *m;
            if (m->to.kind == ALLOC_REG)
                s->out->used |= alloc_bit(m->to.index);
        }
    s->out->move_count = total;
}
