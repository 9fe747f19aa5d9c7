/* SPDX-License-Identifier: Apache-2.0
 * decode_impl.h — what the files of the decoder share; nobody else includes it.
 *
 * decode.c drives: it finds the sections and calls the function of each, with the cursor standing
 * on the section's contents and ending with them. A section's function reads all of it; that
 * nothing is left is checked by the driver.
 *
 * Memory:  everything goes into the module's arena.
 * Threads: those of the module being loaded.
 */
#ifndef WASMSERVE_DECODE_IMPL_H
#define WASMSERVE_DECODE_IMPL_H

#include "cursor.h"
#include "decode.h"
#include "limits.h"
#include "order.h"
#include "subtype.h"

typedef struct decoder {
    wasm_module *module;
    cursor c; /* over the section at hand */
    uint32_t custom_room;
    uint32_t declared_funcs; /* by the function section */
    uint32_t declared_datas; /* by the data count section */
    bool has_code, has_datas;
    bool has_names;    /* a section called "name" was seen; the first is used */
    module_span names; /* its contents */
    uint64_t func_at;  /* where the function section begins, for errors */
    uint64_t datas_at; /* where the data count section begins */
} decoder;

/* An empty module under the options. */
wasm_status module_new(const wasm_load_options *options, wasm_module **out, wasm_report *report);

/* count zeroed items of size bytes in *out, never NULL on success. */
wasm_status decode_array(decoder *d, void **out, size_t count, size_t size);
/* A larger array that begins with the items of *array: an index space, imports first, to which
 * `add` items are appended. */
wasm_status decode_extend(decoder *d, void **array, uint32_t count, uint32_t add, size_t size);

/* decode_types.c */
wasm_status decode_types(decoder *d);

/* type_identity.c: what follows from the identities of all groups; after it, indices in types are
 * canonical. */
wasm_status identity_of_types(decoder *d);

/* decode_limits.c */
wasm_status decode_mutability(cursor *c, bool *out);
wasm_status decode_table_type(decoder *d, module_table *out);
wasm_status decode_memory_type(decoder *d, module_memory *out);
wasm_status decode_global_type(decoder *d, module_global *out);

/* decode_spaces.c */
wasm_status decode_imports(decoder *d);
wasm_status decode_funcs(decoder *d);
wasm_status decode_tables(decoder *d);
wasm_status decode_memories(decoder *d);
wasm_status decode_tags(decoder *d);
wasm_status decode_globals(decoder *d);
wasm_status decode_exports(decoder *d);
wasm_status decode_start(decoder *d);
wasm_status decode_code(decoder *d);

/* decode_segments.c */
wasm_status decode_elems(decoder *d);
wasm_status decode_data_count(decoder *d);
wasm_status decode_datas(decoder *d);

/* decode_custom.c */
wasm_status decode_custom(decoder *d);
/* The function names of the section kept in d->names, when all else is known. */
wasm_status decode_func_names(decoder *d);

#endif
