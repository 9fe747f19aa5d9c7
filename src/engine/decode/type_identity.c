/* SPDX-License-Identifier: Apache-2.0
 * type_identity.c — which types are equal, and which are below which (§3.2.3, §3.3).
 *
 * How:     two types are equal if their recursive groups are, and they have the same place in them
 *          (iso-recursive equality). A group is written down so that equal groups give equal bytes:
 *          a reference into the group itself as the place there, one to an earlier type as the
 *          identity of that type, which is known by then. The digest of those bytes is the group's
 *          identity, in this module as in any other. Each group is written once, and a reference
 *          takes a constant number of bytes: no nesting of groups makes this more than linear.
 *
 * Within the module comparing two types is comparing two numbers: each type gets the smallest index
 * of its equals, found by sorting the digests, and all value types of the section are rewritten to
 * those.
 *
 * Subtypes are numbered in preorder, supertypes first: the types below one are a range of numbers,
 * and asking for it is one subtraction and one comparison, however deep the chain is.
 *
 * Memory:  the module's arena; scratch of its quota.
 * Threads: those of the module being loaded.
 */
#include "decode_impl.h"

/* ---- writing a group down ---------------------------------------------------------------------
 */

enum { IN_GROUP = 1, ELSEWHERE = 2, ABSTRACT = 3 };

static void add_index(digest_state *s, const module_type *types, uint32_t first, uint32_t index)
{
    if (index >= first) {
        digest_add_u32(s, IN_GROUP);
        digest_add_u32(s, index - first);
    } else {
        digest_add_u32(s, ELSEWHERE);
        digest_add(s, types[index].group->words, sizeof types[index].group->words);
        digest_add_u32(s, types[index].member);
    }
}

static void add_valtype(digest_state *s, const module_type *types, uint32_t first,
                        wasm_valtype type)
{
    if (WASM_KIND(type) != WASM_KIND_DATA) {
        digest_add_u32(s, ABSTRACT);
        digest_add_u32(s, type);
        return;
    }
    digest_add_u32(s, type & WASM_NULLABLE);
    add_index(s, types, first, WASM_TYPE_INDEX(type));
}

static void add_list(digest_state *s, const module_type *types, uint32_t first,
                     const wasm_valtype *list, uint32_t count)
{
    digest_add_u32(s, count);
    for (uint32_t i = 0; i < count; i++)
        add_valtype(s, types, first, list[i]);
}

static void add_type(digest_state *s, const module_type *types, uint32_t first, uint32_t index)
{
    const module_type *type = &types[index];
    digest_add_u32(s, (uint32_t)type->form << 1 | type->final);
    digest_add_u32(s, type->super != MODULE_NO_TYPE);
    if (type->super != MODULE_NO_TYPE)
        add_index(s, types, first, type->super);
    if (type->form == MODULE_FUNC) {
        add_list(s, types, first, type->func.params, type->func.param_count);
        add_list(s, types, first, type->func.results, type->func.result_count);
        return;
    }
    digest_add_u32(s, type->field_count);
    for (uint32_t i = 0; i < type->field_count; i++) {
        add_valtype(s, types, first, type->fields[i].type);
        digest_add_u32(s, type->fields[i].mutable_);
    }
}

void identity_of_group(const module_type *types, uint32_t first, uint32_t count, digest *out)
{
    digest_state s;
    digest_begin(&s);
    digest_add_u32(&s, count);
    for (uint32_t i = 0; i < count; i++)
        add_type(&s, types, first, first + i);
    digest_end(&s, out);
}

/* ---- equal types ------------------------------------------------------------------------------
 */

static int compare_types(const void *items, uint32_t a, uint32_t b)
{
    const module_type *types = items;
    int order = memcmp(types[a].group->words, types[b].group->words, sizeof(digest));
    if (order != 0)
        return order;
    return types[a].member < types[b].member ? -1 : types[a].member > types[b].member;
}

static void find_equals(wasm_module *m, uint32_t *sorted, uint32_t *scratch)
{
    order_sort(m->types, m->type_count, compare_types, sorted, scratch);
    uint32_t first = sorted[0];
    for (uint32_t i = 0; i < m->type_count; i++) {
        if (compare_types(m->types, first, sorted[i]) != 0)
            first = sorted[i]; /* the smallest index of its equals: the sort is stable */
        m->types[sorted[i]].canonical = first;
    }
}

static wasm_valtype canonical_valtype(const cursor *c, wasm_valtype type)
{
    if (WASM_KIND(type) != WASM_KIND_DATA)
        return type;
    return cursor_reference_to(c, WASM_TYPE_INDEX(type), (type & WASM_NULLABLE) != 0);
}

/* The list is the decoder's own, in the arena; only its readers must not write to it. */
static void canonical_list(const cursor *c, const wasm_valtype *list, uint32_t count)
{
    wasm_valtype *types = (wasm_valtype *)list;
    for (uint32_t i = 0; i < count; i++)
        types[i] = canonical_valtype(c, types[i]);
}

static wasm_status canonical_fields(decoder *d, module_type *type)
{
    module_field *fields = (module_field *)type->fields;
    for (uint32_t i = 0; i < type->field_count; i++) {
        fields[i].type = canonical_valtype(&d->c, fields[i].type);
        type->ref_count += module_is_object(fields[i].type);
    }
    if (type->form != MODULE_STRUCT || type->ref_count == 0)
        return WASM_OK;
    void *array;
    TRY(decode_array(d, &array, type->ref_count, sizeof(uint32_t)));
    uint32_t *refs = array, count = 0;
    for (uint32_t i = 0; i < type->field_count; i++) {
        if (module_is_object(fields[i].type))
            refs[count++] = fields[i].offset;
    }
    type->refs = refs;
    return WASM_OK;
}

static wasm_status rewrite(decoder *d)
{
    wasm_module *m = d->module;
    for (uint32_t i = 0; i < m->type_count; i++) {
        module_type *type = &m->types[i];
        if (type->super != MODULE_NO_TYPE)
            type->super = m->types[type->super].canonical;
        if (type->form == MODULE_FUNC) {
            canonical_list(&d->c, type->func.params, type->func.param_count);
            canonical_list(&d->c, type->func.results, type->func.result_count);
            for (uint32_t k = 0; k < type->func.param_count; k++)
                type->takes_objects |= module_is_object(type->func.params[k]);
        } else {
            TRY(canonical_fields(d, type));
        }
    }
    return WASM_OK;
}

/* ---- numbers in preorder ----------------------------------------------------------------------
 */

/* A supertype's canonical index is smaller than that of any type below it. */
static void number(wasm_module *m, uint32_t *sizes, uint32_t *next)
{
    module_type *types = m->types;
    uint32_t root = 0;
    memset(sizes, 0, m->type_count * sizeof *sizes);
    for (uint32_t i = m->type_count; i > 0; i--) {
        const module_type *type = &types[i - 1];
        if (type->canonical != i - 1)
            continue;
        sizes[i - 1]++;
        if (type->super != MODULE_NO_TYPE)
            sizes[type->super] += sizes[i - 1];
    }
    for (uint32_t i = 0; i < m->type_count; i++) {
        module_type *type = &types[i];
        if (type->canonical != i) {
            type->order = types[type->canonical].order;
            type->last = types[type->canonical].last;
            continue;
        }
        uint32_t *from = type->super == MODULE_NO_TYPE ? &root : &next[type->super];
        type->order = *from;
        type->last = type->order + sizes[i] - 1;
        next[i] = type->order + 1;
        *from += sizes[i];
    }
}

wasm_status identity_of_types(decoder *d)
{
    wasm_module *m = d->module;
    size_t bytes = 2 * (size_t)m->type_count * sizeof(uint32_t);
    if (bytes == 0)
        return WASM_OK;
    uint32_t *scratch = quota_realloc(&m->quota, NULL, 0, bytes);
    if (scratch == NULL)
        return quota_fail(&m->quota, d->c.report);
    find_equals(m, scratch, scratch + m->type_count);
    wasm_status status = rewrite(d);
    if (status == WASM_OK)
        number(m, scratch, scratch + m->type_count);
    quota_free(&m->quota, scratch, bytes);
    return status;
}
