/* SPDX-License-Identifier: Apache-2.0
 * passed_over.h — says something once, although every request finds it out again.
 *
 * Why:     A stale variant is found by every request for its file. The administrator must hear
 *          of it, and the log must not fill up with it.
 * Memory:  A fixed table for each process; see passed_over.c.
 * Threads: Any.
 */
#ifndef PASSED_OVER_H
#define PASSED_OVER_H

#include <stdbool.h>
#include <stdint.h>

/* Whether this is the first time that this process sees the path in this state (its mtime and a
 * reason of the caller's numbering). A file that changes is a new matter. */
bool passed_over_first(const char *path, int64_t mtime, unsigned reason);

#endif
