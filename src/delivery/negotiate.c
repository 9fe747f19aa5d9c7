/* SPDX-License-Identifier: Apache-2.0
 * negotiate.c — reads Accept-Encoding and ranks what is at hand; the rules and their sources are
 * in negotiate.h.
 *
 * How:     One pass over the bytes: a member reaches to the next comma (the field's grammar has
 *          no quoted strings, so a comma always separates), is cut into name and weight, and
 *          lowers the weight of what it names. What the list did not name is filled in from "*"
 *          at the end.
 * Memory:  No allocation.
 * Threads: Any.
 */
#include "negotiate.h"

#include <string.h>

/* A run of bytes; the header is not terminated where a member is. */
struct span {
    const char *at;
    size_t len;
};

enum { WEIGHT_UNSET = UINT16_MAX, WEIGHT_MALFORMED = UINT16_MAX - 1, WEIGHT_ONE = 1000 };

static bool is_blank(char c)
{
    return c == ' ' || c == '\t'; /* OWS, RFC 9110 §5.6.3 */
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* tchar, RFC 9110 §5.6.2 */
static bool is_tchar(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static struct span trim(struct span s)
{
    while (s.len > 0 && is_blank(s.at[0])) {
        s.at++;
        s.len--;
    }
    while (s.len > 0 && is_blank(s.at[s.len - 1])) {
        s.len--;
    }
    return s;
}

/* qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] ), RFC 9110 §12.4.2. In thousandths.
 */
static uint16_t parse_qvalue(struct span s)
{
    uint16_t value, place = 100;

    if (s.len == 0 || s.len > 5 || (s.at[0] != '0' && s.at[0] != '1') ||
        (s.len > 1 && s.at[1] != '.')) {
        return WEIGHT_MALFORMED;
    }
    value = s.at[0] == '1' ? WEIGHT_ONE : 0;
    for (size_t i = 2; i < s.len; i++, place /= 10) {
        if (!is_digit(s.at[i]) || (s.at[0] == '1' && s.at[i] != '0')) {
            return WEIGHT_MALFORMED;
        }
        value = (uint16_t)(value + (s.at[i] - '0') * place);
    }
    return value;
}

/* What follows the name: nothing, or OWS ";" OWS "q=" qvalue. */
static uint16_t parse_weight(struct span rest)
{
    rest = trim(rest);
    if (rest.len == 0) {
        return WEIGHT_ONE;
    }
    if (rest.at[0] != ';') {
        return WEIGHT_MALFORMED;
    }
    rest = trim((struct span){rest.at + 1, rest.len - 1});
    if (rest.len < 2 || (rest.at[0] != 'q' && rest.at[0] != 'Q') || rest.at[1] != '=') {
        return WEIGHT_MALFORMED;
    }
    return parse_qvalue((struct span){rest.at + 2, rest.len - 2});
}

/* Rule 9. A malformed weight counts as 0 here; for identity and "*" the caller never gets here with
 * one. */
static void lower_to(uint16_t *weight, uint16_t other)
{
    if (*weight == WEIGHT_UNSET || other < *weight) {
        *weight = other;
    }
}

/* The coding named by the name, and its weight so far in weights, or *star for "*"; NULL for one
 * that is not ours. */
static uint16_t *weight_of(struct span name, uint16_t weights[CODING_COUNT], uint16_t *star)
{
    enum coding c;

    if (name.len == 1 && name.at[0] == '*') {
        return star;
    }
    c = coding_by_token(name.at, name.len);
    return c == CODING_COUNT ? NULL : &weights[c];
}

static void read_member(struct span member, uint16_t weights[CODING_COUNT], uint16_t *star)
{
    struct span name = {member.at, 0};
    uint16_t *weight, given;

    while (name.len < member.len && is_tchar(member.at[name.len])) {
        name.len++;
    }
    weight = weight_of(name, weights, star);
    if (weight == NULL) {
        return;
    }
    given = parse_weight((struct span){member.at + name.len, member.len - name.len});
    if (given != WEIGHT_MALFORMED) {
        lower_to(weight, given);
    } else if (weight != star && weight != &weights[CODING_IDENTITY]) {
        lower_to(weight, 0); /* rule 8 */
    }
}

void negotiate_parse(const char *header, size_t len, struct negotiate_prefs *prefs)
{
    uint16_t weights[CODING_COUNT], star = WEIGHT_UNSET;

    *prefs = (struct negotiate_prefs){.identity_ok = true};
    if (header == NULL) {
        return; /* rule 1 */
    }
    for (int c = 0; c < CODING_COUNT; c++) {
        weights[c] = WEIGHT_UNSET;
    }
    for (size_t at = 0; at < len;) {
        const char *comma = memchr(header + at, ',', len - at);
        size_t end = comma ? (size_t)(comma - header) : len;
        read_member(trim((struct span){header + at, end - at}), weights, &star);
        at = end + 1;
    }
    for (int c = 0; c < CODING_COUNT; c++) {
        uint16_t weight = weights[c];
        if (weight == WEIGHT_UNSET && (star == 0 || !coding_needs_dictionary((enum coding)c))) {
            weight = star; /* rules 6 and 10 */
        }
        if (weight == 0) {
            prefs->refused |= (coding_set)(1u << c);
        } else if (weight != WEIGHT_UNSET) {
            prefs->weight[c] = weight;
        }
    }
    prefs->identity_ok = !coding_in(prefs->refused, CODING_IDENTITY); /* rule 7 */
}

static bool acceptable(const struct negotiate_prefs *prefs, enum coding c)
{
    return c == CODING_IDENTITY ? prefs->identity_ok : prefs->weight[c] > 0;
}

/* Rule 11: whether a is to be sent rather than b, both being acceptable. */
static bool better(const struct negotiate_prefs *prefs, const struct negotiate_candidate *a,
                   const struct negotiate_candidate *b)
{
    if (prefs->weight[a->coding] != prefs->weight[b->coding]) {
        return prefs->weight[a->coding] > prefs->weight[b->coding];
    }
    if (a->size != b->size) {
        return a->size < b->size;
    }
    return a->coding < b->coding; /* identity is row 0 */
}

size_t negotiate_rank(const struct negotiate_prefs *prefs, struct negotiate_candidate *candidates,
                      size_t n)
{
    size_t good = 0;

    /* Insertion into the sorted front; what is not acceptable moves behind it. n is at most
     * CODING_COUNT. */
    for (size_t i = 0; i < n; i++) {
        struct negotiate_candidate it = candidates[i];
        size_t at = good;
        if (!acceptable(prefs, it.coding)) {
            continue;
        }
        candidates[i] = candidates[good++];
        while (at > 0 && better(prefs, &it, &candidates[at - 1])) {
            candidates[at] = candidates[at - 1];
            at--;
        }
        candidates[at] = it;
    }
    return good;
}
