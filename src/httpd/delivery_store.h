/* SPDX-License-Identifier: Apache-2.0
 * delivery_store.h — the variants that the server has made itself.
 *
 * Memory:  In r->pool.
 * Threads: As the request: one thread at a time.
 */
#ifndef DELIVERY_STORE_H
#define DELIVERY_STORE_H

#include "delivery_file.h"

extern const struct delivery_source delivery_store;

#endif
