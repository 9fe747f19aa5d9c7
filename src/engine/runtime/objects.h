/* SPDX-License-Identifier: Apache-2.0
 * objects.h — what instructions do with structs, arrays and i31 (§4.6.4 to §4.6.8 of 3.0).
 *
 * Tiers read and write single fields and elements themselves, by the offsets of the types; here is
 * what makes objects, what moves many elements, and what a reference is asked.
 *
 * Memory:  see heap.h; what makes an object may collect.
 * Threads: the store's.
 */
#ifndef WASMSERVE_OBJECTS_H
#define WASMSERVE_OBJECTS_H

#include "runtime.h"
#include "subtype.h"

/* ---- references -------------------------------------------------------------------------------
 */

/* An i31 is in its reference: bits 1 to 31, and bit 0 is set. */
static inline wasm_ref ref_of_i31(uint32_t value)
{
    return (uint32_t)(value << 1) | 1;
}
static inline uint32_t i31_unsigned(wasm_ref ref)
{
    return (uint32_t)ref >> 1;
}
static inline uint32_t i31_signed(wasm_ref ref)
{
    return (uint32_t)((int32_t)(uint32_t)ref >> 1);
}
static inline bool ref_is_i31(wasm_ref ref)
{
    return (ref & 1) != 0;
}

/* Whether a reference of the type's hierarchy is one of the type, in terms of `types`. */
bool ref_is_abstract(wasm_ref ref, wasm_valtype type);
static inline bool ref_is(const module_type *types, wasm_ref ref, wasm_valtype type)
{
    if (ref == 0)
        return (type & WASM_NULLABLE) != 0;
    if (WASM_KIND(type) == WASM_KIND_DATA)
        return ref_is_object(ref) &&
               type_is_below(object_type(ref_object(ref)), &types[WASM_TYPE_INDEX(type)]);
    if (WASM_KIND(type) == WASM_KIND_CODE)
        return type_is_below(((const wasm_func *)(uintptr_t)ref)->type,
                             &types[WASM_TYPE_INDEX(type)]);
    return ref_is_abstract(ref, type);
}

/* ---- making objects ---------------------------------------------------------------------------
 */

/* A struct with the fields in slots[], or with default values for NULL. */
wasm_status struct_new(wasm_store *store, const module_type *type, const uint64_t *slots,
                       wasm_ref *out);
/* An array of `length` times the value in slots[], or the default one for NULL. */
wasm_status array_new(wasm_store *store, const module_type *type, uint32_t length,
                      const uint64_t *slots, wasm_ref *out);
/* An array of the `length` values in slots[]. */
wasm_status array_new_fixed(wasm_store *store, const module_type *type, uint32_t length,
                            const uint64_t *slots, wasm_ref *out);
/* An array of `length` elements from a segment, from `source` on: bytes of a data segment, or
 * elements of an element segment. Errors: OOB_MEMORY, OOB_TABLE. */
wasm_status array_new_data(wasm_instance *instance, const module_type *type, uint32_t data,
                           uint32_t source, uint32_t length, wasm_ref *out);
wasm_status array_new_elem(wasm_instance *instance, const module_type *type, uint32_t elem,
                           uint32_t source, uint32_t length, wasm_ref *out);

/* ---- many elements ----------------------------------------------------------------------------
 */

/* Errors: NULL_ARRAY, OOB_ARRAY, OOB_MEMORY, OOB_TABLE; those that end a guest, between chunks. */
wasm_status array_fill(wasm_store *store, wasm_ref array, uint32_t at, const uint64_t *slots,
                       uint32_t count);
wasm_status array_copy(wasm_store *store, wasm_ref to, uint32_t at, wasm_ref from, uint32_t source,
                       uint32_t count);
wasm_status array_init_data(wasm_instance *instance, wasm_ref array, uint32_t data, uint32_t at,
                            uint32_t source, uint32_t count);
wasm_status array_init_elem(wasm_instance *instance, wasm_ref array, uint32_t elem, uint32_t at,
                            uint32_t source, uint32_t count);

#endif
