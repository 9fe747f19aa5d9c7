/* SPDX-License-Identifier: Apache-2.0
 * filter_request.c — one plugin's part before a request is answered.
 *
 * How:     Admission as for any call (WasmServeConcurrency, a thread for deadlines), an instance,
 *          and handle_request on it. What follows:
 *
 *   the guest lets it pass      its changes are made; the instance waits for the response
 *   the guest has answered      its answer is kept for plugin_filter.c; the instance is given back
 *   it failed                   nothing was changed. WasmServeOnError: a status, or (open) the
 *                               request goes on as if the plugin were not there
 *   the request is at fault     (a body too large or broken) its status, whatever OnError says
 *   the client went away        the request is over
 *
 *          A call counts as in flight, for WasmServeConcurrency and the status page, from here to
 *          the end of its response: for so long it holds an instance.
 * Memory:  r->pool.
 * Threads: the request's.
 */
#include "filter_chain.h"

#include <string.h>

#include "apr_strings.h"
#include "http_protocol.h"

#include "httpd_log.h"

static apr_status_t leave(void *data)
{
    counters_leave(data);
    return APR_SUCCESS;
}

void filter_use_end(struct filter_use *use)
{
    if (use->instance != NULL) {
        plugin_instance_end(use->instance);
        use->instance = NULL;
    }
    if (use->counted) {
        use->counted = false;
        apr_pool_cleanup_run(use->pool, use->plugin->counters, leave);
    }
}

void filter_use_count(struct filter_use *use, const struct plugin_result *result)
{
    struct counter_row *counters = use->plugin->counters;

    counter_add(&counters->bytes_in, use->x->bytes_in);
    counter_add(&counters->bytes_out, use->x->bytes_out);
    use->x->bytes_in = use->x->bytes_out = 0;
    counter_add(&counters->guest_nanoseconds, result->guest_nanoseconds);
    counter_max(&counters->memory_peak, result->memory_peak);
}

static void note_outcome(request_rec *r, const char *outcome)
{
    apr_table_setn(r->notes, PLUGIN_NOTE_OUTCOME, outcome);
}

/* Without the plugin: OK to go on, or the status for the client. httpd lets an authorization that
 * failed say no more than that. */
static int refuse(request_rec *r, struct filter_use *use, int http)
{
    use->state = FILTER_FAILED;
    if (plugin_on_error(use->plugin, settings_of(r))->open) {
        return OK;
    }
    return use->x->mode == FILTER_AUTHORIZES ? HTTP_INTERNAL_SERVER_ERROR
                                             : plugin_failure_answer(r, use->plugin, http);
}

/* What refuse() will do, in the words of the log. */
static const char *consequence(request_rec *r, const struct filter_use *use, int http)
{
    bool authorizes = use->x->mode == FILTER_AUTHORIZES;

    if (plugin_on_error(use->plugin, settings_of(r))->open) {
        return authorizes ? "the other Require lines decide" : "going on without it";
    }
    return apr_psprintf(r->pool, "answered %d",
                        authorizes ? HTTP_INTERNAL_SERVER_ERROR
                                   : plugin_failure_status(r, use->plugin, http));
}

static bool admit(request_rec *r, struct filter_use *use)
{
    struct counter_row *counters = use->plugin->counters;
    const char *raised = plugin_limits_raised(use->plugin, settings_of(r));

    if (raised != NULL) {
        LOG_R(APLOG_INFO, 0, r,
              "%s of .htaccess is above the server's for plugin %s, and does not count", raised,
              plugin_title(r, use->plugin));
    }
    counter_add(&counters->requests, 1);
    if (!plugin_can_run() || !counters_enter(counters, use->limits.concurrency)) {
        counter_add(&counters->busy, 1);
        LOG_R(APLOG_WARNING, 0, r, "plugin %s: %s", plugin_title(r, use->plugin),
              plugin_can_run() ? "WasmServeConcurrency is reached"
                               : "this child has no thread for deadlines");
        note_outcome(r, "busy");
        return false;
    }
    use->counted = true;
    use->pool = r->pool;
    apr_pool_cleanup_register(r->pool, counters, leave, apr_pool_cleanup_null);
    return true;
}

/* The guest did not end well. OK to go on without it, or a status. */
static int settle_failure(request_rec *r, struct filter_use *use,
                          const struct plugin_result *result)
{
    const struct plugin *plugin = use->plugin;
    const struct filter_exchange *x = use->x;
    int http = x->nonsense ? HTTP_INTERNAL_SERVER_ERROR : plugin_failure_http(result->status);

    use->state = FILTER_FAILED;
    note_outcome(r, x->nonsense ? "NONSENSE" : wasm_status_name(result->status));
    if (result->status == WASM_E_CLIENT_GONE) {
        counter_add(&plugin->counters->failed[result->status], 1);
        LOG_R(APLOG_DEBUG, 0, r, "plugin %s: stopped, because the client went away",
              plugin_title(r, plugin));
        r->connection->keepalive = AP_CONN_CLOSE;
        return HTTP_BAD_REQUEST;
    }
    if (result->status == WASM_E_HOST_FAILURE && x->nonsense == NULL && x->http_status != 0) {
        counter_add(&plugin->counters->refused, 1);
        r->connection->keepalive = AP_CONN_CLOSE;
        return x->http_status;
    }
    if (x->nonsense != NULL) {
        counter_add(&plugin->counters->nonsense, 1);
        plugin_failure_log_nonsense(r, plugin, result, x->nonsense, consequence(r, use, http));
    } else {
        counter_add(&plugin->counters->failed[result->status], 1);
        plugin_failure_log(r, plugin, result, consequence(r, use, http));
    }
    return refuse(r, use, http);
}

/* The guest let the request pass, or has answered. */
static int settle_end(request_rec *r, struct filter_use *use, bool next)
{
    int status;

    use->features = plugin_instance_features(use->instance);
    if (use->x->mode == FILTER_AUTHORIZES && !next) {
        /* The request goes no further for it; what it has noted is for the log. */
        filter_exchange_commit_variables(use->x, r);
        counter_add(&use->plugin->counters->answered, 1);
        use->state = FILTER_ANSWERED;
        return DONE;
    }
    status = filter_exchange_commit_request(use->x);
    if (status != OK) {
        counter_add(&use->plugin->counters->refused, 1);
        r->connection->keepalive = AP_CONN_CLOSE;
        use->state = FILTER_FAILED;
        return status;
    }
    if (next) {
        use->state = FILTER_PASSED;
        return OK; /* it counts when the response has passed, too */
    }
    counter_add(&use->plugin->counters->answered, 1);
    use->state = FILTER_ANSWERED;
    use->chain->answer = use;
    return DONE;
}

int filter_request_run(request_rec *r, struct filter_use *use)
{
    struct filter_exchange *x = use->x;
    struct plugin_result result;
    bool next = false, good;
    int status;

    if (!admit(r, use)) {
        return refuse(r, use, HTTP_SERVICE_UNAVAILABLE);
    }
    use->instance = plugin_instance_take(r, use->plugin, &use->limits, &x->world,
                                         filter_exchange_set_store, &result);
    good = use->instance != NULL;
    if (good) {
        uint64_t nanoseconds = result.guest_nanoseconds;

        good = plugin_instance_request(use->instance, &x->http, &next, &result);
        result.guest_nanoseconds += nanoseconds;
    }
    filter_use_count(use, &result);
    LOG_R(APLOG_TRACE1, 0, r, "plugin %s: handle_request: %s, %" APR_UINT64_T_FMT " us",
          plugin_title(r, use->plugin),
          good ? (next ? "next" : "answered") : wasm_status_name(result.status),
          result.guest_nanoseconds / 1000);
    status = good ? settle_end(r, use, next) : settle_failure(r, use, &result);
    if (use->state != FILTER_PASSED) {
        filter_use_end(use);
    }
    return status;
}
