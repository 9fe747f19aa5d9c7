/* SPDX-License-Identifier: Apache-2.0
 * spec_value.c — see spec_value.h.
 *
 * How:     Host references carry the script's number. The NaN patterns are those of the
 *          specification's §4.3.3: canonical is the quiet bit alone, of either sign; arithmetic is
 *          the quiet bit and whatever else.
 * Memory:  Nothing is allocated.
 * Threads: no shared state.
 */
#include "spec_value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool decimal(const char *text, uint64_t *out)
{
    char *end;

    if (text == NULL || *text < '0' || *text > '9')
        return false;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return *end == '\0' && errno == 0;
}

/* The number type that a name stands for; 0 if it is none. */
static wasm_valtype number_type(const char *name)
{
    static const struct {
        const char *name;
        wasm_valtype type;
    } types[] = {{"i32", WASM_I32}, {"i64", WASM_I64}, {"f32", WASM_F32}, {"f64", WASM_F64}};

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(name, types[i].name) == 0)
            return types[i].type;
    return 0;
}

/* Bytes of a lane ("i8", "f32"); 0 if there is no such lane. */
static size_t lane_bytes(const char *lane_type)
{
    static const struct {
        const char *name;
        size_t bytes;
    } lanes[] = {{"i8", 1}, {"i16", 2}, {"i32", 4}, {"f32", 4}, {"i64", 8}, {"f64", 8}};

    for (size_t i = 0; i < sizeof lanes / sizeof lanes[0]; i++)
        if (strcmp(lane_type, lanes[i].name) == 0)
            return lanes[i].bytes;
    return 0;
}

static bool read_v128(const json_value *json, uint8_t out[16])
{
    size_t bytes = lane_bytes(json_text(json, "lane_type", "")), at = 0;

    for (const json_value *lane = json_items(json, "value"); lane != NULL; lane = lane->next) {
        uint64_t bits;
        if (bytes == 0 || at + bytes > 16 || lane->kind != JSON_STRING ||
            !decimal(lane->text, &bits))
            return false;
        for (size_t i = 0; i < bytes; i++)
            out[at++] = (uint8_t)(bits >> 8 * i);
    }
    return at == 16;
}

bool spec_value_read(const json_value *json, spec_value *out)
{
    const char *type = json_text(json, "type", ""), *text = json_text(json, "value", NULL);
    uint64_t bits = 0;

    memset(out, 0, sizeof *out);
    out->type = number_type(type);
    if (out->type != 0) {
        if (!decimal(text, &bits))
            return false;
        if (out->type == WASM_I32 || out->type == WASM_F32)
            out->value.i32 = (uint32_t)bits;
        else
            out->value.i64 = bits;
        return true;
    }
    if (strcmp(type, "v128") == 0) {
        out->type = WASM_V128;
        return read_v128(json, out->value.v128);
    }
    if (strcmp(type, "refnull") == 0) { /* whatever it is to */
        out->type = WASM_EXTERNREF;
        return true;
    }
    if ((strcmp(type, "externref") == 0 || strcmp(type, "anyref") == 0) && decimal(text, &bits) &&
        bits <= WASM_REF_NUMBER_MAX) {
        out->type = type[0] == 'e' ? WASM_EXTERNREF : WASM_ANYREF;
        out->value.ref = wasm_ref_from_number(bits);
        return true;
    }
    return false;
}

/* ---- expectations ---------------------------------------------------------------------------- */

/* `width` bits against the text of an expectation. */
static bool bits_match(const char *text, unsigned width, uint64_t bits)
{
    uint64_t quiet = width == 32 ? 0x7FC00000u : 0x7FF8000000000000u;
    uint64_t sign = (uint64_t)1 << (width - 1), expected;

    if (text == NULL)
        return false;
    if (strcmp(text, "nan:canonical") == 0)
        return (bits & ~sign) == quiet;
    if (strcmp(text, "nan:arithmetic") == 0)
        return (bits & quiet) == quiet;
    return decimal(text, &expected) && expected == bits;
}

static bool v128_matches(const json_value *expected, const uint8_t bytes[16])
{
    size_t width = lane_bytes(json_text(expected, "lane_type", "")), at = 0;

    for (const json_value *lane = json_items(expected, "value"); lane != NULL; lane = lane->next) {
        uint64_t bits = 0;
        if (width == 0 || at + width > 16 || lane->kind != JSON_STRING)
            return false;
        for (size_t i = 0; i < width; i++)
            bits |= (uint64_t)bytes[at++] << 8 * i;
        if (!bits_match(lane->text, (unsigned)width * 8, bits))
            return false;
    }
    return at == 16;
}

/* Whether a reference of this kind is one that the script calls so. */
static bool kind_matches(const char *type, wasm_refkind kind)
{
    static const struct {
        const char *type;
        unsigned kinds;
    } rows[] = {
        {"i31ref", 1 << WASM_REF_I31},
        {"structref", 1 << WASM_REF_STRUCT},
        {"arrayref", 1 << WASM_REF_ARRAY},
        {"eqref", 1 << WASM_REF_I31 | 1 << WASM_REF_STRUCT | 1 << WASM_REF_ARRAY},
        {"exnref", 1 << WASM_REF_EXCEPTION},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(type, rows[i].type) == 0)
            return (rows[i].kinds >> kind & 1) != 0;
    return kind != WASM_REF_NULL; /* anyref, externref */
}

static bool reference_matches(const json_value *expected, const char *type,
                              const spec_value *result)
{
    const char *text = json_text(expected, "value", NULL);
    uint64_t number;

    if (!WASM_IS_REF(result->type))
        return false;
    wasm_refkind kind = wasm_ref_kind(result->type, result->value.ref);
    if (strcmp(type, "refnull") == 0)
        return kind == WASM_REF_NULL;
    if (strcmp(type, "funcref") == 0)
        return kind == WASM_REF_FUNC;
    bool external = WASM_KIND(result->type) == WASM_KIND_EXTERN;
    if (strcmp(type, "externref") == 0 ? !external : external)
        return false;
    if (text != NULL) /* the host's own number */
        return kind == WASM_REF_HOST && decimal(text, &number) &&
               wasm_ref_number(result->value.ref) == number;
    return kind_matches(type, kind); /* any reference of that kind */
}

bool spec_value_matches(const json_value *expected, const spec_value *result)
{
    const char *type = json_text(expected, "type", ""), *text = json_text(expected, "value", NULL);

    if (strcmp(type, "either") == 0) {
        for (const json_value *one = json_items(expected, "values"); one != NULL; one = one->next)
            if (spec_value_matches(one, result))
                return true;
        return false;
    }
    if (number_type(type) != 0) {
        bool narrow = result->type == WASM_I32 || result->type == WASM_F32;
        return number_type(type) == result->type &&
               bits_match(text, narrow ? 32 : 64, narrow ? result->value.i32 : result->value.i64);
    }
    if (strcmp(type, "v128") == 0)
        return result->type == WASM_V128 && v128_matches(expected, result->value.v128);
    return reference_matches(expected, type, result);
}

/* ---- text ------------------------------------------------------------------------------------ */

char *spec_value_format(const spec_value *value, char *buf, size_t size)
{
    const char *name = wasm_valtype_name(value->type);
    wasm_refkind kind;

    switch (value->type) {
    case WASM_I32: snprintf(buf, size, "%s:%" PRIu32, name, value->value.i32); break;
    case WASM_I64: snprintf(buf, size, "%s:%" PRIu64, name, value->value.i64); break;
    case WASM_F32:
        snprintf(buf, size, "%s:%" PRIu32 " (%.9g)", name, value->value.i32,
                 (double)value->value.f32);
        break;
    case WASM_F64:
        snprintf(buf, size, "%s:%" PRIu64 " (%.17g)", name, value->value.i64, value->value.f64);
        break;
    case WASM_V128: {
        size_t at = (size_t)snprintf(buf, size, "%s:0x", name);
        for (int i = 15; i >= 0 && at < size; i--)
            at += (size_t)snprintf(buf + at, size - at, "%02x", value->value.v128[i]);
        break;
    }
    default:
        kind = wasm_ref_kind(value->type, value->value.ref);
        if (kind == WASM_REF_NULL)
            snprintf(buf, size, "%s:null", name);
        else if (kind == WASM_REF_HOST)
            snprintf(buf, size, "%s:%" PRIu64, name, wasm_ref_number(value->value.ref));
        else
            snprintf(buf, size, "%s", name);
    }
    return buf;
}

char *spec_expected_format(const json_value *expected, char *buf, size_t size)
{
    const char *type = json_text(expected, "type", "?"), *text = json_text(expected, "value", NULL);
    const json_value *parts = json_items(expected, strcmp(type, "either") ? "value" : "values");
    size_t at;

    if (parts == NULL) {
        snprintf(buf, size, "%s%s%s", type, text ? ":" : "", text ? text : "");
        return buf;
    }
    at = (size_t)snprintf(buf, size, "%s(", type);
    for (; parts != NULL && at < size; parts = parts->next) {
        char one[160];
        if (parts->kind == JSON_STRING)
            snprintf(one, sizeof one, "%s", parts->text);
        else
            spec_expected_format(parts, one, sizeof one);
        at += (size_t)snprintf(buf + at, size - at, "%s%s", one, parts->next ? " " : ")");
    }
    return buf;
}
