/* SPDX-License-Identifier: Apache-2.0
 * cursor.c — reading with a place to blame: counts, types, features, expressions.
 *
 * How: a type is one byte today. Bytes that a later WebAssembly gave a meaning are told from bytes
 * that have none: the first are FEATURE errors, which tell the author what to switch off in the
 * toolchain; the second make the module malformed.
 *
 * Memory: borrowed. Threads: no shared state.
 */
#include "cursor.h"

#include "instr.h"

enum { FEW_ITEMS = 16 };

cursor cursor_over(const wasm_module *module, module_span span, uint32_t func, wasm_report *report)
{
    const uint8_t *begin = module->bytes + span.offset;
    return (cursor){
        .r = {.start = module->bytes, .next = begin, .end = begin + span.length},
        .enabled = module->enabled,
        .report = report,
        .func = func,
    };
}

wasm_status cursor_check(cursor *c, wasm_status status, const char *what)
{
    if (status == WASM_OK)
        return WASM_OK;
    return cursor_fail(c, status, reader_offset(&c->r), "while reading %s", what);
}

wasm_status cursor_need_failed(cursor *c, unsigned feature_bit, uint64_t offset, const char *what)
{
    return cursor_fail(c, WASM_E_FEATURE, offset, "%s needs %s", what,
                       wasm_feature_name(feature_bit));
}

wasm_status cursor_count(cursor *c, uint32_t *out, size_t item_bytes, uint32_t have, uint32_t limit,
                         const char *what)
{
    uint64_t offset = reader_offset(&c->r);
    uint32_t count;
    TRY(cursor_u32(c, &count, what));
    /* A short vector that cannot be complete is explained better by its first bad item. */
    if (count > FEW_ITEMS && count > reader_left(&c->r) / item_bytes)
        return cursor_fail(c, WASM_E_UNEXPECTED_END, offset,
                           "%u %s cannot stand in the %zu bytes that are left", (unsigned)count,
                           what, reader_left(&c->r));
    if (count > limit - have)
        return cursor_fail(c, WASM_E_IMPL_LIMIT, offset, "%llu %s; the limit is %u",
                           (unsigned long long)count + have, what, (unsigned)limit);
    *out = count;
    return WASM_OK;
}

/* The feature that gives a type's byte its meaning; WASM_FEATURE_COUNT if it has none (§5.3.1 to
 * §5.3.4 of WebAssembly 3.0). */
static unsigned type_feature(uint8_t byte, wasm_valtype *type)
{
    switch (byte) {
    case 0x7F: *type = WASM_I32; return WASM_FEATURE_MVP;
    case 0x7E: *type = WASM_I64; return WASM_FEATURE_MVP;
    case 0x7D: *type = WASM_F32; return WASM_FEATURE_MVP;
    case 0x7C: *type = WASM_F64; return WASM_FEATURE_MVP;
    case 0x7B: *type = WASM_V128; return WASM_FEATURE_SIMD;
    case 0x70: *type = WASM_FUNCREF; return WASM_FEATURE_REFERENCE_TYPES;
    case 0x6F: *type = WASM_EXTERNREF; return WASM_FEATURE_REFERENCE_TYPES;
    case 0x63: /* (ref null ht) */
    case 0x64: /* (ref ht) */ return WASM_FEATURE_TYPED_REFERENCES;
    case 0x69: /* exnref */
    case 0x74: /* nullexnref */ return WASM_FEATURE_EXCEPTIONS;
    case 0x6A: /* arrayref, structref, i31ref, eqref, anyref */
    case 0x6B:
    case 0x6C:
    case 0x6D:
    case 0x6E:
    case 0x71: /* nullref, nullexternref, nullfuncref */
    case 0x72:
    case 0x73: return WASM_FEATURE_GC;
    default: return WASM_FEATURE_COUNT;
    }
}

wasm_status cursor_valtype(cursor *c, wasm_valtype *out)
{
    uint64_t offset = reader_offset(&c->r);
    uint8_t byte;
    TRY(cursor_u8(c, &byte, "a value type"));
    unsigned feature = type_feature(byte, out);
    if (feature == WASM_FEATURE_COUNT)
        return cursor_fail(c, WASM_E_VALUE_TYPE, offset, "0x%02x is no value type", byte);
    return cursor_need(c, feature, offset, "a value type");
}

wasm_status cursor_reftype(cursor *c, wasm_valtype *out)
{
    uint64_t offset = reader_offset(&c->r);
    uint8_t byte;
    TRY(cursor_u8(c, &byte, "a reference type"));
    wasm_valtype type = 0;
    unsigned feature = type_feature(byte, &type);
    if (feature == WASM_FEATURE_COUNT || feature == WASM_FEATURE_MVP ||
        feature == WASM_FEATURE_SIMD)
        return cursor_fail(c, WASM_E_REF_TYPE, offset, "0x%02x is no reference type", byte);
    *out = type;
    if (type == WASM_FUNCREF) /* tables of functions are as old as WebAssembly */
        return WASM_OK;
    return cursor_need(c, feature, offset, "a reference type");
}

wasm_status cursor_expression(cursor *c, module_span *out)
{
    uint64_t begin = reader_offset(&c->r);
    instr in;
    size_t depth = 0;
    do {
        TRY(instr_next(c, &in));
        if (isa_describe(in.op)->imm == ISA_IMM_BLOCK)
            depth++;
        else if (in.op == OP_END && depth-- == 0)
            break;
    } while (true);
    out->offset = begin;
    out->length = reader_offset(&c->r) - begin;
    return WASM_OK;
}
