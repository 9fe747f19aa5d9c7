/* SPDX-License-Identifier: Apache-2.0
 * compression_test.c — whether an answer is compressed as it is sent, and with what: a table.
 * layers: delivery
 *
 * How:     A row is an answer, what the client accepts and what the configuration allows, and the
 *          verdict. Rows begin with one that says yes and change one thing each.
 * Memory:  Nothing is allocated.
 * Threads: One.
 */
#include "unit.h"

#include "compression.h"
#include "encoder.h"

#define BIT(c)  ((coding_set)(1u << CODING_##c))
#define ALL     (BIT(BR) | BIT(ZSTD) | BIT(GZIP))
#define UNKNOWN UINT64_MAX

static const struct {
    const char *what;
    struct compression_answer answer;
    const char *accept; /* NULL: no header */
    coding_set codings;
    enum compression_verdict verdict;
    enum coding coding;
} rows[] = {
    {"all",
     {.status = 200, .size = 5000},
     "gzip, deflate, br, zstd",
     ALL,
     COMPRESSION_YES,
     CODING_BR},
    {"unknown size", {.status = 200, .size = UNKNOWN}, "gzip, br", ALL, COMPRESSION_YES, CODING_BR},
    /* 1: the status */
    {"continue", {.status = 100, .size = 5000}, "br", ALL, COMPRESSION_NO_BODY, 0},
    {"early hints", {.status = 103, .size = 5000}, "br", ALL, COMPRESSION_NO_BODY, 0},
    {"created", {.status = 201, .size = 5000}, "br", ALL, COMPRESSION_YES, CODING_BR},
    {"no content", {.status = 204, .size = 0}, "br", ALL, COMPRESSION_NO_BODY, 0},
    {"reset content", {.status = 205, .size = 0}, "br", ALL, COMPRESSION_NO_BODY, 0},
    {"not modified", {.status = 304, .size = UNKNOWN}, "br", ALL, COMPRESSION_NO_BODY, 0},
    {"not found", {.status = 404, .size = 5000}, "br", ALL, COMPRESSION_YES, CODING_BR},
    {"failed", {.status = 500, .size = UNKNOWN}, "br", ALL, COMPRESSION_YES, CODING_BR},
    /* 2: parts */
    {"part", {.status = 206, .size = 5000}, "br", ALL, COMPRESSION_PARTIAL, 0},
    {"part in a 200",
     {.status = 200, .partial = true, .size = 5000},
     "br",
     ALL,
     COMPRESSION_PARTIAL,
     0},
    /* 3, 4: what others have said */
    {"coded", {.status = 200, .coded = true, .size = 5000}, "br", ALL, COMPRESSION_CODED, 0},
    {"no-transform",
     {.status = 200, .no_transform = true, .size = 5000},
     "br",
     ALL,
     COMPRESSION_NO_TRANSFORM,
     0},
    {"not even where identity is refused",
     {.status = 200, .no_transform = true, .size = 5000},
     "br, identity;q=0",
     ALL,
     COMPRESSION_NO_TRANSFORM,
     0},
    /* 5: what the client likes */
    {"no header", {.status = 200, .size = 5000}, NULL, ALL, COMPRESSION_NOT_WANTED, 0},
    {"empty", {.status = 200, .size = 5000}, "", ALL, COMPRESSION_NOT_WANTED, 0},
    {"only gzip", {.status = 200, .size = 5000}, "gzip", ALL, COMPRESSION_YES, CODING_GZIP},
    {"only zstd", {.status = 200, .size = 5000}, "zstd", ALL, COMPRESSION_YES, CODING_ZSTD},
    {"zstd before gzip",
     {.status = 200, .size = 5000},
     "gzip, zstd",
     ALL,
     COMPRESSION_YES,
     CODING_ZSTD},
    {"weights",
     {.status = 200, .size = 5000},
     "br;q=0.1, gzip;q=0.2",
     ALL,
     COMPRESSION_YES,
     CODING_GZIP},
    {"refused", {.status = 200, .size = 5000}, "br;q=0, gzip", ALL, COMPRESSION_YES, CODING_GZIP},
    {"star", {.status = 200, .size = 5000}, "*", ALL, COMPRESSION_YES, CODING_BR},
    {"identity first",
     {.status = 200, .size = 5000},
     "br;q=0.5, identity",
     ALL,
     COMPRESSION_NOT_WANTED,
     0},
    {"identity alike",
     {.status = 200, .size = 5000},
     "br, identity",
     ALL,
     COMPRESSION_YES,
     CODING_BR},
    {"unknown coding", {.status = 200, .size = 5000}, "deflate", ALL, COMPRESSION_NOT_WANTED, 0},
    {"identity refused",
     {.status = 200, .size = 5000},
     "gzip, identity;q=0",
     ALL,
     COMPRESSION_YES,
     CODING_GZIP},
    {"everything refused", {.status = 200, .size = 5000}, "*;q=0", ALL, COMPRESSION_NOT_WANTED, 0},
    {"dictionaries are not ours",
     {.status = 200, .size = 5000},
     "dcb, dcz",
     ALL,
     COMPRESSION_NOT_WANTED,
     0},
    /* the configuration */
    {"none", {.status = 200, .size = 5000}, "br", 0, COMPRESSION_NOT_WANTED, 0},
    {"br not allowed",
     {.status = 200, .size = 5000},
     "br, gzip",
     BIT(GZIP),
     COMPRESSION_YES,
     CODING_GZIP},
    /* 6: the size */
    {"empty body", {.status = 200, .size = 0}, "br", ALL, COMPRESSION_SMALL, 0},
    {"a byte too small",
     {.status = 200, .size = COMPRESSION_MIN - 1},
     "br",
     ALL,
     COMPRESSION_SMALL,
     0},
    {"just large enough",
     {.status = 200, .size = COMPRESSION_MIN},
     "br",
     ALL,
     COMPRESSION_YES,
     CODING_BR},
    {"small, identity refused",
     {.status = 200, .size = 1},
     "br, identity;q=0",
     ALL,
     COMPRESSION_YES,
     CODING_BR},
    {"empty, identity refused",
     {.status = 200, .size = 0},
     "gzip, *;q=0",
     ALL,
     COMPRESSION_YES,
     CODING_GZIP},
};

static struct negotiate_prefs prefs_of(const char *accept)
{
    struct negotiate_prefs prefs;

    negotiate_parse(accept, accept ? strlen(accept) : 0, &prefs);
    return prefs;
}

TEST(rows)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct negotiate_prefs prefs = prefs_of(rows[i].accept);
        enum coding coding = CODING_COUNT;
        CASE("row %zu, %s", i, rows[i].what);
        if (rows[i].coding == CODING_ZSTD && !encoder_can(CODING_ZSTD, false)) {
            continue;
        }
        CHECK_EQ_INT(compression_decide(&rows[i].answer, &prefs, rows[i].codings, &coding),
                     rows[i].verdict);
        CHECK_EQ_INT(coding, rows[i].verdict == COMPRESSION_YES ? rows[i].coding : CODING_COUNT);
        /* What the client likes has no part in the first four rules. */
        CHECK_EQ_INT(compression_allows(&rows[i].answer),
                     rows[i].verdict < COMPRESSION_NOT_WANTED ? rows[i].verdict : COMPRESSION_YES);
    }
}

TEST(offers_for_a_file)
{
    struct negotiate_prefs prefs = prefs_of("br, gzip;q=0.5");

    CHECK_EQ_INT(compression_offers(&prefs, ALL, 5000), BIT(BR) | BIT(GZIP));
    CHECK_EQ_INT(compression_offers(&prefs, BIT(GZIP), 5000), BIT(GZIP));
    CHECK_EQ_INT(compression_offers(&prefs, ALL, 10), 0);
    prefs = prefs_of("br, identity;q=0");
    CHECK_EQ_INT(compression_offers(&prefs, ALL, 10), BIT(BR));
    prefs = prefs_of(NULL);
    CHECK_EQ_INT(compression_offers(&prefs, ALL, 5000), 0);
    /* Whatever is allowed: only what there is an encoder for. */
    prefs = prefs_of("br, zstd, gzip, dcb, dcz");
    CHECK_EQ_INT(compression_offers(&prefs, (coding_set)~0u, 5000) & ~ALL, 0);
}

TEST(a_made_variant_weighs_less_than_the_raw_file_and_more_than_a_real_one)
{
    CHECK_EQ_UINT(compression_weighs(0), 0);
    CHECK_EQ_UINT(compression_weighs(1), 0);
    CHECK_EQ_UINT(compression_weighs(5000), 4999);
}

TEST(reasons)
{
    for (int v = 0; v < COMPRESSION_VERDICTS; v++) {
        CHECK(strlen(compression_reason((enum compression_verdict)v)) > 0);
    }
}
