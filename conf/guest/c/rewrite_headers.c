/* SPDX-License-Identifier: Apache-2.0
 * rewrite_headers.c — header fields by configuration, in both directions.
 *
 * WasmServeConfig has a rule in each line:
 *
 *   > Name: value      sets a field of the request
 *   > -Name            removes it
 *   < Name: value      sets a field of the response, unless whoever answers sets it
 *   < -Name            removes it; for this the whole response is held
 *
 * clang --target=wasm32-wasi -mexec-model=reactor -O2 -I.. -o rewrite_headers.wasm rewrite_headers.c
 */
#include "http_wasm.h"

static char *config;

/* Does the rules for a direction, the removals or the others. */
static bool apply(uint32_t kind, bool removals)
{
    char *copy = strdup(config), *next;
    bool found = false;

    for (char *line = copy; line != NULL && *line != '\0'; line = next) {
        char *end = strchr(line, '\n'), *colon;

        next = end ? end + 1 : NULL;
        if (end)
            *end = '\0';
        if (line[0] != (kind == HTTP_REQUEST ? '>' : '<') || line[1] != ' ' ||
            (line[2] == '-') != removals)
            continue;
        found = true;
        if (removals) {
            http_remove(kind, line + 3);
        } else if ((colon = strchr(line, ':')) != NULL) {
            *colon = '\0';
            http_set(kind, line + 2, colon + 1 + strspn(colon + 1, " "));
        }
    }
    free(copy);
    return found;
}

__attribute__((constructor)) static void start(void)
{
    config = http_text(http_get_config);
    if (strncmp(config, "< -", 3) == 0 || strstr(config, "\n< -") != NULL)
        http_enable_features(HTTP_BUFFER_RESPONSE);
}

HTTP_EXPORT("handle_request") uint64_t handle_request(void)
{
    apply(HTTP_REQUEST, true);
    apply(HTTP_REQUEST, false);
    apply(HTTP_RESPONSE, false);
    return HTTP_NEXT;
}

HTTP_EXPORT("handle_response") void handle_response(uint32_t context, uint32_t is_error)
{
    (void)context;
    (void)is_error;
    /* Allowed only if the response is held, which it is if there is something to remove. */
    if (http_enable_features(0) & HTTP_BUFFER_RESPONSE)
        apply(HTTP_RESPONSE, true);
}
