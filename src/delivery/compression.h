/* SPDX-License-Identifier: Apache-2.0
 * compression.h — whether an answer is compressed as it is sent, and with which coding.
 *
 * Why:     Two ask: the handler, which weighs compressing the raw file against the variants that
 *          are there, and the output filter, for what others have answered. Both must come to the
 *          same result, and the reasons against it are many; so they are a table of cases here.
 * Rules:   In this order; the first that applies is the verdict.
 *   1. The status has a body to compress: not 1xx, 204, 205, 304. HEAD is decided as GET would be.
 *   2. It is whole: not 206, no Content-Range. A part of a coded body is not a coded part.
 *   3. It is not coded yet.
 *   4. Cache-Control does not say no-transform (RFC 9111 §5.2.2.6).
 *   5. The client likes a coding at hand better than identity, or refuses identity, by the rules
 *      of negotiate.h. A coding whose variant would have to be made counts as one byte smaller
 *      than the raw bytes: every real variant beats it, it beats the raw bytes, and among its kind
 *      the order of coding.h decides, which is that of their usual sizes.
 *   6. It is not too small, unless the client refuses identity. What is not known in advance counts
 *      as large.
 * Memory:  No allocation.
 * Threads: Any.
 */
#ifndef COMPRESSION_H
#define COMPRESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "coding.h"
#include "negotiate.h"

/* Smaller bodies are left alone: the fields and framing that compression adds (Content-Encoding,
 * a longer tag, chunks, the coding's own header and trailer) take about what it saves. */
#define COMPRESSION_MIN 256

struct compression_answer {
    int status;
    bool partial; /* has a Content-Range */
    bool coded;   /* has a content coding */
    bool no_transform;
    uint64_t size; /* of the body as it is; UINT64_MAX: unknown */
};

enum compression_verdict {
    COMPRESSION_YES,
    COMPRESSION_NO_BODY,
    COMPRESSION_PARTIAL,
    COMPRESSION_CODED,
    COMPRESSION_NO_TRANSFORM,
    COMPRESSION_NOT_WANTED,
    COMPRESSION_SMALL,
    COMPRESSION_VERDICTS
};

/* Rules 1 to 4 alone: whether the answer may be compressed, whatever the client likes. */
enum compression_verdict compression_allows(const struct compression_answer *answer);

/* All of the rules. *coding is the one to use, with COMPRESSION_YES only. codings are those that
 * the configuration allows; what this build has no encoder for is left out here. */
enum compression_verdict compression_decide(const struct compression_answer *answer,
                                            const struct negotiate_prefs *prefs, coding_set codings,
                                            enum coding *coding);

/* Rules 5 and 6 for a file: those of the codings in which it may take part in a ranking, with
 * compression_weighs() as its size. */
coding_set compression_offers(const struct negotiate_prefs *prefs, coding_set codings,
                              uint64_t size);

/* What a body of so many bytes counts for in a ranking when it is compressed as it is sent. */
uint64_t compression_weighs(uint64_t size);

/* The verdict as the end of a sentence, "is coded already". */
const char *compression_reason(enum compression_verdict verdict);

#endif
