/* SPDX-License-Identifier: Apache-2.0
 * request_lines_filter.c — keeps the head of a request as it comes in.
 *
 * How:     httpd reads a head line by line through the input filters of the protocol. One of ours
 *          is there from the request's making until its head is read; it changes nothing and
 *          copies. It is put in only where the configuration has a plugin that may ask. HTTP/2 has
 *          no lines (mod_http2 makes the table itself); there the value has to be guessed apart.
 * Memory:  the pool of the client's request; the copy ends at HEAD_BYTES, and a longer head counts
 *          as not known.
 * Threads: the request's. `wanted` is written while the configuration is read.
 */
#include "request_lines_filter.h"

#include <string.h>

#include "apr_strings.h"
#include "util_filter.h"

#include "httpd_log.h"
#include "request_state.h"

#define HEAD_BYTES (64 * 1024) /* RATIONALE "Limits" */

/* What is kept of a request. */
struct request_head {
    apr_pool_t *pool; /* of the client's request, which sub-requests are shorter than */
    char *bytes;
    size_t length, room;
    bool overflow;
    ap_filter_t *filter;        /* NULL when the head is complete */
    struct request_line *lines; /* parsed at first use */
    size_t count;
};

static bool wanted;
static ap_filter_rec_t *filter_handle;

void request_lines_wanted(bool is_wanted)
{
    wanted = is_wanted;
}

static void keep(struct request_head *head, const char *bytes, size_t length)
{
    if (head->overflow || length > HEAD_BYTES - head->length) {
        head->overflow = true;
        return;
    }
    if (head->length + length > head->room) {
        size_t room = head->room ? head->room : 1024;
        char *grown;

        while (room < head->length + length) {
            room *= 2;
        }
        grown = apr_palloc(head->pool, room);
        if (head->length > 0) {
            memcpy(grown, head->bytes, head->length);
        }
        head->bytes = grown;
        head->room = room;
    }
    memcpy(head->bytes + head->length, bytes, length);
    head->length += length;
}

static apr_status_t filter_in(ap_filter_t *f, apr_bucket_brigade *bb, ap_input_mode_t mode,
                              apr_read_type_e block, apr_off_t readbytes)
{
    apr_status_t rv = ap_get_brigade(f->next, bb, mode, block, readbytes);

    if (rv != APR_SUCCESS || mode != AP_MODE_GETLINE) {
        return rv;
    }
    for (apr_bucket *e = APR_BRIGADE_FIRST(bb); e != APR_BRIGADE_SENTINEL(bb);
         e = APR_BUCKET_NEXT(e)) {
        const char *bytes;
        apr_size_t length;

        if (APR_BUCKET_IS_METADATA(e)) {
            continue;
        }
        if (apr_bucket_read(e, &bytes, &length, APR_BLOCK_READ) != APR_SUCCESS) {
            break; /* httpd will find out by itself */
        }
        keep(f->ctx, bytes, length);
    }
    return APR_SUCCESS;
}

void request_lines_register(void)
{
    filter_handle = ap_register_input_filter("WASMSERVE_LINES", filter_in, NULL, AP_FTYPE_PROTOCOL);
}

int request_lines_begin(request_rec *r)
{
    if (wanted && r->main == NULL && r->prev == NULL) {
        struct request_head *head = apr_pcalloc(r->pool, sizeof(*head));

        head->pool = r->pool;
        request_state_of(r)->head = head;
        head->filter = ap_add_input_filter_handle(filter_handle, head, r, r->connection);
    }
    return OK;
}

int request_lines_end(request_rec *r)
{
    struct request_head *head = request_state_of(r)->head;

    if (head != NULL && head->filter != NULL) {
        ap_remove_input_filter(head->filter);
        head->filter = NULL;
    }
    return DECLINED;
}

static struct request_head *head_of(request_rec *r)
{
    while (r->prev != NULL || r->main != NULL) {
        r = r->prev != NULL ? r->prev : r->main;
    }
    return request_state_of(r)->head;
}

size_t request_lines_of(request_rec *r, const char *name, const char *value,
                        struct request_line parts[REQUEST_LINES_MAX])
{
    struct request_head *head = head_of(r);

    if (strstr(value, ", ") == NULL) {
        return 0; /* one line, whatever it was */
    }
    if (r->proto_num >= HTTP_VERSION(2, 0)) {
        return request_lines_guess(name, value, parts, REQUEST_LINES_MAX);
    }
    if (head == NULL || head->overflow) {
        return 0;
    }
    if (head->lines == NULL) {
        head->lines = apr_palloc(head->pool, REQUEST_LINES_MAX * sizeof(*head->lines));
        head->count =
            request_lines_parse(head->bytes, head->length, head->lines, REQUEST_LINES_MAX);
    }
    return request_lines_split(head->lines, head->count, name, value, parts, REQUEST_LINES_MAX);
}
