/* SPDX-License-Identifier: Apache-2.0
 * store_worker.c — the round of the store's worker: one job after the other.
 *
 * How:     A round takes the lock and walks over the jobs; what each of them means is in
 *          store_worker_file.c and store_worker_delta.c.
 * Ends:    A job is removed when it is done, when its file is another one by now, and when it was
 *          begun too often. It stays if the file is too young, if the worker has to stop, and if
 *          the disk is full.
 * Memory:  Two buffers of a piece, and what store_worker.h says.
 * Threads: One.
 */
#include "store_worker_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- the seams ---- */

bool worker_go_on(const struct worker *w, enum store_step step)
{
    return w->seams->go_on(w->seams->context, step);
}

void worker_say(const struct worker *w, enum store_note level, const char *format, ...)
{
    char text[STORE_PATH_MAX + 256];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    w->seams->log(w->seams->context, level, text);
}

int64_t worker_now(const struct worker *w)
{
    return w->seams->now(w->seams->context);
}

/* ---- a round ---- */

static enum worker_end attempt(struct worker *w, struct store_job *job, int64_t age)
{
    struct worker_file file = {.fd = -1};
    enum worker_end end = WORKER_DONE;

    if (job->attempts >= STORE_ATTEMPTS) {
        worker_say(
            w, STORE_NOTE_WARNING,
            "%s: given up after %d attempts that did not come to an end; a new version of the file "
            "is a new matter",
            job->path, STORE_ATTEMPTS);
        return job->kind == STORE_JOB_FILE ? worker_give_up_file(w, job)
                                           : worker_give_up_delta(w, job);
    }
    if (job->kind == STORE_JOB_FILE) {
        end = worker_open_file(w, job, age, &file);
    }
    if (end == WORKER_DONE) {
        job->attempts++;
        end = store_update_job(w->s, job) ? WORKER_DONE : WORKER_FULL;
    }
    if (end == WORKER_DONE && !worker_go_on(w, STORE_STEP_NOTED)) {
        end = WORKER_STOP;
    }
    if (end == WORKER_DONE) {
        if (job->kind == STORE_JOB_DELTA) {
            end = worker_do_delta(w, job);
        } else {
            end = worker_go_on(w, STORE_STEP_OPENED) ? worker_do_file(w, job, &file) : WORKER_STOP;
        }
        /* An attempt that was broken off in good order was none. No memory, though, counts. */
        if (end == WORKER_STOP || end == WORKER_FULL) {
            job->attempts--;
            store_update_job(w->s, job);
        }
    }
    if (file.fd >= 0) {
        close(file.fd);
    }
    return end;
}

/* Takes away what is too much. That what was used within the last hour has to go is a sign that the
 * store is too small for what is asked for: it will be made again and again. */
static void evict(struct worker *w)
{
    int64_t seconds = worker_now(w) / 1000000, youngest = INT64_MIN;

    if (store_evict(w->s, w->limits->cap, &youngest) > 0 && youngest > seconds - 3600) {
        worker_say(
            w, STORE_NOTE_WARNING,
            "%s: full of variants that are in use; a larger size would save making them again",
            w->s->path);
    }
}

static enum store_round do_jobs(struct worker *w)
{
    char place[STORE_PLACE_NAME] = "";
    struct store_job job;
    int64_t age;

    while (store_next_job(w->s, place, &job, &age, worker_now(w) / 1000000)) {
        enum worker_end end =
            worker_go_on(w, STORE_STEP_TAKEN) ? attempt(w, &job, age) : WORKER_STOP;
        if (end == WORKER_FULL) {
            return STORE_ROUND_FULL;
        }
        if (end == WORKER_STOP) {
            return STORE_ROUND_STOPPED;
        }
        if (end == WORKER_LATER) {
            continue;
        }
        store_remove_job(w->s, &job);
        if (!worker_go_on(w, STORE_STEP_REMOVED)) {
            return STORE_ROUND_STOPPED;
        }
        evict(w);
        if (!worker_go_on(w, STORE_STEP_EVICTED)) {
            return STORE_ROUND_STOPPED;
        }
    }
    return STORE_ROUND_DONE;
}

enum store_round store_work(struct store *s, const struct store_limits *limits,
                            const struct store_seams *seams)
{
    struct worker w = {.s = s, .limits = limits, .seams = seams};
    enum store_round round = STORE_ROUND_BUSY;
    int lock = store_lock(s);

    if (lock < 0) {
        return STORE_ROUND_BUSY;
    }
    w.in = malloc(WORKER_PIECE);
    w.out = malloc(WORKER_PIECE);
    if (w.in != NULL && w.out != NULL) {
        round = worker_go_on(&w, STORE_STEP_LOCKED) ? do_jobs(&w) : STORE_ROUND_STOPPED;
    }
    free(w.in);
    free(w.out);
    close(lock);
    return round;
}
