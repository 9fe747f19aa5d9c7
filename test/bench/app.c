/* SPDX-License-Identifier: Apache-2.0
 * app.c — a module of ordinary size for the delivery benchmark: mostly the C library's own code.
 *
 * What it computes does not matter; its functions are used so that the linker keeps them. Compiled
 * and stripped it has about 75 KB, and about 32 KB as .br: the size of a small library's module.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, 1);
}

int main(int argc, char **argv)
{
    char text[128] = "";
    double number = argc > 1 ? strtod(argv[1], NULL) : 1.5;
    time_t now = 0;
    if (scanf("%lf %127s", &number, text) < 1)
        strftime(text, sizeof(text), "%A %d %B %Y", gmtime(&now));
    qsort(text, strlen(text), 1, by_bytes);
    printf("%s %g %g %g\n", text, sin(number), pow(number, 2.5), log(number));
    return 0;
}
