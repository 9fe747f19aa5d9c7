/* SPDX-License-Identifier: Apache-2.0
 * tail_call_test.c — calls in place of a return: a chain of them takes no stack however long it
 * is, whoever is called, and can be stopped like a loop.
 */
/* layers: facade */
#include "unit.h"
#include "runtime_fixture.h"
#include "runtime.h"

/* The least stack that a store can have: 2,048 slots, which no chain of frames could hide in. */
static const wasm_limits little_stack = {.memory_bytes = 1 << 20,
                                         .table_elements = 100,
                                         .stack_bytes = 16 << 10,
                                         .call_depth = 100,
                                         .fuel = WASM_FUEL_OFF,
                                         .quota = 1 << 20};

/* (func $even (export "f") (param i32) (result i32)
 *   (if (i32.eqz (local.get 0)) (then (return (i32.const 44))))
 *   (return_call $odd (i32.sub (local.get 0) (i32.const 1))))
 * (func $odd … the same with 99 and $even) */
#define EVEN_ODD(call_odd, call_even)                                                              \
    "0a(02 (00 20 00 45 04 40 41 2c 0f 0b 20 00 41 01 6b" call_odd " 0b)"                          \
    "      (00 20 00 45 04 40 41 e3 00 0f 0b 20 00 41 01 6b" call_even " 0b))"
#define TWO_FUNCTIONS "01(01 60 01 7f 01 7f) 03(02 00 00)"
#define DIRECT        TWO_FUNCTIONS "07(01 ('f') 00 00)" EVEN_ODD("12 01", "12 00")
#define INDIRECT                                                                                   \
    TWO_FUNCTIONS "04(01 70 00 02) 07(01 ('f') 00 00) 09(01 00 41 00 0b 02 00 01)" EVEN_ODD(       \
        "41 01 13 00 00", "41 00 13 00 00")

#define BY_REFERENCE                                                                               \
    TWO_FUNCTIONS "07(01 ('f') 00 00) 09(01 03 00 02 00 01)" EVEN_ODD("d2 01 15 00", "d2 00 15 "   \
                                                                                     "00")

TEST_OF_TIERS(0, ten_million_calls_take_no_stack)
{
    static const struct {
        const char *how, *text;
    } rows[] = {{"direct", DIRECT}, {"indirect", INDIRECT}, {"by reference", BY_REFERENCE}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fixture f;
        uint32_t result = 0;
        CASE("%s", rows[i].how);
        REQUIRE(fixture_open(&f, rows[i].text, &little_stack, NULL, 0, NULL));
        CHECK_EQ_INT(fixture_call(&f, "f", 10000000, &result), WASM_OK);
        CHECK_EQ_UINT(result, 44);
        CHECK_EQ_INT(fixture_call(&f, "f", 10000001, &result), WASM_OK);
        CHECK_EQ_UINT(result, 99);
        CHECK_EQ_UINT(f.store->depth, 0);
        fixture_close(&f);
    }
}

TEST_OF_TIERS(0, a_chain_without_end_is_stopped_by_fuel_where_it_always_was)
{
    /* (func (export "f") (param i32) (result i32) (return_call 0 (local.get 0))) */
    static const char text[] =
        "01(01 60 01 7f 01 7f) 03(01 00) 07(01 ('f') 00 00) 0a(01 (00 20 00 12 00 0b))";
    wasm_limits limits = little_stack;
    wasm_frame frame;
    fixture f;

    limits.fuel = 100001; /* each round costs two */
    REQUIRE(fixture_open(&f, text, &limits, NULL, 0, NULL));
    CHECK_EQ_INT(fixture_call(&f, "f", 1, NULL), WASM_E_FUEL);
    CHECK_EQ_UINT(wasm_store_fuel_left(f.store), 0);
    CHECK_EQ_UINT(wasm_store_backtrace(f.store, &frame, 1), 1); /* one frame, of the last round */
    CHECK_EQ_UINT(frame.func, 0);
    fixture_close(&f);
}

/* ---- frames of other shapes ------------------------------------------------------------------ */

TEST_OF_TIERS(0, frames_of_different_shapes_replace_each_other)
{
    /* (type $two (func (param i32 i64) (result i32 i64)))
     * (type $six (func (param i32 i64 f32 f64 i64 i32) (result i32 i64)))
     * (func $two (export "f") (type $two) (local i64 i64)
     *   (if (i32.eqz (local.get 0)) (then (return (local.get 0) (local.get 1))))
     *   (return_call $six (i32.sub (local.get 0) (i32.const 1)) (local.get 1) (f32.const 1.5)
     *                     (f64.const 2.5) (i64.const 4) (i32.const 8)))
     * (func $six (type $six)
     *   (return_call $two (local.get 0)
     *     (i64.add (local.get 1) (i64.add (local.get 4) (i64.add
     *       (i64.extend_i32_u (local.get 5))
     *       (i64.trunc_f64_s (f64.mul (f64.promote_f32 (local.get 2)) (local.get 3)))))))) */
    static const char text[] =
        "01(02 60 02 7f 7e 02 7f 7e 60 06 7f 7e 7d 7c 7e 7f 02 7f 7e) 03(02 00 01)"
        "07(01 ('f') 00 00)"
        "0a(02 (01 02 7e 20 00 45 04 40 20 00 20 01 0f 0b 20 00 41 01 6b 20 01"
        "       43 00 00 c0 3f 44 00 00 00 00 00 00 04 40 42 04 41 08 12 01 0b)"
        "      (00 20 00 20 01 20 04 20 05 ad 20 02 bb 20 03 a2 b0 7c 7c 7c 12 00 0b))";
    wasm_value args[2] = {{.i32 = 1000}, {.i64 = 7}}, results[2];
    fixture f;

    REQUIRE(fixture_open(&f, text, &little_stack, NULL, 0, NULL));
    CHECK_EQ_INT(wasm_call(f.store, fixture_func(&f, "f"), args, results), WASM_OK);
    CHECK_EQ_UINT(results[0].i32, 0);
    CHECK_EQ_UINT(results[1].i64, 7 + 1000 * (4 + 8 + 3)); /* 1.5 × 2.5 is 3 as an integer */
    fixture_close(&f);
}

TEST_OF_TIERS(0, what_is_called_next_finds_operands_of_the_caller_whole)
{
    /* (func (export "f") (param i32) (result i32)
     *   (i32.add (i32.const 1000) (i32.add (local.get 0) (call 1 (local.get 0)))))
     * (func (param i32) (result i32) (local i64 i64 i64)
     *   (return_call 2 (local.get 0) (local.get 0) (i32.const 5)))
     * (func (param i32 i32 i32) (result i32) (i32.mul (local.get 1) (local.get 2))) */
    static const char text[] =
        "01(02 60 01 7f 01 7f 60 03 7f 7f 7f 01 7f) 03(03 00 00 01)"
        "07(01 ('f') 00 00)"
        "0a(03 (00 41 e8 07 20 00 20 00 10 01 6a 6a 0b)"
        "      (01 03 7e 20 00 20 00 41 05 12 02 0b) (00 20 01 20 02 6c 0b))";
    uint32_t result = 0;
    fixture f;

    REQUIRE(fixture_open(&f, text, &little_stack, NULL, 0, NULL));
    CHECK_EQ_INT(fixture_call(&f, "f", 7, &result), WASM_OK);
    CHECK_EQ_UINT(result, 1000 + 7 + 35);
    fixture_close(&f);
}

/* ---- traps ----------------------------------------------------------------------------------- */

TEST_OF_TIERS(0, indirect_calls_check_what_the_table_holds)
{
    /* (table 3 funcref) (elem (i32.const 0) $other), $other is [] -> []
     * (func (export "f") (param i32) (result i32) (return_call_indirect (local.get 0))) */
    static const char text[] = "01(03 60 01 7f 01 7f 60 00 01 7f 60 00 00) 03(02 00 02)"
                               "04(01 70 00 02) 07(01 ('f') 00 00) 09(01 00 41 00 0b 01 01)"
                               "0a(02 (00 20 00 13 01 00 0b) (00 0b))";
    static const struct {
        uint32_t index;
        wasm_status status;
    } rows[] = {{0, WASM_E_INDIRECT_TYPE},
                {1, WASM_E_UNINITIALIZED_ELEMENT},
                {2, WASM_E_UNDEFINED_ELEMENT},
                {UINT32_MAX, WASM_E_UNDEFINED_ELEMENT}};
    fixture f;

    REQUIRE(fixture_open(&f, text, &little_stack, NULL, 0, NULL));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CASE("element %u", (unsigned)rows[i].index);
        CHECK_EQ_INT(fixture_call(&f, "f", rows[i].index, NULL), rows[i].status);
        CHECK_EQ_UINT(wasm_store_report(f.store)->func, 0);
        CHECK_EQ_UINT(f.store->depth, 0);
    }
    fixture_close(&f);
}

TEST_OF_TIERS(0, a_null_reference_cannot_be_called)
{
    /* (func (export "f") (param i32) (result i32) (return_call_ref 0 (local.get 0) (ref.null 0)))
     * (func (export "g") (param i32) (result i32) (call_ref 0 (local.get 0) (ref.null 0))) */
    static const char text[] = "01(01 60 01 7f 01 7f) 03(02 00 00) 07(02 ('f') 00 00 ('g') 00 01)"
                               "0a(02 (00 20 00 d0 00 15 00 0b) (00 20 00 d0 00 14 00 0b))";
    fixture f;

    REQUIRE(fixture_open(&f, text, &little_stack, NULL, 0, NULL));
    CHECK_EQ_INT(fixture_call(&f, "f", 0, NULL), WASM_E_NULL_FUNCTION);
    CHECK_EQ_INT(fixture_call(&f, "g", 0, NULL), WASM_E_NULL_FUNCTION);
    fixture_close(&f);
}

/* ---- other instances and the host ------------------------------------------------------------ */

/* (import "m" "f" (func (param i32) (result i32)))
 * (global $count (export "n") (mut i32) (i32.const 0))
 * (func (export "f") (param i32) (result i32)
 *   (global.set $count (i32.add (global.get $count) (i32.const 1)))
 *   (if (i32.eqz (local.get 0)) (then (return (i32.const 21))))
 *   (return_call 0 (i32.sub (local.get 0) (i32.const 1)))) */
#define PASSES_ON                                                                                  \
    "01(01 60 01 7f 01 7f) 02(01 ('m') ('f') 00 00) 03(01 00) 06(01 7f 01 41 00 0b)"               \
    "07(02 ('f') 00 01 ('n') 03 00)"                                                               \
    "0a(01 (00 23 00 41 01 6a 24 00 20 00 45 04 40 41 15 0f 0b 20 00 41 01 6b 12 00 0b))"
/* The same through a table that "m" "f" is later put into; "g" calls and then adds 1000. */
#define PASSES_ON_BY_TABLE                                                                         \
    "01(01 60 01 7f 01 7f) 03(02 00 00) 04(01 70 00 01) 06(01 7f 01 41 00 0b)"                     \
    "07(04 ('f') 00 00 ('g') 00 01 ('n') 03 00 ('t') 01 00)"                                       \
    "0a(02 (00 23 00 41 01 6a 24 00 20 00 45 04 40 41 2a 0f 0b"                                    \
    "       20 00 41 01 6b 41 00 13 00 00 0b)"                                                     \
    "      (00 20 00 10 00 41 e8 07 6a 0b))"

static uint32_t global_of(wasm_instance *instance)
{
    wasm_extern found;

    CHECK(wasm_instance_export(instance, "n", 1, &found));
    return wasm_global_get(found.of.global).i32;
}

TEST_OF_TIERS(0, two_instances_call_each_other_without_taking_stack)
{
    wasm_report report;
    wasm_module *first = fixture_load(PASSES_ON_BY_TABLE, &report);
    wasm_module *second = fixture_load(PASSES_ON, &report);
    wasm_store *store = wasm_store_new(&little_stack, NULL);
    wasm_instance *one = NULL, *two = NULL;
    wasm_extern f, g, table, back;
    wasm_value arg = {.i32 = 2000001}, result;

    REQUIRE(first != NULL && second != NULL && store != NULL);
    REQUIRE(wasm_instantiate(store, first, NULL, &one, &report) == WASM_OK);
    REQUIRE(wasm_instance_export(one, "f", 1, &f) && wasm_instance_export(one, "g", 1, &g) &&
            wasm_instance_export(one, "t", 1, &table));
    REQUIRE(wasm_instantiate(store, second, &f, &two, &report) == WASM_OK);
    REQUIRE(wasm_instance_export(two, "f", 1, &back));
    table.of.table->elems[0] = (wasm_ref)(uintptr_t)back.of.func;

    /* From the host: one.f, two.f, one.f, … two.f is the last. */
    CHECK_EQ_INT(wasm_call(store, f.of.func, &arg, &result), WASM_OK);
    CHECK_EQ_UINT(result.i32, 21);
    CHECK_EQ_UINT(global_of(one), 1000001);
    CHECK_EQ_UINT(global_of(two), 1000001);
    /* From a frame of `one`, which goes on with what comes back; one.f is the last. */
    arg.i32 = 1000000;
    CHECK_EQ_INT(wasm_call(store, g.of.func, &arg, &result), WASM_OK);
    CHECK_EQ_UINT(result.i32, 42 + 1000);
    CHECK_EQ_UINT(store->depth, 0);
    wasm_store_free(store);
    wasm_module_free(first);
    wasm_module_free(second);
}

static wasm_status triple(wasm_caller *caller, uint64_t *slots)
{
    (void)caller;
    if ((uint32_t)slots[0] == 13)
        return WASM_E_HOST_FAILURE;
    slots[0] = (uint32_t)slots[0] * 3;
    return WASM_OK;
}

TEST_OF_TIERS(0, a_host_function_is_called_and_returned_from)
{
    /* (import "h" "f" (func (param i32) (result i32)))
     * (func (export "f") (param i32) (result i32)
     *   (i32.add (call 2 (local.get 0)) (local.get 0)))
     * (func (param i32) (result i32) (local i64 i64) (return_call 0 (local.get 0))) */
    static const char text[] = "01(01 60 01 7f 01 7f) 02(01 ('h') ('f') 00 00) 03(02 00 00)"
                               "07(01 ('f') 00 01)"
                               "0a(02 (00 20 00 10 02 20 00 6a 0b) (01 02 7e 20 00 12 00 0b))";
    static const wasm_host_function row = {"h", "f", "i:i", 0, triple};
    wasm_frame frames[4];
    uint32_t result = 0;
    fixture f;

    REQUIRE(fixture_open(&f, text, &little_stack, &row, 1, NULL));
    CHECK_EQ_INT(fixture_call(&f, "f", 14, &result), WASM_OK);
    CHECK_EQ_UINT(result, 56);
    CHECK_EQ_INT(fixture_call(&f, "f", 13, &result), WASM_E_HOST_FAILURE);
    CHECK_EQ_UINT(wasm_store_backtrace(f.store, frames, 4), 2);
    CHECK_EQ_UINT(frames[0].func, 2);
    CHECK_EQ_UINT(frames[1].func, 1);
    CHECK_EQ_UINT(f.store->depth, 0);
    fixture_close(&f);
}

/* ---- arguments on the stack ------------------------------------------------------------------ */

/* (type $t (func (param i32 × 9 f64 i64) (result i32)))
 * (func (export "f") (param i32) (result i32)
 *   (call $turn (local.get 0) 1 2 3 4 5 6 7 8 (f64.const 0.5) (i64.const 9)))
 * (func $turn (type $t)
 *   (if (i32.eqz (local.get 0)) (then (return 1 + 10 × 2 + 100 × 3 + … of the next eight)))
 *   (return_call $turn (i32.sub (local.get 0) (i32.const 1)) of the next eight each the one behind
 *     it, and the first, (local.get 9) (local.get 10))) */
TEST_OF_TIERS(0, arguments_on_the_stack_change_places)
{
    static const char text[] =
        "01(02 60 01 7f 01 7f 60 0b 7f 7f 7f 7f 7f 7f 7f 7f 7f 7c 7e 01 7f) 03(02 00 01)"
        "07(01 ('f') 00 00)"
        "0a(02 (00 20 00 41 01 41 02 41 03 41 04 41 05 41 06 41 07 41 08"
        "       44 00 00 00 00 00 00 e0 3f 42 09 10 01 0b)"
        "      (00 20 00 45 04 40 20 08 41 0a 6c 20 07 6a 41 0a 6c 20 06 6a 41 0a 6c 20 05 6a"
        "       41 0a 6c 20 04 6a 41 0a 6c 20 03 6a 41 0a 6c 20 02 6a 41 0a 6c 20 01 6a"
        "       20 09 44 00 00 00 00 00 00 e0 3f 62 6a 20 0a 42 09 52 6a 0f 0b"
        "       20 00 41 01 6b 20 02 20 03 20 04 20 05 20 06 20 07 20 08 20 01 20 09 20 0a"
        "       12 01 0b))";
    uint32_t result = 0;
    fixture f;

    REQUIRE(fixture_open(&f, text, &little_stack, NULL, 0, NULL));
    CHECK_EQ_INT(fixture_call(&f, "f", 0, &result), WASM_OK);
    CHECK_EQ_UINT(result, 87654321);
    CHECK_EQ_INT(fixture_call(&f, "f", 1, &result), WASM_OK);
    CHECK_EQ_UINT(result, 18765432);
    CHECK_EQ_INT(fixture_call(&f, "f", 1000005, &result), WASM_OK);
    CHECK_EQ_UINT(result, 54321876);
    fixture_close(&f);
}

/* (func $few (export "f") (param i32) (result i32)
 *   (if (i32.eqz (local.get 0)) (then (return (i32.const 5))))
 *   (return_call $many (i32.sub (local.get 0) (i32.const 1)) (local.get 0) × …))
 * (func $many (param i32 × …) (result i32) (return_call $few (local.get 0)))
 * (func (export "g") (param i32) (result i32) (i32.add (call $few (local.get 0)) (i32.const 1)))
 * (func (export "h") (param i32 × …) (result i32) (return_call $few (local.get 0))) */
#define FEW_AND_MANY(count, types, arguments)                                                      \
    "01(02 60 01 7f 01 7f 60 " count " " types " 01 7f) 03(04 00 01 00 01)"                        \
    "07(03 ('f') 00 00 ('g') 00 02 ('h') 00 03)"                                                   \
    "0a(04 (00 20 00 45 04 40 41 05 0f 0b 20 00 41 01 6b " arguments " 12 01 0b)"                  \
    "      (00 20 00 12 00 0b) (00 20 00 10 00 41 01 6a 0b) (00 20 00 12 00 0b))"
#define FOUR_TYPES     "7f 7f 7f 7f "
#define FOUR_ARGUMENTS "20 00 20 00 20 00 20 00 "

static void few_and_many(const char *text)
{
    wasm_value args[25] = {{.i32 = 1000000}}, got;
    uint32_t result = 0;
    fixture f;

    REQUIRE(fixture_open(&f, text, &little_stack, NULL, 0, NULL));
    CHECK_EQ_INT(fixture_call(&f, "f", 1000000, &result), WASM_OK);
    CHECK_EQ_UINT(result, 5);
    CHECK_EQ_INT(fixture_call(&f, "g", 1000000, &result), WASM_OK);
    CHECK_EQ_UINT(result, 6);
    CHECK_EQ_INT(wasm_call(f.store, fixture_func(&f, "h"), args, &got), WASM_OK);
    CHECK_EQ_UINT(got.i32, 5);
    CHECK_EQ_UINT(f.store->depth, 0);
    fixture_close(&f);
}

/* $few is declined, all calls leave room for $many's, and it is compiled after all. */
TEST_OF_TIERS(0, more_arguments_than_the_caller_has_find_room)
{
    few_and_many(FEW_AND_MANY("09", FOUR_TYPES FOUR_TYPES "7f", FOUR_ARGUMENTS FOUR_ARGUMENTS));
}

/* Nobody leaves that much room: $few stays with the interpreter, and $many is followed by it. */
TEST_OF_TIERS(1, a_chain_between_tiers_takes_no_stack)
{
    few_and_many(FEW_AND_MANY(
        "19", FOUR_TYPES FOUR_TYPES FOUR_TYPES FOUR_TYPES FOUR_TYPES FOUR_TYPES "7f",
        FOUR_ARGUMENTS FOUR_ARGUMENTS FOUR_ARGUMENTS FOUR_ARGUMENTS FOUR_ARGUMENTS FOUR_ARGUMENTS));
}

/* (func (export "f") (param i32) (result i32 × 8)
 *   (return_call $many 1 2 3 4 5 6 7 8 (local.get 0)))
 * (func $many (param i32 × 9) (result i32 × 8) in reverse: the ninth, the eighth, … the second)
 * The room for results that are on the stack is there for arguments as well. */
TEST_OF_TIERS(0, arguments_stand_where_results_will)
{
    static const char text[] =
        "01(02 60 01 7f 08 7f 7f 7f 7f 7f 7f 7f 7f"
        "      60 09 7f 7f 7f 7f 7f 7f 7f 7f 7f 08 7f 7f 7f 7f 7f 7f 7f 7f) 03(02 00 01)"
        "07(01 ('f') 00 00)"
        "0a(02 (00 41 01 41 02 41 03 41 04 41 05 41 06 41 07 41 08 20 00 12 01 0b)"
        "      (00 20 08 20 07 20 06 20 05 20 04 20 03 20 02 20 01 0b))";
    wasm_value arg = {.i32 = 9}, results[8];
    fixture f;

    REQUIRE(fixture_open(&f, text, &little_stack, NULL, 0, NULL));
    CHECK_EQ_INT(wasm_call(f.store, fixture_func(&f, "f"), &arg, results), WASM_OK);
    for (uint32_t i = 0; i < 8; i++)
        CHECK_EQ_UINT(results[i].i32, 9 - i);
    fixture_close(&f);
}

/* (func $f (export "f") (param i32) (result i32) (i32.add (call $g (local.get 0)) (i32.const 1)))
 * (func $g (param i32) (result i32) (return_call $f (local.get 0))) */
TEST_OF_TIERS(0, a_recursion_by_way_of_them_exhausts_the_stack)
{
    static const char text[] = "01(01 60 01 7f 01 7f) 03(02 00 00) 07(01 ('f') 00 00)"
                               "0a(02 (00 20 00 10 01 41 01 6a 0b) (00 20 00 12 00 0b))";
    wasm_frame frames[4];
    fixture f;

    REQUIRE(fixture_open(&f, text, &little_stack, NULL, 0, NULL));
    CHECK_EQ_INT(fixture_call(&f, "f", 1, NULL), WASM_E_STACK_EXHAUSTED);
    CHECK(wasm_store_backtrace(f.store, frames, 4) == 4);
    CHECK_EQ_UINT(frames[1].func, 0); /* who called a function that is gone */
    CHECK_EQ_UINT(frames[2].func, 0);
    fixture_close(&f);
}

/* (import "h" "f" (func (param i32) (result i32))) in element 0
 * (func (export "f") (param i32) (result i32) (return_call_indirect (local.get 0) (i32.const 0))) */
TEST_OF_TIERS(0, a_host_function_in_a_table_is_called)
{
    static const char text[] = "01(01 60 01 7f 01 7f) 02(01 ('h') ('f') 00 00) 03(01 00)"
                               "04(01 70 00 01) 07(01 ('f') 00 01) 09(01 00 41 00 0b 01 00)"
                               "0a(01 (00 20 00 41 00 13 00 00 0b))";
    static const wasm_host_function row = {"h", "f", "i:i", 0, triple};
    uint32_t result = 0;
    fixture f;

    REQUIRE(fixture_open(&f, text, &little_stack, &row, 1, NULL));
    CHECK_EQ_INT(fixture_call(&f, "f", 14, &result), WASM_OK);
    CHECK_EQ_UINT(result, 42);
    CHECK_EQ_INT(fixture_call(&f, "f", 13, &result), WASM_E_HOST_FAILURE);
    CHECK_EQ_UINT(f.store->depth, 0);
    fixture_close(&f);
}
