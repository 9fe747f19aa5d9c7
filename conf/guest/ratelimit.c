/* SPDX-License-Identifier: Apache-2.0
 * ratelimit.c — so many requests in a window of time for each client, over all processes: an
 * example for the shared store.
 *
 *   clang --target=wasm32-wasi -O2 -I conf/guest -o ratelimit.wasm conf/guest/ratelimit.c
 *
 *   <WasmServePlugin ratelimit>
 *       WasmServeModule plugins/ratelimit.wasm
 *       WasmServeGrant  kv env:LIMIT=10 env:WINDOW_MS=60000
 *   </WasmServePlugin>
 *
 * How: one counter for each client address, which begins with the first request of a window and
 * ends with the window. One call does both: increment() gives a number that is not there its time,
 * and leaves that of one that is there alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wasmserve_kv.h"

static long number_of(const char *name, long otherwise)
{
    const char *text = getenv(name);

    return text != NULL ? strtol(text, NULL, 10) : otherwise;
}

int main(void)
{
    const char *client = getenv("REMOTE_ADDR");
    long limit = number_of("LIMIT", 10), window = number_of("WINDOW_MS", 60000);
    char key[128];
    int64_t count = 0;
    int32_t result;

    snprintf(key, sizeof key, "requests of %s", client != NULL ? client : "nobody");
    result = wasmserve_kv_increment(key, strlen(key), 1, (uint64_t)window, &count);
    if (result != WASMSERVE_KV_OK) {
        /* Whether to answer all the same is a decision; this one prefers to say that it is broken.
         */
        printf("Status: 500\r\nContent-Type: text/plain\r\n\r\nthe store answered %d\n",
               (int)result);
        return 0;
    }
    if (count > limit) {
        printf("Status: 429\r\nRetry-After: %ld\r\nContent-Type: text/plain\r\n\r\n",
               window / 1000 + 1);
        puts("too many requests");
        return 0;
    }
    printf("X-RateLimit-Remaining: %ld\r\nContent-Type: text/plain\r\n\r\n", limit - (long)count);
    puts("welcome");
    return 0;
}
