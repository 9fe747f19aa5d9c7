/* SPDX-License-Identifier: Apache-2.0
 * digest.c — BLAKE2s with 32 bytes of output and no key, as RFC 7693 writes it, and BLAKE2sp, its
 * form for large things.
 *
 * How:     blocks of 64 bytes go through ten rounds of the mixing function; the last one is marked,
 *          so a full block is held back until it is known whether more follows (§3.3).
 *
 * BLAKE2sp deals the blocks out to eight leaves in turn and digests the leaves' digests; tree and
 * parameters are those of "BLAKE2: simpler, smaller, fast as MD5" (§2.10 and §4.3 of the paper). A
 * word of all leaves is one vector, so one pass mixes eight blocks. The code is written once, with
 * the compiler's vectors; where the processor has AVX2, which is looked up each time, the copy that
 * was compiled for it is taken. The last stripes, which a leaf may not have a whole block of, go
 * through the eight states one by one.
 *
 * Memory:  the caller's.
 * Threads: no shared state.
 */
#include "digest.h"

enum { ROUNDS = 10, BYTES = 32, BLOCK = 64 };

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

/* The mixing function and the rounds (§3.1, §3.2), for a state of words or of vectors of them. */
#define TURN(word, bits) ((word) >> (bits) | (word) << (32 - (bits)))
#define MIX(v, a, b, c, d, x, y)                                                                   \
    do {                                                                                           \
        v[a] += v[b] + (x);                                                                        \
        v[d] ^= v[a];                                                                              \
        v[d] = TURN(v[d], 16);                                                                     \
        v[c] += v[d];                                                                              \
        v[b] ^= v[c];                                                                              \
        v[b] = TURN(v[b], 12);                                                                     \
        v[a] += v[b] + (y);                                                                        \
        v[d] ^= v[a];                                                                              \
        v[d] = TURN(v[d], 8);                                                                      \
        v[c] += v[d];                                                                              \
        v[b] ^= v[c];                                                                              \
        v[b] = TURN(v[b], 7);                                                                      \
    } while (0)
#define MIX_ROUNDS(v, m)                                                                           \
    for (unsigned i = 0; i < ROUNDS; i++) {                                                        \
        const uint8_t *o = schedule[i];                                                            \
        MIX(v, 0, 4, 8, 12, m[o[0]], m[o[1]]);                                                     \
        MIX(v, 1, 5, 9, 13, m[o[2]], m[o[3]]);                                                     \
        MIX(v, 2, 6, 10, 14, m[o[4]], m[o[5]]);                                                    \
        MIX(v, 3, 7, 11, 15, m[o[6]], m[o[7]]);                                                    \
        MIX(v, 0, 5, 10, 15, m[o[8]], m[o[9]]);                                                    \
        MIX(v, 1, 6, 11, 12, m[o[10]], m[o[11]]);                                                  \
        MIX(v, 2, 7, 8, 13, m[o[12]], m[o[13]]);                                                   \
        MIX(v, 3, 4, 9, 14, m[o[14]], m[o[15]]);                                                   \
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
    if (last) {
        v[14] = ~v[14];
        v[15] ^= s->last_node;
    }
    MIX_ROUNDS(v, m);
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

/* ---- BLAKE2sp -------------------------------------------------------------------------------- */

enum { LEAVES = 8, STRIPE = LEAVES * BLOCK };

/* A word of each leaf. */
typedef uint32_t lanes __attribute__((vector_size(LEAVES * sizeof(uint32_t))));

#define EVERYWHERE static inline __attribute__((always_inline))

/* Words 0 and 3 of the parameters: 32 bytes without a key, eight children, two levels; of level 0
 * or 1, with inner digests of 32 bytes. Word 2 is the number of the leaf. */
enum { TREE = BYTES | LEAVES << 16 | 2 << 24, LEVEL_0 = BYTES << 24, LEVEL_1 = 1 << 16 | LEVEL_0 };

/* Puts stripes, none of them the last, into the leaves that have taken in *count bytes each. */
EVERYWHERE void put_stripes(lanes chain[8], uint64_t *count, const uint8_t *bytes, size_t stripes)
{
    for (; stripes > 0; stripes--, bytes += STRIPE) {
        lanes v[16], m[16];

        for (unsigned i = 0; i < 16; i++)
            for (unsigned k = 0; k < LEAVES; k++) {
                const uint8_t *b = bytes + k * BLOCK + 4 * i;
                m[i][k] = (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
                          (uint32_t)b[3] << 24;
            }
        *count += BLOCK;
        for (unsigned i = 0; i < 8; i++) {
            v[i] = chain[i];
            v[i + 8] = (lanes){0} + initial[i];
        }
        v[12] ^= (uint32_t)*count;
        v[13] ^= (uint32_t)(*count >> 32);
        MIX_ROUNDS(v, m);
        for (unsigned i = 0; i < 8; i++)
            chain[i] ^= v[i] ^ v[i + 8];
    }
}

static void put_plain(lanes chain[8], uint64_t *count, const uint8_t *bytes, size_t stripes)
{
    put_stripes(chain, count, bytes, stripes);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void put_avx2(lanes chain[8], uint64_t *count,
                                                     const uint8_t *bytes, size_t stripes)
{
    put_stripes(chain, count, bytes, stripes);
}

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2");
}
#else
#define put_avx2 put_plain

static bool has_avx2(void)
{
    return false;
}
#endif

static void begin_node(digest_state *s, uint32_t number, uint32_t level, bool last)
{
    memset(s, 0, sizeof *s);
    memcpy(s->chain, initial, sizeof initial);
    s->chain[0] ^= TREE;
    s->chain[2] ^= number;
    s->chain[3] ^= level;
    s->last_node = last ? UINT32_MAX : 0;
}

/* The stripes that are none of a leaf's last; returns their bytes. */
static size_t put_middle(digest_state leaves[LEAVES], const uint8_t *bytes, size_t length,
                         bool avx2)
{
    size_t stripes = length < 2 * STRIPE ? 0 : length / STRIPE - 1;
    lanes chain[8];
    uint64_t count = 0;

    for (unsigned i = 0; i < 8; i++)
        for (unsigned k = 0; k < LEAVES; k++)
            chain[i][k] = leaves[k].chain[i];
    (avx2 ? put_avx2 : put_plain)(chain, &count, bytes, stripes);
    for (unsigned k = 0; k < LEAVES; k++) {
        leaves[k].count = count;
        for (unsigned i = 0; i < 8; i++)
            leaves[k].chain[i] = chain[i][k];
    }
    return stripes * STRIPE;
}

static void of_bytes(const uint8_t *bytes, size_t length, bool avx2, digest *out)
{
    digest_state leaves[LEAVES], root;
    digest leaf;
    size_t at;

    for (unsigned k = 0; k < LEAVES; k++)
        begin_node(&leaves[k], k, LEVEL_0, k == LEAVES - 1);
    at = put_middle(leaves, bytes, length, avx2);
    for (unsigned k = 0; at < length; k = (k + 1) % LEAVES) {
        size_t take = length - at < BLOCK ? length - at : BLOCK;

        digest_add(&leaves[k], bytes + at, take);
        at += take;
    }
    begin_node(&root, 0, LEVEL_1, true);
    for (unsigned k = 0; k < LEAVES; k++) {
        digest_end(&leaves[k], &leaf);
        digest_add(&root, leaf.words, sizeof leaf.words);
    }
    digest_end(&root, out);
}

void digest_of_bytes(const void *bytes, size_t length, digest *out)
{
    of_bytes(bytes, length, has_avx2(), out);
}
