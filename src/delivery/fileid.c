/* SPDX-License-Identifier: Apache-2.0
 * fileid.c — compares and writes the identity of a file; fileid.h says what it is good for.
 *
 * Memory:  Nothing is kept.
 * Threads: Any.
 */
#include "fileid.h"

#include "bytes.h"

static int64_t microseconds(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

struct fileid fileid_of_stat(const struct stat *st)
{
    return (struct fileid){.device = (uint64_t)st->st_dev,
                           .inode = (uint64_t)st->st_ino,
                           .size = (uint64_t)st->st_size,
                           .mtime = microseconds(st->st_mtim),
                           .ctime = microseconds(st->st_ctim)};
}

bool fileid_equal(const struct fileid *a, const struct fileid *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->mtime == b->mtime && a->ctime == b->ctime;
}

bool fileid_settled(const struct fileid *id, int64_t now)
{
    int64_t last = id->ctime;

    /* Writing sets both by the same clock, so a time of content that lies ahead of now, but not of
     * the other, was put there by hand. */
    if (id->mtime > last && id->mtime <= now) {
        last = id->mtime;
    }
    return now >= FILEID_SETTLED && last <= now - FILEID_SETTLED;
}

void fileid_write(uint8_t out[FILEID_BYTES], const struct fileid *id)
{
    bytes_put_u64(out, id->device);
    bytes_put_u64(out + 8, id->inode);
    bytes_put_u64(out + 16, id->size);
    bytes_put_u64(out + 24, (uint64_t)id->mtime);
    bytes_put_u64(out + 32, (uint64_t)id->ctime);
}

void fileid_read(struct fileid *id, const uint8_t bytes[FILEID_BYTES])
{
    *id = (struct fileid){bytes_get_u64(bytes), bytes_get_u64(bytes + 8), bytes_get_u64(bytes + 16),
                          (int64_t)bytes_get_u64(bytes + 24), (int64_t)bytes_get_u64(bytes + 32)};
}

/* The finisher of SplitMix64. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

uint64_t fileid_hash(const struct fileid *id)
{
    uint64_t hash = mix(id->device + 0x9e3779b97f4a7c15u);

    hash = mix(hash ^ id->inode);
    hash = mix(hash ^ id->size);
    hash = mix(hash ^ (uint64_t)id->mtime);
    return mix(hash ^ (uint64_t)id->ctime);
}
