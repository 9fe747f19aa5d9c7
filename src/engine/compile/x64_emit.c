/* SPDX-License-Identifier: Apache-2.0
 * x64_emit.c — machine code of a whole function: frame, blocks, moves, branches, what is cold.
 *
 * How:     Blocks in the order of ir_func.order; what follows falls through. Traps, polls that have
 *          something to do and rare cases of conversions stand behind the function, as a list of
 *          x64_cold that is written at the end. Then the assembler shortens the jumps.
 *
 * Memory, threads: those of the function; what is written belongs to the buffer.
 */
#include <stddef.h>
#include <string.h>

#include "x64_impl.h"

#define STORE_FIELD(field) ((int32_t)offsetof(wasm_store, field))

/* ---- places -----------------------------------------------------------------------------------
 */

unsigned x64_reg(const x64_emitter *e, x64_operand o)
{
    if (o.kind == X64_PINNED)
        return o.in;
    return e->in[o.in].index & 31;
}

unsigned x64_out(const x64_emitter *e)
{
    return e->places->result[e->ref].index & 31;
}

x64_mem x64_slot(const x64_emitter *e, uint32_t index)
{
    x64_mem m = {RBP, X64_NONE, 0, 0};
    if (!(index & ALLOC_ARRIVING)) {
        m.disp = (int32_t)index - (int32_t)e->spill;
    } else if (index & X64_OUTGOING) {
        m.base = RSP;
        m.disp = (int32_t)(index & ~(ALLOC_ARRIVING | X64_OUTGOING));
    } else {
        m.disp = 16 + (int32_t)(index & ~ALLOC_ARRIVING);
    }
    return m;
}

void x64_real_const(x64_emitter *e, unsigned xmm, uint64_t bits, bool wide)
{
    if (bits == 0) {
        x64_rr(&e->a, X64(00, 0F, 57), xmm, xmm);
        return;
    }
    x64_load_imm(&e->a, X64_SCRATCH, bits);
    x64_rr(&e->a, X64(66, 0F, 6E) | (wide ? X64_W : 0), xmm, X64_SCRATCH);
}

void x64_remake(x64_emitter *e, ir_ref ref, unsigned reg)
{
    const ir_instr *i = &e->f->instrs[ref];
    switch (i->op) {
    case IR_INSTANCE: x64_rr(&e->a, X64(00, 0, 8B) | X64_W, reg, X64_INSTANCE); break;
    case IR_MEMORY_BASE: x64_rr(&e->a, X64(00, 0, 8B) | X64_W, reg, X64_BASE); break;
    case OP_I32_CONST: x64_load_imm(&e->a, reg, (uint32_t)i->imm); break;
    case OP_F32_CONST: x64_real_const(e, reg & 31, (uint32_t)i->imm, false); break;
    case OP_F64_CONST: x64_real_const(e, reg & 31, i->imm, true); break;
    case OP_V128_CONST: {
        const uint32_t *w = ir_list_items(e->f, i->extra);
        x64_vector_const(e, reg & 31, w[0] | (uint64_t)w[1] << 32, w[2] | (uint64_t)w[3] << 32);
        break;
    }
    default: x64_load_imm(&e->a, reg, i->imm); break;
    }
}

/* Load and store of a slot, and move between registers, by type. */
static const struct {
    x64_code load, store, copy;
} moves[IR_TYPES] = {
    [IR_I32] = {X64(00, 0, 8B), X64(00, 0, 89), X64(00, 0, 8B)},
    [IR_I64] = {X64(00, 0, 8B) | X64_W, X64(00, 0, 89) | X64_W, X64(00, 0, 8B) | X64_W},
    [IR_F32] = {X64(F3, 0F, 10), X64(F3, 0F, 11), X64(00, 0F, 28)},
    [IR_F64] = {X64(F2, 0F, 10), X64(F2, 0F, 11), X64(00, 0F, 28)},
    [IR_V128] = {X64(00, 0F, 10), X64(00, 0F, 11), X64(00, 0F, 28)},
};

/* From any place into memory, or from memory or a constant into a register. */
static void store_place(x64_emitter *e, unsigned type, alloc_place from, x64_mem to)
{
    bool vector = x64_is_vector(type);
    unsigned reg = from.kind == ALLOC_REG ? from.index & 31
                   : vector               ? (unsigned)X64_XSCRATCH
                                          : (unsigned)X64_SCRATCH;
    if (from.kind == ALLOC_SLOT)
        x64_rm(&e->a, moves[type].load, reg, x64_slot(e, from.index));
    else if (from.kind == ALLOC_REMAKE)
        x64_remake(e, from.index, reg);
    x64_rm(&e->a, moves[type].store, reg, to);
}

void x64_move(x64_emitter *e, unsigned type, alloc_place from, alloc_place to)
{
    if (to.kind == ALLOC_SLOT) {
        store_place(e, type, from, x64_slot(e, to.index));
        return;
    }
    unsigned reg = to.index & 31;
    switch (from.kind) {
    case ALLOC_REG:
        if ((from.index & 31) != reg)
            x64_rr(&e->a, moves[type].copy, reg, from.index & 31);
        break;
    case ALLOC_SLOT: x64_rm(&e->a, moves[type].load, reg, x64_slot(e, from.index)); break;
    case ALLOC_REMAKE: x64_remake(e, from.index, reg); break;
    default: break;
    }
}

/* ---- operands ---------------------------------------------------------------------------------
 */

x64_mem x64_memory(x64_emitter *e)
{
    const x64_address *m = &e->s.mem;
    x64_mem out = {X64_NONE, X64_NONE, m->scale, 0};
    if (m->base.kind != X64_NO)
        out.base = (uint8_t)x64_reg(e, m->base);
    if (m->index.kind != X64_NO)
        out.index = (uint8_t)x64_reg(e, m->index);
    if (x64_fits32((int64_t)m->offset)) {
        out.disp = (int32_t)m->offset;
    } else {
        x64_load_imm(&e->a, X64_SCRATCH, m->offset);
        if (out.index == X64_NONE) {
            out.index = X64_SCRATCH;
        } else {
            x64_rm(&e->a, X64(00, 0, 8D) | X64_W, X64_SCRATCH,
                   (x64_mem){X64_SCRATCH, out.index, out.scale, 0});
            out.index = X64_SCRATCH;
            out.scale = 0;
        }
    }
    if (m->site)
        code_add_site(e->a.out, x64_here(&e->a) + NATIVE_ACCESS_SITE, e->f->instrs[m->site].at);
    return out;
}

void x64_op(x64_emitter *e, x64_code code, unsigned reg, x64_operand o)
{
    if (o.kind == X64_MEM)
        x64_rm(&e->a, code, reg, x64_memory(e));
    else if (x64_in_slot(e, o))
        x64_rm(&e->a, code, reg, x64_slot(e, e->in[o.in].index));
    else
        x64_rr(&e->a, code, reg, x64_reg(e, o));
}

/* ---- cold code --------------------------------------------------------------------------------
 */

x64_cold *x64_cold_new(x64_emitter *e, void (*emit)(x64_emitter *, const x64_cold *))
{
    static _Thread_local x64_cold nobody;
    x64_cold *c = ARENA_NEW(e->f->arena, x64_cold);
    if (!c) {
        e->a.failed = true;
        nobody = (x64_cold){0};
        return &nobody;
    }
    c->emit = emit;
    c->label = x64_label(&e->a);
    c->at = e->i ? e->i->at : 0;
    *e->cold_tail = c;
    e->cold_tail = &c->next;
    return c;
}

static void emit_trap(x64_emitter *e, const x64_cold *c)
{
    x64_load_imm(&e->a, RSI, c->imm);
    x64_call(&e->a, CODE_STUB, STUB_TRAP);
    code_add_site(e->a.out, x64_here(&e->a), c->at);
}

uint32_t x64_trap_label(x64_emitter *e, wasm_status status, uint32_t at)
{
    /* The newest may be of the same instruction. */
    x64_cold *c = e->trap;
    if (c && c->at == at && c->imm == status)
        return c->label;
    c = e->trap = x64_cold_new(e, emit_trap);
    c->imm = status;
    c->at = at;
    return c->label;
}

static void emit_poll(x64_emitter *e, const x64_cold *c)
{
    x64_load_imm(&e->a, X64_SCRATCH, c->imm);
    x64_call(&e->a, CODE_STUB, STUB_POLL);
    code_add_site(e->a.out, x64_here(&e->a), c->at);
    x64_jump(&e->a, c->back);
}

/* ---- control ----------------------------------------------------------------------------------
 */

void x64_flags(x64_emitter *e)
{
    const x64_cond *c = &e->s.cond;
    unsigned reg = x64_reg(e, c->a);
    x64_code wide = c->code & X64_W;
    if (c->b.kind != X64_IMM) {
        x64_op(e, c->code, reg, c->b);
    } else if (c->test) {
        x64_rr(&e->a, X64(00, 0, F7) | wide, 0, reg);
        x64_imm32(&e->a, c->b.imm);
    } else if (c->b.imm == 0) {
        x64_rr(&e->a, X64(00, 0, 85) | wide, reg, reg);
    } else if (c->b.imm == (int8_t)c->b.imm) {
        x64_rr(&e->a, X64(00, 0, 83) | wide, 7, reg);
        x64_imm8(&e->a, c->b.imm);
    } else {
        x64_rr(&e->a, X64(00, 0, 81) | wide, 7, reg);
        x64_imm32(&e->a, c->b.imm);
    }
}

void x64_jump_if(x64_emitter *e, bool wanted, uint32_t label)
{
    const x64_cond *c = &e->s.cond;
    enum x64_cc cc = (enum x64_cc)(c->cc ^ !wanted);
    if (c->parity == 0) {
        x64_jcc(&e->a, cc, label);
    } else if ((c->parity == 2) == wanted) { /* not equal, or unordered */
        x64_jcc(&e->a, CC_NE, label);
        x64_jcc(&e->a, CC_P, label);
    } else {
        uint32_t over = x64_label(&e->a);
        x64_jcc(&e->a, CC_P, over);
        x64_jcc(&e->a, CC_E, label);
        x64_bind(&e->a, over);
    }
}

static void emit_br(x64_emitter *e, uint32_t to)
{
    if (e->goal[to] != e->next_block)
        x64_jump(&e->a, e->blocks[e->goal[to]]);
}

static void emit_br_if(x64_emitter *e)
{
    const ir_block *b = &e->f->blocks[e->i->block];
    x64_flags(e);
    if (e->goal[b->succ[0]] == e->next_block) {
        x64_jump_if(e, false, e->blocks[e->goal[b->succ[1]]]);
    } else {
        x64_jump_if(e, true, e->blocks[e->goal[b->succ[0]]]);
        emit_br(e, b->succ[1]);
    }
}

static void emit_table(x64_emitter *e, const x64_cold *c)
{
    uint32_t list = (uint32_t)c->imm, count = ir_list_count(e->f, list);
    x64_align(&e->a, 4);
    x64_bind(&e->a, c->label);
    for (uint32_t n = 0; n + 1 < count; n++)
        x64_table_entry(&e->a, e->blocks[e->goal[ir_list_items(e->f, list)[n]]], c->label);
}

static void emit_br_table(x64_emitter *e)
{
    enum { COMPARED = 4 };
    uint32_t list = e->i->extra, count = ir_list_count(e->f, list) - 1;
    const uint32_t *targets = ir_list_items(e->f, list);
    unsigned index = x64_reg(e, e->s.a), temp = e->in[e->s.in_count].index & 31;

    if (count <= COMPARED) {
        for (uint32_t n = 0; n < count; n++) {
            x64_rr(&e->a, X64(00, 0, 83), 7, index);
            x64_imm8(&e->a, n);
            x64_jcc(&e->a, CC_E, e->blocks[e->goal[targets[n]]]);
        }
        emit_br(e, targets[count]);
        return;
    }
    x64_cold *table = x64_cold_new(e, emit_table);
    table->imm = list;
    table->data = true;
    x64_rr(&e->a, X64(00, 0, 81), 7, index);
    x64_imm32(&e->a, count);
    x64_jcc(&e->a, CC_AE, e->blocks[e->goal[targets[count]]]);
    x64_rip(&e->a, X64(00, 0, 8D) | X64_W, X64_SCRATCH, table->label);
    x64_rm(&e->a, X64(00, 0, 63) | X64_W, temp, (x64_mem){X64_SCRATCH, (uint8_t)index, 2, 0});
    x64_rr(&e->a, X64(00, 0, 03) | X64_W, X64_SCRATCH, temp);
    x64_rr(&e->a, X64(00, 0, FF), 4, X64_SCRATCH);
}

/* ---- what belongs to no table ------------------------------------------------------------------
 */

static void emit_peek(x64_emitter *e)
{
    unsigned width = e->i->extra & 0xFF;
    x64_code code = width == 1   ? X64(00, 0F, B6)
                    : width == 2 ? X64(00, 0F, B7)
                    : width == 4 ? X64(00, 0, 8B)
                                 : X64(00, 0, 8B) | X64_W;
    if (x64_is_vector(e->i->type))
        code = moves[e->i->type].load;
    x64_rm(&e->a, code, x64_out(e), x64_memory(e));
}

static void emit_poke(x64_emitter *e)
{
    unsigned width = e->i->extra & 0xFF, type = e->f->instrs[e->i->arg[1]].type;
    if (e->s.b.kind == X64_IMM) {
        x64_mem m = x64_memory(e);
        x64_rm(&e->a,
               width == 1   ? X64(00, 0, C6)
               : width == 2 ? X64(66, 0, C7)
                            : X64(00, 0, C7) | (width == 8 ? X64_W : 0),
               0, m);
        if (width == 1)
            x64_imm8(&e->a, e->s.b.imm);
        else if (width == 2)
            code_put(e->a.out, (uint8_t[]){(uint8_t)e->s.b.imm, (uint8_t)(e->s.b.imm >> 8)}, 2);
        else
            x64_imm32(&e->a, e->s.b.imm);
        return;
    }
    x64_code code = width == 1   ? X64(00, 0, 88) | X64_BYTE
                    : width == 2 ? X64(66, 0, 89)
                    : width == 4 ? X64(00, 0, 89)
                                 : X64(00, 0, 89) | X64_W;
    if (x64_is_vector(type))
        code = moves[type].store;
    x64_mem m = x64_memory(e);
    x64_rm(&e->a, code, x64_reg(e, e->s.b), m);
}

/* arg[0] + imm <= arg[1], exactly. */
static void emit_bounds(x64_emitter *e)
{
    uint32_t trap = x64_trap_label(e, WASM_E_OOB_MEMORY, e->i->at);
    unsigned address = x64_reg(e, e->s.a), left = address;
    uint64_t imm = e->i->imm;
    bool narrow = e->f->instrs[e->i->arg[0]].type == IR_I32;

    if (imm) {
        left = X64_SCRATCH;
        if (narrow && imm <= INT32_MAX) {
            x64_rm(&e->a, X64(00, 0, 8D) | X64_W, left,
                   (x64_mem){(uint8_t)address, X64_NONE, 0, (int32_t)imm});
        } else {
            x64_load_imm(&e->a, left, imm);
            x64_rr(&e->a, X64(00, 0, 03) | X64_W, left, address);
            if (!narrow || imm > UINT64_MAX - UINT32_MAX)
                x64_jcc(&e->a, CC_B, trap);
        }
    }
    x64_op(e, X64(00, 0, 3B) | X64_W, left, e->s.b);
    x64_jcc(&e->a, CC_A, trap);
}

static void emit_poll_check(x64_emitter *e)
{
    x64_cold *c = x64_cold_new(e, emit_poll);
    c->imm = e->i->imm;
    c->back = x64_label(&e->a);
    x64_rm(&e->a, X64(00, 0, 83), 7,
           (x64_mem){(uint8_t)x64_reg(e, e->s.a), X64_NONE, 0, STORE_FIELD(poll)});
    x64_imm8(&e->a, 0);
    x64_jcc(&e->a, CC_NE, c->label);
    x64_bind(&e->a, c->back);
}

/* ---- functions --------------------------------------------------------------------------------
 */

static void emit_row(x64_emitter *e, const x64_row *row)
{
    if (row->cls == CLASS_CONST)
        x64_remake(e, e->ref, e->places->result[e->ref].index);
    else if (row->cls >= CLASS_VBINARY)
        x64_emit_vector(e, row);
    else if (row->cls >= CLASS_FBINARY)
        x64_emit_real(e, row);
    else
        x64_emit_integer(e, row);
}

static void emit_result(x64_emitter *e)
{
    /* On the stack, where the allocator has not moved it from. */
    alloc_place from = x64_alloc.arrives(NULL, e->f, e->ref), to = e->places->result[e->ref];
    if (from.kind == ALLOC_SLOT && to.kind == ALLOC_REG)
        x64_move(e, e->i->type, from, to);
}

static void emit_instr(x64_emitter *e, ir_ref ref)
{
    e->ref = ref;
    e->i = &e->f->instrs[ref];
    e->in = &e->places->places[e->places->operands[ref]];
    x64_shape_of(e->f, ref, NULL, &e->s);
    switch (e->i->op) {
    case IR_PARAM:
    case IR_PHI:
    case IR_CALLEE: return;
    case IR_RESULT: emit_result(e); return;
    case IR_INSTANCE:
    case IR_MEMORY_BASE:
        if (e->places->result[ref].kind == ALLOC_REG)
            x64_remake(e, ref, e->places->result[ref].index);
        return;
    case IR_THUNK: {
        x64_rr(&e->a, X64(00, 0, 8D) | X64_W, x64_out(e), 0); /* lea out, [rip + …] */
        e->a.out->bytes[e->a.out->length - 1] &= 0x3F;
        e->a.out->bytes[e->a.out->length - 1] |= 5;
        code_add_reloc(e->a.out, x64_here(&e->a), CODE_OUTSIDE, (uint32_t)e->i->imm);
        x64_imm32(&e->a, 0);
        return;
    }
    case IR_PEEK: emit_peek(e); return;
    case IR_POKE: emit_poke(e); return;
    case IR_BOUNDS: emit_bounds(e); return;
    case IR_MUL_HIGH_S: /* imul, mul: rdx:rax = rax * … */
    case IR_MUL_HIGH_U:
        x64_rr(&e->a, X64(00, 0, F7) | X64_W, e->i->op == IR_MUL_HIGH_S ? 5 : 4,
               x64_reg(e, e->s.b));
        return;
    case IR_POLL: emit_poll_check(e); return;
    case IR_CALL:
    case IR_CALL_CODE:
    case IR_CALL_HELPER: x64_emit_call(e); return;
    case IR_TRAP_IF:
        x64_flags(e);
        x64_jump_if(e, true, x64_trap_label(e, (wasm_status)e->i->imm, e->i->at));
        return;
    case IR_TRAP: x64_jump(&e->a, x64_trap_label(e, (wasm_status)e->i->imm, e->i->at)); return;
    case IR_BR: emit_br(e, e->f->blocks[e->i->block].succ[0]); return;
    case IR_BR_IF: emit_br_if(e); return;
    case IR_BR_TABLE: emit_br_table(e); return;
    case IR_RETURN: x64_emit_return(e); return;
    case IR_TAIL_CALL:
    case IR_TAIL_CALL_CODE: x64_emit_tail_call(e); return;
    default:
        /* A constant that is remade wherever it is wanted has no place. */
        if (x64_class_of(e->i->op) != CLASS_CONST || e->places->result[ref].kind == ALLOC_REG)
            emit_row(e, &x64_rows[e->i->op]);
        return;
    }
}

static void prologue(x64_emitter *e)
{
    x64_asm *a = &e->a;
    x64_push(a, RBP);
    x64_rr(a, X64(00, 0, 8B) | X64_W, RBP, RSP);
    /* Small leaves live below the limit, in the margin that is kept free for them. */
    if (e->f->has_calls || e->frame >= NATIVE_SMALL_FRAME) {
        x64_mem limit = {X64_SCRATCH, X64_NONE, 0, STORE_FIELD(native.limit)};
        unsigned reg = RSP;
        x64_rm(a, X64(00, 0, 8B) | X64_W, X64_SCRATCH,
               (x64_mem){X64_INSTANCE, X64_NONE, 0, (int32_t)offsetof(wasm_instance, store)});
        if (e->frame >= NATIVE_SMALL_FRAME) { /* rax is no argument's */
            reg = RAX;
            x64_rm(a, X64(00, 0, 8D) | X64_W, reg, (x64_mem){RSP, X64_NONE, 0, -(int32_t)e->frame});
        }
        x64_rm(a, X64(00, 0, 3B) | X64_W, reg, limit);
        uint32_t at = e->f->order_count ? e->f->instrs[e->f->blocks[0].first].at : 0;
        while (ir_caller(e->f, at))
            at = ir_caller(e->f, at);
        x64_jcc(a, CC_B, x64_trap_label(e, WASM_E_STACK_EXHAUSTED, at));
    }
    if (e->frame) {
        bool small = e->frame <= INT8_MAX;
        x64_rr(a, (small ? X64(00, 0, 83) : X64(00, 0, 81)) | X64_W, 5, RSP);
        if (small)
            x64_imm8(a, e->frame);
        else
            x64_imm32(a, e->frame);
    }
}

static void emit_moves(x64_emitter *e, ir_ref before)
{
    const alloc_outcome *p = e->places;
    for (; e->next_move < p->move_count && p->moves[e->next_move].before == before; e->next_move++)
        x64_move(e, p->moves[e->next_move].type, p->moves[e->next_move].from,
                 p->moves[e->next_move].to);
}

/* Blocks that do nothing but go on elsewhere, as edges that were split and got no moves, have no
 * code: goal[] says where one really gets to. The entry stays. */
static bool find_goals(x64_emitter *e)
{
    enum { STEPS = 64 };
    ir_func *f = e->f;
    uint8_t *moved = ARENA_ARRAY(f->arena, uint8_t, f->block_count);
    e->goal = ARENA_ARRAY(f->arena, uint32_t, f->block_count);
    if (!moved || !e->goal)
        return false;
    for (uint32_t m = 0; m < e->places->move_count; m++)
        moved[f->instrs[e->places->moves[m].before].block] = 1;
    for (uint32_t b = 0; b < f->block_count; b++) {
        ir_ref ref = f->blocks[b].first;
        while (ref && (f->instrs[ref].flags & IR_FOLDED || f->instrs[ref].op == IR_PHI))
            ref = f->instrs[ref].next;
        bool empty = b && !moved[b] && ref && f->instrs[ref].op == IR_BR;
        e->goal[b] = empty ? f->blocks[b].succ[0] : b;
    }
    for (uint32_t b = 0; b < f->block_count; b++) {
        uint32_t to = b;
        unsigned steps = 0;
        while (e->goal[to] != to && steps++ < STEPS)
            to = e->goal[to];
        if (e->goal[to] != to) { /* a long way, or a circle: its blocks keep their code */
            e->goal[b] = b;
            continue;
        }
        e->goal[b] = to;
    }
    return true;
}

static void body(x64_emitter *e)
{
    ir_func *f = e->f;
    e->blocks = ARENA_ARRAY(f->arena, uint32_t, f->block_count);
    if (!e->blocks) {
        e->a.failed = true;
        return;
    }
    for (uint32_t b = 0; b < f->block_count; b++)
        e->blocks[b] = x64_label(&e->a);
    prologue(e);
    for (uint32_t o = 0; o < f->order_count && !e->a.failed; o++) {
        ir_block *b = &f->blocks[f->order[o]];
        uint32_t after = o + 1;
        if (e->goal[f->order[o]] != f->order[o])
            continue;
        while (after < f->order_count && e->goal[f->order[after]] != f->order[after])
            after++;
        e->next_block = after < f->order_count ? f->order[after] : UINT32_MAX;
        if (b->is_loop_header && !b->is_cold)
            x64_align(&e->a, 16);
        x64_bind(&e->a, e->blocks[f->order[o]]);
        for (ir_ref ref = b->first; ref; ref = f->instrs[ref].next) {
            emit_moves(e, ref);
            if (!(f->instrs[ref].flags & IR_FOLDED))
                emit_instr(e, ref);
        }
    }
    e->i = NULL;
    for (x64_cold *c = e->cold; c && !e->a.failed; c = c->next) {
        if (!c->data)
            x64_bind(&e->a, c->label);
        c->emit(e, c);
    }
}

/* Bytes that arguments or results of calls take on the stack, of whichever call takes most, or that
 * calls have to leave. */
static uint32_t outgoing_bytes(const ir_func *f)
{
    uint32_t most = f->has_calls ? f->tail_room : 0;
    for (uint32_t o = 0; o < f->order_count; o++) {
        const ir_block *b = &f->blocks[f->order[o]];
        x64_places results = {0};
        /* Where there are no calls, there may be one in place of a return. */
        for (ir_ref ref = f->has_calls ? b->first : b->last; ref; ref = f->instrs[ref].next) {
            const ir_instr *i = &f->instrs[ref];
            if (i->op == IR_CALL || i->op == IR_CALL_CODE || i->op == IR_TAIL_CALL ||
                i->op == IR_TAIL_CALL_CODE) {
                x64_places arguments = {0};
                uint32_t count = i->extra ? ir_list_count(f, i->extra) : 0;
                for (uint32_t n = 0; n < count; n++) {
                    ir_ref value = ir_list_items(f, i->extra)[n];
                    x64_place_argument(&arguments, (ir_type)f->instrs[value].type);
                }
                most = arguments.stack > most ? arguments.stack : most;
                results = (x64_places){0};
                if (i->type != IR_VOID)
                    x64_place_result(&results, (ir_type)i->type);
            } else if (i->op == IR_RESULT) { /* stands behind its call, as all of its results do */
                x64_place_result(&results, (ir_type)i->type);
                most = results.stack > most ? results.stack : most;
            }
        }
    }
    return most;
}

wasm_status x64_emit(ir_func *f, code_buffer *out, uint32_t *entry)
{
    alloc_outcome places;
    memset(&places, 0, sizeof places);
    wasm_status status = f->status ? f->status : x64_select(f);
    if (!status)
        status = allocate(f, &x64_alloc, &places);
    if (status)
        return status;

    code_align(out, 16, 0xCC);
    x64_emitter e = {.f = f, .places = &places, .features = x64_features()};
    e.spill = (places.spill_bytes + 15) & ~15u;
    /* Results go through a copy of that size (x64_emit_return()). */
    uint32_t results = f->type ? x64_result_bytes(f->type) : 0, outgoing = outgoing_bytes(f);
    e.frame = e.spill + (((outgoing > results ? outgoing : results) + 15) & ~15u);
    if (e.frame > INT32_MAX / 2)
        return WASM_E_QUOTA;
    if (!find_goals(&e))
        return WASM_E_QUOTA;
    e.cold_tail = &e.cold;
    *entry = out->length;
    x64_begin(&e.a, out, f->arena);
    body(&e);
    x64_finish(&e.a);
    return e.a.failed ? WASM_E_QUOTA : out->status;
}
