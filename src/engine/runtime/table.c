/* SPDX-License-Identifier: Apache-2.0
 * table.c — tables of references.
 *
 * How:     Elements are 64-bit references, null being zero. A small table is a block of the store's
 *          quota; from 64 KiB on it is a mapping, so that a table of ten million null references
 *          costs nothing until it is used and growing it moves page tables instead of bytes.
 *          Capacity grows by half, bounded by the maximum. The limit table_elements counts the
 *          lengths of all tables of the store together.
 *          Bulk operations check bounds first (§4.4.6) and can be stopped between chunks.
 * Memory:  wasm_table structs live in the store's arena; elements are released with the store.
 * Threads: the store's.
 */
#include <string.h>
#include <sys/mman.h>

#include "runtime_impl.h"

#define MAP_FROM_ELEMENTS ((uint64_t)(64 << 10) / sizeof(wasm_ref))

static size_t bytes_of(uint64_t elements)
{
    return (size_t)elements * sizeof(wasm_ref);
}

/* ---- storage --------------------------------------------------------------------------------- */

/* Changes the capacity (never down); new elements are null. */
static wasm_status reserve(wasm_table *table, uint64_t capacity)
{
    quota *q = &table->store->quota;
    wasm_ref *elems;

    if (capacity > SIZE_MAX / sizeof(wasm_ref))
        return WASM_E_TABLE_LIMIT;
    if (capacity < MAP_FROM_ELEMENTS) {
        elems = quota_realloc(q, table->elems, bytes_of(table->capacity), bytes_of(capacity));
        if (!elems)
            return capacity > 0 ? WASM_E_QUOTA : WASM_OK;
        memset(elems + table->capacity, 0, bytes_of(capacity - table->capacity));
    } else if (table->mapped) {
        elems = mremap(table->elems, bytes_of(table->capacity), bytes_of(capacity), MREMAP_MAYMOVE);
        if (elems == MAP_FAILED)
            return WASM_E_NO_MEMORY;
    } else {
        elems = mmap(NULL, bytes_of(capacity), PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (elems == MAP_FAILED)
            return WASM_E_NO_MEMORY;
        if (table->length > 0)
            memcpy(elems, table->elems, bytes_of(table->length));
        quota_free(q, table->elems, bytes_of(table->capacity));
        table->mapped = true;
    }
    table->elems = elems;
    table->capacity = capacity;
    return WASM_OK;
}

wasm_status table_create(wasm_store *store, wasm_valtype elem, const module_type *types,
                         const wasm_bounds *bounds, wasm_ref init, wasm_table **out,
                         wasm_report *report)
{
    wasm_table *table;
    wasm_status status;

    if (bounds->min > store->limits.table_elements - store->table_used)
        return report_fail(report, WASM_E_TABLE_LIMIT, WASM_NO_OFFSET, WASM_NO_FUNC,
                           "a table of %llu elements does not fit into the limit of %llu",
                           (unsigned long long)bounds->min,
                           (unsigned long long)store->limits.table_elements);
    table = ARENA_NEW(&store->arena, wasm_table);
    if (!table)
        return report_fail(report, WASM_E_QUOTA, WASM_NO_OFFSET, WASM_NO_FUNC, NULL);
    table->elem = elem;
    table->types = types;
    table->bounds = *bounds;
    table->max = bounds->has_max ? bounds->max : bounds->is_64 ? UINT64_MAX : UINT32_MAX;
    table->store = store;
    if (!store_take(store, bytes_of(bounds->min)))
        return report_fail(report, WASM_E_MEMORY_TOTAL, WASM_NO_OFFSET, WASM_NO_FUNC,
                           "a table of %llu elements", (unsigned long long)bounds->min);
    status = reserve(table, bounds->min);
    if (status != WASM_OK) {
        store_return(store, bytes_of(bounds->min));
        return report_fail(report, status, WASM_NO_OFFSET, WASM_NO_FUNC,
                           "for a table of %llu elements", (unsigned long long)bounds->min);
    }
    table->next = store->tables;
    store->tables = table;
    table->length = bounds->min;
    store->table_used += bounds->min;
    *out = table;
    return init ? table_fill(table, 0, init, table->length) : WASM_OK;
}

wasm_status wasm_table_new(wasm_store *store, wasm_valtype elem, const wasm_bounds *bounds,
                           wasm_table **out)
{
    if (!WASM_IS_REF(elem) || !valtype_has_default(elem) || WASM_KIND(elem) < WASM_KIND_EXN)
        return WASM_E_USAGE;
    return table_create(store, elem, NULL, bounds, 0, out, NULL);
}

void table_release(wasm_table *table)
{
    if (table->mapped)
        munmap(table->elems, bytes_of(table->capacity));
    else
        quota_free(&table->store->quota, table->elems, bytes_of(table->capacity));
}

uint64_t table_grow(wasm_table *table, uint64_t delta, wasm_ref value)
{
    wasm_store *store = table->store;
    uint64_t old = table->length, need;

    if (delta > table->max - old || delta > store->limits.table_elements - store->table_used)
        return UINT64_MAX;
    if (!store_take(store, bytes_of(delta)))
        return UINT64_MAX;
    need = old + delta;
    if (need > table->capacity) {
        uint64_t roomy = need + need / 2;
        if (roomy > table->max)
            roomy = table->max;
        if (reserve(table, roomy) != WASM_OK && reserve(table, need) != WASM_OK) {
            store_return(store, bytes_of(delta));
            return UINT64_MAX;
        }
    }
    /* Not stoppable halfway, since it answers a size and not a status; table_elements bounds it. */
    for (uint64_t i = old; value && i < need; i++)
        table->elems[i] = value;
    store_charge(store, delta / BULK_ELEMENTS_PER_FUEL);
    table->length = need;
    store->table_used += delta;
    return old;
}

/* ---- instructions ---------------------------------------------------------------------------- */

wasm_status table_fill(wasm_table *table, uint64_t at, wasm_ref value, uint64_t count)
{
    if (bulk_outside(at, count, table->length))
        return WASM_E_OOB_TABLE;
    while (count > 0) {
        uint64_t chunk = count < BULK_CHUNK_ELEMENTS ? count : BULK_CHUNK_ELEMENTS;
        TRY(bulk_poll(table->store, chunk / BULK_ELEMENTS_PER_FUEL));
        for (uint64_t i = 0; i < chunk; i++)
            table->elems[at + i] = value;
        at += chunk;
        count -= chunk;
    }
    return WASM_OK;
}

wasm_status table_copy(wasm_table *to, uint64_t at, wasm_table *from, uint64_t source,
                       uint64_t count)
{
    if (bulk_outside(at, count, to->length) || bulk_outside(source, count, from->length))
        return WASM_E_OOB_TABLE;
    if (count == 0)
        return WASM_OK; /* a table may have no elements to point to */
    return bulk_copy(to->store, to->elems + at, from->elems + source, bytes_of(count), true);
}

wasm_status table_init(wasm_instance *instance, uint32_t table, uint32_t elem, uint64_t at,
                       uint64_t source, uint64_t count)
{
    const wasm_ref *refs = instance->elem_refs ? instance->elem_refs[elem] : NULL;
    wasm_table *to = instance->tables[table];

    if (bulk_outside(source, count, refs ? instance->module->elems[elem].count : 0) ||
        bulk_outside(at, count, to->length))
        return WASM_E_OOB_TABLE;
    if (count == 0)
        return WASM_OK;
    return bulk_copy(to->store, to->elems + at, refs + source, bytes_of(count), true);
}

void elem_drop(wasm_instance *instance, uint32_t elem)
{
    if (instance->elem_refs)
        instance->elem_refs[elem] = NULL;
}
