/* SPDX-License-Identifier: Apache-2.0
 * validate.h — types are checked here and nowhere else; tiers receive a typed instruction stream.
 *
 * The validator walks a body by the algorithm of the specification's appendix and, as it goes,
 * hands each reachable instruction to a sink, immediates decoded, operand height and types known.
 * A tier translates from that stream; it never decodes bytes and never checks a type. Without a
 * sink the walk only validates.
 *
 * What the sink sees: every reachable instruction, in order. Code that cannot be reached is
 * validated but not handed over; blocks opened inside it are not either. So after an instruction
 * with ISA_ENDS the next event is the `else` or `end` of a block whose opening the sink saw. The
 * function body's own final `end` is handed over too. A `br_if` to, or an `end` of, a block is
 * resolved by the sink's own control stack, which it pushes at block, loop, if and pops at end.
 *
 * Members of an event that its instruction has no use for are 0.
 *
 * Memory:  what an event points to is valid during the event, but block, which lives as long as the
 *          scratch, and bytes, which are the module's.
 * Threads: those of the module being loaded, as a scratch takes from the module's quota;
 *          validate_constant_walk() may be called by any thread.
 */
#ifndef WASMSERVE_VALIDATE_H
#define WASMSERVE_VALIDATE_H

#include "isa.h"
#include "module.h"

typedef struct validate_clause { /* of a try_table */
    uint32_t tag;
    uint32_t label; /* seen from outside of the try_table */
    bool all;       /* whatever the tag is */
    bool ref;       /* the reference goes behind what the tag carries */
} validate_clause;

typedef struct validate_op {
    isa_op op;
    uint64_t offset; /* of the opcode in the file */
    uint32_t height; /* operand slots in use before it (64-bit slots; v128 counts two); before
                        an else or end that cannot be fallen into: as if it could be */
    bool reachable;  /* else, end: whether control can fall into it from above; else true */
    wasm_valtype
        type; /* drop, select, local.*, global.*, ref.*, table.*, struct.*, array.*, br_on_*:
                 the value's type (in ref.test and ref.cast the one that is asked for) */
    wasm_valtype type2;         /* br_on_cast*: the type that is asked for */
    const wasm_functype *block; /* block, loop, if, try_table: its type; calls: the callee's;
                                   throw: the tag's */
    uint32_t index;  /* label depth, func, type, local, global, table, memory, data, elem, tag */
    uint32_t index2; /* the second index of two-index immediates */
    uint64_t value;  /* i32 (zero-extended), i64, f32 bits, f64 bits; the lane */
    uint64_t mem_offset;    /* memarg; the memory is `index` */
    uint32_t align;         /* memarg, log2 */
    const uint8_t *bytes;   /* v128.const: its sixteen bytes; i8x16.shuffle: its lanes */
    const uint32_t *labels; /* br_table: label_count depths, the default last */
    uint32_t label_count;
    uint32_t clause_count;
    const validate_clause *clauses; /* try_table */
} validate_op;

typedef struct validate_locals { /* given to the sink before the first instruction */
    uint32_t func;
    const wasm_functype *type;
    const wasm_valtype *locals; /* parameters first */
    uint32_t local_count;
} validate_locals;

typedef struct validate_sink {
    wasm_status (*begin)(void *baton, const validate_locals *locals, wasm_report *report);
    wasm_status (*op)(void *baton, const validate_op *op, wasm_report *report);
    void *baton;
    /* It looks at a body whose own turn is another time: no line of a trace is written, nobody is
     * asked whether to go on, and module->used stays as it is. */
    bool beside;
} validate_sink;

/* Checks everything outside bodies: types, imports, limits, constant expressions, segments,
 * exports, start. Call once before bodies. Marks funcs[].declared, adds to module->used. */
wasm_status validate_module(wasm_module *module, wasm_report *report);

/* Scratch memory of body validation, reused from body to body. */
typedef struct validate_scratch validate_scratch;
wasm_status validate_scratch_new(wasm_module *module, validate_scratch **out);
void validate_scratch_free(validate_scratch *scratch); /* NULL is allowed */

/* Validates the body of a function that is not imported; sink may be NULL. With a sink it may be
 * called again later for a body that was already found valid. Adds to module->used. */
wasm_status validate_body(wasm_module *module, uint32_t func, validate_scratch *scratch,
                          const validate_sink *sink, wasm_report *report);

/* Walks a constant expression that was found valid: sink->op gets each instruction but the end.
 * Used by the runtime at instantiation. */
wasm_status validate_constant_walk(const wasm_module *module, module_span expression,
                                   const validate_sink *sink);

#endif
