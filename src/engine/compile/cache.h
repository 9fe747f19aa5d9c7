/* SPDX-License-Identifier: Apache-2.0
 * cache.h — compiled code in a directory, for other processes and the next start.
 *
 * A file is named by the digest of all that its code depends on: the module, the engine's sources,
 * the processor's features, guard pages or not. It is written beside and renamed, so that there is
 * none that is half there, and never changed. Whoever can write it can run code in the server:
 * directory and file must belong to root, the process's user or options->cache_owner, and be
 * writable by nobody else; its own digest finds damage, not forgery.
 *
 * Memory:  a native_module belongs to the caller.
 * Threads: any, also of several processes.
 */
#ifndef WASMSERVE_CACHE_H
#define WASMSERVE_CACHE_H

#include "digest.h"
#include "native_impl.h"

/* A name: so many digits of the engine's build, a dash, those of the key, an ending. */
enum { CACHE_BUILD = 12, CACHE_NAME_BYTES = CACHE_BUILD + 1 + 64 + sizeof ".code" };

/* What a file is read from: its descriptor, or its bytes where there are some. */
typedef struct cache_source {
    int fd;
    const uint8_t *bytes;
    size_t length; /* of the file */
} cache_source;

/* Where the tables of a file are; pointers into `tables`. */
typedef struct cache_view {
    uint8_t *tables; /* the file up to its code, a copy that cache_view_release() frees */
    const uint8_t *entries, *wrappers, *funcs, *sites; /* of 4, 4, 12 and 1 bytes */
    uint32_t entry_count, wrapper_count, func_count, site_bytes, own_code;
    uint32_t stubs[STUB_COUNT];
    uint32_t code_at, code_length;
    wasm_features used; /* by the module */
} cache_view;

/* What a file's code is for. */
void cache_key(const wasm_module *module, const target *here, bool guarded, digest *out);

/* Whether this is a file for `key` in which every table is what readers may rely on. NULL, or why
 * not: static storage, and then there is nothing to release. Only the code itself cannot be judged.
 */
const char *cache_read(const cache_source *from, const digest *key, cache_view *out);
void cache_view_release(cache_view *view);

/* The code of the module, mapped from its file; NULL if there is none that can be used, which has
 * been noted. */
native_module *cache_load(const wasm_module *module, const wasm_compile_options *options,
                          const digest *key, bool guarded);

/* Writes a file with the tables of `native`, whose code is `image`. False: noted. */
bool cache_store(const native_module *native, const uint8_t *image, uint32_t length,
                 const wasm_compile_options *options, const digest *key);

/* The same to options->file. False: out of memory. */
bool cache_hand_over(const native_module *native, const uint8_t *image, uint32_t length,
                     const wasm_compile_options *options, const digest *key);

/* ---- for cache_keep.c ------------------------------------------------------------------------ */

/* The directory, if it may be used; -1: not, which has been noted. The caller closes it. */
int cache_open(const wasm_compile_options *options);
void cache_note(const wasm_compile_options *options, bool bad, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool cache_name_is_ours(const char *name);

/* ---- cache_keep.c ---------------------------------------------------------------------------- */

/* Waits until nobody else compiles for the key. Who was to be waited for may have kept it: look
 * again. The answer is for cache_unlock(); -1: it could not be had, or `stop` (may be NULL), which
 * is asked while waiting, said so. */
int cache_lock(const wasm_compile_options *options, const digest *key, bool (*stop)(void *baton),
               void *stop_baton);
void cache_unlock(int lock);
/* Makes room, and removes what is of other engines; `newest` stays. */
void cache_prune(int directory, const char *newest, const wasm_compile_options *options);

#endif
