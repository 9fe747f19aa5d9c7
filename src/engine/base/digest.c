/* SPDX-License-Identifier: Apache-2.0
 * digest.c — BLAKE2s with 32 bytes of output and no key, as RFC 7693 writes it.
 *
 * How: blocks of 64 bytes go through ten rounds of the mixing function; the last one is marked, so
 * a full block is held back until it is known whether more follows (§3.3).
 *
 * Memory: the caller's. Threads: no shared state.
 */
#include "digest.h"

enum { ROUNDS = 10, BYTES = 32 };

static const uint32_t initial[8] = {0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
                                    0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19};

/* §2.7: the order in which a round takes the words of the message. */
static const uint8_t schedule[ROUNDS][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

static uint32_t rotate(uint32_t x, unsigned bits)
{
    return x >> bits | x << (32 - bits);
}

static void mix(uint32_t v[16], unsigned a, unsigned b, unsigned c, unsigned d, uint32_t x,
                uint32_t y)
{
    v[a] += v[b] + x;
    v[d] = rotate(v[d] ^ v[a], 16);
    v[c] += v[d];
    v[b] = rotate(v[b] ^ v[c], 12);
    v[a] += v[b] + y;
    v[d] = rotate(v[d] ^ v[a], 8);
    v[c] += v[d];
    v[b] = rotate(v[b] ^ v[c], 7);
}

static void compress(digest_state *s, bool last)
{
    uint32_t v[16], m[16];

    for (unsigned i = 0; i < 16; i++) {
        const uint8_t *b = s->block + 4 * i;
        m[i] = (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
    }
    for (unsigned i = 0; i < 8; i++) {
        v[i] = s->chain[i];
        v[i + 8] = initial[i];
    }
    v[12] ^= (uint32_t)s->count;
    v[13] ^= (uint32_t)(s->count >> 32);
    if (last)
        v[14] = ~v[14];
    for (unsigned i = 0; i < ROUNDS; i++) {
        const uint8_t *o = schedule[i];
        mix(v, 0, 4, 8, 12, m[o[0]], m[o[1]]);
        mix(v, 1, 5, 9, 13, m[o[2]], m[o[3]]);
        mix(v, 2, 6, 10, 14, m[o[4]], m[o[5]]);
        mix(v, 3, 7, 11, 15, m[o[6]], m[o[7]]);
        mix(v, 0, 5, 10, 15, m[o[8]], m[o[9]]);
        mix(v, 1, 6, 11, 12, m[o[10]], m[o[11]]);
        mix(v, 2, 7, 8, 13, m[o[12]], m[o[13]]);
        mix(v, 3, 4, 9, 14, m[o[14]], m[o[15]]);
    }
    for (unsigned i = 0; i < 8; i++)
        s->chain[i] ^= v[i] ^ v[i + 8];
}

void digest_begin(digest_state *s)
{
    memset(s, 0, sizeof *s);
    memcpy(s->chain, initial, sizeof initial);
    s->chain[0] ^= 0x01010000 ^ BYTES; /* no key, one leaf */
}

void digest_add(digest_state *s, const void *bytes, size_t length)
{
    const uint8_t *from = bytes;

    while (length > 0) {
        if (s->filled == sizeof s->block) {
            s->count += sizeof s->block;
            compress(s, false);
            s->filled = 0;
        }
        size_t room = sizeof s->block - s->filled, take = length < room ? length : room;
        memcpy(s->block + s->filled, from, take);
        s->filled += take;
        from += take;
        length -= take;
    }
}

void digest_add_u32(digest_state *s, uint32_t number)
{
    const uint8_t bytes[4] = {(uint8_t)number, (uint8_t)(number >> 8), (uint8_t)(number >> 16),
                              (uint8_t)(number >> 24)};

    digest_add(s, bytes, sizeof bytes);
}

void digest_end(digest_state *s, digest *out)
{
    uint8_t bytes[BYTES];

    memset(s->block + s->filled, 0, sizeof s->block - s->filled);
    s->count += s->filled;
    compress(s, true);
    for (unsigned i = 0; i < BYTES; i++)
        bytes[i] = (uint8_t)(s->chain[i / 4] >> 8 * (i % 4));
    memcpy(out->words, bytes, sizeof out->words);
}
