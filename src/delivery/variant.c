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

enum { ZSTD_WINDOW_MAX = 8 * 1024 * 1024 }; /* RFC 9659 §3 */

/* Little-endian number of n bytes. */
static uint64_t le(const uint8_t *p, size_t n)
{
    uint64_t value = 0;
    for (size_t i = n; i > 0; i--) {
        value = value << 8 | p[i - 1];
    }
    return value;
}

static enum variant_verdict check_gzip(const uint8_t *p, size_t len)
{
    /* ID1, ID2, CM = deflate, FLG without the reserved bits 5 to 7 */
    return len >= 4 && p[0] == 0x1f && p[1] == 0x8b && p[2] == 8 && (p[3] & 0xe0) == 0
               ? VARIANT_USABLE
               : VARIANT_BAD_MAGIC;
}

static enum variant_verdict check_brotli(const uint8_t *p, size_t len)
{
    /* The first bits are WBITS (RFC 7932 §9.1). The pattern 0010001, least significant bit first,
     * is not assigned there; encoders use it for the large-window extension, which is not the
     * coding "br". */
    return len >= 1 && (p[0] & 0x7f) != 0x11 ? VARIANT_USABLE : VARIANT_BAD_MAGIC;
}

/* The frame header behind the magic number, RFC 8878 §3.1.1.1. */
static enum variant_verdict check_zstd_frame(const uint8_t *p, size_t len)
{
    static const uint8_t id_bytes[4] = {0, 1, 2, 4}, size_bytes[4] = {0, 2, 4, 8};
    uint8_t descriptor;
    bool single_segment;
    uint64_t window;

    if (len < 2) {
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
        if (len < at + n) {
            return VARIANT_BAD_MAGIC;
        }
        window = le(p + at, n) + (n == 2 ? 256 : 0);
    } else {
        uint64_t base = (uint64_t)1 << (10 + (p[1] >> 3));
        window = base + base / 8 * (p[1] & 7);
    }
    return window <= ZSTD_WINDOW_MAX ? VARIANT_USABLE : VARIANT_WINDOW;
}

static enum variant_verdict check_zstd(const uint8_t *p, size_t len)
{
    /* Skippable frames may stand before the first frame (RFC 8878 §3.1.2). One that reaches beyond
     * what was read is taken on trust: nobody but a tool that knows the format writes one. */
    while (len >= 8 && (le(p, 4) & 0xfffffff0u) == 0x184d2a50u) {
        uint64_t skip = 8 + le(p + 4, 4);
        if (skip >= len) {
            return VARIANT_USABLE;
        }
        p += skip;
        len -= (size_t)skip;
    }
    if (len < 4 || le(p, 4) != 0xfd2fb528u) {
        return VARIANT_BAD_MAGIC;
    }
    return check_zstd_frame(p + 4, len - 4);
}

static enum variant_verdict check_identity(const uint8_t *p, size_t len)
{
    (void)p;
    (void)len;
    return VARIANT_USABLE;
}

typedef enum variant_verdict (*check_fn)(const uint8_t *p, size_t len);

static const check_fn checks[] = {
    [CODING_IDENTITY] = check_identity,
    [CODING_BR] = check_brotli,
    [CODING_ZSTD] = check_zstd,
    [CODING_GZIP] = check_gzip,
};

_Static_assert(sizeof(checks) / sizeof(checks[0]) == CODING_COUNT, "every coding has a check");

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
    return facts->head ? checks[facts->coding](facts->head, facts->head_len) : VARIANT_USABLE;
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
        [VARIANT_WINDOW] =
            ("needs a zstd window of more than 8 MiB, which browsers refuse (compress "
             "with level 19 or less and without --long)"),
    };
    _Static_assert(sizeof(reasons) / sizeof(reasons[0]) == VARIANT_VERDICTS, "one text each");
    return reasons[verdict];
}
