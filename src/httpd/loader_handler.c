/* SPDX-License-Identifier: Apache-2.0
 * loader_handler.c — SetHandler wasmserve-loader: the script with which a page loads its app.
 *
 * Why:     conf/loader/wasmserve-loader.js belongs to the module: it knows the headers that
 *          delivery sends. Served from here it needs no file on the host and no path in the
 *          configuration, works from an .htaccess, and is never of another version than the server.
 * How:     build.sh writes loader_bytes.h: the script as bytes, once plain and once for each coding
 *          whose program was there when this was built, and a digest of it. One of them is chosen
 *          by the rules of negotiate.h, as for files; WasmServeEncodings applies.
 * Caching: The name is the administrator's and does not change with the content, so the answer is
 *          `no-cache` with a strong validator: a repeat visit costs a 304. There is no
 *          Last-Modified, for bytes in a module have no time of their own.
 * Ranges:  Not served, which RFC 9110 §14.2 leaves to us: nobody resumes a download of a few
 *          kilobytes.
 * Memory:  The bytes are constants and go out as immortal buckets. Everything else in r->pool.
 * Threads: As the request: one thread at a time.
 */
#include "loader_handler.h"

#include "apr_buckets.h"
#include "apr_strings.h"
#include "http_core.h"
#include "http_protocol.h"
#include "http_request.h"
#include "mod_core.h"
#include "util_filter.h"

#include "cachepolicy.h"
#include "conditions.h"
#include "delivery_response.h"
#include "etag.h"
#include "loader_bytes.h"
#include "negotiate.h"
#include "request_state.h"
#include "settings.h"

/* RFC 9239 §6.1. Without a charset: a module is UTF-8, whatever is said of it (§4). */
#define LOADER_TYPE "text/javascript"

struct form {
    enum coding coding;
    const unsigned char *bytes;
    size_t size;
};

static const struct form forms[] = {
#define LOADER_FORM(id, array) {CODING_##id, array, sizeof(array)},
    LOADER_FORMS(LOADER_FORM)
#undef LOADER_FORM
};

enum { FORMS = sizeof(forms) / sizeof(forms[0]) };

bool loader_handler_wanted(const request_rec *r)
{
    return r->handler != NULL && strcmp(r->handler, LOADER_HANDLER) == 0;
}

static const struct form *form_in(enum coding coding)
{
    for (size_t i = 0; i < FORMS; i++) {
        if (forms[i].coding == coding) {
            return &forms[i];
        }
    }
    return NULL;
}

/* NULL: the client accepts none of them. */
static const struct form *choose(request_rec *r)
{
    coding_set allowed = SETTING_OF(dir, settings_of(r), encodings)->codings;
    const char *accept = apr_table_get(r->headers_in, "Accept-Encoding");
    struct negotiate_candidate candidates[FORMS];
    struct negotiate_prefs prefs;
    size_t n = 0;

    for (size_t i = 0; i < FORMS; i++) {
        if (forms[i].coding == CODING_IDENTITY || coding_in(allowed, forms[i].coding)) {
            candidates[n++] = (struct negotiate_candidate){forms[i].coding, forms[i].size};
        }
    }
    negotiate_parse(accept, accept ? strlen(accept) : 0, &prefs);
    return negotiate_rank(&prefs, candidates, n) > 0 ? form_in(candidates[0].coding) : NULL;
}

static const char *make_etag(request_rec *r, enum coding coding)
{
    static const char tag[] = "\"" LOADER_DIGEST "\"";
    char *own = apr_palloc(r->pool, sizeof(tag) + ETAG_CODING_EXTRA);

    etag_for_coding(own, tag, coding);
    return own;
}

static enum conditions_verdict evaluate(request_rec *r, const char *etag)
{
    /* Without Last-Modified the conditions on it do not apply (RFC 9110 §13.1.3, §13.1.4). */
    struct conditions_request request = {
        .if_match = apr_table_get(r->headers_in, "If-Match"),
        .if_none_match = apr_table_get(r->headers_in, "If-None-Match"),
        .is_get = !r->header_only,
        .is_head = r->header_only,
    };
    struct conditions_validators validators = {.etag = etag, .date = apr_time_sec(r->request_time)};

    return conditions_evaluate(&request, &validators).verdict;
}

static int send_form(request_rec *r, const struct form *form)
{
    apr_bucket_alloc_t *alloc = r->connection->bucket_alloc;
    apr_bucket_brigade *brigade = apr_brigade_create(r->pool, alloc);
    apr_status_t status;

    if (r->status == HTTP_OK) {
        APR_BRIGADE_INSERT_TAIL(
            brigade, apr_bucket_immortal_create((const char *)form->bytes, form->size, alloc));
    }
    APR_BRIGADE_INSERT_TAIL(brigade, apr_bucket_eos_create(alloc));
    status = ap_pass_brigade(r->output_filters, brigade);
    apr_brigade_cleanup(brigade);
    return status == APR_SUCCESS || r->status != HTTP_OK || r->connection->aborted
               ? OK
               : AP_FILTER_ERROR;
}

int loader_handler(request_rec *r)
{
    const struct form *form;
    enum conditions_verdict verdict;
    const char *etag;
    int result;

    if (!loader_handler_wanted(r)) {
        return DECLINED;
    }
    ap_allow_standard_methods(r, REPLACE_ALLOW, M_GET, M_OPTIONS, -1);
    result = ap_discard_request_body(r);
    if (result != OK) {
        return result;
    }
    if (r->method_number == M_OPTIONS) {
        return ap_send_http_options(r);
    }
    if (r->method_number != M_GET) {
        return HTTP_METHOD_NOT_ALLOWED;
    }
    /* In the table that an error page keeps: a 406 depends on Accept-Encoding as well. */
    apr_table_mergen(r->err_headers_out, "Vary", "Accept-Encoding");
    form = choose(r);
    if (form == NULL) {
        return HTTP_NOT_ACCEPTABLE;
    }
    etag = make_etag(r, form->coding);
    verdict = evaluate(r, etag);
    if (verdict == CONDITIONS_FAILED) {
        return HTTP_PRECONDITION_FAILED;
    }
    delivery_response_label(r, LOADER_TYPE, form->coding);
    apr_table_setn(r->headers_out, "ETag", etag);
    request_state_of(r)->cache_control = cachepolicy_value(false);
    apr_table_unset(r->headers_in, "Range");
    if (verdict == CONDITIONS_NOT_MODIFIED) {
        r->status = HTTP_NOT_MODIFIED;
    } else {
        ap_set_content_length(r, (apr_off_t)form->size);
    }
    return send_form(r, form);
}
