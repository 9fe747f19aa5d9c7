/* SPDX-License-Identifier: Apache-2.0
 * store_index.c — entries of the store's index, and their places in a bucket.
 *
 * Entry:   magic(8) id(40) digest(32) sizes of br, zstd, gzip(24) stamp(8) check(16)
 * How:     A reader takes a bucket with one read, while a worker of this or another server may be
 *          writing into it. What is torn by that fails its check and is an entry that is not there;
 *          the next request sees it whole.
 * Memory:  No allocation.
 * Threads: Any.
 */
#include <string.h>

#include "bytes.h"
#include "store_record_impl.h"

enum {
    AT_ID = 8,
    AT_DIGEST = AT_ID + FILEID_BYTES,
    AT_SIZES = AT_DIGEST + SHA256_SIZE,
    AT_STAMP = AT_SIZES + 8 * (STORE_PLAIN - 1),
    CHECKED = STORE_ENTRY_SIZE - STORE_CHECK
};

_Static_assert(AT_STAMP + 8 == CHECKED, "an entry is full");
_Static_assert(CODING_BR == 1 && CODING_ZSTD == 2 && CODING_GZIP == 3,
               "the order of the sizes is part of the format");

static const uint8_t entry_magic[8] = {'W', 'S', 'i', 'n', 'd', 'e', 'x', '1'};

bool store_entry_has_digest(const struct store_entry *entry)
{
    static const uint8_t none[SHA256_SIZE];

    return memcmp(entry->digest, none, SHA256_SIZE) != 0;
}

uint64_t store_index_offset(const struct fileid *id)
{
    return fileid_hash(id) % STORE_BUCKETS * STORE_BUCKET_SIZE;
}

static void write_entry(uint8_t *at, const struct store_entry *entry)
{
    memcpy(at, entry_magic, 8);
    fileid_write(at + AT_ID, &entry->id);
    memcpy(at + AT_DIGEST, entry->digest, SHA256_SIZE);
    for (int c = 1; c < STORE_PLAIN; c++) {
        bytes_put_u64(at + AT_SIZES + 8 * (c - 1), entry->sizes[c]);
    }
    bytes_put_u64(at + AT_STAMP, entry->stamp);
    store_check_write(at, CHECKED);
}

static bool read_entry(struct store_entry *entry, const uint8_t *at)
{
    if (memcmp(at, entry_magic, 8) != 0 || !store_check_holds(at, CHECKED)) {
        return false;
    }
    fileid_read(&entry->id, at + AT_ID);
    memcpy(entry->digest, at + AT_DIGEST, SHA256_SIZE);
    entry->sizes[CODING_IDENTITY] = 0;
    for (int c = 1; c < STORE_PLAIN; c++) {
        entry->sizes[c] = bytes_get_u64(at + AT_SIZES + 8 * (c - 1));
    }
    entry->stamp = bytes_get_u64(at + AT_STAMP);
    return true;
}

bool store_index_find(struct store_entry *entry, const struct fileid *id,
                      const uint8_t bucket[STORE_BUCKET_SIZE])
{
    uint8_t wanted[FILEID_BYTES];

    /* The check costs a hash, so the id is looked at first. */
    fileid_write(wanted, id);
    for (size_t i = 0; i < STORE_BUCKET_ENTRIES; i++) {
        const uint8_t *at = bucket + i * STORE_ENTRY_SIZE;
        if (memcmp(at + AT_ID, wanted, FILEID_BYTES) == 0 && read_entry(entry, at)) {
            return true;
        }
    }
    return false;
}

size_t store_index_put(uint8_t bucket[STORE_BUCKET_SIZE], const struct store_entry *entry)
{
    uint64_t oldest = UINT64_MAX;
    size_t place = 0;

    for (size_t i = 0; i < STORE_BUCKET_ENTRIES; i++) {
        struct store_entry other;
        bool good = read_entry(&other, bucket + i * STORE_ENTRY_SIZE);
        if (good && fileid_equal(&other.id, &entry->id)) {
            place = i;
            break;
        }
        /* What is no entry is older than any. */
        if ((good ? other.stamp + 1 : 0) < oldest) {
            oldest = good ? other.stamp + 1 : 0;
            place = i;
        }
    }
    write_entry(bucket + place * STORE_ENTRY_SIZE, entry);
    return place;
}

bool store_index_forget(uint8_t bucket[STORE_BUCKET_SIZE], const struct store_key *key)
{
    bool changed = false;

    if (key->coding == CODING_IDENTITY || (int)key->coding >= STORE_PLAIN) {
        return false;
    }
    for (size_t i = 0; i < STORE_BUCKET_ENTRIES; i++) {
        struct store_entry entry;
        uint8_t *at = bucket + i * STORE_ENTRY_SIZE;
        if (memcmp(at + AT_DIGEST, key->digest, SHA256_SIZE) == 0 && read_entry(&entry, at) &&
            entry.sizes[key->coding] != 0 && entry.sizes[key->coding] != STORE_USELESS) {
            entry.sizes[key->coding] = 0;
            write_entry(at, &entry);
            changed = true;
        }
    }
    return changed;
}
