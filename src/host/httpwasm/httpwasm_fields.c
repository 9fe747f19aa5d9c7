/* SPDX-License-Identifier: Apache-2.0
 * httpwasm_fields.c — header fields and trailers: their names, their values, and changes.
 *
 * How:     The exchange gives one line after the other; what the interface wants, names without
 *          repetition, in lower case and sorted, or the values of one name, each ended by a NUL, is
 *          put together here, directly into guest memory once it is known to fit.
 * Memory:  One array for the names, for the time of the call; the exchange bounds how many lines
 *          there are.
 * Threads: as the store.
 */
#include "httpwasm_impl.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A name that is longer is none that a message has; a line as a whole is shorter. */
enum { NAME_BYTES = 8192 };

static bool kind_of(uint64_t number, exchange_fields *kind)
{
    switch ((uint32_t)number) {
    case 0: *kind = EXCHANGE_REQUEST_FIELDS; return true;
    case 1: *kind = EXCHANGE_RESPONSE_FIELDS; return true;
    case 2: *kind = EXCHANGE_REQUEST_TRAILERS; return true;
    case 3: *kind = EXCHANGE_RESPONSE_TRAILERS; return true;
    default: return false;
    }
}

static bool is_trailer(exchange_fields kind)
{
    return kind == EXCHANGE_REQUEST_TRAILERS || kind == EXCHANGE_RESPONSE_TRAILERS;
}

/* Line `index`; false beyond the last. Without the feature there are no trailers. */
static bool line_of(const httpwasm *state, exchange_fields kind, size_t index, exchange_text *name,
                    exchange_text *value)
{
    const exchange_http *x = state->http;

    if (is_trailer(kind) && !httpwasm_has(state, EXCHANGE_HAS_TRAILERS))
        return false;
    return x->field(x->baton, kind, index, name, value);
}

/* A name as the guest passes it; an empty one if it passes none that can be. */
static wasm_status take_name(const httpwasm_call *call, uint32_t at, uint32_t length,
                             exchange_text *name)
{
    *name = (exchange_text){.bytes = "", .length = 0};
    if (length == 0)
        return httpwasm_refuse(call, "the name of the header is empty");
    return httpwasm_take(call, at, length, name);
}

/* ---- names -------------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
    const exchange_text *one = a, *other = b;
    size_t shorter = one->length < other->length ? one->length : other->length;
    int order = strncasecmp(one->bytes, other->bytes, shorter);

    if (order != 0)
        return order;
    return one->length < other->length ? -1 : one->length > other->length;
}

/* All names, sorted and each once. The texts must outlive the calls that collect them, which those
 * of field names do: nothing changes meanwhile. */
static wasm_status collect_names(const httpwasm *state, exchange_fields kind, exchange_text **out,
                                 size_t *count)
{
    exchange_text *names = NULL, name, value;
    size_t room = 0, used = 0, unique = 0;

    while (line_of(state, kind, used, &name, &value)) {
        if (used == room) {
            exchange_text *grown;

            room = room ? 2 * room : 64;
            grown = realloc(names, room * sizeof *names);
            if (grown == NULL) {
                free(names);
                return WASM_E_NO_MEMORY;
            }
            names = grown;
        }
        names[used++] = name;
    }
    if (used > 0)
        qsort(names, used, sizeof *names, compare_names);
    for (size_t i = 0; i < used; i++) {
        if (i == 0 || compare_names(&names[unique - 1], &names[i]) != 0)
            names[unique++] = names[i];
    }
    *out = names;
    *count = unique;
    return WASM_OK;
}

static uint8_t lower(char c)
{
    return (uint8_t)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* (kind, buf, buf_limit) -> count<<32 | len */
wasm_status httpwasm_get_header_names(httpwasm_call *call)
{
    uint32_t at = (uint32_t)call->slots[1], limit = (uint32_t)call->slots[2];
    exchange_text *names = NULL;
    exchange_fields kind;
    uint64_t length = 0;
    size_t count;
    wasm_status status;

    if (!kind_of(call->slots[0], &kind))
        return httpwasm_refuse(call, "there is no such kind of header");
    status = collect_names(call->state, kind, &names, &count);
    if (status != WASM_OK)
        return status;
    for (size_t i = 0; i < count; i++)
        length += names[i].length + 1;
    if (length > 0 && length <= limit) {
        uint8_t *to;

        if (!guestmem_view(call->caller, at, (uint32_t)length, &to)) {
            free(names);
            return WASM_E_HOST_POINTER;
        }
        for (size_t i = 0; i < count; i++) {
            for (size_t k = 0; k < names[i].length; k++)
                *to++ = lower(names[i].bytes[k]);
            *to++ = 0;
        }
    }
    free(names);
    call->slots[0] = (uint64_t)count << 32 | (uint32_t)length;
    return WASM_OK;
}

/* ---- values ------------------------------------------------------------------------------- */

static bool is_named(exchange_text name, exchange_text wanted)
{
    return name.length == wanted.length && strncasecmp(name.bytes, wanted.bytes, name.length) == 0;
}

/* Counts the values of a name and their bytes with NULs; with a place to write to, writes them. */
static uint64_t walk_values(const httpwasm *state, exchange_fields kind, exchange_text wanted,
                            uint8_t *to, uint64_t *count)
{
    exchange_text name, value;
    uint64_t length = 0;

    *count = 0;
    for (size_t i = 0; line_of(state, kind, i, &name, &value); i++) {
        if (!is_named(name, wanted))
            continue;
        if (to != NULL) {
            memcpy(to + length, value.bytes, value.length);
            to[length + value.length] = 0;
        }
        length += value.length + 1;
        (*count)++;
    }
    return length;
}

/* (kind, name, name_len, buf, buf_limit) -> count<<32 | len */
wasm_status httpwasm_get_header_values(httpwasm_call *call)
{
    uint32_t at = (uint32_t)call->slots[3], limit = (uint32_t)call->slots[4];
    exchange_text wanted;
    exchange_fields kind;
    uint64_t length, count;
    uint8_t *to;
    char name[NAME_BYTES];
    wasm_status status;

    if (!kind_of(call->slots[0], &kind))
        return httpwasm_refuse(call, "there is no such kind of header");
    status = take_name(call, (uint32_t)call->slots[1], (uint32_t)call->slots[2], &wanted);
    if (status != WASM_OK)
        return status;
    if (wanted.length > sizeof name) {
        call->slots[0] = 0;
        return WASM_OK;
    }
    /* A copy, because the guest may have its buffer over the name. */
    memcpy(name, wanted.bytes, wanted.length);
    wanted.bytes = name;
    length = walk_values(call->state, kind, wanted, NULL, &count);
    if (length > 0 && length <= limit) {
        if (!guestmem_view(call->caller, at, (uint32_t)length, &to))
            return WASM_E_HOST_POINTER;
        walk_values(call->state, kind, wanted, to, &count);
    }
    call->slots[0] = count << 32 | (uint32_t)length;
    return WASM_OK;
}

/* ---- changes ------------------------------------------------------------------------------ */

/* Who may be changed when: requests before they go on, responses while they are the guest's. */
static wasm_status check_change(const httpwasm_call *call, exchange_fields kind)
{
    const httpwasm *state = call->state;

    if (is_trailer(kind) && !httpwasm_has(state, EXCHANGE_HAS_TRAILERS))
        return httpwasm_refuse(call, "there are no trailers here, or they are not enabled");
    if (state->phase == HTTPWASM_REQUEST)
        return WASM_OK;
    if (kind == EXCHANGE_REQUEST_FIELDS || kind == EXCHANGE_REQUEST_TRAILERS)
        return httpwasm_refuse(call, "the request has gone on already");
    if (!httpwasm_has(state, EXCHANGE_HOLDS_RESPONSE))
        return httpwasm_refuse(call, "the response can be changed with buffer_response only");
    return WASM_OK;
}

/* (kind, name, name_len, value, value_len), the last two not for EXCHANGE_REMOVE */
static wasm_status change(const httpwasm_call *call, exchange_change what)
{
    const exchange_http *x = call->state->http;
    exchange_text name, value = {.bytes = "", .length = 0};
    exchange_fields kind;
    wasm_status status;

    if (!kind_of(call->slots[0], &kind))
        return httpwasm_refuse(call, "there is no such kind of header");
    status = check_change(call, kind);
    if (status == WASM_OK)
        status = take_name(call, (uint32_t)call->slots[1], (uint32_t)call->slots[2], &name);
    if (status == WASM_OK && what != EXCHANGE_REMOVE)
        status = httpwasm_take(call, (uint32_t)call->slots[3], (uint32_t)call->slots[4], &value);
    return status == WASM_OK ? x->change_field(x->baton, kind, what, name, value) : status;
}

wasm_status httpwasm_set_header_value(httpwasm_call *call)
{
    return change(call, EXCHANGE_SET);
}

wasm_status httpwasm_add_header_value(httpwasm_call *call)
{
    return change(call, EXCHANGE_ADD);
}

wasm_status httpwasm_remove_header(httpwasm_call *call)
{
    return change(call, EXCHANGE_REMOVE);
}
