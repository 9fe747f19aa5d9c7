/* SPDX-License-Identifier: Apache-2.0
 * build_control.c — blocks, loops and branches.
 *
 * How:     Each block of WebAssembly has a block here that branches to it lead to. What they take
 *          along are variables behind the locals, one for each place of the stack, so that values
 *          meet in the same way as locals do. A loop's header is open until its end; each arrival
 *          polls, for the fuel of one round.
 * Memory:  the builder's.
 * Threads: one for each builder.
 */
#include "build_impl.h"
#include "pass.h"

static frame *push_frame(builder *b, frame_kind kind, const wasm_functype *type, uint32_t label)
{
    void *frames = b->frames;
    uint32_t params = kind <= FRAME_INLINE ? 0 : type->param_count; /* or they are locals */

    if (!build_reserve(b, &frames, &b->frame_capacity, (uint64_t)b->depth + 1, sizeof *b->frames))
        return NULL;
    b->frames = frames;
    b->frames[b->depth] =
        (frame){.kind = (uint8_t)kind, .type = type, .label = label, .height = b->height - params};
    return &b->frames[b->depth++];
}

static frame *label_at(builder *b, uint32_t depth)
{
    return &b->frames[b->depth - 1 - depth];
}

static uint32_t place_variable(const builder *b, const frame *at, uint32_t index)
{
    return b->first_place + at->height + index;
}

static const wasm_valtype *label_types(const frame *to, uint32_t *count)
{
    *count = to->kind == FRAME_LOOP ? to->type->param_count : to->type->result_count;
    return to->kind == FRAME_LOOP ? to->type->params : to->type->results;
}

/* The topmost values, for who arrives at `to`. */
static void write_values(builder *b, const frame *to, uint32_t count)
{
    for (uint32_t i = 0; i < count && count <= b->height; i++)
        build_write(b, place_variable(b, to, i), b->stack[b->height - count + i]);
}

static void push_values(builder *b, const frame *from, const wasm_valtype *types, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        build_push(b, build_read(b, place_variable(b, from, i), ir_type_of(types[i])));
}

static void jump(builder *b, uint32_t to)
{
    build_op(b, IR_BR, IR_VOID, 0, 0, 0, 0);
    b->f->blocks[b->block].succ[0] = to;
    b->f->blocks[b->block].succ_count = 1;
    ir_edge(b->f, b->block, to);
}

/* A condition that is `eqz` of something is that, with the targets changed: at once, since the
 * order of the blocks follows the targets. */
static void fork_to(builder *b, ir_ref condition, uint32_t then, uint32_t otherwise)
{
    bool swaps;

    condition = fold_condition(b->f, condition, &swaps);
    if (swaps) {
        uint32_t first = then;

        then = otherwise;
        otherwise = first;
    }
    build_op(b, IR_BR_IF, IR_VOID, condition, 0, 0, 0);
    b->f->blocks[b->block].succ[0] = then;
    b->f->blocks[b->block].succ[1] = otherwise;
    b->f->blocks[b->block].succ_count = 2;
    ir_edge(b->f, b->block, then);
    ir_edge(b->f, b->block, otherwise);
}

void build_return(builder *b)
{
    frame *to = &b->frames[b->body];
    uint32_t count = to->type->result_count, list;
    ir_ref r;

    if (to->kind == FRAME_INLINE) {
        write_values(b, to, count);
        jump(b, to->label);
        return;
    }
    list = ir_list(b->f, count);
    r = build_op(b, IR_RETURN, IR_VOID, 0, 0, 0, 0);

    if (!list || count > b->height)
        return;
    for (uint32_t i = 0; i < count; i++)
        ir_list_items(b->f, list)[i] = b->stack[b->height - count + i];
    b->f->instrs[r].extra = list;
}

void build_begin(builder *b, frame_kind kind, const wasm_functype *type)
{
    b->body = b->depth;
    push_frame(b, kind, type, build_block(b, true));
}

static void branch_if(builder *b, const validate_op *op, ir_ref condition)
{
    frame *to = label_at(b, op->index);
    uint32_t count, next = build_block(b, true);

    label_types(to, &count);
    write_values(b, to, count);
    fork_to(b, condition, to->label, next);
    build_go(b, next, true);
}

static void build_br_on_null(builder *b, const validate_op *op)
{
    ir_ref ref = build_pop(b), null = build_op(b, OP_I64_EQZ, IR_I32, ref, 0, 0, 0);

    if (op->op == OP_BR_ON_NULL) {
        branch_if(b, op, null);
        build_push(b, ref);
        return;
    }
    build_push(b, ref); /* goes along */
    branch_if(b, op, build_op(b, OP_I32_EQZ, IR_I32, null, 0, 0, 0));
    build_pop(b);
}

/* A block that takes the values to the label on a way of their own. */
static uint32_t way_to(builder *b, frame *to, uint32_t count)
{
    const uint32_t from = b->block;

    if (to->way && to->way_from == from)
        return to->way;
    to->way = build_block(b, true);
    b->block = to->way; /* and back: no local changes on the way */
    to->way_from = from;
    write_values(b, to, count);
    jump(b, to->label);
    b->block = from;
    return to->way;
}

/* Labels with more than one value each, at different heights, have places in common. */
static void build_br_table(builder *b, const validate_op *op)
{
    const frame *first = label_at(b, op->labels[0]);
    ir_ref index = build_pop(b), r;
    uint32_t list = ir_list(b->f, op->label_count), count;

    if (!list)
        return;
    for (uint32_t i = 0; i < op->label_count; i++) {
        frame *to = label_at(b, op->labels[i]);
        uint32_t arrives = to->label;

        label_types(to, &count);
        if (count > 1 && to->height != first->height)
            arrives = way_to(b, to, count);
        else
            write_values(b, to, count);
        ir_list_items(b->f, list)[i] = arrives;
        ir_edge(b->f, b->block, arrives);
    }
    r = build_op(b, IR_BR_TABLE, IR_VOID, index, 0, 0, 0);
    b->f->instrs[r].extra = list;
}

static void build_loop(builder *b, const validate_op *op)
{
    uint32_t header = build_block(b, false);
    frame *l = push_frame(b, FRAME_LOOP, op->block, header);

    if (!l)
        return;
    write_values(b, l, op->block->param_count);
    b->loop_frame[header] = b->depth - 1;
    jump(b, header);
    build_go(b, header, false);
    b->f->blocks[header].is_loop_header = true;
    l->outer_cost = b->cost;
    b->cost = 0;
    l->poll = build_poll(b);
    b->height = l->height;
    push_values(b, l, op->block->params, op->block->param_count);
}

static void build_if(builder *b, const validate_op *op)
{
    ir_ref condition = build_pop(b);
    frame *i = push_frame(b, FRAME_IF, op->block, build_block(b, true));
    uint32_t then = build_block(b, true);

    if (!i)
        return;
    i->otherwise = build_block(b, true);
    write_values(b, i, op->block->param_count);
    fork_to(b, condition, then, i->otherwise);
    build_go(b, then, true);
}

static void build_else(builder *b, const validate_op *op)
{
    frame *i = label_at(b, 0);

    if (op->reachable) {
        write_values(b, i, i->type->result_count);
        jump(b, i->label);
    }
    i->kind = FRAME_ELSE;
    build_go(b, i->otherwise, false);
    b->height = i->height;
    push_values(b, i, i->type->params, i->type->param_count);
}

static void build_end(builder *b, const validate_op *op)
{
    frame *e = label_at(b, 0);
    uint32_t label = e->label;

    if (e->kind == FRAME_LOOP) {
        build_set_cost(b, e->poll);
        b->cost = e->outer_cost;
        build_seal_loop(b, e);
        if (!op->reachable)
            build_go(b, build_block(b, true), false); /* nobody comes here */
        b->height = op->reachable ? b->height : e->height;
        for (uint32_t i = 0; !op->reachable && i < e->type->result_count; i++)
            build_push(b, b->zero[ir_type_of(e->type->results[i])]);
        b->depth--;
        return;
    }
    if (e->kind == FRAME_INLINE && op->reachable && b->f->blocks[label].pred_count == 0) {
        b->depth--; /* nothing has branched: code goes on where it is */
        return;
    }
    if (op->reachable) {
        write_values(b, e, e->type->result_count);
        jump(b, label);
    }
    if (e->kind == FRAME_IF) { /* without else: what it takes is what it gives */
        build_go(b, e->otherwise, false);
        jump(b, label);
    }
    build_go(b, label, false);
    b->height = e->height;
    push_values(b, e, e->type->results, e->type->result_count);
    if (e->kind == FRAME_FUNC)
        build_return(b);
    b->depth--;
}

void build_control(builder *b, const validate_op *op)
{
    switch (op->op) {
    case OP_UNREACHABLE:
        build_op(b, IR_TRAP, IR_VOID, 0, 0, 0, WASM_E_UNREACHABLE);
        b->f->blocks[b->block].is_cold = b->block != 0;
        break;
    case OP_BLOCK: push_frame(b, FRAME_BLOCK, op->block, build_block(b, true)); break;
    case OP_LOOP: build_loop(b, op); break;
    case OP_IF: build_if(b, op); break;
    case OP_ELSE: build_else(b, op); break;
    case OP_END: build_end(b, op); break;
    case OP_BR: {
        frame *to = label_at(b, op->index);
        uint32_t count;

        label_types(to, &count);
        write_values(b, to, count);
        jump(b, to->label);
        break;
    }
    case OP_BR_IF: branch_if(b, op, build_pop(b)); break;
    case OP_BR_TABLE: build_br_table(b, op); break;
    case OP_RETURN: build_return(b); break;
    case OP_BR_ON_NULL:
    case OP_BR_ON_NON_NULL: build_br_on_null(b, op); break;
    case OP_THROW: build_call(b, op); break;
    default: b->declined = true; break;
    }
}
