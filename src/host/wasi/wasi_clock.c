/* SPDX-License-Identifier: Apache-2.0
 * wasi_clock.c — clocks, and waiting: poll_oneoff.
 *
 * Time:    With the grant `clock` the exchange's clocks are shown. Without it time is pretended:
 *          the wall clock begins at 2000-01-01, and both clocks go on by one microsecond each time
 *          they are asked and by as much as the guest slept. So every program starts, time never
 *          stands still or goes back, and nothing about the real time, or about how long anything
 *          took, can be learnt. README.md says why.
 * Waiting: A guest may sleep without the grant. It sleeps for real, in slices, so that an
 *          interruption is noticed; never beyond its deadline, which its sleep does not pause.
 * Memory:  nothing is allocated; subscriptions are read, and events written, one at a time.
 * Threads: as the store.
 */
#include "wasi_impl.h"

#include <time.h>
#include <unistd.h>

enum {
    SECOND = 1000000000,
    SLICE = SECOND / 10, /* the longest wait between two looks at the interruption */
    PRETENDED_STEP = 1000,
    LOOK_EVERY = 1024 /* subscriptions; a guest may have tens of millions of them */
};
#define PRETENDED_START (UINT64_C(946684800) * SECOND) /* 2000-01-01T00:00:00Z */

uint64_t wasi_thread_time(void)
{
    struct timespec now;

    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) != 0)
        return 0;
    return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

/* The clock `id` now. A guest runs on one thread, so that its process time is its thread's. */
static wasi_errno read_clock(wasi *state, uint32_t id, uint64_t *now)
{
    if (id > WASI_CLOCK_THREAD)
        return WASI_INVAL;
    if (!wasi_granted(state, GRANT_CLOCK)) {
        state->pretended += PRETENDED_STEP;
        *now = state->pretended + (id == WASI_CLOCK_REALTIME ? PRETENDED_START : 0);
    } else if (id <= WASI_CLOCK_MONOTONIC) {
        *now = state->exchange->clock(state->exchange->baton, id);
    } else {
        /* A guest that serves several requests may go on in another thread, with another clock. */
        *now = wasi_thread_time();
        *now -= state->started_cpu < *now ? state->started_cpu : *now;
    }
    return WASI_SUCCESS;
}

wasi_errno wasi_clock_res_get(wasi_call *call)
{
    uint32_t id = (uint32_t)call->args[0];
    uint64_t resolution = wasi_granted(call->state, GRANT_CLOCK) ? 1 : PRETENDED_STEP;

    if (id > WASI_CLOCK_THREAD)
        return WASI_INVAL;
    return guestmem_store_u64(call->caller, (uint32_t)call->args[1], resolution) ? WASI_SUCCESS
                                                                                 : WASI_FAULT;
}

wasi_errno wasi_clock_time_get(wasi_call *call)
{
    uint64_t now;
    wasi_errno error = read_clock(call->state, (uint32_t)call->args[0], &now);

    if (error != WASI_SUCCESS)
        return error;
    return guestmem_store_u64(call->caller, (uint32_t)call->args[2], now) ? WASI_SUCCESS
                                                                          : WASI_FAULT;
}

/* ---- waiting ------------------------------------------------------------------------------ */

/* §subscription, without its padding. */
typedef struct subscription {
    uint64_t userdata;
    uint8_t type;
    uint32_t clock; /* clock */
    uint64_t timeout;
    uint16_t flags;
    uint32_t fd; /* fd_read, fd_write */
} subscription;

/* Where the fields stand; wasi_unstable has 8 more bytes in front of the clock. */
typedef struct subscription_form {
    uint32_t size, clock, timeout, flags, fd;
} subscription_form;
static const subscription_form form_preview1 = {48, 16, 24, 40, 16};
static const subscription_form form_unstable = {56, 24, 32, 48, 16};
enum { EVENT_SIZE = 32 };

static bool load_subscription(const wasi_call *call, const subscription_form *form, uint64_t index,
                              subscription *sub)
{
    uint64_t at = (uint32_t)call->args[0] + index * form->size;
    uint8_t *bytes;

    if (at > UINT32_MAX || !guestmem_view(call->caller, (uint32_t)at, form->size, &bytes))
        return false;
    sub->userdata = guestmem_get_u64(bytes);
    sub->type = bytes[8];
    sub->clock = guestmem_get_u32(bytes + form->clock);
    sub->timeout = guestmem_get_u64(bytes + form->timeout);
    sub->flags = guestmem_get_u16(bytes + form->flags);
    sub->fd = guestmem_get_u32(bytes + form->fd);
    return true;
}

/* How long until a clock subscription is due; 0 if it is. */
static wasi_errno time_left(wasi *state, const subscription *sub, uint64_t *left)
{
    uint64_t now;
    wasi_errno error = read_clock(state, sub->clock, &now);

    if (error != WASI_SUCCESS)
        return error;
    if ((sub->flags & WASI_SUBCLOCK_ABSTIME) != 0)
        *left = sub->timeout > now ? sub->timeout - now : 0;
    else
        *left = sub->timeout;
    return WASI_SUCCESS;
}

/* Whether a descriptor can be read or written at once. Files always can; and reading stdin or
 * writing stdout waits for the client in the call itself, with the guest's deadline paused. */
static wasi_errno check_fd(const wasi *state, const subscription *sub, uint64_t *available)
{
    wasi_fd *fd;
    wasi_errno error = wasi_fd_find(state, sub->fd, WASI_RIGHT_POLL_FD_READWRITE, &fd);
    struct stat st;

    *available = 0;
    if (error != WASI_SUCCESS || fd->kind != WASI_FILE || sub->type != WASI_EVENT_FD_READ)
        return error;
    if (fstat(fd->host, &st) == 0) {
        off_t position = lseek(fd->host, 0, SEEK_CUR);

        if (position >= 0 && st.st_size > position)
            *available = (uint64_t)(st.st_size - position);
    }
    return WASI_SUCCESS;
}

/* Sleeps; ends early when the store is interrupted (the engine then stops the guest) or when its
 * time is over. */
static void sleep_for(wasi_call *call, uint64_t duration)
{
    const exchange *x = call->state->exchange;
    wasm_store *store = call->caller->store;
    uint64_t left = duration;

    if (x->flush != NULL)
        x->flush(x->baton);
    while (left > 0 && !wasm_store_interrupted(store)) {
        uint64_t allowed = wasm_deadline_left(store), part = left < SLICE ? left : SLICE;
        struct timespec pause;

        if (allowed == 0) {
            call->status = WASM_E_DEADLINE;
            return;
        }
        if (part > allowed)
            part = allowed;
        pause.tv_sec = (time_t)(part / SECOND);
        pause.tv_nsec = (long)(part % SECOND);
        /* A signal ends it early: then the guest's sleep is a little shorter, as POSIX allows. */
        clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
        left -= part;
    }
    call->state->pretended += duration - left;
}

/* §event */
static bool store_event(const wasi_call *call, uint64_t index, const subscription *sub,
                        wasi_errno error, uint64_t available)
{
    uint64_t at = (uint32_t)call->args[1] + index * EVENT_SIZE;
    uint8_t event[EVENT_SIZE] = {0};

    guestmem_put_u64(event, sub->userdata);
    guestmem_put_u16(event + 8, (uint16_t)error);
    event[10] = sub->type;
    guestmem_put_u64(event + 16, available);
    return at <= UINT32_MAX && guestmem_write(call->caller, (uint32_t)at, event, sizeof event);
}

/* What one subscription has to say now: *due if it is an event, else *left ns until it is. */
static wasi_errno judge(wasi_call *call, const subscription *sub, bool *due, uint64_t *left,
                        uint64_t *available)
{
    wasi_errno error;

    *left = 0;
    *available = 0;
    *due = true;
    if (sub->type == WASI_EVENT_CLOCK) {
        error = time_left(call->state, sub, left);
        *due = error != WASI_SUCCESS || *left == 0;
        return error;
    }
    return check_fd(call->state, sub, available);
}

/* Whether it is time to look at the interruption, and there is one. */
static bool stopped_at(const wasi_call *call, uint32_t i)
{
    return i % LOOK_EVERY == 0 && wasm_store_interrupted(call->caller->store);
}

/* The first pass: how long until the first event. */
static wasi_errno find_shortest(wasi_call *call, const subscription_form *form, uint32_t count,
                                uint64_t *shortest)
{
    *shortest = UINT64_MAX;
    for (uint32_t i = 0; i < count; i++) {
        subscription sub;
        uint64_t left, available;
        bool due;

        if (stopped_at(call, i))
            return WASI_INTR;
        if (!load_subscription(call, form, i, &sub))
            return WASI_FAULT;
        if (sub.type > WASI_EVENT_FD_WRITE)
            return WASI_INVAL;
        judge(call, &sub, &due, &left, &available);
        if (left < *shortest)
            *shortest = left;
    }
    return WASI_SUCCESS;
}

/* The second pass, `waited` ns after the first: writes the events. A relative time was met by
 * the wait if it was no longer; everything else is looked at again. */
static wasi_errno store_events(wasi_call *call, const subscription_form *form, uint32_t count,
                               uint64_t waited, uint32_t *events)
{
    *events = 0;
    for (uint32_t i = 0; i < count; i++) {
        subscription sub;
        uint64_t left, available;
        wasi_errno error;
        bool due;

        if (stopped_at(call, i))
            return WASI_INTR;
        if (!load_subscription(call, form, i, &sub))
            return WASI_FAULT;
        error = judge(call, &sub, &due, &left, &available);
        if (sub.type == WASI_EVENT_CLOCK && (sub.flags & WASI_SUBCLOCK_ABSTIME) == 0)
            due = due || left <= waited;
        if (due && !store_event(call, (*events)++, &sub, error, available))
            return WASI_FAULT;
    }
    return WASI_SUCCESS;
}

/* Waits until there is an event. More than one round only if a wait for an absolute time ended a
 * little before it, because the two clocks do not run alike. */
static wasi_errno wait_for_events(wasi_call *call, const subscription_form *form)
{
    uint32_t count = (uint32_t)call->args[2], events = 0;
    uint64_t shortest;
    uint8_t *bytes;

    if (count == 0)
        return WASI_INVAL;
    if ((uint64_t)count * EVENT_SIZE > UINT32_MAX ||
        !guestmem_view(call->caller, (uint32_t)call->args[1], count * EVENT_SIZE, &bytes) ||
        !guestmem_view(call->caller, (uint32_t)call->args[3], 4, &bytes))
        return WASI_FAULT;
    while (events == 0) {
        wasi_errno error = find_shortest(call, form, count, &shortest);

        if (error != WASI_SUCCESS)
            return error;
        if (shortest > 0)
            sleep_for(call, shortest);
        if (call->status != WASM_OK || wasm_store_interrupted(call->caller->store))
            return WASI_INTR;
        error = store_events(call, form, count, shortest, &events);
        if (error != WASI_SUCCESS)
            return error;
    }
    return guestmem_store_u32(call->caller, (uint32_t)call->args[3], events) ? WASI_SUCCESS
                                                                             : WASI_FAULT;
}

wasi_errno wasi_poll_oneoff(wasi_call *call)
{
    return wait_for_events(call, &form_preview1);
}

wasi_errno wasi_poll_oneoff_unstable(wasi_call *call)
{
    return wait_for_events(call, &form_unstable);
}
