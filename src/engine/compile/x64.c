/* SPDX-License-Identifier: Apache-2.0
 * x64.c — the x86-64 target's row, and which processors it is for.
 *
 * All code may use x86-64-v2 (SSE4.2, POPCNT). AVX, BMI1, BMI2 and LZCNT are used where CPUID has
 * them; AVX also needs the system to save its registers (XGETBV).
 */
#include "x64_impl.h"

#if defined(__x86_64__)
#include <cpuid.h>

uint32_t x64_switched_off;

enum { BASELINE = 1u << 31 };

/* What the processor has: x64_feature bits and BASELINE. */
static uint32_t look(void)
{
    uint32_t a, b, c, d, has = 0;
    bool avx_state = false;

    if (!__get_cpuid(1, &a, &b, &c, &d))
        return 0;
    if (c & bit_SSE4_2 && c & bit_SSE4_1 && c & bit_SSSE3 && c & bit_POPCNT)
        has |= BASELINE;
    if (c & bit_OSXSAVE && c & bit_AVX) {
        uint32_t low, high;
        __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
        avx_state = (low & 6) == 6;
    }
    if (avx_state)
        has |= X64_AVX;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
        has |= b & bit_BMI ? X64_BMI1 : 0;
        /* VEX encodings of general registers want AVX's state too, where a hypervisor hides it. */
        has |= b & bit_BMI2 && avx_state ? X64_BMI2 : 0;
    }
    if (__get_cpuid(0x80000001, &a, &b, &c, &d))
        has |= c & bit_LZCNT ? X64_LZCNT : 0;
    return has;
}

static uint32_t found;

__attribute__((constructor)) static void find(void)
{
    found = look();
}

uint32_t x64_features(void)
{
    return found & ~(uint32_t)BASELINE & ~x64_switched_off;
}

static bool available(void)
{
    return found & BASELINE;
}

static bool has(unsigned op)
{
    return x64_class_of(op) != CLASS_NONE;
}

const target target_x64 = {
    .name = "x86-64",
    .features = x64_features,
    .available = available,
    .has = has,
    .tail_room = x64_tail_room,
    .stubs = x64_stubs,
    .emit = x64_emit,
    .fault_at = x64_fault_at,
    .fault_instance = x64_fault_instance,
    .fault_redirect = x64_fault_redirect,
};

const target *target_here(void)
{
    return &target_x64;
}
#else
uint32_t x64_features(void)
{
    return 0;
}

const target *target_here(void)
{
    return NULL;
}
#endif
