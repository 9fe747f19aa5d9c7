/* SPDX-License-Identifier: Apache-2.0
 * plugin_module.c — a module for plugins: decoded, validated, prepared, and linked with what a host
 * can give it. All the reasons for which a file cannot be one are here.
 *
 * How:     the modules of a process stand in a list, by digest, tier and ABI; whoever asks for
 *          bytes that are there already gets the same module. The work is done without the lock:
 *          two threads that prepare the same bytes at the same time both do it, and one result is
 *          dropped. (Those who can expect that take care of it themselves: plugin_user.c.) A module
 *          is freed by a sweep after the last one let go of it, because freeing a large one takes
 *          time, and who lets go is often a request's cleanup.
 *
 * Memory:  malloc, since modules come and go while the process lives.
 * Threads: any; the list and the counts are under plugin_lock().
 */
#include "plugin.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "apr_strings.h"

#include "httpd_log.h"

static struct plugin_module *modules;

const char *plugin_module_remedy(wasm_status status)
{
    switch (status) {
    case WASM_E_FEATURE:
    case WASM_E_ILLEGAL_OPCODE:
        return "compile it for WebAssembly 2.0 without SIMD, threads or later proposals";
    case WASM_E_COMPONENT:
        return "plugins are core modules (WASI preview 1); take the core module inside, or compile "
               "for wasm32-wasip1";
    case WASM_E_MAGIC: return "is this a .wasm file?";
    case WASM_E_QUOTA: return "it asks for far more memory than a module of its size needs";
    case WASM_E_INTERRUPTED:
        return "make it smaller, or have the administrator define a plugin of it";
    case WASM_E_NO_COMPILER: return "write WasmServeEngine auto or interpreter";
    case WASM_E_NO_EXECUTABLE:
        return "write WasmServeEngine auto, or allow executable memory (MemoryDenyWriteExecute, "
               "httpd_execmem, vm.memfd_noexec)";
    default: break;
    }
    switch (wasm_status_class(status)) {
    case WASM_CLASS_MALFORMED: return "the file is damaged or cut short; build or copy it again";
    case WASM_CLASS_INVALID: return "the tool that made it is at fault; build it again";
    default: return "see the reason before this";
    }
}

/* Links the module with the functions of the host, once for all calls. */
static bool imports_check(struct plugin_module *module, apr_pool_t *pool, const char **why)
{
    wasm_extern *imports = calloc((size_t)module->info.import_count + 1, sizeof(*imports));
    wasm_extern_desc desc;
    wasm_report report;
    char text[400];
    uint32_t missing;

    module->imports = imports;
    if (imports == NULL) {
        *why = "has more imports than there is memory for";
        return false;
    }
    if (host_resolve(module->wasm, module->abi, imports, &report) != WASM_OK) {
        *why = apr_psprintf(pool,
                            "asks for a function in a form that it does not have: %s; build it for "
                            "WASI preview 1",
                            wasm_report_format(&report, text, sizeof(text)));
        return false;
    }
    missing = wasm_missing_import(module->wasm, imports);
    if (missing != UINT32_MAX && wasm_module_import(module->wasm, missing, &desc)) {
        const char *from = apr_pstrmemdup(pool, desc.module, desc.module_length);
        const char *name = apr_pstrmemdup(pool, desc.name, desc.name_length);

        *why = apr_psprintf(pool,
                            "imports \"%s\" \"%s\", which a plugin cannot be given; a %s guest "
                            "imports functions of %swasi_snapshot_preview1 and wasmserve_kv",
                            ap_escape_logitem(pool, from), ap_escape_logitem(pool, name),
                            host_abi_name(module->abi),
                            module->abi == HOST_ABI_HTTP_WASM ? "http_handler, wasmserve, " : "");
        return false;
    }
    return true;
}

/* Whether it exports _start as a program does. */
static bool has_start(const wasm_module *wasm)
{
    wasm_extern_desc desc;

    for (uint32_t i = 0; wasm_module_export(wasm, i, &desc); i++) {
        if (desc.kind == WASM_EXTERN_FUNC && desc.name_length == 6 &&
            memcmp(desc.name, "_start", 6) == 0) {
            return desc.func.param_count == 0 && desc.func.result_count == 0;
        }
    }
    return false;
}

/* What the module is a guest of, as WasmServeABI says or as the module shows. */
static bool abi_check(struct plugin_module *module, apr_pool_t *pool, const char **why)
{
    const char *reason = "", *remedy;
    host_abi found = host_detect_abi(module->wasm, &reason);

    if (module->asked_abi == HOST_ABI_CGI && found == HOST_ABI_HTTP_WASM) {
        /* It says so, and may be right: a program with exports that it does not need. */
        if (has_start(module->wasm)) {
            found = HOST_ABI_CGI;
            reason = "";
        } else {
            reason = "WasmServeABI says cgi, and it has no _start";
        }
    } else if (module->asked_abi == HOST_ABI_HTTP_WASM && found != HOST_ABI_HTTP_WASM) {
        reason =
            apr_psprintf(pool, "WasmServeABI says http-wasm, and %s", httpwasm_check(module->wasm));
    } else if (found == HOST_ABI_PROXY_WASM) {
        reason = "it is a guest for proxy-wasm, which this version cannot run";
    }
    module->abi = found;
    module->initializes = found == HOST_ABI_HTTP_WASM && httpwasm_initializes(module->wasm);
    if (reason[0] == '\0') {
        return true;
    }
    remedy =
        found == HOST_ABI_HTTP_WASM || module->asked_abi == HOST_ABI_HTTP_WASM
            ? "an http-wasm guest exports memory, handle_request and handle_response"
            : "build it as a WASI preview 1 program (a command, with _start), or for http-wasm "
              "(handle_request and handle_response)";
    *why = apr_psprintf(pool, "cannot be a plugin: %s; %s", reason, remedy);
    return false;
}

static void module_free(struct plugin_module *module)
{
    wasm_module_free(module->wasm);
    free((void *)module->imports);
    free((char *)module->path);
    free(module);
}

uint64_t plugin_thread_time(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static bool is_over(void *baton)
{
    return plugin_thread_time() > *(const uint64_t *)baton;
}

/* Prepares bytes that this process does not have yet. */
static struct plugin_module *module_make(const struct plugin_bytes *from, apr_pool_t *pool,
                                         const char **why)
{
    struct plugin_module *module = calloc(1, sizeof(*module));
    uint64_t end = plugin_thread_time() + from->nanoseconds;
    wasm_compile_options compile = plugin_native_options(from->nanoseconds != 0);
    wasm_load_options options = {.quota = from->quota,
                                 .tier = from->tier,
                                 .compile = &compile,
                                 .stop = from->nanoseconds != 0 ? is_over : NULL,
                                 .stop_baton = &end};
    wasm_report report;
    char text[400];

    if (module == NULL || (module->path = strdup(from->path)) == NULL) {
        free(module);
        *why = "cannot be used: out of memory";
        return NULL;
    }
    module->asked = from->tier;
    module->asked_abi = from->abi;
    module->nanoseconds = from->nanoseconds;
    module->refs = 1;
    apr_cpystrn(module->hex, from->hex, sizeof(module->hex));
    if (wasm_module_load(from->bytes, from->length, &options, &module->wasm, &report) != WASM_OK) {
        module->wasm = NULL;
        *why = apr_psprintf(pool, "cannot be used: %s; %s",
                            wasm_report_format(&report, text, sizeof(text)),
                            plugin_module_remedy(report.status));
        module_free(module);
        return NULL;
    }
    wasm_module_describe(module->wasm, &module->info);
    if (!abi_check(module, pool, why) || !imports_check(module, pool, why)) {
        module_free(module);
        return NULL;
    }
    return module;
}

/* The module, held, if it is in the list. With the lock taken. */
static struct plugin_module *find(const char *hex, wasm_tier tier, host_abi abi)
{
    struct plugin_module *module = modules;

    while (module != NULL &&
           (module->asked != tier || module->asked_abi != abi || strcmp(module->hex, hex) != 0)) {
        module = module->next;
    }
    if (module != NULL) {
        module->refs++;
    }
    return module;
}

struct plugin_module *plugin_module_find(const char *hex, wasm_tier tier, host_abi abi)
{
    struct plugin_module *module = NULL;

    if (plugin_lock()) {
        module = find(hex, tier, abi);
        plugin_unlock();
    }
    return module;
}

struct plugin_module *plugin_module_get(const struct plugin_bytes *from, apr_pool_t *pool,
                                        const char **why)
{
    struct plugin_module *module = plugin_module_find(from->hex, from->tier, from->abi);
    struct plugin_module *meanwhile;

    if (module != NULL) {
        return module;
    }
    module = module_make(from, pool, why);
    if (module == NULL || !plugin_lock()) {
        return module;
    }
    meanwhile = find(from->hex, from->tier, from->abi);
    if (meanwhile == NULL) {
        module->next = modules;
        modules = module;
    }
    plugin_unlock();
    if (meanwhile == NULL) {
        plugin_native_want(module);
        return module;
    }
    module_free(module);
    return meanwhile;
}

void plugin_module_release(struct plugin_module *module)
{
    module->refs--;
}

void plugin_module_sweep(void)
{
    struct plugin_module **at = &modules, *over = NULL;

    if (!plugin_lock()) {
        return;
    }
    while (*at != NULL) {
        struct plugin_module *module = *at;

        if (module->refs == 0) {
            *at = module->next;
            module->next = over;
            over = module;
        } else {
            at = &module->next;
        }
    }
    plugin_unlock();
    while (over != NULL) {
        struct plugin_module *next = over->next;

        module_free(over);
        over = next;
    }
}

const char *plugin_module_memory(const struct plugin_module *module, uint64_t cap, apr_pool_t *pool)
{
    uint64_t need = 0;
    wasm_bounds bounds;

    for (uint32_t i = 0; wasm_module_memory(module->wasm, i, &bounds); i++) {
        uint64_t bytes = wasm_bounds_bytes(&bounds);

        need = bytes > UINT64_MAX - need ? UINT64_MAX : need + bytes;
    }
    if (need <= cap) {
        return NULL;
    }
    return apr_psprintf(pool,
                        "begins with %" APR_UINT64_T_FMT
                        " bytes of memory, and WasmServeMemory allows %" APR_UINT64_T_FMT
                        "; set WasmServeMemory to at least %" APR_UINT64_T_FMT "K",
                        need, cap, need / 1024 + (need % 1024 != 0));
}
