/* SPDX-License-Identifier: Apache-2.0
 * plugin_load.c — modules are read, checked and prepared, once, when the configuration is.
 *
 * How:     in check_config, which `apachectl configtest` runs as well, so that it finds what a
 *          start would find: files that are missing or no modules, digests that do not match,
 *          imports that nobody has, memory beyond the limit, granted directories that are not
 *          there. Every complaint is one line that names the directive's file and line, the
 *          module's file, the byte where there is one, and what to do. All plugins are looked at
 *          before the check fails.
 *
 * A module is prepared in the parent, before the fork; its pages are shared by all children of this
 * generation, whatever happens to the file on disk. Plugins with the same bytes share one.
 *
 * Where a plugin's module is from: with WasmServePluginDir, the version that is active there; where
 * there is none yet, or no such directory, the file that WasmServeModule names. A file that is
 * pinned by its digest is the plugin's module in any case: the pin is the administrator's word in
 * the configuration, and not for another tool to overrule.
 *
 * At start httpd reads the configuration twice, with this library unloaded in between, so that
 * modules are loaded twice; only the first time can a mistake be told on the terminal.
 *
 * Memory:  pconf, whose cleanup drops versions and modules; a file's bytes are held only while it
 *          is loaded. A module that is made to exhaust the loader is stopped by a quota in
 *          proportion to its size.
 * Threads: the one that reads the configuration.
 */
#include "plugin.h"

#include <string.h>

#include "apr_file_io.h"
#include "apr_strings.h"

#include "httpd_log.h"
#include "sha256.h"

#define CONFIG_MAX_BYTES (16 << 20) /* RATIONALE "Limits" */

struct loader {
    apr_pool_t *pconf, *ptemp;
    int wrong;
};

/* One complaint about a plugin. `line` is the directive's "file:line". */
static void complain(struct loader *loader, const struct plugin *plugin, const char *line,
                     apr_status_t rv, const char *text)
{
    LOG_S(APLOG_STARTUP | APLOG_CRIT, rv, plugin->server, "%s: plugin %s: %s", line, plugin->name,
          text);
    loader->wrong++;
}

static bool file_read(struct loader *loader, const struct plugin *plugin, apr_pool_t *pool,
                      const uint8_t **bytes, size_t *length)
{
    const struct setting_module *setting = &plugin->settings->module;
    apr_file_t *file;
    apr_finfo_t info;
    apr_status_t rv;
    uint8_t *buffer;

    rv = apr_file_open(&file, setting->path, APR_FOPEN_READ | APR_FOPEN_BINARY, APR_OS_DEFAULT,
                       pool);
    if (rv == APR_SUCCESS) {
        rv = apr_file_info_get(&info, APR_FINFO_TYPE | APR_FINFO_SIZE, file);
    }
    if (rv != APR_SUCCESS) {
        complain(loader, plugin, setting->line, rv,
                 apr_psprintf(loader->ptemp,
                              "cannot read the module %s; check the path of WasmServeModule "
                              "(relative to ServerRoot) and the permissions",
                              setting->path));
        return false;
    }
    if (info.filetype != APR_REG) {
        complain(loader, plugin, setting->line, 0,
                 apr_psprintf(loader->ptemp,
                              "the module %s is not a regular file; WasmServeModule "
                              "names one .wasm file",
                              setting->path));
        return false;
    }
    if (info.size > (apr_off_t)VERSIONS_MODULE_BYTES) {
        complain(loader, plugin, setting->line, 0,
                 apr_psprintf(loader->ptemp,
                              "the module %s has %" APR_OFF_T_FMT
                              " bytes; more than %" APR_OFF_T_FMT " are not loaded",
                              setting->path, info.size, (apr_off_t)VERSIONS_MODULE_BYTES));
        return false;
    }
    buffer = apr_palloc(pool, (apr_size_t)info.size + 1);
    rv = apr_file_read_full(file, buffer, (apr_size_t)info.size, length);
    if (rv != APR_SUCCESS && !(APR_STATUS_IS_EOF(rv) && info.size == 0)) {
        complain(
            loader, plugin, setting->line, rv,
            apr_psprintf(loader->ptemp, "cannot read the module %s to its end", setting->path));
        return false;
    }
    *bytes = buffer;
    return true;
}

/* Compares with what is pinned. */
static bool digest_check(struct loader *loader, const struct plugin *plugin, const char *found)
{
    const struct setting_module *setting = &plugin->settings->module;
    char wanted[SHA256_HEX_SIZE];

    sha256_write_hex(setting->digest, wanted);
    if (!setting->pinned || strcmp(found, wanted) == 0) {
        return true;
    }
    complain(
        loader, plugin, setting->line, 0,
        apr_psprintf(loader->ptemp,
                     "the module %s is not the one that WasmServeModule pins: it has sha256:%s, "
                     "not sha256:%s; put the right file there, or pin the new digest if the "
                     "change is wanted",
                     setting->path, found, wanted));
    return false;
}

wasm_tier plugin_tier(const server_rec *s)
{
    return SETTING_OF(server, settings_of_server(s), engine)->tier;
}

uint64_t plugin_memory_cap(const struct plugin *plugin)
{
    const struct settings_dir *server =
        ap_get_module_config(plugin->server->lookup_defaults, &wasmserve_module);

    return plugin_limits_of(plugin, server).store.memory_bytes;
}

const char *plugin_key(const struct plugin *plugin, apr_pool_t *pool)
{
    const server_rec *s = plugin->server;

    return apr_psprintf(pool, "%s %.80s:%d", plugin->name, s->is_virtual ? s->server_hostname : "",
                        s->is_virtual ? s->port : 0);
}

/* The version that the file of WasmServeModule is. */
static struct plugin_version *file_load(struct loader *loader, const struct plugin *plugin)
{
    const char *path = plugin->settings->module.path, *why = NULL;
    struct plugin_bytes from = {
        .path = path, .tier = plugin_tier(plugin->server), .abi = plugin->settings->abi.abi};
    struct plugin_module *module = NULL;
    char hex[SHA256_HEX_SIZE], word[200], label[VERSIONS_LABEL_SIZE] = "-";
    apr_pool_t *pool;

    apr_pool_create(&pool, loader->ptemp);
    if (file_read(loader, plugin, pool, &from.bytes, &from.length)) {
        sha256_hex(from.bytes, from.length, hex);
        from.hex = hex;
        from.quota = host_load_quota(from.length);
        if (digest_check(loader, plugin, hex)) {
            module = plugin_module_get(&from, loader->ptemp, &why);
        }
    }
    apr_pool_destroy(pool);
    if (why != NULL) {
        complain(loader, plugin, plugin->settings->module.line, 0,
                 apr_psprintf(loader->ptemp, "the module %s %s", path, why));
    }
    if (module == NULL) {
        return NULL;
    }
    if (versions_module_section(module->wasm, word, sizeof(word))) {
        versions_make_label(word, label);
    }
    return plugin_version_new(plugin, module, label);
}

/* The version that a plugin begins with; NULL with a complaint. */
static struct plugin_version *first_version(struct loader *loader, struct plugin *plugin)
{
    const struct setting_plugin_dir *dir = &settings_of_server(plugin->server)->plugin_dir;
    const struct setting_module *file = &plugin->settings->module;
    struct plugin_version *version = NULL;
    const char *why = "";

    if (dir->set && dir->path != NULL && !file->pinned) {
        if (!plugin_watch_open(plugin, dir->path, loader->pconf, loader->ptemp, &version, &why)) {
            complain(loader, plugin, dir->line, 0, why);
            return NULL;
        }
        if (version != NULL) {
            if (file->set) {
                LOG_S(APLOG_INFO, 0, plugin->server,
                      "%s: plugin %s: WasmServeModule is not used, because %s has an active "
                      "version of it",
                      file->line, plugin->name, dir->path);
            }
            return version;
        }
    }
    if (file->set) {
        return file_load(loader, plugin);
    }
    complain(loader, plugin, plugin->line, 0,
             *why != '\0' ? apr_psprintf(loader->ptemp,
                                         "there is no WasmServeModule in its section, and %s", why)
                          : "there is no WasmServeModule in its section; name the module's file");
    return NULL;
}

/* The memory that the module has from the beginning must be allowed, or no call can succeed. */
static void memory_check(struct loader *loader, const struct plugin *plugin)
{
    const struct plugin_module *module = plugin->current->module;
    const char *why = plugin_module_memory(module, plugin_memory_cap(plugin), loader->ptemp);

    if (why != NULL) {
        complain(loader, plugin,
                 plugin->settings->module.set ? plugin->settings->module.line : plugin->line, 0,
                 apr_psprintf(loader->ptemp, "the module %s %s", module->path, why));
    }
}

/* What is named must be there, whether a plugin takes from it or not. */
static void plugin_dirs_check(struct loader *loader, const server_rec *s)
{
    for (; s != NULL; s = s->next) {
        const struct setting_plugin_dir *dir = &settings_of_server(s)->plugin_dir;
        apr_finfo_t info;
        apr_status_t rv;

        if (!dir->set || dir->path == NULL) {
            continue;
        }
        rv = apr_stat(&info, dir->path, APR_FINFO_TYPE, loader->ptemp);
        if (rv != APR_SUCCESS || info.filetype != APR_DIR) {
            LOG_S(APLOG_STARTUP | APLOG_CRIT, rv, s,
                  "%s: WasmServePluginDir %s is %s; create it (`wasmserve plugin -d %s add NAME "
                  "FILE.wasm` does), or correct the path",
                  dir->line, dir->path, rv == APR_SUCCESS ? "not a directory" : "not accessible",
                  dir->path);
            loader->wrong++;
            return;
        }
    }
}

static void grants_check(struct loader *loader, struct plugin *plugin)
{
    const struct setting_grants *granted = &plugin->settings->grants;

    plugin->grants.bits = granted->bits;
    if (granted->dirs != NULL) {
        plugin->grants.dirs = (const grant_dir *)granted->dirs->elts;
        plugin->grants.dir_count = (size_t)granted->dirs->nelts;
    }
    for (size_t i = 0; i < plugin->grants.dir_count; i++) {
        const grant_dir *dir = &plugin->grants.dirs[i];
        apr_finfo_t info;
        apr_status_t rv = apr_stat(&info, dir->host, APR_FINFO_TYPE, loader->ptemp);

        if (rv != APR_SUCCESS || info.filetype != APR_DIR) {
            complain(loader, plugin, granted->line, rv,
                     apr_psprintf(loader->ptemp,
                                  "WasmServeGrant dir:%s:%s: %s is %s; create it, or correct the "
                                  "path",
                                  dir->host, dir->guest, dir->host,
                                  rv == APR_SUCCESS ? "not a directory" : "not accessible"));
        }
    }
    for (int i = 0; granted->env != NULL && i < granted->env->nelts; i++) {
        const struct setting_grant_env *env =
            &APR_ARRAY_IDX(granted->env, i, struct setting_grant_env);

        if (env->value == NULL && env->inherited == NULL) {
            LOG_S(APLOG_INFO, 0, plugin->server,
                  "%s: plugin %s: env:%s is not set in the server's environment; the guest has it "
                  "only where SetEnv or its like sets it for a request",
                  granted->line, plugin->name, env->name);
        }
    }
}

/* The granted environment of guests that outlive a request. */
static void env_make(struct loader *loader, struct plugin *plugin)
{
    const apr_array_header_t *granted = plugin->settings->grants.env;
    const char **env;

    if (granted == NULL) {
        return;
    }
    env = apr_palloc(loader->pconf, (size_t)granted->nelts * sizeof(*env));
    for (int i = 0; i < granted->nelts; i++) {
        const struct setting_grant_env *one = &APR_ARRAY_IDX(granted, i, struct setting_grant_env);
        const char *value = one->value ? one->value : one->inherited;

        if (value != NULL) {
            env[plugin->env_count++] = apr_pstrcat(loader->pconf, one->name, "=", value, NULL);
        }
    }
    plugin->env = env;
}

/* Reads what WasmServeConfig names. */
static void config_read(struct loader *loader, struct plugin *plugin)
{
    const struct setting_config *config = &plugin->settings->config;
    apr_file_t *file;
    apr_finfo_t info;
    apr_status_t rv;
    char *bytes;

    if (config->path == NULL) {
        plugin->config = config->text ? config->text : "";
        plugin->config_length = strlen(plugin->config);
        return;
    }
    rv = apr_file_open(&file, config->path, APR_FOPEN_READ | APR_FOPEN_BINARY, APR_OS_DEFAULT,
                       loader->ptemp);
    if (rv == APR_SUCCESS) {
        rv = apr_file_info_get(&info, APR_FINFO_TYPE | APR_FINFO_SIZE, file);
    }
    if (rv == APR_SUCCESS && (info.filetype != APR_REG || info.size > CONFIG_MAX_BYTES)) {
        complain(loader, plugin, config->line, 0,
                 apr_psprintf(loader->ptemp,
                              "WasmServeConfig @%s: it must be a regular file of at most %d bytes",
                              config->path, CONFIG_MAX_BYTES));
        return;
    }
    if (rv == APR_SUCCESS) {
        bytes = apr_palloc(loader->pconf, (apr_size_t)info.size + 1);
        rv = apr_file_read_full(file, bytes, (apr_size_t)info.size, &plugin->config_length);
        plugin->config = bytes;
        rv = APR_STATUS_IS_EOF(rv) ? APR_SUCCESS : rv;
        apr_file_close(file);
    }
    if (rv != APR_SUCCESS) {
        complain(loader, plugin, config->line, rv,
                 apr_psprintf(loader->ptemp,
                              "WasmServeConfig @%s: the file cannot be read; check the path "
                              "(relative to ServerRoot) and the permissions",
                              config->path));
    }
}

/* Directives that a guest of this ABI has no use for are mistakes. */
static void abi_settings_check(struct loader *loader, const struct plugin *plugin)
{
    const struct settings_plugin *settings = plugin->settings;

    if (plugin->abi != HOST_ABI_CGI) {
        return;
    }
    if (settings->config.set) {
        complain(loader, plugin, settings->config.line, 0,
                 "WasmServeConfig: a cgi program does not ask for a configuration; give it a "
                 "variable, WasmServeGrant env:NAME=VALUE");
    }
    if (settings->reuse.set && settings->reuse.requests != 1) {
        complain(loader, plugin, settings->reuse.line, 0,
                 "WasmServeReuse: a cgi program ends with its request and cannot be used again");
    }
    if (settings->snapshot.mode == SNAPSHOT_ON) {
        complain(
            loader, plugin, settings->snapshot.line, 0,
            "WasmServeSnapshot: a cgi program is over when it has started, so there is no state "
            "to begin with");
    }
}

/* `WasmServeEngine compiler` where there is no compiler is a mistake even without plugins. */
static void engine_check(struct loader *loader, const server_rec *s)
{
    static const uint8_t empty[] = {0, 'a', 's', 'm', 1, 0, 0, 0};

    for (; s != NULL; s = s->next) {
        const struct setting_engine *engine = &settings_of_server(s)->engine;
        wasm_load_options options = {.tier = engine->tier};
        wasm_module *module = NULL;
        wasm_report report;
        char text[400];

        if (!engine->set) {
            continue;
        }
        if (wasm_module_load(empty, sizeof(empty), &options, &module, &report) != WASM_OK) {
            LOG_S(APLOG_STARTUP | APLOG_CRIT, 0, s, "%s: WasmServeEngine: %s; %s", engine->line,
                  wasm_report_format(&report, text, sizeof(text)),
                  plugin_module_remedy(report.status));
            loader->wrong++;
            return;
        }
        wasm_module_free(module);
    }
}

/* For pconf: the next configuration begins without modules. */
static apr_status_t drop_all(void *data)
{
    struct plugin *const *plugins;
    int count;

    (void)data;
    plugins = plugin_all(&count);
    for (int i = 0; i < count; i++) {
        if (plugins[i]->current != NULL) {
            plugin_version_switch(plugins[i], NULL);
        }
    }
    plugin_version_sweep();
    return APR_SUCCESS;
}

int plugin_check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    struct loader loader = {pconf, ptemp, 0};
    struct plugin *const *plugins;
    int count;

    (void)plog;
    engine_check(&loader, s);
    plugin_dirs_check(&loader, s);
    loader.wrong += plugin_native_check(s) ? 0 : 1;
    apr_pool_cleanup_register(pconf, NULL, drop_all, apr_pool_cleanup_null);
    plugins = plugin_all(&count);
    for (int i = 0; i < count && loader.wrong < 100; i++) {
        struct plugin *plugin = plugins[i];

        grants_check(&loader, plugin);
        plugin->current = first_version(&loader, plugin);
        if (plugin->current == NULL) {
            continue;
        }
        plugin->abi = plugin->current->module->abi;
        plugin->idle = apr_pcalloc(pconf, sizeof(*plugin->idle));
        memory_check(&loader, plugin);
        abi_settings_check(&loader, plugin);
        config_read(&loader, plugin);
        env_make(&loader, plugin);
        LOG_S(APLOG_DEBUG, 0, plugin->server, "%s: plugin %s: %s, sha256:%s", plugin->line,
              plugin->current->title, plugin->current->module->path, plugin->current->module->hex);
    }
    loader.wrong += plugin_check_uses(ptemp);
    return loader.wrong == 0 ? OK : HTTP_INTERNAL_SERVER_ERROR;
}
