/* SPDX-License-Identifier: Apache-2.0
 * interp.c — the interpreter as a tier: preparing a module, entering it, and telling after a trap
 * where it was.
 *
 * How:     All bodies are translated while the module is loaded, in order, each validated in the
 *          same walk. Frames do not say which function they belong to: after a trap the return
 *          addresses are looked up in the code of the module's functions, so that calls need not
 *          keep anything for it.
 * Memory:  Code and maps live in the module's arena and are freed with it; the translator's scratch
 *          is counted in the module's quota and freed when it is done.
 * Threads: as tier.h says.
 */
#include "interp_impl.h"
#include "report.h"

#define FRAMES_MAX (sizeof((wasm_store *)0)->frames / sizeof((wasm_store *)0)->frames[0])

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
    return status;
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
                          .invoke = interp_invoke};

/* ---- after a trap ---------------------------------------------------------------------------- */

/* The function that `pc` is in. */
static uint32_t find_function(const interp_module *prepared, const icode *pc)
{
    uintptr_t at = (uintptr_t)pc;

    for (uint32_t i = 0; i < prepared->count; i++) {
        uintptr_t start = (uintptr_t)prepared->funcs[i].code;

        if (at >= start && at - start < prepared->funcs[i].words * sizeof(icode))
            return i;
    }
    return UINT32_MAX;
}

wasm_status interp_unwind(wasm_store *store, wasm_instance *instance, const uint64_t *fp,
                          const icode *pc, wasm_status status)
{
    const void *const *handlers = interp_handlers();
    bool innermost = true;

    while (store->frame_count < FRAMES_MAX) {
        const wasm_module *module = instance->module;
        const interp_module *prepared = module->prepared;
        uint32_t own = find_function(prepared, pc), func;
        const interp_func *body;
        const void *next;
        uint64_t offset;

        if (own == UINT32_MAX)
            break;
        body = &prepared->funcs[own];
        func = own + module->func_import_count;
        offset = map_find(body->map, body->map_bytes, (uint32_t)(pc - body->code));
        if (innermost)
            store_trap(store, status, module, func, offset);
        innermost = false;
        store_frame(store, module, func, offset);

        pc = (const icode *)(uintptr_t)fp[body->param_slots];
        next = pc[ICODE_CALL_WORDS].handler;
        if (next == handlers[IC_EXIT])
            break;
        if (next == handlers[IC_FAR_RETURN]) {
            fp -= FAR_SLOTS;
            instance = (wasm_instance *)(uintptr_t)fp[0];
            pc = (const icode *)(uintptr_t)fp[1];
        }
        fp -= pc[1].u16[0];
    }
    return status;
}
