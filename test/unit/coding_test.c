/* SPDX-License-Identifier: Apache-2.0
 * coding_test.c — codings by token and by suffix, and the names that travel with them.
 * layers: delivery
 *
 * Memory:  Nothing is allocated.
 * Threads: One.
 */
#include "unit.h"

#include "cachepolicy.h"
#include "coding.h"
#include "mediatype.h"

TEST(every_row_is_found_by_its_own_words)
{
    for (int c = 0; c < CODING_COUNT; c++) {
        const struct coding_info *row = coding_info((enum coding)c);
        CASE("%s", row->token);
        CHECK_EQ_INT(coding_by_token(row->token, strlen(row->token)), c);
        if (row->alias != NULL) {
            CHECK_EQ_INT(coding_by_token(row->alias, strlen(row->alias)), c);
        }
        if (c != CODING_IDENTITY) {
            char name[32];
            snprintf(name, sizeof(name), "app.wasm%s", row->suffix);
            CHECK_EQ_INT(coding_by_suffix(name), c);
            CHECK_EQ_INT(coding_by_suffix(row->suffix), CODING_COUNT);
        }
    }
}

TEST(two_need_a_dictionary)
{
    for (int c = 0; c < CODING_COUNT; c++) {
        CASE("%s", coding_info((enum coding)c)->token);
        CHECK_EQ_INT(coding_needs_dictionary((enum coding)c), c == CODING_DCB || c == CODING_DCZ);
        CHECK(!coding_needs_dictionary(coding_info((enum coding)c)->plain));
    }
    CHECK_EQ_INT(coding_info(CODING_DCB)->plain, CODING_BR);
    CHECK_EQ_INT(coding_info(CODING_DCZ)->plain, CODING_ZSTD);
}

TEST(what_is_no_coding)
{
    CHECK_EQ_INT(coding_by_token("", 0), CODING_COUNT);
    CHECK_EQ_INT(coding_by_token("deflate", 7), CODING_COUNT);
    CHECK_EQ_INT(coding_by_token("br", 1), CODING_COUNT);
    CHECK_EQ_INT(coding_by_suffix(""), CODING_COUNT);
    CHECK_EQ_INT(coding_by_suffix("app.wasm"), CODING_COUNT);
    CHECK_EQ_INT(coding_by_suffix("app.br.wasm"), CODING_COUNT);
    CHECK_EQ_INT(coding_by_suffix("app.wasm.BR"), CODING_COUNT);
    CHECK_EQ_INT(coding_by_suffix("appbr"), CODING_COUNT);
}

static const struct {
    const char *name;
    bool hashed;
} names[] = {
    /* what build tools write */
    {"app.9f2c3a1b.wasm", true},
    {"app-9f2c3a1b2c3d4e5f_bg.wasm", true},
    {"main.0123456789abcdef0123456789abcdef01234567.js", true},
    {"9f2c3a.wasm", true},
    {"9F2C3A.wasm", true},
    {"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.wasm", true},
    {"app.9f2c3a1b.wasm.br", true},
    {"lib~9f2c3a1b.wasm", true},
    {"a_b-c.9f2c3a1b", true},
    {"12345678901234567890.wasm", true},
    {"abcdef.wasm", true},
    {"app.deadbeef.wasm", true},
    {"build.100000.wasm", true},
    /* too short, too long, not hex */
    {"app.9f2c3.wasm", false},
    {"app.e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8550.wasm", false},
    {"app.9f2c3g1b.wasm", false},
    {"app.wasm", false},
    {"", false},
    {".", false},
    {"...", false},
    {".wasm", false},
    {"app9f2c3a1b.wasm", false}, /* not a part of its own */
    /* words, dates, versions */
    {"facade.wasm", false},
    {"Decade-1.wasm", false},
    {"effaced.wasm", false},
    {"facaded.wasm", true}, /* one more letter is no such word */
    {"app-20240101.wasm", false},
    {"app-19991231.wasm", false},
    {"app-202401012359.wasm", false},
    {"app-20241301.wasm", true}, /* no such month */
    {"app-20240132.wasm", true}, /* no such day */
    {"app-21000101.wasm", true}, /* too far away */
    {"app.1700000000000.wasm", true},
    {"v1.2.3.wasm", false},
};

TEST(hashed_names)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        CASE("\"%s\"", names[i].name);
        CHECK_EQ_INT(cachepolicy_name_is_hashed(names[i].name), names[i].hashed);
    }
}

TEST(cache_control_values)
{
    CHECK_EQ_STR(cachepolicy_value(true), "public, max-age=31536000, immutable");
    CHECK_EQ_STR(cachepolicy_value(false), "no-cache");
}

TEST(no_transform)
{
    static const struct {
        const char *value;
        bool forbids;
    } values[] = {
        {"no-transform", true},
        {"No-Transform", true},
        {"public, max-age=60,no-transform", true},
        {" ,\t, no-transform ,", true},
        {"no-transform=1", true},
        {"no-transform;x", true},
        {"private=\"a, b\", no-transform", true},
        {"private=\"a\\\", no-transform\"", false},
        {"private=\"a\\\"\", no-transform", true},
        {"private=\"no-transform\"", false},
        {"private=\"x, no-transform\"", false},
        {"private=\"never closed, no-transform", false},
        {"private=\"never closed\\", false},
        {"no-transforms", false},
        {"x-no-transform", false},
        {"no-transfor", false},
        {"no transform", false},
        {"no-cache", false},
        {"", false},
        {",", false},
    };

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        CASE("%s", values[i].value);
        CHECK_EQ_INT(cachepolicy_forbids_transform(values[i].value), values[i].forbids);
    }
}

TEST(types_and_endings)
{
    CHECK(mediatype_is("application/wasm", "application/wasm"));
    CHECK(mediatype_is("Application/WASM; charset=utf-8", "application/wasm"));
    CHECK(mediatype_is("application/wasm;", "application/wasm"));
    CHECK(!mediatype_is("application/wasmx", "application/wasm"));
    CHECK(!mediatype_is("", "application/wasm"));
    CHECK(mediatype_is_generic("application/octet-stream"));
    CHECK(mediatype_is_generic("binary/octet-stream; x=y"));
    CHECK(!mediatype_is_generic("application/wasm"));
    CHECK(!mediatype_is_generic("text/plain"));
    CHECK(mediatype_of_suffix("application/wasm", ".wasm"));
    CHECK(mediatype_of_suffix("application/wasm", ".WASM"));
    CHECK(mediatype_of_suffix("text/javascript; charset=utf-8", ".js"));
    CHECK(mediatype_of_suffix("application/javascript", ".mjs"));
    CHECK(mediatype_of_suffix("application/x-javascript", ".framework.js"));
    CHECK(mediatype_of_suffix("text/html", ".html"));
    CHECK(!mediatype_of_suffix("text/html", ".js"));
    CHECK(!mediatype_of_suffix("application/wasm", ".js"));
    /* An ending that nobody knows has no type; above all not the generic one. */
    CHECK(!mediatype_of_suffix("application/octet-stream", ".data"));
    CHECK(!mediatype_of_suffix(
        "application/wasm",
        ".an-ending-that-is-longer-than-anybody-would-ever-write-it-down-here"));
}

static const struct {
    const char *cache_control;
    bool fresh;
} policies[] = {
    {NULL, false},
    {"", false},
    {"no-cache", false},
    {"public, max-age=31536000, immutable", true},
    {"max-age=1", true},
    {"MAX-AGE=1", true},
    {"max-age=\"60\"", true},
    {"max-age=060", true},
    {"max-age=0", false},
    {"max-age=00", false},
    {"max-age=", false},
    {"max-age", false},
    {"max-age=x", false},
    {"max-ages=60", false},
    {"s-maxage=60", false},
    {"max-age=60, no-cache", false},
    {"no-cache,max-age=60", false},
    {"max-age=60,\tNo-Store", false},
    {"no-cache=\"Set-Cookie\", max-age=60", false}, /* on the safe side */
    {"private, max-age=60, no-transform", true},
    {" , ,max-age=60,", true},
};

TEST(what_may_be_kept)
{
    for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
        CASE("%s", policies[i].cache_control ? policies[i].cache_control : "(none)");
        CHECK_EQ_INT(cachepolicy_is_fresh(policies[i].cache_control), policies[i].fresh);
    }
}

TEST(suffixes_of_names)
{
    CHECK(mediatype_has_suffix("app.wasm", 8, ".wasm"));
    CHECK(mediatype_has_suffix("APP.WASM", 8, ".wasm"));
    CHECK(mediatype_has_suffix("app.wasm.br", 8, ".wasm"));
    CHECK(!mediatype_has_suffix("app.wasm.br", 11, ".wasm"));
    CHECK(!mediatype_has_suffix(".wasm", 5, ".wasm")); /* a name has something before its ending */
    CHECK(!mediatype_has_suffix("wasm", 4, ".wasm"));
    CHECK(!mediatype_has_suffix("", 0, ".wasm"));
}

TEST(types)
{
    CHECK_EQ_STR(mediatype_by_name("a.wasm", 6), "application/wasm");
    CHECK_EQ_STR(mediatype_by_name("a.wasm.br", 6), "application/wasm");
    CHECK_EQ_STR(mediatype_by_name("a.framework.js", 14), "text/javascript");
    CHECK_EQ_STR(mediatype_by_name("a.symbols.json", 14), "application/json");
    CHECK_EQ_STR(mediatype_by_name("a.data", 6), "application/octet-stream");
    CHECK_EQ_STR(mediatype_by_name("", 0), "application/octet-stream");
    CHECK(mediatype_is_archive("application/gzip"));
    CHECK(mediatype_is_archive("Application/X-Gzip; a=b"));
    CHECK(mediatype_is_archive("application/zstd"));
    CHECK(!mediatype_is_archive("application/gzipped"));
    CHECK(!mediatype_is_archive("application/wasm"));
    CHECK(!mediatype_is_archive(""));
}
