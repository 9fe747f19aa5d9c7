/* SPDX-License-Identifier: Apache-2.0
 * tier.h — what an execution tier is: the interface that runtime declares and tiers implement.
 *
 * The facade (engine.c) gives each loaded module one tier, which can run all of it, and to some of
 * them compiled code beside it. Everything but execution is shared: module, validation stream,
 * store, instances, memories, traps, limits, linking.
 */
#ifndef WASMSERVE_TIER_H
#define WASMSERVE_TIER_H

#include "module.h"

struct store_activation;

/* Compiled code of a module, an addition to what its tier has prepared: instances take it when they
 * are made, if it is there by then. Immutable once it is in module->native. */
typedef struct native_code {
    const struct native_tier *tier;
    wasm_features used; /* by the module, which only validating its bodies finds out */
    bool complete;      /* no function is left to the module's tier */
} native_code;

typedef struct native_tier {
    void (*release)(native_code *code);
    /* Bytes of code, and all that it holds, those included. */
    size_t (*code_bytes)(const native_code *code);
    size_t (*held_bytes)(const native_code *code);
    /* Gives an instance, whose functions and memories stand, the code: instance->helpers and the
     * `native` of its functions. False: this instance cannot use it. */
    bool (*attach)(const native_code *code, wasm_instance *instance);
    /* As tier.invoke, for a function of an instance that has compiled code. One that is not
     * compiled, and one more than may be nested on the thread's stack, it hands to the module's
     * tier. */
    wasm_status (*invoke)(wasm_store *store, wasm_func *func, uint64_t *slots);
} native_tier;

typedef struct tier {
    const char *name;
    wasm_tier id;
    /* Validates and translates every body (validate_body with the tier's sink); sets
     * module->prepared. Its memory is counted in module->quota. */
    wasm_status (*prepare)(wasm_module *module, wasm_report *report);
    /* In place of prepare, for a module with complete compiled code, for which this engine has
     * validated the bodies: sets module->prepared, and validates and translates the bodies when
     * one of them is to be interpreted after all, by whichever thread that is. What goes wrong then
     * is that call's failure. Such memory is bounded by what the module's quota has left. */
    wasm_status (*postpone)(wasm_module *module, wasm_report *report);
    /* Does that now, if it has not been done: for a module that joins a store whose guest runs. */
    wasm_status (*catch_up)(wasm_store *store, const wasm_module *module);
    void (*release)(wasm_module *module); /* frees module->prepared; called once */
    size_t (*code_bytes)(const wasm_module *module);
    size_t (*held_bytes)(const wasm_module *module); /* that module->quota does not count */
    /* What goes into wasm_func.code of each instance's function `func` (not an import). */
    const void *(*entry)(const wasm_module *module, uint32_t func);
    /* Runs func, which is not a host function. slots[] is on the store's guest stack: arguments on
     * entry, results on return; the frame begins there. Traps are returned as a status after
     * store_trap() recorded it. */
    wasm_status (*invoke)(wasm_store *store, wasm_func *func, uint64_t *slots);
    /* Calls collect_mark() for every reference to an object in the frames of the activation. Fails
     * only with what ends a guest. */
    wasm_status (*roots)(wasm_store *store, const struct store_activation *activation);
} tier;

#endif
