/* SPDX-License-Identifier: Apache-2.0
 * hello.c — the smallest useful answer: a header, and a body that shows what the request was.
 *
 * It needs no grant at all.
 */
#include "guest.h"

static void show(const char *name)
{
    const char *value = getenv(name);

    printf("%s=%s\n", name, value != NULL ? value : "");
}

int main(void)
{
    guest_header("text/plain");
    puts("hello from wasm");
    show("REQUEST_METHOD");
    show("SCRIPT_NAME");
    show("PATH_INFO");
    show("QUERY_STRING");
    return 0;
}
