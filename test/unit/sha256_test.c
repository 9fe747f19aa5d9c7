/* SPDX-License-Identifier: Apache-2.0
 * sha256_test.c — SHA-256 against the values of FIPS 180-4 and its examples, at every block border.
 * layers: delivery
 */
#include "unit.h"

#include <stdlib.h>

#include "sha256.h"
#include "sha256_mix.h"

TEST(known_digests)
{
    static const struct {
        const char *text, *digest;
    } rows[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrl"
         "mnopqrsmnopqrstnopqrstu",
         "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
    };
    char hex[SHA256_HEX_SIZE];

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CASE("\"%s\"", rows[i].text);
        sha256_hex(rows[i].text, strlen(rows[i].text), hex);
        CHECK_EQ_STR(hex, rows[i].digest);
    }
}

TEST(a_million_letters)
{
    char block[1000];
    uint8_t digest[SHA256_SIZE];
    static const uint8_t want[SHA256_SIZE] = {0xcd, 0xc7, 0x6e, 0x5c, 0x99, 0x14, 0xfb, 0x92,
                                              0x81, 0xa1, 0xc7, 0xe2, 0x84, 0xd7, 0x3e, 0x67,
                                              0xf1, 0x80, 0x9a, 0x48, 0xa4, 0x97, 0x20, 0x0e,
                                              0x04, 0x6d, 0x39, 0xcc, 0xc7, 0x11, 0x2c, 0xd0};
    sha256 hash;

    memset(block, 'a', sizeof block);
    sha256_init(&hash);
    for (int i = 0; i < 1000; i++)
        sha256_add(&hash, block, sizeof block);
    sha256_finish(&hash, digest);
    CHECK_EQ_MEM(digest, sizeof digest, want, sizeof want);
}

/* ---- both ways of working blocks in, by themselves ---- */

static const struct way {
    const char *name;
    bool native;
} ways[] = {{"portable", false}, {"native", true}};

/* NULL where this processor has no instructions for it. */
static sha256_mix *mix_of(const struct way *way)
{
    return way->native ? sha256_mix_native() : sha256_mix_portable;
}

/* The digest of `length` times the byte, or of text: padded here and handed over in one piece, at
 * an address that is aligned to nothing. */
static void digest_by(sha256_mix *mix, const char *text, uint8_t byte, size_t length,
                      uint8_t digest[SHA256_SIZE])
{
    size_t padded = (length + 8) / 64 * 64 + 64;
    uint8_t *room = calloc(1, padded + 1), *message = room + 1;
    sha256 start;

    sha256_init(&start);
    if (text != NULL)
        memcpy(message, text, length);
    else
        memset(message, byte, length);
    message[length] = 0x80;
    for (unsigned i = 0; i < 8; i++)
        message[padded - 1 - i] = (uint8_t)((uint64_t)length * 8 >> 8 * i);
    mix(start.state, message, padded / 64);
    for (unsigned i = 0; i < SHA256_SIZE; i++)
        digest[i] = (uint8_t)(start.state[i / 4] >> (24 - 8 * (i % 4)));
    free(room);
}

/* FIPS 180-4's examples, and two of NIST's additional ones (SHA2_Additional.pdf, 6 and 8). */
TEST(known_digests_either_way)
{
    static const struct {
        const char *text;
        uint8_t byte;
        size_t length;
        const char *digest;
    } rows[] = {
        {"abc", 0, 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 0, 56,
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {NULL, 'a', 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
        {NULL, 0, 64, "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b"},
        {NULL, 0, 1000, "541b3e9daa09b20bf85fa273e5cbd3e80185aa4ec298e765db87742b70138a53"},
    };
    char hex[SHA256_HEX_SIZE];
    uint8_t digest[SHA256_SIZE];

    for (size_t w = 0; w < sizeof ways / sizeof ways[0]; w++) {
        sha256_mix *mix = mix_of(&ways[w]);

        if (mix == NULL) {
            printf("# no instructions for SHA-256 here: the portable way is the only one\n");
            continue;
        }
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            CASE("%s, row %zu", ways[w].name, i);
            digest_by(mix, rows[i].text, rows[i].byte, rows[i].length, digest);
            sha256_write_hex(digest, hex);
            CHECK_EQ_STR(hex, rows[i].digest);
        }
    }
}

/* From any state, not only the first, and none or many blocks at once. */
TEST(both_ways_are_one)
{
    uint8_t blocks[9 * 64 + 3];
    sha256_mix *native = sha256_mix_native();
    uint32_t seed = 1;

    for (size_t i = 0; i < sizeof blocks; i++) {
        seed = seed * 1664525 + 1013904223;
        blocks[i] = (uint8_t)(seed >> 24);
    }
    for (size_t count = 0; native != NULL && count <= 9; count++) {
        for (size_t at = 0; at < 3; at++) {
            uint32_t state[2][8];

            CASE("%zu blocks at %zu", count, at);
            for (unsigned i = 0; i < 8; i++) {
                seed = seed * 1664525 + 1013904223;
                state[0][i] = state[1][i] = seed;
            }
            sha256_mix_portable(state[0], blocks + at, count);
            native(state[1], blocks + at, count);
            CHECK_EQ_MEM(state[1], sizeof state[1], state[0], sizeof state[0]);
        }
    }
}

/* Cutting the input anywhere makes no difference; lengths around the padding's border, 55 to 65. */
TEST(pieces_are_the_whole)
{
    uint8_t text[200], whole[SHA256_SIZE], parts[SHA256_SIZE];
    sha256 hash;

    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)(i * 7 + 1);
    for (size_t length = 0; length <= 130; length++) {
        sha256_init(&hash);
        sha256_add(&hash, text, length);
        sha256_finish(&hash, whole);
        for (size_t cut = 0; cut <= length; cut++) {
            CASE("length %zu cut at %zu", length, cut);
            sha256_init(&hash);
            sha256_add(&hash, text, cut);
            sha256_add(&hash, NULL, 0);
            sha256_add(&hash, text + cut, length - cut);
            sha256_finish(&hash, parts);
            if (!CHECK_EQ_MEM(parts, sizeof parts, whole, sizeof whole))
                return;
        }
    }
}
