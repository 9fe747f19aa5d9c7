/* SPDX-License-Identifier: Apache-2.0
 * walk.c — what C programs do with files, in the directory given as the argument; says how each
 * step went. native: yes
 *
 * Makes, writes, appends, seeks, renames, links, lists and removes; asks for errors as well. Built
 * for the sandbox and for the machine itself, its output must be the same, errno by errno.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Texts of errno differ between C libraries; names do not. */
static const char *name_of(int error)
{
    switch (error) {
    case 0: return "ok";
    case ENOENT: return "ENOENT";
    case EEXIST: return "EEXIST";
    case ENOTDIR: return "ENOTDIR";
    case EISDIR: return "EISDIR";
    case ENOTEMPTY: return "ENOTEMPTY";
    case EINVAL: return "EINVAL";
    case ELOOP: return "ELOOP";
    case EBADF: return "EBADF";
    case ENAMETOOLONG: return "ENAMETOOLONG";
    default: return "another";
    }
}

static void said(const char *what, int result)
{
    printf("%s: %s\n", what, result >= 0 ? "ok" : name_of(errno));
}

static void contents(const char *path)
{
    char text[256];
    FILE *file = fopen(path, "r");
    size_t length;

    if (file == NULL) {
        printf("contents of %s: %s\n", path, name_of(errno));
        return;
    }
    length = fread(text, 1, sizeof text, file);
    fclose(file);
    printf("contents of %s: %.*s\n", path, (int)length, text);
}

static void files(void)
{
    FILE *file = fopen("a.txt", "w+");
    char text[16] = "";
    int fd;

    fprintf(file, "one %d\n", 1);
    fseek(file, 4, SEEK_SET);
    fputs("2", file);
    fseek(file, 0, SEEK_END);
    printf("position %ld\n", ftell(file));
    rewind(file);
    printf("line %s", fgets(text, sizeof text, file));
    fclose(file);
    file = fopen("a.txt", "a");
    fputs("appended\n", file);
    fclose(file);
    contents("a.txt");
    fd = open("a.txt", O_RDWR | O_TRUNC);
    said("truncate", fd);
    said("write", (int)write(fd, "0123456789", 10));
    said("lseek", (int)lseek(fd, -4, SEEK_END));
    said("read", (int)read(fd, text, 2));
    printf("read %.2s\n", text);
    said("pwrite", (int)pwrite(fd, "XX", 2, 1));
    said("ftruncate", ftruncate(fd, 8));
    said("close", close(fd));
    said("close again", close(fd));
    contents("a.txt");
    said("exclusive", open("a.txt", O_CREAT | O_EXCL | O_WRONLY, 0644));
    said("not there", open("none.txt", O_RDONLY));
    said("below a file", open("a.txt/x", O_RDONLY));
}

static void names(void)
{
    struct stat st;
    char text[64];
    ssize_t length;

    said("mkdir", mkdir("dir", 0755));
    said("mkdir again", mkdir("dir", 0755));
    said("rename", rename("a.txt", "dir/b.txt"));
    said("rename away", rename("a.txt", "dir/c.txt"));
    said("link", link("dir/b.txt", "c.txt"));
    said("symlink", symlink("dir/b.txt", "link"));
    said("symlink loop", symlink("loop", "loop"));
    said("open loop", open("loop", O_RDONLY));
    contents("link");
    length = readlink("link", text, sizeof text);
    printf("readlink %.*s\n", (int)length, text);
    said("stat", stat("link", &st));
    printf("size %d links %d regular %d\n", (int)st.st_size, (int)st.st_nlink, S_ISREG(st.st_mode));
    said("lstat", lstat("link", &st));
    printf("link %d\n", S_ISLNK(st.st_mode));
    said("rmdir full", rmdir("dir"));
    said("rmdir file", rmdir("c.txt"));
    said("open dir to write", open("dir", O_WRONLY));
}

static void list(const char *path)
{
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort);

    printf("%d entries:", count);
    for (int i = 0; i < count; i++)
        printf(" %s", entries[i]->d_name);
    putchar('\n');
}

int main(int argc, char **argv)
{
    if (argc < 2 || chdir(argv[1]) != 0) {
        perror("walk");
        return 1;
    }
    files();
    names();
    for (int i = 0; i < 200; i++) {
        char name[32];

        snprintf(name, sizeof name, "dir/%03d", i);
        close(open(name, O_CREAT | O_WRONLY, 0644));
    }
    list("dir");
    for (int i = 0; i < 200; i++) {
        char name[32];

        snprintf(name, sizeof name, "dir/%03d", i);
        unlink(name);
    }
    said("unlink", unlink("dir/b.txt"));
    said("unlink the rest", unlink("c.txt") + unlink("link") + unlink("loop"));
    said("rmdir", rmdir("dir"));
    list(".");
    return 0;
}
