/* SPDX-License-Identifier: Apache-2.0
 * pack_state.h — what `wasmserve pack` has made in a folder: the versions of each file, and the
 * rules by which they come, go and are current.
 *
 * Why:     Old versions stay so that browsers in the middle of a visit find what they ask for, that
 *          going back is a matter of names, and that the next version can be a delta. And what is
 *          removed must be exactly what pack made. So everything is written down (manifest.json;
 *          tool/ reads and writes it) and decided here, without touching a file.
 * Words:   A unit is what is versioned together: one file, or a pair. A version of it has a hash,
 *          and each of its files has forms: variants in a coding, and deltas against the content of
 *          an older version. Names of files are not kept, they follow: pack_state_file_name(),
 *          pack_state_form_name().
 * Rules:   1. Versions of a unit stand in the order in which they were made current, newest first.
 *          2. One is current: the newest, or after going back an older one.
 *          3. Packing makes a version the newest and current, whether it was there before or not.
 *          4. Beside the current one at most `keep` others stay, the newest.
 *          5. Going back makes the next older one current, and keeps the order.
 *          6. A pair takes over the units that its files were before. A pair is parted only if it
 *             is asked for: half of a new pair with half of an old one is what pairs are to
 *             prevent.
 * Memory:  Everything is the pool's.
 * Threads: One.
 */
#ifndef PACK_STATE_H
#define PACK_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coding.h"
#include "pack_name.h"
#include "pack_pool.h"
#include "sha256.h"

struct pack_form {
    enum coding coding;               /* CODING_DCZ or CODING_DCB: a delta */
    char dictionary[SHA256_HEX_SIZE]; /* of a delta: digest of the old content; else empty */
    bool useless;                     /* it would not be smaller, and so is no file */
    uint64_t size;                    /* bytes; as the digest, of a file only */
    char digest[SHA256_HEX_SIZE];
    struct pack_form *next;
};

struct pack_file {
    const char *name; /* without a hash, relative to the folder */
    uint64_t size;
    char digest[SHA256_HEX_SIZE];
    struct pack_form *forms; /* by coding and dictionary */
    struct pack_file *next;  /* by name */
};

struct pack_version {
    char hash[PACK_HASH_DIGITS + 1];
    struct pack_file *files;
    struct pack_version *next;
};

struct pack_unit {
    struct pack_version *versions;
    struct pack_version *current; /* one of them */
    struct pack_unit *next;       /* by the first name of the current version */
};

struct pack_page { /* a file whose references pack keeps up to date */
    const char *name;
    const char *base;       /* as in struct pack_rules: how it refers to the folder */
    struct pack_page *next; /* by name */
};

struct pack_state {
    struct pack_unit *units;
    struct pack_page *pages;
};

/* ---- names ----------------------------------------------------------------------------------- */

char *pack_state_file_name(struct pack_pool *pool, const struct pack_version *version,
                           const struct pack_file *file);
/* The form must not be useless. */
char *pack_state_form_name(struct pack_pool *pool, const struct pack_version *version,
                           const struct pack_file *file, const struct pack_form *form);

/* Calls visit for the name, size and digest of every file that a version consists of. */
typedef void (*pack_visit_fn)(void *context, const char *name, uint64_t size, const char *digest);
void pack_state_visit(struct pack_pool *pool, const struct pack_version *version,
                      pack_visit_fn visit, void *context);

/* ---- looking --------------------------------------------------------------------------------- */

struct pack_file *pack_state_file(const struct pack_version *version, const char *name);
struct pack_version *pack_state_version(const struct pack_unit *unit, const char *hash);
/* The unit that a file belongs to or belonged to; NULL: none. */
struct pack_unit *pack_state_unit(const struct pack_state *state, const char *name);
/* The form of this coding and dictionary ("" for a variant); NULL: none. */
struct pack_form *pack_state_find_form(const struct pack_file *file, enum coding coding,
                                       const char *dictionary);
/* The current hash of a file, or NULL: what pack_rewrite() asks for; context is the state. */
const char *pack_state_hash_of(const void *state, const char *name);

/* ---- changing -------------------------------------------------------------------------------- */

/* A name that is or was in one unit with a file of the version, and is not in the version: its pair
 * would be parted (rule 6). NULL: none. */
const char *pack_state_parted(const struct pack_state *state, const struct pack_version *version);

/* Makes a version the newest and current of its unit, by rules 3 and 6. The version becomes part of
 * the state; an earlier one of the same hash leaves it. If a pair is parted, the files that the
 * version does not have stay behind as units of their own, with the versions that they had. */
void pack_state_add(struct pack_pool *pool, struct pack_state *state, struct pack_version *version);

/* Drops what is beyond rule 4 behind a version that was just added. */
void pack_state_trim(struct pack_version *version, unsigned keep);

/* Goes back by rule 5. NULL: done. Else why not, as the end of a sentence. */
const char *pack_state_back(struct pack_state *state, struct pack_unit *unit);

/* Notes that references in a file are pack's to keep; a base takes the place of an earlier one. */
void pack_state_page(struct pack_pool *pool, struct pack_state *state, const char *name,
                     const char *base);

/* Put a part into its place in the order; a form also in place of one for the same coding and
 * dictionary. False if a file of that name is there already. */
bool pack_state_put_file(struct pack_version *version, struct pack_file *file);
void pack_state_put_form(struct pack_file *file, struct pack_form *form);
void pack_state_put_unit(struct pack_state *state, struct pack_unit *unit);

#endif
