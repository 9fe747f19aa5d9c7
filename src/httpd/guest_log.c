/* SPDX-License-Identifier: Apache-2.0
 * guest_log.c — what a guest writes to the error log; clock and randomness.
 *
 * httpd escapes what it writes to the error log, so that a guest cannot forge lines; a NUL would
 * end the line, so it is shown. What a request may write is bounded, and so is a line.
 *
 * Memory and threads: see the header.
 */
#include "guest_log.h"

#include <time.h>

#include "apr_general.h"

#include "httpd_log.h"

#define LOG_BYTES      65536 /* RATIONALE "Limits", per request */
#define LOG_LINE_BYTES 4000  /* httpd cuts lines at 8 KiB, and escaping lengthens them */
#define LOG_LINE_PRICE 32    /* an empty line costs as well, or there could be any number of them */

static const int levels[] = {[EXCHANGE_LOG_ERROR] = APLOG_ERR,
                             [EXCHANGE_LOG_WARN] = APLOG_WARNING,
                             [EXCHANGE_LOG_INFO] = APLOG_INFO,
                             [EXCHANGE_LOG_DEBUG] = APLOG_DEBUG};

struct guest_log guest_log_for(request_rec *r, const char *label)
{
    return (struct guest_log){.r = r, .label = label, .left = LOG_BYTES};
}

void guest_log_line(struct guest_log *log, exchange_level level, const char *text, size_t length)
{
    if (log->over) {
        return;
    }
    do {
        size_t part = length < LOG_LINE_BYTES ? length : LOG_LINE_BYTES;
        char line[LOG_LINE_BYTES + 1];

        if (part + LOG_LINE_PRICE > log->left) {
            log->over = true;
            LOG_R(APLOG_WARNING, 0, log->r,
                  "plugin %s: more than %d bytes of log in one request; the rest is dropped",
                  log->label, LOG_BYTES);
            return;
        }
        log->left -= part + LOG_LINE_PRICE;
        for (size_t i = 0; i < part; i++) {
            line[i] = text[i] != '\0' ? text[i] : '\x1a';
        }
        line[part] = '\0';
        LOG_R(levels[level], 0, log->r, "plugin %s: %s", log->label, line);
        text += part;
        length -= part;
    } while (length > 0);
}

bool guest_log_enabled(const struct guest_log *log, exchange_level level)
{
    return APLOG_R_IS_LEVEL(log->r, levels[level]);
}

uint64_t guest_clock(void *baton, unsigned clock_id)
{
    struct timespec t;

    (void)baton;
    clock_gettime(clock_id == 0 ? CLOCK_REALTIME : CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

wasm_status guest_random(void *baton, void *buffer, size_t size)
{
    (void)baton;
    return apr_generate_random_bytes(buffer, size) == APR_SUCCESS ? WASM_OK : WASM_E_SYSTEM;
}
