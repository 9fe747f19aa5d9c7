/* SPDX-License-Identifier: Apache-2.0
 * plugin_filter.h — WasmServeFilter for the hooks; filter_chain.h is what its files know together.
 *
 * Memory and threads: see plugin_filter.c.
 */
#ifndef PLUGIN_FILTER_H
#define PLUGIN_FILTER_H

#include "httpd.h"

/* For register_hooks: httpd's filters. */
void plugin_filter_register(void);

/* pre_translate_name: the filters of the server and of <Location>. */
int plugin_filter_early(request_rec *r);
/* translate_name: sends the answer of one of them. */
int plugin_filter_answer(request_rec *r);
/* fixups: those of directories and .htaccess, and whatever has not had its turn. */
int plugin_filter_fixups(request_rec *r);
/* insert_filter and insert_error_filter: the way back. */
void plugin_filter_insert(request_rec *r);
void plugin_filter_insert_error(request_rec *r);

#endif
