/* SPDX-License-Identifier: Apache-2.0
 * plugin_user.h — modules that .htaccess files name (WasmServeUserPlugins).
 *
 * Memory and threads: said at each function.
 */
#ifndef PLUGIN_USER_H
#define PLUGIN_USER_H

#include "plugin.h"
#include "plugin_user_file.h"

/* The plugin that answers by the module that `handler`, whose name is a path, names; in r->pool,
 * the same one for all requests that came out of one another. NULL: *http says what the request is
 * to be answered with (the log has the reason), DECLINED where that has been done already. */
const struct plugin *plugin_user_of(request_rec *r, const struct setting_handler *handler,
                                    int *http);

/* ---- plugin_user_cache.c --------------------------------------------------------------------- */

enum user_answer {
    USER_READY,
    USER_REFUSED, /* the file cannot be a module */
    USER_BUSY /* not now: another file of this owner is being prepared, or this one is for long */
};

/* What a file is wanted as. */
struct user_wish {
    struct user_file *file;
    const char *path; /* the file's, as the log calls it; with the tier the name of an entry */
    const struct plugin *plugin;
    wasm_tier tier;
};

/* The version that the file is, held for the caller: prepared before by this child, or now. *why
 * (in pool) unless READY. Takes no longer than preparing one module does, and waiting for another
 * thread that does it no longer than 5 s. Threads: any request's. */
enum user_answer user_cache_get(const struct user_wish *wish, apr_pool_t *pool,
                                struct plugin_version **version, const char **why);

#endif
