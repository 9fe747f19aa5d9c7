/* SPDX-License-Identifier: Apache-2.0
 * build_calls.c — calls of functions and helpers, exceptions, the slots of thunks.
 *
 * How:     An indirect call checks the table's bounds, null, and the type as the interpreter does:
 *          the common case inline, the rest by CHECK_TYPE out of the way. A callee of this
 *          instance is called by its own code; any other through the type's thunk.
 * Memory:  the builder's.
 * Threads: one for each builder.
 */
#include <stddef.h>
#include <string.h>

#include "build_impl.h"

ir_ref build_helper(builder *b, native_helper helper, ir_type type, const ir_ref *args,
                    uint32_t count)
{
    uint32_t list = ir_list(b->f, count);
    ir_ref r = build_op(b, IR_CALL_HELPER, type, 0, 0, 0, helper);

    if (list)
        memcpy(ir_list_items(b->f, list), args, count * sizeof *args);
    b->f->instrs[r].extra = list;
    b->f->has_calls = true;
    return r;
}

ir_ref build_func_ref(builder *b, uint32_t index)
{
    ir_ref all = build_peek(b, IR_I64, b->instance, offsetof(wasm_instance, funcs), 8,
                            IR_ALIAS_INSTANCE, true);

    return build_peek(b, IR_I64, all, index * (uint64_t)8, 8, IR_ALIAS_INSTANCE, true);
}

/* Values into slots at the store's stack_top, or of results to where an entry thunk was told
 * (b->store); where the slots begin. A slot is written as a whole. */
ir_ref build_slots_out(builder *b, const wasm_functype *type, const ir_ref *values, bool results)
{
    uint32_t count = results ? type->result_count : type->param_count, slot = 0;
    const wasm_valtype *types = results ? type->results : type->params;
    ir_ref slots = results ? b->store
                           : build_peek(b, IR_I64, b->store, offsetof(wasm_store, stack_top), 8,
                                        IR_ALIAS_ANY, false);

    for (uint32_t i = 0; i < count; i++) {
        ir_ref value = values[i];

        if (types[i] == WASM_F32)
            value = build_op(b, OP_I32_REINTERPRET_F32, IR_I32, value, 0, 0, 0);
        if (types[i] == WASM_F32 || types[i] == WASM_I32)
            value = build_op(b, OP_I64_EXTEND_I32_U, IR_I64, value, 0, 0, 0);
        build_poke(b, slots, slot * (uint64_t)8, value, types[i] == WASM_V128 ? 16 : 8,
                   IR_ALIAS_SLOT);
        slot += type_slots(types[i]);
    }
    return slots;
}

static void call_with(builder *b, const wasm_functype *type, unsigned op, ir_ref code,
                      ir_ref callee, uint64_t imm)
{
    uint32_t count = type->param_count, list = ir_list(b->f, count);
    ir_ref call;

    if (!list || count > b->height)
        return;
    b->height -= count;
    for (uint32_t i = 0; i < count; i++)
        ir_list_items(b->f, list)[i] = b->stack[b->height + i];
    call = build_op(b, op, type->result_count ? ir_type_of(type->results[0]) : IR_VOID, code,
                    callee, 0, imm);
    b->f->instrs[call].extra = list;
    b->f->has_calls = true;
    if (type->result_count)
        build_push(b, call);
    for (uint32_t i = 1; i < type->result_count; i++)
        build_push(b, build_op(b, IR_RESULT, ir_type_of(type->results[i]), call, 0, 0, i));
}

static void set_fork(builder *b, uint32_t then, uint32_t otherwise)
{
    ir_block *block = &b->f->blocks[b->block];

    block->succ[0] = then;
    block->succ[1] = otherwise;
    block->succ_count = 2;
    ir_edge(b->f, b->block, then);
    ir_edge(b->f, b->block, otherwise);
}

/* Traps unless the function in hand has the type. */
static void check_type(builder *b, ir_ref func, uint32_t canonical)
{
    ir_ref own, module, index, differs, r, args[2];
    uint32_t cold = build_block(b, true), next = build_block(b, true);

    own = build_peek(b, IR_I64, b->instance, offsetof(wasm_instance, module), 8, IR_ALIAS_INSTANCE,
                     true);
    module = build_peek(b, IR_I64, func, offsetof(wasm_func, module), 8, IR_ALIAS_INSTANCE, true);
    index = build_peek(b, IR_I32, func, offsetof(wasm_func, canonical), 4, IR_ALIAS_INSTANCE, true);
    differs = build_op(b, OP_I64_NE, IR_I32, module, own, 0, 0);
    r = build_op(b, OP_I32_NE, IR_I32, index, build_i32(b, canonical), 0, 0);
    r = build_op(b, OP_I32_OR, IR_I32, differs, r, 0, 0);
    r = build_op(b, IR_BR_IF, IR_VOID, r, 0, 0, 0);
    b->f->instrs[r].flags |= IR_UNLIKELY;
    set_fork(b, cold, next);
    b->f->blocks[cold].is_cold = true;
    build_go(b, cold, true);
    args[0] = func;
    args[1] = build_i64(b, canonical);
    build_helper(b, NATIVE_CHECK_TYPE, IR_VOID, args, 2);
    build_op(b, IR_BR, IR_VOID, 0, 0, 0, 0);
    b->f->blocks[cold].succ[0] = next;
    b->f->blocks[cold].succ_count = 1;
    ir_edge(b->f, cold, next);
    build_go(b, next, true);
}

static ir_ref func_in_table(builder *b, const validate_op *op)
{
    ir_ref index = build_wide(b, build_pop(b), b->module->tables[op->index2].bounds.is_64);
    ir_ref table = build_table_of(b, op->index2), length, elems, func;

    length = build_peek(b, IR_I64, table, offsetof(wasm_table, length), 8, IR_ALIAS_TABLE, false);
    build_trap_if(b, build_op(b, OP_I64_GE_U, IR_I32, index, length, 0, 0),
                  WASM_E_UNDEFINED_ELEMENT);
    elems = build_peek(b, IR_I64, table, offsetof(wasm_table, elems), 8, IR_ALIAS_TABLE, false);
    index = build_op(b, OP_I64_SHL, IR_I64, index, build_i64(b, 3), 0, 0);
    elems = build_op(b, OP_I64_ADD, IR_I64, elems, index, 0, 0);
    func = build_peek(b, IR_I64, elems, 0, 8, IR_ALIAS_ELEMENT, false);
    build_trap_if(b, build_op(b, OP_I64_EQZ, IR_I32, func, 0, 0, 0), WASM_E_UNINITIALIZED_ELEMENT);
    return func;
}

static void call_func(builder *b, const validate_op *op, ir_ref func)
{
    uint32_t canonical = b->module->types[op->index].canonical;
    ir_ref native, owner, thunk, own;

    if (op->op == OP_CALL_INDIRECT)
        check_type(b, func, canonical);
    native = build_peek(b, IR_I64, func, offsetof(wasm_func, native), 8, IR_ALIAS_INSTANCE, true);
    owner = build_peek(b, IR_I64, func, offsetof(wasm_func, instance), 8, IR_ALIAS_INSTANCE, true);
    thunk = build_op(b, IR_THUNK, IR_I64, 0, 0, 0, canonical);
    own = build_op(b, OP_I64_EQ, IR_I32, owner, b->instance, 0, 0);
    call_with(b, op->block, IR_CALL_CODE, build_op(b, OP_SELECT, IR_I64, native, thunk, own, 0),
              func, 0);
}

static void build_throw(builder *b, const validate_op *op)
{
    uint32_t count = op->block->param_count;
    ir_ref args[2];

    if (count > b->height)
        return;
    b->height -= count;
    args[0] = build_i64(b, op->index);
    args[1] = build_slots_out(b, op->block, b->stack + b->height, false);
    build_helper(b, NATIVE_THROW, IR_VOID, args, 2);
    build_op(b, IR_TRAP, IR_VOID, 0, 0, 0, WASM_E_EXCEPTION);
    b->f->blocks[b->block].is_cold = b->block != 0;
}

void build_call(builder *b, const validate_op *op)
{
    ir_ref func;

    switch (op->op) {
    case OP_CALL:
        if (!build_inline(b, op))
            call_with(b, op->block, IR_CALL, 0, 0, op->index);
        break;
    case OP_CALL_INDIRECT: call_func(b, op, func_in_table(b, op)); break;
    case OP_CALL_REF:
        func = build_pop(b);
        build_trap_if(b, build_op(b, OP_I64_EQZ, IR_I32, func, 0, 0, 0), WASM_E_NULL_FUNCTION);
        call_func(b, op, func);
        break;
    default: build_throw(b, op); break;
    }
}
