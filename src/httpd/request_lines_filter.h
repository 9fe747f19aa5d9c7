/* SPDX-License-Identifier: Apache-2.0
 * request_lines_filter.h — keeps the head of a request as it comes in, for request_lines.h.
 *
 * Memory:  r->pool.
 * Threads: the request's.
 */
#ifndef REQUEST_LINES_FILTER_H
#define REQUEST_LINES_FILTER_H

#include "httpd.h"

#include "request_lines.h"

void request_lines_register(void);

/* For post_config: whether anybody in this configuration will ask. */
void request_lines_wanted(bool wanted);

/* For create_request and post_read_request. */
int request_lines_begin(request_rec *r);
int request_lines_end(request_rec *r);

#define REQUEST_LINES_MAX 512 /* LimitRequestFields is 100 unless somebody raises it */

/* The parts of one entry of r->headers_in, or of a copy of it: the values of the lines behind it,
 * as far as they are known. Returns how many; 0 where it is to be taken as it is. They point into
 * the request's head or into `value`; nothing is allocated, since guests ask without end. */
size_t request_lines_of(request_rec *r, const char *name, const char *value,
                        struct request_line parts[REQUEST_LINES_MAX]);

#endif
