/* SPDX-License-Identifier: Apache-2.0
 * tool_plugin_check.c — a module is tried out before it can become a version of a plugin.
 *
 * How:     first what a server does when it loads it: decode, validate, prepare, recognise the ABI,
 *          find all imports. Then one call as a server would make it, with the limits that a server
 *          has by default and a longer deadline, since this machine may be busy compiling. What
 *          counts is that the guest gives an answer that can be sent: a status of 404 or 500 is
 *          one. A guest that traps, because a directory or a variable is missing that it will have
 *          in the server, can be given those (plugin_trial).
 *
 * Memory:  tool_plugin_check.h.
 * Threads: the main thread and the watchdog's.
 */
#include "tool_plugin_check.h"
#include "httpwasm.h"
#include "inspect_version.h"
#include "tool_kv.h"
#include "tool_plugin_http.h"
#include "tool_world.h"
#include "wasi.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { HEAD_BYTES = 65536, ANSWER_BYTES = 64 << 20 };

static bool refuse(plugin_candidate *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool refuse(plugin_candidate *c, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(c->why, sizeof c->why, format, args);
    va_end(args);
    return false;
}

/* ---- as a server loads it -------------------------------------------------------------------- */

/* Text of a module between quotation marks is shown as far as it is plain. */
static void copy_plain(char *to, size_t size, const char *text, size_t length)
{
    size_t i = 0;

    for (; i < length && i < size - 1; i++)
        to[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
    to[i] = '\0';
}

static bool link_check(plugin_candidate *c)
{
    wasm_module_info info;
    wasm_report report;
    wasm_extern_desc desc;
    char text[400], from[80], name[80];
    uint32_t missing;

    wasm_module_describe(c->module, &info);
    c->imports = calloc((size_t)info.import_count + 1, sizeof *c->imports);
    if (c->imports == NULL)
        return refuse(c, "out of memory");
    if (host_resolve(c->module, c->abi, c->imports, &report) != WASM_OK)
        return refuse(c, "it asks for a function in a form that it does not have: %s",
                      wasm_report_format(&report, text, sizeof text));
    missing = wasm_missing_import(c->module, c->imports);
    if (missing == UINT32_MAX || !wasm_module_import(c->module, missing, &desc))
        return true;
    copy_plain(from, sizeof from, desc.module, desc.module_length);
    copy_plain(name, sizeof name, desc.name, desc.name_length);
    return refuse(c, "it imports \"%s\" \"%s\", which a plugin cannot be given", from, name);
}

bool plugin_check_load(plugin_candidate *c, const uint8_t *bytes, size_t length)
{
    wasm_load_options options = {.quota = host_load_quota(length)};
    const char *hint = "";
    wasm_report report;
    char text[400];

    memset(c, 0, sizeof *c);
    memcpy(c->label, "-", sizeof "-");
    if (wasm_module_load(bytes, length, &options, &c->module, &report) != WASM_OK)
        return refuse(c, "%s: %s", wasm_class_name(wasm_status_class(report.status)),
                      wasm_report_format(&report, text, sizeof text));
    c->abi = host_detect_abi(c->module, &hint);
    if (hint != NULL && hint[0] != '\0')
        return refuse(c, "it is no guest that a server could speak to: %s", hint);
    return link_check(c);
}

void plugin_check_release(plugin_candidate *c)
{
    free(c->imports);
    wasm_module_free(c->module);
    c->imports = NULL;
    c->module = NULL;
}

/* ---- the exchange of the trial --------------------------------------------------------------- */

typedef struct answer {
    char head[HEAD_BYTES];
    size_t head_length; /* of what is in head, which may be the beginning of the body as well */
    size_t written;
} answer;

static wasm_status read_nothing(void *baton, void *buffer, size_t size, size_t *got)
{
    (void)baton;
    (void)buffer;
    (void)size;
    *got = 0;
    return WASM_OK;
}

static wasm_status take_output(void *baton, const void *bytes, size_t length)
{
    answer *a = baton;
    size_t part = length < HEAD_BYTES - a->head_length ? length : HEAD_BYTES - a->head_length;

    if (part > 0)
        memcpy(a->head + a->head_length, bytes, part);
    a->head_length += part;
    a->written += length;
    /* Who answers GET / with that much would go on for ever; the header is known by now. */
    return a->written <= ANSWER_BYTES ? WASM_OK : WASM_E_CLIENT_GONE;
}

static void drop_log(void *baton, exchange_level level, const char *text, size_t length)
{
    (void)baton;
    (void)level;
    (void)text;
    (void)length;
}

/* ---- cgi ------------------------------------------------------------------------------------- */

static const char *const request[] = {"GATEWAY_INTERFACE=CGI/1.1",
                                      "REQUEST_METHOD=GET",
                                      "SERVER_PROTOCOL=HTTP/1.1",
                                      "REQUEST_URI=/",
                                      "SCRIPT_NAME=",
                                      "PATH_INFO=/",
                                      "QUERY_STRING=",
                                      "REQUEST_SCHEME=http",
                                      "SERVER_NAME=localhost",
                                      "SERVER_PORT=80",
                                      "SERVER_ADDR=127.0.0.1",
                                      "SERVER_SOFTWARE=wasmserve",
                                      "REMOTE_ADDR=127.0.0.1",
                                      "HTTP_HOST=localhost"};
enum { REQUEST = sizeof request / sizeof request[0] };

/* Whether a header line can be sent: a token, a colon, and no control characters (RFC 9110 §5). */
static bool line_ok(const char *line, size_t length, bool *required)
{
    static const char *const names[] = {"Content-Type", "Location", "Status"};
    const char *colon = memchr(line, ':', length);
    size_t name = colon != NULL ? (size_t)(colon - line) : 0;

    for (size_t i = 0; i < length; i++)
        if ((unsigned char)line[i] < ' ' ? line[i] != '\t' : line[i] == 0x7F)
            return false;
    for (size_t i = 0; i < name; i++)
        if (line[i] == ' ' || strchr("()<>@,;\\\"/[]?={}", line[i]) != NULL)
            return false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        *required |= name == strlen(names[i]) && strncasecmp(line, names[i], name) == 0;
    return name > 0;
}

/* A complaint about what the guest wrote, or NULL. */
static const char *head_complaint(const answer *a)
{
    const char *at = a->head, *end = a->head + a->head_length;
    bool required = false;

    if (a->head_length == 0)
        return "it wrote no answer";
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t length;

        if (newline == NULL)
            break;
        length = (size_t)(newline - at);
        if (length > 0 && at[length - 1] == '\r')
            length--;
        if (length == 0)
            return required ? NULL : "its header has neither Content-Type, Location nor Status";
        if (!line_ok(at, length, &required))
            return "its header has a line that is none";
        at = newline + 1;
    }
    return "its header has no end";
}

/* ---- the sandbox ----------------------------------------------------------------------------- */

/* All that a trial needs, made together and released together. */
typedef struct sandbox {
    exchange world;
    grants given;
    const char **env;
    answer *answer;
    kv_guest kv;
    host_context context;
    wasm_watchdog *watchdog;
    wasm_store *store;
    wasm_instance *instance;
    wasm_report report;
} sandbox;

static void sandbox_close(sandbox *s)
{
    if (s->store != NULL)
        wasm_deadline_disarm(s->store);
    wasm_store_free(s->store);
    httpwasm_free(s->context.httpwasm);
    wasi_free(s->context.wasi);
    if (s->watchdog != NULL)
        wasm_watchdog_stop(s->watchdog);
    tool_kv_close(s->world.kv_baton);
    free(s->env);
    free(s->answer);
}

/* Everything but the instance; false with c->why. */
static bool sandbox_open(sandbox *s, plugin_candidate *c, const plugin_trial *trial)
{
    static const char *const argv[] = {"plugin"};
    wasm_limits limits = wasm_limits_default();
    wasi_options options = {.argv = argv, .argc = 1, .grants = &s->given, .exchange = &s->world};
    httpwasm_options http = {.exchange = &s->world,
                             .grants = &s->given,
                             .config = trial->config != NULL ? trial->config : "",
                             .config_length = trial->config_length};

    *s = (sandbox){.given = {.bits = GRANT_LOG | GRANT_CLOCK | GRANT_RANDOM | GRANT_KV,
                             .dirs = trial->dirs,
                             .dir_count = trial->dir_count}};
    s->env = calloc(REQUEST + trial->env_count, sizeof *s->env);
    s->answer = calloc(1, sizeof *s->answer);
    s->world = (exchange){.baton = s->answer,
                          .read_body = read_nothing,
                          .write_output = take_output,
                          .log = drop_log,
                          .clock = tool_read_clock,
                          .random = tool_fill_random,
                          .kv = &kv_store_exchange,
                          .kv_baton = tool_kv_open()};
    s->kv = (kv_guest){.exchange = &s->world, .grants = s->given.bits};
    s->context.kv = &s->kv;
    s->context.httpwasm = httpwasm_new(&http);
    if (s->env == NULL || s->answer == NULL || s->world.kv_baton == NULL ||
        s->context.httpwasm == NULL)
        return refuse(c, "out of memory");
    memcpy(s->env, request, sizeof request);
    for (size_t i = 0; i < trial->env_count; i++)
        s->env[REQUEST + i] = trial->env[i];
    options.env = s->env;
    options.env_count = REQUEST + trial->env_count;
    if (wasi_new(&options, &s->context.wasi, &s->report) != WASM_OK)
        return refuse(c, "%s", s->report.detail);
    limits.memory_bytes = trial->memory_bytes;
    s->store = wasm_store_new(&limits, &s->context);
    if (s->store == NULL || wasm_watchdog_start(&s->watchdog, &s->report) != WASM_OK)
        return refuse(c, "the sandbox for the call cannot be set up");
    wasm_deadline_arm(s->store, s->watchdog, trial->timeout_ms * 1000000);
    return true;
}

static bool failed(plugin_candidate *c, const sandbox *s)
{
    char text[400];

    return refuse(c, "called with GET /, it failed: %s",
                  wasm_report_format(&s->report, text, sizeof text));
}

/* ---- the trials ------------------------------------------------------------------------------ */

static wasm_status call_start(sandbox *s, const plugin_candidate *c)
{
    wasm_extern start;
    wasm_status status =
        wasm_instantiate(s->store, c->module, c->imports, &s->instance, &s->report);

    if (status != WASM_OK)
        return status;
    if (!wasm_instance_export(s->instance, "_start", 6, &start) || start.is_host)
        return WASM_E_USAGE;
    status = wasm_call(s->store, start.of.func, NULL, NULL);
    if (status != WASM_OK)
        s->report = *wasm_store_report(s->store);
    return status;
}

static bool try_cgi(plugin_candidate *c, sandbox *s)
{
    wasm_status status = call_start(s, c);
    uint32_t exit_code = status == WASM_E_EXIT ? wasi_exit_code(s->context.wasi) : 0;
    const char *complaint = head_complaint(s->answer);

    /* CLIENT_GONE: it was told to stop writing. */
    if (status != WASM_OK && status != WASM_E_EXIT && status != WASM_E_CLIENT_GONE)
        return failed(c, s);
    if (complaint != NULL)
        return refuse(c, "called with GET /, it gave no answer that can be sent: %s%s", complaint,
                      exit_code != 0 ? " (and an exit code)" : "");
    if (exit_code != 0)
        snprintf(c->note, sizeof c->note, "it ended with exit code %u after its answer", exit_code);
    return true;
}

static bool try_http_wasm(plugin_candidate *c, sandbox *s)
{
    httpwasm *guest = s->context.httpwasm;
    wasm_status status;
    bool next = false;

    /* What such a guest prints is no answer. */
    s->world.write_output = NULL;
    status = wasm_instantiate(s->store, c->module, c->imports, &s->instance, &s->report);
    if (status != WASM_OK)
        httpwasm_explain(guest, &s->report);
    else
        status = httpwasm_start(guest, s->store, s->instance, &s->report);
    if (status == WASM_OK)
        status = httpwasm_request(guest, &plugin_trial_http, &next, &s->report);
    if (status == WASM_OK && next)
        status = httpwasm_response(guest, false, &s->report);
    return status == WASM_OK || failed(c, s);
}

/* ---- the check ------------------------------------------------------------------------------- */

/* How a guest of each kind is tried. */
static const struct {
    host_abi abi;
    bool (*attempt)(plugin_candidate *c, sandbox *s);
} trials[] = {{HOST_ABI_CGI, try_cgi}, {HOST_ABI_HTTP_WASM, try_http_wasm}};

bool plugin_check_call(plugin_candidate *c, const plugin_trial *trial)
{
    char version[200];
    sandbox s;

    switch (inspect_version(c->module, version, sizeof version)) {
    case INSPECT_KNOWN: versions_make_label(version, c->label); break;
    case INSPECT_FAILED: snprintf(c->note, sizeof c->note, "%.199s", version); break;
    case INSPECT_NONE: break;
    }
    for (size_t i = 0; i < sizeof trials / sizeof trials[0]; i++) {
        if (trials[i].abi == c->abi) {
            bool good = !trial->call || (sandbox_open(&s, c, trial) && trials[i].attempt(c, &s));

            if (trial->call)
                sandbox_close(&s);
            return good;
        }
    }
    return refuse(c, "it is a guest for %s, which this version cannot run", host_abi_name(c->abi));
}
