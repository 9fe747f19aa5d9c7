/* SPDX-License-Identifier: Apache-2.0
 * delivery_headers.c — Cache-Control, Use-As-Dictionary and the isolation headers, set where nobody
 * else has set them.
 *
 * Why:     An administrator's own Header and Expires lines win over our defaults. Those two
 *          modules act while the answer is on its way through the filters, after the handler; so
 *          whether somebody else has set a header is known only there.
 * How:     Two filters, which act on the first brigade and leave.
 *          - FILL runs behind mod_expires and before mod_headers. It sets what is missing. "Header
 *            set", "merge" and "unset" then find our value and do with it as they were told.
 *          - YIELD runs behind mod_headers. "Header always set" writes into another table
 *            (err_headers_out) and both would be sent, which for the isolation headers makes the
 *            browser ignore both; YIELD takes ours back.
 * Scope:   WasmServeIsolation is for documents as well as for what they load, so it applies to
 *          every main request in scope, whatever handler answers, and without `WasmServe On`
 *          too. Values: the strictest that let a page use threads. COEP credentialless is not
 *          understood by every browser; who wants it says so with Header set.
 * Memory:  Constant strings.
 * Threads: As the request: one thread at a time.
 */
#include "delivery_headers.h"

#include "http_request.h"
#include "util_filter.h"

#include "cachepolicy.h"
#include "loader_handler.h"
#include "request_state.h"
#include "settings.h"

struct header {
    const char *name, *value;
};

/* HTML §7.1.3, §7.1.4; Fetch §3.7 */
static const struct header isolation[] = {
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Embedder-Policy", "require-corp"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
};

enum { ISOLATION_HEADERS = sizeof(isolation) / sizeof(isolation[0]) };

static ap_filter_rec_t *fill_filter, *yield_filter;

static bool wants_isolation(const request_rec *r)
{
    return SETTING_OF(dir, settings_of(r), isolation)->on;
}

static bool wants_filters(const request_rec *r)
{
    return r->main == NULL && (SETTING_OF(dir, settings_of(r), enabled)->on || wants_isolation(r) ||
                               loader_handler_wanted(r));
}

static void fill(request_rec *r, const char *name, const char *value)
{
    if (apr_table_get(r->headers_out, name) == NULL &&
        apr_table_get(r->err_headers_out, name) == NULL) {
        apr_table_setn(r->headers_out, name, value);
    }
}

static apr_status_t fill_out(ap_filter_t *f, apr_bucket_brigade *brigade)
{
    request_rec *r = f->r;
    const struct request_state *state = request_state_of(r);

    if (state->cache_control != NULL) {
        fill(r, "Cache-Control", state->cache_control);
    }
    if (state->use_as_dictionary != NULL) {
        fill(r, "Use-As-Dictionary", state->use_as_dictionary);
    }
    for (int i = 0; wants_isolation(r) && i < ISOLATION_HEADERS; i++) {
        fill(r, isolation[i].name, isolation[i].value);
    }
    ap_remove_output_filter(f);
    return ap_pass_brigade(f->next, brigade);
}

static void yield(request_rec *r, const char *name)
{
    if (apr_table_get(r->err_headers_out, name) != NULL) {
        apr_table_unset(r->headers_out, name);
    }
}

/* A client cannot use a dictionary that it has to ask for again, and should not be told to keep
 * one. */
static void keep_dictionary_if_fresh(request_rec *r)
{
    const char *always = apr_table_get(r->err_headers_out, "Cache-Control");

    if (!cachepolicy_is_fresh(always ? always : apr_table_get(r->headers_out, "Cache-Control"))) {
        apr_table_unset(r->headers_out, "Use-As-Dictionary");
    }
}

static apr_status_t yield_out(ap_filter_t *f, apr_bucket_brigade *brigade)
{
    request_rec *r = f->r;

    if (request_state_of(r)->cache_control != NULL) {
        yield(r, "Cache-Control");
    }
    if (request_state_of(r)->use_as_dictionary != NULL) {
        yield(r, "Use-As-Dictionary");
        keep_dictionary_if_fresh(r);
    }
    for (int i = 0; wants_isolation(r) && i < ISOLATION_HEADERS; i++) {
        yield(r, isolation[i].name);
    }
    ap_remove_output_filter(f);
    return ap_pass_brigade(f->next, brigade);
}

void delivery_headers_register(void)
{
    /* The type of mod_expires' and mod_headers' filters; among filters of one type the order of
     * insertion decides. */
    fill_filter = ap_register_output_filter("WASMSERVE_FILL", fill_out, NULL, AP_FTYPE_CONTENT_SET);
    yield_filter =
        ap_register_output_filter("WASMSERVE_YIELD", yield_out, NULL, AP_FTYPE_CONTENT_SET);
}

void delivery_headers_insert(request_rec *r)
{
    if (wants_filters(r)) {
        ap_add_output_filter_handle(fill_filter, NULL, r, r->connection);
    }
}

void delivery_headers_insert_last(request_rec *r)
{
    if (wants_filters(r)) {
        ap_add_output_filter_handle(yield_filter, NULL, r, r->connection);
    }
}
