/* SPDX-License-Identifier: Apache-2.0
 * base64.h — bytes out of base64 (RFC 4648 §4), for modules that stand in scripts, and into it, for
 * digests as browsers want them.
 */
#ifndef WASMSERVE_BASE64_H
#define WASMSERVE_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decodes `length` characters into out, which has room for length / 4 * 3 bytes. Strict: padding
 * is required, unused bits are zero, nothing else stands between. False if it is not base64. */
bool base64_decode(const char *text, size_t length, uint8_t *out, size_t *out_length);

/* Room for `length` bytes in base64, with the terminator. */
#define BASE64_SIZE(length) (((length) + 2) / 3 * 4 + 1)

/* Encodes with padding; out has BASE64_SIZE(length). */
void base64_encode(const uint8_t *bytes, size_t length, char *out);

#endif
