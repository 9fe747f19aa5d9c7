/* SPDX-License-Identifier: Apache-2.0
 * validate_impl.h — the state of the validation algorithm; nobody outside this folder includes it.
 *
 * It is the algorithm of the specification's appendix ("Validation Algorithm"): a stack of operand
 * types, a stack of control frames that remember how high the operands stood when they were
 * opened, and a flag in each frame for "the rest of this block cannot be reached", below whose
 * base operands of any type may be popped. Beside it runs a count of 64-bit slots, which is what
 * the tiers need to know of the operand stack.
 *
 * What is popped or pushed all the time is inline here and handles the plain case;
 * validate_stack.c has the rest and the errors.
 *
 * Memory: all arrays grow through the module's quota and are kept from body to body.
 * Threads: a scratch belongs to one thread.
 */
#ifndef WASMSERVE_VALIDATE_IMPL_H
#define WASMSERVE_VALIDATE_IMPL_H

#include "instr.h"
#include "limits.h"
#include "subtype.h"
#include "validate.h"

/* The type of an operand that unreachable code made up. No type's byte is 0. */
#define TYPE_UNKNOWN ((wasm_valtype)0)
/* In signatures: the address type of the memory or table at hand. No type's byte is 1. */
#define TYPE_ADDRESS ((wasm_valtype)1)
/* A reference that unreachable code made up: below all of them. No type's byte is 0x66. */
#define TYPE_UNKNOWN_REF ((wasm_valtype)0x66)

enum { SIGNATURE_POPS = 4, SIGNATURE_PUSHES = 2 };

typedef struct signature { /* the sig column of an opcode, read once */
    uint8_t pop_count, push_count;
    wasm_valtype pop[SIGNATURE_POPS]; /* deepest first, as push */
    wasm_valtype push[SIGNATURE_PUSHES];
} signature;

typedef struct control {
    const wasm_functype *type;
    uint32_t base;       /* operands below its parameters */
    uint32_t base_slots; /* the same in slots */
    uint32_t settings;   /* locals that were set when it was opened */
    uint8_t op;          /* OP_BLOCK (the body too), OP_LOOP, OP_IF, OP_ELSE, OP_TRY_TABLE */
    bool unreachable;    /* the rest of the block cannot be reached */
    bool visible;        /* the sink saw it open */
} control;

struct validate_scratch {
    wasm_module *module;
    cursor c;

    wasm_valtype *operands;
    uint32_t operand_count, operand_room;
    uint32_t slots; /* of the operands */

    control *controls;
    control *top; /* innermost of controls */
    uint32_t control_count, control_room;

    wasm_valtype *locals; /* parameters first */
    uint32_t local_count, local_room;

    /* Locals that cannot be null and have not been set yet may not be read (§3.4.4). `known` has a
     * bit for each local; those that were set are in `settings`, in that order, so that the end of
     * a block takes back what was set inside. Bits beyond settings are not meaningful. */
    uint64_t *known;
    uint32_t known_room;  /* words */
    uint32_t param_count; /* parameters have values from the beginning */
    uint32_t *settings;
    uint32_t setting_count, setting_room;

    /* The types of blocks that are written as a reference to one of the module's types: two for
     * each type, that which may be null first; made when they are asked for. */
    wasm_functype **short_types;
    arena short_arena;

    uint32_t *labels; /* of the br_table at hand */
    uint32_t label_room;
    validate_clause *clauses; /* of the try_table at hand */
    uint32_t clause_room;

    uint32_t highest; /* most slots in use in this body */
    uint64_t at;      /* the instruction at hand, for errors */
    isa_op op;

    signature signatures[OP_COUNT];
};

/* ---- validate_stack.c -------------------------------------------------------------------- */

/* Makes room for one more item of `size` bytes in an array that has room for *room. */
wasm_status scratch_grow(validate_scratch *s, void **array, uint32_t *room, uint32_t limit,
                         size_t size, const char *what);

wasm_status stack_push_slow(validate_scratch *s, wasm_valtype type);
wasm_status stack_pop_slow(validate_scratch *s, wasm_valtype expect);
/* Pops whatever is there; TYPE_UNKNOWN where unreachable code has nothing. */
wasm_status stack_pop_any(validate_scratch *s, wasm_valtype *type);
/* Pops a reference of any type; TYPE_UNKNOWN_REF where unreachable code has nothing. */
wasm_status stack_pop_ref(validate_scratch *s, wasm_valtype *type);
/* Whether an operand of type `found` is one of type `expect`. */
bool type_fits(const validate_scratch *s, wasm_valtype found, wasm_valtype expect);
wasm_status stack_pop_list(validate_scratch *s, const wasm_valtype *types, uint32_t count);
wasm_status stack_push_list(validate_scratch *s, const wasm_valtype *types, uint32_t count);
/* Pops and pushes what the op's row says; address: the type of its `a` operands. */
wasm_status stack_signature(validate_scratch *s, isa_op op, wasm_valtype address);
/* The rest of the innermost block cannot be reached. */
void stack_unreachable(validate_scratch *s);
wasm_status control_push(validate_scratch *s, isa_op op, const wasm_functype *type);

/* Fails at the instruction at hand. */
#define scratch_fail(s, status, ...) cursor_fail(&(s)->c, (status), (s)->at, __VA_ARGS__)

static inline uint32_t type_slots(wasm_valtype type)
{
    return type == WASM_V128 ? 2 : 1;
}

static inline wasm_status stack_push(validate_scratch *s, wasm_valtype type)
{
    if (s->operand_count == s->operand_room)
        return stack_push_slow(s, type);
    s->operands[s->operand_count++] = type;
    s->slots += type_slots(type);
    if (s->slots > s->highest)
        s->highest = s->slots;
    return WASM_OK;
}

static inline wasm_status stack_pop(validate_scratch *s, wasm_valtype expect)
{
    if (s->operand_count > s->top->base && s->operands[s->operand_count - 1] == expect) {
        s->operand_count--;
        s->slots -= type_slots(expect);
        return WASM_OK;
    }
    return stack_pop_slow(s, expect);
}

/* What was set since there were `count` settings counts no longer. */
static inline void locals_forget(validate_scratch *s, uint32_t count)
{
    while (s->setting_count > count) {
        uint32_t local = s->settings[--s->setting_count];
        s->known[local / 64] &= ~((uint64_t)1 << local % 64);
    }
}

/* The depth-th label, counted from the innermost; NULL if there are fewer. */
static inline control *control_at(validate_scratch *s, uint32_t depth)
{
    return depth < s->control_count ? s->top - depth : NULL;
}

/* ---- the instruction groups --------------------------------------------------------------- */

/* Check one instruction and fill what the sink is told of it. validate_control.c: */
wasm_status check_control(validate_scratch *s, instr *in, validate_op *out);
/* The function type `index` of the module. */
wasm_status find_func_type(validate_scratch *s, uint32_t index, const module_type **out);
/* validate_objects.c: structs, arrays, casts, i31; also what of them constant expressions may
 * use. */
wasm_status check_object(validate_scratch *s, const instr *in, validate_op *out);
/* The value that a field gives and takes. */
static inline wasm_valtype unpacked(wasm_valtype storage)
{
    return storage == MODULE_I8 || storage == MODULE_I16 ? (wasm_valtype)WASM_I32 : storage;
}
/* validate_control.c: the depth-th label and what a branch to it carries. */
wasm_status find_label_types(validate_scratch *s, uint32_t depth, const wasm_valtype **types,
                             uint32_t *count);
/* validate_body.c */
wasm_status find_data(validate_scratch *s, uint32_t index);
wasm_status find_elem(validate_scratch *s, uint32_t index, const module_elem **out);
/* validate_types.c: every type against its supertype. */
wasm_status check_types(const wasm_module *m, wasm_report *report);
/* validate_constant.c: an expression that must give one value of `type`. Globals from 0 to
 * `globals` - 1 may be read. Marks functions that it names as declared. */
wasm_status check_constant(validate_scratch *s, module_span expression, wasm_valtype type,
                           uint32_t globals, wasm_report *report);

#endif
