/* SPDX-License-Identifier: Apache-2.0
 * exchange_httpd.c — a guest's stdin, stdout and log over a request_rec.
 *
 * Body in: brigades of the input filters, one at a time, so httpd's own filters do the decoding of
 * chunks, LimitRequestBody, RequestReadTimeout and 100-continue, and a body of any size passes
 * through 8 KiB. It is asked for without waiting first; only if nothing is there, what the guest
 * has written so far is sent, the deadline is paused and the client waited for.
 *
 * Body out: what the guest writes is collected to 16 KiB and then passed to the output filters,
 * which send or buffer it and wait for a slow client. Until then nothing has left, and a guest that
 * fails costs the client a plain error page instead of half an answer. Less than that is passed
 * on when the guest is about to wait (for the client, or asleep: the flush callback), and with a
 * write that comes 100 ms or more after the last one passed: somebody is watching it come.
 *
 * A response cut short must look so: an error bucket with 502, which httpd's chunk filter and
 * mod_http2 understand as "broken" (no last chunk; RST_STREAM), and the connection is closed.
 *
 * Memory and threads: see the header. Bytes are passed as transient buckets; a filter that keeps
 * them copies them, so guest memory and our buffer may change afterwards.
 */
#include "exchange_httpd.h"

#include <string.h>

#include "apr_strings.h"
#include "http_protocol.h"
#include "http_request.h"

#include "httpd_log.h"

#define PENDING_BYTES 16384 /* RATIONALE "Why is output held back?" */
#define HEAD_BYTES    65536 /* RATIONALE "Limits" */
#define PATIENCE      apr_time_from_msec(100)

/* ---- waiting for the client ------------------------------------------------------------------ */

static void wait_begins(struct exchange_httpd *x)
{
    if (x->store != NULL) {
        wasm_deadline_pause(x->store);
    }
}

static void wait_ends(struct exchange_httpd *x)
{
    if (x->store != NULL) {
        wasm_deadline_resume(x->store);
    }
}

/* ---- the answer ------------------------------------------------------------------------------ */

static wasm_status out_status(struct exchange_httpd *x, apr_status_t rv)
{
    if (rv == APR_SUCCESS && !x->r->connection->aborted) {
        return WASM_OK;
    }
    if (rv == AP_FILTER_ERROR) {
        /* A filter has answered by itself; the request is over, the client is not gone. */
        x->http_status = AP_FILTER_ERROR;
        return WASM_E_HOST_FAILURE;
    }
    return WASM_E_CLIENT_GONE;
}

static void out_add(struct exchange_httpd *x, const void *bytes, size_t length)
{
    if (length > 0) {
        APR_BRIGADE_INSERT_TAIL(
            x->out, apr_bucket_transient_create(bytes, length, x->r->connection->bucket_alloc));
    }
}

/* Passes on what is pending, then bytes, then (if it is not NULL) a bucket. */
static wasm_status out_pass(struct exchange_httpd *x, const void *bytes, size_t length,
                            apr_bucket *last)
{
    apr_status_t rv;

    out_add(x, x->pending, x->pending_length);
    out_add(x, bytes, length);
    if (last != NULL) {
        APR_BRIGADE_INSERT_TAIL(x->out, last);
    }
    x->begun = true;
    x->pending_length = 0;
    wait_begins(x);
    rv = ap_pass_brigade(x->r->output_filters, x->out);
    wait_ends(x);
    apr_brigade_cleanup(x->out);
    x->passed_at = apr_time_now();
    return out_status(x, rv);
}

static wasm_status out_flush(struct exchange_httpd *x)
{
    if (!x->head_done || x->discard || x->r->header_only || (x->begun && x->pending_length == 0)) {
        return WASM_OK;
    }
    return out_pass(x, NULL, 0, apr_bucket_flush_create(x->r->connection->bucket_alloc));
}

static wasm_status out_body(struct exchange_httpd *x, const char *bytes, size_t length)
{
    int64_t room = x->response.length - x->body_sent;

    if (x->discard || length == 0) {
        return WASM_OK;
    }
    if ((uint64_t)room < length) {
        /* Bytes beyond the declared length would be read as the next response. */
        x->excess = true;
        length = (size_t)room;
    }
    x->body_sent += (int64_t)length;
    if (x->r->header_only && x->pending_length + length >= PENDING_BYTES) {
        /* To HEAD a short body is passed like to GET, in one piece with its end, so that filters
         * make the same header of it. A long one would be chunked; nobody looks at its bytes. */
        x->discard = true;
        x->pending_length = 0;
        return WASM_OK;
    }
    if (x->pending_length + length >= PENDING_BYTES) {
        return out_pass(x, bytes, length, NULL);
    }
    if (x->pending == NULL) {
        x->pending = apr_palloc(x->r->pool, PENDING_BYTES);
    }
    if (length > 0) {
        memcpy(x->pending + x->pending_length, bytes, length);
        x->pending_length += length;
    }
    if (apr_time_now() - x->passed_at >= PATIENCE) {
        return out_flush(x);
    }
    return WASM_OK;
}

static wasm_status nonsense(struct exchange_httpd *x, const char *why)
{
    x->nonsense = why;
    x->http_status = HTTP_INTERNAL_SERVER_ERROR;
    return WASM_E_HOST_FAILURE;
}

/* The header is complete: x->head has it, and perhaps the beginning of the body behind it. */
static wasm_status head_complete(struct exchange_httpd *x, size_t length)
{
    const char *why = plugin_response_apply(x->r, x->head, length, &x->response);

    if (why != NULL) {
        return nonsense(x, why);
    }
    x->head_done = true;
    x->passed_at = apr_time_now();
    /* A redirection that is ours to make, or "not modified", has no body of the guest's. */
    x->discard = x->response.location != NULL || x->response.condition != OK ||
                 AP_STATUS_IS_HEADER_ONLY(x->r->status);
    return out_body(x, x->head + length, x->head_length - length);
}

static wasm_status head_add(struct exchange_httpd *x, const char *bytes, size_t length,
                            size_t *taken)
{
    size_t end;

    *taken = length < HEAD_BYTES - x->head_length ? length : HEAD_BYTES - x->head_length;
    if (x->head_length + *taken > x->head_room) {
        size_t room = x->head_room ? x->head_room : 1024;
        char *grown;

        while (room < x->head_length + *taken) {
            room *= 2;
        }
        grown = apr_palloc(x->r->pool, room);
        if (x->head_length > 0) {
            memcpy(grown, x->head, x->head_length);
        }
        x->head = grown;
        x->head_room = room;
    }
    if (*taken > 0) {
        memcpy(x->head + x->head_length, bytes, *taken);
        x->head_length += *taken;
    }
    end = plugin_response_end(x->head, x->head_length, x->head_searched);
    if (end > 0) {
        return head_complete(x, end);
    }
    x->head_searched = x->head_length;
    return x->head_length < HEAD_BYTES ? WASM_OK
                                       : nonsense(x, "64 KiB without the end of a header");
}

static wasm_status write_output(void *baton, const void *bytes, size_t length)
{
    struct exchange_httpd *x = baton;
    const char *text = bytes;
    wasm_status status;

    if (x->http_status != 0) {
        return WASM_E_HOST_FAILURE;
    }
    x->written += length;
    if (!x->head_done) {
        size_t taken;

        status = head_add(x, text, length, &taken);
        if (status != WASM_OK || !x->head_done) {
            return status;
        }
        text += taken;
        length -= taken;
    }
    return out_body(x, text, length);
}

/* ---- the request body ------------------------------------------------------------------------ */

static wasm_status in_failed(struct exchange_httpd *x, apr_status_t rv)
{
    if (x->r->connection->aborted || APR_STATUS_IS_ECONNABORTED(rv) ||
        APR_STATUS_IS_ECONNRESET(rv) || APR_STATUS_IS_EOF(rv)) {
        return WASM_E_CLIENT_GONE;
    }
    x->http_status = ap_map_http_request_error(rv, HTTP_BAD_REQUEST);
    LOG_R(APLOG_INFO, rv, x->r, "plugin %s: the request body cannot be read", x->label);
    return WASM_E_HOST_FAILURE;
}

/* Gets the next piece of the body. *wait: whether to wait for it. */
static apr_status_t in_fetch(struct exchange_httpd *x, bool wait)
{
    apr_status_t rv;

    apr_brigade_cleanup(x->in);
    if (wait) {
        wait_begins(x);
    }
    rv = ap_get_brigade(x->r->input_filters, x->in, AP_MODE_READBYTES,
                        wait ? APR_BLOCK_READ : APR_NONBLOCK_READ, HUGE_STRING_LEN);
    if (wait) {
        wait_ends(x);
    }
    if (!wait && (APR_STATUS_IS_EAGAIN(rv) || (rv == APR_SUCCESS && APR_BRIGADE_EMPTY(x->in)))) {
        return APR_EAGAIN;
    }
    return rv;
}

/* Takes up to size bytes from the first bucket. *got 0: it had none. */
static wasm_status in_take(struct exchange_httpd *x, char *buffer, size_t size, size_t *got)
{
    apr_bucket *e = APR_BRIGADE_FIRST(x->in);
    const char *data;
    apr_size_t length;
    apr_status_t rv;

    *got = 0;
    if (APR_BUCKET_IS_EOS(e)) {
        x->in_ended = true;
    } else if (!APR_BUCKET_IS_METADATA(e)) {
        rv = apr_bucket_read(e, &data, &length, APR_BLOCK_READ);
        if (rv != APR_SUCCESS) {
            return in_failed(x, rv);
        }
        if (length > size) {
            apr_bucket_split(e, size);
            length = size;
        }
        if (length > 0) {
            memcpy(buffer, data, length);
        }
        *got = length;
        x->body_read += length;
    }
    apr_bucket_delete(e);
    return WASM_OK;
}

static wasm_status read_body(void *baton, void *buffer, size_t size, size_t *got)
{
    struct exchange_httpd *x = baton;
    wasm_status status;

    *got = 0;
    if (x->http_status != 0) {
        return WASM_E_HOST_FAILURE;
    }
    while (*got == 0 && size > 0 && !x->in_ended) {
        if (APR_BRIGADE_EMPTY(x->in)) {
            bool invite = x->r->expecting_100 && !x->begun;
            apr_status_t rv;

            /* "100 Continue" is sent by httpd's filter when the body is waited for; it must not
             * come behind the beginning of the answer (RFC 9110 §15.2). So it goes first, or, if
             * the guest has begun to answer before it asks for the body, not at all. */
            if (!invite) {
                x->r->expecting_100 = 0;
            }
            rv = in_fetch(x, invite);
            if (rv == APR_EAGAIN) {
                if ((status = out_flush(x)) != WASM_OK) {
                    return status;
                }
                rv = in_fetch(x, true);
            }
            if (rv != APR_SUCCESS) {
                return in_failed(x, rv);
            }
        } else {
            if ((status = in_take(x, buffer, size, got)) != WASM_OK) {
                return status;
            }
            if (x->body_read > x->body_limit) {
                x->http_status = HTTP_REQUEST_ENTITY_TOO_LARGE;
                LOG_R(APLOG_INFO, 0, x->r,
                      "plugin %s: the request body has more than the %" APR_UINT64_T_FMT
                      " bytes of WasmServeBody",
                      x->label, x->body_limit);
                return WASM_E_HOST_FAILURE;
            }
        }
    }
    return WASM_OK;
}

/* ---- the rest -------------------------------------------------------------------------------- */

static void flush(void *baton)
{
    /* A client that went away meanwhile is noticed by the next write. */
    (void)out_flush(baton);
}

static void log_line(void *baton, exchange_level level, const char *text, size_t length)
{
    guest_log_line(&((struct exchange_httpd *)baton)->log, level, text, length);
}

struct exchange_httpd *exchange_httpd_new(request_rec *r, const char *label, uint64_t body_limit)
{
    struct exchange_httpd *x = apr_pcalloc(r->pool, sizeof(*x));

    x->callbacks = (exchange){.baton = x,
                              .read_body = read_body,
                              .write_output = write_output,
                              .flush = flush,
                              .log = log_line,
                              .clock = guest_clock,
                              .random = guest_random};
    x->r = r;
    x->label = label;
    x->body_limit = body_limit;
    x->in = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    x->out = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    x->log = guest_log_for(r, label);
    /* A sub-request (mod_include) has no body; its input filters would give the main request's. */
    x->in_ended = r->main != NULL;
    return x;
}

void exchange_httpd_set_store(void *baton, wasm_store *store)
{
    ((struct exchange_httpd *)baton)->store = store;
}

/* Sends a redirection within the server: the target is answered as a GET of its own. */
static int redirect_inside(request_rec *r, const char *location)
{
    int status;

    /* The body was the guest's to read; the target must not wait for it. What the guest has left of
     * it goes while the header still says how long it is: httpd's filter looks there when it is
     * asked first, and would take a body that it knows nothing of for the next request. */
    status = ap_discard_request_body(r);
    if (status != OK) {
        return status;
    }
    r->method = "GET";
    r->method_number = M_GET;
    apr_table_unset(r->headers_in, "Content-Length");
    apr_table_unset(r->headers_in, "Transfer-Encoding");
    ap_internal_redirect_handler(location, r);
    return OK;
}

int exchange_httpd_finish(struct exchange_httpd *x, const char **why)
{
    request_rec *r = x->r;
    wasm_status status;

    *why = NULL;
    if (!x->head_done) {
        *why = x->head_length > 0 ? "it ended inside the header" : "it wrote no answer";
        x->nonsense = *why;
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (x->response.condition == HTTP_PRECONDITION_FAILED) {
        return HTTP_PRECONDITION_FAILED;
    }
    if (x->response.condition != OK) {
        r->status = x->response.condition;
    } else if (x->response.location != NULL) {
        return x->response.location[0] == '/' ? redirect_inside(r, x->response.location)
                                              : HTTP_MOVED_TEMPORARILY;
    } else if (x->response.length != PLUGIN_NO_LENGTH && !x->discard && !r->header_only &&
               x->body_sent < x->response.length) {
        *why = "its body is shorter than its Content-Length";
        if (!x->begun) {
            x->nonsense = *why;
            plugin_response_undo(r, &x->response);
            return HTTP_INTERNAL_SERVER_ERROR;
        }
        exchange_httpd_fail(x);
        return OK;
    }
    if (x->excess) {
        LOG_R(APLOG_WARNING, 0, r,
              "plugin %s: its body is longer than its Content-Length; the rest is dropped",
              x->label);
    }
    status = out_pass(x, NULL, 0, apr_bucket_eos_create(r->connection->bucket_alloc));
    return status == WASM_E_HOST_FAILURE ? x->http_status : OK;
}

bool exchange_httpd_fail(struct exchange_httpd *x)
{
    request_rec *r = x->r;
    apr_bucket_alloc_t *alloc = r->connection->bucket_alloc;

    if (!x->begun) {
        if (x->head_done) {
            plugin_response_undo(r, &x->response);
        }
        return false;
    }
    if (!r->connection->aborted && x->http_status != AP_FILTER_ERROR) {
        r->no_cache = 1;
        r->connection->keepalive = AP_CONN_CLOSE;
        if (r->main != NULL) {
            r->main->no_cache = 1;
        }
        out_add(x, x->pending, x->pending_length);
        x->pending_length = 0;
        APR_BRIGADE_INSERT_TAIL(x->out,
                                ap_bucket_error_create(HTTP_BAD_GATEWAY, NULL, r->pool, alloc));
        (void)out_pass(x, NULL, 0, apr_bucket_eos_create(alloc));
    }
    return true;
}
