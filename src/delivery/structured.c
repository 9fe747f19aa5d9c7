/* SPDX-License-Identifier: Apache-2.0
 * structured.c — parses Items of Structured Fields; what is taken and what not is in structured.h.
 *
 * How:     A cursor moves over the field; every function that takes something says whether it was
 *          there. The algorithms are those of RFC 9651 §4.2.3 to §4.2.10, each named where it
 *          stands. Values of parameters are read by the same functions into nowhere.
 * Memory:  No allocation.
 * Threads: Any.
 */
#include "structured.h"

#include <string.h>

struct cursor {
    const char *at; /* the terminator ends every loop */
};

/* Where a value goes; out may be NULL, and then nothing is kept. */
struct sink {
    uint8_t *out;
    size_t size, len;
};

static bool put(struct sink *sink, uint8_t byte)
{
    if (sink->out != NULL) {
        if (sink->len == sink->size) {
            return false;
        }
        sink->out[sink->len] = byte;
    }
    sink->len++;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_alpha(char c)
{
    return is_lower(c) || (c >= 'A' && c <= 'Z');
}

/* Whether c is one of the set, which holds no terminator. */
static bool one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

static bool take(struct cursor *in, char c)
{
    if (*in->at != c) {
        return false;
    }
    in->at++;
    return true;
}

static void skip_blanks(struct cursor *in)
{
    while (*in->at == ' ') {
        in->at++;
    }
}

/* The value of a base64 digit (RFC 4648 §4), or -1. */
static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (is_lower(c)) {
        return c - 'a' + 26;
    }
    if (is_digit(c)) {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* §4.2.7. A single digit in the last group stands for no byte and is an error. */
static bool read_byte_sequence(struct cursor *in, struct sink *sink)
{
    unsigned held = 0, bits = 0, digits = 0, padding = 0;

    if (!take(in, ':')) {
        return false;
    }
    for (int value; (value = base64_value(*in->at)) >= 0; in->at++, digits++) {
        held = (held << 6 | (unsigned)value) & 0xffff;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            if (!put(sink, (uint8_t)(held >> bits))) {
                return false;
            }
        }
    }
    while (take(in, '=')) {
        padding++;
    }
    return digits % 4 != 1 && (padding == 0 || (padding + digits) % 4 == 0) && padding <= 2 &&
           take(in, ':');
}

/* §4.2.5 */
static bool read_string(struct cursor *in, struct sink *sink)
{
    if (!take(in, '"')) {
        return false;
    }
    while (*in->at != '"') {
        if (*in->at == '\\') {
            in->at++;
            if (!one_of(*in->at, "\"\\")) {
                return false;
            }
        }
        if (*in->at < 0x20 || *in->at > 0x7e || !put(sink, (uint8_t)*in->at)) {
            return false;
        }
        in->at++;
    }
    in->at++;
    return true;
}

/* §4.2.4: up to 15 digits, or up to 12 before a point and 1 to 3 behind it. */
static bool read_number(struct cursor *in)
{
    size_t whole = 0, fraction = 0;

    take(in, '-');
    for (; is_digit(*in->at); in->at++) {
        whole++;
    }
    if (whole == 0 || whole > 15) {
        return false;
    }
    if (take(in, '.')) {
        for (; is_digit(*in->at); in->at++) {
            fraction++;
        }
        return whole <= 12 && fraction >= 1 && fraction <= 3;
    }
    return true;
}

/* §4.2.9: a date is an integer. */
static bool read_date(struct cursor *in)
{
    const char *from = ++in->at;

    return read_number(in) && memchr(from, '.', (size_t)(in->at - from)) == NULL;
}

/* §4.2.10: a quoted string in which "%" begins two lower-case hex digits. What they spell need not
 * be looked at, since nobody reads it. */
static bool read_display_string(struct cursor *in)
{
    in->at++;
    if (!take(in, '"')) {
        return false;
    }
    for (; *in->at != '"'; in->at++) {
        if (*in->at < 0x20 || *in->at > 0x7e) {
            return false;
        }
        if (*in->at == '%') {
            for (int i = 0; i < 2; i++) {
                in->at++;
                if (!is_digit(*in->at) && !(*in->at >= 'a' && *in->at <= 'f')) {
                    return false;
                }
            }
        }
    }
    in->at++;
    return true;
}

/* §4.2.6; the first character has been looked at. */
static bool skip_token(struct cursor *in)
{
    while (is_alpha(*in->at) || is_digit(*in->at) || one_of(*in->at, "!#$%&'*+-.^_`|~:/")) {
        in->at++;
    }
    return true;
}

/* §4.2.3.1, for a value that nobody wants. */
static bool skip_bare_item(struct cursor *in)
{
    struct sink nowhere = {NULL, 0, 0};
    char c = *in->at;

    if (c == '-' || is_digit(c)) {
        return read_number(in);
    }
    if (c == '*' || is_alpha(c)) {
        return skip_token(in);
    }
    switch (c) {
    case '"': return read_string(in, &nowhere);
    case ':': return read_byte_sequence(in, &nowhere);
    case '@': return read_date(in);
    case '%': return read_display_string(in);
    case '?': in->at++; return take(in, '0') || take(in, '1'); /* §4.2.8 */
    default: return false;
    }
}

/* §4.2.3.2 */
static bool skip_parameters(struct cursor *in)
{
    while (take(in, ';')) {
        skip_blanks(in);
        if (!is_lower(*in->at) && *in->at != '*') {
            return false;
        }
        while (is_lower(*in->at) || is_digit(*in->at) || one_of(*in->at, "_-.*")) {
            in->at++;
        }
        if (take(in, '=') && !skip_bare_item(in)) {
            return false;
        }
    }
    return true;
}

/* §4.2, with a bare item of one type. */
static bool read_item(const char *field, bool (*bare)(struct cursor *in, struct sink *sink),
                      struct sink *sink)
{
    struct cursor in = {field};

    if (field == NULL) {
        return false;
    }
    skip_blanks(&in);
    if (!bare(&in, sink) || !skip_parameters(&in)) {
        return false;
    }
    skip_blanks(&in);
    return *in.at == '\0';
}

bool structured_read_bytes(const char *field, uint8_t *out, size_t len)
{
    struct sink sink = {out, len, 0};

    return read_item(field, read_byte_sequence, &sink) && sink.len == len;
}

bool structured_read_string(const char *field, char *out, size_t size)
{
    struct sink sink = {(uint8_t *)out, size - 1, 0};

    if (!read_item(field, read_string, &sink)) {
        return false;
    }
    out[sink.len] = '\0';
    return true;
}

bool structured_write_string(char *out, size_t size, const char *text)
{
    size_t n = 0;

    if (size < 3) {
        return false;
    }
    out[n++] = '"';
    for (; *text != '\0'; text++) {
        if (*text < 0x20 || *text > 0x7e || size - n < 4) { /* two, the mark, the terminator */
            return false;
        }
        if (one_of(*text, "\"\\")) {
            out[n++] = '\\';
        }
        out[n++] = *text;
    }
    out[n++] = '"';
    out[n] = '\0';
    return true;
}
