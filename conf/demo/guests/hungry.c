/* SPDX-License-Identifier: Apache-2.0
 * hungry.c — a guest that takes memory until it gets no more, so that the demo can show the cap.
 *
 * It touches what it gets, as a program with a leak would. When the sandbox refuses it says so on
 * its standard error, which the server's error log shows because the guest is granted `log`, and
 * gives up by abort(), a trap: the client gets a plain error page.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 1 << 20 };

int main(void)
{
    unsigned megabytes = 0;
    for (;;) {
        char *chunk = malloc(CHUNK);
        if (chunk == NULL)
            break;
        memset(chunk, 0xA5, CHUNK);
        /* Reading it back keeps the compiler from dropping the pair. */
        if (((volatile char *)chunk)[CHUNK - 1] == 0)
            break;
        megabytes++;
    }
    fprintf(stderr, "no more memory after %u MiB\n", megabytes);
    abort();
}
