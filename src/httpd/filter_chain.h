/* SPDX-License-Identifier: Apache-2.0
 * filter_chain.h — the filters that a client's request goes through; for plugin_filter.c,
 * filter_request.c, filter_response.c and plugin_authorize.c.
 *
 *   plugin_filter.c     which plugin, when, and what becomes of the request
 *   filter_request.c    one plugin's part before the answer
 *   filter_response.c   its part behind
 *   filter_exchange.c   what its guest sees; filter_fields.c, filter_body.c
 *
 * A chain belongs to one request of a client, over all internal redirections of it, which share a
 * pool: so does each use of a plugin in it, with the instance that serves both phases.
 *
 * Memory:  the pool of the client's request.
 * Threads: the request's.
 */
#ifndef FILTER_CHAIN_H
#define FILTER_CHAIN_H

#include <stdbool.h>

#include "apr_tables.h"
#include "httpd.h"

#include "filter_body.h"
#include "filter_exchange.h"
#include "plugin.h"
#include "plugin_instance.h"

enum filter_state {
    FILTER_FAILED,   /* the request goes on as if it were not there, or is over */
    FILTER_ANSWERED, /* its guest has, and is done with */
    FILTER_PASSED,   /* its guest waits for the response */
    FILTER_HOLDING,  /* it has begun to come */
    FILTER_DONE      /* its guest has seen it */
};

struct filter_use {
    const struct plugin *plugin;
    struct plugin_limits limits;
    struct filter_chain *chain;
    enum filter_state state;
    struct filter_exchange *x;
    struct plugin_instance *instance; /* NULL: none any more */
    uint32_t features;                /* enum exchange_feature */
    bool counted;                     /* among the plugin's calls in flight */
    apr_pool_t *pool;                 /* whose cleanup ends that */

    apr_bucket_brigade *held; /* the response so far, in the state FILTER_HOLDING */
    uint64_t held_bytes;
};

struct filter_chain {
    apr_array_header_t *uses; /* of struct filter_use *, in the order of their turns */
    struct filter_body body;
    struct filter_use *answer; /* whose guest has answered and not been sent yet; NULL: none */
    bool header_only;          /* the client's method is HEAD, whatever it is now */
    bool drops;                /* who answers takes it for HEAD and it is none, or the other way:
                                * no body is sent */
    bool server_error;         /* what is sent is an error of the server's own */

    /* Fields of the request that who answers shall not see: what he would do with them, the
     * filters could not look at. */
    bool hidden;
    const char *accept_encoding; /* NULL: shown again, or there was none */
};

/* ---- plugin_filter.c ---- */

/* The body of a request as its filters have it; for an authorization. */
struct filter_body *filter_body_of(request_rec *r);

/* ---- filter_request.c ---- */

/* Its turn. OK: the request goes on (use->state says how it was); DONE: the guest has answered; or
 * the status that the request is to end with. For an authorization (use->x->mode): OK in the state
 * FILTER_PASSED is yes, DONE no. */
int filter_request_run(request_rec *r, struct filter_use *use);

/* The plugin has no more to do with this request. */
void filter_use_end(struct filter_use *use);

/* Takes down what a call has cost and how it ended. */
void filter_use_count(struct filter_use *use, const struct plugin_result *result);

/* ---- filter_response.c ---- */

void filter_response_register(void);

/* Puts the use's output filter into r, unless it is there or has nothing to do. */
void filter_response_insert(request_rec *r, struct filter_use *use);

#endif
