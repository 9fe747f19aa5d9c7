/* SPDX-License-Identifier: Apache-2.0
 * kernels.c — the programs of the engine benchmark: small loops that each lean on another part of
 * an engine.
 *
 * Every kernel is a function of a size that returns a checksum, so that all engines can be seen to
 * compute the same. One module holds one kernel with one size: compile with -DRUN=sieve -DSIZE=100.
 * It exports `measured`, which takes nothing, because some engines' commands can pass no arguments,
 * and imports nothing. With -DWITH_MAIN it is a command that prints the result instead, for native
 * code and for engines that only run commands.
 */
#include <math.h>
#include <stdint.h>

#define KERNEL(name) __attribute__((unused)) static int name(int size)

/* Calls and returns: the recursion for Fibonacci numbers. */
KERNEL(calls)
{
    return size < 2 ? size : calls(size - 1) + calls(size - 2);
}

/* Byte stores with a stride, branches: primes below size times 10,000. */
KERNEL(sieve)
{
    static uint8_t composite[1 << 20];
    int limit = size * 10000 < 1 << 20 ? size * 10000 : 1 << 20, found = 0;
    for (int i = 0; i < limit; i++)
        composite[i] = 0;
    for (int i = 2; i < limit; i++) {
        if (composite[i])
            continue;
        found++;
        for (int64_t j = (int64_t)i * i; j < limit; j += i)
            composite[j] = 1;
    }
    return found;
}

/* Doubles in nested loops: the product of two matrices, size times. */
KERNEL(matrix)
{
    enum { N = 64 };
    static double a[N][N], b[N][N], c[N][N];
    double trace = 0;
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            a[i][j] = i + j;
            b[i][j] = i - j;
        }
    }
    for (int round = 0; round < size; round++) {
        for (int i = 0; i < N; i++) {
            for (int j = 0; j < N; j++) {
                double sum = round;
                for (int k = 0; k < N; k++)
                    sum += a[i][k] * b[k][j];
                c[i][j] = sum;
            }
        }
        trace += c[round % N][round % N];
    }
    return (int)((int64_t)trace % 1000000007);
}

/* Divisions and square roots: bodies that attract each other, for size hundred steps. */
KERNEL(bodies)
{
    enum { N = 5 };
    double x[N][3], v[N][3], energy = 0;
    for (int i = 0; i < N; i++) {
        for (int k = 0; k < 3; k++) {
            x[i][k] = (i + 1) * (k + 2) % 7 + 0.25 * i;
            v[i][k] = 0.01 * ((i * 3 + k) % 5 - 2);
        }
    }
    for (int step = 0; step < size * 100; step++) {
        for (int i = 0; i < N; i++) {
            for (int j = i + 1; j < N; j++) {
                double d[3], square = 0.01;
                for (int k = 0; k < 3; k++) {
                    d[k] = x[i][k] - x[j][k];
                    square += d[k] * d[k];
                }
                double pull = 0.001 / (square * sqrt(square));
                for (int k = 0; k < 3; k++) {
                    v[i][k] -= d[k] * pull;
                    v[j][k] += d[k] * pull;
                }
            }
        }
        for (int i = 0; i < N; i++)
            for (int k = 0; k < 3; k++)
                x[i][k] += 0.01 * v[i][k];
    }
    for (int i = 0; i < N; i++)
        for (int k = 0; k < 3; k++)
            energy += v[i][k] * v[i][k];
    return (int)(energy * 1e6);
}

/* 32-bit arithmetic, rotations, word loads: a hash of the shape of SHA-256's inner loop, over size
 * blocks of 64 KB. */
KERNEL(digest)
{
    static uint32_t words[16384];
    uint32_t state[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    for (uint32_t i = 0; i < 16384; i++)
        words[i] = i * 2654435761u;
#define ROTATE(x, n) ((x) >> (n) | (x) << (32 - (n)))
    for (int round = 0; round < size; round++) {
        for (int i = 0; i < 16384; i++) {
            uint32_t e = state[4], a = state[0];
            uint32_t mixed = (ROTATE(e, 6) ^ ROTATE(e, 11) ^ ROTATE(e, 25)) +
                             ((e & state[5]) ^ (~e & state[6])) + state[7] + words[i];
            uint32_t major = (ROTATE(a, 2) ^ ROTATE(a, 13) ^ ROTATE(a, 22)) +
                             ((a & state[1]) ^ (a & state[2]) ^ (state[1] & state[2]));
            for (int k = 7; k > 0; k--)
                state[k] = state[k - 1];
            state[4] += mixed;
            state[0] = mixed + major;
        }
    }
#undef ROTATE
    return (int)(state[0] ^ state[7]);
}

__attribute__((unused)) static int before(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Indirect calls: a heap sort whose order is a function pointer, of size thousand numbers. */
__attribute__((unused)) static void sift(uint32_t *heap, int root, int count,
                                         int (*order)(const void *, const void *))
{
    for (int child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && order(&heap[child], &heap[child + 1]) < 0)
            child++;
        if (order(&heap[root], &heap[child]) >= 0)
            return;
        uint32_t kept = heap[root];
        heap[root] = heap[child];
        heap[child] = kept;
    }
}

KERNEL(sort)
{
    static uint32_t heap[1 << 18];
    /* volatile: or the compiler sees which function it is, and there is no indirect call. */
    int (*volatile order)(const void *, const void *) = before;
    int count = size * 1000 < 1 << 18 ? size * 1000 : 1 << 18;
    uint32_t seed = 12345;
    for (int i = 0; i < count; i++)
        heap[i] = seed = seed * 1664525u + 1013904223u;
    for (int i = count / 2 - 1; i >= 0; i--)
        sift(heap, i, count, order);
    for (int i = count - 1; i > 0; i--) {
        uint32_t top = heap[0];
        heap[0] = heap[i];
        heap[i] = top;
        sift(heap, 0, i, order);
    }
    return count > 0 ? (int)(heap[count / 3] >> 1) : 0;
}

#ifdef __wasm__
__attribute__((export_name("measured")))
#endif
int measured(void)
{
    /* volatile: the compiler shall not do the work. */
    volatile int size = SIZE;
    return RUN(size);
}

#ifdef WITH_MAIN
#include <stdio.h>

int main(void)
{
    printf("%d\n", measured());
    return 0;
}
#endif
