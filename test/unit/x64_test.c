/* SPDX-License-Identifier: Apache-2.0
 * x64_test.c — machine code of single instructions, run and compared with C.
 * layers: compile
 *
 * How:     a function is built by hand for each instruction, as an entry thunk (slots in, slots
 *          out), in several forms: operands in registers, under pressure, the second one a
 *          constant, the second one in memory (x64_fixture.h). Vectors are x64_vector_test.c's.
 */
#include "unit.h"

#include "target.h"

#if defined(__x86_64__)
#include <math.h>

#include "x64_fixture.h"

/* ---- what C says ------------------------------------------------------------------------------
 */

static float f32_of(uint64_t bits)
{
    uint32_t low = (uint32_t)bits;
    float f;
    memcpy(&f, &low, 4);
    return f;
}

static double f64_of(uint64_t bits)
{
    double f;
    memcpy(&f, &bits, 8);
    return f;
}

static uint64_t of_f32(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, 4);
    return bits;
}

static uint64_t of_f64(double f)
{
    uint64_t bits;
    memcpy(&bits, &f, 8);
    return bits;
}

static uint64_t rotate(uint64_t v, unsigned by, unsigned bits)
{
    uint64_t mask = bits == 64 ? UINT64_MAX : UINT32_MAX;
    by &= bits - 1;
    return by ? (v << by | (v & mask) >> (bits - by)) & mask : v & mask;
}

static double min_of(double a, double b)
{
    return isnan(a) || isnan(b) ? NAN : a == b ? (signbit(a) ? a : b) : a < b ? a : b;
}

static double max_of(double a, double b)
{
    return isnan(a) || isnan(b) ? NAN : a == b ? (signbit(a) ? b : a) : a > b ? a : b;
}

/* least, past: the bounds as doubles, of truncated values; out of them: trap or saturate. */
static uint64_t truncated(double v, bool is_signed, bool wide, bool saturates, wasm_status *trap)
{
    double past = wide ? (is_signed ? 0x1p63 : 0x1p64) : is_signed ? 0x1p31 : 0x1p32;
    double least = is_signed ? -past : 0;
    double t = trunc(v);
    if (isnan(v)) {
        *trap = saturates ? WASM_OK : WASM_E_INVALID_CONVERSION;
        return 0;
    }
    if (t < least || t >= past) {
        *trap = saturates ? WASM_OK : WASM_E_INTEGER_OVERFLOW;
        uint64_t low = !is_signed ? 0 : wide ? (uint64_t)INT64_MIN : (uint32_t)INT32_MIN;
        uint64_t high = is_signed ? (wide ? (uint64_t)INT64_MAX : (uint64_t)INT32_MAX)
                                  : (wide ? UINT64_MAX : UINT32_MAX);
        return t < least ? low : high;
    }
    uint64_t r = is_signed ? (uint64_t)(int64_t)t : (uint64_t)t;
    return wide ? r : (uint32_t)r;
}

#define INTEGER(T, bits, S, U)                                                                     \
    case OP_##T##_EQZ: return (U)a == 0;                                                           \
    case OP_##T##_EQ: return (U)a == (U)b;                                                         \
    case OP_##T##_NE: return (U)a != (U)b;                                                         \
    case OP_##T##_LT_S: return (S)a < (S)b;                                                        \
    case OP_##T##_LT_U: return (U)a < (U)b;                                                        \
    case OP_##T##_GT_S: return (S)a > (S)b;                                                        \
    case OP_##T##_GT_U: return (U)a > (U)b;                                                        \
    case OP_##T##_LE_S: return (S)a <= (S)b;                                                       \
    case OP_##T##_LE_U: return (U)a <= (U)b;                                                       \
    case OP_##T##_GE_S: return (S)a >= (S)b;                                                       \
    case OP_##T##_GE_U: return (U)a >= (U)b;                                                       \
    case OP_##T##_CLZ:                                                                             \
        return (U)a ? (unsigned)__builtin_clzll((U)a) - (64 - (bits)) : (unsigned)(bits);          \
    case OP_##T##_CTZ: return (U)a ? (unsigned)__builtin_ctzll((U)a) : (unsigned)(bits);           \
    case OP_##T##_POPCNT: return (unsigned)__builtin_popcountll((U)a);                             \
    case OP_##T##_ADD: return (U)(a + b);                                                          \
    case OP_##T##_SUB: return (U)(a - b);                                                          \
    case OP_##T##_MUL: return (U)(a * b);                                                          \
    case OP_##T##_AND: return (U)(a & b);                                                          \
    case OP_##T##_OR: return (U)(a | b);                                                           \
    case OP_##T##_XOR: return (U)(a ^ b);                                                          \
    case OP_##T##_SHL: return (U)((U)a << (b & ((bits)-1)));                                       \
    case OP_##T##_SHR_U: return (U)a >> (b & ((bits)-1));                                          \
    case OP_##T##_SHR_S: return (U)((S)a >> (b & ((bits)-1)));                                     \
    case OP_##T##_ROTL: return rotate(a, (unsigned)b, bits);                                       \
    case OP_##T##_ROTR: return rotate(a, 0u - (unsigned)b, bits);                                  \
    case OP_##T##_EXTEND8_S: return (U)(int8_t)a;                                                  \
    case OP_##T##_EXTEND16_S: return (U)(int16_t)a;                                                \
    case OP_##T##_DIV_S:                                                                           \
    case OP_##T##_REM_S:                                                                           \
        if ((U)b && (U)b == (U)-1) {                                                               \
            if (op == OP_##T##_REM_S)                                                              \
                return 0;                                                                          \
            if ((U)a == (U)1 << ((bits)-1))                                                        \
                *trap = WASM_E_INTEGER_OVERFLOW;                                                   \
            return (U)(0 - a);                                                                     \
        }                                                                                          \
        if (!(U)b)                                                                                 \
            *trap = WASM_E_DIVIDE_BY_ZERO;                                                         \
        return !(U)b ? 0 : op == OP_##T##_DIV_S ? (U)((S)a / (S)b) : (U)((S)a % (S)b);             \
    case OP_##T##_DIV_U:                                                                           \
    case OP_##T##_REM_U:                                                                           \
        if (!(U)b)                                                                                 \
            *trap = WASM_E_DIVIDE_BY_ZERO;                                                         \
        return !(U)b ? 0 : op == OP_##T##_DIV_U ? (U)a / (U)b : (U)a % (U)b;

#define FLOATS(T, C, of, to, sqrt_, ceil_, floor_, trunc_, near_, copy_)                           \
    case OP_##T##_EQ: return of(a) == of(b);                                                       \
    case OP_##T##_NE: return of(a) != of(b);                                                       \
    case OP_##T##_LT: return of(a) < of(b);                                                        \
    case OP_##T##_GT: return of(a) > of(b);                                                        \
    case OP_##T##_LE: return of(a) <= of(b);                                                       \
    case OP_##T##_GE: return of(a) >= of(b);                                                       \
    case OP_##T##_ABS: return to(copy_(of(a), 1));                                                 \
    case OP_##T##_NEG: return to(of(a)) ^ to(copy_(0, -1));                                        \
    case OP_##T##_COPYSIGN: return to(copy_(of(a), of(b)));                                        \
    case OP_##T##_CEIL: return to(ceil_(of(a)));                                                   \
    case OP_##T##_FLOOR: return to(floor_(of(a)));                                                 \
    case OP_##T##_TRUNC: return to(trunc_(of(a)));                                                 \
    case OP_##T##_NEAREST: return to(near_(of(a)));                                                \
    case OP_##T##_SQRT: return to(sqrt_(of(a)));                                                   \
    case OP_##T##_ADD: return to(of(a) + of(b));                                                   \
    case OP_##T##_SUB: return to(of(a) - of(b));                                                   \
    case OP_##T##_MUL: return to(of(a) * of(b));                                                   \
    case OP_##T##_DIV: return to(of(a) / of(b));                                                   \
    case OP_##T##_MIN: return to((C)min_of(of(a), of(b)));                                         \
    case OP_##T##_MAX: return to((C)max_of(of(a), of(b)));                                         \
    case OP_I32_TRUNC_##T##_S: return truncated(of(a), true, false, false, trap);                  \
    case OP_I32_TRUNC_##T##_U: return truncated(of(a), false, false, false, trap);                 \
    case OP_I64_TRUNC_##T##_S: return truncated(of(a), true, true, false, trap);                   \
    case OP_I64_TRUNC_##T##_U: return truncated(of(a), false, true, false, trap);                  \
    case OP_I32_TRUNC_SAT_##T##_S: return truncated(of(a), true, false, true, trap);               \
    case OP_I32_TRUNC_SAT_##T##_U: return truncated(of(a), false, false, true, trap);              \
    case OP_I64_TRUNC_SAT_##T##_S: return truncated(of(a), true, true, true, trap);                \
    case OP_I64_TRUNC_SAT_##T##_U: return truncated(of(a), false, true, true, trap);               \
    case OP_##T##_CONVERT_I32_S: return to((C)(int32_t)a);                                         \
    case OP_##T##_CONVERT_I32_U: return to((C)(uint32_t)a);                                        \
    case OP_##T##_CONVERT_I64_S: return to((C)(int64_t)a);                                         \
    case OP_##T##_CONVERT_I64_U: return to((C)a);

static uint64_t reference(unsigned op, uint64_t a, uint64_t b, wasm_status *trap)
{
    switch (op) {
        INTEGER(I32, 32, int32_t, uint32_t)
        INTEGER(I64, 64, int64_t, uint64_t)
        FLOATS(F32, float, f32_of, of_f32, sqrtf, ceilf, floorf, truncf, nearbyintf, copysignf)
        FLOATS(F64, double, f64_of, of_f64, sqrt, ceil, floor, trunc, nearbyint, copysign)
    case OP_I64_EXTEND32_S:
    case OP_I64_EXTEND_I32_S: return (uint64_t)(int32_t)a;
    case OP_I64_EXTEND_I32_U:
    case OP_I32_WRAP_I64:
    case OP_I32_REINTERPRET_F32:
    case OP_F32_REINTERPRET_I32: return (uint32_t)a;
    case OP_I64_REINTERPRET_F64:
    case OP_F64_REINTERPRET_I64: return a;
    case OP_F32_DEMOTE_F64: return of_f32((float)f64_of(a));
    case OP_F64_PROMOTE_F32: return of_f64(f32_of(a));
    default: FAIL("no reference for %s", isa_text((isa_op)op)); return 0;
    }
}

static bool is_simple(unsigned op)
{
    const isa_row *row = isa_describe((isa_op)op);
    return target_x64.has(op) && row->sig[0] != '*' && row->sig[0] != ':' && row->sig[0] != 'a' &&
           !strchr(row->sig, 'V');
}

enum { FORM_PLAIN, FORM_PRESSURE, FORM_CONST, FORM_MEMORY, FORMS };

/* slots: 0 and 1 operands, 2 the result, 3 whether it is not 0 by a branch (integers), from 8 on
 * what has to survive. */
static uint32_t one_op(fixture *x, unsigned op, unsigned form, uint64_t constant)
{
    const isa_row *row = isa_describe((isa_op)op);
    size_t operands = strcspn(row->sig, ":");
    ir_type at = type_of_letter(row->sig[0]);
    ir_type bt = operands > 1 ? type_of_letter(row->sig[1]) : IR_VOID;
    ir_ref kept[PRESSURE * 2];

    begin(x);
    ir_ref p = EMIT(IR_PARAM, IR_I64, 0, 0, 0, 0);
    for (unsigned n = 0; form == FORM_PRESSURE && n < PRESSURE; n++) {
        kept[n] = peek(x, p, IR_I64, 64 + 8 * n);
        kept[n + PRESSURE] = peek(x, p, IR_F64, 64 + 8 * n);
    }
    ir_ref b = 0;
    if (bt && form == FORM_CONST)
        b = EMIT(bt == IR_I32   ? OP_I32_CONST
                 : bt == IR_I64 ? OP_I64_CONST
                 : bt == IR_F32 ? OP_F32_CONST
                                : OP_F64_CONST,
                 bt, 0, 0, 0, bt == IR_I32 || bt == IR_F32 ? (uint32_t)constant : constant);
    else if (bt && form != FORM_MEMORY)
        b = peek(x, p, bt, 8);
    ir_ref a = peek(x, p, at, 0);
    if (bt && form == FORM_MEMORY)
        b = peek(x, p, bt, 8);
    ir_ref r = EMIT(op, type_of_letter(row->sig[operands + 1]), a, b, 0, 0);
    if (x->f.instrs[r].type == IR_I32) /* the upper half as well */
        r = EMIT(OP_I64_EXTEND_I32_U, IR_I64, r, 0, 0, 0);
    poke(x, p, r, 16);
    for (unsigned n = 0; form == FORM_PRESSURE && n < PRESSURE; n++) {
        poke(x, p, kept[n], 256 + 8 * n);
        poke(x, p, kept[n + PRESSURE], 512 + 8 * n);
    }
    EMIT(IR_RETURN, IR_VOID, 0, 0, 0, 0);
    return finish(x);
}

static void check_one(fixture *x, unsigned op, uint32_t entry, unsigned form, uint64_t a,
                      uint64_t b)
{
    const isa_row *row = isa_describe((isa_op)op);
    uint64_t slots[128];
    wasm_status trap = WASM_OK;
    uint64_t want = reference(op, a, b, &trap), got;
    char to = row->sig[strcspn(row->sig, ":") + 1];

    for (unsigned n = 0; n < 128; n++)
        slots[n] = 0x0101010101010101u * n;
    slots[0] = a;
    slots[1] = b;
    slots[2] = 0;
    CASE("%s form %u of %#" PRIx64 ", %#" PRIx64, row->text, form, a, b);
    wasm_status status = enter(x, entry, slots);
    CHECK_EQ_INT(status, trap);
    if (trap)
        return;
    got = slots[2];
    if (!(to == 'f' && isnan(f32_of(want)) && isnan(f32_of(got))) &&
        !(to == 'F' && isnan(f64_of(want)) && isnan(f64_of(got))))
        CHECK_EQ_UINT(got, want);
    for (unsigned n = 0; form == FORM_PRESSURE && n < PRESSURE; n++) {
        CHECK_EQ_UINT(slots[32 + n], slots[8 + n]);
        CHECK_EQ_UINT(slots[64 + n], slots[8 + n]);
    }
}

static const uint64_t constants[] = {
    0, 1, 5, 0xFFFFFFFFFFFFFFFF, 0x12345678, 0x80000000, 0x4004000000000000};
enum { CONSTANTS = sizeof constants / sizeof *constants };

static void all_ops(uint32_t off)
{
    fixture x;
    static uint32_t entries[OP_COUNT][FORMS + CONSTANTS];
    x64_switched_off = off;
    setup(&x);
    for (unsigned op = 0; op < OP_COUNT; op++) {
        if (!is_simple(op))
            continue;
        CASE("%s", isa_text((isa_op)op));
        entries[op][FORM_PLAIN] = one_op(&x, op, FORM_PLAIN, 0);
        entries[op][FORM_PRESSURE] = one_op(&x, op, FORM_PRESSURE, 0);
        entries[op][FORM_MEMORY] = one_op(&x, op, FORM_MEMORY, 0);
        for (unsigned n = 0; n < CONSTANTS; n++)
            entries[op][FORMS + n] = one_op(&x, op, FORM_CONST, constants[n]);
    }
    REQUIRE(map(&x));
    for (unsigned op = 0; op < OP_COUNT; op++) {
        if (!is_simple(op))
            continue;
        bool binary = strcspn(isa_describe((isa_op)op)->sig, ":") > 1;
        for (unsigned a = 0; a < INTERESTING; a++) {
            for (unsigned b = 0; b < (binary ? INTERESTING : 1); b++) {
                check_one(&x, op, entries[op][FORM_PLAIN], FORM_PLAIN, interesting[a],
                          interesting[b]);
                check_one(&x, op, entries[op][FORM_PRESSURE], FORM_PRESSURE, interesting[a],
                          interesting[b]);
                check_one(&x, op, entries[op][FORM_MEMORY], FORM_MEMORY, interesting[a],
                          interesting[b]);
            }
            for (unsigned n = 0; binary && n < CONSTANTS; n++)
                check_one(&x, op, entries[op][FORMS + n], FORM_CONST, interesting[a], constants[n]);
        }
    }
    teardown(&x);
    x64_switched_off = 0;
}

TEST(every_scalar_instruction_is_as_in_c)
{
    all_ops(0);
}

TEST(and_on_processors_without_the_extensions)
{
    all_ops(X64_AVX | X64_BMI1 | X64_BMI2 | X64_LZCNT);
}

/* slots[2] and [3]: the upper halves of the product of slots[0] and slots[1]. */
static uint32_t products(fixture *x)
{
    begin(x);
    ir_ref p = EMIT(IR_PARAM, IR_I64, 0, 0, 0, 0);
    ir_ref a = peek(x, p, IR_I64, 0), b = peek(x, p, IR_I64, 8);
    poke(x, p, EMIT(IR_MUL_HIGH_S, IR_I64, a, b, 0, 0), 16);
    poke(x, p, EMIT(IR_MUL_HIGH_U, IR_I64, a, b, 0, 0), 24);
    poke(x, p, EMIT(OP_I64_XOR, IR_I64, a, b, 0, 0), 32); /* both are still there */
    EMIT(IR_RETURN, IR_VOID, 0, 0, 0, 0);
    return finish(x);
}

TEST(upper_halves_of_products)
{
    fixture x;
    setup(&x);
    uint32_t entry = products(&x);
    REQUIRE(map(&x));
    for (unsigned i = 0; i < INTERESTING; i++) {
        for (unsigned k = 0; k < INTERESTING; k++) {
            uint64_t u = interesting[i], v = interesting[k], slots[5] = {u, v};
            CASE("%#" PRIx64 " by %#" PRIx64, u, v);
            CHECK_EQ_INT(enter(&x, entry, slots), WASM_OK);
            CHECK_EQ_UINT(slots[2], (uint64_t)((__int128)(int64_t)u * (int64_t)v >> 64));
            CHECK_EQ_UINT(slots[3], (uint64_t)((unsigned __int128)u * v >> 64));
            CHECK_EQ_UINT(slots[4], u ^ v);
        }
    }
    teardown(&x);
}

/* ---- control, calls, memory -------------------------------------------------------------------
 */

/* slots[1] = sum of 1 … slots[0] by a loop with a poll, whose cost is given. */
static uint32_t loop(fixture *x, uint64_t cost)
{
    begin(x);
    uint32_t head = ir_block_new(&x->f), end = ir_block_new(&x->f);
    ir_ref p = IN(0, IR_PARAM, IR_I64, 0, 0, 0, 0);
    ir_ref n = peek(x, p, IR_I64, 0), zero = IN(0, OP_I64_CONST, IR_I64, 0, 0, 0, 0);
    ir_ref own = IN(0, IR_INSTANCE, IR_I64, 0, 0, 0, 0);
    ir_ref st = IN(0, IR_PEEK, IR_I64, own, 0, 0, offsetof(wasm_instance, store));
    x->f.instrs[st].extra = 8;
    IN(0, IR_BR, IR_VOID, 0, 0, 0, 0);
    x->f.blocks[0].succ[0] = head;
    x->f.blocks[0].succ_count = 1;
    ir_edge(&x->f, 0, head);
    ir_ref i = IN(head, IR_PHI, IR_I64, 0, 0, 0, 0), sum = IN(head, IR_PHI, IR_I64, 0, 0, 0, 0);
    IN(head, IR_POLL, IR_VOID, st, 0, 0, cost);
    ir_ref more = IN(head, OP_I64_ADD, IR_I64, sum, i, 0, 0);
    ir_ref one = IN(head, OP_I64_CONST, IR_I64, 0, 0, 0, 1);
    ir_ref less = IN(head, OP_I64_SUB, IR_I64, i, one, 0, 0);
    ir_ref go_on = IN(head, OP_I64_NE, IR_I32, less, zero, 0, 0);
    IN(head, IR_BR_IF, IR_VOID, go_on, 0, 0, 0);
    x->f.blocks[head].succ[0] = head;
    x->f.blocks[head].succ[1] = end;
    x->f.blocks[head].succ_count = 2;
    ir_edge(&x->f, head, head);
    ir_edge(&x->f, head, end);
    ir_ref of[2][2] = {{n, less}, {zero, more}}, phis[2] = {i, sum};
    for (unsigned k = 0; k < 2; k++) {
        uint32_t list = ir_list(&x->f, 2);
        memcpy(ir_list_items(&x->f, list), of[k], sizeof of[k]);
        x->f.instrs[phis[k]].extra = list;
    }
    ir_ref out = IN(end, IR_POKE, IR_VOID, p, more, 0, 8);
    x->f.instrs[out].extra = 8;
    IN(end, IR_RETURN, IR_VOID, 0, 0, 0, 0);
    return finish(x);
}

TEST(a_loop_with_a_poll)
{
    fixture x;
    uint64_t slots[2] = {100, 0};
    setup(&x);
    uint32_t good = loop(&x, 3), bad = loop(&x, 99);
    REQUIRE(map(&x));
    polls = 0;
    CHECK_EQ_INT(enter(&x, good, slots), WASM_OK);
    CHECK_EQ_UINT(slots[1], 5050);
    CHECK_EQ_UINT(polls, 0);
    store.poll = STORE_POLL_METERED;
    slots[1] = 0;
    CHECK_EQ_INT(enter(&x, good, slots), WASM_OK);
    CHECK_EQ_UINT(slots[1], 5050);
    CHECK_EQ_UINT(polls, 100);
    native_enter_fn go;
    void *at = x.mapped + x.code.stubs[STUB_ENTER];
    memcpy(&go, &at, sizeof go);
    CHECK_EQ_INT(go(&instance, x.mapped + bad, slots, NULL, stack + sizeof stack),
                 WASM_E_UNREACHABLE);
    CHECK_EQ_UINT(polls, 101);
    CHECK(store.native.host_sp == NULL);
    store.poll = 0;
    teardown(&x);
}

/* slots[1] = index of the table's entry for slots[0]. */
static uint32_t table(fixture *x, uint32_t entries)
{
    begin(x);
    ir_ref p = IN(0, IR_PARAM, IR_I64, 0, 0, 0, 0), n = peek(x, p, IR_I32, 0);
    uint32_t list = ir_list(&x->f, entries + 1);
    ir_ref br = IN(0, IR_BR_TABLE, IR_VOID, n, 0, 0, 0);
    x->f.instrs[br].extra = list;
    for (uint32_t k = 0; k <= entries; k++) {
        uint32_t block = ir_block_new(&x->f);
        ir_list_items(&x->f, list)[k] = block;
        ir_edge(&x->f, 0, block);
        ir_ref value = IN(block, OP_I64_CONST, IR_I64, 0, 0, 0, 1000 + k);
        ir_ref out = IN(block, IR_POKE, IR_VOID, p, value, 0, 8);
        x->f.instrs[out].extra = 8;
        IN(block, IR_RETURN, IR_VOID, 0, 0, 0, 0);
    }
    return finish(x);
}

TEST(branch_tables)
{
    static const uint32_t sizes[] = {0, 1, 4, 5, 40};
    uint32_t entries[5];
    fixture x;
    setup(&x);
    for (unsigned s = 0; s < 5; s++)
        entries[s] = table(&x, sizes[s]);
    REQUIRE(map(&x));
    for (unsigned s = 0; s < 5; s++)
        for (uint64_t n = 0; n < 50; n++) {
            uint64_t slots[2] = {n == 49 ? UINT32_MAX : n, 0};
            CASE("%u entries, %" PRIu64, sizes[s], n);
            CHECK_EQ_INT(enter(&x, entries[s], slots), WASM_OK);
            CHECK_EQ_UINT(slots[1], 1000 + (n < sizes[s] ? n : sizes[s]));
        }
    teardown(&x);
}

/* More than registers take, of each kind: integers and floats by turns. */
enum { ARGS = 20, RESULTS = 7 };
static const wasm_valtype many[ARGS] = {WASM_I64, WASM_F64, WASM_I64, WASM_F64, WASM_I64,
                                        WASM_F64, WASM_I64, WASM_F64, WASM_I64, WASM_F64,
                                        WASM_I64, WASM_F64, WASM_I64, WASM_F64, WASM_I64,
                                        WASM_F64, WASM_I64, WASM_F64, WASM_I64, WASM_F64};
static const wasm_functype type_of_many = {many, many, ARGS, RESULTS};

/* Begins a function of that type. */
static void begin_with_many(fixture *x, ir_ref args[ARGS])
{
    begin(x);
    x->f.type = &type_of_many;
    for (unsigned n = 0; n < ARGS; n++)
        args[n] = IN(0, IR_PARAM, n % 2 ? IR_F64 : IR_I64, 0, 0, 0, n);
}

/* Calls funcs[1], of that type, by a function of ours. Argument n has the bits of the number
 * n + 0.5. */
static void call_with_many(fixture *x, uint64_t results[RESULTS])
{
    uint64_t slots[64];
    ir_ref made[RESULTS];

    begin(x);
    ir_ref p = IN(0, IR_PARAM, IR_I64, 0, 0, 0, 0);
    uint32_t list = ir_list(&x->f, ARGS);
    for (unsigned n = 0; n < ARGS; n++)
        ir_list_items(&x->f, list)[n] = peek(x, p, n % 2 ? IR_F64 : IR_I64, 8 * n);
    made[0] = IN(0, IR_CALL, IR_I64, 0, 0, 0, 1);
    x->f.instrs[made[0]].extra = list;
    for (unsigned n = 1; n < RESULTS; n++)
        made[n] = IN(0, IR_RESULT, n % 2 ? IR_F64 : IR_I64, made[0], 0, 0, n);
    for (unsigned n = 0; n < RESULTS; n++)
        poke(x, p, made[n], 256 + 8 * n);
    IN(0, IR_RETURN, IR_VOID, 0, 0, 0, 0);
    x->f.has_calls = true;
    uint32_t caller = finish(x);
    REQUIRE(map(x));
    for (unsigned n = 0; n < 64; n++)
        slots[n] = of_f64(n + 0.5);
    CHECK_EQ_INT(enter(x, caller, slots), WASM_OK);
    memcpy(results, slots + 32, RESULTS * sizeof *results);
}

/* Ten integers and ten floats in, four integers and three floats out, in reverse. */
TEST(arguments_and_results_on_the_stack)
{
    fixture fixed, *x = &fixed;
    uint64_t results[RESULTS] = {0};
    ir_ref args[ARGS];
    setup(x);
    begin_with_many(x, args);
    uint32_t list = ir_list(&x->f, RESULTS);
    for (unsigned n = 0; n < RESULTS; n++) /* of each kind from its last */
        ir_list_items(&x->f, list)[n] = args[ARGS - 2 + n % 2 - (n & ~1u)];
    ir_ref ret = IN(0, IR_RETURN, IR_VOID, 0, 0, 0, 0);
    x->f.instrs[ret].extra = list;
    x->funcs[1] = finish(x);

    call_with_many(x, results);
    for (unsigned n = 0; n < RESULTS; n++) {
        CASE("result %u", n);
        CHECK_EQ_UINT(results[n], of_f64(ARGS - 2 + n % 2 - (n & ~1u) + 0.5));
    }
    teardown(x);
}

/* The same arguments, each kind in reverse, handed on by a function that is then gone: those on the
 * stack from registers and the other way round. Results are CALLEE and what came first. */
TEST(a_function_is_followed_by_another)
{
    enum { TYPE = 5 };
    fixture fixed, *x = &fixed;
    uint64_t results[RESULTS] = {0};
    ir_ref args[ARGS];
    setup(x);
    for (unsigned round = 0; round < 2; round++) {
        begin_with_many(x, args);
        ir_ref last;
        uint32_t list;
        if (round == 0) {
            ir_ref callee = IN(0, IR_CALLEE, IR_I64, 0, 0, 0, 0);
            list = ir_list(&x->f, RESULTS);
            for (unsigned n = 0; n < RESULTS; n++)
                ir_list_items(&x->f, list)[n] = n ? args[ARGS - 2 + n % 2 - (n & ~1u)] : callee;
            last = IN(0, IR_RETURN, IR_VOID, 0, 0, 0, 0);
        } else {
            ir_ref code = IN(0, IR_THUNK, IR_I64, 0, 0, 0, TYPE);
            list = ir_list(&x->f, ARGS);
            for (unsigned n = 0; n < ARGS; n++)
                ir_list_items(&x->f, list)[n] = args[ARGS - 2 + n % 2 - (n & ~1u)];
            last = IN(0, IR_TAIL_CALL_CODE, IR_VOID, code, args[0], 0, 0);
        }
        x->f.instrs[last].extra = list;
        x->funcs[round ? 1 : TYPE] = finish(x);
    }

    call_with_many(x, results);
    for (unsigned n = 0; n < RESULTS; n++) {
        CASE("result %u", n);
        CHECK_EQ_UINT(results[n], of_f64(n + 0.5));
    }
    teardown(x);
}

TEST(recursion_without_end_is_a_trap)
{
    fixture fixed, *x = &fixed;
    uint64_t slots[2] = {0};
    setup(x);
    begin(x);
    IN(0, IR_CALL, IR_VOID, 0, 0, 0, 0);
    IN(0, IR_RETURN, IR_VOID, 0, 0, 0, 0);
    x->f.has_calls = true;
    uint32_t entry = x->funcs[0] = finish(x);
    REQUIRE(map(x));
    CHECK_EQ_INT(enter(x, entry, slots), WASM_E_STACK_EXHAUSTED);
    CHECK((uintptr_t)store.native.sp < store.native.limit);
    CHECK((uintptr_t)store.native.sp > store.native.limit - NATIVE_SMALL_FRAME);
    teardown(x);
}

TEST(helpers_get_arguments_and_answer)
{
    fixture fixed, *x = &fixed;
    uint64_t slots[3] = {7, 42, 0};
    setup(x);
    begin(x);
    ir_ref p = IN(0, IR_PARAM, IR_I64, 0, 0, 0, 0);
    uint32_t list = ir_list(&x->f, 2);
    ir_list_items(&x->f, list)[0] = peek(x, p, IR_I64, 0);
    ir_list_items(&x->f, list)[1] = peek(x, p, IR_I64, 8);
    ir_ref r = IN(0, IR_CALL_HELPER, IR_I64, 0, 0, 0, NATIVE_MEMORY_GROW);
    x->f.instrs[r].extra = list;
    poke(x, p, r, 16);
    IN(0, IR_RETURN, IR_VOID, 0, 0, 0, 0);
    x->f.has_calls = true;
    uint32_t entry = finish(x);
    REQUIRE(map(x));
    CHECK_EQ_INT(enter(x, entry, slots), WASM_OK);
    CHECK_EQ_UINT(slots[2], 7042);
    teardown(x);
}

TEST(a_helper_that_fails_ends_the_function)
{
    fixture fixed, *x = &fixed;
    setup(x);
    begin(x);
    ir_ref p = IN(0, IR_PARAM, IR_I64, 0, 0, 0, 0);
    uint32_t list = ir_list(&x->f, 2);
    ir_list_items(&x->f, list)[0] = peek(x, p, IR_I64, 0);
    ir_list_items(&x->f, list)[1] = peek(x, p, IR_I64, 8);
    ir_ref one = IN(0, OP_I64_CONST, IR_I64, 0, 0, 0, 1);
    ir_ref r = IN(0, IR_CALL_HELPER, IR_VOID, 0, 0, 0, NATIVE_CHECK_TYPE);
    x->f.instrs[r].extra = list;
    poke(x, p, one, 16);
    IN(0, IR_RETURN, IR_VOID, 0, 0, 0, 0);
    x->f.has_calls = true;
    uint32_t entry = finish(x);
    REQUIRE(map(x));
    uint64_t good[3] = {7, WASM_OK, 0}, bad[3] = {7, WASM_E_OOB_TABLE, 0};
    CHECK_EQ_INT(enter(x, entry, good), WASM_OK);
    CHECK_EQ_UINT(good[2], 1);
    CHECK_EQ_INT(enter(x, entry, bad), WASM_E_OOB_TABLE);
    CHECK_EQ_UINT(bad[2], 0);
    teardown(x);
}

/* What CALL_CODE hands over as CALLEE arrives, beside the arguments; THUNK is an address. */
TEST(code_is_called_by_its_address)
{
    enum { TYPE = 5 };
    fixture fixed, *x = &fixed;
    setup(x);
    begin(x);
    ir_ref first = IN(0, IR_PARAM, IR_I64, 0, 0, 0, 0);
    ir_ref callee = IN(0, IR_CALLEE, IR_I64, 0, 0, 0, 0);
    ir_ref sum = IN(0, OP_I64_SUB, IR_I64, callee, first, 0, 0);
    uint32_t list = ir_list(&x->f, 2);
    ir_list_items(&x->f, list)[0] = sum;
    ir_list_items(&x->f, list)[1] = callee;
    ir_ref r = IN(0, IR_RETURN, IR_VOID, 0, 0, 0, 0);
    x->f.instrs[r].extra = list;
    x->funcs[TYPE] = finish(x);

    begin(x);
    ir_ref p = IN(0, IR_PARAM, IR_I64, 0, 0, 0, 0);
    ir_ref argument = peek(x, p, IR_I64, 0), object = peek(x, p, IR_I64, 8);
    ir_ref code = IN(0, IR_THUNK, IR_I64, 0, 0, 0, TYPE);
    list = ir_list(&x->f, 1);
    ir_list_items(&x->f, list)[0] = argument;
    ir_ref call = IN(0, IR_CALL_CODE, IR_I64, code, object, 0, 0);
    x->f.instrs[call].extra = list;
    ir_ref second = IN(0, IR_RESULT, IR_I64, call, 0, 0, 1);
    poke(x, p, call, 16);
    poke(x, p, second, 24);
    poke(x, p, argument, 32);
    IN(0, IR_RETURN, IR_VOID, 0, 0, 0, 0);
    x->f.has_calls = true;
    uint32_t entry = finish(x);
    REQUIRE(map(x));
    uint64_t slots[5] = {30, 1000, 0, 0, 0};
    CHECK_EQ_INT(enter(x, entry, slots), WASM_OK);
    CHECK_EQ_UINT(slots[2], 970);
    CHECK_EQ_UINT(slots[3], 1000);
    CHECK_EQ_UINT(slots[4], 30);
    teardown(x);
}

TEST(loads_stores_and_their_bounds)
{
    fixture fixed, *x = &fixed;
    static uint8_t memory[256];
    uint32_t entries[64], count = 0;
    uint8_t ops[64];
    static const uint64_t offsets[] = {0, 5, 100};
    setup(x);
    for (unsigned load = OP_I32_LOAD; load <= OP_I64_LOAD32_U; load++) {
        const isa_row *row = isa_describe((isa_op)load);
        ir_type type = type_of_letter(row->sig[2]);
        begin(x);
        ir_ref p = IN(0, IR_PARAM, IR_I64, 0, 0, 0, 0);
        ir_ref base = peek(x, p, IR_I64, 0), length = peek(x, p, IR_I64, 8);
        ir_ref at = peek(x, p, IR_I32, 16);
        uint64_t offset = offsets[load % 3];
        IN(0, IR_BOUNDS, IR_VOID, at, length, 0, offset + row->width);
        ir_ref v = IN(0, load, type, at, base, 0, offset);
        poke(x, p, v, 24);
        ops[count] = (uint8_t)load;
        IN(0, IR_RETURN, IR_VOID, 0, 0, 0, 0);
        entries[count++] = finish(x);
    }
    uint32_t loads = count;
    for (unsigned st = OP_I32_STORE; st <= OP_I64_STORE32; st++) {
        const isa_row *row = isa_describe((isa_op)st);
        ir_type type = type_of_letter(row->sig[1]);
        begin(x);
        ir_ref p = IN(0, IR_PARAM, IR_I64, 0, 0, 0, 0);
        ir_ref base = peek(x, p, IR_I64, 0), length = peek(x, p, IR_I64, 8);
        ir_ref at = peek(x, p, IR_I32, 16), v = peek(x, p, type, 24);
        IN(0, IR_BOUNDS, IR_VOID, at, length, 0, row->width);
        IN(0, st, IR_VOID, at, v, base, 0);
        if (type == IR_I32 || type == IR_I64) { /* an immediate, at a constant address */
            ir_ref fixed_at = IN(0, OP_I32_CONST, IR_I32, 0, 0, 0, 200);
            ir_ref imm = IN(0, type == IR_I32 ? OP_I32_CONST : OP_I64_CONST, type, 0, 0, 0,
                            type == IR_I32 ? 0xFFFFFF85 : UINT64_MAX - 0x7A);
            IN(0, st, IR_VOID, fixed_at, imm, base, 3);
        }
        ops[count] = (uint8_t)st;
        IN(0, IR_RETURN, IR_VOID, 0, 0, 0, 0);
        entries[count++] = finish(x);
    }
    REQUIRE(map(x));
    for (unsigned n = 0; n < count; n++) {
        const isa_row *row = isa_describe((isa_op)ops[n]);
        for (uint64_t at = 0; at < 300; at += at == 256 ? 44 : 4) {
            uint8_t want[sizeof memory];
            uint64_t offset = n < loads ? offsets[ops[n] % 3] : 0;
            bool fits = at + offset + row->width <= sizeof memory;
            uint64_t slots[4] = {(uint64_t)(uintptr_t)memory, sizeof memory, at,
                                 n < loads ? 0 : 0x8182838485868788};
            for (unsigned k = 0; k < sizeof memory; k++)
                memory[k] = (uint8_t)(k * 37 + 11);
            memcpy(want, memory, sizeof want);
            CASE("%s at %" PRIu64, row->text, at);
            CHECK_EQ_INT(enter(x, entries[n], slots), fits ? WASM_OK : WASM_E_OOB_MEMORY);
            if (!fits)
                continue;
            if (n < loads) {
                uint64_t v = 0;
                memcpy(&v, memory + at + offset, row->width);
                if (strstr(row->text, "_s")) {
                    unsigned shift = 64 - 8 * row->width;
                    v = (uint64_t)((int64_t)(v << shift) >> shift);
                }
                CHECK_EQ_UINT(slots[3], row->text[1] == '3' ? (uint32_t)v : v);
            } else {
                memcpy(want + at, &slots[3], row->width);
                uint64_t imm = UINT64_MAX - 0x7A;
                if (row->text[0] == 'i')
                    memcpy(want + 203, &imm, row->width);
                CHECK_EQ_MEM(memory, sizeof memory, want, sizeof want);
            }
        }
    }
    teardown(x);
}

TEST(selects_with_their_conditions)
{
    fixture fixed, *x = &fixed;
    uint32_t entries[128], count = 0;
    uint16_t ops[128];
    setup(x);
    for (unsigned op = OP_I32_EQZ; op <= OP_F64_GE; op++) {
        const isa_row *row = isa_describe((isa_op)op);
        ir_type type = type_of_letter(row->sig[0]);
        begin(x);
        uint32_t yes = ir_block_new(&x->f), no = ir_block_new(&x->f);
        ir_ref p = IN(0, IR_PARAM, IR_I64, 0, 0, 0, 0);
        ir_ref a = peek(x, p, type, 0), b = row->sig[1] == ':' ? 0 : peek(x, p, type, 8);
        ir_ref u = peek(x, p, IR_I64, 32), v = peek(x, p, IR_I64, 40);
        ir_ref fu = peek(x, p, IR_F64, 32), fv = peek(x, p, IR_F64, 40);
        ir_ref one = IN(0, op, IR_I32, a, b, 0, 0);
        poke(x, p, IN(0, OP_SELECT, IR_I64, u, v, one, 0), 16);
        ir_ref two = IN(0, op, IR_I32, a, b, 0, 0);
        poke(x, p, IN(0, OP_SELECT, IR_F64, fu, fv, two, 0), 24);
        ir_ref three = IN(0, op, IR_I32, a, b, 0, 0);
        IN(0, IR_BR_IF, IR_VOID, three, 0, 0, 0);
        x->f.blocks[0].succ[0] = yes;
        x->f.blocks[0].succ[1] = no;
        x->f.blocks[0].succ_count = 2;
        ir_edge(&x->f, 0, yes);
        ir_edge(&x->f, 0, no);
        ir_ref c = IN(yes, OP_I64_CONST, IR_I64, 0, 0, 0, 111);
        x->f.instrs[IN(yes, IR_POKE, IR_VOID, p, c, 0, 48)].extra = 8;
        IN(yes, IR_RETURN, IR_VOID, 0, 0, 0, 0);
        ir_ref four = IN(no, op, IR_I32, a, b, 0, 0); /* does not hold */
        IN(no, IR_TRAP_IF, IR_VOID, four, 0, 0, WASM_E_UNREACHABLE);
        IN(no, IR_RETURN, IR_VOID, 0, 0, 0, 0);
        ops[count] = (uint16_t)op;
        entries[count++] = finish(x);
    }
    REQUIRE(map(x));
    for (unsigned n = 0; n < count; n++)
        for (unsigned a = 0; a < INTERESTING; a++)
            for (unsigned b = 0; b < INTERESTING; b++) {
                wasm_status trap = WASM_OK;
                uint64_t slots[8] = {interesting[a], interesting[b], 0, 0, 1234, 5678, 0};
                bool holds = reference(ops[n], interesting[a], interesting[b], &trap);
                CASE("%s %#" PRIx64 ", %#" PRIx64, isa_text((isa_op)ops[n]), interesting[a],
                     interesting[b]);
                CHECK_EQ_INT(enter(x, entries[n], slots), WASM_OK);
                CHECK_EQ_UINT(slots[2], holds ? 1234 : 5678);
                CHECK_EQ_UINT(slots[3], holds ? 1234 : 5678);
                CHECK_EQ_UINT(slots[6], holds ? 111 : 0);
            }
    teardown(x);
}
#else
TEST(skipped)
{
    CHECK(target_here() == NULL); /* machine code of another architecture */
}
#endif
