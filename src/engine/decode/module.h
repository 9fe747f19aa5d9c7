/* SPDX-License-Identifier: Apache-2.0
 * module.h — a decoded module: what the sections said, in arrays. Immutable after loading.
 *
 * decode.c makes it and is the only place where structure and limits of the binary format are
 * checked; validate/ checks types and adds nothing but the `prepared` word of the tier. Everything
 * lives in the module's arena; names and bytes point into `bytes`, the module's own copy of its
 * file. Index spaces hold imports first, as in the specification. `at` is where in the file an
 * item stands: the validator's errors name it.
 */
#ifndef WASMSERVE_MODULE_H
#define WASMSERVE_MODULE_H

#include "arena.h"
#include "digest.h"
#include "engine.h"

typedef struct module_span { /* a piece of the file */
    uint64_t offset;         /* in bytes[] */
    uint64_t length;
} module_span;

typedef struct module_name {
    const char *bytes; /* UTF-8, not terminated */
    size_t length;
} module_name;

typedef enum module_form { MODULE_FUNC, MODULE_STRUCT, MODULE_ARRAY } module_form;

/* What a field may have as a type beside a value type: a packed integer (§5.3.8). */
enum { MODULE_I8 = 0x78, MODULE_I16 = 0x77 };

/* A field of a struct, or all elements of an array. */
typedef struct module_field {
    wasm_valtype type;
    uint32_t offset; /* in the object */
    bool mutable_;
} module_field;

/* Objects begin with a word of the runtime's; an array's length is in the next. */
enum { MODULE_STRUCT_HEAD = 8, MODULE_ARRAY_HEAD = 16 };

#define MODULE_NO_TYPE UINT32_MAX

/* Value types in here name the canonical index of their heap type. */
typedef struct module_type {
    union {
        struct {
            wasm_functype func;
            uint32_t param_slots; /* 64-bit slots: v128 takes two */
            uint32_t result_slots;
            bool takes_objects; /* a parameter may be a reference to an object */
        };
        struct {
            const module_field *fields;
            const uint32_t *refs; /* offsets of the fields that hold references to objects */
            uint32_t field_count; /* an array has one: its elements */
            uint32_t ref_count;
            uint32_t bytes; /* of a struct */
        };
    };
    const wasm_module *module; /* NULL: made by the host, and without a supertype */
    const digest *group;       /* identity, the same in all modules: the recursive group's … */
    uint32_t member;           /* … and the place in it */
    uint32_t canonical;        /* smallest index of an equal type in this module */
    uint32_t super;            /* canonical index of the supertype, or MODULE_NO_TYPE */
    uint32_t order, last; /* the module's subtypes of this one, itself first, are numbered so */
    uint32_t at;
    uint8_t form;  /* module_form */
    uint8_t depth; /* of supertypes */
    bool final;    /* no type may have it as a supertype */
} module_type;

typedef struct module_func {
    uint32_t type;
    uint32_t at;
    bool imported;
    bool declared;    /* may be named by ref.func (§3.4.10 C.refs) */
    module_span code; /* locals and body, `end` included; not for imports */
} module_func;

typedef struct module_table {
    uint32_t at;
    wasm_valtype elem;
    wasm_bounds bounds;
    module_span init; /* initializer expression; length 0: null references */
} module_table;

typedef struct module_memory {
    wasm_bounds bounds; /* in pages */
    uint8_t page_shift; /* log2 of the page size: 16 or 0 */
    uint32_t at;
} module_memory;

typedef struct module_tag {
    uint32_t type; /* index of a function type */
    uint32_t at;
} module_tag;

typedef struct module_global {
    wasm_valtype type;
    bool mutable_;
    bool imported;
    module_span init; /* not for imports */
} module_global;

typedef struct module_import {
    module_name module, name;
    wasm_externkind kind;
    uint32_t index; /* in its index space */
} module_import;

typedef struct module_export {
    module_name name;
    wasm_externkind kind;
    uint32_t index;
    uint32_t at;
} module_export;

typedef enum module_segment_mode {
    MODULE_SEGMENT_ACTIVE,
    MODULE_SEGMENT_PASSIVE,
    MODULE_SEGMENT_DECLARATIVE
} module_segment_mode;

typedef struct module_elem {
    module_segment_mode mode;
    uint32_t at;
    uint32_t table;
    wasm_valtype type;
    module_span offset; /* active: the expression */
    uint32_t count;
    const uint32_t *funcs;    /* function indices, when the segment lists them; else NULL */
    const module_span *exprs; /* else one expression for each element */
} module_elem;

typedef struct module_data {
    module_segment_mode mode;
    uint32_t at;
    uint32_t memory;
    module_span offset; /* active: the expression */
    module_span init;
} module_data;

typedef struct module_custom {
    module_name name;
    module_span bytes;
} module_custom;

struct tier;
struct native_code;

struct wasm_module {
    quota quota;
    arena arena;
    uint8_t *bytes;
    size_t length;
    wasm_features enabled; /* what it may use */
    wasm_features used;    /* what it needs; filled by decode and validate */

    module_type *types;
    uint32_t type_count;
    module_func *funcs; /* imported first */
    uint32_t func_count, func_import_count;
    module_table *tables;
    uint32_t table_count, table_import_count;
    module_memory *memories;
    uint32_t memory_count, memory_import_count;
    module_tag *tags;
    uint32_t tag_count, tag_import_count;
    module_global *globals;
    uint32_t global_count, global_import_count;
    module_import *imports;
    uint32_t import_count;
    module_export *exports;
    uint32_t export_count;
    module_elem *elems;
    uint32_t elem_count;
    module_data *datas;
    uint32_t data_count;
    bool has_data_count;
    module_custom *customs;
    uint32_t custom_count;
    uint32_t start;          /* function index, or WASM_NO_FUNC */
    uint32_t start_at;       /* where its section says so; 0: there is none */
    module_name *func_names; /* from the name section, indexed by function; NULL if there is none */

    unsigned trace;
    wasm_log_fn log;
    void *log_baton;
    bool (*stop)(void *baton); /* while loading */
    void *stop_baton;

    /* Execution, filled by the facade through runtime/tier.h after validation. */
    const struct tier *tier;
    void *prepared; /* the tier's own, made and freed by it */
    void *image;    /* runtime's own: the initial contents of memory, see runtime/image.h */
    /* Compiled code; the one field that may be set after loading, once. NULL: none (yet). */
    struct native_code *_Atomic native;
};

/* Says one line to the module's log if the trace bit is on. */
void module_trace(const wasm_module *m, unsigned trace_bit, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Whether a type's references may be to objects of a store's heap: all but those to functions. */
static inline bool module_is_object(wasm_valtype type)
{
    uint8_t kind = WASM_KIND(type);
    return WASM_IS_REF(type) && kind != WASM_KIND_CODE && kind != WASM_KIND_FUNC &&
           kind != WASM_KIND_NOFUNC;
}

static inline const wasm_functype *module_func_type(const wasm_module *m, uint32_t func)
{
    return &m->types[m->funcs[func].type].func;
}
static inline bool module_has(const wasm_module *m, unsigned feature_bit)
{
    return (m->enabled & WASM_FEATURE(feature_bit)) != 0;
}

#endif
