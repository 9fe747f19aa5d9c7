/* SPDX-License-Identifier: Apache-2.0
 * delta.h — a new version of a file as what differs from an old one (RFC 9842).
 *
 * Why:     After a deployment most of a module is what it was. A browser that still has the old
 *          version says so by its digest, and takes the new one compressed against it. Both
 *          `wasmserve pack` and the store make such files.
 * How:     A delta is a stream: a fixed header with the SHA-256 of the old version (§4: dcb, §5:
 *          dcz), then what an encoder makes of the new version with the old one as its dictionary.
 *          Nothing but the old version has to be in memory as a whole; mapping the file will do.
 * Limits:  An empty old version is none, and beyond DELTA_OLD_MAX no window reaches over it. How
 *          far a window may reach is the encoder's affair (encoder.h). A delta may come out larger
 *          than the other variants of the new version; whoever writes it stops there.
 * Memory:  A delta is the caller's, from delta_create() to delta_destroy(); the old version is
 *          borrowed for as long.
 * Threads: A delta belongs to one thread at a time; different ones know nothing of each other.
 */
#ifndef DELTA_H
#define DELTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "encoder.h"
#include "sha256.h"

#define DELTA_OLD_MAX ((size_t)128 << 20) /* the largest window of RFC 9842 §5 */

struct delta;

struct delta_options {
    enum coding coding; /* CODING_DCZ or CODING_DCB */
    const uint8_t *old; /* the version that clients have */
    size_t old_len;
    const uint8_t *old_digest; /* its SHA-256 where it is known; NULL: it is computed here */
    uint64_t new_len;          /* bytes that will come, UINT64_MAX: unknown. Said truly, it saves
                                  memory on both sides and finds more */
    enum encoder_effort effort;
    int level; /* as for an encoder; 0: what the effort means */
};

/* Whether this build can make deltas in this coding: of dcb, libbrotli 1.1 is the first that can.
 */
bool delta_can(enum coding coding);

/* NULL if it cannot, if the old version is not within the limits, or if there is no memory. */
struct delta *delta_create(const struct delta_options *options);

/* Moves *in forward over what was taken of the new version and *out over what was written, exactly
 * as encoder_run() does. */
enum encoder_status delta_run(struct delta *d, enum encoder_op op, const uint8_t **in,
                              size_t *in_len, uint8_t **out, size_t *out_len);

void delta_destroy(struct delta *d); /* NULL is allowed */

#endif
