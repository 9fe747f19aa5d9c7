/* SPDX-License-Identifier: Apache-2.0
 * pack_jobs.c — see pack_jobs.h.
 *
 * How:     The jobs stand in the order of the work that they are, and each thread takes the first
 *          one that still fits into the memory budget. So no long one is left for the end, where it
 *          would run alone, and a small one may overtake a large one that has to wait for memory.
 *          The raw file is read a piece at a time; only a delta's older version is held as a whole,
 *          and hashed before it is used: a delta against other bytes than its header says would be
 *          garbage in every browser.
 * Memory:  See pack_jobs.h. A thread frees what it takes before its job ends.
 * Threads: One lock guards which jobs have started and ended, and the budget; `done` is atomic.
 */
#include "pack_jobs.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "delta.h"
#include "encoder.h"
#include "pack_report.h"

enum { PIECE = 64 << 10, REDRAW_MILLISECONDS = 200 };

#define MIB ((uint64_t)1 << 20)

struct crew {
    const pack_folder *folder;
    struct pack_job **jobs; /* the most work first */
    size_t count;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a job has ended */
    uint64_t memory;        /* of the budget, what is left */
    unsigned working;
    bool stop; /* one has failed: no new ones */
};

/* ---- estimates ------------------------------------------------------------------------------- */

/* How much work a byte is, beside that of gzip. */
static unsigned cost_of(enum coding coding)
{
    static const unsigned costs[CODING_COUNT] = {[CODING_BR] = 12,
                                                 [CODING_ZSTD] = 8,
                                                 [CODING_GZIP] = 1,
                                                 [CODING_DCB] = 16,
                                                 [CODING_DCZ] = 12};

    return costs[coding];
}

static double work_of(const struct pack_job *job)
{
    return (double)(job->raw_size + job->old_size + 1) * cost_of(job->coding);
}

/* By what encoder.h promises: 200 MiB, or 40 times a dictionary; less for what is small. */
static uint64_t memory_of(const struct pack_job *job)
{
    if (job->old != NULL)
        return 16 * MIB + 41 * (job->old_size > job->raw_size ? job->old_size : job->raw_size);
    if (job->coding == CODING_GZIP)
        return MIB;
    uint64_t memory = 4 * MIB + 25 * job->raw_size;
    return memory < 200 * MIB ? memory : 200 * MIB;
}

static int by_work(const void *a, const void *b)
{
    const struct pack_job *left = *(struct pack_job *const *)a;
    const struct pack_job *right = *(struct pack_job *const *)b;
    double more = work_of(right) - work_of(left);

    return more > 0 ? 1 : more < 0 ? -1 : strcmp(left->label, right->label);
}

/* ---- one job --------------------------------------------------------------------------------- */

/* A variant's encoder or a delta, whichever the job takes. */
struct maker {
    encoder *encoder;
    struct delta *delta;
};

static enum encoder_status maker_run(const struct maker *maker, enum encoder_op op,
                                     const uint8_t **in, size_t *in_length, uint8_t **out,
                                     size_t *out_length)
{
    return maker->delta != NULL ? delta_run(maker->delta, op, in, in_length, out, out_length)
                                : encoder_run(maker->encoder, op, in, in_length, out, out_length);
}

/* The older version in memory, if it is still what it was. */
static char *read_old(const pack_folder *folder, const struct pack_job *job,
                      struct pack_outcome *outcome)
{
    int fd = pack_folder_open_file(folder, job->old);
    char digest[SHA256_HEX_SIZE], *old;
    size_t length = 0;

    old = fd < 0 ? NULL : pack_read_all(fd, DELTA_OLD_MAX, &length);
    outcome->error = errno;
    if (fd >= 0)
        close(fd);
    if (old == NULL) {
        outcome->result = outcome->error == ENOMEM ? PACK_JOB_FAILED : PACK_JOB_CHANGED;
        return NULL;
    }
    outcome->error = 0;
    sha256_hex(old, length, digest);
    if (length != job->old_size || strcmp(digest, job->old_digest) != 0) {
        outcome->result = PACK_JOB_CHANGED;
        free(old);
        return NULL;
    }
    return old;
}

/* Runs everything from one descriptor through the maker to another. */
static void transfer(struct pack_job *job, struct pack_outcome *outcome, const struct maker *maker,
                     int from, int to)
{
    uint8_t in[PIECE], out[PIECE], digest[SHA256_SIZE];
    enum encoder_status status;
    enum encoder_op op = ENCODER_PROCESS;
    sha256 hash;

    sha256_init(&hash);
    outcome->result = PACK_JOB_FAILED;
    do {
        ssize_t got = read(from, in, sizeof in);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            outcome->error = errno;
            return;
        }
        const uint8_t *next = in;
        size_t left = (size_t)got;
        op = got == 0 ? ENCODER_FINISH : ENCODER_PROCESS;
        do {
            uint8_t *end = out;
            size_t room = sizeof out;
            status = maker_run(maker, op, &next, &left, &end, &room);
            size_t length = (size_t)(end - out);
            outcome->size += length;
            if (outcome->size >= job->raw_size && status != ENCODER_FAILED) {
                outcome->result = PACK_JOB_LARGER;
                return;
            }
            sha256_add(&hash, out, length);
            for (size_t written = 0; written < length;) {
                ssize_t n = write(to, out + written, length - written);
                if (n < 0 && errno != EINTR) {
                    outcome->error = errno;
                    return;
                }
                written += n > 0 ? (size_t)n : 0;
            }
        } while (status == ENCODER_MORE);
        atomic_fetch_add(&job->done, (uint64_t)got);
        if (status == ENCODER_FAILED)
            return;
    } while (op != ENCODER_FINISH);
    if (fsync(to) != 0) {
        outcome->error = errno;
        return;
    }
    sha256_finish(&hash, digest);
    sha256_write_hex(digest, outcome->digest);
    outcome->result = PACK_JOB_MADE;
}

static void run_job(const pack_folder *folder, struct pack_job *job, struct pack_outcome *outcome)
{
    char *old = NULL;
    struct maker maker = {NULL, NULL};
    int from, to = -1;

    if (job->old != NULL && (old = read_old(folder, job, outcome)) == NULL)
        return;
    outcome->result = PACK_JOB_FAILED;
    from = job->raw_staged ? pack_folder_open_staged(folder, job->raw, false)
                           : pack_folder_open_file(folder, job->raw);
    if (from >= 0)
        to = pack_folder_open_staged(folder, job->staged, true);
    if (to < 0) {
        outcome->error = errno;
    } else {
        if (old != NULL) {
            struct delta_options options = {.coding = job->coding,
                                            .old = (const uint8_t *)old,
                                            .old_len = (size_t)job->old_size,
                                            .new_len = job->raw_size,
                                            .effort = ENCODER_BEST};
            maker.delta = delta_create(&options);
        } else {
            struct encoder_options options = {
                .coding = job->coding, .effort = ENCODER_BEST, .size_hint = job->raw_size};
            maker.encoder = encoder_create(&options);
        }
        if (maker.delta != NULL || maker.encoder != NULL)
            transfer(job, outcome, &maker, from, to);
        else
            outcome->error = ENOMEM;
    }
    encoder_destroy(maker.encoder);
    delta_destroy(maker.delta);
    if (from >= 0)
        close(from);
    if (to >= 0)
        close(to);
    free(old);
}

/* ---- the crew -------------------------------------------------------------------------------- */

/* The next job that fits, or NULL: none is left (*wait false) or none fits now. */
static struct pack_job *next_job(struct crew *crew, bool *wait)
{
    *wait = false;
    if (crew->stop)
        return NULL;
    for (size_t i = 0; i < crew->count; i++) {
        struct pack_job *job = crew->jobs[i];
        if (job->started)
            continue;
        if (memory_of(job) <= crew->memory || crew->working == 0)
            return job;
        *wait = true;
    }
    return NULL;
}

static void *work(void *argument)
{
    struct crew *crew = argument;
    struct pack_job *job;
    bool wait;

    pthread_mutex_lock(&crew->lock);
    while ((job = next_job(crew, &wait)) != NULL || wait) {
        if (job == NULL) {
            pthread_cond_wait(&crew->changed, &crew->lock);
            continue;
        }
        uint64_t memory = memory_of(job);
        struct pack_outcome outcome = {.result = PACK_JOB_WAITS};
        struct timespec begun, ended;
        memory = memory < crew->memory ? memory : crew->memory;
        crew->memory -= memory;
        crew->working++;
        job->started = true;
        pthread_mutex_unlock(&crew->lock);
        clock_gettime(CLOCK_MONOTONIC, &begun);
        run_job(crew->folder, job, &outcome);
        clock_gettime(CLOCK_MONOTONIC, &ended);
        outcome.seconds =
            (double)(ended.tv_sec - begun.tv_sec) + 1e-9 * (double)(ended.tv_nsec - begun.tv_nsec);
        pthread_mutex_lock(&crew->lock);
        job->outcome = outcome;
        crew->memory += memory;
        crew->working--;
        crew->stop |= job->outcome.result == PACK_JOB_FAILED;
        pthread_cond_broadcast(&crew->changed);
    }
    pthread_mutex_unlock(&crew->lock);
    return NULL;
}

/* ---- reporting ------------------------------------------------------------------------------- */

static void report(const pack_folder *folder, const struct pack_job *job)
{
    switch (job->outcome.result) {
    case PACK_JOB_MADE:
        pack_tell("made %s: %" PRIu64 " bytes, %.1f %%, in %.1f s", job->label, job->outcome.size,
                  100.0 * (double)job->outcome.size / (double)job->raw_size, job->outcome.seconds);
        break;
    case PACK_JOB_LARGER: pack_tell("left out %s: it would not be smaller", job->label); break;
    case PACK_JOB_CHANGED:
        pack_complain("%s/%s is not what was packed under this name: no delta against it",
                      folder->path, job->old);
        break;
    case PACK_JOB_FAILED:
        pack_complain("%s/%s: %s", folder->path, job->label,
                      job->outcome.error != 0 ? strerror(job->outcome.error)
                                              : "the encoder gave up; is there enough memory?");
        break;
    case PACK_JOB_WAITS: break;
    }
}

/* The line of progress: how much of all work is done, and what is at work. */
static void draw(const struct crew *crew)
{
    double all = 0, done = 0;
    char line[1000];
    size_t used = 0;

    for (size_t i = 0; i < crew->count; i++) {
        const struct pack_job *job = crew->jobs[i];
        double part = job->raw_size == 0 ? 0 : (double)job->done / (double)job->raw_size;
        all += work_of(job);
        done += work_of(job) * (job->outcome.result != PACK_JOB_WAITS ? 1 : part);
    }
    used += (size_t)snprintf(line, sizeof line, "%3.0f %%", 100 * done / all);
    for (size_t i = 0; i < crew->count; i++) {
        const struct pack_job *job = crew->jobs[i];
        if (!job->started || job->reported || used >= sizeof line)
            continue;
        used += (size_t)snprintf(line + used, sizeof line - used, "  %s %.0f %%", job->label,
                                 100 * (double)job->done / (double)(job->raw_size + 1));
    }
    pack_progress(line);
}

static bool all_over(const struct crew *crew)
{
    if (crew->working > 0)
        return false;
    for (size_t i = 0; i < crew->count && !crew->stop; i++)
        if (!crew->jobs[i]->started)
            return false;
    return true;
}

/* Until all jobs have ended: tells of each as it ends, and draws. */
static void watch(struct crew *crew)
{
    bool shown = pack_progress_shown(), over = false;

    pthread_mutex_lock(&crew->lock);
    while (!over) {
        over = all_over(crew);
        for (size_t i = 0; i < crew->count; i++) {
            struct pack_job *job = crew->jobs[i];
            if (job->outcome.result != PACK_JOB_WAITS && !job->reported) {
                job->reported = true;
                report(crew->folder, job);
            }
        }
        if (over)
            break;
        if (!shown) {
            pthread_cond_wait(&crew->changed, &crew->lock);
            continue;
        }
        struct timespec until;
        draw(crew);
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += REDRAW_MILLISECONDS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&crew->changed, &crew->lock, &until);
    }
    pthread_mutex_unlock(&crew->lock);
}

enum tool_exit pack_jobs_run(const pack_folder *folder, struct pack_job *jobs, size_t count,
                             unsigned threads, uint64_t memory)
{
    struct crew crew = {.folder = folder, .count = count, .memory = memory};
    pthread_t *thread = calloc(threads, sizeof *thread);
    pthread_condattr_t monotonic;
    unsigned begun = 0;

    crew.jobs = calloc(count + 1, sizeof(struct pack_job *));
    if (thread == NULL || crew.jobs == NULL) {
        free(thread);
        free(crew.jobs);
        pack_complain("out of memory");
        return TOOL_FAILED;
    }
    for (size_t i = 0; i < count; i++)
        crew.jobs[i] = &jobs[i];
    qsort(crew.jobs, count, sizeof(struct pack_job *), by_work);
    pthread_mutex_init(&crew.lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&crew.changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    while (begun < threads && begun < count &&
           pthread_create(&thread[begun], NULL, work, &crew) == 0)
        begun++;
    if (begun == 0)
        work(&crew); /* no thread to be had: all in this one */
    watch(&crew);
    while (begun > 0)
        pthread_join(thread[--begun], NULL);
    pthread_cond_destroy(&crew.changed);
    pthread_mutex_destroy(&crew.lock);
    free(thread);
    free(crew.jobs);
    return crew.stop ? TOOL_FAILED : TOOL_OK;
}
