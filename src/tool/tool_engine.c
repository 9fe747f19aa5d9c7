/* SPDX-License-Identifier: Apache-2.0
 * tool_engine.c — tool_engine.h.
 */
#include "tool_engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool tool_engine_parse(const char *text, tool_engine *engine)
{
    static const struct {
        const char *word;
        wasm_tier tier;
        bool explicit_checks, unwatched;
    } words[] = {{"auto", WASM_TIER_AUTO, false, false},
                 {"interpreter", WASM_TIER_INTERPRETER, false, false},
                 {"compiler", WASM_TIER_COMPILER, false, false},
                 {"compiler,explicit", WASM_TIER_COMPILER, true, false},
                 {"compiler,unwatched", WASM_TIER_COMPILER, false, true}};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(text, words[i].word) == 0) {
            engine->tier = words[i].tier;
            engine->compile.explicit_checks = words[i].explicit_checks;
            engine->compile.unwatched = words[i].unwatched;
            return true;
        }
    }
    return false;
}

/* What somebody should look at. */
static void note(void *baton, bool bad, const char *line)
{
    (void)baton;
    if (bad)
        fprintf(stderr, "wasmserve: %s\n", line);
}

uint32_t tool_engine_threads(void)
{
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);

    return processors > 0 ? (uint32_t)processors : 1;
}

wasm_status tool_engine_begin(tool_engine *engine, wasm_limits *limits, uint32_t memories,
                              wasm_report *report)
{
    if (engine->tier == WASM_TIER_AUTO && engine->compile.cache != NULL &&
        wasm_compiler_available(&engine->compile, NULL, 0))
        engine->tier = WASM_TIER_COMPILER;
    engine->compile.note = note;
    engine->compile.perf_map = getenv("WASMSERVE_PERF_MAP") != NULL;
    if (engine->tier != WASM_TIER_COMPILER)
        return WASM_OK;
    engine->compile.threads = tool_engine_threads();
    if (engine->compile.explicit_checks)
        return WASM_OK;
    limits->guarded = memories;
    return wasm_faults_handle(report);
}
