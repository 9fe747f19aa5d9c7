/* SPDX-License-Identifier: Apache-2.0
 * request_state.h — what the module's hooks and filters tell each other about one request.
 *
 * Why:     httpd gives a module one pointer for each request; this is what it points to.
 * Memory:  In r->pool, made at first use.
 * Threads: As the request: one thread at a time.
 */
#ifndef REQUEST_STATE_H
#define REQUEST_STATE_H

#include <stdbool.h>

#include "httpd.h"

#include "coding.h"

struct plugin;
struct request_head;
struct filter_chain;
struct plugin_verdict;
struct plugin_version;

/* The version of a plugin that a request keeps to its end; plugin_use() makes them. */
struct request_pin {
    const struct request_pin *next;
    const struct plugin *plugin;
    const struct plugin_version *version;
};

struct request_state {
    /* What delivery would say, unless somebody else has; or NULL. */
    const char *cache_control;
    const char *use_as_dictionary;

    /* Compression as it is sent. Identity is 0, so that all zero bytes mean "nothing". */
    bool compressible;   /* the filters for it stand in the chain of this request */
    bool delivered;      /* the handler of delivery has answered, and decided: */
    enum coding as_sent; /* what the filter makes of its answer; identity: nothing */
    bool adopted;        /* somebody else has answered, with one of delivery's types */

    /* Plugins. */
    const struct plugin *plugin; /* that answers the request; NULL: none */
    apr_filetype_e kind;         /* of r->filename; fixups hides directories from mod_dir */
    bool plugin_over;            /* it failed: it does not answer what the request turns into */
    const struct request_pin *pins;
    const char *user_path;            /* of a module that .htaccess names, as it was asked for */
    const struct plugin *user_plugin; /* what came of that; NULL: it was refused */

    struct request_head *head;       /* request_lines_filter.c: as it came in */
    struct filter_chain *filters;    /* plugin_filter.c; NULL: none so far */
    struct plugin_verdict *verdicts; /* plugin_authorize.c */
};

/* The state of the request, made if it is not there yet; never NULL. */
struct request_state *request_state_of(request_rec *r);

#endif
