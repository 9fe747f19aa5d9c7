/* SPDX-License-Identifier: Apache-2.0
 * build_inline.c — the body of a tiny function in place of a call of it.
 *
 * Why:     A call costs ten instructions around the callee's two or three, where that is an
 *          accessor or forwards to another; and what the callee computes is nothing that the
 *          passes could have together with what the caller does.
 * How:     The callee's body is walked by the validator like any other, with a sink that writes to
 *          where the caller's code stands (build_impl.h says what its variables are). Whether a
 *          function is one for that depends on its bytes alone: a body of a few bytes, valid, of
 *          instructions that become a few of the machine's, without loops. That is found out when
 *          a call is met first, by a walk that writes nothing, and kept. A body that is not valid
 *          is called, so that its error is found in its own turn, as if nobody had looked.
 *
 *          What can be observed does not change. The body charges its fuel when it is reached, by a
 *          poll like the one at a function's entry. Its instructions know where they are and in
 *          place of which call (IR_INLINED), so a trap shows the frames that there would have been.
 *          A function is not built in place within itself, bodies in bodies are INLINE_DEPTH deep,
 *          and what a function takes in is bounded (inline_left): a module whose functions call
 *          one another all over is compiled in time linear in its size.
 * Memory:  the builder's.
 * Threads: one for each builder; each comes to the same verdicts.
 */
#include <string.h>

#include "build_impl.h"
#include "report.h"

/* Why these: RATIONALE, "Which calls does the compiler build in place?" */
enum { BODY_BYTES = 32, LOCALS_MAX = 4 };

/* LEAF: tiny, and calls nothing. OVER: tiny, and all that it calls is LEAF. */
typedef enum verdict { UNKNOWN, LEAF, OVER, LARGE } verdict;

/* ---- who is tiny ----------------------------------------------------------------------------- */

typedef struct look {
    builder *b;
    bool fits;
    uint32_t depth; /* of looks at what is called by what is looked at */
    bool calls;
} look;

static verdict verdict_of(builder *b, uint32_t func, uint32_t depth);

static wasm_status look_begin(void *baton, const validate_locals *locals, wasm_report *report)
{
    look *l = baton;
    const wasm_functype *type = locals->type;

    (void)report;
    l->fits = locals->local_count - type->param_count <= LOCALS_MAX &&
              !build_any_objects(locals->locals, locals->local_count) &&
              !build_any_objects(type->results, type->result_count);
    for (uint32_t i = type->param_count; i < locals->local_count && l->fits; i++)
        l->fits = locals->locals[i] != WASM_V128; /* whose zero not every function has */
    return WASM_OK;
}

static wasm_status look_op(void *baton, const validate_op *op, wasm_report *report)
{
    look *l = baton;

    (void)report;
    l->fits &= !build_is_object(op);
    switch (op->op) {
    case OP_NOP:
    case OP_UNREACHABLE:
    case OP_BLOCK:
    case OP_IF:
    case OP_ELSE:
    case OP_END:
    case OP_BR:
    case OP_BR_IF:
    case OP_RETURN:
    case OP_DROP:
    case OP_SELECT:
    case OP_SELECT_T:
    case OP_LOCAL_GET:
    case OP_LOCAL_SET:
    case OP_LOCAL_TEE:
    case OP_GLOBAL_GET:
    case OP_GLOBAL_SET: break;
    case OP_CALL:
        l->calls = true;
        l->fits = l->fits && l->depth == 0 && verdict_of(l->b, op->index, 1) == LEAF;
        break;
    default:
        l->fits &= !(isa_describe(op->op)->flags & (ISA_CONTROL | ISA_ENDS)) &&
                   l->b->rows[op->op].is_there;
        break;
    }
    return WASM_OK;
}

static validate_scratch *scratch_for(builder *b, uint32_t depth)
{
    validate_scratch **one = &b->inner[depth];

    if (!*one && b->status == WASM_OK)
        b->status = validate_scratch_new(b->module, one);
    return *one;
}

/* `depth` scratches are in use, by bodies or looks around this one. */
static verdict look_at(builder *b, uint32_t func, uint32_t depth)
{
    look l = {.b = b, .depth = depth};
    const validate_sink sink = {.begin = look_begin, .op = look_op, .baton = &l, .beside = true};
    validate_scratch *scratch = scratch_for(b, depth);
    wasm_report report = {0};
    wasm_status status =
        scratch ? validate_body(b->module, func, scratch, &sink, &report) : b->status;

    if (status == WASM_E_QUOTA || status == WASM_E_NO_MEMORY) {
        b->status = status;
        return UNKNOWN;
    }
    if (status != WASM_OK)
        return LARGE;
    if (depth > 0 && l.calls)
        return UNKNOWN; /* no LEAF; more is not asked */
    return !l.fits ? LARGE : l.calls ? OVER : LEAF;
}

static verdict verdict_of(builder *b, uint32_t func, uint32_t depth)
{
    if (func < b->module->func_import_count || b->module->funcs[func].code.length > BODY_BYTES)
        return LARGE;
    if (!b->verdicts) {
        b->verdicts = quota_realloc(&b->module->quota, NULL, 0, b->module->func_count);
        if (!b->verdicts) {
            b->status = WASM_E_QUOTA;
            return UNKNOWN;
        }
        memset(b->verdicts, UNKNOWN, b->module->func_count);
    }
    if (b->verdicts[func] == UNKNOWN)
        b->verdicts[func] = (uint8_t)look_at(b, func, depth);
    return (verdict)b->verdicts[func];
}

/* ---- in place -------------------------------------------------------------------------------- */

typedef struct inlined {
    builder *b;
    uint32_t func;
    uint32_t call; /* its `at` */
    ir_ref poll;
} inlined;

/* For ir_instr.at. */
static uint32_t place_of(const inlined *in, uint64_t offset)
{
    ir_func *f = in->b->f;
    uint32_t list = ir_list(f, 2);

    if (!list)
        return 0;
    ir_list_items(f, list)[0] = (uint32_t)offset;
    ir_list_items(f, list)[1] = in->call;
    return IR_INLINED | list;
}

static wasm_status inlined_begin(void *baton, const validate_locals *locals, wasm_report *report)
{
    inlined *in = baton;
    builder *b = in->b;

    (void)report;
    b->at = place_of(in, b->module->funcs[in->func].code.offset);
    b->first_local = b->first_place + b->height;
    b->first_place += locals->local_count;
    for (uint32_t i = 0; i < locals->local_count; i++)
        build_write(b, b->first_local + i,
                    i < locals->type->param_count ? b->stack[b->height + i]
                                                  : b->zero[ir_type_of(locals->locals[i])]);
    in->poll = build_poll(b);
    b->cost = build_locals_cost(locals);
    build_begin(b, FRAME_INLINE, locals->type);
    return b->status;
}

static wasm_status inlined_op(void *baton, const validate_op *op, wasm_report *report)
{
    inlined *in = baton;
    builder *b = in->b;

    if (op->op != OP_END && op->op != OP_ELSE)
        b->cost++;
    b->at = place_of(in, op->offset);
    build_one(b, op);
    if (b->status != WASM_OK || b->f->status != WASM_OK)
        return report_fail(report, b->status != WASM_OK ? b->status : b->f->status, op->offset,
                           in->func, "compiling it");
    return WASM_OK;
}

static void build_body(builder *b, uint32_t func)
{
    inlined in = {.b = b, .func = func, .call = b->at};
    const validate_sink sink = {
        .begin = inlined_begin, .op = inlined_op, .baton = &in, .beside = true};
    const uint32_t body = b->body, cost = b->cost;
    const uint32_t first_local = b->first_local, first_place = b->first_place;
    validate_scratch *scratch = scratch_for(b, b->chain_length);
    wasm_report report = {0};
    wasm_status status;

    if (!scratch)
        return;
    b->chain[b->chain_length++] = func;
    status = validate_body(b->module, func, scratch, &sink, &report);
    if (status == WASM_OK)
        build_set_cost(b, in.poll);
    else if (b->status == WASM_OK)
        b->status = status;
    b->chain_length--;
    b->at = in.call;
    b->body = body;
    b->cost = cost;
    b->first_local = first_local;
    b->first_place = first_place;
    b->f->has_inlined = true;
}

/* It is being built, as the function itself or in place of a call. */
static bool is_open(const builder *b, uint32_t func)
{
    bool open = func == b->f->index;

    for (uint32_t i = 0; i < b->chain_length && !open; i++)
        open = func == b->chain[i];
    return open;
}

bool build_inline(builder *b, const validate_op *op)
{
    const uint32_t func = op->index;
    const uint64_t length = b->module->funcs[func].code.length;
    verdict v;

    if (length > b->inline_left || b->chain_length == INLINE_DEPTH || is_open(b, func) ||
        op->block->param_count > b->height)
        return false;
    v = verdict_of(b, func, b->chain_length);
    if (v != LEAF && v != OVER)
        return false;
    b->inline_left -= (uint32_t)length;
    b->height -= op->block->param_count;
    build_body(b, func);
    return true;
}

void build_inline_free(builder *b)
{
    for (unsigned i = 0; i < INLINE_DEPTH; i++)
        validate_scratch_free(b->inner[i]);
    if (b->verdicts)
        quota_free(&b->module->quota, b->verdicts, b->module->func_count);
}
