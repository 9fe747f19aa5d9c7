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
