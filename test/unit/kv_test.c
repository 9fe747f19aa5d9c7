/* SPDX-License-Identifier: Apache-2.0
 * kv_test.c — the functions that guests import for the shared store, over a fake exchange.
 * layers: kv wasi
 */
#include "unit.h"
#include "fake_guest.h"
#include "kv.h"

#include <stdarg.h>

enum { KEY = 4096, VALUE = 8192, LENGTH = 512, REVISION = 520, SUM = 528 };

typedef struct fake_kv {
    fake_guest g;
    kv_guest kv;
    /* What the store was asked last, and what it answers. */
    char said[200];
    exchange_kv_status answer;
    const char *value;
    uint64_t revision;
    int64_t sum;
} fake_kv;

static exchange_kv_status fake_get(void *baton, const void *key, size_t key_length, void *value,
                                   size_t size, size_t *length, uint64_t *revision)
{
    fake_kv *f = baton;

    snprintf(f->said, sizeof f->said, "get %.*s into %zu", (int)key_length, (const char *)key,
             size);
    *length = strlen(f->value);
    *revision = f->revision;
    if (f->answer == EXCHANGE_KV_OK)
        memcpy(value, f->value, *length);
    return f->answer;
}

static exchange_kv_status fake_set(void *baton, const void *key, size_t key_length,
                                   const void *value, size_t length, uint64_t ttl,
                                   uint64_t expected)
{
    fake_kv *f = baton;

    snprintf(f->said, sizeof f->said, "set %.*s to %.*s for %llu if %lld", (int)key_length,
             (const char *)key, (int)length, (const char *)value, (unsigned long long)ttl,
             (long long)expected);
    return f->answer;
}

static exchange_kv_status fake_remove(void *baton, const void *key, size_t key_length,
                                      uint64_t expected)
{
    fake_kv *f = baton;

    snprintf(f->said, sizeof f->said, "remove %.*s if %lld", (int)key_length, (const char *)key,
             (long long)expected);
    return f->answer;
}

static exchange_kv_status fake_add(void *baton, const void *key, size_t key_length, int64_t delta,
                                   uint64_t ttl, int64_t *sum)
{
    fake_kv *f = baton;

    snprintf(f->said, sizeof f->said, "add %lld to %.*s for %llu", (long long)delta,
             (int)key_length, (const char *)key, (unsigned long long)ttl);
    *sum = f->sum;
    return f->answer;
}

static const exchange_kv fake_callbacks = {
    .get = fake_get, .set = fake_set, .remove = fake_remove, .add = fake_add};

static void open_guest(fake_kv *f)
{
    memset(f, 0, sizeof *f);
    if (!guest_open(&f->g))
        abort();
    f->g.exchange.kv = &fake_callbacks;
    f->g.exchange.kv_baton = f;
    f->kv = (kv_guest){.exchange = &f->g.exchange, .grants = GRANT_KV};
    f->g.context.kv = &f->kv;
    f->value = "";
    guest_put(&f->g, KEY, "key", 3);
    guest_put(&f->g, VALUE, "value", 5);
}

/* Calls by name; the result, or UINT32_MAX where the call ended otherwise (f->g.status). */
static uint32_t call(fake_kv *f, const char *name, size_t count, const uint64_t *arguments)
{
    size_t rows;
    const wasm_host_function *functions = kv_functions(&rows);
    uint64_t slots[8] = {0};

    f->said[0] = '\0';
    for (size_t i = 0; i < rows; i++) {
        if (strcmp(functions[i].name, name) != 0)
            continue;
        if (strcspn(functions[i].signature, ":") != count)
            abort();
        for (size_t k = 0; k < count; k++)
            slots[k] = functions[i].signature[k] == 'i' ? (uint32_t)arguments[k] : arguments[k];
        f->g.status = functions[i].call(&f->g.caller, slots);
        return f->g.status == WASM_OK ? (uint32_t)slots[0] : UINT32_MAX;
    }
    abort();
}

#define CALL(f, name, ...) call((f), (name), GUEST_ARGUMENTS(__VA_ARGS__))

TEST(each_function_asks_the_store)
{
    fake_kv f;

    open_guest(&f);
    f.value = "stored";
    f.revision = UINT64_C(0x123456789abcdef0);
    CHECK_EQ_UINT(CALL(&f, "get", KEY, 3, VALUE, 100, LENGTH, REVISION), EXCHANGE_KV_OK);
    CHECK_EQ_STR(f.said, "get key into 100");
    CHECK_EQ_MEM(guest_bytes(&f.g, VALUE, 6), 6, "stored", 6);
    CHECK_EQ_UINT(guest_u32(&f.g, LENGTH), 6);
    CHECK_EQ_UINT(guest_u64(&f.g, REVISION), f.revision);
    guest_put(&f.g, VALUE, "value", 5);
    CHECK_EQ_UINT(CALL(&f, "set", KEY, 3, VALUE, 5, 0), EXCHANGE_KV_OK);
    CHECK_EQ_STR(f.said, "set key to value for 0 if -1");
    CHECK_EQ_UINT(CALL(&f, "set", KEY, 2, VALUE, 0, 1500), EXCHANGE_KV_OK);
    CHECK_EQ_STR(f.said, "set ke to  for 1500000000 if -1");
    CHECK_EQ_UINT(CALL(&f, "compare_and_set", KEY, 3, VALUE, 5, 1, 77), EXCHANGE_KV_OK);
    CHECK_EQ_STR(f.said, "set key to value for 1000000 if 77");
    CHECK_EQ_UINT(CALL(&f, "delete", KEY, 3), EXCHANGE_KV_OK);
    CHECK_EQ_STR(f.said, "remove key if -1");
    f.sum = -5;
    CHECK_EQ_UINT(CALL(&f, "increment", KEY, 3, (uint64_t)-2, 10, SUM), EXCHANGE_KV_OK);
    CHECK_EQ_STR(f.said, "add -2 to key for 10000000");
    CHECK_EQ_UINT(guest_u64(&f.g, SUM), (uint64_t)-5);
    guest_close(&f.g);
}

TEST(answers_are_handed_on)
{
    fake_kv f;

    open_guest(&f);
    f.value = "a value";
    for (int answer = EXCHANGE_KV_MISSING; answer <= EXCHANGE_KV_BUSY; answer++) {
        f.answer = (exchange_kv_status)answer;
        guest_put_u32(&f.g, LENGTH, 99);
        guest_put_u64(&f.g, SUM, 99);
        CHECK_EQ_UINT(CALL(&f, "get", KEY, 3, VALUE, 1, LENGTH, REVISION), (unsigned)answer);
        /* The length is told where it is one. */
        CHECK_EQ_UINT(guest_u32(&f.g, LENGTH), answer == EXCHANGE_KV_SHORT ? 7 : 99);
        CHECK_EQ_UINT(CALL(&f, "set", KEY, 3, VALUE, 5, 0), (unsigned)answer);
        CHECK_EQ_UINT(CALL(&f, "compare_and_set", KEY, 3, VALUE, 5, 0, 0), (unsigned)answer);
        CHECK_EQ_UINT(CALL(&f, "delete", KEY, 3), (unsigned)answer);
        CHECK_EQ_UINT(CALL(&f, "increment", KEY, 3, 1, 0, SUM), (unsigned)answer);
        CHECK_EQ_UINT(guest_u64(&f.g, SUM), 99);
    }
    guest_close(&f.g);
}

TEST(times_and_revisions_beyond_all)
{
    fake_kv f;

    open_guest(&f);
    CHECK_EQ_UINT(CALL(&f, "set", KEY, 3, VALUE, 5, UINT64_MAX), EXCHANGE_KV_OK);
    CHECK_EQ_STR(f.said, "set key to value for 0 if -1"); /* for ever */
    CHECK_EQ_UINT(CALL(&f, "set", KEY, 3, VALUE, 5, UINT64_MAX / 1000000), EXCHANGE_KV_OK);
    CHECK_EQ_STR(f.said, "set key to value for 0 if -1");
    /* No value has this revision; to the store it would mean "any". */
    CHECK_EQ_UINT(CALL(&f, "compare_and_set", KEY, 3, VALUE, 5, 0, UINT64_MAX),
                  EXCHANGE_KV_CHANGED);
    CHECK_EQ_STR(f.said, "");
    guest_close(&f.g);
}

TEST(bad_pointers_end_the_guest_before_anything_is_done)
{
    static const struct {
        const char *name;
        size_t count;
        uint64_t arguments[6];
    } rows[] = {
        {"get", 6, {GUEST_MEMORY - 2, 3, VALUE, 1, LENGTH, REVISION}},
        {"get", 6, {KEY, UINT32_MAX, VALUE, 1, LENGTH, REVISION}},
        {"get", 6, {KEY, 3, GUEST_MEMORY, 1, LENGTH, REVISION}},
        {"get", 6, {KEY, 3, VALUE, UINT32_MAX, LENGTH, REVISION}},
        {"get", 6, {KEY, 3, VALUE, 1, GUEST_MEMORY - 3, REVISION}},
        {"get", 6, {KEY, 3, VALUE, 1, LENGTH, GUEST_MEMORY - 7}},
        {"get", 6, {KEY, 3, VALUE, 1, UINT32_MAX, REVISION}},
        {"set", 5, {UINT32_MAX, 3, VALUE, 1, 0}},
        {"set", 5, {KEY, 3, VALUE, GUEST_MEMORY, 0}},
        {"set", 5, {KEY, 3, GUEST_MEMORY + 1, 0, 0}},
        {"compare_and_set", 6, {KEY, 3, GUEST_MEMORY - 1, 2, 0, 0}},
        {"delete", 2, {KEY, GUEST_MEMORY}},
        {"increment", 5, {KEY, GUEST_MEMORY, 1, 0, SUM}},
        {"increment", 5, {KEY, 3, 1, 0, GUEST_MEMORY - 7}},
    };
    fake_kv f;

    open_guest(&f);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CASE("row %zu, %s", i, rows[i].name);
        CHECK_EQ_UINT(call(&f, rows[i].name, rows[i].count, rows[i].arguments), UINT32_MAX);
        CHECK_EQ_INT(f.g.status, WASM_E_HOST_POINTER);
        CHECK_EQ_STR(f.said, "");
    }
    guest_close(&f.g);
}

TEST(without_the_grant_everything_is_denied_and_said_once)
{
    fake_kv f;

    open_guest(&f);
    for (int how = 0; how < 3; how++) {
        CASE("way %d", how);
        f.kv.grants = how == 0 ? GRANT_LOG | GRANT_CLOCK : GRANT_KV;
        f.g.exchange.kv = how == 1 ? NULL : &fake_callbacks;
        f.g.context.kv = how == 2 ? NULL : &f.kv;
        f.kv.missed = false;
        f.g.log_length = 0;
        CHECK_EQ_UINT(CALL(&f, "set", KEY, 3, VALUE, 5, 0), EXCHANGE_KV_DENIED);
        CHECK_EQ_UINT(CALL(&f, "get", UINT32_MAX, 3, VALUE, 5, 0, 0), EXCHANGE_KV_DENIED);
        CHECK_EQ_UINT(CALL(&f, "increment", KEY, 3, 1, 0, SUM), EXCHANGE_KV_DENIED);
        CHECK_EQ_STR(f.said, "");
        if (how == 2)
            continue;
        CHECK(f.kv.missed);
        CHECK_EQ_STR(f.g.log, "I:it uses the shared store without the grant \"kv\": every function "
                              "of wasmserve_kv answers NOT_GRANTED\n");
    }
    guest_close(&f.g);
}

TEST(rows_are_sorted_for_bisection)
{
    size_t count;
    const wasm_host_function *rows = kv_functions(&count);

    for (size_t i = 1; i < count; i++)
        CHECK(strcmp(rows[i - 1].name, rows[i].name) < 0);
    CHECK_EQ_UINT(count, 5);
}

TEST(over_a_real_store)
{
    void *memory = aligned_alloc(64, KV_BYTES_MIN);
    fake_kv f;

    REQUIRE(memory != NULL);
    open_guest(&f);
    f.g.exchange.kv = &kv_store_exchange;
    f.g.exchange.kv_baton = kv_store_format(memory, KV_BYTES_MIN);
    CHECK_EQ_UINT(CALL(&f, "set", KEY, 3, VALUE, 5, 60000), EXCHANGE_KV_OK);
    guest_put(&f.g, VALUE, "xxxxx", 5);
    CHECK_EQ_UINT(CALL(&f, "get", KEY, 3, VALUE, 5, LENGTH, REVISION), EXCHANGE_KV_OK);
    CHECK_EQ_MEM(guest_bytes(&f.g, VALUE, 5), 5, "value", 5);
    CHECK_EQ_UINT(CALL(&f, "compare_and_set", KEY, 3, VALUE, 0, 0, guest_u64(&f.g, REVISION)),
                  EXCHANGE_KV_OK);
    CHECK_EQ_UINT(CALL(&f, "increment", KEY, 3, 1, 0, SUM), EXCHANGE_KV_NUMBER);
    CHECK_EQ_UINT(CALL(&f, "delete", KEY, 3), EXCHANGE_KV_OK);
    CHECK_EQ_UINT(CALL(&f, "increment", KEY, 3, 7, 0, SUM), EXCHANGE_KV_OK);
    CHECK_EQ_UINT(guest_u64(&f.g, SUM), 7);
    CHECK_EQ_UINT(CALL(&f, "get", KEY, 300, VALUE, 5, LENGTH, REVISION), EXCHANGE_KV_SIZE);
    guest_close(&f.g);
    free(memory);
}
