/* SPDX-License-Identifier: Apache-2.0
 * exchange_httpd.h — a guest's stdin, stdout and log over a request_rec: the exchange that the host
 * ABIs see (exchange.h).
 *
 * Life: exchange_httpd_new(); the guest runs with x->callbacks; then exactly one of _finish(), if
 * the guest has ended well, and _fail().
 *
 * Memory:  everything is in r->pool; two buffers at most, of 16 and 64 KiB, whatever the size of
 *          the bodies.
 * Threads: the request's.
 */
#ifndef EXCHANGE_HTTPD_H
#define EXCHANGE_HTTPD_H

#include <stdbool.h>
#include <stdint.h>

#include "apr_buckets.h"
#include "httpd.h"

#include "engine.h"
#include "exchange.h"

#include "guest_log.h"
#include "plugin_response.h"

struct exchange_httpd {
    exchange callbacks;
    request_rec *r;
    const char *label; /* whose log lines these are */
    wasm_store *store; /* whose deadline is paused while the client is waited for; or NULL */

    /* The request body. */
    uint64_t body_limit;
    uint64_t body_read;
    apr_bucket_brigade *in;
    bool in_ended;

    /* The answer. */
    char *head; /* what came before the empty line */
    size_t head_length, head_room, head_searched;
    bool head_done;
    struct plugin_response response;
    apr_bucket_brigade *out;
    char *pending; /* the beginning of a body, or the next piece of one */
    size_t pending_length;
    apr_time_t passed_at; /* when something was passed on last, or the header was complete */
    bool begun;           /* something was passed on: the answer can no longer be replaced */
    bool discard;         /* what comes is not sent */
    bool excess;          /* more came than Content-Length says */
    int64_t body_sent;
    uint64_t written; /* all that the guest wrote */

    /* Why a callback failed. */
    int http_status; /* what the request is to be answered with; 0: as the engine's status says */
    const char *nonsense; /* what was wrong with the header; NULL: nothing */

    struct guest_log log;
};

/* `label` is borrowed. body_limit in bytes. */
struct exchange_httpd *exchange_httpd_new(request_rec *r, const char *label, uint64_t body_limit);

/* For plugin_run(). baton is the exchange_httpd. */
void exchange_httpd_set_store(void *baton, wasm_store *store);

/* The guest has ended: sends what is left and the end. Returns what the handler returns (OK, or a
 * status that ErrorDocument is for), and in *why what was wrong, NULL if nothing was. */
int exchange_httpd_finish(struct exchange_httpd *x, const char **why);

/* The guest was stopped. If nothing was sent, takes its answer back and returns false; otherwise
 * ends the response so that the client sees that it is not complete, and returns true. */
bool exchange_httpd_fail(struct exchange_httpd *x);

#endif
