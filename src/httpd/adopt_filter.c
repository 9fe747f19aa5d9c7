/* SPDX-License-Identifier: Apache-2.0
 * adopt_filter.c — makes delivery's what others have answered with one of its types.
 *
 * Why:     A module that comes from a plugin, from a proxied server or from a script deserves what
 *          a file gets: the exact type, Vary, a Cache-Control where nobody has set one, and one
 *          compressor, which knows of weights and tags.
 * How:     With `WasmServeCompress On` a filter is put in front of all others. With the first
 *          brigade the answer's fields are there; if its type is one of WasmServeTypes, the filter
 *          corrects them, tells mod_deflate and mod_brotli to keep out (they look at their first
 *          brigade, which comes later), leaves a note for compress_filter.c, and goes.
 * Types:   The media type counts, not the URL: an error page for /app.wasm is none of ours. Only
 *          where the type says nothing (octet-stream, or none) the ending of the URL decides; so a
 *          server that does not know .wasm is helped, and ".data" works at all.
 * Range:   A foreign handler cuts ranges of the bytes as they are. A client that has the beginning
 *          of a compressed answer would be given the wrong rest, if all it names is a date, which
 *          is the same for both (If-Range, RFC 9110 §13.1.5). Then Range is taken out of the
 *          request, which any server may do. With a tag there is no danger: those of compressed
 *          answers are weak, and never match.
 * Memory:  In r->pool.
 * Threads: As the request: one thread at a time.
 */
#include "adopt_filter.h"

#include "apr_strings.h"
#include "http_protocol.h"
#include "util_filter.h"

#include "compression.h"
#include "delivery_handler.h"
#include "delivery_response.h"
#include "delivery_access.h"
#include "etag.h"
#include "mediatype.h"
#include "request_state.h"
#include "settings.h"

static ap_filter_rec_t *adopt_filter;

/* f->ctx of the filter that this file has inserted; one that the configuration has put somewhere by
 * its name does nothing. */
static char inserted;

/* Whether the answer has no type that says anything, and the name in the URL has the ending. */
static bool named_like(const request_rec *r, const char *suffix)
{
    return (r->content_type == NULL || mediatype_is_generic(r->content_type)) &&
           mediatype_has_suffix(r->uri, strlen(r->uri), suffix);
}

static bool is_wasm(const request_rec *r)
{
    return named_like(r, ".wasm") ||
           (r->content_type != NULL && mediatype_is(r->content_type, MEDIATYPE_WASM));
}

/* Whether it is of a type that is negotiated here. */
static bool is_negotiated(const request_rec *r, const struct settings_dir *conf, bool wasm)
{
    const struct setting_suffixes *types = SETTING_OF(dir, conf, types);

    for (int i = 0; i < types->count; i++) {
        const char *suffix = types->items[i];
        if ((wasm && strcasecmp(suffix, ".wasm") == 0) || named_like(r, suffix) ||
            (r->content_type != NULL && mediatype_of_suffix(r->content_type, suffix))) {
            return true;
        }
    }
    return false;
}

/* Whether the status is that of the content that was asked for. */
static bool is_content(const request_rec *r)
{
    return r->status == HTTP_OK || r->status == HTTP_PARTIAL_CONTENT ||
           r->status == HTTP_NOT_MODIFIED;
}

/* What a file of this name would be answered with, unless somebody has said how long it is good.
 * What may be for one user alone is never called public. */
static const char *cache_control(request_rec *r, const struct settings_dir *conf)
{
    bool personal = apr_table_get(r->headers_in, "Authorization") != NULL ||
                    apr_table_get(r->headers_out, "Set-Cookie") != NULL ||
                    apr_table_get(r->err_headers_out, "Set-Cookie") != NULL;

    if (r->method_number != M_GET || !is_content(r) ||
        apr_table_get(r->headers_out, "Expires") != NULL ||
        apr_table_get(r->headers_out, "Pragma") != NULL) {
        return NULL;
    }
    return delivery_handler_cache_control(r, conf, r->uri, !personal);
}

static void adopt(request_rec *r)
{
    const struct settings_dir *conf = settings_of(r);
    struct request_state *state = request_state_of(r);
    bool wasm = is_wasm(r), negotiated = is_negotiated(r, conf, wasm);

    if (wasm && is_content(r)) {
        delivery_response_type(r, MEDIATYPE_WASM);
    }
    if (!wasm && !negotiated) {
        return;
    }
    state->cache_control = cache_control(r, conf);
    if (negotiated && SETTING_OF(dir, conf, encodings)->codings != 0) {
        state->adopted = true;
        apr_table_mergen(r->headers_out, "Vary", "Accept-Encoding");
        delivery_response_no_other_coder(r);
    }
}

static apr_status_t adopt_out(ap_filter_t *f, apr_bucket_brigade *brigade)
{
    if (f->ctx == &inserted && !request_state_of(f->r)->delivered) {
        adopt(f->r);
    }
    ap_remove_output_filter(f);
    return ap_pass_brigade(f->next, brigade);
}

/* Whether a whole answer of a negotiated type would be compressed for this client. */
static bool would_compress(const request_rec *r, const struct settings_dir *conf)
{
    const char *accept = apr_table_get(r->headers_in, "Accept-Encoding");
    struct compression_answer whole = {.status = HTTP_OK, .size = UINT64_MAX};
    struct negotiate_prefs prefs;
    enum coding coding;

    negotiate_parse(accept, accept ? strlen(accept) : 0, &prefs);
    return compression_decide(&whole, &prefs, SETTING_OF(dir, conf, encodings)->codings, &coding) ==
           COMPRESSION_YES;
}

static void drop_dated_range(request_rec *r, const struct settings_dir *conf)
{
    const char *if_range = apr_table_get(r->headers_in, "If-Range");

    if (if_range != NULL && if_range[0] != '"' && !etag_is_weak(if_range) &&
        would_compress(r, conf)) {
        apr_table_unset(r->headers_in, "Range");
        apr_table_unset(r->headers_in, "If-Range");
    }
}

void adopt_filter_register(void)
{
    /* Before filters of content (SetOutputFilter and its kin), the first of its type. */
    adopt_filter = ap_register_output_filter("WASMSERVE_ADOPT", adopt_out, NULL, AP_FTYPE_RESOURCE);
}

void adopt_filter_insert(request_rec *r)
{
    const struct settings_dir *conf = settings_of(r);

    /* Nothing for an include, which is a part of another answer, and nothing for a forward proxy,
     * whose answers are not this server's. */
    if (!SETTING_OF(dir, conf, enabled)->on || !SETTING_OF(dir, conf, compress)->on ||
        r->main != NULL || r->proxyreq == PROXYREQ_PROXY) {
        return;
    }
    request_state_of(r)->compressible = true;
    ap_add_output_filter_handle(adopt_filter, &inserted, r, r->connection);
    if (!delivery_access_plain_handler(r)) {
        drop_dated_range(r, conf);
    }
}
