/* SPDX-License-Identifier: Apache-2.0
 * plugin_instance.h — a guest that lives for more than one call: for both phases of a request, and
 * with WasmServeReuse for several requests, one after the other.
 *
 * Life: plugin_instance_take(), which makes and starts it or takes one that waits; one call or
 * more; plugin_instance_end(), by the request's pool at the latest. What fails is never used again.
 * Memory:  an instance is a block of its own with a store of its own. Between two requests it
 *          belongs to the child, see plugin_instance.c.
 * Threads: the request's; an instance serves one request at a time, and its next one may be of
 *          another thread.
 */
#ifndef PLUGIN_INSTANCE_H
#define PLUGIN_INSTANCE_H

#include "plugin.h"

struct plugin_instance;

/* For child_init, after the watchdog is there. */
void plugin_instance_child_init(apr_pool_t *pchild);

/* Frees those that wait with another version than the plugin's current one. */
void plugin_instance_drop(const struct plugin *plugin);

/* An instance for this request, started. `world` is what it has as a process; it is copied, its
 * baton must live until plugin_instance_end(). `set_store` is told (with that baton) the store
 * whose deadline is to be paused while somebody else is waited for. NULL on failure, then result
 * says why. The deadline counts from here on, but only while the guest runs. */
struct plugin_instance *plugin_instance_take(request_rec *r, const struct plugin *plugin,
                                             const struct plugin_limits *limits,
                                             const exchange *world,
                                             void (*set_store)(void *baton, wasm_store *store),
                                             struct plugin_result *result);

/* handle_request and handle_response, as httpwasm.h has them; true if they ended well. The times in
 * result are those of this call. */
bool plugin_instance_request(struct plugin_instance *instance, const exchange_http *http,
                             bool *next, struct plugin_result *result);
bool plugin_instance_response(struct plugin_instance *instance, bool is_error,
                              struct plugin_result *result);

/* The features (enum exchange_feature) that the guest has enabled for this request. */
uint32_t plugin_instance_features(const struct plugin_instance *instance);

/* The request has no more calls for it. */
void plugin_instance_end(struct plugin_instance *instance);

#endif
