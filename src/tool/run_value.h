/* SPDX-License-Identifier: Apache-2.0
 * run_value.h — WebAssembly values as words of a command line, both ways.
 *
 * Pure functions over stdio; any thread.
 */
#ifndef WASMSERVE_RUN_VALUE_H
#define WASMSERVE_RUN_VALUE_H

#include "engine.h"

/* Integers are decimal or hexadecimal (0x), signed or unsigned, within their bits; floats as
 * strtod() takes them; v128 is one hexadecimal number of up to 128 bits; references can only be
 * "null". False for anything else. */
bool run_value_parse(const char *text, wasm_valtype type, wasm_value *value);

/* Writes one value and a newline to stdout: integers signed, floats in the shortest form that reads
 * back the same, v128 as one hexadecimal number, references as "null" or "reference". */
void run_value_print(const wasm_value *value, wasm_valtype type);

#endif
