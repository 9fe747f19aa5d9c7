/* SPDX-License-Identifier: Apache-2.0
 * delivery_access.c — asks httpd, by a sub-request, what would become of a request for a name.
 *
 * How:     The lookup runs everything but the handler: walks through sections and .htaccess,
 *          symbolic links, access and authorization, fixups. What it does not run are the hooks
 *          that see a request when it comes in, so a variable that SetEnvIf makes of the URI has
 *          the value for the requested file.
 * Memory:  The sub-request's pool, which goes with it.
 * Threads: As the request: one thread at a time.
 */
#include "delivery_access.h"

#include "http_core.h"
#include "http_request.h"

#include "httpd_log.h"

bool delivery_access_plain_handler(const request_rec *r)
{
    /* Where the configuration names no handler, httpd puts the media type there, if the
     * configuration chose that, or the empty name; "SetHandler default-handler" says the same in
     * words. */
    return r->handler == NULL || AP_IS_DEFAULT_HANDLER_NAME(r->handler) ||
           strcmp(r->handler, "default-handler") == 0 ||
           (r->content_type != NULL && strchr(r->handler, '/') != NULL &&
            strncmp(r->handler, r->content_type, strlen(r->handler)) == 0);
}

/* Runs access control and authorization for the sub-request. httpd leaves them out of a sub-request
 * whose sections are those of its parent, taking the answer to be the same; it is not with "Require
 * expr" on the URI, for one. The user is the parent's, so nobody's password is checked again. The
 * order is that of ap_process_request_internal. */
static bool has_access(request_rec *sub)
{
    bool any = ap_satisfies(sub) == SATISFY_ANY;
    int access = ap_run_access_checker(sub), beyond;

    if (access != OK && access != DECLINED && !any) {
        return false;
    }
    if (any && access == OK) {
        return true;
    }
    beyond = ap_run_access_checker_ex(sub);
    if (beyond == OK) {
        return true;
    }
    if (beyond != DECLINED) {
        return false;
    }
    /* From here on it takes a user, unless no kind of authentication is configured: then the hook
     * says so. */
    if (sub->user == NULL && (ap_auth_type(sub) != NULL || ap_run_check_user_id(sub) != OK)) {
        return false;
    }
    return ap_run_auth_checker(sub) == OK;
}

/* Whether httpd begins a lookup with a stat, and not with an lstat. The server's own options are
 * what it asks at that point, those outside of all sections; those of the directory count in its
 * walk. */
static bool begins_with_stat(const request_rec *r)
{
    const core_dir_config *core = ap_get_core_module_config(r->server->lookup_defaults);

    return (core->opts & OPT_SYM_LINKS) != 0;
}

/* The lookup. One for a directory entry takes over what a stat has said. But where httpd begins
 * with an lstat, it judges a link by the server's options there and then, and refuses what the
 * options of the directory allow; a lookup by name leaves that to the walk. */
static request_rec *look_up(request_rec *r, const char *path, const apr_finfo_t *found)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    apr_finfo_t entry;

    if (found == NULL || !begins_with_stat(r)) {
        return ap_sub_req_lookup_file(name, r, NULL);
    }
    entry = *found;
    entry.name = name;
    return ap_sub_req_lookup_dirent(&entry, r, AP_SUBREQ_NO_ARGS, NULL);
}

/* The sub-request for path, which the caller destroys; *allowed says whether httpd would let the
 * client have what is there, of the file type that is wanted. found is what stat has just said of
 * path, or NULL; with it httpd need not ask again. */
static request_rec *ask(request_rec *r, const char *path, const apr_finfo_t *found,
                        bool may_be_gone, bool *allowed)
{
    request_rec *sub = look_up(r, path, found);
    apr_filetype_e type = sub->finfo.filetype;

    *allowed = sub->status == HTTP_OK && (type == APR_REG || (may_be_gone && type == APR_NOFILE)) &&
               sub->filename != NULL && strcmp(sub->filename, path) == 0 &&
               delivery_access_plain_handler(sub) &&
               (sub->per_dir_config != r->per_dir_config || has_access(sub));
    if (!*allowed) {
        LOG_R(APLOG_DEBUG, 0, r, "%s would be answered with status %d, handler %s", path,
              sub->status, sub->handler ? sub->handler : "none");
    }
    return sub;
}

bool delivery_access_file(request_rec *r, const char *path, const apr_finfo_t *found,
                          apr_finfo_t *seen)
{
    bool allowed;
    request_rec *sub = ask(r, path, found, false, &allowed);

    *seen = sub->finfo;
    ap_destroy_sub_req(sub);
    return allowed;
}

bool delivery_access_name(request_rec *r, const char *path)
{
    bool allowed;

    ap_destroy_sub_req(ask(r, path, NULL, true, &allowed));
    return allowed;
}
