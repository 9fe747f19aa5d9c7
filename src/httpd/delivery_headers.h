/* SPDX-License-Identifier: Apache-2.0
 * delivery_headers.h — Cache-Control and the isolation headers, set where nobody else has set
 * them.
 *
 * Memory:  Constant strings.
 * Threads: register in the parent; the filters as the request.
 */
#ifndef DELIVERY_HEADERS_H
#define DELIVERY_HEADERS_H

#include "httpd.h"

/* Names the filters; at configuration time. */
void delivery_headers_register(void);

/* insert_filter hook, between mod_expires and mod_headers: adds the filter that fills in what is
 * missing. */
void delivery_headers_insert(request_rec *r);

/* insert_filter hook, behind mod_headers: adds the filter that gives way to what mod_headers has
 * set "always". */
void delivery_headers_insert_last(request_rec *r);

#endif
