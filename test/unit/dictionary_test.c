/* SPDX-License-Identifier: Apache-2.0
 * dictionary_test.c — RFC 9842 by tables: fields, families, patterns, headers, windows.
 * layers: delivery
 *
 * Memory:  Nothing is allocated.
 * Threads: One.
 */
#include "unit.h"

#include "dictionary.h"
#include "structured.h"

/* SHA-256 of nothing, as digest and as base64. */
static const uint8_t digest[DICTIONARY_DIGEST] = {
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55};
#define B64 "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"

static const struct {
    const char *field;
    bool good;
} available[] = {
    {":" B64 "=:", true},
    {":" B64 ":", true}, /* RFC 9651 §4.2.7: padding may be missing */
    {"  :" B64 "=:  ", true},
    {":" B64 "=:;a", true},
    {":" B64 "=:; a=1;b=\"x\\\"y\";*c=:AA==:;d=?0;e=tok/en:*;f=-1.25;g=@17;h=%\"%c3%a4\"", true},
    {":" B64 "=:;a=999999999999999", true},
    {":" B64 "=:;a=999999999999.999", true},
    {NULL, false},
    {"", false},
    {" ", false},
    {":", false},
    {"::", false},
    {":AAAA:", false},        /* 3 bytes */
    {":" B64 "AAAA:", false}, /* 35 */
    {":" B64 "==:", false},
    {":" B64 "===:", false},
    {":" B64 "=====:", false},
    {":47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuF:", false},   /* 31, and half a byte */
    {":47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=:", false}, /* base64url */
    {":47DEQpj8HBSa+/TImW+5 JCeuQeRkm5NMpJWZG3hSuFU=:", false},
    {":=" B64 ":", false},
    {B64 "=", false},
    {"\"" B64 "=\"", false},
    {":" B64 "=", false},
    {":" B64 "=:,", false},
    {":" B64 "=:, :" B64 "=:", false}, /* two lines, joined: a client sends one */
    {":" B64 "=: a", false},
    {"\t:" B64 "=:", false},
    {":" B64 "=:;", false},
    {":" B64 "=:;A", false},
    {":" B64 "=:;1=2", false},
    {":" B64 "=:;a=", false},
    {":" B64 "=:;a = 1", false},
    {":" B64 "=: ;a", false},
    {":" B64 "=:;a=1000000000000000", false},
    {":" B64 "=:;a=1000000000000.0", false},
    {":" B64 "=:;a=1.", false},
    {":" B64 "=:;a=1.2345", false},
    {":" B64 "=:;a=.5", false},
    {":" B64 "=:;a=-", false},
    {":" B64 "=:;a=@1.5", false},
    {":" B64 "=:;a=@", false},
    {":" B64 "=:;a=?2", false},
    {":" B64 "=:;a=?", false},
    {":" B64 "=:;a=\"b", false},
    {":" B64 "=:;a=\"\\n\"", false},
    {":" B64 "=:;a=\"\x7f\"", false},
    {":" B64 "=:;a=%\"%C3\"", false},
    {":" B64 "=:;a=%\"%c\"", false},
    {":" B64 "=:;a=%\"", false},
    {":" B64 "=:;a=%x", false},
    {":" B64 "=:;a=:A:", false},
    {":" B64 "=:;a=(1 2)", false},
    {"?1", false},
};

TEST(available_dictionary)
{
    for (size_t i = 0; i < sizeof(available) / sizeof(available[0]); i++) {
        uint8_t got[DICTIONARY_DIGEST];
        CASE("row %zu, %s", i, available[i].field ? available[i].field : "(none)");
        if (CHECK_EQ_INT(dictionary_read_available(available[i].field, got), available[i].good) &&
            available[i].good) {
            CHECK_EQ_MEM(got, sizeof(got), digest, sizeof(digest));
        }
    }
}

static const struct {
    const char *field;
    const char *id;   /* NULL: not taken */
    const char *name; /* NULL: no name of ours */
} ids[] = {
    {"\"app.3f9c02d1.wasm\"", "app.3f9c02d1.wasm", "app.3f9c02d1.wasm"},
    {" \"a\";x=1 ", "a", "a"},
    {"\"a\" ;x=1", NULL, NULL},
    {"\"gr%C3%B6%20%c3%9f.3f9c02d1\"", "gr%C3%B6%20%c3%9f.3f9c02d1",
     "gr\xc3\xb6 \xc3\x9f.3f9c02d1"},
    {"\"a\\\\b\"", "a\\b", NULL},
    {"\"a\\\"b\"", "a\"b", NULL},
    {"\"\"", "", NULL},
    {"\"a/b\"", "a/b", NULL},
    {"\"a%2fb\"", "a%2fb", NULL},
    {"\"..\"", "..", NULL},
    {"\".htaccess\"", ".htaccess", NULL},
    {"\"%2e%2e\"", "%2e%2e", NULL},
    {"\"a%00b\"", "a%00b", NULL},
    {"\"a%0\"", "a%0", NULL},
    {"\"a%\"", "a%", NULL},
    {"\"a%zz\"", "a%zz", NULL},
    {"\"a b\"", "a b", NULL},
    {"\"a?b\"", "a?b", NULL},
    {NULL, NULL, NULL},
    {"", NULL, NULL},
    {"a", NULL, NULL},
    {"\"a", NULL, NULL},
    {"\"a\"b", NULL, NULL},
    {"\"a\\b\"", NULL, NULL},
    {"\"\xc3\xa4\"", NULL, NULL},
    {"\"a\tb\"", NULL, NULL},
    {"\"a\", \"b\"", NULL, NULL},
};

TEST(dictionary_id)
{
    char id[DICTIONARY_ID_SIZE], name[DICTIONARY_ID_SIZE];

    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        CASE("row %zu, %s", i, ids[i].field ? ids[i].field : "(none)");
        if (!CHECK_EQ_INT(dictionary_read_id(ids[i].field, id), ids[i].id != NULL) ||
            ids[i].id == NULL) {
            continue;
        }
        CHECK_EQ_STR(id, ids[i].id);
        if (CHECK_EQ_INT(dictionary_name_of_id(id, name), ids[i].name != NULL) &&
            ids[i].name != NULL) {
            CHECK_EQ_STR(name, ids[i].name);
        }
    }
}

TEST(an_id_has_1024_characters)
{
    char field[1030], id[DICTIONARY_ID_SIZE], name[DICTIONARY_ID_SIZE];

    memset(field, 'a', sizeof(field));
    field[0] = field[1025] = '"';
    field[1026] = '\0';
    CHECK(dictionary_read_id(field, id));
    CHECK_EQ_UINT(strlen(id), 1024);
    CHECK(dictionary_name_of_id(id, name));
    field[1025] = 'a';
    field[1026] = '"';
    field[1027] = '\0';
    CHECK(!dictionary_read_id(field, id));
}

TEST(strings_are_written_as_they_are_read)
{
    char out[16], back[16];

    CHECK(structured_write_string(out, sizeof(out), "a\"b\\c"));
    CHECK_EQ_STR(out, "\"a\\\"b\\\\c\"");
    CHECK(structured_read_string(out, back, sizeof(back)));
    CHECK_EQ_STR(back, "a\"b\\c");
    CHECK(!structured_write_string(out, sizeof(out), "\x1f"));
    CHECK(!structured_write_string(out, sizeof(out), "\xc3\xa4"));
    CHECK(structured_write_string(out, 3, ""));
    CHECK(!structured_write_string(out, 2, ""));
    CHECK(structured_write_string(out, 9, "\\\\\\"));
    CHECK(!structured_write_string(out, 8, "\\\\\\"));
    CHECK(!structured_read_string("\"1234567\"", back, 7));
    CHECK(structured_read_string("\"1234567\"", back, 8));
}

/* site, mode, origin, Access-Control-Allow-Origin; "" for absent */
static const struct {
    const char *site, *mode, *origin, *allow;
    bool may;
} readers[] = {
    {"", "", "", "", true},
    {"", "cors", "https://a", "", true},
    {"same-origin", "cors", "", "", true},
    {"same-origin", "no-cors", "", "", true},
    {"same-origin", "", "", "", true},
    {"none", "navigate", "", "", true},
    {"cross-site", "navigate", "", "", true},
    {"cross-site", "same-origin", "", "", true},
    {"cross-site", "cors", "https://a", "*", true},
    {"same-site", "cors", "https://a", "https://a", true},
    {"same-site", "cors", "https://a", "https://b", false},
    {"cross-site", "cors", "https://a", "", false},
    {"cross-site", "cors", "", "*", false},
    {"cross-site", "cors", "", "", false},
    {"cross-site", "no-cors", "https://a", "*", false},
    {"cross-site", "websocket", "https://a", "*", false},
    {"cross-site", "", "https://a", "*", false},
    {"none", "", "", "", false},
    {"Same-Origin", "", "", "", false},
};

static const char *or_none(const char *text)
{
    return text[0] == '\0' ? NULL : text;
}

TEST(who_may_read_it)
{
    for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
        struct dictionary_reader reader = {or_none(readers[i].site), or_none(readers[i].mode),
                                           or_none(readers[i].origin), or_none(readers[i].allow)};
        CASE("row %zu, %s, %s", i, readers[i].site, readers[i].mode);
        CHECK_EQ_INT(dictionary_may_serve(&reader), readers[i].may);
    }
}

static const struct {
    const char *a, *b;
    bool same;
} families[] = {
    {"app.3f9c02d1.wasm", "app.88ab31e0.wasm", true},
    {"app.3f9c02d1.wasm", "app.88ab31e0c0ffee.wasm", true},
    {"app-3f9c02d1_bg.wasm", "app-88ab31e0_bg.wasm", true},
    {"3f9c02d1.wasm", "88ab31e0.wasm", true},
    {"a.3f9c02d1", "a.88ab31e0", true},
    {"3f9c02d1", "88ab31e0", true},
    {"a.3f9c02d1-0123456789.js", "a.88ab31e0-9876543210.js", true},
    {"a.3f9c02d1-0123456789.js", "a.3f9c02d1-9876543210.js", true},
    {"app.3f9c02d1.wasm", "app.3f9c02d1.wasm", false}, /* itself */
    {"app.3f9c02d1.wasm", "app.3F9C02D1.wasm", true},
    {"app.3f9c02d1.wasm", "bpp.88ab31e0.wasm", false},
    {"app.3f9c02d1.wasm", "app.88ab31e0.js", false},
    {"app.3f9c02d1.wasm", "app.wasm", false},
    {"app.wasm", "app.3f9c02d1.wasm", false},
    {"app.wasm", "app.wasm", false},
    {"app.wasm", "bpp.wasm", false},
    {"app.3f9c02d1.wasm", "app-88ab31e0.wasm", false},
    {"app.3f9c02d1.wasm", "app.88ab31e0.wasm.br", false},
    {"app.3f9c02d1.wasm", "app.20240101.wasm", false}, /* a date */
    {"a.3f9c02d1.b.js", "a.88ab31e0.c.js", false},
    {"", "", false},
};

TEST(who_is_of_the_family)
{
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        CASE("%s, %s", families[i].a, families[i].b);
        CHECK_EQ_INT(dictionary_same_family(families[i].a, families[i].b), families[i].same);
        CHECK_EQ_INT(dictionary_same_family(families[i].b, families[i].a), families[i].same);
    }
}

static const struct {
    const char *path, *name;
    const char *value; /* NULL: none */
} patterns[] = {
    {"/app.3f9c02d1.wasm", "app.3f9c02d1.wasm", "match=\"/app.*.wasm\", id=\"app.3f9c02d1.wasm\""},
    {"/a/b/app.3f9c02d1.wasm", "app.3f9c02d1.wasm",
     "match=\"/a/b/app.*.wasm\", id=\"app.3f9c02d1.wasm\""},
    {"/3f9c02d1.wasm", "3f9c02d1.wasm", "match=\"/*.wasm\", id=\"3f9c02d1.wasm\""},
    {"/x-3f9c02d1-0123456789.js", "x-3f9c02d1-0123456789.js",
     "match=\"/x-*-*.js\", id=\"x-3f9c02d1-0123456789.js\""},
    /* what a pattern gives a meaning to */
    {"/a:b/(c)+*/x.3f9c02d1.wasm", "x.3f9c02d1.wasm",
     "match=\"/a\\\\:b/\\\\(c\\\\)\\\\+\\\\*/x.*.wasm\", id=\"x.3f9c02d1.wasm\""},
    {"/x+y.3f9c02d1.wasm", "x+y.3f9c02d1.wasm",
     "match=\"/x\\\\+y.*.wasm\", id=\"x+y.3f9c02d1.wasm\""},
    {"/@s/x.3f9c02d1.js", "x.3f9c02d1.js", "match=\"/\\\\@s/x.*.js\", id=\"x.3f9c02d1.js\""},
    /* encoded: the pattern keeps it, the hash may be written so as well */
    {"/d%20e/x%2by.3f9c02d1.wasm", "x+y.3f9c02d1.wasm",
     "match=\"/d%20e/x%2by.*.wasm\", id=\"x%2by.3f9c02d1.wasm\""},
    {"/x.3f9c02%641.wasm", "x.3f9c02d1.wasm", "match=\"/x.*.wasm\", id=\"x.3f9c02%641.wasm\""},
    {"/gr%C3%B6.3f9c02d1.wasm", "gr\xc3\xb6.3f9c02d1.wasm",
     "match=\"/gr%C3%B6.*.wasm\", id=\"gr%C3%B6.3f9c02d1.wasm\""},
    /* none can be made */
    {"/app.wasm", "app.wasm", NULL},
    {"/app.wasm", "app.3f9c02d1.wasm", NULL}, /* rewritten: the URL has no hash */
    {"/app.3f9c02d1.wasm", "app.wasm", NULL},
    {"/app.3f9c02d1.wasm", "app.88ab31e0.wasm", NULL},
    {"/app.3f9c02d1.wasm/", "app.3f9c02d1.wasm", NULL},
    {"/app.3f9c02d1.wasm/x", "app.3f9c02d1.wasm", NULL},
    {"/app.3f9c02d1.wasmx", "app.3f9c02d1.wasm", NULL},
    {"/app.3f9c02d1.was", "app.3f9c02d1.wasm", NULL},
    {"//app.3f9c02d1.wasm", "app.3f9c02d1.wasm", NULL},
    {"app.3f9c02d1.wasm", "app.3f9c02d1.wasm", NULL},
    {"http://h/app.3f9c02d1.wasm", "app.3f9c02d1.wasm", NULL},
    {"*", "app.3f9c02d1.wasm", NULL},
    {"", "app.3f9c02d1.wasm", NULL},
    {"/a\"b/app.3f9c02d1.wasm", "app.3f9c02d1.wasm", NULL},
    {"/a\\b/app.3f9c02d1.wasm", "app.3f9c02d1.wasm", NULL},
    {"/a\xc3\xa4/app.3f9c02d1.wasm", "app.3f9c02d1.wasm", NULL},
    {"/a%/app.3f9c02d1.wasm", "app.3f9c02d1.wasm", NULL},
    {"/a%00/app.3f9c02d1.wasm", "app.3f9c02d1.wasm", NULL},
};

TEST(use_as_dictionary)
{
    char out[256];

    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        bool made = patterns[i].value != NULL;
        CASE("%s, %s", patterns[i].path, patterns[i].name);
        if (!CHECK_EQ_INT(
                dictionary_write_use_as(out, sizeof(out), patterns[i].path, patterns[i].name),
                made) ||
            !made) {
            continue;
        }
        CHECK_EQ_STR(out, patterns[i].value);
        CHECK(dictionary_write_use_as(out, strlen(out) + 1, patterns[i].path, patterns[i].name));
        for (size_t size = 0; size <= strlen(patterns[i].value); size++) {
            CHECK(!dictionary_write_use_as(out, size, patterns[i].path, patterns[i].name));
        }
    }
}

TEST(header_and_suffix)
{
    char suffix[DICTIONARY_SUFFIX_SIZE];
    uint8_t out[DICTIONARY_HEADER_MAX];
    const uint8_t *found;

    dictionary_write_suffix(suffix, CODING_DCZ, digest);
    CHECK_EQ_STR(suffix, ".e3b0c44298fc1c14.dcz");
    dictionary_write_suffix(suffix, CODING_DCB, digest);
    CHECK_EQ_STR(suffix, ".e3b0c44298fc1c14.dcb");

    CHECK_EQ_UINT(dictionary_write_header(out, CODING_DCZ, digest), 40);
    CHECK_EQ_MEM(out, 8, "\x5e\x2a\x4d\x18\x20\0\0\0", 8);
    CHECK_EQ_MEM(out + 8, 32, digest, 32);
    CHECK_EQ_UINT(dictionary_read_header(out, 40, CODING_DCZ, &found), 40);
    CHECK(found == out + 8);
    CHECK_EQ_UINT(dictionary_read_header(out, 39, CODING_DCZ, &found), 0);
    CHECK_EQ_UINT(dictionary_read_header(out, 40, CODING_DCB, &found), 0);
    out[4] = 0x21;
    CHECK_EQ_UINT(dictionary_read_header(out, 40, CODING_DCZ, &found), 0);

    CHECK_EQ_UINT(dictionary_write_header(out, CODING_DCB, digest), 36);
    CHECK_EQ_MEM(out, 4,
                 "\xff"
                 "DCB",
                 4);
    CHECK_EQ_UINT(dictionary_read_header(out, 36, CODING_DCB, &found), 36);
    CHECK(found == out + 4);
    CHECK_EQ_UINT(dictionary_read_header(out, 35, CODING_DCB, &found), 0);
    CHECK_EQ_UINT(dictionary_read_header(out, 36, CODING_DCZ, &found), 0);
    CHECK_EQ_UINT(dictionary_read_header(out, 0, CODING_DCZ, &found), 0);
}

TEST(windows)
{
    const uint64_t mib = 1024 * 1024;

    CHECK_EQ_UINT(dictionary_window_max(CODING_DCZ, 0), 8 * mib);
    CHECK_EQ_UINT(dictionary_window_max(CODING_DCZ, 6 * mib), 8 * mib);
    CHECK_EQ_UINT(dictionary_window_max(CODING_DCZ, 8 * mib), 8 * mib);
    CHECK_EQ_UINT(dictionary_window_max(CODING_DCZ, 9 * mib), 11 * mib + mib / 4);
    /* The rounding of the first Chromium with dcz is the smaller one. */
    CHECK_EQ_UINT(dictionary_window_max(CODING_DCZ, 15 * mib), 16 * mib);
    CHECK_EQ_UINT(dictionary_window_max(CODING_DCZ, 16 * mib), 16 * mib);
    CHECK_EQ_UINT(dictionary_window_max(CODING_DCZ, 16 * mib + 1), 20 * mib + 1);
    CHECK_EQ_UINT(dictionary_window_max(CODING_DCZ, 100 * mib), 125 * mib);
    CHECK_EQ_UINT(dictionary_window_max(CODING_DCZ, 103 * mib), 128 * mib);
    CHECK_EQ_UINT(dictionary_window_max(CODING_DCZ, UINT64_MAX), 128 * mib);
    CHECK_EQ_UINT(dictionary_window_max(CODING_DCB, 0), 16 * mib);
    CHECK_EQ_UINT(dictionary_window_max(CODING_DCB, 100 * mib), 16 * mib);
}
