/* SPDX-License-Identifier: Apache-2.0
 * tool_plugin_http.c — the smallest request that there can be, for guests that look at requests.
 *
 * How:     what a guest changes, it does not see again. That is enough to find out whether it can
 *          be called at all; what it decides is not looked at.
 * Memory, threads: tool_plugin_http.h.
 */
#include "tool_plugin_http.h"

#include <string.h>

static exchange_text text(const char *string)
{
    return (exchange_text){.bytes = string, .length = strlen(string)};
}

static uint32_t enable(void *baton, uint32_t wanted)
{
    (void)baton;
    return wanted;
}

static exchange_text method(void *baton)
{
    (void)baton;
    return text("GET");
}

static exchange_text uri(void *baton)
{
    (void)baton;
    return text("/");
}

static exchange_text protocol(void *baton)
{
    (void)baton;
    return text("HTTP/1.1");
}

static exchange_text source(void *baton)
{
    (void)baton;
    return text("127.0.0.1:49152");
}

static uint32_t status(void *baton)
{
    (void)baton;
    return 200;
}

static wasm_status take_text(void *baton, exchange_text ignored)
{
    (void)baton;
    (void)ignored;
    return WASM_OK;
}

static wasm_status take_status(void *baton, uint32_t ignored)
{
    (void)baton;
    (void)ignored;
    return WASM_OK;
}

static bool field(void *baton, exchange_fields kind, size_t index, exchange_text *name,
                  exchange_text *value)
{
    (void)baton;
    *name = text(kind == EXCHANGE_REQUEST_FIELDS ? "Host" : "Content-Type");
    *value = text(kind == EXCHANGE_REQUEST_FIELDS ? "localhost" : "text/plain");
    return index == 0 && (kind == EXCHANGE_REQUEST_FIELDS || kind == EXCHANGE_RESPONSE_FIELDS);
}

static wasm_status take_field(void *baton, exchange_fields kind, exchange_change change,
                              exchange_text name, exchange_text value)
{
    (void)baton;
    (void)kind;
    (void)change;
    (void)name;
    (void)value;
    return WASM_OK;
}

static wasm_status read_nothing(void *baton, exchange_body body, void *buffer, size_t size,
                                size_t *got)
{
    (void)baton;
    (void)body;
    (void)buffer;
    (void)size;
    *got = 0;
    return WASM_OK;
}

static wasm_status take_body(void *baton, exchange_body body, const void *bytes, size_t length,
                             bool first)
{
    (void)baton;
    (void)body;
    (void)bytes;
    (void)length;
    (void)first;
    return WASM_OK;
}

static bool log_enabled(void *baton, exchange_level level)
{
    (void)baton;
    (void)level;
    return false;
}

static bool variable(void *baton, exchange_text name, exchange_text *value)
{
    (void)baton;
    (void)name;
    (void)value;
    return false;
}

static wasm_status take_variable(void *baton, exchange_text name, exchange_text value)
{
    (void)baton;
    (void)name;
    (void)value;
    return WASM_OK;
}

const exchange_http plugin_trial_http = {.enable = enable,
                                         .method = method,
                                         .uri = uri,
                                         .protocol = protocol,
                                         .source = source,
                                         .status = status,
                                         .set_method = take_text,
                                         .set_uri = take_text,
                                         .set_status = take_status,
                                         .field = field,
                                         .change_field = take_field,
                                         .read = read_nothing,
                                         .write = take_body,
                                         .log_enabled = log_enabled,
                                         .variable = variable,
                                         .set_variable = take_variable};
