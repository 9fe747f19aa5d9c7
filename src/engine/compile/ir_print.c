/* SPDX-License-Identifier: Apache-2.0
 * ir_print.c — a function as text: for tests and for people.
 *
 * How:     A line a block ("block 3 <- 1 2 loop"), a line an instruction ("  v7 = i32.add v3 v5").
 * Memory:  none but a line on the stack, which cuts what is longer.
 * Threads: any that may read f.
 */
#include "ir.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

typedef struct text {
    char bytes[400];
    size_t length;
} text;

static void put(text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(text *t, const char *format, ...)
{
    va_list values;
    int n;

    va_start(values, format);
    n = vsnprintf(t->bytes + t->length, sizeof t->bytes - t->length, format, values);
    va_end(values);
    if (n > 0)
        t->length += (size_t)n;
    if (t->length >= sizeof t->bytes)
        t->length = sizeof t->bytes - 1;
}

static bool shows_imm(const ir_instr *i)
{
    switch (i->op) {
    case OP_I32_CONST:
    case OP_I64_CONST:
    case OP_F32_CONST:
    case OP_F64_CONST:
    case IR_PARAM:
    case IR_THUNK:
    case IR_BOUNDS:
    case IR_CALL:
    case IR_CALL_HELPER:
    case IR_TAIL_CALL:
    case IR_RESULT:
    case IR_POLL:
    case IR_TRAP_IF:
    case IR_TRAP: return true;
    default: return i->imm != 0;
    }
}

static void print_instr(const ir_func *f, ir_ref r, text *t)
{
    static const char *const types[IR_TYPES] = {"", "i32", "i64", "f32", "f64", "v128"};
    ir_instr *i = &f->instrs[r];
    ir_ref *operand;
    uint32_t count;
    const uint32_t *to;

    t->length = 0;
    if (i->type != IR_VOID)
        put(t, "  v%u:%s = %s", r, types[i->type], ir_text(i->op));
    else
        put(t, "  %s", ir_text(i->op));
    IR_EACH_OPERAND (f, i, operand)
        put(t, " v%u", *operand);
    if (shows_imm(i))
        put(t, " %" PRId64, (int64_t)i->imm);
    if (i->op == IR_PEEK || i->op == IR_POKE)
        put(t, " width %u", i->extra & 0xFF);
    if (i->flags & IR_GUARDED)
        put(t, " guarded");
    if (i->flags & IR_CONSTANT)
        put(t, " constant");
    if (i->flags & IR_UNLIKELY)
        put(t, " unlikely");
    if (i->op == IR_BR || i->op == IR_BR_IF || i->op == IR_BR_TABLE) {
        to = ir_successors(f, i->block, &count);
        for (uint32_t k = 0; k < count; k++)
            put(t, " b%u", to[k]);
    }
}

static void print_block(const ir_func *f, uint32_t b, void (*line)(void *, const char *),
                        void *baton)
{
    text t = {.length = 0};

    put(&t, "block %u", b);
    for (uint32_t p = 0; p < f->blocks[b].pred_count; p++)
        put(&t, "%s %u", p == 0 ? " <-" : "", f->blocks[b].preds[p]);
    if (f->blocks[b].is_loop_header)
        put(&t, " loop");
    if (f->blocks[b].is_cold)
        put(&t, " cold");
    line(baton, t.bytes);
    for (ir_ref r = f->blocks[b].first; r; r = f->instrs[r].next) {
        print_instr(f, r, &t);
        line(baton, t.bytes);
    }
}

void ir_print(const ir_func *f, void (*line)(void *baton, const char *text), void *baton)
{
    for (uint32_t b = 0; b < f->block_count; b++) {
        if (f->blocks[b].first)
            print_block(f, b, line, baton);
    }
}
