/* SPDX-License-Identifier: Apache-2.0
 * plugin_instance.c — a guest that lives for more than one call.
 *
 * How:     An instance is a store, a WASI process and the state of its ABI, made together, with the
 *          deadline running: placing segments, start functions and _start are the guest's doing.
 *          The time that is left goes with the instance from call to call; in between no watchdog
 *          knows of it, since a backend may take its time and the child may end meanwhile.
 *
 *          With WasmServeSnapshot, and by default where it makes no difference, the first instance
 *          of a version that has started leaves its state to all later ones of this child, which
 *          begin with it instead of starting.
 *
 *          With WasmServeReuse an instance that has served a request without failing waits in a
 *          list of its plugin, last in first out, so that those that are not needed age at the end.
 *          It is taken only for a request with the very same version of the plugin and limits. It
 *          begins with a full tank and a full deadline, and with the memory as its last request
 *          left it, which is what the administrator has asked for. How many bytes may wait in a
 *          child is bounded.
 *
 * Memory:  malloc, because it outlives any pool of a request; bound by a cleanup of the request's
 *          pool while it serves one, and by one of pchild while it waits.
 * Threads: The lists have one lock, held for a few assignments. Under prefork there is no other
 *          thread, and the cleanups may run in a signal handler above this very code
 *          (plugin_run.c): so there is no lock and nothing is cleaned up at the end; the process
 *          ends.
 */
#include "plugin_instance.h"

#include <stdlib.h>
#include <string.h>

#include "ap_mpm.h"
#include "apr_strings.h"
#include "apr_thread_mutex.h"

#include "httpd_log.h"

#define IDLE_BYTES ((uint64_t)256 << 20) /* RATIONALE "Limits" */

struct plugin_instance {
    struct plugin_instance *next;
    const struct plugin *plugin;
    struct plugin_version *version; /* held: the store runs its module's code */
    wasm_limits limits;
    int64_t served;  /* requests, this one included */
    uint64_t left;   /* ns of guest time for this request */
    bool broken;     /* something failed: it may not serve another request */
    uint32_t lacked; /* grants that the guest whose state it began with has asked for in vain */
    uint64_t bytes;  /* of linear memory, while it waits */

    const char *argv[1];

    apr_pool_t *pool; /* of the request that it serves */
    exchange world;
    void (*set_store)(void *baton, wasm_store *store);
    kv_guest kv;
    host_context context;
    wasi *process;
    httpwasm *guest;
    wasm_store *store;
};

static struct {
    apr_thread_mutex_t *lock; /* NULL: no threads */
    bool ended;               /* the child is going away */
    uint64_t bytes;           /* of all that wait */
} waiting;

static void lock(void)
{
    if (waiting.lock != NULL) {
        apr_thread_mutex_lock(waiting.lock);
    }
}

static void unlock(void)
{
    if (waiting.lock != NULL) {
        apr_thread_mutex_unlock(waiting.lock);
    }
}

static void instance_free(struct plugin_instance *instance)
{
    wasm_store_free(instance->store);
    httpwasm_free(instance->guest);
    wasi_free(instance->process);
    plugin_version_release(instance->version);
    free(instance);
}

/* ---- waiting for the next request ------------------------------------------------------------ */

static apr_status_t idle_end(void *data)
{
    struct plugin *const *plugins;
    int count;

    (void)data;
    lock();
    waiting.ended = true;
    plugins = plugin_all(&count);
    for (int i = 0; i < count; i++) {
        struct plugin_idle *idle = plugins[i]->idle;

        while (idle != NULL && idle->first != NULL) {
            struct plugin_instance *instance = idle->first;

            idle->first = instance->next;
            instance_free(instance);
        }
    }
    unlock();
    waiting.lock = NULL; /* it goes with the pool */
    return APR_SUCCESS;
}

void plugin_instance_child_init(apr_pool_t *pchild)
{
    int threaded = 0;

    memset(&waiting, 0, sizeof(waiting));
    if (ap_mpm_query(AP_MPMQ_IS_THREADED, &threaded) == APR_SUCCESS && threaded) {
        if (apr_thread_mutex_create(&waiting.lock, APR_THREAD_MUTEX_DEFAULT, pchild) !=
            APR_SUCCESS) {
            waiting.ended = true; /* nothing ever waits */
            return;
        }
        apr_pool_cleanup_register(pchild, NULL, idle_end, apr_pool_cleanup_null);
    }
}

static bool same_limits(const wasm_limits *a, const wasm_limits *b)
{
    return a->memory_bytes == b->memory_bytes && a->table_elements == b->table_elements &&
           a->stack_bytes == b->stack_bytes && a->call_depth == b->call_depth &&
           a->fuel == b->fuel && a->quota == b->quota;
}

/* Takes an instance out of its list. With the lock. */
static struct plugin_instance *idle_remove(struct plugin_idle *idle, struct plugin_instance **at)
{
    struct plugin_instance *instance = *at;

    *at = instance->next;
    idle->count--;
    waiting.bytes -= instance->bytes;
    return instance;
}

/* One that waits and fits; NULL if there is none. */
static struct plugin_instance *idle_take(const struct plugin *plugin,
                                         const struct plugin_version *version,
                                         const wasm_limits *limits)
{
    struct plugin_instance *found = NULL;

    if (plugin->settings->reuse.requests <= 1) {
        return NULL;
    }
    lock();
    for (struct plugin_instance **at = &plugin->idle->first; *at != NULL; at = &(*at)->next) {
        if ((*at)->version == version && same_limits(&(*at)->limits, limits)) {
            found = idle_remove(plugin->idle, at);
            break;
        }
    }
    unlock();
    return found;
}

void plugin_instance_drop(const struct plugin *plugin)
{
    struct plugin_instance *old = NULL;

    lock();
    for (struct plugin_instance **at = &plugin->idle->first; *at != NULL;) {
        if (plugin_version_is_current(plugin, (*at)->version)) {
            at = &(*at)->next;
        } else {
            struct plugin_instance *instance = idle_remove(plugin->idle, at);

            instance->next = old;
            old = instance;
        }
    }
    unlock();
    while (old != NULL) {
        struct plugin_instance *next = old->next;

        instance_free(old);
        old = next;
    }
}

/* Lets it wait, if it may; otherwise false. */
static bool idle_put(struct plugin_instance *instance)
{
    const struct plugin *plugin = instance->plugin;
    bool room;

    if (instance->broken || instance->served >= plugin->settings->reuse.requests) {
        return false;
    }
    instance->bytes = wasm_store_memory_used(instance->store);
    lock();
    room = !waiting.ended && plugin_version_is_current(plugin, instance->version) &&
           waiting.bytes + instance->bytes <= IDLE_BYTES;
    if (room) {
        instance->next = plugin->idle->first;
        plugin->idle->first = instance;
        plugin->idle->count++;
        waiting.bytes += instance->bytes;
    }
    unlock();
    return room;
}

/* ---- calls ----------------------------------------------------------------------------------- */

static void call_begin(struct plugin_instance *instance)
{
    wasm_deadline_arm(instance->store, plugin_watchdog(), instance->left);
}

static uint32_t missed_grants(const struct plugin_instance *instance)
{
    return instance->lacked | wasi_missed_grants(instance->process) |
           httpwasm_missed_grants(instance->guest) | (instance->kv.missed ? GRANT_KV : 0);
}

/* Takes down what the call cost and, if it failed, why. */
static bool call_end(struct plugin_instance *instance, wasm_status status,
                     struct plugin_result *result)
{
    uint64_t left = wasm_deadline_left(instance->store);

    wasm_deadline_disarm(instance->store);
    result->guest_nanoseconds = instance->left - left;
    instance->left = left;
    result->memory_peak = wasm_store_memory_peak(instance->store);
    result->missed_grants = missed_grants(instance);
    result->status = status;
    if (status != WASM_OK) {
        instance->broken = true;
        result->backtrace = plugin_backtrace(instance->pool, instance->store);
    }
    if (status == WASM_E_EXIT) {
        size_t length = strlen(result->report.detail);

        /* Whatever the code: an ABI whose guests are called again has no use for an end. */
        apr_snprintf(result->report.detail + length, sizeof(result->report.detail) - length,
                     ": the guest ended itself with code %u", wasi_exit_code(instance->process));
    }
    return status == WASM_OK;
}

static void result_clear(struct plugin_result *result)
{
    memset(result, 0, sizeof(*result));
    result->backtrace = "";
    result->report.offset = WASM_NO_OFFSET;
    result->report.func = WASM_NO_FUNC;
}

static bool fail(struct plugin_result *result, wasm_status status, const char *detail)
{
    result->status = result->report.status = status;
    apr_cpystrn(result->report.detail, detail, sizeof(result->report.detail));
    return false;
}

/* Everything but the instance itself. */
static bool make(struct plugin_instance *instance, struct plugin_result *result)
{
    const struct plugin *plugin = instance->plugin;
    const wasi_options process = {.argv = instance->argv,
                                  .argc = 1,
                                  .env = plugin->env,
                                  .env_count = plugin->env_count,
                                  .grants = &plugin->grants,
                                  .exchange = &instance->world,
                                  .max_open = PLUGIN_OPEN_FILES};
    const httpwasm_options guest = {.exchange = &instance->world,
                                    .grants = &plugin->grants,
                                    .config = plugin->config,
                                    .config_length = plugin->config_length};

    result->status = wasi_new(&process, &instance->process, &result->report);
    if (result->status != WASM_OK) {
        instance->process = NULL;
        return false;
    }
    instance->guest = httpwasm_new(&guest);
    instance->context.wasi = instance->process;
    instance->context.httpwasm = instance->guest;
    instance->kv = (kv_guest){.exchange = &instance->world, .grants = plugin->grants.bits};
    instance->context.kv = &instance->kv;
    instance->limits.guarded = plugin_native_guards(instance->version->module);
    instance->store = wasm_store_new(&instance->limits, &instance->context);
    if (instance->guest == NULL || instance->store == NULL) {
        return fail(result, WASM_E_NO_MEMORY, "for an instance");
    }
    return true;
}

/* Whether instances begin with the state of one that has initialized itself. Auto: if it has
 * something to do for that, and no grant lets it come out differently the next time; then nobody
 * can tell, but by the time it takes. */
static bool begins_initialized(const struct plugin_instance *instance)
{
    const grants *granted = &instance->plugin->grants;

    switch (instance->plugin->settings->snapshot.mode) {
    case SNAPSHOT_ON: return true;
    case SNAPSHOT_OFF: return false;
    case SNAPSHOT_AUTO: break;
    }
    return instance->version->module->initializes && granted->dir_count == 0 &&
           (granted->bits & (GRANT_CLOCK | GRANT_RANDOM | GRANT_KV)) == 0;
}

/* What this instance begins with. `refused`: nothing, and its own state is not kept. A state that
 * is kept unasked is for those with the same limit: under another one its memory might not have
 * grown, or have grown further. */
static struct plugin_snapshot beginning_of(const struct plugin_instance *instance)
{
    struct plugin_snapshot snapshot = {.refused = true};

    if (begins_initialized(instance)) {
        snapshot = plugin_version_snapshot(instance->version);
    }
    if (snapshot.state != NULL && snapshot.memory != instance->limits.memory_bytes &&
        instance->plugin->settings->snapshot.mode == SNAPSHOT_AUTO) {
        snapshot = (struct plugin_snapshot){.refused = true};
    }
    return snapshot;
}

/* How often WasmServeMemoryTotal has refused memory in this child, to whomever. */
static uint64_t refusals(const struct plugin_instance *instance)
{
    wasm_budget *budget = instance->limits.budget;

    return budget != NULL ? atomic_load(&budget->refused) : 0;
}

/* Keeps the state of an instance that has just started, for all that begin after it in this child.
 */
static void keep(const struct plugin_instance *instance, const wasm_instance *made)
{
    struct plugin_snapshot snapshot = {.features = httpwasm_initial_features(instance->guest),
                                       .time = wasi_pretended_time(instance->process),
                                       .memory = instance->limits.memory_bytes,
                                       .lacked = missed_grants(instance)};
    const char *why = "it has opened or closed files while it initialized itself";
    wasm_report report;

    if (wasi_is_initial(instance->process)) {
        wasm_snapshot_take(made, &snapshot.state, &report);
        why = report.detail;
    }
    snapshot.refused = snapshot.state == NULL;
    if (!plugin_version_keep(instance->version, &snapshot)) {
        wasm_snapshot_free(snapshot.state);
    } else if (snapshot.refused) {
        bool wanted = instance->plugin->settings->snapshot.mode == SNAPSHOT_ON;

        LOG_S(
            wanted ? APLOG_WARNING : APLOG_DEBUG, 0, instance->plugin->server,
            "plugin %s: WasmServeSnapshot: its state cannot be kept, so each instance initializes "
            "itself: %s",
            instance->version->title, why);
    }
}

static bool start(struct plugin_instance *instance, struct plugin_result *result)
{
    const struct plugin_module *module = instance->version->module;
    struct plugin_snapshot snapshot = beginning_of(instance);
    uint64_t refused = refusals(instance);
    wasm_instance *made;
    wasm_status status;

    call_begin(instance);
    if (snapshot.state != NULL) {
        status = wasm_instantiate_from(instance->store, snapshot.state, module->imports, &made,
                                       &result->report);
        wasi_resume(instance->process, snapshot.time);
        instance->lacked = snapshot.lacked;
        if (status == WASM_OK) {
            status = httpwasm_resume(instance->guest, instance->store, made, snapshot.features);
        }
        return call_end(instance, status, result);
    }
    status =
        wasm_instantiate(instance->store, module->wasm, module->imports, &made, &result->report);
    if (status != WASM_OK) {
        httpwasm_explain(instance->guest, &result->report);
    } else {
        status = httpwasm_start(instance->guest, instance->store, made, &result->report);
    }
    if (!call_end(instance, status, result)) {
        return false;
    }
    /* What a guest made of a shortage is not for those after it, unless one does for all. */
    if (!snapshot.refused && (refused == refusals(instance) ||
                              instance->plugin->settings->snapshot.mode == SNAPSHOT_ON)) {
        keep(instance, made);
    }
    return true;
}

bool plugin_instance_request(struct plugin_instance *instance, const exchange_http *http,
                             bool *next, struct plugin_result *result)
{
    result_clear(result);
    call_begin(instance);
    return call_end(instance, httpwasm_request(instance->guest, http, next, &result->report),
                    result);
}

bool plugin_instance_response(struct plugin_instance *instance, bool is_error,
                              struct plugin_result *result)
{
    result_clear(result);
    call_begin(instance);
    return call_end(instance, httpwasm_response(instance->guest, is_error, &result->report),
                    result);
}

uint32_t plugin_instance_features(const struct plugin_instance *instance)
{
    return httpwasm_features(instance->guest);
}

/* ---- taking and giving back ------------------------------------------------------------------ */

static void silence(void *baton, exchange_level level, const char *text, size_t length)
{
    (void)baton;
    (void)level;
    (void)text;
    (void)length;
}

static apr_status_t request_over(void *data)
{
    struct plugin_instance *instance = data;

    if (instance->store != NULL) {
        instance->set_store(instance->world.baton, NULL);
        wasm_deadline_disarm(instance->store);
        instance->broken = instance->broken || wasm_store_interrupted(instance->store);
    }
    if (instance->process != NULL) {
        wasi_flush(instance->process);
    }
    /* From now on nothing may reach what belongs to the request. */
    instance->world = (exchange){
        .log = silence, .clock = instance->world.clock, .random = instance->world.random};
    instance->pool = NULL;
    if (instance->guest != NULL) {
        httpwasm_end(instance->guest);
    }
    if (!idle_put(instance)) {
        instance_free(instance);
    }
    return APR_SUCCESS;
}

void plugin_instance_end(struct plugin_instance *instance)
{
    apr_pool_cleanup_run(instance->pool, instance, request_over);
}

struct plugin_instance *plugin_instance_take(request_rec *r, const struct plugin *plugin,
                                             const struct plugin_limits *limits,
                                             const exchange *world,
                                             void (*set_store)(void *baton, wasm_store *store),
                                             struct plugin_result *result)
{
    const struct plugin_version *version = plugin_use(r, plugin);
    struct plugin_instance *instance = idle_take(plugin, version, &limits->store);
    bool fresh = instance == NULL;

    result_clear(result);
    if (fresh && (instance = calloc(1, sizeof(*instance))) == NULL) {
        fail(result, WASM_E_NO_MEMORY, "for an instance");
        return NULL;
    }
    if (fresh) {
        instance->version = plugin_version_share((struct plugin_version *)version);
    }
    instance->kv.missed = false;
    instance->next = NULL;
    instance->plugin = plugin;
    instance->argv[0] = plugin->name;
    instance->limits = limits->store;
    instance->left = limits->nanoseconds;
    instance->pool = r->pool;
    instance->world = *world;
    instance->set_store = set_store;
    instance->served++;
    instance->broken = fresh; /* until it has started */
    apr_pool_cleanup_register(r->pool, instance, request_over, apr_pool_cleanup_null);
    if (!fresh) {
        wasm_store_refuel(instance->store);
        set_store(instance->world.baton, instance->store);
        return instance;
    }
    if (make(instance, result)) {
        set_store(instance->world.baton, instance->store);
        if (start(instance, result)) {
            instance->broken = false;
            return instance;
        }
    }
    plugin_instance_end(instance);
    return NULL;
}
