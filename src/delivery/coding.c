/* SPDX-License-Identifier: Apache-2.0
 * coding.c — looks codings up by token and by file suffix; the rows are in coding.h, which says
 * the rest.
 *
 * How:     A linear walk over six rows beats every cleverer structure. Tokens compare by ASCII
 *          alone (RFC 9110 §8.4.1 makes them case-insensitive, and a locale must not change
 *          that); suffixes compare exactly, since they are names in a file system.
 * Memory:  Constant tables only.
 * Threads: Any.
 */
#include "coding.h"

#include <string.h>

static const struct coding_info rows[CODING_COUNT] = {
#define CODING_ROW(id, token, alias, suffix, plain)                                                \
    [CODING_##id] = {token, alias, suffix, CODING_##plain},
    CODING_ROWS(CODING_ROW)
#undef CODING_ROW
};

_Static_assert(CODING_IDENTITY == 0, "loops over real codings begin at 1");
_Static_assert(CODING_COUNT <= 8 * sizeof(coding_set), "a set has a bit for each coding");

const struct coding_info *coding_info(enum coding c)
{
    return &rows[c];
}

bool coding_needs_dictionary(enum coding c)
{
    return rows[c].plain != c;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Rows are written in lower case, so only the other side is folded. */
static bool token_is(const char *row, const char *token, size_t len)
{
    if (row == NULL || strlen(row) != len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (row[i] != lower(token[i])) {
            return false;
        }
    }
    return true;
}

enum coding coding_by_token(const char *token, size_t len)
{
    int c = 0;
    while (c < CODING_COUNT && !token_is(rows[c].token, token, len) &&
           !token_is(rows[c].alias, token, len)) {
        c++;
    }
    return (enum coding)c;
}

enum coding coding_by_suffix(const char *name)
{
    size_t len = strlen(name);
    for (int c = CODING_IDENTITY + 1; c < CODING_COUNT; c++) {
        size_t n = strlen(rows[c].suffix);
        if (len > n && memcmp(name + len - n, rows[c].suffix, n) == 0) {
            return (enum coding)c;
        }
    }
    return CODING_COUNT;
}
