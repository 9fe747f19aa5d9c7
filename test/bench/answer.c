/* SPDX-License-Identifier: Apache-2.0
 * answer.c — the CGI program of the plugin benchmark, compiled twice: for the sandbox and for
 * mod_cgid.
 */
#include <stdio.h>

int main(void)
{
    fputs("Content-Type: text/plain\r\n\r\nHello, world!\n", stdout);
    return 0;
}
