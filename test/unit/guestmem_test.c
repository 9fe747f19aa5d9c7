/* SPDX-License-Identifier: Apache-2.0
 * guestmem_test.c — the gate to guest memory: what lies inside passes, by a byte; nothing else
 * does. layers: host
 */
#include "unit.h"
#include "fake_guest.h"

TEST(views_at_the_border)
{
    static const struct {
        uint64_t at, length;
        bool inside;
    } rows[] = {
        {0, 0, true},
        {0, GUEST_MEMORY, true},
        {GUEST_MEMORY, 0, true},
        {GUEST_MEMORY - 1, 1, true},
        {GUEST_MEMORY - 1, 2, false},
        {GUEST_MEMORY, 1, false},
        {GUEST_MEMORY + 1, 0, false},
        {0, (uint64_t)GUEST_MEMORY + 1, false},
        {0, UINT32_MAX, false},
        {UINT32_MAX, 0, false},
        {UINT32_MAX, 1, false},
        {UINT32_MAX, UINT32_MAX, false}, /* the sum would wrap in 32 bits */
        {1, UINT32_MAX, false},
        {16, UINT32_MAX - 15, false},
    };
    fake_guest g;

    REQUIRE(guest_open(&g));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t *bytes = NULL;
        bool inside =
            guestmem_view(&g.caller, (uint32_t)rows[i].at, (uint32_t)rows[i].length, &bytes);

        CASE("at %" PRIu64 " length %" PRIu64, rows[i].at, rows[i].length);
        CHECK_EQ_INT(inside, rows[i].inside);
        if (inside)
            CHECK(bytes != NULL);
    }
    guest_close(&g);
}

TEST(integers_little_endian_at_any_address)
{
    fake_guest g;
    uint64_t u64;
    uint32_t u32;
    uint16_t u16;
    uint8_t u8;

    REQUIRE(guest_open(&g));
    for (uint32_t at = 0; at < 9; at++) {
        static const uint8_t want[8] = {0xF8, 0xF7, 0xF6, 0xF5, 0xF4, 0xF3, 0xF2, 0xF1};

        CASE("at %u", at);
        CHECK(guestmem_store_u64(&g.caller, at, UINT64_C(0xF1F2F3F4F5F6F7F8)));
        CHECK_EQ_MEM(guest_bytes(&g, at, 8), 8, want, 8);
        CHECK(guestmem_load_u64(&g.caller, at, &u64));
        CHECK_EQ_UINT(u64, UINT64_C(0xF1F2F3F4F5F6F7F8));
        CHECK(guestmem_load_u32(&g.caller, at, &u32));
        CHECK_EQ_UINT(u32, 0xF5F6F7F8);
        CHECK(guestmem_load_u16(&g.caller, at, &u16));
        CHECK_EQ_UINT(u16, 0xF7F8);
        CHECK(guestmem_load_u8(&g.caller, at, &u8));
        CHECK_EQ_UINT(u8, 0xF8);
        CHECK(guestmem_store_u32(&g.caller, at, 0x01020304));
        CHECK(guestmem_store_u16(&g.caller, at + 4, 0x0506));
        CHECK(guestmem_store_u8(&g.caller, at + 6, 7));
        CHECK(guestmem_load_u64(&g.caller, at, &u64));
        CHECK_EQ_UINT(u64, UINT64_C(0xF107050601020304));
    }
    guest_close(&g);
}

TEST(integers_beyond_the_end)
{
    fake_guest g;
    uint64_t u64 = 5;
    uint32_t u32 = 5;
    uint16_t u16 = 5;
    uint8_t u8 = 5;

    REQUIRE(guest_open(&g));
    CHECK(!guestmem_load_u64(&g.caller, GUEST_MEMORY - 7, &u64));
    CHECK(!guestmem_load_u32(&g.caller, GUEST_MEMORY - 3, &u32));
    CHECK(!guestmem_load_u16(&g.caller, GUEST_MEMORY - 1, &u16));
    CHECK(!guestmem_load_u8(&g.caller, GUEST_MEMORY, &u8));
    CHECK(!guestmem_store_u64(&g.caller, GUEST_MEMORY - 7, 1));
    CHECK(!guestmem_store_u32(&g.caller, GUEST_MEMORY - 3, 1));
    CHECK(!guestmem_store_u16(&g.caller, GUEST_MEMORY - 1, 1));
    CHECK(!guestmem_store_u8(&g.caller, UINT32_MAX, 1));
    CHECK_EQ_UINT(u64 + u32 + u16 + u8, 20);
    CHECK_EQ_UINT(guest_u64(&g, GUEST_MEMORY - 8), 0); /* no part of a failed store arrived */
    guest_close(&g);
}

TEST(vectors)
{
    uint8_t *bytes;
    uint32_t length;
    fake_guest g;

    REQUIRE(guest_open(&g));
    guest_put_u32(&g, 100, 5000);
    guest_put_u32(&g, 104, 10);
    guest_put_u32(&g, 108, GUEST_MEMORY - 4);
    guest_put_u32(&g, 112, 5);
    CHECK(guestmem_vector(&g.caller, 100, 0, &bytes, &length));
    CHECK_EQ_UINT(length, 10);
    CHECK(bytes == guest_bytes(&g, 5000, 10));
    CHECK(!guestmem_vector(&g.caller, 100, 1, &bytes, &length)); /* points beyond the end */
    CHECK(!guestmem_vector(&g.caller, GUEST_MEMORY - 7, 0, &bytes, &length));
    CHECK(!guestmem_vector(&g.caller, 8, 0x1FFFFFFF, &bytes, &length)); /* 8 + 8 i wraps to 0 */
    CHECK(!guestmem_vector(&g.caller, 100, 0x20000000, &bytes, &length));
    guest_close(&g);
}

TEST(strings)
{
    char text[8];
    fake_guest g;

    REQUIRE(guest_open(&g));
    guest_put(&g, 10, "abcdefg\0h", 9);
    CHECK_EQ_INT(guestmem_string(&g.caller, 10, 7, text, sizeof text), GUESTMEM_OK);
    CHECK_EQ_STR(text, "abcdefg");
    CHECK_EQ_INT(guestmem_string(&g.caller, 10, 0, text, sizeof text), GUESTMEM_OK);
    CHECK_EQ_STR(text, "");
    CHECK_EQ_INT(guestmem_string(&g.caller, 10, 8, text, sizeof text), GUESTMEM_TOO_LONG);
    CHECK_EQ_INT(guestmem_string(&g.caller, 11, 7, text, sizeof text), GUESTMEM_NUL);
    CHECK_EQ_INT(guestmem_string(&g.caller, GUEST_MEMORY - 1, 2, text, sizeof text),
                 GUESTMEM_FAULT);
    CHECK_EQ_INT(guestmem_string(&g.caller, 0, UINT32_MAX, text, sizeof text), GUESTMEM_FAULT);
    guest_close(&g);
}
