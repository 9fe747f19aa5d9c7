/* SPDX-License-Identifier: Apache-2.0
 * tool_file.c — reads a file to its end, whatever kind it is (a pipe has no size to ask for).
 *
 * Memory: one block, grown by doubling; the caller's. Threads: no shared state.
 */
#include "tool_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
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
