/* SPDX-License-Identifier: Apache-2.0
 * store_record_test.c — the store's records: written, read back, and refused when a bit is wrong.
 * layers: delivery
 *
 * How:     Every record is flipped bit by bit, and cut off at every length: none of those may be
 *          taken for a record.
 * Memory:  On the stack.
 * Threads: One.
 */
#include "unit.h"

#include <stdlib.h>

#include "store_record.h"

static void fill_digest(uint8_t digest[SHA256_SIZE], uint8_t seed)
{
    for (int i = 0; i < SHA256_SIZE; i++) {
        digest[i] = (uint8_t)(seed + i);
    }
}

static struct store_key key_of(enum coding coding, uint8_t digest, uint8_t old)
{
    struct store_key key = {.coding = coding};

    fill_digest(key.digest, digest);
    if (coding_needs_dictionary(coding)) {
        fill_digest(key.old, old);
    }
    return key;
}

/* ---- names ---- */

#define HEX(a) a a a a
#define D      HEX("0123456789abcdef")

static const struct {
    const char *name;
    bool good;
} names[] = {
    {D ".br", true},
    {D ".zst", true},
    {D ".gz", true},
    {D ".raw", true},
    {D "." D ".dcz", true},
    {D "." D ".dcb", true},
    {D, false},
    {D ".", false},
    {D ".dcz", false},
    {D "." D ".br", false},
    {D "." D ".raw", false},
    {D "." D, false},
    {D ".BR", false},
    {D ".br.br", false},
    {D ".brx", false},
    {D D ".br", false},
    {"0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef.br", false},
    {"0123456789abcdef.br", false},
    {"", false},
    {".br", false},
    {"..", false},
    {"g" D ".br", false},
};

TEST(names_of_variants)
{
    char again[STORE_NAME_SIZE];
    struct store_key key;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        CASE("%s", names[i].name);
        if (CHECK_EQ_INT(store_name_read(&key, names[i].name), names[i].good) && names[i].good) {
            store_name_write(again, &key);
            CHECK_EQ_STR(again, names[i].name);
        }
    }
}

/* ---- seals ---- */

TEST(seals)
{
    for (int c = 0; c < CODING_COUNT; c++) {
        struct store_seal seal = {key_of((enum coding)c, 1, 99), 1000, 500, 0x0123456789abcdef},
                          got;
        uint8_t bytes[STORE_SEAL_SIZE];
        CASE("%s", coding_info((enum coding)c)->token);
        store_seal_write(bytes, &seal);
        REQUIRE(store_seal_read(&got, bytes));
        CHECK_EQ_INT(got.key.coding, c);
        CHECK_EQ_MEM(got.key.digest, 32, seal.key.digest, 32);
        CHECK_EQ_MEM(got.key.old, 32, seal.key.old, 32);
        CHECK_EQ_UINT(got.raw_size, 1000);
        CHECK_EQ_UINT(got.body_size, 500);
        CHECK_EQ_UINT(got.checksum, 0x0123456789abcdef);
        for (size_t bit = 0; bit < 8 * sizeof(bytes); bit++) {
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            if (store_seal_read(&got, bytes)) {
                FAIL("bit %zu does not count", bit);
            }
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
}

/* However the pieces are cut, as long as they are whole words; and every byte counts. */
TEST(checksums)
{
    uint8_t bytes[100];
    uint64_t whole, cut;

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * 7);
    }
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        CASE("%zu bytes", len);
        whole = store_checksum_end(store_checksum_add(STORE_CHECKSUM_START, bytes, len), len);
        for (size_t at = 0; at <= len; at += 8) {
            cut = store_checksum_add(STORE_CHECKSUM_START, bytes, at);
            cut = store_checksum_add(cut, bytes + at, len - at);
            CHECK_EQ_UINT(store_checksum_end(cut, len), whole);
        }
        for (size_t bit = 0; bit < 8 * len; bit++) {
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            cut = store_checksum_end(store_checksum_add(STORE_CHECKSUM_START, bytes, len), len);
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            CHECK(cut != whole);
        }
    }
    /* Zeros at the end are told from none by the length. */
    memset(bytes, 0, sizeof(bytes));
    whole = store_checksum_end(store_checksum_add(STORE_CHECKSUM_START, bytes, 1), 1);
    cut = store_checksum_end(store_checksum_add(STORE_CHECKSUM_START, bytes, 2), 2);
    CHECK(whole != cut);
}

/* ---- the index ---- */

static struct store_entry entry_of(uint64_t inode, uint64_t stamp)
{
    struct store_entry entry = {
        .id = {1, inode, 100, 2, 3}, .sizes = {0, 10, STORE_USELESS, 0}, .stamp = stamp};

    fill_digest(entry.digest, (uint8_t)inode);
    return entry;
}

TEST(index_entries)
{
    uint8_t bucket[STORE_BUCKET_SIZE] = {0};
    struct store_entry entry = entry_of(1, 5), got;
    size_t place;

    CHECK(!store_index_find(&got, &entry.id, bucket));
    place = store_index_put(bucket, &entry);
    REQUIRE(store_index_find(&got, &entry.id, bucket));
    CHECK(fileid_equal(&got.id, &entry.id));
    CHECK_EQ_MEM(got.digest, 32, entry.digest, 32);
    CHECK_EQ_MEM(got.sizes, sizeof(got.sizes), entry.sizes, sizeof(entry.sizes));
    CHECK_EQ_UINT(got.stamp, 5);
    CHECK(store_entry_has_digest(&got));
    CHECK(!store_entry_has_digest(&(struct store_entry){.stamp = 1}));
    for (size_t bit = 0; bit < 8 * STORE_ENTRY_SIZE; bit++) {
        size_t at = place * STORE_ENTRY_SIZE + bit / 8;
        bucket[at] ^= (uint8_t)(1u << bit % 8);
        if (store_index_find(&got, &entry.id, bucket)) {
            FAIL("bit %zu does not count", bit);
        }
        bucket[at] ^= (uint8_t)(1u << bit % 8);
    }
    /* The same file again takes the same place. */
    entry.sizes[CODING_GZIP] = 20;
    CHECK_EQ_UINT(store_index_put(bucket, &entry), place);
    REQUIRE(store_index_find(&got, &entry.id, bucket));
    CHECK_EQ_UINT(got.sizes[CODING_GZIP], 20);
    /* Another state of it is another file. */
    entry.id.ctime++;
    CHECK(!store_index_find(&got, &entry.id, bucket));
}

TEST(a_full_bucket_loses_the_oldest)
{
    static const uint64_t stamps[STORE_BUCKET_ENTRIES] = {50, 20, 70, 10, 30, 60, 80, 40};
    uint8_t bucket[STORE_BUCKET_SIZE];
    struct store_entry entry, got;

    memset(bucket, 0xa5, sizeof(bucket)); /* garbage is free */
    for (uint64_t i = 0; i < STORE_BUCKET_ENTRIES; i++) {
        entry = entry_of(i, stamps[i]);
        store_index_put(bucket, &entry);
    }
    for (uint64_t i = 0; i < STORE_BUCKET_ENTRIES; i++) {
        entry = entry_of(i, 0);
        CHECK(store_index_find(&got, &entry.id, bucket));
    }
    entry = entry_of(100, 90);
    CHECK_EQ_UINT(store_index_put(bucket, &entry), 3);
    CHECK(store_index_find(&got, &entry.id, bucket));
    entry = entry_of(3, 0);
    CHECK(!store_index_find(&got, &entry.id, bucket));
}

TEST(what_is_gone_is_forgotten)
{
    uint8_t bucket[STORE_BUCKET_SIZE] = {0};
    struct store_entry entry = entry_of(1, 5), got;
    struct store_key key = key_of(CODING_BR, 1, 0);

    store_index_put(bucket, &entry);
    key.coding = CODING_ZSTD; /* useless: there never was a file */
    CHECK(!store_index_forget(bucket, &key));
    key.coding = CODING_IDENTITY;
    CHECK(!store_index_forget(bucket, &key));
    key.coding = CODING_DCZ;
    CHECK(!store_index_forget(bucket, &key));
    key.coding = CODING_BR;
    key.digest[0]++;
    CHECK(!store_index_forget(bucket, &key));
    key.digest[0]--;
    CHECK(store_index_forget(bucket, &key));
    CHECK(!store_index_forget(bucket, &key));
    REQUIRE(store_index_find(&got, &entry.id, bucket));
    CHECK_EQ_UINT(got.sizes[CODING_BR], 0);
    CHECK(got.sizes[CODING_ZSTD] == STORE_USELESS);
}

TEST(offsets_are_whole_buckets_of_the_file)
{
    for (uint64_t i = 0; i < 1000; i++) {
        struct fileid id = {i, i * i, 0, 0, 0};
        uint64_t at = store_index_offset(&id);
        CHECK(at % STORE_BUCKET_SIZE == 0 && at < STORE_BUCKETS * (uint64_t)STORE_BUCKET_SIZE);
    }
}

/* ---- jobs ---- */

static struct store_job a_job(enum store_job_kind kind)
{
    struct store_job job = {.kind = kind,
                            .attempts = 2,
                            .codings = 5,
                            .version = true,
                            .id = {1, 2, 3, 4, 5},
                            .path = "/srv/www/app.wasm"};

    fill_digest(job.digest, 7);
    fill_digest(job.old, 8);
    return job;
}

TEST(jobs)
{
    struct store_job job = a_job(STORE_JOB_DELTA), *got = malloc(sizeof(*got));
    uint8_t bytes[STORE_JOB_MAX];
    size_t len = store_job_write(bytes, &job);

    REQUIRE(got != NULL && len > 0 && store_job_read(got, bytes, len));
    CHECK_EQ_INT(got->kind, STORE_JOB_DELTA);
    CHECK_EQ_INT(got->attempts, 2);
    CHECK_EQ_INT(got->codings, 5);
    CHECK(got->version);
    CHECK(fileid_equal(&got->id, &job.id));
    CHECK_EQ_MEM(got->digest, 32, job.digest, 32);
    CHECK_EQ_MEM(got->old, 32, job.old, 32);
    CHECK_EQ_STR(got->path, job.path);
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *part = malloc(cut ? cut : 1);
        REQUIRE(part != NULL);
        memcpy(part, bytes, cut);
        if (store_job_read(got, part, cut)) {
            FAIL("the first %zu bytes are taken for all", cut);
        }
        free(part);
    }
    for (size_t bit = 0; bit < 8 * len; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (store_job_read(got, bytes, len)) {
            FAIL("bit %zu does not count", bit);
        }
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    free(got);
}

TEST(paths_of_jobs)
{
    struct store_job job = a_job(STORE_JOB_FILE);
    uint8_t bytes[STORE_JOB_MAX];

    job.path[0] = 'x';
    CHECK_EQ_UINT(store_job_write(bytes, &job), 0);
    job.path[0] = '\0';
    CHECK_EQ_UINT(store_job_write(bytes, &job), 0);
    memset(job.path, 'x', sizeof(job.path));
    job.path[0] = '/';
    CHECK_EQ_UINT(store_job_write(bytes, &job), 0);
    job.path[STORE_PATH_MAX - 1] = '\0';
    CHECK(store_job_write(bytes, &job) > STORE_PATH_MAX);
}

TEST(places_of_jobs)
{
    struct store_job job = a_job(STORE_JOB_FILE), other = job;
    char place[STORE_PLACE_NAME], again[STORE_PLACE_NAME];
    bool seen[STORE_PLACES] = {false};
    int places = 0;

    store_job_place(place, &job);
    other.attempts++;
    other.codings = 7;
    store_job_place(again, &other);
    CHECK_EQ_STR(place, again);
    for (int kind = STORE_JOB_FILE; kind <= STORE_JOB_DELTA; kind++) {
        job = a_job((enum store_job_kind)kind);
        for (unsigned i = 0; i < 2000; i++) {
            unsigned long n;
            job.id.inode = i;
            memcpy(job.old, &i, sizeof(i));
            store_job_place(place, &job);
            CHECK_EQ_UINT(strlen(place), 3);
            n = strtoul(place, NULL, 16);
            REQUIRE(n < STORE_PLACES);
            places += !seen[n];
            seen[n] = true;
        }
    }
    CHECK(places > STORE_PLACES / 2);
}

/* ---- families ---- */

static struct store_version version_of(uint8_t seed, const char *name)
{
    struct store_version version = {.size = seed};

    fill_digest(version.digest, seed);
    snprintf(version.name, sizeof(version.name), "%s", name);
    return version;
}

static void check_names(const struct store_family *family, const char *expected)
{
    char got[256] = "";

    for (size_t i = 0; i < family->count; i++) {
        snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s", i ? " " : "",
                 family->versions[i].name);
    }
    CHECK_EQ_STR(got, expected);
}

TEST(families)
{
    struct store_family family = {0}, got;
    struct store_version version, dropped;
    uint8_t bytes[STORE_FAMILY_MAX];
    size_t len = store_family_write(bytes, &family);

    CHECK(store_family_read(&got, bytes, len) && got.count == 0);
    for (uint8_t i = 1; i <= 4; i++) {
        version = version_of(i, (const char[]){(char)('`' + i), '\0'});
        CHECK(!store_family_add(&family, &version, &dropped));
    }
    check_names(&family, "d c b a");
    version = version_of(5, "e");
    CHECK(store_family_add(&family, &version, &dropped));
    check_names(&family, "e d c b");
    CHECK_EQ_STR(dropped.name, "a");
    /* Another content under a name; another name for a content; both at once. */
    version = version_of(6, "c");
    CHECK(!store_family_add(&family, &version, &dropped));
    check_names(&family, "c e d b");
    version = version_of(5, "f");
    CHECK(!store_family_add(&family, &version, &dropped));
    check_names(&family, "f c d b");
    version = version_of(4, "b");
    CHECK(!store_family_add(&family, &version, &dropped));
    check_names(&family, "b f c");

    CHECK(store_family_find(&family, version.digest, "b") == &family.versions[0]);
    CHECK(store_family_find(&family, version.digest, NULL) == &family.versions[0]);
    CHECK(store_family_find(&family, version.digest, "c") == NULL);
    fill_digest(version.digest, 77);
    CHECK(store_family_find(&family, version.digest, NULL) == NULL);

    len = store_family_write(bytes, &family);
    REQUIRE(store_family_read(&got, bytes, len));
    check_names(&got, "b f c");
    CHECK_EQ_UINT(got.versions[0].size, 4);
    for (size_t bit = 0; bit < 8 * len; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (store_family_read(&got, bytes, len)) {
            FAIL("bit %zu does not count", bit);
        }
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t cut = 0; cut < len; cut++) {
        CHECK(!store_family_read(&got, bytes, cut));
    }
    store_family_remove(&family, family.versions[1].digest);
    check_names(&family, "b c");
}

TEST(the_largest_family_fits)
{
    struct store_family family = {0}, got;
    uint8_t *bytes = malloc(STORE_FAMILY_MAX);
    struct store_version version, dropped;
    char name[STORE_FILE_NAME];

    REQUIRE(bytes != NULL);
    memset(name, 'x', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    for (uint8_t i = 0; i < STORE_VERSIONS; i++) {
        name[0] = (char)('a' + i);
        version = version_of(i, name);
        store_family_add(&family, &version, &dropped);
    }
    CHECK(store_family_read(&got, bytes, store_family_write(bytes, &family)));
    CHECK_EQ_UINT(got.count, STORE_VERSIONS);
    free(bytes);
}

TEST(files_of_families)
{
    char name[STORE_FAMILY_NAME], other[STORE_FAMILY_NAME];

    CHECK(store_family_file(name, "/srv/app.11111111.wasm"));
    CHECK_EQ_UINT(strlen(name), 32);
    CHECK(store_family_file(other, "/srv/app.22222222.wasm"));
    CHECK_EQ_STR(name, other);
    CHECK(store_family_file(other, "/srv/bpp.22222222.wasm") && strcmp(name, other) != 0);
    CHECK(store_family_file(other, "/srw/app.22222222.wasm") && strcmp(name, other) != 0);
    CHECK(store_family_file(other, "/app.22222222.wasm") && strcmp(name, other) != 0);
    CHECK(!store_family_file(other, "/srv/app.wasm"));
    CHECK(!store_family_file(other, "/srv/11111111/app.wasm"));
    CHECK(!store_family_file(other, "app.11111111.wasm"));
}

/* ---- eviction ---- */

TEST(eviction)
{
    static const struct {
        uint64_t cap;
        const char *left; /* by the letters of their names */
    } cases[] = {
        {1000, "abcd"}, {100, "abcd"}, {99, "abc"}, {60, "abc"}, {59, "ab"},
        {30, "ab"},     {29, "a"},     {10, "a"},   {9, ""},     {0, ""},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        /* last used in the order a b c d; d and c in the same second, the larger goes first */
        struct store_used used[] = {
            {40, 100, false}, {20, 300, false}, {30, 100, false}, {10, 400, false}};
        struct store_used *all[] = {&used[0], &used[1], &used[2], &used[3]};
        char left[5] = "";
        size_t gone = store_evict_choose(all, 4, cases[i].cap);
        CASE("cap %d", (int)cases[i].cap);
        snprintf(left, sizeof(left), "%s%s%s%s", used[3].evict ? "" : "a", used[1].evict ? "" : "b",
                 used[2].evict ? "" : "c", used[0].evict ? "" : "d");
        CHECK_EQ_STR(left, cases[i].left);
        CHECK_EQ_UINT(gone, 4 - strlen(left));
    }
    CHECK_EQ_UINT(store_evict_choose(NULL, 0, 10), 0);
}
