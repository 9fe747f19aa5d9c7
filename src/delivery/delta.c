/* SPDX-License-Identifier: Apache-2.0
 * delta.c — a header and an encoder, one after the other; the rules are in delta.h.
 *
 * How:     The header lies ready from the beginning and is given out before the encoder is asked
 *          for anything.
 * Memory:  One block and the encoder in it.
 * Threads: No shared state.
 */
#include "delta.h"

#include <stdlib.h>
#include <string.h>

#include "dictionary.h"

_Static_assert(DICTIONARY_DIGEST == SHA256_SIZE, "a dictionary is named by its SHA-256");

struct delta {
    uint8_t header[DICTIONARY_HEADER_MAX];
    size_t header_len, header_given;
    encoder *encoder;
};

bool delta_can(enum coding coding)
{
    return coding_needs_dictionary(coding) && encoder_can(coding_info(coding)->plain, true);
}

static void write_header(struct delta *d, const struct delta_options *options)
{
    uint8_t digest[SHA256_SIZE];

    if (options->old_digest != NULL) {
        memcpy(digest, options->old_digest, SHA256_SIZE);
    } else {
        sha256 hash;
        sha256_init(&hash);
        sha256_add(&hash, options->old, options->old_len);
        sha256_finish(&hash, digest);
    }
    d->header_len = dictionary_write_header(d->header, options->coding, digest);
}

struct delta *delta_create(const struct delta_options *options)
{
    struct encoder_options beneath = {.coding = coding_info(options->coding)->plain,
                                      .effort = options->effort,
                                      .level = options->level,
                                      .size_hint = options->new_len,
                                      .dictionary = options->old,
                                      .dictionary_len = options->old_len};
    struct delta *d;

    if (!delta_can(options->coding) || options->old_len == 0 || options->old_len > DELTA_OLD_MAX) {
        return NULL;
    }
    d = calloc(1, sizeof(*d));
    if (d == NULL) {
        return NULL;
    }
    d->encoder = encoder_create(&beneath);
    if (d->encoder == NULL) {
        free(d);
        return NULL;
    }
    write_header(d, options);
    return d;
}

enum encoder_status delta_run(struct delta *d, enum encoder_op op, const uint8_t **in,
                              size_t *in_len, uint8_t **out, size_t *out_len)
{
    size_t left = d->header_len - d->header_given;

    if (left > 0) {
        size_t part = left < *out_len ? left : *out_len;
        memcpy(*out, d->header + d->header_given, part);
        d->header_given += part;
        *out += part;
        *out_len -= part;
        if (part < left) {
            return ENCODER_MORE;
        }
    }
    return encoder_run(d->encoder, op, in, in_len, out, out_len);
}

void delta_destroy(struct delta *d)
{
    if (d != NULL) {
        encoder_destroy(d->encoder);
        free(d);
    }
}
