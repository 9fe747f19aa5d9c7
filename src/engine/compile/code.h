/* SPDX-License-Identifier: Apache-2.0
 * code.h — executable memory: finished code into pages that can be run and never written.
 *
 * Code is position-independent and complete before it comes here, so that no page ever has to be
 * writable and executable, at once or one after the other. Ways, in the order of code_way; the
 * first that the system lets pass is taken:
 *   FILE       an unnamed file in a directory that the administrator chose, written, and mapped
 *              read and execute. What SELinux allows of files that may be executed.
 *   MEMFD      the same with a memfd, sealed against writing.
 *   ANONYMOUS  anonymous memory, written, and then made executable: the way that hardened systems
 *              refuse (MemoryDenyWriteExecute, httpd_execmem), for systems without the others.
 * Children that are forked share the pages.
 *
 * Memory:  a code_mapping belongs to who asked for it, until code_unmap().
 * Threads: any.
 */
#ifndef WASMSERVE_CODE_H
#define WASMSERVE_CODE_H

#include "engine.h"

typedef enum code_way { CODE_WAY_FILE, CODE_WAY_MEMFD, CODE_WAY_ANONYMOUS, CODE_WAYS } code_way;
const char *code_way_text(code_way way); /* "a file", …: static storage */

typedef struct code_mapping {
    const uint8_t *base;
    size_t length;
    code_way way;
} code_mapping;

/* Ways that are not to be tried, a bit each (1 << way). */
typedef unsigned code_ways;

/* Maps a copy of the bytes, which are at least one. `directory` is for FILE; NULL: not that way.
 * `refused`, of `size` bytes (0: not wanted): what the system said to each way before the one that
 * passed. Error: NO_EXECUTABLE. */
wasm_status code_map(const uint8_t *bytes, size_t length, const char *directory, code_ways without,
                     code_mapping *out, char *refused, size_t size);
/* Maps a part of a file that nobody changes, from `at`, a multiple of the page size. 0, or an
 * errno.
 */
int code_map_file(int fd, uint32_t at, size_t length, code_mapping *out);
void code_unmap(code_mapping *mapping); /* one that is all zeroes is allowed */

#endif
