/* SPDX-License-Identifier: Apache-2.0
 * module.c — the life of a decoded module: making room for it, tracing it, freeing it.
 *
 * Memory: the record itself is the first thing that its quota counts; all else lives in its arena.
 * Threads: a module belongs to its loader until it is complete; then it is read by any thread.
 */
#include "decode_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

wasm_status module_new(const wasm_load_options *options, wasm_module **out, wasm_report *report)
{
    quota budget;
    quota_init(&budget, options->quota);
    wasm_module *m = quota_realloc(&budget, NULL, 0, sizeof *m);
    if (m == NULL)
        return quota_fail(&budget, report);
    memset(m, 0, sizeof *m);
    m->quota = budget;
    arena_init(&m->arena, &m->quota);
    m->start = WASM_NO_FUNC;
    m->trace = options->log != NULL ? options->trace : 0;
    m->log = options->log;
    m->log_baton = options->log_baton;
    m->stop = options->stop;
    m->stop_baton = options->stop_baton;
    /* A bit that this build does not offer cannot be switched on. */
    wasm_features wanted = options->features == 0 ? WASM_FEATURES_SUPPORTED : options->features;
    m->enabled = (wanted & WASM_FEATURES_SUPPORTED) | WASM_FEATURE(WASM_FEATURE_MVP);
    m->used = WASM_FEATURE(WASM_FEATURE_MVP);
    *out = m;
    return WASM_OK;
}

void module_destroy(wasm_module *module)
{
    if (module == NULL)
        return;
    arena_release(&module->arena);
    quota budget = module->quota; /* it outlives the record that it counts */
    quota_free(&budget, module, sizeof *module);
}

void module_trace(const wasm_module *m, unsigned trace_bit, const char *format, ...)
{
    if ((m->trace & trace_bit) == 0)
        return;
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    m->log(m->log_baton, trace_bit, line);
}
