/* SPDX-License-Identifier: Apache-2.0
 * recurse.c — calls itself until the stack ends.
 *
 * Without a query the recursion is endless. The frames live on the engine's stack alone (no array
 * on the C stack in linear memory), so it is the engine's limit that is met. "deep": recurses
 * 10,000 calls and comes back, which an ordinary limit must allow. "tree": calls itself twice on
 * every level to a depth of 64, which needs neither a loop nor much stack, and 2^64 calls.
 */
#include "guest.h"

static unsigned long (*volatile again)(unsigned long, unsigned long);

static unsigned long descend(unsigned long depth, unsigned long limit)
{
    return depth == limit ? depth : again(depth + 1, limit) + 1;
}

static unsigned long tree(unsigned long depth, unsigned long limit)
{
    return depth == limit ? 1 : again(depth + 1, limit) + again(depth + 1, limit);
}

int main(int argc, char **argv)
{
    const char *query = guest_query(argc, argv);
    unsigned long sum;

    again = strcmp(query, "tree") == 0 ? tree : descend;
    if (strcmp(query, "deep") == 0)
        sum = descend(0, 10000);
    else if (strcmp(query, "tree") == 0)
        sum = tree(0, 64);
    else
        sum = descend(1, 0);
    guest_header("text/plain");
    printf("sum %lu\n", sum);
    return 0;
}
