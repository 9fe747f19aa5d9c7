/* SPDX-License-Identifier: Apache-2.0
 * workers_test.c — a module is compiled by several threads, which share the memory that compiling
 * may take: what is compiled does not depend on how many there are.
 * layers: facade
 *
 * Memory:  Freed by each test.
 * Threads: the compiler's.
 */
#include <stdlib.h>
#include <string.h>

#include "compile.h"
#include "engine.h"
#include "unit.h"

/* Functions of a type, (param i32), that do the same again and again. */
enum { FUNCS = 120, ROUNDS = 500, ROUNDS_OF_FIRST = 6000, ROUND_BYTES = 11, SIZE_BYTES = 5 };
enum { ROUNDS_OF_LARGE = 19000 }; /* 200 KB */

static uint8_t *put(uint8_t *at, const void *bytes, size_t length)
{
    memcpy(at, bytes, length);
    return at + length;
}

/* In five bytes, whatever it is. */
static uint8_t *put_size(uint8_t *at, size_t size)
{
    for (unsigned i = 0; i < SIZE_BYTES; i++, size >>= 7)
        *at++ = (uint8_t)((size & 0x7F) | (i + 1 < SIZE_BYTES ? 0x80 : 0));
    return at;
}

/* No locals, the rounds, end. */
static size_t body_bytes(unsigned rounds)
{
    return 1 + (size_t)ROUND_BYTES * rounds + 1;
}

/* `funcs` functions, the first of which has `rounds_of_first`. */
static uint8_t *make_module(unsigned funcs, unsigned rounds_of_first, size_t *length)
{
    static const uint8_t head[] = {0,    'a', 's', 'm',  1, 0,    0, 0, /* and a type */
                                   0x01, 5,   1,   0x60, 1, 0x7F, 0};
    /* local 0 = (local 0 + 57) * local 0 */
    static const uint8_t round[ROUND_BYTES] = {0x20, 0, 0x41, 0xB9, 0, 0x6A,
                                               0x20, 0, 0x6C, 0x21, 0};
    size_t code = SIZE_BYTES;
    uint8_t *bytes, *at;

    for (unsigned i = 0; i < funcs; i++)
        code += SIZE_BYTES + body_bytes(i == 0 ? rounds_of_first : ROUNDS);
    bytes = at = malloc(sizeof head + 2 * (1 + SIZE_BYTES) + SIZE_BYTES + funcs + code);
    if (!bytes)
        return NULL;
    at = put(at, head, sizeof head);
    *at++ = 0x03;
    at = put_size(at, SIZE_BYTES + funcs);
    at = put_size(at, funcs);
    memset(at, 0, funcs);
    at += funcs;
    *at++ = 0x0A;
    at = put_size(at, code);
    at = put_size(at, funcs);
    for (unsigned i = 0; i < funcs; i++) {
        const unsigned rounds = i == 0 ? rounds_of_first : ROUNDS;

        at = put_size(at, body_bytes(rounds));
        *at++ = 0;
        for (unsigned k = 0; k < rounds; k++)
            at = put(at, round, sizeof round);
        *at++ = 0x0B;
    }
    *length = (size_t)(at - bytes);
    return bytes;
}

static void count(void *baton, uint32_t func, const char *why)
{
    (void)func;
    (void)why;
    ++*(unsigned *)baton;
}

/* The bytes of code, or 0; *declined: how many functions are left to the interpreter. */
static size_t compile(const uint8_t *bytes, size_t length, size_t bytes_max,
                      wasm_compile_options how, unsigned *declined)
{
    const wasm_load_options options = {
        .tier = WASM_TIER_COMPILER, .compile = &how, .quota = bytes_max};
    wasm_module *module = NULL;
    wasm_module_info info = {0};
    wasm_report report;

    *declined = 0;
    how.declined = count;
    how.declined_baton = declined;
    CHECK_EQ_INT(wasm_module_load(bytes, length, &options, &module, &report), WASM_OK);
    if (module)
        wasm_module_describe(module, &info);
    wasm_module_free(module);
    return info.code_bytes;
}

static size_t compile_all(const uint8_t *bytes, size_t length, size_t bytes_max, uint32_t threads)
{
    const wasm_compile_options how = {.threads = threads};
    unsigned declined;
    const size_t code = compile(bytes, length, bytes_max, how, &declined);

    CHECK_EQ_INT(declined, 0);
    return code;
}

TEST(what_is_compiled_does_not_depend_on_how_many_share_the_memory)
{
    static const uint32_t threads[] = {2, 8, 64};
    static const size_t megabytes[] = {14, 20}; /* one finds them enough */
    size_t length = 0;
    uint8_t *bytes;

    if (!compile_available()) {
        printf("# skipped: there is no compiler for this processor\n");
        return;
    }
    bytes = make_module(FUNCS, ROUNDS_OF_FIRST, &length);
    REQUIRE(bytes != NULL);
    for (size_t m = 0; m < sizeof megabytes / sizeof megabytes[0]; m++) {
        const size_t alone = compile_all(bytes, length, megabytes[m] << 20, 1);

        CHECK(alone > 0);
        for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++) {
            CASE("%zu MB, %u threads", megabytes[m], (unsigned)threads[i]);
            CHECK_EQ_INT(compile_all(bytes, length, megabytes[m] << 20, threads[i]), alone);
        }
    }
    free(bytes);
}

/* What a module may take to load goes by its size, and one function takes as much whatever else
 * there is. */
TEST(a_large_function_has_what_compiling_may_take_however_small_its_module)
{
    const size_t bytes_max = (size_t)8 << 20, quotas[] = {0, bytes_max, (size_t)128 << 20};
    size_t length = 0;
    uint8_t *bytes;

    if (!compile_available())
        return;
    bytes = make_module(1, ROUNDS_OF_LARGE, &length);
    REQUIRE(bytes != NULL && length > 200000);
    for (size_t i = 0; i < sizeof quotas / sizeof quotas[0]; i++) {
        unsigned declined;

        CASE("%zu bytes", quotas[i]);
        CHECK(compile(bytes, length, bytes_max, (wasm_compile_options){.quota = quotas[i]},
                      &declined) > 0);
        CHECK_EQ_INT(declined, quotas[i] > bytes_max ? 0 : 1);
    }
    free(bytes);
}
