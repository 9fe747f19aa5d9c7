/* SPDX-License-Identifier: Apache-2.0
 * json.c — recursive descent over RFC 8259, nothing beyond it.
 *
 * How:     One pass over the text. Values and strings are handed out of chunks that the document
 *          keeps in a list. Nesting is bounded, since it costs C stack. Strings are checked to be
 *          UTF-8 without control characters; \u escapes must pair their surrogates.
 * Memory:  The document's chunks; on an error they are freed before return.
 * Threads: No shared state.
 */
#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 64, CHUNK_BYTES = 64 << 10 };

typedef struct chunk {
    _Alignas(16) struct chunk *next;
} chunk;

struct json_document {
    chunk *chunks;
    char *free, *end; /* in the newest chunk */
    json_value *root;
};

typedef struct parser {
    json_document *document;
    const char *start, *next, *end;
    const char *what; /* what went wrong; NULL: nothing */
    unsigned depth;
} parser;

/* ---- memory ---------------------------------------------------------------------------------- */

static void *take(parser *p, size_t bytes)
{
    json_document *d = p->document;
    size_t rounded = (bytes + 15) & ~(size_t)15;

    if (d->free == NULL || rounded > (size_t)(d->end - d->free)) {
        size_t size = sizeof(chunk) + (rounded > CHUNK_BYTES ? rounded : CHUNK_BYTES);
        chunk *fresh = malloc(size);
        if (fresh == NULL) {
            p->what = "out of memory";
            return NULL;
        }
        fresh->next = d->chunks;
        d->chunks = fresh;
        d->free = (char *)(fresh + 1);
        d->end = (char *)fresh + size;
    }
    void *block = d->free;
    d->free += rounded;
    return block;
}

void json_free(json_document *document)
{
    if (document == NULL)
        return;
    while (document->chunks != NULL) {
        chunk *next = document->chunks->next;
        free(document->chunks);
        document->chunks = next;
    }
    free(document);
}

/* ---- characters ------------------------------------------------------------------------------ */

static bool fail(parser *p, const char *what)
{
    if (p->what == NULL)
        p->what = what;
    return false;
}

static void skip_space(parser *p)
{
    while (p->next < p->end &&
           (*p->next == ' ' || *p->next == '\t' || *p->next == '\n' || *p->next == '\r'))
        p->next++;
}

/* Takes `c` if it is what comes next. */
static bool accept(parser *p, char c)
{
    if (p->next == p->end || *p->next != c)
        return false;
    p->next++;
    return true;
}

static bool hex4(parser *p, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++) {
        char c = p->next < p->end ? *p->next++ : '\0';
        uint32_t digit;
        if (c >= '0' && c <= '9')
            digit = (uint32_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            digit = (uint32_t)(c - 'a') + 10;
        else if (c >= 'A' && c <= 'F')
            digit = (uint32_t)(c - 'A') + 10;
        else
            return fail(p, "four hexadecimal digits must follow \\u");
        *out = *out << 4 | digit;
    }
    return true;
}

static char *put_utf8(char *to, uint32_t code)
{
    if (code < 0x80) {
        *to++ = (char)code;
        return to;
    }
    if (code < 0x800) {
        *to++ = (char)(0xC0 | code >> 6);
    } else {
        if (code < 0x10000) {
            *to++ = (char)(0xE0 | code >> 12);
        } else {
            *to++ = (char)(0xF0 | code >> 18);
            *to++ = (char)(0x80 | (code >> 12 & 0x3F));
        }
        *to++ = (char)(0x80 | (code >> 6 & 0x3F));
    }
    *to++ = (char)(0x80 | (code & 0x3F));
    return to;
}

/* What follows a backslash, written to *to. */
static bool escape(parser *p, char **to)
{
    static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
    char c = p->next < p->end ? *p->next++ : '\0';
    uint32_t code, low;

    if (c != 'u') {
        const char *at = c ? strchr(from, c) : NULL;
        if (at == NULL)
            return fail(p, "an unknown escape in a string");
        *(*to)++ = into[at - from];
        return true;
    }
    if (!hex4(p, &code))
        return false;
    if (code >= 0xD800 && code < 0xE000) {
        if (code >= 0xDC00 || !accept(p, '\\') || !accept(p, 'u') || !hex4(p, &low) ||
            low < 0xDC00 || low >= 0xE000)
            return fail(p, "an unpaired surrogate in a string");
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    *to = put_utf8(*to, code);
    return true;
}

/* The bytes of the UTF-8 sequence at p->next; 0 if it is none (RFC 3629). */
static unsigned utf8_length(const parser *p)
{
    const uint8_t *s = (const uint8_t *)p->next;
    size_t left = (size_t)(p->end - p->next);
    unsigned length = s[0] < 0x80 ? 1 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;

    if (length == 1)
        return 1;
    if (s[0] < 0xC2 || s[0] > 0xF4 || left < length)
        return 0;
    for (unsigned i = 1; i < length; i++)
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F) ||
        (s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] > 0x8F))
        return 0;
    return length;
}

static bool string(parser *p, const char **text, size_t *length)
{
    const char *close;

    if (!accept(p, '"'))
        return fail(p, "a string must begin with a quotation mark");
    /* No escape is shorter than what it stands for, so the text up to the closing mark is room. */
    for (close = p->next; close < p->end && *close != '"'; close++)
        if (*close == '\\' && close + 1 < p->end)
            close++;
    char *buffer = take(p, (size_t)(close - p->next) + 1), *to = buffer;
    if (buffer == NULL)
        return false;
    while (p->next < p->end && *p->next != '"') {
        if (*p->next == '\\') {
            p->next++;
            if (!escape(p, &to))
                return false;
            continue;
        }
        unsigned bytes = utf8_length(p);
        if (bytes == 0 || (uint8_t)*p->next < 0x20)
            return fail(p, "a string contains what is not UTF-8 text");
        memcpy(to, p->next, bytes);
        to += bytes;
        p->next += bytes;
    }
    if (!accept(p, '"'))
        return fail(p, "a string has no end");
    *to = '\0';
    *text = buffer;
    *length = (size_t)(to - buffer);
    return true;
}

static bool digits(parser *p)
{
    const char *from = p->next;

    while (p->next < p->end && *p->next >= '0' && *p->next <= '9')
        p->next++;
    return p->next > from || fail(p, "a number lacks a digit");
}

static bool number(parser *p, json_value *value)
{
    const char *from = p->next;
    char copy[64];

    accept(p, '-');
    if (!accept(p, '0') && !digits(p))
        return false;
    if (accept(p, '.') && !digits(p))
        return false;
    if (accept(p, 'e') || accept(p, 'E')) {
        if (!accept(p, '+'))
            accept(p, '-');
        if (!digits(p))
            return false;
    }
    if ((size_t)(p->next - from) >= sizeof copy)
        return fail(p, "a number has too many digits");
    memcpy(copy, from, (size_t)(p->next - from));
    copy[p->next - from] = '\0';
    value->kind = JSON_NUMBER;
    value->number = strtod(copy, NULL);
    return true;
}

static bool word(parser *p, const char *text, json_kind kind, json_value *value)
{
    size_t length = strlen(text);

    if ((size_t)(p->end - p->next) < length || memcmp(p->next, text, length) != 0)
        return fail(p, "a value is expected here");
    p->next += length;
    value->kind = kind;
    return true;
}

/* ---- values ---------------------------------------------------------------------------------- */

static json_value *parse(parser *p);

/* The members of an array or an object up to its closing bracket. */
static bool members(parser *p, json_value *value, char close)
{
    json_value **tail = &value->first;

    skip_space(p);
    if (accept(p, close))
        return true;
    do {
        const char *name = NULL;
        size_t name_length = 0;
        if (value->kind == JSON_OBJECT) {
            skip_space(p);
            if (!string(p, &name, &name_length))
                return false;
            skip_space(p);
            if (!accept(p, ':'))
                return fail(p, "a colon must follow a name");
        }
        json_value *member = parse(p);
        if (member == NULL)
            return false;
        member->name = name;
        member->name_length = name_length;
        *tail = member;
        tail = &member->next;
        value->length++;
        skip_space(p);
    } while (accept(p, ','));
    return accept(p, close) || fail(p, "a comma or a closing bracket is expected here");
}

static bool parse_into(parser *p, json_value *value)
{
    switch (p->next < p->end ? *p->next : '\0') {
    case '"': value->kind = JSON_STRING; return string(p, &value->text, &value->length);
    case '[':
        p->next++;
        value->kind = JSON_ARRAY;
        return members(p, value, ']');
    case '{':
        p->next++;
        value->kind = JSON_OBJECT;
        return members(p, value, '}');
    case 'n': return word(p, "null", JSON_NULL, value);
    case 't': return word(p, "true", JSON_TRUE, value);
    case 'f': return word(p, "false", JSON_FALSE, value);
    default:
        if (p->next < p->end && (*p->next == '-' || (*p->next >= '0' && *p->next <= '9')))
            return number(p, value);
        return fail(p, "a value is expected here");
    }
}

static json_value *parse(parser *p)
{
    json_value *value = take(p, sizeof *value);
    bool good;

    if (value == NULL)
        return NULL;
    memset(value, 0, sizeof *value);
    if (p->depth == DEPTH_MAX) {
        fail(p, "brackets are nested too deeply");
        return NULL;
    }
    p->depth++;
    skip_space(p);
    good = parse_into(p, value);
    p->depth--;
    return good ? value : NULL;
}

json_document *json_read(const char *text, size_t length, char *error, size_t size)
{
    json_document *document = calloc(1, sizeof *document);
    parser p = {.document = document, .start = text, .next = text, .end = text + length};
    unsigned line = 1;

    if (document == NULL) {
        snprintf(error, size, "out of memory");
        return NULL;
    }
    document->root = parse(&p);
    skip_space(&p);
    if (document->root != NULL && p.next == p.end)
        return document;
    for (const char *c = text; c < p.next; c++)
        line += *c == '\n';
    snprintf(error, size, "line %u: %s", line, p.what ? p.what : "text follows the value");
    json_free(document);
    return NULL;
}

const json_value *json_root(const json_document *document)
{
    return document->root;
}

const json_value *json_member(const json_value *object, const char *name)
{
    if (object == NULL || object->kind != JSON_OBJECT)
        return NULL;
    for (const json_value *member = object->first; member != NULL; member = member->next)
        if (strcmp(member->name, name) == 0)
            return member;
    return NULL;
}

const char *json_text(const json_value *object, const char *name, const char *fallback)
{
    const json_value *member = json_member(object, name);

    return member != NULL && member->kind == JSON_STRING ? member->text : fallback;
}

const json_value *json_items(const json_value *object, const char *name)
{
    const json_value *member = json_member(object, name);

    return member != NULL && member->kind == JSON_ARRAY ? member->first : NULL;
}
