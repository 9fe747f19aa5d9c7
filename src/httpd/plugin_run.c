/* SPDX-License-Identifier: Apache-2.0
 * plugin_run.c — one call of a guest, from the store to the exit code.
 *
 * How:     a CGI guest is a command: a fresh instance, its start function and _start, then nothing
 *          of it is left. The deadline covers all of that, from before the instance is made,
 *          because applying a module's segments and running its start function are the guest's
 *          doing as well.
 *
 * Memory:  the store and the guest process are bound by one cleanup of r->pool when they are made,
 *          and given back before the return, on the request's thread: the pool itself may be
 *          destroyed later and by another thread.
 * Threads: plugin_run in any request's. Static, set once in child_init and read only afterwards:
 *          the child's watchdog, its budget of memory, and its slots, which go with the process.
 *
 * Under prefork a child that is told to stop is interrupted by a signal wherever it is, and
 * destroys its pools in the handler. The cleanups then run above an interrupted guest; that is why
 * nothing here, and no callback of the exchange, keeps a lock while it waits. The watchdog is not
 * joined in that MPM: the interrupted code may be holding its lock, and the process is about to end
 * anyway.
 */
#include "plugin.h"

#include <string.h>

#include "ap_mpm.h"
#include "apr_strings.h"

#include "httpd_log.h"
#include "plugin_instance.h"

#define BACKTRACE_FRAMES 12

/* A thread runs one request's handler, and filters before and behind it at the same time. */
#define SLOTS_PER_THREAD 2

static wasm_watchdog *watchdog;
static wasm_budget *budget;
static wasm_slots *slots;

static apr_status_t watchdog_end(void *data)
{
    watchdog = NULL;
    wasm_watchdog_stop(data);
    return APR_SUCCESS;
}

void plugin_child_init(apr_pool_t *pchild, server_rec *s)
{
    wasm_report report;
    char text[400];
    int count, threads = 0, threaded = 0;

    watchdog = NULL;
    plugin_lock_init();
    plugin_all(&count);
    if (count == 0 && !plugin_users_allowed()) {
        return;
    }
    counters_child_init(pchild);
    budget = counters_budget();
    budget->limit = SETTING_OF(server, settings_of_server(s), memory_total)->bytes;
    if (ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads) != APR_SUCCESS || threads < 1) {
        threads = 1;
    }
    slots = wasm_slots_new((uint32_t)threads * SLOTS_PER_THREAD); /* NULL: it goes without */
    if (wasm_watchdog_start(&watchdog, &report) != WASM_OK) {
        watchdog = NULL;
        LOG_S(APLOG_CRIT, 0, s,
              "no thread for the deadlines of plugins, so this child answers 503 for them: %s",
              wasm_report_format(&report, text, sizeof(text)));
        return;
    }
    if (ap_mpm_query(AP_MPMQ_IS_THREADED, &threaded) == APR_SUCCESS && threaded) {
        apr_pool_cleanup_register(pchild, watchdog, watchdog_end, apr_pool_cleanup_null);
    }
    plugin_instance_child_init(pchild);
    plugin_native_begin(pchild, s);
    plugin_watch_begin(pchild, s);
}

void plugin_child_stopping(apr_pool_t *pchild, int graceful)
{
    int threaded = 0;

    (void)pchild;
    /* Under prefork this may be a signal handler above the very guest, and pools are destroyed
     * next; see the head of this file. */
    if (watchdog != NULL && !graceful &&
        ap_mpm_query(AP_MPMQ_IS_THREADED, &threaded) == APR_SUCCESS && threaded) {
        wasm_watchdog_interrupt_all(watchdog, WASM_E_INTERRUPTED);
    }
}

wasm_budget *plugin_budget(void)
{
    return budget;
}

wasm_slots *plugin_slots(void)
{
    return slots;
}

bool plugin_can_run(void)
{
    return watchdog != NULL;
}

wasm_watchdog *plugin_watchdog(void)
{
    return watchdog;
}

struct call {
    wasm_store *store;
    wasi *process;
    kv_guest kv;
    host_context context;
    void (*set_store)(void *baton, wasm_store *store);
    void *baton;
};

static apr_status_t call_end(void *data)
{
    struct call *call = data;

    call->set_store(call->baton, NULL);
    if (call->store != NULL) {
        wasm_deadline_disarm(call->store);
    }
    wasm_store_free(call->store);
    call->store = NULL;
    wasi_free(call->process);
    call->process = NULL;
    return APR_SUCCESS;
}

/* A function's name for the log, or its number. Names are the guest's word: kept short, and every
 * byte that is not plain is shown as '?'. */
static const char *frame_name(apr_pool_t *pool, const wasm_frame *frame)
{
    size_t length = 0;
    const char *name = wasm_module_func_name(frame->module, frame->func, &length);
    char *plain;

    if (name == NULL || length == 0) {
        return apr_psprintf(pool, "function %u", frame->func);
    }
    plain = apr_pstrmemdup(pool, name, length < 80 ? length : 80);
    for (char *c = plain; *c != '\0'; c++) {
        if (*c < 0x21 || *c > 0x7e) {
            *c = '?';
        }
    }
    return plain;
}

const char *plugin_backtrace(apr_pool_t *pool, const wasm_store *store)
{
    wasm_frame frames[BACKTRACE_FRAMES];
    size_t count = wasm_store_backtrace(store, frames, BACKTRACE_FRAMES);
    const char *text = "";

    for (size_t i = 0; i < count; i++) {
        text =
            apr_pstrcat(pool, text, i == 0 ? ", in " : " < ", frame_name(pool, &frames[i]), NULL);
    }
    return count == BACKTRACE_FRAMES ? apr_pstrcat(pool, text, " < ...", NULL) : text;
}

static wasm_status fail(struct plugin_result *result, wasm_status status, const char *detail)
{
    memset(&result->report, 0, sizeof(result->report));
    result->report.status = status;
    result->report.offset = WASM_NO_OFFSET;
    result->report.func = WASM_NO_FUNC;
    apr_cpystrn(result->report.detail, detail, sizeof(result->report.detail));
    return status;
}

/* Instance and _start. */
static wasm_status call_start(struct call *call, const struct plugin_module *module,
                              struct plugin_result *result)
{
    wasm_instance *instance;
    wasm_extern start;
    wasm_status status =
        wasm_instantiate(call->store, module->wasm, module->imports, &instance, &result->report);

    if (status != WASM_OK) {
        return status;
    }
    if (!wasm_instance_export(instance, "_start", 6, &start) || start.is_host) {
        return fail(result, WASM_E_USAGE, "no function _start");
    }
    status = wasm_call(call->store, start.of.func, NULL, NULL);
    if (status != WASM_OK) {
        result->report = *wasm_store_report(call->store);
    }
    return status;
}

/* What is made for a call. On failure the cleanup frees what there is. */
static wasm_status call_begin(request_rec *r, struct call *call, const struct plugin *plugin,
                              const struct plugin_limits *limits, const wasi_options *options,
                              struct plugin_result *result)
{
    wasm_status status = wasi_new(options, &call->process, &result->report);
    wasm_limits store = limits->store;

    if (status != WASM_OK) {
        call->process = NULL;
        return status;
    }
    call->kv = (kv_guest){.exchange = options->exchange, .grants = plugin->grants.bits};
    call->context.wasi = call->process;
    call->context.kv = &call->kv;
    store.guarded = plugin_native_guards(plugin_use(r, plugin)->module);
    call->store = wasm_store_new(&store, &call->context);
    if (call->store == NULL) {
        LOG_R(APLOG_CRIT, APR_ENOMEM, r, "plugin %s: no memory for a store",
              plugin_title(r, plugin));
        return fail(result, WASM_E_NO_MEMORY, "for a store");
    }
    call->set_store(call->baton, call->store);
    wasm_deadline_arm(call->store, watchdog, limits->nanoseconds);
    return WASM_OK;
}

void plugin_run(request_rec *r, const struct plugin *plugin, const struct plugin_limits *limits,
                const wasi_options *process, void (*set_store)(void *baton, wasm_store *store),
                struct plugin_result *result)
{
    struct call *call = apr_pcalloc(r->pool, sizeof(*call));

    memset(result, 0, sizeof(*result));
    result->backtrace = "";
    call->set_store = set_store;
    call->baton = process->exchange->baton;
    apr_pool_cleanup_register(r->pool, call, call_end, apr_pool_cleanup_null);
    result->status = call_begin(r, call, plugin, limits, process, result);
    if (result->status == WASM_OK) {
        result->status = call_start(call, plugin_use(r, plugin)->module, result);
        result->guest_nanoseconds = limits->nanoseconds - wasm_deadline_left(call->store);
        result->memory_peak = wasm_store_memory_peak(call->store);
        result->missed_grants =
            wasi_missed_grants(call->process) | (call->kv.missed ? GRANT_KV : 0);
        if (result->status == WASM_E_EXIT) {
            result->exit_code = wasi_exit_code(call->process);
            result->status = WASM_OK;
        } else if (result->status != WASM_OK) {
            result->backtrace = plugin_backtrace(r->pool, call->store);
        }
    }
    apr_pool_cleanup_run(r->pool, call, call_end);
}
