/* SPDX-License-Identifier: Apache-2.0
 * guest_log.h — what a guest writes to the error log, and the other callbacks that every exchange
 * has alike: clock and randomness.
 *
 * Memory:  a guest_log is part of its exchange.
 * Threads: the request's; clock and randomness: any.
 */
#ifndef GUEST_LOG_H
#define GUEST_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "httpd.h"

#include "engine.h"
#include "exchange.h"

struct guest_log {
    request_rec *r;
    const char *label; /* whose lines these are; borrowed */
    size_t left;       /* bytes that this request may still write */
    bool over;         /* it wanted to write more, which was said */
};

struct guest_log guest_log_for(request_rec *r, const char *label);

/* exchange.log, but for its baton. */
void guest_log_line(struct guest_log *log, exchange_level level, const char *text, size_t length);

/* Whether LogLevel keeps lines of that level. */
bool guest_log_enabled(const struct guest_log *log, exchange_level level);

/* exchange.clock and exchange.random; the baton is not used. */
uint64_t guest_clock(void *baton, unsigned clock_id);
wasm_status guest_random(void *baton, void *buffer, size_t size);

#endif
