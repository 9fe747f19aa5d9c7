/* SPDX-License-Identifier: Apache-2.0
 * kvcalls.c — does to the shared store what the query says, and tells what came of it.
 *
 * Query: words parted by '-'.
 *   get-KEY              the value, or its result's number
 *   set-KEY-VALUE-TTL    likewise; TTL in milliseconds, 0 for ever
 *   cas-KEY-VALUE        replaces what is there, if nobody else does meanwhile
 *   delete-KEY
 *   add-KEY-N-TIMES      adds N so often, a call each; the last sum
 *   fill-N-SIZE          sets N keys to values of SIZE bytes
 *   churn-MS             sets, reads, adds and removes for so long
 */
#include <time.h>

#include "guest.h"
#include "wasmserve_kv.h"

static char value[16385];

static const char *word(char **rest)
{
    char *begin = *rest, *dash = begin != NULL ? strchr(begin, '-') : NULL;

    if (dash != NULL)
        *dash++ = '\0';
    *rest = dash;
    return begin != NULL ? begin : "";
}

static int get(const char *key)
{
    uint32_t length = 0;
    uint64_t revision = 0;
    int32_t result =
        wasmserve_kv_get(key, strlen(key), value, sizeof value - 1, &length, &revision);

    if (result == WASMSERVE_KV_OK)
        printf("%.*s\n", (int)length, value);
    return result;
}

static int replace(const char *key, const char *text)
{
    uint32_t length = 0;
    uint64_t revision = 0;
    int32_t result = wasmserve_kv_get(key, strlen(key), value, sizeof value, &length, &revision);

    if (result != WASMSERVE_KV_OK && result != WASMSERVE_KV_MISSING)
        return result;
    return wasmserve_kv_compare_and_set(key, strlen(key), text, strlen(text), 0, revision);
}

static int add(const char *key, long n, long times)
{
    int64_t sum = 0;
    int32_t result = WASMSERVE_KV_OK;

    for (long i = 0; i < times && result == WASMSERVE_KV_OK; i++)
        result = wasmserve_kv_increment(key, strlen(key), n, 0, &sum);
    if (result == WASMSERVE_KV_OK)
        printf("%lld\n", (long long)sum);
    return result;
}

static int fill(long count, long size)
{
    int32_t result = WASMSERVE_KV_OK;
    char key[32];

    for (long i = 0; i < count && result == WASMSERVE_KV_OK; i++) {
        int length = snprintf(key, sizeof key, "fill_%ld", i);

        result = wasmserve_kv_set(key, (size_t)length, value, (size_t)size, 0);
    }
    return result;
}

static int churn(long milliseconds)
{
    struct timespec begun, now;
    long elapsed = 0;

    clock_gettime(CLOCK_MONOTONIC, &begun);
    for (long i = 0; elapsed < milliseconds; i++) {
        int64_t sum;
        char key[32];
        int length = snprintf(key, sizeof key, "churn_%ld", i % 50);

        wasmserve_kv_set(key, (size_t)length, value, (size_t)(i * 37 % 3000), 0);
        wasmserve_kv_increment("churned", 7, 1, 0, &sum);
        if (i % 3 == 0)
            wasmserve_kv_delete(key, (size_t)length);
        clock_gettime(CLOCK_MONOTONIC, &now);
        elapsed = (now.tv_sec - begun.tv_sec) * 1000 + (now.tv_nsec - begun.tv_nsec) / 1000000;
    }
    return WASMSERVE_KV_OK;
}

int main(int argc, char **argv)
{
    char query[1024], *rest = query;
    const char *what, *key;
    int result = 64;

    snprintf(query, sizeof query, "%s", guest_query(argc, argv));
    guest_header("text/plain");
    what = word(&rest);
    key = word(&rest);
    if (strcmp(what, "get") == 0) {
        result = get(key);
    } else if (strcmp(what, "set") == 0) {
        const char *text = word(&rest);

        result =
            wasmserve_kv_set(key, strlen(key), text, strlen(text), strtoull(word(&rest), NULL, 10));
    } else if (strcmp(what, "cas") == 0) {
        result = replace(key, word(&rest));
    } else if (strcmp(what, "delete") == 0) {
        result = wasmserve_kv_delete(key, strlen(key));
    } else if (strcmp(what, "add") == 0) {
        long n = strtol(word(&rest), NULL, 10);

        result = add(key, n, strtol(word(&rest), NULL, 10));
    } else if (strcmp(what, "fill") == 0) {
        result = fill(strtol(key, NULL, 10), strtol(word(&rest), NULL, 10));
    } else if (strcmp(what, "churn") == 0) {
        result = churn(strtol(key, NULL, 10));
    }
    printf("result %d\n", result);
    return 0;
}
