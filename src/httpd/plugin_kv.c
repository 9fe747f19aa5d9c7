/* SPDX-License-Identifier: Apache-2.0
 * plugin_kv.c — the shared stores of the grant kv: anonymous shared memory, made before the fork.
 *
 * How:     the parent keeps a list of stores by plugin and server. As long as a plugin keeps its
 *          name, its server and the size of its store, every configuration finds the store where it
 *          was; so what guests keep there outlives restarts, as the figures do. A store of another
 *          size begins with a copy of the latest one (children of the old generation go on with the
 *          old one: what they change from then on is not in the new). A store that no configuration
 *          has used since the one before the last has no child any more, and its memory is given
 *          back.
 *
 * Memory:  the list in the process's pool, the stores in mappings of their own; a page of a store
 *          takes memory when it is first used.
 * Threads: the parent's one, while the configuration is read.
 */
#include "plugin.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "apr_strings.h"
#include "http_core.h"

#include "httpd_log.h"

#define RETAINED_KEY "mod_wasmserve-kv"

struct kept {
    struct kept *next;
    char key[COUNTER_KEY_SIZE];
    void *memory; /* NULL: this element is free */
    size_t bytes;
    int generation; /* of the configuration that used it last */
};

struct retained {
    struct kept *first;
};

static struct kept *find(struct retained *retained, const char *key, size_t bytes)
{
    struct kept *kept = retained->first;

    while (kept != NULL &&
           (kept->memory == NULL || kept->bytes != bytes || strcmp(kept->key, key) != 0)) {
        kept = kept->next;
    }
    return kept;
}

/* The store of the same plugin, of any size, that was used last. */
static struct kept *find_latest(struct retained *retained, const char *key)
{
    struct kept *latest = NULL;

    for (struct kept *kept = retained->first; kept != NULL; kept = kept->next) {
        if (kept->memory != NULL && strcmp(kept->key, key) == 0 &&
            (latest == NULL || kept->generation > latest->generation)) {
            latest = kept;
        }
    }
    return latest;
}

static struct kept *find_free(struct retained *retained, apr_pool_t *process)
{
    struct kept *kept = retained->first;

    while (kept != NULL && kept->memory != NULL) {
        kept = kept->next;
    }
    if (kept == NULL) {
        kept = apr_pcalloc(process, sizeof(*kept));
        kept->next = retained->first;
        retained->first = kept;
    }
    return kept;
}

/* Gives back what no child can have any more. */
static void drop_unused(struct retained *retained, int generation)
{
    for (struct kept *kept = retained->first; kept != NULL; kept = kept->next) {
        if (kept->memory != NULL && kept->generation < generation - 1) {
            munmap(kept->memory, kept->bytes);
            kept->memory = NULL;
        }
    }
}

static uint64_t clock_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static kv_store *store_of(struct retained *retained, server_rec *s, const char *key, size_t bytes)
{
    int generation = ap_state_query(AP_SQ_CONFIG_GEN);
    struct kept *kept = find(retained, key, bytes), *before;
    kv_store *store = kept ? kv_store_attach(kept->memory, bytes) : NULL, *old;
    void *memory;

    if (store != NULL) {
        kept->generation = generation;
        return store;
    }
    memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return NULL;
    }
    store = kv_store_format(memory, bytes);
    if (store == NULL) {
        munmap(memory, bytes);
        return NULL;
    }
    before = find_latest(retained, key);
    old = before ? kv_store_attach(before->memory, before->bytes) : NULL;
    if (old != NULL) {
        kv_store_copy(store, old, clock_now());
    }
    kept = find_free(retained, s->process->pool);
    apr_cpystrn(kept->key, key, sizeof(kept->key));
    kept->memory = memory;
    kept->bytes = bytes;
    kept->generation = generation;
    return store;
}

bool plugin_kv_begin(server_rec *s, apr_pool_t *ptemp)
{
    struct retained *retained = ap_retained_data_get(RETAINED_KEY);
    struct plugin *const *plugins;
    int count;

    if (retained == NULL) {
        retained = ap_retained_data_create(RETAINED_KEY, sizeof(*retained));
    }
    plugins = plugin_all(&count);
    for (int i = 0; i < count; i++) {
        const struct setting_grants *granted = &plugins[i]->settings->grants;

        if ((granted->bits & GRANT_KV) == 0) {
            continue;
        }
        plugins[i]->kv = store_of(retained, s, plugin_key(plugins[i], ptemp), granted->kv_bytes);
        if (plugins[i]->kv == NULL) {
            LOG_S(APLOG_CRIT, errno, s,
                  "plugin %s: no memory for its shared store of %" APR_SIZE_T_FMT
                  " bytes; make it smaller (WasmServeGrant kv:SIZE)",
                  plugins[i]->name, granted->kv_bytes);
            return false;
        }
    }
    drop_unused(retained, ap_state_query(AP_SQ_CONFIG_GEN));
    return true;
}

void plugin_kv_give(const struct plugin *plugin, exchange *world)
{
    if (plugin->kv != NULL) {
        world->kv = &kv_store_exchange;
        world->kv_baton = plugin->kv;
    }
}
