/* SPDX-License-Identifier: Apache-2.0
 * plugin_settings.h — the kinds of values that only the directives of plugins have.
 *
 * Each is a kind like those of setting_types.h, which includes this file: a struct that begins with
 * `bool set` and a parser in plugin_settings.c. What needs the file system or the module's bytes
 * (does the directory exist, is the digest right) is not checked here but once the whole
 * configuration is known, in plugin_load.c; a parser looks at its words alone.
 *
 * Memory: as setting_types.h. Threads: as there; only `handler` and `on_error` can be met in
 * .htaccess files or their neighbours, and neither does more than copy a word.
 */
#ifndef PLUGIN_SETTINGS_H
#define PLUGIN_SETTINGS_H

#include <stdbool.h>

#include "apr_tables.h"
#include "httpd.h"

#include "engine.h"
#include "grants.h"

#define PLUGIN_DIGEST_BYTES 32

/* WasmServeModule PATH [sha256:HEX] */
struct setting_module {
    bool set;
    bool pinned;
    const char *path; /* absolute */
    const char *line; /* "file:line" of the directive, for complaints that come later */
    unsigned char digest[PLUGIN_DIGEST_BYTES]; /* valid if pinned */
};

/* WasmServeABI auto|cgi. Both end as HOST_ABI_CGI today; auto says that the module decides. */
struct setting_abi {
    bool set;
    bool by_module;
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

/* WasmServeHandler NAME|none */
struct setting_handler {
    bool set;
    const char *name; /* NULL: none */
    enum setting_mount mount;
    const char *location; /* MOUNT_LOCATION: its path, without a slash at the end */
};

/* WasmServeEngine auto|interpreter|compiler */
struct setting_engine {
    bool set;
    wasm_tier tier;
    const char *line; /* "file:line" */
};

#define PLUGIN_SETTING_TYPES(TYPE)                                                                 \
    TYPE(module, struct setting_module)                                                            \
    TYPE(abi, struct setting_abi)                                                                  \
    TYPE(grants, struct setting_grants)                                                            \
    TYPE(on_error, struct setting_on_error)                                                        \
    TYPE(handler, struct setting_handler)                                                          \
    TYPE(engine, struct setting_engine)

#endif
