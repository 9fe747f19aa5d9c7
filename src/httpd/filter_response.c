/* SPDX-License-Identifier: Apache-2.0
 * filter_response.c — one plugin's part behind whoever answers: an output filter.
 *
 * How:     Its place is behind the filters that make content (mod_include) and in front of those
 *          that compress it and of mod_headers: a guest sees text, and the administrator's Header
 *          lines have the last word. The first brigade of a response comes with its status and
 *          header fields as they are going to be, and before they have left:
 *
 *   without buffer_response   handle_response runs at that moment, and the filter steps aside: the
 *                             response is not held back, however slowly it comes
 *   with it                   the response is collected to its end, up to WasmServeBody; then
 *                             handle_response runs, and what it made of it is passed on
 *
 *          A guest that fails then has changed nothing. WasmServeOnError: the response is thrown
 *          away for an error page, or (open) passed on as it was. httpd's own filter makes the
 *          page, of an error bucket; if the header had left already, it breaks the connection off.
 *
 *          Responses of one status are not a filter's business: 101, after which the connection
 *          speaks another protocol.
 * Memory:  What is held are buckets set aside in the request's pool.
 * Threads: the request's.
 */
#include "filter_chain.h"

#include <string.h>

#include "apr_strings.h"
#include "http_core.h"
#include "http_protocol.h"
#include "http_connection.h"
#include "util_filter.h"

#include "httpd_log.h"

static ap_filter_rec_t *filter_handle;

/* ---- what who answers has seen otherwise ----------------------------------------------------- */

static void show_fields(request_rec *r, struct filter_chain *chain)
{
    if (chain->accept_encoding != NULL) {
        /* mod_deflate and its like look at it now. */
        apr_table_setn(r->headers_in, "Accept-Encoding", chain->accept_encoding);
        chain->accept_encoding = NULL;
    }
}

/* A guest may have made GET of HEAD, or the other way: the client gets what it has asked for, which
 * is no body in either case. */
static void show_method(request_rec *r, struct filter_chain *chain)
{
    if (r->header_only != chain->header_only) {
        chain->drops = true;
    }
    if (r->header_only && !chain->header_only) {
        filter_exchange_forget_body(r);
    }
    r->header_only = chain->header_only;
}

static void drop_data(apr_bucket_brigade *bb)
{
    for (apr_bucket *e = APR_BRIGADE_FIRST(bb), *next; e != APR_BRIGADE_SENTINEL(bb); e = next) {
        next = APR_BUCKET_NEXT(e);
        if (!APR_BUCKET_IS_METADATA(e)) {
            apr_bucket_delete(e);
        }
    }
}

/* ---- the end of a use ------------------------------------------------------------------------ */

static void use_done(struct filter_use *use, enum filter_state state)
{
    use->state = state;
    filter_use_end(use);
    if (use->held != NULL) {
        apr_brigade_cleanup(use->held);
    }
}

/* Passes on, and is not in the way any more. */
static apr_status_t step_aside(ap_filter_t *f, apr_bucket_brigade *bb)
{
    const struct filter_use *use = f->ctx;
    ap_filter_t *next = f->next;

    if (!use->chain->drops) {
        ap_remove_output_filter(f);
    }
    return ap_pass_brigade(next, bb);
}

/* Makes an error of the response. */
static apr_status_t pass_error(ap_filter_t *f, apr_bucket_brigade *bb, int http)
{
    request_rec *r = f->r;
    apr_bucket_alloc_t *alloc = r->connection->bucket_alloc;

    apr_brigade_cleanup(bb);
    if (r->prev == NULL) {
        /* The status is still that of the response which is thrown away; httpd would take it for an
         * earlier error and make no ErrorDocument of this one. */
        r->status = HTTP_OK;
        r->status_line = NULL;
    }
    APR_BRIGADE_INSERT_TAIL(bb, ap_bucket_error_create(http, NULL, r->pool, alloc));
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(alloc));
    return step_aside(f, bb);
}

/* ---- the guest ------------------------------------------------------------------------------- */

/* It goes on without the plugin. What is held of the response belongs in front of bb. `http`: the
 * status that belongs to the failure. */
static apr_status_t fail(ap_filter_t *f, apr_bucket_brigade *bb, int http)
{
    struct filter_use *use = f->ctx;
    request_rec *r = f->r;
    bool open = plugin_on_error(use->plugin, settings_of(r))->open;

    if (open && use->held != NULL) {
        APR_BRIGADE_PREPEND(bb, use->held);
    }
    use_done(use, FILTER_FAILED);
    return open ? step_aside(f, bb)
                : pass_error(f, bb, plugin_failure_answer(r, use->plugin, http));
}

static const char *consequence(request_rec *r, const struct plugin *plugin, int http)
{
    return plugin_on_error(plugin, settings_of(r))->open
               ? "going on without it"
               : apr_psprintf(r->pool, "answered %d", plugin_failure_status(r, plugin, http));
}

static apr_status_t settle_failure(ap_filter_t *f, apr_bucket_brigade *bb,
                                   const struct plugin_result *result)
{
    struct filter_use *use = f->ctx;
    request_rec *r = f->r;
    const struct plugin *plugin = use->plugin;
    const char *nonsense = use->x->nonsense;
    int http = nonsense ? HTTP_INTERNAL_SERVER_ERROR : plugin_failure_http(result->status);

    apr_table_setn(r->notes, PLUGIN_NOTE_OUTCOME,
                   nonsense ? "NONSENSE" : wasm_status_name(result->status));
    if (nonsense != NULL) {
        counter_add(&plugin->counters->nonsense, 1);
        plugin_failure_log_nonsense(r, plugin, result, nonsense, consequence(r, plugin, http));
    } else {
        counter_add(&plugin->counters->failed[result->status], 1);
        plugin_failure_log(r, plugin, result, consequence(r, plugin, http));
    }
    return fail(f, bb, http);
}

/* Puts the body of the response, as it is now, in front of bb. */
static void put_body(struct filter_use *use, apr_bucket_brigade *bb, apr_bucket_brigade *body)
{
    request_rec *r = use->x->r;
    apr_bucket_brigade *now = body ? body : use->held;

    if (AP_STATUS_IS_HEADER_ONLY(r->status) || (body != NULL && r->header_only)) {
        /* What a guest writes for HEAD need not be what it would write for GET. */
        apr_brigade_cleanup(now);
        if (AP_STATUS_IS_HEADER_ONLY(r->status)) {
            apr_table_unset(r->headers_out, "Content-Length");
            apr_table_unset(r->err_headers_out, "Content-Length");
        }
        return;
    }
    if (body != NULL) {
        ap_set_content_length(r, (apr_off_t)use->x->new_response.length);
    }
    APR_BRIGADE_PREPEND(bb, now);
}

/* Runs handle_response. The response is in use->held if it is held, and bb has its end; else bb has
 * its beginning. */
static apr_status_t respond(ap_filter_t *f, apr_bucket_brigade *bb)
{
    struct filter_use *use = f->ctx;
    request_rec *r = f->r;
    apr_bucket_brigade *body = NULL;
    struct plugin_result result;
    bool good;

    filter_exchange_response(use->x, r, use->held);
    good = plugin_instance_response(use->instance, use->chain->server_error, &result);
    filter_use_count(use, &result);
    LOG_R(APLOG_TRACE1, 0, r, "plugin %s: handle_response: %s, %" APR_UINT64_T_FMT " us",
          plugin_title(r, use->plugin), wasm_status_name(result.status),
          result.guest_nanoseconds / 1000);
    if (!good) {
        return settle_failure(f, bb, &result);
    }
    counter_add(&use->plugin->counters->passed, 1);
    if (!filter_exchange_commit_response(use->x, &body)) {
        body = NULL;
    }
    if (use->held != NULL) {
        put_body(use, bb, body);
    }
    use_done(use, FILTER_DONE);
    return step_aside(f, bb);
}

/* ---- the response ---------------------------------------------------------------------------- */

static bool has_error(const apr_bucket_brigade *bb)
{
    for (apr_bucket *e = APR_BRIGADE_FIRST(bb); e != APR_BRIGADE_SENTINEL(bb);
         e = APR_BUCKET_NEXT(e)) {
        if (AP_BUCKET_IS_ERROR(e) || AP_BUCKET_IS_EOC(e)) {
            return true;
        }
    }
    return false;
}

/* The first brigade: what the guest said in handle_request becomes part of the response. */
static void begin(ap_filter_t *f, apr_bucket_brigade *bb)
{
    struct filter_use *use = f->ctx;
    request_rec *r = f->r;
    apr_bucket *written;

    filter_exchange_seed(use->x, r);
    written = held_bytes_bucket(&use->x->new_response, r->connection->bucket_alloc);
    if (use->x->response_written && !AP_STATUS_IS_HEADER_ONLY(r->status)) {
        filter_exchange_forget_body(r);
        if (written != NULL && !r->header_only) {
            APR_BRIGADE_INSERT_HEAD(bb, written);
            written = NULL;
        }
    }
    if (written != NULL) {
        apr_bucket_destroy(written);
    }
    if ((use->features & EXCHANGE_HOLDS_RESPONSE) != 0) {
        use->state = FILTER_HOLDING;
        use->held = apr_brigade_create(r->pool, r->connection->bucket_alloc);
        use->held_bytes = 0;
    }
}

/* Moves data to use->held, up to the end. *ended: bb begins with it. APR_ENOSPC: it is too much. */
static apr_status_t hold(struct filter_use *use, request_rec *r, apr_bucket_brigade *bb,
                         bool *ended)
{
    *ended = false;
    while (!APR_BRIGADE_EMPTY(bb)) {
        apr_bucket *e = APR_BRIGADE_FIRST(bb);
        const char *bytes;
        apr_size_t length = e->length;
        apr_status_t rv = APR_SUCCESS;

        if (APR_BUCKET_IS_EOS(e)) {
            *ended = true;
            return APR_SUCCESS;
        }
        if (APR_BUCKET_IS_METADATA(e)) {
            apr_bucket_delete(e); /* a flush, mostly, which buffer_response rules out */
            continue;
        }
        if (length == (apr_size_t)-1) {
            rv = apr_bucket_read(e, &bytes, &length, APR_BLOCK_READ);
        }
        if (rv == APR_SUCCESS) {
            use->held_bytes += length;
            rv = use->held_bytes > use->limits.body ? APR_ENOSPC : apr_bucket_setaside(e, r->pool);
        }
        if (rv == APR_ENOTIMPL) {
            rv = apr_bucket_read(e, &bytes, &length, APR_BLOCK_READ);
            if (rv == APR_SUCCESS) {
                rv = apr_bucket_setaside(e, r->pool);
            }
        }
        if (rv != APR_SUCCESS) {
            return rv;
        }
        APR_BUCKET_REMOVE(e);
        APR_BRIGADE_INSERT_TAIL(use->held, e);
    }
    return APR_SUCCESS;
}

/* The response cannot be held. */
static apr_status_t hold_failed(ap_filter_t *f, apr_bucket_brigade *bb, apr_status_t rv)
{
    struct filter_use *use = f->ctx;
    request_rec *r = f->r;
    const struct plugin *plugin = use->plugin;

    if (rv == APR_ENOSPC) {
        counter_add(&plugin->counters->refused, 1);
        apr_table_setn(r->notes, PLUGIN_NOTE_OUTCOME, "large");
        LOG_R(APLOG_ERR, 0, r,
              "plugin %s: the response is larger than the %" APR_UINT64_T_FMT
              " bytes of WasmServeBody that can be held for it; %s",
              plugin_title(r, plugin), use->limits.body,
              consequence(r, plugin, HTTP_INTERNAL_SERVER_ERROR));
        return fail(f, bb, HTTP_INTERNAL_SERVER_ERROR);
    }
    LOG_R(APLOG_ERR, rv, r, "plugin %s: the response cannot be read to be held",
          plugin_title(r, plugin));
    use_done(use, FILTER_FAILED);
    return pass_error(f, bb, HTTP_BAD_GATEWAY);
}

static apr_status_t filter_out(ap_filter_t *f, apr_bucket_brigade *bb)
{
    struct filter_use *use = f->ctx;
    request_rec *r = f->r;
    apr_status_t rv;
    bool ended;

    if (APR_BRIGADE_EMPTY(bb)) {
        return ap_pass_brigade(f->next, bb);
    }
    if (use->chain->drops) {
        drop_data(bb);
    }
    if (use->state != FILTER_PASSED && use->state != FILTER_HOLDING) {
        return step_aside(f, bb);
    }
    if (has_error(bb)) {
        /* The response breaks off. What comes instead, if anything can, is begun anew. */
        if (use->held != NULL) {
            apr_brigade_cleanup(use->held);
        }
        use->state = FILTER_PASSED;
        return step_aside(f, bb);
    }
    if (use->state == FILTER_PASSED) {
        show_fields(r, use->chain);
        show_method(r, use->chain);
        if (r->status == HTTP_SWITCHING_PROTOCOLS) {
            use_done(use, FILTER_DONE);
            return step_aside(f, bb);
        }
        if (use->chain->drops) {
            drop_data(bb);
        }
        begin(f, bb);
        if (use->state == FILTER_PASSED) {
            return respond(f, bb);
        }
    }
    rv = hold(use, r, bb, &ended);
    if (rv != APR_SUCCESS) {
        return hold_failed(f, bb, rv);
    }
    return ended ? respond(f, bb) : APR_SUCCESS;
}

void filter_response_register(void)
{
    filter_handle = ap_register_output_filter("WASMSERVE_FILTER", filter_out, NULL,
                                              (ap_filter_type)(AP_FTYPE_CONTENT_SET - 1));
}

void filter_response_insert(request_rec *r, struct filter_use *use)
{
    if (use->state != FILTER_PASSED && use->state != FILTER_HOLDING) {
        return;
    }
    for (ap_filter_t *f = r->output_filters; f != NULL; f = f->next) {
        if (f->frec == filter_handle && f->ctx == use) {
            return;
        }
    }
    if (use->held != NULL) {
        apr_brigade_cleanup(use->held); /* of a response that was given up */
    }
    use->state = FILTER_PASSED;
    ap_add_output_filter_handle(filter_handle, use, r, r->connection);
}
