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
    static const char *const names[] = {"get_header_names",
                                        "get_header_values",
                                        "set_header_value",
                                        "add_header_value",
                                        "remove_header",
                                        "enable_features",
                                        NULL};

    play(names, data, size);
    return 0;
}
