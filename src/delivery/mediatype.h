/* SPDX-License-Identifier: Apache-2.0
 * mediatype.h — the media type of what is delivered.
 *
 * Why:     Browsers compile a module while it arrives only if its type is exactly
 *          application/wasm, without any parameter (WebAssembly Web API §streaming). And a
 *          variant that is asked for by its own name ("app.js.br", "app.wasm.gz") must leave
 *          with the type of what is inside, where a server's tables know the archive format at
 *          best.
 * Memory:  Names are borrowed, results are constants.
 * Threads: Any.
 */
#ifndef MEDIATYPE_H
#define MEDIATYPE_H

#include <stdbool.h>
#include <stddef.h>

#define MEDIATYPE_WASM "application/wasm"

/* Whether the first len bytes of name end with the suffix; ASCII letters compare without case, as
 * mod_mime does it. */
bool mediatype_has_suffix(const char *name, size_t len, const char *suffix);

/* Whether a media type is that of an archive or a compressed file, so that it cannot be meant for
 * the content. */
bool mediatype_is_archive(const char *type);

/* Whether a media type, parameters aside, is this one; bare is in lower case. */
bool mediatype_is(const char *type, const char *bare);

/* Whether a media type says nothing of the content: what servers send for endings that they do not
 * know. */
bool mediatype_is_generic(const char *type);

/* Whether a media type is one that files with this ending (".js", with its dot) have. False for
 * endings that mediatype_by_name does not know. */
bool mediatype_of_suffix(const char *type, const char *suffix);

/* The type for the first len bytes of name by its ending, for endings that ship with Wasm
 * applications; application/octet-stream for others. */
const char *mediatype_by_name(const char *name, size_t len);

#endif
