/* SPDX-License-Identifier: Apache-2.0
 * interp_test.c — what translation to internal code could get wrong and the specification suite
 * might not notice: values that are not where they seem to be, instructions that were fused or
 * moved, frames, the place of a trap, the price of a loop.
 */
/* layers: facade */
#include "unit.h"
#include "runtime_fixture.h"

/* Type 0 is (i32 i32) -> i32, 1 is (i32 i32) -> (i32 i32), 2 is () -> (), 3 is (i32) -> (i32),
 * 4 is () -> (i32 i32), 5 is (i32) -> (i32 i32). Function 0 is "f" with the given body, function 1
 * exchanges its two arguments. One page of memory; global 0 is a mutable i32, 100. */
#define TYPES                                                                                      \
    "01(06 60 02 7f 7f 01 7f 60 02 7f 7f 02 7f 7f 60 00 00 60 01 7f 01 7f 60 00 02 7f 7f"          \
    "   60 01 7f 02 7f 7f)"
#define MODULE(body)                                                                               \
    TYPES "03(02 00 01) 05(01 00 01) 06(01 7f 01 41 e4 00 0b) 07(01 ('f') 00 00)"                  \
          "0a(02 (00 " body " 0b) (00 20 01 20 00 0b))"

static wasm_status call2(fixture *f, uint32_t a, uint32_t b, uint32_t *result)
{
    wasm_value args[2] = {{.i32 = a}, {.i32 = b}}, got = {.i32 = 0};
    wasm_status status = wasm_call(f->store, fixture_func(f, "f"), args, &got);

    *result = got.i32;
    return status;
}

/* ---- values ---------------------------------------------------------------------------------- */

typedef struct value_case {
    const char *what;
    const char *text;
    struct {
        uint32_t a, b, result;
    } calls[3];
} value_case;

static const value_case value_cases[] = {
    {"a local that is set while its old value is on the stack",
     /* local.get 0 (local.set 0 (local.get 1)) local.get 0 i32.sub */
     MODULE("20 00 20 01 21 00 20 00 6b"),
     {{10, 3, 7}, {3, 10, (uint32_t)-7}, {5, 5, 0}}},
    {"the same, set by the instruction that reads it",
     /* local.get 0 (local.tee 0 (i32.add (local.get 0) (local.get 1))) i32.sub */
     MODULE("20 00 20 00 20 01 6a 22 00 6b"),
     {{10, 3, (uint32_t)-3}, {1, 0, 0}, {0, 1, (uint32_t)-1}}},
    {"set in one arm of an if",
     /* local.get 0 (if (local.get 1) (then (local.set 0 (i32.const 9)))) local.get 0 i32.sub */
     MODULE("20 00 20 01 04 40 41 09 21 00 0b 20 00 6b"),
     {{10, 1, 1}, {10, 0, 0}, {9, 7, 0}}},
    {"set in a loop",
     MODULE("20 00 02 40 03 40 20 01 45 0d 01 20 01 41 01 6b 21 01 20 00 41 01 6a 21 00 0c 00 0b 0b"
            "20 00 6b"),
     {{10, 3, (uint32_t)-3}, {10, 0, 0}, {0, 1, (uint32_t)-1}}},
    {"a local set to itself, and teed to another of the same value",
     /* (local.set 0 (local.get 0)) (local.set 1 (local.tee 0 (local.get 1)))
        (i32.add (local.get 0) (local.get 1)) */
     MODULE("20 00 21 00 20 01 22 00 21 01 20 00 20 01 6a"),
     {{10, 3, 6}, {1, 0, 0}, {0, 4, 8}}},
    {"a constant teed",
     /* (i32.add (local.tee 0 (i32.const 7)) (local.get 0)) */
     MODULE("41 07 22 00 20 00 6a"),
     {{1, 1, 14}, {0, 0, 14}, {9, 9, 14}}},
    {"a load before a store to the same place",
     /* (i32.load (i32.const 8)) (i32.store (i32.const 8) (local.get 0)) */
     MODULE("41 08 28 02 00 41 08 20 00 36 02 00"),
     {{10, 0, 0}, {11, 0, 10}, {12, 0, 11}}},
    {"a global read before it is written",
     /* global.get 0 (global.set 0 (local.get 0)) */
     MODULE("23 00 20 00 24 00"),
     {{10, 0, 100}, {11, 0, 10}, {12, 0, 11}}},
    {"a condition computed before the local in it changes",
     /* (i32.lt_s (local.get 0) (local.get 1)) (local.set 0 (i32.const 50))
        if (result i32) local.get 0 else local.get 1 end */
     MODULE("20 00 20 01 48 41 32 21 00 04 7f 20 00 05 20 01 0b"),
     {{1, 2, 50}, {2, 1, 1}, {2, 2, 2}}},
    {"two constants",
     /* (i32.sub (i32.const 7) (i32.const 3)) */
     MODULE("41 07 41 03 6b"),
     {{0, 0, 4}, {1, 1, 4}, {2, 2, 4}}},
    {"a constant on the left of an ordered operation",
     /* (i32.sub (i32.const 5) (i32.shl (i32.const 1) (local.get 0))) */
     MODULE("41 05 41 01 20 00 74 6b"),
     {{0, 0, 4}, {3, 0, (uint32_t)-3}, {33, 0, 3}}},
    {"a constant on the left of a comparison",
     /* (i32.lt_s (i32.const 5) (local.get 0)) */
     MODULE("41 05 20 00 48"),
     {{5, 0, 0}, {6, 0, 1}, {(uint32_t)-1, 0, 0}}},
    {"a comparison whose second operand was computed last",
     /* (i32.gt_u (local.get 0) (i32.add (local.get 1) (i32.const 1))) */
     MODULE("20 00 20 01 41 01 6a 4b"),
     {{5, 3, 1}, {5, 4, 0}, {0, (uint32_t)-1, 0}}},
    {"a subtraction whose second operand was computed last",
     /* (i32.sub (local.get 0) (i32.mul (local.get 1) (local.get 1))) */
     MODULE("20 00 20 01 20 01 6c 6b"),
     {{50, 3, 41}, {5, 4, (uint32_t)-11}, {0, 0, 0}}},
    {"eqz of eqz, and of a comparison",
     /* (i32.add (i32.eqz (i32.eqz (local.get 0)))
                 (i32.eqz (i32.le_u (local.get 0) (local.get 1)))) */
     MODULE("20 00 45 45 20 00 20 01 4d 45 6a"),
     {{0, 0, 0}, {7, 7, 1}, {8, 7, 2}}},
    {"a branch on the opposite of a comparison",
     /* block (br_if 0 (i32.eqz (i32.ge_s (local.get 0) (local.get 1)))) (return (i32.const 1)) end
        i32.const 2 */
     MODULE("02 40 20 00 20 01 4e 45 0d 00 41 01 0f 0b 41 02"),
     {{3, 3, 1}, {2, 3, 2}, {(uint32_t)-4, 3, 2}}},
    {"a comparison with a constant of 64 bits, branched on",
     /* (if (result i32) (i64.eq (i64.extend_i32_u (local.get 0)) (i64.const 0x80000000))
            (then (i32.const 1)) (else (i32.const 2))) */
     MODULE("20 00 ad 42 80 80 80 80 08 51 04 7f 41 01 05 41 02 0b"),
     {{0x80000000u, 0, 1}, {0, 0, 2}, {0x7fffffffu, 0, 2}}},
    {"wrap, then extension of what was wrapped",
     /* (i32.wrap_i64 (i64.shr_u (i64.extend_i32_u (i32.wrap_i64
            (i64.add (i64.extend_i32_u (local.get 0)) (i64.const 1)))) (i64.const 1))) */
     MODULE("20 00 ad 42 01 7c a7 ad 42 01 88 a7"),
     {{(uint32_t)-1, 0, 0}, {5, 0, 3}, {0xfffffffeu, 0, 0x7fffffffu}}},
    {"wrap into a local",
     /* (local.set 0 (i32.wrap_i64 (i64.mul (i64.extend_i32_u (local.get 0))
                                            (i64.extend_i32_u (local.get 1)))))
        (i32.wrap_i64 (i64.shr_u (i64.extend_i32_u (local.get 0)) (i64.const 4))) */
     MODULE("20 00 ad 20 01 ad 7e a7 21 00 20 00 ad 42 04 88 a7"),
     {{0x10000u, 0x10010u, 0x10000u}, {16, 1, 1}, {0x80000000u, 2, 0}}},
    {"wrapped values that are selected, kept in a global, passed and branched with",
     /* every use is widened again and its upper half returned, which must be 0:
        $x = (i32.wrap_i64 (i64.or (i64.extend_i32_u (local.get 0)) (i64.const 0x5_00000000)))
        (i64.extend_i32_u (select $x $x (local.get 1)))
        (global.set 0 $x) (i64.extend_i32_u (global.get 0)) i64.or
        (i64.extend_i32_u (block (result i32) (br 0 $x))) i64.or
        (i64.extend_i32_u (block (result i32) i32.const 9 $x local.get 1 br_if 0 drop)) i64.or
        (i64.extend_i32_u (call 1 $x $x)) i64.or drop-other … i64.shr_u 32, wrapped */
     MODULE("20 00 ad 42 80 80 80 80 d0 00 84 a7 20 00 ad 42 80 80 80 80 d0 00 84 a7 20 01 1b ad"
            "20 00 ad 42 80 80 80 80 d0 00 84 a7 24 00 23 00 ad 84"
            "02 7f 20 00 ad 42 80 80 80 80 d0 00 84 a7 0c 00 0b ad 84"
            "02 7f 41 09 20 00 ad 42 80 80 80 80 d0 00 84 a7 20 01 0d 00 1a 0b ad 84"
            "20 00 ad 42 80 80 80 80 d0 00 84 a7 20 00 ad 42 80 80 80 80 d0 00 84 a7 10 01"
            "ad 42 00 83 42 20 88 a7 45 1a ad 84 42 20 88 a7"),
     {{5, 0, 0}, {5, 1, 0}, {(uint32_t)-1, 2, 0}}},
    {"a wrapped value teed, with its source still alive",
     /* (local i64) (local.set 2 (i64.or …)) local.get 2 i32.wrap_i64 local.tee 0 i64.extend_i32_u
        i64.const 32 i64.shr_u i32.wrap_i64 local.get 2 i64.const 32 i64.shr_u i32.wrap_i64 i32.sub
      */
     TYPES "03(02 00 01) 05(01 00 01) 07(01 ('f') 00 00)"
           "0a(02 (01 01 7e 20 00 ad 42 80 80 80 80 d0 00 84 21 02 20 02 a7 22 00 ad 42 20 88 a7"
           "       20 02 42 20 88 a7 6b 0b) (00 20 01 20 00 0b))",
     {{5, 0, (uint32_t)-5}, {0, 0, (uint32_t)-5}, {(uint32_t)-1, 0, (uint32_t)-5}}},
    {"select among computed values",
     /* (select (i32.add (local.get 0) (i32.const 1)) (i32.mul (local.get 0) (i32.const 3))
                (i32.lt_u (local.get 0) (local.get 1))) */
     MODULE("20 00 41 01 6a 20 00 41 03 6c 20 00 20 01 49 1b"),
     {{3, 4, 4}, {4, 3, 12}, {4, 4, 12}}},
    {"an address that is a sum wraps before the offset is added",
     /* (i32.store8 offset=3 (i32.const 4) (i32.const 42))
        (i32.load8_u offset=3 (i32.add (local.get 0) (local.get 1))) */
     MODULE("41 04 41 2a 3a 00 03 20 00 20 01 6a 2d 00 03"),
     {{2, 2, 42}, {(uint32_t)-1, 5, 42}, {4, 1, 0}}},
    {"an address that is a sum with a constant, or an i64 sum that was wrapped",
     /* (i32.store8 offset=3 (i32.const 4) (i32.const 42))
        (i32.load8_u offset=4 (i32.add (local.get 0) (i32.const -1)))
        (i32.load8_u (i32.wrap_i64 (i64.add (i64.extend_i32_s (local.get 0)) (i64.const 3))))
        i32.add (i32.load8_u (i32.wrap_i64 (i64.add (i64.extend_i32_s (local.get 0))
                                            (i64.extend_i32_s (local.get 1))))) i32.add */
     MODULE("41 04 41 2a 3a 00 03 20 00 41 7f 6a 2d 00 04 20 00 ac 42 03 7c a7 2d 00 00 6a"
            "20 00 ac 20 01 ac 7c a7 2d 00 00 6a"),
     {{4, 3, 126}, {4, 0, 84}, {12, (uint32_t)-5, 42}}},
    {"stores to addresses that are sums",
     /* (i32.store8 offset=1 (i32.add (local.get 0) (local.get 1)) (local.get 1))
        (i32.store16 offset=2 (i32.add (local.get 0) (i32.const -8)) (local.get 0))
        (i32.sub (i32.load8_u (i32.const 21)) (i32.load16_u (i32.const 10))) */
     MODULE(
         "20 00 20 01 6a 20 01 3a 00 01 20 00 41 78 6a 20 00 3b 00 02 41 15 2d 00 00 41 0a 2f 00 00"
         "6b"),
     {{16, 4, 4 - 16}, {16, 3, 4 - 16}, {19, 1, 1 - 16}}},
    {"a state machine: a loop around a table of branches on a local that is set to constants",
     /* (local i32) loop block block block (br_table 0 1 2 (local.get 2)) end
          (local.set 0 (i32.add (local.get 0) (i32.const 1))) (local.set 2 (i32.const 1)) br 2 end
          (local.set 0 (i32.mul (local.get 0) (i32.const 2)))
          (if (local.tee 1 (i32.sub (local.get 1) (i32.const 1))) (then (local.set 2 (i32.const 0))
              (br 3))) (local.set 2 (i32.const 9)) br 2 … */
     TYPES "03(02 00 01) 07(01 ('f') 00 00)"
           "0a(02 (01 01 7f 03 40 02 40 02 40 02 40 20 02 0e 02 00 01 02 0b"
           "       20 00 41 01 6a 21 00 41 01 21 02 0c 02 0b"
           "       20 00 41 02 6c 21 00 20 01 41 01 6b 22 01 04 40 41 00 21 02 0c 02 0b"
           "       41 09 21 02 0c 01 0b 0b 20 00 20 02 6a 0b) (00 20 01 20 00 0b))",
     {{1, 1, 4 + 9}, {1, 2, 10 + 9}, {1, 3, 22 + 9}}},
    {"two results exchanged by a call",
     /* (i32.sub (call 1 (local.get 0) (local.get 1))) */
     MODULE("20 00 20 01 10 01 6b"),
     {{10, 3, (uint32_t)-7}, {3, 10, 7}, {0, 0, 0}}},
    {"a branch that takes two values from above a third",
     /* block (result i32 i32) i32.const 5 local.get 0 local.get 1 br 0 end i32.sub */
     MODULE("02 04 41 05 20 00 20 01 0c 00 0b 6b"),
     {{10, 3, 7}, {3, 10, (uint32_t)-7}, {0, 0, 0}}},
    {"a conditional branch that moves a value, or does not",
     /* block (result i32) i32.const 100 local.get 0 local.get 1 br_if 0 i32.add end */
     MODULE("02 7f 41 e4 00 20 00 20 01 0d 00 6a 0b"),
     {{5, 1, 5}, {5, 0, 105}, {0, 2, 0}}},
    {"a loop with parameters that exchanges them",
     /* local.get 0 i32.const 1 loop (type 1) call 1
        (br_if 0 (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))) end i32.sub */
     MODULE("20 00 41 01 03 01 10 01 20 01 41 01 6b 22 01 0d 00 0b 6b"),
     {{10, 1, (uint32_t)-9}, {10, 2, 9}, {10, 7, (uint32_t)-9}}},
    {"a table of branches, one of them back to a loop",
     /* loop block block (br_table 0 1 2 0 (local.get 0)) end
          (return (i32.add (local.get 1) (i32.const 1000))) end
          (return (local.get 1)) — and 2 is the loop: (local.set 0) cannot run; so count before:
        the body begins with (local.set 1 (i32.add (local.get 1) (i32.const 1)))
        (local.set 0 (i32.sub (local.get 0) (i32.const 1))) */
     MODULE("03 7f 20 01 41 01 6a 21 01 20 00 41 01 6b 21 00 02 40 02 40 20 00 0e 03 00 01 02 00 0b"
            "20 01 41 e8 07 6a 0f 0b 20 01 0f 0b"),
     {{1, 0, 1001}, {2, 0, 1}, {3, 0, 2}}},
    {"a table of branches that carry a value to different heights",
     /* block (result i32) i32.const 1 block (result i32)
          (br_table 0 1 (i32.add (local.get 0) (i32.const 10)) (local.get 1)) end i32.add end */
     MODULE("02 7f 41 01 02 7f 20 00 41 0a 6a 20 01 0e 01 00 01 0b 6a 0b"),
     {{5, 0, 16}, {5, 1, 15}, {5, 99, 15}}},
    {"dropped instructions still trap, others leave nothing",
     /* (drop (i32.add (local.get 0) (local.get 1))) (drop (i32.const 3)) local.get 0 */
     MODULE("20 00 20 01 6a 1a 41 03 1a 20 00"),
     {{5, 0, 5}, {0, 1, 0}, {7, 7, 7}}},
    {"stores of constants, to constant and computed addresses",
     /* (i64.store (i32.const 16) (i64.const 0x123456789)) (i32.store8 (local.get 0) (i32.const -1))
        (i32.wrap_i64 (i64.shr_u (i64.load (i32.const 16)) (i64.const 4))) */
     MODULE("41 10 42 89 cf 95 9a 12 37 03 00 20 00 41 7f 3a 00 00 41 10 29 03 00 42 04 88 a7"),
     {{100, 0, 0x12345678u}, {16, 0, 0x1234567fu}, {20, 0, 0xf2345678u | 0xf0000000u}}},
    {"an f64 constant on either side",
     /* (i32.trunc_f64_s (f64.sub (f64.const 100) (f64.mul (f64.convert_i32_s (local.get 0))
                                                           (f64.const 0.5)))) */
     MODULE("44 00 00 00 00 00 00 59 40 20 00 b7 44 00 00 00 00 00 00 e0 3f a2 a1 aa"),
     {{10, 0, 95}, {200, 0, 0}, {202, 0, (uint32_t)-1}}},
};

TEST(values_survive_translation)
{
    for (size_t i = 0; i < sizeof value_cases / sizeof value_cases[0]; i++) {
        const value_case *row = &value_cases[i];
        fixture f;

        CASE("%s", row->what);
        if (!fixture_open(&f, row->text, NULL, NULL, 0, NULL)) {
            FAIL("%s: %s", wasm_status_text(f.status), f.report.detail);
            fixture_close(&f);
            continue;
        }
        for (size_t k = 0; k < 3; k++) {
            uint32_t result;

            CASE("%s: f(%u, %u)", row->what, row->calls[k].a, row->calls[k].b);
            CHECK_EQ_INT(call2(&f, row->calls[k].a, row->calls[k].b, &result), WASM_OK);
            CHECK_EQ_UINT(result, row->calls[k].result);
        }
        fixture_close(&f);
    }
}

/* Bits go through locals, memory, select, blocks and calls untouched, signalling NaNs too. */
TEST(signalling_nans_are_moved_not_computed)
{
    /* (func $id (param f32) (result f32) local.get 0)
       (func (export "f") (param i32) (result i32) (local f32)
         (f32.store (i32.const 0) (f32.reinterpret_i32 (local.get 0)))
         (local.set 1 (f32.load (i32.const 0)))
         (i32.reinterpret_f32 (select (call $id (block (result f32) (local.get 1)))
                                      (f32.const 1) (i32.const 1)))) */
    static const char text[] =
        "01(02 60 01 7d 01 7d 60 01 7f 01 7f) 03(02 00 01) 05(01 00 01) 07(01 ('f') 00 01)"
        "0a(02 (00 20 00 0b) (01 01 7d 41 00 20 00 be 38 02 00 41 00 2a 02 00 21 01"
        "       02 7d 20 01 0b 10 00 43 00 00 80 3f 41 01 1b bc 0b))";
    static const uint32_t bits[] = {0x7f800001u, 0xffa00000u, 0x7fc00000u, 0x80000000u,
                                    0x3f800000u};
    fixture f;

    REQUIRE(fixture_open(&f, text, NULL, NULL, 0, NULL));
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        uint32_t result;

        CHECK_EQ_INT(fixture_call(&f, "f", bits[i], &result), WASM_OK);
        CHECK_EQ_UINT(result, bits[i]);
    }
    fixture_close(&f);
}

/* ---- frames ---------------------------------------------------------------------------------- */

/* A module of one function () -> i32 with `count` i64 locals that adds the first and the last after
 * setting the last to 7, and keeps `deep` constants on the stack meanwhile. */
static uint8_t *module_of_locals(uint32_t count, uint32_t deep, size_t *length)
{
    text_buffer code = {0}, body = {0}, section = {0}, all = {0};
    static const uint8_t head[] = {0,    'a', 's', 'm', 1, 0, 0, 0, 1, 5,   1, 0x60, 0, 1,
                                   0x7f, 3,   2,   1,   0, 7, 5, 1, 1, 'f', 0, 0,    10};

    text_put_leb(&code, 1);
    text_put_leb(&code, count);
    text_put(&code, "\x7e", 1);
    text_put(&code, "\x42\x07\x21", 3);
    text_put_leb(&code, count - 1);
    for (uint32_t i = 0; i < deep; i++)
        text_put(&code, "\x41\x01", 2);
    text_put(&code, "\x20\x00\x20", 3);
    text_put_leb(&code, count - 1);
    text_put(&code, "\x7c\xa7", 2);
    for (uint32_t i = 0; i < deep; i++)
        text_put(&code, "\x6a", 1);
    text_put(&code, "\x0b", 1);
    text_put_leb(&body, 1);
    text_put_leb(&body, code.length);
    text_put(&body, code.bytes, code.length);
    text_put_leb(&section, body.length);
    text_put(&all, head, sizeof head);
    text_put(&all, section.bytes, section.length);
    text_put(&all, body.bytes, body.length);
    free(code.bytes);
    free(body.bytes);
    free(section.bytes);
    *length = all.length;
    return all.bytes;
}

TEST(frames_as_large_as_they_may_be)
{
    static const struct {
        uint32_t locals, deep;
        wasm_status load;
    } rows[] = {
        {1, 10, WASM_OK},
        {50000, 10, WASM_OK},
        {50000, 15000, WASM_OK},
        {50000, 16000, WASM_E_IMPL_LIMIT},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        wasm_limits limits = wasm_limits_default();
        wasm_report report;
        size_t length;
        uint8_t *bytes = module_of_locals(rows[i].locals, rows[i].deep, &length);
        fixture f = {0};
        uint32_t result;

        CASE("%u locals, %u operands", rows[i].locals, rows[i].deep);
        limits.stack_bytes = 8 * 70000;
        f.status = wasm_module_load(bytes, length, NULL, &f.module, &report);
        free(bytes);
        CHECK_EQ_INT(f.status, rows[i].load);
        if (f.status != WASM_OK)
            continue;
        f.store = wasm_store_new(&limits, NULL);
        REQUIRE(f.store != NULL && fixture_instantiate(&f, NULL, 0) == WASM_OK);
        CHECK_EQ_INT(fixture_call(&f, "f", 0, &result), WASM_OK);
        CHECK_EQ_UINT(result, rows[i].deep + (rows[i].locals == 1 ? 14 : 7));
        wasm_store_free(f.store);

        /* A stack that is one frame too small is refused without touching what is behind it. */
        limits.stack_bytes = rows[i].locals == 1 ? 0 : 8 * ((size_t)rows[i].locals - 1000);
        f.store = wasm_store_new(&limits, NULL);
        REQUIRE(f.store != NULL && fixture_instantiate(&f, NULL, 0) == WASM_OK);
        CHECK_EQ_INT(fixture_call(&f, "f", 0, &result),
                     rows[i].locals == 1 ? WASM_OK : WASM_E_STACK_EXHAUSTED);
        fixture_close(&f);
    }
}

TEST(call_depth_is_counted_exactly)
{
    for (uint32_t depth = 1; depth < 200; depth += 66) {
        wasm_limits limits = wasm_limits_default();
        fixture f;
        uint32_t result;

        CASE("depth %u", depth);
        limits.call_depth = depth;
        REQUIRE(fixture_open(&f, MODULE_RECURSE, &limits, NULL, 0, NULL));
        CHECK_EQ_INT(fixture_call(&f, "f", depth - 1, &result), WASM_OK);
        CHECK_EQ_UINT(result, depth - 1);
        CHECK_EQ_INT(fixture_call(&f, "f", depth, &result), WASM_E_STACK_EXHAUSTED);
        /* Nothing of the failed call is left behind. */
        CHECK_EQ_INT(fixture_call(&f, "f", depth - 1, &result), WASM_OK);
        fixture_close(&f);
    }
}

/* ---- where it stopped ------------------------------------------------------------------------ */

TEST(a_trap_names_functions_and_bytes)
{
    /* 0: (func $divide (param i32 i32) (result i32) (i32.div_u (local.get 0) (local.get 1)))
       1: (func $middle (param i32) (result i32) (i32.add (i32.const 1)
              (call $divide (i32.const 9) (local.get 0))))
       2: (func (export "f") (param i32) (result i32) (local i32) nop (call $middle (local.get 0)))
     */
    static const char text[] =
        "01(02 60 02 7f 7f 01 7f 60 01 7f 01 7f) 03(03 00 01 01) 07(01 ('f') 00 02)"
        "0a(03 (00 20 00 20 01 6e 0b) (00 41 01 41 09 20 00 10 00 6a 0b) (01 01 7f 01 20 00 10 01 "
        "0b))";
    static const struct {
        uint32_t func;
        uint8_t opcode;
    } expected[] = {{0, 0x6e}, {1, 0x10}, {2, 0x10}};
    wasm_frame frames[8];
    uint8_t *bytes;
    size_t length;
    uint32_t result;
    fixture f;

    REQUIRE(fixture_open(&f, text, NULL, NULL, 0, NULL));
    bytes = module_text(text, &length);
    CHECK_EQ_INT(fixture_call(&f, "f", 3, &result), WASM_OK);
    CHECK_EQ_UINT(result, 4);
    CHECK_EQ_INT(fixture_call(&f, "f", 0, NULL), WASM_E_DIVIDE_BY_ZERO);
    CHECK_EQ_UINT(wasm_store_report(f.store)->func, 0);
    REQUIRE(wasm_store_backtrace(f.store, frames, 8) == 3);
    CHECK_EQ_UINT(wasm_store_report(f.store)->offset, frames[0].offset);
    for (size_t i = 0; i < 3; i++) {
        CASE("frame %zu", i);
        CHECK_EQ_UINT(frames[i].func, expected[i].func);
        CHECK(frames[i].module == f.module);
        if (CHECK(frames[i].offset < length))
            CHECK_EQ_UINT(bytes[frames[i].offset], expected[i].opcode);
    }
    free(bytes);
    fixture_close(&f);
}

TEST(every_kind_of_trap_names_its_byte)
{
    static const struct {
        const char *text;
        uint8_t opcode;
        wasm_status status;
    } rows[] = {
        {MODULE("00"), 0x00, WASM_E_UNREACHABLE},
        {MODULE("20 00 20 01 6d"), 0x6d, WASM_E_DIVIDE_BY_ZERO},
        {MODULE("20 00 41 7f 41 80 80 80 80 78 20 00 1b 6f 1a 41 80 80 80 80 78 41 7f 6d"), 0x6d,
         WASM_E_INTEGER_OVERFLOW},
        {MODULE("41 7f 28 02 00"), 0x28, WASM_E_OOB_MEMORY},
        {MODULE("41 7f 41 00 36 02 00 41 00"), 0x36, WASM_E_OOB_MEMORY},
        {MODULE("41 fd ff 03 28 00 00"), 0x28, WASM_E_OOB_MEMORY},
        {MODULE("41 00 28 00 fd ff 03"), 0x28, WASM_E_OOB_MEMORY},
        {MODULE("41 7f 28 00 ff ff ff ff 0f"), 0x28, WASM_E_OOB_MEMORY},
        {MODULE("20 00 20 01 6a 41 7f 6a 2d 00 02"), 0x2d, WASM_E_OOB_MEMORY},
        {MODULE("20 00 41 7f 6a 28 02 00"), 0x28, WASM_E_OOB_MEMORY},
        {MODULE("20 00 41 7f 6a 20 01 3a 00 05 41 00"), 0x3a, WASM_E_OOB_MEMORY},
        {MODULE("43 00 00 c0 7f a8"), 0xa8, WASM_E_INVALID_CONVERSION},
        {MODULE("44 00 00 00 00 00 00 f0 43 b1 a7"), 0xb1, WASM_E_INTEGER_OVERFLOW},
        {MODULE("41 00 41 00 41 7f fc 0b 00 41 00"), 0xfc, WASM_E_OOB_MEMORY},
        {MODULE("41 00 28 02 00 1a 20 00 20 01 70 1a 41 00"), 0x70, WASM_E_DIVIDE_BY_ZERO},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t length;
        uint8_t *bytes = module_text(rows[i].text, &length);
        const wasm_report *report;
        uint32_t result;
        fixture f;

        CASE("row %zu", i);
        if (CHECK(fixture_open(&f, rows[i].text, NULL, NULL, 0, NULL))) {
            CHECK_EQ_INT(call2(&f, 0, 0, &result), rows[i].status);
            report = wasm_store_report(f.store);
            CHECK_EQ_UINT(report->func, 0);
            if (CHECK(report->offset < length))
                CHECK_EQ_UINT(bytes[report->offset], rows[i].opcode);
        }
        free(bytes);
        fixture_close(&f);
    }
}

TEST(a_store_that_does_not_fit_writes_nothing)
{
    /* (i64.store (i32.const 65532) (i64.const -1)), then what is there */
    static const char text[] =
        TYPES "03(02 00 00) 05(01 00 01) 07(02 ('f') 00 00 ('g') 00 01)"
              "0a(02 (00 41 fc ff 03 42 7f 37 00 00 41 00 0b) (00 41 fc ff 03 28 00 00 0b))";
    wasm_value args[2] = {{.i32 = 0}}, got;
    uint32_t result;
    fixture f;

    REQUIRE(fixture_open(&f, text, NULL, NULL, 0, NULL));
    CHECK_EQ_INT(call2(&f, 0, 0, &result), WASM_E_OOB_MEMORY);
    CHECK_EQ_INT(wasm_call(f.store, fixture_func(&f, "g"), args, &got), WASM_OK);
    CHECK_EQ_UINT(got.i32, 0);
    fixture_close(&f);
}

/* ---- other instances ------------------------------------------------------------------------- */

/* Module "a" exports a memory, a function that grows it by a page and returns (old pages, 7), and
 * one that traps. Module "b" imports them, calls back and forth and looks at its own memory, which
 * is the same one. */
TEST(calls_between_instances)
{
    static const char a_text[] = "01(02 60 01 7f 02 7f 7f 60 00 00) 03(02 00 01) 05(01 01 01 09)"
                                 "07(03 ('m') 02 00 ('grow') 00 00 ('trap') 00 01)"
                                 "0a(02 (00 20 00 40 00 41 07 0b) (00 00 0b))";
    /* (func (export "f") (param i32 i32) (result i32)
         (i32.store offset=65536 (i32.const 0) (i32.add (call $grow (i32.const 1))))
         (i32.load offset=65536 (i32.const 0)))
       (func (export "g") call $trap) */
    static const char b_text[] =
        "01(03 60 01 7f 02 7f 7f 60 00 00 60 02 7f 7f 01 7f)"
        "02(03 ('a') ('m') 02 01 01 09 ('a') ('grow') 00 00 ('a') ('trap') 00 01)"
        "03(02 02 01) 07(02 ('f') 00 02 ('g') 00 03)"
        "0a(02 (00 41 00 41 01 10 00 6a 36 02 80 80 04 41 00 28 02 80 80 04 0b) (00 10 01 0b))";
    wasm_extern imports[3] = {{0}};
    wasm_frame frames[4];
    wasm_report report;
    uint32_t result;
    fixture a, b = {0};

    REQUIRE(fixture_open(&a, a_text, NULL, NULL, 0, NULL));
    CHECK(wasm_instance_export(a.instance, "m", 1, &imports[0]));
    CHECK(wasm_instance_export(a.instance, "grow", 4, &imports[1]));
    CHECK(wasm_instance_export(a.instance, "trap", 4, &imports[2]));
    b.module = fixture_load(b_text, &report);
    b.store = a.store;
    REQUIRE(b.module != NULL);
    REQUIRE(wasm_instantiate(a.store, b.module, imports, &b.instance, &report) == WASM_OK);
    CHECK_EQ_INT(call2(&b, 0, 0, &result), WASM_OK);
    CHECK_EQ_UINT(result, 8);
    CHECK_EQ_INT(call2(&b, 0, 0, &result), WASM_OK);
    CHECK_EQ_UINT(result, 9);

    CHECK_EQ_INT(wasm_call(b.store, fixture_func(&b, "g"), NULL, NULL), WASM_E_UNREACHABLE);
    REQUIRE(wasm_store_backtrace(b.store, frames, 4) == 2);
    CHECK(frames[0].module == a.module);
    CHECK_EQ_UINT(frames[0].func, 1);
    CHECK(frames[1].module == b.module);
    CHECK_EQ_UINT(frames[1].func, 3);
    fixture_close(&a);
    wasm_module_free(b.module);
}

/* Recursion through two instances ends like any other. */
TEST(recursion_between_instances_ends)
{
    /* a: a table of one function, and a function that calls it with its argument plus one.
       b: puts the function into the table that calls a's. */
    static const char a_text[] =
        "01(01 60 01 7f 01 7f) 03(01 00) 04(01 70 00 01) 07(02 ('t') 01 00 ('up') 00 00)"
        "0a(01 (00 20 00 41 01 6a 41 00 11 00 00 0b))";
    static const char b_text[] =
        "01(01 60 01 7f 01 7f) 02(02 ('a') ('t') 01 70 00 01 ('a') ('up') 00 00) 03(01 00)"
        "07(01 ('f') 00 01) 09(01 00 41 00 0b 01 01) 0a(01 (00 20 00 10 00 0b))";
    wasm_extern imports[2] = {{0}};
    wasm_report report;
    fixture a, b = {0};

    REQUIRE(fixture_open(&a, a_text, NULL, NULL, 0, NULL));
    CHECK(wasm_instance_export(a.instance, "t", 1, &imports[0]));
    CHECK(wasm_instance_export(a.instance, "up", 2, &imports[1]));
    b.module = fixture_load(b_text, &report);
    b.store = a.store;
    REQUIRE(b.module != NULL);
    REQUIRE(wasm_instantiate(a.store, b.module, imports, &b.instance, &report) == WASM_OK);
    CHECK_EQ_INT(fixture_call(&b, "f", 0, NULL), WASM_E_STACK_EXHAUSTED);
    CHECK_EQ_INT(fixture_call(&b, "f", 0, NULL), WASM_E_STACK_EXHAUSTED);
    fixture_close(&a);
    wasm_module_free(b.module);
}

/* ---- the price ------------------------------------------------------------------------------- */

/* Units of fuel are WebAssembly instructions but else and end, charged for a body at its entry and
 * for a loop at its header, whichever way the branch to it was translated. */
TEST(fuel_counts_instructions)
{
    static const struct {
        const char *what, *text;
        uint32_t a, b, cost;
    } rows[] = {
        {"straight on", MODULE("20 00 20 01 6a"), 1, 2, 3},
        {"an if counts both arms", MODULE("20 00 04 7f 41 01 05 41 02 0b"), 1, 0, 4},
        {"a loop of b rounds, five instructions each",
         MODULE("03 40 20 01 41 01 6b 22 01 0d 00 0b 20 00"), 0, 10, 2 + 10 * 5},
        {"the same by an unconditional branch",
         MODULE("02 40 03 40 20 01 45 0d 01 20 01 41 01 6b 21 01 0c 00 0b 0b 20 00"), 0, 10,
         3 + 11 * 8},
        {"the same by a table",
         MODULE("02 40 03 40 20 01 41 01 6b 22 01 45 0e 01 00 01 0b 0b 20 00"), 0, 10, 3 + 10 * 6},
        {"an inner loop of three rounds each",
         MODULE(
             "03 40 41 03 21 00 03 40 20 00 41 01 6b 22 00 0d 00 0b 20 01 41 01 6b 22 01 0d 00 0b"
             "20 00"),
         0, 10, 2 + 10 * (8 + 3 * 5)},
        {"a call charges what it calls", MODULE("20 00 20 01 10 01 6b"), 1, 2, 4 + 2},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        wasm_limits limits = wasm_limits_default();
        uint32_t result;
        fixture f;

        CASE("%s", rows[i].what);
        limits.fuel = 1000000;
        if (CHECK(fixture_open(&f, rows[i].text, &limits, NULL, 0, NULL))) {
            CHECK_EQ_INT(call2(&f, rows[i].a, rows[i].b, &result), WASM_OK);
            CHECK_EQ_UINT(limits.fuel - wasm_store_fuel_left(f.store), rows[i].cost);
        }
        fixture_close(&f);
        limits.fuel = rows[i].cost - 1;
        if (CHECK(fixture_open(&f, rows[i].text, &limits, NULL, 0, NULL)))
            CHECK_EQ_INT(call2(&f, rows[i].a, rows[i].b, &result), WASM_E_FUEL);
        fixture_close(&f);
    }
}

/* ---- the trace ------------------------------------------------------------------------------- */

static void collect(void *baton, unsigned bit, const char *line)
{
    text_buffer *all = baton;

    if (bit == WASM_TRACE_PREPARE) {
        text_put(all, line, strlen(line));
        text_put(all, "\n", 1);
    }
}

TEST(internal_code_can_be_read)
{
    static const struct {
        const char *what, *text, *expected, *absent;
    } rows[] = {
        {"compare and branch", MODULE("02 40 20 00 20 01 4e 0d 00 0b 41 02"),
         "i32.ge_s           r0 r1 ->", "nonzero"},
        {"the opposite for an if", MODULE("20 00 41 05 48 04 40 0b 41 02"),
         "i32.ge_s           r0 #0x5 ->", "i32.zero"},
        {"a result goes into its local", MODULE("20 00 41 01 6a 21 01 20 01"),
         "i32.add            r1 = r0 #0x1", "copy"},
        {"a result stays in the accumulator", MODULE("20 00 20 01 6a 41 03 6c"),
         "i32.add            acc = r0 r1", "copy"},
        {"the address is a sum", MODULE("20 00 20 01 6a 28 02 08"),
         "i32.load           acc = r0 r1 +8", "i32.add"},
        {"a loop polls where it branches back", MODULE("03 40 20 00 0d 00 0b 41 00"), "poll",
         "copy"},
        {"the address is a sum with a constant", MODULE("20 00 41 10 6a 28 02 08"),
         "i32.load           acc = r0 #0x10 +8", "i32.add"},
        {"a store to a sum", MODULE("20 00 20 01 6a 20 00 36 02 08 41 00"),
         "i32.store          r0 r1 +8 r0", "i32.add"},
        {"back to a table of branches with a constant",
         MODULE("03 40 02 40 20 00 0e 01 00 01 0b 41 03 21 00 0c 00 0b 41 00"),
         "loop.table         r0 #0x3 ->", "const              r0"},
        {"a table of branches", MODULE("02 40 02 40 20 00 0e 02 00 01 00 0b 0b 41 00"), "br_table",
         "poll"},
        {"an f64 constant", MODULE("20 00 b7 44 00 00 00 00 00 00 f0 3f a0 aa"),
         "#0x3ff0000000000000", "const"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        text_buffer all = {0};
        wasm_load_options options = {
            .trace = WASM_TRACE_PREPARE, .log = collect, .log_baton = &all};
        wasm_module *module = NULL;
        wasm_report report;
        size_t length;
        uint8_t *bytes = module_text(rows[i].text, &length);

        CASE("%s", rows[i].what);
        CHECK_EQ_INT(wasm_module_load(bytes, length, &options, &module, &report), WASM_OK);
        text_put(&all, "", 1);
        *strstr((char *)all.bytes, "function 1:") = '\0';
        if (!CHECK(strstr((char *)all.bytes, rows[i].expected) != NULL) ||
            !CHECK(strstr((char *)all.bytes, rows[i].absent) == NULL))
            printf("# %s", (char *)all.bytes);
        wasm_module_free(module);
        free(all.bytes);
        free(bytes);
    }
}

/* ---- quota ---------------------------------------------------------------------------------- */

/* Whatever allocation fails while a module is prepared, it ends with a report and nothing is lost.
 */
TEST(preparing_within_any_quota)
{
    size_t length;
    uint8_t *bytes = module_of_locals(2000, 2000, &length);
    wasm_status status = WASM_E_QUOTA;
    size_t quota;

    for (quota = 1000; status == WASM_E_QUOTA && quota < 4000000; quota += quota / 64) {
        wasm_load_options options = {.quota = quota};
        wasm_module *module = NULL;
        wasm_report report;

        CASE("quota %zu", quota);
        status = wasm_module_load(bytes, length, &options, &module, &report);
        if (status != WASM_OK) {
            CHECK_EQ_INT(status, WASM_E_QUOTA);
            CHECK_EQ_INT(report.status, WASM_E_QUOTA);
        }
        wasm_module_free(module);
    }
    CHECK_EQ_INT(status, WASM_OK);
    free(bytes);
}

static bool stop_at(void *baton)
{
    unsigned *left = baton;

    return (*left)-- == 0;
}

TEST(loading_can_be_given_up)
{
    size_t length;
    uint8_t *bytes =
        module_text("01(01 60 00 00) 03(03 00 00 00) 0a(03 (00 0b) (00 0b) (00 0b))", &length);

    for (unsigned bodies = 0; bodies <= 3; bodies++) {
        unsigned left = bodies;
        wasm_load_options options = {.stop = stop_at, .stop_baton = &left};
        wasm_module *module = NULL;
        wasm_report report;
        wasm_status status = wasm_module_load(bytes, length, &options, &module, &report);

        CASE("after %u bodies", bodies);
        CHECK_EQ_INT(status, bodies < 3 ? WASM_E_INTERRUPTED : WASM_OK);
        CHECK(bodies == 3 || report.func == bodies);
        wasm_module_free(module);
    }
    free(bytes);
}
