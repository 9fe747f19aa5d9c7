/* SPDX-License-Identifier: Apache-2.0
 * isa_test.c — every row of opcodes.def, and the codes that have none.
 * layers: isa
 */
#include "unit.h"

#include "isa.h"

#include <stdlib.h>

TEST(lookup_is_the_inverse_of_the_rows)
{
    unsigned found = 0;
    for (unsigned prefix = 0; prefix < 256; prefix++) {
        for (uint32_t code = 0; code < 1024; code++) {
            isa_op op = isa_lookup((uint8_t)prefix, code);
            if (op == OP_COUNT)
                continue;
            CASE("0x%02x %u", prefix, (unsigned)code);
            found++;
            CHECK(isa_describe(op)->prefix == prefix && isa_describe(op)->code == code);
        }
    }
    CHECK_EQ_UINT(found, OP_COUNT);
    CHECK_EQ_INT(isa_lookup(0xFC, UINT32_MAX), OP_COUNT);
    CHECK_EQ_INT(isa_lookup(0, 0x11), OP_CALL_INDIRECT);
    CHECK_EQ_INT(isa_lookup(0xFC, 11), OP_MEMORY_FILL);
}

/* "ii:i" or "*": at most three operands and one result, of known letters. */
static bool good_signature(const char *sig)
{
    if (strcmp(sig, "*") == 0)
        return true;
    size_t pops = strspn(sig, "iIfFVa");
    if (pops > 3 || sig[pops] != ':')
        return false;
    size_t pushes = strspn(sig + pops + 1, "iIfFVa");
    return pushes <= 1 && sig[pops + 1 + pushes] == '\0';
}

TEST(rows_are_well_formed)
{
    unsigned last = 0;
    for (unsigned op = 0; op < OP_COUNT; op++) {
        const isa_row *row = isa_describe((isa_op)op);
        CASE("%s", row->text);
        CHECK(good_signature(row->sig));
        CHECK(row->imm < ISA_IMM_COUNT);
        CHECK((WASM_FEATURES_SUPPORTED & WASM_FEATURE(row->feature)) != 0);
        CHECK_EQ_STR(isa_text((isa_op)op), row->text);
        CHECK(strlen(row->text) >= 2 &&
              strspn(row->text, "abcdefghijklmnopqrstuvwxyz_.0123456789") == strlen(row->text));
        unsigned place = row->prefix * 1024U + row->code;
        CHECK(op == 0 || place > last); /* in the order of the codes */
        last = place;
        CHECK_EQ_UINT(isa_later(row->prefix, row->code), WASM_FEATURE_COUNT);
        for (unsigned other = 0; other < op; other++) { /* select has two encodings */
            if (other != OP_SELECT || op != OP_SELECT_T)
                CHECK(strcmp(row->text, isa_describe((isa_op)other)->text) != 0);
        }
    }
    CHECK_EQ_STR(isa_text(OP_COUNT), "?");
}

/* The width that the mnemonic says: "i64.load32_u" is 4 bytes, "f64.store" 8. */
static unsigned width_of_text(const char *text)
{
    const char *access = strstr(text, ".load");
    access = access != NULL ? access + 5 : strstr(text, ".store");
    if (access == NULL)
        return 0;
    access += *access == '.' ? 6 : 0;
    return (unsigned)(*access == '\0' ? strtoul(text + 1, NULL, 10) : strtoul(access, NULL, 10)) /
           8;
}

TEST(loads_and_stores_have_the_width_of_their_name)
{
    unsigned loads = 0, stores = 0;
    for (unsigned op = 0; op < OP_COUNT; op++) {
        const isa_row *row = isa_describe((isa_op)op);
        CASE("%s", row->text);
        CHECK_EQ_UINT(row->width, width_of_text(row->text));
        CHECK((row->width != 0) == (row->imm == ISA_IMM_MEMARG));
        loads += (row->flags & ISA_LOAD) != 0;
        stores += (row->flags & ISA_STORE) != 0;
        CHECK(((row->flags & ISA_LOAD) != 0) == (strstr(row->text, ".load") != NULL));
        CHECK(((row->flags & ISA_STORE) != 0) == (strstr(row->text, ".store") != NULL));
        if (row->width != 0)
            CHECK((row->flags & ISA_TRAPS) != 0);
    }
    CHECK_EQ_UINT(loads, 14);
    CHECK_EQ_UINT(stores, 9);
}

TEST(flags_say_what_ends_code_and_what_is_constant)
{
    char ends[200] = "", constants[400] = "";
    for (unsigned op = 0; op < OP_COUNT; op++) {
        const isa_row *row = isa_describe((isa_op)op);
        if ((row->flags & ISA_ENDS) != 0)
            strcat(strcat(ends, " "), row->text);
        if ((row->flags & (ISA_CONST | ISA_CONST_EXTENDED)) != 0)
            strcat(strcat(constants, " "), row->text);
    }
    CHECK_EQ_STR(ends,
                 " unreachable throw throw_ref br br_table return return_call return_call_indirect "
                 "return_call_ref");
    CHECK_EQ_STR(constants, " end global.get i32.const i64.const f32.const f64.const i32.add "
                            "i32.sub i32.mul i64.add i64.sub i64.mul ref.null ref.func");
}

TEST(later_codes_name_their_feature)
{
    static const struct {
        uint8_t prefix;
        uint32_t code;
        unsigned feature;
    } cases[] = {
        {0, 0x06, WASM_FEATURE_EXCEPTIONS},
        {0, 0x19, WASM_FEATURE_EXCEPTIONS},
        {0, 0xD3, WASM_FEATURE_GC},
        {0, 0xFF, WASM_FEATURE_COUNT},
        {0, 0x27, WASM_FEATURE_COUNT},
        {0xFB, 0, WASM_FEATURE_GC},
        {0xFB, 31, WASM_FEATURE_COUNT},
        {0xFC, 19, WASM_FEATURE_WIDE_ARITHMETIC},
        {0xFC, 18, WASM_FEATURE_COUNT},
        {0xFD, 0x0C, WASM_FEATURE_SIMD},
        {0xFD, 0x100, WASM_FEATURE_RELAXED_SIMD},
        {0xFD, 0x114, WASM_FEATURE_COUNT},
        {0xFE, 0x03, WASM_FEATURE_THREADS},
        {0xFE, 0x4F, WASM_FEATURE_COUNT},
        {0xFD, UINT32_MAX, WASM_FEATURE_COUNT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CASE("0x%02x %u", cases[i].prefix, (unsigned)cases[i].code);
        CHECK_EQ_UINT(isa_later(cases[i].prefix, cases[i].code), cases[i].feature);
    }
}
