/* SPDX-License-Identifier: Apache-2.0
 * pack_name.c — names with hashes, and pairs; the rules are in pack_name.h.
 *
 * Memory:  See pack_name.h.
 * Threads: no shared state.
 */
#include "pack_name.h"

#include <stdint.h>
#include <string.h>

#include "coding.h"

static const char own_folder[] = ".wasmserve-pack";
static const char go_glue[] = "wasm_exec.js";

static bool ends_with(const char *name, const char *ending)
{
    size_t len = strlen(name), n = strlen(ending);

    return len > n && strcmp(name + len - n, ending) == 0;
}

const char *pack_name_base(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* The bytes of the UTF-8 sequence that s begins with, 0 if it is none (RFC 3629 §4). s is
 * terminated, and a terminator is never a continuation byte. */
static size_t utf8_len(const uint8_t *s)
{
    size_t len = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

    if (len == 1) {
        return 1;
    }
    if (s[0] < 0xc2 || s[0] > 0xf4) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f)) {
        return 0;
    }
    return len;
}

static const char *text_fault(const char *name)
{
    const uint8_t *s = (const uint8_t *)name;

    while (*s != '\0') {
        size_t len = utf8_len(s);
        if (len == 0) {
            return "is not UTF-8 text";
        }
        if (*s < 0x20 || *s == 0x7f) {
            return "contains a control character";
        }
        if (*s == '\\' || *s == '"') {
            return "contains a backslash or a quotation mark";
        }
        s += len;
    }
    return NULL;
}

static const char *component_fault(const char *component, size_t len)
{
    if (len == 0) {
        return "has an empty component";
    }
    if (len > PACK_NAME_MAX) {
        return "has a component of more than 200 bytes";
    }
    if ((len == 1 && component[0] == '.') || (len == 2 && memcmp(component, "..", 2) == 0)) {
        return "leads elsewhere by \".\" or \"..\"";
    }
    return NULL;
}

const char *pack_name_fault(const char *name)
{
    const char *fault = text_fault(name), *at = name;

    while (fault == NULL) {
        size_t len = strcspn(at, "/");
        fault = component_fault(at, len);
        if (at[len] == '\0') {
            break;
        }
        at += len + 1;
    }
    if (fault != NULL) {
        return fault;
    }
    if (strlen(name) > 1024) {
        return "is longer than 1024 bytes";
    }
    if (strncmp(name, own_folder, sizeof(own_folder) - 1) == 0) {
        return "begins as that of pack's own folder";
    }
    if (coding_by_suffix(at) != CODING_COUNT) {
        return "is that of a compressed form, which pack makes itself";
    }
    return NULL;
}

const char *pack_name_base_fault(const char *base)
{
    size_t len = strlen(base);

    if (len == 0 || base[len - 1] != '/') {
        return "does not end with a slash";
    }
    return len > 1024 ? "is longer than 1024 bytes" : text_fault(base);
}

char *pack_name_hashed(struct pack_pool *pool, const char *name, const char *hash)
{
    const char *base = pack_name_base(name), *dot = strrchr(base, '.');
    size_t before;

    if (dot == NULL || dot == base) { /* no ending, or a name that begins with a dot */
        dot = base + strlen(base);
    }
    before = (size_t)(dot - name);
    return pack_pool_format(pool, "%.*s.%.*s%s", (int)before, name, PACK_HASH_DIGITS, hash, dot);
}

void pack_name_join(size_t *group, size_t count, size_t i, size_t j)
{
    size_t a = group[i], b = group[j], low = a < b ? a : b;

    for (size_t k = 0; k < count; k++) {
        if (group[k] == a || group[k] == b) {
            group[k] = low;
        }
    }
}

static bool alone(const size_t *group, size_t count, size_t i)
{
    for (size_t k = 0; k < count; k++) {
        if (k != i && group[k] == group[i]) {
            return false;
        }
    }
    return true;
}

/* The index of the name that is `stem` (of stem_len bytes) and `ending`; count if there is none. */
static size_t find(const char *const *names, size_t count, const char *stem, size_t stem_len,
                   const char *ending)
{
    size_t i = 0;

    while (i < count &&
           !(strncmp(names[i], stem, stem_len) == 0 && strcmp(names[i] + stem_len, ending) == 0)) {
        i++;
    }
    return i;
}

/* The glue names[i] with its module, if it has one, and the module's companions. */
static void join_glue(const char *const *names, size_t count, size_t *group, size_t i,
                      const char *ending)
{
    static const char *const modules[] = {"_bg.wasm", ".wasm"};
    static const char *const companions[] = {".data", ".worker.js", ".worker.mjs"};
    const char *stem = names[i];
    size_t len = strlen(stem) - strlen(ending);

    for (size_t m = 0; m < sizeof(modules) / sizeof(modules[0]); m++) {
        size_t module = find(names, count, stem, len, modules[m]);
        if (module == count || !alone(group, count, module) || !alone(group, count, i)) {
            continue;
        }
        pack_name_join(group, count, i, module);
        for (size_t c = 0; c < sizeof(companions) / sizeof(companions[0]); c++) {
            size_t other = find(names, count, stem, len, companions[c]);
            if (other != count && alone(group, count, other)) {
                pack_name_join(group, count, i, other);
            }
        }
    }
}

static bool is_go_glue(const char *name)
{
    return strcmp(pack_name_base(name), go_glue) == 0;
}

size_t pack_name_pairs(const char *const *names, size_t count, size_t *group)
{
    size_t modules = 0, module = 0;

    for (size_t i = 0; i < count; i++) {
        if (alone(group, count, i) && !is_go_glue(names[i])) {
            const char *ending = ends_with(names[i], ".js")    ? ".js"
                                 : ends_with(names[i], ".mjs") ? ".mjs"
                                                               : NULL;
            if (ending != NULL) {
                join_glue(names, count, group, i, ending);
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (ends_with(names[i], ".wasm") && alone(group, count, i)) {
            modules++;
            module = i;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (is_go_glue(names[i]) && alone(group, count, i) && modules > 0) {
            if (modules > 1) {
                return i;
            }
            pack_name_join(group, count, i, module);
        }
    }
    return count;
}
