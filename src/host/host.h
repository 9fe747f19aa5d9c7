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
    struct kv_guest *kv;       /* kv.h; NULL: as without its grant */
} host_context;

/* How a module wants to be spoken to, read off its imports and exports. UNKNOWN if it fits none.
 * *why (static text) says what is missing, also where the ABI is plain but the module lacks what it
 * must have; it is empty for a module that can be used. */
host_abi host_detect_abi(const wasm_module *module, const char **why);
const char *host_abi_name(host_abi abi); /* "cgi", "http-wasm", … */

/* Sets each of imports[], which has import_count entries, that there is a function for in a guest
 * of this ABI; as wasm_resolve(), for all tables. Errors: IMPORT_TYPE. */
wasm_status host_resolve(const wasm_module *module, host_abi abi, wasm_extern *imports,
                         wasm_report *report);

/* The bytes that loading a plugin's module of this length may take: far more than real modules need
 * (RATIONALE "Of a plugin"), and little beside what a crafted one asks for. */
size_t host_load_quota(size_t length);
/* The bytes that loading and compiling one may take together, where that is more: enough for a
 * small module that is one large function (wasm_compile_options.quota). */
size_t host_compile_quota(void);

#endif
