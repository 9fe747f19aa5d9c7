/* SPDX-License-Identifier: Apache-2.0
 * exception_test.c — exceptions on their way through frames, instances and the host, and what
 * becomes of them.
 */
/* layers: facade */
#include "unit.h"
#include "runtime_fixture.h"
#include "runtime.h"

static wasm_limits limits_with(uint64_t memory_bytes, uint32_t collect_every)
{
    wasm_limits limits = wasm_limits_default();

    limits.memory_bytes = memory_bytes;
    limits.collect_every = collect_every;
    return limits;
}

/* ---- frames ---------------------------------------------------------------------------------- */

/* (tag $e (param i32 i64))
 * (func $dive (param i32)
 *   (if (i32.eqz (local.get 0)) (then (throw $e (i32.const 7) (i64.const 11))))
 *   (call $dive (i32.sub (local.get 0) (i32.const 1))))
 * (func (export "f") (param i32) (result i32)
 *   (block $caught (result i32 i64)
 *     (try_table (catch $e $caught) (call $dive (local.get 0)))
 *     (return (i32.const -1)))
 *   i32.wrap_i64 i32.add) */
#define DEEP                                                                                       \
    "01(04 60 02 7f 7e 00 60 01 7f 00 60 01 7f 01 7f 60 00 02 7f 7e) 03(02 01 02) 0d(01 00 00)"    \
    "07(01 ('f') 00 01)"                                                                           \
    "0a(02 (00 20 00 45 04 40 41 07 42 0b 08 00 0b 20 00 41 01 6b 10 00 0b)"                       \
    "      (00 02 03 1f 40 01 00 00 00 20 00 10 00 0b 41 7f 0f 0b a7 6a 0b))"

TEST(many_frames_are_left_at_once)
{
    fixture f;
    uint32_t result = 0;

    REQUIRE(fixture_open(&f, DEEP, NULL, NULL, 0, NULL));
    for (uint32_t depth = 0; depth <= 20000; depth += 4000) {
        CASE("%u frames", (unsigned)depth);
        CHECK_EQ_INT(fixture_call(&f, "f", depth, &result), WASM_OK);
        CHECK_EQ_UINT(result, 18);
        CHECK_EQ_UINT(f.store->depth, 0);
        CHECK_EQ_UINT(f.store->exception, 0);
        CHECK(f.store->activation == NULL);
    }
    fixture_close(&f);
}

TEST(leaving_a_frame_was_paid_for_when_it_was_entered)
{
    wasm_limits limits = wasm_limits_default();
    fixture f;
    uint64_t shallow, deep;

    limits.fuel = 1000000;
    REQUIRE(fixture_open(&f, DEEP, &limits, NULL, 0, NULL));
    CHECK_EQ_INT(fixture_call(&f, "f", 0, NULL), WASM_OK);
    shallow = 1000000 - wasm_store_fuel_left(f.store);
    CHECK_EQ_INT(fixture_call(&f, "f", 100, NULL), WASM_OK);
    deep = 1000000 - shallow - wasm_store_fuel_left(f.store);
    CHECK_EQ_UINT(deep - shallow, 100 * 10); /* dive's instructions */
    fixture_close(&f);
}

/* ---- loops, memory --------------------------------------------------------------------------- */

/* (tag $e (param i64 i64))
 * (func (export "f") (param i32) (result i32) (local $n i32)
 *   (loop $again (result i32)
 *     (block $caught (result i64 i64)
 *       (try_table (catch $e $caught) (throw $e (i64.const 1) (i64.const 2))) (unreachable))
 *     drop drop (local.set $n (i32.add (local.get $n) (i32.const 1)))
 *     (br_if $again (i32.ne (local.get $n) (local.get 0))) (local.get $n))) */
#define THROWS                                                                                     \
    "01(03 60 02 7e 7e 00 60 01 7f 01 7f 60 00 02 7e 7e) 03(01 01) 0d(01 00 00) 07(01 ('f') 00 "   \
    "00)"                                                                                          \
    "0a(01 (01 01 7f 03 7f 02 02 1f 40 01 00 00 00 42 01 42 02 08 00 0b 00 0b 1a 1a"               \
    "       20 01 41 01 6a 21 01 20 01 20 00 47 0d 00 20 01 0b 0b))"

TEST(exceptions_that_nobody_has_any_longer_take_no_memory)
{
    const wasm_limits limits = limits_with(256 << 10, 0);
    fixture f;
    uint32_t result = 0;

    REQUIRE(fixture_open(&f, THROWS, &limits, NULL, 0, NULL));
    CHECK_EQ_INT(fixture_call(&f, "f", 1000000, &result), WASM_OK);
    CHECK_EQ_UINT(result, 1000000);
    CHECK(wasm_store_memory_peak(f.store) <= 256 << 10);
    CHECK_EQ_UINT(f.store->heap.objects, 1000000);
    CHECK(f.store->heap.collected > 100);
    fixture_close(&f);
}

TEST(a_loop_of_exceptions_is_stopped_by_fuel_where_it_always_was)
{
    wasm_limits limits = limits_with(256 << 10, 0);
    uint64_t objects = 0;

    limits.fuel = 1000000;
    for (int i = 0; i < 2; i++) {
        fixture f;
        REQUIRE(fixture_open(&f, THROWS, &limits, NULL, 0, NULL));
        CHECK_EQ_INT(fixture_call(&f, "f", 0, NULL), WASM_E_FUEL);
        if (i > 0)
            CHECK_EQ_UINT(f.store->heap.objects, objects);
        objects = f.store->heap.objects;
        CHECK(objects > 10000);
        fixture_close(&f);
    }
}

TEST(where_there_is_no_room_for_an_exception_the_limit_is_met)
{
    /* THROWS with a memory of one page, which is all that there may be */
    static const char text[] =
        "01(02 60 02 7e 7e 00 60 01 7f 01 7f) 03(01 01) 05(01 00 01) 0d(01 00 00)"
        "07(01 ('f') 00 00) 0a(01 (00 02 40 1f 40 01 02 00 42 01 42 02 08 00 0b 0b 41 01 0b))";
    wasm_limits limits = limits_with(65536, 0);
    fixture f;

    REQUIRE(fixture_open(&f, text, &limits, NULL, 0, NULL));
    CHECK_EQ_INT(fixture_call(&f, "f", 0, NULL), WASM_E_MEMORY_LIMIT);
    CHECK_EQ_INT(wasm_status_class(WASM_E_MEMORY_LIMIT), WASM_CLASS_EXHAUSTED);
    CHECK_EQ_UINT(f.store->depth, 0);
    fixture_close(&f);
}

/* ---- references ------------------------------------------------------------------------------ */

/* (tag $e (param i32 exnref)) (global $kept (mut exnref) (ref.null exn)) (table $t 4 exnref)
 * (func $make (param i32 exnref) (result exnref)
 *   (block $caught (result i32 exnref exnref)
 *     (try_table (catch_ref $e $caught) (throw $e (local.get 0) (local.get 1))) (unreachable))
 *   return)
 * (func $first (param exnref) (result i32)
 *   (block $caught (result i32 exnref)
 *     (try_table (catch $e $caught) (throw_ref (local.get 0))) (unreachable))
 *   drop)
 * (func (export "f") (param $n i32) (result i32) (local $i i32) (local $head exnref)
 *   (loop $again
 *     (local.set $head (call $make (local.get $i) (local.get $head)))
 *     (global.set $kept (call $make (i32.const 1000) (local.get $head)))
 *     (table.set $t (i32.const 2) (call $make (i32.const 100) (ref.null exn)))
 *     (br_if $again (i32.lt_u (local.tee $i (i32.add …)) (local.get $n))))
 *   ;; references as operands, with values of other types between them, across calls
 *   (call $make (i32.const 1) (ref.null exn)) (i32.const 64)
 *   (call $make (i32.const 2) (ref.null exn)) (i64.const -8)
 *   (call $make (i32.const 3) (ref.null exn))
 *   call $first local.set $i drop
 *   call $first local.get $i i32.add local.set $i
 *   local.get $i i32.add local.set $i
 *   call $first local.get $i i32.add
 *   (call $first (local.get $head)) i32.add
 *   (call $first (global.get $kept)) i32.add
 *   (call $first (table.get $t (i32.const 2))) i32.add) */
#define CHAIN                                                                                      \
    "01(06 60 02 7f 69 00 60 02 7f 69 01 69 60 00 03 7f 69 69 60 01 69 01 7f 60 00 02 7f 69"       \
    "   60 01 7f 01 7f)"                                                                           \
    "03(03 01 03 05) 04(01 69 00 04) 0d(01 00 00) 06(01 69 01 d0 69 0b) 07(01 ('f') 00 02)"        \
    "0a(03 (00 02 02 1f 40 01 01 00 00 20 00 20 01 08 00 0b 00 0b 0f 0b)"                          \
    "      (00 02 04 1f 40 01 00 00 00 20 00 0a 0b 00 0b 1a 0b)"                                   \
    "      (02 01 7f 01 69 03 40 20 01 20 02 10 00 21 02 41 e8 07 20 02 10 00 24 00"               \
    "       41 02 41 e4 00 d0 69 10 00 26 00 20 01 41 01 6a 22 01 20 00 49 0d 00 0b"               \
    "       41 01 d0 69 10 00 41 c0 00 41 02 d0 69 10 00 42 78 41 03 d0 69 10 00"                  \
    "       10 01 21 01 1a 10 01 20 01 6a 21 01 20 01 6a 21 01 10 01 20 01 6a"                     \
    "       20 02 10 01 6a 23 00 10 01 6a 41 02 25 00 10 01 6a 0b))"

TEST(references_are_found_wherever_they_are)
{
    static const struct {
        uint32_t rounds, every;
    } rows[] = {{300, 1}, {1000, 7}, {100000, 0}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const wasm_limits limits = limits_with(16 << 20, rows[i].every);
        fixture f;
        uint32_t result = 0;
        CASE("%u rounds, collected every %u objects", (unsigned)rows[i].rounds,
             (unsigned)rows[i].every);
        REQUIRE(fixture_open(&f, CHAIN, &limits, NULL, 0, NULL));
        CHECK_EQ_INT(fixture_call(&f, "f", rows[i].rounds, &result), WASM_OK);
        CHECK_EQ_UINT(result, 3 + 2 + 64 + 1 + rows[i].rounds - 1 + 1000 + 100);
        CHECK(rows[i].every == 0 ||
              f.store->heap.collected >= f.store->heap.objects / rows[i].every);
        fixture_close(&f);
    }
}

TEST(a_chain_is_kept_whole_by_its_head_and_given_back_without_it)
{
    const wasm_limits limits = limits_with(64 << 20, 0);
    fixture f;
    uint64_t kept;

    REQUIRE(fixture_open(&f, CHAIN, &limits, NULL, 0, NULL));
    CHECK_EQ_INT(fixture_call(&f, "f", 500000, NULL), WASM_OK);
    CHECK_EQ_INT(wasm_store_collect(f.store), WASM_OK);
    kept = wasm_store_memory_used(f.store);
    CHECK(kept >= 500000 * 32); /* head, tag, number and reference of each */
    f.instance->globals[0]->cell[0] = 0;
    CHECK_EQ_INT(wasm_store_collect(f.store), WASM_OK);
    CHECK(wasm_store_memory_used(f.store) <= 64 << 10);
    fixture_close(&f);
}

/* ---- through the host ------------------------------------------------------------------------ */

/* (import "h" "f" (func $h (param i32) (result i32)))
 * (tag $e (export "e") (param i32 f64 externref))
 * (func (export "throw") (param i32) (result i32)
 *   (throw $e (local.get 0) (f64.const 2.5) (ref.null extern)))
 * (func (export "call") (param i32) (result i32)
 *   (block $caught (result i32 f64 externref)
 *     (try_table (catch $e $caught) (return (call $h (local.get 0)))) (unreachable))
 *   drop drop (i32.add (i32.const 1000)))
 * (func (export "through") (param i32) (result i32)
 *   (i32.add (call $h (local.get 0)) (i32.const 1)))
 * (func $tail (param i32) (result i32)
 *   (block $caught (result exnref)
 *     (try_table (catch_all_ref $caught) (return_call $h (local.get 0))) (unreachable))
 *   drop (i32.const 55))
 * (func (export "outer") … the same with (return (call $tail (local.get 0))) … (i32.const 66))
 * (func (export "trap") (param i32) (result i32)
 *   (block $caught (try_table (catch_all $caught) (unreachable))) (i32.const 1))
 * (func $endless (param i32) (result i32) (i32.add (call $endless (local.get 0)) (i32.const 1)))
 * (func (export "exhaust") (param i32) (result i32)
 *   (block $caught (try_table (catch_all $caught) (drop (call $endless (i32.const 1)))))
 *   (i32.const 1)) */
#define HOSTED                                                                                     \
    "01(03 60 01 7f 01 7f 60 03 7f 7c 6f 00 60 00 03 7f 7c 6f) 02(01 ('h') ('f') 00 00)"           \
    "03(08 00 00 00 00 00 00 00 00) 0d(01 00 01)"                                                  \
    "07(07 ('e') 04 00 ('throw') 00 01 ('call') 00 02 ('through') 00 03 ('outer') 00 05"           \
    "   ('trap') 00 06 ('exhaust') 00 08)"                                                         \
    "0a(08 (00 20 00 44 00 00 00 00 00 00 04 40 d0 6f 08 00 0b)"                                   \
    "      (00 02 02 1f 40 01 00 00 00 20 00 10 00 0f 0b 00 0b 1a 1a 41 e8 07 6a 0b)"              \
    "      (00 20 00 10 00 41 01 6a 0b) (00 02 69 1f 40 01 03 00 20 00 12 00 0b 00 0b 1a 41 37 "   \
    "0b)"                                                                                          \
    "      (00 02 69 1f 40 01 03 00 20 00 10 04 0f 0b 00 0b 1a 41 c2 00 0b)"                       \
    "      (00 02 40 1f 40 01 02 00 00 0b 0b 41 01 0b) (00 20 00 10 07 41 01 6a 0b)"               \
    "      (00 02 40 1f 40 01 02 00 41 01 10 07 1a 0b 0b 41 01 0b))"

/* What the host function does with the guest's exception. */
typedef struct host_plan {
    fixture f;
    wasm_tag *own;
    const char *calls; /* an export that it calls back */
    bool swallows, throws;
    int32_t carried; /* by the exception that it saw */
} host_plan;

static wasm_status host_function(wasm_caller *caller, uint64_t *slots)
{
    host_plan *plan = wasm_store_data(caller->store);
    wasm_status status = WASM_OK;

    if (plan->calls != NULL)
        status = fixture_call(&plan->f, plan->calls, (uint32_t)slots[0], NULL);
    if (status == WASM_E_EXCEPTION) {
        wasm_value values[3];
        wasm_ref exception = wasm_store_exception(caller->store);
        wasm_exception_values(exception, values);
        plan->carried = (int32_t)values[0].i32;
        CHECK(wasm_exception_tag(exception) == plan->f.instance->tags[0]);
        CHECK(values[1].f64 == 2.5 && values[2].ref == 0);
    }
    if (plan->throws) {
        wasm_value args[3] = {{.i32 = 500}, {.f64 = 2.5}, {.ref = wasm_ref_from_number(9)}};
        return wasm_throw(caller->store, plan->own, args);
    }
    if (status != WASM_OK && !plan->swallows)
        return status;
    slots[0] = 77;
    return WASM_OK;
}

static const wasm_host_function host_row = {"h", "f", "i:i", 0, host_function};

static bool plan_open(host_plan *plan)
{
    const wasm_limits limits = limits_with(1 << 20, 1);

    memset(plan, 0, sizeof *plan);
    return fixture_open(&plan->f, HOSTED, &limits, &host_row, 1, plan);
}

TEST(an_exception_crosses_the_host_if_that_hands_it_on)
{
    host_plan plan;
    uint32_t result = 0;

    REQUIRE(plan_open(&plan));
    plan.calls = "throw";
    CHECK_EQ_INT(fixture_call(&plan.f, "call", 21, &result), WASM_OK);
    CHECK_EQ_UINT(result, 1021);
    CHECK_EQ_INT(plan.carried, 21);
    CHECK_EQ_INT(wasm_store_report(plan.f.store)->status, WASM_OK); /* nothing is left of it */
    CHECK_EQ_UINT(wasm_store_backtrace(plan.f.store, NULL, 0), 0);
    plan.swallows = true;
    CHECK_EQ_INT(fixture_call(&plan.f, "call", 22, &result), WASM_OK);
    CHECK_EQ_UINT(result, 77);
    CHECK_EQ_INT(plan.carried, 22);
    CHECK_EQ_UINT(plan.f.store->depth, 0);
    fixture_close(&plan.f);
}

TEST(an_exception_of_the_hosts_own_is_caught_by_its_tag)
{
    host_plan plan;
    uint32_t result = 0;

    REQUIRE(plan_open(&plan));
    plan.throws = true;
    plan.own = plan.f.instance->tags[0];
    CHECK_EQ_INT(fixture_call(&plan.f, "call", 1, &result), WASM_OK);
    CHECK_EQ_UINT(result, 1500);
    /* One with a tag of the same type that is another one is not caught by "call". */
    static const wasm_valtype params[3] = {WASM_I32, WASM_F64, WASM_EXTERNREF};
    REQUIRE(wasm_tag_new(plan.f.store, params, 3, &plan.own) == WASM_OK);
    CHECK_EQ_UINT(wasm_tag_type(plan.own).param_count, 3);
    CHECK_EQ_INT(fixture_call(&plan.f, "call", 1, &result), WASM_E_EXCEPTION);
    CHECK(wasm_exception_tag(wasm_store_exception(plan.f.store)) == plan.own);
    fixture_close(&plan.f);
}

TEST(one_that_nobody_catches_ends_the_call_and_says_what_it_was)
{
    wasm_frame frames[8];
    wasm_value values[3];
    host_plan plan;

    REQUIRE(plan_open(&plan));
    CHECK_EQ_INT(fixture_call(&plan.f, "throw", 33, NULL), WASM_E_EXCEPTION);
    CHECK_EQ_STR(wasm_store_report(plan.f.store)->detail,
                 "its tag has 3 parameters: i32 0x21 f64 externref");
    CHECK_EQ_UINT(wasm_store_report(plan.f.store)->func, 1);
    wasm_exception_values(wasm_store_exception(plan.f.store), values);
    CHECK_EQ_UINT(values[0].i32, 33);
    /* Through host and guest again: all frames are there, innermost first. */
    plan.calls = "throw";
    CHECK_EQ_INT(fixture_call(&plan.f, "through", 34, NULL), WASM_E_EXCEPTION);
    CHECK_EQ_UINT(wasm_store_backtrace(plan.f.store, frames, 8), 2);
    CHECK_EQ_UINT(frames[0].func, 1);
    CHECK_EQ_UINT(frames[1].func, 3);
    CHECK_EQ_UINT(wasm_store_report(plan.f.store)->func, 1);
    /* The next call knows nothing of it. */
    plan.calls = NULL;
    CHECK_EQ_INT(fixture_call(&plan.f, "through", 34, NULL), WASM_OK);
    CHECK_EQ_UINT(wasm_store_exception(plan.f.store), 0);
    fixture_close(&plan.f);
}

TEST(a_function_that_was_left_by_a_tail_call_catches_nothing)
{
    host_plan plan;
    uint32_t result = 0;

    REQUIRE(plan_open(&plan));
    plan.calls = "throw";
    CHECK_EQ_INT(fixture_call(&plan.f, "outer", 1, &result), WASM_OK);
    CHECK_EQ_UINT(result, 66);
    CHECK_EQ_UINT(plan.f.store->depth, 0);
    fixture_close(&plan.f);
}

TEST(traps_and_limits_are_no_exceptions)
{
    host_plan plan;

    REQUIRE(plan_open(&plan));
    CHECK_EQ_INT(fixture_call(&plan.f, "trap", 1, NULL), WASM_E_UNREACHABLE);
    CHECK_EQ_INT(fixture_call(&plan.f, "exhaust", 1, NULL), WASM_E_STACK_EXHAUSTED);
    CHECK_EQ_UINT(wasm_store_exception(plan.f.store), 0);
    fixture_close(&plan.f);
}

static wasm_status claims_an_exception(wasm_caller *caller, uint64_t *slots)
{
    (void)caller;
    (void)slots;
    return WASM_E_EXCEPTION;
}

TEST(the_host_cannot_hand_on_what_is_not_there)
{
    static const wasm_host_function row = {"h", "f", "i:i", 0, claims_an_exception};
    fixture f;

    REQUIRE(fixture_open(&f, HOSTED, NULL, &row, 1, NULL));
    CHECK_EQ_INT(fixture_call(&f, "call", 1, NULL), WASM_E_USAGE);
    fixture_close(&f);
}

/* ---- other instances ------------------------------------------------------------------------- */

/* (tag (export "e") (param i32)) (memory 1) (data (i32.const 0) "\11")
 * (func (export "f") (param i32) (result i32) (throw 0 (local.get 0))) */
#define THROWER                                                                                    \
    "01(02 60 01 7f 00 60 01 7f 01 7f) 03(01 01) 05(01 00 01) 0d(01 00 00)"                        \
    "07(02 ('e') 04 00 ('f') 00 00) 0a(01 (00 20 00 08 00 0b)) 0b(01 00 41 00 0b 01 11)"
/* (import "m" "f" (func (param i32) (result i32))) (import "m" "e" (tag (param i32)))
 * (memory 1) (data (i32.const 0) "\22")
 * (func (export "f") (param i32) (result i32)
 *   (block $caught (result i32)
 *     (try_table (catch 0 $caught) (return (call 0 (local.get 0)))) (unreachable))
 *   (i32.add (i32.load8_u (i32.const 0)))) */
#define CATCHER                                                                                    \
    "01(02 60 01 7f 00 60 01 7f 01 7f) 02(02 ('m') ('f') 00 01 ('m') ('e') 04 00 00) 03(01 01)"    \
    "05(01 00 01) 07(01 ('f') 00 01)"                                                              \
    "0a(01 (00 02 7f 1f 40 01 00 00 00 20 00 10 00 0f 0b 00 0b 41 00 2d 00 00 6a 0b))"             \
    "0b(01 00 41 00 0b 01 22)"

TEST(an_exception_of_another_instance_is_caught_by_the_tag_it_shares)
{
    wasm_report report;
    wasm_module *thrower = fixture_load(THROWER, &report),
                *catcher = fixture_load(CATCHER, &report);
    wasm_store *store = wasm_store_new(NULL, NULL);
    wasm_instance *one = NULL, *other = NULL, *two = NULL;
    wasm_extern with[2], f;
    wasm_value arg = {.i32 = 1000}, result = {.i32 = 0};

    REQUIRE(thrower != NULL && catcher != NULL && store != NULL);
    REQUIRE(wasm_instantiate(store, thrower, NULL, &one, &report) == WASM_OK);
    REQUIRE(wasm_instantiate(store, thrower, NULL, &other, &report) == WASM_OK);
    REQUIRE(wasm_instance_export(one, "f", 1, &with[0]) &&
            wasm_instance_export(one, "e", 1, &with[1]));
    REQUIRE(wasm_instantiate(store, catcher, with, &two, &report) == WASM_OK);
    REQUIRE(wasm_instance_export(two, "f", 1, &f));
    CHECK_EQ_INT(wasm_call(store, f.of.func, &arg, &result), WASM_OK);
    CHECK_EQ_UINT(result.i32, 1000 + 0x22); /* and goes on with its own memory */
    CHECK_EQ_UINT(store->depth, 0);
    /* The tag of the thrower's other instance is another one. */
    REQUIRE(wasm_instance_export(other, "e", 1, &with[1]));
    REQUIRE(wasm_instantiate(store, catcher, with, &two, &report) == WASM_OK);
    REQUIRE(wasm_instance_export(two, "f", 1, &f));
    CHECK_EQ_INT(wasm_call(store, f.of.func, &arg, &result), WASM_E_EXCEPTION);
    wasm_store_free(store);
    wasm_module_free(thrower);
    wasm_module_free(catcher);
}

TEST(tags_are_imported_by_their_type)
{
    static const wasm_valtype i32 = WASM_I32, i64 = WASM_I64;
    wasm_report report;
    wasm_module *module = fixture_load("01(01 60 01 7f 00) 02(01 ('m') ('e') 04 00 00)", &report);
    wasm_store *store = wasm_store_new(NULL, NULL);
    wasm_extern with = {.kind = WASM_EXTERN_TAG};
    wasm_instance *instance;
    wasm_extern_desc desc;

    REQUIRE(module != NULL && store != NULL);
    CHECK(wasm_module_import(module, 0, &desc) && desc.kind == WASM_EXTERN_TAG &&
          desc.func.param_count == 1);
    REQUIRE(wasm_tag_new(store, &i32, 1, &with.of.tag) == WASM_OK);
    CHECK_EQ_INT(wasm_instantiate(store, module, &with, &instance, &report), WASM_OK);
    REQUIRE(wasm_tag_new(store, &i64, 1, &with.of.tag) == WASM_OK);
    CHECK_EQ_INT(wasm_instantiate(store, module, &with, &instance, &report), WASM_E_IMPORT_TYPE);
    CHECK_EQ_INT(wasm_tag_new(store, &(wasm_valtype){WASM_KIND_DATA}, 1, &with.of.tag),
                 WASM_E_USAGE);
    wasm_store_free(store);
    wasm_module_free(module);
}

/* ---- roots of the host ----------------------------------------------------------------------- */

TEST(a_root_keeps_what_the_host_holds)
{
    host_plan plan;
    wasm_value values[3];
    wasm_root *roots[3];

    REQUIRE(plan_open(&plan));
    for (uint32_t i = 0; i < 3; i++) {
        CHECK_EQ_INT(fixture_call(&plan.f, "throw", i + 40, NULL), WASM_E_EXCEPTION);
        roots[i] = wasm_root_new(plan.f.store, wasm_store_exception(plan.f.store));
        REQUIRE(roots[i] != NULL);
    }
    wasm_root_free(roots[1]);
    CHECK_EQ_INT(fixture_call(&plan.f, "throw", 50, NULL), WASM_E_EXCEPTION);
    CHECK_EQ_INT(wasm_store_collect(plan.f.store), WASM_OK);
    wasm_exception_values(wasm_root_get(roots[0]), values);
    CHECK_EQ_UINT(values[0].i32, 40);
    wasm_exception_values(wasm_root_get(roots[2]), values);
    CHECK_EQ_UINT(values[0].i32, 42);
    wasm_root_set(roots[0], wasm_root_get(roots[2]));
    wasm_root_free(roots[2]);
    CHECK_EQ_INT(wasm_store_collect(plan.f.store), WASM_OK);
    wasm_exception_values(wasm_root_get(roots[0]), values);
    CHECK_EQ_UINT(values[0].i32, 42);
    wasm_root_free(NULL);
    fixture_close(&plan.f); /* frees the last one */
}

TEST(a_collection_that_is_broken_off_harms_nothing)
{
    const wasm_limits limits = limits_with(64 << 20, 0);
    fixture f;
    uint64_t kept;

    REQUIRE(fixture_open(&f, CHAIN, &limits, NULL, 0, NULL));
    CHECK_EQ_INT(fixture_call(&f, "f", 100000, NULL), WASM_OK);
    CHECK_EQ_INT(wasm_store_collect(f.store), WASM_OK);
    kept = wasm_store_memory_used(f.store);
    wasm_store_interrupt(f.store, WASM_E_INTERRUPTED);
    CHECK_EQ_INT(wasm_store_collect(f.store), WASM_E_INTERRUPTED);
    CHECK(f.store->heap.dirty);
    wasm_store_clear_interrupt(f.store);
    CHECK_EQ_INT(wasm_store_collect(f.store), WASM_OK);
    CHECK_EQ_UINT(wasm_store_memory_used(f.store), kept);
    CHECK_EQ_INT(fixture_call(&f, "f", 1000, NULL), WASM_OK);
    fixture_close(&f);
}
