/* SPDX-License-Identifier: Apache-2.0
 * native_helpers.c — the C functions behind the rows of native_helpers.def.
 *
 * How:     Compiled code calls them through instance->helpers, on the thread's stack. One that
 *          answers with a status has recorded a failure before it returns it (native_unwind()),
 *          since the code then leaves all its frames.
 * Memory:  as the runtime functions that they call.
 * Threads: the store's.
 */
#include "native_impl.h"

#define UPPER(word) ((uint32_t)((word) >> 32))
#define LOWER(word) ((uint32_t)(word))

static wasm_status ended(wasm_instance *instance, wasm_status status)
{
    return status == WASM_OK ? WASM_OK : native_unwind(instance, status);
}

static wasm_status helper_POLL(wasm_instance *instance, uint64_t cost)
{
    return ended(instance, store_poll(instance->store, cost));
}

static wasm_status helper_TRAP(wasm_instance *instance, uint64_t status)
{
    return native_unwind(instance, (wasm_status)status);
}

static wasm_status helper_INVOKE(wasm_instance *instance, wasm_func *func, uint64_t *slots)
{
    return ended(instance, native_call_out(instance, func, slots));
}

static wasm_status helper_CHECK_TYPE(wasm_instance *instance, const wasm_func *func, uint64_t type)
{
    return ended(instance, func_check_type(func, instance->module, LOWER(type)));
}

static uint64_t helper_MEMORY_GROW(wasm_instance *instance, uint64_t memory, uint64_t pages)
{
    return memory_grow(instance->memories[memory], pages);
}

static wasm_status helper_MEMORY_FILL(wasm_instance *instance, uint64_t memory, uint64_t at,
                                      uint64_t value, uint64_t count)
{
    return ended(instance, memory_fill(instance->memories[memory], at, (uint8_t)value, count));
}

static wasm_status helper_MEMORY_COPY(wasm_instance *instance, uint64_t memories, uint64_t at,
                                      uint64_t source, uint64_t count)
{
    return ended(instance, memory_copy(instance->memories[UPPER(memories)], at,
                                       instance->memories[LOWER(memories)], source, count));
}

static wasm_status helper_MEMORY_INIT(wasm_instance *instance, uint64_t names, uint64_t at,
                                      uint64_t source, uint64_t count)
{
    return ended(instance, memory_init(instance, UPPER(names), LOWER(names), at, source, count));
}

static void helper_DATA_DROP(wasm_instance *instance, uint64_t data)
{
    data_drop(instance, LOWER(data));
}

static uint64_t helper_TABLE_GROW(wasm_instance *instance, uint64_t table, uint64_t delta,
                                  wasm_ref value)
{
    return table_grow(instance->tables[table], delta, value);
}

static wasm_status helper_TABLE_FILL(wasm_instance *instance, uint64_t table, uint64_t at,
                                     wasm_ref value, uint64_t count)
{
    return ended(instance, table_fill(instance->tables[table], at, value, count));
}

static wasm_status helper_TABLE_COPY(wasm_instance *instance, uint64_t tables, uint64_t at,
                                     uint64_t source, uint64_t count)
{
    return ended(instance, table_copy(instance->tables[UPPER(tables)], at,
                                      instance->tables[LOWER(tables)], source, count));
}

static wasm_status helper_TABLE_INIT(wasm_instance *instance, uint64_t names, uint64_t at,
                                     uint64_t source, uint64_t count)
{
    return ended(instance, table_init(instance, UPPER(names), LOWER(names), at, source, count));
}

static void helper_ELEM_DROP(wasm_instance *instance, uint64_t elem)
{
    elem_drop(instance, LOWER(elem));
}

static wasm_status helper_THROW(wasm_instance *instance, uint64_t tag, const uint64_t *slots)
{
    return ended(instance, exception_throw(instance->store, instance->tags[tag], slots));
}

const void *const native_helper_table[NATIVE_HELPERS] = {
#define HELPER(id, arguments, answer) [NATIVE_##id] = (const void *)helper_##id,
#include "native_helpers.def"
#undef HELPER
};
