/* SPDX-License-Identifier: Apache-2.0
 * x64_emit_call.c — calls, returns, and calls in place of a return (native.h, "Calls").
 * Threads: those of the function.
 */
#include <stddef.h>

#include "x64_impl.h"

static x64_mem stack(unsigned base, uint32_t disp)
{
    return (x64_mem){(uint8_t)base, X64_NONE, 0, (int32_t)disp};
}

static const uint8_t answers[NATIVE_HELPERS] = {
#define HELPER(id, arguments, answer) NATIVE_##answer,
#include "native_helpers.def"
#undef HELPER
};

/* A helper has said no: it has recorded the trap. */
static void emit_leave(x64_emitter *e, const x64_cold *c)
{
    (void)c;
    x64_jump_out(&e->a, CODE_STUB, STUB_LEAVE);
}

static void call_helper(x64_emitter *e)
{
    x64_load_imm(&e->a, X64_SCRATCH, e->i->imm * sizeof(void *));
    x64_call(&e->a, CODE_STUB, STUB_HELPER);
    code_add_site(e->a.out, x64_here(&e->a), e->i->at);
    if (answers[e->i->imm] == NATIVE_STATUS) {
        x64_cold *leave = x64_cold_new(e, emit_leave);
        x64_rr(&e->a, X64(00, 0, 85), RAX, RAX);
        x64_jcc(&e->a, CC_NE, leave->label);
    } else if (e->i->type == IR_I32) {
        x64_rr(&e->a, X64(00, 0, 8B), RAX, RAX);
    }
}

/* Where what is not in a register belongs: the outgoing area, by the list's order. */
static void pass_on_stack(x64_emitter *e, uint32_t first)
{
    x64_places p = {0};
    uint32_t list = e->i->extra, count = list ? ir_list_count(e->f, list) : 0;
    for (uint32_t n = 0; n < count; n++) {
        unsigned type = e->f->instrs[ir_list_items(e->f, list)[n]].type;
        alloc_place to = x64_place_argument(&p, (ir_type)type);
        if (to.kind == ALLOC_SLOT) {
            to.index |= ALLOC_ARRIVING | X64_OUTGOING;
            x64_move(e, type, e->in[first + n], to);
        }
    }
}

void x64_emit_call(x64_emitter *e)
{
    switch (e->i->op) {
    case IR_CALL:
        pass_on_stack(e, 0);
        x64_call(&e->a, CODE_FUNC, (uint32_t)e->i->imm);
        break;
    case IR_CALL_CODE:
        pass_on_stack(e, 2);
        x64_rr(&e->a, X64(00, 0, FF), 2, RAX);
        break;
    default: call_helper(e); return;
    }
    code_add_site(e->a.out, x64_here(&e->a), e->i->at);
}

static bool arrived(alloc_place at)
{
    return at.kind == ALLOC_SLOT && at.index & ALLOC_ARRIVING;
}

/* What a function leaves on the stack when it ends, results or the arguments of who follows it,
 * goes where its own arguments came from. Of those one that is still there, unless it stays where
 * it is, is in the way of others: then all go through a copy below the frame. `first`: operands in
 * front of the list. */
static void store_last(x64_emitter *e, uint32_t first, alloc_place (*next)(x64_places *, ir_type))
{
    const uint32_t count = e->i->extra ? ir_list_count(e->f, e->i->extra) : 0;
    const uint32_t *values = ir_list_items(e->f, e->i->extra);
    const alloc_place *in = e->in + first;
    x64_places p = {0};
    bool overlap = false;
    for (uint32_t n = 0; n < count; n++) {
        alloc_place to = next(&p, (ir_type)e->f->instrs[values[n]].type);
        overlap |= arrived(in[n]) && in[n].index != (to.index | ALLOC_ARRIVING);
    }
    p = (x64_places){0};
    for (uint32_t n = 0; n < count; n++) {
        unsigned type = e->f->instrs[values[n]].type;
        alloc_place to = next(&p, (ir_type)type);
        if (to.kind != ALLOC_SLOT || (!overlap && arrived(in[n])))
            continue;
        to.index |= ALLOC_ARRIVING;
        if (overlap)
            to.index |= X64_OUTGOING;
        x64_move(e, type, in[n], to);
    }
    if (!overlap)
        return;
    /* The copy stands at rsp, where the frame keeps room for it (x64_emit). */
    for (uint32_t at = 0; at < p.stack; at += 8) {
        x64_rm(&e->a, X64(00, 0, 8B) | X64_W, X64_SCRATCH, stack(RSP, at));
        x64_rm(&e->a, X64(00, 0, 89) | X64_W, X64_SCRATCH, stack(RBP, at + 16));
    }
}

/* The stack is as it was before the prologue. */
static void leave_frame(x64_emitter *e)
{
    if (e->frame)
        x64_byte(&e->a, 0xC9); /* leave */
    else
        x64_pop(&e->a, RBP);
}

void x64_emit_return(x64_emitter *e)
{
    store_last(e, 0, x64_place_result);
    leave_frame(e);
    x64_byte(&e->a, 0xC3);
}

void x64_emit_tail_call(x64_emitter *e)
{
    bool known = e->i->op == IR_TAIL_CALL;
    store_last(e, known ? 0 : 2, x64_place_argument);
    leave_frame(e);
    if (known)
        x64_jump_out(&e->a, CODE_FUNC, (uint32_t)e->i->imm);
    else
        x64_rr(&e->a, X64(00, 0, FF), 4, RAX);
}
