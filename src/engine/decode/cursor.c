/* SPDX-License-Identifier: Apache-2.0
 * cursor.c — reading with a place to blame: counts, types, features, expressions.
 *
 * How:     most types are one byte; a reference to a type of the module is two or more. Bytes that
 *          belong to a feature that is off are told from bytes without a meaning: the first are
 *          FEATURE errors, which tell the author what to switch off in the toolchain; the second
 *          make the module malformed. While the type section is read, references keep the index
 *          that stands there, and no distinction between functions and data; decode_types.c makes
 *          them canonical at its end.
 *
 * Memory:  borrowed.
 * Threads: no shared state.
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
        .types = module->types,
        .type_count = module->type_count,
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

/* What a type's byte means on its own (§5.3.1 to §5.3.4, §5.3.8): a number, a vector, or the short
 * form of a nullable reference to an abstract heap type. */
typedef struct type_byte {
    wasm_valtype type; /* 0: the byte means nothing */
    uint8_t feature;
} type_byte;

static type_byte type_of_byte(uint8_t byte)
{
    switch (byte) {
    case WASM_I32:
    case WASM_I64:
    case WASM_F32:
    case WASM_F64: return (type_byte){byte, WASM_FEATURE_MVP};
    case WASM_V128: return (type_byte){byte, WASM_FEATURE_SIMD};
    case WASM_KIND_FUNC:
    case WASM_KIND_EXTERN: return (type_byte){byte | WASM_NULLABLE, WASM_FEATURE_REFERENCE_TYPES};
    case WASM_KIND_EXN:
    case WASM_KIND_NOEXN: return (type_byte){byte | WASM_NULLABLE, WASM_FEATURE_EXCEPTIONS};
    case WASM_KIND_ARRAY:
    case WASM_KIND_STRUCT:
    case WASM_KIND_I31:
    case WASM_KIND_EQ:
    case WASM_KIND_ANY:
    case WASM_KIND_NONE:
    case WASM_KIND_NOEXTERN:
    case WASM_KIND_NOFUNC: return (type_byte){byte | WASM_NULLABLE, WASM_FEATURE_GC};
    default: return (type_byte){0, WASM_FEATURE_COUNT};
    }
}

enum { REF_NULL_TO = 0x63, REF_TO = 0x64 };

wasm_valtype cursor_reference_to(const cursor *c, uint32_t index, bool nullable)
{
    wasm_valtype null = nullable ? WASM_NULLABLE : 0;
    if (c->types == NULL)
        return WASM_KIND_DATA | null | index << 9;
    const module_type *type = &c->types[index];
    return (type->form == MODULE_FUNC ? WASM_KIND_CODE : WASM_KIND_DATA) | null |
           type->canonical << 9;
}

wasm_status cursor_heaptype(cursor *c, wasm_valtype *out)
{
    uint64_t offset = reader_offset(&c->r);
    if (reader_left(&c->r) != 0 && (*c->r.next & 0xC0) == 0x40) { /* negative and of one byte */
        uint8_t byte = *c->r.next;
        type_byte known = type_of_byte(byte);
        if (!WASM_IS_REF(known.type))
            return cursor_fail(c, WASM_E_REF_TYPE, offset, "0x%02x is no heap type", byte);
        c->r.next++;
        *out = known.type;
        return cursor_need(c, known.feature, offset, "a heap type");
    }
    int64_t index;
    TRY(cursor_check(c, reader_leb_s33(&c->r, &index), "a heap type"));
    if (index < 0)
        return cursor_fail(c, WASM_E_REF_TYPE, offset, "heap type %lld", (long long)index);
    TRY(cursor_need(c, WASM_FEATURE_TYPED_REFERENCES, offset, "a heap type with an index"));
    if (index >= c->type_count)
        return cursor_fail(c, WASM_E_UNKNOWN_TYPE, offset, "type %lld; %u are known here",
                           (long long)index, (unsigned)c->type_count);
    *out = cursor_reference_to(c, (uint32_t)index, true);
    return WASM_OK;
}

/* A reference type that begins with `byte`, at `offset`, which was read. */
static wasm_status reference_of_byte(cursor *c, uint8_t byte, uint64_t offset, wasm_valtype *out)
{
    if (byte == REF_TO || byte == REF_NULL_TO) {
        TRY(cursor_need(c, WASM_FEATURE_TYPED_REFERENCES, offset, "a typed reference"));
        TRY(cursor_heaptype(c, out));
        if (byte == REF_TO)
            *out &= ~(wasm_valtype)WASM_NULLABLE;
        return WASM_OK;
    }
    type_byte known = type_of_byte(byte);
    if (!WASM_IS_REF(known.type))
        return cursor_fail(c, WASM_E_REF_TYPE, offset, "0x%02x is no reference type", byte);
    *out = known.type;
    return cursor_need(c, known.feature, offset, "a reference type");
}

wasm_status cursor_valtype(cursor *c, wasm_valtype *out)
{
    uint64_t offset = reader_offset(&c->r);
    uint8_t byte;
    TRY(cursor_u8(c, &byte, "a value type"));
    if (byte == REF_TO || byte == REF_NULL_TO)
        return reference_of_byte(c, byte, offset, out);
    type_byte known = type_of_byte(byte);
    if (known.type == 0)
        return cursor_fail(c, WASM_E_VALUE_TYPE, offset, "0x%02x is no value type", byte);
    *out = known.type;
    return cursor_need(c, known.feature, offset, "a value type");
}

wasm_status cursor_reftype(cursor *c, wasm_valtype *out)
{
    uint64_t offset = reader_offset(&c->r);
    uint8_t byte;
    TRY(cursor_u8(c, &byte, "a reference type"));
    if (byte == WASM_KIND_FUNC) { /* tables of functions are as old as WebAssembly */
        *out = WASM_FUNCREF;
        return WASM_OK;
    }
    return reference_of_byte(c, byte, offset, out);
}

wasm_status cursor_storage_type(cursor *c, wasm_valtype *out)
{
    if (reader_left(&c->r) != 0 && (*c->r.next == MODULE_I8 || *c->r.next == MODULE_I16)) {
        *out = *c->r.next++;
        return WASM_OK;
    }
    return cursor_valtype(c, out);
}

wasm_status cursor_expression(cursor *c, module_span *out)
{
    uint64_t begin = reader_offset(&c->r);
    instr in;
    size_t depth = 0;
    do {
        TRY(instr_next(c, &in));
        uint8_t imm = isa_describe(in.op)->imm;
        if (imm == ISA_IMM_BLOCK || imm == ISA_IMM_TRY_TABLE)
            depth++;
        else if (in.op == OP_END && depth-- == 0)
            break;
    } while (true);
    out->offset = begin;
    out->length = reader_offset(&c->r) - begin;
    return WASM_OK;
}
