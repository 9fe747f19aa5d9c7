/* SPDX-License-Identifier: Apache-2.0
 * host.h — what a store's data points to: one slot for each host ABI.
 *
 * Whoever makes a store fills one of these and passes it as the store's data; a host function takes
 * its own ABI's state from it. ABIs never look at each other's slot.
 */
#ifndef WASMSERVE_HOST_H
#define WASMSERVE_HOST_H

#include "engine.h"
#include "exchange.h"
#include "grants.h"

typedef enum host_abi {
    HOST_ABI_UNKNOWN,
    HOST_ABI_CGI,
    HOST_ABI_HTTP_WASM,
    HOST_ABI_PROXY_WASM
} host_abi;

typedef struct host_context {
    struct wasi *wasi;         /* wasi.h */
    struct httpwasm *httpwasm; /* httpwasm.h; NULL where the guest speaks another ABI */
} host_context;

/* How a module wants to be spoken to, read off its imports and exports. UNKNOWN if it fits none.
 * *why (static text) says what is missing, also where the ABI is plain but the module lacks what it
 * must have; it is empty for a module that can be used. */
host_abi host_detect_abi(const wasm_module *module, const char **why);
const char *host_abi_name(host_abi abi); /* "cgi", "http-wasm", … */

#endif
