/* SPDX-License-Identifier: Apache-2.0
 * settings.h — what the administrator wrote, as structs.
 *
 * Why:     The one place where the rest of the module asks for a setting. The structs are
 *          expansions of settings.def.
 * How:     A field holds what was said in one scope, merged over the scopes around it, and may
 *          be unset. Read it through SETTING_OF, which falls back to the row's default; a limit
 *          through SETTING_LIMIT_OF, which applies the ceiling.
 *
 *              const struct settings_dir *conf = settings_of(r);
 *              if (SETTING_OF(dir, conf, enabled)->on) …
 *
 * Plugins: A <WasmServePlugin> section has a settings_dir of its own (httpd makes one for any
 *          section); its parser calls settings_open_plugin on it, and then PLUGIN_ONLY rows may
 *          be used in it. The limits of a plugin are simply the limits in that settings_dir.
 * Memory:  httpd's configuration pools; for .htaccess the request's.
 * Threads: Written while the configuration is read, by one thread; constant afterwards.
 */
#ifndef SETTINGS_H
#define SETTINGS_H

#include "httpd.h"
#include "http_config.h"

#include "setting_types.h"

struct settings_plugin;

#define SETTINGS_FIELD_dir(record, field, type)    SETTINGS_FIELD_dir_##record(field, type)
#define SETTINGS_FIELD_server(record, field, type) SETTINGS_FIELD_server_##record(field, type)
#define SETTINGS_FIELD_plugin(record, field, type) SETTINGS_FIELD_plugin_##record(field, type)
#define SETTINGS_FIELD_dir_dir(field, type)        setting_##type##_t field;
#define SETTINGS_FIELD_dir_server(field, type)
#define SETTINGS_FIELD_dir_plugin(field, type)
#define SETTINGS_FIELD_server_dir(field, type)
#define SETTINGS_FIELD_server_server(field, type) setting_##type##_t field;
#define SETTINGS_FIELD_server_plugin(field, type)
#define SETTINGS_FIELD_plugin_dir(field, type)
#define SETTINGS_FIELD_plugin_server(field, type)
#define SETTINGS_FIELD_plugin_plugin(field, type) setting_##type##_t field;

/* Per directory: merged along the path of a request. */
struct settings_dir {
    struct settings_plugin
        *plugin; /* only in the settings of a <WasmServePlugin> section, never merged */
#define SETTING(directive, where, record, field, type, min, max, dflt, help)                       \
    SETTINGS_FIELD_dir(record, field, type)
#include "settings.def"
};

/* Per server: a virtual host's over the main server's. */
struct settings_server {
    bool virtual_host; /* whether this is a merged one */
#define SETTING(directive, where, record, field, type, min, max, dflt, help)                       \
    SETTINGS_FIELD_server(record, field, type)
#include "settings.def"
};

/* Per plugin: never merged. */
struct settings_plugin {
    const char *name;
#define SETTING(directive, where, record, field, type, min, max, dflt, help)                       \
    SETTINGS_FIELD_plugin(record, field, type)
#include "settings.def"
};

/* The defaults of the rows, parsed. Filled by settings_init before any configuration is read. */
extern struct settings_dir settings_default_dir;
extern struct settings_server settings_default_server;
extern struct settings_plugin settings_default_plugin;

/* A pointer to the field as somebody set it, or to its default. record is dir, server or plugin. */
#define SETTING_OF(record, conf, field)                                                            \
    ((conf)->field.set ? &(conf)->field : &settings_default_##record.field)

/* The value of a limit that is in force. */
#define SETTING_LIMIT_OF(record, conf, field)                                                      \
    setting_limit_value(&(conf)->field, &settings_default_##record.field)

/* Parses the defaults. Called in the pre_config phase, which is before any directive is read; pconf
 * lives until the configuration is read again, and then this is called again. Returns OK or
 * HTTP_INTERNAL_SERVER_ERROR, logged. */
int settings_init(apr_pool_t *pconf, apr_pool_t *ptemp);

/* The settings in force for a request; never NULL. */
const struct settings_dir *settings_of(const request_rec *r);

/* The settings of a server; never NULL. */
const struct settings_server *settings_of_server(const server_rec *s);

/* Makes the settings of a section into those of a plugin. name is borrowed and must live as long as
 * pool. */
struct settings_plugin *settings_open_plugin(struct settings_dir *section, apr_pool_t *pool,
                                             const char *name);

/* For the module record. */
void *settings_create_dir(apr_pool_t *p, char *path);
void *settings_merge_dir(apr_pool_t *p, void *base, void *add);
void *settings_create_server(apr_pool_t *p, server_rec *s);
void *settings_merge_server(apr_pool_t *p, void *base, void *add);
extern const command_rec settings_commands[];

#endif
