/* SPDX-License-Identifier: Apache-2.0
 * kv_table.c — the shared store: a hash table in flat memory that survives the death of its users.
 *
 * Locks: one for each shard, by the key's hash, so that many processes rarely meet. They are robust
 * mutexes: if a process dies with one, the next who asks for it is told, and mends the shard
 * (kv_mend.c).
 *
 * Death: a process can be killed between any two instructions. So that there is something to mend
 * by, what can be reached from the buckets is whole at any time: an entry is written to free blocks
 * first and then made reachable, replaced or removed by the store of one number (publish()). A
 * number that is added to is one word that is stored once; its revision is stored before, so that a
 * compare-and-set that was right becomes wrong and not the other way.
 *
 * Time: entries whose time is over are removed when they are met: by a lookup of their key, or when
 * room is needed.
 *
 * Memory:  the caller's.
 * Threads: any of any process that has the memory.
 */
#include "kv_impl.h"

#include <endian.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

/* Entries looked at for one whose time is over, before a live one goes. */
#define LOOK_BACK 32

/* What one call works with. */
typedef struct place {
    kv_store *store;
    shard *shard;
    block *blocks;
    _Atomic uint32_t *bucket;
    uint64_t hash, now;
    const uint8_t *key;
    uint32_t key_length;
} place;

/* ---- making --------------------------------------------------------------------------------- */

static size_t shard_size(uint32_t buckets, uint32_t blocks)
{
    return round_to_64(sizeof(shard) + buckets * sizeof(uint32_t) + blocks) +
           (size_t)(blocks - 1) * BLOCK_BYTES;
}

static void put_all_free(const kv_store *store, shard *s)
{
    block *blocks = blocks_of(store, s);

    for (uint32_t i = 1; i < store->block_count; i++)
        blocks[i].rest.next = i + 1 < store->block_count ? i + 1 : 0;
    s->first_free = 1;
    s->free_count = store->block_count - 1;
}

/* Blocks and buckets for a shard of so many bytes. */
static bool divide(kv_store *store, size_t bytes)
{
    uint32_t buckets = 1, blocks;

    if (bytes > UINT32_MAX / 2)
        bytes = UINT32_MAX / 2;
    while ((size_t)buckets * 2 * BLOCK_BYTES < bytes)
        buckets *= 2;
    /* One bucket for one to two blocks; the rest is blocks with their marks. */
    if (bytes < sizeof(shard) + buckets * sizeof(uint32_t) + 64 + 4 * BLOCK_BYTES)
        return false;
    blocks =
        (uint32_t)((bytes - sizeof(shard) - buckets * sizeof(uint32_t) - 64) / (BLOCK_BYTES + 1)) +
        1;
    store->bucket_count = buckets;
    store->block_count = blocks;
    store->shard_bytes = (uint32_t)(bytes / 64 * 64);
    return shard_size(buckets, blocks) <= store->shard_bytes;
}

kv_store *kv_store_format(void *memory, size_t bytes)
{
    kv_store *store = memory;
    uint32_t shards = 1;

    if (bytes < KV_BYTES_MIN)
        return NULL;
    while (shards < KV_SHARDS_MAX && bytes / (2 * shards) >= SHARD_BYTES)
        shards *= 2;
    memset(store, 0, sizeof *store);
    store->bytes = bytes;
    store->shard_count = shards;
    if (!divide(store, (bytes - sizeof *store) / shards) ||
        getrandom(store->seed, sizeof store->seed, 0) != (ssize_t)sizeof store->seed)
        return NULL;
    for (uint32_t i = 0; i < shards; i++) {
        shard *s = shard_at(store, i);

        memset(s, 0, sizeof *s);
        memset((void *)buckets_of(s), 0, store->bucket_count * sizeof(uint32_t));
        put_all_free(store, s);
        if (!kv_make_lock(&s->lock))
            return NULL;
    }
    store->layout = KV_LAYOUT;
    return store;
}

kv_store *kv_store_attach(void *memory, size_t bytes)
{
    kv_store *store = memory;

    return bytes >= KV_BYTES_MIN && store->layout == KV_LAYOUT && store->bytes == bytes ? store
                                                                                        : NULL;
}

/* ---- lists; the caller has the lock --------------------------------------------------------- */

static void use_end(shard *s, block *blocks, uint32_t entry)
{
    entry_head *head = &blocks[entry].first.head;

    if (head->newer != 0)
        blocks[head->newer].first.head.older = head->older;
    else
        s->newest = head->older;
    if (head->older != 0)
        blocks[head->older].first.head.newer = head->newer;
    else
        s->oldest = head->newer;
}

static void give_back(shard *s, block *blocks, uint32_t entry)
{
    uint32_t at = blocks[entry].first.head.next, freed = 1;

    blocks[entry].rest.next = s->first_free;
    s->first_free = entry;
    while (at != 0) {
        uint32_t next = blocks[at].rest.next;

        blocks[at].rest.next = s->first_free;
        s->first_free = at;
        at = next;
        freed++;
    }
    s->free_count += freed;
    count(&s->used_blocks, -(int64_t)freed);
    count(&s->entries, -1);
}

/* The link that leads to an entry of the shard. */
static _Atomic uint32_t *link_to(const place *p, uint32_t entry)
{
    _Atomic uint32_t *link =
        buckets_of(p->shard) + (p->blocks[entry].first.head.hash & (p->store->bucket_count - 1));

    while (follow(link) != entry)
        link = &p->blocks[follow(link)].first.head.chain;
    return link;
}

static void remove_entry(const place *p, uint32_t entry)
{
    publish(link_to(p, entry), follow(&p->blocks[entry].first.head.chain));
    use_end(p->shard, p->blocks, entry);
    give_back(p->shard, p->blocks, entry);
}

/* The entry of the key, or 0. One whose time is over is removed. */
static uint32_t find(const place *p)
{
    uint32_t entry = follow(p->bucket);

    while (entry != 0) {
        const entry_head *head = &p->blocks[entry].first.head;

        if (head->hash == p->hash && kv_has_key(p->blocks, entry, p->key, p->key_length))
            break;
        entry = follow(&head->chain);
    }
    if (entry != 0 && p->blocks[entry].first.head.expires <= p->now) {
        remove_entry(p, entry);
        count(&p->shard->expired, 1);
        entry = 0;
    }
    return entry;
}

/* Forgets one entry but `keep`: one whose time is over if there is one among the last used, else
 * the very last. False if there is none. */
static bool forget_one(const place *p, uint32_t keep)
{
    uint32_t at = p->shard->oldest, victim = 0;

    for (int i = 0; i < LOOK_BACK && at != 0; i++) {
        const entry_head *head = &p->blocks[at].first.head;

        if (at != keep && head->expires <= p->now) {
            remove_entry(p, at);
            count(&p->shard->expired, 1);
            return true;
        }
        if (at != keep && victim == 0)
            victim = at;
        at = head->newer;
    }
    if (victim == 0)
        return false;
    remove_entry(p, victim);
    count(&p->shard->evicted, 1);
    return true;
}

/* Takes blocks for so many bytes from the free list; 0 if there cannot be so many. `keep` is not
 * forgotten for them. */
static uint32_t take_blocks(const place *p, size_t bytes, uint32_t keep)
{
    uint32_t need = kv_blocks_for(bytes), first = 0;

    while (p->shard->free_count < need)
        if (!forget_one(p, keep))
            return 0;
    for (uint32_t i = 0; i < need; i++) {
        uint32_t taken = p->shard->first_free;
        block *b = &p->blocks[taken];

        p->shard->first_free = b->rest.next;
        /* From the last to the first; head.next lies where rest.next does. */
        b->rest.next = first;
        first = taken;
    }
    p->shard->free_count -= need;
    count(&p->shard->used_blocks, need);
    count(&p->shard->entries, 1);
    return first;
}

static bool enter(place *p, kv_store *store, const void *key, size_t length, uint64_t now)
{
    p->store = store;
    p->key = key;
    p->key_length = (uint32_t)length;
    p->now = now;
    p->hash = kv_hash(store->seed, key, length);
    /* The upper half chooses the shard, the lower the bucket. */
    p->shard = shard_at(store, (uint32_t)(p->hash >> 32) & (store->shard_count - 1));
    p->blocks = blocks_of(store, p->shard);
    p->bucket = buckets_of(p->shard) + (p->hash & (store->bucket_count - 1));
    return kv_take_lock(store, p->shard);
}

static exchange_kv_status leave(const place *p, exchange_kv_status status)
{
    pthread_mutex_unlock(&p->shard->lock);
    return status;
}

/* ---- the calls ------------------------------------------------------------------------------ */

static bool key_fits(size_t length)
{
    return length >= 1 && length <= KV_KEY_MAX;
}

/* Enters the place of a key and finds its entry there, 0 if there is none. Whoever gets anything
 * but OK has not entered. */
static exchange_kv_status seek(place *p, kv_store *store, const void *key, size_t key_length,
                               uint64_t now, uint32_t *entry)
{
    if (!key_fits(key_length))
        return EXCHANGE_KV_SIZE;
    if (!enter(p, store, key, key_length, now))
        return EXCHANGE_KV_BUSY;
    *entry = find(p);
    return EXCHANGE_KV_OK;
}

static void touch(const place *p, uint32_t entry)
{
    use_end(p->shard, p->blocks, entry);
    use_begin(p->shard, p->blocks, entry);
}

exchange_kv_status kv_store_get(kv_store *store, const void *key, size_t key_length, void *value,
                                size_t size, size_t *length, uint64_t *revision, uint64_t now)
{
    exchange_kv_status status;
    const entry_head *head;
    uint32_t entry;
    kv_cursor c;
    place p;

    status = seek(&p, store, key, key_length, now, &entry);
    if (status != EXCHANGE_KV_OK)
        return status;
    if (entry == 0)
        return leave(&p, EXCHANGE_KV_MISSING);
    head = &p.blocks[entry].first.head;
    *length = head->value_length;
    *revision = atomic_load_explicit(&head->revision, memory_order_relaxed);
    touch(&p, entry);
    if (head->value_length > size)
        return leave(&p, EXCHANGE_KV_SHORT);
    c = kv_cursor_at(p.blocks, entry);
    kv_get_bytes(&c, value, head->value_length);
    return leave(&p, EXCHANGE_KV_OK);
}

static uint64_t end_of(uint64_t ttl, uint64_t now)
{
    return ttl == 0 || ttl > UINT64_MAX - 1 - now ? UINT64_MAX : now + ttl;
}

/* Writes an entry and puts it in the place of `old` (0: a new one). */
static exchange_kv_status put(const place *p, uint32_t old, const void *value, size_t length,
                              uint64_t expires)
{
    uint32_t entry = take_blocks(p, length + p->key_length, old);
    entry_head *head;
    kv_cursor c;

    if (entry == 0)
        return EXCHANGE_KV_FULL;
    head = &p->blocks[entry].first.head;
    head->hash = p->hash;
    head->expires = expires;
    head->value_length = (uint32_t)length;
    head->key_length = p->key_length;
    atomic_store_explicit(&head->revision, ++p->shard->revision, memory_order_relaxed);
    c = kv_cursor_at(p->blocks, entry);
    kv_put_bytes(&c, value, length);
    kv_put_bytes(&c, p->key, p->key_length);
    if (old == 0) {
        publish(&head->chain, follow(p->bucket));
        publish(p->bucket, entry);
    } else {
        publish(&head->chain, follow(&p->blocks[old].first.head.chain));
        publish(link_to(p, old), entry);
        use_end(p->shard, p->blocks, old);
        give_back(p->shard, p->blocks, old);
    }
    use_begin(p->shard, p->blocks, entry);
    return EXCHANGE_KV_OK;
}

exchange_kv_status kv_store_set(kv_store *store, const void *key, size_t key_length,
                                const void *value, size_t length, uint64_t ttl, uint64_t expected,
                                uint64_t now)
{
    exchange_kv_status status;
    uint64_t revision;
    uint32_t old;
    place p;

    if (length > KV_VALUE_MAX)
        return EXCHANGE_KV_SIZE;
    status = seek(&p, store, key, key_length, now, &old);
    if (status != EXCHANGE_KV_OK)
        return status;
    revision = old != 0 ? atomic_load(&p.blocks[old].first.head.revision) : 0;
    if (expected != KV_ANY && expected != revision)
        return leave(&p, EXCHANGE_KV_CHANGED);
    return leave(&p, put(&p, old, value, length, end_of(ttl, now)));
}

exchange_kv_status kv_store_delete(kv_store *store, const void *key, size_t key_length,
                                   uint64_t expected, uint64_t now)
{
    exchange_kv_status status;
    uint32_t entry;
    place p;

    status = seek(&p, store, key, key_length, now, &entry);
    if (status != EXCHANGE_KV_OK)
        return status;
    if (entry == 0)
        return leave(&p, EXCHANGE_KV_MISSING);
    if (expected != KV_ANY && expected != atomic_load(&p.blocks[entry].first.head.revision))
        return leave(&p, EXCHANGE_KV_CHANGED);
    remove_entry(&p, entry);
    return leave(&p, EXCHANGE_KV_OK);
}

/* A number stands at the beginning of the value, so of the bytes behind the head: one aligned word.
 */
static _Atomic uint64_t *number_of(const place *p, uint32_t entry)
{
    return (_Atomic uint64_t *)(void *)p->blocks[entry].first.bytes;
}

static exchange_kv_status add_to(const place *p, uint32_t entry, int64_t delta, int64_t *sum)
{
    entry_head *head = &p->blocks[entry].first.head;
    _Atomic uint64_t *number = number_of(p, entry);

    if (head->value_length != sizeof *number)
        return EXCHANGE_KV_NUMBER;
    if (__builtin_add_overflow((int64_t)le64toh(atomic_load_explicit(number, memory_order_relaxed)),
                               delta, sum))
        return EXCHANGE_KV_NUMBER;
    atomic_store_explicit(&head->revision, ++p->shard->revision, memory_order_relaxed);
    atomic_store_explicit(number, htole64((uint64_t)*sum), memory_order_release);
    touch(p, entry);
    return EXCHANGE_KV_OK;
}

exchange_kv_status kv_store_add(kv_store *store, const void *key, size_t key_length, int64_t delta,
                                uint64_t ttl, int64_t *sum, uint64_t now)
{
    exchange_kv_status status;
    uint64_t number;
    uint32_t entry;
    place p;

    status = seek(&p, store, key, key_length, now, &entry);
    if (status != EXCHANGE_KV_OK)
        return status;
    if (entry != 0)
        return leave(&p, add_to(&p, entry, delta, sum));
    number = htole64((uint64_t)delta);
    status = put(&p, 0, &number, sizeof number, end_of(ttl, now));
    if (status == EXCHANGE_KV_OK)
        *sum = delta;
    return leave(&p, status);
}

/* ---- all of it ------------------------------------------------------------------------------ */

/* The entry's value and key, put together; `text` has room for both. */
static void copy_entry(kv_store *to, block *blocks, uint32_t entry, uint8_t *text, uint64_t now)
{
    const entry_head *head = &blocks[entry].first.head;
    kv_cursor c = kv_cursor_at(blocks, entry);

    kv_get_bytes(&c, text, head->value_length + head->key_length);
    kv_store_set(to, text + head->value_length, head->key_length, text, head->value_length,
                 head->expires == UINT64_MAX ? 0 : head->expires - now, KV_ANY, now);
}

void kv_store_copy(kv_store *to, kv_store *from, uint64_t now)
{
    uint8_t text[KV_VALUE_MAX + KV_KEY_MAX];

    for (uint32_t i = 0; i < from->shard_count; i++) {
        shard *s = shard_at(from, i);
        block *blocks = blocks_of(from, s);

        if (!kv_take_lock(from, s))
            continue;
        /* The oldest first, so that the latest is the latest there, too, and stays if room is
         * short. */
        for (uint32_t at = s->oldest; at != 0; at = blocks[at].first.head.newer)
            if (blocks[at].first.head.expires > now)
                copy_entry(to, blocks, at, text, now);
        pthread_mutex_unlock(&s->lock);
    }
}

void kv_store_stats(const kv_store *store, kv_stats *stats)
{
    *stats = (kv_stats){.bytes = store->bytes};
    for (uint32_t i = 0; i < store->shard_count; i++) {
        const shard *s = shard_at(store, i);

        stats->used += atomic_load(&s->used_blocks) * BLOCK_BYTES;
        stats->entries += atomic_load(&s->entries);
        stats->evicted += atomic_load(&s->evicted);
        stats->expired += atomic_load(&s->expired);
        stats->recovered += atomic_load(&s->recovered);
    }
}

/* ---- as an exchange's ----------------------------------------------------------------------- */

static uint64_t clock_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static exchange_kv_status exchange_get(void *baton, const void *key, size_t key_length, void *value,
                                       size_t size, size_t *length, uint64_t *revision)
{
    return kv_store_get(baton, key, key_length, value, size, length, revision, clock_now());
}

static exchange_kv_status exchange_set(void *baton, const void *key, size_t key_length,
                                       const void *value, size_t length, uint64_t ttl,
                                       uint64_t expected)
{
    return kv_store_set(baton, key, key_length, value, length, ttl, expected, clock_now());
}

static exchange_kv_status exchange_remove(void *baton, const void *key, size_t key_length,
                                          uint64_t expected)
{
    return kv_store_delete(baton, key, key_length, expected, clock_now());
}

static exchange_kv_status exchange_add(void *baton, const void *key, size_t key_length,
                                       int64_t delta, uint64_t ttl, int64_t *sum)
{
    return kv_store_add(baton, key, key_length, delta, ttl, sum, clock_now());
}

const exchange_kv kv_store_exchange = {
    .get = exchange_get, .set = exchange_set, .remove = exchange_remove, .add = exchange_add};
