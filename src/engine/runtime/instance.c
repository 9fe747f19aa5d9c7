/* SPDX-License-Identifier: Apache-2.0
 * instance.c — instantiation (§4.5.4) and the way from an instance to its exports.
 *
 * How:     Everything is allocated before anything can be observed: index spaces, functions,
 *          memories, tables, globals. Then, in the order of the specification, active element
 *          segments, active data segments, the start function; each of them may trap, and what was
 *          done before stays done. The data segments that the module's image covers are applied in
 *          one stroke (image.c).
 *          Placing segments costs no fuel, because how much work it is depends on what the system
 *          offers; the time it takes counts against the deadline like all else.
 *          Active segments count as dropped without being marked: no code can run that could tell.
 * Memory:  In the store's arena; nothing is freed before the store, also when instantiation fails,
 *          since other instances' tables may hold this one's functions by then.
 * Threads: the store's.
 */
#include <string.h>

#include "image.h"
#include "runtime_impl.h"
#include "snapshot.h"

/* ---- index spaces ---------------------------------------------------------------------------- */

static wasm_status out_of_quota(wasm_store *store)
{
    return quota_fail(&store->quota, &store->report);
}

/* NULL: the store's quota or the system refuses. */
static wasm_instance *allocate(wasm_store *store, const wasm_module *module)
{
    arena *a = &store->arena;
    wasm_instance *instance = ARENA_NEW(a, wasm_instance);

    if (!instance)
        return NULL;
    instance->store = store;
    instance->module = module;
    instance->funcs = ARENA_ARRAY(a, wasm_func *, module->func_count);
    instance->own_funcs = ARENA_ARRAY(a, wasm_func, module->func_count - module->func_import_count);
    instance->globals = ARENA_ARRAY(a, wasm_global *, module->global_count);
    instance->own_globals =
        ARENA_ARRAY(a, wasm_global, module->global_count - module->global_import_count);
    instance->tables = ARENA_ARRAY(a, wasm_table *, module->table_count);
    instance->memories = ARENA_ARRAY(a, wasm_memory *, module->memory_count);
    instance->tags = ARENA_ARRAY(a, wasm_tag *, module->tag_count);
    if (!instance->funcs || !instance->own_funcs || !instance->globals || !instance->own_globals ||
        !instance->tables || !instance->memories || !instance->tags)
        return NULL;
    if (image_has_passive(module)) {
        instance->data_dropped = ARENA_ARRAY(a, uint8_t, module->data_count);
        if (!instance->data_dropped)
            return NULL;
    }
    instance->next = store->instances;
    store->instances = instance;
    return instance;
}

/* A host function under the type that the importing module gives it. */
static wasm_func *import_host(wasm_instance *instance, const wasm_host_function *row,
                              uint32_t index)
{
    const wasm_module *module = instance->module;
    const module_type *type = &module->types[module->funcs[index].type];
    wasm_func *func = ARENA_NEW(&instance->store->arena, wasm_func);

    if (!func)
        return NULL;
    func->instance = instance;
    func->type = type;
    func->module = module;
    func->canonical = type->canonical;
    func->index = index;
    func->host = row;
    return func;
}

static wasm_status take_imports(wasm_instance *instance, const wasm_extern *imports)
{
    const wasm_module *module = instance->module;

    for (uint32_t i = 0; i < module->import_count; i++) {
        uint32_t index = module->imports[i].index;
        const wasm_extern *with = &imports[i];
        switch (with->kind) {
        case WASM_EXTERN_FUNC:
            instance->funcs[index] =
                with->is_host ? import_host(instance, with->of.host, index) : with->of.func;
            if (!instance->funcs[index])
                return out_of_quota(instance->store);
            break;
        case WASM_EXTERN_TABLE: instance->tables[index] = with->of.table; break;
        case WASM_EXTERN_MEMORY: instance->memories[index] = with->of.memory; break;
        case WASM_EXTERN_GLOBAL: instance->globals[index] = with->of.global; break;
        case WASM_EXTERN_TAG: instance->tags[index] = with->of.tag; break;
        }
    }
    return WASM_OK;
}

/* Each instance's tags are new ones: exceptions of two instances are told apart (§4.5.3). */
static wasm_status make_tags(wasm_instance *instance)
{
    const wasm_module *module = instance->module;
    uint32_t own = module->tag_count - module->tag_import_count;
    wasm_tag *tags = ARENA_ARRAY(&instance->store->arena, wasm_tag, own);

    if (!tags)
        return out_of_quota(instance->store);
    for (uint32_t i = 0; i < own; i++) {
        uint32_t index = module->tag_import_count + i;
        tags[i].type = &module->types[module->tags[index].type];
        tags[i].store = instance->store;
        instance->tags[index] = &tags[i];
    }
    return WASM_OK;
}

static void make_funcs(wasm_instance *instance)
{
    const wasm_module *module = instance->module;
    wasm_func *func = instance->own_funcs;

    for (uint32_t i = module->func_import_count; i < module->func_count; i++, func++) {
        const module_type *type = &module->types[module->funcs[i].type];
        func->code = module->tier->entry(module, i);
        func->instance = instance;
        func->type = type;
        func->module = module;
        func->canonical = type->canonical;
        func->index = i;
        instance->funcs[i] = func;
    }
}

static wasm_status make_memories(wasm_instance *instance)
{
    const wasm_module *module = instance->module;

    for (uint32_t i = module->memory_import_count; i < module->memory_count; i++)
        TRY(memory_create(instance->store, &module->memories[i].bounds, module,
                          i == 0 ? image_number(module) : 0, &instance->memories[i],
                          &instance->store->report));
    if (module->memory_count > 0)
        instance->memory0 = instance->memories[0];
    return WASM_OK;
}

/* Compiled code, if the module has it by now. */
static void take_native(wasm_instance *instance)
{
    const native_code *native =
        atomic_load_explicit(&instance->module->native, memory_order_acquire);

    if (native && native->tier->attach(native, instance))
        instance->native = native;
}

static wasm_status make_globals(wasm_instance *instance)
{
    const wasm_module *module = instance->module;
    wasm_global *global = instance->own_globals;

    for (uint32_t i = module->global_import_count; i < module->global_count; i++, global++) {
        global->type = module->globals[i].type;
        global->mutable_ = module->globals[i].mutable_;
        global->types = module->types;
        instance->globals[i] = global;
        TRY(constant_evaluate(module, instance, module->globals[i].init, global->cell, NULL));
    }
    return WASM_OK;
}

static wasm_status make_tables(wasm_instance *instance)
{
    const wasm_module *module = instance->module;

    for (uint32_t i = module->table_import_count; i < module->table_count; i++) {
        const module_table *table = &module->tables[i];
        uint64_t init[2] = {0};
        if (table->init.length > 0)
            TRY(constant_evaluate(module, instance, table->init, init, NULL));
        TRY(table_create(instance->store, table->elem, module->types, &table->bounds, init[0],
                         &instance->tables[i], &instance->store->report));
    }
    return WASM_OK;
}

/* ---- segments -------------------------------------------------------------------------------- */

static wasm_status evaluate_elems(wasm_instance *instance, const module_elem *segment,
                                  wasm_ref *refs)
{
    for (uint32_t i = 0; i < segment->count; i++) {
        uint64_t slots[2];
        if (i % BULK_CHUNK_ELEMENTS == 0)
            TRY(bulk_poll(instance->store, 0));
        if (segment->funcs) {
            refs[i] = (wasm_ref)(uintptr_t)instance->funcs[segment->funcs[i]];
            continue;
        }
        TRY(constant_evaluate(instance->module, instance, segment->exprs[i], slots, NULL));
        refs[i] = slots[0];
    }
    return WASM_OK;
}

/* Keeps the passive segments for table.init. */
static wasm_status make_elems(wasm_instance *instance)
{
    const wasm_module *module = instance->module;
    arena *a = &instance->store->arena;

    for (uint32_t i = 0; i < module->elem_count; i++) {
        const module_elem *segment = &module->elems[i];
        if (segment->mode != MODULE_SEGMENT_PASSIVE)
            continue;
        if (!instance->elem_refs)
            instance->elem_refs = ARENA_ARRAY(a, wasm_ref *, module->elem_count);
        if (!instance->elem_refs)
            return out_of_quota(instance->store);
        instance->elem_refs[i] = ARENA_ARRAY(a, wasm_ref, segment->count);
        if (!instance->elem_refs[i])
            return out_of_quota(instance->store);
        TRY(evaluate_elems(instance, segment, instance->elem_refs[i]));
    }
    return WASM_OK;
}

static wasm_status place_elems(wasm_instance *instance)
{
    const wasm_module *module = instance->module;

    for (uint32_t i = 0; i < module->elem_count; i++) {
        const module_elem *segment = &module->elems[i];
        wasm_table *table;
        uint64_t at[2];
        if (segment->mode != MODULE_SEGMENT_ACTIVE)
            continue;
        table = instance->tables[segment->table];
        TRY(constant_evaluate(module, instance, segment->offset, at, NULL));
        if (at[0] > table->length || segment->count > table->length - at[0])
            return report_fail(&instance->store->report, WASM_E_OOB_TABLE, segment->offset.offset,
                               WASM_NO_FUNC,
                               "element segment %u ends behind the %llu elements of table %u", i,
                               (unsigned long long)table->length, segment->table);
        if (segment->count > 0)
            TRY(evaluate_elems(instance, segment, table->elems + at[0]));
    }
    return WASM_OK;
}

static wasm_status place_datas(wasm_instance *instance)
{
    const wasm_module *module = instance->module;
    wasm_store *store = instance->store;

    TRY(image_apply(module, instance->memory0));
    for (uint32_t i = image_segments(module); i < module->data_count; i++) {
        const module_data *segment = &module->datas[i];
        wasm_memory *memory;
        uint64_t at[2], length = segment->init.length;
        if (segment->mode != MODULE_SEGMENT_ACTIVE)
            continue;
        memory = instance->memories[segment->memory];
        TRY(constant_evaluate(module, instance, segment->offset, at, NULL));
        if (at[0] > memory->length || length > memory->length - at[0])
            return report_fail(&store->report, WASM_E_OOB_MEMORY, segment->offset.offset,
                               WASM_NO_FUNC,
                               "data segment %u ends behind the %llu bytes of memory %u", i,
                               (unsigned long long)memory->length, segment->memory);
        TRY(bulk_copy(store, memory->base + at[0], module->bytes + segment->init.offset, length,
                      false));
    }
    return WASM_OK;
}

/* ---- instantiation --------------------------------------------------------------------------- */

/* What is the same however an instance begins: its imports and functions. */
static wasm_status begin(wasm_store *store, const wasm_module *module, const wasm_extern *imports,
                         wasm_instance **out)
{
    TRY(bulk_poll(store, 0)); /* a store that was interrupted begins nothing */
    if (store->activation)
        TRY(module->tier->catch_up(store, module));
    for (uint32_t i = 0; i < module->import_count; i++)
        TRY(link_check(store, module, i, &imports[i], &store->report));
    *out = allocate(store, module);
    if (!*out)
        return out_of_quota(store);
    TRY(take_imports(*out, imports));
    make_funcs(*out);
    return WASM_OK;
}

static wasm_status instantiate(wasm_store *store, const wasm_module *module,
                               const wasm_extern *imports, wasm_instance **out)
{
    wasm_instance *instance;

    TRY(begin(store, module, imports, &instance));
    TRY(make_memories(instance));
    take_native(instance);
    TRY(make_tags(instance));
    TRY(make_globals(instance));
    TRY(make_tables(instance));
    TRY(make_elems(instance));
    TRY(place_elems(instance));
    TRY(place_datas(instance));
    if (module->start != WASM_NO_FUNC)
        TRY(call_func(store, instance->funcs[module->start], NULL, NULL));
    *out = instance;
    return WASM_OK;
}

static wasm_status instantiate_from(wasm_store *store, const wasm_snapshot *snapshot,
                                    const wasm_extern *imports, wasm_instance **out)
{
    const wasm_module *module = snapshot_module(snapshot);
    wasm_instance *instance;

    TRY(begin(store, module, imports, &instance));
    TRY(snapshot_memories(snapshot, instance));
    take_native(instance);
    TRY(make_tags(instance));
    TRY(snapshot_globals(snapshot, instance));
    TRY(snapshot_tables(snapshot, instance));
    TRY(make_elems(instance));
    snapshot_segments(snapshot, instance);
    *out = instance;
    return WASM_OK;
}

static wasm_status finish(wasm_store *store, wasm_status status, wasm_report *report)
{
    if (status != WASM_OK) {
        report_fail(&store->report, status, WASM_NO_OFFSET, WASM_NO_FUNC, "while instantiating");
        if (report)
            *report = store->report;
    }
    return status;
}

wasm_status wasm_instantiate(wasm_store *store, const wasm_module *module,
                             const wasm_extern *imports, wasm_instance **out, wasm_report *report)
{
    report_clear(report);
    store_forget_failure(store);
    return finish(store, instantiate(store, module, imports, out), report);
}

wasm_status wasm_instantiate_from(wasm_store *store, const wasm_snapshot *snapshot,
                                  const wasm_extern *imports, wasm_instance **out,
                                  wasm_report *report)
{
    report_clear(report);
    store_forget_failure(store);
    return finish(store, instantiate_from(store, snapshot, imports, out), report);
}

/* ---- looking into an instance ---------------------------------------------------------------- */

bool wasm_instance_export(wasm_instance *instance, const char *name, size_t length,
                          wasm_extern *out)
{
    const wasm_module *module = instance->module;

    for (uint32_t i = 0; i < module->export_count; i++) {
        const module_export *e = &module->exports[i];
        if (e->name.length != length || memcmp(e->name.bytes, name, length) != 0)
            continue;
        *out = (wasm_extern){.kind = e->kind};
        switch (e->kind) {
        case WASM_EXTERN_FUNC: out->of.func = instance->funcs[e->index]; return true;
        case WASM_EXTERN_TABLE: out->of.table = instance->tables[e->index]; return true;
        case WASM_EXTERN_MEMORY: out->of.memory = instance->memories[e->index]; return true;
        case WASM_EXTERN_GLOBAL: out->of.global = instance->globals[e->index]; return true;
        case WASM_EXTERN_TAG: out->of.tag = instance->tags[e->index]; return true;
        }
    }
    return false;
}
