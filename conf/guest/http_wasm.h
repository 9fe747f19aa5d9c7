/* SPDX-License-Identifier: Apache-2.0
 * http_wasm.h — the http-wasm `http-handler` ABI for guests in C: all imports, and helpers for what
 * every guest does with them.
 *
 * A guest defines two functions and is compiled as a reactor:
 *
 *     #include "http_wasm.h"
 *
 *     HTTP_EXPORT("handle_request") uint64_t handle_request(void)
 *     {
 *         http_set(HTTP_REQUEST, "x-seen-by", "my-guest");
 *         return HTTP_NEXT;
 *     }
 *
 *     HTTP_EXPORT("handle_response") void handle_response(uint32_t context, uint32_t is_error)
 *     {
 *     }
 *
 *     clang --target=wasm32-wasi -mexec-model=reactor -O2 -o my-guest.wasm my-guest.c
 *
 * What may be called when is the interface's to say (http-wasm/http-wasm, http-handler-abi.md): a
 * call at the wrong time ends the guest. Strings that are returned are terminated and malloc'd; they
 * may be freed, or left to end with the instance.
 */
#ifndef HTTP_WASM_H
#define HTTP_WASM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define HTTP_EXPORT(name) __attribute__((export_name(name)))
#define HTTP_IMPORT(from, name) __attribute__((import_module(from), import_name(name)))

/* What handle_request returns; HTTP_NEXT_WITH(context) hands 32 bits on to handle_response. */
#define HTTP_ANSWERED               ((uint64_t)0)
#define HTTP_NEXT                   ((uint64_t)1)
#define HTTP_NEXT_WITH(context_bits) ((uint64_t)(uint32_t)(context_bits) << 32 | 1)

enum { HTTP_REQUEST, HTTP_RESPONSE, HTTP_REQUEST_TRAILERS, HTTP_RESPONSE_TRAILERS };
enum { HTTP_BUFFER_REQUEST = 1, HTTP_BUFFER_RESPONSE = 2, HTTP_TRAILERS = 4 };
enum { HTTP_LOG_DEBUG = -1, HTTP_LOG_INFO, HTTP_LOG_WARN, HTTP_LOG_ERROR, HTTP_LOG_NONE };

/* ---- the imports --------------------------------------------------------------------------- */

/* A function that gives a text writes it only if it is not longer than limit, and always returns its
 * length. Those that give several return count<<32 | bytes, each text ended by a NUL. */
#define HTTP_HANDLER(name) HTTP_IMPORT("http_handler", name)
HTTP_HANDLER("enable_features") uint32_t http_enable_features(uint32_t features);
HTTP_HANDLER("get_config") uint32_t http_get_config(void *buf, uint32_t limit);
HTTP_HANDLER("log_enabled") uint32_t http_log_enabled(int32_t level);
HTTP_HANDLER("log") void http_log_bytes(int32_t level, const void *text, uint32_t length);
HTTP_HANDLER("get_method") uint32_t http_get_method(void *buf, uint32_t limit);
HTTP_HANDLER("set_method") void http_set_method_bytes(const void *method, uint32_t length);
HTTP_HANDLER("get_uri") uint32_t http_get_uri(void *buf, uint32_t limit);
HTTP_HANDLER("set_uri") void http_set_uri_bytes(const void *uri, uint32_t length);
HTTP_HANDLER("get_protocol_version") uint32_t http_get_protocol(void *buf, uint32_t limit);
HTTP_HANDLER("get_source_addr") uint32_t http_get_source(void *buf, uint32_t limit);
HTTP_HANDLER("get_header_names")
uint64_t http_get_header_names(uint32_t kind, void *buf, uint32_t limit);
HTTP_HANDLER("get_header_values")
uint64_t http_get_header_values(uint32_t kind, const void *name, uint32_t name_length, void *buf,
                                uint32_t limit);
HTTP_HANDLER("set_header_value")
void http_set_header_value(uint32_t kind, const void *name, uint32_t name_length,
                           const void *value, uint32_t value_length);
HTTP_HANDLER("add_header_value")
void http_add_header_value(uint32_t kind, const void *name, uint32_t name_length,
                           const void *value, uint32_t value_length);
HTTP_HANDLER("remove_header")
void http_remove_header(uint32_t kind, const void *name, uint32_t name_length);
/* eof<<32 | bytes read. limit must not be 0. */
HTTP_HANDLER("read_body") uint64_t http_read_body(uint32_t kind, void *buf, uint32_t limit);
/* The first write in a function replaces the body, the next ones add to it. */
HTTP_HANDLER("write_body")
void http_write_body(uint32_t kind, const void *bytes, uint32_t length);
HTTP_HANDLER("get_status_code") uint32_t http_get_status(void);
HTTP_HANDLER("set_status_code") void http_set_status(uint32_t status);

/* Not of http-wasm: the server's variables (REMOTE_USER, what the plugin is granted, what filters
 * have set). found<<32 | length. A guest that imports these runs under mod_wasmserve alone. */
HTTP_IMPORT("wasmserve", "get_variable")
uint64_t http_get_variable(const void *name, uint32_t name_length, void *buf, uint32_t limit);
/* Sets the variable and note WASM_name; capitals, digits and _. */
HTTP_IMPORT("wasmserve", "set_variable")
void http_set_variable(const void *name, uint32_t name_length, const void *value,
                       uint32_t value_length);

/* ---- helpers ------------------------------------------------------------------------------- */

static inline void http_log(int32_t level, const char *text)
{
    http_log_bytes(level, text, (uint32_t)strlen(text));
}

static inline void http_set_method(const char *method)
{
    http_set_method_bytes(method, (uint32_t)strlen(method));
}

static inline void http_set_uri(const char *uri)
{
    http_set_uri_bytes(uri, (uint32_t)strlen(uri));
}

static inline void http_set(uint32_t kind, const char *name, const char *value)
{
    http_set_header_value(kind, name, (uint32_t)strlen(name), value, (uint32_t)strlen(value));
}

static inline void http_add(uint32_t kind, const char *name, const char *value)
{
    http_add_header_value(kind, name, (uint32_t)strlen(name), value, (uint32_t)strlen(value));
}

static inline void http_remove(uint32_t kind, const char *name)
{
    http_remove_header(kind, name, (uint32_t)strlen(name));
}

static inline void http_write(uint32_t kind, const char *text)
{
    http_write_body(kind, text, (uint32_t)strlen(text));
}

/* http_text(http_get_uri): the text that such a function gives. */
static inline char *http_text(uint32_t (*get)(void *buf, uint32_t limit))
{
    uint32_t length = get(NULL, 0);
    char *text = malloc(length + 1);

    if (text == NULL)
        abort();
    get(text, length);
    text[length] = '\0';
    return text;
}

/* The values of a header, each terminated, one behind the other; *count of them. */
static inline char *http_values(uint32_t kind, const char *name, uint32_t *count)
{
    uint32_t name_length = (uint32_t)strlen(name);
    uint64_t found = http_get_header_values(kind, name, name_length, NULL, 0);
    char *values = calloc(1, (uint32_t)found + 1);

    if (values == NULL)
        abort();
    http_get_header_values(kind, name, name_length, values, (uint32_t)found);
    *count = (uint32_t)(found >> 32);
    return values;
}

/* The first value of a header; NULL if there is none. */
static inline char *http_get(uint32_t kind, const char *name)
{
    uint32_t count;
    char *values = http_values(kind, name, &count);

    if (count == 0) {
        free(values);
        return NULL;
    }
    return values;
}

/* A whole body, terminated; *length without the terminator. */
static inline char *http_body(uint32_t kind, size_t *length)
{
    size_t room = 4096, used = 0;
    char *body = malloc(room + 1);
    uint64_t got = 0;

    while (body != NULL && got >> 32 == 0) {
        if (used == room) {
            room *= 2;
            body = realloc(body, room + 1);
            continue;
        }
        got = http_read_body(kind, body + used, (uint32_t)(room - used));
        used += (uint32_t)got;
    }
    if (body == NULL)
        abort();
    body[used] = '\0';
    *length = used;
    return body;
}

/* A variable of the server's; NULL if there is none, or none for guests. */
static inline char *http_variable(const char *name)
{
    uint32_t name_length = (uint32_t)strlen(name);
    uint64_t found = http_get_variable(name, name_length, NULL, 0);
    char *value;

    if (found >> 32 == 0)
        return NULL;
    value = calloc(1, (uint32_t)found + 1);
    if (value == NULL)
        abort();
    http_get_variable(name, name_length, value, (uint32_t)found);
    return value;
}

#endif
