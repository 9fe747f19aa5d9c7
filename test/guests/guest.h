/* SPDX-License-Identifier: Apache-2.0
 * guest.h — what the C guests of the tests share: the query, and a response header in one call.
 *
 * A guest is an ordinary CGI/1.1 program: the request is in the environment and on stdin, the
 * answer goes to stdout. Each guest takes its variant from QUERY_STRING, so that a test can ask for
 * the exact behaviour it wants to see handled. Started from a command line, where there is no
 * QUERY_STRING, the first argument takes its place.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The query, "" if there is none. */
static inline const char *guest_query(int argc, char **argv)
{
    const char *query = getenv("QUERY_STRING");

    if (query != NULL && query[0] != '\0')
        return query;
    return argc > 1 ? argv[1] : "";
}

/* The query as a number; `otherwise` if it does not begin with a digit. */
static inline unsigned long guest_number(int argc, char **argv, unsigned long otherwise)
{
    const char *query = guest_query(argc, argv);

    return query[0] >= '0' && query[0] <= '9' ? strtoul(query, NULL, 10) : otherwise;
}

static inline void guest_header(const char *type)
{
    printf("Content-Type: %s\r\n\r\n", type);
}

#endif
