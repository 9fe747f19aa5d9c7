/* SPDX-License-Identifier: Apache-2.0
 * decode.c — the driver: header, sections in their order, and what must agree between them
 * (specification §5.5).
 *
 * How:     the file is copied, then walked once. Sections are rows: id, name, place in the order,
 *          the function that reads it. The order is not that of the ids: data count (12) stands
 *          before code (10), tags (13) between memories and globals. Custom sections stand
 *          anywhere.
 *
 * Inputs:  anything. After this, all structure and every limit of limits.h holds; indices, types
 *          and instructions inside expressions and bodies are the validator's.
 *
 * Memory:  the module's arena; on failure nothing is left.
 * Threads: any; no shared state.
 */
#include "decode_impl.h"

#include <string.h>

static const struct section {
    const char *name;
    uint8_t order; /* 0: anywhere */
    wasm_status (*read)(decoder *d);
} sections[] = {
    [0] = {"custom", 0, decode_custom},
    [1] = {"type", 1, decode_types},
    [2] = {"import", 2, decode_imports},
    [3] = {"function", 3, decode_funcs},
    [4] = {"table", 4, decode_tables},
    [5] = {"memory", 5, decode_memories},
    [6] = {"global", 7, decode_globals},
    [7] = {"export", 8, decode_exports},
    [8] = {"start", 9, decode_start},
    [9] = {"element", 10, decode_elems},
    [10] = {"code", 12, decode_code},
    [11] = {"data", 13, decode_datas},
    [12] = {"data count", 11, decode_data_count},
    [13] = {"tag", 6, decode_tags},
};
enum { SECTION_COUNT = sizeof sections / sizeof sections[0] };

wasm_status decode_array(decoder *d, void **out, size_t count, size_t size)
{
    void *array = arena_alloc(&d->module->arena, count, size);
    if (array == NULL)
        return quota_fail(&d->module->quota, d->c.report);
    *out = array;
    return WASM_OK;
}

wasm_status decode_extend(decoder *d, void **array, uint32_t count, uint32_t add, size_t size)
{
    void *old = *array;
    TRY(decode_array(d, array, (size_t)count + add, size));
    if (count != 0)
        memcpy(*array, old, count * size);
    return WASM_OK;
}

/* Magic and version (§5.5.16). A component announces itself as layer 1 in the version's upper
 * half. */
static wasm_status decode_header(cursor *c)
{
    static const uint8_t magic[4] = {0x00, 'a', 's', 'm'};
    static const uint8_t version[4] = {1, 0, 0, 0};
    const uint8_t *begin = c->r.next;
    size_t length = reader_left(&c->r);
    if (memcmp(begin, magic, length < 4 ? length : 4) != 0)
        return cursor_fail(c, WASM_E_MAGIC, 0, "the file is not WebAssembly");
    if (length < 8)
        return cursor_fail(c, WASM_E_UNEXPECTED_END, length, "a module has at least 8 bytes");
    if (memcmp(begin + 4, version, 4) != 0) {
        if (begin[6] == 1 && begin[7] == 0)
            return cursor_fail(c, WASM_E_COMPONENT, 4, "only core modules can be loaded");
        return cursor_fail(c, WASM_E_VERSION, 4, "bytes %02x %02x %02x %02x", begin[4], begin[5],
                           begin[6], begin[7]);
    }
    c->r.next += 8;
    return WASM_OK;
}

/* Reads one section; *order is the place of the last one that has a place. */
static wasm_status decode_section(decoder *d, cursor *file, unsigned *order)
{
    uint64_t offset = reader_offset(&file->r);
    uint8_t id;
    TRY(cursor_u8(file, &id, "a section id"));
    if (id >= SECTION_COUNT)
        return cursor_fail(file, WASM_E_SECTION_ID, offset, "%u", id);
    const struct section *section = &sections[id];
    uint32_t size;
    TRY(cursor_u32(file, &size, "a section's size"));
    if (size > reader_left(&file->r))
        return cursor_fail(file, WASM_E_LENGTH_OUT_OF_BOUNDS, offset,
                           "the %s section has %u bytes; %zu are left", section->name,
                           (unsigned)size, reader_left(&file->r));
    if (section->order != 0 && section->order <= *order)
        return cursor_fail(file, WASM_E_SECTION_ORDER, offset, "the %s section is %s",
                           section->name, section->order == *order ? "a second one" : "too late");
    if (section->order != 0)
        *order = section->order;
    module_trace(d->module, WASM_TRACE_DECODE, "%s section at byte %llu: %u bytes", section->name,
                 (unsigned long long)offset, (unsigned)size);

    d->c.r = file->r;
    (void)reader_sub(&file->r, size, &d->c.r);
    TRY(section->read(d));
    if (reader_left(&d->c.r) != 0)
        return cursor_fail(&d->c, WASM_E_SECTION_SIZE, reader_offset(&d->c.r),
                           "%zu bytes are left of the %s section", reader_left(&d->c.r),
                           section->name);
    return WASM_OK;
}

/* What sections say about one another (§5.5.16). */
static wasm_status decode_agreement(decoder *d)
{
    if (!d->has_code && d->declared_funcs != 0)
        return cursor_fail(&d->c, WASM_E_FUNC_CODE_MISMATCH, d->func_at,
                           "%u functions are declared, but there is no code section",
                           (unsigned)d->declared_funcs);
    if (!d->has_datas && d->declared_datas != 0)
        return cursor_fail(&d->c, WASM_E_DATA_COUNT_MISMATCH, d->datas_at,
                           "%u data segments are declared, but there is no data section",
                           (unsigned)d->declared_datas);
    return WASM_OK;
}

static wasm_status decode_file(decoder *d, size_t length)
{
    wasm_module *m = d->module;
    cursor file = cursor_over(m, (module_span){0, length}, WASM_NO_FUNC, d->c.report);
    d->c = file;
    TRY(decode_header(&file));
    unsigned order = 0;
    while (reader_left(&file.r) != 0)
        TRY(decode_section(d, &file, &order));
    TRY(decode_agreement(d));
    TRY(decode_func_names(d));
    m->used |= d->c.used;
    module_trace(m, WASM_TRACE_DECODE,
                 "decoded %zu bytes: %u types, %u functions (%u imported), %u data segments; "
                 "%zu bytes allocated",
                 length, (unsigned)m->type_count, (unsigned)m->func_count,
                 (unsigned)m->func_import_count, (unsigned)m->data_count, m->quota.used);
    return WASM_OK;
}

wasm_status decode_module(const uint8_t *bytes, size_t length, const wasm_load_options *options,
                          wasm_module **out, wasm_report *report)
{
    static const wasm_load_options defaults = {0};
    report_clear(report);
    if (length > LIMIT_MODULE_BYTES)
        return report_fail(report, WASM_E_IMPL_LIMIT, WASM_NO_OFFSET, WASM_NO_FUNC,
                           "%zu bytes; the limit is %u", length, (unsigned)LIMIT_MODULE_BYTES);
    wasm_module *m = NULL;
    TRY(module_new(options == NULL ? &defaults : options, &m, report));
    wasm_status status = WASM_OK;
    m->bytes = (uint8_t *)arena_copy(&m->arena, bytes, length);
    m->length = length;
    if (m->bytes == NULL) {
        status = quota_fail(&m->quota, report);
    } else {
        decoder d = {.module = m, .c.report = report};
        status = decode_file(&d, length);
    }
    if (status != WASM_OK) {
        module_trace(m, WASM_TRACE_DECODE, "refused: %s", wasm_status_text(status));
        module_destroy(m);
        return status;
    }
    *out = m;
    return WASM_OK;
}
