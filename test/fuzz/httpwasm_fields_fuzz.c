/* SPDX-License-Identifier: Apache-2.0
 * httpwasm_fields_fuzz.c — http-wasm's host functions for header fields and trailers: any calls in
 * any order. layers: httpwasm wasi
 *
 * Everything is in httpwasm_script.h. Memory and threads: see there.
 */
#include "httpwasm_script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    play(GROUP_FIELDS, data, size);
    return 0;
}
