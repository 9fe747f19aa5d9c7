/* SPDX-License-Identifier: Apache-2.0
 * store_service.c — the store's worker as a thread of mod_watchdog's, and the store of each child.
 *
 * How:     mod_watchdog runs a thread in each child, of which one at a time holds a mutex over all
 *          children and calls us once a second; if its child ends, another takes over. The thread
 *          is our own (a watchdog of our name), so it can have the lowest priority for processor
 *          and disk without slowing anybody else's tasks. Two servers on one directory have a
 *          worker each, and the lock in the directory lets one of them work.
 * Stop:    A child that is about to end says so by one word, which the worker looks at between
 *          pieces of 64 KiB; what it was doing is left as a job.
 * Memory:  Static for a child; configuration in pconf.
 * Threads: The hooks run in the main thread of the parent or a child, `work` in the watchdog's.
 */
#include "store_service.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "apr_optional.h"
#include "http_core.h"
#include "mod_watchdog.h"
#include "unixd.h"

#include "httpd_log.h"
#include "settings.h"

#define WATCHDOG_NAME "_wasmserve_store_"

/* A variant of a file takes less than the file, and there are three and a copy: so those of one
 * file fit into half of the store, and never drive each other out. */
#define RAW_SHARE 8

/* Larger files are left to those who deploy them: an hour of Brotli 11 for each. */
#define RAW_MAX ((uint64_t)256 << 20)

/* A delta takes up to 40 times its dictionary in memory (encoder.h). */
#define DICTIONARY_MAX ((uint64_t)16 << 20)

/* How long nothing is tried after the disk was full. */
#define PAUSE (60 * APR_USEC_PER_SEC)

/* How long the end of a child waits for the worker, which needs that long for its slowest piece. */
#define PATIENCE (3 * APR_USEC_PER_SEC)

static struct store store;
static bool opened;
static struct store_limits limits;
static volatile sig_atomic_t stopping;
static pthread_mutex_t working = PTHREAD_MUTEX_INITIALIZER;

static const struct setting_store *setting_of(const server_rec *s)
{
    return SETTING_OF(server, settings_of_server(s), store);
}

/* ---- configuration ---- */

/* The user that the children run as: that of User, where the parent may change to it. */
static uid_t user_of_children(void)
{
    return geteuid() == 0 ? ap_unixd_config.user_id : geteuid();
}

static const char *name_of_user(apr_pool_t *p)
{
    const char *name = ap_unixd_config.user_name;
    char *own = NULL;

    if (geteuid() == 0 && name != NULL && name[0] != '#') {
        return name;
    }
    return apr_uid_name_get(&own, user_of_children(), p) == APR_SUCCESS ? own : "USER";
}

int store_service_check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                               server_rec *s)
{
    const struct setting_store *setting = setting_of(s);
    enum store_fault fault;
    int error;

    (void)pconf;
    (void)plog;
    if (!setting->set) {
        return OK;
    }
    if (APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_get_instance) == NULL) {
        LOG_P(APLOG_STARTUP | APLOG_ERR, 0, ptemp,
              "%s: WasmServeStore needs mod_watchdog for its worker; load that module",
              setting->line);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    fault = store_check(setting->path, user_of_children());
    error = errno;
    switch (fault) {
    case STORE_FINE: return OK;
    case STORE_ABSENT:
        LOG_P(APLOG_STARTUP | APLOG_ERR, error, ptemp,
              "%s: WasmServeStore: %s cannot be opened as a directory; make it with: install -d -m "
              "700 -o %s %s",
              setting->line, setting->path, name_of_user(ptemp), setting->path);
        break;
    case STORE_NOT_OWNED:
        LOG_P(APLOG_STARTUP | APLOG_ERR, 0, ptemp,
              "%s: WasmServeStore: %s does not belong to the user that the server runs as; do: "
              "chown %s %s",
              setting->line, setting->path, name_of_user(ptemp), setting->path);
        break;
    case STORE_OPEN_TO_OTHERS:
        LOG_P(APLOG_STARTUP | APLOG_ERR, 0, ptemp,
              "%s: WasmServeStore: %s is open to other users; do: chmod 700 %s", setting->line,
              setting->path, setting->path);
        break;
    }
    return HTTP_INTERNAL_SERVER_ERROR;
}

/* ---- the worker ---- */

static bool go_on(void *context, enum store_step step)
{
    (void)context;
    (void)step;
    return !stopping;
}

static void note(void *context, enum store_note level, const char *text)
{
    LOG_S(level == STORE_NOTE_WARNING ? APLOG_WARNING : APLOG_INFO, 0, (server_rec *)context, "%s",
          text);
}

static int64_t clock_now(void *context)
{
    (void)context;
    return apr_time_now();
}

/* For the calling thread alone; where it is not allowed, it is only less kind. */
static void step_back(void)
{
    enum { WHO_PROCESS = 1, CLASS_IDLE = 3, CLASS_SHIFT = 13 };

    (void)setpriority(PRIO_PROCESS, 0, 19);
    (void)syscall(SYS_ioprio_set, WHO_PROCESS, 0, CLASS_IDLE << CLASS_SHIFT);
}

static apr_status_t work(int state, void *data, apr_pool_t *pool)
{
    static apr_time_t paused_until;
    const struct store_seams seams = {go_on, note, clock_now, data};

    (void)pool;
    switch (state) {
    case AP_WATCHDOG_STATE_STARTING: step_back(); break;
    case AP_WATCHDOG_STATE_STOPPING: stopping = 1; break;
    case AP_WATCHDOG_STATE_RUNNING:
        pthread_mutex_lock(&working);
        if (opened && !stopping && apr_time_now() >= paused_until &&
            store_work(&store, &limits, &seams) == STORE_ROUND_FULL) {
            paused_until = apr_time_now() + PAUSE;
        }
        pthread_mutex_unlock(&working);
        break;
    default: break;
    }
    return APR_SUCCESS;
}

int store_service_post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    APR_OPTIONAL_FN_TYPE(ap_watchdog_get_instance) * get;
    APR_OPTIONAL_FN_TYPE(ap_watchdog_register_callback) * callback;
    const struct setting_store *setting = setting_of(s);
    uint64_t share = (uint64_t)setting->size / RAW_SHARE;
    ap_watchdog_t *watchdog;
    apr_status_t status;

    (void)plog;
    (void)ptemp;
    if (!setting->set || ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK;
    }
    limits =
        (struct store_limits){.cap = (uint64_t)setting->size,
                              .raw_max = share < RAW_MAX ? share : RAW_MAX,
                              .dictionary_max = share < DICTIONARY_MAX ? share : DICTIONARY_MAX};
    get = APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_get_instance);
    callback = APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_register_callback);
    status = get(&watchdog, WATCHDOG_NAME, 0, 1, pconf);
    if (status == APR_SUCCESS) {
        status = callback(watchdog, AP_WD_TM_INTERVAL, s, work);
    }
    if (status != APR_SUCCESS) {
        LOG_S(APLOG_CRIT, status, s, "mod_watchdog does not take the store's worker");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}

/* ---- children ---- */

static apr_status_t child_ends(void *data)
{
    apr_time_t until = apr_time_now() + PATIENCE;
    const struct timespec deadline = {.tv_sec = apr_time_sec(until),
                                      .tv_nsec = 1000 * apr_time_usec(until)};

    (void)data;
    stopping = 1;
    if (pthread_mutex_timedlock(&working, &deadline) == 0) {
        pthread_mutex_unlock(&working);
    }
    return APR_SUCCESS;
}

void store_service_child_init(apr_pool_t *pchild, server_rec *s)
{
    const struct setting_store *setting = setting_of(s);

    if (!setting->set) {
        return;
    }
    /* Before the cleanup of mod_watchdog, which waits for its threads. */
    apr_pool_pre_cleanup_register(pchild, NULL, child_ends);
    opened = store_open(&store, setting->path, geteuid());
    if (!opened) {
        LOG_S(APLOG_ERR, errno, s, "%s cannot be used: this child serves without the store",
              setting->path);
    }
}

void store_service_child_stopping(void)
{
    stopping = 1;
}

struct store *store_service_store(void)
{
    return opened ? &store : NULL;
}

const struct store_limits *store_service_limits(void)
{
    return &limits;
}
