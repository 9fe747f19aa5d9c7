/* SPDX-License-Identifier: Apache-2.0
 * build.c — from the validated stream to SSA: variables, and instructions that are what they are.
 *
 * How:     The builder is the sink of validate_body(); build_impl.h says how SSA comes about. What
 *          takes operands and gives a result becomes the isa_op of the same name; the rest is in
 *          build_control.c, build_memory.c and build_calls.c. Fuel is counted as the interpreter
 *          counts it: one unit an instruction but `else` and `end`, and one for eight slots of
 *          locals, charged at the entry and at headers of loops.
 * Limits:  a function of more than FUNCTION_BYTES is declined: what the compiler needs for one
 *          (about 100 bytes for each of Wasm's) would not fit beside the module in its quota.
 * Memory:  the builder's tables are of the module's quota and kept from function to function.
 * Threads: one for each builder.
 */
#include <stddef.h>
#include <string.h>

#include "build_impl.h"
#include "report.h"

enum { FUNCTION_BYTES = 1 << 20, LOCALS_PER_FUEL = 8, PLACES_MIN = 1024 };
/* Of tiny functions in place of their calls: bytes for each function, and one for so many of its
 * own. */
enum { INLINE_BYTES_MIN = 256, INLINE_SHARE = 4, INLINE_BYTES_MAX = 16 * 1024 };

static void fail(builder *b)
{
    if (b->status == WASM_OK)
        b->status = WASM_E_QUOTA;
}

bool build_reserve(builder *b, void **array, uint32_t *capacity, uint64_t need, size_t size)
{
    uint64_t wanted = *capacity ? *capacity : 64;
    void *larger;

    if (need <= *capacity)
        return true;
    while (wanted < need)
        wanted *= 2;
    larger = wanted <= UINT32_MAX / 2
                 ? quota_realloc(&b->module->quota, *array, *capacity * size, (size_t)wanted * size)
                 : NULL;
    if (!larger) {
        fail(b);
        return false;
    }
    memset((char *)larger + *capacity * size, 0, ((size_t)wanted - *capacity) * size);
    *array = larger;
    *capacity = (uint32_t)wanted;
    return true;
}

/* ---- instructions ---------------------------------------------------------------------------- */

void build_push(builder *b, ir_ref value)
{
    void *stack = b->stack;

    if (build_reserve(b, &stack, &b->stack_capacity, (uint64_t)b->height + 1, sizeof *b->stack)) {
        b->stack = stack;
        b->stack[b->height++] = value;
    }
}

ir_ref build_pop(builder *b)
{
    return b->height > 0 ? b->stack[--b->height] : 0;
}

ir_ref build_op(builder *b, unsigned op, ir_type type, ir_ref x, ir_ref y, ir_ref z, uint64_t imm)
{
    return ir_append(b->f, b->block, op, type, x, y, z, imm, b->at);
}

ir_ref build_i32(builder *b, uint32_t value)
{
    return build_op(b, OP_I32_CONST, IR_I32, 0, 0, 0, value);
}

ir_ref build_i64(builder *b, uint64_t value)
{
    return build_op(b, OP_I64_CONST, IR_I64, 0, 0, 0, value);
}

ir_ref build_peek(builder *b, ir_type type, ir_ref from, uint64_t offset, unsigned width,
                  ir_alias alias, bool constant)
{
    ir_ref r = build_op(b, IR_PEEK, type, from, 0, 0, offset);

    b->f->instrs[r].extra = IR_ACCESS(width, alias);
    if (constant)
        b->f->instrs[r].flags |= IR_CONSTANT;
    return r;
}

void build_poke(builder *b, ir_ref at, uint64_t offset, ir_ref value, unsigned width,
                ir_alias alias)
{
    ir_ref r = build_op(b, IR_POKE, IR_VOID, at, value, 0, offset);

    b->f->instrs[r].extra = IR_ACCESS(width, alias);
}

ir_ref build_poll(builder *b)
{
    return b->options.unwatched ? 0 : build_op(b, IR_POLL, IR_VOID, b->store, 0, 0, 0);
}

void build_set_cost(builder *b, ir_ref poll)
{
    if (!b->options.unwatched)
        b->f->instrs[poll].imm = b->cost;
}

void build_trap_if(builder *b, ir_ref condition, wasm_status status)
{
    build_op(b, IR_TRAP_IF, IR_VOID, condition, 0, 0, (uint64_t)status);
}

/* ---- variables ------------------------------------------------------------------------------- */

/* Without memory: the entry, so that what is written about the block until somebody looks at the
 * status goes to where there is room. */
uint32_t build_block(builder *b, bool is_sealed)
{
    const uint32_t block = ir_block_new(b->f);
    const uint64_t need = (uint64_t)block + 1;
    void *sealed = b->sealed, *loops = b->loop_frame, *defined = b->defined;

    if (build_reserve(b, &sealed, &b->sealed_capacity, need, sizeof *b->sealed))
        b->sealed = sealed;
    if (build_reserve(b, &loops, &b->loop_frame_capacity, need, sizeof *b->loop_frame))
        b->loop_frame = loops;
    if (build_reserve(b, &defined, &b->defined_capacity, need, sizeof *b->defined))
        b->defined = defined;
    if (b->status != WASM_OK)
        return 0;
    b->sealed[block] = is_sealed;
    b->defined[block] = 0;
    return block;
}

/* Variables with neighbouring numbers share a line of the processor's cache in each block: most of
 * the time goes into waiting for it. Not more of them than NEIGHBOURS stand in a row, or blocks
 * with many would be in each other's way. */
static definition *find(const builder *b, uint32_t block, uint32_t variable)
{
    enum { NEIGHBOURS = 4 };
    uint32_t mask = b->definition_places - 1;
    uint64_t hash = ((uint64_t)block << 32 | variable / NEIGHBOURS) * 0x9E3779B97F4A7C15u;
    uint32_t place = (((uint32_t)(hash >> 32) * NEIGHBOURS) + variable % NEIGHBOURS) & mask;

    while (b->definitions[place].stamp == b->stamp &&
           (b->definitions[place].block != block || b->definitions[place].variable != variable))
        place = (place + 1) & mask;
    return &b->definitions[place];
}

/* All places are free again. */
static void forget_definitions(builder *b)
{
    if (++b->stamp == 0) {
        memset(b->definitions, 0, b->definition_capacity * sizeof *b->definitions);
        b->stamp = 1;
    }
}

/* Twice as many places, in a larger table if need be; the definitions of this function move. */
static bool more_definitions(builder *b)
{
    quota *q = &b->module->quota;
    uint32_t count = b->definition_count, places = b->definition_places * 2, kept = 0;
    uint32_t capacity = b->definition_capacity;
    definition *all = quota_realloc(q, NULL, 0, (count + 1u) * sizeof *all), *table;

    if (!all || places == 0) {
        quota_free(q, all, (count + 1u) * sizeof *all);
        fail(b);
        return false;
    }
    for (uint32_t i = 0; i < b->definition_places && kept < count; i++) {
        if (b->definitions[i].stamp == b->stamp)
            all[kept++] = b->definitions[i];
    }
    if (places > capacity) {
        table = quota_realloc(q, b->definitions, capacity * sizeof *table, places * sizeof *table);
        if (!table) {
            quota_free(q, all, (count + 1u) * sizeof *all);
            fail(b);
            return false;
        }
        memset(table + capacity, 0, (places - capacity) * sizeof *table);
        b->definitions = table;
        b->definition_capacity = places;
    }
    b->definition_places = places;
    forget_definitions(b);
    for (uint32_t i = 0; i < kept; i++) {
        all[i].stamp = b->stamp;
        *find(b, all[i].block, all[i].variable) = all[i];
    }
    quota_free(q, all, (count + 1u) * sizeof *all);
    return true;
}

/* In b->defined. */
static uint64_t defined_bit(uint32_t variable)
{
    return (uint64_t)1 << variable % 64;
}

static void define(builder *b, uint32_t block, uint32_t variable, ir_ref value)
{
    definition *d;

    if (b->definition_count >= b->definition_places / 2 && !more_definitions(b))
        return;
    if (block >= b->defined_capacity)
        return; /* not even the entry has been made */
    b->defined[block] |= defined_bit(variable);
    d = find(b, block, variable);
    b->definition_count += d->stamp != b->stamp;
    *d = (definition){b->stamp, block, variable, value};
}

void build_go(builder *b, uint32_t block, bool follows)
{
    b->block = block;
    if (follows)
        return;
    if (++b->way == 0) {
        memset(b->known, 0, b->known_capacity * sizeof *b->known);
        b->way = 1;
    }
}

/* From here on the local is `value`; what other variables are is asked for once at most. */
static void know(builder *b, uint32_t variable, ir_ref value)
{
    if (variable < b->locals.local_count && variable < b->known_capacity)
        b->known[variable] = (known_local){b->way, value};
}

void build_write(builder *b, uint32_t variable, ir_ref value)
{
    define(b, b->block, variable, value);
    know(b, variable, value);
}

/* A phi whose operands are found later, in the list that begins with *list. */
static ir_ref phi_new(builder *b, uint32_t block, uint32_t variable, ir_type type, uint32_t *list)
{
    ir_ref first = b->f->blocks[block].first, phi;
    void *waiting = b->waiting;

    phi = first ? ir_insert(b->f, first, IR_PHI, type, 0, 0, 0, 0, 0)
                : ir_append(b->f, block, IR_PHI, type, 0, 0, 0, 0, 0);
    define(b, block, variable, phi);
    if (!build_reserve(b, &waiting, &b->waiting_capacity, (uint64_t)b->waiting_count + 1,
                       sizeof *b->waiting))
        return phi;
    b->waiting = waiting;
    b->waiting[b->waiting_count] = (waiting_phi){phi, variable, *list};
    *list = ++b->waiting_count; /* one more than its index: 0 ends the list */
    return phi;
}

static ir_ref read_at(builder *b, uint32_t start, uint32_t variable, ir_type type, uint32_t *list)
{
    uint32_t block = start;
    ir_ref value;

    for (;;) {
        const ir_block *in = &b->f->blocks[block];

        if (b->defined[block] & defined_bit(variable)) {
            const definition *d = find(b, block, variable);

            if (d->stamp == b->stamp) {
                value = d->value;
                break;
            }
        }
        if (!b->sealed[block]) {
            value = phi_new(b, block, variable, type, &b->frames[b->loop_frame[block]].phis);
            break;
        }
        if (in->pred_count == 0) {
            value = b->zero[type];
            break;
        }
        if (in->pred_count > 1) {
            value = phi_new(b, block, variable, type, list);
            break;
        }
        block = in->preds[0];
    }
    if (block != start)
        define(b, start, variable, value);
    return value;
}

/* Operands for the phis in the list, and for those that come up meanwhile. */
static void fill_phis(builder *b, uint32_t list)
{
    while (list && b->status == WASM_OK && b->f->status == WASM_OK) {
        waiting_phi w = b->waiting[list - 1];
        uint32_t block = b->f->instrs[w.phi].block, count = b->f->blocks[block].pred_count;
        uint32_t operands = ir_list(b->f, count);

        list = w.next;
        b->f->instrs[w.phi].extra = operands;
        for (uint32_t i = 0; i < count && b->f->status == WASM_OK; i++) {
            ir_ref value = read_at(b, b->f->blocks[block].preds[i], w.variable,
                                   (ir_type)b->f->instrs[w.phi].type, &list);

            ir_list_items(b->f, operands)[i] = value;
        }
    }
}

ir_ref build_read(builder *b, uint32_t variable, ir_type type)
{
    uint32_t list = 0;
    ir_ref value;

    if (b->status != WASM_OK || b->f->status != WASM_OK)
        return 0;
    if (variable < b->locals.local_count && variable < b->known_capacity &&
        b->known[variable].way == b->way)
        return b->known[variable].value;
    value = read_at(b, b->block, variable, type, &list);
    fill_phis(b, list);
    know(b, variable, value);
    return value;
}

void build_seal_loop(builder *b, frame *loop)
{
    uint32_t list = loop->phis;

    b->sealed[loop->label] = true;
    loop->phis = 0;
    fill_phis(b, list);
}

/* ---- what is what it is ---------------------------------------------------------------------- */

static void build_select(builder *b)
{
    ir_ref condition = build_pop(b), second = build_pop(b), first = build_pop(b);

    build_push(
        b, build_op(b, OP_SELECT, (ir_type)b->f->instrs[first].type, first, second, condition, 0));
}

/* The sixteen bytes of a vector constant, or the lanes of a shuffle. */
static void give_bytes(builder *b, ir_ref r, const uint8_t *bytes)
{
    uint32_t list = ir_list(b->f, 4);

    if (!list)
        return;
    memcpy(ir_list_items(b->f, list), bytes, 16);
    b->f->instrs[r].extra = list;
}

/* What building needs of the rows, which are read once for all functions. */
static void read_rows(builder *b)
{
    for (unsigned op = 0; op < OP_COUNT; op++) {
        const isa_row *row = isa_describe((isa_op)op);
        const bool accesses = row->flags & (ISA_LOAD | ISA_STORE);
        size_t count = strcspn(row->sig, ":");
        wasm_valtype result = row->sig[count] ? isa_letter_type(row->sig[count + 1]) : 0;

        if (row->sig[0] == '*' || (row->flags & ISA_ATOMIC) || count > (accesses ? 2 : 3) ||
            (!accesses && !result) || !b->options.target->has((isa_op)op))
            continue;
        b->rows[op] =
            (build_row){.is_there = true,
                        .has_lane = row->imm == ISA_IMM_LANE || row->imm == ISA_IMM_MEMARG_LANE,
                        .operands = (uint8_t)count,
                        .type = (uint8_t)(result ? ir_type_of(result) : IR_VOID)};
    }
}

static void build_plain(builder *b, const validate_op *op)
{
    const build_row row = b->rows[op->op];
    ir_ref arg[3] = {0}, r;

    if (!row.is_there) {
        b->declined = true;
        return;
    }
    for (uint32_t i = row.operands; i > 0; i--)
        arg[i - 1] = build_pop(b);
    r = build_op(b, op->op, (ir_type)row.type, arg[0], arg[1], arg[2], op->value);
    if (row.has_lane)
        b->f->instrs[r].extra = (uint32_t)op->value;
    if (op->bytes)
        give_bytes(b, r, op->bytes);
    build_push(b, r);
}

void build_one(builder *b, const validate_op *op)
{
    ir_ref r;

    switch (op->op) {
    case OP_NOP: break;
    case OP_DROP: build_pop(b); break;
    case OP_SELECT:
    case OP_SELECT_T: build_select(b); break;
    case OP_LOCAL_GET:
        build_push(b, build_read(b, b->first_local + op->index, ir_type_of(op->type)));
        break;
    case OP_LOCAL_SET: build_write(b, b->first_local + op->index, build_pop(b)); break;
    case OP_LOCAL_TEE:
        if (b->height > 0)
            build_write(b, b->first_local + op->index, b->stack[b->height - 1]);
        break;
    case OP_GLOBAL_GET:
    case OP_GLOBAL_SET: build_global(b, op); break;
    case OP_REF_NULL: build_push(b, build_i64(b, 0)); break;
    case OP_REF_FUNC: build_push(b, build_func_ref(b, op->index)); break;
    case OP_REF_IS_NULL:
        r = build_pop(b);
        build_push(b, build_op(b, OP_I64_EQZ, IR_I32, r, 0, 0, 0));
        break;
    case OP_REF_AS_NON_NULL:
        if (b->height == 0)
            break;
        r = b->stack[b->height - 1];
        build_trap_if(b, build_op(b, OP_I64_EQZ, IR_I32, r, 0, 0, 0), WASM_E_NULL_REFERENCE);
        break;
    case OP_MEMORY_SIZE:
    case OP_MEMORY_GROW:
    case OP_MEMORY_FILL:
    case OP_MEMORY_COPY:
    case OP_MEMORY_INIT:
    case OP_DATA_DROP:
    case OP_TABLE_GROW:
    case OP_TABLE_FILL:
    case OP_TABLE_COPY:
    case OP_TABLE_INIT:
    case OP_ELEM_DROP: build_bulk(b, op); break;
    case OP_TABLE_GET:
    case OP_TABLE_SET:
    case OP_TABLE_SIZE: build_table(b, op); break;
    case OP_CALL:
    case OP_CALL_INDIRECT:
    case OP_CALL_REF:
    case OP_RETURN_CALL:
    case OP_RETURN_CALL_INDIRECT:
    case OP_RETURN_CALL_REF: build_call(b, op); break;
    default: {
        unsigned flags = isa_describe(op->op)->flags;

        if (flags & (ISA_LOAD | ISA_STORE))
            build_access(b, op);
        else if (flags & (ISA_CONTROL | ISA_ENDS))
            build_control(b, op);
        else
            build_plain(b, op);
        break;
    }
    }
}

/* ---- a function ------------------------------------------------------------------------------ */

bool build_any_objects(const wasm_valtype *types, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (module_is_object(types[i]))
            return true;
    }
    return false;
}

bool build_is_object(const validate_op *op)
{
    return isa_describe(op->op)->feature == WASM_FEATURE_GC || module_is_object(op->type) ||
           (op->block && (build_any_objects(op->block->params, op->block->param_count) ||
                          build_any_objects(op->block->results, op->block->result_count)));
}

uint32_t build_locals_cost(const validate_locals *locals)
{
    uint32_t slots = 0;

    for (uint32_t i = locals->type->param_count; i < locals->local_count; i++)
        slots += type_slots(locals->locals[i]);
    return slots / LOCALS_PER_FUEL;
}

static wasm_status status_of(const builder *b)
{
    return b->status != WASM_OK ? b->status : b->f->status;
}

static wasm_status sink_begin(void *baton, const validate_locals *locals, wasm_report *report)
{
    builder *b = baton;
    void *known = b->known;

    (void)report;
    b->locals = *locals;
    b->declined = build_any_objects(locals->locals, locals->local_count) ||
                  build_any_objects(locals->type->results, locals->type->result_count);
    b->at = (uint32_t)b->module->funcs[locals->func].code.offset;
    b->cost = build_locals_cost(locals);
    b->first_place = locals->local_count;
    if (build_reserve(b, &known, &b->known_capacity, locals->local_count, sizeof *b->known))
        b->known = known;
    build_block(b, true);
    for (uint32_t i = 0; i < locals->type->param_count; i++)
        build_write(b, i, build_op(b, IR_PARAM, ir_type_of(locals->locals[i]), 0, 0, 0, i));
    b->instance = build_op(b, IR_INSTANCE, IR_I64, 0, 0, 0, 0);
    b->store = build_peek(b, IR_I64, b->instance, offsetof(wasm_instance, store), 8,
                          IR_ALIAS_INSTANCE, true);
    b->entry_poll = build_poll(b);
    b->zero[IR_I32] = build_i32(b, 0);
    b->zero[IR_I64] = build_i64(b, 0);
    b->zero[IR_F32] = build_op(b, OP_F32_CONST, IR_F32, 0, 0, 0, 0);
    b->zero[IR_F64] = build_op(b, OP_F64_CONST, IR_F64, 0, 0, 0, 0);
    for (uint32_t i = 0; i < locals->local_count; i++) {
        if (locals->locals[i] == WASM_V128 && !b->zero[IR_V128]) {
            static const uint8_t none[16];

            b->zero[IR_V128] = build_op(b, OP_V128_CONST, IR_V128, 0, 0, 0, 0);
            give_bytes(b, b->zero[IR_V128], none);
        }
    }
    build_begin(b, FRAME_FUNC, locals->type);
    return status_of(b);
}

static wasm_status sink_op(void *baton, const validate_op *op, wasm_report *report)
{
    builder *b = baton;

    if (b->declined)
        return WASM_OK;
    if (op->op != OP_END && op->op != OP_ELSE)
        b->cost++;
    b->op = op->op;
    b->at = (uint32_t)op->offset;
    if (build_is_object(op)) {
        b->declined = true;
        return WASM_OK;
    }
    build_one(b, op);
    if (status_of(b) != WASM_OK)
        return report_fail(report, status_of(b), op->offset, b->locals.func, "compiling it");
    return WASM_OK;
}

/* As many places as a body of that length is likely to need: in a table that a large function has
 * left, those of a small one would be far apart. */
static void reset(builder *b, ir_func *f, uint64_t length)
{
    const uint64_t room = INLINE_BYTES_MIN + length / INLINE_SHARE;

    ir_expect(f, length);
    b->f = f;
    b->status = WASM_OK;
    b->declined = false;
    b->height = b->depth = b->waiting_count = b->definition_count = 0;
    build_go(b, 0, false);
    b->tail_room = 0;
    f->tail_room = b->options.tail_room;
    b->definition_places = PLACES_MIN;
    while (b->definition_places < length / 2 && b->definition_places < b->definition_capacity)
        b->definition_places *= 2;
    b->body = b->first_local = b->first_place = b->chain_length = 0;
    b->inline_left = room < INLINE_BYTES_MAX ? (uint32_t)room : INLINE_BYTES_MAX;
    memset(b->zero, 0, sizeof b->zero);
    forget_definitions(b);
}

wasm_status build_function(builder *b, uint32_t func, ir_func *f, bool *declined,
                           wasm_report *report)
{
    validate_sink sink = {.begin = sink_begin, .op = sink_op, .baton = b};
    wasm_status status;

    *declined = false;
    b->op = OP_COUNT;
    if (b->module->funcs[func].code.length > FUNCTION_BYTES ||
        b->module->funcs[func].code.offset + b->module->funcs[func].code.length > UINT32_MAX) {
        *declined = true;
        return WASM_OK;
    }
    reset(b, f, b->module->funcs[func].code.length);
    f->index = func;
    f->type = module_func_type(b->module, func);
    status = validate_body(b->module, func, b->scratch, &sink, report);
    if (status != WASM_OK)
        return status;
    *declined = b->declined || b->tail_room > b->options.tail_room;
    if (!b->declined && *declined) {
        b->op = b->tail_op;
        if (b->tail_room <= BUILD_TAIL_ROOM_MAX && b->tail_room > b->tail_room_wanted)
            b->tail_room_wanted = b->tail_room;
    }
    if (!*declined)
        build_set_cost(b, b->entry_poll);
    return status_of(b);
}

uint32_t builder_tail_room(const builder *b)
{
    return b->tail_room_wanted;
}

isa_op builder_at(const builder *b)
{
    return b->op;
}

wasm_status builder_new(wasm_module *module, const build_options *options, builder **out)
{
    builder *b = quota_realloc(&module->quota, NULL, 0, sizeof *b);
    wasm_status status;

    *out = NULL;
    if (!b)
        return WASM_E_QUOTA;
    memset(b, 0, sizeof *b);
    b->module = module;
    b->options = *options;
    b->definition_places = PLACES_MIN / 2;
    read_rows(b);
    status = validate_scratch_new(module, &b->scratch);
    if (status == WASM_OK && !more_definitions(b))
        status = b->status;
    if (status != WASM_OK) {
        builder_free(b);
        return status;
    }
    *out = b;
    return WASM_OK;
}

void builder_free(builder *b)
{
    quota *q;

    if (!b)
        return;
    q = &b->module->quota;
    validate_scratch_free(b->scratch);
    build_inline_free(b);
    quota_free(q, b->stack, b->stack_capacity * sizeof *b->stack);
    quota_free(q, b->frames, b->frame_capacity * sizeof *b->frames);
    quota_free(q, b->sealed, b->sealed_capacity * sizeof *b->sealed);
    quota_free(q, b->known, b->known_capacity * sizeof *b->known);
    quota_free(q, b->defined, b->defined_capacity * sizeof *b->defined);
    quota_free(q, b->loop_frame, b->loop_frame_capacity * sizeof *b->loop_frame);
    quota_free(q, b->definitions, b->definition_capacity * sizeof *b->definitions);
    quota_free(q, b->waiting, b->waiting_capacity * sizeof *b->waiting);
    quota_free(q, b, sizeof *b);
}

/* ---- thunks: native.h ------------------------------------------------------------------------ */

static void thunk_begin(builder *b, ir_func *f, const wasm_functype *type, uint32_t index)
{
    reset(b, f, 0);
    f->index = index;
    f->type = type;
    b->at = 0;
    build_block(b, true);
}

static ir_ref *thunk_params(builder *b, const wasm_functype *type)
{
    ir_ref *values = ARENA_ARRAY(b->f->arena, ir_ref, type->param_count + type->result_count + 1u);

    if (!values) {
        fail(b);
        return NULL;
    }
    for (uint32_t i = 0; i < type->param_count; i++)
        values[i] = build_op(b, IR_PARAM, ir_type_of(type->params[i]), 0, 0, 0, i);
    return values;
}

static void thunk_instance(builder *b)
{
    b->instance = build_op(b, IR_INSTANCE, IR_I64, 0, 0, 0, 0);
    b->store = build_peek(b, IR_I64, b->instance, offsetof(wasm_instance, store), 8,
                          IR_ALIAS_INSTANCE, true);
}

/* Arguments into slots, INVOKE, results out of them. */
static wasm_status thunk_outwards(builder *b, const wasm_functype *type, ir_ref *values,
                                  ir_ref callee)
{
    ir_ref args[2], r;
    uint32_t list, slot = 0;

    args[0] = callee;
    args[1] = build_slots_out(b, type, values, false);
    build_helper(b, NATIVE_INVOKE, IR_VOID, args, 2);
    for (uint32_t i = 0; i < type->result_count; i++) {
        ir_type t = ir_type_of(type->results[i]);
        unsigned width = t == IR_V128 ? 16 : t == IR_I32 || t == IR_F32 ? 4 : 8;

        values[i] = build_peek(b, t, args[1], slot * (uint64_t)8, width, IR_ALIAS_SLOT, false);
        slot += type_slots(type->results[i]);
    }
    list = ir_list(b->f, type->result_count);
    if (list)
        memcpy(ir_list_items(b->f, list), values, type->result_count * sizeof *values);
    r = build_op(b, IR_RETURN, IR_VOID, 0, 0, 0, 0);
    b->f->instrs[r].extra = list;
    return status_of(b);
}

wasm_status build_outside_thunk(builder *b, uint32_t type, ir_func *f)
{
    const wasm_functype *t = &b->module->types[type].func;
    ir_ref *values, callee;

    thunk_begin(b, f, t, type);
    values = thunk_params(b, t);
    callee = build_op(b, IR_CALLEE, IR_I64, 0, 0, 0, 0);
    thunk_instance(b);
    return values ? thunk_outwards(b, t, values, callee) : b->status;
}

wasm_status build_function_thunk(builder *b, uint32_t func, ir_func *f)
{
    const wasm_functype *t = module_func_type(b->module, func);
    ir_ref *values;

    thunk_begin(b, f, t, func);
    values = thunk_params(b, t);
    thunk_instance(b);
    return values ? thunk_outwards(b, t, values, build_func_ref(b, func)) : b->status;
}

wasm_status build_entry_thunk(builder *b, uint32_t type, ir_func *f)
{
    static const wasm_valtype words[2] = {WASM_I64, WASM_I64};
    static const wasm_functype entry = {.params = (wasm_valtype *)words, .param_count = 2};
    const wasm_functype *t = &b->module->types[type].func;
    ir_ref slots, code, call, *values;
    uint32_t list, slot = 0;

    thunk_begin(b, f, &entry, type);
    values = ARENA_ARRAY(f->arena, ir_ref, t->param_count + t->result_count + 1u);
    if (!values)
        return WASM_E_QUOTA;
    slots = build_op(b, IR_PARAM, IR_I64, 0, 0, 0, 0);
    code = build_op(b, IR_PARAM, IR_I64, 0, 0, 0, 1);
    for (uint32_t i = 0; i < t->param_count; i++) {
        ir_type p = ir_type_of(t->params[i]);
        unsigned width = p == IR_V128 ? 16 : p == IR_I32 || p == IR_F32 ? 4 : 8;

        values[i] = build_peek(b, p, slots, slot * (uint64_t)8, width, IR_ALIAS_SLOT, false);
        slot += type_slots(t->params[i]);
    }
    list = ir_list(f, t->param_count);
    if (list)
        memcpy(ir_list_items(f, list), values, t->param_count * sizeof *values);
    call = build_op(b, IR_CALL_CODE, t->result_count ? ir_type_of(t->results[0]) : IR_VOID, code,
                    build_i64(b, 0), 0, 0);
    f->instrs[call].extra = list;
    f->has_calls = true;
    values[0] = call;
    for (uint32_t i = 1; i < t->result_count; i++)
        values[i] = build_op(b, IR_RESULT, ir_type_of(t->results[i]), call, 0, 0, i);
    b->store = slots; /* where the results go */
    build_slots_out(b, t, values, true);
    call = build_op(b, IR_RETURN, IR_VOID, 0, 0, 0, 0);
    f->instrs[call].extra = ir_list(f, 0);
    return status_of(b);
}
