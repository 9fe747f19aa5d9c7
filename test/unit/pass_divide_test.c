/* SPDX-License-Identifier: Apache-2.0
 * pass_divide_test.c — quotients and remainders by constants: what stands for them gives the same.
 * layers: compile validate
 *
 * How:     a function of the instruction and the constant is built and improved, the machine's
 *          division is looked for, and what is left, which is straight-line code, is computed here
 *          for dividends around each edge and compared with C.
 */
#include "unit.h"

#include "build.h"
#include "decode.h"
#include "module_text.h"

static bool has_all(unsigned op)
{
    (void)op;
    return true;
}
static const target everything = {.name = "test", .has = has_all};

/* The function's result for one dividend; *divides: there is a division in it. */
static uint64_t evaluate(const ir_func *f, uint64_t dividend, uint64_t *values, bool *divides)
{
    for (ir_ref r = f->blocks[f->order[0]].first; r; r = f->instrs[r].next) {
        const ir_instr *i = &f->instrs[r];
        uint64_t x = values[i->arg[0]], y = values[i->arg[1]];

        switch (i->op) {
        case IR_PARAM: values[r] = dividend; break;
        case OP_I32_CONST: values[r] = (uint32_t)i->imm; break;
        case OP_I64_CONST: values[r] = i->imm; break;
        case OP_I32_ADD: values[r] = (uint32_t)(x + y); break;
        case OP_I32_SUB: values[r] = (uint32_t)(x - y); break;
        case OP_I32_MUL: values[r] = (uint32_t)(x * y); break;
        case OP_I32_AND: values[r] = x & y; break;
        case OP_I32_SHL: values[r] = (uint32_t)(x << (y & 31)); break;
        case OP_I32_SHR_U: values[r] = x >> (y & 31); break;
        case OP_I32_SHR_S: values[r] = (uint32_t)((int32_t)(uint32_t)x >> (y & 31)); break;
        case OP_I64_EXTEND_I32_U: values[r] = x; break;
        case OP_I64_EXTEND_I32_S: values[r] = (uint64_t)(int64_t)(int32_t)(uint32_t)x; break;
        case OP_I32_WRAP_I64: values[r] = (uint32_t)x; break;
        case OP_I64_ADD: values[r] = x + y; break;
        case OP_I64_SUB: values[r] = x - y; break;
        case OP_I64_MUL: values[r] = x * y; break;
        case OP_I64_AND: values[r] = x & y; break;
        case IR_MUL_HIGH_U: values[r] = (uint64_t)((unsigned __int128)x * y >> 64); break;
        case IR_MUL_HIGH_S: values[r] = (uint64_t)((__int128)(int64_t)x * (int64_t)y >> 64); break;
        case OP_I64_SHL: values[r] = x << (y & 63); break;
        case OP_I64_SHR_U: values[r] = x >> (y & 63); break;
        case OP_I64_SHR_S: values[r] = (uint64_t)((int64_t)x >> (y & 63)); break;
        case IR_RETURN:
        case IR_BR: break;
        default:
            *divides =
                *divides || !(ir_effects(i->op) == 0 || i->op == IR_POLL || i->op == IR_PEEK);
            break;
        }
        if (i->op == IR_BR) {
            r = f->blocks[f->blocks[i->block].succ[0]].first;
            if (f->instrs[r].op == IR_RETURN)
                return values[ir_list_items(f, f->instrs[r].extra)[0]];
            printf("more blocks than were thought of\n");
            *divides = true;
            return 0;
        }
        if (i->op == IR_RETURN)
            return values[ir_list_items(f, i->extra)[0]];
    }
    return 0;
}

static bool is_wide(unsigned op)
{
    return op >= 0x7F;
}

static uint64_t expected(unsigned op, uint64_t x, uint64_t d)
{
    switch (op) {
    case 0x6D: return (uint32_t)((int64_t)(int32_t)x / (int32_t)d);
    case 0x6E: return (uint32_t)x / (uint32_t)d;
    case 0x6F: return (uint32_t)((int64_t)(int32_t)x % (int32_t)d);
    case 0x70: return (uint32_t)x % (uint32_t)d;
    case 0x7F: return (uint64_t)((__int128)(int64_t)x / (int64_t)d);
    case 0x80: return x / d;
    case 0x81: return (uint64_t)((__int128)(int64_t)x % (int64_t)d);
    default: return x % d;
    }
}

/* A function of the dividend; i32.const and i64.const with all of their bytes. */
static uint8_t *module_for(unsigned op, uint64_t d, size_t *length)
{
    const unsigned bytes = is_wide(op) ? 10 : 5, type = is_wide(op) ? 0x7E : 0x7F;
    const int64_t value = is_wide(op) ? (int64_t)d : (int32_t)d;
    char constant[40] = "", text[300];

    for (unsigned i = 0; i < bytes; i++)
        snprintf(constant + 3 * i, 4, "%02x ",
                 (unsigned)(value >> (7 * i < 63 ? 7 * i : 63) & 0x7F) |
                     (i + 1 < bytes ? 0x80 : 0));
    snprintf(text, sizeof text,
             "01(01 60 01 %02x 01 %02x) 03(01 00) 0a(01 (00 20 00 %02x %s %02x 0b))", type, type,
             is_wide(op) ? 0x42 : 0x41, constant, op);
    return module_text(text, length);
}

/* Of dividends about the edges, and about multiples. */
static unsigned wrong_of(const ir_func *f, unsigned op, uint64_t d, bool *divides)
{
    static const uint64_t edges[] = {0,          0x7FFFFFFF,         0x80000000,        0xFFFFFFFF,
                                     0x55555555, 0x7FFFFFFFFFFFFFFF, 0x8000000000000000};
    const uint64_t all = is_wide(op) ? UINT64_MAX : UINT32_MAX;
    uint64_t *values = calloc(f->instr_count, sizeof *values);
    unsigned wrong = 0;

    for (unsigned e = 0; e < sizeof edges / sizeof *edges; e++) {
        for (uint64_t k = 0; k < 41; k++) {
            const uint64_t x = (edges[e] + k - 20) & all;

            wrong += evaluate(f, x, values, divides) != expected(op, x, d);
        }
    }
    for (uint64_t k = 0; k < 400; k++) {
        const uint64_t spread = is_wide(op) ? k * 0x9E3779B97F4A7C15u : (uint32_t)(k * 0x9E3779B9u);
        const uint64_t x = (spread / (d ? d : 1) * d + k % 3 - 1) & all;

        wrong += evaluate(f, x, values, divides) != expected(op, x, d);
    }
    free(values);
    return wrong;
}

/* How many dividends come out differently; 1000 if nothing was built or it still divides. */
static unsigned differences(unsigned op, uint64_t d)
{
    wasm_report report = {0};
    wasm_load_options options = {.features = WASM_FEATURES_SUPPORTED};
    build_options how = {.guarded = true, .target = &everything};
    wasm_module *m = NULL;
    builder *b = NULL;
    size_t length;
    unsigned wrong = 1000;
    bool declined = false, divides = false;
    uint8_t *bytes = module_for(op, d, &length);

    if (decode_module(bytes, length, &options, &m, &report) == WASM_OK &&
        validate_module(m, &report) == WASM_OK && builder_new(m, &how, &b) == WASM_OK) {
        ir_func f;
        arena a;

        arena_init(&a, &m->quota);
        ir_reset(&f, &a);
        if (build_function(b, 0, &f, &declined, &report) == WASM_OK && !declined &&
            improve(&f, &how) == WASM_OK)
            wrong = wrong_of(&f, op, d, &divides);
        if (divides)
            wrong = 1000;
        arena_release(&a);
    }
    builder_free(b);
    if (m)
        module_destroy(m);
    free(bytes);
    if (wrong)
        printf("op %02x by %#llx: %u\n", op, (unsigned long long)d, wrong);
    return wrong;
}

TEST(every_small_divisor_and_the_edges)
{
    unsigned wrong = 0;

    for (unsigned op = 0x6D; op <= 0x70; op++) {
        bool is_signed = op == 0x6D || op == 0x6F;

        for (uint32_t d = 2; d < 300; d++) {
            wrong += differences(op, d);
            wrong += differences(op, 0x7FFFFFFFu - d);
            wrong += is_signed ? differences(op, 0u - d) : differences(op, 0x80000000u + d);
        }
        for (unsigned shift = 1; shift < 31; shift++) {
            wrong += differences(op, 1u << shift);
            wrong += differences(op, (1u << shift) + 1);
            wrong += shift > 1 ? differences(op, (1u << shift) - 1) : 0;
        }
        if (!is_signed) {
            wrong += differences(op, 0xFFFFFFFFu);
            wrong += differences(op, 0x80000000u);
        }
    }
    CHECK_EQ_UINT(wrong, 0);
}

TEST(every_small_divisor_and_the_edges_of_64_bits)
{
    unsigned wrong = 0;

    for (unsigned op = 0x7F; op <= 0x82; op++) {
        bool is_signed = op == 0x7F || op == 0x81;

        for (uint64_t d = 2; d < 300; d++) {
            wrong += differences(op, d);
            wrong += differences(op, 0x7FFFFFFFFFFFFFFFu - d);
            wrong += differences(op, d * 0x123456789ABu);
            wrong += is_signed ? differences(op, 0u - d) : differences(op, 0x8000000000000000u + d);
        }
        for (unsigned shift = 1; shift < 63; shift++) {
            wrong += differences(op, (uint64_t)1 << shift);
            wrong += differences(op, ((uint64_t)1 << shift) + 1);
            wrong += shift > 1 ? differences(op, ((uint64_t)1 << shift) - 1) : 0;
            wrong += is_signed ? differences(op, 0 - ((uint64_t)1 << shift)) : 0;
        }
        if (!is_signed) {
            wrong += differences(op, 0xFFFFFFFFFFFFFFFFu);
            wrong += differences(op, 0x8000000000000000u);
        }
    }
    CHECK_EQ_UINT(wrong, 0);
}

/* Where the machine traps, it is asked; and for the divisor that has no absolute value. */
TEST(what_may_trap_stays)
{
    CHECK_EQ_UINT(differences(0x7F, 0xFFFFFFFFFFFFFFFFu), 1000);
    CHECK_EQ_UINT(differences(0x7F, 0x8000000000000000u), 1000);
    CHECK_EQ_UINT(differences(0x81, 0x8000000000000000u), 1000);
    CHECK_EQ_UINT(differences(0x6D, 0xFFFFFFFFu), 1000);
}
