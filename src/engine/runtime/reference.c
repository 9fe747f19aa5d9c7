/* SPDX-License-Identifier: Apache-2.0
 * reference.c — what a reference is, and whether it is one of a type (§4.2.1, §4.6.2 of 3.0).
 *
 * How:     engine.h says how the bits are used. Types tell references to functions from all others;
 *          the others tell by themselves what they are. Whether a value has a type is asked where
 *          the host hands one in; guests are validated.
 * Memory:  Nothing is allocated.
 * Threads: the store's.
 */
#include "runtime_impl.h"

static bool is_code(wasm_valtype type)
{
    return !module_is_object(type);
}

wasm_refkind wasm_ref_kind(wasm_valtype type, wasm_ref ref)
{
    if (ref == 0)
        return WASM_REF_NULL;
    if (is_code(type))
        return WASM_REF_FUNC;
    return wasm_ref_is_number(ref) ? WASM_REF_HOST : WASM_REF_EXCEPTION;
}

static bool func_fits(const module_type *types, wasm_valtype type, const wasm_func *func)
{
    if (WASM_KIND(type) == WASM_KIND_CODE)
        return type_is_below(func->type, &types[WASM_TYPE_INDEX(type)]);
    return WASM_KIND(type) == WASM_KIND_FUNC;
}

static bool object_fits(const module_type *types, wasm_valtype type, const heap_object *o)
{
    (void)types;
    return object_type(o)->form == OBJECT_EXCEPTION && WASM_KIND(type) == WASM_KIND_EXN;
}

bool reference_fits(const module_type *types, wasm_valtype type, wasm_ref ref)
{
    if (ref == 0)
        return (type & WASM_NULLABLE) != 0;
    if (is_code(type))
        return func_fits(types, type, (const wasm_func *)(uintptr_t)ref);
    if (wasm_ref_is_number(ref))
        return WASM_KIND(type) == WASM_KIND_EXTERN || WASM_KIND(type) == WASM_KIND_ANY;
    return ref_is_object(ref) && object_fits(types, type, ref_object(ref));
}
