/* SPDX-License-Identifier: Apache-2.0
 * run_options.h — the command line of `wasmserve run`, taken apart.
 *
 * Memory:  strings are argv's where they stand there as they are, else owned; run_options_release()
 *          frees.
 * Threads: the main thread.
 */
#ifndef WASMSERVE_RUN_OPTIONS_H
#define WASMSERVE_RUN_OPTIONS_H

#include "engine.h"
#include "host.h"
#include "tool_engine.h"

typedef struct run_options {
    const char *file;
    const char *invoke; /* NULL: _start */
    tool_engine engine;
    wasm_limits limits;
    uint64_t timeout_ms; /* 0: none */
    unsigned trace;      /* wasm_trace_bit mask */
    char **args;         /* the file and what follows it */
    int arg_count;
    grant_dir *dirs; /* owned, with their strings */
    size_t dir_count;
    char **env; /* owned, with the strings */
    size_t env_count;
} run_options;

/* False if the command line makes no sense, or memory is short; why has been said on stderr. The
 * value is to be released in any case. */
bool run_options_parse(run_options *options, int argc, char **argv);
void run_options_release(run_options *options);

extern const char run_options_usage[];

/* "wasmserve run: …" and a newline on stderr. */
__attribute__((format(printf, 1, 2))) void run_complain(const char *format, ...);

#endif
