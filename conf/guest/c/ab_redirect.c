/* SPDX-License-Identifier: Apache-2.0
 * ab_redirect.c — sends visitors to one of two variants of a place, and keeps them there.
 *
 * WasmServeConfig: "PATH A B PERCENT", such as "/shop /shop-a /shop-b 30". Who asks for PATH or
 * something below is redirected to the same below A or B; B for PERCENT of all addresses. A cookie
 * keeps the choice.
 *
 * clang --target=wasm32-wasi -mexec-model=reactor -O2 -I.. -o ab_redirect.wasm ab_redirect.c
 */
#include "http_wasm.h"

#include <stdio.h>

static char path[128], variants[2][128];
static unsigned percent;

__attribute__((constructor)) static void start(void)
{
    char *config = http_text(http_get_config);

    if (sscanf(config, "%127s %127s %127s %u", path, variants[0], variants[1], &percent) != 4)
        abort();
}

/* The same number for the same address, without its port. */
static unsigned number_of(const char *source)
{
    const char *end = strrchr(source, ':');
    unsigned hash = 2166136261u;

    for (; source != end && *source != '\0'; source++)
        hash = (hash ^ (unsigned char)*source) * 16777619u;
    return hash / 65536 % 100;
}

static int choice(void)
{
    char *cookie = http_get(HTTP_REQUEST, "cookie");
    const char *found = cookie ? strstr(cookie, "variant=") : NULL;

    if (found != NULL && (found[8] == 'a' || found[8] == 'b'))
        return found[8] == 'b';
    return number_of(http_text(http_get_source)) < percent;
}

HTTP_EXPORT("handle_request") uint64_t handle_request(void)
{
    char *uri = http_text(http_get_uri);
    size_t length = strlen(path);
    char location[512], cookie[64];
    int chosen;

    if (strncmp(uri, path, length) != 0 || strchr("/?", uri[length]) == NULL)
        return HTTP_NEXT;
    chosen = choice();
    if ((size_t)snprintf(location, sizeof location, "%s%s", variants[chosen], uri + length) >=
        sizeof location)
        return HTTP_NEXT;
    snprintf(cookie, sizeof cookie, "variant=%c; Path=/; Max-Age=2592000", 'a' + chosen);
    http_set_status(302);
    http_set(HTTP_RESPONSE, "Location", location);
    http_set(HTTP_RESPONSE, "Set-Cookie", cookie);
    http_set(HTTP_RESPONSE, "Cache-Control", "private, no-store");
    return HTTP_ANSWERED;
}

HTTP_EXPORT("handle_response") void handle_response(uint32_t context, uint32_t is_error)
{
    (void)context;
    (void)is_error;
}
