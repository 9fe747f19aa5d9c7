/* SPDX-License-Identifier: Apache-2.0
 * encoder_brotli_shared.c — dictionaries for brotli by libbrotlienc 1.1 or newer.
 *
 * How:     A raw dictionary has to be prepared for the quality that is used; preparing indexes it,
 *          so it costs time and memory like compressing it.
 * Memory:  The index, about as large as the dictionary, until free.
 * Threads: As encoder.h.
 */
#include "encoder_brotli_shared.h"

/* The library's own name for what the others only pass on. */
static BrotliEncoderPreparedDictionary *prepared(struct brotli_dictionary *dictionary)
{
    return (BrotliEncoderPreparedDictionary *)dictionary;
}

bool brotli_dictionaries(void)
{
    return true;
}

bool brotli_dictionary_attach(struct brotli_dictionary **dictionary, BrotliEncoderState *encoder,
                              const uint8_t *data, size_t len, int quality)
{
    *dictionary = (struct brotli_dictionary *)BrotliEncoderPrepareDictionary(
        BROTLI_SHARED_DICTIONARY_RAW, len, data, quality, NULL, NULL, NULL);
    return *dictionary != NULL &&
           BrotliEncoderAttachPreparedDictionary(encoder, prepared(*dictionary));
}

void brotli_dictionary_free(struct brotli_dictionary *dictionary)
{
    if (dictionary != NULL) {
        BrotliEncoderDestroyPreparedDictionary(prepared(dictionary));
    }
}
