/* SPDX-License-Identifier: Apache-2.0
 * objects.c — making structs and arrays, moving their elements, and asking what a reference is.
 *
 * How:     Values come as 64-bit slots, and are kept in their own size, a packed integer in its low
 *          bits; the machine's byte order is kept, since no guest can see it, but where elements
 *          are made of a data segment, whose bytes are little-endian. What an object is made of
 *          stands in the caller's frame until it is there, so that the collector finds it. Large
 *          arrays are filled in chunks, between which the guest can be stopped; an array that is
 *          stopped halfway holds zeroes from there on, and nobody sees it.
 * Memory:  see heap.h.
 * Threads: the store's.
 */
#include "objects.h"

#include <string.h>

#include "runtime_impl.h"

/* ---- what a reference is --------------------------------------------------------------------- */

bool ref_is_abstract(wasm_ref ref, wasm_valtype type)
{
    switch (WASM_KIND(type)) {
    case WASM_KIND_ANY:
    case WASM_KIND_EXTERN:
    case WASM_KIND_FUNC:
    case WASM_KIND_EXN: return true;
    case WASM_KIND_EQ: return !wasm_ref_is_number(ref);
    case WASM_KIND_I31: return ref_is_i31(ref);
    case WASM_KIND_STRUCT:
        return ref_is_object(ref) && object_type(ref_object(ref))->form == MODULE_STRUCT;
    case WASM_KIND_ARRAY:
        return ref_is_object(ref) && object_type(ref_object(ref))->form == MODULE_ARRAY;
    default: return false; /* the bottom of a hierarchy */
    }
}

/* ---- fields and elements --------------------------------------------------------------------- */

/* Log2 of the bytes of a field or element. */
static unsigned size_shift(wasm_valtype storage)
{
    switch (WASM_KIND(storage)) {
    case MODULE_I8: return 0;
    case MODULE_I16: return 1;
    case WASM_I32:
    case WASM_F32: return 2;
    case WASM_V128: return 4;
    default: return 3;
    }
}

static void put(uint8_t *to, unsigned shift, const uint64_t *slot)
{
    uint8_t byte = (uint8_t)*slot;
    uint16_t half = (uint16_t)*slot;
    uint32_t word = (uint32_t)*slot;

    switch (shift) {
    case 0: memcpy(to, &byte, sizeof byte); break;
    case 1: memcpy(to, &half, sizeof half); break;
    case 2: memcpy(to, &word, sizeof word); break;
    default: memcpy(to, slot, (size_t)1 << shift); break;
    }
}

static unsigned element_shift(const module_type *array)
{
    return size_shift(array->fields[0].type);
}

static uint8_t *elements(wasm_ref array)
{
    return (uint8_t *)ref_object(array) + MODULE_ARRAY_HEAD;
}

static void set_length(heap_object *o, uint32_t length)
{
    o[1].head = length;
}

/* ---- structs --------------------------------------------------------------------------------- */

wasm_status struct_new(wasm_store *store, const module_type *type, const uint64_t *slots,
                       wasm_ref *out)
{
    heap_object *o;

    TRY(heap_allocate(store, type, type->bytes, &o));
    *out = object_ref(o);
    memset(o + 1, 0, type->bytes - MODULE_STRUCT_HEAD);
    for (uint32_t i = 0; slots && i < type->field_count; i++) {
        const module_field *field = &type->fields[i];
        put((uint8_t *)o + field->offset, size_shift(field->type), slots);
        slots += type_slots(field->type);
    }
    return WASM_OK;
}

/* ---- arrays ---------------------------------------------------------------------------------- */

/* An array whose elements are not defined yet: the caller sets them before anything can look. */
static wasm_status array_allocate(wasm_store *store, const module_type *type, uint32_t length,
                                  wasm_ref *out)
{
    uint64_t bytes = MODULE_ARRAY_HEAD + ((uint64_t)length << element_shift(type));
    heap_object *o;

    TRY(heap_allocate(store, type, bytes, &o));
    set_length(o, length);
    *out = object_ref(o);
    return WASM_OK;
}

/* Sets `count` elements, between which the guest can be stopped. */
static wasm_status fill(wasm_store *store, uint8_t *to, unsigned shift, const uint64_t *slots,
                        uint64_t count)
{
    static const uint64_t zero[2] = {0, 0};
    bool bytes = !slots || shift == 0;
    uint64_t chunk = (uint64_t)BULK_CHUNK_BYTES >> shift;

    for (uint64_t done = 0; done < count; done += chunk) {
        uint64_t now = count - done < chunk ? count - done : chunk;
        uint8_t *at = to + (done << shift);
        TRY(bulk_poll(store, (now << shift) / BULK_BYTES_PER_FUEL));
        if (bytes) {
            memset(at, slots ? (uint8_t)*slots : 0, now << shift);
            continue;
        }
        for (uint64_t i = 0; i < now; i++)
            put(at + (i << shift), shift, slots ? slots : zero);
    }
    return WASM_OK;
}

wasm_status array_new(wasm_store *store, const module_type *type, uint32_t length,
                      const uint64_t *slots, wasm_ref *out)
{
    unsigned shift = element_shift(type);
    wasm_status status;

    TRY(array_allocate(store, type, length, out));
    /* Nothing collects while it is filled; a guest that is stopped meanwhile leaves it to the
     * collector, which must not find references in what is not set yet. */
    status = fill(store, elements(*out), shift, slots, length);
    if (status != WASM_OK)
        set_length(ref_object(*out), 0);
    return status;
}

wasm_status array_new_fixed(wasm_store *store, const module_type *type, uint32_t length,
                            const uint64_t *slots, wasm_ref *out)
{
    unsigned shift = element_shift(type);
    uint32_t step = type_slots(type->fields[0].type);
    uint8_t *to;

    TRY(array_allocate(store, type, length, out));
    to = elements(*out);
    for (uint32_t i = 0; i < length; i++)
        put(to + ((size_t)i << shift), shift, slots + (size_t)i * step);
    return WASM_OK;
}

/* ---- segments -------------------------------------------------------------------------------- */

/* The bytes of a data segment that are to become `length` elements. */
static wasm_status find_bytes(const wasm_instance *instance, uint32_t data, uint32_t source,
                              uint64_t bytes, const uint8_t **out)
{
    const wasm_module *module = instance->module;
    const module_data *segment = &module->datas[data];

    if (bulk_outside(source, bytes, data_length(instance, data)))
        return WASM_E_OOB_MEMORY;
    *out = module->bytes + segment->init.offset + source;
    return WASM_OK;
}

static wasm_status find_refs(const wasm_instance *instance, uint32_t elem, uint32_t source,
                             uint32_t length, const wasm_ref **out)
{
    const wasm_ref *refs = instance->elem_refs ? instance->elem_refs[elem] : NULL;

    if (bulk_outside(source, length, refs ? instance->module->elems[elem].count : 0))
        return WASM_E_OOB_TABLE;
    *out = refs ? refs + source : NULL;
    return WASM_OK;
}

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
static void exchange_bytes(uint8_t *at, unsigned shift, uint64_t count)
{
    (void)at;
    (void)shift;
    (void)count;
}
#else
/* Elements that were copied from little-endian bytes. A vector stays as it is. */
static void exchange_bytes(uint8_t *at, unsigned shift, uint64_t count)
{
    size_t size = (size_t)1 << shift;

    for (; shift < 4 && count > 0; count--, at += size) {
        for (size_t i = 0; i < size / 2; i++) {
            uint8_t byte = at[i];
            at[i] = at[size - 1 - i];
            at[size - 1 - i] = byte;
        }
    }
}
#endif

wasm_status array_new_data(wasm_instance *instance, const module_type *type, uint32_t data,
                           uint32_t source, uint32_t length, wasm_ref *out)
{
    unsigned shift = element_shift(type);
    uint64_t bytes = (uint64_t)length << shift;
    const uint8_t *from;

    TRY(find_bytes(instance, data, source, bytes, &from));
    TRY(array_allocate(instance->store, type, length, out));
    TRY(bulk_copy(instance->store, elements(*out), from, bytes, true));
    exchange_bytes(elements(*out), shift, length);
    return WASM_OK;
}

wasm_status array_new_elem(wasm_instance *instance, const module_type *type, uint32_t elem,
                           uint32_t source, uint32_t length, wasm_ref *out)
{
    const wasm_ref *from;
    wasm_status status;

    TRY(find_refs(instance, elem, source, length, &from));
    TRY(array_allocate(instance->store, type, length, out));
    if (length == 0)
        return WASM_OK;
    status =
        bulk_copy(instance->store, elements(*out), from, (uint64_t)length * sizeof *from, true);
    if (status != WASM_OK)
        set_length(ref_object(*out), 0); /* as in array_new() */
    return status;
}

/* ---- many elements --------------------------------------------------------------------------- */

/* Whether a range of an array may be written or read. */
static wasm_status check_range(wasm_ref array, uint32_t at, uint32_t count)
{
    if (array == 0)
        return WASM_E_NULL_ARRAY;
    return bulk_outside(at, count, array_length(ref_object(array))) ? WASM_E_OOB_ARRAY : WASM_OK;
}

static unsigned shift_of(wasm_ref array)
{
    return element_shift(object_type(ref_object(array)));
}

wasm_status array_fill(wasm_store *store, wasm_ref array, uint32_t at, const uint64_t *slots,
                       uint32_t count)
{
    TRY(check_range(array, at, count));
    unsigned shift = shift_of(array);
    return fill(store, elements(array) + ((size_t)at << shift), shift, slots, count);
}

wasm_status array_copy(wasm_store *store, wasm_ref to, uint32_t at, wasm_ref from, uint32_t source,
                       uint32_t count)
{
    if (from == 0)
        return WASM_E_NULL_ARRAY;
    TRY(check_range(to, at, count));
    TRY(check_range(from, source, count));
    unsigned shift = shift_of(to);
    return bulk_copy(store, elements(to) + ((size_t)at << shift),
                     elements(from) + ((size_t)source << shift), (uint64_t)count << shift, true);
}

wasm_status array_init_data(wasm_instance *instance, wasm_ref array, uint32_t data, uint32_t at,
                            uint32_t source, uint32_t count)
{
    const uint8_t *from;

    TRY(check_range(array, at, count));
    unsigned shift = shift_of(array);
    uint8_t *to = elements(array) + ((size_t)at << shift);
    TRY(find_bytes(instance, data, source, (uint64_t)count << shift, &from));
    TRY(bulk_copy(instance->store, to, from, (uint64_t)count << shift, true));
    exchange_bytes(to, shift, count);
    return WASM_OK;
}

wasm_status array_init_elem(wasm_instance *instance, wasm_ref array, uint32_t elem, uint32_t at,
                            uint32_t source, uint32_t count)
{
    const wasm_ref *from;

    TRY(check_range(array, at, count));
    TRY(find_refs(instance, elem, source, count, &from));
    if (count == 0)
        return WASM_OK;
    return bulk_copy(instance->store, elements(array) + (size_t)at * sizeof *from, from,
                     (uint64_t)count * sizeof *from, true);
}
