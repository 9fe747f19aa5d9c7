/* SPDX-License-Identifier: Apache-2.0
 * exchange.h — one HTTP exchange as guests' host functions see it: a struct of callbacks.
 *
 * The host ABIs are written against this and not against a server, so that the command line tool,
 * the unit tests and the fuzzers can play the server. src/httpd implements it over request_rec,
 * src/tool over files, tests over memory.
 *
 * Ownership: the exchange and what its callbacks return stay the implementer's; buffers passed in
 * are only borrowed for the call. Threads: called on the thread that runs the guest, never
 * concurrently. A callback that waits for the network pauses the guest's deadline itself
 * (wasm_deadline_pause), because the wait is not the guest's doing.
 */
#ifndef WASMSERVE_EXCHANGE_H
#define WASMSERVE_EXCHANGE_H

#include "engine.h"

typedef enum exchange_level {
    EXCHANGE_LOG_ERROR,
    EXCHANGE_LOG_WARN,
    EXCHANGE_LOG_INFO,
    EXCHANGE_LOG_DEBUG
} exchange_level;

typedef struct exchange {
    void *baton;

    /* Reads up to size bytes of the request body into buffer; *got 0 means the end. Blocks until
     * there is something. Errors: CLIENT_GONE, or HOST_FAILURE when the body exceeds its limit. */
    wasm_status (*read_body)(void *baton, void *buffer, size_t size, size_t *got);

    /* Takes bytes of the answer in the form the ABI defines (cgi: the raw stdout, header first).
     * Blocks while the client is slow. Errors: CLIENT_GONE, HOST_FAILURE (e.g. a malformed
     * header, with the reason in the log). */
    wasm_status (*write_output)(void *baton, const void *bytes, size_t length);

    /* The guest's stderr as it comes, for a command line. NULL (a server): the text goes to log,
     * line by line, if the guest is granted `log`, and nowhere if it is not. */
    wasm_status (*write_error)(void *baton, const void *bytes, size_t length);

    /* The guest is about to sleep: what it wrote should be on its way to the client. May be NULL.
     */
    void (*flush)(void *baton);

    /* One line of text from the guest, or from a host function about it, without its newline; not
     * terminated, and any bytes: the receiver escapes what a log must not contain. */
    void (*log)(void *baton, exchange_level level, const char *text, size_t length);

    /* Wall clock and monotonic clock in nanoseconds. clock_id: 0 realtime, 1 monotonic. */
    uint64_t (*clock)(void *baton, unsigned clock_id);
    /* Fills buffer with unpredictable bytes. */
    wasm_status (*random)(void *baton, void *buffer, size_t size);
} exchange;

#endif
