/* SPDX-License-Identifier: Apache-2.0
 * rate_limit.c — so many requests in a window of time for each client, over all processes.
 *
 * WasmServeConfig: "REQUESTS SECONDS", such as "100 60". Needs WasmServeGrant kv. Who asks for more
 * is answered 429 with Retry-After; all others learn from X-RateLimit-Remaining what is left. If the
 * store cannot be used the guest ends itself, and WasmServeOnError says what that means: nobody is
 * let in (closed), or everybody (open).
 *
 * How: one counter for each client address, which begins with the first request of a window and ends
 * with the window. One call does both: increment() gives a number that is not there its time, and
 * leaves that of one that is there alone.
 *
 * clang --target=wasm32-wasi -mexec-model=reactor -O2 -I.. -o rate_limit.wasm rate_limit.c
 */
#include "http_wasm.h"
#include "wasmserve_kv.h"

#include <stdio.h>

static unsigned requests;
static double seconds;

__attribute__((constructor)) static void start(void)
{
    char *config = http_text(http_get_config);

    if (sscanf(config, "%u %lf", &requests, &seconds) != 2 || seconds < 0.001)
        abort();
}

/* How many requests of this client there were in this window, this one included. */
static int64_t count_of(const char *source)
{
    const char *end = strrchr(source, ':'); /* the port is another with each connection */
    char key[80], line[80];
    int length = snprintf(key, sizeof key, "requests of %.*s",
                          end ? (int)(end - source) : (int)strlen(source), source);
    int64_t count = 0;
    int32_t result = wasmserve_kv_increment(key, (size_t)length, 1, (uint64_t)(seconds * 1000), &count);

    if (result != WASMSERVE_KV_OK) {
        snprintf(line, sizeof line, "the store answered %d", (int)result);
        http_log(HTTP_LOG_ERROR, line);
        abort();
    }
    return count;
}

HTTP_EXPORT("handle_request") uint64_t handle_request(void)
{
    int64_t count = count_of(http_text(http_get_source));
    char number[32];

    if (count <= requests) {
        snprintf(number, sizeof number, "%lld", (long long)(requests - count));
        http_set(HTTP_RESPONSE, "X-RateLimit-Remaining", number);
        return HTTP_NEXT;
    }
    snprintf(number, sizeof number, "%llu", (unsigned long long)seconds + 1);
    http_set_status(429);
    http_set(HTTP_RESPONSE, "Retry-After", number);
    http_set(HTTP_RESPONSE, "Content-Type", "text/plain");
    http_write(HTTP_RESPONSE, "too many requests\n");
    return HTTP_ANSWERED;
}

HTTP_EXPORT("handle_response") void handle_response(uint32_t context, uint32_t is_error)
{
    (void)context;
    (void)is_error;
}
