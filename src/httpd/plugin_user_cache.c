/* SPDX-License-Identifier: Apache-2.0
 * plugin_user_cache.c — modules that .htaccess files name are prepared once, and kept for a while.
 *
 * How:     a list of entries, one for each path and tier, with the file's identity (device, inode,
 *          size, times). As long as a request finds the file to be the same, it gets what the entry
 *          has: a version, or the reason why there is none. A file that has changed replaces its
 *          entry's content. Who comes while a module is being prepared waits for that; so two
 *          requests that need it at once prepare it once. Of one owner only one module is prepared
 *          at a time in this child: a customer who uploads large modules in quick succession keeps
 *          one worker thread busy, not all.
 *
 *     EMPTY ──▶ PREPARING ──▶ READY or REFUSED ──▶ (the file changed) PREPARING …
 *
 * A file that changed only just now may change again within the tick of the clock of its file
 * system, so for that moment its bytes are read and compared by digest.
 *
 * The cache has bounds, by number and by the memory of prepared modules. Above them, entries of the
 * owner who takes the most go first, the one unused for longest among them: nobody can push all
 * others out. What a request still uses lives on until it ends.
 *
 * Memory:  malloc.
 * Threads: any request's; entries are under `lock`, but the content of one that is PREPARING
 *          belongs to the thread that does it. Under prefork there is one thread and no lock.
 */
#include "plugin_user.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "apr_strings.h"

#include "httpd_log.h"

/* RATIONALE "Of a module that .htaccess names". */
enum { ENTRIES = 64, PATIENCE_SECONDS = 5 };
#define BYTES_KEPT     ((size_t)128 << 20)
#define QUOTA_BASE     ((size_t)8 << 20)
#define QUOTA_PER_BYTE 8
#define PREPARING_TIME ((uint64_t)4 * 1000000000)

enum state { EMPTY, PREPARING, READY, REFUSED };

struct entry {
    enum state state;
    char *path;
    wasm_tier tier;
    struct user_file file; /* its descriptor is not used */
    bool settled;
    struct plugin_version *version; /* READY: held */
    char *why;                      /* REFUSED */
    size_t bytes;                   /* of the prepared module */
    uint64_t used;                  /* a count that grows: when it was asked for last */
};

static struct entry entries[ENTRIES];
static uint64_t uses;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ready = PTHREAD_COND_INITIALIZER;

static void take_lock(void)
{
    if (plugin_is_threaded()) {
        pthread_mutex_lock(&lock);
    }
}

static void leave_lock(void)
{
    if (plugin_is_threaded()) {
        pthread_mutex_unlock(&lock);
    }
}

/* ---- entries; the caller has the lock ------------------------------------------------------- */

static void forget_content(struct entry *e)
{
    if (e->version != NULL) {
        plugin_version_release(e->version);
    }
    free(e->why);
    e->version = NULL;
    e->why = NULL;
    e->bytes = 0;
}

static void forget(struct entry *e)
{
    forget_content(e);
    free(e->path);
    memset(e, 0, sizeof(*e));
}

static struct entry *find(const struct user_wish *wish)
{
    for (size_t i = 0; i < ENTRIES; i++) {
        if (entries[i].state != EMPTY && entries[i].tier == wish->tier &&
            strcmp(entries[i].path, wish->path) == 0) {
            return &entries[i];
        }
    }
    return NULL;
}

/* What an owner takes: bytes, and an entry as if it were its share of them. */
static size_t share_of(uid_t owner)
{
    size_t share = 0;

    for (size_t i = 0; i < ENTRIES; i++) {
        if (entries[i].state != EMPTY && entries[i].file.owner == owner) {
            share += entries[i].bytes + BYTES_KEPT / ENTRIES;
        }
    }
    return share;
}

/* Forgets one entry that is not being prepared and is not `keep`; false if there is none. */
static bool evict(const struct entry *keep)
{
    struct entry *victim = NULL;
    size_t most = 0;

    for (size_t i = 0; i < ENTRIES; i++) {
        struct entry *e = &entries[i];
        size_t share;

        if (e == keep || e->state == EMPTY || e->state == PREPARING) {
            continue;
        }
        share = share_of(e->file.owner);
        if (share > most || (share == most && victim != NULL && e->used < victim->used)) {
            most = share;
            victim = e;
        }
    }
    if (victim != NULL) {
        forget(victim);
    }
    return victim != NULL;
}

static void keep_bounds(const struct entry *newest)
{
    for (;;) {
        size_t bytes = 0;

        for (size_t i = 0; i < ENTRIES; i++) {
            bytes += entries[i].bytes;
        }
        if (bytes <= BYTES_KEPT || !evict(newest)) {
            return;
        }
    }
}

static struct entry *make_entry(const struct user_wish *wish)
{
    for (int attempt = 0; attempt < 2; attempt++) {
        for (size_t i = 0; i < ENTRIES; i++) {
            struct entry *e = &entries[i];

            if (e->state == EMPTY) {
                e->path = strdup(wish->path);
                e->tier = wish->tier;
                return e->path != NULL ? e : NULL;
            }
        }
        if (!evict(NULL)) {
            break;
        }
    }
    return NULL;
}

static bool owner_is_busy(uid_t owner)
{
    for (size_t i = 0; i < ENTRIES; i++) {
        if (entries[i].state == PREPARING && entries[i].file.owner == owner) {
            return true;
        }
    }
    return false;
}

/* ---- preparing, without the lock ------------------------------------------------------------ */

struct made {
    enum user_answer answer;
    struct plugin_version *version;
    const char *why; /* in the caller's pool */
    size_t bytes;
};

static void let_go(struct plugin_module *module)
{
    if (plugin_lock()) {
        plugin_module_release(module);
        plugin_unlock();
    }
}

/* Makes a version of the bytes. `known` is what the entry had before: if it is of these very bytes,
 * it is the answer. */
static void make_version(const struct user_wish *wish, const unsigned char *bytes, size_t length,
                         struct plugin_version *known, apr_pool_t *pool, struct made *made)
{
    char hex[SHA256_HEX_SIZE], word[200], label[VERSIONS_LABEL_SIZE] = "-";
    struct plugin_bytes from = {.bytes = bytes,
                                .length = length,
                                .hex = hex,
                                .path = wish->path,
                                .tier = wish->tier,
                                .quota = QUOTA_BASE + QUOTA_PER_BYTE * length,
                                .nanoseconds = PREPARING_TIME};
    struct plugin_module *module;
    const char *why;

    sha256_hex(bytes, length, hex);
    if (known != NULL && strcmp(known->module->hex, hex) == 0) {
        made->version = known;
        made->bytes = known->module->info.allocated_bytes;
        return;
    }
    module = plugin_module_get(&from, pool, &why);
    if (module == NULL) {
        made->answer = USER_REFUSED;
        made->why = apr_psprintf(pool, "the module %s %s", wish->path, why);
        return;
    }
    if (module->abi != HOST_ABI_CGI) {
        let_go(module);
        made->answer = USER_REFUSED;
        made->why =
            apr_psprintf(pool,
                         "the module %s is a guest for %s; WasmServeHandler needs a program "
                         "that answers (WASI preview 1, with _start)",
                         wish->path, host_abi_name(module->abi));
        return;
    }
    if (versions_module_section(module->wasm, word, sizeof(word))) {
        versions_make_label(word, label);
    }
    made->bytes = module->info.allocated_bytes;
    made->version = plugin_version_new(wish->plugin, module, label);
    if (made->version == NULL) {
        made->answer = USER_BUSY;
        made->why = "out of memory";
        return;
    }
    LOG_S(APLOG_DEBUG, 0, wish->plugin->server,
          "prepared %s for .htaccess files: sha256:%s, %" APR_SIZE_T_FMT " bytes in memory",
          wish->path, hex, made->bytes);
}

static void prepare(const struct user_wish *wish, struct plugin_version *known, apr_pool_t *pool,
                    struct made *made)
{
    size_t length;
    unsigned char *bytes = user_file_read(wish->file, &length);

    memset(made, 0, sizeof(*made));
    if (bytes == NULL) {
        made->answer = USER_BUSY;
        made->why =
            errno == EAGAIN
                ? apr_psprintf(pool,
                               "the module %s was written to while it was being read; put a new "
                               "file in place by renaming it",
                               wish->path)
                : apr_psprintf(pool, "the module %s cannot be read: %s", wish->path,
                               strerror(errno));
        return;
    }
    make_version(wish, bytes, length, known, pool, made);
    free(bytes);
}

/* ---- the answer ----------------------------------------------------------------------------- */

/* Whether the entry speaks of the file as it is now. */
static bool is_of(const struct entry *e, const struct user_wish *wish)
{
    return e->settled && user_file_same(&e->file, wish->file);
}

/* Copies what an entry says; the version is held for the caller. With the lock. */
static enum user_answer answer_of(struct entry *e, apr_pool_t *pool,
                                  struct plugin_version **version, const char **why)
{
    e->used = ++uses;
    if (e->state == READY) {
        *version = plugin_version_share(e->version);
        return USER_READY;
    }
    *why = apr_pstrdup(pool, e->why);
    return USER_REFUSED;
}

/* Puts what was made into the entry, from which others take it. With the lock. */
static enum user_answer settle(struct entry *e, const struct made *made, apr_pool_t *pool,
                               struct plugin_version **version, const char **why)
{
    bool kept = made->version != NULL && made->version == e->version;

    if (!kept) {
        forget_content(e);
    }
    if (made->answer == USER_BUSY) {
        *why = made->why;
        forget(e);
        return USER_BUSY;
    }
    e->version = made->version;
    e->bytes = made->bytes;
    if (made->version != NULL) {
        e->state = READY;
    } else {
        e->state = REFUSED;
        e->why = strdup(made->why);
        if (e->why == NULL) {
            *why = made->why;
            forget(e);
            return USER_REFUSED;
        }
    }
    keep_bounds(e);
    return answer_of(e, pool, version, why);
}

/* Waits until somebody has finished something. False: for too long already. */
static bool wait_until(const struct timespec *end)
{
    return pthread_cond_timedwait(&ready, &lock, end) != ETIMEDOUT;
}

/* With the lock, which is let go while the work is done. */
static enum user_answer get(const struct user_wish *wish, apr_pool_t *pool,
                            struct plugin_version **version, const char **why)
{
    struct plugin_version *known;
    struct timespec end;
    enum user_answer answer;
    struct made made;
    struct entry *e;

    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += PATIENCE_SECONDS;
    while ((e = find(wish)) != NULL && e->state == PREPARING) {
        if (!wait_until(&end)) {
            *why = apr_psprintf(pool, "the module %s is still being prepared", wish->path);
            return USER_BUSY;
        }
    }
    if (e != NULL && is_of(e, wish)) {
        return answer_of(e, pool, version, why);
    }
    /* What looks the same is most likely the same; then it only has to be read. */
    if ((e == NULL || !user_file_same(&e->file, wish->file)) && owner_is_busy(wish->file->owner)) {
        *why = apr_psprintf(pool,
                            "the module %s has to wait: another one of its owner is being prepared",
                            wish->path);
        return USER_BUSY;
    }
    if (e == NULL && (e = make_entry(wish)) == NULL) {
        *why = "too many modules are being prepared";
        return USER_BUSY;
    }
    known = e->state == READY ? e->version : NULL;
    e->state = PREPARING;
    e->file = *wish->file;
    e->settled = user_file_settled(wish->file);
    leave_lock();
    prepare(wish, known, pool, &made);
    take_lock();
    answer = settle(e, &made, pool, version, why);
    if (plugin_is_threaded()) {
        pthread_cond_broadcast(&ready);
    }
    return answer;
}

enum user_answer user_cache_get(const struct user_wish *wish, apr_pool_t *pool,
                                struct plugin_version **version, const char **why)
{
    enum user_answer answer;

    *version = NULL;
    *why = NULL;
    take_lock();
    answer = get(wish, pool, version, why);
    leave_lock();
    plugin_version_sweep();
    return answer;
}
