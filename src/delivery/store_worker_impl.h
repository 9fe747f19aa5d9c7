/* SPDX-License-Identifier: Apache-2.0
 * store_worker_impl.h — what the files of the worker share: its state, how things end, and its
 * tools.
 *
 * Map:     store_worker.c          the round: takes the lock, walks over the jobs
 *          store_worker_file.c     a job for a file: digest, variants, index, family
 *          store_worker_delta.c    a job for a delta between two versions
 *          store_worker_variant.c  reads, encodes, publishes; used by both
 * Memory:  Everything here lives on the stack of store_work(), but for the two buffers.
 * Threads: One.
 */
#ifndef STORE_WORKER_IMPL_H
#define STORE_WORKER_IMPL_H

#include "delta.h"
#include "encoder.h"
#include "store_worker.h"

enum { WORKER_PIECE = 64 * 1024 };

/* How a job, or a part of one, ended. */
enum worker_end {
    WORKER_DONE,    /* it can be removed */
    WORKER_LATER,   /* not now; the next job */
    WORKER_CHANGED, /* the file is not what it was */
    WORKER_FULL,    /* nothing can be written */
    WORKER_STOP     /* go_on said no */
};

struct worker {
    struct store *s;
    const struct store_limits *limits;
    const struct store_seams *seams;
    uint8_t *in, *out; /* WORKER_PIECE each */
};

/* ---- the seams (store_worker.c) ---- */

bool worker_go_on(const struct worker *w, enum store_step step);
int64_t worker_now(const struct worker *w);
__attribute__((format(printf, 3, 4))) void worker_say(const struct worker *w, enum store_note level,
                                                      const char *format, ...);

/* ---- reading, encoding, publishing (store_worker_variant.c) ---- */

/* Where bytes come from: a file of which the first size bytes are read, and hashed. */
struct worker_source {
    int fd;
    uint64_t size, done;
    sha256 hash;
};

struct worker_source worker_source(int fd, uint64_t size);

/* The next piece, in w->in; *len is 0 at the end. A file that has become shorter has changed. */
enum worker_end worker_read(struct worker *w, struct worker_source *source, size_t *len);

/* Whether what was read has the digest. Ends the hashing. */
bool worker_has_digest(struct worker_source *source, const uint8_t digest[SHA256_SIZE]);

/* The file of a job. */
struct worker_file {
    int fd;
    struct fileid id;
    uint8_t digest[SHA256_SIZE];
};

/* Whether the open file is still in the state that the job is for. */
bool worker_file_unchanged(const struct worker_file *file);

/* Reads the file for its digest; keep: into a copy in the store as well. */
enum worker_end worker_digest(struct worker *w, struct worker_file *file, bool keep);

/* Whether the variant is there, whole; *size receives that of its body. */
bool worker_has_variant(const struct worker *w, const struct store_key *key, uint64_t *size);

/* An encoder or a delta: the same thing to feed. */
struct worker_coder {
    encoder *plain;
    struct delta *delta;
};

/* Makes one variant from the source, which is the file's, or a copy in the store if file is NULL.
 * What is useless is published without a body if mark is set, so that nobody tries again. *size
 * receives the size, or STORE_USELESS. */
enum worker_end worker_make(struct worker *w, struct worker_coder *coder,
                            struct worker_source *source, const struct worker_file *file,
                            const struct store_key *key, bool mark, uint64_t *size);

/* A variant without a body, which says that there is none worth having. */
enum worker_end worker_publish_none(struct worker *w, const struct store_key *key,
                                    uint64_t raw_size);

/* ---- jobs ---- */

/* Opens the file of the job, age seconds old, and sees that it is the one and has settled. file->fd
 * is the caller's to close, if it is not -1. */
enum worker_end worker_open_file(struct worker *w, const struct store_job *job, int64_t age,
                                 struct worker_file *file);

enum worker_end worker_do_file(struct worker *w, const struct store_job *job,
                               struct worker_file *file);
enum worker_end worker_do_delta(struct worker *w, const struct store_job *job);

/* What could not be made is not tried again for this state of the file, or these versions. */
enum worker_end worker_give_up_file(struct worker *w, const struct store_job *job);
enum worker_end worker_give_up_delta(struct worker *w, const struct store_job *job);

#endif
