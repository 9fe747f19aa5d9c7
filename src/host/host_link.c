/* SPDX-License-Identifier: Apache-2.0
 * host_link.c — which host functions a guest is linked with: the one list of the ABIs' tables; and
 * what loading it may take.
 *
 * An ABI adds its table here, and every place that links guests has it: the server, the tool, and
 * the check of a version before it is stored.
 *
 * Memory:  the caller's.
 * Threads: any.
 */
#include "host.h"
#include "httpwasm.h"
#include "kv.h"
#include "wasi.h"

static const struct {
    const wasm_host_function *(*functions)(size_t *count);
    host_abi abi; /* UNKNOWN: for guests of any */
} tables[] = {{wasi_functions, HOST_ABI_UNKNOWN},
              {kv_functions, HOST_ABI_UNKNOWN},
              {httpwasm_functions, HOST_ABI_HTTP_WASM}};

wasm_status host_resolve(const wasm_module *module, host_abi abi, wasm_extern *imports,
                         wasm_report *report)
{
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        wasm_status status = WASM_OK;
        size_t count;

        if (tables[i].abi == HOST_ABI_UNKNOWN || tables[i].abi == abi) {
            const wasm_host_function *rows = tables[i].functions(&count);

            status = wasm_resolve(module, rows, count, imports, report);
        }
        if (status != WASM_OK)
            return status;
    }
    return WASM_OK;
}

size_t host_load_quota(size_t length)
{
    return ((size_t)16 << 20) + 48 * length;
}

size_t host_compile_quota(void)
{
    return (size_t)128 << 20;
}
