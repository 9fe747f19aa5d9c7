/* SPDX-License-Identifier: Apache-2.0
 * exit.c — ends with the query's exit code: "7" after a complete answer, "0-mute" or "7-mute"
 * without any answer at all.
 */
#include "guest.h"

int main(int argc, char **argv)
{
    unsigned long code = guest_number(argc, argv, 0);

    if (strstr(guest_query(argc, argv), "mute") == NULL) {
        guest_header("text/plain");
        printf("leaving with %lu\n", code);
    }
    exit((int)code);
}
