/* SPDX-License-Identifier: Apache-2.0
 * arena_test.c — quotas, arenas and the stable order.
 * layers: base
 */
#include "unit.h"

#include "arena.h"
#include "order.h"

/* An impossible size is asked for on purpose; the sanitizer is to answer as malloc would. */
const char *__asan_default_options(void);
__attribute__((visibility("default"))) const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

TEST(a_quota_counts_what_is_taken_and_given_back)
{
    quota q;
    quota_init(&q, 1000);
    uint8_t *block = quota_realloc(&q, NULL, 0, 400);
    REQUIRE(block != NULL);
    memset(block, 7, 400);
    CHECK_EQ_UINT(q.used, 400);
    CHECK(quota_realloc(&q, block, 400, 1001) == NULL);
    CHECK_EQ_UINT(q.used, 400);
    CHECK(q.refused);
    block = quota_realloc(&q, block, 400, 1000);
    REQUIRE(block != NULL);
    CHECK_EQ_INT(block[399], 7);
    CHECK_EQ_UINT(q.used, 1000);
    CHECK(quota_realloc(&q, NULL, 0, 1) == NULL);
    block = quota_realloc(&q, block, 1000, 10);
    CHECK_EQ_UINT(q.used, 10);
    CHECK_EQ_UINT(q.peak, 1000);
    CHECK(quota_realloc(&q, block, 10, 0) == NULL); /* frees */
    CHECK_EQ_UINT(q.used, 0);
    quota_free(&q, NULL, 0);
    CHECK_EQ_UINT(q.used, 0);
}

TEST(an_impossible_size_is_refused_and_not_counted)
{
    quota q;
    quota_init(&q, 0);
    CHECK_EQ_UINT(q.limit, SIZE_MAX);
    CHECK(quota_realloc(&q, NULL, 0, PTRDIFF_MAX) == NULL);
    CHECK_EQ_UINT(q.used, 0);
    wasm_report report = {0};
    CHECK_EQ_INT(quota_fail(&q, &report), WASM_E_NO_MEMORY);
    CHECK_EQ_INT(report.status, WASM_E_NO_MEMORY);
}

TEST(the_report_names_the_quota)
{
    quota q;
    wasm_report report = {0};
    quota_init(&q, 64);
    CHECK(quota_realloc(&q, NULL, 0, 65) == NULL);
    CHECK_EQ_INT(quota_fail(&q, &report), WASM_E_QUOTA);
    CHECK(strstr(report.detail, "64 bytes") != NULL);
    CHECK_EQ_INT(quota_fail(&q, NULL), WASM_E_QUOTA);
}

static bool all_zero(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

TEST(an_arena_gives_zeroed_aligned_blocks_that_do_not_overlap)
{
    static const size_t sizes[] = {1, 15, 16, 17, 100, 1000, 1023, 1024, 1025, 5000, 70000, 3, 0};
    quota q;
    arena a;
    quota_init(&q, 0);
    arena_init(&a, &q);
    for (unsigned round = 0; round < 50; round++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            CASE("round %u, %zu bytes", round, sizes[i]);
            uint8_t *block = arena_alloc(&a, 1, sizes[i]);
            REQUIRE(block != NULL);
            CHECK_EQ_UINT((uintptr_t)block % 16, 0);
            CHECK(all_zero(block, sizes[i])); /* an overlap would show what is written here: */
            memset(block, 0xEE, sizes[i]);
        }
    }
    CHECK(q.used == a.allocated && q.used >= 50 * 79224);
    CHECK(arena_alloc(&a, 0, 8) != arena_alloc(&a, 8, 0));
    arena_release(&a);
    CHECK_EQ_UINT(q.used, 0);
    CHECK(arena_alloc(&a, 1, 1) != NULL); /* it may be used again */
    arena_release(&a);
}

TEST(an_array_grows_with_what_it_holds_or_stays)
{
    quota q;
    arena a;
    uint32_t *items = NULL, capacity = 0;

    quota_init(&q, 64 * 1024);
    arena_init(&a, &q);
    for (uint32_t n = 0; n < 1000; n++) {
        REQUIRE(arena_grow(&a, &items, &capacity, (uint64_t)n + 1, sizeof *items));
        items[n] = n;
    }
    for (uint32_t n = 0; n < 1000; n++)
        CHECK_EQ_UINT(items[n], n);
    const uint32_t *before = items, had = capacity;
    CHECK(!arena_grow(&a, &items, &capacity, 1 << 20, sizeof *items));
    CHECK(!arena_grow(&a, &items, &capacity, UINT64_MAX, sizeof *items));
    CHECK(items == before);
    CHECK_EQ_UINT(capacity, had);
    arena_release(&a);
}

TEST(an_arena_refuses_overflow_and_keeps_to_its_quota)
{
    quota q;
    arena a;
    quota_init(&q, 20000);
    arena_init(&a, &q);
    CHECK(arena_alloc(&a, SIZE_MAX / 2, 3) == NULL);
    CHECK(arena_alloc(&a, SIZE_MAX, 1) == NULL);
    CHECK(arena_copy(&a, "x", SIZE_MAX) == NULL);
    CHECK(!q.refused && q.used == 0);
    unsigned blocks = 0;
    while (arena_alloc(&a, 1, 64) != NULL)
        blocks++;
    CHECK(q.refused && q.used <= 20000);
    CHECK(blocks > 150 && blocks < 20000 / 64);
    arena_release(&a);
    CHECK_EQ_UINT(q.used, 0);
}

/* Rounds that take little, much, and more than is kept; the quota is met by what is kept, too. */
TEST(a_cleared_arena_gives_zeroed_blocks_within_its_quota)
{
    static const size_t sizes[] = {16, 1000, 70000, 16, 300000, 1000, 6u << 20, 16, 2u << 20};
    quota q;
    arena a;

    quota_init(&q, 12u << 20);
    arena_init(&a, &q);
    arena_clear(&a);
    CHECK_EQ_INT(q.used, 0);
    for (unsigned round = 0; round < sizeof sizes / sizeof sizes[0]; round++) {
        for (unsigned n = 0; n < 3 && n * sizes[round] < 4u << 20; n++) {
            uint8_t *block = arena_alloc(&a, sizes[round], 1);
            CASE("round %u, block %u of %zu bytes", round, n, sizes[round]);
            REQUIRE(block != NULL);
            CHECK_EQ_INT((uintptr_t)block % 16, 0);
            CHECK(block[0] == 0 && memcmp(block, block + 1, sizes[round] - 1) == 0);
            memset(block, 0xA5, sizes[round]);
        }
        CHECK(q.used > 0 && q.used <= q.limit);
        arena_clear(&a);
        CHECK(q.used > 0 && q.used <= 4u << 20);
    }
    arena_release(&a);
    CHECK_EQ_INT(q.used, 0);
    /* Where the quota has no room, nothing is kept. */
    quota_init(&q, 6000);
    arena_init(&a, &q);
    CHECK(arena_alloc(&a, 5000, 1) != NULL);
    q.limit = 2000;
    arena_clear(&a);
    CHECK_EQ_INT(q.used, 0);
    CHECK(arena_alloc(&a, 1500, 1) != NULL);
    arena_release(&a);
}

TEST(a_copy_is_terminated)
{
    quota q;
    arena a;
    quota_init(&q, 0);
    arena_init(&a, &q);
    CHECK_EQ_STR(arena_copy(&a, "run it", 3), "run");
    CHECK_EQ_STR(arena_copy(&a, NULL, 0), "");
    arena_release(&a);
}

static int compare_tens(const void *items, uint32_t a, uint32_t b)
{
    const uint32_t *values = items;
    return (int)(values[a] / 10) - (int)(values[b] / 10);
}

TEST(the_order_is_right_and_stable)
{
    enum { MOST = 300 };
    uint32_t values[MOST], indices[MOST], scratch[MOST], random = 12345;
    for (uint32_t count = 0; count <= MOST; count += count < 20 ? 1 : 35) {
        CASE("%u items", (unsigned)count);
        for (uint32_t i = 0; i < count; i++) {
            random = random * 1664525 + 1013904223;
            values[i] = random >> 16 & 0xFF;
        }
        order_sort(values, count, compare_tens, indices, scratch);
        bool seen[MOST] = {false};
        for (uint32_t i = 0; i < count; i++) {
            REQUIRE(indices[i] < count && !seen[indices[i]]);
            seen[indices[i]] = true;
            if (i == 0)
                continue;
            int order = compare_tens(values, indices[i - 1], indices[i]);
            CHECK(order < 0 || (order == 0 && indices[i - 1] < indices[i]));
        }
    }
}
