/* SPDX-License-Identifier: Apache-2.0
 * cachepolicy.h — how long a client may keep a file without asking.
 *
 * Why:     A name that carries a hash of its content never has to be asked for again; every
 *          other name must be, or users run old code after a deployment. With a validator asking
 *          costs a 304, which also keeps the code that the browser compiled.
 * Rule:    A name carries a hash if one of its parts, as parted by ".", "-", "_" and "~", is 6
 *          to 64 hex digits and is neither a date ("app-20240101.wasm") nor one of the few words
 *          that happen to spell hex ("facade.wasm"): people give those names to files that they
 *          change, and taking one for a hash pins old code in browsers for a year. Overlooking a
 *          real hash (a date by accident: one in 57,000 of those with 8 digits) costs no more
 *          than a 304 a visit. WasmServeImmutable takes an expression where it matters.
 * Memory:  Names are borrowed, results are constants.
 * Threads: Any.
 */
#ifndef CACHEPOLICY_H
#define CACHEPOLICY_H

#include <stdbool.h>
#include <stddef.h>

/* Finds the first part of name that is a hash by the rule above: *at receives where it begins, *len
 * its length. False if there is none. For the next one ask again behind it. */
bool cachepolicy_find_hash(const char *name, size_t *at, size_t *len);

/* Whether the file name (without directories) carries a hash by the rule above. */
bool cachepolicy_name_is_hashed(const char *name);

/* Whether a response with this Cache-Control (NULL: none) may be used again without asking for some
 * time: what a dictionary has to be (RFC 9842 §2.2.1). */
bool cachepolicy_is_fresh(const char *cache_control);

/* The Cache-Control for a name whose content never changes (RFC 8246), or for any other. */
const char *cachepolicy_value(bool immutable);

/* Whether the value of a Cache-Control field, several lines joined by commas, has the directive
 * no-transform (RFC 9111 §5.2.2.6). The value may be anything; what stands inside a quoted argument
 * is no directive. */
bool cachepolicy_forbids_transform(const char *cache_control);

#endif
