/* SPDX-License-Identifier: Apache-2.0
 * sha256_x86.c — SHA-256 by the SHA extensions of x86.
 *
 * How:     The instructions keep the standard's a to h in two vectors, (a b e f) and (c d g h), and
 *          do two rounds at once: sha256rnds2 takes both vectors and two words with their
 *          constants, and makes the new (a b e f); the old one is the new (c d g h). sha256msg1 and
 *          sha256msg2 are the two halves of §6.2.2 step 1 for four words. Only the functions with
 *          the attribute are compiled for these instructions, so the module runs on every processor
 *          of its architecture.
 * Source:  Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, SHA256RNDS2.
 * Memory:  None.
 * Threads: Any.
 */
#include "sha256_mix.h"

#include <cpuid.h>
#include <immintrin.h>
#include <stdbool.h>

#define FOR_SHA __attribute__((target("sha,sse4.1,ssse3")))

/* The first word of four is in the lowest lane. */
FOR_SHA static inline __m128i load_words(const uint8_t *bytes)
{
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);

    return _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)bytes), big_endian);
}

/* Words t to t+3, out of those from t-16, t-12, t-8 and t-4 on. */
FOR_SHA static inline __m128i next_words(__m128i t16, __m128i t12, __m128i t8, __m128i t4)
{
    const __m128i t7 = _mm_alignr_epi8(t4, t8, 4);

    return _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(t16, t12), t7), t4);
}

/* Four rounds. */
FOR_SHA static inline void four(__m128i *abef, __m128i *cdgh, __m128i words,
                                const uint32_t *constants)
{
    const __m128i k = _mm_loadu_si128((const __m128i *)(const void *)constants);
    const __m128i sums = _mm_add_epi32(words, k);

    *cdgh = _mm_sha256rnds2_epu32(*cdgh, *abef, sums);
    *abef = _mm_sha256rnds2_epu32(*abef, *cdgh, _mm_shuffle_epi32(sums, 0x0e));
}

FOR_SHA static void mix(uint32_t s[8], const uint8_t *blocks, size_t count)
{
    __m128i abef = _mm_set_epi32((int)s[0], (int)s[1], (int)s[4], (int)s[5]);
    __m128i cdgh = _mm_set_epi32((int)s[2], (int)s[3], (int)s[6], (int)s[7]);

    for (; count > 0; count--, blocks += 64) {
        const __m128i abef_before = abef, cdgh_before = cdgh;
        __m128i w0 = load_words(blocks), w1 = load_words(blocks + 16);
        __m128i w2 = load_words(blocks + 32), w3 = load_words(blocks + 48);
        const uint32_t *k = sha256_constants;

        for (unsigned t = 0;; t += 16, k += 16) {
            four(&abef, &cdgh, w0, k);
            four(&abef, &cdgh, w1, k + 4);
            four(&abef, &cdgh, w2, k + 8);
            four(&abef, &cdgh, w3, k + 12);
            if (t == 48) {
                break;
            }
            w0 = next_words(w0, w1, w2, w3);
            w1 = next_words(w1, w2, w3, w0);
            w2 = next_words(w2, w3, w0, w1);
            w3 = next_words(w3, w0, w1, w2);
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    s[0] = (uint32_t)_mm_extract_epi32(abef, 3);
    s[1] = (uint32_t)_mm_extract_epi32(abef, 2);
    s[2] = (uint32_t)_mm_extract_epi32(cdgh, 3);
    s[3] = (uint32_t)_mm_extract_epi32(cdgh, 2);
    s[4] = (uint32_t)_mm_extract_epi32(abef, 1);
    s[5] = (uint32_t)_mm_extract_epi32(abef, 0);
    s[6] = (uint32_t)_mm_extract_epi32(cdgh, 1);
    s[7] = (uint32_t)_mm_extract_epi32(cdgh, 0);
}

/* All registers that these instructions use are there in 64-bit mode, and saved by the system; so
 * the bits of CPUID are the whole answer. */
static bool has_instructions(void)
{
    enum { SSSE3 = 1u << 9, SSE4_1 = 1u << 19, SHA = 1u << 29 };
    unsigned a, b, c, d;

    return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & SSSE3) != 0 && (c & SSE4_1) != 0 &&
           __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & SHA) != 0;
}

sha256_mix *sha256_mix_native(void)
{
    return has_instructions() ? mix : NULL;
}
