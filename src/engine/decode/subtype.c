/* SPDX-License-Identifier: Apache-2.0
 * subtype.c — the rules of §3.3.1 to §3.3.4, as sets of bits.
 *
 * How:     each abstract heap type has the set of those that include it. A type of a module is in
 *          the sets that its form says, and a reference to the bottom of a hierarchy is one to any
 *          type of it.
 *
 * Memory:  constants.
 * Threads: no shared state.
 */
#include "subtype.h"

#define BIT(kind) (1U << ((kind)-WASM_KIND_DATA))

enum {
    IN_ANY = BIT(WASM_KIND_ANY),
    IN_EQ = BIT(WASM_KIND_EQ) | IN_ANY,
    IN_I31 = BIT(WASM_KIND_I31) | IN_EQ,
    IN_STRUCT = BIT(WASM_KIND_STRUCT) | IN_EQ,
    IN_ARRAY = BIT(WASM_KIND_ARRAY) | IN_EQ,
    IN_NONE = BIT(WASM_KIND_NONE) | IN_I31 | IN_STRUCT | IN_ARRAY,
    IN_FUNC = BIT(WASM_KIND_FUNC),
    IN_NOFUNC = BIT(WASM_KIND_NOFUNC) | IN_FUNC,
    IN_EXTERN = BIT(WASM_KIND_EXTERN),
    IN_NOEXTERN = BIT(WASM_KIND_NOEXTERN) | IN_EXTERN,
    IN_EXN = BIT(WASM_KIND_EXN),
    IN_NOEXN = BIT(WASM_KIND_NOEXN) | IN_EXN
};

/* Which abstract heap types include this one. */
static uint32_t included_in(uint8_t kind)
{
    switch (kind) {
    case WASM_KIND_ANY: return IN_ANY;
    case WASM_KIND_EQ: return IN_EQ;
    case WASM_KIND_I31: return IN_I31;
    case WASM_KIND_STRUCT: return IN_STRUCT;
    case WASM_KIND_ARRAY: return IN_ARRAY;
    case WASM_KIND_NONE: return IN_NONE;
    case WASM_KIND_FUNC: return IN_FUNC;
    case WASM_KIND_NOFUNC: return IN_NOFUNC;
    case WASM_KIND_EXTERN: return IN_EXTERN;
    case WASM_KIND_NOEXTERN: return IN_NOEXTERN;
    case WASM_KIND_EXN: return IN_EXN;
    case WASM_KIND_NOEXN: return IN_NOEXN;
    default: return 0;
    }
}

bool heap_includes(uint8_t abstract, const module_type *type)
{
    static const uint16_t sets[] = {
        [MODULE_FUNC] = IN_FUNC, [MODULE_STRUCT] = IN_STRUCT, [MODULE_ARRAY] = IN_ARRAY};
    return (sets[type->form] & BIT(abstract)) != 0;
}

bool type_is_below_elsewhere(const module_type *a, const module_type *b)
{
    while (!type_is_same(a, b)) {
        if (a->super == MODULE_NO_TYPE || a->module == NULL)
            return false;
        a = &a->module->types[a->super];
    }
    return true;
}

static bool is_indexed(uint8_t kind)
{
    return kind == WASM_KIND_DATA || kind == WASM_KIND_CODE;
}

bool valtype_is_below(const module_type *a_types, wasm_valtype a, const module_type *b_types,
                      wasm_valtype b)
{
    uint8_t from = WASM_KIND(a), to = WASM_KIND(b);
    if (!WASM_IS_REF(a) || !WASM_IS_REF(b))
        return a == b;
    if ((a & WASM_NULLABLE) != 0 && (b & WASM_NULLABLE) == 0)
        return false;
    if (is_indexed(from)) {
        const module_type *type = &a_types[WASM_TYPE_INDEX(a)];
        return is_indexed(to) ? type_is_below(type, &b_types[WASM_TYPE_INDEX(b)])
                              : heap_includes(to, type);
    }
    if (is_indexed(to))
        return from == (to == WASM_KIND_CODE ? WASM_KIND_NOFUNC : WASM_KIND_NONE);
    return (included_in(from) & BIT(to)) != 0;
}
