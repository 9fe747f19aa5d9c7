/* SPDX-License-Identifier: Apache-2.0
 * build_impl.h — the builder's state, shared by its files.
 *
 * SSA is made in one pass after Braun et al., "Simple and Efficient Construction of Static Single
 * Assignment Form" (2013): who reads a variable looks for its definition in the block, then in the
 * blocks before; where several meet, or where not all are known yet (a loop's header), a phi is
 * made and its operands are found later. Nothing recurses: phis that want operands wait in a list.
 * What was found is remembered for as long as code goes one way (known_local).
 *
 * Variables are the locals, and behind them the places of the operand stack: a branch writes the
 * values that it takes along to the places that the label prescribes, and who arrives reads them.
 * A body that is built in place of its call has its locals where the stack ends at the call, and
 * its places behind them: what is there of the caller's has been read.
 */
#ifndef WASMSERVE_BUILD_IMPL_H
#define WASMSERVE_BUILD_IMPL_H

#include "build.h"
#include "runtime.h"

/* INLINE: a body that is built in place of its call. */
typedef enum frame_kind {
    FRAME_FUNC,
    FRAME_INLINE,
    FRAME_BLOCK,
    FRAME_LOOP,
    FRAME_IF,
    FRAME_ELSE
} frame_kind;

/* Bodies in bodies. */
enum { INLINE_DEPTH = 2 };

typedef struct frame {
    uint8_t kind;
    uint32_t height;    /* of the stack, below the block's parameters */
    uint32_t label;     /* the block that branches lead to */
    uint32_t otherwise; /* IF */
    uint32_t phis;      /* LOOP: phis that wait for the end, a list through waiting[] */
    ir_ref poll;        /* LOOP */
    uint32_t outer_cost;
    uint32_t way, way_from; /* the block between a br_table and the label; in which block that is */
    const wasm_functype *type;
} frame;

typedef struct definition { /* of a variable at the end of a block, so far */
    uint32_t stamp;         /* of the function; else the place is free */
    uint32_t block, variable;
    ir_ref value;
} definition;

/* What a local is where code goes now, if `way` is the builder's: known since it was read or written,
 * as long as code goes on in the same block or in one that only it leads to. Most reads end here
 * and do not look for definitions. */
typedef struct known_local {
    uint32_t way;
    ir_ref value;
} known_local;

typedef struct waiting_phi {
    ir_ref phi;
    uint32_t variable;
    uint32_t next;
} waiting_phi;

/* An instruction that computes, or accesses memory, and is nothing else. */
typedef struct build_row {
    bool is_there; /* else it is another kind, or the target has it not */
    bool has_lane; /* as an immediate */
    uint8_t operands;
    uint8_t type; /* ir_type of the result */
} build_row;

struct builder {
    wasm_module *module;
    build_options options;
    validate_scratch *scratch;
    ir_func *f;
    validate_locals locals; /* a copy: it is lent to sink_begin() alone */
    wasm_status status;
    bool declined;
    isa_op op;                 /* the instruction that is being built; OP_COUNT: none yet */
    uint32_t tail_room;        /* that this function wants */
    isa_op tail_op;            /* if that is more than there is: its first instruction that does */
    uint32_t tail_room_wanted; /* by any function that would not be declined otherwise */

    uint32_t block;     /* where code goes: build_go() */
    uint32_t way;       /* another one where others join, or begin anew; never 0 */
    known_local *known; /* by local */
    uint32_t known_capacity;
    uint32_t at;   /* offset of the instruction */
    uint32_t cost; /* fuel of the innermost loop, or of the function outside of loops */
    ir_ref instance, store, entry_poll;
    ir_ref zero[IR_TYPES];

    ir_ref *stack;
    uint32_t height, stack_capacity;
    frame *frames;
    uint32_t depth, frame_capacity;
    bool *sealed; /* by block: all that lead to it are known */
    uint32_t sealed_capacity;
    uint64_t *defined; /* by block: a bit for each variable, modulo 64, that may be defined there */
    uint32_t defined_capacity;
    uint32_t *loop_frame; /* by block: the frame of an unsealed header */
    uint32_t loop_frame_capacity;
    definition *definitions;
    uint32_t definition_count, definition_capacity;
    uint32_t definition_places; /* of them that this function uses; powers of two */
    uint32_t stamp;
    waiting_phi *waiting;
    uint32_t waiting_count, waiting_capacity;
    build_row rows[OP_COUNT];

    /* The body at hand: the function's, or one in place of a call. */
    uint32_t body;        /* its frame */
    uint32_t first_local; /* variables: its locals, */
    uint32_t first_place; /* and what is to be added to a height for a place of the stack */

    uint8_t *verdicts; /* build_inline.c, by function; NULL: none yet */
    validate_scratch *inner[INLINE_DEPTH];
    uint32_t chain[INLINE_DEPTH]; /* functions whose bodies are being built in place */
    uint32_t chain_length;
    uint32_t inline_left; /* bytes of bodies that this function may take in */
};

/* ---- build.c */
bool build_reserve(builder *b, void **array, uint32_t *capacity, uint64_t need, size_t size);
void build_push(builder *b, ir_ref value);
ir_ref build_pop(builder *b);
uint32_t build_block(builder *b, bool is_sealed);
/* Code goes to `block`. follows: from where it went until now, and whoever else comes there knows
 * of the same locals. */
void build_go(builder *b, uint32_t block, bool follows);
void build_write(builder *b, uint32_t variable, ir_ref value);
ir_ref build_read(builder *b, uint32_t variable, ir_type type);
void build_seal_loop(builder *b, frame *loop);
/* Instructions at the end of the current block. */
ir_ref build_op(builder *b, unsigned op, ir_type type, ir_ref x, ir_ref y, ir_ref z, uint64_t imm);
ir_ref build_i32(builder *b, uint32_t value);
ir_ref build_i64(builder *b, uint64_t value);
ir_ref build_peek(builder *b, ir_type type, ir_ref from, uint64_t offset, unsigned width,
                  ir_alias alias, bool constant);
void build_poke(builder *b, ir_ref at, uint64_t offset, ir_ref value, unsigned width,
                ir_alias alias);
/* A look at the interrupt word, and how much fuel it takes, when that is known. */
ir_ref build_poll(builder *b);
void build_set_cost(builder *b, ir_ref poll);
void build_trap_if(builder *b, ir_ref condition, wasm_status status);
/* What is to be done for one event of the validator; b->at is the caller's. */
void build_one(builder *b, const validate_op *op);
/* Objects of the collector's: no code of ours holds them. */
bool build_is_object(const validate_op *op);
bool build_any_objects(const wasm_valtype *types, uint32_t count);
/* Fuel for the locals behind the parameters. */
uint32_t build_locals_cost(const validate_locals *locals);
/* ---- build_control.c */
void build_control(builder *b, const validate_op *op);
/* The body's frame, FRAME_FUNC or FRAME_INLINE. */
void build_begin(builder *b, frame_kind kind, const wasm_functype *type);
void build_return(builder *b); /* from the body, with the topmost values */
/* ---- build_memory.c */
void build_access(builder *b, const validate_op *op);
void build_bulk(builder *b, const validate_op *op);
void build_table(builder *b, const validate_op *op);
void build_global(builder *b, const validate_op *op);
/* ---- build_calls.c */
void build_call(builder *b, const validate_op *op);
ir_ref build_helper(builder *b, native_helper helper, ir_type type, const ir_ref *args,
                    uint32_t count);
ir_ref build_slots_out(builder *b, const wasm_functype *type, const ir_ref *values, bool results);
ir_ref build_func_ref(builder *b, uint32_t index);
/* An index of a table or memory as 64 bits. */
ir_ref build_wide(builder *b, ir_ref index, bool is_64);
ir_ref build_table_of(builder *b, uint32_t table);
/* ---- build_inline.c */
/* The body of the function that is called, in place of the call: its arguments are popped, its
 * results pushed. False: it is not one for that, and nothing has happened. */
bool build_inline(builder *b, const validate_op *op);
void build_inline_free(builder *b);

#endif
