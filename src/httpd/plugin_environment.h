/* SPDX-License-Identifier: Apache-2.0
 * plugin_environment.h — the environment of a guest that is spoken to as a CGI program.
 *
 * Memory:  what is returned lives in r->pool.
 * Threads: the request's.
 */
#ifndef PLUGIN_ENVIRONMENT_H
#define PLUGIN_ENVIRONMENT_H

#include <stdbool.h>

#include "httpd.h"

#include "plugin_settings.h"

/* Whether a variable of that name always comes from the request, so that nobody can grant it. */
bool plugin_environment_owns(const char *name);

/* The environment for a request as "NAME=VALUE", *count of them: RFC 3875's meta variables, HTTP_*
 * for the header, and what was granted. `kind` is what r->filename is in the file system. */
const char *const *plugin_environment(request_rec *r, const struct setting_handler *handler,
                                      const struct setting_grants *granted, apr_filetype_e kind,
                                      size_t *count);

#endif
