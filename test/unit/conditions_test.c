/* SPDX-License-Identifier: Apache-2.0
 * conditions_test.c — conditions, entity tags, dates and ranges by the table.
 * layers: delivery
 *
 * How:     The response that the conditions are about has the tag "a-br" and was last modified
 *          on Tue, 14 Nov 2023 22:13:20 GMT (1700000000); it is answered a day later.
 * Memory:  Nothing is allocated.
 * Threads: One.
 */
#include "unit.h"

#include "conditions.h"
#include "etag.h"
#include "httpdate.h"
#include "ranges.h"

#define MODIFIED "Tue, 14 Nov 2023 22:13:20 GMT"
#define EARLIER  "Tue, 14 Nov 2023 22:13:19 GMT"
#define LATER    "Tue, 14 Nov 2023 22:13:21 GMT"
#define OWN      "\"a-br\""
#define OTHER    "\"a\""

enum { P = CONDITIONS_PROCEED, N = CONDITIONS_NOT_MODIFIED, F = CONDITIONS_FAILED };

struct row {
    const char *what;
    struct conditions_request request;
    int verdict;
    bool use_range;
};

#define GET .is_get = true

static const struct row rows[] = {
    {"nothing", {GET}, P, false},
    /* If-Match: strong */
    {"same", {GET, .if_match = OWN}, P, false},
    {"other", {GET, .if_match = OTHER}, F, false},
    {"star", {GET, .if_match = "*"}, P, false},
    {"in a list", {GET, .if_match = OTHER ", " OWN}, P, false},
    {"weak is not strong", {GET, .if_match = "W/" OWN}, F, false},
    {"empty", {GET, .if_match = ""}, F, false},
    {"HEAD too", {.is_head = true, .if_match = OTHER}, F, false},
    {"beats If-Unmodified-Since", {GET, .if_match = OWN, .if_unmodified_since = EARLIER}, P, false},
    {"beats If-None-Match", {GET, .if_match = OTHER, .if_none_match = OWN}, F, false},
    {"then If-None-Match", {GET, .if_match = OWN, .if_none_match = OWN}, N, false},
    /* If-Unmodified-Since */
    {"unmodified since", {GET, .if_unmodified_since = MODIFIED}, P, false},
    {"unmodified since later", {GET, .if_unmodified_since = LATER}, P, false},
    {"modified since", {GET, .if_unmodified_since = EARLIER}, F, false},
    {"no date", {GET, .if_unmodified_since = "yesterday"}, P, false},
    {"and none match", {GET, .if_unmodified_since = MODIFIED, .if_none_match = OWN}, N, false},
    /* If-None-Match: weak */
    {"has it", {GET, .if_none_match = OWN}, N, false},
    {"has it, HEAD", {.is_head = true, .if_none_match = OWN}, N, false},
    {"has it, another method", {.if_none_match = OWN}, F, false},
    {"has it weakly", {GET, .if_none_match = "W/" OWN}, N, false},
    {"has another", {GET, .if_none_match = OTHER}, P, false},
    {"has another, HEAD", {.is_head = true, .if_none_match = OTHER}, P, false},
    {"any", {GET, .if_none_match = "*"}, N, false},
    {"any, another method", {.if_none_match = "*"}, F, false},
    {"star is not a member", {GET, .if_none_match = OTHER ", *"}, P, false},
    {"last of a list", {GET, .if_none_match = OTHER ",\"b\" ,\t" OWN}, N, false},
    {"first of a list", {GET, .if_none_match = OWN "," OTHER}, N, false},
    {"empty members", {GET, .if_none_match = ",, ," OWN ",,"}, N, false},
    {"comma inside a tag", {GET, .if_none_match = "\"x,\"," OWN}, N, false},
    {"our tag inside another", {GET, .if_none_match = "\"x, a-br\""}, P, false},
    {"no quotes", {GET, .if_none_match = "a-br"}, P, false},
    {"no closing quote", {GET, .if_none_match = "\"a-br"}, P, false},
    {"something behind the tag", {GET, .if_none_match = OWN "x"}, P, false},
    {"nonsense, then ours", {GET, .if_none_match = "nonsense, " OWN}, N, false},
    {"lower case w", {GET, .if_none_match = "w/" OWN}, P, false},
    {"empty", {GET, .if_none_match = ""}, P, false},
    /* If-Modified-Since: only without If-None-Match, only GET and HEAD */
    {"not modified since", {GET, .if_modified_since = MODIFIED}, N, false},
    {"not modified since, HEAD", {.is_head = true, .if_modified_since = LATER}, N, false},
    {"modified since", {GET, .if_modified_since = EARLIER}, P, false},
    {"another method", {.if_modified_since = LATER}, P, false},
    {"no date", {GET, .if_modified_since = "0"}, P, false},
    {"beside a match", {GET, .if_none_match = OWN, .if_modified_since = EARLIER}, N, false},
    {"beside none", {GET, .if_none_match = OTHER, .if_modified_since = LATER}, P, false},
    {"beside an empty one", {GET, .if_none_match = "", .if_modified_since = LATER}, P, false},
    /* Range, If-Range */
    {"range", {GET, .range = "bytes=0-1"}, P, true},
    {"range, HEAD", {.is_head = true, .range = "bytes=0-1"}, P, false},
    {"if same", {GET, .range = "bytes=0-1", .if_range = OWN}, P, true},
    {"if other", {GET, .range = "bytes=0-1", .if_range = OTHER}, P, false},
    {"if weak", {GET, .range = "bytes=0-1", .if_range = "W/" OWN}, P, false},
    {"if a list", {GET, .range = "bytes=0-1", .if_range = OWN ", " OTHER}, P, false},
    {"if star", {GET, .range = "bytes=0-1", .if_range = "*"}, P, false},
    {"if date", {GET, .range = "bytes=0-1", .if_range = MODIFIED}, P, true},
    {"if later", {GET, .range = "bytes=0-1", .if_range = LATER}, P, false},
    {"if earlier", {GET, .range = "bytes=0-1", .if_range = EARLIER}, P, false},
    {"if nonsense", {GET, .range = "bytes=0-1", .if_range = "now"}, P, false},
    {"if without range", {GET, .if_range = OWN}, P, false},
    {"not modified beats range", {GET, .range = "bytes=0-1", .if_none_match = OWN}, N, false},
    {"failed beats range", {GET, .range = "bytes=0-1", .if_match = OTHER}, F, false},
    {"match, then range", {GET, .range = "bytes=0-1", .if_match = OWN}, P, true},
};

TEST(rows)
{
    struct conditions_validators validators = {OWN, 1700000000, 1700000000 + 86400};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct conditions_result result = conditions_evaluate(&rows[i].request, &validators);
        CASE("row %zu, %s", i, rows[i].what);
        CHECK_EQ_INT(result.verdict, rows[i].verdict);
        CHECK_EQ_INT(result.use_range, rows[i].use_range);
    }
}

TEST(without_a_tag)
{
    struct conditions_validators validators = {NULL, 1700000000, 1700000000 + 86400};
    struct conditions_request request = {GET, .if_none_match = OWN, .if_modified_since = LATER};

    CHECK_EQ_INT(conditions_evaluate(&request, &validators).verdict, P);
    request = (struct conditions_request){GET, .if_none_match = "*"};
    CHECK_EQ_INT(conditions_evaluate(&request, &validators).verdict, N);
    request = (struct conditions_request){GET, .if_match = OWN};
    CHECK_EQ_INT(conditions_evaluate(&request, &validators).verdict, F);
    request = (struct conditions_request){GET, .if_match = "*", .range = "x", .if_range = OWN};
    CHECK_EQ_INT(conditions_evaluate(&request, &validators).verdict, P);
    CHECK(!conditions_evaluate(&request, &validators).use_range);
}

/* A tag that is weak on our side is good for a 304 and for nothing that needs the same bytes. */
TEST(with_a_weak_tag)
{
    struct conditions_validators validators = {"W/" OWN, 1700000000, 1700000000};
    struct conditions_request request = {GET, .if_none_match = OWN};

    CHECK_EQ_INT(conditions_evaluate(&request, &validators).verdict, N);
    request = (struct conditions_request){GET, .if_match = "W/" OWN};
    CHECK_EQ_INT(conditions_evaluate(&request, &validators).verdict, F);
    request = (struct conditions_request){GET, .range = "x", .if_range = "W/" OWN};
    CHECK(!conditions_evaluate(&request, &validators).use_range);
    /* and a date of the same second as the response is not a strong validator either */
    request = (struct conditions_request){GET, .range = "x", .if_range = MODIFIED};
    CHECK(!conditions_evaluate(&request, &validators).use_range);
}

TEST(tags_of_codings)
{
    static const struct {
        const char *tag;
        enum coding coding;
        const char *own;
    } tags[] = {
        {"\"1f\"", CODING_BR, "\"1f-br\""},     {"\"1f\"", CODING_ZSTD, "\"1f-zstd\""},
        {"\"1f\"", CODING_GZIP, "\"1f-gzip\""}, {"\"1f\"", CODING_IDENTITY, "\"1f\""},
        {"W/\"1f\"", CODING_BR, "W/\"1f-br\""}, {"\"\"", CODING_BR, "\"-br\""},
        {"no quote", CODING_BR, "no quote"},    {"", CODING_BR, ""},
    };

    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        char out[64];
        CASE("%s", tags[i].tag);
        etag_for_coding(out, tags[i].tag, tags[i].coding);
        CHECK_EQ_STR(out, tags[i].own);
    }
    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        char out[64];
        CASE("%s, with a word", tags[i].tag);
        etag_with_word(out, tags[i].tag, "gzip");
        if (tags[i].coding == CODING_GZIP || strchr(tags[i].tag, '"') == NULL) {
            CHECK_EQ_STR(out, tags[i].own);
        }
    }
    CHECK(etag_is_weak("W/\"x\""));
    CHECK(!etag_is_weak("\"W/\""));
    CHECK(!etag_is_weak(""));
}

TEST(tags_of_compressed_answers)
{
    static const struct {
        const char *tag, *own; /* own is NULL for what is no tag */
    } tags[] = {
        {"\"1f\"", "W/\"1f-br\""}, {"W/\"1f\"", "W/\"1f-br\""},
        {"\"\"", "W/\"-br\""},     {"\"1f-br\"", "W/\"1f-br-br\""},
        {"no quote", NULL},        {"", NULL},
        {"\"open", NULL},          {"\"1f\"x", NULL},
        {"w/\"1f\"", NULL},
    };

    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        char out[64];
        CASE("%s", tags[i].tag);
        if (tags[i].own == NULL) {
            CHECK(!etag_for_compressed(out, tags[i].tag, CODING_BR));
        } else if (CHECK(etag_for_compressed(out, tags[i].tag, CODING_BR))) {
            CHECK_EQ_STR(out, tags[i].own);
            CHECK(!etag_in_list(tags[i].tag, out, ETAG_WEAK));
        }
    }
}

static const struct {
    const char *text;
    bool valid;
    int64_t seconds;
} dates[] = {
    {"Sun, 06 Nov 1994 08:49:37 GMT", true, 784111777},
    {"Sunday, 06-Nov-94 08:49:37 GMT", true, 784111777},
    {"Sun Nov  6 08:49:37 1994", true, 784111777},
    {"Wed Nov 16 08:49:37 1994", true, 784975777},
    {"Thu, 01 Jan 1970 00:00:00 GMT", true, 0},
    {"Wed, 31 Dec 1969 23:59:59 GMT", true, -1},
    {"Tue, 29 Feb 2000 12:00:00 GMT", true, 951825600},
    {"Thu, 29 Feb 2024 00:00:00 GMT", true, 1709164800},
    {"Fri, 31 Dec 2100 00:00:00 GMT", true, 4133894400},
    {"Fri, 31 Dec 9999 23:59:59 GMT", true, 253402300799},
    {"Sat, 31 Dec 2016 23:59:60 GMT", true, 1483228800}, /* a leap second */
    {"Mon, 01 Jan 0001 00:00:00 GMT", true, -62135596800},
    {"Monday, 01-Jan-73 00:00:00 GMT", true, 3250454400}, /* 2073: within 50 years of 2023 */
    {"Tuesday, 01-Jan-74 00:00:00 GMT", true, 126230400}, /* 1974 */
    {"Sun, 06 Nov 1994 08:49:37 UTC", false, 0},
    {"Sun, 06 Nov 1994 08:49:37", false, 0},
    {"Sun, 06 Nov 1994 08:49:37 GMT ", false, 0},
    {" Sun, 06 Nov 1994 08:49:37 GMT", false, 0},
    {"Sun, 6 Nov 1994 08:49:37 GMT", false, 0},
    {"Sun, 06 nov 1994 08:49:37 GMT", false, 0},
    {"Xyz, 06 Nov 1994 08:49:37 GMT", false, 0},
    {"Sun, 31 Nov 1994 08:49:37 GMT", false, 0},
    {"Sun, 00 Nov 1994 08:49:37 GMT", false, 0},
    {"Wed, 29 Feb 2023 00:00:00 GMT", false, 0},
    {"Thu, 29 Feb 1900 00:00:00 GMT", false, 0},
    {"Sun, 06 Nov 1994 24:00:00 GMT", false, 0},
    {"Sun, 06 Nov 1994 08:60:37 GMT", false, 0},
    {"Sun, 06 Nov 1994 08:49:61 GMT", false, 0},
    {"Sun, 06 Nov 0000 08:49:37 GMT", false, 0},
    {"Sun, 06 Nov 19x4 08:49:37 GMT", false, 0},
    {"Sun, 06-Nov-94 08:49:37 GMT", false, 0},
    {"784111777", false, 0},
    {"Sun, ", false, 0},
    {"Sun", false, 0},
    {"", false, 0},
};

TEST(http_dates)
{
    for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
        int64_t seconds = 12345;
        CASE("\"%s\"", dates[i].text);
        CHECK_EQ_INT(httpdate_parse(dates[i].text, 1700000000, &seconds), dates[i].valid);
        CHECK_EQ_INT(seconds, dates[i].valid ? dates[i].seconds : 12345);
    }
}

static const struct {
    const char *range;
    uint64_t size;
    enum ranges_verdict verdict;
} ranges[] = {
    {"bytes=0-0", 100, RANGES_SATISFIABLE},
    {"bytes=0-", 100, RANGES_SATISFIABLE},
    {"bytes=99-", 100, RANGES_SATISFIABLE},
    {"bytes=99-1000", 100, RANGES_SATISFIABLE},
    {"bytes=-1", 100, RANGES_SATISFIABLE},
    {"bytes=-500", 100, RANGES_SATISFIABLE}, /* longer than the file: all of it */
    {"bytes=0-99999999999999999999999999", 100, RANGES_SATISFIABLE},
    {"Bytes=0-1", 100, RANGES_SATISFIABLE},
    {"bytes=0-1,5-6", 100, RANGES_SATISFIABLE},
    {"bytes=500-600, 0-1", 100, RANGES_SATISFIABLE},
    {"bytes= 0-1 , 5-6 ", 100, RANGES_SATISFIABLE},
    {"bytes=,0-1,,", 100, RANGES_SATISFIABLE},
    {"bytes=100-", 100, RANGES_UNSATISFIABLE},
    {"bytes=100-200", 100, RANGES_UNSATISFIABLE},
    {"bytes=-0", 100, RANGES_UNSATISFIABLE},
    {"bytes=99999999999999999999999999-", 100, RANGES_UNSATISFIABLE},
    {"bytes=100-,200-300", 100, RANGES_UNSATISFIABLE},
    {"bytes=5-4", 100, RANGES_IGNORE},
    {"bytes=0-1,5-4", 100, RANGES_IGNORE},
    {"bytes=0-1,x", 100, RANGES_IGNORE},
    {"bytes=200-,x", 100, RANGES_IGNORE},
    {"bytes=--1", 100, RANGES_IGNORE},
    {"bytes=-", 100, RANGES_IGNORE},
    {"bytes=1", 100, RANGES_IGNORE},
    {"bytes=1-2-3", 100, RANGES_IGNORE},
    {"bytes=0 -1", 100, RANGES_IGNORE},
    {"bytes=0-1 5-6", 100, RANGES_IGNORE},
    {"bytes=+0-1", 100, RANGES_IGNORE},
    {"bytes=", 100, RANGES_IGNORE},
    {"bytes=,", 100, RANGES_IGNORE},
    {"bytes", 100, RANGES_IGNORE},
    {"bytes 0-1", 100, RANGES_IGNORE},
    {"items=0-1", 100, RANGES_IGNORE},
    {"", 100, RANGES_IGNORE},
    {"bytes=0-0", 0, RANGES_IGNORE}, /* nothing to take a part of */
    {"bytes=0-0", 1, RANGES_SATISFIABLE},
    {"bytes=18446744073709551614-", UINT64_MAX, RANGES_SATISFIABLE},
};

TEST(range_headers)
{
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        CASE("\"%s\" of %" PRIu64, ranges[i].range, ranges[i].size);
        CHECK_EQ_INT(ranges_judge(ranges[i].range, ranges[i].size), ranges[i].verdict);
    }
}
