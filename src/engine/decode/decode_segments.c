/* SPDX-License-Identifier: Apache-2.0
 * decode_segments.c — element segments, the data count, data segments (§5.5.12, §5.5.14, §5.5.15).
 *
 * How:     an element segment's flags are three bits. Bit 0: passive or declarative; bit 1: with
 *          bit 0 declarative, else an explicit table; bit 2: elements are expressions, else
 *          function indices. A kind or type is written where bit 0 or bit 1 is set. A module of 1.0
 *          has a table or memory index there, which is 0, so the forms agree.
 *
 * Memory:  the module's arena; contents point into the module's bytes.
 * Threads: those of the module being loaded.
 */
#include "decode_impl.h"

enum elem_flags { ELEM_NOT_ACTIVE = 1, ELEM_EXPLICIT = 2, ELEM_EXPRESSIONS = 4 };
enum data_flags { DATA_ACTIVE, DATA_PASSIVE, DATA_ACTIVE_MEMORY };

/* The kind or type of a segment that writes one. */
static wasm_status decode_elem_type(decoder *d, uint32_t flags, module_elem *out)
{
    cursor *c = &d->c;
    /* Listed functions are not null, which matters to nobody before typed references. */
    bool listed = (flags & ELEM_EXPRESSIONS) == 0;
    out->type = listed && module_has(d->module, WASM_FEATURE_TYPED_REFERENCES)
                    ? (wasm_valtype)WASM_KIND_FUNC
                    : WASM_FUNCREF;
    if ((flags & (ELEM_NOT_ACTIVE | ELEM_EXPLICIT)) == 0)
        return WASM_OK;
    if ((flags & ELEM_EXPRESSIONS) != 0)
        return cursor_reftype(c, &out->type);
    uint64_t offset = reader_offset(&c->r);
    uint8_t kind;
    TRY(cursor_u8(c, &kind, "an element kind"));
    if (kind != 0)
        return cursor_fail(c, WASM_E_REF_TYPE, offset, "element kind 0x%02x", kind);
    return WASM_OK;
}

static wasm_status decode_elem_items(decoder *d, uint32_t flags, module_elem *out)
{
    cursor *c = &d->c;
    void *array;
    TRY(cursor_count(c, &out->count, 1, 0, LIMIT_ELEM_ITEMS, "elements"));
    if ((flags & ELEM_EXPRESSIONS) == 0) {
        TRY(decode_array(d, &array, out->count, sizeof(uint32_t)));
        uint32_t *funcs = array;
        out->funcs = funcs;
        for (uint32_t i = 0; i < out->count; i++)
            TRY(cursor_u32(c, &funcs[i], "a function index"));
    } else {
        TRY(decode_array(d, &array, out->count, sizeof(module_span)));
        module_span *exprs = array;
        out->exprs = exprs;
        for (uint32_t i = 0; i < out->count; i++)
            TRY(cursor_expression(c, &exprs[i]));
    }
    return WASM_OK;
}

static wasm_status decode_elem(decoder *d, module_elem *out)
{
    cursor *c = &d->c;
    uint64_t offset = reader_offset(&c->r);
    uint32_t flags;
    out->at = (uint32_t)offset;
    TRY(cursor_u32(c, &flags, "an element segment's flags"));
    if (flags > (ELEM_NOT_ACTIVE | ELEM_EXPLICIT | ELEM_EXPRESSIONS))
        return cursor_fail(c, WASM_E_SEGMENT_FLAGS, offset, "0x%x", (unsigned)flags);
    if (flags != 0)
        TRY(cursor_need(c, WASM_FEATURE_BULK_MEMORY, offset, "such an element segment"));
    if ((flags & ELEM_NOT_ACTIVE) != 0) {
        out->mode =
            (flags & ELEM_EXPLICIT) != 0 ? MODULE_SEGMENT_DECLARATIVE : MODULE_SEGMENT_PASSIVE;
    } else {
        out->mode = MODULE_SEGMENT_ACTIVE;
        if ((flags & ELEM_EXPLICIT) != 0)
            TRY(cursor_u32(c, &out->table, "a table index"));
        if (out->table != 0)
            TRY(cursor_need(c, WASM_FEATURE_REFERENCE_TYPES, offset, "a second table"));
        TRY(cursor_expression(c, &out->offset));
    }
    if ((flags & ELEM_EXPLICIT) != 0 && (flags & ELEM_NOT_ACTIVE) != 0)
        TRY(cursor_need(c, WASM_FEATURE_REFERENCE_TYPES, offset, "a declarative segment"));
    TRY(decode_elem_type(d, flags, out));
    return decode_elem_items(d, flags, out);
}

wasm_status decode_elems(decoder *d)
{
    wasm_module *m = d->module;
    uint32_t count;
    void *array;
    TRY(cursor_count(&d->c, &count, 2, 0, LIMIT_ELEMS, "element segments"));
    TRY(decode_array(d, &array, count, sizeof(module_elem)));
    m->elems = array;
    for (; m->elem_count < count; m->elem_count++)
        TRY(decode_elem(d, &m->elems[m->elem_count]));
    return WASM_OK;
}

wasm_status decode_data_count(decoder *d)
{
    d->datas_at = reader_offset(&d->c.r);
    TRY(cursor_need(&d->c, WASM_FEATURE_BULK_MEMORY, d->datas_at, "the data count section"));
    TRY(cursor_u32(&d->c, &d->declared_datas, "the number of data segments"));
    d->module->has_data_count = true;
    return WASM_OK;
}

static wasm_status decode_data(decoder *d, module_data *out)
{
    cursor *c = &d->c;
    uint64_t offset = reader_offset(&c->r);
    uint32_t flags;
    out->at = (uint32_t)offset;
    TRY(cursor_u32(c, &flags, "a data segment's flags"));
    if (flags > DATA_ACTIVE_MEMORY)
        return cursor_fail(c, WASM_E_SEGMENT_FLAGS, offset, "0x%x", (unsigned)flags);
    if (flags != DATA_ACTIVE)
        TRY(cursor_need(c, WASM_FEATURE_BULK_MEMORY, offset, "such a data segment"));
    out->mode = flags == DATA_PASSIVE ? MODULE_SEGMENT_PASSIVE : MODULE_SEGMENT_ACTIVE;
    if (flags == DATA_ACTIVE_MEMORY)
        TRY(cursor_u32(c, &out->memory, "a memory index"));
    if (flags != DATA_PASSIVE)
        TRY(cursor_expression(c, &out->offset));
    uint32_t length;
    reader contents;
    offset = reader_offset(&c->r);
    TRY(cursor_u32(c, &length, "a data segment's length"));
    out->init = (module_span){reader_offset(&c->r), length};
    if (reader_sub(&c->r, length, &contents) != WASM_OK)
        return cursor_fail(c, WASM_E_UNEXPECTED_END, offset,
                           "the segment has %u bytes; the section has %zu left", (unsigned)length,
                           reader_left(&c->r));
    return WASM_OK;
}

wasm_status decode_datas(decoder *d)
{
    wasm_module *m = d->module;
    uint64_t offset = reader_offset(&d->c.r);
    uint32_t count;
    void *array;
    TRY(cursor_count(&d->c, &count, 2, 0, LIMIT_DATAS, "data segments"));
    if (m->has_data_count && count != d->declared_datas)
        return cursor_fail(&d->c, WASM_E_DATA_COUNT_MISMATCH, offset,
                           "%u data segments are declared, %u are there",
                           (unsigned)d->declared_datas, (unsigned)count);
    TRY(decode_array(d, &array, count, sizeof(module_data)));
    m->datas = array;
    d->has_datas = true;
    for (; m->data_count < count; m->data_count++)
        TRY(decode_data(d, &m->datas[m->data_count]));
    return WASM_OK;
}
