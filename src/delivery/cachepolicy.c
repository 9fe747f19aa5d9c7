/* SPDX-License-Identifier: Apache-2.0
 * cachepolicy.c — recognizes hashed names and says how long they may be kept; the rule is in
 * cachepolicy.h.
 *
 * Memory:  Nothing is kept.
 * Threads: Any.
 */
#include "cachepolicy.h"

#include <string.h>
#include <strings.h>

enum { HASH_MIN = 6, HASH_MAX = 64 };

/* The English words of 6 digits and more that spell hex; without them "facade.wasm" would be kept
 * for a year. Others that a dictionary may have are not file names. */
static const char *const hex_words[] = {"accede", "acceded", "beaded", "bedded",
                                        "dabbed", "decade",  "deface", "defaced",
                                        "efface", "effaced", "facade"};

static bool is_hex_word(const char *part, size_t len)
{
    for (size_t i = 0; i < sizeof(hex_words) / sizeof(hex_words[0]); i++) {
        if (strlen(hex_words[i]) == len && strncasecmp(part, hex_words[i], len) == 0) {
            return true;
        }
    }
    return false;
}

static int two_digits(const char *at)
{
    return (at[0] - '0') * 10 + (at[1] - '0');
}

/* YYYYMMDD of the years 1900 to 2099, alone or with hours, minutes and seconds behind it. */
static bool is_date(const char *part, size_t len)
{
    int century, month, day;

    if ((len != 8 && len != 10 && len != 12 && len != 14) || strspn(part, "0123456789") < len) {
        return false;
    }
    century = two_digits(part);
    month = two_digits(part + 4);
    day = two_digits(part + 6);
    return (century == 19 || century == 20) && month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

static bool part_is_hash(const char *part, size_t len)
{
    return len >= HASH_MIN && len <= HASH_MAX && strspn(part, "0123456789abcdefABCDEF") >= len &&
           !is_hex_word(part, len) && !is_date(part, len);
}

bool cachepolicy_find_hash(const char *name, size_t *at, size_t *len)
{
    const char *part = name;

    while (*part != '\0') {
        size_t n = strcspn(part, ".-_~");
        if (part_is_hash(part, n)) {
            *at = (size_t)(part - name);
            *len = n;
            return true;
        }
        part += n;
        part += *part != '\0';
    }
    return false;
}

bool cachepolicy_name_is_hashed(const char *name)
{
    size_t at, len;

    return cachepolicy_find_hash(name, &at, &len);
}

const char *cachepolicy_value(bool immutable)
{
    /* A year is the longest that RFC 2616 §14.21 wanted anybody to promise, and what everybody
     * sends since. */
    return immutable ? "public, max-age=31536000, immutable" : "no-cache";
}

/* Behind the directive at p: to the next comma that does not stand inside quotes. A quote that is
 * never closed reaches to the end. */
static const char *behind_directive(const char *p)
{
    bool quoted = false;

    for (; *p != '\0' && (quoted || *p != ','); p++) {
        if (*p == '"') {
            quoted = !quoted;
        } else if (quoted && *p == '\\' && p[1] != '\0') {
            p++;
        }
    }
    return p;
}

/* The length of a directive's name, which begins at p. */
static size_t name_length(const char *p)
{
    return strcspn(p, "=,; \t\"");
}

static bool is_named(const char *p, const char *name)
{
    size_t len = strlen(name);

    return name_length(p) == len && strncasecmp(p, name, len) == 0;
}

bool cachepolicy_is_fresh(const char *cache_control)
{
    bool fresh = false;

    for (const char *p = cache_control; p != NULL && *p != '\0'; p = behind_directive(p)) {
        p += strspn(p, ", \t");
        if (is_named(p, "no-store") || is_named(p, "no-cache")) {
            return false;
        }
        if (is_named(p, "max-age")) {
            const char *number = p + name_length(p);
            number += *number == '=';
            number += strspn(number, "\"0");
            fresh |= *number >= '1' && *number <= '9';
        }
    }
    return fresh;
}

bool cachepolicy_forbids_transform(const char *cache_control)
{
    const char *p = cache_control;

    for (;;) {
        const char *name = p + strspn(p, ", \t"), *end = behind_directive(name);

        /* An argument that nobody defined does not change what was asked for. */
        if (is_named(name, "no-transform")) {
            return true;
        }
        if (*end == '\0') {
            return false;
        }
        p = end;
    }
}
