/* SPDX-License-Identifier: Apache-2.0
 * store_worker.h — does the jobs of the store: one after the other, at leisure.
 *
 * Why:     Making the best variant of a file takes seconds to minutes of processor time and
 *          hundreds of megabytes. One worker does it for a whole server, and it can be interrupted
 *          at any point: by a restart, a crash, a full disk, or the file changing under it. None of
 *          these may leave anything but a job that is still to be done.
 * Right:   A variant's name and seal have the digest of the very bytes that the encoder was given,
 *          hashed as they went in; so whatever happens to the file meanwhile, a variant is right
 *          for its name. That a file has this digest is written into the index only if the file was
 *          the same, by its identity, after it had been read as before, and has been left alone for
 *          a while.
 * Seams:   The clock, the log, and the question whether to go on, which is asked at every step with
 *          its name: the server answers it with whether it is about to stop, and the tests use it
 *          to stop, kill, or change things exactly there.
 * Memory:  A few buffers, the encoder's, and for a delta the old version: see store_limits.
 * Threads: One at a time; several processes keep apart by the store's lock.
 */
#ifndef STORE_WORKER_H
#define STORE_WORKER_H

#include "store_dir.h"

/* In the order of a job's life. */
#define STORE_STEPS(STEP)                                                                          \
    STEP(LOCKED)                                                                                   \
    STEP(TAKEN)   /* a job has been read */                                                        \
    STEP(NOTED)   /* the attempt is counted */                                                     \
    STEP(OPENED)  /* the file is the one that was asked for */                                     \
    STEP(READ)    /* after each piece */                                                           \
    STEP(ENCODED) /* the body is complete, and what was read is what was meant */                  \
    STEP(SEALED)                                                                                   \
    STEP(SYNCED)                                                                                   \
    STEP(PUBLISHED)                                                                                \
    STEP(INDEXED)                                                                                  \
    STEP(LISTED)  /* the family has the version */                                                 \
    STEP(REMOVED) /* the job is done */                                                            \
    STEP(EVICTED)

enum store_step {
#define STORE_STEP_ENUM(name) STORE_STEP_##name,
    STORE_STEPS(STORE_STEP_ENUM)
#undef STORE_STEP_ENUM
        STORE_STEP_COUNT
};

enum store_note { STORE_NOTE_INFO, STORE_NOTE_WARNING };

struct store_seams {
    bool (*go_on)(void *context, enum store_step step); /* false: leave everything and return */
    void (*log)(void *context, enum store_note level, const char *text);
    int64_t (*now)(void *context); /* microseconds since the epoch */
    void *context;
};

struct store_limits {
    uint64_t cap;            /* bytes that all variants may take */
    uint64_t raw_max;        /* of a file; larger ones are left as they are */
    uint64_t dictionary_max; /* of a version that is kept as a dictionary */
};

/* What is worth the while at all: less is a packet of the network either way. */
#define STORE_RAW_MIN ((uint64_t)256)

/* How often a job may be begun without coming to an end before it is given up: a file that crashes
 * the encoder, or takes the machine's last memory, must not do so for ever. */
#define STORE_ATTEMPTS 3

enum store_round {
    STORE_ROUND_DONE,   /* nothing is left to be done now */
    STORE_ROUND_BUSY,   /* somebody else works here, or the directory cannot be used */
    STORE_ROUND_FULL,   /* the disk is full, or cannot be written to: come back later */
    STORE_ROUND_STOPPED /* go_on said so */
};

/* Does all the jobs that can be done. */
enum store_round store_work(struct store *s, const struct store_limits *limits,
                            const struct store_seams *seams);

#endif
