/* SPDX-License-Identifier: Apache-2.0
 * call.c — the two borders between host and guest: wasm_call() inwards, host functions outwards.
 *
 * How:     Arguments travel as 64-bit slots on the store's guest stack, where the callee's frame
 *          begins, so that a tier has nothing to convert. wasm_call() writes them at stack_top,
 *          which a tier sets behind its own frame before it calls a host function; so a host
 *          function may call back in, and the frames of both guests lie behind each other.
 *          Only this nesting uses the C stack, therefore it is bounded by a number of its own.
 * Memory:  Nothing is allocated.
 * Threads: the store's.
 */
#include <string.h>

#include "runtime_impl.h"

#define HOST_NESTING_MAX 32

/* ---- values and slots ------------------------------------------------------------------------ */

void value_to_slots(wasm_valtype type, const wasm_value *value, uint64_t *slots)
{
    switch (type) {
    case WASM_I32:
    case WASM_F32: slots[0] = value->i32; break; /* the same four bytes of the union */
    case WASM_V128: memcpy(slots, value->v128, sizeof value->v128); break;
    default: slots[0] = value->i64; break;
    }
}

void value_from_slots(wasm_valtype type, const uint64_t *slots, wasm_value *value)
{
    memset(value, 0, sizeof *value);
    switch (type) {
    case WASM_I32:
    case WASM_F32: value->i32 = (uint32_t)slots[0]; break;
    case WASM_V128: memcpy(value->v128, slots, sizeof value->v128); break;
    default: value->i64 = slots[0]; break;
    }
}

static uint64_t slots_of(const wasm_valtype *types, uint32_t count)
{
    uint64_t slots = 0;

    for (uint32_t i = 0; i < count; i++)
        slots += type_slots(types[i]);
    return slots;
}

/* ---- outwards -------------------------------------------------------------------------------- */

wasm_status arguments_hold(wasm_store *store, const module_type *type, const uint64_t *slots,
                           store_arguments *held)
{
    const wasm_functype *func = &type->func;
    uint64_t *refs = store->stack_top;

    *held = (store_arguments){.outer = store->arguments, .refs = refs};
    if (type->takes_objects) {
        if ((size_t)(store->stack_end - refs) < func->param_count)
            return WASM_E_STACK_EXHAUSTED;
        for (uint32_t i = 0; i < func->param_count; i++) {
            if (module_is_object(func->params[i]))
                refs[held->count++] = *slots;
            slots += type_slots(func->params[i]);
        }
    }
    store->stack_top += held->count;
    store->arguments = held;
    return WASM_OK;
}

void arguments_release(wasm_store *store, store_arguments *held)
{
    store->stack_top -= held->count;
    store->arguments = held->outer;
}

/* With the references among the arguments kept for the collector, where there are any. */
static wasm_status run_host(wasm_caller *context, const wasm_func *func, uint64_t *slots)
{
    wasm_store *store = context->store;
    store_arguments held;
    wasm_status status;

    if (!func->type->takes_objects)
        return func->host->call(context, slots);
    TRY(arguments_hold(store, func->type, slots, &held));
    status = func->host->call(context, slots);
    arguments_release(store, &held);
    return status;
}

static wasm_status call_host(wasm_store *store, wasm_instance *caller, const wasm_func *func,
                             uint64_t *slots)
{
    wasm_caller context = {.store = store, .instance = caller};
    const wasm_module *module = caller ? caller->module : NULL;
    const wasm_host_function *host = func->host;
    wasm_status status;

    trace_line(module, WASM_TRACE_HOST, "-> %s.%s (0x%llx, …)", host->module, host->name,
               (unsigned long long)slots[0]);
    status = run_host(&context, func, slots);
    if (status == WASM_OK) {
        /* It may have called back in, and have done with the failure of that call. */
        if (store->report.status != WASM_OK || store->exception)
            store_forget_failure(store);
        trace_line(module, WASM_TRACE_HOST, "<- %s.%s: 0x%llx", host->module, host->name,
                   (unsigned long long)slots[0]);
        return WASM_OK;
    }
    if (status == WASM_E_EXCEPTION && store->exception) {
        trace_line(module, WASM_TRACE_HOST, "<- %s.%s: an exception", host->module, host->name);
        return status;
    }
    if (status == WASM_E_EXCEPTION)
        status = WASM_E_USAGE; /* there is none */
    if (store->report.status != status) {
        store_forget_failure(store);
        report_fail(&store->report, status, WASM_NO_OFFSET, WASM_NO_FUNC, "in %s.%s", host->module,
                    host->name);
    }
    trace_line(module, WASM_TRACE_HOST, "<- %s.%s ends the call: %s", host->module, host->name,
               wasm_status_text(status));
    return status;
}

wasm_status store_call_host(wasm_instance *caller, const wasm_func *func, uint64_t *slots)
{
    return call_host(caller->store, caller, func, slots);
}

/* ---- inwards --------------------------------------------------------------------------------- */

/* Runs `func` with its arguments in slots[]; restores what an unwound guest leaves behind. */
static wasm_status enter(wasm_store *store, wasm_func *func, uint64_t *slots, uint64_t width)
{
    uint64_t *top = store->stack_top;
    uint32_t depth = store->depth;
    wasm_status status;

    store->host_nesting++;
    if (func->host) {
        store->stack_top = slots + width;
        status = call_host(store, func->instance, func, slots);
    } else {
        status = store_invoke(store, func, slots);
    }
    store->host_nesting--;
    store->stack_top = top;
    store->depth = depth;
    return status;
}

wasm_status call_func(wasm_store *store, wasm_func *func, const wasm_value *args,
                      wasm_value *results)
{
    const wasm_functype *type = &func->type->func;
    const wasm_module *module = func->module;
    uint64_t params = slots_of(type->params, type->param_count);
    uint64_t width = slots_of(type->results, type->result_count);
    uint64_t *slots = store->stack_top, *slot = slots;
    wasm_status status = WASM_OK;

    /* Fuel is charged by the guest's own instructions, a refusal by interruption comes here: so a
     * function without any poll of its own cannot slip through. */
    if (atomic_load_explicit(&store->poll, memory_order_relaxed) & STORE_POLL_INTERRUPT)
        status = store_poll(store, 0);
    if (width < params)
        width = params;
    if (func->instance && func->instance->store != store)
        status = WASM_E_USAGE;
    else if (status == WASM_OK && (store->host_nesting > HOST_NESTING_MAX ||
                                   width >= (uint64_t)(store->stack_end - slots)))
        status = WASM_E_STACK_EXHAUSTED;
    if (status != WASM_OK)
        return store_trap(store, status, module, func->index, WASM_NO_OFFSET);

    for (uint32_t i = 0; i < type->param_count; i++) {
        if (WASM_IS_REF(type->params[i]) &&
            !reference_fits(module ? module->types : NULL, type->params[i], args[i].ref))
            return store_trap(store, WASM_E_USAGE, module, func->index, WASM_NO_OFFSET);
        value_to_slots(type->params[i], &args[i], slot);
        slot += type_slots(type->params[i]);
    }
    trace_line(module, WASM_TRACE_CALLS, "call function %u", func->index);
    status = enter(store, func, slots, width);
    if (status != WASM_OK) {
        /* Whoever failed has recorded why; this is for a failure before the first instruction. */
        return store_trap(store, status, module, func->index, WASM_NO_OFFSET);
    }
    slot = slots;
    for (uint32_t i = 0; i < type->result_count; i++) {
        value_from_slots(type->results[i], slot, &results[i]);
        slot += type_slots(type->results[i]);
    }
    return WASM_OK;
}

wasm_status wasm_call(wasm_store *store, wasm_func *func, const wasm_value *args,
                      wasm_value *results)
{
    store_forget_failure(store);
    return call_func(store, func, args, results);
}

wasm_functype wasm_func_type(const wasm_func *func)
{
    return func->type->func;
}
