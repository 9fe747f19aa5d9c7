/* SPDX-License-Identifier: Apache-2.0
 * compress_filter.c — compresses an answer as it is sent.
 *
 * How:     With the first brigade it is decided (compression.h): for a file, the handler of
 *          delivery has weighed it against the variants and says which coding (request_state); for
 *          what others have answered and adopt_filter.c has found to be of our types, here. Then
 *          the fields are made those of a compressed answer, and from there on compress_stream.c
 *          does the work. If it is not to be compressed, the filter goes and changes nothing.
 * Fields:  Content-Encoding; a weak tag with the coding in it (etag.h); no Content-Length and no
 *          digest of the bytes before; no ranges, since a part could only be cut of bytes that are
 *          made anew each time. HEAD gets the fields of GET.
 * 304:     A tag that is made here can only be compared here: a handler that knows nothing of it
 *          has answered 200. So If-None-Match is looked at once more with the tag as it leaves, and
 *          if the client has it the body is dropped. A file's handler has looked already, with the
 *          same tag, and not even read the file.
 * Place:   Behind mod_headers, as the last of those filters that decide about content; in front of
 *          the one that cuts ranges, and of mod_cache, which keeps what the client gets.
 * Others:  mod_deflate and mod_brotli stand before this filter, whichever way they are configured,
 *          and have been told to keep out. One that does not listen has set Content-Encoding, and
 *          is left its work.
 * Memory:  In r->pool.
 * Threads: As the request: one thread at a time.
 */
#include "compress_filter.h"

#include "apr_strings.h"
#include "http_protocol.h"
#include "util_filter.h"

#include "cachepolicy.h"
#include "compress_stream.h"
#include "compression.h"
#include "etag.h"
#include "httpd_log.h"
#include "request_state.h"
#include "settings.h"

static ap_filter_rec_t *compress_filter;

/* What f->ctx is beside a stream. A filter that the configuration has put somewhere by its name
 * (SetOutputFilter) has none of these, and does nothing. */
static char waiting, bodiless;
#define WAITING  ((void *)&waiting)  /* for the first brigade */
#define BODILESS ((void *)&bodiless) /* there is no body for this client: HEAD, 304 */

/* ---- the decision ---------------------------------------------------------------------------- */

static bool in_either_table(const request_rec *r, const char *name)
{
    return apr_table_get(r->headers_out, name) != NULL ||
           apr_table_get(r->err_headers_out, name) != NULL;
}

static int find_no_transform(void *found, const char *name, const char *value)
{
    (void)name;
    *(bool *)found |= cachepolicy_forbids_transform(value);
    return 1;
}

static bool is_coded(const request_rec *r)
{
    return (r->content_encoding != NULL && strcasecmp(r->content_encoding, "identity") != 0) ||
           in_either_table(r, "Content-Encoding");
}

/* The size of the body: as the answer says it, or as the brigade shows, if all of it is there. */
static uint64_t body_size(const request_rec *r, const apr_bucket_brigade *brigade)
{
    const char *said = apr_table_get(r->headers_out, "Content-Length");
    apr_off_t length;
    uint64_t sum = 0;

    if (said != NULL && ap_parse_strict_length(&length, said)) {
        return (uint64_t)length;
    }
    for (apr_bucket *b = APR_BRIGADE_FIRST(brigade); b != APR_BRIGADE_SENTINEL(brigade);
         b = APR_BUCKET_NEXT(b)) {
        if (APR_BUCKET_IS_EOS(b)) {
            /* For HEAD nothing at all says nothing. */
            return r->header_only && sum == 0 ? UINT64_MAX : sum;
        }
        if (b->length == (apr_size_t)-1) {
            break;
        }
        sum += b->length;
    }
    return UINT64_MAX;
}

static struct compression_answer look_at(const request_rec *r, const apr_bucket_brigade *brigade)
{
    struct compression_answer answer = {.status = r->status,
                                        .partial = in_either_table(r, "Content-Range"),
                                        .coded = is_coded(r),
                                        .size = body_size(r, brigade)};

    apr_table_do(find_no_transform, &answer.no_transform, r->headers_out, "Cache-Control", NULL);
    apr_table_do(find_no_transform, &answer.no_transform, r->err_headers_out, "Cache-Control",
                 NULL);
    return answer;
}

/* The coding for this answer, or identity, which is to leave it alone. */
static enum coding decide(request_rec *r, const struct compression_answer *answer)
{
    const struct request_state *state = request_state_of(r);
    enum compression_verdict verdict;
    enum coding coding = CODING_IDENTITY;

    if (state->delivered) {
        if (state->as_sent == CODING_IDENTITY) {
            return CODING_IDENTITY;
        }
        coding = state->as_sent;
        /* The handler's own 304 is for the compressed answer. */
        verdict =
            answer->status == HTTP_NOT_MODIFIED ? COMPRESSION_YES : compression_allows(answer);
    } else {
        const char *accept = apr_table_get(r->headers_in, "Accept-Encoding");
        struct negotiate_prefs prefs;
        negotiate_parse(accept, accept ? strlen(accept) : 0, &prefs);
        verdict = compression_decide(answer, &prefs,
                                     SETTING_OF(dir, settings_of(r), encodings)->codings, &coding);
    }
    LOG_R(APLOG_DEBUG, 0, r, "the answer for %s %s", r->uri, compression_reason(verdict));
    return verdict == COMPRESSION_YES ? coding : CODING_IDENTITY;
}

/* ---- the fields ------------------------------------------------------------------------------ */

/* The tag that the answer will have. NULL: none, which is better than one for both. */
static const char *tag_of(const request_rec *r, enum coding coding)
{
    const char *tag = apr_table_get(r->headers_out, "ETag");
    char *own;

    if (tag == NULL || coding == CODING_IDENTITY) {
        return tag;
    }
    own = apr_palloc(r->pool, strlen(tag) + ETAG_CODING_EXTRA);
    return etag_for_compressed(own, tag, coding) ? own : NULL;
}

static void change_fields(request_rec *r, enum coding coding, const char *tag)
{
    /* Of the bytes as they were: RFC 1864, RFC 3230, RFC 9530. Unencoded-Digest remains true. */
    static const char *const untrue[] = {"Content-Length", "Content-MD5",    "Digest",
                                         "Repr-Digest",    "Content-Digest", "Accept-Ranges"};
    static const char *const range[] = {"Range", "If-Range", "Request-Range"};
    const char *vary = apr_table_get(r->headers_out, "Vary");

    for (size_t i = 0; i < sizeof(untrue) / sizeof(untrue[0]); i++) {
        apr_table_unset(r->headers_out, untrue[i]);
        apr_table_unset(r->err_headers_out, untrue[i]);
    }
    for (size_t i = 0; i < sizeof(range) / sizeof(range[0]); i++) {
        apr_table_unset(r->headers_in, range[i]);
    }
    if (tag != NULL) {
        apr_table_setn(r->headers_out, "ETag", tag);
    } else {
        apr_table_unset(r->headers_out, "ETag");
    }
    /* As a field of the request, which httpd takes off a 304 by itself. */
    r->content_encoding = coding_info(coding)->token;
    r->clength = 0;
    if (vary == NULL || (vary[0] != '*' && !ap_find_token(r->pool, vary, "accept-encoding"))) {
        apr_table_mergen(r->headers_out, "Vary", "Accept-Encoding");
    }
}

/* Whether the client has the answer that has this tag. */
static bool client_has_it(const request_rec *r, const char *tag)
{
    const char *known = apr_table_get(r->headers_in, "If-None-Match");

    return r->status == HTTP_OK && r->method_number == M_GET && known != NULL && tag != NULL &&
           etag_in_list(known, tag, ETAG_WEAK);
}

/* The fields of a 304 are those of the 200 that say how long it is good and for whom; what else
 * describes the body goes (RFC 9110 §15.4.5), and not all of it is known to httpd as such. */
static void become_not_modified(request_rec *r)
{
    static const char *const of_the_body[] = {"Content-Type", "Content-Language", "Content-Length"};

    for (size_t i = 0; i < sizeof(of_the_body) / sizeof(of_the_body[0]); i++) {
        apr_table_unset(r->headers_out, of_the_body[i]);
    }
    r->status = HTTP_NOT_MODIFIED;
    r->status_line = NULL; /* a proxied server's words for its 200 */
}

/* ---- the filter ------------------------------------------------------------------------------ */

/* What is left of an answer that has no body for this client: the end, and what is no data. */
static apr_status_t pass_bodiless(ap_filter_t *f, apr_bucket_brigade *brigade)
{
    apr_bucket *next;

    for (apr_bucket *b = APR_BRIGADE_FIRST(brigade); b != APR_BRIGADE_SENTINEL(brigade); b = next) {
        next = APR_BUCKET_NEXT(b);
        if (!APR_BUCKET_IS_METADATA(b)) {
            apr_bucket_delete(b);
        }
    }
    return ap_pass_brigade(f->next, brigade);
}

/* Decides, with the first brigade, and changes the fields. The result is the filter's context: a
 * stream, BODILESS, or NULL where the answer is none of ours or shall stay as it is. */
static void *begin(ap_filter_t *f, const apr_bucket_brigade *brigade)
{
    request_rec *r = f->r;
    struct compression_answer answer = look_at(r, brigade);
    enum coding coding = decide(r, &answer);
    void *context = BODILESS;
    const char *tag;

    /* A file that was to be compressed and is not, after a word of mod_headers, goes on from here
     * as well: the handler has compared another tag than the one that it leaves with. */
    if (coding == CODING_IDENTITY && request_state_of(r)->as_sent == CODING_IDENTITY) {
        return NULL;
    }
    tag = tag_of(r, coding);
    if (client_has_it(r, tag)) {
        become_not_modified(r);
    } else if (coding == CODING_IDENTITY) {
        return NULL;
    } else if (!r->header_only && r->status != HTTP_NOT_MODIFIED) {
        context = compress_stream_new(f, coding, answer.size);
        if (context == NULL) {
            LOG_R(APLOG_ERR, 0, r, "no memory for compressing %s: it is sent as it is", r->uri);
            return NULL;
        }
    }
    if (coding != CODING_IDENTITY) {
        change_fields(r, coding, tag);
    }
    return context;
}

static apr_status_t compress_out(ap_filter_t *f, apr_bucket_brigade *brigade)
{
    if (f->ctx == WAITING) {
        const struct request_state *state = request_state_of(f->r);
        f->ctx = state->delivered || state->adopted ? begin(f, brigade) : NULL;
    }
    if (f->ctx == NULL) {
        ap_remove_output_filter(f);
        return ap_pass_brigade(f->next, brigade);
    }
    return f->ctx == BODILESS ? pass_bodiless(f, brigade) : compress_stream_pass(f->ctx, brigade);
}

void compress_filter_register(void)
{
    /* Without protocol flags: they are for mod_filter, which acts on them before it asks the
     * filter, and would take tag and length off answers that are left alone. */
    compress_filter =
        ap_register_output_filter("WASMSERVE_COMPRESS", compress_out, NULL, AP_FTYPE_CONTENT_SET);
}

void compress_filter_insert(request_rec *r)
{
    /* The setting first: most requests have no state yet, and need none. */
    if (SETTING_OF(dir, settings_of(r), compress)->on && request_state_of(r)->compressible) {
        ap_add_output_filter_handle(compress_filter, WAITING, r, r->connection);
    }
}
