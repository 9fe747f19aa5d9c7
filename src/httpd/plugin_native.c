/* SPDX-License-Identifier: Apache-2.0
 * plugin_native.c — compiled code for plugins: who makes it, and when.
 *
 * How: WasmServeEngine says which modules are compiled.
 *
 *   interpreter  none.
 *   compiler     each when it is loaded (plugin_module.c), or the configuration is refused.
 *   auto         none waits for it. In a child with threads one thread of low priority compiles
 *                module after module while the interpreter answers, each with the help of others
 *                that it starts, as low, but a customer's, which also may take so much of its time
 *                and no more; instances that are made from then on use the code. Under
 *                prefork a thread would be wrong (see plugin_watch.c), and hundreds of children
 *                would each do the work: there the parent compiles what the configuration names,
 *                once, before the children are forked, and modules that come later are compiled
 *                only as far as the code cache has them.
 *
 * With WasmServeCodeCache the parent takes from there what it has, in every MPM, so that children
 * inherit the mapping. What it does not have is compiled by one child, for which the others wait:
 * their interpreters go on meanwhile (cache_keep.c in the engine).
 *
 * Guard pages need a handler of SIGSEGV, in each child; it is installed when a child begins,
 * behind what other modules have installed before, and hands on what is none of ours. With
 * `explicit` at one server there is none, for signals are the process's.
 *
 * Memory:  a module that is queued or being compiled is held.
 * Threads: the queue is under a lock of its own; nobody waits for plugin_lock() with it.
 */
#include "plugin.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ap_mpm.h"
#include "http_main.h"
#include "unixd.h"

#include "httpd_log.h"

/* In the server's environment: code is named for perf, in each child. */
#define PERF_MAP "WASMSERVE_PERF_MAP"

/* A child's other threads answer requests meanwhile. */
#define NICENESS 10

/* The functions of a module are compiled by as many threads as there are processors, to this. */
enum { THREADS_MAX = 8 };

/* Milliseconds that a stranger's module waits for another process that compiles it. RATIONALE "Of
 * compiled code". */
enum { STRANGERS_PATIENCE = 1000 };

static struct native {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    _Atomic bool stopping;
    struct plugin_module *first, **last; /* the queue, by native_next */
    server_rec *server;                  /* for the log */
} native = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

/* ---- what the configuration says ------------------------------------------------------------- */

/* Whether a server's plugins may be compiled; and in *explicit_checks whether one wants that
 * without signals. */
static bool is_wanted(const server_rec *main, bool *explicit_checks)
{
    bool wanted = false;

    *explicit_checks = false;
    for (const server_rec *s = main; s != NULL; s = s->next) {
        const struct setting_engine *engine = SETTING_OF(server, settings_of_server(s), engine);

        wanted = wanted || engine->tier != WASM_TIER_INTERPRETER;
        *explicit_checks = *explicit_checks || engine->explicit_checks;
    }
    return wanted;
}

static void note(void *baton, bool bad, const char *line)
{
    server_rec *s = baton;

    if (bad) {
        LOG_S(APLOG_WARNING, 0, s, "code cache: %s", line);
    } else {
        LOG_S(APLOG_DEBUG, 0, s, "code cache: %s", line);
    }
}

static uint32_t threads(void)
{
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);

    return processors < 1 ? 1 : processors > THREADS_MAX ? THREADS_MAX : (uint32_t)processors;
}

wasm_compile_options plugin_native_options(bool strangers)
{
    server_rec *s = ap_server_conf != NULL ? ap_server_conf : native.server;
    wasm_compile_options options = {
        .threads = threads(), .quota = host_compile_quota(), .perf_map = getenv(PERF_MAP) != NULL};

    if (s != NULL) {
        (void)is_wanted(s, &options.explicit_checks);
        options.cache = SETTING_OF(server, settings_of_server(s), code_cache)->path;
        options.cache_owner = ap_unixd_config.user_id;
        options.directory = options.cache;
        options.note = note;
        options.note_baton = s;
    }
    /* It is the time of one thread that is bounded: no helpers, and no thread that others wait for
     * while it waits for another process as long as that likes. */
    if (strangers) {
        options.threads = 1;
        options.patience = STRANGERS_PATIENCE;
    }
    return options;
}

bool plugin_native_has_code(const struct plugin_module *module)
{
    wasm_module_info info;

    wasm_module_describe(module->wasm, &info);
    return info.tier == WASM_TIER_COMPILER;
}

uint32_t plugin_native_guards(const struct plugin_module *module)
{
    return module->asked != WASM_TIER_INTERPRETER && wasm_faults_handled() &&
                   plugin_native_has_code(module)
               ? 1
               : 0;
}

/* ---- compiling ------------------------------------------------------------------------------- */

/* `baton`: until when this thread may compile, by its own time; 0: for ever. */
static bool is_to_stop(void *baton)
{
    const uint64_t *end = baton;

    return atomic_load(&native.stopping) || (*end != 0 && plugin_thread_time() > *end);
}

static void compile(struct plugin_module *module, server_rec *s, bool cached_only)
{
    wasm_compile_options options = plugin_native_options(module->nanoseconds != 0);
    uint64_t end = module->nanoseconds != 0 ? plugin_thread_time() + module->nanoseconds : 0;
    wasm_module_info info;
    wasm_report report;
    apr_time_t begin = apr_time_now();
    char text[400];

    options.cached_only = cached_only;
    options.stop = is_to_stop;
    options.stop_baton = &end;
    if (wasm_module_compile(module->wasm, &options, &report) == WASM_OK) {
        wasm_module_describe(module->wasm, &info);
        LOG_S(APLOG_DEBUG, 0, s,
              "%s (sha256:%.12s) runs compiled from now on: %" APR_SIZE_T_FMT
              " bytes of code, %" APR_TIME_T_FMT " us",
              module->path, module->hex, info.code_bytes, apr_time_now() - begin);
    } else if (!atomic_load(&native.stopping) && !cached_only) {
        LOG_S(APLOG_NOTICE, 0, s, "%s (sha256:%.12s) goes on in the interpreter, and is slower: %s",
              module->path, module->hex, wasm_report_format(&report, text, sizeof(text)));
    }
}

static void let_go(struct plugin_module *module)
{
    if (plugin_lock()) {
        plugin_module_release(module);
        plugin_unlock();
    }
}

/* Requests go first. Neither can fail in a way that matters. */
static void be_modest(void)
{
    const struct sched_param none = {.sched_priority = 0};

    (void)sched_setscheduler(0, SCHED_BATCH, &none); /* of the calling thread */
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICENESS);
}

static void *work(void *baton)
{
    (void)baton;
    be_modest();
    pthread_mutex_lock(&native.lock);
    while (!atomic_load(&native.stopping)) {
        struct plugin_module *module = native.first;

        if (module == NULL) {
            pthread_cond_wait(&native.wake, &native.lock);
            continue;
        }
        native.first = module->native_next;
        if (native.first == NULL) {
            native.last = &native.first;
        }
        pthread_mutex_unlock(&native.lock);
        compile(module, native.server, false);
        let_go(module);
        pthread_mutex_lock(&native.lock);
    }
    pthread_mutex_unlock(&native.lock);
    return NULL;
}

void plugin_native_want(struct plugin_module *module)
{
    bool known;

    if (module->asked != WASM_TIER_AUTO || native.server == NULL ||
        plugin_native_has_code(module)) {
        return;
    }
    if (!plugin_is_threaded()) {
        if (plugin_native_options(false).cache != NULL) {
            compile(module, native.server, true);
        }
        return;
    }
    /* Several plugins may have one module. */
    if (!plugin_lock()) {
        return;
    }
    known = module->native_wanted;
    module->native_wanted = true;
    module->refs += known ? 0 : 1;
    plugin_unlock();
    if (known) {
        return;
    }
    pthread_mutex_lock(&native.lock);
    module->native_next = NULL;
    *native.last = module;
    native.last = &module->native_next;
    pthread_cond_signal(&native.wake);
    pthread_mutex_unlock(&native.lock);
}

/* ---- the parent ------------------------------------------------------------------------------ */

/* Whoever can write there can run code in the server. */
bool plugin_native_check(const server_rec *s)
{
    const struct setting_code_cache *cache = &settings_of_server(s)->code_cache;
    const char *wrong = NULL;
    struct stat info;

    if (!cache->set || cache->path == NULL) {
        return true;
    }
    if (stat(cache->path, &info) != 0) {
        wrong = "is not accessible; create it, and let it belong to the user that the server runs "
                "as, or to root if only `wasmserve compile` shall fill it";
    } else if (!S_ISDIR(info.st_mode)) {
        wrong = "is not a directory; correct the path";
    } else if (info.st_uid != 0 && info.st_uid != geteuid() &&
               info.st_uid != ap_unixd_config.user_id) {
        wrong = "belongs neither to root nor to the user that the server runs as, so that somebody "
                "else could run code in the server; chown it";
    } else if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        wrong = "is writable for others than its owner, who could run code in the server; "
                "chmod go-w it";
    }
    if (wrong != NULL) {
        LOG_S(APLOG_STARTUP | APLOG_CRIT, 0, s, "%s: WasmServeCodeCache: %s %s", cache->line,
              cache->path, wrong);
    }
    return wrong == NULL;
}

void plugin_native_post_config(server_rec *s)
{
    wasm_compile_options options = plugin_native_options(false);
    struct plugin *const *plugins;
    bool explicit_checks, available;
    char how[400];
    int count, threaded = 0;

    if (!is_wanted(s, &explicit_checks)) {
        return;
    }
    available = wasm_compiler_available(&options, how, sizeof(how));
    if (available) {
        LOG_S(APLOG_INFO, 0, s, "plugins are compiled: %s%s%s", how,
              options.cache != NULL ? "; kept in " : "",
              options.cache != NULL ? options.cache : "");
    } else {
        LOG_S(APLOG_NOTICE, 0, s, "plugins are interpreted, and slower than they could be: %s",
              how);
        return;
    }
    (void)ap_mpm_query(AP_MPMQ_IS_THREADED, &threaded);
    plugins = plugin_all(&count);
    for (int i = 0; i < count; i++) {
        struct plugin_module *module = plugins[i]->current->module;

        /* perf wants a map of each process that has the code. */
        if (module->asked == WASM_TIER_AUTO &&
            (!threaded || (options.cache != NULL && !options.perf_map))) {
            compile(module, plugins[i]->server, threaded);
        }
    }
}

/* ---- a child --------------------------------------------------------------------------------- */

static apr_status_t faults_end(void *data)
{
    (void)data;
    wasm_faults_forget();
    return APR_SUCCESS;
}

static apr_status_t thread_end(void *data)
{
    (void)data;
    pthread_mutex_lock(&native.lock);
    atomic_store(&native.stopping, true);
    pthread_cond_signal(&native.wake);
    pthread_mutex_unlock(&native.lock);
    pthread_join(native.thread, NULL);
    while (native.first != NULL) {
        struct plugin_module *module = native.first;

        native.first = module->native_next;
        let_go(module);
    }
    return APR_SUCCESS;
}

void plugin_native_begin(apr_pool_t *pchild, server_rec *s)
{
    struct plugin *const *plugins;
    bool explicit_checks;
    sigset_t all, before;
    wasm_report report;
    char text[400];
    int count, error;

    native.last = &native.first;
    native.server = NULL;
    if (!is_wanted(s, &explicit_checks) || !wasm_compiler_available(NULL, NULL, 0)) {
        return;
    }
    native.server = s;
    if (!explicit_checks) {
        if (wasm_faults_handle(&report) == WASM_OK) {
            apr_pool_cleanup_register(pchild, NULL, faults_end, apr_pool_cleanup_null);
        } else {
            LOG_S(APLOG_WARNING, 0, s, "no handler for the faults of compiled code: %s",
                  wasm_report_format(&report, text, sizeof(text)));
        }
    }
    if (!plugin_is_threaded()) {
        return;
    }
    plugins = plugin_all(&count);
    for (int i = 0; i < count; i++) {
        plugin_native_want(plugins[i]->current->module);
    }
    /* All signals stay blocked in the thread: they are the server's own. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&native.thread, NULL, work, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0) {
        LOG_S(APLOG_ERR, error, s, "no thread for compiling: plugins are interpreted");
        native.server = NULL;
        return;
    }
    apr_pool_pre_cleanup_register(pchild, NULL, thread_end);
}
