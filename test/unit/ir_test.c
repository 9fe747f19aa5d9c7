/* SPDX-License-Identifier: Apache-2.0
 * ir_test.c — the SSA form: order, dominators, loops, edges, and what the verifier says of a form
 * that breaks a rule.
 * layers: compile
 *
 * How: functions are written by hand, block by block.
 */
#include "unit.h"
#include "unit_random.h"

#include "ir.h"
#include "ir_uses.h"
#include "pass.h"

typedef struct form {
    quota quota;
    arena arena;
    ir_func f;
    char why[200];
} form;

static void begin(form *t, uint32_t blocks)
{
    memset(t, 0, sizeof *t);
    t->quota.limit = (size_t)128 << 20;
    arena_init(&t->arena, &t->quota);
    ir_reset(&t->f, &t->arena);
    for (uint32_t i = 0; i < blocks; i++)
        ir_block_new(&t->f);
}

static void end(form *t)
{
    arena_release(&t->arena);
    CHECK_EQ_UINT(t->quota.used, 0);
}

static void jump(form *t, uint32_t from, uint32_t to)
{
    ir_append(&t->f, from, IR_BR, IR_VOID, 0, 0, 0, 0, 0);
    t->f.blocks[from].succ[0] = to;
    t->f.blocks[from].succ_count = 1;
    ir_edge(&t->f, from, to);
}

static void fork_to(form *t, uint32_t from, ir_ref condition, uint32_t then, uint32_t otherwise)
{
    ir_append(&t->f, from, IR_BR_IF, IR_VOID, condition, 0, 0, 0, 0);
    t->f.blocks[from].succ[0] = then;
    t->f.blocks[from].succ[1] = otherwise;
    t->f.blocks[from].succ_count = 2;
    ir_edge(&t->f, from, then);
    ir_edge(&t->f, from, otherwise);
}

static void leave(form *t, uint32_t from)
{
    ir_ref r = ir_append(&t->f, from, IR_RETURN, IR_VOID, 0, 0, 0, 0, 0);

    t->f.instrs[r].extra = ir_list(&t->f, 0);
}

static ir_ref parameter(form *t)
{
    return ir_append(&t->f, 0, IR_PARAM, IR_I32, 0, 0, 0, 0, 0);
}

static bool holds(form *t)
{
    return ir_verify(&t->f, t->why, sizeof t->why);
}

/* 0 → 1 (loop) → 2 (loop) → 2, 3; 3 → 1, 4; nobody comes to 5. */
static void nest(form *t)
{
    ir_ref x;

    begin(t, 6);
    x = parameter(t);
    jump(t, 0, 1);
    jump(t, 1, 2);
    fork_to(t, 2, x, 2, 3);
    fork_to(t, 3, x, 1, 4);
    leave(t, 4);
    jump(t, 5, 4);
}

TEST(loops_and_dominators)
{
    form t;

    nest(&t);
    ir_analyse(&t.f);
    CHECK_EQ_UINT(t.f.order_count, 5);
    CHECK(t.f.blocks[1].is_loop_header && t.f.blocks[2].is_loop_header);
    CHECK(!t.f.blocks[3].is_loop_header);
    CHECK_EQ_UINT(t.f.blocks[1].loop_depth, 1);
    CHECK_EQ_UINT(t.f.blocks[2].loop_depth, 2);
    CHECK_EQ_UINT(t.f.blocks[3].loop_depth, 1);
    CHECK_EQ_UINT(t.f.blocks[3].loop, 1);
    CHECK_EQ_UINT(t.f.blocks[4].loop_depth, 0);
    CHECK_EQ_UINT(t.f.blocks[3].dominator, 2);
    CHECK_EQ_UINT(t.f.blocks[4].dominator, 3);
    /* what cannot be reached is no predecessor any more */
    CHECK_EQ_UINT(t.f.blocks[4].pred_count, 1);
    CHECK_EQ_UINT(t.f.blocks[5].order, UINT32_MAX);
    end(&t);
}

/* 3 and 4 are a loop that is entered at both: one round over the blocks does not see that. */
TEST(dominators_of_a_loop_with_two_entries)
{
    form t;
    ir_ref x;

    begin(&t, 6);
    x = parameter(&t);
    fork_to(&t, 0, x, 1, 2);
    jump(&t, 1, 3);
    jump(&t, 2, 4);
    jump(&t, 3, 4);
    fork_to(&t, 4, x, 3, 5);
    leave(&t, 5);
    ir_analyse(&t.f);
    CHECK_EQ_UINT(t.f.blocks[3].dominator, 0);
    CHECK_EQ_UINT(t.f.blocks[4].dominator, 0);
    CHECK_EQ_UINT(t.f.blocks[5].dominator, 4);
    end(&t);
}

enum { ANY_BLOCKS = 20 };

/* What is reached from the entry where nobody goes through `without`. */
static void reach(const form *t, uint32_t without, bool reached[ANY_BLOCKS])
{
    uint32_t work[ANY_BLOCKS], count = 0;

    memset(reached, 0, ANY_BLOCKS * sizeof *reached);
    if (without != 0) {
        reached[0] = true;
        work[count++] = 0;
    }
    while (count > 0) {
        uint32_t ways;
        const uint32_t *to = ir_successors(&t->f, work[--count], &ways);

        for (uint32_t i = 0; i < ways; i++) {
            if (to[i] == without || reached[to[i]])
                continue;
            reached[to[i]] = true;
            work[count++] = to[i];
        }
    }
}

/* Loops with several entries are among them. */
TEST(no_way_goes_around_a_dominator)
{
    for (unsigned round = 0; round < 500; round++) {
        bool without[ANY_BLOCKS][ANY_BLOCKS];
        form t;
        ir_ref x;

        CASE("round %u", round);
        begin(&t, ANY_BLOCKS);
        x = parameter(&t);
        for (uint32_t b = 0; b + 1 < ANY_BLOCKS; b++) {
            const uint32_t ahead = b + 1 + (uint32_t)(next_random() % (ANY_BLOCKS - 1 - b));

            if (next_random() % 4 == 0)
                jump(&t, b, b + 1);
            else if (next_random() % 5 == 0)
                fork_to(&t, b, x, 1 + (uint32_t)(next_random() % (ANY_BLOCKS - 1)), b + 1);
            else
                fork_to(&t, b, x, ahead, b + 1);
        }
        leave(&t, ANY_BLOCKS - 1);
        for (uint32_t b = 0; b < ANY_BLOCKS; b++)
            reach(&t, b, without[b]);
        ir_analyse(&t.f);
        for (uint32_t b = 1; b < ANY_BLOCKS; b++) {
            const uint32_t over = t.f.blocks[b].dominator;

            CHECK(!without[over][b]);
            for (uint32_t other = 0; other < ANY_BLOCKS; other++) /* is above the nearest one */
                CHECK(other == b || other == over || without[other][b] || !without[other][over]);
        }
        end(&t);
    }
}

/* As a function of ten thousand branches out of one block. */
TEST(a_long_ladder_and_a_long_table)
{
    enum { STEPS = 50000 };
    form t;
    ir_ref x, table;

    begin(&t, STEPS + 3);
    x = parameter(&t);
    for (uint32_t b = 0; b < STEPS; b++)
        fork_to(&t, b, x, STEPS + 1, b + 1);
    table = ir_append(&t.f, STEPS, IR_BR_TABLE, IR_VOID, x, 0, 0, 0, 0);
    t.f.instrs[table].extra = ir_list(&t.f, STEPS);
    for (uint32_t i = 0; i < STEPS; i++) {
        ir_list_items(&t.f, t.f.instrs[table].extra)[i] = STEPS + 1 + i % 2;
        ir_edge(&t.f, STEPS, STEPS + 1 + i % 2);
    }
    leave(&t, STEPS + 1);
    leave(&t, STEPS + 2);
    ir_split_edges(&t.f);
    ir_analyse(&t.f);
    CHECK_EQ_UINT(t.f.blocks[STEPS].dominator, STEPS - 1);
    CHECK_EQ_UINT(t.f.blocks[STEPS + 1].dominator, 0);
    CHECK_EQ_UINT(t.f.blocks[STEPS + 2].dominator, STEPS);
    CHECK_EQ_UINT(t.f.order_count, STEPS + 3 + 2 * STEPS);
    end(&t);
}

TEST(edges_are_split)
{
    form t;

    nest(&t);
    ir_analyse(&t.f);
    CHECK(!holds(&t)); /* 2 → 2 and 3 → 1 are from many to many */
    CHECK(strstr(t.why, "not split") != NULL);
    ir_split_edges(&t.f);
    ir_analyse(&t.f);
    CHECK(holds(&t));
    CHECK_EQ_UINT(t.f.order_count, 7);
    end(&t);
}

TEST(cold_blocks_stand_last)
{
    form t;
    ir_ref x;

    begin(&t, 4);
    x = parameter(&t);
    fork_to(&t, 0, x, 1, 2);
    t.f.blocks[1].is_cold = true;
    jump(&t, 1, 3);
    jump(&t, 2, 3);
    leave(&t, 3);
    ir_analyse(&t.f);
    CHECK_EQ_UINT(t.f.order[t.f.order_count - 1], 1);
    CHECK(holds(&t));
    end(&t);
}

TEST(what_the_verifier_finds)
{
    form t;
    ir_ref x, y, phi;

    begin(&t, 4);
    x = parameter(&t);
    fork_to(&t, 0, x, 1, 2);
    y = ir_append(&t.f, 1, OP_I32_ADD, IR_I32, x, x, 0, 0, 0);
    jump(&t, 1, 3);
    jump(&t, 2, 3);
    phi = ir_append(&t.f, 3, IR_PHI, IR_I32, 0, 0, 0, 0, 0);
    t.f.instrs[phi].extra = ir_list(&t.f, 2);
    ir_list_items(&t.f, t.f.instrs[phi].extra)[0] = y;
    ir_list_items(&t.f, t.f.instrs[phi].extra)[1] = x;
    leave(&t, 3);
    ir_analyse(&t.f);
    CHECK(holds(&t));
    /* y is not known on the other way */
    ir_list_items(&t.f, t.f.instrs[phi].extra)[1] = y;
    CHECK(!holds(&t));
    CHECK(strstr(t.why, "not known at the end") != NULL);
    ir_list_items(&t.f, t.f.instrs[phi].extra)[1] = x;
    /* an operand that is missing; one that comes later */
    t.f.instrs[y].arg[1] = 0;
    CHECK(!holds(&t));
    t.f.instrs[y].arg[1] = y;
    CHECK(!holds(&t));
    CHECK(strstr(t.why, "not before it") != NULL);
    t.f.instrs[y].arg[1] = x;
    CHECK(holds(&t));
    end(&t);
}

TEST(replacing)
{
    form t;
    ir_ref x, y, z;

    begin(&t, 1);
    x = parameter(&t);
    y = ir_append(&t.f, 0, OP_I32_EQZ, IR_I32, x, 0, 0, 0, 0);
    z = ir_append(&t.f, 0, OP_I32_EQZ, IR_I32, y, 0, 0, 0, 0);
    leave(&t, 0);
    ir_replace(&t.f, y, x);
    CHECK_EQ_UINT(ir_resolve(&t.f, y), x);
    ir_resolve_operands(&t.f, z);
    CHECK_EQ_UINT(t.f.instrs[z].arg[0], x);
    ir_analyse(&t.f);
    CHECK(holds(&t));
    count_uses(&t.f);
    CHECK_EQ_UINT(t.f.instrs[x].uses, 1);
    end(&t);
}

static ir_ref phi_of(form *t, uint32_t block, ir_ref first, ir_ref second)
{
    ir_ref phi = ir_append(&t->f, block, IR_PHI, IR_I32, 0, 0, 0, 0, 0);

    t->f.instrs[phi].extra = ir_list(&t->f, 2);
    ir_list_items(&t->f, t->f.instrs[phi].extra)[0] = first;
    ir_list_items(&t->f, t->f.instrs[phi].extra)[1] = second;
    return phi;
}

/* A loop with two counters, of which one is used by nobody but itself. */
TEST(only_what_lives_stays_and_is_numbered_in_order)
{
    form t;
    ir_ref x, again, dead, lives, one, other, same;
    const ir_instr *i;

    begin(&t, 3);
    x = parameter(&t);
    jump(&t, 0, 1);
    dead = phi_of(&t, 1, x, 0);
    lives = phi_of(&t, 1, x, 0);
    again = ir_append(&t.f, 1, OP_I32_CLZ, IR_I32, x, 0, 0, 0, 0);
    one = ir_append(&t.f, 1, OP_I32_ADD, IR_I32, dead, x, 0, 0, 0);
    other = ir_append(&t.f, 1, OP_I32_ADD, IR_I32, lives, again, 0, 0, 0);
    same = ir_append(&t.f, 1, OP_I32_ADD, IR_I32, lives, again, 0, 0, 0);
    ir_list_items(&t.f, t.f.instrs[dead].extra)[1] = one;
    ir_list_items(&t.f, t.f.instrs[lives].extra)[1] = same;
    fork_to(&t, 1, same, 1, 2);
    leave(&t, 2);
    ir_replace(&t.f, same, other);
    ir_split_edges(&t.f);
    ir_analyse(&t.f);
    pass_dead(&t.f);
    CHECK(holds(&t));
    CHECK_EQ_UINT(t.f.order_count, 4);
    /* param, br; phi, clz, add, br_if; and the edge back and the end, in the order of the code */
    CHECK_EQ_UINT(t.f.instr_count, 1 + 2 + 4 + 2);
    for (ir_ref r = 1, k = 0; k < t.f.order_count; k++)
        for (ir_ref own = t.f.blocks[t.f.order[k]].first; own; own = t.f.instrs[own].next)
            CHECK_EQ_UINT(own, r++);
    i = &t.f.instrs[3];
    CHECK_EQ_UINT(i->op, IR_PHI);
    CHECK_EQ_UINT(ir_list_items(&t.f, i->extra)[1], 5);
    CHECK_EQ_UINT(i->uses, 1);
    CHECK_EQ_UINT(t.f.instrs[5].uses, 2); /* by the phi and the branch */
    CHECK_EQ_UINT(t.f.instrs[1].uses, 2); /* not by what is dead */
    end(&t);
}
