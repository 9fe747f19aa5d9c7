/* SPDX-License-Identifier: Apache-2.0
 * kv_entry.c — the bytes of an entry, over its blocks, and the hash of a key.
 *
 * SipHash with a random seed, since keys are often of a client's making (an address, a header): a
 * chain that somebody could make long would be walked under the lock.
 *
 * Memory and threads: kv_impl.h.
 */
#include "kv_impl.h"

#include <string.h>

/* ---- hashing -------------------------------------------------------------------------------- */

static uint64_t turn(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = turn(v[1], 13) ^ v[0];
    v[0] = turn(v[0], 32);
    v[2] += v[3];
    v[3] = turn(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = turn(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = turn(v[1], 17) ^ v[2];
    v[2] = turn(v[2], 32);
}

uint64_t kv_hash(const uint64_t seed[2], const uint8_t *bytes, size_t length)
{
    uint64_t v[4] = {seed[0] ^ UINT64_C(0x736f6d6570736575), seed[1] ^ UINT64_C(0x646f72616e646f6d),
                     seed[0] ^ UINT64_C(0x6c7967656e657261),
                     seed[1] ^ UINT64_C(0x7465646279746573)};
    uint64_t word;
    size_t at = 0;

    for (; at + 8 <= length; at += 8) {
        memcpy(&word, bytes + at, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    word = (uint64_t)length << 56;
    for (size_t i = 0; at + i < length; i++)
        word |= (uint64_t)bytes[at + i] << (8 * i);
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* ---- bytes of an entry ---------------------------------------------------------------------- */

uint32_t kv_blocks_for(size_t bytes)
{
    const size_t first = sizeof(((block *)0)->first.bytes), rest = sizeof(((block *)0)->rest.bytes);

    return bytes <= first ? 1 : 1 + (uint32_t)((bytes - first + rest - 1) / rest);
}

kv_cursor kv_cursor_at(block *blocks, uint32_t entry)
{
    block *b = &blocks[entry];

    return (kv_cursor){.blocks = blocks,
                       .bytes = b->first.bytes,
                       .left = sizeof b->first.bytes,
                       .next = b->first.head.next};
}

/* The next piece, up to `most` bytes. */
static uint8_t *piece(kv_cursor *c, size_t most, size_t *length)
{
    uint8_t *at;

    if (c->left == 0) {
        block *b = &c->blocks[c->next];

        c->bytes = b->rest.bytes;
        c->left = sizeof b->rest.bytes;
        c->next = b->rest.next;
    }
    at = c->bytes;
    *length = most < c->left ? most : c->left;
    c->bytes += *length;
    c->left -= *length;
    return at;
}

void kv_put_bytes(kv_cursor *c, const uint8_t *from, size_t length)
{
    while (length > 0) {
        size_t part;
        uint8_t *to = piece(c, length, &part);

        memcpy(to, from, part);
        from += part;
        length -= part;
    }
}

void kv_get_bytes(kv_cursor *c, uint8_t *to, size_t length)
{
    while (length > 0) {
        size_t part;
        const uint8_t *from = piece(c, length, &part);

        if (to != NULL) {
            memcpy(to, from, part);
            to += part;
        }
        length -= part;
    }
}

static bool same_bytes(kv_cursor *c, const uint8_t *as, size_t length)
{
    while (length > 0) {
        size_t part;
        const uint8_t *found = piece(c, length, &part);

        if (memcmp(found, as, part) != 0)
            return false;
        as += part;
        length -= part;
    }
    return true;
}

bool kv_has_key(block *blocks, uint32_t entry, const uint8_t *key, uint32_t length)
{
    const entry_head *head = &blocks[entry].first.head;
    kv_cursor c = kv_cursor_at(blocks, entry);

    if (head->key_length != length)
        return false;
    kv_get_bytes(&c, NULL, head->value_length);
    return same_bytes(&c, key, length);
}
