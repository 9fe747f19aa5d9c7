/* SPDX-License-Identifier: Apache-2.0
 * delivery_dictionary.h — WasmServeDictionary: what the client has already, and what it is told to
 * keep for later (RFC 9842).
 *
 * Why:     dictionary.h has the rules on strings; here they meet a request: which resources have
 *          dictionaries at all, whether the client's is one of ours, and whether it may be used.
 * Memory:  In r->pool.
 * Threads: As the request: one thread at a time.
 */
#ifndef DELIVERY_DICTIONARY_H
#define DELIVERY_DICTIONARY_H

#include <stdbool.h>

#include "httpd.h"

#include "dictionary.h"
#include "negotiate.h"

/* A version that the client says it has. */
struct delivery_dictionary {
    uint8_t digest[DICTIONARY_DIGEST];
    const char *name; /* of its file, in the directory of r->filename, where it may be no more */
    const char *path;
    enum { DICTIONARY_UNCHECKED, DICTIONARY_GOOD, DICTIONARY_BAD } file; /* see _check_file */
    uint64_t size; /* bytes, once it is good */
};

/* Whether answers for the requested file can be deltas: then every one of them depends on
 * Available-Dictionary. immutable: whether its name carries a hash by WasmServeImmutable. */
bool delivery_dictionary_applies(const request_rec *r, bool immutable);

/* What the client announces, if it may be used for an answer to this request and the client accepts
 * a coding that takes one. */
bool delivery_dictionary_read(request_rec *r, const struct negotiate_prefs *prefs,
                              struct delivery_dictionary *out);

/* Whether the file at dictionary->path is there, this client would get it, and it has the announced
 * content. Asked for again, the answer is the same. */
bool delivery_dictionary_check_file(request_rec *r, struct delivery_dictionary *dictionary);

/* The Use-As-Dictionary for the answer, or NULL. */
const char *delivery_dictionary_offer(request_rec *r);

#endif
