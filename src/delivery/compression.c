/* SPDX-License-Identifier: Apache-2.0
 * compression.c — whether an answer is compressed as it is sent; the rules are in compression.h.
 *
 * Memory:  No allocation.
 * Threads: Any.
 */
#include "compression.h"

#include "encoder.h"

uint64_t compression_weighs(uint64_t size)
{
    return size > 0 ? size - 1 : 0;
}

coding_set compression_offers(const struct negotiate_prefs *prefs, coding_set codings,
                              uint64_t size)
{
    coding_set offers = 0;

    if (size < COMPRESSION_MIN && prefs->identity_ok) {
        return 0;
    }
    for (int c = CODING_IDENTITY + 1; c < CODING_COUNT; c++) {
        if (coding_in(codings, (enum coding)c) && prefs->weight[c] > 0 &&
            encoder_can((enum coding)c, false)) {
            offers |= (coding_set)(1u << c);
        }
    }
    return offers;
}

enum compression_verdict compression_allows(const struct compression_answer *answer)
{
    if (answer->status < 200 || answer->status == 204 || answer->status == 205 ||
        answer->status == 304) {
        return COMPRESSION_NO_BODY;
    }
    if (answer->status == 206 || answer->partial) {
        return COMPRESSION_PARTIAL;
    }
    if (answer->coded) {
        return COMPRESSION_CODED;
    }
    return answer->no_transform ? COMPRESSION_NO_TRANSFORM : COMPRESSION_YES;
}

/* Rule 5: the best of identity and the codings offered; identity also where nothing is acceptable,
 * for an answer that exists is not taken back. */
static enum coding best_of(const struct negotiate_prefs *prefs, coding_set offers, uint64_t size)
{
    struct negotiate_candidate candidates[CODING_COUNT] = {{CODING_IDENTITY, size}};
    size_t n = 1;

    for (int c = CODING_IDENTITY + 1; c < CODING_COUNT; c++) {
        if (coding_in(offers, (enum coding)c)) {
            candidates[n++] =
                (struct negotiate_candidate){(enum coding)c, compression_weighs(size)};
        }
    }
    return negotiate_rank(prefs, candidates, n) > 0 ? candidates[0].coding : CODING_IDENTITY;
}

enum compression_verdict compression_decide(const struct compression_answer *answer,
                                            const struct negotiate_prefs *prefs, coding_set codings,
                                            enum coding *coding)
{
    enum compression_verdict verdict = compression_allows(answer);
    enum coding best;

    if (verdict != COMPRESSION_YES) {
        return verdict;
    }
    best = best_of(prefs, compression_offers(prefs, codings, UINT64_MAX), answer->size);
    if (best == CODING_IDENTITY) {
        return COMPRESSION_NOT_WANTED;
    }
    if (compression_offers(prefs, codings, answer->size) == 0) {
        return COMPRESSION_SMALL;
    }
    *coding = best;
    return COMPRESSION_YES;
}

const char *compression_reason(enum compression_verdict verdict)
{
    static const char *const reasons[] = {
        [COMPRESSION_YES] = "is compressed",
        [COMPRESSION_NO_BODY] = "has no body",
        [COMPRESSION_PARTIAL] = "is a part",
        [COMPRESSION_CODED] = "is coded already",
        [COMPRESSION_NO_TRANSFORM] = "must not be transformed (Cache-Control)",
        [COMPRESSION_NOT_WANTED] = "is wanted as it is (Accept-Encoding)",
        [COMPRESSION_SMALL] = "is too small to gain by it",
    };
    _Static_assert(sizeof(reasons) / sizeof(reasons[0]) == COMPRESSION_VERDICTS, "one text each");
    return reasons[verdict];
}
