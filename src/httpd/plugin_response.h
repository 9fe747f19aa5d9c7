/* SPDX-License-Identifier: Apache-2.0
 * plugin_response.h — the header block that a CGI guest wrote: found, checked, put into a request.
 *
 * Memory:  strings that stay go to r->pool; the block itself is only read.
 * Threads: the request's.
 */
#ifndef PLUGIN_RESPONSE_H
#define PLUGIN_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "httpd.h"

#define PLUGIN_NO_LENGTH INT64_MAX

/* What the header says beyond the fields that are in the request afterwards. */
struct plugin_response {
    int64_t length;       /* of the body, as declared; PLUGIN_NO_LENGTH if it is not */
    const char *location; /* of a redirection whose status is left to us; NULL: none */
    int condition;        /* OK, or the status that the client's preconditions ask for: 304, 412 */

    /* The request as it was, for plugin_response_undo(). */
    apr_table_t *headers_out, *err_headers_out;
    const char *content_type;
};

/* Looks for the empty line that ends a header block. Returns the length of the block with that
 * line, 0 if it is not there yet. `from` is where the last search ended. */
size_t plugin_response_end(const char *block, size_t length, size_t from);

/* Puts the block (with its empty line) into the request's status and header fields. Returns NULL,
 * or what is wrong with it; then the request is as it was. */
const char *plugin_response_apply(request_rec *r, const char *block, size_t length,
                                  struct plugin_response *response);

/* Makes the request forget the guest's status and header fields. */
void plugin_response_undo(request_rec *r, const struct plugin_response *response);

#endif
