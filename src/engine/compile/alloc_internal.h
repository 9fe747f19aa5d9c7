/* SPDX-License-Identifier: Apache-2.0
 * alloc_internal.h — what the parts of the register allocator share: alloc.c (the order, who uses
 * what, how far away the next use is), alloc_assign.c (registers), alloc_moves.c (moves).
 *
 * Memory:  the function's arena.
 * Threads: those of the function.
 */
#ifndef WASMSERVE_ALLOC_INTERNAL_H
#define WASMSERVE_ALLOC_INTERNAL_H

#include "alloc.h"

enum {
    ALLOC_NOWHERE = 255, /* in no register */
    /* What makes a next use count as further away than it is in instructions: */
    ALLOC_FAR_EXIT = 1 << 16, /* the loop has to be left first */
    ALLOC_FAR_COLD = 1 << 18, /* it is in a block that hardly ever runs */
    ALLOC_FAR_CALL = 1 << 20, /* a call, which takes all registers, comes first */
    ALLOC_FAREST = 1 << 28
};
#define ALLOC_NEVER UINT32_MAX
enum { ALLOC_UNCOUNTED = 2 }; /* alloc_value.counts, which else is a class: 0 or 1 */

typedef struct alloc_live {
    ir_ref value;
    uint32_t distance; /* from the block's beginning to the next use */
} alloc_live;

typedef struct alloc_held {
    ir_ref value;
    uint8_t reg;
} alloc_held;

typedef struct alloc_block {
    alloc_live *live; /* values that live at its beginning, without its phis */
    uint32_t live_count;
    uint32_t first_position, last_position; /* each instruction of the block has one */
    uint32_t first_request, request_count;  /* of those that ask for something */
    uint32_t pressure[2];    /* most values that live at once: integers, vectors. Of a loop's
                                header: in the whole loop */
    alloc_held *begin, *end; /* registers at its borders, by number of the register */
    alloc_set begin_phis;    /* those of `begin` that hold a phi of the block */
    uint8_t begin_count, end_count;
    bool has_phis;
    bool due;            /* has to be measured anew */
    bool changed, grown; /* by the last measuring: what lives at its beginning, or a distance;
                            more lives there */
    bool assigned;       /* `begin` and `end` are known; during the assignment */
    bool begun;
} alloc_block;

/* What is known of one value. What is asked at the same time is in the same half of a cache line. */
typedef struct alloc_value {
    uint32_t next;        /* position of its next use, or ALLOC_NEVER */
    uint32_t first_use;   /* the same, seen from where it is made */
    uint8_t type : 3;     /* ir_type */
    uint8_t counts : 2;   /* to the pressure of its class, or ALLOC_UNCOUNTED: it is remade */
    uint8_t remade : 1;   /* wherever it is wanted: it has no home */
    uint8_t asks : 1;     /* it is an instruction with a request */
    uint8_t calls : 1;    /* it is one that takes all registers */
    uint8_t hint;         /* register that its user would like, or ALLOC_NOWHERE */
    uint8_t where;        /* register that holds it, or ALLOC_NOWHERE */
    uint8_t where_from;   /* the same before the present instruction's moves, if … */
    uint32_t moved_at;    /* … this is the present instruction's position */
    uint32_t alive_in;    /* 1 + the block for whose beginning `next` was set last */
    uint32_t home;        /* 1 + the index of its slot; 0: has none yet */
    uint32_t home_writer; /* while moves are put in order: see alloc_flush() */
    uint32_t home_readers;
} alloc_value;
_Static_assert(sizeof(alloc_value) == 32, "two in a cache line");

/* A move that is one of several at the same time. Locations: registers by number, then the homes
 * of values: ALLOC_REGS + value. */
typedef struct alloc_pending {
    uint32_t to;
    ir_ref value; /* what is moved … */
    uint8_t from; /* … from this register, or ALLOC_NOWHERE: from its home */
    uint8_t type;
} alloc_pending;

typedef struct alloc_move_list {
    alloc_move *items;
    uint32_t count, capacity;
} alloc_move_list;

/* Moves in front of one instruction are done in this order. */
enum { ALLOC_SAVES, ALLOC_FETCHES, ALLOC_EDGES, ALLOC_PHASES };

typedef struct alloc_state {
    ir_func *f;
    const alloc_target *target;
    alloc_outcome *out;
    alloc_block *blocks;
    uint32_t *sequence; /* blocks in the order of assignment: f->order, but a block comes after one
                           of its predecessors */
    uint32_t sequence_count;
    alloc_value *values; /* by ir_ref */

    ir_ref *at_position; /* the instructions in that order, from 1 on … */
    uint32_t last_position;

    /* What the instructions asked for, in that order (`in` is not kept: it is where the operands
     * are), and by operand, like out->places: */
    alloc_request *requests;
    uint32_t request_count;
    alloc_operand *operands;
    uint32_t *next_use; /* position of the next after this instruction, or ALLOC_NEVER */
    uint32_t operand_count, operand_capacity;

    ir_ref
        *living; /* room for those of one block: see measuring in alloc.c; a word for each ir_ref */
    alloc_live *live_room; /* for alloc_block.live */
    uint32_t live_left;

    /* Registers: */
    ir_ref held[ALLOC_REGS];
    alloc_set full; /* those that hold something */
    alloc_set allowed[2];
    uint8_t ranked[2][ALLOC_REGS], ranked_count[2]; /* by class, in order of preference */
    alloc_held *held_room;                          /* for what is held at borders of blocks */
    uint32_t held_left;

    alloc_pending *pending;
    uint32_t pending_count, pending_capacity;
    uint32_t readers[ALLOC_REGS], writer[ALLOC_REGS]; /* as home_readers and home_writer */
    alloc_move_list moves[ALLOC_PHASES];
    uint32_t cycle_slot; /* 1 + offset of 16 bytes for cycles of slots */
} alloc_state;

static inline bool alloc_is_vector(ir_type type)
{
    return type >= IR_F32;
}
/* Of a register; ALLOC_NOWHERE is none. */
static inline alloc_set alloc_bit(unsigned reg)
{
    return (alloc_set)1 << reg; /* NOLINT(clang-analyzer-core.*) */
}
static inline ir_type alloc_type(const alloc_state *s, ir_ref value)
{
    return (ir_type)s->values[value].type;
}
static inline bool alloc_is_call(unsigned op)
{
    return op == IR_CALL || op == IR_CALL_CODE || op == IR_CALL_HELPER;
}
/* This instruction, or the next that has code in front of which a move may stand. */
static inline ir_ref alloc_real(const ir_func *f, ir_ref ref)
{
    while (f->instrs[ref].op == IR_RESULT || f->instrs[ref].op == IR_PHI ||
           f->instrs[ref].op == IR_PARAM || f->instrs[ref].op == IR_CALLEE ||
           (f->instrs[ref].flags & IR_FOLDED))
        ref = f->instrs[ref].next;
    return ref;
}
/* A register's value, and which are full, are one matter. */
static inline void alloc_hold(alloc_state *s, uint8_t reg, ir_ref value)
{
    s->held[reg] = value;
    s->full |= alloc_bit(reg);
}
static inline void alloc_drop(alloc_state *s, uint8_t reg)
{
    s->held[reg] = 0;
    s->full &= ~alloc_bit(reg);
}
/* Makes room in an array of the arena; false: f->status is set. */
bool alloc_room(ir_func *f, void *array, uint32_t *capacity, uint32_t wanted, size_t size);

/* alloc_assign.c: registers for all blocks in s->sequence. */
void alloc_assign(alloc_state *s);

/* alloc_moves.c */
/* Its slot, which it gets now if it has none; or REMAKE. */
alloc_place alloc_home(alloc_state *s, ir_ref value);
void alloc_pend(alloc_state *s, uint32_t to, ir_ref value, uint8_t from);
/* Writes the pending moves, which happen at once, in an order that comes to the same. */
void alloc_flush(alloc_state *s, ir_ref before, unsigned phase);
/* Moves on the edge from `block`, whose only successor has several predecessors. */
void alloc_edge(alloc_state *s, uint32_t block, uint32_t successor);
/* Stores into slots where values are defined; all moves in the order of the code. */
void alloc_finish(alloc_state *s);

#endif
