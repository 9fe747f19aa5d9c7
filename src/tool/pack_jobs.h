/* SPDX-License-Identifier: Apache-2.0
 * pack_jobs.h — the compression of many files, on several processors and in bounded memory.
 *
 * A job makes one file out of one: a variant of it, or a delta of it against an older version. Jobs
 * know nothing of each other. A few megabytes take the best encoders a minute, so what is going on
 * is told: a line for each job that ends, and a line of progress by the bytes that went in.
 *
 * Memory:  A job is its owner's. What jobs at work may take together, by estimate (encoder.h says
 *          what an encoder takes), stays within a budget; one that alone is above it runs alone.
 * Threads: pack_jobs_run() makes them, waits for them, and reports from the caller's thread.
 */
#ifndef WASMSERVE_PACK_JOBS_H
#define WASMSERVE_PACK_JOBS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coding.h"
#include "pack_folder.h"

enum pack_job_result {
    PACK_JOB_WAITS,
    PACK_JOB_MADE,
    PACK_JOB_LARGER,  /* not smaller than what it was made from; there is no file */
    PACK_JOB_CHANGED, /* the older version is not what it was when it was packed */
    PACK_JOB_FAILED
};

struct pack_job {
    /* What is to be done. */
    const char *label;  /* the name that the result will have */
    const char *staged; /* the name of the new file, for pack_folder_open_staged() */
    const char *raw;    /* what it is made from: a file of DIR, or if raw_staged a new one */
    bool raw_staged;
    uint64_t raw_size;
    enum coding coding;
    const char *old; /* a delta: the older version, a file of DIR; else NULL */
    uint64_t old_size;
    const char *old_digest;
    /* What came of it. */
    struct pack_outcome {
        enum pack_job_result result;
        int error;     /* FAILED: errno, or 0 where the encoder gave up */
        uint64_t size; /* MADE */
        char digest[SHA256_HEX_SIZE];
        double seconds;
    } outcome;
    /* While it is at work. */
    atomic_uint_fast64_t done; /* bytes of raw that went in */
    bool started, reported;
};

/* Does all jobs, longest first, and reports. FAILED if one did; why has been said. */
enum tool_exit pack_jobs_run(const pack_folder *folder, struct pack_job *jobs, size_t count,
                             unsigned threads, uint64_t memory);

#endif
