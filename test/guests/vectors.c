/* SPDX-License-Identifier: Apache-2.0
 * vectors.c — programs over vectors of 128 bits, written with the compiler's own vector types and
 * loops that it turns into such, with figures that every correct machine agrees on. native: yes
 * wasm: -msimd128
 *
 * Only what C defines for all inputs is computed: unsigned lanes wrap, floats are added, multiplied
 * and compared in a fixed order, and none is fused. Prints one line per subject.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint8_t u8x16 __attribute__((vector_size(16)));
typedef int8_t i8x16 __attribute__((vector_size(16)));
typedef uint16_t u16x8 __attribute__((vector_size(16)));
typedef int16_t i16x8 __attribute__((vector_size(16)));
typedef uint32_t u32x4 __attribute__((vector_size(16)));
typedef int32_t i32x4 __attribute__((vector_size(16)));
typedef uint64_t u64x2 __attribute__((vector_size(16)));
typedef float f32x4 __attribute__((vector_size(16)));
typedef double f64x2 __attribute__((vector_size(16)));

static uint64_t state = 88172645463325252u;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static u64x2 next_vector(void)
{
    uint64_t low = next();

    return (u64x2){low, next()};
}

static uint64_t folded(u64x2 v)
{
    return v[0] * 0x9E3779B97F4A7C15u ^ v[1];
}

/* ---- ChaCha20's core: 32-bit lanes, rotations, exchanges of lanes --------------------------- */

static u32x4 rotated(u32x4 v, unsigned by)
{
    return v << by | v >> (32 - by);
}

static void chacha(void)
{
    static const char sigma[] = "expand 32-byte k";
    u32x4 rows[4], sum = {0, 0, 0, 0};

    memcpy(&rows[0], sigma, 16);
    rows[1] = (u32x4)next_vector();
    rows[2] = (u32x4)next_vector();
    rows[3] = (u32x4){0, 0, 1, 2};
    for (int block = 0; block < 2000; block++) {
        u32x4 a = rows[0], b = rows[1], c = rows[2], d = rows[3];

        for (int round = 0; round < 20; round++) {
            a += b, d = rotated(d ^ a, 16);
            c += d, b = rotated(b ^ c, 12);
            a += b, d = rotated(d ^ a, 8);
            c += d, b = rotated(b ^ c, 7);
            if (round % 2 == 0) {
                b = (u32x4){b[1], b[2], b[3], b[0]};
                c = (u32x4){c[2], c[3], c[0], c[1]};
                d = (u32x4){d[3], d[0], d[1], d[2]};
            } else {
                b = (u32x4){b[3], b[0], b[1], b[2]};
                c = (u32x4){c[2], c[3], c[0], c[1]};
                d = (u32x4){d[1], d[2], d[3], d[0]};
            }
        }
        sum ^= (a + rows[0] + b + rows[1]) ^ (c + rows[2] + d + rows[3]);
        rows[3][0]++;
    }
    printf("chacha %08" PRIx32 " %08" PRIx32 " %08" PRIx32 " %08" PRIx32 "\n", sum[0], sum[1],
           sum[2], sum[3]);
}

/* ---- lanes of every width ------------------------------------------------------------------- */

static void lanes(void)
{
    uint64_t sum = 0;

    for (int i = 0; i < 20000; i++) {
        u64x2 a = next_vector(), b = next_vector();
        u8x16 bytes = ((u8x16)a > (u8x16)b) & (u8x16)a;
        i8x16 negative = -(i8x16)((u8x16)a & 0x7F) >> 2;
        u16x8 shorts = (u16x8)a * (u16x8)b + ((u16x8)b >> 3);
        i16x8 signs = ((i16x8)a < (i16x8)b) ^ ((i16x8)b >> 15);
        u32x4 words = ((u32x4)a * (u32x4)b) ^ ((u32x4)a << (b[0] & 31));
        i32x4 shifted = (i32x4)a >> (int)(b[1] & 31);
        u64x2 doubles = a * b - (a ^ b << (a[0] & 63)) + (a >> (b[0] & 63));

        bytes += (u8x16)negative ^ ((u8x16)b == (u8x16)((u8x16)a & 0xF0));
        sum += folded((u64x2)bytes) ^ folded((u64x2)shorts) ^ folded((u64x2)signs);
        sum = sum * 31 + (folded((u64x2)words) ^ folded((u64x2)shifted) ^ folded(doubles));
        sum += (uint64_t)(uint8_t)bytes[i & 15] + shorts[i & 7] + words[i & 3];
        bytes[i & 15] = (uint8_t)sum;
        shorts[(i >> 2) & 7] = (uint16_t)sum;
        sum ^= folded((u64x2)bytes ^ (u64x2)shorts);
    }
    printf("lanes %016" PRIx64 "\n", sum);
}

/* ---- loops that the compiler turns into vectors -----------------------------------------------
 */

enum { SIZE = 5003 };
static uint8_t image[SIZE], mask[SIZE], blended[SIZE];
static int16_t samples[SIZE], filtered[SIZE];
static int32_t histogram[SIZE];
static float points[SIZE], moved[SIZE];
static double weights[SIZE];

__attribute__((noinline)) static void blend(int strength)
{
    for (int i = 0; i < SIZE; i++) {
        int value = image[i] + (mask[i] * strength >> 4);

        blended[i] = (uint8_t)(value > 255 ? 255 : value);
    }
}

__attribute__((noinline)) static void filter(int scale)
{
    for (int i = 1; i < SIZE - 1; i++) {
        int value = (samples[i - 1] + 2 * samples[i] + samples[i + 1]) * scale >> 4;

        filtered[i] = (int16_t)(value > INT16_MAX   ? INT16_MAX
                                : value < INT16_MIN ? INT16_MIN
                                                    : value);
    }
}

__attribute__((noinline)) static int32_t products(void)
{
    uint32_t sum = 0;

    for (int i = 0; i < SIZE; i++)
        sum += (uint32_t)(samples[i] * filtered[i]);
    return (int32_t)sum;
}

__attribute__((noinline)) static void extremes(void)
{
    for (int i = 0; i < SIZE; i++) {
        int32_t value = samples[i] * 3 - (int32_t)image[i] * 100;

        histogram[i] = value < 0 ? -value : value;
    }
}

__attribute__((noinline)) static void move(float by)
{
    for (int i = 0; i < SIZE; i++) {
        float x = points[i] * by;

        moved[i] = x > 100.0f ? 100.0f : x < -100.0f ? -100.0f : x;
        weights[i] = (double)moved[i] * 0.5 + weights[i];
    }
}

static void loops(void)
{
    uint64_t sum = 0;
    double total = 0;

    for (int i = 0; i < SIZE; i++) {
        image[i] = (uint8_t)next();
        mask[i] = (uint8_t)next();
        samples[i] = (int16_t)next();
        points[i] = (float)(int32_t)next() / 65536.0f;
    }
    for (int round = 1; round < 20; round++) {
        blend(round);
        filter(round);
        extremes();
        move((float)round / 8);
        sum = sum * 31 + (uint32_t)products();
        for (int i = 0; i < SIZE; i += 7)
            sum += blended[i] + (uint16_t)filtered[i] + (uint32_t)histogram[i];
        for (int i = 0; i < SIZE; i++)
            total += weights[i];
    }
    printf("loops %016" PRIx64 " %.17g\n", sum, total);
}

/* ---- floats in lanes ------------------------------------------------------------------------- */

static void floats(void)
{
    f32x4 single = {1, 2, 3, 4};
    f64x2 twice = {1, -1};
    uint64_t bits[2];

    for (int i = 1; i < 20000; i++) {
        f32x4 x = {(float)(next() >> 40), (float)(int32_t)next(), 1.0f / (float)i, (float)i};
        f64x2 y = {(double)(next() >> 11), (double)(int64_t)next()};
        i32x4 less = x < single;

        single = single * 0.5f + x / 65536.0f - (f32x4)((i32x4)x & less);
        twice = twice * -0.25 + y / (twice * twice + 3.0);
    }
    memcpy(bits, &single, sizeof bits);
    printf("floats %016" PRIx64 " %016" PRIx64, bits[0], bits[1]);
    memcpy(bits, &twice, sizeof bits);
    printf(" %016" PRIx64 " %016" PRIx64 "\n", bits[0], bits[1]);
}

int main(void)
{
    chacha();
    lanes();
    loops();
    floats();
    return 0;
}
