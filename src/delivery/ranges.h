/* SPDX-License-Identifier: Apache-2.0
 * ranges.h — what a Range header means for a representation of known size (RFC 9110 §14.1.2,
 * §14.2).
 *
 * Why:     httpd's byte range filter cuts the body; but when no range can be satisfied it
 *          answers without the Content-Range that tells the client the size (§15.5.17), and it
 *          is too late then to say Vary. So the question is asked before the body is made.
 * Memory:  The header is borrowed.
 * Threads: Any.
 */
#ifndef RANGES_H
#define RANGES_H

#include <stdint.h>

enum ranges_verdict {
    RANGES_IGNORE, /* another unit, not a set of ranges, or nothing to take a part of: the whole
                      answer, 200 */
    RANGES_SATISFIABLE,  /* 206 */
    RANGES_UNSATISFIABLE /* 416 */
};

enum ranges_verdict ranges_judge(const char *range, uint64_t size);

#endif
