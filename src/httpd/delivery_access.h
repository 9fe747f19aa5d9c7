/* SPDX-License-Identifier: Apache-2.0
 * delivery_access.h — whether httpd would give this client a file, asked by its name.
 *
 * Why:     What delivery sends in place of the requested file has a name of its own, or comes from
 *          one, and that name is not covered by what httpd has checked for the request: "<Files
 *          *.br> Require all denied", a symbolic link out of the tree, a rewrite to "forbidden" may
 *          all apply to it alone. Only httpd can say, so it is asked.
 * Memory:  A sub-request lives for the call, in a pool of its own.
 * Threads: As the request: one thread at a time.
 */
#ifndef DELIVERY_ACCESS_H
#define DELIVERY_ACCESS_H

#include <stdbool.h>

#include "httpd.h"

/* Whether httpd has found no better handler for the request than its own for files. */
bool delivery_access_plain_handler(const request_rec *r);

/* Whether a request of the same client for the file at path, which is in the directory of
 * r->filename, would be answered with that file. found is what a stat of path said a moment ago, or
 * NULL. seen receives what httpd looked at. */
bool delivery_access_file(request_rec *r, const char *path, const apr_finfo_t *found,
                          apr_finfo_t *seen);

/* The same for a name under which there may be no file any more: whether this client would get it
 * if there were one. */
bool delivery_access_name(request_rec *r, const char *path);

#endif
