/* SPDX-License-Identifier: Apache-2.0
 * delivery_sidecar.h — the variants that lie beside the raw file: app.wasm.br beside app.wasm.
 *
 * Memory:  In r->pool.
 * Threads: As the request: one thread at a time.
 */
#ifndef DELIVERY_SIDECAR_H
#define DELIVERY_SIDECAR_H

#include "delivery_file.h"

extern const struct delivery_source delivery_sidecar;

/* Opens r->filename, which is itself a variant in this coding, asked for by its own name. Returns
 * OK, DECLINED if it does not hold what its name says (and then must not be labelled so), or an
 * error. */
int delivery_sidecar_open_named(request_rec *r, enum coding coding, struct delivery_file *out);

#endif
