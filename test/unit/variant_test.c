/* SPDX-License-Identifier: Apache-2.0
 * variant_test.c — verdicts on variants, rule by rule and byte by byte.
 * layers: delivery
 *
 * How:     Each test begins with facts of a usable variant and changes one of them. First bytes
 *          are given in a heap block of exactly their length, so that the sanitizer build sees a
 *          read past the end.
 * Memory:  Each test frees what it makes.
 * Threads: One.
 */
#include "unit.h"

#include <stdlib.h>

#include "variant.h"

static struct variant_facts good(enum coding coding)
{
    return (struct variant_facts){.coding = coding,
                                  .regular = true,
                                  .size = 50,
                                  .mtime = 1000,
                                  .has_raw = true,
                                  .raw_size = 100,
                                  .raw_mtime = 1000};
}

TEST(facts_of_stat)
{
    struct variant_facts facts = good(CODING_BR);
    CHECK_EQ_INT(variant_judge(&facts), VARIANT_USABLE);

    facts.regular = false;
    CHECK_EQ_INT(variant_judge(&facts), VARIANT_NOT_REGULAR);

    facts = good(CODING_BR);
    facts.size = 0;
    CHECK_EQ_INT(variant_judge(&facts), VARIANT_EMPTY);
    facts.raw_size = 0;
    CHECK_EQ_INT(variant_judge(&facts), VARIANT_EMPTY);

    facts = good(CODING_BR);
    facts.size = 100;
    CHECK_EQ_INT(variant_judge(&facts), VARIANT_USABLE);
    facts.size = 101;
    CHECK_EQ_INT(variant_judge(&facts), VARIANT_LARGER);
    facts.has_raw = false;
    CHECK_EQ_INT(variant_judge(&facts), VARIANT_USABLE);

    facts = good(CODING_BR);
    facts.mtime = 999;
    CHECK_EQ_INT(variant_judge(&facts), VARIANT_STALE);
    facts.has_raw = false;
    CHECK_EQ_INT(variant_judge(&facts), VARIANT_USABLE);
    facts = good(CODING_BR);
    facts.mtime = 1001;
    CHECK_EQ_INT(variant_judge(&facts), VARIANT_USABLE);
}

static enum variant_verdict judge_head(enum coding coding, const void *head, size_t len)
{
    struct variant_facts facts = good(coding);
    uint8_t *copy = malloc(len ? len : 1);
    enum variant_verdict verdict;

    if (len > 0) {
        memcpy(copy, head, len);
    }
    facts.head = copy;
    facts.head_len = len;
    verdict = variant_judge(&facts);
    free(copy);
    return verdict;
}

static const struct {
    const char *what;
    enum coding coding;
    const char *head;
    size_t len;
    enum variant_verdict verdict;
} heads[] = {
    {"gzip", CODING_GZIP, "\x1f\x8b\x08\x00\0\0\0\0\0\x03", 10, VARIANT_USABLE},
    {"gzip with a name", CODING_GZIP, "\x1f\x8b\x08\x08", 4, VARIANT_USABLE},
    {"gzip cut off", CODING_GZIP, "\x1f\x8b\x08", 3, VARIANT_BAD_MAGIC},
    {"gzip, no bytes", CODING_GZIP, "", 0, VARIANT_BAD_MAGIC},
    {"gzip, another method", CODING_GZIP, "\x1f\x8b\x07\x00", 4, VARIANT_BAD_MAGIC},
    {"gzip, reserved flag", CODING_GZIP, "\x1f\x8b\x08\x20", 4, VARIANT_BAD_MAGIC},
    {"gzip that is wasm", CODING_GZIP, "\0asm\1\0\0\0", 8, VARIANT_BAD_MAGIC},
    {"gzip that is zlib", CODING_GZIP, "\x78\x9c\x00\x00", 4, VARIANT_BAD_MAGIC},
    {"gzip that is html", CODING_GZIP, "<!DOCTYPE html>", 15, VARIANT_BAD_MAGIC},

    {"brotli", CODING_BR, "\x1b\xff", 2, VARIANT_USABLE},
    {"brotli, window 16", CODING_BR, "\x00", 1, VARIANT_USABLE},
    {"brotli, large window", CODING_BR, "\x11\x1e", 2, VARIANT_BAD_MAGIC},
    {"brotli, large window, next bit set", CODING_BR, "\x91", 1, VARIANT_BAD_MAGIC},
    {"brotli, no bytes", CODING_BR, "", 0, VARIANT_BAD_MAGIC},

    /* window descriptor: exponent in the upper 5 bits, 2^(10+e); eighths in the lower 3 */
    {"zstd, 8 MiB", CODING_ZSTD, "\x28\xb5\x2f\xfd\x00\x68", 6, VARIANT_USABLE},
    {"zstd, 9 MiB", CODING_ZSTD, "\x28\xb5\x2f\xfd\x00\x69", 6, VARIANT_WINDOW},
    {"zstd, 7.5 MiB", CODING_ZSTD, "\x28\xb5\x2f\xfd\x00\x67", 6, VARIANT_USABLE},
    {"zstd, 1 KiB", CODING_ZSTD, "\x28\xb5\x2f\xfd\x04\x00", 6, VARIANT_USABLE},
    {"zstd, 128 MiB (--long)", CODING_ZSTD, "\x28\xb5\x2f\xfd\x04\x88", 6, VARIANT_WINDOW},
    {"zstd, the largest there is", CODING_ZSTD, "\x28\xb5\x2f\xfd\x04\xff", 6, VARIANT_WINDOW},
    {"zstd, reserved bit", CODING_ZSTD, "\x28\xb5\x2f\xfd\x08\x00", 6, VARIANT_BAD_MAGIC},
    {"zstd, unused bit is not looked at", CODING_ZSTD, "\x28\xb5\x2f\xfd\x10\x00", 6,
     VARIANT_USABLE},
    {"zstd cut off before the window", CODING_ZSTD, "\x28\xb5\x2f\xfd\x00", 5, VARIANT_BAD_MAGIC},
    {"zstd cut off before the descriptor", CODING_ZSTD, "\x28\xb5\x2f\xfd", 4, VARIANT_BAD_MAGIC},
    {"zstd, no bytes", CODING_ZSTD, "", 0, VARIANT_BAD_MAGIC},
    {"zstd, the old magic", CODING_ZSTD, "\x27\xb5\x2f\xfd\x00\x00", 6, VARIANT_BAD_MAGIC},
    {"zstd that is gzip", CODING_ZSTD, "\x1f\x8b\x08\x00\x00\x00", 6, VARIANT_BAD_MAGIC},

    /* single segment: the content size is the window; 1, 2 (+256), 4 or 8 bytes */
    {"single, 1 byte", CODING_ZSTD, "\x28\xb5\x2f\xfd\x20\xff", 6, VARIANT_USABLE},
    {"single, 2 bytes", CODING_ZSTD, "\x28\xb5\x2f\xfd\x60\xff\xff", 7, VARIANT_USABLE},
    {"single, 2 bytes cut off", CODING_ZSTD, "\x28\xb5\x2f\xfd\x60\xff", 6, VARIANT_BAD_MAGIC},
    {"single, 4 bytes, 8 MiB", CODING_ZSTD, "\x28\xb5\x2f\xfd\xa0\x00\x00\x80\x00", 9,
     VARIANT_USABLE},
    {"single, 4 bytes, 8 MiB and one", CODING_ZSTD, "\x28\xb5\x2f\xfd\xa0\x01\x00\x80\x00", 9,
     VARIANT_WINDOW},
    {"single, 8 bytes, 8 MiB", CODING_ZSTD, "\x28\xb5\x2f\xfd\xe0\x00\x00\x80\x00\0\0\0\0", 13,
     VARIANT_USABLE},
    {"single, 8 bytes, huge", CODING_ZSTD, "\x28\xb5\x2f\xfd\xe0\0\0\0\0\0\0\0\x80", 13,
     VARIANT_WINDOW},
    {"single, 8 bytes cut off", CODING_ZSTD, "\x28\xb5\x2f\xfd\xe0\0\0\0\0\0\0\0", 12,
     VARIANT_BAD_MAGIC},
    {"single, with a dictionary id of 4", CODING_ZSTD,
     "\x28\xb5\x2f\xfd\xa3\x01\x02\x03\x04\x01\x00\x80\x00", 13, VARIANT_WINDOW},
    {"single, with a dictionary id of 1", CODING_ZSTD, "\x28\xb5\x2f\xfd\x21\x07\x10", 7,
     VARIANT_USABLE},
    {"single, dictionary id and cut off", CODING_ZSTD, "\x28\xb5\x2f\xfd\x22\x07\x10", 7,
     VARIANT_BAD_MAGIC},

    /* skippable frames before it */
    {"skippable, then 8 MiB", CODING_ZSTD,
     "\x50\x2a\x4d\x18\x02\x00\x00\x00zz\x28\xb5\x2f\xfd\x00\x68", 16, VARIANT_USABLE},
    {"skippable, then 9 MiB", CODING_ZSTD,
     "\x5f\x2a\x4d\x18\x02\x00\x00\x00zz\x28\xb5\x2f\xfd\x00\x69", 16, VARIANT_WINDOW},
    {"skippable of length 0, then nonsense", CODING_ZSTD, "\x50\x2a\x4d\x18\0\0\0\0nonsense", 16,
     VARIANT_BAD_MAGIC},
    {"two skippable, then 9 MiB", CODING_ZSTD,
     "\x50\x2a\x4d\x18\0\0\0\0\x51\x2a\x4d\x18\0\0\0\0\x28\xb5\x2f\xfd\x00\x69", 22,
     VARIANT_WINDOW},
    {"skippable beyond what was read", CODING_ZSTD, "\x50\x2a\x4d\x18\xff\xff\xff\xff", 8,
     VARIANT_USABLE},
    {"skippable cut off", CODING_ZSTD, "\x50\x2a\x4d\x18\x00\x00\x00", 7, VARIANT_BAD_MAGIC},
};

TEST(first_bytes)
{
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        CASE("%s", heads[i].what);
        CHECK_EQ_INT(judge_head(heads[i].coding, heads[i].head, heads[i].len), heads[i].verdict);
    }
}

#define DIGEST "0123456789abcdef0123456789ABCDEF"
#define DCZ    "\x5e\x2a\x4d\x18\x20\0\0\0" DIGEST
#define DCB    "\xff\x44\x43\x42" DIGEST

static const struct {
    const char *what;
    enum coding coding;
    const char *head;
    size_t len;
    uint64_t dictionary_size;
    enum variant_verdict verdict;
} deltas[] = {
    {"dcz", CODING_DCZ, DCZ "\x28\xb5\x2f\xfd\x00\x68", 46, 0, VARIANT_USABLE},
    {"dcz, 9 MiB", CODING_DCZ, DCZ "\x28\xb5\x2f\xfd\x00\x69", 46, 0, VARIANT_DELTA_WINDOW},
    /* 1.25 times the dictionary, but not beyond the power of two above it: dictionary_window_max */
    {"dcz, 9 MiB, with a dictionary of 7.2 MiB", CODING_DCZ, DCZ "\x28\xb5\x2f\xfd\x00\x69", 46,
     7549748, VARIANT_DELTA_WINDOW},
    {"dcz, 9 MiB, with a dictionary of 8.1 MiB", CODING_DCZ, DCZ "\x28\xb5\x2f\xfd\x00\x69", 46,
     8493466, VARIANT_USABLE},
    {"dcz, 128 MiB, with a large dictionary", CODING_DCZ, DCZ "\x28\xb5\x2f\xfd\x00\x88", 46,
     1 << 30, VARIANT_USABLE},
    {"dcz, 144 MiB, with a large dictionary", CODING_DCZ, DCZ "\x28\xb5\x2f\xfd\x00\x89", 46,
     1 << 30, VARIANT_DELTA_WINDOW},
    {"dcz without a frame", CODING_DCZ, DCZ, 40, 0, VARIANT_BAD_MAGIC},
    {"dcz with brotli in it", CODING_DCZ, DCZ "\x1b\x07\x07\x07\x07\x07", 46, 0, VARIANT_BAD_MAGIC},
    {"dcz cut off in the digest", CODING_DCZ, DCZ, 39, 0, VARIANT_BAD_MAGIC},
    {"dcz, no bytes", CODING_DCZ, "", 0, 0, VARIANT_BAD_MAGIC},
    {"dcz of another length", CODING_DCZ,
     "\x5e\x2a\x4d\x18\x21\0\0\0" DIGEST "x\x28\xb5\x2f\xfd\0\0", 47, 0, VARIANT_BAD_MAGIC},
    {"dcz that is zstd", CODING_DCZ, "\x28\xb5\x2f\xfd\x00\x68", 6, 0, VARIANT_BAD_MAGIC},
    {"dcz against another", CODING_DCZ,
     "\x5e\x2a\x4d\x18\x20\0\0\0"
     "0123456789abcdef0123456789ABCDEf"
     "\x28\xb5\x2f\xfd\x00\x68",
     46, 0, VARIANT_DICTIONARY},
    {"dcz that is dcb", CODING_DCZ, DCB "\x1b\x07", 38, 0, VARIANT_BAD_MAGIC},
    {"dcb", CODING_DCB, DCB "\x1b", 37, 0, VARIANT_USABLE},
    {"dcb, large window", CODING_DCB, DCB "\x11\x1e", 38, 1 << 30, VARIANT_BAD_MAGIC},
    {"dcb without a stream", CODING_DCB, DCB, 36, 0, VARIANT_BAD_MAGIC},
    {"dcb cut off", CODING_DCB, DCB, 35, 0, VARIANT_BAD_MAGIC},
    {"dcb against another", CODING_DCB,
     "\xff\x44\x43\x42"
     "X123456789abcdef0123456789ABCDEF\x1b",
     37, 0, VARIANT_DICTIONARY},
    {"dcb that is br", CODING_DCB, "\x1b\x07", 2, 0, VARIANT_BAD_MAGIC},
};

TEST(first_bytes_with_a_dictionary)
{
    for (size_t i = 0; i < sizeof(deltas) / sizeof(deltas[0]); i++) {
        struct variant_facts facts = good(deltas[i].coding);
        uint8_t *copy = malloc(deltas[i].len + 1);
        CASE("%s", deltas[i].what);
        REQUIRE(copy != NULL);
        memcpy(copy + 1, deltas[i].head, deltas[i].len);
        facts.head = copy + 1;
        facts.head_len = deltas[i].len;
        facts.dictionary = (const uint8_t *)DIGEST;
        facts.dictionary_size = deltas[i].dictionary_size;
        CHECK_EQ_INT(variant_judge(&facts), deltas[i].verdict);
        if (deltas[i].verdict == VARIANT_USABLE) {
            facts.dictionary = NULL; /* nobody announced one */
            CHECK_EQ_INT(variant_judge(&facts), VARIANT_DICTIONARY);
        }
        free(copy);
    }
}

/* Whatever the bytes, the answer is one of the verdicts, and nothing past the end is read. */
TEST(any_two_bytes_behind_a_magic)
{
    for (unsigned n = 0; n < 65536; n++) {
        uint8_t head[6] = {0x28, 0xb5, 0x2f, 0xfd, (uint8_t)n, (uint8_t)(n >> 8)};
        enum variant_verdict verdict = judge_head(CODING_ZSTD, head, sizeof(head));
        CASE("descriptor %02x, then %02x", head[4], head[5]);
        CHECK(verdict == VARIANT_USABLE || verdict == VARIANT_BAD_MAGIC ||
              verdict == VARIANT_WINDOW);
    }
}

TEST(every_verdict_has_a_reason)
{
    for (int v = 0; v < VARIANT_VERDICTS; v++) {
        CASE("%d", v);
        CHECK(variant_reason((enum variant_verdict)v) != NULL);
    }
}
