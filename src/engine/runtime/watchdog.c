/* SPDX-License-Identifier: Apache-2.0
 * watchdog.c — the thread that tells a store that its time is over.
 *
 * How:     Armed stores stand in a list sorted by deadline. A new deadline is nearly always the
 *          latest one, so insertion looks from the end and usually stops at once; thousands of
 *          armed stores with very different deadlines would ask for a heap, a child of httpd has
 *          tens. The thread sleeps until `wakes_at`. That time is left standing when the store it
 *          was meant for is disarmed: the thread wakes once for nothing, and in exchange an arm()
 *          whose deadline lies behind wakes_at, which is every arm() of a busy server, makes no
 *          system call at all: two uncontended lock operations and one clock reading.
 *          A pause takes the entry out of the list and keeps what was left of its time.
 * Memory:  The entries are part of the stores; the watchdog itself is one block of its own.
 * Threads: Everything here may be called from any thread, each store from its own. The watchdog
 *          thread touches an entry only under the lock, and a store only through
 *          wasm_store_interrupt(); disarming takes the lock, so that a store that was disarmed is
 *          never touched again and may be freed. All signals are blocked in the thread, so that
 *          the server's own handling of them is not disturbed.
 *          A fork copies no thread: start the watchdog in the process that uses it.
 *          A process that is told to end may free its stores in a signal handler that came above
 *          this very code (httpd's prefork does), with the lock taken by its own thread: then
 *          nothing is changed, and the store stays, for the process is about to end.
 * Editing: wasm_deadline_*() are called by host functions around every wait; keep them free of
 *          system calls (the clock is read through the vDSO).
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "report.h"
#include "runtime.h"

#define NEVER UINT64_MAX

struct wasm_watchdog {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    watchdog_entry *first, *last; /* by deadline, earliest first */
    uint64_t wakes_at;            /* when the thread looks next; NEVER: when it is told to */
    wasm_status ending;           /* WASM_OK, or what every store is interrupted with */
    bool stopping;
};

/* Whether this thread is between lock() and unlock(), of whichever watchdog. Set before and reset
 * after, so that a signal handler that finds 0 finds the lock free of its own thread. */
static _Thread_local volatile sig_atomic_t is_inside;

static void lock(wasm_watchdog *w)
{
    is_inside = 1;
    pthread_mutex_lock(&w->lock);
}

static void unlock(wasm_watchdog *w)
{
    pthread_mutex_unlock(&w->lock);
    is_inside = 0;
}

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static wasm_store *store_of(watchdog_entry *entry)
{
    return (wasm_store *)((char *)entry - offsetof(wasm_store, deadline));
}

/* ---- the list; the caller holds the lock ----------------------------------------------------- */

static void unlist(wasm_watchdog *w, watchdog_entry *entry)
{
    if (!entry->listed)
        return;
    if (entry->previous)
        entry->previous->next = entry->next;
    else
        w->first = entry->next;
    if (entry->next)
        entry->next->previous = entry->previous;
    else
        w->last = entry->previous;
    entry->previous = entry->next = NULL;
    entry->listed = false;
}

static void enlist(wasm_watchdog *w, watchdog_entry *entry)
{
    watchdog_entry *before = w->last;

    while (before && before->deadline > entry->deadline)
        before = before->previous;
    entry->previous = before;
    entry->next = before ? before->next : w->first;
    if (entry->next)
        entry->next->previous = entry;
    else
        w->last = entry;
    if (before)
        before->next = entry;
    else
        w->first = entry;
    entry->listed = true;
}

/* Starts the clock of an entry that is not in the list. */
static void run_from(wasm_watchdog *w, watchdog_entry *entry, uint64_t now, uint64_t nanoseconds)
{
    entry->deadline = nanoseconds > NEVER - 1 - now ? NEVER - 1 : now + nanoseconds;
    if (nanoseconds == 0 || w->ending != WASM_OK) {
        wasm_store_interrupt(store_of(entry), w->ending != WASM_OK ? w->ending : WASM_E_DEADLINE);
        return;
    }
    enlist(w, entry);
    if (entry->deadline < w->wakes_at) {
        w->wakes_at = entry->deadline;
        pthread_cond_signal(&w->wake);
    }
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void *watch(void *baton)
{
    wasm_watchdog *w = baton;

    pthread_mutex_lock(&w->lock);
    while (!w->stopping) {
        uint64_t now = now_ns();
        while (w->first && w->first->deadline <= now) {
            watchdog_entry *over = w->first;
            unlist(w, over);
            wasm_store_interrupt(store_of(over), WASM_E_DEADLINE);
        }
        w->wakes_at = w->first ? w->first->deadline : NEVER;
        if (w->wakes_at == NEVER) {
            pthread_cond_wait(&w->wake, &w->lock);
        } else {
            struct timespec until = {.tv_sec = (time_t)(w->wakes_at / 1000000000u),
                                     .tv_nsec = (long)(w->wakes_at % 1000000000u)};
            pthread_cond_timedwait(&w->wake, &w->lock, &until);
        }
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

static int start_thread(wasm_watchdog *w)
{
    sigset_t all, before;
    int error;

    /* The new thread inherits the mask, so no signal can reach it before it would set its own. */
    sigfillset(&all);
    error = pthread_sigmask(SIG_SETMASK, &all, &before);
    if (error)
        return error;
    error = pthread_create(&w->thread, NULL, watch, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

wasm_status wasm_watchdog_start(wasm_watchdog **out, wasm_report *report)
{
    wasm_watchdog *w = calloc(1, sizeof *w);
    pthread_condattr_t attributes;
    int error;

    report_clear(report);
    if (!w)
        return report_fail(report, WASM_E_NO_MEMORY, WASM_NO_OFFSET, WASM_NO_FUNC,
                           "no memory for the watchdog");
    w->wakes_at = NEVER;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    error = pthread_cond_init(&w->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    if (!error)
        error = pthread_mutex_init(&w->lock, NULL);
    if (!error)
        error = start_thread(w);
    if (error) {
        free(w);
        return report_fail(report, WASM_E_SYSTEM, WASM_NO_OFFSET, WASM_NO_FUNC,
                           "cannot start the watchdog thread: %s", strerror(error));
    }
    *out = w;
    return WASM_OK;
}

void wasm_watchdog_stop(wasm_watchdog *watchdog)
{
    if (!watchdog)
        return;
    pthread_mutex_lock(&watchdog->lock);
    watchdog->stopping = true;
    pthread_cond_signal(&watchdog->wake);
    pthread_mutex_unlock(&watchdog->lock);
    pthread_join(watchdog->thread, NULL);
    pthread_cond_destroy(&watchdog->wake);
    pthread_mutex_destroy(&watchdog->lock);
    free(watchdog);
}

/* ---- deadlines of a store -------------------------------------------------------------------- */

void wasm_watchdog_interrupt_all(wasm_watchdog *watchdog, wasm_status reason)
{
    lock(watchdog);
    watchdog->ending = reason;
    while (watchdog->first) {
        watchdog_entry *entry = watchdog->first;
        unlist(watchdog, entry);
        wasm_store_interrupt(store_of(entry), reason);
    }
    unlock(watchdog);
}

void wasm_deadline_arm(wasm_store *store, wasm_watchdog *watchdog, uint64_t nanoseconds)
{
    watchdog_entry *entry = &store->deadline;

    wasm_deadline_disarm(store);
    lock(watchdog);
    entry->watchdog = watchdog;
    entry->paused = 0;
    entry->left = 0;
    run_from(watchdog, entry, now_ns(), nanoseconds);
    unlock(watchdog);
}

bool watchdog_let_go(wasm_store *store)
{
    watchdog_entry *entry = &store->deadline;
    wasm_watchdog *w = entry->watchdog;

    if (!w)
        return true;
    if (is_inside)
        return false;
    lock(w);
    unlist(w, entry);
    entry->watchdog = NULL;
    unlock(w);
    return true;
}

void wasm_deadline_disarm(wasm_store *store)
{
    watchdog_let_go(store);
}

void wasm_deadline_pause(wasm_store *store)
{
    watchdog_entry *entry = &store->deadline;
    wasm_watchdog *w = entry->watchdog;

    if (!w || entry->paused++ > 0)
        return;
    lock(w);
    uint64_t now = now_ns();
    entry->left = entry->listed && entry->deadline > now ? entry->deadline - now : 0;
    unlist(w, entry);
    unlock(w);
}

void wasm_deadline_resume(wasm_store *store)
{
    watchdog_entry *entry = &store->deadline;
    wasm_watchdog *w = entry->watchdog;

    if (!w || entry->paused == 0 || --entry->paused > 0)
        return;
    lock(w);
    run_from(w, entry, now_ns(), entry->left);
    unlock(w);
}

uint64_t wasm_deadline_left(const wasm_store *store)
{
    const watchdog_entry *entry = &store->deadline;

    if (!entry->watchdog)
        return UINT64_MAX;
    if (entry->paused > 0)
        return entry->left;
    /* `deadline` is written by this thread alone, so it is read without the lock. */
    uint64_t now = now_ns();
    return entry->deadline > now ? entry->deadline - now : 0;
}
