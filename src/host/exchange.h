/* SPDX-License-Identifier: Apache-2.0
 * exchange.h — one HTTP exchange as guests' host functions see it: a struct of callbacks.
 *
 * The host ABIs are written against this and not against a server, so that the command line tool,
 * the unit tests and the fuzzers can play the server. src/httpd implements it over request_rec,
 * src/tool over files, tests over memory.
 *
 * There are two structs: `exchange` is what any guest has, as a process; `exchange_http` is a
 * request together with its response, for guests that look at both from between.
 *
 * Ownership: the exchange and what its callbacks return stay the implementer's; buffers passed in
 * are only borrowed for the call.
 * Threads: called on the thread that runs the guest, never concurrently. A callback that waits for
 *          the network pauses the guest's deadline itself (wasm_deadline_pause), because the wait
 *          is not the guest's doing.
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

/* What became of a call to the shared store. The numbers are what guests see (kv/kv.c). */
typedef enum exchange_kv_status {
    EXCHANGE_KV_OK = 0,
    EXCHANGE_KV_MISSING = 1, /* there is no such key, or its time is over */
    EXCHANGE_KV_CHANGED = 2, /* the revision is not the one that was expected */
    EXCHANGE_KV_SIZE = 3,    /* a key or value that no store takes */
    EXCHANGE_KV_SHORT = 4,   /* the value does not fit into the buffer */
    EXCHANGE_KV_NUMBER = 5,  /* not a number, or the sum would be none */
    EXCHANGE_KV_FULL = 6,    /* there is no room, and none can be made */
    EXCHANGE_KV_BUSY = 7,    /* somebody has held a lock for long; another time it will work */
    EXCHANGE_KV_DENIED = 8   /* not granted */
} exchange_kv_status;

/* A shared store, as kv/kv.h describes it, over a baton of its own. Times in ns. */
typedef struct exchange_kv {
    exchange_kv_status (*get)(void *baton, const void *key, size_t key_length, void *value,
                              size_t size, size_t *length, uint64_t *revision);
    exchange_kv_status (*set)(void *baton, const void *key, size_t key_length, const void *value,
                              size_t length, uint64_t ttl, uint64_t expected);
    exchange_kv_status (*remove)(void *baton, const void *key, size_t key_length,
                                 uint64_t expected);
    exchange_kv_status (*add)(void *baton, const void *key, size_t key_length, int64_t delta,
                              uint64_t ttl, int64_t *sum);
} exchange_kv;

typedef struct exchange {
    void *baton;

    /* Reads up to size bytes of the request body into buffer; *got 0 means the end. Blocks until
     * there is something. Errors: CLIENT_GONE, or HOST_FAILURE when the body exceeds its limit.
     * NULL: stdin is at its end. */
    wasm_status (*read_body)(void *baton, void *buffer, size_t size, size_t *got);

    /* Takes bytes of the answer in the form the ABI defines (cgi: the raw stdout, header first).
     * Blocks while the client is slow. Errors: CLIENT_GONE, HOST_FAILURE (e.g. a malformed
     * header, with the reason in the log). NULL (an ABI whose answers go another way): what the
     * guest writes to stdout is treated as its stderr. */
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

    /* The guest's shared store; NULL: it has none. */
    const exchange_kv *kv;
    void *kv_baton;
} exchange;

/* ---- a request and its response ------------------------------------------------------------ */

/* Bytes that are not terminated. */
typedef struct exchange_text {
    const char *bytes;
    size_t length;
} exchange_text;

/* Which of a message's header fields. */
typedef enum exchange_fields {
    EXCHANGE_REQUEST_FIELDS,
    EXCHANGE_RESPONSE_FIELDS,
    EXCHANGE_REQUEST_TRAILERS,
    EXCHANGE_RESPONSE_TRAILERS
} exchange_fields;

typedef enum exchange_body { EXCHANGE_REQUEST_BODY, EXCHANGE_RESPONSE_BODY } exchange_body;

typedef enum exchange_change { EXCHANGE_SET, EXCHANGE_ADD, EXCHANGE_REMOVE } exchange_change;

/* What an exchange can be asked for beyond the ordinary. */
enum exchange_feature {
    EXCHANGE_KEEPS_REQUEST = 1,  /* a request body that is read is there for who comes next */
    EXCHANGE_HOLDS_RESPONSE = 2, /* the response waits until the guest has seen it */
    EXCHANGE_HAS_TRAILERS = 4
};

/* When a callback is called is the host ABI's business: it keeps the phases apart, and asks for
 * nothing that its rules forbid. What a callback gets, it checks as coming from an enemy: a name, a
 * value, a URI may have any bytes and any length. Its errors: HOST_FAILURE (what is to be set
 * cannot be, or exceeds a limit), CLIENT_GONE. Texts that are returned stay valid until the next
 * call of any callback. */
typedef struct exchange_http {
    void *baton;

    /* Switches on those of `wanted` (enum exchange_feature) that this exchange has; returns them.
     */
    uint32_t (*enable)(void *baton, uint32_t wanted);

    exchange_text (*method)(void *baton);
    exchange_text (*uri)(void *baton);      /* path and query, encoded as the client sent it */
    exchange_text (*protocol)(void *baton); /* "HTTP/1.1", "HTTP/2.0" */
    exchange_text (*source)(void *baton);   /* "192.0.2.1:49152", "[2001:db8::1]:49152" */
    uint32_t (*status)(void *baton);
    wasm_status (*set_method)(void *baton, exchange_text method);
    wasm_status (*set_uri)(void *baton, exchange_text uri);
    wasm_status (*set_status)(void *baton, uint32_t status);

    /* The index-th line, each with one value, those of a name in their order; false beyond the
     * last. The order of names is free. */
    bool (*field)(void *baton, exchange_fields kind, size_t index, exchange_text *name,
                  exchange_text *value);
    /* `value` is not looked at for EXCHANGE_REMOVE. */
    wasm_status (*change_field)(void *baton, exchange_fields kind, exchange_change change,
                                exchange_text name, exchange_text value);

    /* As exchange.read_body; each phase of the guest reads from the beginning. */
    wasm_status (*read)(void *baton, exchange_body body, void *buffer, size_t size, size_t *got);
    /* Adds to what replaces the body; `first`: begins such a replacement, which may stay empty. */
    wasm_status (*write)(void *baton, exchange_body body, const void *bytes, size_t length,
                         bool first);

    /* Whether lines of this level are kept. */
    bool (*log_enabled)(void *baton, exchange_level level);

    /* What the server knows of the request beyond the message (REMOTE_USER and its like); false if
     * there is no such variable, or none that guests may see. */
    bool (*variable)(void *baton, exchange_text name, exchange_text *value);
    wasm_status (*set_variable)(void *baton, exchange_text name, exchange_text value);
} exchange_http;

#endif
