/* SPDX-License-Identifier: Apache-2.0
 * native_enter.c — the two borders between compiled code and C, as call.c has them for the host:
 * native_run() inwards, native_call_out() outwards.
 *
 * How:     The guest stack of the store, with frames and slots of others going up and compiled
 *          frames going down:
 *
 *              stack       stack_top     native.limit           native.floor
 *              | slots … ─▶ |   margin    |  …  ◀─ compiled frames |
 *
 *          While compiled code waits for what it called, what it has is cut off: floor is where it
 *          stands, and stack_end as well, so that interpreted frames, host functions and compiled
 *          code that is entered again share what is between. Who returns puts all of it back.
 *
 *          Each entry stands on the thread's stack, so there are at most NATIVE_NESTING_MAX; beyond
 *          that the interpreter goes on, whose own calls take none of it.
 *
 *          Compiled frames hold no references to objects, so the collector is told nothing.
 * Memory:  Nothing is allocated.
 * Threads: the store's.
 */
#include "native_impl.h"

static bool is_compiled(const native_module *native, const wasm_func *func)
{
    return (uintptr_t)func->native - (uintptr_t)native->code.base >= native->own_code;
}

static wasm_status enter(wasm_store *store, const native_module *native, wasm_func *func,
                         uint64_t *slots)
{
    const uint8_t *base = native->code.base;
    const uint32_t type = func->canonical;
    void *floor = (void *)((uintptr_t)store->native.floor & ~(uintptr_t)15);

    if ((uintptr_t)floor < store->native.limit + NATIVE_SMALL_FRAME)
        return WASM_E_STACK_EXHAUSTED;
    return ((native_enter_fn)(uintptr_t)(base + native->stubs[STUB_ENTER]))(
        func->instance, base + native->wrappers[type], slots, func->native, floor);
}

wasm_status native_run(wasm_store *store, wasm_func *func, uint64_t *slots)
{
    const native_module *native = native_of(func->instance);
    const module_type *type = func->type;
    const size_t width =
        type->param_slots > type->result_slots ? type->param_slots : type->result_slots;
    const store_native before = store->native;
    uint64_t *const top = store->stack_top;
    wasm_status status;

    if (!is_compiled(native, func) || before.nesting >= NATIVE_NESTING_MAX)
        return func->module->tier->invoke(store, func, slots);
    if ((size_t)(store->stack_end - slots) <= width)
        return store_trap(store, WASM_E_STACK_EXHAUSTED, func->module, func->index, WASM_NO_OFFSET);
    store->stack_top = slots + width;
    store->native.limit = (uintptr_t)store->stack_top + NATIVE_MARGIN;
    store->native.nesting = before.nesting + 1;
    status = enter(store, native, func, slots);
    store->native = before;
    store->stack_top = top;
    if (status != WASM_OK) /* for one that came before the first frame */
        store_trap(store, status, func->module, func->index, WASM_NO_OFFSET);
    return status;
}

wasm_status native_call_out(wasm_instance *instance, wasm_func *func, uint64_t *slots)
{
    wasm_store *store = instance->store;
    const module_type *type = func->type;
    const store_native before = store->native;
    uint64_t *const end = store->stack_end, *const top = store->stack_top;
    const uint32_t depth = store->depth;
    wasm_status status;

    store->native.floor = before.sp;
    if ((uintptr_t)before.sp < (uintptr_t)end)
        store->stack_end = (uint64_t *)((uintptr_t)before.sp & ~(uintptr_t)7);
    if (func->host) {
        store->stack_top = slots + (type->param_slots > type->result_slots ? type->param_slots
                                                                           : type->result_slots);
        status = store_call_host(instance, func, slots);
    } else {
        status = store_invoke(store, func, slots);
    }
    store->native = before;
    store->stack_end = end;
    store->stack_top = top;
    store->depth = depth;
    return status;
}

/* ---- for instances --------------------------------------------------------------------------- */

static bool attach(const native_code *code, wasm_instance *instance)
{
    const native_module *native = (const native_module *)(const void *)code;
    const wasm_module *module = native->module;

    if (native->guarded && !(instance->memory0->guarded && wasm_faults_handled())) {
        module_trace(module, WASM_TRACE_PREPARE,
                     "an instance without guard pages is interpreted: the code wants them");
        return false;
    }
    instance->helpers = native_helper_table;
    for (uint32_t i = 0; i < module->func_count; i++) {
        wasm_func *func = instance->funcs[i];

        /* A host function made for this instance is called like its own. */
        if (func->instance == instance)
            func->native = native->code.base + native->entries[i];
    }
    return true;
}

static size_t code_bytes(const native_code *code)
{
    return ((const native_module *)(const void *)code)->code.length;
}

static size_t held_bytes(const native_code *code)
{
    const native_module *native = (const native_module *)(const void *)code;

    return native->code.length + native->quota.used;
}

static void release(native_code *code)
{
    native_release((native_module *)(void *)code);
}

const native_tier native_tier_here = {.release = release,
                                      .code_bytes = code_bytes,
                                      .held_bytes = held_bytes,
                                      .attach = attach,
                                      .invoke = native_run};
