/* SPDX-License-Identifier: Apache-2.0
 * small.c — the least that a guest does: reads its data, writes its stack and its memory.
 */
static const char greeting[] = "Hello, world!";
static volatile unsigned char state[256];

__attribute__((export_name("touch"))) void touch(void)
{
    volatile unsigned char copy[64];
    unsigned sum = 0;

    for (unsigned i = 0; i < sizeof greeting; i++)
        copy[i] = (unsigned char)greeting[i];
    for (unsigned i = 0; i < sizeof greeting; i++)
        sum += copy[i];
    state[sum % sizeof state] = 1;
}
