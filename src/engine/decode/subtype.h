/* SPDX-License-Identifier: Apache-2.0
 * subtype.h — which types are the same, and which may stand where another is expected (§3.3).
 *
 * Types of one module are compared by numbers, those of two modules by their identity
 * (type_identity.c), which both have found out by themselves.
 *
 * Memory:  nothing is allocated.
 * Threads: pure functions of immutable modules.
 */
#ifndef WASMSERVE_SUBTYPE_H
#define WASMSERVE_SUBTYPE_H

#include "module.h"

/* The identity of the group of `count` types from types[first] on, whose indices stand as in the
 * file; the groups before it have theirs. */
void identity_of_group(const module_type *types, uint32_t first, uint32_t count, digest *out);

/* The same defined type. */
static inline bool type_is_same(const module_type *a, const module_type *b)
{
    return a == b || (a->member == b->member && digest_equal(a->group, b->group));
}
/* Whether a is b or below it, for types of two modules. */
bool type_is_below_elsewhere(const module_type *a, const module_type *b);
static inline bool type_is_below(const module_type *a, const module_type *b)
{
    if (a->module == b->module && a->module != NULL)
        return a->order - b->order <= b->last - b->order;
    return type_is_below_elsewhere(a, b);
}

/* Whether a value of type a, in terms of the types `a_types`, may stand for one of type b. The
 * types may be NULL where no index occurs. */
bool valtype_is_below(const module_type *a_types, wasm_valtype a, const module_type *b_types,
                      wasm_valtype b);
/* Each is below the other. */
static inline bool valtype_is_same(const module_type *a_types, wasm_valtype a,
                                   const module_type *b_types, wasm_valtype b)
{
    return valtype_is_below(a_types, a, b_types, b) && valtype_is_below(b_types, b, a_types, a);
}
/* Whether references of this kind of abstract heap type include all that type's values. */
bool heap_includes(uint8_t abstract, const module_type *type);

/* Whether a value of the type exists before anybody has given one (§3.2.4). */
static inline bool valtype_has_default(wasm_valtype type)
{
    return !WASM_IS_REF(type) || (type & WASM_NULLABLE) != 0;
}

#endif
