/* SPDX-License-Identifier: Apache-2.0
 * instr.h — one instruction with its immediates, out of the bytes (specification §5.4).
 *
 * The one place that knows how instructions are encoded, driven by the imm column of opcodes.def.
 * It checks the encoding and the feature; whether indices exist and types fit is the validator's
 * work.
 *
 * Memory:  items points into the borrowed bytes.
 * Threads: no shared state.
 */
#ifndef WASMSERVE_INSTR_H
#define WASMSERVE_INSTR_H

#include "cursor.h"
#include "isa.h"

#define INSTR_NO_TYPE UINT32_MAX

/* Members that the op's immediates do not fill are 0, but items, which then has no value. */
typedef struct instr {
    isa_op op;
    uint64_t offset; /* of the opcode in the file */
    uint32_t index;  /* the only or first index; BLOCK: the type index, or INSTR_NO_TYPE */
    uint32_t index2; /* the second index */
    uint64_t value;  /* I32 (zero-extended), I64, F32 and F64 bits; a lane */
    uint64_t mem_offset;
    uint32_t align;       /* log2 */
    const uint8_t *bytes; /* V128, LANES: sixteen, where they stand in the file */
    wasm_valtype type;    /* BLOCK without a type index: its result, 0 for none; HEAP_TYPE: the
                             nullable reference to it; CAST: what is cast … */
    wasm_valtype type2;   /* … and to what */
    uint32_t count;       /* LABELS: without the default; TYPES; TRY_TABLE: clauses */
    cursor items; /* LABELS: count + 1 labels; TYPES: count value types; TRY_TABLE: clauses */
} instr;

/* A clause of try_table: where to go with an exception of this tag. */
typedef struct instr_clause {
    uint32_t tag;
    uint32_t label; /* seen from outside of the try_table */
    bool all;       /* of any tag, of which there is none then */
    bool ref;       /* with a reference to it */
} instr_clause;

/* Reads the next instruction. ILLEGAL_OPCODE, FEATURE, MEMOP_FLAGS and what reading numbers and
 * types can meet. */
wasm_status instr_next(cursor *c, instr *out);

/* The next of items: a label, after instr_next() has found them readable. */
uint32_t instr_label(instr *in);
/* The same for a clause. */
instr_clause instr_next_clause(instr *in);

/* Writes the instruction as the text format would ("i32.load offset=8 align=4"), always
 * terminated; for traces. Labels and types of vectors are given by their number. Returns buf. */
char *instr_print(const instr *in, char *buf, size_t size);

#endif
