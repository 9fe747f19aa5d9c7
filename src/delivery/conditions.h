/* SPDX-License-Identifier: Apache-2.0
 * conditions.h — If-Match, If-None-Match and their kin, evaluated in the order of RFC 9110
 * §13.2.2.
 *
 * Why:     httpd and nginx join If-None-Match and If-Modified-Since with "and", so that a client
 *          whose tag matches but whose clock does not gets the whole module again, and a browser
 *          throws the compiled code away with it. The standard says that If-Modified-Since is
 *          not looked at then (§13.1.3).
 * Order:   As in §13.2.2. A date that cannot be read makes its condition absent.
 *   1. If-Match, strong comparison: false → 412. Without If-Match:
 *   2. If-Unmodified-Since: false → 412.
 *   3. If-None-Match, weak comparison: a match → 304 for GET and HEAD, 412 otherwise. Without:
 *   4. If-Modified-Since, GET and HEAD only: not modified → 304.
 *   5. If-Range, GET with Range only: a strong tag that is the same, or exactly the date of
 *      Last-Modified where that is a strong validator (§8.8.2.2: at least a second before Date);
 *      otherwise Range is ignored.
 * Memory:  Strings are borrowed for the call.
 * Threads: Any.
 */
#ifndef CONDITIONS_H
#define CONDITIONS_H

#include <stdbool.h>
#include <stdint.h>

/* Request headers; NULL where absent, several lines joined by commas. */
struct conditions_request {
    const char *if_match;
    const char *if_unmodified_since;
    const char *if_none_match;
    const char *if_modified_since;
    const char *if_range;
    const char *range;
    bool is_get;
    bool is_head;
};

/* What the response would carry. Times in seconds since the epoch. */
struct conditions_validators {
    const char *etag; /* NULL: none */
    int64_t last_modified;
    int64_t date;
};

enum conditions_verdict { CONDITIONS_PROCEED, CONDITIONS_NOT_MODIFIED, CONDITIONS_FAILED };

struct conditions_result {
    enum conditions_verdict verdict; /* proceed, 304, 412 */
    bool use_range; /* Range applies to this request and If-Range does not forbid it */
};

struct conditions_result conditions_evaluate(const struct conditions_request *request,
                                             const struct conditions_validators *validators);

#endif
