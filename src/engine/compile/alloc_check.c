/* SPDX-License-Identifier: Apache-2.0
 * alloc_check.c — whether an outcome of the register allocator is right: a second opinion that
 * shares no decision with it.
 *
 * How:     Dataflow over locations (registers, words of the spill area, arriving slots): which
 *          value each holds for certain, at the beginning of each block the meet of its
 *          predecessors. Moves and instructions are followed in the order of the code, and every
 *          operand must be where its value is. A definition makes copies of the value's earlier
 *          self worthless.
 *
 * Memory:  the function's arena.
 * Threads: those of the function.
 */
#include "alloc_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct checker {
    ir_func *f;
    const alloc_target *target;
    const alloc_outcome *out;
    uint32_t words, locations; /* of the spill area; all */
    uint32_t *arriving;        /* indices of places, a location each */
    uint32_t arriving_count;
    ir_ref *now;          /* by location */
    ir_ref **begin;       /* by block; NULL: not reached yet */
    uint32_t *first_move; /* by ir_ref */
    alloc_request request;
    char *why;
    size_t size;
    bool failed;
} checker;

__attribute__((format(printf, 2, 3))) static void fail(checker *c, const char *format, ...)
{
    va_list list;
    if (c->failed)
        return;
    c->failed = true;
    va_start(list, format);
    vsnprintf(c->why, c->size, format, list);
    va_end(list);
}

/* The value that a phi with one predecessor is another name of. */
static ir_ref root(const checker *c, ir_ref value)
{
    const ir_func *f = c->f;
    while (f->instrs[value].op == IR_PHI && f->blocks[f->instrs[value].block].pred_count == 1)
        value = ir_list_items(f, f->instrs[value].extra)[0];
    return value;
}

/* The location, or UINT32_MAX with an error. */
static uint32_t locate(checker *c, alloc_place place, ir_type type, ir_ref where)
{
    if (place.kind == ALLOC_REG && place.index < ALLOC_REGS &&
        (place.index >= ALLOC_VECTOR) == alloc_is_vector(type))
        return place.index;
    if (place.kind == ALLOC_SLOT && (place.index & ALLOC_ARRIVING)) {
        for (uint32_t i = 0; i < c->arriving_count; i++)
            if (c->arriving[i] == place.index)
                return ALLOC_REGS + c->words + i;
    } else if (place.kind == ALLOC_SLOT) {
        uint32_t bytes = type == IR_V128 ? 16 : 8;
        if (place.index % bytes == 0 && place.index + bytes <= c->out->spill_bytes)
            return ALLOC_REGS + place.index / 8;
    }
    fail(c, "at %u: no such place: kind %u, index %u", where, place.kind, place.index);
    return UINT32_MAX;
}

static bool two_words(const checker *c, uint32_t location, ir_type type)
{
    return type == IR_V128 && location >= ALLOC_REGS && location < ALLOC_REGS + c->words;
}

static void set(checker *c, alloc_place place, ir_type type, ir_ref value, ir_ref where)
{
    uint32_t at = locate(c, place, type, where);
    if (at == UINT32_MAX)
        return;
    c->now[at] = value;
    if (two_words(c, at, type))
        c->now[at + 1] = value;
}

static ir_ref get(checker *c, alloc_place place, ir_type type, ir_ref where)
{
    if (place.kind == ALLOC_REMAKE) {
        if (place.index < c->f->instr_count &&
            c->target->remakes(c->target->baton, c->f, place.index))
            return place.index;
        fail(c, "at %u: %u cannot be remade", where, place.index);
        return 0;
    }
    uint32_t at = locate(c, place, type, where);
    if (at == UINT32_MAX || (two_words(c, at, type) && c->now[at + 1] != c->now[at]))
        return 0;
    return c->now[at];
}

static void define(checker *c, ir_ref ref, alloc_place place)
{
    for (uint32_t i = 0; i < c->locations; i++)
        if (c->now[i] == ref)
            c->now[i] = 0;
    if (place.kind != ALLOC_NONE)
        set(c, place, (ir_type)c->f->instrs[ref].type, ref, ref);
}

static void check_operand(checker *c, ir_ref ref, uint32_t k, alloc_set lost)
{
    const alloc_operand *o = &c->request.in[k];
    alloc_place place = c->out->places[c->out->operands[ref] + k];
    ir_type type = (ir_type)c->f->instrs[o->value].type;
    ir_ref there = get(c, place, type, ref);
    if (there != root(c, o->value))
        fail(c, "at %u: operand %u, value %u, is not in kind %u, index %u, but %u", ref, k,
             o->value, place.kind, place.index, there);
    if (o->use != ALLOC_USE_ANY && place.kind != ALLOC_REG &&
        !(o->use == ALLOC_USE_NEAR && place.kind == ALLOC_SLOT))
        fail(c, "at %u: operand %u is in no register", ref, k);
    if (o->use == ALLOC_USE_FIXED && place.index != o->reg)
        fail(c, "at %u: operand %u is not in register %u", ref, k, o->reg);
    if (place.kind == ALLOC_REG && o->use != ALLOC_USE_FIXED &&
        !((c->target->integers | c->target->vectors) & alloc_bit(place.index)))
        fail(c, "at %u: operand %u is in a register not to be handed out", ref, k);
    if (place.kind == ALLOC_REG && o->late && (lost & alloc_bit(place.index)))
        fail(c, "at %u: late operand %u is in register %u, which is lost", ref, k, place.index);
}

static void check_instruction(checker *c, ir_ref ref)
{
    const ir_instr *instr = &c->f->instrs[ref];
    alloc_request *r = &c->request;
    *r = (alloc_request){.in = r->in, .in_capacity = r->in_capacity, .same = -1};
    c->target->request(c->target->baton, c->f, ref, r);
    alloc_set lost = r->clobbers | r->temp_fixed, temps = r->temp_fixed;
    const alloc_place *place = &c->out->places[c->out->operands[ref]];
    bool remade = instr->type != IR_VOID && c->target->remakes(c->target->baton, c->f, ref);
    bool has_value = instr->type != IR_VOID && !remade;
    for (uint32_t k = 0; k < (uint32_t)r->temps + r->vector_temps; k++) {
        alloc_place temp = place[r->in_count + k];
        alloc_set class = k < r->temps ? c->target->integers : c->target->vectors;
        if (temp.kind != ALLOC_REG || !(class & alloc_bit(temp.index)) ||
            (temps & alloc_bit(temp.index)))
            fail(c, "at %u: temporary %u has no register of its own", ref, k);
        else
            temps |= alloc_bit(temp.index);
    }
    lost |= temps;
    alloc_place result = c->out->result[ref];
    if (has_value && result.kind != ALLOC_REG)
        fail(c, "at %u: the result is in no register", ref);
    if (c->failed)
        return;
    if (has_value) {
        if (temps & alloc_bit(result.index))
            fail(c, "at %u: the result is in a temporary", ref);
        if (r->out == ALLOC_USE_FIXED && result.index != r->out_reg)
            fail(c, "at %u: the result is not in register %u", ref, r->out_reg);
        if (r->out == ALLOC_USE_REG &&
            !((c->target->integers | c->target->vectors) & alloc_bit(result.index)))
            fail(c, "at %u: the result is in a register not to be handed out", ref);
        if (r->same >= 0 &&
            (place[r->same].kind != ALLOC_REG || place[r->same].index != result.index))
            fail(c, "at %u: the result is not in its operand's register", ref);
        lost |= alloc_bit(result.index);
    }
    for (uint32_t k = 0; k < r->in_count; k++)
        check_operand(c, ref, k, lost);
    for (unsigned reg = 0; reg < ALLOC_REGS; reg++)
        if (lost & alloc_bit(reg))
            c->now[reg] = 0;
    if (alloc_is_call(instr->op))
        for (uint32_t i = 0; i < c->arriving_count; i++)
            if (c->arriving[i] & ALLOC_RETURNED)
                c->now[ALLOC_REGS + c->words + i] = 0;
    if (has_value)
        define(c, ref, result);
}

static void do_moves(checker *c, ir_ref ref)
{
    for (uint32_t i = c->first_move[ref];
         i < c->out->move_count && c->out->moves[i].before == ref && !c->failed; i++) {
        const alloc_move *m = &c->out->moves[i];
        if (m->from.kind != ALLOC_REG && m->to.kind != ALLOC_REG)
            fail(c, "at %u: a move without a register", ref);
        ir_ref value = get(c, m->from, (ir_type)m->type, ref);
        if (m->from.kind == ALLOC_SLOT && !value)
            fail(c, "at %u: a load of nothing", ref);
        set(c, m->to, (ir_type)m->type, value, ref);
    }
}

/* The state on the edge from `block` to `next` into c->now; false if that does not change what is
 * known of `next`. */
static bool go_along(checker *c, uint32_t block, uint32_t next, ir_ref *after)
{
    const ir_func *f = c->f;
    const ir_block *b = &f->blocks[next];
    uint32_t pred = 0;
    while (pred < b->pred_count && b->preds[pred] != block)
        pred++;
    memcpy(after, c->now, c->locations * sizeof *after);
    if (b->pred_count > 1) {
        ir_ref phi;
        for (phi = b->first; f->instrs[phi].op == IR_PHI; phi = f->instrs[phi].next)
            for (uint32_t i = 0; i < c->locations; i++)
                if (after[i] == phi)
                    after[i] = 0;
        for (phi = b->first; f->instrs[phi].op == IR_PHI; phi = f->instrs[phi].next) {
            alloc_place place = c->out->result[phi];
            ir_type type = (ir_type)f->instrs[phi].type;
            ir_ref value = ir_list_items(f, f->instrs[phi].extra)[pred];
            if (place.kind == ALLOC_NONE)
                continue;
            ir_ref there = get(c, place, type, phi);
            if (there != root(c, value))
                fail(c, "edge from block %u to %u: phi %u gets %u instead of %u", block, next, phi,
                     there, value);
            uint32_t at = locate(c, place, type, phi);
            if (c->failed)
                return false;
            after[at] = phi;
            if (two_words(c, at, type))
                after[at + 1] = phi;
        }
    }
    if (!c->begin[next]) {
        c->begin[next] = ARENA_ARRAY(f->arena, ir_ref, c->locations);
        if (!c->begin[next])
            fail(c, "no memory to check in");
        else
            memcpy(c->begin[next], after, c->locations * sizeof *after);
        return !c->failed;
    }
    bool changed = false;
    for (uint32_t i = 0; i < c->locations; i++)
        if (c->begin[next][i] && c->begin[next][i] != after[i]) {
            c->begin[next][i] = 0;
            changed = true;
        }
    return changed;
}

static void check_block(checker *c, uint32_t block)
{
    const ir_func *f = c->f;
    memcpy(c->now, c->begin[block], c->locations * sizeof *c->now);
    for (ir_ref ref = f->blocks[block].first; ref && !c->failed; ref = f->instrs[ref].next) {
        const ir_instr *instr = &f->instrs[ref];
        do_moves(c, ref);
        if (instr->op == IR_PARAM || instr->op == IR_CALLEE || instr->op == IR_RESULT) {
            alloc_place place = c->target->arrives(c->target->baton, f, ref);
            if (memcmp(&place.index, &c->out->result[ref].index, sizeof place.index) != 0 ||
                place.kind != c->out->result[ref].kind)
                fail(c, "at %u: not where it arrives", ref);
            define(c, ref, place);
        } else if (!(instr->flags & IR_FOLDED) && instr->op != IR_PHI) {
            check_instruction(c, ref);
        }
    }
}

bool alloc_check(ir_func *f, const alloc_target *target, const alloc_outcome *out, char *why,
                 size_t size)
{
    checker c = {.f = f, .target = target, .out = out, .why = why, .size = size};
    c.words = out->spill_bytes / 8 + 1;
    c.first_move = ARENA_ARRAY(f->arena, uint32_t, f->instr_count);
    c.begin = ARENA_ARRAY(f->arena, ir_ref *, f->block_count);
    c.arriving = ARENA_ARRAY(f->arena, uint32_t, f->instr_count);
    bool *again = ARENA_ARRAY(f->arena, bool, f->block_count);
    if (c.first_move && c.arriving)
        for (uint32_t i = 0; i < f->order_count; i++)
            for (ir_ref ref = f->blocks[f->order[i]].first; ref; ref = f->instrs[ref].next)
                if (out->result[ref].kind == ALLOC_SLOT &&
                    (out->result[ref].index & ALLOC_ARRIVING)) {
                    uint32_t k = 0;
                    while (k < c.arriving_count && c.arriving[k] != out->result[ref].index)
                        k++;
                    c.arriving[k] = out->result[ref].index;
                    c.arriving_count += k == c.arriving_count;
                }
    c.locations = ALLOC_REGS + c.words + c.arriving_count;
    c.now = ARENA_ARRAY(f->arena, ir_ref, c.locations);
    ir_ref *after = ARENA_ARRAY(f->arena, ir_ref, c.locations);
    if (!c.first_move || !c.begin || !c.arriving || !again || !c.now || !after) {
        fail(&c, "no memory to check in");
        return false;
    }
    memset(c.first_move, 0xff, f->instr_count * sizeof *c.first_move);
    for (uint32_t i = out->move_count; i-- > 0;)
        c.first_move[out->moves[i].before] = i;
    c.begin[f->order[0]] = ARENA_ARRAY(f->arena, ir_ref, c.locations);
    if (!c.begin[f->order[0]]) {
        fail(&c, "no memory to check in");
        return false;
    }
    again[f->order[0]] = true;
    for (bool more = true; more && !c.failed;) {
        more = false;
        for (uint32_t i = 0; i < f->order_count && !c.failed; i++) {
            uint32_t block = f->order[i], count;
            if (!again[block])
                continue;
            again[block] = false;
            check_block(&c, block);
            const uint32_t *succ = ir_successors(f, block, &count);
            for (uint32_t k = 0; k < count && !c.failed; k++)
                if (go_along(&c, block, succ[k], after))
                    again[succ[k]] = more = true;
        }
    }
    return !c.failed;
}
