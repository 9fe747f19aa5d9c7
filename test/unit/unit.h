/* SPDX-License-Identifier: Apache-2.0
 * unit.h — the whole unit test framework: a test is a function, a test program is one file.
 *
 * How:     TEST(name) { … } registers itself before main, which is defined here and runs every test
 *          in the order of the file. A check that does not hold says where, what and with which
 *          values, and the test goes on; REQUIRE leaves the test function, for what the rest could
 *          not do without. CASE gives table-driven tests a context that stands in front of every
 *          failure that follows it, until the next CASE or test. The program prints "ok FILE/TEST"
 *          or "not ok FILE/TEST: why" for each test, which test/run counts, and ends with 1 if one
 *          failed. Arguments select the tests whose names contain one of them.
 * Layers:  A comment `layers: <name>` in the first lines of the test's file says which layer it
 *          mirrors: the file sees the headers that this layer sees, and may include the layer's .c
 *          file to reach what is static.
 * Memory:  Nothing is allocated; a test frees what it makes (the sanitizer build looks for leaks).
 * Threads: Checks may be used from one thread at a time only; a test that starts threads checks
 *          after joining.
 */
#ifndef UNIT_H
#define UNIT_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef struct unit_test {
    const char *name;
    void (*run)(void);
    struct unit_test *next;
} unit_test;

/* The tests in the order of registration, and what the running one has seen so far. */
static unit_test *unit_first, **unit_tail = &unit_first;
static int unit_failures;
static char unit_context[512];
static char unit_why[1024];

static void unit_register(unit_test *test)
{
    *unit_tail = test;
    unit_tail = &test->next;
}

#define TEST(test_name)                                                                            \
    static void test_##test_name(void);                                                            \
    static unit_test unit_test_##test_name = {#test_name, test_##test_name, NULL};                 \
    __attribute__((constructor)) static void unit_register_##test_name(void)                       \
    {                                                                                              \
        unit_register(&unit_test_##test_name);                                                     \
    }                                                                                              \
    static void test_##test_name(void)

/* Notes one failure; the first one of a test becomes the text behind "not ok". */
__attribute__((format(printf, 3, 4), unused)) static void unit_fail(const char *file, int line,
                                                                    const char *format, ...)
{
    char text[768];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const char *slash = strrchr(file, '/');
    char where[1024];
    snprintf(where, sizeof where, "%s:%d: %.200s%s%s", slash ? slash + 1 : file, line, unit_context,
             unit_context[0] ? ": " : "", text);
    if (unit_failures++ == 0)
        snprintf(unit_why, sizeof unit_why, "%s", where);
    else
        printf("# %s\n", where);
}

__attribute__((format(printf, 1, 2), unused)) static void unit_case(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(unit_context, sizeof unit_context, format, args);
    va_end(args);
}

__attribute__((unused)) static bool unit_check(bool holds, const char *text, const char *file,
                                               int line)
{
    if (!holds)
        unit_fail(file, line, "%s does not hold", text);
    return holds;
}

__attribute__((unused)) static bool unit_eq_int(intmax_t a, intmax_t b, const char *text,
                                                const char *file, int line)
{
    if (a != b)
        unit_fail(file, line, "%s: %" PRIdMAX " is not %" PRIdMAX, text, a, b);
    return a == b;
}

__attribute__((unused)) static bool unit_eq_uint(uintmax_t a, uintmax_t b, const char *text,
                                                 const char *file, int line)
{
    if (a != b)
        unit_fail(file, line,
                  "%s: %" PRIuMAX " (0x%" PRIxMAX ") is not %" PRIuMAX " (0x%" PRIxMAX ")", text, a,
                  a, b, b);
    return a == b;
}

/* Two strings, or two null pointers, are equal; a string and a null pointer are not. */
__attribute__((unused)) static bool unit_eq_str(const char *a, const char *b, const char *text,
                                                const char *file, int line)
{
    bool same = a && b ? strcmp(a, b) == 0 : a == b;

    if (!same)
        unit_fail(file, line, "%s: \"%.200s\" is not \"%.200s\"", text, a ? a : "(null)",
                  b ? b : "(null)");
    return same;
}

__attribute__((unused)) static bool unit_eq_mem(const void *a, size_t a_size, const void *b,
                                                size_t b_size, const char *text, const char *file,
                                                int line)
{
    const unsigned char *left = (const unsigned char *)a, *right = (const unsigned char *)b;
    size_t at = 0, common = a_size < b_size ? a_size : b_size;

    while (at < common && left[at] == right[at])
        at++;
    if (at < common) {
        unit_fail(file, line, "%s: at offset %zu 0x%02x is not 0x%02x", text, at, left[at],
                  right[at]);
        return false;
    }
    if (a_size != b_size)
        unit_fail(file, line, "%s: %zu bytes are not %zu bytes", text, a_size, b_size);
    return a_size == b_size;
}

/* The checks. Each is an expression that tells whether it held. */
#define CHECK(cond)         unit_check((cond), #cond, __FILE__, __LINE__)
#define CHECK_EQ_INT(a, b)  unit_eq_int((intmax_t)(a), (intmax_t)(b), #a, __FILE__, __LINE__)
#define CHECK_EQ_UINT(a, b) unit_eq_uint((uintmax_t)(a), (uintmax_t)(b), #a, __FILE__, __LINE__)
#define CHECK_EQ_STR(a, b)  unit_eq_str((a), (b), #a, __FILE__, __LINE__)
/* Two runs of bytes with a size each: CHECK_EQ_MEM(got, got_size, want, want_size). */
#define CHECK_EQ_MEM(a, a_size, b, b_size)                                                         \
    unit_eq_mem((a), (a_size), (b), (b_size), #a, __FILE__, __LINE__)
#define REQUIRE(cond)                                                                              \
    do {                                                                                           \
        if (!CHECK(cond))                                                                          \
            return;                                                                                \
    } while (0)
/* Fails without a condition, with a text of its own: FAIL("row %d", i). */
#define FAIL(...) unit_fail(__FILE__, __LINE__, __VA_ARGS__)
/* What the checks that follow are about, printf-like: CASE("accept \"%s\"", row->header). */
#define CASE(...) unit_case(__VA_ARGS__)

int main(int argc, char **argv)
{
    const char *program = strrchr(argv[0], '/');
    int failed = 0, ran = 0;

    program = program ? program + 1 : argv[0];
    for (unit_test *test = unit_first; test; test = test->next) {
        bool selected = argc == 1;
        for (int i = 1; i < argc; i++)
            selected |= strstr(test->name, argv[i]) != NULL;
        if (!selected)
            continue;
        unit_failures = 0;
        unit_context[0] = '\0';
        ran++;
        test->run();
        if (unit_failures) {
            failed++;
            printf("not ok %s/%s: %s", program, test->name, unit_why);
            if (unit_failures > 1)
                printf(" (and %d more)", unit_failures - 1);
            printf("\n");
        } else {
            printf("ok %s/%s\n", program, test->name);
        }
        /* A crash in a later test must not take this line with it. */
        fflush(stdout);
    }
    if (ran == 0)
        printf("not ok %s: no test ran\n", program);
    return failed || ran == 0;
}

#endif /* UNIT_H */
