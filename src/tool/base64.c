/* SPDX-License-Identifier: Apache-2.0
 * base64.c — see base64.h.
 * Memory:  the caller's.
 * Threads: no shared state.
 */
#include "base64.h"

#include <string.h>

/* The six bits of a character; 64 for what is none. */
static unsigned sextet(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (unsigned)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (unsigned)(c - 'a') + 26;
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0') + 52;
    return c == '+' ? 62 : c == '/' ? 63 : 64;
}

bool base64_decode(const char *text, size_t length, uint8_t *out, size_t *out_length)
{
    uint8_t *to = out;

    if (length % 4 != 0)
        return false;
    for (size_t i = 0; i < length; i += 4) {
        unsigned pad = 0, bits = 0;
        if (i + 4 == length)
            pad = text[i + 3] != '=' ? 0 : text[i + 2] != '=' ? 1 : 2;
        for (unsigned k = 0; k < 4; k++) {
            unsigned six = k >= 4 - pad ? 0 : sextet(text[i + k]);
            if (six == 64)
                return false;
            bits = bits << 6 | six;
        }
        if (bits & ((1u << 8 * pad) - 1))
            return false;
        for (unsigned k = 0; k < 3 - pad; k++)
            *to++ = (uint8_t)(bits >> (16 - 8 * k));
    }
    *out_length = (size_t)(to - out);
    return true;
}

void base64_encode(const uint8_t *bytes, size_t length, char *out)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < length; i += 3) {
        size_t count = length - i < 3 ? length - i : 3;
        unsigned bits = 0;
        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (k < count ? bytes[i + k] : 0);
        for (size_t k = 0; k < 4; k++)
            *out++ = k <= count ? letters[bits >> (18 - 6 * k) & 63] : '=';
    }
    *out = '\0';
}
