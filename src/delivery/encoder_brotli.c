/* SPDX-License-Identifier: Apache-2.0
 * encoder_brotli.c — br (RFC 7932) by libbrotlienc.
 *
 * How:     The window is no larger than the content needs, if its size is known: a decoder
 *          allocates what the header says. A dictionary comes first in distances, so that the
 *          whole of it can be referred to however small the window is; whether the library knows
 *          dictionaries is the affair of encoder_brotli_shared.c.
 * Memory:  The library's, by malloc: 5 MiB with ENCODER_FAST, 170 MiB with ENCODER_BEST, and with
 *          a dictionary its index.
 * Threads: As encoder.h.
 */
#include "encoder_brotli_shared.h"
#include "encoder_impl.h"

#include <stdlib.h>

enum {
    LEVEL_FAST = 5,
    LEVEL_BEST = BROTLI_MAX_QUALITY,
    WINDOW_FAST = 18, /* RATIONALE "What does compressing as it is sent cost?" */
    WINDOW_BEST = BROTLI_MAX_WINDOW_BITS,
    /* The largest distance is 16 less than the power of two (RFC 7932 §9.1). */
    WINDOW_GAP = 16,
};

struct brotli {
    BrotliEncoderState *state;
    struct brotli_dictionary *dictionary;
};

static void brotli_destroy(void *state)
{
    struct brotli *b = state;

    if (b->state != NULL) {
        BrotliEncoderDestroyInstance(b->state);
    }
    brotli_dictionary_free(b->dictionary);
    free(b);
}

static bool set_up(struct brotli *b, const struct encoder_options *options)
{
    const struct encoder_memory *memory = options->memory;
    int quality =
        encoder_level(options, BROTLI_MIN_QUALITY, BROTLI_MAX_QUALITY, LEVEL_FAST, LEVEL_BEST);
    uint64_t size = options->size_hint;
    uint32_t hint = size > UINT32_MAX ? 0 : (uint32_t)size; /* 0: unknown */
    uint64_t reach = size < UINT64_MAX - WINDOW_GAP ? size + WINDOW_GAP : size;
    int window = encoder_window_log(reach, BROTLI_MIN_WINDOW_BITS,
                                    options->effort == ENCODER_BEST ? WINDOW_BEST : WINDOW_FAST);

    b->state = memory != NULL
                   ? BrotliEncoderCreateInstance(memory->take, memory->give, memory->baton)
                   : BrotliEncoderCreateInstance(NULL, NULL, NULL);
    return b->state != NULL &&
           BrotliEncoderSetParameter(b->state, BROTLI_PARAM_QUALITY, (uint32_t)quality) &&
           BrotliEncoderSetParameter(b->state, BROTLI_PARAM_LGWIN, (uint32_t)window) &&
           BrotliEncoderSetParameter(b->state, BROTLI_PARAM_SIZE_HINT, hint) &&
           (options->dictionary == NULL ||
            brotli_dictionary_attach(&b->dictionary, b->state, options->dictionary,
                                     options->dictionary_len, quality));
}

static void *brotli_create(const struct encoder_options *options)
{
    struct brotli *b = calloc(1, sizeof(*b));

    if (b != NULL && !set_up(b, options)) {
        brotli_destroy(b);
        b = NULL;
    }
    return b;
}

static enum encoder_status brotli_run(void *state, enum encoder_op op, const uint8_t **in,
                                      size_t *in_len, uint8_t **out, size_t *out_len)
{
    static const BrotliEncoderOperation operations[] = {[ENCODER_PROCESS] =
                                                            BROTLI_OPERATION_PROCESS,
                                                        [ENCODER_FLUSH] = BROTLI_OPERATION_FLUSH,
                                                        [ENCODER_FINISH] = BROTLI_OPERATION_FINISH};
    struct brotli *b = state;
    bool complete;

    if (!BrotliEncoderCompressStream(b->state, operations[op], in_len, in, out_len, out, NULL)) {
        return ENCODER_FAILED;
    }
    complete = op == ENCODER_FINISH ? BrotliEncoderIsFinished(b->state)
                                    : *in_len == 0 && !BrotliEncoderHasMoreOutput(b->state);
    return complete ? ENCODER_DONE : ENCODER_MORE;
}

const struct encoder_library encoder_brotli = {
    .present = true,
    .dictionaries = brotli_dictionaries,
    .create = brotli_create,
    .run = brotli_run,
    .destroy = brotli_destroy,
};
