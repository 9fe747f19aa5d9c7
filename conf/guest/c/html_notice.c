/* SPDX-License-Identifier: Apache-2.0
 * html_notice.c — puts a notice at the end of every page.
 *
 * WasmServeConfig is the HTML that goes in front of the last </body>. What is not HTML, and HTML that
 * whoever answers has compressed, passes as it is. The response is held for it, up to WasmServeBody.
 *
 * clang --target=wasm32-wasi -mexec-model=reactor -O2 -I.. -o html_notice.wasm html_notice.c
 */
#define _GNU_SOURCE
#include "http_wasm.h"

#include <strings.h>

__attribute__((constructor)) static void start(void)
{
    http_enable_features(HTTP_BUFFER_RESPONSE);
}

HTTP_EXPORT("handle_request") uint64_t handle_request(void)
{
    return HTTP_NEXT;
}

HTTP_EXPORT("handle_response") void handle_response(uint32_t context, uint32_t is_error)
{
    char *type = http_get(HTTP_RESPONSE, "content-type"), *page, *end = NULL;
    char *notice = http_text(http_get_config);
    size_t length;

    (void)context;
    (void)is_error;
    if (type == NULL || strncasecmp(type, "text/html", 9) != 0 ||
        http_get(HTTP_RESPONSE, "content-encoding") != NULL)
        return;
    page = http_body(HTTP_RESPONSE, &length);
    for (char *at = page; (at = strcasestr(at, "</body>")) != NULL; at++)
        end = at;
    if (end == NULL)
        return;
    http_write_body(HTTP_RESPONSE, page, (uint32_t)(end - page));
    http_write(HTTP_RESPONSE, notice);
    http_write_body(HTTP_RESPONSE, end, (uint32_t)(page + length - end));
}
