/* SPDX-License-Identifier: Apache-2.0
 * interp.c — the interpreter as a tier: preparing a module and entering it.
 *
 * How:     All bodies are translated while the module is loaded, in order, each validated in the
 *          same walk.
 * Memory:  Code and maps live in the module's arena and are freed with it; the translator's scratch
 *          is counted in the module's quota and freed when it is done.
 * Threads: as tier.h says.
 */
#include "interp_impl.h"
#include "order.h"
#include "report.h"

static int compare_addresses(const void *items, uint32_t a, uint32_t b)
{
    const interp_func *funcs = items;
    uintptr_t x = (uintptr_t)funcs[a].code, y = (uintptr_t)funcs[b].code;

    return x < y ? -1 : x > y;
}

/* For finding the function that an address is in. */
static wasm_status index_addresses(wasm_module *module, interp_module *prepared,
                                   wasm_report *report)
{
    size_t bytes = prepared->count * sizeof(uint32_t);
    uint32_t *order = ARENA_ARRAY(&module->arena, uint32_t, prepared->count);
    uint32_t *scratch = quota_realloc(&module->quota, NULL, 0, bytes);

    if (!order || (!scratch && bytes > 0)) {
        quota_free(&module->quota, scratch, bytes);
        return report_fail(report, WASM_E_QUOTA, WASM_NO_OFFSET, WASM_NO_FUNC, NULL);
    }
    order_sort(prepared->funcs, prepared->count, compare_addresses, order, scratch);
    quota_free(&module->quota, scratch, bytes);
    prepared->by_address = order;
    prepared->code_bytes += bytes;
    return WASM_OK;
}

static wasm_status interp_prepare(wasm_module *module, wasm_report *report)
{
    uint32_t own = module->func_count - module->func_import_count;
    interp_module *prepared = ARENA_NEW(&module->arena, interp_module);
    lower *translator = NULL;
    wasm_status status;

    if (!prepared)
        return report_fail(report, WASM_E_QUOTA, WASM_NO_OFFSET, WASM_NO_FUNC, NULL);
    prepared->funcs = ARENA_ARRAY(&module->arena, interp_func, own);
    prepared->count = own;
    if (!prepared->funcs)
        return report_fail(report, WASM_E_QUOTA, WASM_NO_OFFSET, WASM_NO_FUNC, NULL);
    module->prepared = prepared;
    status = lower_new(module, prepared, &translator, report);
    for (uint32_t i = 0; i < own && status == WASM_OK; i++)
        status = lower_function(translator, module->func_import_count + i, report);
    lower_free(translator);
    if (status != WASM_OK)
        return status;
    return index_addresses(module, prepared, report);
}

static void interp_release(wasm_module *module)
{
    module->prepared = NULL; /* all of it is in the arena */
}

static size_t interp_code_bytes(const wasm_module *module)
{
    const interp_module *prepared = module->prepared;

    return prepared ? prepared->code_bytes : 0;
}

static const void *interp_entry(const wasm_module *module, uint32_t func)
{
    const interp_module *prepared = module->prepared;

    return &prepared->funcs[func - module->func_import_count];
}

static wasm_status interp_invoke(wasm_store *store, wasm_func *func, uint64_t *slots)
{
    return interp_execute(store, func, slots);
}

const tier interp_tier = {.name = "interpreter",
                          .id = WASM_TIER_INTERPRETER,
                          .prepare = interp_prepare,
                          .release = interp_release,
                          .code_bytes = interp_code_bytes,
                          .entry = interp_entry,
                          .invoke = interp_invoke,
                          .roots = interp_roots_of};
