/* SPDX-License-Identifier: Apache-2.0
 * httpwasm_impl.h — what the files of this room share: the state of a guest and of its request.
 *
 * Every function of the interface has the same shape: wasm_status httpwasm_<name>(httpwasm_call *).
 * It takes its arguments from call->slots and writes its result over them, reaches guest memory
 * only through guestmem.h, and returns WASM_OK or what ends the guest's call:
 *
 *   HOST_POINTER   a pointer outside the guest's memory
 *   HOST_CALL      a call against the rules of the interface; call->state->complaint says which
 *   others         from the exchange
 *
 * Memory:  what the guest passes is used where it lies.
 * Threads: as the store, one at a time.
 */
#ifndef WASMSERVE_HTTPWASM_IMPL_H
#define WASMSERVE_HTTPWASM_IMPL_H

#include "httpwasm.h"
#include "guestmem.h"

typedef enum httpwasm_phase {
    HTTPWASM_OUTSIDE, /* the instance is made, started, or idle */
    HTTPWASM_REQUEST, /* in handle_request */
    HTTPWASM_BETWEEN, /* the request is with who is next */
    HTTPWASM_RESPONSE /* in handle_response */
} httpwasm_phase;

struct httpwasm {
    const exchange *exchange;
    const grants *grants;
    const void *config;
    size_t config_length;
    uint32_t missed;   /* grant bits whose absence was already logged */
    uint32_t features; /* of the instance: what a request begins with */

    wasm_store *store;
    wasm_func *handle_request, *handle_response;

    httpwasm_phase phase;
    const char *complaint; /* why the last call was against the rules; static */
    /* The request: */
    const exchange_http *http;
    uint32_t enabled; /* features that are on for it */
    uint32_t context; /* from handle_request, for handle_response */
    bool written[2];  /* by exchange_body: in this phase the guest has begun to replace it */
};

typedef struct httpwasm_call {
    wasm_caller *caller;
    httpwasm *state;
    uint64_t *slots;
} httpwasm_call;

#define H(module, name, signature, grant, when) wasm_status httpwasm_##name(httpwasm_call *call);
#include "httpwasm_functions.def"
#undef H

/* ---- httpwasm.c ---- */
/* Notes why; HOST_CALL. */
wasm_status httpwasm_refuse(const httpwasm_call *call, const char *why);
bool httpwasm_granted(const httpwasm *state, uint32_t bit);
bool httpwasm_has(const httpwasm *state, uint32_t feature);

/* ---- httpwasm_message.c ---- */
/* The guest's bytes as they lie in its memory; stale after a call into the guest. */
wasm_status httpwasm_take(const httpwasm_call *call, uint32_t at, uint32_t length,
                          exchange_text *text);
/* The buf_limit rule: writes text to `at` if it is not longer than `limit`; *length is always the
 * true one. */
wasm_status httpwasm_give(const httpwasm_call *call, exchange_text text, uint32_t at,
                          uint32_t limit, uint64_t *length);

#endif
