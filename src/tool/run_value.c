/* SPDX-License-Identifier: Apache-2.0
 * run_value.c — the arguments of `wasmserve run --invoke`, and the results it prints.
 *
 * Memory:  nothing is allocated.
 * Threads: any; strtod() follows the locale, which the tool never sets.
 */
#include "run_value.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An integer of `bits` bits, signed or unsigned, decimal or with 0x. */
static bool parse_integer(const char *text, unsigned bits, uint64_t *value)
{
    bool negative = text[0] == '-';
    uint64_t limit = negative ? UINT64_C(1) << (bits - 1) : UINT64_MAX >> (64 - bits);
    char *end;

    text += negative || text[0] == '+';
    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *value = strtoull(text, &end, text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? 16 : 10);
    if (errno != 0 || *end != '\0' || *value > limit)
        return false;
    if (negative)
        *value = 0 - *value;
    return true;
}

/* 0x and up to 32 hexadecimal digits; the last ones are the first bytes. */
static bool parse_vector(const char *text, uint8_t bytes[16])
{
    size_t digits;

    if (text[0] != '0' || (text[1] != 'x' && text[1] != 'X'))
        return false;
    text += 2;
    digits = strspn(text, "0123456789abcdefABCDEF");
    if (digits == 0 || digits > 32 || text[digits] != '\0')
        return false;
    for (size_t i = 0; i < digits; i++) {
        const char digit[2] = {text[digits - 1 - i], '\0'};

        bytes[i / 2] |= (uint8_t)(strtoul(digit, NULL, 16) << 4 * (i % 2));
    }
    return true;
}

bool run_value_parse(const char *text, wasm_valtype type, wasm_value *value)
{
    uint64_t integer;
    char *end = NULL;

    memset(value, 0, sizeof *value);
    if (type == WASM_I32) {
        if (!parse_integer(text, 32, &integer))
            return false;
        value->i32 = (uint32_t)integer;
        return true;
    }
    if (type == WASM_I64)
        return parse_integer(text, 64, &value->i64);
    if (type == WASM_V128)
        return parse_vector(text, value->v128);
    if (type == WASM_F32)
        value->f32 = strtof(text, &end);
    else if (type == WASM_F64)
        value->f64 = strtod(text, &end);
    else
        return WASM_IS_REF(type) && strcmp(text, "null") == 0;
    return end != text && *end == '\0';
}

/* The shortest decimal that reads back as the same number. */
static void print_float(double value, int least, int most, bool single)
{
    char text[40];

    if (isnan(value)) {
        puts("nan");
        return;
    }
    for (int digits = least; digits <= most; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (single ? strtof(text, NULL) == (float)value : strtod(text, NULL) == value)
            break;
    }
    puts(text);
}

void run_value_print(const wasm_value *value, wasm_valtype type)
{
    if (type == WASM_I32) {
        printf("%lld\n",
               (long long)(value->i32 <= INT32_MAX ? (int64_t)value->i32
                                                   : (int64_t)value->i32 - (INT64_C(1) << 32)));
    } else if (type == WASM_I64) {
        if (value->i64 <= INT64_MAX)
            printf("%llu\n", (unsigned long long)value->i64);
        else
            printf("-%llu\n", (unsigned long long)(0 - value->i64));
    } else if (type == WASM_F32) {
        print_float((double)value->f32, 6, 9, true);
    } else if (type == WASM_F64) {
        print_float(value->f64, 6, 17, false);
    } else if (type == WASM_V128) {
        fputs("0x", stdout);
        for (unsigned i = 16; i > 0; i--)
            printf("%02x", value->v128[i - 1]);
        putchar('\n');
    } else {
        puts(value->ref == 0 ? "null" : "reference");
    }
}
