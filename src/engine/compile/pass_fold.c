/* SPDX-License-Identifier: Apache-2.0
 * pass_fold.c — constants and algebra: what is known now is not computed later.
 *
 * How:     One walk in the code's order, so that operands have been looked at before their users.
 *          Floating point is left alone: what it gives is the machine's business.
 * Memory:  none of its own.
 * Threads: those of the function.
 */
#include "pass.h"

static bool known(const ir_func *f, ir_ref r, uint64_t *value)
{
    if (f->instrs[r].op != OP_I32_CONST && f->instrs[r].op != OP_I64_CONST)
        return false;
    *value = f->instrs[r].imm;
    return true;
}

static void become(ir_func *f, ir_ref r, uint64_t value)
{
    ir_instr *i = &f->instrs[r];

    i->op = i->type == IR_I32 ? OP_I32_CONST : OP_I64_CONST;
    i->imm = i->type == IR_I32 ? (uint32_t)value : value;
    i->arg[0] = i->arg[1] = i->arg[2] = 0;
    i->extra = 0;
}

/* Both operands known. */
static bool compute(unsigned op, uint64_t x, uint64_t y, uint64_t *out)
{
    uint32_t a = (uint32_t)x, b = (uint32_t)y;

    switch (op) {
    case OP_I32_ADD: *out = a + b; return true;
    case OP_I32_SUB: *out = a - b; return true;
    case OP_I32_MUL: *out = a * b; return true;
    case OP_I32_AND: *out = a & b; return true;
    case OP_I32_OR: *out = a | b; return true;
    case OP_I32_XOR: *out = a ^ b; return true;
    case OP_I32_SHL: *out = a << (b & 31); return true;
    case OP_I32_SHR_U: *out = a >> (b & 31); return true;
    case OP_I32_EQ: *out = a == b; return true;
    case OP_I32_NE: *out = a != b; return true;
    case OP_I32_LT_U: *out = a < b; return true;
    case OP_I32_GT_U: *out = a > b; return true;
    case OP_I32_LE_U: *out = a <= b; return true;
    case OP_I32_GE_U: *out = a >= b; return true;
    case OP_I32_LT_S: *out = (int32_t)a < (int32_t)b; return true;
    case OP_I32_GT_S: *out = (int32_t)a > (int32_t)b; return true;
    case OP_I32_LE_S: *out = (int32_t)a <= (int32_t)b; return true;
    case OP_I32_GE_S: *out = (int32_t)a >= (int32_t)b; return true;
    case OP_I64_ADD: *out = x + y; return true;
    case OP_I64_SUB: *out = x - y; return true;
    case OP_I64_MUL: *out = x * y; return true;
    case OP_I64_AND: *out = x & y; return true;
    case OP_I64_OR: *out = x | y; return true;
    case OP_I64_XOR: *out = x ^ y; return true;
    case OP_I64_SHL: *out = x << (y & 63); return true;
    case OP_I64_SHR_U: *out = x >> (y & 63); return true;
    case OP_I64_EQ: *out = x == y; return true;
    case OP_I64_NE: *out = x != y; return true;
    case OP_I64_LT_U: *out = x < y; return true;
    case OP_I64_GE_U: *out = x >= y; return true;
    default: return false;
    }
}

static bool compute_one(unsigned op, uint64_t x, uint64_t *out)
{
    switch (op) {
    case OP_I32_EQZ: *out = (uint32_t)x == 0; return true;
    case OP_I64_EQZ: *out = x == 0; return true;
    case OP_I32_WRAP_I64:
    case OP_I64_EXTEND_I32_U: *out = (uint32_t)x; return true;
    case OP_I64_EXTEND_I32_S: *out = (uint64_t)(int64_t)(int32_t)(uint32_t)x; return true;
    default: return false;
    }
}

/* The other one of op's pair; OP_COUNT: it has none. */
static unsigned partner(const uint16_t (*pairs)[2], unsigned count, unsigned op)
{
    for (unsigned i = 0; i < count; i++) {
        if (pairs[i][0] == op)
            return pairs[i][1];
        if (pairs[i][1] == op)
            return pairs[i][0];
    }
    return OP_COUNT;
}

/* The comparison that holds where this one does not; OP_COUNT: none. */
static unsigned inverse(unsigned op)
{
    static const uint16_t pairs[][2] = {
        {OP_I32_EQ, OP_I32_NE},     {OP_I32_LT_S, OP_I32_GE_S}, {OP_I32_LT_U, OP_I32_GE_U},
        {OP_I32_GT_S, OP_I32_LE_S}, {OP_I32_GT_U, OP_I32_LE_U}, {OP_I64_EQ, OP_I64_NE},
        {OP_I64_LT_S, OP_I64_GE_S}, {OP_I64_LT_U, OP_I64_GE_U}, {OP_I64_GT_S, OP_I64_LE_S},
        {OP_I64_GT_U, OP_I64_LE_U}, {OP_F32_EQ, OP_F32_NE},     {OP_F64_EQ, OP_F64_NE},
    };

    return partner(pairs, sizeof pairs / sizeof *pairs, op);
}

/* The op that says the same with its operands swapped; OP_COUNT: none. */
static unsigned swapped(unsigned op)
{
    static const uint16_t pairs[][2] = {
        {OP_I32_ADD, OP_I32_ADD},   {OP_I32_MUL, OP_I32_MUL},   {OP_I32_AND, OP_I32_AND},
        {OP_I32_OR, OP_I32_OR},     {OP_I32_XOR, OP_I32_XOR},   {OP_I32_EQ, OP_I32_EQ},
        {OP_I32_NE, OP_I32_NE},     {OP_I64_ADD, OP_I64_ADD},   {OP_I64_MUL, OP_I64_MUL},
        {OP_I64_AND, OP_I64_AND},   {OP_I64_OR, OP_I64_OR},     {OP_I64_XOR, OP_I64_XOR},
        {OP_I64_EQ, OP_I64_EQ},     {OP_I64_NE, OP_I64_NE},     {OP_I32_LT_S, OP_I32_GT_S},
        {OP_I32_LT_U, OP_I32_GT_U}, {OP_I32_LE_S, OP_I32_GE_S}, {OP_I32_LE_U, OP_I32_GE_U},
        {OP_I64_LT_S, OP_I64_GT_S}, {OP_I64_LT_U, OP_I64_GT_U}, {OP_I64_LE_S, OP_I64_GE_S},
        {OP_I64_LE_U, OP_I64_GE_U},
    };

    return partner(pairs, sizeof pairs / sizeof *pairs, op);
}

/* A number that the value, unsigned, is never above. */
static uint64_t ceiling(const ir_func *f, ir_ref r)
{
    const ir_instr *i = &f->instrs[r];
    uint64_t all = i->type == IR_I32 ? UINT32_MAX : UINT64_MAX, y;

    switch (i->op) {
    case OP_I32_CONST:
    case OP_I64_CONST: return i->imm;
    case OP_I32_LOAD8_U:
    case OP_I64_LOAD8_U: return UINT8_MAX;
    case OP_I32_LOAD16_U:
    case OP_I64_LOAD16_U: return UINT16_MAX;
    case OP_I64_LOAD32_U:
    case OP_I64_EXTEND_I32_U: return UINT32_MAX;
    case OP_I32_AND:
    case OP_I64_AND: return known(f, i->arg[1], &y) ? y : all;
    case OP_I32_SHR_U: return known(f, i->arg[1], &y) ? all >> (y & 31) : all;
    case OP_I64_SHR_U: return known(f, i->arg[1], &y) ? all >> (y & 63) : all;
    case OP_I32_EQZ:
    case OP_I64_EQZ: return 1;
    default: return swapped(i->op) != OP_COUNT && inverse(i->op) != OP_COUNT ? 1 : all;
    }
}

/* (x op a) op b, with a and b known, is x op (a op b). */
static void fold_twice(ir_func *f, ir_ref r, uint64_t b)
{
    const ir_instr *inner = &f->instrs[f->instrs[r].arg[0]];
    unsigned op = f->instrs[r].op;
    ir_type type = (ir_type)f->instrs[r].type;
    ir_ref x = inner->arg[0], constant;
    uint64_t a;

    switch (op) {
    case OP_I32_ADD:
    case OP_I32_AND:
    case OP_I32_OR:
    case OP_I32_XOR:
    case OP_I64_ADD:
    case OP_I64_AND:
    case OP_I64_OR:
    case OP_I64_XOR: break;
    default: return;
    }
    if (inner->op != op || !known(f, inner->arg[1], &a) || !compute(op, a, b, &a))
        return;
    constant = ir_insert(f, r, type == IR_I32 ? OP_I32_CONST : OP_I64_CONST, type, 0, 0, 0, a,
                         f->instrs[r].at);
    if (!constant)
        return;
    f->instrs[r].arg[0] = x;
    f->instrs[r].arg[1] = constant;
}

/* A mask that takes nothing away; one of the lower half, which as an operand would want a register
 * of its own. */
static void fold_mask(ir_func *f, ir_ref r, uint64_t mask)
{
    ir_ref x = f->instrs[r].arg[0], low;

    if ((mask & (mask + 1)) == 0 && ceiling(f, x) <= mask) {
        ir_replace(f, r, x);
    } else if (f->instrs[r].op == OP_I64_AND && mask == UINT32_MAX) {
        low = ir_insert(f, r, OP_I32_WRAP_I64, IR_I32, x, 0, 0, 0, f->instrs[r].at);
        if (!low)
            return;
        f->instrs[r].op = OP_I64_EXTEND_I32_U;
        f->instrs[r].arg[0] = low;
        f->instrs[r].arg[1] = 0;
    }
}

/* x op y with y known: x itself, or a shift in place of a product or quotient. */
static void fold_right(ir_func *f, ir_ref r, uint64_t y)
{
    ir_instr *i = &f->instrs[r];
    bool power = y > 1 && (y & (y - 1)) == 0;
    unsigned shift = power ? (unsigned)__builtin_ctzll(y) : 0;
    ir_ref x = i->arg[0], count;
    unsigned op;

    switch (i->op) {
    case OP_I32_ADD:
    case OP_I32_SUB:
    case OP_I32_OR:
    case OP_I32_XOR:
    case OP_I32_SHL:
    case OP_I32_SHR_S:
    case OP_I32_SHR_U:
    case OP_I64_ADD:
    case OP_I64_SUB:
    case OP_I64_OR:
    case OP_I64_XOR:
    case OP_I64_SHL:
    case OP_I64_SHR_S:
    case OP_I64_SHR_U:
        if (y == 0)
            ir_replace(f, r, x);
        return;
    case OP_I32_AND:
    case OP_I64_AND:
        if (y == 0)
            become(f, r, 0);
        else
            fold_mask(f, r, y);
        return;
    /* A comparison with 0 is told by the flags of what is compared. */
    case OP_I32_EQ:
    case OP_I64_EQ:
        if (y == 0) {
            i->op = i->op == OP_I32_EQ ? OP_I32_EQZ : OP_I64_EQZ;
            i->arg[1] = 0;
        }
        return;
    case OP_I32_DIV_S:
    case OP_I32_REM_S:
    case OP_I64_DIV_S:
    case OP_I64_REM_S:
        if (y == 1 && (i->op == OP_I32_DIV_S || i->op == OP_I64_DIV_S))
            ir_replace(f, r, x);
        else
            pass_divide(f, r, y);
        return;
    case OP_I32_MUL: op = OP_I32_SHL; break;
    case OP_I64_MUL: op = OP_I64_SHL; break;
    case OP_I32_DIV_U: op = OP_I32_SHR_U; break;
    case OP_I64_DIV_U: op = OP_I64_SHR_U; break;
    case OP_I32_REM_U: op = OP_I32_AND; break;
    case OP_I64_REM_U: op = OP_I64_AND; break;
    default: return;
    }
    if (y == 1 && op != OP_I32_AND && op != OP_I64_AND) {
        ir_replace(f, r, x);
        return;
    }
    if (!power) {
        if (op != OP_I32_SHL && op != OP_I64_SHL)
            pass_divide(f, r, y);
        return;
    }
    count = ir_insert(f, r, i->type == IR_I32 ? OP_I32_CONST : OP_I64_CONST, (ir_type)i->type, 0, 0,
                      0, op == OP_I32_AND || op == OP_I64_AND ? y - 1 : shift, i->at);
    if (!count)
        return;
    f->instrs[r].op = (uint16_t)op; /* the array may have moved */
    f->instrs[r].arg[1] = count;
}

static void fold_select(ir_func *f, ir_ref r)
{
    ir_instr *i = &f->instrs[r];
    uint64_t condition;

    if (i->arg[0] == i->arg[1])
        ir_replace(f, r, i->arg[0]);
    else if (known(f, i->arg[2], &condition))
        ir_replace(f, r, (uint32_t)condition ? i->arg[0] : i->arg[1]);
    while (i->op == OP_SELECT && f->instrs[i->arg[2]].op == OP_I32_EQZ) {
        ir_ref first = i->arg[0];

        i->arg[2] = f->instrs[i->arg[2]].arg[0];
        i->arg[0] = i->arg[1];
        i->arg[1] = first;
    }
}

/* Whether it is 0: what is compared with 0 says so itself. */
static ir_ref truth(const ir_func *f, ir_ref condition)
{
    uint64_t y;

    while (f->instrs[condition].op == OP_I32_NE && known(f, f->instrs[condition].arg[1], &y) &&
           y == 0)
        condition = f->instrs[condition].arg[0];
    return condition;
}

/* Of 32 bits to 64 and back. */
static void fold_width(ir_func *f, ir_ref r)
{
    ir_instr *i = &f->instrs[r];
    const ir_instr *of = &f->instrs[i->arg[0]];

    if (i->op == OP_I32_WRAP_I64 &&
        (of->op == OP_I64_EXTEND_I32_U || of->op == OP_I64_EXTEND_I32_S))
        ir_replace(f, r, of->arg[0]);
    else if (i->op == OP_I64_EXTEND_I32_S && ceiling(f, i->arg[0]) <= INT32_MAX)
        i->op = OP_I64_EXTEND_I32_U;
}

ir_ref fold_condition(const ir_func *f, ir_ref condition, bool *swaps)
{
    *swaps = false;
    condition = truth(f, condition);
    /* Of a comparison, `eqz` becomes the one that holds where it does not. */
    while (f->instrs[condition].op == OP_I32_EQZ &&
           inverse(f->instrs[f->instrs[condition].arg[0]].op) == OP_COUNT) {
        condition = truth(f, f->instrs[condition].arg[0]);
        *swaps = !*swaps;
    }
    return condition;
}

/* The builder has done so with what was known then: hardly any targets change here. */
static void fold_branch(ir_func *f, ir_ref r)
{
    ir_block *b = &f->blocks[f->instrs[r].block];
    bool swaps;
    ir_ref condition = fold_condition(f, f->instrs[r].arg[0], &swaps);
    uint64_t value;

    if (swaps && (f->instrs[r].flags & IR_UNLIKELY)) {
        condition = truth(f, f->instrs[r].arg[0]);
    } else if (swaps) {
        uint32_t first = b->succ[0];

        b->succ[0] = b->succ[1];
        b->succ[1] = first;
        f->is_analysed = false; /* the order follows the targets */
    }
    f->instrs[r].arg[0] = condition;
    if (!known(f, condition, &value) || b->succ[0] == b->succ[1])
        return;
    ir_drop_edge(f, f->instrs[r].block, b->succ[value ? 1 : 0]);
    b->succ[0] = b->succ[value ? 0 : 1];
    b->succ_count = 1;
    f->instrs[r].op = IR_BR;
    f->instrs[r].arg[0] = 0;
    f->instrs[r].flags = 0;
}

static void fold(ir_func *f, ir_ref r)
{
    ir_instr *i = &f->instrs[r];
    uint64_t x, y, value;
    unsigned opposite;

    if (i->op < IR_FIRST && i->arg[1] && known(f, i->arg[0], &x) && !known(f, i->arg[1], &y) &&
        swapped(i->op) != OP_COUNT) {
        ir_ref first = i->arg[0];

        i->op = (uint16_t)swapped(i->op);
        i->arg[0] = i->arg[1];
        i->arg[1] = first;
    }
    if (i->op == OP_SELECT) {
        i->arg[2] = truth(f, i->arg[2]);
        fold_select(f, r);
    } else if (i->op == IR_BR_IF) {
        fold_branch(f, r);
    } else if (i->op == IR_TRAP_IF) {
        if (known(f, i->arg[0], &x) && (uint32_t)x == 0)
            ir_remove(f, r);
    } else if (i->op < IR_FIRST && i->arg[1]) {
        if (known(f, i->arg[1], &y)) {
            if (known(f, i->arg[0], &x) && compute(i->op, x, y, &value)) {
                become(f, r, value);
                return;
            }
            fold_twice(f, r, y);
            if (known(f, f->instrs[r].arg[1], &y))
                fold_right(f, r, y);
        }
    } else if (i->op < IR_FIRST && i->arg[0]) {
        if (known(f, i->arg[0], &x) && compute_one(i->op, x, &value)) {
            become(f, r, value);
        } else if (i->op == OP_I32_WRAP_I64 || i->op == OP_I64_EXTEND_I32_S) {
            fold_width(f, r);
        } else if (i->op == OP_I32_EQZ) {
            const ir_instr *of = &f->instrs[i->arg[0]];

            opposite = inverse(of->op);
            if (opposite != OP_COUNT) {
                i->op = (uint16_t)opposite;
                i->arg[1] = of->arg[1];
                i->arg[0] = of->arg[0];
            }
        }
    }
}

void pass_fold(ir_func *f)
{
    for (uint32_t k = 0; k < f->order_count; k++) {
        ir_ref next;

        for (ir_ref r = f->blocks[f->order[k]].first; r; r = next) {
            next = f->instrs[r].next;
            ir_resolve_operands(f, r);
            fold(f, r);
        }
    }
}
