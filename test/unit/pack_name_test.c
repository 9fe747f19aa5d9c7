/* SPDX-License-Identifier: Apache-2.0
 * pack_name_test.c — the names that `wasmserve pack` gives and takes, and which files are a pair.
 * layers: delivery
 *
 * Memory:  Each test frees its pool.
 * Threads: One.
 */
#include "unit.h"

#include <stdlib.h>

#include "cachepolicy.h"
#include "pack_name.h"

static void exhausted(void)
{
    printf("not ok pack_name_test: out of memory\n");
    exit(1);
}

TEST(hashed_names)
{
    static const char hash[] = "3f9c02d1e4a5b677fedcba9876543210";
    static const char digits[] = "2024010112304500"; /* no date has 16 digits */
    static const struct {
        const char *name, *hashed;
    } rows[] = {
        {"app.wasm", "app.3f9c02d1e4a5b677.wasm"},
        {"pkg/app_bg.wasm", "pkg/app_bg.3f9c02d1e4a5b677.wasm"},
        {"app.min.js", "app.min.3f9c02d1e4a5b677.js"},
        {"v1.2/app", "v1.2/app.3f9c02d1e4a5b677"},
        {".hidden", ".hidden.3f9c02d1e4a5b677"},
        {".hidden.js", ".hidden.3f9c02d1e4a5b677.js"},
        {"facade.wasm", "facade.3f9c02d1e4a5b677.wasm"},
    };
    struct pack_pool pool = {.exhausted = exhausted};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CASE("%s", rows[i].name);
        CHECK_EQ_STR(pack_name_hashed(&pool, rows[i].name, hash), rows[i].hashed);
        CHECK(cachepolicy_name_is_hashed(pack_name_base(rows[i].hashed)));
        CHECK(cachepolicy_name_is_hashed(
            pack_name_base(pack_name_hashed(&pool, rows[i].name, digits))));
    }
    pack_pool_free(&pool);
}

TEST(names_that_can_be_packed)
{
    static const char *const good[] = {"app.wasm",   "pkg/sub/app.js", "a",
                                       "mit bl ank", "größe.wasm",     ".well-known/x",
                                       "..app",      "manifest.json5", "pkg/manifest.json"};
    static const char *const bad[] = {
        "",         "/app.wasm", "a//b", "a/",         "../a",
        "a/../b",   ".",         "./a",  "a\nb",       "a\x7f",
        "a\"b",     "a\\b",      "\xff", "a\xc3",      "\xed\xa0\x80",
        "\xc0\xaf", "a.wasm.br", "a.gz", "x/a.js.zst", ".wasmserve-pack/lock"};
    char longest[PACK_NAME_MAX + 2];

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CHECK_EQ_STR(pack_name_fault(good[i]), NULL);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CASE("bad name %zu, \"%s\"", i, bad[i]);
        CHECK(pack_name_fault(bad[i]) != NULL);
    }
    memset(longest, 'a', sizeof(longest));
    longest[PACK_NAME_MAX] = '\0';
    CHECK_EQ_STR(pack_name_fault(longest), NULL);
    longest[PACK_NAME_MAX] = 'a';
    longest[PACK_NAME_MAX + 1] = '\0';
    CHECK(pack_name_fault(longest) != NULL);
}

TEST(bases)
{
    static const char *const bad[] = {"", "x", "/x", "/\n/", "/\"/", "\xff/"};

    CHECK_EQ_STR(pack_name_base_fault("/"), NULL);
    CHECK_EQ_STR(pack_name_base_fault("https://cdn.example/app/"), NULL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CASE("bad base %zu", i);
        CHECK(pack_name_base_fault(bad[i]) != NULL);
    }
}

#define MOST 8

/* Groups written as a letter for each name: "aab" says that the first two belong together. */
TEST(pairs_by_name)
{
    static const struct {
        const char *names[MOST];
        const char *before; /* explicit pairs; NULL: none */
        const char *groups;
        int ambiguous; /* the index of a glue without a decision, or -1 */
    } rows[] = {
        {{"app.wasm"}, NULL, "a", -1},
        {{"app.wasm", "wasm_exec.js"}, NULL, "aa", -1},
        {{"wasm_exec.js", "lib.js", "app.wasm"}, NULL, "aba", -1},
        {{"go/wasm_exec.js", "app.wasm"}, NULL, "aa", -1},
        {{"a.wasm", "b.wasm", "wasm_exec.js"}, NULL, "abc", 2},
        {{"a.wasm", "b.wasm", "wasm_exec.js"}, "aba", "aba", -1},
        {{"wasm_exec.js"}, NULL, "a", -1},
        /* wasm-bindgen */
        {{"x.js", "x_bg.wasm"}, NULL, "aa", -1},
        {{"x_bg.wasm", "x.mjs"}, NULL, "aa", -1},
        {{"pkg/x.js", "x_bg.wasm"}, NULL, "ab", -1},
        {{"pkg/x.js", "pkg/x_bg.wasm", "x.js", "x_bg.wasm"}, NULL, "aabb", -1},
        /* emscripten */
        {{"x.js", "x.wasm"}, NULL, "aa", -1},
        {{"x.data", "x.js", "x.wasm", "x.worker.js"}, NULL, "aaaa", -1},
        {{"x.data", "x.wasm"}, NULL, "ab", -1},
        {{"x.js", "x.wasm", "y.js", "y.wasm"}, NULL, "aabb", -1},
        {{"x.js", "y.wasm"}, NULL, "ab", -1},
        {{"x.js", "x_bg.wasm", "x.wasm"}, NULL, "aab", -1},
        /* Go beside another pair: the module that is left is its own */
        {{"x.js", "x_bg.wasm", "main.wasm", "wasm_exec.js"}, NULL, "aabb", -1},
        /* what was said stays */
        {{"x.js", "x.wasm", "z.wasm"}, "aba", "aba", -1},
        {{"x.js", "x.wasm", "z.wasm"}, "abb", "abb", -1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t group[MOST], count = 0, ambiguous;
        char got[MOST + 1] = "", letter = 'a';

        CASE("row %zu", i);
        while (count < MOST && rows[i].names[count] != NULL) {
            group[count] = count;
            count++;
        }
        for (size_t k = 0; rows[i].before != NULL && k < count; k++) {
            for (size_t j = 0; j < k; j++) {
                if (rows[i].before[j] == rows[i].before[k]) {
                    pack_name_join(group, count, j, k);
                }
            }
        }
        ambiguous = pack_name_pairs(rows[i].names, count, group);
        for (size_t k = 0; k < count; k++) {
            CHECK(group[k] <= k && group[group[k]] == group[k]);
            got[k] = group[k] == k ? letter++ : got[group[k]];
        }
        CHECK_EQ_STR(got, rows[i].groups);
        CHECK_EQ_INT(ambiguous == count ? -1 : (int)ambiguous, rows[i].ambiguous);
    }
}

TEST(pool_of_large_and_many_pieces)
{
    struct pack_pool pool = {.exhausted = exhausted};
    char *large = pack_pool_get(&pool, 100000), *small;

    CHECK(large[0] == 0 && large[99999] == 0);
    memset(large, 1, 100000);
    for (int i = 0; i < 5000; i++) {
        small = pack_pool_get(&pool, 17);
        CHECK((uintptr_t)small % 16 == 0 && small[16] == 0);
        memset(small, 2, 17);
    }
    CHECK(large[0] == 1 && large[99999] == 1);
    CHECK_EQ_STR(pack_pool_format(&pool, "%s-%d", "x", 12), "x-12");
    CHECK_EQ_STR(pack_pool_string(&pool, "abcdef", 3), "abc");
    pack_pool_free(&pool);
    pack_pool_free(&pool);
}
