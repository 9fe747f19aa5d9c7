/* SPDX-License-Identifier: Apache-2.0
 * code_buffer.c — the buffer that machine code is written into; see target.h.
 *
 * Everything grows by doubling, from the buffer's quota. After a refusal writing does nothing, and
 * status says so: whoever writes looks once, at the end.
 */
#include <string.h>

#include "target.h"

void code_buffer_init(code_buffer *b, quota *q)
{
    memset(b, 0, sizeof *b);
    b->quota = q;
}

void code_buffer_release(code_buffer *b)
{
    quota_free(b->quota, b->bytes, b->capacity);
    quota_free(b->quota, b->relocs, b->reloc_capacity * sizeof *b->relocs);
    quota_free(b->quota, b->sites, b->site_capacity * sizeof *b->sites);
    code_buffer_init(b, b->quota);
}

/* `array` with room for `more` items; NULL: refused. */
static void *grown(code_buffer *b, void *array, uint32_t count, uint32_t *capacity, uint32_t more,
                   size_t size)
{
    uint64_t wanted = (uint64_t)count + more;
    if (b->status)
        return NULL;
    if (wanted <= *capacity)
        return array;
    uint64_t fresh = *capacity ? (uint64_t)*capacity * 2 : 256;
    if (fresh < wanted)
        fresh = wanted;
    /* A displacement reaches 2 GiB. */
    void *block = fresh > INT32_MAX
                      ? NULL
                      : quota_realloc(b->quota, array, *capacity * size, (size_t)fresh * size);
    if (!block) {
        b->status = WASM_E_QUOTA;
        return NULL;
    }
    *capacity = (uint32_t)fresh;
    return block;
}

bool code_room_made(code_buffer *b, uint32_t count)
{
    uint8_t *block = grown(b, b->bytes, b->length, &b->capacity, count, 1);
    if (!block)
        return false;
    b->bytes = block;
    return true;
}

void code_put(code_buffer *b, const void *bytes, uint32_t count)
{
    if (!code_room(b, count) || !count)
        return;
    memcpy(b->bytes + b->length, bytes, count);
    b->length += count;
}

void code_align(code_buffer *b, uint32_t alignment, uint8_t fill)
{
    while (b->length & (alignment - 1) && !b->status)
        code_put(b, &fill, 1);
}

void code_add_reloc(code_buffer *b, uint32_t at, code_reloc_kind kind, uint32_t index)
{
    code_reloc *block = grown(b, b->relocs, b->reloc_count, &b->reloc_capacity, 1, sizeof *block);
    if (!block)
        return;
    b->relocs = block;
    block[b->reloc_count++] = (code_reloc){at, (uint8_t)kind, index};
}

void code_add_site(code_buffer *b, uint32_t code, uint32_t offset)
{
    code_site *block = grown(b, b->sites, b->site_count, &b->site_capacity, 1, sizeof *block);
    if (!block)
        return;
    b->sites = block;
    block[b->site_count++] = (code_site){code, offset};
}
