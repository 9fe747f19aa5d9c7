/* SPDX-License-Identifier: Apache-2.0
 * tool_number.c — see tool_number.h.
 * Memory:  none.
 * Threads: no shared state.
 */
#include "tool_number.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool tool_number_parse(const char *text, bool scaled, uint64_t max, uint64_t *value)
{
    unsigned shift = 0;
    char *end;

    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *value = strtoull(text, &end, 10);
    if (errno != 0)
        return false;
    if (scaled && *end != '\0') {
        static const char units[] = "KMGkmg";
        const char *unit = strchr(units, *end);

        if (unit == NULL)
            return false;
        shift = 10 * (unsigned)((unit - units) % 3 + 1);
        end++;
    }
    if (*end != '\0' || *value > max >> shift)
        return false;
    *value <<= shift;
    return true;
}
