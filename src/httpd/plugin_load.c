/* SPDX-License-Identifier: Apache-2.0
 * plugin_load.c — modules are read, checked and prepared, once, when the configuration is.
 *
 * How: in check_config, which `apachectl configtest` runs as well, so that it finds what a start
 * would find: files that are missing or no modules, digests that do not match, imports that nobody
 * has, memory beyond the limit, granted directories that are not there. Every complaint is one line
 * that names the directive's file and line, the module's file, the byte where there is one, and
 * what to do. All plugins are looked at before the check fails.
 *
 * A module is prepared in the parent, before the fork; its pages are shared by all children of this
 * generation, whatever happens to the file on disk. Plugins with the same bytes share one.
 * At start httpd reads the configuration twice, with this library unloaded in between, so that
 * modules are loaded twice; only the first time can a mistake be told on the terminal.
 *
 * Memory: pconf, whose cleanup frees the modules; a file's bytes are held only while it is loaded.
 * A module that is made to exhaust the loader is stopped by a quota in proportion to its size.
 * Threads: the one that reads the configuration.
 */
#include "plugin.h"

#include <string.h>

#include "apr_file_io.h"
#include "apr_strings.h"

#include "httpd_log.h"
#include "sha256.h"

/* RATIONALE "Limits". */
#define MODULE_MAX_BYTES ((apr_off_t)256 << 20)
#define QUOTA_BASE       ((size_t)16 << 20)
#define QUOTA_PER_BYTE   48
#define CONFIG_MAX_BYTES (16 << 20)

struct loader {
    apr_pool_t *pconf, *ptemp;
    struct plugin_module *modules; /* of this configuration */
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
    if (info.size > MODULE_MAX_BYTES) {
        complain(loader, plugin, setting->line, 0,
                 apr_psprintf(loader->ptemp,
                              "the module %s has %" APR_OFF_T_FMT
                              " bytes; more than %" APR_OFF_T_FMT " are not loaded",
                              setting->path, info.size, MODULE_MAX_BYTES));
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

static void hex_of(const unsigned char *digest, char *hex)
{
    ap_bin2hex(digest, PLUGIN_DIGEST_BYTES, hex);
}

/* Hashes the bytes, and compares with what is pinned. */
static bool digest_check(struct loader *loader, const struct plugin *plugin, const uint8_t *bytes,
                         size_t length, unsigned char *digest)
{
    const struct setting_module *setting = &plugin->settings->module;
    char found[2 * PLUGIN_DIGEST_BYTES + 1], wanted[2 * PLUGIN_DIGEST_BYTES + 1];
    sha256 hash;

    sha256_init(&hash);
    sha256_add(&hash, bytes, length);
    sha256_finish(&hash, digest);
    if (!setting->pinned || memcmp(digest, setting->digest, PLUGIN_DIGEST_BYTES) == 0) {
        return true;
    }
    hex_of(digest, found);
    hex_of(setting->digest, wanted);
    complain(
        loader, plugin, setting->line, 0,
        apr_psprintf(loader->ptemp,
                     "the module %s is not the one that WasmServeModule pins: it has sha256:%s, "
                     "not sha256:%s; put the right file there, or pin the new digest if the "
                     "change is wanted",
                     setting->path, found, wanted));
    return false;
}

static apr_status_t module_free(void *data)
{
    wasm_module_free(data);
    return APR_SUCCESS;
}

/* What to do about a module that the engine refuses. */
static const char *load_remedy(wasm_status status)
{
    switch (status) {
    case WASM_E_FEATURE:
    case WASM_E_ILLEGAL_OPCODE:
        return "compile it for WebAssembly 2.0 without SIMD, threads or later proposals";
    case WASM_E_COMPONENT:
        return "plugins are core modules (WASI preview 1); take the core module inside, or compile "
               "for wasm32-wasip1";
    case WASM_E_MAGIC: return "is this a .wasm file?";
    case WASM_E_QUOTA: return "it asks for far more memory than a module of its size needs";
    case WASM_E_NO_COMPILER: return "write WasmServeEngine auto or interpreter";
    default: break;
    }
    switch (wasm_status_class(status)) {
    case WASM_CLASS_MALFORMED: return "the file is damaged or cut short; build or copy it again";
    case WASM_CLASS_INVALID: return "the tool that made it is at fault; build it again";
    default: return "see the reason before this";
    }
}

/* Links the module with the functions of WASI and of its ABI, once for all calls. */
static bool imports_check(struct loader *loader, const struct plugin *plugin,
                          struct plugin_module *module)
{
    static const struct {
        const wasm_host_function *(*functions)(size_t *count);
        host_abi abi; /* UNKNOWN: any */
    } tables[] = {{wasi_functions, HOST_ABI_UNKNOWN}, {httpwasm_functions, HOST_ABI_HTTP_WASM}};
    wasm_extern *imports =
        apr_pcalloc(loader->pconf, (module->info.import_count + 1) * sizeof(*imports));
    const char *line = plugin->settings->module.line;
    wasm_extern_desc desc;
    wasm_report report;
    char text[400];
    uint32_t missing;

    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        size_t count;
        const wasm_host_function *rows = tables[i].functions(&count);

        if (tables[i].abi != HOST_ABI_UNKNOWN && tables[i].abi != module->abi) {
            continue;
        }
        if (wasm_resolve(module->wasm, rows, count, imports, &report) != WASM_OK) {
            complain(loader, plugin, line, 0,
                     apr_psprintf(loader->ptemp,
                                  "the module %s asks for a function in a form that it does not "
                                  "have: %s; build it for WASI preview 1",
                                  module->path, wasm_report_format(&report, text, sizeof(text))));
            return false;
        }
    }
    missing = wasm_missing_import(module->wasm, imports);
    if (missing != UINT32_MAX && wasm_module_import(module->wasm, missing, &desc)) {
        complain(
            loader, plugin, line, 0,
            apr_psprintf(loader->ptemp,
                         "the module %s imports \"%s\" \"%s\", which a plugin cannot be given; "
                         "a %s",
                         module->path,
                         ap_escape_logitem(loader->ptemp, apr_pstrmemdup(loader->ptemp, desc.module,
                                                                         desc.module_length)),
                         ap_escape_logitem(loader->ptemp, apr_pstrmemdup(loader->ptemp, desc.name,
                                                                         desc.name_length)),
                         module->abi == HOST_ABI_CGI
                             ? "cgi guest imports functions of wasi_snapshot_preview1 alone"
                             : "http-wasm guest imports functions of http_handler, wasmserve and "
                               "wasi_snapshot_preview1 alone"));
        return false;
    }
    module->imports = imports;
    return true;
}

/* What the module is a guest of, as WasmServeABI says or as the module shows. */
static bool abi_check(struct loader *loader, const struct plugin *plugin,
                      struct plugin_module *module)
{
    const char *why = "", *remedy;
    host_abi found = host_detect_abi(module->wasm, &why);

    if (module->asked_abi == HOST_ABI_CGI && found == HOST_ABI_HTTP_WASM) {
        /* It says so, and may be right: a program with exports that it does not need. */
        wasm_extern_desc desc;

        why = "WasmServeABI says cgi, and it has no _start";
        for (uint32_t i = 0; wasm_module_export(module->wasm, i, &desc); i++) {
            if (desc.kind == WASM_EXTERN_FUNC && desc.name_length == 6 &&
                memcmp(desc.name, "_start", 6) == 0 && desc.func.param_count == 0 &&
                desc.func.result_count == 0) {
                found = HOST_ABI_CGI;
                why = "";
            }
        }
    } else if (module->asked_abi == HOST_ABI_HTTP_WASM && found != HOST_ABI_HTTP_WASM) {
        why = apr_psprintf(loader->ptemp, "WasmServeABI says http-wasm, and %s",
                           httpwasm_check(module->wasm));
    } else if (found == HOST_ABI_PROXY_WASM) {
        why = "it is a guest for proxy-wasm, which this version cannot run";
    }
    module->abi = found;
    if (why[0] == '\0') {
        return true;
    }
    remedy =
        found == HOST_ABI_HTTP_WASM || module->asked_abi == HOST_ABI_HTTP_WASM
            ? "an http-wasm guest exports memory, handle_request and handle_response"
            : "build it as a WASI preview 1 program (a command, with _start), or for http-wasm "
              "(handle_request and handle_response)";
    complain(loader, plugin, plugin->settings->module.line, 0,
             apr_psprintf(loader->ptemp, "the module %s cannot be a plugin: %s; %s", module->path,
                          why, remedy));
    return false;
}

/* Loads bytes that no earlier plugin has loaded. */
static struct plugin_module *module_make(struct loader *loader, const struct plugin *plugin,
                                         wasm_tier tier, const uint8_t *bytes, size_t length,
                                         const unsigned char *digest)
{
    const struct setting_module *setting = &plugin->settings->module;
    struct plugin_module *module = apr_pcalloc(loader->pconf, sizeof(*module));
    wasm_load_options options = {.quota = QUOTA_BASE + length * QUOTA_PER_BYTE, .tier = tier};
    wasm_report report;
    wasm_status status;
    char text[400];

    status = wasm_module_load(bytes, length, &options, &module->wasm, &report);
    if (status != WASM_OK) {
        complain(loader, plugin, setting->line, 0,
                 apr_psprintf(loader->ptemp, "the module %s cannot be used: %s; %s", setting->path,
                              wasm_report_format(&report, text, sizeof(text)),
                              load_remedy(status)));
        return NULL;
    }
    apr_pool_cleanup_register(loader->pconf, module->wasm, module_free, apr_pool_cleanup_null);
    module->path = setting->path;
    module->asked = tier;
    module->asked_abi = plugin->settings->abi.abi;
    memcpy(module->digest, digest, PLUGIN_DIGEST_BYTES);
    hex_of(digest, module->hex);
    wasm_module_describe(module->wasm, &module->info);
    if (!abi_check(loader, plugin, module) || !imports_check(loader, plugin, module)) {
        return NULL;
    }
    module->next = loader->modules;
    loader->modules = module;
    return module;
}

static struct plugin_module *module_load(struct loader *loader, const struct plugin *plugin)
{
    const struct settings_server *server = settings_of_server(plugin->server);
    wasm_tier tier = SETTING_OF(server, server, engine)->tier;
    unsigned char digest[PLUGIN_DIGEST_BYTES];
    struct plugin_module *module = NULL;
    const uint8_t *bytes;
    apr_pool_t *pool;
    size_t length;

    apr_pool_create(&pool, loader->ptemp);
    if (file_read(loader, plugin, pool, &bytes, &length) &&
        digest_check(loader, plugin, bytes, length, digest)) {
        module = loader->modules;
        while (module != NULL &&
               (module->asked != tier || module->asked_abi != plugin->settings->abi.abi ||
                memcmp(module->digest, digest, sizeof(digest)) != 0)) {
            module = module->next;
        }
        if (module == NULL) {
            module = module_make(loader, plugin, tier, bytes, length, digest);
        }
    }
    apr_pool_destroy(pool);
    return module;
}

/* The memory that the module has from the beginning must be allowed, or no call can succeed. */
static void memory_check(struct loader *loader, const struct plugin *plugin)
{
    const struct settings_dir *server =
        ap_get_module_config(plugin->server->lookup_defaults, &wasmserve_module);
    uint64_t cap = plugin_limits_of(plugin, server).store.memory_bytes, need = 0;
    wasm_bounds bounds;

    for (uint32_t i = 0; wasm_module_memory(plugin->module->wasm, i, &bounds); i++) {
        uint64_t bytes = wasm_bounds_bytes(&bounds);
        need = bytes > UINT64_MAX - need ? UINT64_MAX : need + bytes;
    }
    if (need > cap) {
        complain(loader, plugin, plugin->settings->module.line, 0,
                 apr_psprintf(loader->ptemp,
                              "the module %s begins with %" APR_UINT64_T_FMT
                              " bytes of memory, and WasmServeMemory allows %" APR_UINT64_T_FMT
                              "; set WasmServeMemory to at least %" APR_UINT64_T_FMT "K",
                              plugin->module->path, need, cap, need / 1024 + (need % 1024 != 0)));
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

    if (plugin->module->abi != HOST_ABI_CGI) {
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
                  wasm_report_format(&report, text, sizeof(text)), load_remedy(report.status));
            loader->wrong++;
            return;
        }
        wasm_module_free(module);
    }
}

int plugin_check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    struct loader loader = {pconf, ptemp, NULL, 0};
    struct plugin *const *plugins;
    int count;

    (void)plog;
    engine_check(&loader, s);
    plugins = plugin_all(&count);
    for (int i = 0; i < count && loader.wrong < 100; i++) {
        struct plugin *plugin = plugins[i];

        if (!plugin->settings->module.set) {
            complain(&loader, plugin, plugin->line, 0,
                     "there is no WasmServeModule in its section; name the module's file");
            continue;
        }
        grants_check(&loader, plugin);
        plugin->module = module_load(&loader, plugin);
        if (plugin->module == NULL) {
            continue;
        }
        plugin->label = apr_psprintf(pconf, "%s@%.12s", plugin->name, plugin->module->hex);
        plugin->idle = apr_pcalloc(pconf, sizeof(*plugin->idle));
        memory_check(&loader, plugin);
        abi_settings_check(&loader, plugin);
        config_read(&loader, plugin);
        env_make(&loader, plugin);
        LOG_S(APLOG_DEBUG, 0, plugin->server, "%s: plugin %s: %s, sha256:%s", plugin->line,
              plugin->name, plugin->module->path, plugin->module->hex);
    }
    loader.wrong += plugin_check_uses(ptemp);
    return loader.wrong == 0 ? OK : HTTP_INTERNAL_SERVER_ERROR;
}
