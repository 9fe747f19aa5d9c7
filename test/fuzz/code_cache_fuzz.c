/* SPDX-License-Identifier: Apache-2.0
 * code_cache_fuzz.c — any bytes as a file of the code cache.
 * layers: compile
 *
 * How:     A file carries its key and a check, which random bytes never have; so the same bytes are
 *          read once more with both made right, that the tables behind them are judged. Whatever is
 *          accepted is used as the engine does: each place in the code is looked up. The input is
 *          copied into a block of its own size, so that a sanitizer sees each byte too many.
 * Memory:  Freed for each input.
 * Threads: one.
 */
#include <stdlib.h>
#include <string.h>

#include "cache.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_up(const cache_view *v)
{
    wasm_module module = {.func_count = v->entry_count, .type_count = v->wrapper_count};
    native_module *native = make(&module, v, false);
    uint32_t func;
    uint64_t offset;

    if (native == NULL)
        return;
    module.funcs = calloc((size_t)v->entry_count + 1, sizeof *module.funcs);
    native->code.base = (const uint8_t *)(uintptr_t)0x10000;
    native->code.length = v->code_length;
    for (uint32_t at = 0; module.funcs != NULL && at <= v->code_length; at += 1 + at / 64)
        (void)native_find(native, native->code.base + at, at % 3, &func, &offset);
    native->code = (code_mapping){0};
    free(module.funcs);
    native_release(native);
}

static void read_as(const uint8_t *bytes, size_t size, const digest *key)
{
    const cache_source from = {.bytes = bytes, .length = size};
    cache_view view;

    if (cache_read(&from, key, &view) == NULL) {
        look_up(&view);
        cache_view_release(&view);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const digest key = {{1, 2, 3, 4}};
    uint8_t *bytes = malloc(size > 0 ? size : 1);
    header h;

    if (bytes == NULL)
        return 0;
    memcpy(bytes, data, size);
    read_as(bytes, size, &key);
    if (size >= sizeof h) {
        memcpy(&h, bytes, sizeof h);
        memcpy(h.magic, magic, sizeof magic);
        h.format = FORMAT;
        h.header_bytes = sizeof h;
        h.key = key;
        memcpy(bytes, &h, sizeof h);
        if (judge_header(&h, size, &key) == NULL && check_bytes(bytes, size, &h)) {
            memcpy(bytes, &h, sizeof h);
            read_as(bytes, size, &key);
        }
    }
    free(bytes);
    return 0;
}
