/* SPDX-License-Identifier: Apache-2.0
 * httpwasm_script.h — any sequence of calls of http-wasm's host functions, by a script: what the
 * fuzz targets of their groups (httpwasm_*_fuzz.c) share.
 *
 * How:     The input is a script. Its first bytes say what the exchange has and what is enabled;
 *          then each step is a function of the group, a change of the phase, or eight bytes for
 *          guest memory. Arguments are raw, or from a set of values that get far: places where
 *          texts lie ready, their lengths, kinds, the ends of memory.
 * Oracle:  The sanitizers, and after every call: the guest's memory has its size; the status is one
 *          that such a call may end with; a text that did not fit was not written; and what the
 *          phase forbids has not happened to the message, whatever the guest passed.
 * Memory:  one guest and one exchange for each script.
 * Threads: one.
 */
#ifndef HTTPWASM_SCRIPT_H
#define HTTPWASM_SCRIPT_H

#include "fake_http.h"

static void require(bool holds)
{
    if (!holds)
        abort();
}

typedef struct script {
    const uint8_t *at, *end;
} script;

static uint8_t take_byte(script *s)
{
    return s->at < s->end ? *s->at++ : 0;
}

static uint64_t take_word(script *s)
{
    uint64_t word = 0;

    for (int i = 0; i < 4; i++)
        word |= (uint64_t)take_byte(s) << (8 * i);
    return word;
}

/* Where things lie in guest memory. */
enum { TEXTS = 4096, STRIDE = 64, SPACE = 65536 };

static const char *const texts[] = {"host", "Set-Cookie",  "a",     "A",
                                    "GET",  "/x?y=%20",    "X-Y",   "value",
                                    "a, b", "REMOTE_USER", "hello", ""};
enum { TEXT_COUNT = sizeof texts / sizeof texts[0] };

static void lay_out(fake_http *h)
{
    for (uint32_t i = 0; i < TEXT_COUNT; i++)
        guest_put(&h->guest, TEXTS + i * STRIDE, texts[i], strlen(texts[i]));
    http_field(h, EXCHANGE_REQUEST_FIELDS, "Host", "example.test");
    http_field(h, EXCHANGE_REQUEST_FIELDS, "a", "1");
    http_field(h, EXCHANGE_REQUEST_FIELDS, "A", "2");
    http_field(h, EXCHANGE_RESPONSE_FIELDS, "Set-Cookie", "a=b");
    http_field(h, EXCHANGE_REQUEST_TRAILERS, "X-Y", "");
    http_body(h, EXCHANGE_REQUEST_BODY, "the body of the request");
    http_body(h, EXCHANGE_RESPONSE_BODY, "the body of the response");
    h->body[0].piece = 5;
}

static uint64_t take_argument(script *s)
{
    uint8_t how = take_byte(s);
    uint32_t pick = take_byte(s);

    switch (how % 6) {
    case 0: return take_word(s);
    case 1: return pick % 6; /* kinds, levels, features */
    case 2: return TEXTS + pick % TEXT_COUNT * STRIDE;
    case 3: return strlen(texts[pick % TEXT_COUNT]);
    case 4: return pick % 2 == 0 ? SPACE + pick : GUEST_MEMORY - pick;
    default: return (uint64_t)pick * 257;
    }
}

/* What of a message a guest may not change in handle_response, and not at all without a feature. */
typedef struct snapshot {
    fake_text method, uri;
    size_t request_fields, response_fields;
    unsigned request_begun, response_begun;
    uint32_t status;
} snapshot;

static snapshot take_snapshot(const fake_http *h)
{
    return (snapshot){.method = h->method,
                      .uri = h->uri,
                      .request_fields = h->count[EXCHANGE_REQUEST_FIELDS],
                      .response_fields = h->count[EXCHANGE_RESPONSE_FIELDS],
                      .request_begun = h->body[EXCHANGE_REQUEST_BODY].begun,
                      .response_begun = h->body[EXCHANGE_RESPONSE_BODY].begun,
                      .status = h->status};
}

static bool same_text(const fake_text *a, const fake_text *b)
{
    return a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0;
}

static void check_phase(const fake_http *h, const snapshot *before)
{
    httpwasm_phase phase = h->state->phase;
    snapshot after = take_snapshot(h);

    if (phase != HTTPWASM_REQUEST)
        require(same_text(&after.method, &before->method) && same_text(&after.uri, &before->uri) &&
                after.request_fields == before->request_fields &&
                after.request_begun == before->request_begun);
    if (phase == HTTPWASM_OUTSIDE || phase == HTTPWASM_BETWEEN ||
        (phase == HTTPWASM_RESPONSE && !httpwasm_has(h->state, EXCHANGE_HOLDS_RESPONSE)))
        require(after.response_fields == before->response_fields &&
                after.response_begun == before->response_begun && after.status == before->status);
}

static void set_phase(fake_http *h, uint8_t which)
{
    static const httpwasm_phase phases[] = {HTTPWASM_REQUEST, HTTPWASM_RESPONSE, HTTPWASM_REQUEST,
                                            HTTPWASM_OUTSIDE, HTTPWASM_BETWEEN};

    h->state->phase = phases[which % (sizeof phases / sizeof phases[0])];
    h->state->http = h->state->phase == HTTPWASM_OUTSIDE ? NULL : &h->http;
    h->state->written[0] = h->state->written[1] = false;
}

static void call_one(fake_http *h, script *s, const wasm_host_function *row)
{
    size_t parameters = strcspn(row->signature, ":");
    snapshot before = take_snapshot(h);
    uint64_t arguments[8], length;
    uint8_t *base;

    for (size_t i = 0; i < parameters; i++)
        arguments[i] = take_argument(s);
    http_call_row(h, row->name, parameters, arguments);
    require(h->guest.status == WASM_OK || h->guest.status == WASM_E_HOST_POINTER ||
            h->guest.status == WASM_E_HOST_CALL || h->guest.status == WASM_E_HOST_FAILURE);
    require(h->guest.status != WASM_E_HOST_CALL || h->state->complaint != NULL);
    require(wasm_memory_view(h->guest.instance, 0, &base, &length) && length == GUEST_MEMORY);
    check_phase(h, &before);
}

/* The targets. Each function of the table is of one, so that a new one is played without being
 * named anywhere; what is enabled matters to all. */
typedef enum script_group { GROUP_FIELDS = 1, GROUP_BODIES = 2, GROUP_MESSAGE = 4 } script_group;

static unsigned groups_of(const char *function)
{
    if (strcmp(function, "enable_features") == 0)
        return GROUP_FIELDS | GROUP_BODIES | GROUP_MESSAGE;
    if (strstr(function, "header") != NULL)
        return GROUP_FIELDS;
    return strstr(function, "body") != NULL ? GROUP_BODIES : GROUP_MESSAGE;
}

/* Plays a script with the functions of a group. */
static void play(script_group which, const uint8_t *data, size_t size)
{
    script s = {.at = data, .end = data + size};
    const wasm_host_function *group[32];
    size_t count, used = 0;
    const wasm_host_function *rows = httpwasm_functions(&count);
    fake_http h;

    for (size_t i = 0; i < count; i++) {
        require(used < sizeof group / sizeof group[0]);
        if ((groups_of(rows[i].name) & which) != 0)
            group[used++] = &rows[i];
    }
    require(http_open(&h, take_byte(&s) & 7, take_byte(&s) & 7, "a configuration"));
    h.guest.grants.bits = take_byte(&s) & GRANT_LOG;
    lay_out(&h);
    for (int steps = 0; steps < 200 && s.at < s.end; steps++) {
        uint8_t step = take_byte(&s);

        if (step < 200) {
            call_one(&h, &s, group[step % used]);
        } else if (step < 220) {
            set_phase(&h, take_byte(&s));
        } else {
            uint64_t value = take_word(&s);

            guest_put_u32(&h.guest, (uint32_t)take_word(&s) % (GUEST_MEMORY - 4), (uint32_t)value);
        }
    }
    http_close(&h);
}

#endif
