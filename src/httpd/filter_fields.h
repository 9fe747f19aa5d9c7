/* SPDX-License-Identifier: Apache-2.0
 * filter_fields.h — the header fields of a filter_exchange, listed and changed; for
 * filter_exchange.c alone.
 *
 * Memory:  r->pool, bounded by the budget of the exchange.
 * Threads: the request's.
 */
#ifndef FILTER_FIELDS_H
#define FILTER_FIELDS_H

#include "filter_exchange.h"

/* exchange_http.field and exchange_http.change_field. */
bool filter_fields_line(void *baton, exchange_fields kind, size_t index, exchange_text *name,
                        exchange_text *value);
wasm_status filter_fields_change(void *baton, exchange_fields kind, exchange_change change,
                                 exchange_text name, exchange_text value);

/* The features of this request that depend on it. */
bool filter_fields_has_trailers(const request_rec *r);

/* Takes `bytes` from the budget; false if there is not enough. */
bool filter_fields_charge(struct filter_exchange *x, size_t bytes);

#endif
