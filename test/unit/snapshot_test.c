/* SPDX-License-Identifier: Apache-2.0
 * snapshot_test.c — an instance that begins with another's state has all of it and nothing else, as
 * often as one likes, and what cannot be kept is refused.
 */
/* layers: facade */
#include "unit.h"
#include "runtime_fixture.h"
#include "runtime.h"

/* The module below, in words: a memory of a page, a table of two, globals of three kinds, a passive
 * segment of each kind.
 *
 *   init    grows the memory by 2 pages and the table by 3 times $one; writes 1 to memory at 70000,
 *           77 to a global, $two to another and to table[0]; drops both segments
 *   sum     10^6 × pages + 10^4 × elements + memory[70000] + global + what table[0], the global
 *           function by way of table[1], and table[4] return; $one is 11 and $two 22
 *   spoil   overwrites all of it and grows the memory
 *   data, elem   copy from the segments
 */
#define MODULE_STATE                                                                               \
    "01(02 60 00 01 7f 60 00 00) 03(07 00 00 01 00 01 01 01) 04(01 70 00 02) 05(01 00 01)"         \
    "06(03 7f 01 41 01 0b 70 01 d0 70 0b 6f 01 d0 6f 0b)"                                          \
    "07(05 ('init') 00 02 ('sum') 00 03 ('spoil') 00 04 ('data') 00 05 ('elem') 00 06)"            \
    "09(01 01 00 02 00 01) 0c(01)"                                                                 \
    "0a(07 (00 41 0b 0b) (00 41 16 0b)"                                                            \
    "(00 41 02 40 00 1a 41 f0 a2 04 41 01 36 02 00 23 00 41 cc 00 6a 24 00 d2 01 24 01 d2 00 41 "  \
    "03 fc 0f 00 1a 41 00 d2 01 26 00 fc 09 00 fc 0d 00 0b)"                                       \
    "(00 41 01 23 01 26 00 3f 00 41 c0 84 3d 6c fc 10 00 41 90 ce 00 6c 41 f0 a2 04 28 02 00 23 "  \
    "00 41 00 11 00 00 41 01 11 00 00 41 04 11 00 00 6a 6a 6a 6a 6a 6a 0b)"                        \
    "(00 41 05 24 00 d0 70 24 01 41 00 d0 70 fc 10 00 fc 11 00 41 01 40 00 1a 41 00 41 a5 01 3f "  \
    "00 41 80 80 04 6c fc 0b 00 0b)"                                                               \
    "(00 41 00 41 00 41 04 fc 08 00 00 0b) (00 41 00 41 00 41 01 fc 0c 00 00 0b))"                 \
    "0b(01 01 ('late'))"

enum { SUM = 3050133, PAGE = 65536 };

static wasm_status call(wasm_store *store, wasm_instance *instance, const char *name,
                        uint32_t *result)
{
    wasm_value got = {.i32 = 0};
    wasm_extern found;
    wasm_status status;

    if (!wasm_instance_export(instance, name, strlen(name), &found))
        return WASM_E_USAGE;
    status = wasm_call(store, found.of.func, NULL, &got);
    if (result != NULL)
        *result = got.i32;
    return status;
}

static void check_begins_with(const wasm_snapshot *snapshot, const wasm_limits *limits)
{
    wasm_store *store = wasm_store_new(limits, NULL);
    wasm_instance *instance = NULL;
    wasm_report report;
    uint8_t *base;
    uint64_t length;
    uint32_t sum = 0;

    REQUIRE(store != NULL);
    REQUIRE(wasm_instantiate_from(store, snapshot, NULL, &instance, &report) == WASM_OK);
    CHECK(call(store, instance, "sum", &sum) == WASM_OK);
    CHECK_EQ_UINT(sum, SUM);
    CHECK_EQ_INT(call(store, instance, "data", NULL), WASM_E_OOB_MEMORY);
    CHECK_EQ_INT(call(store, instance, "elem", NULL), WASM_E_OOB_TABLE);
    REQUIRE(wasm_memory_view(instance, 0, &base, &length));
    CHECK_EQ_UINT(length, 3 * PAGE);
    for (uint64_t i = 0; i < length; i++)
        if (base[i] != (i == 70000))
            CHECK(base[i] == (i == 70000));
    CHECK_EQ_UINT(wasm_store_memory_used(store), 3 * PAGE);
    CHECK(call(store, instance, "spoil", NULL) == WASM_OK);
    wasm_store_free(store);
}

TEST(an_instance_begins_where_another_was)
{
    wasm_slots *slots = wasm_slots_new(2);
    wasm_limits limits = wasm_limits_default();
    wasm_snapshot *snapshot = NULL;
    wasm_report report;
    uint32_t sum = 0;
    fixture f;

    REQUIRE(slots != NULL);
    REQUIRE(fixture_open(&f, MODULE_STATE, &limits, NULL, 0, NULL));
    REQUIRE(call(f.store, f.instance, "init", NULL) == WASM_OK);
    REQUIRE(wasm_snapshot_take(f.instance, &snapshot, &report) == WASM_OK);
    /* What becomes of the instance is its own affair. */
    CHECK(call(f.store, f.instance, "sum", &sum) == WASM_OK);
    CHECK_EQ_UINT(sum, SUM);
    CHECK(call(f.store, f.instance, "spoil", NULL) == WASM_OK);
    wasm_store_free(f.store);
    f.store = NULL;
    for (int round = 0; round < 3; round++) {
        for (uint32_t guarded = 0; guarded < 2; guarded++) {
            limits.guarded = guarded;
            limits.slots = NULL;
            check_begins_with(snapshot, &limits);
            limits.slots = slots;
            check_begins_with(snapshot, &limits);
        }
    }
    wasm_snapshot_free(snapshot);
    fixture_close(&f);
    wasm_slots_free(slots);
}

/* As large as the image is mapped, with more holes than it may have runs. */
TEST(a_large_state_is_mapped_and_nobody_sees_who_wrote)
{
    wasm_slots *slots = wasm_slots_new(2);
    wasm_limits limits = wasm_limits_default();
    wasm_snapshot *snapshot = NULL;
    wasm_instance *instance;
    wasm_report report;
    uint8_t *base;
    uint64_t length;
    fixture f;

    REQUIRE(slots != NULL);
    limits.slots = slots;
    REQUIRE(fixture_open(&f, "05(01 00 40) 07(01 ('m') 02 00)", &limits, NULL, 0, NULL));
    REQUIRE(wasm_memory_view(f.instance, 0, &base, &length));
    for (uint64_t at = 0; at < length; at += PAGE)
        base[at + at / PAGE] = (uint8_t)(at / PAGE + 1);
    REQUIRE(wasm_snapshot_take(f.instance, &snapshot, &report) == WASM_OK);
    wasm_store_free(f.store);
    f.store = NULL; /* the module is needed still */
    for (int round = 0; round < 4; round++) {
        wasm_store *store = wasm_store_new(&limits, NULL);
        unsigned wrong = 0;
        REQUIRE(store != NULL);
        REQUIRE(wasm_instantiate_from(store, snapshot, NULL, &instance, &report) == WASM_OK);
        REQUIRE(wasm_memory_view(instance, 0, &base, &length));
        for (uint64_t i = 0; i < length; i++)
            wrong += base[i] != (i % PAGE == i / PAGE ? i / PAGE + 1 : 0);
        CHECK_EQ_UINT(wrong, 0);
        memset(base, 0xA5, length);
        wasm_store_free(store);
    }
    wasm_snapshot_free(snapshot);
    fixture_close(&f);
    wasm_slots_free(slots);
}

TEST(a_state_that_is_too_large_for_the_limits_is_refused)
{
    wasm_limits limits = wasm_limits_default();
    wasm_snapshot *snapshot = NULL;
    wasm_instance *instance;
    wasm_report report;
    wasm_store *store;
    fixture f;

    REQUIRE(fixture_open(&f, MODULE_STATE, &limits, NULL, 0, NULL));
    REQUIRE(call(f.store, f.instance, "init", NULL) == WASM_OK);
    REQUIRE(wasm_snapshot_take(f.instance, &snapshot, &report) == WASM_OK);
    limits.memory_bytes = 2 * PAGE;
    store = wasm_store_new(&limits, NULL);
    REQUIRE(store != NULL);
    CHECK_EQ_INT(wasm_instantiate_from(store, snapshot, NULL, &instance, &report),
                 WASM_E_MEMORY_LIMIT);
    wasm_store_free(store);
    wasm_snapshot_free(snapshot);
    fixture_close(&f);
}

/* (type (struct)) (global (mut (ref null 0)) (ref.null 0)) (func (export "f") (global.set 0
 * (struct.new_default 0))) */
#define MODULE_OBJECT                                                                              \
    "01(02 5f 00 60 00 00) 03(01 01) 06(01 63 00 01 d0 00 0b) 07(01 ('f') 00 00)"                  \
    "0a(01 (00 fb 01 00 24 00 0b))"

TEST(what_cannot_be_kept_is_refused_with_a_reason)
{
    wasm_snapshot *snapshot = NULL;
    wasm_report report;
    wasm_bounds bounds = {.min = 1};
    wasm_extern import = {.kind = WASM_EXTERN_MEMORY};
    fixture f;

    REQUIRE(fixture_open(&f, MODULE_OBJECT, NULL, NULL, 0, NULL));
    CHECK(wasm_snapshot_take(f.instance, &snapshot, &report) == WASM_OK);
    wasm_snapshot_free(snapshot);
    REQUIRE(call(f.store, f.instance, "f", NULL) == WASM_OK);
    CHECK_EQ_INT(wasm_snapshot_take(f.instance, &snapshot, &report), WASM_E_SNAPSHOT);
    CHECK(snapshot == NULL);
    CHECK(strstr(report.detail, "collected heap") != NULL);
    fixture_close(&f);

    memset(&f, 0, sizeof f);
    f.module = fixture_load("02(01 ('h') ('m') 02 00 01)", &report);
    f.store = wasm_store_new(NULL, NULL);
    REQUIRE(f.module != NULL && f.store != NULL);
    REQUIRE(wasm_memory_new(f.store, &bounds, &import.of.memory) == WASM_OK);
    REQUIRE(wasm_instantiate(f.store, f.module, &import, &f.instance, &report) == WASM_OK);
    CHECK_EQ_INT(wasm_snapshot_take(f.instance, &snapshot, &report), WASM_E_SNAPSHOT);
    CHECK(strstr(report.detail, "imports a memory") != NULL);
    fixture_close(&f);
}
