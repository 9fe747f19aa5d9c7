/* SPDX-License-Identifier: Apache-2.0
 * delivery_handler.h — the handler that delivers Wasm and its siblings.
 *
 * Memory:  In r->pool.
 * Threads: As the request: one thread at a time.
 */
#ifndef DELIVERY_HANDLER_H
#define DELIVERY_HANDLER_H

#include <stdbool.h>

#include "httpd.h"

struct settings_dir;

/* handler hook: answers if WasmServe is On here, the file is one of ours and nobody else has been
 * asked to; DECLINED otherwise. */
int delivery_handler(request_rec *r);

/* The Cache-Control for the last name in path, by WasmServeImmutable; never `public` unless it may
 * be. A constant. */
const char *delivery_handler_cache_control(request_rec *r, const struct settings_dir *conf,
                                           const char *path, bool may_be_public);

#endif
