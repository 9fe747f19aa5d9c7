/* SPDX-License-Identifier: Apache-2.0
 * plugin.h — what a plugin is, and what the files plugin_*.c do for each other and for the hooks.
 *
 *   plugin_settings.c     the words of the directives
 *   plugin_registry.c     <WasmServePlugin NAME>: which plugins there are, by server and name
 *   plugin_load.c         check_config: modules are read, checked and prepared, once
 *   plugin_handler.c      a request is given to a plugin, and what follows
 *   plugin_run.c          one call of a guest, from the store to the exit code
 *   plugin_environment.c  the environment of a CGI program
 *   exchange_httpd.c      stdin, stdout and the log of a guest, over request_rec
 *   plugin_response.c     the header that a guest wrote, checked
 *   plugin_failure.c      what went wrong → status, log line, ErrorDocument
 *   status_counters.c     figures shared by all children; status_page.c shows them
 *
 * Memory: plugins live in pconf, from the reading of the configuration to the next. Modules are
 * loaded in the parent before the fork, so all children share their pages; a cleanup of pconf frees
 * them. What a request makes lives in its pool, and the store is given back before the handler
 * returns. Threads: a plugin is written while the configuration is read and checked, by one thread,
 * and constant afterwards.
 */
#ifndef PLUGIN_H
#define PLUGIN_H

#include "httpd.h"
#include "http_config.h"

#include "engine.h"
#include "host.h"
#include "httpwasm.h"
#include "wasi.h"

#include "settings.h"
#include "status_counters.h"

/* r->handler of a request that a plugin answers. */
#define PLUGIN_HANDLER "wasmserve-plugin"

/* r->notes for %{…}n in log formats: "name@digest12"; and how the call ended: "ok", "busy", or the
 * name of a status such as DEADLINE. */
#define PLUGIN_NOTE         "wasmserve-plugin"
#define PLUGIN_NOTE_OUTCOME "wasmserve-outcome"

/* Filters' notes: the labels of those that a request went through, parted by ", ". Variables that a
 * guest sets have this in front of their names, so that it can set no other. */
#define PLUGIN_NOTE_FILTERS    "wasmserve-filters"
#define PLUGIN_VARIABLE_PREFIX "WASM_"

/* Files and directories that a guest may have open at once, beside what it was granted; RATIONALE
 * "Limits". */
#define PLUGIN_OPEN_FILES 16

/* A module, prepared. Plugins with the same bytes and tier share one. */
struct plugin_module {
    struct plugin_module *next;
    const char *path; /* where it was read first */
    wasm_module *wasm;
    const wasm_extern *imports; /* import_count of them, all satisfied */
    wasm_module_info info;
    wasm_tier asked;
    host_abi asked_abi; /* UNKNOWN: by the module */
    host_abi abi;
    unsigned char digest[PLUGIN_DIGEST_BYTES];
    char hex[2 * PLUGIN_DIGEST_BYTES + 1];
};

struct plugin {
    const char *name;
    server_rec *server;        /* where it is defined */
    const char *line;          /* "file:line" of its section */
    struct settings_dir scope; /* what the section says: its limits and WasmServeOnError */
    const struct settings_plugin *settings;
    struct plugin_module *module; /* after plugin_check_config */
    const char *label;            /* "name@digest12" */
    grants grants;                /* for wasi: without env, see plugin_environment.c */
    struct counter_row *counters; /* after plugin_post_config */

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

/* ---- plugin_load.c --------------------------------------------------------------------------- */

/* check_config hook: loads every module. Says all that is wrong, with APLOG_STARTUP so that
 * `apachectl configtest` shows it. */
int plugin_check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s);

/* ---- plugin_run.c ---------------------------------------------------------------------------- */

/* child_init hook: starts the watchdog, if there is a plugin. */
void plugin_child_init(apr_pool_t *pchild, server_rec *s);

/* For child_stopping: a child that is told to stop at once does not wait for its guests. */
void plugin_child_stopping(apr_pool_t *pchild, int graceful);

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
