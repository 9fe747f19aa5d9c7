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
static uint32_t evaluate(const ir_func *f, uint32_t dividend, uint64_t *values, bool *divides)
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
                return (uint32_t)values[ir_list_items(f, f->instrs[r].extra)[0]];
            printf("more blocks than were thought of\n");
            *divides = true;
            return 0;
        }
        if (i->op == IR_RETURN)
            return (uint32_t)values[ir_list_items(f, i->extra)[0]];
    }
    return 0;
}

static uint32_t expected(unsigned op, uint32_t x, uint32_t d)
{
    switch (op) {
    case 0x6D: return (uint32_t)((int64_t)(int32_t)x / (int32_t)d);
    case 0x6E: return x / d;
    case 0x6F: return (uint32_t)((int64_t)(int32_t)x % (int32_t)d);
    default: return x % d;
    }
}

/* How many dividends come out differently; 1000 if nothing was built or it still divides. */
static unsigned differences(unsigned op, uint32_t d)
{
    char text[300];
    wasm_report report = {0};
    wasm_load_options options = {.features = WASM_FEATURES_SUPPORTED};
    build_options how = {.guarded = true, .target = &everything};
    wasm_module *m = NULL;
    builder *b = NULL;
    size_t length;
    unsigned wrong = 1000;
    bool declined = false, divides = false;
    uint8_t *bytes;

    /* i32.const with all of its five bytes */
    snprintf(
        text, sizeof text,
        "01(01 60 01 7f 01 7f) 03(01 00) 0a(01 (00 20 00 41 %02x %02x %02x %02x %02x %02x 0b))",
        (d & 0x7F) | 0x80, (d >> 7 & 0x7F) | 0x80, (d >> 14 & 0x7F) | 0x80, (d >> 21 & 0x7F) | 0x80,
        d >> 28 | (d >> 31 ? 0x70 : 0), op);
    bytes = module_text(text, &length);
    if (decode_module(bytes, length, &options, &m, &report) == WASM_OK &&
        validate_module(m, &report) == WASM_OK && builder_new(m, &how, &b) == WASM_OK) {
        ir_func f;
        arena a;

        arena_init(&a, &m->quota);
        ir_reset(&f, &a);
        if (build_function(b, 0, &f, &declined, &report) == WASM_OK && !declined &&
            improve(&f, &how) == WASM_OK) {
            uint64_t *values = calloc(f.instr_count, sizeof *values);
            static const uint32_t edges[] = {0, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x55555555};

            wrong = 0;
            for (unsigned e = 0; e < sizeof edges / sizeof *edges; e++) {
                for (uint32_t k = 0; k < 41; k++) {
                    uint32_t x = edges[e] + k - 20;

                    wrong += evaluate(&f, x, values, &divides) != expected(op, x, d);
                }
            }
            for (uint32_t k = 0; k < 400; k++) { /* about multiples */
                uint32_t x = (k * 0x9E3779B9u / (d ? d : 1)) * d + k % 3 - 1;

                wrong += evaluate(&f, x, values, &divides) != expected(op, x, d);
            }
            free(values);
            if (divides)
                wrong = 1000;
        }
        arena_release(&a);
    }
    builder_free(b);
    if (m)
        module_destroy(m);
    free(bytes);
    if (wrong)
        printf("op %02x by %u: %u\n", op, d, wrong);
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

/* Where the machine traps, it is asked. */
TEST(what_may_trap_stays)
{
    CHECK_EQ_UINT(differences(0x6D, 0xFFFFFFFFu), 1000);
}
