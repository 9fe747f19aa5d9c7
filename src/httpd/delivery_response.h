/* SPDX-License-Identifier: Apache-2.0
 * delivery_response.h — from a chosen file to a response: validators, conditions, ranges, body.
 *
 * Memory:  In r->pool.
 * Threads: As the request: one thread at a time.
 */
#ifndef DELIVERY_RESPONSE_H
#define DELIVERY_RESPONSE_H

#include "delivery_file.h"

/* Sets the media type. */
void delivery_response_type(request_rec *r, const char *type);

/* Tells mod_deflate and mod_brotli, which look at their first brigade, to leave this answer alone.
 */
void delivery_response_no_other_coder(request_rec *r);

/* The header that says how many bytes the content has without any coding, in every 200 and 206 for
 * which that is known. RATIONALE "Which header says how large the raw file is?" */
#define DELIVERY_RAW_SIZE "X-Uncompressed-Content-Length"

/* Says the type and the coding of what is about to be sent, and keeps httpd's compressing filters
 * away from it. */
void delivery_response_label(request_rec *r, const char *type, enum coding coding);

/* Sends the file, or 304, or returns 412 or 416 for httpd to answer. type is the media type. The
 * caller has dealt with the method; Vary and DELIVERY_RAW_SIZE are already set. */
int delivery_response_send(request_rec *r, const struct delivery_file *file, const char *type);

#endif
