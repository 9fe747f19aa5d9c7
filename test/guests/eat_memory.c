/* SPDX-License-Identifier: Apache-2.0
 * eat_memory.c — takes memory by the MiB and touches all of it, until it gets no more.
 *
 * Answers with what it got, as a program that checks malloc() does; with "abort" it dies of it, as
 * most programs do. A number is a bound in MiB.
 */
#include "guest.h"

int main(int argc, char **argv)
{
    unsigned long bound = guest_number(argc, argv, 1ul << 20);
    unsigned long got = 0;
    char *block;

    while (got < bound && (block = malloc(1 << 20)) != NULL) {
        memset(block, (int)(got & 0xFF) | 1, 1 << 20);
        /* Nobody reads the block; without this the compiler may drop it, malloc and all. */
        __asm__ volatile("" : : "r"(block) : "memory");
        got++;
    }
    if (got < bound && strcmp(guest_query(argc, argv), "abort") == 0) {
        fprintf(stderr, "eat_memory: nothing left after %lu MiB\n", got);
        abort();
    }
    guest_header("text/plain");
    printf("got %lu MiB\n", got);
    return 0;
}
