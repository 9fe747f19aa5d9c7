/* SPDX-License-Identifier: Apache-2.0
 * snapshot.c — the state of an instance, so that others can begin with it.
 *
 * A guest's runtime may take milliseconds to initialize itself, each time with the same outcome. So
 * the outcome is kept, and an instance that begins with it runs no start function.
 *
 * How:     All that code can change is kept: memories, as images like that of the initial memory
 *          (image.c), so that instances share its pages until they write; globals; tables; which
 *          passive segments were dropped. References to the instance's functions are kept as their
 *          indices, since functions have other addresses in the next instance; null, i31 and the
 *          host's references as they are.
 *          What cannot be kept is refused, with the reason: objects of the collected heap, which
 *          have no place in another store; functions of other instances; and memories, tables and
 *          mutable globals that are imported, which are somebody else's state.
 *          Tags are new ones in each instance: without objects there is no exception that could
 *          carry an old one.
 * Memory:  malloc, outside of the store's quota, because it outlives the store. It has at most as
 *          many bytes as the instance's memories and tables.
 * Threads: taken while the store is the caller's; immutable from then on.
 */
#include <stdlib.h>
#include <string.h>

#include "image.h"
#include "objects.h"
#include "runtime_impl.h"
#include "snapshot.h"

/* A reference to a function: its index and one; null is zero. */
typedef struct kept_table {
    uint64_t length;
    uint64_t *elems;
} kept_table;

typedef struct kept_memory {
    uint64_t pages;
    memory_image *image;
} kept_memory;

struct wasm_snapshot {
    const wasm_module *module;
    uint32_t memory_count, table_count;
    kept_memory *memories; /* own ones, as all here */
    kept_table *tables;
    uint64_t (*globals)[2];
    uint8_t *data_dropped, *elem_dropped; /* a byte a segment; NULL: there is no passive one */
};

const wasm_module *snapshot_module(const wasm_snapshot *snapshot)
{
    return snapshot->module;
}

static wasm_status refuse(wasm_report *report, const char *why)
{
    return report_fail(report, WASM_E_SNAPSHOT, WASM_NO_OFFSET, WASM_NO_FUNC, "%s", why);
}

static wasm_status no_memory(wasm_report *report)
{
    return report_fail(report, WASM_E_NO_MEMORY, WASM_NO_OFFSET, WASM_NO_FUNC, "for a snapshot");
}

/* ---- taking ---------------------------------------------------------------------------------- */

static wasm_status check(const wasm_instance *instance, wasm_report *report)
{
    const wasm_module *module = instance->module;

    if (instance->store->host_nesting != 0 || instance->store->exception != 0)
        return refuse(report, "a call has not come to its end");
    if (module->memory_import_count > 0)
        return refuse(report, "it imports a memory");
    if (module->table_import_count > 0)
        return refuse(report, "it imports a table");
    for (uint32_t i = 0; i < module->global_import_count; i++)
        if (module->globals[i].mutable_)
            return refuse(report, "it imports a global that can change");
    return WASM_OK;
}

static wasm_status keep_ref(const wasm_instance *instance, wasm_valtype type, wasm_ref ref,
                            uint64_t *out, wasm_report *report)
{
    const wasm_func *func;

    *out = ref;
    if (ref == 0)
        return WASM_OK;
    if (module_is_object(type))
        return ref_is_object(ref) ? refuse(report, "a global or a table refers to an object of the "
                                                   "collected heap")
                                  : WASM_OK;
    func = (const wasm_func *)(uintptr_t)ref;
    if (func->instance != instance || func->index >= instance->module->func_count ||
        instance->funcs[func->index] != func)
        return refuse(report, "a global or a table refers to a function of another instance");
    *out = (uint64_t)func->index + 1;
    return WASM_OK;
}

static wasm_status keep_memories(const wasm_instance *instance, wasm_snapshot *s,
                                 wasm_report *report)
{
    for (uint32_t i = 0; i < instance->module->memory_count; i++) {
        const wasm_memory *memory = instance->memories[i];
        s->memories[i].pages = memory->length >> memory->page_shift;
        s->memories[i].image = image_of_bytes(memory->base, memory->length);
        if (!s->memories[i].image)
            return no_memory(report);
    }
    return WASM_OK;
}

static wasm_status keep_globals(const wasm_instance *instance, wasm_snapshot *s,
                                wasm_report *report)
{
    const wasm_module *module = instance->module;

    for (uint32_t i = module->global_import_count; i < module->global_count; i++) {
        const wasm_global *global = instance->globals[i];
        uint64_t *cell = s->globals[i - module->global_import_count];
        memcpy(cell, global->cell, sizeof global->cell);
        if (WASM_IS_REF(global->type))
            TRY(keep_ref(instance, global->type, global->cell[0], cell, report));
    }
    return WASM_OK;
}

static wasm_status keep_tables(const wasm_instance *instance, wasm_snapshot *s, wasm_report *report)
{
    for (uint32_t i = 0; i < instance->module->table_count; i++) {
        const wasm_table *table = instance->tables[i];
        kept_table *kept = &s->tables[i];
        kept->length = table->length;
        kept->elems = calloc((size_t)table->length + 1, sizeof *kept->elems);
        if (!kept->elems)
            return no_memory(report);
        for (uint64_t k = 0; k < table->length; k++)
            TRY(keep_ref(instance, table->elem, table->elems[k], &kept->elems[k], report));
    }
    return WASM_OK;
}

static void keep_segments(const wasm_instance *instance, wasm_snapshot *s)
{
    const wasm_module *module = instance->module;

    if (s->data_dropped && instance->data_dropped && module->data_count > 0)
        memcpy(s->data_dropped, instance->data_dropped, module->data_count);
    for (uint32_t i = 0; s->elem_dropped && instance->elem_refs && i < module->elem_count; i++)
        s->elem_dropped[i] = instance->elem_refs[i] == NULL;
}

static wasm_status take(const wasm_instance *instance, wasm_snapshot *s, wasm_report *report)
{
    const wasm_module *module = instance->module;

    s->module = module;
    s->memory_count = module->memory_count;
    s->table_count = module->table_count;
    s->memories = calloc((size_t)module->memory_count + 1, sizeof *s->memories);
    s->tables = calloc((size_t)module->table_count + 1, sizeof *s->tables);
    s->globals = calloc((size_t)module->global_count + 1, sizeof *s->globals);
    if (instance->data_dropped)
        s->data_dropped = calloc((size_t)module->data_count + 1, 1);
    if (instance->elem_refs)
        s->elem_dropped = calloc((size_t)module->elem_count + 1, 1);
    if (!s->memories || !s->tables || !s->globals || (instance->data_dropped && !s->data_dropped) ||
        (instance->elem_refs && !s->elem_dropped))
        return no_memory(report);
    TRY(keep_globals(instance, s, report));
    TRY(keep_tables(instance, s, report));
    TRY(keep_memories(instance, s, report));
    keep_segments(instance, s);
    return WASM_OK;
}

wasm_status wasm_snapshot_take(const wasm_instance *instance, wasm_snapshot **out,
                               wasm_report *report)
{
    wasm_snapshot *s;
    wasm_status status;

    report_clear(report);
    *out = NULL;
    TRY(check(instance, report));
    s = calloc(1, sizeof *s);
    if (!s)
        return no_memory(report);
    status = take(instance, s, report);
    if (status != WASM_OK)
        wasm_snapshot_free(s);
    else
        *out = s;
    return status;
}

void wasm_snapshot_free(wasm_snapshot *s)
{
    if (!s)
        return;
    for (uint32_t i = 0; s->memories && i < s->memory_count; i++)
        image_of_bytes_free(s->memories[i].image);
    for (uint32_t i = 0; s->tables && i < s->table_count; i++)
        free(s->tables[i].elems);
    free(s->memories);
    free(s->tables);
    free(s->globals);
    free(s->data_dropped);
    free(s->elem_dropped);
    free(s);
}

/* ---- beginning with it ----------------------------------------------------------------------- */

static wasm_ref give_ref(const wasm_instance *instance, wasm_valtype type, uint64_t kept)
{
    if (kept == 0 || module_is_object(type))
        return kept;
    return (wasm_ref)(uintptr_t)instance->funcs[kept - 1];
}

wasm_status snapshot_memories(const wasm_snapshot *s, wasm_instance *instance)
{
    const wasm_module *module = instance->module;

    for (uint32_t i = 0; i < module->memory_count; i++) {
        wasm_bounds bounds = module->memories[i].bounds;
        bounds.min = s->memories[i].pages;
        TRY(memory_create(instance->store, &bounds, module, image_number_of(s->memories[i].image),
                          &instance->memories[i], &instance->store->report));
        TRY(image_write(s->memories[i].image, instance->memories[i]));
    }
    if (module->memory_count > 0)
        instance->memory0 = instance->memories[0];
    return WASM_OK;
}

wasm_status snapshot_globals(const wasm_snapshot *s, wasm_instance *instance)
{
    const wasm_module *module = instance->module;
    wasm_global *global = instance->own_globals;

    for (uint32_t i = module->global_import_count; i < module->global_count; i++, global++) {
        const uint64_t *kept = s->globals[i - module->global_import_count];
        global->type = module->globals[i].type;
        global->mutable_ = module->globals[i].mutable_;
        global->types = module->types;
        instance->globals[i] = global;
        memcpy(global->cell, kept, sizeof global->cell);
        if (WASM_IS_REF(global->type))
            global->cell[0] = give_ref(instance, global->type, kept[0]);
    }
    return WASM_OK;
}

wasm_status snapshot_tables(const wasm_snapshot *s, wasm_instance *instance)
{
    const wasm_module *module = instance->module;

    for (uint32_t i = 0; i < module->table_count; i++) {
        const module_table *table = &module->tables[i];
        const kept_table *kept = &s->tables[i];
        wasm_bounds bounds = table->bounds;
        bounds.min = kept->length;
        TRY(table_create(instance->store, table->elem, module->types, &bounds, 0,
                         &instance->tables[i], &instance->store->report));
        for (uint64_t k = 0; k < kept->length; k++) {
            if (k % BULK_CHUNK_ELEMENTS == 0)
                TRY(bulk_poll(instance->store, 0));
            if (kept->elems[k] != 0)
                instance->tables[i]->elems[k] = give_ref(instance, table->elem, kept->elems[k]);
        }
    }
    return WASM_OK;
}

void snapshot_segments(const wasm_snapshot *s, wasm_instance *instance)
{
    const wasm_module *module = instance->module;

    if (s->data_dropped && module->data_count > 0)
        memcpy(instance->data_dropped, s->data_dropped, module->data_count);
    for (uint32_t i = 0; s->elem_dropped && i < module->elem_count; i++)
        if (s->elem_dropped[i])
            instance->elem_refs[i] = NULL;
}
