/* SPDX-License-Identifier: Apache-2.0
 * spectest.h — the host module "spectest" that the specification's scripts import from.
 *
 * Memory:  its objects belong to the store.
 * Threads: the store's.
 */
#ifndef WASMSERVE_SPECTEST_H
#define WASMSERVE_SPECTEST_H

#include "engine.h"

typedef struct spectest {
    bool print; /* print functions write to stdout */
    wasm_global *global_i32, *global_i64, *global_f32, *global_f64;
    wasm_table *table, *table64;
    wasm_memory *memory, *shared_memory;
} spectest;

/* Fills *out with fresh objects of the store, whose data must be `out` itself. */
wasm_status spectest_new(wasm_store *store, spectest *out);
/* Finds an item by its name. */
bool spectest_export(const spectest *host, const char *name, size_t length, wasm_extern *out);

#endif
