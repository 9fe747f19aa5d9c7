/* SPDX-License-Identifier: Apache-2.0
 * tool_world.c — the machine's clock and randomness, for guests that the tool runs.
 *
 * Memory:  None of its own.
 * Threads: Any.
 */
#include "tool_world.h"

#include <errno.h>
#include <sys/random.h>
#include <time.h>

uint64_t tool_read_clock(void *baton, unsigned clock_id)
{
    struct timespec now = {0};

    (void)baton;
    clock_gettime(clock_id == 0 ? CLOCK_REALTIME : CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

wasm_status tool_fill_random(void *baton, void *buffer, size_t size)
{
    uint8_t *bytes = buffer;

    (void)baton;
    while (size > 0) {
        ssize_t got = getrandom(bytes, size, 0);

        if (got < 0 && errno != EINTR)
            return WASM_E_HOST_FAILURE;
        if (got > 0) {
            bytes += got;
            size -= (size_t)got;
        }
    }
    return WASM_OK;
}
