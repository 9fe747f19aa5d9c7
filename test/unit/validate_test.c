/* SPDX-License-Identifier: Apache-2.0
 * validate_test.c — verdicts of the validator, and the stream of events that tiers are built on.
 * layers: validate
 *
 * How:     most cases are one body inside a module that has some of everything (FRAME): functions 0
 *          (imported, [] -> []), 1 (imported, [i32] -> [i64]) and 2, the one under test; tables 0
 *          (funcref) and 1 (externref); memory 0; globals 0 (imported, i32), 1 (i64, mutable);
 *          types as listed there. Events are written as one line each and compared as text. The
 *          specification's own suite covers the typing rules one by one; here stands what it cannot
 *          see: offsets, details, events, limits.
 */
#include "unit.h"

#include "decode.h"
#include "limits.h"
#include "module_text.h"
#include "validate.h"

/* Types: 0 [] -> [], 1 [i32] -> [i64], 2 [i32 i64] -> [i64 i32], 3 [i32 i64] -> [i32 i64]. */
#define FRAME_HEAD                                                                                 \
    "01(04 60 00 00 60 01 7f 01 7e 60 02 7f 7e 02 7e 7f 60 02 7f 7e 02 7f 7e)"                     \
    "02(03 ('m') ('a') 00 00 ('m') ('b') 00 01 ('m') ('g') 03 7f 00)"
#define FRAME_TAIL(body)                                                                           \
    "04(02 70 00 04 6f 00 04) 05(01 00 01) 06(01 7e 01 42 00 0b)"                                  \
    "09(02 01 00 01 00 05 6f 01 d0 6f 0b) 0c(01) 0a(01 (" body ")) 0b(01 01 ('data'))"
/* Function 2 of type [] -> []; of type 2. The body begins with its locals. */
#define PLAIN(body) FRAME_HEAD "03(01 00)" FRAME_TAIL(body)
#define TYPED(body) FRAME_HEAD "03(01 02)" FRAME_TAIL(body)

static wasm_module *load(const char *text, wasm_features features, wasm_report *report)
{
    size_t length;
    uint8_t *bytes = module_text(text, &length);
    wasm_load_options options = {.features = features};
    wasm_module *m = NULL;
    (void)decode_module(bytes, length, &options, &m, report);
    free(bytes);
    return m;
}

/* Everything after decoding; with a sink, all bodies are handed to it. */
static wasm_status validate_all(wasm_module *m, const validate_sink *sink, wasm_report *report)
{
    validate_scratch *scratch = NULL;
    wasm_status status = validate_module(m, report);
    if (status != WASM_OK)
        return status;
    if (validate_scratch_new(m, &scratch) != WASM_OK)
        return WASM_E_QUOTA;
    for (uint32_t i = m->func_import_count; i < m->func_count && status == WASM_OK; i++)
        status = validate_body(m, i, scratch, sink, report);
    validate_scratch_free(scratch);
    return status;
}

static wasm_status verdict(const char *text, wasm_features features, wasm_report *report)
{
    wasm_module *m = load(text, features, report);
    if (m == NULL)
        return report->status;
    wasm_status status = validate_all(m, NULL, report);
    module_destroy(m);
    return status;
}

static const struct {
    const char *text;
    wasm_status status;
    const char *detail; /* a part of it */
} verdicts[] = {
    {PLAIN("00 0b"), WASM_OK, ""},
    /* the stack */
    {PLAIN("00 6a 1a 0b"), WASM_E_TYPE_MISMATCH, "i32.add expects i32, the stack is empty"},
    {PLAIN("00 41 00 42 00 6a 1a 0b"), WASM_E_TYPE_MISMATCH, "i32.add expects i32, found i64"},
    {PLAIN("00 41 00 0b"), WASM_E_TYPE_MISMATCH, "operands left over at the end of the block: 1"},
    {PLAIN("00 1a 0b"), WASM_E_TYPE_MISMATCH, "drop finds no operand"},
    {PLAIN("00 41 00 02 40 1a 0b 0b"), WASM_E_TYPE_MISMATCH, "drop finds no operand"},
    {PLAIN("00 00 6a 1a 0b"), WASM_OK, ""}, /* unreachable makes operands up */
    {PLAIN("00 00 42 00 6a 1a 0b"), WASM_E_TYPE_MISMATCH, "found i64"},
    {PLAIN("00 00 02 40 1a 0b 0b"), WASM_E_TYPE_MISMATCH, "drop"}, /* not inside its blocks */
    /* blocks */
    {PLAIN("00 02 ff ff ff ff 0f 0b 0b"), WASM_E_UNKNOWN_TYPE, "type 4294967295"}, /* not none */
    {PLAIN("00 41 00 04 7f 41 01 0b 1a 0b"), WASM_E_TYPE_MISMATCH, "if without else"},
    {PLAIN("00 05 0b"), WASM_E_END_EXPECTED, "else without an if"},
    {PLAIN("00 41 00 04 40 05 05 0b 0b"), WASM_E_END_EXPECTED, "else without an if"},
    {PLAIN("00 02 40 0b"), WASM_E_UNEXPECTED_END, "without its end"},
    {PLAIN("00 0b 01"), WASM_E_END_EXPECTED, "1 bytes follow"},
    {PLAIN("00 02 09 0b 0b"), WASM_E_UNKNOWN_TYPE, "type 9; the module has 4"},
    {PLAIN("00 02 42 0b 0b"), WASM_E_VALUE_TYPE, "0x42"},
    {PLAIN("00 41 00 42 00 02 03 0b 1a 1a 0b"), WASM_OK, ""},
    {PLAIN("00 41 00 42 00 02 02 0b 1a 1a 0b"), WASM_E_TYPE_MISMATCH, "expects i32, found i64"},
    /* branches */
    {PLAIN("00 0c 01 0b"), WASM_E_UNKNOWN_LABEL, "label 1; there are 1"},
    {PLAIN("00 41 00 0d 02 0b"), WASM_E_UNKNOWN_LABEL, "label 2"},
    {PLAIN("00 41 00 0e 01 00 05 0b"), WASM_E_UNKNOWN_LABEL, "label 5"},
    {PLAIN("00 02 7f 41 00 41 00 0e 01 00 01 0b 1a 0b"), WASM_E_TYPE_MISMATCH,
     "labels with 1 and 0"},
    {PLAIN("00 02 7f 42 00 41 00 0e 00 00 0b 1a 0b"), WASM_E_TYPE_MISMATCH, "expects i32, found"},
    {PLAIN("00 02 7f 41 00 0e 00 00 0b 1a 0b"), WASM_E_TYPE_MISMATCH, "the stack is empty"},
    {PLAIN("00 02 7e 02 7f 00 41 00 0e 01 00 01 0b 1a 00 0b 1a 0b"), WASM_OK, ""},
    {PLAIN("00 02 7f 0c 00 0b 1a 0b"), WASM_E_TYPE_MISMATCH, "br expects i32"},
    /* a loop's label takes its parameters */
    {PLAIN("00 41 00 42 00 03 02 0c 00 0b 1a 1a 0b"), WASM_OK, ""},
    {PLAIN("00 41 00 42 00 02 02 0c 00 0b 1a 1a 0b"), WASM_E_TYPE_MISMATCH, "br expects i32"},
    {TYPED("00 42 00 41 00 0f 0b"), WASM_OK, ""},
    {TYPED("00 41 00 0f 0b"), WASM_E_TYPE_MISMATCH, "return expects i64"},
    /* calls */
    {PLAIN("00 10 00 0b"), WASM_OK, ""},
    {PLAIN("00 10 03 0b"), WASM_E_UNKNOWN_FUNCTION, "function 3; the module has 3"},
    {PLAIN("00 42 00 10 01 1a 0b"), WASM_E_TYPE_MISMATCH, "call expects i32, found i64"},
    {PLAIN("00 41 00 11 00 00 0b"), WASM_OK, ""},
    {PLAIN("00 41 00 11 00 02 0b"), WASM_E_UNKNOWN_TABLE, "table 2"},
    {PLAIN("00 41 00 11 00 01 0b"), WASM_E_TYPE_MISMATCH, "table 1 holds externref"},
    {PLAIN("00 41 00 11 04 00 0b"), WASM_E_UNKNOWN_TYPE, "type 4"},
    /* locals and globals */
    {PLAIN("01 02 7e 20 01 1a 0b"), WASM_OK, ""},
    {PLAIN("01 02 7e 20 02 1a 0b"), WASM_E_UNKNOWN_LOCAL, "local 2; the function has 2"},
    {TYPED("01 01 7d 20 02 1a 20 01 20 00 0b"), WASM_OK, ""}, /* parameters come first */
    {PLAIN("01 01 7e 41 00 21 00 0b"), WASM_E_TYPE_MISMATCH, "local.set expects i64"},
    {PLAIN("00 41 00 24 00 0b"), WASM_E_IMMUTABLE_GLOBAL, "global 0"},
    {PLAIN("00 42 00 24 01 0b"), WASM_OK, ""},
    {PLAIN("00 23 02 1a 0b"), WASM_E_UNKNOWN_GLOBAL, "global 2"},
    {PLAIN("02 ff ff ff ff 0f 7f 01 7f 0b"), WASM_E_TOO_MANY_LOCALS, "4294967296"},
    {PLAIN("01 d0 86 03 7f 0b"), WASM_OK, ""},
    {PLAIN("01 d1 86 03 7f 0b"), WASM_E_IMPL_LIMIT, "50001 locals; the limit is 50000"},
    {PLAIN("01 01 40 0b"), WASM_E_VALUE_TYPE, "0x40"},
    {PLAIN("09 01 7f 0b"), WASM_E_UNEXPECTED_END, "value type"},
    /* memory */
    {PLAIN("00 41 00 28 02 00 1a 0b"), WASM_OK, ""},
    {PLAIN("00 41 00 28 03 00 1a 0b"), WASM_E_ALIGNMENT, "2^3 bytes for i32.load"},
    {PLAIN("00 41 00 2d 01 00 1a 0b"), WASM_E_ALIGNMENT, "i32.load8_u"},
    {PLAIN("00 41 00 28 3f 00 1a 0b"), WASM_E_ALIGNMENT, "2^63"},
    {PLAIN("00 41 00 28 02 80 80 80 80 10 1a 0b"), WASM_E_OFFSET_RANGE, "offset 4294967296"},
    {PLAIN("00 41 00 28 80 01 00 1a 0b"), WASM_E_MEMOP_FLAGS, "0x80"},
    {PLAIN("00 41 00 28 42 01 00 1a 0b"), WASM_E_UNKNOWN_MEMORY, "memory 1; the module has 1"},
    {PLAIN("00 3f 01 1a 0b"), WASM_E_UNKNOWN_MEMORY, "memory 1; the module has 1"},
    {PLAIN("00 41 00 41 00 41 00 fc 08 00 00 0b"), WASM_OK, ""},
    {PLAIN("00 41 00 41 00 41 00 fc 08 01 00 0b"), WASM_E_UNKNOWN_DATA, "segment 1"},
    {PLAIN("00 fc 09 01 0b"), WASM_E_UNKNOWN_DATA, "segment 1"},
    /* tables */
    {PLAIN("00 41 00 41 00 25 00 26 00 0b"), WASM_OK, ""},
    {PLAIN("00 41 00 41 00 25 01 26 00 0b"), WASM_E_TYPE_MISMATCH, "expects funcref"},
    {PLAIN("00 41 00 41 00 41 00 fc 0e 00 01 0b"), WASM_E_TYPE_MISMATCH, "table 0 holds funcref"},
    {PLAIN("00 41 00 41 00 41 00 fc 0c 01 01 0b"), WASM_OK, ""},
    {PLAIN("00 41 00 41 00 41 00 fc 0c 00 01 0b"), WASM_E_TYPE_MISMATCH, "segment 0 (ref func)"},
    {PLAIN("00 41 00 41 00 41 00 fc 0c 02 00 0b"), WASM_E_UNKNOWN_ELEM, "segment 2"},
    {PLAIN("00 fc 0d 02 0b"), WASM_E_UNKNOWN_ELEM, "segment 2"},
    {PLAIN("00 d0 6f 41 00 fc 0f 01 1a 0b"), WASM_OK, ""},
    {PLAIN("00 fc 10 02 1a 0b"), WASM_E_UNKNOWN_TABLE, "table 2"},
    /* references and select */
    {PLAIN("00 d2 00 1a 0b"), WASM_OK, ""},
    {PLAIN("00 d2 01 1a 0b"), WASM_E_UNDECLARED_REF, "function 1"},
    {PLAIN("00 d2 04 1a 0b"), WASM_E_UNKNOWN_FUNCTION, "function 4"},
    {PLAIN("00 41 00 d1 1a 0b"), WASM_E_TYPE_MISMATCH, "expects a reference, found i32"},
    {PLAIN("00 d0 6f d0 6f 41 00 1b 1a 0b"), WASM_E_TYPE_MISMATCH, "names its type"},
    {PLAIN("00 d0 6f d0 6f 41 00 1c 01 6f 1a 0b"), WASM_OK, ""},
    {PLAIN("00 41 00 41 00 41 00 1c 00 1a 0b"), WASM_E_SELECT_ARITY, "0 types"},
    {PLAIN("00 41 00 42 00 41 00 1b 1a 0b"), WASM_E_TYPE_MISMATCH, "select of i32 and i64"},
    /* typed references */
    {PLAIN("00 d2 00 14 00 0b"), WASM_OK, ""},
    {PLAIN("00 d0 00 14 00 0b"), WASM_OK, ""},
    {PLAIN("00 d0 70 14 00 0b"), WASM_E_TYPE_MISMATCH, "expects (ref null 0), found funcref"},
    {PLAIN("00 d0 01 14 00 0b"), WASM_E_TYPE_MISMATCH, "expects (ref null 0), found (ref null 1)"},
    {PLAIN("00 41 00 d0 01 14 01 1a 0b"), WASM_OK, ""},
    {PLAIN("00 14 09 0b"), WASM_E_UNKNOWN_TYPE, "type 9"},
    {PLAIN("00 d2 00 15 00 0b"), WASM_OK, ""},
    {PLAIN("00 41 00 d0 01 15 01 0b"), WASM_E_TYPE_MISMATCH, "other results"},
    {PLAIN("00 d0 70 d4 1a 0b"), WASM_OK, ""},
    {PLAIN("00 41 00 d4 1a 0b"), WASM_E_TYPE_MISMATCH, "expects a reference, found i32"},
    {PLAIN("00 00 d4 1a 0b"), WASM_OK, ""},
    {PLAIN("00 00 d4 d1 1a 0b"), WASM_OK, ""},
    {PLAIN("00 00 d4 45 1a 0b"), WASM_E_TYPE_MISMATCH, "expects i32, found reference"},
    {PLAIN("00 02 40 d0 70 d5 00 1a 0b 0b"), WASM_OK, ""},
    {PLAIN("00 02 7f d0 70 d5 00 1a 41 00 0b 1a 0b"), WASM_E_TYPE_MISMATCH, "br_on_null expects"},
    {PLAIN("00 02 70 d0 70 d6 00 d0 70 0b 1a 0b"), WASM_OK, ""},
    {PLAIN("00 02 64 70 d0 70 d6 00 d2 00 0b 1a 0b"), WASM_OK, ""},
    {PLAIN("00 02 40 d0 70 d6 00 0b 0b"), WASM_E_TYPE_MISMATCH, "label 0 takes no reference"},
    {PLAIN("00 02 6f d0 70 d6 00 d0 6f 0b 1a 0b"), WASM_E_TYPE_MISMATCH, "expects externref"},
    {PLAIN("00 02 63 00 d0 00 0b 14 00 0b"), WASM_OK, ""}, /* a block that gives (ref null 0) */
    {PLAIN("00 d2 00 d2 00 41 00 1c 01 64 00 14 00 0b"), WASM_OK, ""},
    /* locals that have to be set before they are read */
    {PLAIN("01 01 64 70 20 00 1a 0b"), WASM_E_UNSET_LOCAL, "local 0 is read before it is set"},
    {PLAIN("01 01 64 70 d2 00 21 00 20 00 1a 0b"), WASM_OK, ""},
    {PLAIN("01 01 64 70 d2 00 22 00 1a 02 40 20 00 1a 0b 20 00 1a 0b"), WASM_OK, ""},
    {PLAIN("01 01 64 70 02 40 d2 00 21 00 20 00 1a 0b 20 00 1a 0b"), WASM_E_UNSET_LOCAL, ""},
    {PLAIN("01 01 64 70 41 00 04 40 d2 00 21 00 05 20 00 1a 0b 0b"), WASM_E_UNSET_LOCAL, ""},
    {PLAIN("01 01 64 70 41 00 04 40 d2 00 21 00 05 d2 00 21 00 20 00 1a 0b 0b"), WASM_OK, ""},
    {PLAIN("01 01 64 70 00 20 00 1a 0b"), WASM_E_UNSET_LOCAL, ""},
    {PLAIN("02 01 7f 46 64 70 d2 00 21 46 20 45 1a 0b"), WASM_E_UNSET_LOCAL, "local 69"},
    /* codes */
    {PLAIN("00 ff 0b"), WASM_E_ILLEGAL_OPCODE, "opcode 0xff"},
    {PLAIN("00 fc 12 0b"), WASM_E_ILLEGAL_OPCODE, "opcode 0xfc 18"},
    /* calls in place of a return: operands and results of both functions */
    {PLAIN("00 12 00 0b"), WASM_OK, ""},
    {PLAIN("00 12 00 6a 1a 0b"), WASM_OK, ""}, /* what follows cannot be reached */
    {PLAIN("00 12 04 0b"), WASM_E_UNKNOWN_FUNCTION, "function 4"},
    {PLAIN("00 41 00 12 01 0b"), WASM_E_TYPE_MISMATCH, "return_call of a function with other"},
    {TYPED("00 41 00 42 00 12 02 0b"), WASM_OK, ""},
    {TYPED("00 42 00 12 02 0b"), WASM_E_TYPE_MISMATCH, "return_call expects i32, the stack is"},
    {PLAIN("00 41 00 13 00 00 0b"), WASM_OK, ""},
    {PLAIN("00 41 00 13 00 01 0b"), WASM_E_TYPE_MISMATCH, "table 1 holds externref"},
    {PLAIN("00 41 00 41 00 13 01 00 0b"), WASM_E_TYPE_MISMATCH, "return_call_indirect of a"},
    {PLAIN("00 fd 9a 01 0b"), WASM_E_ILLEGAL_OPCODE, "opcode 0xfd 154"},
    {PLAIN("00 fd 94 02 0b"), WASM_E_ILLEGAL_OPCODE, "opcode 0xfd 276"},
    /* vectors: lanes, operands, alignment */
    {PLAIN("01 01 7b 20 00 20 00 fd 0d 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 1f 1a 0b"),
     WASM_OK, ""},
    {PLAIN("01 01 7b 20 00 20 00 fd 0d 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 20 1a 0b"),
     WASM_E_LANE, "lane 32 for i8x16.shuffle, where there are 32"},
    {PLAIN("01 01 7b 20 00 fd 16 0f 1a 0b"), WASM_OK, ""},
    {PLAIN("01 01 7b 20 00 fd 16 10 1a 0b"), WASM_E_LANE, "lane 16 for i8x16.extract_lane_u"},
    {PLAIN("01 01 7b 20 00 fd 21 02 1a 0b"), WASM_E_LANE, "lane 2 for f64x2.extract_lane"},
    {PLAIN("01 01 7b 20 00 41 00 fd 1a 08 1a 0b"), WASM_E_LANE, "lane 8 for i16x8.replace_lane"},
    {PLAIN("01 01 7b 20 00 42 00 fd 1c 00 1a 0b"), WASM_E_TYPE_MISMATCH, "expects i32, found i64"},
    {PLAIN("01 01 7b 41 00 20 00 fd 57 03 00 01 1a 0b"), WASM_OK, ""},
    {PLAIN("01 01 7b 41 00 20 00 fd 57 03 00 02 1a 0b"), WASM_E_LANE, "v128.load64_lane"},
    {PLAIN("01 01 7b 41 00 20 00 fd 58 01 00 00 0b"), WASM_E_ALIGNMENT, "v128.store8_lane"},
    {PLAIN("00 41 00 fd 00 04 00 1a 0b"), WASM_OK, ""},
    {PLAIN("00 41 00 fd 00 05 00 1a 0b"), WASM_E_ALIGNMENT, "2^5 bytes for v128.load"},
    {PLAIN("01 01 7b 20 00 41 00 41 01 1b 1a 0b"), WASM_E_TYPE_MISMATCH, "select of v128 and i32"},
    {PLAIN("01 01 7b 20 00 20 00 41 01 1b 1a 0b"), WASM_OK, ""},
    /* threads: the alignment is the width */
    {PLAIN("00 41 00 fe 10 02 00 1a 0b"), WASM_OK, ""},
    {PLAIN("00 41 00 fe 10 01 00 1a 0b"), WASM_E_ATOMIC_ALIGNMENT, "i32.atomic.load"},
    {PLAIN("00 41 00 fe 10 03 00 1a 0b"), WASM_E_ALIGNMENT, "i32.atomic.load"},
    {PLAIN("00 fe 03 00 0b"), WASM_OK, ""},
    {PLAIN("00 fe 03 01 0b"), WASM_E_ZERO_BYTE, "0x01"},
    {PLAIN("00 41 00 41 00 42 00 fe 01 02 00 1a 0b"), WASM_OK, ""},
    /* wide arithmetic: two results */
    {PLAIN("00 42 00 42 00 42 00 42 00 fc 13 1a 1a 0b"), WASM_OK, ""},
    {PLAIN("00 42 00 42 00 42 00 fc 13 1a 1a 0b"), WASM_E_TYPE_MISMATCH, "the stack is empty"},
    {PLAIN("00 42 00 42 00 fc 16 1a 0b"), WASM_E_TYPE_MISMATCH, "left over"},
};

TEST(verdicts_on_bodies)
{
    for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++) {
        wasm_report report;
        CASE("row %zu (%s)", i, verdicts[i].detail);
        wasm_status status = verdict(verdicts[i].text, 0, &report);
        CHECK_EQ_STR(wasm_status_name(status), wasm_status_name(verdicts[i].status));
        CHECK_EQ_INT(report.status, status);
        CHECK(strstr(report.detail, verdicts[i].detail) != NULL);
        if (status != WASM_OK) {
            CHECK_EQ_UINT(report.func, 2);
            CHECK(report.offset != WASM_NO_OFFSET);
        }
    }
}

static const struct {
    const char *text;
    wasm_status status;
    uint64_t offset;
} module_verdicts[] = {
    {"02(01 00 00 00 00)", WASM_E_UNKNOWN_TYPE, 14},
    {"01(01 60 00 00) 03(01 01) 0a(01 (00 0b))", WASM_E_UNKNOWN_TYPE, 17},
    {"04(01 70 01 02 01)", WASM_E_LIMITS_ORDER, 11},
    {"04(01 70 00 80 80 80 80 10)", WASM_E_TABLE_SIZE, 11},
    {"05(01 00 81 80 04)", WASM_E_MEMORY_SIZE, 11},
    {"05(01 01 01 81 80 04)", WASM_E_MEMORY_SIZE, 11},
    {"05(01 01 02 01)", WASM_E_LIMITS_ORDER, 11},
    {"05(02 00 00 00 00)", WASM_OK, 0},
    {"05(01 04 80 80 80 80 80 80 40)", WASM_OK, 0},
    {"05(01 04 81 80 80 80 80 80 40)", WASM_E_MEMORY_SIZE, 11},
    {"05(01 08 ff ff ff ff 0f 00)", WASM_OK, 0},
    {"05(01 08 80 80 80 80 10 00)", WASM_E_MEMORY_SIZE, 11},
    {"05(01 0c ff ff ff ff ff ff ff ff ff 01 00)", WASM_OK, 0},
    {"04(01 70 05 80 80 80 80 10 80 80 80 80 20)", WASM_OK, 0},
    {"05(01 04 00) 0b(01 00 41 00 0b 00)", WASM_E_TYPE_MISMATCH, 19},
    {"05(01 04 00) 0b(01 00 42 00 0b 00)", WASM_OK, 0},
    {"04(01 70 04 00) 09(01 00 41 00 0b 00)", WASM_E_TYPE_MISMATCH, 20},
    {"05(01 02 00)", WASM_E_SHARED_MAXIMUM, 11},
    {"05(01 03 00 01)", WASM_OK, 0},
    {"06(01 7b 00 fd 0c 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 0b)", WASM_OK, 0},
    {"06(01 7b 00 41 00 fd 11 0b)", WASM_E_CONST_EXPR, 15},
    {"06(01 7f 00 42 00 0b)", WASM_E_TYPE_MISMATCH, 15},
    {"06(01 7f 00 0b)", WASM_E_TYPE_MISMATCH, 13},
    {"06(01 7f 00 41 00 41 00 0b)", WASM_E_TYPE_MISMATCH, 17},
    {"06(01 7f 00 41 00 67 0b)", WASM_E_CONST_EXPR, 15},
    {"06(01 7f 00 23 00 0b)", WASM_E_UNKNOWN_GLOBAL, 13},                /* itself */
    {"06(02 7f 00 23 01 0b 7f 00 41 00 0b)", WASM_E_UNKNOWN_GLOBAL, 13}, /* a later one */
    {"06(02 7f 00 41 00 0b 7f 00 23 00 0b)", WASM_OK, 0},
    {"06(02 7f 01 41 00 0b 7f 00 23 00 0b)", WASM_E_CONST_EXPR, 18},
    {"06(01 7f 00 41 02 41 03 6c 41 01 6a 0b)", WASM_OK, 0},
    {"06(01 70 00 d2 00 0b)", WASM_E_UNKNOWN_FUNCTION, 13},
    {"07(01 ('f') 00 00)", WASM_E_UNKNOWN_FUNCTION, 11},
    {"07(01 ('t') 01 00)", WASM_E_UNKNOWN_TABLE, 11},
    {"07(01 ('m') 02 00)", WASM_E_UNKNOWN_MEMORY, 11},
    {"07(01 ('g') 03 00)", WASM_E_UNKNOWN_GLOBAL, 11},
    {"05(01 00 00) 07(02 ('m') 02 00 ('m') 02 00)", WASM_E_DUPLICATE_EXPORT, 20},
    {"05(01 00 00) 07(03 ('m') 02 00 ('n') 02 00 ('mm') 02 00)", WASM_OK, 0},
    {"08(00)", WASM_E_UNKNOWN_FUNCTION, 10},
    {"08(ff ff ff ff 0f)", WASM_E_UNKNOWN_FUNCTION, 10},
    {"01(01 60 01 7f 00) 02(01 00 00 00 00) 08(00)", WASM_E_START_TYPE, 24},
    {"09(01 00 41 00 0b 00)", WASM_E_UNKNOWN_TABLE, 11},
    {"04(01 70 00 00) 09(01 00 41 00 0b 01 00)", WASM_E_UNKNOWN_FUNCTION, 17},
    {"04(01 6f 00 00) 09(01 00 41 00 0b 00)", WASM_E_TYPE_MISMATCH, 17},
    {"04(01 70 00 00) 09(01 00 42 00 0b 00)", WASM_E_TYPE_MISMATCH, 20},
    {"09(01 05 70 01 d0 6f 0b)", WASM_E_TYPE_MISMATCH, 16},
    {"04(01 64 70 00 00)", WASM_E_TYPE_MISMATCH, 11}, /* nothing to begin with */
    {"02(01 ('m') ('t') 01 64 70 00 00)", WASM_OK, 0},
    {"01(01 60 00 00) 03(01 00) 04(01 40 00 64 00 00 02 d2 00 0b) 0a(01 (00 0b))", WASM_OK, 0},
    {"04(01 40 00 64 70 00 02 d0 70 0b)", WASM_E_TYPE_MISMATCH, 19},
    {"01(01 60 00 00) 03(01 00) 04(01 64 70 00 01) 0a(01 (00 0b))", WASM_E_TYPE_MISMATCH, 21},
    {"01(02 60 00 00 60 01 7f 00) 06(01 63 01 00 d0 00 0b)", WASM_E_TYPE_MISMATCH, 26},
    {"01(02 60 00 00 60 00 00) 06(01 63 01 00 d0 00 0b)", WASM_OK, 0}, /* equal types */
    {"0b(01 00 41 00 0b 00)", WASM_E_UNKNOWN_MEMORY, 11},
    {"05(01 00 00) 0b(01 00 42 00 0b 00)", WASM_E_TYPE_MISMATCH, 19},
};

TEST(verdicts_outside_of_bodies)
{
    for (size_t i = 0; i < sizeof module_verdicts / sizeof module_verdicts[0]; i++) {
        wasm_report report;
        CASE("%s", module_verdicts[i].text);
        wasm_status status = verdict(module_verdicts[i].text, 0, &report);
        CHECK_EQ_STR(wasm_status_name(status), wasm_status_name(module_verdicts[i].status));
        CHECK_EQ_INT(report.status, status);
        if (status != WASM_OK)
            CHECK_EQ_UINT(report.offset, module_verdicts[i].offset);
    }
}

TEST(a_segment_needs_the_data_count_before_code_names_it)
{
    wasm_report report;
    CHECK_EQ_INT(verdict("01(01 60 00 00) 03(01 00) 05(01 00 01) 0a(01 (00 fc 09 00 0b))"
                         "0b(01 01 ('data'))",
                         0, &report),
                 WASM_E_DATA_COUNT_REQUIRED);
    CHECK_EQ_STR(report.detail, "data.drop is used");
}

TEST(features_that_are_off_refuse_and_those_used_are_named)
{
    static const struct {
        unsigned feature;
        const char *text, *status;
    } cases[] = {
        {WASM_FEATURE_SIGN_EXTENSION, PLAIN("00 41 00 c0 1a 0b"), "FEATURE"},
        {WASM_FEATURE_SATURATING_CONVERSIONS, PLAIN("00 43 00 00 00 00 fc 00 1a 0b"), "FEATURE"},
        {WASM_FEATURE_MULTI_VALUE, "01(01 60 00 00) 03(01 00) 0a(01 (00 02 00 0b 0b))", "FEATURE"},
        {WASM_FEATURE_BULK_MEMORY,
         "01(01 60 00 00) 03(01 00) 05(01 00 00)"
         "0a(01 (00 41 00 41 00 41 00 fc 0b 00 0b))",
         "FEATURE"},
        {WASM_FEATURE_EXTENDED_CONST, "06(01 7f 00 41 01 41 01 6a 0b)", "FEATURE"},
        {WASM_FEATURE_EXTENDED_CONST, "06(02 7f 00 41 00 0b 7f 00 23 00 0b)", "FEATURE"},
        {WASM_FEATURE_REFERENCE_TYPES, "04(02 70 00 00 70 00 00)", "MULTIPLE_TABLES"},
        {WASM_FEATURE_MULTI_MEMORY, "05(02 00 00 00 00)", "MULTIPLE_MEMORIES"},
        {WASM_FEATURE_MULTI_MEMORY, PLAIN("00 41 00 28 42 00 00 1a 0b"), "FEATURE"},
        {WASM_FEATURE_TYPED_REFERENCES, PLAIN("00 d0 70 d4 1a 0b"), "FEATURE"},
        {WASM_FEATURE_TYPED_REFERENCES, PLAIN("00 d2 00 14 00 0b"), "FEATURE"},
        {WASM_FEATURE_TAIL_CALL, PLAIN("00 12 00 0b"), "FEATURE"},
        {WASM_FEATURE_TAIL_CALL, PLAIN("00 41 00 13 00 00 0b"), "FEATURE"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        wasm_report report;
        CASE("%s", wasm_feature_name(cases[i].feature));
        wasm_module *m = load(cases[i].text, 0, &report);
        REQUIRE(m != NULL);
        CHECK_EQ_INT(validate_all(m, NULL, &report), WASM_OK);
        CHECK((m->used & WASM_FEATURE(cases[i].feature)) != 0);
        module_destroy(m);
        wasm_features without = WASM_FEATURES_SUPPORTED & ~WASM_FEATURE(cases[i].feature);
        CHECK_EQ_STR(wasm_status_name(verdict(cases[i].text, without, &report)), cases[i].status);
        CHECK(strstr(report.detail, wasm_feature_name(cases[i].feature)) != NULL);
    }
}

/* ---- the stream of events ----------------------------------------------------------------- */

typedef struct recorder {
    char text[4000];
    size_t used;
    wasm_status stop; /* what the sink answers at instruction `stop_at` */
    unsigned events, stop_at;
} recorder;

__attribute__((format(printf, 2, 3))) static void record(recorder *r, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(r->text + r->used, sizeof r->text - r->used, format, arguments);
    va_end(arguments);
    if (length > 0 && r->used + (size_t)length < sizeof r->text)
        r->used += (size_t)length;
}

static wasm_status record_begin(void *baton, const validate_locals *locals, wasm_report *report)
{
    (void)report;
    record(baton, "func %u:", (unsigned)locals->func);
    for (uint32_t i = 0; i < locals->local_count; i++)
        record(baton, " %s", wasm_valtype_name(locals->locals[i]));
    record(baton, "\n");
    return WASM_OK;
}

/* "HEIGHT MNEMONIC …", "!" behind an else or end that cannot be fallen into. */
static wasm_status record_op(void *baton, const validate_op *op, wasm_report *report)
{
    recorder *r = baton;
    (void)report;
    if (++r->events == r->stop_at)
        return r->stop;
    record(r, "%u %s%s", (unsigned)op->height, isa_text(op->op), op->reachable ? "" : "!");
    if (op->type != 0)
        record(r, " :%s", wasm_valtype_name(op->type));
    if (op->block != NULL)
        record(r, " [%u->%u]", (unsigned)op->block->param_count, (unsigned)op->block->result_count);
    if (op->index != 0 || op->index2 != 0)
        record(r, " %u %u", (unsigned)op->index, (unsigned)op->index2);
    if (op->value != 0)
        record(r, " =%llx", (unsigned long long)op->value);
    if (isa_describe(op->op)->width != 0 && isa_describe(op->op)->imm != ISA_IMM_LANE)
        record(r, " @%llu 2^%u", (unsigned long long)op->mem_offset, (unsigned)op->align);
    for (uint32_t i = 0; i < op->label_count; i++)
        record(r, " ->%u", (unsigned)op->labels[i]);
    if (op->bytes != NULL)
        record(r, " %02x..%02x", op->bytes[0], op->bytes[15]);
    record(r, "\n");
    return WASM_OK;
}

static const struct {
    const char *text, *events;
} streams[] = {
    {TYPED("02 01 7d 01 6f  20 01 20 00 0b"), "func 2: i32 i64 f32 externref\n"
                                              "0 local.get :i64 1 0\n"
                                              "1 local.get :i32\n"
                                              "2 end [2->2]\n"},
    /* constants keep their bits */
    {PLAIN("00 41 7f 1a 42 7f 1a 43 01 00 a0 7f 1a 44 01 00 00 00 00 00 f4 7f 1a 0b"),
     "func 2:\n"
     "0 i32.const =ffffffff\n1 drop :i32\n"
     "0 i64.const =ffffffffffffffff\n1 drop :i64\n"
     "0 f32.const =7fa00001\n1 drop :f32\n"
     "0 f64.const =7ff4000000000001\n1 drop :f64\n"
     "0 end [0->0]\n"},
    /* a vector counts two; constants and lanes stand in the file */
    {PLAIN("01 01 7b fd 0c 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 22 00 20 00"
           "fd 0d 10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f fd 15 0e 41 00 20 00"
           "fd 59 01 02 07 1a 0b"),
     "func 2: v128\n"
     "0 v128.const 00..0f\n"
     "2 local.tee :v128\n"
     "2 local.get :v128\n"
     "4 i8x16.shuffle 10..1f\n"
     "2 i8x16.extract_lane_s =e\n"
     "1 i32.const\n"
     "2 local.get :v128\n"
     "4 v128.store16_lane =7 @2 2^1\n"
     "1 drop :i32\n"
     "0 end [0->0]\n"},
    {PLAIN("00 42 01 42 02 fc 15 1a 1a 0b"),
     "func 2:\n0 i64.const =1\n1 i64.const =2\n2 i64.mul_wide_s\n2 drop :i64\n1 drop :i64\n"
     "0 end [0->0]\n"},
    /* what cannot be reached is not told, nor are blocks inside it */
    {PLAIN("00 02 40 0c 00 41 00 02 40 01 0b 1a 0b 01 0b"), "func 2:\n"
                                                            "0 block [0->0]\n"
                                                            "0 br\n"
                                                            "0 end! [0->0]\n"
                                                            "0 nop\n"
                                                            "0 end [0->0]\n"},
    /* an else and end stand where they would if they could be fallen into */
    {PLAIN("00 41 01 04 7f 00 05 41 02 0b 1a 0b"), "func 2:\n"
                                                   "0 i32.const =1\n"
                                                   "1 if [0->1]\n"
                                                   "0 unreachable\n"
                                                   "1 else! [0->1]\n"
                                                   "0 i32.const =2\n"
                                                   "1 end [0->1]\n"
                                                   "1 drop :i32\n"
                                                   "0 end [0->0]\n"},
    {PLAIN("00 03 40 0c 00 0b 0b"),
     "func 2:\n"
     "0 loop [0->0]\n"
     "0 br\n"
     "0 end! [0->0]\n"
     "0 end [0->0]\n"}, /* behind a loop that is never left: still reachable by its type */
    {PLAIN("00 41 00 42 00 02 02 1a 1a 42 01 41 01 0b 1a 1a 0b"),
     "func 2:\n"
     "0 i32.const\n"
     "1 i64.const\n"
     "2 block [2->2]\n"
     "2 drop :i64\n1 drop :i32\n0 i64.const =1\n1 i32.const =1\n"
     "2 end [2->2]\n"
     "2 drop :i32\n1 drop :i64\n"
     "0 end [0->0]\n"},
    {PLAIN("00 02 40 02 40 41 01 0e 03 01 01 00 02 0b 0b 0b"), "func 2:\n"
                                                               "0 block [0->0]\n"
                                                               "0 block [0->0]\n"
                                                               "0 i32.const =1\n"
                                                               "1 br_table ->1 ->1 ->0 ->2\n"
                                                               "0 end! [0->0]\n"
                                                               "0 end [0->0]\n"
                                                               "0 end [0->0]\n"},
    {PLAIN("00 41 01 10 01 1a 41 02 41 00 11 01 00 1a 0b"), "func 2:\n"
                                                            "0 i32.const =1\n"
                                                            "1 call [1->1] 1 0\n"
                                                            "1 drop :i64\n"
                                                            "0 i32.const =2\n"
                                                            "1 i32.const\n"
                                                            "2 call_indirect [1->1] 1 0\n"
                                                            "1 drop :i64\n"
                                                            "0 end [0->0]\n"},
    {PLAIN("00 41 00 41 00 29 03 88 01 37 00 05 0b"), "func 2:\n"
                                                      "0 i32.const\n"
                                                      "1 i32.const\n"
                                                      "2 i64.load @136 2^3\n"
                                                      "2 i64.store @5 2^0\n"
                                                      "0 end [0->0]\n"},
    {PLAIN("00 42 01 42 02 41 00 1b 24 01 d0 6f d1 1a d2 00 1a d0 70 41 01 fc 0f 00 1a 0b"),
     "func 2:\n"
     "0 i64.const =1\n1 i64.const =2\n2 i32.const\n"
     "3 select :i64\n"
     "1 global.set :i64 1 0\n"
     "0 ref.null :externref\n"
     "1 ref.is_null :externref\n"
     "1 drop :i32\n"
     "0 ref.func :(ref type)\n"
     "1 drop :(ref type)\n"
     "0 ref.null :funcref\n"
     "1 i32.const =1\n"
     "2 table.grow :funcref\n"
     "1 drop :i32\n"
     "0 end [0->0]\n"},
    {PLAIN("00 41 00 41 00 41 00 fc 0c 01 01 41 00 41 00 41 00 fc 08 00 00 0b"),
     "func 2:\n"
     "0 i32.const\n1 i32.const\n2 i32.const\n"
     "3 table.init :externref 1 1\n"
     "0 i32.const\n1 i32.const\n2 i32.const\n"
     "3 memory.init\n"
     "0 end [0->0]\n"},
};

TEST(tiers_see_every_reachable_instruction)
{
    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
        wasm_report report;
        recorder r = {.stop_at = 0};
        const validate_sink sink = {.begin = record_begin, .op = record_op, .baton = &r};
        CASE("stream %zu", i);
        wasm_module *m = load(streams[i].text, 0, &report);
        REQUIRE(m != NULL);
        CHECK_EQ_INT(validate_all(m, &sink, &report), WASM_OK);
        CHECK_EQ_STR(r.text, streams[i].events);
        module_destroy(m);
    }
}

TEST(the_sinks_refusal_ends_the_walk)
{
    wasm_report report;
    wasm_module *m = load(PLAIN("00 01 01 01 0b"), 0, &report);
    REQUIRE(m != NULL);
    recorder r = {.stop = WASM_E_QUOTA, .stop_at = 2};
    const validate_sink sink = {.begin = record_begin, .op = record_op, .baton = &r};
    CHECK_EQ_INT(validate_all(m, &sink, &report), WASM_E_QUOTA);
    CHECK_EQ_UINT(r.events, 2);
    module_destroy(m);
}

TEST(constants_are_walked)
{
    wasm_report report;
    wasm_module *m = load("02(01 ('m') ('g') 03 7f 00)"
                          "06(02 7f 00 41 02 23 00 6c 41 7f 6a 0b 70 00 d0 70 0b)",
                          0, &report);
    REQUIRE(m != NULL);
    REQUIRE(validate_module(m, &report) == WASM_OK);
    recorder r = {.stop_at = 0};
    const validate_sink sink = {.op = record_op, .baton = &r};
    CHECK_EQ_INT(validate_constant_walk(m, m->globals[1].init, &sink), WASM_OK);
    CHECK_EQ_INT(validate_constant_walk(m, m->globals[2].init, &sink), WASM_OK);
    CHECK_EQ_STR(r.text, "0 i32.const =2\n"
                         "1 global.get :i32\n"
                         "2 i32.mul\n"
                         "1 i32.const =ffffffff\n"
                         "2 i32.add\n"
                         "0 ref.null :funcref\n");
    r.stop = WASM_E_UNREACHABLE;
    r.stop_at = r.events + 2;
    CHECK_EQ_INT(validate_constant_walk(m, m->globals[1].init, &sink), WASM_E_UNREACHABLE);
    module_destroy(m);
}

/* ---- sizes -------------------------------------------------------------------------------- */

/* A module with one body: what `head` writes, then `count` times the item, then `tail`. */
static wasm_status repeat(const char *types, const char *head, unsigned count, const char *item,
                          const char *tail, size_t quota_bytes, wasm_report *report)
{
    text_buffer body = {0}, file = {0};
    size_t length;
    const char *parts[] = {head, item, tail};
    for (unsigned part = 0; part < 3; part++) {
        uint8_t *bytes = text_bytes(parts[part], &length);
        for (unsigned i = 0; i < (part == 1 ? count : 1); i++)
            text_put(&body, bytes, length);
        free(bytes);
    }
    uint8_t *before = module_text(types, &length);
    text_put(&file, before, length);
    free(before);
    text_buffer code = {0};
    text_put_leb(&code, 1);
    text_put_leb(&code, body.length);
    text_put(&code, body.bytes, body.length);
    text_put(&file, "\x0a", 1);
    text_put_leb(&file, code.length);
    text_put(&file, code.bytes, code.length);
    wasm_load_options options = {.quota = quota_bytes};
    wasm_module *m = NULL;
    wasm_status status = decode_module(file.bytes, file.length, &options, &m, report);
    if (status == WASM_OK)
        status = validate_all(m, NULL, report);
    module_destroy(m);
    free(body.bytes);
    free(code.bytes);
    free(file.bytes);
    return status;
}

#define ONE_FUNC "01(01 60 00 00) 03(01 00)"

TEST(deep_nesting_costs_memory_but_no_stack)
{
    wasm_report report;
    CHECK_EQ_INT(repeat(ONE_FUNC, "00", 200000, "02 40", "00", 0, &report), WASM_E_UNEXPECTED_END);
    CHECK_EQ_INT(repeat(ONE_FUNC, "00", 200000, "02 40", "00", 1 << 20, &report), WASM_E_QUOTA);
}

TEST(the_operand_stack_has_a_limit)
{
    wasm_report report;
    CHECK_EQ_INT(repeat(ONE_FUNC, "00", LIMIT_OPERANDS, "41 00", "00 0b", 0, &report), WASM_OK);
    CHECK_EQ_INT(repeat(ONE_FUNC, "00", LIMIT_OPERANDS + 1, "41 00", "00 0b", 0, &report),
                 WASM_E_IMPL_LIMIT);
    CHECK(strstr(report.detail, "1000000 operands") != NULL);
}

TEST(a_body_of_the_largest_size_is_accepted)
{
    wasm_report report;
    CHECK_EQ_INT(repeat(ONE_FUNC, "00", LIMIT_BODY_BYTES - 2, "01", "0b", 0, &report), WASM_OK);
    CHECK_EQ_INT(repeat(ONE_FUNC, "00", LIMIT_BODY_BYTES - 1, "01", "0b", 0, &report),
                 WASM_E_IMPL_LIMIT);
}

TEST(a_large_br_table_is_accepted)
{
    wasm_report report;
    CHECK_EQ_INT(repeat(ONE_FUNC, "00 41 00 0e c0 84 3d", 1000000, "00", "00 0b", 0, &report),
                 WASM_OK);
    CHECK_EQ_INT(repeat(ONE_FUNC, "00 41 00 0e c0 84 3d", 1000000, "00", "01 0b", 0, &report),
                 WASM_E_UNKNOWN_LABEL);
}

static void keep_line(void *baton, unsigned bit, const char *line)
{
    if (bit == WASM_TRACE_VALIDATE)
        strcat(strcat(baton, line), "\n");
}

TEST(a_walk_is_traced_on_request)
{
    size_t length;
    uint8_t *bytes = module_text(PLAIN("01 02 7f 41 01 1a 0b"), &length);
    char lines[500] = "";
    wasm_load_options options = {
        .trace = WASM_TRACE_VALIDATE, .log = keep_line, .log_baton = lines};
    wasm_module *m = NULL;
    wasm_report report;
    REQUIRE(decode_module(bytes, length, &options, &m, &report) == WASM_OK);
    CHECK_EQ_INT(validate_all(m, NULL, &report), WASM_OK);
    CHECK_EQ_STR(lines, "outside of bodies: ok\n"
                        "function 2: 7 bytes, 3 instructions, 2 locals, 1 operand slots\n");
    module_destroy(m);
    free(bytes);
}
