/* SPDX-License-Identifier: Apache-2.0
 * setting_merge_test.c — scopes meet: inner over outer, and ceilings that .htaccess cannot lift.
 * layers: httpd
 *
 * Memory:  Nothing is allocated.
 * Threads: One.
 */
#include "unit.h"

#include "setting_types.h"

enum { UNSET = -1 };

/* A limit as one scope says it: what the administrator wrote there, what a .htaccess did. */
static struct setting_limit limit(int64_t admin, int64_t user)
{
    struct setting_limit it = {0};
    it.set = admin != UNSET;
    it.admin = it.set ? admin : 0;
    it.lowered = user != UNSET;
    it.user = it.lowered ? user : 0;
    return it;
}

static struct setting_limit over(struct setting_limit base, struct setting_limit add)
{
    struct setting_limit out;
    setting_merge_limit(&out, &base, &add, sizeof(out));
    return out;
}

static int64_t in_force(struct setting_limit it)
{
    struct setting_limit fallback = limit(64, UNSET);
    return setting_limit_value(&it, &fallback);
}

TEST(a_limit_in_force)
{
    static const struct {
        const char *what;
        int64_t server, directory, htaccess, deeper, value;
    } rows[] = {
        {"nothing said: the default", UNSET, UNSET, UNSET, UNSET, 64},
        {"the server says more than the default", 100, UNSET, UNSET, UNSET, 100},
        {"the server says less", 10, UNSET, UNSET, UNSET, 10},
        {"a directory section says more than the server", 10, 200, UNSET, UNSET, 200},
        {".htaccess lowers the default", UNSET, UNSET, 5, UNSET, 5},
        {".htaccess cannot raise the default", UNSET, UNSET, 500, UNSET, 64},
        {".htaccess lowers the server's", 100, UNSET, 50, UNSET, 50},
        {".htaccess cannot raise the server's", 100, UNSET, 101, UNSET, 100},
        {".htaccess cannot raise the directory's", 100, 20, 50, UNSET, 20},
        {"a deeper .htaccess takes back, up to the ceiling", 100, UNSET, 10, 500, 100},
        {"a deeper .htaccess lowers further", 100, UNSET, 10, 5, 5},
        {"unlimited is a ceiling too", SETTING_UNLIMITED, UNSET, 7, UNSET, 7},
        {"Off in .htaccess lifts nothing", 100, UNSET, SETTING_UNLIMITED, UNSET, 100},
        {"nought is a value", 0, UNSET, 50, UNSET, 0},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct setting_limit it = limit(rows[i].server, UNSET);
        CASE("%s", rows[i].what);
        it = over(it, limit(rows[i].directory, UNSET));
        it = over(it, limit(UNSET, rows[i].htaccess));
        it = over(it, limit(UNSET, rows[i].deeper));
        CHECK_EQ_INT(in_force(it), rows[i].value);
    }
}

static bool same(struct setting_limit a, struct setting_limit b)
{
    return a.set == b.set && a.scoped == b.scoped && a.lowered == b.lowered &&
           (!a.set || a.admin == b.admin) && (!a.lowered || a.user == b.user);
}

/* httpd merges <Files> sections of the server and of .htaccess among each other before it merges
 * them over the directories: a + (b + c) has to be (a + b) + c, whoever wrote them. */
TEST(merging_is_associative)
{
    static const int64_t values[] = {UNSET, 5, 80};

    for (int n = 0; n < 3 * 3 * 3 * 3 * 3 * 3; n++) {
        struct setting_limit it[3];
        for (int i = 0, rest = n; i < 3; i++, rest /= 9) {
            it[i] = limit(values[rest % 3], values[rest / 3 % 3]);
            it[i].scoped = it[i].set && i % 2 != 0;
        }
        CASE("combination %d", n);
        CHECK(same(over(it[0], over(it[1], it[2])), over(over(it[0], it[1]), it[2])));
    }
}

/* The two values of a <Files> section that stands in both places: the server's replaces the
 * server's outside, and .htaccess still only lowers it. */
TEST(sections_of_both_sides_meet_first)
{
    struct setting_limit files = over(limit(128, UNSET), limit(UNSET, 256));
    CHECK_EQ_INT(in_force(over(limit(32, UNSET), files)), 128);
    files = over(limit(128, UNSET), limit(UNSET, 16));
    CHECK_EQ_INT(in_force(over(limit(32, UNSET), files)), 16);
}

TEST(override_takes_the_inner_if_set)
{
    struct setting_flag on = {true, true}, off = {true, false}, unset = {false, false}, out;

    setting_merge_override(&out, &on, &unset, sizeof(out));
    CHECK(out.set && out.on);
    setting_merge_override(&out, &on, &off, sizeof(out));
    CHECK(out.set && !out.on);
    setting_merge_override(&out, &unset, &on, sizeof(out));
    CHECK(out.set && out.on);
    setting_merge_override(&out, &unset, &unset, sizeof(out));
    CHECK(!out.set);
}

/* ---- filters --------------------------------------------------------------------------------- */

/* A list as one scope gives it: a name, "" for none, NULL where it says nothing. */
static struct setting_filter filter(const char *early, const char *late)
{
    static const char *names[8];
    static size_t used;
    struct setting_filter it = {0};
    const char **place = &names[used];

    used = (used + 2) % 8;
    place[0] = early;
    place[1] = late;
    it.early = (struct setting_names){early != NULL, early != NULL && early[0] != '\0', place};
    it.late = (struct setting_names){late != NULL, late != NULL && late[0] != '\0', place + 1};
    it.set = it.early.set || it.late.set;
    return it;
}

static const char *list(const struct setting_names *it)
{
    return !it->set ? NULL : it->count == 0 ? "" : it->names[0];
}

TEST(early_and_late_filters_do_not_touch_each_other)
{
    static const struct {
        const char *outer[2], *inner[2], *result[2];
    } rows[] = {
        {{NULL, NULL}, {NULL, NULL}, {NULL, NULL}},
        {{"server", NULL}, {NULL, NULL}, {"server", NULL}},
        {{"server", NULL}, {"location", NULL}, {"location", NULL}},
        {{"server", NULL}, {"", NULL}, {"", NULL}},
        {{"server", NULL}, {NULL, "directory"}, {"server", "directory"}},
        {{"server", NULL}, {NULL, ""}, {"server", ""}},
        {{"server", "directory"}, {NULL, ".htaccess"}, {"server", ".htaccess"}},
        {{"server", "directory"}, {"location", NULL}, {"location", "directory"}},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct setting_filter outer = filter(rows[i].outer[0], rows[i].outer[1]);
        struct setting_filter inner = filter(rows[i].inner[0], rows[i].inner[1]), out;

        CASE("row %zu", i);
        setting_merge_filter(&out, &outer, &inner, sizeof(out));
        CHECK_EQ_STR(list(&out.early), rows[i].result[0]);
        CHECK_EQ_STR(list(&out.late), rows[i].result[1]);
        CHECK_EQ_INT(out.set, outer.set || inner.set);
    }
}
