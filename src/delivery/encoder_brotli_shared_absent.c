/* SPDX-License-Identifier: Apache-2.0
 * encoder_brotli_shared_absent.c — stands in for encoder_brotli_shared.c where libbrotlienc is
 * older than 1.1 and knows no dictionaries.
 *
 * Memory:  None.
 * Threads: Any.
 */
#include "encoder_brotli_shared.h"

bool brotli_dictionaries(void)
{
    return false;
}

bool brotli_dictionary_attach(struct brotli_dictionary **dictionary, BrotliEncoderState *encoder,
                              const uint8_t *data, size_t len, int quality)
{
    (void)dictionary, (void)encoder, (void)data, (void)len, (void)quality;
    return false;
}

void brotli_dictionary_free(struct brotli_dictionary *dictionary)
{
    (void)dictionary;
}
