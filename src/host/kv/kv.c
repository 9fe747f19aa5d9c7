/* SPDX-License-Identifier: Apache-2.0
 * kv.c — what a guest can do with its shared store: the functions of the module "wasmserve_kv".
 *
 *   get(key, key_length, value, value_size, length_out, revision_out)      → result
 *   set(key, key_length, value, value_length, ttl_ms)                       → result
 *   compare_and_set(key, key_length, value, value_length, ttl_ms, revision) → result
 *   delete(key, key_length)                                                 → result
 *   increment(key, key_length, delta, ttl_ms, sum_out)                      → result
 *
 * Pointers, lengths and results are i32; times (milliseconds; 0: for ever), revisions and numbers
 * are i64. length_out is written as an i32, revision_out and sum_out as an i64. Results are the
 * numbers of exchange_kv_status. A pointer outside the guest's memory ends the guest: it is a
 * programming error, and no result that somebody might not look at.
 *
 * Values are copied between the store and guest memory without a buffer in between. A guest that
 * changes a value has not more rights to it than any other request of its plugin: the store is the
 * plugin's, not the request's.
 *
 * Memory:  nothing is allocated.
 * Threads: as the guest's store.
 */
#include "kv.h"
#include "guestmem.h"
#include "grants.h"
#include "host.h"

#include <string.h>

#define MILLISECOND UINT64_C(1000000)

typedef struct kv_call {
    wasm_caller *caller;
    const exchange *exchange;
    const uint64_t *args;
    exchange_kv_status result;
} kv_call;

/* For ever if the guest says so, or more than the clock can count. */
static uint64_t ttl_of(uint64_t milliseconds)
{
    return milliseconds > UINT64_MAX / 4 / MILLISECOND ? 0 : milliseconds * MILLISECOND;
}

/* The key of args[0] and args[1]. False: outside of memory. */
static bool key_of(const kv_call *call, uint8_t **key, uint32_t *length)
{
    *length = (uint32_t)call->args[1];
    return guestmem_view(call->caller, (uint32_t)call->args[0], *length, key);
}

static wasm_status kv_get(kv_call *call)
{
    uint32_t key_length, size = (uint32_t)call->args[3];
    uint32_t length_at = (uint32_t)call->args[4], revision_at = (uint32_t)call->args[5];
    uint8_t *key, *value, *place;
    uint64_t revision = 0;
    size_t length = 0;

    /* The results first: a guest must not get a value and then be told that it asked wrongly. */
    if (!key_of(call, &key, &key_length) ||
        !guestmem_view(call->caller, (uint32_t)call->args[2], size, &value) ||
        !guestmem_view(call->caller, length_at, 4, &place) ||
        !guestmem_view(call->caller, revision_at, 8, &place))
        return WASM_E_HOST_POINTER;
    call->result = call->exchange->kv->get(call->exchange->kv_baton, key, key_length, value, size,
                                           &length, &revision);
    if (call->result == EXCHANGE_KV_OK || call->result == EXCHANGE_KV_SHORT) {
        guestmem_store_u32(call->caller, length_at, (uint32_t)length);
        guestmem_store_u64(call->caller, revision_at, revision);
    }
    return WASM_OK;
}

static wasm_status set_if(kv_call *call, uint64_t expected)
{
    uint32_t key_length, length = (uint32_t)call->args[3];
    uint8_t *key, *value;

    if (!key_of(call, &key, &key_length) ||
        !guestmem_view(call->caller, (uint32_t)call->args[2], length, &value))
        return WASM_E_HOST_POINTER;
    call->result = call->exchange->kv->set(call->exchange->kv_baton, key, key_length, value, length,
                                           ttl_of(call->args[4]), expected);
    return WASM_OK;
}

static wasm_status kv_set(kv_call *call)
{
    return set_if(call, KV_ANY);
}

static wasm_status kv_compare_and_set(kv_call *call)
{
    uint64_t expected = call->args[5];

    /* No entry has this revision, and to the store it means any. */
    if (expected == KV_ANY) {
        call->result = EXCHANGE_KV_CHANGED;
        return WASM_OK;
    }
    return set_if(call, expected);
}

static wasm_status kv_delete(kv_call *call)
{
    uint32_t key_length;
    uint8_t *key;

    if (!key_of(call, &key, &key_length))
        return WASM_E_HOST_POINTER;
    call->result = call->exchange->kv->remove(call->exchange->kv_baton, key, key_length, KV_ANY);
    return WASM_OK;
}

static wasm_status kv_increment(kv_call *call)
{
    uint32_t key_length, sum_at = (uint32_t)call->args[4];
    uint8_t *key, *place;
    int64_t sum = 0;

    if (!key_of(call, &key, &key_length) || !guestmem_view(call->caller, sum_at, 8, &place))
        return WASM_E_HOST_POINTER;
    call->result = call->exchange->kv->add(call->exchange->kv_baton, key, key_length,
                                           (int64_t)call->args[2], ttl_of(call->args[3]), &sum);
    if (call->result == EXCHANGE_KV_OK)
        guestmem_store_u64(call->caller, sum_at, (uint64_t)sum);
    return WASM_OK;
}

/* ---- entries -------------------------------------------------------------------------------- */

/* Says once for each guest, at info, what it lacks: its author may not know. */
static void hint(kv_guest *guest)
{
    static const char text[] =
        "it uses the shared store without the grant \"kv\": every function of "
        "wasmserve_kv answers NOT_GRANTED";

    if (!guest->missed)
        guest->exchange->log(guest->exchange->baton, EXCHANGE_LOG_INFO, text, sizeof text - 1);
    guest->missed = true;
}

static wasm_status enter(wasm_caller *caller, uint64_t *slots,
                         wasm_status (*function)(kv_call *call))
{
    const host_context *context = wasm_store_data(caller->store);
    kv_guest *guest = context->kv;
    kv_call call = {.caller = caller, .args = slots, .result = EXCHANGE_KV_DENIED};
    wasm_status status = WASM_OK;

    if (guest != NULL && (guest->grants & GRANT_KV) != 0 && guest->exchange->kv != NULL) {
        call.exchange = guest->exchange;
        status = function(&call);
    } else if (guest != NULL) {
        hint(guest);
    }
    if (status == WASM_OK)
        slots[0] = (uint32_t)call.result;
    return status;
}

#define K(name, signature)                                                                         \
    static wasm_status enter_##name(wasm_caller *caller, uint64_t *slots)                          \
    {                                                                                              \
        return enter(caller, slots, kv_##name);                                                    \
    }
#include "kv_functions.def"
#undef K

static const wasm_host_function functions[] = {
#define K(name, signature) {"wasmserve_kv", #name, signature, GRANT_KV, enter_##name},
#include "kv_functions.def"
#undef K
};

const wasm_host_function *kv_functions(size_t *count)
{
    *count = sizeof functions / sizeof functions[0];
    return functions;
}
