/* SPDX-License-Identifier: Apache-2.0
 * pack_state_test.c — how versions of files come, go back and go.
 * layers: delivery
 *
 * How:     A version is written as its hash's first letter and its files' first letters, "1aw"; a
 *          state is written out as "[*2aw 1a][1b]": units in their order, versions newest first,
 *          the current one starred. Each test is a table of steps and of the states after them.
 * Memory:  Each test frees its pool.
 * Threads: One.
 */
#include "unit.h"

#include <stdlib.h>

#include "pack_state.h"

static void exhausted(void)
{
    printf("not ok pack_state_test: out of memory\n");
    exit(1);
}

static struct pack_version *version_of(struct pack_pool *pool, const char *text)
{
    struct pack_version *version = pack_pool_get(pool, sizeof(*version));

    memset(version->hash, text[0], PACK_HASH_DIGITS);
    for (const char *c = text + 1; *c != '\0'; c++) {
        struct pack_file *file = pack_pool_get(pool, sizeof(*file));
        file->name = pack_pool_format(pool, "%c.wasm", *c);
        CHECK(pack_state_put_file(version, file));
    }
    return version;
}

static const char *state_text(const struct pack_state *state)
{
    static char text[500];
    size_t n = 0;

    for (const struct pack_unit *unit = state->units; unit != NULL; unit = unit->next) {
        const char *before = "[";
        for (const struct pack_version *v = unit->versions; v != NULL; v = v->next) {
            n += (size_t)sprintf(text + n, "%s%s%c", before, v == unit->current ? "*" : "",
                                 v->hash[0]);
            before = " ";
            for (const struct pack_file *file = v->files; file != NULL; file = file->next) {
                text[n++] = file->name[0];
            }
        }
        text[n++] = ']';
    }
    text[n] = '\0';
    return text;
}

struct step {
    const char *what;   /* "+1aw": pack this version; "-a": go back with a.wasm */
    const char *parted; /* the file that pack would part from the version, its first letter */
    const char *after;
};

static void run_steps(unsigned keep, const struct step *steps, size_t count)
{
    struct pack_pool pool = {.exhausted = exhausted};
    struct pack_state state = {NULL, NULL};

    for (size_t i = 0; i < count; i++) {
        const struct step *step = &steps[i];
        CASE("step %zu, %s", i, step->what);
        if (step->what[0] == '+') {
            struct pack_version *version = version_of(&pool, step->what + 1);
            const char *parted = pack_state_parted(&state, version);
            CHECK_EQ_INT(parted ? parted[0] : 0, step->parted ? step->parted[0] : 0);
            pack_state_add(&pool, &state, version);
            pack_state_trim(version, keep);
        } else {
            char name[] = "x.wasm";
            name[0] = step->what[1];
            struct pack_unit *unit = pack_state_unit(&state, name);
            REQUIRE(unit != NULL);
            const char *why = pack_state_back(&state, unit);
            CHECK_EQ_INT(why != NULL, step->parted != NULL);
        }
        CHECK_EQ_STR(state_text(&state), step->after);
    }
    pack_pool_free(&pool);
}

#define RUN(keep, steps) run_steps(keep, steps, sizeof(steps) / sizeof(steps[0]))

TEST(versions_of_one_file)
{
    static const struct step steps[] = {
        {"+1a", NULL, "[*1a]"},
        {"-a", "no older one", "[*1a]"},
        {"+1a", NULL, "[*1a]"},
        {"+2a", NULL, "[*2a 1a]"},
        {"-a", NULL, "[2a *1a]"},
        {"-a", "no older one", "[2a *1a]"},
        /* forward again, by packing what is there already */
        {"+2a", NULL, "[*2a 1a]"},
        {"-a", NULL, "[2a *1a]"},
        {"+3a", NULL, "[*3a 2a 1a]"},
        {"+4a", NULL, "[*4a 3a 2a]"},
        {"-a", NULL, "[4a *3a 2a]"},
        {"-a", NULL, "[4a 3a *2a]"},
        {"+5a", NULL, "[*5a 4a 3a]"},
        {"+3a", NULL, "[*3a 5a 4a]"},
    };
    RUN(2, steps);
}

TEST(nothing_kept)
{
    static const struct step steps[] = {
        {"+1a", NULL, "[*1a]"},
        {"+2a", NULL, "[*2a]"},
        {"-a", "no older one", "[*2a]"},
    };
    RUN(0, steps);
}

TEST(units_are_independent_and_sorted)
{
    static const struct step steps[] = {
        {"+1m", NULL, "[*1m]"},
        {"+1c", NULL, "[*1c][*1m]"},
        {"+1z", NULL, "[*1c][*1m][*1z]"},
        {"+2m", NULL, "[*1c][*2m 1m][*1z]"},
        {"-m", NULL, "[*1c][2m *1m][*1z]"},
    };
    RUN(3, steps);
}

TEST(pairs_take_over_and_are_parted_only_knowingly)
{
    static const struct step steps[] = {
        {"+1a", NULL, "[*1a]"},
        {"+2w", NULL, "[*1a][*2w]"},
        {"+3aw", NULL, "[*3aw 1a 2w]"},
        {"+4aw", NULL, "[*4aw 3aw 1a]"},
        {"-w", NULL, "[4aw *3aw 1a]"},
        {"-a", "the version before is no pair", "[4aw *3aw 1a]"},
        {"+5a", "w", "[*5a 4a 3a][4w *3w]"},
        {"+6w", NULL, "[*5a 4a 3a][*6w 4w 3w]"},
        {"+7aw", NULL, "[*7aw 5a 4a]"},
    };
    RUN(2, steps);
}

TEST(a_version_that_is_packed_again_leaves_its_old_place)
{
    static const struct step steps[] = {
        {"+1aw", NULL, "[*1aw]"},
        {"+2aw", NULL, "[*2aw 1aw]"},
        {"+1aw", NULL, "[*1aw 2aw]"},
        {"+1a", "w", "[*1a 2a][*1w 2w]"},
    };
    RUN(3, steps);
}

static void collect(void *context, const char *name, uint64_t size, const char *digest)
{
    char *text = context;

    sprintf(text + strlen(text), "%s %d %.2s\n", name, (int)size, digest);
}

TEST(names_follow_from_versions)
{
    struct pack_pool pool = {.exhausted = exhausted};
    struct pack_version *version = version_of(&pool, "1a");
    struct pack_file *file = version->files;
    struct pack_state state = {NULL, NULL};
    char names[1000] = "";
    static const struct {
        enum coding coding;
        const char *dictionary;
        bool useless;
    } rows[] = {
        {CODING_DCZ, "bb", false}, {CODING_GZIP, "", true},   {CODING_BR, "", false},
        {CODING_DCZ, "aa", false}, {CODING_DCZ, "aa", false}, /* the second takes its place */
    };

    file->size = 100;
    memcpy(file->digest, "ff", 3);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pack_form *form = pack_pool_get(&pool, sizeof(*form));
        form->coding = rows[i].coding;
        if (rows[i].dictionary[0] != '\0') {
            memset(form->dictionary, rows[i].dictionary[0], SHA256_HEX_SIZE - 1);
        }
        form->useless = rows[i].useless;
        form->size = 10 + i;
        memcpy(form->digest, "00", 3);
        pack_state_put_form(file, form);
    }
    pack_state_visit(&pool, version, collect, names);
    CHECK_EQ_STR(names, "a.1111111111111111.wasm 100 ff\n"
                        "a.1111111111111111.wasm.br 12 00\n"
                        "a.1111111111111111.wasm.aaaaaaaaaaaaaaaa.dcz 14 00\n"
                        "a.1111111111111111.wasm.bbbbbbbbbbbbbbbb.dcz 10 00\n");
    CHECK(pack_state_find_form(file, CODING_GZIP, "") != NULL);
    CHECK(pack_state_find_form(file, CODING_ZSTD, "") == NULL);
    CHECK(pack_state_find_form(file, CODING_DCZ, "") == NULL);

    pack_state_add(&pool, &state, version);
    CHECK_EQ_STR(pack_state_hash_of(&state, "a.wasm"), "1111111111111111");
    CHECK_EQ_STR(pack_state_hash_of(&state, "b.wasm"), NULL);
    CHECK(pack_state_version(state.units, "1111111111111111") == version);
    CHECK(pack_state_version(state.units, "2222222222222222") == NULL);
    pack_pool_free(&pool);
}

TEST(a_file_stands_once_in_a_version_and_a_page_once)
{
    struct pack_pool pool = {.exhausted = exhausted};
    struct pack_version *version = version_of(&pool, "1a");
    struct pack_file *again = pack_pool_get(&pool, sizeof(*again));
    struct pack_state state = {NULL, NULL};

    again->name = "a.wasm";
    CHECK(!pack_state_put_file(version, again));
    pack_state_page(&pool, &state, "b.html", "/");
    pack_state_page(&pool, &state, "a.html", "/");
    pack_state_page(&pool, &state, "b.html", "/x/");
    REQUIRE(state.pages != NULL && state.pages->next != NULL);
    CHECK_EQ_STR(state.pages->name, "a.html");
    CHECK_EQ_STR(state.pages->next->name, "b.html");
    CHECK_EQ_STR(state.pages->next->base, "/x/");
    CHECK(state.pages->next->next == NULL);
    pack_pool_free(&pool);
}
