/* SPDX-License-Identifier: Apache-2.0
 * settings.c — expands settings.def into what httpd needs to read and merge a configuration.
 *
 * How:     Each row becomes a struct row: which record, which offset, which type. httpd's table
 *          of commands has for every row the same function, settings_set, with the row as its
 *          argument; creating is zeroing (all zero bytes are "unset"), merging walks the rows of
 *          a record. .htaccess files are read and merged for every request below them. So
 *          nothing here opens a file or compiles anything on their behalf, and a merge is one
 *          allocation and one short loop.
 * Memory:  From the pool that httpd passes. The defaults point into pconf and are parsed anew
 *          for every configuration.
 * Threads: settings_set and the merges run in any thread (for .htaccess), on data of their
 *          request alone.
 */
#include "settings.h"

#include <stddef.h>
#include <string.h>

#include "apr_strings.h"
#include "http_core.h"

#include "httpd_log.h"
#include "plugin.h"

enum record { RECORD_dir, RECORD_server, RECORD_plugin };

struct row {
    const char *directive;
    enum record record;
    size_t offset;
    const struct setting_type *type;
    int64_t min, max;
    const char *dflt;
};

static const struct row rows[] = {
#define SETTING(name, where, rec, field, kind, low, high, default_text, help)                      \
    {#name, RECORD_##rec, offsetof(struct settings_##rec, field), &setting_type_##kind, low,       \
     high,  default_text},
#include "settings.def"
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* Index of each row, to name it in the table of commands. */
enum row_index {
#define SETTING(name, where, rec, field, kind, low, high, default_text, help) ROW_##name,
#include "settings.def"
};

struct settings_dir settings_default_dir;
struct settings_server settings_default_server;
struct settings_plugin settings_default_plugin;

static void *slot_in(void *record, const struct row *row)
{
    return (char *)record + row->offset;
}

static const void *slot_of(const void *record, const struct row *row)
{
    return (const char *)record + row->offset;
}

/* The words of a default: parted by single blanks, as settings.def promises. */
static int split_words(apr_pool_t *p, const char *text, char ***words)
{
    apr_array_header_t *list = apr_array_make(p, 4, sizeof(char *));
    char *state, *copy = apr_pstrdup(p, text);

    for (char *word = apr_strtok(copy, " ", &state); word; word = apr_strtok(NULL, " ", &state)) {
        APR_ARRAY_PUSH(list, char *) = word;
    }
    *words = (char **)list->elts;
    return list->nelts;
}

int settings_init(apr_pool_t *pconf, apr_pool_t *ptemp)
{
    void *records[] = {[RECORD_dir] = &settings_default_dir,
                       [RECORD_server] = &settings_default_server,
                       [RECORD_plugin] = &settings_default_plugin};

    memset(&settings_default_dir, 0, sizeof(settings_default_dir));
    memset(&settings_default_server, 0, sizeof(settings_default_server));
    memset(&settings_default_plugin, 0, sizeof(settings_default_plugin));
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];
        struct setting_input in = {.pool = pconf, .temp = ptemp, .min = row->min, .max = row->max};
        char **words;
        const char *complaint;

        in.argc = split_words(ptemp, row->dflt, &words);
        in.argv = words;
        if (in.argc == 0) {
            continue;
        }
        complaint = row->type->parse(slot_in(records[row->record], row), &in);
        if (complaint != NULL) {
            LOG_P(APLOG_CRIT, 0, ptemp, "the default of %s: %s", row->directive, complaint);
            return HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    return OK;
}

/* .htaccess is the only place that httpd reads with one and the same pool for both purposes. */
static bool in_htaccess(const cmd_parms *cmd)
{
    return cmd->pool == cmd->temp_pool;
}

static const char *settings_set(cmd_parms *cmd, void *mconfig, int argc, char *const argv[])
{
    const struct row *row = cmd->info;
    struct settings_dir *dir = mconfig;
    struct setting_input in = {.pool = cmd->pool,
                               .temp = cmd->temp_pool,
                               .cmd = cmd,
                               .htaccess = in_htaccess(cmd),
                               .argc = argc,
                               .argv = argv,
                               .min = row->min,
                               .max = row->max};
    void *record = NULL;
    const char *complaint;

    switch (row->record) {
    case RECORD_dir: record = dir; break;
    case RECORD_server:
        record = ap_get_module_config(cmd->server->module_config, &wasmserve_module);
        break;
    case RECORD_plugin: record = dir->plugin; break;
    }
    if (record == NULL) {
        return apr_pstrcat(cmd->temp_pool, row->directive,
                           ": belongs inside a <WasmServePlugin NAME> section", NULL);
    }
    if (argc == 0) {
        return apr_pstrcat(cmd->temp_pool, row->directive, ": needs a value: ", row->type->syntax,
                           NULL);
    }
    complaint = row->type->parse(slot_in(record, row), &in);
    return complaint ? apr_pstrcat(cmd->temp_pool, row->directive, ": ", complaint, NULL) : NULL;
}

static void merge_rows(enum record record, void *out, const void *base, const void *add)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].record == record) {
            rows[i].type->merge(slot_in(out, &rows[i]), slot_of(base, &rows[i]),
                                slot_of(add, &rows[i]), rows[i].type->size);
        }
    }
}

void *settings_create_dir(apr_pool_t *p, char *path)
{
    (void)path;
    return apr_pcalloc(p, sizeof(struct settings_dir));
}

void *settings_merge_dir(apr_pool_t *p, void *base, void *add)
{
    struct settings_dir *out = apr_pcalloc(p, sizeof(*out));
    merge_rows(RECORD_dir, out, base, add);
    return out;
}

void *settings_create_server(apr_pool_t *p, server_rec *s)
{
    struct settings_server *out = apr_pcalloc(p, sizeof(*out));
    out->virtual_host = s->is_virtual != 0;
    return out;
}

void *settings_merge_server(apr_pool_t *p, void *base, void *add)
{
    struct settings_server *out = apr_pcalloc(p, sizeof(*out));
    out->virtual_host = true;
    merge_rows(RECORD_server, out, base, add);
    return out;
}

const struct settings_dir *settings_of(const request_rec *r)
{
    return ap_get_module_config(r->per_dir_config, &wasmserve_module);
}

const struct settings_server *settings_of_server(const server_rec *s)
{
    return ap_get_module_config(s->module_config, &wasmserve_module);
}

struct settings_plugin *settings_open_plugin(struct settings_dir *section, apr_pool_t *pool,
                                             const char *name)
{
    section->plugin = apr_pcalloc(pool, sizeof(*section->plugin));
    section->plugin->name = name;
    return section->plugin;
}

#define WHERE_ANYWHERE               OR_FILEINFO
#define WHERE_NOT_HTACCESS           (RSRC_CONF | ACCESS_CONF)
#define WHERE_SERVER_ONLY            RSRC_CONF
#define WHERE_PLUGIN_ONLY            RSRC_CONF
#define WHERE_PLUGIN_OR_ANYWHERE     OR_FILEINFO
#define WHERE_PLUGIN_OR_NOT_HTACCESS (RSRC_CONF | ACCESS_CONF)

/* The default belongs to the help text, so that `httpd -L` shows the whole row. */
const command_rec settings_commands[] = {
#define SETTING(name, where, rec, field, kind, low, high, default_text, help)                      \
    AP_INIT_TAKE_ARGV(#name, settings_set, (void *)&rows[ROW_##name], WHERE_##where,               \
                      help " (default: " default_text ")"),
#define SETTINGS_SECTION(name, where, function, help)                                              \
    AP_INIT_RAW_ARGS(name, function, NULL, WHERE_##where, help),
#include "settings.def"
    {NULL, {NULL}, NULL, 0, RAW_ARGS, NULL}};
