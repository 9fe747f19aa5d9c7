/* SPDX-License-Identifier: Apache-2.0
 * echo.c — sends the request body back as it comes in, in pieces, with its own type and length.
 *
 * It holds 16 KiB whatever the size of the body, so that a test can see that both directions
 * stream.
 */
#include "guest.h"
#include <errno.h>
#include <unistd.h>

static int send_all(const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = write(1, bytes, length);

        if (sent < 0)
            return -1;
        bytes += sent;
        length -= (size_t)sent;
    }
    return 0;
}

int main(void)
{
    static char buffer[16384];
    const char *type = getenv("CONTENT_TYPE");
    const char *length = getenv("CONTENT_LENGTH");
    ssize_t got;

    if (length != NULL && length[0] != '\0')
        printf("Content-Length: %s\r\n", length);
    guest_header(type != NULL && type[0] != '\0' ? type : "application/octet-stream");
    fflush(stdout);
    while ((got = read(0, buffer, sizeof buffer)) > 0) {
        if (send_all(buffer, (size_t)got) != 0)
            return 1;
    }
    if (got < 0) {
        fprintf(stderr, "echo: read: %s\n", strerror(errno));
        return 1;
    }
    return 0;
}
