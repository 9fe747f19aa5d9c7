/* SPDX-License-Identifier: Apache-2.0
 * delivery_response.c — from a chosen file to a response: validators, conditions, ranges, body.
 *
 * How:     Everything that a filter may look at is set before the first bucket leaves:
 *          - r->content_encoding rather than a header of that name: httpd takes it off a 304 by
 *            itself, and mod_deflate and mod_brotli see that there is nothing left to compress.
 *          - no-gzip and no-brotli, since for an uncompressed answer those two would compress, and
 *            change the tag, although the client (or the lack of a variant) has just decided for
 *            these bytes.
 *          - the entity tag with the coding in it.
 * Then:    Conditions are ours (conditions.h), not httpd's ap_meets_conditions. Ranges are cut
 *          by httpd's filter, which is left a Range header only where it applies, and no
 *          If-Range, which has been evaluated.
 * Errors:  412 and 416 are returned, so that ErrorDocument applies. httpd drops the headers of
 *          an answer that becomes an error, except those in err_headers_out.
 * Memory:  In r->pool; the body is file buckets over the file's descriptor, which belongs to the
 *          same pool, or a bucket over a content that is kept in memory (kept_body.h).
 * Threads: As the request: one thread at a time.
 */
#include "delivery_response.h"

#include "apr_buckets.h"
#include "apr_strings.h"
#include "http_core.h"
#include "http_protocol.h"
#include "http_request.h"
#include "util_filter.h"

#include "conditions.h"
#include "etag.h"
#include "httpd_log.h"
#include "kept_body.h"
#include "ranges.h"
#include "request_state.h"

#if !AP_MODULE_MAGIC_AT_LEAST(20120211, 101)
#error "mod_wasmserve needs httpd 2.4.47 or newer"
#endif

/* Since 2.4.60 httpd tells types that the configuration chose from those that a client may have had
 * a hand in. */
void delivery_response_type(request_rec *r, const char *type)
{
#if AP_MODULE_MAGIC_AT_LEAST(20120211, 132)
    ap_set_content_type_ex(r, type, 1);
#else
    ap_set_content_type(r, type);
#endif
}

void delivery_response_no_other_coder(request_rec *r)
{
    apr_table_setn(r->subprocess_env, "no-gzip", "1");
    apr_table_setn(r->subprocess_env, "no-brotli", "1");
}

void delivery_response_label(request_rec *r, const char *type, enum coding coding)
{
    delivery_response_type(r, type);
    r->content_encoding = coding == CODING_IDENTITY ? NULL : coding_info(coding)->token;
    delivery_response_no_other_coder(r);
}

/* How long after its last change a file may change again without a new time of change: one tick of
 * the kernel's file clock (1 to 10 ms), doubled; a second where the file system keeps no fractions,
 * which a time without one suggests. */
#define MTIME_TICK (20 * APR_TIME_C(1000))

static bool mtime_is_settled(const request_rec *r, apr_time_t mtime)
{
    apr_time_t grain = apr_time_usec(mtime) == 0 ? APR_USEC_PER_SEC : MTIME_TICK;

    return r->request_time - mtime > grain;
}

/* The strong tag of this file in this coding, or NULL under FileETag None. Strong from the first
 * request on, so that the tag does not change although the content does not; weak only while the
 * file could change without a change of its time, when a strong tag would be a promise that nobody
 * can keep (RFC 9110 §8.8.1). httpd itself says weak for a full second whatever the file system. */
static const char *make_etag(request_rec *r, struct delivery_file *file)
{
    bool settled = mtime_is_settled(r, file->finfo.mtime);
    etag_rec source = {.vlist_validator = NULL,
                       /* httpd compares this with the file's time to choose weak or strong */
                       .request_time =
                           settled ? file->finfo.mtime + 2 * APR_USEC_PER_SEC : r->request_time,
                       .finfo = &file->finfo,
                       .pathname = NULL, /* with a path httpd would close the descriptor */
                       .fd = file->fd,
                       .force_weak = !settled};
    const char *tag = ap_make_etag_ex(r, &source);
    char *own;

    if (tag == NULL || tag[0] == '\0') {
        return NULL;
    }
    if (file->tag != NULL) {
        return file->tag;
    }
    if (file->tag_word != NULL) {
        own = apr_palloc(r->pool, strlen(tag) + strlen(file->tag_word) + 2);
        etag_with_word(own, tag, file->tag_word);
    } else {
        own = apr_palloc(r->pool, strlen(tag) + ETAG_CODING_EXTRA);
        etag_for_coding(own, tag, file->coding);
    }
    return own;
}

static void set_headers(request_rec *r, struct delivery_file *file, const char *type)
{
    const char *tag = make_etag(r, file);

    delivery_response_label(r, type, file->coding);
    ap_update_mtime(r, file->finfo.mtime);
    ap_set_last_modified(r);
    if (tag != NULL) {
        apr_table_setn(r->headers_out, "ETag", tag);
    }
    ap_set_accept_ranges(r);
    ap_set_content_length(r, file->size);
}

/* The tag with which the file leaves: what is compressed on the way gets another one there. */
static const char *final_tag(request_rec *r, const struct delivery_file *file)
{
    const char *tag = apr_table_get(r->headers_out, "ETag");
    char *own;

    if (tag == NULL || file->as_sent == CODING_IDENTITY) {
        return tag;
    }
    own = apr_palloc(r->pool, strlen(tag) + ETAG_CODING_EXTRA);
    return etag_for_compressed(own, tag, file->as_sent) ? own : NULL;
}

static struct conditions_result evaluate(request_rec *r, const struct delivery_file *file)
{
    struct conditions_request request = {
        .if_match = apr_table_get(r->headers_in, "If-Match"),
        .if_unmodified_since = apr_table_get(r->headers_in, "If-Unmodified-Since"),
        .if_none_match = apr_table_get(r->headers_in, "If-None-Match"),
        .if_modified_since = apr_table_get(r->headers_in, "If-Modified-Since"),
        .if_range = apr_table_get(r->headers_in, "If-Range"),
        .range = apr_table_get(r->headers_in, "Range"),
        .is_get = !r->header_only,
        .is_head = r->header_only,
    };
    struct conditions_validators validators = {
        .etag = final_tag(r, file),
        .last_modified = apr_time_sec(ap_rationalize_mtime(r, r->mtime)),
        .date = apr_time_sec(r->request_time),
    };

    return conditions_evaluate(&request, &validators);
}

/* What httpd's error page shall still have of this answer. */
static int fail(request_rec *r, const struct delivery_file *file, int status)
{
    static const char *const kept[] = {"Vary", "ETag"};
    const char *tag = final_tag(r, file);

    if (tag != NULL) {
        apr_table_setn(r->headers_out, "ETag", tag);
    }
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        const char *value = apr_table_get(r->headers_out, kept[i]);
        if (value != NULL) {
            apr_table_setn(r->err_headers_out, kept[i], value);
            apr_table_unset(r->headers_out, kept[i]);
        }
    }
    return status;
}

/* Leaves httpd's filter exactly the Range that is to be cut. */
static int prepare_range(request_rec *r, bool use_range, apr_off_t size)
{
    const char *range = apr_table_get(r->headers_in, "Range");
    enum ranges_verdict verdict = RANGES_IGNORE;

    apr_table_unset(r->headers_in, "If-Range");
    apr_table_unset(r->headers_in,
                    "Request-Range"); /* the name before RFC 2068, which httpd still knows */
    if (use_range && range != NULL) {
        verdict = ranges_judge(range, (uint64_t)size);
    }
    if (verdict == RANGES_IGNORE) {
        apr_table_unset(r->headers_in, "Range");
    } else {
        request_state_of(r)->use_as_dictionary = NULL; /* a part is no dictionary */
    }
    if (verdict == RANGES_UNSATISFIABLE) {
        apr_table_setn(r->err_headers_out, "Content-Range",
                       apr_psprintf(r->pool, "bytes */%" APR_OFF_T_FMT, size));
        return HTTP_RANGE_NOT_SATISFIABLE;
    }
    return OK;
}

/* Files up to this size are read rather than mapped. A mapping costs two system calls and a page
 * fault, and in a child with many threads the whole process waits for it twice; copying so little
 * costs less. RATIONALE "Why are small bodies kept in memory?" */
#define SMALL_BODY ((apr_size_t)64 * 1024)

/* What is to be compressed is read in pieces of a little more than 64 KiB (APR takes something off
 * for itself). Given less at first, the encoder of Brotli begins with a window of that size, and
 * has to copy it into the whole one; which then comes fresh from the kernel each time. */
#define COMPRESSED_PIECE ((apr_size_t)72 * 1024)

/* How the body is read where it is not sent by sendfile. httpd's own buffers are 8 KB by default; a
 * small body goes into one of its own size, so that it leaves in one piece. */
static void tune_reading(const request_rec *r, const struct delivery_file *file, apr_bucket *bucket)
{
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);
    apr_size_t buffer = ap_get_read_buf_size(r);
    /* A compressor takes so long over a megabyte that copying it does not show, and a file that
     * shrinks meanwhile is an error where it is read, and the end of the process where it is
     * mapped.
     */
    bool read = file->size <= (apr_off_t)SMALL_BODY || file->as_sent != CODING_IDENTITY;

#if APR_HAS_MMAP
    if (core->enable_mmap == ENABLE_MMAP_OFF || read) {
        apr_bucket_file_enable_mmap(bucket, 0);
    }
#endif
    if (file->as_sent != CODING_IDENTITY && buffer < COMPRESSED_PIECE) {
        buffer = COMPRESSED_PIECE;
    } else if (read && buffer < SMALL_BODY) {
        buffer = SMALL_BODY;
    }
    apr_bucket_file_set_buf_size(bucket, buffer);
}

static void insert_body(request_rec *r, const struct delivery_file *file,
                        apr_bucket_brigade *brigade)
{
    if (file->body != NULL) {
        APR_BRIGADE_INSERT_TAIL(
            brigade, kept_body_bucket(file->body, (size_t)file->size, brigade->bucket_alloc));
    } else {
        /* Splits what is larger than a bucket can be. */
        tune_reading(r, file, apr_brigade_insert_file(brigade, file->fd, 0, file->size, r->pool));
    }
}

static int send_body(request_rec *r, const struct delivery_file *file, bool with_body)
{
    apr_bucket_brigade *brigade = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    struct request_state *state = request_state_of(r);
    apr_status_t status;

    state->delivered = true;
    state->as_sent = file->as_sent;
    if (with_body && file->size > 0) {
        insert_body(r, file, brigade);
    }
    APR_BRIGADE_INSERT_TAIL(brigade, apr_bucket_eos_create(r->connection->bucket_alloc));
    status = ap_pass_brigade(r->output_filters, brigade);
    apr_brigade_cleanup(brigade);
    if (status == APR_SUCCESS || r->status != HTTP_OK || r->connection->aborted) {
        return OK;
    }
    LOG_R(APLOG_DEBUG, status, r, "%s could not be sent", file->path);
    return AP_FILTER_ERROR;
}

int delivery_response_send(request_rec *r, const struct delivery_file *file, const char *type)
{
    struct delivery_file own = *file;
    struct conditions_result conditions;
    int result;

    set_headers(r, &own, type);
    conditions = evaluate(r, &own);
    if (conditions.verdict == CONDITIONS_FAILED) {
        return fail(r, &own, HTTP_PRECONDITION_FAILED);
    }
    if (conditions.verdict == CONDITIONS_NOT_MODIFIED) {
        /* Not returned but sent, so that mod_headers and mod_expires have their say (RFC 9110
         * §15.4.5 wants the fields that the 200 would have had). */
        apr_table_unset(r->headers_out, DELIVERY_RAW_SIZE);
        r->status = HTTP_NOT_MODIFIED;
        return send_body(r, &own, false);
    }
    /* What is compressed on the way has no bytes that a part could be cut of a second time. */
    result = prepare_range(r, conditions.use_range && own.as_sent == CODING_IDENTITY, own.size);
    if (result != OK) {
        return fail(r, &own, result);
    }
    return send_body(r, &own, true);
}
