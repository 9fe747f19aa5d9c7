/* SPDX-License-Identifier: Apache-2.0
 * tool_spec.c — `wasmserve spec`: runs spec scripts and sums up.
 *
 * How:     Each file is a script of its own with a store of its own (spec_script.c). The last line
 *          is always "N passed, N failed, N skipped", before it stands a table of the reasons for
 *          skipping.
 * Memory:  Nothing is kept between files but counts.
 * Threads: the main thread and a watchdog.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec_script.h"
#include "tool.h"

static const char usage[] =
    "usage: wasmserve spec [OPTION…] FILE.json…\n"
    "Runs spec scripts (the WebAssembly test suite as JSON) and counts their assertions.\n"
    "  --engine E         which tier executes: interpreter, compiler, or compiler,explicit\n"
    "                     (without guard pages)\n"
    "  --collect-every N  collect garbage whenever N objects were made, to test the collector\n"
    "  --verbose          say what is skipped, what differs in wording, what is printed, every\n"
    "                     failure\n";

static int by_count(const void *a, const void *b)
{
    const spec_skip *left = a, *right = b;

    return left->count < right->count ? 1 : left->count > right->count ? -1 : 0;
}

static void print_summary(const spec_counts *counts, spec_skips *skips)
{
    qsort(skips->rows, skips->used, sizeof skips->rows[0], by_count);
    if (skips->used > 0)
        printf("skipped, by reason:\n");
    for (size_t i = 0; i < skips->used; i++)
        printf("%8llu  %s\n", (unsigned long long)skips->rows[i].count, skips->rows[i].reason);
    printf("%llu passed, %llu failed, %llu skipped\n", (unsigned long long)counts->passed,
           (unsigned long long)counts->failed, (unsigned long long)counts->skipped);
}

/* Reads the options; TOOL_OK, or the exit code. *first becomes the index of the first file. */
static int read_options(int argc, char **argv, spec_options *options, int *first)
{
    static const struct option known[] = {{"engine", required_argument, NULL, 'e'},
                                          {"collect-every", required_argument, NULL, 'c'},
                                          {"verbose", no_argument, NULL, 'v'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int option;
    char *end;

    while ((option = getopt_long(argc, argv, "vh", known, NULL)) != -1) {
        switch (option) {
        case 'c':
            options->limits.collect_every = (uint32_t)strtoul(optarg, &end, 10);
            if (*optarg < '0' || *optarg > '9' || *end != '\0') {
                fprintf(stderr, "wasmserve spec: no such number of objects: %s\n", optarg);
                return TOOL_USAGE;
            }
            break;
        case 'e':
            if (!tool_engine_parse(optarg, &options->engine)) {
                fprintf(stderr, "wasmserve spec: no such engine: %s\n", optarg);
                return TOOL_USAGE;
            }
            break;
        case 'v': options->verbose = true; break;
        case 'h': *first = 0; return TOOL_OK;
        default: fputs(usage, stderr); return TOOL_USAGE;
        }
    }
    *first = optind;
    if (optind < argc)
        return TOOL_OK;
    fputs(usage, stderr);
    return TOOL_USAGE;
}

int tool_spec(int argc, char **argv)
{
    spec_options options = {.limits = wasm_limits_default()};
    spec_counts counts = {0, 0, 0};
    spec_skips skips = {.used = 0};
    wasm_report report;
    int first, code = read_options(argc, argv, &options, &first);
    char text[320];

    if (code != TOOL_OK)
        return code;
    if (first == 0) { /* --help */
        fputs(usage, stdout);
        return TOOL_OK;
    }
    /* As much as the specification lets a module have, so that no limit of ours is tested here. */
    options.limits.memory_bytes = (uint64_t)16 << 30;
    if (tool_engine_begin(&options.engine, &options.limits, 1024, &report) != WASM_OK ||
        wasm_watchdog_start(&options.watchdog, &report) != WASM_OK) {
        fprintf(stderr, "wasmserve spec: %s\n", wasm_report_format(&report, text, sizeof text));
        return TOOL_FAILED;
    }
    for (int i = first; i < argc; i++) {
        spec_script_run(argv[i], &options, &counts, &skips);
        fflush(stdout);
    }
    wasm_watchdog_stop(options.watchdog);
    print_summary(&counts, &skips);
    return counts.failed > 0 ? TOOL_FAILED : TOOL_OK;
}
