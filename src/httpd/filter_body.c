/* SPDX-License-Identifier: Apache-2.0
 * filter_body.c — the body of a request between the client, the filters' guests and whoever comes
 * next.
 *
 * How:     A guest reads before anybody else has. What it gets is kept from the beginning on, and
 *          an input filter (WASMSERVE_BODY) gives it again, followed by what is still on its way.
 *          So a guest that looks at the first bytes costs no more than these.
 *
 *          A body that is replaced, or used up by a guest without buffer_request, must not leave
 *          bytes of the client's in the connection, where they would be read as the next request,
 *          nor may Content-Length go on saying what is no longer true. So the client's body is read
 *          to its end first, and by httpd's own filter, which learns from the header how long
 *          it is; only then the header is changed.
 *
 * Memory and threads: see the header.
 */
#include "filter_body.h"

#include <stdlib.h>
#include <string.h>

#include "apr_strings.h"
#include "http_protocol.h"
#include "http_request.h"
#include "util_filter.h"

static ap_filter_rec_t *offer_handle;

/* ---- bytes ----------------------------------------------------------------------------------- */

static apr_status_t held_free(void *data)
{
    struct held_bytes *held = data;

    free(held->bytes);
    held->bytes = NULL;
    held->length = held->room = 0;
    return APR_SUCCESS;
}

bool held_bytes_add(struct held_bytes *held, const void *from, size_t length)
{
    if (length > held->room - held->length) {
        size_t room = held->room ? held->room : 4096;
        char *grown;

        while (room - held->length < length) {
            if (room > SIZE_MAX / 2) {
                return false;
            }
            room *= 2;
        }
        grown = realloc(held->bytes, room);
        if (grown == NULL) {
            return false;
        }
        if (held->bytes == NULL) {
            apr_pool_cleanup_register(held->pool, held, held_free, apr_pool_cleanup_null);
        }
        held->bytes = grown;
        held->room = room;
    }
    if (from != NULL && length > 0) {
        memcpy(held->bytes + held->length, from, length);
        held->length += length;
    }
    return true;
}

apr_bucket *held_bytes_bucket(const struct held_bytes *held, apr_bucket_alloc_t *alloc)
{
    return held->length > 0 ? apr_bucket_pool_create(held->bytes, held->length, held->pool, alloc)
                            : NULL;
}

/* ---- from the client ------------------------------------------------------------------------- */

/* Where the client's bytes come from: behind our own filter, if that is there already. */
static ap_filter_t *source_of(const struct filter_body *body, const request_rec *r)
{
    for (ap_filter_t *f = r->input_filters; f != NULL; f = f->next) {
        if (f->frec == offer_handle && f->ctx == body) {
            return f->next;
        }
    }
    return r->input_filters;
}

/* Gets the next piece into body->in, waiting for it. */
static apr_status_t fetch(struct filter_body *body, request_rec *r, wasm_store *store)
{
    apr_status_t rv;

    if (body->in == NULL) {
        body->in = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    }
    if (store != NULL) {
        wasm_deadline_pause(store);
    }
    rv = ap_get_brigade(source_of(body, r), body->in, AP_MODE_READBYTES, APR_BLOCK_READ,
                        HUGE_STRING_LEN);
    if (store != NULL) {
        wasm_deadline_resume(store);
    }
    return rv == APR_SUCCESS && APR_BRIGADE_EMPTY(body->in) ? APR_EOF : rv;
}

/* Takes the first bucket, whole; *length 0: it had no bytes. They are valid until the next call. */
static apr_status_t take(struct filter_body *body, const char **bytes, apr_size_t *length,
                         apr_bucket **done)
{
    apr_bucket *e = APR_BRIGADE_FIRST(body->in);

    *length = 0;
    *done = e;
    if (APR_BUCKET_IS_EOS(e)) {
        body->ended = true;
        return APR_SUCCESS;
    }
    return APR_BUCKET_IS_METADATA(e) ? APR_SUCCESS
                                     : apr_bucket_read(e, bytes, length, APR_BLOCK_READ);
}

/* Whether there may be more to come from the client, for us: a sub-request's input filters would
 * give the main request's body; and where somebody has begun to read what is offered, the rest is
 * his. */
static bool can_pull(const struct filter_body *body, const request_rec *r)
{
    return !body->ended && r->main == NULL && body->offered == NULL;
}

/* Reads a bucket's worth from the client, if can_pull(). With `keep` it is added to what is held,
 * else forgotten; *total counts. */
static apr_status_t pull(struct filter_body *body, request_rec *r, wasm_store *store, bool keep,
                         uint64_t limit, uint64_t *total)
{
    const char *bytes = NULL;
    apr_bucket *done = NULL;
    apr_size_t length = 0;
    apr_status_t rv = APR_SUCCESS;

    body->touched = true;
    if (body->in == NULL || APR_BRIGADE_EMPTY(body->in)) {
        rv = fetch(body, r, store);
    }
    if (rv == APR_SUCCESS) {
        rv = take(body, &bytes, &length, &done);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    *total += length;
    if (*total > limit) {
        return APR_ENOSPC;
    }
    if (keep && !held_bytes_add(&body->held, bytes, length)) {
        return APR_ENOMEM;
    }
    apr_bucket_delete(done);
    return APR_SUCCESS;
}

apr_status_t filter_body_read(struct filter_body *body, request_rec *r, wasm_store *store,
                              uint64_t limit, size_t *at, void *buffer, size_t size, size_t *got)
{
    *got = 0;
    while (*at == body->held.length && can_pull(body, r)) {
        uint64_t total = body->held.length;
        apr_status_t rv = pull(body, r, store, true, limit, &total);

        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    *got = body->held.length - *at < size ? body->held.length - *at : size;
    if (*got > 0) {
        memcpy(buffer, body->held.bytes + *at, *got);
        *at += *got;
    }
    return APR_SUCCESS;
}

apr_status_t filter_body_replace(struct filter_body *body, request_rec *r, uint64_t limit,
                                 const struct held_bytes *by)
{
    uint64_t total = body->held.length;

    while (can_pull(body, r)) {
        apr_status_t rv = pull(body, r, NULL, false, limit, &total);

        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    if (body->offered != NULL) {
        if (ap_discard_request_body(r) != OK) {
            return APR_EGENERAL;
        }
        apr_brigade_cleanup(body->offered);
        body->offered = NULL;
        body->ended = true;
    }
    body->held.length = 0;
    if (by != NULL && !held_bytes_add(&body->held, by->bytes, by->length)) {
        return APR_ENOMEM;
    }
    body->altered = body->touched = true;
    apr_table_unset(r->headers_in, "Transfer-Encoding");
    apr_table_setn(r->headers_in, "Content-Length",
                   apr_psprintf(r->pool, "%" APR_SIZE_T_FMT, body->held.length));
    return APR_SUCCESS;
}

/* ---- to who comes next ----------------------------------------------------------------------- */

static apr_status_t offer_in(ap_filter_t *f, apr_bucket_brigade *bb, ap_input_mode_t mode,
                             apr_read_type_e block, apr_off_t readbytes)
{
    struct filter_body *body = f->ctx;
    apr_bucket_alloc_t *alloc = f->r->connection->bucket_alloc;
    apr_bucket *e;

    if (body->offered == NULL) {
        body->offered = apr_brigade_create(f->r->pool, alloc);
        if (body->held.length > 0) {
            /* A copy: buckets may be kept by others for longer than our bytes stay as they are. */
            e = apr_bucket_heap_create(body->held.bytes, body->held.length, NULL, alloc);
            APR_BRIGADE_INSERT_TAIL(body->offered, e);
        }
        if (body->in != NULL) {
            APR_BRIGADE_CONCAT(body->offered, body->in); /* was brought, and not read */
        }
        if (body->ended) {
            APR_BRIGADE_INSERT_TAIL(body->offered, apr_bucket_eos_create(alloc));
        }
    }
    if (APR_BRIGADE_EMPTY(body->offered)) {
        if (!body->ended) {
            ap_remove_input_filter(f);
            return ap_get_brigade(f->next, bb, mode, block, readbytes);
        }
        APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(alloc));
        return APR_SUCCESS;
    }
    switch (mode) {
    case AP_MODE_GETLINE: return apr_brigade_split_line(bb, body->offered, block, HUGE_STRING_LEN);
    case AP_MODE_READBYTES:
    case AP_MODE_SPECULATIVE:
    case AP_MODE_EXHAUSTIVE: break;
    case AP_MODE_EATCRLF:
    case AP_MODE_INIT:
    default: return APR_SUCCESS;
    }
    if (mode == AP_MODE_EXHAUSTIVE) {
        APR_BRIGADE_CONCAT(bb, body->offered);
        return APR_SUCCESS;
    }
    if (apr_brigade_partition(body->offered, readbytes, &e) == APR_SUCCESS ||
        e == APR_BRIGADE_SENTINEL(body->offered)) {
        for (apr_bucket *b = APR_BRIGADE_FIRST(body->offered), *next; b != e; b = next) {
            apr_bucket *given = b;

            next = APR_BUCKET_NEXT(b);
            if (mode == AP_MODE_SPECULATIVE) {
                if (apr_bucket_copy(b, &given) != APR_SUCCESS) {
                    return APR_ENOTIMPL;
                }
            } else {
                APR_BUCKET_REMOVE(b);
            }
            APR_BRIGADE_INSERT_TAIL(bb, given);
            if (APR_BUCKET_IS_EOS(given)) {
                break;
            }
        }
    }
    return APR_SUCCESS;
}

void filter_body_register(void)
{
    /* Next to httpd's own filter of the protocol, so that all others work on what is offered. */
    offer_handle = ap_register_input_filter("WASMSERVE_BODY", offer_in, NULL,
                                            (ap_filter_type)(AP_FTYPE_PROTOCOL - 1));
}

void filter_body_offer(struct filter_body *body, request_rec *r)
{
    if (!body->touched) {
        return;
    }
    for (ap_filter_t *f = r->input_filters; f != NULL; f = f->next) {
        if (f->frec == offer_handle && f->ctx == body) {
            return;
        }
    }
    ap_add_input_filter_handle(offer_handle, body, r, r->connection);
}
