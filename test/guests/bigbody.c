/* SPDX-License-Identifier: Apache-2.0
 * bigbody.c — answers with N bytes (the query; 1 MiB) of lines "0000000000000000\n" counting up.
 *
 * Every line is 17 bytes and says its own number in hexadecimal, so that a test can check any part
 * of the body without the guest.
 */
#include "guest.h"

int main(int argc, char **argv)
{
    unsigned long left = guest_number(argc, argv, 1ul << 20);
    unsigned long long line = 0;

    printf("Content-Length: %lu\r\n", left);
    guest_header("text/plain");
    while (left > 0) {
        char text[18];
        unsigned long length = left < 17 ? left : 17;

        snprintf(text, sizeof text, "%016llx\n", line++);
        if (fwrite(text, 1, length, stdout) != length)
            return 1;
        left -= length;
    }
    return 0;
}
