/* SPDX-License-Identifier: Apache-2.0
 * tool_file.c — reads a file to its end, whatever kind it is (a pipe has no size to ask for),
 * and writes one, beside its place, where it is put when it is whole; what is no file is written to.
 *
 * Memory:  one block, grown by doubling; the caller's.
 * Threads: no shared state.
 */
#include "tool_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static uint8_t *read_all(int fd, size_t *length)
{
    size_t used = 0, room = 64 << 10;
    uint8_t *bytes = malloc(room);

    while (bytes != NULL) {
        ssize_t got = read(fd, bytes + used, room - used - 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            if (got < 0)
                break;
            bytes[used] = 0;
            *length = used;
            return bytes;
        }
        used += (size_t)got;
        if (used + 1 < room)
            continue;
        uint8_t *bigger = realloc(bytes, room * 2);
        if (bigger == NULL)
            break;
        bytes = bigger;
        room *= 2;
    }
    int why = errno;
    free(bytes);
    errno = why;
    return NULL;
}

uint8_t *tool_file_read(const char *path, size_t *length)
{
    int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return NULL;
    uint8_t *bytes = read_all(fd, length);
    int why = errno;
    if (fd != STDIN_FILENO)
        close(fd);
    errno = why;
    return bytes;
}

bool tool_file_write_all(int fd, const void *bytes, size_t length)
{
    const uint8_t *from = bytes;

    while (length > 0) {
        ssize_t done = write(fd, from, length);

        if (done < 0 && errno == EINTR)
            continue;
        if (done == 0)
            errno = ENOSPC; /* else nobody has said why */
        if (done <= 0)
            return false;
        from += done;
        length -= (size_t)done;
    }
    return true;
}

/* A device, a pipe or a link: by putting a file in its place it would be gone, /dev/null as well. */
static bool is_written_to(const char *path)
{
    struct stat info;

    return lstat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

static bool write_to(const char *path, const uint8_t *bytes, size_t length)
{
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    bool done = fd >= 0 && tool_file_write_all(fd, bytes, length);

    if (fd >= 0)
        done = close(fd) == 0 && done;
    return done;
}

static bool replace(const char *path, const uint8_t *bytes, size_t length)
{
    const size_t room = strlen(path) + 32;
    char *beside = malloc(room);
    bool done = false;
    int fd, why;

    if (beside == NULL)
        return false;
    snprintf(beside, room, "%s.%ld.new", path, (long)getpid());
    fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd >= 0) {
        done = tool_file_write_all(fd, bytes, length);
        done = close(fd) == 0 && done;
        done = done && rename(beside, path) == 0;
    }
    why = errno;
    if (fd >= 0 && !done)
        unlink(beside);
    free(beside);
    errno = why;
    return done;
}

bool tool_file_write(const char *path, const uint8_t *bytes, size_t length)
{
    return is_written_to(path) ? write_to(path, bytes, length) : replace(path, bytes, length);
}
