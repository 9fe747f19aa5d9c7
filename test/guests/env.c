/* SPDX-License-Identifier: Apache-2.0
 * env.c — prints the whole environment and the arguments, a line each, in the order they come.
 */
#include "guest.h"

extern char **environ;

int main(int argc, char **argv)
{
    guest_header("text/plain");
    for (char **entry = environ; entry != NULL && *entry != NULL; entry++)
        puts(*entry);
    for (int i = 0; i < argc; i++)
        printf("argv[%d]=%s\n", i, argv[i]);
    return 0;
}
