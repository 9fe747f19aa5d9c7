/* SPDX-License-Identifier: Apache-2.0
 * lower_stack.c — where values are while a body is translated, and how they get into operands.
 *
 * How:     lower_impl.h explains entries, the pending instruction and the rules. Entries that read
 *          a local form a list for each local, topmost first; entries leave the stack from the top
 *          and are settled from the top, so an entry that goes is always the first of its list, and
 *          all of this costs constant time for each instruction whatever a hostile body does.
 * Memory:  the translator's scratch.
 * Threads: one for each translator.
 */
#include <string.h>

#include "lower_impl.h"

/* ---- emitting -------------------------------------------------------------------------------- */

bool emit_reserve(lower *l, uint64_t words)
{
    void *code = l->code;
    bool room;

    if (l->capacity - l->length >= words)
        return true;
    if (l->length + words > CODE_WORDS_MAX) {
        lower_fail(l, WASM_E_IMPL_LIMIT);
        return false;
    }
    room = lower_reserve(l, &code, &l->capacity, l->length + words, sizeof *l->code);
    l->code = code;
    return room;
}

icode *emit(lower *l, unsigned op, uint32_t words)
{
    icode *at;

    if (!emit_reserve(l, words))
        return l->nowhere;
    at = l->code + l->length;
    memset(at, 0, words * sizeof *at);
    at->handler = l->handlers[op];
    fuse_next(l, op, l->length);
    l->tail = l->length;
    l->length += words;
    return at;
}

icode *emit_mapped(lower *l, unsigned op, uint32_t words, uint64_t offset)
{
    wasm_status status = place_map_add(&l->map, l->length, offset);

    if (status != WASM_OK)
        lower_fail(l, status);
    return emit(l, op, words);
}

/* A slot got a value that no accumulator has. A vector's second slot is the next one. */
static void forget_slot(lower *l, uint32_t slot)
{
    for (unsigned i = 0; i < ACC_COUNT; i++) {
        if (l->acc_slot[i] == slot)
            l->acc_slot[i] = NO_SLOT;
    }
    if (l->acc_slot[ACC_V128] != NO_SLOT && l->acc_slot[ACC_V128] + 1 == slot)
        l->acc_slot[ACC_V128] = NO_SLOT;
}

static void forget_slots(lower *l, uint32_t slot, value_class cls)
{
    forget_slot(l, slot);
    if (class_slots_of(cls) == 2)
        forget_slot(l, slot + 1);
}

void forget_accumulators(lower *l)
{
    for (unsigned i = 0; i < ACC_COUNT; i++)
        l->acc_slot[i] = NO_SLOT;
}

void emit_const(lower *l, uint16_t slot, const entry *e)
{
    uint64_t value = e->value;

    if (e->cls == CLASS_V128) {
        icode *at = emit(l, IC_CONST128, 4);

        at[1].u16[0] = slot;
        memcpy(at + 2, (const void *)(uintptr_t)value, 16);
    } else if (value <= UINT32_MAX) {
        icode *at = emit(l, IC_CONST32, 2);

        at[1].u16[0] = slot;
        at[1].u32[1] = (uint32_t)value;
    } else {
        icode *at = emit(l, IC_CONST64, 3);

        at[1].u16[0] = slot;
        at[2].u64 = value;
    }
    forget_slots(l, slot, (value_class)e->cls);
}

/* Two copies in a row share an instruction if the second does not read what the first wrote. */
static void emit_copy(lower *l, uint16_t to, uint16_t from)
{
    icode *at = l->tail != NO_CODE ? l->code + l->tail : NULL;

    forget_slot(l, to);
    if (at && at->handler == l->handlers[IC_COPY] && at[1].u16[0] != from) {
        fuse_take_back(l);
        at->handler = l->handlers[IC_COPY2];
        at[1].u16[2] = to;
        at[1].u16[3] = from;
        return;
    }
    at = emit(l, IC_COPY, 2);
    at[1].u16[0] = to;
    at[1].u16[1] = from;
}

void emit_move(lower *l, uint16_t to, const entry *e)
{
    uint16_t from = e->kind == ENTRY_LOCAL ? l->slots[e->local].slot : e->home;

    if (e->wide) {
        icode *at = emit(l, IC_COPY_LOW, 2);

        at[1].u16[0] = to;
        at[1].u16[1] = from;
        forget_slot(l, to);
    } else if (to != from && e->cls == CLASS_V128) {
        icode *at = emit(l, IC_COPY128, 2);

        at[1].u16[0] = to;
        at[1].u16[1] = from;
        forget_slots(l, to, CLASS_V128);
    } else if (to != from) {
        emit_copy(l, to, from);
    }
}

void need_slots(lower *l, uint64_t slots)
{
    if (slots > FRAME_SLOTS_MAX)
        lower_fail(l, WASM_E_IMPL_LIMIT);
    else if (slots > l->max_slots)
        l->max_slots = (uint32_t)slots;
}

/* ---- entries --------------------------------------------------------------------------------- */

uint32_t next_home(const lower *l)
{
    const entry *top = l->stack + l->height;

    if (l->height == 0)
        return l->home_base;
    return top[-1].home + class_slots_of((value_class)top[-1].cls);
}

entry *push(lower *l, entry_kind kind, value_class cls)
{
    uint32_t home = next_home(l);
    void *stack = l->stack;
    entry *e;

    if (!lower_reserve(l, &stack, &l->stack_capacity, (uint64_t)l->height + 1, sizeof *e))
        l->height--; /* translation has failed: any entry will do */
    l->stack = stack;
    e = &l->stack[l->height];
    *e = (entry){.kind = (uint8_t)kind, .cls = (uint8_t)cls, .home = (uint16_t)home};
    l->height++;
    need_slots(l, (uint64_t)home + class_slots_of(cls));
    return e;
}

entry pop(lower *l)
{
    entry e = l->stack[--l->height];

    if (e.kind == ENTRY_LOCAL)
        l->slots[e.local].alias = e.next_alias;
    if (l->settled > l->height)
        l->settled = l->height;
    if (l->rooted > l->height)
        l->rooted = l->height;
    return e;
}

void truncate_stack(lower *l, uint32_t height)
{
    while (l->height > height)
        pop(l);
    if (l->pending.active && l->pending.entry >= height)
        l->pending.active = false;
}

static void move_home(lower *l, entry *e)
{
    if (e->kind == ENTRY_PENDING)
        return;
    if (e->kind == ENTRY_CONST)
        emit_const(l, e->home, e);
    else
        emit_move(l, e->home, e);
    if (e->kind == ENTRY_LOCAL) {
        l->slots[e->local].alias = e->next_alias;
        if (e->cls == CLASS_REF && l->rooted > (size_t)(e - l->stack))
            l->rooted = (uint32_t)(e - l->stack);
    }
    e->kind = ENTRY_HOME;
    e->wide = false;
}

void materialize(lower *l, uint32_t from)
{
    for (uint32_t i = l->height; i > from; i--)
        move_home(l, &l->stack[i - 1]);
}

void settle(lower *l)
{
    for (uint32_t i = l->height; i > l->settled; i--) {
        if (l->stack[i - 1].kind == ENTRY_LOCAL || l->stack[i - 1].wide)
            move_home(l, &l->stack[i - 1]);
    }
    l->settled = l->height;
}

void preserve_local(lower *l, uint32_t local)
{
    while (l->slots[local].alias != NO_LINK)
        move_home(l, &l->stack[l->slots[local].alias]);
}

/* ---- roots ----------------------------------------------------------------------------------- */

/* Entries at the top that may stay in their locals while others below are roots. When one of them
 * goes home, the nodes above it are made anew; so they are few. */
#define UNSETTLED_MAX 16

static uint32_t add_node(lower *l, uint32_t below, uint16_t slot)
{
    void *nodes = l->nodes;
    bool room =
        lower_reserve(l, &nodes, &l->node_capacity, (uint64_t)l->node_count + 1, sizeof *l->nodes);

    l->nodes = nodes;
    if (!room)
        return INTERP_NO_NODE;
    l->nodes[l->node_count] = (interp_root_node){.below = below, .slot = slot};
    return l->node_count++;
}

void record_roots(lower *l)
{
    uint32_t root;
    void *places = l->places;

    if (l->height - l->settled > UNSETTLED_MAX)
        settle(l);
    for (; l->rooted < l->height; l->rooted++) {
        entry *e = &l->stack[l->rooted];
        root = l->rooted > 0 ? e[-1].root : INTERP_NO_NODE;
        e->root = e->cls == CLASS_REF && e->kind == ENTRY_HOME ? add_node(l, root, e->home) : root;
    }
    root = l->height > 0 ? l->stack[l->height - 1].root : INTERP_NO_NODE;
    if (root == INTERP_NO_NODE || !lower_reserve(l, &places, &l->place_capacity,
                                                 (uint64_t)l->place_count + 1, sizeof *l->places))
        return;
    l->places = places;
    l->places[l->place_count++] = (interp_root_place){.position = l->length, .node = root};
}

/* ---- the pending instruction ----------------------------------------------------------------- */

pending *begin_pending(lower *l, const validate_op *op, value_class cls)
{
    pending *p = &l->pending;

    *p = (pending){.active = true,
                   .op = (uint16_t)op->op,
                   .cls = (uint8_t)cls,
                   .offset = op->offset,
                   .entry = l->height,
                   .home = (uint16_t)next_home(l)};
    push(l, ENTRY_PENDING, cls);
    return p;
}

static bool pending_fits_accumulator(const lower *l)
{
    /* select and global.get go through the integer accumulator whatever they carry, but vectors. A
     * load from another memory has no form for it. */
    if (l->pending.wide && l->pending.index != 0)
        return false;
    return lower_rules[l->pending.op].kind != RULE_OTHER ||
           acc_of((value_class)l->pending.cls) == ACC_INT || l->pending.cls == CLASS_V128;
}

static unsigned pair_form(const operand *a, const operand *b)
{
    static const uint8_t forms[3][3] = {
        [MODE_S] = {[MODE_S] = FORM_SS, [MODE_A] = FORM_SA, [MODE_I] = FORM_SI},
        [MODE_A] = {[MODE_S] = FORM_AS, [MODE_I] = FORM_AI},
        [MODE_I] = {[MODE_S] = FORM_IS, [MODE_A] = FORM_IA}};

    return forms[a->mode][b->mode];
}

/* Only what can trap needs a place in the map. */
static icode *emit_pending(lower *l, const pending *p, unsigned op, uint32_t words)
{
    if (isa_describe((isa_op)p->op)->flags & ISA_TRAPS)
        return emit_mapped(l, op, words, p->offset);
    return emit(l, op, words);
}

static void emit_alu(lower *l, const pending *p, const lower_rule *rule, uint32_t slot)
{
    unsigned form = pair_form(&p->a, &p->b), block;
    const operand *constant = p->a.mode == MODE_I ? &p->a : p->b.mode == MODE_I ? &p->b : NULL;
    bool wide = constant && rule->in == CLASS_F64;
    icode *at;

    block = slot != NO_SLOT ? 0 : rule->kind == RULE_ALU_N ? FORM_N_DEST_A : FORM_C_DEST_A;
    at = emit_pending(l, p, rule->family + form + block, wide ? 3 : 2);
    at[1].u16[0] = slot == NO_SLOT ? 0 : (uint16_t)slot;
    at[1].u16[1] = p->a.mode == MODE_S ? p->a.slot : p->b.slot;
    at[1].u16[2] = p->b.slot;
    if (wide)
        at[2].u64 = constant->value;
    else if (constant)
        at[1].u32[1] = (uint32_t)constant->value;
}

static void emit_load_wide(lower *l, const pending *p, const lower_rule *rule, uint32_t slot)
{
    unsigned form = FORM_LOAD_M;
    icode *at;

    if (p->index == 0)
        form = FORM_LOAD_WS + (p->a.mode == MODE_A ? FORM_A : FORM_S) +
               (slot == NO_SLOT ? FORM_WIDE_DEST_A : 0);
    at = emit_pending(l, p, rule->family + form, 3);
    at[1].u16[0] = slot == NO_SLOT ? 0 : (uint16_t)slot;
    at[1].u16[1] = p->a.slot;
    at[1].u32[1] = p->index;
    at[2].u64 = p->place;
}

static void emit_load(lower *l, const pending *p, const lower_rule *rule, uint32_t slot)
{
    bool acc = p->a.mode == MODE_A, plus = p->sum && p->b.mode == MODE_I;
    unsigned form = acc ? FORM_A : p->a.mode == MODE_I ? FORM_I : FORM_S;
    icode *at;

    if (p->sum)
        form = plus ? (acc ? FORM_SUM_AI : FORM_SUM_SI) : (acc ? FORM_SUM_AS : FORM_SUM_SS);
    at = emit_pending(l, p, rule->family + form + (slot == NO_SLOT ? FORM_LOAD_DEST_A : 0),
                      plus ? 3 : 2);
    at[1].u16[0] = slot == NO_SLOT ? 0 : (uint16_t)slot;
    at[1].u16[1] = p->a.slot;
    if (plus) {
        at[1].u32[1] = (uint32_t)p->b.value;
        at[2].u64 = p->index;
    } else if (p->sum) {
        at[1].u16[2] = p->b.slot;
        at[1].u16[3] = (uint16_t)p->index;
    } else {
        at[1].u32[1] = p->index;
    }
}

static void emit_other(lower *l, const pending *p, uint32_t slot)
{
    icode *at;

    if (p->op == OP_GLOBAL_GET) {
        at = emit(l, slot == NO_SLOT ? IC_GLOBAL_GET_A : IC_GLOBAL_GET_S, 2);
        at[1].u32[1] = p->index;
    } else { /* select */
        bool acc = p->c.mode == MODE_A;

        at = emit(l,
                  slot == NO_SLOT ? (acc ? IC_SELECT_A_A : IC_SELECT_S_A)
                                  : (acc ? IC_SELECT_A_S : IC_SELECT_S_S),
                  2);
        at[1].u16[1] = p->a.slot;
        at[1].u16[2] = p->b.slot;
        at[1].u16[3] = p->c.slot;
    }
    at[1].u16[0] = slot == NO_SLOT ? 0 : (uint16_t)slot;
}

void flush_to(lower *l, uint32_t slot)
{
    const pending p = l->pending;
    const lower_rule *rule = &lower_rules[p.op];
    icode *at;

    l->pending.active = false;
    if (p.cls == CLASS_V128 && slot == NO_SLOT)
        slot = p.home;
    switch ((rule_kind)rule->kind) {
    case RULE_ALU_C:
    case RULE_ALU_N:
    case RULE_CMP_I:
    case RULE_CMP_F: emit_alu(l, &p, rule, slot); break;
    case RULE_LOAD:
        if (p.wide)
            emit_load_wide(l, &p, rule, slot);
        else
            emit_load(l, &p, rule, slot);
        break;
    case RULE_UNARY:
        at = emit_pending(l, &p,
                          rule->family + (p.a.mode == MODE_A ? FORM_A : FORM_S) +
                              (slot == NO_SLOT ? FORM_UNARY_DEST_A : 0),
                          2);
        at[1].u16[0] = slot == NO_SLOT ? 0 : (uint16_t)slot;
        at[1].u16[1] = p.a.slot;
        break;
    case RULE_READ:
        at = emit_pending(l, &p,
                          p.family + (p.a.mode == MODE_A ? FORM_A : FORM_S) +
                              (slot == NO_SLOT ? FORM_UNARY_DEST_A : 0),
                          2);
        at[1].u16[0] = slot == NO_SLOT ? 0 : (uint16_t)slot;
        at[1].u16[1] = p.a.slot;
        at[1].u32[1] = p.index;
        break;
    case RULE_ELEMENT:
        at = emit_pending(
            l, &p, p.family + pair_form(&p.a, &p.b) + (slot == NO_SLOT ? FORM_ELEMENT_DEST_A : 0),
            2);
        at[1].u16[0] = slot == NO_SLOT ? 0 : (uint16_t)slot;
        at[1].u16[1] = p.a.slot;
        at[1].u16[2] = p.b.slot;
        if (p.b.mode == MODE_I)
            at[1].u32[1] = (uint32_t)p.b.value;
        break;
    case RULE_STORE:
    case RULE_OTHER:
        if (p.cls == CLASS_V128) {
            emit_vector_other(l, &p, slot);
            break;
        }
        emit_other(l, &p, slot);
        l->acc_slot[ACC_INT] = NO_SLOT;
        break;
    default: emit_vector(l, &p, rule, slot); break;
    }
    if (slot != NO_SLOT)
        forget_slots(l, slot, (value_class)p.cls);
    /* The accumulator has the value too, whatever the form. */
    if (pending_fits_accumulator(l) || rule->kind == RULE_LOAD)
        l->acc_slot[acc_of(p.cls)] = slot;
}

void flush_value(lower *l, const entry *e, uint32_t slot)
{
    uint32_t whole = pending_fits_accumulator(l) ? NO_SLOT : l->pending.home;
    icode *at;

    if (!e->wide) {
        flush_to(l, slot);
        return;
    }
    /* The result is an i64, so there is an accumulator for it; a load from another memory puts it
     * into a slot as well. */
    flush_to(l, whole);
    at = emit(l, slot == NO_SLOT ? IC_I32_WRAP_I64_A_A : IC_I32_WRAP_I64_A_S, 2);
    if (slot != NO_SLOT) {
        at[1].u16[0] = (uint16_t)slot;
        forget_slot(l, slot);
    }
    l->acc_slot[ACC_INT] = slot;
}

void flush_home(lower *l)
{
    uint32_t index = l->pending.entry;

    if (!l->pending.active)
        return;
    flush_to(l, l->stack[index].home);
    l->stack[index].kind = ENTRY_HOME;
}

void flush_unless(lower *l, const entry *e)
{
    if (e->kind != ENTRY_PENDING)
        flush_home(l);
}

/* ---- operands -------------------------------------------------------------------------------- */

static operand in_slot(const lower *l, uint16_t slot, value_class cls, unsigned allow)
{
    bool known = (allow & ALLOW_A) && l->acc_slot[acc_of(cls)] == slot;

    return (operand){.mode = known ? MODE_A : MODE_S, .slot = slot};
}

static bool fits_immediate(value_class cls, uint64_t value)
{
    if (cls == CLASS_V128)
        return false;
    return cls != CLASS_I64 || value == (uint64_t)(int64_t)(int32_t)value;
}

operand take(lower *l, const entry *e, unsigned allow)
{
    value_class cls = (value_class)e->cls;

    switch ((entry_kind)e->kind) {
    case ENTRY_CONST:
        if ((allow & ALLOW_I) && fits_immediate(cls, e->value))
            return (operand){.mode = MODE_I, .value = e->value};
        emit_const(l, e->home, e);
        return (operand){.mode = MODE_S, .slot = e->home};
    case ENTRY_PENDING:
        if ((allow & ALLOW_A) && pending_fits_accumulator(l)) {
            flush_to(l, NO_SLOT);
            return (operand){.mode = MODE_A};
        }
        flush_to(l, e->home);
        return (operand){.mode = MODE_S, .slot = e->home};
    case ENTRY_LOCAL: return in_slot(l, l->slots[e->local].slot, cls, allow);
    case ENTRY_HOME: break;
    }
    return in_slot(l, e->home, cls, allow);
}

operand take_whole(lower *l, const entry *e, unsigned allow)
{
    uint32_t slot = (allow & ALLOW_A) ? NO_SLOT : e->home;

    if (!e->wide)
        return take(l, e, allow);
    if (e->kind == ENTRY_PENDING) {
        flush_value(l, e, slot);
        return (operand){.mode = slot == NO_SLOT ? MODE_A : MODE_S, .slot = e->home};
    }
    emit_move(l, e->home, e);
    return (operand){.mode = MODE_S, .slot = e->home};
}

void take_pair(lower *l, const entry *first, const entry *second, unsigned allow_first,
               unsigned allow_second, operand *x, operand *y)
{
    bool swap = second->kind == ENTRY_PENDING, shared;

    /* The pending one goes first: emitting it may take the accumulator from the other. */
    if (swap) {
        const entry *e = first;
        unsigned allow = allow_first;
        operand *o = x;

        first = second, second = e;
        allow_first = allow_second, allow_second = allow;
        x = y, y = o;
    }
    shared = acc_of((value_class)first->cls) == acc_of((value_class)second->cls);
    *x = take(l, first,
              second->kind == ENTRY_CONST ? allow_first & ~(unsigned)ALLOW_I : allow_first);
    if (x->mode == MODE_I)
        allow_second &= ~(unsigned)ALLOW_I;
    if (x->mode == MODE_A && shared)
        allow_second &= ~(unsigned)ALLOW_A;
    *y = take(l, second, allow_second);
}
