/* SPDX-License-Identifier: Apache-2.0
 * kv_table_test.c — the shared store: against a model, at its limits, among many, and when they
 * die. layers: kv
 */
#include "unit.h"
#include "unit_fork.h"
#include "kv_impl.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000)

static kv_store *open_store(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        abort();
    return kv_store_format(memory, bytes);
}

static void close_store(kv_store *store, size_t bytes)
{
    CHECK_EQ_STR(kv_store_check(store), NULL);
    munmap(store, bytes);
}

static exchange_kv_status set(kv_store *store, const char *key, const char *value, uint64_t ttl,
                              uint64_t expected, uint64_t now)
{
    return kv_store_set(store, key, strlen(key), value, strlen(value), ttl, expected, now);
}

/* Reads a text; NULL if it is not there. */
static const char *get(kv_store *store, const char *key, uint64_t *revision, uint64_t now)
{
    static char value[KV_VALUE_MAX + 1];
    size_t length = 0;
    uint64_t ignored;

    if (kv_store_get(store, key, strlen(key), value, KV_VALUE_MAX, &length,
                     revision != NULL ? revision : &ignored, now) != EXCHANGE_KV_OK)
        return NULL;
    value[length] = '\0';
    return value;
}

TEST(set_get_delete)
{
    kv_store *store = open_store(KV_BYTES_MIN);
    uint64_t first = 0, second = 0;

    CHECK_EQ_STR(get(store, "a", NULL, 0), NULL);
    CHECK_EQ_INT(set(store, "a", "1", 0, KV_ANY, 0), EXCHANGE_KV_OK);
    CHECK_EQ_INT(set(store, "b", "", 0, KV_ANY, 0), EXCHANGE_KV_OK);
    CHECK_EQ_STR(get(store, "a", &first, 0), "1");
    CHECK_EQ_STR(get(store, "b", NULL, 0), "");
    CHECK_EQ_INT(set(store, "a", "2", 0, KV_ANY, 0), EXCHANGE_KV_OK);
    CHECK_EQ_STR(get(store, "a", &second, 0), "2");
    CHECK(first != 0 && second != 0 && first != second);
    CHECK_EQ_INT(kv_store_delete(store, "a", 1, first, 0), EXCHANGE_KV_CHANGED);
    CHECK_EQ_INT(kv_store_delete(store, "a", 1, second, 0), EXCHANGE_KV_OK);
    CHECK_EQ_INT(kv_store_delete(store, "a", 1, KV_ANY, 0), EXCHANGE_KV_MISSING);
    CHECK_EQ_STR(get(store, "a", NULL, 0), NULL);
    close_store(store, KV_BYTES_MIN);
}

TEST(compare_and_set)
{
    kv_store *store = open_store(KV_BYTES_MIN);
    uint64_t revision = 0, later = 0;

    CHECK_EQ_INT(set(store, "a", "1", 0, 5, 0), EXCHANGE_KV_CHANGED);
    CHECK_EQ_INT(set(store, "a", "1", 0, 0, 0), EXCHANGE_KV_OK); /* if it is not there */
    CHECK_EQ_INT(set(store, "a", "2", 0, 0, 0), EXCHANGE_KV_CHANGED);
    CHECK_EQ_STR(get(store, "a", &revision, 0), "1");
    CHECK_EQ_INT(set(store, "a", "2", 0, revision, 0), EXCHANGE_KV_OK);
    CHECK_EQ_INT(set(store, "a", "3", 0, revision, 0), EXCHANGE_KV_CHANGED);
    CHECK_EQ_STR(get(store, "a", &later, 0), "2");
    /* Removed and made anew it has not the old revision again. */
    CHECK_EQ_INT(kv_store_delete(store, "a", 1, KV_ANY, 0), EXCHANGE_KV_OK);
    CHECK_EQ_INT(set(store, "a", "2", 0, 0, 0), EXCHANGE_KV_OK);
    CHECK_EQ_INT(set(store, "a", "4", 0, later, 0), EXCHANGE_KV_CHANGED);
    close_store(store, KV_BYTES_MIN);
}

TEST(numbers)
{
    kv_store *store = open_store(KV_BYTES_MIN);
    uint64_t before = 0, after = 0;
    int64_t sum = 0;

    CHECK_EQ_INT(kv_store_add(store, "n", 1, 5, 0, &sum, 0), EXCHANGE_KV_OK);
    CHECK_EQ_INT(sum, 5);
    get(store, "n", &before, 0);
    CHECK_EQ_INT(kv_store_add(store, "n", 1, -7, 0, &sum, 0), EXCHANGE_KV_OK);
    CHECK_EQ_INT(sum, -2);
    CHECK_EQ_MEM(get(store, "n", &after, 0), 8, "\xfe\xff\xff\xff\xff\xff\xff\xff", 8);
    CHECK(before != after);
    CHECK_EQ_INT(set(store, "n", "12345678", 0, after, 0), EXCHANGE_KV_OK);
    CHECK_EQ_INT(kv_store_add(store, "n", 1, 1, 0, &sum, 0), EXCHANGE_KV_OK);
    CHECK_EQ_STR(get(store, "n", NULL, 0), "22345678"); /* eight bytes are a number */
    CHECK_EQ_INT(set(store, "n", "1", 0, KV_ANY, 0), EXCHANGE_KV_OK);
    CHECK_EQ_INT(kv_store_add(store, "n", 1, 1, 0, &sum, 0), EXCHANGE_KV_NUMBER);
    CHECK_EQ_INT(kv_store_add(store, "m", 1, INT64_MAX, 0, &sum, 0), EXCHANGE_KV_OK);
    CHECK_EQ_INT(kv_store_add(store, "m", 1, 1, 0, &sum, 0), EXCHANGE_KV_NUMBER);
    CHECK_EQ_INT(kv_store_add(store, "m", 1, -1, 0, &sum, 0), EXCHANGE_KV_OK);
    CHECK_EQ_INT(sum, INT64_MAX - 1);
    close_store(store, KV_BYTES_MIN);
}

TEST(time)
{
    kv_store *store = open_store(KV_BYTES_MIN);
    uint64_t now = 100 * SECOND;
    kv_stats stats;
    int64_t sum;

    CHECK_EQ_INT(set(store, "a", "1", SECOND, KV_ANY, now), EXCHANGE_KV_OK);
    CHECK_EQ_INT(set(store, "forever", "1", 0, KV_ANY, now), EXCHANGE_KV_OK);
    CHECK_EQ_INT(set(store, "longest", "1", UINT64_MAX, KV_ANY, now), EXCHANGE_KV_OK);
    CHECK_EQ_STR(get(store, "a", NULL, now + SECOND - 1), "1");
    CHECK_EQ_STR(get(store, "a", NULL, now + SECOND), NULL);
    CHECK_EQ_STR(get(store, "forever", NULL, UINT64_MAX - 1), "1");
    CHECK_EQ_STR(get(store, "longest", NULL, UINT64_MAX - 1), "1");
    kv_store_stats(store, &stats);
    CHECK_EQ_UINT(stats.expired, 1);
    CHECK_EQ_UINT(stats.entries, 2);
    /* A window of a rate limit: begun by the first, not moved by the others. */
    for (int i = 1; i <= 3; i++) {
        CHECK_EQ_INT(kv_store_add(store, "w", 1, 1, SECOND, &sum, now + (uint64_t)i * SECOND / 4),
                     EXCHANGE_KV_OK);
        CHECK_EQ_INT(sum, i);
    }
    CHECK_EQ_INT(kv_store_add(store, "w", 1, 1, SECOND, &sum, now + SECOND + SECOND / 4),
                 EXCHANGE_KV_OK);
    CHECK_EQ_INT(sum, 1);
    /* What is over is not there for a compare-and-set either, and setting begins a time anew. */
    CHECK_EQ_INT(set(store, "a", "2", SECOND, 0, now + 2 * SECOND), EXCHANGE_KV_OK);
    CHECK_EQ_INT(set(store, "a", "3", 0, KV_ANY, now + 2 * SECOND), EXCHANGE_KV_OK);
    CHECK_EQ_STR(get(store, "a", NULL, now + 1000 * SECOND), "3");
    close_store(store, KV_BYTES_MIN);
}

TEST(sizes)
{
    static char large[KV_VALUE_MAX + 1], back[KV_VALUE_MAX + 1], key[KV_KEY_MAX + 1];
    kv_store *store = open_store(KV_BYTES_MIN);
    size_t length = 0;
    uint64_t revision;

    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (char)(i * 7 + i / 251);
    memset(key, 'k', sizeof key);
    CHECK_EQ_INT(kv_store_set(store, key, KV_KEY_MAX + 1, "", 0, 0, KV_ANY, 0), EXCHANGE_KV_SIZE);
    CHECK_EQ_INT(kv_store_set(store, key, 0, "", 0, 0, KV_ANY, 0), EXCHANGE_KV_SIZE);
    CHECK_EQ_INT(kv_store_set(store, key, 1, large, KV_VALUE_MAX + 1, 0, KV_ANY, 0),
                 EXCHANGE_KV_SIZE);
    CHECK_EQ_INT(kv_store_get(store, key, KV_KEY_MAX + 1, back, 1, &length, &revision, 0),
                 EXCHANGE_KV_SIZE);
    CHECK_EQ_INT(kv_store_delete(store, key, 0, KV_ANY, 0), EXCHANGE_KV_SIZE);
    /* All lengths around the borders of blocks, with short and long keys. */
    for (size_t size = 0; size <= KV_VALUE_MAX; size += size < 400 ? 1 : 997) {
        for (size_t k = 1; k <= KV_KEY_MAX; k += 51) {
            CASE("%zu bytes under a key of %zu", size, k);
            CHECK_EQ_INT(kv_store_set(store, key, k, large, size, 0, KV_ANY, 0), EXCHANGE_KV_OK);
            memset(back, 0, sizeof back);
            CHECK_EQ_INT(kv_store_get(store, key, k, back, size, &length, &revision, 0),
                         EXCHANGE_KV_OK);
            CHECK_EQ_MEM(back, length, large, size);
            if (size > 0) {
                length = 0;
                CHECK_EQ_INT(kv_store_get(store, key, k, back, size - 1, &length, &revision, 0),
                             EXCHANGE_KV_SHORT);
                CHECK_EQ_UINT(length, size);
            }
        }
    }
    CHECK_EQ_INT(kv_store_set(store, key, KV_KEY_MAX, large, KV_VALUE_MAX, 0, KV_ANY, 0),
                 EXCHANGE_KV_OK);
    close_store(store, KV_BYTES_MIN);
}

TEST(memory_that_can_be_a_store)
{
    static const size_t sizes[] = {KV_BYTES_MIN,     KV_BYTES_MIN + 64, 100000,  200000,
                                   KV_BYTES_DEFAULT, 5 << 20,           64 << 20};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t bytes = (sizes[i] + 4095) / 4096 * 4096;
        kv_store *store = open_store(bytes);

        CASE("%zu bytes", bytes);
        REQUIRE(store != NULL);
        CHECK(kv_store_attach(store, bytes) == store);
        CHECK(kv_store_attach(store, bytes + 4096) == NULL);
        CHECK_EQ_INT(set(store, "a", "1", 0, KV_ANY, 0), EXCHANGE_KV_OK);
        /* Most of it is for entries. */
        CHECK((uint64_t)store->block_count * BLOCK_BYTES * store->shard_count > bytes / 10 * 9);
        CHECK((char *)(blocks_of(store, shard_at(store, store->shard_count - 1)) +
                       store->block_count) <= (char *)store + bytes);
        close_store(store, bytes);
    }
    CHECK(open_store(4096) == NULL);
    static _Alignas(64) char other[KV_BYTES_MIN];
    CHECK(kv_store_attach(other, sizeof other) == NULL);
}

TEST(what_is_full_forgets_the_least_used)
{
    static const char value[1000] = "x";
    kv_store *store = open_store(KV_BYTES_MIN);
    char key[32];
    kv_stats stats;
    uint64_t now = SECOND;

    /* One shard of about 56 such entries. "keep" is read all the time, "over" has had its time. */
    CHECK_EQ_INT(set(store, "keep", "k", 0, KV_ANY, now), EXCHANGE_KV_OK);
    CHECK_EQ_INT(set(store, "over", "o", 1, KV_ANY, now), EXCHANGE_KV_OK);
    for (int i = 0; i < 500; i++) {
        snprintf(key, sizeof key, "key %d", i);
        CHECK_EQ_INT(
            kv_store_set(store, key, strlen(key), value, sizeof value, 0, KV_ANY, now + 10),
            EXCHANGE_KV_OK);
        CHECK_EQ_STR(get(store, "keep", NULL, now + 10), "k");
    }
    kv_store_stats(store, &stats);
    CHECK(stats.evicted > 400 && stats.entries > 40 && stats.entries < 80);
    CHECK_EQ_UINT(stats.expired, 1);
    CHECK(stats.used <= stats.bytes && stats.bytes == KV_BYTES_MIN);
    /* The latest are there, the first are not. */
    CHECK(kv_store_delete(store, "key 499", 7, KV_ANY, now + 10) == EXCHANGE_KV_OK);
    CHECK(kv_store_delete(store, "key 0", 5, KV_ANY, now + 10) == EXCHANGE_KV_MISSING);
    close_store(store, KV_BYTES_MIN);
}

TEST(what_has_expired_goes_before_what_lives)
{
    static const char value[1000] = "x";
    kv_store *store = open_store(KV_BYTES_MIN);
    char key[32];
    kv_stats stats;

    for (int i = 0; i < 40; i++) { /* every second one has a time */
        snprintf(key, sizeof key, "key %d", i);
        kv_store_set(store, key, strlen(key), value, sizeof value, i % 2 ? SECOND : 0, KV_ANY, 1);
    }
    for (int i = 100; i < 130; i++) {
        snprintf(key, sizeof key, "key %d", i);
        kv_store_set(store, key, strlen(key), value, sizeof value, 0, KV_ANY, 5 * SECOND);
    }
    kv_store_stats(store, &stats);
    CHECK(stats.expired >= 10);
    CHECK_EQ_UINT(stats.evicted, 0);
    close_store(store, KV_BYTES_MIN);
}

TEST(a_copy_has_everything_that_lives)
{
    kv_store *from = open_store(KV_BYTES_DEFAULT), *to = open_store(4 * KV_BYTES_DEFAULT);
    kv_store *small = open_store(KV_BYTES_MIN);
    char key[32], value[2000];
    kv_stats stats;

    memset(value, 'v', sizeof value);
    for (int i = 0; i < 400; i++) {
        snprintf(key, sizeof key, "key %d", i);
        kv_store_set(from, key, strlen(key), value, (size_t)i * 3, i % 4 ? 0 : SECOND, KV_ANY, 1);
    }
    kv_store_copy(to, from, SECOND / 2);
    kv_store_stats(to, &stats);
    CHECK_EQ_UINT(stats.entries, 400);
    CHECK(get(to, "key 8", NULL, SECOND) != NULL);
    CHECK(get(to, "key 8", NULL, SECOND + 1) == NULL);
    CHECK_EQ_UINT(strlen(get(to, "key 399", NULL, 2 * SECOND)), 399 * 3);
    kv_store_copy(small, from, 2 * SECOND);
    kv_store_stats(small, &stats);
    CHECK(stats.entries > 20 && stats.entries < 300); /* what there is room for */
    CHECK(get(small, "key 8", NULL, 2 * SECOND) == NULL);
    close_store(small, KV_BYTES_MIN);
    close_store(to, 4 * KV_BYTES_DEFAULT);
    close_store(from, KV_BYTES_DEFAULT);
}

/* ---- a model -------------------------------------------------------------------------------- */

static uint32_t state = 1;

static uint32_t random_number(void)
{
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

TEST(a_model_agrees)
{
    enum { KEYS = 40 };
    static struct {
        bool there;
        char value[300];
        size_t length;
        uint64_t expires, revision;
    } model[KEYS];
    kv_store *store = open_store(KV_BYTES_DEFAULT);
    uint64_t now = SECOND;

    memset(model, 0, sizeof model);
    for (int step = 0; step < 60000; step++) {
        uint32_t k = random_number() % KEYS, what = random_number() % 8;
        uint64_t ttl = random_number() % 3 == 0 ? 1 + random_number() % 1000 : 0, revision = 0;
        char key[300], value[300], back[300];
        size_t key_length = (size_t)snprintf(key, sizeof key, "%*u", (int)(1 + k * 5), k);
        size_t length = random_number() % sizeof value, got = 0;
        exchange_kv_status status;

        now += random_number() % 20;
        if (model[k].there && model[k].expires <= now)
            model[k].there = false;
        for (size_t i = 0; i < length; i++)
            value[i] = (char)random_number();
        status = kv_store_get(store, key, key_length, back, sizeof back, &got, &revision, now);
        if (!CHECK_EQ_INT(status, model[k].there ? EXCHANGE_KV_OK : EXCHANGE_KV_MISSING))
            break;
        if (model[k].there && !CHECK_EQ_MEM(back, got, model[k].value, model[k].length))
            break;
        if (what == 0) {
            status = kv_store_delete(store, key, key_length, KV_ANY, now);
            CHECK_EQ_INT(status, model[k].there ? EXCHANGE_KV_OK : EXCHANGE_KV_MISSING);
            model[k].there = false;
        } else if (what < 5) {
            uint64_t expected = what == 1 ? revision : what == 2 ? revision + 1 : KV_ANY;

            status = kv_store_set(store, key, key_length, value, length, ttl, expected, now);
            CHECK_EQ_INT(status, what == 2 ? EXCHANGE_KV_CHANGED : EXCHANGE_KV_OK);
            if (status == EXCHANGE_KV_OK) {
                model[k].there = true;
                memcpy(model[k].value, value, length);
                model[k].length = length;
                model[k].expires = ttl != 0 ? now + ttl : UINT64_MAX;
            }
        } else if (what == 5) {
            int64_t sum = 0, before = 0;

            if (model[k].there && model[k].length == 8)
                memcpy(&before, model[k].value, 8);
            status = kv_store_add(store, key, key_length, 3, ttl, &sum, now);
            if (model[k].there && model[k].length != 8) {
                CHECK_EQ_INT(status, EXCHANGE_KV_NUMBER);
            } else if (status == EXCHANGE_KV_OK) {
                CHECK_EQ_INT(sum, before + 3);
                if (!model[k].there)
                    model[k].expires = ttl != 0 ? now + ttl : UINT64_MAX;
                model[k].there = true;
                model[k].length = 8;
                memcpy(model[k].value, &sum, 8);
            }
        }
        if (step % 1000 == 0 && !CHECK_EQ_STR(kv_store_check(store), NULL))
            break;
    }
    close_store(store, KV_BYTES_DEFAULT);
}

/* ---- many processes, and their death -------------------------------------------------------- */

/* Adds to counters for ever, and sets and removes large values beside them; says in `done` how
 * often it has added. */
static void work(kv_store *store, _Atomic uint64_t *done, uint32_t seed)
{
    static char value[3000];
    uint64_t now = SECOND;

    state = seed;
    for (;;) {
        char key[32];
        int64_t sum;
        size_t length = (size_t)snprintf(key, sizeof key, "big %u", random_number() % 30);

        if (kv_store_add(store, "count", 5, 1, 0, &sum, now) == EXCHANGE_KV_OK)
            (*done)++;
        switch (random_number() % 3) {
        case 0: kv_store_delete(store, key, length, KV_ANY, now); break;
        case 1: {
            uint64_t revision;
            size_t got;

            kv_store_get(store, key, length, value, sizeof value, &got, &revision, now);
            break;
        }
        default:
            memset(value, (int)random_number() % 256, sizeof value);
            kv_store_set(store, key, length, value, random_number() % sizeof value, 0, KV_ANY, now);
        }
    }
}

TEST(killed_processes_leave_a_store_that_works)
{
    enum { WORKERS = 3, ROUNDS = 150 };
    kv_store *store = open_store(4 * KV_BYTES_MIN);
    _Atomic uint64_t *done =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint64_t said = 0;
    kv_stats stats;
    int64_t sum = 0;

    for (int round = 0; round < ROUNDS; round++) {
        pid_t workers[WORKERS];

        for (int i = 0; i < WORKERS; i++) {
            workers[i] = unit_fork();
            if (workers[i] == 0)
                work(store, &done[i], (uint32_t)(round * 31 + i));
        }
        usleep(500 + (unsigned)round * 13 % 1500);
        for (int i = 0; i < WORKERS; i++) {
            int status;

            kill(workers[i], SIGKILL);
            waitpid(workers[i], &status, 0);
            CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        }
        if (!CHECK_EQ_STR(kv_store_check(store), NULL))
            break;
    }
    /* Each addition that returned was counted; each death may hide one that did not return. */
    CHECK_EQ_INT(kv_store_add(store, "count", 5, 0, 0, &sum, SECOND), EXCHANGE_KV_OK);
    for (int i = 0; i < WORKERS; i++)
        said += done[i];
    CHECK((uint64_t)sum >= said && (uint64_t)sum <= said + WORKERS * ROUNDS);
    CHECK(said > ROUNDS);
    kv_store_stats(store, &stats);
    CHECK(stats.recovered > 0); /* or the test has not seen what it is for */
    munmap((void *)done, 4096);
    close_store(store, 4 * KV_BYTES_MIN);
}

/* Whatever a process had written when it died: every state between two stores. The writer is
 * stopped behind each store to the links by the place where it would have died next. */
TEST(every_state_in_which_one_can_die_is_mended)
{
    kv_store *store = open_store(KV_BYTES_MIN);
    shard *s = shard_at(store, 0);
    static char copy[KV_BYTES_MIN];
    kv_stats stats;

    for (int i = 0; i < 30; i++) {
        char key[16];

        snprintf(key, sizeof key, "k%d", i);
        set(store, key,
            "a value that is longer than what goes into one block of the store: "
            "it takes two of them, so that there are links between blocks as well",
            0, KV_ANY, 1);
    }
    memcpy(copy, store, sizeof copy);
    /* What is not reachable from the buckets can be anything. */
    for (int how = 0; how < 5; how++) {
        pid_t worker;
        int status;

        CASE("way %d", how);
        memcpy(store, copy, sizeof copy);
        worker = unit_fork();
        if (worker == 0) {
            pthread_mutex_lock(&s->lock);
            switch (how) {
            case 0: s->first_free = 0; break; /* blocks taken from the free list, and lost */
            case 1:
                s->newest = s->oldest = 12345;
                s->free_count = 7;
                break;
            case 2: memset((void *)&s->entries, 0xff, sizeof s->entries); break;
            case 3: /* every link by use */
                for (uint32_t i = 1; i < store->block_count; i++)
                    blocks_of(store, s)[i].first.head.newer = 77777;
                break;
            default: memset(marks_of(store, s), 0xff, store->block_count);
            }
            _exit(0);
        }
        waitpid(worker, &status, 0);
        CHECK(get(store, "k7", NULL, 1) != NULL);
        CHECK_EQ_STR(kv_store_check(store), NULL);
        kv_store_stats(store, &stats);
        CHECK_EQ_UINT(stats.entries, 30);
        CHECK_EQ_UINT(stats.recovered, 1);
        CHECK_EQ_INT(set(store, "new", "value", 0, KV_ANY, 1), EXCHANGE_KV_OK);
    }
    close_store(store, KV_BYTES_MIN);
}

TEST(a_lock_that_nobody_gives_back_is_not_waited_for)
{
    kv_store *store = open_store(KV_BYTES_MIN);
    pid_t holder = unit_fork();
    int status;

    if (holder == 0) {
        pthread_mutex_lock(&shard_at(store, 0)->lock);
        raise(SIGSTOP);
        _exit(0);
    }
    waitpid(holder, &status, WUNTRACED);
    CHECK_EQ_INT(set(store, "a", "1", 0, KV_ANY, 0), EXCHANGE_KV_BUSY);
    CHECK_EQ_STR(get(store, "a", NULL, 0), NULL);
    kill(holder, SIGKILL);
    waitpid(holder, &status, 0);
    CHECK_EQ_INT(set(store, "a", "1", 0, KV_ANY, 0), EXCHANGE_KV_OK);
    close_store(store, KV_BYTES_MIN);
}
