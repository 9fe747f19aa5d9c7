/* SPDX-License-Identifier: Apache-2.0
 * watchdog.h — what a store carries so that a watchdog can find it: a link in a list by deadline.
 *
 * The entry is part of the store, so that arming a deadline allocates nothing and cannot fail.
 * The links and `listed` belong to the watchdog's lock while the store is armed; all else is
 * written by the store's own thread alone, so that this thread may read it without the lock.
 */
#ifndef WASMSERVE_WATCHDOG_H
#define WASMSERVE_WATCHDOG_H

#include "engine.h"

typedef struct watchdog_entry {
    struct watchdog_entry *previous, *next; /* in the watchdog's list, earliest first */
    wasm_watchdog *watchdog;                /* NULL: not armed */
    uint64_t deadline;                      /* monotonic nanoseconds; while it runs */
    uint64_t left;                          /* nanoseconds; while it is paused */
    uint32_t paused;                        /* nested pauses */
    bool listed;                            /* in the list: running and not over */
} watchdog_entry;

/* wasm_deadline_disarm(), with an answer. False: this is a signal handler above a call of the same
 * thread that has the lock. Then the store may be known to the watchdog still, and has to stay. */
bool watchdog_let_go(wasm_store *store);

#endif
