/* SPDX-License-Identifier: Apache-2.0
 * plugin_filter.c — WasmServeFilter: which plugin sees a request, when, and what becomes of it.
 *
 * How:     The filters of the server and of <Location> have their turn in pre_translate_name: after
 *          httpd has looked the location up, before the URL is decoded, rewritten, proxied or
 *          mapped. So a URI that a guest sets takes its normal way, and TRACE is seen before httpd
 *          answers it. The filters of directories and .htaccess are known only when the URL has led
 *          to a file; they have theirs in fixups, behind authorization, and a URI that one of them
 *          sets is an internal redirection, as mod_rewrite's. Whatever turns out to be in force
 *          there and has not had its turn (a rewritten URL can lead into another <Location>, an
 *          index file into other <Files>) has it then: no way leads around a filter.
 *
 *          A plugin filters a request of a client once, however often that is redirected inside
 *          the server; and pages for errors are no new requests. So a guest that redirects cannot
 *          make a loop. On the way back every response goes through the filters in reverse order,
 *          also one that httpd makes by itself, and exactly once: the output filters are put into
 *          whichever request_rec sends it.
 *
 *          Sub-requests (an index that mod_dir tries, a part of a page of mod_include) are parts of
 *          an answer and not filtered. Nor are CONNECT and the requests of a forward proxy, which
 *          name no place in this server.
 *
 * Memory:  A chain is made with the first plugin that has a turn, in the pool of the client's
 *          request.
 * Threads: the request's.
 */
#include "plugin_filter.h"

#include <string.h>

#include "apr_strings.h"
#include "http_core.h"
#include "http_protocol.h"
#include "http_request.h"

#include "filter_chain.h"
#include "httpd_log.h"
#include "request_state.h"

void plugin_filter_register(void)
{
    filter_body_register();
    filter_response_register();
}

/* ---- the chain ------------------------------------------------------------------------------- */

static struct filter_chain *chain_of(request_rec *r)
{
    struct request_state *state = request_state_of(r);

    if (state->filters == NULL) {
        struct filter_chain *chain = apr_pcalloc(r->pool, sizeof(*chain));

        chain->uses = apr_array_make(r->pool, 4, sizeof(struct filter_use *));
        chain->body.held.pool = r->pool;
        chain->header_only = r->header_only;
        state->filters = chain;
    }
    return state->filters;
}

struct filter_body *filter_body_of(request_rec *r)
{
    return &chain_of(r)->body;
}

static struct filter_use *use_of(const struct filter_chain *chain, int i)
{
    return APR_ARRAY_IDX(chain->uses, i, struct filter_use *);
}

static bool had_its_turn(const struct filter_chain *chain, const struct plugin *plugin)
{
    for (int i = 0; chain != NULL && i < chain->uses->nelts; i++) {
        if (use_of(chain, i)->plugin == plugin) {
            return true;
        }
    }
    return false;
}

/* A request that httpd has made of another one goes on with its chain, and with the variables that
 * guests have set. */
static void inherit(request_rec *r)
{
    const struct request_state *before =
        ap_get_module_config(r->prev->request_config, &wasmserve_module);
    struct filter_chain *chain = before ? before->filters : NULL;
    const char *note = apr_table_get(r->prev->notes, PLUGIN_NOTE_FILTERS);

    if (chain == NULL || request_state_of(r)->filters != NULL) {
        return;
    }
    request_state_of(r)->filters = chain;
    if (note != NULL) {
        apr_table_setn(r->notes, PLUGIN_NOTE_FILTERS, note);
    }
    for (int i = 0; i < chain->uses->nelts; i++) {
        filter_exchange_commit_variables(use_of(chain, i)->x, r);
    }
    filter_body_offer(&chain->body, r);
}

/* Whether the request is there to say that another one has failed. */
static bool is_error_page(const request_rec *r)
{
    return r->prev != NULL && ap_is_HTTP_ERROR(r->prev->status);
}

static bool is_filtered(const request_rec *r)
{
    return r->main == NULL && r->method_number != M_CONNECT && r->proxyreq != PROXYREQ_PROXY &&
           !is_error_page(r);
}

/* ---- the way in ------------------------------------------------------------------------------ */

static void note_filter(request_rec *r, const struct plugin *plugin)
{
    const char *before = apr_table_get(r->notes, PLUGIN_NOTE_FILTERS);
    const char *label = plugin_use(r, plugin)->label;

    apr_table_setn(r->notes, PLUGIN_NOTE_FILTERS,
                   before ? apr_pstrcat(r->pool, before, ", ", label, NULL)
                          : apr_pstrdup(r->pool, label));
}

/* Gives each plugin of a list its turn that has had none. OK, DONE (chain->answer has the answer),
 * or a status. */
static int run_list(request_rec *r, const struct setting_names *names)
{
    for (int i = 0; i < names->count; i++) {
        const char *name = names->names[i];
        const char *complaint = plugin_use_complaint(r->pool, r->server, name, HOST_ABI_HTTP_WASM);
        const struct plugin *plugin = plugin_find(r->server, name);
        struct filter_chain *chain;
        struct filter_use *use;
        int status;

        if (complaint != NULL) {
            /* configtest has seen the server configuration, so this is from .htaccess. */
            LOG_R(APLOG_ERR, 0, r, "WasmServeFilter %s: %s", ap_escape_logitem(r->pool, name),
                  complaint);
            return HTTP_INTERNAL_SERVER_ERROR;
        }
        if (had_its_turn(request_state_of(r)->filters, plugin)) {
            continue;
        }
        chain = chain_of(r);
        use = apr_pcalloc(r->pool, sizeof(*use));
        use->plugin = plugin;
        use->chain = chain;
        use->limits = plugin_limits_of(plugin, settings_of(r));
        use->x = filter_exchange_new(r, plugin, FILTER_ON_REQUEST, use->limits.body, &chain->body);
        APR_ARRAY_PUSH(chain->uses, struct filter_use *) = use;
        note_filter(r, plugin);
        status = filter_request_run(r, use);
        if (status != OK) {
            return status;
        }
    }
    return OK;
}

/* The URI that the last turns have left the request with, if they changed it; NULL if not. Later
 * guests see it as the request's. */
static const char *changed_uri(const request_rec *r, int first)
{
    const struct filter_chain *chain =
        ((struct request_state *)ap_get_module_config(r->request_config, &wasmserve_module))
            ->filters;
    const char *uri = NULL;

    for (int i = first; chain != NULL && i < chain->uses->nelts; i++) {
        const struct filter_use *use = use_of(chain, i);

        if (use->state == FILTER_PASSED && use->x->uri != NULL) {
            uri = use->x->uri;
        }
    }
    return uri;
}

static int turns_so_far(const request_rec *r)
{
    const struct request_state *state = ap_get_module_config(r->request_config, &wasmserve_module);

    return state != NULL && state->filters != NULL ? state->filters->uses->nelts : 0;
}

/* Who answers must not do to the response what a guest could not see or would undo: a part of a
 * body that a guest changes is no part of what the client gets, and a compressed one it cannot
 * read. A guest that has set Accept-Encoding itself has decided for itself. */
static void hide_fields(request_rec *r)
{
    struct filter_chain *chain = request_state_of(r)->filters;
    bool holds = false, writes = false, decided = false;

    for (int i = 0; chain != NULL && i < chain->uses->nelts; i++) {
        const struct filter_use *use = use_of(chain, i);

        if (use->state == FILTER_PASSED) {
            holds = holds || (use->features & EXCHANGE_HOLDS_RESPONSE) != 0;
            writes = writes || use->x->response_written;
            decided = decided || use->x->decided_encoding;
        }
    }
    if (chain == NULL || chain->hidden || (!holds && !writes)) {
        return;
    }
    r->headers_in = apr_table_copy(r->pool, r->headers_in);
    apr_table_unset(r->headers_in, "Range");
    apr_table_unset(r->headers_in, "If-Range");
    if (!decided) {
        chain->accept_encoding = apr_table_get(r->headers_in, "Accept-Encoding");
        apr_table_unset(r->headers_in, "Accept-Encoding");
    }
    chain->hidden = true;
}

int plugin_filter_early(request_rec *r)
{
    if (r->prev != NULL) {
        inherit(r);
    }
    if (!is_filtered(r)) {
        return DECLINED;
    }
    for (;;) {
        int first = turns_so_far(r);
        int status = run_list(r, &settings_of(r)->filter.early);
        const char *uri;

        if (status == DONE) {
            /* Nobody is to look at the URI any more; translate_name comes next. */
            return DONE;
        }
        if (status != OK) {
            return status;
        }
        if (turns_so_far(r) == first) {
            break;
        }
        uri = changed_uri(r, first);
        if (uri == NULL) {
            break;
        }
        /* The new URI may lie in another <Location>. */
        ap_parse_uri(r, uri);
        if (!filter_exchange_normalize(r, r->parsed_uri.path)) {
            return HTTP_BAD_REQUEST;
        }
        r->per_dir_config = r->server->lookup_defaults;
        status = ap_location_walk(r);
        if (status == OK) {
            status = ap_if_walk(r);
        }
        if (status != OK) {
            return status;
        }
    }
    hide_fields(r);
    if (request_state_of(r)->filters != NULL) {
        filter_body_offer(&request_state_of(r)->filters->body, r);
    }
    return DECLINED;
}

/* Sends what a guest has answered, through the filters of all that are behind it. */
static int send_answer(request_rec *r)
{
    struct filter_chain *chain = request_state_of(r)->filters;
    struct filter_use *use = chain->answer;
    apr_bucket_brigade *bb = filter_exchange_answer(use->x, r);

    chain->answer = NULL;
    r->header_only = chain->header_only;
    ap_run_insert_filter(r);
    (void)ap_pass_brigade(r->output_filters, bb);
    return DONE;
}

static bool has_answer(const request_rec *r)
{
    const struct request_state *state = ap_get_module_config(r->request_config, &wasmserve_module);

    return state != NULL && state->filters != NULL && state->filters->answer != NULL;
}

int plugin_filter_answer(request_rec *r)
{
    return r->main == NULL && has_answer(r) ? send_answer(r) : DECLINED;
}

int plugin_filter_fixups(request_rec *r)
{
    const struct setting_filter *filter = &settings_of(r)->filter;
    int first, status;
    const char *uri;

    if (!filter->set || !is_filtered(r)) {
        return DECLINED;
    }
    first = turns_so_far(r);
    status = run_list(r, &filter->early);
    if (status == OK) {
        status = run_list(r, &filter->late);
    }
    if (status == DONE) {
        return send_answer(r);
    }
    if (status != OK) {
        return status;
    }
    if (turns_so_far(r) == first) {
        return DECLINED;
    }
    hide_fields(r);
    filter_body_offer(&request_state_of(r)->filters->body, r);
    uri = changed_uri(r, first);
    if (uri != NULL) {
        ap_internal_redirect(uri, r);
        return DONE;
    }
    return DECLINED;
}

/* ---- the way out ----------------------------------------------------------------------------- */

static void insert(request_rec *r, bool server_error)
{
    struct filter_chain *chain;

    if (r->main != NULL || turns_so_far(r) == 0) {
        return;
    }
    chain = request_state_of(r)->filters;
    chain->server_error = server_error;
    /* Nearest to who answers is the last one; httpd puts filters of one kind behind each other. */
    for (int i = chain->uses->nelts - 1; i >= 0; i--) {
        filter_response_insert(r, use_of(chain, i));
    }
}

void plugin_filter_insert(request_rec *r)
{
    insert(r, is_error_page(r) && ap_is_HTTP_SERVER_ERROR(r->prev->status));
}

void plugin_filter_insert_error(request_rec *r)
{
    insert(r, ap_is_HTTP_SERVER_ERROR(r->status));
}
