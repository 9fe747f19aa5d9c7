/* SPDX-License-Identifier: Apache-2.0
 * encoder_brotli_shared.h — dictionaries for brotli, where the library knows them (1.1 and newer).
 *
 * Why:     The functions came with 1.1; Debian 12 has 1.0.9. encoder_brotli_shared.c calls them,
 *          encoder_brotli_shared_absent.c stands in for it.
 * Memory:  What attach gives is the caller's, until free, which must not be before the end of the
 *          encoder. The data is borrowed for as long.
 * Threads: As encoder.h.
 */
#ifndef ENCODER_BROTLI_SHARED_H
#define ENCODER_BROTLI_SHARED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <brotli/encode.h>

struct brotli_dictionary;

/* Whether attach can succeed in this build. */
bool brotli_dictionaries(void);

/* Has the encoder, which has not begun, refer to these bytes of earlier content. False without
 * memory. */
bool brotli_dictionary_attach(struct brotli_dictionary **dictionary, BrotliEncoderState *encoder,
                              const uint8_t *data, size_t len, int quality);

/* dictionary may be NULL. */
void brotli_dictionary_free(struct brotli_dictionary *dictionary);

#endif
