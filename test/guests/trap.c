/* SPDX-License-Identifier: Apache-2.0
 * trap.c — dies in each of the ways that WebAssembly answers with a trap, three named calls deep.
 *
 * Query: unreachable (default), divide, overflow, load, store, call, abort. With "late-" before it,
 * a header and a part of the body are sent first. The functions are not inlined, so that a
 * backtrace must name outer, middle and inner.
 */
#include "guest.h"
#include <limits.h>

static volatile int zero, minus_one = -1;

__attribute__((noinline)) static int inner(const char *how)
{
    if (strcmp(how, "divide") == 0)
        return (100 + zero) / zero;
    if (strcmp(how, "overflow") == 0)
        return (INT_MIN + zero) / minus_one;
    if (strcmp(how, "load") == 0)
        return *(volatile int *)(0xFFFFFFF0u + (unsigned)zero);
    if (strcmp(how, "store") == 0)
        return *(volatile int *)(0xFFFFFFF0u + (unsigned)zero) = 1;
    if (strcmp(how, "call") == 0) {
        int (*volatile nobody)(void) = (int (*)(void))(0x7FFFFFFFu + (unsigned)zero);

        return nobody();
    }
    if (strcmp(how, "abort") == 0)
        abort();
    __builtin_trap();
}

__attribute__((noinline)) static int middle(const char *how)
{
    return inner(how) + zero;
}

__attribute__((noinline)) static int outer(const char *how)
{
    return middle(how) - zero;
}

int main(int argc, char **argv)
{
    const char *how = guest_query(argc, argv);

    if (strncmp(how, "late-", 5) == 0) {
        how += 5;
        guest_header("text/plain");
        puts("before the trap");
        fflush(stdout);
    }
    return outer(how);
}
