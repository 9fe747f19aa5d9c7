/* SPDX-License-Identifier: Apache-2.0
 * abi.c — how a module wants to be spoken to, read off its imports and exports.
 *
 * The marks are those that the ABIs themselves define: Proxy-Wasm guests export a function
 * proxy_abi_version_X_Y_Z, http-wasm guests export handle_request or import from http_handler, and
 * a CGI program is a WASI command: it exports _start. The marks of the first two go first, because
 * their guests may be commands as well (TinyGo makes them so).
 *
 * Memory:  nothing is allocated, texts are static.
 * Threads: any; a module is immutable.
 */
#include "host.h"
#include "httpwasm.h"

#include <string.h>

static bool has_prefix(const wasm_extern_desc *desc, const char *prefix)
{
    size_t length = strlen(prefix);

    return desc->name_length >= length && memcmp(desc->name, prefix, length) == 0;
}

static bool is_named(const wasm_extern_desc *desc, const char *name)
{
    return desc->name_length == strlen(name) && has_prefix(desc, name);
}

static bool imports_from(const wasm_module *module, const char *from)
{
    wasm_extern_desc desc;
    size_t length = strlen(from);

    for (uint32_t i = 0; wasm_module_import(module, i, &desc); i++) {
        if (desc.module_length == length && memcmp(desc.module, from, length) == 0)
            return true;
    }
    return false;
}

host_abi host_detect_abi(const wasm_module *module, const char **why)
{
    bool proxy = false, http = false, start = false, start_odd = false, initialize = false;
    wasm_extern_desc desc;

    for (uint32_t i = 0; wasm_module_export(module, i, &desc); i++) {
        if (desc.kind != WASM_EXTERN_FUNC)
            continue;
        if (has_prefix(&desc, "proxy_abi_version_"))
            proxy = true;
        else if (is_named(&desc, "handle_request"))
            http = true;
        else if (is_named(&desc, "_initialize"))
            initialize = true;
        else if (is_named(&desc, "_start")) {
            start = desc.func.param_count == 0 && desc.func.result_count == 0;
            start_odd = !start;
        }
    }
    *why = "";
    if (proxy)
        return HOST_ABI_PROXY_WASM;
    if (http || imports_from(module, "http_handler")) {
        const char *complaint = httpwasm_check(module);

        if (complaint != NULL)
            *why = complaint;
        return HOST_ABI_HTTP_WASM;
    }
    if (start)
        return HOST_ABI_CGI;
    if (start_odd)
        *why = "its export _start takes parameters or has results, so it is no WASI command";
    else if (initialize)
        *why = "it is a WASI reactor (_initialize) without the exports of any plugin ABI";
    else
        *why = "it exports neither _start, nor handle_request, nor proxy_abi_version_*";
    return HOST_ABI_UNKNOWN;
}

const char *host_abi_name(host_abi abi)
{
    switch (abi) {
    case HOST_ABI_CGI: return "cgi";
    case HOST_ABI_HTTP_WASM: return "http-wasm";
    case HOST_ABI_PROXY_WASM: return "proxy-wasm";
    case HOST_ABI_UNKNOWN: break;
    }
    return "unknown";
}
