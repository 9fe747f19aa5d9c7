/* SPDX-License-Identifier: Apache-2.0
 * mediatype.c — the media type of what is delivered; mediatype.h says why httpd's own tables do
 * not suffice.
 *
 * Memory:  Constant tables.
 * Threads: Any.
 */
#include "mediatype.h"

#include <string.h>
#include <strings.h>

bool mediatype_has_suffix(const char *name, size_t len, const char *suffix)
{
    size_t n = strlen(suffix);
    return len > n && strncasecmp(name + len - n, suffix, n) == 0;
}

bool mediatype_is(const char *type, const char *bare)
{
    size_t len = strcspn(type, "; \t");

    return strlen(bare) == len && strncasecmp(type, bare, len) == 0;
}

static bool is_one_of(const char *type, const char *const *types, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (mediatype_is(type, types[i])) {
            return true;
        }
    }
    return false;
}

bool mediatype_is_archive(const char *type)
{
    static const char *const archives[] = {
        "application/gzip",   "application/x-gzip", "application/zstd",
        "application/brotli", "application/x-br",   "application/x-brotli",
    };

    return is_one_of(type, archives, sizeof(archives) / sizeof(archives[0]));
}

bool mediatype_is_generic(const char *type)
{
    /* The second is what object stores say. */
    static const char *const generic[] = {"application/octet-stream", "binary/octet-stream"};

    return is_one_of(type, generic, sizeof(generic) / sizeof(generic[0]));
}

bool mediatype_of_suffix(const char *type, const char *suffix)
{
    static const struct {
        const char *official, *other;
    } synonyms[] = {
        {"text/javascript", "application/javascript"}, /* RFC 9239 §6 */
        {"text/javascript", "application/x-javascript"},
    };
    /* The rule of endings wants something in front of them. */
    char name[64] = "x";
    const char *own;

    if (strlen(suffix) >= sizeof(name) - 1) {
        return false;
    }
    memcpy(name + 1, suffix, strlen(suffix) + 1);
    own = mediatype_by_name(name, strlen(name));
    if (mediatype_is_generic(own)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(synonyms) / sizeof(synonyms[0]); i++) {
        if (strcmp(own, synonyms[i].official) == 0 && mediatype_is(type, synonyms[i].other)) {
            return true;
        }
    }
    return mediatype_is(type, own);
}

const char *mediatype_by_name(const char *name, size_t len)
{
    static const struct {
        const char *suffix, *type;
    } types[] = {
        {".wasm", MEDIATYPE_WASM},   {".js", "text/javascript"}, /* RFC 9239 */
        {".mjs", "text/javascript"}, {".json", "application/json"}, {".html", "text/html"},
        {".css", "text/css"},        {".svg", "image/svg+xml"},
    };

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (mediatype_has_suffix(name, len, types[i].suffix)) {
            return types[i].type;
        }
    }
    return "application/octet-stream";
}
