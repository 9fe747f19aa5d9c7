/* SPDX-License-Identifier: Apache-2.0
 * sha256.c — SHA-256 after FIPS 180-4: §5.1.1 padding, §5.3.3 initial value, §6.2.2 the rounds.
 *
 * How:     The message schedule is kept as a ring of 16 words, computed as the rounds go, since
 *          word t needs only words t-16 to t-1. The rounds are written out in eights, each with the
 *          names a to h moved on by one: the standard's moving of values is left to the compiler,
 *          which has nothing to do for it. Which of the two ways of sha256_mix.h is taken is found
 *          out once for the process.
 * Memory, threads: see sha256.h.
 */
#include "sha256.h"

#include <stdatomic.h>
#include <string.h>

#include "sha256_mix.h"

/* §4.2.2: the first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
const uint32_t sha256_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate(uint32_t word, unsigned bits)
{
    return word >> bits | word << (32 - bits);
}

static uint32_t load_big(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void store_big(uint8_t *bytes, uint32_t word)
{
    bytes[0] = (uint8_t)(word >> 24);
    bytes[1] = (uint8_t)(word >> 16);
    bytes[2] = (uint8_t)(word >> 8);
    bytes[3] = (uint8_t)word;
}

/* §4.1.2, (4.4) to (4.7). */
static uint32_t big_sigma0(uint32_t x)
{
    return rotate(x, 2) ^ rotate(x, 13) ^ rotate(x, 22);
}

static uint32_t big_sigma1(uint32_t x)
{
    return rotate(x, 6) ^ rotate(x, 11) ^ rotate(x, 25);
}

static uint32_t small_sigma0(uint32_t x)
{
    return rotate(x, 7) ^ rotate(x, 18) ^ x >> 3;
}

static uint32_t small_sigma1(uint32_t x)
{
    return rotate(x, 17) ^ rotate(x, 19) ^ x >> 10;
}

/* §6.2.2 step 3 with the names where the round leaves them: d has the new e, h the new a. Ch and
 * Maj, (4.2) and (4.3), are written with an operation less each. */
static inline void one(uint32_t a, uint32_t b, uint32_t c, uint32_t *d, uint32_t e, uint32_t f,
                       uint32_t g, uint32_t *h, uint32_t word, uint32_t constant)
{
    uint32_t sum = *h + big_sigma1(e) + (g ^ (e & (f ^ g))) + constant + word;

    *d += sum;
    *h = sum + big_sigma0(a) + ((a & b) | (c & (a | b)));
}

/* Eight rounds: after them every name is where it was. */
static inline void eight(uint32_t v[8], const uint32_t *w, const uint32_t *k)
{
    one(v[0], v[1], v[2], &v[3], v[4], v[5], v[6], &v[7], w[0], k[0]);
    one(v[7], v[0], v[1], &v[2], v[3], v[4], v[5], &v[6], w[1], k[1]);
    one(v[6], v[7], v[0], &v[1], v[2], v[3], v[4], &v[5], w[2], k[2]);
    one(v[5], v[6], v[7], &v[0], v[1], v[2], v[3], &v[4], w[3], k[3]);
    one(v[4], v[5], v[6], &v[7], v[0], v[1], v[2], &v[3], w[4], k[4]);
    one(v[3], v[4], v[5], &v[6], v[7], v[0], v[1], &v[2], w[5], k[5]);
    one(v[2], v[3], v[4], &v[5], v[6], v[7], v[0], &v[1], w[6], k[6]);
    one(v[1], v[2], v[3], &v[4], v[5], v[6], v[7], &v[0], w[7], k[7]);
}

/* Step 1: the 16 words after those in the ring. */
static inline void schedule(uint32_t w[16])
{
    for (unsigned t = 0; t < 16; t++) {
        w[t] += w[(t + 9) & 15] + small_sigma0(w[(t + 1) & 15]) + small_sigma1(w[(t + 14) & 15]);
    }
}

void sha256_mix_portable(uint32_t state[8], const uint8_t *blocks, size_t count)
{
    for (; count > 0; count--, blocks += 64) {
        uint32_t w[16], v[8];

        memcpy(v, state, sizeof v);
        for (unsigned t = 0; t < 16; t++)
            w[t] = load_big(blocks + 4 * t);
        for (unsigned t = 0; t < 64; t += 16) {
            if (t > 0)
                schedule(w);
            eight(v, w, sha256_constants + t);
            eight(v, w + 8, sha256_constants + t + 8);
        }
        for (unsigned i = 0; i < 8; i++)
            state[i] += v[i];
    }
}

/* Whoever comes first looks; several may, and find the same. */
static void mix(uint32_t state[8], const uint8_t *blocks, size_t count)
{
    static _Atomic(sha256_mix *) best;
    sha256_mix *chosen = atomic_load_explicit(&best, memory_order_relaxed);

    if (chosen == NULL) {
        chosen = sha256_mix_native();
        chosen = chosen != NULL ? chosen : sha256_mix_portable;
        atomic_store_explicit(&best, chosen, memory_order_relaxed);
    }
    chosen(state, blocks, count);
}

void sha256_init(sha256 *hash)
{
    static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

    memcpy(hash->state, initial, sizeof initial);
    hash->length = 0;
}

void sha256_add(sha256 *hash, const void *bytes, size_t length)
{
    const uint8_t *from = bytes;
    size_t filled = (size_t)(hash->length % 64);

    hash->length += length;
    if (filled > 0 && length > 0) {
        size_t part = length < 64 - filled ? length : 64 - filled;

        memcpy(hash->block + filled, from, part);
        from += part;
        length -= part;
        if (filled + part < 64)
            return;
        mix(hash->state, hash->block, 1);
    }
    if (length >= 64) {
        mix(hash->state, from, length / 64);
        from += length / 64 * 64;
        length %= 64;
    }
    if (length > 0)
        memcpy(hash->block, from, length);
}

void sha256_finish(sha256 *hash, uint8_t digest[SHA256_SIZE])
{
    uint64_t bits = hash->length * 8;
    size_t filled = (size_t)(hash->length % 64);

    hash->block[filled++] = 0x80;
    if (filled > 56) {
        memset(hash->block + filled, 0, 64 - filled);
        mix(hash->state, hash->block, 1);
        filled = 0;
    }
    memset(hash->block + filled, 0, 56 - filled);
    store_big(hash->block + 56, (uint32_t)(bits >> 32));
    store_big(hash->block + 60, (uint32_t)(bits & 0xFFFFFFFF));
    mix(hash->state, hash->block, 1);
    for (unsigned i = 0; i < 8; i++)
        store_big(digest + 4 * i, hash->state[i]);
}

void sha256_write_hex(const uint8_t digest[SHA256_SIZE], char hex[SHA256_HEX_SIZE])
{
    static const char digits[] = "0123456789abcdef";

    for (unsigned i = 0; i < SHA256_SIZE; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[SHA256_HEX_SIZE - 1] = '\0';
}

void sha256_hex(const void *bytes, size_t length, char hex[SHA256_HEX_SIZE])
{
    uint8_t digest[SHA256_SIZE];
    sha256 hash;

    sha256_init(&hash);
    sha256_add(&hash, bytes, length);
    sha256_finish(&hash, digest);
    sha256_write_hex(digest, hex);
}
