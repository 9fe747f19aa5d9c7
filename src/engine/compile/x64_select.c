/* SPDX-License-Identifier: Apache-2.0
 * x64_select.c — the table of simple instructions, and what is folded into their users.
 *
 * How:     x64_select() marks with IR_FOLDED what its only user does by itself: comparisons in
 *          branches, traps and selects; loads that are an operand; shifts and additions in
 *          addresses and lea. Then constants that all users take as immediates. x64_shape_of()
 *          reads those marks. A load moves down to its user only past what neither writes nor
 *          traps, so that the order of effects stays.
 *
 * Memory:  the function's arena.
 * Threads: those of the function.
 */
#include <string.h>

#include "x64_impl.h"

#define BOTH(id, cls, code, extra, flags)                                                          \
    [OP_I32_##id] = {cls, extra, flags, code},                                                     \
    [OP_I64_##id] = {cls, extra, (flags) | WIDE, (code) | X64_W}
#define REAL(id, cls, opcode, extra, flags)                                                        \
    [OP_F32_##id] = {cls, extra, flags, X64(F3, 0F, opcode)},                                      \
    [OP_F64_##id] = {cls, extra, (flags) | WIDE, X64(F2, 0F, opcode)}
#define ONE(id, cls, code, extra, flags) [OP_##id] = {cls, extra, flags, code}

/* clang-format off */
const x64_row x64_rows[OP_COUNT] = {
    ONE(I32_CONST, CLASS_CONST, 0, 0, 0),
    ONE(I64_CONST, CLASS_CONST, 0, 0, WIDE),
    ONE(F32_CONST, CLASS_CONST, 0, 0, 0),
    ONE(F64_CONST, CLASS_CONST, 0, 0, WIDE),
    ONE(SELECT, CLASS_SELECT, 0, 0, 0),
    ONE(SELECT_T, CLASS_SELECT, 0, 0, 0),

    /* opcode op reg, rm; extra is the digit of op rm, imm */
    BOTH(ADD, CLASS_ADD, X64(00, 0, 03), 0, COMMUTES),
    BOTH(OR, CLASS_ALU, X64(00, 0, 0B), 1, COMMUTES),
    BOTH(AND, CLASS_ALU, X64(00, 0, 23), 4, COMMUTES),
    BOTH(SUB, CLASS_ALU, X64(00, 0, 2B), 5, 0),
    BOTH(XOR, CLASS_ALU, X64(00, 0, 33), 6, COMMUTES),
    BOTH(MUL, CLASS_MUL, X64(00, 0F, AF), 0, COMMUTES),
    BOTH(ROTL, CLASS_SHIFT, 0, 0, 0),
    BOTH(ROTR, CLASS_SHIFT, 0, 1, 0),
    BOTH(SHL, CLASS_SHIFT, X64(66, 0F38, F7), 4, 0),
    BOTH(SHR_U, CLASS_SHIFT, X64(F2, 0F38, F7), 5, 0),
    BOTH(SHR_S, CLASS_SHIFT, X64(F3, 0F38, F7), 7, 0),
    BOTH(DIV_S, CLASS_DIVIDE, 0, DIVIDE_SIGNED, 0),
    BOTH(DIV_U, CLASS_DIVIDE, 0, 0, 0),
    BOTH(REM_S, CLASS_DIVIDE, 0, DIVIDE_SIGNED | DIVIDE_REMAINDER, 0),
    BOTH(REM_U, CLASS_DIVIDE, 0, DIVIDE_REMAINDER, 0),
    BOTH(EQZ, CLASS_EQZ, 0, CC_E, 0),
    BOTH(EQ, CLASS_COMPARE, X64(00, 0, 3B), CC_E, 0),
    BOTH(NE, CLASS_COMPARE, X64(00, 0, 3B), CC_NE, 0),
    BOTH(LT_S, CLASS_COMPARE, X64(00, 0, 3B), CC_L, 0),
    BOTH(LT_U, CLASS_COMPARE, X64(00, 0, 3B), CC_B, 0),
    BOTH(GT_S, CLASS_COMPARE, X64(00, 0, 3B), CC_G, 0),
    BOTH(GT_U, CLASS_COMPARE, X64(00, 0, 3B), CC_A, 0),
    BOTH(LE_S, CLASS_COMPARE, X64(00, 0, 3B), CC_LE, 0),
    BOTH(LE_U, CLASS_COMPARE, X64(00, 0, 3B), CC_BE, 0),
    BOTH(GE_S, CLASS_COMPARE, X64(00, 0, 3B), CC_GE, 0),
    BOTH(GE_U, CLASS_COMPARE, X64(00, 0, 3B), CC_AE, 0),
    BOTH(CLZ, CLASS_CLZ, X64(F3, 0F, BD), 0, 0),
    BOTH(CTZ, CLASS_CTZ, X64(F3, 0F, BC), 0, 0),
    BOTH(POPCNT, CLASS_UNARY, X64(F3, 0F, B8), 0, 0),
    BOTH(EXTEND8_S, CLASS_UNARY, X64(00, 0F, BE) | X64_BYTE_RM, 0, 0),
    BOTH(EXTEND16_S, CLASS_UNARY, X64(00, 0F, BF), 0, 0),
    ONE(I64_EXTEND32_S, CLASS_UNARY, X64(00, 0, 63) | X64_W, 0, WIDE),
    ONE(I64_EXTEND_I32_S, CLASS_UNARY, X64(00, 0, 63) | X64_W, 0, WIDE),
    ONE(I64_EXTEND_I32_U, CLASS_SAME, 0, 0, WIDE), /* rule 3 of ir.h */
    ONE(I32_WRAP_I64, CLASS_UNARY, X64(00, 0, 8B), 0, 0),

    BOTH(LOAD, CLASS_LOAD, X64(00, 0, 8B), 0, 0),
    ONE(F32_LOAD, CLASS_LOAD, X64(F3, 0F, 10), 0, 0),
    ONE(F64_LOAD, CLASS_LOAD, X64(F2, 0F, 10), 0, 0),
    BOTH(LOAD8_S, CLASS_LOAD, X64(00, 0F, BE), 0, 0),
    BOTH(LOAD16_S, CLASS_LOAD, X64(00, 0F, BF), 0, 0),
    ONE(I32_LOAD8_U, CLASS_LOAD, X64(00, 0F, B6), 0, 0),
    ONE(I64_LOAD8_U, CLASS_LOAD, X64(00, 0F, B6), 0, 0),
    ONE(I32_LOAD16_U, CLASS_LOAD, X64(00, 0F, B7), 0, 0),
    ONE(I64_LOAD16_U, CLASS_LOAD, X64(00, 0F, B7), 0, 0),
    ONE(I64_LOAD32_S, CLASS_LOAD, X64(00, 0, 63) | X64_W, 0, 0),
    ONE(I64_LOAD32_U, CLASS_LOAD, X64(00, 0, 8B), 0, 0),
    /* extra: the bytes of an immediate; 0: there is no such form */
    ONE(I32_STORE, CLASS_STORE, X64(00, 0, 89), 4, 0),
    ONE(I64_STORE, CLASS_STORE, X64(00, 0, 89) | X64_W, 8, 0),
    ONE(F32_STORE, CLASS_STORE, X64(F3, 0F, 11), 0, 0),
    ONE(F64_STORE, CLASS_STORE, X64(F2, 0F, 11), 0, 0),
    ONE(I32_STORE8, CLASS_STORE, X64(00, 0, 88) | X64_BYTE, 1, 0),
    ONE(I64_STORE8, CLASS_STORE, X64(00, 0, 88) | X64_BYTE, 1, 0),
    ONE(I32_STORE16, CLASS_STORE, X64(66, 0, 89), 2, 0),
    ONE(I64_STORE16, CLASS_STORE, X64(66, 0, 89), 2, 0),
    ONE(I64_STORE32, CLASS_STORE, X64(00, 0, 89), 4, 0),

    REAL(ADD, CLASS_FBINARY, 58, 0, COMMUTES),
    REAL(SUB, CLASS_FBINARY, 5C, 0, 0),
    REAL(MUL, CLASS_FBINARY, 59, 0, COMMUTES),
    REAL(DIV, CLASS_FBINARY, 5E, 0, 0),
    REAL(MIN, CLASS_FMINMAX, 5D, 0x56, 0), /* extra: orps, for zeros of both signs */
    REAL(MAX, CLASS_FMINMAX, 5F, 0x54, 0), /* andps */
    REAL(SQRT, CLASS_FUNARY, 51, 0, 0),
    REAL(ABS, CLASS_FSIGN, 54, 0, 0),
    REAL(NEG, CLASS_FSIGN, 57, 1, 0),
    REAL(COPYSIGN, CLASS_COPYSIGN, 54, 0, 0),
    ONE(F32_CEIL, CLASS_FROUND, X64(66, 0F3A, 0A), 10, 0), /* extra: 8 inexact is silent, … */
    ONE(F64_CEIL, CLASS_FROUND, X64(66, 0F3A, 0B), 10, 0),
    ONE(F32_FLOOR, CLASS_FROUND, X64(66, 0F3A, 0A), 9, 0),
    ONE(F64_FLOOR, CLASS_FROUND, X64(66, 0F3A, 0B), 9, 0),
    ONE(F32_TRUNC, CLASS_FROUND, X64(66, 0F3A, 0A), 11, 0),
    ONE(F64_TRUNC, CLASS_FROUND, X64(66, 0F3A, 0B), 11, 0),
    ONE(F32_NEAREST, CLASS_FROUND, X64(66, 0F3A, 0A), 8, 0), /* … 0 to even */
    ONE(F64_NEAREST, CLASS_FROUND, X64(66, 0F3A, 0B), 8, 0),
    ONE(F32_DEMOTE_F64, CLASS_FUNARY, X64(F2, 0F, 5A), 0, WIDE),
    ONE(F64_PROMOTE_F32, CLASS_FUNARY, X64(F3, 0F, 5A), 0, 0),
    REAL(EQ, CLASS_FCOMPARE, 2E, CC_E, 0),
    REAL(NE, CLASS_FCOMPARE, 2E, CC_NE, 0),
    REAL(LT, CLASS_FCOMPARE, 2E, CC_B, 0), /* swapped: below would be true of NaNs */
    REAL(LE, CLASS_FCOMPARE, 2E, CC_BE, 0),
    REAL(GT, CLASS_FCOMPARE, 2E, CC_A, 0),
    REAL(GE, CLASS_FCOMPARE, 2E, CC_AE, 0),

    /* extra: 1: reg is the general one */
    ONE(I32_REINTERPRET_F32, CLASS_CROSS, X64(66, 0F, 7E), 1, 0),
    ONE(I64_REINTERPRET_F64, CLASS_CROSS, X64(66, 0F, 7E) | X64_W, 1, 0),
    ONE(F32_REINTERPRET_I32, CLASS_CROSS, X64(66, 0F, 6E), 0, 0),
    ONE(F64_REINTERPRET_I64, CLASS_CROSS, X64(66, 0F, 6E) | X64_W, 0, 0),
    /* extra: 2: a conversion, which leaves the rest of the register: broken before */
    ONE(F32_CONVERT_I32_S, CLASS_CROSS, X64(F3, 0F, 2A), 2, 0),
    ONE(F32_CONVERT_I32_U, CLASS_CROSS, X64(F3, 0F, 2A) | X64_W, 2, 0),
    ONE(F32_CONVERT_I64_S, CLASS_CROSS, X64(F3, 0F, 2A) | X64_W, 2, 0),
    ONE(F64_CONVERT_I32_S, CLASS_CROSS, X64(F2, 0F, 2A), 2, 0),
    ONE(F64_CONVERT_I32_U, CLASS_CROSS, X64(F2, 0F, 2A) | X64_W, 2, 0),
    ONE(F64_CONVERT_I64_S, CLASS_CROSS, X64(F2, 0F, 2A) | X64_W, 2, 0),
    ONE(F32_CONVERT_I64_U, CLASS_CONVERT_U64, X64(F3, 0F, 2A) | X64_W, 0, 0),
    ONE(F64_CONVERT_I64_U, CLASS_CONVERT_U64, X64(F2, 0F, 2A) | X64_W, 0, WIDE),

#define TRUNC(to, unsigned_, suffix, extra)                                                        \
    ONE(to##_TRUNC_F32_##suffix, CLASS_TRUNC, X64(F3, 0F, 2C) | X64_W, extra, 0),                  \
    ONE(to##_TRUNC_F64_##suffix, CLASS_TRUNC, X64(F2, 0F, 2C) | X64_W, extra, WIDE),               \
    ONE(to##_TRUNC_SAT_F32_##suffix, CLASS_TRUNC, X64(F3, 0F, 2C) | X64_W,                         \
        (extra) | TRUNC_SATURATES, 0),                                                             \
    ONE(to##_TRUNC_SAT_F64_##suffix, CLASS_TRUNC, X64(F2, 0F, 2C) | X64_W,                         \
        (extra) | TRUNC_SATURATES, WIDE)
    TRUNC(I32, 0, S, 0),
    TRUNC(I32, 1, U, TRUNC_UNSIGNED),
    TRUNC(I64, 0, S, TRUNC_64),
    TRUNC(I64, 1, U, TRUNC_64 | TRUNC_UNSIGNED),

    /* Vectors. */
#include "x64_vector.def"
};
/* clang-format on */

/* ---- shapes -----------------------------------------------------------------------------------
 */

bool x64_imm_of(const ir_func *f, ir_ref ref, int64_t *imm)
{
    const ir_instr *i = &f->instrs[ref];
    if (i->op == OP_I32_CONST)
        *imm = (int32_t)i->imm;
    else if (i->op == OP_I64_CONST && x64_fits32((int64_t)i->imm))
        *imm = (int64_t)i->imm;
    else
        return false;
    return true;
}

static x64_operand take(x64_shape *s, ir_ref ref)
{
    x64_operand o = {X64_IN, (uint8_t)s->in_count, 0};
    s->in[s->in_count++] = ref;
    return o;
}

static void absorb(x64_shape *s, ir_ref ref)
{
    if (s->absorbed)
        s->absorbed[ref]++;
}

static x64_operand take_imm(x64_shape *s, ir_ref ref)
{
    int64_t imm;
    if (!x64_imm_of(s->f, ref, &imm))
        return take(s, ref);
    absorb(s, ref);
    return (x64_operand){X64_IMM, 0, (int32_t)imm};
}

static x64_operand take_base(x64_shape *s, ir_ref ref)
{
    unsigned op = s->f->instrs[ref].op;
    if (op != IR_INSTANCE && op != IR_MEMORY_BASE)
        return take(s, ref);
    absorb(s, ref);
    return (x64_operand){X64_PINNED, op == IR_INSTANCE ? X64_INSTANCE : X64_BASE, 0};
}

static bool is_folded(const ir_func *f, ir_ref ref)
{
    return f->instrs[ref].flags & IR_FOLDED;
}

/* index or base of an address, with a folded shift in it. */
static void take_scaled(x64_shape *s, ir_ref ref)
{
    const ir_instr *i = &s->f->instrs[ref];
    int64_t by;
    if (is_folded(s->f, ref) && (i->op == OP_I64_SHL || i->op == OP_I32_SHL) &&
        x64_imm_of(s->f, i->arg[1], &by)) {
        absorb(s, i->arg[1]);
        s->mem.index = take(s, i->arg[0]);
        s->mem.scale = (uint8_t)by;
        return;
    }
    s->mem.index = take(s, ref);
}

/* A sum as an address: of lea, or of what the engine keeps. */
static void take_sum(x64_shape *s, ir_ref ref, uint64_t offset)
{
    const ir_instr *i = &s->f->instrs[ref];
    int64_t more;
    s->mem.offset = offset;
    if (x64_class_of(i->op) != CLASS_ADD) {
        s->mem.base = take_base(s, ref);
    } else if (x64_imm_of(s->f, i->arg[1], &more)) {
        absorb(s, i->arg[1]);
        s->mem.offset += (uint64_t)more;
        s->mem.base = take_base(s, i->arg[0]);
    } else {
        s->mem.base = take_base(s, i->arg[0]);
        take_scaled(s, i->arg[1]);
    }
}

static void take_access(x64_shape *s, ir_ref ref)
{
    const ir_instr *i = &s->f->instrs[ref];
    if (i->op == IR_PEEK || i->op == IR_POKE) {
        if (is_folded(s->f, i->arg[0]) && x64_class_of(s->f->instrs[i->arg[0]].op) == CLASS_ADD) {
            take_sum(s, i->arg[0], i->imm);
        } else {
            s->mem.base = take_base(s, i->arg[0]);
            s->mem.offset = i->imm;
        }
        return;
    }
    ir_ref base = i->arg[i->arg[2] ? 2 : 1]; /* the last of the operands */
    const ir_instr *address = &s->f->instrs[i->arg[0]];
    s->mem.base = take_base(s, base);
    s->mem.offset = i->imm;
    if (address->op == OP_I32_CONST && (uint32_t)address->imm + i->imm <= INT32_MAX) {
        absorb(s, i->arg[0]);
        s->mem.offset += (uint32_t)address->imm;
    } else {
        s->mem.index = take(s, i->arg[0]);
    }
    if (i->flags & IR_GUARDED)
        s->mem.site = ref;
}

static bool is_load(const ir_instr *i)
{
    return i->op == IR_PEEK || x64_class_of(i->op) == CLASS_LOAD;
}

static x64_operand take_rm(x64_shape *s, ir_ref ref)
{
    if (!is_folded(s->f, ref) || !is_load(&s->f->instrs[ref]))
        return take(s, ref);
    take_access(s, ref);
    return (x64_operand){X64_MEM, 0, 0};
}

static x64_operand take_rmi(x64_shape *s, ir_ref ref)
{
    int64_t imm;
    return x64_imm_of(s->f, ref, &imm) ? take_imm(s, ref) : take_rm(s, ref);
}

static void take_test(x64_shape *s, ir_ref ref, uint8_t cc)
{
    const ir_instr *i = &s->f->instrs[ref];
    s->cond.test = true;
    s->cond.cc = cc;
    s->cond.code = X64(00, 0, 85) | (i->type == IR_I64 ? X64_W : 0);
    if (is_folded(s->f, ref) && (i->op == OP_I32_AND || i->op == OP_I64_AND)) {
        s->cond.a = take(s, i->arg[0]);
        s->cond.b = take_imm(s, i->arg[1]);
    } else {
        s->cond.a = s->cond.b = take(s, ref);
    }
}

static void take_compare(x64_shape *s, ir_ref ref)
{
    const ir_instr *i = &s->f->instrs[ref];
    const x64_row *row = &x64_rows[i->op];
    x64_cond *c = &s->cond;
    c->cc = row->extra;
    if (row->cls == CLASS_EQZ) {
        take_test(s, i->arg[0], row->extra);
        return;
    }
    if (row->cls == CLASS_COMPARE) {
        c->code = row->code;
        c->a = take(s, i->arg[0]);
        c->b = take_rmi(s, i->arg[1]);
        return;
    }
    bool swap = c->cc == CC_B || c->cc == CC_BE;
    c->real = true;
    c->code = (row->flags & WIDE ? X64(66, 0F, 2E) : X64(00, 0F, 2E));
    c->a = take(s, i->arg[swap]);
    c->b = swap ? take(s, i->arg[0]) : take_rm(s, i->arg[1]);
    c->cc = c->cc == CC_B ? CC_A : c->cc == CC_BE ? CC_AE : c->cc;
    c->parity = c->cc == CC_E ? 1 : c->cc == CC_NE ? 2 : 0;
}

static bool is_compare(unsigned op)
{
    x64_class c = x64_class_of(op);
    return c == CLASS_EQZ || c == CLASS_COMPARE || c == CLASS_FCOMPARE;
}

static void take_cond(x64_shape *s, ir_ref ref)
{
    if (is_folded(s->f, ref) && is_compare(s->f->instrs[ref].op))
        take_compare(s, ref);
    else
        take_test(s, ref, CC_NE);
}

/* a op b, where b may be memory or an immediate. */
static void take_two(x64_shape *s, const ir_instr *i, const x64_row *row, bool real)
{
    ir_ref a = i->arg[0], b = i->arg[1];
    int64_t imm;
    if (row->flags & COMMUTES &&
        (x64_imm_of(s->f, a, &imm) || (is_folded(s->f, a) && is_load(&s->f->instrs[a])))) {
        a = i->arg[1];
        b = i->arg[0];
    }
    s->a = take(s, a);
    s->b = real ? take_rm(s, b) : take_rmi(s, b);
}

static void take_vectors(x64_shape *s, ir_ref ref, const x64_row *row)
{
    const ir_instr *i = &s->f->instrs[ref];
    bool swaps = row->flags & SWAPS;
    switch (row->cls) {
    case CLASS_VLOAD_SPLAT: take_access(s, ref); return;
    case CLASS_VLOAD_LANE:
        take_access(s, ref);
        s->a = take(s, i->arg[1]);
        return;
    case CLASS_VSTORE_LANE:
        take_access(s, ref);
        s->b = take(s, i->arg[1]);
        return;
    case CLASS_VSHIFT:
    case CLASS_VSHIFT_BYTES:
    case CLASS_VSHIFT_SIGNED_64:
        s->a = take(s, i->arg[0]);
        s->b = take_imm(s, i->arg[1]);
        return;
    default:
        s->a = take(s, i->arg[swaps]);
        if (i->arg[1])
            s->b = take(s, i->arg[!swaps]);
        if (i->arg[2])
            s->c = take(s, i->arg[2]);
        return;
    }
}

static bool is_address_add(const ir_func *f, const ir_instr *i)
{
    const ir_instr *b = &f->instrs[i->arg[1]];
    return b->flags & IR_FOLDED && (b->op == OP_I32_SHL || b->op == OP_I64_SHL);
}

void x64_shape_of(const ir_func *f, ir_ref ref, uint32_t *absorbed, x64_shape *s)
{
    const ir_instr *i = &f->instrs[ref];
    const x64_row *row = i->op < OP_COUNT ? &x64_rows[i->op] : NULL;

    /* Piece by piece: the whole at once is a string instruction, which takes its time to begin. */
    s->f = f;
    s->absorbed = absorbed;
    s->in_count = 0;
    s->a = s->b = s->c = (x64_operand){0};
    s->mem = (x64_address){0};
    s->cond = (x64_cond){0};
    switch (i->op) {
    case IR_PEEK: take_access(s, ref); return;
    case IR_POKE:
        take_access(s, ref);
        s->b =
            x64_is_vector(f->instrs[i->arg[1]].type) ? take(s, i->arg[1]) : take_imm(s, i->arg[1]);
        return;
    case IR_MUL_HIGH_S:
    case IR_MUL_HIGH_U:
        s->a = take(s, i->arg[0]);
        s->b = take(s, i->arg[1]);
        return;
    case IR_BOUNDS:
        s->a = take(s, i->arg[0]);
        s->b = take_rm(s, i->arg[1]);
        return;
    case IR_POLL:
    case IR_BR_TABLE: s->a = take(s, i->arg[0]); return;
    case IR_BR_IF:
    case IR_TRAP_IF: take_cond(s, i->arg[0]); return;
    default: break;
    }
    switch (row ? row->cls : CLASS_NONE) {
    case CLASS_ADD:
        if (is_address_add(f, i)) {
            take_sum(s, ref, 0);
            return;
        }
        take_two(s, i, row, false);
        return;
    case CLASS_ALU:
    case CLASS_MUL: take_two(s, i, row, false); return;
    case CLASS_FBINARY: take_two(s, i, row, true); return;
    case CLASS_SHIFT:
        s->a = take(s, i->arg[0]);
        s->b = take_imm(s, i->arg[1]);
        return;
    case CLASS_DIVIDE:
    case CLASS_FMINMAX:
    case CLASS_COPYSIGN:
        s->a = take(s, i->arg[0]);
        s->b = take(s, i->arg[1]);
        return;
    case CLASS_EQZ:
    case CLASS_COMPARE:
    case CLASS_FCOMPARE: take_compare(s, ref); return;
    case CLASS_LOAD: take_access(s, ref); return;
    case CLASS_STORE:
        take_access(s, ref);
        s->b = row->extra ? take_imm(s, i->arg[1]) : take(s, i->arg[1]);
        return;
    case CLASS_SELECT:
        s->a = take(s, i->arg[0]);
        s->b = take(s, i->arg[1]);
        take_cond(s, i->arg[2]);
        return;
    case CLASS_CLZ:
    case CLASS_CTZ:
    case CLASS_UNARY:
    case CLASS_SAME:
    case CLASS_FUNARY:
    case CLASS_FROUND:
    case CLASS_FSIGN:
    case CLASS_CROSS:
    case CLASS_CONVERT_U64:
    case CLASS_TRUNC: s->a = take(s, i->arg[0]); return;
    default:
        if (row && row->cls >= CLASS_VBINARY)
            take_vectors(s, ref, row);
        return;
    }
}

/* ---- folding ----------------------------------------------------------------------------------
 */

/* Whether the load may be done at `where` instead: a few steps back, not past effects. */
static bool can_sink(const ir_func *f, ir_ref load, ir_ref where)
{
    enum { STEPS = 16 };
    unsigned barrier = IR_WRITES | IR_CALLS | (f->instrs[load].op == IR_PEEK ? 0 : IR_TRAPS);
    ir_ref at = f->instrs[where].previous;
    for (unsigned n = 0; at && n < STEPS; n++, at = f->instrs[at].previous) {
        if (at == load)
            return true;
        if (ir_effects(f->instrs[at].op) & barrier)
            return false;
    }
    return false;
}

static bool folds_alone(const ir_func *f, ir_ref ref, uint32_t block)
{
    return f->instrs[ref].uses == 1 && f->instrs[ref].block == block && !is_folded(f, ref);
}

/* The load `ref` as the operand of an instruction for `type`, which is emitted at `where`. */
static bool fold_load(ir_func *f, ir_ref ref, ir_type type, ir_ref where)
{
    ir_instr *i = &f->instrs[ref];
    bool fits = i->op == OP_I32_LOAD || i->op == OP_I64_LOAD || i->op == OP_F32_LOAD ||
                i->op == OP_F64_LOAD ||
                (i->op == IR_PEEK && (i->extra & 0xFF) == (type == IR_I64 ? 8 : 4));
    if (!fits || i->type != type || !folds_alone(f, ref, f->instrs[where].block) ||
        !can_sink(f, ref, where))
        return false;
    i->flags |= IR_FOLDED;
    return true;
}

/* b of a compare, or its and. */
static void fold_in_compare(ir_func *f, ir_ref ref, ir_ref where)
{
    const ir_instr *i = &f->instrs[ref];
    const x64_row *row = &x64_rows[i->op];
    if (row->cls == CLASS_EQZ) {
        ir_instr *and = &f->instrs[i->arg[0]];
        if ((and->op == OP_I32_AND || and->op == OP_I64_AND) &&
            folds_alone(f, i->arg[0], f->instrs[where].block))
            and->flags |= IR_FOLDED;
    } else if (row->cls == CLASS_COMPARE) {
        fold_load(f, i->arg[1], row->flags & WIDE ? IR_I64 : IR_I32, where);
    } else if (row->extra != CC_B && row->extra != CC_BE) {
        fold_load(f, i->arg[1], row->flags & WIDE ? IR_F64 : IR_F32, where);
    }
}

static void fold_cond(ir_func *f, ir_ref cond, ir_ref where, bool select)
{
    ir_instr *i = &f->instrs[cond];
    if (!folds_alone(f, cond, f->instrs[where].block))
        return;
    if (is_compare(i->op)) {
        const x64_row *row = &x64_rows[i->op];
        /* Two conditions at once, which cmov has not. */
        if (select && row->cls == CLASS_FCOMPARE && (row->extra == CC_E || row->extra == CC_NE))
            return;
        i->flags |= IR_FOLDED;
        fold_in_compare(f, cond, where);
    } else if (i->op == OP_I32_AND) {
        i->flags |= IR_FOLDED;
    }
}

static void fold_scaled(ir_func *f, ir_ref shift, unsigned op, uint32_t block)
{
    int64_t by;
    ir_instr *i = &f->instrs[shift];
    if (i->op == op && folds_alone(f, shift, block) && x64_imm_of(f, i->arg[1], &by) && by >= 0 &&
        by <= 3)
        i->flags |= IR_FOLDED;
}

static void fold(ir_func *f, ir_ref ref)
{
    ir_instr *i = &f->instrs[ref];
    if (i->op == IR_BR_IF || i->op == IR_TRAP_IF) {
        fold_cond(f, i->arg[0], ref, false);
        return;
    }
    if (i->op == IR_BOUNDS) {
        fold_load(f, i->arg[1], IR_I64, ref);
        return;
    }
    if (i->op == IR_PEEK || i->op == IR_POKE) {
        ir_instr *sum = &f->instrs[i->arg[0]];
        if (sum->op == OP_I64_ADD && folds_alone(f, i->arg[0], i->block)) {
            sum->flags |= IR_FOLDED;
            fold_scaled(f, sum->arg[1], OP_I64_SHL, i->block);
        }
        return;
    }
    x64_class cls = x64_class_of(i->op);
    const x64_row *row = i->op < OP_COUNT ? &x64_rows[i->op] : NULL;
    switch (cls) {
    case CLASS_SELECT: fold_cond(f, i->arg[2], ref, true); break;
    case CLASS_EQZ:
    case CLASS_COMPARE:
    case CLASS_FCOMPARE: fold_in_compare(f, ref, ref); break;
    case CLASS_ADD:
        fold_scaled(f, i->arg[1], i->op == OP_I32_ADD ? OP_I32_SHL : OP_I64_SHL, i->block);
        if (is_folded(f, i->arg[1]))
            break;
        /* fallthrough */
    case CLASS_ALU:
    case CLASS_MUL:
    case CLASS_FBINARY: {
        int64_t imm;
        if (!x64_imm_of(f, i->arg[0], &imm) && !x64_imm_of(f, i->arg[1], &imm) &&
            !fold_load(f, i->arg[1], (ir_type)i->type, ref) && row->flags & COMMUTES)
            fold_load(f, i->arg[0], (ir_type)i->type, ref);
        break;
    }
    default: break;
    }
}

static bool is_pinned_or_constant(unsigned op)
{
    return op == OP_I32_CONST || op == OP_I64_CONST || op == IR_INSTANCE || op == IR_MEMORY_BASE;
}

wasm_status x64_select(ir_func *f)
{
    uint32_t *absorbed = ARENA_ARRAY(f->arena, uint32_t, f->instr_count);
    x64_shape s;
    if (!absorbed)
        return WASM_E_QUOTA;
    /* Users before what they use, so that a chain is folded from its end: what is not folded when
     * it is met stays, and so does its shape. */
    for (uint32_t o = f->order_count; o-- > 0;)
        for (ir_ref i = f->blocks[f->order[o]].last; i; i = f->instrs[i].previous) {
            if (is_folded(f, i) || is_pinned_or_constant(f->instrs[i].op))
                continue;
            fold(f, i);
            x64_shape_of(f, i, absorbed, &s);
        }
    for (ir_ref i = 1; i < f->instr_count; i++)
        if (is_pinned_or_constant(f->instrs[i].op) && absorbed[i] == f->instrs[i].uses)
            f->instrs[i].flags |= IR_FOLDED;
    return WASM_OK;
}
