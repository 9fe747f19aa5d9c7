/* SPDX-License-Identifier: Apache-2.0
 * variant.c — judges a variant by its facts and its first bytes; the rules are in variant.h.
 *
 * How:     variant_judge asks the cheap questions first. The checks of first bytes are one
 *          function for each coding, in a table that has a row for every coding; the compiler's
 *          static assertion fails where one is missing. A zstd frame header is read as far as
 *          the window size: magic, descriptor, then either a window descriptor byte (window =
 *          2^(10+exponent) * (1 + mantissa/8)) or, in a single segment, the dictionary id and
 *          the content size, which is the window then.
 *
 *    magic(4) descriptor(1) [window(1)] [dictionary id(0,1,2,4)] [content size(0,1,2,4,8)]
 *
 *          Only the first frame is looked at: a second one would have to be found by decoding
 *          the first.
 * Memory:  Nothing is kept.
 * Threads: Any.
 */
#include "variant.h"

#include <string.h>

#include "dictionary.h"

enum { ZSTD_WINDOW_MAX = 8 * 1024 * 1024 }; /* RFC 9659 §3 */

/* What is left to check, and with how large a window. */
struct part {
    const uint8_t *at;
    size_t len;
    uint64_t window_max;
};

/* Little-endian number of n bytes. */
static uint64_t le(const uint8_t *p, size_t n)
{
    uint64_t value = 0;
    for (size_t i = n; i > 0; i--) {
        value = value << 8 | p[i - 1];
    }
    return value;
}

static enum variant_verdict check_gzip(const struct variant_facts *facts, struct part part)
{
    const uint8_t *p = part.at;

    (void)facts;
    /* ID1, ID2, CM = deflate, FLG without the reserved bits 5 to 7 */
    return part.len >= 4 && p[0] == 0x1f && p[1] == 0x8b && p[2] == 8 && (p[3] & 0xe0) == 0
               ? VARIANT_USABLE
               : VARIANT_BAD_MAGIC;
}

static enum variant_verdict check_brotli(const struct variant_facts *facts, struct part part)
{
    (void)facts;
    /* The first bits are WBITS (RFC 7932 §9.1). The pattern 0010001, least significant bit first,
     * is not assigned there; encoders use it for the large-window extension, which is not the
     * coding "br". */
    return part.len >= 1 && (part.at[0] & 0x7f) != 0x11 ? VARIANT_USABLE : VARIANT_BAD_MAGIC;
}

/* The frame header behind the magic number, RFC 8878 §3.1.1.1. */
static enum variant_verdict check_zstd_frame(struct part part)
{
    static const uint8_t id_bytes[4] = {0, 1, 2, 4}, size_bytes[4] = {0, 2, 4, 8};
    const uint8_t *p = part.at;
    uint8_t descriptor;
    bool single_segment;
    uint64_t window;

    if (part.len < 2) {
        return VARIANT_BAD_MAGIC;
    }
    descriptor = p[0];
    if ((descriptor & 0x08) != 0) { /* the reserved bit must be zero */
        return VARIANT_BAD_MAGIC;
    }
    single_segment = (descriptor & 0x20) != 0;
    if (single_segment) {
        size_t at = 1 + (size_t)id_bytes[descriptor & 3];
        size_t n = size_bytes[descriptor >> 6];
        n = n == 0 ? 1 : n; /* a single segment always says its size */
        if (part.len < at + n) {
            return VARIANT_BAD_MAGIC;
        }
        window = le(p + at, n) + (n == 2 ? 256 : 0);
    } else {
        uint64_t base = (uint64_t)1 << (10 + (p[1] >> 3));
        window = base + base / 8 * (p[1] & 7);
    }
    return window <= part.window_max ? VARIANT_USABLE : VARIANT_WINDOW;
}

static enum variant_verdict check_zstd(const struct variant_facts *facts, struct part part)
{
    (void)facts;
    /* Skippable frames may stand before the first frame (RFC 8878 §3.1.2). One that reaches beyond
     * what was read is taken on trust: nobody but a tool that knows the format writes one. */
    while (part.len >= 8 && (le(part.at, 4) & 0xfffffff0u) == 0x184d2a50u) {
        uint64_t skip = 8 + le(part.at + 4, 4);
        if (skip >= part.len) {
            return VARIANT_USABLE;
        }
        part.at += skip;
        part.len -= (size_t)skip;
    }
    if (part.len < 4 || le(part.at, 4) != 0xfd2fb528u) {
        return VARIANT_BAD_MAGIC;
    }
    part.at += 4;
    part.len -= 4;
    return check_zstd_frame(part);
}

static enum variant_verdict check_identity(const struct variant_facts *facts, struct part part)
{
    (void)facts;
    (void)part;
    return VARIANT_USABLE;
}

typedef enum variant_verdict (*check_fn)(const struct variant_facts *facts, struct part part);

static enum variant_verdict check_delta(const struct variant_facts *facts, struct part part);

static const check_fn checks[] = {
    [CODING_IDENTITY] = check_identity, [CODING_BR] = check_brotli, [CODING_ZSTD] = check_zstd,
    [CODING_GZIP] = check_gzip,         [CODING_DCB] = check_delta, [CODING_DCZ] = check_delta,
};

_Static_assert(sizeof(checks) / sizeof(checks[0]) == CODING_COUNT, "every coding has a check");

/* The header with the digest, and then what the coding is without a dictionary. */
static enum variant_verdict check_delta(const struct variant_facts *facts, struct part part)
{
    enum variant_verdict verdict;
    const uint8_t *digest;
    size_t header = dictionary_read_header(part.at, part.len, facts->coding, &digest);

    if (header == 0) {
        return VARIANT_BAD_MAGIC;
    }
    if (facts->dictionary == NULL || memcmp(digest, facts->dictionary, DICTIONARY_DIGEST) != 0) {
        return VARIANT_DICTIONARY;
    }
    part.at += header;
    part.len -= header;
    part.window_max = dictionary_window_max(facts->coding, facts->dictionary_size);
    verdict = checks[coding_info(facts->coding)->plain](facts, part);
    return verdict == VARIANT_WINDOW ? VARIANT_DELTA_WINDOW : verdict;
}

enum variant_verdict variant_judge(const struct variant_facts *facts)
{
    if (!facts->regular) {
        return VARIANT_NOT_REGULAR;
    }
    if (facts->size == 0) {
        return VARIANT_EMPTY;
    }
    if (facts->has_raw && facts->size > facts->raw_size) {
        return VARIANT_LARGER;
    }
    if (facts->has_raw && facts->mtime < facts->raw_mtime) {
        return VARIANT_STALE;
    }
    if (facts->head == NULL) {
        return VARIANT_USABLE;
    }
    return checks[facts->coding](facts,
                                 (struct part){facts->head, facts->head_len, ZSTD_WINDOW_MAX});
}

const char *variant_reason(enum variant_verdict verdict)
{
    static const char *const reasons[] = {
        [VARIANT_USABLE] = "is usable",
        [VARIANT_NOT_REGULAR] = "is not a regular file",
        [VARIANT_EMPTY] = "is empty",
        [VARIANT_LARGER] = "is larger than the raw file",
        [VARIANT_STALE] = "is older than the raw file",
        [VARIANT_BAD_MAGIC] = "does not begin as its coding does",
        [VARIANT_DICTIONARY] = "is a delta against another version than its name says",
        [VARIANT_WINDOW] =
            ("needs a zstd window of more than 8 MiB, which browsers refuse (compress "
             "with level 19 or less and without --long)"),
        [VARIANT_DELTA_WINDOW] =
            ("needs a larger zstd window than 8 MiB and than 1.25 times its dictionary, which "
             "browsers refuse"),
    };
    _Static_assert(sizeof(reasons) / sizeof(reasons[0]) == VARIANT_VERDICTS, "one text each");
    return reasons[verdict];
}
