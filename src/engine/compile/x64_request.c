/* SPDX-License-Identifier: Apache-2.0
 * x64_request.c — what each instruction wants of the registers, for alloc.c.
 *
 * Operands stand in the request in the order of the shape (x64_select.c), those of calls, helpers
 * and returns in the order of their list, behind arg[].
 *
 * Memory, threads: those of the function.
 */
#include "x64_impl.h"

static const uint8_t integer_arguments[] = {RDI, RSI, RDX, RCX, R8, R9};
static const uint8_t integer_results[] = {RAX, RDX};

static alloc_place place(x64_places *p, ir_type type, const uint8_t *integers, unsigned n_integers,
                         unsigned n_vectors)
{
    if (x64_is_vector(type)) {
        if (p->vectors < n_vectors)
            return (alloc_place){ALLOC_REG, ALLOC_VECTOR + (uint32_t)p->vectors++};
    } else if (p->integers < n_integers) {
        return (alloc_place){ALLOC_REG, integers[p->integers++]};
    }
    alloc_place slot = {ALLOC_SLOT, p->stack};
    p->stack += type == IR_V128 ? 16 : 8;
    return slot;
}

alloc_place x64_place_argument(x64_places *p, ir_type type)
{
    return place(p, type, integer_arguments, 6, 8);
}

alloc_place x64_place_result(x64_places *p, ir_type type)
{
    return place(p, type, integer_results, 2, 2);
}

/* Bytes of the stack that values of these types take. */
static uint32_t stack_bytes(const wasm_valtype *types, uint32_t count,
                            alloc_place (*next)(x64_places *, ir_type))
{
    x64_places p = {0};

    for (uint32_t n = 0; n < count; n++)
        next(&p, ir_type_of(types[n]));
    return p.stack;
}

static uint32_t argument_bytes(const wasm_functype *type)
{
    return stack_bytes(type->params, type->param_count, x64_place_argument);
}

uint32_t x64_result_bytes(const wasm_functype *type)
{
    return stack_bytes(type->results, type->result_count, x64_place_result);
}

uint32_t x64_tail_room(const wasm_functype *caller, const wasm_functype *callee)
{
    uint32_t room = argument_bytes(callee);
    bool fits = room <= argument_bytes(caller) || room <= x64_result_bytes(caller);

    return fits ? 0 : room;
}

#define BIT(reg) ((alloc_set)1 << (reg))
#define ALL_INTEGERS                                                                               \
    (0xFFFFull & ~(BIT(RSP) | BIT(RBP) | BIT(X64_INSTANCE) | BIT(X64_BASE) | BIT(X64_SCRATCH)))
#define ALL_VECTORS (0x7FFFull << ALLOC_VECTOR)

static void add(const ir_func *f, alloc_request *r, ir_ref value, uint8_t use, uint8_t reg)
{
    if (r->in_count == r->in_capacity && !alloc_more(f, r, r->in_capacity + 16))
        return;
    r->in[r->in_count++] = (alloc_operand){value, use, reg, false};
}

/* A list of arguments or results, each where the convention wants it. */
static void add_list(const ir_func *f, alloc_request *r, uint32_t list,
                     alloc_place (*next)(x64_places *, ir_type))
{
    x64_places p = {0};
    uint32_t count = list ? ir_list_count(f, list) : 0;
    for (uint32_t n = 0; n < count; n++) {
        ir_ref value = ir_list_items(f, list)[n];
        alloc_place to = next(&p, (ir_type)f->instrs[value].type);
        add(f, r, value, to.kind == ALLOC_REG ? ALLOC_USE_FIXED : ALLOC_USE_ANY,
            (uint8_t)(to.kind == ALLOC_REG ? to.index : 0));
    }
}

static alloc_place arrives(void *baton, const ir_func *f, ir_ref ref)
{
    const ir_instr *i = &f->instrs[ref];
    x64_places p = {0};
    alloc_place at = {ALLOC_NONE, 0};

    (void)baton;
    if (i->op == IR_CALLEE)
        return (alloc_place){ALLOC_REG, X64_CALLEE};
    if (i->op == IR_PARAM) {
        /* Entry thunks, whose parameters are two addresses, have no type of their own. */
        for (uint32_t n = 0; n <= i->imm; n++)
            at = x64_place_argument(
                &p, f->type && n < f->type->param_count ? ir_type_of(f->type->params[n]) : IR_I64);
        if (at.kind == ALLOC_SLOT)
            at.index |= ALLOC_ARRIVING;
        return at;
    }
    /* RESULTs stand behind their call, in order. */
    const ir_instr *one = &f->instrs[i->arg[0]];
    at = x64_place_result(&p, (ir_type)one->type);
    for (one = &f->instrs[one->next]; one->op == IR_RESULT; one = &f->instrs[one->next]) {
        at = x64_place_result(&p, (ir_type)one->type);
        if (one == i || !one->next)
            break;
    }
    if (at.kind == ALLOC_SLOT)
        at.index |= ALLOC_ARRIVING | X64_OUTGOING;
    return at;
}

static bool remakes(void *baton, const ir_func *f, ir_ref ref)
{
    unsigned op = f->instrs[ref].op;
    (void)baton;
    return x64_class_of(op) == CLASS_CONST || op == IR_INSTANCE || op == IR_MEMORY_BASE;
}

static void request_call(const ir_func *f, const ir_instr *i, alloc_request *r)
{
    r->clobbers = ALL_INTEGERS | ALL_VECTORS;
    if (i->type != IR_VOID) {
        r->out = ALLOC_USE_FIXED;
        r->out_reg = x64_is_vector(i->type) ? ALLOC_VECTOR : RAX;
    }
    if (i->op == IR_CALL_CODE || i->op == IR_TAIL_CALL_CODE) {
        add(f, r, i->arg[0], ALLOC_USE_FIXED, RAX);
        add(f, r, i->arg[1], ALLOC_USE_FIXED, X64_CALLEE);
    }
    if (i->op != IR_CALL_HELPER) {
        add_list(f, r, i->extra, x64_place_argument);
        return;
    }
    uint32_t count = i->extra ? ir_list_count(f, i->extra) : 0;
    for (uint32_t n = 0; n < count; n++)
        add(f, r, ir_list_items(f, i->extra)[n], ALLOC_USE_FIXED, integer_arguments[n + 1]);
}

static void late(alloc_request *r, x64_operand o)
{
    if (o.kind == X64_IN)
        r->in[o.in].late = true;
}

static void constrain_vector(const x64_row *row, const x64_shape *s, alloc_request *r)
{
    switch (row->cls) {
    case CLASS_VBINARY:
    case CLASS_VREPLACE:
    case CLASS_VLOAD_LANE:
    case CLASS_VSHIFT:
        if (!(x64_features() & X64_AVX))
            r->same = s->a.in;
        break;
    case CLASS_VSELECT: /* b is read again behind the first write */
        r->same = s->a.in;
        late(r, s->b);
        late(r, s->c);
        break;
    case CLASS_VMINMAX: late(r, s->a); break;
    case CLASS_VSHIFT_BYTES:
    case CLASS_VSHIFT_SIGNED_64:
    case CLASS_VSHUFFLE:
    case CLASS_VMUL_64:
    case CLASS_VPOPCNT:
    case CLASS_VDOT:
        r->vector_temps = 1;
        late(r, s->a);
        late(r, s->b);
        late(r, s->c);
        break;
    case CLASS_VTRUNC_U: r->vector_temps = 1; break;
    default: break;
    }
}

/* It may be read from its slot. */
static void near(alloc_request *r, x64_operand o)
{
    if (o.kind == X64_IN)
        r->in[o.in].use = ALLOC_USE_NEAR;
}

static void allow_slots(const ir_instr *i, const x64_shape *s, alloc_request *r)
{
    if (!s->cond.test && s->cond.code)
        near(r, s->cond.b);
    switch (i->op < OP_COUNT ? x64_rows[i->op].cls : CLASS_NONE) {
    case CLASS_ADD:
        if (s->a.kind != X64_NO)
            near(r, s->b);
        break;
    case CLASS_ALU:
    case CLASS_MUL:
    case CLASS_FBINARY: near(r, s->b); break;
    case CLASS_UNARY: near(r, s->a); break;
    case CLASS_SELECT:
        if (!x64_is_vector(i->type))
            near(r, s->a);
        break;
    default: break;
    }
}

/* Divisions, and products of 128 bits. */
static void in_rdx_rax(const x64_shape *s, alloc_request *r, uint8_t out)
{
    r->in[s->a.in].use = ALLOC_USE_FIXED;
    r->in[s->a.in].reg = RAX;
    r->in[s->b.in].late = true; /* neither rax nor rdx */
    r->out = ALLOC_USE_FIXED;
    r->out_reg = out;
    r->clobbers = BIT(RAX) | BIT(RDX);
}

/* What the class wants beyond registers for its operands and its value. */
static void constrain(const x64_row *row, const x64_shape *s, alloc_request *r)
{
    uint32_t features = x64_features();

    switch (row->cls) {
    case CLASS_ADD: /* lea makes a third operand of it, but for memory */
        if (s->b.kind == X64_MEM)
            r->same = s->a.in;
        break;
    case CLASS_MUL:
        if (s->b.kind != X64_IMM)
            r->same = s->a.in;
        break;
    case CLASS_ALU:
    case CLASS_SAME: r->same = s->a.in; break;
    case CLASS_SHIFT:
        if (s->b.kind == X64_IMM) {
            r->same = s->a.in;
        } else if (!(row->code & 0xFF) || !(features & X64_BMI2)) {
            r->same = s->a.in;
            r->in[s->b.in].use = ALLOC_USE_FIXED;
            r->in[s->b.in].reg = RCX;
            r->in[s->b.in].late = true; /* so that the result is not in rcx */
        }
        break;
    case CLASS_DIVIDE: in_rdx_rax(s, r, row->extra & DIVIDE_REMAINDER ? RDX : RAX); break;
    case CLASS_SELECT:
        r->in[s->a.in].late = true; /* moved over b, which the result has become */
        r->same = s->b.in;
        break;
    case CLASS_FBINARY:
        if (!(features & X64_AVX))
            r->same = s->a.in;
        break;
    case CLASS_FMINMAX: r->same = s->a.in; break;
    case CLASS_COPYSIGN:
        r->in[s->a.in].late = true;
        r->vector_temps = 1;
        break;
    default:
        if (row->cls >= CLASS_VBINARY)
            constrain_vector(row, s, r);
        break;
    }
}

static void request(void *baton, const ir_func *f, ir_ref ref, alloc_request *r)
{
    const ir_instr *i = &f->instrs[ref];
    x64_shape s;

    (void)baton;
    r->same = -1;
    if (i->type != IR_VOID)
        r->out = ALLOC_USE_REG;
    switch (i->op) {
    case IR_CALL:
    case IR_CALL_CODE:
    case IR_CALL_HELPER:
    case IR_TAIL_CALL:
    case IR_TAIL_CALL_CODE: request_call(f, i, r); return;
    case IR_RETURN: add_list(f, r, i->extra, x64_place_result); return;
    case IR_CALLEE:
    case IR_RESULT: {
        alloc_place at = arrives(NULL, f, ref);
        if (at.kind == ALLOC_REG) {
            r->out = ALLOC_USE_FIXED;
            r->out_reg = (uint8_t)at.index;
        }
        return;
    }
    case IR_BR_TABLE: r->temps = 1; break;
    default: break;
    }
    x64_shape_of(f, ref, NULL, &s);
    for (uint32_t n = 0; n < s.in_count; n++)
        add(f, r, s.in[n], ALLOC_USE_REG, 0);
    if (r->in_count != s.in_count)
        return;
    allow_slots(i, &s, r);
    if (i->op == IR_MUL_HIGH_S || i->op == IR_MUL_HIGH_U)
        in_rdx_rax(&s, r, RDX);
    else if (i->op < OP_COUNT)
        constrain(&x64_rows[i->op], &s, r);
}

/* Those first that need no REX, and that no call's argument wants. */
static const uint8_t order[] = {RAX,
                                RCX,
                                RDX,
                                RSI,
                                RDI,
                                RBX,
                                R8,
                                R9,
                                R10,
                                R12,
                                R13,
                                ALLOC_VECTOR,
                                ALLOC_VECTOR + 1,
                                ALLOC_VECTOR + 2,
                                ALLOC_VECTOR + 3,
                                ALLOC_VECTOR + 4,
                                ALLOC_VECTOR + 5,
                                ALLOC_VECTOR + 6,
                                ALLOC_VECTOR + 7,
                                ALLOC_VECTOR + 8,
                                ALLOC_VECTOR + 9,
                                ALLOC_VECTOR + 10,
                                ALLOC_VECTOR + 11,
                                ALLOC_VECTOR + 12,
                                ALLOC_VECTOR + 13,
                                ALLOC_VECTOR + 14,
                                255};

const alloc_target x64_alloc = {
    .integers = ALL_INTEGERS,
    .vectors = ALL_VECTORS,
    .order = order,
    .scratch = X64_SCRATCH,
    .vector_scratch = ALLOC_VECTOR + X64_XSCRATCH,
    .request = request,
    .arrives = arrives,
    .remakes = remakes,
};
