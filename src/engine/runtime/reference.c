/* SPDX-License-Identifier: Apache-2.0
 * reference.c — what a reference is, and whether it is one of a type (§4.2.1, §4.6.2 of 3.0).
 *
 * How:     engine.h says how the bits are used. Types tell references to functions from all others;
 *          the others tell by themselves what they are. Whether a value has a type is asked where
 *          the host hands one in; guests are validated.
 * Memory:  Nothing is allocated.
 * Threads: the store's.
 */
#include "objects.h"
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
    if (wasm_ref_is_number(ref))
        return WASM_REF_HOST;
    if (ref_is_i31(ref))
        return WASM_REF_I31;
    switch (object_type(ref_object(ref))->form) {
    case MODULE_STRUCT: return WASM_REF_STRUCT;
    case MODULE_ARRAY: return WASM_REF_ARRAY;
    default: return WASM_REF_EXCEPTION;
    }
}

bool reference_fits(const module_type *types, wasm_valtype type, wasm_ref ref)
{
    /* An exception is in no hierarchy but its own; all else there is one of. */
    bool exception = ref_is_object(ref) && !is_code(type) &&
                     object_type(ref_object(ref))->form == OBJECT_EXCEPTION;
    uint8_t kind = WASM_KIND(type);

    if (ref != 0 && !is_code(type) &&
        exception != (kind == WASM_KIND_EXN || kind == WASM_KIND_NOEXN))
        return false;
    return ref_is(types, ref, type);
}
