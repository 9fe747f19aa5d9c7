/* SPDX-License-Identifier: Apache-2.0
 * slow_writer.c — writes N lines (the query; 5), each flushed, 100 ms apart.
 *
 * Shows that output leaves while the guest still runs, and that its sleep counts against its
 * deadline.
 */
#include "guest.h"
#include <time.h>

int main(int argc, char **argv)
{
    const struct timespec pause = {.tv_sec = 0, .tv_nsec = 100 * 1000 * 1000};
    unsigned long lines = guest_number(argc, argv, 5);

    guest_header("text/plain");
    for (unsigned long i = 0; i < lines; i++) {
        printf("line %lu\n", i);
        if (fflush(stdout) != 0)
            return 1;
        nanosleep(&pause, NULL);
    }
    return 0;
}
