/* SPDX-License-Identifier: Apache-2.0
 * stderr.c — writes to stderr what a server's log must survive, then answers.
 *
 * Query: lines (default: two lines), partial (a line without newline at the end), long (20,000
 * characters in one line), control (escapes, a forged log line, a NUL), pieces (one line written a
 * byte at a time), many (10,000 lines), exit (a line, then exit code 3 without an answer).
 */
#include "guest.h"
#include <unistd.h>

int main(int argc, char **argv)
{
    const char *query = guest_query(argc, argv);

    if (strcmp(query, "partial") == 0) {
        fputs("no newline at the end", stderr);
    } else if (strcmp(query, "long") == 0) {
        for (int i = 0; i < 20000; i++)
            putc('a' + i % 26, stderr);
        putc('\n', stderr);
    } else if (strcmp(query, "control") == 0) {
        static const char bytes[] = "red \033[31mtext\a\r[core:error] forged\0after\x7f\xff\n";

        fwrite(bytes, 1, sizeof bytes - 1, stderr);
    } else if (strcmp(query, "pieces") == 0) {
        for (const char *p = "written by the byte\n"; *p != '\0'; p++)
            write(2, p, 1);
    } else if (strcmp(query, "many") == 0) {
        for (int i = 0; i < 10000; i++)
            fprintf(stderr, "line %d\n", i);
    } else if (strcmp(query, "exit") == 0) {
        fputs("giving up\n", stderr);
        return 3;
    } else {
        fputs("first line\nsecond line\n", stderr);
    }
    guest_header("text/plain");
    puts("answered");
    return 0;
}
