/* SPDX-License-Identifier: Apache-2.0
 * adopt_filter.h — makes delivery's what others have answered with one of its types.
 *
 * Memory:  In r->pool.
 * Threads: register in the parent; the filter as the request.
 */
#ifndef ADOPT_FILTER_H
#define ADOPT_FILTER_H

#include "httpd.h"

/* Names the filter; at configuration time. */
void adopt_filter_register(void);

/* insert_filter hook, before all others of this phase. */
void adopt_filter_insert(request_rec *r);

#endif
