/* SPDX-License-Identifier: Apache-2.0
 * link.c — imports meet what is offered: by name for host functions, by type for everything.
 *
 * How:     wasm_resolve() sorts the host's rows by name once and looks each import up by bisection;
 *          a module's imports are hostile input and may be a million, the rows are ours. It is
 *          meant to run once for each module, when it is loaded: its result holds nothing of a
 *          store. link_check() is the type side (§4.5.3, import subtyping) and runs at each
 *          instantiation; types of two modules, which share no numbering, are compared by their
 *          identity (subtype.h).
 * Memory:  The sorted index is scratch and freed before return.
 * Threads: No shared state; link_check() reads objects of the store and is the store's thread's.
 */
#include <stdio.h>
#include <string.h>

#include "isa.h"
#include "order.h"
#include "runtime_impl.h"

/* ---- types ----------------------------------------------------------------------------------- */

/* The type that a letter of a signature stands for; 0 for ':' and the end. */
static wasm_valtype letter_type(char letter)
{
    switch (letter) {
    case 'r': return WASM_EXTERNREF;
    case 'p': return WASM_FUNCREF;
    default: return isa_letter_type(letter);
    }
}

/* Compares a host row's signature with a type. */
static bool signature_matches(const char *signature, const wasm_functype *type)
{
    for (uint32_t i = 0; i < type->param_count; i++)
        if (letter_type(*signature) != type->params[i] || *signature++ == '\0')
            return false;
    if (*signature++ != ':')
        return false;
    for (uint32_t i = 0; i < type->result_count; i++)
        if (letter_type(*signature) != type->results[i] || *signature++ == '\0')
            return false;
    return *signature == '\0';
}

/* Lists types in brackets behind what buf holds; an end that does not fit is cut. */
static void append_types(char *buf, size_t size, const wasm_valtype *types, uint32_t count)
{
    size_t at = strlen(buf);

    for (uint32_t i = 0; i <= count && at < size; i++) {
        int n = i < count ? snprintf(buf + at, size - at, "%s%s", i == 0 ? "[" : " ",
                                     wasm_valtype_text(types[i]).text)
                          : snprintf(buf + at, size - at, count == 0 ? "[]" : "]");
        at += (size_t)n;
    }
}

static void append_text(char *buf, size_t size, const char *text)
{
    size_t at = strlen(buf);

    snprintf(buf + at, size - at, "%s", text);
}

/* "[i32 i64] -> [f32]", always terminated; returns buf. */
static char *functype_format(const wasm_functype *type, char *buf, size_t size)
{
    buf[0] = '\0';
    append_types(buf, size, type->params, type->param_count);
    append_text(buf, size, " -> ");
    append_types(buf, size, type->results, type->result_count);
    return buf;
}

/* ---- host functions by name ------------------------------------------------------------------ */

static int compare_names(const char *a, size_t a_length, const char *b, size_t b_length)
{
    int order = memcmp(a, b, a_length < b_length ? a_length : b_length);

    return order ? order : a_length < b_length ? -1 : a_length > b_length;
}

static int compare_rows(const void *items, uint32_t a, uint32_t b)
{
    const wasm_host_function *rows = items;
    int order = strcmp(rows[a].module, rows[b].module);

    return order ? order : strcmp(rows[a].name, rows[b].name);
}

static const wasm_host_function *find_row(const wasm_host_function *rows, const uint32_t *sorted,
                                          uint32_t count, const module_import *import)
{
    uint32_t low = 0, high = count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const wasm_host_function *row = &rows[sorted[middle]];
        int order = compare_names(import->module.bytes, import->module.length, row->module,
                                  strlen(row->module));
        if (order == 0)
            order = compare_names(import->name.bytes, import->name.length, row->name,
                                  strlen(row->name));
        if (order == 0)
            return row;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static wasm_status wrong_type(const module_import *import, const char *offered, const char *wanted,
                              wasm_report *report)
{
    return report_fail(report, WASM_E_IMPORT_TYPE, WASM_NO_OFFSET, WASM_NO_FUNC,
                       "\"%.*s\" \"%.*s\" is %s, but the module wants %s",
                       (int)(import->module.length < 60 ? import->module.length : 60),
                       import->module.bytes,
                       (int)(import->name.length < 60 ? import->name.length : 60),
                       import->name.bytes, offered, wanted);
}

static wasm_status check_host(const wasm_module *module, const module_import *import,
                              const wasm_host_function *row, wasm_report *report)
{
    const wasm_functype *wanted;
    char text[160];

    if (import->kind != WASM_EXTERN_FUNC)
        return wrong_type(import, "a function", "something else", report);
    wanted = module_func_type(module, import->index);
    if (signature_matches(row->signature, wanted))
        return WASM_OK;
    return wrong_type(import, row->signature, functype_format(wanted, text, sizeof text), report);
}

wasm_status wasm_resolve(const wasm_module *module, const wasm_host_function *rows, size_t count,
                         wasm_extern *imports, wasm_report *report)
{
    uint32_t *sorted, total = (uint32_t)count;
    wasm_status status = WASM_OK;
    quota scratch;

    report_clear(report);
    if (count == 0)
        return WASM_OK;
    if (count > UINT32_MAX / 2)
        return report_fail(report, WASM_E_USAGE, WASM_NO_OFFSET, WASM_NO_FUNC, "too many rows");
    quota_init(&scratch, 0);
    sorted = quota_realloc(&scratch, NULL, 0, 2 * count * sizeof *sorted);
    if (!sorted)
        return quota_fail(&scratch, report);
    order_sort(rows, total, compare_rows, sorted, sorted + total);
    for (uint32_t i = 0; i < module->import_count && status == WASM_OK; i++) {
        const module_import *import = &module->imports[i];
        const wasm_host_function *row = find_row(rows, sorted, total, import);
        if (!row)
            continue;
        status = check_host(module, import, row, report);
        if (status == WASM_OK)
            imports[i] = (wasm_extern){.kind = WASM_EXTERN_FUNC, .of.host = row, .is_host = true};
    }
    quota_free(&scratch, sorted, 2 * count * sizeof *sorted);
    return status;
}

static bool is_missing(const wasm_extern *with)
{
    return with->of.func == NULL;
}

uint32_t wasm_missing_import(const wasm_module *module, const wasm_extern *imports)
{
    for (uint32_t i = 0; i < module->import_count; i++)
        if (is_missing(&imports[i]))
            return i;
    return UINT32_MAX;
}

/* ---- everything by type ---------------------------------------------------------------------- */

static const char *kind_name(wasm_externkind kind)
{
    switch (kind) {
    case WASM_EXTERN_FUNC: return "a function";
    case WASM_EXTERN_TABLE: return "a table";
    case WASM_EXTERN_MEMORY: return "a memory";
    case WASM_EXTERN_GLOBAL: return "a global";
    case WASM_EXTERN_TAG: return "a tag";
    }
    return "of an unknown kind";
}

static wasm_status check_func(const wasm_module *module, const module_import *import,
                              const wasm_func *func, wasm_report *report)
{
    char offered[160], wanted[160];

    if (func_check_type(func, module, module->funcs[import->index].type) == WASM_OK)
        return WASM_OK;
    return wrong_type(
        import, functype_format(&func->type->func, offered, sizeof offered),
        functype_format(module_func_type(module, import->index), wanted, sizeof wanted), report);
}

/* §3.3.2 limits subtyping: at least as large now, and bounded at least as tightly. */
static bool limits_match(uint64_t size, bool has_max, uint64_t max, bool is_64,
                         const wasm_bounds *wanted)
{
    return size >= wanted->min && is_64 == wanted->is_64 &&
           (!wanted->has_max || (has_max && max <= wanted->max));
}

static wasm_status wrong_limits(const module_import *import, const char *what, uint64_t size,
                                bool has_max, uint64_t max, const wasm_bounds *wanted,
                                wasm_report *report)
{
    char offer[80], want[80], bound[32];

    snprintf(bound, sizeof bound, "%llu", (unsigned long long)max);
    snprintf(offer, sizeof offer, "%s of %llu (at most %s)", what, (unsigned long long)size,
             has_max ? bound : "unbounded");
    snprintf(bound, sizeof bound, "%llu", (unsigned long long)wanted->max);
    snprintf(want, sizeof want, "%llu (at most %s)", (unsigned long long)wanted->min,
             wanted->has_max ? bound : "unbounded");
    return wrong_type(import, offer, want, report);
}

static wasm_status check_table(const wasm_module *module, const module_import *import,
                               const wasm_table *table, wasm_report *report)
{
    const module_table *wanted = &module->tables[import->index];

    if (!valtype_is_same(table->types, table->elem, module->types, wanted->elem))
        return wrong_type(import, wasm_valtype_text(table->elem).text,
                          wasm_valtype_text(wanted->elem).text, report);
    if (limits_match(table->length, table->bounds.has_max, table->bounds.max, table->bounds.is_64,
                     &wanted->bounds))
        return WASM_OK;
    return wrong_limits(import, "a table", table->length, table->bounds.has_max, table->bounds.max,
                        &wanted->bounds, report);
}

static wasm_status check_memory(const module_import *import, const module_memory *wanted,
                                const wasm_memory *memory, wasm_report *report)
{
    const wasm_bounds *offered = &memory->bounds;
    uint64_t pages = memory->length >> memory->page_shift;

    if (offered->shared != wanted->bounds.shared)
        return wrong_type(import, offered->shared ? "a shared memory" : "a memory",
                          offered->shared ? "one that is not" : "a shared one", report);
    if (memory->page_shift == wanted->page_shift &&
        limits_match(pages, offered->has_max, offered->max, offered->is_64, &wanted->bounds))
        return WASM_OK;
    return wrong_limits(import,
                        memory->page_shift == 0 ? "a memory of bytes" : "a memory of 64 KiB pages",
                        pages, offered->has_max, offered->max, &wanted->bounds, report);
}

/* What is constant may be more special than is wanted; what is mutable may not (§3.3.10). */
static wasm_status check_global(const wasm_module *module, const module_import *import,
                                const wasm_global *global, wasm_report *report)
{
    const module_global *wanted = &module->globals[import->index];
    char offered[48], want[48];

    if (global->mutable_ == wanted->mutable_ &&
        valtype_is_below(global->types, global->type, module->types, wanted->type) &&
        (!global->mutable_ ||
         valtype_is_below(module->types, wanted->type, global->types, global->type)))
        return WASM_OK;
    snprintf(offered, sizeof offered, "a %s %s", global->mutable_ ? "mutable" : "constant",
             wasm_valtype_text(global->type).text);
    snprintf(want, sizeof want, "a %s %s", wanted->mutable_ ? "mutable" : "constant",
             wasm_valtype_text(wanted->type).text);
    return wrong_type(import, offered, want, report);
}

static wasm_status check_tag(const wasm_module *module, const module_import *import,
                             const wasm_tag *tag, wasm_report *report)
{
    const module_type *wanted = &module->types[module->tags[import->index].type];
    char offered[160], want[160];

    if (type_is_same(tag->type, wanted))
        return WASM_OK;
    return wrong_type(import, functype_format(&tag->type->func, offered, sizeof offered),
                      functype_format(&wanted->func, want, sizeof want), report);
}

static wasm_status foreign(const module_import *import, wasm_report *report)
{
    return report_fail(report, WASM_E_USAGE, WASM_NO_OFFSET, WASM_NO_FUNC,
                       "what import \"%.*s\" is given belongs to another store",
                       (int)(import->name.length < 60 ? import->name.length : 60),
                       import->name.bytes);
}

wasm_status link_check(const wasm_store *store, const wasm_module *module, uint32_t index,
                       const wasm_extern *with, wasm_report *report)
{
    const module_import *import = &module->imports[index];

    if (is_missing(with))
        return report_fail(
            report, WASM_E_UNKNOWN_IMPORT, WASM_NO_OFFSET, WASM_NO_FUNC,
            "nothing is offered for \"%.*s\" \"%.*s\"",
            (int)(import->module.length < 60 ? import->module.length : 60), import->module.bytes,
            (int)(import->name.length < 60 ? import->name.length : 60), import->name.bytes);
    if (with->kind != import->kind)
        return wrong_type(import, kind_name(with->kind), kind_name(import->kind), report);
    switch (import->kind) {
    case WASM_EXTERN_FUNC:
        if (with->is_host)
            return check_host(module, import, with->of.host, report);
        if (with->of.func->instance && with->of.func->instance->store != store)
            return foreign(import, report);
        return check_func(module, import, with->of.func, report);
    case WASM_EXTERN_TABLE:
        if (with->of.table->store != store)
            return foreign(import, report);
        return check_table(module, import, with->of.table, report);
    case WASM_EXTERN_MEMORY:
        if (with->of.memory->store != store)
            return foreign(import, report);
        return check_memory(import, &module->memories[import->index], with->of.memory, report);
    case WASM_EXTERN_GLOBAL: return check_global(module, import, with->of.global, report);
    case WASM_EXTERN_TAG:
        if (with->of.tag->store != store)
            return foreign(import, report);
        return check_tag(module, import, with->of.tag, report);
    }
    return WASM_E_USAGE; /* a kind that the decoder does not let pass */
}

wasm_status func_check_type(const wasm_func *func, const wasm_module *module, uint32_t index)
{
    return type_is_below(func->type, &module->types[index]) ? WASM_OK : WASM_E_INDIRECT_TYPE;
}

/* ---- host functions as objects --------------------------------------------------------------- */

/* Copies a list of types, which must not name any module's; their slots in *slots. */
static wasm_status copy_types(wasm_store *store, const wasm_valtype *from, uint32_t count,
                              const wasm_valtype **out, uint32_t *slots)
{
    wasm_valtype *types = ARENA_ARRAY(&store->arena, wasm_valtype, count);

    if (!types)
        return WASM_E_QUOTA;
    for (uint32_t i = 0; i < count; i++) {
        if (WASM_KIND(from[i]) < WASM_KIND_EXN)
            return WASM_E_USAGE;
        types[i] = from[i];
        *slots += type_slots(from[i]);
    }
    *out = types;
    return WASM_OK;
}

wasm_status type_new(wasm_store *store, const wasm_valtype *params, uint32_t param_count,
                     const wasm_valtype *results, uint32_t result_count, module_type **out)
{
    module_type *type = ARENA_NEW(&store->arena, module_type);
    digest *group = ARENA_NEW(&store->arena, digest);

    if (!type || !group)
        return WASM_E_QUOTA;
    *type = (module_type){.form = MODULE_FUNC, .super = MODULE_NO_TYPE, .final = true};
    type->func.param_count = param_count;
    type->func.result_count = result_count;
    TRY(copy_types(store, params, param_count, &type->func.params, &type->param_slots));
    TRY(copy_types(store, results, result_count, &type->func.results, &type->result_slots));
    for (uint32_t i = 0; i < param_count; i++)
        type->takes_objects |= module_is_object(params[i]);
    identity_of_group(type, 0, 1, group);
    type->group = group;
    *out = type;
    return WASM_OK;
}

#define SIGNATURE_MAX 64

/* The type that the signature of a host function stands for. */
static wasm_status type_of_signature(wasm_store *store, const char *signature, module_type **out)
{
    wasm_valtype types[SIGNATURE_MAX];
    uint32_t params = 0, results = 0;

    while (letter_type(*signature) && params < SIGNATURE_MAX)
        types[params++] = letter_type(*signature++);
    if (*signature++ != ':')
        return WASM_E_USAGE;
    while (letter_type(*signature) && params + results < SIGNATURE_MAX)
        types[params + results++] = letter_type(*signature++);
    if (*signature != '\0')
        return WASM_E_USAGE;
    return type_new(store, types, params, types + params, results, out);
}

wasm_status wasm_host_func_new(wasm_store *store, const wasm_host_function *row, wasm_func **out)
{
    wasm_func *func = ARENA_NEW(&store->arena, wasm_func);
    module_type *type;

    if (!func)
        return WASM_E_QUOTA;
    TRY(type_of_signature(store, row->signature, &type));
    func->type = type;
    func->index = WASM_NO_FUNC;
    func->host = row;
    func->next = store->host_funcs;
    store->host_funcs = func;
    *out = func;
    return WASM_OK;
}
