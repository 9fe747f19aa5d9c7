/* SPDX-License-Identifier: Apache-2.0
 * structured.h — Structured Field Items (RFC 9651), as far as delivery reads them.
 *
 * Why:     The request fields of RFC 9842 are Items: one byte sequence, one string. A lenient
 *          reader would find a digest where the sender has written something else; so this one
 *          takes what the grammar allows and nothing more, parameters included, which a field may
 *          get in a later version and which have to be passed over.
 * How:     Parsing by RFC 9651 §4.2: blanks around the item are dropped, then a bare item of the
 *          wanted type, then any number of parameters with any bare item as value. The two things
 *          that the standard leaves to the implementation (§4.2.7) are taken as most do:
 *          padding may be missing, and bits behind the last byte need not be zero.
 * Memory:  The field is borrowed for the call; results go into the caller's buffer.
 * Threads: Any.
 */
#ifndef STRUCTURED_H
#define STRUCTURED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads field (terminated, NULL: absent) as a Byte Sequence of exactly len bytes into out, which is
 * undefined after false. */
bool structured_read_bytes(const char *field, uint8_t *out, size_t len);

/* Reads field as a String of at most size - 1 characters into out, unescaped and terminated. */
bool structured_read_string(const char *field, char *out, size_t size);

/* Writes text with its quotation marks and escapes to out, terminated. False where it has
 * characters that a String cannot have (§3.3.3: 20 to 7e), or size is not enough; 2 * strlen(text)
 * + 3 always is. */
bool structured_write_string(char *out, size_t size, const char *text);

#endif
