/* SPDX-License-Identifier: Apache-2.0
 * pack_report.h — what `wasmserve pack` says: results on stdout, complaints and progress on stderr.
 *
 * Progress on a terminal is one line that is written over; everything else that is said first takes
 * it away, and the next pack_progress() brings it back. Where stderr is no terminal there is none.
 *
 * Threads: the main thread's.
 */
#ifndef WASMSERVE_PACK_REPORT_H
#define WASMSERVE_PACK_REPORT_H

#include <stdbool.h>

/* "wasmserve pack: …" and a newline on stderr. */
__attribute__((format(printf, 1, 2))) void pack_complain(const char *format, ...);

/* A line on stdout, unless pack_quiet() was called. */
__attribute__((format(printf, 1, 2))) void pack_say(const char *format, ...);

/* A line on stderr, unless pack_quiet() was called: what happens meanwhile. */
__attribute__((format(printf, 1, 2))) void pack_tell(const char *format, ...);

void pack_quiet(void);

/* Whether progress will be seen. */
bool pack_progress_shown(void);
/* Writes the line of progress, cut to the terminal's width. */
void pack_progress(const char *line);

#endif
