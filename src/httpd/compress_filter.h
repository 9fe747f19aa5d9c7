/* SPDX-License-Identifier: Apache-2.0
 * compress_filter.h — compresses an answer as it is sent.
 *
 * Memory:  In r->pool.
 * Threads: register in the parent; the filter as the request.
 */
#ifndef COMPRESS_FILTER_H
#define COMPRESS_FILTER_H

#include "httpd.h"

/* Names the filter; at configuration time. */
void compress_filter_register(void);

/* insert_filter hook, behind mod_headers, whose word about Cache-Control, ETag and Content-Encoding
 * is to be known. */
void compress_filter_insert(request_rec *r);

#endif
