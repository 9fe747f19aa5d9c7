/* SPDX-License-Identifier: Apache-2.0
 * wasi.h — WASI preview 1 for guests: what is made once per guest call, and the table of functions.
 *
 * A wasi is the state of one guest process: arguments, environment, descriptors, exit code. It is
 * reached from host functions as the store's data (struct host_context, host.h). Everything a guest
 * can do through it follows from the grants it is made with: without GRANT_CLOCK clocks show a
 * pretended time, without GRANT_RANDOM random_get answers NOTCAPABLE, without dirs there is no file
 * system. README.md of this layer says why.
 *
 * Threads: as the store.
 * Memory:  wasi_new() to wasi_free(), which closes what the guest left open.
 */
#ifndef WASMSERVE_WASI_H
#define WASMSERVE_WASI_H

#include "engine.h"
#include "exchange.h"
#include "grants.h"

typedef struct wasi wasi;

typedef struct wasi_options {
    const char *const *argv; /* borrowed until wasi_free() */
    size_t argc;
    const char *const *env; /* "NAME=VALUE"; the granted ones are added by wasi_new() */
    size_t env_count;
    const grants *grants;
    const exchange *exchange; /* stdin = read_body, stdout = write_output, stderr = log by lines */
    uint32_t max_open;        /* descriptors open at once beside stdio and granted dirs; 0: 64 */
    uint32_t terminals;       /* bit n: descriptor n of 0 to 2 is a terminal, as isatty() says */
} wasi_options;

/* The functions, sorted by (module, name), for wasm_resolve(); both module names
 * (wasi_snapshot_preview1, wasi_unstable). */
const wasm_host_function *wasi_functions(size_t *count);

/* Opens the granted directories. Errors: SYSTEM with a report that names the directory,
 * NO_MEMORY. */
wasm_status wasi_new(const wasi_options *options, wasi **out, wasm_report *report);
void wasi_free(wasi *state); /* NULL is allowed; flushes a last stderr line without newline */
/* Sends on a last stderr line without newline, where one request of several ends. */
void wasi_flush(wasi *state);
/* Whether the guest's descriptors are what they were when it began: none opened, closed or changed.
 */
bool wasi_is_initial(const wasi *state);
/* How far the pretended clock has come, in ns; and lets it go on from there, where a guest begins
 * with the memory of another one that has asked for the time: it must not see time go back. */
uint64_t wasi_pretended_time(const wasi *state);
void wasi_resume(wasi *state, uint64_t pretended_time);
/* After a call returned WASM_E_EXIT: the guest's exit code. 0 otherwise. */
uint32_t wasi_exit_code(const wasi *state);
/* The grant bits (enum grant_bit) that the guest has asked for something with and did not have: a
 * hint for whoever reports that it failed. */
uint32_t wasi_missed_grants(const wasi *state);

#endif
