/* SPDX-License-Identifier: Apache-2.0
 * validate_module.c — everything of a module but its bodies (specification §3.5).
 *
 * How:     section after section in the order of the index spaces, so that each check may rely on
 *          the ones before. Functions named outside of bodies are marked as declared on the way:
 *          ref.func in a body may name only those (C.refs in §3.5.15). Equal export names are
 *          neighbours after sorting.
 *
 * Inputs: what decode_module() gave: structure and implementation limits hold.
 *
 * Memory:  a scratch of its own, freed at the end.
 * Threads: those of the module being loaded.
 */
#include "order.h"
#include "validate_impl.h"

#include <string.h>

#define PAGES_32 UINT64_C(65536)           /* 4 GiB in pages of 64 KiB */
#define PAGES_64 UINT64_C(281474976710656) /* 2^48: 16 EiB */

typedef struct checker {
    wasm_module *m;
    validate_scratch *scratch;
    wasm_report *report;
} checker;

#define check_fail(v, status, at, ...)                                                             \
    report_fail((v)->report, (status), (at), WASM_NO_FUNC, __VA_ARGS__)

static wasm_status check_funcs(checker *v)
{
    for (uint32_t i = 0; i < v->m->func_count; i++) {
        const module_func *func = &v->m->funcs[i];
        if (func->type >= v->m->type_count)
            return report_fail(v->report, WASM_E_UNKNOWN_TYPE, func->at, i,
                               "type %u; the module has %u", (unsigned)func->type,
                               (unsigned)v->m->type_count);
        if (v->m->types[func->type].form != MODULE_FUNC)
            return report_fail(v->report, WASM_E_UNKNOWN_TYPE, func->at, i,
                               "type %u is not a function's", (unsigned)func->type);
    }
    return WASM_OK;
}

/* Limits (§3.2.4): each number in range, the minimum not above the maximum. */
static wasm_status check_bounds(checker *v, const wasm_bounds *b, uint64_t range,
                                wasm_status refusal, uint32_t at, const char *what, uint32_t index,
                                const char *unit)
{
    if (b->min > range || (b->has_max && b->max > range))
        return check_fail(v, refusal, at, "%s %u %s %llu %s; %llu is the most", what,
                          (unsigned)index, b->min > range ? "declares" : "may grow to",
                          (unsigned long long)(b->min > range ? b->min : b->max), unit,
                          (unsigned long long)range);
    if (b->has_max && b->min > b->max)
        return check_fail(v, WASM_E_LIMITS_ORDER, at, "%s %u: %llu and %llu %s", what,
                          (unsigned)index, (unsigned long long)b->min, (unsigned long long)b->max,
                          unit);
    return WASM_OK;
}

static wasm_status check_tables(checker *v)
{
    wasm_module *m = v->m;
    if (m->table_count > 1) {
        m->used |= WASM_FEATURE(WASM_FEATURE_REFERENCE_TYPES);
        if (!module_has(m, WASM_FEATURE_REFERENCE_TYPES))
            return check_fail(v, WASM_E_MULTIPLE_TABLES, m->tables[1].at, "%u tables need %s",
                              (unsigned)m->table_count,
                              wasm_feature_name(WASM_FEATURE_REFERENCE_TYPES));
    }
    for (uint32_t i = 0; i < m->table_count; i++) {
        const module_table *table = &m->tables[i];
        TRY(check_bounds(v, &table->bounds, table->bounds.is_64 ? UINT64_MAX : UINT32_MAX,
                         WASM_E_TABLE_SIZE, table->at, "table", i, "elements"));
        if (table->init.length != 0)
            TRY(check_constant(v->scratch, table->init, table->elem, m->global_import_count,
                               v->report));
        else if (i >= m->table_import_count && !valtype_has_default(table->elem))
            return check_fail(v, WASM_E_TYPE_MISMATCH, table->at,
                              "table %u of %s needs an initial value", (unsigned)i,
                              wasm_valtype_text(table->elem).text);
    }
    return WASM_OK;
}

static wasm_status check_memories(checker *v)
{
    wasm_module *m = v->m;
    if (m->memory_count > 1) {
        m->used |= WASM_FEATURE(WASM_FEATURE_MULTI_MEMORY);
        if (!module_has(m, WASM_FEATURE_MULTI_MEMORY))
            return check_fail(v, WASM_E_MULTIPLE_MEMORIES, m->memories[1].at, "%u memories need %s",
                              (unsigned)m->memory_count,
                              wasm_feature_name(WASM_FEATURE_MULTI_MEMORY));
    }
    for (uint32_t i = 0; i < m->memory_count; i++) {
        const module_memory *memory = &m->memories[i];
        uint64_t range = memory->bounds.is_64 ? PAGES_64 : PAGES_32;
        if (memory->bounds.byte_pages)
            range = memory->bounds.is_64 ? UINT64_MAX : UINT32_MAX;
        TRY(check_bounds(v, &memory->bounds, range, WASM_E_MEMORY_SIZE, memory->at, "memory", i,
                         "pages"));
        if (memory->bounds.shared && !memory->bounds.has_max)
            return check_fail(v, WASM_E_SHARED_MAXIMUM, memory->at,
                              "memory %u is shared and declares no maximum", (unsigned)i);
    }
    return WASM_OK;
}

static wasm_status check_tags(checker *v)
{
    const wasm_module *m = v->m;
    for (uint32_t i = 0; i < m->tag_count; i++) {
        const module_tag *tag = &m->tags[i];
        if (tag->type >= m->type_count || m->types[tag->type].form != MODULE_FUNC)
            return check_fail(v, WASM_E_UNKNOWN_TYPE, tag->at,
                              "tag %u has type %u, which is not a function's", (unsigned)i,
                              (unsigned)tag->type);
        if (m->types[tag->type].func.result_count != 0)
            return check_fail(v, WASM_E_TAG_RESULTS, tag->at, "tag %u", (unsigned)i);
    }
    return WASM_OK;
}

static wasm_status check_globals(checker *v)
{
    const wasm_module *m = v->m;
    for (uint32_t i = m->global_import_count; i < m->global_count; i++)
        TRY(check_constant(v->scratch, m->globals[i].init, m->globals[i].type, i, v->report));
    return WASM_OK;
}

static wasm_status check_elem(checker *v, const module_elem *elem)
{
    wasm_module *m = v->m;
    if (elem->mode == MODULE_SEGMENT_ACTIVE) {
        if (elem->table >= m->table_count)
            return check_fail(v, WASM_E_UNKNOWN_TABLE, elem->at, "table %u; the module has %u",
                              (unsigned)elem->table, (unsigned)m->table_count);
        const module_table *table = &m->tables[elem->table];
        if (!valtype_is_below(m->types, elem->type, m->types, table->elem))
            return check_fail(v, WASM_E_TYPE_MISMATCH, elem->at,
                              "a segment of %s for table %u of %s",
                              wasm_valtype_text(elem->type).text, (unsigned)elem->table,
                              wasm_valtype_text(table->elem).text);
        TRY(check_constant(v->scratch, elem->offset, table->bounds.is_64 ? WASM_I64 : WASM_I32,
                           m->global_count, v->report));
    }
    for (uint32_t i = 0; i < elem->count; i++) {
        if (elem->funcs == NULL) {
            TRY(check_constant(v->scratch, elem->exprs[i], elem->type, m->global_count, v->report));
            continue;
        }
        if (elem->funcs[i] >= m->func_count)
            return check_fail(v, WASM_E_UNKNOWN_FUNCTION, elem->at,
                              "element %u is function %u; the module has %u", (unsigned)i,
                              (unsigned)elem->funcs[i], (unsigned)m->func_count);
        m->funcs[elem->funcs[i]].declared = true;
    }
    return WASM_OK;
}

static wasm_status check_segments(checker *v)
{
    const wasm_module *m = v->m;
    for (uint32_t i = 0; i < m->elem_count; i++)
        TRY(check_elem(v, &m->elems[i]));
    for (uint32_t i = 0; i < m->data_count; i++) {
        const module_data *data = &m->datas[i];
        if (data->mode != MODULE_SEGMENT_ACTIVE)
            continue;
        if (data->memory >= m->memory_count)
            return check_fail(v, WASM_E_UNKNOWN_MEMORY, data->at,
                              "segment %u is for memory %u; the module has %u", (unsigned)i,
                              (unsigned)data->memory, (unsigned)m->memory_count);
        wasm_valtype address = m->memories[data->memory].bounds.is_64 ? WASM_I64 : WASM_I32;
        TRY(check_constant(v->scratch, data->offset, address, m->global_count, v->report));
    }
    return WASM_OK;
}

static int compare_exports(const void *items, uint32_t a, uint32_t b)
{
    const module_export *exports = items;
    const module_name *x = &exports[a].name, *y = &exports[b].name;
    if (x->length != y->length)
        return x->length < y->length ? -1 : 1;
    return memcmp(x->bytes, y->bytes, x->length);
}

static wasm_status check_export_names(checker *v)
{
    wasm_module *m = v->m;
    size_t bytes = 2 * (size_t)m->export_count * sizeof(uint32_t);
    if (bytes == 0)
        return WASM_OK;
    uint32_t *sorted = quota_realloc(&m->quota, NULL, 0, bytes);
    if (sorted == NULL)
        return quota_fail(&m->quota, v->report);
    order_sort(m->exports, m->export_count, compare_exports, sorted, sorted + m->export_count);
    wasm_status status = WASM_OK;
    for (uint32_t i = 1; i < m->export_count && status == WASM_OK; i++) {
        const module_export *export = &m->exports[sorted[i]];
        if (compare_exports(m->exports, sorted[i - 1], sorted[i]) == 0)
            status = check_fail(v, WASM_E_DUPLICATE_EXPORT, export->at, "\"%.*s\"",
                                export->name.length > 100 ? 100 : (int)export->name.length,
                                export->name.bytes);
    }
    quota_free(&m->quota, sorted, bytes);
    return status;
}

static wasm_status check_exports(checker *v)
{
    wasm_module *m = v->m;
    const struct {
        const char *what;
        wasm_status refusal;
        uint32_t count;
    } spaces[] = {
        [WASM_EXTERN_FUNC] = {"function", WASM_E_UNKNOWN_FUNCTION, m->func_count},
        [WASM_EXTERN_TABLE] = {"table", WASM_E_UNKNOWN_TABLE, m->table_count},
        [WASM_EXTERN_MEMORY] = {"memory", WASM_E_UNKNOWN_MEMORY, m->memory_count},
        [WASM_EXTERN_GLOBAL] = {"global", WASM_E_UNKNOWN_GLOBAL, m->global_count},
        [WASM_EXTERN_TAG] = {"tag", WASM_E_UNKNOWN_TAG, m->tag_count},
    };
    for (uint32_t i = 0; i < m->export_count; i++) {
        const module_export *export = &m->exports[i];
        if (export->index >= spaces[export->kind].count)
            return check_fail(v, spaces[export->kind].refusal, export->at,
                              "%s %u is exported; the module has %u", spaces[export->kind].what,
                              (unsigned)export->index, (unsigned)spaces[export->kind].count);
        if (export->kind == WASM_EXTERN_FUNC)
            m->funcs[export->index].declared = true;
    }
    return check_export_names(v);
}

static wasm_status check_start(checker *v)
{
    const wasm_module *m = v->m;
    if (m->start_at == 0) /* there is no such section; WASM_NO_FUNC might be in one */
        return WASM_OK;
    if (m->start >= m->func_count)
        return check_fail(v, WASM_E_UNKNOWN_FUNCTION, m->start_at, "function %u; the module has %u",
                          (unsigned)m->start, (unsigned)m->func_count);
    const wasm_functype *type = module_func_type(m, m->start);
    if (type->param_count != 0 || type->result_count != 0)
        return report_fail(v->report, WASM_E_START_TYPE, m->start_at, m->start,
                           "it has %u parameters and %u results, and may have none",
                           (unsigned)type->param_count, (unsigned)type->result_count);
    return WASM_OK;
}

static wasm_status check_all(checker *v)
{
    TRY(check_types(v->m, v->report));
    TRY(check_funcs(v));
    TRY(check_tables(v));
    TRY(check_memories(v));
    TRY(check_tags(v));
    TRY(check_globals(v));
    TRY(check_exports(v));
    TRY(check_start(v));
    return check_segments(v);
}

wasm_status validate_module(wasm_module *module, wasm_report *report)
{
    checker v = {.m = module, .report = report};
    if (validate_scratch_new(module, &v.scratch) != WASM_OK)
        return quota_fail(&module->quota, report);
    wasm_status status = check_all(&v);
    validate_scratch_free(v.scratch);
    module_trace(module, WASM_TRACE_VALIDATE, "outside of bodies: %s", wasm_status_text(status));
    return status;
}
