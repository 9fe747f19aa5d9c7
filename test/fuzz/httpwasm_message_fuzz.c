/* SPDX-License-Identifier: Apache-2.0
 * httpwasm_message_fuzz.c — http-wasm's host functions for method, URI, status, configuration,
 * features, log and variables: any calls in any order. layers: httpwasm wasi
 *
 * Everything is in httpwasm_script.h. Memory and threads: see there.
 */
#include "httpwasm_script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"get_method",
                                        "set_method",
                                        "get_uri",
                                        "set_uri",
                                        "get_source_addr",
                                        "get_protocol_version",
                                        "get_status_code",
                                        "set_status_code",
                                        "get_config",
                                        "enable_features",
                                        "log",
                                        "log_enabled",
                                        "get_variable",
                                        "set_variable",
                                        NULL};

    play(names, data, size);
    return 0;
}
