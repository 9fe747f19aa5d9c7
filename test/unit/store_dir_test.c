/* SPDX-License-Identifier: Apache-2.0
 * store_dir_test.c — the store's directory: who may be one, and whatever may lie in it.
 * layers: delivery
 *
 * How:     Files, links and rubbish are put where records and variants are expected. A request must
 *          find nothing there, nothing outside may be touched, and a round of the worker puts the
 *          directory in order again.
 * Memory:  A world for each test.
 * Threads: One.
 */
#include "store_fixture.h"

#include "encoder.h"

#define FILE_NAME "www/app.11111111.wasm"

enum { SIZE = 20000 };

static bool begin(struct world *world)
{
    uint8_t *data = world_content(SIZE, 1);

    if (!world_begin(world)) {
        return false;
    }
    world_write(world, FILE_NAME, data, SIZE);
    free(data);
    world_ask(world, FILE_NAME, true);
    return CHECK_EQ_INT(world_work(world), STORE_ROUND_DONE);
}

/* The key, and the path below the world, of a variant of the file. */
static struct store_key variant(const struct world *world, enum coding coding, char path[256])
{
    struct store_key key = {.coding = coding};
    struct store_entry entry = {.stamp = 0};
    char name[STORE_NAME_SIZE];

    CHECK(world_index_is_right(world, FILE_NAME, &entry));
    memcpy(key.digest, entry.digest, SHA256_SIZE);
    store_name_write(name, &key);
    snprintf(path, 256, "%s/store/v/%s", world->dir, name);
    return key;
}

static bool opens(const struct world *world, const struct store_key *key)
{
    struct store_seal seal;
    struct stat st;
    int fd = store_open_variant(&world->store, key, &seal, &st);
    bool good = fd >= 0 && store_body_holds(fd, &seal);

    close(fd);
    return good;
}

TEST(who_may_be_a_store)
{
    static const mode_t modes[] = {0701, 0702, 0704, 0710, 0720, 0740, 0777, 01777};
    struct world world;
    struct store s;
    char *dir;

    REQUIRE(world_begin(&world));
    dir = world_path(&world, "store");
    CHECK_EQ_INT(store_check(dir, geteuid()), STORE_FINE);
    CHECK_EQ_INT(store_check(dir, geteuid() + 1), STORE_NOT_OWNED);
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        CASE("mode %o", modes[i]);
        chmod(dir, modes[i]);
        CHECK_EQ_INT(store_check(dir, geteuid()), STORE_OPEN_TO_OTHERS);
        CHECK(!store_open(&s, dir, geteuid()) && errno == EPERM);
    }
    chmod(dir, 0700);
    CASE("%s", "");
    CHECK_EQ_INT(store_check(world_path(&world, "nothing"), geteuid()), STORE_ABSENT);
    CHECK_EQ_INT(errno, ENOENT);
    world_write(&world, "file", "x", 1);
    CHECK_EQ_INT(store_check(world_path(&world, "file"), geteuid()), STORE_ABSENT);
    CHECK_EQ_INT(errno, ENOTDIR);
    CHECK(symlink(dir, world_path(&world, "link")) == 0);
    CHECK_EQ_INT(store_check(world_path(&world, "link"), geteuid()), STORE_ABSENT);
    CHECK(!store_open(&s, world_path(&world, "link"), geteuid()));
    world_end(&world);
}

/* ---- variants ---- */

static void cut_off(const char *path)
{
    CHECK(truncate(path, SIZE / 10) == 0);
}

static void cut_seal(const char *path)
{
    struct stat st;

    CHECK(stat(path, &st) == 0 && truncate(path, st.st_size - 1) == 0);
}

static void append(const char *path)
{
    int fd = open(path, O_WRONLY | O_APPEND);

    CHECK(write(fd, "x", 1) == 1);
    close(fd);
}

static void flip_body(const char *path)
{
    int fd = open(path, O_WRONLY);

    CHECK(pwrite(fd, "flip", 4, 100) == 4);
    close(fd);
}

static void empty(const char *path)
{
    CHECK(truncate(path, 0) == 0);
}

static void become_link(const char *path)
{
    char target[300];

    snprintf(target, sizeof(target), "%s.real", path);
    CHECK(rename(path, target) == 0 && symlink(target, path) == 0);
}

static void become_directory(const char *path)
{
    CHECK(unlink(path) == 0 && mkdir(path, 0700) == 0);
}

static void become_fifo(const char *path)
{
    CHECK(unlink(path) == 0 && mkfifo(path, 0600) == 0);
}

static void vanish(const char *path)
{
    CHECK(unlink(path) == 0);
}

static const struct {
    const char *what;
    void (*damage)(const char *path);
} damages[] = {
    {"cut off", cut_off},
    {"the seal cut off", cut_seal},
    {"appended to", append},
    {"written into", flip_body},
    {"emptied", empty},
    {"a link", become_link},
    {"a directory", become_directory},
    {"a fifo", become_fifo},
    {"gone", vanish},
};

TEST(damaged_variants)
{
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        struct world world;
        struct store_key key;
        char path[256];
        CASE("%s", damages[i].what);
        REQUIRE(begin(&world));
        key = variant(&world, CODING_GZIP, path);
        CHECK(opens(&world, &key));
        damages[i].damage(path);
        CHECK(!opens(&world, &key));
        world_ask(&world, FILE_NAME, true);
        CHECK_EQ_INT(world_work(&world), STORE_ROUND_DONE);
        CHECK(opens(&world, &key));
        world_check(&world);
        CHECK_EQ_INT(world_count(&world, "store/t"), 0);
        world_end(&world);
    }
}

/* A variant under the name of another file or of another coding is neither. */
TEST(variants_under_other_names)
{
    struct world world;
    struct store_key key, other;
    char path[256], name[STORE_NAME_SIZE], to[256];

    REQUIRE(begin(&world));
    key = variant(&world, CODING_GZIP, path);
    other = key;
    other.digest[0] ^= 1;
    store_name_write(name, &other);
    snprintf(to, sizeof(to), "%s/store/v/%s", world.dir, name);
    CHECK(link(path, to) == 0);
    CHECK(opens(&world, &key) && !opens(&world, &other));
    other = key;
    other.coding = CODING_BR;
    store_name_write(name, &other);
    snprintf(to, sizeof(to), "%s/store/v/%s", world.dir, name);
    unlink(to);
    CHECK(link(path, to) == 0);
    CHECK(opens(&world, &key) && !opens(&world, &other));
    world_end(&world);
}

/* What cannot be put away costs one file its variant, and nobody else. */
TEST(a_full_directory_in_place_of_a_variant)
{
    struct world world;
    struct store_key key;
    char path[256], below[300];
    uint8_t *data = world_content(SIZE, 2);
    struct store_entry entry;

    REQUIRE(begin(&world));
    key = variant(&world, CODING_GZIP, path);
    become_directory(path);
    snprintf(below, sizeof(below), "%s/x", path);
    CHECK(mkdir(below, 0700) == 0);
    world_write(&world, "www/other.wasm", data, SIZE);
    free(data);
    world_ask(&world, FILE_NAME, true);
    world_ask(&world, "www/other.wasm", false);
    for (int i = 0; i <= STORE_ATTEMPTS; i++) {
        CHECK_EQ_INT(world_work(&world), STORE_ROUND_DONE);
        CHECK(world_index_is_right(&world, "www/other.wasm", &entry));
    }
    CHECK(!opens(&world, &key));
    CHECK_EQ_INT(world_count(&world, "store/q"), 0);
    CHECK_EQ_INT(world_count(&world, "store/t"), 0);
    world_check(&world);
    world_end(&world);
}

/* ---- rubbish ---- */

TEST(rubbish_everywhere)
{
    static const char *const places[] = {"store/v/", "store/q/", "store/f/", "store/t/"};
    static const char *const names[] = {
        "x",
        "000",
        "fff",
        "variant",
        "family",
        "0123456789abcdef0123456789abcdef",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.br"};
    uint8_t junk[2000];
    char name[128];
    struct world world;

    for (size_t i = 0; i < sizeof(junk); i++) {
        junk[i] = (uint8_t)(i * i >> 3);
    }
    REQUIRE(world_begin(&world));
    world_write(&world, "outside", "mine", 4);
    for (int kind = 0; kind < 4; kind++) {
        for (int i = 0; i < 4; i++) {
            for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
                snprintf(name, sizeof(name), "%s%s", places[i], names[k]);
                switch (kind) {
                case 0: world_write(&world, name, junk, sizeof(junk)); break;
                case 1:
                    (void)!symlink(world_path(&world, "outside"), world_path(&world, name));
                    break;
                case 2: (void)!symlink("/dev/zero", world_path(&world, name)); break;
                default: (void)!mkfifo(world_path(&world, name), 0600); break;
                }
            }
        }
        world_write(&world, "store/index", junk, sizeof(junk));
        CASE("kind %d", kind);
        CHECK_EQ_INT(world_work(&world), STORE_ROUND_DONE);
        CHECK_EQ_INT(world_count(&world, "store/t"), 0);
        CHECK_EQ_INT(world_count(&world, "store/q"), 0);
        /* Only the names of variants stay, until the next eviction. */
        store_evict(&world.store, UINT64_MAX, &(int64_t){0});
        CHECK(world_count(&world, "store/v") <= 1);
        world_check(&world);
    }
    {
        int fd = open(world_path(&world, "outside"), O_RDONLY);
        struct world_bytes bytes = world_read(fd, 4);
        CHECK_EQ_MEM(bytes.at, bytes.len, "mine", 4);
        free(bytes.at);
        close(fd);
    }
    world_end(&world);
}

TEST(subdirectories_that_are_none)
{
    for (int kind = 0; kind < 3; kind++) {
        for (int i = 0; i < 4; i++) {
            const char *names[] = {"store/v", "store/q", "store/f", "store/t"};
            struct world world;
            struct store_entry entry;
            uint8_t *data = world_content(SIZE, 1);
            CASE("%s, %d", names[i], kind);
            REQUIRE(world_begin(&world));
            world_write(&world, FILE_NAME, data, SIZE);
            free(data);
            mkdir(world_path(&world, "elsewhere"), 0700);
            CHECK(rmdir(world_path(&world, names[i])) == 0);
            if (kind == 1) {
                world_write(&world, names[i], "x", 1);
            } else if (kind == 2) {
                CHECK(symlink(world_path(&world, "elsewhere"), world_path(&world, names[i])) == 0);
            }
            CHECK_EQ_INT(world_work(&world), STORE_ROUND_DONE);
            world_ask(&world, FILE_NAME, true);
            CHECK_EQ_INT(world_work(&world), STORE_ROUND_DONE);
            CHECK(world_index_is_right(&world, FILE_NAME, &entry));
            CHECK(world_count(&world, "store/v") >= 3);
            CHECK_EQ_INT(world_count(&world, "elsewhere"), 0);
            world_check(&world);
            world_end(&world);
        }
    }
}

TEST(jobs_can_be_added_without_a_queue)
{
    struct world world;
    struct store_entry entry;
    uint8_t *data = world_content(SIZE, 1);

    REQUIRE(world_begin(&world));
    world_write(&world, FILE_NAME, data, SIZE);
    free(data);
    CHECK(rmdir(world_path(&world, "store/q")) == 0);
    world_ask(&world, FILE_NAME, false);
    CHECK_EQ_INT(world_work(&world), STORE_ROUND_DONE);
    CHECK(world_index_is_right(&world, FILE_NAME, &entry));
    world_end(&world);
}

/* "rm -rf store/x" and a new index while servers have the old one open. */
TEST(an_index_that_is_removed)
{
    struct world world;
    struct store_entry entry;
    struct store request; /* as a child has it */

    REQUIRE(begin(&world));
    REQUIRE(store_open(&request, world_path(&world, "store"), geteuid()));
    CHECK(unlink(world_path(&world, "store/index")) == 0);
    world_ask(&world, FILE_NAME, true);
    CHECK_EQ_INT(world_work(&world), STORE_ROUND_DONE);
    CHECK(world_index_is_right(&world, FILE_NAME, &entry));
    store_heal(&request);
    CHECK(store_find(&request, &entry.id, &entry));
    store_close(&request);
    world_end(&world);
}

/* The whole directory removed and made again: those who have it open find the new one. */
TEST(a_directory_that_is_made_again)
{
    struct world world;
    struct store_entry entry;

    REQUIRE(begin(&world));
    nftw(world_path(&world, "store"), world_remove, 16, FTW_DEPTH | FTW_PHYS);
    CHECK_EQ_INT(world_work(&world), STORE_ROUND_BUSY);
    CHECK(mkdir(world_path(&world, "store"), 0755) == 0);
    CHECK_EQ_INT(world_work(&world), STORE_ROUND_BUSY); /* it is open to others */
    chmod(world_path(&world, "store"), 0700);
    CHECK_EQ_INT(world_work(&world), STORE_ROUND_DONE);
    world_ask(&world, FILE_NAME, true);
    CHECK_EQ_INT(world_work(&world), STORE_ROUND_DONE);
    CHECK(world_index_is_right(&world, FILE_NAME, &entry));
    world_check(&world);
    world_end(&world);
}

/* ---- size ---- */

static uint64_t used(const struct world *world)
{
    DIR *dir = opendir(world_path(world, "store/v"));
    uint64_t sum = 0;
    struct stat st;

    for (const struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (fstatat(dirfd(dir), e->d_name, &st, 0) == 0 && S_ISREG(st.st_mode)) {
            sum += ((uint64_t)st.st_size + 4095) / 4096 * 4096;
        }
    }
    closedir(dir);
    return sum;
}

static void set_use(const char *path, time_t when)
{
    const struct timespec times[2] = {{.tv_sec = when}, {.tv_sec = 1000}};

    CHECK(utimensat(AT_FDCWD, path, times, 0) == 0);
}

TEST(the_size_is_kept_to)
{
    struct world world;
    struct store_entry entry;
    struct store_key key[3];
    char path[3][256];
    int64_t youngest = INT64_MIN;

    REQUIRE(begin(&world));
    key[0] = variant(&world, CODING_GZIP, path[0]);
    key[1] = variant(&world, CODING_BR, path[1]);
    key[2] = variant(&world, CODING_IDENTITY, path[2]);
    for (int i = 0; i < 3; i++) {
        set_use(path[i], 2000 + i);
    }
    if (encoder_can(CODING_ZSTD, false)) {
        char other[256];
        variant(&world, CODING_ZSTD, other);
        set_use(other, 3000);
    }
    /* One byte too little for all: the one that was used longest ago goes, from the index as well.
     */
    CHECK_EQ_UINT(store_evict(&world.store, used(&world), &youngest), 0);
    CHECK_EQ_UINT(store_evict(&world.store, used(&world) - 1, &youngest), 1);
    CHECK(youngest == 2000);
    CHECK(!opens(&world, &key[0]) && opens(&world, &key[1]) && opens(&world, &key[2]));
    CHECK(world_index_is_right(&world, FILE_NAME, &entry));
    CHECK_EQ_UINT(entry.sizes[CODING_GZIP], 0);
    CHECK(entry.sizes[CODING_BR] > 0);
    /* It is made again when it is asked for. */
    world_ask(&world, FILE_NAME, true);
    CHECK_EQ_INT(world_work(&world), STORE_ROUND_DONE);
    CHECK(opens(&world, &key[0]));
    CHECK(store_evict(&world.store, 0, &youngest) >= 3);
    CHECK_EQ_INT(world_count(&world, "store/v"), 0);
    world_end(&world);
}

TEST(the_worker_keeps_to_the_size)
{
    struct world world;
    char name[64];

    REQUIRE(world_begin(&world));
    world.limits.cap = 200 * 1024;
    for (unsigned i = 0; i < 12; i++) {
        uint8_t *data = world_content(SIZE, i);
        snprintf(name, sizeof(name), "www/%u.wasm", i);
        world_write(&world, name, data, SIZE);
        free(data);
        world_ask(&world, name, false);
        CHECK_EQ_INT(world_work(&world), STORE_ROUND_DONE);
        CHECK(used(&world) <= world.limits.cap);
        world_check(&world);
    }
    CHECK(used(&world) > world.limits.cap / 2);
    world_end(&world);
}

TEST(use_is_noted_once_an_hour)
{
    struct world world;
    struct store_key key;
    struct store_seal seal;
    struct stat st, after;
    char path[256];
    int fd;

    REQUIRE(begin(&world));
    key = variant(&world, CODING_GZIP, path);
    fd = store_open_variant(&world.store, &key, &seal, &st);
    REQUIRE(fd >= 0);
    set_use(path, 5000); /* after reading, which the kernel may note by itself */
    fstat(fd, &st);
    store_touch(fd, &st, 5000 + 3600);
    fstat(fd, &after);
    CHECK_EQ_INT(after.st_atim.tv_sec, 5000);
    store_touch(fd, &st, 5000 + 3601);
    fstat(fd, &after);
    CHECK_EQ_INT(after.st_atim.tv_sec, 5000 + 3601);
    CHECK_EQ_INT(after.st_mtim.tv_sec, 1000);
    close(fd);
    world_end(&world);
}

/* The queue is bounded by its places, however much is asked for. */
TEST(the_queue_is_bounded)
{
    struct world world;
    struct store_job job = {.kind = STORE_JOB_FILE, .path = "/x"};

    REQUIRE(world_begin(&world));
    for (uint64_t i = 0; i < 3 * STORE_PLACES; i++) {
        job.id.inode = i;
        CHECK(store_add_job(&world.store, &job));
    }
    CHECK(world_count(&world, "store/q") <= STORE_PLACES);
    CHECK(world_count(&world, "store/q") > STORE_PLACES / 2);
    CHECK_EQ_INT(world_work(&world), STORE_ROUND_DONE);
    CHECK_EQ_INT(world_count(&world, "store/q"), 0);
    world_end(&world);
}
