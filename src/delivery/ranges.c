/* SPDX-License-Identifier: Apache-2.0
 * ranges.c — judges a Range header; ranges.h says why.
 *
 * How:     ranges-specifier = "bytes" "=" list of ( first "-" [ last ] / "-" suffix ), RFC 9110
 *          §14.1.1, §14.1.2. One bad member makes the whole set invalid, and an invalid set is
 *          ignored. Numbers too large to store count as "very large", which is what they are
 *          beside any file.
 * Memory:  Nothing is kept.
 * Threads: Any.
 */
#include "ranges.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

static const char *skip_blanks(const char *p)
{
    return p + strspn(p, " \t");
}

/* Reads digits, saturating; false if there are none. */
static bool number_at(const char **p, uint64_t *out)
{
    const char *start = *p;
    uint64_t value = 0;

    for (; **p >= '0' && **p <= '9'; (*p)++) {
        unsigned digit = (unsigned)(**p - '0');
        value = value > (UINT64_MAX - digit) / 10 ? UINT64_MAX : value * 10 + digit;
    }
    *out = value;
    return *p != start;
}

/* One member; false if it is not a range. */
static bool range_at(const char **p, uint64_t size, bool *satisfiable)
{
    uint64_t first, last;

    if (**p == '-') {
        (*p)++;
        if (!number_at(p, &last)) {
            return false;
        }
        *satisfiable |= last > 0;
        return true;
    }
    if (!number_at(p, &first) || *(*p)++ != '-') {
        return false;
    }
    if (number_at(p, &last) && last < first) {
        return false;
    }
    *satisfiable |= first < size;
    return true;
}

enum ranges_verdict ranges_judge(const char *range, uint64_t size)
{
    bool satisfiable = false, any = false;
    const char *p;

    if (strncasecmp(range, "bytes=", 6) != 0 || size == 0) {
        return RANGES_IGNORE;
    }
    for (p = skip_blanks(range + 6); *p != '\0'; p = skip_blanks(p)) {
        if (*p == ',') {
            p++;
            continue;
        }
        if (!range_at(&p, size, &satisfiable)) {
            return RANGES_IGNORE;
        }
        any = true;
        p = skip_blanks(p);
        if (*p != ',' && *p != '\0') {
            return RANGES_IGNORE;
        }
    }
    if (!any) {
        return RANGES_IGNORE;
    }
    return satisfiable ? RANGES_SATISFIABLE : RANGES_UNSATISFIABLE;
}
