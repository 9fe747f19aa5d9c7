/* SPDX-License-Identifier: Apache-2.0
 * pack_manifest.c — manifest.json in and out; what it holds and what is believed of it stands in
 * pack_manifest.h.
 *
 * How:     The reader walks the tree of json.h with a note of where it is, which becomes the first
 *          half of a complaint. The first complaint stays.
 * Memory:  The tree goes when the reader is done; what stays is the pool's.
 * Threads: No shared state.
 */
#include "pack_manifest.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "json.h"

/* The number that "wasmserve-pack" has. A reader refuses any other: a later format may have
 * reasons to keep files of which this one knows nothing. */
enum { FORMAT = 1 };

static const char format_member[] = "wasmserve-pack";

/* ---- reading --------------------------------------------------------------------------------- */

typedef struct reading {
    struct pack_pool *pool;
    unsigned unit, version; /* where it is, from 0 */
    const char *why;        /* the first complaint; NULL: none */
} reading;

__attribute__((format(printf, 2, 3))) static bool complain(reading *r, const char *format, ...)
{
    char what[400];
    va_list args;

    if (r->why != NULL)
        return false;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    r->why = pack_pool_format(r->pool, "in units[%u].versions[%u] %s", r->unit, r->version, what);
    return false;
}

/* A string without zero bytes; NULL if the member is none. */
static const char *text_member(const json_value *object, const char *name)
{
    const json_value *member = json_member(object, name);

    if (member == NULL || member->kind != JSON_STRING || strlen(member->text) != member->length)
        return NULL;
    return member->text;
}

static bool is_hex(const char *text, size_t digits)
{
    return text != NULL && strlen(text) == digits && strspn(text, "0123456789abcdef") == digits;
}

static bool read_digest(reading *r, const json_value *object, const char *name,
                        char digest[SHA256_HEX_SIZE])
{
    const char *text = text_member(object, name);

    if (!is_hex(text, SHA256_HEX_SIZE - 1))
        return complain(r, "a \"%s\" is not 64 hex digits", name);
    memcpy(digest, text, SHA256_HEX_SIZE);
    return true;
}

static bool read_size(reading *r, const json_value *object, uint64_t *size)
{
    const json_value *member = json_member(object, "size");

    /* 2^53, up to which a double counts every number. */
    if (member == NULL || member->kind != JSON_NUMBER || !(member->number >= 0) ||
        member->number > 9007199254740992.0 || (double)(uint64_t)member->number != member->number)
        return complain(r, "a \"size\" is not a number of bytes");
    *size = (uint64_t)member->number;
    return true;
}

/* Size, digest and name of something that lies in the folder under a name that must be `name`. */
static bool read_stored(reading *r, const json_value *object, const char *name, uint64_t *size,
                        char digest[SHA256_HEX_SIZE])
{
    const char *text = text_member(object, "name");

    if (text == NULL || strcmp(text, name) != 0)
        return complain(r, "a \"name\" is not \"%.250s\", which pack would have given", name);
    return read_size(r, object, size) && read_digest(r, object, "sha256", digest);
}

static bool read_form(reading *r, const struct pack_version *version, struct pack_file *file,
                      const json_value *object, bool delta)
{
    struct pack_form *form = pack_pool_get(r->pool, sizeof *form);
    const char *token = text_member(object, "coding");
    const json_value *larger = json_member(object, "larger");

    form->coding = token ? coding_by_token(token, strlen(token)) : CODING_COUNT;
    if (form->coding == CODING_COUNT || form->coding == CODING_IDENTITY ||
        coding_needs_dictionary(form->coding) != delta)
        return complain(r, "\"%.100s\" is no coding of a %s", token ? token : "",
                        delta ? "delta" : "variant");
    if (delta && !read_digest(r, object, "dictionary", form->dictionary))
        return false;
    form->useless = larger != NULL && larger->kind == JSON_TRUE;
    if (!form->useless &&
        !read_stored(r, object, pack_state_form_name(r->pool, version, file, form), &form->size,
                     form->digest))
        return false;
    if (pack_state_find_form(file, form->coding, form->dictionary) != NULL)
        return complain(r, "a %s stands twice", delta ? "delta" : "variant");
    pack_state_put_form(file, form);
    return true;
}

static bool read_file(reading *r, struct pack_version *version, const json_value *object)
{
    struct pack_file *file = pack_pool_get(r->pool, sizeof *file);

    if (object->kind != JSON_OBJECT || strlen(object->name) != object->name_length ||
        pack_name_fault(object->name) != NULL)
        return complain(r, "a member of \"files\" is not the name of a file");
    file->name = pack_pool_string(r->pool, object->name, object->name_length);
    if (!read_stored(r, object, pack_state_file_name(r->pool, version, file), &file->size,
                     file->digest))
        return false;
    for (const json_value *v = json_items(object, "variants"); v != NULL; v = v->next)
        if (!read_form(r, version, file, v, false))
            return false;
    for (const json_value *v = json_items(object, "deltas"); v != NULL; v = v->next)
        if (!read_form(r, version, file, v, true))
            return false;
    return pack_state_put_file(version, file) || complain(r, "a file stands twice");
}

static struct pack_version *read_version(reading *r, const json_value *object)
{
    struct pack_version *version = pack_pool_get(r->pool, sizeof *version);
    const json_value *files = json_member(object, "files");
    const char *hash = text_member(object, "hash");

    if (!is_hex(hash, PACK_HASH_DIGITS)) {
        complain(r, "a \"hash\" is not 16 hex digits");
        return NULL;
    }
    memcpy(version->hash, hash, sizeof version->hash);
    if (files == NULL || files->kind != JSON_OBJECT || files->first == NULL) {
        complain(r, "there are no \"files\"");
        return NULL;
    }
    for (const json_value *file = files->first; file != NULL; file = file->next)
        if (!read_file(r, version, file))
            return NULL;
    return version;
}

static bool read_unit(reading *r, struct pack_state *state, const json_value *object)
{
    struct pack_unit *unit = pack_pool_get(r->pool, sizeof *unit);
    struct pack_version **tail = &unit->versions;
    const char *current = text_member(object, "current");

    r->version = 0;
    for (const json_value *v = json_items(object, "versions"); v != NULL; v = v->next) {
        struct pack_version *version = read_version(r, v);
        if (version == NULL)
            return false;
        if (pack_state_version(unit, version->hash) != NULL)
            return complain(r, "a hash stands twice");
        for (const struct pack_file *file = version->files; file != NULL; file = file->next)
            if (pack_state_unit(state, file->name) != NULL)
                return complain(r, "\"%.250s\" is in another unit as well", file->name);
        *tail = version;
        tail = &version->next;
        r->version++;
    }
    unit->current = current ? pack_state_version(unit, current) : NULL;
    if (unit->current == NULL)
        return complain(r, "or before it there is no version that is \"current\"");
    pack_state_put_unit(state, unit);
    return true;
}

static bool read_root(reading *r, struct pack_state *state, const json_value *root)
{
    const json_value *format = json_member(root, format_member);

    if (format == NULL || format->kind != JSON_NUMBER) {
        r->why = "it is not a manifest of wasmserve pack";
        return false;
    }
    if (format->number != FORMAT) {
        r->why = "it is of another version of wasmserve pack";
        return false;
    }
    for (const json_value *unit = json_items(root, "units"); unit != NULL; unit = unit->next) {
        if (!read_unit(r, state, unit))
            return false;
        r->unit++;
    }
    for (const json_value *page = json_items(root, "pages"); page != NULL; page = page->next) {
        const char *name = text_member(page, "name"), *base = text_member(page, "base");
        if (name == NULL || pack_name_fault(name) != NULL || base == NULL ||
            pack_name_base_fault(base) != NULL) {
            r->why = "a member of \"pages\" is not the name of a file and its base";
            return false;
        }
        pack_state_page(r->pool, state, pack_pool_string(r->pool, name, strlen(name)),
                        pack_pool_string(r->pool, base, strlen(base)));
    }
    return true;
}

bool pack_manifest_read(struct pack_pool *pool, const char *text, size_t length,
                        struct pack_state *state, const char **why)
{
    char error[200];
    reading r = {.pool = pool};
    json_document *document = json_read(text, length, error, sizeof error);

    memset(state, 0, sizeof *state);
    if (document == NULL) {
        *why = pack_pool_format(pool, "it is not JSON: %s", error);
        return false;
    }
    bool good = read_root(&r, state, json_root(document));
    json_free(document);
    *why = r.why;
    return good;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Names are free of what JSON escapes (pack_name_fault), digests and tokens anyway. */
static void write_stored(FILE *out, const char *name, uint64_t size, const char *digest)
{
    fprintf(out, "\"name\": \"%s\", \"size\": %" PRIu64 ", \"sha256\": \"%s\"", name, size, digest);
}

static void write_forms(FILE *out, struct pack_pool *pool, const struct pack_version *version,
                        const struct pack_file *file, bool deltas)
{
    const char *between = "\n";

    fprintf(out, "              \"%s\": [", deltas ? "deltas" : "variants");
    for (const struct pack_form *form = file->forms; form != NULL; form = form->next) {
        if (coding_needs_dictionary(form->coding) != deltas)
            continue;
        fprintf(out, "%s                {\"coding\": \"%s\", ", between,
                coding_info(form->coding)->token);
        if (deltas)
            fprintf(out, "\"dictionary\": \"%s\", ", form->dictionary);
        if (form->useless)
            fputs("\"larger\": true", out);
        else
            write_stored(out, pack_state_form_name(pool, version, file, form), form->size,
                         form->digest);
        fputc('}', out);
        between = ",\n";
    }
    fprintf(out, "%s]", *between == ',' ? "\n              " : "");
}

static void write_file(FILE *out, struct pack_pool *pool, const struct pack_version *version,
                       const struct pack_file *file)
{
    fprintf(out, "            \"%s\": {\n              ", file->name);
    write_stored(out, pack_state_file_name(pool, version, file), file->size, file->digest);
    fputs(",\n", out);
    write_forms(out, pool, version, file, false);
    fputs(",\n", out);
    write_forms(out, pool, version, file, true);
    fputs("\n            }", out);
}

static void write_unit(FILE *out, struct pack_pool *pool, const struct pack_unit *unit)
{
    fprintf(out, "    {\n      \"current\": \"%s\",\n      \"versions\": [\n", unit->current->hash);
    for (const struct pack_version *v = unit->versions; v != NULL; v = v->next) {
        fprintf(out, "        {\n          \"hash\": \"%s\",\n          \"files\": {\n", v->hash);
        for (const struct pack_file *file = v->files; file != NULL; file = file->next) {
            write_file(out, pool, v, file);
            fputs(file->next != NULL ? ",\n" : "\n", out);
        }
        fprintf(out, "          }\n        }%s\n", v->next != NULL ? "," : "");
    }
    fputs("      ]\n    }", out);
}

/* What others read: of each file the version that is current, in the order of names. A unit's files
 * may stand between those of another, so the next name is looked for each time. */
static void write_current(FILE *out, struct pack_pool *pool, const struct pack_state *state)
{
    const char *last = "", *between = "\n";

    for (;;) {
        const struct pack_file *next = NULL;
        const struct pack_version *version = NULL;
        for (const struct pack_unit *unit = state->units; unit != NULL; unit = unit->next) {
            for (const struct pack_file *f = unit->current->files; f != NULL; f = f->next) {
                if (strcmp(f->name, last) > 0 &&
                    (next == NULL || strcmp(f->name, next->name) < 0)) {
                    next = f;
                    version = unit->current;
                }
            }
        }
        if (next == NULL)
            break;
        uint8_t digest[SHA256_SIZE];
        char integrity[BASE64_SIZE(SHA256_SIZE)];
        for (unsigned i = 0; i < SHA256_SIZE; i++) {
            char pair[3] = {next->digest[2 * i], next->digest[2 * i + 1], '\0'};
            digest[i] = (uint8_t)strtoul(pair, NULL, 16);
        }
        base64_encode(digest, sizeof digest, integrity);
        fprintf(out, "%s    \"%s\": {", between, next->name);
        write_stored(out, pack_state_file_name(pool, version, next), next->size, next->digest);
        fprintf(out, ", \"integrity\": \"sha256-%s\"}", integrity);
        last = next->name;
        between = ",\n";
    }
    fputs(*between == ',' ? "\n  " : "", out);
}

char *pack_manifest_write(struct pack_pool *pool, const struct pack_state *state, size_t *length)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, length);
    const char *between = "";

    if (out == NULL)
        return NULL;
    fprintf(out, "{\n  \"%s\": %d,\n  \"files\": {", format_member, FORMAT);
    write_current(out, pool, state);
    fputs("},\n  \"units\": [\n", out);
    for (const struct pack_unit *unit = state->units; unit != NULL; unit = unit->next) {
        write_unit(out, pool, unit);
        fputs(unit->next != NULL ? ",\n" : "\n", out);
    }
    fputs("  ],\n  \"pages\": [", out);
    for (const struct pack_page *page = state->pages; page != NULL; page = page->next) {
        fprintf(out, "%s\n    {\"name\": \"%s\", \"base\": \"%s\"}", between, page->name,
                page->base);
        between = ",";
    }
    fprintf(out, "%s]\n}\n", *between == ',' ? "\n  " : "");
    bool good = !ferror(out);
    if (fclose(out) != 0 || !good) {
        free(text);
        return NULL;
    }
    return text;
}
