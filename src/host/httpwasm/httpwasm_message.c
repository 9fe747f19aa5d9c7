/* SPDX-License-Identifier: Apache-2.0
 * httpwasm_message.c — the functions about the message as a whole, and those that are about none:
 * method, URI, status; configuration, features, log; the variables of the server.
 *
 * Memory:  a guest's bytes are used where they lie, for the one call.
 * Threads: as the store.
 */
#include "httpwasm_impl.h"

#include <string.h>

wasm_status httpwasm_take(const httpwasm_call *call, uint32_t at, uint32_t length,
                          exchange_text *text)
{
    uint8_t *bytes;

    if (!guestmem_view(call->caller, at, length, &bytes))
        return WASM_E_HOST_POINTER;
    *text = (exchange_text){.bytes = (const char *)bytes, .length = length};
    return WASM_OK;
}

wasm_status httpwasm_give(const httpwasm_call *call, exchange_text text, uint32_t at,
                          uint32_t limit, uint64_t *length)
{
    *length = (uint32_t)text.length; /* of the server's own texts none comes near 4 GiB */
    if (text.length == 0 || text.length > limit)
        return WASM_OK;
    return guestmem_write(call->caller, at, text.bytes, (uint32_t)text.length)
               ? WASM_OK
               : WASM_E_HOST_POINTER;
}

/* ---- the request and the status ----------------------------------------------------------- */

/* (buf, buf_limit) -> len */
static wasm_status give_text(const httpwasm_call *call, exchange_text text)
{
    return httpwasm_give(call, text, (uint32_t)call->slots[0], (uint32_t)call->slots[1],
                         &call->slots[0]);
}

wasm_status httpwasm_get_method(httpwasm_call *call)
{
    const exchange_http *x = call->state->http;

    return give_text(call, x->method(x->baton));
}

wasm_status httpwasm_get_uri(httpwasm_call *call)
{
    const exchange_http *x = call->state->http;
    exchange_text uri = x->uri(x->baton);

    if (uri.length == 0)
        uri = (exchange_text){.bytes = "/", .length = 1};
    return give_text(call, uri);
}

wasm_status httpwasm_get_protocol_version(httpwasm_call *call)
{
    const exchange_http *x = call->state->http;

    return give_text(call, x->protocol(x->baton));
}

wasm_status httpwasm_get_source_addr(httpwasm_call *call)
{
    const exchange_http *x = call->state->http;

    return give_text(call, x->source(x->baton));
}

wasm_status httpwasm_set_method(httpwasm_call *call)
{
    const exchange_http *x = call->state->http;
    exchange_text method;
    wasm_status status =
        httpwasm_take(call, (uint32_t)call->slots[0], (uint32_t)call->slots[1], &method);

    if (status != WASM_OK)
        return status;
    if (method.length == 0)
        return httpwasm_refuse(call, "the method is empty");
    return x->set_method(x->baton, method);
}

wasm_status httpwasm_set_uri(httpwasm_call *call)
{
    const exchange_http *x = call->state->http;
    exchange_text uri;
    wasm_status status =
        httpwasm_take(call, (uint32_t)call->slots[0], (uint32_t)call->slots[1], &uri);

    if (status != WASM_OK)
        return status;
    if (uri.length == 0)
        uri = (exchange_text){.bytes = "/", .length = 1};
    return x->set_uri(x->baton, uri);
}

wasm_status httpwasm_get_status_code(httpwasm_call *call)
{
    const exchange_http *x = call->state->http;

    call->slots[0] = x->status(x->baton);
    return WASM_OK;
}

wasm_status httpwasm_set_status_code(httpwasm_call *call)
{
    const exchange_http *x = call->state->http;

    if (call->state->phase == HTTPWASM_RESPONSE &&
        !httpwasm_has(call->state, EXCHANGE_HOLDS_RESPONSE))
        return httpwasm_refuse(call, "the response can be changed with buffer_response only");
    return x->set_status(x->baton, (uint32_t)call->slots[0]);
}

/* ---- configuration and features ----------------------------------------------------------- */

wasm_status httpwasm_get_config(httpwasm_call *call)
{
    exchange_text config = {.bytes = call->state->config, .length = call->state->config_length};

    return give_text(call, config);
}

wasm_status httpwasm_enable_features(httpwasm_call *call)
{
    enum { KNOWN = EXCHANGE_KEEPS_REQUEST | EXCHANGE_HOLDS_RESPONSE | EXCHANGE_HAS_TRAILERS };
    httpwasm *state = call->state;
    uint32_t wanted = (uint32_t)call->slots[0] & KNOWN;

    switch (state->phase) {
    case HTTPWASM_OUTSIDE:
        /* For all requests of the instance; what one of them has, it is told when that begins. */
        state->features |= wanted;
        call->slots[0] = state->features;
        return WASM_OK;
    case HTTPWASM_REQUEST:
        state->enabled = state->http->enable(state->http->baton, state->enabled | wanted);
        break;
    case HTTPWASM_BETWEEN:
    case HTTPWASM_RESPONSE: break; /* too late to make a difference */
    }
    call->slots[0] = state->enabled;
    return WASM_OK;
}

/* ---- the log ------------------------------------------------------------------------------ */

/* The interface's levels are -1 (debug) to 2 (error), and 3 for none. */
static bool level_of(uint32_t number, exchange_level *level)
{
    switch ((int32_t)number) {
    case -1: *level = EXCHANGE_LOG_DEBUG; return true;
    case 0: *level = EXCHANGE_LOG_INFO; return true;
    case 1: *level = EXCHANGE_LOG_WARN; return true;
    case 2: *level = EXCHANGE_LOG_ERROR; return true;
    default: return false;
    }
}

static bool is_logged(const httpwasm *state, uint32_t number, exchange_level *level)
{
    const exchange_http *x = state->http;

    return httpwasm_granted(state, GRANT_LOG) && level_of(number, level) &&
           (x == NULL || x->log_enabled(x->baton, *level));
}

wasm_status httpwasm_log_enabled(httpwasm_call *call)
{
    exchange_level level;

    call->slots[0] = is_logged(call->state, (uint32_t)call->slots[0], &level);
    return WASM_OK;
}

wasm_status httpwasm_log(httpwasm_call *call)
{
    static const char hint[] = "the guest wrote to the log without the grant \"log\": it was "
                               "discarded";
    httpwasm *state = call->state;
    const exchange *x = state->exchange;
    exchange_level level;
    exchange_text text;
    wasm_status status;

    if (!httpwasm_granted(state, GRANT_LOG) && (state->missed & GRANT_LOG) == 0) {
        state->missed |= GRANT_LOG;
        x->log(x->baton, EXCHANGE_LOG_INFO, hint, sizeof hint - 1);
    }
    /* A line that nobody keeps is not looked at, not even at its pointer. */
    if (!is_logged(state, (uint32_t)call->slots[0], &level))
        return WASM_OK;
    status = httpwasm_take(call, (uint32_t)call->slots[1], (uint32_t)call->slots[2], &text);
    if (status == WASM_OK)
        x->log(x->baton, level, text.bytes, text.length);
    return status;
}

/* ---- variables ---------------------------------------------------------------------------- */

/* Not of http-wasm but ours, in a module of its own: what a message does not have, a field of it
 * must not pretend to be. (name, name_len, buf, buf_limit) -> found<<32 | len */
wasm_status httpwasm_get_variable(httpwasm_call *call)
{
    const exchange_http *x = call->state->http;
    exchange_text name, value;
    uint64_t length;
    wasm_status status =
        httpwasm_take(call, (uint32_t)call->slots[0], (uint32_t)call->slots[1], &name);

    if (status != WASM_OK)
        return status;
    if (!x->variable(x->baton, name, &value)) {
        call->slots[0] = 0;
        return WASM_OK;
    }
    status =
        httpwasm_give(call, value, (uint32_t)call->slots[2], (uint32_t)call->slots[3], &length);
    call->slots[0] = (uint64_t)1 << 32 | length;
    return status;
}

/* (name, name_len, value, value_len) */
wasm_status httpwasm_set_variable(httpwasm_call *call)
{
    const exchange_http *x = call->state->http;
    exchange_text name, value;
    wasm_status status =
        httpwasm_take(call, (uint32_t)call->slots[0], (uint32_t)call->slots[1], &name);

    if (status == WASM_OK)
        status = httpwasm_take(call, (uint32_t)call->slots[2], (uint32_t)call->slots[3], &value);
    return status == WASM_OK ? x->set_variable(x->baton, name, value) : status;
}
