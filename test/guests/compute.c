/* SPDX-License-Identifier: Apache-2.0
 * compute.c — a bit of everything that C programs compute, with figures that every correct machine
 * agrees on. native: yes
 *
 * Integers of every width with their wraparounds, floating point to the last bit (no fused
 * operations, no libm function whose last digit is free), sorting through function pointers,
 * strings, printf, a heap under load, and recursion. Prints one line per subject.
 */
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state = 88172645463325252u;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void integers(void)
{
    uint64_t sum = 0;
    uint32_t mixed = 1;

    for (int i = 0; i < 200000; i++) {
        uint64_t a = next(), b = next() | 1;
        int64_t signed_a = (int64_t)a >> 3, signed_b = (int64_t)(b >> 8) + 1;
        unsigned shift = (unsigned)(b & 31);

        sum += a / b + a % b + (uint64_t)(signed_a / signed_b) + (uint64_t)(signed_a % signed_b);
        sum ^= (uint64_t)(int8_t)a + (uint64_t)(int16_t)b + (uint64_t)(int32_t)(a ^ b);
        mixed = mixed * 1664525u + (uint32_t)a;
        mixed = (mixed << shift | mixed >> ((32 - shift) & 31)) ^ (uint32_t)__builtin_popcountll(a);
        sum += (uint64_t)__builtin_clzll(b) * 3 + (uint64_t)__builtin_ctzll(a | 1u << 20);
    }
    printf("integers %016" PRIx64 " %08" PRIx32 "\n", sum, mixed);
}

static void floats(void)
{
    double sum = 0, product = 1;
    float single = 0;
    uint64_t bits;
    uint32_t bits32;

    for (int i = 1; i < 100000; i++) {
        double x = (double)(int64_t)(next() >> 11) / 9007199254740992.0;

        sum += sqrt(x) * i - floor(x * 10) / ceil(x + 1) + fabs(0.5 - x) + trunc(x * 100);
        product = product * (1 + x / i) + rint(x * 4) / 1024;
        single += (float)x / 3.0f;
        if (product > 1e100)
            product = copysign(x, -product);
    }
    memcpy(&bits, &sum, sizeof bits);
    memcpy(&bits32, &single, sizeof bits32);
    printf("floats %016" PRIx64 " %08" PRIx32 " %.17g %g %e\n", bits, bits32, product, 1e300 * 1e10,
           -0.0);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int by_length(const void *a, const void *b)
{
    size_t left = strlen(*(char *const *)a), right = strlen(*(char *const *)b);

    return left != right ? (left < right ? -1 : 1) : by_name(a, b);
}

static uint32_t checksum(char **names, size_t count)
{
    uint32_t sum = 2166136261u;

    for (size_t i = 0; i < count; i++) {
        for (const char *p = names[i]; *p != '\0'; p++)
            sum = (sum ^ (uint8_t)*p) * 16777619u;
    }
    return sum;
}

static void sorting(void)
{
    enum { COUNT = 5000 };
    static char *names[COUNT];

    for (int i = 0; i < COUNT; i++) {
        char text[64];

        snprintf(text, sizeof text, "%" PRIu64 "-%x", next() % 100000, (unsigned)i);
        names[i] = strdup(text);
    }
    qsort(names, COUNT, sizeof names[0], by_name);
    printf("sorting %s %s %08" PRIx32, names[0], names[COUNT - 1], checksum(names, COUNT));
    qsort(names, COUNT, sizeof names[0], by_length);
    printf(" %08" PRIx32 "\n", checksum(names, COUNT));
    for (int i = 0; i < COUNT; i++)
        free(names[i]);
}

static void heap(void)
{
    enum { SLOTS = 512 };
    static uint8_t *blocks[SLOTS];
    static size_t sizes[SLOTS];
    uint64_t sum = 0;

    for (int i = 0; i < 50000; i++) {
        size_t slot = next() % SLOTS, size = next() % 8000 + 1;

        for (size_t k = 0; k < sizes[slot]; k += 97)
            sum = sum * 31 + blocks[slot][k];
        blocks[slot] = realloc(blocks[slot], size);
        if (blocks[slot] == NULL)
            abort();
        memset(blocks[slot], (int)(next() & 0xFF), size);
        sizes[slot] = size;
        if (i % 7 == 0) {
            free(blocks[slot]);
            blocks[slot] = NULL;
            sizes[slot] = 0;
        }
    }
    for (int i = 0; i < SLOTS; i++)
        free(blocks[i]);
    printf("heap %016" PRIx64 "\n", sum);
}

static uint32_t ackermann(uint32_t m, uint32_t n)
{
    if (m == 0)
        return n + 1;
    return ackermann(m - 1, n == 0 ? 1 : ackermann(m, n - 1));
}

int main(void)
{
    integers();
    floats();
    sorting();
    heap();
    printf("recursion %" PRIu32 "\n", ackermann(2, 300));
    return 42;
}
