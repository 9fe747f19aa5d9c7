/* SPDX-License-Identifier: Apache-2.0
 * sha256_test.c — SHA-256 against the values of FIPS 180-4 and its examples, at every block border.
 * layers: delivery
 */
#include "unit.h"
#include "sha256.h"

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
