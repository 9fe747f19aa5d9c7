/* SPDX-License-Identifier: Apache-2.0
 * setting_number.c — sizes, durations and counts as an administrator writes them;
 * setting_number.h lists the notation.
 *
 * How:     All three are digits and a unit. Digits are read by hand rather than by strtoll,
 *          which would accept signs and leading blanks; every step is checked against INT64_MAX,
 *          so that "99999999999G" is refused, not wrapped.
 * Memory:  Nothing is kept.
 * Threads: Any.
 */
#include "setting_number.h"

#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

struct unit {
    const char *text;
    int64_t factor;
};

/* In each table the first row is what a bare number means; formatting takes the last row that
 * divides. */
static const struct unit size_units[] = {{"", 1},
                                         {"B", 1},
                                         {"KB", 1024},
                                         {"MB", 1024 * 1024},
                                         {"GB", 1024 * 1024 * 1024},
                                         {"K", 1024},
                                         {"M", 1024 * 1024},
                                         {"G", 1024 * 1024 * 1024},
                                         {NULL, 0}};
static const struct unit time_units[] = {{"", 1},     {"ms", 1},        {"min", 60 * 1000},
                                         {"s", 1000}, {"m", 60 * 1000}, {NULL, 0}};
static const struct unit count_units[] = {{"", 1}, {NULL, 0}};

static bool number(const char *text, const struct unit *units, int64_t *out)
{
    const char *p = text;
    int64_t value = 0;

    for (; *p >= '0' && *p <= '9'; p++) {
        int digit = *p - '0';
        if (value > (INT64_MAX - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    if (p == text) {
        return false;
    }
    for (; units->text != NULL; units++) {
        if (strcasecmp(p, units->text) == 0) {
            if (value > INT64_MAX / units->factor) {
                return false;
            }
            *out = value * units->factor;
            return true;
        }
    }
    return false;
}

static void format(char *buf, size_t len, int64_t value, const struct unit *units)
{
    const struct unit *best = units;
    for (; units->text != NULL; units++) {
        if (value != 0 && value % units->factor == 0 && units->factor >= best->factor) {
            best = units;
        }
    }
    snprintf(buf, len, "%" PRId64 "%s", value / best->factor, best->text);
}

bool setting_number_size(const char *text, int64_t *out)
{
    return number(text, size_units, out);
}

bool setting_number_time(const char *text, int64_t *out)
{
    return number(text, time_units, out);
}

bool setting_number_count(const char *text, int64_t *out)
{
    return number(text, count_units, out);
}

void setting_number_format_size(char *buf, size_t len, int64_t bytes)
{
    format(buf, len, bytes, size_units);
}

void setting_number_format_time(char *buf, size_t len, int64_t ms)
{
    format(buf, len, ms, time_units);
}

void setting_number_format_count(char *buf, size_t len, int64_t n)
{
    format(buf, len, n, count_units);
}
