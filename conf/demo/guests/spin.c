/* SPDX-License-Identifier: Apache-2.0
 * spin.c — a guest that never comes to an end, so that the demo can show it being stopped.
 *
 * The loop calls nothing: no host function could notice that the time is up, so it is the engine
 * itself that has to. The variable is volatile because C lets a compiler drop a loop without
 * effects.
 */
int main(void)
{
    volatile unsigned long turns = 0;
    for (;;)
        turns++;
}
