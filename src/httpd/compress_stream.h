/* SPDX-License-Identifier: Apache-2.0
 * compress_stream.h — brigades in, the same compressed out.
 *
 * Memory:  The stream is in the pool of the filter's request; its encoder is freed at the end of
 *          the content, or with the pool.
 * Threads: As the request: one thread at a time.
 */
#ifndef COMPRESS_STREAM_H
#define COMPRESS_STREAM_H

#include <stdint.h>

#include "httpd.h"
#include "util_filter.h"

#include "coding.h"

struct compress_stream;

/* A stream that passes what it makes to f->next. size_hint: bytes that will come, UINT64_MAX:
 * unknown; it may be wrong. NULL where there is no memory for the encoder. */
struct compress_stream *compress_stream_new(ap_filter_t *f, enum coding coding, uint64_t size_hint);

/* Takes the brigade, which is empty afterwards, and passes on what is ready. Returns what a filter
 * returns: APR_SUCCESS, what the next filter said, or an error of reading or compressing, after
 * which the answer is broken off in a way that the client sees. */
apr_status_t compress_stream_pass(struct compress_stream *stream, apr_bucket_brigade *brigade);

#endif
