/* SPDX-License-Identifier: Apache-2.0
 * plugin_watch.c — a child keeps up with the versions that are active in WasmServePluginDir.
 *
 * How:     four times a second somebody looks whether the record of a plugin has changed (one stat
 *          for each plugin); if it has, the record is read, the module loaded, prepared and linked,
 *          and the plugin's current version switched. (For a moment after a change it is looked at
 *          more often.) What cannot be used is said once, and the plugin goes on with what it has;
 *          as long as it stands there it is tried again, less and less often, because the reason
 *          may be one of the moment (no memory, no descriptors).
 *
 *   event, worker   a thread of the child's does that. No request ever waits for it.
 *   prefork         the check is made at the beginning of a request. A thread would be wrong there:
 *                   a child has one request at a time and is interrupted by signals wherever it is,
 *                   so it could not share a lock with anybody; and hundreds of idle children would
 *                   wake four times a second for nothing. The first request of each child after a
 *                   switch waits until the module is prepared.
 *
 * A child begins by catching up, before it serves: what it has inherited is what was active when
 * the configuration was read.
 *
 * Memory:  a source lives in pconf; texts in a pool of its own that is cleared after each look.
 * Threads: child_init, then the thread, or the one that serves (prefork). plugin_watch_open: the
 *          one that reads the configuration. A source is touched by nobody else.
 */
#include "plugin.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "apr_strings.h"
#include "unixd.h"

#include "httpd_log.h"
#include "plugin_instance.h"

#define INTERVAL    apr_time_from_msec(250)
#define SOON        apr_time_from_msec(20) /* a record has just changed: more may be to come */
#define RETRY_FIRST apr_time_from_sec(5)
#define RETRY_LAST  apr_time_from_sec(600)

struct plugin_source {
    const char *dir;
    versions_mark mark;
    apr_time_t looked; /* prefork: when the last look was */
    bool taken;        /* the current version is from here, not from WasmServeModule */
    apr_time_t retry;  /* when to try again what failed; 0: nothing failed */
    apr_interval_time_t patience;
    char failure[300]; /* what was said last, so that it is not said again */
};

/* ---- one plugin ------------------------------------------------------------------------------ */

/* What is active, by the record. False: *why; with `none` that there is nothing of it yet. */
static bool active_entry(const struct plugin *plugin, const versions_dir *dir, version_entry *entry,
                         bool *none, apr_pool_t *pool, const char **why)
{
    versions_record record;
    versions_fault fault;
    versions_status status = versions_read(dir, plugin->name, &record, &fault);

    *none = status == VERSIONS_NONE;
    if (status != VERSIONS_OK) {
        *why = apr_pstrdup(pool, fault.text);
        return false;
    }
    if (record.active[0] != '\0') {
        *entry = *versions_record_entry(&record, record.active);
    } else {
        *none = true;
        *why = apr_psprintf(pool,
                            "no version of the plugin %s is active in %s; choose one: `wasmserve "
                            "plugin -d %s activate %s VERSION`",
                            plugin->name, dir->path, dir->path, plugin->name);
    }
    versions_record_release(&record);
    return !*none;
}

static struct plugin_version *load(const struct plugin *plugin, const versions_dir *dir,
                                   const version_entry *entry, apr_pool_t *pool, const char **why)
{
    const char *path = apr_psprintf(pool, "%s/modules/%s.wasm", dir->path, entry->hex), *reason;
    struct plugin_bytes from = {.hex = entry->hex,
                                .path = path,
                                .tier = plugin_tier(plugin->server),
                                .abi = plugin->settings->abi.abi};
    struct plugin_module *module = plugin_module_find(entry->hex, from.tier, from.abi);
    struct plugin_version *version;
    versions_fault fault;
    uint8_t *bytes;

    if (module == NULL) {
        if (versions_read_module(dir, entry->hex, &bytes, &from.length, &fault) != VERSIONS_OK) {
            *why = apr_pstrdup(pool, fault.text);
            return NULL;
        }
        from.bytes = bytes;
        from.quota = host_load_quota(from.length);
        module = plugin_module_get(&from, pool, &reason);
        free(bytes);
        if (module == NULL) {
            *why = apr_psprintf(pool, "the module %s %s", path, reason);
            return NULL;
        }
    }
    version = plugin_version_new(plugin, module, entry->label);
    if (version == NULL) {
        *why = "out of memory";
    }
    return version;
}

/* Who could become the plugin of every request must not be able to write there. */
static const char *owner_complaint(const versions_dir *dir, apr_pool_t *pool)
{
    if (geteuid() != 0 || dir->owner == 0 || dir->owner != ap_unixd_config.user_id) {
        return NULL;
    }
    return apr_psprintf(pool,
                        "%s belongs to the user that the server runs as (%s), so that a request "
                        "could replace plugins; let it belong to root or to another user",
                        dir->path, ap_unixd_config.user_name);
}

bool plugin_watch_open(struct plugin *plugin, const char *path, apr_pool_t *pconf, apr_pool_t *pool,
                       struct plugin_version **out, const char **why)
{
    struct plugin_source *source = apr_pcalloc(pconf, sizeof(*source));
    version_entry entry;
    versions_fault fault;
    versions_dir dir;
    versions_status status;
    bool none = false;

    *out = NULL;
    source->dir = path;
    plugin->source = source;
    if (plugin->name[0] == '.') {
        *why = apr_psprintf(pool, "\"%s\" begins with '.', and such a plugin cannot have versions",
                            plugin->name);
        return false;
    }
    status = versions_open(path, sha256_hex, &dir, &fault);
    if (status != VERSIONS_OK) {
        *why = apr_pstrdup(pool, fault.text);
        return status == VERSIONS_NONE; /* nothing was added yet */
    }
    *why = owner_complaint(&dir, pool);
    if (*why == NULL && active_entry(plugin, &dir, &entry, &none, pool, why)) {
        *out = load(plugin, &dir, &entry, pool, why);
        source->taken = *out != NULL;
    }
    versions_close(&dir);
    return *out != NULL || none;
}

/* ---- in a child ------------------------------------------------------------------------------ */

static void failed(const struct plugin *plugin, const char *why)
{
    struct plugin_source *source = plugin->source;
    struct plugin_version *current = plugin_version_hold(plugin);

    if (source->retry == 0) {
        source->patience = RETRY_FIRST;
    } else if (source->patience < RETRY_LAST) {
        source->patience *= 2;
    }
    source->retry = apr_time_now() + source->patience;
    if (strncmp(source->failure, why, sizeof(source->failure) - 1) != 0) {
        apr_cpystrn(source->failure, why, sizeof(source->failure));
        counter_add(&plugin->counters->switches_failed, 1);
        LOG_S(APLOG_ERR, 0, plugin->server,
              "plugin %s: its active version cannot be used: %s; going on with %s", plugin->name,
              why, current->title);
    }
    plugin_version_release(current);
}

/* What a plugin cannot become while it is in use. */
static const char *misfit(const struct plugin *plugin, const struct plugin_version *version,
                          apr_pool_t *pool)
{
    const char *why;

    if (version->module->abi != plugin->abi) {
        return apr_psprintf(pool, "it is a guest for %s, and this plugin is used as one for %s",
                            host_abi_name(version->module->abi), host_abi_name(plugin->abi));
    }
    why = plugin_module_memory(version->module, plugin_memory_cap(plugin), pool);
    return why ? apr_psprintf(pool, "%s %s", version->title, why) : NULL;
}

/* Brings the plugin to this version, unless it is there. */
static void take(struct plugin *plugin, const versions_dir *dir, const version_entry *entry,
                 apr_pool_t *pool)
{
    struct plugin_version *current = plugin_version_hold(plugin), *version;
    const char *why = NULL;

    if (strcmp(current->module->hex, entry->hex) == 0) {
        plugin->source->retry = 0;
        plugin->source->failure[0] = '\0';
    } else if ((version = load(plugin, dir, entry, pool, &why)) != NULL) {
        why = misfit(plugin, version, pool);
        if (why != NULL) {
            plugin_version_release(version);
        } else {
            LOG_S(APLOG_INFO, 0, plugin->server, "plugin %s: it was %s", version->title,
                  current->title);
            plugin_version_switch(plugin, version);
            plugin_instance_drop(plugin);
            counter_add(&plugin->counters->switches, 1);
            plugin->source->retry = 0;
            plugin->source->failure[0] = '\0';
        }
    }
    plugin_version_release(current);
    plugin->source->taken = true;
    if (why != NULL) {
        failed(plugin, why);
    }
}

static void look(struct plugin *plugin, apr_pool_t *pool)
{
    struct plugin_source *source = plugin->source;
    version_entry entry;
    versions_fault fault;
    versions_dir dir;
    versions_status status;
    const char *why;
    bool none;

    if (!versions_changed(source->dir, plugin->name, &source->mark) &&
        (source->retry == 0 || apr_time_now() < source->retry)) {
        return;
    }
    status = versions_open(source->dir, sha256_hex, &dir, &fault);
    if (status != VERSIONS_OK) {
        if (status != VERSIONS_NONE || source->taken) {
            failed(plugin, fault.text);
        }
        return;
    }
    if (active_entry(plugin, &dir, &entry, &none, pool, &why)) {
        take(plugin, &dir, &entry, pool);
    } else if (!none || source->taken) {
        failed(plugin, why);
    }
    versions_close(&dir);
}

/* Returns when the next look is due. */
static apr_interval_time_t look_at_all(apr_pool_t *pool)
{
    apr_interval_time_t next = INTERVAL;
    struct plugin *const *plugins;
    int count;

    plugins = plugin_all(&count);
    for (int i = 0; i < count; i++) {
        if (plugins[i]->source != NULL) {
            look(plugins[i], pool);
            if (!plugins[i]->source->mark.settled) {
                next = SOON;
            }
        }
    }
    plugin_version_sweep();
    apr_pool_clear(pool);
    return next;
}

/* ---- the thread ------------------------------------------------------------------------------ */

static struct watcher {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stopping;
    apr_pool_t *pool;
} watcher;

static void *watch(void *baton)
{
    apr_interval_time_t next = SOON;

    (void)baton;
    pthread_mutex_lock(&watcher.lock);
    while (!watcher.stopping) {
        struct timespec until;

        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += (long)next * 1000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        if (pthread_cond_timedwait(&watcher.wake, &watcher.lock, &until) == ETIMEDOUT) {
            pthread_mutex_unlock(&watcher.lock);
            next = look_at_all(watcher.pool);
            pthread_mutex_lock(&watcher.lock);
        }
    }
    pthread_mutex_unlock(&watcher.lock);
    return NULL;
}

static apr_status_t watch_end(void *data)
{
    (void)data;
    pthread_mutex_lock(&watcher.lock);
    watcher.stopping = true;
    pthread_cond_signal(&watcher.wake);
    pthread_mutex_unlock(&watcher.lock);
    pthread_join(watcher.thread, NULL);
    return APR_SUCCESS;
}

/* All signals stay blocked in the thread: they are the server's own. */
static int start(void)
{
    pthread_condattr_t attributes;
    sigset_t all, before;
    int error;

    pthread_mutex_init(&watcher.lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&watcher.wake, &attributes);
    pthread_condattr_destroy(&attributes);
    watcher.stopping = false;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&watcher.thread, NULL, watch, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

/* A pool that only one thread uses, whatever others do with its parent. */
static apr_pool_t *private_pool(apr_pool_t *parent)
{
    apr_allocator_t *allocator;
    apr_pool_t *pool;

    if (apr_allocator_create(&allocator) != APR_SUCCESS) {
        return NULL;
    }
    if (apr_pool_create_ex(&pool, parent, NULL, allocator) != APR_SUCCESS) {
        apr_allocator_destroy(allocator);
        return NULL;
    }
    apr_allocator_owner_set(allocator, pool);
    return pool;
}

void plugin_watch_begin(apr_pool_t *pchild, server_rec *s)
{
    struct plugin *const *plugins;
    int count, watched = 0, error;

    plugins = plugin_all(&count);
    for (int i = 0; i < count; i++) {
        watched += plugins[i]->source != NULL;
    }
    if (watched == 0) {
        return;
    }
    watcher.pool = private_pool(pchild);
    if (watcher.pool == NULL) {
        LOG_S(APLOG_CRIT, APR_ENOMEM, s, "no memory for keeping up with WasmServePluginDir");
        return;
    }
    (void)look_at_all(watcher.pool);
    if (!plugin_is_threaded()) {
        return;
    }
    error = start();
    if (error != 0) {
        LOG_S(APLOG_CRIT, error, s,
              "no thread for keeping up with WasmServePluginDir: this child goes on with the "
              "versions that it has");
        return;
    }
    /* Before what hangs on pchild is destroyed, the pool of the thread among it. */
    apr_pool_pre_cleanup_register(pchild, NULL, watch_end);
}

void plugin_watch_request(struct plugin *plugin)
{
    apr_interval_time_t interval;
    apr_time_t now;

    if (plugin->source == NULL || plugin_is_threaded() || watcher.pool == NULL) {
        return;
    }
    now = apr_time_now();
    interval = plugin->source->mark.settled ? INTERVAL : SOON;
    if (now - plugin->source->looked < interval && now >= plugin->source->looked) {
        return;
    }
    plugin->source->looked = now;
    look(plugin, watcher.pool);
    plugin_version_sweep();
    apr_pool_clear(watcher.pool);
}
