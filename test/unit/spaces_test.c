/* SPDX-License-Identifier: Apache-2.0
 * spaces_test.c — memories and tables beyond the first and beyond 32 bits: sums that wrap at 2^64,
 * indices that are not cut to 32 bits, pages of one byte, several memories that grow by turns.
 */
/* layers: facade */
#include "unit.h"
#include "runtime_fixture.h"
#include "runtime.h"

#define TWO_63 ((uint64_t)1 << 63)

/* Calls an export with up to three i64; its result, if any, in *result. */
static wasm_status call(fixture *f, const char *name, uint64_t a, uint64_t b, uint64_t c,
                        uint64_t *result)
{
    const wasm_value args[3] = {{.i64 = a}, {.i64 = b}, {.i64 = c}};
    wasm_value got = {.i64 = 0};
    wasm_status status = wasm_call(f->store, fixture_func(f, name), args, &got);

    if (result != NULL)
        *result = got.i64;
    return status;
}

/* ---- 64-bit memories ------------------------------------------------------------------------- */

/* (memory (export "m") i64 1 3) (data "abcdefgh")
 * (func (export "load") (param i64) (result i32) (i32.load8_u (local.get 0)))
 * (func (export "far") (param i64) (result i64)
 *   (i64.load offset=0xfffffffffffffff0 (local.get 0)))
 * (func (export "store") (param i64) (i64.store offset=8 (local.get 0) (i64.const -1)))
 * (func (export "sum") (param i64) (result i64)
 *   (i64.load offset=8 (i64.add (local.get 0) (i64.const 16))))
 * (func (export "fill") (param i64 i64) (memory.fill (local.get 0) (i32.const 7) (local.get 1)))
 * (func (export "copy") (param i64 i64 i64)
 *   (memory.copy (local.get 0) (local.get 1) (local.get 2)))
 * (func (export "init") (param i64)
 *   (memory.init 0 (local.get 0) (i32.const 0) (i32.const 8)))
 * (func (export "grow") (param i64) (result i64) (memory.grow (local.get 0)))
 * (func (export "size") (result i64) (memory.size)) */
#define MEMORY_64                                                                                  \
    "01(06 60 01 7e 01 7f 60 01 7e 01 7e 60 01 7e 00 60 02 7e 7e 00 60 03 7e 7e 7e 00"             \
    "   60 00 01 7e)"                                                                              \
    "03(09 00 01 02 01 03 04 02 01 05) 05(01 05 01 03)"                                            \
    "07(0a ('m') 02 00 ('load') 00 00 ('far') 00 01 ('store') 00 02 ('sum') 00 03 ('fill') 00 04"  \
    "   ('copy') 00 05 ('init') 00 06 ('grow') 00 07 ('size') 00 08) 0c(01)"                       \
    "0a(09 (00 20 00 2d 00 00 0b) (00 20 00 29 03 f0 ff ff ff ff ff ff ff ff 01 0b)"               \
    "   (00 20 00 42 7f 37 03 08 0b) (00 20 00 42 10 7c 29 03 08 0b)"                              \
    "   (00 20 00 41 07 20 01 fc 0b 00 0b) (00 20 00 20 01 20 02 fc 0a 00 00 0b)"                  \
    "   (00 20 00 41 00 41 08 fc 08 00 00 0b) (00 20 00 40 00 0b) (00 3f 00 0b))"                  \
    "0b(01 01 ('abcdefgh'))"

TEST(addresses_of_64_bits_are_not_cut_and_do_not_wrap)
{
    static const struct {
        const char *name;
        uint64_t a, b, c;
        wasm_status status;
    } rows[] = {
        {"load", 65535, 0, 0, WASM_OK},
        {"load", 65536, 0, 0, WASM_E_OOB_MEMORY},
        {"load", (uint64_t)1 << 32, 0, 0, WASM_E_OOB_MEMORY},
        {"load", ((uint64_t)1 << 32) + 100, 0, 0, WASM_E_OOB_MEMORY},
        {"load", TWO_63 - 1, 0, 0, WASM_E_OOB_MEMORY},
        {"load", TWO_63, 0, 0, WASM_E_OOB_MEMORY},
        {"load", TWO_63 + 100, 0, 0, WASM_E_OOB_MEMORY},
        {"load", UINT64_MAX, 0, 0, WASM_E_OOB_MEMORY},
        {"far", 0, 0, 0, WASM_E_OOB_MEMORY},
        {"far", 16, 0, 0, WASM_E_OOB_MEMORY}, /* the sum is 2^64, and not 0 */
        {"far", 116, 0, 0, WASM_E_OOB_MEMORY},
        {"far", 8, 0, 0, WASM_E_OOB_MEMORY}, /* the last byte would be 2^64 - 1 */
        {"far", TWO_63, 0, 0, WASM_E_OOB_MEMORY},
        {"store", 65520, 0, 0, WASM_OK},
        {"store", 65521, 0, 0, WASM_E_OOB_MEMORY},
        {"store", TWO_63, 0, 0, WASM_E_OOB_MEMORY},
        {"store", UINT64_MAX - 7, 0, 0, WASM_E_OOB_MEMORY},
        {"store", UINT64_MAX, 0, 0, WASM_E_OOB_MEMORY},
        {"sum", 65504, 0, 0, WASM_OK},
        {"sum", 65505, 0, 0, WASM_E_OOB_MEMORY},
        {"sum", (uint64_t)-16, 0, 0, WASM_OK}, /* what the guest adds itself does wrap */
        {"fill", 0, 65536, 0, WASM_OK},
        {"fill", 0, 65537, 0, WASM_E_OOB_MEMORY},
        {"fill", 1, UINT64_MAX, 0, WASM_E_OOB_MEMORY},
        {"fill", UINT64_MAX, 1, 0, WASM_E_OOB_MEMORY},
        {"fill", TWO_63, TWO_63, 0, WASM_E_OOB_MEMORY},
        {"fill", 65536, 0, 0, WASM_OK},
        {"fill", 65537, 0, 0, WASM_E_OOB_MEMORY},
        {"copy", 0, 10, 65526, WASM_OK},
        {"copy", 0, TWO_63, TWO_63, WASM_E_OOB_MEMORY},
        {"copy", UINT64_MAX, 0, 2, WASM_E_OOB_MEMORY},
        {"copy", 10, 10, (uint64_t)-10, WASM_E_OOB_MEMORY},
        {"init", 65528, 0, 0, WASM_OK},
        {"init", 65529, 0, 0, WASM_E_OOB_MEMORY},
        {"init", ((uint64_t)1 << 32), 0, 0, WASM_E_OOB_MEMORY},
        {"init", UINT64_MAX - 3, 0, 0, WASM_E_OOB_MEMORY},
    };
    fixture f;

    REQUIRE(fixture_open(&f, MEMORY_64, NULL, NULL, 0, NULL));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CASE("%s 0x%" PRIx64 " 0x%" PRIx64, rows[i].name, rows[i].a, rows[i].b);
        CHECK_EQ_INT(call(&f, rows[i].name, rows[i].a, rows[i].b, rows[i].c, NULL), rows[i].status);
    }
    fixture_close(&f);
}

TEST(a_64_bit_memory_grows_within_its_maximum)
{
    fixture f;
    uint64_t result;

    REQUIRE(fixture_open(&f, MEMORY_64, NULL, NULL, 0, NULL));
    CHECK_EQ_INT(call(&f, "grow", (uint64_t)1 << 32, 0, 0, &result), WASM_OK);
    CHECK_EQ_UINT(result, UINT64_MAX);
    CHECK_EQ_INT(call(&f, "grow", UINT64_MAX, 0, 0, &result), WASM_OK);
    CHECK_EQ_UINT(result, UINT64_MAX);
    CHECK_EQ_INT(call(&f, "grow", 2, 0, 0, &result), WASM_OK);
    CHECK_EQ_UINT(result, 1);
    CHECK_EQ_INT(call(&f, "size", 0, 0, 0, &result), WASM_OK);
    CHECK_EQ_UINT(result, 3);
    CHECK_EQ_INT(call(&f, "load", 3 * 65536 - 1, 0, 0, &result), WASM_OK);
    CHECK_EQ_UINT(result, 0);
    CHECK_EQ_INT(call(&f, "grow", 1, 0, 0, &result), WASM_OK);
    CHECK_EQ_UINT(result, UINT64_MAX);
    fixture_close(&f);
}

TEST(a_64_bit_memory_that_nobody_could_have_meets_the_limit)
{
    /* (memory i64 0x1000000000000) */
    fixture f;

    CHECK(!fixture_open(&f, "05(01 04 80 80 80 80 80 80 40)", NULL, NULL, 0, NULL));
    CHECK_EQ_INT(f.status, WASM_E_MEMORY_LIMIT);
    fixture_close(&f);
}

TEST(a_declared_maximum_is_compared_as_declared)
{
    /* It is beyond what any memory could grow to, and still larger than what the import wants. */
    const wasm_bounds bounds = {.min = 1, .max = (uint64_t)1 << 48, .has_max = true, .is_64 = true};
    wasm_store *store = wasm_store_new(NULL, NULL);
    wasm_report report;
    wasm_extern with = {.kind = WASM_EXTERN_MEMORY};
    wasm_instance *instance;
    /* (import "m" "m" (memory i64 1 0x10000000000)) (… 1 0x1000000000000) (memory 1) */
    wasm_module *tighter = fixture_load("02(01 ('m') ('m') 02 05 01 80 80 80 80 80 20)", &report);
    wasm_module *same = fixture_load("02(01 ('m') ('m') 02 05 01 80 80 80 80 80 80 40)", &report);
    wasm_module *narrow = fixture_load("02(01 ('m') ('m') 02 00 01)", &report);

    REQUIRE(store != NULL && tighter != NULL && same != NULL && narrow != NULL);
    REQUIRE(wasm_memory_new(store, &bounds, &with.of.memory) == WASM_OK);
    CHECK_EQ_INT(wasm_instantiate(store, tighter, &with, &instance, &report), WASM_E_IMPORT_TYPE);
    CHECK_EQ_INT(wasm_instantiate(store, narrow, &with, &instance, &report), WASM_E_IMPORT_TYPE);
    CHECK_EQ_INT(wasm_instantiate(store, same, &with, &instance, &report), WASM_OK);
    wasm_store_free(store);
    wasm_module_free(tighter);
    wasm_module_free(same);
    wasm_module_free(narrow);
}

/* ---- 64-bit tables --------------------------------------------------------------------------- */

/* (table i64 4 10 funcref) (elem (i64.const 1) func 0)
 * (func (result i32) (i32.const 77))
 * (func (export "call") (param i64) (result i32) (call_indirect 0 (type 0) (local.get 0)))
 * (func (export "tail") (param i64) (result i32) (return_call_indirect 0 (type 0) (local.get 0)))
 * (func (export "get") (param i64) (result i32) (ref.is_null (table.get 0 (local.get 0))))
 * (func (export "set") (param i64) (table.set 0 (local.get 0) (ref.null func)))
 * (func (export "fill") (param i64 i64)
 *   (table.fill 0 (local.get 0) (ref.null func) (local.get 1)))
 * (func (export "copy") (param i64 i64 i64)
 *   (table.copy 0 0 (local.get 0) (local.get 1) (local.get 2)))
 * (func (export "grow") (param i64) (result i64) (table.grow 0 (ref.null func) (local.get 0))) */
#define TABLE_64                                                                                   \
    "01(06 60 00 01 7f 60 01 7e 01 7f 60 01 7e 00 60 02 7e 7e 00 60 03 7e 7e 7e 00"                \
    "   60 01 7e 01 7e)"                                                                           \
    "03(08 00 01 01 01 02 03 04 05) 04(01 70 05 04 0a)"                                            \
    "07(07 ('call') 00 01 ('tail') 00 02 ('get') 00 03 ('set') 00 04 ('fill') 00 05"               \
    "   ('copy') 00 06 ('grow') 00 07) 09(01 02 00 42 01 0b 00 01 00)"                             \
    "0a(08 (00 41 cd 00 0b) (00 20 00 11 00 00 0b) (00 20 00 13 00 00 0b) (00 20 00 25 00 d1 0b)"  \
    "   (00 20 00 d0 70 26 00 0b) (00 20 00 d0 70 20 01 fc 11 00 0b)"                              \
    "   (00 20 00 20 01 20 02 fc 0e 00 00 0b) (00 d0 70 20 00 fc 0f 00 0b))"

TEST(indices_of_64_bits_are_not_cut_and_do_not_wrap)
{
    static const struct {
        const char *name;
        uint64_t a, b, c;
        wasm_status status;
    } rows[] = {
        {"call", 1, 0, 0, WASM_OK},
        {"call", 2, 0, 0, WASM_E_UNINITIALIZED_ELEMENT},
        {"call", 4, 0, 0, WASM_E_UNDEFINED_ELEMENT},
        {"call", ((uint64_t)1 << 32) + 1, 0, 0, WASM_E_UNDEFINED_ELEMENT},
        {"call", UINT64_MAX, 0, 0, WASM_E_UNDEFINED_ELEMENT},
        {"tail", 1, 0, 0, WASM_OK},
        {"tail", ((uint64_t)1 << 32) + 1, 0, 0, WASM_E_UNDEFINED_ELEMENT},
        {"get", 3, 0, 0, WASM_OK},
        {"get", ((uint64_t)1 << 32) + 1, 0, 0, WASM_E_OOB_TABLE},
        {"get", TWO_63, 0, 0, WASM_E_OOB_TABLE},
        {"set", 3, 0, 0, WASM_OK},
        {"set", ((uint64_t)1 << 32) + 1, 0, 0, WASM_E_OOB_TABLE},
        {"fill", 4, 0, 0, WASM_OK},
        {"fill", 2, UINT64_MAX, 0, WASM_E_OOB_TABLE},
        {"fill", UINT64_MAX, 2, 0, WASM_E_OOB_TABLE},
        {"copy", 2, 1, 1, WASM_OK},
        {"copy", 0, 2, UINT64_MAX - 1, WASM_E_OOB_TABLE},
        {"copy", TWO_63, 0, TWO_63, WASM_E_OOB_TABLE},
        {"call", 2, 0, 0, WASM_OK}, /* copied above */
    };
    fixture f;
    uint64_t result;

    REQUIRE(fixture_open(&f, TABLE_64, NULL, NULL, 0, NULL));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CASE("%s 0x%" PRIx64 " 0x%" PRIx64, rows[i].name, rows[i].a, rows[i].b);
        CHECK_EQ_INT(call(&f, rows[i].name, rows[i].a, rows[i].b, rows[i].c, &result),
                     rows[i].status);
        if (rows[i].status == WASM_OK && strstr("call tail", rows[i].name))
            CHECK_EQ_UINT(result, 77);
    }
    CASE("growing");
    CHECK_EQ_INT(call(&f, "grow", UINT64_MAX, 0, 0, &result), WASM_OK);
    CHECK_EQ_UINT(result, UINT64_MAX);
    CHECK_EQ_INT(call(&f, "grow", 6, 0, 0, &result), WASM_OK);
    CHECK_EQ_UINT(result, 4);
    CHECK_EQ_INT(call(&f, "grow", 1, 0, 0, &result), WASM_OK);
    CHECK_EQ_UINT(result, UINT64_MAX);
    fixture_close(&f);
}

/* ---- several memories ------------------------------------------------------------------------ */

/* (memory $a 1 4) (memory $b 0 4) (memory $c 1 1) (data $c (i32.const 100) "\01\02\03\04")
 * (func (export "f") (param $n i32) (result i32)
 *   (i32.store $a (i32.const 0) (i32.const 5))
 *   (drop (memory.grow $b (i32.const 1)))
 *   (i32.store $b offset=8 (local.get $n) (i32.const 70))
 *   (drop (memory.grow $a (i32.const 1))) (drop (memory.grow $b (i32.const 1)))
 *   (memory.copy $b $c (i32.const 0) (i32.const 100) (i32.const 4))
 *   (memory.fill $c (i32.const 100) (i32.const 0) (i32.const 4))
 *   (i32.add (i32.load $a (i32.const 0))
 *     (i32.add (i32.load $b offset=8 (local.get $n))
 *       (i32.add (i32.load8_u $b (i32.const 3))
 *         (i32.add (i32.load $c (i32.const 100))
 *                  (i32.mul (memory.size $b) (i32.const 1000)))))))
 * (func (export "g") (param i32) (result i32) (i32.load8_u $c offset=1 (local.get 0)))
 * (func (export "h") (param i64) (result i32) (i32.load8_u $c (i32.wrap_i64 (local.get 0))))
 * (func (export "s") (param i64)
 *   (i32.store8 $c (i32.wrap_i64 (local.get 0)) (i32.wrap_i64 (local.get 0)))) */
#define THREE_MEMORIES                                                                             \
    "01(03 60 01 7f 01 7f 60 01 7e 01 7f 60 01 7e 00) 03(04 00 00 01 02)"                          \
    "05(03 01 01 04 01 00 04 01 01 01)"                                                            \
    "07(04 ('f') 00 00 ('g') 00 01 ('h') 00 02 ('s') 00 03)"                                       \
    "0a(04 (00 41 00 41 05 36 02 00 41 01 40 01 1a 20 00 41 c6 00 36 42 01 08"                     \
    "       41 01 40 00 1a 41 01 40 01 1a 41 00 41 e4 00 41 04 fc 0a 01 02"                        \
    "       41 e4 00 41 00 41 04 fc 0b 02 41 00 28 02 00 20 00 28 42 01 08 41 03 2d 40 01 00"      \
    "       41 e4 00 28 42 02 00 3f 01 41 e8 07 6c 6a 6a 6a 6a 0b)"                                \
    "   (00 20 00 2d 40 02 01 0b) (00 20 00 a7 2d 40 02 00 0b)"                                    \
    "   (00 20 00 a7 20 00 a7 3a 40 02 00 0b))"                                                    \
    "0b(01 02 02 41 e4 00 0b 04 01 02 03 04)"

TEST(several_memories_grow_by_turns)
{
    fixture f;
    uint32_t result = 0;

    REQUIRE(fixture_open(&f, THREE_MEMORIES, NULL, NULL, 0, NULL));
    CHECK_EQ_INT(fixture_call(&f, "f", 1000, &result), WASM_OK);
    CHECK_EQ_UINT(result, 5 + 70 + 4 + 0 + 2000);
    CHECK_EQ_UINT(wasm_store_memory_used(f.store), (2 + 2 + 1) * 65536);
    CHECK_EQ_INT(fixture_call(&f, "f", 65536 * 4 - 11, NULL), WASM_E_OOB_MEMORY);
    fixture_close(&f);
}

TEST(another_memory_has_its_own_bounds)
{
    fixture f;
    uint32_t result = 0;
    uint64_t wide;

    REQUIRE(fixture_open(&f, THREE_MEMORIES, NULL, NULL, 0, NULL));
    CHECK_EQ_INT(fixture_call(&f, "g", 65534, &result), WASM_OK);
    CHECK_EQ_INT(fixture_call(&f, "g", 65535, &result), WASM_E_OOB_MEMORY);
    CHECK_EQ_INT(fixture_call(&f, "g", UINT32_MAX, &result), WASM_E_OOB_MEMORY);
    /* The upper half of a wrapped i64 is not part of the address. */
    CHECK_EQ_INT(call(&f, "h", UINT64_C(0x1234567800000066), 0, 0, &wide), WASM_OK);
    CHECK_EQ_UINT(wide, 3);
    CHECK_EQ_INT(call(&f, "s", UINT64_C(0x1234567800000066), 0, 0, NULL), WASM_OK);
    CHECK_EQ_INT(call(&f, "h", 0x66, 0, 0, &wide), WASM_OK);
    CHECK_EQ_UINT(wide, 0x66);
    fixture_close(&f);
}

/* ---- pages of one byte ----------------------------------------------------------------------- */

/* (memory (export "m") 10 20 (pagesize 1))
 * (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
 * (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
 * (func (export "wide") (param i32) (result i32) (i32.load (local.get 0))) */
#define BYTE_PAGES                                                                                 \
    "01(01 60 01 7f 01 7f) 03(03 00 00 00) 05(01 09 0a 14 00)"                                     \
    "07(04 ('m') 02 00 ('load') 00 00 ('grow') 00 01 ('wide') 00 02)"                              \
    "0a(03 (00 20 00 2d 00 00 0b) (00 20 00 40 00 0b) (00 20 00 28 02 00 0b))"

TEST(pages_of_a_byte_end_where_they_say)
{
    fixture f;
    uint32_t result = 0;

    REQUIRE(fixture_open(&f, BYTE_PAGES, NULL, NULL, 0, NULL));
    CHECK_EQ_UINT(wasm_store_memory_used(f.store), 10);
    CHECK_EQ_INT(fixture_call(&f, "load", 9, &result), WASM_OK);
    CHECK_EQ_INT(fixture_call(&f, "load", 10, &result), WASM_E_OOB_MEMORY);
    CHECK_EQ_INT(fixture_call(&f, "wide", 6, &result), WASM_OK);
    CHECK_EQ_INT(fixture_call(&f, "wide", 7, &result), WASM_E_OOB_MEMORY);
    CHECK_EQ_INT(fixture_call(&f, "grow", 1, &result), WASM_OK);
    CHECK_EQ_UINT(result, 10);
    CHECK_EQ_INT(fixture_call(&f, "load", 10, &result), WASM_OK);
    CHECK_EQ_INT(fixture_call(&f, "grow", 10, &result), WASM_OK);
    CHECK_EQ_UINT(result, UINT32_MAX);
    CHECK_EQ_INT(fixture_call(&f, "grow", 9, &result), WASM_OK);
    CHECK_EQ_UINT(result, 11);
    CHECK_EQ_INT(fixture_call(&f, "load", 20, &result), WASM_E_OOB_MEMORY);
    fixture_close(&f);
}

TEST(a_memory_of_bytes_ends_before_its_size_would_wrap)
{
    /* (memory 0 (pagesize 1)) (func (export "grow") (param i32) (result i32) …) */
    static const char text[] = "01(01 60 01 7f 01 7f) 03(01 00) 05(01 08 00 00)"
                               "07(01 ('grow') 00 00) 0a(01 (00 20 00 40 00 0b))";
    wasm_limits limits = wasm_limits_default();
    fixture f;
    uint32_t result = 0;

    limits.memory_bytes = (uint64_t)8 << 30;
    REQUIRE(fixture_open(&f, text, &limits, NULL, 0, NULL));
    CHECK_EQ_INT(fixture_call(&f, "grow", UINT32_MAX, &result), WASM_OK);
    CHECK_EQ_UINT(result, 0);
    CHECK_EQ_INT(fixture_call(&f, "grow", 1, &result), WASM_OK);
    CHECK_EQ_UINT(result, UINT32_MAX);
    fixture_close(&f);
}

TEST(page_sizes_are_part_of_a_memorys_type)
{
    const wasm_bounds bytes = {.min = 65536, .byte_pages = true}, pages = {.min = 65536};
    wasm_limits limits = wasm_limits_default();
    wasm_report report;
    wasm_extern with = {.kind = WASM_EXTERN_MEMORY};
    wasm_instance *instance;
    /* (import "m" "m" (memory 1)) (… (memory 1 (pagesize 1))) (… (memory 1 (pagesize 65536))) */
    wasm_module *plain = fixture_load("02(01 ('m') ('m') 02 00 01)", &report);
    wasm_module *byte = fixture_load("02(01 ('m') ('m') 02 08 01 00)", &report);
    wasm_module *said = fixture_load("02(01 ('m') ('m') 02 08 01 10)", &report);
    limits.memory_bytes = (uint64_t)8 << 30;
    wasm_store *store = wasm_store_new(&limits, NULL);

    REQUIRE(store != NULL && plain != NULL && byte != NULL && said != NULL);
    REQUIRE(wasm_memory_new(store, &bytes, &with.of.memory) == WASM_OK);
    CHECK_EQ_INT(wasm_instantiate(store, plain, &with, &instance, &report), WASM_E_IMPORT_TYPE);
    CHECK_EQ_INT(wasm_instantiate(store, byte, &with, &instance, &report), WASM_OK);
    REQUIRE(wasm_memory_new(store, &pages, &with.of.memory) == WASM_OK);
    CHECK_EQ_INT(wasm_instantiate(store, plain, &with, &instance, &report), WASM_OK);
    CHECK_EQ_INT(wasm_instantiate(store, said, &with, &instance, &report), WASM_OK);
    CHECK_EQ_INT(wasm_instantiate(store, byte, &with, &instance, &report), WASM_E_IMPORT_TYPE);
    wasm_store_free(store);
    wasm_module_free(plain);
    wasm_module_free(byte);
    wasm_module_free(said);
}

TEST(bytes_that_a_memory_begins_with)
{
    static const struct {
        wasm_bounds bounds;
        uint64_t bytes;
    } rows[] = {
        {{.min = 0}, 0},
        {{.min = 3}, 3 * 65536},
        {{.min = 3, .byte_pages = true}, 3},
        {{.min = (uint64_t)1 << 48, .is_64 = true}, UINT64_MAX},
        {{.min = UINT64_MAX, .is_64 = true, .byte_pages = true}, UINT64_MAX},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CASE("row %zu", i);
        CHECK_EQ_UINT(wasm_bounds_bytes(&rows[i].bounds), rows[i].bytes);
    }
}
