/* SPDX-License-Identifier: Apache-2.0
 * accept_encoding_fuzz.c — any bytes as an Accept-Encoding header.
 * layers: delivery
 *
 * How:     The header may be anything; the parser must not read outside it (the sanitizer sees
 *          that) and its answer must be one: weights within 0 to 1, nothing both wanted and
 *          refused. Then the same header is rewritten in ways that RFC 9110 says make no
 *          difference, and the answer must be the same: members in reverse order, other case,
 *          blanks around commas, empty members. Finally every set of representations is ranked,
 *          and the ranking must be ordered and complete.
 * Memory:  Copies of the input are freed before the function returns.
 * Threads: One.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "negotiate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Says where it fails by crashing there: a fuzzer reports the stack. */
static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_sane(const struct negotiate_prefs *prefs)
{
    for (int c = 0; c < CODING_COUNT; c++) {
        require(prefs->weight[c] <= 1000);
        require(prefs->weight[c] == 0 || !coding_in(prefs->refused, (enum coding)c));
    }
    require(prefs->identity_ok == !coding_in(prefs->refused, CODING_IDENTITY));
}

static bool same(const struct negotiate_prefs *a, const struct negotiate_prefs *b)
{
    return memcmp(a->weight, b->weight, sizeof(a->weight)) == 0 &&
           a->identity_ok == b->identity_ok && a->refused == b->refused;
}

static char swap_case(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ? (char)(c ^ 0x20) : c;
}

/* The members from last to first, case swapped, with blanks and empty members between them. */
static size_t rewrite(const char *header, size_t len, char *out)
{
    size_t n = 0, end = len;

    for (;;) {
        size_t start = end;
        while (start > 0 && header[start - 1] != ',') {
            start--;
        }
        memcpy(out + n, " \t", 2);
        n += 2;
        for (size_t i = start; i < end; i++) {
            out[n++] = swap_case(header[i]);
        }
        memcpy(out + n, "\t ,, ,", 6);
        n += 6;
        if (start == 0) {
            return n;
        }
        end = start - 1;
    }
}

static uint16_t rank_weight(const struct negotiate_prefs *prefs,
                            const struct negotiate_candidate *it)
{
    return prefs->weight[it->coding];
}

static bool acceptable(const struct negotiate_prefs *prefs, enum coding c)
{
    return c == CODING_IDENTITY ? prefs->identity_ok : prefs->weight[c] > 0;
}

/* Every subset of the codings, with sizes that repeat. */
static void check_rankings(const struct negotiate_prefs *prefs)
{
    for (unsigned set = 0; set < 1u << CODING_COUNT; set++) {
        struct negotiate_candidate candidates[CODING_COUNT];
        size_t n = 0, good, expected = 0;
        unsigned seen = 0;
        for (int c = CODING_COUNT - 1; c >= 0; c--) {
            if ((set >> c & 1) != 0) {
                candidates[n++] = (struct negotiate_candidate){(enum coding)c, 10u * (c % 3)};
                expected += acceptable(prefs, (enum coding)c);
            }
        }
        good = negotiate_rank(prefs, candidates, n);
        require(good == expected);
        for (size_t i = 0; i < n; i++) {
            seen |= 1u << candidates[i].coding;
            require(acceptable(prefs, candidates[i].coding) == (i < good));
        }
        require(seen == set);
        for (size_t i = 1; i < good; i++) {
            uint16_t before = rank_weight(prefs, &candidates[i - 1]);
            uint16_t after = rank_weight(prefs, &candidates[i]);
            require(before > after ||
                    (before == after && candidates[i - 1].size <= candidates[i].size));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct negotiate_prefs prefs, again;
    const char *header = (const char *)data;
    /* Each member grows by 8 bytes, and there is one more than commas. */
    char *other = malloc(size + 8 * (size + 1));

    if (other == NULL) {
        return 0;
    }
    negotiate_parse(header, size, &prefs);
    check_sane(&prefs);
    check_rankings(&prefs);

    /* No input and an empty one are different headers: "none" and "empty"; both are covered. */
    negotiate_parse(other, rewrite(size ? header : "", size, other), &again);
    if (size > 0 && header != NULL) {
        require(same(&prefs, &again));
    }
    free(other);
    return 0;
}
