/* SPDX-License-Identifier: Apache-2.0
 * guestmem.c — the checks behind guestmem.h; the only caller of wasm_memory_view().
 *
 * There is one check, in guestmem_view(): everything else goes through it. Addresses are 32 bits
 * and the sum of two of them fits 64, so that at + length cannot wrap.
 * Memory, threads: see guestmem.h.
 */
#include "guestmem.h"

#include <string.h>

bool guestmem_view(const wasm_caller *caller, uint32_t at, uint32_t length, uint8_t **bytes)
{
    static uint8_t nothing;
    uint8_t *base;
    uint64_t size;

    if (!wasm_memory_view(caller->instance, 0, &base, &size))
        return false;
    if ((uint64_t)at + length > size)
        return false;
    /* An empty memory may have no base, and NULL + 0 is undefined. */
    *bytes = length == 0 ? &nothing : base + at;
    return true;
}

bool guestmem_read(const wasm_caller *caller, uint32_t at, void *to, uint32_t length)
{
    uint8_t *bytes;

    if (!guestmem_view(caller, at, length, &bytes))
        return false;
    if (length > 0)
        memcpy(to, bytes, length);
    return true;
}

bool guestmem_write(const wasm_caller *caller, uint32_t at, const void *from, uint32_t length)
{
    uint8_t *bytes;

    if (!guestmem_view(caller, at, length, &bytes))
        return false;
    if (length > 0)
        memcpy(bytes, from, length);
    return true;
}

uint16_t guestmem_get_u16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

uint32_t guestmem_get_u32(const uint8_t *bytes)
{
    return (uint32_t)guestmem_get_u16(bytes) | (uint32_t)guestmem_get_u16(bytes + 2) << 16;
}

uint64_t guestmem_get_u64(const uint8_t *bytes)
{
    return (uint64_t)guestmem_get_u32(bytes) | (uint64_t)guestmem_get_u32(bytes + 4) << 32;
}

void guestmem_put_u16(uint8_t *bytes, uint16_t value)
{
    bytes[0] = (uint8_t)(value & 0xFF);
    bytes[1] = (uint8_t)(value >> 8);
}

void guestmem_put_u32(uint8_t *bytes, uint32_t value)
{
    guestmem_put_u16(bytes, (uint16_t)(value & 0xFFFF));
    guestmem_put_u16(bytes + 2, (uint16_t)(value >> 16));
}

void guestmem_put_u64(uint8_t *bytes, uint64_t value)
{
    guestmem_put_u32(bytes, (uint32_t)(value & 0xFFFFFFFF));
    guestmem_put_u32(bytes + 4, (uint32_t)(value >> 32));
}

bool guestmem_load_u8(const wasm_caller *caller, uint32_t at, uint8_t *value)
{
    return guestmem_read(caller, at, value, 1);
}

bool guestmem_load_u16(const wasm_caller *caller, uint32_t at, uint16_t *value)
{
    uint8_t *bytes;

    if (!guestmem_view(caller, at, 2, &bytes))
        return false;
    *value = guestmem_get_u16(bytes);
    return true;
}

bool guestmem_load_u32(const wasm_caller *caller, uint32_t at, uint32_t *value)
{
    uint8_t *bytes;

    if (!guestmem_view(caller, at, 4, &bytes))
        return false;
    *value = guestmem_get_u32(bytes);
    return true;
}

bool guestmem_load_u64(const wasm_caller *caller, uint32_t at, uint64_t *value)
{
    uint8_t *bytes;

    if (!guestmem_view(caller, at, 8, &bytes))
        return false;
    *value = guestmem_get_u64(bytes);
    return true;
}

bool guestmem_store_u8(const wasm_caller *caller, uint32_t at, uint8_t value)
{
    return guestmem_write(caller, at, &value, 1);
}

bool guestmem_store_u16(const wasm_caller *caller, uint32_t at, uint16_t value)
{
    uint8_t *bytes;

    if (!guestmem_view(caller, at, 2, &bytes))
        return false;
    guestmem_put_u16(bytes, value);
    return true;
}

bool guestmem_store_u32(const wasm_caller *caller, uint32_t at, uint32_t value)
{
    uint8_t *bytes;

    if (!guestmem_view(caller, at, 4, &bytes))
        return false;
    guestmem_put_u32(bytes, value);
    return true;
}

bool guestmem_store_u64(const wasm_caller *caller, uint32_t at, uint64_t value)
{
    uint8_t *bytes;

    if (!guestmem_view(caller, at, 8, &bytes))
        return false;
    guestmem_put_u64(bytes, value);
    return true;
}

bool guestmem_vector(const wasm_caller *caller, uint32_t array, uint32_t index, uint8_t **bytes,
                     uint32_t *length)
{
    uint64_t at = (uint64_t)array + (uint64_t)index * 8;
    uint8_t *entry;

    if (at > UINT32_MAX || !guestmem_view(caller, (uint32_t)at, 8, &entry))
        return false;
    *length = guestmem_get_u32(entry + 4);
    return guestmem_view(caller, guestmem_get_u32(entry), *length, bytes);
}

guestmem_text guestmem_string(const wasm_caller *caller, uint32_t at, uint32_t length, char *text,
                              size_t size)
{
    uint8_t *bytes;

    if (!guestmem_view(caller, at, length, &bytes))
        return GUESTMEM_FAULT;
    if ((uint64_t)length + 1 > size)
        return GUESTMEM_TOO_LONG;
    memcpy(text, bytes, length);
    text[length] = '\0';
    return memchr(text, '\0', length) != NULL ? GUESTMEM_NUL : GUESTMEM_OK;
}
