/* SPDX-License-Identifier: Apache-2.0
 * filter_body.h — bytes that are held, and the body of a request between the client, the filters'
 * guests and whoever comes next.
 *
 * Memory: bytes are on the heap, bound by a cleanup of the pool they were begun with.
 * Threads: the request's.
 */
#ifndef FILTER_BODY_H
#define FILTER_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apr_buckets.h"
#include "httpd.h"

#include "engine.h"

/* A buffer that grows. All zero but for the pool is an empty one. */
struct held_bytes {
    apr_pool_t *pool;
    char *bytes;
    size_t length, room;
};

/* Appends; false if there is no memory. `from` NULL: makes room for `length` more without adding.
 */
bool held_bytes_add(struct held_bytes *held, const void *from, size_t length);

/* A bucket with all of them, which stays good if the pool goes first; NULL if there are none. */
apr_bucket *held_bytes_bucket(const struct held_bytes *held, apr_bucket_alloc_t *alloc);

/* The body of a client's request, over all internal redirections of it. What a guest has read is
 * kept, so that the next guest, and whoever answers, can read it as well, unless drop() or
 * replace() says otherwise. */
struct filter_body {
    struct held_bytes held;      /* from its beginning */
    bool ended;                  /* that is all there is */
    bool altered;                /* held is not (only) what came from the client */
    bool touched;                /* somebody has read: who comes next needs filter_body_offer() */
    apr_bucket_brigade *in;      /* what a read brought and nobody has taken */
    apr_bucket_brigade *offered; /* to who comes next, when that has begun */
};

void filter_body_register(void);

/* Reads up to size bytes from offset *at, from the client where nobody has read so far, blocking;
 * *got 0 at the end. Not more than `limit` bytes are kept. Returns APR_SUCCESS; APR_ENOSPC where
 * the body is larger; or what the client's side failed with. `store` (or NULL): whose deadline
 * pauses while the client is waited for. */
apr_status_t filter_body_read(struct filter_body *body, request_rec *r, wasm_store *store,
                              uint64_t limit, size_t *at, void *buffer, size_t size, size_t *got);

/* Reads the client's body to its end and forgets it: what follows is `by`, or nothing (NULL).
 * Content-Length is set to that. Errors as filter_body_read(); more than `limit` bytes are not
 * waited for. */
apr_status_t filter_body_replace(struct filter_body *body, request_rec *r, uint64_t limit,
                                 const struct held_bytes *by);

/* Puts what is held in front of what is still to come, for all that read from r from now on. */
void filter_body_offer(struct filter_body *body, request_rec *r);

#endif
