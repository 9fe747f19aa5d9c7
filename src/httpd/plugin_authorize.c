/* SPDX-License-Identifier: Apache-2.0
 * plugin_authorize.c — Require wasmserve NAME: a guest of http-wasm says whether a request may go
 * on.
 *
 * How:     handle_request runs on an instance of its own. To let the request pass is yes, to answer
 *          it is no; there is no response for handle_response to see. Its changes to the header of
 *          the request count if it says yes, the variables it sets in either case. Method, URI and
 *          body are not its to change; a body that it reads is kept for who comes next.
 *
 *          httpd asks twice where a user may be needed: first without one, and if that was a no for
 *          the want of one, again when the user is known. Whether it was, shows in whether the
 *          guest has asked for REMOTE_USER or AUTH_TYPE; if not, its first word stands and it is
 *          not run again. The same plugin in several Require lines of a request is run once.
 *
 *          The status of a denial is httpd's (403, or 401 where a user could help), since several
 *          lines may have taken part in it. The guest's header fields go with it, and only then: a
 *          line that says no inside <RequireAny> has not denied anything.
 *
 *          A plugin that fails is neither yes nor no, so that `Require not` and <RequireNone>
 *          cannot make a yes of it: the request ends with 500. With WasmServeOnError open it has no
 *          say, and the other lines decide; where there is none, httpd denies.
 * Memory:  r->pool.
 * Threads: the request's.
 */
#include "plugin_authorize.h"

#include <string.h>

#include "ap_provider.h"
#include "apr_strings.h"
#include "http_core.h"
#include "http_protocol.h"
#include "http_request.h"
#include "mod_auth.h"

#include "filter_chain.h"
#include "httpd_log.h"
#include "request_state.h"

/* What a plugin has said about a request. */
struct plugin_verdict {
    struct plugin_verdict *next;
    const struct plugin *plugin;
    authz_status status;
    bool for_want_of_user; /* it wanted to know the user, and there was none */
    const struct filter_exchange *x;
    bool told; /* its header fields are in a response */
};

static authz_status ask(request_rec *r, struct plugin_verdict *verdict)
{
    const struct plugin *plugin = verdict->plugin;
    struct filter_use *use = apr_pcalloc(r->pool, sizeof(*use));
    struct filter_body *body;
    int status;

    if (r->main == NULL) {
        body = filter_body_of(r);
    } else {
        body = apr_pcalloc(r->pool, sizeof(*body));
        body->held.pool = r->pool;
        body->ended = true;
    }
    use->plugin = plugin;
    use->limits = plugin_limits_of(plugin, settings_of(r));
    use->x = filter_exchange_new(r, plugin, FILTER_AUTHORIZES, use->limits.body, body);
    verdict->x = use->x;
    status = filter_request_run(r, use);
    filter_use_end(use);
    if (r->main == NULL) {
        filter_body_offer(body, r);
    }
    verdict->for_want_of_user = use->x->asked_user && r->user == NULL;
    switch (use->state) {
    case FILTER_PASSED: counter_add(&plugin->counters->passed, 1); return AUTHZ_GRANTED;
    case FILTER_ANSWERED: return AUTHZ_DENIED;
    case FILTER_FAILED:
    case FILTER_HOLDING:
    case FILTER_DONE: break;
    }
    return status == OK ? AUTHZ_NEUTRAL : AUTHZ_GENERAL_ERROR;
}

static authz_status answer_of(request_rec *r, const struct plugin_verdict *verdict)
{
    if (verdict->status == AUTHZ_DENIED && verdict->for_want_of_user && r->user == NULL &&
        ap_auth_type(r) != NULL) {
        return AUTHZ_DENIED_NO_USER;
    }
    return verdict->status;
}

static authz_status check(request_rec *r, const char *line, const void *parsed)
{
    const char *name = parsed ? parsed : line;
    const char *complaint = plugin_use_complaint(r->pool, r->server, name, HOST_ABI_HTTP_WASM);
    struct request_state *state = request_state_of(r);
    const struct plugin *plugin = plugin_find(r->server, name);
    struct plugin_verdict *verdict;

    if (complaint != NULL) {
        /* configtest has seen the server configuration, so this is from .htaccess. */
        LOG_R(APLOG_ERR, 0, r, "Require wasmserve %s: %s", ap_escape_logitem(r->pool, name),
              complaint);
        return AUTHZ_GENERAL_ERROR;
    }
    for (verdict = state->verdicts; verdict != NULL; verdict = verdict->next) {
        if (verdict->plugin == plugin) {
            break;
        }
    }
    if (verdict == NULL) {
        verdict = apr_pcalloc(r->pool, sizeof(*verdict));
        verdict->plugin = plugin;
        verdict->next = state->verdicts;
        state->verdicts = verdict;
        verdict->status = ask(r, verdict);
    } else if (verdict->for_want_of_user && r->user != NULL) {
        verdict->status = ask(r, verdict);
    }
    LOG_R(APLOG_TRACE1, 0, r, "Require wasmserve %s: %s%s", name,
          verdict->status == AUTHZ_GRANTED  ? "granted"
          : verdict->status == AUTHZ_DENIED ? "denied"
                                            : "no say",
          verdict->for_want_of_user ? ", without a user" : "");
    return answer_of(r, verdict);
}

static const char *parse(cmd_parms *cmd, const char *line, const void **parsed)
{
    const char *name = ap_getword_conf(cmd->pool, &line);

    if (name[0] == '\0' || line[0] != '\0') {
        return "Require wasmserve: takes one name of a plugin";
    }
    /* .htaccess is the only place that httpd reads with one and the same pool for both purposes. */
    if (cmd->pool != cmd->temp_pool) {
        plugin_note_use(cmd, "Require wasmserve", HOST_ABI_HTTP_WASM, name);
    }
    *parsed = name;
    return NULL;
}

void plugin_authorize_register(apr_pool_t *p)
{
    static const authz_provider provider = {.check_authorization = check,
                                            .parse_require_line = parse};

    ap_register_auth_provider(p, AUTHZ_PROVIDER_GROUP, "wasmserve", AUTHZ_PROVIDER_VERSION,
                              &provider, AP_AUTH_INTERNAL_PER_CONF);
}

static void tell(request_rec *r, struct plugin_verdict *verdict)
{
    const apr_array_header_t *fields = apr_table_elts(verdict->x->fields);

    for (int i = 0; i < fields->nelts && !verdict->told; i++) {
        const apr_table_entry_t *field = &APR_ARRAY_IDX(fields, i, apr_table_entry_t);

        apr_table_addn(r->err_headers_out, field->key, field->val);
    }
    verdict->told = true;
}

static void tell_all(request_rec *r, const request_rec *denied)
{
    const struct request_state *state =
        ap_get_module_config(denied->request_config, &wasmserve_module);

    if (state == NULL ||
        (denied->status != HTTP_FORBIDDEN && denied->status != HTTP_UNAUTHORIZED)) {
        return;
    }
    for (struct plugin_verdict *v = state->verdicts; v != NULL; v = v->next) {
        if (v->status == AUTHZ_DENIED) {
            tell(r, v);
        }
    }
}

void plugin_authorize_insert(request_rec *r)
{
    const struct request_state *state = ap_get_module_config(r->request_config, &wasmserve_module);

    if (r->prev != NULL && ap_is_HTTP_ERROR(r->prev->status)) {
        tell_all(r, r->prev); /* a page of ErrorDocument */
        return;
    }
    /* It was let through, whatever single lines said and whatever status it ends with. */
    for (struct plugin_verdict *v = state ? state->verdicts : NULL; v != NULL; v = v->next) {
        v->told = true;
    }
}

void plugin_authorize_insert_error(request_rec *r)
{
    tell_all(r, r);
}
