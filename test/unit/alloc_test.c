/* SPDX-License-Identifier: Apache-2.0
 * alloc_test.c — register allocation: random functions under a target of few registers and strange
 * wishes, each outcome followed by alloc_check(); planted errors, which that must find; and forms
 * whose code is known.
 * layers: compile runtime validate decode isa base
 */
#include "unit.h"

#include "alloc.h"

/* ---- functions by hand: block by block, in the order of the code ---- */

typedef struct maker {
    quota quota;
    arena arena;
    ir_func f;
    uint32_t seed, block, depth, loop, budget;
    ir_ref values[4096];
    unsigned value_count;
} maker;

static void begin(maker *m)
{
    memset(m, 0, sizeof *m);
    quota_init(&m->quota, 0);
    arena_init(&m->arena, &m->quota);
    m->f.arena = &m->arena;
    m->f.instrs = ARENA_ARRAY(&m->arena, ir_instr, 1 << 14);
    m->f.blocks = ARENA_ARRAY(&m->arena, ir_block, 1 << 12);
    m->f.extra = ARENA_ARRAY(&m->arena, uint32_t, 1 << 16);
    m->f.order = ARENA_ARRAY(&m->arena, uint32_t, 1 << 12);
    m->f.instr_count = 1;
    m->f.extra_count = 1;
}

static void end(maker *m)
{
    arena_release(&m->arena);
}

static uint32_t open_block(maker *m)
{
    ir_block *b = &m->f.blocks[m->f.block_count];
    b->preds = ARENA_ARRAY(&m->arena, uint32_t, 8);
    b->loop_depth = m->depth;
    b->loop = m->loop;
    b->order = m->f.order_count;
    m->f.order[m->f.order_count++] = m->f.block_count;
    m->block = m->f.block_count;
    return m->f.block_count++;
}

static ir_ref add(maker *m, unsigned op, ir_type type, ir_ref a, ir_ref b, ir_ref c)
{
    ir_ref ref = m->f.instr_count++;
    ir_block *block = &m->f.blocks[m->block];
    m->f.instrs[ref] = (ir_instr){.op = (uint16_t)op,
                                  .type = (uint8_t)type,
                                  .arg = {a, b, c},
                                  .block = m->block,
                                  .previous = block->last};
    if (block->last)
        m->f.instrs[block->last].next = ref;
    else
        block->first = ref;
    block->last = ref;
    return ref;
}

static uint32_t list(maker *m, const ir_ref *items, uint32_t count)
{
    uint32_t at = m->f.extra_count;
    m->f.extra[at] = count;
    if (items)
        memcpy(&m->f.extra[at + 1], items, count * sizeof *items);
    m->f.extra_count += count + 1;
    return at;
}

static void edge(maker *m, uint32_t from, uint32_t to)
{
    ir_block *a = &m->f.blocks[from], *b = &m->f.blocks[to];
    a->succ[a->succ_count++] = to;
    b->preds[b->pred_count++] = from;
}

static ir_ref phi(maker *m, ir_type type, ir_ref a, ir_ref b)
{
    ir_ref items[2] = {a, b}, ref = add(m, IR_PHI, type, 0, 0, 0);
    m->f.instrs[ref].extra = list(m, items, 2);
    return ref;
}

/* ---- a target: what an instruction asks for is in its imm ---- */

enum wish { PLAIN, SAME, SHIFT, DIVIDE, ANYWHERE, LATE, LOSES, NEAR, CONSTANT, WISHES };
enum { CALL_OP = IR_CALL, WORK = 1 };

static void ask(alloc_request *r, ir_ref value, alloc_use use, uint8_t reg, bool late)
{
    r->in[r->in_count++] = (alloc_operand){value, (uint8_t)use, reg, late};
}

static void request(void *baton, const ir_func *f, ir_ref ref, alloc_request *r)
{
    const alloc_target *t = baton;
    const ir_instr *in = &f->instrs[ref];
    bool vector = in->type >= IR_F32;
    uint32_t count = 0;
    const ir_ref *items = NULL;
    if (in->op == IR_CALL || in->op == IR_RETURN) {
        count = ir_list_count(f, in->extra);
        items = ir_list_items(f, in->extra);
    }
    CHECK(alloc_more(f, r, count + 4));
    if (items) {
        unsigned next[2] = {0, ALLOC_VECTOR};
        for (uint32_t i = 0; i < count; i++) {
            unsigned kind = f->instrs[items[i]].type >= IR_F32;
            if (next[kind] % ALLOC_VECTOR < 2)
                ask(r, items[i], ALLOC_USE_FIXED, (uint8_t)next[kind]++, false);
            else
                ask(r, items[i], ALLOC_USE_ANY, 0, false);
        }
        if (in->op == IR_CALL) {
            r->clobbers = t->integers | t->vectors;
            r->out = ALLOC_USE_FIXED;
            r->out_reg = vector ? ALLOC_VECTOR : 0;
        }
        return;
    }
    unsigned wish = (unsigned)in->imm;
    if (vector && (wish == SHIFT || wish == DIVIDE || wish == LOSES))
        wish = SAME;
    for (unsigned i = 0; i < 3 && in->arg[i]; i++)
        ask(r, in->arg[i], ALLOC_USE_REG, 0, false);
    if (!r->in_count)
        return;
    switch (wish) {
    case SAME:
        r->same = 0;
        for (uint32_t i = 1; i < r->in_count; i++)
            r->in[i].late = i == 1;
        break;
    case SHIFT:
        r->same = 0;
        if (r->in_count > 1) {
            r->in[1].use = ALLOC_USE_FIXED;
            r->in[1].reg = 1;
            r->in[1].late = true;
        }
        break;
    case DIVIDE:
        r->in[0].use = ALLOC_USE_FIXED;
        r->in[0].reg = 0;
        r->in_count = r->in_count > 2 ? 2 : r->in_count;
        if (r->in_count > 1)
            r->in[1].late = true;
        r->out = ALLOC_USE_FIXED;
        r->out_reg = 0;
        r->temp_fixed = 4;
        break;
    case ANYWHERE:
        for (uint32_t i = 0; i < r->in_count; i++)
            r->in[i].use = ALLOC_USE_ANY;
        r->temps = 1;
        r->vector_temps = vector ? 0 : 1;
        break;
    case LATE: r->in[0].late = true; break;
    case NEAR:
        for (uint32_t i = 1; i < r->in_count; i++)
            r->in[i].use = ALLOC_USE_NEAR;
        r->same = (in->arg[0] & 1) ? 0 : -1;
        for (uint32_t i = 1; r->same == 0 && i < r->in_count; i++)
            r->in[i].late = true;
        break;
    case LOSES:
        r->clobbers = 1;
        r->in[0].late = true;
        break;
    default: break;
    }
}

static alloc_place arrives(void *baton, const ir_func *f, ir_ref ref)
{
    (void)baton;
    const ir_instr *in = &f->instrs[ref];
    unsigned kind = in->type >= IR_F32, nth = 0;
    bool result = in->op == IR_RESULT;
    for (ir_ref at = in->previous; at; at = f->instrs[at].previous) {
        if (result ? f->instrs[at].op != IR_RESULT && f->instrs[at].op != IR_CALL
                   : f->instrs[at].op != IR_PARAM)
            break;
        nth += (f->instrs[at].type >= IR_F32) == kind;
        if (f->instrs[at].op == IR_CALL)
            break;
    }
    if (nth < 2)
        return (alloc_place){ALLOC_REG, (kind ? ALLOC_VECTOR : 0) + nth};
    return (alloc_place){ALLOC_SLOT,
                         ALLOC_ARRIVING | (result ? ALLOC_RETURNED : 0) | (kind * 1024 + nth * 16)};
}

static bool remakes(void *baton, const ir_func *f, ir_ref ref)
{
    (void)baton;
    return f->instrs[ref].imm == CONSTANT && f->instrs[ref].op == WORK;
}

static alloc_target target_of(unsigned integers, unsigned vectors)
{
    alloc_target t = {.request = request, .arrives = arrives, .remakes = remakes};
    t.integers = ((alloc_set)1 << integers) - 1;
    t.vectors = (((alloc_set)1 << vectors) - 1) << ALLOC_VECTOR;
    t.scratch = 15;
    t.vector_scratch = ALLOC_VECTOR + 15;
    return t;
}

/* ---- random functions ---- */

static uint32_t chance(maker *m, uint32_t below)
{
    m->seed = m->seed * 1664525u + 1013904223u;
    return (m->seed >> 8) % below;
}

static ir_ref some(maker *m, int kind)
{
    for (unsigned tries = 0; tries < 40; tries++) {
        unsigned span = chance(m, 3) ? 8 : m->value_count;
        unsigned back = chance(m, span < m->value_count ? span : m->value_count);
        ir_ref value = m->values[m->value_count - 1 - back];
        if (kind < 0 || (m->f.instrs[value].type >= IR_F32) == kind)
            return value;
    }
    for (unsigned i = 0;; i++)
        if (kind < 0 || (m->f.instrs[m->values[i]].type >= IR_F32) == kind)
            return m->values[i];
}

static void have(maker *m, ir_ref value)
{
    if (m->value_count < 4096)
        m->values[m->value_count++] = value;
}

static ir_type some_type(maker *m)
{
    static const ir_type types[] = {IR_I32, IR_I64, IR_I32, IR_F64, IR_V128};
    return types[chance(m, 5)];
}

static void make_work(maker *m)
{
    ir_ref args[8];
    if (chance(m, 12) == 0) {
        uint32_t count = chance(m, 7);
        for (uint32_t i = 0; i < count; i++)
            args[i] = some(m, -1);
        ir_ref call = add(m, IR_CALL, chance(m, 4) ? some_type(m) : IR_VOID, 0, 0, 0);
        m->f.instrs[call].extra = list(m, args, count);
        if (m->f.instrs[call].type == IR_VOID)
            return;
        have(m, call);
        for (uint32_t i = chance(m, 5); i-- > 0;)
            have(m, add(m, IR_RESULT, some_type(m), call, 0, 0));
        return;
    }
    unsigned wish = chance(m, WISHES), kind = 0;
    ir_type type = some_type(m);
    kind = type >= IR_F32;
    if (wish == CONSTANT) {
        ir_ref made = add(m, WORK, type, 0, 0, 0);
        m->f.instrs[made].imm = CONSTANT;
        have(m, made);
        return;
    }
    unsigned count = 1 + chance(m, 2);
    ir_ref made = add(m, WORK, type, some(m, (int)kind), count > 1 ? some(m, (int)kind) : 0, 0);
    m->f.instrs[made].imm = wish;
    have(m, made);
}

static void make_sequence(maker *m, unsigned level);

static void make_if(maker *m, unsigned level)
{
    unsigned outer = m->value_count;
    uint32_t top = m->block;
    add(m, IR_BR_IF, IR_VOID, some(m, 0), 0, 0);
    uint32_t end_of[2];
    ir_ref out[2][3];
    for (unsigned arm = 0; arm < 2; arm++) {
        uint32_t block = open_block(m);
        m->f.blocks[block].is_cold = chance(m, 4) == 0;
        edge(m, top, block);
        if (arm == 0 || chance(m, 2))
            make_sequence(m, level + 1);
        out[arm][0] = some(m, 0);
        out[arm][1] = some(m, 0);
        out[arm][2] = some(m, 1);
        add(m, IR_BR, IR_VOID, 0, 0, 0);
        end_of[arm] = m->block;
        m->value_count = outer;
    }
    uint32_t join = open_block(m);
    edge(m, end_of[0], join);
    edge(m, end_of[1], join);
    have(m, phi(m, IR_I64, out[0][0], out[1][0]));
    have(m, phi(m, IR_I64, out[0][1], out[1][1]));
    if (m->f.instrs[out[0][2]].type == m->f.instrs[out[1][2]].type)
        have(m, phi(m, (ir_type)m->f.instrs[out[0][2]].type, out[0][2], out[1][2]));
}

static void make_loop(maker *m, unsigned level)
{
    uint32_t before = m->block, outer_loop = m->loop;
    unsigned count = 1 + chance(m, 4);
    ir_ref phis[4];
    add(m, IR_BR, IR_VOID, 0, 0, 0);
    m->depth++;
    uint32_t header = m->loop = m->f.block_count;
    open_block(m);
    m->f.blocks[header].is_loop_header = true;
    m->f.blocks[header].loop = header;
    edge(m, before, header);
    for (unsigned i = 0; i < count; i++)
        phis[i] = phi(m, IR_I64, some(m, 0), 0);
    for (unsigned i = 0; i < count; i++)
        have(m, phis[i]);
    make_sequence(m, level + 1);
    uint32_t latch = m->block;
    add(m, IR_BR_IF, IR_VOID, some(m, 0), 0, 0);
    uint32_t back = open_block(m);
    edge(m, latch, back);
    add(m, IR_BR, IR_VOID, 0, 0, 0);
    edge(m, back, header);
    for (unsigned i = 0; i < count; i++)
        ir_list_items(&m->f, m->f.instrs[phis[i]].extra)[1] =
            chance(m, 3) ? some(m, 0) : phis[chance(m, count)];
    m->depth--;
    m->loop = outer_loop;
    uint32_t after = open_block(m);
    edge(m, latch, after);
}

static void make_sequence(maker *m, unsigned level)
{
    for (unsigned n = 1 + chance(m, 5); n-- > 0;) {
        for (unsigned k = chance(m, 8); k-- > 0;)
            make_work(m);
        if (level > 4 || m->f.block_count > 150)
            continue;
        if (chance(m, 3) == 0)
            make_if(m, level);
        else if (chance(m, 3) == 0)
            make_loop(m, level);
    }
}

static void make_function(maker *m, uint32_t seed)
{
    begin(m);
    m->seed = seed;
    open_block(m);
    static const ir_type types[] = {IR_I32, IR_F64, IR_I64, IR_V128, IR_I64, IR_F64};
    for (unsigned i = 0; i < 6; i++)
        have(m, add(m, IR_PARAM, types[i], 0, 0, 0));
    make_sequence(m, 0);
    ir_ref results[3] = {some(m, 0), some(m, 1), some(m, 0)};
    ir_ref last = add(m, IR_RETURN, IR_VOID, 0, 0, 0);
    m->f.instrs[last].extra = list(m, results, 3);
}

static void allocate_all(const alloc_target *shape, uint32_t first, uint32_t count)
{
    static maker m;
    alloc_target t = *shape;
    t.baton = &t;
    for (uint32_t seed = first; seed < first + count; seed++) {
        char why[200] = "";
        alloc_outcome out;
        make_function(&m, seed);
        wasm_status status = allocate(&m.f, &t, &out);
        CHECK_EQ_INT(status, WASM_OK);
        if (status || !alloc_check(&m.f, &t, &out, why, sizeof why)) {
            printf("seed %u: %s\n", seed, why);
            CHECK_EQ_STR(why, "");
            end(&m);
            return;
        }
        end(&m);
    }
}

TEST(random_functions_with_three_registers)
{
    alloc_target t = target_of(3, 2);
    allocate_all(&t, 1, 1500);
}

TEST(random_functions_with_many_registers)
{
    alloc_target t = target_of(12, 14);
    allocate_all(&t, 5000, 1000);
}

/* ---- the checker finds what is wrong ---- */

static bool accepts(maker *m, const alloc_target *t, const alloc_outcome *out)
{
    char why[200];
    return alloc_check(&m->f, t, out, why, sizeof why);
}

TEST(an_operand_elsewhere_is_found)
{
    static maker m;
    alloc_target t = target_of(3, 2);
    t.baton = &t;
    unsigned tried = 0, found = 0;
    for (uint32_t seed = 1; seed < 60; seed++) {
        alloc_outcome out;
        make_function(&m, seed);
        REQUIRE(allocate(&m.f, &t, &out) == WASM_OK);
        for (ir_ref ref = 1; ref < m.f.instr_count && tried < 1000; ref += 3) {
            alloc_place *place = &out.places[out.operands[ref]];
            if (!m.f.instrs[ref].arg[0] || m.f.instrs[ref].op != WORK || place->kind != ALLOC_REG)
                continue;
            alloc_place right = *place;
            place->index = place->index >= ALLOC_VECTOR ? 2 * ALLOC_VECTOR + 1 - place->index
                                                        : (place->index + 1) % 3;
            tried++;
            found += !accepts(&m, &t, &out);
            *place = right;
        }
        end(&m);
    }
    CHECK(tried > 500);
    /* Now and then another register happens to hold a copy of the same value. */
    CHECK(found > tried - tried / 100);
}

TEST(a_move_left_out_is_found)
{
    static maker m;
    alloc_target t = target_of(3, 2);
    t.baton = &t;
    unsigned tried = 0, found = 0;
    for (uint32_t seed = 1; seed < 20; seed++) {
        alloc_outcome out;
        make_function(&m, seed);
        REQUIRE(allocate(&m.f, &t, &out) == WASM_OK);
        for (uint32_t i = 0; i < out.move_count; i += 5) {
            alloc_move *move = &out.moves[i], right = *move;
            move->to = (alloc_place){ALLOC_REG, move->type >= IR_F32 ? ALLOC_VECTOR + 14u : 14u};
            tried++;
            found += !accepts(&m, &t, &out);
            *move = right;
        }
        end(&m);
    }
    CHECK(tried > 500);
    /* Some are of use on no path: an edge's load of what the loop then does not reach. */
    CHECK(found > tried * 8 / 10);
}

/* ---- forms whose code is known ---- */

static unsigned moves_in(const maker *m, const alloc_outcome *out, uint32_t block)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < out->move_count; i++)
        count += m->f.instrs[out->moves[i].before].block == block;
    return count;
}

TEST(a_loop_counter_does_not_move)
{
    static maker m;
    alloc_target t = target_of(6, 4);
    alloc_outcome out;
    t.baton = &t;
    begin(&m);
    open_block(&m);
    ir_ref start = add(&m, IR_PARAM, IR_I64, 0, 0, 0);
    ir_ref limit = add(&m, IR_PARAM, IR_I64, 0, 0, 0);
    ir_ref called = add(&m, IR_CALL, IR_VOID, 0, 0, 0);
    m.f.instrs[called].extra = list(&m, NULL, 0);
    add(&m, IR_BR, IR_VOID, 0, 0, 0);
    m.depth = 1;
    m.loop = 1;
    uint32_t loop = open_block(&m);
    m.f.blocks[loop].is_loop_header = true;
    edge(&m, 0, loop);
    ir_ref counter = phi(&m, IR_I64, start, 0);
    ir_ref step = add(&m, WORK, IR_I64, counter, limit, 0);
    m.f.instrs[step].imm = SAME;
    ir_list_items(&m.f, m.f.instrs[counter].extra)[1] = step;
    add(&m, IR_BR_IF, IR_VOID, step, 0, 0);
    uint32_t back = open_block(&m);
    edge(&m, loop, back);
    edge(&m, back, loop);
    add(&m, IR_BR, IR_VOID, 0, 0, 0);
    m.depth = 0;
    m.loop = 0;
    uint32_t after = open_block(&m);
    edge(&m, loop, after);
    ir_ref last = add(&m, IR_RETURN, IR_VOID, 0, 0, 0);
    m.f.instrs[last].extra = list(&m, &step, 1);
    REQUIRE(allocate(&m.f, &t, &out) == WASM_OK);
    CHECK(accepts(&m, &t, &out));
    CHECK_EQ_UINT(moves_in(&m, &out, loop), 0);
    CHECK_EQ_UINT(moves_in(&m, &out, back), 0);
    end(&m);
}

TEST(a_swap_in_a_loop_goes_through_the_scratch_register)
{
    static maker m;
    alloc_target t = target_of(6, 4);
    alloc_outcome out;
    t.baton = &t;
    begin(&m);
    open_block(&m);
    ir_ref a = add(&m, IR_PARAM, IR_I64, 0, 0, 0), b = add(&m, IR_PARAM, IR_I64, 0, 0, 0);
    add(&m, IR_BR, IR_VOID, 0, 0, 0);
    m.depth = m.loop = 1;
    uint32_t loop = open_block(&m);
    m.f.blocks[loop].is_loop_header = true;
    edge(&m, 0, loop);
    ir_ref x = phi(&m, IR_I64, a, 0), y = phi(&m, IR_I64, b, x);
    ir_list_items(&m.f, m.f.instrs[x].extra)[1] = y;
    add(&m, IR_BR_IF, IR_VOID, x, 0, 0);
    uint32_t back = open_block(&m);
    edge(&m, loop, back);
    edge(&m, back, loop);
    add(&m, IR_BR, IR_VOID, 0, 0, 0);
    m.depth = m.loop = 0;
    edge(&m, loop, open_block(&m));
    ir_ref last = add(&m, IR_RETURN, IR_VOID, 0, 0, 0);
    m.f.instrs[last].extra = list(&m, &y, 1);
    REQUIRE(allocate(&m.f, &t, &out) == WASM_OK);
    CHECK(accepts(&m, &t, &out));
    CHECK_EQ_UINT(moves_in(&m, &out, back), 3);
    CHECK_EQ_UINT(out.spill_bytes, 0);
    end(&m);
}

TEST(a_value_across_a_call_is_stored_once_and_comes_back_when_used)
{
    static maker m;
    alloc_target t = target_of(6, 4);
    alloc_outcome out;
    t.baton = &t;
    begin(&m);
    open_block(&m);
    ir_ref a = add(&m, IR_PARAM, IR_I64, 0, 0, 0);
    for (unsigned i = 0; i < 2; i++) {
        ir_ref call = add(&m, IR_CALL, IR_VOID, 0, 0, 0);
        m.f.instrs[call].extra = list(&m, NULL, 0);
    }
    ir_ref used = add(&m, WORK, IR_I64, a, 0, 0);
    ir_ref last = add(&m, IR_RETURN, IR_VOID, 0, 0, 0);
    m.f.instrs[last].extra = list(&m, &used, 1);
    REQUIRE(allocate(&m.f, &t, &out) == WASM_OK);
    CHECK(accepts(&m, &t, &out));
    REQUIRE(out.move_count >= 2);
    CHECK_EQ_INT(out.moves[0].to.kind, ALLOC_SLOT);
    CHECK_EQ_UINT(out.moves[1].before, used);
    CHECK_EQ_INT(out.moves[1].from.kind, ALLOC_SLOT);
    CHECK_EQ_UINT(out.spill_bytes, 8);
    end(&m);
}

TEST(a_small_quota_ends_in_a_status)
{
    static maker m;
    alloc_target t = target_of(3, 2);
    t.baton = &t;
    unsigned refused = 0;
    for (size_t more = 0; more < 200000; more += 9000) {
        alloc_outcome out;
        make_function(&m, 7);
        m.quota.limit = m.quota.used + more;
        wasm_status status = allocate(&m.f, &t, &out);
        CHECK(status == WASM_OK || status == WASM_E_QUOTA);
        CHECK_EQ_INT(status, m.f.status);
        refused += status != WASM_OK;
        end(&m);
    }
    CHECK(refused > 0);
}
