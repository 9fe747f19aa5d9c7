/* SPDX-License-Identifier: Apache-2.0
 * exception.c — tags, and the exceptions that are thrown with them (§4.2.12, §4.6.12 of 3.0).
 *
 * How:     An exception is an object of the heap with its tag and the tag's parameters. One that is
 *          on its way stands in store->exception; a call that it leaves fails with
 *          WASM_E_EXCEPTION. So it crosses host functions, which hand that status on, and guest
 *          code beyond them can catch it. A host function that goes on instead has caught it.
 * Memory:  Tags are in the store's arena; exceptions are collected.
 * Threads: the store's.
 */
#include <stdio.h>
#include <string.h>

#include "runtime_impl.h"

const module_type exception_type = {
    .form = OBJECT_EXCEPTION, .super = MODULE_NO_TYPE, .final = true};

/* ---- tags ------------------------------------------------------------------------------------ */

wasm_status wasm_tag_new(wasm_store *store, const wasm_valtype *params, uint32_t count,
                         wasm_tag **out)
{
    wasm_tag *tag = ARENA_NEW(&store->arena, wasm_tag);
    module_type *type;

    if (!tag)
        return WASM_E_QUOTA;
    TRY(type_new(store, params, count, NULL, 0, &type));
    tag->type = type;
    tag->store = store;
    *out = tag;
    return WASM_OK;
}

wasm_functype wasm_tag_type(const wasm_tag *tag)
{
    return tag->type->func;
}

/* ---- making and reading ---------------------------------------------------------------------- */

wasm_status exception_throw(wasm_store *store, wasm_tag *tag, const uint64_t *slots)
{
    size_t bytes = tag->type->param_slots * sizeof *slots;
    heap_object *o = NULL;

    TRY(heap_allocate(store, &exception_type, EXCEPTION_HEAD + bytes, &o));
    *exception_tag_place(o) = tag;
    memcpy(exception_slots(o), slots, bytes);
    store->exception = object_ref(o);
    return WASM_E_EXCEPTION;
}

void exception_mark(wasm_store *store, const heap_object *o)
{
    const wasm_functype *type = &exception_tag(o)->type->func;
    const uint64_t *slot = exception_slots(o);

    for (uint32_t i = 0; i < type->param_count; i++) {
        if (module_is_object(type->params[i]))
            collect_mark(store, *slot);
        slot += type_slots(type->params[i]);
    }
}

wasm_status wasm_throw(wasm_store *store, wasm_tag *tag, const wasm_value *args)
{
    const wasm_functype *type = &tag->type->func;
    uint64_t *slots = store->stack_top, *slot = slots;
    store_arguments held;
    wasm_status status;

    store_forget_failure(store);
    if (tag->store != store)
        return WASM_E_USAGE;
    if ((size_t)(store->stack_end - slots) < tag->type->param_slots)
        return WASM_E_STACK_EXHAUSTED;
    for (uint32_t i = 0; i < type->param_count; i++) {
        if (WASM_IS_REF(type->params[i]) && !reference_fits(NULL, type->params[i], args[i].ref))
            return WASM_E_USAGE;
        value_to_slots(type->params[i], &args[i], slot);
        slot += type_slots(type->params[i]);
    }
    store->stack_top = slot;
    status = arguments_hold(store, tag->type, slots, &held);
    if (status == WASM_OK) {
        status = exception_throw(store, tag, slots);
        arguments_release(store, &held);
    }
    store->stack_top = slots;
    return status;
}

wasm_ref wasm_store_exception(const wasm_store *store)
{
    return store->exception;
}

wasm_tag *wasm_exception_tag(wasm_ref exception)
{
    return exception_tag(ref_object(exception));
}

void wasm_exception_values(wasm_ref exception, wasm_value *values)
{
    heap_object *o = ref_object(exception);
    const wasm_functype *type = &exception_tag(o)->type->func;
    const uint64_t *slot = exception_slots(o);

    for (uint32_t i = 0; i < type->param_count; i++) {
        value_from_slots(type->params[i], slot, &values[i]);
        slot += type_slots(type->params[i]);
    }
}

/* ---- telling of one that nobody caught ------------------------------------------------------- */

#define VALUES_SHOWN 4

char *exception_describe(const wasm_store *store, char *buf, size_t size)
{
    heap_object *o = ref_object(store->exception);
    size_t at = 0;

    buf[0] = '\0';
    if (!o)
        return buf;
    const wasm_functype *type = &exception_tag(o)->type->func;
    const uint64_t *slot = exception_slots(o);
    at += (size_t)snprintf(buf, size, "its tag has %u parameters%s", (unsigned)type->param_count,
                           type->param_count ? ":" : "");
    for (uint32_t i = 0; i < type->param_count && i < VALUES_SHOWN && at < size; i++) {
        if (type->params[i] == WASM_I32)
            at += (size_t)snprintf(buf + at, size - at, " i32 0x%x", (unsigned)*slot);
        else if (type->params[i] == WASM_I64)
            at += (size_t)snprintf(buf + at, size - at, " i64 0x%llx", (unsigned long long)*slot);
        else
            at += (size_t)snprintf(buf + at, size - at, " %s",
                                   wasm_valtype_text(type->params[i]).text);
        slot += type_slots(type->params[i]);
    }
    return buf;
}
