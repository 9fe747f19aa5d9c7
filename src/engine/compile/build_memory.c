/* SPDX-License-Identifier: Apache-2.0
 * build_memory.c — memories, tables and globals.
 *
 * How:     Memory 0 in a reservation with guard pages is accessed without a check, if offset and
 *          width end before the guard does. All else is checked against the length that the memory
 *          has now, and addressed by the base that it has now.
 * Memory:  the builder's.
 * Threads: one for each builder.
 */
#include <stddef.h>
#include <string.h>

#include "build_impl.h"

static ir_ref memory_of(builder *b, uint32_t memory)
{
    ir_ref all;

    if (memory == 0)
        return build_peek(b, IR_I64, b->instance, offsetof(wasm_instance, memory0), 8,
                          IR_ALIAS_INSTANCE, true);
    all = build_peek(b, IR_I64, b->instance, offsetof(wasm_instance, memories), 8,
                     IR_ALIAS_INSTANCE, true);
    return build_peek(b, IR_I64, all, memory * (uint64_t)8, 8, IR_ALIAS_INSTANCE, true);
}

static ir_ref length_of(builder *b, ir_ref memory)
{
    return build_peek(b, IR_I64, memory, offsetof(wasm_memory, length), 8, IR_ALIAS_MEMORY, false);
}

/* The base, after the checks that the access needs. */
static ir_ref checked_base(builder *b, const validate_op *op, ir_ref address, bool *guarded)
{
    const module_memory *m = &b->module->memories[op->index];
    uint64_t end = op->mem_offset + isa_describe(op->op)->width;
    bool fixed = b->options.guarded && op->index == 0 && !m->bounds.is_64 && m->page_shift == 16;
    ir_ref memory;

    *guarded = fixed && end <= NATIVE_GUARD_BYTES;
    if (*guarded)
        return build_op(b, IR_MEMORY_BASE, IR_I64, 0, 0, 0, 0);
    memory = memory_of(b, op->index);
    if (end < op->mem_offset) /* beyond all addresses */
        build_trap_if(b, build_i32(b, 1), WASM_E_OOB_MEMORY);
    else
        build_op(b, IR_BOUNDS, IR_VOID, address, length_of(b, memory), 0, end);
    return fixed ? build_op(b, IR_MEMORY_BASE, IR_I64, 0, 0, 0, 0)
                 : build_peek(b, IR_I64, memory, offsetof(wasm_memory, base), 8, IR_ALIAS_MEMORY,
                              false);
}

void build_access(builder *b, const validate_op *op)
{
    const build_row row = b->rows[op->op];
    ir_ref arg[3] = {0}, r;
    bool guarded;

    if (!row.is_there) {
        b->declined = true;
        return;
    }
    for (uint32_t i = row.operands; i > 0; i--)
        arg[i - 1] = build_pop(b);
    arg[row.operands] = checked_base(b, op, arg[0], &guarded);
    r = build_op(b, op->op, (ir_type)row.type, arg[0], arg[1], arg[2], op->mem_offset);
    b->f->instrs[r].flags |= guarded ? IR_GUARDED : 0;
    b->f->instrs[r].extra = row.has_lane ? (uint32_t)op->value : 0;
    if (row.type != IR_VOID)
        build_push(b, r);
}

/* ---- what helpers do ------------------------------------------------------------------------- */

static bool memory_is_64(const builder *b, uint32_t memory)
{
    return b->module->memories[memory].bounds.is_64;
}

static bool table_is_64(const builder *b, uint32_t table)
{
    return b->module->tables[table].bounds.is_64;
}

ir_ref build_wide(builder *b, ir_ref index, bool is_64)
{
    return is_64 ? index : build_op(b, OP_I64_EXTEND_I32_U, IR_I64, index, 0, 0, 0);
}

static void push_size(builder *b, ir_ref size, bool is_64)
{
    build_push(b, is_64 ? size : build_op(b, OP_I32_WRAP_I64, IR_I32, size, 0, 0, 0));
}

/* Three operands behind what is named by the instruction. */
static void bulk(builder *b, native_helper helper, uint64_t names, bool to_64, bool from_64,
                 bool count_64)
{
    ir_ref args[4];

    args[3] = build_wide(b, build_pop(b), count_64);
    args[2] = build_wide(b, build_pop(b), from_64);
    args[1] = build_wide(b, build_pop(b), to_64);
    args[0] = build_i64(b, names);
    build_helper(b, helper, IR_VOID, args, 4);
}

static void build_grow(builder *b, const validate_op *op)
{
    ir_ref args[3];
    bool is_64;

    if (op->op == OP_MEMORY_GROW) {
        is_64 = memory_is_64(b, op->index);
        args[1] = build_wide(b, build_pop(b), is_64);
        args[0] = build_i64(b, op->index);
        push_size(b, build_helper(b, NATIVE_MEMORY_GROW, IR_I64, args, 2), is_64);
        return;
    }
    is_64 = table_is_64(b, op->index);
    args[1] = build_wide(b, build_pop(b), is_64);
    args[2] = build_pop(b);
    args[0] = build_i64(b, op->index);
    push_size(b, build_helper(b, NATIVE_TABLE_GROW, IR_I64, args, 3), is_64);
}

static uint64_t pair(const validate_op *op)
{
    return (uint64_t)op->index << 32 | op->index2;
}

void build_bulk(builder *b, const validate_op *op)
{
    ir_ref r;

    switch (op->op) {
    case OP_MEMORY_SIZE:
        r = build_op(b, OP_I64_SHR_U, IR_I64, length_of(b, memory_of(b, op->index)),
                     build_i64(b, b->module->memories[op->index].page_shift), 0, 0);
        push_size(b, r, memory_is_64(b, op->index));
        break;
    case OP_MEMORY_GROW:
    case OP_TABLE_GROW: build_grow(b, op); break;
    case OP_MEMORY_FILL: {
        bool is_64 = memory_is_64(b, op->index);

        bulk(b, NATIVE_MEMORY_FILL, op->index, is_64, false, is_64);
        break;
    }
    case OP_MEMORY_COPY: {
        bool to = memory_is_64(b, op->index), from = memory_is_64(b, op->index2);

        bulk(b, NATIVE_MEMORY_COPY, pair(op), to, from, to && from);
        break;
    }
    case OP_TABLE_FILL: {
        bool is_64 = table_is_64(b, op->index);

        bulk(b, NATIVE_TABLE_FILL, op->index, is_64, true, is_64);
        break;
    }
    case OP_TABLE_COPY: {
        bool to = table_is_64(b, op->index), from = table_is_64(b, op->index2);

        bulk(b, NATIVE_TABLE_COPY, pair(op), to, from, to && from);
        break;
    }
    /* The segment is the first of the two; helpers want what is written to first. */
    case OP_MEMORY_INIT:
        bulk(b, NATIVE_MEMORY_INIT, (uint64_t)op->index2 << 32 | op->index,
             memory_is_64(b, op->index2), false, false);
        break;
    case OP_TABLE_INIT:
        bulk(b, NATIVE_TABLE_INIT, (uint64_t)op->index2 << 32 | op->index,
             table_is_64(b, op->index2), false, false);
        break;
    default: /* data.drop, elem.drop */
        r = build_i64(b, op->index);
        build_helper(b, op->op == OP_DATA_DROP ? NATIVE_DATA_DROP : NATIVE_ELEM_DROP, IR_VOID, &r,
                     1);
        break;
    }
}

/* ---- tables ---------------------------------------------------------------------------------- */

ir_ref build_table_of(builder *b, uint32_t table)
{
    ir_ref all = build_peek(b, IR_I64, b->instance, offsetof(wasm_instance, tables), 8,
                            IR_ALIAS_INSTANCE, true);

    return build_peek(b, IR_I64, all, table * (uint64_t)8, 8, IR_ALIAS_INSTANCE, true);
}

void build_table(builder *b, const validate_op *op)
{
    ir_ref table = build_table_of(b, op->index), value = 0, index, length, elems;
    bool is_64 = table_is_64(b, op->index);

    length = build_peek(b, IR_I64, table, offsetof(wasm_table, length), 8, IR_ALIAS_TABLE, false);
    if (op->op == OP_TABLE_SIZE) {
        push_size(b, length, is_64);
        return;
    }
    if (op->op == OP_TABLE_SET)
        value = build_pop(b);
    index = build_wide(b, build_pop(b), is_64);
    build_trap_if(b, build_op(b, OP_I64_GE_U, IR_I32, index, length, 0, 0), WASM_E_OOB_TABLE);
    elems = build_peek(b, IR_I64, table, offsetof(wasm_table, elems), 8, IR_ALIAS_TABLE, false);
    index = build_op(b, OP_I64_SHL, IR_I64, index, build_i64(b, 3), 0, 0);
    elems = build_op(b, OP_I64_ADD, IR_I64, elems, index, 0, 0);
    if (op->op == OP_TABLE_SET)
        build_poke(b, elems, 0, value, 8, IR_ALIAS_ELEMENT);
    else
        build_push(b, build_peek(b, IR_I64, elems, 0, 8, IR_ALIAS_ELEMENT, false));
}

/* ---- globals --------------------------------------------------------------------------------- */

void build_global(builder *b, const validate_op *op)
{
    const module_global *g = &b->module->globals[op->index];
    ir_type type = ir_type_of(g->type);
    unsigned width = type == IR_V128 ? 16 : type == IR_I32 || type == IR_F32 ? 4 : 8;
    uint64_t offset = offsetof(wasm_global, cell);
    ir_ref from;

    if (g->imported) {
        from = build_peek(b, IR_I64, b->instance, offsetof(wasm_instance, globals), 8,
                          IR_ALIAS_INSTANCE, true);
        from = build_peek(b, IR_I64, from, op->index * (uint64_t)8, 8, IR_ALIAS_INSTANCE, true);
    } else {
        from = build_peek(b, IR_I64, b->instance, offsetof(wasm_instance, own_globals), 8,
                          IR_ALIAS_INSTANCE, true);
        offset += (op->index - b->module->global_import_count) * (uint64_t)sizeof(wasm_global);
    }
    if (op->op == OP_GLOBAL_SET)
        build_poke(b, from, offset, build_pop(b), width, IR_ALIAS_GLOBAL);
    else
        build_push(b, build_peek(b, type, from, offset, width, IR_ALIAS_GLOBAL, !g->mutable_));
}
