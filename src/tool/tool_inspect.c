/* SPDX-License-Identifier: Apache-2.0
 * tool_inspect.c — `wasmserve inspect`: what a module needs from a host and what it offers.
 *
 * How:     The module is loaded as a server would load it, and described through engine.h; the two
 *          forms, text and JSON, say the same. Names come from the module and may contain anything
 *          that is UTF-8: control characters are escaped in both, so that a module cannot write to
 *          the terminal of whoever looks at it.
 *          It is compiled as well, which is the one way to know what the compiler has no code for.
 * Memory:  The file and the module, freed at the end.
 * Threads: no shared state.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "host.h"
#include "inspect_version.h"
#include "sha256.h"
#include "tool.h"
#include "tool_engine.h"
#include "tool_file.h"

static const char usage[] = "usage: wasmserve inspect [--json] FILE.wasm\n"
                            "Says what a module needs and offers: features, imports, exports,\n"
                            "memory, the ABI that it speaks, its version, its digest, and which\n"
                            "functions have no machine code and are interpreted, and why.\n"
                            "  --json   the same for programs\n";

/* Functions that are listed in the text form. */
enum { DECLINED_SHOWN = 20 };

typedef struct declined {
    uint32_t func;
    const char *why; /* static storage */
} declined;

typedef struct subject {
    const char *path;
    char digest[SHA256_HEX_SIZE];
    wasm_module *module;
    wasm_module_info info;
    const char *abi, *abi_hint; /* the hint may be empty */
    bool has_version;
    char version[200];
    uint32_t own_count; /* functions with a body */
    declined *declined;
    size_t declined_count;
    bool no_native;
    char why_not[300]; /* there is no machine code */
} subject;

/* ---- pieces ---------------------------------------------------------------------------------- */

static const char *kind_name(wasm_externkind kind)
{
    static const char *const names[] = {"func", "table", "memory", "global", "tag"};

    return names[kind];
}

/* A name between quotation marks, as JSON wants it; also what the text form prints. */
static void print_string(const char *text, size_t length)
{
    putchar('"');
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (c < 0x20 || c == 0x7F)
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

static void print_types(const wasm_valtype *types, uint32_t count, const char *quote,
                        const char *between)
{
    putchar('[');
    for (uint32_t i = 0; i < count; i++)
        printf("%s%s%s%s", i ? between : "", quote, wasm_valtype_text(types[i]).text, quote);
    putchar(']');
}

/* The function's name, or nothing between quotation marks. */
static void print_func_name(const subject *s, uint32_t func)
{
    size_t length = 0;
    const char *name = wasm_module_func_name(s->module, func, &length);

    print_string(name != NULL ? name : "", length);
}

/* ---- text ------------------------------------------------------------------------------------ */

static void text_bounds(const wasm_bounds *bounds, const char *unit)
{
    printf("%" PRIu64, bounds->min);
    if (bounds->has_max)
        printf(" to %" PRIu64 " %s", bounds->max, unit);
    else
        printf(" or more %s", unit);
}

static void text_memory(const wasm_bounds *bounds)
{
    text_bounds(bounds, bounds->byte_pages ? "pages of one byte" : "pages");
    if (bounds->is_64)
        printf(", 64-bit");
    if (bounds->shared)
        printf(", shared");
}

static void text_extern(const wasm_extern_desc *e)
{
    printf("  %-7s", kind_name(e->kind));
    if (e->module != NULL) {
        print_string(e->module, e->module_length);
        putchar(' ');
    }
    print_string(e->name, e->name_length);
    putchar(' ');
    switch (e->kind) {
    case WASM_EXTERN_FUNC:
        print_types(e->func.params, e->func.param_count, "", " ");
        printf(" -> ");
        print_types(e->func.results, e->func.result_count, "", " ");
        break;
    case WASM_EXTERN_TABLE:
        text_bounds(&e->bounds, "elements");
        printf(" of %s%s", wasm_valtype_text(e->valtype).text, e->bounds.is_64 ? ", 64-bit" : "");
        break;
    case WASM_EXTERN_MEMORY: text_memory(&e->bounds); break;
    case WASM_EXTERN_GLOBAL:
        printf("%s%s", e->mutable_ ? "mutable " : "", wasm_valtype_text(e->valtype).text);
        break;
    case WASM_EXTERN_TAG: print_types(e->func.params, e->func.param_count, "", " "); break;
    }
    putchar('\n');
}

static void text_features(wasm_features used)
{
    const char *between = "";

    printf("features  ");
    for (unsigned bit = WASM_FEATURE_MVP + 1; bit < WASM_FEATURE_COUNT; bit++) {
        if (used & WASM_FEATURE(bit)) {
            printf("%s%s", between, wasm_feature_name(bit));
            between = ", ";
        }
    }
    printf("%s\n", *between ? "" : "none beyond the first version");
}

static void text_native(const subject *s)
{
    size_t shown = s->declined_count < DECLINED_SHOWN ? s->declined_count : DECLINED_SHOWN;

    if (s->no_native) {
        printf("native    none: %s\n", s->why_not);
        return;
    }
    printf("native    %zu of %u functions%s\n", s->own_count - s->declined_count,
           (unsigned)s->own_count, s->declined_count > 0 ? "; these are interpreted:" : "");
    for (size_t i = 0; i < shown; i++) {
        printf("  func    %u ", (unsigned)s->declined[i].func);
        print_func_name(s, s->declined[i].func);
        printf(" because of %s\n", s->declined[i].why);
    }
    if (shown < s->declined_count)
        printf("  and %zu more, which --json lists\n", s->declined_count - shown);
}

static void print_text(const subject *s)
{
    wasm_extern_desc e;
    wasm_bounds bounds;
    const char *name;
    const uint8_t *bytes;
    size_t name_length, length;

    printf("file      %s\n", s->path);
    printf("bytes     %zu\n", s->info.file_bytes);
    printf("sha256    %s\n", s->digest);
    printf("abi       %s%s%s%s\n", s->abi, *s->abi_hint ? " (" : "", s->abi_hint,
           *s->abi_hint ? ")" : "");
    if (s->has_version)
        printf("version   %s\n", s->version);
    text_features(s->info.used);
    for (uint32_t i = 0; wasm_module_memory(s->module, i, &bounds); i++) {
        printf("memory    ");
        text_memory(&bounds);
        putchar('\n');
    }
    printf("holds     types %u, functions %u, tables %u, globals %u, element segments %u, "
           "data segments %u%s\n",
           s->info.type_count, s->info.func_count, s->info.table_count, s->info.global_count,
           s->info.elem_count, s->info.data_count, s->info.has_start ? ", start function" : "");
    printf("prepared  %zu bytes in memory, %zu of them code for the %s\n", s->info.allocated_bytes,
           s->info.code_bytes, s->info.tier == WASM_TIER_INTERPRETER ? "interpreter" : "processor");
    text_native(s);
    printf("imports   %u\n", s->info.import_count);
    for (uint32_t i = 0; wasm_module_import(s->module, i, &e); i++)
        text_extern(&e);
    printf("exports   %u\n", s->info.export_count);
    for (uint32_t i = 0; wasm_module_export(s->module, i, &e); i++)
        text_extern(&e);
    printf("custom    %u\n", s->info.custom_count);
    for (uint32_t i = 0; wasm_module_custom(s->module, i, &name, &name_length, &bytes, &length);
         i++) {
        printf("  ");
        print_string(name, name_length);
        printf(" %zu bytes\n", length);
    }
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void json_bounds(const wasm_bounds *bounds)
{
    printf("\"min\": %" PRIu64 ", \"max\": ", bounds->min);
    if (bounds->has_max)
        printf("%" PRIu64, bounds->max);
    else
        printf("null");
    if (bounds->is_64)
        printf(", \"address\": \"i64\"");
}

static void json_memory(const wasm_bounds *bounds)
{
    json_bounds(bounds);
    printf(", \"page\": %u", bounds->byte_pages ? 1u : 65536u);
    if (bounds->shared)
        printf(", \"shared\": true");
}

static void json_extern(const wasm_extern_desc *e)
{
    printf("{\"kind\": \"%s\", ", kind_name(e->kind));
    if (e->module != NULL) {
        printf("\"module\": ");
        print_string(e->module, e->module_length);
        printf(", ");
    }
    printf("\"name\": ");
    print_string(e->name, e->name_length);
    switch (e->kind) {
    case WASM_EXTERN_FUNC:
        printf(", \"params\": ");
        print_types(e->func.params, e->func.param_count, "\"", ", ");
        printf(", \"results\": ");
        print_types(e->func.results, e->func.result_count, "\"", ", ");
        break;
    case WASM_EXTERN_TABLE:
        printf(", \"type\": \"%s\", ", wasm_valtype_text(e->valtype).text);
        json_bounds(&e->bounds);
        break;
    case WASM_EXTERN_MEMORY:
        printf(", ");
        json_memory(&e->bounds);
        break;
    case WASM_EXTERN_GLOBAL:
        printf(", \"type\": \"%s\", \"mutable\": %s", wasm_valtype_text(e->valtype).text,
               e->mutable_ ? "true" : "false");
        break;
    case WASM_EXTERN_TAG:
        printf(", \"params\": ");
        print_types(e->func.params, e->func.param_count, "\"", ", ");
        break;
    }
    putchar('}');
}

typedef bool (*extern_fn)(const wasm_module *module, uint32_t i, wasm_extern_desc *desc);

static void json_externs(const wasm_module *module, const char *name, extern_fn next)
{
    wasm_extern_desc e;

    printf("  \"%s\": [", name);
    for (uint32_t i = 0; next(module, i, &e); i++) {
        printf("%s\n    ", i ? "," : "");
        json_extern(&e);
    }
    printf("],\n");
}

static void json_features(wasm_features used)
{
    const char *between = "";

    printf("  \"features\": [");
    for (unsigned bit = WASM_FEATURE_MVP + 1; bit < WASM_FEATURE_COUNT; bit++) {
        if (used & WASM_FEATURE(bit)) {
            printf("%s\"%s\"", between, wasm_feature_name(bit));
            between = ", ";
        }
    }
    printf("],\n");
}

static void json_customs(const wasm_module *module)
{
    const char *name;
    const uint8_t *bytes;
    size_t name_length, length;

    printf("  \"custom\": [");
    for (uint32_t i = 0; wasm_module_custom(module, i, &name, &name_length, &bytes, &length); i++) {
        printf("%s{\"name\": ", i ? ", " : "");
        print_string(name, name_length);
        printf(", \"bytes\": %zu}", length);
    }
    printf("]\n");
}

static void json_native(const subject *s)
{
    if (s->no_native) {
        printf("  \"native\": {\"available\": false, \"why\": ");
        print_string(s->why_not, strlen(s->why_not));
        printf("},\n");
        return;
    }
    printf("  \"native\": {\"available\": true, \"compiled\": %zu, \"declined\": [",
           s->own_count - s->declined_count);
    for (size_t i = 0; i < s->declined_count; i++) {
        printf("%s{\"function\": %u, \"name\": ", i ? ", " : "", (unsigned)s->declined[i].func);
        print_func_name(s, s->declined[i].func);
        printf(", \"why\": ");
        print_string(s->declined[i].why, strlen(s->declined[i].why));
        putchar('}');
    }
    printf("]},\n");
}

static void print_json(const subject *s)
{
    const wasm_module_info *n = &s->info;
    wasm_bounds bounds;

    printf("{\n  \"file\": ");
    print_string(s->path, strlen(s->path));
    printf(",\n  \"bytes\": %zu,\n  \"sha256\": \"%s\",\n  \"abi\": \"%s\",\n  \"version\": ",
           n->file_bytes, s->digest, s->abi);
    if (s->has_version)
        print_string(s->version, strlen(s->version));
    else
        printf("null");
    printf(",\n");
    json_features(n->used);
    printf("  \"memories\": [");
    for (uint32_t i = 0; wasm_module_memory(s->module, i, &bounds); i++) {
        printf("%s{", i ? ", " : "");
        json_memory(&bounds);
        putchar('}');
    }
    printf("],\n  \"counts\": {\"types\": %u, \"functions\": %u, \"tables\": %u, \"globals\": %u, "
           "\"elements\": %u, \"data\": %u},\n  \"start\": %s,\n",
           n->type_count, n->func_count, n->table_count, n->global_count, n->elem_count,
           n->data_count, n->has_start ? "true" : "false");
    printf("  \"prepared\": {\"tier\": \"%s\", \"bytes\": %zu, \"code\": %zu},\n",
           n->tier == WASM_TIER_INTERPRETER ? "interpreter" : "compiler", n->allocated_bytes,
           n->code_bytes);
    json_native(s);
    json_externs(s->module, "imports", wasm_module_import);
    json_externs(s->module, "exports", wasm_module_export);
    json_customs(s->module);
    printf("}\n");
}

/* ---- the subcommand -------------------------------------------------------------------------- */

static void add_declined(void *baton, uint32_t func, const char *why)
{
    subject *s = baton;

    /* There is room for all. */
    s->declined[s->declined_count++] = (declined){.func = func, .why = why};
}

/* Compiles, after the module was described as it is loaded. */
static void find_declined(subject *s)
{
    wasm_compile_options options = {
        .threads = tool_engine_threads(), .declined = add_declined, .declined_baton = s};
    wasm_extern_desc e;
    wasm_report report;

    s->own_count = s->info.func_count;
    for (uint32_t i = 0; wasm_module_import(s->module, i, &e); i++)
        s->own_count -= e.kind == WASM_EXTERN_FUNC;
    s->declined = calloc((size_t)s->own_count + 1, sizeof *s->declined);
    if (s->declined == NULL) {
        s->no_native = true;
        snprintf(s->why_not, sizeof s->why_not, "out of memory");
    } else if (!wasm_compiler_available(&options, s->why_not, sizeof s->why_not)) {
        s->no_native = true;
    } else if (wasm_module_compile(s->module, &options, &report) != WASM_OK) {
        s->no_native = true;
        wasm_report_format(&report, s->why_not, sizeof s->why_not);
    }
}

static int inspect(const char *path, bool json)
{
    subject s = {.path = path};
    wasm_report report;
    char text[320];
    size_t length;
    uint8_t *bytes = tool_file_read(path, &length);

    if (bytes == NULL) {
        fprintf(stderr, "wasmserve inspect: %s: %s\n", path, strerror(errno));
        return TOOL_REFUSED;
    }
    sha256_hex(bytes, length, s.digest);
    wasm_status status = wasm_module_load(bytes, length, NULL, &s.module, &report);
    free(bytes);
    if (status != WASM_OK) {
        fprintf(stderr, "wasmserve inspect: %s: %s: %s\n", path,
                wasm_class_name(wasm_status_class(status)),
                wasm_report_format(&report, text, sizeof text));
        return TOOL_REFUSED;
    }
    wasm_module_describe(s.module, &s.info);
    s.abi = host_abi_name(host_detect_abi(s.module, &s.abi_hint));
    if (s.abi_hint == NULL)
        s.abi_hint = "";
    s.has_version = inspect_version(s.module, s.version, sizeof s.version) != INSPECT_NONE;
    find_declined(&s);
    if (json)
        print_json(&s);
    else
        print_text(&s);
    free(s.declined);
    wasm_module_free(s.module);
    return fflush(stdout) == 0 ? TOOL_OK : TOOL_FAILED;
}

int tool_inspect(int argc, char **argv)
{
    static const struct option known[] = {
        {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    bool json = false;
    int option;

    while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        switch (option) {
        case 'j': json = true; break;
        case 'h': fputs(usage, stdout); return TOOL_OK;
        default: fputs(usage, stderr); return TOOL_USAGE;
        }
    }
    if (argc - optind != 1) {
        fputs(usage, stderr);
        return TOOL_USAGE;
    }
    return inspect(argv[optind], json);
}
