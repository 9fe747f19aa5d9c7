/* SPDX-License-Identifier: Apache-2.0
 * isa.h — what every room of the engine knows of an instruction: the expansions of opcodes.def.
 *
 * A row is OP(prefix, code, id, text, imm, sig, feature, flags):
 *   prefix   0 for one-byte opcodes, else 0xFC, 0xFD, 0xFE; code is the byte or the LEB128 number
 *   id       isa_op is OP_<id>
 *   text     the text format's mnemonic
 *   imm      ISA_IMM_<imm>: which immediates follow in the binary format
 *   sig      operand and result types: i I f F V (i32 i64 f32 f64 v128),
 *            a the address type of the memory or table named by the immediates;
 *            written operands:results, "ii:i", at most four and two; "*": the validator has a
 *            case of its own
 *   feature  WASM_FEATURE_<feature> that opens it
 *   flags    ISA_* below
 * A later feature adds rows; a tier that lacks one fails to compile, because its table is an
 * expansion of the same rows.
 */
#ifndef WASMSERVE_ISA_H
#define WASMSERVE_ISA_H

#include "engine.h"

typedef enum isa_op {
#define OP(prefix, code, id, text, imm, sig, feature, flags) OP_##id,
#include "opcodes.def"
#undef OP
    OP_COUNT
} isa_op;

typedef enum isa_imm {
    ISA_IMM_NONE,
    ISA_IMM_BLOCK,         /* block type: s33 */
    ISA_IMM_LABEL,         /* label index */
    ISA_IMM_LABELS,        /* br_table: vector of labels and a default */
    ISA_IMM_FUNC,          /* function index */
    ISA_IMM_TYPE_TABLE,    /* call_indirect: type index, table index */
    ISA_IMM_LOCAL,         /* local index */
    ISA_IMM_GLOBAL,        /* global index */
    ISA_IMM_TABLE,         /* table index */
    ISA_IMM_MEMARG,        /* alignment (and memory index), offset */
    ISA_IMM_MEMORY,        /* memory index */
    ISA_IMM_DATA_MEMORY,   /* memory.init: data index, memory index */
    ISA_IMM_DATA,          /* data index */
    ISA_IMM_MEMORY_MEMORY, /* memory.copy: destination, source */
    ISA_IMM_ELEM_TABLE,    /* table.init: elem index, table index */
    ISA_IMM_ELEM,          /* elem index */
    ISA_IMM_TABLE_TABLE,   /* table.copy: destination, source */
    ISA_IMM_I32,
    ISA_IMM_I64,
    ISA_IMM_F32,
    ISA_IMM_F64,
    ISA_IMM_TRY_TABLE,   /* block type, vector of catch clauses */
    ISA_IMM_TAG,         /* tag index */
    ISA_IMM_TYPE,        /* type index */
    ISA_IMM_TYPE_FIELD,  /* type index, field index */
    ISA_IMM_TYPE_COUNT,  /* type index, number of operands */
    ISA_IMM_TYPE_DATA,   /* type index, data index */
    ISA_IMM_TYPE_ELEM,   /* type index, elem index */
    ISA_IMM_TYPE_TYPE,   /* destination's type index, source's */
    ISA_IMM_CAST,        /* label index, two reference types and whether each may be null */
    ISA_IMM_HEAP_TYPE,   /* ref.null, ref.test, ref.cast */
    ISA_IMM_TYPES,       /* select t*: vector of value types */
    ISA_IMM_MEMARG_LANE, /* MEMARG and a lane */
    ISA_IMM_LANE,
    ISA_IMM_LANES, /* i8x16.shuffle: sixteen lanes */
    ISA_IMM_V128,
    ISA_IMM_ZERO, /* atomic.fence: a zero byte */
    ISA_IMM_COUNT
} isa_imm;

enum isa_flags {
    ISA_CONST = 1,    /* allowed in constant expressions (with its feature) */
    ISA_TRAPS = 2,    /* may trap */
    ISA_LOAD = 4,     /* reads memory through a memarg */
    ISA_STORE = 8,    /* writes memory through a memarg */
    ISA_CONTROL = 16, /* structured control or branch */
    ISA_ENDS = 32,    /* what follows is unreachable */
    /* Bytes that a LOAD or STORE touches, or of a lane, as a 3-bit logarithm; isa_row.width reads
     * them. */
    ISA_BYTES_1 = 0 << 6,
    ISA_BYTES_2 = 1 << 6,
    ISA_BYTES_4 = 2 << 6,
    ISA_BYTES_8 = 3 << 6,
    ISA_BYTES_16 = 4 << 6,
    ISA_CONST_EXTENDED = 1 << 9, /* constant expressions too, where EXTENDED_CONST is on */
    ISA_ATOMIC = 1 << 10         /* its alignment is its width, in the memarg and at run time */
};
/* What rows with a memarg mostly are, by the bytes that they touch. */
#define ISA_LOADS(bytes)         (ISA_LOAD | ISA_TRAPS | ISA_BYTES_##bytes)
#define ISA_STORES(bytes)        (ISA_STORE | ISA_TRAPS | ISA_BYTES_##bytes)
#define ISA_ATOMIC_LOADS(bytes)  (ISA_LOADS(bytes) | ISA_ATOMIC)
#define ISA_ATOMIC_STORES(bytes) (ISA_STORES(bytes) | ISA_ATOMIC)
#define ISA_ATOMIC_RMW(bytes)    (ISA_ATOMIC_LOADS(bytes) | ISA_STORE)

typedef struct isa_row {
    uint8_t prefix;
    uint8_t imm;     /* isa_imm */
    uint8_t feature; /* wasm_feature_bit */
    uint8_t width;   /* bytes that a LOAD or STORE touches, or of an immediate LANE; else 0 */
    uint16_t flags;  /* isa_flags */
    uint16_t code;
    const char *text;
    const char *sig;
} isa_row;

/* Static storage; op < OP_COUNT. */
const isa_row *isa_describe(isa_op op);
/* The mnemonic, "?" for OP_COUNT and beyond. Static storage. */
const char *isa_text(isa_op op);
/* The op of a prefix and code, OP_COUNT if there is none. Constant time. */
isa_op isa_lookup(uint8_t prefix, uint32_t code);
/* For a code without a row: the wasm_feature_bit of the WebAssembly 3.0 feature or proposal that
 * defines it, so that a person learns what a module needs; WASM_FEATURE_COUNT if none does. */
unsigned isa_later(uint8_t prefix, uint32_t code);
/* Whether the byte announces a code in LEB128 behind it. */
static inline bool isa_is_prefix(uint8_t byte)
{
    return byte >= 0xFB && byte <= 0xFE;
}

/* The number or vector type that a letter of a signature stands for, here and in the rows of host
 * functions (engine.h); 0 for any other letter. */
static inline wasm_valtype isa_letter_type(char letter)
{
    switch (letter) {
    case 'i': return WASM_I32;
    case 'I': return WASM_I64;
    case 'f': return WASM_F32;
    case 'F': return WASM_F64;
    case 'V': return WASM_V128;
    default: return 0;
    }
}

#endif
