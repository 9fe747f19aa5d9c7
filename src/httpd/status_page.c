/* SPDX-License-Identifier: Apache-2.0
 * status_page.c — SetHandler wasmserve-status: what plugins there are, and what they have done.
 *
 * How:     four forms of the same facts. HTML for people; ?auto, "key: value" lines as mod_status
 *          has them; ?json; ?prometheus, the text format of metrics systems, whose counters never
 *          go back as long as httpd runs. A figure is one row of the table below and appears in all
 *          four. Who may see it is the administrator's decision (Require), as for mod_status.
 *
 * Plugin names are restricted when they are defined, digests are hex; paths and host names are
 * escaped for the form they are written in.
 *
 * Memory:  r->pool.
 * Threads: the request's.
 */
#include "status_page.h"

#include <stddef.h>
#include <string.h>

#include "apr_strings.h"
#include "http_core.h"
#include "http_main.h"
#include "http_protocol.h"

#include "httpd_log.h"
#include "plugin.h"

enum kind { COUNTER, GAUGE };

static const struct figure {
    const char *json;   /* and in ?auto, behind the plugin's name */
    const char *metric; /* ?prometheus, behind wasmserve_plugin_ */
    const char *title;
    enum kind kind;
    size_t offset;
    uint64_t divisor; /* for seconds */
} figures[] = {
#define FIGURE(field, json, metric, title, kind, divisor)                                          \
    {                                                                                              \
        json, metric, title, kind, offsetof(struct counter_row, field), divisor                    \
    }
    FIGURE(requests, "requests", "requests_total", "Requests", COUNTER, 1),
    FIGURE(answered, "answered", "answered_total", "Answered", COUNTER, 1),
    FIGURE(passed, "passed", "passed_total", "Passed through", COUNTER, 1),
    FIGURE(in_flight, "in_flight", "in_flight", "In flight", GAUGE, 1),
    FIGURE(busy, "busy", "busy_total", "Refused, busy", COUNTER, 1),
    FIGURE(refused, "refused", "refused_total", "Refused, body", COUNTER, 1),
    FIGURE(nonsense, "nonsense", "nonsense_total", "No valid answer", COUNTER, 1),
    FIGURE(mute, "mute", "mute_total", "Exit without answer", COUNTER, 1),
    FIGURE(exits, "exits", "nonzero_exits_total", "Exit code after answer", COUNTER, 1),
    FIGURE(cut, "cut", "cut_total", "Cut short", COUNTER, 1),
    FIGURE(bytes_in, "bytes_in", "read_bytes_total", "Bytes read", COUNTER, 1),
    FIGURE(bytes_out, "bytes_out", "written_bytes_total", "Bytes written", COUNTER, 1),
    FIGURE(guest_nanoseconds, "guest_seconds", "guest_seconds_total", "Guest time, s", COUNTER,
           1000000000),
    FIGURE(memory_peak, "memory_peak", "memory_peak_bytes", "Memory peak", GAUGE, 1),
    FIGURE(switches, "switches", "switches_total", "Versions taken", COUNTER, 1),
    FIGURE(switches_failed, "switches_failed", "switches_failed_total", "Versions not usable",
           COUNTER, 1),
#undef FIGURE
};

#define FIGURES (sizeof(figures) / sizeof(figures[0]))

static const char *figure_value(request_rec *r, const struct counter_row *row,
                                const struct figure *figure)
{
    uint64_t value = counter_get((const counter *)((const char *)row + figure->offset));

    if (figure->divisor == 1) {
        return apr_psprintf(r->pool, "%" APR_UINT64_T_FMT, value);
    }
    return apr_psprintf(r->pool, "%" APR_UINT64_T_FMT ".%06u", value / figure->divisor,
                        (unsigned)(value % figure->divisor / (figure->divisor / 1000000)));
}

/* The server of a plugin: "" for the main one, whose plugins all servers see. */
static const char *server_name(request_rec *r, const struct plugin *plugin)
{
    const server_rec *s = plugin->server;

    return s->is_virtual ? apr_psprintf(r->pool, "%s:%u", s->server_hostname, s->port) : "";
}

/* Characters that would end a string in JSON and in Prometheus labels, and control characters. */
static const char *quoted(request_rec *r, const char *text)
{
    char *out = apr_palloc(r->pool, 6 * strlen(text) + 1), *to = out;

    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\') {
            *to++ = '\\';
            *to++ = (char)c;
        } else if (c < 0x20) {
            to += apr_snprintf(to, 7, "\\u%04x", c);
        } else {
            *to++ = (char)c;
        }
    }
    *to = '\0';
    return out;
}

/* What new instances run in, which may have changed since the module was loaded. */
static const char *tier_name(const struct plugin_module *module)
{
    return plugin_native_has_code(module) ? "compiler" : "interpreter";
}

static const char *features(request_rec *r, wasm_features bits, const char *separator)
{
    const char *text = "", *name;

    for (unsigned i = 0; (name = wasm_feature_name(i)) != NULL; i++) {
        if (bits & WASM_FEATURE(i)) {
            text = apr_pstrcat(r->pool, text, *text ? separator : "", name, NULL);
        }
    }
    return text;
}

/* The limits as the plugin's server has them, for people and machines. */
struct limit {
    const char *key, *title, *value;
};

#define LIMITS 6

static void limits_of(request_rec *r, const struct plugin *plugin, struct limit limits[LIMITS])
{
    const struct settings_dir *server =
        ap_get_module_config(plugin->server->lookup_defaults, &wasmserve_module);
    struct plugin_limits l = plugin_limits_of(plugin, server);
    const uint64_t values[LIMITS] = {
        l.store.memory_bytes, l.nanoseconds / 1000000, l.store.stack_bytes, l.store.fuel, l.body,
        l.concurrency};
    static const char *const names[LIMITS][2] = {
        {"memory_limit", "Memory"}, {"timeout_ms", "Timeout, ms"}, {"stack_limit", "Stack"},
        {"fuel", "Fuel"},           {"body_limit", "Body"},        {"concurrency", "Concurrency"}};

    for (size_t i = 0; i < LIMITS; i++) {
        limits[i].key = names[i][0];
        limits[i].title = names[i][1];
        limits[i].value =
            values[i] == UINT64_MAX ? NULL : apr_psprintf(r->pool, "%" APR_UINT64_T_FMT, values[i]);
    }
}

/* The figures of a plugin's shared store, in the order in which they are shown. */
struct store_figure {
    const char *json, *metric, *title;
    enum kind kind;
    uint64_t value;
};

#define STORE_FIGURES 6

static void store_figures(const struct plugin *plugin, struct store_figure figure[STORE_FIGURES])
{
    kv_stats stats;

    kv_store_stats(plugin->kv, &stats);
    figure[0] = (struct store_figure){"bytes", "bytes", "Bytes", GAUGE, stats.bytes};
    figure[1] = (struct store_figure){"used", "used_bytes", "In use", GAUGE, stats.used};
    figure[2] = (struct store_figure){"entries", "entries", "Entries", GAUGE, stats.entries};
    figure[3] = (struct store_figure){"evicted", "evicted_total", "Forgotten for lack of room",
                                      COUNTER, stats.evicted};
    figure[4] =
        (struct store_figure){"expired", "expired_total", "Expired", COUNTER, stats.expired};
    figure[5] = (struct store_figure){"recovered", "recovered_total", "Mended after a crash",
                                      COUNTER, stats.recovered};
}

/* What all guests of a process can have together; NULL: as much as they like. */
static const char *memory_total(request_rec *r)
{
    uint64_t bytes = SETTING_OF(server, settings_of_server(ap_server_conf), memory_total)->bytes;

    return bytes != UINT64_MAX ? apr_psprintf(r->pool, "%" APR_UINT64_T_FMT, bytes) : NULL;
}

/* ---- HTML ------------------------------------------------------------------------------------ */

static const char style[] =
    "<style>\nbody{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 "
    "1rem;color:#1b1f24;background:#fff}\nh1{font-size:1.5rem}h2{font-size:1.15rem;margin:2rem 0 "
    ".5rem}\ntable{border-collapse:collapse;margin:.5rem 0}th,td{text-align:left;padding:.15rem "
    "1rem .15rem 0;vertical-align:top}\nth{font-weight:600}td{font-variant-numeric:tabular-nums}\n"
    "code{overflow-wrap:anywhere}.pair{display:flex;flex-wrap:wrap;align-items:start;gap:0 3rem}"
    "caption{text-align:left;font-style:italic;white-space:nowrap}\n"
    "@media(prefers-color-scheme:dark){body{color:#e6e6e6;background:#16181c}a{color:#8ab4f8}}\n"
    "</style>\n";

static void html_row(request_rec *r, const char *title, const char *value)
{
    ap_rvputs(r, "<tr><th scope=\"row\">", title, "</th><td>", ap_escape_html(r->pool, value),
              "</td></tr>\n", NULL);
}

/* What was asked of it, and what stopped it. */
static void html_calls(request_rec *r, const struct counter_row *row)
{
    bool stopped = false;

    ap_rputs("<table>\n<caption>Calls</caption>\n", r);
    for (size_t i = 0; i < FIGURES; i++) {
        html_row(r, figures[i].title, figure_value(r, row, &figures[i]));
    }
    for (unsigned i = 0; i < WASM_STATUS_COUNT; i++) {
        uint64_t n = counter_get(&row->failed[i]);

        if (n != 0) {
            if (!stopped) {
                ap_rputs("</table>\n<table>\n<caption>Stopped by</caption>\n", r);
                stopped = true;
            }
            html_row(r, wasm_status_text((wasm_status)i),
                     apr_psprintf(r->pool, "%" APR_UINT64_T_FMT, n));
        }
    }
    ap_rputs("</table>\n", r);
}

/* The modules of .htaccess files, by whose they are. */
static void html_owners(request_rec *r)
{
    const struct counter_row *row;
    uid_t uid;

    for (size_t i = 0; (row = counters_owner_at(i, &uid)) != NULL; i++) {
        ap_rprintf(r, "<section>\n<h2>Modules named in .htaccess <small>by user %u</small></h2>\n",
                   (unsigned)uid);
        ap_rputs("<div class=\"pair\">\n", r);
        html_calls(r, row);
        ap_rputs("</div>\n</section>\n", r);
    }
}

static void html_store(request_rec *r, const struct plugin *plugin)
{
    struct store_figure figure[STORE_FIGURES];

    store_figures(plugin, figure);
    ap_rputs("<table>\n<caption>Shared store</caption>\n", r);
    for (size_t i = 0; i < STORE_FIGURES; i++) {
        html_row(r, figure[i].title, apr_psprintf(r->pool, "%" APR_UINT64_T_FMT, figure[i].value));
    }
    ap_rputs("</table>\n", r);
}

static void html_plugin(request_rec *r, const struct plugin *plugin)
{
    const struct plugin_version *version = plugin_use(r, plugin);
    const struct plugin_module *module = version->module;
    const char *server = server_name(r, plugin);
    struct limit limits[LIMITS];

    ap_rvputs(r, "<section>\n<h2>", ap_escape_html(r->pool, plugin->name), NULL);
    if (*server != '\0') {
        ap_rvputs(r, " <small>of ", ap_escape_html(r->pool, server), "</small>", NULL);
    }
    ap_rputs("</h2>\n<div class=\"pair\">\n<table>\n<caption>Module</caption>\n", r);
    if (*version->name != '\0') {
        html_row(r, "Version", version->name);
    }
    html_row(r, "File", module->path);
    ap_rvputs(r, "<tr><th scope=\"row\">SHA-256</th><td><code>", module->hex, "</code></td></tr>\n",
              NULL);
    html_row(r, "ABI", host_abi_name(module->abi));
    html_row(r, "Runs in the", tier_name(module));
    html_row(r, "Needs", features(r, module->info.used, ", "));
    html_row(r, "Bytes", apr_psprintf(r->pool, "%" APR_SIZE_T_FMT, module->info.file_bytes));
    html_row(r, "Prepared",
             apr_psprintf(r->pool, "%" APR_SIZE_T_FMT, module->info.allocated_bytes));
    ap_rputs("</table>\n<table>\n<caption>Limits</caption>\n", r);
    limits_of(r, plugin, limits);
    for (size_t i = 0; i < LIMITS; i++) {
        html_row(r, limits[i].title, limits[i].value ? limits[i].value : "none");
    }
    ap_rputs("</table>\n", r);
    html_calls(r, plugin->counters);
    if (plugin->kv != NULL) {
        html_store(r, plugin);
    }
    ap_rputs("</div>\n</section>\n", r);
}

static void html_memory(request_rec *r)
{
    const char *limit = memory_total(r);
    struct counters_memory memory;

    counters_memory_of_all(&memory);
    ap_rprintf(r,
               "<p>Memory of all guests now: %" APR_UINT64_T_FMT " bytes in %u process%s, up to "
               "%" APR_UINT64_T_FMT " in one (it has been %" APR_UINT64_T_FMT
               "; limit: %s). Refused "
               "%" APR_UINT64_T_FMT " times.</p>\n",
               memory.used, memory.children, memory.children == 1 ? "" : "es", memory.largest,
               memory.peak, limit ? limit : "none", memory.refused);
}

static void page_html(request_rec *r, struct plugin *const *plugins, int count)
{
    ap_set_content_type(r, "text/html; charset=utf-8");
    ap_rvputs(r,
              "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta "
              "name=\"viewport\" content=\"width=device-width\">\n<title>WebAssembly plugins of ",
              ap_escape_html(r->pool, ap_get_server_name(r)), "</title>\n", style,
              "</head>\n<body>\n<h1>WebAssembly plugins of ",
              ap_escape_html(r->pool, ap_get_server_name(r)), "</h1>\n", NULL);
    ap_rprintf(r, "<p>%d plugin%s. The engine knows: %s.</p>\n", count, count == 1 ? "" : "s",
               features(r, WASM_FEATURES_SUPPORTED, ", "));
    html_memory(r);
    for (int i = 0; i < count; i++) {
        html_plugin(r, plugins[i]);
    }
    html_owners(r);
    ap_rputs("<p>The same as <a href=\"?auto\">text</a>, <a href=\"?json\">JSON</a>, <a "
             "href=\"?prometheus\">metrics</a>.</p>\n</body>\n</html>\n",
             r);
}

/* ---- ?auto ----------------------------------------------------------------------------------- */

static void auto_calls(request_rec *r, const struct counter_row *row, const char *prefix)
{
    for (size_t k = 0; k < FIGURES; k++) {
        ap_rvputs(r, prefix, figures[k].json, ": ", figure_value(r, row, &figures[k]), "\n", NULL);
    }
    for (unsigned k = 0; k < WASM_STATUS_COUNT; k++) {
        uint64_t n = counter_get(&row->failed[k]);

        if (n != 0) {
            ap_rprintf(r, "%sstopped %s: %" APR_UINT64_T_FMT "\n", prefix,
                       wasm_status_name((wasm_status)k), n);
        }
    }
}

static void auto_store(request_rec *r, const struct plugin *plugin, const char *prefix)
{
    struct store_figure figure[STORE_FIGURES];

    store_figures(plugin, figure);
    for (size_t i = 0; i < STORE_FIGURES; i++) {
        ap_rprintf(r, "%skv %s: %" APR_UINT64_T_FMT "\n", prefix, figure[i].json, figure[i].value);
    }
}

static void page_auto(request_rec *r, struct plugin *const *plugins, int count)
{
    const struct counter_row *row;
    const char *limit = memory_total(r);
    struct counters_memory memory;
    uid_t uid;

    ap_set_content_type(r, "text/plain; charset=utf-8");
    ap_rprintf(r, "WasmServePlugins: %d\n", count);
    counters_memory_of_all(&memory);
    ap_rprintf(r,
               "WasmServeMemoryTotal: %s\nWasmServeMemoryUsed: %" APR_UINT64_T_FMT
               "\nWasmServeMemoryLargest: %" APR_UINT64_T_FMT
               "\nWasmServeMemoryPeak: %" APR_UINT64_T_FMT
               "\nWasmServeMemoryRefused: %" APR_UINT64_T_FMT "\n",
               limit ? limit : "Off", memory.used, memory.largest, memory.peak, memory.refused);
    for (int i = 0; i < count; i++) {
        const struct plugin *plugin = plugins[i];
        const struct plugin_version *version = plugin_use(r, plugin);
        const char *server = server_name(r, plugin);
        const char *prefix = apr_pstrcat(r->pool, "WasmServePlugin ", plugin->name,
                                         *server ? "@" : "", server, " ", NULL);

        ap_rvputs(r, prefix, "version: ", *version->name ? version->name : "-", "\n", prefix,
                  "digest: ", version->module->hex, "\n", NULL);
        auto_calls(r, plugin->counters, prefix);
        if (plugin->kv != NULL) {
            auto_store(r, plugin, prefix);
        }
    }
    for (size_t i = 0; (row = counters_owner_at(i, &uid)) != NULL; i++) {
        auto_calls(r, row, apr_psprintf(r->pool, "WasmServeUser %u ", (unsigned)uid));
    }
}

/* ---- ?json ----------------------------------------------------------------------------------- */

/* The members that any row has, behind others. */
static void json_calls(request_rec *r, const struct counter_row *row)
{
    const char *separator = "";

    for (size_t i = 0; i < FIGURES; i++) {
        ap_rvputs(r, ",\"", figures[i].json, "\":", figure_value(r, row, &figures[i]), NULL);
    }
    ap_rputs(",\"stopped\":{", r);
    for (unsigned i = 0; i < WASM_STATUS_COUNT; i++) {
        uint64_t n = counter_get(&row->failed[i]);

        if (n != 0) {
            ap_rprintf(r, "%s\"%s\":%" APR_UINT64_T_FMT, separator,
                       wasm_status_name((wasm_status)i), n);
            separator = ",";
        }
    }
    ap_rputs("}", r);
}

static void json_store(request_rec *r, const struct plugin *plugin)
{
    struct store_figure figure[STORE_FIGURES];

    if (plugin->kv == NULL) {
        ap_rputs(",\"kv\":null", r);
        return;
    }
    store_figures(plugin, figure);
    for (size_t i = 0; i < STORE_FIGURES; i++) {
        ap_rprintf(r, "%s\"%s\":%" APR_UINT64_T_FMT, i == 0 ? ",\"kv\":{" : ",", figure[i].json,
                   figure[i].value);
    }
    ap_rputs("}", r);
}

static void json_plugin(request_rec *r, const struct plugin *plugin)
{
    const struct plugin_version *version = plugin_use(r, plugin);
    const struct plugin_module *module = version->module;
    const char *needs = features(r, module->info.used, "\",\"");
    const char *word =
        *version->name ? apr_pstrcat(r->pool, "\"", version->name, "\"", NULL) : "null";
    struct limit limits[LIMITS];

    ap_rvputs(r, "{\"name\":\"", plugin->name, "\",\"server\":\"",
              quoted(r, server_name(r, plugin)), "\",\"file\":\"", quoted(r, module->path),
              "\",\"version\":", word, ",\"sha256\":\"", module->hex, "\",\"abi\":\"",
              host_abi_name(module->abi), "\",\"tier\":\"", tier_name(module), "\",\"features\":[",
              *needs ? apr_pstrcat(r->pool, "\"", needs, "\"", NULL) : "", "]", NULL);
    ap_rprintf(r, ",\"bytes\":%" APR_SIZE_T_FMT ",\"prepared_bytes\":%" APR_SIZE_T_FMT,
               module->info.file_bytes, module->info.allocated_bytes);
    limits_of(r, plugin, limits);
    for (size_t i = 0; i < LIMITS; i++) {
        ap_rvputs(r, ",\"", limits[i].key, "\":", limits[i].value ? limits[i].value : "null", NULL);
    }
    json_calls(r, plugin->counters);
    json_store(r, plugin);
    ap_rputs("}", r);
}

static void page_json(request_rec *r, struct plugin *const *plugins, int count)
{
    const struct counter_row *row;
    const char *limit = memory_total(r);
    struct counters_memory memory;
    uid_t uid;

    ap_set_content_type(r, "application/json");
    ap_rvputs(r, "{\"features\":[\"", features(r, WASM_FEATURES_SUPPORTED, "\",\""),
              "\"],\"memory\":{\"limit\":", limit ? limit : "null", NULL);
    counters_memory_of_all(&memory);
    ap_rprintf(r,
               ",\"processes\":%u,\"used\":%" APR_UINT64_T_FMT ",\"largest\":%" APR_UINT64_T_FMT
               ",\"peak\":%" APR_UINT64_T_FMT ",\"refused\":%" APR_UINT64_T_FMT "},\"plugins\":[",
               memory.children, memory.used, memory.largest, memory.peak, memory.refused);
    for (int i = 0; i < count; i++) {
        ap_rputs(i == 0 ? "" : ",", r);
        json_plugin(r, plugins[i]);
    }
    ap_rputs("],\"users\":[", r);
    for (size_t i = 0; (row = counters_owner_at(i, &uid)) != NULL; i++) {
        ap_rprintf(r, "%s{\"uid\":%u", i == 0 ? "" : ",", (unsigned)uid);
        json_calls(r, row);
        ap_rputs("}", r);
    }
    ap_rputs("]}\n", r);
}

/* ---- ?prometheus ----------------------------------------------------------------------------- */

static const char *labels(request_rec *r, const struct plugin *plugin)
{
    return apr_psprintf(r->pool, "plugin=\"%s\",server=\"%s\"", plugin->name,
                        quoted(r, server_name(r, plugin)));
}

static void prometheus_memory(request_rec *r)
{
    const char *limit = memory_total(r);
    struct counters_memory memory;

    counters_memory_of_all(&memory);
    ap_rprintf(r,
               "# HELP wasmserve_memory_used_bytes What the guests of all processes have now\n"
               "# TYPE wasmserve_memory_used_bytes gauge\n"
               "wasmserve_memory_used_bytes %" APR_UINT64_T_FMT "\n"
               "# HELP wasmserve_memory_largest_bytes What those of one process have now\n"
               "# TYPE wasmserve_memory_largest_bytes gauge\n"
               "wasmserve_memory_largest_bytes %" APR_UINT64_T_FMT "\n"
               "# HELP wasmserve_memory_refused_total Times that the limit of a process was met\n"
               "# TYPE wasmserve_memory_refused_total counter\n"
               "wasmserve_memory_refused_total %" APR_UINT64_T_FMT "\n",
               memory.used, memory.largest, memory.refused);
    if (limit != NULL) {
        ap_rvputs(r,
                  "# HELP wasmserve_memory_limit_bytes What the guests of a process can have\n"
                  "# TYPE wasmserve_memory_limit_bytes gauge\n"
                  "wasmserve_memory_limit_bytes ",
                  limit, "\n", NULL);
    }
}

static void prometheus_users(request_rec *r)
{
    const struct counter_row *row;
    uid_t uid;

    for (size_t k = 0; k < FIGURES; k++) {
        for (size_t i = 0; (row = counters_owner_at(i, &uid)) != NULL; i++) {
            if (i == 0) {
                ap_rprintf(r, "# HELP wasmserve_user_%s %s\n# TYPE wasmserve_user_%s %s\n",
                           figures[k].metric, figures[k].title, figures[k].metric,
                           figures[k].kind == COUNTER ? "counter" : "gauge");
            }
            ap_rprintf(r, "wasmserve_user_%s{uid=\"%u\"} %s\n", figures[k].metric, (unsigned)uid,
                       figure_value(r, row, &figures[k]));
        }
    }
}

static void prometheus_stores(request_rec *r, struct plugin *const *plugins, int count)
{
    struct store_figure figure[STORE_FIGURES];

    for (size_t k = 0; k < STORE_FIGURES; k++) {
        bool begun = false;

        for (int i = 0; i < count; i++) {
            if (plugins[i]->kv == NULL) {
                continue;
            }
            store_figures(plugins[i], figure);
            if (!begun) {
                ap_rprintf(r,
                           "# HELP wasmserve_plugin_kv_%s Shared store: %s\n"
                           "# TYPE wasmserve_plugin_kv_%s %s\n",
                           figure[k].metric, figure[k].title, figure[k].metric,
                           figure[k].kind == COUNTER ? "counter" : "gauge");
                begun = true;
            }
            ap_rprintf(r, "wasmserve_plugin_kv_%s{%s} %" APR_UINT64_T_FMT "\n", figure[k].metric,
                       labels(r, plugins[i]), figure[k].value);
        }
    }
}

static void page_prometheus(request_rec *r, struct plugin *const *plugins, int count)
{
    ap_set_content_type(r, "text/plain; version=0.0.4; charset=utf-8");
    for (size_t k = 0; k < FIGURES; k++) {
        ap_rprintf(r, "# HELP wasmserve_plugin_%s %s\n# TYPE wasmserve_plugin_%s %s\n",
                   figures[k].metric, figures[k].title, figures[k].metric,
                   figures[k].kind == COUNTER ? "counter" : "gauge");
        for (int i = 0; i < count; i++) {
            ap_rvputs(r, "wasmserve_plugin_", figures[k].metric, "{", labels(r, plugins[i]), "} ",
                      figure_value(r, plugins[i]->counters, &figures[k]), "\n", NULL);
        }
    }
    prometheus_memory(r);
    prometheus_users(r);
    prometheus_stores(r, plugins, count);
    ap_rputs("# HELP wasmserve_plugin_info The version that each plugin runs now\n"
             "# TYPE wasmserve_plugin_info gauge\n",
             r);
    for (int i = 0; i < count; i++) {
        const struct plugin_version *version = plugin_use(r, plugins[i]);

        ap_rvputs(r, "wasmserve_plugin_info{", labels(r, plugins[i]), ",version=\"", version->name,
                  "\",digest=\"", version->module->hex, "\"} 1\n", NULL);
    }
    ap_rputs("# HELP wasmserve_plugin_stopped_total Calls that were stopped, by reason\n"
             "# TYPE wasmserve_plugin_stopped_total counter\n",
             r);
    for (int i = 0; i < count; i++) {
        for (unsigned k = 0; k < WASM_STATUS_COUNT; k++) {
            uint64_t n = counter_get(&plugins[i]->counters->failed[k]);

            if (n != 0) {
                ap_rprintf(r,
                           "wasmserve_plugin_stopped_total{%s,class=\"%s\",reason=\"%s\"} "
                           "%" APR_UINT64_T_FMT "\n",
                           labels(r, plugins[i]),
                           wasm_class_name(wasm_status_class((wasm_status)k)),
                           wasm_status_name((wasm_status)k), n);
            }
        }
    }
}

int status_page_handler(request_rec *r)
{
    static const struct {
        const char *query;
        void (*page)(request_rec *r, struct plugin *const *plugins, int count);
    } forms[] = {{"auto", page_auto}, {"json", page_json}, {"prometheus", page_prometheus}};
    struct plugin *const *plugins;
    int count, status;

    if (r->handler == NULL || strcmp(r->handler, STATUS_HANDLER) != 0) {
        return DECLINED;
    }
    r->allowed |= AP_METHOD_BIT << M_GET;
    if (r->method_number != M_GET) {
        return r->method_number == M_OPTIONS ? DECLINED : HTTP_METHOD_NOT_ALLOWED;
    }
    if ((status = ap_discard_request_body(r)) != OK) {
        return status;
    }
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    plugins = plugin_all(&count);
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (r->args != NULL && strcmp(r->args, forms[i].query) == 0) {
            forms[i].page(r, plugins, count);
            return OK;
        }
    }
    page_html(r, plugins, count);
    return OK;
}
