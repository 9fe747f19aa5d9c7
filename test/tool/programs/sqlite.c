/* SPDX-License-Identifier: Apache-2.0
 * sqlite.c — the SQL on standard input, run by SQLite on the database file of the first argument.
 *
 * Why:  SQLite is the most used database there is, a quarter of a million lines of C with large
 * switches, function pointers and its own memory management: what comes out must be what this
 * machine's build of it says. How:  wasi-libc has no file locks, so SQLite's own layer for Unix
 * does not compile with it. The one here (SQLITE_OS_OTHER) does with pread, pwrite, ftruncate and
 * fsync what a single process needs. It is the same for both builds.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sqlite3.h"

struct file {
    sqlite3_file base;
    int fd;
    char *delete_name; /* on close, or NULL */
};

static int file_close(sqlite3_file *base)
{
    struct file *file = (struct file *)base;

    close(file->fd);
    if (file->delete_name) {
        unlink(file->delete_name);
        free(file->delete_name);
    }
    return SQLITE_OK;
}

static int file_read(sqlite3_file *base, void *buffer, int amount, sqlite3_int64 offset)
{
    ssize_t got = pread(((struct file *)base)->fd, buffer, (size_t)amount, offset);

    if (got < 0)
        return SQLITE_IOERR_READ;
    if (got == amount)
        return SQLITE_OK;
    memset((char *)buffer + got, 0, (size_t)(amount - got));
    return SQLITE_IOERR_SHORT_READ;
}

static int file_write(sqlite3_file *base, const void *buffer, int amount, sqlite3_int64 offset)
{
    return pwrite(((struct file *)base)->fd, buffer, (size_t)amount, offset) == amount
               ? SQLITE_OK
               : SQLITE_IOERR_WRITE;
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    return ftruncate(((struct file *)base)->fd, size) == 0 ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
}

static int file_sync(sqlite3_file *base, int flags)
{
    (void)flags;
    return fsync(((struct file *)base)->fd) == 0 ? SQLITE_OK : SQLITE_IOERR_FSYNC;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *size)
{
    struct stat found;

    if (fstat(((struct file *)base)->fd, &found) != 0)
        return SQLITE_IOERR_FSTAT;
    *size = found.st_size;
    return SQLITE_OK;
}

static int file_lock(sqlite3_file *base, int level)
{
    (void)base;
    (void)level;
    return SQLITE_OK;
}

static int file_reserved(sqlite3_file *base, int *result)
{
    (void)base;
    *result = 0;
    return SQLITE_OK;
}

static int file_control(sqlite3_file *base, int operation, void *argument)
{
    (void)base;
    (void)operation;
    (void)argument;
    return SQLITE_NOTFOUND;
}

static int file_sector(sqlite3_file *base)
{
    (void)base;
    return 4096;
}

static int file_traits(sqlite3_file *base)
{
    (void)base;
    return 0;
}

static const sqlite3_io_methods methods = {
    1,         file_close, file_read,     file_write,   file_truncate, file_sync,   file_size,
    file_lock, file_lock,  file_reserved, file_control, file_sector,   file_traits, NULL,
    NULL,      NULL,       NULL,          NULL,         NULL};

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags,
                    int *flags_out)
{
    static int temporary;
    struct file *file = (struct file *)base;
    char made[300];
    int mode = flags & SQLITE_OPEN_READWRITE ? O_RDWR : O_RDONLY;

    (void)vfs;
    memset(file, 0, sizeof *file);
    if (name == NULL) {
        snprintf(made, sizeof made, "temporary-%d", temporary++);
        name = made;
    }
    file->fd = open(name, mode | (flags & SQLITE_OPEN_CREATE ? O_CREAT : 0), 0600);
    if (file->fd < 0)
        return SQLITE_CANTOPEN;
    if (flags & SQLITE_OPEN_DELETEONCLOSE)
        file->delete_name = strdup(name);
    if (flags_out)
        *flags_out = flags;
    file->base.pMethods = &methods;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
    (void)vfs;
    (void)sync;
    return unlink(name) == 0 || errno == ENOENT ? SQLITE_OK : SQLITE_IOERR_DELETE;
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *result)
{
    struct stat found;

    (void)vfs;
    (void)flags;
    *result = stat(name, &found) == 0;
    return SQLITE_OK;
}

static int vfs_full_name(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
    (void)vfs;
    snprintf(out, (size_t)size, "%s", name);
    return SQLITE_OK;
}

static int vfs_random(sqlite3_vfs *vfs, int size, char *out)
{
    (void)vfs;
    memset(out, 7, (size_t)size); /* the same in every run, or the outputs would differ */
    return size;
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds)
{
    (void)vfs;
    return microseconds;
}

static int vfs_time(sqlite3_vfs *vfs, double *now)
{
    (void)vfs;
    *now = 2451544.5; /* 2000-01-01, for the same reason */
    return SQLITE_OK;
}

static int vfs_error(sqlite3_vfs *vfs, int size, char *out)
{
    (void)vfs;
    (void)size;
    (void)out;
    return errno;
}

int sqlite3_os_init(void)
{
    static sqlite3_vfs vfs = {
        1,          sizeof(struct file), 256,  NULL, "plain", NULL, vfs_open,   vfs_delete,
        vfs_access, vfs_full_name,       NULL, NULL, NULL,    NULL, vfs_random, vfs_sleep,
        vfs_time,   vfs_error,           NULL, NULL, NULL,    NULL};

    return sqlite3_vfs_register(&vfs, 1);
}

int sqlite3_os_end(void)
{
    return SQLITE_OK;
}

static int print_row(void *baton, int count, char **values, char **names)
{
    (void)baton;
    (void)names;
    for (int i = 0; i < count; i++)
        printf("%s%s", i ? "|" : "", values[i] ? values[i] : "NULL");
    putchar('\n');
    return 0;
}

int main(int argc, char **argv)
{
    static char sql[1 << 20];
    size_t length = fread(sql, 1, sizeof sql - 1, stdin);
    sqlite3 *database;
    char *error = NULL;
    int status;

    sql[length] = '\0';
    if (argc != 2 || sqlite3_open(argv[1], &database) != SQLITE_OK)
        return 2;
    status = sqlite3_exec(database, sql, print_row, NULL, &error);
    if (status != SQLITE_OK)
        printf("error %d: %s\n", status, error);
    sqlite3_close(database);
    return status;
}
