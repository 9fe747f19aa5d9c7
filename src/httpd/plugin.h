/* SPDX-License-Identifier: Apache-2.0
 * plugin.h — what a plugin is, and what the files plugin_*.c do for each other and for the hooks.
 *
 *   plugin_settings.c     the words of the directives
 *   plugin_registry.c     <WasmServePlugin NAME>: which plugins there are, by server and name
 *   plugin_module.c       a module, decoded, prepared and linked; one for all that have the same
 * bytes plugin_version.c      what a plugin runs now, and what a request keeps to its end
 *   plugin_native.c       compiled code for modules: who makes it, and when
 *   plugin_load.c         check_config: modules are read, checked and prepared, once
 *   plugin_watch.c        in each child: the active version of WasmServePluginDir is kept up with
 *   plugin_kv.c           the shared stores of the grant kv, made before the fork
 *   plugin_user.c         a module that an .htaccess names: its file, judged; prepared once; a
 * plugin for the request plugin_handler.c      a request is given to a plugin, and what follows
 *   plugin_run.c          one call of a guest, from the store to the exit code
 *   plugin_environment.c  the environment of a CGI program
 *   exchange_httpd.c      stdin, stdout and the log of a guest, over request_rec
 *   plugin_response.c     the header that a guest wrote, checked
 *   plugin_failure.c      what went wrong → status, log line, ErrorDocument
 *   status_counters.c     figures shared by all children; status_page.c shows them
 *
 * Memory:  plugins live in pconf, from the reading of the configuration to the next. Modules and
 *          versions are counted references (plugin_version.c). Those of the configuration are
 *          loaded in the parent before the fork, so all children share their pages; a cleanup of
 *          pconf drops them. What a request makes lives in its pool, and the store is given back
 *          before the handler returns.
 * Threads: a plugin is written while the configuration is read and checked, by one thread, and
 *          constant afterwards, but for `current`, which is read and changed under a lock in
 *          plugin_version.c, and `source`, which is plugin_watch.c's.
 */
#ifndef PLUGIN_H
#define PLUGIN_H

#include "httpd.h"
#include "http_config.h"

#include "engine.h"
#include "host.h"
#include "httpwasm.h"
#include "kv.h"
#include "sha256.h"
#include "versions.h"
#include "wasi.h"

#include "settings.h"
#include "status_counters.h"

/* r->handler of a request that a plugin answers. */
#define PLUGIN_HANDLER "wasmserve-plugin"

/* r->notes for %{…}n in log formats: "name@digest12"; its version, where the module names one; and
 * how the call ended: "ok", "busy", or the name of a status such as DEADLINE. */
#define PLUGIN_NOTE         "wasmserve-plugin"
#define PLUGIN_NOTE_VERSION "wasmserve-version"
#define PLUGIN_NOTE_OUTCOME "wasmserve-outcome"

/* Filters' notes: the labels of those that a request went through, parted by ", ". Variables that a
 * guest sets have this in front of their names, so that it can set no other. */
#define PLUGIN_NOTE_FILTERS    "wasmserve-filters"
#define PLUGIN_VARIABLE_PREFIX "WASM_"

/* Files and directories that a guest may have open at once, beside what it was granted; RATIONALE
 * "Limits". */
#define PLUGIN_OPEN_FILES 16

/* A module, prepared. Plugins with the same bytes and tier share one. Immutable. */
struct plugin_module {
    struct plugin_module *next;        /* plugin_module.c's */
    struct plugin_module *native_next; /* plugin_native.c's */
    bool native_wanted;                /* likewise: it has been queued, once for all */
    unsigned refs;                     /* under plugin_lock() */
    const char *path;                  /* where it was read first */
    wasm_module *wasm;
    const wasm_extern *imports; /* import_count of them, all satisfied */
    wasm_module_info info;
    wasm_tier asked;
    host_abi asked_abi; /* UNKNOWN: by the module */
    host_abi abi;
    bool initializes;     /* http-wasm: a fresh instance runs code before its first request */
    uint64_t nanoseconds; /* processor time that compiling it may take later; 0: any */
    char hex[SHA256_HEX_SIZE];
};

/* The state of a guest that has initialized itself (WasmServeSnapshot). */
struct plugin_snapshot {
    wasm_snapshot *state; /* NULL: there is none yet */
    uint32_t features;    /* that the guest has enabled for all requests */
    uint64_t time;        /* that it has seen pass, without the grant clock */
    uint64_t memory;      /* that it was allowed, bytes */
    uint32_t lacked;      /* grant bits that it has asked for in vain */
    bool refused;         /* it cannot be kept */
};

/* What a plugin runs: a module, and how that is called. Immutable, but for the snapshot. */
struct plugin_version {
    struct plugin_version *next; /* plugin_version.c's */
    unsigned refs;               /* under plugin_lock() */
    struct plugin_module *module;
    const char *name;  /* "1.2.0"; "" where the module names none */
    const char *label; /* "hello@9f2c12345678", the note */
    const char *title; /* "hello 1.2.0 (sha256:9f2c12345678)", in lines of the log */
    const char *voice; /* "hello@9f2c12345678 1.2.0", in front of what the guest says */
    struct plugin_snapshot snapshot; /* of this child; under plugin_lock(), until it is set */
};

struct plugin_source;

struct plugin {
    const char *name;
    const char *path;          /* of a module that .htaccess names; NULL: of the configuration */
    server_rec *server;        /* where it is defined */
    const char *line;          /* "file:line" of its section */
    struct settings_dir scope; /* what the section says: its limits and WasmServeOnError */
    const struct settings_plugin *settings;
    struct plugin_version *current; /* after plugin_check_config. Ask plugin_use() */
    host_abi abi;                   /* of all its versions */
    struct plugin_source *source;   /* where new versions come from; NULL: from nowhere */
    grants grants;                  /* for wasi: without env, see plugin_environment.c */
    struct counter_row *counters;   /* after plugin_post_config */
    kv_store *kv;                   /* likewise; NULL: not granted */

    /* For guests that live longer than a call. */
    const char *const *env; /* "NAME=VALUE" as granted, without what depends on a request */
    size_t env_count;
    const void *config; /* of WasmServeConfig */
    size_t config_length;
    struct plugin_idle *idle; /* plugin_instance.c */
};

/* In each child: instances that wait for their next request. */
struct plugin_idle {
    struct plugin_instance *first;
    unsigned count;
};

/* The limits in force for a call. */
struct plugin_limits {
    wasm_limits store;
    uint64_t nanoseconds;
    uint64_t body;        /* bytes; UINT64_MAX: none */
    uint64_t concurrency; /* UINT64_MAX: none */
};

/* ---- plugin_registry.c ----------------------------------------------------------------------- */

/* For pre_config: empties the registry, which lives as long as pconf. */
void plugin_registry_init(apr_pool_t *pconf);

/* The parser of <WasmServePlugin NAME>. */
const char *plugin_section(cmd_parms *cmd, void *mconfig, const char *args);

/* Remembers that .htaccess files may name modules, and whether they may. */
void plugin_allow_users(void);
bool plugin_users_allowed(void);

/* Remembers that a directive of the server configuration uses the plugin `name` as a guest of that
 * ABI, so that plugin_check_uses can complain. `directive` is static. */
void plugin_note_use(const cmd_parms *cmd, const char *directive, host_abi abi, const char *name);

/* Complains in the log of every use whose plugin does not exist or, as far as modules are loaded,
 * is a guest of another ABI; returns how many. */
int plugin_check_uses(apr_pool_t *ptemp);

/* Why a plugin cannot be used by a directive that wants a guest of `abi`; NULL if it can. */
const char *plugin_use_complaint(apr_pool_t *pool, const server_rec *s, const char *name,
                                 host_abi abi);

/* The plugin of that name that `s` sees: its own, else the main server's. NULL if there is none. */
struct plugin *plugin_find(const server_rec *s, const char *name);

/* All plugins in the order of their definition; *count may be 0. */
struct plugin *const *plugin_all(int *count);

/* The limits for a call: the most specific of default, server, plugin and section counts, and
 * .htaccess can lower it. `scope` is the request's, or the server's lookup_defaults. */
struct plugin_limits plugin_limits_of(const struct plugin *plugin,
                                      const struct settings_dir *scope);

/* A directive whose value in .htaccess lies above its ceiling, which counts then; NULL if none. */
const char *plugin_limits_raised(const struct plugin *plugin, const struct settings_dir *scope);

/* ---- plugin_module.c ------------------------------------------------------------------------- */

/* A module that this process has prepared already, by its digest and what it was asked to be; held
 * for the caller. NULL if there is none. */
struct plugin_module *plugin_module_find(const char *hex, wasm_tier tier, host_abi abi);

/* Where bytes are from and what they may cost. */
struct plugin_bytes {
    const uint8_t *bytes;
    size_t length;
    const char *hex;  /* their digest */
    const char *path; /* for people */
    wasm_tier tier;
    host_abi abi;         /* as which it is wanted; UNKNOWN: as what it shows */
    size_t quota;         /* bytes that preparing them may take */
    uint64_t nanoseconds; /* processor time that it may take, a stranger's; 0: any */
};

/* Finds, or prepares, what can be a plugin's module; held for the caller. NULL: *why (in pool) says
 * what is wrong and what to do, as the rest of a sentence that begins with the file's name. */
struct plugin_module *plugin_module_get(const struct plugin_bytes *from, apr_pool_t *pool,
                                        const char **why);

/* Nanoseconds of processor time that the calling thread has had. */
uint64_t plugin_thread_time(void);

/* With plugin_lock() taken. */
void plugin_module_release(struct plugin_module *module);
/* Frees those that nobody holds. */
void plugin_module_sweep(void);

/* NULL, or why a guest with this much memory from its beginning can never run (in pool). */
const char *plugin_module_memory(const struct plugin_module *module, uint64_t cap,
                                 apr_pool_t *pool);

/* What to do about a module that the engine refuses. */
const char *plugin_module_remedy(wasm_status status);

/* ---- plugin_native.c ------------------------------------------------------------------------- */

/* How modules are compiled, as the configuration says; a stranger's by one thread, which waits for
 * nobody for long. The strings are the configuration's. */
wasm_compile_options plugin_native_options(bool strangers);

/* For check_config: complains of a WasmServeCodeCache that others than the server could write. */
bool plugin_native_check(const server_rec *s);

/* For post_config of a server that will run: says in the log how plugins are run, and compiles what
 * is better done before the fork. */
void plugin_native_post_config(server_rec *s);

/* For child_init, after plugin_lock_init(): the handler for faults and the thread that compiles. */
void plugin_native_begin(apr_pool_t *pchild, server_rec *s);

/* In a child: has the module compiled in the background, if it was asked to be `auto`. */
void plugin_native_want(struct plugin_module *module);

/* Whether instances that are made from now on run compiled; any thread. */
bool plugin_native_has_code(const struct plugin_module *module);

/* How many memories of a new instance are to have guard pages (wasm_limits.guarded). */
uint32_t plugin_native_guards(const struct plugin_module *module);

/* ---- plugin_version.c ------------------------------------------------------------------------ */

/* child_init, first of all: from now on there are other threads in this process, or not. */
void plugin_lock_init(void);
/* The lock of all counted references. False: this is a signal handler above somebody who has it,
 * in a process that ends next; leave everything as it is. */
bool plugin_lock(void);
void plugin_unlock(void);

/* Whether requests have threads of their own in this process. */
bool plugin_is_threaded(void);

/* Makes the version of a plugin, held for the caller, whose reference to `module` is taken over in
 * any case. `label` is the version's word; "-": the module names none. NULL without memory. */
struct plugin_version *plugin_version_new(const struct plugin *plugin, struct plugin_module *module,
                                          const char *label);
/* The current one, held; for whoever is not in a request that uses the plugin. */
struct plugin_version *plugin_version_hold(const struct plugin *plugin);
/* One reference more to a version that the caller holds. */
struct plugin_version *plugin_version_share(struct plugin_version *version);
void plugin_version_release(struct plugin_version *version);
/* Whether the plugin would give this version to a new request. */
bool plugin_version_is_current(const struct plugin *plugin, const struct plugin_version *version);
/* What the version's guests begin with; and sets that, once: false if another thread was first,
 * then `snapshot` is the caller's still. */
struct plugin_snapshot plugin_version_snapshot(const struct plugin_version *version);
bool plugin_version_keep(struct plugin_version *version, const struct plugin_snapshot *snapshot);
/* Makes it the current one, by taking over the caller's reference. Requests that have begun go on
 * with the one that they hold. */
void plugin_version_switch(struct plugin *plugin, struct plugin_version *version);
/* Frees versions and modules that nobody holds any more. Not while a request is being cleaned up:
 * a module may take its time to be freed. */
void plugin_version_sweep(void);

/* The version of `plugin` that this request uses: the current one when it is asked for the first
 * time, and that one to its end, for all requests that belong together (sub-requests, internal
 * redirections). */
const struct plugin_version *plugin_use(request_rec *r, const struct plugin *plugin);
/* Its title, for lines of the log. */
const char *plugin_title(request_rec *r, const struct plugin *plugin);

/* ---- plugin_load.c --------------------------------------------------------------------------- */

/* check_config hook: loads every module. Says all that is wrong, with APLOG_STARTUP so that
 * `apachectl configtest` shows it. */
int plugin_check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s);

/* The tier of a server's plugins. */
wasm_tier plugin_tier(const server_rec *s);

/* What WasmServeMemory lets a plugin have where no section says otherwise. */
uint64_t plugin_memory_cap(const struct plugin *plugin);

/* A plugin's name with that of its server: what figures and stores are kept by, over restarts. */
const char *plugin_key(const struct plugin *plugin, apr_pool_t *pool);

/* ---- plugin_kv.c ----------------------------------------------------------------------------- */

/* post_config: finds or makes the store of each plugin that is granted one. Those of earlier
 * configurations are kept for as long as children of theirs may live. False, with a line in the
 * log, if there is no memory. */
bool plugin_kv_begin(server_rec *s, apr_pool_t *ptemp);

/* Puts the plugin's store, if it has one, into what a guest has as a process. */
void plugin_kv_give(const struct plugin *plugin, exchange *world);

/* ---- plugin_watch.c -------------------------------------------------------------------------- */

/* Takes the active version of a plugin from its directory, while the configuration is checked.
 * Sets plugin->source, and *out to the version, held; NULL if the directory has no active version
 * of that name. False: *why (in pool) says what is wrong. */
bool plugin_watch_open(struct plugin *plugin, const char *dir, apr_pool_t *pconf, apr_pool_t *pool,
                       struct plugin_version **out, const char **why);

/* child_init: catches up with what is active now, and goes on doing so. */
void plugin_watch_begin(apr_pool_t *pchild, server_rec *s);

/* At the beginning of a plugin's use in a request, where no thread does it (prefork). */
void plugin_watch_request(struct plugin *plugin);

/* ---- plugin_run.c ---------------------------------------------------------------------------- */

/* child_init hook: starts the watchdog, if there is a plugin. */
void plugin_child_init(apr_pool_t *pchild, server_rec *s);

/* For child_stopping: a child that is told to stop at once does not wait for its guests. */
void plugin_child_stopping(apr_pool_t *pchild, int graceful);

/* What the guests of this child may have together (WasmServeMemoryTotal); NULL in the parent. */
wasm_budget *plugin_budget(void);

/* The address space that this child's guests pass on to each other; NULL: none. */
wasm_slots *plugin_slots(void);

/* Whether guests can run in this child: false if the watchdog could not be started, because a guest
 * without a deadline is not run. */
bool plugin_can_run(void);

/* The child's watchdog; NULL as plugin_can_run() says. */
wasm_watchdog *plugin_watchdog(void);

/* The guest functions that were active when a call failed: "", or ", in f < g < main". */
const char *plugin_backtrace(apr_pool_t *pool, const wasm_store *store);

struct plugin_result {
    wasm_status status; /* WASM_OK also for an exit with a code */
    uint32_t exit_code;
    wasm_report report;    /* valid if status is not WASM_OK */
    const char *backtrace; /* "" or ", in f < g < main" */
    uint64_t guest_nanoseconds;
    uint64_t memory_peak;
    uint32_t missed_grants; /* enum grant_bit: what the guest asked for and did not have */
};

/* Runs the guest's _start to its end. `process` is what the guest process is made of, its exchange
 * included; `set_store` is told (with the exchange's baton) the store before the guest starts, and
 * NULL after its end, for pausing its deadline. Everything made here is freed before the return,
 * and by a cleanup of r->pool should the thread not get there. */
void plugin_run(request_rec *r, const struct plugin *plugin, const struct plugin_limits *limits,
                const wasi_options *process, void (*set_store)(void *baton, wasm_store *store),
                struct plugin_result *result);

/* ---- plugin_failure.c ------------------------------------------------------------------------ */

/* The HTTP status that answers a failed call. */
int plugin_failure_http(wasm_status status);

/* The most specific WasmServeOnError; the order is that of the limits. */
const struct setting_on_error *plugin_on_error(const struct plugin *plugin,
                                               const struct settings_dir *scope);

/* The status that the client gets where WasmServeOnError is not open; `http` is the one that
 * belongs to the failure. The second one also sets what goes with the status, and is for returning.
 */
int plugin_failure_status(const request_rec *r, const struct plugin *plugin, int http);
int plugin_failure_answer(request_rec *r, const struct plugin *plugin, int http);

/* What may have been the reason: "; it had asked in vain for: log, clock", or "". */
const char *plugin_failure_hint(apr_pool_t *pool, const struct plugin_result *result);

/* Writes the one line of the log that says which plugin, which digest, why and where. The second
 * one is for a guest that did not fail, but wrote what must not be sent. */
void plugin_failure_log(request_rec *r, const struct plugin *plugin,
                        const struct plugin_result *result, const char *consequence);
void plugin_failure_log_nonsense(request_rec *r, const struct plugin *plugin,
                                 const struct plugin_result *result, const char *nonsense,
                                 const char *consequence);

/* ---- plugin_handler.c ------------------------------------------------------------------------ */

/* post_config hook: the shared counters. */
int plugin_post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s);
/* fixups hook: chooses PLUGIN_HANDLER where a plugin answers. */
int plugin_fixups(request_rec *r);
/* handler hook. */
int plugin_handler(request_rec *r);

#endif
