/* SPDX-License-Identifier: Apache-2.0
 * plugin_version.c — what a plugin runs now, and what a request keeps to its end.
 *
 * How:     a version is a module with the words by which log, notes and status page call it. A
 *          plugin holds its current version, a request the one that it began with; each holding is
 *          a counted reference. Switching replaces the plugin's pointer: requests in flight are not
 *          disturbed, and the old version is swept away when the last of them is over. There are
 *          never more versions alive than requests in flight and plugins.
 *
 * The lock: one for all counts, held for a few instructions. Under prefork there is no other thread
 * that touches them, but a child that is told to stop destroys its pools in a signal handler, above
 * whatever it was doing; so there the lock is a mark, and a handler that finds it set leaves the
 * counts alone: the process ends next. For the same reason nothing is freed when a reference is
 * dropped (the handler may be above malloc), but by plugin_version_sweep().
 *
 * Memory:  malloc; a version is one block with its words.
 * Threads: any.
 */
#include "plugin.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "ap_mpm.h"
#include "apr_strings.h"

#include "httpd_log.h"
#include "request_state.h"

/* ---- the lock -------------------------------------------------------------------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool threaded;                   /* false also in the parent */
static volatile sig_atomic_t is_inside; /* where it is not threaded */

void plugin_lock_init(void)
{
    int answer = 0;

    threaded = ap_mpm_query(AP_MPMQ_IS_THREADED, &answer) == APR_SUCCESS && answer != 0;
}

bool plugin_is_threaded(void)
{
    return threaded;
}

bool plugin_lock(void)
{
    if (threaded) {
        return pthread_mutex_lock(&lock) == 0;
    }
    if (is_inside) {
        return false;
    }
    is_inside = 1;
    return true;
}

void plugin_unlock(void)
{
    if (threaded) {
        pthread_mutex_unlock(&lock);
    } else {
        is_inside = 0;
    }
}

/* ---- versions -------------------------------------------------------------------------------- */

static struct plugin_version *versions;

/* Writes one of the words into the version's block and moves on. */
static const char *put_word(char **at, const char *word)
{
    const char *put = *at;

    *at = apr_cpystrn(*at, word, strlen(word) + 1) + 1;
    return put;
}

struct plugin_version *plugin_version_new(const struct plugin *plugin, struct plugin_module *module,
                                          const char *label)
{
    const char *word = strcmp(label, "-") == 0 ? "" : label, *blank = *word != '\0' ? " " : "";
    const char *name = plugin->path != NULL ? plugin->path : plugin->name;
    struct plugin_version *version;
    char texts[3][512], *at;
    size_t room = strlen(word) + 1;

    apr_snprintf(texts[0], sizeof(texts[0]), "%s@%.12s", plugin->name, module->hex);
    apr_snprintf(texts[1], sizeof(texts[1]), "%s%s%s (sha256:%.12s)", name, blank, word,
                 module->hex);
    apr_snprintf(texts[2], sizeof(texts[2]), "%s@%.12s%s%s", name, module->hex, blank, word);
    for (size_t i = 0; i < 3; i++) {
        room += strlen(texts[i]) + 1;
    }
    version = calloc(1, sizeof(*version) + room);
    if (!plugin_lock()) {
        free(version);
        return NULL;
    }
    if (version == NULL) {
        plugin_module_release(module);
        plugin_unlock();
        return NULL;
    }
    at = (char *)(version + 1);
    version->name = put_word(&at, word);
    version->label = put_word(&at, texts[0]);
    version->title = put_word(&at, texts[1]);
    version->voice = put_word(&at, texts[2]);
    version->module = module;
    version->refs = 1;
    version->next = versions;
    versions = version;
    plugin_unlock();
    return version;
}

struct plugin_version *plugin_version_hold(const struct plugin *plugin)
{
    struct plugin_version *version = NULL;

    if (plugin_lock()) {
        version = plugin->current;
        version->refs++;
        plugin_unlock();
    }
    return version;
}

struct plugin_version *plugin_version_share(struct plugin_version *version)
{
    if (plugin_lock()) {
        version->refs++;
        plugin_unlock();
    }
    return version;
}

void plugin_version_release(struct plugin_version *version)
{
    if (plugin_lock()) {
        version->refs--;
        plugin_unlock();
    }
}

bool plugin_version_is_current(const struct plugin *plugin, const struct plugin_version *version)
{
    bool is = false;

    if (plugin_lock()) {
        is = plugin->current == version;
        plugin_unlock();
    }
    return is;
}

struct plugin_snapshot plugin_version_snapshot(const struct plugin_version *version)
{
    struct plugin_snapshot snapshot = {.refused = true};

    if (plugin_lock()) {
        snapshot = version->snapshot;
        plugin_unlock();
    }
    return snapshot;
}

bool plugin_version_keep(struct plugin_version *version, const struct plugin_snapshot *snapshot)
{
    bool first = false;

    if (plugin_lock()) {
        first = version->snapshot.state == NULL && !version->snapshot.refused;
        if (first) {
            version->snapshot = *snapshot;
        }
        plugin_unlock();
    }
    return first;
}

void plugin_version_switch(struct plugin *plugin, struct plugin_version *version)
{
    if (plugin_lock()) {
        if (plugin->current != NULL) {
            plugin->current->refs--;
        }
        plugin->current = version;
        plugin_unlock();
    }
}

void plugin_version_sweep(void)
{
    struct plugin_version **at = &versions, *over = NULL;

    if (!plugin_lock()) {
        return;
    }
    while (*at != NULL) {
        struct plugin_version *version = *at;

        if (version->refs == 0) {
            *at = version->next;
            plugin_module_release(version->module);
            version->next = over;
            over = version;
        } else {
            at = &version->next;
        }
    }
    plugin_unlock();
    while (over != NULL) {
        struct plugin_version *next = over->next;

        wasm_snapshot_free(over->snapshot.state);
        free(over);
        over = next;
    }
    plugin_module_sweep();
}

/* ---- a request's ----------------------------------------------------------------------------- */

static const struct plugin_version *pinned(const request_rec *r, const struct plugin *plugin)
{
    for (; r != NULL; r = r->prev != NULL ? r->prev : r->main) {
        const struct request_state *state =
            ap_get_module_config(r->request_config, &wasmserve_module);

        for (const struct request_pin *pin = state ? state->pins : NULL; pin; pin = pin->next) {
            if (pin->plugin == plugin) {
                return pin->version;
            }
        }
    }
    return NULL;
}

static apr_status_t unpin(void *data)
{
    plugin_version_release(data);
    return APR_SUCCESS;
}

const struct plugin_version *plugin_use(request_rec *r, const struct plugin *plugin)
{
    const struct plugin_version *version = pinned(r, plugin);
    struct plugin_version *held;
    struct request_state *state;
    struct request_pin *pin;

    if (version != NULL) {
        return version;
    }
    plugin_watch_request((struct plugin *)plugin);
    held = plugin_version_hold(plugin);
    apr_pool_cleanup_register(r->pool, held, unpin, apr_pool_cleanup_null);
    state = request_state_of(r);
    pin = apr_palloc(r->pool, sizeof(*pin));
    pin->plugin = plugin;
    pin->version = held;
    pin->next = state->pins;
    state->pins = pin;
    return held;
}

const char *plugin_title(request_rec *r, const struct plugin *plugin)
{
    return plugin_use(r, plugin)->title;
}
