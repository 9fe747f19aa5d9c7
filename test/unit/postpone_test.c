/* SPDX-License-Identifier: Apache-2.0
 * postpone_test.c — a module whose code comes from the cache, and whose bodies are validated and
 * translated only when the interpreter is to run one of them after all.
 * layers: facade
 *
 * How:     Each test has a cache directory of its own, fills it by loading a module once, and loads
 *          it again. What the interpreter has made shows in allocated_bytes.
 * Memory:  Freed by each test.
 * Threads: several in those that say so.
 */
#include <dirent.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache.h"
#include "compile.h"
#include "decode.h"
#include "interp_impl.h"
#include "runtime_fixture.h"
#include "unit.h"

static char directory[64], path_of_lock[80];

static bool open_cache(void)
{
    if (!compile_available()) {
        printf("# skipped: there is no compiler for this processor\n");
        return false;
    }
    snprintf(directory, sizeof directory, "/tmp/postpone-XXXXXX");
    return CHECK(mkdtemp(directory) != NULL);
}

static void close_cache(void)
{
    DIR *dir = opendir(directory);
    char path[400];

    for (struct dirent *e; dir && (e = readdir(dir));)
        if (e->d_name[0] != '.') {
            snprintf(path, sizeof path, "%s/%s", directory, e->d_name);
            unlink(path);
        }
    if (dir)
        closedir(dir);
    rmdir(directory);
}

typedef struct notes {
    unsigned used, kept;
} notes;

static void count(void *baton, bool bad, const char *line)
{
    notes *n = baton;
    const char *is = strstr(line, " is ");

    (void)bad;
    n->used += is != NULL && strcmp(is, " is used") == 0;
    n->kept += is != NULL && strcmp(is, " is kept") == 0;
}

/* Loads with the cache, within `bytes_max`; *used: whether code was there. */
static wasm_module *load(const char *text, size_t bytes_max, bool *used, wasm_report *report)
{
    notes n = {0};
    const wasm_compile_options compile = {.cache = directory, .note = count, .note_baton = &n};
    const wasm_load_options options = {
        .tier = WASM_TIER_COMPILER, .compile = &compile, .quota = bytes_max};
    wasm_module *module = NULL;
    size_t length;
    uint8_t *bytes = module_text(text, &length);

    wasm_module_load(bytes, length, &options, &module, report);
    free(bytes);
    *used = n.used > 0 && n.kept == 0; /* what is kept is used at once */
    return module;
}

/* The module out of the cache, with nothing translated. */
static wasm_module *load_kept(const char *text)
{
    wasm_report report;
    bool used;

    wasm_module_free(load(text, 0, &used, &report));
    wasm_module *module = load(text, 0, &used, &report);
    CHECK(module != NULL && used);
    return module;
}

static size_t allocated(const wasm_module *module)
{
    wasm_module_info info;

    wasm_module_describe(module, &info);
    return info.allocated_bytes;
}

/* In a store that has no guarded memory the code, which wants one, is not used. */
static void open_interpreted(fixture *f, wasm_module *module)
{
    memset(f, 0, sizeof *f);
    f->module = module;
    f->store = wasm_store_new(NULL, NULL);
    if (CHECK(f->store != NULL))
        CHECK_EQ_INT(fixture_instantiate(f, NULL, 0), WASM_OK);
}

/* (memory 1) (func (export "f") (param i32) (result i32)): 4 × its argument, by way of the memory
 */
#define WITH_MEMORY                                                                                \
    "01(01 60 01 7f 01 7f) 03(02 00 00) 05(01 00 01) 07(01 ('f') 00 01)"                           \
    "0a(02 (00 41 08 20 00 36 02 00 41 08 28 02 00 0b)"                                            \
    "   (00 20 00 10 00 41 02 74 0b))"

/* A module that is guarded has code for guarded memories only, where there is room for such. */
static bool is_guarded(void)
{
    return wasm_guard_available();
}

TEST(bodies_are_translated_when_one_is_interpreted)
{
    fixture f;
    uint32_t result = 0;

    if (!open_cache())
        return;
    wasm_module *module = load_kept("01(01 60 01 7f 01 7f) 03(02 00 00) 05(01 00 01)"
                                    "07(01 ('f') 00 01)"
                                    "0a(02 (00 41 08 20 00 36 02 00 41 08 28 02 00 0b)"
                                    "   (00 20 00 10 00 41 02 74 0b))");
    size_t before = allocated(module);
    open_interpreted(&f, module);
    CHECK_EQ_INT(allocated(module), before); /* instantiating runs nothing */
    CHECK_EQ_INT(fixture_call(&f, "f", 5, &result), WASM_OK);
    CHECK_EQ_INT(result, 20);
    if (is_guarded())
        CHECK(allocated(module) > before);
    fixture_close(&f);
    close_cache();
}

TEST(features_are_those_that_bodies_use)
{
    static const char text[] = "01(01 60 01 7f 01 7f) 03(01 00) 07(01 ('f') 00 00)"
                               "0a(01 (00 20 00 c0 0b))"; /* i32.extend8_s */
    wasm_module_info first, kept;
    wasm_report report;
    bool used;

    if (!open_cache())
        return;
    wasm_module *module = load(text, 0, &used, &report);
    REQUIRE(module != NULL && !used);
    wasm_module_describe(module, &first);
    wasm_module_free(module);
    module = load(text, 0, &used, &report);
    REQUIRE(module != NULL && used);
    wasm_module_describe(module, &kept);
    CHECK_EQ_INT(kept.used, first.used);
    CHECK((kept.used & WASM_FEATURE(WASM_FEATURE_SIGN_EXTENSION)) != 0);
    wasm_module_free(module);
    close_cache();
}

/* What a module may use is part of the key: code is not lent to one that may do less. */
TEST(a_feature_that_is_off_is_refused_also_with_code_in_the_cache)
{
    static const char text[] = "01(01 60 01 7f 01 7f) 03(01 00) 0a(01 (00 20 00 c0 0b))";
    const wasm_compile_options compile = {.cache = directory};
    wasm_load_options options = {.tier = WASM_TIER_COMPILER, .compile = &compile};
    wasm_module *module = NULL;
    wasm_report report;
    size_t length;

    if (!open_cache())
        return;
    uint8_t *bytes = module_text(text, &length);
    CHECK_EQ_INT(wasm_module_load(bytes, length, &options, &module, &report), WASM_OK);
    wasm_module_free(module);
    options.features = WASM_FEATURE(WASM_FEATURE_MVP);
    CHECK_EQ_INT(wasm_module_load(bytes, length, &options, &module, &report), WASM_E_FEATURE);
    free(bytes);
    close_cache();
}

static void count_files(void *baton, const char *name, const uint8_t *bytes, size_t length)
{
    CHECK(strstr(name, ".code") != NULL && bytes != NULL && length > 0);
    ++*(unsigned *)baton;
}

/* It has the name of code that looks for deadlines: a cache would take it for that. */
TEST(code_that_is_unwatched_is_handed_to_nobody)
{
    static const char text[] = "01(01 60 01 7f 01 7f) 03(01 00) 0a(01 (00 20 00 0b))";

    for (unsigned unwatched = 0; unwatched < 2 && open_cache(); unwatched++) {
        unsigned files = 0;
        notes n = {0};
        const wasm_compile_options how = {.cache = directory,
                                          .unwatched = unwatched,
                                          .note = count,
                                          .note_baton = &n,
                                          .file = count_files,
                                          .file_baton = &files};
        wasm_module *module = fixture_load(text, &(wasm_report){0});

        REQUIRE(module != NULL);
        CHECK_EQ_INT(wasm_module_compile(module, &how, NULL), WASM_OK);
        CHECK_EQ_INT(files, 1 - unwatched);
        CHECK_EQ_INT(n.kept, 1 - unwatched);
        wasm_module_free(module);
        close_cache();
    }
}

/* ---- the lock -------------------------------------------------------------------------------- */

/* Who owns the directory can call anything `.lock`: that must not make him its owner. */
TEST(root_gives_away_the_lock_that_it_makes_and_nothing_else)
{
    enum { SOMEBODY = 12345 };
    const wasm_compile_options options = {.cache = directory, .cache_owner = SOMEBODY};
    char lock[100], secret[100];
    struct stat info;

    if (geteuid() != 0) {
        printf("# skipped: only root can give files away\n");
        return;
    }
    if (!open_cache())
        return;
    snprintf(lock, sizeof lock, "%s/.lock", directory);
    snprintf(secret, sizeof secret, "%s/secret", directory);
    REQUIRE(chown(directory, SOMEBODY, SOMEBODY) == 0);
    fclose(fopen(secret, "w"));
    REQUIRE(link(secret, lock) == 0);
    cache_unlock(cache_lock(&options, &(digest){0}, NULL, NULL));
    CHECK(stat(secret, &info) == 0 && info.st_uid == 0);
    unlink(lock);
    cache_unlock(cache_lock(&options, &(digest){0}, NULL, NULL));
    CHECK(stat(lock, &info) == 0 && info.st_uid == SOMEBODY && info.st_gid == SOMEBODY);
    unlink(lock);
    close_cache();
}

/* Asked every 20 ms by who waits. */
static bool count_asked(void *baton)
{
    return ++*(unsigned *)baton > 20;
}

TEST(who_has_little_patience_does_not_wait_for_two_minutes)
{
    const wasm_compile_options holder = {.cache = directory};
    const digest key = {0};
    unsigned asked = 0;

    if (!open_cache())
        return;
    const int held = cache_lock(&holder, &key, NULL, NULL);
    REQUIRE(held >= 0);
    for (uint32_t patience = 60; patience <= 120; patience += 60) {
        wasm_compile_options options = {.cache = directory, .patience = patience};

        asked = 0;
        CHECK_EQ_INT(cache_lock(&options, &key, count_asked, &asked), -1);
        CHECK_EQ_INT(asked, patience / 20);
    }
    asked = 0; /* of others there is no end yet */
    CHECK_EQ_INT(cache_lock(&holder, &key, count_asked, &asked), -1);
    CHECK_EQ_INT(asked, 21);
    cache_unlock(held);
    snprintf(path_of_lock, sizeof path_of_lock, "%s/.lock", directory);
    unlink(path_of_lock);
    close_cache();
}

/* ---- what goes wrong ------------------------------------------------------------------------- */

/* Puts the code of one module where that of another is looked for, as only who owns the directory
 * can. */
static void forge(const char *text, const char *victim)
{
    const wasm_compile_options options = {.cache = directory};
    wasm_module *from = fixture_load(text, &(wasm_report){0}), *to = NULL;
    native_code *code = NULL;
    size_t length;
    digest key;
    uint8_t *bytes = module_text(victim, &length);

    REQUIRE(from != NULL);
    REQUIRE(decode_module(bytes, length, NULL, &to, &(wasm_report){0}) == WASM_OK);
    REQUIRE(compile_module(from, &(wasm_compile_options){0}, &code, NULL) == WASM_OK);
    const native_module *native = (const native_module *)(const void *)code;
    cache_key(to, target_here(), native->guarded, &key);
    CHECK(cache_store(native, native->code.base, (uint32_t)native->code.length, &options, &key));
    code->tier->release(code);
    wasm_module_free(from);
    module_destroy(to);
    free(bytes);
}

#define VALID                                                                                      \
    "01(01 60 01 7f 01 7f) 03(01 00) 05(01 00 01) 07(01 ('f') 00 00)"                              \
    "0a(01 (00 41 00 28 02 00 1a 20 00 0b))"
#define INVALID                                                                                    \
    "01(01 60 01 7f 01 7f) 03(01 00) 05(01 00 01) 07(01 ('f') 00 00)"                              \
    "0a(01 (00 41 00 28 02 00 1a 42 00 0b))" /* an i64 for the result */

/* What translating counts from 0 on: a number of ours in its place shows whether it was begun. */
enum { MARK = 12345 };

static void mark_untouched(const wasm_module *module)
{
    interp_module *prepared = module->prepared;

    prepared->code_bytes = MARK;
}

static bool is_untouched(const wasm_module *module)
{
    const interp_module *prepared = module->prepared;

    return prepared->code_bytes == MARK;
}

TEST(the_interpreter_never_runs_what_was_not_validated)
{
    wasm_report report;
    fixture f;
    bool used;

    if (!open_cache())
        return;
    if (!is_guarded()) {
        printf("# skipped: there is no address space for guard pages\n");
        close_cache();
        return;
    }
    wasm_module *module = load(INVALID, 0, &used, &report);
    CHECK(module == NULL && report.status == WASM_E_TYPE_MISMATCH);
    forge(VALID, INVALID);
    module = load(INVALID, 0, &used, &report);
    REQUIRE(module != NULL && used);
    open_interpreted(&f, module);
    CHECK_EQ_INT(fixture_call(&f, "f", 1, NULL), WASM_E_TYPE_MISMATCH);
    mark_untouched(module); /* it is no more valid the next time */
    CHECK_EQ_INT(fixture_call(&f, "f", 1, NULL), WASM_E_TYPE_MISMATCH);
    CHECK(is_untouched(module));
    fixture_close(&f);
    close_cache();
}

TEST(the_quota_bounds_what_is_translated_later)
{
    wasm_report report;
    fixture f;
    bool used;

    if (!open_cache())
        return;
    wasm_module_free(load_kept(WITH_MEMORY));
    wasm_module *module = NULL;
    /* With what is just enough to load it, nothing is left. */
    for (size_t bytes = 1024; module == NULL; bytes += 256)
        module = load(WITH_MEMORY, bytes, &used, &report);
    CHECK(used);
    if (is_guarded()) {
        open_interpreted(&f, module);
        CHECK_EQ_INT(fixture_call(&f, "f", 5, NULL), WASM_E_QUOTA);
        mark_untouched(module); /* there is never more of it */
        CHECK_EQ_INT(fixture_call(&f, "f", 5, NULL), WASM_E_QUOTA);
        CHECK(is_untouched(module));
        wasm_store_free(f.store);
    }
    wasm_module_free(module);
    close_cache();
}

TEST(a_guest_that_is_stopped_does_not_wait_for_it)
{
    fixture f;
    uint32_t result = 0;

    if (!open_cache())
        return;
    wasm_module *module = load_kept(WITH_MEMORY);
    open_interpreted(&f, module);
    wasm_store_interrupt(f.store, WASM_E_DEADLINE);
    CHECK_EQ_INT(fixture_call(&f, "f", 5, &result), WASM_E_DEADLINE);
    wasm_store_clear_interrupt(f.store);
    CHECK_EQ_INT(fixture_call(&f, "f", 5, &result), WASM_OK);
    CHECK_EQ_INT(result, 20);
    fixture_close(&f);
    close_cache();
}

/* ---- the ways in ----------------------------------------------------------------------------- */

/* (import "h" "t" (table 2 funcref)) (import "h" "i" (global i32))
 * (func (export "f") (param i32) (result i32)): calls itself, or its equal in the table, as often
 * as the argument says, in its last place or not; and is put into the table at "i". */
#define IN_TABLE(body)                                                                             \
    "01(01 60 01 7f 01 7f) 02(02 ('h') ('t') 01 70 00 02 ('h') ('i') 03 7f 00) 03(01 00)"          \
    "07(01 ('f') 00 00) 09(01 00 23 00 0b 01 00) 0a(01 (00 " body "))"
#define COUNTS                                                                                     \
    IN_TABLE("20 00 45 04 7f 41 00 05 20 00 41 01 6b 20 00 41 01 71 11 00 00 41 01 6a 0b 0b")
#define JUMPS IN_TABLE("20 00 45 04 7f 41 00 05 20 00 41 01 6b 20 00 41 01 71 13 00 00 0b 0b")

static wasm_func *in_table(wasm_store *store, const wasm_module *module, wasm_table *table,
                           uint32_t at)
{
    wasm_extern imports[2] = {{.kind = WASM_EXTERN_TABLE}, {.kind = WASM_EXTERN_GLOBAL}}, found;
    wasm_instance *instance = NULL;

    imports[0].of.table = table;
    if (!CHECK(wasm_global_new(store, WASM_I32, false, (wasm_value){.i32 = at},
                               &imports[1].of.global) == WASM_OK) ||
        !CHECK(wasm_instantiate(store, module, imports, &instance, NULL) == WASM_OK) ||
        !CHECK(wasm_instance_export(instance, "f", 1, &found)))
        return NULL;
    return found.of.func;
}

/* Calls the first of two instances. */
static void call_around(wasm_module *first, wasm_module *second, uint32_t rounds, uint32_t want)
{
    wasm_store *store = wasm_store_new(NULL, NULL);
    const wasm_bounds bounds = {.min = 2};
    const size_t before = allocated(second);
    wasm_value argument = {.i32 = rounds}, result = {0};
    wasm_table *table = NULL;

    REQUIRE(first != NULL && second != NULL && store != NULL);
    REQUIRE(wasm_table_new(store, WASM_FUNCREF, &bounds, &table) == WASM_OK);
    wasm_func *func = in_table(store, first, table, 0);
    REQUIRE(func != NULL && in_table(store, second, table, 1) != NULL);
    CHECK_EQ_INT(wasm_call(store, func, &argument, &result), WASM_OK);
    CHECK_EQ_INT(result.i32, want);
    CHECK(allocated(second) > before);
    wasm_store_free(store);
    wasm_module_free(first);
    wasm_module_free(second);
}

TEST(deeper_than_compiled_code_may_be_nested)
{
    if (!open_cache())
        return;
    call_around(load_kept(COUNTS), load_kept(COUNTS), 1001, 1001);
    close_cache();
}

TEST(from_the_interpreter_in_place_of_a_return)
{
    if (!open_cache())
        return;
    wasm_report report;
    call_around(fixture_load(JUMPS, &report), load_kept(COUNTS), 1, 0);
    close_cache();
}

enum { THREADS = 4, TIMES = 20 };

static void *interpret(void *module)
{
    wasm_store *store = wasm_store_new(NULL, NULL);
    wasm_instance *instance;
    wasm_value argument = {.i32 = 9}, result = {0};
    wasm_extern found;
    bool good = store != NULL &&
                wasm_instantiate(store, module, NULL, &instance, NULL) == WASM_OK &&
                wasm_instance_export(instance, "f", 1, &found) &&
                wasm_call(store, found.of.func, &argument, &result) == WASM_OK && result.i32 == 36;

    wasm_store_free(store);
    return good ? module : NULL;
}

TEST(several_threads_ask_at_once)
{
    if (!open_cache())
        return;
    for (unsigned i = 0; i < TIMES; i++) {
        wasm_module *module = load_kept(WITH_MEMORY);
        pthread_t threads[THREADS];
        void *answer;

        for (unsigned t = 0; t < THREADS; t++)
            REQUIRE(pthread_create(&threads[t], NULL, interpret, module) == 0);
        for (unsigned t = 0; t < THREADS; t++) {
            pthread_join(threads[t], &answer);
            CHECK(answer == module);
        }
        wasm_module_free(module);
    }
    close_cache();
}
