/* SPDX-License-Identifier: Apache-2.0
 * plugin_settings.h — the kinds of values that only the directives of plugins have.
 *
 * Each is a kind like those of setting_types.h, which includes this file: a struct that begins with
 * `bool set` and a parser in plugin_settings.c. What needs the file system or the module's bytes
 * (does the directory exist, is the digest right) is not checked here but once the whole
 * configuration is known, in plugin_load.c; a parser looks at its words alone.
 *
 * Memory:  as setting_types.h.
 * Threads: as there; only `handler`, `filter` and `on_error` can be met in .htaccess files or their
 *          neighbours, and none does more than copy words.
 */
#ifndef PLUGIN_SETTINGS_H
#define PLUGIN_SETTINGS_H

#include <stdbool.h>

#include "apr_tables.h"
#include "httpd.h"

#include "engine.h"
#include "grants.h"
#include "host.h"

#define PLUGIN_DIGEST_BYTES 32

/* WasmServeModule PATH [sha256:HEX] */
struct setting_module {
    bool set;
    bool pinned;
    const char *path; /* absolute */
    const char *line; /* "file:line" of the directive, for complaints that come later */
    unsigned char digest[PLUGIN_DIGEST_BYTES]; /* valid if pinned */
};

/* WasmServeABI auto|cgi|http-wasm. */
struct setting_abi {
    bool set;
    host_abi abi; /* HOST_ABI_UNKNOWN: auto, the module decides */
};

/* WasmServeConfig STRING|@FILE */
struct setting_config {
    bool set;
    const char *text; /* NULL: the bytes are in the file */
    const char *path; /* absolute; or NULL */
    const char *line; /* "file:line" */
};

/* WasmServeReuse request|N */
struct setting_reuse {
    bool set;
    int64_t requests; /* that an instance serves; 1: a fresh one for each */
    const char *line; /* "file:line" */
};

/* WasmServeSnapshot Auto|On|Off. Auto: where it cannot be told from initializing anew. */
enum setting_snapshot_mode { SNAPSHOT_AUTO, SNAPSHOT_ON, SNAPSHOT_OFF };
struct setting_snapshot {
    bool set;
    enum setting_snapshot_mode mode;
    const char *line; /* "file:line" */
};

/* One env:NAME[=VALUE]. A value of NULL: the one of the same name that the request has (SetEnv and
 * its like), else `inherited`. */
struct setting_grant_env {
    const char *name;
    const char *value;
    const char *inherited; /* from the server's environment at start; NULL: not set there */
};

/* WasmServeGrant, all lines of a section together. */
struct setting_grants {
    bool set;
    uint32_t bits;            /* enum grant_bit */
    size_t kv_bytes;          /* with GRANT_KV: of the store */
    apr_array_header_t *env;  /* of struct setting_grant_env; NULL: none */
    apr_array_header_t *dirs; /* of struct grant_dir; NULL: none */
    const char *line;         /* "file:line" of the last one */
};

/* WasmServeOnError closed|open|STATUS */
struct setting_on_error {
    bool set;
    bool scoped; /* from a section inside the server, see struct setting_limit */
    bool open;
    int status; /* 0: the one that belongs to the failure */
};

/* How a scope tells SCRIPT_NAME and PATH_INFO apart; plugin_environment.c does it. */
enum setting_mount {
    MOUNT_SERVER,   /* everything: SCRIPT_NAME is empty */
    MOUNT_LOCATION, /* a <Location> without wildcards: SCRIPT_NAME is its path */
    MOUNT_FILES     /* <Directory>, <Files>, .htaccess: as the file system says */
};

/* WasmServeHandler NAME|none, in .htaccess also ./FILE.wasm */
struct setting_handler {
    bool set;
    const char *name; /* NULL: none */
    const char
        *directory; /* NULL: name is a plugin's; else a path beneath this, of the .htaccess */
    enum setting_mount mount;
    const char *location; /* MOUNT_LOCATION: its path, without a slash at the end */
};

/* A list of names that one scope gives. */
struct setting_names {
    bool set;
    int count; /* 0: none */
    const char *const *names;
};

/* WasmServeFilter NAME…|none. What the server or a <Location> says is known before anything is
 * decided about the request, what a directory or its .htaccess says only when the URL has been
 * mapped to a file. The two are lists of their own: neither takes anything away from the other. */
struct setting_filter {
    bool set;
    struct setting_names early; /* server, virtual host, <Location> */
    struct setting_names late;  /* <Directory>, <Files>, <Proxy>, .htaccess */
};

/* WasmServeEngine auto|interpreter|compiler [explicit] */
struct setting_engine {
    bool set;
    wasm_tier tier;
    bool explicit_checks; /* no guard pages, and so no signal handler */
    const char *line;     /* "file:line" */
};

/* WasmServeUserPlugins Off|On [native] */
struct setting_user_plugins {
    bool set;
    bool on;
    bool native; /* not only interpreted */
};

/* WasmServePluginDir DIR|none */
struct setting_plugin_dir {
    bool set;
    const char *path; /* absolute; NULL: none */
    const char *line; /* "file:line" */
};

/* WasmServeCodeCache DIR|Off */
struct setting_code_cache {
    bool set;
    const char *path; /* absolute; NULL: Off */
    const char *line; /* "file:line" */
};

/* WasmServeMemoryTotal SIZE|Off */
struct setting_memory_total {
    bool set;
    uint64_t bytes; /* UINT64_MAX: Off */
};

#define PLUGIN_SETTING_TYPES(TYPE)                                                                 \
    TYPE(module, struct setting_module)                                                            \
    TYPE(abi, struct setting_abi)                                                                  \
    TYPE(grants, struct setting_grants)                                                            \
    TYPE(on_error, struct setting_on_error)                                                        \
    TYPE(handler, struct setting_handler)                                                          \
    TYPE(filter, struct setting_filter)                                                            \
    TYPE(config, struct setting_config)                                                            \
    TYPE(reuse, struct setting_reuse)                                                              \
    TYPE(snapshot, struct setting_snapshot)                                                        \
    TYPE(engine, struct setting_engine)                                                            \
    TYPE(code_cache, struct setting_code_cache)                                                    \
    TYPE(plugin_dir, struct setting_plugin_dir)                                                    \
    TYPE(user_plugins, struct setting_user_plugins)                                                \
    TYPE(memory_total, struct setting_memory_total)

#endif
