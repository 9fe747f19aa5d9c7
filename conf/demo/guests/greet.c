/* SPDX-License-Identifier: Apache-2.0
 * greet.c — a CGI program in C that answers from the sandbox.
 *
 * An ordinary program: environment in, headers and body out. Compiled with
 *     clang --target=wasm32-wasi -O2 -o greet.wasm greet.c
 * The counter shows that every request has an instance of its own: it never gets beyond one.
 */
#include <stdio.h>
#include <stdlib.h>

static int calls;

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : "(none)";
}

int main(void)
{
    calls++;
    printf("Content-Type: text/plain; charset=utf-8\r\n"
           "Cache-Control: no-store\r\n"
           "\r\n"
           "Hello from a C program in the sandbox.\n"
           "method   %s\n"
           "query    %s\n"
           "calls    %d in this instance\n"
           "PATH     %s\n",
           variable("REQUEST_METHOD"), variable("QUERY_STRING"), calls, variable("PATH"));
    return 0;
}
