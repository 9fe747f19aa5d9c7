/* SPDX-License-Identifier: Apache-2.0
 * dictionary.c — families, fields and headers of dictionary-compressed answers; dictionary.h has
 * the rules.
 *
 * How:     A name is walked in pieces: text, then a hash, then text again, as cachepolicy.h parts
 *          it. Two names of a family have the same texts; the pattern of a family is the texts,
 *          with a "*" in place of each hash. In the URL a text may be percent-encoded, so the path
 *          is walked beside the name, each character of it counted as the byte it stands for.
 * Pattern: URLPattern gives a meaning to : * ? + ( ) { } \ (and to # at the end of a path); a
 *          backslash takes it away. Every character that is neither a letter, a digit nor one of
 *          "-._~/%" gets one: the pattern's parser drops it again, whatever the character.
 * Memory:  No allocation.
 * Threads: Any.
 */
#include "dictionary.h"

#include <string.h>
#include <strings.h>

#include "cachepolicy.h"
#include "structured.h"

enum {
    MIB = 1024 * 1024,
    DCB_WINDOW = 16 * MIB,
    DCZ_WINDOW_MIN = 8 * MIB,
    DCZ_WINDOW_MAX = 128 * MIB,
    SUFFIX_DIGEST = 8 /* bytes of the digest that stand in a file's name */
};

bool dictionary_read_available(const char *field, uint8_t digest[DICTIONARY_DIGEST])
{
    return structured_read_bytes(field, digest, DICTIONARY_DIGEST);
}

bool dictionary_read_id(const char *field, char id[DICTIONARY_ID_SIZE])
{
    return structured_read_string(field, id, DICTIONARY_ID_SIZE);
}

static bool is(const char *field, const char *value)
{
    return field != NULL && strcmp(field, value) == 0;
}

bool dictionary_may_serve(const struct dictionary_reader *reader)
{
    /* Not a browser, or a page of the same origin, or the page itself. */
    if (reader->fetch_site == NULL || is(reader->fetch_site, "same-origin") ||
        is(reader->fetch_mode, "navigate") || is(reader->fetch_mode, "same-origin")) {
        return true;
    }
    return is(reader->fetch_mode, "cors") && reader->origin != NULL &&
           (is(reader->allow_origin, "*") || is(reader->allow_origin, reader->origin));
}

/* ---- names ---- */

/* The pieces of a name: text[0..text), then a hash of hash bytes; the last piece has none. */
struct piece {
    size_t text, hash;
};

static struct piece next_piece(const char *name)
{
    struct piece piece;

    if (!cachepolicy_find_hash(name, &piece.text, &piece.hash)) {
        piece = (struct piece){strlen(name), 0};
    }
    return piece;
}

bool dictionary_same_family(const char *a, const char *b)
{
    bool differ = false, more;

    do {
        struct piece of_a = next_piece(a), of_b = next_piece(b);
        if (of_a.text != of_b.text || (of_a.hash == 0) != (of_b.hash == 0) ||
            memcmp(a, b, of_a.text) != 0) {
            return false;
        }
        a += of_a.text;
        b += of_b.text;
        differ |= of_a.hash != of_b.hash || memcmp(a, b, of_a.hash) != 0;
        more = of_a.hash != 0;
        a += of_a.hash;
        b += of_b.hash;
    } while (more);
    return differ;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~", c) != NULL);
}

/* How many characters of a path (RFC 3986 §3.3) stand for its next byte, which goes to *byte; 0 for
 * what is none. */
static size_t path_byte(const char *path, char *byte)
{
    if (path[0] == '%') {
        int high = hex_value(path[1]), low = high < 0 ? -1 : hex_value(path[2]);
        *byte = (char)(high * 16 + low);
        return low < 0 || (high == 0 && low == 0) ? 0 : 3;
    }
    *byte = path[0];
    return is_unreserved(path[0]) || (path[0] != '\0' && strchr("!$&'()*+,;=:@/", path[0]) != NULL);
}

bool dictionary_name_of_id(const char *id, char *name)
{
    size_t n = 0;

    while (*id != '\0') {
        size_t taken = path_byte(id, &name[n]);
        if (taken == 0 || name[n] == '/' || n == DICTIONARY_ID_SIZE - 1) {
            return false;
        }
        id += taken;
        n++;
    }
    name[n] = '\0';
    return n > 0 && name[0] != '.';
}

/* What is being written; full once something did not fit. */
struct text {
    char *out;
    size_t size, len;
    bool full;
};

static void add(struct text *text, const char *bytes, size_t len)
{
    if (text->full || text->size - text->len <= len) {
        text->full = true;
        return;
    }
    memcpy(text->out + text->len, bytes, len);
    text->len += len;
    text->out[text->len] = '\0';
}

bool dictionary_write_family(char *out, size_t size, const char *name)
{
    struct text text = {out, size, 0, size == 0};
    struct piece piece;

    if (!cachepolicy_name_is_hashed(name)) {
        return false;
    }
    do {
        piece = next_piece(name);
        add(&text, name, piece.text);
        if (piece.hash != 0) {
            add(&text, "*", 1);
        }
        name += piece.text + piece.hash;
    } while (piece.hash != 0);
    return !text.full;
}

/* One character of the path, or one percent-encoded byte, as a literal of a URLPattern inside a
 * String of a structured field, where the backslash itself has to be escaped. */
static void add_literal(struct text *text, const char *path, size_t len)
{
    if (len == 1 && !is_unreserved(*path) && *path != '/') {
        add(text, "\\\\", 2);
    }
    add(text, path, len);
}

bool dictionary_write_use_as(char *out, size_t size, const char *path, const char *name)
{
    static const char before[] = "match=\"", between[] = "\", id=\"", after[] = "\"";
    struct text text = {out, size, 0, size == 0};
    const char *slash = strrchr(path, '/'), *id;
    struct piece piece;
    char byte;

    /* "//" would begin the name of a host. */
    if (slash == NULL || path[0] != '/' || path[1] == '/' || !cachepolicy_name_is_hashed(name)) {
        return false;
    }
    add(&text, before, strlen(before));
    for (size_t n; path <= slash; path += n) {
        n = path_byte(path, &byte);
        if (n == 0) {
            return false;
        }
        add_literal(&text, path, n);
    }
    id = path;
    do {
        piece = next_piece(name);
        for (size_t i = 0, n; i < piece.text + piece.hash; i++, path += n) {
            n = path_byte(path, &byte);
            if (n == 0 || byte != name[i]) {
                return false;
            }
            if (i < piece.text) {
                add_literal(&text, path, n);
            }
        }
        if (piece.hash != 0) {
            add(&text, "*", 1);
        }
        name += piece.text + piece.hash;
    } while (piece.hash != 0);
    if (*path != '\0' || strlen(id) >= DICTIONARY_ID_SIZE) {
        return false;
    }
    add(&text, between, strlen(between));
    add(&text, id, strlen(id));
    add(&text, after, strlen(after));
    return !text.full;
}

void dictionary_write_suffix(char out[DICTIONARY_SUFFIX_SIZE], enum coding coding,
                             const uint8_t digest[DICTIONARY_DIGEST])
{
    static const char digits[] = "0123456789abcdef";

    *out++ = '.';
    for (int i = 0; i < SUFFIX_DIGEST; i++) {
        *out++ = digits[digest[i] >> 4];
        *out++ = digits[digest[i] & 15];
    }
    memcpy(out, coding_info(coding)->suffix, strlen(coding_info(coding)->suffix) + 1);
}

/* ---- bytes ---- */

struct magic {
    uint8_t bytes[8];
    size_t len;
};

/* The magic of dcz is that of a skippable frame of 32 bytes: decoders of zstd pass over it. */
static const struct magic dcb_magic = {{0xff, 'D', 'C', 'B'}, 4};
static const struct magic dcz_magic = {{0x5e, 0x2a, 0x4d, 0x18, 0x20, 0, 0, 0}, 8};

static const struct magic *magic_of(enum coding coding)
{
    return coding == CODING_DCB ? &dcb_magic : &dcz_magic;
}

size_t dictionary_write_header(uint8_t out[DICTIONARY_HEADER_MAX], enum coding coding,
                               const uint8_t digest[DICTIONARY_DIGEST])
{
    const struct magic *magic = magic_of(coding);

    memcpy(out, magic->bytes, magic->len);
    memcpy(out + magic->len, digest, DICTIONARY_DIGEST);
    return magic->len + DICTIONARY_DIGEST;
}

size_t dictionary_read_header(const uint8_t *head, size_t len, enum coding coding,
                              const uint8_t **digest)
{
    const struct magic *magic = magic_of(coding);

    if (len < magic->len + DICTIONARY_DIGEST || memcmp(head, magic->bytes, magic->len) != 0) {
        return 0;
    }
    *digest = head + magic->len;
    return magic->len + DICTIONARY_DIGEST;
}

uint64_t dictionary_window_max(enum coding coding, uint64_t dictionary_size)
{
    uint64_t power = DCZ_WINDOW_MIN, window;

    if (coding == CODING_DCB) {
        return DCB_WINDOW;
    }
    while (power < dictionary_size && power < DCZ_WINDOW_MAX) {
        power *= 2;
    }
    if (dictionary_size >= DCZ_WINDOW_MAX / 5 * 4) {
        return DCZ_WINDOW_MAX;
    }
    window = dictionary_size + dictionary_size / 4;
    window = window > DCZ_WINDOW_MIN ? window : DCZ_WINDOW_MIN;
    return window < power ? window : power;
}
