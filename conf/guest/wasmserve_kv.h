/* SPDX-License-Identifier: Apache-2.0
 * wasmserve_kv.h — the shared store of mod_wasmserve for guests in C (grant `kv`).
 *
 * Every plugin has a store of its own, which all its requests share, in all processes of the
 * server. Keys have 1 to 256 bytes, values up to 16 KiB. When the store is full, what has expired
 * is forgotten first and then what was not used for longest; so keep nothing in it that must not be
 * lost. It lives as long as the server, over graceful restarts and over new versions of the plugin.
 *
 * Times are in milliseconds from now; 0 means for ever. Revisions are numbers that change with each
 * change of a value, and are never 0. A pointer outside of the guest's memory ends the guest.
 */
#ifndef WASMSERVE_KV_H
#define WASMSERVE_KV_H

#include <stddef.h>
#include <stdint.h>

enum wasmserve_kv_result {
    WASMSERVE_KV_OK = 0,
    WASMSERVE_KV_MISSING = 1, /* there is no such key, or its time is over */
    WASMSERVE_KV_CHANGED = 2, /* compare_and_set: somebody else was there before */
    WASMSERVE_KV_SIZE = 3,    /* a key or a value of a size that cannot be */
    WASMSERVE_KV_SHORT = 4,   /* get: the value is longer than the buffer; *length says how long */
    WASMSERVE_KV_NUMBER = 5,  /* increment: the value is not a number of 8 bytes, or the sum none */
    WASMSERVE_KV_FULL = 6,    /* no room could be made */
    WASMSERVE_KV_BUSY = 7,    /* try again later */
    WASMSERVE_KV_NOT_GRANTED = 8 /* the plugin has no WasmServeGrant kv */
};

#define WASMSERVE_KV_IMPORT(name)                                                                  \
    __attribute__((import_module("wasmserve_kv"), import_name(#name))) int32_t wasmserve_kv_##name

/* Reads a value of up to `size` bytes; *length and *revision are those of the value. */
WASMSERVE_KV_IMPORT(get)
(const void *key, size_t key_length, void *value, size_t size, uint32_t *length,
 uint64_t *revision);

/* Writes a value, in place of one that is there. */
WASMSERVE_KV_IMPORT(set)
(const void *key, size_t key_length, const void *value, size_t length, uint64_t ttl_ms);

/* Writes a value if the key still has this revision; 0: if there is no such key. */
WASMSERVE_KV_IMPORT(compare_and_set)
(const void *key, size_t key_length, const void *value, size_t length, uint64_t ttl_ms,
 uint64_t revision);

/* Removes a key. */
WASMSERVE_KV_IMPORT(delete)(const void *key, size_t key_length);

/* Adds to a number and tells the sum. A key that is not there begins at 0, and lives for ttl_ms;
 * one that is there keeps its time. The value is the number's 8 bytes, little-endian. */
WASMSERVE_KV_IMPORT(increment)
(const void *key, size_t key_length, int64_t delta, uint64_t ttl_ms, int64_t *sum);

#endif
