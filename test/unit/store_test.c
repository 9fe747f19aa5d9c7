/* SPDX-License-Identifier: Apache-2.0
 * store_test.c — what a store allows and how it stops: fuel, stacks, interruption, reports,
 * threads, processes.
 */
/* layers: facade */
#include "unit.h"
#include "runtime_fixture.h"
#include "runtime.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- fuel ------------------------------------------------------------------------------------ */

static wasm_limits with_fuel(uint64_t fuel)
{
    wasm_limits limits = wasm_limits_default();

    limits.fuel = fuel;
    return limits;
}

TEST(fuel_is_the_same_every_time)
{
    uint64_t left[3];

    for (int i = 0; i < 3; i++) {
        wasm_limits limits = with_fuel(100000);
        fixture f;
        REQUIRE(fixture_open(&f, MODULE_ROUNDS, &limits, NULL, 0, NULL));
        CHECK_EQ_INT(fixture_call(&f, "f", 1000, NULL), WASM_OK);
        left[i] = wasm_store_fuel_left(f.store);
        fixture_close(&f);
    }
    CHECK(left[0] < 100000);
    CHECK(left[0] > 0);
    CHECK_EQ_UINT(left[0], left[1]);
    CHECK_EQ_UINT(left[0], left[2]);
}

TEST(fuel_grows_with_the_work)
{
    uint64_t used[2];

    for (uint32_t i = 0; i < 2; i++) {
        wasm_limits limits = with_fuel(1000000);
        fixture f;
        REQUIRE(fixture_open(&f, MODULE_ROUNDS, &limits, NULL, 0, NULL));
        CHECK_EQ_INT(fixture_call(&f, "f", 1000 << i, NULL), WASM_OK);
        used[i] = 1000000 - wasm_store_fuel_left(f.store);
        fixture_close(&f);
    }
    /* A round is five instructions; entry and exit are a few more. */
    CHECK(used[0] >= 5000);
    CHECK(used[0] < 6000);
    CHECK_EQ_UINT(used[1] - used[0], 5000);
}

TEST(fuel_ends)
{
    wasm_limits limits = with_fuel(1000);
    fixture f;

    REQUIRE(fixture_open(&f, MODULE_ENDLESS, &limits, NULL, 0, NULL));
    CHECK_EQ_INT(fixture_call(&f, "f", 0, NULL), WASM_E_FUEL);
    CHECK_EQ_INT(wasm_store_report(f.store)->status, WASM_E_FUEL);
    CHECK_EQ_UINT(wasm_store_fuel_left(f.store), 0);
    CHECK_EQ_INT(fixture_call(&f, "f", 0, NULL), WASM_E_FUEL);
    wasm_store_refuel(f.store);
    CHECK_EQ_UINT(wasm_store_fuel_left(f.store), 1000);
    CHECK_EQ_INT(fixture_call(&f, "f", 0, NULL), WASM_E_FUEL);
    fixture_close(&f);
}

TEST(fuel_of_a_store_that_is_not_metered)
{
    fixture f;

    REQUIRE(fixture_open(&f, MODULE_ROUNDS, NULL, NULL, 0, NULL));
    wasm_store_refuel(f.store);
    CHECK_EQ_UINT(wasm_store_fuel_left(f.store), WASM_FUEL_OFF);
    CHECK_EQ_INT(fixture_call(&f, "f", 100000, NULL), WASM_OK);
    fixture_close(&f);
}

TEST(bulk_operations_cost_fuel)
{
    /* (func (export "f") (param i32) (memory.fill (i32.const 0) (i32.const 1) (local.get 0))) */
    static const char text[] = "01(01 60 01 7f 00) 03(01 00) 05(01 00 10) 07(01 ('f') 00 00)"
                               "0a(01 (00 41 00 41 01 20 00 fc 0b 00 0b))";
    wasm_limits limits = with_fuel(10000);
    fixture f;
    uint64_t before;

    REQUIRE(fixture_open(&f, text, &limits, NULL, 0, NULL));
    CHECK_EQ_INT(fixture_call(&f, "f", 64, NULL), WASM_OK);
    before = wasm_store_fuel_left(f.store);
    CHECK_EQ_INT(fixture_call(&f, "f", 64 * 1001, NULL), WASM_OK);
    CHECK_EQ_UINT(before - wasm_store_fuel_left(f.store), 10000 - before + 1000);
    CHECK_EQ_INT(fixture_call(&f, "f", 1 << 20, NULL), WASM_E_FUEL);
    fixture_close(&f);
}

TEST(unmetered_fuel_stays_off)
{
    fixture f;

    REQUIRE(fixture_open(&f, MODULE_ROUNDS, NULL, NULL, 0, NULL));
    CHECK_EQ_INT(fixture_call(&f, "f", 1000, NULL), WASM_OK);
    CHECK(wasm_store_fuel_left(f.store) == WASM_FUEL_OFF);
    fixture_close(&f);
}

/* ---- stacks ---------------------------------------------------------------------------------- */

TEST(small_stacks_end_in_a_trap_not_a_crash)
{
    static const size_t sizes[] = {0, 1, 4096, 16384, 65536, 1 << 20};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        wasm_limits limits = wasm_limits_default();
        uint32_t result;
        fixture f;
        CASE("%zu bytes", sizes[i]);
        limits.stack_bytes = sizes[i];
        REQUIRE(fixture_open(&f, MODULE_RECURSE, &limits, NULL, 0, NULL));
        CHECK_EQ_INT(fixture_call(&f, "f", 1u << 30, NULL), WASM_E_STACK_EXHAUSTED);
        CHECK_EQ_UINT(wasm_store_report(f.store)->func, 0);
        /* The store is as it was. */
        CHECK_EQ_INT(fixture_call(&f, "f", 50, &result), WASM_OK);
        CHECK_EQ_UINT(result, 50);
        fixture_close(&f);
    }
}

TEST(call_depth_is_bounded_by_its_own_number)
{
    wasm_limits limits = wasm_limits_default();
    uint32_t result;
    fixture f;

    limits.call_depth = 100;
    REQUIRE(fixture_open(&f, MODULE_RECURSE, &limits, NULL, 0, NULL));
    CHECK_EQ_INT(fixture_call(&f, "f", 98, &result), WASM_OK);
    CHECK_EQ_INT(fixture_call(&f, "f", 101, &result), WASM_E_STACK_EXHAUSTED);
    CHECK_EQ_INT(fixture_call(&f, "f", 98, &result), WASM_OK);
    CHECK_EQ_UINT(result, 98);
    fixture_close(&f);
}

/* Calls the guest that called it, until that is refused. */
typedef struct nesting {
    fixture *f;
    unsigned deepest;
    wasm_status refusal;
} nesting;

static wasm_status call_back(wasm_caller *caller, uint64_t *slots)
{
    nesting *n = wasm_store_data(caller->store);
    wasm_status status;

    (void)slots;
    n->deepest++;
    status = wasm_call(caller->store, fixture_func(n->f, "f"), NULL, NULL);
    if (status != WASM_OK && n->refusal == WASM_OK)
        n->refusal = status;
    return WASM_OK; /* it is done with that failure */
}

TEST(host_functions_may_call_back_32_deep)
{
    static const wasm_host_function row = {"h", "f", ":", 0, call_back};
    fixture f;
    nesting n = {&f, 0, WASM_OK};

    REQUIRE(fixture_open(&f, MODULE_CALLS_HOST, NULL, &row, 1, &n));
    CHECK_EQ_INT(fixture_call(&f, "f", 0, NULL), WASM_OK);
    CHECK_EQ_INT(n.refusal, WASM_E_STACK_EXHAUSTED);
    CHECK_EQ_UINT(n.deepest, 33); /* the first call in is not nested */
    CHECK_EQ_INT(wasm_store_report(f.store)->status, WASM_OK);
    fixture_close(&f);
}

static wasm_status do_nothing(wasm_caller *caller, uint64_t *slots)
{
    (void)caller;
    (void)slots;
    return WASM_OK;
}

TEST(calls_leave_nothing_on_the_guest_stack)
{
    static const wasm_host_function row = {"h", "f", ":", 0, do_nothing};
    wasm_limits limits = wasm_limits_default();
    fixture f;

    limits.stack_bytes = 16384;
    REQUIRE(fixture_open(&f, MODULE_CALLS_HOST, &limits, &row, 1, NULL));
    for (int i = 0; i < 10000; i++) {
        if (fixture_call(&f, "f", 0, NULL) != WASM_OK) {
            FAIL("call %d: %s", i, wasm_status_text(wasm_store_report(f.store)->status));
            break;
        }
    }
    fixture_close(&f);
}

/* ---- interruption ---------------------------------------------------------------------------- */

TEST(an_interrupted_store_refuses_calls)
{
    uint32_t result;
    fixture f;

    REQUIRE(fixture_open(&f, MODULE_RECURSE, NULL, NULL, 0, NULL));
    CHECK(!wasm_store_interrupted(f.store));
    wasm_store_interrupt(f.store, WASM_E_INTERRUPTED);
    wasm_store_interrupt(f.store, WASM_E_DEADLINE);
    CHECK(wasm_store_interrupted(f.store));
    CHECK_EQ_INT(fixture_call(&f, "f", 1, NULL), WASM_E_INTERRUPTED); /* the first reason */
    CHECK_EQ_INT(fixture_call(&f, "f", 1, NULL), WASM_E_INTERRUPTED);
    CHECK_EQ_INT(fixture_instantiate(&f, NULL, 0), WASM_E_INTERRUPTED);
    wasm_store_clear_interrupt(f.store);
    CHECK_EQ_INT(fixture_call(&f, "f", 1, &result), WASM_OK);
    CHECK_EQ_UINT(result, 1);
    fixture_close(&f);
}

TEST(clearing_an_interruption_keeps_the_meter)
{
    wasm_limits limits = with_fuel(100);
    fixture f;

    REQUIRE(fixture_open(&f, MODULE_ENDLESS, &limits, NULL, 0, NULL));
    wasm_store_interrupt(f.store, WASM_E_DEADLINE);
    wasm_store_clear_interrupt(f.store);
    CHECK_EQ_INT(fixture_call(&f, "f", 0, NULL), WASM_E_FUEL);
    fixture_close(&f);
}

static void *interrupt_soon(void *store)
{
    usleep(20000);
    wasm_store_interrupt(store, WASM_E_INTERRUPTED);
    return NULL;
}

TEST(another_thread_interrupts_a_loop)
{
    pthread_t thread;
    fixture f;

    REQUIRE(fixture_open(&f, MODULE_ENDLESS, NULL, NULL, 0, NULL));
    REQUIRE(pthread_create(&thread, NULL, interrupt_soon, f.store) == 0);
    CHECK_EQ_INT(fixture_call(&f, "f", 0, NULL), WASM_E_INTERRUPTED);
    pthread_join(thread, NULL);
    fixture_close(&f);
}

/* ---- values, reports, frames ----------------------------------------------------------------- */

TEST(values_of_all_types_cross_the_border_unchanged)
{
    /* (func (export "f") (param i32 i64 f32 f64 funcref externref)
     *       (result externref funcref f64 f32 i64 i32)): its arguments, last first */
    static const char text[] =
        "01(01 60 06 7f 7e 7d 7c 70 6f 06 6f 70 7c 7d 7e 7f) 03(01 00) 07(01 ('f') 00 00)"
        "0a(01 (00 20 05 20 04 20 03 20 02 20 01 20 00 0b))";
    wasm_value args[6], results[6];
    fixture f;

    REQUIRE(fixture_open(&f, text, NULL, NULL, 0, NULL));
    memset(args, 0, sizeof args);
    args[0].i32 = 0x87654321;
    args[1].i64 = UINT64_C(0xFEDCBA9876543210);
    args[2].i32 = 0x7FA00001; /* a signalling NaN */
    args[3].i64 = UINT64_C(0x7FF4000000000001);
    args[4].ref = (wasm_ref)(uintptr_t)fixture_func(&f, "f");
    args[5].ref = wasm_ref_from_number(77);
    REQUIRE(wasm_call(f.store, fixture_func(&f, "f"), args, results) == WASM_OK);
    for (int i = 0; i < 6; i++) {
        CASE("value %d", i);
        CHECK_EQ_MEM(&results[5 - i], sizeof args[0], &args[i], sizeof args[0]);
    }
    fixture_close(&f);
}

TEST(a_trap_leaves_results_alone_and_names_its_place)
{
    /* (func $inner (unreachable)) (func (export "f") (result i32) (call $inner) (i32.const 1)) */
    static const char text[] = "01(02 60 00 00 60 00 01 7f) 03(02 00 01) 07(01 ('f') 00 01)"
                               "0a(02 (00 00 0b) (00 10 00 41 01 0b))";
    wasm_value result = {.i32 = 4711};
    wasm_frame frames[8];
    fixture f;

    REQUIRE(fixture_open(&f, text, NULL, NULL, 0, NULL));
    CHECK_EQ_INT(wasm_call(f.store, fixture_func(&f, "f"), NULL, &result), WASM_E_UNREACHABLE);
    CHECK_EQ_UINT(result.i32, 4711);
    const wasm_report *report = wasm_store_report(f.store);
    CHECK_EQ_INT(report->status, WASM_E_UNREACHABLE);
    CHECK_EQ_UINT(report->func, 0);
    CHECK(report->offset != WASM_NO_OFFSET);
    REQUIRE(wasm_store_backtrace(f.store, frames, 8) == 2);
    CHECK_EQ_UINT(frames[0].func, 0);
    CHECK_EQ_UINT(frames[1].func, 1);
    CHECK(frames[0].module == f.module);
    CHECK_EQ_UINT(frames[0].offset, report->offset);
    CHECK(frames[1].offset > frames[0].offset);
    CHECK_EQ_UINT(wasm_store_backtrace(f.store, frames, 1), 1);
    fixture_close(&f);
}

static wasm_status fail_denied(wasm_caller *caller, uint64_t *slots)
{
    (void)caller;
    (void)slots;
    return WASM_E_DENIED;
}

TEST(a_host_function_ends_the_call)
{
    static const wasm_host_function row = {"h", "f", ":", 0, fail_denied};
    fixture f;

    REQUIRE(fixture_open(&f, MODULE_CALLS_HOST, NULL, &row, 1, NULL));
    CHECK_EQ_INT(fixture_call(&f, "f", 0, NULL), WASM_E_DENIED);
    const wasm_report *report = wasm_store_report(f.store);
    CHECK_EQ_INT(report->status, WASM_E_DENIED);
    CHECK_EQ_STR(report->detail, "in h.f");
    CHECK_EQ_UINT(report->func, 1); /* the guest function that called it */
    CHECK(report->offset != WASM_NO_OFFSET);
    fixture_close(&f);
}

/* Swallows the guest's trap; what comes later must not be blamed on it. */
static wasm_status swallow(wasm_caller *caller, uint64_t *slots)
{
    (void)slots;
    wasm_call(caller->store, fixture_func(wasm_store_data(caller->store), "trap"), NULL, NULL);
    return WASM_OK;
}

TEST(a_failure_that_was_dealt_with_is_forgotten)
{
    /* (import "h" "f" (func)) (func (export "trap") unreachable)
     * (func (export "f") (call 0) (drop (i32.div_u (i32.const 1) (i32.const 0)))) */
    static const char text[] = "01(01 60 00 00) 02(01 ('h') ('f') 00 00) 03(02 00 00)"
                               "07(02 ('trap') 00 01 ('f') 00 02)"
                               "0a(02 (00 00 0b) (00 10 00 41 01 41 00 6e 1a 0b))";
    static const wasm_host_function row = {"h", "f", ":", 0, swallow};
    wasm_frame frames[4];
    fixture f;

    REQUIRE(fixture_open(&f, text, NULL, &row, 1, &f));
    CHECK_EQ_INT(fixture_call(&f, "f", 0, NULL), WASM_E_DIVIDE_BY_ZERO);
    CHECK_EQ_INT(wasm_store_report(f.store)->status, WASM_E_DIVIDE_BY_ZERO);
    CHECK_EQ_UINT(wasm_store_report(f.store)->func, 2);
    CHECK_EQ_UINT(wasm_store_backtrace(f.store, frames, 4), 1);
    fixture_close(&f);
}

TEST(host_functions_can_be_called_directly)
{
    static const wasm_host_function row = {"h", "f", "iI:i", 0, fail_denied};
    wasm_value args[2] = {{.i32 = 1}, {.i64 = 2}}, result;
    wasm_store *store = wasm_store_new(NULL, NULL);
    wasm_functype type;
    wasm_func *func;

    REQUIRE(store != NULL);
    REQUIRE(wasm_host_func_new(store, &row, &func) == WASM_OK);
    type = wasm_func_type(func);
    CHECK_EQ_UINT(type.param_count, 2);
    CHECK_EQ_UINT(type.params[1], WASM_I64);
    CHECK_EQ_UINT(type.result_count, 1);
    CHECK_EQ_INT(wasm_call(store, func, args, &result), WASM_E_DENIED);
    wasm_store_free(store);
}

/* ---- quota ----------------------------------------------------------------------------------- */

TEST(instances_meet_the_quota)
{
    wasm_limits limits = wasm_limits_default();
    char text[16384] = "06(e807";
    fixture f;

    for (int i = 0; i < 1000; i++) /* (global i32 (i32.const 0)), a thousand times */
        strcat(text, "7f00 41000b");
    strcat(text, ")");
    limits.quota = 16384;
    CHECK(!fixture_open(&f, text, &limits, NULL, 0, NULL));
    CHECK_EQ_INT(f.status, WASM_E_QUOTA);
    CHECK_EQ_INT(f.report.status, WASM_E_QUOTA);
    fixture_close(&f);
    CHECK(fixture_open(&f, text, NULL, NULL, 0, NULL));
    fixture_close(&f);
}

TEST(tables_meet_their_limit)
{
    /* (table (export "t") 100 funcref) (func (export "f") (param i32) (result i32)
     *     (table.grow 0 (ref.null func) (local.get 0))) */
    static const char text[] = "01(01 60 01 7f 01 7f) 03(01 00) 04(01 70 00 64) 07(01 ('f') 00 00)"
                               "0a(01 (00 d0 70 20 00 fc 0f 00 0b))";
    wasm_limits limits = wasm_limits_default();
    uint32_t result;
    fixture f;

    limits.table_elements = 99;
    CHECK(!fixture_open(&f, text, &limits, NULL, 0, NULL));
    CHECK_EQ_INT(f.status, WASM_E_TABLE_LIMIT);
    fixture_close(&f);

    limits.table_elements = 100000;
    REQUIRE(fixture_open(&f, text, &limits, NULL, 0, NULL));
    CHECK_EQ_INT(fixture_call(&f, "f", 99900, &result), WASM_OK);
    CHECK_EQ_UINT(result, 100);
    CHECK_EQ_INT(fixture_call(&f, "f", 1, &result), WASM_OK);
    CHECK_EQ_UINT(result, UINT32_MAX);
    fixture_close(&f);
}

/* ---- threads and processes ------------------------------------------------------------------- */

static void *use_module(void *module)
{
    uintptr_t wrong = 0;

    for (uint32_t i = 0; i < 40; i++) {
        fixture f = {.module = module, .store = wasm_store_new(NULL, NULL)};
        uint32_t result = 0;
        if (fixture_instantiate(&f, NULL, 0) != WASM_OK ||
            fixture_call(&f, "f", 100 + i, &result) != WASM_OK || result != 100 + i)
            wrong++;
        wasm_store_free(f.store);
    }
    return (void *)wrong;
}

TEST(eight_threads_share_a_module)
{
    wasm_report report;
    wasm_module *module = fixture_load(MODULE_RECURSE, &report);
    pthread_t threads[8];

    REQUIRE(module != NULL);
    for (int i = 0; i < 8; i++)
        REQUIRE(pthread_create(&threads[i], NULL, use_module, module) == 0);
    for (int i = 0; i < 8; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        CHECK(wrong == NULL);
    }
    wasm_module_free(module);
}

TEST(a_module_survives_fork)
{
    wasm_report report;
    wasm_module *module = fixture_load(MODULE_RECURSE, &report);
    int status = -1;

    REQUIRE(module != NULL);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        _exit(use_module(module) == NULL ? 0 : 1);
    REQUIRE(child > 0);
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_EQ_INT(status, 0);
    CHECK(use_module(module) == NULL);
    wasm_module_free(module);
}

TEST(nothing_is_freed_as_well)
{
    wasm_store_free(NULL);
    wasm_module_free(NULL);
    wasm_watchdog_stop(NULL);
}
