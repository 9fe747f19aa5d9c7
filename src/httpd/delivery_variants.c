/* SPDX-License-Identifier: Apache-2.0
 * delivery_variants.c — the files that may answer a request: found, authorised, opened, judged.
 *
 * How:     In three steps:
 *   1. stat the sibling of each coding that the client accepts, drop those that are not usable
 *      by what stat says.
 *   2. rank what is left, the raw file among it (negotiate.h), and the raw file in the codings
 *      that it can be compressed with as it is sent.
 *   3. take the best: authorise it, open it, judge it again by its descriptor and first bytes.
 *      If that fails, rank again without it. So a request costs one sub-request and one open,
 * however many variants there are. Safety:  A sibling's name is not covered by what httpd has
 * checked for the request: "<Files
 *          *.br> Require all denied", a symbolic link out of the tree, a rewrite to "forbidden"
 *          may all apply to it alone. A sub-request asks httpd exactly what would become of a
 *          request for that name. What is sent is the descriptor that was opened after that, and
 *          it must be the very file (device and inode) that the sub-request looked at.
 * Memory:  In r->pool.
 * Threads: As the request: one thread at a time.
 */
#include "delivery_variants.h"

#include "apr_strings.h"
#include "http_core.h"
#include "http_request.h"

#include "compression.h"
#include "httpd_log.h"
#include "passed_over.h"
#include "variant.h"

/* Reasons beside those of variant.h, for passed_over_first. */
enum { REASON_REFUSED = VARIANT_VERDICTS, REASON_UNREADABLE };

static void say_once(request_rec *r, const char *path, const apr_finfo_t *finfo, unsigned reason,
                     int level, apr_status_t status, const char *text)
{
    if (passed_over_first(path, finfo->mtime, reason)) {
        LOG_R(level, status, r, "%s %s: passed over", path, text);
    }
}

/* What stat says of a variant, and of the raw file if there is one (else NULL). */
static void fill_facts(struct variant_facts *facts, enum coding coding, const apr_finfo_t *finfo,
                       const apr_finfo_t *raw)
{
    *facts = (struct variant_facts){.coding = coding,
                                    .regular = finfo->filetype == APR_REG,
                                    .size = (uint64_t)finfo->size,
                                    .mtime = apr_time_sec(finfo->mtime)};
    if (raw != NULL) {
        facts->has_raw = true;
        facts->raw_size = (uint64_t)raw->size;
        facts->raw_mtime = apr_time_sec(raw->mtime);
    }
}

/* Whether the variant may be sent by these facts; says so if not. */
static bool judge(request_rec *r, const char *path, const apr_finfo_t *finfo,
                  const struct variant_facts *facts)
{
    enum variant_verdict verdict = variant_judge(facts);

    if (verdict != VARIANT_USABLE) {
        say_once(r, path, finfo, verdict, APLOG_WARNING, 0, variant_reason(verdict));
    }
    return verdict == VARIANT_USABLE;
}

bool delivery_variants_plain_handler(const request_rec *r)
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

/* Whether a request of the same client for this file would be answered with the file. seen receives
 * what httpd looked at. The lookup runs everything but the handler: walks through sections and
 * .htaccess, symbolic links, access and authorization, fixups. What it does not run are the hooks
 * that see a request when it comes in, so a variable that SetEnvIf makes of the URI has the value
 * for the raw file. */
static bool authorise(request_rec *r, const char *path, apr_finfo_t *seen)
{
    const char *slash = strrchr(path, '/');
    request_rec *sub = ap_sub_req_lookup_file(slash ? slash + 1 : path, r, NULL);
    bool allowed = sub->status == HTTP_OK && sub->finfo.filetype == APR_REG &&
                   sub->filename != NULL && strcmp(sub->filename, path) == 0 &&
                   delivery_variants_plain_handler(sub) &&
                   (sub->per_dir_config != r->per_dir_config || has_access(sub));

    *seen = sub->finfo;
    if (!allowed) {
        LOG_R(APLOG_DEBUG, 0, r, "%s would be answered with status %d, handler %s", path,
              sub->status, sub->handler ? sub->handler : "none");
    }
    ap_destroy_sub_req(sub);
    return allowed;
}

static apr_status_t open_file(request_rec *r, struct delivery_file *file)
{
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);
    apr_status_t status = apr_file_open(
        &file->fd, file->path, APR_READ | APR_BINARY | AP_SENDFILE_ENABLED(core->enable_sendfile),
        0, r->pool);

    if (status == APR_SUCCESS) {
        status = apr_file_info_get(&file->finfo, APR_FINFO_MIN | APR_FINFO_IDENT, file->fd);
        if (status != APR_SUCCESS && status != APR_INCOMPLETE) {
            apr_file_close(file->fd);
            return status;
        }
    }
    return status == APR_INCOMPLETE ? APR_SUCCESS : status;
}

/* Judges the open file by its descriptor and first bytes. The read moves the descriptor's offset,
 * which nobody uses: file buckets have their own. */
static bool judge_open(request_rec *r, const struct delivery_file *file,
                       struct variant_facts *facts)
{
    uint8_t head[VARIANT_HEAD_MAX];
    apr_size_t len = sizeof(head);
    bool usable;

    if (apr_file_read_full(file->fd, head, sizeof(head), &len) != APR_SUCCESS &&
        len != (apr_size_t)file->finfo.size) {
        len = 0; /* judged as a file that does not begin as it should */
    }
    facts->head = head;
    facts->head_len = len;
    usable = judge(r, file->path, &file->finfo, facts);
    facts->head = NULL; /* it ends with this function */
    return usable;
}

static bool open_variant(request_rec *r, struct delivery_file *file)
{
    struct variant_facts facts;
    apr_finfo_t seen;
    apr_status_t status;

    if (!authorise(r, file->path, &seen)) {
        say_once(r, file->path, &file->finfo, REASON_REFUSED, APLOG_INFO, 0,
                 "is not for this client");
        return false;
    }
    status = open_file(r, file);
    if (status != APR_SUCCESS) {
        say_once(r, file->path, &file->finfo, REASON_UNREADABLE, APLOG_WARNING, status,
                 "cannot be opened");
        return false;
    }
    fill_facts(&facts, file->coding, &file->finfo, &r->finfo);
    /* Another inode: the name was given to another file since the lookup. The next request will
     * find that one. */
    if (seen.inode != file->finfo.inode || seen.device != file->finfo.device ||
        !judge_open(r, file, &facts)) {
        apr_file_close(file->fd);
        return false;
    }
    return true;
}

/* Opens what the request itself names; its errors are those of httpd's own handler. */
static int open_requested(request_rec *r, enum coding coding, struct delivery_file *file)
{
    apr_status_t status;

    file->coding = coding;
    file->as_sent = CODING_IDENTITY;
    file->path = r->filename;
    status = open_file(r, file);
    if (status != APR_SUCCESS) {
        LOG_R(APLOG_ERR, status, r, "%s cannot be opened", r->filename);
        return APR_STATUS_IS_ENOENT(status) ? HTTP_NOT_FOUND : HTTP_FORBIDDEN;
    }
    if (file->finfo.filetype != APR_REG) {
        apr_file_close(file->fd);
        return HTTP_FORBIDDEN;
    }
    return OK;
}

/* Step 1 for one coding: the sibling's path and stat, if it is there and not already ruled out. */
static bool find_sibling(request_rec *r, enum coding coding, struct delivery_file *file)
{
    struct variant_facts facts;
    apr_status_t status;

    file->coding = coding;
    file->as_sent = CODING_IDENTITY;
    file->path = apr_pstrcat(r->pool, r->filename, coding_info(coding)->suffix, NULL);
    status = apr_stat(&file->finfo, file->path, APR_FINFO_MIN, r->pool);
    if (status != APR_SUCCESS && status != APR_INCOMPLETE) {
        return false;
    }
    fill_facts(&facts, coding, &file->finfo, &r->finfo);
    return judge(r, file->path, &file->finfo, &facts);
}

/* What can be sent: the raw file, those of the variants found that are in the set, and for the
 * other codings on offer the raw file again. Puts what the client accepts first, best first, and
 * returns how many those are. */
static size_t rank(const struct negotiate_prefs *prefs, uint64_t raw_size,
                   const struct delivery_file found[CODING_COUNT], coding_set variants,
                   coding_set offers, struct negotiate_candidate candidates[CODING_COUNT])
{
    size_t n = 0;

    candidates[n++] = (struct negotiate_candidate){CODING_IDENTITY, raw_size};
    for (int c = CODING_IDENTITY + 1; c < CODING_COUNT; c++) {
        if (coding_in(variants, (enum coding)c)) {
            candidates[n++] =
                (struct negotiate_candidate){(enum coding)c, (uint64_t)found[c].finfo.size};
        } else if (coding_in(offers, (enum coding)c)) {
            candidates[n++] =
                (struct negotiate_candidate){(enum coding)c, compression_weighs(raw_size)};
        }
    }
    return negotiate_rank(prefs, candidates, n);
}

int delivery_variants_choose(request_rec *r, coding_set codings, coding_set offers,
                             const struct negotiate_prefs *prefs, struct delivery_file *out)
{
    struct delivery_file found[CODING_COUNT];
    struct negotiate_candidate candidates[CODING_COUNT];
    coding_set variants = 0;

    for (int c = CODING_IDENTITY + 1; c < CODING_COUNT; c++) {
        if (coding_in(codings, (enum coding)c) && prefs->weight[c] > 0 &&
            find_sibling(r, (enum coding)c, &found[c])) {
            variants |= (coding_set)(1u << c);
        }
    }
    /* Ends: each round returns, or takes one out of the set. */
    while (rank(prefs, (uint64_t)r->finfo.size, found, variants, offers, candidates) > 0) {
        enum coding best = candidates[0].coding;
        if (!coding_in(variants, best)) {
            int result = open_requested(r, CODING_IDENTITY, out);
            out->as_sent = best;
            return result;
        }
        if (open_variant(r, &found[best])) {
            *out = found[best];
            return OK;
        }
        variants &= (coding_set) ~(1u << best);
    }
    return HTTP_NOT_ACCEPTABLE;
}

int delivery_variants_open_named(request_rec *r, enum coding coding, struct delivery_file *out)
{
    struct variant_facts facts;
    int result = open_requested(r, coding, out);

    if (result != OK) {
        return result;
    }
    fill_facts(&facts, coding, &out->finfo, NULL);
    if (!judge_open(r, out, &facts)) {
        apr_file_close(out->fd);
        return DECLINED;
    }
    return OK;
}
