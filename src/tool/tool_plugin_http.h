/* SPDX-License-Identifier: Apache-2.0
 * tool_plugin_http.h — a request and its response for the trial call of an http-wasm guest.
 *
 * Memory:  constant.
 * Threads: any.
 */
#ifndef WASMSERVE_TOOL_PLUGIN_HTTP_H
#define WASMSERVE_TOOL_PLUGIN_HTTP_H

#include "exchange.h"

/* GET / of localhost and an empty 200: everything can be asked for, every change is taken and
 * forgotten. */
extern const exchange_http plugin_trial_http;

#endif
