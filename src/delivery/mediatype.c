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

bool mediatype_is_archive(const char *type)
{
    static const char *const archives[] = {
        "application/gzip",   "application/x-gzip", "application/zstd",
        "application/brotli", "application/x-br",   "application/x-brotli",
    };
    size_t len = strcspn(type, "; \t");

    for (size_t i = 0; i < sizeof(archives) / sizeof(archives[0]); i++) {
        if (strlen(archives[i]) == len && strncasecmp(type, archives[i], len) == 0) {
            return true;
        }
    }
    return false;
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
