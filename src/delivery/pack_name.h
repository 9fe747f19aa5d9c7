/* SPDX-License-Identifier: Apache-2.0
 * pack_name.h — the names that `wasmserve pack` takes and gives, and what belongs together.
 *
 * Why:     A name with a hash of its content is what makes an answer immutable (cachepolicy.h); and
 *          a module and its JavaScript glue, which are built for each other, must never be loaded
 *          from two versions. Both are rules on names alone.
 * Names:   pkg/app.wasm becomes pkg/app.3f9c02d1e4a5b677.wasm: 16 hex digits before the last
 *          ending. That is 64 bits of a SHA-256: among a thousand million versions of one file two
 *          are alike with a chance of 1 in 37. Sixteen digits are never taken for a date or a word.
 * Pairs:   Files that get one hash together, by name and in the same folder:
 *             x.js, x_bg.wasm          wasm-bindgen
 *             x.js, x.wasm             emscripten, with x.data and x.worker.js where they are given
 *          (.mjs for .js likewise), and wasm_exec.js of Go or TinyGo with the one .wasm that is in
 *          no pair yet. Where several are left, nothing says which of them it is for.
 * Memory:  Names are borrowed; what is made is the pool's.
 * Threads: Any; a pool belongs to one.
 */
#ifndef PACK_NAME_H
#define PACK_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "pack_pool.h"

#define PACK_HASH_DIGITS 16
#define PACK_NAME_MAX                                                                              \
    200 /* bytes of a path's component: 255 is what file systems take, less what                   \
           a hash, a delta's suffix and a temporary name add */

/* What is left of a path behind its last slash. */
const char *pack_name_base(const char *path);

/* Why a relative path cannot be the name of what is packed, as the end of a sentence ("contains a
 * control character"); NULL: it can. Accepted are paths of plain components, without ".", ".." or
 * empty ones, in UTF-8 without control characters; not manifest.json and pack's own folder, nor
 * what looks like a variant that pack makes. */
const char *pack_name_fault(const char *name);

/* Why a text cannot be the base of pages (pack_rewrite.h), likewise. */
const char *pack_name_base_fault(const char *base);

/* The name with the first PACK_HASH_DIGITS digits of hash in it. */
char *pack_name_hashed(struct pack_pool *pool, const char *name, const char *hash);

/* Puts names together. group[i] is the smallest index of those that belong with i; it comes filled
 * in, with i itself where nothing is said, and explicit pairs stay as they are. Returns the index
 * of a wasm_exec.js for which there are several modules, or count. */
size_t pack_name_pairs(const char *const *names, size_t count, size_t *group);

/* Makes the groups of i and j one. */
void pack_name_join(size_t *group, size_t count, size_t i, size_t j);

#endif
