/* SPDX-License-Identifier: Apache-2.0
 * instr.c — decodes the immediates of instructions by their kind, and prints them.
 *
 * How:     opcode → row (isa_lookup), row → kind of immediates, one case for each kind. A vector of
 *          labels or types is stepped over and left for the user to read again, so that decoding
 *          needs no memory of its own.
 *
 * Editing: a new kind of immediates needs a case in instr_immediates() and one in instr_print();
 * both switches have no default, so that the compiler names the missing one.
 *
 * Memory:  borrowed.
 * Threads: no shared state.
 */
#include "instr.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A block type (§5.4.1): a negative s33 of one byte is the empty type or a value type, a positive
 * one a type index. */
static wasm_status instr_block_type(cursor *c, instr *out)
{
    uint64_t offset = reader_offset(&c->r);
    out->index = INSTR_NO_TYPE;
    if (reader_left(&c->r) != 0 && (*c->r.next & 0xC0) == 0x40) {
        if (*c->r.next != 0x40)
            return cursor_valtype(c, &out->type);
        c->r.next++;
        return WASM_OK;
    }
    int64_t index;
    TRY(cursor_check(c, reader_leb_s33(&c->r, &index), "a block type"));
    if (index < 0)
        return cursor_fail(c, WASM_E_VALUE_TYPE, offset, "block type %" PRId64, index);
    if (index == INSTR_NO_TYPE) /* which means another thing; validation looks at all others */
        return cursor_fail(c, WASM_E_UNKNOWN_TYPE, offset, "type %" PRId64, index);
    out->index = (uint32_t)index;
    return cursor_need(c, WASM_FEATURE_MULTI_VALUE, offset, "a block with a type index");
}

/* A memory argument (§5.4.6). Bit 6 of the alignment field says that a memory index follows. */
static wasm_status instr_memarg(cursor *c, instr *out)
{
    uint64_t offset = reader_offset(&c->r);
    uint32_t flags;
    TRY(cursor_u32(c, &flags, "an alignment"));
    if (flags >= 0x80)
        return cursor_fail(c, WASM_E_MEMOP_FLAGS, offset, "0x%x", (unsigned)flags);
    out->align = flags & 0x3F;
    if ((flags & 0x40) != 0) {
        TRY(cursor_need(c, WASM_FEATURE_MULTI_MEMORY, offset, "a memory access with an index"));
        TRY(cursor_u32(c, &out->index, "a memory index"));
    }
    return cursor_check(c, reader_leb_u64(&c->r, &out->mem_offset), "a memory offset");
}

/* The label vector of br_table and its default. */
static wasm_status instr_labels(cursor *c, instr *out)
{
    TRY(cursor_count(c, &out->count, 1, 0, UINT32_MAX, "labels"));
    out->items = *c;
    for (uint64_t left = (uint64_t)out->count + 1; left > 0; left--) {
        uint32_t label;
        TRY(cursor_u32(c, &label, "a label"));
    }
    return WASM_OK;
}

/* A catch clause (§5.4.1): bit 0 of its kind says that the reference is wanted, bit 1 that there is
 * no tag. */
static wasm_status instr_read_clause(cursor *c, instr_clause *out)
{
    uint64_t offset = reader_offset(&c->r);
    uint8_t kind;
    out->tag = out->label = 0;
    TRY(cursor_u8(c, &kind, "a catch clause"));
    if (kind > 3)
        return cursor_fail(c, WASM_E_CATCH_KIND, offset, "0x%02x", kind);
    out->ref = (kind & 1) != 0;
    out->all = (kind & 2) != 0;
    if (!out->all)
        TRY(cursor_u32(c, &out->tag, "a tag index"));
    return cursor_u32(c, &out->label, "a label");
}

static wasm_status instr_try_table(cursor *c, instr *out)
{
    instr_clause clause;
    TRY(instr_block_type(c, out));
    TRY(cursor_count(c, &out->count, 2, 0, UINT32_MAX, "catch clauses"));
    out->items = *c;
    for (uint32_t i = 0; i < out->count; i++)
        TRY(instr_read_clause(c, &clause));
    return WASM_OK;
}

static wasm_status instr_types(cursor *c, instr *out)
{
    TRY(cursor_count(c, &out->count, 1, 0, UINT32_MAX, "types"));
    out->items = *c;
    for (uint32_t i = 0; i < out->count; i++) {
        wasm_valtype type;
        TRY(cursor_valtype(c, &type));
        if (i == 0)
            out->type = type;
    }
    return WASM_OK;
}

static wasm_status instr_two(cursor *c, instr *out, const char *first, const char *second)
{
    TRY(cursor_u32(c, &out->index, first));
    return cursor_u32(c, &out->index2, second);
}

/* call_indirect: before reference types the table was a reserved zero byte (§5.4.1 of 1.0). */
static wasm_status instr_type_table(cursor *c, instr *out)
{
    TRY(cursor_u32(c, &out->index, "a type index"));
    uint64_t offset = reader_offset(&c->r);
    TRY(cursor_u32(c, &out->index2, "a table index"));
    if (out->index2 == 0 && reader_offset(&c->r) == offset + 1)
        return WASM_OK;
    return cursor_need(c, WASM_FEATURE_REFERENCE_TYPES, offset, "a table index in call_indirect");
}

static wasm_status instr_lane(cursor *c, instr *out)
{
    uint8_t lane;
    TRY(cursor_u8(c, &lane, "a lane"));
    out->value = lane;
    return WASM_OK;
}

static wasm_status instr_memarg_lane(cursor *c, instr *out)
{
    TRY(instr_memarg(c, out));
    return instr_lane(c, out);
}

/* atomic.fence: a byte for the memory orders that there may be one day. */
static wasm_status instr_zero(cursor *c)
{
    uint64_t offset = reader_offset(&c->r);
    uint8_t byte;
    TRY(cursor_u8(c, &byte, "a zero byte"));
    if (byte != 0)
        return cursor_fail(c, WASM_E_ZERO_BYTE, offset, "0x%02x", byte);
    return WASM_OK;
}

/* br_on_cast: which of the two types may be null, the label, the two heap types. */
static wasm_status instr_cast(cursor *c, instr *out)
{
    uint64_t offset = reader_offset(&c->r);
    uint8_t flags;
    TRY(cursor_u8(c, &flags, "a cast's flags"));
    if (flags > 3)
        return cursor_fail(c, WASM_E_CAST_FLAGS, offset, "0x%02x", flags);
    TRY(cursor_u32(c, &out->index, "a label"));
    TRY(cursor_heaptype(c, &out->type));
    TRY(cursor_heaptype(c, &out->type2));
    if ((flags & 1) == 0)
        out->type &= ~(wasm_valtype)WASM_NULLABLE;
    if ((flags & 2) == 0)
        out->type2 &= ~(wasm_valtype)WASM_NULLABLE;
    return WASM_OK;
}

static wasm_status instr_constant(cursor *c, isa_imm imm, instr *out)
{
    int32_t i32 = 0;
    int64_t i64 = 0;
    uint32_t f32 = 0;
    switch (imm) {
    case ISA_IMM_I32:
        TRY(cursor_check(c, reader_leb_s32(&c->r, &i32), "a constant"));
        out->value = (uint32_t)i32;
        return WASM_OK;
    case ISA_IMM_I64:
        TRY(cursor_check(c, reader_leb_s64(&c->r, &i64), "a constant"));
        out->value = (uint64_t)i64;
        return WASM_OK;
    case ISA_IMM_F32:
        TRY(cursor_check(c, reader_u32le(&c->r, &f32), "a constant"));
        out->value = f32;
        return WASM_OK;
    default: return cursor_check(c, reader_u64le(&c->r, &out->value), "a constant");
    }
}

static wasm_status instr_immediates(cursor *c, isa_imm imm, instr *out)
{
    switch (imm) {
    case ISA_IMM_NONE: return WASM_OK;
    case ISA_IMM_BLOCK: return instr_block_type(c, out);
    case ISA_IMM_LABEL: return cursor_u32(c, &out->index, "a label");
    case ISA_IMM_LABELS: return instr_labels(c, out);
    case ISA_IMM_FUNC: return cursor_u32(c, &out->index, "a function index");
    case ISA_IMM_TYPE_TABLE: return instr_type_table(c, out);
    case ISA_IMM_LOCAL: return cursor_u32(c, &out->index, "a local index");
    case ISA_IMM_GLOBAL: return cursor_u32(c, &out->index, "a global index");
    case ISA_IMM_TABLE: return cursor_u32(c, &out->index, "a table index");
    case ISA_IMM_MEMARG: return instr_memarg(c, out);
    case ISA_IMM_MEMORY: return cursor_u32(c, &out->index, "a memory index");
    case ISA_IMM_DATA_MEMORY: return instr_two(c, out, "a data index", "a memory index");
    case ISA_IMM_DATA: return cursor_u32(c, &out->index, "a data index");
    case ISA_IMM_MEMORY_MEMORY: return instr_two(c, out, "a memory index", "a memory index");
    case ISA_IMM_ELEM_TABLE: return instr_two(c, out, "an elem index", "a table index");
    case ISA_IMM_ELEM: return cursor_u32(c, &out->index, "an elem index");
    case ISA_IMM_TABLE_TABLE: return instr_two(c, out, "a table index", "a table index");
    case ISA_IMM_I32:
    case ISA_IMM_I64:
    case ISA_IMM_F32:
    case ISA_IMM_F64: return instr_constant(c, imm, out);
    case ISA_IMM_TRY_TABLE: return instr_try_table(c, out);
    case ISA_IMM_TAG: return cursor_u32(c, &out->index, "a tag index");
    case ISA_IMM_TYPE: return cursor_u32(c, &out->index, "a type index");
    case ISA_IMM_TYPE_FIELD: return instr_two(c, out, "a type index", "a field index");
    case ISA_IMM_TYPE_COUNT: return instr_two(c, out, "a type index", "a number of operands");
    case ISA_IMM_TYPE_DATA: return instr_two(c, out, "a type index", "a data index");
    case ISA_IMM_TYPE_ELEM: return instr_two(c, out, "a type index", "an elem index");
    case ISA_IMM_TYPE_TYPE: return instr_two(c, out, "a type index", "a type index");
    case ISA_IMM_CAST: return instr_cast(c, out);
    case ISA_IMM_HEAP_TYPE: return cursor_heaptype(c, &out->type);
    case ISA_IMM_TYPES: return instr_types(c, out);
    case ISA_IMM_MEMARG_LANE: return instr_memarg_lane(c, out);
    case ISA_IMM_LANE: return instr_lane(c, out);
    case ISA_IMM_LANES: return cursor_check(c, reader_bytes(&c->r, 16, &out->bytes), "lanes");
    case ISA_IMM_V128: return cursor_check(c, reader_bytes(&c->r, 16, &out->bytes), "a constant");
    case ISA_IMM_ZERO: return instr_zero(c);
    case ISA_IMM_COUNT: break;
    }
    return WASM_E_USAGE;
}

/* A code without a row: from a later WebAssembly, or from none. */
static wasm_status instr_unknown(cursor *c, uint64_t offset, uint8_t prefix, uint32_t code)
{
    unsigned feature = isa_later(prefix, code);
    char what[32];
    if (prefix == 0)
        (void)snprintf(what, sizeof what, "opcode 0x%02x", (unsigned)code);
    else
        (void)snprintf(what, sizeof what, "opcode 0x%02x %u", prefix, (unsigned)code);
    if (feature != WASM_FEATURE_COUNT)
        TRY(cursor_need(c, feature, offset, what));
    if (feature == WASM_FEATURE_EXCEPTIONS)
        return cursor_fail(c, WASM_E_ILLEGAL_OPCODE, offset,
                           "%s is of the exception handling that WebAssembly 3.0 has superseded "
                           "(try, catch); have the toolchain use exnref (try_table)",
                           what);
    return cursor_fail(c, WASM_E_ILLEGAL_OPCODE, offset, "%s", what);
}

wasm_status instr_next(cursor *c, instr *out)
{
    uint64_t offset = reader_offset(&c->r);
    uint8_t byte;
    if (reader_u8(&c->r, &byte) != WASM_OK)
        return cursor_fail(c, WASM_E_UNEXPECTED_END, offset, "the code ends without its end");
    uint8_t prefix = 0;
    uint32_t code = byte;
    if (isa_is_prefix(byte)) {
        prefix = byte;
        TRY(cursor_u32(c, &code, "an opcode"));
    }
    isa_op op = isa_lookup(prefix, code);
    if (op == OP_COUNT)
        return instr_unknown(c, offset, prefix, code);
    const isa_row *row = isa_describe(op);
    out->op = op;
    out->offset = offset;
    out->index = out->index2 = out->align = out->count = 0;
    out->value = out->mem_offset = 0;
    out->bytes = NULL;
    out->type = out->type2 = 0;
    TRY(cursor_need(c, row->feature, offset, row->text));
    return instr_immediates(c, (isa_imm)row->imm, out);
}

uint32_t instr_label(instr *in)
{
    uint32_t label = 0;
    (void)reader_leb_u32(&in->items.r, &label);
    return label;
}

instr_clause instr_next_clause(instr *in)
{
    instr_clause clause = {0, 0, false, false};
    (void)instr_read_clause(&in->items, &clause);
    return clause;
}

/* A heap type as the text format writes it, out of the reference to it. */
static void print_heap_type(wasm_valtype type, char *buf, size_t size)
{
    const wasm_type_text text = wasm_valtype_text(type & ~(wasm_valtype)WASM_NULLABLE);
    (void)snprintf(buf, size, " %.*s", (int)strlen(text.text) - 6, text.text + 5); /* "(ref …)" */
}

/* Sixteen bytes, as numbers or as the text format has vectors. */
static void print_bytes(const uint8_t *bytes, bool vector, char *rest, size_t size)
{
    size_t at = vector ? (size_t)snprintf(rest, size, " i8x16") : 0;
    for (unsigned i = 0; i < 16 && at < size; i++)
        at += (size_t)snprintf(rest + at, size - at, vector ? " 0x%02x" : " %u", bytes[i]);
}

char *instr_print(const instr *in, char *buf, size_t size)
{
    char rest[104] = "";
    double number;
    float single;
    uint32_t bits = (uint32_t)in->value;
    switch ((isa_imm)isa_describe(in->op)->imm) {
    case ISA_IMM_NONE:
    case ISA_IMM_ZERO:
    case ISA_IMM_COUNT: break;
    case ISA_IMM_BLOCK:
        if (in->index != INSTR_NO_TYPE)
            (void)snprintf(rest, sizeof rest, " (type %u)", (unsigned)in->index);
        else if (in->type != 0)
            (void)snprintf(rest, sizeof rest, " (result %s)", wasm_valtype_text(in->type).text);
        break;
    case ISA_IMM_TRY_TABLE:
    case ISA_IMM_LABELS:
    case ISA_IMM_TYPES:
        (void)snprintf(rest, sizeof rest, " (%u of them)", (unsigned)in->count);
        break;
    case ISA_IMM_LABEL:
    case ISA_IMM_FUNC:
    case ISA_IMM_LOCAL:
    case ISA_IMM_GLOBAL:
    case ISA_IMM_TABLE:
    case ISA_IMM_MEMORY:
    case ISA_IMM_DATA:
    case ISA_IMM_TAG:
    case ISA_IMM_TYPE:
    case ISA_IMM_ELEM: (void)snprintf(rest, sizeof rest, " %u", (unsigned)in->index); break;
    case ISA_IMM_TYPE_FIELD:
    case ISA_IMM_TYPE_COUNT:
    case ISA_IMM_TYPE_DATA:
    case ISA_IMM_TYPE_ELEM:
    case ISA_IMM_TYPE_TYPE:
    case ISA_IMM_TYPE_TABLE:
    case ISA_IMM_DATA_MEMORY:
    case ISA_IMM_MEMORY_MEMORY:
    case ISA_IMM_ELEM_TABLE:
    case ISA_IMM_TABLE_TABLE:
        (void)snprintf(rest, sizeof rest, " %u %u", (unsigned)in->index, (unsigned)in->index2);
        break;
    case ISA_IMM_MEMARG:
        (void)snprintf(rest, sizeof rest, " offset=%" PRIu64 " align=%" PRIu64, in->mem_offset,
                       (uint64_t)1 << in->align);
        break;
    case ISA_IMM_MEMARG_LANE:
        (void)snprintf(rest, sizeof rest, " offset=%" PRIu64 " align=%" PRIu64 " %u",
                       in->mem_offset, (uint64_t)1 << in->align, (unsigned)in->value);
        break;
    case ISA_IMM_LANE: (void)snprintf(rest, sizeof rest, " %u", (unsigned)in->value); break;
    case ISA_IMM_LANES: print_bytes(in->bytes, false, rest, sizeof rest); break;
    case ISA_IMM_V128: print_bytes(in->bytes, true, rest, sizeof rest); break;
    case ISA_IMM_I32: (void)snprintf(rest, sizeof rest, " 0x%" PRIx32, bits); break;
    case ISA_IMM_I64: (void)snprintf(rest, sizeof rest, " 0x%" PRIx64, in->value); break;
    case ISA_IMM_F32:
        memcpy(&single, &bits, sizeof single);
        (void)snprintf(rest, sizeof rest, " %a", (double)single);
        break;
    case ISA_IMM_F64:
        memcpy(&number, &in->value, sizeof number);
        (void)snprintf(rest, sizeof rest, " %a", number);
        break;
    case ISA_IMM_CAST:
        (void)snprintf(rest, sizeof rest, " %u %s %s", (unsigned)in->index,
                       wasm_valtype_text(in->type).text, wasm_valtype_text(in->type2).text);
        break;
    case ISA_IMM_HEAP_TYPE: print_heap_type(in->type, rest, sizeof rest); break;
    }
    (void)snprintf(buf, size, "%s%s", isa_text(in->op), rest);
    return buf;
}
