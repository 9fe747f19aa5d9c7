/* SPDX-License-Identifier: Apache-2.0
 * digest_test.c — BLAKE2s-256 against values from elsewhere, in every way to cut the input.
 * layers: base
 */
#include "unit.h"

#include "digest.h"

static digest digest_of(const uint8_t *bytes, size_t length, size_t step)
{
    digest_state s;
    digest out;

    digest_begin(&s);
    for (size_t at = 0; at < length; at += step)
        digest_add(&s, bytes + at, length - at < step ? length - at : step);
    digest_end(&s, &out);
    return out;
}

/* Byte i is i; from the implementation of Python's hashlib, and RFC 7693 appendix B for "abc". */
TEST(known_values)
{
    static const struct {
        size_t length;
        const char *hex;
    } rows[] = {
        {0, "69217a3079908094e11121d042354a7c1f55b6482ca1a51e1b250dfd1ed0eef9"},
        {1, "e34d74dbaf4ff4c6abd871cc220451d2ea2648846c7757fbaac82fe51ad64bea"},
        {63, "e57cb79487dd57902432b250733813bd96a84efce59f650fac26e6696aefafc3"},
        {64, "56f34e8b96557e90c1f24b52d0c89d51086acf1b00f634cf1dde9233b8eaaa3e"},
        {65, "1b53ee94aaf34e4b159d48de352c7f0661d0a40edff95a0b1639b4090e974472"},
        {128, "1fa877de67259d19863a2a34bcc6962a2b25fcbf5cbecd7ede8f1fa36688a796"},
        {255, "f03f5789d3336b80d002d59fdf918bdb775b00956ed5528e86aa994acb38fe2d"},
    };
    uint8_t bytes[256];

    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (size_t step = 1; step < 140; step += step < 70 ? 1 : 13) {
            char hex[65];
            digest got = digest_of(bytes, rows[i].length, step);
            for (unsigned k = 0; k < 32; k++)
                snprintf(hex + 2 * k, 3, "%02x", ((const uint8_t *)got.words)[k]);
            CASE("%zu bytes, %zu at a time", rows[i].length, step);
            CHECK_EQ_STR(hex, rows[i].hex);
        }
    }
}

TEST(abc)
{
    static const uint8_t want[32] = {0x50, 0x8C, 0x5E, 0x8C, 0x32, 0x7C, 0x14, 0xE2,
                                     0xE1, 0xA7, 0x2B, 0xA3, 0x4E, 0xEB, 0x45, 0x2F,
                                     0x37, 0x45, 0x8B, 0x20, 0x9E, 0xD6, 0x3A, 0x29,
                                     0x4D, 0x99, 0x9B, 0x4C, 0x86, 0x67, 0x59, 0x82};
    digest got = digest_of((const uint8_t *)"abc", 3, 3);

    CHECK_EQ_MEM(got.words, sizeof got.words, want, sizeof want);
}

TEST(numbers_are_four_bytes_lowest_first)
{
    digest_state s;
    digest by_number, by_bytes = digest_of((const uint8_t *)"\x04\x03\x02\x01", 4, 4);

    digest_begin(&s);
    digest_add_u32(&s, 0x01020304);
    digest_end(&s, &by_number);
    CHECK(digest_equal(&by_number, &by_bytes));
    by_bytes.words[3] ^= 1;
    CHECK(!digest_equal(&by_number, &by_bytes));
}
