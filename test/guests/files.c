/* SPDX-License-Identifier: Apache-2.0
 * files.c — works on the files it was granted: the query is VERB=PATH, the answer text/plain.
 *
 * read=PATH sends the file, list=PATH the names in it (sorted, "/" after directories), stat=PATH
 * its kind and size, write=PATH stores stdin there, append=PATH adds it, remove=PATH, mkdir=PATH,
 * rmdir=PATH, rename=OLD:NEW, symlink=TARGET:PATH, readlink=PATH. What fails answers 403 where
 * access was denied, 404 where there is no such thing and 500 otherwise, with the C library's text
 * for the errno.
 */
#include "guest.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int failed(const char *path)
{
    int error = errno;
    int status = error == ENOENT || error == ENOTDIR ? 404 : 500;

    if (error == EACCES || error == EPERM || error == ENOTCAPABLE || error == EROFS)
        status = 403;
    printf("Status: %d\r\n", status);
    guest_header("text/plain");
    printf("%s: %s\n", path, strerror(error));
    return 0;
}

static int done(const char *text)
{
    guest_header("text/plain");
    puts(text);
    return 0;
}

static int read_file(const char *path)
{
    static char buffer[8192];
    FILE *file = fopen(path, "rb");
    size_t got;

    if (file == NULL)
        return failed(path);
    guest_header("text/plain");
    while ((got = fread(buffer, 1, sizeof buffer, file)) > 0)
        fwrite(buffer, 1, got, stdout);
    fclose(file);
    return 0;
}

static int write_file(const char *path, const char *mode)
{
    static char buffer[8192];
    FILE *file = fopen(path, mode);
    size_t got;

    if (file == NULL)
        return failed(path);
    while ((got = fread(buffer, 1, sizeof buffer, stdin)) > 0) {
        if (fwrite(buffer, 1, got, file) != got)
            return failed(path);
    }
    return fclose(file) == 0 ? done("written") : failed(path);
}

static int list(const char *path)
{
    struct dirent **names;
    int count = scandir(path, &names, NULL, alphasort);

    if (count < 0)
        return failed(path);
    guest_header("text/plain");
    for (int i = 0; i < count; i++)
        printf("%s%s\n", names[i]->d_name, names[i]->d_type == DT_DIR ? "/" : "");
    return 0;
}

static int show_stat(const char *path)
{
    struct stat st;

    if (lstat(path, &st) != 0)
        return failed(path);
    guest_header("text/plain");
    printf("%s %lld\n",
           S_ISREG(st.st_mode)   ? "file"
           : S_ISDIR(st.st_mode) ? "directory"
           : S_ISLNK(st.st_mode) ? "symlink"
                                 : "other",
           S_ISREG(st.st_mode) ? (long long)st.st_size : 0ll);
    return 0;
}

static int show_link(const char *path)
{
    char target[1024];
    ssize_t length = readlink(path, target, sizeof target - 1);

    if (length < 0)
        return failed(path);
    target[length] = '\0';
    return done(target);
}

int main(int argc, char **argv)
{
    static char query[2048];
    char *path, *second;

    snprintf(query, sizeof query, "%s", guest_query(argc, argv));
    path = strchr(query, '=');
    if (path == NULL)
        return list("/data");
    *path++ = '\0';
    if (strcmp(query, "read") == 0)
        return read_file(path);
    if (strcmp(query, "list") == 0)
        return list(path);
    if (strcmp(query, "stat") == 0)
        return show_stat(path);
    if (strcmp(query, "write") == 0)
        return write_file(path, "wb");
    if (strcmp(query, "append") == 0)
        return write_file(path, "ab");
    if (strcmp(query, "readlink") == 0)
        return show_link(path);
    if (strcmp(query, "remove") == 0)
        return unlink(path) == 0 ? done("removed") : failed(path);
    if (strcmp(query, "mkdir") == 0)
        return mkdir(path, 0755) == 0 ? done("made") : failed(path);
    if (strcmp(query, "rmdir") == 0)
        return rmdir(path) == 0 ? done("removed") : failed(path);
    second = strchr(path, ':');
    if (second != NULL) {
        *second++ = '\0';
        if (strcmp(query, "rename") == 0)
            return rename(path, second) == 0 ? done("renamed") : failed(path);
        if (strcmp(query, "symlink") == 0)
            return symlink(path, second) == 0 ? done("linked") : failed(second);
    }
    errno = EINVAL;
    return failed(query);
}
