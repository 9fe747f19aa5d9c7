/* SPDX-License-Identifier: Apache-2.0
 * pass_memory.c — what was read or written a moment ago is not read again.
 *
 * How:     Along blocks that follow one another without another way in, a few facts are kept: "this
 *          place holds that value", of PEEKs and POKEs. A POKE ends facts of its alias class,
 *          unless it goes to another offset from the same base; a call ends all facts. Of more than
 *          FACTS the oldest is forgotten, which keeps the pass linear.
 * Memory:  none of its own.
 * Threads: those of the function.
 */
#include <string.h>

#include "pass.h"

enum { FACTS = 16 };

typedef struct fact {
    ir_ref value; /* what is there; 0: none */
    ir_ref at;    /* base */
    uint64_t imm;
    uint32_t access;
    uint8_t type;
} fact;

typedef struct facts {
    fact places[FACTS];
    unsigned next_place;
} facts;

static unsigned class_of(uint32_t access)
{
    return access >> 8;
}

static bool may_touch(const fact *x, const ir_instr *poke)
{
    unsigned one = class_of(x->access), other = class_of(poke->extra);
    unsigned width = poke->extra & 0xFF, had = x->access & 0xFF;

    if (one != other && one != IR_ALIAS_ANY && other != IR_ALIAS_ANY)
        return false;
    return x->at != poke->arg[0] || (x->imm < poke->imm + width && poke->imm < x->imm + had);
}

static void learn_place(facts *known, const ir_instr *i, ir_ref value, uint8_t type)
{
    known->places[known->next_place++ % FACTS] =
        (fact){.value = value, .at = i->arg[0], .imm = i->imm, .access = i->extra, .type = type};
}

static void visit_peek(ir_func *f, facts *known, ir_ref r)
{
    const ir_instr *i = &f->instrs[r];

    for (unsigned k = 0; k < FACTS; k++) {
        const fact *x = &known->places[k];

        if (x->value && x->at == i->arg[0] && x->imm == i->imm && x->access == i->extra &&
            x->type == i->type) {
            ir_replace(f, r, x->value);
            return;
        }
    }
    learn_place(known, i, r, i->type);
}

static void visit_poke(ir_func *f, facts *known, ir_ref r)
{
    const ir_instr *i = &f->instrs[r];

    for (unsigned k = 0; k < FACTS; k++) {
        if (known->places[k].value && may_touch(&known->places[k], i))
            known->places[k].value = 0;
    }
    learn_place(known, i, i->arg[1], f->instrs[i->arg[1]].type);
}

static void visit(ir_func *f, facts *known, ir_ref r)
{
    const ir_instr *i = &f->instrs[r];

    ir_resolve_operands(f, r);
    if (i->op == IR_PEEK)
        visit_peek(f, known, r);
    else if (i->op == IR_POKE)
        visit_poke(f, known, r);
    else if (ir_effects(i->op) & IR_CALLS)
        memset(known->places, 0, sizeof known->places);
}

void pass_memory(ir_func *f)
{
    facts known = {0};
    uint32_t before = UINT32_MAX;

    for (uint32_t k = 0; k < f->order_count; k++) {
        const ir_block *b = &f->blocks[f->order[k]];
        ir_ref next;

        if (b->pred_count != 1 || b->preds[0] != before)
            memset(&known, 0, sizeof known);
        before = f->order[k];
        for (ir_ref r = b->first; r; r = next) {
            next = f->instrs[r].next;
            visit(f, &known, r);
        }
    }
}
