/* SPDX-License-Identifier: Apache-2.0
 * map.c — from a place in internal code back to the byte of the module's file.
 *
 * How:     A trap report names the instruction of the file. Only instructions that can trap, poll
 *          or call have an entry; entries follow each other in code order, each as two LEB128
 *          numbers: words since the entry before, and bytes of the file since then (zigzag, because
 *          code may be emitted behind its place in the file). That is two or three bytes an entry;
 *          it is read from the beginning, which only happens after a trap.
 * Memory:  The writer's buffer belongs to the quota it was given and is reused from function to
 *          function; a finished map is copied by whoever keeps it.
 * Threads: a writer belongs to one; map_find() reads only.
 */
#include "interp_impl.h"

#define ENTRY_BYTES_MAX 16 /* 5 + 10, rounded up */

void map_begin(map_writer *w)
{
    w->length = 0;
    w->position = 0;
    w->offset = 0;
}

static uint8_t *put_leb(uint8_t *at, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *at++ = (uint8_t)(value | 0x80);
    *at++ = (uint8_t)value;
    return at;
}

wasm_status map_add(map_writer *w, uint32_t position, uint64_t offset)
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
    at = put_leb(w->bytes + w->length, position - w->position);
    at = put_leb(at, moved << 1 ^ (offset < w->offset ? UINT64_MAX : 0));
    w->length = (size_t)(at - w->bytes);
    w->position = position;
    w->offset = offset;
    return WASM_OK;
}

void map_release(map_writer *w)
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

uint64_t map_find(const uint8_t *map, uint32_t bytes, uint32_t position)
{
    const uint8_t *at = map, *end = map + bytes;
    uint64_t place = 0, offset = 0, step;

    while (at < end) {
        at = get_leb(at, &step);
        place += step;
        at = get_leb(at, &step);
        offset += step >> 1 ^ (step & 1 ? UINT64_MAX : 0);
        if (place == position)
            return offset;
        if (place > position)
            break;
    }
    return WASM_NO_OFFSET;
}
