/* SPDX-License-Identifier: Apache-2.0
 * inspect_version.c — the version out of a custom section, or by asking the module itself.
 *
 * How:     A function version() that takes nothing and returns one number is called in a store of
 *          its own with little memory and little fuel. Its imports are all there, so that it can be
 *          instantiated, and all refuse: what answers a question about itself needs no host. Only
 *          modules that import nothing but functions can be asked.
 * Memory:  All that is made for the call is freed before return.
 * Threads: no shared state.
 */
#include "inspect_version.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "versions.h"

#define VERSION_FUEL 10000000 /* a tenth of a second or so, and the same on every machine */

static wasm_status refuse(wasm_caller *caller, uint64_t *slots)
{
    (void)caller;
    (void)slots;
    return WASM_E_DENIED;
}

static char type_letter(wasm_valtype type)
{
    switch (type) {
    case WASM_I32: return 'i';
    case WASM_I64: return 'I';
    case WASM_F32: return 'f';
    case WASM_F64: return 'F';
    case WASM_V128: return 'V';
    case WASM_FUNCREF: return 'p';
    default: return 'r';
    }
}

/* One refusing function for one import; its signature is written into `text`. */
static void make_row(const wasm_extern_desc *import, wasm_host_function *row, char *text)
{
    *row = (wasm_host_function){
        .module = "import", .name = "refused", .signature = text, .call = refuse};
    for (uint32_t i = 0; i < import->func.param_count; i++)
        *text++ = type_letter(import->func.params[i]);
    *text++ = ':';
    for (uint32_t i = 0; i < import->func.result_count; i++)
        *text++ = type_letter(import->func.results[i]);
    *text = '\0';
}

typedef struct refusals {
    wasm_extern *imports;
    wasm_host_function *rows;
    char *signatures;
} refusals;

static void refusals_free(refusals *r)
{
    free(r->imports);
    free(r->rows);
    free(r->signatures);
}

/* Makes refusing functions for all imports; false if one is no function or memory is out. */
static bool refusals_make(const wasm_module *module, refusals *r)
{
    wasm_extern_desc import;
    size_t letters = 1, count = 0, at = 0;

    for (uint32_t i = 0; wasm_module_import(module, i, &import); i++, count++) {
        if (import.kind != WASM_EXTERN_FUNC)
            return false;
        letters += (size_t)import.func.param_count + import.func.result_count + 2;
    }
    r->imports = calloc(count + 1, sizeof *r->imports);
    r->rows = calloc(count + 1, sizeof *r->rows);
    r->signatures = malloc(letters);
    if (r->imports == NULL || r->rows == NULL || r->signatures == NULL)
        return false;
    for (uint32_t i = 0; wasm_module_import(module, i, &import); i++) {
        make_row(&import, &r->rows[i], r->signatures + at);
        at += strlen(r->signatures + at) + 1;
        r->imports[i] =
            (wasm_extern){.kind = WASM_EXTERN_FUNC, .of.host = &r->rows[i], .is_host = true};
    }
    return true;
}

static bool is_version_func(const wasm_extern_desc *e)
{
    return e->kind == WASM_EXTERN_FUNC && e->name_length == 7 &&
           memcmp(e->name, "version", 7) == 0 && e->func.param_count == 0 &&
           e->func.result_count == 1 &&
           (e->func.results[0] == WASM_I32 || e->func.results[0] == WASM_I64);
}

static wasm_status ask(wasm_store *store, const wasm_module *module, const wasm_extern *imports,
                       wasm_valtype type, uint64_t *answer)
{
    wasm_instance *instance;
    wasm_extern version;
    wasm_value value;
    wasm_status status = wasm_instantiate(store, module, imports, &instance, NULL);

    if (status != WASM_OK)
        return status;
    if (!wasm_instance_export(instance, "version", 7, &version))
        return WASM_E_USAGE;
    status = wasm_call(store, version.of.func, NULL, &value);
    if (status == WASM_OK)
        *answer = type == WASM_I32 ? value.i32 : value.i64;
    return status;
}

static inspect_result call_version(const wasm_module *module, wasm_valtype type, char *buf,
                                   size_t size)
{
    wasm_limits limits = wasm_limits_default();
    refusals r = {NULL, NULL, NULL};
    inspect_result result = INSPECT_FAILED;
    wasm_store *store = NULL;
    uint64_t answer = 0;

    limits.fuel = VERSION_FUEL;
    if (!refusals_make(module, &r) || (store = wasm_store_new(&limits, NULL)) == NULL) {
        snprintf(buf, size, "version() cannot be called without the module's imports");
    } else {
        wasm_status status = ask(store, module, r.imports, type, &answer);
        char why[320];
        if (status == WASM_OK) {
            snprintf(buf, size, "%" PRIu64, answer);
            result = INSPECT_KNOWN;
        } else {
            snprintf(buf, size, "version() failed: %s",
                     wasm_report_format(wasm_store_report(store), why, sizeof why));
        }
    }
    wasm_store_free(store);
    refusals_free(&r);
    return result;
}

inspect_result inspect_version(const wasm_module *module, char *buf, size_t size)
{
    wasm_extern_desc e;

    if (versions_module_section(module, buf, size))
        return INSPECT_KNOWN;
    for (uint32_t i = 0; wasm_module_export(module, i, &e); i++)
        if (is_version_func(&e))
            return call_version(module, e.func.results[0], buf, size);
    return INSPECT_NONE;
}
