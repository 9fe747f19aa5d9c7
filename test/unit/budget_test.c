/* SPDX-License-Identifier: Apache-2.0
 * budget_test.c — what several stores may have together: counted to the byte, refused in time,
 * given back. layers: runtime
 */
#include "unit.h"
#include "runtime_fixture.h"

#include <pthread.h>

#define PAGE UINT64_C(65536)

/* (memory 2 100) (table 10 1000 funcref)
 * (func (export "grow") (param i32) (result i32): memory.grow)
 * (func (export "widen") (param i32) (result i32): table.grow with null) */
#define MODULE_GROWS                                                                               \
    "01(01 60 01 7f 01 7f) 03(02 00 00) 04(01 70 01 0a e8 07) 05(01 01 02 64)"                     \
    "07(02 ('grow') 00 00 ('widen') 00 01)"                                                        \
    "0a(02 (00 20 00 40 00 0b) (00 d0 70 20 00 fc 0f 00 0b))"

static uint64_t used(const wasm_budget *budget)
{
    return atomic_load(&budget->used);
}

static uint64_t refused(const wasm_budget *budget)
{
    return atomic_load(&budget->refused);
}

TEST(memories_and_tables_are_counted_to_the_byte)
{
    wasm_budget budget = {.limit = 100 * PAGE};
    wasm_limits limits = wasm_limits_default();
    uint64_t own = 2 * PAGE + 10 * 8;
    uint32_t result;
    fixture a, b;

    limits.budget = &budget;
    REQUIRE(fixture_open(&a, MODULE_GROWS, &limits, NULL, 0, NULL));
    CHECK_EQ_UINT(used(&budget), own);
    REQUIRE(fixture_open(&b, MODULE_GROWS, &limits, NULL, 0, NULL));
    CHECK_EQ_UINT(used(&budget), 2 * own);
    CHECK_EQ_INT(fixture_call(&a, "grow", 3, &result), WASM_OK);
    CHECK_EQ_UINT(result, 2);
    CHECK_EQ_INT(fixture_call(&b, "widen", 5, &result), WASM_OK);
    CHECK_EQ_UINT(result, 10);
    CHECK_EQ_UINT(used(&budget), 2 * own + 3 * PAGE + 5 * 8);
    /* What the guest's own maximum refuses is not the budget's affair. */
    CHECK_EQ_INT(fixture_call(&a, "grow", 1000, &result), WASM_OK);
    CHECK_EQ_UINT(result, UINT32_MAX);
    CHECK_EQ_UINT(used(&budget), 2 * own + 3 * PAGE + 5 * 8);
    CHECK_EQ_UINT(refused(&budget), 0);
    fixture_close(&a);
    CHECK_EQ_UINT(used(&budget), own + 5 * 8);
    fixture_close(&b);
    CHECK_EQ_UINT(used(&budget), 0);
    CHECK_EQ_UINT(atomic_load(&budget.peak), 2 * own + 3 * PAGE + 5 * 8);
}

TEST(what_is_too_much_is_refused_and_the_rest_goes_on)
{
    wasm_budget budget = {.limit = 5 * PAGE + 200};
    wasm_limits limits = wasm_limits_default();
    uint32_t result;
    fixture a, b;

    limits.budget = &budget;
    REQUIRE(fixture_open(&a, MODULE_GROWS, &limits, NULL, 0, NULL));
    CHECK_EQ_INT(fixture_call(&a, "grow", 4, &result), WASM_OK);
    CHECK_EQ_UINT(result, UINT32_MAX);
    CHECK_EQ_INT(fixture_call(&a, "grow", 3, &result), WASM_OK);
    CHECK_EQ_UINT(result, 2);
    CHECK_EQ_INT(fixture_call(&a, "widen", 16, &result), WASM_OK);
    CHECK_EQ_UINT(result, UINT32_MAX);
    CHECK_EQ_INT(fixture_call(&a, "widen", 15, &result), WASM_OK);
    CHECK_EQ_UINT(result, 10);
    CHECK_EQ_UINT(used(&budget), budget.limit);
    CHECK_EQ_UINT(refused(&budget), 2);
    CHECK(!fixture_open(&b, MODULE_GROWS, &limits, NULL, 0, NULL));
    CHECK_EQ_INT(b.status, WASM_E_MEMORY_TOTAL);
    CHECK_EQ_INT(wasm_status_class(b.status), WASM_CLASS_EXHAUSTED);
    fixture_close(&b);
    CHECK_EQ_UINT(used(&budget), budget.limit);
    fixture_close(&a);
    CHECK(fixture_open(&b, MODULE_GROWS, &limits, NULL, 0, NULL));
    fixture_close(&b);
    CHECK_EQ_UINT(used(&budget), 0);
}

TEST(an_instance_that_fails_halfway_gives_back)
{
    /* Room for the table, and not for the memory. */
    wasm_budget budget = {.limit = 10 * 8 + PAGE};
    wasm_limits limits = wasm_limits_default();
    fixture f;

    limits.budget = &budget;
    CHECK(!fixture_open(&f, MODULE_GROWS, &limits, NULL, 0, NULL));
    CHECK_EQ_INT(f.status, WASM_E_MEMORY_TOTAL);
    fixture_close(&f);
    CHECK_EQ_UINT(used(&budget), 0);
}

/* ---- many threads ------------------------------------------------------------------------------
 */

static wasm_budget shared;

static void *churn(void *baton)
{
    wasm_limits limits = wasm_limits_default();
    uintptr_t failures = 0;

    (void)baton;
    limits.budget = &shared;
    for (int i = 0; i < 300; i++) {
        uint32_t result;
        fixture f;

        if (fixture_open(&f, MODULE_GROWS, &limits, NULL, 0, NULL)) {
            for (uint32_t pages = 1; pages < 6; pages++)
                fixture_call(&f, "grow", pages, &result);
        } else if (f.status != WASM_E_MEMORY_TOTAL) {
            failures++;
        }
        if (used(&shared) > shared.limit)
            failures++;
        fixture_close(&f);
    }
    return (void *)failures;
}

TEST(threads_never_have_more_together)
{
    enum { THREADS = 6 };
    pthread_t threads[THREADS];

    /* Less than one thread alone asks for: some are refused in whichever order they run. */
    shared.limit = 12 * PAGE;
    for (int i = 0; i < THREADS; i++)
        REQUIRE(pthread_create(&threads[i], NULL, churn, NULL) == 0);
    for (int i = 0; i < THREADS; i++) {
        void *failures;

        pthread_join(threads[i], &failures);
        CHECK(failures == NULL);
    }
    CHECK_EQ_UINT(used(&shared), 0);
    CHECK(refused(&shared) > 0 && atomic_load(&shared.peak) <= shared.limit);
    CHECK(atomic_load(&shared.peak) > shared.limit / 2);
}
