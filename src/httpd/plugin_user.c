/* SPDX-License-Identifier: Apache-2.0
 * plugin_user.c — a request below an .htaccess with `WasmServeHandler ./hello.wasm`.
 *
 * How:     where WasmServeUserPlugins is On, the file is found and judged with every request
 *          (plugin_user_file.c: a few system calls), and its module taken from what this child has
 *          prepared (plugin_user_cache.c). The request then has a plugin like any other, made for
 *          it: no grants but the log, the limits of this place (which the .htaccess may have
 *          lowered), interpreted unless the administrator allows native code, and counted for the
 *          owner of the directory. A refusal is a 500 with a line in the log, whatever
 *          WasmServeOnError says: nothing was run, and what would be served instead could be the
 *          very file.
 *
 * Memory:  r->pool; the version is held until that is destroyed.
 * Threads: the request's.
 */
#include "plugin_user.h"

#include <string.h>
#include <unistd.h>

#include "apr_strings.h"

#include "httpd_log.h"
#include "request_state.h"

/* The one grant that needs nobody's word: its own lines in the error log. */
static const struct settings_plugin settings = {.grants = {.set = true, .bits = GRANT_LOG}};

/* What this request, or one that it came out of, has found out about the path already. */
static const struct request_state *asked_before(const request_rec *r, const char *path)
{
    for (; r != NULL; r = r->prev != NULL ? r->prev : r->main) {
        const struct request_state *state =
            ap_get_module_config(r->request_config, &wasmserve_module);

        if (state != NULL && state->user_path != NULL && strcmp(state->user_path, path) == 0) {
            return state;
        }
    }
    return NULL;
}

static const struct plugin *refuse(request_rec *r, const char *why, int status, int *http)
{
    LOG_R(status == HTTP_SERVICE_UNAVAILABLE ? APLOG_WARNING : APLOG_ERR, 0, r,
          "WasmServeHandler in .htaccess: %s; answered %d", why, status);
    apr_table_setn(r->notes, PLUGIN_NOTE_OUTCOME,
                   status == HTTP_SERVICE_UNAVAILABLE ? "busy" : "refused");
    if (status == HTTP_SERVICE_UNAVAILABLE) {
        apr_table_setn(r->err_headers_out, "Retry-After", "1");
    }
    *http = status;
    return NULL;
}

static apr_status_t let_go(void *data)
{
    plugin_version_release(data);
    return APR_SUCCESS;
}

/* The plugin that this request gets; its version is still to come. */
static struct plugin *plugin_new(request_rec *r, const char *name, const char *path, uid_t owner)
{
    struct plugin *plugin = apr_pcalloc(r->pool, sizeof(*plugin));

    plugin->name = name;
    plugin->path = path;
    plugin->server = r->server;
    plugin->line = "";
    plugin->settings = &settings;
    plugin->grants.bits = settings.grants.bits;
    plugin->counters = counters_owner(owner);
    return plugin;
}

const struct plugin *plugin_user_of(request_rec *r, const struct setting_handler *handler,
                                    int *http)
{
    const struct setting_user_plugins *allowed = SETTING_OF(dir, settings_of(r), user_plugins);
    const char *word = handler->name + (strncmp(handler->name, "./", 2) == 0 ? 2 : 0);
    const char *path = apr_pstrcat(r->pool, handler->directory, word, NULL), *why;
    const struct request_state *before = asked_before(r, path);
    struct request_state *state = request_state_of(r);
    struct plugin_version *version;
    struct user_wish wish = {.path = ap_escape_logitem(r->pool, path)};
    struct user_file file;
    struct plugin *plugin;
    enum user_answer answer;
    char text[USER_FILE_WHY];

    if (before != NULL) {
        *http = DECLINED;
        return before->user_plugin;
    }
    state->user_path = path;
    if (!allowed->on) {
        return refuse(r,
                      apr_psprintf(r->pool,
                                   "the module %s cannot be used, because WasmServeUserPlugins is "
                                   "Off here; the administrator can switch it on for a <Directory>",
                                   path),
                      HTTP_INTERNAL_SERVER_ERROR, http);
    }
    if (!user_file_open(handler->directory, handler->name, &file, text)) {
        return refuse(r, text, HTTP_INTERNAL_SERVER_ERROR, http);
    }
    plugin = plugin_new(r, handler->name, wish.path, file.owner);
    wish.file = &file;
    wish.plugin = plugin;
    wish.tier = allowed->native ? plugin_tier(r->server) : WASM_TIER_INTERPRETER;
    answer = user_cache_get(&wish, r->pool, &version, &why);
    close(file.fd);
    if (answer != USER_READY) {
        return refuse(r, why,
                      answer == USER_BUSY ? HTTP_SERVICE_UNAVAILABLE : HTTP_INTERNAL_SERVER_ERROR,
                      http);
    }
    plugin->current = version;
    apr_pool_cleanup_register(r->pool, version, let_go, apr_pool_cleanup_null);
    state->user_plugin = plugin;
    return plugin;
}
