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

/* "ii:i" or "*": at most four operands and two results, of known letters. */
static bool good_signature(const char *sig)
{
    if (strcmp(sig, "*") == 0)
        return true;
    size_t pops = strspn(sig, "iIfFVa");
    if (pops > 4 || sig[pops] != ':')
        return false;
    size_t pushes = strspn(sig + pops + 1, "iIfFVa");
    return pushes <= 2 && sig[pops + 1 + pushes] == '\0';
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
        for (unsigned other = 0; other < op; other++) { /* some have two encodings */
            bool twin = (other == OP_SELECT && op == OP_SELECT_T) ||
                        (other == OP_REF_TEST && op == OP_REF_TEST_NULL) ||
                        (other == OP_REF_CAST && op == OP_REF_CAST_NULL);
            if (!twin)
                CHECK(strcmp(row->text, isa_describe((isa_op)other)->text) != 0);
        }
    }
    CHECK_EQ_STR(isa_text(OP_COUNT), "?");
}

/* The width that the mnemonic says: "i64.load32_u" is 4 bytes, "f64.store" 8, "v128.load16x4_s" 8,
 * "i32.atomic.rmw8.add_u" 1, a lane of "i16x8.extract_lane_s" 2. */
static unsigned width_of_text(const char *text)
{
    static const char *const accesses[] = {".load", ".store", ".rmw", ".wait", ".notify"};
    const char *access = NULL, *digits;
    char *end;
    if (strstr(text, "extract_lane") != NULL || strstr(text, "replace_lane") != NULL)
        return 16 / (unsigned)strtoul(strchr(text, 'x') + 1, NULL, 10);
    for (size_t i = 0; i < sizeof accesses / sizeof accesses[0] && access == NULL; i++)
        access = strstr(text, accesses[i]);
    if (access == NULL)
        return 0;
    if (strcmp(access, ".notify") == 0)
        return 4;
    digits = access + strcspn(access + 1, ".0123456789") + 1;
    if (*digits < '0' || *digits > '9') /* the whole type */
        digits = text + 1;
    unsigned width = (unsigned)strtoul(digits, &end, 10);
    return (*end == 'x' ? width * (unsigned)strtoul(end + 1, NULL, 10) : width) / 8;
}

TEST(loads_and_stores_have_the_width_of_their_name)
{
    unsigned loads = 0, stores = 0;
    for (unsigned op = 0; op < OP_COUNT; op++) {
        const isa_row *row = isa_describe((isa_op)op);
        CASE("%s", row->text);
        CHECK_EQ_UINT(row->width, width_of_text(row->text));
        bool lane = row->imm == ISA_IMM_LANE;
        bool accesses = row->imm == ISA_IMM_MEMARG || row->imm == ISA_IMM_MEMARG_LANE;
        CHECK((row->width != 0) == (accesses || lane));
        CHECK(((row->flags & (ISA_LOAD | ISA_STORE)) != 0) == accesses);
        loads += (row->flags & ISA_LOAD) != 0;
        stores += (row->flags & ISA_STORE) != 0;
        bool atomic = strstr(row->text, "atomic.") != NULL && accesses;
        bool both = strstr(row->text, ".rmw") != NULL;
        bool store = strstr(row->text, ".store") != NULL || both;
        CHECK(((row->flags & ISA_STORE) != 0) == store);
        CHECK(((row->flags & ISA_LOAD) != 0) == (accesses && (!store || both)));
        CHECK(((row->flags & ISA_ATOMIC) != 0) == atomic);
        if (accesses)
            CHECK((row->flags & ISA_TRAPS) != 0);
    }
    CHECK_EQ_UINT(loads, 14 + 17 + 59); /* scalar, vector, atomic */
    CHECK_EQ_UINT(stores, 9 + 5 + 56);
}

TEST(flags_say_what_ends_code_and_what_is_constant)
{
    char ends[200] = "", constants[800] = "";
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
                            "i32.sub i32.mul i64.add i64.sub i64.mul ref.null ref.func struct.new "
                            "struct.new_default array.new array.new_default array.new_fixed "
                            "any.convert_extern extern.convert_any ref.i31 v128.const");
}

TEST(later_codes_name_their_feature)
{
    static const struct {
        uint8_t prefix;
        uint32_t code;
        unsigned feature;
    } cases[] = {
        {0, 0x06, WASM_FEATURE_EXCEPTIONS}, {0, 0x19, WASM_FEATURE_EXCEPTIONS},
        {0, 0xFF, WASM_FEATURE_COUNT},      {0, 0x27, WASM_FEATURE_COUNT},
        {0xFB, 31, WASM_FEATURE_COUNT},     {0xFC, 18, WASM_FEATURE_COUNT},
        {0xFD, 0x9A, WASM_FEATURE_SIMD}, /* of these, some were never given */
        {0xFD, 0x114, WASM_FEATURE_COUNT},  {0xFE, 0x04, WASM_FEATURE_THREADS},
        {0xFE, 0x4F, WASM_FEATURE_COUNT},   {0xFD, UINT32_MAX, WASM_FEATURE_COUNT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CASE("0x%02x %u", cases[i].prefix, (unsigned)cases[i].code);
        CHECK_EQ_UINT(isa_later(cases[i].prefix, cases[i].code), cases[i].feature);
    }
}
