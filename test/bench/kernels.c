/* SPDX-License-Identifier: Apache-2.0
 * kernels.c — the programs of the engine benchmark: small loops that each lean on another part of
 * an engine.
 *
 * Every kernel is a function of a size that returns a checksum, so that all engines can be seen to
 * compute the same. One module holds one kernel with one size: compile with -DRUN=sieve -DSIZE=100.
 * It is a command that prints the result. What each leans on is said above it.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>

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

/* Branches that a predictor cannot learn, through a jump table: a machine with eight instructions
 * runs a program of random ones, size hundred thousand steps. */
KERNEL(dispatch)
{
    static uint8_t program[4096];
    uint32_t seed = 99, a = 1, b = 2, at = 0;
    for (int i = 0; i < 4096; i++) {
        seed = seed * 1664525u + 1013904223u;
        program[i] = seed >> 24;
    }
    for (int step = 0; step < size * 100000; step++) {
        switch (program[at & 4095] & 7) {
        case 0: a += b; break;
        case 1: b ^= a << 3; break;
        case 2: a -= at; break;
        case 3: at += a & 3; break;
        case 4: b = b >> 1 | b << 31; break;
        case 5: a = a > b ? a - b : b - a + at; break;
        case 6: at ^= b & 15; break;
        case 7: b += program[(a >> 4) & 4095]; break;
        }
        at++;
    }
    return (int)(a ^ b ^ at);
}

/* Calls in place of returns, through a table: the machine of `dispatch`, each of whose instructions
 * is a function that goes on to the next. */
#ifdef __wasm_tail_call__
#define GO_ON __attribute__((musttail)) return
#else
#define GO_ON return /* cc -O2 makes a jump of it */
#endif
typedef uint32_t thread_step(const uint8_t *program, uint32_t a, uint32_t b, uint32_t at, int left);
static thread_step *const thread_steps[8];
#define THREAD_STEP(name, what)                                                                    \
    static uint32_t thread_##name(const uint8_t *program, uint32_t a, uint32_t b, uint32_t at,     \
                                  int left)                                                        \
    {                                                                                              \
        if (left == 0)                                                                             \
            return a ^ b ^ at;                                                                     \
        what;                                                                                      \
        at++;                                                                                      \
        GO_ON thread_steps[program[at & 4095] & 7](program, a, b, at, left - 1);                   \
    }
THREAD_STEP(add, a += b)
THREAD_STEP(xor, b ^= a << 3)
THREAD_STEP(sub, a -= at)
THREAD_STEP(skip, at += a & 3)
THREAD_STEP(turn, b = b >> 1 | b << 31)
THREAD_STEP(order, a = a > b ? a - b : b - a + at)
THREAD_STEP(jump, at ^= b & 15)
THREAD_STEP(load, b += program[(a >> 4) & 4095])
static thread_step *const thread_steps[8] = {thread_add,  thread_xor,   thread_sub,  thread_skip,
                                             thread_turn, thread_order, thread_jump, thread_load};

KERNEL(threaded)
{
    static uint8_t program[4096];
    uint32_t seed = 99;
    for (int i = 0; i < 4096; i++) {
        seed = seed * 1664525u + 1013904223u;
        program[i] = seed >> 24;
    }
    return (int)thread_steps[program[0] & 7](program, 1, 2, 0, size * 100000);
}

/* 64-bit arithmetic without a loop inside: rounds of a permutation in the manner of Keccak, all of
 * its state in locals, as cryptography is written. */
KERNEL(permute)
{
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 25")
#endif
#define TURN(x, n) ((x) << (n) | (x) >> (64 - (n)))
    uint64_t s[25];
    for (int i = 0; i < 25; i++)
        s[i] = (uint64_t)i * 0x9e3779b97f4a7c15u;
    for (int round = 0; round < size * 1000; round++) {
        uint64_t c[5], d[5], t[25];
        UNROLL
        for (int x = 0; x < 5; x++)
            c[x] = s[x] ^ s[x + 5] ^ s[x + 10] ^ s[x + 15] ^ s[x + 20];
        UNROLL
        for (int x = 0; x < 5; x++)
            d[x] = c[(x + 4) % 5] ^ TURN(c[(x + 1) % 5], 1);
        UNROLL
        for (int i = 0; i < 25; i++)
            t[i * 7 % 25] = TURN(s[i] ^ d[i % 5], (i * 11 + 3) % 63 + 1);
        UNROLL
        for (int i = 0; i < 25; i++)
            s[i] = t[i] ^ (~t[(i + 1) % 5 + i / 5 * 5] & t[(i + 2) % 5 + i / 5 * 5]);
        s[0] ^= (uint64_t)round;
    }
#undef TURN
#undef UNROLL
    return (int)(s[0] ^ s[24] ^ s[12] >> 32);
}

/* Divisions and remainders: greatest common divisors of 64-bit numbers. */
KERNEL(divide)
{
    uint64_t sum = 0, seed = 88172645463325252u;
    for (int i = 0; i < size * 1000; i++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        uint64_t a = seed, b = seed * 2862933555777941757u >> 20;
        while (b != 0) {
            uint64_t rest = a % b;
            a = b;
            b = rest;
        }
        sum += a;
    }
    return (int)sum;
}

/* Pointers: a search tree of numbers in no order is built of nodes from an array, searched and
 * walked. */
struct node {
    struct node *left, *right;
    uint32_t key;
};

__attribute__((unused)) static uint32_t walk(const struct node *node, uint32_t depth)
{
    if (!node)
        return depth;
    return walk(node->left, depth + 1) * 31 + node->key + walk(node->right, depth + 1);
}

KERNEL(tree)
{
    static struct node nodes[20000];
    uint32_t sum = 0, seed = 4711;
    for (int round = 0; round < size; round++) {
        struct node *root = 0;
        for (int i = 0; i < 20000; i++) {
            struct node *fresh = &nodes[i], **place = &root;
            seed = seed * 1664525u + 1013904223u;
            *fresh = (struct node){0, 0, seed >> 7};
            while (*place)
                place = fresh->key < (*place)->key ? &(*place)->left : &(*place)->right;
            *place = fresh;
        }
        sum += walk(root, 0);
    }
    return (int)sum;
}

/* Blocks of memory: copies, overlapping moves and fills of many sizes. */
KERNEL(blocks)
{
    static uint8_t from[1 << 16], to[1 << 16];
    uint32_t sum = 0, seed = 31337;
    for (int i = 0; i < 1 << 16; i++)
        from[i] = (uint8_t)(i * 7);
    for (int i = 0; i < size * 1000; i++) {
        seed = seed * 1664525u + 1013904223u;
        uint32_t length = seed >> 20, at = (seed >> 4) & 0x7fff;
        __builtin_memcpy(to + at, from + (at ^ 0x1234), length);
        __builtin_memmove(to + at / 2, to + at / 2 + 64, length);
        __builtin_memset(to + length, (int)at, length / 4);
        sum = sum * 31 + to[at] + to[length];
    }
    return (int)sum;
}

/* Text: words are found, folded and counted in a hash table, as parsers and templates do. */
KERNEL(words)
{
    static const char text[] =
        "The quick brown fox, having jumped over 13 lazy dogs (twice!), sat down and wrote: "
        "\"WebAssembly in Apache httpd\" -- 42 pages, no less. ";
    static uint32_t table[4096];
    uint32_t sum = 0;
    for (int i = 0; i < 4096; i++)
        table[i] = 0;
    for (int round = 0; round < size * 100; round++) {
        uint32_t hash = 2166136261u, length = 0;
        for (const char *c = text; *c; c++) {
            uint32_t letter = (uint8_t)*c;
            if (letter - 'A' < 26)
                letter |= 32;
            if (letter - 'a' < 26 || letter - '0' < 10) {
                hash = (hash ^ letter) * 16777619u;
                length++;
            } else if (length > 0) {
                table[(hash + (uint32_t)round) & 4095] += length;
                hash = 2166136261u;
                length = 0;
            }
        }
    }
    for (int i = 0; i < 4096; i++)
        sum = sum * 31 + table[i];
    return (int)sum;
}

/* Single floats and conversions: points of the Mandelbrot set, size lines of 256. */
KERNEL(fractal)
{
    int inside = 0;
    for (int line = 0; line < size; line++) {
        for (int column = 0; column < 256; column++) {
            float x0 = (float)column / 128.0f - 1.5f, y0 = (float)(line % 256) / 128.0f - 1.0f;
            float x = 0, y = 0;
            int step = 0;
            while (step < 200 && x * x + y * y < 4.0f) {
                float t = x * x - y * y + x0;
                y = 2 * x * y + y0;
                x = t;
                step++;
            }
            inside += step;
        }
    }
    return inside;
}

#ifdef VECTORS
/* Vectors of 128 bits, by the compiler's own vector types: a picture is blended, convolved and
 * summed. */
typedef uint8_t v16u8 __attribute__((vector_size(16)));
typedef int32_t v4i32 __attribute__((vector_size(16)));
typedef float v4f32 __attribute__((vector_size(16)));

KERNEL(vectors)
{
    static v16u8 one[4096], two[4096];
    static v4f32 line[1024];
    v4i32 sum = {0, 0, 0, 0};
    v4f32 total = {0, 0, 0, 0};
    for (int i = 0; i < 4096; i++) {
        for (int k = 0; k < 16; k++) {
            one[i][k] = (uint8_t)(i * 3 + k);
            two[i][k] = (uint8_t)(i ^ k * 5);
        }
    }
    for (int i = 0; i < 1024; i++)
        line[i] = (v4f32){(float)i, (float)(i + 1), 0.5f, (float)(i % 7)};
    for (int round = 0; round < size; round++) {
        for (int i = 1; i < 4095; i++) {
            v16u8 larger = (v16u8)(one[i] > two[i]);
            v16u8 mixed = (one[i] & two[i - 1]) + (one[i + 1] ^ two[i]) -
                          ((larger & one[i]) | (~larger & two[i]));
            two[i] = mixed;
            sum += ((v4i32)mixed << 1) * (v4i32)one[i];
        }
        for (int i = 1; i < 1023; i++)
            total = total * 0.75f + (line[i - 1] + line[i] * 2.0f + line[i + 1]) * 0.25f;
    }
    return sum[0] ^ sum[1] ^ sum[2] ^ sum[3] ^ (int)(total[0] + total[1] + total[2] + total[3]);
}
#endif

/* A mixture in the proportions of a small device's work, as CoreMark has it: lists that are
 * searched and sorted, small matrices of integers, a machine that reads numbers from text, and a
 * checksum over it all. */
struct item {
    struct item *next;
    int16_t value, index;
};

__attribute__((unused)) static uint16_t checksum(uint16_t crc, uint32_t value, int bits)
{
    for (int i = 0; i < bits; i++) {
        uint32_t bit = (value ^ crc) & 1;
        crc >>= 1;
        if (bit)
            crc ^= 0xa001;
        value >>= 1;
    }
    return crc;
}

/* A merge sort of a list, from the bottom up. */
__attribute__((unused)) static struct item *sorted(struct item *list, int by_index)
{
    for (int run = 1;; run *= 2) {
        struct item *rest = list, *head = 0, **tail = &head;
        int merges = 0;
        while (rest) {
            struct item *left = rest, *right = rest;
            int lefts = 0, rights = run;
            merges++;
            while (right && lefts < run) {
                lefts++;
                right = right->next;
            }
            while (lefts > 0 || (rights > 0 && right)) {
                struct item **from;
                if (lefts == 0)
                    from = &right;
                else if (rights == 0 || !right)
                    from = &left;
                else if (by_index ? left->index <= right->index : left->value <= right->value)
                    from = &left;
                else
                    from = &right;
                if (from == &left)
                    lefts--;
                else
                    rights--;
                *tail = *from;
                tail = &(*tail)->next;
                *from = (*from)->next;
            }
            rest = right;
        }
        *tail = 0;
        list = head;
        if (merges <= 1)
            return list;
    }
}

/* Counts how often a text's numbers end in which state: integer, fraction, exponent, none. */
__attribute__((unused)) static void scan(const char *text, uint32_t counts[6])
{
    enum { START, SIGN, INTEGER, FRACTION, EXPONENT, BAD } state = START;
    for (;; text++) {
        char c = *text;
        if (c == ',' || c == '\0') {
            counts[state]++;
            state = START;
            if (c == '\0')
                return;
            continue;
        }
        switch (state) {
        case START:
            state = c == '-' || c == '+'   ? SIGN
                    : c >= '0' && c <= '9' ? INTEGER
                    : c == '.'             ? FRACTION
                                           : BAD;
            break;
        case SIGN: state = c >= '0' && c <= '9' ? INTEGER : c == '.' ? FRACTION : BAD; break;
        case INTEGER:
            state = c >= '0' && c <= '9' ? INTEGER
                    : c == '.'           ? FRACTION
                    : c == 'e'           ? EXPONENT
                                         : BAD;
            break;
        case FRACTION: state = c >= '0' && c <= '9' ? FRACTION : c == 'e' ? EXPONENT : BAD; break;
        case EXPONENT: state = (c >= '0' && c <= '9') || c == '-' ? EXPONENT : BAD; break;
        case BAD: break;
        }
    }
}

KERNEL(mixture)
{
    enum { ITEMS = 60, N = 12 };
    static struct item items[ITEMS];
    static int16_t a[N][N], b[N][N];
    static int32_t c[N][N];
    static const char text[] = "5012,-874,+122,35.54400,.1234500,-110.700,+0.64400,5.500e3,-.123e-"
                               "2,-87e+832,T0.3e-1F,12..7";
    uint16_t crc = 0;
    for (int round = 0; round < size * 10; round++) {
        uint32_t counts[6] = {0};
        struct item *list = 0;
        for (int i = 0; i < ITEMS; i++) {
            items[i] = (struct item){list, (int16_t)((i * 7919 + round) % 1009), (int16_t)i};
            list = &items[i];
        }
        for (int find = 0; find < 20; find++) {
            struct item *at = list;
            while (at && (at->value & 63) != find)
                at = at->next;
            crc = checksum(crc, at ? (uint32_t)at->index : 0, 8);
        }
        list = sorted(list, 0);
        crc = checksum(crc, (uint32_t)list->value, 16);
        list = sorted(list, 1);
        for (int i = 0; i < N; i++) {
            for (int k = 0; k < N; k++) {
                a[i][k] = (int16_t)(i + k + round);
                b[i][k] = (int16_t)(i * k - crc % 16);
            }
        }
        for (int i = 0; i < N; i++) {
            for (int k = 0; k < N; k++) {
                int32_t sum = 0;
                for (int m = 0; m < N; m++)
                    sum +=
                        (a[i][m] * b[m][k] >> 2 & 0xf) * (a[i][m] >> 5 & 0x7f) + a[i][m] * b[m][k];
                c[i][k] = sum;
            }
        }
        crc = checksum(crc, (uint32_t)c[round % N][(round + 5) % N], 32);
        scan(text, counts);
        for (int i = 0; i < 6; i++)
            crc = checksum(crc, counts[i] + (uint32_t)list->value, 16);
    }
    return crc;
}

int main(void)
{
    /* volatile: the compiler shall not do the work. */
    volatile int size = SIZE;
    printf("%d\n", RUN(size));
    return 0;
}
