/* SPDX-License-Identifier: Apache-2.0
 * decode_types.c — the type section (§5.3.4 to §5.3.8, §5.5.4): recursive groups of functions,
 * structs and arrays, each with the supertype that it declares.
 *
 * How:     the section is a list of groups, and a type without `rec` is a group of one. It is read
 *          twice, first to count the types, then into an array of exactly that size. A reference to
 *          a type may go to any type up to the end of its own group; a supertype stands before its
 *          subtypes. type_identity.c then finds out which types are equal. Whether a subtype fits
 *          its supertype is the validator's question.
 *
 * Objects are laid out here: fields in their order, each aligned to its size but to 8 at the most.
 * A subtype begins with the fields of its supertype, in the same sizes, so they lie at the same
 * offsets.
 *
 * Memory:  the module's arena.
 * Threads: those of the module being loaded.
 */
#include "decode_impl.h"

enum type_form {
    FORM_FUNC = 0x60,
    FORM_STRUCT = 0x5F,
    FORM_ARRAY = 0x5E,
    FORM_SUB = 0x50,
    FORM_SUB_FINAL = 0x4F,
    FORM_REC = 0x4E
};

/* A vector of value types: a parameter or result list. *out stays untouched if it is not kept. */
static wasm_status decode_type_list(decoder *d, bool keep, const wasm_valtype **out,
                                    uint32_t *count, uint32_t *slots, uint32_t limit,
                                    const char *what)
{
    wasm_valtype one, *types = NULL;
    *slots = 0;
    TRY(cursor_count(&d->c, count, 1, 0, limit, what));
    if (keep && *count != 0) {
        void *list;
        TRY(decode_array(d, &list, *count, sizeof(wasm_valtype)));
        *out = types = list;
    }
    for (uint32_t i = 0; i < *count; i++) {
        TRY(cursor_valtype(&d->c, &one));
        *slots += one == WASM_V128 ? 2 : 1;
        if (types != NULL)
            types[i] = one;
    }
    return WASM_OK;
}

static wasm_status decode_func_type(decoder *d, bool keep, module_type *out)
{
    static const wasm_valtype none[1] = {0};
    out->form = MODULE_FUNC;
    out->func.params = out->func.results = none;
    TRY(decode_type_list(d, keep, &out->func.params, &out->func.param_count, &out->param_slots,
                         LIMIT_PARAMS, "parameters"));
    uint64_t offset = reader_offset(&d->c.r);
    TRY(decode_type_list(d, keep, &out->func.results, &out->func.result_count, &out->result_slots,
                         LIMIT_RESULTS, "results"));
    if (out->func.result_count > 1)
        TRY(cursor_need(&d->c, WASM_FEATURE_MULTI_VALUE, offset, "more than one result"));
    return WASM_OK;
}

static uint32_t field_bytes(wasm_valtype type)
{
    switch (WASM_KIND(type)) {
    case MODULE_I8: return 1;
    case MODULE_I16: return 2;
    case WASM_I32:
    case WASM_F32: return 4;
    case WASM_V128: return 16;
    default: return 8;
    }
}

static wasm_status decode_field(decoder *d, module_field *out)
{
    TRY(cursor_storage_type(&d->c, &out->type));
    return decode_mutability(&d->c, &out->mutable_);
}

static wasm_status decode_struct_type(decoder *d, bool keep, module_type *out)
{
    module_field one, *fields = NULL;
    uint32_t bytes = MODULE_STRUCT_HEAD;
    out->form = MODULE_STRUCT;
    TRY(cursor_count(&d->c, &out->field_count, 2, 0, LIMIT_FIELDS, "fields"));
    if (keep) {
        void *array;
        TRY(decode_array(d, &array, out->field_count, sizeof *fields));
        out->fields = fields = array;
    }
    for (uint32_t i = 0; i < out->field_count; i++) {
        TRY(decode_field(d, &one));
        uint32_t size = field_bytes(one.type), align = size > 8 ? 8 : size;
        one.offset = (bytes + align - 1) & ~(align - 1);
        bytes = one.offset + size;
        if (fields != NULL)
            fields[i] = one;
    }
    out->bytes = bytes;
    return WASM_OK;
}

static wasm_status decode_array_type(decoder *d, bool keep, module_type *out)
{
    module_field one = {.offset = MODULE_ARRAY_HEAD};
    out->form = MODULE_ARRAY;
    out->field_count = 1;
    TRY(decode_field(d, &one));
    if (keep) {
        void *array;
        TRY(decode_array(d, &array, 1, sizeof one));
        module_field *element = array;
        *element = one;
        out->fields = element;
    }
    return WASM_OK;
}

/* The one supertype that a type may declare (§3.2.8). */
static wasm_status decode_super(decoder *d, uint32_t index, module_type *out)
{
    cursor *c = &d->c;
    uint64_t offset = reader_offset(&c->r);
    uint32_t count;
    TRY(cursor_count(c, &count, 1, 0, UINT32_MAX, "supertypes"));
    if (count > 1)
        return cursor_fail(c, WASM_E_SUBTYPE, offset, "type %u has %u supertypes", (unsigned)index,
                           (unsigned)count);
    if (count == 0)
        return WASM_OK;
    TRY(cursor_u32(c, &out->super, "a supertype"));
    if (out->super >= index)
        return cursor_fail(c, WASM_E_UNKNOWN_TYPE, offset,
                           "type %u has type %u as its supertype, which is not before it",
                           (unsigned)index, (unsigned)out->super);
    return WASM_OK;
}

/* Type `index`; `types` is NULL when types are counted. */
static wasm_status decode_subtype(decoder *d, uint32_t index, module_type *types)
{
    cursor *c = &d->c;
    uint64_t offset = reader_offset(&c->r);
    module_type out = {
        .module = d->module, .at = (uint32_t)offset, .super = MODULE_NO_TYPE, .final = true};
    bool keep = types != NULL;
    uint8_t form;
    TRY(cursor_u8(c, &form, "a type's form"));
    if (form != FORM_FUNC && form >= FORM_SUB_FINAL && form <= FORM_STRUCT)
        TRY(cursor_need(c, WASM_FEATURE_GC, offset, "a type that is not a function's"));
    if (form == FORM_SUB || form == FORM_SUB_FINAL) {
        out.final = form == FORM_SUB_FINAL;
        TRY(decode_super(d, index, &out));
        if (keep && out.super != MODULE_NO_TYPE) {
            if (types[out.super].depth == LIMIT_SUBTYPE_DEPTH)
                return cursor_fail(c, WASM_E_IMPL_LIMIT, offset,
                                   "type %u has more than %u supertypes above each other",
                                   (unsigned)index, (unsigned)LIMIT_SUBTYPE_DEPTH);
            out.depth = (uint8_t)(types[out.super].depth + 1);
        }
        offset = reader_offset(&c->r);
        TRY(cursor_u8(c, &form, "a type's form"));
    }
    switch (form) {
    case FORM_FUNC: TRY(decode_func_type(d, keep, &out)); break;
    case FORM_STRUCT: TRY(decode_struct_type(d, keep, &out)); break;
    case FORM_ARRAY: TRY(decode_array_type(d, keep, &out)); break;
    default: return cursor_fail(c, WASM_E_TYPE_FORM, offset, "0x%02x", form);
    }
    if (keep)
        types[index] = out;
    return WASM_OK;
}

/* The next group; *total grows by its types. */
static wasm_status decode_group(decoder *d, uint32_t *total, module_type *types)
{
    cursor *c = &d->c;
    uint64_t offset = reader_offset(&c->r);
    uint32_t first = *total, count = 1;
    digest *group = NULL;
    if (reader_left(&c->r) != 0 && *c->r.next == FORM_REC) {
        TRY(cursor_need(c, WASM_FEATURE_GC, offset, "a group of types"));
        c->r.next++;
        TRY(cursor_count(c, &count, 2, 0, LIMIT_GROUP, "types in a group"));
    }
    if (count > LIMIT_TYPES - first)
        return cursor_fail(c, WASM_E_IMPL_LIMIT, offset, "%llu types; the limit is %u",
                           (unsigned long long)first + count, (unsigned)LIMIT_TYPES);
    if (types != NULL && count != 0) {
        void *array;
        TRY(decode_array(d, &array, 1, sizeof *group));
        group = array;
    }
    c->type_count = first + count;
    for (uint32_t i = 0; i < count; i++) {
        TRY(decode_subtype(d, first + i, types));
        if (types != NULL) {
            types[first + i].group = group;
            types[first + i].member = i;
        }
    }
    if (group != NULL)
        identity_of_group(types, first, count, group);
    *total += count;
    return WASM_OK;
}

wasm_status decode_types(decoder *d)
{
    wasm_module *m = d->module;
    uint32_t count, total = 0;
    void *array;
    TRY(cursor_count(&d->c, &count, 1, 0, LIMIT_TYPES, "types"));
    reader again = d->c.r;
    for (uint32_t i = 0; i < count; i++)
        TRY(decode_group(d, &total, NULL));
    TRY(decode_array(d, &array, total, sizeof(module_type)));
    d->c.r = again;
    for (uint32_t i = 0; i < count; i++)
        TRY(decode_group(d, &m->type_count, array));
    m->types = array;
    d->c.types = m->types;
    d->c.type_count = m->type_count;
    return identity_of_types(d);
}
