/* SPDX-License-Identifier: Apache-2.0
 * place_map.c — place_map.h.
 *
 * How:     An entry is two LEB128 numbers: the way from the place before, and bytes of the file
 *          since then (zigzag, because code may be emitted behind its place in the file). That is
 *          two or three bytes an entry; it is read from the beginning, which only happens after a
 *          trap.
 * Memory, threads: see place_map.h.
 */
#include "place_map.h"

#define ENTRY_BYTES_MAX 16 /* 5 + 10, rounded up */

void place_map_begin(place_map_writer *w, uint32_t place, uint64_t offset)
{
    w->place = place;
    w->offset = offset;
}

static uint8_t *put_leb(uint8_t *at, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *at++ = (uint8_t)(value | 0x80);
    *at++ = (uint8_t)value;
    return at;
}

wasm_status place_map_add(place_map_writer *w, uint32_t place, uint64_t offset)
{
    uint64_t moved = offset - w->offset;
    uint8_t *at;

    if (w->capacity - w->length < ENTRY_BYTES_MAX) {
        size_t capacity = w->capacity ? w->capacity * 2 : 4096;
        uint8_t *bytes = quota_realloc(w->quota, w->bytes, w->capacity, capacity);

        if (!bytes)
            return WASM_E_QUOTA;
        w->bytes = bytes;
        w->capacity = capacity;
    }
    at = put_leb(w->bytes + w->length, place - w->place);
    at = put_leb(at, moved << 1 ^ (offset < w->offset ? UINT64_MAX : 0));
    w->length = (size_t)(at - w->bytes);
    w->place = place;
    w->offset = offset;
    return WASM_OK;
}

void place_map_release(place_map_writer *w)
{
    quota_free(w->quota, w->bytes, w->capacity);
    w->bytes = NULL;
    w->capacity = 0;
}

static const uint8_t *get_leb(const uint8_t *at, uint64_t *value)
{
    unsigned shift = 0;

    *value = 0;
    do {
        *value |= (uint64_t)(*at & 0x7F) << shift;
        shift += 7;
    } while (*at++ & 0x80);
    return at;
}

uint64_t place_map_find(const uint8_t *map, size_t bytes, uint32_t place, uint32_t further,
                        uint64_t offset)
{
    const uint8_t *at = map, *end = map + bytes;
    uint64_t here = 0, step;

    while (at < end) {
        at = get_leb(at, &step);
        here += step;
        at = get_leb(at, &step);
        offset += step >> 1 ^ (step & 1 ? UINT64_MAX : 0);
        if (here == place && further-- == 0)
            return offset;
        if (here > place)
            break;
    }
    return WASM_NO_OFFSET;
}
