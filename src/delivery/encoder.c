/* SPDX-License-Identifier: Apache-2.0
 * encoder.c — finds the library of a coding and keeps the promises of encoder.h that are the same
 * for all of them.
 *
 * How:     A row for each coding. Libraries differ in when they come back for more; here they are
 *          called until the operation is complete or the output buffer is full. One that makes no
 *          progress although it has both room and work is broken, and asking it again would never
 *          end: that is a failure.
 * Memory:  One block for the encoder, and the library's own.
 * Threads: As encoder.h.
 */
#include "encoder.h"

#include <stdlib.h>

#include "encoder_impl.h"

struct encoder {
    const struct encoder_library *library;
    void *state;
    uint64_t taken;    /* bytes of input so far */
    uint64_t promised; /* how many it must be in the end; UINT64_MAX: any number */
    bool over;         /* finished or failed */
};

static const struct encoder_library *const libraries[] = {
    [CODING_IDENTITY] = NULL,
    [CODING_BR] = &encoder_brotli,
    [CODING_ZSTD] = &encoder_zstd,
    [CODING_GZIP] = &encoder_gzip,
    /* A header before one of the above: not a library of its own. */
    [CODING_DCB] = NULL,
    [CODING_DCZ] = NULL,
};

_Static_assert(sizeof(libraries) / sizeof(libraries[0]) == CODING_COUNT, "every coding has a row");

bool encoder_can(enum coding coding, bool with_dictionary)
{
    const struct encoder_library *library = libraries[coding];

    return library != NULL && library->present &&
           (!with_dictionary || (library->dictionaries != NULL && library->dictionaries()));
}

encoder *encoder_create(const struct encoder_options *options)
{
    encoder *e;

    if (!encoder_can(options->coding, options->dictionary != NULL)) {
        return NULL;
    }
    e = calloc(1, sizeof(*e));
    if (e == NULL) {
        return NULL;
    }
    e->library = libraries[options->coding];
    e->promised = options->effort == ENCODER_BEST ? options->size_hint : UINT64_MAX;
    e->state = e->library->create(options);
    if (e->state == NULL) {
        free(e);
        return NULL;
    }
    return e;
}

/* Whether so many bytes can be, or at the end are, what was promised. */
static bool keeps_promise(const encoder *e, bool at_end)
{
    return e->promised == UINT64_MAX || e->taken == e->promised ||
           (!at_end && e->taken < e->promised);
}

enum encoder_status encoder_run(encoder *e, enum encoder_op op, const uint8_t **in, size_t *in_len,
                                uint8_t **out, size_t *out_len)
{
    enum encoder_status status = ENCODER_MORE;

    if (e->over) {
        return ENCODER_FAILED;
    }
    do {
        size_t had_in = *in_len, had_out = *out_len;
        status = e->library->run(e->state, op, in, in_len, out, out_len);
        e->taken += had_in - *in_len;
        if (status == ENCODER_MORE && *out_len > 0 && had_in == *in_len && had_out == *out_len) {
            status = ENCODER_FAILED;
        }
    } while (status == ENCODER_MORE && *out_len > 0);

    if (!keeps_promise(e, op == ENCODER_FINISH && status == ENCODER_DONE)) {
        status = ENCODER_FAILED;
    }
    e->over = status == ENCODER_FAILED || (op == ENCODER_FINISH && status == ENCODER_DONE);
    return status;
}

void encoder_destroy(encoder *e)
{
    if (e != NULL) {
        e->library->destroy(e->state);
        free(e);
    }
}
