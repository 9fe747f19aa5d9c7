/* SPDX-License-Identifier: Apache-2.0
 * spectest.c — print functions, four globals, two tables and two memories, as the READMEs of the
 * specification's reference interpreter define them.
 *
 * Memory:  the objects are the store's; rows are constants.
 * Threads: the store's.
 */
#include "spectest.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static wasm_status say(wasm_caller *caller, const char *types, const uint64_t *slots)
{
    const spectest *host = wasm_store_data(caller->store);

    if (!host->print)
        return WASM_OK;
    printf("  print:");
    for (size_t i = 0; types[i] != '\0'; i++) {
        wasm_value value = {.i64 = slots[i]};
        switch (types[i]) {
        case 'i': printf(" %" PRIu32, value.i32); break;
        case 'I': printf(" %" PRIu64, value.i64); break;
        case 'f': printf(" %.9g", (double)value.f32); break;
        default: printf(" %.17g", value.f64);
        }
    }
    printf("\n");
    return WASM_OK;
}

#define PRINT(function, types)                                                                     \
    static wasm_status function(wasm_caller *caller, uint64_t *slots)                              \
    {                                                                                              \
        return say(caller, types, slots);                                                          \
    }
PRINT(print, "")
PRINT(print_i32, "i")
PRINT(print_i64, "I")
PRINT(print_f32, "f")
PRINT(print_f64, "F")
PRINT(print_i32_f32, "if")
PRINT(print_f64_f64, "FF")
#undef PRINT

static const wasm_host_function functions[] = {
    {"spectest", "print", ":", 0, print},
    {"spectest", "print_i32", "i:", 0, print_i32},
    {"spectest", "print_i64", "I:", 0, print_i64},
    {"spectest", "print_f32", "f:", 0, print_f32},
    {"spectest", "print_f64", "F:", 0, print_f64},
    {"spectest", "print_i32_f32", "if:", 0, print_i32_f32},
    {"spectest", "print_f64_f64", "FF:", 0, print_f64_f64},
};

wasm_status spectest_new(wasm_store *store, spectest *out)
{
    const wasm_bounds table = {.min = 10, .max = 20, .has_max = true};
    const wasm_bounds table64 = {.min = 10, .max = 20, .has_max = true, .is_64 = true};
    const wasm_bounds memory = {.min = 1, .max = 2, .has_max = true};
    const wasm_bounds shared = {.min = 1, .max = 2, .has_max = true, .shared = true};
    const struct {
        wasm_valtype type;
        wasm_value value;
        wasm_global **out;
    } globals[] = {
        {WASM_I32, {.i32 = 666}, &out->global_i32},
        {WASM_I64, {.i64 = 666}, &out->global_i64},
        {WASM_F32, {.f32 = 666.6f}, &out->global_f32},
        {WASM_F64, {.f64 = 666.6}, &out->global_f64},
    };
    wasm_status status = WASM_OK;

    for (size_t i = 0; i < sizeof globals / sizeof globals[0] && status == WASM_OK; i++)
        status = wasm_global_new(store, globals[i].type, false, globals[i].value, globals[i].out);
    if (status == WASM_OK)
        status = wasm_table_new(store, WASM_FUNCREF, &table, &out->table);
    if (status == WASM_OK)
        status = wasm_table_new(store, WASM_FUNCREF, &table64, &out->table64);
    if (status == WASM_OK)
        status = wasm_memory_new(store, &memory, &out->memory);
    if (status == WASM_OK)
        status = wasm_memory_new(store, &shared, &out->shared_memory);
    return status;
}

static bool is(const char *name, size_t length, const char *word)
{
    return strlen(word) == length && memcmp(name, word, length) == 0;
}

bool spectest_export(const spectest *host, const char *name, size_t length, wasm_extern *out)
{
    const wasm_extern items[] = {
        {.kind = WASM_EXTERN_GLOBAL, .of.global = host->global_i32},
        {.kind = WASM_EXTERN_GLOBAL, .of.global = host->global_i64},
        {.kind = WASM_EXTERN_GLOBAL, .of.global = host->global_f32},
        {.kind = WASM_EXTERN_GLOBAL, .of.global = host->global_f64},
        {.kind = WASM_EXTERN_TABLE, .of.table = host->table},
        {.kind = WASM_EXTERN_TABLE, .of.table = host->table64},
        {.kind = WASM_EXTERN_MEMORY, .of.memory = host->memory},
        {.kind = WASM_EXTERN_MEMORY, .of.memory = host->shared_memory},
    };
    static const char *const names[] = {"global_i32", "global_i64", "global_f32", "global_f64",
                                        "table",      "table64",    "memory",     "shared_memory"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (is(name, length, names[i])) {
            *out = items[i];
            return true;
        }
    }
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        if (is(name, length, functions[i].name)) {
            *out =
                (wasm_extern){.kind = WASM_EXTERN_FUNC, .of.host = &functions[i], .is_host = true};
            return true;
        }
    }
    return false;
}
