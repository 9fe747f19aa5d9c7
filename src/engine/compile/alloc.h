/* SPDX-License-Identifier: Apache-2.0
 * alloc.h — register allocation: every value of a function gets its places. Portable.
 *
 * How:     One scan over the blocks, which knows of every value how far away its next use is, where
 *          calls, exits of loops and cold blocks count as far: where a register is wanted and none
 *          is free, the value that is needed last gives up its own (a call takes all). SSA is kept
 *          to the end, so phis become moves on edges. What one instruction needs it asks of the
 *          architecture (alloc_target.request), after that has marked what it folds into others. A
 *          value that is spilled is written to its slot once, where it is defined. What can be made
 *          anew for less than a load (constants, INSTANCE) is never spilled but remade.
 *
 *          The outcome: places of each instruction's operands and result, and moves between places
 *          in front of instructions, in the order in which they are to be done. One side of a move
 * is a register. What target.remakes() says yes to has no place where it stands (result NONE). A
 * BR_TABLE of one target becomes a BR.
 *
 * Memory:  the function's arena.
 * Threads: those of the function.
 */
#ifndef WASMSERVE_ALLOC_H
#define WASMSERVE_ALLOC_H

#include "ir.h"

/* Registers by the numbers of the architecture: integers 0 to 15 (31), vectors from ALLOC_VECTOR.
 */
enum { ALLOC_VECTOR = 32, ALLOC_REGS = 64 };
typedef uint64_t alloc_set; /* of registers, a bit each */

typedef enum alloc_kind {
    ALLOC_NONE,
    ALLOC_REG,   /* index: the register */
    ALLOC_SLOT,  /* index: byte offset in the spill area, aligned to the value's size */
    ALLOC_REMAKE /* index: the ir_ref, to be made anew */
} alloc_kind;

typedef struct alloc_place {
    uint8_t kind;
    uint32_t index;
} alloc_place;

typedef enum alloc_use {
    ALLOC_USE_REG,   /* some register of the class of its type */
    ALLOC_USE_FIXED, /* that register */
    ALLOC_USE_NEAR,  /* a register, or its slot where a load would not pay; never remade */
    ALLOC_USE_ANY    /* a register, a slot, or remade by the emitter (a constant into a stack
                        argument, a slot as a memory operand) */
} alloc_use;

typedef struct alloc_operand {
    ir_ref value; /* not one that is folded */
    uint8_t use;
    uint8_t reg; /* FIXED */
    bool late;   /* read when the result (and temporaries) may have been written already: gets
                    another register than they */
} alloc_operand;

/* What one instruction wants. Operands of what is folded into it are its own. */
typedef struct alloc_request {
    alloc_operand *in; /* room for in_capacity; the target may ask for more with alloc_more() */
    uint32_t in_count, in_capacity;
    alloc_set clobbers;   /* lost by it; operands may be in them unless late, the result may */
    alloc_set temp_fixed; /* temporaries that have to be these */
    int32_t same;         /* index of the operand whose register the result takes (two-address
                             forms); -1: none. That operand is not late */
    uint8_t temps;        /* integer registers wanted besides */
    uint8_t vector_temps; /* and vector registers */
    uint8_t out;          /* an alloc_use, without ANY, if it has a value that needs a place */
    uint8_t out_reg;      /* FIXED */
} alloc_request;

typedef struct alloc_target {
    alloc_set integers, vectors; /* that may be handed out, in order of preference by number … */
    const uint8_t *order;        /* … or in this order, ended by 255; may be NULL */
    uint8_t scratch,
        vector_scratch; /* never handed out: for moves between slots, and the emitter */
    /* Called for each instruction that is not folded, phi or param; *r is cleared before. */
    void (*request)(void *baton, const ir_func *f, ir_ref ref, alloc_request *r);
    /* Where a PARAM, CALLEE or RESULT arrives: REG, or SLOT with ALLOC_ARRIVING. */
    alloc_place (*arrives)(void *baton, const ir_func *f, ir_ref ref);
    bool (*remakes)(void *baton, const ir_func *f, ir_ref ref);
    void *baton;
} alloc_target;

bool alloc_more(const ir_func *f, alloc_request *r, uint32_t count);

typedef struct alloc_move {
    ir_ref before; /* in front of this instruction; on an edge: in front of the terminator */
    uint8_t type;  /* ir_type */
    alloc_place from, to;
} alloc_move;

typedef struct alloc_outcome {
    alloc_place *result; /* by ir_ref: where its value is right after it; NONE without one */
    uint32_t *operands;  /* by ir_ref: index into places of its first operand, in the order of
                            the request; then temporaries, integers first, those of temp_fixed
                            last, by number */
    alloc_place *places;
    alloc_move *moves; /* by the position of `before` in the code */
    uint32_t move_count;
    uint32_t spill_bytes; /* of the spill area */
    alloc_set used;
} alloc_outcome;

/* Stack parameters (PARAM) and results (RESULT) arrive in memory of the caller or callee: a place
 * of kind ALLOC_SLOT with this bit, the offset below it. The allocator treats PARAM's as the
 * value's own spill slot, which need not be written; RESULT's are copied to theirs at once, by
 * moves behind the last RESULT of the call. */
#define ALLOC_ARRIVING 0x80000000u
/* Beside it in the place of a RESULT, which tells the two areas apart: arrives() sets both. */
#define ALLOC_RETURNED 0x40000000u

/* f is analysed, split, counted, and the target has marked what it folds. Errors: f->status. */
wasm_status allocate(ir_func *f, const alloc_target *target, alloc_outcome *out);

/* Whether every operand finds its value where the outcome says, on all paths; the first place that
 * does not, in words. For tests, and builds with assertions. */
bool alloc_check(ir_func *f, const alloc_target *target, const alloc_outcome *out, char *why,
                 size_t size);

#endif
