/* SPDX-License-Identifier: Apache-2.0
 * pack_state.c — versions come, go and become current; the rules are in pack_state.h.
 *
 * How:     Linked lists, which are short: a folder has tens of files, a unit a handful of versions.
 * Memory:  See pack_state.h.
 * Threads: no shared state.
 */
#include "pack_state.h"

#include <string.h>

#include "dictionary.h"

/* ---- names ----------------------------------------------------------------------------------- */

char *pack_state_file_name(struct pack_pool *pool, const struct pack_version *version,
                           const struct pack_file *file)
{
    return pack_name_hashed(pool, file->name, version->hash);
}

static uint8_t hex_digit(char c)
{
    return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

char *pack_state_form_name(struct pack_pool *pool, const struct pack_version *version,
                           const struct pack_file *file, const struct pack_form *form)
{
    const char *raw = pack_state_file_name(pool, version, file);
    char suffix[DICTIONARY_SUFFIX_SIZE];
    uint8_t digest[SHA256_SIZE];

    if (!coding_needs_dictionary(form->coding)) {
        return pack_pool_format(pool, "%s%s", raw, coding_info(form->coding)->suffix);
    }
    for (size_t i = 0; i < SHA256_SIZE; i++) {
        digest[i] = (uint8_t)(hex_digit(form->dictionary[2 * i]) << 4 |
                              hex_digit(form->dictionary[2 * i + 1]));
    }
    dictionary_write_suffix(suffix, form->coding, digest);
    return pack_pool_format(pool, "%s%s", raw, suffix);
}

void pack_state_visit(struct pack_pool *pool, const struct pack_version *version,
                      pack_visit_fn visit, void *context)
{
    for (const struct pack_file *file = version->files; file != NULL; file = file->next) {
        visit(context, pack_state_file_name(pool, version, file), file->size, file->digest);
        for (const struct pack_form *form = file->forms; form != NULL; form = form->next) {
            if (!form->useless) {
                visit(context, pack_state_form_name(pool, version, file, form), form->size,
                      form->digest);
            }
        }
    }
}

/* ---- looking --------------------------------------------------------------------------------- */

struct pack_file *pack_state_file(const struct pack_version *version, const char *name)
{
    struct pack_file *file = version->files;

    while (file != NULL && strcmp(file->name, name) != 0) {
        file = file->next;
    }
    return file;
}

struct pack_version *pack_state_version(const struct pack_unit *unit, const char *hash)
{
    struct pack_version *version = unit->versions;

    while (version != NULL && strcmp(version->hash, hash) != 0) {
        version = version->next;
    }
    return version;
}

static bool unit_has(const struct pack_unit *unit, const char *name)
{
    const struct pack_version *version = unit->versions;

    while (version != NULL && pack_state_file(version, name) == NULL) {
        version = version->next;
    }
    return version != NULL;
}

struct pack_unit *pack_state_unit(const struct pack_state *state, const char *name)
{
    struct pack_unit *unit = state->units;

    while (unit != NULL && !unit_has(unit, name)) {
        unit = unit->next;
    }
    return unit;
}

struct pack_form *pack_state_find_form(const struct pack_file *file, enum coding coding,
                                       const char *dictionary)
{
    struct pack_form *form = file->forms;

    while (form != NULL && (form->coding != coding || strcmp(form->dictionary, dictionary) != 0)) {
        form = form->next;
    }
    return form;
}

const char *pack_state_hash_of(const void *state, const char *name)
{
    const struct pack_unit *unit = pack_state_unit(state, name);

    return unit != NULL && pack_state_file(unit->current, name) != NULL ? unit->current->hash
                                                                        : NULL;
}

/* ---- changing -------------------------------------------------------------------------------- */

bool pack_state_put_file(struct pack_version *version, struct pack_file *file)
{
    struct pack_file **at = &version->files;

    while (*at != NULL && strcmp((*at)->name, file->name) < 0) {
        at = &(*at)->next;
    }
    if (*at != NULL && strcmp((*at)->name, file->name) == 0) {
        return false;
    }
    file->next = *at;
    *at = file;
    return true;
}

static int compare_forms(const struct pack_form *a, const struct pack_form *b)
{
    return a->coding != b->coding ? (a->coding < b->coding ? -1 : 1)
                                  : strcmp(a->dictionary, b->dictionary);
}

void pack_state_put_form(struct pack_file *file, struct pack_form *form)
{
    struct pack_form **at = &file->forms;

    while (*at != NULL && compare_forms(*at, form) < 0) {
        at = &(*at)->next;
    }
    form->next = *at != NULL && compare_forms(*at, form) == 0 ? (*at)->next : *at;
    *at = form;
}

/* Every version has a file. */
static const char *unit_name(const struct pack_unit *unit)
{
    return unit->current->files->name;
}

void pack_state_put_unit(struct pack_state *state, struct pack_unit *unit)
{
    struct pack_unit **at = &state->units;

    while (*at != NULL && strcmp(unit_name(*at), unit_name(unit)) < 0) {
        at = &(*at)->next;
    }
    unit->next = *at;
    *at = unit;
}

static bool touches(const struct pack_unit *unit, const struct pack_version *version)
{
    const struct pack_file *file = version->files;

    while (file != NULL && !unit_has(unit, file->name)) {
        file = file->next;
    }
    return file != NULL;
}

const char *pack_state_parted(const struct pack_state *state, const struct pack_version *version)
{
    for (const struct pack_unit *unit = state->units; unit != NULL; unit = unit->next) {
        if (!touches(unit, version)) {
            continue;
        }
        for (const struct pack_version *old = unit->versions; old != NULL; old = old->next) {
            for (const struct pack_file *file = old->files; file != NULL; file = file->next) {
                if (pack_state_file(version, file->name) == NULL) {
                    return file->name;
                }
            }
        }
    }
    return NULL;
}

/* Appends to *tail a version with those files of `old` that `filter` has, or has not; nothing if
 * there are none. The files themselves are moved. */
static struct pack_version *take_files(struct pack_pool *pool, struct pack_version *old,
                                       const struct pack_version *filter, bool in_filter,
                                       struct pack_version ***tail)
{
    struct pack_version *part = pack_pool_get(pool, sizeof(*part));
    struct pack_file **at = &old->files;

    memcpy(part->hash, old->hash, sizeof(part->hash));
    while (*at != NULL) {
        struct pack_file *file = *at;
        if ((pack_state_file(filter, file->name) != NULL) == in_filter) {
            *at = file->next;
            pack_state_put_file(part, file);
        } else {
            at = &file->next;
        }
    }
    if (part->files == NULL) {
        return NULL;
    }
    **tail = part;
    *tail = &part->next;
    return part;
}

/* Moves the versions of an old unit: what the new version has goes behind *tail, what it has not
 * makes a unit of its own. */
static void divide_unit(struct pack_pool *pool, struct pack_state *state, struct pack_unit *unit,
                        const struct pack_version *version, struct pack_version ***tail)
{
    struct pack_unit *rest = pack_pool_get(pool, sizeof(*rest));
    struct pack_version **rest_tail = &rest->versions, *next;

    for (struct pack_version *old = unit->versions; old != NULL; old = next) {
        struct pack_version *left;
        bool current = old == unit->current;
        next = old->next;
        left = take_files(pool, old, version, false, &rest_tail);
        rest->current = current && left != NULL ? left : rest->current;
        if (strcmp(old->hash, version->hash) != 0) {
            take_files(pool, old, version, true, tail);
        }
    }
    if (rest->versions != NULL) {
        rest->current = rest->current != NULL ? rest->current : rest->versions;
        pack_state_put_unit(state, rest);
    }
}

void pack_state_add(struct pack_pool *pool, struct pack_state *state, struct pack_version *version)
{
    struct pack_unit *fresh = pack_pool_get(pool, sizeof(*fresh));
    struct pack_unit *units = state->units, *next;
    struct pack_version **tail = &version->next;

    version->next = NULL;
    fresh->versions = fresh->current = version;
    state->units = NULL;
    for (struct pack_unit *unit = units; unit != NULL; unit = next) {
        next = unit->next;
        if (touches(unit, version)) {
            divide_unit(pool, state, unit, version, &tail);
        } else {
            pack_state_put_unit(state, unit);
        }
    }
    pack_state_put_unit(state, fresh);
}

void pack_state_trim(struct pack_version *version, unsigned keep)
{
    while (version->next != NULL && keep > 0) {
        version = version->next;
        keep--;
    }
    version->next = NULL;
}

const char *pack_state_back(struct pack_state *state, struct pack_unit *unit)
{
    struct pack_version *before = unit->current->next;

    if (before == NULL) {
        return "has no older version here";
    }
    for (const struct pack_file *file = unit->current->files; file != NULL; file = file->next) {
        if (pack_state_file(before, file->name) == NULL) {
            return "is in a pair that the version before was not; pack the old files again";
        }
    }
    unit->current = before;
    /* Its first name may be another one now. */
    for (struct pack_unit **at = &state->units; *at != NULL; at = &(*at)->next) {
        if (*at == unit) {
            *at = unit->next;
            break;
        }
    }
    pack_state_put_unit(state, unit);
    return NULL;
}

void pack_state_page(struct pack_pool *pool, struct pack_state *state, const char *name,
                     const char *base)
{
    struct pack_page **at = &state->pages, *page;

    while (*at != NULL && strcmp((*at)->name, name) < 0) {
        at = &(*at)->next;
    }
    if (*at == NULL || strcmp((*at)->name, name) != 0) {
        page = pack_pool_get(pool, sizeof(*page));
        page->name = name;
        page->next = *at;
        *at = page;
    }
    (*at)->base = base;
}
