/* SPDX-License-Identifier: Apache-2.0
 * httpdate.h — HTTP-date (RFC 9110 §5.6.7) to seconds since the epoch.
 *
 * Why:     A condition with a date that is not valid must be ignored (§13.1.3, §13.1.4), so the
 *          parser has to be strict: one that guesses turns a broken header into a 304.
 * Memory:  None.
 * Threads: Any; no locale, no time zone of the process.
 */
#ifndef HTTPDATE_H
#define HTTPDATE_H

#include <stdbool.h>
#include <stdint.h>

/* Reads any of the three forms, the whole text. now (seconds) decides the century of a two-digit
 * year: one that would be more than 50 years in the future is in the past. The name of the day must
 * be one, but is not compared with the date. */
bool httpdate_parse(const char *text, int64_t now, int64_t *out);

#endif
