/* SPDX-License-Identifier: Apache-2.0
 * delivery_variants.h — the files that may answer a request: found, authorised, opened, judged.
 *
 * Memory:  Everything in r->pool; an opened file is closed with it.
 * Threads: As the request: one thread at a time.
 */
#ifndef DELIVERY_VARIANTS_H
#define DELIVERY_VARIANTS_H

#include "httpd.h"

#include "coding.h"
#include "negotiate.h"

/* A representation that is open and may be sent. */
struct delivery_file {
    enum coding coding;
    enum coding as_sent; /* what is made of it on the way; identity: nothing */
    const char *path;
    apr_file_t *fd;
    apr_finfo_t finfo; /* of fd, not of the path */
};

/* Whether httpd has found no better handler for the request than its own for files. */
bool delivery_variants_plain_handler(const request_rec *r);

/* Chooses for r->filename, the raw file, among itself, its variants in the codings of the set, and
 * itself compressed as it is sent with one of the offers, by what the client prefers. Returns OK
 * with *out filled, HTTP_NOT_ACCEPTABLE, or the error for a raw file that cannot be opened. */
int delivery_variants_choose(request_rec *r, coding_set codings, coding_set offers,
                             const struct negotiate_prefs *prefs, struct delivery_file *out);

/* Opens r->filename, which is itself a variant, asked for by its own name. Returns OK, DECLINED if
 * it does not hold what its name says (and then must not be labelled so), or an error. */
int delivery_variants_open_named(request_rec *r, enum coding coding, struct delivery_file *out);

#endif
