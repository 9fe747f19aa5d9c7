/* SPDX-License-Identifier: Apache-2.0
 * module_text.h — modules for tests, written as bytes that a person can read.
 *
 * How:     hexadecimal bytes, '…' for ASCII characters, and ( … ) for what stands behind its own
 *          length in LEB128: sections, names, bodies, vectors of bytes.
 *
 *   "01(01 60 00 00) 03(01 00) 07(01 ('run') 00 00) 0a(01 (00 0b))"
 *
 * is the module of one exported function without parameters that does nothing. The header is put
 * in front by module_text(); text_bytes() does without.
 *
 * Memory:  the result is the caller's, freed with free(). A text that is not well-formed ends the
 *          program: that is the test's fault.
 */
#ifndef MODULE_TEXT_H
#define MODULE_TEXT_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct text_buffer {
    uint8_t *bytes;
    size_t length, room;
} text_buffer;

static void text_put(text_buffer *b, const void *bytes, size_t length)
{
    if (b->bytes == NULL || b->room - b->length < length) {
        b->room = 2 * (b->length + length) + 64;
        b->bytes = realloc(b->bytes, b->room);
        if (b->bytes == NULL)
            exit(2);
    }
    if (length != 0)
        memcpy(b->bytes + b->length, bytes, length);
    b->length += length;
}

static void text_put_leb(text_buffer *b, uint64_t value)
{
    do {
        uint8_t byte = (uint8_t)((value & 0x7F) | (value > 0x7F ? 0x80 : 0));
        text_put(b, &byte, 1);
        value >>= 7;
    } while (value != 0);
}

/* Reads up to the closing bracket or the end; returns where it stopped. */
static const char *text_read(const char *text, text_buffer *b)
{
    for (;;) {
        text += strspn(text, " \n");
        if (*text == '\0' || *text == ')')
            return text;
        if (*text == '(') {
            text_buffer inner = {0};
            text = text_read(text + 1, &inner);
            text_put_leb(b, inner.length);
            text_put(b, inner.bytes, inner.length);
            free(inner.bytes);
            if (*text++ != ')')
                break;
        } else if (*text == '\'') {
            size_t length = strcspn(text + 1, "'");
            text_put(b, text + 1, length);
            text += length + 2;
        } else {
            char digits[3] = {text[0], text[0] == '\0' ? '\0' : text[1], '\0'};
            char *end;
            uint8_t byte = (uint8_t)strtoul(digits, &end, 16);
            if (end != digits + 2)
                break;
            text_put(b, &byte, 1);
            text += 2;
        }
    }
    fprintf(stderr, "bad module text at: %.40s\n", text);
    exit(2);
}

__attribute__((unused)) static uint8_t *text_bytes(const char *text, size_t *length)
{
    text_buffer b = {0};
    text_put(&b, text, 0);
    if (*text_read(text, &b) != '\0')
        exit(2);
    *length = b.length;
    return b.bytes;
}

__attribute__((unused)) static uint8_t *module_text(const char *text, size_t *length)
{
    text_buffer b = {0};
    text_put(&b, "\0asm\1\0\0\0", 8);
    if (*text_read(text, &b) != '\0')
        exit(2);
    *length = b.length;
    return b.bytes;
}

#endif
