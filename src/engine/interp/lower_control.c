/* SPDX-License-Identifier: Apache-2.0
 * lower_control.c — blocks, branches and returns.
 *
 * How:     Each label prescribes where its values are: in the homes from its base on. Values of a
 *          branch are moved there, in ascending order, which is safe because a branch never moves a
 *          value to a higher slot than it is in. Conditional branches that have to move something
 *          become the opposite branch around the moves. Distances to labels that are still ahead
 *          are kept as patches, a list for each label.
 *          A loop begins with a POLL, passed when it is entered from above; branches back to it
 *          (LOOP forms) go behind it and poll themselves, with the cost that stands in it. The cost
 *          of a loop are its instructions outside of inner loops, known at its end; what is outside
 *          of all loops is charged by ENTER.
 * Inputs:  validated instructions; what cannot be reached is not handed over.
 * Memory:  the translator's scratch.
 * Threads: one for each translator.
 */
#include "lower_impl.h"

/* ---- labels ---------------------------------------------------------------------------------- */

static control *label_at(lower *l, uint32_t depth)
{
    return &l->controls[l->depth - 1 - depth];
}

static const wasm_valtype *label_types(const control *c, uint32_t *count)
{
    bool loop = c->kind == CONTROL_LOOP;

    *count = loop ? c->type->param_count : c->type->result_count;
    return loop ? c->type->params : c->type->results;
}

/* Remembers that half `half` of `word`, in the instruction at `base`, is the distance to a label
 * whose patches are *list. */
static void add_patch(lower *l, uint32_t *list, uint32_t word, unsigned half, uint32_t base)
{
    uint32_t index = l->patch_free;
    void *patches = l->patches;

    if (l->status != WASM_OK)
        return;
    if (index != NO_LINK) {
        l->patch_free = l->patches[index].next;
    } else {
        bool room = lower_reserve(l, &patches, &l->patch_capacity, (uint64_t)l->patch_count + 1,
                                  sizeof *l->patches);

        l->patches = patches;
        if (!room)
            return;
        index = l->patch_count++;
    }
    l->patches[index] = (patch){.word = word, .base = base, .next = *list, .half = (uint8_t)half};
    *list = index;
}

static void set_distance(lower *l, uint32_t word, unsigned half, uint32_t base, uint32_t target)
{
    if (l->status == WASM_OK)
        l->code[word].i32[half] = (int32_t)(target - base);
}

/* The label is here. Returns whether anything branches to it. */
static bool bind_label(lower *l, uint32_t *list)
{
    bool any = *list != NO_LINK;

    while (*list != NO_LINK) {
        uint32_t index = *list;
        patch *p = &l->patches[index];

        set_distance(l, p->word, p->half, p->base, l->length);
        *list = p->next;
        p->next = l->patch_free;
        l->patch_free = index;
    }
    if (any) {
        forget_accumulators(l);
        l->tail = NO_CODE;
    }
    return any;
}

/* ---- moving values --------------------------------------------------------------------------- */

#define MOVES_MAX 4 /* beyond this one instruction moves them all */

/* Whether the topmost entries are, or with `home` could be put, where the label wants them. */
static bool in_place(const lower *l, const control *c, uint32_t count, bool home)
{
    const entry *e = l->stack + l->height - count;

    if (count == 0)
        return true;
    for (uint32_t i = 0; i < count && !home; i++) {
        if (e[i].kind != ENTRY_HOME || e[i].wide)
            return false;
    }
    return e->home == c->base;
}

/* Moves the topmost entries, of which none is pending, to where the label wants them, one by one.
 * The stack is left as it is. */
static void move_each(lower *l, const control *c, uint32_t count)
{
    uint32_t first = l->height - count, shift = 0;

    if (count > 0)
        shift = l->stack[first].home - (uint32_t)c->base;
    for (uint32_t i = first; i < l->height; i++) {
        const entry *e = &l->stack[i];
        uint16_t to = (uint16_t)(e->home - shift);

        if (e->kind == ENTRY_CONST)
            emit_const(l, to, e);
        else
            emit_move(l, to, e);
    }
}

/* The same where control does not go on below, so that the entries may be changed: a pending result
 * goes straight to its place, many values go home and from there together. */
static void move_and_leave(lower *l, const control *c, uint32_t count)
{
    icode *at;

    if (count == 1 && l->stack[l->height - 1].kind == ENTRY_PENDING) {
        flush_value(l, &l->stack[l->height - 1], c->base);
        return;
    }
    flush_home(l);
    if (in_place(l, c, count, true)) {
        materialize(l, l->height - count);
    } else if (count <= MOVES_MAX) {
        move_each(l, c, count);
    } else {
        materialize(l, l->height - count);
        at = emit(l, IC_COPY_N, 2);
        at[1].u16[0] = c->base;
        at[1].u16[1] = l->stack[l->height - count].home;
        at[1].u32[1] = next_home(l) - l->stack[l->height - count].home;
        forget_accumulators(l);
    }
}

/* ---- branches -------------------------------------------------------------------------------- */

/* A condition, taken from the stack: a family of compare-and-branch or of tests, and its form. */
typedef struct condition {
    unsigned family;
    bool test;
    operand a, b;
} condition;

static condition take_condition(lower *l, const entry *e, bool sense)
{
    const pending *p = &l->pending;
    condition c = {.test = true};

    if (e->kind == ENTRY_PENDING && lower_rules[p->op].kind == RULE_CMP_I) {
        unsigned op = sense ? p->op : lower_rules[p->op].inverse;
        bool zero = p->b.mode == MODE_I && p->b.value == 0;

        c.a = p->a;
        c.b = p->b;
        l->pending.active = false;
        if (zero && (op == OP_I32_EQ || op == OP_I32_NE)) {
            c.family = op == OP_I32_EQ ? IC_I32_ZERO_S_BR : IC_I32_NONZERO_S_BR;
        } else if (zero && (op == OP_I64_EQ || op == OP_I64_NE)) {
            c.family = op == OP_I64_EQ ? IC_I64_ZERO_S_BR : IC_I64_NONZERO_S_BR;
        } else {
            c.test = false;
            c.family = lower_rules[op].family;
        }
        return c;
    }
    c.family = sense ? IC_I32_NONZERO_S_BR : IC_I32_ZERO_S_BR;
    c.a = take(l, e, ALLOW_A);
    return c;
}

/* Emits the branch; its distance is in word 1 of what is at the returned position. */
static uint32_t emit_condition(lower *l, const condition *c, bool loop, uint64_t offset)
{
    uint32_t position = l->length, words = 2;
    unsigned op;
    icode *at;

    if (c->test) {
        op = c->family + (c->a.mode == MODE_A ? FORM_A : FORM_S) + (loop ? FORM_TEST_LOOP : 0);
    } else {
        op = c->family + (c->a.mode == MODE_A ? (c->b.mode == MODE_I ? FORM_AI : FORM_AS)
                                              : (c->b.mode == MODE_I ? FORM_SI : FORM_SS));
        op += loop ? FORM_CMP_LOOP : FORM_CMP_BR;
        words = c->b.mode == MODE_I ? 3 : 2;
    }
    at = loop ? emit_mapped(l, op, words, offset) : emit(l, op, words);
    at[1].u16[0] = c->a.slot;
    at[1].u16[1] = c->b.slot;
    if (words == 3)
        at[2].u64 = c->b.value;
    return position;
}

static void aim(lower *l, control *c, uint32_t position)
{
    if (c->kind == CONTROL_LOOP)
        set_distance(l, position + 1, 1, position, c->header);
    else
        add_patch(l, &c->patches, position + 1, 1, position);
}

/* The jump to a loop that begins with a table of branches on the slot that the last instruction put
 * a constant into: does all three. False if it is not such a case. */
static bool emit_loop_table(lower *l, control *c)
{
    const icode *set, *header;
    uint16_t slot;
    uint32_t value;
    icode *at;

    if (l->status != WASM_OK || l->tail == NO_CODE || c->header >= l->tail)
        return false;
    set = l->code + l->tail;
    header = l->code + c->header;
    if (set->handler != l->handlers[IC_CONST32] || header->handler != l->handlers[IC_BR_TABLE_S] ||
        header[1].u16[0] != set[1].u16[0])
        return false;
    slot = set[1].u16[0];
    value = set[1].u32[1];
    fuse_take_back(l);
    l->length = l->tail;
    at = emit(l, IC_LOOP_TABLE, 3);
    at[1].u16[0] = slot;
    at[2].u64 = value;
    aim(l, c, l->tail);
    return true;
}

static void emit_jump(lower *l, control *c)
{
    uint32_t position = l->length;

    if (c->kind == CONTROL_LOOP && emit_loop_table(l, c))
        return;
    emit(l, c->kind == CONTROL_LOOP ? IC_LOOP : IC_BR, 2);
    aim(l, c, position);
}

static void lower_return(lower *l)
{
    const control *c = &l->controls[0];
    uint32_t count = c->type->result_count;
    unsigned op = IC_RET;
    icode *at;

    if (count == 1) {
        const entry e = pop(l);
        operand x;

        flush_unless(l, &e);
        if (e.kind == ENTRY_CONST && e.cls != CLASS_V128) {
            at = emit(l, IC_RET_I, 3);
            at[1].u16[0] = (uint16_t)l->param_slots;
            at[2].u64 = e.value;
            return;
        }
        x = take_whole(l, &e, ALLOW_A);
        if (x.mode == MODE_A) {
            static const uint16_t from[ACC_COUNT] = {IC_RET_A_INT, IC_RET_A_F32, IC_RET_A_F64,
                                                     IC_RET_A_V128};

            op = from[acc_of((value_class)e.cls)];
        } else {
            op = e.cls == CLASS_V128 ? IC_RET_S_V128 : IC_RET_S;
        }
        at = emit(l, op, 2);
        at[1].u16[0] = (uint16_t)l->param_slots;
        at[1].u16[1] = x.slot;
        return;
    }
    flush_home(l);
    if (count > 1) {
        materialize(l, l->height - count);
        op = IC_RET_N;
    }
    at = emit(l, op, 2);
    at[1].u16[0] = (uint16_t)l->param_slots;
    if (count > 1) {
        at[1].u16[1] = l->stack[l->height - count].home;
        at[1].u32[1] = l->result_slots;
    }
}

static void lower_br(lower *l, const validate_op *op)
{
    control *c = label_at(l, op->index);
    uint32_t count;

    if (c->kind == CONTROL_FUNC) {
        lower_return(l);
        return;
    }
    label_types(c, &count);
    move_and_leave(l, c, count);
    emit_jump(l, c);
}

static void lower_br_if(lower *l, const validate_op *op)
{
    control *c = label_at(l, op->index);
    const entry e = pop(l);
    uint32_t count, position, around = NO_LINK;
    condition taken;

    label_types(c, &count);
    flush_unless(l, &e);
    if (in_place(l, c, count, true)) {
        /* Below the condition, so before it (rule 1). */
        materialize(l, l->height - count);
        taken = take_condition(l, &e, true);
        position = emit_condition(l, &taken, c->kind == CONTROL_LOOP, op->offset);
        aim(l, c, position);
        return;
    }
    taken = take_condition(l, &e, false);
    position = emit_condition(l, &taken, false, op->offset);
    add_patch(l, &around, position + 1, 1, position);
    move_each(l, c, count);
    emit_jump(l, c);
    bind_label(l, &around);
}

void branch_on_test(lower *l, uint32_t depth, uint32_t count, operand x, unsigned family,
                    unsigned inverse, uint64_t offset)
{
    control *c = label_at(l, depth);
    bool direct = in_place(l, c, count, true);
    condition taken = {.test = true, .family = direct ? family : inverse, .a = x};
    uint32_t position, around = NO_LINK;

    if (direct)
        materialize(l, l->height - count);
    position = emit_condition(l, &taken, direct && c->kind == CONTROL_LOOP, offset);
    if (direct) {
        aim(l, c, position);
        return;
    }
    add_patch(l, &around, position + 1, 1, position);
    move_each(l, c, count);
    emit_jump(l, c);
    bind_label(l, &around);
}

/* br_on_null leaves the reference on the stack, br_on_non_null takes it along or drops it. It is in
 * its home either way: it has to be somewhere while the branch is decided. */
static void lower_br_on_null(lower *l, const validate_op *op)
{
    uint32_t count;
    entry e;
    operand x;

    label_types(label_at(l, op->index), &count);
    flush_home(l);
    materialize(l, l->height - 1);
    e = l->stack[l->height - 1];
    x = (operand){.mode = MODE_S, .slot = e.home};
    if (op->op == OP_BR_ON_NON_NULL) {
        branch_on_test(l, op->index, count, x, IC_I64_NONZERO_S_BR, IC_I64_ZERO_S_BR, op->offset);
        pop(l);
        return;
    }
    pop(l);
    branch_on_test(l, op->index, count, x, IC_I64_ZERO_S_BR, IC_I64_NONZERO_S_BR, op->offset);
    push(l, ENTRY_HOME, (value_class)e.cls);
}

/* The reference stays where it is, whichever way it goes. */
static void lower_br_on_cast(lower *l, const validate_op *op)
{
    bool fail = op->op == OP_BR_ON_CAST_FAIL;
    unsigned is = IC_I32_NONZERO_S_BR, is_not = IC_I32_ZERO_S_BR;
    uint32_t count;
    icode *at;

    label_types(label_at(l, op->index), &count);
    flush_home(l);
    materialize(l, l->height - 1);
    /* Those that go with it must be in place before the test, whose answer is in the accumulator;
     * moves do not touch that. */
    at = emit(l, IC_TEST_REF_S_A, 2);
    at[1].u16[1] = l->stack[l->height - 1].home;
    at[1].u32[1] = op->type2;
    branch_on_test(l, op->index, count, (operand){.mode = MODE_A}, fail ? is_not : is,
                   fail ? is : is_not, op->offset);
    forget_accumulators(l);
}

static void lower_br_table(lower *l, const validate_op *op)
{
    const entry e = pop(l);
    uint32_t position, count;
    operand x;
    icode *at;

    label_types(label_at(l, op->labels[op->label_count - 1]), &count);
    flush_unless(l, &e);
    materialize(l, l->height - count);
    x = take(l, &e, ALLOW_A);
    if (!emit_reserve(l, 2 + ((uint64_t)op->label_count + 1) / 2))
        return;
    position = l->length;
    at = emit(l, x.mode == MODE_A ? IC_BR_TABLE_A : IC_BR_TABLE_S, 2 + (op->label_count + 1) / 2);
    at[1].u16[0] = x.slot;
    at[1].u32[1] = op->label_count - 1;
    for (uint32_t i = 0; i < op->label_count; i++) {
        control *c = label_at(l, op->labels[i]);
        uint32_t word = position + 2 + i / 2;

        if (c->kind != CONTROL_LOOP && in_place(l, c, count, false)) {
            add_patch(l, &c->patches, word, i % 2, position);
            continue;
        }
        /* Moves, or the poll of a loop: behind the table, once for each label. */
        if (c->stub == NO_CODE || c->stub_table != position) {
            c->stub = l->length;
            c->stub_table = position;
            forget_accumulators(l);
            l->tail = NO_CODE;
            move_and_leave(l, c, count);
            emit_jump(l, c);
        }
        set_distance(l, word, i % 2, position, c->stub);
    }
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static control *push_control(lower *l, control_kind kind, const wasm_functype *type)
{
    void *controls = l->controls;
    bool room = lower_reserve(l, &controls, &l->control_capacity, (uint64_t)l->depth + 1,
                              sizeof *l->controls);
    control *c;

    l->controls = controls;
    if (!room)
        l->depth--; /* translation has failed: any control will do */
    c = &l->controls[l->depth++];
    *c = (control){.kind = (uint8_t)kind,
                   .type = type,
                   .patches = NO_LINK,
                   .else_patch = NO_LINK,
                   .stub = NO_CODE};
    return c;
}

void control_begin(lower *l, const wasm_functype *type)
{
    control *c = push_control(l, CONTROL_FUNC, type);

    c->base = (uint16_t)l->home_base;
    c->region = NO_LINK;
}

/* Opens a block whose parameters are the topmost entries, now at home. */
static control *open_block(lower *l, control_kind kind, const wasm_functype *type)
{
    control *c = push_control(l, kind, type);

    c->height = l->height - type->param_count;
    c->base = (uint16_t)(type->param_count > 0 ? l->stack[c->height].home : next_home(l));
    c->region = c == l->controls ? NO_LINK : c[-1].region;
    return c;
}

static void lower_block(lower *l, const validate_op *op)
{
    flush_home(l);
    materialize(l, l->height - op->block->param_count);
    settle(l);
    open_block(l, CONTROL_BLOCK, op->block);
}

static bool reserve_region(lower *l, uint32_t clauses)
{
    void *regions = l->regions, *array = l->clauses;
    bool room = lower_reserve(l, &regions, &l->region_capacity, (uint64_t)l->region_count + 1,
                              sizeof *l->regions) &&
                lower_reserve(l, &array, &l->clause_capacity, (uint64_t)l->clause_count + clauses,
                              sizeof *l->clauses);

    l->regions = regions;
    l->clauses = array;
    return room;
}

/* A block, whose code is a region. What its clauses lead to is emitted behind it. */
static void lower_try_table(lower *l, const validate_op *op)
{
    control *c;

    flush_home(l);
    materialize(l, l->height - op->block->param_count);
    settle(l);
    c = open_block(l, CONTROL_TRY, op->block);
    if (!reserve_region(l, op->clause_count))
        return;
    l->regions[l->region_count] = (interp_region){.begin = l->length,
                                                  .outer = c->region,
                                                  .first_clause = l->clause_count,
                                                  .clause_count = op->clause_count};
    c->region = l->region_count++;
    for (uint32_t i = 0; i < op->clause_count; i++) {
        const validate_clause *clause = &op->clauses[i];
        l->clauses[l->clause_count++] = (interp_clause){
            .tag = clause->tag, .target = clause->label, .all = clause->all, .ref = clause->ref};
    }
}

static void lower_loop(lower *l, const validate_op *op)
{
    control *c;

    flush_home(l);
    materialize(l, l->height - op->block->param_count);
    settle(l);
    emit_mapped(l, IC_POLL, 2, op->offset); /* its cost is filled in at the end */
    c = open_block(l, CONTROL_LOOP, op->block);
    c->header = l->length;
    c->outer_cost = l->cost;
    l->cost = 0;
    forget_accumulators(l);
    l->tail = NO_CODE;
}

static void lower_if(lower *l, const validate_op *op)
{
    const entry e = pop(l);
    condition otherwise;
    uint32_t position;
    control *c;

    flush_unless(l, &e);
    materialize(l, l->height - op->block->param_count);
    settle(l);
    otherwise = take_condition(l, &e, false);
    position = emit_condition(l, &otherwise, false, op->offset);
    c = open_block(l, CONTROL_IF, op->block);
    add_patch(l, &c->else_patch, position + 1, 1, position);
}

/* The values that a block begins or goes on with are at home. */
static void push_homes(lower *l, const wasm_valtype *types, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        push(l, ENTRY_HOME, class_of(types[i]));
}

static void lower_else(lower *l, const validate_op *op)
{
    control *c = label_at(l, 0);

    if (op->reachable) {
        move_and_leave(l, c, c->type->result_count);
        emit_jump(l, c);
    }
    truncate_stack(l, c->height);
    push_homes(l, c->type->params, c->type->param_count);
    bind_label(l, &c->else_patch);
    c->kind = CONTROL_ELSE;
    forget_accumulators(l);
    l->tail = NO_CODE;
}

/* The end of the body: what falls out of it returns, and so does what branches to it. */
static void lower_function_end(lower *l, const validate_op *op)
{
    control *c = label_at(l, 0);

    if (op->reachable)
        lower_return(l);
    truncate_stack(l, 0);
    if (bind_label(l, &c->patches)) {
        push_homes(l, c->type->results, c->type->result_count);
        lower_return(l);
        truncate_stack(l, 0);
    }
    l->depth--;
}

/* What an exception comes to that a clause catches: it has put the values into the homes behind
 * those that the block began with, and from there they go to the label. */
static void lower_clause(lower *l, const control *c, interp_clause *clause)
{
    const wasm_module *m = l->module;
    control *to = label_at(l, clause->target + 1); /* the try_table itself is no label for it */
    uint32_t count;

    truncate_stack(l, c->height);
    forget_accumulators(l);
    l->tail = NO_CODE;
    clause->target = l->length;
    clause->slot = (uint16_t)next_home(l);
    if (!clause->all) {
        const wasm_functype *carried = &m->types[m->tags[clause->tag].type].func;
        push_homes(l, carried->params, carried->param_count);
    }
    if (clause->ref)
        push(l, ENTRY_HOME, CLASS_REF);
    if (to->kind == CONTROL_FUNC) {
        lower_return(l);
        return;
    }
    label_types(to, &count);
    move_and_leave(l, to, count);
    emit_jump(l, to);
}

static void lower_try_end(lower *l, control *c, bool reachable)
{
    interp_region *region;

    if (l->status != WASM_OK)
        return;
    region = &l->regions[c->region];
    if (reachable && region->clause_count > 0)
        emit_jump(l, c); /* around what follows */
    region->end = l->length;
    for (uint32_t i = 0; i < region->clause_count; i++)
        lower_clause(l, c, &l->clauses[region->first_clause + i]);
}

static void lower_end(lower *l, const validate_op *op)
{
    control *c = label_at(l, 0);
    const wasm_functype *type = c->type;

    if (c->kind == CONTROL_FUNC) {
        lower_function_end(l, op);
        return;
    }
    if (op->reachable)
        move_and_leave(l, c, type->result_count);
    else
        forget_accumulators(l);
    if (c->kind == CONTROL_TRY)
        lower_try_end(l, c, op->reachable);
    truncate_stack(l, c->height);
    push_homes(l, type->results, type->result_count);
    bind_label(l, &c->patches);
    bind_label(l, &c->else_patch); /* an if without else: its parameters are its results, at home */
    if (c->kind == CONTROL_LOOP) {
        if (l->status == WASM_OK)
            l->code[c->header - 1].u32[0] = l->cost;
        l->cost = c->outer_cost;
    }
    l->depth--;
}

void lower_control(lower *l, const validate_op *op)
{
    switch (op->op) {
    case OP_UNREACHABLE:
        flush_home(l);
        emit_mapped(l, IC_UNREACHABLE, 2, op->offset);
        break;
    case OP_BLOCK: lower_block(l, op); break;
    case OP_LOOP: lower_loop(l, op); break;
    case OP_TRY_TABLE: lower_try_table(l, op); break;
    case OP_THROW:
    case OP_THROW_REF: lower_throw(l, op); break;
    case OP_IF: lower_if(l, op); break;
    case OP_ELSE: lower_else(l, op); break;
    case OP_END: lower_end(l, op); break;
    case OP_BR: lower_br(l, op); break;
    case OP_BR_IF: lower_br_if(l, op); break;
    case OP_BR_TABLE: lower_br_table(l, op); break;
    case OP_RETURN: lower_return(l); break;
    case OP_BR_ON_NULL:
    case OP_BR_ON_NON_NULL: lower_br_on_null(l, op); break;
    case OP_BR_ON_CAST:
    case OP_BR_ON_CAST_FAIL: lower_br_on_cast(l, op); break;
    case OP_CALL:
    case OP_CALL_INDIRECT:
    case OP_CALL_REF: lower_call(l, op); break;
    case OP_RETURN_CALL:
    case OP_RETURN_CALL_INDIRECT:
    case OP_RETURN_CALL_REF: lower_tail_call(l, op); break;
    default: lower_fail(l, WASM_E_FEATURE); break; /* cannot be: lower_ops.c asserts */
    }
}
