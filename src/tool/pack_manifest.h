/* SPDX-License-Identifier: Apache-2.0
 * pack_manifest.h — the manifest (manifest.json): what `wasmserve pack` has made in a folder, for
 * itself and for whoever builds pages.
 *
 * Format:  One object. "files" is for others: the current name, size and digests of each file by
 *          the name that it was packed as. "units" is pack's own memory, from which "files"
 *          follows; what a unit, a version and a form are, pack_state.h says. "pages" are the files
 *          whose references are kept up to date. README.md shows one.
 * Trust:   Names in it are opened, and removed when their version goes. So nothing is believed that
 *          pack would not have written: every name must be the one that follows from the file's own
 *          name, its hash and the coding, and no name leads out of the folder.
 * Order:   By name throughout; the same state is the same text, byte for byte.
 * Memory:  See the functions.
 * Threads: no shared state.
 */
#ifndef WASMSERVE_PACK_MANIFEST_H
#define WASMSERVE_PACK_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>

#include "pack_pool.h"
#include "pack_state.h"

/* Reads a manifest into *state, everything in it the pool's. False: it is none, or was changed;
 * *why says what is wrong with it, as a sentence without a period. */
bool pack_manifest_read(struct pack_pool *pool, const char *text, size_t length,
                        struct pack_state *state, const char **why);

/* The text of a manifest, to be freed with free(); NULL: no memory. */
char *pack_manifest_write(struct pack_pool *pool, const struct pack_state *state, size_t *length);

#endif
