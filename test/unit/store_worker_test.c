/* SPDX-License-Identifier: Apache-2.0
 * store_worker_test.c — the store's worker, interrupted wherever it can be.
 * layers: delivery
 *
 * How:     The worker asks at each step whether to go on; here that question is where things
 *          happen: at the n-th step, for every n that there is, the process is killed, told to
 *          stop, or the file is truncated, replaced, written over. Afterwards every variant that
 *          can be opened is decoded and compared (store_fixture.h), and a worker that is left alone
 *          must come to the same end as if nothing had happened, with nothing left in t/.
 * Memory:  A world for each test; the sanitizer build looks for leaks.
 * Threads: One; the processes that are killed are children.
 */
#include "store_fixture.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "delta.h"
#include "encoder.h"

/* A piece and a bit: READ happens in the middle of a file. */
enum { SIZE = 70000 };

#define FILE_NAME  "www/app.11111111.wasm"
#define FILE_NAME2 "www/app.22222222.wasm"

static int plain_codings(void)
{
    return 2 + encoder_can(CODING_ZSTD, false);
}

/* ---- what happens at the n-th step ---- */

struct trouble {
    struct world *world;
    int at, steps; /* the step, counted from 1; how many there were */
    void (*happen)(struct world *world);
};

static bool meet(void *context, enum store_step step)
{
    struct trouble *trouble = context;

    (void)step;
    if (++trouble->steps != trouble->at) {
        return true;
    }
    if (trouble->happen != NULL) {
        trouble->happen(trouble->world);
    }
    return trouble->happen != NULL;
}

/* A round in which it happens; false once the round has fewer steps. */
static bool work_with(struct world *world, int at, void (*happen)(struct world *world),
                      enum store_round *round)
{
    struct trouble trouble = {world, at, 0, happen};
    struct store_seams seams = {meet, world_log, world_now, &trouble};

    *round = store_work(&world->store, &world->limits, &seams);
    return trouble.steps >= at;
}

static void die(struct world *world)
{
    (void)world;
    raise(SIGKILL);
}

/* The same in a child of its own; whether it was killed. */
static bool work_and_die(struct world *world, int at)
{
    enum store_round round;
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        work_with(world, at, die, &round);
        _exit(0);
    }
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
    return WIFSIGNALED(status);
}

/* ---- that all is well in the end ---- */

static void expect_all(struct world *world, const char *name)
{
    struct store_entry entry;

    world_check(world);
    REQUIRE(world_index_is_right(world, name, &entry));
    for (int c = 1; c < STORE_PLAIN; c++) {
        struct store_key key = {.coding = (enum coding)c};
        struct store_seal seal;
        struct stat st;
        int fd;

        if (!encoder_can((enum coding)c, false)) {
            continue;
        }
        memcpy(key.digest, entry.digest, SHA256_SIZE);
        fd = store_open_variant(&world->store, &key, &seal, &st);
        CHECK(fd >= 0 && store_body_holds(fd, &seal));
        CHECK_EQ_UINT(entry.sizes[c], seal.body_size);
        close(fd);
    }
    CHECK_EQ_INT(world_count(world, "store/t"), 0);
    CHECK_EQ_INT(world_count(world, "store/q"), 0);
}

/* What is the same for all codings is tried with the one that takes the least time. */
#define QUICK ((coding_set)(1u << CODING_GZIP))

static bool begin_with(struct world *world, bool version, coding_set codings)
{
    uint8_t *data = world_content(SIZE, 1);

    if (!world_begin(world)) {
        return false;
    }
    world_write(world, FILE_NAME, data, SIZE);
    free(data);
    world_ask_for(world, FILE_NAME, version, codings);
    return true;
}

static bool begin(struct world *world, bool version)
{
    return begin_with(world, version, WORLD_PLAIN);
}

TEST(a_file_gets_all_variants)
{
    struct world world;

    REQUIRE(begin(&world, false));
    CHECK_EQ_INT(world_work(&world), STORE_ROUND_DONE);
    expect_all(&world, FILE_NAME);
    CHECK_EQ_INT(world_count(&world, "store/v"), plain_codings());
    CHECK_EQ_INT(world_count(&world, "store/f"), 0);
    /* Asked for once more there is nothing to do, and another name for the same file is the same.
     */
    world_ask(&world, FILE_NAME, false);
    CHECK_EQ_INT(world_work(&world), STORE_ROUND_DONE);
    expect_all(&world, FILE_NAME);
    world_end(&world);
}

TEST(killed_at_every_step)
{
    for (int at = 1, killed = 1; killed; at++) {
        struct world world;
        CASE("killed at step %d", at);
        REQUIRE(begin(&world, true));
        killed = work_and_die(&world, at);
        world_check(&world);
        CHECK_EQ_INT(world_work(&world), STORE_ROUND_DONE);
        expect_all(&world, FILE_NAME);
        CHECK_EQ_INT(world_count(&world, "store/f"), 1);
        world_end(&world);
        CHECK(killed || at > 10 * plain_codings()); /* there were as many steps as the job has */
    }
}

TEST(stopped_at_every_step)
{
    struct world world;
    int rounds = 0;

    /* One world: every round gets a little further, and starts from what there is. */
    REQUIRE(begin(&world, true));
    for (int at = 1;; at++, rounds++) {
        enum store_round round;
        bool stopped = work_with(&world, at, NULL, &round);
        CASE("stopped at step %d", at);
        CHECK_EQ_INT(round, stopped ? STORE_ROUND_STOPPED : STORE_ROUND_DONE);
        world_check(&world);
        CHECK_EQ_INT(world_count(&world, "store/t"), 0);
        if (!stopped) {
            break;
        }
    }
    CHECK(rounds > 5);
    expect_all(&world, FILE_NAME);
    world_end(&world);
}

/* ---- the file changes ---- */

static void truncate_it(struct world *world)
{
    CHECK(truncate(world_path(world, FILE_NAME), SIZE / 3) == 0);
}

static void replace_it(struct world *world)
{
    uint8_t *data = world_content(SIZE, 2);

    world_replace(world, FILE_NAME, data, SIZE);
    free(data);
}

static void write_over_it(struct world *world)
{
    uint8_t *data = world_content(SIZE, 3);
    int fd = open(world_path(world, FILE_NAME), O_WRONLY);

    CHECK(pwrite(fd, data, SIZE, 0) == SIZE);
    close(fd);
    free(data);
}

static void append_to_it(struct world *world)
{
    int fd = open(world_path(world, FILE_NAME), O_WRONLY | O_APPEND);

    CHECK(write(fd, "more", 4) == 4);
    close(fd);
}

static void remove_it(struct world *world)
{
    CHECK(unlink(world_path(world, FILE_NAME)) == 0);
}

static void swap_with_directory(struct world *world)
{
    unlink(world_path(world, FILE_NAME));
    CHECK(mkdir(world_path(world, FILE_NAME), 0700) == 0);
}

static const struct {
    const char *what;
    void (*happen)(struct world *world);
    bool still_there;
} changes[] = {
    {"truncated", truncate_it, true},      {"replaced", replace_it, true},
    {"written over", write_over_it, true}, {"appended to", append_to_it, true},
    {"removed", remove_it, false},         {"replaced by a directory", swap_with_directory, false},
};

TEST(changed_at_every_step)
{
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        bool happened = true;
        for (int at = 1; happened; at++) {
            struct world world;
            struct store_entry entry;
            enum store_round round;
            CASE("%s at step %d", changes[i].what, at);
            REQUIRE(begin_with(&world, true, QUICK));
            happened = work_with(&world, at, changes[i].happen, &round);
            CHECK_EQ_INT(round, STORE_ROUND_DONE);
            world_check(&world);
            CHECK_EQ_INT(world_count(&world, "store/t"), 0);
            if (changes[i].still_there) {
                world_index_is_right(&world, FILE_NAME, &entry);
                world_ask_for(&world, FILE_NAME, true, QUICK);
                CHECK_EQ_INT(world_work(&world), STORE_ROUND_DONE);
                REQUIRE(world_index_is_right(&world, FILE_NAME, &entry));
                world_check(&world);
            }
            world_end(&world);
        }
    }
}

static int64_t real_now(void *context)
{
    struct timespec t;

    (void)context;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

TEST(a_young_file_is_left_alone)
{
    struct store_seams seams = {world_go_on, world_log, real_now, NULL};
    struct world world;

    REQUIRE(begin(&world, true));
    CHECK_EQ_INT(store_work(&world.store, &world.limits, &seams), STORE_ROUND_DONE);
    CHECK_EQ_INT(world_count(&world, "store/v"), 0);
    CHECK_EQ_INT(world_count(&world, "store/q"), 1);
    CHECK_EQ_INT(world_work(&world), STORE_ROUND_DONE); /* an hour later */
    expect_all(&world, FILE_NAME);
    world_end(&world);
}

/* ---- jobs that do not end ---- */

static int warnings;

static void count_warnings(void *context, enum store_note level, const char *text)
{
    (void)context;
    (void)text;
    warnings += level == STORE_NOTE_WARNING;
}

TEST(what_kills_the_worker_is_given_up)
{
    struct store_seams seams = {world_go_on, count_warnings, world_now, NULL};
    struct world world;
    struct store_entry entry;
    struct fileid id;

    REQUIRE(begin(&world, false));
    for (int i = 0; i < STORE_ATTEMPTS; i++) {
        CHECK(work_and_die(&world, 5)); /* LOCKED TAKEN NOTED OPENED and the first READ */
    }
    warnings = 0;
    CHECK_EQ_INT(store_work(&world.store, &world.limits, &seams), STORE_ROUND_DONE);
    CHECK_EQ_INT(warnings, 1);
    CHECK_EQ_INT(world_count(&world, "store/q"), 0);
    CHECK_EQ_INT(world_count(&world, "store/v"), 0);
    id = world_id(&world, FILE_NAME);
    REQUIRE(store_find(&world.store, &id, &entry));
    CHECK(!store_entry_has_digest(&entry));
    for (int c = 1; c < STORE_PLAIN; c++) {
        CHECK(entry.sizes[c] == STORE_USELESS);
    }
    /* Being a version of a family is asked for later, and is another matter. */
    world_ask(&world, FILE_NAME, true);
    CHECK_EQ_INT(world_work(&world), STORE_ROUND_DONE);
    CHECK_EQ_INT(world_count(&world, "store/f"), 1);
    CHECK(world_index_is_right(&world, FILE_NAME, &entry) && store_entry_has_digest(&entry));
    /* A new state of the file is a new matter altogether. */
    append_to_it(&world);
    world_ask(&world, FILE_NAME, false);
    CHECK_EQ_INT(world_work(&world), STORE_ROUND_DONE);
    expect_all(&world, FILE_NAME);
    world_end(&world);
}

TEST(stops_do_not_count_as_attempts)
{
    struct world world;
    enum store_round round;

    REQUIRE(begin(&world, false));
    for (int i = 0; i < 3 * STORE_ATTEMPTS; i++) {
        CHECK(work_with(&world, 5, NULL, &round));
        CHECK_EQ_INT(round, STORE_ROUND_STOPPED);
    }
    CHECK_EQ_INT(world_work(&world), STORE_ROUND_DONE);
    expect_all(&world, FILE_NAME);
    world_end(&world);
}

TEST(sizes_that_are_not_worth_it)
{
    struct world world;
    struct store_entry entry;
    struct fileid id;
    uint8_t *noise;

    REQUIRE(world_begin(&world));
    world.limits.raw_max = 100000;
    noise = malloc(100001);
    REQUIRE(noise != NULL);
    for (uint32_t i = 0, x = 1; i < 100001; i++) {
        x = x * 1664525 + 1013904223;
        noise[i] = (uint8_t)(x >> 24);
    }
    world_write(&world, "www/small", "\0asm", 4);
    world_write(&world, "www/large", noise, 100001);
    world_write(&world, "www/noise", noise, 100000);
    world_write(&world, "www/empty", noise, 0);
    free(noise);
    for (int i = 0; i < 4; i++) {
        const char *names[] = {"www/small", "www/large", "www/noise", "www/empty"};
        CASE("%s", names[i]);
        world_ask(&world, names[i], false);
        CHECK_EQ_INT(world_work(&world), STORE_ROUND_DONE);
        id = world_id(&world, names[i]);
        REQUIRE(store_find(&world.store, &id, &entry));
        for (int c = 1; c < STORE_PLAIN; c++) {
            CHECK(entry.sizes[c] == STORE_USELESS || !encoder_can((enum coding)c, false));
        }
    }
    CHECK_EQ_INT(world_count(&world, "store/v"), 0);
    CHECK_EQ_INT(world_count(&world, "store/q"), 0);
    CHECK_EQ_INT(world_count(&world, "store/t"), 0);
    world_end(&world);
}

/* ---- a full disk ---- */

/* A round in a child that may write files of at most so many bytes. */
static int work_within(struct world *world, rlim_t bytes)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        struct rlimit limit = {bytes, bytes};
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        _exit((int)world_work(world));
    }
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    return WEXITSTATUS(status);
}

TEST(a_full_disk)
{
    static const rlim_t limits[] = {0,     1,     100,   1000,  10000, 20000,
                                    40000, 69999, 70000, 70001, 70127};

    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        struct world world;
        CASE("files of %d bytes", (int)limits[i]);
        REQUIRE(begin_with(&world, true, QUICK));
        for (int round = 0; round < STORE_ATTEMPTS + 1; round++) {
            /* Where not even the job can be written to, it is gone the next time. */
            int end = work_within(&world, limits[i]);
            CHECK(end == STORE_ROUND_FULL || (round > 0 && limits[i] < STORE_JOB_MAX));
            CHECK(end == STORE_ROUND_FULL || world_count(&world, "store/q") == 0);
            world_check(&world);
            CHECK_EQ_INT(world_count(&world, "store/t"), 0);
        }
        /* There is room again. */
        world_ask(&world, FILE_NAME, true);
        CHECK_EQ_INT(world_work(&world), STORE_ROUND_DONE);
        world_ask(&world, FILE_NAME, true);
        CHECK_EQ_INT(world_work(&world), STORE_ROUND_DONE);
        expect_all(&world, FILE_NAME);
        world_end(&world);
    }
}

/* ---- two at once ---- */

TEST(two_workers_on_one_store)
{
    enum { FILES = 6 };
    struct world world;
    char name[64];
    pid_t pids[2];
    int status;

    REQUIRE(world_begin(&world));
    for (unsigned i = 0; i < FILES; i++) {
        uint8_t *data = world_content(20000 + i, i);
        snprintf(name, sizeof(name), "www/%u.wasm", i);
        world_write(&world, name, data, 20000 + i);
        world_ask(&world, name, false);
        free(data);
    }
    for (int i = 0; i < 2; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            struct store own; /* as another server has it, with descriptors of its own */
            int rounds = 0;
            world.store.root = -1;
            if (!store_open(&own, world_path(&world, "store"), geteuid())) {
                _exit(2);
            }
            world.store = own;
            while (world_work(&world) != STORE_ROUND_DONE && rounds++ < 100000) {
                usleep(1000);
            }
            _exit(0);
        }
    }
    for (int i = 0; i < 2; i++) {
        CHECK(waitpid(pids[i], &status, 0) == pids[i] && status == 0);
    }
    for (unsigned i = 0; i < FILES; i++) {
        snprintf(name, sizeof(name), "www/%u.wasm", i);
        expect_all(&world, name);
    }
    world_end(&world);
}

TEST(the_lock_is_left_to_who_has_it)
{
    struct world world;
    struct store other;
    int lock;

    REQUIRE(begin(&world, false));
    REQUIRE(store_open(&other, world_path(&world, "store"), geteuid()));
    lock = store_lock(&other);
    REQUIRE(lock >= 0);
    world_write(&world, "store/t/variant", "being written", 13);
    CHECK_EQ_INT(world_work(&world), STORE_ROUND_BUSY);
    CHECK_EQ_INT(world_count(&world, "store/t"), 1);
    close(lock);
    CHECK_EQ_INT(world_work(&world), STORE_ROUND_DONE);
    expect_all(&world, FILE_NAME);
    store_close(&other);
    world_end(&world);
}

/* A job of another server, whose files this one does not have under that name, is left to it for a
 * while. */
TEST(jobs_of_another_server)
{
    struct world world;
    struct store_job job = {.kind = STORE_JOB_FILE, .codings = WORLD_PLAIN, .id = {9, 9, 9, 9, 9}};
    struct store_seams seams = {world_go_on, world_log, real_now, NULL};

    REQUIRE(world_begin(&world));
    snprintf(job.path, sizeof(job.path), "/nonexistent/app.wasm");
    CHECK(store_add_job(&world.store, &job));
    CHECK_EQ_INT(store_work(&world.store, &world.limits, &seams), STORE_ROUND_DONE);
    CHECK_EQ_INT(world_count(&world, "store/q"), 1);
    CHECK_EQ_INT(world_work(&world), STORE_ROUND_DONE); /* an hour later */
    CHECK_EQ_INT(world_count(&world, "store/q"), 0);
    world_end(&world);
}

/* ---- versions and deltas ---- */

static void write_version(struct world *world, unsigned n, uint8_t digest[SHA256_SIZE], size_t size)
{
    uint8_t *data = world_content(size, 7);
    char name[64];

    memcpy(data + size / 2, &n, sizeof(n));
    snprintf(name, sizeof(name), "www/app.%08x.wasm", n + 0x11111111);
    world_write(world, name, data, size);
    world_digest(data, size, digest);
    free(data);
    world_ask(world, name, true);
    CHECK_EQ_INT(world_work(world), STORE_ROUND_DONE);
}

static bool has_copy(const struct world *world, const uint8_t digest[SHA256_SIZE])
{
    struct world_bytes copy = world_copy(world, digest);
    bool has = copy.at != NULL;

    free(copy.at);
    return has;
}

/* The size of a delta; 0: it is known to be useless; -1: there is none. */
static int64_t delta_size(const struct world *world, const uint8_t digest[SHA256_SIZE],
                          const uint8_t old[SHA256_SIZE])
{
    struct store_key key = {.coding = CODING_DCZ};
    struct store_seal seal;
    struct stat st;
    int fd;

    memcpy(key.digest, digest, SHA256_SIZE);
    memcpy(key.old, old, SHA256_SIZE);
    fd = store_open_variant(&world->store, &key, &seal, &st);
    if (fd < 0) {
        return -1;
    }
    CHECK(store_body_holds(fd, &seal));
    close(fd);
    return (int64_t)seal.body_size;
}

TEST(versions_and_deltas)
{
    enum { N = STORE_VERSIONS + 2 };
    uint8_t digests[N][SHA256_SIZE];
    struct store_family family;
    struct world world;

    REQUIRE(world_begin(&world));
    for (unsigned i = 0; i < N; i++) {
        write_version(&world, i, digests[i], 100000);
    }
    REQUIRE(store_find_family(&world.store, world_path(&world, FILE_NAME), &family));
    CHECK_EQ_UINT(family.count, STORE_VERSIONS);
    for (unsigned i = 0; i < N; i++) {
        CASE("version %u", i);
        CHECK_EQ_INT(has_copy(&world, digests[i]), i >= N - STORE_VERSIONS);
        CHECK((store_family_find(&family, digests[i], NULL) != NULL) == (i >= N - STORE_VERSIONS));
    }
    CASE("%s", "");
    if (!delta_can(CODING_DCZ)) {
        world_end(&world);
        return;
    }
    /* The files themselves may be gone. */
    for (unsigned i = 0; i < N; i++) {
        char name[64];
        snprintf(name, sizeof(name), "www/app.%08x.wasm", i + 0x11111111);
        CHECK(unlink(world_path(&world, name)) == 0);
    }
    world_ask_delta(&world, FILE_NAME, digests[N - 1], digests[N - 2]);
    world_ask_delta(&world, FILE_NAME, digests[N - 1], digests[N - STORE_VERSIONS]);
    CHECK_EQ_INT(world_work(&world), STORE_ROUND_DONE);
    world_check(&world);
    CHECK(delta_size(&world, digests[N - 1], digests[N - 2]) > 40);
    CHECK(delta_size(&world, digests[N - 1], digests[N - 2]) < 1000);
    CHECK(delta_size(&world, digests[N - 1], digests[N - STORE_VERSIONS]) > 40);
    /* Against one that is not kept there is nothing to be made. */
    world_ask_delta(&world, FILE_NAME, digests[N - 1], digests[0]);
    CHECK_EQ_INT(world_work(&world), STORE_ROUND_DONE);
    CHECK_EQ_INT(delta_size(&world, digests[N - 1], digests[0]), -1);
    CHECK_EQ_INT(world_count(&world, "store/q"), 0);
    world_end(&world);
}

/* Against something of which nothing can be used: an empty variant says so, once and for all. */
TEST(a_useless_delta)
{
    uint8_t digests[2][SHA256_SIZE];
    struct world world;

    if (!delta_can(CODING_DCZ)) {
        return;
    }
    REQUIRE(world_begin(&world));
    for (uint32_t i = 0, x = 9; i < 2; i++) {
        uint8_t noise[20000];
        for (size_t k = 0; k < sizeof(noise); k++) {
            x = x * 1664525 + 1013904223;
            noise[k] = (uint8_t)(x >> 24);
        }
        world_write(&world, i ? FILE_NAME2 : FILE_NAME, noise, sizeof(noise));
        world_digest(noise, sizeof(noise), digests[i]);
        world_ask(&world, i ? FILE_NAME2 : FILE_NAME, true);
    }
    CHECK_EQ_INT(world_work(&world), STORE_ROUND_DONE);
    world_ask_delta(&world, FILE_NAME2, digests[1], digests[0]);
    CHECK_EQ_INT(world_work(&world), STORE_ROUND_DONE);
    CHECK_EQ_INT(delta_size(&world, digests[1], digests[0]), 0);
    CHECK_EQ_INT(world_count(&world, "store/t"), 0);
    world_end(&world);
}

TEST(deltas_killed_at_every_step)
{
    uint8_t digests[2][SHA256_SIZE];
    struct world world;
    int at = 1;

    if (!delta_can(CODING_DCZ)) {
        return;
    }
    REQUIRE(world_begin(&world));
    write_version(&world, 0, digests[0], 100000);
    write_version(&world, 1, digests[1], 100000);
    for (bool killed = true; killed; at++) {
        struct store_key key = {.coding = CODING_DCZ};
        CASE("killed at step %d", at);
        world_ask_delta(&world, FILE_NAME2, digests[1], digests[0]);
        killed = work_and_die(&world, at);
        world_check(&world);
        CHECK_EQ_INT(world_work(&world), STORE_ROUND_DONE);
        world_check(&world);
        CHECK(delta_size(&world, digests[1], digests[0]) > 40);
        CHECK_EQ_INT(world_count(&world, "store/t"), 0);
        CHECK_EQ_INT(world_count(&world, "store/q"), 0);
        memcpy(key.digest, digests[1], SHA256_SIZE);
        memcpy(key.old, digests[0], SHA256_SIZE);
        store_remove_variant(&world.store, &key);
    }
    CHECK(at > 15);
    world_end(&world);
}

TEST(a_delta_that_is_given_up)
{
    uint8_t digests[2][SHA256_SIZE];
    struct world world;

    if (!delta_can(CODING_DCZ)) {
        return;
    }
    REQUIRE(world_begin(&world));
    write_version(&world, 0, digests[0], 100000);
    write_version(&world, 1, digests[1], 100000);
    world_ask_delta(&world, FILE_NAME2, digests[1], digests[0]);
    for (int i = 0; i < STORE_ATTEMPTS; i++) {
        CHECK(work_and_die(&world, 4));
    }
    CHECK_EQ_INT(world_work(&world), STORE_ROUND_DONE);
    CHECK_EQ_INT(delta_size(&world, digests[1], digests[0]), 0);
    CHECK_EQ_INT(world_count(&world, "store/q"), 0);
    world_end(&world);
}

/* A copy that is not what its name says is no dictionary, and no version any more. */
TEST(a_damaged_copy)
{
    static const char *const damages[] = {"cut off", "written over", "another's", "gone"};

    for (int i = 0; i < 4; i++) {
        for (int which = 0; which < 2; which++) {
            uint8_t digests[2][SHA256_SIZE];
            struct store_key key = {.coding = CODING_IDENTITY};
            struct store_family family;
            struct world world;
            char name[STORE_NAME_SIZE], path[256], other[256];

            CASE("the %s version %s", which ? "new" : "old", damages[i]);
            REQUIRE(world_begin(&world));
            write_version(&world, 0, digests[0], 100000);
            write_version(&world, 1, digests[1], 100000);
            memcpy(key.digest, digests[1 - which], SHA256_SIZE);
            store_name_write(name, &key);
            snprintf(other, sizeof(other), "%s/store/v/%s", world.dir, name);
            memcpy(key.digest, digests[which], SHA256_SIZE);
            store_name_write(name, &key);
            snprintf(path, sizeof(path), "%s/store/v/%s", world.dir, name);
            switch (i) {
            case 0: CHECK(truncate(path, 50000) == 0); break;
            case 1: {
                int fd = open(path, O_WRONLY);
                CHECK(pwrite(fd, "garbage", 7, 5000) == 7);
                close(fd);
                break;
            }
            case 2: CHECK(unlink(path) == 0 && link(other, path) == 0); break;
            default: CHECK(unlink(path) == 0); break;
            }
            world_ask_delta(&world, FILE_NAME2, digests[1], digests[0]);
            CHECK_EQ_INT(world_work(&world), STORE_ROUND_DONE);
            world_check(&world);
            if (delta_can(CODING_DCZ)) {
                CHECK_EQ_INT(delta_size(&world, digests[1], digests[0]), -1);
                REQUIRE(store_find_family(&world.store, world_path(&world, FILE_NAME), &family));
                CHECK_EQ_UINT(family.count, 1);
                CHECK(store_family_find(&family, digests[which], NULL) == NULL);
                /* It comes back with the file. */
                write_version(&world, (unsigned)which, digests[which], 100000);
                world_ask_delta(&world, FILE_NAME2, digests[1], digests[0]);
                CHECK_EQ_INT(world_work(&world), STORE_ROUND_DONE);
                CHECK(delta_size(&world, digests[1], digests[0]) > 40);
            }
            world_check(&world);
            CHECK_EQ_INT(world_count(&world, "store/t"), 0);
            world_end(&world);
        }
    }
}
