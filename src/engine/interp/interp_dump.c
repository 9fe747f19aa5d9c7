/* SPDX-License-Identifier: Apache-2.0
 * interp_dump.c — internal code as text, for the PREPARE trace.
 *
 * How:     A line for each instruction: position in words, file offset if the map knows it, name,
 *          operands. `r3` is a frame slot, `acc` the accumulator of the operand's class, `#` an
 *          immediate; the destination comes first, before `=`. Which fields there are is the layout
 *          in the row; an instruction is recognized by its handler's address.
 * Memory:  the line is on the stack.
 * Threads: any; the module's log is called.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "interp_impl.h"
#include "isa.h"

/* Operand lists are strings of these: d a b c u16[0..3] as slots; A accumulator; i u32[1] as
 * immediate, or word 2 where that of an f64 is; w word 2 as immediate; o u32[1], p u16[3], O word 2
 * as memory offset; n u32[1] as number; x both halves of word 2 as indices; f the function in
 * word 2; t branch target; T table of targets; C cost; F what ENTER says of the frame. Of vectors:
 * e l u16[2], u16[3] as lane; v V u16[0], u16[1] of word 2 as slot and lane; L u16[0] of word 2 as
 * lane; h words 2 and 3 as bytes; q what ACCESS executes. */
typedef struct layout {
    const char *operands;
    uint8_t words;
} layout;

#define LAYOUT_ALU_SS       "d=ab", 2
#define LAYOUT_ALU_SI       "d=ai", 2
#define LAYOUT_ALU_AS       "d=Ab", 2
#define LAYOUT_ALU_AI       "d=Ai", 2
#define LAYOUT_ALU_SA       "d=aA", 2
#define LAYOUT_ALU_IS       "d=ia", 2
#define LAYOUT_ALU_IA       "d=iA", 2
#define LAYOUT_ALU_SS_A     "A=ab", 2
#define LAYOUT_ALU_SI_A     "A=ai", 2
#define LAYOUT_ALU_AS_A     "A=Ab", 2
#define LAYOUT_ALU_AI_A     "A=Ai", 2
#define LAYOUT_ALU_SA_A     "A=aA", 2
#define LAYOUT_ALU_IS_A     "A=ia", 2
#define LAYOUT_ALU_IA_A     "A=iA", 2
#define LAYOUT_ALU_S        "d=a", 2
#define LAYOUT_ALU_A        "d=A", 2
#define LAYOUT_ALU_S_A      "A=a", 2
#define LAYOUT_ALU_A_A      "A=A", 2
#define LAYOUT_BR_SS        "dat", 2
#define LAYOUT_BR_SI        "dwt", 3
#define LAYOUT_BR_AS        "Aat", 2
#define LAYOUT_BR_AI        "Awt", 3
#define LAYOUT_BR_S         "dt", 2
#define LAYOUT_BR_A         "At", 2
#define LAYOUT_LOAD_S       "d=ao", 2
#define LAYOUT_LOAD_A       "d=Ao", 2
#define LAYOUT_LOAD_I       "d=o", 2
#define LAYOUT_LOAD_SS      "d=abp", 2
#define LAYOUT_LOAD_AS      "d=Abp", 2
#define LAYOUT_LOAD_S_A     "A=ao", 2
#define LAYOUT_LOAD_A_A     "A=Ao", 2
#define LAYOUT_LOAD_I_A     "A=o", 2
#define LAYOUT_LOAD_SS_A    "A=abp", 2
#define LAYOUT_LOAD_AS_A    "A=Abp", 2
#define LAYOUT_LOAD_SI      "d=aiO", 3
#define LAYOUT_LOAD_AI      "d=AiO", 3
#define LAYOUT_LOAD_SI_A    "A=aiO", 3
#define LAYOUT_LOAD_AI_A    "A=AiO", 3
#define LAYOUT_LOAD_WS      "d=aO", 3
#define LAYOUT_LOAD_WA      "d=AO", 3
#define LAYOUT_LOAD_WS_A    "A=aO", 3
#define LAYOUT_LOAD_WA_A    "A=AO", 3
#define LAYOUT_LOAD_M       "d=anO", 3
#define LAYOUT_STORE_WSS    "dOa", 3
#define LAYOUT_STORE_WSA    "dOA", 3
#define LAYOUT_STORE_WAS    "AOa", 3
#define LAYOUT_STORE_M      "dnOa", 3
#define LAYOUT_STORE_SSS    "dapb", 2
#define LAYOUT_STORE_SIS    "diOa", 3
#define LAYOUT_READ_S       "d=an", 2
#define LAYOUT_READ_A       "d=An", 2
#define LAYOUT_READ_S_A     "A=an", 2
#define LAYOUT_READ_A_A     "A=An", 2
#define LAYOUT_SLOTS3       "dab", 2
#define LAYOUT_SLOT_TYPE    "dn", 3
#define LAYOUT_TARGET_IMM   "dwt", 3
#define LAYOUT_STORE_SS     "doa", 2
#define LAYOUT_STORE_SA     "doA", 2
#define LAYOUT_STORE_SI     "dow", 3
#define LAYOUT_STORE_AS     "Aoa", 2
#define LAYOUT_STORE_AA     "AoA", 2
#define LAYOUT_STORE_AI     "Aow", 3
#define LAYOUT_STORE_IS     "oa", 2
#define LAYOUT_STORE_IA     "oA", 2
#define LAYOUT_STORE_II     "ow", 3
#define LAYOUT_FRAME        "F", 3
#define LAYOUT_COST         "C", 2
#define LAYOUT_TRACED       "n", TRACE_WORDS
#define LAYOUT_TARGET       "t", 2
#define LAYOUT_TARGETS      "dT", 2
#define LAYOUT_NONE         "", 2
#define LAYOUT_CALL         "df", 3
#define LAYOUT_CALL_INDEX   "dn", 3
#define LAYOUT_CALL_TABLE   "dax", 3
#define LAYOUT_CALL_SLOT    "da", 3
#define LAYOUT_TAIL_SLOT    "dab", 3
#define LAYOUT_TAIL_CALL    "dbf", 3
#define LAYOUT_TAIL_INDEX   "dbx", 3
#define LAYOUT_TAIL_TABLE   "dabx", 3
#define LAYOUT_SLOTS2       "da", 2
#define LAYOUT_SLOTS2_INDEX "dan", 2
#define LAYOUT_SLOTS4       "dabc", 2
#define LAYOUT_SLOT_IMM32   "di", 2
#define LAYOUT_SLOT_IMM64   "dw", 3
#define LAYOUT_SLOT_INDEX   "dn", 2
#define LAYOUT_SLOT_INDEX2  "dx", 3
#define LAYOUT_VECTOR_S     "d=a", 2
#define LAYOUT_VECTOR_A     "d=A", 2
#define LAYOUT_VECTOR_SS    "d=ab", 2
#define LAYOUT_VECTOR_AS    "d=Ab", 2
#define LAYOUT_VECTOR_SA    "d=aA", 2
#define LAYOUT_VECTOR_SI    "d=ai", 2
#define LAYOUT_VECTOR_AI    "d=Ai", 2
#define LAYOUT_VECTOR_SSS   "d=abc", 2
#define LAYOUT_VECTOR_ASS   "d=Abc", 2
#define LAYOUT_VECTOR_SSA   "d=abA", 2
#define LAYOUT_EXTRACT      "d=ae", 2
#define LAYOUT_EXTRACT_A    "A=ae", 2
#define LAYOUT_REPLACE_SS   "d=abl", 2
#define LAYOUT_REPLACE_AS   "d=Abl", 2
#define LAYOUT_REPLACE_SA   "d=aAl", 2
#define LAYOUT_REPLACE_AA   "d=AAl", 2
#define LAYOUT_LOAD_LANE    "d=aovV", 3
#define LAYOUT_STORE_LANE   "doaL", 3
#define LAYOUT_SHUFFLE_SS   "d=abh", 4
#define LAYOUT_SHUFFLE_AS   "d=Abh", 4
#define LAYOUT_SHUFFLE_SA   "d=aAh", 4
#define LAYOUT_SHUFFLE_S    "d=ah", 4
#define LAYOUT_SHUFFLE_A    "d=Ah", 4
#define LAYOUT_SLOT_IMM128  "dh", 4
#define LAYOUT_SLOTS3       "dab", 2
#define LAYOUT_SLOTS5       "dabcv", 3
#define LAYOUT_ACCESS       "dqO", 3

static const layout layouts[IC_COUNT] = {
#define EACH(id, form, text, how, class) [IC_##id##_##form] = {LAYOUT_##how},
#define EACH_PLAIN(id, text, how)        [IC_##id] = {LAYOUT_##how},
#include "icode_each.def"
};

static const char *const names[IC_COUNT] = {
#define EACH(id, form, text, how, class) [IC_##id##_##form] = text,
#define EACH_PLAIN(id, text, how)        [IC_##id] = text,
#include "icode_each.def"
};

/* Forms whose immediate is a word of its own, or two. */
static const uint8_t wide[IC_COUNT] = {
#define WIDE_I32                         0
#define WIDE_I64                         0
#define WIDE_F32                         0
#define WIDE_F64                         1
#define WIDE_V128                        2
#define EACH(id, form, text, how, class) [IC_##id##_##form] = WIDE_##class,
#define EACH_PLAIN(id, text, how)        [IC_##id] = 0,
#include "icode_each.def"
};

static unsigned recognize(const void *const *handlers, const void *handler)
{
    unsigned op = 0;

    while (op < IC_COUNT && handlers[op] != handler)
        op++;
    return op;
}

typedef struct text {
    char *next;
    size_t left;
} text;

static void put(text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(text *t, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(t->next, t->left, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= t->left)
        n = t->left > 0 ? (int)t->left - 1 : 0;
    t->next += n;
    t->left -= (size_t)n;
}

static void put_bytes(text *t, const icode *words)
{
    uint8_t bytes[16];

    memcpy(bytes, words, sizeof bytes);
    for (unsigned i = 0; i < sizeof bytes; i++)
        put(t, "%s%02x", i == 0 ? " #" : i % 4 == 0 ? "_" : "", bytes[i]);
}

/* One operand; returns how many words it adds to the instruction. */
static uint32_t put_operand(text *t, char kind, const icode *pc, uint32_t position, unsigned width)
{
    switch (kind) {
    case '=': put(t, " ="); return 0;
    case 'd': put(t, " r%u", pc[1].u16[0]); return 0;
    case 'a': put(t, " r%u", pc[1].u16[1]); return 0;
    case 'b': put(t, " r%u", pc[1].u16[2]); return 0;
    case 'c': put(t, " r%u", pc[1].u16[3]); return 0;
    case 'A': put(t, " acc"); return 0;
    case 'i': put(t, " #0x%" PRIx64, width == 1 ? pc[2].u64 : pc[1].u32[1]); return width == 1;
    case 'w':
        if (width == 2)
            put_bytes(t, pc + 2);
        else
            put(t, " #0x%" PRIx64, pc[2].u64);
        return width == 2;
    case 'e': put(t, " lane %u", pc[1].u16[2]); return 0;
    case 'l': put(t, " lane %u", pc[1].u16[3]); return 0;
    case 'v': put(t, " r%u", pc[2].u16[0]); return 0;
    case 'V': put(t, " lane %u", pc[2].u16[1]); return 0;
    case 'L': put(t, " lane %u", pc[2].u16[0]); return 0;
    case 'h': put_bytes(t, pc + 2); return 0;
    case 'q':
        put(t, " %s memory %u lane %u", isa_text((isa_op)pc[1].u16[1]), pc[1].u16[2], pc[1].u16[3]);
        return 0;
    case 'o': put(t, " +%u", pc[1].u32[1]); return 0;
    case 'O': put(t, " +%" PRIu64, pc[2].u64); return 0;
    case 'p': put(t, " +%u", pc[1].u16[3]); return 0;
    case 'n': put(t, " %u", pc[1].u32[1]); return 0;
    case 'x': put(t, " %u %u", pc[2].u32[0], pc[2].u32[1]); return 0;
    case 'C': put(t, " cost %u", pc[1].u32[0]); return 0;
    case 'F':
        put(t, " %u slots, cost %u, zero r%u+%u", pc[1].u32[0], pc[1].u32[1], pc[2].u16[0],
            pc[2].u16[1]);
        return 0;
    case 't': put(t, " -> %" PRId64, (int64_t)position + pc[1].i32[1]); return 0;
    case 'T':
        for (uint32_t i = 0; i <= pc[1].u32[1]; i++)
            put(t, " -> %" PRId64, (int64_t)position + pc[2 + i / 2].i32[i % 2]);
        return pc[1].u32[1] / 2 + 1;
    default: return 0;
    }
}

void interp_dump(const wasm_module *module, uint32_t func)
{
    const interp_module *prepared = module->prepared;
    const interp_func *body = &prepared->funcs[func - module->func_import_count];
    const void *const *handlers = interp_handlers();
    char line[256];
    uint32_t position = 0;

    snprintf(line, sizeof line, "function %u: %u words, %u bytes of map", func, body->words,
             body->map_bytes);
    module->log(module->log_baton, WASM_TRACE_PREPARE, line);
    while (position < body->words) {
        const icode *pc = body->code + position;
        unsigned handler = recognize(handlers, pc->handler), op = interp_fused_first(handler);
        uint64_t offset = place_map_find(body->map, body->map_bytes, position, 0, 0);
        uint32_t words;
        text t = {line, sizeof line};

        if (op == IC_COUNT)
            break;
        words = layouts[op].words;
        put(&t, "%6u  ", position);
        if (offset != WASM_NO_OFFSET)
            put(&t, "@%-8" PRIu64, offset);
        else
            put(&t, "%9s", "");
        /* What goes on with the next instruction, or the next two, by itself. */
        put(&t, "%c%-18s", handler >= IC_FUSED ? '+' : ' ', names[op]);
        for (const char *kind = layouts[op].operands; *kind; kind++) {
            if (*kind == 'f')
                put(&t, " function %" PRId64,
                    (int64_t)((const interp_func *)pc[2].pointer - prepared->funcs) +
                        module->func_import_count);
            else
                words += put_operand(&t, *kind, pc, position, wide[op]);
        }
        module->log(module->log_baton, WASM_TRACE_PREPARE, line);
        position += words;
    }
}

void interp_trace(const wasm_module *module, const icode *pc)
{
    uint32_t op = pc[1].u32[0];

    if (op == OP_COUNT)
        module_trace(module, WASM_TRACE_CALLS, "enter function %u", pc[1].u32[1]);
    else
        module_trace(module, WASM_TRACE_INSTRUCTIONS, "function %u @%" PRIu64 ": %s", pc[1].u32[1],
                     pc[2].u64, isa_text((isa_op)op));
}
