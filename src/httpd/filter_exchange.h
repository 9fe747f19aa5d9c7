/* SPDX-License-Identifier: Apache-2.0
 * filter_exchange.h — a request and its response over a request_rec, as a guest of http-wasm sees
 * and changes them (exchange_http).
 *
 * Life: one for each plugin and client request. filter_exchange_new(); the guest's handle_request
 * runs; filter_exchange_commit_request(), unless it failed: until then nothing of the request has
 * changed, so a plugin that failed can be passed over. Then, for the response, the same with
 * filter_exchange_response() and filter_exchange_commit_response().
 *
 * Memory:  r->pool; bodies are on the heap, see filter_body.h.
 * Threads: the request's.
 */
#ifndef FILTER_EXCHANGE_H
#define FILTER_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "apr_buckets.h"
#include "apr_tables.h"
#include "httpd.h"

#include "engine.h"
#include "exchange.h"

#include "filter_body.h"
#include "guest_log.h"
#include "plugin.h"

enum filter_mode {
    FILTER_ON_REQUEST,  /* in front of who answers */
    FILTER_ON_RESPONSE, /* behind */
    FILTER_AUTHORIZES   /* only says yes or no: method and URI are not its to change */
};

#define FILTER_METHOD_BYTES 32

struct filter_exchange {
    exchange world;
    exchange_http http;
    request_rec *r;
    const struct plugin *plugin;
    enum filter_mode mode;
    wasm_store *store; /* whose deadline is paused while the client is waited for; or NULL */
    struct guest_log log;
    uint64_t body_limit;
    uint32_t enabled; /* enum exchange_feature */

    /* The request, as far as the guest has changed it. */
    const char *method, *uri; /* NULL: not changed */
    char method_text[FILTER_METHOD_BYTES + 1];
    char *uri_text, *uri_path;   /* what uri points to, and room to look at its path */
    apr_table_t *request_fields; /* likewise */
    apr_table_t *request_trailers;
    bool decided_encoding; /* it has had its say about Accept-Encoding */

    /* The response. Before there is one: what the guest wants to see in it, which is kept as
     * `seeds` when there is. */
    int status; /* 0: not set */
    apr_table_t *fields, *err_fields;
    apr_table_t *response_trailers;
    const char *content_type, *content_encoding;
    bool response_changed;
    bool has_etag, has_modified; /* the guest has had its say about them */

    /* Bodies. */
    struct filter_body *body; /* the request's */
    size_t body_at;           /* how far the guest has read it */
    bool body_read;           /* it has begun to */
    uint64_t bytes_in, bytes_out;
    struct held_bytes new_request, new_response;
    bool request_written, response_written;
    apr_bucket_brigade *held; /* the response's body; NULL: none */
    apr_bucket *held_at;      /* how far the guest has read it */
    size_t held_offset;

    /* What had to be put together for the guest; NULL: not yet. It may ask for it without end. */
    const char *sent_uri, *server_name, *server_port;

    /* Variables. */
    apr_table_t *variables; /* that the guest has set, under their full names; NULL: none */
    bool asked_user;        /* it wanted to know who the user is */

    /* What is left of the bounds on header fields and variables. */
    size_t fields_left;
    unsigned variables_left;

    /* The lines of the header that was walked last; dropped when it changes. */
    apr_array_header_t *lines; /* of struct filter_line */
    int lines_kind;            /* -1: none */
    char source[64];

    /* Why a callback failed. */
    const char *nonsense; /* what the guest wanted and must not; NULL: nothing */
    int http_status;      /* the request is at fault: what it is answered with; 0: it is not */
};

/* `body` is shared by all filters of the request. */
struct filter_exchange *filter_exchange_new(request_rec *r, const struct plugin *plugin,
                                            enum filter_mode mode, uint64_t body_limit,
                                            struct filter_body *body);

/* For plugin_instance_take(). baton is the filter_exchange. */
void filter_exchange_set_store(void *baton, wasm_store *store);

/* Makes what the guest did to the request true. Returns OK, or the status of a request whose body
 * could not be read to its end. */
int filter_exchange_commit_request(struct filter_exchange *x);

/* What httpd does to the path of a request that comes in, in place; false if it would refuse it. */
bool filter_exchange_normalize(const request_rec *r, char *path);

/* Begins the response's phase, in r, which may be another request of the same client's (an internal
 * redirection). `held`: its body where it is held, else NULL. */
void filter_exchange_response(struct filter_exchange *x, request_rec *r, apr_bucket_brigade *held);

/* What the guest said before there was a response goes into r, but does not replace what who
 * answered has said. */
void filter_exchange_seed(const struct filter_exchange *x, request_rec *r);

/* The guest has answered by itself: puts status and header fields into r; returns the brigade of
 * the answer, with its end. */
apr_bucket_brigade *filter_exchange_answer(const struct filter_exchange *x, request_rec *r);

/* Makes what the guest did to the response true. Returns whether it has another body now: *body
 * (not set otherwise), of x->new_response.length bytes, and nothing in the header about its length.
 */
bool filter_exchange_commit_response(struct filter_exchange *x, apr_bucket_brigade **body);

/* Takes away what the header says of a body that will not be sent as it was. */
void filter_exchange_forget_body(request_rec *r);

/* Variables that the guest has set. */
void filter_exchange_commit_variables(const struct filter_exchange *x, request_rec *r);

#endif
