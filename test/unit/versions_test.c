/* SPDX-License-Identifier: Apache-2.0
 * versions_test.c — the record of a plugin, the directory around it, and writers that die.
 * layers: versions delivery
 */
#include "unit.h"
#include "unit_fork.h"
#include "sha256.h"
#include "versions.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define A "aaaa000000000000000000000000000000000000000000000000000000000000"
#define B "bbbb000000000000000000000000000000000000000000000000000000000000"
#define D "dddd000000000000000000000000000000000000000000000000000000000000"
#define E "dddd100000000000000000000000000000000000000000000000000000000000"
#define C "aaab000000000000000000000000000000000000000000000000000000000000"

static version_entry entry(const char *hex, const char *label)
{
    version_entry e = {.called = true, .bytes = 100, .added = 1700000000};

    snprintf(e.hex, sizeof e.hex, "%s", hex);
    snprintf(e.label, sizeof e.label, "%s", label);
    snprintf(e.abi, sizeof e.abi, "cgi");
    return e;
}

static void add(versions_record *record, const char *hex, const char *label)
{
    version_entry e = entry(hex, label);

    CHECK_EQ_INT(versions_record_add(record, &e, "root", NULL), VERSIONS_OK);
}

static void activate(versions_record *record, const char *hex)
{
    CHECK_EQ_INT(versions_record_activate(record, hex, 1700000001, "root", NULL), VERSIONS_OK);
}

static versions_status rollback(versions_record *record)
{
    return versions_record_rollback(record, 1700000002, "root", NULL);
}

/* ---- the record ------------------------------------------------------------------------------ */

TEST(activating_and_going_back)
{
    versions_record record;

    versions_record_init(&record, "hello");
    add(&record, A, "1.0");
    add(&record, B, "1.1");
    add(&record, C, "1.2");
    CHECK_EQ_STR(record.active, "");
    CHECK_EQ_INT(rollback(&record), VERSIONS_NONE);
    activate(&record, A);
    CHECK_EQ_INT(rollback(&record), VERSIONS_NONE);
    activate(&record, B);
    activate(&record, B); /* once more changes nothing */
    activate(&record, C);
    CHECK_EQ_STR(record.active, C);
    CHECK_EQ_UINT(record.before_count, 2);
    CHECK_EQ_INT(rollback(&record), VERSIONS_OK);
    CHECK_EQ_STR(record.active, B);
    CHECK_EQ_INT(rollback(&record), VERSIONS_OK);
    CHECK_EQ_STR(record.active, A);
    CHECK_EQ_INT(rollback(&record), VERSIONS_NONE);
    CHECK_EQ_STR(record.active, A);
    CHECK_EQ_UINT(record.event_count, 3 + 3 + 2);
    CHECK_EQ_INT(versions_record_activate(&record, "cccc", 0, "root", NULL), VERSIONS_NONE);
    versions_record_release(&record);
}

TEST(what_a_word_means)
{
    static const struct {
        const char *word, *hex; /* NULL: nothing */
        versions_status status;
    } rows[] = {
        {"1.0", A, VERSIONS_OK},
        {"abcd", B, VERSIONS_OK}, /* a version that looks like digits of a digest */
        {"bbbb", B, VERSIONS_OK},
        {"sha256:bbbb", B, VERSIONS_OK},
        {"sha256:" A, A, VERSIONS_OK},
        {A, A, VERSIONS_OK},
        {"aaa", NULL, VERSIONS_NONE}, /* too short to be a digest */
        {"aaa0", NULL, VERSIONS_NONE},
        {"aaaa", A, VERSIONS_OK},
        {"sha256:abcd", NULL, VERSIONS_NONE},
        {"AAAA", NULL, VERSIONS_NONE},
        {"-", NULL, VERSIONS_NONE},
        {"", NULL, VERSIONS_NONE},
        {"sha256:", NULL, VERSIONS_NONE},
        {"2.0", NULL, VERSIONS_REFUSED},
        {"dddd", NULL, VERSIONS_REFUSED},
    };
    versions_record record;

    versions_record_init(&record, "hello");
    add(&record, A, "1.0");
    add(&record, B, "abcd");
    add(&record, C, "-");
    add(&record, D, "2.0");
    add(&record, E, "2.0");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const version_entry *found = NULL;
        versions_fault fault = {0};

        CASE("\"%s\"", rows[i].word);
        CHECK_EQ_INT(versions_record_find(&record, rows[i].word, &found, &fault), rows[i].status);
        CHECK_EQ_STR(found != NULL ? found->hex : NULL, rows[i].hex);
        if (rows[i].status != VERSIONS_OK)
            CHECK(strstr(fault.text, rows[i].word) != NULL);
    }
    versions_record_release(&record);
}

TEST(lists_that_are_full_lose_their_oldest)
{
    versions_record record;
    char hex[VERSIONS_HEX_SIZE];

    versions_record_init(&record, "hello");
    add(&record, A, "first");
    activate(&record, A);
    for (int i = 0; i < VERSIONS_KEPT + 50; i++) {
        snprintf(hex, sizeof hex, "%064x", i);
        add(&record, hex, "-");
        if (i < 150)
            activate(&record, hex);
    }
    CHECK_EQ_UINT(record.entry_count, VERSIONS_KEPT);
    CHECK_EQ_UINT(record.before_count, VERSIONS_BEFORE);
    CHECK_EQ_UINT(record.event_count, VERSIONS_EVENTS);
    snprintf(hex, sizeof hex, "%064x", VERSIONS_KEPT + 49);
    CHECK_EQ_STR(record.events[VERSIONS_EVENTS - 1].hex, hex);
    snprintf(hex, sizeof hex, "%064x", 149);
    CHECK_EQ_STR(record.active, hex);
    /* What is active or before stays, however old. */
    CHECK(versions_record_entry(&record, record.active) != NULL);
    for (size_t i = 0; i < record.before_count; i++)
        CHECK(versions_record_entry(&record, record.before[i]) != NULL);
    CHECK(versions_record_entry(&record, A) == NULL);
    for (int i = 0; i < VERSIONS_BEFORE; i++)
        CHECK_EQ_INT(rollback(&record), VERSIONS_OK);
    CHECK_EQ_INT(rollback(&record), VERSIONS_NONE);
    snprintf(hex, sizeof hex, "%064x", 49);
    CHECK_EQ_STR(record.active, hex);
    versions_record_release(&record);
}

TEST(a_record_survives_being_written)
{
    versions_record record, again;
    char *text, *second;
    size_t length, second_length;

    versions_record_init(&record, "a.b-c_D");
    for (int round = 0; round < 3; round++) {
        CASE("round %d", round);
        text = versions_record_format(&record, &length);
        REQUIRE(text != NULL);
        CHECK_EQ_INT(versions_record_parse(&again, "a.b-c_D", text, length, NULL), VERSIONS_OK);
        second = versions_record_format(&again, &second_length);
        REQUIRE(second != NULL);
        CHECK_EQ_MEM(second, second_length, text, length);
        versions_record_release(&again);
        /* Cut short anywhere it is not a record. */
        for (size_t cut = 0; cut < length; cut++)
            CHECK_EQ_INT(versions_record_parse(&again, "a.b-c_D", text, cut, NULL),
                         VERSIONS_DAMAGED);
        free(text);
        free(second);
        if (round == 0) {
            add(&record, A, "1.0+build_7");
            add(&record, B, "-");
        } else {
            activate(&record, A);
            activate(&record, B);
        }
    }
    versions_record_release(&record);
}

#define HEAD      "wasmserve-versions 1\nplugin p\n"
#define LINE(hex) "version " hex " 1 cgi 5 2026-11-24T10:11:12Z called\n"

TEST(records_that_are_none)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"", "line 1: it has no end"},
        {"\n", "line 1"},
        {"wasmserve-versions 2\n", "line 1: it does not begin with"},
        {"wasmserve-versions 1 1\n", "line 1"},
        {"wasmserve-versions 1\nplugin q\n", "line 2: it is about another plugin"},
        {"wasmserve-versions 1\nactive -\n", "line 2"},
        {HEAD "active\nend\n", "line 3: no digest"},
        {HEAD "active xyz\nend\n", "line 3: no digest"},
        {HEAD "active " A "0\nend\n", "line 3: no digest"},
        {HEAD "active " A "\nend\n", "not among its versions"},
        {HEAD "active -\nbefore " A "\n" LINE(A) "end\n", "not among its versions"},
        {HEAD "active " A "\nbefore " B "\n" LINE(A) "end\n", "not among its versions"},
        {HEAD "active -\n" LINE(A) LINE(A) "end\n", "line 5: the same digest twice"},
        {HEAD "active -\n" LINE(A) "before " A "\nend\n", "line 5"},
        {HEAD "active -\nactive -\nend\n", "line 4"},
        {HEAD "active -\nend\nend\n", "line 4: something behind the end"},
        {HEAD "active -\nend \n", "line 4"},
        {HEAD "active -\n end\n", "line 4"},
        {HEAD "active  -\nend\n", "line 3"},
        {HEAD "active -\nend", "line 4: it breaks off"},
        {HEAD "active -\r\nend\n", "line 3"},
        {HEAD "active -\nversion " A " 1 cgi 5 2026-11-24 called\nend\n", "not a version"},
        {HEAD "active -\nversion " A " 1 cgi 5 2026-06-31T10:11:12Z called\nend\n",
         "not a version"},
        {HEAD "active -\nversion " A " 1 cgi -5 2026-11-24T10:11:12Z called\nend\n",
         "not a version"},
        {HEAD "active -\nversion " A " 1 cgi 05 2026-11-24T10:11:12Z called\nend\n",
         "not a version"},
        {HEAD "active -\nversion " A " 1/2 cgi 5 2026-11-24T10:11:12Z called\nend\n",
         "not a version"},
        {HEAD "active -\nversion " A " 1 cgi 5 2026-11-24T10:11:12Z perhaps\nend\n",
         "not a version"},
        {HEAD "active -\nhistory 2026-11-24T10:11:12Z steal " A " root\nend\n",
         "not a line of history"},
        {HEAD "active -\nhistory 2026-11-24T10:11:12Z add " A " ro/ot\nend\n",
         "not a line of history"},
        {HEAD "active -\nsomething else\nend\n", "line 4: not what stands in such a place"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        versions_fault fault = {0};
        versions_record record;

        CASE("row %zu", i);
        CHECK_EQ_INT(
            versions_record_parse(&record, "p", rows[i].text, strlen(rows[i].text), &fault),
            VERSIONS_DAMAGED);
        CHECK(strstr(fault.text, rows[i].why) != NULL);
        CHECK(record.entries == NULL && record.before == NULL && record.events == NULL);
    }
    CASE("a byte of zero");
    versions_record record;
    CHECK_EQ_INT(versions_record_parse(&record, "p", HEAD "active -\0\nend\n",
                                       sizeof(HEAD "active -\0\nend\n") - 1, NULL),
                 VERSIONS_DAMAGED);
}

TEST(names_and_labels)
{
    static const struct {
        const char *text, *label;
    } labels[] = {{"1.2.3", "1.2.3"}, {"v1 (beta)", "v1__beta_"},    {"", "-"},
                  {"...", "-"},       {"1.0\n2", "1.0_2"},           {"-", "-"},
                  {"--", "-"},        {"\xC3\xA9t\xC3\xA9", "__t__"}};
    char label[VERSIONS_LABEL_SIZE], longest[200];

    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        versions_make_label(labels[i].text, label);
        CHECK_EQ_STR(label, labels[i].label);
    }
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    versions_make_label(longest, label);
    CHECK_EQ_UINT(strlen(label), VERSIONS_LABEL_SIZE - 1);
    CHECK(versions_is_name("a") && versions_is_name("A-b_c.9"));
    CHECK(!versions_is_name("") && !versions_is_name(".") && !versions_is_name("..") &&
          !versions_is_name(".hidden") && !versions_is_name("a/b") && !versions_is_name("a b") &&
          !versions_is_name(longest));
}

/* ---- the directory --------------------------------------------------------------------------- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st;
    (void)type;
    (void)walk;
    return remove(path);
}

static char root[64], dir_path[80];

static void begin_tree(void)
{
    strcpy(root,
           access("/dev/shm", W_OK) == 0 ? "/dev/shm/versions-XXXXXX" : "/tmp/versions-XXXXXX");
    if (mkdtemp(root) == NULL)
        abort();
    snprintf(dir_path, sizeof dir_path, "%s/d", root);
}

static void end_tree(void)
{
    nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A path beneath the directory. */
static const char *in_dir(const char *name)
{
    static char path[4][200];
    static unsigned turn;

    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", dir_path, name);
    return path[turn];
}

/* Adds a module of one byte and activates it. */
static versions_status put_version(versions_dir *dir, const char *name, uint8_t byte,
                                   char hex[VERSIONS_HEX_SIZE], versions_fault *fault)
{
    versions_record record;
    versions_status status = versions_store_module(dir, &byte, 1, hex, fault);

    if (status != VERSIONS_OK)
        return status;
    status = versions_read(dir, name, &record, fault);
    if (status == VERSIONS_NONE)
        status = VERSIONS_OK;
    if (status == VERSIONS_OK && versions_record_entry(&record, hex) == NULL) {
        version_entry e = entry(hex, "1");

        status = versions_record_add(&record, &e, "root", fault);
    }
    if (status == VERSIONS_OK)
        status = versions_record_activate(&record, hex, 1700000000, "root", fault);
    if (status == VERSIONS_OK)
        status = versions_store(dir, &record, fault);
    versions_record_release(&record);
    return status;
}

/* Reads what is active, with its module. */
static versions_status get_version(const char *name, char hex[VERSIONS_HEX_SIZE],
                                   versions_fault *fault)
{
    versions_record record = {0};
    versions_dir dir;
    uint8_t *bytes;
    size_t length;
    versions_status status = versions_open(dir_path, sha256_hex, &dir, fault);

    if (status != VERSIONS_OK)
        return status;
    status = versions_read(&dir, name, &record, fault);
    if (status == VERSIONS_OK) {
        memcpy(hex, record.active, VERSIONS_HEX_SIZE);
        status = versions_read_module(&dir, hex, &bytes, &length, fault);
        if (status == VERSIONS_OK)
            free(bytes);
    }
    versions_record_release(&record);
    versions_close(&dir);
    return status;
}

TEST(a_version_is_stored_and_found)
{
    char hex[VERSIONS_HEX_SIZE] = "", found[VERSIONS_HEX_SIZE];
    versions_fault fault = {0};
    versions_mark mark = {0};
    struct stat st;
    versions_dir dir;
    char **names;
    size_t count;
    mode_t mask = umask(0077); /* a strict mask must not lock the server out */

    begin_tree();
    CHECK_EQ_INT(versions_open(dir_path, sha256_hex, &dir, &fault), VERSIONS_NONE);
    REQUIRE(versions_begin(dir_path, sha256_hex, &dir, &fault) == VERSIONS_OK);
    umask(mask);
    CHECK(versions_changed(dir_path, "hello", &mark));
    CHECK(!versions_changed(dir_path, "hello", &mark));
    CHECK_EQ_INT(put_version(&dir, "hello", 'a', hex, &fault), VERSIONS_OK);
    CHECK(versions_changed(dir_path, "hello", &mark));
    CHECK(!mark.settled); /* so soon, another change could look the same */
    CHECK(versions_changed(dir_path, "hello", &mark));
    usleep(300000);
    versions_changed(dir_path, "hello", &mark);
    CHECK(mark.settled && !versions_changed(dir_path, "hello", &mark));
    CHECK_EQ_INT(put_version(&dir, "hello", 'b', hex, &fault), VERSIONS_OK);
    CHECK_EQ_INT(put_version(&dir, "a.b", 'b', hex, &fault), VERSIONS_OK);
    CHECK(versions_changed(dir_path, "hello", &mark));
    CHECK_EQ_INT(get_version("hello", found, &fault), VERSIONS_OK);
    CHECK_EQ_STR(found, hex);
    CHECK_EQ_INT(versions_names(&dir, &names, &count, &fault), VERSIONS_OK);
    CHECK_EQ_UINT(count, 2);
    CHECK(count == 2 && strcmp(names[0], "a.b") == 0 && strcmp(names[1], "hello") == 0);
    versions_names_free(names, count);
    versions_close(&dir);
    CHECK(stat(in_dir("plugins/hello"), &st) == 0 && (st.st_mode & 07777) == 0644);
    CHECK(stat(in_dir("modules"), &st) == 0 && (st.st_mode & 07777) == 0755);
    end_tree();
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || fchmod(fd, mode) != 0)
        abort();
    close(fd);
}

TEST(what_somebody_else_could_have_written_is_not_believed)
{
    char hex[VERSIONS_HEX_SIZE], module[100], aside[200];
    versions_fault fault = {0};
    versions_dir dir;

    begin_tree();
    REQUIRE(versions_begin(dir_path, sha256_hex, &dir, &fault) == VERSIONS_OK);
    CHECK_EQ_INT(put_version(&dir, "hello", 'a', hex, &fault), VERSIONS_OK);
    versions_close(&dir);
    snprintf(module, sizeof module, "modules/%s.wasm", hex);
    snprintf(aside, sizeof aside, "%s/aside", root);

    const struct {
        const char *name;
        mode_t good;
    } parts[] = {
        {"", 0755}, {"modules", 0755}, {"plugins", 0755}, {module, 0444}, {"plugins/hello", 0644}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        CASE("\"%s\"", parts[i].name);
        for (mode_t extra = 020; extra != 0; extra = extra == 020 ? 002 : 0) {
            CHECK(chmod(in_dir(parts[i].name), parts[i].good | extra) == 0);
            CHECK_EQ_INT(get_version("hello", hex, &fault), VERSIONS_UNSAFE);
            CHECK(strstr(fault.text, parts[i].name) != NULL && strstr(fault.text, "chmod") != NULL);
        }
        CHECK(chmod(in_dir(parts[i].name), parts[i].good) == 0);
        if (getuid() == 0 && i > 0) {
            CHECK(chown(in_dir(parts[i].name), 12345, 12345) == 0);
            CHECK_EQ_INT(get_version("hello", hex, &fault), VERSIONS_UNSAFE);
            CHECK(strstr(fault.text, "owner 12345") != NULL);
            CHECK(chown(in_dir(parts[i].name), 0, 0) == 0);
        }
        if (i > 0) { /* DIR itself may be a link */
            CHECK(rename(in_dir(parts[i].name), aside) == 0 &&
                  symlink(aside, in_dir(parts[i].name)) == 0);
            CHECK_EQ_INT(get_version("hello", hex, &fault), VERSIONS_UNSAFE);
            CHECK(strstr(fault.text, "symbolic link") != NULL);
            CHECK(unlink(in_dir(parts[i].name)) == 0 && rename(aside, in_dir(parts[i].name)) == 0);
        }
        CHECK_EQ_INT(get_version("hello", hex, &fault), VERSIONS_OK);
    }

    CASE("another module under the name");
    CHECK(unlink(in_dir(module)) == 0);
    write_file(in_dir(module), "b", 0444);
    CHECK_EQ_INT(get_version("hello", hex, &fault), VERSIONS_DAMAGED);
    CHECK(strstr(fault.text, "not the module that it is named by") != NULL);
    CASE("a pipe under the name");
    CHECK(unlink(in_dir(module)) == 0 && mkfifo(in_dir(module), 0444) == 0);
    CHECK_EQ_INT(get_version("hello", hex, &fault), VERSIONS_DAMAGED);
    CASE("nothing under the name");
    CHECK(unlink(in_dir(module)) == 0);
    CHECK_EQ_INT(get_version("hello", hex, &fault), VERSIONS_SYSTEM);
    CASE("adding mends it");
    REQUIRE(versions_begin(dir_path, sha256_hex, &dir, &fault) == VERSIONS_OK);
    CHECK_EQ_INT(versions_store_module(&dir, (const uint8_t *)"a", 1, hex, &fault), VERSIONS_OK);
    CHECK_EQ_INT(get_version("hello", hex, &fault), VERSIONS_OK);
    CASE("a name that is none");
    CHECK_EQ_INT(get_version("../hello", hex, &fault), VERSIONS_REFUSED);
    CHECK_EQ_INT(get_version(".hello", hex, &fault), VERSIONS_REFUSED);
    CHECK_EQ_INT(get_version("nobody", hex, &fault), VERSIONS_NONE);
    CASE("a record that is too large");
    CHECK(truncate(in_dir("plugins/hello"), VERSIONS_RECORD_BYTES + 1) == 0);
    CHECK_EQ_INT(get_version("hello", hex, &fault), VERSIONS_DAMAGED);
    versions_close(&dir);
    end_tree();
}

/* Switches for ever; killed by whoever started it. */
static void switch_for_ever(void)
{
    char hex[VERSIONS_HEX_SIZE];
    versions_dir dir;

    for (uint8_t byte = 0;; byte++) {
        if (versions_begin(dir_path, sha256_hex, &dir, NULL) != VERSIONS_OK ||
            put_version(&dir, "hello", byte, hex, NULL) != VERSIONS_OK)
            _exit(1);
        versions_close(&dir);
    }
}

TEST(a_writer_that_is_killed_leaves_a_valid_state)
{
    char hex[VERSIONS_HEX_SIZE];
    versions_fault fault = {0};
    versions_dir dir;
    unsigned left = 0;

    begin_tree();
    REQUIRE(versions_begin(dir_path, sha256_hex, &dir, &fault) == VERSIONS_OK);
    CHECK_EQ_INT(put_version(&dir, "hello", 'x', hex, &fault), VERSIONS_OK);
    versions_close(&dir);
    for (int round = 0; round < 60; round++) {
        pid_t writer = unit_fork();
        int status;

        if (writer == 0)
            switch_for_ever();
        /* Two at a time, so that one waits for the lock that the other dies with. */
        pid_t second = unit_fork();
        if (second == 0)
            switch_for_ever();
        usleep(1000 + (unsigned)round * 37 % 1500);
        kill(writer, SIGKILL);
        waitpid(writer, &status, 0);
        CHECK(WIFSIGNALED(status));
        usleep(500);
        kill(second, SIGKILL);
        waitpid(second, &status, 0);
        CHECK(WIFSIGNALED(status));
        CHECK_EQ_INT(get_version("hello", hex, &fault), VERSIONS_OK);
        if (access(in_dir("plugins"), F_OK) == 0) {
            char name[64];

            snprintf(name, sizeof name, "plugins/.new-%ld", (long)second);
            left += access(in_dir(name), F_OK) == 0;
            snprintf(name, sizeof name, "modules/.new-%ld", (long)second);
            left += access(in_dir(name), F_OK) == 0;
        }
        REQUIRE(versions_begin(dir_path, sha256_hex, &dir, &fault) == VERSIONS_OK);
        versions_close(&dir);
    }
    /* Now and then one died in the middle of a file; what it left is gone. */
    CHECK(left > 0);
    end_tree();
}

TEST(readers_see_one_state_or_the_next)
{
    char hex[VERSIONS_HEX_SIZE];
    versions_fault fault = {0};
    versions_dir dir;
    pid_t writer;
    int status;

    begin_tree();
    REQUIRE(versions_begin(dir_path, sha256_hex, &dir, &fault) == VERSIONS_OK);
    CHECK_EQ_INT(put_version(&dir, "hello", 'x', hex, &fault), VERSIONS_OK);
    versions_close(&dir);
    writer = unit_fork();
    if (writer == 0)
        switch_for_ever();
    for (int i = 0; i < 800; i++)
        CHECK_EQ_INT(get_version("hello", hex, &fault), VERSIONS_OK);
    kill(writer, SIGKILL);
    waitpid(writer, &status, 0);
    CHECK(WIFSIGNALED(status));
    end_tree();
}
