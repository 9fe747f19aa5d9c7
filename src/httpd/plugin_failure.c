/* SPDX-License-Identifier: Apache-2.0
 * plugin_failure.c — what went wrong with a guest: the status for the client, the line for the log.
 *
 * This is the only place that turns a wasm_status into an HTTP status. The client learns no more
 * than that status, through ErrorDocument; the log says which plugin, which digest, why, and for a
 * trap in which function. RATIONALE "Which status for which failure?" has the reasons.
 *
 * Memory:  r->pool.
 * Threads: the request's.
 */
#include "plugin.h"

#include <string.h>

#include "apr_lib.h"
#include "apr_strings.h"

#include "httpd_log.h"

int plugin_failure_http(wasm_status status)
{
    static const struct {
        wasm_status status;
        int http;
    } exceptions[] = {
        {WASM_E_DEADLINE, HTTP_GATEWAY_TIME_OUT},     /* as mod_cgi for a script that is too slow */
        {WASM_E_NO_MEMORY, HTTP_SERVICE_UNAVAILABLE}, /* the machine's, not the guest's */
        {WASM_E_SYSTEM, HTTP_SERVICE_UNAVAILABLE},
    };

    for (size_t i = 0; i < sizeof(exceptions) / sizeof(exceptions[0]); i++) {
        if (exceptions[i].status == status) {
            return exceptions[i].http;
        }
    }
    switch (wasm_status_class(status)) {
    case WASM_CLASS_EXHAUSTED: return HTTP_SERVICE_UNAVAILABLE;
    case WASM_CLASS_NONE: return OK;
    case WASM_CLASS_MALFORMED:
    case WASM_CLASS_INVALID:
    case WASM_CLASS_LINK:
    case WASM_CLASS_TRAP:
    case WASM_CLASS_HOST:
    case WASM_CLASS_INTERNAL: break;
    }
    return HTTP_INTERNAL_SERVER_ERROR;
}

const struct setting_on_error *plugin_on_error(const struct plugin *plugin,
                                               const struct settings_dir *scope)
{
    if (scope->on_error.set && (scope->on_error.scoped || !plugin->scope.on_error.set)) {
        return &scope->on_error;
    }
    return SETTING_OF(dir, &plugin->scope, on_error);
}

int plugin_failure_status(const request_rec *r, const struct plugin *plugin, int http)
{
    const struct setting_on_error *wish = plugin_on_error(plugin, settings_of(r));

    return !wish->open && wish->status != 0 ? wish->status : http;
}

int plugin_failure_answer(request_rec *r, const struct plugin *plugin, int http)
{
    http = plugin_failure_status(r, plugin, http);
    if (http == HTTP_SERVICE_UNAVAILABLE) {
        apr_table_setn(r->err_headers_out, "Retry-After", "1");
    }
    return http;
}

const char *plugin_failure_hint(apr_pool_t *pool, const struct plugin_result *result)
{
    static const struct {
        uint32_t bit;
        const char *word;
    } words[] = {
        {GRANT_LOG, "log"}, {GRANT_CLOCK, "clock"}, {GRANT_RANDOM, "random"}, {GRANT_KV, "kv"}};
    const char *text = "";

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if ((result->missed_grants & words[i].bit) != 0) {
            text = apr_pstrcat(pool, text, text[0] == '\0' ? "; it had asked in vain for: " : ", ",
                               words[i].word, NULL);
        }
    }
    return text;
}

void plugin_failure_log_nonsense(request_rec *r, const struct plugin *plugin,
                                 const struct plugin_result *result, const char *nonsense,
                                 const char *consequence)
{
    LOG_R(APLOG_ERR, 0, r, "plugin %s: the guest's answer cannot be sent: %s%s%s; %s",
          plugin_title(r, plugin), nonsense,
          result->exit_code ? apr_psprintf(r->pool, " (exit code %u)", result->exit_code) : "",
          plugin_failure_hint(r->pool, result), consequence);
}

void plugin_failure_log(request_rec *r, const struct plugin *plugin,
                        const struct plugin_result *result, const char *consequence)
{
    char text[400];

    LOG_R(APLOG_ERR, 0, r, "plugin %s: %s [%s]%s%s; %s", plugin_title(r, plugin),
          wasm_report_format(&result->report, text, sizeof(text)), wasm_status_name(result->status),
          result->backtrace, plugin_failure_hint(r->pool, result), consequence);
}
