/* SPDX-License-Identifier: Apache-2.0
 * lower_impl.h — the translator's state, shared by its files.
 *
 * The translator keeps the operand stack of the specification as a stack of entries that say where
 * each value is. local.get and constants only push an entry; nothing is emitted until an
 * instruction needs the value, and then often as part of that instruction:
 *
 *   HOME     in the entry's own slot
 *   LOCAL    still in the local it was read from; copied home before that local is written
 *   CONST    known
 *   PENDING  the result of the one instruction that has been decided but not emitted yet. Its
 *            consumer decides where the result goes: into the accumulator, if it takes it from
 *            there, into a local (local.set), or home. Or it swallows the instruction (compare and
 *            branch, add and load).
 *
 * Rules that keep this right:
 *   1. Nothing is emitted while an instruction is pending, but copies and constants into homes of
 *      entries below it, which neither the pending instruction's operands nor the accumulators
 *      can notice.
 *   2. At block, loop and if every LOCAL entry is copied home: what lies below a block must be in
 *      the same place on all ways out of it.
 *   3. Where control meets, values are in the homes that the label prescribes, and no accumulator
 *      is known.
 *   4. Wherever the collector may run, in calls and allocations, it is told which entries at home
 *      are references to objects (record_roots). An entry that is still in its local is found
 * there.
 *   5. A vector takes two slots, is never an immediate, and always goes to its slot as well when it
 *      goes to its accumulator.
 *   6. i32.wrap_i64 emits nothing: its entry is marked as wide, and instructions that take an i32
 *      do not look at the upper half anyway. Whoever moves the whole slot, or makes an i64 of it,
 *      clears that half (emit_move, flush_value, take_whole).
 *
 * Memory: everything here is scratch of the quota, reused from function to function.
 */
#ifndef WASMSERVE_LOWER_IMPL_H
#define WASMSERVE_LOWER_IMPL_H

#include "interp_impl.h"
#include "report.h"
#include "validate.h"

#define NO_SLOT UINT32_MAX
#define NO_LINK UINT32_MAX
#define NO_CODE UINT32_MAX

#define CODE_WORDS_MAX    ((uint32_t)1 << 28) /* 2 GiB; distances fit in 32 bits */
#define LOWER_FUSE_PLACES 512
#define EMIT_WORDS_MAX    4 /* of one instruction, but for the table of br_table */

/* CLASS_REF is a reference to an object, which the collector has to find; one to a function is an
 * i64 for us. */
typedef enum value_class {
    CLASS_I32,
    CLASS_I64,
    CLASS_F32,
    CLASS_F64,
    CLASS_V128,
    CLASS_REF
} value_class;

/* Accumulators. */
enum { ACC_INT, ACC_F32, ACC_F64, ACC_V128, ACC_COUNT };

typedef enum entry_kind { ENTRY_HOME, ENTRY_LOCAL, ENTRY_CONST, ENTRY_PENDING } entry_kind;

typedef struct entry {
    uint8_t kind;
    uint8_t cls;
    bool wide; /* an i32 whose upper half is not zero yet: see rule 6 */
    uint16_t home;
    uint32_t local;      /* LOCAL */
    uint32_t next_alias; /* LOCAL: the next entry below that reads the same local */
    uint32_t root;       /* of this and what is below: the topmost node, if the entry is rooted */
    uint64_t value;      /* CONST; of a v128 the address of its bytes, in the module's file */
} entry;

typedef enum operand_mode { MODE_S, MODE_A, MODE_I } operand_mode;
/* What a consumer takes besides slots. */
enum { ALLOW_A = 1, ALLOW_I = 2 };

typedef struct operand {
    uint8_t mode;
    uint16_t slot;
    uint64_t value;
} operand;

typedef enum rule_kind {
    RULE_OTHER, /* has a case of its own */
    RULE_ALU_C,
    RULE_ALU_N,
    RULE_CMP_I,
    RULE_CMP_F,
    RULE_UNARY,
    RULE_LOAD,
    RULE_STORE,
    RULE_READ,    /* of the family that the pending instruction names */
    RULE_ELEMENT, /* likewise */
    RULE_ACCESS,  /* from here on: lower_vector.c */
    RULE_VECTOR_1,
    RULE_VECTOR_C,
    RULE_VECTOR_N,
    RULE_VECTOR_3,
    RULE_VECTOR_SHIFT,
    RULE_VECTOR_SPLAT,
    RULE_VECTOR_EXTRACT,
    RULE_VECTOR_REPLACE,
    RULE_VECTOR_LOAD_LANE,
    RULE_VECTOR_STORE_LANE
} rule_kind;

/* How an instruction of WebAssembly becomes a family of icode.def. */
typedef struct lower_rule {
    uint8_t kind;
    uint8_t in, out;           /* value_class */
    uint16_t family;           /* icode_op, first form */
    uint16_t swapped, inverse; /* isa_op; CMP_*. VECTOR_N: whether operands change places */
} lower_rule;
extern const lower_rule lower_rules[OP_COUNT];

typedef struct pending {
    bool active;
    uint16_t op;     /* isa_op */
    uint8_t cls;     /* of the result */
    uint16_t family; /* READ, ELEMENT */
    bool sum;        /* LOAD: the address is the sum of a and b */
    bool wide;       /* LOAD: the address has 64 bits, or the memory is not the first */
    operand a, b, c; /* c: select's condition */
    uint32_t
        index; /* global; memory; memory offset of a load that is not wide; what a READ takes */
    uint64_t place;  /* memory offset of a wide load */
    uint64_t offset; /* in the file */
    uint32_t entry;  /* index in the stack */
    uint16_t home;   /* of the result */
    uint16_t lane;
    const uint8_t *lanes; /* of a shuffle */
} pending;

typedef struct patch { /* a distance to be filled in when its label is bound */
    uint32_t word;
    uint32_t base; /* first word of the instruction */
    uint32_t next;
    uint8_t half;
} patch;

typedef enum control_kind {
    CONTROL_FUNC,
    CONTROL_BLOCK,
    CONTROL_TRY,
    CONTROL_LOOP,
    CONTROL_IF,
    CONTROL_ELSE
} control_kind;

typedef struct control {
    uint8_t kind;
    uint32_t height; /* entries below the block's parameters */
    uint16_t base;   /* slot where its results, or a loop's parameters, are expected */
    const wasm_functype *type;
    uint32_t patches;    /* branches to the end */
    uint32_t else_patch; /* IF: the branch around its first arm */
    uint32_t header;     /* LOOP: position behind its POLL */
    uint32_t outer_cost; /* LOOP: of the surrounding code so far */
    uint32_t region;     /* TRY: its own; else the one that is open around the block, or NO_LINK */
    uint32_t stub;       /* br_table: position of its stub … */
    uint32_t stub_table; /* … if this is the table that is being translated */
} control;

typedef struct slot_info {
    uint32_t alias; /* the topmost entry that reads the local, or NO_LINK */
    uint16_t slot;
} slot_info;

struct lower {
    wasm_module *module;
    interp_module *prepared;
    quota *quota;
    validate_scratch *scratch;
    const void *const *handlers;
    wasm_status status; /* the first failure; later work is harmless and thrown away */

    uint32_t func;
    const validate_locals *locals;
    uint32_t param_slots, result_slots;
    uint32_t home_base; /* slot of the first operand home */
    uint32_t max_slots;
    uint32_t cost; /* of the innermost loop, or of the function outside of loops */

    icode *code;
    uint32_t length, capacity;
    icode nowhere[EMIT_WORDS_MAX]; /* what is emitted after a failure */
    uint32_t tail; /* position of the last instruction; NO_CODE if a label stands behind it */
    place_map_writer map;

    entry *stack;
    uint32_t height, stack_capacity;
    uint32_t settled; /* entries at the bottom that are known not to be LOCAL */
    uint32_t rooted;  /* entries at the bottom whose `root` is known */
    slot_info *slots; /* of each local */
    uint32_t slots_capacity;
    control *controls;
    uint32_t depth, control_capacity;
    patch *patches;
    uint32_t patch_count, patch_capacity, patch_free;

    /* What the function's tables will be. A clause's tag, all and ref are known when its try_table
     * is opened, the rest at its end; until then its target is the label. */
    interp_region *regions;
    uint32_t region_count, region_capacity;
    interp_clause *clauses;
    uint32_t clause_count, clause_capacity;
    uint16_t *root_locals; /* slots */
    uint32_t root_local_count, root_local_capacity;
    interp_root_node *nodes;
    uint32_t node_count, node_capacity;
    interp_root_place *places;
    uint32_t place_count, place_capacity;

    /* The sequence that the last instruction belongs to, see lower_fuse.c. */
    uint32_t group;        /* position of its first instruction, or NO_CODE */
    uint16_t group_op;     /* icode_op of its handler … */
    uint16_t group_before; /* … and without its last instruction; IC_COUNT: there is one only */
    uint16_t fuse_places[LOWER_FUSE_PLACES]; /* index of a row + 1, or 0 */

    pending pending;
    uint32_t acc_slot[ACC_COUNT]; /* the slot whose value an accumulator also holds */
};

/* ---- lower.c --------------------------------------------------------------------------------- */

/* Makes *array of *capacity items of `size` bytes hold `need`; false (and l->status) on failure. */
bool lower_reserve(lower *l, void **array, uint32_t *capacity, uint64_t need, size_t size);
static inline void lower_fail(lower *l, wasm_status status)
{
    if (l->status == WASM_OK)
        l->status = status;
}
static inline value_class class_of(wasm_valtype type)
{
    return type == WASM_I32         ? CLASS_I32
           : type == WASM_F32       ? CLASS_F32
           : type == WASM_F64       ? CLASS_F64
           : type == WASM_V128      ? CLASS_V128
           : module_is_object(type) ? CLASS_REF
                                    : CLASS_I64;
}
static inline unsigned acc_of(value_class cls)
{
    return cls == CLASS_F32    ? ACC_F32
           : cls == CLASS_F64  ? ACC_F64
           : cls == CLASS_V128 ? ACC_V128
                               : ACC_INT;
}
static inline uint32_t class_slots_of(value_class cls)
{
    return cls == CLASS_V128 ? 2 : 1;
}
static inline uint32_t type_slots_of(wasm_valtype type)
{
    return type == WASM_V128 ? 2 : 1;
}

/* ---- lower_stack.c: entries, operands, the pending instruction ------------------------------- */

/* Makes room for so many words more; false (and l->status) on failure. */
bool emit_reserve(lower *l, uint64_t words);
/* Room for an instruction of `words`; never NULL, so that callers can fill it without looking. The
 * fields are zero. */
icode *emit(lower *l, unsigned op, uint32_t words);
/* The same for one that can trap, poll or call. */
icode *emit_mapped(lower *l, unsigned op, uint32_t words, uint64_t offset);
/* Puts the value of a CONST entry into a slot. */
void emit_const(lower *l, uint16_t slot, const entry *e);
/* Copies the value of a HOME or LOCAL entry, clearing the upper half of a wide one. */
void emit_move(lower *l, uint16_t to, const entry *e);
/* The code here is reached from elsewhere too. */
void forget_accumulators(lower *l);
void need_slots(lower *l, uint64_t slots);

/* The home of the entry that is pushed next. */
uint32_t next_home(const lower *l);
entry *push(lower *l, entry_kind kind, value_class cls);
entry pop(lower *l);
void truncate_stack(lower *l, uint32_t height);
/* Copies LOCAL and CONST entries [from, height) home; nothing at or below them may be pending. */
void materialize(lower *l, uint32_t from);
/* Copies LOCAL and wide entries home wherever they are: rule 2. */
void settle(lower *l);
/* Copies entries that read `local` home, before it is written. */
void preserve_local(lower *l, uint32_t local);
/* The instruction that is emitted next may collect: notes which entries are roots then. None is
 * pending. */
void record_roots(lower *l);

/* Emits the pending instruction, if there is one, with its result going home. */
void flush_home(lower *l);
/* Emits it with its result going to `slot`, or to the accumulator for NO_SLOT. */
void flush_to(lower *l, uint32_t slot);
/* The same for the pending entry `e`: if it is wide, its upper half is cleared on the way. */
void flush_value(lower *l, const entry *e, uint32_t slot);
/* Flushes home unless the pending result is the popped entry `e`. */
void flush_unless(lower *l, const entry *e);
/* The value of a popped entry as an operand of the instruction being translated. */
operand take(lower *l, const entry *e, unsigned allow);
/* The same where all 64 bits of the slot or accumulator will be used. */
operand take_whole(lower *l, const entry *e, unsigned allow);
/* Both operands of a pair, popped; at most one is MODE_A if they share an accumulator. */
void take_pair(lower *l, const entry *first, const entry *second, unsigned allow_first,
               unsigned allow_second, operand *x, operand *y);
/* Begins a pending instruction and pushes its result. */
pending *begin_pending(lower *l, const validate_op *op, value_class cls);

/* ---- lower_fuse.c: sequences that one handler does ------------------------------------------- */

void fuse_new(lower *l);
/* What was written so far takes part in no sequence any more. */
void fuse_restart(lower *l);
/* `op` has been written at `position`. */
void fuse_next(lower *l, unsigned op, uint32_t position);
/* The last instruction is about to be replaced. */
void fuse_take_back(lower *l);

/* ---- lower_ops.c: everything but control ----------------------------------------------------- */

void lower_plain(lower *l, const validate_op *op);
/* Whether a memory has 64-bit addresses or is not the first. */
bool is_wide(const lower *l, uint32_t index);
void lower_call(lower *l, const validate_op *op);
void lower_tail_call(lower *l, const validate_op *op);
void lower_throw(lower *l, const validate_op *op);

/* ---- lower_vector.c: vectors, and loads and stores that are not the fast ones ------------------
 */

/* Rules from RULE_ACCESS on, and i8x16.shuffle. */
void lower_vector(lower *l, const validate_op *op, const lower_rule *rule);
/* Emits the pending instruction `p` of such a rule, with its result going to `slot`. */
void emit_vector(lower *l, const pending *p, const lower_rule *rule, uint32_t slot);
/* Emits a pending global.get or select of a vector. */
void emit_vector_other(lower *l, const pending *p, uint32_t slot);
/* Atomic accesses, and those of vectors to memories that are not the first or have 64-bit
 * addresses. */
void lower_access(lower *l, const validate_op *op);
/* Wide arithmetic. */
void lower_wide(lower *l, const validate_op *op);

/* ---- lower_objects.c: structs, arrays, casts ------------------------------------------------- */

void lower_object(lower *l, const validate_op *op);
/* Puts operands that are contiguous into their homes, and takes them off the stack, for an
 * instruction that may collect if `collects`. */
void take_contiguous(lower *l, uint32_t operands, bool collects);
/* Both operands of a comparison or computation. */
void lower_alu(lower *l, const validate_op *op, const lower_rule *rule);

/* ---- lower_control.c ------------------------------------------------------------------------- */

/* The branch of the topmost `count` entries, none of which is pending, to label `depth`, where a
 * test of `family` holds of the operand; `inverse` is the family of the opposite. */
void branch_on_test(lower *l, uint32_t depth, uint32_t count, operand x, unsigned family,
                    unsigned inverse, uint64_t offset);
void control_begin(lower *l, const wasm_functype *type);
void lower_control(lower *l, const validate_op *op);

#endif
