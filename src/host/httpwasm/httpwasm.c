/* SPDX-License-Identifier: Apache-2.0
 * httpwasm.c — the life of a guest of the http-wasm ABI, and the table through which the engine
 * links its functions.
 *
 * How:     httpwasm_functions.def expands to one entry per row. An entry finds the state by the
 *          store's data, looks whether the function may be called at this time, and runs it. What
 *          is said in the interface as "the host panics" ends the guest's call with a status and a
 *          sentence, which goes into the report.
 * Memory:  One block for each instance.
 * Threads: as the store.
 */
#include "httpwasm_impl.h"
#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the table ---------------------------------------------------------------------------- */

enum { ALWAYS, REQUEST, BEFORE };

wasm_status httpwasm_refuse(const httpwasm_call *call, const char *why)
{
    call->state->complaint = why;
    return WASM_E_HOST_CALL;
}

bool httpwasm_granted(const httpwasm *state, uint32_t bit)
{
    return (state->grants->bits & bit) != 0;
}

bool httpwasm_has(const httpwasm *state, uint32_t feature)
{
    return (state->enabled & feature) != 0;
}

static wasm_status enter(wasm_caller *caller, uint64_t *slots, int when,
                         wasm_status (*function)(httpwasm_call *call))
{
    const host_context *context = wasm_store_data(caller->store);
    httpwasm_call call = {.caller = caller, .slots = slots};

    if (context == NULL || context->httpwasm == NULL)
        return WASM_E_DENIED;
    call.state = context->httpwasm;
    if (when != ALWAYS && call.state->phase != HTTPWASM_REQUEST &&
        call.state->phase != HTTPWASM_RESPONSE)
        return httpwasm_refuse(&call, "there is no request");
    if (when == BEFORE && call.state->phase != HTTPWASM_REQUEST)
        return httpwasm_refuse(&call, "the request has gone on already");
    return function(&call);
}

#define H(module, name, signature, grant, when)                                                    \
    static wasm_status enter_##name(wasm_caller *caller, uint64_t *slots)                          \
    {                                                                                              \
        return enter(caller, slots, when, httpwasm_##name);                                        \
    }
#include "httpwasm_functions.def"
#undef H

static const wasm_host_function functions[] = {
#define H(module, name, signature, grant, when) {#module, #name, signature, grant, enter_##name},
#include "httpwasm_functions.def"
#undef H
};

const wasm_host_function *httpwasm_functions(size_t *count)
{
    *count = sizeof functions / sizeof functions[0];
    return functions;
}

/* ---- what a module must export ------------------------------------------------------------ */

static bool is_named(const wasm_extern_desc *desc, const char *name)
{
    return desc->name_length == strlen(name) && memcmp(desc->name, name, desc->name_length) == 0;
}

static bool has_type(const wasm_functype *type, const char *signature)
{
    size_t at = 0;

    for (uint32_t i = 0; i < type->param_count; i++) {
        if (signature[at++] != (type->params[i] == WASM_I32 ? 'i' : '?'))
            return false;
    }
    if (signature[at++] != ':')
        return false;
    for (uint32_t i = 0; i < type->result_count; i++) {
        if (signature[at++] != (type->results[i] == WASM_I64 ? 'I' : '?'))
            return false;
    }
    return signature[at] == '\0';
}

const char *httpwasm_check(const wasm_module *module)
{
    static const struct {
        const char *name, *signature, *missing, *odd;
    } rows[] = {
        {"handle_request", ":I", "it exports no function handle_request",
         "its export handle_request is not of type () -> i64"},
        {"handle_response", "ii:", "it exports no function handle_response",
         "its export handle_response is not of type (i32, i32) -> ()"},
        {"_start", ":", NULL, "its export _start takes parameters or has results"},
        {"_initialize", ":", NULL, "its export _initialize takes parameters or has results"},
    };
    bool found[sizeof rows / sizeof rows[0]] = {false}, memory = false;
    wasm_extern_desc desc;

    for (uint32_t i = 0; wasm_module_export(module, i, &desc); i++) {
        if (desc.kind == WASM_EXTERN_MEMORY && is_named(&desc, "memory"))
            memory = true;
        for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
            if (desc.kind != WASM_EXTERN_FUNC || !is_named(&desc, rows[k].name))
                continue;
            if (!has_type(&desc.func, rows[k].signature))
                return rows[k].odd;
            found[k] = true;
        }
    }
    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        if (!found[k] && rows[k].missing != NULL)
            return rows[k].missing;
    }
    return memory ? NULL : "it does not export its memory under the name \"memory\"";
}

/* What a guest may have to initialize itself, in this order. */
static const char *const starts[] = {"_start", "_initialize"};
enum { STARTS = sizeof starts / sizeof starts[0] };

bool httpwasm_initializes(const wasm_module *module)
{
    wasm_module_info info;
    wasm_extern_desc desc;

    for (uint32_t i = 0; wasm_module_export(module, i, &desc); i++) {
        for (size_t k = 0; k < STARTS; k++) {
            if (desc.kind == WASM_EXTERN_FUNC && is_named(&desc, starts[k]))
                return true;
        }
    }
    wasm_module_describe(module, &info);
    return info.has_start;
}

/* ---- life --------------------------------------------------------------------------------- */

httpwasm *httpwasm_new(const httpwasm_options *options)
{
    static const grants nothing;
    httpwasm *state = calloc(1, sizeof *state);

    if (state == NULL)
        return NULL;
    state->exchange = options->exchange;
    state->grants = options->grants != NULL ? options->grants : &nothing;
    state->config = options->config;
    state->config_length = options->config_length;
    return state;
}

void httpwasm_free(httpwasm *state)
{
    free(state);
}

void httpwasm_explain(const httpwasm *state, wasm_report *report)
{
    size_t length = strlen(report->detail);

    if (report->status == WASM_E_HOST_CALL && state->complaint != NULL)
        snprintf(report->detail + length, sizeof report->detail - length, ": %s", state->complaint);
}

/* Calls, and on failure fills the report. */
static wasm_status call(httpwasm *state, wasm_func *function, const wasm_value *args,
                        wasm_value *results, wasm_report *report)
{
    wasm_status status;

    state->complaint = NULL;
    status = wasm_call(state->store, function, args, results);
    if (status != WASM_OK && report != NULL) {
        *report = *wasm_store_report(state->store);
        httpwasm_explain(state, report);
    }
    return status;
}

static wasm_func *export_of(wasm_instance *instance, const char *name)
{
    wasm_extern found;

    if (!wasm_instance_export(instance, name, strlen(name), &found) ||
        found.kind != WASM_EXTERN_FUNC || found.is_host)
        return NULL;
    return found.of.func;
}

static wasm_status find_exports(httpwasm *state, wasm_store *store, wasm_instance *instance)
{
    state->store = store;
    state->handle_request = export_of(instance, "handle_request");
    state->handle_response = export_of(instance, "handle_response");
    if (state->handle_request == NULL || state->handle_response == NULL)
        return WASM_E_USAGE; /* who makes the instance has asked httpwasm_check() before */
    return WASM_OK;
}

uint32_t httpwasm_initial_features(const httpwasm *state)
{
    return state->features;
}

wasm_status httpwasm_resume(httpwasm *state, wasm_store *store, wasm_instance *instance,
                            uint32_t features)
{
    state->features = features;
    return find_exports(state, store, instance);
}

wasm_status httpwasm_start(httpwasm *state, wasm_store *store, wasm_instance *instance,
                           wasm_report *report)
{
    wasm_status status = find_exports(state, store, instance);

    for (size_t i = 0; i < STARTS && status == WASM_OK; i++) {
        wasm_func *start = export_of(instance, starts[i]);

        if (start != NULL)
            status = call(state, start, NULL, NULL, report);
    }
    return status;
}

wasm_status httpwasm_request(httpwasm *state, const exchange_http *http, bool *next,
                             wasm_report *report)
{
    wasm_value result;
    wasm_status status;

    state->http = http;
    state->enabled = http->enable(http->baton, state->features);
    state->written[EXCHANGE_REQUEST_BODY] = state->written[EXCHANGE_RESPONSE_BODY] = false;
    state->phase = HTTPWASM_REQUEST;
    status = call(state, state->handle_request, NULL, &result, report);
    state->phase = HTTPWASM_BETWEEN;
    if (status == WASM_OK) {
        /* ctx_next: the low half says whether to go on, the high half comes back to us. */
        *next = (uint32_t)result.i64 != 0;
        state->context = (uint32_t)(result.i64 >> 32);
    }
    return status;
}

wasm_status httpwasm_response(httpwasm *state, bool is_error, wasm_report *report)
{
    wasm_value args[2] = {{.i32 = state->context}, {.i32 = is_error}};
    wasm_status status;

    state->written[EXCHANGE_REQUEST_BODY] = state->written[EXCHANGE_RESPONSE_BODY] = false;
    state->phase = HTTPWASM_RESPONSE;
    status = call(state, state->handle_response, args, NULL, report);
    state->phase = HTTPWASM_BETWEEN;
    return status;
}

void httpwasm_end(httpwasm *state)
{
    state->phase = HTTPWASM_OUTSIDE;
    state->http = NULL;
    state->enabled = 0;
    state->context = 0;
}

uint32_t httpwasm_features(const httpwasm *state)
{
    return state->enabled;
}

uint32_t httpwasm_missed_grants(const httpwasm *state)
{
    return state->missed;
}
