/* SPDX-License-Identifier: Apache-2.0
 * bytes.h — numbers as little-endian bytes, for records in files.
 *
 * Memory:  Nothing is kept; eight bytes at out and in.
 * Threads: Any.
 */
#ifndef BYTES_H
#define BYTES_H

#include <stdint.h>

static inline void bytes_put_u64(uint8_t *out, uint64_t value)
{
    for (int i = 0; i < 8; i++) {
        out[i] = (uint8_t)(value >> 8 * i);
    }
}

static inline uint64_t bytes_get_u64(const uint8_t *in)
{
    uint64_t value = 0;

    for (int i = 7; i >= 0; i--) {
        value = value << 8 | in[i];
    }
    return value;
}

#endif
