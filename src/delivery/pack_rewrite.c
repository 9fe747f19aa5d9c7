/* SPDX-License-Identifier: Apache-2.0
 * pack_rewrite.c — finds references and puts hashes into them; the rules are in pack_rewrite.h.
 *
 * How:     No grammar of HTML or JavaScript: at every quotation mark the text up to the next equal
 *          one is tried, and if it is no reference, the scan goes on behind the first mark. So an
 *          apostrophe in a comment cannot shift what is inside and what is outside. Values without
 *          marks are tried only inside of a tag, which takes a little knowledge of HTML: where a
 *          tag begins and ends, and that the inside of script and style has none.
 *          A candidate is short (REFERENCE_MAX), so that the time is linear in the text.
 * Memory:  The result grows by doubling.
 * Threads: no shared state.
 */
#include "pack_rewrite.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "pack_name.h"

enum { REFERENCE_MAX = 1024 };

struct buffer {
    char *text; /* NULL once there was no memory */
    size_t len, room;
};

struct scan {
    const struct pack_rules *rules;
    const char *text;
    size_t len, at, copied; /* what is before `copied` is in the result */
    size_t references;
    struct buffer out;
    bool in_tag;
    const char *raw; /* the element whose inside is no HTML, "script"; else NULL */
};

/* ---- the result ------------------------------------------------------------------------------ */

static void append(struct buffer *b, const char *text, size_t len)
{
    if (b->text != NULL && b->room - b->len < len) {
        size_t room = (b->len + len) * 2;
        char *bigger = realloc(b->text, room);
        if (bigger == NULL) {
            free(b->text);
        }
        b->text = bigger;
        b->room = room;
    }
    if (b->text != NULL && len > 0) {
        memcpy(b->text + b->len, text, len);
        b->len += len;
    }
}

static void copy_up_to(struct scan *s, size_t end)
{
    append(&s->out, s->text + s->copied, end - s->copied);
    s->copied = end;
}

/* ---- from a reference to a name -------------------------------------------------------------- */

static int hex_value(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Percent-decodes into out, which has room for len + 1. False for what cannot be in a name, and for
 * an encoded dot, beside which the place of the hash would be another one. */
static bool decode(const char *text, size_t len, char *out)
{
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '%') {
            int high = i + 2 < len ? hex_value(text[i + 1]) : -1;
            int low = i + 2 < len ? hex_value(text[i + 2]) : -1;
            c = (char)(high * 16 + low);
            if (high < 0 || low < 0 || c == '/' || c == '.' || c == '\0') {
                return false;
            }
            i += 2;
        }
        *out++ = c;
    }
    *out = '\0';
    return true;
}

/* Appends the components of path to name (of len bytes, without a slash at its end), taking "." and
 * ".." out. False if the path leads out of the root or is no path of a file. */
static bool walk(char *name, size_t len, const char *path)
{
    for (;;) {
        size_t n = strcspn(path, "/");
        bool last = path[n] == '\0';
        if (n == 2 && memcmp(path, "..", 2) == 0) {
            if (len == 0 || last) {
                return false;
            }
            while (len > 0 && name[len - 1] != '/') {
                len--;
            }
            len -= len > 0;
        } else if (!(n == 1 && path[0] == '.')) {
            if (n == 0 || len + n + 1 >= (size_t)2 * REFERENCE_MAX) {
                return false;
            }
            if (len > 0) {
                name[len++] = '/';
            }
            memcpy(name + len, path, n);
            len += n;
        } else if (last) {
            return false;
        }
        if (last) {
            name[len] = '\0';
            return true;
        }
        path += n + 1;
    }
}

/* Where the hash stands in a file name that has one, as an offset of its first digit; 0: it has
 * none. */
static size_t hash_at(const char *base, size_t len)
{
    size_t dot = len;

    while (dot > 0 && base[dot - 1] != '.') {
        dot--;
    }
    /* "app.0123456789abcdef.wasm": dot is behind the last one; or, without an ending, behind the
     * only one. */
    for (int ending = 1; ending >= 0; ending--) {
        size_t end = ending ? (dot > 0 ? dot - 1 : 0) : len;
        size_t begin = end < PACK_HASH_DIGITS + 2 ? 0 : end - PACK_HASH_DIGITS;
        size_t digits = 0;
        if (begin == 0 || base[begin - 1] != '.') {
            continue;
        }
        while (digits < PACK_HASH_DIGITS && hex_value(base[begin + digits]) >= 0) {
            digits++;
        }
        if (digits == PACK_HASH_DIGITS) {
            return begin;
        }
    }
    return 0;
}

/* The current hash for a name as it stands in a reference, with a hash or without. */
static const char *lookup(const struct pack_rules *rules, char *name, bool *has_hash)
{
    const char *hash = rules->hash_of(rules->context, name);
    char *base;
    size_t at;

    *has_hash = false;
    if (hash != NULL) {
        return hash;
    }
    base = name + (pack_name_base(name) - name);
    at = hash_at(base, strlen(base));
    if (at == 0) {
        return NULL;
    }
    *has_hash = true;
    memmove(base + at - 1, base + at + PACK_HASH_DIGITS, strlen(base + at + PACK_HASH_DIGITS) + 1);
    return rules->hash_of(rules->context, name);
}

/* Looks path up, beginning at the first folder_len bytes of the file's own name. */
static const char *resolve_from(const struct pack_rules *rules, size_t folder_len, const char *path,
                                bool *has_hash)
{
    char name[3 * REFERENCE_MAX];

    if (folder_len >= REFERENCE_MAX) {
        return NULL;
    }
    memcpy(name, rules->file, folder_len);
    return walk(name, folder_len, path) ? lookup(rules, name, has_hash) : NULL;
}

static const char *resolve(const struct pack_rules *rules, const char *path, bool *has_hash)
{
    size_t base_len = strlen(rules->base);
    size_t folder_len = (size_t)(pack_name_base(rules->file) - rules->file);
    const char *hash;

    folder_len -= folder_len > 0;
    if (base_len > 0 && strncmp(path, rules->base, base_len) == 0) {
        return resolve_from(rules, 0, path + base_len, has_hash);
    }
    if (path[0] == '/' || strchr(path, ':') != NULL) {
        return NULL;
    }
    hash = resolve_from(rules, folder_len, path, has_hash);
    if (hash == NULL && rules->language == PACK_SCRIPT && folder_len > 0) {
        hash = resolve_from(rules, 0, path, has_hash);
    }
    return hash;
}

/* ---- candidates ------------------------------------------------------------------------------ */

/* Tries text[at, at + len) and puts the hash in if it is a reference. */
static bool try_reference(struct scan *s, size_t at, size_t len)
{
    const char *text = s->text + at, *hash;
    char path[REFERENCE_MAX + 1];
    size_t path_len = 0, base, dot, old;
    bool has_hash;

    while (path_len < len && text[path_len] != '?' && text[path_len] != '#') {
        path_len++;
    }
    if (path_len == 0 || path_len > REFERENCE_MAX || !decode(text, path_len, path)) {
        return false;
    }
    hash = resolve(s->rules, path, &has_hash);
    if (hash == NULL) {
        return false;
    }
    base = path_len;
    while (base > 0 && text[base - 1] != '/') {
        base--;
    }
    old = has_hash ? hash_at(text + base, path_len - base) : 0;
    if (has_hash && old == 0) { /* its digits are percent-encoded: nobody writes that */
        return false;
    }
    s->references++;
    if (has_hash) {
        copy_up_to(s, at + base + old);
        append(&s->out, hash, PACK_HASH_DIGITS);
        s->copied += PACK_HASH_DIGITS;
    } else {
        dot = path_len;
        while (dot > base + 1 && text[dot - 1] != '.') {
            dot--;
        }
        dot = dot > base + 1 ? dot - 1 : path_len;
        copy_up_to(s, at + dot);
        append(&s->out, ".", 1);
        append(&s->out, hash, PACK_HASH_DIGITS);
    }
    return true;
}

static bool ends_candidate(char c)
{
    return (unsigned char)c <= ' ' || strchr("\"'`<>{}\\", c) != NULL;
}

/* The bytes from `at` on that may belong to a reference. */
static size_t candidate(const struct scan *s, size_t at)
{
    size_t len = 0;

    while (at + len < s->len && len <= REFERENCE_MAX && !ends_candidate(s->text[at + len])) {
        len++;
    }
    return len;
}

/* At a quotation mark: true, and behind the closing one, if a reference stood there. */
static bool quoted(struct scan *s)
{
    char mark = s->text[s->at];
    size_t len = candidate(s, s->at + 1), end = s->at + 1 + len;

    if (len == 0 || end >= s->len || s->text[end] != mark || !try_reference(s, s->at + 1, len)) {
        return false;
    }
    s->at = end + 1;
    return true;
}

/* At an equals sign inside of a tag. */
static bool unquoted(struct scan *s)
{
    size_t len = candidate(s, s->at + 1), end = s->at + 1 + len;

    if (len == 0 || end >= s->len || (s->text[end] != '>' && (unsigned char)s->text[end] > ' ') ||
        !try_reference(s, s->at + 1, len)) {
        return false;
    }
    s->at = end;
    return true;
}

/* ---- HTML ------------------------------------------------------------------------------------ */

static bool next_is(const struct scan *s, size_t at, const char *word)
{
    size_t len = strlen(word);

    return s->len - at >= len && strncasecmp(s->text + at, word, len) == 0;
}

/* Follows where tags begin and end; s->at is at any byte of HTML. */
static void follow_tags(struct scan *s)
{
    static const char *const raw_elements[] = {"script", "style"};
    char c = s->text[s->at], next = s->at + 1 < s->len ? s->text[s->at + 1] : '\0';

    if (c == '<' && s->raw != NULL) {
        if (next == '/' && next_is(s, s->at + 2, s->raw)) {
            s->raw = NULL;
        }
    } else if (c == '<') {
        s->in_tag = (next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z');
        for (size_t i = 0; i < sizeof(raw_elements) / sizeof(raw_elements[0]) && s->in_tag; i++) {
            size_t end = s->at + 1 + strlen(raw_elements[i]);
            if (next_is(s, s->at + 1, raw_elements[i]) && end < s->len &&
                strchr(" \t\r\n/>", s->text[end]) != NULL) {
                s->raw = raw_elements[i];
            }
        }
    } else if (c == '>') {
        s->in_tag = false;
    }
}

/* ---- outside --------------------------------------------------------------------------------- */

enum pack_language pack_rewrite_language(const char *name)
{
    static const struct {
        const char *ending;
        enum pack_language language;
    } rows[] = {
        {".html", PACK_HTML}, {".htm", PACK_HTML},  {".xhtml", PACK_HTML},
        {".svg", PACK_HTML},  {".js", PACK_SCRIPT}, {".mjs", PACK_SCRIPT},
    };
    size_t len = strlen(name);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t n = strlen(rows[i].ending);
        if (len > n && strcasecmp(name + len - n, rows[i].ending) == 0) {
            return rows[i].language;
        }
    }
    return PACK_OTHER;
}

struct pack_rewritten pack_rewrite(const struct pack_rules *rules, const char *text, size_t len)
{
    struct scan s = {.rules = rules, .text = text, .len = len};
    struct pack_rewritten result;

    s.out.room = len + len / 16 + 64;
    s.out.text = malloc(s.out.room);
    while (s.at < len) {
        char c = text[s.at];
        if (rules->language == PACK_HTML) {
            follow_tags(&s);
        }
        if (((c == '"' || c == '\'' || c == '`') && quoted(&s)) ||
            (c == '=' && s.in_tag && unquoted(&s))) {
            continue;
        }
        s.at++;
    }
    copy_up_to(&s, len);
    result.text = s.out.text;
    result.len = s.out.len;
    result.references = s.references;
    return result;
}
