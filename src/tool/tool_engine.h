/* SPDX-License-Identifier: Apache-2.0
 * tool_engine.h — which tier runs a guest of the tool, and how its code is made.
 *
 * Memory:  plain values.
 * Threads: the main thread.
 */
#ifndef WASMSERVE_TOOL_ENGINE_H
#define WASMSERVE_TOOL_ENGINE_H

#include "engine.h"

typedef struct tool_engine {
    wasm_tier tier;
    wasm_compile_options compile;
} tool_engine;

/* "auto", "interpreter", "compiler", or "compiler,explicit": with explicit checks of memory
 * accesses in place of guard pages; or "compiler,unwatched": without looking for deadlines. */
bool tool_engine_parse(const char *text, tool_engine *engine);
/* Threads to compile with: as many as there are processors. */
uint32_t tool_engine_threads(void);
/* Before anything is loaded: what compiled code wants of the process and of the limits of a store
 * with at most `memories` memories. */
wasm_status tool_engine_begin(tool_engine *engine, wasm_limits *limits, uint32_t memories,
                              wasm_report *report);

#endif
