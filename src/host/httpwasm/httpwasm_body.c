/* SPDX-License-Identifier: Apache-2.0
 * httpwasm_body.c — read_body and write_body.
 *
 * How:     The exchange has the streams. Here is which of them may be touched when, the rule that
 *          the first write of a phase begins a new body, and that a read fills its buffer unless
 *          the body ends: so a short one always carries the end, on which guests of the reference
 *          host rely. Between pieces the interruption is looked at, since a client may be slow for
 *          long.
 * Memory:  None; bytes go directly between the exchange and guest memory, which nothing in here can
 *          move.
 * Threads: as the store.
 */
#include "httpwasm_impl.h"

static bool body_of(uint64_t number, exchange_body *body)
{
    *body = (uint32_t)number == 0 ? EXCHANGE_REQUEST_BODY : EXCHANGE_RESPONSE_BODY;
    return (uint32_t)number <= 1;
}

static wasm_status check_read(const httpwasm_call *call, exchange_body body)
{
    const httpwasm *state = call->state;

    if (state->phase == HTTPWASM_REQUEST)
        return WASM_OK;
    if (body == EXCHANGE_REQUEST_BODY && !httpwasm_has(state, EXCHANGE_KEEPS_REQUEST))
        return httpwasm_refuse(call, "the request body is kept with buffer_request only");
    if (body == EXCHANGE_RESPONSE_BODY && !httpwasm_has(state, EXCHANGE_HOLDS_RESPONSE))
        return httpwasm_refuse(call, "the response body can be read with buffer_response only");
    return WASM_OK;
}

static wasm_status check_write(const httpwasm_call *call, exchange_body body)
{
    const httpwasm *state = call->state;

    if (state->phase == HTTPWASM_REQUEST)
        return WASM_OK;
    if (body == EXCHANGE_REQUEST_BODY)
        return httpwasm_refuse(call, "the request has gone on already");
    if (!httpwasm_has(state, EXCHANGE_HOLDS_RESPONSE))
        return httpwasm_refuse(call, "the response can be changed with buffer_response only");
    return WASM_OK;
}

/* (kind, buf, buf_limit) -> eof<<32 | len */
wasm_status httpwasm_read_body(httpwasm_call *call)
{
    const exchange_http *x = call->state->http;
    uint32_t limit = (uint32_t)call->slots[2], length = 0;
    exchange_body body;
    bool ended = false;
    uint8_t *to;
    wasm_status status;

    if (!body_of(call->slots[0], &body))
        return httpwasm_refuse(call, "there is no such kind of body");
    if (limit == 0)
        return httpwasm_refuse(call, "the buffer has no room");
    status = check_read(call, body);
    if (status != WASM_OK)
        return status;
    if (!guestmem_view(call->caller, (uint32_t)call->slots[1], limit, &to))
        return WASM_E_HOST_POINTER;
    while (length < limit && !ended) {
        size_t got = 0;

        if (wasm_store_interrupted(call->caller->store))
            break; /* the guest is stopped at its next step */
        status = x->read(x->baton, body, to + length, limit - length, &got);
        if (status != WASM_OK)
            return status;
        ended = got == 0;
        length += (uint32_t)got;
    }
    call->slots[0] = (uint64_t)ended << 32 | length;
    return WASM_OK;
}

/* (kind, body, body_len) */
wasm_status httpwasm_write_body(httpwasm_call *call)
{
    const exchange_http *x = call->state->http;
    exchange_text bytes;
    exchange_body body;
    bool first;
    wasm_status status;

    if (!body_of(call->slots[0], &body))
        return httpwasm_refuse(call, "there is no such kind of body");
    status = check_write(call, body);
    if (status == WASM_OK)
        status = httpwasm_take(call, (uint32_t)call->slots[1], (uint32_t)call->slots[2], &bytes);
    if (status != WASM_OK)
        return status;
    first = !call->state->written[body];
    call->state->written[body] = true;
    return x->write(x->baton, body, bytes.bytes, bytes.length, first);
}
