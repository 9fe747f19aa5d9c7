/* SPDX-License-Identifier: Apache-2.0
 * unit_random.h — random numbers that are the same in each run (xorshift64, Marsaglia 2003).
 *
 * Memory:  one state in each program that includes this.
 * Threads: one.
 */
#ifndef UNIT_RANDOM_H
#define UNIT_RANDOM_H

#include <stdint.h>

static inline uint64_t next_random(void)
{
    static uint64_t state = 88172645463325252u;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

#endif
