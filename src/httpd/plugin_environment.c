/* SPDX-License-Identifier: Apache-2.0
 * plugin_environment.c — the environment of a guest that is spoken to as a CGI program (RFC 3875).
 *
 * How:     httpd's own functions fill a scratch table, as they do for mod_cgi, so that what is hard
 *          about it is httpd's: names of header fields, "Proxy" dropped, Authorization only with
 *          CGIPassAuth, REMOTE_HOST by HostnameLookups. Of that table only the variables listed
 *          here go on. The rest says something about the server and not about the request (PATH,
 *          DOCUMENT_ROOT, SCRIPT_FILENAME, SERVER_ADMIN and so on): a guest has no use for the
 *          server's paths, and what SetEnv sets is often a secret for a program that is trusted. So
 *          SetEnv's variables need a grant like all others: with `WasmServeGrant env:NAME` a guest
 *          gets the request's variable of that name, and where the request has none, the server's
 *          own from its start.
 *
 * SCRIPT_NAME and PATH_INFO: programs that route by path (net/http/cgi of Go and its kin) want the
 * part of the URL that is theirs in PATH_INFO. That part begins behind the path of the <Location>
 * that has the handler; in a directory, behind the file if there is one, else behind the deepest
 * directory that exists; for a whole server it is everything. Both are decoded, as RFC 3875 has it;
 * REQUEST_URI is what the client sent.
 *
 * Memory and threads: see the header.
 */
#include "plugin_environment.h"

#include <string.h>

#include "apr_strings.h"
#include "util_script.h"

/* Sorted, for a reader. SSL_ stands for what `SSLOptions +StdEnvVars` adds, which is the
 * administrator's explicit wish and about the request. */
static const char *const passed[] = {
    "AUTH_TYPE",       "CONTENT_LENGTH", "CONTENT_TYPE",    "GATEWAY_INTERFACE",
    "HTTPS",           "PATH_INFO",      "QUERY_STRING",    "REDIRECT_QUERY_STRING",
    "REDIRECT_STATUS", "REDIRECT_URL",   "REMOTE_ADDR",     "REMOTE_HOST",
    "REMOTE_IDENT",    "REMOTE_PORT",    "REMOTE_USER",     "REQUEST_METHOD",
    "REQUEST_SCHEME",  "REQUEST_URI",    "SCRIPT_NAME",     "SERVER_ADDR",
    "SERVER_NAME",     "SERVER_PORT",    "SERVER_PROTOCOL", "SERVER_SOFTWARE",
    "UNIQUE_ID"};
static const char *const passed_prefixes[] = {"HTTP_", "SSL_"};

bool plugin_environment_owns(const char *name)
{
    for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++) {
        if (strcmp(name, passed[i]) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof(passed_prefixes) / sizeof(passed_prefixes[0]); i++) {
        if (strncmp(name, passed_prefixes[i], strlen(passed_prefixes[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* How many bytes of r->uri are SCRIPT_NAME; the rest is PATH_INFO. */
static size_t script_length(const request_rec *r, const struct setting_handler *handler,
                            apr_filetype_e kind)
{
    size_t uri = strlen(r->uri), info, length;

    switch (handler->mount) {
    case MOUNT_SERVER: break;
    case MOUNT_LOCATION:
        length = strlen(handler->location);
        if (strncmp(r->uri, handler->location, length) == 0 &&
            (r->uri[length] == '\0' || r->uri[length] == '/')) {
            return length;
        }
        break; /* somebody rewrote the URI after the section was chosen */
    case MOUNT_FILES:
        info = r->path_info ? strlen(r->path_info) : 0;
        if (info > uri || strcmp(r->uri + uri - info, r->path_info ? r->path_info : "") != 0) {
            break;
        }
        length = uri - info;
        if (kind != APR_REG) {
            /* "/dir/" or "/dir/missing": cut back to the directory, without its slash. */
            if (kind != APR_DIR || (length > 0 && r->uri[length - 1] == '/')) {
                while (length > 0 && r->uri[length - 1] != '/') {
                    length--;
                }
                length -= length > 0;
            }
        }
        return length;
    }
    return 0;
}

struct list {
    const char **items;
    size_t count;
};

static int pick(void *data, const char *name, const char *value)
{
    struct list *list = data;

    if (plugin_environment_owns(name)) {
        /* The table allocated both; the concatenation is made by the caller's pool below. */
        list->items[list->count++] = name;
        list->items[list->count++] = value;
    }
    return 1;
}

const char *const *plugin_environment(request_rec *r, const struct setting_handler *handler,
                                      const struct setting_grants *granted, apr_filetype_e kind,
                                      size_t *count)
{
    apr_table_t *own = r->subprocess_env;
    size_t script = script_length(r, handler, kind), most, n = 0;
    struct list list = {NULL, 0};
    const char **env;
    apr_table_t *scratch;

    /* Both functions write to r->subprocess_env, which %{…}e and others read later. */
    r->subprocess_env = apr_table_copy(r->pool, own);
    ap_add_common_vars(r);
    ap_add_cgi_vars(r);
    scratch = r->subprocess_env;
    r->subprocess_env = own;

    apr_table_set(scratch, "SCRIPT_NAME", apr_pstrmemdup(r->pool, r->uri, script));
    if (r->uri[script] != '\0') {
        apr_table_set(scratch, "PATH_INFO", r->uri + script);
    } else {
        apr_table_unset(scratch, "PATH_INFO");
    }

    most = (size_t)apr_table_elts(scratch)->nelts;
    list.items = apr_palloc(r->pool, (2 * most + 1) * sizeof(char *));
    apr_table_do(pick, &list, scratch, NULL);
    most = list.count / 2 + (granted->env ? (size_t)granted->env->nelts : 0);
    env = apr_palloc(r->pool, (most + 1) * sizeof(char *));
    for (size_t i = 0; i < list.count; i += 2) {
        env[n++] = apr_pstrcat(r->pool, list.items[i], "=", list.items[i + 1], NULL);
    }
    for (int i = 0; granted->env && i < granted->env->nelts; i++) {
        const struct setting_grant_env *grant =
            &APR_ARRAY_IDX(granted->env, i, struct setting_grant_env);
        const char *value = grant->value;

        if (value == NULL) {
            value = apr_table_get(own, grant->name);
        }
        if (value == NULL) {
            value = grant->inherited;
        }
        if (value != NULL) {
            env[n++] = apr_pstrcat(r->pool, grant->name, "=", value, NULL);
        }
    }
    *count = n;
    return env;
}
