/* SPDX-License-Identifier: Apache-2.0
 * sha256_x86_absent.c — stands in for sha256_x86.c on other architectures.
 *
 * Memory:  None.
 * Threads: Any.
 */
#include "sha256_mix.h"

sha256_mix *sha256_mix_native(void)
{
    return NULL;
}
