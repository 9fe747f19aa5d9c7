/* SPDX-License-Identifier: Apache-2.0
 * request_state.c — finds or makes the module's state of a request; see the header.
 *
 * Memory:  In r->pool.
 * Threads: As the request: one thread at a time.
 */
#include "request_state.h"

#include "httpd_log.h"

struct request_state *request_state_of(request_rec *r)
{
    struct request_state *state = ap_get_module_config(r->request_config, &wasmserve_module);

    if (state == NULL) {
        state = apr_pcalloc(r->pool, sizeof(*state));
        ap_set_module_config(r->request_config, &wasmserve_module, state);
    }
    return state;
}
