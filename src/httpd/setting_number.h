/* SPDX-License-Identifier: Apache-2.0
 * setting_number.h — sizes, durations and counts as an administrator writes them.
 *
 * Why:     "16M", "50ms" and "3" are read at one place, so that every directive understands the
 *          same words, and the complaints show ranges in the notation in which they are written.
 *          Memory: Results go into the caller's storage.
 * Threads: Any; plain C, no state.
 */
#ifndef SETTING_NUMBER_H
#define SETTING_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Digits, then nothing, K, M or G (powers of 1024; either case; a B may follow the letter). Bytes.
 */
bool setting_number_size(const char *text, int64_t *out);

/* Digits, then nothing or "ms" (milliseconds), "s", "m" or "min" (either case). Milliseconds. */
bool setting_number_time(const char *text, int64_t *out);

/* Digits. */
bool setting_number_count(const char *text, int64_t *out);

/* The inverse, in the largest unit that is exact: "64M", "1500ms", "2s". len of at least 24 always
 * fits. */
void setting_number_format_size(char *buf, size_t len, int64_t bytes);
void setting_number_format_time(char *buf, size_t len, int64_t ms);
void setting_number_format_count(char *buf, size_t len, int64_t n);

#endif
