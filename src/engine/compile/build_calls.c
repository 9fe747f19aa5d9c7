/* SPDX-License-Identifier: Apache-2.0
 * build_calls.c — calls of functions and helpers, exceptions, the slots of thunks.
 *
 * How:     An indirect call checks the table's bounds, null, and the type as the interpreter does:
 *          the common case inline, the rest by CHECK_TYPE out of the way. A callee of this
 *          instance is called by its own code; any other through the type's thunk.
 *
 *          A call in place of a return jumps, so that a chain of them takes no stack: to compiled
 *          code, or to a thunk, whose callee runs in the interpreter, as all do that it then calls
 *          in its instance. An import is called, and its results are returned: when a host function
 *          fails, whoever called it stands in the trace. A chain through other instances takes
 *          stack until NATIVE_NESTING_MAX entries are reached, and none in the interpreter, which
 *          goes on then. Where the arguments want more of the stack than the function's own
 *          arguments and results, all calls in the module have to leave room for that: compile.c.
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

/* The arguments, taken off the stack; 0: out of memory. */
static uint32_t take_arguments(builder *b, const wasm_functype *type)
{
    uint32_t count = type->param_count, list = ir_list(b->f, count);

    if (!list || count > b->height)
        return 0;
    b->height -= count;
    for (uint32_t i = 0; i < count; i++)
        ir_list_items(b->f, list)[i] = b->stack[b->height + i];
    return list;
}

static void call_with(builder *b, const wasm_functype *type, unsigned op, ir_ref code,
                      ir_ref callee, uint64_t imm)
{
    uint32_t list = take_arguments(b, type);
    ir_ref call;

    if (!list)
        return;
    call = build_op(b, op, type->result_count ? ir_type_of(type->results[0]) : IR_VOID, code,
                    callee, 0, imm);
    b->f->instrs[call].extra = list;
    b->f->has_calls = true;
    if (type->result_count)
        build_push(b, call);
    for (uint32_t i = 1; i < type->result_count; i++)
        build_push(b, build_op(b, IR_RESULT, ir_type_of(type->results[i]), call, 0, 0, i));
}

/* In place of a return. Where there is no room the function is built nevertheless, to the end, so
 * that it says how much it wants. */
static void tail_call_with(builder *b, const wasm_functype *type, unsigned op, ir_ref code,
                           ir_ref callee, uint64_t imm)
{
    const target *here = b->options.target;
    uint32_t list, room;
    ir_ref call;

    room = here->tail_room ? here->tail_room(b->f->type, type) : UINT32_MAX;
    if (room > b->options.tail_room && b->tail_room <= b->options.tail_room)
        b->tail_op = b->op;
    if (room > b->tail_room)
        b->tail_room = room;
    list = take_arguments(b, type);
    if (!list)
        return;
    call = build_op(b, op, IR_VOID, code, callee, 0, imm);
    b->f->instrs[call].extra = list;
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

    if (op->op == OP_CALL_INDIRECT || op->op == OP_RETURN_CALL_INDIRECT)
        check_type(b, func, canonical);
    native = build_peek(b, IR_I64, func, offsetof(wasm_func, native), 8, IR_ALIAS_INSTANCE, true);
    owner = build_peek(b, IR_I64, func, offsetof(wasm_func, instance), 8, IR_ALIAS_INSTANCE, true);
    thunk = build_op(b, IR_THUNK, IR_I64, 0, 0, 0, canonical);
    own = build_op(b, OP_I64_EQ, IR_I32, owner, b->instance, 0, 0);
    native = build_op(b, OP_SELECT, IR_I64, native, thunk, own, 0);
    if (op->op == OP_CALL_INDIRECT || op->op == OP_CALL_REF)
        call_with(b, op->block, IR_CALL_CODE, native, func, 0);
    else
        tail_call_with(b, op->block, IR_TAIL_CALL_CODE, native, func, 0);
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
    case OP_RETURN_CALL:
        if (op->index < b->module->func_import_count) {
            call_with(b, op->block, IR_CALL, 0, 0, op->index);
            build_return(b);
        } else {
            tail_call_with(b, op->block, IR_TAIL_CALL, 0, 0, op->index);
        }
        break;
    case OP_CALL_INDIRECT:
    case OP_RETURN_CALL_INDIRECT: call_func(b, op, func_in_table(b, op)); break;
    case OP_CALL_REF:
    case OP_RETURN_CALL_REF:
        func = build_pop(b);
        build_trap_if(b, build_op(b, OP_I64_EQZ, IR_I32, func, 0, 0, 0), WASM_E_NULL_FUNCTION);
        call_func(b, op, func);
        break;
    default: build_throw(b, op); break;
    }
}
