/* SPDX-License-Identifier: Apache-2.0
 * plugin_settings.c — parsers of the values that only the directives of plugins have.
 *
 * The words are product names (README, "Directives: plugins"). A complaint names the word, what is
 * allowed, and for a word that other hosts of WebAssembly know but this one does not, says so: an
 * administrator who copies a configuration should not have to guess whether he misspelt it.
 *
 * Memory and threads: see the header.
 */
#include "setting_types.h"

#include <stdlib.h>
#include <string.h>

#include "apr_fnmatch.h"
#include "apr_lib.h"
#include "apr_strings.h"
#include "http_config.h"

#include "plugin.h"
#include "plugin_environment.h"
#include "setting_number.h"

#define FILTERS_MAX 16 /* RATIONALE "Limits" */

static const char *where(const struct setting_input *in)
{
    const ap_directive_t *directive = in->cmd ? in->cmd->directive : NULL;

    return directive ? apr_psprintf(in->pool, "%s:%d", directive->filename, directive->line_num)
                     : "default";
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)apr_tolower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool digest_parse(const char *text, unsigned char *digest)
{
    static const char prefix[] = "sha256:";

    if (strncasecmp(text, prefix, sizeof(prefix) - 1) != 0) {
        return false;
    }
    text += sizeof(prefix) - 1;
    if (strlen(text) != 2 * PLUGIN_DIGEST_BYTES) {
        return false;
    }
    for (size_t i = 0; i < PLUGIN_DIGEST_BYTES; i++) {
        int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

        if (high < 0 || low < 0) {
            return false;
        }
        digest[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

static const char *module_parse(void *slot, const struct setting_input *in)
{
    struct setting_module value = {.set = true};

    if (in->argc > 2) {
        return "takes a path and, if it is to be pinned, sha256:HEX (quote a path with blanks)";
    }
    if (in->argc == 2) {
        if (!digest_parse(in->argv[1], value.digest)) {
            return apr_psprintf(in->temp,
                                "\"%s\" is not a digest: write sha256: and 64 hex digits, as "
                                "`sha256sum %s` shows them",
                                in->argv[1], in->argv[0]);
        }
        value.pinned = true;
    }
    value.path = ap_server_root_relative(in->pool, in->argv[0]);
    if (value.path == NULL) {
        return apr_psprintf(in->temp, "\"%s\" is not a valid path", in->argv[0]);
    }
    value.line = where(in);
    *(struct setting_module *)slot = value;
    return NULL;
}

static const char *abi_parse(void *slot, const struct setting_input *in)
{
    static const struct {
        const char *word;
        host_abi abi;
    } words[] = {
        {"auto", HOST_ABI_UNKNOWN}, {"cgi", HOST_ABI_CGI}, {"http-wasm", HOST_ABI_HTTP_WASM}};
    const char *word = in->argv[0];

    if (in->argc != 1) {
        return "takes one word: auto, cgi or http-wasm";
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(word, words[i].word) == 0) {
            *(struct setting_abi *)slot = (struct setting_abi){.set = true, .abi = words[i].abi};
            return NULL;
        }
    }
    if (strcasecmp(word, "proxy-wasm") == 0) {
        return "this version cannot speak proxy-wasm to a guest; it can speak cgi (a WASI preview "
               "1 program) and http-wasm, so write auto or one of these";
    }
    return apr_psprintf(in->temp, "\"%s\" is neither auto nor cgi nor http-wasm", word);
}

static const char *config_parse(void *slot, const struct setting_input *in)
{
    struct setting_config value = {.set = true, .line = where(in)};
    const char *word = in->argv[0];

    if (in->argc != 1) {
        return "takes one string, in quotes if it has blanks, or @FILE";
    }
    if (word[0] == '@') {
        value.path = ap_server_root_relative(in->pool, word + 1);
        if (value.path == NULL || word[1] == '\0') {
            return apr_psprintf(in->temp, "\"%s\": write @ and the path of a file", word);
        }
    } else {
        value.text = apr_pstrdup(in->pool, word);
    }
    *(struct setting_config *)slot = value;
    return NULL;
}

static const char *reuse_parse(void *slot, const struct setting_input *in)
{
    struct setting_reuse value = {.set = true, .requests = 1, .line = where(in)};
    const char *word = in->argv[0];

    if (in->argc != 1) {
        return "takes one word: request or a number";
    }
    if (strcasecmp(word, "request") != 0 &&
        (!setting_number_count(word, &value.requests) || value.requests < in->min ||
         value.requests > in->max)) {
        return apr_psprintf(in->temp,
                            "\"%s\" is neither request nor a number from %" APR_INT64_T_FMT
                            " to %" APR_INT64_T_FMT,
                            word, in->min, in->max);
    }
    *(struct setting_reuse *)slot = value;
    return NULL;
}

static const char *snapshot_parse(void *slot, const struct setting_input *in)
{
    struct setting_snapshot value = {.set = true, .mode = SNAPSHOT_AUTO, .line = where(in)};
    const char *word = in->argv[0];

    if (in->argc == 1 && strcasecmp(word, "on") == 0) {
        value.mode = SNAPSHOT_ON;
    } else if (in->argc == 1 && strcasecmp(word, "off") == 0) {
        value.mode = SNAPSHOT_OFF;
    } else if (in->argc != 1 || strcasecmp(word, "auto") != 0) {
        return "takes one word: Auto, On or Off";
    }
    *(struct setting_snapshot *)slot = value;
    return NULL;
}

/* NAME or NAME=VALUE, after "env:". */
static const char *grant_env_parse(struct setting_grants *granted, const struct setting_input *in,
                                   const char *text)
{
    const char *equals = strchr(text, '=');
    size_t length = equals ? (size_t)(equals - text) : strlen(text);
    struct setting_grant_env *env;
    const char *name, *inherited;

    for (size_t i = 0; i < length; i++) {
        if (!(apr_isalpha(text[i]) || text[i] == '_' || (i > 0 && apr_isdigit(text[i])))) {
            length = 0;
        }
    }
    if (length == 0) {
        return apr_psprintf(in->temp, "\"env:%s\": write env:NAME or env:NAME=VALUE", text);
    }
    name = apr_pstrmemdup(in->pool, text, length);
    if (plugin_environment_owns(name)) {
        return apr_psprintf(in->temp, "\"env:%s\": %s is always the request's own", text, name);
    }
    if (granted->env == NULL) {
        granted->env = apr_array_make(in->pool, 4, sizeof(struct setting_grant_env));
    }
    for (int i = 0; i < granted->env->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(granted->env, i, struct setting_grant_env).name, name) == 0) {
            return apr_psprintf(in->temp, "env:%s is granted twice", name);
        }
    }
    env = apr_array_push(granted->env);
    env->name = name;
    env->value = equals ? apr_pstrdup(in->pool, equals + 1) : NULL;
    inherited = equals ? NULL : getenv(name);
    env->inherited = inherited ? apr_pstrdup(in->pool, inherited) : NULL;
    return NULL;
}

/* Whether a guest's name of a directory is one that a path can begin with: absolute, no empty
 * member, no "." or "..". */
static bool guest_path_ok(const char *path)
{
    if (strcmp(path, "/") == 0) {
        return true;
    }
    while (*path == '/') {
        size_t length = strcspn(++path, "/");

        if (length == 0 || (length == 1 && path[0] == '.') ||
            (length == 2 && path[0] == '.' && path[1] == '.')) {
            return false;
        }
        path += length;
        if (*path == '\0') {
            return true;
        }
    }
    return false;
}

/* HOST:GUEST[:ro|rw], after "dir:". */
static const char *grant_dir_parse(struct setting_grants *granted, const struct setting_input *in,
                                   const char *text)
{
    char *copy = apr_pstrdup(in->pool, text);
    char *guest = strchr(copy, ':'), *mode;
    struct grant_dir *dir;
    const char *host;
    bool writable = false;

    if (guest != NULL) {
        *guest++ = '\0';
        mode = strchr(guest, ':');
        if (mode != NULL) {
            *mode++ = '\0';
            writable = strcmp(mode, "rw") == 0;
            if (!writable && strcmp(mode, "ro") != 0) {
                return apr_psprintf(in->temp, "\"dir:%s\": %s is neither ro nor rw", text, mode);
            }
        }
    }
    if (guest == NULL || copy[0] == '\0' || !guest_path_ok(guest)) {
        return apr_psprintf(in->temp,
                            "\"dir:%s\": write dir:HOST:GUEST or dir:HOST:GUEST:rw, where GUEST is "
                            "the absolute path under which the guest sees it, such as /data",
                            text);
    }
    host = ap_server_root_relative(in->pool, copy);
    if (host == NULL) {
        return apr_psprintf(in->temp, "\"dir:%s\": %s is not a valid path", text, copy);
    }
    if (granted->dirs == NULL) {
        granted->dirs = apr_array_make(in->pool, 2, sizeof(struct grant_dir));
    }
    for (int i = 0; i < granted->dirs->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(granted->dirs, i, struct grant_dir).guest, guest) == 0) {
            return apr_psprintf(in->temp, "\"dir:%s\": the guest already has a %s", text, guest);
        }
    }
    dir = apr_array_push(granted->dirs);
    dir->host = host;
    dir->guest = guest;
    dir->writable = writable;
    return NULL;
}

/* Nothing, or :SIZE, after "kv". */
static const char *grant_kv_parse(struct setting_grants *granted, const struct setting_input *in,
                                  const char *text)
{
    int64_t bytes = (int64_t)KV_BYTES_DEFAULT;

    if (text[0] != '\0' && (text[0] != ':' || !setting_number_size(text + 1, &bytes) ||
                            bytes < (int64_t)KV_BYTES_MIN || bytes > (int64_t)KV_BYTES_MAX)) {
        return apr_psprintf(in->temp,
                            "\"kv%s\": write kv or kv:SIZE, where SIZE is the size of the store, "
                            "from 64K to 1G (default: 1M)",
                            text);
    }
    granted->bits |= GRANT_KV;
    granted->kv_bytes = (size_t)bytes;
    return NULL;
}

/* Unlike other values a further line adds to those before it: a list of grants is often long. */
static const char *grants_parse(void *slot, const struct setting_input *in)
{
    struct setting_grants *granted = slot;

    for (int i = 0; i < in->argc; i++) {
        const char *word = in->argv[i], *complaint = NULL;

        if (strcmp(word, "log") == 0) {
            granted->bits |= GRANT_LOG;
        } else if (strcmp(word, "clock") == 0) {
            granted->bits |= GRANT_CLOCK;
        } else if (strcmp(word, "random") == 0) {
            granted->bits |= GRANT_RANDOM;
        } else if (strncmp(word, "env:", 4) == 0) {
            complaint = grant_env_parse(granted, in, word + 4);
        } else if (strncmp(word, "dir:", 4) == 0) {
            complaint = grant_dir_parse(granted, in, word + 4);
        } else if (strcmp(word, "kv") == 0 || strncmp(word, "kv:", 3) == 0) {
            complaint = grant_kv_parse(granted, in, word + 2);
        } else if (strncmp(word, "http:", 5) == 0) {
            complaint = apr_psprintf(in->temp,
                                     "\"%s\": this version cannot grant that; it has log, clock, "
                                     "random, env:NAME[=VALUE], dir:HOST:GUEST[:ro|rw] and "
                                     "kv[:SIZE]",
                                     word);
        } else {
            complaint = apr_psprintf(in->temp,
                                     "\"%s\" is not one of log, clock, random, env:NAME[=VALUE], "
                                     "dir:HOST:GUEST[:ro|rw], kv[:SIZE]",
                                     word);
        }
        if (complaint != NULL) {
            return complaint;
        }
    }
    granted->set = true;
    granted->line = where(in);
    return NULL;
}

static const char *on_error_parse(void *slot, const struct setting_input *in)
{
    struct setting_on_error value = {.set = true};
    const char *word = in->argv[0];

    value.scoped = in->cmd != NULL && in->cmd->path != NULL;
    if (in->argc != 1) {
        return "takes one word: closed, open or a status";
    }
    if (strcasecmp(word, "open") == 0) {
        value.open = true;
    } else if (strcasecmp(word, "closed") != 0) {
        if (strlen(word) != 3 || strspn(word, "0123456789") != 3 || word[0] < '4' ||
            word[0] > '5') {
            return apr_psprintf(
                in->temp, "\"%s\" is neither closed nor open nor a status from 400 to 599", word);
        }
        value.status = (int)strtol(word, NULL, 10);
    }
    *(struct setting_on_error *)slot = value;
    return NULL;
}

/* The path of a <Location> section that can be cut off a URL, without slashes at its end; NULL for
 * a pattern ("~ regex" or wildcards) and for an absolute URL. */
static const char *location_path(apr_pool_t *pool, const ap_directive_t *section)
{
    const char *args = section->args;
    char *path = ap_getword_conf(pool, &args);
    char *end = path + strlen(path);

    if (end > path && end[-1] == '>') {
        *--end = '\0';
    }
    if (path[0] != '/' || apr_fnmatch_test(path)) {
        return NULL;
    }
    while (end > path && end[-1] == '/') {
        *--end = '\0';
    }
    return path;
}

/* Which kind of section holds the directive: the innermost that is about places, passing over <If>
 * and its like. */
static void handler_mount(struct setting_handler *value, const struct setting_input *in)
{
    const ap_directive_t *section = in->cmd->directive->parent;

    value->mount = MOUNT_SERVER;
    for (; section != NULL; section = section->parent) {
        const char *name = section->directive;

        if (strcasecmp(name, "<Location") == 0) {
            value->location = location_path(in->pool, section);
            value->mount = value->location ? MOUNT_LOCATION : MOUNT_SERVER;
            return;
        }
        if (strcasecmp(name, "<LocationMatch") == 0) {
            return;
        }
        if (strncasecmp(name, "<Directory", 10) == 0 || strncasecmp(name, "<Files", 6) == 0) {
            value->mount = MOUNT_FILES;
            return;
        }
    }
}

static const char *handler_parse(void *slot, const struct setting_input *in)
{
    struct setting_handler value = {.set = true, .mount = MOUNT_FILES};

    if (in->argc != 1) {
        return "takes one name, or none";
    }
    if (strcasecmp(in->argv[0], "none") != 0) {
        value.name = apr_pstrdup(in->pool, in->argv[0]);
        if (strchr(value.name, '/') != NULL) {
            if (!in->htaccess) {
                return apr_psprintf(in->temp,
                                    "\"%s\" is a path, which only an .htaccess may name (see "
                                    "WasmServeUserPlugins); here, define a <WasmServePlugin NAME> "
                                    "with WasmServeModule %s and write its name",
                                    value.name, value.name);
            }
            value.directory = ap_make_dirstr_parent(in->pool, in->cmd->directive->filename);
        } else if (!in->htaccess && in->cmd != NULL) {
            handler_mount(&value, in);
            plugin_note_use(in->cmd, "WasmServeHandler", HOST_ABI_CGI, value.name);
        }
    }
    *(struct setting_handler *)slot = value;
    return NULL;
}

/* Whether the words are from where only a file's place in the file system leads to. */
static bool is_late(const struct setting_input *in)
{
    const ap_directive_t *section = in->cmd->directive->parent;

    for (; section != NULL && !in->htaccess; section = section->parent) {
        const char *name = section->directive;

        if (strncasecmp(name, "<Location", 9) == 0) {
            return false;
        }
        if (strncasecmp(name, "<Directory", 10) == 0 || strncasecmp(name, "<Files", 6) == 0 ||
            strncasecmp(name, "<Proxy", 6) == 0) {
            return true;
        }
    }
    return in->htaccess;
}

static const char *filter_parse(void *slot, const struct setting_input *in)
{
    struct setting_filter *value = slot;
    struct setting_names list = {.set = true, .count = in->argc};
    const char **names = apr_palloc(in->pool, (size_t)in->argc * sizeof(*names));

    if (in->argc == 1 && strcasecmp(in->argv[0], "none") == 0) {
        list.count = 0;
    }
    if (list.count > FILTERS_MAX) {
        return apr_psprintf(in->temp, "takes at most %d names", FILTERS_MAX);
    }
    for (int i = 0; i < list.count; i++) {
        if (strcasecmp(in->argv[i], "none") == 0) {
            return "none stands alone";
        }
        for (int k = 0; k < i; k++) {
            if (strcmp(in->argv[i], in->argv[k]) == 0) {
                return apr_psprintf(in->temp,
                                    "\"%s\" is named twice; a plugin filters a request "
                                    "once",
                                    in->argv[i]);
            }
        }
        names[i] = apr_pstrdup(in->pool, in->argv[i]);
        if (!in->htaccess && in->cmd != NULL) {
            plugin_note_use(in->cmd, "WasmServeFilter", HOST_ABI_HTTP_WASM, names[i]);
        }
    }
    list.names = names;
    value->set = true;
    *(in->cmd != NULL && is_late(in) ? &value->late : &value->early) = list;
    return NULL;
}

static const char *engine_parse(void *slot, const struct setting_input *in)
{
    struct setting_engine value = {.set = true};
    const char *word = in->argv[0];

    if (in->argc < 1 || in->argc > 2) {
        return "takes one word: auto, interpreter or compiler, and perhaps explicit behind it";
    }
    if (strcasecmp(word, "auto") == 0) {
        value.tier = WASM_TIER_AUTO;
    } else if (strcasecmp(word, "interpreter") == 0) {
        value.tier = WASM_TIER_INTERPRETER;
    } else if (strcasecmp(word, "compiler") == 0) {
        value.tier = WASM_TIER_COMPILER;
    } else {
        return apr_psprintf(in->temp, "\"%s\" is not one of auto, interpreter, compiler", word);
    }
    if (in->argc == 2) {
        if (value.tier == WASM_TIER_INTERPRETER || strcasecmp(in->argv[1], "explicit") != 0) {
            return apr_psprintf(in->temp,
                                "\"%s\": behind auto or compiler stands explicit, or nothing",
                                in->argv[1]);
        }
        value.explicit_checks = true;
    }
    value.line = where(in);
    *(struct setting_engine *)slot = value;
    return NULL;
}

static const char *user_plugins_parse(void *slot, const struct setting_input *in)
{
    struct setting_user_plugins value = {.set = true};

    if (strcasecmp(in->argv[0], "on") == 0) {
        value.on = true;
        if (in->argc == 2 && strcasecmp(in->argv[1], "native") == 0) {
            value.native = true;
        } else if (in->argc != 1) {
            return "takes Off, On, or On native";
        }
        if (in->cmd != NULL) {
            plugin_allow_users();
        }
    } else if (strcasecmp(in->argv[0], "off") != 0 || in->argc != 1) {
        return "takes Off, On, or On native";
    }
    *(struct setting_user_plugins *)slot = value;
    return NULL;
}

static const char *memory_total_parse(void *slot, const struct setting_input *in)
{
    struct setting_memory_total value = {.set = true, .bytes = UINT64_MAX};
    int64_t bytes;

    if (in->cmd != NULL && in->cmd->server->is_virtual) {
        return "is about processes, which serve all virtual hosts; write it outside of "
               "<VirtualHost>";
    }
    if (in->argc != 1) {
        return "takes one word: a size such as 512M or 2G, or Off";
    }
    if (strcasecmp(in->argv[0], "off") != 0) {
        if (!setting_number_size(in->argv[0], &bytes)) {
            return apr_psprintf(in->temp, "\"%s\" is neither a size such as 512M or 2G nor Off",
                                in->argv[0]);
        }
        if (bytes < in->min || bytes > in->max) {
            return apr_psprintf(in->temp, "\"%s\" is out of range; allowed is 1M to 1024G",
                                in->argv[0]);
        }
        value.bytes = (uint64_t)bytes;
    }
    *(struct setting_memory_total *)slot = value;
    return NULL;
}

static const char *code_cache_parse(void *slot, const struct setting_input *in)
{
    struct setting_code_cache value = {.set = true};

    if (in->cmd != NULL && in->cmd->server->is_virtual) {
        return "is for all virtual hosts; write it outside of <VirtualHost>";
    }
    if (in->argc != 1) {
        return "takes one directory (quote a path with blanks), or Off";
    }
    if (strcasecmp(in->argv[0], "off") != 0) {
        value.path = ap_server_root_relative(in->pool, in->argv[0]);
        if (value.path == NULL) {
            return apr_psprintf(in->temp, "\"%s\" is not a valid path", in->argv[0]);
        }
    }
    value.line = where(in);
    *(struct setting_code_cache *)slot = value;
    return NULL;
}

static const char *plugin_dir_parse(void *slot, const struct setting_input *in)
{
    struct setting_plugin_dir value = {.set = true};

    if (in->argc != 1) {
        return "takes one directory (quote a path with blanks), or none";
    }
    if (strcasecmp(in->argv[0], "none") != 0) {
        value.path = ap_server_root_relative(in->pool, in->argv[0]);
        if (value.path == NULL) {
            return apr_psprintf(in->temp, "\"%s\" is not a valid path", in->argv[0]);
        }
    }
    value.line = where(in);
    *(struct setting_plugin_dir *)slot = value;
    return NULL;
}

SETTING_TYPE(module, "PATH [sha256:HEX]", override);
SETTING_TYPE(abi, "auto|cgi|http-wasm", override);
SETTING_TYPE(grants, "CAPABILITY ...", override);
SETTING_TYPE(on_error, "closed|open|STATUS", override);
SETTING_TYPE(handler, "NAME|./FILE.wasm|none", override);
SETTING_TYPE(filter, "NAME ...|none", filter);
SETTING_TYPE(config, "STRING|@FILE", override);
SETTING_TYPE(reuse, "request|N", override);
SETTING_TYPE(snapshot, "Auto|On|Off", override);
SETTING_TYPE(engine, "auto|interpreter|compiler [explicit]", override);
SETTING_TYPE(code_cache, "DIR|Off", override);
SETTING_TYPE(plugin_dir, "DIR|none", override);
SETTING_TYPE(user_plugins, "Off|On [native]", override);
SETTING_TYPE(memory_total, "SIZE|Off", override);
