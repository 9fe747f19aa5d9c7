/* SPDX-License-Identifier: Apache-2.0
 * loader_handler.h — SetHandler wasmserve-loader: the script with which a page loads its app.
 *
 * Memory:  In r->pool.
 * Threads: As the request: one thread at a time.
 */
#ifndef LOADER_HANDLER_H
#define LOADER_HANDLER_H

#include <stdbool.h>

#include "httpd.h"

#define LOADER_HANDLER "wasmserve-loader"

/* Whether the configuration has given this request to the loader. */
bool loader_handler_wanted(const request_rec *r);

/* handler hook: answers with the loader, in the smallest form that the client accepts. */
int loader_handler(request_rec *r);

#endif
