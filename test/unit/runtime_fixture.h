/* SPDX-License-Identifier: Apache-2.0
 * runtime_fixture.h — modules, stores and calls for tests of the runtime, in few words.
 *
 * How:     fixture_open() loads a module text (module_text.h), makes a store and instantiates it
 *          with the host functions of the test; what fails on the way is in status and report.
 *          TEST_OF_TIERS() is a test that runs in the interpreter, and again as machine code.
 * Memory:  fixture_open() to fixture_close().
 * Threads: one for each fixture.
 */
#ifndef RUNTIME_FIXTURE_H
#define RUNTIME_FIXTURE_H

#include "engine.h"
#include "module_text.h"

typedef struct fixture {
    wasm_module *module;
    wasm_store *store;
    wasm_instance *instance;
    wasm_status status;
    wasm_report report;
} fixture;

/* Modules that several tests use. */
/* (func (export "f") (param i32) (result i32)): its argument, by as many nested calls */
#define MODULE_RECURSE                                                                             \
    "01(01 60 01 7f 01 7f) 03(01 00) 07(01 ('f') 00 00)"                                           \
    "0a(01 (00 20 00 45 04 7f 41 00 05 20 00 41 01 6b 10 00 41 01 6a 0b 0b))"
/* (func (export "f") (loop (br 0))) */
#define MODULE_ENDLESS "01(01 60 00 00) 03(01 00) 07(01 ('f') 00 00) 0a(01 (00 03 40 0c 00 0b 0b))"
/* (func (export "f") (param i32)): a loop of as many rounds */
#define MODULE_ROUNDS                                                                              \
    "01(01 60 01 7f 00) 03(01 00) 07(01 ('f') 00 00)"                                              \
    "0a(01 (00 03 40 20 00 41 01 6b 22 00 0d 00 0b 0b))"
/* (import "h" "f" (func)) (func (export "f") call 0) */
#define MODULE_CALLS_HOST                                                                          \
    "01(01 60 00 00) 02(01 ('h') ('f') 00 00) 03(01 00) 07(01 ('f') 00 01) 0a(01 (00 10 00 0b))"

/* What modules are loaded for, and how many functions that left to the interpreter so far. */
static wasm_tier fixture_tier;
static unsigned fixture_declined;

__attribute__((unused)) static void fixture_count_declined(void *baton, uint32_t func,
                                                           const char *why)
{
    (void)baton, (void)func, (void)why;
    fixture_declined++;
}

__attribute__((unused)) static wasm_module *fixture_load(const char *text, wasm_report *report)
{
    size_t length;
    uint8_t *bytes = module_text(text, &length);
    const wasm_compile_options compile = {.explicit_checks = true,
                                          .declined = fixture_count_declined};
    const wasm_load_options options = {.tier = fixture_tier, .compile = &compile};
    wasm_module *module = NULL;

    wasm_module_load(bytes, length, &options, &module, report);
    free(bytes);
    return module;
}

/* Instantiates fixture.module in fixture.store with rows for its imports. */
__attribute__((unused)) static wasm_status
fixture_instantiate(fixture *f, const wasm_host_function *rows, size_t count)
{
    wasm_module_info info;
    wasm_extern *imports;

    wasm_module_describe(f->module, &info);
    imports = calloc((size_t)info.import_count + 1, sizeof *imports);
    f->status = wasm_resolve(f->module, rows, count, imports, &f->report);
    if (f->status == WASM_OK)
        f->status = wasm_instantiate(f->store, f->module, imports, &f->instance, &f->report);
    free(imports);
    return f->status;
}

/* True if all went well. limits NULL: the defaults; data: the store's. */
__attribute__((unused)) static bool fixture_open(fixture *f, const char *text,
                                                 const wasm_limits *limits,
                                                 const wasm_host_function *rows, size_t count,
                                                 void *data)
{
    memset(f, 0, sizeof *f);
    f->module = fixture_load(text, &f->report);
    f->status = f->report.status;
    f->store = wasm_store_new(limits, data);
    if (f->module == NULL || f->store == NULL)
        return false;
    return fixture_instantiate(f, rows, count) == WASM_OK;
}

__attribute__((unused)) static void fixture_close(fixture *f)
{
    wasm_store_free(f->store);
    wasm_module_free(f->module);
}

__attribute__((unused)) static wasm_func *fixture_func(const fixture *f, const char *name)
{
    wasm_extern found;

    if (!wasm_instance_export(f->instance, name, strlen(name), &found) ||
        found.kind != WASM_EXTERN_FUNC) {
        fprintf(stderr, "no function \"%s\"\n", name);
        abort();
    }
    return found.of.func;
}

/* Calls the export with one i32 (ignored if it takes none); its i32 result in *result. */
__attribute__((unused)) static wasm_status fixture_call(fixture *f, const char *name,
                                                        uint32_t argument, uint32_t *result)
{
    wasm_value arg = {.i32 = argument}, got = {.i32 = 0};
    wasm_status status = wasm_call(f->store, fixture_func(f, name), &arg, &got);

    if (result != NULL)
        *result = got.i32;
    return status;
}

/* Beside the name: how many of the test's functions the compiler leaves to the interpreter. Without
 * a compiler the test runs once. */
#define TEST_OF_TIERS(declined, name)                                                              \
    static void name(void);                                                                        \
    TEST(name)                                                                                     \
    {                                                                                              \
        fixture_tier = WASM_TIER_INTERPRETER;                                                      \
        name();                                                                                    \
        if (wasm_compiler_available(NULL, NULL, 0)) {                                              \
            fixture_tier = WASM_TIER_COMPILER;                                                     \
            fixture_declined = 0;                                                                  \
            name();                                                                                \
            CHECK_EQ_UINT(fixture_declined, declined);                                             \
        }                                                                                          \
        fixture_tier = WASM_TIER_AUTO;                                                             \
    }                                                                                              \
    static void name(void)

#endif
