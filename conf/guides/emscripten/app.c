/* SPDX-License-Identifier: Apache-2.0
 * app.c — an app for the page beside it: prints, which the page shows.
 */
#include <stdio.h>

int main(void)
{
    printf("Hello from C, by emscripten.\n");
    return 0;
}
