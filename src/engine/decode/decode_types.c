/* SPDX-License-Identifier: Apache-2.0
 * decode_types.c — the type section, and the types of tables, memories and globals (§5.3, §5.5.4).
 *
 * How: function types are compared by structure all over the engine (call_indirect, linking). So
 * that comparing two types of one module is comparing two numbers, each type gets the smallest
 * index of its equals, found by sorting.
 *
 * Limits of tables and memories are read as 64-bit numbers, as WebAssembly 3.0 writes them;
 * whether they are in range for the address type is the validator's question. A page size (of the
 * custom page sizes proposal) follows them as a power of two, of which two are allowed.
 *
 * Memory: the module's arena. Threads: those of the module being loaded.
 */
#include "decode_impl.h"

enum type_form {
    FORM_FUNC = 0x60,
    FORM_STRUCT = 0x5F, /* the rest: 3.0 */
    FORM_ARRAY = 0x5E,
    FORM_SUB = 0x50,
    FORM_SUB_FINAL = 0x4F,
    FORM_REC = 0x4E
};

/* A vector of value types: a parameter or result list, into an array of the arena. */
static wasm_status decode_type_list(decoder *d, const wasm_valtype **out, uint32_t *count,
                                    uint32_t *slots, uint32_t limit, const char *what)
{
    static const wasm_valtype none[1] = {0};
    *out = none;
    *slots = 0;
    TRY(cursor_count(&d->c, count, 1, 0, limit, what));
    if (*count == 0)
        return WASM_OK;
    void *list;
    TRY(decode_array(d, &list, *count, sizeof(wasm_valtype)));
    wasm_valtype *types = list;
    for (uint32_t i = 0; i < *count; i++) {
        TRY(cursor_valtype(&d->c, &types[i]));
        *slots += types[i] == WASM_V128 ? 2 : 1;
    }
    *out = types;
    return WASM_OK;
}

static wasm_status decode_func_type(decoder *d, module_type *out)
{
    uint64_t offset = reader_offset(&d->c.r);
    uint8_t form;
    TRY(cursor_u8(&d->c, &form, "a type's form"));
    if (form == FORM_STRUCT || form == FORM_ARRAY || form == FORM_SUB || form == FORM_SUB_FINAL ||
        form == FORM_REC)
        TRY(cursor_need(&d->c, WASM_FEATURE_GC, offset, "a type that is not a function's"));
    if (form != FORM_FUNC)
        return cursor_fail(&d->c, WASM_E_TYPE_FORM, offset, "0x%02x", form);
    TRY(decode_type_list(d, &out->func.params, &out->func.param_count, &out->param_slots,
                         LIMIT_PARAMS, "parameters"));
    offset = reader_offset(&d->c.r);
    TRY(decode_type_list(d, &out->func.results, &out->func.result_count, &out->result_slots,
                         LIMIT_RESULTS, "results"));
    if (out->func.result_count > 1)
        TRY(cursor_need(&d->c, WASM_FEATURE_MULTI_VALUE, offset, "more than one result"));
    return WASM_OK;
}

static int compare_types(const void *items, uint32_t a, uint32_t b)
{
    const module_type *types = items;
    return module_compare_types(&types[a].func, &types[b].func);
}

static wasm_status decode_canonical_types(decoder *d)
{
    wasm_module *m = d->module;
    size_t bytes = 2 * (size_t)m->type_count * sizeof(uint32_t);
    if (bytes == 0)
        return WASM_OK;
    uint32_t *sorted = quota_realloc(&m->quota, NULL, 0, bytes);
    if (sorted == NULL)
        return quota_fail(&m->quota, d->c.report);
    order_sort(m->types, m->type_count, compare_types, sorted, sorted + m->type_count);
    uint32_t first = sorted[0];
    for (uint32_t i = 0; i < m->type_count; i++) {
        if (compare_types(m->types, first, sorted[i]) != 0)
            first = sorted[i]; /* the smallest index of its equals: the sort is stable */
        m->types[sorted[i]].canonical = first;
    }
    quota_free(&m->quota, sorted, bytes);
    return WASM_OK;
}

wasm_status decode_types(decoder *d)
{
    wasm_module *m = d->module;
    uint32_t count;
    void *array;
    TRY(cursor_count(&d->c, &count, 1, 0, LIMIT_TYPES, "types"));
    TRY(decode_array(d, &array, count, sizeof(module_type)));
    m->types = array;
    for (; m->type_count < count; m->type_count++)
        TRY(decode_func_type(d, &m->types[m->type_count]));
    return decode_canonical_types(d);
}

enum limits_flags { LIMITS_MAX = 1, LIMITS_SHARED = 2, LIMITS_64 = 4, LIMITS_PAGE_SIZE = 8 };

/* Before memory64, limits were 32-bit numbers, and what is larger was malformed. */
static wasm_status decode_limit(cursor *c, uint64_t *out, const char *what)
{
    uint32_t narrow;
    if ((c->enabled & WASM_FEATURE(WASM_FEATURE_MEMORY64)) != 0)
        return cursor_check(c, reader_leb_u64(&c->r, out), what);
    TRY(cursor_u32(c, &narrow, what));
    *out = narrow;
    return WASM_OK;
}

/* Limits, whose flags may be those in `known`. */
static wasm_status decode_bounds(decoder *d, unsigned known, wasm_bounds *out, uint8_t *seen)
{
    cursor *c = &d->c;
    uint64_t offset = reader_offset(&c->r);
    uint8_t flags;
    TRY(cursor_u8(c, &flags, "limits"));
    *seen = flags;
    if ((flags & ~known) != 0)
        return cursor_fail(c, WASM_E_LIMITS_FLAGS, offset, "0x%02x", flags);
    if ((flags & LIMITS_PAGE_SIZE) != 0)
        TRY(cursor_need(c, WASM_FEATURE_CUSTOM_PAGE_SIZES, offset, "a page size"));
    if ((flags & LIMITS_SHARED) != 0)
        TRY(cursor_need(c, WASM_FEATURE_THREADS, offset, "a shared memory"));
    if ((flags & LIMITS_64) != 0)
        TRY(cursor_need(c, WASM_FEATURE_MEMORY64, offset, "a 64-bit address type"));
    out->has_max = (flags & LIMITS_MAX) != 0;
    out->shared = (flags & LIMITS_SHARED) != 0;
    out->is_64 = (flags & LIMITS_64) != 0;
    TRY(decode_limit(c, &out->min, "a minimum"));
    return out->has_max ? decode_limit(c, &out->max, "a maximum") : WASM_OK;
}

wasm_status decode_table_type(decoder *d, module_table *out)
{
    out->at = (uint32_t)reader_offset(&d->c.r);
    uint8_t flags;
    TRY(cursor_reftype(&d->c, &out->elem));
    return decode_bounds(d, LIMITS_MAX | LIMITS_64, &out->bounds, &flags);
}

wasm_status decode_memory_type(decoder *d, module_memory *out)
{
    out->at = (uint32_t)reader_offset(&d->c.r);
    cursor *c = &d->c;
    uint8_t flags;
    uint32_t shift;
    out->page_shift = 16;
    TRY(decode_bounds(d, LIMITS_MAX | LIMITS_SHARED | LIMITS_64 | LIMITS_PAGE_SIZE, &out->bounds,
                      &flags));
    if ((flags & LIMITS_PAGE_SIZE) == 0)
        return WASM_OK;
    uint64_t offset = reader_offset(&c->r);
    TRY(cursor_u32(c, &shift, "a page size"));
    if (shift > 64)
        return cursor_fail(c, WASM_E_PAGE_SIZE_BITS, offset, "2^%u", (unsigned)shift);
    if (shift != 0 && shift != 16)
        return cursor_fail(c, WASM_E_PAGE_SIZE, offset, "2^%u; pages have 1 byte or 65536",
                           (unsigned)shift);
    out->page_shift = (uint8_t)shift;
    out->bounds.byte_pages = shift == 0;
    return WASM_OK;
}

wasm_status decode_global_type(decoder *d, module_global *out)
{
    TRY(cursor_valtype(&d->c, &out->type));
    uint64_t offset = reader_offset(&d->c.r);
    uint8_t mutability;
    TRY(cursor_u8(&d->c, &mutability, "a mutability"));
    if (mutability > 1)
        return cursor_fail(&d->c, WASM_E_MUTABILITY, offset, "0x%02x", mutability);
    out->mutable_ = mutability == 1;
    return WASM_OK;
}
