/* SPDX-License-Identifier: Apache-2.0
 * fake_http.h — a request and its response without a server, beside fake_guest.h's guest without
 * code: for tests of the host functions that look at messages.
 *
 * How:     Everything lies in fixed arrays; what does not fit is refused, as a server refuses what
 *          exceeds its limits. http_open() makes the guest and a state that is in handle_request;
 *          the test changes the phase by hand.
 * Memory:  http_open() to http_close().
 * Threads: one.
 */
#ifndef FAKE_HTTP_H
#define FAKE_HTTP_H

#include "fake_guest.h"
#include "httpwasm.h"
#include "httpwasm_impl.h"

#include <strings.h>

enum { FAKE_FIELDS = 32, FAKE_TEXT = 128, FAKE_BODY = 4096 };

typedef struct fake_text {
    char bytes[FAKE_TEXT];
    size_t length;
} fake_text;

typedef struct fake_field {
    fake_text name, value;
} fake_field;

typedef struct fake_http {
    fake_guest guest; /* its stdio is not used here, its log is */
    httpwasm *state;
    exchange_http http;
    uint32_t offers; /* features it has; those that are on: */
    uint32_t on;
    fake_text method, uri;
    uint32_t status;
    fake_field fields[4][FAKE_FIELDS];
    size_t count[4];
    struct {
        char bytes[FAKE_BODY];
        size_t length, read;
        unsigned begun; /* how often it was replaced */
        size_t piece;   /* most bytes in one read; 0: as many as asked for */
    } body[2];
    fake_field variables[FAKE_FIELDS];
    size_t variable_count;
    bool quiet; /* lines below error are not kept */
} fake_http;

static bool fake_assign(fake_text *to, exchange_text from)
{
    if (from.length > FAKE_TEXT)
        return false;
    memcpy(to->bytes, from.bytes, from.length);
    to->length = from.length;
    return true;
}

static exchange_text fake_view(const fake_text *text)
{
    return (exchange_text){.bytes = text->bytes, .length = text->length};
}

static exchange_text text_of(const char *string)
{
    return (exchange_text){.bytes = string, .length = strlen(string)};
}

static uint32_t fake_enable(void *baton, uint32_t wanted)
{
    fake_http *h = baton;

    h->on = wanted & h->offers;
    return h->on;
}

static bool fake_log_enabled(void *baton, exchange_level level)
{
    fake_http *h = baton;

    return !h->quiet || level == EXCHANGE_LOG_ERROR;
}

static exchange_text fake_method(void *baton)
{
    return fake_view(&((fake_http *)baton)->method);
}

static exchange_text fake_uri(void *baton)
{
    return fake_view(&((fake_http *)baton)->uri);
}

static exchange_text fake_protocol(void *baton)
{
    (void)baton;
    return text_of("HTTP/1.1");
}

static exchange_text fake_source(void *baton)
{
    (void)baton;
    return text_of("192.0.2.1:49152");
}

static uint32_t fake_status(void *baton)
{
    return ((fake_http *)baton)->status;
}

static wasm_status fake_set_method(void *baton, exchange_text method)
{
    return fake_assign(&((fake_http *)baton)->method, method) ? WASM_OK : WASM_E_HOST_FAILURE;
}

static wasm_status fake_set_uri(void *baton, exchange_text uri)
{
    return fake_assign(&((fake_http *)baton)->uri, uri) ? WASM_OK : WASM_E_HOST_FAILURE;
}

static wasm_status fake_set_status(void *baton, uint32_t status)
{
    if (status < 200 || status > 599)
        return WASM_E_HOST_FAILURE;
    ((fake_http *)baton)->status = status;
    return WASM_OK;
}

static bool fake_line(void *baton, exchange_fields kind, size_t index, exchange_text *name,
                      exchange_text *value)
{
    fake_http *h = baton;

    if (index >= h->count[kind])
        return false;
    *name = fake_view(&h->fields[kind][index].name);
    *value = fake_view(&h->fields[kind][index].value);
    return true;
}

static wasm_status fake_change(void *baton, exchange_fields kind, exchange_change change,
                               exchange_text name, exchange_text value)
{
    fake_http *h = baton;
    fake_field *list = h->fields[kind];
    size_t kept = 0;

    if (change != EXCHANGE_ADD) {
        for (size_t i = 0; i < h->count[kind]; i++) {
            if (list[i].name.length != name.length ||
                strncasecmp(list[i].name.bytes, name.bytes, name.length) != 0)
                list[kept++] = list[i];
        }
        h->count[kind] = kept;
    }
    if (change == EXCHANGE_REMOVE)
        return WASM_OK;
    if (h->count[kind] == FAKE_FIELDS || !fake_assign(&list[h->count[kind]].name, name) ||
        !fake_assign(&list[h->count[kind]].value, value))
        return WASM_E_HOST_FAILURE;
    h->count[kind]++;
    return WASM_OK;
}

static wasm_status fake_read_message(void *baton, exchange_body body, void *buffer, size_t size,
                                     size_t *got)
{
    fake_http *h = baton;
    size_t left = h->body[body].length - h->body[body].read, part = left < size ? left : size;

    if (h->guest.fail != WASM_OK)
        return h->guest.fail;
    if (h->body[body].piece != 0 && part > h->body[body].piece)
        part = h->body[body].piece;
    memcpy(buffer, h->body[body].bytes + h->body[body].read, part);
    h->body[body].read += part;
    *got = part;
    return WASM_OK;
}

static wasm_status fake_write_message(void *baton, exchange_body body, const void *bytes,
                                      size_t length, bool first)
{
    fake_http *h = baton;

    if (first) {
        h->body[body].length = h->body[body].read = 0;
        h->body[body].begun++;
    }
    if (length > FAKE_BODY - h->body[body].length)
        return WASM_E_HOST_FAILURE;
    memcpy(h->body[body].bytes + h->body[body].length, bytes, length);
    h->body[body].length += length;
    return WASM_OK;
}

static bool fake_variable(void *baton, exchange_text name, exchange_text *value)
{
    fake_http *h = baton;

    for (size_t i = 0; i < h->variable_count; i++) {
        const fake_field *v = &h->variables[i];

        if (v->name.length == name.length && memcmp(v->name.bytes, name.bytes, name.length) == 0) {
            *value = fake_view(&v->value);
            return true;
        }
    }
    return false;
}

static wasm_status fake_set_variable(void *baton, exchange_text name, exchange_text value)
{
    fake_http *h = baton;
    fake_field *v = &h->variables[h->variable_count];

    if (h->variable_count == FAKE_FIELDS || !fake_assign(&v->name, name) ||
        !fake_assign(&v->value, value))
        return WASM_E_HOST_FAILURE;
    h->variable_count++;
    return WASM_OK;
}

__attribute__((unused)) static void http_field(fake_http *h, exchange_fields kind, const char *name,
                                               const char *value)
{
    if (fake_change(h, kind, EXCHANGE_ADD, text_of(name), text_of(value)) != WASM_OK)
        abort(); /* the test itself is wrong */
}

__attribute__((unused)) static void http_body(fake_http *h, exchange_body body, const char *text)
{
    h->body[body].length = strlen(text);
    h->body[body].read = 0;
    memcpy(h->body[body].bytes, text, h->body[body].length);
}

/* A GET of / in handle_request, with the exchange's features on offer; those in `enabled` are on.
 */
__attribute__((unused)) static bool http_open(fake_http *h, uint32_t offers, uint32_t enabled,
                                              const char *config)
{
    memset(h, 0, sizeof *h);
    if (!guest_open(&h->guest))
        return false;
    h->offers = offers;
    h->status = 200;
    fake_assign(&h->method, text_of("GET"));
    fake_assign(&h->uri, text_of("/"));
    h->http = (exchange_http){.baton = h,
                              .enable = fake_enable,
                              .method = fake_method,
                              .uri = fake_uri,
                              .protocol = fake_protocol,
                              .source = fake_source,
                              .status = fake_status,
                              .set_method = fake_set_method,
                              .set_uri = fake_set_uri,
                              .set_status = fake_set_status,
                              .field = fake_line,
                              .change_field = fake_change,
                              .read = fake_read_message,
                              .write = fake_write_message,
                              .log_enabled = fake_log_enabled,
                              .variable = fake_variable,
                              .set_variable = fake_set_variable};
    h->state = httpwasm_new(&(httpwasm_options){.exchange = &h->guest.exchange,
                                                .grants = &h->guest.grants,
                                                .config = config,
                                                .config_length = strlen(config)});
    if (h->state == NULL)
        return false;
    h->guest.context.httpwasm = h->state;
    h->state->http = &h->http;
    h->state->phase = HTTPWASM_REQUEST;
    h->state->enabled = fake_enable(h, enabled);
    return true;
}

__attribute__((unused)) static void http_close(fake_http *h)
{
    httpwasm_free(h->state);
    guest_close(&h->guest);
}

/* Calls a row; the number of arguments must be that of its signature. What it answered, or
 * UINT64_MAX where the call ended the guest's (guest.status). */
__attribute__((unused)) static uint64_t http_call_row(fake_http *h, const char *name, size_t count,
                                                      const uint64_t *arguments)
{
    size_t rows;
    const wasm_host_function *row = httpwasm_functions(&rows);
    uint64_t slots[8] = {0};

    for (; rows > 0 && strcmp(row->name, name) != 0; rows--)
        row++;
    if (rows == 0 || strcspn(row->signature, ":") != count) {
        fprintf(stderr, "no function %s of %zu arguments\n", name, count);
        abort();
    }
    for (size_t i = 0; i < count; i++)
        slots[i] = (uint32_t)arguments[i];
    h->guest.status = row->call(&h->guest.caller, slots);
    return h->guest.status == WASM_OK ? slots[0] : UINT64_MAX;
}

/* http_call(&h, "get_uri", buf, limit) */
#define http_call(h, name, ...) http_call_row((h), (name), GUEST_ARGUMENTS(__VA_ARGS__))

#endif
