/* SPDX-License-Identifier: Apache-2.0
 * wait.c — memory.atomic.wait on one thread.
 *
 * How:     A store has one thread, so nobody can notify one that waits: a wait whose value is still
 *          there ends with its timeout, and one without a timeout would never end; it traps at
 *          once. Sleeping is done in slices, between which the guest can be stopped, and never
 *          goes beyond the deadline: it is the guest's own time.
 * Memory:  none.
 * Threads: the store's.
 */
#include <time.h>

#include "runtime_impl.h"

#define SECOND UINT64_C(1000000000)
/* How late an interruption may be noticed. */
#define SLICE (SECOND / 10)

wasm_status store_wait(wasm_store *store, int64_t nanoseconds)
{
    uint64_t left = (uint64_t)nanoseconds;

    if (nanoseconds < 0)
        return WASM_E_ENDLESS_WAIT;
    do {
        uint64_t allowed = wasm_deadline_left(store), part = left < SLICE ? left : SLICE;
        struct timespec pause;

        TRY(bulk_poll(store, 0));
        if (allowed == 0)
            return WASM_E_DEADLINE;
        if (part > allowed)
            part = allowed;
        pause.tv_sec = (time_t)(part / SECOND);
        pause.tv_nsec = (long)(part % SECOND);
        /* A signal ends it early; waits may. */
        clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
        left -= part;
    } while (left > 0);
    return bulk_poll(store, 0);
}
