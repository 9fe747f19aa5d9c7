/* SPDX-License-Identifier: Apache-2.0
 * interp.c — the interpreter as a tier: preparing a module and entering it.
 *
 * How:     All bodies are translated while the module is loaded, in order, each validated in the
 *          same walk. Where that is postponed, the first thread that is to enter one of them does
 *          the same, for all, upon a copy of the module's record with an arena and a quota of its
 *          own: what other threads read of the module does not change. What comes of it is
 *          remembered, but for a failure that was the guest's or the system's at that moment.
 * Memory:  Code and maps live in the module's arena, or in that of the copy, and are freed with it;
 *          the translator's scratch is counted in the same quota and freed when it is done.
 * Threads: as tier.h says. `ready` is set once everything stands; who sees it sees the rest.
 */
#include <pthread.h>

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

/* Makes module->prepared, without bodies. */
static wasm_status begin(wasm_module *module, wasm_report *report)
{
    interp_module *prepared = ARENA_NEW(&module->arena, interp_module);

    if (!prepared)
        return report_fail(report, WASM_E_QUOTA, WASM_NO_OFFSET, WASM_NO_FUNC, NULL);
    prepared->count = module->func_count - module->func_import_count;
    prepared->funcs = ARENA_ARRAY(&module->arena, interp_func, prepared->count);
    if (!prepared->funcs)
        return report_fail(report, WASM_E_QUOTA, WASM_NO_OFFSET, WASM_NO_FUNC, NULL);
    module->prepared = prepared;
    return WASM_OK;
}

static wasm_status translate(wasm_module *module, wasm_report *report)
{
    interp_module *prepared = module->prepared;
    lower *translator = NULL;
    wasm_status status;

    prepared->code_bytes = 0;
    status = lower_new(module, prepared, &translator, report);
    for (uint32_t i = 0; i < prepared->count && status == WASM_OK; i++)
        status = lower_function(translator, module->func_import_count + i, report);
    lower_free(translator);
    if (status != WASM_OK)
        return status;
    TRY(index_addresses(module, prepared, report));
    atomic_store_explicit(&prepared->ready, true, memory_order_release);
    return WASM_OK;
}

static wasm_status interp_prepare(wasm_module *module, wasm_report *report)
{
    TRY(begin(module, report));
    return translate(module, report);
}

/* ---- later ----------------------------------------------------------------------------------- */

struct interp_later {
    pthread_mutex_t lock;
    wasm_module view;   /* the module's record, with what its bodies become */
    wasm_status failed; /* WASM_OK, or what it would come to each time */
};

static wasm_status interp_postpone(wasm_module *module, wasm_report *report)
{
    interp_later *later;
    interp_module *prepared;

    TRY(begin(module, report));
    prepared = module->prepared;
    later = ARENA_NEW(&module->arena, interp_later);
    if (!later)
        return report_fail(report, WASM_E_QUOTA, WASM_NO_OFFSET, WASM_NO_FUNC, NULL);
    if (pthread_mutex_init(&later->lock, NULL) != 0)
        return report_fail(report, WASM_E_NO_MEMORY, WASM_NO_OFFSET, WASM_NO_FUNC, NULL);
    later->view = *module;
    later->view.log = NULL; /* who is told may not know threads */
    later->view.trace = 0;
    quota_init(&later->view.quota, 0);
    arena_init(&later->view.arena, &later->view.quota);
    prepared->later = later;
    return WASM_OK;
}

/* What has become of the guest that waits. */
static bool is_stopped(void *baton)
{
    return store_poll(baton, 0) != WASM_OK;
}

/* Whether the same would come of it the next time. The quota is what loading has left, which no
 * longer changes; a system without memory may have some later. */
static bool is_final(wasm_status status, const quota *q)
{
    switch (status) {
    case WASM_OK:
    case WASM_E_INTERRUPTED:
    case WASM_E_NO_MEMORY: return false;
    case WASM_E_QUOTA: return q->refused;
    default: return true;
    }
}

wasm_status interp_catch_up(wasm_store *store, const wasm_module *module)
{
    interp_module *prepared = module->prepared;
    interp_later *later = prepared->later;
    wasm_module *view = &later->view;
    wasm_status status;

    if (!later)
        return WASM_OK;
    pthread_mutex_lock(&later->lock);
    status = later->failed;
    if (status == WASM_OK && !atomic_load_explicit(&prepared->ready, memory_order_relaxed)) {
        /* At least a byte, since 0 would be without a bound. */
        quota_init(&view->quota, module->quota.limit - module->quota.used + 1);
        view->stop = is_stopped;
        view->stop_baton = store;
        status = translate(view, NULL);
        if (status != WASM_OK)
            arena_release(&view->arena);
        if (is_final(status, &view->quota))
            later->failed = status;
    }
    pthread_mutex_unlock(&later->lock);
    if (status == WASM_E_INTERRUPTED && is_stopped(store))
        return store_poll(store, 0);
    return status;
}

static void interp_release(wasm_module *module)
{
    interp_module *prepared = module->prepared;

    if (prepared && prepared->later) {
        arena_release(&prepared->later->view.arena);
        pthread_mutex_destroy(&prepared->later->lock);
    }
    module->prepared = NULL; /* all else is in the arena */
}

static size_t interp_held_bytes(const wasm_module *module)
{
    const interp_module *prepared = module->prepared;

    return prepared && prepared->later &&
                   atomic_load_explicit(&prepared->ready, memory_order_acquire)
               ? prepared->later->view.quota.used
               : 0;
}

/* ---- the tier -------------------------------------------------------------------------------- */

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
                          .postpone = interp_postpone,
                          .catch_up = interp_catch_up,
                          .release = interp_release,
                          .code_bytes = interp_code_bytes,
                          .held_bytes = interp_held_bytes,
                          .entry = interp_entry,
                          .invoke = interp_invoke,
                          .roots = interp_roots_of};
