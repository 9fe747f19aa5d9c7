/* SPDX-License-Identifier: Apache-2.0
 * tool_number.h — numbers and sizes as they stand on a command line.
 */
#ifndef WASMSERVE_TOOL_NUMBER_H
#define WASMSERVE_TOOL_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* A decimal number up to `max`; where `scaled`, K, M or G (1024, its square, its cube; in either
 * case) may stand behind it. False, and *value undefined, for anything else. */
bool tool_number_parse(const char *text, bool scaled, uint64_t max, uint64_t *value);

#endif
