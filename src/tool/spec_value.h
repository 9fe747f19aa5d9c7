/* SPDX-License-Identifier: Apache-2.0
 * spec_value.h — the values of spec scripts: arguments out of JSON, results against expectations.
 *
 * Scripts write numbers by their bits, as decimal strings; references of the host by a number.
 * Memory:  nothing is allocated.
 * Threads: no shared state.
 */
#ifndef WASMSERVE_SPEC_VALUE_H
#define WASMSERVE_SPEC_VALUE_H

#include "engine.h"
#include "json.h"

typedef struct spec_value {
    wasm_valtype type;
    wasm_value value;
} spec_value;

/* An argument. False if this runner does not know such a value. */
bool spec_value_read(const json_value *json, spec_value *out);
/* Whether a result is what the script expects: exact bits, a NaN pattern, a kind of reference, or
 * one of several. */
bool spec_value_matches(const json_value *expected, const spec_value *result);
/* "f32:0x7fc00000 (nan)", always terminated; returns buf. */
char *spec_value_format(const spec_value *value, char *buf, size_t size);
char *spec_expected_format(const json_value *expected, char *buf, size_t size);

#endif
