/* SPDX-License-Identifier: Apache-2.0
 * kv_fuzz.c — any sequence of calls of the shared store's functions with any arguments.
 * layers: kv wasi
 *
 * How:     The input is a script: each step is a function of the table and arguments, raw or from a
 *          set of values that get far, or a write to guest memory, or some time that passes. The
 *          exchange is a real store of the smallest size under a clock of the script's.
 * Oracle:  The sanitizers; the guest's memory keeps its size; a result is one of the interface;
 *          what was set and not changed since is read again; and the store is whole after every
 *          script.
 * Memory:  one store per script, freed at its end.
 * Threads: one.
 */
#include "fake_guest.h"
#include "kv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static uint64_t now;

static exchange_kv_status fuzz_get(void *baton, const void *key, size_t key_length, void *value,
                                   size_t size, size_t *length, uint64_t *revision)
{
    return kv_store_get(baton, key, key_length, value, size, length, revision, now);
}

static exchange_kv_status fuzz_set(void *baton, const void *key, size_t key_length,
                                   const void *value, size_t length, uint64_t ttl,
                                   uint64_t expected)
{
    exchange_kv_status status =
        kv_store_set(baton, key, key_length, value, length, ttl, expected, now);

    if (status == EXCHANGE_KV_OK) {
        static uint8_t back[KV_VALUE_MAX];
        size_t got = 0;
        uint64_t revision = 0;

        require(kv_store_get(baton, key, key_length, back, sizeof back, &got, &revision, now) ==
                EXCHANGE_KV_OK);
        require(got == length && revision != 0 && memcmp(back, value, length) == 0);
    }
    return status;
}

static exchange_kv_status fuzz_remove(void *baton, const void *key, size_t key_length,
                                      uint64_t expected)
{
    return kv_store_delete(baton, key, key_length, expected, now);
}

static exchange_kv_status fuzz_add(void *baton, const void *key, size_t key_length, int64_t delta,
                                   uint64_t ttl, int64_t *sum)
{
    return kv_store_add(baton, key, key_length, delta, ttl, sum, now);
}

static const exchange_kv callbacks = {
    .get = fuzz_get, .set = fuzz_set, .remove = fuzz_remove, .add = fuzz_add};

/* ---- the script ------------------------------------------------------------------------------ */

typedef struct script {
    const uint8_t *at, *end;
} script;

static uint8_t take_byte(script *s)
{
    return s->at < s->end ? *s->at++ : 0;
}

static uint64_t take_word(script *s)
{
    uint64_t word = 0;

    for (int i = 0; i < 8; i++)
        word |= (uint64_t)take_byte(s) << (8 * i);
    return word;
}

enum { KEYS = 4096, SPACE = 65536, RESULTS = 512 };

static uint64_t take_argument(script *s)
{
    uint8_t how = take_byte(s), pick = take_byte(s);

    switch (how % 8) {
    case 0: return take_word(s);
    case 1: return pick;
    case 2: return KEYS + 16 * (pick % 16u);
    case 3: return SPACE + pick;
    case 4: return 64u * pick; /* lengths of up to 16 KiB */
    case 5: return RESULTS;
    case 6: return GUEST_MEMORY - pick;
    default: return 1 + pick % 9u;
    }
}

static void step(fake_guest *g, script *s)
{
    size_t count;
    const wasm_host_function *rows = kv_functions(&count), *row;
    uint8_t what = take_byte(s);
    uint64_t slots[8] = {0}, length;
    uint8_t *base;

    if (what % 8 == 6) {
        now += take_word(s) >> (take_byte(s) % 64);
        return;
    }
    if (what % 8 == 7) {
        guest_put_u64(g, (uint32_t)take_word(s) % (GUEST_MEMORY - 8), take_word(s));
        return;
    }
    row = &rows[what % count];
    for (size_t i = 0; row->signature[i] != ':'; i++) {
        slots[i] = take_argument(s);
        if (row->signature[i] == 'i')
            slots[i] = (uint32_t)slots[i];
    }
    g->status = row->call(&g->caller, slots);
    require(g->status == WASM_OK ? slots[0] <= EXCHANGE_KV_DENIED
                                 : g->status == WASM_E_HOST_POINTER);
    require(wasm_memory_view(g->instance, 0, &base, &length) && length == GUEST_MEMORY);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    script s = {.at = data, .end = data + size};
    void *memory = aligned_alloc(64, KV_BYTES_MIN);
    kv_store *store;
    kv_guest kv;
    fake_guest g;

    require(memory != NULL);
    store = kv_store_format(memory, KV_BYTES_MIN);
    require(store != NULL && guest_open(&g));
    now = 1;
    g.exchange.kv = &callbacks;
    g.exchange.kv_baton = store;
    kv = (kv_guest){.exchange = &g.exchange, .grants = (take_byte(&s) & 15) == 0 ? 0 : GRANT_KV};
    g.context.kv = &kv;
    for (uint32_t i = 0; i < 16; i++)
        guest_put_u64(&g, KEYS + 16 * i, i);
    for (int steps = 0; steps < 500 && s.at < s.end; steps++)
        step(&g, &s);
    require(kv_store_check(store) == NULL);
    guest_close(&g);
    free(memory);
    return 0;
}
