/* SPDX-License-Identifier: Apache-2.0
 * status_page.h — SetHandler wasmserve-status.
 *
 * Memory:  r->pool.
 * Threads: the request's.
 */
#ifndef STATUS_PAGE_H
#define STATUS_PAGE_H

#include "httpd.h"

#define STATUS_HANDLER "wasmserve-status"

/* handler hook: the state as HTML, ?auto, ?json or ?prometheus. */
int status_page_handler(request_rec *r);

#endif
