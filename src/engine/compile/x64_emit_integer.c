/* SPDX-License-Identifier: Apache-2.0
 * x64_emit_integer.c — integers, loads and stores, selects.
 * Threads: those of the function.
 *
 * Instructions of 32 bits clear the upper half of their register, which is rule 3 of ir.h.
 */
#include "x64_impl.h"

static x64_code wide(const x64_row *row)
{
    return row->flags & WIDE ? X64_W : 0;
}

/* op reg, imm with the shorter of two forms. */
static void alu_imm(x64_emitter *e, x64_code w, unsigned digit, unsigned reg, int64_t imm)
{
    bool small = imm == (int8_t)imm;
    x64_rr(&e->a, (small ? X64(00, 0, 83) : X64(00, 0, 81)) | w, digit, reg);
    if (small)
        x64_imm8(&e->a, imm);
    else
        x64_imm32(&e->a, imm);
}

static void emit_add(x64_emitter *e, const x64_row *row)
{
    const x64_shape *s = &e->s;
    unsigned out = x64_out(e);
    x64_code lea = X64(00, 0, 8D) | wide(row);

    if (s->a.kind == X64_NO) { /* a sum with a shift */
        x64_mem m = x64_memory(e);
        x64_rm(&e->a, lea, out, m);
        return;
    }
    unsigned a = x64_reg(e, s->a);
    if (s->b.kind == X64_MEM || x64_in_slot(e, s->b)) {
        if (out != a) /* of a slot: b is in no register */
            x64_rr(&e->a, X64(00, 0, 8B) | wide(row), out, a);
        x64_op(e, row->code, out, s->b);
    } else if (s->b.kind == X64_IMM) {
        if (a == out)
            alu_imm(e, wide(row), 0, out, s->b.imm);
        else
            x64_rm(&e->a, lea, out, (x64_mem){(uint8_t)a, X64_NONE, 0, (int32_t)s->b.imm});
    } else {
        unsigned b = x64_reg(e, s->b);
        if (a == out || b == out)
            x64_rr(&e->a, row->code, out, a == out ? b : a);
        else
            x64_rm(&e->a, lea, out, (x64_mem){(uint8_t)a, (uint8_t)b, 0, 0});
    }
}

static void emit_mul(x64_emitter *e, const x64_row *row)
{
    if (e->s.b.kind != X64_IMM) {
        x64_op(e, row->code, x64_out(e), e->s.b);
        return;
    }
    int64_t imm = e->s.b.imm;
    bool small = imm == (int8_t)imm;
    x64_rr(&e->a, (small ? X64(00, 0, 6B) : X64(00, 0, 69)) | wide(row), x64_out(e),
           x64_reg(e, e->s.a));
    if (small)
        x64_imm8(&e->a, imm);
    else
        x64_imm32(&e->a, imm);
}

static void emit_shift(x64_emitter *e, const x64_row *row)
{
    unsigned out = x64_out(e);
    if (e->s.b.kind == X64_IMM) {
        x64_rr(&e->a, X64(00, 0, C1) | wide(row), row->extra, out);
        x64_imm8(&e->a, e->s.b.imm & (row->flags & WIDE ? 63 : 31));
    } else if (row->code & 0xFF && e->features & X64_BMI2) {
        x64_vrr(&e->a, row->code, out, x64_reg(e, e->s.b), x64_reg(e, e->s.a));
    } else {
        x64_rr(&e->a, X64(00, 0, D3) | wide(row), row->extra, out);
    }
}

/* x / -1 and x % -1, which the processor refuses for the smallest x. */
static void emit_minus_one(x64_emitter *e, const x64_cold *c)
{
    x64_code w = c->wide ? X64_W : 0;
    if (c->op_extra & DIVIDE_REMAINDER) {
        x64_load_imm(&e->a, RDX, 0);
    } else {
        x64_rr(&e->a, X64(00, 0, F7) | w, 3, RAX); /* neg */
        x64_jcc(&e->a, CC_O, x64_trap_label(e, WASM_E_INTEGER_OVERFLOW, c->at));
    }
    x64_jump(&e->a, c->back);
}

static void emit_divide(x64_emitter *e, const x64_row *row)
{
    unsigned by = x64_reg(e, e->s.b);
    x64_code w = wide(row);
    const ir_instr *divisor = &e->f->instrs[e->i->arg[1]];
    bool known = x64_class_of(divisor->op) == CLASS_CONST;
    int64_t value = !known                    ? 0
                    : divisor->type == IR_I32 ? (int32_t)divisor->imm
                                              : (int64_t)divisor->imm;
    x64_cold *special = NULL;

    if (!known || value == 0) {
        x64_rr(&e->a, X64(00, 0, 85) | w, by, by);
        x64_jcc(&e->a, CC_E, x64_trap_label(e, WASM_E_DIVIDE_BY_ZERO, e->i->at));
    }
    if (row->extra & DIVIDE_SIGNED) {
        if (!known || value == -1) {
            special = x64_cold_new(e, emit_minus_one);
            special->op_extra = row->extra;
            special->wide = w;
            special->back = x64_label(&e->a);
            alu_imm(e, w, 7, by, -1);
            x64_jcc(&e->a, CC_E, special->label);
        }
        if (w)
            x64_byte(&e->a, 0x48);
        x64_byte(&e->a, 0x99); /* cdq, cqo */
        x64_rr(&e->a, X64(00, 0, F7) | w, 7, by);
    } else {
        x64_load_imm(&e->a, RDX, 0);
        x64_rr(&e->a, X64(00, 0, F7) | w, 6, by);
    }
    if (special)
        x64_bind(&e->a, special->back);
}

static void emit_set(x64_emitter *e)
{
    unsigned out = x64_out(e);
    x64_flags(e);
    x64_rr(&e->a, (X64(00, 0F, 90) | X64_BYTE_RM) + e->s.cond.cc, 0, out);
    x64_rr(&e->a, X64(00, 0F, B6) | X64_BYTE_RM, out, out);
}

/* lzcnt and tzcnt, or what older processors have. */
static void emit_count_zeros(x64_emitter *e, const x64_row *row)
{
    bool leading = row->cls == CLASS_CLZ;
    unsigned out = x64_out(e), a = x64_reg(e, e->s.a);
    uint32_t bits = row->flags & WIDE ? 64 : 32;

    if (e->features & (leading ? X64_LZCNT : X64_BMI1)) {
        x64_rr(&e->a, row->code, out, a);
        return;
    }
    /* bsr and bsf leave ZF for 0; bits * 2 - 1, xor bits - 1, is bits. */
    x64_code plain = (leading ? X64(00, 0F, BD) : X64(00, 0F, BC)) | wide(row);
    x64_rr(&e->a, plain, X64_SCRATCH, a);
    x64_load_imm(&e->a, out, leading ? bits * 2 - 1 : bits);      /* mov, which keeps the flags */
    x64_rr(&e->a, X64(00, 0F, 45) | wide(row), out, X64_SCRATCH); /* cmovne */
    if (leading)
        alu_imm(e, wide(row), 6, out, bits - 1);
}

static void emit_store(x64_emitter *e, const x64_row *row)
{
    const x64_operand *v = &e->s.b;
    if (v->kind != X64_IMM) {
        x64_rm(&e->a, row->code, x64_reg(e, *v), x64_memory(e));
        return;
    }
    x64_code code = row->extra == 1   ? X64(00, 0, C6)
                    : row->extra == 2 ? X64(66, 0, C7)
                                      : X64(00, 0, C7) | (row->extra == 8 ? X64_W : 0);
    x64_rm(&e->a, code, 0, x64_memory(e));
    x64_imm8(&e->a, v->imm);
    if (row->extra > 1)
        x64_imm8(&e->a, v->imm >> 8);
    if (row->extra > 2) {
        x64_imm8(&e->a, v->imm >> 16);
        x64_imm8(&e->a, v->imm >> 24);
    }
}

/* The result is b already. */
static void emit_select(x64_emitter *e)
{
    unsigned out = x64_out(e);
    x64_flags(e);
    if (!x64_is_vector(e->i->type)) {
        x64_code w = e->i->type == IR_I64 ? X64_W : 0;
        x64_op(e, (X64(00, 0F, 40) | w) + e->s.cond.cc, out, e->s.a);
        return;
    }
    unsigned a = x64_reg(e, e->s.a);
    uint32_t over = x64_label(&e->a);
    x64_jump_if(e, false, over);
    x64_rr(&e->a, X64(00, 0F, 28), out, a);
    x64_bind(&e->a, over);
}

void x64_emit_integer(x64_emitter *e, const x64_row *row)
{
    switch (row->cls) {
    case CLASS_ADD: emit_add(e, row); break;
    case CLASS_ALU:
        if (e->s.b.kind == X64_IMM && e->s.b.imm == -1 && row->extra == 6)
            x64_rr(&e->a, X64(00, 0, F7) | wide(row), 2, x64_out(e)); /* xor -1: not */
        else if (e->s.b.kind == X64_IMM)
            alu_imm(e, wide(row), row->extra, x64_out(e), e->s.b.imm);
        else
            x64_op(e, row->code, x64_out(e), e->s.b);
        break;
    case CLASS_MUL: emit_mul(e, row); break;
    case CLASS_SHIFT: emit_shift(e, row); break;
    case CLASS_DIVIDE: emit_divide(e, row); break;
    case CLASS_EQZ:
    case CLASS_COMPARE: emit_set(e); break;
    case CLASS_CLZ:
    case CLASS_CTZ: emit_count_zeros(e, row); break;
    case CLASS_UNARY: x64_op(e, row->code, x64_out(e), e->s.a); break;
    case CLASS_SAME: break;
    case CLASS_LOAD: x64_rm(&e->a, row->code, x64_out(e), x64_memory(e)); break;
    case CLASS_STORE: emit_store(e, row); break;
    case CLASS_SELECT: emit_select(e); break;
    default: break;
    }
}
