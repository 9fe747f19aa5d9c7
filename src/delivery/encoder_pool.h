/* SPDX-License-Identifier: Apache-2.0
 * encoder_pool.h — memory that encoders leave behind, for the next ones.
 *
 * Why:     An encoder for what is compressed as it is sent wants a few large blocks, always of the
 *          same sizes. Fresh from the system they cost a page fault for every 4 KiB, and giving
 *          them back costs as much again: some 5 % of the compressing.
 * How:     One pool for the process. What is given back is kept as it is, up to ENCODER_POOL_BYTES
 *          together, and handed to whoever asks for that size, or a little less. Its content is
 *          somebody else's, so it is for encoders alone, which read nothing that they have not
 *          written.
 * Memory:  ENCODER_POOL_BYTES at most that nobody uses, until the process ends.
 * Threads: Any; a lock is held for looking through a few dozen entries.
 */
#ifndef ENCODER_POOL_H
#define ENCODER_POOL_H

#include "encoder.h"

enum {
    ENCODER_POOL_BLOCKS = 48,
    ENCODER_POOL_BYTES = 16 * 1024 * 1024, /* of five encoders of Brotli, more of gzip */
    ENCODER_POOL_LEAST = 16 * 1024         /* smaller blocks are malloc's, which keeps them too */
};

/* The pool as encoders take it; constant. */
extern const struct encoder_memory encoder_pool;

/* Bytes that are kept at the moment. */
size_t encoder_pool_kept(void);

#endif
