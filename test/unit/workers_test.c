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

static unsigned rounds_of(unsigned func)
{
    return func == 0 ? ROUNDS_OF_FIRST : ROUNDS;
}

/* No locals, the rounds, end. */
static size_t body_bytes(unsigned func)
{
    return 1 + (size_t)ROUND_BYTES * rounds_of(func) + 1;
}

static uint8_t *make_module(size_t *length)
{
    static const uint8_t head[] = {0,    'a', 's', 'm',  1, 0,    0, 0, /* and a type */
                                   0x01, 5,   1,   0x60, 1, 0x7F, 0};
    /* local 0 = (local 0 + 57) * local 0 */
    static const uint8_t round[ROUND_BYTES] = {0x20, 0, 0x41, 0xB9, 0, 0x6A,
                                               0x20, 0, 0x6C, 0x21, 0};
    size_t code = SIZE_BYTES;
    uint8_t *bytes, *at;

    for (unsigned i = 0; i < FUNCS; i++)
        code += SIZE_BYTES + body_bytes(i);
    bytes = at = malloc(sizeof head + 2 * (1 + SIZE_BYTES) + SIZE_BYTES + FUNCS + code);
    if (!bytes)
        return NULL;
    at = put(at, head, sizeof head);
    *at++ = 0x03;
    at = put_size(at, SIZE_BYTES + FUNCS);
    at = put_size(at, FUNCS);
    memset(at, 0, FUNCS);
    at += FUNCS;
    *at++ = 0x0A;
    at = put_size(at, code);
    at = put_size(at, FUNCS);
    for (unsigned i = 0; i < FUNCS; i++) {
        at = put_size(at, body_bytes(i));
        *at++ = 0;
        for (unsigned k = 0; k < rounds_of(i); k++)
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

/* The bytes of code, or 0. */
static size_t compile(const uint8_t *bytes, size_t length, size_t bytes_max, uint32_t threads)
{
    unsigned declined = 0;
    const wasm_compile_options how = {
        .threads = threads, .declined = count, .declined_baton = &declined};
    const wasm_load_options options = {
        .tier = WASM_TIER_COMPILER, .compile = &how, .quota = bytes_max};
    wasm_module *module = NULL;
    wasm_module_info info = {0};
    wasm_report report;

    CHECK_EQ_INT(wasm_module_load(bytes, length, &options, &module, &report), WASM_OK);
    if (module)
        wasm_module_describe(module, &info);
    wasm_module_free(module);
    CHECK_EQ_INT(declined, 0);
    return info.code_bytes;
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
    bytes = make_module(&length);
    REQUIRE(bytes != NULL);
    for (size_t m = 0; m < sizeof megabytes / sizeof megabytes[0]; m++) {
        const size_t alone = compile(bytes, length, megabytes[m] << 20, 1);

        CHECK(alone > 0);
        for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++) {
            CASE("%zu MB, %u threads", megabytes[m], (unsigned)threads[i]);
            CHECK_EQ_INT(compile(bytes, length, megabytes[m] << 20, threads[i]), alone);
        }
    }
    free(bytes);
}
