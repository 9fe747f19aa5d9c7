/* SPDX-License-Identifier: Apache-2.0
 * abi_test.c — which ABI a module is taken to speak, by its imports and exports.
 * layers: host
 */
#include "unit.h"
#include "module_text.h"
#include "host.h"

/* A module with the types () -> () and (i32) -> (), an imported function if there is one, and one
 * function of the type chosen that is exported by the names given. */
static wasm_module *make(const char *import_module, const char *const exports[], uint8_t type)
{
    char text[512], imports[64] = "", names[256] = "";
    size_t length, count = 0;
    wasm_module *module = NULL;
    wasm_report report;
    uint8_t *bytes;

    if (import_module != NULL)
        snprintf(imports, sizeof imports, "02(01 ('%s') ('f') 00 00)", import_module);
    for (; exports[count] != NULL; count++) {
        size_t used = strlen(names);

        snprintf(names + used, sizeof names - used, "('%s') 00 %02x ", exports[count],
                 import_module != NULL);
    }
    snprintf(text, sizeof text,
             "01(02 60 00 00 60 01 7f 00) %s 03(01 %02x) 07(%02zx %s) 0a(01 (00 0b))", imports,
             type, count, names);
    bytes = module_text(text, &length);
    if (wasm_module_load(bytes, length, NULL, &module, &report) != WASM_OK)
        FAIL("%s", wasm_status_text(report.status));
    free(bytes);
    return module;
}

TEST(marks_of_the_abis)
{
    static const struct {
        const char *import_module;
        const char *exports[4];
        uint8_t type;
        host_abi abi;
        const char *why; /* a part of it */
    } rows[] = {
        {NULL, {"_start"}, 0, HOST_ABI_CGI, ""},
        {"wasi_snapshot_preview1", {"_start"}, 0, HOST_ABI_CGI, ""},
        {"wasi_unstable", {"_start"}, 0, HOST_ABI_CGI, ""},
        {"env", {"_start"}, 0, HOST_ABI_CGI, ""},
        {NULL, {"_start"}, 1, HOST_ABI_UNKNOWN, "no WASI command"},
        {NULL, {"_initialize"}, 0, HOST_ABI_UNKNOWN, "reactor"},
        {NULL, {"main", "start"}, 0, HOST_ABI_UNKNOWN, "neither _start"},
        {NULL, {NULL}, 0, HOST_ABI_UNKNOWN, "neither _start"},
        {NULL, {"handle_request", "handle_response"}, 0, HOST_ABI_HTTP_WASM, "not of type"},
        {"http_handler", {"_start"}, 0, HOST_ABI_HTTP_WASM, "no function handle_request"},
        {"http_handlers", {"_start"}, 0, HOST_ABI_CGI, ""},
        {NULL, {"_start", "handle_request"}, 0, HOST_ABI_HTTP_WASM, "not of type"},
        {NULL, {"proxy_abi_version_0_2_1"}, 0, HOST_ABI_PROXY_WASM, ""},
        {NULL, {"_start", "proxy_abi_version_0_1_0"}, 0, HOST_ABI_PROXY_WASM, ""},
        {NULL, {"proxy_on_request"}, 0, HOST_ABI_UNKNOWN, "neither _start"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *why = NULL;
        wasm_module *module;

        CASE("row %zu", i);
        module = make(rows[i].import_module, rows[i].exports, rows[i].type);
        if (module == NULL)
            continue;
        CHECK_EQ_STR(host_abi_name(host_detect_abi(module, &why)), host_abi_name(rows[i].abi));
        CHECK(why != NULL && strstr(why, rows[i].why) != NULL);
        CHECK_EQ_INT(why != NULL && why[0] != '\0', rows[i].why[0] != '\0');
        wasm_module_free(module);
    }
}

TEST(names)
{
    CHECK_EQ_STR(host_abi_name(HOST_ABI_CGI), "cgi");
    CHECK_EQ_STR(host_abi_name(HOST_ABI_HTTP_WASM), "http-wasm");
    CHECK_EQ_STR(host_abi_name(HOST_ABI_PROXY_WASM), "proxy-wasm");
    CHECK_EQ_STR(host_abi_name(HOST_ABI_UNKNOWN), "unknown");
}
