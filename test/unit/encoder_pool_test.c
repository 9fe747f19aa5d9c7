/* SPDX-License-Identifier: Apache-2.0
 * encoder_pool_test.c — what encoders leave behind is handed out again, and is never more than it
 * may be.
 * layers: delivery
 *
 * Memory:  What the pool keeps at the end of a test is there for the next one.
 * Threads: Some tests start their own.
 */
#include "unit.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "encoder_pool.h"

static void *take(size_t size)
{
    return encoder_pool.take(encoder_pool.baton, size);
}

static void give(void *at)
{
    encoder_pool.give(encoder_pool.baton, at);
}

TEST(a_block_that_was_given_back_is_handed_out_again)
{
    enum { SIZE = 100 * 1000 };
    size_t before = encoder_pool_kept();
    char *first = take(SIZE), *second;

    CHECK(first != NULL);
    memset(first, 1, SIZE);
    give(first);
    CHECK_EQ_UINT(encoder_pool_kept(), before + SIZE);
    second = take(SIZE - SIZE / 10);
    CHECK(second == first);
    CHECK_EQ_UINT(encoder_pool_kept(), before);
    give(second);
}

TEST(a_block_that_is_much_larger_is_not_wasted)
{
    char *large = take(1000 * 1000), *small;

    give(large);
    small = take(500 * 1000);
    CHECK(small != large);
    give(small);
}

TEST(small_blocks_are_not_kept)
{
    size_t before = encoder_pool_kept();

    give(take(ENCODER_POOL_LEAST - 1));
    give(take(1));
    give(take(0));
    give(NULL);
    CHECK_EQ_UINT(encoder_pool_kept(), before);
}

TEST(no_more_is_kept_than_the_limits_say)
{
    enum { COUNT = 2 * ENCODER_POOL_BLOCKS };
    void *blocks[COUNT];

    for (int i = 0; i < COUNT; i++) {
        blocks[i] = take(1000 * 1000 + (size_t)i);
        CHECK(blocks[i] != NULL);
    }
    for (int i = 0; i < COUNT; i++) {
        give(blocks[i]);
        CHECK(encoder_pool_kept() <= ENCODER_POOL_BYTES);
    }
    CHECK(encoder_pool_kept() > ENCODER_POOL_BYTES / 2);
}

TEST(a_size_that_nobody_has_is_refused)
{
    CHECK(take(SIZE_MAX) == NULL);
    CHECK(take(SIZE_MAX - 1) == NULL);
}

/* Each thread writes its mark into what it got, and finds it there when it looks again. */
static void *work(void *mark)
{
    enum { ROUNDS = 2000 };

    for (unsigned i = 0; i < ROUNDS; i++) {
        size_t size = ENCODER_POOL_LEAST + (i % 7) * 4096;
        uint8_t *at = take(size);

        if (at == NULL) {
            return at;
        }
        memset(at, (int)(uintptr_t)mark, size);
        for (size_t k = 0; k < size; k += 511) {
            if (at[k] != (uint8_t)(uintptr_t)mark) {
                return NULL;
            }
        }
        give(at);
    }
    return mark;
}

TEST(no_two_threads_have_the_same_block)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];

    for (uintptr_t i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, work, (void *)(i + 1)) == 0);
    }
    for (uintptr_t i = 0; i < THREADS; i++) {
        void *mark = NULL;
        pthread_join(threads[i], &mark);
        CHECK(mark == (void *)(i + 1));
    }
}
