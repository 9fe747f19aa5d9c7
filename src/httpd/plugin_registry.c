/* SPDX-License-Identifier: Apache-2.0
 * plugin_registry.c — <WasmServePlugin NAME>: which plugins there are, by server and name.
 *
 * How:     the section has a configuration vector of its own, made and filled the way httpd does it
 *          for <AuthnProviderAlias>; so each directive inside is parsed by the same row of
 *          settings.def as anywhere else, and the limits of a plugin are the limits in that
 *          vector's settings_dir. A virtual host sees the main server's plugins and may define
 *          others, also of the same name.
 *
 * Memory:  pconf. The one static pointer is set in pre_config, before the first directive is read,
 *          and constant once the configuration is read; children inherit it.
 * Threads: the configuration's; plugin_find and plugin_limits_of: any.
 */
#include "plugin.h"

#include <string.h>

#include "apr_hash.h"
#include "apr_lib.h"
#include "apr_strings.h"
#include "http_main.h"

#include "httpd_log.h"

struct use {
    const server_rec *server;
    const char *name, *directive;
    host_abi abi;
    const char *line;
};

static struct registry {
    apr_pool_t *pool;
    apr_array_header_t *plugins; /* of struct plugin * */
    apr_array_header_t *uses;    /* of struct use */
    bool users;                  /* WasmServeUserPlugins is On somewhere */
    apr_hash_t *by_server;       /* server_rec * → apr_hash_t of name → struct plugin * */
} * registry;

void plugin_registry_init(apr_pool_t *pconf)
{
    registry = apr_pcalloc(pconf, sizeof(*registry));
    registry->pool = pconf;
    registry->plugins = apr_array_make(pconf, 8, sizeof(struct plugin *));
    registry->uses = apr_array_make(pconf, 8, sizeof(struct use));
    registry->by_server = apr_hash_make(pconf);
}

/* Directives that mean something inside the section; all others are refused there, because they
 * would be parsed and never be looked at. */
static bool belongs_in_section(const char *directive)
{
#define IN_SECTION_ANYWHERE               false
#define IN_SECTION_NOT_HTACCESS           false
#define IN_SECTION_SERVER_ONLY            false
#define IN_SECTION_PLUGIN_ONLY            true
#define IN_SECTION_PLUGIN_OR_ANYWHERE     true
#define IN_SECTION_PLUGIN_OR_NOT_HTACCESS true
    static const struct {
        const char *directive;
        bool here;
    } known[] = {
#define SETTING(name, where, rec, field, kind, low, high, dflt, help) {#name, IN_SECTION_##where},
#include "settings.def"
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcasecmp(known[i].directive, directive) == 0) {
            return known[i].here;
        }
    }
    return false;
}

/* Letters, digits, '-', '_' and '.', at most 64: names go to logs, status pages and metrics. */
static const char *name_complaint(apr_pool_t *pool, const char *name)
{
    size_t length = strlen(name);
    bool good = length >= 1 && length <= 64;

    for (size_t i = 0; i < length; i++) {
        good = good && (apr_isalnum(name[i]) || strchr("-_.", name[i]) != NULL);
    }
    if (!good) {
        return apr_psprintf(pool,
                            "<WasmServePlugin>: \"%s\" is not a name: 1 to 64 letters, digits, "
                            "'-', '_' and '.'",
                            name);
    }
    if (strcasecmp(name, "none") == 0) {
        return "<WasmServePlugin>: \"none\" cannot be a name: WasmServeHandler none means that no "
               "plugin answers";
    }
    return NULL;
}

const char *plugin_section(cmd_parms *cmd, void *mconfig, const char *args)
{
    const char *end = ap_strrchr_c(args, '>'), *name, *complaint;
    ap_conf_vector_t *vector = ap_create_per_dir_config(cmd->pool);
    struct settings_dir *section = settings_create_dir(cmd->pool, NULL);
    apr_hash_t *names = apr_hash_get(registry->by_server, &cmd->server, sizeof(cmd->server));
    struct plugin *plugin, *earlier;

    (void)mconfig;
    if (end == NULL) {
        return "<WasmServePlugin> has no closing >";
    }
    args = apr_pstrmemdup(cmd->temp_pool, args, (apr_size_t)(end - args));
    name = ap_getword_conf(cmd->pool, &args);
    if (*args != '\0') {
        return "<WasmServePlugin> takes one name";
    }
    if ((complaint = name_complaint(cmd->pool, name)) != NULL) {
        return complaint;
    }
    if (names == NULL) {
        server_rec **key = apr_pmemdup(registry->pool, &cmd->server, sizeof(cmd->server));

        names = apr_hash_make(registry->pool);
        apr_hash_set(registry->by_server, key, sizeof(*key), names);
    }
    if ((earlier = apr_hash_get(names, name, APR_HASH_KEY_STRING)) != NULL) {
        return apr_psprintf(cmd->pool,
                            "<WasmServePlugin %s>: this server already has a plugin of that name, "
                            "defined at %s; choose another name",
                            name, earlier->line);
    }
    for (ap_directive_t *child = cmd->directive->first_child; child; child = child->next) {
        if (!belongs_in_section(child->directive)) {
            return apr_psprintf(cmd->pool,
                                "%s (line %d) has no meaning inside <WasmServePlugin %s>; move it "
                                "to where the plugin is used",
                                child->directive, child->line_num, name);
        }
    }
    plugin = apr_pcalloc(registry->pool, sizeof(*plugin));
    plugin->name = name;
    plugin->server = cmd->server;
    plugin->line =
        apr_psprintf(registry->pool, "%s:%d", cmd->directive->filename, cmd->directive->line_num);
    plugin->settings = settings_open_plugin(section, cmd->pool, name);
    ap_set_module_config(vector, &wasmserve_module, section);
    complaint = ap_walk_config(cmd->directive->first_child, cmd, vector);
    if (complaint != NULL) {
        return complaint;
    }
    plugin->scope = *section;
    apr_hash_set(names, plugin->name, APR_HASH_KEY_STRING, plugin);
    APR_ARRAY_PUSH(registry->plugins, struct plugin *) = plugin;
    return NULL;
}

void plugin_allow_users(void)
{
    registry->users = true;
}

bool plugin_users_allowed(void)
{
    return registry->users;
}

void plugin_note_use(const cmd_parms *cmd, const char *directive, host_abi abi, const char *name)
{
    struct use *use = apr_array_push(registry->uses);

    use->server = cmd->server;
    use->name = name;
    use->directive = directive;
    use->abi = abi;
    use->line =
        apr_psprintf(registry->pool, "%s:%d", cmd->directive->filename, cmd->directive->line_num);
}

const char *plugin_use_complaint(apr_pool_t *pool, const server_rec *s, const char *name,
                                 host_abi abi)
{
    const struct plugin *plugin = plugin_find(s, name);

    if (plugin == NULL) {
        return apr_psprintf(pool,
                            "there is no such plugin in this server; define it with "
                            "<WasmServePlugin %s> in the server configuration",
                            ap_escape_logitem(pool, name));
    }
    if (plugin->abi == HOST_ABI_UNKNOWN || plugin->abi == abi) {
        return NULL;
    }
    return abi == HOST_ABI_CGI
               ? "the plugin is a guest of http-wasm, which sees requests on their way; use it "
                 "with WasmServeFilter or Require wasmserve"
               : "the plugin is a cgi program, which answers requests; use it with "
                 "WasmServeHandler, or build it for http-wasm";
}

int plugin_check_uses(apr_pool_t *ptemp)
{
    int wrong = 0;

    for (int i = 0; i < registry->uses->nelts; i++) {
        const struct use *use = &APR_ARRAY_IDX(registry->uses, i, struct use);
        const char *complaint = plugin_use_complaint(ptemp, use->server, use->name, use->abi);

        if (complaint != NULL) {
            LOG_S(APLOG_STARTUP | APLOG_CRIT, 0, use->server, "%s: %s %s: %s", use->line,
                  use->directive, use->name, complaint);
            wrong++;
        }
    }
    return wrong;
}

struct plugin *plugin_find(const server_rec *s, const char *name)
{
    const server_rec *servers[] = {s, ap_server_conf};

    for (size_t i = 0; i < 2; i++) {
        apr_hash_t *names = apr_hash_get(registry->by_server, &servers[i], sizeof(servers[i]));
        struct plugin *plugin = names ? apr_hash_get(names, name, APR_HASH_KEY_STRING) : NULL;

        if (plugin != NULL) {
            return plugin;
        }
    }
    return NULL;
}

struct plugin *const *plugin_all(int *count)
{
    *count = registry->plugins->nelts;
    return (struct plugin *const *)registry->plugins->elts;
}

/* One limit; the order is said in the header. An unlimited one is INT64_MAX. */
static int64_t limit_of(const struct setting_limit *plugin, const struct setting_limit *scope,
                        const struct setting_limit *fallback)
{
    int64_t value = plugin->set ? plugin->admin : fallback->admin;

    if (scope->set && (scope->scoped || !plugin->set)) {
        value = scope->admin;
    }
    return scope->lowered && scope->user < value ? scope->user : value;
}

static bool is_raised(const struct setting_limit *plugin, const struct setting_limit *scope,
                      const struct setting_limit *fallback)
{
    struct setting_limit ceiling = *scope;

    ceiling.lowered = false;
    return scope->lowered && scope->user > limit_of(plugin, &ceiling, fallback);
}

const char *plugin_limits_raised(const struct plugin *plugin, const struct settings_dir *scope)
{
#define RAISED(field) is_raised(&plugin->scope.field, &scope->field, &settings_default_dir.field)
    return RAISED(memory)        ? "WasmServeMemory"
           : RAISED(timeout)     ? "WasmServeTimeout"
           : RAISED(stack)       ? "WasmServeStack"
           : RAISED(fuel)        ? "WasmServeFuel"
           : RAISED(body)        ? "WasmServeBody"
           : RAISED(concurrency) ? "WasmServeConcurrency"
                                 : NULL;
#undef RAISED
}

struct plugin_limits plugin_limits_of(const struct plugin *plugin, const struct settings_dir *scope)
{
    struct plugin_limits limits = {.store = wasm_limits_default()};
    int64_t value;

#define LIMIT(field) limit_of(&plugin->scope.field, &scope->field, &settings_default_dir.field)
    limits.store.budget = plugin_budget();
    limits.store.slots = plugin_slots();
    limits.store.memory_bytes = (uint64_t)LIMIT(memory);
    limits.store.stack_bytes = (size_t)LIMIT(stack);
    value = LIMIT(fuel);
    limits.store.fuel = value == SETTING_UNLIMITED ? WASM_FUEL_OFF : (uint64_t)value;
    limits.nanoseconds = (uint64_t)LIMIT(timeout) * 1000000;
    limits.body = (uint64_t)LIMIT(body);
    value = LIMIT(concurrency);
    limits.concurrency = value == SETTING_UNLIMITED ? UINT64_MAX : (uint64_t)value;
#undef LIMIT
    return limits;
}
