/* SPDX-License-Identifier: Apache-2.0
 * ir.h — the compiler's intermediate representation: a function in SSA form, portable.
 *
 * Why:     Between WebAssembly's stack and a machine's registers everything is said in one
 * language: build_*.c writes it from the validated stream, pass_*.c improve it, alloc.c gives its
 *          values places, and one emitter for each architecture (x64_*.c) writes machine code.
 *
 * How:     A function is blocks of instructions. An instruction is a record in one array, named by
 *          its index, an `ir_ref`; if it has a value, that is the value's name too. Record 0 is
 *          nobody's: 0 says "none". Blocks are named by index as well; block 0 is the entry, has no
 *          predecessor and begins with the parameters.
 *
 *          What computes without looking at anything but its operands (arithmetic, comparisons,
 *          conversions, vectors) and what accesses memory bears the name that WebAssembly gives it:
 *          an `isa_op`, with the operands in the order of its signature. All else is a row of
 *          ir_ops.def. Instructions that a row of opcodes.def marks ISA_TRAPS trap by themselves
 *          (a division by zero, a truncation that does not fit), with the Wasm offset `at`.
 *
 * Rules:   1. Operands dominate their users; a phi has one operand for each predecessor of its
 *             block, in the order of ir_block.preds. Phis stand first in their block.
 *          2. A block ends with exactly one terminator (BR, BR_IF, BR_TABLE, RETURN, TAIL_CALL,
 *             TAIL_CALL_CODE, TRAP), and has none before its end. No edge goes from a block with several successors to one
 *             with several predecessors (ir_split_edges() sees to it), so that moves for phis have
 *             a place: the end of the predecessor.
 *          3. The upper half of the register with an I32 is zero, always: machine code that makes
 *             an I32 clears it, and may rely on it when an I32 becomes an address or an I64.
 *             References are I64: the address of a wasm_func, 0 for null.
 *          4. Effects happen in the order of the instructions in a block. Without effects: see
 *             ir_effects().
 *
 * Memory:  Everything is in the function's arena; ir_reset() empties it for the next one.
 * Threads: one function belongs to one thread.
 */
#ifndef WASMSERVE_IR_H
#define WASMSERVE_IR_H

#include "arena.h"
#include "isa.h"

typedef uint32_t ir_ref;

typedef enum ir_type { IR_VOID, IR_I32, IR_I64, IR_F32, IR_F64, IR_V128, IR_TYPES } ir_type;

/* isa_op first; both in one 16-bit space. */
typedef enum ir_op {
    IR_FIRST = OP_COUNT,
#define IR(id, text, arguments, effects) IR_##id,
#include "ir_ops.def"
#undef IR
    IR_COUNT
} ir_op;

typedef struct ir_instr {
    uint16_t op;    /* isa_op or ir_op */
    uint8_t type;   /* ir_type of its value */
    uint8_t flags;  /* ir_flags */
    uint32_t at;    /* the Wasm instruction, for traps and frames: its offset in the module's file,
                       or IR_INLINED and a list (see there) */
    ir_ref arg[3];  /* operands; 0 where it has fewer */
    uint32_t extra; /* index into ir_func.extra: what a row of ir_ops.def says */
    union {
        uint64_t imm; /* constant bits; memarg offset; lane; what a row of ir_ops.def says */
        double f64;
    };
    ir_ref previous, next; /* in its block; 0 at the ends */
    uint32_t block;
    uint32_t uses; /* of its value by what lives; filled by pass_dead() */
} ir_instr;

typedef enum ir_flags {
    /* Loads and stores: */
    IR_GUARDED = 1,  /* out of bounds is the guard pages' business: the access itself is a site */
    IR_CONSTANT = 2, /* PEEK: what is there does not change while the function runs */
    /* Terminators and TRAP_IF: */
    IR_UNLIKELY = 4, /* BR_IF: the first target; its block goes out of the way */
    /* Free for the emitter's selection: */
    IR_FOLDED = 16, /* done by its only user: no code, no place */
    IR_SCRATCH_1 = 32,
    IR_SCRATCH_2 = 64
} ir_flags;

/* In ir_instr.at: the instruction came out of a body that was built in place of a call. The rest of
 * the number is a list: its offset in the file, and the `at` of the call. A module's file is too
 * small for offsets with this bit. */
#define IR_INLINED ((uint32_t)1 << 31)

/* What a PEEK or POKE touches, in extra above the width: classes do not overlap. Linear memory is
 * none of them. ANY may be each. */
typedef enum ir_alias {
    IR_ALIAS_ANY,
    IR_ALIAS_INSTANCE, /* the instance, its index spaces; functions */
    IR_ALIAS_MEMORY,   /* base and length of a wasm_memory */
    IR_ALIAS_TABLE,    /* elems and length of a wasm_table */
    IR_ALIAS_ELEMENT,  /* what is in tables */
    IR_ALIAS_GLOBAL,
    IR_ALIAS_SLOT /* the guest stack's slots */
} ir_alias;
#define IR_ACCESS(width, alias) ((uint32_t)(width) | (uint32_t)(alias) << 8)

typedef struct ir_block {
    ir_ref first, last;
    uint32_t *preds; /* blocks; as often as there are edges */
    uint32_t pred_count, pred_capacity;
    uint32_t succ[2];    /* BR: one, BR_IF: taken if not zero, else; BR_TABLE: see its row */
    uint8_t succ_count;  /* of succ[] */
    bool is_loop_header; /* its back edges come from blocks that it dominates */
    bool is_cold;
    uint32_t loop_depth; /* filled by ir_analyse(), as all below */
    uint32_t loop;       /* header of the innermost loop around it; 0: none */
    uint32_t dominator;  /* immediate; of the entry: itself */
    uint32_t order;      /* its place in ir_func.order; UINT32_MAX: cannot be reached */
} ir_block;

typedef struct ir_func {
    arena *arena;
    ir_instr *instrs;
    uint32_t instr_count, instr_capacity;
    ir_block *blocks;
    uint32_t block_count, block_capacity;
    uint32_t *extra; /* lists; a list begins with its length. [0] is nobody's */
    uint32_t extra_count, extra_capacity;
    uint32_t *order; /* blocks in reverse postorder, loops contiguous, cold ones last: the order of
                        the code. Filled by ir_analyse() */
    uint32_t order_count;
    uint32_t index; /* of the function in the module; for thunks, whose they are */
    const wasm_functype *type;
    bool has_calls;     /* to anything */
    bool is_analysed;   /* edges are those that ir_analyse() has seen */
    bool has_inlined;   /* some `at` is IR_INLINED */
    uint32_t tail_room; /* bytes that its calls leave on the stack at least (target.tail_room) */
    wasm_status status; /* QUOTA once an allocation failed: appending then does nothing */
} ir_func;

/* Empties it. `arena` gives it memory and is the caller's, who empties it as well. */
void ir_reset(ir_func *f, arena *arena);
/* Room for what a body of so many bytes usually becomes. */
void ir_expect(ir_func *f, uint64_t bytes);

/* ---- writing. Out of memory: f->status, and 0 is returned, which all take ---------------------
 */

uint32_t ir_block_new(ir_func *f);
/* At the end of the block. */
ir_ref ir_append(ir_func *f, uint32_t block, unsigned op, ir_type type, ir_ref a, ir_ref b,
                 ir_ref c, uint64_t imm, uint32_t at);
/* Before the instruction `where`. */
ir_ref ir_insert(ir_func *f, ir_ref where, unsigned op, ir_type type, ir_ref a, ir_ref b, ir_ref c,
                 uint64_t imm, uint32_t at);
void ir_remove(ir_func *f, ir_ref ref); /* out of its block; nobody may use it any more */
/* Moves it before `where`, of whatever block. */
void ir_move(ir_func *f, ir_ref ref, ir_ref where);
/* `ref` becomes another way to say `value`: users find it through ir_resolve(). It is taken out of
 * its block. */
void ir_replace(ir_func *f, ir_ref ref, ir_ref value);
ir_ref ir_resolve(const ir_func *f, ir_ref ref);
/* A list of `count` words, all 0; its index for ir_instr.extra. */
uint32_t ir_list(ir_func *f, uint32_t count);
static inline uint32_t ir_list_count(const ir_func *f, uint32_t list)
{
    return f->extra[list];
}
static inline uint32_t *ir_list_items(const ir_func *f, uint32_t list)
{
    return &f->extra[list + 1];
}
/* From an ir_instr.at: the offset in the file; and the `at` of the call that the instruction is
 * built in place of, 0 if there is none. */
static inline uint32_t ir_offset(const ir_func *f, uint32_t at)
{
    return at & IR_INLINED ? ir_list_items(f, at & ~IR_INLINED)[0] : at;
}
static inline uint32_t ir_caller(const ir_func *f, uint32_t at)
{
    return at & IR_INLINED ? ir_list_items(f, at & ~IR_INLINED)[1] : 0;
}
/* An edge; the caller has given `from` its terminator. */
void ir_edge(ir_func *f, uint32_t from, uint32_t to);
/* Takes one edge away, and the operands of phis for it; the terminator is the caller's. */
void ir_drop_edge(ir_func *f, uint32_t from, uint32_t to);
/* The blocks that a terminator names. */
static inline const uint32_t *ir_successors(const ir_func *f, uint32_t block, uint32_t *count)
{
    const ir_block *b = &f->blocks[block];
    const ir_instr *last = &f->instrs[b->last];

    *count = b->succ_count;
    if (*count || !b->last || last->op != IR_BR_TABLE)
        return b->succ;
    *count = ir_list_count(f, last->extra);
    return ir_list_items(f, last->extra);
}

/* ---- reading --------------------------------------------------------------------------------- */

enum ir_effect {
    IR_READS = 1,  /* memory, globals, tables: may not move across what writes */
    IR_WRITES = 2, /* them, or anything that somebody else sees */
    IR_TRAPS = 4,  /* may end the call */
    IR_ENDS = 8,   /* a terminator */
    IR_CALLS = 16, /* leaves no register as it was, but the pinned ones */
    IR_PINNED = 32 /* stays where it is for another reason: phis, parameters, polls */
};
extern const uint8_t ir_effect_bits[];
/* Of an op, of either kind. */
static inline unsigned ir_effects(unsigned op)
{
    return ir_effect_bits[op];
}
/* "i32.add", "br_if": static storage. */
const char *ir_text(unsigned op);
/* Operands in arg[] that it has. */
unsigned ir_arguments(unsigned op);
ir_type ir_type_of(wasm_valtype type);

/* Calls visit for each operand: arg[] and those in lists. It may change them. */
#define IR_EACH_OPERAND(f, instr, operand)                                                         \
    for (ir_operands it_ = ir_operands_of((f), (instr)); (operand = ir_operand_next(&it_)) != NULL;)
typedef struct ir_operands {
    ir_ref *fixed, *fixed_end, *list, *list_end;
} ir_operands;
static inline ir_operands ir_operands_of(const ir_func *f, ir_instr *instr)
{
    const unsigned op = instr->op;
    ir_operands it = {instr->arg, instr->arg + 3, NULL, NULL};

    if ((op == IR_PHI || op == IR_CALL || op == IR_CALL_CODE || op == IR_CALL_HELPER ||
         op == IR_RETURN || op == IR_TAIL_CALL || op == IR_TAIL_CALL_CODE) &&
        instr->extra) {
        it.list = ir_list_items(f, instr->extra);
        it.list_end = it.list + ir_list_count(f, instr->extra);
    }
    return it;
}
static inline ir_ref *ir_operand_next(ir_operands *it)
{
    while (it->fixed < it->fixed_end) {
        ir_ref *one = it->fixed++;
        if (*one)
            return one;
    }
    return it->list < it->list_end ? it->list++ : NULL;
}

/* The operands of the instruction `ref`, by the names that they have now. */
static inline void ir_resolve_operands(ir_func *f, ir_ref ref)
{
    ir_ref *operand;

    IR_EACH_OPERAND (f, &f->instrs[ref], operand) {
        if (f->instrs[*operand].op == OP_NOP) /* few are */
            *operand = ir_resolve(f, *operand);
    }
}

/* Drops blocks that cannot be reached and their edges (and the operands of phis for them). */
void ir_drop_unreachable(ir_func *f);
/* The same, and order, dominators, loops. */
void ir_analyse(ir_func *f);
/* Rule 2. Call before ir_analyse(), and after ir_drop_unreachable(): an edge that goes anyway need
 * not be split. */
void ir_split_edges(ir_func *f);
/* Of all that is in blocks: for a function that pass_dead() does not see. */
/* Whether the rules above hold; the first that does not, in words, into `why`. For tests and for
 * builds with assertions. */
bool ir_verify(const ir_func *f, char *why, size_t size);
/* The function as text, a line an instruction; a test's and a person's view. */
void ir_print(const ir_func *f, void (*line)(void *baton, const char *text), void *baton);

#endif
