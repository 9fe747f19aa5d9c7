/* SPDX-License-Identifier: Apache-2.0
 * digest_test.c — BLAKE2s-256 against values from elsewhere, in every way to cut the input, and
 * BLAKE2sp-256, in every way that this processor can compute it.
 * layers: base
 */
#include "unit.h"

#include "digest.c"

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

static void check_hex(const digest *got, const char *want)
{
    char hex[65];

    for (unsigned k = 0; k < 32; k++)
        snprintf(hex + 2 * k, 3, "%02x", ((const uint8_t *)got->words)[k]);
    CHECK_EQ_STR(hex, want);
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
            digest got = digest_of(bytes, rows[i].length, step);
            CASE("%zu bytes, %zu at a time", rows[i].length, step);
            check_hex(&got, rows[i].hex);
        }
    }
}

/* Byte i is 7 i + i / 256; from Python's hashlib, whose blake2s() takes the parameters of a tree.
 */
TEST(known_values_of_the_tree)
{
    static const struct {
        size_t length;
        const char *hex;
    } rows[] = {
        {0, "dd0e891776933f43c7d032b08a917e25741f8aa9a12c12e1cac8801500f2ca4f"},
        {1, "a6b9eecc25227ad788c99d3f236debc8da408849e9a5178978727a81457f7239"},
        {64, "9ba0c37f1ab9fdd4b656b42702049eec67f76c1ef76c3722b7b1e2a019674230"},
        {511, "275134666a972673d5b8a883398b9b2e762c4f3ada77c859327ca22edbd27c8f"},
        {512, "b8b77dc57c1f8da6642f8b45690c4c19fc7a5bf068c2d5f977deeb2d753fd8ca"},
        {513, "03510d9a8b3ce4ce4e721792c37c97539f00da015370c9c5e380988084692465"},
        {1023, "346a03a5f19890b277149fc5d8cdf89bf7ec8669ca7b0a9e35ee4add5c4496f6"},
        {1024, "ec116948e344fde3dcafb128c32a13346d6a5ca04faa569f53906804f6760d02"},
        {1025, "be7d0d21581004b486a5e09506d83dc3129296b098656f2520d92972c46e38c8"},
        {1536, "9170a3f96f6a4f89a368fd6957f2f6f26d83e4e348fef2c15f0d20335d9b65ba"},
        {4096, "2164f44750880c4d8a5c14be5e29ea211cfd8882682503f09eaee7bc6b599ac4"},
        {5000, "407082b53e8db64e0fd69017faf5fc41ee682c865442917941e9157cd20ea585"},
    };
    static uint8_t bytes[5001];

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (unsigned avx2 = 0; avx2 <= has_avx2(); avx2++)
            for (unsigned shift = 0; shift < 2; shift++) { /* the bytes may stand anywhere */
                digest got;
                for (unsigned k = 0; k < rows[i].length; k++)
                    bytes[k + shift] = (uint8_t)(k * 7 + k / 256);
                of_bytes(bytes + shift, rows[i].length, avx2 != 0, &got);
                CASE("%zu bytes, avx2 %u, from %u", rows[i].length, avx2, shift);
                check_hex(&got, rows[i].hex);
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
