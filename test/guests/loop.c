/* SPDX-License-Identifier: Apache-2.0
 * loop.c — never ends and calls nobody, so that only an interruption from outside can stop it.
 *
 * "after": sends a header and a part of the body first.
 */
#include "guest.h"

int main(int argc, char **argv)
{
    volatile unsigned long turns = 0;

    if (strcmp(guest_query(argc, argv), "after") == 0) {
        guest_header("text/plain");
        puts("before the loop");
        fflush(stdout);
    }
    for (;;)
        turns++;
}
