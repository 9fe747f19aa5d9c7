/* SPDX-License-Identifier: Apache-2.0
 * status.c — every kind of CGI response header, good and bad, chosen by the query.
 *
 * A number answers with that status; a word is a row of the table below. RFC 3875 §6 says which of
 * them are allowed.
 */
#include "guest.h"

struct variant {
    const char *query;
    const char *header; /* all of it, with the empty line that ends it where it is a valid one */
    const char *body;
};

static const struct variant variants[] = {
    {"redirect", "Location: https://example.test/elsewhere\r\n\r\n", ""},
    {"redirect301",
     "Status: 301 Moved Permanently\r\nLocation: https://example.test/for-good\r\n\r\n", ""},
    {"local", "Location: /local.txt\r\n\r\n", ""},
    {"cookies", "Content-Type: text/plain\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n", "two\n"},
    {"newlines", "Content-Type: text/plain\nX-Bare: lf\n\n", "bare line feeds\n"},
    {"case", "content-TYPE: text/plain\r\nsTaTuS: 202 Accepted\r\n\r\n", "accepted\n"},
    {"reason", "Status: 299 Odd But Fine\r\nContent-Type: text/plain\r\n\r\n", "odd\n"},
    {"headers", "Content-Type: text/plain\r\nX-Guest: yes\r\nCache-Control: no-store\r\n\r\n",
     "headers\n"},
    {"length", "Content-Type: text/plain\r\nContent-Length: 7\r\n\r\n", "seven!\n"},
    {"notype", "Status: 200 OK\r\n\r\n", "no type\n"},
    {"onlyheader", "Content-Type: text/plain\r\n\r\n", ""},
    /* from here on: what no server may let pass */
    {"empty", "", ""},
    {"unfinished", "Content-Type: text/plain\r\n", ""},
    {"nocolon", "Content-Type: text/plain\r\nthis line has no colon\r\n\r\n", "body\n"},
    {"badstatus", "Status: many\r\nContent-Type: text/plain\r\n\r\n", "body\n"},
    {"status99", "Status: 99 Too Small\r\nContent-Type: text/plain\r\n\r\n", "body\n"},
    {"status100", "Status: 100 Continue\r\nContent-Type: text/plain\r\n\r\n", "body\n"},
    {"status1000", "Status: 1000 Too Large\r\nContent-Type: text/plain\r\n\r\n", "body\n"},
    {"overlength", "Content-Type: text/plain\r\nContent-Length: 700\r\n\r\n", "too short\n"},
    {"underlength", "Content-Type: text/plain\r\nContent-Length: 3\r\n\r\n", "too long\n"},
    {"smuggle", "Content-Type: text/plain\r\nX-Guest: a\rSet-Cookie: b\r\n\r\n", "body\n"},
    {"hop", "Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
     "5\r\nguess\r\n0\r\n\r\n"},
};

/* A header line, or a header, without end: what a server must not keep in memory. */
static int endless(int lines)
{
    static char text[1025];

    memset(text, 'x', sizeof text - 1);
    if (!lines)
        printf("X-Long: ");
    for (int i = 0; i < 65536; i++)
        printf(lines ? "X-%d: %s\r\n" : "%.0d%s", i, text);
    printf("\r\n\r\n");
    return 0;
}

int main(int argc, char **argv)
{
    const char *query = guest_query(argc, argv);
    unsigned long status = guest_number(argc, argv, 0);

    if (status != 0) {
        printf("Status: %lu Chosen By The Test\r\n", status);
        guest_header("text/plain");
        if (status != 204 && status != 304)
            printf("status %lu\n", status);
        return 0;
    }
    if (strcmp(query, "longline") == 0 || strcmp(query, "manylines") == 0)
        return endless(query[0] == 'm');
    if (strcmp(query, "nul") == 0) {
        static const char header[] = "Content-Type: text/plain\r\nX-Nul: a\0b\r\n\r\nbody\n";

        fwrite(header, 1, sizeof header - 1, stdout);
        return 0;
    }
    for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++) {
        if (strcmp(query, variants[i].query) == 0) {
            fputs(variants[i].header, stdout);
            fputs(variants[i].body, stdout);
            return 0;
        }
    }
    guest_header("text/plain");
    puts("status 200");
    return 0;
}
