/* SPDX-License-Identifier: Apache-2.0
 * fused_test.c — a handler of several instructions does what their own handlers do one by one.
 * layers: facade interp
 *
 * How:     for each row of icode_fused.def its instructions are written by hand, with random slots,
 *          immediates and distances, and run from a random frame over a random memory: as they are,
 *          and with the row's handler in the first one. Frame, memory and outcome must be the same,
 *          traps included. Accumulators are seen where instructions before and behind put them into
 *          slots.
 */
#include "interp_impl.h" /* first: its tables of rows have a TEST of their own */

#include "runtime_fixture.h"
#include "unit.h"
#include "unit_random.h"

enum { ROUNDS = 300, SLOTS = 32, STEPS_MAX = 3, CALLEE = 24, SAID = 20, PAGE = 65536 };

/* What the second half of word 1 is, and word 2 where there is one. */
typedef enum fields { TWO_SLOTS, IMMEDIATE, ADDRESS, DISTANCE, CALLS, TABLE, RETURNS } fields;

typedef struct step {
    unsigned op, words;
    fields fields;
} step;

typedef struct row {
    const char *text;
    unsigned handler, two, count;
    step steps[STEPS_MAX];
} row;

/* clang-format off */
#define CLASS_WIDE_I32 0
#define CLASS_WIDE_I64 0
#define CLASS_WIDE_F32 0
#define CLASS_WIDE_F64 1
#define IMMEDIATE_IN(form) (strchr(#form, 'I') != NULL)
#define COMPUTES(in, op, form)                                                                     \
    {op, IMMEDIATE_IN(form) && CLASS_WIDE_##in ? 3 : 2, IMMEDIATE_IN(form) ? IMMEDIATE : TWO_SLOTS}
#define DO_ALU(in, op, form, to)     COMPUTES(in, IC_##in##_##op##_##form##_##to, form)
#define DO_CMP(in, op, form, to)     COMPUTES(in, IC_##in##_##op##_##form##_##to, form)
#define DO_LOAD(out, op, form, to)                                                                 \
    {IC_##out##_##op##_##form##_##to, IMMEDIATE_IN(form) ? 3 : 2,                                  \
     strlen(#form) == 1 || IMMEDIATE_IN(form) ? ADDRESS : TWO_SLOTS}
#define DO_STORE(in, op, form)                                                                     \
    {IC_##in##_##op##_##form, IMMEDIATE_IN(form) ? 3 : 2,                                          \
     strchr(#form, '_') != NULL || IMMEDIATE_IN(form) ? ADDRESS : TWO_SLOTS}
#define DO_BRANCH(in, op, form, how) {IC_##in##_##op##_##form##_##how, IMMEDIATE_IN(form) ? 3 : 2, DISTANCE}
#define DO_TEST(in, op, form, how)   {IC_##in##_##op##_##form##_##how, 2, DISTANCE}
#define PLAIN_COPY       {IC_COPY, 2, TWO_SLOTS}
#define PLAIN_CONST32    {IC_CONST32, 2, IMMEDIATE}
#define PLAIN_SELECT_S_S {IC_SELECT_S_S, 2, TWO_SLOTS}
#define PLAIN_SELECT_A_S {IC_SELECT_A_S, 2, TWO_SLOTS}
#define PLAIN_SELECT_S_A {IC_SELECT_S_A, 2, TWO_SLOTS}
#define PLAIN_SELECT_A_A {IC_SELECT_A_A, 2, TWO_SLOTS}
#define PLAIN_BR         {IC_BR, 2, DISTANCE}
#define PLAIN_LOOP       {IC_LOOP, 2, DISTANCE}
#define PLAIN_CALL       {IC_CALL, 3, CALLS}
#define PLAIN_BR_TABLE_A {IC_BR_TABLE_A, 3, TABLE}
#define PLAIN_RET_A_INT  {IC_RET_A_INT, 2, RETURNS}
#define DO_PLAIN(id)     PLAIN_##id

#define FUSED2(id, first, second)             {#id, IC_##id, IC_COUNT, 2, {first, second, {0}}},
#define FUSED3(id, two, first, second, third) {#id, IC_##id, IC_##two, 3, {first, second, third}},
/* clang-format on */

static uint64_t bits_of_double(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static uint32_t bits_of_float(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* Of one round all values are of one kind: few, that are often equal; addresses; any bits; floats.
 */
static uint64_t next_value(unsigned kind)
{
    uint64_t some = next_random() >> 8;

    switch (kind % 5) {
    case 0: return some % 4;
    case 1: return some % 4096;
    case 2: return next_random();
    case 3: return bits_of_double((double)(int64_t)(some % 64) / 8 - 4);
    default: return bits_of_float((float)(int64_t)(some % 64) / 8 - 4);
    }
}

static uint16_t next_slot(void)
{
    return (uint16_t)(4 + next_random() % 16);
}

/* Writes `s` at code[at], from where `elsewhere` is another place to go on. */
static void write_step(icode *code, unsigned at, const step *s, unsigned elsewhere, unsigned kind,
                       const interp_func *callee)
{
    const int32_t distance = (int32_t)elsewhere - (int32_t)at;
    icode *to = code + at;

    to->handler = interp_handlers()[s->op];
    for (unsigned i = 0; i < 4; i++)
        to[1].u16[i] = next_slot();
    if (s->words > 2)
        to[2].u64 = next_value(kind);
    switch (s->fields) {
    case TWO_SLOTS: break;
    case IMMEDIATE: to[1].u32[1] = (uint32_t)next_value(kind); break;
    case ADDRESS:
        to[1].u32[1] = (uint32_t)next_random() % 512;
        if (s->words > 2)
            to[2].u64 = next_random() % 512;
        break;
    case DISTANCE: to[1].i32[1] = distance; break;
    case CALLS:
        to[1].u16[0] = to[1].u16[1] = CALLEE;
        to[2].pointer = callee;
        break;
    case TABLE:
        to[1].u32[1] = 1;
        to[2].i32[0] = distance;
        to[2].i32[1] = (int32_t)s->words;
        break;
    case RETURNS: to[1].u16[0] = 0; break;
    }
}

static void write_plain(icode *to, unsigned op, uint16_t slot, uint16_t first, uint16_t second)
{
    to->handler = interp_handlers()[op];
    to[1] = (icode){.u16 = {slot, first, second, 0}};
}

/* Where control ends up: accumulators into slots, then a mark, then back. */
static unsigned write_end(icode *code, unsigned at, uint32_t mark)
{
    write_plain(code + at, IC_I64_OR_AS_S, SAID, 0, 4);
    write_plain(code + at + 2, IC_F64_ADD_AS_S, SAID + 1, 0, 4);
    write_plain(code + at + 4, IC_F32_ADD_AS_S, SAID + 2, 0, 4);
    write_plain(code + at + 6, IC_CONST32, SAID + 3, 0, 0);
    code[at + 7].u32[1] = mark;
    write_plain(code + at + 8, IC_RET, 0, 0, 0);
    return at + 10;
}

typedef struct outcome {
    wasm_status status;
    uint64_t frame[SLOTS];
    uint8_t memory[PAGE];
} outcome;

static void run_code(fixture *f, const icode *code, const uint64_t *frame, const uint8_t *memory,
                     outcome *out)
{
    const interp_func body = {.code = code, .param_slots = 0};
    wasm_func func = *fixture_func(f, "f");

    func.code = &body;
    memcpy(f->instance->memory0->base, memory, PAGE);
    memcpy(f->store->stack, frame, SLOTS * sizeof *frame);
    f->store->frame_count = 0;
    out->status = interp_execute(f->store, &func, f->store->stack);
    memcpy(out->frame, f->store->stack, sizeof out->frame);
    memcpy(out->memory, f->instance->memory0->base, PAGE);
}

static void check_row(fixture *f, const row *r, unsigned kind)
{
    static outcome apart, together;
    static uint8_t memory[PAGE];
    icode code[64], callee[2];
    const interp_func called = {.code = callee, .param_slots = 0};
    const unsigned begin = 6, end = begin + 3 * STEPS_MAX, elsewhere = end + 12;
    unsigned at = begin;
    uint64_t frame[SLOTS];

    memset(code, 0, sizeof code);
    for (size_t i = 0; i < SLOTS; i++)
        frame[i] = next_value(kind);
    for (size_t i = 0; i < 8192; i += 8) {
        uint64_t value = next_value(kind);

        memcpy(memory + i, &value, sizeof value);
    }
    write_plain(callee, IC_RET, 0, 0, 0);
    write_plain(code, IC_I64_OR_SS_S, 3, 1, 2);
    write_plain(code + 2, IC_F64_ADD_SS_S, 3, 1, 2);
    write_plain(code + 4, IC_F32_ADD_SS_S, 3, 1, 2);
    for (unsigned i = 0; i < r->count; i++) {
        write_step(code, at, &r->steps[i], elsewhere, kind, &called);
        at += r->steps[i].words;
    }
    write_end(code, at, 1);
    write_end(code, elsewhere, 2);
    run_code(f, code, frame, memory, &apart);
    code[begin].handler = interp_handlers()[r->handler];
    run_code(f, code, frame, memory, &together);
    CHECK_EQ_INT(together.status, apart.status);
    CHECK(memcmp(together.frame, apart.frame, sizeof apart.frame) == 0);
    CHECK(memcmp(together.memory, apart.memory, PAGE) == 0);
}

TEST(each_row_does_what_its_instructions_do)
{
    const row rows[] = {
#include "icode_fused.def"
    };
    fixture f;

    /* (memory 1) (func (export "f")) */
    REQUIRE(fixture_open(&f,
                         "01(01 60 00 00) 03(01 00) 05(01 00 01) 07(01 ('f') 00 00)"
                         "0a(01 (00 0b))",
                         NULL, NULL, 0, NULL));
    CHECK_EQ_UINT(sizeof rows / sizeof rows[0], IC_FUSED_COUNT);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const row *r = &rows[i];

        CASE("%s", r->text);
        CHECK_EQ_UINT(interp_fused_first(r->handler), r->steps[0].op);
        if (r->two < IC_COUNT) {
            const row *two = &rows[r->two - IC_FUSED];

            CHECK_EQ_UINT(two->handler, r->two);
            CHECK_EQ_UINT(two->count, 2);
            CHECK_EQ_UINT(two->steps[0].op, r->steps[0].op);
            CHECK_EQ_UINT(two->steps[1].op, r->steps[1].op);
        }
        for (unsigned round = 0; round < ROUNDS; round++)
            check_row(&f, r, round);
    }
    fixture_close(&f);
}
