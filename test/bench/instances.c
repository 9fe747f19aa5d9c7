/* SPDX-License-Identifier: Apache-2.0
 * instances.c — what it costs to make an instance, call it and drop it.
 *
 *     instance FILE.wasm ROUNDS LIVE FUNCTION|- [compiled] [snapshot] [call=FUNCTION]
 *
 * Prints, as JSON, microseconds per instance without slots and with them (the fastest of several
 * batches, taken in turns), and what LIVE instances at a time take of resident memory each. Imports
 * are functions that do nothing and return 0, but for the clock, without which Go does not begin.
 * FUNCTION takes and gives nothing. With `snapshot` the instances with slots begin with the state
 * after FUNCTION, and do not call it. What call= names is called in both. `compiled` is for machine
 * code, where there is a compiler.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine.h"

enum { BATCHES = 15 };

typedef struct guest {
    wasm_module *module;
    wasm_extern *imports;
    const char *call; /* NULL: nothing is called */
    const char *then; /* the same, behind it */
    wasm_snapshot *snapshot;
} guest;

static void die(const char *what)
{
    fprintf(stderr, "instance: %s\n", what);
    exit(1);
}

static wasm_status do_nothing(wasm_caller *caller, uint64_t *slots)
{
    (void)caller;
    (void)slots;
    return WASM_OK;
}

static wasm_status give_zero(wasm_caller *caller, uint64_t *slots)
{
    slots[0] = 0;
    return do_nothing(caller, slots);
}

/* clock_time_get(id, precision, at) of WASI: a clock that steps when it is looked at. */
static wasm_status tell_time(wasm_caller *caller, uint64_t *slots)
{
    static _Atomic uint64_t now;
    const uint64_t time = atomic_fetch_add(&now, 1000) + 1000000;
    uint8_t *memory;
    uint64_t length;

    if (!wasm_memory_view(caller->instance, 0, &memory, &length) || length < sizeof time ||
        slots[2] > length - sizeof time)
        return WASM_E_OOB_MEMORY;
    memcpy(memory + slots[2], &time, sizeof time);
    slots[0] = 0;
    return WASM_OK;
}

static char letter(wasm_valtype type)
{
    switch (type) {
    case WASM_I32: return 'i';
    case WASM_I64: return 'I';
    case WASM_F32: return 'f';
    case WASM_F64: return 'F';
    default: die("an import of a type that this cannot stand for");
    }
    return 0;
}

/* A row for an import; it lives as long as the process. */
static const wasm_host_function *row_for(const wasm_extern_desc *desc)
{
    wasm_host_function *row = calloc(1, sizeof *row);
    char *signature = calloc(desc->func.param_count + desc->func.result_count + 2, 1),
         *s = signature;

    if (!row || !signature || desc->kind != WASM_EXTERN_FUNC)
        die("an import that is no function");
    for (uint32_t i = 0; i < desc->func.param_count; i++)
        *s++ = letter(desc->func.params[i]);
    *s++ = ':';
    for (uint32_t i = 0; i < desc->func.result_count; i++)
        *s++ = letter(desc->func.results[i]);
    row->module = strndup(desc->module, desc->module_length);
    row->name = strndup(desc->name, desc->name_length);
    row->signature = signature;
    row->call = desc->func.result_count > 0 ? give_zero : do_nothing;
    if (strcmp(row->name, "clock_time_get") == 0 && strcmp(signature, "iIi:i") == 0)
        row->call = tell_time;
    return row;
}

static guest load(const char *path, const char *call, bool compiled)
{
    guest g = {.call = strcmp(call, "-") == 0 ? NULL : call};
    wasm_load_options options = {.tier = compiled && wasm_compiler_available(NULL, NULL, 0)
                                             ? WASM_TIER_COMPILER
                                             : WASM_TIER_INTERPRETER};
    FILE *file = fopen(path, "rb");
    wasm_extern_desc desc;
    wasm_module_info info;
    wasm_report report;
    uint8_t *bytes;
    long length;

    if (!file || fseek(file, 0, SEEK_END) != 0 || (length = ftell(file)) < 0)
        die("cannot read the module");
    rewind(file);
    bytes = malloc((size_t)length);
    if (!bytes || fread(bytes, 1, (size_t)length, file) != (size_t)length)
        die("cannot read the module");
    fclose(file);
    if (wasm_module_load(bytes, (size_t)length, &options, &g.module, &report) != WASM_OK)
        die(report.detail);
    if (options.tier == WASM_TIER_COMPILER && wasm_faults_handle(&report) != WASM_OK)
        die(report.detail);
    free(bytes);
    wasm_module_describe(g.module, &info);
    g.imports = calloc((size_t)info.import_count + 1, sizeof *g.imports);
    for (uint32_t i = 0; g.imports && wasm_module_import(g.module, i, &desc); i++)
        g.imports[i] =
            (wasm_extern){.kind = WASM_EXTERN_FUNC, .of.host = row_for(&desc), .is_host = true};
    return g;
}

static void call(wasm_store *store, wasm_instance *instance, const char *name)
{
    wasm_extern found;
    char text[400];

    if (name && (!wasm_instance_export(instance, name, strlen(name), &found) ||
                 wasm_call(store, found.of.func, NULL, NULL) != WASM_OK))
        die(wasm_report_format(wasm_store_report(store), text, sizeof text));
}

/* `begun`: only as far as what a snapshot is taken of. */
static wasm_store *begin(const guest *g, const wasm_limits *limits, wasm_instance **begun)
{
    wasm_store *store = wasm_store_new(limits, NULL);
    const bool restored = g->snapshot && limits->slots;
    wasm_instance *instance;
    wasm_report report;
    wasm_status status;

    if (!store)
        die("no store");
    if (restored)
        status = wasm_instantiate_from(store, g->snapshot, g->imports, &instance, &report);
    else
        status = wasm_instantiate(store, g->module, g->imports, &instance, &report);
    if (status != WASM_OK)
        die(report.detail);
    if (!restored)
        call(store, instance, g->call);
    if (begun)
        *begun = instance;
    else
        call(store, instance, g->then);
    return store;
}

static double microseconds(const guest *g, const wasm_limits *limits, unsigned rounds)
{
    struct timespec from, to;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
    for (unsigned i = 0; i < rounds; i++)
        wasm_store_free(begin(g, limits, NULL));
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
    return ((double)(to.tv_sec - from.tv_sec) * 1e6 + (double)(to.tv_nsec - from.tv_nsec) / 1e3) /
           rounds;
}

static double resident_kib(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long size = 0, resident = 0;

    if (!file || fscanf(file, "%lu %lu", &size, &resident) != 2)
        die("no /proc/self/statm");
    fclose(file);
    return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1024;
}

static double live_kib(const guest *g, const wasm_limits *limits, unsigned count)
{
    wasm_store **stores = calloc(count, sizeof *stores);
    double before = resident_kib(), after;

    for (unsigned i = 0; stores && i < count; i++)
        stores[i] = begin(g, limits, NULL);
    after = resident_kib();
    for (unsigned i = 0; stores && i < count; i++)
        wasm_store_free(stores[i]);
    free(stores);
    return (after - before) / count;
}

int main(int argc, char **argv)
{
    wasm_limits plain = wasm_limits_default(), slots;
    double fresh = 1e9, pooled = 1e9, live;
    unsigned rounds, count;
    guest g;

    bool compiled = false, snapshot = false;
    const char *then = NULL;

    if (argc < 5)
        die("FILE.wasm ROUNDS LIVE FUNCTION|- [compiled] [snapshot] [call=FUNCTION]");
    for (int i = 5; i < argc; i++) {
        compiled = compiled || strcmp(argv[i], "compiled") == 0;
        snapshot = snapshot || strcmp(argv[i], "snapshot") == 0;
        if (strncmp(argv[i], "call=", 5) == 0)
            then = argv[i] + 5;
    }
    g = load(argv[1], argv[4], compiled);
    g.then = then;
    rounds = (unsigned)strtoul(argv[2], NULL, 10);
    count = (unsigned)strtoul(argv[3], NULL, 10);
    plain.guarded = wasm_guard_available() ? 1 : 0;
    plain.memory_bytes = (uint64_t)256 << 20;
    slots = plain;
    slots.slots = wasm_slots_new(16);
    if (snapshot) {
        wasm_instance *first;
        wasm_report report;
        wasm_store *store = begin(&g, &plain, &first);

        if (wasm_snapshot_take(first, &g.snapshot, &report) != WASM_OK)
            die(report.detail);
        wasm_store_free(store);
    }
    for (int i = 0; i < BATCHES; i++) {
        double a = microseconds(&g, &plain, rounds), b = microseconds(&g, &slots, rounds);

        fresh = a < fresh ? a : fresh;
        pooled = b < pooled ? b : pooled;
    }
    live = live_kib(&g, &slots, count);
    printf("{\"fresh\": %.2f, \"slots\": %.2f, \"live\": %u, \"live_kib\": %.1f}\n", fresh, pooled,
           count, live);
    wasm_snapshot_free(g.snapshot);
    wasm_slots_free(slots.slots);
    wasm_module_free(g.module);
    free(g.imports);
    return 0;
}
