/* SPDX-License-Identifier: Apache-2.0
 * memory_test.c — linear memories: limits, growth with and without a reservation, bulk operations,
 * and the image of the initial contents against a plain reading of the specification.
 */
/* layers: facade */
#include "unit.h"
#include "runtime_fixture.h"
#include "image.h"
#include "runtime.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 65536 };

/* (memory (export "m") 1) (func (export "f") (param i32) (result i32) (memory.grow (local.get 0)))
 */
#define MODULE_GROW                                                                                \
    "01(01 60 01 7f 01 7f) 03(01 00) 05(01 00 01) 07(02 ('f') 00 00 ('m') 02 00)"                  \
    "0a(01 (00 20 00 40 00 0b))"

static wasm_limits with_memory(uint64_t bytes)
{
    wasm_limits limits = wasm_limits_default();

    limits.memory_bytes = bytes;
    return limits;
}

static uint32_t grow(fixture *f, uint32_t pages)
{
    uint32_t result = 0;

    CHECK_EQ_INT(fixture_call(f, "f", pages, &result), WASM_OK);
    return result;
}

/* ---- limits ---------------------------------------------------------------------------------- */

TEST(growth_stops_at_the_cap)
{
    wasm_limits limits = with_memory(10 * PAGE);
    uint8_t *base, *again;
    uint64_t length;
    fixture f;

    REQUIRE(fixture_open(&f, MODULE_GROW, &limits, NULL, 0, NULL));
    CHECK_EQ_UINT(wasm_store_memory_used(f.store), PAGE);
    REQUIRE(wasm_memory_view(f.instance, 0, &base, &length));
    CHECK_EQ_UINT(length, PAGE);
    CHECK_EQ_UINT(grow(&f, 10), UINT32_MAX); /* all or nothing */
    CHECK_EQ_UINT(grow(&f, 9), 1);
    CHECK_EQ_UINT(grow(&f, 0), 10);
    CHECK_EQ_UINT(grow(&f, 1), UINT32_MAX);
    CHECK_EQ_UINT(grow(&f, UINT32_MAX), UINT32_MAX);
    REQUIRE(wasm_memory_view(f.instance, 0, &again, &length));
    CHECK_EQ_UINT(length, 10 * PAGE);
    CHECK(again == base); /* there was room: it did not move */
    memset(again, 0xAA, length);
    CHECK_EQ_UINT(wasm_store_memory_used(f.store), 10 * PAGE);
    CHECK_EQ_UINT(wasm_store_memory_peak(f.store), 10 * PAGE);
    CHECK(!wasm_memory_view(f.instance, 1, &base, &length));
    fixture_close(&f);
}

TEST(the_cap_counts_all_memories_of_the_store)
{
    wasm_limits limits = with_memory(3 * PAGE);
    wasm_bounds two = {.min = 2};
    wasm_memory *memory;
    fixture f;

    REQUIRE(fixture_open(&f, MODULE_GROW, &limits, NULL, 0, NULL));
    CHECK_EQ_INT(wasm_memory_new(f.store, &two, &memory), WASM_OK);
    CHECK_EQ_UINT(grow(&f, 1), UINT32_MAX);
    CHECK_EQ_INT(wasm_memory_new(f.store, &two, &memory), WASM_E_MEMORY_LIMIT);
    fixture_close(&f);
}

TEST(a_minimum_above_the_cap_is_refused)
{
    wasm_limits limits = with_memory(PAGE - 1);
    fixture f;

    CHECK(!fixture_open(&f, MODULE_GROW, &limits, NULL, 0, NULL));
    CHECK_EQ_INT(f.status, WASM_E_MEMORY_LIMIT);
    CHECK(f.report.detail[0] != '\0');
    fixture_close(&f);
}

TEST(a_declared_maximum_binds)
{
    /* As MODULE_GROW with a memory of 1 to 3 pages. */
    static const char text[] = "01(01 60 01 7f 01 7f) 03(01 00) 05(01 01 01 03) 07(01 ('f') 00 00)"
                               "0a(01 (00 20 00 40 00 0b))";
    fixture f;

    REQUIRE(fixture_open(&f, text, NULL, NULL, 0, NULL));
    CHECK_EQ_UINT(grow(&f, 3), UINT32_MAX);
    CHECK_EQ_UINT(grow(&f, 2), 1);
    CHECK_EQ_UINT(grow(&f, 1), UINT32_MAX);
    fixture_close(&f);
}

TEST(an_empty_memory_is_a_memory)
{
    static const char text[] = "01(01 60 01 7f 01 7f) 03(01 00) 05(01 00 00) 07(01 ('f') 00 00)"
                               "0a(01 (00 20 00 40 00 0b))";
    uint8_t *base;
    uint64_t length;
    fixture f;

    REQUIRE(fixture_open(&f, text, NULL, NULL, 0, NULL));
    REQUIRE(wasm_memory_view(f.instance, 0, &base, &length));
    CHECK_EQ_UINT(length, 0);
    CHECK(base != NULL);
    CHECK_EQ_UINT(grow(&f, 1), 0);
    REQUIRE(wasm_memory_view(f.instance, 0, &base, &length));
    memset(base, 1, length);
    fixture_close(&f);
}

/* ---- without address space ------------------------------------------------------------------- */

/* In a process whose address space is nearly used up: what the memory can reserve elsewhere is
 * refused here. Returns what went wrong, 0 for nothing. */
static int grow_without_reservation(void)
{
    wasm_limits limits = with_memory((uint64_t)4 << 30);
    limits.guarded = 4; /* is refused as well */
    unsigned long pages = 0;
    struct rlimit limit;
    uint64_t length;
    uint8_t *base;
    uint32_t got;
    fixture f;
    FILE *statm = fopen("/proc/self/statm", "r");

    if (statm == NULL || fscanf(statm, "%lu", &pages) != 1)
        return 1;
    fclose(statm);
    limit.rlim_cur = limit.rlim_max =
        (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + ((rlim_t)128 << 20);
    if (setrlimit(RLIMIT_AS, &limit) != 0)
        return 2;
    if (!fixture_open(&f, MODULE_GROW, &limits, NULL, 0, NULL))
        return 3;
    if (!f.store->memories->moves || f.store->memories->guarded)
        return 4; /* the reservation was not refused: the test tests nothing */
    for (uint32_t round = 0; round < 20; round++) {
        if (!wasm_memory_view(f.instance, 0, &base, &length) || length != (1 + 10 * round) * PAGE)
            return 5;
        memset(base + length - PAGE, (int)round + 1, PAGE);
        if (fixture_call(&f, "f", 10, &got) != WASM_OK || got != 1 + 10 * round)
            return 6;
    }
    if (!wasm_memory_view(f.instance, 0, &base, &length))
        return 7;
    for (uint32_t round = 0; round < 20; round++)
        if (base[10 * round * PAGE] != round + 1 || base[(10 * round + 1) * PAGE] != 0)
            return 8;
    /* More than the system gives: -1, and all is as before. */
    if (fixture_call(&f, "f", 8192, &got) != WASM_OK || got != UINT32_MAX)
        return 9;
    if (!wasm_memory_view(f.instance, 0, &base, &length) || length != 201 * PAGE || base[0] != 1)
        return 10;
    fixture_close(&f);
    return 0;
}

TEST(memory_grows_where_no_address_space_can_be_reserved)
{
    int status = -1;

    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        _exit(grow_without_reservation());
    REQUIRE(child > 0);
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK_EQ_INT(WEXITSTATUS(status), 0);
}

/* ---- guarded memories ------------------------------------------------------------------------ */

TEST(a_guarded_memory_has_all_that_an_address_can_reach)
{
    wasm_limits limits = with_memory(10 * PAGE);
    uint8_t *base;
    uint64_t length;
    fixture f;

    if (!wasm_guard_available())
        return; /* no address space for it: the other forms are tested below */
    REQUIRE(fixture_open(&f, MODULE_GROW, &limits, NULL, 0, NULL));
    CHECK(!f.store->memories->guarded); /* nobody asked for it */
    fixture_close(&f);
    limits.guarded = 4;
    REQUIRE(fixture_open(&f, MODULE_GROW, &limits, NULL, 0, NULL));
    CHECK(f.store->memories->guarded);
    CHECK(!f.store->memories->moves);
    CHECK(f.store->memories->reserved >= ((uint64_t)4 << 30) + NATIVE_GUARD_BYTES + 16);
    base = f.store->memories->base;
    CHECK_EQ_UINT(grow(&f, 10), UINT32_MAX); /* the cap binds, not the reservation */
    CHECK_EQ_UINT(grow(&f, 9), 1);
    REQUIRE(wasm_memory_view(f.instance, 0, &base, &length));
    CHECK(base == f.store->memories->base);
    CHECK_EQ_UINT(length, 10 * PAGE);
    memset(base, 0xAA, length);
    CHECK_EQ_UINT(wasm_store_memory_used(f.store), 10 * PAGE);
    fixture_close(&f);
}

TEST(only_the_first_memories_of_plain_kind_are_guarded)
{
    static const wasm_bounds plain = {.min = 1}, wide = {.min = 1, .is_64 = true},
                             bytes = {.min = 1, .byte_pages = true};
    wasm_limits limits = with_memory(64 * PAGE);
    wasm_memory *memory;
    unsigned guarded = 0;

    if (!wasm_guard_available())
        return; /* no address space for it: the other forms are tested below */
    limits.guarded = 4;
    wasm_store *store = wasm_store_new(&limits, NULL);
    REQUIRE(store != NULL);
    REQUIRE(wasm_memory_new(store, &wide, &memory) == WASM_OK);
    CHECK(!memory->guarded);
    REQUIRE(wasm_memory_new(store, &bytes, &memory) == WASM_OK);
    CHECK(!memory->guarded);
    for (int i = 0; i < 32; i++) {
        REQUIRE(wasm_memory_new(store, &plain, &memory) == WASM_OK);
        guarded += memory->guarded;
    }
    CHECK_EQ_UINT(guarded, 4);
    CHECK(!memory->guarded);
    wasm_store_free(store);
}

/* A memory that may become larger than any reservation. Where the system does not give so much, it
 * must say so and leave all as it was; whether it does, the first of two equal memories finds out.
 */
TEST(memory_grows_beyond_the_largest_reservation)
{
    const uint64_t steps[2][2] = {{4 * 16384, 4 * 16384 + 1}, {8 * 16384 + 1, 0}};
    wasm_limits limits = with_memory((uint64_t)16 << 30);
    wasm_bounds bounds = {.min = 1, .is_64 = true};
    uint64_t lengths[2];

    for (int way = 0; way < 2; way++) { /* up to the reservation and then on; all at once */
        wasm_store *store = wasm_store_new(&limits, NULL);
        wasm_memory *memory;
        REQUIRE(store != NULL);
        REQUIRE(wasm_memory_new(store, &bounds, &memory) == WASM_OK);
        CHECK(memory->moves);
        memory->base[PAGE - 1] = 0x5A;
        for (int i = 0; i < 2; i++) {
            uint64_t pages = memory->length / PAGE;
            uint64_t old = memory_grow(memory, steps[way][i]);
            CHECK_EQ_UINT(memory->length / PAGE, old == UINT64_MAX ? pages : pages + steps[way][i]);
        }
        CHECK_EQ_UINT(memory->base[PAGE - 1], 0x5A);
        CHECK_EQ_UINT(memory->base[memory->length - 1], memory->length == PAGE ? 0x5A : 0);
        lengths[way] = memory->length;
        wasm_store_free(store);
    }
    CHECK_EQ_UINT(lengths[0], lengths[1]);
}

/* ---- bulk operations ------------------------------------------------------------------------- */

/* Unlike any other byte nearby, so that a shift by one shows. */
static uint8_t pattern(size_t i)
{
    return (uint8_t)(i * 31 + (i >> 8) * 7 + (i >> 16));
}

TEST(copies_across_chunks_may_overlap)
{
    enum { SIZE = 80 * PAGE };
    static const struct {
        uint32_t to, from, count;
    } rows[] = {
        {0, 1, SIZE - 1},
        {1, 0, SIZE - 1},
        {1 << 20, 0, SIZE - (1 << 20)},
        {0, 1 << 20, 3 << 20},
        {100, 200, (1 << 20) + 1},
        {200, 100, (1 << 20) + 1},
        {3 << 20, 1 << 20, 3 << 19},
        {7, 7, SIZE - 7},
        {SIZE, 0, 0},
        {0, SIZE, 0},
    };
    wasm_store *store = wasm_store_new(NULL, NULL);
    wasm_bounds bounds = {.min = 80};
    uint8_t *expected = malloc(SIZE);
    wasm_memory *memory;

    REQUIRE(store != NULL && expected != NULL);
    REQUIRE(wasm_memory_new(store, &bounds, &memory) == WASM_OK);
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        CASE("copy %u bytes from %u to %u", rows[row].count, rows[row].from, rows[row].to);
        for (size_t i = 0; i < SIZE; i++)
            expected[i] = memory->base[i] = pattern(i);
        memmove(expected + rows[row].to, expected + rows[row].from, rows[row].count);
        CHECK_EQ_INT(memory_copy(memory, rows[row].to, memory, rows[row].from, rows[row].count),
                     WASM_OK);
        CHECK_EQ_MEM(memory->base, SIZE, expected, SIZE);
    }
    free(expected);
    wasm_store_free(store);
}

TEST(bulk_operations_check_the_whole_range_first)
{
    wasm_store *store = wasm_store_new(NULL, NULL);
    wasm_bounds bounds = {.min = 1};
    wasm_memory *memory;

    REQUIRE(store != NULL);
    REQUIRE(wasm_memory_new(store, &bounds, &memory) == WASM_OK);
    CHECK_EQ_INT(memory_fill(memory, 1, 0xFF, PAGE), WASM_E_OOB_MEMORY);
    CHECK_EQ_INT(memory_fill(memory, PAGE + 1, 0xFF, 0), WASM_E_OOB_MEMORY);
    CHECK_EQ_INT(memory_fill(memory, UINT64_MAX, 0xFF, 2), WASM_E_OOB_MEMORY);
    CHECK_EQ_INT(memory_copy(memory, 0, memory, PAGE - 1, 2), WASM_E_OOB_MEMORY);
    CHECK_EQ_INT(memory_copy(memory, PAGE - 1, memory, 0, 2), WASM_E_OOB_MEMORY);
    CHECK_EQ_INT(memory_copy(memory, 0, memory, 1, UINT64_MAX), WASM_E_OOB_MEMORY);
    for (size_t i = 0; i < PAGE; i++)
        if (memory->base[i] != 0)
            FAIL("byte %zu was written by an operation that trapped", i);
    CHECK_EQ_INT(memory_fill(memory, PAGE, 0xFF, 0), WASM_OK);
    CHECK_EQ_INT(memory_fill(memory, 0, 0xFF, PAGE), WASM_OK);
    wasm_store_free(store);
}

TEST(an_interrupted_store_stops_bulk_operations_between_chunks)
{
    wasm_store *store = wasm_store_new(NULL, NULL);
    wasm_bounds bounds = {.min = 64};
    wasm_memory *memory;

    REQUIRE(store != NULL);
    REQUIRE(wasm_memory_new(store, &bounds, &memory) == WASM_OK);
    wasm_store_interrupt(store, WASM_E_DEADLINE);
    CHECK_EQ_INT(memory_fill(memory, 0, 1, 64 * PAGE), WASM_E_DEADLINE);
    CHECK_EQ_INT(memory_copy(memory, 0, memory, 1, 32 * PAGE), WASM_E_DEADLINE);
    wasm_store_free(store);
}

/* ---- the image ------------------------------------------------------------------------------- */

/* A module with one memory and data segments that a test adds, as bytes and as what memory must be
 * afterwards. */
typedef struct data_module {
    text_buffer segments;
    uint32_t count;
    uint8_t *memory; /* expected */
    uint32_t pages;
} data_module;

static void put_const(text_buffer *b, uint32_t value)
{
    int64_t left = (int32_t)value;
    uint8_t byte = 0x41;

    text_put(b, &byte, 1);
    for (bool more = true; more;) { /* signed LEB128 */
        byte = (uint8_t)(left & 0x7F);
        left = left >= 0 ? left >> 7 : -1 - ((-1 - left) >> 7);
        more = !((left == 0 && !(byte & 0x40)) || (left == -1 && (byte & 0x40)));
        byte = (uint8_t)(byte | (more ? 0x80 : 0));
        text_put(b, &byte, 1);
    }
    byte = 0x0B;
    text_put(b, &byte, 1);
}

/* Adds an active segment; expected memory follows if it fits. */
static void add_data(data_module *m, uint32_t at, const uint8_t *bytes, uint32_t length)
{
    uint8_t flags = 0;

    text_put(&m->segments, &flags, 1);
    put_const(&m->segments, at);
    text_put_leb(&m->segments, length);
    text_put(&m->segments, bytes, length);
    m->count++;
    if ((uint64_t)at + length <= (uint64_t)m->pages * PAGE)
        memcpy(m->memory + at, bytes, length);
}

static void data_module_begin(data_module *m, uint32_t pages)
{
    *m = (data_module){.pages = pages, .memory = calloc(pages, PAGE)};
}

/* Loads it; `before` are further sections that stand between memory and data. */
static wasm_module *data_module_load(data_module *m, const char *before, wasm_report *report)
{
    text_buffer file = {0}, body = {0};
    wasm_module *module = NULL;
    uint8_t id = 5;
    size_t length;
    uint8_t *sections = text_bytes(before, &length);

    text_put(&file, "\0asm\1\0\0\0", 8);
    text_put(&body, "\1\0", 2);
    text_put_leb(&body, m->pages);
    text_put(&file, &id, 1);
    text_put_leb(&file, body.length);
    text_put(&file, body.bytes, body.length);
    text_put(&file, sections, length);
    body.length = 0;
    text_put_leb(&body, m->count);
    text_put(&body, m->segments.bytes, m->segments.length);
    id = 11;
    text_put(&file, &id, 1);
    text_put_leb(&file, body.length);
    text_put(&file, body.bytes, body.length);
    wasm_module_load(file.bytes, file.length, NULL, &module, report);
    free(sections);
    free(file.bytes);
    free(body.bytes);
    return module;
}

static void data_module_end(data_module *m)
{
    free(m->segments.bytes);
    free(m->memory);
}

/* Instantiates `module` in a store of its own and compares its memory with what is expected. */
static void check_instance(const data_module *m, const wasm_module *module, wasm_status expected)
{
    wasm_store *store = wasm_store_new(NULL, NULL);
    wasm_instance *instance;
    const wasm_memory *memory;

    REQUIRE(store != NULL);
    CHECK_EQ_INT(wasm_instantiate(store, module, NULL, &instance, NULL), expected);
    memory = store->memories;
    if (CHECK(memory != NULL)) {
        CHECK_EQ_MEM(memory->base, memory->length, m->memory, (size_t)m->pages * PAGE);
        memset(memory->base, 0xEE, memory->length); /* nobody else may see this */
    }
    wasm_store_free(store);
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

TEST(image_equals_segments_in_order)
{
    uint32_t state = 42;
    wasm_report report;
    data_module m;

    /* From what is copied to what is mapped. */
    for (uint32_t pages = 1; pages <= 16; pages *= 4) {
        uint8_t bytes[600];
        CASE("%u pages", pages);
        data_module_begin(&m, pages);
        for (int i = 0; i < 2000; i++) {
            uint32_t length = next_random(&state) % sizeof bytes;
            for (uint32_t k = 0; k < length; k++)
                bytes[k] = (uint8_t)next_random(&state);
            add_data(&m, next_random(&state) % (pages * PAGE - length), bytes, length);
        }
        wasm_module *module = data_module_load(&m, "", &report);
        if (CHECK(module != NULL)) {
            CHECK_EQ_UINT(image_segments(module), 2000);
            for (int i = 0; i < 3; i++)
                check_instance(&m, module, WASM_OK);
        }
        wasm_module_free(module);
        data_module_end(&m);
    }
}

TEST(image_reaches_to_the_last_byte)
{
    static uint8_t bytes[3 * PAGE];
    wasm_report report;
    data_module m;

    memset(bytes, 0x5A, sizeof bytes);
    data_module_begin(&m, 3);
    add_data(&m, 0, bytes, sizeof bytes);
    add_data(&m, 3 * PAGE, bytes, 0); /* at the end, empty: allowed */
    wasm_module *module = data_module_load(&m, "", &report);
    if (CHECK(module != NULL)) {
        CHECK_EQ_UINT(image_segments(module), 2);
        check_instance(&m, module, WASM_OK);
    }
    wasm_module_free(module);
    data_module_end(&m);
}

TEST(scattered_segments_do_without_an_image)
{
    static const uint8_t bytes[] = {1, 2, 3};
    wasm_report report;
    data_module m;

    data_module_begin(&m, 64);
    for (uint32_t page = 0; page < 64; page++)
        add_data(&m, page * PAGE + 5, bytes, sizeof bytes);
    wasm_module *module = data_module_load(&m, "", &report);
    if (CHECK(module != NULL)) {
        CHECK_EQ_UINT(image_segments(module), 0);
        check_instance(&m, module, WASM_OK);
    }
    wasm_module_free(module);
    data_module_end(&m);
}

TEST(a_segment_out_of_bounds_traps_after_those_before_it)
{
    static uint8_t bytes[40000];
    wasm_report report;
    data_module m;

    memset(bytes, 0x77, sizeof bytes);
    data_module_begin(&m, 1);
    add_data(&m, 1000, bytes, sizeof bytes);
    add_data(&m, PAGE - 2, bytes, 3);
    wasm_module *module = data_module_load(&m, "", &report);
    if (CHECK(module != NULL)) {
        CHECK_EQ_UINT(image_segments(module), 1);
        check_instance(&m, module, WASM_E_OOB_MEMORY);
    }
    wasm_module_free(module);
    data_module_end(&m);

    /* What stands behind it must not have been written. */
    data_module_begin(&m, 1);
    add_data(&m, PAGE, bytes, 1);
    wasm_module *second;
    uint8_t *expected = calloc(1, PAGE);
    REQUIRE(expected != NULL);
    add_data(&m, 0, bytes, sizeof bytes);
    memcpy(m.memory, expected, PAGE);
    second = data_module_load(&m, "", &report);
    if (CHECK(second != NULL))
        check_instance(&m, second, WASM_E_OOB_MEMORY);
    wasm_module_free(second);
    free(expected);
    data_module_end(&m);
}

TEST(elements_trap_before_data_is_written)
{
    static uint8_t bytes[40000];
    wasm_report report;
    data_module m;
    text_buffer file = {0};
    size_t length;

    memset(bytes, 0x77, sizeof bytes);
    data_module_begin(&m, 1);
    add_data(&m, 0, bytes, sizeof bytes);
    memset(m.memory, 0, PAGE);
    /* type, function, table 1, memory 1, elem at 1 (too far), code, data */
    uint8_t *head = module_text("01(01 60 00 00) 03(01 00) 04(01 70 00 01) 05(01 00 01)"
                                "09(01 00 41 01 0b 01 00) 0a(01 (00 0b))",
                                &length);
    text_buffer body = {0};
    text_put(&file, head, length);
    free(head);
    text_put_leb(&body, m.count);
    text_put(&body, m.segments.bytes, m.segments.length);
    text_put(&file, "\x0b", 1);
    text_put_leb(&file, body.length);
    text_put(&file, body.bytes, body.length);
    wasm_module *module = NULL;
    CHECK_EQ_INT(wasm_module_load(file.bytes, file.length, NULL, &module, &report), WASM_OK);
    if (module != NULL) {
        CHECK_EQ_UINT(image_segments(module), 1);
        check_instance(&m, module, WASM_E_OOB_TABLE);
    }
    wasm_module_free(module);
    free(body.bytes);
    free(file.bytes);
    data_module_end(&m);
}

TEST(an_image_is_counted_and_a_small_quota_does_without)
{
    static uint8_t bytes[10 * PAGE];
    wasm_load_options options = {.quota = 0};
    wasm_module_info roomy;
    wasm_report report;
    data_module m;

    /* Mostly zero, so that the file is what counts. */
    bytes[0] = bytes[sizeof bytes - 1] = 1;
    data_module_begin(&m, 10);
    add_data(&m, 0, bytes, sizeof bytes);
    wasm_module *module = data_module_load(&m, "", &report);
    REQUIRE(module != NULL);
    CHECK_EQ_UINT(image_segments(module), 1);
    wasm_module_describe(module, &roomy);
    CHECK(roomy.allocated_bytes >= 2 * sizeof bytes); /* the file and the image */

    size_t length = module->length;
    uint8_t *file = malloc(length);
    REQUIRE(file != NULL);
    memcpy(file, module->bytes, length);
    wasm_module_free(module);
    options.quota = roomy.allocated_bytes - 4096;
    module = NULL;
    CHECK_EQ_INT(wasm_module_load(file, length, &options, &module, &report), WASM_OK);
    if (module != NULL) {
        CHECK_EQ_UINT(image_segments(module), 0);
        check_instance(&m, module, WASM_OK);
    }
    wasm_module_free(module);
    options.quota = length / 2;
    module = NULL;
    CHECK_EQ_INT(wasm_module_load(file, length, &options, &module, &report), WASM_E_QUOTA);
    CHECK(module == NULL);
    free(file);
    data_module_end(&m);
}

TEST(only_passive_segments_can_be_copied_later)
{
    /* (memory 1) (data (i32.const 0) "ab") (data "cd")
     * (func (export "f") (param i32) (memory.init 0 (i32.const 8) (i32.const 0) (local.get 0)))
     * (func (export "g") (param i32) (memory.init 1 (i32.const 8) (i32.const 0) (local.get 0)))
     * (func (export "d") (param i32) (data.drop 1)) */
    static const char text[] = "01(01 60 01 7f 00) 03(03 00 00 00) 05(01 00 01)"
                               "07(03 ('f') 00 00 ('g') 00 01 ('d') 00 02) 0c(02)"
                               "0a(03 (00 41 08 41 00 20 00 fc 08 00 00 0b)"
                               "(00 41 08 41 00 20 00 fc 08 01 00 0b) (00 fc 09 01 0b))"
                               "0b(02 00 41 00 0b ('ab') 01 ('cd'))";
    uint8_t *base;
    uint64_t length;
    fixture f;

    REQUIRE(fixture_open(&f, text, NULL, NULL, 0, NULL));
    REQUIRE(wasm_memory_view(f.instance, 0, &base, &length));
    CHECK_EQ_INT(fixture_call(&f, "f", 0, NULL), WASM_OK);
    CHECK_EQ_INT(fixture_call(&f, "f", 1, NULL), WASM_E_OOB_MEMORY);
    CHECK_EQ_INT(fixture_call(&f, "g", 3, NULL), WASM_E_OOB_MEMORY);
    CHECK_EQ_INT(fixture_call(&f, "g", 2, NULL), WASM_OK);
    CHECK_EQ_MEM(base, 10, "ab\0\0\0\0\0\0cd", 10);
    CHECK_EQ_INT(fixture_call(&f, "d", 0, NULL), WASM_OK);
    CHECK_EQ_INT(fixture_call(&f, "g", 0, NULL), WASM_OK);
    CHECK_EQ_INT(fixture_call(&f, "g", 1, NULL), WASM_E_OOB_MEMORY);
    fixture_close(&f);
}
