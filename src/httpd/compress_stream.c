/* SPDX-License-Identifier: Apache-2.0
 * compress_stream.c — brigades in, the same compressed out.
 *
 * How:     Data buckets are read one at a time and given to the encoder where they lie; they are
 *          deleted before the next one is read, so a file of any size takes one buffer of the
 *          reader. What the encoder writes goes into buffers that become heap buckets without
 *          being copied. A full one is passed on at once, what is left of the last one only where
 *          the content ends or somebody asks for it.
 * Order:   A flush bucket flushes the encoder, if data has come since the last time, and is passed
 *          on behind what that gave. Any other metadata bucket is a place in the stream just as
 *          well, so it is treated alike; only what comes behind the end passes as it is.
 * Broken:  An error bucket from above means that the rest will not come. What has come is given to
 *          the client, but no end of the coding and no last chunk (the error bucket sees to that).
 *          If reading or compressing fails, an error bucket of our own does the same.
 * Memory:  The encoder (some megabytes, see encoder.h, out of encoder_pool.h) is freed as soon as
 *          the content ends; a cleanup of the pool does it for answers that never end.
 * Threads: As the request: one thread at a time.
 */
#include "compress_stream.h"

#include "apr_buckets.h"
#include "http_protocol.h"
#include "http_request.h"

#include "encoder.h"
#include "encoder_pool.h"
#include "httpd_log.h"

/* What httpd collects before it writes to the network (FlushMaxThreshold), so that a full buffer is
 * one write. */
enum { BUFFER = 64 * 1024 };

struct compress_stream {
    ap_filter_t *filter;
    encoder *encoder; /* NULL: the content has ended, or was given up */
    enum coding coding;
    bool dirty;    /* data has come since the encoder was last flushed */
    bool unsent;   /* the next filter has failed: nobody is there to send to */
    bool given_up; /* broken off by us, with an end of our own */
    apr_bucket_brigade *out;
    char *buffer; /* from the connection's bucket allocator; NULL: none at the moment */
    size_t used;
};

static apr_status_t release(void *data)
{
    struct compress_stream *s = data;

    encoder_destroy(s->encoder);
    s->encoder = NULL;
    if (s->buffer != NULL) {
        apr_bucket_free(s->buffer);
        s->buffer = NULL;
        s->used = 0;
    }
    return APR_SUCCESS;
}

struct compress_stream *compress_stream_new(ap_filter_t *f, enum coding coding, uint64_t size_hint)
{
    struct compress_stream *s = apr_pcalloc(f->r->pool, sizeof(*s));
    struct encoder_options options = {
        .coding = coding, .effort = ENCODER_FAST, .size_hint = size_hint, .memory = &encoder_pool};

    s->filter = f;
    s->coding = coding;
    s->encoder = encoder_create(&options);
    if (s->encoder == NULL) {
        return NULL;
    }
    apr_pool_cleanup_register(f->r->pool, s, release, apr_pool_cleanup_null);
    s->out = apr_brigade_create(f->r->pool, f->c->bucket_alloc);
    return s;
}

static apr_status_t pass_on(struct compress_stream *s)
{
    apr_status_t status;

    if (APR_BRIGADE_EMPTY(s->out)) {
        return APR_SUCCESS;
    }
    status = ap_pass_brigade(s->filter->next, s->out);
    apr_brigade_cleanup(s->out);
    s->unsent = status != APR_SUCCESS;
    return status;
}

/* The buffer, as far as it is filled, becomes a bucket. */
static void emit(struct compress_stream *s)
{
    apr_bucket_alloc_t *list = s->filter->c->bucket_alloc;

    if (s->used > 0) {
        APR_BRIGADE_INSERT_TAIL(s->out,
                                apr_bucket_heap_create(s->buffer, s->used, apr_bucket_free, list));
        s->buffer = NULL;
        s->used = 0;
    }
}

static apr_status_t encode(struct compress_stream *s, enum encoder_op op, const char *data,
                           apr_size_t len)
{
    const uint8_t *in = (const uint8_t *)data;
    enum encoder_status status;

    do {
        uint8_t *out;
        size_t room;
        if (s->buffer == NULL) {
            s->buffer = apr_bucket_alloc(BUFFER, s->filter->c->bucket_alloc);
        }
        out = (uint8_t *)s->buffer + s->used;
        room = BUFFER - s->used;
        status = encoder_run(s->encoder, op, &in, &len, &out, &room);
        s->used = BUFFER - room;
        if (status == ENCODER_FAILED) {
            LOG_R(APLOG_ERR, 0, s->filter->r, "compressing %s with %s failed: out of memory?",
                  s->filter->r->uri, coding_info(s->coding)->token);
            return APR_EGENERAL;
        }
        if (room == 0) {
            apr_status_t passed;
            emit(s);
            passed = pass_on(s);
            if (passed != APR_SUCCESS) {
                return passed;
            }
        }
    } while (status == ENCODER_MORE);
    if (op != ENCODER_PROCESS) {
        emit(s);
    }
    return APR_SUCCESS;
}

/* The end of all compressing here. */
static void finish(struct compress_stream *s)
{
    apr_pool_cleanup_run(s->filter->r->pool, s, release);
}

static apr_status_t take_data(struct compress_stream *s, apr_bucket *bucket)
{
    const char *data;
    apr_size_t len;
    apr_status_t status = apr_bucket_read(bucket, &data, &len, APR_NONBLOCK_READ);

    if (APR_STATUS_IS_EAGAIN(status)) {
        /* There may be a long wait, in which the client can have what is ready. */
        status = pass_on(s);
        if (status == APR_SUCCESS) {
            status = apr_bucket_read(bucket, &data, &len, APR_BLOCK_READ);
        }
    }
    if (status == APR_SUCCESS && len > 0) {
        s->dirty = true;
        status = encode(s, ENCODER_PROCESS, data, len);
    }
    apr_bucket_delete(bucket);
    return status;
}

static apr_status_t take_metadata(struct compress_stream *s, apr_bucket *bucket)
{
    bool eos = APR_BUCKET_IS_EOS(bucket), error = AP_BUCKET_IS_ERROR(bucket);
    apr_status_t status = APR_SUCCESS;

    if (eos) {
        status = encode(s, ENCODER_FINISH, NULL, 0);
    } else if (s->dirty) {
        status = encode(s, ENCODER_FLUSH, NULL, 0);
        s->dirty = false;
    }
    if (status != APR_SUCCESS) {
        return status;
    }
    APR_BUCKET_REMOVE(bucket);
    APR_BRIGADE_INSERT_TAIL(s->out, bucket);
    if (eos || error) {
        finish(s);
    }
    return eos || APR_BUCKET_IS_FLUSH(bucket) ? pass_on(s) : APR_SUCCESS;
}

/* Behind the end, or in an answer that is broken off: metadata passes, data has no place. */
static void take_after_end(struct compress_stream *s, apr_bucket *bucket)
{
    if (APR_BUCKET_IS_METADATA(bucket)) {
        APR_BUCKET_REMOVE(bucket);
        APR_BRIGADE_INSERT_TAIL(s->out, bucket);
    } else {
        apr_bucket_delete(bucket);
    }
}

/* Reading, compressing or sending has failed. Unless it is the client who is gone, it must not take
 * what it has for the whole: no last chunk, and no further request on this connection. */
static void break_off(struct compress_stream *s, apr_status_t why)
{
    request_rec *r = s->filter->r;
    apr_bucket_alloc_t *list = s->filter->c->bucket_alloc;

    finish(s);
    apr_brigade_cleanup(s->out);
    if (s->filter->c->aborted || s->unsent) {
        return;
    }
    s->given_up = true;
    LOG_R(APLOG_ERR, why, r, "the answer for %s is broken off", r->uri);
    r->connection->keepalive = AP_CONN_CLOSE;
    APR_BRIGADE_INSERT_TAIL(s->out, ap_bucket_error_create(HTTP_BAD_GATEWAY, NULL, r->pool, list));
    APR_BRIGADE_INSERT_TAIL(s->out, apr_bucket_eos_create(list));
    (void)pass_on(s);
}

apr_status_t compress_stream_pass(struct compress_stream *s, apr_bucket_brigade *brigade)
{
    apr_status_t status = APR_SUCCESS;

    if (s->given_up) {
        apr_brigade_cleanup(brigade);
        return APR_EGENERAL;
    }
    while (status == APR_SUCCESS && !APR_BRIGADE_EMPTY(brigade)) {
        apr_bucket *bucket = APR_BRIGADE_FIRST(brigade);
        if (s->encoder == NULL) {
            take_after_end(s, bucket);
        } else {
            status =
                APR_BUCKET_IS_METADATA(bucket) ? take_metadata(s, bucket) : take_data(s, bucket);
        }
    }
    if (status == APR_SUCCESS) {
        status = pass_on(s);
    }
    if (status != APR_SUCCESS) {
        apr_brigade_cleanup(brigade);
        break_off(s, status);
    }
    return status;
}
