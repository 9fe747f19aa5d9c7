/* SPDX-License-Identifier: Apache-2.0
 * httpwasm.h — the http-wasm `http-handler` ABI: a guest that looks at a request before it is
 * answered and at the response before it leaves.
 *
 * Life: httpwasm_new() before the instance is made, because a start section may call host
 * functions; httpwasm_start() once; then for each request httpwasm_request(), httpwasm_response()
 * if the guest let the request pass, httpwasm_end(). The calls of a request are made on the same
 * instance, and an instance serves one request at a time. Once a call has failed (which includes an
 * exit), the instance is in no state that the ABI defines, and only httpwasm_free() may follow.
 *
 * The state is reached from host functions as the store's data (struct host_context, host.h).
 *
 * Threads: as the store.
 * Memory:  httpwasm_new() to httpwasm_free(). The interface: http-wasm/http-wasm,
 *          content/http-handler-abi.md; what that leaves open is done as by its reference host,
 *          http-wasm-host-go. README.md of this layer has the differences.
 */
#ifndef WASMSERVE_HTTPWASM_H
#define WASMSERVE_HTTPWASM_H

#include "engine.h"
#include "exchange.h"
#include "grants.h"

typedef struct httpwasm httpwasm;

typedef struct httpwasm_options {
    const exchange *exchange; /* for the log; may be changed by its owner between requests */
    const grants *grants;
    const void *config; /* what get_config answers; borrowed until httpwasm_free() */
    size_t config_length;
} httpwasm_options;

/* The functions, sorted by (module, name), for wasm_resolve(). */
const wasm_host_function *httpwasm_functions(size_t *count);

/* What is wrong with a module's exports, in words; NULL if it is a guest of this ABI. Static. */
const char *httpwasm_check(const wasm_module *module);

/* Whether httpwasm_start() has something to run, or the module has a start function. */
bool httpwasm_initializes(const wasm_module *module);

/* NULL when there is no memory. */
httpwasm *httpwasm_new(const httpwasm_options *options);
void httpwasm_free(httpwasm *state); /* NULL is allowed */

/* Finds the exports of a new instance and runs what initializes it: _start, then _initialize, where
 * it has them. Errors: as wasm_call(), EXIT among them: a guest that has ended handles nothing. */
wasm_status httpwasm_start(httpwasm *state, wasm_store *store, wasm_instance *instance,
                           wasm_report *report);

/* What initializing has changed outside of the guest: the features that every request begins with.
 */
uint32_t httpwasm_initial_features(const httpwasm *state);
/* In place of httpwasm_start() for an instance that begins with the state of one that was started,
 * whose features these are. */
wasm_status httpwasm_resume(httpwasm *state, wasm_store *store, wasm_instance *instance,
                            uint32_t features);

/* handle_request, on `http`, which stays borrowed until httpwasm_end(). *next: whether the request
 * goes on to who is next; otherwise the guest has answered. */
wasm_status httpwasm_request(httpwasm *state, const exchange_http *http, bool *next,
                             wasm_report *report);

/* handle_response, with the context that handle_request returned. is_error: there is no response
 * of who was next, but an error of the server's own. */
wasm_status httpwasm_response(httpwasm *state, bool is_error, wasm_report *report);

/* Adds to the report of a failed instantiation why a call of its start section was against the
 * rules; the reports of the functions above have it. */
void httpwasm_explain(const httpwasm *state, wasm_report *report);

/* The request is over: what was enabled for it alone is forgotten. */
void httpwasm_end(httpwasm *state);

/* The features (enum exchange_feature) that are on for the request. */
uint32_t httpwasm_features(const httpwasm *state);

/* The grant bits that the guest has asked for something with and did not have. */
uint32_t httpwasm_missed_grants(const httpwasm *state);

#endif
