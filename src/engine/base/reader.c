/* SPDX-License-Identifier: Apache-2.0
 * reader.c — fixed-width numbers, LEB128 and names out of borrowed bytes (specification §5.2).
 *
 * How:     one loop reads LEB128 of any width; the two ways to be wrong differ (§5.2.2). A number
 *          of N bits takes at most ceil(N/7) bytes: a continuation bit on the last of them is "too
 *          long"; set bits beyond N on it (unsigned) or bits that do not repeat the sign (signed)
 *          are "too large".
 *
 * Memory:  borrowed.
 * Threads: no shared state.
 */
#include "reader.h"

#include <string.h>

wasm_status reader_u32le(reader *r, uint32_t *out)
{
    if (reader_left(r) < 4)
        return WASM_E_UNEXPECTED_END;
    const uint8_t *b = r->next;
    *out = (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
    r->next += 4;
    return WASM_OK;
}

wasm_status reader_u64le(reader *r, uint64_t *out)
{
    if (reader_left(r) < 8)
        return WASM_E_UNEXPECTED_END;
    uint32_t low = 0, high = 0;
    (void)reader_u32le(r, &low);
    (void)reader_u32le(r, &high);
    *out = (uint64_t)high << 32 | low;
    return WASM_OK;
}

wasm_status reader_bytes(reader *r, size_t length, const uint8_t **out)
{
    if (reader_left(r) < length)
        return WASM_E_UNEXPECTED_END;
    *out = r->next;
    r->next += length;
    return WASM_OK;
}

/* An unsigned number of `bits` bits, zero-extended. */
static wasm_status leb_unsigned(reader *r, unsigned bits, uint64_t *out)
{
    const uint8_t *p = r->next;
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        if (p == r->end)
            return WASM_E_UNEXPECTED_END;
        uint8_t byte = *p++;
        if (bits - shift <= 7) { /* the last byte that the width allows */
            if ((byte & 0x80) != 0)
                return WASM_E_LEB_TOO_LONG;
            if (byte >> (bits - shift) != 0)
                return WASM_E_LEB_TOO_LARGE;
        }
        value |= (uint64_t)(byte & 0x7F) << shift;
        if ((byte & 0x80) == 0)
            break;
    }
    r->next = p;
    *out = value;
    return WASM_OK;
}

/* A signed number of `bits` bits, sign-extended to 64 and returned as its bits. */
static wasm_status leb_signed(reader *r, unsigned bits, uint64_t *out)
{
    const uint8_t *p = r->next;
    uint64_t value = 0;
    unsigned shift = 0;
    uint8_t byte;
    do {
        if (p == r->end)
            return WASM_E_UNEXPECTED_END;
        byte = *p++;
        unsigned left = bits - shift;
        if (left <= 7) {
            if ((byte & 0x80) != 0)
                return WASM_E_LEB_TOO_LONG;
            /* The sign bit and all bits above it are equal. */
            unsigned top = (byte & 0x7FU) >> (left - 1);
            if (top != 0 && top != 0x7FU >> (left - 1))
                return WASM_E_LEB_TOO_LARGE;
        }
        value |= (uint64_t)(byte & 0x7F) << shift;
        shift += 7;
    } while ((byte & 0x80) != 0);
    if (shift < 64 && (byte & 0x40) != 0)
        value |= UINT64_MAX << shift;
    r->next = p;
    *out = value;
    return WASM_OK;
}

/* The bits as a two's complement number, without the conversion that C leaves open. */
static int64_t as_signed(uint64_t bits)
{
    int64_t value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

wasm_status reader_leb_u32_long(reader *r, uint32_t *out)
{
    uint64_t value;
    wasm_status status = leb_unsigned(r, 32, &value);
    if (status == WASM_OK)
        *out = (uint32_t)value;
    return status;
}

wasm_status reader_leb_u64(reader *r, uint64_t *out)
{
    return leb_unsigned(r, 64, out);
}

wasm_status reader_leb_s32(reader *r, int32_t *out)
{
    uint64_t value;
    wasm_status status = leb_signed(r, 32, &value);
    if (status == WASM_OK)
        *out = (int32_t)as_signed(value);
    return status;
}

wasm_status reader_leb_s33(reader *r, int64_t *out)
{
    uint64_t value;
    wasm_status status = leb_signed(r, 33, &value);
    if (status == WASM_OK)
        *out = as_signed(value);
    return status;
}

wasm_status reader_leb_s64(reader *r, int64_t *out)
{
    uint64_t value;
    wasm_status status = leb_signed(r, 64, &value);
    if (status == WASM_OK)
        *out = as_signed(value);
    return status;
}

/* The length of the well-formed sequence at p, 0 if there is none (Unicode 15, table 3-7). */
static size_t utf8_sequence(const uint8_t *p, size_t left)
{
    uint8_t low = 0x80, high = 0xBF; /* bounds of the second byte */
    size_t length;
    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xC2 && p[0] <= 0xDF) {
        length = 2;
    } else if ((p[0] & 0xF0) == 0xE0) {
        length = 3;
        if (p[0] == 0xE0)
            low = 0xA0; /* shorter forms exist below */
        else if (p[0] == 0xED)
            high = 0x9F; /* surrogates above */
    } else if (p[0] >= 0xF0 && p[0] <= 0xF4) {
        length = 4;
        if (p[0] == 0xF0)
            low = 0x90;
        else if (p[0] == 0xF4)
            high = 0x8F; /* beyond U+10FFFF */
    } else {
        return 0;
    }
    if (left < length || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    }
    return length;
}

bool reader_is_utf8(const uint8_t *bytes, size_t length)
{
    for (size_t at = 0; at < length;) {
        size_t step = utf8_sequence(bytes + at, length - at);
        if (step == 0)
            return false;
        at += step;
    }
    return true;
}

wasm_status reader_name(reader *r, const char **out, size_t *length)
{
    reader ahead = *r;
    uint32_t count = 0;
    wasm_status status = reader_leb_u32(&ahead, &count);
    if (status != WASM_OK)
        return status;
    if (count > reader_left(&ahead))
        return WASM_E_LENGTH_OUT_OF_BOUNDS;
    if (!reader_is_utf8(ahead.next, count))
        return WASM_E_UTF8;
    *out = (const char *)ahead.next;
    *length = count;
    r->next = ahead.next + count;
    return WASM_OK;
}

wasm_status reader_sub(reader *r, uint64_t length, reader *out)
{
    if (length > reader_left(r))
        return WASM_E_LENGTH_OUT_OF_BOUNDS;
    out->start = r->start;
    out->next = r->next;
    out->end = r->next + length;
    r->next = out->end;
    return WASM_OK;
}
