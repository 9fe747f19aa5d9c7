/* SPDX-License-Identifier: Apache-2.0
 * coding.h — the content codings that delivery knows, one row each.
 *
 * Why:     Negotiation, the settings, file names, entity tags and the checks of a variant all
 *          have to speak of the same codings. Each of them reads the row; none of them spells a
 *          token of its own.
 * How:     CODING_ROWS below is expanded into the enum and, in coding.c, into the table of
 *          facts. "identity" (RFC 9110 §12.5.3) is row 0: it is a choice like the others, but
 *          never a file of its own.
 * Editing: A further coding is a further row (dictionary codings of RFC 9842 included: token,
 *          suffix and a check of the first bytes are all that negotiation and variants ask of
 *          one). Up to 8 rows fit a set.
 * Memory:  Constant tables only.
 * Threads: Any.
 */
#ifndef CODING_H
#define CODING_H

#include <stdbool.h>
#include <stddef.h>

/*  id        token       alias     file suffix */
#define CODING_ROWS(ROW)                                                                           \
    ROW(IDENTITY, "identity", NULL, "")                                                            \
    ROW(BR, "br", NULL, ".br")                                                                     \
    ROW(ZSTD, "zstd", NULL, ".zst")                                                                \
    ROW(GZIP, "gzip", "x-gzip", ".gz")

enum coding {
#define CODING_ENUM(id, token, alias, suffix) CODING_##id,
    CODING_ROWS(CODING_ENUM)
#undef CODING_ENUM
        CODING_COUNT
};

struct coding_info {
    const char *token;  /* as registered and as sent, lower case */
    const char *alias;  /* another name for the same coding (RFC 9110 §8.4.1.3), or NULL */
    const char *suffix; /* what a variant's file name has after the raw file's name */
};

/* A set of codings: bit 1 << CODING_x. */
typedef unsigned char coding_set;

/* The facts of a coding; c must be below CODING_COUNT. */
const struct coding_info *coding_info(enum coding c);

/* The coding that a token of length len names, case-insensitively and by alias too, or
 * CODING_COUNT. */
enum coding coding_by_token(const char *token, size_t len);

/* The coding whose file suffix the name ends with, or CODING_COUNT. A name that is nothing but the
 * suffix (".br") has none: there is no raw file that it could be a variant of. */
enum coding coding_by_suffix(const char *name);

static inline bool coding_in(coding_set set, enum coding c)
{
    return (set >> c & 1) != 0;
}

#endif
