/* SPDX-License-Identifier: Apache-2.0
 * coding.h — the content codings that delivery knows, one row each.
 *
 * Why:     Negotiation, the settings, file names, entity tags and the checks of a variant all
 *          have to speak of the same codings. Each of them reads the row; none of them spells a
 *          token of its own.
 * How:     CODING_ROWS below is expanded into the enum and, in coding.c, into the table of
 *          facts. "identity" (RFC 9110 §12.5.3) is row 0: it is a choice like the others, but
 *          never a file of its own.
 *          dcb and dcz (RFC 9842 §4, §5) are br and zstd that begin with the digest of a
 *          dictionary, which the client has announced that it has: an earlier version of the file.
 *          They are rows like the others, so that weights, tags and checks need no second way; but
 *          nothing that is made for any client may be in one of them. coding_needs_dictionary()
 *          tells them apart.
 * Editing: A further coding is a further row: token, suffix and a check of the first bytes are all
 *          that negotiation and variants ask of one. Up to 8 rows fit a set.
 * Memory:  Constant tables only.
 * Threads: Any.
 */
#ifndef CODING_H
#define CODING_H

#include <stdbool.h>
#include <stddef.h>

/*  id        token       alias     file suffix  what it is without its dictionary */
#define CODING_ROWS(ROW)                                                                           \
    ROW(IDENTITY, "identity", NULL, "", IDENTITY)                                                  \
    ROW(BR, "br", NULL, ".br", BR)                                                                 \
    ROW(ZSTD, "zstd", NULL, ".zst", ZSTD)                                                          \
    ROW(GZIP, "gzip", "x-gzip", ".gz", GZIP)                                                       \
    ROW(DCB, "dcb", NULL, ".dcb", BR)                                                              \
    ROW(DCZ, "dcz", NULL, ".dcz", ZSTD)

enum coding {
#define CODING_ENUM(id, token, alias, suffix, plain) CODING_##id,
    CODING_ROWS(CODING_ENUM)
#undef CODING_ENUM
        CODING_COUNT
};

struct coding_info {
    const char *token;  /* as registered and as sent, lower case */
    const char *alias;  /* another name for the same coding (RFC 9110 §8.4.1.3), or NULL */
    const char *suffix; /* what a variant's file name has after the raw file's name */
    enum coding plain;  /* itself; of dcb and dcz the coding of what follows the digest */
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

/* Whether it can be decoded only with a dictionary, so that it is no choice for a client that has
 * not announced one. */
bool coding_needs_dictionary(enum coding c);

static inline bool coding_in(coding_set set, enum coding c)
{
    return (set >> c & 1) != 0;
}

#endif
