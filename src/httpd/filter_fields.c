/* SPDX-License-Identifier: Apache-2.0
 * filter_fields.c — the header fields of a request and a response, listed and changed for a guest.
 *
 * How:     A guest walks lines by their number; they are collected once and again after a change.
 *          Requests: the table with httpd's joined values taken apart (request_lines.h). Responses:
 *          both tables of httpd's, and the fields that httpd keeps apart from them
 *          (Content-Type, -Encoding, -Language).
 *
 *          A change goes to a copy, made at the first one. Names and values are checked as
 *          header_check.h says. Fields that say where a message ends, or are about the connection,
 *          are the server's: what a guest wants of them is not done, and not an error either, since
 *          guests copy headers as a whole. The sum of all that is set has a bound, which taking
 *          away does not give back.
 *
 * Memory and threads: see the header.
 */
#include "filter_fields.h"

#include <string.h>

#include "apr_strings.h"

#include "header_check.h"
#include "request_lines_filter.h"

#define FIELD_PRICE                                                                                \
    32 /* of a field, beside its bytes: or there could be any number of small ones */

struct filter_line {
    exchange_text name, value;
};

/* ---- listing --------------------------------------------------------------------------------- */

static exchange_text text_of(const char *string)
{
    return (exchange_text){.bytes = string, .length = strlen(string)};
}

static void line_add(struct filter_exchange *x, exchange_text name, exchange_text value)
{
    *(struct filter_line *)apr_array_push(x->lines) =
        (struct filter_line){.name = name, .value = value};
}

/* The entries of a table. `split`: it is a request's, whose values httpd has joined. `without`: a
 * field that is listed already. */
static void table_add(struct filter_exchange *x, const apr_table_t *table, bool split,
                      const char *without)
{
    const apr_array_header_t *entries = table ? apr_table_elts(table) : NULL;
    struct request_line parts[REQUEST_LINES_MAX];

    for (int i = 0; entries != NULL && i < entries->nelts; i++) {
        const apr_table_entry_t *entry = &APR_ARRAY_IDX(entries, i, apr_table_entry_t);
        size_t count = 0;

        if (without != NULL && strcasecmp(entry->key, without) == 0) {
            continue;
        }
        if (split) {
            count = request_lines_of(x->r, entry->key, entry->val, parts);
        }
        if (count == 0) {
            line_add(x, text_of(entry->key), text_of(entry->val));
        }
        for (size_t k = 0; k < count; k++) {
            line_add(x, text_of(entry->key),
                     (exchange_text){.bytes = parts[k].value, .length = parts[k].value_length});
        }
    }
}

static void response_add(struct filter_exchange *x)
{
    const apr_array_header_t *languages = x->r->content_languages;

    if (x->content_type != NULL) {
        line_add(x, text_of("Content-Type"), text_of(x->content_type));
    }
    if (x->content_encoding != NULL) {
        line_add(x, text_of("Content-Encoding"), text_of(x->content_encoding));
    }
    if (x->mode == FILTER_ON_RESPONSE) {
        for (int i = 0; languages != NULL && i < languages->nelts; i++) {
            line_add(x, text_of("Content-Language"),
                     text_of(APR_ARRAY_IDX(languages, i, const char *)));
        }
    }
    table_add(x, x->err_fields, false, NULL);
    table_add(x, x->fields, false, x->content_type ? "Content-Type" : NULL);
}

static void collect(struct filter_exchange *x, exchange_fields kind)
{
    request_rec *r = x->r;

    if (x->lines == NULL) {
        x->lines = apr_array_make(r->pool, 32, sizeof(struct filter_line));
    }
    apr_array_clear(x->lines);
    switch (kind) {
    case EXCHANGE_REQUEST_FIELDS:
        table_add(x, x->request_fields ? x->request_fields : r->headers_in, true, NULL);
        break;
    case EXCHANGE_RESPONSE_FIELDS: response_add(x); break;
    case EXCHANGE_REQUEST_TRAILERS:
        table_add(x, x->request_trailers ? x->request_trailers : r->trailers_in, false, NULL);
        break;
    case EXCHANGE_RESPONSE_TRAILERS:
        table_add(x, x->response_trailers ? x->response_trailers : r->trailers_out, false, NULL);
        break;
    }
    x->lines_kind = (int)kind;
}

bool filter_fields_line(void *baton, exchange_fields kind, size_t index, exchange_text *name,
                        exchange_text *value)
{
    struct filter_exchange *x = baton;
    const struct filter_line *line;

    if (x->lines_kind != (int)kind) {
        collect(x, kind);
    }
    if (index >= (size_t)x->lines->nelts) {
        return false;
    }
    line = &APR_ARRAY_IDX(x->lines, (int)index, struct filter_line);
    *name = line->name;
    *value = line->value;
    return true;
}

bool filter_fields_has_trailers(const request_rec *r)
{
    /* httpd's chunked coding sends none; mod_http2 does. */
    return r->proto_num >= HTTP_VERSION(2, 0);
}

/* ---- changes --------------------------------------------------------------------------------- */

bool filter_fields_charge(struct filter_exchange *x, size_t bytes)
{
    if (bytes + FIELD_PRICE > x->fields_left) {
        x->fields_left = 0;
        x->nonsense = "more than 64 KiB of header fields";
        return false;
    }
    x->fields_left -= bytes + FIELD_PRICE;
    return true;
}

static bool is_named(const char *name, const char *wanted)
{
    return strcasecmp(name, wanted) == 0;
}

static void table_change(apr_table_t *table, exchange_change change, const char *name,
                         const char *value)
{
    switch (change) {
    case EXCHANGE_SET: apr_table_setn(table, name, value); break;
    case EXCHANGE_ADD: apr_table_addn(table, name, value); break;
    case EXCHANGE_REMOVE: apr_table_unset(table, name); break;
    }
}

/* The copy that a change goes to, made where there is none. */
static apr_table_t *copy_of(struct filter_exchange *x, apr_table_t **copy, apr_table_t *original)
{
    if (*copy == NULL) {
        *copy = original ? apr_table_copy(x->r->pool, original) : apr_table_make(x->r->pool, 4);
    }
    return *copy;
}

static void response_change(struct filter_exchange *x, exchange_change change, const char *name,
                            const char *value)
{
    if (x->mode == FILTER_ON_RESPONSE && !x->response_changed) {
        x->fields = apr_table_copy(x->r->pool, x->fields);
        x->err_fields = apr_table_copy(x->r->pool, x->err_fields);
    }
    x->response_changed = true;
    x->has_etag = x->has_etag || is_named(name, "ETag");
    x->has_modified = x->has_modified || is_named(name, "Last-Modified");
    if (is_named(name, "Content-Type")) {
        /* There is one, whatever was asked for. */
        x->content_type = change == EXCHANGE_REMOVE ? NULL : value;
        apr_table_unset(x->err_fields, name);
        apr_table_unset(x->fields, name);
    } else {
        if (change != EXCHANGE_ADD) {
            if (is_named(name, "Content-Encoding")) {
                x->content_encoding = NULL;
            }
            apr_table_unset(x->err_fields, name);
        }
        table_change(x->fields, change, name, value);
    }
}

/* Whether what the guest wants is left undone. A request may lose the wish for another protocol. */
static bool is_the_servers(exchange_fields kind, exchange_change change, exchange_text name)
{
    if (header_is_framing(name.bytes, name.length)) {
        return true;
    }
    return header_is_hop_by_hop(name.bytes, name.length) &&
           !(kind == EXCHANGE_REQUEST_FIELDS && change == EXCHANGE_REMOVE);
}

wasm_status filter_fields_change(void *baton, exchange_fields kind, exchange_change change,
                                 exchange_text name, exchange_text value)
{
    struct filter_exchange *x = baton;
    request_rec *r = x->r;
    const char *complaint = header_name_complaint(name.bytes, name.length);
    char *name_copy, *value_copy = NULL;

    if (complaint == NULL && change != EXCHANGE_REMOVE) {
        complaint = header_value_complaint(value.bytes, value.length);
    }
    if (complaint == NULL && name.length + value.length > HEADER_LINE_MAX) {
        complaint = "a header line that is too long";
    }
    if (complaint != NULL) {
        x->nonsense = complaint;
        return WASM_E_HOST_FAILURE;
    }
    if (change == EXCHANGE_REMOVE) {
        value.length = 0;
    }
    if (!filter_fields_charge(x, name.length + value.length)) {
        return WASM_E_HOST_FAILURE;
    }
    if (is_the_servers(kind, change, name)) {
        return WASM_OK;
    }
    x->lines_kind = -1;
    name_copy = apr_pstrmemdup(r->pool, name.bytes, name.length);
    if (change != EXCHANGE_REMOVE) {
        value_copy = apr_pstrmemdup(r->pool, value.bytes, value.length);
    }
    switch (kind) {
    case EXCHANGE_REQUEST_FIELDS:
        table_change(copy_of(x, &x->request_fields, r->headers_in), change, name_copy, value_copy);
        x->decided_encoding = x->decided_encoding || is_named(name_copy, "Accept-Encoding");
        break;
    case EXCHANGE_RESPONSE_FIELDS: response_change(x, change, name_copy, value_copy); break;
    case EXCHANGE_REQUEST_TRAILERS:
        table_change(copy_of(x, &x->request_trailers, r->trailers_in), change, name_copy,
                     value_copy);
        break;
    case EXCHANGE_RESPONSE_TRAILERS:
        table_change(copy_of(x, &x->response_trailers, r->trailers_out), change, name_copy,
                     value_copy);
        break;
    }
    return WASM_OK;
}
