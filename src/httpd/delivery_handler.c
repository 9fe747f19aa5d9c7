/* SPDX-License-Identifier: Apache-2.0
 * delivery_handler.c — decides whether a request is delivery's, and what is to be sent for it.
 *
 * How:     Two kinds of request are ours, by the name of the file that httpd has found:
 *          - app.wasm is a negotiated resource: the raw file or one of its variants, whichever the
 *            client prefers;
 *          - app.wasm.br is a variant by its own name, as Unity's loader asks for it. It leaves
 *            with the coding and with the type of what is inside. Nothing is negotiated: whoever
 *            names a file gets that file, even if Accept-Encoding does not list the coding. RFC
 *            9110 §12.4.1 allows that, and it is what such loaders need: they have a decoder of
 *            their own for browsers that offer no brotli over plain http. Only a client that says
 *            in so many words that it refuses the coding gets a 406; since that makes the answer
 *            depend on Accept-Encoding, Vary is sent there too.
 * Others:  Everything else is left to httpd: other handlers, directories, missing files,
 *          sub-requests (an include has no headers of its own that could say "br"), error
 *          documents, what mod_negotiation has chosen, and a file that the configuration says is
 *          coded already ("AddEncoding br .wasm": the raw name with compressed bytes).
 * Memory:  In r->pool.
 * Threads: As the request: one thread at a time.
 */
#include "delivery_handler.h"

#include "apr_strings.h"
#include "http_core.h"
#include "http_protocol.h"
#include "http_request.h"
#include "mod_core.h"

#include "cachepolicy.h"
#include "compression.h"
#include "delivery_access.h"
#include "delivery_dictionary.h"
#include "delivery_response.h"
#include "delivery_sidecar.h"
#include "delivery_variants.h"
#include "httpd_log.h"
#include "mediatype.h"
#include "negotiate.h"
#include "request_state.h"
#include "settings.h"

/* What the name of the file makes of the request. */
struct plan {
    bool ours;
    enum coding named;  /* the coding of a variant asked for by name, else CODING_IDENTITY */
    size_t inner_len;   /* of r->filename without the suffix of that coding */
    coding_set codings; /* what may be negotiated; empty for a variant by name */
    bool immutable;     /* the name carries a hash of the content */
    bool dictionaries;  /* deltas may be negotiated as well */
};

static bool is_candidate(const request_rec *r)
{
    return r->main == NULL && r->status == HTTP_OK && r->filename != NULL &&
           r->finfo.filetype == APR_REG && (r->path_info == NULL || r->path_info[0] == '\0') &&
           r->vlist_validator == NULL && delivery_access_plain_handler(r);
}

static bool has_type(const struct settings_dir *conf, const char *name, size_t len)
{
    const struct setting_suffixes *types = SETTING_OF(dir, conf, types);

    for (int i = 0; i < types->count; i++) {
        if (mediatype_has_suffix(name, len, types->items[i])) {
            return true;
        }
    }
    return false;
}

/* Whether what mod_mime says of the coding agrees with ours: nothing, or the same for a variant by
 * name. */
static bool coding_agrees(const request_rec *r, enum coding coding)
{
    const char *said = r->content_encoding;

    return said == NULL ||
           (coding != CODING_IDENTITY && coding_by_token(said, strlen(said)) == coding);
}

static bool is_immutable(request_rec *r, const struct settings_dir *conf, const char *path)
{
    const struct setting_pattern *pattern = SETTING_OF(dir, conf, immutable);
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    int found;

    if (pattern->off) {
        return false;
    }
    if (pattern->text == NULL) {
        return cachepolicy_name_is_hashed(name);
    }
    found = setting_pattern_match(pattern, r->pool, name);
    if (found < 0) {
        LOG_R(APLOG_ERR, 0, r, "WasmServeImmutable: \"%s\" is not a regular expression",
              pattern->text);
    }
    return found > 0;
}

const char *delivery_handler_cache_control(request_rec *r, const struct settings_dir *conf,
                                           const char *path, bool may_be_public)
{
    return cachepolicy_value(may_be_public && is_immutable(r, conf, path));
}

static struct plan make_plan(request_rec *r, const struct settings_dir *conf)
{
    coding_set codings = SETTING_OF(dir, conf, encodings)->codings;
    struct plan plan = {.inner_len = strlen(r->filename)};
    enum coding suffix = coding_by_suffix(r->filename);
    bool listed;

    if (suffix != CODING_COUNT && coding_in(codings, suffix)) {
        plan.named = suffix;
        plan.inner_len -= strlen(coding_info(suffix)->suffix);
    }
    listed = has_type(conf, r->filename, plan.inner_len);
    if (plan.named == CODING_IDENTITY && listed) {
        plan.codings = codings;
    }
    /* Wasm that is not listed has no variants, but its type is still ours. */
    plan.ours = (listed || (plan.named == CODING_IDENTITY &&
                            mediatype_has_suffix(r->filename, plan.inner_len, ".wasm"))) &&
                coding_agrees(r, plan.named);
    if (plan.ours) {
        plan.immutable = is_immutable(r, conf, r->filename);
        plan.dictionaries = listed && plan.named == CODING_IDENTITY &&
                            delivery_dictionary_applies(r, plan.immutable);
    }
    return plan;
}

/* 405 with Allow for what a file does not understand; OPTIONS as httpd answers it. OK: go on. */
static int check_method(request_rec *r)
{
    ap_allow_standard_methods(r, REPLACE_ALLOW, M_GET, M_OPTIONS, -1);
    switch (r->method_number) {
    case M_GET: return OK; /* HEAD is GET with r->header_only */
    case M_OPTIONS: return ap_send_http_options(r);
    case M_INVALID:
        LOG_R(APLOG_INFO, 0, r, "unknown method %s", r->method);
        return HTTP_NOT_IMPLEMENTED;
    default: return HTTP_METHOD_NOT_ALLOWED;
    }
}

static const char *media_type(const request_rec *r, const struct plan *plan)
{
    if (mediatype_has_suffix(r->filename, plan->inner_len, ".wasm")) {
        return MEDIATYPE_WASM;
    }
    if (r->content_type == NULL ||
        (plan->named != CODING_IDENTITY && mediatype_is_archive(r->content_type))) {
        return mediatype_by_name(r->filename, plan->inner_len);
    }
    return r->content_type;
}

/* mod_mime takes ".br" for Breton where the configuration does not forbid it; other languages of
 * the name stay. */
static void drop_breton(request_rec *r)
{
    const apr_array_header_t *all = r->content_languages;
    apr_array_header_t *rest;

    if (all == NULL) {
        return;
    }
    rest = apr_array_make(r->pool, all->nelts, sizeof(const char *));
    for (int i = 0; i < all->nelts; i++) {
        const char *language = APR_ARRAY_IDX(all, i, const char *);
        if (strcasecmp(language, "br") != 0) {
            APR_ARRAY_PUSH(rest, const char *) = language;
        }
    }
    r->content_languages = rest->nelts > 0 ? rest : NULL;
}

static int choose(request_rec *r, const struct plan *plan, struct delivery_file *file)
{
    const char *accept = apr_table_get(r->headers_in, "Accept-Encoding");
    struct delivery_dictionary dictionary;
    struct negotiate_prefs prefs;
    struct delivery_ask ask = {
        .r = r, .codings = plan->codings, .prefs = &prefs, .is_version = plan->dictionaries};

    negotiate_parse(accept, accept ? strlen(accept) : 0, &prefs);
    if (plan->named == CODING_IDENTITY) {
        if (plan->dictionaries && delivery_dictionary_read(r, &prefs, &dictionary)) {
            ask.dictionary = &dictionary;
        }
        if (request_state_of(r)->compressible) {
            ask.offers = compression_offers(&prefs, plan->codings, (uint64_t)r->finfo.size);
        }
        return delivery_variants_choose(&ask, file);
    }
    if (coding_in(prefs.refused, plan->named)) {
        return HTTP_NOT_ACCEPTABLE;
    }
    return delivery_sidecar_open_named(r, plan->named, file);
}

/* What caches have to know of the request, on an error too, and there in the table that outlives
 * the making of an error page. */
static void set_vary(request_rec *r, const struct plan *plan, int result)
{
    apr_table_t *headers = result == OK ? r->headers_out : r->err_headers_out;

    if (plan->codings != 0 || plan->named != CODING_IDENTITY || plan->dictionaries) {
        apr_table_mergen(headers, "Vary", "Accept-Encoding");
    }
    if (plan->dictionaries) {
        apr_table_mergen(headers, "Vary", "Available-Dictionary");
    }
}

/* A script that counts the bytes of a coded body sees decoded ones, and Content-Length is of no use
 * to it. What is asked for as a variant has no raw file whose size could be said. */
static void announce_raw_size(request_rec *r, const struct plan *plan,
                              const struct delivery_file *file)
{
    if (plan->named == CODING_IDENTITY) {
        apr_off_t size = file->coding == CODING_IDENTITY ? file->finfo.size : r->finfo.size;
        apr_table_setn(r->headers_out, DELIVERY_RAW_SIZE, apr_off_t_toa(r->pool, size));
    }
}

int delivery_handler(request_rec *r)
{
    const struct settings_dir *conf = settings_of(r);
    struct delivery_file file;
    struct plan plan;
    int result;

    if (!SETTING_OF(dir, conf, enabled)->on || !is_candidate(r)) {
        return DECLINED;
    }
    plan = make_plan(r, conf);
    if (!plan.ours) {
        return DECLINED;
    }
    result = ap_discard_request_body(r);
    if (result == OK) {
        result = check_method(r);
    }
    if (result == OK && r->method_number != M_OPTIONS) {
        result = choose(r, &plan, &file);
    }
    if (result == DECLINED) {
        return result;
    }
    set_vary(r, &plan, result);
    if (result != OK || r->method_number == M_OPTIONS) {
        return result;
    }
    if (plan.named == CODING_BR) {
        drop_breton(r);
    }
    announce_raw_size(r, &plan, &file);
    request_state_of(r)->cache_control = cachepolicy_value(plan.immutable);
    if (plan.dictionaries) {
        request_state_of(r)->use_as_dictionary = delivery_dictionary_offer(r);
    }
    return delivery_response_send(r, &file, media_type(r, &plan));
}
