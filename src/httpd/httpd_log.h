/* SPDX-License-Identifier: Apache-2.0
 * httpd_log.h — how this module writes to httpd's error log.
 *
 * Why:     A line in a busy log must say by itself who speaks and about what. The numbered tags
 *          of httpd's own modules (AHnnnnn) are given out by that project, so ours is a textual
 *          prefix; it is set here and nowhere else.
 * How:     LOG_R for a request, LOG_S for a server, LOG_P where only a pool is at hand
 *          (configuration time). The format must be a literal. The level is httpd's
 *          (APLOG_WARNING, …), so `LogLevel wasmserve:trace4` works by vhost and directory.
 * Levels:  ERR something asked for failed; WARNING the administrator should act, though the
 *          client was served; INFO a decision that surprises; DEBUG and TRACEn decisions.
 * Memory:  Nothing is kept.
 * Threads: Any.
 */
#ifndef HTTPD_LOG_H
#define HTTPD_LOG_H

#include "httpd.h"
#include "http_config.h"
#include "http_log.h"

APLOG_USE_MODULE(wasmserve);

#define LOG_PREFIX "wasmserve: "

#define LOG_R(level, status, r, ...)                                                               \
    ap_log_rerror(APLOG_MARK, (level), (status), (r), LOG_PREFIX __VA_ARGS__)
#define LOG_S(level, status, s, ...)                                                               \
    ap_log_error(APLOG_MARK, (level), (status), (s), LOG_PREFIX __VA_ARGS__)
#define LOG_P(level, status, p, ...)                                                               \
    ap_log_perror(APLOG_MARK, (level), (status), (p), LOG_PREFIX __VA_ARGS__)

#endif
