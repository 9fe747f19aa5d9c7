/* SPDX-License-Identifier: Apache-2.0
 * sleep.c — sleeps the query's milliseconds (1000) in one host call, then answers.
 *
 * "forever": sleeps about three centuries, as often as it is woken.
 */
#include "guest.h"
#include <time.h>

int main(int argc, char **argv)
{
    unsigned long ms = guest_number(argc, argv, 1000);
    struct timespec pause = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};

    if (strcmp(guest_query(argc, argv), "forever") == 0) {
        const struct timespec centuries = {.tv_sec = 9000000000ll, .tv_nsec = 0};

        for (;;)
            nanosleep(&centuries, NULL);
    }
    nanosleep(&pause, NULL);
    guest_header("text/plain");
    puts("slept");
    return 0;
}
