/* SPDX-License-Identifier: Apache-2.0
 * global.c — globals as the host makes and reads them.
 *
 * A global is a cell of two slots; instances hold pointers to cells, so that an imported mutable
 * global is the exporter's own.
 * Memory:  in the store's arena.
 * Threads: the store's.
 */
#include "runtime_impl.h"

wasm_status wasm_global_new(wasm_store *store, wasm_valtype type, bool mutable_, wasm_value value,
                            wasm_global **out)
{
    wasm_global *global;

    /* The types of a module are known by their number there alone. */
    if (WASM_IS_REF(type) &&
        (WASM_KIND(type) < WASM_KIND_EXN || !reference_fits(NULL, type, value.ref)))
        return WASM_E_USAGE;
    global = ARENA_NEW(&store->arena, wasm_global);
    if (!global)
        return WASM_E_QUOTA;
    global->type = type;
    global->mutable_ = mutable_;
    value_to_slots(type, &value, global->cell);
    global->next = store->globals;
    store->globals = global;
    *out = global;
    return WASM_OK;
}

wasm_value wasm_global_get(const wasm_global *global)
{
    wasm_value value;

    value_from_slots(global->type, global->cell, &value);
    return value;
}

wasm_valtype wasm_global_type(const wasm_global *global)
{
    return global->type;
}
