/* SPDX-License-Identifier: Apache-2.0
 * ir.c — writing and reading functions in SSA form.
 *
 * Why:     Builder, passes, allocator and emitter share one way to touch instructions and edges.
 * How:     Instructions are records in one array that doubles; a block threads its own through
 *          previous and next. What is replaced becomes a `nop` whose arg[0] is the other name, so
 *          that users find it without being known.
 * Memory:  the function's arena; an array that grew leaves its old copy there until the arena is
 *          emptied, at most as much again.
 * Threads: those of the function.
 */
#include "ir.h"

#include <string.h>

/* What functions come to, so that most arrays need not grow: bytes of WebAssembly for each. */
enum { BYTES_PER_INSTR = 2, BYTES_PER_EXTRA = 2, BYTES_PER_BLOCK = 16 };

static void fail(ir_func *f)
{
    if (f->status == WASM_OK)
        f->status = WASM_E_QUOTA;
}

static bool grow(ir_func *f, void *array, uint32_t *capacity, uint64_t wanted, size_t size)
{
    if (arena_grow(f->arena, array, capacity, wanted, size))
        return true;
    fail(f);
    return false;
}

void ir_reset(ir_func *f, arena *memory)
{
    *f = (ir_func){.arena = memory};
    grow(f, &f->instrs, &f->instr_capacity, 64, sizeof *f->instrs);
    grow(f, &f->extra, &f->extra_capacity, 64, sizeof *f->extra);
    f->instr_count = f->extra_count = 1;
    if (f->instrs)
        f->instrs[0] = (ir_instr){0};
    if (f->extra)
        f->extra[0] = 0;
}

void ir_expect(ir_func *f, uint64_t bytes)
{
    grow(f, &f->instrs, &f->instr_capacity, bytes / BYTES_PER_INSTR, sizeof *f->instrs);
    grow(f, &f->extra, &f->extra_capacity, bytes / BYTES_PER_EXTRA, sizeof *f->extra);
    grow(f, &f->blocks, &f->block_capacity, bytes / BYTES_PER_BLOCK, sizeof *f->blocks);
}

uint32_t ir_block_new(ir_func *f)
{
    if (f->status != WASM_OK ||
        !grow(f, &f->blocks, &f->block_capacity, (uint64_t)f->block_count + 1, sizeof *f->blocks))
        return 0;
    f->blocks[f->block_count] = (ir_block){.order = UINT32_MAX};
    return f->block_count++;
}

static ir_ref instr_new(ir_func *f, unsigned op, ir_type type, const ir_ref arg[3], uint64_t imm,
                        uint32_t at)
{
    if (f->status != WASM_OK ||
        !grow(f, &f->instrs, &f->instr_capacity, (uint64_t)f->instr_count + 1, sizeof *f->instrs))
        return 0;
    f->instrs[f->instr_count] = (ir_instr){.op = (uint16_t)op,
                                           .type = (uint8_t)type,
                                           .at = at,
                                           .arg = {arg[0], arg[1], arg[2]},
                                           .imm = imm};
    return f->instr_count++;
}

/* Between `previous` and `next`, either of which may be 0. */
static void link_in(ir_func *f, uint32_t block, ir_ref ref, ir_ref previous, ir_ref next)
{
    ir_instr *i = &f->instrs[ref];
    ir_block *b = &f->blocks[block];

    i->block = block;
    i->previous = previous;
    i->next = next;
    if (previous)
        f->instrs[previous].next = ref;
    else
        b->first = ref;
    if (next)
        f->instrs[next].previous = ref;
    else
        b->last = ref;
}

static void unlink_from(ir_func *f, ir_ref ref)
{
    ir_instr *i = &f->instrs[ref];
    ir_block *b = &f->blocks[i->block];

    if (i->previous)
        f->instrs[i->previous].next = i->next;
    else
        b->first = i->next;
    if (i->next)
        f->instrs[i->next].previous = i->previous;
    else
        b->last = i->previous;
    i->previous = i->next = 0;
}

ir_ref ir_append(ir_func *f, uint32_t block, unsigned op, ir_type type, ir_ref a, ir_ref b,
                 ir_ref c, uint64_t imm, uint32_t at)
{
    ir_ref ref = instr_new(f, op, type, (const ir_ref[]){a, b, c}, imm, at);

    if (ref)
        link_in(f, block, ref, f->blocks[block].last, 0);
    return ref;
}

ir_ref ir_insert(ir_func *f, ir_ref where, unsigned op, ir_type type, ir_ref a, ir_ref b, ir_ref c,
                 uint64_t imm, uint32_t at)
{
    ir_ref ref = instr_new(f, op, type, (const ir_ref[]){a, b, c}, imm, at);

    if (ref)
        link_in(f, f->instrs[where].block, ref, f->instrs[where].previous, where);
    return ref;
}

void ir_remove(ir_func *f, ir_ref ref)
{
    if (!ref)
        return;
    unlink_from(f, ref);
    f->instrs[ref].op = OP_NOP;
    memset(f->instrs[ref].arg, 0, sizeof f->instrs[ref].arg);
}

void ir_move(ir_func *f, ir_ref ref, ir_ref where)
{
    if (!ref || !where || ref == where)
        return;
    unlink_from(f, ref);
    link_in(f, f->instrs[where].block, ref, f->instrs[where].previous, where);
}

void ir_replace(ir_func *f, ir_ref ref, ir_ref value)
{
    if (!ref || !value)
        return;
    ir_remove(f, ref);
    f->instrs[ref].arg[0] = value;
}

ir_ref ir_resolve(const ir_func *f, ir_ref ref)
{
    ir_ref end = ref;

    while (f->instrs[end].op == OP_NOP && f->instrs[end].arg[0])
        end = f->instrs[end].arg[0];
    while (ref != end) { /* the next search is short */
        ir_ref next = f->instrs[ref].arg[0];

        f->instrs[ref].arg[0] = end;
        ref = next;
    }
    return end;
}

uint32_t ir_list(ir_func *f, uint32_t count)
{
    uint32_t list = f->extra_count;

    if (f->status != WASM_OK || !grow(f, &f->extra, &f->extra_capacity,
                                      (uint64_t)f->extra_count + count + 1, sizeof *f->extra))
        return 0;
    f->extra[list] = count;
    memset(&f->extra[list + 1], 0, count * sizeof *f->extra);
    f->extra_count += count + 1;
    return list;
}

void ir_edge(ir_func *f, uint32_t from, uint32_t to)
{
    ir_block *b;

    if (f->status != WASM_OK)
        return;
    f->is_analysed = false;
    b = &f->blocks[to];
    if (!grow(f, &b->preds, &b->pred_capacity, (uint64_t)b->pred_count + 1, sizeof *b->preds))
        return;
    b->preds[b->pred_count++] = from;
}

/* Takes the pred at `index` away. */
static void drop_pred(ir_func *f, uint32_t to, uint32_t index)
{
    ir_block *b = &f->blocks[to];

    for (ir_ref r = b->first; r && f->instrs[r].op == IR_PHI; r = f->instrs[r].next) {
        uint32_t list = f->instrs[r].extra, count = ir_list_count(f, list);
        uint32_t *items = ir_list_items(f, list);

        memmove(items + index, items + index + 1, (count - index - 1) * sizeof *items);
        f->extra[list] = count - 1;
    }
    memmove(b->preds + index, b->preds + index + 1, (b->pred_count - index - 1) * sizeof *b->preds);
    b->pred_count--;
}

void ir_drop_edge(ir_func *f, uint32_t from, uint32_t to)
{
    for (uint32_t i = 0; i < f->blocks[to].pred_count; i++) {
        if (f->blocks[to].preds[i] == from) {
            f->is_analysed = false;
            drop_pred(f, to, i);
            return;
        }
    }
}

/* ---- what an op is --------------------------------------------------------------------------- */

/* What the flags of a row of opcodes.def come to. */
#define EFFECTS(flags)                                                                             \
    ((((flags)&ISA_LOAD) ? IR_READS : 0) | (((flags)&ISA_STORE) ? IR_WRITES : 0) |                 \
     (((flags)&ISA_TRAPS) ? IR_TRAPS : 0))
const uint8_t ir_effect_bits[IR_COUNT + 1] = {
#define OP(prefix, code, id, text, imm, sig, feature, flags) [OP_##id] = EFFECTS(flags),
#include "opcodes.def"
#undef OP
#define IR(id, text, arguments, effects) [IR_##id] = effects,
#include "ir_ops.def"
#undef IR
};
#undef EFFECTS

static const struct ir_row {
    const char *text;
    uint8_t arguments;
} rows[IR_COUNT - IR_FIRST + 1] = {
#define IR(id, text, arguments, effects) [IR_##id - IR_FIRST] = {text, arguments},
#include "ir_ops.def"
#undef IR
};

const char *ir_text(unsigned op)
{
    return op < IR_FIRST ? isa_text((isa_op)op) : op < IR_COUNT ? rows[op - IR_FIRST].text : "?";
}

unsigned ir_arguments(unsigned op)
{
    const isa_row *row;

    if (op >= IR_FIRST)
        return rows[op - IR_FIRST].arguments;
    if (op == OP_SELECT)
        return 3;
    row = isa_describe((isa_op)op);
    return row->sig[0] == '*'
               ? 0
               : (unsigned)strcspn(row->sig, ":") + ((row->flags & (ISA_LOAD | ISA_STORE)) != 0);
}

ir_type ir_type_of(wasm_valtype type)
{
    return type == WASM_I32    ? IR_I32
           : type == WASM_F32  ? IR_F32
           : type == WASM_F64  ? IR_F64
           : type == WASM_V128 ? IR_V128
                               : IR_I64;
}

/* ---- rule 2 ---------------------------------------------------------------------------------- */

/* An edge that may have to be split, and the next of those with the same source; later, with the
 * same target as well. */
typedef struct split {
    uint32_t to, place; /* in preds[] */
    uint32_t next;      /* 1 + index; 0: none */
} split;

static uint32_t split_edge(ir_func *f, uint32_t from, const split *edge, bool cold)
{
    uint32_t between = ir_block_new(f), to = edge->to;

    if (!between)
        return to;
    ir_append(f, between, IR_BR, IR_VOID, 0, 0, 0, 0, 0);
    f->blocks[between].succ[0] = to;
    f->blocks[between].succ_count = 1;
    f->blocks[between].is_cold = cold || f->blocks[to].is_cold;
    f->blocks[to].preds[edge->place] = between;
    ir_edge(f, from, between);
    return between;
}

/* Edges from a block with several successors to one with several predecessors, by source: by_source[]
 * are ends of lists. NULL: f->status. */
static split *splits_of(ir_func *f, uint32_t *by_source)
{
    uint32_t count = 0, ways;
    split *all;

    for (uint32_t b = 0; b < f->block_count; b++)
        count += f->blocks[b].pred_count;
    all = ARENA_ROOM(f->arena, split, count);
    if (!all) {
        fail(f);
        return NULL;
    }
    count = 0;
    for (uint32_t b = 0; b < f->block_count; b++) {
        const ir_block *to = &f->blocks[b];

        for (uint32_t i = 0; to->pred_count > 1 && i < to->pred_count; i++) {
            ir_successors(f, to->preds[i], &ways);
            if (ways < 2)
                continue;
            all[count] = (split){b, i, by_source[to->preds[i]]};
            by_source[to->preds[i]] = ++count;
        }
    }
    return all;
}

/* Edges are looked for in neither end's list, since both may be as long as the function is. */
void ir_split_edges(ir_func *f)
{
    const uint32_t blocks = f->block_count;
    uint32_t *by_source = ARENA_ARRAY(f->arena, uint32_t, blocks);
    uint32_t *by_target = ARENA_ARRAY(f->arena, uint32_t, blocks);
    split *all;

    if (!by_source || !by_target)
        fail(f);
    all = f->status == WASM_OK ? splits_of(f, by_source) : NULL;
    for (uint32_t b = 0; b < blocks && f->status == WASM_OK; b++) {
        uint32_t count, next;
        const uint32_t *to;

        if (!by_source[b])
            continue;
        for (uint32_t e = by_source[b]; e; e = next) {
            split *edge = &all[e - 1];

            next = edge->next;
            edge->next = by_target[edge->to];
            by_target[edge->to] = e;
        }
        to = ir_successors(f, b, &count);
        const bool table = to != f->blocks[b].succ;
        for (uint32_t i = 0; i < count; i++) {
            const uint32_t target = table ? to[i] : f->blocks[b].succ[i], e = by_target[target];
            uint32_t between;

            if (!e)
                continue;
            by_target[target] = all[e - 1].next;
            between =
                split_edge(f, b, &all[e - 1],
                           !table && i == 0 && (f->instrs[f->blocks[b].last].flags & IR_UNLIKELY));
            if (table)
                ir_list_items(f, f->instrs[f->blocks[b].last].extra)[i] = between;
            else
                f->blocks[b].succ[i] = between;
        }
    }
}
