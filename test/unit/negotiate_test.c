/* SPDX-License-Identifier: Apache-2.0
 * negotiate_test.c — Accept-Encoding by the table.
 * layers: delivery
 *
 * How:     Each row is a header and what follows from it: the representations that may be sent,
 *          best first, out of a raw file of 100 bytes and variants br 10, zstd 12, gzip 20; with
 *          "-" for none, which is a 406. The rules have the numbers of negotiate.h.
 * Memory:  Nothing is allocated.
 * Threads: One.
 */
#include "unit.h"

#include "negotiate.h"

struct row {
    const char *header; /* NULL: none */
    const char *ranking;
};

static const struct row rows[] = {
    /* rules 1 and 2: no header, an empty one */
    {NULL, "identity"},
    {"", "identity"},
    {" ", "identity"},
    {"\t", "identity"},
    {",", "identity"},
    {" , ,\t, ", "identity"},
    {",,,,,,,,", "identity"},
    /* one coding */
    {"br", "br identity"},
    {"zstd", "zstd identity"},
    {"gzip", "gzip identity"},
    {"x-gzip", "gzip identity"},
    {"identity", "identity"},
    {"deflate", "identity"},
    {"compress", "identity"},
    {"dcb", "identity"},
    {"dcz", "identity"},
    /* what browsers and proxies send */
    {"gzip, deflate", "gzip identity"},
    {"gzip, deflate, br", "br gzip identity"},
    {"gzip, deflate, br, zstd", "br zstd gzip identity"},
    {"gzip, deflate, br, zstd, dcb, dcz", "br zstd gzip identity"},
    {"gzip, br", "br gzip identity"},
    {"gzip;q=1.0, identity; q=0.5, *;q=0", "gzip identity"},
    {"compress, gzip", "gzip identity"},
    {"compress;q=0.5, gzip;q=1.0", "gzip identity"},
    {"br;q=1.0, gzip;q=0.8, *;q=0.1", "br gzip zstd identity"},
    {"gzip,deflate,br,zstd", "br zstd gzip identity"},
    {"deflate, gzip;q=1.0, *;q=0.5", "gzip br zstd identity"},
    /* rule 3: empty members, blanks */
    {",br", "br identity"},
    {"br,", "br identity"},
    {",,br,,gzip,,", "br gzip identity"},
    {"  br  ,\tgzip\t", "br gzip identity"},
    {"br ,gzip", "br gzip identity"},
    /* rule 4: case, alias */
    {"BR", "br identity"},
    {"Gzip", "gzip identity"},
    {"GZIP, BR, ZSTD", "br zstd gzip identity"},
    {"X-GZIP", "gzip identity"},
    {"X-Gzip;q=0.5, br;q=0.4", "gzip br identity"},
    {"IDENTITY;q=0, br", "br"},
    {"br;Q=0.5, gzip;Q=0.6", "gzip br identity"},
    {"BR;Q=0", "identity"},
    /* rule 5: weights order what is acceptable */
    {"br;q=0.5, gzip", "gzip br identity"},
    {"br;q=0.1, zstd;q=0.2, gzip;q=0.3", "gzip zstd br identity"},
    {"br;q=0.3, zstd;q=0.2, gzip;q=0.1", "br zstd gzip identity"},
    {"gzip;q=0.999, br;q=0.998", "gzip br identity"},
    {"gzip;q=0.001, br;q=0.002", "br gzip identity"},
    {"gzip;q=1, br;q=0.999", "gzip br identity"},
    {"gzip;q=1., br;q=0.9", "gzip br identity"},
    {"gzip;q=1.0, br;q=0.9", "gzip br identity"},
    {"gzip;q=1.00, br;q=0.9", "gzip br identity"},
    {"gzip;q=1.000, br;q=0.9", "gzip br identity"},
    {"gzip;q=0.5, br;q=0.50, zstd;q=0.500", "br zstd gzip identity"},
    {"gzip;q=0.05, br;q=0.005", "gzip br identity"},
    {"br ; q=0.5, gzip", "gzip br identity"},
    {"br;\tq=0.5\t, gzip", "gzip br identity"},
    {"br\t;q=0.5,gzip", "gzip br identity"},
    {"br;q=0.5   ,gzip", "gzip br identity"},
    {"br;q=0.001", "br identity"},
    /* weight 0 refuses */
    {"br;q=0", "identity"},
    {"br;q=0.", "identity"},
    {"br;q=0.0", "identity"},
    {"br;q=0.00", "identity"},
    {"br;q=0.000", "identity"},
    {"br;q=0, gzip", "gzip identity"},
    {"gzip;q=0, br;q=0, zstd;q=0", "identity"},
    {"x-gzip;q=0, br", "br identity"},
    /* rule 6: "*" */
    {"*", "br zstd gzip identity"},
    {" * ", "br zstd gzip identity"},
    {"*;q=0.5", "br zstd gzip identity"},
    {"*;q=0", "-"},
    {"*;q=0.000", "-"},
    {"*;q=0, br", "br"},
    {"*;q=0, identity", "identity"},
    {"*;q=0, identity;q=0.5, gzip", "gzip identity"},
    {"*, br;q=0", "zstd gzip identity"},
    {"*, gzip;q=0", "br zstd identity"},
    {"*;q=0.5, gzip", "gzip br zstd identity"},
    {"*;q=0.5, gzip;q=0.1", "br zstd identity gzip"},
    {"*;q=0.1, identity;q=0.9", "identity br zstd gzip"},
    {"br;q=0.2, *;q=0.5", "zstd gzip identity br"},
    {"gzip;q=0.5, *", "br zstd identity gzip"},
    {"*, identity;q=0", "br zstd gzip"},
    {"*;q=0.7, br;q=0, gzip;q=0, zstd;q=0", "identity"},
    {"*, *;q=0", "-"},
    {"*;q=0, *", "-"},
    /* rule 7: identity */
    {"identity;q=0", "-"},
    {"identity;q=0.0", "-"},
    {"identity;q=0, gzip", "gzip"},
    {"gzip, identity;q=0", "gzip"},
    {"identity;q=0, br;q=0.001", "br"},
    {"identity;q=0, deflate", "-"},
    {"identity;q=0, *", "br zstd gzip"},
    {"identity;q=0, *;q=0", "-"},
    {"identity;q=0, br;q=0", "-"},
    {"br;q=0.5, identity;q=0.9", "identity br"},
    {"identity;q=0.9, br;q=0.1", "identity br"},
    {"identity;q=0.5, br;q=0.9", "br identity"},
    {"identity;q=0.001, br;q=0.002", "br identity"},
    {"br, identity", "br identity"},
    {"identity, br, zstd", "br zstd identity"},
    {"identity;q=0.5, gzip;q=0.5", "gzip identity"},
    {"identity;q=0.001", "identity"},
    {"identity;q=1", "identity"},
    {"deflate;q=0.5, identity;q=0.1", "identity"},
    /* rule 8: malformed members do not use the coding, and do not refuse identity */
    {"br;q=2", "identity"},
    {"br;q=1.1", "identity"},
    {"br;q=1.001", "identity"},
    {"br;q=-1", "identity"},
    {"br;q=+1", "identity"},
    {"br;q=.5", "identity"},
    {"br;q=0.1234", "identity"},
    {"br;q=1.0000", "identity"},
    {"br;q=00.5", "identity"},
    {"br;q=0,5", "identity"},
    {"br;q=abc", "identity"},
    {"br;q=", "identity"},
    {"br;q", "identity"},
    {"br;", "identity"},
    {"br;;q=1", "identity"},
    {"br;q=1;q=1", "identity"},
    {"br;q=1;level=9", "identity"},
    {"br;level=9", "identity"},
    {"br;q =1", "identity"},
    {"br;q= 1", "identity"},
    {"br;q=\"1\"", "identity"},
    {"br;q=0x1", "identity"},
    {"br;q=1e0", "identity"},
    {"br;q=0. 5", "identity"},
    {"br;qq=1", "identity"},
    {"br;w=1", "identity"},
    {"br q=1", "identity"},
    {"br gzip", "identity"},
    {"br=1", "identity"},
    {"br/1", "identity"},
    {"\"br\"", "identity"},
    {";q=1", "identity"},
    {"br;q=nan", "identity"},
    {"br;q=inf", "identity"},
    {"br;q=2, *", "zstd gzip identity"},
    {"br;q=bad, gzip", "gzip identity"},
    {"identity;q=x", "identity"},
    {"identity;q=x, br", "br identity"},
    {"identity;q=2, *;q=0", "-"},
    {"*;q=x", "identity"},
    {"*;q=x, gzip", "gzip identity"},
    {"*;q=0;x, gzip", "gzip identity"},
    /* names that only look like ours */
    {"brotli", "identity"},
    {"b", "identity"},
    {"br2", "identity"},
    {"xbr", "identity"},
    {"br-x", "identity"},
    {"x-br", "identity"},
    {"gzipx", "identity"},
    {"xgzip", "identity"},
    {"x-gzi", "identity"},
    {"zst", "identity"},
    {"zstandard", "identity"},
    {"**", "identity"},
    {"*/*", "identity"},
    {"gz\x80ip", "identity"},
    {"\xe2\x98\x83, br", "br identity"},
    /* rule 9: twice */
    {"br, br", "br identity"},
    {"br;q=0, br", "identity"},
    {"br, br;q=0", "identity"},
    {"br;q=0.9, gzip;q=0.5, br;q=0.1", "gzip br identity"},
    {"gzip;q=0.4, x-gzip;q=0.8, br;q=0.6", "br gzip identity"},
    {"gzip, x-gzip;q=0", "identity"},
    {"identity, identity;q=0", "-"},
    {"br;q=x, br", "identity"},
};

/* With deltas at hand as well, dcb 6 and dcz 5: rule 10. */
static const struct row delta_rows[] = {
    {"gzip, deflate, br, zstd, dcb, dcz", "dcz dcb br zstd gzip identity"},
    {"gzip, deflate, br, zstd", "br zstd gzip identity"},
    {"dcz", "dcz identity"},
    {"DCB", "dcb identity"},
    {"*", "br zstd gzip identity"},
    {"*, dcz", "dcz br zstd gzip identity"},
    {"*;q=0.5, dcz;q=0.1", "br zstd gzip identity dcz"},
    {"br, dcz;q=0.5", "br dcz identity"},
    {"br, dcz;q=0", "br identity"},
    {"br, dcz;q=2", "br identity"},
    {"*;q=0, dcz", "dcz"},
    {"*;q=0", "-"},
    {NULL, "identity"},
    {"", "identity"},
};

/* The ranking of the first n candidates: 4, or 6 with the deltas. */
static void ranking_among(size_t n, const char *header, size_t len, char *out, size_t size)
{
    struct negotiate_candidate candidates[] = {{CODING_IDENTITY, 100}, {CODING_BR, 10},
                                               {CODING_ZSTD, 12},      {CODING_GZIP, 20},
                                               {CODING_DCB, 6},        {CODING_DCZ, 5}};
    struct negotiate_prefs prefs;

    negotiate_parse(header, len, &prefs);
    n = negotiate_rank(&prefs, candidates, n);
    snprintf(out, size, "%s", n == 0 ? "-" : "");
    for (size_t i = 0; i < n; i++) {
        size_t at = strlen(out);
        snprintf(out + at, size - at, "%s%s", i ? " " : "",
                 coding_info(candidates[i].coding)->token);
    }
}

static void ranking_of(const char *header, size_t len, char *out, size_t size)
{
    ranking_among(4, header, len, out, size);
}

TEST(deltas)
{
    char got[64];

    for (size_t i = 0; i < sizeof(delta_rows) / sizeof(delta_rows[0]); i++) {
        const char *header = delta_rows[i].header;
        CASE("row %zu, \"%s\"", i, header ? header : "(none)");
        ranking_among(6, header, header ? strlen(header) : 0, got, sizeof(got));
        CHECK_EQ_STR(got, delta_rows[i].ranking);
    }
}

TEST(rows)
{
    char got[64];

    CHECK(sizeof(rows) / sizeof(rows[0]) >= 120);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *header = rows[i].header;
        CASE("row %zu, \"%s\"", i, header ? header : "(none)");
        ranking_of(header, header ? strlen(header) : 0, got, sizeof(got));
        CHECK_EQ_STR(got, rows[i].ranking);
    }
}

/* A header is bytes with a length: what stands behind it does not count, and a NUL inside is only
 * another character that no token has. */
TEST(length_is_the_only_end)
{
    char got[64];

    ranking_of("gzip, br;q=0", 4, got, sizeof(got));
    CHECK_EQ_STR(got, "gzip identity");
    ranking_of("gzip, br;q=0", 8, got, sizeof(got));
    CHECK_EQ_STR(got, "br gzip identity");
    ranking_of("br\0, gzip", 9, got, sizeof(got));
    CHECK_EQ_STR(got, "gzip identity");
}

TEST(ties_go_to_the_smallest)
{
    struct negotiate_candidate three[] = {{CODING_BR, 30}, {CODING_ZSTD, 20}, {CODING_GZIP, 10}};
    struct negotiate_candidate equal[] = {
        {CODING_GZIP, 50}, {CODING_BR, 50}, {CODING_IDENTITY, 50}, {CODING_ZSTD, 50}};
    struct negotiate_prefs prefs;

    negotiate_parse("br, gzip, zstd", 14, &prefs);
    CHECK_EQ_UINT(negotiate_rank(&prefs, three, 3), 3);
    CHECK_EQ_INT(three[0].coding, CODING_GZIP);
    CHECK_EQ_INT(three[1].coding, CODING_ZSTD);
    CHECK_EQ_INT(three[2].coding, CODING_BR);

    /* Of equal size too: nothing to decode, then the order of the rows. */
    negotiate_parse("*", 1, &prefs);
    CHECK_EQ_UINT(negotiate_rank(&prefs, equal, 4), 4);
    CHECK_EQ_INT(equal[0].coding, CODING_IDENTITY);
    CHECK_EQ_INT(equal[1].coding, CODING_BR);
    CHECK_EQ_INT(equal[2].coding, CODING_ZSTD);
    CHECK_EQ_INT(equal[3].coding, CODING_GZIP);
}

TEST(only_what_is_at_hand)
{
    struct negotiate_candidate raw[] = {{CODING_IDENTITY, 5}};
    struct negotiate_prefs prefs;

    negotiate_parse("br, gzip", 8, &prefs);
    CHECK_EQ_UINT(negotiate_rank(&prefs, raw, 1), 1);
    negotiate_parse("br, identity;q=0", 16, &prefs);
    CHECK_EQ_UINT(negotiate_rank(&prefs, raw, 1), 0);
    CHECK_EQ_UINT(negotiate_rank(&prefs, raw, 0), 0);
}

TEST(refused_is_what_was_said_to_be)
{
    struct negotiate_prefs prefs;

    negotiate_parse(NULL, 0, &prefs);
    CHECK_EQ_UINT(prefs.refused, 0);
    negotiate_parse("gzip", 4, &prefs);
    CHECK(!coding_in(prefs.refused, CODING_BR));
    negotiate_parse("br;q=0", 6, &prefs);
    CHECK(coding_in(prefs.refused, CODING_BR));
    CHECK(!coding_in(prefs.refused, CODING_GZIP));
    negotiate_parse("gzip, *;q=0", 11, &prefs);
    CHECK(coding_in(prefs.refused, CODING_BR));
    CHECK(!coding_in(prefs.refused, CODING_GZIP));
}
