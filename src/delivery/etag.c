/* SPDX-License-Identifier: Apache-2.0
 * etag.c — builds and compares entity tags; etag.h says why.
 *
 * How:     entity-tag = [ %s"W/" ] DQUOTE *etagc DQUOTE (RFC 9110 §8.8.3). A comma may stand
 *          inside the quotes, so a list is read tag by tag, never split at commas first. What is
 *          not a tag is skipped up to the next comma.
 * Memory:  Nothing is kept.
 * Threads: Any.
 */
#include "etag.h"

#include <string.h>

/* The opaque part with its quotes. */
struct opaque {
    const char *at;
    size_t len;
    bool weak;
};

bool etag_is_weak(const char *tag)
{
    return tag[0] == 'W' && tag[1] == '/';
}

void etag_with_word(char *out, const char *tag, const char *word)
{
    size_t len = strlen(tag), n = strlen(word);

    memcpy(out, tag, len + 1);
    if (len >= 2 && tag[len - 1] == '"') {
        out[len - 1] = '-';
        memcpy(out + len, word, n + 1);
        out[len + n] = '"';
        out[len + n + 1] = '\0';
    }
}

void etag_for_coding(char *out, const char *tag, enum coding coding)
{
    const char *token = coding_info(coding)->token;

    if (coding == CODING_IDENTITY || strlen(token) + 2 > ETAG_CODING_EXTRA) {
        memcpy(out, tag, strlen(tag) + 1);
    } else {
        etag_with_word(out, tag, token);
    }
}

static bool is_etagc(unsigned char c)
{
    return c == 0x21 || (c >= 0x23 && c != 0x7f);
}

/* Reads one tag at p. Returns the byte after it, or NULL if there is none here. */
static const char *read_tag(const char *p, struct opaque *tag)
{
    tag->weak = etag_is_weak(p);
    p += tag->weak ? 2 : 0;
    if (*p != '"') {
        return NULL;
    }
    tag->at = p++;
    while (is_etagc((unsigned char)*p)) {
        p++;
    }
    if (*p != '"') {
        return NULL;
    }
    tag->len = (size_t)(p + 1 - tag->at);
    return p + 1;
}

static bool same(const struct opaque *a, const struct opaque *b, enum etag_compare how)
{
    return (how == ETAG_WEAK || (!a->weak && !b->weak)) && a->len == b->len &&
           memcmp(a->at, b->at, a->len) == 0;
}

static const char *skip_blanks(const char *p)
{
    return p + strspn(p, " \t");
}

bool etag_for_compressed(char *out, const char *tag, enum coding coding)
{
    struct opaque own;
    const char *end = read_tag(tag, &own);

    if (end == NULL || *end != '\0') {
        return false;
    }
    out[0] = 'W';
    out[1] = '/';
    etag_for_coding(out + 2, own.at, coding);
    return true;
}

bool etag_in_list(const char *list, const char *tag, enum etag_compare how)
{
    struct opaque own, member;
    const char *p = skip_blanks(list);

    if (*p == '*' && *skip_blanks(p + 1) == '\0') {
        return true;
    }
    if (tag == NULL || read_tag(tag, &own) == NULL) {
        return false;
    }
    while (*p != '\0') {
        const char *end = read_tag(p, &member);
        if (end != NULL) {
            end = skip_blanks(end);
            if ((*end == ',' || *end == '\0') && same(&own, &member, how)) {
                return true;
            }
        } else {
            end = p;
        }
        p = end + strcspn(end, ",");
        p = skip_blanks(*p == ',' ? p + 1 : p);
    }
    return false;
}
