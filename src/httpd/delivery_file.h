/* SPDX-License-Identifier: Apache-2.0
 * delivery_file.h — what may answer a request, and where such things come from.
 *
 * Why:     The same bytes can lie beside the raw file, made by whoever deployed it, or in the
 *          store, made by the server. What they have in common is all that choosing and sending
 *          needs.
 * How:     A source finds, cheaply and for several codings at once, what it has; the best of all is
 *          opened by the source that it came from, which then makes sure that it may be sent.
 * Memory:  Everything in r->pool; an opened file is closed with it.
 * Threads: As the request: one thread at a time.
 */
#ifndef DELIVERY_FILE_H
#define DELIVERY_FILE_H

#include "httpd.h"

#include "coding.h"
#include "fileid.h"
#include "negotiate.h"

struct delivery_dictionary;
struct delivery_source;
struct kept_body;
struct stored;

struct delivery_file {
    enum coding coding;
    enum coding as_sent;                  /* what is made of it on the way; identity: nothing */
    const struct delivery_source *source; /* NULL: the requested file itself */
    const char *path;                     /* for the log, where fd did not come from it */
    apr_file_t *fd;                       /* valid once it is open, unless there is a body */
    const struct kept_body *body;         /* once it is open: all of it, in memory; or NULL */
    apr_finfo_t finfo;                    /* of the path when found, of fd once it is open */
    apr_off_t size;                       /* of the representation: the first bytes of the file */
    struct stored *stored;                /* what delivery_store.c knows of its own */
    const char *tag;      /* the whole entity tag, strong, of the content; NULL: made from finfo */
    const char *tag_word; /* goes into a tag that is made from finfo; NULL: the coding's token */
};

/* What the request is about. */
struct delivery_ask {
    request_rec *r;     /* r->filename and r->finfo are the raw file's */
    coding_set codings; /* that may be sent here, without those that need a dictionary */
    coding_set
        offers; /* of those, the ones that the raw file can be compressed with as it is sent */
    const struct negotiate_prefs *prefs;
    bool is_version; /* the file is one of a family: later ones may be deltas against it */
    struct delivery_dictionary *dictionary; /* that the client has; NULL: none of use */
};

struct delivery_source {
    /* Fills found[c] for each coding c of the set that this source has and the client may get, and
     * returns those. Nothing but size, coding, source and what open needs is filled in. */
    coding_set (*find)(const struct delivery_ask *ask, coding_set wanted,
                       struct delivery_file found[CODING_COUNT]);
    /* Makes what was found ready to be sent. False if it turns out that it must not be. */
    bool (*open)(const struct delivery_ask *ask, struct delivery_file *file);
};

/* The identity of a file by what httpd found. */
static inline struct fileid delivery_file_id(const apr_finfo_t *finfo)
{
    return (struct fileid){.device = (uint64_t)finfo->device,
                           .inode = (uint64_t)finfo->inode,
                           .size = (uint64_t)finfo->size,
                           .mtime = finfo->mtime,
                           .ctime = finfo->ctime};
}

/* Opens path for sending, as the settings of the request's place say, and fills in fd or body,
 * finfo and size. found is what a stat of path said a moment ago: a small file that is kept in
 * memory (kept_body.h) in that state is not opened. Fails as opening does. */
apr_status_t delivery_file_open(request_rec *r, const char *path, const apr_finfo_t *found,
                                struct delivery_file *file);

/* Whether a file of this size is to leave from memory here: a small one, where nobody wants the
 * kernel to send it (EnableSendfile) and httpd does not want to read it for the tag (FileETag
 * Digest). */
bool delivery_file_from_memory(const request_rec *r, apr_off_t size);

/* Whether the request will probably need the content, and not only its validators. */
bool delivery_file_wanted(const request_rec *r);

/* The descriptor, if there is one, goes before the request's end. */
void delivery_file_close(struct delivery_file *file);

#endif
