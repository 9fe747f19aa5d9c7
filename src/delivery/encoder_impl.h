/* SPDX-License-Identifier: Apache-2.0
 * encoder_impl.h — what a compression library must offer to stand behind encoder.h.
 *
 * Why:     encoder.c knows no library, and the file of a library knows nothing of the others.
 * Editing: The file of a library that may be absent has a sibling X_absent.c, which build.sh
 *          compiles in its place.
 * Memory:  A state is the library's, from create to destroy.
 * Threads: As encoder.h.
 */
#ifndef ENCODER_IMPL_H
#define ENCODER_IMPL_H

#include "encoder.h"

struct encoder_library {
    bool present; /* else the rest is empty */

    /* Whether create understands options->dictionary. NULL: no. */
    bool (*dictionaries)(void);

    /* NULL without memory. options->level is 0 or anything; a library moves it into its range. */
    void *(*create)(const struct encoder_options *options);

    /* As encoder_run, but may return ENCODER_MORE whenever it has made some progress. */
    enum encoder_status (*run)(void *state, enum encoder_op op, const uint8_t **in, size_t *in_len,
                               uint8_t **out, size_t *out_len);

    void (*destroy)(void *state);
};

extern const struct encoder_library encoder_gzip, encoder_brotli, encoder_zstd;

/* The level to use: the one asked for, moved into the range of the library, or the one of the
 * effort. */
static inline int encoder_level(const struct encoder_options *options, int low, int high, int fast,
                                int best)
{
    int level = options->level;

    if (level == 0) {
        return options->effort == ENCODER_BEST ? best : fast;
    }
    return level < low ? low : level > high ? high : level;
}

/* The smallest exponent of 2 whose power is at least size, within low to high. A size that is
 * unknown is UINT64_MAX, which gives high. */
static inline int encoder_window_log(uint64_t size, int low, int high)
{
    int log = low;

    while (log < high && (UINT64_C(1) << log) < size) {
        log++;
    }
    return log;
}

#endif
