/* SPDX-License-Identifier: Apache-2.0
 * report.h — how the engine says what went wrong, and where.
 *
 * A failing function calls report_fail() and returns what that returns; callers pass the status up
 * unchanged. The first failure wins: a second call on a filled report leaves it as it is, because
 * the earliest error is the one that explains the others.
 *
 * Memory:  a report is a plain value of the caller.
 * Threads: nothing is shared.
 */
#ifndef WASMSERVE_REPORT_H
#define WASMSERVE_REPORT_H

#include "engine.h"

void report_clear(wasm_report *report); /* NULL is allowed */
/* Fills report (NULL allowed) unless it holds an error already; detail is printf-like, may be NULL,
 * and non-printable bytes in the result are replaced by '?'. Returns status. */
wasm_status report_fail(wasm_report *report, wasm_status status, uint64_t offset, uint32_t func,
                        const char *detail, ...) __attribute__((format(printf, 5, 6)));

/* Hands the failure of an inner call up. */
#define TRY(expression)                                                                            \
    do {                                                                                           \
        wasm_status try_status_ = (expression);                                                    \
        if (try_status_ != WASM_OK)                                                                \
            return try_status_;                                                                    \
    } while (0)

#endif
