/* SPDX-License-Identifier: Apache-2.0
 * tool_compile.c — `wasmserve compile`: machine code made ahead of time, and what it looks like.
 *
 * How:     Each file is compiled as a server would do it; with --cache the code goes where the
 *          server's WasmServeCodeCache looks. One that is there already is only checked. The trace
 *          of the engine says which functions stay with the interpreter; --dump shows it.
 *          -o writes the same file elsewhere, for who fills caches himself: a package, an image.
 * Exit:    0; 1 for a file that could not be written; 2 for a module that was refused, or that the
 *          cache did not take; 64.
 * Memory:  freed at the end.
 * Threads: the main thread, and the compiler's.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "host.h"
#include "tool.h"
#include "tool_engine.h"
#include "tool_file.h"

static const char usage[] =
    "usage: wasmserve compile [--cache DIR] [-o FILE] [--explicit] [--dump] FILE.wasm…\n"
    "Compiles modules ahead of time, and says how large the code is.\n"
    "  --cache DIR  keep it in the directory that WasmServeCodeCache or run --cache names\n"
    "  -o FILE      write the compiled file of one module, and say its name in a cache; it is\n"
    "               for this processor and this version of wasmserve\n"
    "  --explicit   checks of memory accesses in place of guard pages, as for\n"
    "               WasmServeEngine auto explicit\n"
    "  --dump       each function: its form before code is made of it, and its code, as bytes\n"
    "               that `xxd -r -p | objdump -D -b binary -m i386:x86-64` reads; on stderr,\n"
    "               which functions stay with the interpreter, and the instruction why\n";

typedef struct work {
    wasm_compile_options compile;
    bool dump;
    const char *file;         /* to write to, or NULL */
    int error;                /* of writing it, as errno */
    char name[100];           /* of it in a cache */
    unsigned used, kept, bad; /* of notes about one file */
} work;

__attribute__((format(printf, 1, 2))) static void complain(const char *format, ...)
{
    va_list args;

    fputs("wasmserve compile: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

static bool ends_with(const char *line, const char *end)
{
    size_t length = strlen(line), tail = strlen(end);

    return length >= tail && strcmp(line + length - tail, end) == 0;
}

static void note(void *baton, bool bad, const char *line)
{
    work *w = baton;

    w->used += ends_with(line, " is used");
    w->kept += ends_with(line, " is kept");
    w->bad += bad || strstr(line, " is not kept: ") != NULL;
    if (bad || strstr(line, " is not kept: ") != NULL)
        complain("%s", line);
}

static void trace_line(void *baton, unsigned trace_bit, const char *line)
{
    (void)baton;
    (void)trace_bit;
    fprintf(stderr, "%s\n", line);
}

static void dump_line(void *baton, const char *line)
{
    (void)baton;
    puts(line);
}

static void write_file(void *baton, const char *name, const uint8_t *bytes, size_t length)
{
    work *w = baton;

    snprintf(w->name, sizeof w->name, "%s", name);
    w->error = tool_file_write(w->file, bytes, length) ? 0 : errno;
}

static int compile_file(work *w, const char *path)
{
    wasm_load_options options = {.tier = WASM_TIER_COMPILER, .compile = &w->compile};
    wasm_module *module = NULL;
    wasm_module_info info;
    wasm_report report;
    char text[512];
    size_t length;
    uint8_t *bytes = tool_file_read(path, &length);

    if (bytes == NULL) {
        complain("%s: %s", path, strerror(errno));
        return TOOL_REFUSED;
    }
    options.quota = host_load_quota(length);
    if (w->dump) {
        w->compile.dump = dump_line;
        options.trace = WASM_TRACE_PREPARE;
        options.log = trace_line;
    }
    w->used = w->kept = w->bad = 0;
    if (wasm_module_load(bytes, length, &options, &module, &report) != WASM_OK) {
        complain("%s: %s", path, wasm_report_format(&report, text, sizeof text));
        free(bytes);
        return TOOL_REFUSED;
    }
    if (w->file != NULL && w->error != 0) {
        complain("%s: %s", w->file, strerror(w->error));
        wasm_module_free(module);
        free(bytes);
        return TOOL_FAILED;
    }
    wasm_module_describe(module, &info);
    printf("%s: %zu bytes of code for %zu%s\n", path, info.code_bytes, info.file_bytes,
           w->kept != 0   ? ", kept"
           : w->used != 0 ? ", already there"
                          : "");
    if (w->file != NULL)
        printf("%s: in a code cache its name is %s\n", w->file, w->name);
    wasm_module_free(module);
    free(bytes);
    return w->compile.cache != NULL && w->kept + w->used == 0 ? TOOL_REFUSED : TOOL_OK;
}

int tool_compile(int argc, char **argv)
{
    enum { CACHE = 256, EXPLICIT, DUMP, HELP };
    static const struct option options[] = {{"cache", required_argument, NULL, CACHE},
                                            {"explicit", no_argument, NULL, EXPLICIT},
                                            {"dump", no_argument, NULL, DUMP},
                                            {"help", no_argument, NULL, HELP},
                                            {0}};
    work w = {
        .compile = {.threads = tool_engine_threads(), .quota = host_compile_quota(), .note = note}};
    int option, result = TOOL_OK;
    char how[400];

    w.compile.note_baton = &w;
    while ((option = getopt_long(argc, argv, "ho:", options, NULL)) != -1) {
        switch (option) {
        case CACHE: w.compile.cache = optarg; break;
        case EXPLICIT: w.compile.explicit_checks = true; break;
        case DUMP: w.dump = true; break;
        case 'o':
            w.file = optarg;
            w.compile.file = write_file;
            w.compile.file_baton = &w;
            break;
        case 'h':
        case HELP: fputs(usage, stdout); return TOOL_OK;
        default: fputs(usage, stderr); return TOOL_USAGE;
        }
    }
    if (optind >= argc || (w.file != NULL && argc - optind != 1)) {
        fputs(usage, stderr);
        return TOOL_USAGE;
    }
    w.compile.directory = w.compile.cache;
    if (!wasm_compiler_available(&w.compile, how, sizeof how)) {
        complain("%s", how);
        return TOOL_REFUSED;
    }
    for (; optind < argc; optind++) {
        int one = compile_file(&w, argv[optind]);

        result = one > result ? one : result;
    }
    if (fflush(stdout) != 0 && result == TOOL_OK)
        result = TOOL_FAILED;
    return result;
}
