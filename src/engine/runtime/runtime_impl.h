/* SPDX-License-Identifier: Apache-2.0
 * runtime_impl.h — what the files of this room use of each other and nobody else needs.
 *
 * Ownership and threads: as runtime.h says.
 */
#ifndef WASMSERVE_RUNTIME_IMPL_H
#define WASMSERVE_RUNTIME_IMPL_H

#include "report.h"
#include "runtime.h"
#include "subtype.h"

/* ---- store.c --------------------------------------------------------------------------------- */

/* One line to the module's log if `bit` is switched on. */
void trace_line(const wasm_module *module, unsigned bit, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Takes up to `cost` units from the fuel of a metered store, for work that cannot stop halfway;
 * the next poll finds out if that was the last of it. */
void store_charge(wasm_store *store, uint64_t cost);
/* Bytes and elements that a unit of fuel moves in a bulk operation, and how much is moved between
 * two polls. An element counts like the bytes it has. */
enum {
    BULK_BYTES_PER_FUEL = 64,
    BULK_ELEMENTS_PER_FUEL = BULK_BYTES_PER_FUEL / sizeof(wasm_ref),
    BULK_CHUNK_BYTES = 1 << 20,
    BULK_CHUNK_ELEMENTS = BULK_CHUNK_BYTES / sizeof(wasm_ref)
};
static inline wasm_status bulk_poll(wasm_store *store, uint64_t cost)
{
    if (atomic_load_explicit(&store->poll, memory_order_relaxed) == 0)
        return WASM_OK;
    return store_poll(store, cost);
}
/* Whether `count` bytes or elements from `at` on leave a memory or table of `length`. */
static inline bool bulk_outside(uint64_t at, uint64_t count, uint64_t length)
{
    return at > length || count > length - at;
}
/* Copies bytes between places that may overlap, in chunks between which the guest can be stopped.
 * Costs fuel where it is the guest's doing; placing segments is not (`charged` false). */
wasm_status bulk_copy(wasm_store *store, void *to, const void *from, uint64_t bytes, bool charged);

/* The bytes of a data segment that memory.init and its like may still read; none of one that is
 * active or was dropped. */
uint64_t data_length(const wasm_instance *instance, uint32_t data);

/* Takes bytes from the budget that the store shares with others; false if there are not so many.
 * wasm_store_free() gives back what the store has; store_return(), what it did not come to use. */
bool store_take(wasm_store *store, uint64_t bytes);
void store_return(wasm_store *store, uint64_t bytes);

/* ---- call.c ---------------------------------------------------------------------------------- */

void value_to_slots(wasm_valtype type, const wasm_value *value, uint64_t *slots);
void value_from_slots(wasm_valtype type, const uint64_t *slots, wasm_value *value);
/* Keeps the references among a host function's arguments (slots[] of the type's parameters) for the
 * collector until they are released: on the guest stack, from stack_top on. STACK_EXHAUSTED. */
wasm_status arguments_hold(wasm_store *store, const module_type *type, const uint64_t *slots,
                           store_arguments *held);
void arguments_release(wasm_store *store, store_arguments *held);
/* wasm_call() without forgetting what failed before: for the start function. */
wasm_status call_func(wasm_store *store, wasm_func *func, const wasm_value *args,
                      wasm_value *results);

/* ---- reference.c ------------------------------------------------------------------------------
 */

/* Whether a reference that the host hands in is one of `type`, in terms of `types`. */
bool reference_fits(const module_type *types, wasm_valtype type, wasm_ref ref);

/* ---- memory.c, table.c, global.c ------------------------------------------------------------- */

/* `length` bytes within the store's limits: zeroes, or with the image of that number, which
 * memory.image tells; errors: MEMORY_LIMIT, MEMORY_TOTAL, NO_MEMORY. */
wasm_status memory_create(wasm_store *store, const wasm_bounds *bounds, const wasm_module *module,
                          uint64_t image, wasm_memory **out, wasm_report *report);
/* At the end of its store. */
void memory_release(wasm_memory *memory);
wasm_status table_create(wasm_store *store, wasm_valtype elem, const module_type *types,
                         const wasm_bounds *bounds, wasm_ref init, wasm_table **out,
                         wasm_report *report);
void table_release(wasm_table *table);

/* ---- exception.c ------------------------------------------------------------------------------
 */

/* Marks what the parameters of an exception refer to. */
void exception_mark(wasm_store *store, const heap_object *o);
/* What is on its way, for a person; always terminated; returns buf. */
char *exception_describe(const wasm_store *store, char *buf, size_t size);

/* ---- link.c ---------------------------------------------------------------------------------- */

/* Whether `with` may stand for import `index` (§4.5.3 and §3.4 of the subtyping rules).
 * Errors: UNKNOWN_IMPORT, IMPORT_TYPE, USAGE (an object of another store). */
wasm_status link_check(const wasm_store *store, const wasm_module *module, uint32_t index,
                       const wasm_extern *with, wasm_report *report);
/* A function type made by the host, in the store's arena, with the identity that it has in every
 * module. Errors: USAGE for a type that only a module could name, QUOTA. */
wasm_status type_new(wasm_store *store, const wasm_valtype *params, uint32_t param_count,
                     const wasm_valtype *results, uint32_t result_count, module_type **out);

/* ---- constant.c ------------------------------------------------------------------------------ */

/* Evaluates a constant expression. With an instance, funcs[] and the globals before the one that is
 * being initialized must stand. Without one (at load) an expression that depends on an instance
 * leaves *known false. Two slots are written. Errors: QUOTA, NO_MEMORY. */
wasm_status constant_evaluate(const wasm_module *module, wasm_instance *instance,
                              module_span expression, uint64_t slots[2], bool *known);

#endif
