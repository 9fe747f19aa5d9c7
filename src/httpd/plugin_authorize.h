/* SPDX-License-Identifier: Apache-2.0
 * plugin_authorize.h — Require wasmserve NAME.
 *
 * Memory and threads: see plugin_authorize.c.
 */
#ifndef PLUGIN_AUTHORIZE_H
#define PLUGIN_AUTHORIZE_H

#include "httpd.h"

/* For register_hooks: the provider. */
void plugin_authorize_register(apr_pool_t *p);

/* insert_filter and insert_error_filter: header fields of a guest that has denied the request. */
void plugin_authorize_insert(request_rec *r);
void plugin_authorize_insert_error(request_rec *r);

#endif
