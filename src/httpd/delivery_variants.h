/* SPDX-License-Identifier: Apache-2.0
 * delivery_variants.h — chooses what answers a request: the file itself, or a variant from one of
 * the sources.
 *
 * Memory:  Everything in r->pool; an opened file is closed with it.
 * Threads: As the request: one thread at a time.
 */
#ifndef DELIVERY_VARIANTS_H
#define DELIVERY_VARIANTS_H

#include "delivery_file.h"

/* Chooses among the raw file, its variants, and itself compressed as it is sent, by what the client
 * prefers. Returns OK with *out
 * open, HTTP_NOT_ACCEPTABLE, or the error for a raw file that cannot be opened. */
int delivery_variants_choose(const struct delivery_ask *ask, struct delivery_file *out);

/* Opens r->filename itself. Returns OK, or the error that httpd's own handler would give. */
int delivery_variants_open_requested(request_rec *r, enum coding coding,
                                     struct delivery_file *file);

#endif
