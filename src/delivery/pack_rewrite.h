/* SPDX-License-Identifier: Apache-2.0
 * pack_rewrite.h — points the references in a page or a script to the names with hashes.
 *
 * Why:     A name with a hash changes with every deployment, and what refers to it must follow: the
 *          page that loads a script, the glue that loads its module. A wrong replacement breaks an
 *          application silently, so only what is a reference and nothing else is replaced.
 * Rules:   A reference is the whole of what stands between two equal quotation marks (" ' `) in one
 *          line, or in HTML an attribute's value without any. It may have a query and a fragment.
 *          Relative ones count from the folder of the file that they are in; in a script, if
 *          nothing is packed there, also from the root, because fetch() counts from the page.
 *          Those that begin with `base` count from the root. Of the path nothing but the hash
 *          changes: it is put before the last ending, or in place of one that is there already;
 *          so rewriting what has been rewritten points it to the version that is current now.
 *          Escapes of JavaScript and HTML are not looked through, percent-encoding is.
 * Memory:  The result is by malloc; everything else is borrowed.
 * Threads: Any.
 */
#ifndef PACK_REWRITE_H
#define PACK_REWRITE_H

#include <stdbool.h>
#include <stddef.h>

enum pack_language { PACK_HTML, PACK_SCRIPT, PACK_OTHER };

/* By the ending of the file's name. */
enum pack_language pack_rewrite_language(const char *name);

struct pack_rules {
    enum pack_language language;
    const char *file; /* the name of what is rewritten, relative to the root: "pkg/app.js" */
    const char *base; /* the URL of the root as references have it, with a slash at its end */
    /* The hash that the file of this name (relative to the root, without a hash) has now, or NULL
     * if nothing of that name is packed. */
    const char *(*hash_of)(const void *context, const char *name);
    const void *context;
};

struct pack_rewritten {
    char *text; /* free() it; NULL: there was no memory */
    size_t len;
    size_t references; /* found; those that had the right hash already count as well */
};

struct pack_rewritten pack_rewrite(const struct pack_rules *rules, const char *text, size_t len);

#endif
