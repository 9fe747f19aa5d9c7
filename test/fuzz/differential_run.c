/* SPDX-License-Identifier: Apache-2.0
 * differential_run.c — runs all that modules export in this engine and writes down what happened.
 *
 * usage:   differential_run ROUNDS FILE.wasm…
 * How:     test/fuzz/differential makes modules and has them run here, and then by
 *          differential_run.js in another engine. For each FILE.wasm a FILE.wasm.ours is written:
 *
 *              instantiate
 *              call HEXNAME TYPE:HEXBITS… -> TYPE…   an export, its arguments, its results' types
 *              log TYPE:HEXBITS                      an imported function was called
 *              = TYPE:HEXBITS…                       what an instantiation or a call came to …
 *              = trap KIND                           … or this
 *              = limit NAME                          … or this
 *              global HEXNAME TYPE:HEXBITS           at the end
 *              memory HEXNAME BYTES FNV-1a           at the end
 *
 *          The other side replays the calls and must come to the same lines. Arguments follow from
 *          the file's name, so that a failure comes back. Every NaN is written as "nan", since the
 *          specification leaves its bits open. A limit ends the transcript: limits are this
 *          engine's own affair.
 * Memory:  one store at a time, freed after its module.
 * Threads: one.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"

#define VALUES_MAX 64

static FILE *out;
static uint64_t random_state;

/* splitmix64. */
static uint64_t draw(void)
{
    uint64_t z = random_state += 0x9E3779B97F4A7C15u;

    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

/* ---- values -------------------------------------------------------------------------------- */

static void put_value(wasm_valtype type, wasm_value value)
{
    uint64_t bits = type == WASM_I32 || type == WASM_F32 ? value.i32 : value.i64;
    bool nan = (type == WASM_F32 && (bits & 0x7FFFFFFF) > 0x7F800000) ||
               (type == WASM_F64 && (bits & INT64_MAX) > 0x7FF0000000000000);

    if (WASM_IS_REF(type))
        fprintf(out, " %s:%s", wasm_valtype_name(type), value.ref ? "set" : "null");
    else if (nan)
        fprintf(out, " %s:nan", wasm_valtype_name(type));
    else
        fprintf(out, " %s:%" PRIx64, wasm_valtype_name(type), bits);
}

/* Half the time a value where something changes, else small, else any. */
static wasm_value draw_value(wasm_valtype type)
{
    static const uint64_t ints[] = {0,          1,          0x7F,       0x80,      0xFF,
                                    0x7FFF,     0x8000,     0xFFFF,     0x10000,   0x7FFFFFFF,
                                    0x80000000, 0xFFFFFFFF, UINT64_MAX, INT64_MAX, 1ull << 63,
                                    1ull << 32, 1048572,    1048575,    1048576,   0xFFFFFFFE};
    static const double floats[] = {0,     -0.0, 0.5,    -0.5,    1,       -1,      1.5,    -2.5,
                                    2e9,   -3e9, 5e9,    9.3e18,  -9.3e18, 1.9e19,  1e-310, 1e300,
                                    1e-46, 1e38, 0x1p31, -0x1p31, 0x1p32,  -0x1p63, 0x1p63, 0x1p64};
    wasm_value value = {.i64 = 0};
    uint64_t how = draw() % 8, bits = draw();

    if (type == WASM_F32 || type == WASM_F64) {
        double number = how < 4   ? floats[bits % (sizeof floats / sizeof floats[0])]
                        : how < 6 ? (double)(int64_t)(bits % 2048) - 1024
                                  : (double)(int64_t)bits / 65536;
        if (type == WASM_F64)
            value.f64 = number;
        else
            value.f32 = number > 3e38 || number < -3e38 ? 3e38f : (float)number;
    } else if (type == WASM_I32 || type == WASM_I64) {
        value.i64 = how < 4   ? ints[bits % (sizeof ints / sizeof ints[0])]
                    : how < 6 ? bits % 64
                              : bits;
        if (type == WASM_I32)
            value.i64 &= UINT32_MAX;
    }
    return value; /* references: null */
}

static void put_name(const char *name, size_t length)
{
    putc(' ', out);
    for (size_t i = 0; i < length; i++)
        fprintf(out, "%02x", (unsigned char)name[i]);
    if (length == 0)
        putc('-', out);
}

static bool put_failure(wasm_status status)
{
    bool trap = wasm_status_class(status) == WASM_CLASS_TRAP;

    fprintf(out, " %s %s\n", trap ? "trap" : "limit", wasm_status_name(status));
    return trap;
}

/* ---- what modules of the generator import ---------------------------------------------------- */

static wasm_status log_value(wasm_valtype type, const uint64_t *slots)
{
    wasm_value value = {.i64 = slots[0]};

    fputs("log", out);
    put_value(type, value);
    putc('\n', out);
    return WASM_OK;
}

#define LOG(name, type)                                                                            \
    static wasm_status name(wasm_caller *caller, uint64_t *slots)                                  \
    {                                                                                              \
        (void)caller;                                                                              \
        return log_value(type, slots);                                                             \
    }
LOG(log_i32, WASM_I32)
LOG(log_i64, WASM_I64)
LOG(log_f32, WASM_F32)
LOG(log_f64, WASM_F64)

static const wasm_host_function offered[] = {{"fuzzing-support", "log-i32", "i:", 0, log_i32},
                                             {"fuzzing-support", "log-i64", "I:", 0, log_i64},
                                             {"fuzzing-support", "log-f32", "f:", 0, log_f32},
                                             {"fuzzing-support", "log-f64", "F:", 0, log_f64}};

/* ---- running --------------------------------------------------------------------------------- */

/* Refills what bounds the loops of a generated module, if it has that. */
static void refill(wasm_store *store, wasm_instance *instance)
{
    static const char name[] = "hangLimitInitializer";
    wasm_extern found;

    if (wasm_instance_export(instance, name, sizeof name - 1, &found) &&
        found.kind == WASM_EXTERN_FUNC)
        wasm_call(store, found.of.func, NULL, NULL);
}

/* Whether there are vectors in a type: the other side's language has none. */
static bool has_vectors(const wasm_functype *type)
{
    for (uint32_t i = 0; i < type->param_count; i++)
        if (type->params[i] == WASM_V128)
            return true;
    for (uint32_t i = 0; i < type->result_count; i++)
        if (type->results[i] == WASM_V128)
            return true;
    return false;
}

/* Calls an export; false if the transcript has to end. */
static bool call(wasm_store *store, wasm_instance *instance, const wasm_extern_desc *desc)
{
    wasm_value args[VALUES_MAX], results[VALUES_MAX];
    wasm_extern found;
    wasm_status status;

    if (desc->func.param_count > VALUES_MAX || desc->func.result_count > VALUES_MAX ||
        has_vectors(&desc->func) ||
        !wasm_instance_export(instance, desc->name, desc->name_length, &found))
        return true;
    refill(store, instance);
    fputs("call", out);
    put_name(desc->name, desc->name_length);
    for (uint32_t i = 0; i < desc->func.param_count; i++) {
        args[i] = draw_value(desc->func.params[i]);
        put_value(desc->func.params[i], args[i]);
    }
    fputs(" ->", out);
    for (uint32_t i = 0; i < desc->func.result_count; i++)
        fprintf(out, " %s", wasm_valtype_name(desc->func.results[i]));
    putc('\n', out);
    status = wasm_call(store, found.of.func, args, results);
    fputs("=", out);
    if (status != WASM_OK)
        return put_failure(status);
    for (uint32_t i = 0; i < desc->func.result_count; i++)
        put_value(desc->func.results[i], results[i]);
    putc('\n', out);
    return true;
}

static void put_state(wasm_instance *instance, const wasm_module *module)
{
    wasm_extern_desc desc;
    wasm_extern found;

    for (uint32_t i = 0; wasm_module_export(module, i, &desc); i++) {
        if (desc.kind == WASM_EXTERN_GLOBAL && desc.valtype != WASM_V128 &&
            wasm_instance_export(instance, desc.name, desc.name_length, &found)) {
            fputs("global", out);
            put_name(desc.name, desc.name_length);
            put_value(desc.valtype, wasm_global_get(found.of.global));
            putc('\n', out);
        } else if (desc.kind == WASM_EXTERN_MEMORY) {
            uint32_t hash = 0x811C9DC5;
            uint64_t length;
            uint8_t *base;

            wasm_memory_view(instance, 0, &base, &length);
            for (uint64_t at = 0; at < length; at++)
                hash = (hash ^ base[at]) * 0x01000193;
            fputs("memory", out);
            put_name(desc.name, desc.name_length);
            fprintf(out, " %" PRIu64 " %" PRIx32 "\n", length, hash);
        }
    }
}

static void run(wasm_store *store, const wasm_module *module, int rounds)
{
    wasm_module_info info;
    wasm_extern_desc desc;
    wasm_extern *imports;
    wasm_instance *instance;
    wasm_status status;
    bool going = true;

    wasm_module_describe(module, &info);
    imports = calloc(info.import_count + 1, sizeof *imports);
    if (!imports)
        abort();
    status = wasm_resolve(module, offered, sizeof offered / sizeof offered[0], imports, NULL);
    fputs("instantiate\n", out);
    if (status == WASM_OK)
        status = wasm_instantiate(store, module, imports, &instance, NULL);
    free(imports);
    fputs("=", out);
    if (status != WASM_OK) {
        put_failure(status);
        return;
    }
    putc('\n', out);
    for (int round = 0; round < rounds; round++) {
        for (uint32_t i = 0; going && wasm_module_export(module, i, &desc); i++)
            if (desc.kind == WASM_EXTERN_FUNC)
                going = call(store, instance, &desc);
    }
    if (going)
        put_state(instance, module);
}

static uint8_t *read_file(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = NULL;

    *length = 0;
    while (file && !feof(file)) {
        bytes = realloc(bytes, *length + 65536);
        if (!bytes)
            abort();
        *length += fread(bytes + *length, 1, 65536, file);
    }
    if (file)
        fclose(file);
    return bytes;
}

static int run_file(const char *path, int rounds)
{
    wasm_limits limits = wasm_limits_default();
    wasm_module *module = NULL;
    wasm_store *store;
    wasm_report report;
    char name[4096], text[512];
    uint8_t *bytes;
    size_t length;

    if ((size_t)snprintf(name, sizeof name, "%s.ours", path) >= sizeof name)
        return 1;
    bytes = read_file(path, &length);
    out = fopen(name, "w");
    if (!bytes || !out) {
        fprintf(stderr, "%s: cannot be read, or its transcript not be written\n", path);
        exit(1);
    }
    random_state = 0;
    for (const char *at = strrchr(path, '/') ? strrchr(path, '/') + 1 : path; *at; at++)
        random_state = random_state * 31 + (unsigned char)*at;
    if (wasm_module_load(bytes, length, NULL, &module, &report) != WASM_OK) {
        fprintf(out, "refused %s\n", wasm_report_format(&report, text, sizeof text));
    } else {
        /* Every other one is metered: both kinds of a poll. */
        if (random_state % 2)
            limits.fuel = 200000000;
        store = wasm_store_new(&limits, NULL);
        if (!store)
            abort();
        run(store, module, rounds);
        wasm_store_free(store);
    }
    wasm_module_free(module);
    free(bytes);
    return fclose(out);
}

int main(int argc, char **argv)
{
    int rounds = argc > 2 ? atoi(argv[1]) : 0;

    if (rounds < 1) {
        fputs("usage: differential_run ROUNDS FILE.wasm…\n", stderr);
        return 64;
    }
    for (int i = 2; i < argc; i++) {
        if (run_file(argv[i], rounds) != 0)
            return 1;
    }
    return 0;
}
