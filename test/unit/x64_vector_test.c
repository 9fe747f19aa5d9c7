/* SPDX-License-Identifier: Apache-2.0
 * x64_vector_test.c — machine code of single vector instructions, run and compared with what the
 * interpreter computes.
 * layers: compile interp
 *
 * How:     as x64_test.c, but that the forms are those of vectors: the same operand twice, more
 *          live ones than there are registers, numbers that are constants.
 */
#include "unit.h"

#include "target.h"

#if defined(__x86_64__)
#include "interp_vector.h"
#include "x64_fixture.h"

/* What the interpreter computes, from the slots of one_vector_op() to what it leaves there. */
#define INPUT_I32     (uint32_t) slots[6]
#define INPUT_I64     slots[6]
#define INPUT_F32     bits_f32((uint32_t)slots[6])
#define INPUT_F64     bits_f64(slots[6])
#define OUTPUT(value) memcpy(&slots[8], &(value), sizeof(value))
#define GIVES(id, result_type, expr)                                                               \
    case OP_##id: {                                                                                \
        v128 x = vector_read(slots), y = vector_read(slots + 2), z = vector_read(slots + 4);       \
        (void)y, (void)z;                                                                          \
        result_type r = expr;                                                                      \
        OUTPUT(r);                                                                                 \
        return true;                                                                               \
    }
#define TAKES(id, x_type, x_value, y_type, y_value, expr)                                          \
    case OP_##id: {                                                                                \
        x_type x = x_value;                                                                        \
        y_type y = y_value;                                                                        \
        (void)y;                                                                                   \
        v128 r = expr;                                                                             \
        OUTPUT(r);                                                                                 \
        return true;                                                                               \
    }
#define RESULT_I32                            uint32_t
#define RESULT_I64                            uint64_t
#define RESULT_F32                            float
#define RESULT_F64                            double
#define UNARY(id, text, in, out, guard, expr) GIVES(id, RESULT_##out, expr)
#define PLAIN(id, text, form)
#define STORE(id, text, in, type, expr)                                                            \
    case OP_##id:                                                                                  \
        memcpy(memory, slots, sizeof(type));                                                       \
        return true;
#define VECTOR_1(id, text, expr)         GIVES(id, v128, expr)
#define VECTOR_C(id, text, expr)         GIVES(id, v128, expr)
#define VECTOR_N(id, text, expr)         GIVES(id, v128, expr)
#define VECTOR_3(id, text, expr)         GIVES(id, v128, expr)
#define VECTOR_SHIFT(id, text, expr)     TAKES(id, v128, vector_read(slots), uint32_t, INPUT_I32, expr)
#define VECTOR_SPLAT(id, text, in, expr) TAKES(id, RESULT_##in, INPUT_##in, uint32_t, 0, expr)
#define VECTOR_REPLACE(id, text, in, expr)                                                         \
    TAKES(id, v128, vector_read(slots), RESULT_##in, INPUT_##in, expr)
#define VECTOR_EXTRACT(id, text, out, type, expr)                                                  \
    case OP_##id: {                                                                                \
        type x;                                                                                    \
        memcpy(&x, (const char *)slots + lane * sizeof x, sizeof x);                               \
        RESULT_##out r = expr;                                                                     \
        OUTPUT(r);                                                                                 \
        return true;                                                                               \
    }
#define VECTOR_SWAPPED(id, text, as)                                                               \
    case OP_##id:                                                                                  \
        swap(slots);                                                                               \
        return interpreted(OP_##as, slots, memory, lane);
#define VECTOR_SAME(id, text, as, kind, first)                                                     \
    case OP_##id:                                                                                  \
        return interpreted(OP_##as, slots, memory, lane);
#define VECTOR_LOAD(id, text, type, expr)                                                          \
    case OP_##id: {                                                                                \
        type x;                                                                                    \
        memcpy(&x, memory, sizeof x);                                                              \
        v128 r = expr;                                                                             \
        OUTPUT(r);                                                                                 \
        return true;                                                                               \
    }
#define VECTOR_LOAD_LANE(id, text, type, expr)                                                     \
    case OP_##id: {                                                                                \
        type x;                                                                                    \
        v128 y = vector_read(slots);                                                               \
        memcpy(&x, memory, sizeof x);                                                              \
        v128 r = expr;                                                                             \
        OUTPUT(r);                                                                                 \
        return true;                                                                               \
    }
#define VECTOR_STORE_LANE(id, text, type)                                                          \
    case OP_##id:                                                                                  \
        memcpy(memory, (const char *)slots + lane * sizeof(type), sizeof(type));                   \
        return true;

static void swap(uint64_t *slots)
{
    uint64_t first[2] = {slots[0], slots[1]};
    slots[0] = slots[2];
    slots[1] = slots[3];
    slots[2] = first[0];
    slots[3] = first[1];
}

static bool interpreted(unsigned op, uint64_t *slots, uint8_t *memory, unsigned lane)
{
    switch (op) {
#include "icode_vector.def"
    default: return false;
    }
}

static ir_type vector_letter(char c)
{
    return c == 'V' ? IR_V128 : type_of_letter(c);
}

static bool is_vector_op(unsigned op)
{
    const isa_row *row = isa_describe((isa_op)op);
    return target_x64.has(op) && strchr(row->sig, 'V') && row->sig[0] != ':';
}

enum {
    VECTOR_PRESSURE, /* more vectors live than there are registers */
    VECTOR_FEW,      /* nothing else does */
    VECTOR_ONE,      /* all operands are the same value */
    VECTOR_CONSTANT, /* numbers are constants */
    VECTOR_FORMS,
    VARIANTS = 16, /* of lanes */
    NUMBER = 0x12345679,
    MEMORY = 80 /* where accesses go, beside what slot 7 says */
};

/* The lanes of a shuffle: some that have an instruction of their own, others that have none. */
static void shuffle_lanes(unsigned variant, uint8_t *lanes)
{
    static const uint8_t known[][16] = {
        {0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23},
        {24, 8, 25, 9, 26, 10, 27, 11, 28, 12, 29, 13, 30, 14, 31, 15},
        {0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23},
        {8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31},
        {0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23},
        {3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18},
        {31, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14},
        {4, 5, 6, 7, 12, 13, 14, 15, 16, 17, 18, 19, 28, 29, 30, 31},
        {20, 21, 22, 23, 28, 29, 30, 31, 0, 1, 2, 3, 4, 5, 6, 7},
        {12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3},
        {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
        {15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0},
        {31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16}};
    for (unsigned n = 0; n < 16; n++)
        lanes[n] = variant < sizeof known / 16 ? known[variant][n] : (n * 11 + variant * 7) & 31;
}

/* slots: 0, 2, 4 vectors, 6 a number, 7 an address, 8 the result, 10 memory; slots from 16 on
 * survive. */
static uint32_t one_vector_op(fixture *x, unsigned op, unsigned lane, unsigned form)
{
    const isa_row *row = isa_describe((isa_op)op);
    const char *sig = row->sig;
    size_t operands = strcspn(sig, ":");
    unsigned vectors = 0, lives = form == VECTOR_PRESSURE ? PRESSURE : 0;
    ir_ref arg[3] = {0}, kept[PRESSURE];
    begin(x);
    ir_ref p = EMIT(IR_PARAM, IR_I64, 0, 0, 0, 0);
    for (unsigned n = 0; n < lives; n++)
        kept[n] = peek(x, p, IR_V128, 128 + 16 * n);
    for (size_t n = 0; n < operands; n++) {
        ir_type type = vector_letter(sig[n]);
        if (sig[n] == 'a')
            arg[n] = peek(x, p, IR_I32, 56);
        else if (sig[n] == 'V')
            arg[n] = form == VECTOR_ONE && vectors++ ? arg[0] : peek(x, p, IR_V128, 16 * n);
        else if (form == VECTOR_CONSTANT && (type == IR_I32 || type == IR_I64))
            arg[n] = EMIT(type == IR_I32 ? OP_I32_CONST : OP_I64_CONST, type, 0, 0, 0, NUMBER);
        else
            arg[n] = peek(x, p, type, 48);
    }
    if (sig[0] == 'a') {
        if (operands == 2)
            arg[1] = peek(x, p, IR_V128, 0);
        arg[operands] = p;
    }
    ir_ref r = EMIT(op, sig[operands + 1] ? vector_letter(sig[operands + 1]) : IR_VOID, arg[0],
                    arg[1], arg[2], sig[0] == 'a' ? MEMORY : 0);
    if (op == OP_I8X16_SHUFFLE) {
        uint32_t list = ir_list(&x->f, 4);
        shuffle_lanes(lane, (uint8_t *)ir_list_items(&x->f, list));
        x->f.instrs[r].extra = list;
    } else {
        x->f.instrs[r].extra = lane;
    }
    if (sig[operands + 1])
        poke(x, p, r, 64);
    for (unsigned n = 0; n < lives; n++)
        poke(x, p, kept[n], 512 + 16 * n);
    EMIT(IR_RETURN, IR_VOID, 0, 0, 0, 0);
    return finish(x);
}

static void fill(uint64_t *slots, unsigned round)
{
    uint64_t state = round * 0x9E3779B97F4A7C15u + 1;
    for (unsigned n = 0; n < 128; n++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        slots[n] = round % 3 == 0 ? interesting[state % INTERESTING] : state;
        if (round % 3 == 1 && n % 2) /* floats of 32 bits, whose interesting ones come first */
            slots[n - 1] = interesting[state % 24] << 32 | (uint32_t)interesting[(state >> 9) % 24];
    }
    if (round % 5 == 0)
        slots[2] = slots[0];
    if (round % 7 == 0)
        slots[0] = slots[1] = 0;
    slots[7] = round * 5 % 32;
}

static unsigned lanes_of(const isa_row *row, unsigned op)
{
    if (op == OP_I8X16_SHUFFLE)
        return VARIANTS;
    bool has_lane = row->imm == ISA_IMM_LANE || row->imm == ISA_IMM_MEMARG_LANE;
    unsigned bytes = row->flags & (ISA_LOAD | ISA_STORE) ? row->width : 0;
    for (const char *c = row->text; has_lane && !bytes && *c; c++)
        if (*c == 'x')
            return (unsigned)atoi(c + 1);
    return has_lane ? 16 / bytes : 1;
}

/* One NaN is as good as another. */
static void forgive_nans(const isa_row *row, const uint64_t *want, uint64_t *got)
{
    bool wide = strncmp(row->text, "f64", 3) == 0;
    if (row->text[0] != 'f')
        return;
    for (unsigned n = 0; n < (wide ? 2 : 4); n++) {
        uint8_t *one = (uint8_t *)&got[8] + (wide ? 8 : 4) * n;
        const uint8_t *other = (const uint8_t *)&want[8] + (wide ? 8 : 4) * n;
        double x[2];
        float y[2];
        memcpy(&x[0], one, wide ? 8 : 4), memcpy(&x[1], other, wide ? 8 : 4);
        memcpy(&y[0], one, 4), memcpy(&y[1], other, 4);
        if (wide ? isnan(x[0]) && isnan(x[1]) : isnan(y[0]) && isnan(y[1]))
            memcpy(one, other, wide ? 8 : 4);
    }
}

static void one_round(fixture *x, unsigned op, uint32_t entry, unsigned lane, unsigned form,
                      unsigned round)
{
    const isa_row *row = isa_describe((isa_op)op);
    uint64_t want[128], got[128], first[6];
    fill(got, round);
    if (op == OP_I8X16_SHUFFLE && form == VECTOR_ONE)
        memcpy(&got[2], &got[0], 16);
    memcpy(want, got, sizeof want);
    memcpy(first, got, sizeof first);
    if (form == VECTOR_ONE && row->sig[0] == 'V')
        for (unsigned n = 2; n < 6; n++)
            want[n] = want[n - 2];
    if (form == VECTOR_CONSTANT && strcspn(row->sig, "iI") < strcspn(row->sig, ":"))
        want[6] = NUMBER;
    CASE("%s lane %u form %u round %u", row->text, lane, form, round);
    if (op == OP_I8X16_SHUFFLE) {
        v128 lanes;
        shuffle_lanes(lane, (uint8_t *)&lanes);
        vector_write(&want[8], i8x16_shuffle(vector_read(want), vector_read(&want[2]), lanes));
    } else if (!interpreted(op, want, (uint8_t *)want + MEMORY + want[7], lane)) {
        FAIL("the interpreter has no row for it");
    }
    for (unsigned n = 0; n < 2 * PRESSURE && form == VECTOR_PRESSURE; n++)
        want[64 + n] = want[16 + n];
    memcpy(want, first, sizeof first);
    if (form == VECTOR_CONSTANT)
        want[6] = got[6];
    CHECK_EQ_INT(enter(x, entry, got), WASM_OK);
    forgive_nans(row, want, got);
    CHECK_EQ_MEM(got, sizeof got, want, sizeof want);
}

static void all_vector_ops(uint32_t off)
{
    enum { ROUNDS = 60 };
    fixture x;
    static uint32_t entries[OP_COUNT][VARIANTS][VECTOR_FORMS];
    unsigned seen = 0;
    x64_switched_off = off;
    setup(&x);
    for (unsigned op = 0; op < OP_COUNT; op++)
        for (unsigned n = 0; is_vector_op(op) && n < lanes_of(isa_describe((isa_op)op), op); n++)
            for (unsigned form = 0; form < VECTOR_FORMS; form++) {
                CASE("%s", isa_text((isa_op)op));
                entries[op][n][form] = one_vector_op(&x, op, n, form);
            }
    REQUIRE(map(&x));
    for (unsigned op = 0; op < OP_COUNT; op++) {
        unsigned lanes = is_vector_op(op) ? lanes_of(isa_describe((isa_op)op), op) : 0;
        seen += lanes != 0;
        for (unsigned n = 0; n < lanes; n++)
            for (unsigned form = 0; form < VECTOR_FORMS; form++)
                for (unsigned round = 0; round < ROUNDS; round++)
                    one_round(&x, op, entries[op][n][form], n, form, round);
    }
    CHECK(seen > 250);
    teardown(&x);
    x64_switched_off = 0;
}

TEST(vectors_are_as_in_the_interpreter)
{
    all_vector_ops(0);
}

TEST(and_vectors_without_avx)
{
    all_vector_ops(X64_AVX);
}

TEST(vector_constants_loads_and_stores)
{
    static const uint32_t words[] = {1, 0x80000000, 0, 0xFFFFFFFF};
    fixture fixed, *x = &fixed;
    setup(x);
    begin(x);
    ir_ref p = IN(0, IR_PARAM, IR_I64, 0, 0, 0, 0);
    ir_ref base = peek(x, p, IR_I64, 0), at = peek(x, p, IR_I32, 8);
    ir_ref c = IN(0, OP_V128_CONST, IR_V128, 0, 0, 0, 0);
    uint32_t list = ir_list(&x->f, 4);
    memcpy(ir_list_items(&x->f, list), words, sizeof words);
    x->f.instrs[c].extra = list;
    ir_ref v = IN(0, OP_V128_LOAD, IR_V128, at, base, 0, 3);
    ir_ref sum = IN(0, OP_I32X4_ADD, IR_V128, v, c, 0, 0);
    IN(0, OP_V128_STORE, IR_VOID, at, sum, base, 21);
    IN(0, IR_RETURN, IR_VOID, 0, 0, 0, 0);
    uint32_t entry = finish(x);
    REQUIRE(map(x));
    uint8_t memory[64] = {0};
    uint64_t slots[2] = {(uint64_t)(uintptr_t)memory, 2};
    uint32_t in[4] = {5, 6, 7, 8}, out[4];
    memcpy(memory + 5, in, sizeof in);
    CHECK_EQ_INT(enter(x, entry, slots), WASM_OK);
    memcpy(out, memory + 23, sizeof out);
    for (unsigned n = 0; n < 4; n++)
        CHECK_EQ_UINT(out[n], in[n] + words[n]);
    teardown(x);
}
#else
TEST(skipped)
{
    CHECK(target_here() == NULL); /* machine code of another architecture */
}
#endif
