/* SPDX-License-Identifier: Apache-2.0
 * decode.h — bytes to module (specification chapter 5).
 */
#ifndef WASMSERVE_DECODE_H
#define WASMSERVE_DECODE_H

#include "module.h"

/* Decodes `length` bytes (copied) under the options' features and quota. On success *out is freed
 * by module_destroy(). Bodies and constant expressions are delimited, not read: that is the
 * validator's work, which must follow before anything else touches the module. */
wasm_status decode_module(const uint8_t *bytes, size_t length, const wasm_load_options *options,
                          wasm_module **out, wasm_report *report);
/* Frees the module's memory. The tier and the image must be released before. NULL is allowed. */
void module_destroy(wasm_module *module);

#endif
