/* SPDX-License-Identifier: Apache-2.0
 * alloc_assign.c — the allocator's second half: registers, block by block, forwards.
 *
 * How:     It keeps which register holds which value. A block with one predecessor begins with what
 *          that ended with; one with several takes over from the first that is done, and the others
 *          bring their values there (alloc_edge). A loop's header also asks for what the loop uses
 *          soon, so that its loads are in front of it, and lets go of what the loop does not use
 *          where the loop needs more registers than there are. Where a register is wanted and none
 *          is free, the value whose next use is the furthest away loses its own; it comes back
 *          from its home when it is used. All moves of one instruction happen at once.
 *
 * Memory:  the function's arena.
 * Threads: those of the function.
 */
#include "alloc_internal.h"

/* The instruction that is being served. */
typedef struct step {
    ir_ref ref;
    uint32_t position;
    uint32_t base;   /* of its places */
    alloc_set fixed; /* operands have to be in these */
    alloc_set hard;  /* lost by it: clobbers, fixed temporaries, a fixed result */
    alloc_set taken; /* hold an operand, or what is moved for it */
    alloc_set late;  /* not for the result */
    ir_ref displaced[ALLOC_REGS];
    unsigned displaced_count;
    uint8_t result; /* of a two-address form */
} step;

static void unsatisfiable(alloc_state *s)
{
    if (!s->f->status)
        s->f->status = WASM_E_QUOTA;
}

/* Where the moves in front of the instruction find it. */
static uint8_t source(const alloc_state *s, const step *t, ir_ref value)
{
    const alloc_value *v = &s->values[value];
    return v->moved_at == t->position ? v->where_from : v->where;
}

static void put_at(alloc_state *s, const step *t, ir_ref value, uint8_t reg)
{
    alloc_value *v = &s->values[value];
    if (v->moved_at != t->position) {
        v->moved_at = t->position;
        v->where_from = v->where;
    }
    if (v->where != ALLOC_NOWHERE && s->held[v->where] == value)
        alloc_drop(s, v->where);
    v->where = reg;
    if (reg != ALLOC_NOWHERE) {
        alloc_hold(s, reg, value);
        s->out->used |= alloc_bit(reg);
    }
}

/* `among` is of one class, here and below. */
static uint8_t pick_free(const alloc_state *s, alloc_set among, uint8_t hint)
{
    among &= ~s->full;
    if (!among)
        return ALLOC_NOWHERE;
    if (hint != ALLOC_NOWHERE && (among & alloc_bit(hint)))
        return hint;
    const uint8_t *reg = s->ranked[among >> ALLOC_VECTOR != 0];
    while (!(among & alloc_bit(*reg)))
        reg++;
    return *reg;
}

/* The register among these, none of which is free, whose value is needed last. */
static uint8_t pick_victim(const alloc_state *s, alloc_set among)
{
    uint8_t best = ALLOC_NOWHERE;
    uint32_t best_next = 0;
    unsigned kind = among >> ALLOC_VECTOR != 0;
    for (unsigned i = 0; i < s->ranked_count[kind]; i++) {
        uint8_t reg = s->ranked[kind][i];
        if (!(among & alloc_bit(reg)))
            continue;
        const alloc_value *v = &s->values[s->held[reg]];
        if (best == ALLOC_NOWHERE || v->next > best_next || (v->next == best_next && v->remade)) {
            best = reg;
            best_next = v->next;
        }
    }
    return best;
}

/* A register among these that holds nothing any more. */
static uint8_t choose(alloc_state *s, const step *t, alloc_set among, uint8_t hint)
{
    uint8_t reg = pick_free(s, among, hint);
    if (reg != ALLOC_NOWHERE)
        return reg;
    reg = pick_victim(s, among);
    if (reg == ALLOC_NOWHERE)
        unsatisfiable(s);
    else
        put_at(s, t, s->held[reg], ALLOC_NOWHERE);
    return reg;
}

static alloc_set class_of(const alloc_state *s, ir_ref value)
{
    return s->allowed[alloc_is_vector(alloc_type(s, value))];
}

static void set_place(alloc_state *s, uint32_t index, uint8_t reg)
{
    s->out->places[index] = (alloc_place){ALLOC_REG, reg};
}

static void serve_fixed(alloc_state *s, step *t, const alloc_request *r)
{
    for (uint32_t k = 0; k < r->in_count; k++)
        if (r->in[k].use == ALLOC_USE_FIXED)
            t->fixed |= alloc_bit(r->in[k].reg);
    for (uint32_t k = 0; k < r->in_count; k++) {
        const alloc_operand *o = &r->in[k];
        if (o->use != ALLOC_USE_FIXED)
            continue;
        ir_ref there = s->held[o->reg];
        if (there && there != o->value) {
            put_at(s, t, there, ALLOC_NOWHERE);
            t->displaced[t->displaced_count++] = there;
        }
        if (source(s, t, o->value) != o->reg)
            alloc_pend(s, o->reg, o->value, source(s, t, o->value));
        t->taken |= alloc_bit(o->reg);
        if (o->late)
            t->late |= alloc_bit(o->reg);
        s->out->used |= alloc_bit(o->reg);
        set_place(s, t->base + k, o->reg);
    }
}

/* Whether the instruction may as well read it where it is: nobody wants it soon, or what would
 * have to leave its register for it is wanted sooner. */
static bool stays_in_slot(const alloc_state *s, const step *t, ir_ref value)
{
    alloc_set among = class_of(s, value) & ~(t->taken | t->fixed);
    if (s->values[value].remade || source(s, t, value) != ALLOC_NOWHERE)
        return false;
    if (s->values[value].next == ALLOC_NEVER ||
        s->values[value].next - t->position >= ALLOC_FAR_EXIT)
        return true;
    if (pick_free(s, among, ALLOC_NOWHERE) != ALLOC_NOWHERE)
        return false;
    uint8_t victim = pick_victim(s, among);
    return victim == ALLOC_NOWHERE || s->values[s->held[victim]].next <= s->values[value].next;
}

static void serve_registers(alloc_state *s, step *t, const alloc_request *r)
{
    bool again = true; /* first those that are where they may be read */
    for (unsigned pass = 0; pass < 2 && again; pass++) {
        again = false;
        for (uint32_t k = 0; k < r->in_count && !s->f->status; k++) {
            const alloc_operand *o = &r->in[k];
            if (o->use != ALLOC_USE_REG && o->use != ALLOC_USE_NEAR)
                continue;
            uint8_t reg = s->values[o->value].where;
            bool suits = reg != ALLOC_NOWHERE && !(o->late && (t->hard & alloc_bit(reg)));
            if (pass == 0 && !suits) {
                s->out->places[t->base + k].kind = ALLOC_NONE;
                again = true;
                continue;
            }
            if (pass == 1 && s->out->places[t->base + k].kind == ALLOC_REG)
                continue;
            if (!suits && o->use == ALLOC_USE_NEAR && stays_in_slot(s, t, o->value)) {
                s->out->places[t->base + k] = alloc_home(s, o->value);
                continue;
            }
            if (!suits) {
                alloc_set among = class_of(s, o->value) & ~(t->taken | t->fixed);
                uint8_t from = source(s, t, o->value);
                alloc_set safe = among & ~t->hard;
                if (o->late || (s->values[o->value].next != ALLOC_NEVER &&
                                pick_free(s, safe, ALLOC_NOWHERE) != ALLOC_NOWHERE))
                    among = safe;
                reg = choose(s, t, among, s->values[o->value].hint);
                if (reg == ALLOC_NOWHERE)
                    return;
                put_at(s, t, o->value, reg);
                alloc_pend(s, reg, o->value, from);
            }
            t->taken |= alloc_bit(reg);
            if (o->late)
                t->late |= alloc_bit(reg);
            set_place(s, t->base + k, reg);
        }
    }
}

static void serve_any(alloc_state *s, step *t, const alloc_request *r)
{
    for (uint32_t k = 0; k < r->in_count; k++) {
        const alloc_operand *o = &r->in[k];
        if (o->use != ALLOC_USE_ANY)
            continue;
        uint8_t reg = s->values[o->value].where;
        if (reg != ALLOC_NOWHERE && !(o->late && (t->hard & alloc_bit(reg)))) {
            t->taken |= alloc_bit(reg);
            if (o->late)
                t->late |= alloc_bit(reg);
            set_place(s, t->base + k, reg);
        } else {
            s->out->places[t->base + k] = alloc_home(s, o->value);
        }
    }
}

/* The operand that the result overwrites: it must be nobody else's any more. */
static void serve_same(alloc_state *s, step *t, const alloc_request *r)
{
    ir_ref value = r->in[r->same].value;
    uint8_t reg = (uint8_t)s->out->places[t->base + (uint32_t)r->same].index;
    bool mine = s->values[value].where != reg || s->values[value].next == ALLOC_NEVER;
    alloc_set bad = t->late | r->temp_fixed;
    if (!mine || (bad & alloc_bit(reg))) {
        alloc_set among = class_of(s, t->ref) & ~(t->taken | t->fixed | r->temp_fixed);
        uint8_t to = pick_free(s, among, s->values[t->ref].hint);
        if (to == ALLOC_NOWHERE) {
            to = pick_victim(s, among);
            if (!(bad & alloc_bit(reg)) &&
                (to == ALLOC_NOWHERE || s->values[s->held[to]].next < s->values[value].next)) {
                put_at(s, t, value, ALLOC_NOWHERE); /* from its home, next time */
                t->result = reg;
                return;
            }
            to = choose(s, t, among, ALLOC_NOWHERE);
            if (to == ALLOC_NOWHERE)
                return;
        }
        alloc_pend(s, to, value, source(s, t, value));
        t->taken |= alloc_bit(to);
        set_place(s, t->base + (uint32_t)r->same, to);
        reg = to;
    }
    t->result = reg;
}

static void serve_temporaries(alloc_state *s, step *t, const alloc_request *r)
{
    uint32_t at = t->base + r->in_count, count = (uint32_t)r->temps + r->vector_temps;
    t->late |= r->temp_fixed;
    if (t->result != ALLOC_NOWHERE)
        t->late |= alloc_bit(t->result);
    for (uint32_t k = 0; k < count && !s->f->status; k++) {
        alloc_set among = s->allowed[k >= r->temps] & ~t->late;
        if (r->out == ALLOC_USE_FIXED && s->f->instrs[t->ref].type != IR_VOID)
            among &= ~alloc_bit(r->out_reg);
        alloc_set others = among & ~(t->taken | t->fixed);
        uint8_t reg = pick_free(s, others, ALLOC_NOWHERE);
        if (reg == ALLOC_NOWHERE)
            reg = choose(s, t, others ? others : among, ALLOC_NOWHERE);
        if (reg == ALLOC_NOWHERE)
            return;
        if (s->held[reg])
            put_at(s, t, s->held[reg], ALLOC_NOWHERE);
        t->late |= alloc_bit(reg);
        t->taken |= alloc_bit(reg);
        s->out->used |= alloc_bit(reg);
        set_place(s, at++, reg);
    }
    s->out->used |= r->temp_fixed;
    for (alloc_set left = r->temp_fixed; left; left &= left - 1)
        set_place(s, at++, (uint8_t)__builtin_ctzll(left));
}

/* To another register if there is one to spare, else home. */
static void give_way(alloc_state *s, step *t, ir_ref value)
{
    uint8_t from = source(s, t, value), reg = ALLOC_NOWHERE;
    alloc_set among = class_of(s, value) & ~(t->taken | t->fixed | t->hard | t->late);
    if (from != ALLOC_NOWHERE && s->values[value].next < ALLOC_FAR_CALL)
        reg = pick_free(s, among, s->values[value].hint);
    put_at(s, t, value, reg);
    if (reg != ALLOC_NOWHERE) {
        t->taken |= alloc_bit(reg);
        alloc_pend(s, reg, value, from);
    }
}

static void serve_the_rest(alloc_state *s, step *t)
{
    for (alloc_set left = t->hard; left; left &= left - 1) {
        ir_ref value = s->held[__builtin_ctzll(left)];
        if (value && s->values[value].next != ALLOC_NEVER)
            give_way(s, t, value);
    }
    for (unsigned i = 0; i < t->displaced_count; i++) {
        ir_ref value = t->displaced[i];
        if (s->values[value].where == ALLOC_NOWHERE && s->values[value].next != ALLOC_NEVER)
            give_way(s, t, value);
    }
}

static void let_die(alloc_state *s, ir_ref value)
{
    alloc_value *v = &s->values[value];
    if (v->where == ALLOC_NOWHERE)
        return;
    if (s->held[v->where] == value)
        alloc_drop(s, v->where);
    v->where = ALLOC_NOWHERE;
}

/* What had to be in a register that nobody takes from it stays there. */
static void keep_in_fixed(alloc_state *s, const step *t, const alloc_request *r)
{
    for (uint32_t k = 0; k < r->in_count; k++) {
        const alloc_operand *o = &r->in[k];
        alloc_value *v = &s->values[o->value];
        if (o->use != ALLOC_USE_FIXED || v->where != ALLOC_NOWHERE || v->next == ALLOC_NEVER)
            continue;
        alloc_set lost = s->full | t->hard;
        if (t->result != ALLOC_NOWHERE)
            lost |= alloc_bit(t->result);
        if (class_of(s, o->value) & ~lost & alloc_bit(o->reg)) {
            v->where = o->reg;
            alloc_hold(s, o->reg, o->value);
        }
    }
}

/* The value now is in that register, where nothing is that is needed. */
static void define(alloc_state *s, ir_ref ref, uint8_t reg)
{
    alloc_value *v = &s->values[ref];
    s->out->result[ref] = (alloc_place){ALLOC_REG, reg};
    s->out->used |= alloc_bit(reg);
    v->next = v->first_use;
    if (s->held[reg])
        s->values[s->held[reg]].where = ALLOC_NOWHERE;
    if (v->next == ALLOC_NEVER) {
        alloc_drop(s, reg);
        return;
    }
    v->where = reg;
    alloc_hold(s, reg, ref);
}

static void assign_instruction(alloc_state *s, ir_ref ref, uint32_t position, alloc_request *r)
{
    alloc_value *made = &s->values[ref];
    step t; /* most of displaced[] is never looked at */
    t.ref = ref;
    t.position = position;
    t.base = s->out->operands[ref];
    t.fixed = t.taken = t.late = 0;
    t.displaced_count = 0;
    t.result = ALLOC_NOWHERE;
    r->in = s->operands + t.base;
    bool has_value = made->type != IR_VOID && !made->remade;
    if (made->remade)
        made->next = made->first_use;
    t.hard = r->clobbers | r->temp_fixed;
    if (has_value && r->out == ALLOC_USE_FIXED) {
        t.hard |= alloc_bit(r->out_reg);
        if (r->same >= 0) {
            r->in[r->same].use = ALLOC_USE_FIXED;
            r->in[r->same].reg = r->out_reg;
        }
    }
    unsigned uses = 0; /* of each kind: a bit */
    for (uint32_t k = 0; k < r->in_count; k++) {
        s->values[r->in[k].value].next = s->next_use[t.base + k];
        uses |= 1u << r->in[k].use;
    }
    if (uses & 1u << ALLOC_USE_FIXED)
        serve_fixed(s, &t, r);
    if (uses & (1u << ALLOC_USE_REG | 1u << ALLOC_USE_NEAR))
        serve_registers(s, &t, r);
    if (s->f->status)
        return;
    if (has_value && r->same >= 0)
        serve_same(s, &t, r);
    serve_temporaries(s, &t, r);
    if (uses & 1u << ALLOC_USE_ANY)
        serve_any(s, &t, r);
    if (t.hard || t.displaced_count)
        serve_the_rest(s, &t);
    if (s->pending_count)
        alloc_flush(s, ref, ALLOC_FETCHES);
    for (uint32_t k = 0; k < r->in_count; k++)
        if (s->values[r->in[k].value].next == ALLOC_NEVER)
            let_die(s, r->in[k].value);
    if (t.fixed)
        keep_in_fixed(s, &t, r);
    if (!has_value || s->f->status)
        return;
    uint8_t reg = t.result;
    if (r->out == ALLOC_USE_FIXED)
        reg = r->out_reg;
    else if (reg == ALLOC_NOWHERE)
        reg = choose(s, &t, class_of(s, ref) & ~t.late, made->hint);
    if (reg != ALLOC_NOWHERE)
        define(s, ref, reg);
}

static void arrive(alloc_state *s, ir_ref ref)
{
    const ir_instr *instr = &s->f->instrs[ref];
    alloc_place at = s->target->arrives(s->target->baton, s->f, ref);
    if (at.kind == ALLOC_REG) {
        define(s, ref, (uint8_t)at.index);
        if (!(class_of(s, ref) & alloc_bit(at.index)))
            unsatisfiable(s);
        return;
    }
    s->out->result[ref] = at;
    s->values[ref].next = s->values[ref].first_use;
    if (instr->op != IR_RESULT)
        s->values[ref].home = 1 + at.index;
    else if (s->values[ref].next != ALLOC_NEVER)
        (void)alloc_home(s, ref);
}

/* ---- borders of blocks ---- */

static void forget(alloc_state *s)
{
    for (alloc_set left = s->full; left; left &= left - 1) {
        unsigned reg = (unsigned)__builtin_ctzll(left);
        s->values[s->held[reg]].where = ALLOC_NOWHERE;
        s->held[reg] = 0;
    }
    s->full = 0;
}

static bool alive(const alloc_state *s, ir_ref value, uint32_t block)
{
    return s->values[value].alive_in == block + 1;
}

/* What registers hold at a border of a block, for the edges. */
static alloc_held *keep(alloc_state *s, uint8_t *count)
{
    enum { SLAB = 512 };
    if (s->held_left < ALLOC_REGS) {
        s->held_room = arena_alloc_unset(s->f->arena, SLAB, sizeof *s->held_room);
        s->held_left = s->held_room ? SLAB : 0;
        if (!s->held_room) {
            s->f->status = WASM_E_QUOTA;
            return NULL;
        }
    }
    alloc_held *list = s->held_room, *item = list;
    for (alloc_set left = s->full; left; left &= left - 1) {
        uint8_t reg = (uint8_t)__builtin_ctzll(left);
        *item++ = (alloc_held){s->held[reg], reg};
    }
    *count = (uint8_t)(item - list);
    s->held_room = item;
    s->held_left -= *count;
    return list;
}

/* What a loop does not use leaves while the loop wants more registers than there are, or calls
 * (then they would have to come back in each round). */
static void make_room_for_loop(alloc_state *s, uint32_t block)
{
    const alloc_block *a = &s->blocks[block];
    for (unsigned kind = 0; kind < 2; kind++) {
        uint32_t room = (uint32_t)__builtin_popcountll(s->allowed[kind]);
        uint32_t over = a->pressure[kind] > room ? a->pressure[kind] - room : 0;
        for (;;) {
            uint8_t reg = ALLOC_NOWHERE;
            for (unsigned i = 0; i < s->ranked_count[kind]; i++) {
                uint8_t one = s->ranked[kind][i];
                if (s->held[one] && (reg == ALLOC_NOWHERE ||
                                     s->values[s->held[one]].next > s->values[s->held[reg]].next))
                    reg = one;
            }
            if (reg == ALLOC_NOWHERE)
                break;
            uint32_t distance = s->values[s->held[reg]].next - a->first_position;
            if (distance < ALLOC_FAR_CALL && !(over && distance >= ALLOC_FAR_EXIT))
                break;
            if (over)
                over--;
            let_die(s, s->held[reg]);
        }
    }
}

/* Loads what a loop uses soon before it begins: what was made first comes first. */
static void ask_for_loop(alloc_state *s, uint32_t block)
{
    const alloc_block *a = &s->blocks[block];
    for (;;) {
        alloc_set free = (s->allowed[0] | s->allowed[1]) & ~s->full;
        ir_ref first = 0;
        for (const alloc_live *l = a->live; free && l < a->live + a->live_count; l++)
            if (l->distance < ALLOC_FAR_EXIT && s->values[l->value].where == ALLOC_NOWHERE &&
                (class_of(s, l->value) & free) && (!first || l->value < first))
                first = l->value;
        if (!first)
            return;
        uint8_t reg = pick_free(s, class_of(s, first), s->values[first].hint);
        s->values[first].where = reg;
        alloc_hold(s, reg, first);
        s->out->used |= alloc_bit(reg);
    }
}

static void place_phis(alloc_state *s, uint32_t block, uint32_t pred, const alloc_block *from)
{
    const ir_func *f = s->f;
    const ir_block *b = &f->blocks[block];
    for (ir_ref phi = b->first; phi && f->instrs[phi].op == IR_PHI; phi = f->instrs[phi].next) {
        const ir_ref *item = ir_list_items(f, f->instrs[phi].extra);
        uint8_t wish = s->values[phi].hint;
        for (unsigned i = 0; i < from->end_count; i++)
            if (from->end[i].value == item[pred] && (wish == ALLOC_NOWHERE || s->held[wish]))
                wish = from->end[i].reg;
        s->values[phi].next = s->values[phi].first_use;
        uint8_t reg = pick_free(s, class_of(s, phi), wish);
        if (reg == ALLOC_NOWHERE) {
            uint8_t other = pick_victim(s, class_of(s, phi));
            if (other != ALLOC_NOWHERE && s->values[s->held[other]].next > s->values[phi].next) {
                ir_ref loser = s->held[other];
                let_die(s, loser);
                if (f->instrs[loser].op == IR_PHI && f->instrs[loser].block == block)
                    s->out->result[loser] = alloc_home(s, loser);
                reg = other;
            }
        }
        if (s->values[phi].first_use == ALLOC_NEVER) {
            s->out->result[phi] = (alloc_place){ALLOC_NONE, 0};
            continue;
        }
        if (reg == ALLOC_NOWHERE) {
            s->out->result[phi] = alloc_home(s, phi);
            continue;
        }
        define(s, phi, reg);
        s->blocks[block].begin_phis |= alloc_bit(reg);
        for (uint32_t p = 0; p < b->pred_count; p++)
            if (s->values[item[p]].hint == ALLOC_NOWHERE)
                s->values[item[p]].hint = reg;
    }
}

/* Phis of a block with one predecessor, which may have several successors: moves at the beginning.
 */
static void rename_phis(alloc_state *s, uint32_t block, const alloc_block *from)
{
    const ir_func *f = s->f;
    ir_ref phi = f->blocks[block].first;
    if (f->instrs[phi].op != IR_PHI)
        return;
    place_phis(s, block, 0, from);
    for (; f->instrs[phi].op == IR_PHI; phi = f->instrs[phi].next) {
        alloc_place to = s->out->result[phi];
        ir_ref value = ir_list_items(f, f->instrs[phi].extra)[0];
        uint8_t reg = ALLOC_NOWHERE;
        for (unsigned i = 0; i < from->end_count; i++)
            if (from->end[i].value == value)
                reg = from->end[i].reg;
        if (to.kind != ALLOC_NONE)
            alloc_pend(s, to.kind == ALLOC_REG ? to.index : ALLOC_REGS + phi, value, reg);
    }
    alloc_flush(s, alloc_real(f, phi), ALLOC_SAVES);
}

static void begin_block(alloc_state *s, uint32_t block)
{
    const ir_func *f = s->f;
    const ir_block *b = &f->blocks[block];
    alloc_block *a = &s->blocks[block];
    forget(s);
    for (uint32_t i = 0; i < a->live_count; i++) {
        alloc_value *v = &s->values[a->live[i].value];
        v->alive_in = block + 1;
        v->next = a->first_position + a->live[i].distance;
    }
    uint32_t best = UINT32_MAX;
    for (uint32_t p = 0; p < b->pred_count; p++) {
        const ir_block *one = &f->blocks[b->preds[p]];
        if (!s->blocks[b->preds[p]].assigned)
            continue;
        if (best == UINT32_MAX || (f->blocks[b->preds[best]].is_cold && !one->is_cold))
            best = p;
    }
    if (best == UINT32_MAX)
        return;
    const alloc_block *from = &s->blocks[b->preds[best]];
    for (unsigned i = 0; i < from->end_count; i++)
        if (alive(s, from->end[i].value, block)) {
            alloc_hold(s, from->end[i].reg, from->end[i].value);
            s->values[from->end[i].value].where = from->end[i].reg;
        }
    if (b->pred_count == 1) {
        rename_phis(s, block, from);
        return;
    }
    if (b->is_loop_header)
        make_room_for_loop(s, block);
    place_phis(s, block, best, from);
    if (b->is_loop_header)
        ask_for_loop(s, block);
    a->begin = keep(s, &a->begin_count);
    a->begun = true;
    for (uint32_t p = 0; p < b->pred_count && !f->status; p++)
        if (s->blocks[b->preds[p]].assigned)
            alloc_edge(s, b->preds[p], block);
}

static void end_block(alloc_state *s, uint32_t block)
{
    alloc_block *a = &s->blocks[block];
    a->end = keep(s, &a->end_count);
    a->assigned = true;
    uint32_t count;
    const uint32_t *succ = ir_successors(s->f, block, &count);
    if (count == 1 && s->blocks[succ[0]].begun && !s->f->status)
        alloc_edge(s, block, succ[0]);
}

void alloc_assign(alloc_state *s)
{
    ir_func *f = s->f;
    for (uint32_t i = 0; i < s->sequence_count && !f->status; i++) {
        uint32_t block = s->sequence[i];
        const alloc_block *a = &s->blocks[block];
        alloc_request *r = s->requests + a->first_request;
        begin_block(s, block);
        for (uint32_t at = a->first_position; at <= a->last_position && !f->status; at++) {
            ir_ref ref = s->at_position[at];
            if (s->values[ref].asks)
                assign_instruction(s, ref, at, r++);
            else if (!(f->instrs[ref].flags & IR_FOLDED) && f->instrs[ref].op != IR_PHI)
                arrive(s, ref);
        }
        if (!f->status)
            end_block(s, block);
    }
}
