/* SPDX-License-Identifier: Apache-2.0
 * plugin_user_file_test.c — which files an .htaccess may name as modules, and what is said of
 * others. layers: httpd
 */
#include "unit.h"
#include "plugin_user_file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char root[64], home[80];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st;
    (void)type;
    (void)walk;
    return remove(path);
}

static const char *in_root(const char *name)
{
    static char path[4][200];
    static unsigned turn;

    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", root, name);
    return path[turn];
}

static void put(const char *name, const char *text, mode_t mode)
{
    int fd = open(in_root(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || fchmod(fd, mode) != 0)
        abort();
    close(fd);
}

static void make_socket(const char *name)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(at.sun_path, sizeof at.sun_path, "%s", in_root(name));
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0)
        abort();
    close(fd);
}

static void begin_tree(void)
{
    strcpy(root,
           access("/dev/shm", W_OK) == 0 ? "/dev/shm/user-file-XXXXXX" : "/tmp/user-file-XXXXXX");
    if (mkdtemp(root) == NULL || mkdir(in_root("home"), 0755) != 0 ||
        mkdir(in_root("home/sub"), 0755) != 0 || mkdir(in_root("home/sub/deep"), 0755) != 0)
        abort();
    snprintf(home, sizeof home, "%s/home/", root);
    put("secret.wasm", "secret", 0644);
    put("home/good.wasm", "good", 0644);
    put("home/sub/deep/good.wasm", "deep", 0444);
}

static void end_tree(void)
{
    nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Opens, and compares the content; NULL: must be refused with the text `why` in the reason. */
static void expect(const char *word, const char *content, const char *why)
{
    char reason[USER_FILE_WHY] = "";
    struct user_file file;
    unsigned char *bytes;
    size_t length;
    bool opened = user_file_open(home, word, &file, reason);

    CASE("%.100s", word);
    CHECK_EQ_INT(opened, content != NULL);
    if (!opened) {
        CHECK(why != NULL && strstr(reason, why) != NULL);
        CHECK(strncmp(reason, "the module ", 11) == 0);
        if (why != NULL && strstr(reason, why) == NULL)
            printf("# %s\n", reason);
        return;
    }
    bytes = user_file_read(&file, &length);
    CHECK(bytes != NULL);
    if (bytes != NULL && content != NULL)
        CHECK_EQ_MEM(bytes, length, content, strlen(content));
    free(bytes);
    close(file.fd);
}

TEST(words)
{
    char longest[2000];

    begin_tree();
    expect("./good.wasm", "good", NULL);
    expect("./sub/deep/good.wasm", "deep", NULL);
    expect("/etc/passwd", NULL, "absolute path");
    expect("/", NULL, "absolute path");
    expect("../secret.wasm", NULL, "\"..\"");
    expect("./../secret.wasm", NULL, "\"..\"");
    expect("./sub/../good.wasm", NULL, "\"..\"");
    expect("./sub/..", NULL, "\"..\"");
    expect("..", NULL, "\"..\"");
    expect("sub/good.wasm", NULL, "does not begin with \"./\"");
    expect("~alice/good.wasm", NULL, "does not begin with \"./\"");
    expect("./", NULL, "names no file");
    expect(".//good.wasm", NULL, "names no file");
    expect("././good.wasm", NULL, "names no file");
    expect("./good.wasm/", NULL, "names no file");
    expect("./sub/.", NULL, "names no file");
    expect("./..good", NULL, "No such file");
    expect("./%2e%2e/secret.wasm", NULL, "without %-escapes");
    expect("./%67ood.wasm", NULL, "without %-escapes");
    expect("./good.wasm\n", NULL, "control character");
    expect("./go\x7fod.wasm", NULL, "control character");
    expect("./none.wasm", NULL, "No such file");
    expect("./good.wasm/x", NULL, "good.wasm is not a directory");
    memset(longest, 'a', sizeof longest - 1);
    memcpy(longest, "./", 2);
    longest[sizeof longest - 1] = '\0';
    expect(longest, NULL, "too long");
    longest[500] = '\0';
    expect(longest, NULL, "File name too long");
    end_tree();
}

TEST(kinds_of_files)
{
    begin_tree();
    if (symlink("good.wasm", in_root("home/link.wasm")) != 0 ||
        symlink("../secret.wasm", in_root("home/out.wasm")) != 0 ||
        symlink("/etc", in_root("home/etc")) != 0 || symlink("sub", in_root("home/inner")) != 0 ||
        mkfifo(in_root("home/pipe.wasm"), 0644) != 0)
        abort();
    make_socket("home/socket.wasm");
    expect("./link.wasm", NULL, "link.wasm is a symbolic link");
    expect("./out.wasm", NULL, "out.wasm is a symbolic link");
    expect("./etc/passwd", NULL, "etc is a symbolic link");
    expect("./inner/deep/good.wasm", NULL, "inner is a symbolic link");
    expect("./sub", NULL, "a directory; name the .wasm file");
    expect("./pipe.wasm", NULL, "a pipe");
    expect("./socket.wasm", NULL, "a socket");
    if (getuid() == 0 && mknod(in_root("home/null.wasm"), S_IFCHR | 0644, 0x103) == 0)
        expect("./null.wasm", NULL, "a device");
    put("home/empty.wasm", "", 0644);
    expect("./empty.wasm", NULL, "it is empty");
    if (truncate(in_root("home/empty.wasm"), USER_FILE_BYTES + 1) != 0)
        abort();
    expect("./empty.wasm", NULL, "more than 16777216 are not taken");
    end_tree();
}

TEST(rights_and_owners)
{
    static const struct {
        const char *name;
        mode_t mode;
        const char *why;
    } rows[] = {
        {"home/good.wasm", 0664, "good.wasm can be written to by its group"},
        {"home/good.wasm", 0646, "good.wasm can be written to by everybody"},
        {"home/good.wasm", 0666, "good.wasm can be written to by everybody"},
        {"home/good.wasm", 04755, "is setuid"},
        {"home/good.wasm", 02755, "is setgid"},
        {"home", 0775, "the directory of the .htaccess can be written to by its group"},
        {"home", 01777, "the directory of the .htaccess can be written to by everybody"},
    };

    begin_tree();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stat st;

        if (stat(in_root(rows[i].name), &st) != 0 || chmod(in_root(rows[i].name), rows[i].mode))
            abort();
        expect("./good.wasm", NULL, rows[i].why);
        chmod(in_root(rows[i].name), st.st_mode & 07777);
        expect("./good.wasm", "good", NULL);
    }
    chmod(in_root("home/sub"), 0777);
    expect("./sub/deep/good.wasm", NULL, "sub can be written to by everybody");
    chmod(in_root("home/sub"), 0755);
    if (getuid() == 0) {
        if (chown(in_root("home/good.wasm"), 12345, 0) != 0)
            abort();
        expect("./good.wasm", NULL, "belongs to another user (12345)");
        /* A hard link is the same file, and has its owner. */
        if (link(in_root("home/good.wasm"), in_root("home/hard.wasm")) != 0)
            abort();
        expect("./hard.wasm", NULL, "belongs to another user (12345)");
        if (chown(in_root("home"), 12345, 0) != 0)
            abort();
        expect("./good.wasm", "good", NULL);
        expect("./sub/deep/good.wasm", NULL, "sub belongs to another user (0)");
    }
    end_tree();
}

TEST(a_change_makes_another_file)
{
    char why[USER_FILE_WHY];
    struct user_file first, second;
    unsigned char *bytes;
    size_t length;

    begin_tree();
    REQUIRE(user_file_open(home, "./good.wasm", &first, why));
    CHECK(!user_file_settled(&first));
    CASE("the same");
    REQUIRE(user_file_open(home, "./good.wasm", &second, why));
    CHECK(user_file_same(&first, &second));
    close(second.fd);
    CASE("another under the name");
    put("home/new", "good", 0644);
    CHECK(rename(in_root("home/new"), in_root("home/good.wasm")) == 0);
    REQUIRE(user_file_open(home, "./good.wasm", &second, why));
    CHECK(!user_file_same(&first, &second));
    bytes = user_file_read(&first, &length); /* the old one is still whole... */
    CHECK(bytes == NULL || length == 4);     /* ...but for its count of links */
    free(bytes);
    close(first.fd);
    CASE("written to in place");
    put("home/good.wasm", "much longer", 0644);
    CHECK(user_file_read(&second, &length) == NULL && errno == EAGAIN);
    CASE("cut short");
    put("home/good.wasm", "g", 0644);
    CHECK(user_file_read(&second, &length) == NULL && errno == EAGAIN);
    close(second.fd);
    usleep(250000);
    REQUIRE(user_file_open(home, "./good.wasm", &second, why));
    CHECK(user_file_settled(&second));
    close(second.fd);
    end_tree();
}

/* Names are exchanged all the time: a link to the secret, the good file, a directory. */
static _Atomic bool stop;

static void *exchange(void *baton)
{
    (void)baton;
    while (!stop) {
        put("home/a", "good", 0644);
        rename(in_root("home/a"), in_root("home/x"));
        unlink(in_root("home/b"));
        if (symlink("../secret.wasm", in_root("home/b")) == 0)
            rename(in_root("home/b"), in_root("home/x"));
    }
    return NULL;
}

TEST(races_lead_to_nothing_outside)
{
    char why[USER_FILE_WHY];
    struct user_file file;
    pthread_t thread;
    unsigned opened = 0, refused = 0;

    begin_tree();
    stop = false;
    put("home/x", "good", 0644);
    REQUIRE(pthread_create(&thread, NULL, exchange, NULL) == 0);
    for (int i = 0; i < 20000 && (i < 2000 || opened == 0 || refused == 0); i++) {
        unsigned char text[8];

        if (!user_file_open(home, "./x", &file, why)) {
            refused++;
            continue;
        }
        opened++;
        CHECK(pread(file.fd, text, sizeof text, 0) == 4 && memcmp(text, "good", 4) == 0);
        close(file.fd);
    }
    stop = true;
    pthread_join(thread, NULL);
    CHECK(opened > 0 && refused > 0);
    end_tree();
}
