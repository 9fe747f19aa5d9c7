/* SPDX-License-Identifier: Apache-2.0
 * encoder_zstd.c — zstd (RFC 8878) by libzstd, alone or against earlier content.
 *
 * Windows: A frame may refer back as far as its window reaches, and to the dictionary only until
 *          that much has been decoded (RFC 8878 §5). So a delta wants a window as large as the
 *          content. What its header says need not be a power of two: a frame that announces its
 *          size, and whose window is at least that, is a single segment, and its window is its
 *          size. Thus 14 MB against 12 MB, where 15 MB are allowed, keep the whole dictionary.
 * How:     Only a promised size is announced (ENCODER_BEST); a frame that turns out to have
 *          another one is an error of the library. The search for long matches (LDM) finds what the
 *          ordinary search of the lower levels has no room to remember of a dictionary: a delta of
 *          esbuild's 14 MB takes 1.34 MB with it at level 6, and 3.33 MB without. At 22 it makes no
 *          difference.
 * Memory:  The library's, by malloc: with ENCODER_FAST 7 MiB, with ENCODER_BEST 140 MiB, and
 *          with a dictionary of 14 MB 410 MiB.
 * Threads: As encoder.h.
 */
#include "encoder_impl.h"

#include <zstd.h>

#include "dictionary.h"

enum {
    LEVEL_FAST = 6, /* RATIONALE "What does compressing as it is sent cost?" */
    LEVEL_BEST = 22,
    LEVEL_MIN = 1,
    LEVEL_MAX = 22,
    WINDOW_LOG_MIN = 10,
    WINDOW_LOG_FAST = 21,
    WINDOW_LOG_MAX = 23, /* 8 MiB, RFC 9659 §3 */
};

static bool knows_size(const struct encoder_options *options)
{
    return options->effort == ENCODER_BEST && options->size_hint != UINT64_MAX;
}

static int window_log(const struct encoder_options *options)
{
    uint64_t size = options->size_hint, limit;
    int log;

    if (options->dictionary == NULL) {
        return encoder_window_log(size, WINDOW_LOG_MIN,
                                  options->effort == ENCODER_BEST ? WINDOW_LOG_MAX
                                                                  : WINDOW_LOG_FAST);
    }
    limit = dictionary_window_max(CODING_DCZ, options->dictionary_len);
    log =
        encoder_window_log(knows_size(options) && size <= limit ? size : limit, WINDOW_LOG_MIN, 63);
    /* Only a single segment may round up: its header says the size. */
    if ((UINT64_C(1) << log) > limit && !(knows_size(options) && size <= limit)) {
        log--;
    }
    return log;
}

static bool set(ZSTD_CCtx *z, ZSTD_cParameter parameter, int value)
{
    return !ZSTD_isError(ZSTD_CCtx_setParameter(z, parameter, value));
}

static bool set_up(ZSTD_CCtx *z, const struct encoder_options *options)
{
    bool known = knows_size(options), delta = options->dictionary != NULL;

    return set(z, ZSTD_c_compressionLevel,
               encoder_level(options, LEVEL_MIN, LEVEL_MAX, LEVEL_FAST, LEVEL_BEST)) &&
           set(z, ZSTD_c_windowLog, window_log(options)) &&
           (!known || !ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(z, options->size_hint))) &&
           (!delta ||
            (set(z, ZSTD_c_enableLongDistanceMatching, 1) &&
             !ZSTD_isError(ZSTD_CCtx_refPrefix(z, options->dictionary, options->dictionary_len))));
}

static bool zstd_dictionaries(void)
{
    return true;
}

static void *zstd_create(const struct encoder_options *options)
{
    ZSTD_CCtx *z = ZSTD_createCCtx();

    if (z != NULL && !set_up(z, options)) {
        ZSTD_freeCCtx(z);
        z = NULL;
    }
    return z;
}

static enum encoder_status zstd_run(void *state, enum encoder_op op, const uint8_t **in,
                                    size_t *in_len, uint8_t **out, size_t *out_len)
{
    static const ZSTD_EndDirective directives[] = {[ENCODER_PROCESS] = ZSTD_e_continue,
                                                   [ENCODER_FLUSH] = ZSTD_e_flush,
                                                   [ENCODER_FINISH] = ZSTD_e_end};
    ZSTD_inBuffer from = {*in, *in_len, 0};
    ZSTD_outBuffer to = {*out, *out_len, 0};
    size_t left = ZSTD_compressStream2(state, &to, &from, directives[op]);

    *in += from.pos;
    *in_len -= from.pos;
    *out += to.pos;
    *out_len -= to.pos;
    if (ZSTD_isError(left)) {
        return ENCODER_FAILED;
    }
    if (op == ENCODER_PROCESS) {
        /* What is left says how much more input would be welcome; a full buffer, that there may be
         * more output. */
        return *in_len == 0 && *out_len > 0 ? ENCODER_DONE : ENCODER_MORE;
    }
    return left == 0 ? ENCODER_DONE : ENCODER_MORE;
}

static void zstd_destroy(void *state)
{
    ZSTD_freeCCtx(state);
}

const struct encoder_library encoder_zstd = {
    .present = true,
    .dictionaries = zstd_dictionaries,
    .create = zstd_create,
    .run = zstd_run,
    .destroy = zstd_destroy,
};
