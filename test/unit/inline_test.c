/* SPDX-License-Identifier: Apache-2.0
 * inline_test.c — bodies that are built in place of their calls: nobody can tell. What a guest
 * computes, where it traps, through which frames and with how much fuel left is as the interpreter
 * has it; an invalid body is refused as if nobody had looked into it; and it makes no difference
 * who compiled what. (What form a body takes: build_test.c.)
 * layers: facade
 *
 * Memory:  each fixture's.
 * Threads: the compiler's.
 */
#include <string.h>

#include "compile.h"
#include "runtime_fixture.h"
#include "unit.h"

enum { FRAMES = 8 };

/* Type 0: (i32) -> i32, 1: (i32 i32) -> i32, 2: (i32) -> (i32 i32), 3: (i32) -> (). */
#define TYPES "01(04 60 01 7f 01 7f 60 02 7f 7f 01 7f 60 01 7f 02 7f 7f 60 01 7f 00)"
/* Function 0 or 1 is "f"; there is a memory of one page, and a global. */
#define TWO(type, callee, f)                                                                       \
    TYPES "03(02 " type " 00) 05(01 00 01) 06(01 7f 01 41 05 0b) 07(01 ('f') 00 01)"               \
          "0a(02 (" callee "0b) (" f "0b))"
#define THREE(type, types, first, second, f)                                                       \
    TYPES "03(03 " type " " types " 00) 05(01 00 01) 07(01 ('f') 00 02)"                           \
          "0a(03 (" first "0b) (" second "0b) (" f "0b))"

static const struct guest {
    const char *name, *text;
    uint32_t arguments[4];
} guests[] = {
    {"a load", TWO("00", "00 20 00 28 02 04", "00 41 01 20 00 10 00 6a"), {0, 65528, 65529, ~0u}},
    {"a store",
     TWO("03", "00 20 00 20 00 36 02 00", "00 20 00 10 00 20 00 28 02 00"),
     {0, 65532, 65533, ~0u}},
    {"a division, twice",
     TWO("00", "00 41 e4 00 20 00 6d", "00 20 00 10 00 20 00 41 01 6b 10 00 6a"),
     {0, 1, 2, ~0u}},
    {"a conversion", TWO("00", "00 20 00 b2 43 00 00 80 4f 94 a8", "00 20 00 10 00"), {0, 1, 2, 9}},
    {"unreachable", TWO("00", "00 20 00 04 40 00 0b 41 03", "00 20 00 10 00"), {0, 1}},
    {"nothing but unreachable",
     TWO("00", "00 00", "00 20 00 04 7f 20 00 10 00 05 41 08 0b"),
     {0, 1}},
    {"a global", TWO("00", "00 23 00 20 00 24 00", "00 20 00 10 00 20 00 10 00 6a"), {7, 8}},
    {"two results", TWO("02", "00 20 00 20 00 41 0a 6c", "00 41 03 20 00 10 00 6b 6a"), {7, 8}},
    {"a branch to its end", TWO("00", "00 20 00 20 00 0d 00 41 05 6a", "00 20 00 10 00"), {0, 8}},
    {"a return", TWO("00", "00 20 00 04 40 41 07 0f 0b 41 09", "00 20 00 10 00 41 01 6a"), {0, 8}},
    {"a return of two",
     TWO("02", "00 41 01 20 00 20 00 0d 00 0f", "00 41 63 20 00 10 00 41 07 6c 6a 6a"),
     {0, 8}},
    /* a local that is 0 each time, in a loop; what the caller has in blocks meanwhile */
    {"locals",
     TWO("00", "01 02 7f 20 01 20 00 6a 22 01 20 02 6a",
         "01 01 7f 03 40 20 01 20 00 10 00 6a 21 01 20 00 41 01 6b 22 00 0d 00 0b 20 01"),
     {1, 5, 2, 3}},
    {"values in blocks",
     TWO("01", "01 01 7f 20 00 20 01 4a 04 7f 20 00 05 20 01 0b",
         "00 02 7f 41 01 02 7f 41 02 41 03 20 00 0d 01 20 00 10 00 41 07 20 00 10 00 6a 6a 0b 6a "
         "0b"),
     {0, 1}},
    {"one in one",
     THREE("00", "00", "00 41 64 20 00 6d", "00 20 00 10 00 41 01 6a",
           "00 20 00 10 01 20 00 41 01 6b 10 01 6a"),
     {0, 1, 2, 3}},
    {"a call of one with a loop",
     THREE("00", "00", "00 03 40 20 00 41 01 6b 22 00 0d 00 0b 41 00 28 02 00", "00 20 00 10 00",
           "00 20 00 10 01"),
     {1, 4, 2, 3}},
    {"one that calls the other",
     THREE("00", "00", "00 20 00 45 04 7f 41 00 05 20 00 41 01 6b 10 01 41 01 6a 0b",
           "00 20 00 10 00", "00 20 00 10 00"),
     {0, 1, 2, 900}},
    {"one that calls itself",
     TWO("00", "00 20 00 45 04 7f 41 00 05 20 00 41 01 6b 10 00 41 01 6a 0b", "00 20 00 10 00"),
     {0, 1, 2, 900}},
};
enum { GUESTS = sizeof guests / sizeof guests[0] };

typedef struct outcome {
    wasm_status status;
    uint32_t result;
    uint32_t func;
    uint64_t offset, fuel_left;
    size_t frame_count;
    uint32_t funcs[FRAMES];
    uint64_t offsets[FRAMES];
} outcome;

typedef enum way { INTERPRETED, GUARDED, EXPLICIT } way;

/* False where there is no compiler, which the test then says. */
static bool is_possible(void)
{
    if (compile_available())
        return true;
    printf("# skipped: there is no compiler for this processor\n");
    return false;
}

static outcome run(const char *text, way how, uint32_t argument, uint64_t fuel)
{
    const wasm_compile_options compile = {.explicit_checks = how == EXPLICIT};
    wasm_limits limits = wasm_limits_default();
    wasm_frame frames[FRAMES];
    outcome o = {.status = WASM_E_USAGE};
    fixture f;

    memset(&f, 0, sizeof f);
    limits.fuel = fuel;
    limits.guarded = how == GUARDED;
    f.module = fixture_load(text, &f.report);
    f.store = wasm_store_new(&limits, NULL);
    if (f.module && f.store &&
        (how == INTERPRETED || wasm_module_compile(f.module, &compile, &f.report) == WASM_OK) &&
        fixture_instantiate(&f, NULL, 0) == WASM_OK) {
        o.status = fixture_call(&f, "f", argument, &o.result);
        o.fuel_left = wasm_store_fuel_left(f.store);
        if (o.status != WASM_OK) {
            o.result = 0;
            o.func = wasm_store_report(f.store)->func;
            o.offset = wasm_store_report(f.store)->offset;
            o.frame_count = wasm_store_backtrace(f.store, frames, FRAMES);
        }
        for (size_t i = 0; i < o.frame_count; i++) {
            o.funcs[i] = frames[i].func;
            o.offsets[i] = frames[i].offset;
        }
    }
    fixture_close(&f);
    return o;
}

static void compare(const outcome *one, const outcome *other)
{
    CHECK_EQ_INT(other->status, one->status);
    CHECK_EQ_UINT(other->result, one->result);
    CHECK_EQ_UINT(other->fuel_left, one->fuel_left);
    CHECK_EQ_UINT(other->func, one->func);
    CHECK_EQ_UINT(other->offset, one->offset);
    CHECK_EQ_UINT(other->frame_count, one->frame_count);
    for (size_t i = 0; i < one->frame_count; i++) {
        CHECK_EQ_UINT(other->funcs[i], one->funcs[i]);
        CHECK_EQ_UINT(other->offsets[i], one->offsets[i]);
    }
}

TEST(results_and_traces_are_the_interpreters)
{
    wasm_report report;

    if (!is_possible() || wasm_faults_handle(&report) != WASM_OK)
        return;
    for (size_t g = 0; g < GUESTS; g++) {
        for (size_t i = 0; i < 4; i++) {
            const uint32_t argument = guests[g].arguments[i];
            const outcome expected = run(guests[g].text, INTERPRETED, argument, WASM_FUEL_OFF);

            CASE("%s of %u", guests[g].name, (unsigned)argument);
            CHECK(expected.status != WASM_E_USAGE);
            for (way how = GUARDED; how <= EXPLICIT; how++) {
                const outcome found = run(guests[g].text, how, argument, WASM_FUEL_OFF);

                compare(&expected, &found);
            }
        }
    }
}

/* The frames are those of functions that were called, from within outwards. */
TEST(a_trap_shows_all_frames)
{
    static const char text[] = THREE("00", "00", "00 20 00 28 02 00", "00 20 00 10 00 41 01 6a",
                                     "00 41 00 10 01 1a 20 00 10 01");
    static const uint8_t opcodes[] = {0x28, 0x10, 0x10};
    size_t length;
    uint8_t *bytes;
    outcome o;

    if (!is_possible())
        return;
    bytes = module_text(text, &length);
    o = run(text, EXPLICIT, ~0u, WASM_FUEL_OFF);
    CHECK_EQ_INT(o.status, WASM_E_OOB_MEMORY);
    CHECK_EQ_UINT(o.func, 0);
    REQUIRE(o.frame_count == 3);
    for (uint32_t i = 0; i < 3; i++) {
        CHECK_EQ_UINT(o.funcs[i], i);
        if (CHECK(o.offsets[i] < length))
            CHECK_EQ_UINT(bytes[o.offsets[i]], opcodes[i]);
    }
    /* the second of the two calls */
    CHECK(o.offsets[2] + 3 == length);
    free(bytes);
}

/* With each amount of fuel both stop at the same instruction, and have the same left. */
TEST(fuel_is_the_interpreters)
{
    enum { ENOUGH = 90 };

    if (!is_possible())
        return;
    for (size_t g = 0; g < GUESTS; g++) {
        for (uint64_t fuel = 0; fuel < ENOUGH; fuel += 1 + fuel / 30) {
            const uint32_t argument = guests[g].arguments[1];
            const outcome expected = run(guests[g].text, INTERPRETED, argument, fuel);
            const outcome found = run(guests[g].text, EXPLICIT, argument, fuel);

            CASE("%s, fuel %u", guests[g].name, (unsigned)fuel);
            compare(&expected, &found);
        }
    }
}

/* ---- what is refused ------------------------------------------------------------------------- */

static wasm_report refusal(const char *text, bool by_compiler)
{
    static const wasm_compile_options how = {0};
    const wasm_load_options options = {.tier = by_compiler ? WASM_TIER_COMPILER : WASM_TIER_AUTO,
                                       .compile = &how};
    wasm_module *module = NULL;
    wasm_report report = {0};
    size_t length;
    uint8_t *bytes = module_text(text, &length);

    wasm_module_load(bytes, length, &options, &module, &report);
    wasm_module_free(module);
    free(bytes);
    return report;
}

TEST(an_invalid_body_is_refused_in_its_own_turn)
{
    /* The first function calls the last, which is not valid; that of the others is the first that
     * is found. */
    static const struct {
        const char *name, *text;
    } modules[] = {
        {"a type", TYPES "03(02 00 00) 0a(02 (00 20 00 10 01 0b) (00 20 00 92 0b))"},
        {"no result", TYPES "03(02 00 00) 0a(02 (00 20 00 10 01 0b) (00 0b))"},
        {"no end", TYPES "03(02 00 00) 0a(02 (00 20 00 10 01 0b) (00 20 00))"},
        {"an opcode", TYPES "03(02 00 00) 0a(02 (00 20 00 10 01 0b) (00 20 00 ff 0b))"},
        {"locals", TYPES "03(02 00 00) 0a(02 (00 20 00 10 01 0b) (01 ff ff ff ff 0f 7f 20 00 0b))"},
        {"no function", TYPES "03(02 00 00) 0a(02 (00 20 00 10 01 0b) (00 20 00 10 09 0b))"},
        {"one before it",
         TYPES "03(03 00 00 00) 0a(03 (00 20 00 10 02 0b) (00 20 01 0b) (00 20 00 92 0b))"},
        {"one that calls it",
         TYPES "03(03 00 00 00) 0a(03 (00 20 00 10 01 0b) (00 20 00 10 02 0b) (00 20 00 92 0b))"},
    };

    if (!is_possible())
        return;
    for (size_t i = 0; i < sizeof modules / sizeof modules[0]; i++) {
        const wasm_report expected = refusal(modules[i].text, false);
        const wasm_report found = refusal(modules[i].text, true);

        CASE("%s", modules[i].name);
        CHECK(expected.status != WASM_OK);
        CHECK_EQ_INT(found.status, expected.status);
        CHECK_EQ_UINT(found.func, expected.func);
        CHECK_EQ_UINT(found.offset, expected.offset);
        CHECK_EQ_STR(found.detail, expected.detail);
    }
}

/* ---- who compiles what ----------------------------------------------------------------------- */

typedef struct kept {
    uint8_t *bytes;
    size_t length;
} kept;

static void keep(void *baton, const char *name, const uint8_t *bytes, size_t length)
{
    kept *k = baton;

    (void)name;
    k->bytes = malloc(length);
    k->length = k->bytes ? length : 0;
    if (k->bytes)
        memcpy(k->bytes, bytes, length);
}

static kept compiled(const uint8_t *bytes, size_t length, uint32_t threads)
{
    kept k = {0};
    const wasm_compile_options how = {.threads = threads, .file = keep, .file_baton = &k};
    const wasm_load_options options = {.tier = WASM_TIER_COMPILER, .compile = &how};
    wasm_module *module = NULL;
    wasm_report report;

    CHECK_EQ_INT(wasm_module_load(bytes, length, &options, &module, &report), WASM_OK);
    wasm_module_free(module);
    return k;
}

/* Functions that call the next two of them, around a circle: some are tiny, some call tiny ones,
 * and what is found first depends on who looks. */
TEST(the_code_is_the_same_whoever_compiles_it)
{
    enum { FUNCS = 90, TEXT = FUNCS * 80 + 400 };
    char *text = malloc(TEXT), *at = text;
    uint8_t *bytes;
    size_t length;
    kept one;

    if (!is_possible()) {
        free(text);
        return;
    }
    at += sprintf(at, TYPES "03(%02x", FUNCS);
    for (unsigned i = 0; i < FUNCS; i++)
        at += sprintf(at, " 00");
    at += sprintf(at, ") 0a(%02x", FUNCS);
    for (unsigned i = 0; i < FUNCS; i++) {
        if (i % 3 == 2)
            at += sprintf(at, " (00 20 00 41 %02x 6a 0b)", i % 64);
        else if (i % 7 == 3)
            at += sprintf(at, " (00 03 40 20 00 0d 00 0b 20 00 0b)");
        else
            at += sprintf(at, " (00 20 00 10 %02x 10 %02x 0b)", (i + 1) % FUNCS, (i + 2) % FUNCS);
    }
    sprintf(at, ")");
    bytes = module_text(text, &length);
    free(text);
    one = compiled(bytes, length, 1);
    CHECK(one.length > 0);
    for (uint32_t threads = 2; threads <= 16; threads *= 2) {
        kept other = compiled(bytes, length, threads);

        CASE("%u threads", (unsigned)threads);
        CHECK(other.length == one.length && memcmp(other.bytes, one.bytes, one.length) == 0);
        free(other.bytes);
    }
    free(one.bytes);
    free(bytes);
}
