/* SPDX-License-Identifier: Apache-2.0
 * decode_custom.c — custom sections, and the function names that one of them holds (§5.5.3, §7.4).
 *
 * How:     a custom section's own name must be right, its contents may be anything. The first
 *          section called "name" is read after all others, when the number of functions is known.
 *          Errors in it are no errors of the module (§7.4.1): what is malformed ends the reading,
 *          what is not UTF-8 is passed over, and names are only ever shown to people.
 *
 * Memory:  the module's arena; names point into the module's bytes.
 * Threads: those of the module being loaded.
 */
#include "decode_impl.h"

#include <string.h>

enum { NAMES_OF_FUNCTIONS = 1, FIRST_ROOM = 8 };

wasm_status decode_custom(decoder *d)
{
    wasm_module *m = d->module;
    cursor *c = &d->c;
    module_custom custom;
    TRY(cursor_check(c, reader_name(&c->r, &custom.name.bytes, &custom.name.length),
                     "a custom section's name"));
    custom.bytes = (module_span){reader_offset(&c->r), reader_left(&c->r)};
    c->r.next = c->r.end;
    if (m->custom_count == LIMIT_CUSTOMS)
        return cursor_fail(c, WASM_E_IMPL_LIMIT, custom.bytes.offset,
                           "more than %u custom sections", (unsigned)LIMIT_CUSTOMS);
    if (m->custom_count == d->custom_room) {
        /* Doubling leaves the old arrays behind in the arena: as much again, at most. */
        uint32_t add = d->custom_room == 0 ? FIRST_ROOM : d->custom_room;
        void *array = m->customs;
        TRY(decode_extend(d, &array, m->custom_count, add, sizeof(module_custom)));
        m->customs = array;
        d->custom_room += add;
    }
    m->customs[m->custom_count++] = custom;
    if (!d->has_names && custom.name.length == 4 && memcmp(custom.name.bytes, "name", 4) == 0) {
        d->has_names = true;
        d->names = custom.bytes;
    }
    return WASM_OK;
}

/* The name map of subsection 1: pairs of a function's index and its name. */
static wasm_status read_func_names(reader *r, const wasm_module *m, module_name *names)
{
    uint32_t count;
    TRY(reader_leb_u32(r, &count));
    for (uint32_t i = 0; i < count; i++) {
        uint32_t func, length;
        reader name;
        TRY(reader_leb_u32(r, &func));
        TRY(reader_leb_u32(r, &length));
        TRY(reader_sub(r, length, &name));
        if (func < m->func_count && reader_is_utf8(name.next, length))
            names[func] = (module_name){(const char *)name.next, length};
    }
    return WASM_OK;
}

static wasm_status read_subsections(reader *r, const wasm_module *m, module_name *names)
{
    while (reader_left(r) != 0) {
        uint8_t id;
        uint32_t size;
        reader contents;
        TRY(reader_u8(r, &id));
        TRY(reader_leb_u32(r, &size));
        TRY(reader_sub(r, size, &contents));
        if (id == NAMES_OF_FUNCTIONS)
            TRY(read_func_names(&contents, m, names));
    }
    return WASM_OK;
}

wasm_status decode_func_names(decoder *d)
{
    wasm_module *m = d->module;
    if (!d->has_names || m->func_count == 0)
        return WASM_OK;
    void *array;
    TRY(decode_array(d, &array, m->func_count, sizeof(module_name)));
    cursor names = cursor_over(m, d->names, WASM_NO_FUNC, NULL);
    wasm_status status = read_subsections(&names.r, m, array);
    if (status == WASM_OK)
        m->func_names = array;
    else
        module_trace(m, WASM_TRACE_DECODE, "the name section is ignored: %s at byte %llu",
                     wasm_status_text(status), (unsigned long long)reader_offset(&names.r));
    return WASM_OK;
}
