/* SPDX-License-Identifier: Apache-2.0
 * sha256_mix.h — inside of SHA-256: the function that works blocks into a state, of which there are
 * two.
 *
 * Why:     Every deploy, every file of the store and every dictionary is hashed whole, and
 *          processors since about 2017 have instructions for it, six times as fast as the best C.
 *          sha256.c takes those where the processor has them; the tests run both.
 * Memory:  None.
 * Threads: Any.
 */
#ifndef SHA256_MIX_H
#define SHA256_MIX_H

#include <stddef.h>
#include <stdint.h>

/* FIPS 180-4 §6.2.2 for each of count blocks of 64 bytes, at any alignment. */
typedef void sha256_mix(uint32_t state[8], const uint8_t *blocks, size_t count);

/* In portable C. */
void sha256_mix_portable(uint32_t state[8], const uint8_t *blocks, size_t count);

/* By the processor's own instructions; NULL where this one has none. Asks the processor each time,
 * which takes microseconds in a virtual machine. */
sha256_mix *sha256_mix_native(void);

/* §4.2.2, for both. */
extern const uint32_t sha256_constants[64];

#endif
