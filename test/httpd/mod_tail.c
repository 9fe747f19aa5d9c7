/* SPDX-License-Identifier: Apache-2.0
 * mod_tail.c — another module's filter, which rewrites what passes; test_delivery_kept.py builds
 * and loads it.
 *
 * How:     TAIL keeps the first KEPT bytes of an answer, drops the others, and adds the request's
 *          X-Tail with apr_brigade_puts(), as a filter does that inserts something of its own.
 *          Without that header it does nothing.
 * Threads: any; nothing is shared.
 */
#include "apr_buckets.h"
#include "httpd.h"
#include "http_config.h"
#include "util_filter.h"

enum { KEPT = 100 };

static apr_status_t replace_tail(ap_filter_t *f, apr_bucket_brigade *brigade)
{
    const char *tail = apr_table_get(f->r->headers_in, "X-Tail");
    apr_bucket *rest;

    ap_remove_output_filter(f);
    if (tail != NULL && apr_brigade_partition(brigade, KEPT, &rest) == APR_SUCCESS) {
        while (rest != APR_BRIGADE_SENTINEL(brigade)) {
            apr_bucket *next = APR_BUCKET_NEXT(rest);
            apr_bucket_delete(rest);
            rest = next;
        }
        apr_table_unset(f->r->headers_out, "Content-Length");
        apr_brigade_puts(brigade, NULL, NULL, tail);
        APR_BRIGADE_INSERT_TAIL(brigade, apr_bucket_eos_create(f->c->bucket_alloc));
    }
    return ap_pass_brigade(f->next, brigade);
}

static void register_hooks(apr_pool_t *pool)
{
    (void)pool;
    ap_register_output_filter("TAIL", replace_tail, NULL, AP_FTYPE_CONTENT_SET);
}

module AP_MODULE_DECLARE_DATA tail_module;

AP_DECLARE_MODULE(tail) = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL,
                           register_hooks,          0};
