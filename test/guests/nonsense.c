/* SPDX-License-Identifier: Apache-2.0
 * nonsense.c — a program that knows nothing of CGI: what it prints is no header.
 *
 * Query: text (default), binary, page (HTML without a header), flood (16 MiB without a newline).
 */
#include "guest.h"

int main(int argc, char **argv)
{
    const char *query = guest_query(argc, argv);

    if (strcmp(query, "binary") == 0) {
        for (int i = 0; i < 4096; i++)
            putchar((i * 167 + 13) & 0xFF);
    } else if (strcmp(query, "page") == 0) {
        puts("<!DOCTYPE html>\n<title>no header</title>\n<p>body");
    } else if (strcmp(query, "flood") == 0) {
        for (long i = 0; i < 16l << 20; i++)
            putchar('z');
    } else {
        puts("Hello, world!");
    }
    return 0;
}
