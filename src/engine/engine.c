/* SPDX-License-Identifier: Apache-2.0
 * engine.c — the facade: puts decoder, validator and a tier together, and describes modules.
 *
 * How:     Loading is a line of rooms, each of which trusts the one before: decode (structure),
 *          validate_module (all types but those of bodies), the tier's prepare (validates each body
 *          once while it translates it), image (initial memory). Every module can be interpreted;
 *          compiled code is an addition, made while loading or later. Where it is made while
 *          loading, or was before, of the same bytes, the compiler has validated the bodies; if it
 *          has code for all of them, the tier waits with its own until it is asked to run one. This
 *          is the only file that knows that there is more than one tier.
 * Memory:  All that a module holds hangs on its arena and quota; wasm_module_free() undoes the line
 *          backwards.
 * Threads: A module is changed by the loading thread alone and is immutable afterwards, but for the
 *          compiled code, which any thread may add, once; everything below the first section only
 *          reads.
 */
#include <string.h>

#include "compile.h"
#include "decode.h"
#include "image.h"
#include "interp.h"
#include "report.h"
#include "tier.h"
#include "validate.h"

/* ---- loading --------------------------------------------------------------------------------- */

static bool has_code(const wasm_module *module)
{
    return atomic_load_explicit(&module->native, memory_order_acquire) != NULL;
}

static void add(wasm_module *module, native_code *code)
{
    native_code *none = NULL;

    if (!atomic_compare_exchange_strong_explicit(&module->native, &none, code, memory_order_acq_rel,
                                                 memory_order_acquire))
        code->tier->release(code); /* somebody was quicker */
}

/* Code that is kept, or is made now, for a module that has none. */
static wasm_status add_code(wasm_module *module, const wasm_compile_options *options,
                            wasm_report *report)
{
    static const wasm_compile_options defaults = {0};
    native_code *code;

    TRY(compile_module(module, options ? options : &defaults, &code, report));
    add(module, code);
    return WASM_OK;
}

static bool is_refusal(wasm_status status)
{
    const wasm_class class = wasm_status_class(status);

    return class == WASM_CLASS_MALFORMED || class == WASM_CLASS_INVALID;
}

/* Compiles first, and leaves the interpreter for when it is needed. A body that is refused is left
 * to the interpreter as well, which reads them in their order and reports the first. */
static wasm_status prepare_code(wasm_module *module, const wasm_load_options *options,
                                wasm_report *report)
{
    wasm_status status = add_code(module, options->compile, report);
    const native_code *code = atomic_load_explicit(&module->native, memory_order_relaxed);

    if (is_refusal(status)) {
        report_clear(report);
        TRY(module->tier->prepare(module, report));
    }
    TRY(status);
    module->used |= code->used;
    return code->complete ? module->tier->postpone(module, report)
                          : module->tier->prepare(module, report);
}

/* Bodies, in whichever way they are to be run. Who watches sees both tiers at work. */
static wasm_status prepare(wasm_module *module, const wasm_load_options *options,
                           wasm_report *report)
{
    const bool compiled = options->tier == WASM_TIER_COMPILER;

    if (compiled && module->trace == 0)
        return prepare_code(module, options, report);
    TRY(module->tier->prepare(module, report));
    return compiled ? add_code(module, options->compile, report) : WASM_OK;
}

static wasm_status finish(wasm_module *module, const wasm_load_options *options,
                          wasm_report *report)
{
    wasm_status status;

    TRY(validate_module(module, report));
    module->tier = &interp_tier;
    TRY(prepare(module, options, report));
    status = image_make(module);
    if (status != WASM_OK)
        return report_fail(report, status, WASM_NO_OFFSET, WASM_NO_FUNC,
                           "while placing data segments");
    return WASM_OK;
}

wasm_status wasm_module_load(const uint8_t *bytes, size_t length, const wasm_load_options *options,
                             wasm_module **out, wasm_report *report)
{
    static const wasm_load_options defaults = {0};
    wasm_module *module = NULL;
    wasm_status status;

    report_clear(report);
    if (!options)
        options = &defaults;
    if (options->tier == WASM_TIER_COMPILER && !compile_available())
        return report_fail(report, WASM_E_NO_COMPILER, WASM_NO_OFFSET, WASM_NO_FUNC, NULL);
    status = decode_module(bytes, length, options, &module, report);
    if (status != WASM_OK)
        return status;
    status = finish(module, options, report);
    if (status != WASM_OK) {
        wasm_module_free(module);
        return status;
    }
    module->stop = NULL;
    *out = module;
    return WASM_OK;
}

wasm_status wasm_module_compile(wasm_module *module, const wasm_compile_options *options,
                                wasm_report *report)
{
    report_clear(report);
    return has_code(module) ? WASM_OK : add_code(module, options, report);
}

bool wasm_compiler_available(const wasm_compile_options *options, char *how, size_t size)
{
    return compile_probe(options, how, size);
}

void wasm_module_free(wasm_module *module)
{
    native_code *native;

    if (!module)
        return;
    native = atomic_load_explicit(&module->native, memory_order_acquire);
    if (native)
        native->tier->release(native);
    image_free(module);
    if (module->tier)
        module->tier->release(module);
    module_destroy(module);
}

/* ---- describing ------------------------------------------------------------------------------ */

void wasm_module_describe(const wasm_module *module, wasm_module_info *info)
{
    const native_code *native = atomic_load_explicit(&module->native, memory_order_acquire);

    *info = (wasm_module_info){
        .file_bytes = module->length,
        .allocated_bytes = module->quota.used + module->tier->held_bytes(module) +
                           (native ? native->tier->held_bytes(native) : 0),
        .code_bytes = native ? native->tier->code_bytes(native) : module->tier->code_bytes(module),
        .type_count = module->type_count,
        .func_count = module->func_count,
        .import_count = module->import_count,
        .export_count = module->export_count,
        .table_count = module->table_count,
        .memory_count = module->memory_count,
        .global_count = module->global_count,
        .elem_count = module->elem_count,
        .data_count = module->data_count,
        .custom_count = module->custom_count,
        .used = module->used,
        .tier = native ? WASM_TIER_COMPILER : WASM_TIER_INTERPRETER,
        .has_start = module->start != WASM_NO_FUNC,
    };
}

static void describe(const wasm_module *module, wasm_externkind kind, uint32_t index,
                     wasm_extern_desc *desc)
{
    desc->kind = kind;
    switch (kind) {
    case WASM_EXTERN_FUNC: desc->func = *module_func_type(module, index); break;
    case WASM_EXTERN_TABLE:
        desc->valtype = module->tables[index].elem;
        desc->bounds = module->tables[index].bounds;
        break;
    case WASM_EXTERN_MEMORY: desc->bounds = module->memories[index].bounds; break;
    case WASM_EXTERN_GLOBAL:
        desc->valtype = module->globals[index].type;
        desc->mutable_ = module->globals[index].mutable_;
        break;
    case WASM_EXTERN_TAG: desc->func = module->types[module->tags[index].type].func; break;
    }
}

bool wasm_module_import(const wasm_module *module, uint32_t i, wasm_extern_desc *desc)
{
    const module_import *import;

    if (i >= module->import_count)
        return false;
    import = &module->imports[i];
    *desc = (wasm_extern_desc){.module = import->module.bytes,
                               .module_length = import->module.length,
                               .name = import->name.bytes,
                               .name_length = import->name.length};
    describe(module, import->kind, import->index, desc);
    return true;
}

bool wasm_module_export(const wasm_module *module, uint32_t i, wasm_extern_desc *desc)
{
    const module_export *e;

    if (i >= module->export_count)
        return false;
    e = &module->exports[i];
    *desc = (wasm_extern_desc){.name = e->name.bytes, .name_length = e->name.length};
    describe(module, e->kind, e->index, desc);
    return true;
}

bool wasm_module_memory(const wasm_module *module, uint32_t i, wasm_bounds *bounds)
{
    if (i >= module->memory_count)
        return false;
    *bounds = module->memories[i].bounds;
    return true;
}

bool wasm_module_custom(const wasm_module *module, uint32_t i, const char **name,
                        size_t *name_length, const uint8_t **bytes, size_t *length)
{
    const module_custom *custom;

    if (i >= module->custom_count)
        return false;
    custom = &module->customs[i];
    *name = custom->name.bytes;
    *name_length = custom->name.length;
    *bytes = module->bytes + custom->bytes.offset;
    *length = (size_t)custom->bytes.length;
    return true;
}

const char *wasm_module_func_name(const wasm_module *module, uint32_t func, size_t *length)
{
    const module_name *name = NULL;

    if (func >= module->func_count)
        return NULL;
    if (module->func_names && module->func_names[func].bytes)
        name = &module->func_names[func];
    for (uint32_t i = 0; !name && i < module->export_count; i++)
        if (module->exports[i].kind == WASM_EXTERN_FUNC && module->exports[i].index == func)
            name = &module->exports[i].name;
    if (!name)
        return NULL;
    *length = name->length;
    return name->bytes;
}
