/* SPDX-License-Identifier: Apache-2.0
 * variant.h — whether the file app.wasm.br may be sent in place of app.wasm.
 *
 * Why:     A stale, truncated or mislabelled variant is worse than none: the browser then runs
 *          old code, or reports a broken module that no developer can reproduce. The verdict is
 *          a pure function of facts, so that the reasons can be tested one by one and are worded
 *          once.
 * Rules:   In this order; the first that applies is the verdict.
 *    - It is a regular file and not empty (every coding has at least a header).
 *    - It is not larger than the raw file: otherwise the raw file is the better answer. Equal is
 *      allowed; the ranking then prefers identity anyway, and a client that refuses identity is
 *      served.
 *    - It is not older than the raw file, in whole seconds: gzip -k, rsync and archives cut the
 *      fraction off.
 *    - Its first bytes are those of its coding: gzip 1f 8b 08 with none of the reserved flags
 *      (RFC 1952 §2.3.1); zstd by its frame header (RFC 8878 §3.1.1), after any skippable frames
 *      (§3.1.2). Brotli has no magic (RFC 7932 §9.1); only the window encodings that no decoder
 *      of "br" takes (the large-window extension) are recognized.
 *      dcb and dcz begin with their header (dictionary.h), and behind it as br and zstd do.
 *    - The digest in that header is the one of the dictionary that the client has. The name of
 *      the file has only a part of it.
 *    - A zstd frame needs a window of at most 8 MiB: a decoder of the coding need not have more
 *      (RFC 9659 §3). With a dictionary it may have more, by dictionary.h.
 * Memory:  The facts are borrowed for the call.
 * Threads: Any.
 */
#ifndef VARIANT_H
#define VARIANT_H

#include <stdint.h>

#include "coding.h"

enum variant_verdict {
    VARIANT_USABLE,
    VARIANT_NOT_REGULAR,
    VARIANT_EMPTY,
    VARIANT_LARGER,
    VARIANT_STALE,
    VARIANT_BAD_MAGIC,
    VARIANT_DICTIONARY,
    VARIANT_WINDOW,
    VARIANT_DELTA_WINDOW,
    VARIANT_VERDICTS
};

/* As many first bytes as any check looks at; a file may be shorter. */
#define VARIANT_HEAD_MAX 64

struct variant_facts {
    enum coding coding;
    bool regular;
    uint64_t size;             /* bytes */
    int64_t mtime;             /* seconds since the epoch */
    bool has_raw;              /* the raw file is there; else raw_* are not looked at */
    uint64_t raw_size;         /* bytes */
    int64_t raw_mtime;         /* seconds since the epoch */
    const uint8_t *dictionary; /* the digest that the client announced; for a coding that needs a
                                  dictionary only, as is the next */
    uint64_t dictionary_size;  /* bytes */
    const uint8_t *head; /* the first bytes, or NULL where they have not been read yet: then they
                            are not judged */
    size_t head_len;     /* min(size, VARIANT_HEAD_MAX), or less where reading failed */
};

enum variant_verdict variant_judge(const struct variant_facts *facts);

/* The verdict as the end of a sentence, "is empty". */
const char *variant_reason(enum variant_verdict verdict);

#endif
