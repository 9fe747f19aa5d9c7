/* SPDX-License-Identifier: Apache-2.0
 * differential_run.c — runs all that modules export in one tier of this engine and says what
 *                      happened.
 *
 * usage:   differential_run ENGINE [WITHOUT…]   ENGINE as for `wasmserve run --engine`; WITHOUT:
 *          names of features that modules are not given which are asked to be valid
 * How:     A server on standard input and output, so that a campaign pays for a process once. Of
 *          these requests the first line is text, the module's LENGTH bytes follow it:
 *
 *              run SEED LIVES ROUNDS FUEL LENGTH     → ran DIGEST FINE CALLS TRAPS LIMIT
 *              show SEED LIVES ROUNDS FUEL LENGTH    → the transcript, and a line with a dot
 *              valid 0 0 0 0 LENGTH                  → valid, or: refused STATUS REPORT
 *
 *          A life is an instance of its own; in each of its rounds every exported function is
 *          called once, with arguments that follow from the seed, the life, the round and its
 *          name alone. differential_run.js does the same in another engine and must come to the
 *          same DIGEST and, when asked, to the same transcript:
 *
 *              life N
 *              call NAME TYPE:HEXBITS…          an export and its arguments
 *              log TYPE:HEXBITS                 an imported function was called
 *              = TYPE:HEXBITS…                  what an instantiation or a call came to …
 *              = trap KIND                      … or this
 *              = exception                      … or this
 *              = limit NAME                     … or this
 *              global NAME TYPE:HEXBITS         after each round
 *              memory NAME BYTES HASH           at the end of a life
 *
 *          FINE also covers what the other engine cannot tell: which trap it was exactly, where,
 *          the fuel that is left (FUEL is a life's; 0: it is not counted), memories that are not
 *          exported. Every NaN is "nan", since the specification leaves its bits
 *          open. A limit ends the transcript: limits are an engine's own affair.
 * Memory:  one module and one store at a time.
 * Threads: one.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"

enum { VALUES_MAX = 64, MODULE_MAX = 64 << 20, MEMORIES = 8 };

static bool showing; /* the transcript is wanted */
static bool limited; /* the transcript is at its end */
static const char *limit_name;
static uint32_t digest, fine;
static unsigned long calls, traps;

/* What must be the same is mixed in here, in words, and in put_…() written out. Each word changes
 * the digest one to one, so that no single difference is lost. */
static uint32_t mixed(uint32_t sum, uint32_t word)
{
    sum ^= word;
    return (sum << 13 | sum >> 19) * 5 + 0xE6546B64u;
}

static void note(uint32_t word)
{
    digest = mixed(digest, word);
}

static void note_text(const char *text)
{
    for (; *text; text++)
        note((unsigned char)*text);
}

/* ---- values -------------------------------------------------------------------------------- */

static void put_value(wasm_valtype type, wasm_value value)
{
    const bool narrow = type == WASM_I32 || type == WASM_F32;
    uint64_t bits = narrow ? value.i32 : value.i64;
    const bool nan = (type == WASM_F32 && (bits & 0x7FFFFFFF) > 0x7F800000) ||
                     (type == WASM_F64 && (bits & INT64_MAX) > 0x7FF0000000000000);

    if (WASM_IS_REF(type))
        bits = value.ref != 0;
    else if (nan)
        bits = narrow ? 0x7FC00000 : 0x7FF8000000000000;
    note((uint32_t)bits);
    if (!narrow)
        note((uint32_t)(bits >> 32));
    if (!showing)
        return;
    if (WASM_IS_REF(type))
        printf(" %s:%s", wasm_valtype_name(type), bits ? "set" : "null");
    else if (nan)
        printf(" %s:nan", wasm_valtype_name(type));
    else
        printf(" %s:%" PRIx64, wasm_valtype_name(type), bits);
}

static uint32_t random_state;

/* A 32-bit splitmix, which the other side's language can compute as well. */
static uint32_t draw(void)
{
    uint32_t z = random_state += 0x9E3779B9u;

    z = (z ^ z >> 16) * 0x21F0AAADu;
    z = (z ^ z >> 15) * 0x735A2D97u;
    return z ^ z >> 15;
}

/* Half the time a value where something changes, else small, else any. */
static wasm_value draw_value(wasm_valtype type)
{
    static const uint64_t ints[] = {0,          1,          0x7F,       0x80,      0xFF,
                                    0x7FFF,     0x8000,     0xFFFF,     0x10000,   0x7FFFFFFF,
                                    0x80000000, 0xFFFFFFFF, UINT64_MAX, INT64_MAX, 1ull << 63,
                                    1ull << 32, 131068,     131071,     131072,    0xFFFFFFFE};
    static const double floats[] = {0,      -0.0,   0.5,  -0.5,    1,    -1,      1.5,    -2.5,
                                    2e9,    -3e9,   5e9,  9.3e18,  1e9,  -9.3e18, 1e-46,  1.9e19,
                                    1e-310, 1e300,  1e38, 1e-40,   1e10, 0x1p31,  0x1p32, 0x1p63,
                                    7,      0x1p64, 255,  -0x1p31, 3e38, -0x1p63};
    wasm_value value = {.i64 = 0};
    const uint32_t how = draw() % 8, low = draw(), high = draw();

    if (type == WASM_F32 || type == WASM_F64) {
        double number = how < 4   ? floats[low % (sizeof floats / sizeof floats[0])]
                        : how < 6 ? (double)(low % 2048) - 1024
                                  : (double)(int32_t)low / 65536;
        if (type == WASM_F64)
            value.f64 = number;
        else
            value.f32 = number > 3e38 ? 3e38f : (float)number;
        if (how == 3 && high % 4 == 0)
            value.i64 = type == WASM_F64 ? 0x7FF8000000000000 : 0x7FC00000;
    } else if (type == WASM_I32 || type == WASM_I64) {
        value.i64 = how < 4   ? ints[low % (sizeof ints / sizeof ints[0])]
                    : how < 6 ? low % 64
                              : (uint64_t)high << 32 | low;
        if (type == WASM_I32)
            value.i64 &= UINT32_MAX;
    }
    return value; /* references: null */
}

static void put_name(const char *word, const wasm_extern_desc *desc)
{
    if (showing)
        printf("%s %.*s", word, (int)desc->name_length, desc->name);
}

static void put_end(void)
{
    if (showing)
        putchar('\n');
}

/* Traps as far as both engines can tell them apart. */
static const char *coarse(wasm_status status)
{
    switch (status) {
    case WASM_E_INTEGER_OVERFLOW:
    case WASM_E_INVALID_CONVERSION: return "CONVERSION_OR_OVERFLOW";
    case WASM_E_UNDEFINED_ELEMENT:
    case WASM_E_UNINITIALIZED_ELEMENT:
    case WASM_E_INDIRECT_TYPE:
    case WASM_E_OOB_TABLE: return "TABLE_OR_INDIRECT";
    default: return wasm_status_name(status);
    }
}

static void put_failure(const wasm_store *store, wasm_status status)
{
    wasm_frame frames[4];
    const size_t count = wasm_store_backtrace(store, frames, sizeof frames / sizeof frames[0]);

    limited = wasm_status_class(status) != WASM_CLASS_TRAP && status != WASM_E_EXCEPTION;
    limit_name = limited ? wasm_status_name(status) : limit_name;
    traps++;
    note_text(limited ? "limit" : coarse(status));
    fine = mixed(fine, (uint32_t)status);
    if (showing)
        printf(" %s %s", limited ? "limit" : "trap", limited ? limit_name : coarse(status));
    for (size_t i = 0; i < count && !limited; i++)
        fine = mixed(mixed(fine, frames[i].func), (uint32_t)frames[i].offset);
    put_end();
    if (showing && getenv("WITH_PLACES")) {
        printf("# %s", wasm_status_name(status));
        for (size_t i = 0; i < count; i++)
            printf(" at %" PRIu64 " in function %" PRIu32, frames[i].offset, frames[i].func);
        put_end();
    }
}

/* ---- what modules of the generator import ---------------------------------------------------- */

static wasm_status log_value(wasm_valtype type, const uint64_t *slots)
{
    if (showing)
        printf("log");
    put_value(type, (wasm_value){.i64 = slots[0]});
    put_end();
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

/* Whether the other side's language can call a function, which has no vectors, with what arguments
 * there are, of references null. */
static bool callable(const wasm_functype *type)
{
    if (type->param_count > VALUES_MAX || type->result_count > VALUES_MAX)
        return false;
    for (uint32_t i = 0; i < type->param_count; i++)
        if (type->params[i] == WASM_V128 ||
            (WASM_IS_REF(type->params[i]) && !(type->params[i] & WASM_NULLABLE)))
            return false;
    for (uint32_t i = 0; i < type->result_count; i++)
        if (type->results[i] == WASM_V128)
            return false;
    return true;
}

static void call(wasm_store *store, wasm_instance *instance, const wasm_extern_desc *desc)
{
    wasm_value args[VALUES_MAX], results[VALUES_MAX];
    wasm_extern found;
    wasm_status status;

    if (!callable(&desc->func) ||
        !wasm_instance_export(instance, desc->name, desc->name_length, &found))
        return;
    refill(store, instance);
    put_name("call", desc);
    for (uint32_t i = 0; i < desc->func.param_count; i++) {
        args[i] = draw_value(desc->func.params[i]);
        put_value(desc->func.params[i], args[i]);
    }
    put_end();
    calls++;
    status = wasm_call(store, found.of.func, args, results);
    if (showing)
        putchar('=');
    if (status != WASM_OK) {
        put_failure(store, status);
        return;
    }
    for (uint32_t i = 0; i < desc->func.result_count; i++)
        put_value(desc->func.results[i], results[i]);
    put_end();
}

static void put_globals(wasm_instance *instance, const wasm_module *module)
{
    wasm_extern_desc desc;
    wasm_extern found;

    for (uint32_t i = 0; wasm_module_export(module, i, &desc); i++) {
        if (desc.kind == WASM_EXTERN_GLOBAL && desc.valtype != WASM_V128 &&
            wasm_instance_export(instance, desc.name, desc.name_length, &found)) {
            put_name("global", &desc);
            put_value(desc.valtype, wasm_global_get(found.of.global));
            put_end();
        }
    }
}

static uint32_t hash_of(const uint8_t *base, uint64_t length)
{
    uint32_t word, hash = 0;

    for (uint64_t at = 0; at + sizeof word <= length; at += sizeof word) {
        memcpy(&word, base + at, sizeof word);
        hash = mixed(hash, word);
    }
    return hash;
}

static void put_memories(wasm_instance *instance, const wasm_module *module)
{
    wasm_extern_desc desc;
    uint32_t hash;
    uint64_t length;
    uint8_t *base;

    for (uint32_t i = 0; wasm_memory_view(instance, i, &base, &length); i++)
        fine = mixed(fine, hash_of(base, length));
    for (uint32_t i = 0; wasm_module_export(module, i, &desc); i++) {
        if (desc.kind != WASM_EXTERN_MEMORY || !wasm_memory_view(instance, 0, &base, &length))
            continue;
        hash = hash_of(base, length);
        note(hash);
        put_name("memory", &desc);
        if (showing)
            printf(" %" PRIu64 " %" PRIx32, length, hash);
        put_end();
    }
}

static void live(wasm_store *store, const wasm_module *module, uint32_t seed, uint32_t life,
                 uint32_t rounds)
{
    wasm_module_info info;
    wasm_extern_desc desc;
    wasm_extern *imports;
    wasm_instance *instance;
    wasm_status status;

    wasm_module_describe(module, &info);
    imports = calloc(info.import_count + 1, sizeof *imports);
    if (!imports)
        abort();
    status = wasm_resolve(module, offered, sizeof offered / sizeof offered[0], imports, NULL);
    if (showing)
        printf("life %" PRIu32 "\n", life);
    if (status == WASM_OK)
        status = wasm_instantiate(store, module, imports, &instance, NULL);
    free(imports);
    if (showing)
        putchar('=');
    if (status != WASM_OK) {
        put_failure(store, status);
        return;
    }
    put_end();
    for (uint32_t round = 0; round < rounds && !limited; round++) {
        for (uint32_t i = 0; !limited && wasm_module_export(module, i, &desc); i++) {
            random_state = mixed(mixed(seed, life), round);
            for (size_t at = 0; at < desc.name_length; at++)
                random_state = mixed(random_state, (unsigned char)desc.name[at]);
            if (desc.kind == WASM_EXTERN_FUNC)
                call(store, instance, &desc);
        }
        if (!limited)
            put_globals(instance, module);
    }
    if (!limited)
        put_memories(instance, module);
}

/* A copy of a module's text that is fit for one line. */
static void put_refused(const wasm_report *report)
{
    char text[512];

    wasm_report_format(report, text, sizeof text);
    for (char *at = text; *at; at++)
        *at = *at < ' ' ? ' ' : *at;
    printf("refused %s %s\n", wasm_status_name(report->status), text);
}

static void run(const wasm_module *module, const wasm_limits *limits, uint32_t seed, uint32_t lives,
                uint32_t rounds)
{
    digest = fine = 0;
    calls = traps = 0;
    limited = false;
    limit_name = "-";
    for (uint32_t life = 0; life < lives && !limited; life++) {
        wasm_store *store = wasm_store_new(limits, NULL);

        if (!store)
            abort();
        live(store, module, seed, life, rounds);
        fine = mixed(fine, (uint32_t)wasm_store_fuel_left(store));
        wasm_store_free(store);
    }
    if (showing)
        puts(".");
    else
        printf("ran %08" PRIx32 " %08" PRIx32 " %lu %lu %s\n", digest, fine, calls, traps,
               limit_name);
}

/* ---- requests -------------------------------------------------------------------------------- */

static bool parse_engine(const char *text, wasm_load_options *options,
                         wasm_compile_options *compile)
{
    compile->explicit_checks = strcmp(text, "compiler,explicit") == 0;
    options->tier = strcmp(text, "interpreter") == 0 ? WASM_TIER_INTERPRETER : WASM_TIER_COMPILER;
    options->compile = compile;
    return options->tier == WASM_TIER_INTERPRETER || compile->explicit_checks ||
           strcmp(text, "compiler") == 0;
}

static bool parse_without(const char *text, wasm_load_options *options)
{
    for (unsigned bit = 0; wasm_feature_name(bit); bit++) {
        if (strcmp(wasm_feature_name(bit), text) == 0) {
            options->features &= ~WASM_FEATURE(bit);
            return true;
        }
    }
    return false;
}

static void answer(const char *command, const uint32_t *numbers, const uint8_t *bytes,
                   size_t length, const wasm_load_options *options, const wasm_limits *limits)
{
    const bool checking = strcmp(command, "valid") == 0;
    wasm_load_options all = *options;
    wasm_limits metered = *limits;
    wasm_module *module = NULL;
    wasm_report report;

    all.features = WASM_FEATURES_SUPPORTED;
    if (numbers[3] > 0)
        metered.fuel = numbers[3];
    showing = strcmp(command, "show") == 0;
    if (wasm_module_load(bytes, length, checking ? options : &all, &module, &report) != WASM_OK) {
        put_refused(&report);
        if (showing)
            puts(".");
    } else if (checking) {
        puts("valid");
    } else {
        run(module, &metered, numbers[0], numbers[1], numbers[2]);
    }
    wasm_module_free(module);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const uint8_t nothing[] = {0, 'a', 's', 'm', 1, 0, 0, 0};
    wasm_load_options options = {.features = WASM_FEATURES_SUPPORTED};
    wasm_compile_options compile = {0};
    wasm_limits limits = wasm_limits_default();
    wasm_module *module = NULL;
    wasm_report report;
    char line[128], command[16], text[512];
    uint32_t numbers[4];
    size_t length;

    if (argc < 2 || !parse_engine(argv[1], &options, &compile)) {
        fputs("usage: differential_run interpreter|compiler|compiler,explicit [WITHOUT…]\n",
              stderr);
        return 64;
    }
    for (int i = 2; i < argc; i++) {
        if (!parse_without(argv[i], &options)) {
            fprintf(stderr, "there is no feature %s\n", argv[i]);
            return 64;
        }
    }
    if (wasm_module_load(nothing, sizeof nothing, &options, &module, &report) != WASM_OK) {
        printf("unavailable %s\n", wasm_report_format(&report, text, sizeof text));
        return 0;
    }
    wasm_module_free(module);
    if (options.tier == WASM_TIER_COMPILER && !compile.explicit_checks) {
        limits.guarded = MEMORIES;
        if (!wasm_guard_available() || wasm_faults_handle(&report) != WASM_OK) {
            puts("unavailable there are no guarded memories here");
            return 0;
        }
    }
    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        uint8_t *bytes;

        if (sscanf(line, "%15s %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32 " %zu", command,
                   &numbers[0], &numbers[1], &numbers[2], &numbers[3], &length) != 6 ||
            length > MODULE_MAX) {
            fprintf(stderr, "no request: %s", line);
            return 64;
        }
        bytes = malloc(length + 1);
        if (!bytes || fread(bytes, 1, length, stdin) != length)
            return 1;
        answer(command, numbers, bytes, length, &options, &limits);
        free(bytes);
    }
    return 0;
}
