/* SPDX-License-Identifier: Apache-2.0
 * mod_wasmserve.c — the table of contents: the module record and its hooks, each with the reason
 * for its place.
 *
 * Why:     httpd needs one record under one name; a reader needs one page that says where
 *          everything is. There is no logic in this file, and its name is what <IfModule
 *          mod_wasmserve.c> asks for.
 * Map:     src/README.md has the reading order. In short:
 *            src/httpd/settings.def   every directive, a row each; settings.c reads them
 *            src/httpd/delivery_*.c   a request for a .wasm file, answered in its smallest form
 *            src/httpd/adopt_*.c, compress_*.c   what is compressed as it is sent
 *            src/httpd/store_service.c  who makes the variants that nobody deployed
 *            src/delivery/            the rules that delivery follows, as pure functions
 *            src/httpd/loader_handler.c   the script with which pages load their apps
 *            src/httpd/plugin*.c      a request, answered by a guest in the sandbox
 *            src/httpd/status*.c      what plugins did, over all children
 * Memory:  Constant tables.
 * Threads: register_hooks runs in the parent, once per reading of the configuration.
 */
#include "httpd.h"
#include "http_config.h"
#include "mpm_common.h"
#include "http_protocol.h"
#include "http_request.h"

#include "adopt_filter.h"
#include "compress_filter.h"
#include "delivery_handler.h"
#include "delivery_headers.h"
#include "loader_handler.h"
#include "plugin.h"
#include "plugin_authorize.h"
#include "plugin_filter.h"
#include "request_lines_filter.h"
#include "settings.h"
#include "status_page.h"
#include "store_service.h"

static int pre_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp)
{
    (void)plog;
    plugin_registry_init(pconf);
    return settings_init(pconf, ptemp);
}

#if AP_MODULE_MAGIC_AT_LEAST(20120211, 110)
static void child_stopping(apr_pool_t *pchild, int graceful)
{
    plugin_child_stopping(pchild, graceful);
    store_service_child_stopping();
}
#endif

static void register_hooks(apr_pool_t *p)
{
    static const char *const before_headers[] = {"mod_headers.c", NULL};
    static const char *const after_expires[] = {"mod_expires.c", NULL};
    static const char *const after_headers[] = {"mod_headers.c", NULL};
    static const char *const after_cache[] = {"mod_cache.c", NULL};
    static const char *const after_watchdog[] = {"mod_watchdog.c", NULL};
    static const char *const before_dir[] = {"mod_dir.c", NULL};
    static const char *const before_rewriting[] = {"mod_rewrite.c", "mod_proxy.c", NULL};

    /* The defaults must be there before the first directive is read. */
    ap_hook_pre_config(pre_config, NULL, NULL, APR_HOOK_FIRST);

    /* What the administrator says with Expires and Header wins: our headers are filled in between
     * those two, and checked against "Header always" behind them. */
    delivery_headers_register();
    ap_hook_insert_filter(delivery_headers_insert, after_expires, before_headers, APR_HOOK_MIDDLE);
    ap_hook_insert_filter(delivery_headers_insert_last, after_headers, NULL, APR_HOOK_REALLY_LAST);

    /* Of an answer from elsewhere, type and Vary are to be right before other filters look at them;
     * what compresses acts last, when all that could forbid it has been said. */
    adopt_filter_register();
    compress_filter_register();
    ap_hook_insert_filter(adopt_filter_insert, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_insert_filter(compress_filter_insert, after_headers, NULL, APR_HOOK_REALLY_LAST);

    /* Behind authorization and fixups, as any handler; before httpd's own for files, and behind
     * mod_cache, which may have the answer already. */
    ap_hook_handler(delivery_handler, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_handler(loader_handler, NULL, NULL, APR_HOOK_MIDDLE);

    /* Modules are loaded and checked where `apachectl configtest` comes by; the shared counters are
     * made in the parent, the thread for deadlines in each child. */
    ap_hook_check_config(plugin_check_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(plugin_post_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(plugin_child_init, NULL, NULL, APR_HOOK_MIDDLE);

    /* The store's worker is ordered before mod_watchdog makes its mutexes, which it does last. In a
     * child the store is opened last: what is registered then is cleaned up first, before
     * mod_watchdog waits for the worker. */
    ap_hook_check_config(store_service_check_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(store_service_post_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(store_service_child_init, after_watchdog, NULL, APR_HOOK_LAST);
#if AP_MODULE_MAGIC_AT_LEAST(20120211, 110)
    /* Worker threads are joined after this; a guest with a long deadline would keep them, and the
     * store's worker the child. */
    ap_hook_child_stopping(child_stopping, NULL, NULL, APR_HOOK_MIDDLE);
#endif

    /* Filters by plugins see a request before its URL is decoded, rewritten or taken for a proxy,
     * and before httpd answers TRACE; a guest's answer is sent in the next phase, the first from
     * which httpd takes one. What directories say is known in fixups: first of all there, and once
     * more at its end for what mod_dir has found. */
    plugin_filter_register();
    ap_hook_pre_translate_name(plugin_filter_early, NULL, before_rewriting, APR_HOOK_REALLY_FIRST);
    ap_hook_translate_name(plugin_filter_answer, NULL, before_rewriting, APR_HOOK_REALLY_FIRST);
    ap_hook_fixups(plugin_filter_fixups, NULL, before_rewriting, APR_HOOK_REALLY_FIRST);
    ap_hook_fixups(plugin_filter_fixups, NULL, NULL, APR_HOOK_REALLY_LAST);
    ap_hook_insert_filter(plugin_filter_insert, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_insert_error_filter(plugin_filter_insert_error, NULL, NULL, APR_HOOK_MIDDLE);

    /* Require wasmserve NAME; what a guest says with a denial goes where httpd makes its page. */
    plugin_authorize_register(p);
    ap_hook_insert_filter(plugin_authorize_insert, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_insert_error_filter(plugin_authorize_insert_error, NULL, NULL, APR_HOOK_MIDDLE);

    /* The head of a request, as it comes in. */
    request_lines_register();
    ap_hook_create_request(request_lines_begin, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_read_request(request_lines_end, NULL, NULL, APR_HOOK_REALLY_FIRST);

    /* Behind SetHandler and mod_rewrite, so that the last word is known; before mod_dir, which
     * would redirect a directory or look for its index. */
    ap_hook_fixups(plugin_fixups, NULL, before_dir, APR_HOOK_MIDDLE);

    /* Before mod_proxy, which takes what ProxyPass matches whatever the handler says. */
    ap_hook_handler(plugin_handler, after_cache, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_handler(status_page_handler, NULL, NULL, APR_HOOK_MIDDLE);
}

/* Everything of this module is hidden but the one symbol that httpd looks for. */
extern module wasmserve_module __attribute__((visibility("default")));

AP_DECLARE_MODULE(wasmserve) = {
    STANDARD20_MODULE_STUFF, settings_create_dir, settings_merge_dir, settings_create_server,
    settings_merge_server,   settings_commands,   register_hooks,     0,
};
