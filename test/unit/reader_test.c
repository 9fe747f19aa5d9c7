/* SPDX-License-Identifier: Apache-2.0
 * reader_test.c — numbers, names and pieces out of bytes.
 * layers: base
 *
 * How:     tables of bytes with the status and the value that §5.2 gives them. Every failing read
 *          must leave the reader where it was, because error offsets rely on it.
 */
#include "unit.h"

#include "module_text.h"
#include "reader.h"

typedef enum { U32, U64, S32, S33, S64 } leb_kind;

static wasm_status read_leb(reader *r, leb_kind kind, uint64_t *out)
{
    uint32_t u32 = 0;
    int32_t s32 = 0;
    int64_t s64 = 0;
    wasm_status status;
    switch (kind) {
    case U32:
        status = reader_leb_u32(r, &u32);
        *out = u32;
        return status;
    case U64: return reader_leb_u64(r, out);
    case S32:
        status = reader_leb_s32(r, &s32);
        *out = (uint64_t)s32;
        return status;
    case S33: status = reader_leb_s33(r, &s64); break;
    default: status = reader_leb_s64(r, &s64); break;
    }
    *out = (uint64_t)s64;
    return status;
}

static const struct {
    leb_kind kind;
    const char *text;
    wasm_status status;
    int64_t value; /* the bits of it, for u64 */
} leb_cases[] = {
    {U32, "00", WASM_OK, 0},
    {U32, "7f", WASM_OK, 127},
    {U32, "80 01", WASM_OK, 128},
    {U32, "ff ff ff ff 0f", WASM_OK, UINT32_MAX},
    {U32, "80 80 80 80 00", WASM_OK, 0}, /* padding within the width is allowed */
    {U32, "80 80 80 80 10", WASM_E_LEB_TOO_LARGE, 0},
    {U32, "ff ff ff ff 1f", WASM_E_LEB_TOO_LARGE, 0},
    {U32, "80 80 80 80 80 00", WASM_E_LEB_TOO_LONG, 0},
    {U32, "", WASM_E_UNEXPECTED_END, 0},
    {U32, "80", WASM_E_UNEXPECTED_END, 0},
    {U32, "80 80 80 80", WASM_E_UNEXPECTED_END, 0},
    {U64, "ff ff ff ff ff ff ff ff ff 01", WASM_OK, -1},
    {U64, "ff ff ff ff ff ff ff ff ff 02", WASM_E_LEB_TOO_LARGE, 0},
    {U64, "80 80 80 80 80 80 80 80 80 80 00", WASM_E_LEB_TOO_LONG, 0},
    {S32, "7f", WASM_OK, -1},
    {S32, "40", WASM_OK, -64},
    {S32, "c0 00", WASM_OK, 64},
    {S32, "ff ff ff ff 07", WASM_OK, INT32_MAX},
    {S32, "80 80 80 80 78", WASM_OK, INT32_MIN},
    {S32, "ff ff ff ff 7f", WASM_OK, -1},
    {S32, "ff ff ff ff 0f", WASM_E_LEB_TOO_LARGE, 0},
    {S32, "80 80 80 80 70", WASM_E_LEB_TOO_LARGE, 0},
    {S32, "80 80 80 80 1f", WASM_E_LEB_TOO_LARGE, 0},
    {S32, "ff ff ff ff ff 7f", WASM_E_LEB_TOO_LONG, 0},
    {S33, "40", WASM_OK, -64},
    {S33, "ff ff ff ff 0f", WASM_OK, UINT32_MAX},
    {S33, "80 80 80 80 70", WASM_OK, -4294967296},
    {S33, "80 80 80 80 10", WASM_E_LEB_TOO_LARGE, 0},
    {S64, "80 80 80 80 80 80 80 80 80 7f", WASM_OK, INT64_MIN},
    {S64, "ff ff ff ff ff ff ff ff ff 00", WASM_OK, INT64_MAX},
    {S64, "ff ff ff ff ff ff ff ff ff 01", WASM_E_LEB_TOO_LARGE, 0},
    {S64, "80 80 80 80 80 80 80 80 80 7e", WASM_E_LEB_TOO_LARGE, 0},
    {S64, "80 80 80 80 80 80 80 80 80 80 00", WASM_E_LEB_TOO_LONG, 0},
    {S64, "80 80 80 80 80 80 80 80 80", WASM_E_UNEXPECTED_END, 0},
};

TEST(leb128_of_every_width)
{
    for (size_t i = 0; i < sizeof leb_cases / sizeof leb_cases[0]; i++) {
        size_t length;
        uint8_t *bytes = text_bytes(leb_cases[i].text, &length);
        reader r = {bytes, bytes, bytes + length};
        uint64_t value = 0;
        CASE("row %zu, kind %d, %s", i, leb_cases[i].kind, leb_cases[i].text);
        CHECK_EQ_STR(wasm_status_name(read_leb(&r, leb_cases[i].kind, &value)),
                     wasm_status_name(leb_cases[i].status));
        if (leb_cases[i].status == WASM_OK) {
            CHECK_EQ_UINT(value, (uint64_t)leb_cases[i].value);
            CHECK_EQ_UINT(reader_left(&r), 0);
        } else {
            CHECK_EQ_UINT(reader_offset(&r), 0);
        }
        free(bytes);
    }
}

TEST(fixed_width_numbers)
{
    const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 0xF8, 9};
    reader r = {bytes, bytes, bytes + sizeof bytes};
    uint32_t u32 = 0;
    uint64_t u64 = 0;
    uint8_t u8 = 0;
    CHECK_EQ_INT(reader_u64le(&r, &u64), WASM_OK);
    CHECK_EQ_UINT(u64, UINT64_C(0xF807060504030201));
    CHECK_EQ_INT(reader_u32le(&r, &u32), WASM_E_UNEXPECTED_END);
    CHECK_EQ_INT(reader_u64le(&r, &u64), WASM_E_UNEXPECTED_END);
    CHECK_EQ_UINT(reader_offset(&r), 8);
    CHECK_EQ_INT(reader_u8(&r, &u8), WASM_OK);
    CHECK_EQ_INT(u8, 9);
    CHECK_EQ_INT(reader_u8(&r, &u8), WASM_E_UNEXPECTED_END);
    r.next = bytes + 1;
    CHECK_EQ_INT(reader_u32le(&r, &u32), WASM_OK);
    CHECK_EQ_UINT(u32, 0x05040302);
}

static const struct {
    const char *text;
    bool good;
} utf8_cases[] = {
    {"", true},
    {"'plain'", true},
    {"00", true},
    {"c2 80", true},
    {"df bf", true},
    {"e0 a0 80", true},
    {"ed 9f bf", true},
    {"ee 80 80", true},
    {"ef bf bf", true},
    {"f0 90 80 80", true},
    {"f4 8f bf bf", true},
    {"80", false}, /* a continuation alone */
    {"bf 'a'", false},
    {"c0 80", false}, /* longer than needed */
    {"c1 bf", false},
    {"e0 9f bf", false},
    {"f0 8f bf bf", false},
    {"ed a0 80", false}, /* surrogates */
    {"ed bf bf", false},
    {"f4 90 80 80", false}, /* beyond U+10FFFF */
    {"f5 80 80 80", false},
    {"f8 88 80 80 80", false},
    {"fe", false},
    {"ff", false},
    {"c2", false}, /* cut off */
    {"e1 80", false},
    {"f1 80 80", false},
    {"c2 'a'", false},
    {"e1 80 c0", false},
    {"f1 80 80 'a'", false},
    {"'a' e2 82 ac 'b' c0", false},
    {"'a' e2 82 ac 'b'", true},
};

TEST(utf8_is_strict)
{
    for (size_t i = 0; i < sizeof utf8_cases / sizeof utf8_cases[0]; i++) {
        size_t length;
        uint8_t *bytes = text_bytes(utf8_cases[i].text, &length);
        CASE("%s", utf8_cases[i].text);
        CHECK(reader_is_utf8(bytes, length) == utf8_cases[i].good);
        free(bytes);
    }
}

static const struct {
    const char *text;
    wasm_status status;
} name_cases[] = {
    {"('run')", WASM_OK},
    {"()", WASM_OK},
    {"83 80 80 80 00 'run'", WASM_OK},
    {"04 'run'", WASM_E_LENGTH_OUT_OF_BOUNDS},
    {"ff ff ff ff 0f 'run'", WASM_E_LENGTH_OUT_OF_BOUNDS},
    {"", WASM_E_UNEXPECTED_END},
    {"(ff)", WASM_E_UTF8},
    {"83 80 80 80 80 00 'run'", WASM_E_LEB_TOO_LONG},
};

TEST(names)
{
    for (size_t i = 0; i < sizeof name_cases / sizeof name_cases[0]; i++) {
        size_t length, name_length = 0;
        const char *name = NULL;
        uint8_t *bytes = text_bytes(name_cases[i].text, &length);
        reader r = {bytes, bytes, bytes + length};
        CASE("%s", name_cases[i].text);
        CHECK_EQ_INT(reader_name(&r, &name, &name_length), name_cases[i].status);
        if (name_cases[i].status == WASM_OK) {
            CHECK_EQ_UINT(reader_left(&r), 0);
            CHECK_EQ_MEM(name, name_length, "run", name_length == 0 ? 0 : 3);
        } else {
            CHECK_EQ_UINT(reader_offset(&r), 0);
        }
        free(bytes);
    }
}

TEST(a_piece_keeps_the_file_offsets)
{
    const uint8_t bytes[10] = {0};
    reader r = {bytes, bytes + 2, bytes + 10}, piece;
    CHECK_EQ_INT(reader_sub(&r, 9, &piece), WASM_E_LENGTH_OUT_OF_BOUNDS);
    CHECK_EQ_UINT(reader_offset(&r), 2);
    CHECK_EQ_INT(reader_sub(&r, UINT64_MAX, &piece), WASM_E_LENGTH_OUT_OF_BOUNDS);
    CHECK_EQ_INT(reader_sub(&r, 3, &piece), WASM_OK);
    CHECK_EQ_UINT(reader_offset(&piece), 2);
    CHECK_EQ_UINT(reader_left(&piece), 3);
    CHECK_EQ_UINT(reader_offset(&r), 5);
    CHECK_EQ_INT(reader_sub(&r, 0, &piece), WASM_OK);
    CHECK_EQ_UINT(reader_left(&piece), 0);
}
