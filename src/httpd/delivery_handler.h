/* SPDX-License-Identifier: Apache-2.0
 * delivery_handler.h — the handler that delivers Wasm and its siblings.
 *
 * Memory:  In r->pool.
 * Threads: As the request: one thread at a time.
 */
#ifndef DELIVERY_HANDLER_H
#define DELIVERY_HANDLER_H

#include "httpd.h"

/* handler hook: answers if WasmServe is On here, the file is one of ours and nobody else has been
 * asked to; DECLINED otherwise. */
int delivery_handler(request_rec *r);

#endif
