/* SPDX-License-Identifier: Apache-2.0
 * build_fuzz.c — any bytes that are a valid module, through builder and passes.
 * layers: compile validate
 *
 * How:     every function is built with and without guard pages, and improved; what is not declined
 *          has to keep the rules of ir.h. Memory stays within the quota, whose refusal is a good
 *          answer.
 *
 * Memory:  all freed for each input.
 * Threads: one.
 */
#include "build.h"
#include "decode.h"

#include <stdio.h>
#include <stdlib.h>

static bool has_all(unsigned op)
{
    (void)op;
    return true;
}
/* There is always room enough. */
static uint32_t no_room(const wasm_functype *caller, const wasm_functype *callee)
{
    (void)caller, (void)callee;
    return 0;
}
static const target everything = {.name = "fuzz", .has = has_all, .tail_room = no_room};

static void build_one(wasm_module *m, builder *b, const build_options *how, uint32_t func)
{
    wasm_report report = {0};
    char why[200] = "";
    bool declined = false;
    ir_func f;
    arena a;

    arena_init(&a, &m->quota);
    ir_reset(&f, &a);
    if (build_function(b, func, &f, &declined, &report) == WASM_OK && !declined &&
        improve(&f, how) == WASM_OK && !ir_verify(&f, why, sizeof why) && f.status == WASM_OK &&
        !m->quota.refused) {
        fprintf(stderr, "build_fuzz.c: function %u: %s\n", func, why);
        abort();
    }
    arena_release(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    wasm_load_options options = {.features = WASM_FEATURES_SUPPORTED, .quota = (size_t)64 << 20};
    wasm_report report = {0};
    wasm_module *m = NULL;

    if (decode_module(bytes, length, &options, &m, &report) != WASM_OK)
        return 0;
    for (unsigned guarded = 0; guarded < 2; guarded++) {
        build_options how = {.guarded = guarded == 1, .target = &everything};
        builder *b = NULL;

        if (validate_module(m, &report) != WASM_OK || builder_new(m, &how, &b) != WASM_OK)
            break;
        for (uint32_t i = m->func_import_count; i < m->func_count; i++)
            build_one(m, b, &how, i);
        builder_free(b);
    }
    module_destroy(m);
    return 0;
}
