/* SPDX-License-Identifier: Apache-2.0
 * plugin_handler.c — a request is given to a plugin, and what follows.
 *
 * How:     fixups looks whether a WasmServeHandler is in force and sets r->handler; the handler
 *          hook then counts, admits, runs the guest and settles the answer:
 *
 *   guest ended well                    its answer; RFC 3875 §6.2 redirections
 *   failed, nothing was sent            WasmServeOnError: a status through ErrorDocument, or
 *                                       (open) the request once more, as if there were no plugin
 *   failed, a part was sent             a response that the client sees to be broken
 *   the client went away                nothing
 *
 * A plugin that failed does not answer its own error page, nor the request that `open` begins anew:
 * fixups passes it over in a request that came out of one it failed in.
 *
 * Memory:  r->pool.
 * Threads: the request's.
 */
#include "plugin.h"

#include <string.h>

#include "ap_mpm.h"
#include "apr_strings.h"
#include "http_core.h"
#include "http_protocol.h"
#include "http_request.h"

#include "exchange_httpd.h"
#include "httpd_log.h"
#include "plugin_environment.h"
#include "plugin_user.h"
#include "request_lines_filter.h"
#include "request_state.h"
#include "status_page.h"

int plugin_post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    struct plugin *const *plugins;
    int count, children = 0;
    bool wanted = false;

    (void)pconf;
    (void)plog;
    plugins = plugin_all(&count);
    for (int i = 0; i < count; i++) {
        wanted = wanted || plugins[i]->abi == HOST_ABI_HTTP_WASM;
    }
    request_lines_wanted(wanted);
    /* The first of two readings at start only checks; no child will count for it. */
    if ((count == 0 && !plugin_users_allowed()) ||
        ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK;
    }
    ap_mpm_query(AP_MPMQ_HARD_LIMIT_DAEMONS, &children);
    if (!counters_begin(s, ptemp, count, children > 0 ? children : 1, plugin_users_allowed())) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    for (int i = 0; i < count; i++) {
        plugins[i]->counters = counters_row(plugin_key(plugins[i], ptemp));
        if (plugins[i]->counters == NULL) {
            LOG_S(APLOG_CRIT, 0, s, "no room for the figures of plugin %s", plugins[i]->name);
            return HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    plugin_native_post_config(s);
    return plugin_kv_begin(s, ptemp) ? OK : HTTP_INTERNAL_SERVER_ERROR;
}

/* Whether the plugin has failed in a request that this one came out of: by a redirection, or as a
 * sub-request, such as mod_dir's for an index file. */
static bool failed_before(const request_rec *r, const struct plugin *plugin)
{
    for (; r != NULL; r = r->prev != NULL ? r->prev : r->main) {
        const struct request_state *state =
            ap_get_module_config(r->request_config, &wasmserve_module);

        if (state != NULL && state->plugin_over && state->plugin == plugin) {
            return true;
        }
    }
    return false;
}

/* Log formats look at the last of the requests that an internal redirection makes; the error page
 * of a plugin's failure is to be logged with that plugin. */
static void inherit_notes(request_rec *r)
{
    static const char *const names[] = {PLUGIN_NOTE, PLUGIN_NOTE_VERSION, PLUGIN_NOTE_OUTCOME};

    for (size_t i = 0; r->prev != NULL && i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = apr_table_get(r->prev->notes, names[i]);

        if (value != NULL && apr_table_get(r->notes, names[i]) == NULL) {
            apr_table_setn(r->notes, names[i], value);
        }
    }
}

int plugin_fixups(request_rec *r)
{
    const struct setting_handler *handler = &settings_of(r)->handler;
    struct request_state *state;
    const struct plugin *plugin;
    const char *complaint;
    const struct plugin_version *version;

    inherit_notes(r);
    if (!handler->set || handler->name == NULL) {
        return DECLINED;
    }
    /* TRACE is httpd's own business; CONNECT and the requests of a forward proxy have no path. */
    if (r->method_number == M_TRACE || r->method_number == M_CONNECT ||
        r->proxyreq == PROXYREQ_PROXY ||
        (r->handler != NULL && strcmp(r->handler, STATUS_HANDLER) == 0)) {
        return DECLINED;
    }
    if (handler->directory != NULL) {
        int http;

        plugin = plugin_user_of(r, handler, &http);
        if (plugin == NULL) {
            return http;
        }
    } else {
        complaint = plugin_use_complaint(r->pool, r->server, handler->name, HOST_ABI_CGI);
        if (complaint != NULL) {
            /* configtest has seen the server configuration, so this is from .htaccess. */
            LOG_R(APLOG_ERR, 0, r, "WasmServeHandler %s: %s; a file is named as ./%s",
                  ap_escape_logitem(r->pool, handler->name), complaint,
                  ap_escape_logitem(r->pool, handler->name));
            return HTTP_INTERNAL_SERVER_ERROR;
        }
        plugin = plugin_find(r->server, handler->name);
    }
    if (failed_before(r, plugin)) {
        return DECLINED;
    }
    state = request_state_of(r);
    state->plugin = plugin;
    state->kind = r->finfo.filetype;
    version = plugin_use(r, plugin);
    r->handler = PLUGIN_HANDLER;
    if (r->finfo.filetype == APR_DIR) {
        /* mod_dir's fixups, which come after this, would redirect to the path with a slash, or to
         * an index file; it looks at nothing but this. */
        r->finfo.filetype = APR_NOFILE;
    }
    /* Copies: the version may be gone when the request is logged. */
    apr_table_set(r->notes, PLUGIN_NOTE, version->label);
    if (version->name[0] != '\0') {
        apr_table_set(r->notes, PLUGIN_NOTE_VERSION, version->name);
    }
    apr_table_set(r->subprocess_env, "WASMSERVE_PLUGIN", version->label);
    return OK;
}

/* Answers in the plugin's stead. http is the status that belongs to the failure. */
static int answer_for(request_rec *r, const struct plugin *plugin, int http, bool body_untouched)
{
    if (plugin_on_error(plugin, settings_of(r))->open && body_untouched) {
        ap_internal_redirect(r->unparsed_uri, r);
        return OK;
    }
    return plugin_failure_answer(r, plugin, http);
}

/* What follows for the client, in the words of the log. */
static const char *consequence(request_rec *r, const struct plugin *plugin, int http,
                               bool body_untouched)
{
    const struct setting_on_error *wish = plugin_on_error(plugin, settings_of(r));

    if (wish->open && body_untouched) {
        return "going on without it";
    }
    return apr_psprintf(r->pool, "answered %d%s", plugin_failure_status(r, plugin, http),
                        wish->open ? " although WasmServeOnError is open: it had begun to read "
                                     "the request body"
                                   : "");
}

/* A failure before anything was sent. */
static int settle_unsent(request_rec *r, struct request_state *state, struct exchange_httpd *x,
                         const struct plugin_result *result, const char *nonsense)
{
    const struct plugin *plugin = state->plugin;
    bool untouched = x->body_read == 0;
    int http = nonsense ? HTTP_INTERNAL_SERVER_ERROR : plugin_failure_http(result->status);

    state->plugin_over = true;
    if (nonsense != NULL) {
        plugin_failure_log_nonsense(r, plugin, result, nonsense,
                                    consequence(r, plugin, http, untouched));
    } else {
        plugin_failure_log(r, plugin, result, consequence(r, plugin, http, untouched));
    }
    return answer_for(r, plugin, http, untouched);
}

/* The request, not the guest, was at fault, or a filter has answered already. */
static bool is_request_fault(const struct exchange_httpd *x, const struct plugin_result *result)
{
    return result->status == WASM_E_HOST_FAILURE && x->http_status != 0 && x->nonsense == NULL;
}

static int settle_failure(request_rec *r, struct request_state *state, struct exchange_httpd *x,
                          const struct plugin_result *result)
{
    const struct plugin *plugin = state->plugin;
    bool sent = exchange_httpd_fail(x);

    if (result->status == WASM_E_CLIENT_GONE) {
        counter_add(&plugin->counters->failed[result->status], 1);
        LOG_R(APLOG_DEBUG, 0, r, "plugin %s: stopped, because the client went away",
              plugin_title(r, plugin));
        r->connection->keepalive = AP_CONN_CLOSE;
        return sent ? OK : HTTP_BAD_REQUEST;
    }
    if (is_request_fault(x, result)) {
        counter_add(&plugin->counters->refused, 1);
        if (x->http_status != AP_FILTER_ERROR) {
            r->connection->keepalive = AP_CONN_CLOSE;
        }
        state->plugin_over = true;
        return sent && x->http_status != AP_FILTER_ERROR ? OK : x->http_status;
    }
    if (x->nonsense != NULL) {
        counter_add(&plugin->counters->nonsense, 1);
    } else {
        counter_add(&plugin->counters->failed[result->status], 1);
    }
    if (sent) {
        counter_add(&plugin->counters->cut, 1);
        plugin_failure_log(r, plugin, result, "the response was cut short");
        return OK;
    }
    return settle_unsent(r, state, x, result, x->nonsense);
}

/* The guest ended by itself. */
static int settle_end(request_rec *r, struct request_state *state, struct exchange_httpd *x,
                      const struct plugin_result *result)
{
    const struct plugin *plugin = state->plugin;
    const char *why;
    int http;

    if (x->head_done && result->exit_code != 0) {
        counter_add(&plugin->counters->exits, 1);
        LOG_R(APLOG_INFO, 0, r, "plugin %s: exit code %u after its answer", plugin_title(r, plugin),
              result->exit_code);
    }
    http = exchange_httpd_finish(x, &why);
    if (why == NULL) {
        counter_add(&plugin->counters->answered, 1);
        return http;
    }
    counter_add(result->exit_code != 0 && x->head_length == 0 ? &plugin->counters->mute
                                                              : &plugin->counters->nonsense,
                1);
    apr_table_setn(r->notes, PLUGIN_NOTE_OUTCOME, "NONSENSE");
    if (x->begun) {
        counter_add(&plugin->counters->cut, 1);
        LOG_R(APLOG_ERR, 0, r, "plugin %s: %s; the response was cut short", plugin_title(r, plugin),
              why);
        return http;
    }
    return settle_unsent(r, state, x, result, why);
}

static apr_status_t leave(void *data)
{
    counters_leave(data);
    return APR_SUCCESS;
}

/* The call was counted in, with the cleanup `leave`. */
static int run_and_settle(request_rec *r, struct request_state *state,
                          const struct plugin_limits *limits)
{
    const struct plugin *plugin = state->plugin;
    struct exchange_httpd *x = exchange_httpd_new(r, plugin_use(r, plugin)->voice, limits->body);
    const char *argv[] = {plugin->name};
    wasi_options process = {.argv = argv,
                            .argc = 1,
                            .grants = &plugin->grants,
                            .exchange = &x->callbacks,
                            .max_open = PLUGIN_OPEN_FILES};
    struct plugin_result result;
    const char *outcome = "ok";

    plugin_kv_give(plugin, &x->callbacks);
    process.env = plugin_environment(r, &settings_of(r)->handler, &plugin->settings->grants,
                                     state->kind, &process.env_count);
    plugin_run(r, plugin, limits, &process, exchange_httpd_set_store, &result);
    /* The call is over; what follows may be a redirection to the same plugin. */
    apr_pool_cleanup_run(r->pool, plugin->counters, leave);
    counter_add(&plugin->counters->bytes_in, x->body_read);
    counter_add(&plugin->counters->bytes_out, x->written);
    counter_add(&plugin->counters->guest_nanoseconds, result.guest_nanoseconds);
    counter_max(&plugin->counters->memory_peak, result.memory_peak);
    if (result.status != WASM_OK) {
        outcome = x->nonsense ? "NONSENSE" : wasm_status_name(result.status);
    }
    apr_table_setn(r->notes, PLUGIN_NOTE_OUTCOME, outcome);
    LOG_R(APLOG_TRACE1, 0, r,
          "plugin %s: %s, exit code %u, %" APR_UINT64_T_FMT " us of guest time, %" APR_UINT64_T_FMT
          " bytes of memory",
          plugin_title(r, plugin), outcome, result.exit_code, result.guest_nanoseconds / 1000,
          result.memory_peak);
    return result.status == WASM_OK ? settle_end(r, state, x, &result)
                                    : settle_failure(r, state, x, &result);
}

/* Whether the request says that its body is larger than the guest may get. */
static bool body_is_too_large(const request_rec *r, uint64_t limit)
{
    const char *text = apr_table_get(r->headers_in, "Content-Length");
    apr_off_t length;

    return text != NULL && r->main == NULL && ap_parse_strict_length(&length, text) &&
           (uint64_t)length > limit;
}

int plugin_handler(request_rec *r)
{
    struct request_state *state;
    const struct plugin *plugin;
    struct plugin_limits limits;
    const char *raised;

    if (r->handler == NULL || strcmp(r->handler, PLUGIN_HANDLER) != 0) {
        return DECLINED;
    }
    state = request_state_of(r);
    plugin = state->plugin;
    if (plugin == NULL) {
        /* SetHandler wasmserve-plugin, which names no plugin. */
        LOG_R(APLOG_ERR, 0, r,
              "the handler " PLUGIN_HANDLER " is set by WasmServeHandler NAME, "
              "not by SetHandler");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    limits = plugin_limits_of(plugin, settings_of(r));
    raised = plugin_limits_raised(plugin, settings_of(r));
    if (raised != NULL) {
        LOG_R(APLOG_INFO, 0, r,
              "%s of .htaccess is above the server's for plugin %s, and does not count", raised,
              plugin_title(r, plugin));
    }
    counter_add(&plugin->counters->requests, 1);
    if (body_is_too_large(r, limits.body)) {
        counter_add(&plugin->counters->refused, 1);
        LOG_R(APLOG_INFO, 0, r,
              "plugin %s: the request body is larger than the %" APR_UINT64_T_FMT
              " bytes of WasmServeBody",
              plugin_title(r, plugin), limits.body);
        state->plugin_over = true;
        /* Reading all of a body that is refused for its size would be the wrong thing to do. */
        r->connection->keepalive = AP_CONN_CLOSE;
        return HTTP_REQUEST_ENTITY_TOO_LARGE;
    }
    if (!plugin_can_run() || !counters_enter(plugin->counters, limits.concurrency)) {
        counter_add(&plugin->counters->busy, 1);
        LOG_R(APLOG_WARNING, 0, r, "plugin %s: %s", plugin_title(r, plugin),
              plugin_can_run() ? "WasmServeConcurrency is reached"
                               : "this child has no thread for deadlines");
        state->plugin_over = true;
        apr_table_setn(r->notes, PLUGIN_NOTE_OUTCOME, "busy");
        return answer_for(r, plugin, HTTP_SERVICE_UNAVAILABLE, true);
    }
    apr_pool_cleanup_register(r->pool, plugin->counters, leave, apr_pool_cleanup_null);
    return run_and_settle(r, state, &limits);
}
