/* SPDX-License-Identifier: Apache-2.0
 * spec_script.h — runs one script of the specification's test suite and counts what came of it.
 *
 * Memory: everything that a run makes is freed before it returns; the skip table is the caller's.
 * Threads: one run at a time for each skip table.
 */
#ifndef WASMSERVE_SPEC_SCRIPT_H
#define WASMSERVE_SPEC_SCRIPT_H

#include "engine.h"
#include "tool_engine.h"

enum { SPEC_REASONS_MAX = 48, SPEC_REASON_SIZE = 64 };

typedef struct spec_skip {
    char reason[SPEC_REASON_SIZE];
    uint64_t count;
} spec_skip;

typedef struct spec_skips { /* how many assertions were skipped for which reason */
    spec_skip rows[SPEC_REASONS_MAX];
    size_t used;
} spec_skips;

typedef struct spec_options {
    tool_engine engine;
    wasm_limits limits;      /* of the store of a script */
    bool verbose;            /* print what is skipped, and all failures instead of the first ten */
    wasm_watchdog *watchdog; /* no command may run longer than a minute */
} spec_options;

typedef struct spec_counts {
    uint64_t passed, failed, skipped;
} spec_counts;

/* Runs the script at `path`, prints a line for it and one for each failure, adds to *counts and
 * *skips. A file that is no script counts as one failure. */
void spec_script_run(const char *path, const spec_options *options, spec_counts *counts,
                     spec_skips *skips);

#endif
