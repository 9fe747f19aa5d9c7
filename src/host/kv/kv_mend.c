/* SPDX-License-Identifier: Apache-2.0
 * kv_mend.c — the locks of the shared store, and what is done when a process has died with one.
 *
 * How:     the locks are robust mutexes: the kernel marks one whose holder dies, and the next who
 *          asks for it is told. By the order of all stores (kv_table.c) what can be reached from
 *          the buckets is whole then; everything else is made anew from it: the free list, the list
 *          by use (in any order), the counts. What does not look whole all the same is cut off.
 *          kv_store_check() asks the same questions of a store that should be right.
 *
 * Memory and threads: kv_impl.h.
 */
#include "kv_impl.h"

#include <errno.h>
#include <string.h>
#include <time.h>

/* A wait for a lock; how often it is repeated if somebody came to the lock meanwhile, so that its
 * holder is alive and others were only quicker. Mutexes know no line. RATIONALE "Limits". */
#define PATIENCE_MS    100
#define PATIENCE_TURNS 10

bool kv_make_lock(pthread_mutex_t *lock)
{
    pthread_mutexattr_t attributes;
    bool made;

    if (pthread_mutexattr_init(&attributes) != 0)
        return false;
    made = pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0 &&
           pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST) == 0 &&
           pthread_mutex_init(lock, &attributes) == 0;
    pthread_mutexattr_destroy(&attributes);
    return made;
}

/* Marks the blocks of an entry. False if it is no whole entry of this bucket. */
static bool mark_entry(const kv_store *store, shard *s, uint32_t bucket, uint32_t entry)
{
    block *blocks = blocks_of(store, s);
    uint8_t *marks = marks_of(store, s);
    const entry_head *head;
    uint32_t at = entry, blocks_left;

    if (entry >= store->block_count || marks[entry] != 0)
        return false;
    head = &blocks[entry].first.head;
    if (head->key_length == 0 || head->key_length > KV_KEY_MAX ||
        head->value_length > KV_VALUE_MAX || (head->hash & (store->bucket_count - 1)) != bucket)
        return false;
    blocks_left = kv_blocks_for((size_t)head->value_length + head->key_length);
    for (; blocks_left > 0; blocks_left--) {
        if (at == 0 || at >= store->block_count || marks[at] != 0)
            break;
        marks[at] = 1;
        at = at == entry ? head->next : blocks[at].rest.next;
    }
    return blocks_left == 0 && at == 0;
}

/* Makes everything anew that does not follow from the buckets. */
static void mend(const kv_store *store, shard *s)
{
    _Atomic uint32_t *buckets = buckets_of(s);
    block *blocks = blocks_of(store, s);
    uint8_t *marks = marks_of(store, s);
    uint64_t entries = 0, used = 0;

    memset(marks, 0, store->block_count);
    s->newest = s->oldest = 0;
    for (uint32_t b = 0; b < store->bucket_count; b++) {
        _Atomic uint32_t *link = &buckets[b];

        for (uint32_t entry; (entry = follow(link)) != 0; link = &blocks[entry].first.head.chain) {
            if (!mark_entry(store, s, b, entry)) {
                publish(link, 0); /* cannot be, by the order of all stores; nor may it harm */
                break;
            }
            use_begin(s, blocks, entry);
            if (atomic_load(&blocks[entry].first.head.revision) > s->revision)
                s->revision = atomic_load(&blocks[entry].first.head.revision);
            entries++;
        }
    }
    s->first_free = 0;
    s->free_count = 0;
    for (uint32_t i = store->block_count - 1; i > 0; i--) {
        if (marks[i] != 0) {
            used++;
        } else {
            blocks[i].rest.next = s->first_free;
            s->first_free = i;
            s->free_count++;
        }
    }
    atomic_store(&s->entries, entries);
    atomic_store(&s->used_blocks, used);
    count(&s->recovered, 1);
}

static int wait_for_lock(pthread_mutex_t *lock)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += PATIENCE_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    return pthread_mutex_timedlock(lock, &until);
}

bool kv_take_lock(const kv_store *store, shard *s)
{
    int error = pthread_mutex_trylock(&s->lock);

    for (int i = 0; i < PATIENCE_TURNS && (error == EBUSY || error == ETIMEDOUT); i++) {
        uint64_t before = atomic_load(&s->turns);

        error = wait_for_lock(&s->lock);
        if (error == ETIMEDOUT && atomic_load(&s->turns) == before)
            break;
    }
    if (error == EOWNERDEAD) {
        mend(store, s);
        error = pthread_mutex_consistent(&s->lock);
    }
    if (error == 0)
        count(&s->turns, 1);
    return error == 0;
}

/* ---- checking ------------------------------------------------------------------------------- */

/* Whether the hash of an entry is that of its key. */
static bool hash_is_right(const kv_store *store, block *blocks, uint32_t entry)
{
    const entry_head *head = &blocks[entry].first.head;
    uint8_t key[KV_KEY_MAX];
    kv_cursor c = kv_cursor_at(blocks, entry);

    kv_get_bytes(&c, NULL, head->value_length);
    kv_get_bytes(&c, key, head->key_length);
    return kv_hash(store->seed, key, head->key_length) == head->hash;
}

static const char *check_shard(const kv_store *store, shard *s)
{
    _Atomic uint32_t *buckets = buckets_of(s);
    block *blocks = blocks_of(store, s);
    uint8_t *marks = marks_of(store, s);
    uint64_t entries = 0, by_use = 0, used = 0;
    uint32_t free_blocks = 0;

    memset(marks, 0, store->block_count);
    for (uint32_t b = 0; b < store->bucket_count; b++) {
        for (uint32_t entry = follow(&buckets[b]); entry != 0;
             entry = follow(&blocks[entry].first.head.chain)) {
            if (!mark_entry(store, s, b, entry))
                return "an entry is not whole, or stands in two places";
            if (!hash_is_right(store, blocks, entry))
                return "an entry has another key than its hash says";
            entries++;
        }
    }
    for (uint32_t i = 1; i < store->block_count; i++)
        used += marks[i];
    for (uint32_t at = s->oldest, before = 0; at != 0;
         before = at, at = blocks[at].first.head.newer)
        if (marks[at] == 0 || blocks[at].first.head.older != before || by_use++ > entries)
            return "the list by use is broken";
    for (uint32_t at = s->first_free; at != 0; at = blocks[at].rest.next) {
        if (at >= store->block_count || marks[at] != 0)
            return "the free list is broken";
        marks[at] = 1;
        free_blocks++;
    }
    if (by_use != entries || entries != atomic_load(&s->entries))
        return "a count of entries is wrong";
    if (free_blocks != s->free_count || used != atomic_load(&s->used_blocks) ||
        used + free_blocks != store->block_count - 1)
        return "a block is lost";
    return NULL;
}

const char *kv_store_check(kv_store *store)
{
    const char *complaint = NULL;

    for (uint32_t i = 0; i < store->shard_count && complaint == NULL; i++) {
        shard *s = shard_at(store, i);

        if (!kv_take_lock(store, s))
            return "a lock cannot be had";
        complaint = check_shard(store, s);
        pthread_mutex_unlock(&s->lock);
    }
    return complaint;
}
