/* SPDX-License-Identifier: Apache-2.0
 * decode_spaces.c — the sections that fill index spaces, and those that point into them: imports,
 * functions, tables, memories, globals, exports, start, code (§5.5.5 to §5.5.13).
 *
 * How:     an index space begins with its imports. The import section is read twice, first to count
 *          the kinds, then into arrays of exactly that size; the section of the kind extends its
 *          array.
 *
 * Memory:  the module's arena; names point into the module's bytes.
 * Threads: those of the module being loaded.
 */
#include "decode_impl.h"

/* The five kinds of §5.5.5 are 0 to 4; MUTABLE_GLOBALS for what crosses the border as such. */
static wasm_status decode_kind(decoder *d, uint8_t *kind, wasm_status refusal)
{
    uint64_t offset = reader_offset(&d->c.r);
    TRY(cursor_u8(&d->c, kind, "a kind"));
    if (*kind > WASM_EXTERN_TAG)
        return cursor_fail(&d->c, refusal, offset, "0x%02x", *kind);
    if (*kind == WASM_EXTERN_TAG)
        return cursor_need(&d->c, WASM_FEATURE_EXCEPTIONS, offset, "a tag");
    return WASM_OK;
}

typedef struct import_entry {
    module_import import;
    module_func func;
    module_table table;
    module_memory memory;
    module_tag tag;
    module_global global;
} import_entry;

/* A tag's attribute, which there is one of, and its type (§5.3.13). */
static wasm_status decode_tag(cursor *c, module_tag *out)
{
    uint8_t attribute;
    out->at = (uint32_t)reader_offset(&c->r);
    TRY(cursor_u8(c, &attribute, "a tag"));
    if (attribute != 0)
        return cursor_fail(c, WASM_E_ZERO_BYTE, out->at, "a tag's attribute is 0x%02x", attribute);
    return cursor_u32(c, &out->type, "a tag's type index");
}

static wasm_status decode_import(decoder *d, import_entry *out)
{
    cursor *c = &d->c;
    uint8_t kind;
    *out = (import_entry){0};
    module_import *import = &out->import;
    TRY(cursor_check(c, reader_name(&c->r, &import->module.bytes, &import->module.length),
                     "an import's module name"));
    TRY(cursor_check(c, reader_name(&c->r, &import->name.bytes, &import->name.length),
                     "an import's name"));
    TRY(decode_kind(d, &kind, WASM_E_IMPORT_KIND));
    import->kind = (wasm_externkind)kind;
    uint64_t offset = reader_offset(&c->r);
    switch (import->kind) {
    case WASM_EXTERN_FUNC:
        out->func.imported = true;
        out->func.at = (uint32_t)offset;
        return cursor_u32(c, &out->func.type, "an import's type index");
    case WASM_EXTERN_TABLE: return decode_table_type(d, &out->table);
    case WASM_EXTERN_MEMORY: return decode_memory_type(d, &out->memory);
    case WASM_EXTERN_GLOBAL:
        out->global.imported = true;
        TRY(decode_global_type(d, &out->global));
        return out->global.mutable_ ? cursor_need(c, WASM_FEATURE_MUTABLE_GLOBALS, offset,
                                                  "the import of a mutable global")
                                    : WASM_OK;
    case WASM_EXTERN_TAG: return decode_tag(c, &out->tag);
    }
    return WASM_E_USAGE; /* decode_kind() lets nothing else pass */
}

/* The second reading of the section: entries go to their arrays. */
static void keep_import(wasm_module *m, const import_entry *entry)
{
    module_import *import = &m->imports[m->import_count++];
    *import = entry->import;
    switch (import->kind) {
    case WASM_EXTERN_FUNC:
        import->index = m->func_count++;
        m->funcs[import->index] = entry->func;
        m->func_import_count++;
        break;
    case WASM_EXTERN_TABLE:
        import->index = m->table_count++;
        m->tables[import->index] = entry->table;
        m->table_import_count++;
        break;
    case WASM_EXTERN_MEMORY:
        import->index = m->memory_count++;
        m->memories[import->index] = entry->memory;
        m->memory_import_count++;
        break;
    case WASM_EXTERN_GLOBAL:
        import->index = m->global_count++;
        m->globals[import->index] = entry->global;
        m->global_import_count++;
        break;
    case WASM_EXTERN_TAG:
        import->index = m->tag_count++;
        m->tags[import->index] = entry->tag;
        m->tag_import_count++;
        break;
    }
}

wasm_status decode_imports(decoder *d)
{
    wasm_module *m = d->module;
    uint32_t count, kinds[WASM_EXTERN_TAG + 1] = {0};
    import_entry entry;
    uint64_t offset = reader_offset(&d->c.r);
    TRY(cursor_count(&d->c, &count, 4, 0, LIMIT_IMPORTS, "imports"));
    reader again = d->c.r;
    for (uint32_t i = 0; i < count; i++) {
        TRY(decode_import(d, &entry));
        kinds[entry.import.kind]++;
    }
    if (kinds[WASM_EXTERN_TABLE] > LIMIT_TABLES || kinds[WASM_EXTERN_MEMORY] > LIMIT_MEMORIES)
        return cursor_fail(&d->c, WASM_E_IMPL_LIMIT, offset,
                           "%u tables and %u memories are imported; the limits are %u and %u",
                           (unsigned)kinds[WASM_EXTERN_TABLE], (unsigned)kinds[WASM_EXTERN_MEMORY],
                           (unsigned)LIMIT_TABLES, (unsigned)LIMIT_MEMORIES);
    void *imports, *funcs, *tables, *memories, *tags, *globals;
    TRY(decode_array(d, &imports, count, sizeof(module_import)));
    TRY(decode_array(d, &funcs, kinds[WASM_EXTERN_FUNC], sizeof(module_func)));
    TRY(decode_array(d, &tables, kinds[WASM_EXTERN_TABLE], sizeof(module_table)));
    TRY(decode_array(d, &memories, kinds[WASM_EXTERN_MEMORY], sizeof(module_memory)));
    TRY(decode_array(d, &tags, kinds[WASM_EXTERN_TAG], sizeof(module_tag)));
    TRY(decode_array(d, &globals, kinds[WASM_EXTERN_GLOBAL], sizeof(module_global)));
    m->imports = imports;
    m->tags = tags;
    m->funcs = funcs;
    m->tables = tables;
    m->memories = memories;
    m->globals = globals;
    d->c.r = again;
    for (uint32_t i = 0; i < count; i++) {
        TRY(decode_import(d, &entry));
        keep_import(m, &entry);
    }
    return WASM_OK;
}

wasm_status decode_funcs(decoder *d)
{
    wasm_module *m = d->module;
    uint32_t count;
    d->func_at = reader_offset(&d->c.r);
    TRY(cursor_count(&d->c, &count, 1, m->func_count, LIMIT_FUNCS, "functions"));
    void *array = m->funcs;
    TRY(decode_extend(d, &array, m->func_count, count, sizeof(module_func)));
    m->funcs = array;
    d->declared_funcs = count;
    for (uint32_t i = 0; i < count; i++) {
        module_func *func = &m->funcs[m->func_count++];
        func->at = (uint32_t)reader_offset(&d->c.r);
        TRY(cursor_u32(&d->c, &func->type, "a function's type index"));
    }
    return WASM_OK;
}

/* A table with an initializer (3.0) begins with the bytes 0x40 0x00. */
static wasm_status decode_table(decoder *d, module_table *out)
{
    cursor *c = &d->c;
    uint64_t offset = reader_offset(&c->r);
    if (reader_left(&c->r) == 0 || *c->r.next != 0x40)
        return decode_table_type(d, out);
    TRY(cursor_need(c, WASM_FEATURE_TYPED_REFERENCES, offset, "a table with an initializer"));
    c->r.next++;
    uint8_t zero;
    TRY(cursor_u8(c, &zero, "a table"));
    if (zero != 0)
        return cursor_fail(c, WASM_E_ZERO_BYTE, offset + 1, "0x%02x", zero);
    TRY(decode_table_type(d, out));
    return cursor_expression(c, &out->init);
}

wasm_status decode_tables(decoder *d)
{
    wasm_module *m = d->module;
    uint32_t count;
    TRY(cursor_count(&d->c, &count, 3, m->table_count, LIMIT_TABLES, "tables"));
    void *array = m->tables;
    TRY(decode_extend(d, &array, m->table_count, count, sizeof(module_table)));
    m->tables = array;
    for (uint32_t i = 0; i < count; i++)
        TRY(decode_table(d, &m->tables[m->table_count++]));
    return WASM_OK;
}

wasm_status decode_memories(decoder *d)
{
    wasm_module *m = d->module;
    uint32_t count;
    TRY(cursor_count(&d->c, &count, 2, m->memory_count, LIMIT_MEMORIES, "memories"));
    void *array = m->memories;
    TRY(decode_extend(d, &array, m->memory_count, count, sizeof(module_memory)));
    m->memories = array;
    for (uint32_t i = 0; i < count; i++)
        TRY(decode_memory_type(d, &m->memories[m->memory_count++]));
    return WASM_OK;
}

wasm_status decode_tags(decoder *d)
{
    wasm_module *m = d->module;
    uint32_t count;
    TRY(cursor_need(&d->c, WASM_FEATURE_EXCEPTIONS, reader_offset(&d->c.r), "the tag section"));
    TRY(cursor_count(&d->c, &count, 2, m->tag_count, LIMIT_TAGS, "tags"));
    void *array = m->tags;
    TRY(decode_extend(d, &array, m->tag_count, count, sizeof(module_tag)));
    m->tags = array;
    for (uint32_t i = 0; i < count; i++)
        TRY(decode_tag(&d->c, &m->tags[m->tag_count++]));
    return WASM_OK;
}

wasm_status decode_globals(decoder *d)
{
    wasm_module *m = d->module;
    uint32_t count;
    TRY(cursor_count(&d->c, &count, 3, m->global_count, LIMIT_GLOBALS, "globals"));
    void *array = m->globals;
    TRY(decode_extend(d, &array, m->global_count, count, sizeof(module_global)));
    m->globals = array;
    for (uint32_t i = 0; i < count; i++) {
        module_global *global = &m->globals[m->global_count++];
        TRY(decode_global_type(d, global));
        TRY(cursor_expression(&d->c, &global->init));
    }
    return WASM_OK;
}

wasm_status decode_exports(decoder *d)
{
    wasm_module *m = d->module;
    uint32_t count;
    TRY(cursor_count(&d->c, &count, 3, 0, LIMIT_EXPORTS, "exports"));
    void *array;
    TRY(decode_array(d, &array, count, sizeof(module_export)));
    m->exports = array;
    for (; m->export_count < count; m->export_count++) {
        module_export *export = &m->exports[m->export_count];
        uint8_t kind;
        export->at = (uint32_t)reader_offset(&d->c.r);
        TRY(cursor_check(&d->c, reader_name(&d->c.r, &export->name.bytes, &export->name.length),
                         "an export's name"));
        TRY(decode_kind(d, &kind, WASM_E_EXPORT_KIND));
        export->kind = (wasm_externkind)kind;
        uint64_t offset = reader_offset(&d->c.r);
        TRY(cursor_u32(&d->c, &export->index, "an export's index"));
        if (export->kind == WASM_EXTERN_GLOBAL && export->index < m->global_count &&
            m->globals[export->index].mutable_)
            TRY(cursor_need(&d->c, WASM_FEATURE_MUTABLE_GLOBALS, offset,
                            "the export of a mutable global"));
    }
    return WASM_OK;
}

wasm_status decode_start(decoder *d)
{
    d->module->start_at = (uint32_t)reader_offset(&d->c.r);
    return cursor_u32(&d->c, &d->module->start, "the start function's index");
}

wasm_status decode_code(decoder *d)
{
    wasm_module *m = d->module;
    cursor *c = &d->c;
    uint64_t offset = reader_offset(&c->r);
    uint32_t count;
    TRY(cursor_count(c, &count, 1, 0, LIMIT_FUNCS, "bodies"));
    if (count != d->declared_funcs)
        return cursor_fail(c, WASM_E_FUNC_CODE_MISMATCH, offset,
                           "%u functions are declared, %u have a body", (unsigned)d->declared_funcs,
                           (unsigned)count);
    d->has_code = true;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t func = m->func_import_count + i, size;
        offset = reader_offset(&c->r);
        c->func = func;
        TRY(cursor_u32(c, &size, "a body's size"));
        reader body;
        m->funcs[func].code = (module_span){reader_offset(&c->r), size};
        if (reader_sub(&c->r, size, &body) != WASM_OK)
            return cursor_fail(c, WASM_E_UNEXPECTED_END, offset,
                               "the body has %u bytes; the section has %zu left", (unsigned)size,
                               reader_left(&c->r));
        if (size > LIMIT_BODY_BYTES)
            return cursor_fail(c, WASM_E_IMPL_LIMIT, offset, "a body of %u bytes; the limit is %u",
                               (unsigned)size, (unsigned)LIMIT_BODY_BYTES);
    }
    c->func = WASM_NO_FUNC;
    return WASM_OK;
}
