/* SPDX-License-Identifier: Apache-2.0
 * store_service.h — WasmServeStore in a running server: who works, and who may ask for work.
 *
 * Why:     The store's own code (delivery/store_*.h) knows no server. Here it meets one: the
 *          directory is checked when the configuration is, each child opens it, and one thread of
 *          one child does the work.
 * Memory:  The settings' pool; one store for each process.
 * Threads: As said at each function.
 */
#ifndef STORE_SERVICE_H
#define STORE_SERVICE_H

#include "httpd.h"

#include "store_dir.h"
#include "store_worker.h"

/* check_config hook: whether the directory can be used, and mod_watchdog is there. Says what is
 * wrong, with APLOG_STARTUP so that `apachectl configtest` shows it. */
int store_service_check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                               server_rec *s);

/* post_config hook: orders the worker from mod_watchdog. */
int store_service_post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                              server_rec *s);

/* child_init hook: opens the store. */
void store_service_child_init(apr_pool_t *pchild, server_rec *s);

/* For child_stopping: the worker shall come to an end. May run in a signal handler. */
void store_service_child_stopping(void);

/* ---- any thread of a child ---- */

/* The store, or NULL where there is none. */
struct store *store_service_store(void);

/* The limits that the worker keeps to, so that it is not asked for what it would refuse. */
const struct store_limits *store_service_limits(void);

#endif
